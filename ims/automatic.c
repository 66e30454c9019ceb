#include "ims/automatic.h"

#include "ims/personality.h"
#include "ims/submit-private.h"

#include <string.h>

/* Beyond it all are forgotten: a reply too many is better than a table without end. */
#define MAX_ANSWERED 100000

struct _ImsAutomatic {
    GMutex lock;          /* guards @answered: sessions of all workers come here */
    GHashTable *answered; /* set of "mailbox sender" */
};

/* One delivery that a mailbox causes. */
typedef struct {
    ImsService *service;
    const ImsRecipientTable *table;
    const ImsRecipient *mailbox;
    const char *sender; /* of the message that came */
} Cause;

ImsAutomatic *
ims_automatic_new(void)
{
    ImsAutomatic *automatic = g_new0(ImsAutomatic, 1);

    g_mutex_init(&automatic->lock);
    automatic->answered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return automatic;
}

void
ims_automatic_free(ImsAutomatic *automatic)
{
    if (automatic == NULL)
        return;
    g_mutex_clear(&automatic->lock);
    g_hash_table_unref(automatic->answered);
    g_free(automatic);
}

static gboolean
is_first_answer(const Cause *cause)
{
    ImsAutomatic *automatic = cause->service->automatic;
    g_autofree char *sender = g_ascii_strdown(cause->sender, -1);
    gboolean first;

    if (automatic == NULL)
        return FALSE;
    g_mutex_lock(&automatic->lock);
    if (g_hash_table_size(automatic->answered) >= MAX_ANSWERED)
        g_hash_table_remove_all(automatic->answered);
    first = g_hash_table_add(automatic->answered, g_strdup_printf("%" G_GUINT64_FORMAT " %s",
                                                                  cause->mailbox->id, sender));
    g_mutex_unlock(&automatic->lock);
    return first;
}

static void
log_what(const Cause *cause, const char *what, const char *to, const char *result)
{
    ims_log_event(cause->service->log, 0, "automatic", "what", what, "mailbox",
                  cause->mailbox->alias, "to", to, "result", result, NULL);
}

static void
committed(ImsStoreOp *op, gpointer data)
{
    ImsService *service = data;

    if (op->error != NULL)
        ims_log_event(service->log, 0, "automatic-lost", "error", op->error->message, NULL);
    ims_store_op_free(op);
}

/* @may_leave: to the Internet. (transfer full) (nullable) */
static ImsDeliverOp *
address_to(const Cause *cause, const char *what, const char *to, gboolean may_leave)
{
    ImsDeliverOp *op;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *address = NULL;
    ImsSubmitRecipient recipient = {.notify = IMS_NOTIFY_NEVER};

    recipient.kind = ims_submit_judge(cause->service, cause->table, to, &address);
    recipient.address = address;
    op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, committed, cause->service);
    op->targets = ims_deliver_targets_new();
    ims_submit_targets(cause->service, cause->table, &recipient, op, unknown);
    if (op->queue != NULL && !may_leave) {
        log_what(cause, what, to, "dropped");
        g_clear_pointer(&op->queue, ims_queue_message_free);
    }
    if (op->queue != NULL || op->targets->len > 0)
        return op;
    ims_store_op_free(&op->op);
    return NULL;
}

static void
submit(const Cause *cause, ImsDeliverOp *op, const char *sender, GBytes *body)
{
    const ImsConfig *config = cause->service->config;
    gint64 wall_usec = ims_world_wall_usec(cause->service->world);
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(wall_usec / G_USEC_PER_SEC);

    op->body = g_bytes_ref(body);
    op->summary = ims_mime_summarize(body, NULL);
    op->internal_date_usec = wall_usec;
    op->internal_zone_min =
        local != NULL ? (gint16)(g_date_time_get_utc_offset(local) / (60 * G_USEC_PER_SEC)) : 0;
    if (op->queue != NULL) {
        g_free(op->queue->sender);
        op->queue->sender = g_strdup(sender);
        op->queue->eight_bit = TRUE;
        op->queue->accepted_usec = wall_usec;
        op->queue->expires_usec = wall_usec + (gint64)config->expiry_sec * G_USEC_PER_SEC;
        op->queue->size = g_bytes_get_size(body);
        op->queue->session = g_strdup("automatic");
        op->queue->subject = g_strdup(op->summary->subject);
        ims_queue_wait_for_etrn(config, op->queue);
    }
    ims_store_submit(cause->service->store, &op->op);
}

