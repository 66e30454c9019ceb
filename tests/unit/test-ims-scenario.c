/* The player of scenario files: the kept files, and IMS_SCENARIOS where that names a folder; the
 * form of a file; what lines mean; which event has which number. */
#include "ims/event-number.h"
#include "ims/scenario-private.h"

#include <string.h>

/* ---- files ---- */

static void
test_file(gconstpointer data)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsScenarioResult) result = NULL;
    gsize length;

    g_file_get_contents(data, &text, &length, &error);
    g_assert_no_error(error);
    result = ims_scenario_play(text, length);
    if (!result->passed) {
        g_test_message("%s", result->transcript);
        g_test_message("%s: %s", (const char *)data, result->difference);
        g_test_fail();
    }
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_files(const char *folder)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    const char *name;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL)
        if (g_str_has_suffix(name, ".json"))
            g_ptr_array_add(files, g_build_filename(folder, name, NULL));
    g_ptr_array_sort(files, compare_names);
    return files;
}

/* Not each of these passes yet: counts are told, and a file that is not understood is a failure. */
static void
test_shared(gconstpointer data)
{
    g_autoptr(GPtrArray) files = list_files(data);
    guint passed = 0;

    for (guint i = 0; i < files->len; i++) {
        g_autofree char *text = NULL;
        g_autoptr(ImsScenarioResult) result = NULL;
        gsize length;

        g_assert_true(g_file_get_contents(files->pdata[i], &text, &length, NULL));
        result = ims_scenario_play(text, length);
        passed += result->passed;
        if (!result->passed)
            g_test_message("%s: %s", (const char *)files->pdata[i], result->difference);
        if (result->id == NULL)
            g_test_fail();
    }
    g_test_message("%u passed, %u failed", passed, files->len - passed);
}

/* ---- the form ---- */

#define SERVER                                                                                     \
    "\"server\": {\"model\": \"ims\", \"build\": \"5.5.2653.13\", \"profile\": \"extended\","      \
    " \"name\": \"mail.example.com\", \"local_addresses\": [\"192.0.2.10\"],"                      \
    " \"routing\": {\"mode\": \"reroute\", \"list\": []},"                                         \
    " \"restrictions\": {\"relay_flags\": 8, \"allow\": [], \"deny\": [], \"local\": []},"         \
    " \"people\": []%s}"
#define HEAD                                                                                       \
    "{\"id\": \"x\", \"title\": \"t\", \"story\": \"s\", \"sources\": [], \"facts\": [],"          \
    " \"strength\": \"derived\", "
#define OPEN                                                                                       \
    "{\"session\": \"s\", \"protocol\": \"smtp\", \"client\": \"192.0.2.1\","                      \
    " \"local\": \"192.0.2.10\", \"expect\": [\"220 \"]}"

typedef struct {
    const char *name;
    const char *server;  /* more of it, with a comma before */
    const char *steps;   /* between the brackets */
    const char *outcome; /* between the braces */
    const char *error;   /* part of what is said; NULL: it passes */
} FormCase;

