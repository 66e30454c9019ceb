/*
 * Who may relay what is not own: the test of Routing Restrictions, and what "Do not reroute" does
 * in its place.
 */
#include "routing/relay-private.h"

void
ims_relay_step(ImsRelayDecision *self, ImsRelayRule rule, guint8 outcome, guint entry)
{
    ImsRelayVerdict *verdict = self->verdict;

    g_assert(verdict->n_steps < IMS_RELAY_MAX_STEPS);
    verdict->steps[verdict->n_steps++] = (ImsRelayStep){(guint8)rule, outcome, entry};
}

void
ims_relay_settle(ImsRelayDecision *self, ImsVerdictKind kind, ImsRelayReason reason,
                 ImsRelayRule rule, guint entry)
{
    ims_relay_step(self, rule, IMS_STEP_DECIDES, entry);
    self->verdict->kind = kind;
    self->verdict->reason = reason;
    self->verdict->reply = kind == IMS_VERDICT_REFUSE ? IMS_REPLY_RELAY_REFUSED : IMS_REPLY_RCPT_OK;
}

/* ---- the restrictions ---- */

/* A weakness that would harm others is shown to this machine only, unless the configuration accepts
 * the risk. */
static gboolean
is_weakness_served(const ImsRelayDecision *self)
{
    return self->policy->accept_historic_risk || (ims_address_is_loopback(&self->query->client) &&
                                                  ims_address_is_loopback(&self->query->local));
}

gboolean
ims_relay_shows(const ImsRelayDecision *self, ImsDifference difference)
{
    if (!ims_build_has(self->policy->build, difference))
        return FALSE;
    switch (ims_difference_row(difference)->kind) {
    case IMS_DIFFERENCE_KIND_FEATURE:
    case IMS_DIFFERENCE_KIND_REPAIR:
        return TRUE;
    case IMS_DIFFERENCE_KIND_FAITHFUL:
        return self->policy->faithful;
    case IMS_DIFFERENCE_KIND_WEAKNESS:
        break;
    }
    return self->policy->faithful && is_weakness_served(self);
}

gboolean
ims_relay_shows_to(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                   ImsDifference difference)
{
    const ImsRelayDecision self = {.policy = policy, .query = query};

    return ims_relay_shows(&self, difference);
}

/* Everyone may relay: so says the policy, and so it is served or not. */
static void
relay_open(ImsRelayDecision *self, ImsRelayRule rule, ImsRelayReason reason,
           ImsRelayRule closed_rule)
{
    if (is_weakness_served(self)) {
        ims_relay_settle(self, IMS_VERDICT_REROUTE, reason, rule, 0);
        self->verdict->weakness = ims_relay_rules[rule].source;
    } else {
        ims_relay_step(self, rule, IMS_STEP_YES, 0);
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_OPEN_CLOSED, closed_rule, 0);
    }
}

/* Tries one list; TRUE where it decided. */
static gboolean
try_list(ImsRelayDecision *self, const ImsNetList *list, const ImsAddress *address,
         ImsVerdictKind kind, ImsRelayReason reason, ImsRelayRule rule)
{
    guint item = list != NULL ? ims_net_list_match(list, address) : 0;

    if (item == 0) {
        ims_relay_step(self, rule, IMS_STEP_NO, 0);
        return FALSE;
    }
    ims_relay_settle(self, kind, reason, rule, item);
    self->verdict->list_entry = item;
    return TRUE;
}

/* A logon that is none, and is taken for one by the builds of @difference. */
static gboolean
try_false_logon(ImsRelayDecision *self, ImsDifference difference, ImsRelayReason reason,
                ImsRelayRule rule)
{
    if (!ims_relay_shows(self, difference)) {
        ims_relay_step(self, rule, IMS_STEP_NO, 0);
        return FALSE;
    }
    ims_relay_settle(self, IMS_VERDICT_REROUTE, reason, rule, 0);
    self->verdict->weakness = ims_relay_rules[rule].source;
    return TRUE;
}

