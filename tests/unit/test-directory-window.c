/* The logon window: how long it is open, for whom, how much goes through, and what of it survives.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "directory/logon-window-private.h"
#include "net/sim-world.h"

#define START_USEC (G_GINT64_CONSTANT(1764000000) * G_USEC_PER_SEC)
#define MINUTE (60 * G_GINT64_CONSTANT(1000000))

typedef struct {
    ImsWorld *world;
    ImsLogonWindows *windows;
    ImsLogonWindowOptions options;
    ImsLog *log;
    char *folder, *file;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->world = ims_sim_world_new(1, START_USEC);
    fixture->log = ims_log_new_memory();
    fixture->folder = g_dir_make_tmp("windows-XXXXXX", NULL);
    fixture->file = g_build_filename(fixture->folder, "windows", NULL);
    fixture->options = (ImsLogonWindowOptions){.enabled = TRUE,
                                               .minutes = 30,
                                               .recipients = 3,
                                               .file = fixture->file,
                                               .log = fixture->log};
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    ims_logon_windows_free(fixture->windows);
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
    ims_log_free(fixture->log);
    g_unlink(fixture->file);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0); /* no temporary file is left behind */
    g_free(fixture->file);
    g_free(fixture->folder);
}

static void
restart(Fixture *fixture)
{
    ims_logon_windows_free(fixture->windows);
    ims_sim_world_settle(fixture->world);
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
}

/* The clock of a world only goes on; another time is another world. */
static void
restart_at(Fixture *fixture, gint64 wall_usec)
{
    ims_logon_windows_free(fixture->windows);
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
    fixture->world = ims_sim_world_new(1, wall_usec);
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
}

static ImsAddress
address_of(const char *text)
{
    ImsAddress address;

    g_assert_true(ims_address_parse(text, &address));
    return address;
}

static ImsLogonToken *
open_window(Fixture *fixture, const char *text, const char *account)
{
    ImsAddress address = address_of(text);

    return ims_logon_windows_open(fixture->windows, &address, account, "pop3");
}

static void
log_on_and_off(Fixture *fixture, const char *text, const char *account)
{
    ImsLogonToken *token = open_window(fixture, text, account);

    g_assert_nonnull(token);
    ims_logon_token_close(&token);
    g_assert_null(token);
}

static gboolean
is_open(Fixture *fixture, const char *text)
{
    ImsAddress address = address_of(text);

    return ims_logon_windows_check(fixture->windows, &address, NULL);
}

static void
count(Fixture *fixture, const char *text, guint n)
{
    ImsAddress address = address_of(text);

    while (n-- > 0)
        ims_logon_windows_count(fixture->windows, &address);
}

/* ---- lifetime ---- */

static void
test_lifetime(Fixture *fixture, gconstpointer unused)
{
    ImsAddress address = address_of("192.0.2.1");
    ImsLogonWindow window;
    g_autofree char *lines = NULL;

    g_assert_false(is_open(fixture, "192.0.2.1"));
    log_on_and_off(fixture, "192.0.2.1", "EXAMPLE\\alice");
    g_assert_true(ims_logon_windows_check(fixture->windows, &address, &window));
    g_assert_cmpstr(window.account, ==, "EXAMPLE\\alice");
    g_assert_cmpstr(window.protocol, ==, "pop3");
    g_assert_cmpint(window.opened_usec, ==, START_USEC);
    g_assert_cmpint(window.expires_usec, ==, START_USEC + 30 * MINUTE);
    g_assert_cmpuint(window.sessions, ==, 0);
    ims_logon_window_clear(&window);
    ims_sim_world_advance(fixture->world, 30 * MINUTE - 1);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, 1);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    lines = ims_log_take(fixture->log);
    g_assert_nonnull(strstr(lines, "window-opened address=192.0.2.1"));
    g_assert_nonnull(strstr(lines, "reason=expired"));
}

static void
test_exact_address(Fixture *fixture, gconstpointer unused)
{
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    log_on_and_off(fixture, "2001:db8::1", "E\\b");
    g_assert_false(is_open(fixture, "192.0.2.2"));
    g_assert_false(is_open(fixture, "2001:db8::2"));
    g_assert_true(is_open(fixture, "2001:db8:0:0::1"));
    /* A mapped address is the IPv4 address. */
    g_assert_true(is_open(fixture, "::ffff:192.0.2.1"));
}

static void
test_renewal(Fixture *fixture, gconstpointer unused)
{
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    ims_sim_world_advance(fixture->world, 20 * MINUTE);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    ims_sim_world_advance(fixture->world, 29 * MINUTE);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, MINUTE);
    g_assert_false(is_open(fixture, "192.0.2.1"));
}

