#include "ims/automatic.h"
#include "ims/notice.h"
#include "ims/queue.h"
#include "ims/smtp-private.h"

/* Larger messages are summarised in the pool: GMime would hold the worker too long. */
#define INLINE_SUMMARY_LIMIT (1024u * 1024)

/*
 * A message on its way into the store. It outlives the connection: what the client sent whole is
 * committed even if the client is gone before the reply.
 */
typedef struct {
    ImsSmtpSession *session; /* a reference */
    ImsSmtpTransaction *transaction;
    ImsSmtpBody *body; /* holds the budget while the bytes are in memory */
    GBytes *message;
    const ImsMimeLimits *limits; /* the service's */
    ImsMimeSummary *summary;
    char *spool_id;
    gint64 accepted_usec;
    const char *filter; /* (nullable): the entry of TurfTable that fits */
    GError *error;      /* (nullable): why the filtered message could not be kept */
} Delivery;

static void
log_message(Delivery *delivery, const char *result, ImsSmtpReply reply)
{
    ImsSmtpSession *session = delivery->session;
    char client[IMS_ADDRESS_STRLEN], size[32], recipients[16], unknown[16];
    const char *sender = delivery->transaction->sender;
    g_autofree char *text = ims_smtp_reply_format(reply, sender, NULL);

    g_snprintf(size, sizeof size, "%" G_GSIZE_FORMAT,
               delivery->message != NULL ? g_bytes_get_size(delivery->message) : 0);
    g_snprintf(recipients, sizeof recipients, "%u", delivery->transaction->accepted);
    g_snprintf(unknown, sizeof unknown, "%u", delivery->transaction->unknown->len);
    ims_log_event(session->service->log, session->id, "message", "id", delivery->spool_id, "result",
                  result, "reply", text, "from", *sender != '\0' ? sender : "<>", "size",
                  delivery->message != NULL ? size : NULL, "recipients", recipients, "unknown",
                  unknown, "client", ims_address_format(&session->peer, client), "helo",
                  session->helo, "account", session->account, "message-id",
                  delivery->summary != NULL ? delivery->summary->message_id : NULL, NULL);
}

/* The end of every delivery: log, reply, and the client's next command. */
static void
finish(Delivery *delivery, ImsSmtpReply reply)
{
    ImsSmtpSession *session = delivery->session;

    g_autofree char *sender = g_strdup(delivery->transaction->sender);

    log_message(delivery,
                reply != IMS_SMTP_OK       ? "refused"
                : delivery->filter != NULL ? "filtered"
                                           : "accepted",
                reply);
    ims_smtp_transaction_free(delivery->transaction);
    g_clear_pointer(&delivery->message, g_bytes_unref);
    ims_smtp_body_free(delivery->body);
    ims_mime_summary_free(delivery->summary);
    g_free(delivery->spool_id);
    g_free(delivery);
    ims_smtp_reset_transaction(session);
    if (reply == IMS_SMTP_OK)
        session->errors = 0;
    if (reply == IMS_SMTP_NOT_THE_ACCOUNT) /* S-054: the session ends */
        ims_smtp_close(session, reply, NULL);
    else
        ims_smtp_reply_with(session, reply, sender, NULL);
    ims_smtp_go_on(session);
    ims_smtp_session_unref(session);
}

static ImsSmtpReply
store_reply(const GError *error)
{
    if (error == NULL)
        return IMS_SMTP_OK;
    if (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_FULL))
        return IMS_SMTP_DISK_FULL;
    if (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_BUSY))
        return IMS_SMTP_BUSY;
    return IMS_SMTP_LOCAL_ERROR;
}

/* Why a commit failed is for the administrator, not for the client. */
static ImsSmtpReply
commit_reply(Delivery *delivery, const ImsStoreOp *op)
{
    if (op->error != NULL)
        ims_log_event(delivery->session->service->log, delivery->session->id, "store-error", "id",
                      delivery->spool_id, "error", op->error->message, NULL);
    return store_reply(op->error);
}

/* ---- the report about what the directory did not know (faithful profile, and lists) ---- */

static void
report_committed(ImsStoreOp *op, gpointer data)
{
    Delivery *delivery = data;
    ImsSmtpReply reply = commit_reply(delivery, op);

    ims_store_op_free(op);
    finish(delivery, reply);
}

static ImsDeliverOp *
make_report(Delivery *delivery)
{
    ImsSmtpTransaction *transaction = delivery->transaction;
    ImsQueueMessage *failed;
    ImsDeliverOp *report;

    if (transaction->unknown->len == 0)
        return NULL;
    failed = ims_queue_message_new();
    failed->sender = g_strdup(transaction->sender);
    failed->ret = transaction->mail.ret;
    failed->envid = g_strdup(transaction->mail.envid);
    failed->eight_bit = transaction->mail.eight_bit;
    failed->accepted_usec = delivery->accepted_usec;
    failed->size = g_bytes_get_size(delivery->message);
    failed->subject = g_strdup(delivery->summary->subject);
    if (failed->recipients != NULL)
        g_ptr_array_unref(failed->recipients);
    failed->recipients = g_ptr_array_ref(transaction->unknown);
    report = ims_report_new(delivery->session->service, failed, delivery->message);
    ims_queue_message_free(failed);
    return report;
}

