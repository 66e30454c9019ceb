/*
 * The verdict of a virtual server against a second, simple-minded formulation, over random policies
 * and requests. The second one keeps its lists as arrays, scans them, and knows how the address was
 * made.
 */
#include <string.h>

#include "routing/virtual-server.h"
#include "tests/unit/routing-model.h"

#define ROUNDS_SHORT 200000u
#define ROUNDS_LONG 1000000u
#define ROUNDS_A_POLICY 20u
#define LEAST 1000u /* of each reason */
#define MOST 6

typedef struct {
    guint32 net, mask;
    const char *domain; /* NULL: net and mask */
} Host;

typedef struct {
    const char *name; /* without `*.`; "" for `*` */
    gboolean below;   /* with it */
    gboolean shared;
    guint connector, cost;
} Pattern;

typedef struct {
    ImsVirtualServerPolicy policy;
    ImsHostList *lists[2]; /* connection, relay */
    Host hosts[2][MOST];
    gint n_hosts[2];
    ImsMailDomains *domains;
    Pattern own[MOST], spaces[MOST];
    gint n_own, n_spaces;
    ImsConnectorList *connectors;
    gboolean relays[3];
    ImsAddress address;
} Model;

typedef struct {
    char *text, *local, *domain; /* @domain NULL: bare */
    gboolean literal, malformed, double_at;
} Address;

static const char *const names[] = {"own.com",       "a.own.com", "far.example",
                                    "b.far.example", "example",   "c.b.far.example"};
static const char *const client_names[] = {"own.com",       "mx.own.com",   "far.example",
                                           "b.far.example", "xfar.example", "other"};

/* ---- making ---- */

static void
add_hosts(Model *model, guint which, GRand *rand)
{
    static const guint32 masks[] = {0xffffffff, 0xffffff00, 0xff000000, 0xfffffffe, 0x00ff0001};

    model->lists[which] = ims_host_list_new();
    model->n_hosts[which] = g_rand_int_range(rand, 0, MOST);
    for (gint i = 0; i < model->n_hosts[which]; i++) {
        Host *host = &model->hosts[which][i];
        g_autofree char *text = NULL;
        ImsAddress address;

        if (routing_one_in(rand, 3)) {
            host->domain = routing_pick(rand, names, G_N_ELEMENTS(names));
            text = g_strconcat(routing_one_in(rand, 2) ? "." : "", host->domain, NULL);
        } else {
            routing_random_host(rand, &address);
            host->net = routing_number_of(&address);
            host->mask = masks[g_rand_int_range(rand, 0, G_N_ELEMENTS(masks))];
            text =
                g_strdup_printf("%u.%u.%u.%u;%u.%u.%u.%u", host->net >> 24, host->net >> 16 & 255,
                                host->net >> 8 & 255, host->net & 255, host->mask >> 24,
                                host->mask >> 16 & 255, host->mask >> 8 & 255, host->mask & 255);
        }
        g_assert_true(ims_host_list_add(model->lists[which], text, NULL));
    }
}

static char *
pattern_text(const Pattern *pattern)
{
    return pattern->name[0] == '\0' ? g_strdup("*")
                                    : g_strconcat(pattern->below ? "*." : "", pattern->name, NULL);
}

static void
add_domains(Model *model, GRand *rand)
{
    gint n = g_rand_int_range(rand, 0, MOST);

    model->domains = ims_mail_domains_new();
    for (gint i = 0; i < n; i++) {
        Pattern pattern = {.name = routing_pick(rand, names, G_N_ELEMENTS(names)),
                           .below = routing_one_in(rand, 4),
                           .shared = routing_one_in(rand, 3)};
        g_autofree char *text = pattern_text(&pattern);

        if (ims_mail_domains_add(model->domains, text, !pattern.shared, NULL))
            model->own[model->n_own++] = pattern;
    }
}

