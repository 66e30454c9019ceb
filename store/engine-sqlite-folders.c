/* Folders in the SQLite engine: heads kept by the batch, and the operations on folders and
 * mailboxes. */
#include "store/engine-sqlite-private.h"
#include "store/names.h"

#include <string.h>

void
ims_sql_read_folder(sqlite3_stmt *statement, ImsFolder *folder_out, char ***keywords_out)
{
    const void *object_id = sqlite3_column_blob(statement, 12);

    memset(folder_out, 0, sizeof *folder_out);
    folder_out->id = (ImsFolderId)sqlite3_column_int64(statement, 0);
    folder_out->mailbox = (ImsMailboxId)sqlite3_column_int64(statement, 1);
    folder_out->name = ims_sql_text_column(statement, 2);
    folder_out->special_use = ims_sql_text_column(statement, 3);
    folder_out->uidvalidity = (guint32)sqlite3_column_int64(statement, 4);
    folder_out->uidnext = (guint32)sqlite3_column_int64(statement, 5);
    folder_out->highest_modseq = (guint64)sqlite3_column_int64(statement, 6);
    folder_out->messages = (guint32)sqlite3_column_int64(statement, 7);
    folder_out->unseen = (guint32)sqlite3_column_int64(statement, 8);
    folder_out->deleted = (guint32)sqlite3_column_int64(statement, 9);
    folder_out->bytes = (guint64)sqlite3_column_int64(statement, 10);
    folder_out->first_recent_uid = (guint32)sqlite3_column_int64(statement, 11);
    if (sqlite3_column_bytes(statement, 12) == (int)sizeof folder_out->object_id)
        memcpy(folder_out->object_id, object_id, sizeof folder_out->object_id);
    if (keywords_out != NULL) {
        const char *text = (const char *)sqlite3_column_text(statement, 13);

        /* g_strsplit() makes no element of an empty text. */
        *keywords_out = g_strsplit(text != NULL ? text : "", " ", -1);
    }
}

/* (transfer none): the batch's state of the row @statement stands on, if there is one. */
static ImsFolderState *
keep_row(ImsSqlBatch *batch, sqlite3_stmt *statement, gboolean *ok)
{
    ImsFolderState *state;
    gint64 id;

    if (statement == NULL) {
        *ok = FALSE;
        return NULL;
    }
    if (!ims_sql_next(statement, ok))
        return NULL;
    id = sqlite3_column_int64(statement, 0);
    state = g_hash_table_lookup(batch->folders, &id);
    if (state == NULL) {
        state = g_new0(ImsFolderState, 1);
        ims_sql_read_folder(statement, &state->info, &state->keywords);
        g_hash_table_insert(batch->folders, &state->info.id, state);
    }
    ims_sql_end(statement);
    return state;
}

static ImsFolderState *
not_found(gboolean ok, const char *what, GError **error)
{
    if (ok)
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND, "no such folder: %s", what);
    return NULL;
}

ImsFolderState *
ims_sql_batch_folder(ImsSqlBatch *batch, ImsFolderId folder, GError **error)
{
    ImsFolderState *state = g_hash_table_lookup(batch->folders, &folder);
    gboolean ok = TRUE;
    char number[24];

    if (state == NULL)
        state =
            keep_row(batch, ims_sql_bind(batch->conn, SQL_FOLDER_BY_ID, "i", (gint64)folder), &ok);
    if (state != NULL && state->info.mailbox != 0)
        return state;
    g_snprintf(number, sizeof number, "%" G_GUINT64_FORMAT, folder);
    return not_found(ok, number, error);
}

ImsFolderState *
ims_sql_batch_folder_by_name(ImsSqlBatch *batch, ImsMailboxId mailbox, const char *name,
                             GError **error)
{
    gboolean ok = TRUE;
    ImsFolderState *state = keep_row(
        batch, ims_sql_bind(batch->conn, SQL_FOLDER_BY_NAME, "it", (gint64)mailbox, name), &ok);

    return state != NULL ? state : not_found(ok, name, error);
}

gboolean
ims_sql_batch_flush(ImsSqlBatch *batch)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, batch->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ImsFolderState *state = value;
        const ImsFolder *info = &state->info;
        g_autofree char *keywords = g_strjoinv(" ", state->keywords);
        ImsFolderDelta *delta = ims_folder_state_take_delta(state);

        if (state->dirty &&
            !ims_sql_run(batch->conn, SQL_FOLDER_UPDATE, "iiiiiiiit", (gint64)info->id,
                         (gint64)info->uidnext, (gint64)info->highest_modseq,
                         (gint64)info->messages, (gint64)info->unseen, (gint64)info->deleted,
                         (gint64)info->bytes, (gint64)info->first_recent_uid, keywords)) {
            ims_folder_delta_free(delta);
            return FALSE;
        }
        if (delta != NULL)
            g_ptr_array_add(batch->changes->folders, delta);
    }
    return TRUE;
}

