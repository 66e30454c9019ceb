/* ims.conf: what is read, what is refused and in which words, and what takes effect at a restart
 * only. */
#include "ims/config.h"

#include <glib/gstdio.h>
#include <string.h>

static ImsConfig *
parse(const char *text, GError **error)
{
    return ims_config_parse("/srv/ims/ims.conf", text, strlen(text), error);
}

static ImsConfig *
parse_ok(const char *text)
{
    g_autoptr(GError) error = NULL;
    ImsConfig *config = parse(text, &error);

    g_assert_no_error(error);
    g_assert_nonnull(config);
    return config;
}

/* ---- errors: each names line, group, key, value and what is expected ---- */

typedef struct {
    const char *name, *text;
    const char *expected[4]; /* each a part of the message; NULL ends */
} BadRow;

static const BadRow bad_rows[] = {
    {"unknown-group",                "[Rooting]\nX = 1\n",                                      {"ims.conf:1: ", "[Rooting]", "is [Routing] meant?"}                                    },
    {"unknown-group-far",            "[Nothing Like It]\n",                                     {"ims.conf:1: ", "there is no such group"}                                              },
    {"group-without-end",            "[Routing\n",                                              {"ims.conf:1: [Routing: ", "is expected"}                                               },
    {"group-empty",                  "[]\n",                                                    {"ims.conf:1: "}                                                                        },
    {"unknown-key",
     "[Routing]\nRerouteIncommingMail = yes\n",                                                 {"ims.conf:2: ", "is RerouteIncomingMail meant?"}                                       },
    {"unknown-key-other-group",
     "[Routing]\nRelayFlags = 8\n",                                                             {"ims.conf:2: [Routing] RelayFlags", "it belongs to [Routing Restrictions]"}            },
    {"key-case-matters",
     "[Server]\nhostname = a.example\n",                                                        {"ims.conf:2: ", "is HostName meant?"}                                                  },
    {"duplicate-key",
     "[Server]\nHostName = a.example\n\nHostName = a.example\n",                                {"ims.conf:4: [Server] HostName: it is set in line 2 already"}                          },
    {"duplicate-key-in-split-group",
     "[Server]\nSite = A\n[Limits]\n[Server]\nSite = B\n",                                      {"ims.conf:5: [Server] Site: it is set in line 2 already"}                              },
    {"duplicate-domain",
     "[Routing List]\nexample.com = <inbound>\nEXAMPLE.com = <relay>\n",                        {"ims.conf:3: [Routing List] EXAMPLE.com: it stands in line 2 already"}                 },
    {"key-before-group",
     "HostName = a.example\n",                                                                  {"ims.conf:1: HostName = a.example", "before it"}                                       },
    {"no-equals",
     "[Server]\nHostName a.example\n",                                                          {"ims.conf:2: HostName a.example: key = value is expected"}                             },
    {"no-key",                       "[Server]\n= a.example\n",                                 {"ims.conf:2: "}                                                                        },
    {"open-quote",
     "[Routing List]\n\"#a.example = <inbound>\n",                                              {"ims.conf:2: ", "key = value is expected"}                                             },
    {"quote-without-equals",         "[Routing List]\n\"#a.example\" <inbound>\n",              {"ims.conf:2: "}                                                                        },
    {"no-value",
     "[Server]\nHostName =\n",                                                                  {"ims.conf:2: [Server] HostName: no value: ", "is expected"}                            },
    {"bad-bool",
     "[Routing]\nFoldInbound = perhaps\n",                                                      {"FoldInbound: perhaps: yes or no is expected"}                                         },
    {"bad-number",
     "[Server]\nWorkers = four\n",                                                              {"[Server] Workers: four: a number from 0 to 256 is expected"}                          },
    {"number-too-large",             "[Server]\nWorkers = 257\n",                               {"Workers: 257: "}                                                                      },
    {"number-negative",              "[Server]\nWorkers = -1\n",                                {"Workers: -1: "}                                                                       },
    {"number-overflows",             "[Server]\nWorkers = 99999999999999999999999\n",           {"Workers: 9999"}                                                                       },
    {"number-with-remark",           "[Server]\nWorkers = 4 # cores\n",                         {"Workers: 4 # cores: "}                                                                },
    {"bad-host",                     "[Server]\nHostName = mail_host.-x\n",                     {"HostName: mail_host.-x: "}                                                            },
    {"host-with-blank",              "[Server]\nHostName = a b\n",                              {"HostName: a b: "}                                                                     },
    {"host-too-long-label",
     "[Server]\nHostName = "
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example\n",              {"[Server] HostName: "}                                                                 },
    {"build-not-here",
     "[Emulation]\nBuild = 5.5.1960.3\n",                                                       {"Build: 5.5.1960.3: this version has no such build", "5.5.2653.13, or SP4 is expected"}},
    {"bad-profile",
     "[Emulation]\nProfile = strict\n",                                                         {"Profile: strict: extended or faithful is expected"}                                   },
    {"bad-size",                     "[Limits]\nMessageSize = 64 Mb\n",                         {"MessageSize: 64 Mb: "}                                                                },
    {"size-too-small",               "[Limits]\nMessageSize = 1000\n",                          {"MessageSize: 1000: "}                                                                 },
    {"size-overflows",               "[Limits]\nMessageSize = 99999999999999G\n",               {"MessageSize: "}                                                                       },
    {"bad-listener",
     "[Listeners]\nSMTP = 127.0.0.1\n",                                                         {"[Listeners] SMTP: 127.0.0.1: not address:port"}                                       },
    {"listener-by-name",
     "[Listeners]\nSMTP = localhost:25\n",                                                      {"SMTP: localhost:25: not address:port"}                                                },
    {"listener-port",                "[Listeners]\nSMTP = 127.0.0.1:65536\n",                   {"SMTP: "}                                                                              },
    {"listener-bare-ipv6",           "[Listeners]\nSMTP = ::1:25\n",                            {"SMTP: ::1:25: "}                                                                      },
    {"listener-bracketed-ipv4",      "[Listeners]\nSMTP = [127.0.0.1]:25\n",                    {"SMTP: "}                                                                              },
    {"listener-empty-part",          "[Listeners]\nSMTP = 127.0.0.1:25,,127.0.0.1:26\n",        {"SMTP: "}                                                                              },
    {"listener-taken",
     "[Listeners]\nSMTP = 127.0.0.1:25\nPOP3 = 127.0.0.1:110, 127.0.0.1:25\n",                  {"ims.conf:3: [Listeners] POP3: ", "127.0.0.1:25: already taken by SMTP"}               },
    {"tls-without-certificate",
     "[Listeners]\nPOP3TLS = 127.0.0.1:995\n",                                                  {"ims.conf:2: [Listeners] POP3TLS: 127.0.0.1:995: ", "CertificateFile"}                 },
    {"certificate-without-key",
     "[TLS]\nCertificateFile = c.pem\n",                                                        {"ims.conf:2: ", "KeyFile is expected as well"}                                         },
    {"key-without-certificate",
     "[TLS]\nKeyFile = k.pem\n",                                                                {"ims.conf:2: ", "CertificateFile is expected as well"}                                 },
    {"flags-unknown-word",
     "[Routing Restrictions]\nRelayFlags = allowed, trusted\n",                                 {"trusted: not one of these"}                                                           },
    {"flags-none-with-others",
     "[Routing Restrictions]\nRelayFlags = none, allowed\n",                                    {"none: not one of these"}                                                              },
    {"flags-too-large",              "[Routing Restrictions]\nRelayFlags = 16\n",               {"RelayFlags: 16: "}                                                                    },
    {"flags-hex-too-large",          "[Routing Restrictions]\nRelayFlags = 0x10\n",             {"RelayFlags: 0x10: "}                                                                  },
    {"bad-net",
     "[Routing Restrictions]\nRelayAllowList = 10.0.0.0;255.0.0.0, 300.1.1.1\n",                {"300.1.1.1"}                                                                           },
    {"net-by-name",                  "[Routing Restrictions]\nRelayDenyList = spam.example\n",  {"spam.example"}                                                                        },
    {"star-domain-R-019",            "[Routing List]\n* = <inbound>\n",                         {"ims.conf:2: [Routing List] *: "}                                                      },
    {"bad-action",
     "[Routing List]\nexample.com = <outbound>\n",                                              {"ims.conf:2: [Routing List] example.com: "}                                            },
    {"bad-hours",
     "[Connections]\nRetryIntervals = .25, soon\n",                                             {"soon: not such a number of hours"}                                                    },
    {"hours-over-100-S-183",
     "[Connections]\nRetryIntervals = .25, 101\n",                                              {"101: not such a number"}                                                              },
    {"hours-zero-among-others",      "[Connections]\nRetryIntervals = 0, 1\n",                  {"0: not such a number"}                                                                },
    {"hours-infinite",               "[Connections]\nExpiryHours = inf\n",                      {"ExpiryHours: inf: "}                                                                  },
    {"hours-two-points",             "[Connections]\nExpiryHours = 1.2.3\n",                    {"ExpiryHours: 1.2.3: "}                                                                },
    {"hours-point-only",             "[Connections]\nExpiryHours = .\n",                        {"ExpiryHours: .: "}                                                                    },
    {"bad-route",                    "[Connections]\nEMailDomains = far.example\n",             {"not domain;host"}                                                                     },
    {"route-twice",
     "[Connections]\nEMailDomains = a.example;b.example, A.example;c.example\n",                {"stands in the list"}                                                                  },
    {"bad-smart-host",
     "[Connections]\nForwardAllMessagesToHost = smart.example:0\n",                             {"ForwardAllMessagesToHost: "}                                                          },
    {"dns-by-name",
     "[Connections]\nDNSServers = ns.example\n",                                                {"DNSServers: ns.example: not an address"}                                              },
    {"bad-security",
     "[Connections]\nAcceptConnections = any, encryption\n",                                    {"any: not one of these"}                                                               },
    {"route-unknown-word",
     "[Connections]\nEMailDomains = a.example;b.example;turn\n",                                {"not domain;host"}                                                                     },
    {"bad-turf",                     "[Connections]\nTurfTable = @spam.example, a@\n",          {"is not a sender"}                                                                     },
    {"bad-host-rule",                "[Connections]\nHosts = 10.0.0.5;255.255.255.255;allow\n", {"is not a rule"}                                                                       },
    {"port-zero",                    "[Connections]\nOutboundPort = 0\n",                       {"OutboundPort: 0: "}                                                                   },
    {"alias-with-blank",
     "[Internet Mail]\nAdministratorsMailbox = a b\n",                                          {"AdministratorsMailbox: a b: "}                                                        },
    {"text-with-control",
     "[Server]\nSite = a\033[2Jb\n",                                                            {"Site: a\\x1b[2Jb: it holds a control character"}                                      },
    {"not-utf8",                     "[Server]\nSite = \xe9\n",                                 {"ims.conf:2: the line is not in UTF-8"}                                                },
    {"utf16",                        "\xff\xfe[\n",                                             {"the file is in UTF-16"}                                                               },
};

static void
test_bad(gconstpointer data)
{
    const BadRow *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = parse(row->text, &error);

    g_assert_null(config);
    g_assert_error(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_SYNTAX);
    for (guint i = 0; i < G_N_ELEMENTS(row->expected) && row->expected[i] != NULL; i++)
        if (strstr(error->message, row->expected[i]) == NULL)
            g_error("expected \"%s\" in: %s", row->expected[i], error->message);
    /* One slip, one error: nothing follows from it. */
    g_assert_null(strchr(error->message, '\n'));
}

static void
test_all_errors_at_once(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config =
        parse("[Listeners]\nIMAP4TLS = [::1]:993\n[Server]\nWorkers = x\nHostNam = y\n"
              "[What]\nany = thing\n[Limits]\nErrors = 0\n",
              &error);
    g_auto(GStrv) lines = NULL;
    const char *const begins[] = {
        "/srv/ims/ims.conf:2: ", "/srv/ims/ims.conf:4: ", "/srv/ims/ims.conf:5: ",
        "/srv/ims/ims.conf:6: ", "/srv/ims/ims.conf:9: "};

    g_assert_null(config);
    lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, G_N_ELEMENTS(begins));
    for (guint i = 0; i < G_N_ELEMENTS(begins); i++)
        g_assert_true(g_str_has_prefix(lines[i], begins[i]));
}

