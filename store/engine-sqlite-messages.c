/* Messages in the SQLite engine: deliver, copy and move, flags, expunge. */
#include "store/engine-sqlite-private.h"
#include "store/names.h"

#include <string.h>

typedef struct {
    ImsUidEntry entry;
    ImsContentId content;
    gint64 internal_usec;
    gint64 zone_min;
} MessageRow;

/* A run of UIDs without gap. */
typedef struct {
    guint32 first, last;
} Run;

static void
add_run(GArray *runs, guint32 uid)
{
    Run *last = runs->len > 0 ? &g_array_index(runs, Run, runs->len - 1) : NULL;

    if (last != NULL && last->last != G_MAXUINT32 && last->last + 1 == uid) {
        last->last = uid;
    } else {
        Run run = {uid, uid};

        g_array_append_val(runs, run);
    }
}

/* @uids: (nullable): NULL is all of the folder. */
static GArray *
runs_of_uids(const GArray *uids)
{
    GArray *runs = g_array_new(FALSE, FALSE, sizeof(Run));

    if (uids == NULL) {
        Run all = {1, G_MAXUINT32};

        g_array_append_val(runs, all);
    }
    for (guint i = 0; uids != NULL && i < uids->len; i++)
        add_run(runs, g_array_index(uids, guint32, i));
    return runs;
}

static gboolean
read_run(ImsSqlBatch *batch, ImsFolderId folder, const Run *run, gboolean only_deleted,
         GArray *rows)
{
    sqlite3_stmt *statement =
        ims_sql_bind(batch->conn, only_deleted ? SQL_MESSAGE_RANGE_DELETED : SQL_MESSAGE_RANGE,
                     "iii", (gint64)folder, (gint64)run->first, (gint64)run->last);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        MessageRow row = {
            .entry.uid = (guint32)sqlite3_column_int64(statement, 0),
            .entry.size = (guint32)sqlite3_column_int64(statement, 1),
            .entry.flags = (guint64)sqlite3_column_int64(statement, 2),
            .entry.modseq = (guint64)sqlite3_column_int64(statement, 3),
            .content = (ImsContentId)sqlite3_column_int64(statement, 4),
            .internal_usec = sqlite3_column_int64(statement, 5),
            .zone_min = sqlite3_column_int64(statement, 6),
        };

        g_array_append_val(rows, row);
    }
    return ok;
}

/* (element-type MessageRow): those of @uids that are there. NULL: SQL error. */
static GArray *
read_rows(ImsSqlBatch *batch, ImsFolderId folder, const GArray *uids, gboolean only_deleted)
{
    g_autoptr(GArray) runs = runs_of_uids(uids);
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(MessageRow));

    for (guint i = 0; i < runs->len; i++) {
        if (!read_run(batch, folder, &g_array_index(runs, Run, i), only_deleted, rows))
            return NULL;
    }
    return g_steal_pointer(&rows);
}

static gboolean
has_uids_left(const ImsFolderState *state, guint n, GError **error)
{
    if (G_MAXUINT32 - state->info.uidnext > n)
        return TRUE;
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                "folder %s has no UIDs left, make a new one", state->info.name);
    return FALSE;
}

/* The next UID of @state, and the entry there. @entry: size and flags are set, the rest is filled
 * in. */
static gboolean
insert_message(ImsSqlBatch *batch, ImsFolderState *state, ImsUidEntry *entry, guint64 modseq,
               ImsContentId content, gint64 internal_usec, gint64 zone_min)
{
    entry->uid = state->info.uidnext++;
    entry->modseq = modseq;
    ims_folder_state_add(state, entry);
    return ims_sql_run(batch->conn, SQL_MESSAGE_INSERT, "iiiiiiiii", (gint64)state->info.id,
                       (gint64)entry->uid, (gint64)entry->flags, (gint64)modseq,
                       (gint64)entry->size, (gint64)content, internal_usec, zone_min,
                       batch->now_usec);
}

