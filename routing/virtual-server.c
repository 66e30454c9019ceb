/*
 * The verdict of a virtual server. The order of rules is that of R-181; each leaves a step, and
 * words are made of the steps only in virtual-server-explain.c.
 */
#include "routing/virtual-server.h"

#include <string.h>

#include "routing/relay-private.h"
#include "routing/virtual-server-private.h"

void
ims_virtual_server_policy_init(ImsVirtualServerPolicy *policy)
{
    *policy = (ImsVirtualServerPolicy){
        .connection_mode = IMS_HOSTS_ALL_EXCEPT,
        .relay_mode = IMS_HOSTS_ONLY,
        .relay_authenticated = TRUE,
        .authentication =
            IMS_VIRTUAL_SERVER_ANONYMOUS | IMS_VIRTUAL_SERVER_BASIC | IMS_VIRTUAL_SERVER_INTEGRATED,
    };
}

gboolean
ims_virtual_server_needs_name(const ImsVirtualServerPolicy *policy)
{
    return (policy->connection_list != NULL &&
            ims_host_list_has_domains(policy->connection_list)) ||
           (policy->relay_list != NULL && ims_host_list_has_domains(policy->relay_list));
}

static guint
match(const ImsHostList *list, const ImsAddress *client, const char *name)
{
    return list != NULL ? ims_host_list_match(list, client, name) : 0;
}

gboolean
ims_virtual_server_connect(const ImsVirtualServerPolicy *policy, const ImsAddress *client,
                           const char *client_name, guint *entry_out)
{
    guint entry = match(policy->connection_list, client, client_name);

    if (entry_out != NULL)
        *entry_out = entry;
    return (entry != 0) == (policy->connection_mode == IMS_HOSTS_ONLY);
}

gboolean
ims_virtual_server_parse(const ImsVirtualServerPolicy *policy, const char *recipient, ImsPath *out)
{
    if (ims_path_parse(recipient, FALSE, out, NULL))
        return TRUE;
    /* Exchange 2000 is thought to part at the last @; nothing else odd is taken */
    if (!policy->faithful || !ims_path_parse(recipient, TRUE, out, NULL))
        return FALSE;
    for (const char *p = out->local; *p != '\0'; p++) {
        if ((guchar)*p >= 0x80 || strchr(" ()<>[]:;\\,\"", *p) != NULL) {
            ims_path_clear(out);
            return FALSE;
        }
    }
    return TRUE;
}

typedef struct {
    const ImsVirtualServerPolicy *policy;
    const ImsRelayQuery *query;
    ImsRelayVerdict *verdict;
    ImsPath path;
} Decision;

static void
add_step(Decision *self, ImsRelayRule rule, guint8 outcome, guint entry)
{
    ImsRelayVerdict *verdict = self->verdict;

    g_assert(verdict->n_steps < IMS_RELAY_MAX_STEPS);
    verdict->steps[verdict->n_steps++] = (ImsRelayStep){(guint8)rule, outcome, entry};
}

static void
settle(Decision *self, ImsVerdictKind kind, ImsRelayReason reason, ImsRelayRule rule, guint entry)
{
    add_step(self, rule, IMS_STEP_DECIDES, entry);
    self->verdict->kind = kind;
    self->verdict->reason = reason;
    self->verdict->list_entry = entry;
    self->verdict->reply =
        kind == IMS_VERDICT_REFUSE ? IMS_REPLY_VIRTUAL_REFUSED : IMS_REPLY_VIRTUAL_OK;
}

static void
settle_reply(Decision *self, ImsRelayReason reason, ImsRelayRule rule, ImsRelayReply reply)
{
    settle(self, IMS_VERDICT_REFUSE, reason, rule, 0);
    self->verdict->reply = reply;
}

