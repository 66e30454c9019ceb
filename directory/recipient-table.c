#include "directory/recipient-table-private.h"

#include <string.h>

#include "directory/names-private.h"
#include "directory/ordered-tree-private.h"

struct _ImsRecipientTable {
    gatomicrefcount references;
    ImsTreeNode *by_alias, *by_address, *by_account, *by_id;
};

static void
clear_recipient(ImsRecipient *recipient)
{
    g_free(recipient->alias);
    g_free(recipient->display_name);
    g_strfreev(recipient->addresses);
    g_free(recipient->target);
    g_strfreev(recipient->members);
    g_free(recipient->account);
    g_free(recipient->forward_to);
    g_free(recipient->rule_forward_to);
    g_free(recipient->out_of_office);
    g_strfreev(recipient->accept_from);
    g_strfreev(recipient->reject_from);
}

ImsRecipient *
ims_recipient_copy(const ImsRecipient *recipient)
{
    ImsRecipient *copy = g_new0(ImsRecipient, 1);

    *copy = *recipient;
    copy->alias = g_strdup(recipient->alias);
    copy->display_name = g_strdup(recipient->display_name);
    copy->addresses = g_strdupv(recipient->addresses);
    copy->target = g_strdup(recipient->target);
    copy->members = g_strdupv(recipient->members);
    copy->account = g_strdup(recipient->account);
    copy->forward_to = g_strdup(recipient->forward_to);
    copy->rule_forward_to = g_strdup(recipient->rule_forward_to);
    copy->out_of_office = g_strdup(recipient->out_of_office);
    copy->accept_from = g_strdupv(recipient->accept_from);
    copy->reject_from = g_strdupv(recipient->reject_from);
    return copy;
}

void
ims_recipient_free(ImsRecipient *recipient)
{
    if (recipient == NULL)
        return;
    clear_recipient(recipient);
    g_free(recipient);
}

ImsRecipientEntry *
ims_recipient_entry_new(ImsRecipient *recipient)
{
    ImsRecipientEntry *entry = g_atomic_rc_box_new0(ImsRecipientEntry);
    guint n_addresses = recipient->addresses != NULL ? g_strv_length(recipient->addresses) : 0;

    entry->recipient = *recipient;
    memset(recipient, 0, sizeof *recipient);
    if (entry->recipient.addresses == NULL)
        entry->recipient.addresses = g_new0(char *, 1);
    entry->alias_key = ims_name_key(entry->recipient.alias);
    entry->address_keys = g_new0(char *, n_addresses + 1);
    for (guint i = 0; i < n_addresses; i++)
        entry->address_keys[i] = ims_name_address_key_whole(entry->recipient.addresses[i]);
    if (entry->recipient.kind == IMS_RECIPIENT_MAILBOX && entry->recipient.account != NULL)
        entry->account_key = ims_name_key(entry->recipient.account);
    return entry;
}

static void
clear_entry(gpointer data)
{
    ImsRecipientEntry *entry = data;

    clear_recipient(&entry->recipient);
    g_free(entry->alias_key);
    g_strfreev(entry->address_keys);
    g_free(entry->account_key);
}

void
ims_recipient_entry_unref(gpointer entry)
{
    g_atomic_rc_box_release_full(entry, clear_entry);
}

/* The id tree's order need not be numeric, only stable: all items have the key "" and differ in
 * their tag. */
static ImsTreeItem
item_of(const char *key, const ImsRecipientEntry *entry)
{
    return (ImsTreeItem){key, entry->recipient.id, (gpointer)entry};
}

static ImsTreeNode *
build(GArray *items)
{
    g_array_sort(items, ims_tree_item_compare);
    return ims_tree_build((const ImsTreeItem *)items->data, items->len);
}

ImsRecipientTable *
ims_recipient_table_new(GPtrArray *entries)
{
    ImsRecipientTable *table = g_new0(ImsRecipientTable, 1);
    g_autoptr(GArray) aliases = g_array_sized_new(FALSE, FALSE, sizeof(ImsTreeItem), entries->len);
    g_autoptr(GArray) addresses =
        g_array_sized_new(FALSE, FALSE, sizeof(ImsTreeItem), entries->len);
    g_autoptr(GArray) accounts = g_array_sized_new(FALSE, FALSE, sizeof(ImsTreeItem), entries->len);
    g_autoptr(GArray) ids = g_array_sized_new(FALSE, FALSE, sizeof(ImsTreeItem), entries->len);

    for (guint i = 0; i < entries->len; i++) {
        const ImsRecipientEntry *entry = g_ptr_array_index(entries, i);
        ImsTreeItem item = item_of(entry->alias_key, entry);

        g_array_append_val(aliases, item);
        for (char **key = entry->address_keys; *key != NULL; key++) {
            item = item_of(*key, entry);
            g_array_append_val(addresses, item);
        }
        if (entry->account_key != NULL) {
            item = item_of(entry->account_key, entry);
            g_array_append_val(accounts, item);
        }
        item = item_of("", entry);
        g_array_append_val(ids, item);
    }
    g_atomic_ref_count_init(&table->references);
    table->by_alias = build(aliases);
    table->by_address = build(addresses);
    table->by_account = build(accounts);
    table->by_id = build(ids);
    return table;
}

