#include "tests/unit/routing-model.h"

#include <string.h>

const char *const routing_own_texts[2] = {"192.0.2.1", "2001:db8::1"};
#define FIRST_5_5 6 /* row of the table below */

static const RoutingEra eras[] = {
  /*                           exact  lax    literal always restr. hole   quoted null */
    {0,    TRUE,  TRUE,  TRUE,  TRUE,  TRUE,  FALSE, FALSE, TRUE },
    { IMS_BUILD(5, 0, 1457, 10), FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 0, 1458, 48), FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 0, 1458,  49), FALSE, TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 0, 1460,   7), FALSE, TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 0, 1460,    8), TRUE, TRUE, FALSE, FALSE, FALSE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 5, 1960,    3),  TRUE, TRUE,  TRUE,  FALSE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2232,    9),  TRUE, TRUE,  TRUE,  FALSE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2423,   99),  TRUE, TRUE,  TRUE,  FALSE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2424,    0),  TRUE,  TRUE,  TRUE,  TRUE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2448,    0),  TRUE,  TRUE,  TRUE,  TRUE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2650,    0),  TRUE,  TRUE,  TRUE,  TRUE,  TRUE,  TRUE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2650,    1),  TRUE,  TRUE,  TRUE, TRUE,  TRUE,  FALSE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2650,   21),  TRUE,  TRUE,  TRUE, TRUE,  TRUE,  FALSE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2652,   77),  TRUE,  TRUE,  TRUE, TRUE,  TRUE,  FALSE, TRUE, TRUE},
    { IMS_BUILD(5, 5, 2652,   78),  TRUE,  TRUE,  TRUE, TRUE, TRUE,  FALSE, FALSE, TRUE},
    { IMS_BUILD(5, 5, 2653,   13),  TRUE,  TRUE,  TRUE, TRUE, TRUE,  FALSE, FALSE, TRUE},
    { IMS_BUILD(5, 5, 2655,   54),  TRUE,  TRUE,  TRUE, TRUE, TRUE,  FALSE, FALSE, TRUE},
    { IMS_BUILD(5, 5, 2655,   55),  TRUE,  TRUE,  TRUE, TRUE, TRUE, FALSE, FALSE, FALSE},
    { IMS_BUILD(5, 5, 2658,   27),  TRUE,  TRUE,  TRUE, TRUE, TRUE, FALSE, FALSE, FALSE},
};

static const char *const hosts[] = {"192.0.2.1", "192.0.2.2", "10.0.0.1",  "10.0.0.2",
                                    "10.1.0.1",  "127.0.0.1", "127.0.0.9", "10.1.1.3"};

gboolean
routing_one_in(GRand *rand, gint n)
{
    return g_rand_int_range(rand, 0, n) == 0;
}

const char *
routing_pick(GRand *rand, const char *const *texts, gsize n)
{
    return texts[g_rand_int_range(rand, 0, (gint)n)];
}

static char *
random_domain(GRand *rand)
{
    static const char *const tops[] = {"com", "example"};
    static const char *const seconds[] = {"own", "far", "old", "new", "faro"};
    static const char *const thirds[] = {"a", "b"};

    if (routing_one_in(rand, 3))
        return g_strconcat(routing_pick(rand, thirds, 2), ".", routing_pick(rand, seconds, 5), ".",
                           routing_pick(rand, tops, 2), NULL);
    return g_strconcat(routing_pick(rand, seconds, 5), ".", routing_pick(rand, tops, 2), NULL);
}

static void
route_clear(gpointer data)
{
    g_free(((RoutingRoute *)data)->name);
    g_free(((RoutingRoute *)data)->target);
}