/* What strangers may do with it is served as the open relay of the IMS is. */
static void
relay_open(Decision *self, ImsRelayReason reason, ImsRelayRule rule)
{
    const ImsRelayQuery *query = self->query;

    if (self->policy->accept_historic_risk ||
        (ims_address_is_loopback(&query->client) && ims_address_is_loopback(&query->local))) {
        settle(self, IMS_VERDICT_REROUTE, reason, rule, 0);
        self->verdict->weakness = ims_relay_rules[rule].source;
    } else {
        add_step(self, rule, IMS_STEP_YES, 0);
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_OPEN_CLOSED, IMS_RULE_VIRTUAL_CLOSED, 0);
    }
}

static gboolean
can_authenticate(const ImsVirtualServerPolicy *policy)
{
    return (policy->authentication & ~IMS_VIRTUAL_SERVER_ANONYMOUS) != 0;
}

/* Syntax, and whether this session may submit at all. */
static gboolean
is_acceptable(Decision *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    gboolean authenticated = self->query->authenticated && can_authenticate(policy);

    if (!ims_virtual_server_parse(policy, self->query->recipient, &self->path) ||
        self->path.is_null) {
        settle_reply(self, IMS_REASON_MALFORMED, IMS_RULE_VIRTUAL_SYNTAX,
                     IMS_REPLY_VIRTUAL_MALFORMED);
        return FALSE;
    }
    add_step(self, IMS_RULE_VIRTUAL_SYNTAX, IMS_STEP_NO, 0);
    if ((policy->authentication & IMS_VIRTUAL_SERVER_ANONYMOUS) == 0 && !authenticated) {
        settle_reply(self, IMS_REASON_NO_SUBMIT, IMS_RULE_VIRTUAL_ANONYMOUS,
                     IMS_REPLY_VIRTUAL_NO_SUBMIT);
        return FALSE;
    }
    if (self->path.had_route)
        add_step(self, IMS_RULE_SOURCE_ROUTE, IMS_STEP_YES, 0);
    return TRUE;
}

static gboolean
is_own_literal(const ImsVirtualServerPolicy *policy, const char *domain)
{
    ImsAddress address;

    if (!ims_address_parse(domain, &address))
        return FALSE;
    for (guint i = 0; i < policy->n_own_addresses; i++) {
        if (ims_address_equal(&policy->own_addresses[i], &address))
            return TRUE;
    }
    return FALSE;
}

/* TRUE where the recipient is own, which is taken from anyone. */
static gboolean
try_own(Decision *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    ImsPath *path = &self->path;
    ImsOwnDomain own;

    if (path->domain == NULL) {
        if (policy->default_domain != NULL)
            path->domain = g_ascii_strdown(policy->default_domain, -1);
        settle(self, IMS_VERDICT_DELIVER, IMS_REASON_BARE_LOCAL, IMS_RULE_VIRTUAL_BARE, 0);
        return TRUE;
    }
    if (path->is_literal && is_own_literal(policy, path->domain)) {
        settle(self, IMS_VERDICT_DELIVER, IMS_REASON_OWN_LITERAL, IMS_RULE_OWN_LITERAL, 0);
        return TRUE;
    }
    if (path->is_literal) {
        add_step(self, IMS_RULE_OWN_LITERAL, IMS_STEP_NO, 0);
        return FALSE;
    }
    own = ims_mail_domains_look_up(policy->domains, path->domain);
    if (own == IMS_OWN_DOMAIN)
        settle(self, IMS_VERDICT_DELIVER, IMS_REASON_INBOUND, IMS_RULE_VIRTUAL_DOMAIN, 0);
    else if (own == IMS_SHARED_DOMAIN)
        settle(self, IMS_VERDICT_DELIVER, IMS_REASON_SHARED_DOMAIN, IMS_RULE_VIRTUAL_SHARED, 0);
    else
        add_step(self, IMS_RULE_VIRTUAL_DOMAIN, IMS_STEP_NO, 0);
    return own != IMS_NO_DOMAIN;
}

