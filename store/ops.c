/* Making and freeing of operations and of the plain structs the store hands out. */
#include "store/ops.h"

G_DEFINE_QUARK(ims_store_error, ims_store_error)

ImsStoreOp *
ims_store_op_new(ImsStoreOpKind kind, void (*done)(ImsStoreOp *op, gpointer data), gpointer data)
{
    ImsStoreOp *op = NULL;

    switch (kind) {
    case IMS_OP_DELIVER:
        op = (ImsStoreOp *)g_new0(ImsDeliverOp, 1);
        break;
    case IMS_OP_COPY:
        op = (ImsStoreOp *)g_new0(ImsCopyOp, 1);
        break;
    case IMS_OP_STORE_FLAGS:
        op = (ImsStoreOp *)g_new0(ImsFlagsOp, 1);
        break;
    case IMS_OP_EXPUNGE:
        op = (ImsStoreOp *)g_new0(ImsExpungeOp, 1);
        break;
    case IMS_OP_CLAIM_RECENT:
    case IMS_OP_MAILBOX_CREATE:
    case IMS_OP_MAILBOX_DELETE:
    case IMS_OP_FOLDER_CREATE:
    case IMS_OP_FOLDER_RENAME:
    case IMS_OP_FOLDER_DELETE:
    case IMS_OP_SUBSCRIBE:
    case IMS_OP_UNSUBSCRIBE:
        op = (ImsStoreOp *)g_new0(ImsFolderOp, 1);
        break;
    case IMS_OP_QUEUE_CLAIM:
        op = (ImsStoreOp *)g_new0(ImsQueueClaimOp, 1);
        break;
    case IMS_OP_QUEUE_OUTCOME:
        op = (ImsStoreOp *)g_new0(ImsQueueOutcomeOp, 1);
        break;
    case IMS_OP_QUEUE_ADMIN:
        op = (ImsStoreOp *)g_new0(ImsQueueAdminOp, 1);
        break;
    }
    g_assert(op != NULL);
    op->kind = kind;
    op->done = done;
    op->data = data;
    return op;
}

static void
clear_deliver(ImsDeliverOp *deliver)
{
    g_clear_pointer(&deliver->body, g_bytes_unref);
    g_clear_pointer(&deliver->summary, ims_mime_summary_free);
    g_clear_pointer(&deliver->targets, g_array_unref);
    g_clear_pointer(&deliver->queue, ims_queue_message_free);
    g_clear_error(&deliver->op.error);
}

static void
clear_folder_op(ImsFolderOp *folder)
{
    g_free(folder->name);
    g_free(folder->new_name);
    g_free(folder->special_use);
}

static void
clear_outcome(ImsQueueOutcomeOp *outcome)
{
    g_clear_pointer(&outcome->results, g_array_unref);
    if (outcome->report != NULL)
        clear_deliver(outcome->report);
    g_free(outcome->report);
}

void
ims_store_op_free(ImsStoreOp *op)
{
    if (op == NULL)
        return;
    ims_store_op_reset(op);
    switch (op->kind) {
    case IMS_OP_DELIVER:
        clear_deliver((ImsDeliverOp *)op);
        break;
    case IMS_OP_COPY:
        g_clear_pointer(&((ImsCopyOp *)op)->uids, g_array_unref);
        break;
    case IMS_OP_STORE_FLAGS:
        g_clear_pointer(&((ImsFlagsOp *)op)->uids, g_array_unref);
        g_strfreev(((ImsFlagsOp *)op)->keywords);
        break;
    case IMS_OP_EXPUNGE:
        g_clear_pointer(&((ImsExpungeOp *)op)->uids, g_array_unref);
        break;
    case IMS_OP_CLAIM_RECENT:
    case IMS_OP_MAILBOX_CREATE:
    case IMS_OP_MAILBOX_DELETE:
    case IMS_OP_FOLDER_CREATE:
    case IMS_OP_FOLDER_RENAME:
    case IMS_OP_FOLDER_DELETE:
    case IMS_OP_SUBSCRIBE:
    case IMS_OP_UNSUBSCRIBE:
        clear_folder_op((ImsFolderOp *)op);
        break;
    case IMS_OP_QUEUE_CLAIM:
        g_free(((ImsQueueClaimOp *)op)->domain);
        break;
    case IMS_OP_QUEUE_OUTCOME:
        clear_outcome((ImsQueueOutcomeOp *)op);
        break;
    case IMS_OP_QUEUE_ADMIN:
        g_free(((ImsQueueAdminOp *)op)->domain);
        break;
    }
    g_free(op);
}

static void
reset_targets(GArray *targets)
{
    for (guint i = 0; targets != NULL && i < targets->len; i++) {
        ImsDeliverTarget *target = &g_array_index(targets, ImsDeliverTarget, i);

        target->uid = 0;
        target->modseq = 0;
        target->folder_out = 0;
        target->uidvalidity = 0;
    }
}