static void
remove_item(ImsTreeNode **tree, const char *key, guint64 id)
{
    ImsTreeNode *without = ims_tree_remove(*tree, key, id, ims_recipient_entry_unref);

    ims_tree_unref(*tree, ims_recipient_entry_unref);
    *tree = without;
}

static void
insert_item(ImsTreeNode **tree, const char *key, const ImsRecipientEntry *entry)
{
    ImsTreeItem item = item_of(key, entry);
    ImsTreeNode *with = ims_tree_insert(*tree, &item, ims_recipient_entry_unref);

    ims_tree_unref(*tree, ims_recipient_entry_unref);
    *tree = with;
}

ImsRecipientTable *
ims_recipient_table_replace(ImsRecipientTable *table, const ImsRecipientEntry *old,
                            ImsRecipientEntry *new_entry)
{
    ImsRecipientTable *result = g_new0(ImsRecipientTable, 1);

    g_atomic_ref_count_init(&result->references);
    result->by_alias = ims_tree_ref(table->by_alias);
    result->by_address = ims_tree_ref(table->by_address);
    result->by_account = ims_tree_ref(table->by_account);
    result->by_id = ims_tree_ref(table->by_id);
    if (old != NULL) {
        guint64 id = old->recipient.id;

        for (char **key = old->address_keys; *key != NULL; key++)
            remove_item(&result->by_address, *key, id);
        if (old->account_key != NULL)
            remove_item(&result->by_account, old->account_key, id);
        remove_item(&result->by_alias, old->alias_key, id);
        remove_item(&result->by_id, "", id);
    }
    if (new_entry != NULL) {
        for (char **key = new_entry->address_keys; *key != NULL; key++)
            insert_item(&result->by_address, *key, new_entry);
        if (new_entry->account_key != NULL)
            insert_item(&result->by_account, new_entry->account_key, new_entry);
        insert_item(&result->by_alias, new_entry->alias_key, new_entry);
        insert_item(&result->by_id, "", new_entry);
    }
    return result;
}

ImsRecipientTable *
ims_recipient_table_ref(ImsRecipientTable *table)
{
    g_atomic_ref_count_inc(&table->references);
    return table;
}

void
ims_recipient_table_unref(ImsRecipientTable *table)
{
    if (table == NULL || !g_atomic_ref_count_dec(&table->references))
        return;
    ims_tree_unref(table->by_alias, ims_recipient_entry_unref);
    ims_tree_unref(table->by_address, ims_recipient_entry_unref);
    ims_tree_unref(table->by_account, ims_recipient_entry_unref);
    ims_tree_unref(table->by_id, ims_recipient_entry_unref);
    g_free(table);
}

guint
ims_recipient_table_size(const ImsRecipientTable *table)
{
    return ims_tree_size(table->by_alias);
}

static const ImsRecipient *
recipient_of(const ImsTreeItem *item)
{
    return item != NULL ? &((const ImsRecipientEntry *)item->value)->recipient : NULL;
}

const ImsRecipient *
ims_recipient_table_get(const ImsRecipientTable *table, guint index)
{
    return recipient_of(ims_tree_get(table->by_alias, index));
}

const ImsRecipientEntry *
ims_recipient_table_find_id(const ImsRecipientTable *table, guint64 id)
{
    const ImsTreeItem *item = NULL;
    guint low = 0, high = ims_tree_size(table->by_id);

    while (low < high) {
        guint middle = low + (high - low) / 2;

        item = ims_tree_get(table->by_id, middle);
        if (item->tag == id)
            return item->value;
        if (item->tag < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const ImsRecipient *
ims_recipient_table_find_alias_key(const ImsRecipientTable *table, const char *key,
                                   gboolean *several_out)
{
    return recipient_of(ims_tree_find(table->by_alias, key, several_out));
}

const ImsRecipient *
ims_recipient_table_find_address_key(const ImsRecipientTable *table, const char *key,
                                     gboolean *several_out)
{
    return recipient_of(ims_tree_find(table->by_address, key, several_out));
}

const ImsRecipient *
ims_recipient_table_find_account_key(const ImsRecipientTable *table, const char *key,
                                     gboolean *several_out)
{
    return recipient_of(ims_tree_find(table->by_account, key, several_out));
}

const ImsRecipient *
ims_recipient_table_find_alias(const ImsRecipientTable *table, const char *alias)
{
    g_autofree char *key = ims_name_key(alias);

    return ims_recipient_table_find_alias_key(table, key, NULL);
}

const ImsRecipient *
ims_recipient_table_find_address(const ImsRecipientTable *table, const char *local,
                                 const char *domain, gboolean *ambiguous_out)
{
    g_autofree char *normal = ims_name_normal_domain(domain);
    g_autofree char *key = NULL;

    if (normal == NULL)
        normal = ims_name_normal_literal(domain);
    if (normal == NULL) {
        if (ambiguous_out != NULL)
            *ambiguous_out = FALSE;
        return NULL;
    }
    key = ims_name_address_key(local, strlen(local), normal);
    return ims_recipient_table_find_address_key(table, key, ambiguous_out);
}

const ImsRecipient *
ims_recipient_table_find_mailbox(const ImsRecipientTable *table, guint64 id)
{
    const ImsRecipientEntry *entry = ims_recipient_table_find_id(table, id);

    return entry != NULL && entry->recipient.kind == IMS_RECIPIENT_MAILBOX ? &entry->recipient
                                                                           : NULL;
}
