#include "tests/unit/routing-world.h"

#include <string.h>

void
routing_world_clear(RoutingWorld *world)
{
    ims_routing_list_free(world->list);
    ims_net_list_free(world->allow);
    ims_net_list_free(world->deny);
    ims_net_list_free(world->local);
}

static void
fill_nets(ImsNetList *list, const char *text)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    for (guint i = 0; items[i] != NULL; i++)
        g_assert_true(ims_net_list_add(list, items[i], NULL));
}

static void
fill_routes(ImsRoutingList *list, const char *text)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    for (guint i = 0; items[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(items[i], "=", 2);

        g_assert_true(ims_routing_list_add(list, pair[0], pair[1], i + 10, NULL));
    }
}

void
routing_world_init(RoutingWorld *world, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    ImsRelayPolicy *policy = &world->policy;

    *world = (RoutingWorld){.list = ims_routing_list_new(),
                            .allow = ims_net_list_new(),
                            .deny = ims_net_list_new(),
                            .local = ims_net_list_new()};
    *policy = (ImsRelayPolicy){.reroute = TRUE,
                               .list = world->list,
                               .allow = world->allow,
                               .deny = world->deny,
                               .local = world->local,
                               .logon_authorizes_relay = TRUE,
                               .fold_inbound = TRUE,
                               .site_domain = "own.com",
                               .n_own_addresses = 2};
    g_assert_true(ims_address_parse("192.0.2.1", &world->own[0]));
    g_assert_true(ims_address_parse("2001:db8::1", &world->own[1]));
    policy->own_addresses = world->own;
    for (guint i = 0; words[i] != NULL; i++) {
        const char *word = words[i];

        if (g_str_has_prefix(word, "list:"))
            fill_routes(world->list, word + 5);
        else if (g_str_has_prefix(word, "flags:"))
            policy->relay_flags = (guint)g_ascii_strtoull(word + 6, NULL, 10);
        else if (g_str_has_prefix(word, "allow:"))
            fill_nets(world->allow, word + 6);
        else if (g_str_has_prefix(word, "deny:"))
            fill_nets(world->deny, word + 5);
        else if (g_str_has_prefix(word, "local:"))
            fill_nets(world->local, word + 6);
        else if (strcmp(word, "do-not-reroute") == 0)
            policy->reroute = FALSE;
        else if (strcmp(word, "faithful") == 0)
            policy->faithful = TRUE;
        else if (strcmp(word, "risk") == 0)
            policy->accept_historic_risk = TRUE;
        else if (strcmp(word, "lax") == 0)
            policy->accept_malformed = TRUE;
        else if (strcmp(word, "forwarding") == 0)
            policy->ip_forwarding = TRUE;
        else if (strcmp(word, "no-window") == 0)
            policy->logon_authorizes_relay = FALSE;
        else if (strcmp(word, "no-fold") == 0)
            policy->fold_inbound = FALSE;
        else if (g_str_has_prefix(word, "build:"))
            g_assert_true(ims_build_parse(word + 6, &policy->build, NULL));
        else if (strcmp(word, "smart-host") == 0)
            policy->smart_host = TRUE;
        else if (strcmp(word, "no-site") == 0)
            policy->site_domain = NULL;
        else
            g_assert_cmpstr(word, ==, "");
    }
}

void
routing_query_init(ImsRelayQuery *query, const char *text, const char *recipient)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    *query = (ImsRelayQuery){.recipient = recipient};
    g_assert_true(ims_address_parse("203.0.113.66", &query->client));
    g_assert_true(ims_address_parse("192.0.2.1", &query->local));
    for (guint i = 0; words[i] != NULL; i++) {
        const char *word = words[i];

        if (g_str_has_prefix(word, "client:"))
            g_assert_true(ims_address_parse(word + 7, &query->client));
        else if (g_str_has_prefix(word, "local:"))
            g_assert_true(ims_address_parse(word + 6, &query->local));
        else if (g_str_has_prefix(word, "count:"))
            query->recipient_count = (guint)g_ascii_strtoull(word + 6, NULL, 10);
        else if (strcmp(word, "auth") == 0)
            query->authenticated = TRUE;
        else if (strcmp(word, "window") == 0)
            query->logon_window = TRUE;
        else if (strcmp(word, "guest") == 0)
            query->guest_logon = TRUE;
        else if (strcmp(word, "null") == 0)
            query->null_session = TRUE;
        else if (strcmp(word, "directory") == 0)
            query->in_directory = TRUE;
        else
            g_assert_cmpstr(word, ==, "");
    }
}

char *
routing_verdict_describe(const ImsRelayVerdict *verdict)
{
    static const char *const kinds[] = {"deliver", "reroute", "directory", "refuse"};
    g_autofree char *address = ims_relay_verdict_address(verdict);

    return g_strdup_printf("%s %s %s%s%s", kinds[verdict->kind],
                           ims_relay_reason_word(verdict->reason), address != NULL ? address : "-",
                           verdict->weakness != NULL ? " " : "",
                           verdict->weakness != NULL ? verdict->weakness : "");
}

void
routing_verdict_check(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                      const ImsRelayVerdict *verdict)
{
    g_autofree char *reply = ims_relay_verdict_reply_text(verdict, query);
    g_autoptr(GPtrArray) lines = ims_relay_explain(policy, query, verdict);
    static const char *const codes[] = {"250 ", "550 ", "553 ", "452 "};

    g_assert_true(g_str_has_prefix(reply, codes[verdict->reply]));
    /* the IMS had no enhanced status codes */
    g_assert_false(g_regex_match_simple("^[0-9]{3} [245]\\.[0-9]", reply, 0, 0));
    g_assert_true((verdict->kind == IMS_VERDICT_REFUSE) == (verdict->reply != IMS_REPLY_RCPT_OK));
    g_assert_cmpuint(lines->len, ==, verdict->n_steps);
    g_assert_cmpuint(lines->len, >, 0);
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = g_ptr_array_index(lines, i);

        g_assert_null(strpbrk(line->text, "{}\r\n"));
        g_assert_nonnull(line->fact);
        g_assert_nonnull(line->source);
        g_assert_true((strcmp(line->outcome, "decides") == 0) == (i == lines->len - 1));
    }
    g_assert_cmpstr(ims_relay_verdict_source(verdict), !=, "");
}
