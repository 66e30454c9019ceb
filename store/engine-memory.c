#include "store/engine-memory-private.h"

#include "store/names.h"

#include <string.h>

static void
content_free(gpointer data)
{
    ImsMemContent *content = data;

    g_bytes_unref(content->body);
    ims_mime_summary_free(content->summary);
    g_free(content);
}

static void
folder_free(gpointer data)
{
    ImsMemFolder *folder = data;

    ims_folder_state_free(folder->state);
    g_array_unref(folder->messages);
    g_array_unref(folder->graves);
    g_free(folder);
}

void
ims_mem_add_refs(ImsMemEngine *engine, ImsContentId id, gint n)
{
    ImsMemContent *content = g_hash_table_lookup(engine->contents, &id);

    content->refs += (guint)n;
}

/* Index of the first message with this UID or a higher one. */
static guint
find_uid(const GArray *messages, guint32 uid)
{
    guint low = 0, high = messages->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(messages, ImsMemMessage, middle).entry.uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* (element-type ImsMemMessage): copies of those of @uids (NULL: all) that are there. */
static GArray *
pick(const ImsMemFolder *folder, const GArray *uids)
{
    GArray *picked = g_array_new(FALSE, FALSE, sizeof(ImsMemMessage));

    if (uids == NULL)
        g_array_append_vals(picked, folder->messages->data, folder->messages->len);
    for (guint i = 0; uids != NULL && i < uids->len; i++) {
        guint32 uid = g_array_index(uids, guint32, i);
        guint at = find_uid(folder->messages, uid);

        if (at < folder->messages->len &&
            g_array_index(folder->messages, ImsMemMessage, at).entry.uid == uid)
            g_array_append_val(picked, g_array_index(folder->messages, ImsMemMessage, at));
    }
    return picked;
}

static gboolean
has_uids_left(const ImsMemFolder *folder, guint n, GError **error)
{
    if (G_MAXUINT32 - folder->state->info.uidnext > n)
        return TRUE;
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                "folder %s has no UIDs left, make a new one", folder->state->info.name);
    return FALSE;
}

static void
insert(ImsMemEngine *engine, ImsMemFolder *folder, ImsMemMessage *message, guint64 modseq)
{
    message->entry.uid = folder->state->info.uidnext++;
    message->entry.modseq = modseq;
    message->created_modseq = modseq;
    message->save_usec = ims_world_wall_usec(engine->world);
    ims_folder_state_add(folder->state, &message->entry);
    g_array_append_vals(folder->messages, message, 1);
}

static void
collect(ImsMemFolder *folder, ImsChanges *changes)
{
    ImsFolderDelta *delta = ims_folder_state_take_delta(folder->state);

    if (delta != NULL)
        g_ptr_array_add(changes->folders, delta);
}

static void
deliver_to(ImsMemEngine *engine, ImsMemFolder *folder, const ImsDeliverOp *op,
           ImsDeliverTarget *target, const ImsMemContent *content)
{
    g_auto(GStrv) keywords = g_strdupv(folder->state->keywords);
    ImsMemMessage message = {
        .entry.size = (guint32)content->size,
        .entry.flags = (target->flags & IMS_FLAG_SYSTEM_MASK) |
                       ims_keywords_mask(&keywords, target->keywords, TRUE, NULL),
        .content = content->id,
        .internal_usec = op->internal_date_usec,
        .zone_min = op->internal_zone_min,
    };

    target->modseq = ims_folder_state_bump(folder->state);
    ims_folder_state_set_keywords(folder->state, g_steal_pointer(&keywords));
    insert(engine, folder, &message, target->modseq);
    target->uid = message.entry.uid;
    target->folder_out = folder->state->info.id;
    target->uidvalidity = folder->state->info.uidvalidity;
}

