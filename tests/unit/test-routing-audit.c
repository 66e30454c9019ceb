/* What the audit finds, fact by fact; and that it finds nothing in a sound policy. */
#include <string.h>

#include "routing/audit.h"
#include "tests/unit/routing-world.h"
#include "tests/unit/virtual-world.h"

typedef struct {
    const char *name, *policy, *found; /* words of the findings, "word@key/entry", in order */
} Case;

/* clang-format off */
#define SOUND "list:own.com=<inbound> flags:10 allow:10.1.0.0;255.255.0.0"
#define LISTED(flags, lists) "list:own.com=<inbound> flags:" flags " " lists
#define ROUTES(list) "flags:8 list:own.com=<inbound>," list

static const Case relay_cases[] = {
    {"sound", SOUND, ""},
    {"sound-with-never-list", LISTED("9", "deny:203.0.113.0;255.255.255.0"), ""},
    {"sound-do-not-reroute", "do-not-reroute", ""},
    /* who may relay */
    {"R-059-nothing-ticked", LISTED("0", ""), "open-relay@RelayFlags"},
    {"R-059-risk-is-no-excuse", LISTED("0", "risk"), "open-relay@RelayFlags"},
    {"R-060-deny-only", LISTED("1", "deny:203.0.113.9"), "deny-only@RelayFlags"},
    {"R-060-deny-only-empty", LISTED("1", ""), "deny-only@RelayFlags"},
    {"R-056-all-admitted", LISTED("2", "allow:0.0.0.0;0.0.0.0"), "admits-all@RelayAllowList same-machine@RelayAllowList/1"},
    {"R-056-all-admitted-by-halves", LISTED("2", "allow:0.0.0.0;128.0.0.0,128.0.0.0;128.0.0.0"), "admits-all@RelayAllowList same-machine@RelayAllowList/1"},
    {"R-056-all-of-ipv6-admitted", LISTED("2", "allow:2000::/3"), "admits-all@RelayAllowList"},
    {"R-056-half-is-not-all", LISTED("2", "allow:128.0.0.0;128.0.0.0"), ""},
    {"R-056-all-admitted-but-not-ticked", LISTED("8", "allow:0.0.0.0;0.0.0.0"), "unused-list@RelayAllowList"},
    {"R-061-closed", LISTED("2", ""), "closed@RelayFlags"},
    {"R-061-closed-with-never-list", LISTED("3", "deny:203.0.113.9"), "closed@RelayFlags"},
    {"R-057-empty-box", LISTED("10", ""), "empty-list@RelayAllowList"},
    {"R-057-empty-never-list", LISTED("9", ""), "empty-list@RelayDenyList"},
    {"R-056-unused-lists", LISTED("8", "allow:10.0.0.1 deny:10.0.0.2 local:10.0.0.3"), "unused-list@RelayDenyList unused-list@RelayAllowList unused-list@RelayLocalIPList"},
    {"R-064-forwarding", LISTED("12", "local:198.51.100.1 forwarding"), "ip-forwarding@IPForwarding"},
    {"R-064-R-242-forwarding-alone", LISTED("4", "local:198.51.100.1 forwarding"), "closed@RelayFlags ip-forwarding@IPForwarding"},
    {"R-065-loopback", LISTED("10", "allow:10.1.0.1,127.0.0.1"), "same-machine@RelayAllowList/2"},
    {"R-065-loopback-net", LISTED("10", "allow:127.0.0.0;255.0.0.0"), "same-machine@RelayAllowList/1"},
    {"R-065-loopback-ipv6", LISTED("10", "allow:::1"), "same-machine@RelayAllowList/1"},
    {"R-065-own-address", LISTED("10", "allow:10.1.0.1,192.0.2.1"), "same-machine@RelayAllowList/2"},
    {"R-065-own-net-is-usual", LISTED("10", "allow:192.0.2.0;255.255.255.0"), ""},
    {"R-066-loopback-not-ticked", LISTED("8", "allow:127.0.0.1"), "unused-list@RelayAllowList"},
    {"R-067-public-address-is-no-translation", LISTED("4", "local:192.0.2.1"), ""},
    /* entries */
    {"R-052-never-matches", LISTED("2", "allow:10.1.0.0;255.255.0.0,192.168.1.17;255.255.255.0"), "never-matches@RelayAllowList/2"},
    {"R-053-each-list", LISTED("15", "allow:10.1.0.1 deny:10.1.0.9;255.0.0.0 local:10.1.0.9;255.0.0.0"), "never-matches@RelayDenyList/1 never-matches@RelayLocalIPList/1"},
    {"R-053-the-advice-of-Q258140", LISTED("2", "allow:123.123.123.123;255.255.255.123"), "holes@RelayAllowList/1"},
    {"R-052-holes", LISTED("2", "allow:10.0.0.1;255.0.0.255"), "holes@RelayAllowList/1"},
    {"R-050-shadowed", LISTED("2", "allow:10.1.2.3,10.1.0.0;255.255.0.0"), "shadowed@RelayAllowList/1"},
    {"R-050-twice", LISTED("2", "allow:10.1.2.3,10.1.2.3;255.255.255.255"), "shadowed@RelayAllowList/2"},
    {"R-050-beside", LISTED("2", "allow:10.2.2.3,10.1.0.0;255.255.0.0"), ""},
    {"R-050-mask-with-holes-covers", LISTED("2", "allow:10.9.9.1,10.0.0.1;255.0.0.255"), "shadowed@RelayAllowList/1 holes@RelayAllowList/2"},
    {"R-050-what-never-matches-covers-nothing", LISTED("2", "allow:10.1.2.3,10.1.2.3;255.255.0.0"), "never-matches@RelayAllowList/2"},
    {"R-056-denied", LISTED("3", "allow:10.1.2.3,10.2.0.1 deny:10.1.0.0;255.255.0.0"), "denied@RelayAllowList/1"},
    {"R-063-partly-denied-is-meant", LISTED("3", "allow:192.168.1.0;255.255.255.0 deny:192.168.1.0;255.255.255.248"), ""},
    {"R-056-never-list-not-ticked", LISTED("2", "allow:10.1.2.3 deny:10.1.0.0;255.255.0.0"), "unused-list@RelayDenyList"},
    /* the routing list */
    {"R-024-no-inbound", "flags:8 list:far.example=<relay>", "no-inbound@RerouteIncomingMail"},
    {"R-024-empty-list", "flags:8", "no-inbound@RerouteIncomingMail"},
    {"R-243-site-not-inbound", "flags:8 list:other.example=<inbound>", "site-not-inbound@SiteDomain"},
    {"R-243-site-by-its-parent", "flags:8 list:com=<inbound>", "top-level@com/1"},
    {"R-243-no-site", "flags:8 no-site list:other.example=<inbound>", ""},
    {"R-046-rerouted-to-own-name", ROUTES("a.example=mail.own.example"), "rerouted-to-self@a.example/2"},
    {"R-046-rerouted-to-own-address", ROUTES("a.example=192.0.2.1") " no-fold", "rerouted-to-self@a.example/2"},
    {"R-022-own-address-is-folded", ROUTES("a.example=192.0.2.1"), ""},
    {"R-046-rerouted-to-what-it-covers", ROUTES("a.example=b.a.example"), "rerouted-to-self@a.example/2"},
    {"R-046-rerouted-to-itself", ROUTES("a.example=a.example"), "rerouted-to-self@a.example/2"},
    {"R-230-circle", ROUTES("a.example=b.example,b.example=a.example"), "rerouted-in-circle@a.example/2 rerouted-in-circle@b.example/3"},
    {"R-230-into-a-circle-is-not-in-it", ROUTES("c.example=a.example,a.example=b.example,b.example=a.example"), "rerouted-strangers@c.example/2 rerouted-in-circle@a.example/3 rerouted-in-circle@b.example/4"},
    {"R-229-strangers", ROUTES("a.example=far.example"), "rerouted-strangers@a.example/2"},
    {"R-229-target-is-inbound", ROUTES("a.example=own.com"), ""},
    {"R-229-target-is-inbound-without-fold", ROUTES("a.example=own.com") " no-fold", "rerouted-strangers@a.example/2"},
    {"R-229-without-restrictions", "risk flags:0 list:own.com=<inbound>,a.example=far.example", "open-relay@RelayFlags"},
    {"R-015-redundant", ROUTES("sub.own.com=<inbound>"), "redundant@sub.own.com/2"},
    {"R-016-redundant-exact", ROUTES("#own.com=<inbound>"), "redundant@#own.com/2"},
    {"R-015-redundant-reroute", ROUTES("a.example=own.com,b.a.example=own.com"), "redundant@b.a.example/3"},
    {"R-015-other-target", ROUTES("a.example=own.com,b.a.example=x.own.com"), ""},
    {"R-015-other-action", ROUTES("sub.own.com=<relay>"), ""},
    {"R-018-exact-and-below", "flags:8 no-site list:#c.example=<inbound>,d.c.example=<inbound>", ""},
    {"R-015-top-level", ROUTES("org=<relay>"), "top-level@org/2"},
    {"R-015-top-level-with-dot", ROUTES(".org=<relay>"), "top-level@.org/2"},
    {"R-015-top-level-blocked", ROUTES("org=<blocked>"), ""},
    {"R-016-top-level-exact", ROUTES("#intranet=<inbound>"), ""},
    {"R-012-unknown-to-SP1", "build:SP1 " ROUTES("p.example=<relay>"), "unknown-to-build@p.example/2"},
    {"R-012-known-to-SP2", "build:SP2 " ROUTES("p.example=<relay>"), ""},
    {"R-012-R-016-unknown-to-SP1-and-exact", "build:SP1 " ROUTES("#p.example=<relay>"), "unknown-to-build@#p.example/2"},
    {"R-016-unknown-to-5.0", "build:5.0 " ROUTES("#p.example=<inbound>"), "unknown-to-build@#p.example/2"},
    {"S-304-unknown-to-5.0", "build:5.0 lax " SOUND, "unknown-to-build@AcceptMalformed821Adrs"},
    /* "Do not reroute" */
    {"R-007-stale-flags", "do-not-reroute flags:2", "stale@RelayFlags"},
    {"R-008-stale-list", "do-not-reroute flags:2 allow:10.0.0.1", "stale@RelayFlags stale@RelayAllowList"},
    {"R-009-routing-list", "do-not-reroute list:own.com=<inbound>", "routing-list-not-used@RerouteIncomingMail"},
    {"R-005-reflector", "do-not-reroute faithful build:post-SP4", "reflector@RerouteIncomingMail"},
    {"R-007-stale-flags-faithful", "do-not-reroute faithful build:post-SP4 flags:2", "stale@RelayFlags"},
    {"R-005-flags-1-leave-the-reflector", "do-not-reroute faithful build:post-SP4 flags:1", "stale@RelayFlags reflector@RerouteIncomingMail"},
    /* the build */
    {"R-072-R-073-SP4-faithful", "faithful " SOUND, "guest@Build null-session@Build"},
    {"R-073-2655.55-faithful", "build:5.5.2655.55 faithful " SOUND, "guest@Build"},
    {"R-072-without-the-box", "faithful " LISTED("2", "allow:10.1.0.0;255.255.0.0"), ""},
    {"R-096-SP2-faithful", "build:SP2 faithful " LISTED("2", "allow:10.1.0.0;255.255.0.0"), "imcea-hole@Build"},
    {"R-096-SP2-extended", "build:SP2 " SOUND, ""},
    {"R-098-SP3-faithful", "build:SP3 smart-host faithful " SOUND, "imcea-quoted-hole@Build guest@Build null-session@Build"},
    {"R-098-SP3-without-smart-host", "build:SP3 faithful " SOUND, "guest@Build null-session@Build"},
    {"R-047-5.0-faithful", "build:5.0 faithful " SOUND, "no-restrictions@Build"},
};