static gboolean
insert_content(ImsSqlBatch *batch, ImsContentId id, const ImsDeliverOp *op, const ImsBodyRef *body,
               guint refs)
{
    const ImsMimeSummary *summary = op->summary;
    gint64 header_size = MIN((gint64)summary->header_size, (gint64)body->size);

    return ims_sql_run(batch->conn, SQL_CONTENT_INSERT, "iiiibt", (gint64)id, (gint64)refs,
                       (gint64)body->size, header_size, body->digest, sizeof body->digest,
                       body->file) &&
           ims_sql_run(batch->conn, SQL_SUMMARY_INSERT, "iiitttztt", (gint64)id,
                       (gint64)summary->size, (gint64)summary->header_size, summary->envelope,
                       summary->bodystructure, summary->body, summary->parts, summary->subject,
                       summary->message_id) &&
           (body->file != NULL ||
            ims_sql_run(batch->conn, SQL_BODY_INSERT, "iz", (gint64)id, op->body));
}

static gboolean
deliver_to(ImsSqlBatch *batch, ImsFolderState *state, const ImsDeliverOp *op,
           ImsDeliverTarget *target, ImsContentId content, const ImsBodyRef *body)
{
    g_auto(GStrv) keywords = g_strdupv(state->keywords);
    ImsUidEntry entry = {
        .size = (guint32)body->size,
        .flags = target->flags & IMS_FLAG_SYSTEM_MASK,
    };

    target->modseq = ims_folder_state_bump(state);
    if (target->keywords != NULL) {
        entry.flags |= ims_keywords_mask(&keywords, target->keywords, TRUE, NULL);
        ims_folder_state_set_keywords(state, g_steal_pointer(&keywords));
    }
    if (!insert_message(batch, state, &entry, target->modseq, content, op->internal_date_usec,
                        op->internal_zone_min))
        return FALSE;
    target->uid = entry.uid;
    target->folder_out = state->info.id;
    target->uidvalidity = state->info.uidvalidity;
    batch->changes->messages++;
    return TRUE;
}

gboolean
ims_sql_deliver(ImsSqlBatch *batch, ImsDeliverOp *op, const ImsBodyRef *body, GError **error)
{
    guint n_targets = op->targets != NULL ? op->targets->len : 0;
    g_autoptr(GPtrArray) states = g_ptr_array_sized_new(n_targets);
    ImsContentId content = batch->last_content + 1;

    for (guint i = 0; i < n_targets; i++) {
        const ImsDeliverTarget *target = &g_array_index(op->targets, ImsDeliverTarget, i);
        ImsFolderState *state =
            target->folder != 0
                ? ims_sql_batch_folder(batch, target->folder, error)
                : ims_sql_batch_folder_by_name(batch, target->mailbox, "INBOX", error);

        if (state == NULL || !has_uids_left(state, n_targets, error))
            return *error != NULL;
        g_ptr_array_add(states, state);
    }
    batch->touched = TRUE;
    batch->last_content = content;
    if (!insert_content(batch, content, op, body, n_targets + (op->queue != NULL ? 1 : 0)))
        return FALSE;
    for (guint i = 0; i < n_targets; i++) {
        if (!deliver_to(batch, g_ptr_array_index(states, i), op,
                        &g_array_index(op->targets, ImsDeliverTarget, i), content, body))
            return FALSE;
    }
    return op->queue == NULL || ims_sql_queue_insert(batch, op->queue, content, body->size);
}

static gboolean
add_refs(ImsSqlBatch *batch, ImsContentId content, gint64 n)
{
    return ims_sql_run(batch->conn, SQL_CONTENT_REFS, "ii", (gint64)content, n);
}

/* Takes @rows out of the folder; they stay in the graveyard for those who have not been told yet.
 */
static gboolean
bury(ImsSqlBatch *batch, ImsFolderState *state, const GArray *rows)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(Run));
    g_autoptr(GString) uids = g_string_new(NULL);
    guint64 modseq = ims_folder_state_bump(state);

    batch->touched = TRUE;
    batch->changes->garbage = TRUE;
    for (guint i = 0; i < rows->len; i++) {
        const MessageRow *row = &g_array_index(rows, MessageRow, i);

        ims_folder_state_remove(state, &row->entry);
        add_run(runs, row->entry.uid);
    }
    for (guint i = 0; i < runs->len; i++) {
        const Run *run = &g_array_index(runs, Run, i);

        if (!ims_sql_run(batch->conn, SQL_MESSAGE_BURY, "iiiii", (gint64)state->info.id,
                         (gint64)run->first, (gint64)run->last, (gint64)modseq, batch->now_usec) ||
            !ims_sql_run(batch->conn, SQL_MESSAGE_DELETE, "iii", (gint64)state->info.id,
                         (gint64)run->first, (gint64)run->last))
            return FALSE;
        g_string_append_printf(uids, "%s%u", i > 0 ? "," : "", run->first);
        if (run->last != run->first)
            g_string_append_printf(uids, ":%u", run->last);
    }
    return ims_sql_run(batch->conn, SQL_TOMBSTONE_INSERT, "iiit", (gint64)state->info.id,
                       (gint64)modseq, batch->now_usec, uids->str);
}

