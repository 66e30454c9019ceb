#include "imap4/imap4-private.h"

#include <string.h>

#define MAX_PATTERN 2000
#define MAX_STEPS 20000000 /* of matching, in one command */

/*
 * A name as LIST sees it. Superiors that exist only because of their inferiors are names too,
 * \Noselect.
 */
typedef struct {
    char *name;
    const ImsFolder *folder; /* NULL: \Noselect */
    gboolean has_children;
} Entry;

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    g_free(entry->name);
    g_free(entry);
}

/* ---- patterns ---- */

static gboolean
is_inbox(const char *name)
{
    return strncmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == '/');
}

/*
 * `*` matches anything, `%` anything but the separator. @fold: how many characters of the name are
 * compared without regard to case (INBOX). Each wildcard falls back on the last one only, so the
 * work is bounded by the product of the lengths.
 */
static gboolean
matches_from(const char *pattern, const char *name, gsize fold, guint *steps)
{
    const char *start = name;
    const char *star = NULL, *star_name = NULL; /* after the last `*`, and where it is tried */
    const char *percent = NULL, *percent_name = NULL; /* the same for `%`, after that `*` */

    while (*name != '\0' || *pattern != '\0') {
        gboolean folds = (gsize)(name - start) < fold;

        if (++*steps > MAX_STEPS)
            return FALSE;
        if (*pattern == '*') {
            star = ++pattern;
            star_name = name;
            percent = NULL;
        } else if (*pattern == '%') {
            percent = ++pattern;
            percent_name = name;
        } else if (*name != '\0' && (*pattern == *name || (folds && g_ascii_toupper(*pattern) ==
                                                                        g_ascii_toupper(*name)))) {
            pattern++;
            name++;
        } else if (percent != NULL && *percent_name != '\0' && *percent_name != '/') {
            pattern = percent;
            name = ++percent_name;
        } else if (star != NULL && *star_name != '\0') {
            pattern = star;
            name = ++star_name;
            percent = NULL;
        } else {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
matches(const char *pattern, const char *name, guint *steps)
{
    return matches_from(pattern, name, is_inbox(name) ? 5 : 0, steps);
}

/* ---- the names of a mailbox ---- */

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
    const Entry *left = *(const Entry *const *)a, *right = *(const Entry *const *)b;
    gboolean left_inbox = strcmp(left->name, "INBOX") == 0;
    gboolean right_inbox = strcmp(right->name, "INBOX") == 0;

    if (left_inbox != right_inbox)
        return left_inbox ? -1 : 1;
    return strcmp(left->name, right->name);
}

static Entry *
add_entry(GHashTable *known, GPtrArray *entries, const char *name, gsize length,
          const ImsFolder *folder)
{
    g_autofree char *key = g_strndup(name, length);
    Entry *entry = g_hash_table_lookup(known, key);

    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        entry->name = g_steal_pointer(&key);
        g_hash_table_insert(known, entry->name, entry);
        g_ptr_array_add(entries, entry);
    }
    if (folder != NULL)
        entry->folder = folder;
    return entry;
}

/* (element-type Entry): every folder, and every superior of one. Borrows from @folders. */
static GPtrArray *
entries_new(const GPtrArray *folders)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(entry_free);
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < folders->len; i++) {
        const ImsFolder *folder = g_ptr_array_index(folders, i);

        add_entry(known, entries, folder->name, strlen(folder->name), folder);
        for (const char *slash = strchr(folder->name, '/'); slash != NULL;
             slash = strchr(slash + 1, '/'))
            add_entry(known, entries, folder->name, (gsize)(slash - folder->name), NULL)
                ->has_children = TRUE;
    }
    g_ptr_array_sort(entries, compare_entries);
    return entries;
}

/* ---- replies ---- */

typedef struct {
    GString *out;
    const char *reply; /* LIST or LSUB */
    gboolean extended;
} Lister;

static void
append_attribute(GString *out, const char *attribute)
{
    if (out->str[out->len - 1] != '(')
        g_string_append_c(out, ' ');
    g_string_append(out, attribute);
}

static void
append_name(GString *out, const char *name)
{
    g_autofree char *encoded = ims_imap4_mutf7_encode(name);

    g_string_append(out, ") \"/\" ");
    ims_imap4_append_astring(out, encoded);
    g_string_append(out, "\r\n");
}

static void
append_entry(Lister *lister, const Entry *entry, gboolean with_subscribed)
{
    g_string_append_printf(lister->out, "* %s (", lister->reply);
    if (entry->folder == NULL)
        append_attribute(lister->out, "\\Noselect");
    if (lister->extended) {
        append_attribute(lister->out, entry->has_children ? "\\HasChildren" : "\\HasNoChildren");
        if (entry->folder != NULL && entry->folder->special_use != NULL)
            append_attribute(lister->out, entry->folder->special_use);
        if (with_subscribed && entry->folder != NULL && entry->folder->subscribed)
            append_attribute(lister->out, "\\Subscribed");
    }
    append_name(lister->out, entry->name);
}

