/* The audit of a policy of the IMS. */
#include <string.h>

#include "routing/audit-private.h"
#include "routing/routing-list-private.h"

#define RESTRICTIONS "Routing Restrictions"
#define ROUTING_LIST "Routing List"

typedef struct {
    const char *key, *word;
    guint flag;
    const ImsNetList *list; /* (nullable) */
} List;

enum { DENY, ALLOW, LOCAL, N_LISTS };

typedef struct {
    ImsAudit audit;
    const ImsRelayPolicy *policy;
    List lists[N_LISTS];
} Look;

static guint
size_of(const ImsNetList *list)
{
    return list != NULL ? ims_net_list_size(list) : 0;
}

static gboolean
is_ticked(const Look *self, guint which)
{
    return (self->policy->relay_flags & self->lists[which].flag) != 0;
}

/* ---- lists of nets ---- */

static void
add_entry(Look *self, ImsAuditKind kind, const List *list, guint index, const char *more)
{
    ImsAuditFinding *finding =
        ims_audit_add(&self->audit, kind, RESTRICTIONS, list->key, "entry %u, %s%s", index + 1,
                      ims_net_list_text(list->list, index), more);

    finding->entry = index + 1;
}

/* How many addresses a mask lets through, in words. */
static char *
count_text(const ImsAddress *mask)
{
    guint zeros = 0;

    for (guint i = 0; i < (mask->family == 4 ? 32u : 128u); i++)
        zeros += (mask->bytes[i / 8] >> (7 - i % 8) & 1) == 0;
    return zeros < 63
               ? g_strdup_printf(", matches %" G_GUINT64_FORMAT " addresses", (guint64)1 << zeros)
               : g_strdup_printf(", matches 2^%u addresses", zeros);
}

static void
look_at_entry(Look *self, guint which, guint index)
{
    const List *list = &self->lists[which], *deny = &self->lists[DENY];
    ImsAddress net, mask;
    guint cover;

    if (ims_net_list_never_matches(list->list, index)) {
        add_entry(self, IMS_AUDIT_NEVER_MATCHES, list, index, "");
        return;
    }
    ims_net_list_get(list->list, index, &net, &mask);
    if (ims_audit_has_holes(&mask)) {
        g_autofree char *count = count_text(&mask);

        add_entry(self, IMS_AUDIT_HOLES, list, index, count);
    }
    cover = ims_net_list_find_cover(list->list, &net, &mask, index + 1);
    if (cover != 0) {
        g_autofree char *more = g_strdup_printf(", lies within entry %u, %s", cover,
                                                ims_net_list_text(list->list, cover - 1));

        add_entry(self, IMS_AUDIT_SHADOWED, list, index, more);
    }
    cover = which == ALLOW && is_ticked(self, DENY) && deny->list != NULL
                ? ims_net_list_find_cover(deny->list, &net, &mask, 0)
                : 0;
    if (cover != 0) {
        g_autofree char *more = g_strdup_printf(", lies within entry %u of RelayDenyList, %s",
                                                cover, ims_net_list_text(deny->list, cover - 1));

        add_entry(self, IMS_AUDIT_DENIED, list, index, more);
    }
}

static void
look_at_list(Look *self, guint which)
{
    const List *list = &self->lists[which];
    guint size = size_of(list->list);

    for (guint i = 0; i < size; i++)
        look_at_entry(self, which, i);
    if (size > 0 && !is_ticked(self, which))
        ims_audit_add(&self->audit, IMS_AUDIT_UNUSED_LIST, RESTRICTIONS, list->key,
                      "%s has entries, but RelayFlags has no %s", list->key, list->word);
}

static gboolean
net_list_matches(gconstpointer list, const ImsAddress *address)
{
    return ims_net_list_match(list, address) != 0;
}

/* ---- who may relay ---- */

static gboolean
is_one_host(const ImsNetList *list, guint entry)
{
    ImsAddress net, mask;

    ims_net_list_get(list, entry - 1, &net, &mask);
    for (guint i = 0; i < (mask.family == 4 ? 4u : 16u); i++) {
        if (mask.bytes[i] != 0xff)
            return FALSE;
    }
    return TRUE;
}

