/* The routing list: R-012 to R-019, R-236. */
#include "routing/relay.h"

#include <string.h>

typedef struct {
    const char *name;
    const char *entries; /* "domain=action" with commas */
    const char *domain;
    const char *found; /* NULL: none */
} LookupCase;

#define Q169683 "ms.com=host1.ms.com,#ms.com=<inbound>,x.ms.com=<inbound>"
#define Q217217                                                                                    \
    "#sample.microsoft.com=<inbound>,dallas.sample.microsoft.com=<inbound>,"                       \
    "chicago.sample.microsoft.com=other.example"

static const LookupCase lookup_cases[] = {
    {"R-017-Q169683-exact",                  Q169683,                                       "ms.com",                            "#ms.com"              },
    {"R-017-Q169683-suffix",                 Q169683,                                       "sales.ms.com",                      "ms.com"               },
    {"R-017-Q169683-more-specific",          Q169683,                                       "x.ms.com",                          "x.ms.com"             },
    {"R-017-Q169683-below-it",               Q169683,                                       "abc.x.ms.com",                      "x.ms.com"             },
    {"R-014-Q169683-not-inside-a-label",     Q169683,                                       "pms.com",                           NULL                   },
    {"R-018-Q217217-exact",                  Q217217,                                       "sample.microsoft.com",              "#sample.microsoft.com"},
    {"R-018-Q217217-none",                   Q217217,                                       "seattle.sample.microsoft.com",      NULL                   },
    {"R-018-Q217217-below-dallas",           Q217217,                                       "plano.dallas.sample.microsoft.com",
     "dallas.sample.microsoft.com"                                                                                                                      },
    {"R-018-Q217217-chicago",                Q217217,                                       "chicago.sample.microsoft.com",
     "chicago.sample.microsoft.com"                                                                                                                     },
    {"R-014-whole-labels",                   "sea.com=<inbound>",                           "chelsea.com",                       NULL                   },
    {"R-014-subdomain",                      "sea.com=<inbound>",                           "x.sea.com",                         "sea.com"              },
    {"R-014-parent-does-not-match",          "x.sea.com=<inbound>",                         "sea.com",                           NULL                   },
    {"R-015-order-does-not-count",           "com=<relay>,b.com=<inbound>,a.b.com=<relay>", "c.a.b.com",
     "a.b.com"                                                                                                                                          },
    {"R-015-order-turned-round",             "a.b.com=<relay>,b.com=<inbound>,com=<relay>", "c.a.b.com",
     "a.b.com"                                                                                                                                          },
    {"R-015-top-level",                      ".com=<inbound>",                              "any.example.com",                   ".com"                 },
    {"R-015-top-level-other",                ".com=<inbound>",                              "example.org",                       NULL                   },
    {"R-016-hash-not-below",                 "#ms.com=<inbound>",                           "a.ms.com",                          NULL                   },
    {"R-016-hash-below-suffix",              "com=<relay>,#ms.com=<inbound>",               "a.ms.com",                          "com"                  },
    {"R-016-hash-beats-suffix-of-that-name", "ms.com=<relay>,#ms.com=<inbound>",            "ms.com",
     "#ms.com"                                                                                                                                          },
    {"R-235-entry-in-capitals",              "EXAMPLE.com=<inbound>",                       "example.com",                       "EXAMPLE.com"          },
    {"R-236-number",                         "192.0.2.1=<inbound>",                         "192.0.2.1",                         "192.0.2.1"            },
    {"literal-with-brackets",                "[192.0.2.1]=<inbound>",                       "192.0.2.1",                         "[192.0.2.1]"          },
    {"empty-list",                           "",                                            "example.com",                       NULL                   },
    {"empty-domain",                         "com=<relay>",                                 "",                                  NULL                   },
    {"odd-domain",                           "com=<relay>",                                 "..com",                             "com"                  },
};

