/*
 * The verdict. First the address is brought to the form that is judged (route cut, inner address
 * taken out, domain rewritten) and its domain is classified; then the restrictions decide about
 * what is not own. Each rule tried leaves a step; words are made of the steps only in explain.c.
 */
#include "routing/relay.h"

#include <string.h>

#include "routing/path-private.h"
#include "routing/relay-private.h"
#include "routing/routing-list-private.h"

typedef enum {
    CLASS_OWN,     /* bare local part, own literal, inbound, folded */
    CLASS_FOREIGN, /* rewritten or not */
    CLASS_ALWAYS_RELAY,
    CLASS_BLOCKED,
    CLASS_SITE, /* "Do not reroute": the site domain */
    CLASS_MALFORMED,
} Class;

typedef struct {
    const ImsRelayPolicy *policy;
    const ImsRelayQuery *query;
    ImsRelayVerdict *verdict;
    ImsPath path;          /* the address as it is judged now */
    gboolean encapsulated; /* it was taken out of another */
    ImsRelayReason own_reason;
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
    self->verdict->reply = kind == IMS_VERDICT_REFUSE ? IMS_REPLY_RELAY_REFUSED : IMS_REPLY_RCPT_OK;
}

/* ---- the address ---- */

/* The text inside a local part that is one quoted string; NULL where it is not. */
static char *
unquote(const char *local)
{
    gsize length = strlen(local);
    g_autoptr(GString) out = NULL;

    if (length < 2 || local[0] != '"' || local[length - 1] != '"')
        return NULL;
    out = g_string_sized_new(length);
    for (gsize i = 1; i < length - 1; i++) {
        if (local[i] == '"')
            return NULL;
        if (local[i] == '\\')
            i++;
        g_string_append_c(out, local[i]);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

gboolean
ims_relay_unwrap(const ImsPath *path, gboolean lax, ImsPath *inner_out, gboolean *quoted_out)
{
    g_autofree char *content = NULL, *type = NULL, *address = NULL;
    g_auto(ImsPath) inner = {0};
    const char *local = path->local;
    gboolean quoted = local[0] == '"';

    if (quoted) {
        content = unquote(local);
        local = content;
    }
    if (local == NULL || !g_str_has_prefix(local, "IMCEA"))
        return FALSE;
    /* Q264330 prints the quoted form with a blank where the type stood */
    if (quoted && g_str_has_prefix(local, "IMCEA "))
        address = g_strdup(local + strlen("IMCEA "));
    else if (!ims_imcea_decode(local, &type, &address) || strcmp(type, "SMTP") != 0)
        return FALSE;
    if (!ims_path_parse(address, lax, &inner, NULL) || inner.is_null)
        return FALSE;
    *inner_out = inner;
    inner = (ImsPath){0};
    *quoted_out = quoted;
    return TRUE;
}

static gboolean
is_own_literal(const ImsRelayPolicy *policy, const char *domain)
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

static const ImsRoutingEntry *
look_up(const ImsRelayPolicy *policy, const char *domain)
{
    return policy->list != NULL ? ims_routing_list_lookup(policy->list, domain) : NULL;
}

/* The entry names another domain. It becomes the recipient's, and is looked up once more.
 */
static Class
rewrite(Decision *self, const ImsRoutingEntry *entry)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsRoutingEntry *second;
    gboolean own;

    g_free(self->path.domain);
    self->path.domain = g_strdup(entry->target);
    self->path.is_literal = entry->target_is_literal;
    add_step(self, IMS_RULE_REWRITE, IMS_STEP_YES, ims_routing_list_number(policy->list, entry));
    if (!policy->fold_inbound)
        return CLASS_FOREIGN;
    own = entry->target_is_literal && is_own_literal(policy, entry->target);
    second = own ? NULL : look_up(policy, entry->target);
    if (second != NULL && second->action == IMS_ROUTE_BLOCKED) {
        self->verdict->entry = second;
        return CLASS_BLOCKED;
    }
    own = own || (second != NULL && second->action == IMS_ROUTE_INBOUND);
    add_step(self, IMS_RULE_FOLD, own ? IMS_STEP_YES : IMS_STEP_NO,
             own ? ims_routing_list_number(policy->list, second) : 0);
    if (!own)
        return CLASS_FOREIGN;
    self->own_reason = IMS_REASON_FOLDED;
    return CLASS_OWN;
}

static Class
classify_by_list(Decision *self)
{
    const ImsRoutingEntry *entry = look_up(self->policy, self->path.domain);

    self->verdict->entry = entry;
    add_step(self, IMS_RULE_LIST, entry != NULL ? IMS_STEP_YES : IMS_STEP_NO,
             ims_routing_list_number(self->policy->list, entry));
    if (entry == NULL)
        return CLASS_FOREIGN;
    switch (entry->action) {
    case IMS_ROUTE_INBOUND:
        self->own_reason = IMS_REASON_INBOUND;
        return CLASS_OWN;
    case IMS_ROUTE_RELAY:
        return CLASS_ALWAYS_RELAY;
    case IMS_ROUTE_REROUTE:
        return rewrite(self, entry);
    case IMS_ROUTE_BLOCKED:
        break;
    }
    return CLASS_BLOCKED;
}

static Class
classify_once(Decision *self)
{
    const ImsRelayPolicy *policy = self->policy;

    self->verdict->entry = NULL;
    if (self->path.had_route)
        add_step(self, IMS_RULE_SOURCE_ROUTE, IMS_STEP_YES, 0);
    if (self->path.domain == NULL) {
        if (policy->site_domain != NULL)
            self->path.domain = g_ascii_strdown(policy->site_domain, -1);
        add_step(self, IMS_RULE_BARE_LOCAL, IMS_STEP_YES, 0);
        self->own_reason = IMS_REASON_BARE_LOCAL;
        return CLASS_OWN;
    }
    if (self->path.is_literal) {
        gboolean own = is_own_literal(policy, self->path.domain);

        add_step(self, IMS_RULE_OWN_LITERAL, own ? IMS_STEP_YES : IMS_STEP_NO, 0);
        if (own) {
            self->own_reason = IMS_REASON_OWN_LITERAL;
            return CLASS_OWN;
        }
    }
    if (policy->reroute)
        return classify_by_list(self);
    if (policy->site_domain != NULL && !self->path.is_literal &&
        g_ascii_strcasecmp(self->path.domain, policy->site_domain) == 0)
        return CLASS_SITE;
    return CLASS_FOREIGN;
}

/* Classifies the address; one encapsulated in an own address is judged in its place. */
static Class
classify(Decision *self)
{
    for (guint depth = 0;; depth++) {
        Class class = classify_once(self);
        ImsPath inner;
        gboolean quoted;

        if ((class != CLASS_OWN && class != CLASS_SITE) ||
            !ims_relay_unwrap(&self->path, self->policy->accept_malformed, &inner, &quoted))
            return class;
        ims_path_clear(&self->path);
        self->path = inner;
        self->encapsulated = TRUE;
        if (depth == IMS_IMCEA_MAX_DEPTH)
            return CLASS_MALFORMED;
        add_step(self, quoted ? IMS_RULE_IMCEA_QUOTED : IMS_RULE_IMCEA, IMS_STEP_YES, 0);
    }
}

/* ---- the restrictions ---- */

/* A weakness that would harm others is shown to this machine only, unless the configuration accepts
 * the risk. */
static gboolean
is_weakness_served(const Decision *self)
{
    return self->policy->accept_historic_risk || (ims_address_is_loopback(&self->query->client) &&
                                                  ims_address_is_loopback(&self->query->local));
}

/* Everyone may relay: so says the policy, and so it is served or not. */
static void
relay_open(Decision *self, ImsRelayRule rule, ImsRelayReason reason, ImsRelayRule closed_rule)
{
    if (is_weakness_served(self)) {
        settle(self, IMS_VERDICT_REROUTE, reason, rule, 0);
        self->verdict->weakness = ims_relay_rules[rule].source;
    } else {
        add_step(self, rule, IMS_STEP_YES, 0);
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_OPEN_CLOSED, closed_rule, 0);
    }
}

