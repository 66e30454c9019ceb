/* The log: form of a line, escapes, reopening. */
#include "net/log.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    const char *name, *value, *wanted;
} Case;

static const Case cases[] = {
    {"plain",          "value",             "value"                   },
    {"empty",          "",                  "\"\""                    },
    {"blank",          "two words",         "\"two words\""           },
    {"equals",         "a=b",               "\"a=b\""                 },
    {"quote",          "say \"hi\"",        "\"say \\\"hi\\\"\""      },
    {"backslash",      "EXAMPLE\\alice",    "\"EXAMPLE\\\\alice\""    },
    {"line-end",       "a\r\n2026 forged",  "\"a\\r\\n2026 forged\""  },
    {"tab",            "a\tb",              "\"a\\tb\""               },
    {"control",        "a\x01\x1b[31m\x7f", "\"a\\x01\\x1b[31m\\x7f\""},
    {"utf-8",          "Müller",           "Müller"                 },
    {"no-utf-8",       "M\xfcller",         "\"M\\xfcller\""          },
    {"cut-utf-8",      "M\xc3",             "\"M\\xc3\""              },
    {"c1-control",
     "a\xc2\x9b"
     "31m",                                 "\"a\\u{9b}31m\""         },
    {"bidi-override",  "a\xe2\x80\xae",     "\"a\\u{202e}\""          },
    {"line-separator", "a\xe2\x80\xa8",     "\"a\\u{2028}\""          },
};

static void
test_value(gconstpointer data)
{
    const Case *row = data;
    ImsLog *log = ims_log_new_memory();
    g_autofree char *lines = NULL;
    g_autofree char *wanted = g_strdup_printf("Z s=7 test key=%s\n", row->wanted);

    ims_log_event(log, 7, "test", "key", row->value, NULL);
    lines = ims_log_take(log);
    g_assert_cmpuint(strlen(lines), >, 23);
    g_assert_cmpstr(lines + 23, ==, wanted);
    ims_log_free(log);
}

static void
test_line(void)
{
    ImsLog *log = ims_log_new_memory();
    g_autofree char *lines = NULL, *none = NULL;

    ims_log_event(log, 0, "start", NULL);
    ims_log_event(log, G_MAXUINT64, "end", "a", "1", "left-out", NULL, "b", "2", NULL);
    lines = ims_log_take(log);
    g_assert_true(
        g_regex_match_simple("\\A\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z start\n"
                             "[^ ]+Z s=18446744073709551615 end a=1 b=2\n\\z",
                             lines, 0, 0));
    none = ims_log_take(log);
    g_assert_cmpstr(none, ==, "");
    ims_log_free(log);
    ims_log_event(NULL, 1, "nothing", "a", "1", NULL);
}

static void
test_cut(void)
{
    ImsLog *log = ims_log_new_memory();
    g_autofree char *whole = g_strnfill(1024, 'a'), *more = g_strnfill(5000, 'b');
    g_autofree char *first = NULL, *second = NULL;

    ims_log_event(log, 0, "x", "v", whole, NULL);
    first = ims_log_take(log);
    g_assert_nonnull(strstr(first, whole));
    g_assert_null(strstr(first, "…"));
    ims_log_event(log, 0, "x", "v", more, NULL);
    second = ims_log_take(log);
    g_assert_cmpuint(strlen(second), <, 1024 + 64);
    g_assert_nonnull(strstr(second, "b…\n"));
    ims_log_free(log);
}

static void
test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("ims-log-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "log", NULL);
    g_autofree char *moved = g_build_filename(folder, "log.1", NULL);
    g_autofree char *before = NULL, *behind = NULL, *last = NULL;
    ImsLog *log = ims_log_new(file, &error);

    g_assert_no_error(error);
    ims_log_event(log, 1, "one", NULL);
    g_assert_cmpint(g_rename(file, moved), ==, 0);
    ims_log_event(log, 1, "two", NULL);
    g_assert_true(ims_log_reopen(log, &error));
    ims_log_event(log, 1, "three", NULL);
    g_assert_true(g_file_get_contents(moved, &before, NULL, NULL));
    g_assert_true(g_file_get_contents(file, &behind, NULL, NULL));
    g_assert_true(g_str_has_suffix(before, " two\n"));
    g_assert_true(g_str_has_suffix(behind, "Z s=1 three\n"));

    /* Where it cannot be opened the old one stays. */
    g_assert_cmpint(g_unlink(file), ==, 0);
    g_assert_cmpint(g_mkdir(file, 0700), ==, 0);
    g_assert_false(ims_log_reopen(log, &error));
    g_assert_nonnull(strstr(error->message, file));
    ims_log_event(log, 1, "four", NULL);
    ims_log_free(log);
    g_clear_error(&error);
    g_assert_null(ims_log_new(file, &error));
    g_assert_nonnull(strstr(error->message, file));
    g_rmdir(file);
    g_unlink(moved);
    g_rmdir(folder);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/log/value/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_value);
    }
    g_test_add_func("/net/log/line", test_line);
    g_test_add_func("/net/log/cut", test_cut);
    g_test_add_func("/net/log/file", test_file);
    return g_test_run();
}
