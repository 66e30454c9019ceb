/* Whole verdicts over lists that the input makes: whatever they hold, each verdict can be told,
 * answered and audited. */
#include <string.h>

#include "routing/audit.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

typedef struct {
    ImsRelayPolicy ims;
    ImsVirtualServerPolicy server;
    ImsRoutingList *list;
    ImsNetList *nets[3];
    ImsHostList *hosts[2];
    ImsMailDomains *domains;
    ImsConnectorList *connectors;
    ImsAddress own;
} Policies;

static void
init(Policies *policies, const guint8 bits[4])
{
    static const ImsConnector connector = {"C", "mail.own.example", TRUE};
    ImsRelayPolicy *ims = &policies->ims;
    ImsVirtualServerPolicy *server = &policies->server;
    const ImsBuildRow *row = ims_build_row(bits[3] % 10);

    *policies = (Policies){.list = ims_routing_list_new(),
                           .domains = ims_mail_domains_new(),
                           .connectors = ims_connector_list_new()};
    for (guint i = 0; i < 3; i++)
        policies->nets[i] = ims_net_list_new();
    for (guint i = 0; i < 2; i++)
        policies->hosts[i] = ims_host_list_new();
    ims_connector_list_add(policies->connectors, &connector);
    g_assert(ims_address_parse("192.0.2.1", &policies->own));
    *ims = (ImsRelayPolicy){.reroute = bits[0] >> 4 & 1,
                            .list = policies->list,
                            .relay_flags = bits[0] & 15,
                            .deny = policies->nets[0],
                            .allow = policies->nets[1],
                            .local = policies->nets[2],
                            .faithful = bits[0] >> 5 & 1,
                            .accept_historic_risk = bits[0] >> 6 & 1,
                            .accept_malformed = bits[0] >> 7 & 1,
                            .fold_inbound = bits[1] & 1,
                            .smart_host = bits[1] >> 1 & 1,
                            .logon_authorizes_relay = bits[1] >> 2 & 1,
                            .ip_forwarding = bits[1] >> 3 & 1,
                            .site_domain = bits[1] >> 4 & 1 ? "own.com" : NULL,
                            .own_addresses = &policies->own,
                            .n_own_addresses = 1,
                            .build = row != NULL ? row->build : 0};
    ims_virtual_server_policy_init(server);
    server->connection_list = policies->hosts[0];
    server->relay_list = policies->hosts[1];
    server->relay_mode = bits[1] >> 5 & 1 ? IMS_HOSTS_ONLY : IMS_HOSTS_ALL_EXCEPT;
    server->authentication = bits[2] & 7;
    server->domains = policies->domains;
    server->connectors = policies->connectors;
    server->default_domain = ims->site_domain;
    server->own_addresses = &policies->own;
    server->n_own_addresses = 1;
    server->faithful = ims->faithful;
    server->accept_historic_risk = ims->accept_historic_risk;
}

static void
clear(Policies *policies)
{
    ims_routing_list_free(policies->list);
    for (guint i = 0; i < 3; i++)
        ims_net_list_free(policies->nets[i]);
    for (guint i = 0; i < 2; i++)
        ims_host_list_free(policies->hosts[i]);
    ims_mail_domains_free(policies->domains);
    ims_connector_list_free(policies->connectors);
}

/* "R domain action", "D net", "A net", "L net", "C host", "H host", "O domain", "S space" */
static void
read_line(Policies *policies, const char *line)
{
    g_autoptr(GError) error = NULL;
    const char *text = line + 1;
    gboolean added = TRUE;

    switch (line[0]) {
    case 'R': {
        g_auto(GStrv) words = g_strsplit(text, " ", 2);

        if (words[0] != NULL && words[1] != NULL)
            added = ims_routing_list_add(policies->list, words[0], words[1], 1, &error);
        break;
    }
    case 'D':
        added = ims_net_list_add(policies->nets[0], text, &error);
        break;
    case 'A':
        added = ims_net_list_add(policies->nets[1], text, &error);
        break;
    case 'L':
        added = ims_net_list_add(policies->nets[2], text, &error);
        break;
    case 'C':
        added = ims_host_list_add(policies->hosts[0], text, &error);
        break;
    case 'H':
        added = ims_host_list_add(policies->hosts[1], text, &error);
        break;
    case 'O':
        added = ims_mail_domains_add(policies->domains, text, TRUE, &error);
        break;
    case 'S':
        added = ims_connector_list_add_space(policies->connectors, 0, text, 1, &error);
        break;
    default:
        break;
    }
    g_assert(added == (error == NULL));
}

static void
check(const ImsRelayQuery *query, const ImsRelayVerdict *verdict, GPtrArray *lines)
{
    g_autofree char *reply = ims_relay_verdict_reply_text(verdict, query);

    g_assert(strpbrk(reply, "\r\n") == NULL);
    g_assert((verdict->kind == IMS_VERDICT_REFUSE) == (reply[0] != '2'));
    g_assert(lines->len == verdict->n_steps && lines->len > 0);
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = g_ptr_array_index(lines, i);

        g_assert((strcmp(line->outcome, "decides") == 0) == (i == lines->len - 1));
    }
    g_ptr_array_unref(lines);
}

static void
check_audit(GPtrArray *found)
{
    for (guint i = 0; i < found->len; i++) {
        g_autofree char *text = ims_audit_format(g_ptr_array_index(found, i));

        g_assert(text[0] != '\0');
    }
    g_ptr_array_unref(found);
}

static void
judge(const Policies *policies, const char *recipient, guint8 bits)
{
    static const ImsAuditContext context = {.host_name = "mail.own.example"};
    ImsRelayQuery query = {.recipient = recipient,
                           .authenticated = bits & 1,
                           .logon_window = bits >> 1 & 1,
                           .in_directory = bits >> 2 & 1,
                           .guest_logon = bits >> 3 & 1,
                           .null_session = bits >> 4 & 1,
                           .client_name = bits >> 5 & 1 ? recipient : NULL};
    g_auto(ImsRelayVerdict) verdict = {0}, server_verdict = {0};

    g_assert(ims_address_parse(bits >> 6 & 1 ? "127.0.0.1" : "203.0.113.66", &query.client));
    g_assert(ims_address_parse(bits >> 7 & 1 ? "127.0.0.1" : "192.0.2.1", &query.local));
    ims_relay_decide(&policies->ims, &query, &verdict);
    check(&query, &verdict, ims_relay_explain(&policies->ims, &query, &verdict));
    /* without the faithful profile no weakness but an open policy admits anyone */
    g_assert(policies->ims.faithful || verdict.weakness == NULL ||
             verdict.reason == IMS_REASON_OPEN || verdict.reason == IMS_REASON_DENY_ONLY);
    ims_virtual_server_decide(&policies->server, &query, &server_verdict);
    check(&query, &server_verdict,
          ims_virtual_server_explain(&policies->server, &query, &server_verdict));
    (void)ims_virtual_server_connect(&policies->server, &query.client, query.client_name, NULL);
    check_audit(ims_relay_audit(&policies->ims, &context));
    check_audit(ims_virtual_server_audit(&policies->server, &context));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    Policies policies;
    guint last;

    if (size < 5)
        return 0;
    text = g_strndup((const char *)data + 5, size - 5);
    lines = g_strsplit(text, "\n", 64);
    last = g_strv_length(lines);
    init(&policies, data);
    for (guint i = 0; i + 1 < last; i++)
        read_line(&policies, lines[i]);
    judge(&policies, last > 0 ? lines[last - 1] : "", data[4]);
    clear(&policies);
    return 0;
}