static const FormCase forms[] = {
    {"good",                "",                                                OPEN,                                                                "\"sent\": []",                                          NULL                                           },
    {"unknown-in-server",   ", \"bulid\": \"1\"",                              "",                                                                  "",                                                      "server: unknown member 'bulid'"               },
    {"unknown-in-outcome",  "",                                                "",                                                                  "\"snet\": []",                                          "outcome: unknown member 'snet'"               },
    {"unknown-in-step",     "",                                                "{\"restart\": true, \"when\": 1}",                                  "",
     "steps[0]: unknown member 'when'"                                                                                                                                                                                                                      },
    {"no-kind-of-step",     "",                                                "{\"session\": \"s\"}",                                              "",
     "steps[0]: no member says what kind of step it is"                                                                                                                                                                                                     },
    {"missing-member",      "",                                                "{\"session\": \"s\", \"protocol\": \"smtp\"}",                      "",
     "'client' is missing"                                                                                                                                                                                                                                  },
    {"wrong-type",          ", \"ip_forwarding\": 1",                          "",                                                                  "",
     "server.ip_forwarding: true or false is expected"                                                                                                                                                                                                      },
    {"wrong-word",          "",                                                "{\"session\": \"s\", \"protocol\": \"nntp\"}",                      "",
     "'nntp' is none of: smtp pop3 imap4"                                                                                                                                                                                                                   },
    {"wrong-number",        "",                                                "",                                                                  "\"events\": [-1]",                                      "outcome.events[0]: a whole number is expected"},
    {"twin-in-server",      ", \"local_addresses\": [\"here\"]",               "",                                                                  "",                                                      "stands twice"                                 },
    {"bad-time",            "",                                                "{\"at\": \"5 min\"}",                                               "",                                                      "steps[0].at: '5 min' is not a time"           },
    {"endless-time",        "",                                                "{\"at\": \"99999999999999999999d\"}",                               "",                                                      "is not a time"                                },
    {"time-goes-back",      "",                                                "{\"at\": \"5m\"}, {\"at\": \"299s\"}",                              "",
     "steps[1]: time goes back to 299s"                                                                                                                                                                                                                     },
    {"twin-members",        "",                                                "{\"at\": \"5m\", \"at\": \"6m\"}",                                  "",                                                      "stands twice"                                 },
    {"session-twice",       "",                                                OPEN ", " OPEN,                                                      "",                                                      "steps[1]: the session s was opened before"    },
    {"session-not-open",    "",                                                "{\"session\": \"s\", \"close\": true}",                             "",
     "steps[0]: the session s is used before it is opened"                                                                                                                                                                                                  },
    {"session-gone",        "",                                                OPEN ", {\"restart\": true}, {\"session\": \"s\", \"close\": true}", "",
     "the session s is gone"                                                                                                                                                                                                                                },
    {"close-false",         "",                                                OPEN ", {\"session\": \"s\", \"close\": false}",                     "",
     "steps[1].close: it is true or left out"                                                                                                                                                                                                               },
    {"set-people",          "",                                                "{\"set\": {\"people\": []}}",                                       "",                                                      "'set' may not change people"                  },
    {"set-unknown",         "",                                                "{\"set\": {\"restrictions\": {\"relayflags\": 1}}}",                "",
     "steps[0].set.restrictions: unknown member 'relayflags'"                                                                                                                                                                                               },
    {"set-a-part",          "",                                                "{\"set\": {\"restrictions\": {\"relay_flags\": 1}}}",               "",                                                      NULL                                           },
    {"logon-of-a-stranger", "",
     OPEN ", {\"session\": \"s\", \"logon\": \"E\\\\x\", \"with\": \"auth-login\", \"expect\": "
          "\"fail\"}",                                                                                                                              "",                                                      "a password is expected"                       },
    {"bad-mx",              "",                                                "{\"dns\": {\"far.example\": {\"mx\": [[10]]}}}",                    "",
     "steps[0].dns.far.example.mx[0]: [preference, host] is expected"                                                                                                                                                                                       },
    {"build-not-there",     "",                                                "{\"set\": {\"build\": \"5.5.1.1\"}}, {\"restart\": true}",          "",
     "steps[1]: ims.conf:2: [Emulation] Build"                                                                                                                                                                                                              },
    {"registry-not-there",  ", \"registry\": {\"NoSuchValue\": 1}",            "",                                                                  "",
     "this version does not have: the registry value NoSuchValue"                                                                                                                                                                                           },
    {"registry-known",      ", \"registry\": {\"AcceptMalformed821Adrs\": 1}", "",                                                                  "",                                                      NULL                                           },
    {"line-in-a-value",     ", \"organization\": \"a\\n[Routing]\"",           "",                                                                  "",                                                      "more than one line"                           },
    {"expected-line",       "",
     "{\"session\": \"s\", \"protocol\": \"smtp\", \"client\": \"192.0.2.1\", \"local\": "
     "\"192.0.2.10\", \"expect\": [\"421 \"]}",                                                                                                     "",                                                      "expected \"421 \"; got \"220 "                },
    {"not-closed",          "",
     "{\"session\": \"s\", \"protocol\": \"smtp\", \"client\": \"192.0.2.1\", \"local\": "
     "\"192.0.2.10\", \"expect\": [\"220 \"], \"closed\": true}",                                                                                   "",                                                      "should have closed"                           },
    {"not-refused",         "",
     "{\"session\": \"s\", \"protocol\": \"smtp\", \"client\": \"192.0.2.1\", \"local\": "
     "\"192.0.2.10\", \"refused\": true}",                                                                                                          "",                                                      "should have been refused"                     },
    {"sent-missing",        "",                                                "",                                                                  "\"sent\": [{\"host\": \"a\", \"rcpt_to\": [\"b@c\"]}]",
     "outcome.sent: missing: a, b@c"                                                                                                                                                                                                                        },
    {"event-missing",       "",                                                "",                                                                  "\"events\": [4188]",                                    "outcome.events: 4188 was not logged"          },
};