/* "Allow messages to be relayed to these domains" of the connector that carries them. */
static gboolean
try_connector(Decision *self)
{
    const ImsConnectorList *list = self->policy->connectors;
    const ImsConnector *connector = NULL;
    gboolean all_out = FALSE;

    if (list != NULL && !self->path.is_literal)
        connector = ims_connector_list_route(list, self->path.domain, &all_out);
    if (connector == NULL || !connector->relay_to_domains) {
        add_step(self, IMS_RULE_VIRTUAL_CONNECTOR, IMS_STEP_NO, 0);
        return FALSE;
    }
    /* a connector for `*` opens the server to all; who may relay anyway needs no such opening */
    if (all_out)
        return FALSE;
    settle(self, IMS_VERDICT_REROUTE, IMS_REASON_CONNECTOR, IMS_RULE_VIRTUAL_CONNECTOR, 0);
    return TRUE;
}

static gboolean
is_open_connector(const Decision *self)
{
    const ImsConnectorList *list = self->policy->connectors;
    const ImsConnector *connector;
    gboolean all_out = FALSE;

    if (list == NULL || self->path.is_literal)
        return FALSE;
    connector = ims_connector_list_route(list, self->path.domain, &all_out);
    return connector != NULL && connector->relay_to_domains && all_out;
}

static gboolean
try_authenticated(Decision *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;

    if (!policy->relay_authenticated)
        return FALSE;
    if (!can_authenticate(policy)) {
        add_step(self, IMS_RULE_VIRTUAL_NO_METHOD, IMS_STEP_YES, 0);
        return FALSE;
    }
    if (!self->query->authenticated) {
        add_step(self, IMS_RULE_VIRTUAL_AUTHENTICATED, IMS_STEP_NO, 0);
        return FALSE;
    }
    settle(self, IMS_VERDICT_REROUTE, IMS_REASON_AUTHENTICATED, IMS_RULE_VIRTUAL_AUTHENTICATED, 0);
    return TRUE;
}

/* The relay list by its mode, and last what opens the server to strangers. */
static void
judge_by_list(Decision *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    const ImsRelayQuery *query = self->query;
    guint entry = match(policy->relay_list, &query->client, query->client_name);

    if (policy->relay_mode == IMS_HOSTS_ONLY && entry != 0) {
        settle(self, IMS_VERDICT_REROUTE, IMS_REASON_RELAY_LIST, IMS_RULE_VIRTUAL_ONLY, entry);
        return;
    }
    if (is_open_connector(self)) {
        relay_open(self, IMS_REASON_CONNECTOR, IMS_RULE_VIRTUAL_CONNECTOR_ALL);
        return;
    }
    if (policy->relay_mode == IMS_HOSTS_ONLY)
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_NO_RULE, IMS_RULE_VIRTUAL_NOT_LISTED, 0);
    else if (entry != 0)
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_EXCEPTED, IMS_RULE_VIRTUAL_EXCEPTED, entry);
    else
        relay_open(self, IMS_REASON_NOT_EXCEPTED, IMS_RULE_VIRTUAL_ALL_EXCEPT);
}

void
ims_virtual_server_decide(const ImsVirtualServerPolicy *policy, const ImsRelayQuery *query,
                          ImsRelayVerdict *verdict_out)
{
    Decision self = {.policy = policy, .query = query, .verdict = verdict_out};

    memset(verdict_out, 0, G_STRUCT_OFFSET(ImsRelayVerdict, steps));
    if (is_acceptable(&self) && !try_own(&self) && !try_connector(&self) &&
        !try_authenticated(&self))
        judge_by_list(&self);
    if (verdict_out->reason != IMS_REASON_MALFORMED) {
        verdict_out->local = g_steal_pointer(&self.path.local);
        verdict_out->domain = g_steal_pointer(&self.path.domain);
        verdict_out->is_literal = self.path.is_literal;
    }
    ims_path_clear(&self.path);
}
