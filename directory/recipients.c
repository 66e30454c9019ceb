/* Recipients: reading them from the database, and changing them. */
#include <string.h>

#include "directory/directory-private.h"
#include "directory/names-private.h"

#define DISPLAY_NAME_MAX 256
#define OUT_OF_OFFICE_MAX 16384

/* ---- loading ---- */

static char *
column_text(sqlite3_stmt *statement, int column)
{
    return g_strdup((const char *)sqlite3_column_text(statement, column));
}

/* A line each. */
static char **
column_lines(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? g_strsplit(text, "\n", -1) : NULL;
}

/* Rows (recipient, text) by rising recipient; @row_state is where the last call left off. */
typedef struct {
    sqlite3_stmt *statement;
    int status; /* of the last step */
} Children;

static char **
take_children(Children *children, guint64 id)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    while (children->status == SQLITE_ROW &&
           (guint64)sqlite3_column_int64(children->statement, 0) <= id) {
        if ((guint64)sqlite3_column_int64(children->statement, 0) == id)
            g_strv_builder_add(builder, (const char *)sqlite3_column_text(children->statement, 1));
        children->status = sqlite3_step(children->statement);
    }
    return g_strv_builder_end(builder);
}

static ImsRecipientEntry *
read_recipient(sqlite3_stmt *statement, Children *addresses, Children *members)
{
    ImsRecipient recipient = {
        .id = (guint64)sqlite3_column_int64(statement, 0),
        .kind = (ImsRecipientKind)sqlite3_column_int(statement, 1),
        .alias = column_text(statement, 2),
        .display_name = column_text(statement, 3),
        .target = column_text(statement, 4),
        .account = column_text(statement, 5),
        .hidden = sqlite3_column_int(statement, 6) != 0,
        .forward_to = column_text(statement, 7),
        .forward_both = sqlite3_column_int(statement, 8) != 0,
        .rule_forward_to = column_text(statement, 9),
        .out_of_office = column_text(statement, 10),
        .accept_from = column_lines(statement, 11),
        .reject_from = column_lines(statement, 12),
    };

    recipient.addresses = take_children(addresses, recipient.id);
    recipient.members = take_children(members, recipient.id);
    if (recipient.kind != IMS_RECIPIENT_LIST)
        g_clear_pointer(&recipient.members, g_strfreev);
    return ims_recipient_entry_new(&recipient);
}

/* A database that a person edited may hold what no change of ours writes: say so rather than trip
 * over it later. */
static gboolean
is_sound_row(sqlite3_stmt *statement)
{
    int kind = sqlite3_column_int(statement, 1);
    const char *target = (const char *)sqlite3_column_text(statement, 4);
    const char *forward_to = (const char *)sqlite3_column_text(statement, 7);

    return (forward_to == NULL || strchr(forward_to, '@') != NULL) &&
           kind >= IMS_RECIPIENT_MAILBOX && kind <= IMS_RECIPIENT_LIST &&
           (kind != IMS_RECIPIENT_CUSTOM || (target != NULL && strchr(target, '@') != NULL));
}

static gboolean
read_all(ImsDirectory *directory, sqlite3_stmt *statement, Children *addresses, Children *members,
         GPtrArray *entries, GError **error)
{
    int status;

    addresses->status = sqlite3_step(addresses->statement);
    members->status = sqlite3_step(members->statement);
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!is_sound_row(statement)) {
            g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO,
                        "directory database: recipient %lld is damaged",
                        (long long)sqlite3_column_int64(statement, 0));
            return FALSE;
        }
        g_ptr_array_add(entries, read_recipient(statement, addresses, members));
    }
    g_strfreev(take_children(addresses, G_MAXUINT64));
    g_strfreev(take_children(members, G_MAXUINT64));
    if (status == SQLITE_DONE && addresses->status == SQLITE_DONE && members->status == SQLITE_DONE)
        return TRUE;
    ims_directory_set_sql_error(directory, error);
    return FALSE;
}

gboolean
ims_directory_load_recipients(ImsDirectory *directory, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(ims_recipient_entry_unref);
    sqlite3_stmt *recipients = NULL;
    Children addresses = {NULL, SQLITE_DONE}, members = {NULL, SQLITE_DONE};
    gboolean ok;

    recipients = ims_directory_prepare(
        directory,
        "SELECT id, kind, alias, display_name, target, account, hidden, forward_to, forward_both,"
        " rule_forward_to, out_of_office, accept_from, reject_from FROM recipients ORDER BY id",
        error);
    if (recipients != NULL)
        addresses.statement = ims_directory_prepare(
            directory,
            "SELECT recipient, address FROM addresses WHERE instr(address, '@') > 0"
            " ORDER BY recipient, position",
            error);
    if (addresses.statement != NULL)
        members.statement = ims_directory_prepare(
            directory, "SELECT list, alias FROM members ORDER BY list, position", error);
    ok = members.statement != NULL &&
         read_all(directory, recipients, &addresses, &members, entries, error);
    sqlite3_finalize(recipients);
    sqlite3_finalize(addresses.statement);
    sqlite3_finalize(members.statement);
    if (ok)
        ims_directory_set_table(directory, ims_recipient_table_new(entries));
    return ok;
}