static void
add_route(RoutingModel *model, GRand *rand)
{
    RoutingRoute route = {.exact = routing_one_in(rand, 4)};
    g_autofree char *domain = NULL, *action = NULL;

    route.name = routing_one_in(rand, 12) ? g_strdup("com") : random_domain(rand);
    route.action = (ImsRouteAction)g_rand_int_range(rand, 0, 4);
    if (route.action == IMS_ROUTE_REROUTE) {
        route.literal = routing_one_in(rand, 8);
        route.target = route.literal ? g_strdup(routing_pick(rand, routing_own_texts, 1))
                                     : random_domain(rand);
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

static void
add_own_domain(RoutingModel *model)
{
    RoutingRoute route = {.name = g_strdup("own.com"), .action = IMS_ROUTE_INBOUND};

    g_assert_true(ims_routing_list_add(model->list, route.name, "<inbound>", 0, NULL));
    g_array_append_val(model->routes, route);
}

guint32
routing_number_of(const ImsAddress *address)
{
    return (guint32)address->bytes[0] << 24 | (guint32)address->bytes[1] << 16 |
           (guint32)address->bytes[2] << 8 | address->bytes[3];
}

static void
add_net(RoutingModel *model, guint which, GRand *rand)
{
    static const guint32 masks[] = {0xffffffff, 0xffffff00, 0xff000000, 0,
                                    0x000000ff, 0xff00ffff, 0xfffffffe, 0x00ff0001};
    ImsAddress host;
    g_autofree char *text = NULL;
    RoutingNet net;

    ims_address_parse(routing_pick(rand, hosts, G_N_ELEMENTS(hosts)), &host);
    net.mask = masks[g_rand_int_range(rand, 0, G_N_ELEMENTS(masks))];
    net.net = routing_number_of(&host);
    if (!routing_one_in(rand, 4))
        net.net &= net.mask;
    text = g_strdup_printf("%u.%u.%u.%u;%u.%u.%u.%u", net.net >> 24, net.net >> 16 & 255,
                           net.net >> 8 & 255, net.net & 255, net.mask >> 24, net.mask >> 16 & 255,
                           net.mask >> 8 & 255, net.mask & 255);
    g_assert_true(ims_net_list_add(model->lists[which], text, NULL));
    g_array_append_val(model->nets[which], net);
}

void
routing_model_init(RoutingModel *model, GRand *rand)
{
    gint n = g_rand_int_range(rand, 0, 12);

    *model = (RoutingModel){.list = ims_routing_list_new()};
    model->era = &eras[routing_one_in(rand, 3) ? 0 : g_rand_int_range(rand, 0, G_N_ELEMENTS(eras))];
    model->routes = g_array_new(FALSE, FALSE, sizeof(RoutingRoute));
    g_array_set_clear_func(model->routes, route_clear);
    if (routing_one_in(rand, 3))
        add_own_domain(model);
    for (gint i = 0; i < n; i++)
        add_route(model, rand);
    for (guint which = 0; which < 3; which++) {
        model->lists[which] = ims_net_list_new();
        model->nets[which] = g_array_new(FALSE, FALSE, sizeof(RoutingNet));
        n = g_rand_int_range(rand, 0, 4);
        for (gint i = 0; i < n; i++)
            add_net(model, which, rand);
    }
    for (guint i = 0; i < 2; i++)
        ims_address_parse(routing_own_texts[i], &model->own[i]);
    model->policy = (ImsRelayPolicy){
        .reroute = !routing_one_in(rand, 4),
        .list = model->list,
        .relay_flags = (guint)g_rand_int_range(rand, 0, 16),
        .deny = model->lists[0],
        .allow = model->lists[1],
        .local = model->lists[2],
        .ip_forwarding = routing_one_in(rand, 4),
        .faithful = routing_one_in(rand, 2),
        .accept_historic_risk = routing_one_in(rand, 3),
        .accept_malformed = routing_one_in(rand, 4),
        .logon_authorizes_relay = !routing_one_in(rand, 4),
        .fold_inbound = !routing_one_in(rand, 4),
        .site_domain = routing_one_in(rand, 10) ? NULL : "own.com",
        .own_addresses = model->own,
        .n_own_addresses = 2,
        .build = model->era->build,
        .smart_host = routing_one_in(rand, 2),
    };
    if (routing_one_in(rand, 4)) /* the open policies are two of sixteen */
        model->policy.relay_flags = (guint)g_rand_int_range(rand, 0, 2);
    if (routing_one_in(rand, 3)) { /* an old build that shows its holes */
        model->era = &eras[g_rand_int_range(rand, FIRST_5_5, G_N_ELEMENTS(eras))];
        model->policy.build = model->era->build;
        model->policy.faithful = model->policy.accept_historic_risk = TRUE;
        model->policy.site_domain = "own.com";
    }
}

void
routing_model_clear(RoutingModel *model)
{
    ims_routing_list_free(model->list);
    g_array_unref(model->routes);
    for (guint which = 0; which < 3; which++) {
        ims_net_list_free(model->lists[which]);
        g_array_unref(model->nets[which]);
    }
}

/* ---- a random address: a tree, and its text ---- */

void
routing_node_free(RoutingNode *node)
{
    if (node == NULL)
        return;
    routing_node_free(node->child);
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
        if (routing_one_in(rand, 6))
            *p = g_ascii_toupper(*p);
    }
    return text;
}

static void
choose_local(RoutingNode *node, GRand *rand, guint depth)
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

    if (depth < 4 && routing_one_in(rand, depth == 0 ? 4 : 3)) {
        node->child = g_new0(RoutingNode, 1); /* fill_node() fills it and encodes it */
        return;
    }
    if (routing_one_in(rand, 25)) {
        node->shape = routing_one_in(rand, 2) ? ROUTING_ODD : ROUTING_EQUAL_SIGN;
        node->local = g_strdup(node->shape == ROUTING_ODD ? "u v" : "u=v");
        return;
    }
    node->local = g_strdup(routing_pick(rand, locals, G_N_ELEMENTS(locals)));
}

