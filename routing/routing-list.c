/*
 * The routing list. A look-up hashes the domain once, from its last byte to its first, and probes
 * the table at each label boundary on the way: its cost depends on the length of the name and not
 * on that of the list.
 */
#include "routing/routing-list-private.h"

#include <string.h>

#include "routing/path-private.h"

G_DEFINE_QUARK(ims_routing_error, ims_routing_error)

#define HASH_START 2166136261u
#define HASH_STEP(hash, byte) (((hash) ^ (guint8)(byte)) * 16777619u)

/* One domain; numbers of entries count from 1, 0 is none. */
typedef struct {
    char *domain; /* (nullable): an empty slot */
    gsize length;
    guint32 hash;
    guint exact;  /* the entry with `#` */
    guint suffix; /* the entry without */
} Slot;

struct _ImsRoutingList {
    GArray *entries; /* ImsRoutingEntry */
    Slot *slots;     /* open addressing; n_slots is a power of two */
    gsize n_slots, n_used;
};

static void
entry_clear(gpointer data)
{
    ImsRoutingEntry *entry = data;

    g_free((char *)entry->domain);
    g_free((char *)entry->target);
}

ImsRoutingList *
ims_routing_list_new(void)
{
    ImsRoutingList *list = g_new0(ImsRoutingList, 1);

    list->entries = g_array_new(FALSE, FALSE, sizeof(ImsRoutingEntry));
    g_array_set_clear_func(list->entries, entry_clear);
    list->n_slots = 16;
    list->slots = g_new0(Slot, list->n_slots);
    return list;
}

void
ims_routing_list_free(ImsRoutingList *list)
{
    if (list == NULL)
        return;
    for (gsize i = 0; i < list->n_slots; i++)
        g_free(list->slots[i].domain);
    g_free(list->slots);
    g_array_unref(list->entries);
    g_free(list);
}

static guint32
hash_domain(const char *domain, gsize length)
{
    guint32 hash = HASH_START;

    while (length > 0)
        hash = HASH_STEP(hash, domain[--length]);
    return hash;
}

/* The slot of @domain, or the empty one where it would go. */
static Slot *
find_slot(const ImsRoutingList *list, const char *domain, gsize length, guint32 hash)
{
    gsize mask = list->n_slots - 1;
    /* the low bits of FNV are its weakest */
    gsize i = (hash ^ hash >> 15) & mask;

    for (;; i = (i + 1) & mask) {
        Slot *slot = &list->slots[i];

        if (slot->domain == NULL || (slot->hash == hash && slot->length == length &&
                                     memcmp(slot->domain, domain, length) == 0))
            return slot;
    }
}

static void
grow(ImsRoutingList *list)
{
    Slot *old = list->slots;
    gsize n_old = list->n_slots;

    list->n_slots *= 2;
    list->slots = g_new0(Slot, list->n_slots);
    for (gsize i = 0; i < n_old; i++) {
        if (old[i].domain != NULL)
            *find_slot(list, old[i].domain, old[i].length, old[i].hash) = old[i];
    }
    g_free(old);
}

static gboolean
parse_action(const char *action, ImsRoutingEntry *entry, GError **error)
{
    static const struct {
        const char *word;
        ImsRouteAction action;
    } words[] = {
        {"<inbound>", IMS_ROUTE_INBOUND},
        {"<relay>",   IMS_ROUTE_RELAY  },
        {"<blocked>", IMS_ROUTE_BLOCKED},
    };
    ImsAddress address;
    char buffer[IMS_ADDRESS_STRLEN];
    char *target;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(action, words[i].word) == 0) {
            entry->action = words[i].action;
            return TRUE;
        }
    }
    entry->action = IMS_ROUTE_REROUTE;
    if (ims_address_parse(action, &address)) {
        target = g_strdup(ims_address_format(&address, buffer));
        entry->target_is_literal = TRUE;
    } else if (action[0] == '[') {
        target = ims_path_literal_normalize(action, strlen(action));
        entry->target_is_literal = TRUE;
    } else {
        target = ims_path_domain_normalize(action, strlen(action));
    }
    if (target == NULL) {
        g_autofree char *shown = g_strescape(action, NULL);

        g_set_error(
            error, IMS_ROUTING_ERROR, IMS_ROUTING_ERROR_TARGET,
            "\"%.100s\" is no action: expected <inbound>, <relay>, <blocked>, or the domain, "
            "host or address literal to reroute to",
            shown);
        return FALSE;
    }
    entry->target = target;
    return TRUE;
}

