/* Accounts and their credentials: rows in the database, and in memory what a logon needs. */
#include <string.h>

#include "directory/directory-private.h"
#include "directory/names-private.h"
#include "directory/secrets-private.h"

#define SCHEME_YESCRYPT "yescrypt"
#define SCHEME_SCRAM "scram-sha-256"

/* ---- rows in memory ---- */

void
ims_account_row_free(ImsAccountRow *row)
{
    if (row == NULL)
        return;
    g_free(row->key);
    g_free(row->text);
    g_free(row->domain);
    g_free(row->name);
    ims_secret_free(row->hash);
    g_free(row);
}

static ImsAccountRow *
new_row(guint64 id, const char *domain, const char *name)
{
    ImsAccountRow *row = g_new0(ImsAccountRow, 1);

    row->id = id;
    row->domain = g_strdup(domain);
    row->name = g_strdup(name);
    row->text = g_strdup_printf("%s\\%s", domain, name);
    row->key = ims_name_key(row->text);
    return row;
}

ImsAccountRow *
ims_account_row_find(ImsDirectory *directory, const char *domain, const char *name)
{
    g_autofree char *text = g_strdup_printf("%s\\%s", domain, name);
    g_autofree char *key = ims_name_key(text);

    return g_hash_table_lookup(directory->accounts, key);
}

/* With accounts_lock held. Takes @row. */
static void
add_row(ImsDirectory *directory, ImsAccountRow *row)
{
    char *user = ims_name_key(row->name);

    row->generation = directory->next_generation++;
    row->next_of_user = g_hash_table_lookup(directory->accounts_by_user, user);
    g_hash_table_replace(directory->accounts_by_user, user, row);
    g_hash_table_replace(directory->accounts, row->key, row);
}

/* With accounts_lock held. Frees @row. */
static void
remove_row(ImsDirectory *directory, ImsAccountRow *row)
{
    g_autofree char *user = ims_name_key(row->name);
    ImsAccountRow *first = g_hash_table_lookup(directory->accounts_by_user, user);

    if (first != row) {
        while (first->next_of_user != row)
            first = first->next_of_user;
        first->next_of_user = row->next_of_user;
    } else if (row->next_of_user != NULL) {
        g_hash_table_replace(directory->accounts_by_user, g_strdup(user), row->next_of_user);
    } else {
        g_hash_table_remove(directory->accounts_by_user, user);
    }
    g_hash_table_remove(directory->accounts, row->key);
}

gboolean
ims_account_row_is_locked(ImsAccountRow *row, gint64 now_usec)
{
    if (row->locked_until_usec == 0)
        return FALSE;
    if (now_usec < row->locked_until_usec)
        return TRUE;
    row->locked_until_usec = 0;
    row->failures = 0;
    return FALSE;
}

gboolean
ims_directory_load_accounts(ImsDirectory *directory, GError **error)
{
    sqlite3_stmt *statement = ims_directory_prepare(
        directory,
        "SELECT a.id, a.domain, a.name, a.enabled, a.guest, a.failures, a.locked_until, a.changed,"
        " a.keep_reversible, a.keep_nt_hash, c.value FROM accounts a"
        " LEFT JOIN credentials c ON c.account = a.id AND c.scheme = '" SCHEME_YESCRYPT "'",
        error);
    int status;

    if (statement == NULL)
        return FALSE;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        ImsAccountRow *row = new_row((guint64)sqlite3_column_int64(statement, 0),
                                     (const char *)sqlite3_column_text(statement, 1),
                                     (const char *)sqlite3_column_text(statement, 2));

        row->enabled = sqlite3_column_int(statement, 3) != 0;
        row->is_guest = sqlite3_column_int(statement, 4) != 0;
        row->failures = (guint)sqlite3_column_int(statement, 5);
        row->locked_until_usec = sqlite3_column_int64(statement, 6);
        row->password_changed_usec = sqlite3_column_int64(statement, 7);
        row->keep_reversible = sqlite3_column_int(statement, 8) != 0;
        row->keep_nt_hash = sqlite3_column_int(statement, 9) != 0;
        row->hash = g_strdup((const char *)sqlite3_column_text(statement, 10));
        add_row(directory, row);
    }
    if (status != SQLITE_DONE)
        ims_directory_set_sql_error(directory, error);
    sqlite3_finalize(statement);
    return status == SQLITE_DONE;
}

/* ---- reading ---- */

void
ims_account_free(ImsAccount *account)
{
    if (account == NULL)
        return;
    g_free(account->domain);
    g_free(account->name);
    g_free(account);
}

static ImsAccount *
copy_row(ImsAccountRow *row, gint64 now_usec)
{
    ImsAccount *account = g_new0(ImsAccount, 1);

    account->domain = g_strdup(row->domain);
    account->name = g_strdup(row->name);
    account->enabled = row->enabled;
    account->is_guest = row->is_guest;
    account->locked_until_usec =
        ims_account_row_is_locked(row, now_usec) ? row->locked_until_usec : 0;
    account->failures = row->failures;
    account->password_changed_usec = row->password_changed_usec;
    account->keep_reversible = row->keep_reversible;
    account->keep_nt_hash = row->keep_nt_hash;
    return account;
}