static const Case virtual_cases[] = {
    {"sound", "", ""},
    {"R-174-except-empty", "except", "virtual-open-relay@Relay"},
    {"R-174-except-some", "except:10.0.0.1", "virtual-open-relay@Relay"},
    {"R-172-only-everyone", "only:0.0.0.0/0", "virtual-admits-all@RelayList same-machine@RelayList/1"},
    {"R-179-net-that-the-IMS-would-never-match", "only:192.168.5.9;255.255.0.0", ""},
    {"R-174-closed", "no-auth", "virtual-closed@Relay"},
    {"R-171-box-without-effect", "methods:1", "virtual-closed@Relay box-without-effect@RelayAuthenticated"},
    {"R-171-no-anonymous", "methods:6", "no-anonymous@Authentication"},
    {"R-167-nobody-connects", "connect-only:", "nobody-connects@Connection"},
    {"R-167-except-everyone", "connect-except:0.0.0.0;0.0.0.0", "nobody-connects@Connection"},
    {"R-169-domain-entry", "only:10.0.0.1,partner.example", "domain-entry@RelayList/2"},
    {"R-169-domain-entry-connection", "connect-except:partner.example", "domain-entry@ConnectionList/1"},
    {"R-168-shadowed", "only:10.1.2.3,10.1.9.9/16", "host-shadowed@RelayList/1"},
    {"R-168-twice", "only:10.1.2.3,10.1.2.3", "host-shadowed@RelayList/2"},
    {"R-168-domains-shadowed", "only:a.b.example,b.example", "domain-entry@RelayList/1 host-shadowed@RelayList/1 domain-entry@RelayList/2"},
    {"R-065-same-machine", "only:127.0.0.1", "same-machine@RelayList/1"},
    {"R-195-no-domain", "no-domain no-default", "no-domain@Domains"},
    {"R-185-default-not-own", "no-domain domain:other.example", "default-not-own@DefaultDomain"},
    {"R-198-connector-open", "connector:All=*!", "connector-open@All"},
    {"R-198-connector-for-some", "connector:P=p.example! connector:All=*", ""},
    {"R-046-smart-host-self", "connector:P=p.example>192.0.2.1", "smart-host-self@P"},
    {"R-046-smart-host-own-name", "connector:P=p.example>MAIL.own.example.", "smart-host-self@P"},
};
/* clang-format on */