static void
test_many_errors_are_bounded(void)
{
    g_autoptr(GString) text = g_string_new("[Server]\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = NULL;

    for (guint i = 0; i < 5000; i++)
        g_string_append(text, "nonsense\n");
    config = parse(text->str, &error);
    g_assert_null(config);
    g_assert_nonnull(strstr(error->message, "4900 more errors"));
    g_assert_cmpuint(strlen(error->message), <, 20000);
}

/* ---- bytes that are no configuration ---- */

static void
test_nul_byte(void)
{
    static const char text[] = "[Server]\nSite = a\0b\n";
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = ims_config_parse("x.conf", text, sizeof text - 1, &error);

    g_assert_null(config);
    g_assert_nonnull(strstr(error->message, "x.conf:2: the line holds a NUL byte"));
}

static void
test_huge_file(void)
{
    gsize length = 3 * 1024 * 1024;
    g_autofree char *text = g_malloc(length);
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = NULL;

    memset(text, 'a', length);
    config = ims_config_parse("x.conf", text, length, &error);
    g_assert_null(config);
    g_assert_nonnull(strstr(error->message, "at most 1 MiB is expected"));
    g_clear_error(&error);
    config = ims_config_parse("x.conf", text, 70000, &error);
    g_assert_null(config);
    g_assert_nonnull(strstr(error->message, "x.conf:1: the line is longer than 64 KiB"));
}

static void
test_garbage(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (guint round = 0; round < 300; round++) {
        gsize length = (gsize)g_rand_int_range(rand, 0, 2000);
        g_autofree guint8 *bytes = g_malloc(length + 1);
        g_autoptr(GError) error = NULL;
        g_autoptr(ImsConfig) config = NULL;

        for (gsize i = 0; i < length; i++)
            bytes[i] =
                round % 2 == 0
                    ? (guint8)g_rand_int_range(rand, 0, 256)
                    : (guint8) "[]=\"#;<>,.: \n\rRoutingList0129"[g_rand_int_range(rand, 0, 30)];
        config = ims_config_parse("x.conf", (const char *)bytes, length, &error);
        g_assert_true((config == NULL) == (error != NULL));
    }
}

/* Every prefix and every one-byte change of a good file is read or refused, never worse. */
static void
test_mutations(void)
{
    static const char good[] =
        "[Server]\nHostName = mail.example.com\n[Listeners]\nSMTP = 127.0.0.1:25, [::1]:25\n"
        "[Routing]\nRerouteIncomingMail = yes\n[Routing List]\n\"#a.example\" = b.example\n"
        "[Routing Restrictions]\nRelayFlags = allowed\nRelayAllowList = 10.0.0.0;255.0.0.0\n"
        "[Connections]\nEMailDomains = c.example;[::1]:25\nRetryIntervals = .25,1\n";
    gsize length = sizeof good - 1;
    static const char bytes[] = "\0\n\"=[;,x\xff";

    for (gsize i = 0; i < length; i++) {
        for (gsize k = 0; k <= sizeof bytes - 1; k++) {
            g_autofree char *text = g_memdup2(good, length);
            g_autoptr(GError) error = NULL;
            g_autoptr(ImsConfig) config = NULL;

            if (k < sizeof bytes - 1)
                text[i] = bytes[k];
            config = ims_config_parse("x.conf", text, k < sizeof bytes - 1 ? length : i, &error);
            g_assert_true((config == NULL) == (error != NULL));
        }
    }
}

static void
test_missing_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = ims_config_load("/nonexistent/ims.conf", &error);

    g_assert_null(config);
    g_assert_error(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_FILE);
    g_assert_nonnull(strstr(error->message, "/nonexistent/ims.conf"));
}

