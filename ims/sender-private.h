/* What the ways of sending share. */
#pragma once

#include <openssl/ssl.h>

#include "ims/sender.h"

G_BEGIN_DECLS

#define IMS_SEND_REPLY_MAX 512 /* characters of a reply that are kept */
/* One job on a thread of the sender. */
typedef struct {
    ImsWorld *world;
    ImsExecutor *where; /* who sent the job: outcomes go there */
    ImsSendJob *job;
    SSL_CTX *tls, *tls_esmtp;
    const gint *stopping; /* atomic */
    gboolean *done;       /* for each message: its outcome was told */
    guint n_done;
    gboolean connected;
    char *error; /* (nullable): why it ended early */
    GMutex lock; /* guards @resumed */
    GCond cond;
    gboolean resumed;
} ImsSendRun;

/* Sets one recipient's result. @reply may hold anything: it is cut and made printable. */
void ims_send_run_set(ImsSendRecipient *recipient, ImsSendStatus status, int code,
                      const char *reply);
/* The same by the class of @code: 2yz, 4yz or 5yz; anything else is transient. */
void ims_send_run_set_by_code(ImsSendRecipient *recipient, int code, const char *reply);
void ims_send_run_set_error(ImsSendRun *run, const char *format, ...) G_GNUC_PRINTF(2, 3);
/**
 * ims_send_run_outcome:
 * Tells the outcome of message @index, whose recipients are all set, and waits until it is
 * committed.
 *
 * Returns: FALSE where nothing more may be sent
 */
gboolean ims_send_run_outcome(ImsSendRun *run, guint index);
/* Every recipient of every message that is not done fails by @code; told one by one. */
void ims_send_run_fail_all(ImsSendRun *run, int code, const char *reply);

/**
 * ims_send_run_esmtp:
 * Sends by libesmtp.
 *
 * Returns: FALSE where libesmtp got nowhere though it was connected, or needs what the host does
 * not offer: nothing beyond what is done was sent, ims_send_run_direct() finds out or does it
 */
gboolean ims_send_run_esmtp(ImsSendRun *run);
/* Sends what is not done by our own sender. */
void ims_send_run_direct(ImsSendRun *run);

/* Undoes xtext (RFC 3461 4). NULL: broken, or it holds a control character. (transfer full) */
char *ims_send_decode_xtext(const char *text);

G_END_DECLS