/* ---- checking ---- */

static const char *
kind_word(ImsRecipientKind kind)
{
    static const char *const words[] = {"mailbox", "custom recipient", "distribution list"};

    return words[kind];
}

G_GNUC_PRINTF(2, 3)
static gboolean
invalid(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID, text);
    return FALSE;
}

static gboolean
taken(GError **error, const char *what, const char *value, const ImsRecipient *by)
{
    g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_EXISTS,
                "%s \"%s\" is taken by %s \"%s\"", what, value, kind_word(by->kind), by->alias);
    return FALSE;
}

static gboolean
normalise_addresses(const ImsRecipient *given, ImsRecipient *into, GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **address = given->addresses; address != NULL && *address != NULL; address++) {
        g_autofree char *normal = ims_name_normal_address(*address, TRUE, error);

        if (normal == NULL)
            return FALSE;
        g_strv_builder_add(builder, normal);
    }
    into->addresses = g_strv_builder_end(builder);
    /* D-055: a custom recipient is reached by alias in lists, too. */
    if (into->addresses[0] == NULL && given->kind != IMS_RECIPIENT_CUSTOM)
        return invalid(error, "%s \"%s\": expected at least one address", kind_word(given->kind),
                       given->alias);
    return TRUE;
}

static gboolean
normalise_members(const ImsRecipient *given, ImsRecipient *into, GError **error)
{
    for (char **member = given->members; member != NULL && *member != NULL; member++) {
        if (!ims_name_check_alias(*member, error)) {
            g_prefix_error(error, "distribution list \"%s\": member ", given->alias);
            return FALSE;
        }
    }
    into->members = given->members != NULL ? g_strdupv(given->members) : g_new0(char *, 1);
    return TRUE;
}

static gboolean
normalise_account(ImsDirectory *directory, const ImsRecipient *given, ImsRecipient *into,
                  GError **error)
{
    g_autofree char *domain = NULL;
    g_autofree char *name = NULL;

    if (given->account == NULL)
        return TRUE;
    if (!ims_name_parse_account(given->account, directory->default_domain, &domain, &name, error))
        return FALSE;
    into->account = g_strdup_printf("%s\\%s", domain, name);
    return TRUE;
}

/* What a mailbox does with what comes: sends it on, keeps it, answers it. */
static gboolean
normalise_handling(const ImsRecipient *given, ImsRecipient *into, GError **error)
{
    if (given->forward_to != NULL) {
        into->forward_to = ims_name_normal_address(given->forward_to, TRUE, error);
        if (into->forward_to == NULL) {
            g_prefix_error(error, "mailbox \"%s\": alternate recipient ", given->alias);
            return FALSE;
        }
        into->forward_both = given->forward_both != FALSE;
    }
    if (given->rule_forward_to != NULL) {
        into->rule_forward_to = ims_name_normal_address(given->rule_forward_to, TRUE, error);
        if (into->rule_forward_to == NULL) {
            g_prefix_error(error, "mailbox \"%s\": forwarding rule ", given->alias);
            return FALSE;
        }
    }
    if (given->out_of_office != NULL && (!g_utf8_validate(given->out_of_office, -1, NULL) ||
                                         strlen(given->out_of_office) > OUT_OF_OFFICE_MAX))
        return invalid(error,
                       "mailbox \"%s\": expected an out-of-office text in UTF-8 of up to %d octets",
                       given->alias, OUT_OF_OFFICE_MAX);
    into->out_of_office = g_strdup(given->out_of_office);
    return TRUE;
}

static gboolean
normalise_restrictions(const ImsRecipient *given, ImsRecipient *into, GError **error)
{
    char **const lists[] = {given->accept_from, given->reject_from};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        for (char **alias = lists[i]; alias != NULL && *alias != NULL; alias++)
            if (!ims_name_check_alias(*alias, error)) {
                g_prefix_error(error, "%s \"%s\": delivery restriction ", kind_word(given->kind),
                               given->alias);
                return FALSE;
            }
    into->accept_from = g_strdupv(given->accept_from);
    into->reject_from = g_strdupv(given->reject_from);
    return TRUE;
}