void
ims_mem_deliver(ImsMemEngine *engine, ImsDeliverOp *op, const ImsBodyRef *body, ImsChanges *changes,
                GError **error)
{
    guint n_targets = op->targets != NULL ? op->targets->len : 0;
    g_autoptr(GPtrArray) folders = g_ptr_array_new();
    ImsMemContent *content;

    for (guint i = 0; i < n_targets; i++) {
        const ImsDeliverTarget *target = &g_array_index(op->targets, ImsDeliverTarget, i);
        ImsMemFolder *folder =
            target->folder != 0 ? ims_mem_folder(engine, target->folder, error)
                                : ims_mem_folder_by_name(engine, target->mailbox, "INBOX", error);

        if (folder == NULL || !has_uids_left(folder, n_targets, error))
            return;
        g_ptr_array_add(folders, folder);
    }
    content = g_new0(ImsMemContent, 1);
    content->id = ++engine->last_content;
    content->refs = n_targets + (op->queue != NULL ? 1 : 0);
    content->size = body->size;
    memcpy(content->digest, body->digest, IMS_DIGEST_SIZE);
    content->body = g_bytes_ref(op->body);
    content->summary = ims_mime_summary_copy(op->summary);
    g_hash_table_insert(engine->contents, &content->id, content);
    for (guint i = 0; i < n_targets; i++)
        deliver_to(engine, g_ptr_array_index(folders, i), op,
                   &g_array_index(op->targets, ImsDeliverTarget, i), content);
    for (guint i = 0; i < n_targets; i++)
        collect(g_ptr_array_index(folders, i), changes);
    changes->messages += n_targets;
    if (op->queue != NULL)
        ims_mem_queue_insert(engine, op->queue, content->id, content->size, changes);
}

static void
bury(ImsMemEngine *engine, ImsMemFolder *folder, const GArray *rows, ImsChanges *changes)
{
    guint64 modseq = ims_folder_state_bump(folder->state);
    guint kept = 0, k = 0;

    for (guint i = 0; i < folder->messages->len; i++) {
        const ImsMemMessage *message = &g_array_index(folder->messages, ImsMemMessage, i);
        ImsMemMessage grave = *message;

        if (k < rows->len &&
            message->entry.uid == g_array_index(rows, ImsMemMessage, k).entry.uid) {
            k++;
            ims_folder_state_remove(folder->state, &message->entry);
            grave.entry.modseq = modseq;
            grave.buried_usec = ims_world_wall_usec(engine->world);
            g_array_append_val(folder->graves, grave);
        } else {
            g_array_index(folder->messages, ImsMemMessage, kept++) = grave;
        }
    }
    g_array_set_size(folder->messages, kept);
    changes->garbage = TRUE;
    collect(folder, changes);
}

static void
copy_rows(ImsMemEngine *engine, const ImsMemFolder *from, ImsMemFolder *to, const GArray *rows,
          GArray *to_uids, ImsChanges *changes)
{
    g_auto(GStrv) from_keywords = g_strdupv(from->state->keywords);
    g_auto(GStrv) keywords = g_strdupv(to->state->keywords);
    guint64 modseq = ims_folder_state_bump(to->state);

    for (guint i = 0; i < rows->len; i++) {
        ImsMemMessage message = g_array_index(rows, ImsMemMessage, i);

        message.entry.flags = ims_keywords_remap(from_keywords, message.entry.flags, &keywords);
        insert(engine, to, &message, modseq);
        ims_mem_add_refs(engine, message.content, 1);
        g_array_append_val(to_uids, message.entry.uid);
    }
    ims_folder_state_set_keywords(to->state, g_steal_pointer(&keywords));
    collect(to, changes);
}

void
ims_mem_move_all(ImsMemEngine *engine, ImsMemFolder *from, ImsMemFolder *to, ImsChanges *changes)
{
    g_autoptr(GArray) rows = pick(from, NULL);
    g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(guint32));

    if (rows->len == 0)
        return;
    copy_rows(engine, from, to, rows, uids, changes);
    bury(engine, from, rows, changes);
}