static void
test_session(Fixture *fixture, gconstpointer unused)
{
    ImsLogonToken *first = open_window(fixture, "192.0.2.1", "E\\a");
    ImsLogonToken *second = open_window(fixture, "192.0.2.1", "E\\a");
    ImsAddress address = address_of("192.0.2.1");
    ImsLogonWindow window;

    ims_sim_world_advance(fixture->world, 600 * MINUTE);
    g_assert_true(ims_logon_windows_check(fixture->windows, &address, &window));
    g_assert_cmpint(window.expires_usec, ==, G_MAXINT64);
    g_assert_cmpuint(window.sessions, ==, 2);
    ims_logon_window_clear(&window);
    ims_logon_token_close(&first);
    ims_sim_world_advance(fixture->world, 600 * MINUTE);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_logon_token_close(&second);
    ims_sim_world_advance(fixture->world, 30 * MINUTE - 1);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, 1);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    ims_logon_token_close(&second);
}

/* ---- what goes through ---- */

static void
test_recipients(Fixture *fixture, gconstpointer unused)
{
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    count(fixture, "192.0.2.9", 5);
    count(fixture, "192.0.2.1", 2);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    count(fixture, "192.0.2.1", 1);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    /* A quick logon does not start the count anew; one after the minutes does. */
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    g_assert_false(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, 29 * MINUTE);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    g_assert_false(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, MINUTE);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    g_assert_true(is_open(fixture, "192.0.2.1"));
}

static void
test_no_limit(Fixture *fixture, gconstpointer unused)
{
    fixture->options.recipients = 0;
    restart(fixture);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    count(fixture, "192.0.2.1", 10000);
    g_assert_true(is_open(fixture, "192.0.2.1"));
}

static void
test_except(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsNetList) except = ims_net_list_new();

    log_on_and_off(fixture, "10.1.2.3", "E\\a");
    g_assert_true(ims_net_list_add(except, "10.0.0.0;255.0.0.0", NULL));
    fixture->options.except = except;
    /* One that was open before it became an exception is not open after. */
    restart(fixture);
    g_assert_false(is_open(fixture, "10.1.2.3"));
    g_assert_null(open_window(fixture, "10.1.2.3", "E\\a"));
    g_assert_false(is_open(fixture, "10.1.2.3"));
    log_on_and_off(fixture, "11.1.2.3", "E\\a");
    g_assert_true(is_open(fixture, "11.1.2.3"));
    ims_logon_windows_free(fixture->windows);
    fixture->options.except = NULL;
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
}

static void
test_not_enabled(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GArray) list = NULL;

    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    fixture->options.enabled = FALSE;
    restart(fixture);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    g_assert_null(open_window(fixture, "192.0.2.1", "E\\a"));
    list = ims_logon_windows_list(fixture->windows);
    g_assert_cmpuint(list->len, ==, 0);
    g_assert_cmpuint(ims_logon_windows_clear(fixture->windows, NULL, NULL), ==, 0);
    /* On again: what was open then is not open now. */
    fixture->options.enabled = TRUE;
    restart(fixture);
    g_assert_false(is_open(fixture, "192.0.2.1"));
}

static void
test_bound(Fixture *fixture, gconstpointer unused)
{
    ImsLogonToken *token;

    fixture->options.max_windows = 3;
    restart(fixture);
    token = open_window(fixture, "192.0.2.1", "E\\a");
    log_on_and_off(fixture, "192.0.2.2", "E\\a");
    ims_sim_world_advance(fixture->world, MINUTE);
    log_on_and_off(fixture, "192.0.2.3", "E\\a");
    log_on_and_off(fixture, "192.0.2.4", "E\\a");
    g_assert_true(is_open(fixture, "192.0.2.1"));
    g_assert_false(is_open(fixture, "192.0.2.2"));
    g_assert_true(is_open(fixture, "192.0.2.3"));
    g_assert_true(is_open(fixture, "192.0.2.4"));
    ims_logon_token_close(&token);
}

/* ---- list and clear ---- */

