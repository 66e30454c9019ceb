/* Logging on: name to account, password, then alias to mailbox (D-002). */
#include <string.h>

#include "directory/directory-private.h"
#include "directory/names-private.h"
#include "directory/secrets-private.h"

/* Longer names are nobody's: domain, account and alias at their longest, or an address. */
#define NAME_MAX_OCTETS 1024

typedef enum {
    FORM_PLAIN,   /* alias or account name */
    FORM_ADDRESS, /* SMTP address: an extension, 5.5 looked by alias only (D-003, O-14) */
    FORM_ACCOUNT, /* domain/account: the alias is the account name (I-033) */
    FORM_ALIAS,   /* domain/account/alias (I-031) */
} Form;

typedef struct {
    ImsDirectory *directory;
    ImsExecutor *where;
    ImsAddress peer;
    gboolean need_mailbox;
    ImsLogonCallback callback;
    gpointer data;

    Form form;
    char *domain; /* FORM_ACCOUNT, FORM_ALIAS; may be "" */
    char *user;   /* the account's name; the whole name in the one-part forms */
    char *alias;  /* FORM_ALIAS */
    char *password;

    char *account_key;  /* (nullable): NULL, nobody has that name */
    char *account;      /* its text */
    guint64 generation; /* of the account when the hash was read */
    char *hash;
    gboolean matches;
    gboolean from_cache;

    ImsRecipientTable *table; /* keeps the alias in the result alive */
    ImsLogonResult result;
    ImsTimer *timer;
    GList link;          /* in directory->delayed while @timer runs */
    gboolean is_delayed; /* guarded by delayed_lock: whoever clears it answers */
} Logon;

static void
logon_free(Logon *logon)
{
    ims_recipient_table_unref(logon->table);
    ims_secret_free(logon->password);
    ims_secret_free(logon->hash);
    g_free(logon->domain);
    g_free(logon->user);
    g_free(logon->alias);
    g_free(logon->account_key);
    g_free(logon->account);
    ims_directory_unref(logon->directory);
    g_free(logon);
}

/* ---- the name ---- */

/* Either separator parts, also mixed; the third part is the rest, whatever it holds (I-032, I-034).
 */
static void
parse_name(Logon *logon, const char *name)
{
    const char *first = strpbrk(name, "/\\"), *second;

    if (first == NULL) {
        logon->form = strchr(name, '@') != NULL ? FORM_ADDRESS : FORM_PLAIN;
        logon->user = g_strdup(name);
        return;
    }
    logon->domain = g_strndup(name, first - name);
    second = strpbrk(first + 1, "/\\");
    logon->form = second != NULL ? FORM_ALIAS : FORM_ACCOUNT;
    if (second == NULL) {
        logon->user = g_strdup(first + 1);
    } else {
        logon->user = g_strndup(first + 1, second - first - 1);
        logon->alias = g_strdup(second + 1);
    }
}

static const ImsRecipient *
find_by_address(const ImsRecipientTable *table, const char *address, gboolean *several_out)
{
    const char *at = strrchr(address, '@');
    g_autofree char *local = g_strndup(address, at - address);

    return ims_recipient_table_find_address(table, local, at + 1, several_out);
}

/* The default domain's account, or that of whichever domain if only one has the name. With
 * accounts_lock held. */
static ImsAccountRow *
find_in_any_domain(ImsDirectory *directory, const char *user)
{
    ImsAccountRow *row = ims_account_row_find(directory, directory->default_domain, user);
    g_autofree char *key = NULL;

    if (row != NULL)
        return row;
    key = ims_name_key(user);
    row = g_hash_table_lookup(directory->accounts_by_user, key);
    return row != NULL && row->next_of_user == NULL ? row : NULL;
}

/* The primary account of the mailbox that the one-part name stands for. With accounts_lock held. */
static ImsAccountRow *
find_by_mailbox(Logon *logon, const ImsRecipientTable *table)
{
    const ImsRecipient *recipient;
    gboolean several = FALSE;
    g_autofree char *key = NULL;

    if (logon->form == FORM_ADDRESS) {
        recipient = find_by_address(table, logon->user, &several);
    } else {
        key = ims_name_key(logon->user);
        recipient = ims_recipient_table_find_alias_key(table, key, &several);
        g_clear_pointer(&key, g_free);
    }
    if (recipient == NULL || several || recipient->kind != IMS_RECIPIENT_MAILBOX ||
        recipient->account == NULL)
        return NULL;
    key = ims_name_key(recipient->account);
    return g_hash_table_lookup(logon->directory->accounts, key);
}

