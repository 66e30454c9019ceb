/* What an accepted recipient comes to: mailboxes here, rows of the queue, or nobody. */
#include "ims/submit-private.h"

#include "ims/route.h"

#include <string.h>

/* An address that leads to another address here, and so on: custom recipients and encapsulated
 * names. */
#define MAX_HOPS 10
/* Below this many names a look through what is there is quicker than a table. */
#define FEW 16

typedef struct {
    ImsService *service;
    const ImsRecipientTable *table;
    const ImsSubmitRecipient *recipient;
    ImsDeliverOp *op;
    GPtrArray *unknown;
    const char *original; /* (nullable): told to the sender in place of the row's address */
    const char *orcpt;    /* (nullable) */
    GHashTable *mailboxes, *addresses; /* (nullable): what @op has, where it gets many at once */
    GHashTable *resolved;              /* (nullable): addresses followed so far, against rings */
} Submit;

/* ---- adding, each once ---- */

static void
add_mailbox(Submit *submit, guint64 mailbox)
{
    ImsDeliverTarget target = {.mailbox = mailbox};

    if (submit->op->targets == NULL)
        submit->op->targets = ims_deliver_targets_new();
    if (submit->mailboxes != NULL) {
        if (!g_hash_table_add(submit->mailboxes, g_memdup2(&mailbox, sizeof mailbox)))
            return;
    } else {
        for (guint i = 0; i < submit->op->targets->len; i++) {
            const ImsDeliverTarget *there =
                &g_array_index(submit->op->targets, ImsDeliverTarget, i);

            if (there->folder == 0 && there->mailbox == mailbox)
                return;
        }
    }
    g_array_append_val(submit->op->targets, target);
}