static const ImsAuditContext context = {.host_name = "mail.own.example"};

/* Also what holds for each finding. Takes @found. */
static void
check_found(GPtrArray *found, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++) {
        const ImsAuditFinding *finding = g_ptr_array_index(found, i);
        g_autofree char *line = ims_audit_format(finding);

        g_test_message("%s: %s", finding->severity == IMS_AUDIT_NOTE ? "note" : "warning", line);
        g_string_append_printf(text, "%s%s@%s", i > 0 ? " " : "", finding->word, finding->key);
        if (finding->entry != 0)
            g_string_append_printf(text, "/%u", finding->entry);
        g_assert_null(strpbrk(line, "\r\n"));
        g_assert_true(finding->fact[0] == 'R' || finding->fact[0] == 'S');
        g_assert_nonnull(finding->group);
        g_assert_cmpstr(finding->consequence, !=, "");
        g_assert_cmpstr(finding->remedy, !=, "");
        g_assert_cmpstr(finding->source, !=, "see text");
    }
    g_assert_cmpstr(text->str, ==, wanted);
    g_ptr_array_unref(found);
}

static void
test_relay(gconstpointer data)
{
    const Case *row = data;
    RoutingWorld world;

    routing_world_init(&world, row->policy);
    check_found(ims_relay_audit(&world.policy, &context), row->found);
    routing_world_clear(&world);
}

