/* What the tests of the store share: a store of either engine on a simulated world, and operations
 * run to their end. */
#pragma once

#include "net/sim-world.h"
#include "store/store.h"

G_BEGIN_DECLS

#define FIXTURE_START_USEC (G_GINT64_CONSTANT(1764064800) * G_USEC_PER_SEC)

typedef struct {
    ImsWorld *world;
    ImsStore *store;
    char *directory; /* (nullable): of SQLite */
    ImsStoreOptions options;
} Fixture;

/* @data: ImsEngineKind. Opens a store with mailbox 1. */
void fixture_set_up(Fixture *fixture, gconstpointer data);
void fixture_tear_down(Fixture *fixture, gconstpointer data);
void fixture_close(Fixture *fixture);
/* Opens the store anew, in a new world whose clock goes on. */
void fixture_reopen(Fixture *fixture);

/* Adds NAME/sqlite and NAME/memory. */
void fixture_add_test(const char *name, void (*test)(Fixture *fixture, gconstpointer data));
void fixture_add_sqlite_test(const char *name, void (*test)(Fixture *fixture, gconstpointer data));

/* Submits and settles; the operation is the caller's again. */
void fixture_run(Fixture *fixture, ImsStoreOp *op);
/* As fixture_run(), then asserts success and frees. */
void fixture_run_free(Fixture *fixture, ImsStoreOp *op);

ImsMimeSummary *fixture_summary(GBytes *body);
/* A message of @size octets, different for each @number. */
GBytes *fixture_body(guint number, gsize size);
/* To the INBOX of mailbox 1 by default; more targets may be added. */
ImsDeliverOp *fixture_deliver_op(GBytes *body, void (*done)(ImsStoreOp *op, gpointer data),
                                 gpointer data);
/* Delivers message @number into @folder. Returns its UID. */
guint32 fixture_deliver(Fixture *fixture, ImsFolderId folder, guint number);
void fixture_deliver_many(Fixture *fixture, ImsFolderId folder, guint n);

ImsFolderId fixture_folder(Fixture *fixture, const char *name);
ImsFolderId fixture_create(Fixture *fixture, const char *name);
ImsStoreOp *fixture_folder_op(ImsStoreOpKind kind, const char *name, const char *new_name);
ImsStoreOp *fixture_flags_op(ImsFolderId folder, const char *uids, ImsFlagsMode mode, guint64 flags,
                             const char *keywords);
ImsStoreOp *fixture_copy_op(ImsFolderId from, ImsFolderId to, const char *uids, gboolean move);
ImsStoreOp *fixture_expunge_op(ImsFolderId folder, const char *uids, gboolean only_deleted);
void fixture_set_flags(Fixture *fixture, ImsFolderId folder, const char *uids, guint64 flags);
void fixture_expunge(Fixture *fixture, ImsFolderId folder, const char *uids);

/* "1,3,5:7" */
GArray *fixture_uids(const char *text);
/* (transfer full): "uid:flags" of all entries, flags in hex, e.g. "1:0 2:8". */
char *fixture_list(Fixture *fixture, ImsFolderId folder);
char *fixture_list_snapshot(const ImsUidSnapshot *snapshot);
char *fixture_uid_text(const GArray *uids);
/* The body of one message of a folder; NULL where the row is gone. */
GBytes *fixture_read(Fixture *fixture, ImsFolderId folder, guint32 uid);
void fixture_assert_list(Fixture *fixture, ImsFolderId folder, const char *expected);
/* Counters of the folder agree with its messages, snapshot and fresh load are the same. */
void fixture_check_folder(Fixture *fixture, ImsFolderId folder);

/* Removes a directory and all below. */
void fixture_remove_tree(const char *path);

G_END_DECLS
