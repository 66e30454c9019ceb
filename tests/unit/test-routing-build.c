/* The builds: their names and numbers, and what the verdict of each is. */
#include <string.h>

#include "tests/unit/routing-world.h"

/* ---- names and numbers ---- */

/* One row a line. */
/* clang-format off */
static const struct {
    const char *text, *number, *name; /* NULL: not taken */
} names[] = {
    {"SP4", "5.5.2653.13", "5.5 SP4"},
    {"sp4", "5.5.2653.13", "5.5 SP4"},
    {"5.5 SP1", "5.5.2232.9", "5.5 SP1"},
    {"RTM", "5.5.1960.3", "5.5"},
    {"5.5", "5.5.1960.3", "5.5"},
    {"5.5 rtm", "5.5.1960.3", "5.5"},
    {"5.0", "5.0.1457.10", "5.0"},
    {"5.0 RTM", "5.0.1457.10", "5.0"},
    {"5.0 SP2", "5.0.1460.8", "5.0 SP2"},
    {"post-SP4", "5.5.2656.59", "5.5 post-SP4"},
    {"5.5 Post-SP4", "5.5.2656.59", "5.5 post-SP4"},
    {"5.5.2653.13", "5.5.2653.13", "5.5 SP4"},
    {"5.5.2650.1", "5.5.2650.1", "5.5 SP2 and fixes"},
    {"2650.1", "5.5.2650.1", "5.5 SP2 and fixes"},
    {"5.5.2652.78", "5.5.2652.78", "5.5 SP3 and fixes"},
    {"5.5.2655.55", "5.5.2655.55", "5.5 SP4 and fixes"},
    {"5.5.2658.27", "5.5.2658.27", "5.5 post-SP4 and later"},
    {"5.0.1457.10", "5.0.1457.10", "5.0"},
    {"5.0.1461.0", "5.0.1461.0", "5.0 SP2 and fixes"},
    {"5.5.2448.00", "5.5.2448.0", "5.5 SP2"},
    {"5.0.1457.9", NULL, NULL},
    {"5.0.1960.3", NULL, NULL},
    {"5.1.2000.0", NULL, NULL},
    {"5.5.1960.2", NULL, NULL},
    {"5.5.100.0", NULL, NULL},
    {"5.5.2658.28", NULL, NULL},
    {"5.5.2653", NULL, NULL},
    {"5.5.2653.13.1", NULL, NULL},
    {"5.5.2653.65536", NULL, NULL},
    {"5.5.002653.13", NULL, NULL},
    {"5.5.2653.-1", NULL, NULL},
    {"5.5..13", NULL, NULL},
    {"6.0.4417.0", NULL, NULL},
    {"4.0.994.63", NULL, NULL},
    {"837.3", NULL, NULL},
    {"SP5", NULL, NULL},
    {"5.0 post-SP4", NULL, NULL},
    {"", NULL, NULL},
    {"\xff", NULL, NULL},
};
/* clang-format on */

static void
test_names(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        char buffer[IMS_BUILD_STRLEN];
        ImsBuild build = 7;

        g_test_message("%s", names[i].text);
        g_assert_cmpint(ims_build_parse(names[i].text, &build, &error), ==,
                        names[i].number != NULL);
        if (names[i].number == NULL) {
            g_assert_error(error, IMS_BUILD_ERROR, IMS_BUILD_ERROR_UNKNOWN);
            g_assert_cmpuint(build, ==, 7);
            continue;
        }
        g_assert_no_error(error);
        g_assert_cmpstr(ims_build_format(build, buffer), ==, names[i].number);
        g_assert_cmpstr(ims_build_name(build), ==, names[i].name);
    }
}

/* Q257618: the named builds, in order; what one is called is taken back as the same. */
static void
test_rows(void)
{
    const ImsBuildRow *row;
    ImsBuild last = 0;
    guint n = 0;

    for (; (row = ims_build_row(n)) != NULL; n++) {
        char buffer[IMS_BUILD_STRLEN];
        ImsBuild build;

        g_assert_cmpuint(row->build, >, last);
        g_assert_true(ims_build_parse(row->name, &build, NULL));
        g_assert_cmpuint(build, ==, row->build);
        g_assert_true(ims_build_parse(ims_build_format(row->build, buffer), &build, NULL));
        g_assert_cmpuint(build, ==, row->build);
        g_assert_nonnull(row->source);
        last = row->build;
    }
    g_assert_cmpuint(n, ==, 9);
}