/* Tries one list; TRUE where it decided. */
static gboolean
try_list(Decision *self, const ImsNetList *list, const ImsAddress *address, ImsVerdictKind kind,
         ImsRelayReason reason, ImsRelayRule rule)
{
    guint item = list != NULL ? ims_net_list_match(list, address) : 0;

    if (item == 0) {
        add_step(self, rule, IMS_STEP_NO, 0);
        return FALSE;
    }
    settle(self, kind, reason, rule, item);
    self->verdict->list_entry = item;
    return TRUE;
}

/* The box "hosts and clients that successfully authenticate": SMTP AUTH first, then a logon from
 * the same address. */
static gboolean
try_authenticated(Decision *self)
{
    const ImsRelayQuery *query = self->query;

    if (query->authenticated) {
        settle(self, IMS_VERDICT_REROUTE, IMS_REASON_AUTHENTICATED, IMS_RULE_AUTHENTICATED, 0);
        return TRUE;
    }
    add_step(self, IMS_RULE_AUTHENTICATED, IMS_STEP_NO, 0);
    if (!self->policy->logon_authorizes_relay) {
        if (query->logon_window)
            add_step(self, IMS_RULE_WINDOW_OFF, IMS_STEP_YES, 0);
        return FALSE;
    }
    if (query->logon_window) {
        settle(self, IMS_VERDICT_REROUTE, IMS_REASON_LOGON_WINDOW, IMS_RULE_LOGON_WINDOW, 0);
        return TRUE;
    }
    add_step(self, IMS_RULE_LOGON_WINDOW, IMS_STEP_NO, 0);
    return FALSE;
}