static gboolean
try_window(ImsRelayDecision *self)
{
    const ImsRelayQuery *query = self->query;

    if (!self->policy->logon_authorizes_relay) {
        if (query->logon_window)
            ims_relay_step(self, IMS_RULE_WINDOW_OFF, IMS_STEP_YES, 0);
        return FALSE;
    }
    if (query->logon_window) {
        ims_relay_settle(self, IMS_VERDICT_REROUTE, IMS_REASON_LOGON_WINDOW, IMS_RULE_LOGON_WINDOW,
                         0);
        return TRUE;
    }
    ims_relay_step(self, IMS_RULE_LOGON_WINDOW, IMS_STEP_NO, 0);
    return FALSE;
}

/* The box "hosts and clients that successfully authenticate": SMTP AUTH first, then a logon from
 * the same address, then what only a weakness takes for a logon. */
static gboolean
try_authenticated(ImsRelayDecision *self)
{
    const ImsRelayQuery *query = self->query;

    if (query->authenticated) {
        ims_relay_settle(self, IMS_VERDICT_REROUTE, IMS_REASON_AUTHENTICATED,
                         IMS_RULE_AUTHENTICATED, 0);
        return TRUE;
    }
    ims_relay_step(self, IMS_RULE_AUTHENTICATED, IMS_STEP_NO, 0);
    return try_window(self) ||
           (query->guest_logon &&
            try_false_logon(self, IMS_DIFFERENCE_GUEST, IMS_REASON_GUEST, IMS_RULE_GUEST)) ||
           (query->null_session && try_false_logon(self, IMS_DIFFERENCE_NULL_SESSION,
                                                   IMS_REASON_NULL_SESSION, IMS_RULE_NULL_SESSION));
}

void
ims_relay_restrict(ImsRelayDecision *self)
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
        ims_relay_step(self, IMS_RULE_FORWARDING, IMS_STEP_YES, 0);
    else if ((flags & IMS_RELAY_FLAG_LOCAL) != 0 &&
             try_list(self, policy->local, &query->local, IMS_VERDICT_REROUTE,
                      IMS_REASON_LOCAL_ADDRESS, IMS_RULE_LOCAL))
        return;
    if ((flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0 && try_authenticated(self))
        return;
    if (flags == IMS_RELAY_FLAG_DENY)
        relay_open(self, IMS_RULE_DENY_ONLY, IMS_REASON_DENY_ONLY, IMS_RULE_DENY_ONLY_CLOSED);
    else
        ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_NO_RULE, IMS_RULE_NO_RULE, 0);
}

/* ---- "Do not reroute" ---- */

/* Relaying wholly off: flags and lists are not consulted, own recipients are taken. */
static void
no_reroute_closed(ImsRelayDecision *self, gboolean own)
{
    if (own) {
        ims_relay_settle(self, IMS_VERDICT_DELIVER, IMS_REASON_NO_REROUTE_OWN,
                         IMS_RULE_NO_REROUTE_OWN, 0);
        return;
    }
    ims_relay_step(self, IMS_RULE_NO_REROUTE_OWN, IMS_STEP_NO, 0);
    ims_relay_settle(self, IMS_VERDICT_REFUSE, IMS_REASON_NO_REROUTE_CLOSED,
                     IMS_RULE_NO_REROUTE_CLOSED, 0);
}

/*
 * Flags left over from rerouting decide for all recipients by client alone. Who
 * passes reaches own recipients, and the rest is sent out, but for an encapsulated address,
 * which is returned, as is an unknown name of the site itself.
 */
static void
no_reroute_stale(ImsRelayDecision *self, ImsRelayClass class)
{
    ImsRelayVerdict *verdict = self->verdict;

    ims_relay_step(self, IMS_RULE_NO_REROUTE_STALE, IMS_STEP_YES, 0);
    ims_relay_restrict(self);
    if (verdict->kind == IMS_VERDICT_REFUSE)
        return;
    if (self->query->in_directory)
        verdict->kind = IMS_VERDICT_DELIVER;
    else if (class == IMS_CLASS_SITE || self->encapsulated)
        verdict->kind = IMS_VERDICT_DIRECTORY;
    else
        verdict->weakness = "Q243045";
}

