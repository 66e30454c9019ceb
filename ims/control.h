/* The control protocol: imsctl, and later the Administrator, ask; imsd, or imsctl itself while imsd is down, answers. */
#pragma once

#include "ims/service.h"
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
    IMS_CONTROL_ERROR_UNKNOWN,  /* no such request */
    IMS_CONTROL_ERROR_ARGUMENT, /* names the argument, its value and what is expected */
    IMS_CONTROL_ERROR_FAILED,
    IMS_CONTROL_ERROR_OFFLINE,  /* needs a running service */
} ImsControlError;
#define IMS_CONTROL_ERROR (ims_control_error_quark())
GQuark ims_control_error_quark(void);

/* @result: (nullable) (transfer full) */
typedef void (*ImsControlCallback)(JsonNode *result, const GError *error, gpointer data);
/**
 * ims_control_request:
 * @service: the running service, or one opened by imsctl itself
 * @request: `{"request": "queue.list", "arguments": {…}}`
 *
 * On main. @callback comes exactly once, now or later.
 */
void ims_control_request(ImsService *service, JsonObject *request, ImsControlCallback callback, gpointer data);

/* The socket: `control` in the data directory, mode 0600; one JSON object a line, both ways. On the default context of main. */
typedef struct _ImsControlServer ImsControlServer;
ImsControlServer *ims_control_server_new(ImsService *service, const char *path, GMainContext *context, GError **error);
void ims_control_server_free(ImsControlServer *server);

G_END_DECLS