/* Leaves @account_key NULL for a name nobody has; a hash to compare is there always. */
static void
resolve_account(Logon *logon)
{
    ImsDirectory *directory = logon->directory;
    g_autoptr(ImsRecipientTable) table = ims_directory_table(directory);
    ImsAccountRow *row = NULL;

    g_mutex_lock(&directory->accounts_lock);
    switch (logon->form) {
    case FORM_PLAIN:
        row = find_in_any_domain(directory, logon->user);
        if (row == NULL)
            row = find_by_mailbox(logon, table);
        break;
    case FORM_ADDRESS:
        row = find_by_mailbox(logon, table);
        break;
    case FORM_ACCOUNT:
    case FORM_ALIAS:
        row = ims_account_row_find(
            directory, *logon->domain != '\0' ? logon->domain : directory->default_domain,
            logon->user);
        break;
    }
    if (row != NULL) {
        logon->account_key = g_strdup(row->key);
        logon->account = g_strdup(row->text);
        logon->generation = row->generation;
    }
    logon->hash = g_strdup(row != NULL && row->hash != NULL ? row->hash : directory->dummy_hash);
    if (row != NULL && row->hash == NULL)
        g_clear_pointer(&logon->account_key, g_free);
    g_mutex_unlock(&directory->accounts_lock);
}

/* ---- the mailbox ---- */

static ImsLogonStatus
judge_recipient(Logon *logon, const ImsRecipient *recipient, gboolean several)
{
    g_autofree char *owner = NULL;

    if (recipient == NULL)
        return IMS_LOGON_NO_MAILBOX;
    if (several)
        return IMS_LOGON_AMBIGUOUS;
    if (recipient->kind != IMS_RECIPIENT_MAILBOX)
        return IMS_LOGON_NOT_HERE;
    owner = recipient->account != NULL ? ims_name_key(recipient->account) : NULL;
    if (g_strcmp0(owner, logon->account_key) != 0) {
        logon->result.detail = "mailbox of another account";
        return IMS_LOGON_BAD;
    }
    logon->result.mailbox = recipient->id;
    logon->result.alias = recipient->alias;
    return IMS_LOGON_OK;
}

static ImsLogonStatus
judge_own_mailbox(Logon *logon)
{
    gboolean several = FALSE;
    const ImsRecipient *recipient =
        ims_recipient_table_find_account_key(logon->table, logon->account_key, &several);

    return judge_recipient(logon, recipient, several);
}

static ImsLogonStatus
judge_alias(Logon *logon)
{
    const char *alias = logon->form == FORM_ALIAS ? logon->alias : logon->user;
    g_autofree char *key = ims_name_key(alias);
    const ImsRecipient *recipient;
    gboolean several = FALSE;

    if (logon->form == FORM_ADDRESS) {
        recipient = find_by_address(logon->table, logon->user, &several);
        return judge_recipient(logon, recipient, several);
    }
    recipient = ims_recipient_table_find_alias_key(logon->table, key, &several);
    /* An account whose mailbox bears another alias, and that names none, gets its own. */
    if (recipient == NULL && logon->form != FORM_ALIAS)
        return judge_own_mailbox(logon);
    return judge_recipient(logon, recipient, several);
}

static void
choose_mailbox(Logon *logon)
{
    logon->table = ims_directory_table(logon->directory);
    logon->result.account = logon->account;
    logon->result.status = judge_alias(logon);
    if (logon->result.status == IMS_LOGON_OK || logon->need_mailbox || logon->form == FORM_ALIAS)
        return;
    /* SMTP asks who, not for a mailbox: it tells whose mailbox that is where there is exactly one.
     */
    if (judge_own_mailbox(logon) != IMS_LOGON_OK) {
        logon->result.mailbox = 0;
        logon->result.alias = NULL;
    }
    logon->result.status = IMS_LOGON_OK;
    logon->result.detail = NULL;
}

