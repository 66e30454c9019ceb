#include "directory/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory/directory-private.h"
#include "directory/names-private.h"
#include "directory/secrets-private.h"

#define SCHEMA_VERSION 4
#define DEFAULT_CACHE_SEC 300
#define DEFAULT_HASH_COST 5
#define BUSY_MSEC 5000
/* For accounts named without a domain where none is configured: a machine of its own, as NT would
 * say. */
#define DEFAULT_DOMAIN "LOCAL"

G_DEFINE_QUARK(ims_directory_error, ims_directory_error)

static const char schema[] =
    "CREATE TABLE recipients(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, alias "
    "TEXT NOT NULL,"
    " display_name TEXT, target TEXT, account TEXT, hidden INTEGER NOT NULL, forward_to TEXT,"
    " forward_both INTEGER NOT NULL DEFAULT 0, rule_forward_to TEXT, out_of_office TEXT,"
    " accept_from TEXT, reject_from TEXT) STRICT;"
    "CREATE TABLE addresses(recipient INTEGER NOT NULL REFERENCES recipients(id), position INTEGER "
    "NOT NULL,"
    " address TEXT NOT NULL, PRIMARY KEY(recipient, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE members(list INTEGER NOT NULL REFERENCES recipients(id), position INTEGER NOT "
    "NULL,"
    " alias TEXT NOT NULL, PRIMARY KEY(list, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE accounts(id INTEGER PRIMARY KEY AUTOINCREMENT, domain TEXT NOT NULL, name TEXT "
    "NOT NULL,"
    " key TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL, guest INTEGER NOT NULL, failures INTEGER "
    "NOT NULL,"
    " locked_until INTEGER NOT NULL, changed INTEGER NOT NULL, keep_reversible INTEGER NOT NULL,"
    " keep_nt_hash INTEGER NOT NULL) STRICT;"
    "CREATE TABLE credentials(account INTEGER NOT NULL REFERENCES accounts(id), scheme TEXT NOT "
    "NULL,"
    " value TEXT NOT NULL, made INTEGER NOT NULL, PRIMARY KEY(account, scheme)) STRICT, WITHOUT "
    "ROWID;"
    "PRAGMA user_version=4;";

/* From version 1: alternate recipients (D-070). */
static const char upgrade_1[] =
    "ALTER TABLE recipients ADD COLUMN forward_to TEXT;"
    "ALTER TABLE recipients ADD COLUMN forward_both INTEGER NOT NULL DEFAULT 0;";

/* From version 2: what a mailbox does by itself. */
static const char upgrade_2[] = "ALTER TABLE recipients ADD COLUMN rule_forward_to TEXT;"
                                "ALTER TABLE recipients ADD COLUMN out_of_office TEXT;";

/* From version 3: delivery restrictions, aliases a line each (D-067). */
static const char upgrade_3[] = "ALTER TABLE recipients ADD COLUMN accept_from TEXT;"
                                "ALTER TABLE recipients ADD COLUMN reject_from TEXT;"
                                "PRAGMA user_version=4;";

/* ---- SQL ---- */

void
ims_directory_set_sql_error(ImsDirectory *directory, GError **error)
{
    g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO, "directory database: %s",
                sqlite3_errmsg(directory->db));
}

sqlite3_stmt *
ims_directory_prepare(ImsDirectory *directory, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;

    if (directory->db == NULL) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO,
                    "directory database: closed");
        return NULL;
    }
    if (sqlite3_prepare_v2(directory->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        ims_directory_set_sql_error(directory, error);
        return NULL;
    }
    return statement;
}

gboolean
ims_directory_run(ImsDirectory *directory, GError **error, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = ims_directory_prepare(directory, sql, error);
    va_list arguments;
    gboolean ok;

    if (statement == NULL)
        return FALSE;
    va_start(arguments, format);
    for (int i = 0; format[i] != '\0'; i++) {
        if (format[i] == 'i')
            sqlite3_bind_int64(statement, i + 1, va_arg(arguments, gint64));
        else
            sqlite3_bind_text(statement, i + 1, va_arg(arguments, const char *), -1,
                              SQLITE_TRANSIENT);
    }
    va_end(arguments);
    ok = sqlite3_step(statement) == SQLITE_DONE;
    if (!ok)
        ims_directory_set_sql_error(directory, error);
    sqlite3_finalize(statement);
    return ok;
}

