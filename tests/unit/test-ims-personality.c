/* Received lines, identifiers and dates, against the recorded specimens (W: wire evidence). */
#include "ims/personality.h"
#include "net/sim-world.h"
#include <string.h>

#define WALL(sec) ((gint64)(sec)*G_USEC_PER_SEC)
/* Sat, 24 Aug 2002 19:09:27 UTC */
#define AUG_2002 WALL(1030216167)

static const char symbols[] = "ABCD1FGH2JKLMN3PQRST4VWXYZ567890";

static ImsConfig
test_config(void)
{
    ImsConfig config = {0};

    config.host_name = (char *)"mail.example.com";
    config.build = (char *)"5.5.2653.13";
    config.organization = (char *)"TestOrg Communications, Inc.";
    return config;
}

/* Dates are local: each test says which zone. */
static void
set_zone(const char *zone)
{
    g_setenv("TZ", zone, TRUE);
}

/* ---- received ---- */

typedef struct {
    const char *name, *helo, *peer_name, *address, *line;
} ReceivedCase;

#define BY                                                                                         \
    " by mail.example.com with SMTP (Microsoft Exchange Internet Mail Service Version "            \
    "5.5.2653.13)\r\n\tid QYY194NR; Sat, 24 Aug 2002 19:09:27 -0000\r\n"

static const ReceivedCase received_cases[] = {
    {"S-129-both-names",       "client.example.net",         "host2.example.net",  "192.0.2.2",
     "Received: from client.example.net (host2.example.net [192.0.2.2])" BY                                                                    },
    {"S-130-no-look-up",       "client.example.net",         NULL,                 "192.0.2.2",
     "Received: from client.example.net ([192.0.2.2])" BY                                                                                      },
    {"W-005-nothing-known",    "movie.example.net",          "203.0.113.5",        "203.0.113.5",
     "Received: from movie.example.net (203.0.113.5 [203.0.113.5])" BY                                                                         },
    {"W-002-equal-left-out",   "203.0.113.11",               "203.0.113.11",       "203.0.113.11",
     "Received: from 203.0.113.11 ([203.0.113.11])" BY                                                                                         },
    {"W-009-name-equal",       "gw.example.com",             "GW.example.com",     "10.0.0.18",
     "Received: from gw.example.com ([10.0.0.18])" BY                                                                                          },
    {"W-011-brackets-differ",  "[192.168.1.170]",            "192.168.1.170",      "192.168.1.170",
     "Received: from [192.168.1.170] (192.168.1.170 [192.168.1.170])" BY                                                                       },
    {"W-006-a-period",         ".",                          "host10.example.net", "198.51.100.10",
     "Received: from . (host10.example.net [198.51.100.10])" BY                                                                                },
    {"W-007-cut-at-the-blank", "C:\\Documents and Settings", "LEGEND01",           "203.0.113.243",
     "Received: from C:\\Documents (LEGEND01 [203.0.113.243])" BY                                                                              },
    {"no-helo",                NULL,                         NULL,                 "192.0.2.2",     "Received: from 192.0.2.2 ([192.0.2.2])" BY},
    {"no-line-can-be-forged",  "a\r\nSubject:b\x80",         "x\r\ny",             "192.0.2.2",
     "Received: from a??Subject:b? (x??y [192.0.2.2])" BY                                                                                      },
    {"ipv6",                   "c.example.net",              NULL,                 "2001:db8::1",
     "Received: from c.example.net ([2001:db8::1])" BY                                                                                         },
};

static void
test_received(gconstpointer data)
{
    const ReceivedCase *c = data;
    ImsConfig config = test_config();
    ImsAddress address;
    g_autofree char *line = NULL;

    g_assert_true(ims_address_parse(c->address, &address));
    line = ims_received_in(&config, c->helo, c->peer_name, &address, "QYY194NR", AUG_2002);
    g_assert_cmpstr(line, ==, c->line);
}

static void
test_received_long_helo(void)
{
    ImsConfig config = test_config();
    ImsAddress address;
    g_autofree char *helo = g_strnfill(5000, 'a'), *line = NULL;

    g_assert_true(ims_address_parse("192.0.2.1", &address));
    line = ims_received_in(&config, helo, helo, &address, "QYY194NR", AUG_2002);
    g_assert_cmpuint(strlen(line), <, 600);
}

