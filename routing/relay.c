/*
 * The verdict. First the address is brought to the form that is judged (route cut, inner address
 * taken out, domain rewritten) and its domain is classified; then the restrictions
 * (relay-restrict.c) decide about what is not own. Each rule tried leaves a step; words are made of
 * the steps only in explain.c.
 */
#include "routing/relay.h"

#include <string.h>

#include "routing/path-private.h"
#include "routing/relay-private.h"
#include "routing/routing-list-private.h"

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

gboolean
ims_relay_is_lax(const ImsRelayPolicy *policy)
{
    return policy->accept_malformed &&
           ims_build_has(policy->build, IMS_DIFFERENCE_ACCEPT_MALFORMED);
}

/* Whether the build knows each kind of entry. */
static gboolean
knows_all_entries(const ImsRelayPolicy *policy)
{
    return ims_build_has(policy->build, IMS_DIFFERENCE_EXACT_ENTRIES) &&
           ims_build_has(policy->build, IMS_DIFFERENCE_ALWAYS_RELAY);
}

static const ImsRoutingEntry *
look_up(const ImsRelayPolicy *policy, const char *domain)
{
    if (policy->list == NULL)
        return NULL;
    return ims_routing_list_lookup_known(policy->list, domain,
                                         ims_build_has(policy->build, IMS_DIFFERENCE_EXACT_ENTRIES),
                                         ims_build_has(policy->build, IMS_DIFFERENCE_ALWAYS_RELAY));
}

/* Says so where the build passes over an entry that a later one would take. */
static void
note_unknown_entry(ImsRelayDecision *self, const ImsRoutingEntry *taken)
{
    const ImsRoutingList *list = self->policy->list;
    const ImsRoutingEntry *best;

    if (list == NULL || knows_all_entries(self->policy))
        return;
    best = ims_routing_list_lookup(list, self->path.domain);
    if (best != taken)
        ims_relay_step(self, IMS_RULE_ENTRY_UNKNOWN, IMS_STEP_YES,
                       ims_routing_list_number(list, best));
}

/* The entry names another domain. It becomes the recipient's, and is looked up once more.
 */
static ImsRelayClass
rewrite(ImsRelayDecision *self, const ImsRoutingEntry *entry)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsRoutingEntry *second;
    gboolean own;

    g_free(self->path.domain);
    self->path.domain = g_strdup(entry->target);
    self->path.is_literal = entry->target_is_literal;
    ims_relay_step(self, IMS_RULE_REWRITE, IMS_STEP_YES,
                   ims_routing_list_number(policy->list, entry));
    if (!policy->fold_inbound)
        return IMS_CLASS_FOREIGN;
    own = entry->target_is_literal && ims_build_has(policy->build, IMS_DIFFERENCE_OWN_LITERAL) &&
          is_own_literal(policy, entry->target);
    second = own ? NULL : look_up(policy, entry->target);
    if (second != NULL && second->action == IMS_ROUTE_BLOCKED) {
        self->verdict->entry = second;
        return IMS_CLASS_BLOCKED;
    }
    own = own || (second != NULL && second->action == IMS_ROUTE_INBOUND);
    ims_relay_step(self, IMS_RULE_FOLD, own ? IMS_STEP_YES : IMS_STEP_NO,
                   own ? ims_routing_list_number(policy->list, second) : 0);
    if (!own)
        return IMS_CLASS_FOREIGN;
    self->own_reason = IMS_REASON_FOLDED;
    return IMS_CLASS_OWN;
}

static ImsRelayClass
classify_by_list(ImsRelayDecision *self)
{
    const ImsRoutingEntry *entry = look_up(self->policy, self->path.domain);

    self->verdict->entry = entry;
    note_unknown_entry(self, entry);
    ims_relay_step(self, IMS_RULE_LIST, entry != NULL ? IMS_STEP_YES : IMS_STEP_NO,
                   ims_routing_list_number(self->policy->list, entry));
    if (entry == NULL)
        return IMS_CLASS_FOREIGN;
    switch (entry->action) {
    case IMS_ROUTE_INBOUND:
        self->own_reason = IMS_REASON_INBOUND;
        return IMS_CLASS_OWN;
    case IMS_ROUTE_RELAY:
        return IMS_CLASS_ALWAYS_RELAY;
    case IMS_ROUTE_REROUTE:
        return rewrite(self, entry);
    case IMS_ROUTE_BLOCKED:
        break;
    }
    return IMS_CLASS_BLOCKED;
}

