#include "ims/submission.h"

#include <string.h>

/* NULL: no mailbox, or two at once. */
static const ImsRecipient *
find_mailbox(const ImsSubmissionQuery *query, const char *address)
{
    const char *at = strrchr(address, '@');
    const ImsRecipient *found;
    g_autofree char *local =
        at != NULL ? g_strndup(address, (gsize)(at - address)) : g_strdup(address);
    const char *domain = at != NULL ? at + 1 : query->site_domain;

    if (*local == '\0' || domain == NULL || *domain == '\0')
        return NULL;
    found = ims_recipient_table_find_address(query->table, local, domain, NULL);
    return found != NULL && found->kind == IMS_RECIPIENT_MAILBOX ? found : NULL;
}

static gboolean
is_of_account(const ImsSubmissionQuery *query, const ImsRecipient *recipient)
{
    return recipient != NULL && recipient->account != NULL &&
           g_ascii_strcasecmp(recipient->account, query->account) == 0;
}

static gboolean
has_mailbox(const ImsSubmissionQuery *query)
{
    for (guint i = 0; i < ims_recipient_table_size(query->table); i++) {
        const ImsRecipient *recipient = ims_recipient_table_get(query->table, i);

        if (recipient->kind == IMS_RECIPIENT_MAILBOX && is_of_account(query, recipient))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_homed(const ImsSubmissionQuery *query)
{
    const ImsRecipient *sender = find_mailbox(query, query->sender);

    if (is_of_account(query, sender))
        return TRUE;
    return (sender != NULL || *query->sender == '\0') && has_mailbox(query);
}

static gboolean
matches(const ImsSubmissionQuery *query, const guint8 *message, gsize length)
{
    static const char *const fields[] = {"From", "Sender"};

    if (*query->sender != '\0' && !is_of_account(query, find_mailbox(query, query->sender)))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(GPtrArray) addresses = ims_header_addresses(message, length, fields[i]);

        for (guint k = 0; k < addresses->len; k++)
            if (!is_of_account(query, find_mailbox(query, addresses->pdata[k])))
                return FALSE;
    }
    return TRUE;
}

ImsSubmission
ims_submission_decide(const ImsSubmissionQuery *query, const guint8 *message, gsize length)
{
    if (query->account == NULL)
        return IMS_SUBMISSION_OK;
    if (query->only_if_homed && !is_homed(query))
        return IMS_SUBMISSION_NOT_HOMED;
    if (query->only_if_sender_matches && !matches(query, message, length))
        return IMS_SUBMISSION_MISMATCH;
    return IMS_SUBMISSION_OK;
}