/* FALSE: SQL error. *@has_out whether the row is there. */
static gboolean
has(ImsSqlBatch *batch, ImsSqlId id, gint64 key, gboolean *has_out)
{
    gint64 value = 0;

    if (!ims_sql_int(batch->conn, id, key, 0, &value))
        return FALSE;
    *has_out = value != 0;
    return TRUE;
}

static gboolean
has_name(ImsSqlBatch *batch, ImsMailboxId mailbox, const char *name, gboolean *has_out)
{
    g_autoptr(GError) error = NULL;

    *has_out = ims_sql_batch_folder_by_name(batch, mailbox, name, &error) != NULL;
    return *has_out || error != NULL;
}

/* Makes one folder that is known not to be there. */
static gboolean
make_folder(ImsSqlBatch *batch, ImsMailboxId mailbox, const char *name, const char *special_use,
            ImsFolderId *folder_out)
{
    guint8 object_id[16];
    gint64 uidvalidity = 1;
    gboolean ok = TRUE;
    sqlite3_stmt *statement = ims_sql_bind(batch->conn, SQL_META_GET, "t", "uidvalidity");

    batch->touched = TRUE;
    if (statement == NULL)
        return FALSE;
    if (ims_sql_next(statement, &ok)) {
        uidvalidity = sqlite3_column_int64(statement, 0) + 1;
        ims_sql_end(statement);
    }
    ims_world_random(batch->engine->world, object_id, sizeof object_id);
    if (!ok || !ims_sql_run(batch->conn, SQL_META_SET, "ti", "uidvalidity", uidvalidity) ||
        !ims_sql_run(batch->conn, SQL_FOLDER_INSERT, "ittib", (gint64)mailbox, name, special_use,
                     uidvalidity, object_id, sizeof object_id))
        return FALSE;
    *folder_out = (ImsFolderId)sqlite3_last_insert_rowid(batch->conn->db);
    return TRUE;
}

static gboolean
create_mailbox(ImsSqlBatch *batch, ImsFolderOp *op)
{
    gboolean there = FALSE;

    if (!has(batch, SQL_MAILBOX_HAS, (gint64)op->mailbox, &there))
        return FALSE;
    if (there)
        return TRUE;
    batch->touched = TRUE;
    if (!ims_sql_run(batch->conn, SQL_MAILBOX_INSERT, "ii", (gint64)op->mailbox, batch->now_usec))
        return FALSE;
    for (guint i = 0; i < ims_n_standard_folders; i++) {
        const ImsStandardFolder *standard = &ims_standard_folders[i];
        ImsFolderId folder;

        if (!make_folder(batch, op->mailbox, standard->name, standard->special_use, &folder) ||
            !ims_sql_run(batch->conn, SQL_SUBSCRIPTION_INSERT, "it", (gint64)op->mailbox,
                         standard->name))
            return FALSE;
        if (i == 0)
            op->folder = folder;
    }
    return TRUE;
}

static gboolean
bury_folder(ImsSqlBatch *batch, ImsFolderState *state)
{
    batch->touched = TRUE;
    batch->changes->garbage = TRUE;
    ims_folder_state_bump(state);
    state->info.mailbox = 0;
    return ims_sql_run(batch->conn, SQL_FOLDER_GONE, "ii", (gint64)state->info.id, batch->now_usec);
}

/* The folders of a mailbox that are @name or below it; all where @name is NULL. (transfer
 * container) */
static GPtrArray *
folders_below(ImsSqlBatch *batch, ImsMailboxId mailbox, const char *name)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    sqlite3_stmt *statement =
        ims_sql_bind(batch->conn, SQL_FOLDER_OF_MAILBOX, "i", (gint64)mailbox);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        const char *row_name = (const char *)sqlite3_column_text(statement, 2);
        gint64 id = sqlite3_column_int64(statement, 0);
        ImsFolderState *state;

        if (row_name == NULL || (name != NULL && strcmp(row_name, name) != 0 &&
                                 !ims_folder_name_is_below(row_name, name)))
            continue;
        state = g_hash_table_lookup(batch->folders, &id);
        if (state == NULL) {
            state = g_new0(ImsFolderState, 1);
            ims_sql_read_folder(statement, &state->info, &state->keywords);
            g_hash_table_insert(batch->folders, &state->info.id, state);
        }
        g_ptr_array_add(found, state);
    }
    return ok ? g_steal_pointer(&found) : NULL;
}

