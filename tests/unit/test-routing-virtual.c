/* Virtual servers and connectors, fact by fact: section 9 of the history of routing, and section 10
 * for Exchange 2000. */
#include <string.h>

#include "tests/unit/virtual-world.h"

static void
check_verdict(const VirtualWorld *world, const ImsRelayQuery *query, const ImsRelayVerdict *verdict)
{
    g_autoptr(GPtrArray) lines = ims_virtual_server_explain(&world->policy, query, verdict);
    g_autofree char *reply = ims_relay_verdict_reply_text(verdict, query);

    g_assert_null(strpbrk(reply, "\r\n"));
    g_assert_true((verdict->kind == IMS_VERDICT_REFUSE) == (reply[0] != '2'));
    /* this product has enhanced codes */
    g_assert_true(g_regex_match_simple("^[245][0-9]{2} [245]\\.[0-9]\\.[0-9]", reply, 0, 0));
    g_assert_cmpuint(lines->len, ==, verdict->n_steps);
    g_assert_cmpuint(lines->len, >, 0);
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = g_ptr_array_index(lines, i);

        g_test_message("%s: %s (%s)", line->outcome, line->text, line->fact);
        g_assert_null(strpbrk(line->text, "{}\r\n"));
        g_assert_nonnull(line->source);
        g_assert_true((strcmp(line->outcome, "decides") == 0) == (i == lines->len - 1));
    }
    g_assert_cmpstr(ims_relay_verdict_source(verdict), !=, "");
}

typedef struct {
    const char *name, *policy, *query, *recipient, *verdict;
} Case;

/* clang-format off */
#define OUT "x@far.example"
#define UNABLE "refuse 550 5.7.1 Unable to relay for x@far.example"
#define TAKEN "reroute 250 2.1.5 x@far.example"

