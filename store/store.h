/*
 * The Information Store: mailboxes, folders, messages, flags, changes, and the queue.
 *
 * Changes are asynchronous operations, each atomic: fill a struct, submit it, get its completion on
 * your executor after the commit is on disk. Reads are short synchronous calls on any executor: no
 * read transaction outlives the call. No SQL and no transaction handle is seen above this header.
 */
#pragma once

#include "net/log.h"
#include "net/send.h"
#include "net/world.h"
#include "store/mime.h"

G_BEGIN_DECLS

typedef struct _ImsStore ImsStore;
typedef guint64 ImsMailboxId; /* given by the Directory; stable for ever */
typedef guint64 ImsFolderId;  /* unique in the store, never reused */
typedef guint64
    ImsContentId; /* a stored message body, shared by all its copies (single-instance storage) */

typedef enum {
    IMS_STORE_ERROR_FULL,      /* disk full: 452, NO [OVERQUOTA]-like; nothing happened */
    IMS_STORE_ERROR_IO,        /* a write failed; the store takes no more writes in this process */
    IMS_STORE_ERROR_CORRUPT,   /* a body does not match its digest, a page is broken */
    IMS_STORE_ERROR_NEWER,     /* made by a newer version: refuse to start */
    IMS_STORE_ERROR_LOCKED,    /* another process has it; the message names the pid */
    IMS_STORE_ERROR_NOT_FOUND, /* folder, message, mailbox or queue entry is not there */
    IMS_STORE_ERROR_EXISTS,
    IMS_STORE_ERROR_INVALID, /* a name or argument is not possible */
    IMS_STORE_ERROR_BUSY,    /* overload: nothing was taken */
} ImsStoreError;
#define IMS_STORE_ERROR (ims_store_error_quark())
GQuark ims_store_error_quark(void);

/* ---- open and close ---- */

typedef enum {
    IMS_ENGINE_SQLITE,
    IMS_ENGINE_MEMORY, /* for tests and scenarios; passes the same suite */
} ImsEngineKind;

typedef struct {
    ImsEngineKind engine;
    const char *directory;    /* mdbdata/, made if missing; unused by memory */
    gsize inline_body_limit;  /* larger bodies go to files; 0: 128 KiB */
    gsize writer_queue_limit; /* bytes waiting for the writer before ims_store_is_congested(); 0: 64
                                 MiB */
    guint writer_delay_msec;  /* how long one may have waited there before it; 0: 100 */
    guint64 max_database_bytes; /* of the database, without body files: IMS_STORE_ERROR_FULL beyond;
                                   0: none */
    ImsLog *log;                /* (nullable) */
} ImsStoreOptions;

ImsStore *ims_store_open(ImsWorld *world, const ImsStoreOptions *options, GError **error);
/* Waits for what was submitted, checkpoints, closes. */
void ims_store_close(ImsStore *store);
/* TRUE while the writer has more than it should: stop reading from clients until it is FALSE again.
 * Any thread. */
gboolean ims_store_is_congested(ImsStore *store);
/* TRUE while no operation waits for its commit and no completion for its executor: what a stopping service waits for
 * before it frees what completions use. Any thread. */
gboolean ims_store_is_idle(ImsStore *store);
/* TRUE once a write failed for good: every further write ends in IMS_STORE_ERROR_IO. */
gboolean ims_store_is_failed(ImsStore *store);

typedef struct {
    guint64 commits, operations, messages, wal_bytes, writer_queue_bytes, body_files;
} ImsStoreStats;
void ims_store_stats(ImsStore *store, ImsStoreStats *stats_out);

/* ---- folders and messages, read side ---- */