static gboolean
delete_mailbox(ImsSqlBatch *batch, ImsFolderOp *op)
{
    g_autoptr(GPtrArray) folders = NULL;
    gboolean there = FALSE;

    if (!has(batch, SQL_MAILBOX_HAS, (gint64)op->mailbox, &there))
        return FALSE;
    if (!there) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such mailbox: %" G_GUINT64_FORMAT, op->mailbox);
        return TRUE;
    }
    folders = folders_below(batch, op->mailbox, NULL);
    if (folders == NULL)
        return FALSE;
    for (guint i = 0; i < folders->len; i++) {
        if (!bury_folder(batch, g_ptr_array_index(folders, i)))
            return FALSE;
    }
    batch->touched = TRUE;
    return ims_sql_run(batch->conn, SQL_SUBSCRIPTION_CLEAR, "i", (gint64)op->mailbox) &&
           ims_sql_run(batch->conn, SQL_MAILBOX_DELETE, "i", (gint64)op->mailbox);
}

/* @name and its missing superiors. FALSE: SQL error, or op->op.error is set. */
static gboolean
make_with_superiors(ImsSqlBatch *batch, ImsFolderOp *op, const char *name, const char *special_use,
                    ImsFolderId *folder_out)
{
    g_autofree char *superior = ims_folder_name_superior(name);

    if (superior != NULL) {
        ImsFolderId ignored;
        gboolean there;

        if (!has_name(batch, op->mailbox, superior, &there))
            return FALSE;
        if (!there && !make_with_superiors(batch, op, superior, NULL, &ignored))
            return FALSE;
    }
    return make_folder(batch, op->mailbox, name, special_use, folder_out);
}

/* TRUE: go on. FALSE: SQL error, or op->op.error is set. */
static gboolean
may_create(ImsSqlBatch *batch, ImsFolderOp *op, const char *name)
{
    gboolean there = FALSE;
    gint64 n = 0;

    if (!has(batch, SQL_MAILBOX_HAS, (gint64)op->mailbox, &there))
        return FALSE;
    if (!there) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such mailbox: %" G_GUINT64_FORMAT, op->mailbox);
        return FALSE;
    }
    if (!has_name(batch, op->mailbox, name, &there))
        return FALSE;
    if (there) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_EXISTS,
                    "folder exists already: %s", name);
        return FALSE;
    }
    if (!ims_sql_int(batch->conn, SQL_FOLDER_COUNT, (gint64)op->mailbox, 0, &n))
        return FALSE;
    if (n + IMS_FOLDER_LEVELS_MAX > IMS_FOLDERS_MAX) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                    "the mailbox has %" G_GINT64_FORMAT " folders, no more are made", n);
        return FALSE;
    }
    return TRUE;
}

static gboolean
create_folder(ImsSqlBatch *batch, ImsFolderOp *op)
{
    if (!may_create(batch, op, op->name))
        return op->op.error != NULL;
    return make_with_superiors(batch, op, op->name, op->special_use, &op->folder);
}

static gboolean
delete_folder(ImsSqlBatch *batch, ImsFolderOp *op)
{
    ImsFolderState *state =
        ims_sql_batch_folder_by_name(batch, op->mailbox, op->name, &op->op.error);

    if (state == NULL)
        return op->op.error != NULL;
    op->folder = state->info.id;
    return bury_folder(batch, state);
}

/* One folder of a RENAME gets its new name; a subscription to the old one is made for the new one
 * as well. */
static gboolean
move_name(ImsSqlBatch *batch, ImsFolderState *state, const char *new_name)
{
    sqlite3_stmt *statement = ims_sql_bind(batch->conn, SQL_SUBSCRIPTION_HAS, "it",
                                           (gint64)state->info.mailbox, state->info.name);
    gboolean ok = statement != NULL, subscribed = FALSE;

    if (ok && ims_sql_next(statement, &ok)) {
        subscribed = TRUE;
        ims_sql_end(statement);
    }
    if (!ok)
        return FALSE;
    batch->touched = TRUE;
    g_free(state->info.name);
    state->info.name = g_strdup(new_name);
    return (!subscribed || ims_sql_run(batch->conn, SQL_SUBSCRIPTION_INSERT, "it",
                                       (gint64)state->info.mailbox, new_name)) &&
           ims_sql_run(batch->conn, SQL_FOLDER_MOVE, "it", (gint64)state->info.id, new_name);
}