static void
add_connectors(Model *model, GRand *rand)
{
    gint n = g_rand_int_range(rand, 0, MOST);

    model->connectors = ims_connector_list_new();
    for (guint i = 0; i < G_N_ELEMENTS(model->relays); i++) {
        ImsConnector connector = {"C", NULL, model->relays[i] = routing_one_in(rand, 2)};

        ims_connector_list_add(model->connectors, &connector);
    }
    for (gint i = 0; i < n; i++) {
        Pattern pattern = {
            .name = routing_one_in(rand, 6) ? "" : routing_pick(rand, names, G_N_ELEMENTS(names)),
            .below = routing_one_in(rand, 3),
            .connector = (guint)g_rand_int_range(rand, 0, 3),
            .cost = (guint)g_rand_int_range(rand, 1, 4)};
        g_autofree char *text = pattern_text(&pattern);

        g_assert_true(ims_connector_list_add_space(model->connectors, pattern.connector, text,
                                                   pattern.cost, NULL));
        model->spaces[model->n_spaces++] = pattern;
    }
}

static void
model_init(Model *model, GRand *rand)
{
    *model = (Model){0};
    add_hosts(model, 0, rand);
    add_hosts(model, 1, rand);
    add_domains(model, rand);
    add_connectors(model, rand);
    ims_address_parse("192.0.2.1", &model->address);
    model->policy = (ImsVirtualServerPolicy){
        .connection_mode = routing_one_in(rand, 2) ? IMS_HOSTS_ONLY : IMS_HOSTS_ALL_EXCEPT,
        .connection_list = model->lists[0],
        .relay_mode = routing_one_in(rand, 2) ? IMS_HOSTS_ONLY : IMS_HOSTS_ALL_EXCEPT,
        .relay_list = model->lists[1],
        .relay_authenticated = routing_one_in(rand, 2),
        .authentication = (guint)g_rand_int_range(rand, 0, 8) | (routing_one_in(rand, 6) ? 0 : 1),
        .domains = model->domains,
        .default_domain = routing_one_in(rand, 5) ? NULL : "own.com",
        .connectors = model->connectors,
        .own_addresses = &model->address,
        .n_own_addresses = 1,
        .faithful = routing_one_in(rand, 2),
        .accept_historic_risk = routing_one_in(rand, 3),
    };
}

static void
model_clear(Model *model)
{
    ims_host_list_free(model->lists[0]);
    ims_host_list_free(model->lists[1]);
    ims_mail_domains_free(model->domains);
    ims_connector_list_free(model->connectors);
}

static void
address_init(Address *address, GRand *rand)
{
    static const char *const locals[] = {"u", "u%far.example", "far.example!u", "\"u@far.example\"",
                                         "IMCEASMTP-u+40far+2Eexample"};
    static const char *const bad[] = {"u v", "u\x01", "u(", "\xe4", "", "u:"};
    g_autoptr(GString) text = g_string_new(routing_one_in(rand, 8) ? "@hop.example:" : "");
    ImsAddress host;
    char buffer[IMS_ADDRESS_STRLEN];

    *address = (Address){.malformed = routing_one_in(rand, 20)};
    address->double_at = !address->malformed && routing_one_in(rand, 12);
    address->local =
        g_strdup(address->malformed   ? routing_pick(rand, bad, G_N_ELEMENTS(bad))
                 : address->double_at ? "u@far.example"
                                      : routing_pick(rand, locals, G_N_ELEMENTS(locals)));
    g_string_append(text, address->local);
    if (routing_one_in(rand, 6)) {
        address->literal = TRUE;
        routing_random_host(rand, &host);
        address->domain = g_strdup(ims_address_format(&host, buffer));
        g_string_append_printf(text, "@[%s]", address->domain);
    } else if (!routing_one_in(rand, 6) || address->double_at || address->malformed) {
        g_autofree char *upper = NULL;

        address->domain = g_strdup(routing_pick(rand, names, G_N_ELEMENTS(names)));
        upper = g_ascii_strup(address->domain, -1);
        g_string_append_printf(text, "@%s%s", routing_one_in(rand, 3) ? upper : address->domain,
                               routing_one_in(rand, 6) ? "." : "");
    }
    address->text = g_string_free(g_steal_pointer(&text), FALSE);
}

static void
address_clear(Address *address)
{
    g_free(address->text);
    g_free(address->local);
    g_free(address->domain);
}