/*
 * Reference and pattern joined and decoded. (transfer full) (nullable): NULL after BAD was sent.
 * Wildcards are ASCII and outside any base64 run, so decoding leaves them alone.
 */
static char *
full_pattern(ImsImap4Session *session, const ImsImap4Arg *reference)
{
    g_autofree char *joined = NULL;
    char *pattern;

    if (!ims_imap4_arg_is_string(reference) || !ims_imap4_arg_is_string(reference->next)) {
        ims_imap4_bad(session, "Reference and mailbox name expected");
        return NULL;
    }
    joined = g_strconcat(reference->text, reference->next->text, NULL);
    pattern = strlen(joined) <= MAX_PATTERN ? ims_imap4_mutf7_decode(joined) : NULL;
    /* A pattern that is no name matches none. */
    return pattern != NULL ? pattern : g_strdup("\x01");
}

/* RETURN (SUBSCRIBED CHILDREN SPECIAL-USE): what RFC 6154 and RFC 5258 let a client ask of a plain
 * LIST. */
static gboolean
read_return_options(const ImsImap4Arg *arg, gboolean *subscribed_out)
{
    *subscribed_out = FALSE;
    if (arg == NULL)
        return TRUE;
    if (!ims_imap4_arg_is_atom(arg, "RETURN") || arg->next == NULL ||
        arg->next->type != IMS_IMAP4_ARG_LIST)
        return FALSE;
    for (const ImsImap4Arg *option = arg->next->child; option != NULL; option = option->next) {
        if (ims_imap4_arg_is_atom(option, "SUBSCRIBED"))
            *subscribed_out = TRUE;
        else if (!ims_imap4_arg_is_atom(option, "CHILDREN") &&
                 !ims_imap4_arg_is_atom(option, "SPECIAL-USE"))
            return FALSE;
    }
    return TRUE;
}

static void
finish_list(ImsImap4Session *session, GString *out, guint steps)
{
    if (steps > MAX_STEPS) {
        ims_imap4_no(session, "LIMIT", "The pattern is too complex.");
        return;
    }
    ims_imap4_flush(session, out);
    ims_imap4_ok(session, NULL);
}

void
ims_imap4_cmd_list(ImsImap4Session *session)
{
    const ImsImap4Arg *args = ims_imap4_args(session), *name = args->next;
    g_autofree char *pattern = NULL;
    g_autoptr(GPtrArray) folders = NULL;
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    Lister lister = {out, "LIST", session->settings->extended};
    gboolean with_subscribed;
    guint steps = 0;

    if (!read_return_options(name->next, &with_subscribed) ||
        (name->next != NULL && !session->settings->extended)) {
        ims_imap4_bad(session, "Too many arguments");
        return;
    }
    pattern = full_pattern(session, args);
    if (pattern == NULL)
        return;
    if (name->length == 0) { /* the separator and the root are asked for (I-055) */
        ims_conn_puts(session->conn, "* LIST (\\Noselect) \"/\" \"\"\r\n");
        ims_imap4_ok(session, NULL);
        return;
    }
    folders = ims_store_list_folders(session->settings->store, session->mailbox, &error);
    if (folders == NULL) {
        ims_imap4_no_error(session, error);
        return;
    }
    entries = entries_new(folders);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = g_ptr_array_index(entries, i);

        if (matches(pattern, entry->name, &steps))
            append_entry(&lister, entry, with_subscribed);
    }
    finish_list(session, out, steps);
}

/* Subscribed names below a `%` show their superior, which need not be subscribed, as \Noselect (RFC
 * 3501 6.3.9). */
static void
list_superiors(GString *out, const char *pattern, const char *name, GHashTable *shown, guint *steps)
{
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        g_autofree char *superior = g_strndup(name, (gsize)(slash - name));

        if (!matches(pattern, superior, steps) || g_hash_table_contains(shown, superior))
            continue;
        g_string_append(out, "* LSUB (\\Noselect");
        append_name(out, superior);
        g_hash_table_add(shown, g_steal_pointer(&superior));
    }
}

void
ims_imap4_cmd_lsub(ImsImap4Session *session)
{
    g_autofree char *pattern = full_pattern(session, ims_imap4_args(session));
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GHashTable) shown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    gboolean has_percent;
    guint steps = 0;

    if (pattern == NULL)
        return;
    names = ims_store_list_subscriptions(session->settings->store, session->mailbox, &error);
    if (names == NULL) {
        ims_imap4_no_error(session, error);
        return;
    }
    has_percent = strchr(pattern, '%') != NULL;
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (!matches(pattern, name, &steps))
            continue;
        g_string_append(out, "* LSUB (");
        append_name(out, name);
        g_hash_table_add(shown, g_strdup(name));
    }
    for (guint i = 0; has_percent && i < names->len; i++)
        list_superiors(out, pattern, g_ptr_array_index(names, i), shown, &steps);
    finish_list(session, out, steps);
}