/* ---- what is read ---- */

static void
test_defaults(void)
{
    g_autoptr(ImsConfig) config = parse_ok("");
    const guint hours[] = {900, 1800, 3600, 14400};

    g_assert_cmpstr(config->build, ==, "5.5.2653.13");
    g_assert_cmpstr(ims_config_store_build(config), ==, "5.5.2653.23");
    g_assert_false(config->faithful);
    g_assert_false(config->accept_historic_risk);
    g_assert_cmpstr(config->data_directory, ==, "/srv/ims");
    g_assert_null(config->log_file);
    g_assert_nonnull(config->host_name);
    g_assert_cmpstr(config->site_domain, ==, config->host_name);
    g_assert_false(config->policy.reroute);
    g_assert_true(config->policy.fold_inbound);
    g_assert_true(config->policy.logon_authorizes_relay);
    g_assert_cmpuint(config->policy.relay_flags, ==, 0);
    g_assert_nonnull(config->policy.allow);
    g_assert_nonnull(config->policy.deny);
    g_assert_nonnull(config->policy.local);
    g_assert_cmpuint(config->logon_window_minutes, ==, 30);
    g_assert_cmpuint(config->logon_window_recipients, ==, 500);
    g_assert_cmpuint(config->retry_intervals_sec->len, ==, 4); /* S-182 */
    g_assert_cmpmem(config->retry_intervals_sec->data, sizeof hours, hours, sizeof hours);
    g_assert_cmpuint(config->expiry_sec, ==, 48 * 3600); /* S-184 */
    g_assert_cmpuint(config->outbound_port, ==, 25);
    g_assert_true(config->opportunistic_tls);
    g_assert_true(config->reverse_resolve);
    g_assert_true(config->advertise_extensions);
    g_assert_cmpuint(config->max_message_size, ==, 64 * 1024 * 1024);
    g_assert_cmpuint(config->max_recipients, ==, 5000);
    g_assert_cmpuint(config->max_data_buffered, ==, 256 * 1024 * 1024);
    g_assert_cmpuint(config->mime_limits.max_header_size, ==, 1024 * 1024);
    g_assert_cmpuint(config->mime_limits.max_depth, ==, 100);
    g_assert_cmpuint(config->mime_limits.max_parts, ==, 10000);
    g_assert_cmpuint(config->smtp_line, ==, 2048);
    g_assert_cmpuint(config->imap4_line, ==, 64 * 1024);
    g_assert_cmpuint(config->literal_before_logon, ==, 8 * 1024);
    g_assert_cmpuint(config->writer_queue, ==, 64 * 1024 * 1024);
    g_assert_cmpuint(config->writer_delay_msec, ==, 100);
    g_assert_cmpuint(config->max_sessions, ==, 10000);
    g_assert_cmpuint(config->max_sessions_address, ==, 100);
    g_assert_cmpuint(config->max_sessions_account, ==, 50);
    g_assert_cmpuint(config->pop3_timeout_sec, ==, 600); /* P-078 */
    g_assert_cmpuint(config->hop_limit, ==, 30);
    g_assert_cmpuint(config->lockout_failures, ==, 0); /* D-007 */
    g_assert_cmpuint(config->lockout_sec, ==, 1800);
}

