/* Addresses and lists of nets. */
#include "routing/ip.h"

#include <string.h>

static void
test_parse(void)
{
    static const struct {
        const char *text, *formatted;
    } good[] = {
        {"192.0.2.1",        "192.0.2.1"      },
        {"0.0.0.0",          "0.0.0.0"        },
        {"255.255.255.255",  "255.255.255.255"},
        {"2001:DB8:0::1",    "2001:db8::1"    },
        {"::",               "::"             },
        {"::ffff:192.0.2.1", "192.0.2.1"      },
        {"::ffff:c000:201",  "192.0.2.1"      },
    };
    static const char *const bad[] = {
        "",         " ",         "1.2.3",      "1.2.3.4.5",    "256.1.1.1", "01.2.3.4",
        "1.2.3.4 ", " 1.2.3.4",  "[1.2.3.4]",  "fe80::1%eth0", "::1/128",   "1.2.3.4:25",
        "1::2::3",  "localhost", "0x7f.0.0.1", "2130706433",
    };
    char buffer[IMS_ADDRESS_STRLEN];
    ImsAddress address;

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(ims_address_parse(good[i].text, &address));
        g_assert_cmpstr(ims_address_format(&address, buffer), ==, good[i].formatted);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        memset(&address, 0x5a, sizeof address);
        g_test_message("%s", bad[i]);
        g_assert_false(ims_address_parse(bad[i], &address));
        g_assert_cmpuint(address.family, ==, 0x5a);
    }
    ims_address_from_bytes(&address, (const guint8 *)"abc", 3);
    g_assert_cmpstr(ims_address_format(&address, buffer), ==, "");
}

static void
test_equal(void)
{
    ImsAddress a, b;

    ims_address_parse("::ffff:10.0.0.1", &a);
    ims_address_parse("10.0.0.1", &b);
    g_assert_true(ims_address_equal(&a, &b));
    g_assert_cmpuint(ims_address_hash(&a), ==, ims_address_hash(&b));
    memset(b.bytes + 4, 0xff, 12); /* beyond the four bytes of IPv4: no part of the value */
    g_assert_true(ims_address_equal(&a, &b));
    g_assert_cmpuint(ims_address_hash(&a), ==, ims_address_hash(&b));
    ims_address_parse("10.0.0.2", &b);
    g_assert_false(ims_address_equal(&a, &b));
    ims_address_parse("a00:1::", &b); /* the same leading bytes in the other family */
    g_assert_false(ims_address_equal(&a, &b));
}

static void
test_kinds(void)
{
    static const struct {
        const char *text;
        gboolean loopback, private;
    } cases[] = {
        {"127.0.0.1",        TRUE,  TRUE },
        {"127.255.0.9",      TRUE,  TRUE },
        {"128.0.0.1",        FALSE, FALSE},
        {"::1",              TRUE,  TRUE },
        {"::2",              FALSE, FALSE},
        {"::ffff:127.0.0.1", TRUE,  TRUE },
        {"10.9.8.7",         FALSE, TRUE },
        {"172.16.0.1",       FALSE, TRUE },
        {"172.31.255.255",   FALSE, TRUE },
        {"172.32.0.0",       FALSE, FALSE},
        {"192.168.1.1",      FALSE, TRUE },
        {"192.169.1.1",      FALSE, FALSE},
        {"169.254.1.1",      FALSE, TRUE },
        {"fe80::1",          FALSE, TRUE },
        {"fec0::1",          FALSE, FALSE},
        {"fd00::1",          FALSE, TRUE },
        {"2001:db8::1",      FALSE, FALSE},
    };
    const ImsAddress none = {0};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        ImsAddress address;

        g_test_message("%s", cases[i].text);
        g_assert_true(ims_address_parse(cases[i].text, &address));
        g_assert_cmpint(ims_address_is_loopback(&address), ==, cases[i].loopback);
        g_assert_cmpint(ims_address_is_private(&address), ==, cases[i].private);
    }
    g_assert_false(ims_address_is_loopback(&none));
    g_assert_false(ims_address_is_private(&none));
}

typedef struct {
    const char *name;
    const char *entry; /* several with commas */
    const char *address;
    guint match;
} NetCase;

