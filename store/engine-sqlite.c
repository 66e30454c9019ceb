/*
 * The SQLite engine: open, batches with group commit, checkpoints.
 *
 * A batch is one transaction without savepoints. An operation checks everything before it touches
 * anything, so one that is refused leaves nothing behind; any other failure (and the end of the
 * transaction that SQLITE_FULL brings with it) takes the whole transaction back, and each operation
 * is run again in a transaction of its own.
 */
#include "store/engine-sqlite-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Inline checkpoints: a separate passive checkpointer let the log grow to gigabytes (measured). */
#define CHECKPOINT_PAGES 4000
#define RESTART_PAGES (4 * CHECKPOINT_PAGES)
#define TRUNCATE_PAGES (16 * CHECKPOINT_PAGES)
#define PAGE_KIB 4
#define CHECKPOINT_WAIT_MSEC 50

static void
engine_free(ImsEngine *base)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;

    for (guint i = 0; i < engine->readers->len; i++)
        ims_sql_conn_free(g_ptr_array_index(engine->readers, i));
    g_ptr_array_unref(engine->readers);
    ims_sql_conn_free(engine->writer);
    g_ptr_array_unref(engine->uncertain);
    pthread_mutex_destroy(&engine->lock);
    g_free(engine->path);
    g_free(engine);
}

ImsSqlConn *
ims_sqlite_reader_take(ImsSqliteEngine *engine, GError **error)
{
    ImsSqlConn *conn = NULL;

    pthread_mutex_lock(&engine->lock);
    if (engine->readers->len > 0)
        conn = g_ptr_array_steal_index_fast(engine->readers, engine->readers->len - 1);
    pthread_mutex_unlock(&engine->lock);
    return conn != NULL ? conn : ims_sql_conn_open(engine->path, FALSE, error);
}

void
ims_sqlite_reader_give(ImsSqliteEngine *engine, ImsSqlConn *conn)
{
    pthread_mutex_lock(&engine->lock);
    g_ptr_array_add(engine->readers, conn);
    pthread_mutex_unlock(&engine->lock);
}

static int
wal_hook(gpointer data, sqlite3 *db, const char *name, int pages)
{
    ImsSqliteEngine *engine = data;

    engine->wal_pages = (guint)pages;
    g_atomic_int_set(&engine->wal_kib, pages * PAGE_KIB);
    return SQLITE_OK;
}

/* FALSE: a write to the database file failed; the log still has everything. */
static gboolean
checkpoint_if_due(ImsSqliteEngine *engine)
{
    int mode = SQLITE_CHECKPOINT_PASSIVE, log = 0, done = 0, rc;

    if (engine->wal_pages < engine->checkpoint_pages)
        engine->checkpoint_pages = 0; /* the log began anew */
    if (engine->wal_pages < engine->checkpoint_pages + CHECKPOINT_PAGES)
        return TRUE;
    /* Not again at each commit while somebody's long read keeps the log from beginning anew. */
    engine->checkpoint_pages = engine->wal_pages;
    /* Readers are short, so waiting for them to let go of an overgrown log is a matter of
     * milliseconds. */
    if (engine->wal_pages >= TRUNCATE_PAGES)
        mode = SQLITE_CHECKPOINT_TRUNCATE;
    else if (engine->wal_pages >= RESTART_PAGES)
        mode = SQLITE_CHECKPOINT_RESTART;
    sqlite3_busy_timeout(engine->writer->db, CHECKPOINT_WAIT_MSEC);
    rc = sqlite3_wal_checkpoint_v2(engine->writer->db, NULL, mode, &log, &done);
    sqlite3_busy_timeout(engine->writer->db, IMS_SQL_BUSY_MSEC);
    return !ims_sql_error_is_fatal(rc != SQLITE_OK ? sqlite3_extended_errcode(engine->writer->db)
                                                   : 0);
}