static void
test_form(gconstpointer data)
{
    const FormCase *row = data;
    g_autofree char *server = g_strdup_printf(SERVER, row->server);
    g_autofree char *text = g_strdup_printf("%s%s, \"steps\": [%s], \"outcome\": {%s}}", HEAD,
                                            server, row->steps, row->outcome);
    g_autoptr(ImsScenarioResult) result = ims_scenario_play(text, strlen(text));

    if (row->error == NULL) {
        g_assert_cmpstr(result->difference, ==, NULL);
        g_assert_true(result->passed);
        return;
    }
    g_assert_false(result->passed);
    if (result->difference == NULL || strstr(result->difference, row->error) == NULL)
        g_error("expected \"%s\" in \"%s\"", row->error, result->difference);
}

/* Whatever a file holds, there is a result. */
static void
test_no_scenario(void)
{
    static const char *const texts[] = {"",         "{",  "[]",       "null",       "17",
                                        "\"text\"", "{}", "\xff\xfe", "{\"a\": {}}"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(ImsScenarioResult) result = ims_scenario_play(texts[i], strlen(texts[i]));

        g_assert_false(result->passed);
        g_assert_nonnull(result->difference);
        g_assert_nonnull(result->transcript);
    }
}

/* ---- lines ---- */

typedef struct {
    const char *name;
    gboolean is_smtp;
    const char *expected, *got; /* lines between | */
    gboolean matches;
} LineCase;

static const LineCase lines[] = {
    {"prefix",                  TRUE,  "250 ",               "250 OK",                  TRUE },
    {"prefix-differs",          TRUE,  "250 ",               "251 OK",                  FALSE},
    {"exact",                   TRUE,  "250 OK$",            "250 OK",                  TRUE },
    {"exact-longer",            TRUE,  "250 OK$",            "250 OK.",                 FALSE},
    {"pattern",                 TRUE,  "/25[01] .*/",        "251 x",                   TRUE },
    {"pattern-is-of-the-whole", TRUE,  "/25[01]/",           "251 x",                   FALSE},
    {"one-too-many",            TRUE,  "250 ",               "250 OK|250 OK",           FALSE},
    {"one-missing",             TRUE,  "250 |250 ",          "250 OK",                  FALSE},
    {"rest-of-reply",           TRUE,  "250-|...",           "250-a|250-b|250 c",       TRUE },
    {"rest-of-nothing",         TRUE,  "250 |...",           "250 a",                   TRUE },
    {"not-of-the-next-reply",   TRUE,  "250 |...",           "250 a|250 b",             FALSE},
    {"two-replies",             TRUE,  "250-|...|354 ",      "250-a|250 b|354 go",      TRUE },
    {"in-the-middle",           TRUE,  "250-|...|250-X|...", "250-a|250-b|250-X|250 c", TRUE },
    {"pop3-to-the-dot",         FALSE, "+OK|...|.$",         "+OK|a|b|.",               TRUE },
    {"pop3-without-dot",        FALSE, "+OK|...|.$",         "+OK|a|b",                 FALSE},
    {"imap4-untagged",          FALSE, "* FLAGS|...|a OK",   "* FLAGS|* 1 EXISTS|a OK", TRUE },
};

