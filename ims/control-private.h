/* Inside of ims/control*.c: one call of the control protocol, and the tables of requests. */
#pragma once

#include "ims/control.h"

G_BEGIN_DECLS

/* One request under way. Freed by ims_control_reply() or ims_control_fail(), of which one is called
 * exactly once. */
typedef struct {
    ImsService *service;
    JsonObject *arguments; /* checked against the row's list */
    guint parameter;       /* of the row */
    ImsControlCallback callback;
    gpointer data;
} ImsControlCall;

/**
 * ImsControlRequest: one row of the protocol.
 * @arguments: what it takes: words `name:type`, separated by blanks, with types s (text), i (whole
 * number, not negative), b (true or false) and a (list of texts); `!` after the type: must be there
 */
typedef struct {
    const char *name;
    void (*run)(ImsControlCall *call);
    guint parameter;
    const char *arguments;
} ImsControlRequest;

const ImsControlRequest *ims_control_service_requests(guint *n_out);
const ImsControlRequest *ims_control_recipient_requests(guint *n_out);
const ImsControlRequest *ims_control_account_requests(guint *n_out);
const ImsControlRequest *ims_control_queue_requests(guint *n_out);
const ImsControlRequest *ims_control_explain_requests(guint *n_out);

/* @result: (transfer full) (nullable) */
void ims_control_reply(ImsControlCall *call, JsonNode *result);
/* @result: (transfer full) */
void ims_control_reply_object(ImsControlCall *call, JsonObject *result);
void ims_control_reply_array(ImsControlCall *call, JsonArray *result);
/* @error: (transfer full) */
void ims_control_fail(ImsControlCall *call, GError *error);
void ims_control_fail_argument(ImsControlCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* NULL, 0, FALSE where the argument was not given. */
const char *ims_control_text(ImsControlCall *call, const char *name);
guint64 ims_control_number(ImsControlCall *call, const char *name);
gboolean ims_control_flag(ImsControlCall *call, const char *name);
gboolean ims_control_has(ImsControlCall *call, const char *name);
/* (transfer full) (nullable): NULL-terminated */
char **ims_control_list(ImsControlCall *call, const char *name);

/* ISO 8601 in UTC, null for 0 and G_MAXINT64. */
void ims_control_set_time(JsonObject *object, const char *name, gint64 wall_usec);
/* null for NULL */
void ims_control_set_text(JsonObject *object, const char *name, const char *text);

G_END_DECLS