static const Case cases[] = {
    /* 9.1 authentication methods */
    {"R-171-anonymous-off", "methods:6", "", "a@own.com", "refuse 454 5.7.3 Client does not have permission to submit mail to this server. no-submit"},
    {"R-171-anonymous-off-foreign", "methods:6 except risk", "", OUT, "refuse 454 5.7.3 Client does not have permission to submit mail to this server. no-submit"},
    {"R-171-anonymous-off-authenticated", "methods:6", "auth", "a@own.com", "deliver 250 2.1.5 a@own.com inbound"},
    {"R-171-anonymous-alone-gives-the-box-no-effect", "methods:1", "auth", OUT, UNABLE " no-rule"},
    {"R-171-basic-is-enough", "methods:3", "auth", OUT, TAKEN " authenticated"},
    {"R-171-integrated-is-enough", "methods:5", "auth", OUT, TAKEN " authenticated"},
    {"R-171-no-method-at-all", "methods:0", "", "a@own.com", "refuse 454 5.7.3 Client does not have permission to submit mail to this server. no-submit"},
    /* 9.2 relay restrictions */
    {"R-173-default-stranger", "", "", OUT, UNABLE " no-rule"},
    {"R-173-default-authenticated", "", "auth", OUT, TAKEN " authenticated"},
    {"R-187-null-session-is-no-logon", "faithful risk", "null", OUT, UNABLE " no-rule"},
    {"R-072-guest-is-no-logon-here", "faithful risk", "guest", OUT, UNABLE " no-rule"},
    {"R-078-a-logon-window-is-of-the-IMS", "", "window", OUT, UNABLE " no-rule"},
    {"R-172-only-listed", "only:203.0.113.66 no-auth", "", OUT, TAKEN " relay-list"},
    {"R-172-only-other", "only:203.0.113.67 no-auth", "", OUT, UNABLE " no-rule"},
    {"R-172-except-listed", "except:203.0.113.66 risk", "", OUT, UNABLE " excepted"},
    {"R-172-except-other", "except:203.0.113.67 risk", "", OUT, TAKEN " not-excepted weak"},
    {"R-174-except-empty-is-open", "except risk", "", OUT, TAKEN " not-excepted weak"},
    {"R-174-except-empty-on-loopback", "except", "client:127.0.0.1 local:127.0.0.1", OUT, TAKEN " not-excepted weak"},
    {"R-174-except-empty-not-served", "except", "", OUT, UNABLE " open-closed"},
    {"R-174-except-empty-not-served-faithful", "except faithful", "", OUT, UNABLE " open-closed"},
    {"R-174-only-empty-without-box", "no-auth risk", "auth client:127.0.0.1 local:127.0.0.1", OUT, UNABLE " no-rule"},
    {"R-175-box-overrides-only", "only:10.0.0.1", "auth", OUT, TAKEN " authenticated"},
    {"R-175-box-overrides-except", "except:203.0.113.0;255.255.255.0 risk", "auth", OUT, TAKEN " authenticated"},
    {"R-175-box-off", "except:203.0.113.66 no-auth risk", "auth", OUT, UNABLE " excepted"},
    {"R-179-both-sides-are-masked", "only:192.168.5.0;255.255.0.0", "client:192.168.200.1", OUT, TAKEN " relay-list"},
    {"R-179-outside-the-mask", "only:192.168.5.0;255.255.0.0", "client:192.169.5.1", OUT, UNABLE " no-rule"},
    {"R-179-bits", "only:192.168.5.1/16", "client:192.168.200.1", OUT, TAKEN " relay-list"},
    {"R-180-domain", "only:partner.example", "name:partner.example", OUT, TAKEN " relay-list"},
    {"R-180-domain-below", "only:partner.example", "name:Mail.Partner.Example.", OUT, TAKEN " relay-list"},
    {"R-180-domain-with-dot", "only:.partner.example", "name:mail.partner.example", OUT, TAKEN " relay-list"},
    {"R-180-merely-ends-alike", "only:partner.example", "name:evilpartner.example", OUT, UNABLE " no-rule"},
    {"R-180-above", "only:mail.partner.example", "name:partner.example", OUT, UNABLE " no-rule"},
    {"R-180-no-name", "only:partner.example", "", OUT, UNABLE " no-rule"},
    {"R-180-name-that-is-none", "only:partner.example", "name:..partner.example", OUT, UNABLE " no-rule"},
    {"R-180-except-domain", "except:partner.example risk", "name:mail.partner.example", OUT, UNABLE " excepted"},
    {"R-182-refusal-as-sent", "", "", "X@Far.Example", "refuse 550 5.7.1 Unable to relay for X@Far.Example no-rule"},
    /* 9.4 domains */
    {"R-189-R-195-own-domain-whoever-it-is", "", "", "nobody@OWN.com", "deliver 250 2.1.5 nobody@OWN.com inbound"},
    {"R-195-second-domain", "domain:second.example", "", "a@second.example", "deliver 250 2.1.5 a@second.example inbound"},
    {"R-195-subdomain-is-foreign", "", "", "a@sub.own.com", "refuse 550 5.7.1 Unable to relay for a@sub.own.com no-rule"},
    {"R-195-subdomains-when-said", "domain:*.own.com", "", "a@deep.sub.own.com", "deliver 250 2.1.5 a@deep.sub.own.com inbound"},
    {"R-195-star-is-below-only", "domain:*.other.example", "", "a@other.example", "refuse 550 5.7.1 Unable to relay for a@other.example no-rule"},
    {"R-196-shared-domain", "shared:shared.example", "", "a@shared.example", "deliver 250 2.1.5 a@shared.example shared-domain"},
    {"R-185-bare-name", "", "", "relaytest", "deliver 250 2.1.5 relaytest@own.com bare-local"},
    {"R-185-bare-percent", "", "", "relaytest%contoso.net", "deliver 250 2.1.5 relaytest%contoso.net@own.com bare-local"},
    {"R-185-no-default-domain", "no-default", "", "relaytest", "deliver 250 2.1.5 relaytest bare-local"},
    {"R-181-own-before-all", "except:203.0.113.66 no-auth", "", "a@own.com", "deliver 250 2.1.5 a@own.com inbound"},
    /* connectors */
    {"R-198-relay-to-these-domains", "connector:Partners=partner.example!", "", "x@partner.example", "reroute 250 2.1.5 x@partner.example connector"},
    {"R-198-box-cleared", "connector:Partners=partner.example", "", "x@partner.example", "refuse 550 5.7.1 Unable to relay for x@partner.example no-rule"},
    {"R-198-other-domain", "connector:Partners=partner.example!", "", OUT, UNABLE " no-rule"},
    {"R-198-subdomain", "connector:Partners=partner.example!", "", "x@a.partner.example", "refuse 550 5.7.1 Unable to relay for x@a.partner.example no-rule"},
    {"R-198-subdomains-when-said", "connector:Partners=*.partner.example!", "", "x@a.partner.example", "reroute 250 2.1.5 x@a.partner.example connector"},
    {"R-188-R-199-outranks-the-list", "except:203.0.113.66 no-auth connector:Partners=partner.example!", "", "x@partner.example", "reroute 250 2.1.5 x@partner.example connector"},
    {"R-198-star-opens-the-server", "risk connector:All=*!", "", OUT, TAKEN " connector weak"},
    {"R-198-star-not-served", "connector:All=*!", "", OUT, UNABLE " open-closed"},
    {"R-198-star-on-loopback", "connector:All=*!", "client:127.0.0.1 local:127.0.0.1", OUT, TAKEN " connector weak"},
    {"R-198-star-beats-except", "risk except:203.0.113.66 connector:All=*!", "", OUT, TAKEN " connector weak"},
    {"R-198-star-and-authenticated", "connector:All=*!", "auth", OUT, TAKEN " authenticated"},
    {"R-198-star-and-listed", "only:203.0.113.66 connector:All=*!", "", OUT, TAKEN " relay-list"},
    {"R-198-the-carrying-connector-counts", "risk connector:All=*! connector:Other=far.example", "", OUT, UNABLE " no-rule"},
    {"R-198-own-needs-no-connector", "connector:All=*!", "", "a@own.com", "deliver 250 2.1.5 a@own.com inbound"},
    {"R-200-no-rewriting", "connector:P=old.example>gw.example.net!", "", "x@old.example", "reroute 250 2.1.5 x@old.example connector"},
    {"Q244986-lowest-cost-carries", "connector:A=p.example%20! connector:B=p.example%10", "", "x@p.example", "refuse 550 5.7.1 Unable to relay for x@p.example no-rule"},
    {"Q244986-equal-cost-first-carries", "connector:A=p.example%10! connector:B=p.example%10", "", "x@p.example", "reroute 250 2.1.5 x@p.example connector"},
    /* 10 the forms of the open-relay testers */
    {"R-201-plain", "", "", "t@far.example", "refuse 550 5.7.1 Unable to relay for t@far.example no-rule"},
    {"R-207-percent", "", "", "t%far.example@own.com", "deliver 250 2.1.5 t%far.example@own.com inbound"},
    {"R-208-percent-literal", "", "", "t%far.example@[192.0.2.1]", "deliver 250 2.1.5 t%far.example@[192.0.2.1] own-literal"},
    {"R-209-percent-bare", "", "", "t%far.example", "deliver 250 2.1.5 t%far.example@own.com bare-local"},
    {"R-210-quoted", "", "", "\"t@far.example\"", "deliver 250 2.1.5 \"t@far.example\"@own.com bare-local"},
    {"R-211-quoted-percent", "", "", "\"t%far.example\"", "deliver 250 2.1.5 \"t%far.example\"@own.com bare-local"},
    {"R-212-quoted-own", "", "", "\"t@far.example\"@own.com", "deliver 250 2.1.5 \"t@far.example\"@own.com inbound"},
    {"R-212-quoted-literal", "", "", "\"t@far.example\"@[192.0.2.1]", "deliver 250 2.1.5 \"t@far.example\"@[192.0.2.1] own-literal"},
    {"R-213-double-at-faithful", "faithful", "", "t@far.example@own.com", "deliver 250 2.1.5 t@far.example@own.com inbound"},
    {"R-213-double-at-foreign", "faithful", "", "a@own.com@far.example", "refuse 550 5.7.1 Unable to relay for a@own.com@far.example no-rule"},
    {"R-213-double-at-extended", "", "", "t@far.example@own.com", "refuse 501 5.5.4 Invalid Address malformed"},
    {"R-214-route", "", "", "@own.com:t@far.example", "refuse 550 5.7.1 Unable to relay for t@far.example no-rule"},
    {"R-214-route-literal", "", "", "@[192.0.2.1]:t@far.example", "refuse 550 5.7.1 Unable to relay for t@far.example no-rule"},
    {"R-215-bang", "", "", "far.example!t", "deliver 250 2.1.5 far.example!t@own.com bare-local"},
    {"R-216-bang-own", "", "", "far.example!t@own.com", "deliver 250 2.1.5 far.example!t@own.com inbound"},
    {"R-216-bang-literal", "", "", "far.example!t@[192.0.2.1]", "deliver 250 2.1.5 far.example!t@[192.0.2.1] own-literal"},
    {"R-186-R-217-imcea-is-a-name", "", "", "IMCEASMTP-t+40far+2Eexample@own.com", "deliver 250 2.1.5 IMCEASMTP-t+40far+2Eexample@own.com inbound"},
    {"R-218-quoted-imcea-is-a-name", "", "", "\"IMCEASMTP-t@far.example\"@own.com", "deliver 250 2.1.5 \"IMCEASMTP-t@far.example\"@own.com inbound"},
    {"R-219-unknown-at-own", "", "", "nobody@own.com", "deliver 250 2.1.5 nobody@own.com inbound"},
    {"R-220-foreign-literal", "", "", "t@[198.51.100.9]", "refuse 550 5.7.1 Unable to relay for t@[198.51.100.9] no-rule"},
    {"literal-is-no-address-space", "risk connector:All=*!", "", "t@[198.51.100.9]", "refuse 550 5.7.1 Unable to relay for t@[198.51.100.9] no-rule"},
    /* malformed */
    {"malformed-blank", "faithful", "", "a b@own.com", "refuse 501 5.5.4 Invalid Address malformed"},
    {"malformed-eight-bit", "faithful", "", "\xe4@own.com", "refuse 501 5.5.4 Invalid Address malformed"},
    {"malformed-colon", "faithful", "", "a:b@own.com", "refuse 501 5.5.4 Invalid Address malformed"},
    {"malformed-control", "faithful", "", "a\r\n@own.com", "refuse 501 5.5.4 Invalid Address malformed"},
    {"malformed-null", "", "", "", "refuse 501 5.5.4 Invalid Address malformed"},
    {"malformed-domain", "", "", "a@*", "refuse 501 5.5.4 Invalid Address malformed"},
};
/* clang-format on */

