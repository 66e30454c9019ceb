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

/* S-108; W 4.3: UTC, PRMD of 16 small letters, computer name. */
static void
test_mts_id(void)
{
    ImsConfig config = test_config();
    g_autofree char *id = NULL, *odd = NULL;

    set_zone("XXX5");
    id = ims_mts_id(&config, "FJT4D8Q5", WALL(1014640354));
    set_zone("UTC0");
    g_assert_cmpstr(id, ==, "c=us;a= ;p=testorg communic;l=MAIL0202251232FJT4D8Q5");
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
    g_test_add_func("/ims/personality/received/long-helo", test_received_long_helo);
    g_test_add_func("/ims/personality/received/S-131-S-133-out", test_received_out);
    g_test_add_func("/ims/personality/date", test_date);
    g_test_add_func("/ims/personality/S-104-spool-id", test_spool_id);
    g_test_add_func("/ims/personality/S-104-spool-id-threads", test_spool_id_threads);
    g_test_add_func("/ims/personality/S-134-S-135-message-id", test_message_id);
    g_test_add_func("/ims/personality/S-108-mts-id", test_mts_id);
    return g_test_run();
}