/* Loopback in the list of those that may route, or an own address by itself: that the net of the
 * server is in it is usual. */
static void
look_at_same_machine(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsNetList *allow = self->lists[ALLOW].list;
    guint entry = 0;
    ImsAddress address;
    char buffer[IMS_ADDRESS_STRLEN];

    for (guint i = 0; i < 2 && entry == 0; i++) {
        ims_audit_loopback(i == 0 ? 4 : 6, &address);
        entry = ims_net_list_match(allow, &address);
    }
    for (guint i = 0; i < policy->n_own_addresses && entry == 0; i++) {
        address = policy->own_addresses[i];
        entry = ims_net_list_match(allow, &address);
        if (entry != 0 && !is_one_host(allow, entry))
            entry = 0;
    }
    if (entry != 0)
        ims_audit_add(&self->audit, IMS_AUDIT_SAME_MACHINE, RESTRICTIONS, "RelayAllowList",
                      "entry %u, %s, admits this machine itself, %s", entry,
                      ims_net_list_text(allow, entry - 1), ims_address_format(&address, buffer))
            ->entry = entry;
}

/* The rule is meant for the inner address of a server that has an outer one as well. One
 * that has inner addresses only is reached from outside by translation. */
static void
look_at_translation(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const ImsAddress *inner = NULL;
    guint entry = 0;
    char buffer[IMS_ADDRESS_STRLEN];

    for (guint i = 0; i < policy->n_own_addresses; i++) {
        const ImsAddress *own = &policy->own_addresses[i];

        if (!ims_address_is_private(own))
            return;
        if (entry != 0 || ims_address_is_loopback(own))
            continue;
        entry = ims_net_list_match(self->lists[LOCAL].list, own);
        inner = own;
    }
    if (entry != 0)
        ims_audit_add(&self->audit, IMS_AUDIT_TRANSLATION, RESTRICTIONS, "RelayLocalIPList",
                      "entry %u, %s, is the inner address %s of a server that has no other", entry,
                      ims_net_list_text(self->lists[LOCAL].list, entry - 1),
                      ims_address_format(inner, buffer))
            ->entry = entry;
}