/* With accounts_lock held. Sets the error. */
static ImsAccountRow *
find_named(ImsDirectory *directory, const char *name, GError **error)
{
    g_autofree char *domain = NULL;
    g_autofree char *user = NULL;
    ImsAccountRow *row;

    if (!ims_name_parse_account(name, directory->default_domain, &domain, &user, error))
        return NULL;
    row = ims_account_row_find(directory, domain, user);
    if (row == NULL)
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND,
                    "account \"%s\\%s\" is not there", domain, user);
    return row;
}

ImsAccount *
ims_directory_find_account(ImsDirectory *directory, const char *name, GError **error)
{
    ImsAccount *account = NULL;
    ImsAccountRow *row;

    g_mutex_lock(&directory->accounts_lock);
    row = find_named(directory, name, error);
    if (row != NULL)
        account = copy_row(row, ims_world_wall_usec(directory->world));
    g_mutex_unlock(&directory->accounts_lock);
    return account;
}

static int
compare_accounts(gconstpointer a, gconstpointer b)
{
    const ImsAccount *left = *(const ImsAccount *const *)a, *right = *(const ImsAccount *const *)b;
    int order = strcmp(left->domain, right->domain);

    return order != 0 ? order : strcmp(left->name, right->name);
}

static void
free_account(gpointer account)
{
    ims_account_free(account);
}

GPtrArray *
ims_directory_list_accounts(ImsDirectory *directory, GError **error)
{
    GPtrArray *accounts = g_ptr_array_new_with_free_func(free_account);
    gint64 now_usec = ims_world_wall_usec(directory->world);
    GHashTableIter iter;
    gpointer row;

    g_mutex_lock(&directory->accounts_lock);
    g_hash_table_iter_init(&iter, directory->accounts);
    while (g_hash_table_iter_next(&iter, NULL, &row))
        g_ptr_array_add(accounts, copy_row(row, now_usec));
    g_mutex_unlock(&directory->accounts_lock);
    g_ptr_array_sort(accounts, compare_accounts);
    return accounts;
}

/* ---- changing; only main changes, so what it read stays true until it writes ---- */

/* What a password is kept as: one row a scheme. */
typedef struct {
    char *yescrypt, *scram;
} Credentials;

static void
clear_credentials(Credentials *credentials)
{
    g_clear_pointer(&credentials->yescrypt, ims_secret_free);
    g_clear_pointer(&credentials->scram, ims_secret_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Credentials, clear_credentials)

static gboolean
make_credentials(ImsDirectory *directory, const char *password, Credentials *credentials,
                 GError **error)
{
    if (password == NULL || *password == '\0' || strlen(password) > IMS_PASSWORD_MAX) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID,
                    "password: expected 1 to %d octets", IMS_PASSWORD_MAX);
        return FALSE;
    }
    credentials->yescrypt =
        ims_secret_hash(directory->world, password, directory->hash_cost, error);
    if (credentials->yescrypt == NULL)
        return FALSE;
    credentials->scram = ims_secret_scram_sha_256(directory->world, password, error);
    return credentials->scram != NULL;
}

/* With db_lock held, in a transaction. */
static gboolean
write_credentials(ImsDirectory *directory, guint64 account, const Credentials *credentials,
                  gint64 now_usec, GError **error)
{
    static const char insert[] =
        "INSERT INTO credentials(account, scheme, value, made) VALUES(?,?,?,?)";

    return ims_directory_run(directory, error, "DELETE FROM credentials WHERE account=?", "i",
                             (gint64)account) &&
           ims_directory_run(directory, error, insert, "issi", (gint64)account, SCHEME_YESCRYPT,
                             credentials->yescrypt, now_usec) &&
           ims_directory_run(directory, error, insert, "issi", (gint64)account, SCHEME_SCRAM,
                             credentials->scram, now_usec);
}

static gboolean
insert_account(ImsDirectory *directory, ImsAccountRow *row, const Credentials *credentials,
               GError **error)
{
    gboolean ok;

    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = ims_directory_run(
            directory, error,
            "INSERT INTO accounts(domain, name, key, enabled, guest, failures, locked_until,"
            " changed, keep_reversible, keep_nt_hash) VALUES(?,?,?,1,?,0,0,?,0,0)",
            "sssii", row->domain, row->name, row->key, (gint64)row->is_guest,
            row->password_changed_usec);
        if (ok) {
            row->id = (guint64)sqlite3_last_insert_rowid(directory->db);
            ok = write_credentials(directory, row->id, credentials, row->password_changed_usec,
                                   error);
        }
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    return ok;
}

/* NT's Guest has no password. Here nobody comes in under that name, so it gets one that nobody
 * knows. (transfer full): to be wiped */
static char *
make_password(ImsDirectory *directory)
{
    guint8 bytes[24];

    ims_world_random(directory->world, bytes, sizeof bytes);
    return g_base64_encode(bytes, sizeof bytes);
}

