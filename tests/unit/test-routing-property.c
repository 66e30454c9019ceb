/*
 * The verdict against a second, simple-minded formulation of the same rules, over random policies
 * and requests. The second one never parses text: it judges the tree that the text was made from,
 * scans lists from the first entry to the last, and compares masks as numbers.
 */
#include "tests/unit/routing-world.h"

#include <string.h>

#define ROUNDS_SHORT 200000u
#define ROUNDS_LONG 2000000u
#define ROUNDS_A_POLICY 25u
#define LEAST 1000u /* of each reason */

/* ---- a random policy, twice: as the product wants it and as plain arrays ---- */

typedef struct {
    gboolean exact;
    char *name;
    ImsRouteAction action;
    char *target;
    gboolean literal;
} Route;

typedef struct {
    guint32 net, mask;
} Net;

typedef struct {
    ImsRelayPolicy policy;
    ImsRoutingList *list;
    GArray *routes; /* Route */
    ImsNetList *lists[3];
    GArray *nets[3]; /* Net: deny, allow, local */
    ImsAddress own[2];
} Model;

static const char *const own_texts[] = {"192.0.2.1", "2001:db8::1"};
static const char *const hosts[] = {"192.0.2.1", "192.0.2.2", "10.0.0.1",  "10.0.0.2",
                                    "10.1.0.1",  "127.0.0.1", "127.0.0.9", "10.1.1.3"};

static gboolean
one_in(GRand *rand, gint n)
{
    return g_rand_int_range(rand, 0, n) == 0;
}

static const char *
pick(GRand *rand, const char *const *texts, gsize n)
{
    return texts[g_rand_int_range(rand, 0, (gint)n)];
}

static char *
random_domain(GRand *rand)
{
    static const char *const tops[] = {"com", "example"};
    static const char *const seconds[] = {"own", "far", "old", "new", "faro"};
    static const char *const thirds[] = {"a", "b"};

    if (one_in(rand, 3))
        return g_strconcat(pick(rand, thirds, 2), ".", pick(rand, seconds, 5), ".",
                           pick(rand, tops, 2), NULL);
    return g_strconcat(pick(rand, seconds, 5), ".", pick(rand, tops, 2), NULL);
}

static void
route_clear(gpointer data)
{
    g_free(((Route *)data)->name);
    g_free(((Route *)data)->target);
}

static void
add_route(Model *model, GRand *rand)
{
    Route route = {.exact = one_in(rand, 4)};
    g_autofree char *domain = NULL, *action = NULL;

    route.name = one_in(rand, 12) ? g_strdup("com") : random_domain(rand);
    route.action = (ImsRouteAction)g_rand_int_range(rand, 0, 4);
    if (route.action == IMS_ROUTE_REROUTE) {
        route.literal = one_in(rand, 8);
        route.target = route.literal ? g_strdup(pick(rand, own_texts, 1)) : random_domain(rand);
        action = route.literal ? g_strdup_printf("[%s]", route.target) : g_strdup(route.target);
    } else {
        action = g_strdup(route.action == IMS_ROUTE_INBOUND ? "<inbound>"
                          : route.action == IMS_ROUTE_RELAY ? "<relay>"
                                                            : "<blocked>");
    }
    domain = g_strconcat(route.exact ? "#" : "", route.name, NULL);
    if (ims_routing_list_add(model->list, domain, action, 0, NULL))
        g_array_append_val(model->routes, route);
    else
        route_clear(&route);
}

static guint32
number_of(const ImsAddress *address)
{
    return (guint32)address->bytes[0] << 24 | (guint32)address->bytes[1] << 16 |
           (guint32)address->bytes[2] << 8 | address->bytes[3];
}

static void
add_net(Model *model, guint which, GRand *rand)
{
    static const guint32 masks[] = {0xffffffff, 0xffffff00, 0xff000000, 0,
                                    0x000000ff, 0xff00ffff, 0xfffffffe, 0x00ff0001};
    ImsAddress host;
    g_autofree char *text = NULL;
    Net net;

    ims_address_parse(pick(rand, hosts, G_N_ELEMENTS(hosts)), &host);
    net.mask = masks[g_rand_int_range(rand, 0, G_N_ELEMENTS(masks))];
    net.net = number_of(&host);
    if (!one_in(rand, 4))
        net.net &= net.mask;
    text = g_strdup_printf("%u.%u.%u.%u;%u.%u.%u.%u", net.net >> 24, net.net >> 16 & 255,
                           net.net >> 8 & 255, net.net & 255, net.mask >> 24, net.mask >> 16 & 255,
                           net.mask >> 8 & 255, net.mask & 255);
    g_assert_true(ims_net_list_add(model->lists[which], text, NULL));
    g_array_append_val(model->nets[which], net);
}