static void
choose_domain(RoutingNode *node, GRand *rand, GString *text)
{
    static const char *const bad[] = {"*", "#1", "a..com", "[1.2.3]", "", "a b", "b\x01", "[::1]"};
    g_autofree char *shown = NULL;

    if (routing_one_in(rand, 30)) {
        node->shape = ROUTING_MALFORMED;
        g_string_append_printf(text, "@%s", routing_pick(rand, bad, G_N_ELEMENTS(bad)));
        return;
    }
    if (routing_one_in(rand, 8))
        return;
    if (routing_one_in(rand, 6)) {
        node->literal = TRUE;
        node->domain =
            g_strdup(routing_one_in(rand, 2) ? routing_pick(rand, routing_own_texts, 2)
                                             : routing_pick(rand, hosts, G_N_ELEMENTS(hosts)));
        g_string_append_printf(text, strchr(node->domain, ':') != NULL ? "@[IPv6:%s]" : "@[%s]",
                               node->domain);
        return;
    }
    node->domain = routing_one_in(rand, 2) ? g_strdup("own.com") : random_domain(rand);
    shown = random_case(rand, node->domain);
    g_string_append_printf(text, "@%s%s", shown, routing_one_in(rand, 8) ? "." : "");
}

static void
fill_node(RoutingNode *node, GRand *rand, guint depth)
{
    g_autoptr(GString) text = g_string_new(NULL);

    choose_local(node, rand, depth);
    if (node->child != NULL) {
        fill_node(node->child, rand, depth + 1);
        node->local = ims_imcea_encode("SMTP", node->child->text);
        /* a control character breaks the encoding: then this is no encapsulated address but a name
         */
        if (strchr(node->child->text, '\x01') != NULL && strchr(node->local, '=') != NULL)
            node->shape = ROUTING_EQUAL_SIGN;
        if (routing_one_in(rand, 4)) {
            char *quoted = g_strdup_printf("\"%s\"", node->local);

            g_free(node->local);
            node->local = quoted;
            node->quoted = TRUE;
            node->shape = ROUTING_WELL_FORMED;
        }
    }
    if (routing_one_in(rand, 8))
        g_string_append(text, routing_one_in(rand, 2) ? "@hop.example,@[10.0.0.1]:" : "@own.com:");
    g_string_append(text, node->local);
    choose_domain(node, rand, text);
    node->text = g_string_free(g_steal_pointer(&text), FALSE);
}

RoutingNode *
routing_node_new(GRand *rand)
{
    RoutingNode *node = g_new0(RoutingNode, 1);

    fill_node(node, rand, 0);
    return node;
}

void
routing_random_host(GRand *rand, ImsAddress *out)
{
    g_assert_true(ims_address_parse(routing_pick(rand, hosts, G_N_ELEMENTS(hosts)), out));
}