/* ---- specimens, as they were found but for the names ---- */

typedef struct {
    const char *name, *build, *host, *zone, *helo, *peer_name, *address, *id;
    gint64 wall_sec;
    const char *line; /* the first physical line; then the id and @date */
    const char *date;
} Specimen;

static const Specimen specimens_in[] = {
    {"W-001", "5.5.2650.21", "mail2.example.com",     "XXX7",  "203.0.113.188",           "SERVER3",
     "203.0.113.188",                                                                                                                 "RK2JB8PP", 1030041465,
     "Received: from 203.0.113.188 (SERVER3 [203.0.113.188]) by mail2.example.com with SMTP "
     "(Microsoft Exchange Internet Mail Service Version 5.5.2650.21)",                            "Thu, 22 Aug 2002 11:37:45 -0700"},
    {"W-003", "5.5.2653.13", "ntserver1.lan",         "XXX-1", "mx1.mail.example.net",
     "ACC00042.ipt.example.net",                                                                                    "198.51.100.66",  "359QADSH", 1030177219,
     "Received: from mx1.mail.example.net (ACC00042.ipt.example.net [198.51.100.66]) by "
     "ntserver1.lan with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13)",    "Sat, 24 Aug 2002 09:20:19 +0100"},
    {"W-004", "5.5.2653.13", "vega.example.com",      "XXX-1", "198.51.100.233",
     "host198-51-100-233.in-addr.example.net",                                                                      "198.51.100.233", "QYY194NR", 1030216167,
     "Received: from 198.51.100.233 (host198-51-100-233.in-addr.example.net [198.51.100.233]) by "
     "vega.example.com with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13)", "Sat, 24 Aug 2002 20:09:27 +0100"},
    {"W-008", "5.5.2653.13", "main-s002.example.com", "XXX-5", "branch-s002.example.com",
     "BRANCH-S002",                                                                                                 "192.168.16.11",  "PK3QX3TT", 1027394717,
     "Received: from branch-s002.example.com (BRANCH-S002 [192.168.16.11]) by "
     "main-s002.example.com with SMTP (Microsoft Exchange Internet Mail Service Version "
     "5.5.2653.13)",                                                                              "Tue, 23 Jul 2002 08:25:17 +0500"},
    {"W-010", "5.5.2657.72", "comm1.example.com",     "XXX-2", "[172.16.13.253]",         "localhost",
     "172.16.13.253",                                                                                                                 "PLG5MTZ1", 1090838142,
     "Received: from [172.16.13.253] (localhost [172.16.13.253]) by comm1.example.com with SMTP "
     "(Microsoft Exchange Internet Mail Service Version 5.5.2657.72)",                            "Mon, 26 Jul 2004 12:35:42 +0200"},
    {"W-012", "5.5.1960.3",  "today.example.com",     "XXX-9", "shop.example.net",
     "adsl-203-0-113-180.example.net",                                                                              "203.0.113.180",  "SDBJ0NYA", 1030950610,
     "Received: from shop.example.net (adsl-203-0-113-180.example.net [203.0.113.180]) by "
     "today.example.com with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.1960.3)", "Mon, 2 Sep 2002 16:10:10 +0900" },
    {"W-015", "5.5.1960.3",  "EXCHSRV1",              "XXX5",  "testserver.example.com",  "testserver.example.com",
     "10.1.1.1",                                                                                                                      "ND9X2LS1", 898119678,
     "Received: from testserver.example.com ([10.1.1.1]) by EXCHSRV1 with SMTP (Microsoft Exchange "
     "Internet Mail Service Version 5.5.1960.3)",                                                 "Wed, 17 Jun 1998 16:41:18 -0500"},
};

/* Of the outbound line the build of the converting part is shown: the other number of SP4 is in
 * the configuration. */
