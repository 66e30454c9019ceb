/*
 * The verdict against a second, simple-minded formulation of the same rules, over random policies,
 * requests and builds. The second one never parses text: it judges the tree that the text was made
 * from, scans lists from the first entry to the last, and compares masks as numbers.
 */
#include <string.h>

#include "tests/unit/routing-model.h"
#include "tests/unit/routing-world.h"

#define ROUNDS_SHORT 400000u
#define ROUNDS_LONG 2000000u
#define ROUNDS_A_POLICY 25u
#define LEAST 1000u /* of each reason */

/* ---- the second formulation ---- */

typedef struct {
    ImsVerdictKind kind;
    ImsRelayReason reason;
    char *address;
    gboolean weak;
    guint item;
} Expected;

static const RoutingRoute *
scan_routes(const RoutingModel *model, const char *domain)
{
    const RoutingEra *era = model->era;
    const RoutingRoute *best = NULL;

    for (guint i = 0; i < model->routes->len; i++) {
        const RoutingRoute *route = &g_array_index(model->routes, RoutingRoute, i);
        g_autofree char *ending = g_strconcat(".", route->name, NULL);

        if ((route->exact && !era->exact) || (route->action == IMS_ROUTE_RELAY && !era->always))
            continue;
        if (strcmp(domain, route->name) == 0 && route->exact)
            return route;
        if (!route->exact &&
            (strcmp(domain, route->name) == 0 || g_str_has_suffix(domain, ending)) &&
            (best == NULL || strlen(route->name) > strlen(best->name)))
            best = route;
    }
    return best;
}

static guint
scan_nets(const RoutingModel *model, guint which, const ImsAddress *address)
{
    for (guint i = 0; i < model->nets[which]->len && address->family == 4; i++) {
        const RoutingNet *net = &g_array_index(model->nets[which], RoutingNet, i);

        if ((routing_number_of(address) & net->mask) == net->net)
            return i + 1;
    }
    return 0;
}

static gboolean
is_own(const char *text)
{
    return strcmp(text, routing_own_texts[0]) == 0 || strcmp(text, routing_own_texts[1]) == 0;
}

static gboolean
is_local_connection(const ImsRelayQuery *query)
{
    return query->client.family == 4 && query->client.bytes[0] == 127 && query->local.family == 4 &&
           query->local.bytes[0] == 127;
}

static void
expect_relay(const RoutingModel *model, const ImsRelayQuery *query, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    guint f = policy->relay_flags;
    guint d = scan_nets(model, 0, &query->client), a = scan_nets(model, 1, &query->client);
    guint l = policy->ip_forwarding ? 0 : scan_nets(model, 2, &query->local);
    gboolean served = policy->accept_historic_risk || is_local_connection(query);
    gboolean shown = served && policy->faithful;

    out->kind = IMS_VERDICT_REROUTE;
    if ((f & 1) && d != 0) {
        out->kind = IMS_VERDICT_REFUSE;
        out->reason = IMS_REASON_DENY_LIST;
        out->item = d;
    } else if ((f & 2) && a != 0) {
        out->reason = IMS_REASON_ALLOW_LIST;
        out->item = a;
    } else if ((f & 4) && l != 0) {
        out->reason = IMS_REASON_LOCAL_ADDRESS;
        out->item = l;
    } else if ((f & 8) && query->authenticated) {
        out->reason = IMS_REASON_AUTHENTICATED;
    } else if ((f & 8) && query->logon_window && policy->logon_authorizes_relay) {
        out->reason = IMS_REASON_LOGON_WINDOW;
    } else if ((f & 8) && query->guest_logon && shown && model->era->restrictions) {
        out->reason = IMS_REASON_GUEST;
        out->weak = TRUE;
    } else if ((f & 8) && query->null_session && shown && model->era->null_session) {
        out->reason = IMS_REASON_NULL_SESSION;
        out->weak = TRUE;
    } else if (f > 1) {
        out->kind = IMS_VERDICT_REFUSE;
        out->reason = IMS_REASON_NO_RULE;
    } else {
        out->reason = !served  ? IMS_REASON_OPEN_CLOSED
                      : f == 1 ? IMS_REASON_DENY_ONLY
                               : IMS_REASON_OPEN;
        out->kind = served ? IMS_VERDICT_REROUTE : IMS_VERDICT_REFUSE;
        out->weak = served;
    }
}

/* What no rule grants: the builds that sent it on for all that. */
static void
expect_weakness(const RoutingModel *model, const ImsRelayQuery *query, guint depth, gboolean quoted,
                Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    gboolean hole = depth > 0 && (quoted ? model->era->quoted_hole : model->era->hole);

    if (out->kind == IMS_VERDICT_REROUTE || out->kind == IMS_VERDICT_DELIVER ||
        out->reason == IMS_REASON_BLOCKED || query->in_directory || !policy->faithful ||
        !(policy->accept_historic_risk || is_local_connection(query)))
        return;
    if (!hole && (model->era->restrictions || !policy->reroute))
        return;
    out->kind = IMS_VERDICT_REROUTE;
    out->reason = hole ? IMS_REASON_ENCAPSULATED : IMS_REASON_NO_RESTRICTIONS;
    out->weak = TRUE;
    out->item = 0;
}