static void
look_at_flags(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;
    guint flags = policy->relay_flags & 15u;
    gboolean someone =
        (flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0 ||
        (is_ticked(self, ALLOW) && size_of(self->lists[ALLOW].list) > 0) ||
        (is_ticked(self, LOCAL) && size_of(self->lists[LOCAL].list) > 0 && !policy->ip_forwarding);

    if (flags == 0)
        ims_audit_add(&self->audit, IMS_AUDIT_OPEN, RESTRICTIONS, "RelayFlags",
                      "nothing is ticked, so everyone may relay");
    else if (flags == IMS_RELAY_FLAG_DENY)
        ims_audit_add(
            &self->audit, IMS_AUDIT_DENY_ONLY, RESTRICTIONS, "RelayFlags",
            size_of(self->lists[DENY].list) > 0
                ? "only the never list is ticked, so all others may relay"
                : "only the never list is ticked, and it is empty, so everyone may relay");
    else if (!someone)
        ims_audit_add(&self->audit, IMS_AUDIT_CLOSED, RESTRICTIONS, "RelayFlags",
                      "what is ticked admits nobody");
    for (guint i = 0; i < N_LISTS; i++) {
        if (is_ticked(self, i) && size_of(self->lists[i].list) == 0 && flags > 1 &&
            (someone || i == DENY))
            ims_audit_add(&self->audit, IMS_AUDIT_EMPTY_LIST, RESTRICTIONS, self->lists[i].key,
                          "RelayFlags has %s, but %s is empty", self->lists[i].word,
                          self->lists[i].key);
    }
}

static void
look_at_restrictions(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;

    look_at_flags(self);
    for (guint i = 0; i < N_LISTS; i++)
        look_at_list(self, i);
    if (is_ticked(self, ALLOW) && self->lists[ALLOW].list != NULL) {
        if (ims_audit_admits_all(self->lists[ALLOW].list, net_list_matches))
            ims_audit_add(&self->audit, IMS_AUDIT_ADMITS_ALL, RESTRICTIONS, "RelayAllowList",
                          "the list admits strangers from everywhere");
        look_at_same_machine(self);
    }
    if (!is_ticked(self, LOCAL) || self->lists[LOCAL].list == NULL)
        return;
    if (policy->ip_forwarding)
        ims_audit_add(&self->audit, IMS_AUDIT_FORWARDING, RESTRICTIONS, "IPForwarding",
                      "IP forwarding is on");
    else
        look_at_translation(self);
}

/* ---- the routing list ---- */

static gboolean
is_inbound(const Look *self, const char *domain)
{
    const ImsRoutingEntry *entry =
        self->policy->list != NULL ? ims_routing_list_lookup(self->policy->list, domain) : NULL;

    return entry != NULL && entry->action == IMS_ROUTE_INBOUND;
}

static ImsAuditFinding *
add_route(Look *self, ImsAuditKind kind, const ImsRoutingEntry *entry, const char *text)
{
    ImsAuditFinding *finding = ims_audit_add(&self->audit, kind, ROUTING_LIST, entry->domain,
                                             "%s: %s", entry->domain, text);

    finding->line = entry->line;
    finding->entry = ims_routing_list_number(self->policy->list, entry);
    return finding;
}

/* Follows the targets of reroute entries; TRUE where they lead back to @first. */
static gboolean
leads_back(const Look *self, const ImsRoutingEntry *first)
{
    const ImsRoutingEntry *entry = first;

    for (guint i = 0; i < 32; i++) {
        entry = ims_routing_list_lookup(self->policy->list, entry->target);
        if (entry == NULL || entry->action != IMS_ROUTE_REROUTE)
            return FALSE;
        if (entry == first)
            return TRUE;
    }
    return FALSE;
}

static void
look_at_reroute(Look *self, const ImsRoutingEntry *entry)
{
    const ImsRelayPolicy *policy = self->policy;
    gboolean self_target = ims_audit_is_self(&self->audit, entry->target, policy->own_addresses,
                                             policy->n_own_addresses);

    /* a target that is inbound, or an own literal, is delivered here */
    if (policy->fold_inbound &&
        (is_inbound(self, entry->target) || (self_target && entry->target_is_literal)))
        return;
    if (self_target)
        add_route(self, IMS_AUDIT_REROUTED_TO_SELF, entry, "it is rerouted to this server itself");
    else if (ims_routing_list_lookup(policy->list, entry->target) == entry)
        add_route(self, IMS_AUDIT_REROUTED_TO_SELF, entry,
                  "it is rerouted to a domain that this same entry covers");
    else if (leads_back(self, entry))
        add_route(self, IMS_AUDIT_REROUTED_IN_CIRCLE, entry,
                  "its target is rerouted in turn, and so back to it");
    else if ((policy->relay_flags & 15u) > 1)
        add_route(self, IMS_AUDIT_REROUTED_STRANGERS, entry,
                  "it is rerouted to a domain that is not inbound, and restrictions are set");
}

/* The entry that would hold if @entry were not there. */
static const ImsRoutingEntry *
wider_entry(const Look *self, const ImsRoutingEntry *entry, const char *key)
{
    const char *rest = entry->domain[0] == '#' ? key : strchr(key, '.');

    if (rest == NULL)
        return NULL;
    return ims_routing_list_lookup_known(self->policy->list, rest + (*rest == '.'), FALSE, TRUE);
}

/* The build does not know what the finding is about. */
static void
set_difference(ImsAuditFinding *finding, ImsDifference difference)
{
    finding->fact = ims_difference_row(difference)->fact;
    finding->source = ims_difference_row(difference)->source;
}

static void
look_at_kind(Look *self, const ImsRoutingEntry *entry)
{
    const ImsBuild build = self->policy->build;
    const struct {
        gboolean is;
        ImsDifference difference;
    } kinds[] = {
        {entry->domain[0] == '#',          IMS_DIFFERENCE_EXACT_ENTRIES},
        {entry->action == IMS_ROUTE_RELAY, IMS_DIFFERENCE_ALWAYS_RELAY },
    };

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        char buffer[IMS_BUILD_STRLEN];
        g_autofree char *text = NULL;

        if (!kinds[i].is || ims_build_has(build, kinds[i].difference))
            continue;
        text = g_strdup_printf("%s (%s) knows no entry of this kind", ims_build_name(build),
                               ims_build_format(build, buffer));
        set_difference(add_route(self, IMS_AUDIT_UNKNOWN_TO_BUILD, entry, text),
                       kinds[i].difference);
        return;
    }
}