#define IMS_FLAG_SEEN 0x01u
#define IMS_FLAG_ANSWERED 0x02u
#define IMS_FLAG_FLAGGED 0x04u
#define IMS_FLAG_DELETED 0x08u
#define IMS_FLAG_DRAFT 0x10u
#define IMS_FLAG_SYSTEM_MASK 0xffu
/* Keyword k (0 to 55) of the folder's keyword table is bit 8 + k. */
#define IMS_FLAG_KEYWORD(k) (G_GUINT64_CONSTANT(1) << (8 + (k)))
#define IMS_MAX_KEYWORDS 56

typedef struct {
    ImsFolderId id;
    ImsMailboxId mailbox;
    char *name;          /* full name, UTF-8, levels separated by '/'; the inbox is "INBOX" */
    char *special_use;   /* (nullable): "\\Sent", "\\Trash", "\\Drafts" … (RFC 6154) */
    guint32 uidvalidity; /* small integers that only grow (I-085) */
    guint32 uidnext;
    guint64 highest_modseq;
    guint32 messages, unseen, deleted;
    guint64 bytes;
    guint32 first_recent_uid; /* messages with this UID or more are \Recent for the next session
                                 that selects */
    guint8 object_id[16];
    gboolean subscribed;
} ImsFolder;

void ims_folder_free(ImsFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsFolder, ims_folder_free)

/* All folders of a mailbox, INBOX first, then by name. (element-type ImsFolder) (transfer full). */
GPtrArray *ims_store_list_folders(ImsStore *store, ImsMailboxId mailbox, GError **error);
/* "INBOX" in any case; other names as they are. NULL with IMS_STORE_ERROR_NOT_FOUND. */
ImsFolder *ims_store_find_folder(ImsStore *store, ImsMailboxId mailbox, const char *name,
                                 GError **error);
ImsFolder *ims_store_get_folder(ImsStore *store, ImsFolderId folder, GError **error);
/* Subscribed names, of which some may not exist (RFC 3501 6.3.6). (element-type utf8) (transfer
 * full). */
GPtrArray *ims_store_list_subscriptions(ImsStore *store, ImsMailboxId mailbox, GError **error);
gboolean ims_store_has_mailbox(ImsStore *store, ImsMailboxId mailbox);

typedef struct {
    guint32 uid;
    guint32 size; /* octets of the message */
    guint64 flags;
    guint64 modseq;
} ImsUidEntry;

/**
 * ImsUidSnapshot: a folder's messages at one moment. Immutable, reference counted, shared by every
 * session on the folder on whichever worker; sessions move to a newer one only when the protocol
 * allows it. A message expunged elsewhere stays readable for whoever still holds a snapshot that
 * names it.
 */
typedef struct {
    ImsFolderId folder;
    guint32 uidvalidity, uidnext, first_recent_uid;
    guint64 highest_modseq;
    guint n_entries;
    const ImsUidEntry *entries;  /* by rising UID */
    const char *const *keywords; /* NULL-terminated; index k is bit 8 + k */
} ImsUidSnapshot;

/* The newest committed state. Cheap when nothing changed. (transfer full).
 * IMS_STORE_ERROR_NOT_FOUND: folder gone. */
ImsUidSnapshot *ims_store_snapshot(ImsStore *store, ImsFolderId folder, GError **error);
ImsUidSnapshot *ims_uid_snapshot_ref(ImsUidSnapshot *snapshot);
void ims_uid_snapshot_unref(ImsUidSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsUidSnapshot, ims_uid_snapshot_unref)
/* Index of @uid, or of the first entry above it; @found_out (nullable). */
guint ims_uid_snapshot_find(const ImsUidSnapshot *snapshot, guint32 uid, gboolean *found_out);

/* What FETCH needs besides the snapshot. Strings belong to the row and live until it is freed. */
typedef struct {
    guint32 uid;
    ImsContentId content;
    gint64 internal_date_usec; /* UTC */
    gint16 internal_zone_min;  /* minutes east of UTC, to print it in the zone it came with */
    gint64 save_date_usec;
    guint64 created_modseq;
    ImsMimeSummary *summary; /* (nullable): only when asked for */
} ImsMessageRow;