char *
ims_routing_list_key(const char *domain)
{
    if (*domain == '#')
        domain++;
    if (*domain == '[')
        return ims_path_literal_normalize(domain, strlen(domain));
    if (*domain == '.')
        domain++;
    return ims_path_domain_normalize(domain, strlen(domain));
}

static gboolean
bad_domain(const char *domain, GError **error)
{
    g_autofree char *shown = g_strescape(domain, NULL);

    if (strchr(domain, '*') != NULL)
        g_set_error(
            error, IMS_ROUTING_ERROR, IMS_ROUTING_ERROR_DOMAIN,
            "\"%.100s\": the routing list knows no wildcard: expected a plain domain, which "
            "covers its subdomains",
            shown);
    else
        g_set_error(
            error, IMS_ROUTING_ERROR, IMS_ROUTING_ERROR_DOMAIN,
            "\"%.100s\" is not a domain: expected a name as in example.com, or #example.com "
            "for that name alone",
            shown);
    return FALSE;
}

gboolean
ims_routing_list_add(ImsRoutingList *list, const char *domain, const char *action, guint line,
                     GError **error)
{
    g_autofree char *key = ims_routing_list_key(domain);
    ImsRoutingEntry entry = {.line = line};
    guint32 hash;
    Slot *slot;
    guint *number;

    if (key == NULL)
        return bad_domain(domain, error);
    hash = hash_domain(key, strlen(key));
    slot = find_slot(list, key, strlen(key), hash);
    number = domain[0] == '#' ? &slot->exact : &slot->suffix;
    if (slot->domain != NULL && *number != 0) {
        guint first = g_array_index(list->entries, ImsRoutingEntry, *number - 1).line;

        g_set_error(
            error, IMS_ROUTING_ERROR, IMS_ROUTING_ERROR_DUPLICATE,
            "\"%s\" stands in the routing list twice (first in line %u): expected one entry",
            domain, first);
        return FALSE;
    }
    if (!parse_action(action, &entry, error))
        return FALSE;
    entry.domain = g_strdup(domain);
    g_array_append_val(list->entries, entry);
    *number = list->entries->len;
    if (slot->domain == NULL) {
        slot->hash = hash;
        slot->length = strlen(key);
        slot->domain = g_steal_pointer(&key);
        if (++list->n_used * 2 > list->n_slots)
            grow(list);
    }
    return TRUE;
}

guint
ims_routing_list_size(const ImsRoutingList *list)
{
    return list->entries->len;
}

const ImsRoutingEntry *
ims_routing_list_get(const ImsRoutingList *list, guint index)
{
    g_return_val_if_fail(index < list->entries->len, NULL);
    return &g_array_index(list->entries, ImsRoutingEntry, index);
}

/* @number, unless it is an entry of a kind that is passed over. */
static guint
known(const ImsRoutingList *list, guint number, gboolean relay)
{
    if (relay || number == 0 ||
        g_array_index(list->entries, ImsRoutingEntry, number - 1).action != IMS_ROUTE_RELAY)
        return number;
    return 0;
}

const ImsRoutingEntry *
ims_routing_list_lookup_known(const ImsRoutingList *list, const char *domain, gboolean exact,
                              gboolean relay)
{
    gsize length = strlen(domain);
    guint32 hash = HASH_START;
    guint best = 0, whole = 0;
    const Slot *slot;

    if (list->entries->len == 0 || length == 0)
        return NULL;
    for (gsize i = length; i > 0; i--) {
        if (domain[i - 1] == '.') {
            guint suffix;

            slot = find_slot(list, domain + i, length - i, hash);
            suffix = slot->domain != NULL ? known(list, slot->suffix, relay) : 0;
            best = suffix != 0 ? suffix : best;
        }
        hash = HASH_STEP(hash, domain[i - 1]);
    }
    slot = find_slot(list, domain, length, hash);
    if (slot->domain != NULL) {
        whole = exact ? known(list, slot->exact, relay) : 0;
        whole = whole != 0 ? whole : known(list, slot->suffix, relay);
    }
    best = whole != 0 ? whole : best;
    return best == 0 ? NULL : &g_array_index(list->entries, ImsRoutingEntry, best - 1);
}

const ImsRoutingEntry *
ims_routing_list_lookup(const ImsRoutingList *list, const char *domain)
{
    return ims_routing_list_lookup_known(list, domain, TRUE, TRUE);
}

guint
ims_routing_list_number(const ImsRoutingList *list, const ImsRoutingEntry *entry)
{
    return entry == NULL ? 0
                         : (guint)(entry - &g_array_index(list->entries, ImsRoutingEntry, 0)) + 1;
}
