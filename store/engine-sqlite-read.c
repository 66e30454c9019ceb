/* Reads of the SQLite engine. Each takes a connection of its own for one call and leaves no
 * transaction open. */
#include "store/engine-sqlite-private.h"

#include <string.h>

typedef struct {
    ImsSqliteEngine *engine;
    ImsSqlConn *conn; /* NULL: could not be opened */
} Reader;

static gboolean
reader_open(Reader *reader, ImsEngine *engine, GError **error)
{
    reader->engine = (ImsSqliteEngine *)engine;
    reader->conn = ims_sqlite_reader_take(reader->engine, error);
    return reader->conn != NULL;
}

static void
reader_close(Reader *reader)
{
    if (reader->conn != NULL)
        ims_sqlite_reader_give(reader->engine, reader->conn);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_close)

static void
set_no_folder(ImsFolderId folder, const char *name, GError **error)
{
    if (name != NULL)
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND, "no such folder: %s", name);
    else
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such folder: %" G_GUINT64_FORMAT, folder);
}

static gboolean
is_subscribed(Reader *reader, const ImsFolder *folder, gboolean *ok)
{
    sqlite3_stmt *statement = ims_sql_bind(reader->conn, SQL_SUBSCRIPTION_HAS, "it",
                                           (gint64)folder->mailbox, folder->name);

    if (statement == NULL) {
        *ok = FALSE;
        return FALSE;
    }
    if (!ims_sql_next(statement, ok))
        return FALSE;
    ims_sql_end(statement);
    return TRUE;
}

static ImsFolder *
get_folder(ImsEngine *engine, ImsFolderId folder, ImsMailboxId mailbox, const char *name,
           GError **error)
{
    g_auto(Reader) reader = {0};
    g_autoptr(ImsFolder) found = NULL;
    sqlite3_stmt *statement;
    gboolean ok;

    if (!reader_open(&reader, engine, error))
        return NULL;
    statement = folder != 0
                    ? ims_sql_bind(reader.conn, SQL_FOLDER_BY_ID, "i", (gint64)folder)
                    : ims_sql_bind(reader.conn, SQL_FOLDER_BY_NAME, "it", (gint64)mailbox, name);
    ok = statement != NULL;
    if (ok && ims_sql_next(statement, &ok)) {
        found = g_new0(ImsFolder, 1);
        ims_sql_read_folder(statement, found, NULL);
        ims_sql_end(statement);
        if (found->mailbox != 0)
            found->subscribed = is_subscribed(&reader, found, &ok);
    }
    if (!ok) {
        ims_sql_set_error(reader.conn, error);
        return NULL;
    }
    if (found == NULL || found->mailbox == 0) {
        set_no_folder(folder, name, error);
        return NULL;
    }
    return g_steal_pointer(&found);
}

/* (transfer full): the names a statement gives for a mailbox. */
static GPtrArray *
read_names(Reader *reader, ImsSqlId id, ImsMailboxId mailbox, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    sqlite3_stmt *statement = ims_sql_bind(reader->conn, id, "i", (gint64)mailbox);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok))
        g_ptr_array_add(names, ims_sql_text_column(statement, 0));
    if (ok)
        return g_steal_pointer(&names);
    ims_sql_set_error(reader->conn, error);
    return NULL;
}

static GPtrArray *
list_subscriptions(ImsEngine *engine, ImsMailboxId mailbox, GError **error)
{
    g_auto(Reader) reader = {0};

    if (!reader_open(&reader, engine, error))
        return NULL;
    return read_names(&reader, SQL_SUBSCRIPTION_LIST, mailbox, error);
}

static GPtrArray *
list_folders(ImsEngine *engine, ImsMailboxId mailbox, GError **error)
{
    g_auto(Reader) reader = {0};
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func((GDestroyNotify)ims_folder_free);
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GHashTable) subscribed = g_hash_table_new(g_str_hash, g_str_equal);
    sqlite3_stmt *statement;
    gboolean ok;

    if (!reader_open(&reader, engine, error))
        return NULL;
    names = read_names(&reader, SQL_SUBSCRIPTION_LIST, mailbox, error);
    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++)
        g_hash_table_add(subscribed, g_ptr_array_index(names, i));
    statement = ims_sql_bind(reader.conn, SQL_FOLDER_OF_MAILBOX, "i", (gint64)mailbox);
    ok = statement != NULL;
    while (ok && ims_sql_next(statement, &ok)) {
        ImsFolder *folder = g_new0(ImsFolder, 1);

        ims_sql_read_folder(statement, folder, NULL);
        folder->subscribed = g_hash_table_contains(subscribed, folder->name);
        g_ptr_array_insert(folders, strcmp(folder->name, "INBOX") == 0 ? 0 : -1, folder);
    }
    if (ok)
        return g_steal_pointer(&folders);
    ims_sql_set_error(reader.conn, error);
    return NULL;
}