gboolean
ims_directory_add_account(ImsDirectory *directory, const char *name, const char *password,
                          GError **error)
{
    g_autofree char *domain = NULL;
    g_autofree char *user = NULL;
    g_autofree char *made = NULL;
    g_auto(Credentials) credentials = {NULL, NULL};
    ImsAccountRow *row, *there;
    gboolean is_guest, ok;

    if (!ims_name_parse_account(name, directory->default_domain, &domain, &user, error))
        return FALSE;
    g_mutex_lock(&directory->accounts_lock);
    there = ims_account_row_find(directory, domain, user);
    g_mutex_unlock(&directory->accounts_lock);
    if (there != NULL) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_EXISTS,
                    "account \"%s\" is taken by \"%s\"", name, there->text);
        return FALSE;
    }
    is_guest = g_ascii_strcasecmp(user, GUEST) == 0;
    if (is_guest && password != NULL && *password == '\0')
        password = made = make_password(directory);
    ok = make_credentials(directory, password, &credentials, error);
    if (made != NULL)
        explicit_bzero(made, strlen(made));
    if (!ok)
        return FALSE;
    row = new_row(0, domain, user);
    row->enabled = TRUE;
    row->is_guest = is_guest;
    row->password_changed_usec = ims_world_wall_usec(directory->world);
    if (!insert_account(directory, row, &credentials, error)) {
        ims_account_row_free(row);
        return FALSE;
    }
    row->hash = g_steal_pointer(&credentials.yescrypt);
    g_mutex_lock(&directory->accounts_lock);
    add_row(directory, row);
    g_mutex_unlock(&directory->accounts_lock);
    return TRUE;
}

/* The row of @name, which lives until main removes it; NULL with an error. */
static ImsAccountRow *
find_to_change(ImsDirectory *directory, const char *name, GError **error)
{
    ImsAccountRow *row;

    g_mutex_lock(&directory->accounts_lock);
    row = find_named(directory, name, error);
    g_mutex_unlock(&directory->accounts_lock);
    return row;
}

gboolean
ims_directory_set_password(ImsDirectory *directory, const char *name, const char *password,
                           GError **error)
{
    g_auto(Credentials) credentials = {NULL, NULL};
    ImsAccountRow *row = find_to_change(directory, name, error);
    gint64 now_usec = ims_world_wall_usec(directory->world);
    gboolean ok;

    if (row == NULL || !make_credentials(directory, password, &credentials, error))
        return FALSE;
    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = ims_directory_run(directory, error, "UPDATE accounts SET changed=? WHERE id=?", "ii",
                               now_usec, (gint64)row->id) &&
             write_credentials(directory, row->id, &credentials, now_usec, error);
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    if (!ok)
        return FALSE;
    g_mutex_lock(&directory->accounts_lock);
    ims_secret_free(row->hash);
    row->hash = g_steal_pointer(&credentials.yescrypt);
    row->password_changed_usec = now_usec;
    row->generation = directory->next_generation++;
    g_mutex_unlock(&directory->accounts_lock);
    ims_directory_tell_changed(directory, row->text);
    return TRUE;
}

gboolean
ims_directory_set_account(ImsDirectory *directory, const char *name, const gboolean *enabled,
                          gboolean unlock, GError **error)
{
    ImsAccountRow *row = find_to_change(directory, name, error);
    gboolean was_enabled, now_enabled, ok;

    if (row == NULL)
        return FALSE;
    was_enabled = row->enabled;
    now_enabled = enabled != NULL ? *enabled != FALSE : was_enabled;
    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_run(
        directory, error,
        unlock ? "UPDATE accounts SET enabled=?, failures=0, locked_until=0 WHERE id=?"
               : "UPDATE accounts SET enabled=? WHERE id=?",
        "ii", (gint64)now_enabled, (gint64)row->id);
    g_mutex_unlock(&directory->db_lock);
    if (!ok)
        return FALSE;
    g_mutex_lock(&directory->accounts_lock);
    row->enabled = now_enabled;
    if (unlock) {
        row->failures = 0;
        row->locked_until_usec = 0;
    }
    if (was_enabled != now_enabled)
        row->generation = directory->next_generation++;
    g_mutex_unlock(&directory->accounts_lock);
    if (was_enabled && !now_enabled)
        ims_directory_tell_changed(directory, row->text);
    return TRUE;
}

gboolean
ims_directory_remove_account(ImsDirectory *directory, const char *name, GError **error)
{
    ImsAccountRow *row = find_to_change(directory, name, error);
    g_autofree char *text = NULL;
    gboolean ok;

    if (row == NULL)
        return FALSE;
    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = ims_directory_run(directory, error, "DELETE FROM credentials WHERE account=?", "i",
                               (gint64)row->id) &&
             ims_directory_run(directory, error, "DELETE FROM accounts WHERE id=?", "i",
                               (gint64)row->id);
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    if (!ok)
        return FALSE;
    text = g_strdup(row->text);
    g_mutex_lock(&directory->accounts_lock);
    remove_row(directory, row);
    g_mutex_unlock(&directory->accounts_lock);
    ims_directory_tell_changed(directory, text);
    return TRUE;
}
