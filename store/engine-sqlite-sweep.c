/* Background freeing: expunged messages nobody can name any more, deleted folders, bodies without a
 * reference. */
#include "store/engine-sqlite-private.h"

/* How long QRESYNC can tell what vanished: an absent client then has to compare UIDs itself. */
#define TOMBSTONE_USEC (G_GINT64_CONSTANT(90) * 24 * 3600 * G_USEC_PER_SEC)

typedef struct {
    ImsFolderId folder;
    guint32 uid;
    guint64 modseq;
    gint64 buried_usec;
    ImsContentId content;
} Grave;

/* What was buried before this process began is held by nobody. */
static gboolean
is_over(const ImsSqliteEngine *engine, const ImsSweep *sweep, gint64 buried_usec,
        ImsFolderId folder, guint64 modseq)
{
    return (buried_usec <= engine->opened_usec ||
            buried_usec + sweep->grace_usec <= sweep->now_usec) &&
           !sweep->is_held(folder, modseq, sweep->data);
}

static gboolean
drop_ref(ImsSqlConn *conn, ImsContentId content)
{
    return ims_sql_run(conn, SQL_CONTENT_REFS, "ii", (gint64)content, (gint64)-1);
}

static gboolean
read_graves(ImsSqliteEngine *engine, const ImsSweep *sweep, GArray *graves)
{
    sqlite3_stmt *statement =
        ims_sql_bind(engine->writer, SQL_GRAVE_SLICE, "iii", (gint64)engine->sweep_folder,
                     (gint64)engine->sweep_uid, (gint64)sweep->limit);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        Grave grave = {
            .folder = (ImsFolderId)sqlite3_column_int64(statement, 0),
            .uid = (guint32)sqlite3_column_int64(statement, 1),
            .modseq = (guint64)sqlite3_column_int64(statement, 2),
            .buried_usec = sqlite3_column_int64(statement, 3),
            .content = (ImsContentId)sqlite3_column_int64(statement, 4),
        };

        g_array_append_val(graves, grave);
    }
    return ok;
}

static gboolean
sweep_graves(ImsSqliteEngine *engine, ImsSweep *sweep)
{
    g_autoptr(GArray) graves = g_array_new(FALSE, FALSE, sizeof(Grave));

    if (!read_graves(engine, sweep, graves))
        return FALSE;
    for (guint i = 0; i < graves->len; i++) {
        const Grave *grave = &g_array_index(graves, Grave, i);

        engine->sweep_folder = grave->folder;
        engine->sweep_uid = grave->uid;
        if (!is_over(engine, sweep, grave->buried_usec, grave->folder, grave->modseq)) {
            sweep->more_later = TRUE;
        } else if (!ims_sql_run(engine->writer, SQL_GRAVE_DELETE, "ii", (gint64)grave->folder,
                                (gint64)grave->uid) ||
                   !drop_ref(engine->writer, grave->content)) {
            return FALSE;
        }
    }
    if (graves->len < sweep->limit) {
        engine->sweep_folder = 0;
        engine->sweep_uid = 0;
    } else {
        sweep->more_now = TRUE;
    }
    return TRUE;
}

/* Frees up to the limit of a deleted folder's messages; the folder's row goes with the last of
 * them. */
static gboolean
sweep_folder(ImsSqliteEngine *engine, ImsSweep *sweep, ImsFolderId folder)
{
    ImsSqlConn *conn = engine->writer;
    g_autoptr(GArray) graves = g_array_new(FALSE, FALSE, sizeof(Grave));
    sqlite3_stmt *statement =
        ims_sql_bind(conn, SQL_MESSAGE_SLICE, "ii", (gint64)folder, (gint64)sweep->limit);
    gboolean ok = statement != NULL;
    gint64 buried = 0;

    while (ok && ims_sql_next(statement, &ok)) {
        Grave grave = {
            .uid = (guint32)sqlite3_column_int64(statement, 0),
            .content = (ImsContentId)sqlite3_column_int64(statement, 1),
        };

        g_array_append_val(graves, grave);
    }
    for (guint i = 0; i < graves->len && ok; i++) {
        const Grave *grave = &g_array_index(graves, Grave, i);

        ok = ims_sql_run(conn, SQL_MESSAGE_DELETE, "iii", (gint64)folder, (gint64)grave->uid,
                         (gint64)grave->uid) &&
             drop_ref(conn, grave->content);
    }
    if (!ok || !ims_sql_int(conn, SQL_GRAVE_OF_FOLDER, (gint64)folder, 0, &buried))
        return FALSE;
    if (graves->len == sweep->limit || buried != 0) {
        sweep->more_now |= graves->len == sweep->limit;
        sweep->more_later = TRUE;
        return TRUE;
    }
    return ims_sql_run(conn, SQL_TOMBSTONE_CLEAR, "i", (gint64)folder) &&
           ims_sql_run(conn, SQL_FOLDER_DELETE, "i", (gint64)folder);
}