static gboolean
has_mailbox(ImsEngine *engine, ImsMailboxId mailbox)
{
    g_auto(Reader) reader = {0};
    gint64 there = 0;

    return reader_open(&reader, engine, NULL) &&
           ims_sql_int(reader.conn, SQL_MAILBOX_HAS, (gint64)mailbox, 0, &there) && there != 0;
}

static ImsFolderDelta *
read_head(Reader *reader, ImsFolderId folder, gboolean *ok)
{
    sqlite3_stmt *statement = ims_sql_bind(reader->conn, SQL_FOLDER_BY_ID, "i", (gint64)folder);
    ImsFolderDelta *delta = NULL;

    if (statement == NULL) {
        *ok = FALSE;
        return NULL;
    }
    if (ims_sql_next(statement, ok)) {
        ImsFolder info;

        delta = ims_folder_delta_new(folder);
        ims_sql_read_folder(statement, &info, &delta->keywords);
        delta->gone = info.mailbox == 0;
        delta->uidvalidity = info.uidvalidity;
        delta->uidnext = info.uidnext;
        delta->first_recent_uid = info.first_recent_uid;
        delta->highest_modseq = info.highest_modseq;
        g_array_set_size(delta->changes, info.messages);
        g_array_set_size(delta->changes, 0);
        g_free(info.name);
        g_free(info.special_use);
        ims_sql_end(statement);
    }
    return delta;
}

static ImsFolderDelta *
load_folder_inside(Reader *reader, ImsFolderId folder, gboolean *ok)
{
    ImsFolderDelta *delta = read_head(reader, folder, ok);
    sqlite3_stmt *statement;

    if (delta == NULL || delta->gone)
        return delta;
    statement = ims_sql_bind(reader->conn, SQL_MESSAGE_LOAD, "i", (gint64)folder);
    *ok = statement != NULL;
    while (*ok && ims_sql_next(statement, ok)) {
        ImsUidEntry entry = {
            .uid = (guint32)sqlite3_column_int64(statement, 0),
            .size = (guint32)sqlite3_column_int64(statement, 1),
            .flags = (guint64)sqlite3_column_int64(statement, 2),
            .modseq = (guint64)sqlite3_column_int64(statement, 3),
        };

        g_array_append_val(delta->changes, entry);
    }
    return delta;
}

