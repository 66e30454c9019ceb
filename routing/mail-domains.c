/* Own domains and address spaces: names, `*.name` and `*`, looked up by hash from the whole name
 * down. */
#include <string.h>

#include "routing/path-private.h"
#include "routing/virtual-server-private.h"

G_DEFINE_QUARK(ims_virtual_server_error, ims_virtual_server_error)

/* ---- patterns ---- */

/* "example.com", ".example.com" for `*.example.com`, "." for `*`; NULL where it is none of them. */
static char *
pattern_key(const char *pattern)
{
    g_autofree char *name = NULL;

    if (strcmp(pattern, "*") == 0)
        return g_strdup(".");
    if (!g_str_has_prefix(pattern, "*."))
        return ims_path_domain_normalize(pattern, strlen(pattern));
    name = ims_path_domain_normalize(pattern + 2, strlen(pattern + 2));
    return name != NULL ? g_strconcat(".", name, NULL) : NULL;
}

/* The closest pattern of @table that covers @domain: its value, and its key. */
static gpointer
look_up(GHashTable *table, const char *domain, const char **key_out)
{
    gpointer key = NULL, value = NULL;

    if (!g_hash_table_lookup_extended(table, domain, &key, &value)) {
        for (const char *dot = strchr(domain, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
            if (g_hash_table_lookup_extended(table, dot, &key, &value))
                break;
        if (value == NULL)
            g_hash_table_lookup_extended(table, ".", &key, &value);
    }
    *key_out = key;
    return value;
}

static gboolean
bad_domain(const char *text, const char *expected, GError **error)
{
    g_autofree char *shown = g_strescape(text, NULL);

    g_set_error(error, IMS_VIRTUAL_SERVER_ERROR, IMS_VIRTUAL_SERVER_ERROR_DOMAIN,
                "\"%.100s\" is not a domain: expected %s", shown, expected);
    return FALSE;
}

/* ---- own domains ---- */

struct _ImsMailDomains {
    GHashTable *table; /* (owned) key → ImsOwnDomain + 1 */
};

ImsMailDomains *
ims_mail_domains_new(void)
{
    ImsMailDomains *domains = g_new0(ImsMailDomains, 1);

    domains->table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return domains;
}

void
ims_mail_domains_free(ImsMailDomains *domains)
{
    if (domains == NULL)
        return;
    g_hash_table_unref(domains->table);
    g_free(domains);
}

gboolean
ims_mail_domains_add(ImsMailDomains *domains, const char *domain, gboolean authoritative,
                     GError **error)
{
    g_autofree char *key = pattern_key(domain);

    if (key == NULL || strcmp(key, ".") == 0)
        return bad_domain(domain, "a name as in example.com, or *.example.com for what is below it",
                          error);
    if (g_hash_table_contains(domains->table, key)) {
        g_set_error(error, IMS_VIRTUAL_SERVER_ERROR, IMS_VIRTUAL_SERVER_ERROR_DUPLICATE,
                    "\"%s\" is named twice: expected one entry", domain);
        return FALSE;
    }
    g_hash_table_insert(domains->table, g_steal_pointer(&key),
                        GINT_TO_POINTER(1 + (authoritative ? IMS_OWN_DOMAIN : IMS_SHARED_DOMAIN)));
    return TRUE;
}

guint
ims_mail_domains_size(const ImsMailDomains *domains)
{
    return g_hash_table_size(domains->table);
}

ImsOwnDomain
ims_mail_domains_look_up(const ImsMailDomains *domains, const char *domain)
{
    const char *key;
    gpointer value = domains != NULL ? look_up(domains->table, domain, &key) : NULL;

    return value != NULL ? (ImsOwnDomain)(GPOINTER_TO_INT(value) - 1) : IMS_NO_DOMAIN;
}

/* ---- connectors ---- */

typedef struct {
    guint connector, cost;
} Space;

struct _ImsConnectorList {
    GArray *connectors; /* ImsConnector */
    GHashTable *spaces; /* (owned) key → (owned) Space */
};

static void
connector_clear(gpointer data)
{
    ImsConnector *connector = data;

    g_free((char *)connector->name);
    g_free((char *)connector->smart_host);
}

ImsConnectorList *
ims_connector_list_new(void)
{
    ImsConnectorList *list = g_new0(ImsConnectorList, 1);

    list->connectors = g_array_new(FALSE, FALSE, sizeof(ImsConnector));
    g_array_set_clear_func(list->connectors, connector_clear);
    list->spaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return list;
}

void
ims_connector_list_free(ImsConnectorList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->connectors);
    g_hash_table_unref(list->spaces);
    g_free(list);
}

guint
ims_connector_list_add(ImsConnectorList *list, const ImsConnector *connector)
{
    ImsConnector copy = {g_strdup(connector->name), g_strdup(connector->smart_host),
                         connector->relay_to_domains};

    g_array_append_val(list->connectors, copy);
    return list->connectors->len - 1;
}

gboolean
ims_connector_list_add_space(ImsConnectorList *list, guint connector, const char *space, guint cost,
                             GError **error)
{
    g_autofree char *key = pattern_key(space);
    Space new = {connector, cost};
    const Space *old;

    g_return_val_if_fail(connector < list->connectors->len, FALSE);
    if (key == NULL)
        return bad_domain(
            space, "a name as in example.com, *.example.com for what is below it, or *", error);
    old = g_hash_table_lookup(list->spaces, key);
    if (old == NULL || cost < old->cost)
        g_hash_table_insert(list->spaces, g_steal_pointer(&key), g_memdup2(&new, sizeof new));
    return TRUE;
}

guint
ims_connector_list_size(const ImsConnectorList *list)
{
    return list->connectors->len;
}

const ImsConnector *
ims_connector_list_get(const ImsConnectorList *list, guint index)
{
    g_return_val_if_fail(index < list->connectors->len, NULL);
    return &g_array_index(list->connectors, ImsConnector, index);
}

const ImsConnector *
ims_connector_list_route(const ImsConnectorList *list, const char *domain, gboolean *is_all_out)
{
    const char *key;
    const Space *space = look_up(list->spaces, domain, &key);

    if (is_all_out != NULL)
        *is_all_out = space != NULL && strcmp(key, ".") == 0;
    return space != NULL ? &g_array_index(list->connectors, ImsConnector, space->connector) : NULL;
}

gboolean
ims_connector_list_carries_all(const ImsConnectorList *list, guint index)
{
    const Space *space = g_hash_table_lookup(list->spaces, ".");

    return space != NULL && space->connector == index;
}