static void
run_copy(ImsMemEngine *engine, ImsCopyOp *op, ImsChanges *changes)
{
    ImsMemFolder *from = ims_mem_folder(engine, op->from, &op->op.error);
    ImsMemFolder *to = from != NULL ? ims_mem_folder(engine, op->to, &op->op.error) : NULL;
    g_autoptr(GArray) rows = NULL;

    if (to == NULL)
        return;
    rows = pick(from, op->uids);
    if (!has_uids_left(to, rows->len, &op->op.error))
        return;
    op->from_uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    op->to_uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < rows->len; i++)
        g_array_append_val(op->from_uids, g_array_index(rows, ImsMemMessage, i).entry.uid);
    if (rows->len > 0)
        copy_rows(engine, from, to, rows, op->to_uids, changes);
    if (rows->len > 0 && op->move)
        bury(engine, from, rows, changes);
    op->uidvalidity = to->state->info.uidvalidity;
    op->modseq = to->state->info.highest_modseq;
}

static guint64
new_flags(ImsFlagsMode mode, guint64 old, guint64 bits)
{
    if (mode == IMS_FLAGS_ADD)
        return old | bits;
    return mode == IMS_FLAGS_REMOVE ? old & ~bits : bits;
}

static void
change_flags(ImsMemFolder *folder, ImsFlagsOp *op, guint64 bits)
{
    g_autoptr(GArray) rows = pick(folder, op->uids);
    guint64 modseq = 0;

    for (guint i = 0; i < rows->len; i++) {
        ImsUidEntry entry = g_array_index(rows, ImsMemMessage, i).entry;
        guint64 old = entry.flags;

        if (op->unchanged_since != 0 && entry.modseq > op->unchanged_since) {
            if (op->modified == NULL)
                op->modified = g_array_new(FALSE, FALSE, sizeof(guint32));
            g_array_append_val(op->modified, entry.uid);
            continue;
        }
        entry.flags = new_flags(op->mode, old, bits);
        if (entry.flags == old)
            continue;
        if (modseq == 0)
            modseq = ims_folder_state_bump(folder->state);
        entry.modseq = modseq;
        ims_folder_state_change(folder->state, old, &entry);
        g_array_index(folder->messages, ImsMemMessage, find_uid(folder->messages, entry.uid))
            .entry = entry;
    }
}

static void
run_flags(ImsMemEngine *engine, ImsFlagsOp *op, ImsChanges *changes)
{
    ImsMemFolder *folder = ims_mem_folder(engine, op->folder, &op->op.error);
    g_auto(GStrv) keywords = folder != NULL ? g_strdupv(folder->state->keywords) : NULL;
    gboolean full = FALSE;
    guint64 bits;

    if (folder == NULL)
        return;
    bits = (op->flags & IMS_FLAG_SYSTEM_MASK) |
           ims_keywords_mask(&keywords, op->keywords, op->mode != IMS_FLAGS_REMOVE, &full);
    if (full) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                    "folder %s has %d keywords, no more are kept", folder->state->info.name,
                    IMS_MAX_KEYWORDS);
        return;
    }
    change_flags(folder, op, bits);
    if (folder->state->delta != NULL)
        ims_folder_state_set_keywords(folder->state, g_steal_pointer(&keywords));
    collect(folder, changes);
    op->modseq = folder->state->info.highest_modseq;
}

static void
run_expunge(ImsMemEngine *engine, ImsExpungeOp *op, ImsChanges *changes)
{
    ImsMemFolder *folder = ims_mem_folder(engine, op->folder, &op->op.error);
    g_autoptr(GArray) picked = NULL;
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(ImsMemMessage));

    if (folder == NULL)
        return;
    picked = pick(folder, op->uids);
    op->expunged = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < picked->len; i++) {
        ImsMemMessage *message = &g_array_index(picked, ImsMemMessage, i);

        if (op->only_deleted && (message->entry.flags & IMS_FLAG_DELETED) == 0)
            continue;
        g_array_append_val(op->expunged, message->entry.uid);
        g_array_append_vals(rows, message, 1);
    }
    if (rows->len > 0)
        bury(engine, folder, rows, changes);
    op->modseq = folder->state->info.highest_modseq;
}