static void
test_case(gconstpointer data)
{
    static const char *const kinds[] = {"deliver", "reroute", "directory", "refuse"};
    const Case *row = data;
    g_auto(GStrv) words = g_strsplit(row->query, " ", -1);
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *reply = NULL, *text = NULL;
    ImsRelayQuery query;
    VirtualWorld world;

    virtual_world_init(&world, row->policy);
    virtual_query_init(&query, words, row->recipient);
    ims_virtual_server_decide(&world.policy, &query, &verdict);
    reply = ims_relay_verdict_reply_text(&verdict, &query);
    text = g_strdup_printf("%s %s %s%s", kinds[verdict.kind], reply,
                           ims_relay_reason_word(verdict.reason),
                           verdict.weakness != NULL ? " weak" : "");
    g_assert_cmpstr(text, ==, row->verdict);
    check_verdict(&world, &query, &verdict);
    virtual_world_clear(&world);
}

/* both modes, the box, and the client listed, authenticated or neither. */
static void
test_truth_table(void)
{
    for (guint i = 0; i < 16; i++) {
        gboolean only = (i & 1) != 0, box = (i & 2) != 0, listed = (i & 4) != 0;
        gboolean authenticated = (i & 8) != 0;
        gboolean wanted = (box && authenticated) || only == listed;
        g_autofree char *policy =
            g_strdup_printf("risk %s:%s %s", only ? "only" : "except",
                            listed ? "203.0.113.66" : "10.0.0.1", box ? "" : "no-auth");
        char *words[] = {(char *)(authenticated ? "auth" : ""), NULL};
        g_auto(ImsRelayVerdict) verdict = {0}, own = {0};
        ImsRelayQuery query;
        VirtualWorld world;

        virtual_world_init(&world, policy);
        virtual_query_init(&query, words, OUT);
        ims_virtual_server_decide(&world.policy, &query, &verdict);
        g_test_message("%s %s", policy, words[0]);
        g_assert_cmpint(verdict.kind, ==, wanted ? IMS_VERDICT_REROUTE : IMS_VERDICT_REFUSE);
        g_assert_true((verdict.weakness != NULL) == (wanted && !only && !(box && authenticated)));
        check_verdict(&world, &query, &verdict);
        query.recipient = "a@own.com";
        ims_virtual_server_decide(&world.policy, &query, &own);
        g_assert_cmpint(own.kind, ==, IMS_VERDICT_DELIVER);
        virtual_world_clear(&world);
    }
}

