/* Everything together on the simulated world: in by SMTP, out by POP3, IMAP4 and SMTP, with no
 * thread and no socket. */
#include "ims/scenario-server.h"

#include <string.h>

#define START_USEC (G_GINT64_CONSTANT(1795597200) * G_USEC_PER_SEC)
#define MINUTE ((gint64)60 * G_USEC_PER_SEC)
#define HOUR (60 * MINUTE)

#define CONF                                                                                       \
    "[Server]\nHostName = mail.example.com\nSiteDomain = example.com\nOrganization = Org\n"        \
    "Site = Site\n[Listeners]\nSMTP = 192.0.2.10:25\nPOP3 = 192.0.2.10:110\n"                      \
    "IMAP4 = 192.0.2.10:143\nClearTextLogon = yes\n[Limits]\nSMTPTimeout = 86400\n"                \
    "POP3Timeout = 86400\nIMAP4Timeout = 86400\n"
#define INBOUND                                                                                    \
    "[Routing]\nRerouteIncomingMail = yes\n[Routing List]\nexample.com = <inbound>\n"              \
    "[Routing Restrictions]\n"

#define DNS                                                                                        \
    "{\"far.example\": {\"mx\": [[10, \"mx1.far.example\"], [20, \"mx2.far.example\"]]},"          \
    " \"mx1.far.example\": {\"a\": [\"203.0.113.1\"]},"                                            \
    " \"mx2.far.example\": {\"a\": [\"203.0.113.2\"]}}"

typedef struct {
    ImsWorld *world;
    ImsScenarioPeers *peers;
    ImsScenarioServer *server;
} Whole;

static void
dns(Whole *whole, const char *json)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string(json, &error);

    g_assert_no_error(error);
    ims_scenario_peers_merge(whole->peers, json_node_get_object(node));
}

static void
start(Whole *whole, const char *conf)
{
    g_autofree char *text = g_strconcat(CONF, conf, NULL);
    g_autoptr(GError) error = NULL;

    ims_scenario_server_start(whole->server, text, &error);
    g_assert_no_error(error);
}

static void
add_person(Whole *whole, const char *account, const char *password, const char *alias,
           const char *address)
{
    ImsScenarioPerson person = {
        .account = account,
        .password = password,
        .enabled = TRUE,
        .mailbox = alias,
        .addresses = (char *[]){(char *)address, NULL}
    };
    g_autoptr(GError) error = NULL;

    ims_scenario_server_add_person(whole->server, &person, &error);
    g_assert_no_error(error);
}

static void
set_up(Whole *whole, const char *conf)
{
    whole->world = ims_sim_world_new(1, START_USEC);
    whole->peers = ims_scenario_peers_new(whole->world);
    whole->server = ims_scenario_server_new(whole->world, whole->peers);
    dns(whole, DNS);
    start(whole, conf);
    add_person(whole, "EXAMPLE\\alice", "secret1", "alice", "alice@example.com");
    add_person(whole, "EXAMPLE\\bob", "secret2", "bob", "bob@example.com");
}

static void
tear_down(Whole *whole)
{
    ims_scenario_server_free(whole->server);
    ims_scenario_peers_free(whole->peers);
    ims_sim_world_free(whole->world);
}

/* ---- talking ---- */

static void
expect(Whole *whole, ImsSimConn *conn, const char *expected)
{
    GString *got;

    ims_sim_world_settle(whole->world);
    got = ims_sim_conn_take(conn);
    if (strstr(got->str, expected) == NULL)
        g_error("expected \"%s\" in \"%s\"", expected, got->str);
    g_string_free(got, TRUE);
}

/* Sends @line and CRLF; @expected stands somewhere in what comes back. */
static void
say(Whole *whole, ImsSimConn *conn, const char *line, const char *expected)
{
    ims_sim_conn_send(conn, line, strlen(line));
    ims_sim_conn_send(conn, "\r\n", 2);
    expect(whole, conn, expected);
}