/* Everything that does not depend on other recipients. */
static ImsRecipient *
normalise(ImsDirectory *directory, const ImsRecipient *given, GError **error)
{
    g_autoptr(ImsRecipient) result = g_new0(ImsRecipient, 1);

    if ((guint)given->kind > IMS_RECIPIENT_LIST) {
        invalid(error, "recipient: unknown kind %d", (int)given->kind);
        return NULL;
    }
    if (!ims_name_check_alias(given->alias, error))
        return NULL;
    if (given->display_name != NULL &&
        (!g_utf8_validate(given->display_name, -1, NULL) ||
         g_utf8_strlen(given->display_name, -1) > DISPLAY_NAME_MAX)) {
        invalid(error, "recipient \"%s\": expected a display name in UTF-8 of up to %d characters",
                given->alias, DISPLAY_NAME_MAX);
        return NULL;
    }
    result->id = given->id;
    result->kind = given->kind;
    result->alias = g_strdup(given->alias);
    result->display_name = g_strdup(given->display_name);
    result->hidden = given->hidden != FALSE;
    if (!normalise_addresses(given, result, error) || !normalise_restrictions(given, result, error))
        return NULL;
    switch (given->kind) {
    case IMS_RECIPIENT_MAILBOX:
        if (!normalise_account(directory, given, result, error) ||
            !normalise_handling(given, result, error))
            return NULL;
        break;
    case IMS_RECIPIENT_CUSTOM:
        result->target = ims_name_normal_address(given->target, TRUE, error);
        if (result->target == NULL) {
            g_prefix_error(error, "custom recipient \"%s\": target ", given->alias);
            return NULL;
        }
        break;
    case IMS_RECIPIENT_LIST:
        if (!normalise_members(given, result, error))
            return NULL;
        break;
    }
    return g_steal_pointer(&result);
}

/* An address is unique in the whole organisation, hidden recipients included (D-044, D-045). */
static gboolean
check_unique(ImsDirectory *directory, ImsRecipientTable *table, const ImsRecipientEntry *entry,
             GError **error)
{
    const ImsRecipient *recipient = &entry->recipient;
    gboolean several = FALSE;
    const ImsRecipient *other =
        ims_recipient_table_find_alias_key(table, entry->alias_key, &several);

    if (other != NULL && (other->id != recipient->id || several))
        return taken(error, "alias", recipient->alias, other);
    for (guint i = 0; entry->address_keys[i] != NULL; i++) {
        other = ims_recipient_table_find_address_key(table, entry->address_keys[i], &several);
        if (!directory->is_double_allowed && other != NULL &&
            (other->id != recipient->id || several))
            return taken(error, "address", recipient->addresses[i], other);
        if (g_strv_contains((const char *const *)entry->address_keys + i + 1,
                            entry->address_keys[i]))
            return invalid(error, "%s \"%s\": address \"%s\" is there twice",
                           kind_word(recipient->kind), recipient->alias, recipient->addresses[i]);
    }
    return TRUE;
}

void
ims_directory_set_unique(ImsDirectory *directory, gboolean unique)
{
    directory->is_double_allowed = !unique;
}

/* ---- changing ---- */