static void
test_connect(void)
{
    static const struct {
        const char *policy, *client, *name;
        gboolean in;
        guint entry;
    } rows[] = {
        {"",                                                "203.0.113.66", NULL,                TRUE,  0}, /* the default */
        {"connect-except:203.0.113.66",                     "203.0.113.66", NULL,                FALSE, 1},
        {"connect-except:203.0.113.66",                     "203.0.113.67", NULL,                TRUE,  0},
        {"connect-only:10.0.0.1,192.0.2.0;255.255.255.0",   "192.0.2.77",   NULL,                TRUE,  2},
        {"connect-only:192.0.2.9;255.255.255.0",            "192.0.2.77",   NULL,                TRUE,  1}, /* */
        {"connect-only:192.0.2.0;255.255.255.0",            "192.0.3.1",    NULL,                FALSE, 0},
        {"connect-only:partner.example",                    "192.0.3.1",    "a.partner.example", TRUE,  1}, /* */
        {"connect-only:partner.example",                    "192.0.3.1",    NULL,                FALSE, 0},
        {"connect-except:10.0.0.1,partner.example",         "192.0.3.1",    "partner.example",   FALSE, 2},
        {"connect-except:b.example,10.0.0.0/8,a.b.example", "10.9.9.9",     "a.b.example",       FALSE, 1},
        {"connect-only:2001:db8::/32",                      "2001:db8::5",  NULL,                TRUE,  1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        ImsAddress client;
        guint entry = 77;
        VirtualWorld world;

        g_test_message("%s %s", rows[i].policy, rows[i].client);
        virtual_world_init(&world, rows[i].policy);
        g_assert_true(ims_address_parse(rows[i].client, &client));
        g_assert_cmpint(ims_virtual_server_connect(&world.policy, &client, rows[i].name, &entry),
                        ==, rows[i].in);
        g_assert_cmpuint(entry, ==, rows[i].entry);
        virtual_world_clear(&world);
    }
}

/* being let in grants no relay. R-169: what costs a reverse look-up. */
static void
test_independence(void)
{
    g_auto(ImsRelayVerdict) verdict = {0};
    char *words[] = {NULL};
    ImsRelayQuery query;
    VirtualWorld world;

    virtual_world_init(&world, "connect-only:203.0.113.66");
    virtual_query_init(&query, words, OUT);
    g_assert_true(ims_virtual_server_connect(&world.policy, &query.client, NULL, NULL));
    ims_virtual_server_decide(&world.policy, &query, &verdict);
    g_assert_cmpint(verdict.kind, ==, IMS_VERDICT_REFUSE);
    g_assert_false(ims_virtual_server_needs_name(&world.policy));
    virtual_world_clear(&world);
    virtual_world_init(&world, "only:10.0.0.1,partner.example");
    g_assert_true(ims_virtual_server_needs_name(&world.policy));
    virtual_world_clear(&world);
    virtual_world_init(&world, "connect-except:partner.example");
    g_assert_true(ims_virtual_server_needs_name(&world.policy));
    virtual_world_clear(&world);
}

/* two servers side by side, each with its own mind.: the sender never
 * counts. */
static void
test_two_servers(void)
{
    char *words[] = {(char *)"auth", NULL};
    g_auto(ImsRelayVerdict) internet_verdict = {0}, roaming_verdict = {0};
    ImsRelayQuery query;
    VirtualWorld internet, roaming;

    virtual_world_init(&internet, "no-auth");
    virtual_world_init(&roaming, "");
    virtual_query_init(&query, words, OUT);
    query.mail_from = "a@own.com";
    ims_virtual_server_decide(&internet.policy, &query, &internet_verdict);
    ims_virtual_server_decide(&roaming.policy, &query, &roaming_verdict);
    g_assert_cmpint(internet_verdict.kind, ==, IMS_VERDICT_REFUSE);
    g_assert_cmpint(roaming_verdict.kind, ==, IMS_VERDICT_REROUTE);
    virtual_world_clear(&internet);
    virtual_world_clear(&roaming);
}

/* R-197, Q244986: the closest space, then the lowest cost, then the first. */
static void
test_route(void)
{
    static const struct {
        const char *domain, *connector; /* NULL: none */
        gboolean all;
    } rows[] = {
        {"far.example",           "All",    TRUE },
        {"partner.example",       "Exact",  FALSE},
        {"a.partner.example",     "Below",  FALSE},
        {"b.a.partner.example",   "Closer", FALSE},
        {"a.b.a.partner.example", "Closer", FALSE},
        {"cheap.example",         "Below",  FALSE},
        {"equal.example",         "Exact",  FALSE},
        {"example",               "All",    TRUE },
    };
    VirtualWorld world, empty;

    virtual_world_init(&world, "connector:All=*>out.example.net "
                               "connector:Exact=partner.example+cheap.example%9+equal.example "
                               "connector:Below=*.partner.example+cheap.example%2+equal.example "
                               "connector:Closer=*.a.partner.example");
    virtual_world_init(&empty, "");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gboolean all = FALSE;
        const ImsConnector *connector =
            ims_connector_list_route(world.connectors, rows[i].domain, &all);

        g_test_message("%s", rows[i].domain);
        g_assert_nonnull(connector);
        g_assert_cmpstr(connector->name, ==, rows[i].connector);
        g_assert_cmpint(all, ==, rows[i].all);
    }
    g_assert_cmpstr(ims_connector_list_get(world.connectors, 0)->smart_host, ==, "out.example.net");
    g_assert_null(ims_connector_list_get(world.connectors, 1)->smart_host);
    g_assert_cmpuint(ims_connector_list_size(world.connectors), ==, 4);
    g_assert_null(ims_connector_list_route(empty.connectors, "far.example", NULL));
    virtual_world_clear(&world);
    virtual_world_clear(&empty);
}

