/* The queue in the engine in memory. */
#include "store/engine-memory-private.h"

#include <string.h>

static ImsQueueRecipient *
copy_recipient(const ImsQueueRecipient *recipient)
{
    ImsQueueRecipient *copy = ims_queue_recipient_new();

    *copy = *recipient;
    copy->address = g_strdup(recipient->address);
    copy->original = g_strdup(recipient->original);
    copy->orcpt = g_strdup(recipient->orcpt);
    copy->domain = g_strdup(recipient->domain);
    copy->reply = g_strdup(recipient->reply);
    return copy;
}

/* Without recipients. */
static ImsQueueMessage *
copy_message(const ImsQueueMessage *message)
{
    ImsQueueMessage *copy = ims_queue_message_new();
    GPtrArray *recipients = copy->recipients;

    *copy = *message;
    copy->recipients = recipients;
    copy->sender = g_strdup(message->sender != NULL ? message->sender : "");
    copy->envid = g_strdup(message->envid);
    copy->session = g_strdup(message->session);
    copy->hold_reason = g_strdup(message->hold_reason);
    copy->subject = g_strdup(message->subject);
    return copy;
}

static ImsQueueMessage *
find_message(ImsMemEngine *engine, guint64 id, guint *index_out)
{
    for (guint i = 0; i < engine->queue->len; i++) {
        ImsQueueMessage *message = g_ptr_array_index(engine->queue, i);

        if (message->id != id)
            continue;
        if (index_out != NULL)
            *index_out = i;
        return message;
    }
    return NULL;
}

static gboolean
is_done(const ImsQueueRecipient *recipient)
{
    return recipient->state == IMS_QUEUE_SENT || recipient->state == IMS_QUEUE_FAILED;
}

void
ims_mem_queue_insert(ImsMemEngine *engine, ImsQueueMessage *message, ImsContentId content,
                     guint64 size, ImsChanges *changes)
{
    ImsQueueMessage *copy;

    message->id = ++engine->last_queue;
    message->content = content;
    message->size = size;
    copy = copy_message(message);
    for (guint i = 0; i < message->recipients->len; i++) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        recipient->id = ++engine->last_recipient;
        if (message->hold_reason != NULL)
            recipient->state = IMS_QUEUE_HELD;
        g_ptr_array_add(copy->recipients, copy_recipient(recipient));
    }
    g_ptr_array_add(engine->queue, copy);
    changes->queue = TRUE;
}

static gboolean
is_due(const ImsQueueRecipient *recipient, const ImsQueueClaimOp *op)
{
    return recipient->state == IMS_QUEUE_WAITING && recipient->next_attempt_usec <= op->now_usec &&
           strcmp(recipient->domain, op->domain) == 0;
}

typedef struct {
    ImsQueueMessage *message;
    gint64 due_usec; /* of its recipient that waits longest */
} Due;

static gint
compare_due(gconstpointer a, gconstpointer b)
{
    gint64 x = ((const Due *)a)->due_usec, y = ((const Due *)b)->due_usec;

    return x < y ? -1 : x > y;
}

static void
claim(ImsQueueMessage *message, ImsQueueClaimOp *op)
{
    ImsQueueMessage *copy = copy_message(message);

    for (guint i = 0; i < message->recipients->len; i++) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        if (!is_due(recipient, op))
            continue;
        recipient->state = IMS_QUEUE_ACTIVE;
        g_ptr_array_add(copy->recipients, copy_recipient(recipient));
    }
    g_ptr_array_add(op->messages, copy);
}