static const char everything[] =
    "# a remark\n; another\n"
    "[Emulation]\nBuild = sp4\nProfile = Faithful\nAcceptHistoricRisk = yes\n"
    "[Server]\nHostName = Mail.Example.com.\nOrganization = R&D, Caf\xc3\xa9\nSite=North\nLogFile "
    "= log/imsd.log\n"
    "DataDirectory = /var/lib/imsd\nWorkers = 0x8\n"
    "[Listeners]\nSMTP = 127.0.0.1:2525 , [::1]:2525\nPOP3 = 0.0.0.0:0\nClearTextLogon = yes\n"
    "[TLS]\nCertificateFile = c.pem\nKeyFile = ../k.pem\n"
    "[Routing]\nRerouteIncomingMail = 1\nFoldInbound = no\n"
    "[Routing List]\nExample.COM = <inbound>\n\"#lab.example.com\" = "
    "lab.example.net\n\"partner.example\"=<relay>\n"
    "[Routing Restrictions]\nRelayFlags = authenticated, allowed\n"
    "RelayAllowList = 192.168.0.0;255.255.0.0, 10.1.2.3\nLogonAuthorizesRelay = "
    "no\nLogonWindowExcept = 127.0.0.1\n"
    "[Connections]\nForwardAllMessagesToHost = Smart.example, [2001:db8::1]:26\n"
    "EMailDomains = Far.example;gw.example:2600, v6.example;[2001:db8::2]\nRetryIntervals = .001, "
    "2\n"
    "ExpiryHours = 0.5\nDNSServers = 127.0.0.1:5353, [::1]:53, ::1\nDisableReverseResolve = yes\n"
    "[Internet Mail]\nAdministratorsMailbox = postmaster\n"
    "[Limits]\nMessageSize = 25M\nDataBuffered = 1048576\n"
    "[Directory]\nDefaultDomain = EXAMPLE\nLockoutMinutes = 5\n";

static void
test_everything(void)
{
    g_autoptr(ImsConfig) config = parse_ok(everything);
    const ImsConfigListener *listener;
    const ImsConfigRoute *route;
    const ImsRoutingEntry *entry;
    char buffer[IMS_ADDRESS_STRLEN];

    g_assert_cmpstr(config->build, ==, "5.5.2653.13");
    g_assert_true(config->faithful);
    g_assert_true(config->policy.faithful);
    g_assert_true(config->policy.accept_historic_risk);
    g_assert_cmpuint(config->max_inbound, ==, 30); /* S-017: the faithful default */
    g_assert_cmpstr(config->host_name, ==, "mail.example.com");
    g_assert_cmpstr(config->site_domain, ==, "example.com"); /* the inbound domain */
    g_assert_cmpstr(config->policy.site_domain, ==, "example.com");
    g_assert_cmpstr(config->organization, ==, "R&D, Caf\xc3\xa9");
    g_assert_cmpstr(config->log_file, ==, "/srv/ims/log/imsd.log");
    g_assert_cmpstr(config->key_file, ==, "/srv/k.pem");
    g_assert_cmpstr(config->data_directory, ==, "/var/lib/imsd");
    g_assert_cmpuint(config->workers, ==, 8);
    g_assert_cmpuint(config->listeners->len, ==, 3);
    listener = &g_array_index(config->listeners, ImsConfigListener, 1);
    g_assert_cmpint(listener->protocol, ==, IMS_PROTOCOL_SMTP);
    g_assert_cmpstr(ims_address_format(&listener->address, buffer), ==, "::1");
    g_assert_cmpuint(listener->port, ==, 2525);
    g_assert_true(listener->clear_text_logon);
    /* the listeners' addresses are our own; "any address" is none. */
    g_assert_cmpuint(config->policy.n_own_addresses, ==, 2);
    g_assert_true(config->policy.reroute);
    g_assert_false(config->policy.fold_inbound);
    g_assert_cmpuint(ims_routing_list_size(config->policy.list), ==, 3);
    entry = ims_routing_list_lookup(config->policy.list, "lab.example.com");
    g_assert_cmpstr(entry->domain, ==, "#lab.example.com");
    g_assert_cmpuint(entry->line, ==, 26);
    g_assert_cmpint(entry->action, ==, IMS_ROUTE_REROUTE);
    g_assert_cmpuint(config->policy.relay_flags, ==, 10);
    g_assert_cmpuint(ims_net_list_size(config->policy.allow), ==, 2);
    g_assert_cmpuint(ims_net_list_size(config->logon_window_except), ==, 1);
    g_assert_false(config->policy.logon_authorizes_relay);
    g_assert_cmpstr(config->smart_hosts[1], ==, "[2001:db8::1]:26");
    route = &g_array_index(config->routes, ImsConfigRoute, 0);
    g_assert_cmpstr(route->domain, ==, "far.example");
    g_assert_cmpstr(route->host, ==, "gw.example");
    g_assert_cmpuint(route->port, ==, 2600);
    route = &g_array_index(config->routes, ImsConfigRoute, 1);
    g_assert_cmpstr(route->host, ==, "2001:db8::2");
    g_assert_cmpuint(route->port, ==, 0);
    g_assert_cmpuint(g_array_index(config->retry_intervals_sec, guint, 0), ==, 4);
    g_assert_cmpuint(config->expiry_sec, ==, 1800);
    g_assert_cmpstr(config->dns_servers, ==, "127.0.0.1:5353,[::1]:53,::1");
    g_assert_false(config->reverse_resolve);
    g_assert_cmpuint(config->max_message_size, ==, 25 * 1024 * 1024);
    g_assert_cmpuint(config->max_data_buffered, ==, 1024 * 1024);
    g_assert_cmpuint(config->lockout_sec, ==, 300);
}