static void
run_item(ImsMemEngine *engine, ImsEngineItem *item, ImsChanges *changes)
{
    ImsStoreOp *op = item->op;

    switch (op->kind) {
    case IMS_OP_DELIVER:
        ims_mem_deliver(engine, (ImsDeliverOp *)op, &item->body, changes, &op->error);
        break;
    case IMS_OP_COPY:
        run_copy(engine, (ImsCopyOp *)op, changes);
        break;
    case IMS_OP_STORE_FLAGS:
        run_flags(engine, (ImsFlagsOp *)op, changes);
        break;
    case IMS_OP_EXPUNGE:
        run_expunge(engine, (ImsExpungeOp *)op, changes);
        break;
    case IMS_OP_QUEUE_CLAIM:
        ims_mem_queue_claim(engine, (ImsQueueClaimOp *)op, changes);
        break;
    case IMS_OP_QUEUE_OUTCOME:
        ims_mem_queue_outcome(engine, (ImsQueueOutcomeOp *)op, &item->body, changes);
        break;
    case IMS_OP_QUEUE_ADMIN:
        ims_mem_queue_admin(engine, (ImsQueueAdminOp *)op, changes);
        break;
    default:
        ims_mem_folder_op(engine, (ImsFolderOp *)op, changes);
        break;
    }
}

static gboolean
engine_apply(ImsEngine *base, ImsEngineItem *items, guint n_items, ImsChanges *changes)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;

    pthread_mutex_lock(&engine->lock);
    for (guint i = 0; i < n_items; i++)
        run_item(engine, &items[i], changes);
    pthread_mutex_unlock(&engine->lock);
    return TRUE;
}

static void
sweep_folder(ImsMemEngine *engine, ImsMemFolder *folder, ImsSweep *sweep)
{
    for (guint i = folder->graves->len; i > 0; i--) {
        const ImsMemMessage *grave = &g_array_index(folder->graves, ImsMemMessage, i - 1);

        if (grave->buried_usec + sweep->grace_usec > sweep->now_usec ||
            sweep->is_held(folder->state->info.id, grave->entry.modseq, sweep->data)) {
            sweep->more_later = TRUE;
            continue;
        }
        ims_mem_add_refs(engine, grave->content, -1);
        g_array_remove_index(folder->graves, i - 1);
    }
}

/* TRUE: the folder was deleted and nobody needs it any more. */
static gboolean
is_over(const ImsMemFolder *folder, ImsSweep *sweep)
{
    if (folder->state->info.mailbox != 0)
        return FALSE;
    if (folder->graves->len == 0 && folder->gone_usec + sweep->grace_usec <= sweep->now_usec &&
        !sweep->is_held(folder->state->info.id, G_MAXUINT64, sweep->data))
        return TRUE;
    sweep->more_later = TRUE;
    return FALSE;
}

static gboolean
is_unused(gpointer key, gpointer value, gpointer data)
{
    return ((ImsMemContent *)value)->refs == 0;
}

static gboolean
engine_sweep(ImsEngine *base, ImsSweep *sweep)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GHashTableIter iter;
    gpointer value;

    pthread_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ImsMemFolder *folder = value;

        sweep_folder(engine, folder, sweep);
        if (!is_over(folder, sweep))
            continue;
        for (guint i = 0; i < folder->messages->len; i++)
            ims_mem_add_refs(engine, g_array_index(folder->messages, ImsMemMessage, i).content, -1);
        g_hash_table_iter_remove(&iter);
    }
    g_hash_table_foreach_remove(engine->contents, is_unused, NULL);
    pthread_mutex_unlock(&engine->lock);
    return TRUE;
}

static ImsFolderDelta *
load_folder(ImsEngine *base, ImsFolderId id, GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    ImsFolderDelta *delta = NULL;
    ImsMemFolder *folder;

    pthread_mutex_lock(&engine->lock);
    folder = ims_mem_folder(engine, id, error);
    if (folder != NULL) {
        ims_folder_state_touch(folder->state);
        delta = ims_folder_state_take_delta(folder->state);
        for (guint i = 0; i < folder->messages->len; i++)
            g_array_append_val(delta->changes,
                               g_array_index(folder->messages, ImsMemMessage, i).entry);
    }
    pthread_mutex_unlock(&engine->lock);
    return delta;
}