/* ---- the rule that forwards ---- */

/* Each hop leaves a Received line, so that a ring of rules ends by the hop limit. */
static void
forward(const Cause *cause, GBytes *message)
{
    const ImsConfig *config = cause->service->config;
    const char *to = cause->mailbox->rule_forward_to;
    gboolean may_leave = !config->disable_automatic_replies || config->always_allow_forwarding;
    ImsDeliverOp *op = address_to(cause, "forward", to, may_leave);

    if (op == NULL)
        return;
    log_what(cause, "forward", to, "sent");
    submit(cause, op, cause->mailbox->addresses[0], message);
}

/* ---- the reply of who is away ---- */

static gboolean
is_automatic(GBytes *message)
{
    gsize length;
    const guint8 *bytes = g_bytes_get_data(message, &length);
    g_autofree char *submitted = ims_mime_header_get(bytes, length, "Auto-Submitted");
    g_autofree char *precedence = ims_mime_header_get(bytes, length, "Precedence");
    g_autofree char *list = ims_mime_header_get(bytes, length, "List-Id");

    return list != NULL || (submitted != NULL && g_ascii_strcasecmp(submitted, "no") != 0) ||
           (precedence != NULL && (g_ascii_strcasecmp(precedence, "bulk") == 0 ||
                                   g_ascii_strcasecmp(precedence, "junk") == 0 ||
                                   g_ascii_strcasecmp(precedence, "list") == 0));
}

static GBytes *
make_reply(const Cause *cause, GBytes *message)
{
    ImsService *service = cause->service;
    gint64 wall_usec = ims_world_wall_usec(service->world);
    gsize length;
    const guint8 *bytes = g_bytes_get_data(message, &length);
    g_autofree char *raw = ims_mime_header_get(bytes, length, "Subject");
    g_autofree char *subject = g_strndup(raw != NULL ? raw : "", 500);
    g_autofree char *spool_id = ims_spool_id_new(service->world);
    g_autofree char *received = ims_received_out(service->config, spool_id, wall_usec);
    g_autofree char *id = ims_message_id_new(service->world, service->config);
    g_autofree char *date = ims_rfc822_date(wall_usec);
    char *text;

    for (char *p = subject; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            *p = ' ';
    text = g_strdup_printf(
        "%sMessage-ID: %s\r\nFrom: %s\r\nTo: %s\r\nSubject: Out of Office AutoReply: %s\r\n"
        "Date: %s\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n",
        received, id, cause->mailbox->addresses[0], cause->sender, subject, date,
        cause->mailbox->out_of_office);
    return g_bytes_new_take(text, strlen(text));
}

static void
reply(const Cause *cause, GBytes *message)
{
    const ImsConfig *config = cause->service->config;
    g_autoptr(GBytes) body = NULL;
    ImsDeliverOp *op;

    if ((!config->faithful && is_automatic(message)) || !is_first_answer(cause))
        return;
    op = address_to(cause, "out-of-office", cause->sender, !config->disable_out_of_office);
    if (op == NULL)
        return;
    log_what(cause, "out-of-office", cause->sender, "sent");
    body = make_reply(cause, message);
    submit(cause, op, "", body);
}

void
ims_automatic_run(ImsService *service, const ImsRecipientTable *table, const GArray *targets,
                  const char *sender, GBytes *message)
{
    if (*sender == '\0')
        return;
    for (guint i = 0; i < targets->len; i++) {
        const ImsDeliverTarget *target = &g_array_index(targets, ImsDeliverTarget, i);
        Cause cause = {service, table, NULL, sender};

        cause.mailbox = ims_recipient_table_find_mailbox(table, target->mailbox);
        if (cause.mailbox == NULL)
            continue;
        if (cause.mailbox->rule_forward_to != NULL)
            forward(&cause, message);
        if (cause.mailbox->out_of_office != NULL)
            reply(&cause, message);
    }
}
