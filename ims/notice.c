#include "ims/notice.h"

#include "ims/personality.h"

#include <string.h>

static void
notice_committed(ImsStoreOp *op, gpointer data)
{
    ImsService *service = data;

    if (op->error != NULL)
        ims_log_event(service->log, 0, "notice-lost", "error", op->error->message, NULL);
    ims_store_op_free(op);
}

static GBytes *
make_message(ImsService *service, const ImsRecipient *administrator, const char *subject,
             const char *text, gint64 wall_usec)
{
    const ImsConfig *config = service->config;
    g_autofree char *spool_id = ims_spool_id_new(service->world);
    g_autofree char *received = ims_received_out(config, spool_id, wall_usec);
    g_autofree char *message_id = ims_message_id_new(service->world, config);
    g_autofree char *date = ims_rfc822_date(wall_usec);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    const char *to = administrator->addresses != NULL ? administrator->addresses[0] : NULL;
    char *message = g_strdup_printf(
        "%sMessage-ID: %s\r\nFrom: System Administrator <postmaster@%s>\r\nTo: %s\r\n"
        "Subject: %s\r\nDate: %s\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s",
        received, message_id, config->site_domain, to != NULL ? to : "postmaster", subject, date,
        valid);

    return g_bytes_new_take(message, strlen(message));
}

void
ims_notice_send(ImsService *service, const char *subject, const char *text)
{
    const char *alias = service->config->administrator;
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    const ImsRecipient *administrator =
        alias != NULL ? ims_recipient_table_find_alias(table, alias) : NULL;
    gint64 wall_usec = ims_world_wall_usec(service->world);
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(wall_usec / G_USEC_PER_SEC);
    ImsDeliverTarget target = {0};
    ImsDeliverOp *op;

    if (administrator == NULL || administrator->kind != IMS_RECIPIENT_MAILBOX)
        return;
    op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, notice_committed, service);
    op->targets = ims_deliver_targets_new();
    target.mailbox = administrator->id;
    g_array_append_val(op->targets, target);
    op->body = make_message(service, administrator, subject, text, wall_usec);
    op->summary = ims_mime_summarize(op->body, NULL);
    op->internal_date_usec = wall_usec;
    op->internal_zone_min =
        local != NULL ? (gint16)(g_date_time_get_utc_offset(local) / (60 * G_USEC_PER_SEC)) : 0;
    ims_log_event(service->log, 0, "notice", "to", administrator->alias, "subject", subject, NULL);
    ims_store_submit(service->store, &op->op);
}
