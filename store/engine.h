/*
 * What an engine of the store does: takes batches of operations, each atomic, all made durable by
 * one commit; and answers short reads. Nothing above this header knows SQL, transactions or files
 * of the engine.
 *
 * Threads: apply(), sweep() and checkpoint() run on the writer, one at a time; reads run on any
 * thread, at any time.
 */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

#define IMS_DIGEST_SIZE 64 /* BLAKE2b-512, what b2sum(1) prints; see bodies.c */

typedef struct _ImsEngine ImsEngine;

/* A folder as a commit left it: the heads, and every entry the commit touched. */
typedef struct {
    ImsFolderId folder;
    gboolean gone;
    guint32 uidvalidity, uidnext, first_recent_uid;
    guint64 highest_modseq;
    char **keywords;
    GArray *changes; /* (element-type ImsUidEntry) in the order they happened; modseq 0: removed */
} ImsFolderDelta;

ImsFolderDelta *ims_folder_delta_new(ImsFolderId folder);
void ims_folder_delta_free(ImsFolderDelta *delta);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsFolderDelta, ims_folder_delta_free)
/* Brings @into to the later state @delta; both are of one folder. */
void ims_folder_delta_merge(ImsFolderDelta *into, const ImsFolderDelta *delta);

/* What a batch changed, to be published after its commit. */
typedef struct {
    GPtrArray *
        folders; /* (element-type ImsFolderDelta), a folder may come more than once, oldest first */
    gboolean queue;
    gboolean garbage; /* something for sweep() */
    guint64 messages; /* copies delivered, for the statistics */
} ImsChanges;

/* The body of a delivery, made ready off the writer. */
typedef struct {
    guint64 size;
    guint8 digest[IMS_DIGEST_SIZE];
    char *file; /* (nullable): name of the body file; NULL: the body is stored inline */
} ImsBodyRef;

/* One operation of a batch. The engine sets op->error and the results, nothing else. */
typedef struct {
    ImsStoreOp *op;
    ImsBodyRef body;    /* of an ImsDeliverOp, or of the report of an ImsQueueOutcomeOp */
    gint64 queued_usec; /* monotonic; not the engine's business */
} ImsEngineItem;

/* A stored body, as read. */
typedef struct {
    guint64 size;
    guint32 header_size;
    guint8 digest[IMS_DIGEST_SIZE];
    char *file;    /* (nullable) */
    GBytes *bytes; /* inline bodies only */
} ImsStoredBody;
void ims_stored_body_clear(ImsStoredBody *body);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImsStoredBody, ims_stored_body_clear)

/* TRUE while a snapshot of @folder older than @modseq is held somewhere in this process. */
typedef gboolean (*ImsIsHeld)(ImsFolderId folder, guint64 modseq, gpointer data);

typedef struct {
    gint64 now_usec;   /* wall */
    gint64 grace_usec; /* what became garbage later than this long ago stays */
    guint limit;       /* rows to look at in this slice */
    ImsIsHeld is_held;
    gpointer data;
    GPtrArray *files;    /* result: (element-type utf8) body files no row names any more */
    gboolean more_now;   /* result: another slice is worth while at once */
    gboolean more_later; /* result: something waits for its grace or its holders */
} ImsSweep;

struct _ImsEngine {
    void (*free)(ImsEngine *engine);

    /**
     * apply: runs @items in order, commits once.
     *
     * An item fails alone, with op->error set and nothing of it done; the others stand. When the
     * commit itself, or anything that takes the whole transaction with it, fails, no item has
     * happened, and each is run again by itself.
     *
     * Returns: FALSE when a write failed in a way that leaves the disk's state unknown: no more
     * writes may be tried
     */
    gboolean (*apply)(ImsEngine *engine, ImsEngineItem *items, guint n_items, ImsChanges *changes);
    /* A slice of background freeing; FALSE as apply() does. */
    gboolean (*sweep)(ImsEngine *engine, ImsSweep *sweep);
    /* Removes from @files (element-type utf8) those that some row names; FALSE: could not tell. Any
     * thread. */
    gboolean (*keep_orphans)(ImsEngine *engine, GPtrArray *files);
    guint64 (*log_bytes)(ImsEngine *engine); /* size of the write-ahead log; any thread */
    /* Before free: everything into the main file; or, where a write @failed, nothing more written.
     */
    void (*checkpoint)(ImsEngine *engine, gboolean failed);

    GPtrArray *(*list_folders)(ImsEngine *engine, ImsMailboxId mailbox, GError **error);
    /* By @folder, or where that is 0 by @mailbox and canonical @name. */
    ImsFolder *(*get_folder)(ImsEngine *engine, ImsFolderId folder, ImsMailboxId mailbox,
                             const char *name, GError **error);
    GPtrArray *(*list_subscriptions)(ImsEngine *engine, ImsMailboxId mailbox, GError **error);
    gboolean (*has_mailbox)(ImsEngine *engine, ImsMailboxId mailbox);
    /* The whole folder, every entry, by rising UID. */
    ImsFolderDelta *(*load_folder)(ImsEngine *engine, ImsFolderId folder, GError **error);
    GPtrArray *(*read_rows)(ImsEngine *engine, ImsFolderId folder, const guint32 *uids,
                            guint n_uids, gboolean with_summary, GError **error);
    /* @header_only: bytes need hold only the header. */
    gboolean (*read_body)(ImsEngine *engine, ImsContentId content, gboolean header_only,
                          ImsStoredBody *body_out, GError **error);
    GPtrArray *(*queue_domains)(ImsEngine *engine, GError **error);
    /* @id not 0: that message only. */
    GPtrArray *(*queue_list)(ImsEngine *engine, guint64 id, const char *domain, guint64 after,
                             guint limit, GError **error);
    GPtrArray *(*queue_uncertain)(ImsEngine *engine);
};

/* @options: directory, max_database_bytes. The directory exists and is locked. */
ImsEngine *ims_sqlite_engine_open(ImsWorld *world, const ImsStoreOptions *options, GError **error);
ImsEngine *ims_memory_engine_open(ImsWorld *world);

G_END_DECLS