void
ims_mem_queue_claim(ImsMemEngine *engine, ImsQueueClaimOp *op, ImsChanges *changes)
{
    g_autoptr(GArray) due = g_array_new(FALSE, FALSE, sizeof(Due));

    op->messages = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    for (guint i = 0; i < engine->queue->len; i++) {
        Due entry = {g_ptr_array_index(engine->queue, i), G_MAXINT64};

        for (guint k = 0; k < entry.message->recipients->len; k++) {
            const ImsQueueRecipient *recipient = g_ptr_array_index(entry.message->recipients, k);

            if (is_due(recipient, op))
                entry.due_usec = MIN(entry.due_usec, recipient->next_attempt_usec);
        }
        if (entry.due_usec != G_MAXINT64)
            g_array_append_val(due, entry);
    }
    g_array_sort(due, compare_due);
    for (guint i = 0; i < due->len && i < op->limit; i++)
        claim(g_array_index(due, Due, i).message, op);
    changes->queue |= op->messages->len > 0;
}

static void
finish_message(ImsMemEngine *engine, guint64 id, ImsChanges *changes)
{
    guint index = 0;
    const ImsQueueMessage *message = find_message(engine, id, &index);

    for (guint i = 0; i < message->recipients->len; i++) {
        if (!is_done(g_ptr_array_index(message->recipients, i)))
            return;
    }
    ims_mem_add_refs(engine, message->content, -1);
    changes->garbage = TRUE;
    g_ptr_array_remove_index(engine->queue, index);
}

static void
set_result(const ImsQueueMessage *message, const ImsQueueResult *result)
{
    for (guint i = 0; i < message->recipients->len; i++) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        if (recipient->id != result->recipient)
            continue;
        recipient->state = result->state;
        recipient->next_attempt_usec = result->next_attempt_usec;
        recipient->last_failed = result->host_failed;
        recipient->attempts += result->count_attempt ? 1 : 0;
        recipient->code = result->code;
        g_free(recipient->reply);
        recipient->reply = g_strdup(result->reply);
    }
}

static void
set_no_entry(guint64 id, GError **error)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                "no such queue entry: %" G_GUINT64_FORMAT, id);
}

void
ims_mem_queue_outcome(ImsMemEngine *engine, ImsQueueOutcomeOp *op, const ImsBodyRef *body,
                      ImsChanges *changes)
{
    const ImsQueueMessage *message = find_message(engine, op->message, NULL);

    if (message == NULL) {
        set_no_entry(op->message, &op->op.error);
        return;
    }
    if (op->report != NULL)
        ims_mem_deliver(engine, op->report, body, changes, &op->op.error);
    if (op->op.error != NULL)
        return;
    for (guint i = 0; i < op->results->len; i++)
        set_result(message, &g_array_index(op->results, ImsQueueResult, i));
    changes->queue = TRUE;
    finish_message(engine, op->message, changes);
}

static void
administer(ImsMemEngine *engine, ImsQueueMessage *message, ImsQueueAdminOp *op)
{
    for (guint i = message->recipients->len; i > 0; i--) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i - 1);

        if (is_done(recipient) ||
            (op->domain != NULL && strcmp(recipient->domain, op->domain) != 0))
            continue;
        if (op->action == IMS_QUEUE_ADMIN_RETRY && recipient->state == IMS_QUEUE_WAITING) {
            recipient->next_attempt_usec = ims_world_wall_usec(engine->world);
        } else if (op->action == IMS_QUEUE_ADMIN_HOLD && recipient->state == IMS_QUEUE_WAITING) {
            recipient->state = IMS_QUEUE_HELD;
        } else if (op->action == IMS_QUEUE_ADMIN_RELEASE && recipient->state == IMS_QUEUE_HELD) {
            recipient->state = IMS_QUEUE_WAITING;
            recipient->next_attempt_usec = ims_world_wall_usec(engine->world);
            g_clear_pointer(&message->hold_reason, g_free);
        } else if (op->action == IMS_QUEUE_ADMIN_DELETE) {
            g_ptr_array_remove_index(message->recipients, i - 1);
        } else {
            continue;
        }
        op->affected++;
    }
}