static ImsRoutingList *
routing_list(const char *entries)
{
    ImsRoutingList *list = ims_routing_list_new();
    g_auto(GStrv) parts = g_strsplit(entries, ",", -1);

    for (guint i = 0; parts[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(parts[i], "=", 2);
        g_autoptr(GError) error = NULL;

        ims_routing_list_add(list, pair[0], pair[1], i + 1, &error);
        g_assert_no_error(error);
    }
    return list;
}

static void
test_lookup(gconstpointer data)
{
    const LookupCase *row = data;
    g_autoptr(ImsRoutingList) list = routing_list(row->entries);
    const ImsRoutingEntry *entry = ims_routing_list_lookup(list, row->domain);

    g_assert_cmpstr(entry != NULL ? entry->domain : NULL, ==, row->found);
}

static void
test_actions(void)
{
    static const struct {
        ImsRouteAction action;
        const char *target;
        gboolean literal;
    } wanted[] = {
        {IMS_ROUTE_INBOUND, NULL,           FALSE},
        {IMS_ROUTE_RELAY,   NULL,           FALSE},
        {IMS_ROUTE_BLOCKED, NULL,           FALSE},
        {IMS_ROUTE_REROUTE, "host.example", FALSE},
        {IMS_ROUTE_REROUTE, "192.0.2.9",    TRUE },
        {IMS_ROUTE_REROUTE, "192.0.2.9",    TRUE },
        {IMS_ROUTE_REROUTE, "2001:db8::9",  TRUE },
    };
    g_autoptr(ImsRoutingList) list =
        routing_list("a.example=<inbound>,b.example=<Relay>,c.example=<BLOCKED>,"
                     "d.example=Host.Example.,e.example=[192.0.2.9],f.example=192.0.2.9,"
                     "g.example=[IPv6:2001:DB8::9]");

    g_assert_cmpuint(ims_routing_list_size(list), ==, G_N_ELEMENTS(wanted));
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        const ImsRoutingEntry *entry = ims_routing_list_get(list, i);

        g_assert_cmpint(entry->action, ==, wanted[i].action);
        g_assert_cmpstr(entry->target, ==, wanted[i].target);
        g_assert_cmpint(entry->target_is_literal, ==, wanted[i].literal);
        g_assert_cmpuint(entry->line, ==, i + 1);
    }
}

static void
test_errors(void)
{
    static const struct {
        const char *domain, *action;
        ImsRoutingError code;
    } cases[] = {
        {"*",             "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"*.example.com", "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"",              "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"#",             "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {".",             "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"##a.example",   "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"..com",         "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"a b.example",   "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"a@b.example",   "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"a\n.example",   "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"[192.0.2]",     "<inbound>",     IMS_ROUTING_ERROR_DOMAIN   },
        {"b.example",     "",              IMS_ROUTING_ERROR_TARGET   },
        {"b.example",     "<outbound>",    IMS_ROUTING_ERROR_TARGET   },
        {"b.example",     "<inbound> ",    IMS_ROUTING_ERROR_TARGET   },
        {"b.example",     "*",             IMS_ROUTING_ERROR_TARGET   },
        {"b.example",     "[192.0.2.300]", IMS_ROUTING_ERROR_TARGET   },
        {"b.example",     "u@c.example",   IMS_ROUTING_ERROR_TARGET   },
        {"a.example",     "<relay>",       IMS_ROUTING_ERROR_DUPLICATE},
        {"A.Example.",    "<relay>",       IMS_ROUTING_ERROR_DUPLICATE},
        {".a.example",    "<relay>",       IMS_ROUTING_ERROR_DUPLICATE},
    };
    g_autoptr(ImsRoutingList) list = routing_list("a.example=<inbound>,#b.example=<inbound>");
    g_autofree char *huge = g_strnfill(100 * 1024, 'a');

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(ims_routing_list_add(list, cases[i].domain, cases[i].action, 9, &error));
        g_assert_error(error, IMS_ROUTING_ERROR, (int)cases[i].code);
    }
    g_assert_false(ims_routing_list_add(list, huge, "<inbound>", 9, NULL));
    g_assert_false(ims_routing_list_add(list, "c.example", huge, 9, NULL));
    g_assert_cmpuint(ims_routing_list_size(list), ==, 2);
    /* a failed entry leaves the domain free, and with `#` it is another entry */
    g_assert_true(ims_routing_list_add(list, "b.example", "<relay>", 9, NULL));
    g_assert_true(ims_routing_list_add(list, "c.example", "<relay>", 9, NULL));
}

/* Enough entries that the table grows and probes collide; each is found again and no other. */
static void
test_many(void)
{
    g_autoptr(ImsRoutingList) list = ims_routing_list_new();
    const guint n = 5000;

    for (guint i = 0; i < n; i++) {
        g_autofree char *domain = g_strdup_printf("%sd%u.example", i % 3 == 0 ? "#" : "", i);

        g_assert_true(ims_routing_list_add(list, domain, "<inbound>", i + 1, NULL));
    }
    for (guint i = 0; i < n; i++) {
        g_autofree char *domain = g_strdup_printf("d%u.example", i);
        g_autofree char *below = g_strdup_printf("x.d%u.example", i);
        g_autofree char *beside = g_strdup_printf("xd%u.example", i);
        const ImsRoutingEntry *entry = ims_routing_list_lookup(list, domain);

        g_assert_nonnull(entry);
        g_assert_cmpuint(entry->line, ==, i + 1);
        g_assert_true((ims_routing_list_lookup(list, below) != NULL) == (i % 3 != 0));
        g_assert_null(ims_routing_list_lookup(list, beside));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(lookup_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/list/", lookup_cases[i].name, NULL);

        g_test_add_data_func(path, &lookup_cases[i], test_lookup);
    }
    g_test_add_func("/routing/list/R-012-actions", test_actions);
    g_test_add_func("/routing/list/R-019-errors", test_errors);
    g_test_add_func("/routing/list/many", test_many);
    return g_test_run();
}
