/* Stand-ins for ims/submit and ims/report, so that the session is tested by itself. */
#include "ims/queue.h"
#include "tests/unit/smtp-fixture.h"
#include <string.h>

static void
add_row(ImsDeliverOp *op, const ImsSubmitRecipient *recipient, const char *address)
{
    ImsQueueRecipient *row = ims_queue_recipient_new();

    row->address = g_strdup(address);
    row->original = g_strdup(recipient->original);
    row->orcpt = g_strdup(recipient->orcpt);
    row->notify = recipient->notify;
    row->domain = g_strdup(strrchr(address, '@') + 1);
    g_ptr_array_add(op->queue->recipients, row);
}

static void
add_target(ImsDeliverOp *op, guint64 mailbox)
{
    ImsDeliverTarget target = {.mailbox = mailbox};

    for (guint i = 0; i < op->targets->len; i++)
        if (g_array_index(op->targets, ImsDeliverTarget, i).mailbox == mailbox)
            return;
    g_array_append_val(op->targets, target);
}

void
ims_submit_targets(ImsService *service, const ImsRecipientTable *table,
                   const ImsSubmitRecipient *recipient, ImsDeliverOp *op, GPtrArray *unknown)
{
    const char *at = strrchr(recipient->address, '@');
    g_autofree char *local = g_strndup(recipient->address, (gsize)(at - recipient->address));
    g_autoptr(ImsExpansion) expansion = ims_expansion_new();
    const ImsRecipient *found;

    if (recipient->kind == IMS_VERDICT_REROUTE) {
        add_row(op, recipient, recipient->address);
        return;
    }
    found = ims_recipient_table_find_address(table, local, at + 1, NULL);
    if (found == NULL) {
        g_ptr_array_add(unknown, g_strdup(recipient->address));
        return;
    }
    ims_recipient_table_expand(table, found, expansion);
    for (guint i = 0; i < expansion->mailboxes->len; i++)
        add_target(op, g_array_index(expansion->mailboxes, guint64, i));
    for (guint i = 0; i < expansion->outside->len; i++)
        add_row(op, recipient, g_ptr_array_index(expansion->outside, i));
    for (guint i = 0; i < expansion->unknown->len; i++)
        g_ptr_array_add(unknown, g_strdup(g_ptr_array_index(expansion->unknown, i)));
}

ImsDeliverOp *
ims_report_new(ImsService *service, const ImsQueueMessage *message, GBytes *original)
{
    ImsDeliverOp *op;
    ImsQueueRecipient *row;
    GString *text;

    if (*message->sender == '\0')
        return NULL;
    text = g_string_new("Subject: Undeliverable\r\n\r\n");
    for (guint i = 0; i < message->recipients->len; i++) {
        row = g_ptr_array_index(message->recipients, i);
        g_string_append_printf(text, "%s: %s\r\n", row->address, row->reply);
    }
    op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    op->body = g_string_free_to_bytes(text);
    op->summary = ims_mime_summarize(op->body, NULL);
    op->queue = ims_queue_message_new();
    op->queue->sender = g_strdup("");
    row = ims_queue_recipient_new();
    row->address = g_strdup(message->sender);
    row->domain = g_strdup(strrchr(message->sender, '@') + 1);
    g_ptr_array_add(op->queue->recipients, row);
    return op;
}