void
ims_mem_queue_admin(ImsMemEngine *engine, ImsQueueAdminOp *op, ImsChanges *changes)
{
    if (op->message != 0 && find_message(engine, op->message, NULL) == NULL) {
        set_no_entry(op->message, &op->op.error);
        return;
    }
    for (guint i = engine->queue->len; i > 0; i--) {
        ImsQueueMessage *message = g_ptr_array_index(engine->queue, i - 1);

        if (op->message != 0 && message->id != op->message)
            continue;
        administer(engine, message, op);
        if (op->action == IMS_QUEUE_ADMIN_DELETE)
            finish_message(engine, message->id, changes);
    }
    changes->queue = TRUE;
}

/* ---- reads ---- */

static gboolean
concerns(const ImsQueueMessage *message, const char *domain)
{
    for (guint i = 0; i < message->recipients->len && domain != NULL; i++) {
        const ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        if (!is_done(recipient) && strcmp(recipient->domain, domain) == 0)
            return TRUE;
    }
    return domain == NULL;
}

static GPtrArray *
queue_list(ImsEngine *base, guint64 id, const char *domain, guint64 after, guint limit,
           GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);

    pthread_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->queue->len && messages->len < limit; i++) {
        const ImsQueueMessage *message = g_ptr_array_index(engine->queue, i);
        ImsQueueMessage *copy;

        if (id != 0 ? message->id != id : message->id <= after || !concerns(message, domain))
            continue;
        copy = copy_message(message);
        for (guint k = 0; k < message->recipients->len; k++)
            g_ptr_array_add(copy->recipients,
                            copy_recipient(g_ptr_array_index(message->recipients, k)));
        g_ptr_array_add(messages, copy);
    }
    pthread_mutex_unlock(&engine->lock);
    return messages;
}

static ImsQueueDomain *
domain_entry(GPtrArray *domains, const char *name)
{
    ImsQueueDomain *entry;

    for (guint i = 0; i < domains->len; i++) {
        entry = g_ptr_array_index(domains, i);
        if (strcmp(entry->domain, name) == 0)
            return entry;
    }
    entry = g_new0(ImsQueueDomain, 1);
    entry->domain = g_strdup(name);
    entry->next_attempt_usec = G_MAXINT64;
    g_ptr_array_add(domains, entry);
    return entry;
}

static void
count_recipient(GPtrArray *domains, const ImsQueueRecipient *recipient)
{
    ImsQueueDomain *entry;

    if (is_done(recipient))
        return;
    entry = domain_entry(domains, recipient->domain);
    if (recipient->state == IMS_QUEUE_ACTIVE) {
        entry->active++;
    } else if (recipient->state == IMS_QUEUE_HELD) {
        entry->held++;
    } else {
        entry->last_failed = recipient->last_failed && (entry->waiting == 0 || entry->last_failed);
        entry->waiting++;
        entry->next_attempt_usec = MIN(entry->next_attempt_usec, recipient->next_attempt_usec);
    }
}

static gint
compare_domains(gconstpointer a, gconstpointer b)
{
    return strcmp((*(ImsQueueDomain *const *)a)->domain, (*(ImsQueueDomain *const *)b)->domain);
}

static GPtrArray *
queue_domains(ImsEngine *base, GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GPtrArray *domains = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_domain_free);

    pthread_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->queue->len; i++) {
        const ImsQueueMessage *message = g_ptr_array_index(engine->queue, i);

        for (guint k = 0; k < message->recipients->len; k++)
            count_recipient(domains, g_ptr_array_index(message->recipients, k));
    }
    pthread_mutex_unlock(&engine->lock);
    g_ptr_array_sort(domains, compare_domains);
    return domains;
}

static GPtrArray *
queue_uncertain(ImsEngine *base)
{
    return ((ImsMemEngine *)base)->uncertain;
}

void
ims_mem_queue_init(ImsEngine *engine)
{
    engine->queue_list = queue_list;
    engine->queue_domains = queue_domains;
    engine->queue_uncertain = queue_uncertain;
}
