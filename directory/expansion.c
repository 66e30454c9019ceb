/* What an accepted recipient comes to: lists are opened, custom recipients followed, each target
 * counted once. */
#include <string.h>

#include "directory/names-private.h"
#include "directory/recipient-table-private.h"

#define MAX_DEPTH 100
#define MAX_MEMBERS 100000
#define MAX_CUSTOM_HOPS 10

/* The public part first; the sets make "each once" cheap for lists of any size. */
typedef struct {
    ImsExpansion public;
    GHashTable *ids; /* (element-type guint64): recipients dealt with, lists included: cuts loops */
    GHashTable *open; /* (element-type guint64): mailboxes whose alternate recipient is followed */
    GHashTable *outside; /* keys of addresses */
    GHashTable *unknown; /* keys of names */
    guint n_members;
} Expansion;

ImsExpansion *
ims_expansion_new(void)
{
    Expansion *expansion = g_new0(Expansion, 1);

    expansion->public.mailboxes = g_array_new(FALSE, FALSE, sizeof(guint64));
    expansion->public.outside = g_ptr_array_new_with_free_func(g_free);
    expansion->public.unknown = g_ptr_array_new_with_free_func(g_free);
    expansion->ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    expansion->open = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    expansion->outside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    expansion->unknown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return &expansion->public;
}

void
ims_expansion_free(ImsExpansion *public)
{
    Expansion *expansion = (Expansion *)public;

    if (expansion == NULL)
        return;
    g_array_unref(public->mailboxes);
    g_ptr_array_unref(public->outside);
    g_ptr_array_unref(public->unknown);
    g_hash_table_unref(expansion->ids);
    g_hash_table_unref(expansion->open);
    g_hash_table_unref(expansion->outside);
    g_hash_table_unref(expansion->unknown);
    g_free(expansion);
}

static void
add_unknown(Expansion *into, const char *name)
{
    if (g_hash_table_add(into->unknown, ims_name_key(name)))
        g_ptr_array_add(into->public.unknown, g_strdup(name));
}

static void
add_outside(Expansion *into, const char *address)
{
    if (g_hash_table_add(into->outside, ims_name_address_key_whole(address)))
        g_ptr_array_add(into->public.outside, g_strdup(address));
}

static void expand(const ImsRecipientTable *table, const ImsRecipient *recipient, guint depth,
                   Expansion *into);

static void
expand_list(const ImsRecipientTable *table, const ImsRecipient *list, guint depth, Expansion *into)
{
    if (list->members == NULL)
        return;
    for (char **member = list->members; *member != NULL; member++) {
        g_autofree char *key = ims_name_key(*member);
        gboolean several = FALSE;
        const ImsRecipient *recipient = ims_recipient_table_find_alias_key(table, key, &several);

        if (into->n_members >= MAX_MEMBERS) {
            /* Not silently: whoever is left out has the whole list named. */
            add_unknown(into, list->alias);
            return;
        }
        into->n_members++;
        if (recipient == NULL || several)
            add_unknown(into, *member);
        else
            expand(table, recipient, depth + 1, into);
    }
}

/*
 * A target that is itself a recipient here is followed, so that it does not leave only to come back
 * (D-054). Custom recipients that name each other in a ring lead nowhere: the first is said to be
 * unknown.
 */
static void
expand_custom(const ImsRecipientTable *table, const ImsRecipient *custom, guint depth,
              Expansion *into)
{
    const ImsRecipient *now = custom;

    for (guint hop = 0; hop < MAX_CUSTOM_HOPS; hop++) {
        g_autofree char *key = ims_name_address_key_whole(now->target);
        gboolean several = FALSE;
        const ImsRecipient *next = ims_recipient_table_find_address_key(table, key, &several);

        if (next == NULL || several || next->id == now->id) {
            add_outside(into, now->target);
            return;
        }
        if (next->kind != IMS_RECIPIENT_CUSTOM) {
            expand(table, next, depth + 1, into);
            return;
        }
        now = next;
    }
    add_unknown(into, custom->alias);
}

/* D-070: the mailbox gets nothing, unless both are to have it. */
static void
expand_mailbox(const ImsRecipientTable *table, const ImsRecipient *mailbox, guint depth,
               Expansion *into)
{
    guint64 id = mailbox->id;
    g_autofree char *key = NULL;
    gboolean several = FALSE;
    const ImsRecipient *next;

    if (mailbox->forward_to == NULL || mailbox->forward_both)
        g_array_append_val(into->public.mailboxes, id);
    if (mailbox->forward_to == NULL)
        return;
    key = ims_name_address_key_whole(mailbox->forward_to);
    next = ims_recipient_table_find_address_key(table, key, &several);
    if (next == NULL || several) {
        add_outside(into, mailbox->forward_to);
        return;
    }
    g_hash_table_add(into->open, g_memdup2(&id, sizeof id));
    expand(table, next, depth + 1, into);
    g_hash_table_remove(into->open, &id);
}

static void
expand(const ImsRecipientTable *table, const ImsRecipient *recipient, guint depth, Expansion *into)
{
    guint64 id = recipient->id;

    if (g_hash_table_contains(into->ids, &id)) {
        /* Alternate recipients in a ring lead nowhere; nobody would get the message. */
        if (!recipient->forward_both && g_hash_table_contains(into->open, &id))
            add_unknown(into, recipient->alias);
        return;
    }
    if (depth > MAX_DEPTH) {
        add_unknown(into, recipient->alias);
        return;
    }
    g_hash_table_add(into->ids, g_memdup2(&id, sizeof id));
    switch (recipient->kind) {
    case IMS_RECIPIENT_MAILBOX:
        expand_mailbox(table, recipient, depth, into);
        break;
    case IMS_RECIPIENT_CUSTOM:
        expand_custom(table, recipient, depth, into);
        break;
    case IMS_RECIPIENT_LIST:
        expand_list(table, recipient, depth, into);
        break;
    }
}

void
ims_recipient_table_expand(const ImsRecipientTable *table, const ImsRecipient *recipient,
                           ImsExpansion *into)
{
    expand(table, recipient, 0, (Expansion *)into);
}