/* ---- the account's state ---- */

/* Failure counters that must survive a restart; only where lock-out is configured. */
typedef struct {
    ImsDirectory *directory;
    guint64 account;
    guint failures;
    gint64 locked_until_usec;
} CounterWrite;

static void
write_counter(gpointer data)
{
    CounterWrite *counter = data;
    ImsDirectory *directory = counter->directory;
    g_autoptr(GError) error = NULL;
    gboolean ok = TRUE;

    g_mutex_lock(&directory->db_lock);
    if (directory->db != NULL)
        ok = ims_directory_run(
            directory, &error, "UPDATE accounts SET failures=?, locked_until=? WHERE id=?", "iii",
            (gint64)counter->failures, counter->locked_until_usec, (gint64)counter->account);
    g_mutex_unlock(&directory->db_lock);
    if (!ok)
        ims_log_event(directory->log, 0, "directory-error", "reason", error->message, "effect",
                      "failure counter kept in memory only, continuing", NULL);
    ims_directory_unref(directory);
    g_free(counter);
}

static void
keep_counter(ImsDirectory *directory, const ImsAccountRow *row)
{
    CounterWrite *counter;

    if (directory->lockout_failures == 0)
        return;
    counter = g_new0(CounterWrite, 1);
    counter->directory = ims_directory_ref(directory);
    counter->account = row->id;
    counter->failures = row->failures;
    counter->locked_until_usec = row->locked_until_usec;
    ims_world_post(directory->world, ims_world_main(directory->world), write_counter, counter);
}

/* With accounts_lock held, for an account that is not locked. */
static void
count_failure(ImsDirectory *directory, ImsAccountRow *row, gint64 now_usec)
{
    if (row->failures < G_MAXINT32)
        row->failures++;
    if (directory->lockout_failures != 0 && row->failures >= directory->lockout_failures) {
        row->locked_until_usec = directory->lockout_sec != 0
                                     ? now_usec + (gint64)directory->lockout_sec * G_USEC_PER_SEC
                                     : G_MAXINT64;
        ims_log_event(directory->log, 0, "account-locked", "account", row->text, NULL);
    }
    keep_counter(directory, row);
}

/* Why the account may not log on though the name is known; NULL where it may. With accounts_lock
 * held. */
static const char *
judge_row(Logon *logon, ImsAccountRow *row, gint64 now_usec)
{
    if (row == NULL || row->generation != logon->generation)
        return "account changed meanwhile";
    if (ims_account_row_is_locked(row, now_usec))
        return "locked";
    if (!logon->matches) {
        count_failure(logon->directory, row, now_usec);
        return "password";
    }
    if (!row->enabled)
        return "disabled";
    if (row->failures != 0) {
        row->failures = 0;
        keep_counter(logon->directory, row);
    }
    return NULL;
}

/* In whichever domain: a server of NT has one of its own. */
static gboolean
is_guest_enabled(ImsDirectory *directory)
{
    g_autofree char *key = ims_name_key(GUEST);
    gboolean enabled = FALSE;

    g_mutex_lock(&directory->accounts_lock);
    for (const ImsAccountRow *row = g_hash_table_lookup(directory->accounts_by_user, key);
         row != NULL && !enabled; row = row->next_of_user)
        enabled = row->enabled;
    g_mutex_unlock(&directory->accounts_lock);
    return enabled;
}

static const char *
judge_account(Logon *logon)
{
    ImsDirectory *directory = logon->directory;
    gint64 now_usec = ims_world_wall_usec(directory->world);
    const char *detail;

    if (logon->account_key == NULL) {
        logon->result.guest = is_guest_enabled(directory);
        return "unknown name";
    }
    g_mutex_lock(&directory->accounts_lock);
    detail =
        judge_row(logon, g_hash_table_lookup(directory->accounts, logon->account_key), now_usec);
    g_mutex_unlock(&directory->accounts_lock);
    return detail;
}

/* ---- the answer ---- */

static void
answer(Logon *logon)
{
    logon->callback(&logon->result, logon->data);
    logon_free(logon);
}