static const NetCase net_cases[] = {
    {"R-050-no-mask-means-one-host",      "10.1.2.3",                                    "10.1.2.3",        1},
    {"R-050-no-mask-not-the-neighbour",   "10.1.2.3",                                    "10.1.2.4",        0},
    {"R-050-order-has-no-meaning",        "10.2.0.0;255.255.0.0,10.2.3.0;255.255.255.0", "10.2.3.4",        1},
    {"R-051-subnet",                      "192.168.17.0;255.255.255.0",                  "192.168.17.200",  1},
    {"R-051-outside-subnet",              "192.168.17.0;255.255.255.0",                  "192.168.18.1",    0},
    {"R-051-everything",                  "0.0.0.0;0.0.0.0",                             "203.0.113.9",     1},
    {"R-052-low-bits-never-match-itself", "192.168.1.17;255.255.255.0",                  "192.168.1.17",    0},
    {"R-052-low-bits-never-match-net",    "192.168.1.17;255.255.255.0",                  "192.168.1.0",     0},
    {"R-052-mask-with-a-hole",            "10.0.5.0;255.0.255.0",                        "10.77.5.9",       1},
    {"R-052-mask-with-a-hole-other",      "10.0.5.0;255.0.255.0",                        "10.77.6.9",       0},
    {"R-052-mask-of-the-low-bit",         "0.0.0.1;0.0.0.1",                             "10.0.0.3",        1},
    {"R-052-mask-of-the-low-bit-even",    "0.0.0.1;0.0.0.1",                             "10.0.0.4",        0},
    {"R-053-one-host-mask-matches",       "123.123.123.123;255.255.255.255",             "123.123.123.123", 1},
    {"R-053-odd-mask-of-the-article",     "123.123.123.123;255.255.255.123",             "123.123.123.123", 1},
    {"R-063-never-list-of-the-article",   "192.168.1.0;255.255.255.248",                 "192.168.1.7",     1},
    {"R-063-never-list-ends",             "192.168.1.0;255.255.255.248",                 "192.168.1.8",     0},
    {"first-of-several",                  "10.0.0.1,10.0.0.0;255.0.0.0,10.0.0.1",        "10.0.0.1",        1},
    {"a-wider-mask-first",                "10.0.0.0;255.0.0.0,10.0.0.1",                 "10.0.0.1",        1},
    {"the-third",                         "10.0.0.1,10.0.0.2,10.0.0.3",                  "10.0.0.3",        3},
    {"blanks-around",                     " 10.0.0.0 ; 255.0.0.0 ",                      "10.1.1.1",        1},
    {"mapped-client",                     "10.0.0.0;255.0.0.0",                          "::ffff:10.1.1.1", 1},
    {"bits",                              "10.0.0.0/8",                                  "10.1.1.1",        1},
    {"ipv6-bits",                         "2001:db8::/33",                               "2001:db8:7fff::", 1},
    {"ipv6-bits-outside",                 "2001:db8::/33",                               "2001:db8:8000::", 0},
    {"ipv6-one-host",                     "2001:db8::1",                                 "2001:db8::1",     1},
    {"ipv6-net-with-host-bits",           "2001:db8::1/32",                              "2001:db8::1",     0},
    {"ipv6-all-is-not-ipv4",              "::/0",                                        "10.0.0.1",        0},
    {"ipv4-all-is-not-ipv6",              "0.0.0.0;0.0.0.0",                             "2001:db8::1",     0},
    {"mapped-net",                        "::ffff:10.0.0.0/104",                         "10.9.9.9",        1},
};

static ImsNetList *
net_list(const char *text)
{
    ImsNetList *list = ims_net_list_new();
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (guint i = 0; parts[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;

        ims_net_list_add(list, parts[i], &error);
        g_assert_no_error(error);
    }
    return list;
}

static void
test_net(gconstpointer data)
{
    const NetCase *row = data;
    g_autoptr(ImsNetList) list = net_list(row->entry);
    ImsAddress address;

    g_assert_true(ims_address_parse(row->address, &address));
    g_assert_cmpuint(ims_net_list_match(list, &address), ==, row->match);
}

static void
test_never(void)
{
    g_autoptr(ImsNetList) list = net_list("10.0.0.0;255.0.0.0,192.168.1.17;255.255.255.0,10.1.2.3,"
                                          "2001:db8::1/32,10.0.0.1;0.0.0.0");
    const gboolean never[] = {FALSE, TRUE, FALSE, TRUE, TRUE};

    g_assert_cmpuint(ims_net_list_size(list), ==, G_N_ELEMENTS(never));
    for (guint i = 0; i < G_N_ELEMENTS(never); i++)
        g_assert_cmpint(ims_net_list_never_matches(list, i), ==, never[i]);
    g_assert_cmpstr(ims_net_list_text(list, 1), ==, "192.168.1.17;255.255.255.0");
}

static void
test_malformed(void)
{
    static const char *const bad[] = {
        "",
        ";",
        "10.0.0.0;",
        ";255.0.0.0",
        "10.0.0.0;255.0.0",
        "10.0.0.0;255.0.0.0;1",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "2001:db8::;255.0.0.0",
        "10.0.0.0;ffff::",
        "2001:db8::/129",
        "::ffff:10.0.0.0/95",
        "example.com",
        "*",
        "10.0.0.*",
        "10.0.0.0-10.0.0.9",
        "10.0.0.1\n10.0.0.2",
        "\xff\xfe",
        "0x0a.0.0.1",
    };
    g_autoptr(ImsNetList) list = ims_net_list_new();
    g_autofree char *huge = g_strnfill(100 * 1024, '1');
    ImsAddress address = {0};

    for (guint i = 0; i <= G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        const char *text = i < G_N_ELEMENTS(bad) ? bad[i] : huge;

        g_assert_false(ims_net_list_add(list, text, &error));
        g_assert_error(error, IMS_NET_ERROR, IMS_NET_ERROR_SYNTAX);
        g_assert_cmpuint(strlen(error->message), <, 400);
    }
    g_assert_cmpuint(ims_net_list_size(list), ==, 0);
    g_assert_cmpuint(ims_net_list_match(list, &address), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routing/ip/parse", test_parse);
    g_test_add_func("/routing/ip/equal", test_equal);
    g_test_add_func("/routing/ip/kinds", test_kinds);
    for (guint i = 0; i < G_N_ELEMENTS(net_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/net/", net_cases[i].name, NULL);

        g_test_add_data_func(path, &net_cases[i], test_net);
    }
    g_test_add_func("/routing/net/R-052-never-matches", test_never);
    g_test_add_func("/routing/net/R-069-malformed-is-an-error", test_malformed);
    return g_test_run();
}