static ImsSimConn *
connect_from(Whole *whole, ImsProtocol protocol, const char *client, const char *expected)
{
    ImsAddress peer, local;
    ImsSimConn *conn;

    g_assert_true(ims_address_parse(client, &peer));
    g_assert_true(ims_address_parse("192.0.2.10", &local));
    conn = ims_scenario_server_connect(whole->server, protocol, &peer, &local, 0);
    g_assert_nonnull(conn);
    expect(whole, conn, expected);
    return conn;
}

static ImsSimConn *
smtp_from(Whole *whole, const char *client)
{
    ImsSimConn *conn = connect_from(whole, IMS_PROTOCOL_SMTP, client, "220 mail.example.com");

    say(whole, conn, "EHLO client.example.net", "250 ");
    return conn;
}

static ImsSimConn *
pop3_from(Whole *whole, const char *client)
{
    ImsSimConn *conn = connect_from(whole, IMS_PROTOCOL_POP3, client, "+OK");

    say(whole, conn, "USER alice", "+OK");
    say(whole, conn, "PASS secret1", "+OK");
    return conn;
}

static void
rcpt(Whole *whole, ImsSimConn *conn, const char *from, const char *to, const char *expected)
{
    g_autofree char *mail = g_strdup_printf("MAIL FROM:<%s>", from);
    g_autofree char *line = g_strdup_printf("RCPT TO:<%s>", to);

    say(whole, conn, "RSET", "250 ");
    say(whole, conn, mail, "250 ");
    say(whole, conn, line, expected);
}

static void
send_mail(Whole *whole, const char *client, const char *from, const char *to)
{
    ImsSimConn *conn = smtp_from(whole, client);

    rcpt(whole, conn, from, to, "250 OK");
    say(whole, conn, "DATA", "354 ");
    say(whole, conn, "Subject: hello\r\n\r\n.. a line\r\n.", "250 OK");
    say(whole, conn, "QUIT", "221 ");
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

static guint
n_sent(Whole *whole)
{
    return ims_scenario_peers_sent(whole->peers)->len;
}

static const ImsScenarioSent *
sent(Whole *whole, guint index)
{
    g_assert_cmpuint(index, <, n_sent(whole));
    return ims_scenario_peers_sent(whole->peers)->pdata[index];
}

/* ---- tests ---- */

static void
test_out_by_pop3_and_imap4(void)
{
    Whole whole;
    ImsSimConn *pop3, *imap4;

    set_up(&whole, INBOUND "RelayFlags = authenticated\n");
    send_mail(&whole, "198.51.100.7", "x@far.example", "alice@example.com");
    imap4 = connect_from(&whole, IMS_PROTOCOL_IMAP4, "198.51.100.8", "* OK");
    say(&whole, imap4, "a LOGIN alice secret1", "a OK");
    say(&whole, imap4, "b SELECT INBOX", "* 1 EXISTS");
    say(&whole, imap4, "c FETCH 1 BODY.PEEK[]", "Subject: hello\r\n\r\n. a line\r\n");
    pop3 = pop3_from(&whole, "198.51.100.8");
    say(&whole, pop3, "RETR 1", "Subject: hello\r\n\r\n.. a line\r\n.\r\n");
    say(&whole, pop3, "DELE 1", "+OK");
    say(&whole, pop3, "QUIT", "+OK");
    say(&whole, imap4, "d NOOP", "* 1 EXPUNGE");
    /* Nobody else got it. */
    say(&whole, imap4, "e LOGOUT", "* BYE");
    ims_sim_conn_close(pop3);
    ims_sim_conn_close(imap4);
    pop3 = connect_from(&whole, IMS_PROTOCOL_POP3, "198.51.100.8", "+OK");
    say(&whole, pop3, "USER bob", "+OK");
    say(&whole, pop3, "PASS secret2", "+OK");
    say(&whole, pop3, "STAT", "+OK 0 0");
    ims_sim_conn_close(pop3);
    g_assert_cmpuint(n_sent(&whole), ==, 0);
    tear_down(&whole);
}

static void
test_stranger_and_auth(void)
{
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = authenticated\n");
    conn = smtp_from(&whole, "198.51.100.7");
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "550 Relaying is prohibited");
    say(&whole, conn, "RSET", "250 ");
    say(&whole, conn, "AUTH LOGIN", "334 VXNlcm5hbWU6");
    say(&whole, conn, "YWxpY2U=", "334 UGFzc3dvcmQ6");
    say(&whole, conn, "d3Jvbmc=", "535 ");
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "550 Relaying is prohibited");
    say(&whole, conn, "RSET", "250 ");
    say(&whole, conn, "AUTH LOGIN", "334 VXNlcm5hbWU6");
    say(&whole, conn, "YWxpY2U=", "334 UGFzc3dvcmQ6");
    say(&whole, conn, "c2VjcmV0MQ==", "235 ");
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "250 OK - Recipient <x@far.example>");
    say(&whole, conn, "DATA", "354 ");
    say(&whole, conn, "Subject: out\r\n\r\n.", "250 OK");
    ims_sim_conn_close(conn);
    ims_sim_world_settle(whole.world);
    g_assert_cmpuint(n_sent(&whole), ==, 1);
    g_assert_cmpstr(sent(&whole, 0)->host, ==, "mx1.far.example");
    g_assert_cmpstr(sent(&whole, 0)->mail_from, ==, "alice@example.com");
    g_assert_cmpstr(sent(&whole, 0)->rcpt_to, ==, "x@far.example");
    tear_down(&whole);
}