/* Raw values: no escapes, nothing taken off but blanks at the ends. */
static void
test_raw_values(void)
{
    g_autoptr(ImsConfig) config =
        parse_ok("[Server]\n  Organization   =  EXAMPLE\\alice\\n \"quoted\" # no remark\t\n");

    g_assert_cmpstr(config->organization, ==, "EXAMPLE\\alice\\n \"quoted\" # no remark");
}

static void
test_line_ends(void)
{
    g_autoptr(ImsConfig) config =
        parse_ok("\xef\xbb\xbf[Server]\r\nSite = North\r\n\r\n[Limits]\r\nErrors = 7");

    g_assert_cmpstr(config->site, ==, "North");
    g_assert_cmpuint(config->max_errors, ==, 7);
}

static const struct {
    const char *text;
    guint flags;
} flag_rows[] = {
    {"none",                                  0 },
    {"0",                                     0 },
    {"0x0",                                   0 },
    {"denied",                                1 },
    {"allowed",                               2 },
    {"local",                                 4 },
    {"8",                                     8 },
    {"Authenticated",                         8 },
    {"0xF",                                   15},
    {"015",                                   15},
    {"denied , allowed,local, authenticated", 15},
    {"allowed, allowed",                      2 },
};

static void
test_flags(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(flag_rows); i++) {
        g_autofree char *text =
            g_strdup_printf("[Routing Restrictions]\nRelayFlags = %s\n", flag_rows[i].text);
        g_autoptr(ImsConfig) config = parse_ok(text);

        g_assert_cmpuint(config->policy.relay_flags, ==, flag_rows[i].flags);
    }
}

static void
test_no_retry(void)
{
    g_autoptr(ImsConfig) config = parse_ok("[Connections]\nRetryIntervals = 0\n");

    g_assert_cmpuint(config->retry_intervals_sec->len, ==, 0);
}

/* Every setting of the table can be set to its own default, and then nothing differs. */
static void
test_every_default_is_a_value(void)
{
    g_autoptr(ImsConfig) unset = parse_ok("");
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    g_assert_cmpuint(n, >, 50);
    for (guint i = 0; i < n; i++) {
        g_autofree char *text = g_strdup_printf("[%s]\n%s = %s\n", settings[i].group,
                                                settings[i].key, settings[i].default_value);
        g_autoptr(ImsConfig) set = NULL;
        g_autoptr(GPtrArray) differences = NULL;

        g_assert_nonnull(settings[i].meaning);
        g_assert_nonnull(settings[i].source);
        if (*settings[i].default_value == '(')
            continue;
        set = parse_ok(text);
        differences = ims_config_compare(unset, set);
        g_assert_cmpuint(differences->len, ==, 0);
    }
}

/* ---- defaults that are facts; that each is the real one shows test_every_default_is_a_value ----
 */

typedef struct {
    const char *name, *group, *key, *value;
} DefaultRow;

static const DefaultRow default_rows[] = {
    {"S-182-SQ-16-retry",       "Connections",          "RetryIntervals",                 ".25,.5,1,4"     },
    {"S-184-S-269-expiry",      "Connections",          "ExpiryHours",                    "48"             },
    {"S-258-SQ-24-outbound",    "Connections",          "MaximumOutboundConnections",     "20"             },
    {"S-259-SQ-24-single-host", "Connections",          "MaximumConnectionsToSingleHost", "2"              },
    {"S-260-SQ-24-messages",    "Connections",          "MaximumMessagesInConnection",    "100"            },
    {"S-261-use-dns",           "Connections",          "ForwardAllMessagesToHost",       "(none: use DNS)"},
    {"S-262-no-domain",         "Connections",          "EMailDomains",                   "(none)"         },
    {"S-304-malformed",         "Connections",          "AcceptMalformed821Adrs",         "no"             },
    {"S-307-extensions",        "Connections",          "AdvertiseSMTPExtensions",        "yes"            },
    {"S-335-resolve",           "Connections",          "DisableReverseResolve",          "no"             },
    {"S-337-etrn",              "Connections",          "DisableETRN",                    "no"             },
    {"S-338-auth",              "Connections",          "DisableAuth",                    "no"             },
    {"S-319-flags",             "Routing Restrictions", "RelayFlags",                     "none"           },
    {"S-320-allow",             "Routing Restrictions", "RelayAllowList",                 "(none)"         },
    {"SQ-13-hops",              "Limits",               "HopLimit",                       "30"             },
};

static void
test_default(gconstpointer data)
{
    const DefaultRow *row = data;
    guint n, found = 0;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++) {
        if (g_strcmp0(settings[i].group, row->group) != 0 ||
            g_strcmp0(settings[i].key, row->key) != 0)
            continue;
        g_assert_cmpstr(settings[i].default_value, ==, row->value);
        found++;
    }
    g_assert_cmpuint(found, ==, 1);
}

/* S-017, S-257: the maximum of a new installation, in the profile that shows it. */
static void
test_faithful_maximum(void)
{
    g_autoptr(ImsConfig) extended = parse_ok("");
    g_autoptr(ImsConfig) faithful = parse_ok("[Emulation]\nProfile = faithful\n");
    g_autoptr(ImsConfig) set = parse_ok(
        "[Emulation]\nProfile = faithful\n[Connections]\nMaximumInboundConnections = 20\n");

    g_assert_cmpuint(extended->max_inbound, ==, 10000);
    g_assert_cmpuint(faithful->max_inbound, ==, 30);
    g_assert_cmpuint(set->max_inbound, ==, 20);
}