static void
test_list(Fixture *fixture, gconstpointer unused)
{
    static const char *const texts[] = {"192.0.2.10", "2001:db8::1", "192.0.2.9"};
    static const char *const sorted[] = {"192.0.2.9", "192.0.2.10", "2001:db8::1"};
    g_autoptr(GArray) list = NULL;
    char text[IMS_ADDRESS_STRLEN];

    log_on_and_off(fixture, "192.0.2.200", "E\\old");
    ims_sim_world_advance(fixture->world, 30 * MINUTE);
    for (guint i = 0; i < 3; i++)
        log_on_and_off(fixture, texts[i], "E\\a");
    list = ims_logon_windows_list(fixture->windows);
    g_assert_cmpuint(list->len, ==, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpstr(ims_address_format(&g_array_index(list, ImsLogonWindow, i).address, text),
                        ==, sorted[i]);
}

static void
test_clear(Fixture *fixture, gconstpointer unused)
{
    ImsLogonToken *token = open_window(fixture, "192.0.2.1", "EXAMPLE\\alice");
    ImsAddress third = address_of("192.0.2.3");

    log_on_and_off(fixture, "192.0.2.2", "EXAMPLE\\alice");
    log_on_and_off(fixture, "192.0.2.3", "EXAMPLE\\bob");
    log_on_and_off(fixture, "192.0.2.4", "EXAMPLE\\bob");
    g_assert_cmpuint(ims_logon_windows_clear(fixture->windows, NULL, "example\\ALICE"), ==, 2);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    /* Its session goes on, but the window stays closed, then and at the session's end. */
    ims_logon_token_close(&token);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    g_assert_cmpuint(ims_logon_windows_clear(fixture->windows, &third, "EXAMPLE\\alice"), ==, 0);
    g_assert_cmpuint(ims_logon_windows_clear(fixture->windows, &third, NULL), ==, 1);
    g_assert_true(is_open(fixture, "192.0.2.4"));
    g_assert_cmpuint(ims_logon_windows_clear(fixture->windows, NULL, NULL), ==, 1);
    g_assert_false(is_open(fixture, "192.0.2.4"));
    log_on_and_off(fixture, "192.0.2.1", "EXAMPLE\\alice");
    g_assert_true(is_open(fixture, "192.0.2.1"));
}

/* A token of a closed window must not touch the one that came after. */
static void
test_clear_and_reopen(Fixture *fixture, gconstpointer unused)
{
    ImsLogonToken *old = open_window(fixture, "192.0.2.1", "E\\a"), *new_token;

    ims_logon_windows_clear(fixture->windows, NULL, NULL);
    new_token = open_window(fixture, "192.0.2.1", "E\\b");
    ims_logon_token_close(&old);
    ims_sim_world_advance(fixture->world, 60 * MINUTE);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_logon_token_close(&new_token);
}

/* ---- over a restart ---- */

static void
test_restart(Fixture *fixture, gconstpointer unused)
{
    ImsAddress address = address_of("192.0.2.1");
    ImsLogonWindow window;

    log_on_and_off(fixture, "192.0.2.1", "EXAMPLE\\alice smith");
    log_on_and_off(fixture, "192.0.2.2", "EXAMPLE\\bob");
    count(fixture, "192.0.2.1", 2);
    ims_sim_world_advance(fixture->world, 10 * MINUTE);
    restart(fixture);
    g_assert_true(ims_logon_windows_check(fixture->windows, &address, &window));
    g_assert_cmpstr(window.account, ==, "EXAMPLE\\alice smith");
    g_assert_cmpint(window.opened_usec, ==, START_USEC);
    g_assert_cmpint(window.expires_usec, ==, START_USEC + 30 * MINUTE);
    g_assert_cmpuint(window.relayed, ==, 2);
    ims_logon_window_clear(&window);
    count(fixture, "192.0.2.1", 1);
    restart(fixture);
    g_assert_false(is_open(fixture, "192.0.2.1"));
    restart_at(fixture, START_USEC + 30 * MINUTE);
    g_assert_false(is_open(fixture, "192.0.2.2"));
}

/* Nobody frees anything at a crash: what counts is the file as it was written on the way. */
static void
test_crash(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *text = NULL;
    ImsLogonToken *token = open_window(fixture, "192.0.2.1", "EXAMPLE\\alice");
    gsize length = 0;

    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC - 1);
    g_assert_false(g_file_test(fixture->file, G_FILE_TEST_EXISTS));
    ims_sim_world_advance(fixture->world, 1);
    g_assert_true(g_file_get_contents(fixture->file, &text, &length, NULL));
    ims_logon_token_close(&token);
    ims_logon_windows_free(fixture->windows);
    g_assert_true(g_file_set_contents(fixture->file, text, (gssize)length, NULL));
    /* The session was there; it ended with the crash, and its minutes run from the start. */
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
    ims_sim_world_advance(fixture->world, 30 * MINUTE - 1);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, 1);
    g_assert_false(is_open(fixture, "192.0.2.1"));
}

static void
test_written_once_a_second(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *first = NULL, *second = NULL;

    for (guint i = 0; i < 100; i++)
        log_on_and_off(fixture, "192.0.2.1", "E\\a");
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC);
    g_assert_true(g_file_get_contents(fixture->file, &first, NULL, NULL));
    count(fixture, "192.0.2.1", 1);
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC / 2);
    g_assert_true(g_file_get_contents(fixture->file, &second, NULL, NULL));
    g_assert_cmpstr(first, ==, second);
    g_clear_pointer(&second, g_free);
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC / 2);
    g_assert_true(g_file_get_contents(fixture->file, &second, NULL, NULL));
    g_assert_cmpstr(first, !=, second);
}