static const Specimen specimens_out[] = {
    {"W-020",       "5.5.2653.13", "mail.example.com",        "XXX-5:30", NULL, NULL, NULL, "ZX2KGYVM",
     1042698713,                                                                                                    "Received: by mail.example.com with Internet Mail Service (5.5.2653.19)",
     "Thu, 16 Jan 2003 12:01:53 +0530"                                                                                                                                                                                               },
    {"W-021-W-040", "5.5.2657.72", "exc02.example.com",       "XXX7",     NULL, NULL, NULL, "24ZZ15RZ",
     1113699842,                                                                                                    "Received: by exc02.example.com with Internet Mail Service (5.5.2657.72)",
     "Sat, 16 Apr 2005 18:04:02 -0700"                                                                                                                                                                                               },
    {"W-022",       "5.5.2650.21", "srv001e--n.example.com",  "XXX-8",    NULL, NULL, NULL, "XQ01WLTK",
     975563436,                                                                                                     "Received: by srv001e--n.example.com with Internet Mail Service (5.5.2650.21)",
     "Thu, 30 Nov 2000 13:50:36 +0800"                                                                                                                                                                                               },
    {"W-023",       "5.5.2658.27", "exa-city",                "XXX5",     NULL, NULL, NULL, "46HA4HAJ", 1133451740,
     "Received: by exa-city with Internet Mail Service (5.5.2658.27)",                                                                                                                              "Thu, 1 Dec 2005 10:42:20 -0500" },
    {"W-024",       "5.5.2658.3",  "bridge.corp.example.com", "XXX8",     NULL, NULL, NULL, "1X0CAQ2M",
     1142284021,                                                                                                    "Received: by bridge.corp.example.com with Internet Mail Service (5.5.2658.3)",
     "Mon, 13 Mar 2006 13:07:01 -0800"                                                                                                                                                                                               },
    {"W-025",       "5.5.2653.13", "KBS01",                   "XXX-1",    NULL, NULL, NULL, "Q4V0G62V", 1029230396,
     "Received: by KBS01 with Internet Mail Service (5.5.2653.19)",                                                                                                                                 "Tue, 13 Aug 2002 10:19:56 +0100"},
    {"W-026",       "5.5.2448.0",  "SERVER",                  "XXX-1",    NULL, NULL, NULL, "JSJNNK7B", 1021989439,
     "Received: by SERVER with Internet Mail Service (5.5.2448.0)",                                                                                                                                 "Tue, 21 May 2002 14:57:19 +0100"},
    {"W-027",       "5.5.2654.89", "ims01east",               "XXX5",     NULL, NULL, NULL, "RVXP8WHQ", 1030960487,
     "Received: by ims01east with Internet Mail Service (5.5.2654.89)",                                                                                                                             "Mon, 2 Sep 2002 04:54:47 -0500" },
    {"W-028",       "5.5.2655.55", "EXCHANGE",                "XXX-1",    NULL, NULL, NULL, "NCZ3JMSN", 1028023311,
     "Received: by EXCHANGE with Internet Mail Service (5.5.2655.55)",                                                                                                                              "Tue, 30 Jul 2002 11:01:51 +0100"},
    {"W-029",       "5.5.2656.59", "mail.example.com",        "XXX-1",    NULL, NULL, NULL, "QSA349G4", 1029507708,
     "Received: by mail.example.com with Internet Mail Service (5.5.2656.59)",                                                                                                                      "Fri, 16 Aug 2002 15:21:48 +0100"},
    {"W-030",       "5.5.2653.13", "KBS01",                   "UTC0",     NULL, NULL, NULL, "XSWWZCBL", 1039002019,
     "Received: by KBS01 with Internet Mail Service (5.5.2653.19)",                                                                                                                                 "Wed, 4 Dec 2002 11:40:19 -0000" },
};

static void
test_specimen(gconstpointer data)
{
    const Specimen *row = data;
    gboolean out = row->address == NULL;
    ImsConfig config = test_config();
    ImsAddress address;
    g_autofree char *line = NULL;
    g_autofree char *expected = g_strdup_printf("%s\r\n\tid %s%s%s; %s\r\n", row->line,
                                                out ? "<" : "", row->id, out ? ">" : "", row->date);

    config.build = (char *)row->build;
    config.host_name = (char *)row->host;
    set_zone(row->zone);
    if (out) {
        line = ims_received_out(&config, row->id, WALL(row->wall_sec));
    } else {
        g_assert_true(ims_address_parse(row->address, &address));
        line = ims_received_in(&config, row->helo, row->peer_name, &address, row->id,
                               WALL(row->wall_sec));
    }
    set_zone("UTC0");
    g_assert_cmpstr(line, ==, expected);
}