/* Whether a quoted encapsulated address is one to this build. */
static gboolean
sees_quoted(const RoutingModel *model)
{
    const ImsRelayPolicy *policy = &model->policy;

    return !policy->faithful || !model->era->quoted_hole ||
           (policy->reroute && policy->smart_host && (policy->relay_flags & 8) != 0);
}

static void
expect_no_reroute(const RoutingModel *model, const ImsRelayQuery *query, gboolean site,
                  gboolean encapsulated, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    gboolean own = site || query->in_directory;

    if (policy->faithful && policy->relay_flags >= 2 && model->era->restrictions) {
        expect_relay(model, query, out);
        if (out->kind == IMS_VERDICT_REFUSE)
            return;
        out->kind = query->in_directory    ? IMS_VERDICT_DELIVER
                    : site || encapsulated ? IMS_VERDICT_DIRECTORY
                                           : IMS_VERDICT_REROUTE;
        out->weak = out->weak || out->kind == IMS_VERDICT_REROUTE;
    } else if (policy->faithful && (policy->accept_historic_risk || is_local_connection(query))) {
        out->kind = IMS_VERDICT_DIRECTORY;
        out->reason = IMS_REASON_NO_REROUTE_DIRECTORY;
        out->weak = !query->in_directory;
    } else {
        out->kind = own ? IMS_VERDICT_DELIVER : IMS_VERDICT_REFUSE;
        out->reason = own ? IMS_REASON_NO_REROUTE_OWN : IMS_REASON_NO_REROUTE_CLOSED;
    }
}

/* FALSE for text that is not an address under this policy. */
static gboolean
is_address(const RoutingModel *model, const RoutingNode *node)
{
    return node->shape != ROUTING_MALFORMED &&
           (node->shape != ROUTING_ODD || (model->policy.accept_malformed && model->era->lax));
}

static void
set_address(Expected *out, const char *local, const char *domain, gboolean literal)
{
    g_free(out->address);
    if (domain == NULL)
        out->address = g_strdup(local);
    else if (literal)
        out->address = g_strdup_printf(strchr(domain, ':') != NULL ? "%s@[IPv6:%s]" : "%s@[%s]",
                                       local, domain);
    else
        out->address = g_strdup_printf("%s@%s", local, domain);
}

/* What the routing list says. TRUE: own. */
static gboolean
expect_listed(const RoutingModel *model, const ImsRelayQuery *query, const RoutingNode *node,
              Expected *out)
{
    const RoutingRoute *route = scan_routes(model, node->domain), *second = NULL;

    if (route == NULL) {
        expect_relay(model, query, out);
        return FALSE;
    }
    switch (route->action) {
    case IMS_ROUTE_INBOUND:
        out->reason = IMS_REASON_INBOUND;
        return TRUE;
    case IMS_ROUTE_RELAY:
        out->kind = IMS_VERDICT_REROUTE;
        out->reason = IMS_REASON_ALWAYS_RELAY;
        return FALSE;
    case IMS_ROUTE_BLOCKED:
        out->kind = IMS_VERDICT_REFUSE;
        out->reason = IMS_REASON_BLOCKED;
        return FALSE;
    case IMS_ROUTE_REROUTE:
        break;
    }
    set_address(out, node->local, route->target, route->literal);
    out->reason = IMS_REASON_FOLDED;
    if (model->policy.fold_inbound && route->literal && model->era->literal &&
        is_own(route->target))
        return TRUE;
    second = model->policy.fold_inbound ? scan_routes(model, route->target) : NULL;
    if (second != NULL && second->action == IMS_ROUTE_INBOUND)
        return TRUE;
    if (second != NULL && second->action == IMS_ROUTE_BLOCKED) {
        out->kind = IMS_VERDICT_REFUSE;
        out->reason = IMS_REASON_BLOCKED;
    } else {
        expect_relay(model, query, out);
    }
    return FALSE;
}

static void
expect_malformed(Expected *out)
{
    out->kind = IMS_VERDICT_REFUSE;
    out->reason = IMS_REASON_MALFORMED;
    g_clear_pointer(&out->address, g_free);
}