/* The window opens by logon, stays while the session lasts, and closes so long after its end. */
static void
test_logon_window(void)
{
    Whole whole;
    ImsSimConn *smtp, *pop3;

    set_up(&whole, INBOUND "RelayFlags = authenticated\nLogonWindowMinutes = 15\n");
    smtp = smtp_from(&whole, "198.51.100.7");
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "550 ");
    pop3 = pop3_from(&whole, "198.51.100.7");
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "250 ");
    ims_sim_world_advance(whole.world, 2 * HOUR);
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "250 ");
    say(&whole, pop3, "QUIT", "+OK");
    ims_sim_conn_close(pop3);
    ims_sim_world_advance(whole.world, 15 * MINUTE - G_USEC_PER_SEC);
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "250 ");
    ims_sim_world_advance(whole.world, G_USEC_PER_SEC);
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "550 ");
    ims_sim_conn_close(smtp);
    /* Another address has no part in it. */
    pop3 = pop3_from(&whole, "198.51.100.7");
    smtp = smtp_from(&whole, "198.51.100.8");
    rcpt(&whole, smtp, "alice@example.com", "x@far.example", "550 ");
    ims_sim_conn_close(smtp);
    ims_sim_conn_close(pop3);
    tear_down(&whole);
}

static void
test_window_over_restart(void)
{
    const char *conf = INBOUND "RelayFlags = authenticated\nLogonWindowMinutes = 15\n";
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, conf);
    conn = pop3_from(&whole, "198.51.100.7");
    start(&whole, conf);
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
    ims_sim_world_advance(whole.world, 14 * MINUTE);
    conn = smtp_from(&whole, "198.51.100.7");
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "250 ");
    ims_sim_world_advance(whole.world, MINUTE);
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "550 ");
    ims_sim_conn_close(conn);
    /* Turned off and on again: closed. */
    conn = pop3_from(&whole, "198.51.100.7");
    start(&whole, INBOUND "RelayFlags = authenticated\nLogonAuthorizesRelay = no\n");
    ims_sim_conn_close(conn);
    start(&whole, conf);
    conn = smtp_from(&whole, "198.51.100.7");
    rcpt(&whole, conn, "alice@example.com", "x@far.example", "550 ");
    ims_sim_conn_close(conn);
    tear_down(&whole);
}