/* ---- the second formulation ---- */

static gboolean
ends_below(const char *name, const char *domain)
{
    g_autofree char *ending = g_strconcat(".", domain, NULL);

    return g_str_has_suffix(name, ending);
}

static guint
scan_hosts(const Model *model, guint which, const ImsRelayQuery *query)
{
    for (gint i = 0; i < model->n_hosts[which]; i++) {
        const Host *host = &model->hosts[which][i];

        if (host->domain != NULL
                ? query->client_name != NULL && (strcmp(query->client_name, host->domain) == 0 ||
                                                 ends_below(query->client_name, host->domain))
                : query->client.family == 4 &&
                      ((routing_number_of(&query->client) ^ host->net) & host->mask) == 0)
            return (guint)i + 1;
    }
    return 0;
}

/* The pattern closest to @domain; among equals the cheapest, then the first. */
static const Pattern *
scan_patterns(const Pattern *patterns, gint n, const char *domain)
{
    const Pattern *best = NULL;
    gsize best_rank = 0;

    for (gint i = 0; i < n; i++) {
        const Pattern *pattern = &patterns[i];
        gboolean all = pattern->name[0] == '\0';
        gsize rank = all                                  ? 1
                     : pattern->below                     ? 2 + strlen(pattern->name)
                     : strcmp(pattern->name, domain) == 0 ? 1000
                                                          : 0;

        if (!all && pattern->below && !ends_below(domain, pattern->name))
            rank = 0;
        if (rank > best_rank || (rank != 0 && rank == best_rank && pattern->cost < best->cost)) {
            best = pattern;
            best_rank = rank;
        }
    }
    return best;
}

typedef struct {
    ImsVerdictKind kind;
    ImsRelayReason reason;
    gboolean weak;
    guint item;
} Expected;

static Expected
expect_foreign(const Model *model, const ImsRelayQuery *query, const Address *address)
{
    const ImsVirtualServerPolicy *policy = &model->policy;
    const Pattern *space =
        address->literal ? NULL : scan_patterns(model->spaces, model->n_spaces, address->domain);
    gboolean relays = space != NULL && model->relays[space->connector];
    gboolean opened = relays && space->name[0] == '\0';
    gboolean served =
        policy->accept_historic_risk || (query->client.bytes[0] == 127 &&
                                         query->client.family == 4 && query->local.bytes[0] == 127);
    gboolean only = policy->relay_mode == IMS_HOSTS_ONLY;
    guint item = scan_hosts(model, 1, query);

    if (relays && !opened)
        return (Expected){IMS_VERDICT_REROUTE, IMS_REASON_CONNECTOR, FALSE, 0};
    if (policy->relay_authenticated && query->authenticated && policy->authentication > 1)
        return (Expected){IMS_VERDICT_REROUTE, IMS_REASON_AUTHENTICATED, FALSE, 0};
    if (only && item != 0)
        return (Expected){IMS_VERDICT_REROUTE, IMS_REASON_RELAY_LIST, FALSE, item};
    if (opened || (!only && item == 0)) {
        if (!served)
            return (Expected){IMS_VERDICT_REFUSE, IMS_REASON_OPEN_CLOSED, FALSE, 0};
        return (Expected){IMS_VERDICT_REROUTE,
                          opened ? IMS_REASON_CONNECTOR : IMS_REASON_NOT_EXCEPTED, TRUE, 0};
    }
    return (Expected){IMS_VERDICT_REFUSE, only ? IMS_REASON_NO_RULE : IMS_REASON_EXCEPTED, FALSE,
                      item};
}