static const ImsMemMessage *
find_message(const ImsMemFolder *folder, guint32 uid)
{
    guint at = find_uid(folder->messages, uid);

    if (at < folder->messages->len &&
        g_array_index(folder->messages, ImsMemMessage, at).entry.uid == uid)
        return &g_array_index(folder->messages, ImsMemMessage, at);
    for (guint i = 0; i < folder->graves->len; i++) {
        if (g_array_index(folder->graves, ImsMemMessage, i).entry.uid == uid)
            return &g_array_index(folder->graves, ImsMemMessage, i);
    }
    return NULL;
}

static GPtrArray *
read_rows(ImsEngine *base, ImsFolderId id, const guint32 *uids, guint n_uids, gboolean with_summary,
          GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)ims_message_row_free);
    const ImsMemFolder *folder;

    pthread_mutex_lock(&engine->lock);
    folder = g_hash_table_lookup(engine->folders, &id);
    for (guint i = 0; folder != NULL && i < n_uids; i++) {
        const ImsMemMessage *message = find_message(folder, uids[i]);
        ImsMessageRow *row;

        if (message == NULL)
            continue;
        row = g_new0(ImsMessageRow, 1);
        row->uid = uids[i];
        row->content = message->content;
        row->internal_date_usec = message->internal_usec;
        row->internal_zone_min = message->zone_min;
        row->save_date_usec = message->save_usec;
        row->created_modseq = message->created_modseq;
        if (with_summary) {
            const ImsMemContent *content = g_hash_table_lookup(engine->contents, &message->content);

            row->summary = ims_mime_summary_copy(content->summary);
        }
        g_ptr_array_add(rows, row);
    }
    pthread_mutex_unlock(&engine->lock);
    return rows;
}

static gboolean
read_body(ImsEngine *base, ImsContentId id, gboolean header_only, ImsStoredBody *body_out,
          GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    const ImsMemContent *content;

    pthread_mutex_lock(&engine->lock);
    content = g_hash_table_lookup(engine->contents, &id);
    if (content != NULL) {
        body_out->size = content->size;
        body_out->header_size = (guint32)MIN(content->summary->header_size, content->size);
        memcpy(body_out->digest, content->digest, IMS_DIGEST_SIZE);
        body_out->file = NULL;
        body_out->bytes = g_bytes_ref(content->body);
    } else {
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such message body: %" G_GUINT64_FORMAT, id);
    }
    pthread_mutex_unlock(&engine->lock);
    return content != NULL;
}

static gboolean
keep_orphans(ImsEngine *base, GPtrArray *files)
{
    return FALSE;
}

static guint64
log_bytes(ImsEngine *base)
{
    return 0;
}

static void
checkpoint(ImsEngine *base, gboolean failed)
{
}

static void
engine_free(ImsEngine *base)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;

    g_hash_table_unref(engine->mailboxes);
    g_hash_table_unref(engine->folders);
    g_hash_table_unref(engine->contents);
    g_ptr_array_unref(engine->queue);
    g_ptr_array_unref(engine->uncertain);
    pthread_mutex_destroy(&engine->lock);
    g_free(engine);
}

ImsEngine *
ims_memory_engine_open(ImsWorld *world)
{
    ImsMemEngine *engine = g_new0(ImsMemEngine, 1);

    engine->world = world;
    pthread_mutex_init(&engine->lock, NULL);
    engine->mailboxes =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_tree_unref);
    engine->folders = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, folder_free);
    engine->contents = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, content_free);
    engine->queue = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    engine->uncertain = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    engine->engine.free = engine_free;
    engine->engine.apply = engine_apply;
    engine->engine.sweep = engine_sweep;
    engine->engine.log_bytes = log_bytes;
    engine->engine.checkpoint = checkpoint;
    engine->engine.load_folder = load_folder;
    engine->engine.read_rows = read_rows;
    engine->engine.read_body = read_body;
    engine->engine.keep_orphans = keep_orphans;
    ims_mem_folders_init(&engine->engine);
    ims_mem_queue_init(&engine->engine);
    return &engine->engine;
}