static void
look_at_route(Look *self, const ImsRoutingEntry *entry)
{
    g_autofree char *key = ims_routing_list_key(entry->domain);
    const ImsRoutingEntry *wider = wider_entry(self, entry, key);

    if (wider != NULL && wider != entry && wider->action == entry->action &&
        g_strcmp0(wider->target, entry->target) == 0) {
        g_autofree char *text = g_strdup_printf("the wider entry %s says the same", wider->domain);

        add_route(self, IMS_AUDIT_REDUNDANT, entry, text);
    }
    if (entry->domain[0] != '#' && strpbrk(key, ".:") == NULL && entry->action != IMS_ROUTE_BLOCKED)
        add_route(self, IMS_AUDIT_TOP_LEVEL, entry, "it is a top-level name");
    look_at_kind(self, entry);
    if (entry->action == IMS_ROUTE_REROUTE)
        look_at_reroute(self, entry);
}

static void
look_at_routing_list(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;
    const char *const *domains = self->audit.context->recipient_domains;
    guint size = policy->list != NULL ? ims_routing_list_size(policy->list) : 0;
    gboolean has_inbound = FALSE;

    for (guint i = 0; i < size; i++) {
        const ImsRoutingEntry *entry = ims_routing_list_get(policy->list, i);

        has_inbound = has_inbound || entry->action == IMS_ROUTE_INBOUND;
        look_at_route(self, entry);
    }
    if (!has_inbound)
        ims_audit_add(&self->audit, IMS_AUDIT_NO_INBOUND, "Routing", "RerouteIncomingMail",
                      "no domain is inbound");
    if (has_inbound && policy->site_domain != NULL) {
        g_autofree char *site = g_ascii_strdown(policy->site_domain, -1);

        if (!is_inbound(self, site))
            ims_audit_add(&self->audit, IMS_AUDIT_SITE_NOT_INBOUND, "Server", "SiteDomain",
                          "the site domain %s is not inbound in [Routing List]", site);
    }
    for (guint i = 0; domains != NULL && domains[i] != NULL; i++) {
        const ImsRoutingEntry *entry =
            size > 0 ? ims_routing_list_lookup(policy->list, domains[i]) : NULL;
        /* folded into an inbound one it is delivered here as well */
        gboolean folded = entry != NULL && entry->action == IMS_ROUTE_REROUTE &&
                          policy->fold_inbound && is_inbound(self, entry->target);

        if (!folded && !is_inbound(self, domains[i]))
            ims_audit_add(&self->audit, IMS_AUDIT_RECIPIENT_NOT_INBOUND, ROUTING_LIST, domains[i],
                          "%s is not inbound", domains[i]);
    }
}

/* ---- "Do not reroute" ---- */

