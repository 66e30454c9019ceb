/* Making recipient tables. */
#pragma once

#include "directory/directory.h"

G_BEGIN_DECLS

/* A recipient with the keys it is found by; immutable, shared by all tables that hold it
 * (g_atomic_rc_box). */
typedef struct {
    ImsRecipient recipient;
    char *alias_key;
    char **address_keys; /* one for each address */
    char *account_key;   /* (nullable): mailboxes only */
} ImsRecipientEntry;

/* Takes the fields of @recipient, which is left empty. (transfer full) */
ImsRecipientEntry *ims_recipient_entry_new(ImsRecipient *recipient);
void ims_recipient_entry_unref(gpointer entry);

/* @entries: (element-type ImsRecipientEntry): the table takes its own references. (transfer full)
 */
ImsRecipientTable *ims_recipient_table_new(GPtrArray *entries);
/* A new table, without @old (nullable) and with @new_entry (nullable). @table is unchanged.
 * (transfer full) */
ImsRecipientTable *ims_recipient_table_replace(ImsRecipientTable *table,
                                               const ImsRecipientEntry *old,
                                               ImsRecipientEntry *new_entry);
const ImsRecipientEntry *ims_recipient_table_find_id(const ImsRecipientTable *table, guint64 id);
/* By alias as ims_recipient_table_find_alias(), but says whether there are several (P-031). */
const ImsRecipient *ims_recipient_table_find_alias_key(const ImsRecipientTable *table,
                                                       const char *key, gboolean *several_out);
const ImsRecipient *ims_recipient_table_find_address_key(const ImsRecipientTable *table,
                                                         const char *key, gboolean *several_out);
/* The mailbox whose primary account has @key. */
const ImsRecipient *ims_recipient_table_find_account_key(const ImsRecipientTable *table,
                                                         const char *key, gboolean *several_out);

G_END_DECLS