/* The manual page has every setting under its group, with what is expected and the default. */
static void
test_manual_page(void)
{
    const char *top = g_getenv("IMS_TEST_SRCDIR");
    g_autofree char *file =
        g_build_filename(top != NULL ? top : "..", "docs", "man", "ims.conf.5", NULL);
    g_autofree char *text = NULL;
    const char *at = NULL;
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    if (top == NULL && !g_file_test(file, G_FILE_TEST_EXISTS)) {
        g_test_skip("IMS_TEST_SRCDIR is not set");
        return;
    }
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    at = text;
    for (guint i = 0; i < n; i++) {
        g_autofree char *group = g_strdup_printf(".SS \"[%s]\"\n", settings[i].group);
        g_auto(GStrv) halves = g_strsplit(settings[i].default_value, "-", -1);
        g_autofree char *default_value = g_strjoinv("\\-", halves);
        g_autofree char *head = g_strdup_printf(".TP\n.B %s\n", settings[i].key);
        g_autofree char *end = g_strdup_printf("\nDefault: %s\n", default_value);
        const char *next;

        if (i == 0 || strcmp(settings[i].group, settings[i - 1].group) != 0)
            at = strstr(text, group);
        if (at == NULL)
            g_error("no group [%s] in %s", settings[i].group, file);
        at = strstr(at, head);
        if (at == NULL)
            g_error("[%s] %s is not in its place in %s", settings[i].group, settings[i].key, file);
        next = strstr(at + 1, ".TP\n");
        at = strstr(at, end);
        if (at == NULL || (next != NULL && at > next))
            g_error("[%s] %s: another default in %s", settings[i].group, settings[i].key, file);
    }
}

/* ---- restart to apply ---- */

typedef struct {
    const char *name, *before, *after;
    const char *group, *key, *running, *file; /* group NULL: no difference */
} CompareRow;

static const CompareRow compare_rows[] = {
    {"same-text",                  "[Server]\nSite = A\n",                                         "[Server]\nSite = A\n",                                                                     NULL,                   NULL,                  NULL,                   NULL                  },
    {"blanks-and-remarks",         "[Server]\nSite = A\n",                                         "# x\n\n[Server]\n  Site=A  \n",                                                            NULL,                   NULL,
     NULL,                                                                                                                                                                                                                                                            NULL                  },
    {"default-written-out",        "",                                                             "[Limits]\nMessageSize = 65536K\n",                                                         NULL,                   NULL,                  NULL,                   NULL                  },
    {"words-or-number",            "[Routing Restrictions]\nRelayFlags = 10\n",
     "[Routing Restrictions]\nRelayFlags = authenticated, allowed\n",                                                                                                                          NULL,                   NULL,                  NULL,                   NULL                  },
    {"order-of-nets-R-050",
     "[Routing Restrictions]\nRelayAllowList = 10.0.0.1, 10.2.0.0;255.255.0.0\n",                  "[Routing Restrictions]\nRelayAllowList = 10.2.0.0;255.255.0.0,10.0.0.1;255.255.255.255\n",
     NULL,                                                                                                                                                                                                             NULL,                  NULL,                   NULL                  },
    {"order-of-domains-R-015",     "[Routing List]\na.example = <inbound>\nb.example = <relay>\n",
     "[Routing List]\nb.example = <RELAY>\nA.example = <inbound>\n",                                                                                                                           NULL,                   NULL,                  NULL,                   NULL                  },
    {"path-relative",              "[Server]\nLogFile = a.log\n",                                  "[Server]\nLogFile = /srv/ims/a.log\n",                                                     NULL,
     NULL,                                                                                                                                                                                                                                    NULL,                   NULL                  },
    {"changed-R-162",              "[Routing Restrictions]\nRelayFlags = 8\n",
     "[Routing Restrictions]\nRelayFlags = none\n",                                                                                                                                            "Routing Restrictions", "RelayFlags",          "8",
     "none"                                                                                                                                                                                                                                                                                 },
    {"newly-set",                  "",                                                             "[Routing]\nRerouteIncomingMail = yes\n",                                                   "Routing",              "RerouteIncomingMail",
     NULL,                                                                                                                                                                                                                                                            "yes"                 },
    {"taken-out",                  "[Connections]\nDisableAuth = yes\n",                           "",                                                                                         "Connections",          "DisableAuth",         "yes",
     NULL                                                                                                                                                                                                                                                                                   },
    {"S-507-blank-after-domain",   "[Connections]\nEMailDomains = far.example;gw.example\n",
     "[Connections]\nEMailDomains = far.example ; gw.example \n",                                                                                                                              NULL,                   NULL,                  NULL,                   NULL                  },
    {"domain-added",               "",                                                             "[Routing List]\na.example = <inbound>\n",                                                  "Routing List",         "a.example",
     NULL,                                                                                                                                                                                                                                                            "<inbound>"           },
    {"domain-removed",             "[Routing List]\na.example = <inbound>\n",                      "",                                                                                         "Routing List",         "a.example",
     "<inbound>",                                                                                                                                                                                                                                                     NULL                  },
    {"domain-changed",             "[Routing List]\na.example = <inbound>\n",
     "[Routing List]\na.example = b.example\n",                                                                                                                                                "Routing List",         "a.example",           "<inbound>",
     "b.example"                                                                                                                                                                                                                                                                            },
    {"exact-is-another-entry",     "",                                                             "[Routing List]\n\"#a.example\" = <inbound>\n",                                             "Routing List",
     "#a.example",                                                                                                                                                                                                                            NULL,                   "<inbound>"           },
    {"order-of-smart-hosts-R-126",
     "[Connections]\nForwardAllMessagesToHost = a.example, b.example\n",                           "[Connections]\nForwardAllMessagesToHost = b.example, a.example\n",                         "Connections",
     "ForwardAllMessagesToHost",                                                                                                                                                                                                              "a.example, b.example", "b.example, a.example"},
};