static void
look_at_no_reroute(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;

    if ((policy->relay_flags & 15u) != 0)
        ims_audit_add(&self->audit, IMS_AUDIT_STALE, RESTRICTIONS, "RelayFlags",
                      "\"Do not reroute\" is chosen, and RelayFlags is still %u",
                      policy->relay_flags & 15u);
    for (guint i = 0; i < N_LISTS; i++) {
        if (size_of(self->lists[i].list) > 0)
            ims_audit_add(&self->audit, IMS_AUDIT_STALE, RESTRICTIONS, self->lists[i].key,
                          "\"Do not reroute\" is chosen, and %s still has entries",
                          self->lists[i].key);
    }
    if (policy->list != NULL && ims_routing_list_size(policy->list) > 0)
        ims_audit_add(&self->audit, IMS_AUDIT_LIST_NOT_USED, "Routing", "RerouteIncomingMail",
                      "\"Do not reroute\" does not use [Routing List]");
    if (policy->faithful && ((policy->relay_flags & 14u) == 0 ||
                             !ims_build_has(policy->build, IMS_DIFFERENCE_STALE_FLAGS)))
        ims_audit_add(&self->audit, IMS_AUDIT_REFLECTOR, "Routing", "RerouteIncomingMail",
                      "\"Do not reroute\" in the faithful profile");
}

/* ---- the build ---- */

/* Whether the rest of the policy lets the weakness matter. */
static gboolean
matters(const ImsRelayPolicy *policy, ImsDifference difference)
{
    gboolean box = (policy->relay_flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0;

    switch (difference) {
    case IMS_DIFFERENCE_GUEST:
    case IMS_DIFFERENCE_NULL_SESSION:
        return box;
    case IMS_DIFFERENCE_IMCEA_QUOTED_HOLE:
        return policy->reroute && policy->smart_host && box;
    case IMS_DIFFERENCE_NO_RESTRICTIONS:
        return policy->reroute;
    default:
        return TRUE;
    }
}

static void
look_at_build(Look *self)
{
    const ImsRelayPolicy *policy = self->policy;
    char buffer[IMS_BUILD_STRLEN];

    for (guint i = 0; policy->faithful && i < IMS_N_DIFFERENCES; i++) {
        const ImsDifferenceRow *row = ims_difference_row(i);
        ImsAuditFinding *finding;

        if (row->kind != IMS_DIFFERENCE_KIND_WEAKNESS || !ims_build_has(policy->build, i) ||
            !matters(policy, i))
            continue;
        finding = ims_audit_add(&self->audit, IMS_AUDIT_WEAKNESS, "Emulation", "Build",
                                "%s (%s): %s", ims_build_name(policy->build),
                                ims_build_format(policy->build, buffer), row->text);
        finding->word = row->word;
        set_difference(finding, i);
    }
    if (policy->accept_malformed && !ims_build_has(policy->build, IMS_DIFFERENCE_ACCEPT_MALFORMED))
        set_difference(
            ims_audit_add(&self->audit, IMS_AUDIT_UNKNOWN_TO_BUILD, "Internet Mail",
                          "AcceptMalformed821Adrs", "%s (%s) has no AcceptMalformed821Adrs",
                          ims_build_name(policy->build), ims_build_format(policy->build, buffer)),
            IMS_DIFFERENCE_ACCEPT_MALFORMED);
}

GPtrArray *
ims_relay_audit(const ImsRelayPolicy *policy, const ImsAuditContext *context)
{
    Look self = {
        .audit = ims_audit_start(context),
        .policy = policy,
        .lists = {{"RelayDenyList", "denied", IMS_RELAY_FLAG_DENY, policy->deny},
                  {"RelayAllowList", "allowed", IMS_RELAY_FLAG_ALLOW, policy->allow},
                  {"RelayLocalIPList", "local", IMS_RELAY_FLAG_LOCAL, policy->local}},
    };
    const char *const *hosts = self.audit.context->smart_hosts;

    if (policy->reroute) {
        look_at_restrictions(&self);
        look_at_routing_list(&self);
    } else {
        look_at_no_reroute(&self);
    }
    for (guint i = 0; hosts != NULL && hosts[i] != NULL; i++) {
        if (ims_audit_is_self(&self.audit, hosts[i], policy->own_addresses,
                              policy->n_own_addresses))
            ims_audit_add(&self.audit, IMS_AUDIT_SMART_HOST_SELF, "Connections",
                          "ForwardAllMessagesToHost", "%s is this server itself", hosts[i]);
    }
    look_at_build(&self);
    return self.audit.found;
}