/* The report is committed before the 250 as well: what is acknowledged is delivered, queued or
 * reported. */
static void
submit_report(Delivery *delivery)
{
    ImsDeliverOp *report = make_report(delivery);

    if (report == NULL) {
        finish(delivery, IMS_SMTP_OK);
        return;
    }
    report->op.kind = IMS_OP_DELIVER;
    report->op.done = report_committed;
    report->op.data = delivery;
    ims_store_submit(delivery->session->service->store, &report->op);
}

/* ---- the message itself ---- */

static void
message_committed(ImsStoreOp *op, gpointer data)
{
    Delivery *delivery = data;
    ImsSmtpReply reply = commit_reply(delivery, op);

    if (reply == IMS_SMTP_OK)
        ims_automatic_run(delivery->session->service, delivery->transaction->table,
                          ((ImsDeliverOp *)op)->targets, delivery->transaction->sender,
                          delivery->message);
    ims_store_op_free(op);
    if (reply != IMS_SMTP_OK)
        finish(delivery, reply);
    else
        submit_report(delivery);
}

static char *
describe_session(const ImsSmtpSession *session)
{
    char client[IMS_ADDRESS_STRLEN];

    return g_strdup_printf("s=%" G_GUINT64_FORMAT " client=%s%s%s", session->id,
                           ims_address_format(&session->peer, client),
                           session->account != NULL ? " account=" : "",
                           session->account != NULL ? session->account : "");
}

static void
fill_queue(Delivery *delivery, ImsQueueMessage *queue)
{
    ImsSmtpSession *session = delivery->session;
    ImsSmtpTransaction *transaction = delivery->transaction;

    queue->ret = transaction->mail.ret;
    queue->envid = g_strdup(transaction->mail.envid);
    queue->eight_bit = transaction->mail.eight_bit;
    queue->accepted_usec = delivery->accepted_usec;
    queue->expires_usec =
        delivery->accepted_usec + (gint64)session->config->expiry_sec * G_USEC_PER_SEC;
    ims_queue_wait_for_etrn(session->config, queue);
    queue->size = g_bytes_get_size(delivery->message);
    queue->session = describe_session(session);
    queue->subject = g_strdup(delivery->summary->subject);
}

static gint16
local_zone_min(gint64 wall_usec)
{
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(wall_usec / G_USEC_PER_SEC);

    return local != NULL ? (gint16)(g_date_time_get_utc_offset(local) / (60 * G_USEC_PER_SEC)) : 0;
}

static void
submit_message(Delivery *delivery)
{
    ImsDeliverOp *op = g_steal_pointer(&delivery->transaction->op);

    if (op->queue != NULL && (op->queue->recipients == NULL || op->queue->recipients->len == 0))
        g_clear_pointer(&op->queue, ims_queue_message_free);
    if (op->queue == NULL && op->targets->len == 0) {
        /* All recipients are unknown: the report is all that comes of it. */
        ims_store_op_free(&op->op);
        submit_report(delivery);
        return;
    }
    if (op->queue != NULL)
        fill_queue(delivery, op->queue);
    op->body = g_bytes_ref(delivery->message);
    op->summary = ims_mime_summary_copy(delivery->summary);
    op->internal_date_usec = delivery->accepted_usec;
    op->internal_zone_min = local_zone_min(delivery->accepted_usec);
    op->op.done = message_committed;
    op->op.data = delivery;
    ims_store_submit(delivery->session->service->store, &op->op);
}

/* On a pool thread, or here: touches the delivery's message, limits and summary only. */
static void
summarize(gpointer data)
{
    Delivery *delivery = data;

    delivery->summary = ims_mime_summarize(delivery->message, delivery->limits);
}

static void
summarized(gpointer data)
{
    submit_message(data);
}

static ImsSmtpReply
body_reply(ImsSmtpBodyStatus status)
{
    switch (status) {
    case IMS_SMTP_BODY_OK:
        return IMS_SMTP_OK;
    case IMS_SMTP_BODY_TOO_LARGE:
        return IMS_SMTP_TOO_LARGE;
    case IMS_SMTP_BODY_FULL:
        return IMS_SMTP_DISK_FULL;
    case IMS_SMTP_BODY_IO:
        break;
    }
    return IMS_SMTP_LOCAL_ERROR;
}

/* One Received line is our own. */
static gboolean
has_too_many_hops(GBytes *message, guint limit)
{
    gsize length;
    const guint8 *bytes = g_bytes_get_data(message, &length);

    return limit > 0 && ims_smtp_count_hops(bytes, length) > limit + 1;
}