/* New rows in @to for @rows of @from; the UIDs they got are added to @to_uids. */
static gboolean
copy_rows(ImsSqlBatch *batch, ImsFolderState *from, ImsFolderState *to, const GArray *rows,
          GArray *to_uids)
{
    g_auto(GStrv) from_keywords = g_strdupv(from->keywords);
    g_auto(GStrv) keywords = g_strdupv(to->keywords);
    guint n_keywords = g_strv_length(keywords);
    guint64 modseq = ims_folder_state_bump(to);

    batch->touched = TRUE;
    for (guint i = 0; i < rows->len; i++) {
        const MessageRow *row = &g_array_index(rows, MessageRow, i);
        ImsUidEntry entry = {
            .size = row->entry.size,
            .flags = ims_keywords_remap(from_keywords, row->entry.flags, &keywords),
        };

        if (!insert_message(batch, to, &entry, modseq, row->content, row->internal_usec,
                            row->zone_min) ||
            !add_refs(batch, row->content, 1))
            return FALSE;
        g_array_append_val(to_uids, entry.uid);
    }
    if (g_strv_length(keywords) != n_keywords)
        ims_folder_state_set_keywords(to, g_steal_pointer(&keywords));
    return TRUE;
}

gboolean
ims_sql_copy(ImsSqlBatch *batch, ImsCopyOp *op)
{
    ImsFolderState *from = ims_sql_batch_folder(batch, op->from, &op->op.error);
    ImsFolderState *to = from != NULL ? ims_sql_batch_folder(batch, op->to, &op->op.error) : NULL;
    g_autoptr(GArray) rows = NULL;

    if (to == NULL)
        return op->op.error != NULL;
    rows = read_rows(batch, op->from, op->uids, FALSE);
    if (rows == NULL || !has_uids_left(to, rows->len, &op->op.error))
        return op->op.error != NULL;
    op->from_uids = g_array_sized_new(FALSE, FALSE, sizeof(guint32), rows->len);
    op->to_uids = g_array_sized_new(FALSE, FALSE, sizeof(guint32), rows->len);
    op->uidvalidity = to->info.uidvalidity;
    op->modseq = to->info.highest_modseq;
    if (rows->len == 0)
        return TRUE;
    for (guint i = 0; i < rows->len; i++)
        g_array_append_val(op->from_uids, g_array_index(rows, MessageRow, i).entry.uid);
    if (!copy_rows(batch, from, to, rows, op->to_uids) || (op->move && !bury(batch, from, rows)))
        return FALSE;
    op->modseq = to->info.highest_modseq;
    return TRUE;
}

gboolean
ims_sql_move_all(ImsSqlBatch *batch, ImsFolderId from_id, ImsFolderId to_id)
{
    ImsFolderState *from = ims_sql_batch_folder(batch, from_id, NULL);
    ImsFolderState *to = ims_sql_batch_folder(batch, to_id, NULL);
    g_autoptr(GArray) rows = NULL;
    g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(guint32));

    if (from == NULL || to == NULL)
        return FALSE;
    rows = read_rows(batch, from_id, NULL, FALSE);
    if (rows == NULL)
        return FALSE;
    return rows->len == 0 || (copy_rows(batch, from, to, rows, uids) && bury(batch, from, rows));
}

static guint64
new_flags(const ImsFlagsOp *op, guint64 old, guint64 bits)
{
    switch (op->mode) {
    case IMS_FLAGS_ADD:
        return old | bits;
    case IMS_FLAGS_REMOVE:
        return old & ~bits;
    case IMS_FLAGS_REPLACE:
        return bits;
    }
    g_assert_not_reached();
}

