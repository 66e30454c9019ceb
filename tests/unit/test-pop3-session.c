/* What happens to a POP3 session: other sessions, lost connections, slow clients, time. */
#include "tests/unit/pop3-world.h"

#include <glib/gstdio.h>
#include <string.h>

static void
set_up(Pop3World *self, gconstpointer data)
{
    pop3_world_set_up(self, TRUE, NULL);
    for (guint i = 1; i <= 3; i++) {
        g_autofree char *body = g_strdup_printf("Subject: %u\r\n\r\nx\r\n", i);

        pop3_world_deliver(self, self->alice, body, -1);
    }
}

static void
tear_down(Pop3World *self, gconstpointer data)
{
    pop3_world_tear_down(self);
}

/* P-021: the same in another session, and after what stood before is gone; never the same for
 * another message. */
static void
test_uidl_is_stable(Pop3World *self, gconstpointer data)
{
    ImsSimConn *first = pop3_world_log_on(self);
    g_autofree char *before = pop3_world_say(self, first, "UIDL 3\r\n");
    g_autofree char *other = pop3_world_say(self, first, "UIDL 2\r\n");
    g_autofree char *after = NULL, *fresh = NULL;
    ImsSimConn *second;

    pop3_world_expect(self, first, "DELE 1\r\nDELE 2\r\nQUIT\r\n", "+OK\r\n+OK\r\n" POP3_SIGN_OFF);
    pop3_world_deliver(self, self->alice, "Subject: new\r\n\r\n", -1);
    second = pop3_world_log_on(self);
    after = pop3_world_say(self, second, "UIDL 1\r\n");
    fresh = pop3_world_say(self, second, "UIDL 2\r\n");
    g_assert_cmpstr(before + strlen("+OK 3 "), ==, after + strlen("+OK 1 "));
    g_assert_cmpstr(other + strlen("+OK 2 "), !=, fresh + strlen("+OK 2 "));
    g_assert_cmpstr(before + strlen("+OK 3 "), !=, fresh + strlen("+OK 2 "));
    ims_sim_conn_close(first);
    ims_sim_conn_close(second);
}

/* P-060: no lock. What another session deletes stays readable here, and what arrives is not seen.
 */
static void
test_snapshot(Pop3World *self, gconstpointer data)
{
    ImsSimConn *first = pop3_world_log_on(self), *second = pop3_world_log_on(self);

    pop3_world_expect(self, first, "DELE 2\r\nQUIT\r\n", "+OK\r\n" POP3_SIGN_OFF);
    pop3_world_deliver(self, self->alice, "Subject: new\r\n\r\n", -1);
    pop3_world_expect(
        self, second, "STAT\r\nRETR 2\r\nRETR 4\r\n",
        "+OK 3 51\r\n+OK\r\nSubject: 2\r\n\r\nx\r\n.\r\n-ERR There is no such message.\r\n");
    /* deleted twice: nothing to do is no failure */
    pop3_world_expect(self, second, "DELE 2\r\nDELE 3\r\nQUIT\r\n", "+OK\r\n+OK\r\n" POP3_SIGN_OFF);
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 2);
    ims_sim_conn_close(first);
    ims_sim_conn_close(second);
}

/* P-055, P-059: the Inbox alone is shown, and what is deleted goes nowhere else. */
static void
test_inbox_only(Pop3World *self, gconstpointer data)
{
    static const char *const folders[] = {"Deleted Items", "Drafts", "Outbox", "Sent Items"};
    ImsSimConn *conn;

    pop3_world_deliver_to(self, self->alice, "Drafts", "Subject: draft\r\n\r\n", -1);
    pop3_world_deliver_to(self, self->alice, "Deleted Items", "Subject: old\r\n\r\n", -1);
    conn = pop3_world_log_on(self);
    pop3_world_expect(self, conn, "STAT\r\nRETR 4\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n",
                      "+OK 3 51\r\n-ERR There is no such message.\r\n+OK\r\n+OK\r\n" POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 1);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autoptr(ImsFolder) folder =
            ims_store_find_folder(self->store, self->alice, folders[i], NULL);

        g_assert_nonnull(folder);
        g_assert_cmpuint(folder->messages, ==, i < 2 ? 1 : 0);
    }
}

