/* Delivery restrictions of recipients. */
#include "directory/directory.h"

#define MAX_DEPTH 20

/* Each list is opened once: lists may hold each other. */
static gboolean
is_member(const ImsRecipientTable *table, const ImsRecipient *sender, char **aliases, guint depth,
          GHashTable *opened)
{
    for (char **alias = aliases; *alias != NULL; alias++) {
        const ImsRecipient *named = ims_recipient_table_find_alias(table, *alias);

        if (named == NULL)
            continue;
        if (named->id == sender->id)
            return TRUE;
        if (named->kind != IMS_RECIPIENT_LIST || named->members == NULL || depth >= MAX_DEPTH ||
            !g_hash_table_add(opened, (gpointer)named))
            continue;
        if (is_member(table, sender, named->members, depth + 1, opened))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_named(const ImsRecipientTable *table, const ImsRecipient *sender, char **aliases)
{
    g_autoptr(GHashTable) opened = NULL;

    if (sender == NULL)
        return FALSE;
    opened = g_hash_table_new(NULL, NULL);
    return is_member(table, sender, aliases, 0, opened);
}

gboolean
ims_recipient_table_may_send(const ImsRecipientTable *table, const ImsRecipient *sender,
                             const ImsRecipient *recipient)
{
    if (recipient->accept_from != NULL && recipient->accept_from[0] != NULL &&
        !is_named(table, sender, recipient->accept_from))
        return FALSE;
    return recipient->reject_from == NULL || recipient->reject_from[0] == NULL ||
           !is_named(table, sender, recipient->reject_from);
}