/* The test of Q193922 in its order: sets IMS_VERDICT_REROUTE or IMS_VERDICT_REFUSE.
 */
static void
restrict_relay(Decision *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsRelayQuery *query = self->query;
    guint flags = policy->relay_flags & 15u;

    if (flags == 0) {
        relay_open(self, IMS_RULE_OPEN, IMS_REASON_OPEN, IMS_RULE_OPEN_CLOSED);
        return;
    }
    if ((flags & IMS_RELAY_FLAG_DENY) != 0 &&
        try_list(self, policy->deny, &query->client, IMS_VERDICT_REFUSE, IMS_REASON_DENY_LIST,
                 IMS_RULE_DENY))
        return;
    if ((flags & IMS_RELAY_FLAG_ALLOW) != 0 &&
        try_list(self, policy->allow, &query->client, IMS_VERDICT_REROUTE, IMS_REASON_ALLOW_LIST,
                 IMS_RULE_ALLOW))
        return;
    if ((flags & IMS_RELAY_FLAG_LOCAL) != 0 && policy->ip_forwarding)
        add_step(self, IMS_RULE_FORWARDING, IMS_STEP_YES, 0);
    else if ((flags & IMS_RELAY_FLAG_LOCAL) != 0 &&
             try_list(self, policy->local, &query->local, IMS_VERDICT_REROUTE,
                      IMS_REASON_LOCAL_ADDRESS, IMS_RULE_LOCAL))
        return;
    if ((flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0 && try_authenticated(self))
        return;
    if (flags == IMS_RELAY_FLAG_DENY)
        relay_open(self, IMS_RULE_DENY_ONLY, IMS_REASON_DENY_ONLY, IMS_RULE_DENY_ONLY_CLOSED);
    else
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_NO_RULE, IMS_RULE_NO_RULE, 0);
}

/* ---- "Do not reroute" ---- */

/* Relaying wholly off: flags and lists are not consulted, own recipients are taken. */
static void
no_reroute_closed(Decision *self, gboolean own)
{
    if (own) {
        settle(self, IMS_VERDICT_DELIVER, IMS_REASON_NO_REROUTE_OWN, IMS_RULE_NO_REROUTE_OWN, 0);
        return;
    }
    add_step(self, IMS_RULE_NO_REROUTE_OWN, IMS_STEP_NO, 0);
    settle(self, IMS_VERDICT_REFUSE, IMS_REASON_NO_REROUTE_CLOSED, IMS_RULE_NO_REROUTE_CLOSED, 0);
}

/*
 * Flags left over from rerouting decide for all recipients by client alone. Who
 * passes reaches own recipients, and the rest is sent out, but for an encapsulated address,
 * which is returned, as is an unknown name of the site itself.
 */
static void
no_reroute_stale(Decision *self, Class class)
{
    ImsRelayVerdict *verdict = self->verdict;

    add_step(self, IMS_RULE_NO_REROUTE_STALE, IMS_STEP_YES, 0);
    restrict_relay(self);
    if (verdict->kind == IMS_VERDICT_REFUSE)
        return;
    if (self->query->in_directory)
        verdict->kind = IMS_VERDICT_DELIVER;
    else if (class == CLASS_SITE || self->encapsulated)
        verdict->kind = IMS_VERDICT_DIRECTORY;
    else
        verdict->weakness = "Q243045";
}