static void
model_init(Model *model, GRand *rand)
{
    gint n = g_rand_int_range(rand, 0, 12);

    *model = (Model){.list = ims_routing_list_new()};
    model->routes = g_array_new(FALSE, FALSE, sizeof(Route));
    g_array_set_clear_func(model->routes, route_clear);
    for (gint i = 0; i < n; i++)
        add_route(model, rand);
    for (guint which = 0; which < 3; which++) {
        model->lists[which] = ims_net_list_new();
        model->nets[which] = g_array_new(FALSE, FALSE, sizeof(Net));
        n = g_rand_int_range(rand, 0, 4);
        for (gint i = 0; i < n; i++)
            add_net(model, which, rand);
    }
    for (guint i = 0; i < 2; i++)
        ims_address_parse(own_texts[i], &model->own[i]);
    model->policy = (ImsRelayPolicy){
        .reroute = !one_in(rand, 4),
        .list = model->list,
        .relay_flags = (guint)g_rand_int_range(rand, 0, 16),
        .deny = model->lists[0],
        .allow = model->lists[1],
        .local = model->lists[2],
        .ip_forwarding = one_in(rand, 4),
        .faithful = one_in(rand, 2),
        .accept_historic_risk = one_in(rand, 3),
        .accept_malformed = one_in(rand, 4),
        .logon_authorizes_relay = !one_in(rand, 4),
        .fold_inbound = !one_in(rand, 4),
        .site_domain = one_in(rand, 10) ? NULL : "own.com",
        .own_addresses = model->own,
        .n_own_addresses = 2,
    };
    if (one_in(rand, 4)) /* the open policies are two of sixteen */
        model->policy.relay_flags = (guint)g_rand_int_range(rand, 0, 2);
}

static void
model_clear(Model *model)
{
    ims_routing_list_free(model->list);
    g_array_unref(model->routes);
    for (guint which = 0; which < 3; which++) {
        ims_net_list_free(model->lists[which]);
        g_array_unref(model->nets[which]);
    }
}

/* ---- a random address: a tree, and its text ---- */

typedef enum {
    WELL_FORMED,
    EQUAL_SIGN, /* malformed in the faithful profile */
    ODD,        /* malformed unless lax */
    MALFORMED,
} Shape;

typedef struct _Node Node;
struct _Node {
    Shape shape;
    char *local; /* with a child: the child encoded */
    Node *child;
    char *domain; /* NULL: bare */
    gboolean literal;
    char *text;
};

static void
node_free(Node *node)
{
    if (node == NULL)
        return;
    node_free(node->child);
    g_free(node->local);
    g_free(node->domain);
    g_free(node->text);
    g_free(node);
}

static char *
random_case(GRand *rand, const char *domain)
{
    char *text = g_strdup(domain);

    for (char *p = text; *p != '\0'; p++) {
        if (one_in(rand, 6))
            *p = g_ascii_toupper(*p);
    }
    return text;
}

static void
choose_local(Node *node, GRand *rand, guint depth)
{
    static const char *const locals[] = {"u",
                                         "User",
                                         "u%far.com",
                                         "far.com!u",
                                         "\"u@far.com\"",
                                         "IMCEAEX-_O=A_CN=B",
                                         "imceasmtp-u+40far+2Ecom",
                                         "u.v",
                                         "IMCEASMTP-u+4",
                                         "\"IMCEASMTP-u+4\""};

    if (depth < 4 && one_in(rand, depth == 0 ? 6 : 3)) {
        node->child = g_new0(Node, 1); /* random_node() fills it and encodes it */
        return;
    }
    if (one_in(rand, 25)) {
        node->shape = one_in(rand, 2) ? ODD : EQUAL_SIGN;
        node->local = g_strdup(node->shape == ODD ? "u v" : "u=v");
        return;
    }
    node->local = g_strdup(pick(rand, locals, G_N_ELEMENTS(locals)));
}