static void
test_virtual(gconstpointer data)
{
    const Case *row = data;
    VirtualWorld world;

    virtual_world_init(&world, row->policy);
    check_found(ims_virtual_server_audit(&world.policy, &context), row->found);
    virtual_world_clear(&world);
}

/* an inner address in the list, of a server that has no other. */
static void
test_translation(void)
{
    RoutingWorld world;
    ImsAddress inner;

    routing_world_init(&world, LISTED("4", "local:10.0.0.10"));
    g_assert_true(ims_address_parse("10.0.0.10", &inner));
    world.policy.own_addresses = &inner;
    world.policy.n_own_addresses = 1;
    check_found(ims_relay_audit(&world.policy, NULL), "address-translation@RelayLocalIPList/1");
    routing_world_clear(&world);
    /* with an outer address beside it, that is what the rule is for */
    routing_world_init(&world, LISTED("4", "local:10.0.0.10"));
    g_assert_true(ims_address_parse("10.0.0.10", &world.own[1]));
    check_found(ims_relay_audit(&world.policy, NULL), "");
    routing_world_clear(&world);
}

/* what only the directory and the rest of the file know. */
static void
test_context(void)
{
    static const char *const domains[] = {"own.com", "second.example", "folded.example",
                                          "sub.own.com", NULL};
    static const char *const hosts[] = {"gw.example.net", "mail.own.example", "127.0.0.1", NULL};
    static const ImsAuditContext more = {"mail.own.example", hosts, domains};
    VirtualWorld server;
    RoutingWorld world;

    routing_world_init(&world, ROUTES("folded.example=own.com"));
    check_found(ims_relay_audit(&world.policy, &more),
                "recipient-not-inbound@second.example smart-host-self@ForwardAllMessagesToHost "
                "smart-host-self@ForwardAllMessagesToHost");
    routing_world_clear(&world);
    virtual_world_init(&server, "domain:folded.example");
    check_found(ims_virtual_server_audit(&server.policy, &more),
                "recipient-not-inbound@Domains recipient-not-inbound@Domains");
    virtual_world_clear(&server);
}