void
ims_store_op_reset(ImsStoreOp *op)
{
    g_clear_error(&op->error);
    switch (op->kind) {
    case IMS_OP_DELIVER:
        reset_targets(((ImsDeliverOp *)op)->targets);
        break;
    case IMS_OP_COPY:
        g_clear_pointer(&((ImsCopyOp *)op)->from_uids, g_array_unref);
        g_clear_pointer(&((ImsCopyOp *)op)->to_uids, g_array_unref);
        break;
    case IMS_OP_STORE_FLAGS:
        g_clear_pointer(&((ImsFlagsOp *)op)->modified, g_array_unref);
        break;
    case IMS_OP_EXPUNGE:
        g_clear_pointer(&((ImsExpungeOp *)op)->expunged, g_array_unref);
        break;
    case IMS_OP_QUEUE_CLAIM:
        g_clear_pointer(&((ImsQueueClaimOp *)op)->messages, g_ptr_array_unref);
        break;
    case IMS_OP_QUEUE_OUTCOME:
        if (((ImsQueueOutcomeOp *)op)->report != NULL)
            reset_targets(((ImsQueueOutcomeOp *)op)->report->targets);
        break;
    case IMS_OP_QUEUE_ADMIN:
        ((ImsQueueAdminOp *)op)->affected = 0;
        break;
    default:
        break;
    }
}

ImsDeliverOp *
ims_store_op_delivery(ImsStoreOp *op)
{
    if (op->kind == IMS_OP_DELIVER)
        return (ImsDeliverOp *)op;
    if (op->kind == IMS_OP_QUEUE_OUTCOME)
        return ((ImsQueueOutcomeOp *)op)->report;
    return NULL;
}

gsize
ims_store_op_cost(ImsStoreOp *op)
{
    const ImsDeliverOp *deliver = ims_store_op_delivery(op);
    gsize cost = 512;

    if (deliver != NULL) {
        cost += g_bytes_get_size(deliver->body);
        if (deliver->targets != NULL)
            cost += deliver->targets->len * sizeof(ImsDeliverTarget);
        if (deliver->queue != NULL)
            cost += deliver->queue->recipients->len * sizeof(ImsQueueRecipient);
    } else if (op->kind == IMS_OP_COPY) {
        cost += ((ImsCopyOp *)op)->uids->len * sizeof(guint32);
    } else if (op->kind == IMS_OP_STORE_FLAGS) {
        cost += ((ImsFlagsOp *)op)->uids->len * sizeof(guint32);
    } else if (op->kind == IMS_OP_EXPUNGE && ((ImsExpungeOp *)op)->uids != NULL) {
        cost += ((ImsExpungeOp *)op)->uids->len * sizeof(guint32);
    }
    return cost;
}

void
ims_folder_free(ImsFolder *folder)
{
    if (folder == NULL)
        return;
    g_free(folder->name);
    g_free(folder->special_use);
    g_free(folder);
}

static void
clear_target(gpointer data)
{
    ImsDeliverTarget *target = data;

    g_clear_pointer(&target->keywords, g_strfreev);
}

GArray *
ims_deliver_targets_new(void)
{
    GArray *targets = g_array_new(FALSE, TRUE, sizeof(ImsDeliverTarget));

    g_array_set_clear_func(targets, clear_target);
    return targets;
}

static void
clear_result(gpointer data)
{
    ImsQueueResult *result = data;

    g_clear_pointer(&result->reply, g_free);
}

GArray *
ims_queue_results_new(void)
{
    GArray *results = g_array_new(FALSE, TRUE, sizeof(ImsQueueResult));

    g_array_set_clear_func(results, clear_result);
    return results;
}

ImsQueueRecipient *
ims_queue_recipient_new(void)
{
    return g_new0(ImsQueueRecipient, 1);
}

void
ims_queue_recipient_free(ImsQueueRecipient *recipient)
{
    if (recipient == NULL)
        return;
    g_free(recipient->address);
    g_free(recipient->original);
    g_free(recipient->orcpt);
    g_free(recipient->domain);
    g_free(recipient->reply);
    g_free(recipient);
}

ImsQueueMessage *
ims_queue_message_new(void)
{
    ImsQueueMessage *message = g_new0(ImsQueueMessage, 1);

    message->recipients = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_recipient_free);
    return message;
}

void
ims_queue_message_free(ImsQueueMessage *message)
{
    if (message == NULL)
        return;
    g_free(message->sender);
    g_free(message->envid);
    g_free(message->session);
    g_free(message->hold_reason);
    g_free(message->subject);
    g_ptr_array_unref(message->recipients);
    g_free(message);
}

void
ims_queue_domain_free(ImsQueueDomain *domain)
{
    if (domain == NULL)
        return;
    g_free(domain->domain);
    g_free(domain);
}

void
ims_message_row_free(ImsMessageRow *row)
{
    if (row == NULL)
        return;
    ims_mime_summary_free(row->summary);
    g_free(row);
}

void
ims_stored_body_clear(ImsStoredBody *body)
{
    g_clear_pointer(&body->file, g_free);
    g_clear_pointer(&body->bytes, g_bytes_unref);
}

ImsFolderDelta *
ims_folder_delta_new(ImsFolderId folder)
{
    ImsFolderDelta *delta = g_new0(ImsFolderDelta, 1);

    delta->folder = folder;
    delta->changes = g_array_new(FALSE, FALSE, sizeof(ImsUidEntry));
    return delta;
}

void
ims_folder_delta_free(ImsFolderDelta *delta)
{
    if (delta == NULL)
        return;
    g_strfreev(delta->keywords);
    g_array_unref(delta->changes);
    g_free(delta);
}

void
ims_folder_delta_merge(ImsFolderDelta *into, const ImsFolderDelta *delta)
{
    into->gone |= delta->gone;
    into->uidvalidity = delta->uidvalidity;
    into->uidnext = delta->uidnext;
    into->first_recent_uid = delta->first_recent_uid;
    into->highest_modseq = delta->highest_modseq;
    g_strfreev(into->keywords);
    into->keywords = g_strdupv(delta->keywords);
    g_array_append_vals(into->changes, delta->changes->data, delta->changes->len);
}