static ImsRelayClass
classify_once(ImsRelayDecision *self)
{
    const ImsRelayPolicy *policy = self->policy;

    self->verdict->entry = NULL;
    if (self->path.had_route)
        ims_relay_step(self, IMS_RULE_SOURCE_ROUTE, IMS_STEP_YES, 0);
    if (self->path.domain == NULL) {
        if (policy->site_domain != NULL)
            self->path.domain = g_ascii_strdown(policy->site_domain, -1);
        ims_relay_step(self, IMS_RULE_BARE_LOCAL, IMS_STEP_YES, 0);
        self->own_reason = IMS_REASON_BARE_LOCAL;
        return IMS_CLASS_OWN;
    }
    if (self->path.is_literal && !ims_build_has(policy->build, IMS_DIFFERENCE_OWN_LITERAL)) {
        ims_relay_step(self, IMS_RULE_LITERAL_UNKNOWN, IMS_STEP_YES, 0);
    } else if (self->path.is_literal) {
        gboolean own = is_own_literal(policy, self->path.domain);

        ims_relay_step(self, IMS_RULE_OWN_LITERAL, own ? IMS_STEP_YES : IMS_STEP_NO, 0);
        if (own) {
            self->own_reason = IMS_REASON_OWN_LITERAL;
            return IMS_CLASS_OWN;
        }
    }
    if (policy->reroute)
        return classify_by_list(self);
    if (policy->site_domain != NULL && !self->path.is_literal &&
        g_ascii_strcasecmp(self->path.domain, policy->site_domain) == 0)
        return IMS_CLASS_SITE;
    return IMS_CLASS_FOREIGN;
}

/* Takes the encapsulated address out of an own one. FALSE: there is none that this build reads. */
static gboolean
unwrap(ImsRelayDecision *self, gboolean *quoted_out)
{
    ImsPath inner;

    if (!ims_relay_unwrap(&self->path, ims_relay_is_lax(self->policy), &inner, quoted_out))
        return FALSE;
    if (*quoted_out && !ims_relay_reads_quoted(self)) {
        ims_relay_step(self, IMS_RULE_IMCEA_QUOTED_UNKNOWN, IMS_STEP_YES, 0);
        ims_path_clear(&inner);
        return FALSE;
    }
    ims_path_clear(&self->path);
    self->path = inner;
    self->encapsulated = TRUE;
    self->quoted = self->quoted || *quoted_out;
    return TRUE;
}

/* Classifies the address; one encapsulated in an own address is judged in its place. */
static ImsRelayClass
classify(ImsRelayDecision *self)
{
    for (guint depth = 0;; depth++) {
        ImsRelayClass class = classify_once(self);
        gboolean quoted;

        if ((class != IMS_CLASS_OWN && class != IMS_CLASS_SITE) || !unwrap(self, &quoted))
            return class;
        if (depth == IMS_IMCEA_MAX_DEPTH)
            return IMS_CLASS_MALFORMED;
        ims_relay_step(self, quoted ? IMS_RULE_IMCEA_QUOTED : IMS_RULE_IMCEA, IMS_STEP_YES, 0);
    }
}

/* ---- all of it ---- */

/* The rule that shows why an own recipient is own; its step stands already, so the last link only
 * names the right. */
static void
judge(ImsRelayDecision *self, ImsRelayClass class)
{
    const ImsRelayVerdict *verdict = self->verdict;

    switch (class) {
    case IMS_CLASS_OWN:
        ims_relay_settle(self, IMS_VERDICT_DELIVER, self->own_reason, IMS_RULE_INBOUND, 0);
        break;
    case IMS_CLASS_BLOCKED:
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_BLOCKED, IMS_RULE_BLOCKED,
                         ims_routing_list_number(self->policy->list, verdict->entry));
        break;
    case IMS_CLASS_ALWAYS_RELAY:
        ims_relay_settle(self, IMS_VERDICT_REROUTE, IMS_REASON_ALWAYS_RELAY, IMS_RULE_ALWAYS_RELAY,
                         ims_routing_list_number(self->policy->list, verdict->entry));
        break;
    case IMS_CLASS_MALFORMED:
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_IMCEA_DEPTH, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        break;
    case IMS_CLASS_SITE:
    case IMS_CLASS_FOREIGN:
        if (self->policy->reroute)
            ims_relay_restrict(self);
        else
            ims_relay_judge_no_reroute(self, class);
        if (class == IMS_CLASS_FOREIGN)
            ims_relay_admit_weakness(self);
        break;
    }
}

/* Syntax and count, before anything is asked of the policy's lists. TRUE where the address is to be
 * judged. */
static gboolean
is_acceptable(ImsRelayDecision *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsRelayQuery *query = self->query;

    gboolean lax = ims_relay_is_lax(policy);

    if (!ims_path_parse(query->recipient, lax, &self->path, NULL) || self->path.is_null) {
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_SYNTAX, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        return FALSE;
    }
    ims_relay_step(self, IMS_RULE_SYNTAX, IMS_STEP_NO, 0);
    if (policy->faithful && !lax && ims_path_has_equal_sign(&self->path)) {
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, IMS_RULE_EQUAL_SIGN, 0);
        self->verdict->reply = IMS_REPLY_MALFORMED;
        return FALSE;
    }
    if (query->recipient_count >= IMS_RELAY_MAX_RECIPIENTS) {
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_TOO_MANY, IMS_RULE_COUNT, 0);
        self->verdict->reply = IMS_REPLY_TOO_MANY_RCPTS;
        return FALSE;
    }
    ims_relay_step(self, IMS_RULE_COUNT, IMS_STEP_NO, 0);
    return TRUE;
}

void
ims_relay_decide(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                 ImsRelayVerdict *verdict_out)
{
    ImsRelayDecision self = {.policy = policy, .query = query, .verdict = verdict_out};

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