/**
 * ims_store_read_rows:
 * @uids: rising, at most 1,000
 * @with_summary: also envelope, body structure and part table
 *
 * One slice of rows, in the order of @uids; messages that are gone for good are left out. Messages
 * expunged while a snapshot that names them is held are found.
 */
GPtrArray *ims_store_read_rows(ImsStore *store, ImsFolderId folder, const guint32 *uids,
                               guint n_uids, gboolean with_summary, GError **error);
/* The whole message, checked against its digest. (transfer full). Large ones are mapped, not read.
 */
GBytes *ims_store_read_body(ImsStore *store, ImsContentId content, GError **error);
/* Only its header, to and with the empty line. (transfer full) */
GBytes *ims_store_read_header(ImsStore *store, ImsContentId content, GError **error);

/* ---- being told of changes ---- */

typedef struct _ImsStoreWatch ImsStoreWatch;
typedef void (*ImsStoreChanged)(ImsFolderId folder, guint64 modseq, gpointer data);
/* Calls @changed on the calling executor after each commit that touched @folder (its deletion too);
 * several commits may be told as one. @folder 0: the queue has new or changed entries. Cancel on
 * the same executor. */
ImsStoreWatch *ims_store_watch(ImsStore *store, ImsFolderId folder, ImsStoreChanged changed,
                               gpointer data);
void ims_store_unwatch(ImsStore *store, ImsStoreWatch **watch);

/* ---- operations ---- */

typedef enum {
    IMS_OP_DELIVER,        /* ImsDeliverOp: SMTP intake, reports, APPEND */
    IMS_OP_COPY,           /* ImsCopyOp: COPY and MOVE */
    IMS_OP_STORE_FLAGS,    /* ImsFlagsOp */
    IMS_OP_EXPUNGE,        /* ImsExpungeOp */
    IMS_OP_CLAIM_RECENT,   /* ImsFolderOp: later messages only are \Recent from now on */
    IMS_OP_MAILBOX_CREATE, /* ImsFolderOp: with the standard folders; succeeds if it is there */
    IMS_OP_MAILBOX_DELETE, /* ImsFolderOp */
    IMS_OP_FOLDER_CREATE,  /* ImsFolderOp: missing superiors too */
    IMS_OP_FOLDER_RENAME,  /* ImsFolderOp: inferiors too; INBOX: its messages move (RFC 3501 6.3.5)
                            */
    IMS_OP_FOLDER_DELETE,  /* ImsFolderOp */
    IMS_OP_SUBSCRIBE,      /* ImsFolderOp */
    IMS_OP_UNSUBSCRIBE,    /* ImsFolderOp */
    IMS_OP_QUEUE_CLAIM,    /* ImsQueueClaimOp */
    IMS_OP_QUEUE_OUTCOME,  /* ImsQueueOutcomeOp */
    IMS_OP_QUEUE_ADMIN,    /* ImsQueueAdminOp */
} ImsStoreOpKind;

/* First member of every operation. Zero it, set @kind, @done and @data and the operation's own
 * fields, submit. */
typedef struct _ImsStoreOp ImsStoreOp;
struct _ImsStoreOp {
    ImsStoreOpKind kind;
    /* On the submitting executor, exactly once, after COMMIT returned or the operation failed. Owns
     * @op from then on. */
    void (*done)(ImsStoreOp *op, gpointer data);
    gpointer data;
    GError *error; /* result: NULL means committed and durable */
    /* private to the store */
    ImsStore *store;
    ImsExecutor *where;
    gsize cost_bytes;
};

/* Takes @op. Must be called on an executor. Never calls @done inside the call. */
void ims_store_submit(ImsStore *store, ImsStoreOp *op);
/* Frees the operation and all its fields, whichever kind it is. */
void ims_store_op_free(ImsStoreOp *op);
/* g_new0 with @kind set; cast to the kind's struct. */
ImsStoreOp *ims_store_op_new(ImsStoreOpKind kind, void (*done)(ImsStoreOp *op, gpointer data),
                             gpointer data);