/* A policy whose lists are NULL, and a finding in words, with the line of the file. */
static void
test_words(void)
{
    static const char wanted[] =
        "a.example: it is rerouted to a domain that is not inbound, and restrictions are set "
        "(R-229; Q193922, Q195969): a reroute entry gives no right: mail of clients that may not "
        "relay gets 550. Make the target <inbound>, or use <relay> with [Connections] "
        "EMailDomains, which does not rewrite.";
    ImsRelayPolicy policy = {.reroute = TRUE, .relay_flags = 15};
    g_autoptr(GPtrArray) found = NULL;
    g_autofree char *line = NULL;
    RoutingWorld world;

    check_found(ims_relay_audit(&policy, NULL),
                "empty-list@RelayDenyList empty-list@RelayAllowList empty-list@RelayLocalIPList "
                "no-inbound@RerouteIncomingMail");
    routing_world_init(&world, ROUTES("a.example=far.example"));
    found = ims_relay_audit(&world.policy, NULL);
    g_assert_cmpuint(found->len, ==, 1);
    line = ims_audit_format(g_ptr_array_index(found, 0));
    g_assert_cmpstr(line, ==, wanted);
    g_assert_cmpuint(((const ImsAuditFinding *)g_ptr_array_index(found, 0))->line, ==, 11);
    routing_world_clear(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(relay_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/audit/relay/", relay_cases[i].name, NULL);

        g_test_add_data_func(path, &relay_cases[i], test_relay);
    }
    for (guint i = 0; i < G_N_ELEMENTS(virtual_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/audit/virtual/", virtual_cases[i].name, NULL);

        g_test_add_data_func(path, &virtual_cases[i], test_virtual);
    }
    g_test_add_func("/routing/audit/R-067-translation", test_translation);
    g_test_add_func("/routing/audit/R-024-context", test_context);
    g_test_add_func("/routing/audit/words", test_words);
    return g_test_run();
}