/* The clock was an hour ahead and is set right while we were away. */
static void
test_clamp(Fixture *fixture, gconstpointer unused)
{
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    restart_at(fixture, START_USEC - 60 * MINUTE);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    ims_sim_world_advance(fixture->world, 30 * MINUTE);
    g_assert_false(is_open(fixture, "192.0.2.1"));
}

static const struct {
    const char *name, *text;
    guint n_windows;
    gboolean is_logged;
} files[] = {
    {"good",
     IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1764000000000000\t1764000600000000\t7\n",          1,
     FALSE                                                                                                     },
    {"session",        IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1764000000000000\tsession\t7\n", 1,
     FALSE                                                                                                     },
    {"last-line-half", IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\tsession\t7\n192.0.2.2\tE",
     1,                                                                                                   TRUE },
    {"empty",          "",                                                                             0, TRUE },
    {"other-version",  "logon-windows 2\n192.0.2.1\tE\\\\a\tpop3\t1\tsession\t7\n",                    0, TRUE },
    {"bad-address",    IMS_WINDOW_FILE_HEAD "192.0.2\tE\\\\a\tpop3\t1\tsession\t7\n",                  0, TRUE },
    {"bad-time",       IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\tnever\t7\n",                  0, TRUE },
    {"negative-time",  IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t-1\tsession\t7\n",               0, TRUE },
    {"huge-time",      IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\t99999999999999999999\t7\n",   0,
     TRUE                                                                                                      },
    {"bad-count",      IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\tsession\t-7\n",               0, TRUE },
    {"more-fields",    IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\tsession\t7\t8\n",             0, TRUE },
    {"twice",
     IMS_WINDOW_FILE_HEAD "192.0.2.1\ta\tp\t1\tsession\t7\n192.0.2.1\tb\tp\t1\tsession\t7\n",          1,
     FALSE                                                                                                     },
    {"expired",        IMS_WINDOW_FILE_HEAD "192.0.2.1\tE\\\\a\tpop3\t1\t2\t7\n",                      0, FALSE},
    {"over-the-bound",
     IMS_WINDOW_FILE_HEAD "192.0.2.1\ta\tp\t1\tsession\t7\n192.0.2.2\ta\tp\t1\tsession\t7\n"
                          "192.0.2.3\ta\tp\t1\tsession\t7\n",                                          2, TRUE },
};

static void
test_file(Fixture *fixture, gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GArray) list = NULL;
    g_autofree char *lines = NULL;

    ims_logon_windows_free(fixture->windows);
    g_assert_true(g_file_set_contents(fixture->file, files[i].text, -1, NULL));
    fixture->options.max_windows = 2;
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
    list = ims_logon_windows_list(fixture->windows);
    g_assert_cmpuint(list->len, ==, files[i].n_windows);
    lines = ims_log_take(fixture->log);
    g_assert_cmpint(*lines != '\0', ==, files[i].is_logged);
}

static void
test_unwritable(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    ims_logon_windows_free(fixture->windows);
    fixture->options.file = "/nonexistent/windows";
    fixture->windows = ims_logon_windows_new(fixture->world, &fixture->options);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC);
    g_assert_true(is_open(fixture, "192.0.2.1"));
    lines = ims_log_take(fixture->log);
    g_assert_nonnull(strstr(lines, "window-file reason="));
}

static void
test_free_with_write_due(Fixture *fixture, gconstpointer unused)
{
    log_on_and_off(fixture, "192.0.2.1", "E\\a"); /* the message to main is on its way */
    restart(fixture);
    log_on_and_off(fixture, "192.0.2.1", "E\\a");
    ims_sim_world_settle(fixture->world); /* the timer runs */
    restart(fixture);
    g_assert_true(is_open(fixture, "192.0.2.1"));
}

#define TEST(name, function)                                                                       \
    g_test_add("/logon-window/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("lifetime", test_lifetime);
    TEST("exact-address", test_exact_address);
    TEST("renewal", test_renewal);
    TEST("while-a-session-lasts", test_session);
    TEST("recipients", test_recipients);
    TEST("recipients-no-limit", test_no_limit);
    TEST("except", test_except);
    TEST("not-enabled", test_not_enabled);
    TEST("bound", test_bound);
    TEST("list", test_list);
    TEST("clear", test_clear);
    TEST("clear-and-reopen", test_clear_and_reopen);
    TEST("restart", test_restart);
    TEST("crash", test_crash);
    TEST("written-once-a-second", test_written_once_a_second);
    TEST("clamp", test_clamp);
    TEST("unwritable", test_unwritable);
    TEST("free-with-write-due", test_free_with_write_due);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strdup_printf("/logon-window/file/%s", files[i].name);

        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up, test_file, tear_down);
    }
    return g_test_run();
}