static Expected
expect(const Model *model, const ImsRelayQuery *query, const Address *address)
{
    const ImsVirtualServerPolicy *policy = &model->policy;
    const Pattern *own;

    if (address->malformed || (address->double_at && !policy->faithful))
        return (Expected){IMS_VERDICT_REFUSE, IMS_REASON_MALFORMED, FALSE, 0};
    if (policy->authentication % 2 == 0 && !(query->authenticated && policy->authentication != 0))
        return (Expected){IMS_VERDICT_REFUSE, IMS_REASON_NO_SUBMIT, FALSE, 0};
    if (address->domain == NULL)
        return (Expected){IMS_VERDICT_DELIVER, IMS_REASON_BARE_LOCAL, FALSE, 0};
    if (address->literal && strcmp(address->domain, "192.0.2.1") == 0)
        return (Expected){IMS_VERDICT_DELIVER, IMS_REASON_OWN_LITERAL, FALSE, 0};
    own = address->literal ? NULL : scan_patterns(model->own, model->n_own, address->domain);
    if (own != NULL)
        return (Expected){IMS_VERDICT_DELIVER,
                          own->shared ? IMS_REASON_SHARED_DOMAIN : IMS_REASON_INBOUND, FALSE, 0};
    return expect_foreign(model, query, address);
}

/* ---- the rounds ---- */

static void
one_round(const Model *model, GRand *rand, guint *counts)
{
    g_auto(ImsRelayVerdict) verdict = {0};
    ImsRelayQuery query = {.authenticated = routing_one_in(rand, 3)};
    guint entry, wanted_entry;
    Expected wanted;
    Address address;

    address_init(&address, rand);
    query.recipient = address.text;
    routing_random_host(rand, &query.client);
    routing_random_host(rand, &query.local);
    if (routing_one_in(rand, 12))
        ims_address_parse("2001:db8::9", &query.client);
    if (!routing_one_in(rand, 3))
        query.client_name = routing_pick(rand, client_names, G_N_ELEMENTS(client_names));
    wanted = expect(model, &query, &address);
    ims_virtual_server_decide(&model->policy, &query, &verdict);
    if (verdict.kind != wanted.kind || verdict.reason != wanted.reason ||
        (verdict.weakness != NULL) != wanted.weak || verdict.list_entry != wanted.item) {
        g_test_message("<%s>: %s, expected %s", address.text, ims_relay_reason_word(verdict.reason),
                       ims_relay_reason_word(wanted.reason));
        g_test_fail();
    }
    if (verdict.local != NULL && address.domain != NULL)
        g_assert_cmpstr(verdict.domain, ==, address.domain);
    counts[verdict.reason]++;
    wanted_entry = scan_hosts(model, 0, &query);
    g_assert_cmpint(
        ims_virtual_server_connect(&model->policy, &query.client, query.client_name, &entry), ==,
        (model->policy.connection_mode == IMS_HOSTS_ONLY) == (wanted_entry != 0));
    g_assert_cmpuint(entry, ==, wanted_entry);
    address_clear(&address);
}

static void
test_property(void)
{
    static const ImsRelayReason reasons[] = {
        IMS_REASON_MALFORMED,     IMS_REASON_BARE_LOCAL,    IMS_REASON_OWN_LITERAL,
        IMS_REASON_INBOUND,       IMS_REASON_SHARED_DOMAIN, IMS_REASON_CONNECTOR,
        IMS_REASON_AUTHENTICATED, IMS_REASON_RELAY_LIST,    IMS_REASON_NOT_EXCEPTED,
        IMS_REASON_EXCEPTED,      IMS_REASON_NO_RULE,       IMS_REASON_OPEN_CLOSED,
        IMS_REASON_NO_SUBMIT,
    };
    guint rounds = g_getenv("IMS_TEST_LONG") != NULL ? ROUNDS_LONG : ROUNDS_SHORT;
    g_autoptr(GRand) rand = g_rand_new_with_seed(2000);
    guint counts[IMS_N_REASONS] = {0};

    for (guint done = 0; done < rounds && !g_test_failed(); done += ROUNDS_A_POLICY) {
        Model model;

        model_init(&model, rand);
        for (guint i = 0; i < ROUNDS_A_POLICY; i++)
            one_round(&model, rand, counts);
        model_clear(&model);
    }
    for (guint i = 0; i < G_N_ELEMENTS(reasons); i++) {
        g_test_message("%s: %u", ims_relay_reason_word(reasons[i]), counts[reasons[i]]);
        g_assert_cmpuint(counts[reasons[i]], >=, LEAST);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routing/virtual/property", test_property);
    return g_test_run();
}