static void
test_bad_input(void)
{
    static const char *const hosts[] = {"",
                                        "10.0.0",
                                        "10.0.0.256",
                                        "10.0.0.1;255",
                                        "a..b",
                                        "*.example",
                                        "10.0.0.1/33",
                                        "[10.0.0.1]",
                                        "fe80::1::",
                                        "a b.example",
                                        "partner.example;255.0.0.0",
                                        "\xff"};
    static const char *const domains[] = {"",           "*",    "*.",    "a@b.example",
                                          "*a.example", "a..b", "a.*.b", "#a.example"};
    VirtualWorld world;

    virtual_world_init(&world, "");
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autoptr(GError) error = NULL;
        gboolean taken = ims_host_list_add(world.relay, hosts[i], &error);

        g_test_message("%s", hosts[i]);
        g_assert_false(taken);
        g_assert_error(error, IMS_HOSTS_ERROR, IMS_HOSTS_ERROR_SYNTAX);
    }
    for (guint i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_autoptr(GError) error = NULL, space_error = NULL;
        ImsConnector connector = {"C", NULL, FALSE};
        guint number = ims_connector_list_add(world.connectors, &connector);

        g_test_message("%s", domains[i]);
        g_assert_false(ims_mail_domains_add(world.domains, domains[i], TRUE, &error));
        g_assert_error(error, IMS_VIRTUAL_SERVER_ERROR, IMS_VIRTUAL_SERVER_ERROR_DOMAIN);
        if (strcmp(domains[i], "*") == 0)
            continue;
        g_assert_false(
            ims_connector_list_add_space(world.connectors, number, domains[i], 1, &space_error));
        g_assert_error(space_error, IMS_VIRTUAL_SERVER_ERROR, IMS_VIRTUAL_SERVER_ERROR_DOMAIN);
    }
    g_assert_cmpuint(ims_mail_domains_size(world.domains), ==, 1);
    virtual_world_clear(&world);
}

