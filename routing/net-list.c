/*
 * A list of nets. Entries that share a mask share one hash probe, so a list of ten thousand hosts
 * costs what one costs; only the number of different masks counts. Masks may have holes, so there
 * is no prefix tree.
 */
#include "routing/ip.h"

#include <string.h>

G_DEFINE_QUARK(ims_net_error, ims_net_error)

typedef struct {
    char *text;
    ImsAddress net, mask;
    gboolean never;
} Entry;

typedef struct {
    guint mask; /* index in ImsNetList.masks */
    ImsAddress net;
} Key;

struct _ImsNetList {
    GArray *entries;   /* Entry */
    GArray *masks;     /* ImsAddress, each once */
    gboolean masked;   /* the net is masked too */
    GHashTable *first; /* Key → number of the first entry with that net and mask */
};

static guint
key_hash(gconstpointer data)
{
    const Key *key = data;

    return ims_address_hash(&key->net) * 31 + key->mask;
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
    const Key *left = a, *right = b;

    return left->mask == right->mask && ims_address_equal(&left->net, &right->net);
}

static void
entry_clear(gpointer data)
{
    g_free(((Entry *)data)->text);
}

ImsNetList *
ims_net_list_new(void)
{
    ImsNetList *list = g_new0(ImsNetList, 1);

    list->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_array_set_clear_func(list->entries, entry_clear);
    list->masks = g_array_new(FALSE, FALSE, sizeof(ImsAddress));
    list->first = g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
    return list;
}

ImsNetList *
ims_net_list_new_masked(void)
{
    ImsNetList *list = ims_net_list_new();

    list->masked = TRUE;
    return list;
}

void
ims_net_list_free(ImsNetList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->entries);
    g_array_unref(list->masks);
    g_hash_table_unref(list->first);
    g_free(list);
}

static void
mask_from_bits(ImsAddress *mask, guint8 family, guint bits)
{
    memset(mask, 0, sizeof *mask);
    mask->family = family;
    for (guint i = 0; i < 16 && bits > 0; i++) {
        guint here = MIN(bits, 8);

        mask->bytes[i] = (guint8)(0xff00 >> here);
        bits -= here;
    }
}

static gboolean
parse_bits(const char *text, const char *net_text, const ImsAddress *net, ImsAddress *mask)
{
    guint64 bits, longest = strchr(net_text, ':') != NULL ? 128 : 32;

    if (!g_ascii_string_to_unsigned(text, 10, 0, longest, &bits, NULL))
        return FALSE;
    /* ::ffff:a.b.c.d is held as IPv4; so is its mask */
    if (longest == 128 && net->family == 4) {
        if (bits < 96)
            return FALSE;
        bits -= 96;
    }
    mask_from_bits(mask, net->family, (guint)bits);
    return TRUE;
}

static gboolean
parse_entry(const char *text, ImsAddress *net, ImsAddress *mask)
{
    g_autofree char *copy = g_strdup(text);
    char *separator = strpbrk(copy, ";/");
    char kind = separator != NULL ? *separator : '\0';

    if (separator != NULL)
        *separator++ = '\0';
    g_strstrip(copy);
    if (!ims_address_parse(copy, net))
        return FALSE;
    if (separator == NULL) {
        mask_from_bits(mask, net->family, net->family == 4 ? 32 : 128);
        return TRUE;
    }
    g_strstrip(separator);
    if (kind == '/')
        return parse_bits(separator, copy, net, mask);
    return strchr(separator, ':') == NULL && net->family == 4 && ims_address_parse(separator, mask);
}

static void
apply_mask(const ImsAddress *address, const ImsAddress *mask, ImsAddress *out)
{
    *out = *address;
    for (guint i = 0; i < sizeof out->bytes; i++)
        out->bytes[i] &= mask->bytes[i];
}

static guint
mask_index(ImsNetList *list, const ImsAddress *mask)
{
    for (guint i = 0; i < list->masks->len; i++) {
        if (ims_address_equal(&g_array_index(list->masks, ImsAddress, i), mask))
            return i;
    }
    g_array_append_val(list->masks, *mask);
    return list->masks->len - 1;
}

gboolean
ims_net_list_add(ImsNetList *list, const char *text, GError **error)
{
    ImsAddress net, mask, masked;
    Entry entry;

    if (!parse_entry(text, &net, &mask)) {
        g_autofree char *shown = g_strescape(text, NULL);

        g_set_error(
            error, IMS_NET_ERROR, IMS_NET_ERROR_SYNTAX,
            "\"%.100s\" is not a net: expected an address, an address and a mask as in "
            "192.168.0.0;255.255.0.0, or an address and a number of bits as in 2001:db8::/32",
            shown);
        return FALSE;
    }
    apply_mask(&net, &mask, &masked);
    if (list->masked)
        net = masked;
    entry = (Entry){g_strdup(text), net, mask, !ims_address_equal(&net, &masked)};
    g_array_append_val(list->entries, entry);
    if (!entry.never) {
        Key key = {.mask = mask_index(list, &mask), .net = net};

        if (!g_hash_table_contains(list->first, &key))
            g_hash_table_insert(list->first, g_memdup2(&key, sizeof key),
                                GUINT_TO_POINTER(list->entries->len));
    }
    return TRUE;
}

guint
ims_net_list_size(const ImsNetList *list)
{
    return list->entries->len;
}

const char *
ims_net_list_text(const ImsNetList *list, guint index)
{
    g_return_val_if_fail(index < list->entries->len, NULL);
    return g_array_index(list->entries, Entry, index).text;
}

gboolean
ims_net_list_never_matches(const ImsNetList *list, guint index)
{
    g_return_val_if_fail(index < list->entries->len, FALSE);
    return g_array_index(list->entries, Entry, index).never;
}

void
ims_net_list_get(const ImsNetList *list, guint index, ImsAddress *net_out, ImsAddress *mask_out)
{
    const Entry *entry;

    g_return_if_fail(index < list->entries->len);
    entry = &g_array_index(list->entries, Entry, index);
    *net_out = entry->net;
    *mask_out = entry->mask;
}

guint
ims_net_list_find_cover(const ImsNetList *list, const ImsAddress *net, const ImsAddress *mask,
                        guint except)
{
    guint best = 0;

    for (guint i = 0; i < list->masks->len; i++) {
        const ImsAddress *wider = &g_array_index(list->masks, ImsAddress, i);
        Key key = {.mask = i};
        ImsAddress common;
        guint found;

        apply_mask(wider, mask, &common);
        if (wider->family != mask->family || !ims_address_equal(&common, wider))
            continue;
        apply_mask(net, wider, &key.net);
        found = GPOINTER_TO_UINT(g_hash_table_lookup(list->first, &key));
        if (found != 0 && found != except && (best == 0 || found < best))
            best = found;
    }
    return best;
}

guint
ims_net_list_match(const ImsNetList *list, const ImsAddress *address)
{
    guint best = 0;

    for (guint i = 0; i < list->masks->len; i++) {
        const ImsAddress *mask = &g_array_index(list->masks, ImsAddress, i);
        Key key = {.mask = i};
        guint found;

        if (mask->family != address->family)
            continue;
        apply_mask(address, mask, &key.net);
        found = GPOINTER_TO_UINT(g_hash_table_lookup(list->first, &key));
        if (found != 0 && (best == 0 || found < best))
            best = found;
    }
    return best;
}
