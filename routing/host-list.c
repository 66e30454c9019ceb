/* The addresses of a list are an ImsNetList, its domains a hash table: no match scans the list. */
#include "routing/host-list.h"

#include <string.h>

#include "routing/path-private.h"

G_DEFINE_QUARK(ims_hosts_error, ims_hosts_error)

typedef struct {
    char *text;
    char *domain; /* (nullable): in lower case; NULL for an address */
    guint net;    /* number in the list of nets, from 1; 0 for a domain */
} Entry;

struct _ImsHostList {
    GArray *entries;     /* Entry */
    ImsNetList *nets;    /* those that are addresses */
    GArray *net_numbers; /* guint: number of the entry that each net is */
    GHashTable *domains; /* (owned) domain → number of the first entry */
};

static void
entry_clear(gpointer data)
{
    g_free(((Entry *)data)->text);
    g_free(((Entry *)data)->domain);
}

ImsHostList *
ims_host_list_new(void)
{
    ImsHostList *list = g_new0(ImsHostList, 1);

    list->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_array_set_clear_func(list->entries, entry_clear);
    list->nets = ims_net_list_new_masked();
    list->net_numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    list->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return list;
}

void
ims_host_list_free(ImsHostList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->entries);
    ims_net_list_free(list->nets);
    g_array_unref(list->net_numbers);
    g_hash_table_unref(list->domains);
    g_free(list);
}

/* Digits and dots alone are a mistyped address and no domain. */
static gboolean
looks_like_address(const char *text)
{
    return strpbrk(text, ":;/[") != NULL || strspn(text, "0123456789.") == strlen(text);
}

gboolean
ims_host_list_add(ImsHostList *list, const char *text, GError **error)
{
    Entry entry = {0};
    guint number = list->entries->len + 1;

    if (ims_net_list_add(list->nets, text, NULL)) {
        g_array_append_val(list->net_numbers, number);
        entry.net = list->net_numbers->len;
    } else {
        const char *name = text[0] == '.' ? text + 1 : text;

        if (!looks_like_address(text))
            entry.domain = ims_path_domain_normalize(name, strlen(name));
        if (entry.domain == NULL) {
            g_autofree char *shown = g_strescape(text, NULL);

            g_set_error(error, IMS_HOSTS_ERROR, IMS_HOSTS_ERROR_SYNTAX,
                        "\"%.100s\" is no computer, group or domain: expected an address, an "
                        "address and a mask as in 192.168.0.0;255.255.0.0, or a domain as in "
                        "partner.example",
                        shown);
            return FALSE;
        }
        if (!g_hash_table_contains(list->domains, entry.domain))
            g_hash_table_insert(list->domains, g_strdup(entry.domain), GUINT_TO_POINTER(number));
    }
    entry.text = g_strdup(text);
    g_array_append_val(list->entries, entry);
    return TRUE;
}

guint
ims_host_list_size(const ImsHostList *list)
{
    return list->entries->len;
}

const char *
ims_host_list_text(const ImsHostList *list, guint index)
{
    g_return_val_if_fail(index < list->entries->len, NULL);
    return g_array_index(list->entries, Entry, index).text;
}

gboolean
ims_host_list_is_domain(const ImsHostList *list, guint index)
{
    g_return_val_if_fail(index < list->entries->len, FALSE);
    return g_array_index(list->entries, Entry, index).domain != NULL;
}

gboolean
ims_host_list_has_domains(const ImsHostList *list)
{
    return g_hash_table_size(list->domains) > 0;
}

/* The first entry that is @domain or above it, @except passed over. */
static guint
match_domain(const ImsHostList *list, const char *domain, guint except)
{
    guint best = 0;

    for (const char *p = domain; p != NULL; p = strchr(p, '.')) {
        guint found;

        p += *p == '.';
        found = GPOINTER_TO_UINT(g_hash_table_lookup(list->domains, p));
        if (found != 0 && found != except && (best == 0 || found < best))
            best = found;
    }
    return best;
}

guint
ims_host_list_find_cover(const ImsHostList *list, guint index)
{
    const Entry *entry;
    ImsAddress net, mask;
    guint cover;

    g_return_val_if_fail(index < list->entries->len, 0);
    entry = &g_array_index(list->entries, Entry, index);
    if (entry->domain != NULL)
        return match_domain(list, entry->domain, index + 1);
    ims_net_list_get(list->nets, entry->net - 1, &net, &mask);
    cover = ims_net_list_find_cover(list->nets, &net, &mask, entry->net);
    return cover != 0 ? g_array_index(list->net_numbers, guint, cover - 1) : 0;
}

static guint
match_name(const ImsHostList *list, const char *name)
{
    g_autofree char *lower = ims_path_domain_normalize(name, strlen(name));

    return lower != NULL ? match_domain(list, lower, 0) : 0;
}

guint
ims_host_list_match(const ImsHostList *list, const ImsAddress *address, const char *name)
{
    guint net = ims_net_list_match(list->nets, address);
    guint number = net != 0 ? g_array_index(list->net_numbers, guint, net - 1) : 0;
    guint named = name != NULL && ims_host_list_has_domains(list) ? match_name(list, name) : 0;

    return number == 0 || (named != 0 && named < number) ? named : number;
}
