/* What a verdict costs: ns each, with a routing list of ten thousand domains and the lists of nets
 * in use. */
#include <stdio.h>

#include "routing/relay.h"

#define N_DOMAINS 10000u
#define N_NETS 1000u
#define ROUNDS 2000000u

int
main(void)
{
    static const char *const forms[] = {"user@d%u.example.com", "user@a.b.d%u.example.com",
                                        "user@d%u.elsewhere.example", "user@r%u.example.com"};
    g_autoptr(ImsRoutingList) list = ims_routing_list_new();
    g_autoptr(ImsNetList) allow = ims_net_list_new();
    g_autoptr(GPtrArray) recipients = g_ptr_array_new_with_free_func(g_free);
    ImsRelayPolicy policy = {.reroute = TRUE,
                             .list = list,
                             .relay_flags = IMS_RELAY_FLAG_ALLOW | IMS_RELAY_FLAG_AUTHENTICATED,
                             .allow = allow,
                             .fold_inbound = TRUE};
    ImsRelayQuery query = {0};
    guint refused = 0;
    gint64 start, nsec;

    for (guint i = 0; i < N_DOMAINS; i++) {
        g_autofree char *domain =
            g_strdup_printf(i % 10 == 9 ? "r%u.example.com" : "d%u.example.com", i);

        ims_routing_list_add(list, domain, i % 10 == 9 ? "target.example" : "<inbound>", 0, NULL);
    }
    for (guint i = 0; i < N_NETS; i++) {
        g_autofree char *net = g_strdup_printf("10.%u.%u.0;255.255.255.0", i / 256, i % 256);

        ims_net_list_add(allow, net, NULL);
    }
    for (guint i = 0; i < 1024; i++) {
        g_autofree char *number = g_strdup_printf("%u", i * 9 % N_DOMAINS);
        g_auto(GStrv) parts = g_strsplit(forms[i % G_N_ELEMENTS(forms)], "%u", 2);

        g_ptr_array_add(recipients, g_strconcat(parts[0], number, parts[1], NULL));
    }
    ims_address_parse("203.0.113.66", &query.client);
    ims_address_parse("192.0.2.1", &query.local);
    start = g_get_monotonic_time();
    for (guint i = 0; i < ROUNDS; i++) {
        ImsRelayVerdict verdict;

        query.recipient = g_ptr_array_index(recipients, i % recipients->len);
        ims_relay_decide(&policy, &query, &verdict);
        refused += verdict.kind == IMS_VERDICT_REFUSE;
        ims_relay_verdict_clear(&verdict);
    }
    nsec = (g_get_monotonic_time() - start) * 1000;
    printf("verdict: %" G_GINT64_FORMAT " ns each, %u domains, %u nets, %u of %u refused\n",
           nsec / ROUNDS, N_DOMAINS, N_NETS, refused, ROUNDS);
    return 0;
}
