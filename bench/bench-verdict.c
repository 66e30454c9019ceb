/* What a verdict costs: ns each, with ten thousand domains and the lists of nets in use. */
#include <stdio.h>

#include "routing/virtual-server.h"

#define N_DOMAINS 10000u
#define N_NETS 1000u
#define N_RECIPIENTS 1024u
#define ROUNDS 2000000u

typedef struct {
    ImsRelayPolicy ims;
    ImsVirtualServerPolicy server;
    ImsRoutingList *list;
    ImsNetList *allow;
    ImsMailDomains *domains;
    ImsHostList *hosts;
    ImsConnectorList *connectors;
    GPtrArray *recipients;
} Bench;

static void
fill_domains(Bench *bench)
{
    ImsConnector connector = {"partners", "gw.example.net", TRUE};
    guint number = ims_connector_list_add(bench->connectors, &connector);

    for (guint i = 0; i < N_DOMAINS; i++) {
        gboolean rerouted = i % 10 == 9;
        g_autofree char *domain =
            g_strdup_printf(rerouted ? "r%u.example.com" : "d%u.example.com", i);

        ims_routing_list_add(bench->list, domain, rerouted ? "target.example" : "<inbound>", 0,
                             NULL);
        if (rerouted)
            ims_connector_list_add_space(bench->connectors, number, domain, 1, NULL);
        else
            ims_mail_domains_add(bench->domains, domain, TRUE, NULL);
    }
}

static void
fill_recipients(Bench *bench)
{
    static const char *const forms[][2] = {
        {"user@d",     ".example.com"      },
        {"user@a.b.d", ".example.com"      },
        {"user@d",     ".elsewhere.example"},
        {"user@r",     ".example.com"      }
    };

    bench->recipients = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < N_RECIPIENTS; i++) {
        const char *const *form = forms[i % G_N_ELEMENTS(forms)];

        g_ptr_array_add(bench->recipients,
                        g_strdup_printf("%s%u%s", form[0], i * 9 % N_DOMAINS, form[1]));
    }
}

static void
bench_init(Bench *bench)
{
    *bench = (Bench){.list = ims_routing_list_new(),
                     .allow = ims_net_list_new(),
                     .domains = ims_mail_domains_new(),
                     .hosts = ims_host_list_new(),
                     .connectors = ims_connector_list_new()};
    fill_domains(bench);
    fill_recipients(bench);
    for (guint i = 0; i < N_NETS; i++) {
        g_autofree char *net = g_strdup_printf("10.%u.%u.0;255.255.255.0", i / 256, i % 256);

        ims_net_list_add(bench->allow, net, NULL);
        ims_host_list_add(bench->hosts, net, NULL);
    }
    bench->ims =
        (ImsRelayPolicy){.reroute = TRUE,
                         .list = bench->list,
                         .relay_flags = IMS_RELAY_FLAG_ALLOW | IMS_RELAY_FLAG_AUTHENTICATED,
                         .allow = bench->allow,
                         .fold_inbound = TRUE};
    ims_virtual_server_policy_init(&bench->server);
    bench->server.relay_list = bench->hosts;
    bench->server.domains = bench->domains;
    bench->server.connectors = bench->connectors;
}

static void
bench_clear(Bench *bench)
{
    ims_routing_list_free(bench->list);
    ims_net_list_free(bench->allow);
    ims_mail_domains_free(bench->domains);
    ims_host_list_free(bench->hosts);
    ims_connector_list_free(bench->connectors);
    g_ptr_array_unref(bench->recipients);
}

static void
run(const Bench *bench, const char *name, gboolean virtual_server)
{
    ImsRelayQuery query = {0};
    guint refused = 0;
    gint64 start, nsec;

    ims_address_parse("203.0.113.66", &query.client);
    ims_address_parse("192.0.2.1", &query.local);
    start = g_get_monotonic_time();
    for (guint i = 0; i < ROUNDS; i++) {
        ImsRelayVerdict verdict;

        query.recipient = g_ptr_array_index(bench->recipients, i % N_RECIPIENTS);
        if (virtual_server)
            ims_virtual_server_decide(&bench->server, &query, &verdict);
        else
            ims_relay_decide(&bench->ims, &query, &verdict);
        refused += verdict.kind == IMS_VERDICT_REFUSE;
        ims_relay_verdict_clear(&verdict);
    }
    nsec = (g_get_monotonic_time() - start) * 1000;
    printf("%s: %" G_GINT64_FORMAT " ns each, %u domains, %u nets, %u of %u refused\n", name,
           nsec / ROUNDS, N_DOMAINS, N_NETS, refused, ROUNDS);
}

int
main(void)
{
    Bench bench;

    bench_init(&bench);
    run(&bench, "verdict", FALSE);
    bench.ims.build = IMS_BUILD_SP1;
    run(&bench, "verdict of 5.5 SP1", FALSE);
    run(&bench, "verdict of a virtual server", TRUE);
    bench_clear(&bench);
    return 0;
}