typedef struct {
    ImsFolderId folder; /* or 0: the INBOX of @mailbox */
    ImsMailboxId mailbox;
    guint64 flags;          /* system flags only */
    char **keywords;        /* (nullable) (transfer full) */
    guint32 uid;            /* result */
    guint64 modseq;         /* result */
    ImsFolderId folder_out; /* result */
    guint32 uidvalidity;    /* result */
} ImsDeliverTarget;

typedef struct _ImsQueueMessage ImsQueueMessage;

/* One message into any number of folders and, if @queue is set, into the queue: one atomic commit.
 */
typedef struct {
    ImsStoreOp op;
    GBytes *body;            /* (transfer full) */
    ImsMimeSummary *summary; /* (transfer full): of @body */
    gint64 internal_date_usec;
    gint16 internal_zone_min;
    GArray *targets; /* (element-type ImsDeliverTarget) (nullable); ims_deliver_targets_new() */
    ImsQueueMessage *queue; /* (nullable) (transfer full) */
} ImsDeliverOp;
GArray *ims_deliver_targets_new(void); /* with the clear function set */

typedef struct {
    ImsStoreOp op;
    ImsFolderId from, to;
    GArray *uids; /* (element-type guint32), rising; those that are gone are left out */
    gboolean move;
    guint32 uidvalidity; /* result: of @to */
    GArray *from_uids;   /* result: those copied */
    GArray *to_uids;     /* result: their new UIDs, pairwise */
    guint64 modseq;      /* result: of @to */
} ImsCopyOp;

typedef enum {
    IMS_FLAGS_ADD,
    IMS_FLAGS_REMOVE,
    IMS_FLAGS_REPLACE,
} ImsFlagsMode;

typedef struct {
    ImsStoreOp op;
    ImsFolderId folder;
    GArray *uids; /* (element-type guint32), rising */
    ImsFlagsMode mode;
    guint64 flags;           /* system flags */
    char **keywords;         /* (nullable): new ones get a place in the folder's table */
    guint64 unchanged_since; /* 0: no condition (RFC 7162) */
    GArray *modified;        /* result: UIDs that failed the condition; NULL where none */
    guint64 modseq;          /* result */
} ImsFlagsOp;

typedef struct {
    ImsStoreOp op;
    ImsFolderId folder;
    GArray *uids; /* (nullable): only these; NULL: all */
    gboolean
        only_deleted; /* only those with \Deleted (EXPUNGE); POP3 passes FALSE and its own UIDs */
    GArray *expunged; /* result: UIDs, rising */
    guint64 modseq;   /* result */
} ImsExpungeOp;

typedef struct {
    ImsStoreOp op;
    ImsMailboxId mailbox;
    ImsFolderId folder;       /* CLAIM_RECENT, or the result of FOLDER_CREATE */
    char *name;               /* folder name */
    char *new_name;           /* RENAME */
    char *special_use;        /* (nullable): CREATE */
    guint32 first_recent_uid; /* CLAIM_RECENT result: what it was before */
    guint32 uidnext;          /* CLAIM_RECENT result */
} ImsFolderOp;

/* ---- the queue: a table of the same database ---- */

typedef enum {
    IMS_QUEUE_WAITING,
    IMS_QUEUE_ACTIVE, /* claimed by a sender of this process */
    IMS_QUEUE_HELD,   /* by an administrator, or because only a weakness admitted it */
    IMS_QUEUE_SENT,   /* done; kept until every recipient of the message is done, then removed */
    IMS_QUEUE_FAILED, /* done, reported */
} ImsQueueState;