static ImsFolderDelta *
load_folder(ImsEngine *engine, ImsFolderId folder, GError **error)
{
    g_auto(Reader) reader = {0};
    ImsFolderDelta *delta;
    gboolean ok = TRUE;

    if (!reader_open(&reader, engine, error))
        return NULL;
    /* One transaction: heads and messages of the same moment. */
    if (sqlite3_exec(reader.conn->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        ims_sql_set_error(reader.conn, error);
        return NULL;
    }
    delta = load_folder_inside(&reader, folder, &ok);
    if (!ok)
        ims_sql_set_error(reader.conn, error);
    else if (delta == NULL || delta->gone)
        set_no_folder(folder, NULL, error);
    sqlite3_exec(reader.conn->db, "COMMIT", NULL, NULL, NULL);
    if (ok && delta != NULL && !delta->gone)
        return delta;
    ims_folder_delta_free(delta);
    return NULL;
}

static ImsMimeSummary *
read_summary(Reader *reader, ImsContentId content, gboolean *ok)
{
    sqlite3_stmt *statement = ims_sql_bind(reader->conn, SQL_SUMMARY_READ, "i", (gint64)content);
    ImsMimeSummary *summary;

    if (statement == NULL) {
        *ok = FALSE;
        return NULL;
    }
    if (!ims_sql_next(statement, ok))
        return NULL;
    summary = g_new0(ImsMimeSummary, 1);
    summary->size = (guint32)sqlite3_column_int64(statement, 0);
    summary->header_size = (guint32)sqlite3_column_int64(statement, 1);
    summary->envelope = ims_sql_text_column(statement, 2);
    summary->bodystructure = ims_sql_text_column(statement, 3);
    summary->body = ims_sql_text_column(statement, 4);
    summary->parts = ims_sql_bytes_column(statement, 5);
    summary->subject = ims_sql_text_column(statement, 6);
    summary->message_id = ims_sql_text_column(statement, 7);
    ims_sql_end(statement);
    return summary;
}

static ImsMessageRow *
read_row(Reader *reader, ImsSqlId id, ImsFolderId folder, guint32 uid, gboolean *ok)
{
    sqlite3_stmt *statement = ims_sql_bind(reader->conn, id, "ii", (gint64)folder, (gint64)uid);
    ImsMessageRow *row;

    if (statement == NULL) {
        *ok = FALSE;
        return NULL;
    }
    if (!ims_sql_next(statement, ok))
        return NULL;
    row = g_new0(ImsMessageRow, 1);
    row->uid = (guint32)sqlite3_column_int64(statement, 0);
    row->content = (ImsContentId)sqlite3_column_int64(statement, 1);
    row->internal_date_usec = sqlite3_column_int64(statement, 2);
    row->internal_zone_min = (gint16)sqlite3_column_int64(statement, 3);
    row->save_date_usec = sqlite3_column_int64(statement, 4);
    row->created_modseq = (guint64)sqlite3_column_int64(statement, 5);
    ims_sql_end(statement);
    return row;
}

static gboolean
read_rows_inside(Reader *reader, ImsFolderId folder, const guint32 *uids, guint n_uids,
                 gboolean with_summary, GPtrArray *rows)
{
    gboolean ok = TRUE;

    for (guint i = 0; i < n_uids && ok; i++) {
        ImsMessageRow *row = read_row(reader, SQL_MESSAGE_ROW, folder, uids[i], &ok);

        if (row == NULL && ok)
            row = read_row(reader, SQL_GRAVE_ROW, folder, uids[i], &ok);
        if (row == NULL)
            continue;
        if (with_summary)
            row->summary = read_summary(reader, row->content, &ok);
        if (with_summary && row->summary == NULL)
            ims_message_row_free(row);
        else
            g_ptr_array_add(rows, row);
    }
    return ok;
}

static GPtrArray *
read_rows(ImsEngine *engine, ImsFolderId folder, const guint32 *uids, guint n_uids,
          gboolean with_summary, GError **error)
{
    g_auto(Reader) reader = {0};
    g_autoptr(GPtrArray) rows =
        g_ptr_array_new_with_free_func((GDestroyNotify)ims_message_row_free);
    gboolean ok;

    if (!reader_open(&reader, engine, error))
        return NULL;
    ok = sqlite3_exec(reader.conn->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
         read_rows_inside(&reader, folder, uids, n_uids, with_summary, rows);
    if (!ok)
        ims_sql_set_error(reader.conn, error);
    sqlite3_exec(reader.conn->db, "COMMIT", NULL, NULL, NULL);
    return ok ? g_steal_pointer(&rows) : NULL;
}

static gboolean
read_body(ImsEngine *engine, ImsContentId content, gboolean header_only, ImsStoredBody *body_out,
          GError **error)
{
    g_auto(Reader) reader = {0};
    sqlite3_stmt *statement;
    gboolean ok, found = FALSE;

    if (!reader_open(&reader, engine, error))
        return FALSE;
    statement = ims_sql_bind(reader.conn, header_only ? SQL_CONTENT_READ_HEADER : SQL_CONTENT_READ,
                             "i", (gint64)content);
    ok = statement != NULL;
    if (ok && ims_sql_next(statement, &ok)) {
        const void *digest = sqlite3_column_blob(statement, 2);

        found = TRUE;
        memset(body_out, 0, sizeof *body_out);
        body_out->size = (guint64)sqlite3_column_int64(statement, 0);
        body_out->header_size = (guint32)sqlite3_column_int64(statement, 1);
        if (sqlite3_column_bytes(statement, 2) == IMS_DIGEST_SIZE)
            memcpy(body_out->digest, digest, IMS_DIGEST_SIZE);
        body_out->file = ims_sql_text_column(statement, 3);
        if (body_out->file == NULL)
            body_out->bytes = ims_sql_bytes_column(statement, 4);
        ims_sql_end(statement);
    }
    if (!ok)
        ims_sql_set_error(reader.conn, error);
    else if (!found)
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such message body: %" G_GUINT64_FORMAT, content);
    return ok && found;
}

static gboolean
keep_orphans(ImsEngine *engine, GPtrArray *files)
{
    g_auto(Reader) reader = {0};
    gboolean ok = TRUE;

    if (!reader_open(&reader, engine, NULL))
        return FALSE;
    for (guint i = files->len; i > 0 && ok; i--) {
        sqlite3_stmt *statement = ims_sql_bind(reader.conn, SQL_CONTENT_HAS_FILE, "t",
                                               (const char *)g_ptr_array_index(files, i - 1));

        ok = statement != NULL;
        if (ok && ims_sql_next(statement, &ok)) {
            ims_sql_end(statement);
            g_ptr_array_remove_index_fast(files, i - 1);
        }
    }
    return ok;
}

void
ims_sqlite_read_init(ImsEngine *engine)
{
    engine->list_folders = list_folders;
    engine->get_folder = get_folder;
    engine->list_subscriptions = list_subscriptions;
    engine->has_mailbox = has_mailbox;
    engine->load_folder = load_folder;
    engine->read_rows = read_rows;
    engine->read_body = read_body;
    engine->keep_orphans = keep_orphans;
}