static void
test_lines(gconstpointer data)
{
    const LineCase *row = data;
    g_auto(GStrv) expected = g_strsplit(row->expected, "|", -1),
                  got = g_strsplit(row->got, "|", -1);
    g_autoptr(JsonArray) array = json_array_new();

    for (guint i = 0; expected[i] != NULL; i++)
        json_array_add_string_element(array, expected[i]);
    g_assert_cmpint(
        ims_scenario_match_lines(array, (const char *const *)got, g_strv_length(got), row->is_smtp),
        ==, row->matches);
}

/* ---- events ---- */

static guint
level_by_data(const char *category, gpointer data)
{
    return strcmp(category, "SMTP Protocol Log") != 0 ? GPOINTER_TO_UINT(data) : 0;
}

static void
test_event_numbers(void)
{
    static const struct {
        const char *line;
        guint level, number;
    } rows[] = {
        {"T s=1 rcpt to=a code=550 reason=no-rule",                                      1, 4188},
        {"T s=1 rcpt to=a code=550 reason=no-rule",                                      0, 0   },
        {"T s=1 rcpt to=a code=550 reason=unknown-recipient",                            5, 0   },
        {"T s=1 rcpt to=a code=250 reason=inbound",                                      5, 0   },
        {"T s=1 rcpt to=\"x reason=no-rule\" reason=inbound code=550",                   5, 0   },
        {"T s=1 rcpt to=\"\\\" reason=no-rule\" reason=inbound code=550",                5, 0   },
        {"T s=1 message result=refused reply=\"554 Too Many Hops\"",                     0, 4098},
        {"T report-recipient to=a about=b code=\"Too Many Hops\"",                       0, 4098},
        {"T s=1 logon protocol=smtp result=failed",                                      0, 4183},
        {"T send message=1 attempt=1 outcome=deferred",                                  1, 2001},
        {"T s=1 message id=A result=accepted",                                           1, 2002},
        {"T s=1 message id=A result=accepted",                                           0, 0   },
        {"T s=1 rcpt to=a code=452 reason=too-many-recipients",                          0, 3041},
        {"T s=1 message result=refused reply=\"554 Originator address does not match\"", 1, 4151},
        {"T s=1 logon protocol=pop3 result=failed",                                      0, 0   },
        {"",                                                                             5, 0   },
        {"T",                                                                            5, 0   },
        {"T s=1",                                                                        5, 0   },
        {"T s=1 rcpt code",                                                              5, 0   },
        {"T s=1 rcpt code=\"550",                                                        5, 0   },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(
            ims_event_number(rows[i].line, level_by_data, GUINT_TO_POINTER(rows[i].level)), ==,
            rows[i].number);
}

int
main(int argc, char **argv)
{
    const char *srcdir = g_getenv("IMS_TEST_SRCDIR"), *shared = g_getenv("IMS_SCENARIOS");
    g_autofree char *folder =
        g_build_filename(srcdir != NULL ? srcdir : ".", "tests", "scenarios", NULL);
    g_autoptr(GPtrArray) files = NULL;

    g_test_init(&argc, &argv, NULL);
    files = list_files(folder);
    g_assert_cmpuint(files->len, >, 10);
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *name = g_path_get_basename(files->pdata[i]);
        g_autofree char *path = g_strconcat("/ims/scenario/file/", name, NULL);

        g_test_add_data_func(path, files->pdata[i], test_file);
    }
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *path = g_strconcat("/ims/scenario/form/", forms[i].name, NULL);

        g_test_add_data_func(path, &forms[i], test_form);
    }
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *path = g_strconcat("/ims/scenario/lines/", lines[i].name, NULL);

        g_test_add_data_func(path, &lines[i], test_lines);
    }
    g_test_add_func("/ims/scenario/no-scenario", test_no_scenario);
    g_test_add_func("/ims/scenario/S-377-S-381-S-382-S-393-S-413-S-426-S-429-event-numbers",
                    test_event_numbers);
    if (shared != NULL)
        g_test_add_data_func("/ims/scenario/shared", shared, test_shared);
    return g_test_run();
}