static gboolean
run_item(ImsSqlBatch *batch, ImsEngineItem *item)
{
    ImsStoreOp *op = item->op;

    switch (op->kind) {
    case IMS_OP_DELIVER:
        return ims_sql_deliver(batch, (ImsDeliverOp *)op, &item->body, &op->error);
    case IMS_OP_COPY:
        return ims_sql_copy(batch, (ImsCopyOp *)op);
    case IMS_OP_STORE_FLAGS:
        return ims_sql_store_flags(batch, (ImsFlagsOp *)op);
    case IMS_OP_EXPUNGE:
        return ims_sql_expunge(batch, (ImsExpungeOp *)op);
    case IMS_OP_CLAIM_RECENT:
    case IMS_OP_MAILBOX_CREATE:
    case IMS_OP_MAILBOX_DELETE:
    case IMS_OP_FOLDER_CREATE:
    case IMS_OP_FOLDER_RENAME:
    case IMS_OP_FOLDER_DELETE:
    case IMS_OP_SUBSCRIBE:
    case IMS_OP_UNSUBSCRIBE:
        return ims_sql_folder_op(batch, (ImsFolderOp *)op);
    case IMS_OP_QUEUE_CLAIM:
        return ims_sql_queue_claim(batch, (ImsQueueClaimOp *)op);
    case IMS_OP_QUEUE_OUTCOME:
        return ims_sql_queue_outcome(batch, (ImsQueueOutcomeOp *)op, &item->body);
    case IMS_OP_QUEUE_ADMIN:
        return ims_sql_queue_admin(batch, (ImsQueueAdminOp *)op);
    }
    g_assert_not_reached();
}

static void
changes_move(ImsChanges *from, ImsChanges *to)
{
    for (guint i = 0; i < from->folders->len; i++)
        g_ptr_array_add(to->folders, g_ptr_array_index(from->folders, i));
    g_ptr_array_set_free_func(from->folders, NULL);
    g_ptr_array_set_size(from->folders, 0);
    to->queue |= from->queue;
    to->garbage |= from->garbage;
    to->messages += from->messages;
}

typedef enum {
    BATCH_DONE,
    BATCH_UNDONE, /* nothing of it happened, the cause lies in the batch */
    BATCH_FATAL,  /* nothing of it may be relied on, nor any later write */
} BatchEnd;

gboolean
ims_sqlite_roll_back(ImsSqliteEngine *engine, GError **error_out)
{
    ImsSqlConn *conn = engine->writer;
    gboolean fatal = ims_sql_error_is_fatal(sqlite3_extended_errcode(conn->db));

    if (*error_out == NULL)
        ims_sql_set_error(conn, error_out);
    for (guint i = 0; i < N_SQL; i++) {
        if (conn->statements[i] != NULL)
            ims_sql_end(conn->statements[i]);
    }
    /* After some errors SQLite has ended the transaction by itself, savepoints and all. */
    if (!sqlite3_get_autocommit(conn->db) && !ims_sql_run(conn, SQL_ROLLBACK, ""))
        fatal = TRUE;
    return !fatal;
}

static BatchEnd
roll_back(ImsSqliteEngine *engine, GError **error_out)
{
    return ims_sqlite_roll_back(engine, error_out) ? BATCH_UNDONE : BATCH_FATAL;
}

/* One transaction; @error_out says why it came to nothing. */
static BatchEnd
run_transaction(ImsSqliteEngine *engine, ImsEngineItem *items, guint n_items, ImsChanges *changes,
                GError **error_out)
{
    g_autoptr(GHashTable) folders = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                                          (GDestroyNotify)ims_folder_state_free);
    g_autoptr(GPtrArray) deltas =
        g_ptr_array_new_with_free_func((GDestroyNotify)ims_folder_delta_free);
    ImsChanges mine = {.folders = deltas};
    ImsSqlBatch batch = {
        .engine = engine,
        .conn = engine->writer,
        .now_usec = ims_world_wall_usec(engine->world),
        .folders = folders,
        .last_content = engine->last_content,
        .changes = &mine,
    };

    if (!ims_sql_run(engine->writer, SQL_BEGIN, ""))
        return roll_back(engine, error_out);
    for (guint i = 0; i < n_items; i++) {
        batch.touched = FALSE;
        ims_store_op_reset(items[i].op);
        if (!run_item(&batch, &items[i]) || (items[i].op->error != NULL && batch.touched)) {
            if (items[i].op->error != NULL)
                g_propagate_error(error_out, g_steal_pointer(&items[i].op->error));
            return roll_back(engine, error_out);
        }
    }
    if (!ims_sql_batch_flush(&batch) || !ims_sql_run(engine->writer, SQL_COMMIT, ""))
        return roll_back(engine, error_out);
    engine->last_content = batch.last_content;
    changes_move(&mine, changes);
    return BATCH_DONE;
}

static void
fail_item(ImsEngineItem *item, const GError *error)
{
    ims_store_op_reset(item->op);
    item->op->error = g_error_copy(error);
}