/* P-002: what POP3 and IMAP4 greet with; 0 is SP4 everywhere. */
static void
test_store(void)
{
    char buffer[IMS_BUILD_STRLEN];

    g_assert_cmpstr(ims_build_store(IMS_BUILD_SP4, buffer), ==, "5.5.2653.23");
    g_assert_cmpstr(ims_build_store(0, buffer), ==, "5.5.2653.23");
    g_assert_cmpstr(ims_build_store(IMS_BUILD_SP3, buffer), ==, "5.5.2650.23");
    g_assert_cmpstr(ims_build_store(IMS_BUILD(5, 5, 2655, 20), buffer), ==, "5.5.2655.20");
    g_assert_cmpstr(ims_build_store(IMS_BUILD_SP1, buffer), ==, "5.5.2232.9");
    g_assert_cmpstr(ims_build_name(0), ==, "5.5 SP4");
    g_assert_cmpstr(ims_build_format(0, buffer), ==, "5.5.2653.13");
}

static void
test_differences(void)
{
    for (guint i = 0; i < IMS_N_DIFFERENCES; i++) {
        const ImsDifferenceRow *row = ims_difference_row(i);

        g_test_message("%s", row->word);
        g_assert_true(row->from != 0 || row->until != 0);
        g_assert_nonnull(row->source);
        g_assert_nonnull(row->fact);
        g_assert_nonnull(row->text);
        g_assert_cmpint(ims_build_has(0, i), ==, ims_build_has(IMS_BUILD_SP4, i));
        if (row->from != 0) {
            g_assert_true(ims_build_has(row->from, i));
            g_assert_false(ims_build_has(row->from - 1, i));
        }
        if (row->until != 0) {
            g_assert_false(ims_build_has(row->until, i));
            g_assert_true(ims_build_has(row->until - 1, i));
        }
        for (guint k = 0; k < i; k++)
            g_assert_cmpstr(row->word, !=, ims_difference_row(k)->word);
    }
}

/* ---- verdicts by build ---- */

typedef struct {
    const char *name, *policy, *query, *recipient, *verdict;
} Case;

/* clang-format off */
#define OLD "faithful risk flags:2 allow:10.0.0.5 list:own.com=<inbound>,partner.example=<relay>,#only.example=<inbound>"
#define OLD_CLOSED "faithful flags:2 allow:10.0.0.5 list:own.com=<inbound>"
#define TODAY "flags:2 allow:10.0.0.5 list:own.com=<inbound>,partner.example=<relay>"
#define QUOTED "faithful risk flags:8 smart-host list:own.com=<inbound>"
#define AUTH "faithful risk flags:8 list:own.com=<inbound>"
#define IMCEA "IMCEASMTP-t+40far+2Eexample@own.com"
#define IMCEAQ "\"IMCEASMTP-t@far.example\"@own.com"

