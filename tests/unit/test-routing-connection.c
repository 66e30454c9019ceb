/* Accept Connections. */
#include "routing/connection.h"

typedef struct {
    const char *name;
    const char *rules[4];
    guint general;
    const char *client;
    ImsConnectionVerdict wanted;
} Case;

#define AUTH IMS_SECURITY_AUTHENTICATION
#define TLS IMS_SECURITY_ENCRYPTION

static const Case cases[] = {
    {"R-158-no-rule",                   {NULL},                              0,    "198.51.100.9", {TRUE, 0, FALSE, 0}         },
    {"R-153-general-authentication",    {NULL},                              AUTH, "198.51.100.9", {TRUE, AUTH, FALSE, 0}      },
    {"R-153-general-both",
     {"10.0.0.1;255.255.255.255;reject"},
     AUTH | TLS,
     "10.0.0.2",                                                                                   {TRUE, AUTH | TLS, FALSE, 0}},
    {"D-017-rule-outranks-general",
     {"10.0.0.0;255.255.255.0;accept"},
     AUTH,                                                                         "10.0.0.7",
     {TRUE, 0, FALSE, 1}                                                                                                       },
    {"R-153-rule-asks-for-more",
     {"10.0.0.0;255.255.255.0;accept;encryption;authentication"},
     0,                                                                            "10.0.0.7",
     {TRUE, AUTH | TLS, FALSE, 1}                                                                                              },
    {"R-084-relay-server",
     {"10.0.0.25;255.255.255.255;Accept;Relay-Server"},
     0,                                                                            "10.0.0.25",
     {TRUE, 0, TRUE, 1}                                                                                                        },
    {"R-155-Q155920-accept-inside",
     {"157.57.10.0;255.255.255.0;accept", "157.57.10.0;255.255.0.0;reject"},
     0,                                                                            "157.57.10.25",
     {TRUE, 0, FALSE, 1}                                                                                                       },
    {"R-156-Q155920-both-sides-masked",
     {"157.57.10.0;255.255.255.0;accept", "157.57.10.0;255.255.0.0;reject"},
     0,                                                                            "157.57.15.2",
     {FALSE, 0, FALSE, 2}                                                                                                      },
    {"R-155-Q316205-void-behind-all",
     {"0.0.0.0;0.0.0.0;reject", "10.0.0.5;255.255.255.255;accept"},
     0,                                                                            "10.0.0.5",
     {FALSE, 0, FALSE, 1}                                                                                                      },
    {"R-240-order-not-narrowness",
     {"10.0.0.0;255.0.0.0;accept", "10.0.0.5;255.255.255.255;reject"},
     0,                                                                            "10.0.0.5",
     {TRUE, 0, FALSE, 1}                                                                                                       },
    {"R-157-newest-first",
     {"10.0.0.5;255.255.255.255;reject", "10.0.0.0;255.0.0.0;accept"},
     0,                                                                            "10.0.0.5",
     {FALSE, 0, FALSE, 1}                                                                                                      },
    {"mask-left-out",                   {"10.0.0.5;reject"},                 0,    "10.0.0.6",     {TRUE, 0, FALSE, 0}         },
    {"ipv6",                            {"2001:db8::/32;reject"},            0,    "2001:db8::1",  {FALSE, 0, FALSE, 1}        },
    {"ipv4-catch-all-is-not-ipv6",
     {"0.0.0.0;0.0.0.0;reject"},
     TLS,                                                                          "2001:db8::1",
     {TRUE, TLS, FALSE, 0}                                                                                                     },
};

static void
test_decide(gconstpointer data)
{
    const Case *row = data;
    g_autoptr(ImsConnectionRules) rules = ims_connection_rules_new();
    g_autoptr(GError) error = NULL;
    ImsConnectionVerdict verdict;
    ImsAddress client;

    for (guint i = 0; row->rules[i] != NULL; i++) {
        ims_connection_rules_add(rules, row->rules[i], &error);
        g_assert_no_error(error);
        g_assert_cmpuint(ims_connection_rules_size(rules), ==, i + 1);
    }
    g_assert_true(ims_address_parse(row->client, &client));
    verdict = ims_connection_decide(rules, row->general, &client);
    g_assert_cmpint(verdict.accept, ==, row->wanted.accept);
    g_assert_cmpuint(verdict.security, ==, row->wanted.security);
    g_assert_cmpint(verdict.relay_server, ==, row->wanted.relay_server);
    g_assert_cmpuint(verdict.rule, ==, row->wanted.rule);
}

static void
test_none(void)
{
    ImsAddress client;

    g_assert_true(ims_address_parse("10.0.0.1", &client));
    g_assert_true(ims_connection_decide(NULL, 0, &client).accept);
}

static void
test_malformed(void)
{
    static const char *const texts[] = {"",
                                        ";",
                                        "10.0.0.1",
                                        "10.0.0.1;255.0.0.0",
                                        "10.0.0.1;255.0.0.0;",
                                        "10.0.0.1;255.0.0.0;allow",
                                        "10.0.0.1;accept;accept",
                                        "10.0.0.1;255.0.0.0;accept;everything",
                                        "10.0.0.1;255.0.0.0;reject;authentication",
                                        "host.example;255.0.0.0;accept",
                                        "10.0.0.1;300.0.0.0;accept",
                                        "2001:db8::1;255.0.0.0;accept"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(ImsConnectionRules) rules = ims_connection_rules_new();
        g_autoptr(GError) error = NULL;

        g_assert_false(ims_connection_rules_add(rules, texts[i], &error));
        g_assert_error(error, IMS_CONNECTION_ERROR, IMS_CONNECTION_ERROR_SYNTAX);
        g_assert_cmpuint(ims_connection_rules_size(rules), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/routing/connection/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_decide);
    }
    g_test_add_func("/routing/connection/none", test_none);
    g_test_add_func("/routing/connection/malformed", test_malformed);
    return g_test_run();
}
