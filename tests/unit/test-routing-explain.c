/* Reply texts and the chain of rules in words. */
#include "tests/unit/routing-world.h"

#include <string.h>

#define CLOSED "flags:2 list:own.com=<inbound>"

typedef struct {
    const char *name, *policy, *query, *recipient, *reply;
} ReplyCase;

/* One row a line. */
/* clang-format off */
static const ReplyCase reply_cases[] = {
    {"S-034-ok", CLOSED, "", "b@OWN.com", "250 OK - Recipient <b@OWN.com>"},
    {"S-034-ok-as-it-was-sent", CLOSED, "", "@x.example:b@own.com.", "250 OK - Recipient <@x.example:b@own.com.>"},
    {"R-107-ok-bare", CLOSED, "", "user", "250 OK - Recipient <user>"},
    {"R-041-refused", CLOSED, "", "b@far.example", "550 Relaying is prohibited"},
    {"R-041-never-list", "flags:1 deny:203.0.113.66", "", "b@far.example", "550 Relaying is prohibited"},
    {"R-041-no-reroute", "do-not-reroute", "", "b@far.example", "550 Relaying is prohibited"},
    {"R-041-blocked", "list:bad.example=<blocked>", "", "b@bad.example", "550 Relaying is prohibited"},
    {"R-042-malformed", CLOSED, "", "bob smith@own.com", "553 malformed address: bob smith@own.com"},
    {"R-110-malformed", CLOSED, "", "IMCEASMTP-swadmin+40corporate+2Ecom@*", "553 malformed address: IMCEASMTP-swadmin+40corporate+2Ecom@*"},
    {"R-042-limit", CLOSED, "count:40000", "b@own.com", "452 Requested action not taken: Exceed Recipient Limit"},
    {"reply-is-one-line", CLOSED, "", "a\r\n250 x\x7f\xff@own.com", "553 malformed address: a??250 x??@own.com"},
};
/* clang-format on */

static void
test_reply(gconstpointer data)
{
    const ReplyCase *row = data;
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *reply = NULL;
    ImsRelayQuery query;
    RoutingWorld world;

    routing_world_init(&world, row->policy);
    routing_query_init(&query, row->query, row->recipient);
    ims_relay_decide(&world.policy, &query, &verdict);
    reply = ims_relay_verdict_reply_text(&verdict, &query);
    g_assert_cmpstr(reply, ==, row->reply);
    routing_world_clear(&world);
}

static char *
tell(const char *policy, const char *query_text, const char *recipient)
{
    GString *out = g_string_new(NULL);
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autoptr(GPtrArray) lines = NULL;
    ImsRelayQuery query;
    RoutingWorld world;

    routing_world_init(&world, policy);
    routing_query_init(&query, query_text, recipient);
    query.account = "EXAMPLE\\alice";
    query.window_account = "EXAMPLE\\bob";
    query.window_protocol = "pop3";
    ims_relay_decide(&world.policy, &query, &verdict);
    lines = ims_relay_explain(&world.policy, &query, &verdict);
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = g_ptr_array_index(lines, i);

        g_string_append_printf(out, "%s: %s (%s, %s)\n", line->outcome, line->text, line->fact,
                               line->source);
    }
    g_string_append_printf(out, "%s\n", ims_relay_verdict_source(&verdict));
    routing_world_clear(&world);
    return g_string_free(out, FALSE);
}

static void
test_explain(void)
{
    g_autofree char *window = tell("flags:11 allow:10.0.0.1 deny:10.0.0.2,192.168.0.0;255.255.0.0 "
                                   "list:own.com=<inbound>,old.example=new.example",
                                   "window", "IMCEASMTP-u+40old+2Eexample@own.com");
    g_autofree char *deny =
        tell("flags:1 deny:10.0.0.2,203.0.113.0;255.255.255.0", "auth", "x@y.z");
    g_autofree char *closed = tell("flags:0", "", "x@far.example");
    g_autofree char *bare = tell(CLOSED, "", "bob");

    g_assert_cmpstr(
        window, ==,
        "no: \"IMCEASMTP-u+40old+2Eexample@own.com\" is an address (R-109, Q191262)\n"
        "no: 0 recipients are taken already, fewer than 32766 (R-042, Q272672)\n"
        "yes: the routing list has \"own.com = <inbound>\" (line 10) for own.com (R-017, Q169683)\n"
        "yes: the local part encapsulates u@old.example, which is judged in its place (R-097, "
        "Q237927)\n"
        "yes: the routing list has \"old.example = new.example\" (line 11) for old.example (R-017, "
        "Q169683)\n"
        "yes: the entry reroutes to new.example: the recipient becomes u@new.example (R-020, "
        "Q190710)\n"
        "no: the new domain is looked up once more: new.example is not inbound (R-022, Q307628)\n"
        "no: 203.0.113.66 is not in the list of those that can NEVER route (R-056, Q193922)\n"
        "no: 203.0.113.66 is not in the list of those that may route (R-056, Q193922)\n"
        "no: the session is not authenticated by SMTP AUTH (R-074, Q193922)\n"
        "decides: a POP3 logon of EXAMPLE\\bob from 203.0.113.66 authorizes relaying (R-077, "
        "TechNet Dd277329)\n"
        "TechNet Dd277329 (R-077)\n");
    g_assert_nonnull(strstr(deny, "decides: 203.0.113.66 is in the list of those that can NEVER "
                                  "route: 203.0.113.0;255.255.255.0 (entry 2) (R-056, Q193922)\n"
                                  "Q193922 (R-056)\n"));
    g_assert_true(g_str_has_suffix(closed,
                                   "yes: nothing is ticked in Routing Restrictions: everyone "
                                   "may relay (R-059, Q260562)\n"
                                   "decides: an open relay is not served to 203.0.113.66 "
                                   "without AcceptHistoricRisk=yes (R-059, Q260562)\n"
                                   "Q260562 (R-059)\n"));
    g_assert_true(g_str_has_suffix(bare, "Q304897 (R-107)\n"));
}

/* Each reason has its own word: logs and JSON are read by it. */
static void
test_words(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < IMS_N_REASONS; i++)
        g_assert_true(g_hash_table_add(seen, (gpointer)ims_relay_reason_word(i)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(reply_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/reply/", reply_cases[i].name, NULL);

        g_test_add_data_func(path, &reply_cases[i], test_reply);
    }
    g_test_add_func("/routing/explain/chain", test_explain);
    g_test_add_func("/routing/explain/words", test_words);
    return g_test_run();
}