static void
judge_no_reroute(Decision *self, Class class)
{
    gboolean own = class == CLASS_SITE || self->query->in_directory;

    add_step(self, IMS_RULE_NO_REROUTE, IMS_STEP_YES, 0);
    if (!self->policy->faithful) {
        no_reroute_closed(self, own);
    } else if ((self->policy->relay_flags & 14u) != 0) {
        no_reroute_stale(self, class);
    } else if (is_weakness_served(self)) {
        settle(self, IMS_VERDICT_DIRECTORY, IMS_REASON_NO_REROUTE_DIRECTORY,
               IMS_RULE_NO_REROUTE_DIRECTORY, 0);
        if (!self->query->in_directory)
            self->verdict->weakness = ims_relay_rules[IMS_RULE_NO_REROUTE_DIRECTORY].source;
    } else {
        add_step(self, IMS_RULE_NO_REROUTE_RISK, IMS_STEP_YES, 0);
        no_reroute_closed(self, own);
    }
}

/* ---- all of it ---- */

/* The rule that shows why an own recipient is own; its step stands already, so the last link only
 * names the right. */
static void
judge(Decision *self, Class class)
{
    const ImsRelayVerdict *verdict = self->verdict;

    switch (class) {
    case CLASS_OWN:
        settle(self, IMS_VERDICT_DELIVER, self->own_reason, IMS_RULE_INBOUND, 0);
        break;
    case CLASS_BLOCKED:
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_BLOCKED, IMS_RULE_BLOCKED,
               ims_routing_list_number(self->policy->list, verdict->entry));
        break;
    case CLASS_ALWAYS_RELAY:
        settle(self, IMS_VERDICT_REROUTE, IMS_REASON_ALWAYS_RELAY, IMS_RULE_ALWAYS_RELAY,
               ims_routing_list_number(self->policy->list, verdict->entry));
        break;
    case CLASS_MALFORMED:
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_IMCEA_DEPTH, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        break;
    case CLASS_SITE:
    case CLASS_FOREIGN:
        if (self->policy->reroute)
            restrict_relay(self);
        else
            judge_no_reroute(self, class);
        break;
    }
}

/* Syntax and count, before anything is asked of the policy's lists. TRUE where the address is to be
 * judged. */
static gboolean
is_acceptable(Decision *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsRelayQuery *query = self->query;

    if (!ims_path_parse(query->recipient, policy->accept_malformed, &self->path, NULL) ||
        self->path.is_null) {
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_SYNTAX, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        return FALSE;
    }
    add_step(self, IMS_RULE_SYNTAX, IMS_STEP_NO, 0);
    if (policy->faithful && !policy->accept_malformed && ims_path_has_equal_sign(&self->path)) {
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_EQUAL_SIGN, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        return FALSE;
    }
    if (query->recipient_count >= IMS_RELAY_MAX_RECIPIENTS) {
        settle(self, IMS_VERDICT_REFUSE, IMS_REASON_TOO_MANY, IMS_RULE_COUNT, 0);
        self->verdict->reply = IMS_REPLY_TOO_MANY_RCPTS;
        return FALSE;
    }
    add_step(self, IMS_RULE_COUNT, IMS_STEP_NO, 0);
    return TRUE;
}

void
ims_relay_decide(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                 ImsRelayVerdict *verdict_out)
{
    Decision self = {.policy = policy, .query = query, .verdict = verdict_out};

    /* the steps beyond n_steps stay as they are: clearing them is most of the cost of a verdict */
    memset(verdict_out, 0, G_STRUCT_OFFSET(ImsRelayVerdict, steps));
    if (is_acceptable(&self))
        judge(&self, classify(&self));
    if (verdict_out->reason != IMS_REASON_MALFORMED) {
        verdict_out->local = g_steal_pointer(&self.path.local);
        verdict_out->domain = g_steal_pointer(&self.path.domain);
        verdict_out->is_literal = self.path.is_literal;
    }
    ims_path_clear(&self.path);
}

void
ims_relay_verdict_clear(ImsRelayVerdict *verdict)
{
    g_clear_pointer(&verdict->local, g_free);
    g_clear_pointer(&verdict->domain, g_free);
    verdict->n_steps = 0;
}

gboolean
ims_relay_wants_directory(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                          const ImsRelayVerdict *verdict)
{
    return !policy->reroute && !query->in_directory && verdict->local != NULL &&
           (verdict->reason == IMS_REASON_NO_REROUTE_CLOSED ||
            verdict->kind == IMS_VERDICT_REROUTE || verdict->kind == IMS_VERDICT_DIRECTORY);
}

char *
ims_relay_verdict_address(const ImsRelayVerdict *verdict)
{
    if (verdict->local == NULL)
        return NULL;
    return ims_path_join(verdict->local, verdict->domain, verdict->is_literal);
}