static void
test_quit_fails(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_log_on(self);

    pop3_world_expect(self, conn, "DELE 1\r\n", "+OK\r\n");
    pop3_world_remove(self, self->alice, FALSE);
    pop3_world_expect(self, conn, "QUIT\r\n",
                      "-ERR [SYS/TEMP] The messages could not be deleted.\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

/* The mailbox goes while a session is on it: what it was told of stays readable to it. */
static void
test_mailbox_removed(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_log_on(self);

    pop3_world_remove(self, self->alice, FALSE);
    pop3_world_expect(self, conn, "RETR 1\r\nQUIT\r\n",
                      "+OK\r\nSubject: 1\r\n\r\nx\r\n.\r\n" POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
}

static void
remove_tree(const char *path, gsize only_size)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        GStatBuf status;

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            remove_tree(child, only_size);
        else if (only_size == 0 ||
                 (g_stat(child, &status) == 0 && (gsize)status.st_size == only_size))
            g_assert_cmpint(g_unlink(child), ==, 0);
    }
    if (only_size == 0)
        g_rmdir(path);
}

/* P-035: its body cannot be read; the others can, and the session goes on. */
static void
test_not_rendered(void)
{
    g_autofree char *directory = g_dir_make_tmp("pop3-XXXXXX", NULL);
    g_autofree char *body = g_strnfill(5000, 'x');
    g_autofree char *log = NULL;
    ImsSimConn *conn;
    Pop3World self;

    pop3_world_set_up(&self, TRUE, directory);
    pop3_world_deliver(&self, self.alice, body, -1);
    pop3_world_deliver(&self, self.alice, "Subject: 2\r\n\r\n", -1);
    remove_tree(directory, 5000);
    conn = pop3_world_log_on(&self);
    pop3_world_expect(
        &self, conn, "STAT\r\nRETR 1\r\nTOP 1 1\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n",
        "+OK 2 5014\r\n-ERR The requested item could not be found.\r\n"
        "-ERR The requested item could not be found.\r\n+OK\r\nSubject: 2\r\n\r\n.\r\n"
        "+OK\r\n" POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
    g_assert_cmpuint(pop3_world_count(&self, self.alice), ==, 1);
    log = ims_log_take(self.log);
    g_assert_nonnull(strstr(log, "retrieve protocol=pop3 result=failed"));
    pop3_world_tear_down(&self);
    remove_tree(directory, 0);
}

/* A mailbox of the directory that the store has not met: an empty maildrop, made on the way. */
static void
test_new_mailbox(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn;

    pop3_world_remove(self, self->alice, FALSE);
    conn = pop3_world_log_on(self);
    pop3_world_expect(
        self, conn, "STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n",
        "+OK 0 0\r\n+OK\r\n.\r\n+OK\r\n.\r\n-ERR There is no such message.\r\n" POP3_SIGN_OFF);
    g_assert_true(ims_store_has_mailbox(self->store, self->alice));
    ims_sim_conn_close(conn);
}

/* ---- lost connections and time ---- */

static void
test_dropped_deletes_nothing(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_log_on(self);

    pop3_world_expect(self, conn, "DELE 1\r\nQUI", "+OK\r\n");
    ims_sim_conn_close(conn);
    ims_sim_world_settle(self->world);
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 3);
}

/* The peer has closed its half: QUIT is answered all the same. */
static void
test_half_closed(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);
    g_autofree char *got = NULL;

    ims_sim_conn_send(conn, POP3_LOGON "DELE 1\r\nQUIT\r\n",
                      strlen(POP3_LOGON "DELE 1\r\nQUIT\r\n"));
    ims_sim_conn_shut(conn);
    got = pop3_world_say(self, conn, "");
    g_assert_cmpstr(got, ==, POP3_GREETING POP3_LOGGED_ON "+OK\r\n" POP3_SIGN_OFF);
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 2);
    ims_sim_conn_close(conn);
}

/* The connection goes while a logon or a commit is under way. */
static void
test_closed_while_waiting(Pop3World *self, gconstpointer data)
{
    static const char *const texts[] = {POP3_LOGON, "USER alice\r\nPASS wrong\r\n",
                                        "AUTH PLAIN AGFsaWNlAHNlY3JldCBvbmU=\r\n"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);

        ims_sim_conn_send(conn, texts[i], strlen(texts[i]));
        ims_sim_conn_close(conn);
        ims_sim_world_advance(self->world, 10 * G_USEC_PER_SEC);
    }
    for (guint i = 0; i < 2; i++) {
        ImsSimConn *conn = pop3_world_log_on(self);

        ims_sim_conn_send(conn, "DELE 1\r\nQUIT\r\n", strlen("DELE 1\r\nQUIT\r\n"));
        ims_sim_conn_close(conn);
        ims_sim_world_settle(self->world);
    }
}