void
ims_relay_judge_no_reroute(ImsRelayDecision *self, ImsRelayClass class)
{
    gboolean own = class == IMS_CLASS_SITE || self->query->in_directory;

    ims_relay_step(self, IMS_RULE_NO_REROUTE, IMS_STEP_YES, 0);
    if (!self->policy->faithful) {
        no_reroute_closed(self, own);
    } else if ((self->policy->relay_flags & 14u) != 0 &&
               ims_relay_shows(self, IMS_DIFFERENCE_STALE_FLAGS)) {
        no_reroute_stale(self, class);
    } else if (is_weakness_served(self)) {
        ims_relay_settle(self, IMS_VERDICT_DIRECTORY, IMS_REASON_NO_REROUTE_DIRECTORY,
                         IMS_RULE_NO_REROUTE_DIRECTORY, 0);
        if (!self->query->in_directory)
            self->verdict->weakness = ims_relay_rules[IMS_RULE_NO_REROUTE_DIRECTORY].source;
    } else {
        ims_relay_step(self, IMS_RULE_NO_REROUTE_RISK, IMS_STEP_YES, 0);
        no_reroute_closed(self, own);
    }
}

/* ---- weaknesses ---- */

/* R-098 (Q264330): rerouting, the box "authenticate", and a smart host to which all is handed. */
static gboolean
meets_quoted_hole(const ImsRelayPolicy *policy)
{
    return policy->reroute && policy->smart_host &&
           (policy->relay_flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0;
}

gboolean
ims_relay_reads_quoted(const ImsRelayDecision *self)
{
    return !self->policy->faithful ||
           !ims_build_has(self->policy->build, IMS_DIFFERENCE_IMCEA_QUOTED_HOLE) ||
           meets_quoted_hole(self->policy);
}

/* What refused stands no more, and @rule decides; where the weakness is not shown, it is named
 * before the last link. */
static void
admit(ImsRelayDecision *self, ImsDifference difference, ImsRelayReason reason, ImsRelayRule rule)
{
    ImsRelayVerdict *verdict = self->verdict;
    ImsRelayStep *last = &verdict->steps[verdict->n_steps - 1];

    if (!ims_build_has(self->policy->build, difference))
        return;
    if (ims_relay_shows(self, difference)) {
        last->outcome = IMS_STEP_YES;
        verdict->list_entry = 0;
        ims_relay_settle(self, IMS_VERDICT_REROUTE, reason, rule, 0);
        verdict->weakness = ims_relay_rules[rule].source;
    } else {
        ImsRelayStep decided = *last;

        *last = (ImsRelayStep){(guint8)rule, IMS_STEP_NO, 0};
        ims_relay_step(self, (ImsRelayRule)decided.rule, decided.outcome, decided.entry);
    }
}

void
ims_relay_admit_weakness(ImsRelayDecision *self)
{
    const ImsRelayVerdict *verdict = self->verdict;

    if (self->query->in_directory ||
        !(verdict->kind == IMS_VERDICT_REFUSE || verdict->kind == IMS_VERDICT_DIRECTORY))
        return;
    if (self->quoted)
        admit(self, IMS_DIFFERENCE_IMCEA_QUOTED_HOLE, IMS_REASON_ENCAPSULATED,
              IMS_RULE_IMCEA_QUOTED_HOLE);
    else if (self->encapsulated)
        admit(self, IMS_DIFFERENCE_IMCEA_HOLE, IMS_REASON_ENCAPSULATED, IMS_RULE_IMCEA_HOLE);
    if (self->policy->reroute && verdict->kind == IMS_VERDICT_REFUSE)
        admit(self, IMS_DIFFERENCE_NO_RESTRICTIONS, IMS_REASON_NO_RESTRICTIONS,
              IMS_RULE_NO_RESTRICTIONS);
}