static void
test_compare(gconstpointer data)
{
    const CompareRow *row = data;
    g_autoptr(ImsConfig) running = parse_ok(row->before);
    g_autoptr(ImsConfig) file = parse_ok(row->after);
    g_autoptr(GPtrArray) differences = ims_config_compare(running, file);
    const ImsConfigDifference *difference;

    if (row->group == NULL) {
        g_assert_cmpuint(differences->len, ==, 0);
        return;
    }
    g_assert_cmpuint(differences->len, ==, 1);
    difference = differences->pdata[0];
    g_assert_cmpstr(difference->group, ==, row->group);
    g_assert_cmpstr(difference->key, ==, row->key);
    g_assert_cmpstr(difference->running, ==, row->running);
    g_assert_cmpstr(difference->file, ==, row->file);
}

/* a probe between the edit and the restart shows the old behaviour; one after it, the new.
 */
static void
test_snapshot_keeps_old_policy(void)
{
    g_autofree char *folder = g_dir_make_tmp("ims-config-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "ims.conf", NULL);
    const char *closed =
        "[Routing]\nRerouteIncomingMail=yes\n[Routing List]\nown.example=<inbound>\n"
        "[Routing Restrictions]\nRelayFlags=2\nRelayAllowList=192.0.2.9\n";
    const char *opened =
        "[Routing]\nRerouteIncomingMail=yes\n[Routing List]\nown.example=<inbound>\n"
        "[Routing Restrictions]\nRelayFlags=2\nRelayAllowList=192.0.2.1\n";
    ImsRelayQuery query = {.recipient = "t@far.example", .mail_from = "a@own.example"};
    const ImsRelayReason expected[] = {IMS_REASON_NO_RULE, IMS_REASON_NO_RULE,
                                       IMS_REASON_ALLOW_LIST};
    g_autoptr(ImsConfig) running = NULL;

    g_assert_true(ims_address_parse("192.0.2.1", &query.client));
    for (guint step = 0; step < 3; step++) {
        g_auto(ImsRelayVerdict) verdict = {0};

        g_assert_true(g_file_set_contents(file, step == 0 ? closed : opened, -1, NULL));
        if (step != 1) { /* a start, or a restart */
            g_clear_pointer(&running, ims_config_free);
            running = ims_config_load(file, NULL);
        }
        ims_relay_decide(&running->policy, &query, &verdict);
        g_assert_cmpint(verdict.reason, ==, expected[step]);
    }
    g_assert_cmpint(g_remove(file), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* ---- warnings ---- */

#define QUIET                                                                                      \
    "[Server]\nHostName = mail.own.example\n[Internet Mail]\nAdministratorsMailbox = "             \
    "admin\n[Listeners]\n"                                                                         \
    "SMTP = 127.0.0.1:25\nClearTextLogon = yes\n"
#define OWN "[Routing]\nRerouteIncomingMail = yes\n[Routing List]\nown.example = <inbound>\n"
#define CLOSED "[Routing Restrictions]\nRelayFlags = authenticated\n"

typedef struct {
    const char *name, *text;
    const char *expected; /* part of the only warning; NULL: none */
} WarningRow;

static const WarningRow warning_rows[] = {
    {"none",                         QUIET OWN CLOSED,                                                               NULL                                                     },
    {"none-without-reroute",         QUIET,                                                                          NULL                                                     },
    {"open-R-059",                   QUIET OWN,                                                                      "nothing is ticked"                                      },
    {"open-explicit-R-059",          QUIET OWN "[Routing Restrictions]\nRelayFlags = 0\n",
     ":13: [Routing Restrictions] RelayFlags"                                                                                                                                 },
    {"open-deny-only-R-060",
     QUIET OWN "[Routing Restrictions]\nRelayFlags = 1\nRelayDenyList = 192.0.2.1\n",
     "only the never list is ticked"                                                                                                                                          },
    {"open-historic",                QUIET OWN "[Emulation]\nAcceptHistoricRisk = yes\n",                            "to the whole Internet"                                  },
    {"closed-by-empty-list-R-061",   QUIET OWN "[Routing Restrictions]\nRelayFlags = allowed\n",
     NULL                                                                                                                                                                     },
    {"never-matches-R-052",
     QUIET OWN "[Routing Restrictions]\nRelayFlags = 2\nRelayAllowList = 10.0.0.1, "
               "192.168.1.17;255.255.255.0\n",                                                                       "entry 2, 192.168.1.17;255.255.255.0, matches no address"},
    {"mask-with-hole-is-fine-R-053",
     QUIET OWN
     "[Routing Restrictions]\nRelayFlags = 2\nRelayAllowList = 123.123.123.123;255.255.255.123\n",                   NULL                                                     },
    {"list-without-flag",            QUIET OWN CLOSED "RelayAllowList = 10.0.0.1\n",
     "RelayFlags has no allowed"                                                                                                                                              },
    {"admits-strangers",
     QUIET OWN "[Routing Restrictions]\nRelayFlags = 2\nRelayAllowList = 0.0.0.0;0.0.0.0\n",
     "the list admits strangers"                                                                                                                                              },
    {"forwarding-R-064",
     QUIET OWN
     "[Routing Restrictions]\nRelayFlags = 4\nRelayLocalIPList = 10.0.0.1\nIPForwarding = yes\n",                    "(R-064"                                                 },
    {"reroute-to-own-name-R-046",    QUIET OWN "b.example = mail.own.example\n" CLOSED,
     ":12: [Routing List] b.example: "                                                                                                                                        },
    {"reroute-to-own-address",       QUIET OWN "b.example = 127.0.0.1\n" CLOSED,                                     "this server itself"                                     },
    {"reroute-to-itself",            QUIET OWN "b.example = b.example\n" CLOSED,                                     "this same entry covers"                                 },
    {"reroute-below-itself",         QUIET OWN "b.example = mx.b.example\n" CLOSED,
     "this same entry covers"                                                                                                                                                 },
    {"reroute-below-exact-is-fine",  QUIET OWN "\"#b.example\" = mx.b.example\n" CLOSED,                             NULL                                                     },
    {"no-inbound-R-024",             QUIET "[Routing]\nRerouteIncomingMail = yes\n" CLOSED,
     "no domain is inbound"                                                                                                                                                   },
    {"site-not-inbound-R-024",       QUIET OWN CLOSED "[Server]\nSiteDomain = other.example\n",
     "other.example is not inbound"                                                                                                                                           },
    {"stale-flags-R-007",            QUIET CLOSED,                                                                   "it is left over"                                        },
    {"stale-flags-faithful-R-007",   QUIET CLOSED "[Emulation]\nProfile = faithful\n",
     "even own recipients are refused"                                                                                                                                        },
    {"stale-list-R-008",             QUIET "[Routing Restrictions]\nRelayAllowList = 10.0.0.1\n",
     "the list is left over"                                                                                                                                                  },
    {"stale-routing-list",           QUIET "[Routing List]\nown.example = <inbound>\n",
     "does not use [Routing List]"                                                                                                                                            },
    {"clear-text",
     "[Server]\nHostName = a.example\n[Internet Mail]\nAdministratorsMailbox = x\n[Listeners]\n"
     "POP3 = 0.0.0.0:110\nClearTextLogon = yes\n",                                                                   "in clear on 0.0.0.0:110 (POP3)"                         },
    {"nobody-can-log-on",
     "[Server]\nHostName = a.example\n[Internet Mail]\nAdministratorsMailbox = x\n[Listeners]\n"
     "POP3 = 0.0.0.0:110\n",                                                                                         "nobody can log on"                                      },
    {"no-listener",                  "[Server]\nHostName = a.example\n[Internet Mail]\nAdministratorsMailbox = x\n",
     "there is no listener"                                                                                                                                                   },
    {"no-administrator-S-271",
     "[Server]\nHostName = a.example\n[Listeners]\nSMTP = 127.0.0.1:25\nClearTextLogon=1\n",                         "(S-271"                                                 },
    {"name-without-domain",
     "[Server]\nHostName = mail\n[Internet Mail]\nAdministratorsMailbox = x\n[Listeners]\n"
     "SMTP = 127.0.0.1:25\nClearTextLogon=1\n",                                                                      "mail has no domain"                                     },
    {"smart-host-is-oneself-R-046",
     QUIET "[Connections]\nForwardAllMessagesToHost = MAIL.own.example\n",                                           "is this server itself"                                  },
    {"lost-exact-entry-R-016",       QUIET OWN "#lab.own.example = <inbound>\n" CLOSED,
     "this line is a comment"                                                                                                                                                 },
    {"plain-remark-in-list",         QUIET OWN "# so = it is\n#own.example is ours\n" CLOSED,                        NULL                                                     },
};

static void
test_warning(gconstpointer data)
{
    const WarningRow *row = data;
    g_autoptr(ImsConfig) config = parse_ok(row->text);
    g_autoptr(GPtrArray) warnings = ims_config_warnings(config);

    if (row->expected == NULL) {
        if (warnings->len > 0)
            g_error("unexpected: %s", (char *)warnings->pdata[0]);
        return;
    }
    if (warnings->len != 1)
        g_error("%u warnings, first: %s", warnings->len,
                warnings->len > 0 ? (char *)warnings->pdata[0] : "-");
    g_assert_true(g_str_has_prefix(warnings->pdata[0], "/srv/ims/ims.conf:"));
    if (strstr(warnings->pdata[0], row->expected) == NULL)
        g_error("expected \"%s\" in: %s", row->expected, (char *)warnings->pdata[0]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
        g_autofree char *path = g_strconcat("/ims/config/error/", bad_rows[i].name, NULL);

        g_test_add_data_func(path, &bad_rows[i], test_bad);
    }
    for (guint i = 0; i < G_N_ELEMENTS(compare_rows); i++) {
        g_autofree char *path =
            g_strconcat("/ims/config/restart-to-apply/", compare_rows[i].name, NULL);

        g_test_add_data_func(path, &compare_rows[i], test_compare);
    }
    for (guint i = 0; i < G_N_ELEMENTS(warning_rows); i++) {
        g_autofree char *path = g_strconcat("/ims/config/warning/", warning_rows[i].name, NULL);

        g_test_add_data_func(path, &warning_rows[i], test_warning);
    }
    for (guint i = 0; i < G_N_ELEMENTS(default_rows); i++) {
        g_autofree char *path = g_strconcat("/ims/config/default/", default_rows[i].name, NULL);

        g_test_add_data_func(path, &default_rows[i], test_default);
    }
    g_test_add_func("/ims/config/S-017-S-257-faithful-maximum", test_faithful_maximum);
    g_test_add_func("/ims/config/error/all-at-once", test_all_errors_at_once);
    g_test_add_func("/ims/config/error/bounded", test_many_errors_are_bounded);
    g_test_add_func("/ims/config/error/nul-byte", test_nul_byte);
    g_test_add_func("/ims/config/error/huge", test_huge_file);
    g_test_add_func("/ims/config/error/garbage", test_garbage);
    g_test_add_func("/ims/config/error/mutations", test_mutations);
    g_test_add_func("/ims/config/error/missing-file", test_missing_file);
    g_test_add_func("/ims/config/defaults", test_defaults);
    g_test_add_func("/ims/config/everything", test_everything);
    g_test_add_func("/ims/config/raw-values", test_raw_values);
    g_test_add_func("/ims/config/line-ends", test_line_ends);
    g_test_add_func("/ims/config/relay-flags-both-forms", test_flags);
    g_test_add_func("/ims/config/no-retry-S-183", test_no_retry);
    g_test_add_func("/ims/config/manual-page", test_manual_page);
    g_test_add_func("/ims/config/every-default-is-a-value", test_every_default_is_a_value);
    g_test_add_func("/ims/config/restart-to-apply/R-166-probe-between-edit-and-restart",
                    test_snapshot_keeps_old_policy);
    return g_test_run();
}
