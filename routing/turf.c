#include "routing/turf.h"

#include <string.h>

G_DEFINE_QUARK(ims_turf_error, ims_turf_error)

/* Each: what is compared, in lower case → the entry as given. */
struct _ImsTurfTable {
    GHashTable *addresses, *users, *exact, *domains;
    char *empty; /* (nullable) */
    guint size;
};

static GHashTable *
new_map(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

ImsTurfTable *
ims_turf_table_new(void)
{
    ImsTurfTable *table = g_new0(ImsTurfTable, 1);

    table->addresses = new_map();
    table->users = new_map();
    table->exact = new_map();
    table->domains = new_map();
    return table;
}

void
ims_turf_table_free(ImsTurfTable *table)
{
    if (table == NULL)
        return;
    g_hash_table_unref(table->addresses);
    g_hash_table_unref(table->users);
    g_hash_table_unref(table->exact);
    g_hash_table_unref(table->domains);
    g_free(table->empty);
    g_free(table);
}

static gboolean
is_word(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p <= 0x20 || *p == 0x7f)
            return FALSE;
    return *text != '\0';
}

/* A name or a literal in brackets. */
static gboolean
is_domain(const char *text)
{
    gsize length = strlen(text);

    if (*text == '[')
        return length > 2 && text[length - 1] == ']' && strpbrk(text, "@#") == NULL;
    return length > 0 && strpbrk(text, "@#[]") == NULL && *text != '.' &&
           strstr(text, "..") == NULL;
}

static GHashTable *
choose_map(ImsTurfTable *table, const char *text, const char **key_out)
{
    const char *at = strrchr(text, '@');

    if (*text == '#') {
        *key_out = text[1] == '@' ? text + 2 : text + 1;
        return is_domain(*key_out) ? table->exact : NULL;
    }
    *key_out = text;
    if (at == NULL)
        return table->users;
    if (at[1] == '\0' || !is_domain(at + 1))
        return NULL;
    if (at > text)
        return table->addresses;
    *key_out = at + 1;
    return table->domains;
}

gboolean
ims_turf_table_add(ImsTurfTable *table, const char *text, GError **error)
{
    const char *key = text;
    GHashTable *map = NULL;

    if (strcmp(text, ".") == 0) {
        if (table->empty == NULL)
            table->empty = g_strdup(text);
        table->size++;
        return TRUE;
    }
    if (is_word(text))
        map = choose_map(table, text, &key);
    if (map == NULL) {
        g_autofree char *shown = g_strescape(text, NULL);

        g_set_error(
            error, IMS_TURF_ERROR, IMS_TURF_ERROR_SYNTAX,
            "\"%.100s\" is not a sender: expected user@domain, @domain, #@domain, user or .",
            shown);
        return FALSE;
    }
    g_hash_table_insert(map, g_ascii_strdown(key, -1), g_strdup(text));
    table->size++;
    return TRUE;
}

guint
ims_turf_table_size(const ImsTurfTable *table)
{
    return table->size;
}

static const char *
match_domain(const ImsTurfTable *table, const char *domain)
{
    const char *found = g_hash_table_lookup(table->exact, domain);

    for (const char *p = domain; found == NULL && p != NULL; p = strchr(p, '.')) {
        p += *p == '.';
        found = g_hash_table_lookup(table->domains, p);
        if (*domain == '[') /* the numbers of a literal are no labels */
            break;
    }
    return found;
}

const char *
ims_turf_table_match(const ImsTurfTable *table, const char *address)
{
    g_autofree char *lower = g_ascii_strdown(address, -1);
    char *at = strrchr(lower, '@');
    const char *found;
    gsize length;

    if (*lower == '\0')
        return table->empty;
    length = strlen(lower);
    if (at != NULL && at[1] != '\0' && lower[length - 1] == '.')
        lower[length - 1] = '\0'; /* the same domain, fully written */
    found = g_hash_table_lookup(table->addresses, lower);
    if (found == NULL && at != NULL)
        found = match_domain(table, at + 1);
    if (found == NULL) {
        if (at != NULL)
            *at = '\0';
        found = g_hash_table_lookup(table->users, lower);
    }
    return found;
}