/* Whether it is this caller who answers. */
static gboolean
take_delayed(Logon *logon)
{
    ImsDirectory *directory = logon->directory;
    gboolean taken;

    g_mutex_lock(&directory->delayed_lock);
    taken = logon->is_delayed;
    if (taken) {
        logon->is_delayed = FALSE;
        g_queue_unlink(&directory->delayed, &logon->link);
    }
    g_mutex_unlock(&directory->delayed_lock);
    return taken;
}

static void
delay_over(gpointer data)
{
    Logon *logon = data;

    logon->timer = NULL;
    if (take_delayed(logon))
        answer(logon);
}

static void
answer_now(gpointer data)
{
    Logon *logon = data;

    ims_world_timer_cancel(logon->directory->world, &logon->timer);
    answer(logon);
}

void
ims_directory_answer_delayed(ImsDirectory *directory)
{
    for (;;) {
        GList *link;
        Logon *logon;

        g_mutex_lock(&directory->delayed_lock);
        link = g_queue_pop_head_link(&directory->delayed);
        logon = link != NULL ? link->data : NULL;
        if (logon != NULL)
            logon->is_delayed = FALSE;
        g_mutex_unlock(&directory->delayed_lock);
        if (logon == NULL)
            return;
        if (ims_world_current(directory->world) == logon->where)
            answer_now(logon);
        else
            ims_world_post(directory->world, logon->where, answer_now, logon);
    }
}

static void
answer_failure(Logon *logon)
{
    ImsDirectory *directory = logon->directory;
    gint64 delay_usec = ims_peer_delays_fail(directory->delays, &logon->peer,
                                             ims_world_mono_usec(directory->world));

    if (delay_usec == 0) {
        answer(logon);
        return;
    }
    logon->link.data = logon;
    logon->is_delayed = TRUE;
    logon->timer = ims_world_timer_add(directory->world, delay_usec, delay_over, logon);
    g_mutex_lock(&directory->delayed_lock);
    g_queue_push_tail_link(&directory->delayed, &logon->link);
    g_mutex_unlock(&directory->delayed_lock);
}

/* On the caller's executor, when it is known whether the password was right. */
static void
judge(gpointer data)
{
    Logon *logon = data;

    if (logon->result.status == IMS_LOGON_UNAVAILABLE) {
        answer(logon);
        return;
    }
    logon->result.detail = judge_account(logon);
    if (logon->result.detail != NULL) {
        logon->result.status = IMS_LOGON_BAD;
    } else {
        if (!logon->from_cache)
            ims_logon_cache_add(logon->directory->cache, logon->account_key, logon->generation,
                                logon->password);
        choose_mailbox(logon);
    }
    if (logon->result.status == IMS_LOGON_BAD)
        answer_failure(logon);
    else
        answer(logon);
}

/* On a thread of the pool. */
static void
compare_password(gpointer data)
{
    Logon *logon = data;

    logon->matches = ims_secret_matches(logon->hash, logon->password) && logon->account_key != NULL;
}

void
ims_directory_logon(ImsDirectory *directory, const ImsAddress *peer, const char *name,
                    const char *password, gboolean need_mailbox, ImsLogonCallback callback,
                    gpointer data)
{
    Logon *logon = g_new0(Logon, 1);

    logon->directory = ims_directory_ref(directory);
    logon->where = ims_world_current(directory->world);
    logon->peer = *peer;
    logon->need_mailbox = need_mailbox;
    logon->callback = callback;
    logon->data = data;
    /* What cannot be anybody's still costs a hash, of a bounded length. */
    logon->password = g_strndup(password, IMS_PASSWORD_MAX);
    parse_name(logon, strlen(name) <= NAME_MAX_OCTETS ? name : "");
    resolve_account(logon);
    if (strlen(password) > IMS_PASSWORD_MAX)
        g_clear_pointer(&logon->account_key, g_free);
    if (logon->account_key != NULL && ims_logon_cache_check(directory->cache, logon->account_key,
                                                            logon->generation, logon->password)) {
        logon->matches = TRUE;
        logon->from_cache = TRUE;
        ims_world_post(directory->world, logon->where, judge, logon);
        return;
    }
    if (!ims_world_run_in_pool(directory->world, compare_password, judge, logon)) {
        logon->result.status = IMS_LOGON_UNAVAILABLE;
        logon->result.detail = "overload";
        ims_world_post(directory->world, logon->where, judge, logon);
    }
}