static gboolean
write_children(ImsDirectory *directory, const char *sql, guint64 id, char **values, GError **error)
{
    for (guint i = 0; values != NULL && values[i] != NULL; i++) {
        if (!ims_directory_run(directory, error, sql, "iis", (gint64)id, (gint64)i, values[i]))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_lists(ImsDirectory *directory, const ImsRecipient *recipient, GError **error)
{
    return write_children(directory, "INSERT INTO addresses VALUES(?,?,?)", recipient->id,
                          recipient->addresses, error) &&
           write_children(directory, "INSERT INTO members VALUES(?,?,?)", recipient->id,
                          recipient->members, error);
}

static gboolean
delete_lists(ImsDirectory *directory, guint64 id, GError **error)
{
    return ims_directory_run(directory, error, "DELETE FROM addresses WHERE recipient=?", "i",
                             (gint64)id) &&
           ims_directory_run(directory, error, "DELETE FROM members WHERE list=?", "i", (gint64)id);
}

/* NULL where there is none. */
static char *
join_lines(char **values)
{
    return values != NULL && values[0] != NULL ? g_strjoinv("\n", values) : NULL;
}

static gboolean
insert_recipient(ImsDirectory *directory, ImsRecipient *recipient, GError **error)
{
    g_autofree char *accept_from = join_lines(recipient->accept_from);
    g_autofree char *reject_from = join_lines(recipient->reject_from);
    gboolean ok;

    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = ims_directory_run(
            directory, error,
            "INSERT INTO recipients(kind, alias, display_name, target, account, hidden, forward_to,"
            " forward_both, rule_forward_to, out_of_office, accept_from, reject_from)"
            " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            "issssisissss", (gint64)recipient->kind, recipient->alias, recipient->display_name,
            recipient->target, recipient->account, (gint64)recipient->hidden, recipient->forward_to,
            (gint64)recipient->forward_both, recipient->rule_forward_to, recipient->out_of_office,
            accept_from, reject_from);
        if (ok) {
            recipient->id = (guint64)sqlite3_last_insert_rowid(directory->db);
            ok = write_lists(directory, recipient, error);
        }
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    return ok;
}

gboolean
ims_directory_add_recipient(ImsDirectory *directory, const ImsRecipient *recipient, guint64 *id_out,
                            GError **error)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(directory);
    g_autoptr(ImsRecipient) normal = normalise(directory, recipient, error);
    ImsRecipientEntry *entry;
    gboolean ok;

    if (normal == NULL)
        return FALSE;
    normal->id = 0;
    entry = ims_recipient_entry_new(normal);
    ok = check_unique(directory, table, entry, error) &&
         insert_recipient(directory, &entry->recipient, error);
    if (ok) {
        if (id_out != NULL)
            *id_out = entry->recipient.id;
        ims_directory_set_table(directory, ims_recipient_table_replace(table, NULL, entry));
    }
    ims_recipient_entry_unref(entry);
    return ok;
}

static gboolean
update_recipient(ImsDirectory *directory, const ImsRecipient *recipient, GError **error)
{
    g_autofree char *accept_from = join_lines(recipient->accept_from);
    g_autofree char *reject_from = join_lines(recipient->reject_from);
    gboolean ok;

    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = ims_directory_run(
                 directory, error,
                 "UPDATE recipients SET alias=?, display_name=?, target=?, account=?, hidden=?,"
                 " forward_to=?, forward_both=?, rule_forward_to=?, out_of_office=?,"
                 " accept_from=?, reject_from=? WHERE id=?",
                 "ssssisissssi", recipient->alias, recipient->display_name, recipient->target,
                 recipient->account, (gint64)recipient->hidden, recipient->forward_to,
                 (gint64)recipient->forward_both, recipient->rule_forward_to,
                 recipient->out_of_office, accept_from, reject_from, (gint64)recipient->id) &&
             delete_lists(directory, recipient->id, error) &&
             write_lists(directory, recipient, error);
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    return ok;
}

/* Who was logged on to what changed or went must log on again. */
static void
tell_if_account_lost(ImsDirectory *directory, const ImsRecipientEntry *before,
                     const ImsRecipientEntry *after)
{
    if (before->account_key != NULL &&
        (after == NULL || g_strcmp0(before->account_key, after->account_key) != 0))
        ims_directory_tell_changed(directory, before->recipient.account);
}

gboolean
ims_directory_change_recipient(ImsDirectory *directory, const ImsRecipient *recipient,
                               GError **error)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(directory);
    g_autoptr(ImsRecipient) normal = NULL;
    const ImsRecipientEntry *old = ims_recipient_table_find_id(table, recipient->id);
    ImsRecipientEntry *entry;
    gboolean ok;

    if (old == NULL) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND,
                    "recipient %" G_GUINT64_FORMAT " is not there", recipient->id);
        return FALSE;
    }
    if (old->recipient.kind != recipient->kind)
        return invalid(error, "%s \"%s\": its kind cannot be changed",
                       kind_word(old->recipient.kind), old->recipient.alias);
    normal = normalise(directory, recipient, error);
    if (normal == NULL)
        return FALSE;
    entry = ims_recipient_entry_new(normal);
    ok = check_unique(directory, table, entry, error) &&
         update_recipient(directory, &entry->recipient, error);
    if (ok) {
        ims_directory_set_table(directory, ims_recipient_table_replace(table, old, entry));
        tell_if_account_lost(directory, old, entry);
    }
    ims_recipient_entry_unref(entry);
    return ok;
}

gboolean
ims_directory_remove_recipient(ImsDirectory *directory, const char *alias, GError **error)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(directory);
    const ImsRecipient *recipient = ims_recipient_table_find_alias(table, alias);
    const ImsRecipientEntry *old;
    gboolean ok;

    if (recipient == NULL) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND,
                    "recipient \"%s\" is not there", alias);
        return FALSE;
    }
    old = ims_recipient_table_find_id(table, recipient->id);
    g_mutex_lock(&directory->db_lock);
    ok = ims_directory_begin(directory, error);
    if (ok) {
        ok = delete_lists(directory, recipient->id, error) &&
             ims_directory_run(directory, error, "DELETE FROM recipients WHERE id=?", "i",
                               (gint64)recipient->id);
        ok = ims_directory_end(directory, ok, error);
    }
    g_mutex_unlock(&directory->db_lock);
    if (ok) {
        ims_directory_set_table(directory, ims_recipient_table_replace(table, old, NULL));
        tell_if_account_lost(directory, old, NULL);
    }
    return ok;
}