static gboolean
is_queued(Submit *submit, const char *address)
{
    const GPtrArray *recipients = submit->op->queue->recipients;

    if (submit->addresses != NULL)
        return !g_hash_table_add(submit->addresses, g_strdup(address));
    for (guint i = 0; i < recipients->len; i++) {
        const ImsQueueRecipient *row = g_ptr_array_index(recipients, i);

        if (strcmp(row->address, address) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
add_unknown(Submit *submit, const char *name)
{
    for (guint i = 0; submit->addresses == NULL && i < submit->unknown->len; i++) {
        if (g_ascii_strcasecmp(g_ptr_array_index(submit->unknown, i), name) == 0)
            return;
    }
    g_ptr_array_add(submit->unknown, g_strdup(name));
}

/* ---- the queue ---- */

/* @address has a domain. */
static void
add_outside(Submit *submit, const char *address)
{
    const ImsConfig *config = submit->service->config;
    const ImsSubmitRecipient *recipient = submit->recipient;
    const char *at = strrchr(address, '@');
    g_autofree char *domain = g_ascii_strdown(at + 1, -1);
    g_autofree char *normal = g_strdup_printf("%.*s@%s", (int)(at - address), address, domain);
    ImsQueueMessage *queue;
    ImsQueueRecipient *row;

    if (submit->op->queue == NULL)
        submit->op->queue = ims_queue_message_new();
    queue = submit->op->queue;
    if (queue->recipients == NULL)
        queue->recipients =
            g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_recipient_free);
    if (is_queued(submit, normal))
        return;
    row = ims_queue_recipient_new();
    if (submit->original != NULL && strcmp(submit->original, normal) != 0)
        row->original = g_strdup(submit->original);
    row->orcpt = g_strdup(submit->orcpt);
    row->notify = recipient->notify;
    row->state = IMS_QUEUE_WAITING;
    if (recipient->weakness != NULL && !config->accept_historic_risk &&
        !ims_route_is_loopback(config, domain)) {
        row->state = IMS_QUEUE_HELD;
        if (queue->hold_reason == NULL)
            queue->hold_reason =
                g_strdup_printf("only a weakness admitted it (%s); AcceptHistoricRisk=yes sends it",
                                recipient->weakness);
    }
    row->address = g_steal_pointer(&normal);
    row->domain = g_steal_pointer(&domain);
    g_ptr_array_add(queue->recipients, row);
}

/* ---- the directory ---- */

/* "local@domain" taken apart at its last @ (S-169). FALSE: no domain. */
static gboolean
split(const char *address, char **local_out, char **domain_out)
{
    const char *at = strrchr(address, '@');

    if (at == NULL || at == address || at[1] == '\0')
        return FALSE;
    *local_out = g_strndup(address, (gsize)(at - address));
    *domain_out = g_ascii_strdown(at + 1, -1);
    return TRUE;
}

/* Q245045, R-101: the alias is the last common name of the encapsulated directory name. */
static const ImsRecipient *
find_encapsulated(const ImsRecipientTable *table, const char *local)
{
    g_autofree char *type = NULL, *name = NULL;
    const char *last = NULL;

    if (!ims_imcea_decode(local, &type, &name) || strcmp(type, "EX") != 0)
        return NULL;
    for (const char *p = name; *p != '\0'; p++) {
        if (g_ascii_strncasecmp(p, "/cn=", 4) == 0)
            last = p + 4;
    }
    return last != NULL && *last != '\0' && strchr(last, '/') == NULL
               ? ims_recipient_table_find_alias(table, last)
               : NULL;
}

static const ImsRecipient *
find_administrator(const ImsService *service, const ImsRecipientTable *table)
{
    const char *alias = service->config->administrator;

    return alias != NULL ? ims_recipient_table_find_alias(table, alias) : NULL;
}

/* Who @address is. NULL: nobody, or two at once. */
static const ImsRecipient *
find_recipient(const ImsService *service, const ImsRecipientTable *table, const char *address)
{
    const ImsConfig *config = service->config;
    const char *site = config->site_domain;
    g_autofree char *local = NULL, *domain = NULL;
    gboolean is_site, is_postmaster, ambiguous = FALSE;
    const ImsRecipient *found = NULL;

    if (!split(address, &local, &domain))
        return NULL;
    /* An own address literal stands for the site's domain where no recipient bears it. */
    is_site = site != NULL && (*domain == '[' || g_ascii_strcasecmp(domain, site) == 0);
    is_postmaster = g_ascii_strcasecmp(local, "postmaster") == 0;
    /* a proxy with that very literal; the IMS knew no other way. */
    if (*domain == '[') {
        found = ims_recipient_table_find_address(table, local, domain, &ambiguous);
        if (found != NULL || ambiguous || config->faithful)
            return ambiguous ? NULL : found;
    }
    /* S-119: even if a mailbox bears the name */
    if (is_site && is_postmaster)
        found = find_administrator(service, table);
    if (found == NULL)
        found = ims_recipient_table_find_address(table, local, is_site ? site : domain, &ambiguous);
    if (ambiguous)
        return NULL;
    if (found == NULL)
        found = find_encapsulated(table, local);
    /* RFC 5321 4.5.1 asks for a postmaster in every own domain; the IMS had one only in the site's.
     */
    if (found == NULL && is_postmaster && !config->faithful)
        found = find_administrator(service, table);
    return found;
}

/* Whether @address is one of ours, by the same verdict that judges RCPT TO. @own_out (transfer
 * full): after it. */
static gboolean
is_own(const ImsService *service, const ImsRecipientTable *table, const char *address,
       char **own_out)
{
    const ImsRelayPolicy *policy = &service->config->policy;
    g_auto(ImsRelayVerdict) verdict = {0};
    ImsRelayQuery query = {.recipient = address, .authenticated = TRUE, .account = "SYSTEM"};

    (void)ims_address_parse("127.0.0.1", &query.client);
    query.local = query.client;
    ims_relay_decide(policy, &query, &verdict);
    if (ims_relay_wants_directory(policy, &query, &verdict)) {
        g_autofree char *result = ims_relay_verdict_address(&verdict);
        g_autofree char *local = NULL, *domain = NULL;

        if (result != NULL && split(result, &local, &domain))
            query.in_directory =
                ims_recipient_table_find_address(table, local, domain, NULL) != NULL;
        if (query.in_directory) {
            ims_relay_verdict_clear(&verdict);
            ims_relay_decide(policy, &query, &verdict);
        }
    }
    if (verdict.kind != IMS_VERDICT_DELIVER &&
        !(verdict.kind == IMS_VERDICT_DIRECTORY && query.in_directory))
        return FALSE;
    *own_out = ims_relay_verdict_address(&verdict);
    return *own_out != NULL;
}

static void resolve(Submit *submit, const char *address, guint hops);

/*
 * A custom recipient that bears its own target in a domain of ours (D-054): the domain is shared
 * with another system, which has the mailbox, and [Connections] says where that is.
 */
static gboolean
is_own_target(Submit *submit, const char *own)
{
    const ImsRecipient *recipient = find_recipient(submit->service, submit->table, own);

    return recipient != NULL && recipient->kind == IMS_RECIPIENT_CUSTOM &&
           g_ascii_strcasecmp(recipient->target, own) == 0;
}

/* Where a custom recipient or a list leads outside: unless that is here after all. */
static void
follow(Submit *submit, const char *address, guint hops)
{
    g_autofree char *own = NULL, *local = NULL, *domain = NULL;

    if (!split(address, &local, &domain))
        add_unknown(submit, address);
    else if (is_own(submit->service, submit->table, address, &own) && !is_own_target(submit, own))
        resolve(submit, own, hops + 1);
    else
        add_outside(submit, address);
}

static void
remember_what_is_there(Submit *submit)
{
    const GArray *targets = submit->op->targets;
    const ImsQueueMessage *queue = submit->op->queue;

    submit->mailboxes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    submit->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; targets != NULL && i < targets->len; i++) {
        const ImsDeliverTarget *target = &g_array_index(targets, ImsDeliverTarget, i);

        if (target->folder == 0)
            g_hash_table_add(submit->mailboxes,
                             g_memdup2(&target->mailbox, sizeof target->mailbox));
    }
    for (guint i = 0; queue != NULL && queue->recipients != NULL && i < queue->recipients->len;
         i++) {
        const ImsQueueRecipient *row = g_ptr_array_index(queue->recipients, i);

        g_hash_table_add(submit->addresses, g_strdup(row->address));
    }
}

/* D-067, R-161. */
static gboolean
is_restricted(Submit *submit, const ImsRecipient *recipient)
{
    const char *sender = submit->recipient->sender;
    g_autofree char *local = NULL, *domain = NULL;
    const ImsRecipient *known = NULL;

    if (sender == NULL || submit->recipient->refused == NULL ||
        (recipient->accept_from == NULL && recipient->reject_from == NULL))
        return FALSE;
    if (split(sender, &local, &domain))
        known = ims_recipient_table_find_address(submit->table, local, domain, NULL);
    return !ims_recipient_table_may_send(submit->table, known, recipient);
}

static void
refuse(Submit *submit, const ImsRecipient *recipient)
{
    const char *address = recipient->addresses != NULL && recipient->addresses[0] != NULL
                              ? recipient->addresses[0]
                              : recipient->alias;

    g_ptr_array_add(submit->recipient->refused, g_strdup(address));
}

static void
add_mailbox_if_allowed(Submit *submit, guint64 id)
{
    const ImsRecipient *mailbox = ims_recipient_table_find_mailbox(submit->table, id);

    if (mailbox != NULL && is_restricted(submit, mailbox))
        refuse(submit, mailbox);
    else
        add_mailbox(submit, id);
}

static void
deliver(Submit *submit, const ImsRecipient *recipient, guint hops)
{
    g_autoptr(ImsExpansion) expansion = ims_expansion_new();

    if (is_restricted(submit, recipient)) {
        refuse(submit, recipient);
        return;
    }
    ims_recipient_table_expand(submit->table, recipient, expansion);
    if (submit->mailboxes == NULL &&
        expansion->mailboxes->len + expansion->outside->len + expansion->unknown->len > FEW)
        remember_what_is_there(submit);
    if (recipient->kind == IMS_RECIPIENT_LIST) {
        /* A member is told by its own name, and RFC 3461 5.2.7 ends ORCPT at the list. */
        submit->original = NULL;
        submit->orcpt = NULL;
    }
    for (guint i = 0; i < expansion->mailboxes->len; i++)
        add_mailbox_if_allowed(submit, g_array_index(expansion->mailboxes, guint64, i));
    for (guint i = 0; i < expansion->outside->len; i++)
        follow(submit, g_ptr_array_index(expansion->outside, i), hops);
    for (guint i = 0; i < expansion->unknown->len; i++)
        add_unknown(submit, g_ptr_array_index(expansion->unknown, i));
}

/* An address that is ours. */
static void
resolve(Submit *submit, const char *address, guint hops)
{
    const ImsRecipient *recipient = NULL;

    if (hops <= MAX_HOPS) {
        if (hops != 0) {
            if (submit->resolved == NULL)
                submit->resolved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
            if (!g_hash_table_add(submit->resolved, g_ascii_strdown(address, -1)))
                return;
        }
        recipient = find_recipient(submit->service, submit->table, address);
    }
    if (recipient == NULL)
        add_unknown(submit, address);
    else
        deliver(submit, recipient, hops);
}

static guint
count_queued(const ImsDeliverOp *op)
{
    return op->queue != NULL && op->queue->recipients != NULL ? op->queue->recipients->len : 0;
}

static guint
count_targets(const ImsDeliverOp *op)
{
    return op->targets != NULL ? op->targets->len : 0;
}

/* Members that a list names and the directory lacks are told apart from the recipient itself. */
static gboolean
has_itself(const GPtrArray *unknown, guint from, const char *address)
{
    for (guint i = from; i < unknown->len; i++)
        if (g_ascii_strcasecmp(g_ptr_array_index(unknown, i), address) == 0)
            return TRUE;
    return FALSE;
}

gboolean
ims_submit_targets(ImsService *service, const ImsRecipientTable *table,
                   const ImsSubmitRecipient *recipient, ImsDeliverOp *op, GPtrArray *unknown)
{
    const guint targets = count_targets(op), queued = count_queued(op), n_unknown = unknown->len;
    const guint refused = recipient->refused != NULL ? recipient->refused->len : 0;
    Submit submit = {
        .service = service,
        .table = table,
        .recipient = recipient,
        .op = op,
        .unknown = unknown,
        .original = recipient->original,
        .orcpt = recipient->orcpt,
    };

    switch (recipient->kind) {
    case IMS_VERDICT_DELIVER:
    case IMS_VERDICT_DIRECTORY:
        resolve(&submit, recipient->address, 0);
        break;
    case IMS_VERDICT_REROUTE: {
        g_autofree char *local = NULL, *domain = NULL;

        if (split(recipient->address, &local, &domain))
            add_outside(&submit, recipient->address);
        else
            add_unknown(&submit, recipient->address);
        break;
    }
    case IMS_VERDICT_REFUSE:
        add_unknown(&submit, recipient->address);
        break;
    }
    g_clear_pointer(&submit.mailboxes, g_hash_table_unref);
    g_clear_pointer(&submit.addresses, g_hash_table_unref);
    g_clear_pointer(&submit.resolved, g_hash_table_unref);
    return count_targets(op) > targets || count_queued(op) > queued ||
           !(has_itself(unknown, n_unknown, recipient->address) ||
             (recipient->refused != NULL && recipient->refused->len > refused));
}

gboolean
ims_submit_is_known(const ImsConfig *config, const ImsRecipientTable *table, const char *address)
{
    g_autofree char *local = NULL, *domain = NULL;

    if (!split(address, &local, &domain))
        return FALSE;
    if (ims_recipient_table_find_address(table, local, domain, NULL) != NULL)
        return TRUE;
    return config->administrator != NULL && config->site_domain != NULL &&
           g_ascii_strcasecmp(local, "postmaster") == 0 &&
           g_ascii_strcasecmp(domain, config->site_domain) == 0;
}

gboolean
ims_submit_may_report(const ImsConfig *config, const ImsAddress *client, const ImsAddress *local)
{
    return config->faithful && (config->accept_historic_risk || (ims_address_is_loopback(client) &&
                                                                 ims_address_is_loopback(local)));
}

/* Where the service's own mail to @address goes: its kind, and the address to submit. */
ImsVerdictKind
ims_submit_judge(ImsService *service, const ImsRecipientTable *table, const char *address,
                 char **address_out)
{
    if (is_own(service, table, address, address_out))
        return IMS_VERDICT_DELIVER;
    *address_out = g_strdup(address);
    return IMS_VERDICT_REROUTE;
}

gboolean
ims_submit_is_ambiguous(const ImsRecipientTable *table, const char *address)
{
    g_autofree char *local = NULL, *domain = NULL;
    gboolean ambiguous = FALSE;

    if (split(address, &local, &domain))
        (void)ims_recipient_table_find_address(table, local, domain, &ambiguous);
    return ambiguous;
}
