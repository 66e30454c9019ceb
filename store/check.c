#include "store/check.h"

#include "store/names.h"
#include "store/ops.h"

#include <string.h>

static gboolean
invalid(GError **error, const char *what)
{
    g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID, what);
    return FALSE;
}

static gboolean
check_keywords(char **keywords, GError **error)
{
    for (guint i = 0; keywords != NULL && keywords[i] != NULL; i++) {
        if (!ims_keyword_is_valid(keywords[i])) {
            g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                        "keyword %u is not an atom of at most %d characters", i + 1,
                        IMS_KEYWORD_LENGTH_MAX);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_uids(const GArray *uids, GError **error)
{
    guint32 last = 0;

    if (uids == NULL)
        return invalid(error, "no list of UIDs");
    for (guint i = 0; i < uids->len; i++) {
        guint32 uid = g_array_index(uids, guint32, i);

        if (uid <= last)
            return invalid(error, "UIDs are not rising");
        last = uid;
    }
    return TRUE;
}

static gboolean
check_recipients(const ImsQueueMessage *queue, GError **error)
{
    if (queue->recipients->len == 0)
        return invalid(error, "queue entry without recipient");
    for (guint i = 0; i < queue->recipients->len; i++) {
        const ImsQueueRecipient *recipient = g_ptr_array_index(queue->recipients, i);

        if (recipient->address == NULL || recipient->domain == NULL)
            return invalid(error, "queue recipient without address or domain");
        if (recipient->state != IMS_QUEUE_WAITING && recipient->state != IMS_QUEUE_HELD)
            return invalid(error, "a new queue recipient is either waiting or held");
    }
    return TRUE;
}

static gboolean
check_deliver(const ImsDeliverOp *op, GError **error)
{
    guint n_targets = op->targets != NULL ? op->targets->len : 0;

    if (op->body == NULL || op->summary == NULL)
        return invalid(error, "delivery without body or summary");
    if (g_bytes_get_size(op->body) > G_MAXINT32)
        return invalid(error, "message is larger than 2 GiB");
    if (n_targets == 0 && op->queue == NULL)
        return invalid(error, "delivery to nobody");
    for (guint i = 0; i < n_targets; i++) {
        if (!check_keywords(g_array_index(op->targets, ImsDeliverTarget, i).keywords, error))
            return FALSE;
    }
    return op->queue == NULL || check_recipients(op->queue, error);
}

static gboolean
check_outcome(const ImsQueueOutcomeOp *op, GError **error)
{
    if (op->results == NULL)
        return invalid(error, "outcome without results");
    for (guint i = 0; i < op->results->len; i++) {
        ImsQueueState state = g_array_index(op->results, ImsQueueResult, i).state;

        if (state != IMS_QUEUE_WAITING && state != IMS_QUEUE_SENT && state != IMS_QUEUE_FAILED)
            return invalid(error, "a queue result is deferred, sent or failed");
    }
    return op->report == NULL || check_deliver(op->report, error);
}

static gboolean
make_canonical(char **name, GError **error)
{
    char *canonical = ims_folder_name_canonical(*name, error);

    if (canonical == NULL)
        return FALSE;
    g_free(*name);
    *name = canonical;
    return TRUE;
}

static gboolean
check_folder_op(ImsFolderOp *op, GError **error)
{
    switch (op->op.kind) {
    case IMS_OP_CLAIM_RECENT:
        return TRUE;
    case IMS_OP_MAILBOX_CREATE:
    case IMS_OP_MAILBOX_DELETE:
        return op->mailbox != 0 || invalid(error, "mailbox 0 does not exist");
    case IMS_OP_FOLDER_DELETE:
        if (!make_canonical(&op->name, error))
            return FALSE;
        return strcmp(op->name, "INBOX") != 0 || invalid(error, "the INBOX cannot be deleted");
    case IMS_OP_FOLDER_RENAME:
        if (!make_canonical(&op->name, error) || !make_canonical(&op->new_name, error))
            return FALSE;
        return strcmp(op->name, "INBOX") == 0 ||
               !ims_folder_name_is_below(op->new_name, op->name) ||
               invalid(error, "a folder cannot become its own inferior");
    default:
        return make_canonical(&op->name, error);
    }
}

gboolean
ims_store_op_check(ImsStoreOp *op, GError **error)
{
    switch (op->kind) {
    case IMS_OP_DELIVER:
        return check_deliver((ImsDeliverOp *)op, error);
    case IMS_OP_COPY:
        return check_uids(((ImsCopyOp *)op)->uids, error);
    case IMS_OP_STORE_FLAGS:
        return check_uids(((ImsFlagsOp *)op)->uids, error) &&
               check_keywords(((ImsFlagsOp *)op)->keywords, error);
    case IMS_OP_EXPUNGE:
        return ((ImsExpungeOp *)op)->uids == NULL || check_uids(((ImsExpungeOp *)op)->uids, error);
    case IMS_OP_QUEUE_CLAIM:
        return ((ImsQueueClaimOp *)op)->domain != NULL || invalid(error, "claim without domain");
    case IMS_OP_QUEUE_OUTCOME:
        return check_outcome((ImsQueueOutcomeOp *)op, error);
    case IMS_OP_QUEUE_ADMIN:
        return TRUE;
    default:
        return check_folder_op((ImsFolderOp *)op, error);
    }
}