static void
expect(const RoutingModel *model, const ImsRelayQuery *query, const RoutingNode *node, guint depth,
       gboolean quoted, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    gboolean site = !policy->reroute && !node->literal && policy->site_domain != NULL &&
                    g_strcmp0(node->domain, policy->site_domain) == 0;
    gboolean own = FALSE;

    if (depth > 2) {
        expect_malformed(out);
        return;
    }
    set_address(out, node->local, node->domain != NULL ? node->domain : policy->site_domain,
                node->literal);
    if (node->domain == NULL) {
        own = TRUE;
        out->reason = IMS_REASON_BARE_LOCAL;
    } else if (node->literal && model->era->literal && is_own(node->domain)) {
        own = TRUE;
        out->reason = IMS_REASON_OWN_LITERAL;
    } else if (policy->reroute) {
        own = expect_listed(model, query, node, out);
    }
    if ((own || site) && node->child != NULL && is_address(model, node->child) &&
        (!node->quoted || sees_quoted(model))) {
        out->item = 0;
        expect(model, query, node->child, depth + 1, quoted || node->quoted, out);
    } else if (own) {
        out->kind = IMS_VERDICT_DELIVER;
    } else {
        if (!policy->reroute)
            expect_no_reroute(model, query, site, depth > 0, out);
        if (!site)
            expect_weakness(model, query, depth, quoted, out);
    }
}

static void
expect_all(const RoutingModel *model, const ImsRelayQuery *query, const RoutingNode *node,
           Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;

    *out = (Expected){0};
    if (!is_address(model, node) ||
        (policy->faithful && !(policy->accept_malformed && model->era->lax) &&
         node->shape == ROUTING_EQUAL_SIGN)) {
        expect_malformed(out);
        return;
    }
    expect(model, query, node, 0, FALSE, out);
    if (query->recipient_count >= 32766) {
        g_free(out->address);
        *out = (Expected){.kind = IMS_VERDICT_REFUSE, .reason = IMS_REASON_TOO_MANY};
    }
}

/* ---- the rounds ---- */

static void
random_query(ImsRelayQuery *query, GRand *rand, const char *recipient)
{
    *query = (ImsRelayQuery){.recipient = recipient,
                             .mail_from = routing_one_in(rand, 2) ? "a@own.com" : "",
                             .authenticated = routing_one_in(rand, 4),
                             .logon_window = routing_one_in(rand, 4),
                             .in_directory = routing_one_in(rand, 4),
                             .guest_logon = routing_one_in(rand, 4),
                             .null_session = routing_one_in(rand, 4),
                             .recipient_count = routing_one_in(rand, 40) ? 32766 : 32765};
    routing_random_host(rand, &query->client);
    routing_random_host(rand, &query->local);
    if (routing_one_in(rand, 10))
        ims_address_parse("2001:db8::9", &query->client);
    if (routing_one_in(rand, 6)) {
        ims_address_parse("127.0.0.1", &query->client);
        ims_address_parse("127.0.0.1", &query->local);
    }
}

static void
one_round(const RoutingModel *model, GRand *rand, gboolean whole, guint *counts)
{
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *address = NULL;
    RoutingNode *node = routing_node_new(rand);
    ImsRelayQuery query;
    Expected wanted;

    random_query(&query, rand, node->text);
    expect_all(model, &query, node, &wanted);
    ims_relay_decide(&model->policy, &query, &verdict);
    address = ims_relay_verdict_address(&verdict);
    if (verdict.kind != wanted.kind || verdict.reason != wanted.reason ||
        (verdict.weakness != NULL) != wanted.weak || verdict.list_entry != wanted.item ||
        (wanted.reason != IMS_REASON_TOO_MANY && g_strcmp0(address, wanted.address) != 0)) {
        g_autofree char *got = routing_verdict_describe(&verdict);
        char build[IMS_BUILD_STRLEN];

        g_test_message("<%s> %s flags %u: %s, expected kind %d %s %s", node->text,
                       ims_build_format(model->era->build, build), model->policy.relay_flags, got,
                       wanted.kind, ims_relay_reason_word(wanted.reason), wanted.address);
        g_test_fail();
    }
    if (whole)
        routing_verdict_check(&model->policy, &query, &verdict);
    counts[verdict.reason]++;
    g_free(wanted.address);
    routing_node_free(node);
}

static void
test_property(void)
{
    guint rounds = g_getenv("IMS_TEST_LONG") != NULL ? ROUNDS_LONG : ROUNDS_SHORT;
    g_autoptr(GRand) rand = g_rand_new_with_seed(5525);
    guint counts[IMS_N_REASONS] = {0};

    for (guint done = 0; done < rounds && !g_test_failed(); done += ROUNDS_A_POLICY) {
        RoutingModel model;

        routing_model_init(&model, rand);
        for (guint i = 0; i < ROUNDS_A_POLICY; i++)
            one_round(&model, rand, i == 0, counts);
        routing_model_clear(&model);
    }
    for (guint i = 0; i < IMS_REASON_SHARED_DOMAIN; i++) { /* the rest are of virtual servers */
        g_test_message("%s: %u", ims_relay_reason_word(i), counts[i]);
        g_assert_cmpuint(counts[i], >=, LEAST);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routing/relay/property", test_property);
    return g_test_run();
}