static void
test_duplicate(void)
{
    g_autoptr(GError) error = NULL;
    VirtualWorld world;

    virtual_world_init(&world, "shared:other.example");
    g_assert_false(ims_mail_domains_add(world.domains, "OTHER.example.", TRUE, &error));
    g_assert_error(error, IMS_VIRTUAL_SERVER_ERROR, IMS_VIRTUAL_SERVER_ERROR_DUPLICATE);
    virtual_world_clear(&world);
}

/* The longest address still makes a reply of one line. */
static void
test_long_address(void)
{
    g_autofree char *local = g_strnfill(1900, 'a');
    g_autofree char *routed = g_strconcat("@hop.example:", local, "@far.example", NULL);
    const char *recipients[] = {local, routed, routed + strlen("@hop.example:")};
    char *words[] = {NULL};
    VirtualWorld world;

    virtual_world_init(&world, "");
    for (guint i = 0; i < G_N_ELEMENTS(recipients); i++) {
        g_auto(ImsRelayVerdict) verdict = {0};
        g_autofree char *reply = NULL;
        ImsRelayQuery query;

        virtual_query_init(&query, words, recipients[i]);
        ims_virtual_server_decide(&world.policy, &query, &verdict);
        reply = ims_relay_verdict_reply_text(&verdict, &query);
        g_assert_cmpuint(strlen(reply), <, 510);
        check_verdict(&world, &query, &verdict);
    }
    virtual_world_clear(&world);
}