/* RFC 1939 3: closed without a word, and nothing is deleted. */
static void
test_idle(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_log_on(self);

    pop3_world_expect(self, conn, "DELE 1\r\n", "+OK\r\n");
    ims_sim_world_advance(self->world, 599 * G_USEC_PER_SEC);
    g_assert_false(ims_sim_conn_is_closed(conn));
    pop3_world_expect(self, conn, "NOOP\r\n", "+OK\r\n");
    ims_sim_world_advance(self->world, 601 * G_USEC_PER_SEC);
    g_assert_true(ims_sim_conn_is_closed(conn));
    pop3_world_expect(self, conn, "", "");
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 3);
    ims_sim_conn_close(conn);
}

static void
test_stopping(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_log_on(self), *other = pop3_world_open(self, POP3_CLEAR);

    pop3_world_expect(self, conn, "DELE 1\r\n", "+OK\r\n");
    ims_sim_world_stop_sessions(self->world);
    pop3_world_expect(self, conn, "", "-ERR [SYS/TEMP] The server is stopping.\r\n");
    pop3_world_expect(self, other, "", POP3_GREETING "-ERR [SYS/TEMP] The server is stopping.\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 3);
    ims_sim_conn_close(conn);
    ims_sim_conn_close(other);
}

/* ---- slow clients and long replies ---- */

/* The lines of a long message, some of which begin with periods. */
static GString *
long_message(guint lines)
{
    GString *body = g_string_new("Subject: long\r\n\r\n");

    for (guint i = 0; i < lines; i++)
        g_string_append_printf(body, "%sline %u of a message that is rather long\r\n",
                               i % 7 == 0 ? "." : "", i);
    return body;
}

static char *
stuffed(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\r\n.", -1);

    return g_strjoinv("\r\n..", lines);
}

/* A client that stops reading gets the whole reply in the end, and then what it asked for after it.
 */
static void
test_slow_client(Pop3World *self, gconstpointer data)
{
    g_autoptr(GString) body = long_message(40000);
    g_autofree char *wire = stuffed(body->str), *got = NULL, *wanted = NULL;
    ImsSimConn *conn;

    pop3_world_deliver(self, self->alice, body->str, (gssize)body->len);
    conn = pop3_world_log_on(self);
    ims_sim_conn_set_stalled(conn, TRUE);
    pop3_world_expect(self, conn, "RETR 4\r\nNOOP\r\nRETR 1\r\nLIST 4\r\n", "");
    ims_sim_world_advance(self->world, 60 * G_USEC_PER_SEC);
    ims_sim_conn_set_stalled(conn, FALSE);
    got = pop3_world_say(self, conn, "");
    wanted = g_strdup_printf("+OK\r\n%s.\r\n+OK\r\n+OK\r\nSubject: 1\r\n\r\nx\r\n.\r\n+OK 4 %u\r\n",
                             wire, (guint)body->len);
    g_assert_cmpuint(strlen(got), ==, strlen(wanted));
    g_assert_true(strcmp(got, wanted) == 0);
    pop3_world_expect(self, conn, "QUIT\r\n", POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
}

static void
test_long_listing(Pop3World *self, gconstpointer data)
{
    g_autoptr(GString) uidl = g_string_new(NULL);
    g_autofree char *list = NULL, *got = NULL;
    g_auto(GStrv) lines = NULL;
    ImsSimConn *conn;

    for (guint i = 0; i < 12000; i++)
        pop3_world_deliver(self, self->alice, "Subject: s\r\n\r\n", -1);
    conn = pop3_world_log_on(self);
    ims_sim_conn_set_stalled(conn, TRUE);
    pop3_world_expect(self, conn, "DELE 5\r\nUIDL\r\nSTAT\r\n", "");
    ims_sim_conn_set_stalled(conn, FALSE);
    got = pop3_world_say(self, conn, "");
    lines = g_strsplit(got, "\r\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 2 + 12002 + 1 + 1 + 1);
    g_assert_true(g_str_has_prefix(lines[6], "6 "));
    g_assert_cmpstr(lines[2 + 12002], ==, ".");
    list = pop3_world_say(self, conn, "LIST\r\n");
    g_assert_true(g_str_has_suffix(list, "\r\n12003 14\r\n.\r\n"));
    ims_sim_conn_close(conn);
}

/* The connection goes in the middle of a long reply; no farewell becomes a part of one. */
static void
test_closed_while_sending(Pop3World *self, gconstpointer data)
{
    g_autoptr(GString) body = long_message(40000);
    ImsSimConn *conns[3];

    pop3_world_deliver(self, self->alice, body->str, (gssize)body->len);
    for (guint i = 0; i < G_N_ELEMENTS(conns); i++) {
        conns[i] = pop3_world_log_on(self);
        ims_sim_conn_set_stalled(conns[i], TRUE);
        pop3_world_expect(self, conns[i], "DELE 1\r\nRETR 4\r\n", "");
    }
    ims_sim_conn_close(conns[0]);
    ims_sim_world_settle(self->world);
    ims_account_sessions_drop(self->sessions, "EXAMPLE\\alice");
    ims_sim_world_settle(self->world);
    for (guint i = 1; i < G_N_ELEMENTS(conns); i++) {
        g_autofree char *got = NULL;

        ims_sim_conn_set_stalled(conns[i], FALSE);
        got = pop3_world_say(self, conns[i], "");
        g_assert_null(strstr(got, "\r\n-ERR"));
        g_assert_true(ims_sim_conn_is_closed(conns[i]));
        ims_sim_conn_close(conns[i]);
    }
    g_assert_cmpuint(pop3_world_count(self, self->alice), ==, 4);
}

/* The service stops while a client is slow: what it has of the reply is cut, nothing is put into
 * it. */
static void
test_stopped_while_sending(Pop3World *self, gconstpointer data)
{
    g_autoptr(GString) body = long_message(40000);
    g_autofree char *got = NULL;
    ImsSimConn *conn;

    pop3_world_deliver(self, self->alice, body->str, (gssize)body->len);
    conn = pop3_world_log_on(self);
    ims_sim_conn_set_stalled(conn, TRUE);
    pop3_world_expect(self, conn, "RETR 4\r\n", "");
    ims_sim_world_stop_sessions(self->world);
    ims_sim_conn_set_stalled(conn, FALSE);
    got = pop3_world_say(self, conn, "");
    g_assert_null(strstr(got, "\r\n-ERR"));
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

/* A client that takes a bare LF for the end of a line does not see the end of the reply early. */
static void
test_bare_lf(Pop3World *self, gconstpointer data)
{
    static const struct {
        const char *body, *wire;
    } cases[] = {
        {"S: x\r\n\r\na\n.\n-ERR forged\r\n", "S: x\r\n\r\na\n..\n-ERR forged\r\n.\r\n"},
        {"S: x\r\n\r\na\n",                   "S: x\r\n\r\na\n\r\n.\r\n"               },
        {"S: x\r\n\r\na\r",                   "S: x\r\n\r\na\r\r\n.\r\n"               },
        {".",                                 "..\r\n.\r\n"                            },
        {"\r\n",                              "\r\n.\r\n"                              },
        {".\r\n.\r\n..\r\n",                  "..\r\n..\r\n...\r\n.\r\n"               },
    };
    ImsSimConn *conn;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        pop3_world_deliver(self, self->alice, cases[i].body, -1);
    conn = pop3_world_log_on(self);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = g_strdup_printf("RETR %u\r\n", i + 4);
        g_autofree char *wanted = g_strconcat("+OK\r\n", cases[i].wire, NULL);

        pop3_world_expect(self, conn, said, wanted);
    }
    ims_sim_conn_close(conn);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(Pop3World *self, gconstpointer data);
    } tests[] = {
        {"/pop3/P-021-uidl-is-stable",   test_uidl_is_stable         },
        {"/pop3/P-060-snapshot",         test_snapshot               },
        {"/pop3/P-055-P-059-inbox-only", test_inbox_only             },
        {"/pop3/quit-fails",             test_quit_fails             },
        {"/pop3/mailbox-removed",        test_mailbox_removed        },
        {"/pop3/new-mailbox",            test_new_mailbox            },
        {"/pop3/P-023-dropped",          test_dropped_deletes_nothing},
        {"/pop3/half-closed",            test_half_closed            },
        {"/pop3/closed-while-waiting",   test_closed_while_waiting   },
        {"/pop3/P-078-idle",             test_idle                   },
        {"/pop3/stopping",               test_stopping               },
        {"/pop3/slow-client",            test_slow_client            },
        {"/pop3/long-listing",           test_long_listing           },
        {"/pop3/stopped-while-sending",  test_stopped_while_sending  },
        {"/pop3/closed-while-sending",   test_closed_while_sending   },
        {"/pop3/bare-lf",                test_bare_lf                },
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Pop3World, NULL, set_up, tests[i].run, tear_down);
    g_test_add_func("/pop3/P-035-not-rendered", test_not_rendered);
    return g_test_run();
}