static void
append_modified(ImsFlagsOp *op, guint32 uid)
{
    if (op->modified == NULL)
        op->modified = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_array_append_val(op->modified, uid);
}

static gboolean
write_flags(ImsSqlBatch *batch, const ImsFlagsOp *op, const Run *run, guint64 bits, guint64 modseq)
{
    guint64 keep = op->mode == IMS_FLAGS_ADD      ? G_MAXUINT64
                   : op->mode == IMS_FLAGS_REMOVE ? ~bits
                                                  : 0;
    guint64 set = op->mode == IMS_FLAGS_REMOVE ? 0 : bits;

    return ims_sql_run(batch->conn, SQL_MESSAGE_FLAGS, "iiiiii", (gint64)op->folder,
                       (gint64)run->first, (gint64)run->last, (gint64)keep, (gint64)set,
                       (gint64)modseq);
}

/* The rows that change, as runs: each run holds no message that is not to change. */
static gboolean
change_rows(ImsSqlBatch *batch, ImsFlagsOp *op, ImsFolderState *state, const GArray *rows,
            guint64 bits)
{
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(Run));
    guint64 modseq = 0;

    for (guint i = 0; i < rows->len; i++) {
        ImsUidEntry entry = g_array_index(rows, MessageRow, i).entry;
        guint64 old = entry.flags;

        if (op->unchanged_since != 0 && entry.modseq > op->unchanged_since) {
            append_modified(op, entry.uid);
            continue;
        }
        entry.flags = new_flags(op, old, bits);
        if (entry.flags == old)
            continue;
        if (modseq == 0)
            modseq = ims_folder_state_bump(state);
        entry.modseq = modseq;
        ims_folder_state_change(state, old, &entry);
        add_run(runs, entry.uid);
    }
    batch->touched |= runs->len > 0;
    for (guint i = 0; i < runs->len; i++) {
        if (!write_flags(batch, op, &g_array_index(runs, Run, i), bits, modseq))
            return FALSE;
    }
    return TRUE;
}

gboolean
ims_sql_store_flags(ImsSqlBatch *batch, ImsFlagsOp *op)
{
    ImsFolderState *state = ims_sql_batch_folder(batch, op->folder, &op->op.error);
    g_auto(GStrv) keywords = state != NULL ? g_strdupv(state->keywords) : NULL;
    g_autoptr(GArray) rows = NULL;
    gboolean full = FALSE;
    guint64 bits;

    if (state == NULL)
        return op->op.error != NULL;
    bits = (op->flags & IMS_FLAG_SYSTEM_MASK) |
           ims_keywords_mask(&keywords, op->keywords, op->mode != IMS_FLAGS_REMOVE, &full);
    if (full) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                    "folder %s has %d keywords, no more are kept", state->info.name,
                    IMS_MAX_KEYWORDS);
        return TRUE;
    }
    rows = read_rows(batch, op->folder, op->uids, FALSE);
    if (rows == NULL || !change_rows(batch, op, state, rows, bits))
        return FALSE;
    if (batch->touched && g_strv_length(keywords) != g_strv_length(state->keywords))
        ims_folder_state_set_keywords(state, g_steal_pointer(&keywords));
    op->modseq = state->info.highest_modseq;
    return TRUE;
}

gboolean
ims_sql_expunge(ImsSqlBatch *batch, ImsExpungeOp *op)
{
    ImsFolderState *state = ims_sql_batch_folder(batch, op->folder, &op->op.error);
    g_autoptr(GArray) rows = NULL;

    if (state == NULL)
        return op->op.error != NULL;
    if (op->only_deleted && state->info.deleted == 0)
        rows = g_array_new(FALSE, FALSE, sizeof(MessageRow));
    else
        rows = read_rows(batch, op->folder, op->uids, op->only_deleted);
    if (rows == NULL)
        return FALSE;
    op->expunged = g_array_sized_new(FALSE, FALSE, sizeof(guint32), rows->len);
    for (guint i = 0; i < rows->len; i++)
        g_array_append_val(op->expunged, g_array_index(rows, MessageRow, i).entry.uid);
    if (rows->len > 0 && !bury(batch, state, rows))
        return FALSE;
    op->modseq = state->info.highest_modseq;
    return TRUE;
}