/* A policy of the defaults alone, with every list NULL. */
static void
test_nothing_set(void)
{
    g_auto(ImsRelayVerdict) foreign = {0}, bare = {0};
    char *words[] = {NULL};
    ImsVirtualServerPolicy policy;
    ImsRelayQuery query;

    ims_virtual_server_policy_init(&policy);
    virtual_query_init(&query, words, OUT);
    g_assert_true(ims_virtual_server_connect(&policy, &query.client, NULL, NULL));
    g_assert_false(ims_virtual_server_needs_name(&policy));
    ims_virtual_server_decide(&policy, &query, &foreign);
    g_assert_cmpint(foreign.reason, ==, IMS_REASON_NO_RULE);
    query.recipient = "bob";
    ims_virtual_server_decide(&policy, &query, &bare);
    g_assert_cmpint(bare.kind, ==, IMS_VERDICT_DELIVER);
    g_assert_null(bare.domain);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/routing/virtual/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/routing/virtual/R-172-R-173-R-174-R-175-truth-table", test_truth_table);
    g_test_add_func("/routing/virtual/R-167-R-168-connect", test_connect);
    g_test_add_func("/routing/virtual/R-169-R-170-independence", test_independence);
    g_test_add_func("/routing/virtual/R-190-R-191-two-servers", test_two_servers);
    g_test_add_func("/routing/virtual/R-197-route", test_route);
    g_test_add_func("/routing/virtual/long-address", test_long_address);
    g_test_add_func("/routing/virtual/bad-input", test_bad_input);
    g_test_add_func("/routing/virtual/duplicate", test_duplicate);
    g_test_add_func("/routing/virtual/R-173-nothing-set", test_nothing_set);
    return g_test_run();
}