/* The IMS took such a message and reported it (S-143, S-206): to nobody, and back to the sender. */
static void
return_for_hops(ImsSmtpTransaction *transaction)
{
    for (guint i = 0; i < transaction->recipients->len; i++) {
        ImsQueueRecipient *row = g_ptr_array_index(transaction->recipients, i);

        row->code = 554;
        row->reply = g_strdup("Too Many Hops");
    }
    g_ptr_array_unref(transaction->unknown);
    transaction->unknown = g_ptr_array_ref(transaction->recipients);
    g_array_set_size(transaction->op->targets, 0);
    g_clear_pointer(&transaction->op->queue, ims_queue_message_free);
}

/* S-143: the administrator hears of it as well. */
static void
tell_of_hops(const Delivery *delivery)
{
    ImsSmtpSession *session = delivery->session;
    char client[IMS_ADDRESS_STRLEN];
    const char *sender = delivery->transaction->sender;
    g_autofree char *text =
        g_strdup_printf("A message exceeded the maximum hop count: Too Many Hops\r\n\r\n"
                        "From: %s\r\nSubmitting host: %s\r\nId: %s\r\n",
                        *sender != '\0' ? sender : "<>", ims_address_format(&session->peer, client),
                        delivery->spool_id);

    ims_notice_send(session->service, "Inbound Mail Failure", text);
}

static gboolean
is_refused_for_hops(Delivery *delivery)
{
    ImsSmtpSession *session = delivery->session;

    if (!has_too_many_hops(delivery->message, session->config->hop_limit))
        return FALSE;
    if (!ims_smtp_may_report(session))
        return TRUE;
    return_for_hops(delivery->transaction);
    tell_of_hops(delivery);
    return FALSE;
}

/* ---- the message filter ---- */

static void
keep_filtered(gpointer data)
{
    Delivery *delivery = data;

    (void)ims_smtp_keep_filtered(delivery->session->config->turf_directory, delivery->spool_id,
                                 delivery->message, &delivery->error);
}

/* the client hears nothing of it. What was to be kept and cannot be is not taken. */
static void
filtered(gpointer data)
{
    Delivery *delivery = data;
    ImsSmtpSession *session = delivery->session;
    const char *sender = delivery->transaction->sender;
    ImsSmtpReply reply = delivery->error == NULL ? IMS_SMTP_OK : IMS_SMTP_LOCAL_ERROR;

    ims_log_event(session->service->log, session->id, "filtered", "id", delivery->spool_id, "from",
                  *sender != '\0' ? sender : "<>", "entry", delivery->filter, "kept",
                  session->config->turf_directory == NULL ? "no"
                  : delivery->error == NULL               ? "yes"
                                                          : "failed",
                  "error", delivery->error != NULL ? delivery->error->message : NULL, NULL);
    g_clear_error(&delivery->error);
    finish(delivery, reply);
}

static void
filter_message(Delivery *delivery)
{
    ImsService *service = delivery->session->service;

    if (service->config->turf_directory == NULL)
        filtered(delivery);
    else if (!ims_world_run_in_pool(service->world, keep_filtered, filtered, delivery))
        finish(delivery, IMS_SMTP_BUSY);
}

void
ims_smtp_deliver(ImsSmtpSession *session)
{
    Delivery *delivery = g_new0(Delivery, 1);
    ImsSmtpReply refusal = IMS_SMTP_OK;

    delivery->session = ims_smtp_session_ref(session);
    delivery->transaction = g_steal_pointer(&session->transaction);
    delivery->body = g_steal_pointer(&session->body);
    delivery->spool_id = g_steal_pointer(&session->spool_id);
    delivery->accepted_usec = ims_world_wall_usec(session->service->world);
    delivery->message = ims_smtp_body_finish(delivery->body);
    delivery->limits = &session->config->mime_limits;
    ims_smtp_wait(session);
    if (ims_smtp_body_is_eight_bit(delivery->body))
        delivery->transaction->mail.eight_bit = TRUE;
    if (delivery->message == NULL) {
        finish(delivery, body_reply(ims_smtp_body_status(delivery->body)));
    } else if (!ims_smtp_may_submit(session, delivery->transaction, delivery->message, &refusal)) {
        finish(delivery, refusal);
    } else if ((delivery->filter = ims_smtp_find_filter(session, delivery->transaction,
                                                        delivery->message)) != NULL) {
        filter_message(delivery);
    } else if (is_refused_for_hops(delivery)) {
        finish(delivery, IMS_SMTP_TOO_MANY_HOPS);
    } else if (g_bytes_get_size(delivery->message) <= INLINE_SUMMARY_LIMIT) {
        summarize(delivery);
        submit_message(delivery);
    } else if (!ims_world_run_in_pool(session->service->world, summarize, summarized, delivery)) {
        finish(delivery, IMS_SMTP_BUSY);
    }
}
