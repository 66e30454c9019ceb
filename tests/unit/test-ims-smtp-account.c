/* SMTP sessions that logged on: how many, and what ends them. */
#include "tests/unit/smtp-fixture.h"
#include <string.h>

#define LOG_ON "AUTH PLAIN AGFsaWNlAHNlY3JldDE=\r\n" /* alice, secret1 */
#define GOOD "235 PLAIN authentication successful\r\n"
#define DROPPED "421 Account was changed, closing connection\r\n"

static const char *const to_outside[] = {"x@far.example", NULL};

typedef struct {
    SmtpFixture *f;
} Fixture;

/* What the service does when the directory tells of a change. */
static void
changed(const char *account, gpointer data)
{
    ims_account_sessions_drop(data, account);
}

static void
set_up(Fixture *x, gconstpointer data)
{
    x->f = smtp_fixture_new(SMTP_CLEAR);
    x->f->config->max_sessions_account = 2;
    x->f->service.sessions = ims_account_sessions_new(x->f->world);
    ims_directory_set_account_changed(x->f->service.directory, changed, x->f->service.sessions);
}

static void
tear_down(Fixture *x, gconstpointer data)
{
    ImsAccountSessions *sessions = x->f->service.sessions;

    ims_directory_set_account_changed(x->f->service.directory, NULL, NULL);
    smtp_fixture_free(x->f);
    ims_account_sessions_free(sessions);
}

static ImsSimConn *
open_logged_on(Fixture *x)
{
    ImsSimConn *conn = smtp_open(x->f);

    g_free(smtp_take(conn));
    smtp_expect(x->f, conn, "HELO client\r\n" LOG_ON, "250 OK\r\n" GOOD);
    return conn;
}

static void
disable_alice(Fixture *x)
{
    const gboolean enabled = FALSE;
    g_autoptr(GError) error = NULL;

    ims_directory_set_account(x->f->service.directory, "EXAMPLE\\alice", &enabled, FALSE, &error);
    g_assert_no_error(error);
    ims_sim_world_settle(x->f->world);
}

static void
expect_closed(ImsSimConn *conn, const char *last)
{
    g_autofree char *answer = smtp_take(conn);

    g_assert_cmpstr(answer, ==, last);
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

/* The limit of sessions of one account counts here too; who leaves makes room. */
static void
test_limit(Fixture *x, gconstpointer data)
{
    ImsSimConn *first = open_logged_on(x), *second = open_logged_on(x), *third = smtp_open(x->f);
    g_autofree char *log = NULL;

    g_free(smtp_take(third));
    smtp_expect(x->f, third, "HELO client\r\n" LOG_ON,
                "250 OK\r\n454 Too many sessions of this account\r\n");
    log = ims_log_take(x->f->service.log);
    g_assert_nonnull(strstr(log, " logon protocol=smtp result=failed name=alice "
                                 "account=\"EXAMPLE\\\\alice\" client=198.51.100.20"));
    g_assert_nonnull(strstr(log, "detail=\"too many sessions\""));
    smtp_expect(x->f, third, "MAIL FROM:<a@far.example>\r\nRCPT TO:<x@far.example>\r\nRSET\r\n",
                "250 OK - mail from <a@far.example>\r\n550 Relaying is prohibited\r\n250 OK\r\n");
    ims_sim_conn_close(first);
    ims_sim_world_settle(x->f->world);
    smtp_expect(x->f, third, LOG_ON, GOOD);
    ims_sim_conn_close(second);
    ims_sim_conn_close(third);
}

/* A disabled account relays no more, though its session was there before. */
static void
test_dropped(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn = open_logged_on(x), *stranger = smtp_open(x->f);

    g_free(smtp_take(stranger));
    disable_alice(x);
    expect_closed(conn, DROPPED);
    smtp_expect(x->f, stranger, "NOOP\r\n", "250 OK\r\n");
    ims_sim_conn_close(stranger);
}

/* Nor does it end a message that it has begun. */
static void
test_dropped_in_data(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn = smtp_open(x->f);
    g_autoptr(GPtrArray) queue = NULL;

    smtp_send(x->f, conn, "HELO client\r\n" LOG_ON);
    smtp_to_data(x->f, conn, "alice@example.com", to_outside);
    smtp_send(x->f, conn, "half of a mess");
    disable_alice(x);
    expect_closed(conn, DROPPED);
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 0);
}

/* What came whole before is kept, and its reply comes first: else the client would send it twice.
 */
static void
test_dropped_before_commit(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn = smtp_open(x->f);
    g_autoptr(GPtrArray) queue = NULL;
    g_autofree char *nothing = NULL;

    smtp_send(x->f, conn, "HELO client\r\n" LOG_ON);
    smtp_to_data(x->f, conn, "alice@example.com", to_outside);
    smtp_hold_submits();
    smtp_send(x->f, conn, "x\r\n.\r\n");
    disable_alice(x);
    nothing = smtp_take(conn);
    g_assert_cmpstr(nothing, ==, "");
    smtp_release_submits();
    expect_closed(conn, "250 OK\r\n" DROPPED);
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 1);
}

/* RFC 3207 4.2: with TLS the logon in clear is forgotten, and its place is given back. */
static void
test_starttls_leaves(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn = open_logged_on(x);

    smtp_expect(x->f, conn, "STARTTLS\r\n", "220 Ready to start TLS\r\n");
    disable_alice(x);
    smtp_expect(x->f, conn, "HELO client\r\n", "250 OK\r\n");
    ims_sim_conn_close(conn);
}

#define ADD(name, function)                                                                        \
    g_test_add("/ims/smtp/account/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC0", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD("limit", test_limit);
    ADD("dropped", test_dropped);
    ADD("dropped-in-data", test_dropped_in_data);
    ADD("dropped-before-commit", test_dropped_before_commit);
    ADD("starttls-leaves", test_starttls_leaves);
    return g_test_run();
}
