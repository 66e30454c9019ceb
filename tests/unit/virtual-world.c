#include "tests/unit/virtual-world.h"

#include <string.h>

static void
fill_hosts(ImsHostList *list, const char *text)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    for (guint i = 0; items[i] != NULL; i++)
        g_assert_true(ims_host_list_add(list, items[i], NULL));
}

/* "Name=space+space>host!": `>host` a smart host, `!` relay to these domains; a cost as in
 * "space%20". */
static void
add_connector(VirtualWorld *world, const char *text)
{
    g_auto(GStrv) pair = g_strsplit(text, "=", 2);
    gboolean relay = g_str_has_suffix(pair[1], "!");
    g_autofree char *rest = g_strndup(pair[1], strlen(pair[1]) - relay);
    g_auto(GStrv) parts = g_strsplit(rest, ">", 2);
    g_auto(GStrv) spaces = g_strsplit(parts[0], "+", -1);
    ImsConnector connector = {pair[0], parts[1], relay};
    guint number = ims_connector_list_add(world->connectors, &connector);

    for (guint i = 0; spaces[i] != NULL; i++) {
        g_auto(GStrv) cost = g_strsplit(spaces[i], "%", 2);

        g_assert_true(ims_connector_list_add_space(
            world->connectors, number, cost[0],
            cost[1] != NULL ? (guint)g_ascii_strtoull(cost[1], NULL, 10) : 1, NULL));
    }
}

static void
read_word(VirtualWorld *world, const char *word)
{
    ImsVirtualServerPolicy *policy = &world->policy;

    if (g_str_has_prefix(word, "connect-only:") || g_str_has_prefix(word, "connect-except:")) {
        policy->connection_mode = word[8] == 'o' ? IMS_HOSTS_ONLY : IMS_HOSTS_ALL_EXCEPT;
        fill_hosts(world->connection, strchr(word, ':') + 1);
    } else if (g_str_has_prefix(word, "only:")) {
        fill_hosts(world->relay, word + 5);
    } else if (g_str_has_prefix(word, "except:")) {
        fill_hosts(world->relay, word + 7);
        policy->relay_mode = IMS_HOSTS_ALL_EXCEPT;
    } else if (strcmp(word, "except") == 0) {
        policy->relay_mode = IMS_HOSTS_ALL_EXCEPT;
    } else if (strcmp(word, "no-auth") == 0) {
        policy->relay_authenticated = FALSE;
    } else if (g_str_has_prefix(word, "methods:")) {
        policy->authentication = (guint)g_ascii_strtoull(word + 8, NULL, 10);
    } else if (g_str_has_prefix(word, "shared:")) {
        g_assert_true(ims_mail_domains_add(world->domains, word + 7, FALSE, NULL));
    } else if (g_str_has_prefix(word, "domain:")) {
        g_assert_true(ims_mail_domains_add(world->domains, word + 7, TRUE, NULL));
    } else if (g_str_has_prefix(word, "connector:")) {
        add_connector(world, word + 10);
    } else if (strcmp(word, "risk") == 0) {
        policy->accept_historic_risk = TRUE;
    } else if (strcmp(word, "faithful") == 0) {
        policy->faithful = TRUE;
    } else if (strcmp(word, "no-default") == 0) {
        policy->default_domain = NULL;
    } else if (strcmp(word, "no-domain") != 0) {
        g_assert_cmpstr(word, ==, "");
    }
}

/* Own domain own.com, which is the default; the address of the server is 192.0.2.1. */
void
virtual_world_init(VirtualWorld *world, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    *world = (VirtualWorld){.connection = ims_host_list_new(),
                            .relay = ims_host_list_new(),
                            .domains = ims_mail_domains_new(),
                            .connectors = ims_connector_list_new()};
    ims_virtual_server_policy_init(&world->policy);
    g_assert_true(ims_address_parse("192.0.2.1", &world->own[0]));
    world->policy.connection_list = world->connection;
    world->policy.relay_list = world->relay;
    world->policy.domains = world->domains;
    world->policy.connectors = world->connectors;
    world->policy.default_domain = "own.com";
    world->policy.own_addresses = world->own;
    world->policy.n_own_addresses = 1;
    if (strstr(text, "no-domain") == NULL)
        g_assert_true(ims_mail_domains_add(world->domains, "own.com", TRUE, NULL));
    for (guint i = 0; words[i] != NULL; i++)
        read_word(world, words[i]);
}

void
virtual_world_clear(VirtualWorld *world)
{
    ims_host_list_free(world->connection);
    ims_host_list_free(world->relay);
    ims_mail_domains_free(world->domains);
    ims_connector_list_free(world->connectors);
}

/* "auth", "null", "guest", "window", "client:IP", "local:IP", "name:NAME" */
void
virtual_query_init(ImsRelayQuery *query, char **words, const char *recipient)
{
    *query = (ImsRelayQuery){.recipient = recipient};
    g_assert_true(ims_address_parse("203.0.113.66", &query->client));
    g_assert_true(ims_address_parse("192.0.2.1", &query->local));
    for (guint i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], "auth") == 0)
            query->authenticated = TRUE;
        else if (strcmp(words[i], "null") == 0)
            query->null_session = TRUE;
        else if (strcmp(words[i], "guest") == 0)
            query->guest_logon = TRUE;
        else if (strcmp(words[i], "window") == 0)
            query->logon_window = TRUE;
        else if (g_str_has_prefix(words[i], "client:"))
            g_assert_true(ims_address_parse(words[i] + 7, &query->client));
        else if (g_str_has_prefix(words[i], "local:"))
            g_assert_true(ims_address_parse(words[i] + 6, &query->local));
        else if (g_str_has_prefix(words[i], "name:"))
            query->client_name = words[i] + 5;
        else
            g_assert_cmpstr(words[i], ==, "");
    }
}
