/* Connections to the database and their prepared statements. */
#include "store/engine-sqlite-private.h"

#include <stdarg.h>

/* Measured with bench-store: with 4 KiB pages a commit that touches many folders writes the least.
 */
#define COMMON_PRAGMAS                                                                             \
    "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;"
#define WRITER_PRAGMAS                                                                             \
    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"               \
    "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536; PRAGMA cell_size_check = ON;"      \
    "PRAGMA journal_size_limit = 67108864;"
#define READER_PRAGMAS "PRAGMA query_only = ON; PRAGMA cache_size = -8192;"

static gboolean
set_up(ImsSqlConn *conn, const char *pragmas, GError **error)
{
    /* No wait for locks beyond a checkpoint's: there is one writer, and the directory is locked. */
    sqlite3_busy_timeout(conn->db, IMS_SQL_BUSY_MSEC);
    sqlite3_extended_result_codes(conn->db, 1);
    if (sqlite3_exec(conn->db, COMMON_PRAGMAS, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(conn->db, pragmas, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    ims_sql_set_error(conn, error);
    return FALSE;
}

ImsSqlConn *
ims_sql_conn_open(const char *path, gboolean writer, GError **error)
{
    ImsSqlConn *conn = g_new0(ImsSqlConn, 1);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);

    if (sqlite3_open_v2(path, &conn->db, flags, NULL) != SQLITE_OK) {
        ims_sql_set_error(conn, error);
    } else if (set_up(conn, writer ? WRITER_PRAGMAS : READER_PRAGMAS, error)) {
        return conn;
    }
    g_prefix_error(error, "%s: ", path);
    ims_sql_conn_free(conn);
    return NULL;
}

void
ims_sql_conn_free(ImsSqlConn *conn)
{
    if (conn == NULL)
        return;
    for (guint i = 0; i < N_SQL; i++)
        sqlite3_finalize(conn->statements[i]);
    sqlite3_close(conn->db);
    g_free(conn);
}

static sqlite3_stmt *
get_statement(ImsSqlConn *conn, ImsSqlId id)
{
    if (conn->statements[id] == NULL)
        (void)sqlite3_prepare_v3(conn->db, ims_sql_text[id], -1, SQLITE_PREPARE_PERSISTENT,
                                 &conn->statements[id], NULL);
    return conn->statements[id];
}

static int
bind_bytes(sqlite3_stmt *statement, int index, GBytes *bytes)
{
    gsize size;
    const void *data;

    if (bytes == NULL)
        return sqlite3_bind_null(statement, index);
    data = g_bytes_get_data(bytes, &size);
    /* A NULL pointer would bind NULL, and an empty message is not none. */
    return sqlite3_bind_blob64(statement, index, data != NULL ? data : "", size, SQLITE_STATIC);
}

static sqlite3_stmt *
bind_list(ImsSqlConn *conn, ImsSqlId id, const char *types, va_list args)
{
    sqlite3_stmt *statement = get_statement(conn, id);
    int rc = SQLITE_OK;

    if (statement == NULL)
        return NULL;
    for (int i = 1; types[i - 1] != '\0' && rc == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 'i':
            rc = sqlite3_bind_int64(statement, i, va_arg(args, gint64));
            break;
        case 't':
            rc = sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        case 'z':
            rc = bind_bytes(statement, i, va_arg(args, GBytes *));
            break;
        case 'b': {
            const void *data = va_arg(args, const void *);

            rc = sqlite3_bind_blob64(statement, i, data, va_arg(args, gsize), SQLITE_STATIC);
            break;
        }
        default:
            g_assert_not_reached();
        }
    }
    return rc == SQLITE_OK ? statement : NULL;
}

sqlite3_stmt *
ims_sql_bind(ImsSqlConn *conn, ImsSqlId id, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *statement;

    va_start(args, types);
    statement = bind_list(conn, id, types, args);
    va_end(args);
    return statement;
}

void
ims_sql_end(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

gboolean
ims_sql_run(ImsSqlConn *conn, ImsSqlId id, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *statement;
    int rc;

    va_start(args, types);
    statement = bind_list(conn, id, types, args);
    va_end(args);
    if (statement == NULL)
        return FALSE;
    do
        rc = sqlite3_step(statement);
    while (rc == SQLITE_ROW);
    rc = sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc == SQLITE_OK;
}

gboolean
ims_sql_next(sqlite3_stmt *statement, gboolean *ok)
{
    if (sqlite3_step(statement) == SQLITE_ROW)
        return TRUE;
    if (sqlite3_reset(statement) != SQLITE_OK)
        *ok = FALSE;
    sqlite3_clear_bindings(statement);
    return FALSE;
}

gboolean
ims_sql_int(ImsSqlConn *conn, ImsSqlId id, gint64 key, gint64 fallback, gint64 *value_out)
{
    sqlite3_stmt *statement = ims_sql_bind(conn, id, "i", key);
    gboolean ok = statement != NULL;

    if (!ok)
        return FALSE;
    *value_out = fallback;
    if (ims_sql_next(statement, &ok)) {
        if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
            *value_out = sqlite3_column_int64(statement, 0);
        ims_sql_end(statement);
    }
    return ok;
}

char *
ims_sql_text_column(sqlite3_stmt *statement, int column)
{
    return g_strdup((const char *)sqlite3_column_text(statement, column));
}

GBytes *
ims_sql_bytes_column(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);

    return g_bytes_new(data, (gsize)sqlite3_column_bytes(statement, column));
}

gboolean
ims_sql_error_is_fatal(int code)
{
    if ((code & 0xff) != SQLITE_IOERR)
        return FALSE;
    switch (code) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_NOMEM:
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
        return FALSE; /* nothing was being written */
    default:
        return TRUE;
    }
}

void
ims_sql_set_error(ImsSqlConn *conn, GError **error)
{
    int code = sqlite3_extended_errcode(conn->db);
    ImsStoreError kind;

    switch (code & 0xff) {
    case SQLITE_FULL:
        kind = IMS_STORE_ERROR_FULL;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN: /* no descriptor left */
        kind = IMS_STORE_ERROR_BUSY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        kind = IMS_STORE_ERROR_CORRUPT;
        break;
    case SQLITE_IOERR:
        kind = ims_sql_error_is_fatal(code) ? IMS_STORE_ERROR_IO : IMS_STORE_ERROR_CORRUPT;
        break;
    default:
        kind = IMS_STORE_ERROR_IO;
        break;
    }
    g_set_error(error, IMS_STORE_ERROR, kind, "database: %s (SQLite code %d)",
                conn->db != NULL ? sqlite3_errmsg(conn->db) : "out of memory", code);
}
