/* Who gets in, and what a hostile peer gets: TLS, the logon window, accounts, limits, the log,
 * random bytes. */
#include "tests/unit/pop3-world.h"

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

/* ---- TLS, the window, the account ---- */

static void
test_stls(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_open(self, POP3_SECRET);

    /* What follows STLS in clear is not the client's word: it is dropped (RFC 2595 4). */
    pop3_world_expect(self, conn, "STLS\r\nUSER bob\r\nPASS secret-b\r\n",
                      POP3_GREETING "+OK Begin TLS negotiation\r\n");
    pop3_world_expect(self, conn, "CAPA\r\n",
                      "+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nEXPIRE NEVER\r\nUSER\r\n"
                      "SASL LOGIN PLAIN\r\n.\r\n");
    pop3_world_expect(self, conn, "STLS\r\n", "-ERR TLS is in use already.\r\n");
    pop3_world_expect(self, conn, POP3_LOGON "STAT\r\nQUIT\r\n",
                      POP3_LOGGED_ON "+OK 3 51\r\n" POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
}

static gboolean
has_window(Pop3World *self)
{
    ImsAddress peer;

    ims_address_parse("203.0.113.7", &peer);
    return ims_logon_windows_check(self->windows, &peer, NULL);
}

static void
test_window(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);

    pop3_world_expect(self, conn, "USER alice\r\nPASS wrong\r\n",
                      POP3_GREETING
                      "+OK\r\n-ERR Logon failure: unknown user name or bad password.\r\n");
    g_assert_false(has_window(self));
    ims_sim_world_advance(self->world, 60 * G_USEC_PER_SEC);
    ims_sim_conn_close(conn);
    self->settings.idle_timeout_sec = 0;
    conn = pop3_world_log_on(self);
    ims_sim_world_advance(self->world, G_GINT64_CONSTANT(7200) * G_USEC_PER_SEC);
    g_assert_true(has_window(self)); /* as long as the session lasts */
    pop3_world_expect(self, conn, "QUIT\r\n", POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
    ims_sim_world_advance(self->world, G_GINT64_CONSTANT(1799) * G_USEC_PER_SEC);
    g_assert_true(has_window(self));
    ims_sim_world_advance(self->world, G_GINT64_CONSTANT(2) * G_USEC_PER_SEC);
    g_assert_false(has_window(self));
}

static void
test_account_sessions(Pop3World *self, gconstpointer data)
{
    ImsSimConn *first, *second;

    self->settings.max_account_sessions = 1;
    first = pop3_world_log_on(self);
    second = pop3_world_open(self, POP3_CLEAR);
    pop3_world_expect(self, second, POP3_LOGON,
                      POP3_GREETING "+OK\r\n-ERR [IN-USE] The account has too many sessions.\r\n");
    pop3_world_expect(self, first, "QUIT\r\n", POP3_SIGN_OFF);
    pop3_world_expect(self, second, POP3_LOGON, POP3_LOGGED_ON);
    ims_account_sessions_drop(self->sessions, "EXAMPLE\\alice");
    pop3_world_expect(self, second, "", "-ERR The account has changed, signing off.\r\n");
    g_assert_true(ims_sim_conn_is_closed(second));
    ims_sim_conn_close(first);
    ims_sim_conn_close(second);
}

/* ---- limits and hostile bytes ---- */

static void
test_too_many_errors(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn;

    self->settings.max_errors = 3;
    conn = pop3_world_open(self, POP3_CLEAR);
    pop3_world_expect(self, conn, "A\r\nB\r\nC\r\nUSER alice\r\n",
                      POP3_GREETING
                      "-ERR Unknown command.\r\n-ERR Unknown command.\r\n-ERR Unknown command.\r\n"
                      "-ERR Too many errors, signing off.\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

static void
test_long_lines(Pop3World *self, gconstpointer data)
{
    g_autofree char *huge = g_strnfill(300000, 'x');
    g_autofree char *said = g_strconcat("USER ", huge, "\r\nUSER alice\r\n", NULL);
    g_autofree char *auth = g_strconcat("AUTH LOGIN\r\n", huge, "\r\nUSER alice\r\n", NULL);
    g_autofree char *longest = g_strnfill(1024 - 7, 'x');
    g_autofree char *fits = g_strconcat("USER ", longest, "\r\n", NULL);
    g_autofree char *too_long = g_strconcat("USER x", longest, "\r\n", NULL);
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);

    pop3_world_expect(self, conn, said, POP3_GREETING "-ERR The line is too long.\r\n+OK\r\n");
    pop3_world_expect(self, conn, auth, "+ VXNlcm5hbWU6\r\n-ERR The line is too long.\r\n+OK\r\n");
    pop3_world_expect(self, conn, fits, "+OK\r\n");
    pop3_world_expect(self, conn, too_long, "-ERR The line is too long.\r\n");
    ims_sim_conn_close(conn);
}

static void
test_nul(Pop3World *self, gconstpointer data)
{
    static const char bytes[] = "USER al\0ice\r\nAUTH LOGIN\r\nYW\0=\r\nCAPA\n";
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);
    g_autofree char *got = NULL;

    ims_sim_conn_send(conn, bytes, sizeof bytes - 1);
    got = pop3_world_say(self, conn, "");
    g_assert_true(g_str_has_prefix(got, POP3_GREETING "-ERR Unknown command.\r\n+ VXNlcm5hbWU6\r\n"
                                                      "-ERR Unknown command.\r\n+OK\r\nTOP\r\n"));
    ims_sim_conn_close(conn);
}

/* Neither a password nor what a peer sends for one comes into the log, and no peer forges a line of
 * it. */
static void
test_log(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);
    g_autofree char *log = NULL;

    pop3_world_expect(self, conn, "USER eve\rlogon result=ok\r\nPASS hush-hush\r\n",
                      POP3_GREETING
                      "+OK\r\n-ERR Logon failure: unknown user name or bad password.\r\n");
    ims_sim_conn_close(conn);
    ims_sim_world_advance(self->world, 60 * G_USEC_PER_SEC);
    conn = pop3_world_log_on(self);
    pop3_world_expect(self, conn, "RETR 1\r\nDELE 1\r\nQUIT\r\n",
                      "+OK\r\nSubject: 1\r\n\r\nx\r\n.\r\n+OK\r\n" POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
    log = ims_log_take(self->log);
    g_assert_null(strstr(log, "hush"));
    g_assert_null(strstr(log, "secret one"));
    g_assert_null(strchr(log, '\r'));
    g_assert_nonnull(strstr(log, "logon protocol=pop3 result=failed"));
    g_assert_nonnull(strstr(log, "logon protocol=pop3 result=ok name=alice account=\"EXAMPLE"));
    g_assert_nonnull(strstr(log, "client=203.0.113.7"));
    g_assert_nonnull(strstr(log, "quit protocol=pop3 result=ok"));
    g_assert_nonnull(strstr(log, "retrieved=1 deleted=1"));
}

/* Random commands and random bytes: every session ends, nothing is lost but what QUIT deleted. */
static void
test_random(Pop3World *self, gconstpointer data)
{
    static const char *const pieces[] = {
        "USER alice\r\n",
        "PASS secret one\r\n",
        "RETR 1\r\n",
        "TOP 2 1\r\n",
        "DELE 1\r\n",
        "DELE 3\r\n",
        "RSET\r\n",
        "LIST\r\n",
        "UIDL\r\n",
        "STAT\r\n",
        "AUTH LOGIN\r\n",
        "*\r\n",
        "YWxpY2U=\r\n",
        "CAPA\r\n",
        "STLS\r\n",
        "QUIT",
        "\r\n",
        "\n",
        "\xff\xfe",
        " ",
        "AUTH PLAIN AGFsaWNlAHNlY3JldCBvbmU=\r\n",
    };
    g_autoptr(GRand) rand = g_rand_new_with_seed(1939);

    self->settings.max_errors = 1000;
    for (guint i = 0; i < 400; i++) {
        ImsSimConn *conn = pop3_world_open(self, i % 2 == 0 ? POP3_CLEAR : POP3_SECRET);

        for (gint n = g_rand_int_range(rand, 1, 40); n > 0; n--) {
            const char *piece = pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))];

            ims_sim_conn_send(conn, piece, strlen(piece));
            if (g_rand_boolean(rand))
                ims_sim_world_settle(self->world);
        }
        if (g_rand_boolean(rand))
            ims_sim_world_settle(self->world);
        ims_sim_conn_close(conn);
        ims_sim_world_advance(self->world, 10 * G_USEC_PER_SEC);
        if (pop3_world_count(self, self->alice) < 3)
            pop3_world_deliver(self, self->alice, "Subject: again\r\n\r\n", -1);
    }
}

