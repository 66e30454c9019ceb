/* Inside the engine in memory: plain tables under one lock. For tests and scenarios. */
#pragma once

#include "store/folder-state.h"
#include "store/ops.h"

#include <pthread.h>

G_BEGIN_DECLS

typedef struct {
    ImsContentId id;
    guint refs;
    guint64 size;
    guint8 digest[IMS_DIGEST_SIZE];
    GBytes *body;
    ImsMimeSummary *summary;
} ImsMemContent;

typedef struct {
    ImsUidEntry entry; /* of a grave: modseq of its expunge */
    ImsContentId content;
    gint64 internal_usec;
    gint16 zone_min;
    gint64 save_usec;
    guint64 created_modseq;
    gint64 buried_usec; /* graves only */
} ImsMemMessage;

typedef struct {
    ImsFolderState *state;
    GArray *messages; /* (element-type ImsMemMessage), by UID */
    GArray *graves;   /* (element-type ImsMemMessage), as they were buried */
    gint64 gone_usec;
} ImsMemFolder;

typedef struct {
    ImsEngine engine;
    ImsWorld *world;
    pthread_mutex_t lock;  /* guards all below */
    GHashTable *mailboxes; /* ImsMailboxId → GTree of subscribed names */
    GHashTable *folders;   /* ImsFolderId → ImsMemFolder */
    GHashTable *contents;  /* ImsContentId → ImsMemContent */
    GPtrArray *queue;      /* (element-type ImsQueueMessage), by id */
    GPtrArray *uncertain;  /* always empty: nothing outlives the process */
    ImsFolderId last_folder;
    ImsContentId last_content;
    guint64 last_queue, last_recipient;
    guint32 last_uidvalidity;
} ImsMemEngine;

ImsMemFolder *ims_mem_folder(ImsMemEngine *engine, ImsFolderId folder, GError **error);
ImsMemFolder *ims_mem_folder_by_name(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name,
                                     GError **error);
void ims_mem_add_refs(ImsMemEngine *engine, ImsContentId content, gint n);

/* Each runs one operation whole, or fails with the error set and changes nothing. With the lock
 * held. */
void ims_mem_deliver(ImsMemEngine *engine, ImsDeliverOp *op, const ImsBodyRef *body,
                     ImsChanges *changes, GError **error);
void ims_mem_folder_op(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes);
void ims_mem_move_all(ImsMemEngine *engine, ImsMemFolder *from, ImsMemFolder *to,
                      ImsChanges *changes);
void ims_mem_queue_insert(ImsMemEngine *engine, ImsQueueMessage *message, ImsContentId content,
                          guint64 size, ImsChanges *changes);
void ims_mem_queue_claim(ImsMemEngine *engine, ImsQueueClaimOp *op, ImsChanges *changes);
void ims_mem_queue_outcome(ImsMemEngine *engine, ImsQueueOutcomeOp *op, const ImsBodyRef *body,
                           ImsChanges *changes);
void ims_mem_queue_admin(ImsMemEngine *engine, ImsQueueAdminOp *op, ImsChanges *changes);
void ims_mem_folders_init(ImsEngine *engine);
void ims_mem_queue_init(ImsEngine *engine);

G_END_DECLS