static gboolean
engine_apply(ImsEngine *base, ImsEngineItem *items, guint n_items, ImsChanges *changes)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;
    g_autoptr(GError) error = NULL;
    BatchEnd end = run_transaction(engine, items, n_items, changes, &error);
    guint done = 0;

    if (end == BATCH_DONE)
        return checkpoint_if_due(engine);
    if (end == BATCH_UNDONE && n_items > 1) {
        for (; done < n_items && end != BATCH_FATAL; done++) {
            g_clear_error(&error);
            end = run_transaction(engine, &items[done], 1, changes, &error);
            if (end != BATCH_DONE)
                fail_item(&items[done], error);
        }
        if (end != BATCH_FATAL)
            return checkpoint_if_due(engine);
    }
    for (guint i = done; i < n_items; i++)
        fail_item(&items[i], error);
    return end != BATCH_FATAL;
}

static guint64
engine_log_bytes(ImsEngine *base)
{
    return (guint64)g_atomic_int_get(&((ImsSqliteEngine *)base)->wal_kib) * 1024;
}

static void
engine_checkpoint(ImsEngine *base, gboolean failed)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;

    /* After a failed fsync the page cache may claim pages that never reached the disk: leave the
     * log to recovery. */
    if (failed)
        sqlite3_db_config(engine->writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    else
        sqlite3_wal_checkpoint_v2(engine->writer->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static gboolean
prepare_schema(ImsSqliteEngine *engine, GError **error)
{
    ImsSqlConn *conn = engine->writer;
    sqlite3_stmt *statement = NULL;
    int version = 0;
    g_autofree char *sql = NULL;

    if (sqlite3_prepare_v2(conn->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    if (sqlite3_finalize(statement) != SQLITE_OK) {
        ims_sql_set_error(conn, error);
        return FALSE;
    }
    if (version > IMS_SCHEMA_VERSION) {
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NEWER,
                    "the store has version %d, made by a newer program; this one knows version %d",
                    version, IMS_SCHEMA_VERSION);
        return FALSE;
    }
    if (version == IMS_SCHEMA_VERSION)
        return TRUE;
    sql = g_strdup_printf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT", ims_sql_schema,
                          IMS_SCHEMA_VERSION);
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    ims_sql_set_error(conn, error);
    return FALSE;
}

static gboolean
open_database(ImsSqliteEngine *engine, const ImsStoreOptions *options, GError **error)
{
    gint64 last = 0;
    int fd = open(engine->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    /* So that nobody else reads it, nor the log, which SQLite makes with the same rights. */
    if (fd < 0) {
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_IO, "%s: cannot open: %s", engine->path,
                    g_strerror(errno));
        return FALSE;
    }
    close(fd);
    engine->writer = ims_sql_conn_open(engine->path, TRUE, error);
    if (engine->writer == NULL || !prepare_schema(engine, error)) {
        g_prefix_error(error, "%s: ", engine->path);
        return FALSE;
    }
    sqlite3_wal_hook(engine->writer->db, wal_hook, engine);
    if (options->max_database_bytes > 0) {
        g_autofree char *sql =
            g_strdup_printf("PRAGMA max_page_count = %" G_GUINT64_FORMAT,
                            MAX(options->max_database_bytes / (PAGE_KIB * 1024), 1));

        sqlite3_exec(engine->writer->db, sql, NULL, NULL, NULL);
    }
    if (!ims_sql_load_uncertain(engine) ||
        !ims_sql_int(engine->writer, SQL_CONTENT_MAX, 0, 0, &last)) {
        ims_sql_set_error(engine->writer, error);
        g_prefix_error(error, "%s: ", engine->path);
        return FALSE;
    }
    engine->last_content = (ImsContentId)last;
    return TRUE;
}

ImsEngine *
ims_sqlite_engine_open(ImsWorld *world, const ImsStoreOptions *options, GError **error)
{
    ImsSqliteEngine *engine = g_new0(ImsSqliteEngine, 1);

    engine->world = world;
    engine->path = g_build_filename(options->directory, "priv.db", NULL);
    engine->opened_usec = ims_world_wall_usec(world);
    engine->readers = g_ptr_array_new();
    engine->uncertain = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    pthread_mutex_init(&engine->lock, NULL);
    engine->engine.free = engine_free;
    engine->engine.apply = engine_apply;
    engine->engine.sweep = ims_sqlite_sweep;
    engine->engine.log_bytes = engine_log_bytes;
    engine->engine.checkpoint = engine_checkpoint;
    ims_sqlite_read_init(&engine->engine);
    ims_sqlite_queue_init(&engine->engine);
    if (open_database(engine, options, error))
        return &engine->engine;
    engine_free(&engine->engine);
    return NULL;
}