static gboolean
execute(ImsDirectory *directory, const char *sql, GError **error)
{
    if (sqlite3_exec(directory->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    ims_directory_set_sql_error(directory, error);
    return FALSE;
}

gboolean
ims_directory_begin(ImsDirectory *directory, GError **error)
{
    return ims_directory_run(directory, error, "BEGIN IMMEDIATE", "");
}

gboolean
ims_directory_end(ImsDirectory *directory, gboolean ok, GError **error)
{
    if (ok && execute(directory, "COMMIT", error))
        return TRUE;
    if (!sqlite3_get_autocommit(directory->db))
        sqlite3_exec(directory->db, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
}

/* ---- open ---- */

static void
set_io_error(GError **error, const char *what, const char *path)
{
    g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO, "%s: %s: %s", path, what,
                g_strerror(errno));
}

/* The lock is the open file, the number inside is for people. */
static gboolean
take_lock(ImsDirectory *directory, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "lock", NULL);
    char text[32] = "";

    directory->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (directory->lock_fd < 0) {
        set_io_error(error, "cannot open", path);
        return FALSE;
    }
    if (flock(directory->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        gssize length = pread(directory->lock_fd, text, sizeof text - 1, 0);

        text[MAX(length, 0)] = '\0';
        g_strchomp(text);
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_LOCKED,
                    "%s: the directory is in use by process %s", path,
                    *text != '\0' ? text : "(unknown)");
        close(directory->lock_fd);
        directory->lock_fd = -1;
        return FALSE;
    }
    g_snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(directory->lock_fd, 0) != 0 ||
        pwrite(directory->lock_fd, text, strlen(text), 0) != (gssize)strlen(text)) {
        set_io_error(error, "cannot write", path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_version(ImsDirectory *directory, int *version_out, GError **error)
{
    sqlite3_stmt *statement = ims_directory_prepare(directory, "PRAGMA user_version", error);
    gboolean ok;

    if (statement == NULL)
        return FALSE;
    ok = sqlite3_step(statement) == SQLITE_ROW;
    if (ok)
        *version_out = sqlite3_column_int(statement, 0);
    else
        ims_directory_set_sql_error(directory, error);
    sqlite3_finalize(statement);
    return ok;
}

static gboolean
bring_schema(ImsDirectory *directory, int version, GError **error)
{
    if (version == 0)
        return execute(directory, schema, error);
    return (version > 1 || execute(directory, upgrade_1, error)) &&
           (version > 2 || execute(directory, upgrade_2, error)) &&
           execute(directory, upgrade_3, error);
}

static gboolean
prepare_schema(ImsDirectory *directory, const char *path, GError **error)
{
    int version = 0;

    if (!read_version(directory, &version, error))
        return FALSE;
    if (version > SCHEMA_VERSION) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NEWER,
                    "%s: schema %d was made by a newer version; this one knows up to %d", path,
                    version, SCHEMA_VERSION);
        return FALSE;
    }
    if (!execute(directory,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", error))
        return FALSE;
    if (version == SCHEMA_VERSION)
        return TRUE;
    return ims_directory_begin(directory, error) &&
           ims_directory_end(directory, bring_schema(directory, version, error), error);
}

static gboolean
open_database(ImsDirectory *directory, const char *folder, GError **error)
{
    g_autofree char *path =
        folder != NULL ? g_build_filename(folder, "dir.db", NULL) : g_strdup(":memory:");

    if (folder != NULL) {
        /* Made by us first: the file holds secrets, so that no moment may see it readable by
         * others. */
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0) {
            set_io_error(error, "cannot open", path);
            return FALSE;
        }
        close(fd);
    }
    if (sqlite3_open_v2(path, &directory->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK) {
        ims_directory_set_sql_error(directory, error);
        return FALSE;
    }
    sqlite3_busy_timeout(directory->db, BUSY_MSEC);
    if (!prepare_schema(directory, path, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    return TRUE;
}

static void
free_row(gpointer row)
{
    ims_account_row_free(row);
}

static ImsDirectory *
make_directory(ImsWorld *world, const ImsDirectoryOptions *options)
{
    ImsDirectory *directory = g_new0(ImsDirectory, 1);

    g_atomic_ref_count_init(&directory->references);
    directory->world = world;
    directory->log = options->log;
    directory->default_domain = g_utf8_strup(
        options->default_domain != NULL ? options->default_domain : DEFAULT_DOMAIN, -1);
    directory->lockout_failures = options->lockout_failures;
    directory->lockout_sec = options->lockout_sec;
    directory->cache_sec = options->cache_sec;
    directory->hash_cost =
        options->hash_cost != 0 ? MIN(options->hash_cost, 11) : DEFAULT_HASH_COST;
    directory->lock_fd = -1;
    g_mutex_init(&directory->db_lock);
    g_mutex_init(&directory->table_lock);
    g_mutex_init(&directory->accounts_lock);
    g_mutex_init(&directory->delayed_lock);
    g_queue_init(&directory->delayed);
    directory->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_row);
    directory->accounts_by_user = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    directory->next_generation = 1;
    directory->cache = ims_logon_cache_new(world, directory->cache_sec);
    directory->delays = ims_peer_delays_new();
    return directory;
}

ImsDirectory *
ims_directory_open(ImsWorld *world, const ImsDirectoryOptions *options, GError **error)
{
    ImsDirectory *directory = make_directory(world, options);
    g_autofree char *unused = NULL;

    if (options->directory != NULL && g_mkdir_with_parents(options->directory, 0700) != 0) {
        set_io_error(error, "cannot be made", options->directory);
        goto failed;
    }
    if (options->directory != NULL && !take_lock(directory, options->directory, error))
        goto failed;
    if (!open_database(directory, options->directory, error) ||
        !ims_directory_load_recipients(directory, error) ||
        !ims_directory_load_accounts(directory, error))
        goto failed;
    unused = ims_secret_random_text(world);
    directory->dummy_hash = ims_secret_hash(world, unused, directory->hash_cost, error);
    if (directory->dummy_hash == NULL)
        goto failed;
    return directory;

failed:
    ims_directory_close(directory);
    return NULL;
}

ImsDirectory *
ims_directory_ref(ImsDirectory *directory)
{
    g_atomic_ref_count_inc(&directory->references);
    return directory;
}

void
ims_directory_unref(ImsDirectory *directory)
{
    if (!g_atomic_ref_count_dec(&directory->references))
        return;
    ims_recipient_table_unref(directory->table);
    g_hash_table_unref(directory->accounts_by_user);
    g_hash_table_unref(directory->accounts);
    ims_logon_cache_free(directory->cache);
    ims_peer_delays_free(directory->delays);
    g_mutex_clear(&directory->db_lock);
    g_mutex_clear(&directory->table_lock);
    g_mutex_clear(&directory->accounts_lock);
    g_mutex_clear(&directory->delayed_lock);
    g_free(directory->default_domain);
    g_free(directory->dummy_hash);
    g_free(directory);
}

void
ims_directory_close(ImsDirectory *directory)
{
    if (directory == NULL)
        return;
    ims_directory_answer_delayed(directory);
    g_mutex_lock(&directory->db_lock);
    if (directory->db != NULL)
        sqlite3_close(directory->db);
    directory->db = NULL;
    g_mutex_unlock(&directory->db_lock);
    if (directory->lock_fd >= 0)
        close(directory->lock_fd);
    directory->lock_fd = -1;
    directory->changed = NULL;
    ims_directory_unref(directory);
}

/* ---- the table and those who listen ---- */

ImsRecipientTable *
ims_directory_table(ImsDirectory *directory)
{
    ImsRecipientTable *table;

    g_mutex_lock(&directory->table_lock);
    table = ims_recipient_table_ref(directory->table);
    g_mutex_unlock(&directory->table_lock);
    return table;
}

void
ims_directory_set_table(ImsDirectory *directory, ImsRecipientTable *table)
{
    ImsRecipientTable *old;

    g_mutex_lock(&directory->table_lock);
    old = directory->table;
    directory->table = table;
    g_mutex_unlock(&directory->table_lock);
    ims_recipient_table_unref(old);
}

void
ims_directory_set_account_changed(ImsDirectory *directory,
                                  void (*changed)(const char *account, gpointer data),
                                  gpointer data)
{
    directory->changed = changed;
    directory->changed_data = data;
}

void
ims_directory_tell_changed(ImsDirectory *directory, const char *account)
{
    if (directory->changed != NULL)
        directory->changed(account, directory->changed_data);
}