static gboolean
sweep_folders(ImsSqliteEngine *engine, ImsSweep *sweep)
{
    sqlite3_stmt *statement = ims_sql_bind(engine->writer, SQL_FOLDER_LIST_GONE, "");
    g_autoptr(GArray) folders = g_array_new(FALSE, FALSE, sizeof(gint64));
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        gint64 id = sqlite3_column_int64(statement, 0);

        if (is_over(engine, sweep, sqlite3_column_int64(statement, 1), (ImsFolderId)id,
                    G_MAXUINT64))
            g_array_append_val(folders, id);
        else
            sweep->more_later = TRUE;
    }
    if (!ok)
        return FALSE;
    if (folders->len > 1)
        sweep->more_now = TRUE;
    return folders->len == 0 ||
           sweep_folder(engine, sweep, (ImsFolderId)g_array_index(folders, gint64, 0));
}

static gboolean
sweep_bodies(ImsSqliteEngine *engine, ImsSweep *sweep)
{
    ImsSqlConn *conn = engine->writer;
    g_autoptr(GArray) unused = g_array_new(FALSE, FALSE, sizeof(gint64));
    sqlite3_stmt *statement = ims_sql_bind(conn, SQL_CONTENT_UNUSED, "i", (gint64)sweep->limit);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        gint64 id = sqlite3_column_int64(statement, 0);
        char *file = ims_sql_text_column(statement, 1);

        g_array_append_val(unused, id);
        if (file != NULL)
            g_ptr_array_add(sweep->files, file);
    }
    for (guint i = 0; i < unused->len && ok; i++) {
        gint64 id = g_array_index(unused, gint64, i);

        ok = ims_sql_run(conn, SQL_BODY_DELETE, "i", id) &&
             ims_sql_run(conn, SQL_SUMMARY_DELETE, "i", id) &&
             ims_sql_run(conn, SQL_CONTENT_DELETE, "i", id);
    }
    sweep->more_now |= unused->len == sweep->limit;
    return ok;
}

static gboolean
sweep_tombstones(ImsSqliteEngine *engine, ImsSweep *sweep)
{
    ImsSqlConn *conn = engine->writer;
    g_autoptr(GArray) old = g_array_new(FALSE, FALSE, sizeof(Grave));
    sqlite3_stmt *statement = ims_sql_bind(conn, SQL_TOMBSTONE_OLD, "ii",
                                           sweep->now_usec - TOMBSTONE_USEC, (gint64)sweep->limit);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        Grave grave = {
            .folder = (ImsFolderId)sqlite3_column_int64(statement, 0),
            .modseq = (guint64)sqlite3_column_int64(statement, 1),
        };

        g_array_append_val(old, grave);
    }
    for (guint i = 0; i < old->len && ok; i++) {
        const Grave *grave = &g_array_index(old, Grave, i);

        ok = ims_sql_run(conn, SQL_TOMBSTONE_DELETE, "ii", (gint64)grave->folder,
                         (gint64)grave->modseq) &&
             ims_sql_run(conn, SQL_FOLDER_PRUNED, "ii", (gint64)grave->folder,
                         (gint64)grave->modseq);
    }
    sweep->more_now |= old->len == sweep->limit;
    return ok;
}

gboolean
ims_sqlite_sweep(ImsEngine *base, ImsSweep *sweep)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;
    ImsFolderId folder = engine->sweep_folder;
    guint32 uid = engine->sweep_uid;
    g_autoptr(GError) error = NULL;

    if (ims_sql_run(engine->writer, SQL_BEGIN, "") && sweep_graves(engine, sweep) &&
        sweep_folders(engine, sweep) && sweep_bodies(engine, sweep) &&
        sweep_tombstones(engine, sweep) && ims_sql_run(engine->writer, SQL_COMMIT, ""))
        return TRUE;
    engine->sweep_folder = folder;
    engine->sweep_uid = uid;
    g_ptr_array_set_size(sweep->files, 0);
    sweep->more_now = FALSE;
    sweep->more_later = TRUE;
    return ims_sqlite_roll_back(engine, &error);
}