typedef struct {
    guint64 id;
    char *address;  /* local@domain, as it will be sent */
    char *original; /* (nullable): as the client gave it, where that differs */
    char *orcpt;    /* (nullable) */
    ImsNotify notify;
    char *domain; /* lower case; what the queue is claimed and listed by */
    ImsQueueState state;
    guint attempts;
    gint64 next_attempt_usec; /* wall */
    gboolean last_failed;     /* the last attempt found no host */
    int code;                 /* of the last attempt */
    char *reply;              /* (nullable): of the last attempt */
} ImsQueueRecipient;

struct _ImsQueueMessage {
    guint64 id;
    ImsContentId content;
    char *sender; /* "" is null */
    ImsRet ret;
    char *envid; /* (nullable) */
    gboolean eight_bit;
    gint64 accepted_usec, expires_usec; /* wall */
    guint64 size;
    char *session;         /* who brought it, for the log: session id, client address, account */
    char *hold_reason;     /* (nullable) */
    char *subject;         /* (nullable): for reports and listings */
    GPtrArray *recipients; /* (element-type ImsQueueRecipient) */
};
ImsQueueMessage *ims_queue_message_new(void);
void ims_queue_message_free(ImsQueueMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsQueueMessage, ims_queue_message_free)
ImsQueueRecipient *ims_queue_recipient_new(void);
void ims_queue_recipient_free(ImsQueueRecipient *recipient);

typedef struct {
    char *domain;
    guint waiting, active, held;
    gint64 next_attempt_usec; /* earliest of the waiting; G_MAXINT64 where none */
    gboolean last_failed;     /* every waiting one's last attempt found no host */
} ImsQueueDomain;
/* (element-type ImsQueueDomain) (transfer full): domains with something not done. */
GPtrArray *ims_store_queue_domains(ImsStore *store, GError **error);
/* (element-type ImsQueueMessage) (transfer full): with recipients, by id above @after, at most
 * @limit. @domain (nullable). */
GPtrArray *ims_store_queue_list(ImsStore *store, const char *domain, guint64 after, guint limit,
                                GError **error);
ImsQueueMessage *ims_store_queue_get(ImsStore *store, guint64 id, GError **error);
/* What was ACTIVE when the last process died, (element-type ImsQueueMessage) (transfer full), set
 * back to WAITING by open: it may have been sent. Recipients are those only. */
GPtrArray *ims_store_queue_uncertain(ImsStore *store);

/* Marks up to @limit messages' due recipients of @domain ACTIVE and returns them. */
typedef struct {
    ImsStoreOp op;
    char *domain;
    gint64 now_usec;
    guint limit;
    GPtrArray *
        messages; /* result: (element-type ImsQueueMessage), recipients are the claimed ones only */
} ImsQueueClaimOp;

typedef struct {
    guint64 recipient;   /* id */
    ImsQueueState state; /* WAITING (deferred), SENT or FAILED */
    gint64 next_attempt_usec;
    gboolean host_failed;
    gboolean count_attempt;
    int code;
    char *reply;
} ImsQueueResult;

/* Results of one message and, in the same commit, the report it caused (delivered here and/or
 * queued). */
typedef struct {
    ImsStoreOp op;
    guint64 message;
    GArray *results;      /* (element-type ImsQueueResult); ims_queue_results_new() */
    ImsDeliverOp *report; /* (nullable) (transfer full): its op part is unused */
} ImsQueueOutcomeOp;
GArray *ims_queue_results_new(void);

typedef enum {
    IMS_QUEUE_ADMIN_RETRY, /* due now */
    IMS_QUEUE_ADMIN_HOLD,
    IMS_QUEUE_ADMIN_RELEASE,
    IMS_QUEUE_ADMIN_DELETE, /* without report */
} ImsQueueAdminAction;

typedef struct {
    ImsStoreOp op;
    ImsQueueAdminAction action;
    guint64 message; /* 0: by @domain; both empty: all */
    char *domain;    /* (nullable) */
    guint affected;  /* result: recipients */
} ImsQueueAdminOp;

G_END_DECLS