/* A changed text does nothing until the service is started anew; what it stored stays. */
static void
test_restart_to_apply(void)
{
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    send_mail(&whole, "198.51.100.7", "x@far.example", "alice@example.com");
    conn = smtp_from(&whole, "10.1.2.3");
    rcpt(&whole, conn, "a@example.com", "x@far.example", "250 ");
    ims_sim_conn_close(conn);
    start(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.4\n");
    conn = smtp_from(&whole, "10.1.2.3");
    rcpt(&whole, conn, "a@example.com", "x@far.example", "550 ");
    ims_sim_conn_close(conn);
    conn = smtp_from(&whole, "10.1.2.4");
    rcpt(&whole, conn, "a@example.com", "x@far.example", "250 ");
    ims_sim_conn_close(conn);
    conn = pop3_from(&whole, "10.1.2.3");
    say(&whole, conn, "STAT", "+OK 1 ");
    ims_sim_conn_close(conn);
    tear_down(&whole);
}

/* R-166, the test of Q243045: restrictions, then the other mode. */
static void
test_mode_by_restart(void)
{
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    conn = smtp_from(&whole, "10.1.2.3");
    rcpt(&whole, conn, "a@example.com", "x@far.example", "250 ");
    start(&whole, "[Routing]\nRerouteIncomingMail = no\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
    conn = smtp_from(&whole, "10.1.2.3");
    rcpt(&whole, conn, "a@example.com", "x@far.example", "550 ");
    rcpt(&whole, conn, "a@example.com", "bob@example.com", "250 ");
    ims_sim_conn_close(conn);
    tear_down(&whole);
}

static void
test_second_host_then_retry(void)
{
    Whole whole;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    dns(&whole, "{\"mx1.far.example\": {\"answers\": \"refuse-connection\"}}");
    send_mail(&whole, "10.1.2.3", "alice@example.com", "x@far.example");
    g_assert_cmpuint(n_sent(&whole), ==, 1);
    g_assert_cmpstr(sent(&whole, 0)->host, ==, "mx2.far.example");
    dns(&whole, "{\"mx2.far.example\": {\"answers\": \"refuse-connection\"}}");
    send_mail(&whole, "10.1.2.3", "alice@example.com", "y@far.example");
    g_assert_cmpuint(n_sent(&whole), ==, 1);
    dns(&whole, "{\"mx1.far.example\": {\"answers\": \"accept\"}}");
    ims_sim_world_advance(whole.world, 14 * MINUTE);
    g_assert_cmpuint(n_sent(&whole), ==, 1);
    ims_sim_world_advance(whole.world, MINUTE); /* S-182: the first interval is .25 h */
    g_assert_cmpuint(n_sent(&whole), ==, 2);
    g_assert_cmpstr(sent(&whole, 1)->host, ==, "mx1.far.example");
    g_assert_cmpstr(sent(&whole, 1)->rcpt_to, ==, "y@far.example");
    tear_down(&whole);
}

/* The queue is stored: a service that starts anew sends what the last one could not. */
static void
test_queue_over_restart(void)
{
    const char *conf = INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n";
    Whole whole;

    set_up(&whole, conf);
    dns(&whole, "{\"mx1.far.example\": {\"answers\": \"450\"}}");
    send_mail(&whole, "10.1.2.3", "alice@example.com", "x@far.example");
    start(&whole, conf);
    dns(&whole, "{\"mx1.far.example\": {\"answers\": \"accept\"}}");
    g_assert_cmpuint(n_sent(&whole), ==, 0);
    ims_sim_world_advance(whole.world, 15 * MINUTE);
    g_assert_cmpuint(n_sent(&whole), ==, 1);
    tear_down(&whole);
}

static void
test_report(const char *answers, gint64 wait_usec, const char *expected)
{
    g_autofree char *json = g_strdup_printf("{\"mx1.far.example\": {\"answers\": \"%s\"},"
                                            " \"mx2.far.example\": {\"answers\": \"%s\"}}",
                                            answers, answers);
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    dns(&whole, json);
    send_mail(&whole, "10.1.2.3", "alice@example.com", "x@far.example");
    ims_sim_world_advance(whole.world, wait_usec);
    conn = pop3_from(&whole, "198.51.100.7");
    say(&whole, conn, "STAT", "+OK 1 ");
    say(&whole, conn, "RETR 1", expected);
    say(&whole, conn, "RETR 1", "x@far.example");
    ims_sim_conn_close(conn);
    g_assert_cmpuint(n_sent(&whole), ==, 0);
    tear_down(&whole);
}

static void
test_report_refused(void)
{
    test_report("550", 0, "did not reach the following recipient(s):");
}

static void
test_report_expired(void)
{
    test_report("refuse-connection", 49 * HOUR, "did not reach the following recipient(s):");
}

/* S-184: not before the two days are over. */
static void
test_no_report_yet(void)
{
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    dns(&whole, "{\"mx1.far.example\": {\"answers\": \"450\"}}");
    send_mail(&whole, "10.1.2.3", "alice@example.com", "x@far.example");
    ims_sim_world_advance(whole.world, 47 * HOUR);
    conn = pop3_from(&whole, "198.51.100.7");
    say(&whole, conn, "STAT", "+OK 0 0");
    ims_sim_conn_close(conn);
    tear_down(&whole);
}

static void
test_unknown_host(void)
{
    Whole whole;
    ImsSimConn *conn;

    set_up(&whole, INBOUND "RelayFlags = allowed\nRelayAllowList = 10.1.2.3\n");
    send_mail(&whole, "10.1.2.3", "alice@example.com", "x@nowhere.example");
    conn = pop3_from(&whole, "198.51.100.7");
    say(&whole, conn, "RETR 1", "Host Unknown");
    ims_sim_conn_close(conn);
    tear_down(&whole);
}

/* Where nothing listens nobody is connected. */
static void
test_no_listener(void)
{
    Whole whole;
    ImsAddress address, other;

    set_up(&whole, INBOUND);
    g_assert_true(ims_address_parse("192.0.2.10", &address));
    g_assert_true(ims_address_parse("192.0.2.11", &other));
    g_assert_null(
        ims_scenario_server_connect(whole.server, IMS_PROTOCOL_SMTP, &other, &address, 26));
    g_assert_null(ims_scenario_server_connect(whole.server, IMS_PROTOCOL_SMTP, &other, &other, 0));
    g_assert_null(
        ims_scenario_server_connect(whole.server, IMS_PROTOCOL_POP3, &other, &address, 25));
    tear_down(&whole);
}

static void
test_wrong_text(void)
{
    Whole whole;
    g_autoptr(GError) error = NULL;
    ImsAddress address;

    set_up(&whole, INBOUND);
    g_assert_false(
        ims_scenario_server_start(whole.server, CONF "[Emulation]\nBuild = 9.9\n", &error));
    g_assert_nonnull(strstr(error->message, "Build"));
    g_assert_true(ims_address_parse("192.0.2.10", &address));
    g_assert_null(ims_scenario_server_service(whole.server));
    g_assert_null(
        ims_scenario_server_connect(whole.server, IMS_PROTOCOL_SMTP, &address, &address, 0));
    start(&whole, INBOUND);
    send_mail(&whole, "198.51.100.7", "x@far.example", "alice@example.com");
    tear_down(&whole);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"in-by-smtp-out-by-pop3-and-imap4",   test_out_by_pop3_and_imap4 },
        {"R-049-stranger-refused-auth-relays", test_stranger_and_auth     },
        {"logon-window",                       test_logon_window          },
        {"logon-window-over-restart",          test_window_over_restart   },
        {"R-162-restart-to-apply",             test_restart_to_apply      },
        {"R-166-mode-by-restart",              test_mode_by_restart       },
        {"S-182-second-host-then-retry",       test_second_host_then_retry},
        {"queue-over-restart",                 test_queue_over_restart    },
        {"S-191-report-where-refused",         test_report_refused        },
        {"S-184-report-where-expired",         test_report_expired        },
        {"S-184-no-report-before",             test_no_report_yet         },
        {"unknown-host-is-reported",           test_unknown_host          },
        {"no-listener",                        test_no_listener           },
        {"wrong-text-starts-nothing",          test_wrong_text            },
    };

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/ims/whole/", tests[i].name, NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