static void
choose_domain(Node *node, GRand *rand, GString *text)
{
    static const char *const bad[] = {"*", "#1", "a..com", "[1.2.3]", "", "a b", "b\x01", "[::1]"};
    g_autofree char *shown = NULL;

    if (one_in(rand, 30)) {
        node->shape = MALFORMED;
        g_string_append_printf(text, "@%s", pick(rand, bad, G_N_ELEMENTS(bad)));
        return;
    }
    if (one_in(rand, 8))
        return;
    if (one_in(rand, 6)) {
        node->literal = TRUE;
        node->domain = g_strdup(one_in(rand, 2) ? pick(rand, own_texts, 2)
                                                : pick(rand, hosts, G_N_ELEMENTS(hosts)));
        g_string_append_printf(text, strchr(node->domain, ':') != NULL ? "@[IPv6:%s]" : "@[%s]",
                               node->domain);
        return;
    }
    node->domain = one_in(rand, 2) ? g_strdup("own.com") : random_domain(rand);
    shown = random_case(rand, node->domain);
    g_string_append_printf(text, "@%s%s", shown, one_in(rand, 8) ? "." : "");
}

static void
random_node(Node *node, GRand *rand, guint depth)
{
    g_autoptr(GString) text = g_string_new(NULL);

    choose_local(node, rand, depth);
    if (node->child != NULL) {
        random_node(node->child, rand, depth + 1);
        node->local = ims_imcea_encode("SMTP", node->child->text);
        /* a control character breaks the encoding: then this is no encapsulated address but a name */
        if (strchr(node->child->text, '\x01') != NULL && strchr(node->local, '=') != NULL)
            node->shape = EQUAL_SIGN;
        if (one_in(rand, 4)) {
            char *quoted = g_strdup_printf("\"%s\"", node->local);

            g_free(node->local);
            node->local = quoted;
            node->shape = WELL_FORMED;
        }
    }
    if (one_in(rand, 8))
        g_string_append(text, one_in(rand, 2) ? "@hop.example,@[10.0.0.1]:" : "@own.com:");
    g_string_append(text, node->local);
    choose_domain(node, rand, text);
    node->text = g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- the second formulation ---- */

typedef struct {
    ImsVerdictKind kind;
    ImsRelayReason reason;
    char *address;
    gboolean weak;
    guint item;
} Expected;

static const Route *
scan_routes(const Model *model, const char *domain)
{
    const Route *best = NULL;

    for (guint i = 0; i < model->routes->len; i++) {
        const Route *route = &g_array_index(model->routes, Route, i);
        g_autofree char *ending = g_strconcat(".", route->name, NULL);

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
scan_nets(const Model *model, guint which, const ImsAddress *address)
{
    for (guint i = 0; i < model->nets[which]->len && address->family == 4; i++) {
        const Net *net = &g_array_index(model->nets[which], Net, i);

        if ((number_of(address) & net->mask) == net->net)
            return i + 1;
    }
    return 0;
}

static gboolean
is_own(const char *text)
{
    return strcmp(text, own_texts[0]) == 0 || strcmp(text, own_texts[1]) == 0;
}

static gboolean
is_local_connection(const ImsRelayQuery *query)
{
    return query->client.family == 4 && query->client.bytes[0] == 127 && query->local.family == 4 &&
           query->local.bytes[0] == 127;
}

static void
expect_relay(const Model *model, const ImsRelayQuery *query, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    guint f = policy->relay_flags;
    guint d = scan_nets(model, 0, &query->client), a = scan_nets(model, 1, &query->client);
    guint l = policy->ip_forwarding ? 0 : scan_nets(model, 2, &query->local);
    gboolean served = policy->accept_historic_risk || is_local_connection(query);

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

static void
expect_no_reroute(const Model *model, const ImsRelayQuery *query, gboolean site,
                  gboolean encapsulated, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;
    gboolean own = site || query->in_directory;

    if (policy->faithful && policy->relay_flags >= 2) {
        expect_relay(model, query, out);
        if (out->kind == IMS_VERDICT_REFUSE)
            return;
        out->kind = query->in_directory    ? IMS_VERDICT_DELIVER
                    : site || encapsulated ? IMS_VERDICT_DIRECTORY
                                           : IMS_VERDICT_REROUTE;
        out->weak = out->kind == IMS_VERDICT_REROUTE;
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
is_address(const Model *model, const Node *node)
{
    return node->shape != MALFORMED && (node->shape != ODD || model->policy.accept_malformed);
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
expect_listed(const Model *model, const ImsRelayQuery *query, const Node *node, Expected *out)
{
    const Route *route = scan_routes(model, node->domain), *second = NULL;

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
    if (model->policy.fold_inbound && route->literal && is_own(route->target))
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
expect(const Model *model, const ImsRelayQuery *query, const Node *node, guint depth, Expected *out)
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
    } else if (node->literal && is_own(node->domain)) {
        own = TRUE;
        out->reason = IMS_REASON_OWN_LITERAL;
    } else if (policy->reroute) {
        own = expect_listed(model, query, node, out);
    }
    if ((own || site) && node->child != NULL && is_address(model, node->child)) {
        out->item = 0;
        expect(model, query, node->child, depth + 1, out);
    } else if (own) {
        out->kind = IMS_VERDICT_DELIVER;
    } else if (!policy->reroute) {
        expect_no_reroute(model, query, site, depth > 0, out);
    }
}

static void
expect_all(const Model *model, const ImsRelayQuery *query, const Node *node, Expected *out)
{
    const ImsRelayPolicy *policy = &model->policy;

    *out = (Expected){0};
    if (!is_address(model, node) ||
        (policy->faithful && !policy->accept_malformed && node->shape == EQUAL_SIGN)) {
        expect_malformed(out);
        return;
    }
    expect(model, query, node, 0, out);
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
                             .mail_from = one_in(rand, 2) ? "a@own.com" : "",
                             .authenticated = one_in(rand, 4),
                             .logon_window = one_in(rand, 4),
                             .in_directory = one_in(rand, 4),
                             .recipient_count = one_in(rand, 40) ? 32766 : 32765};
    ims_address_parse(one_in(rand, 10) ? "2001:db8::9" : pick(rand, hosts, G_N_ELEMENTS(hosts)),
                      &query->client);
    ims_address_parse(pick(rand, hosts, G_N_ELEMENTS(hosts)), &query->local);
    if (one_in(rand, 6)) {
        ims_address_parse("127.0.0.1", &query->client);
        ims_address_parse("127.0.0.1", &query->local);
    }
}

static void
one_round(const Model *model, GRand *rand, gboolean whole, guint *counts)
{
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *address = NULL;
    Node *node = g_new0(Node, 1);
    ImsRelayQuery query;
    Expected wanted;

    random_node(node, rand, 0);
    random_query(&query, rand, node->text);
    expect_all(model, &query, node, &wanted);
    ims_relay_decide(&model->policy, &query, &verdict);
    address = ims_relay_verdict_address(&verdict);
    if (verdict.kind != wanted.kind || verdict.reason != wanted.reason ||
        (verdict.weakness != NULL) != wanted.weak || verdict.list_entry != wanted.item ||
        (wanted.reason != IMS_REASON_TOO_MANY && g_strcmp0(address, wanted.address) != 0)) {
        g_autofree char *got = routing_verdict_describe(&verdict);

        g_test_message("<%s> flags %u: %s, expected kind %d %s %s", node->text,
                       model->policy.relay_flags, got, wanted.kind,
                       ims_relay_reason_word(wanted.reason), wanted.address);
        g_test_fail();
    }
    if (whole)
        routing_verdict_check(&model->policy, &query, &verdict);
    counts[verdict.reason]++;
    g_free(wanted.address);
    node_free(node);
}

static void
test_property(void)
{
    guint rounds = g_getenv("IMS_TEST_LONG") != NULL ? ROUNDS_LONG : ROUNDS_SHORT;
    g_autoptr(GRand) rand = g_rand_new_with_seed(5525);
    guint counts[IMS_N_REASONS] = {0};

    for (guint done = 0; done < rounds && !g_test_failed(); done += ROUNDS_A_POLICY) {
        Model model;

        model_init(&model, rand);
        for (guint i = 0; i < ROUNDS_A_POLICY; i++)
            one_round(&model, rand, i == 0, counts);
        model_clear(&model);
    }
    for (guint i = 0; i < IMS_N_REASONS; i++) {
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