/* RFC 3501 6.3.5: the INBOX stays, empty; its messages are in the new folder; its inferiors stay as
 * they are. */
static gboolean
rename_inbox(ImsSqlBatch *batch, ImsFolderOp *op)
{
    ImsFolderState *inbox =
        ims_sql_batch_folder_by_name(batch, op->mailbox, op->name, &op->op.error);

    if (inbox == NULL || !may_create(batch, op, op->new_name))
        return op->op.error != NULL;
    return make_with_superiors(batch, op, op->new_name, NULL, &op->folder) &&
           ims_sql_move_all(batch, inbox->info.id, op->folder);
}

static gboolean
rename_folder(ImsSqlBatch *batch, ImsFolderOp *op)
{
    ImsFolderState *state;
    g_autoptr(GPtrArray) folders = NULL;
    g_autofree char *superior = ims_folder_name_superior(op->new_name);
    gsize old_length = strlen(op->name);
    ImsFolderId ignored;

    if (strcmp(op->name, "INBOX") == 0)
        return rename_inbox(batch, op);
    state = ims_sql_batch_folder_by_name(batch, op->mailbox, op->name, &op->op.error);
    if (state == NULL || !may_create(batch, op, op->new_name))
        return op->op.error != NULL;
    folders = folders_below(batch, op->mailbox, op->name);
    if (folders == NULL)
        return FALSE;
    op->folder = state->info.id;
    for (guint i = 0; i < folders->len; i++) {
        const ImsFolderState *below = g_ptr_array_index(folders, i);
        g_autofree char *name = g_strconcat(op->new_name, below->info.name + old_length, NULL);
        g_autofree char *canonical = ims_folder_name_canonical(name, &op->op.error);
        gboolean there = FALSE;

        if (canonical == NULL)
            return TRUE;
        if (!has_name(batch, op->mailbox, name, &there))
            return FALSE;
        if (there) {
            g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_EXISTS,
                        "folder exists already: %s", name);
            return TRUE;
        }
    }
    if (superior != NULL) {
        gboolean there = FALSE;

        if (!has_name(batch, op->mailbox, superior, &there) ||
            (!there && !make_with_superiors(batch, op, superior, NULL, &ignored)))
            return FALSE;
    }
    for (guint i = 0; i < folders->len; i++) {
        ImsFolderState *below = g_ptr_array_index(folders, i);
        g_autofree char *name = g_strconcat(op->new_name, below->info.name + old_length, NULL);

        if (!move_name(batch, below, name))
            return FALSE;
    }
    return TRUE;
}

static gboolean
claim_recent(ImsSqlBatch *batch, ImsFolderOp *op)
{
    ImsFolderState *state = ims_sql_batch_folder(batch, op->folder, &op->op.error);

    if (state == NULL)
        return op->op.error != NULL;
    op->first_recent_uid = state->info.first_recent_uid;
    op->uidnext = state->info.uidnext;
    if (state->info.first_recent_uid != state->info.uidnext) {
        batch->touched = TRUE;
        ims_folder_state_touch(state);
        state->info.first_recent_uid = state->info.uidnext;
    }
    return TRUE;
}

static gboolean
subscribe(ImsSqlBatch *batch, ImsFolderOp *op, ImsSqlId id)
{
    gboolean there = FALSE;

    if (!has(batch, SQL_MAILBOX_HAS, (gint64)op->mailbox, &there))
        return FALSE;
    if (!there) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such mailbox: %" G_GUINT64_FORMAT, op->mailbox);
        return TRUE;
    }
    batch->touched = TRUE;
    return ims_sql_run(batch->conn, id, "it", (gint64)op->mailbox, op->name);
}

gboolean
ims_sql_folder_op(ImsSqlBatch *batch, ImsFolderOp *op)
{
    switch (op->op.kind) {
    case IMS_OP_MAILBOX_CREATE:
        return create_mailbox(batch, op);
    case IMS_OP_MAILBOX_DELETE:
        return delete_mailbox(batch, op);
    case IMS_OP_FOLDER_CREATE:
        return create_folder(batch, op);
    case IMS_OP_FOLDER_RENAME:
        return rename_folder(batch, op);
    case IMS_OP_FOLDER_DELETE:
        return delete_folder(batch, op);
    case IMS_OP_CLAIM_RECENT:
        return claim_recent(batch, op);
    case IMS_OP_SUBSCRIBE:
        return subscribe(batch, op, SQL_SUBSCRIPTION_INSERT);
    case IMS_OP_UNSUBSCRIBE:
        return subscribe(batch, op, SQL_SUBSCRIPTION_DELETE);
    default:
        g_assert_not_reached();
    }
}
