/* Inside the SQLite engine: connections, statements, and the batch the writer works on. */
#pragma once

#include "store/folder-state.h"
#include "store/ops.h"

#include <pthread.h>
#include <sqlite3.h>

G_BEGIN_DECLS

#define IMS_SCHEMA_VERSION 1
#define IMS_SQL_BUSY_MSEC 2000

typedef enum {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_GET,
    SQL_META_SET,
    SQL_MAILBOX_HAS,
    SQL_MAILBOX_INSERT,
    SQL_MAILBOX_DELETE,
    SQL_FOLDER_BY_ID,
    SQL_FOLDER_BY_NAME,
    SQL_FOLDER_OF_MAILBOX,
    SQL_FOLDER_COUNT,
    SQL_FOLDER_INSERT,
    SQL_FOLDER_UPDATE,
    SQL_FOLDER_MOVE,
    SQL_FOLDER_GONE,
    SQL_FOLDER_LIST_GONE,
    SQL_FOLDER_DELETE,
    SQL_SUBSCRIPTION_INSERT,
    SQL_SUBSCRIPTION_DELETE,
    SQL_SUBSCRIPTION_CLEAR,
    SQL_SUBSCRIPTION_HAS,
    SQL_SUBSCRIPTION_LIST,
    SQL_CONTENT_MAX,
    SQL_CONTENT_INSERT,
    SQL_CONTENT_REFS,
    SQL_CONTENT_UNUSED,
    SQL_CONTENT_DELETE,
    SQL_CONTENT_READ,
    SQL_CONTENT_READ_HEADER,
    SQL_CONTENT_HAS_FILE,
    SQL_SUMMARY_INSERT,
    SQL_SUMMARY_DELETE,
    SQL_SUMMARY_READ,
    SQL_BODY_INSERT,
    SQL_BODY_DELETE,
    SQL_MESSAGE_INSERT,
    SQL_MESSAGE_LOAD,
    SQL_MESSAGE_RANGE,
    SQL_MESSAGE_RANGE_DELETED,
    SQL_MESSAGE_FLAGS,
    SQL_MESSAGE_BURY,
    SQL_MESSAGE_DELETE,
    SQL_MESSAGE_ROW,
    SQL_MESSAGE_SLICE,
    SQL_GRAVE_ROW,
    SQL_GRAVE_SLICE,
    SQL_GRAVE_DELETE,
    SQL_GRAVE_OF_FOLDER,
    SQL_TOMBSTONE_INSERT,
    SQL_TOMBSTONE_OLD,
    SQL_TOMBSTONE_DELETE,
    SQL_TOMBSTONE_CLEAR,
    SQL_FOLDER_PRUNED,
    SQL_QUEUE_INSERT,
    SQL_QUEUE_DELETE,
    SQL_QUEUE_UNHOLD,
    SQL_QUEUE_LIST,
    SQL_QUEUE_LIST_DOMAIN,
    SQL_QUEUE_GET,
    SQL_QUEUE_ACTIVE,
    SQL_QUEUE_PENDING,
    SQL_RECIPIENT_INSERT,
    SQL_RECIPIENT_OF_MESSAGE,
    SQL_RECIPIENT_OF_DOMAIN,
    SQL_RECIPIENT_DUE,
    SQL_RECIPIENT_CLAIM,
    SQL_RECIPIENT_OUTCOME,
    SQL_RECIPIENT_CLEAR,
    SQL_RECIPIENT_RESET_ACTIVE,
    SQL_RECIPIENT_DOMAINS,
    SQL_ADMIN_MESSAGES,
    SQL_ADMIN_RETRY,
    SQL_ADMIN_HOLD,
    SQL_ADMIN_RELEASE,
    SQL_ADMIN_DELETE,
    N_SQL
} ImsSqlId;

extern const char ims_sql_schema[];
extern const char *const ims_sql_text[N_SQL];

/* One connection with its prepared statements; used by one thread at a time. */
typedef struct {
    sqlite3 *db;
    sqlite3_stmt *statements[N_SQL];
} ImsSqlConn;

ImsSqlConn *ims_sql_conn_open(const char *path, gboolean writer, GError **error);
void ims_sql_conn_free(ImsSqlConn *conn);

/**
 * ims_sql_bind:
 * @types: one letter a parameter: i gint64, t text (nullable), z GBytes as a blob (nullable), b
 * blob as pointer and gsize. They must live until the statement is reset.
 *
 * Returns: (nullable): the statement, ready to be stepped; NULL on error
 */
sqlite3_stmt *ims_sql_bind(ImsSqlConn *conn, ImsSqlId id, const char *types, ...);
/* Binds, runs to the end, resets. */
gboolean ims_sql_run(ImsSqlConn *conn, ImsSqlId id, const char *types, ...);
/* TRUE: there is a row. FALSE: no more, statement reset; *@ok is set to FALSE if that was by an
 * error. */
