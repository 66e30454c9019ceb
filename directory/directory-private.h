/* The inside of the Directory: who owns what, and which lock guards it. */
#pragma once

#include <sqlite3.h>

#include "directory/directory.h"
#include "directory/logon-private.h"
#include "directory/recipient-table-private.h"

G_BEGIN_DECLS

#define GUEST "Guest"

/* An account as it is held in memory: a logon asks no SQL. Guarded by accounts_lock. */
typedef struct _ImsAccountRow ImsAccountRow;
struct _ImsAccountRow {
    guint64 id;
    char *key;  /* ims_name_key() of "DOMAIN\\name" */
    char *text; /* "DOMAIN\\name" */
    char *domain, *name;
    char *hash; /* (nullable): crypt(3) form */
    gboolean enabled, is_guest, keep_reversible, keep_nt_hash;
    gint64 locked_until_usec, password_changed_usec;
    guint failures;
    guint64 generation; /* changes with each change: what was remembered of an older one is void */
    ImsAccountRow *next_of_user; /* (nullable): the same name in another domain */
};

struct _ImsDirectory {
    gatomicrefcount references; /* logons and posted work under way hold one */
    ImsWorld *world;
    ImsLog *log;
    char *default_domain;
    guint lockout_failures, lockout_sec, cache_sec, hash_cost;
    gboolean is_double_allowed; /* two recipients may bear one address; main only */
    int lock_fd;
    char *dummy_hash; /* compared for unknown names, so that they cost as much */

    GMutex db_lock; /* guards @db: changes on main, failure counters posted there */
    sqlite3 *db;    /* NULL once closed */

    GMutex table_lock; /* guards the pointer, not what it points to */
    ImsRecipientTable *table;

    GMutex accounts_lock;         /* guards the rows and @next_generation */
    GHashTable *accounts;         /* key → ImsAccountRow */
    GHashTable *accounts_by_user; /* key of the name alone → the first ImsAccountRow of that name */
    guint64 next_generation;

    ImsLogonCache *cache;  /* guards itself */
    ImsPeerDelays *delays; /* guards itself */
    GMutex delayed_lock;   /* guards @delayed */
    GQueue delayed;        /* logons whose answer waits for a timer */

    void (*changed)(const char *account, gpointer data); /* main only */
    gpointer changed_data;
};

ImsDirectory *ims_directory_ref(ImsDirectory *directory);
void ims_directory_unref(ImsDirectory *directory);
void ims_directory_tell_changed(ImsDirectory *directory, const char *account);
void ims_directory_set_table(ImsDirectory *directory, ImsRecipientTable *table); /* takes it */

/* ---- SQL; all with db_lock held ---- */

/**
 * ims_directory_run:
 * @sql: one statement
 * @format: a letter for each parameter: `i` gint64, `s` const char * (NULL is SQL NULL)
 *
 * Returns: FALSE with IMS_DIRECTORY_ERROR_IO
 */
gboolean ims_directory_run(ImsDirectory *directory, GError **error, const char *sql,
                           const char *format, ...);
sqlite3_stmt *ims_directory_prepare(ImsDirectory *directory, const char *sql, GError **error);
void ims_directory_set_sql_error(ImsDirectory *directory, GError **error);
gboolean ims_directory_begin(ImsDirectory *directory, GError **error);
/* COMMIT if @ok, and ROLLBACK if not or if that fails. FALSE: nothing happened. */
gboolean ims_directory_end(ImsDirectory *directory, gboolean ok, GError **error);

gboolean ims_directory_load_recipients(ImsDirectory *directory, GError **error);
gboolean ims_directory_load_accounts(ImsDirectory *directory, GError **error);

/* ---- accounts; with accounts_lock held ---- */

ImsAccountRow *ims_account_row_find(ImsDirectory *directory, const char *domain, const char *name);
void ims_account_row_free(ImsAccountRow *row);
/* Unlocks a row whose time is over. */
gboolean ims_account_row_is_locked(ImsAccountRow *row, gint64 now_usec);

G_END_DECLS