/* S-131 and the two numbers of SP4 (S-133). */
static void
test_received_out(void)
{
    ImsConfig config = test_config();
    g_autofree char *sp4 = ims_received_out(&config, "LJWWNP3X", AUG_2002), *sp3 = NULL;

    g_assert_cmpstr(sp4, ==,
                    "Received: by mail.example.com with Internet Mail Service (5.5.2653.19)\r\n"
                    "\tid <LJWWNP3X>; Sat, 24 Aug 2002 19:09:27 -0000\r\n");
    config.build = (char *)"5.5.2650.21";
    sp3 = ims_received_out(&config, "LJWWNP3X", AUG_2002);
    g_assert_nonnull(strstr(sp3, "(5.5.2650.21)"));
}

/* ---- dates ---- */

static const struct {
    gint64 wall_usec;
    const char *zone, *date;
} date_cases[] = {
    {AUG_2002,         "UTC0",     "Sat, 24 Aug 2002 19:09:27 -0000"},
    {WALL(1020749433), "UTC0",     "Tue, 7 May 2002 05:30:33 -0000" }, /* W-006: no leading zero */
    {WALL(1020749433), "XXX5",     "Tue, 7 May 2002 00:30:33 -0500" },
    {WALL(1042698713), "XXX-5:30", "Thu, 16 Jan 2003 12:01:53 +0530"}, /* W-020 */
    {WALL(1042698713), "XXX3:30",  "Thu, 16 Jan 2003 03:01:53 -0330"},
    {WALL(0),          "UTC0",     "Thu, 1 Jan 1970 00:00:00 -0000" },
    {WALL(1798761599), "UTC0",     "Thu, 31 Dec 2026 23:59:59 -0000"},
    {G_MAXINT64,       "UTC0",     "Thu, 1 Jan 1970 00:00:00 -0000" },
};

static void
test_date(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(date_cases); i++) {
        g_autofree char *date = NULL;

        g_test_message("row %u", i);
        set_zone(date_cases[i].zone);
        date = ims_rfc822_date(date_cases[i].wall_usec);
        g_assert_cmpstr(date, ==, date_cases[i].date);
    }
    set_zone("UTC0");
}

/* ---- identifiers ---- */

static guint64
spool_number(const char *id)
{
    guint64 number = 0;

    g_assert_cmpuint(strlen(id), ==, 8);
    for (guint i = 0; i < 8; i++) {
        const char *at = strchr(symbols, id[i]);

        g_assert_nonnull(at);
        number = number << 5 | (guint64)(at - symbols);
    }
    return number;
}

static void
test_spool_id(void)
{
    ImsWorld *world = ims_sim_world_new(1, AUG_2002);
    guint64 last = 0;

    for (guint i = 0; i < 2000; i++) {
        g_autofree char *id = ims_spool_id_new(world);
        guint64 number = spool_number(id);

        /* The run of numbers began on 24 August. */
        g_assert_cmpuint(number >> 36, ==, 8);
        g_assert_cmpuint(number >> 31 & 31, ==, 24);
        g_assert_cmpuint(number, >, last);
        last = number;
    }
    ims_sim_world_free(world);
}

typedef struct {
    ImsWorld *world;
    char *ids[1000];
} SpoolThread;

static gpointer
take_ids(gpointer data)
{
    SpoolThread *thread = data;

    for (guint i = 0; i < G_N_ELEMENTS(thread->ids); i++)
        thread->ids[i] = ims_spool_id_new(thread->world);
    return NULL;
}

static void
test_spool_id_threads(void)
{
    ImsWorld *world = ims_sim_world_new(1, AUG_2002);
    SpoolThread parts[4];
    GThread *threads[4];
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < 4; i++) {
        parts[i].world = world;
        threads[i] = g_thread_new("ids", take_ids, &parts[i]);
    }
    for (guint i = 0; i < 4; i++) {
        g_thread_join(threads[i]);
        for (guint k = 0; k < G_N_ELEMENTS(parts[i].ids); k++)
            g_assert_true(g_hash_table_add(seen, parts[i].ids[k]));
    }
    ims_sim_world_free(world);
}