gboolean ims_sql_next(sqlite3_stmt *statement, gboolean *ok);
/* Ends a read before its last row. */
void ims_sql_end(sqlite3_stmt *statement);
/* The first column of the first row, @fallback where there is none. */
gboolean ims_sql_int(ImsSqlConn *conn, ImsSqlId id, gint64 key, gint64 fallback, gint64 *value_out);
char *ims_sql_text_column(sqlite3_stmt *statement, int column);    /* (transfer full) (nullable) */
GBytes *ims_sql_bytes_column(sqlite3_stmt *statement, int column); /* (transfer full) */
/* Turns the connection's last error into ours. */
void ims_sql_set_error(ImsSqlConn *conn, GError **error);

typedef struct {
    ImsEngine engine;
    ImsWorld *world;
    char *path;
    ImsSqlConn *writer; /* on the writer only, after open */
    gint64 opened_usec;
    ImsContentId last_content; /* writer */
    guint checkpoint_pages;    /* writer: what the log had at the last checkpoint */
    guint wal_pages;           /* writer: after the last commit */
    gint wal_kib;              /* atomic */
    ImsFolderId sweep_folder;  /* writer: where the walk through the graveyard goes on */
    guint32 sweep_uid;
    GPtrArray *uncertain; /* (element-type ImsQueueMessage) */
    pthread_mutex_t lock; /* guards readers */
    GPtrArray *readers;   /* (element-type ImsSqlConn): those not in use */
} ImsSqliteEngine;

/* A connection for reading; several threads have each their own. (transfer full): give it back. */
ImsSqlConn *ims_sqlite_reader_take(ImsSqliteEngine *engine, GError **error);
void ims_sqlite_reader_give(ImsSqliteEngine *engine, ImsSqlConn *conn);

/* A batch under way: folder heads are kept here and written once, just before the commit. */
typedef struct {
    ImsSqliteEngine *engine;
    ImsSqlConn *conn;
    gint64 now_usec;
    GHashTable *folders; /* ImsFolderId → ImsFolderState */
    ImsContentId last_content;
    ImsChanges *changes;
    gboolean touched; /* the operation at hand has changed something */
} ImsSqlBatch;

/* ImsFolderState for a folder; NULL with @error NOT_FOUND, or NULL without on an SQL error. */
ImsFolderState *ims_sql_batch_folder(ImsSqlBatch *batch, ImsFolderId folder, GError **error);
ImsFolderState *ims_sql_batch_folder_by_name(ImsSqlBatch *batch, ImsMailboxId mailbox,
                                             const char *name, GError **error);
/* Writes the folders' heads, moves their changes to batch->changes. */
gboolean ims_sql_batch_flush(ImsSqlBatch *batch);
void ims_sql_read_folder(sqlite3_stmt *statement, ImsFolder *folder_out, char ***keywords_out);

/*
 * Each runs one operation. TRUE: done, or failed with op->error set before anything was touched.
 * FALSE: an SQL error, or a failure after something was touched: the whole transaction has to go.
 */
gboolean ims_sql_deliver(ImsSqlBatch *batch, ImsDeliverOp *op, const ImsBodyRef *body,
                         GError **error);
gboolean ims_sql_copy(ImsSqlBatch *batch, ImsCopyOp *op);
gboolean ims_sql_store_flags(ImsSqlBatch *batch, ImsFlagsOp *op);
gboolean ims_sql_expunge(ImsSqlBatch *batch, ImsExpungeOp *op);
gboolean ims_sql_folder_op(ImsSqlBatch *batch, ImsFolderOp *op);
gboolean ims_sql_queue_insert(ImsSqlBatch *batch, ImsQueueMessage *message, ImsContentId content,
                              guint64 size);
gboolean ims_sql_queue_claim(ImsSqlBatch *batch, ImsQueueClaimOp *op);
gboolean ims_sql_queue_outcome(ImsSqlBatch *batch, ImsQueueOutcomeOp *op, const ImsBodyRef *body);
gboolean ims_sql_queue_admin(ImsSqlBatch *batch, ImsQueueAdminOp *op);
gboolean ims_sql_load_uncertain(ImsSqliteEngine *engine);
/* Moves every message of @from (of the mailbox' INBOX) to @to: RFC 3501 6.3.5. */
gboolean ims_sql_move_all(ImsSqlBatch *batch, ImsFolderId from, ImsFolderId to);

/* Takes the writer's transaction back after an error, which goes to @error_out unless one is there.
 * FALSE: fatal. */
gboolean ims_sqlite_roll_back(ImsSqliteEngine *engine, GError **error_out);
gboolean ims_sqlite_sweep(ImsEngine *engine, ImsSweep *sweep);
/* Fill in the reads of the vtable. */
void ims_sqlite_read_init(ImsEngine *engine);
void ims_sqlite_queue_init(ImsEngine *engine);
/* TRUE if the writer's last error leaves the state of the disk unknown. */
gboolean ims_sql_error_is_fatal(int code);

G_END_DECLS