/* P-036 */
static void
test_too_many_messages(Pop3World *self, gconstpointer data)
{
    ImsSimConn *conn;

    self->settings.extended = FALSE;
    for (guint i = 3; i < 65535; i++)
        pop3_world_deliver(self, self->alice, "S: s\r\n\r\n", -1);
    conn = pop3_world_open(self, POP3_CLEAR);
    /* the password of alice has a blank, which the strict rules allow a PASS */
    pop3_world_expect(self, conn, POP3_LOGON "QUIT\r\n",
                      POP3_GREETING POP3_LOGGED_ON POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
    pop3_world_deliver(self, self->alice, "S: s\r\n\r\n", -1);
    conn = pop3_world_open(self, POP3_CLEAR);
    pop3_world_expect(self, conn, POP3_LOGON, POP3_GREETING "+OK\r\n-ERR Unspecified error\r\n");
    self->settings.extended = TRUE;
    pop3_world_expect(self, conn, POP3_LOGON "QUIT\r\n", POP3_LOGGED_ON POP3_SIGN_OFF);
    ims_sim_conn_close(conn);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(Pop3World *self, gconstpointer data);
    } tests[] = {
        {"/pop3/stls",                    test_stls             },
        {"/pop3/window",                  test_window           },
        {"/pop3/account-sessions",        test_account_sessions },
        {"/pop3/too-many-errors",         test_too_many_errors  },
        {"/pop3/long-lines",              test_long_lines       },
        {"/pop3/nul",                     test_nul              },
        {"/pop3/log",                     test_log              },
        {"/pop3/random",                  test_random           },
        {"/pop3/P-036-too-many-messages", test_too_many_messages},
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Pop3World, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}