/* S-134: 36 to 40 upper-case figures, a GUID that stays and a counter that rises. */
static void
test_message_id(void)
{
    ImsWorld *world = ims_sim_world_new(1, WALL(1795597200));
    ImsConfig config = test_config(), other = test_config();
    g_autofree char *first = ims_message_id_new(world, &config), *second = NULL, *third = NULL;
    const char *at = strchr(first, '@');
    gsize figures = (gsize)(at - first) - 1;

    g_assert_cmpstr(at, ==, "@mail.example.com>");
    g_assert_true(figures == 36 || figures == 38 || figures == 40);
    for (gsize i = 1; i <= figures; i++)
        g_assert_true(g_ascii_isdigit(first[i]) || (first[i] >= 'A' && first[i] <= 'F'));
    g_assert_cmpint(first[15], ==, '4'); /* version 4, the third field little-endian */
    second = ims_message_id_new(world, &config);
    g_assert_true(strncmp(first, second, 33) == 0);
    g_assert_cmpstr(first, <, second);
    other.host_name = (char *)"mail.example.org";
    third = ims_message_id_new(world, &other);
    g_assert_true(strncmp(first, third, 33) != 0);
    ims_sim_world_free(world);
}

/* S-136: a machine without a domain; S-137: SP2 and later cut nothing off. */
static void
test_message_id_hosts(void)
{
    static const char *const hosts[] = {"mail", "a-host-name-of-more-than-22-letters.example.com"};
    ImsWorld *world = ims_sim_world_new(1, WALL(1795597200));
    ImsConfig config = test_config();

    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *id = NULL, *tail = g_strdup_printf("@%s>", hosts[i]);

        config.host_name = (char *)hosts[i];
        id = ims_message_id_new(world, &config);
        g_assert_cmpstr(strchr(id, '@'), ==, tail);
    }
    ims_sim_world_free(world);
}

/* S-108; W 4.3: UTC, PRMD of 16 small letters, computer name. */
static void
test_mts_id(void)
{
    ImsConfig config = test_config();
    g_autofree char *id = NULL, *odd = NULL, *other = NULL;

    set_zone("XXX5");
    id = ims_mts_id(&config, "FJT4D8Q5", WALL(1014640354));
    set_zone("UTC0");
    g_assert_cmpstr(id, ==, "c=us;a= ;p=testorg communic;l=MAIL0202251232FJT4D8Q5");
    /* W-074 */
    config.organization = (char *)"ABC Corp";
    config.host_name = (char *)"host-dc0-se08.example.com";
    other = ims_mts_id(&config, "XM8FHXVY", WALL(1045237194));
    g_assert_cmpstr(other, ==, "c=us;a= ;p=abc corp;l=HOST-DC0-SE080302141539XM8FHXVY");
    config.organization = (char *)"\xc3\x89quipe";
    config.host_name = (char *)"a-name-longer-than-netbios.example.com";
    odd = ims_mts_id(&config, "FJT4D8Q5", WALL(1014640354));
    g_assert_true(g_str_is_ascii(odd));
    g_assert_nonnull(strstr(odd, ";l=A-NAME-LONGER-T0202251232"));
}

int
main(int argc, char **argv)
{
    set_zone("UTC0");
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(received_cases); i++) {
        g_autofree char *path =
            g_strdup_printf("/ims/personality/received/%s", received_cases[i].name);

        g_test_add_data_func(path, &received_cases[i], test_received);
    }
    for (guint i = 0; i < G_N_ELEMENTS(specimens_in); i++) {
        g_autofree char *path =
            g_strdup_printf("/ims/personality/received/specimen/%s", specimens_in[i].name);

        g_test_add_data_func(path, &specimens_in[i], test_specimen);
    }
    for (guint i = 0; i < G_N_ELEMENTS(specimens_out); i++) {
        g_autofree char *path =
            g_strdup_printf("/ims/personality/received/specimen/%s", specimens_out[i].name);

        g_test_add_data_func(path, &specimens_out[i], test_specimen);
    }
    g_test_add_func("/ims/personality/received/long-helo", test_received_long_helo);
    g_test_add_func("/ims/personality/received/S-131-S-133-out", test_received_out);
    g_test_add_func("/ims/personality/date", test_date);
    g_test_add_func("/ims/personality/S-104-spool-id", test_spool_id);
    g_test_add_func("/ims/personality/S-104-spool-id-threads", test_spool_id_threads);
    g_test_add_func("/ims/personality/S-134-S-135-message-id", test_message_id);
    g_test_add_func("/ims/personality/S-136-S-137-message-id-hosts", test_message_id_hosts);
    g_test_add_func("/ims/personality/S-108-W-074-mts-id", test_mts_id);
    return g_test_run();
}