static const Case cases[] = {
    /* always-relay entries */
    {"R-012-SP1-passes-over-always-relay", "build:SP1 " OLD, "", "x@partner.example", "refuse no-rule x@partner.example"},
    {"R-012-2423-passes-over-always-relay", "build:5.5.2423.99 " OLD, "", "x@partner.example", "refuse no-rule x@partner.example"},
    {"R-012-2424-always-relays", "build:5.5.2424.0 " OLD, "", "x@partner.example", "reroute always-relay x@partner.example"},
    {"R-012-SP2-always-relays", "build:SP2 " OLD, "", "x@partner.example", "reroute always-relay x@partner.example"},
    {"R-012-extended-follows-the-build", "build:SP1 " TODAY, "", "x@partner.example", "refuse no-rule x@partner.example"},
    {"R-012-the-next-entry-counts", "build:SP1 faithful risk flags:2 list:example.com=<inbound>,x.example.com=<relay>", "", "a@x.example.com", "deliver inbound a@x.example.com"},
    {"R-012-the-suffix-counts-for-an-exact-one", "build:SP1 flags:2 list:example.com=<inbound>,#x.example.com=<relay>", "", "a@x.example.com", "deliver inbound a@x.example.com"},
    {"R-031-SP1-allowed-client-relays", "build:SP1 " OLD, "client:10.0.0.5", "x@partner.example", "reroute allow-list x@partner.example"},
    /* exact entries */
    {"R-016-5.0-SP1-knows-no-exact-entry", "build:5.0.1460.7 flags:2 list:#only.example=<inbound>", "", "a@only.example", "refuse no-rule a@only.example"},
    {"R-016-5.0-SP2-knows-exact-entries", "build:5.0.1460.8 flags:2 list:#only.example=<inbound>", "", "a@only.example", "deliver inbound a@only.example"},
    /* the hole for encapsulated addresses */
    {"R-096-RTM", "build:RTM " OLD, "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-SP1", "build:SP1 " OLD, "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-SP2", "build:SP2 " OLD, "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-2650.0", "build:5.5.2650.0 " OLD, "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-097-2650.1", "build:5.5.2650.1 " OLD, "", IMCEA, "refuse no-rule t@far.example"},
    {"R-097-SP3", "build:SP3 " OLD, "", IMCEA, "refuse no-rule t@far.example"},
    {"R-096-never-list", "build:SP2 faithful risk flags:1 deny:203.0.113.66 list:own.com=<inbound>", "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-who-may-relay-needs-no-hole", "build:SP2 " OLD, "client:10.0.0.5", IMCEA, "reroute allow-list t@far.example"},
    {"R-096-always-relay-needs-no-hole", "build:SP2 " OLD, "", "IMCEASMTP-t+40partner+2Eexample@own.com", "reroute always-relay t@partner.example"},
    {"R-096-own-inside-is-own", "build:SP2 " OLD, "", "IMCEASMTP-t+40own+2Ecom@own.com", "deliver inbound t@own.com"},
    {"R-096-foreign-outside-is-foreign", "build:SP2 " OLD, "", "IMCEASMTP-t+40far+2Eexample@other.example", "refuse no-rule IMCEASMTP-t+40far+2Eexample@other.example"},
    {"R-100-lower-case-is-a-name", "build:SP2 " OLD, "", "imceasmtp-t+40far+2Eexample@own.com", "deliver inbound imceasmtp-t+40far+2Eexample@own.com"},
    {"R-096-blocked-stays-blocked", "build:SP2 faithful risk flags:2 list:own.com=<inbound>,far.example=<blocked>", "", IMCEA, "refuse blocked t@far.example"},
    {"R-096-on-loopback", "build:SP2 " OLD_CLOSED, "client:127.0.0.1 local:127.0.0.1", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-not-for-strangers", "build:SP2 " OLD_CLOSED, "", IMCEA, "refuse no-rule t@far.example"},
    {"R-096-closed-in-extended", "build:SP2 risk " TODAY, "", IMCEA, "refuse no-rule t@far.example"},
    {"R-096-closed-in-extended-on-loopback", "build:SP2 " TODAY, "client:127.0.0.1 local:127.0.0.1", IMCEA, "refuse no-rule t@far.example"},
    {"R-096-no-reroute-too", "build:SP2 faithful risk do-not-reroute", "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-097-no-reroute-SP3", "build:SP3 faithful risk do-not-reroute", "", IMCEA, "directory no-reroute-directory t@far.example Q255695"},
    {"R-096-no-reroute-bare", "build:SP2 faithful risk do-not-reroute", "", "IMCEASMTP-t+40far+2Eexample", "reroute encapsulated t@far.example Q237927"},
    {"R-096-no-reroute-own-inside", "build:SP2 faithful risk do-not-reroute", "", "IMCEASMTP-t+40own+2Ecom@own.com", "directory no-reroute-directory t@own.com Q255695"},
    {"R-096-no-reroute-in-directory", "build:SP2 faithful risk do-not-reroute", "directory", IMCEA, "directory no-reroute-directory t@far.example"},
    {"R-096-no-reroute-stale-flags", "build:SP2 faithful risk do-not-reroute flags:2", "", IMCEA, "reroute encapsulated t@far.example Q237927"},
    {"R-096-no-reroute-extended", "build:SP2 risk do-not-reroute", "", IMCEA, "refuse no-reroute-closed t@far.example"},
    /* the quoted one */
    {"R-098-R-218-SP3", "build:SP3 " QUOTED, "", IMCEAQ, "reroute encapsulated t@far.example Q264330"},
    {"R-098-RTM", "build:RTM " QUOTED, "", IMCEAQ, "reroute encapsulated t@far.example Q264330"},
    {"R-098-2652.77", "build:5.5.2652.77 " QUOTED, "", IMCEAQ, "reroute encapsulated t@far.example Q264330"},
    {"R-098-2652.78", "build:5.5.2652.78 " QUOTED, "", IMCEAQ, "refuse no-rule t@far.example"},
    {"R-098-R-218-SP4", "build:SP4 " QUOTED, "", IMCEAQ, "refuse no-rule t@far.example"},
    {"R-098-with-a-blank", "build:SP3 " QUOTED, "", "\"IMCEA user@domain2.com\"@own.com", "reroute encapsulated user@domain2.com Q264330"},
    {"R-098-quoted-around-plain", "build:SP3 " QUOTED, "", "\"IMCEASMTP-IMCEASMTP-t+2B40far+2B2Eexample+40own+2Ecom\"@own.com", "reroute encapsulated t@far.example Q264330"},
    {"R-098-without-smart-host", "build:SP3 " AUTH, "", IMCEAQ, "deliver inbound " IMCEAQ},
    {"R-098-without-authenticate", "build:SP3 smart-host " OLD, "", IMCEAQ, "deliver inbound " IMCEAQ},
    {"R-098-no-reroute", "build:SP3 faithful risk do-not-reroute flags:8 smart-host", "auth", IMCEAQ, "directory authenticated " IMCEAQ},
    {"R-098-plain-form-is-closed", "build:SP3 " QUOTED, "", IMCEA, "refuse no-rule t@far.example"},
    {"R-098-not-for-strangers", "build:SP3 faithful flags:8 smart-host list:own.com=<inbound>", "", IMCEAQ, "refuse no-rule t@far.example"},
    {"R-098-extended", "build:SP3 risk flags:8 smart-host list:own.com=<inbound>", "", IMCEAQ, "refuse no-rule t@far.example"},
    {"R-098-authenticated-needs-no-hole", "build:SP3 " QUOTED, "auth", IMCEAQ, "reroute authenticated t@far.example"},
    /* address literals */
    {"R-105-5.0-has-no-own-literal", "build:5.0.1460.8 flags:2 list:own.com=<inbound>", "", "a@[192.0.2.1]", "refuse no-rule a@[192.0.2.1]"},
    {"R-105-5.0-target-literal", "build:5.0.1460.8 flags:2 list:old.example=[192.0.2.1]", "", "a@old.example", "refuse no-rule a@[192.0.2.1]"},
    {"R-105-RTM-own-literal", "build:RTM flags:2 list:own.com=<inbound>", "", "a@[192.0.2.1]", "deliver own-literal a@[192.0.2.1]"},
    /* strict addresses, and the value that relaxes them */
    {"R-109-strict-in-5.0", "build:5.0 flags:2", "", "a b@own.com", "refuse malformed -"},
    {"S-304-5.0-has-no-value", "build:5.0 lax flags:2 list:own.com=<inbound>", "", "a b@own.com", "refuse malformed -"},
    {"S-304-5.0-SP1-has-it", "build:5.0.1458.49 lax flags:2 list:own.com=<inbound>", "", "a b@own.com", "deliver inbound a b@own.com"},
    {"S-048-5.0-equal-sign", "build:5.0 faithful lax flags:2 list:own.com=<inbound>", "", "a=b@own.com", "refuse malformed -"},
    /* R-042, S-053: the limit is a repair */
    {"R-042-limit-SP4", "build:SP4 " TODAY, "count:32766", "a@own.com", "refuse too-many-recipients a@own.com"},
    {"R-042-limit-2654.14", "build:5.5.2654.14 " OLD, "count:32766", "a@own.com", "refuse too-many-recipients a@own.com"},
    {"R-042-limit-RTM", "build:RTM " OLD, "count:32766", "a@own.com", "refuse too-many-recipients a@own.com"},
    /* 5.0 has no restrictions */
    {"R-047-5.0-relays-for-all", "build:5.0.1460.8 " OLD_CLOSED " risk", "", "x@far.example", "reroute no-restrictions x@far.example Q193922"},
    {"R-047-5.0-never-list", "build:5.0.1460.8 faithful risk flags:1 deny:203.0.113.66", "", "x@far.example", "reroute no-restrictions x@far.example Q193922"},
    {"R-047-5.0-loopback", "build:5.0 " OLD_CLOSED, "client:127.0.0.1 local:127.0.0.1", "x@far.example", "reroute no-restrictions x@far.example Q193922"},
    {"R-047-5.0-not-for-strangers", "build:5.0 " OLD_CLOSED, "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-047-5.0-who-may-relay", "build:5.0 " OLD_CLOSED, "client:10.0.0.5", "x@far.example", "reroute allow-list x@far.example"},
    {"R-047-5.0-extended", "build:5.0 risk " TODAY, "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-047-5.0-own", "build:5.0 " OLD_CLOSED, "", "a@own.com", "deliver inbound a@own.com"},
    {"R-047-5.0-blocked", "build:5.0 faithful risk flags:2 list:far.example=<blocked>", "", "x@far.example", "refuse blocked x@far.example"},
    {"R-047-RTM-has-them", "build:RTM " OLD_CLOSED " risk", "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-007-5.0-has-no-flags", "build:5.0 faithful risk do-not-reroute flags:2", "", "alice@own.com", "directory no-reroute-directory alice@own.com Q255695"},
    {"R-007-RTM-stale-flags", "build:RTM faithful risk do-not-reroute flags:2", "", "alice@own.com", "refuse no-rule alice@own.com"},
    /* logons that are none */
    {"R-072-guest", AUTH, "guest", "x@far.example", "reroute guest x@far.example Q251149"},
    {"R-072-guest-post-SP4", "build:post-SP4 " AUTH, "guest", "x@far.example", "reroute guest x@far.example Q251149"},
    {"R-072-guest-needs-the-box", OLD, "guest", "x@far.example", "refuse no-rule x@far.example"},
    {"R-072-guest-extended", "risk flags:8", "guest", "x@far.example", "refuse no-rule x@far.example"},
    {"R-072-guest-not-for-strangers", "faithful flags:8", "guest", "x@far.example", "refuse no-rule x@far.example"},
    {"R-072-guest-loopback", "faithful flags:8", "guest client:127.0.0.1 local:127.0.0.1", "x@far.example", "reroute guest x@far.example Q251149"},
    {"R-058-deny-beats-guest", "faithful risk flags:9 deny:203.0.113.66", "guest", "x@far.example", "refuse deny-list x@far.example"},
    {"R-072-window-counts-first", AUTH, "guest window", "x@far.example", "reroute logon-window x@far.example"},
    {"R-073-null-session-SP4", AUTH, "null", "x@far.example", "reroute null-session x@far.example MS02-011"},
    {"R-073-null-session-RTM", "build:RTM " AUTH, "null", "x@far.example", "reroute null-session x@far.example MS02-011"},
    {"R-073-null-session-2655.54", "build:5.5.2655.54 " AUTH, "null", "x@far.example", "reroute null-session x@far.example MS02-011"},
    {"R-073-null-session-2655.55", "build:5.5.2655.55 " AUTH, "null", "x@far.example", "refuse no-rule x@far.example"},
    {"R-073-null-session-extended", "risk flags:8", "null", "x@far.example", "refuse no-rule x@far.example"},
    {"R-073-null-session-not-for-strangers", "faithful flags:8", "null", "x@far.example", "refuse no-rule x@far.example"},
    {"R-073-stale-flags", "faithful risk do-not-reroute flags:8", "null", "a@own.com", "directory null-session a@own.com MS02-011"},
};
/* clang-format on */

static void
test_case(gconstpointer data)
{
    const Case *row = data;
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *text = NULL;
    ImsRelayQuery query;
    RoutingWorld world;

    routing_world_init(&world, row->policy);
    routing_query_init(&query, row->query, row->recipient);
    ims_relay_decide(&world.policy, &query, &verdict);
    text = routing_verdict_describe(&verdict);
    g_assert_cmpstr(text, ==, row->verdict);
    routing_verdict_check(&world.policy, &query, &verdict);
    routing_world_clear(&world);
}

/* The links that tell one build from another: "<outcome> <text>", each there once or, after "not ",
 * not at all. */
static void
test_chain(void)
{
    static const struct {
        const char *policy, *query, *recipient, *line;
    } rows[] = {
        {"build:SP2 " OLD,           "",      IMCEA,
         "decides 5.5 SP2 (5.5.2448.0) sends on for anyone what was encapsulated in an own "
         "address"                                                                                },
        {"build:SP2 " OLD_CLOSED,    "",      IMCEA,
         "no 5.5 SP2 (5.5.2448.0) sent on for anyone what was encapsulated in an own address; this "
         "is not done for 203.0.113.66 without AcceptHistoricRisk=yes"                            },
        {"build:SP2 " TODAY,         "",      IMCEA,
         "no 5.5 SP2 (5.5.2448.0) sent on for anyone what was encapsulated in an own address; this "
         "is not done in the extended profile"                                                    },
        {"build:SP1 " TODAY,         "",      "x@partner.example",
         "yes \"partner.example = <relay>\" (line 11) is passed over: 5.5 SP1 (5.5.2232.9) knows "
         "no such entries"                                                                        },
        {"build:5.0 " OLD_CLOSED,    "",      "x@far.example",
         "no 5.0 (5.0.1457.10) had no Routing Restrictions; they are kept for 203.0.113.66 without "
         "AcceptHistoricRisk=yes"                                                                 },
        {"build:5.0 " OLD_CLOSED,    "",      "x@[192.0.2.1]",
         "yes 5.0 (5.0.1457.10) takes no address literal for its own"                             },
        {"build:5.5.2655.55 " AUTH,  "null",  "x@far.example",
         "no a logon without a name does not count in 5.5 SP4 and fixes (5.5.2655.55)"            },
        {"build:SP3 " AUTH,          "",      IMCEAQ,
         "yes the quoted local part is an ordinary name to 5.5 SP3 (5.5.2650.21)"                 },
        {AUTH,                       "guest", "x@far.example",
         "decides the logon fell back to Guest, which counts as authenticated"                    },
        {"build:5.0 do-not-reroute", "",      "x@far.example",
         "not no 5.0 (5.0.1457.10) had no Routing Restrictions; they are kept in the extended "
         "profile"                                                                                },
        {"build:5.0 flags:8",        "",      "x@far.example",
         "no 5.0 (5.0.1457.10) had no Routing Restrictions; they are kept in the extended profile"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(ImsRelayVerdict) verdict = {0};
        g_autoptr(GPtrArray) lines = NULL;
        gboolean wanted = !g_str_has_prefix(rows[i].line, "not ");
        const char *wanted_text = rows[i].line + (wanted ? 0 : strlen("not "));
        guint found = 0;
        ImsRelayQuery query;
        RoutingWorld world;

        routing_world_init(&world, rows[i].policy);
        routing_query_init(&query, rows[i].query, rows[i].recipient);
        ims_relay_decide(&world.policy, &query, &verdict);
        lines = ims_relay_explain(&world.policy, &query, &verdict);
        for (guint k = 0; k < lines->len; k++) {
            const ImsRelayReasonLine *line = g_ptr_array_index(lines, k);
            g_autofree char *text = g_strconcat(line->outcome, " ", line->text, NULL);

            g_test_message("%u: %s", i, text);
            found += strcmp(text, wanted_text) == 0;
        }
        g_assert_cmpuint(found, ==, wanted);
        routing_world_clear(&world);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routing/build/names", test_names);
    g_test_add_func("/routing/build/Q257618-rows", test_rows);
    g_test_add_func("/routing/build/P-002-store", test_store);
    g_test_add_func("/routing/build/differences", test_differences);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/routing/build/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/routing/build/chain", test_chain);
    return g_test_run();
}
