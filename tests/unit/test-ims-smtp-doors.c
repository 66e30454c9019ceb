/* The Connections page in a session: security asked for, the filter's folder, notices. */
#include "tests/unit/smtp-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const to_bob[] = {"bob@example.com", NULL};

static void
test_security(void)
{
    static const struct {
        guint security;
        const char *answer;
    } rows[] = {
        {IMS_SECURITY_NONE,                                     "250 OK - mail from <a@far.example>\r\n"     },
        {IMS_SECURITY_AUTHENTICATION,                           "505 Authentication required\r\n"            },
        {IMS_SECURITY_ENCRYPTION,                               "530 Must issue a STARTTLS command first\r\n"},
        {IMS_SECURITY_ENCRYPTION | IMS_SECURITY_AUTHENTICATION,
         "530 Must issue a STARTTLS command first\r\n"                                                       },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        SmtpFixture *f = smtp_fixture_new(SMTP_CLEAR);
        gboolean tls = (rows[i].security & IMS_SECURITY_ENCRYPTION) != 0;
        ImsSimConn *conn;

        f->config->connection_security = rows[i].security;
        conn = smtp_open(f);
        g_free(smtp_take(conn));
        smtp_expect(f, conn, "HELO client\r\n", "250 OK\r\n");
        smtp_expect(f, conn, "MAIL FROM:<a@far.example>\r\n", rows[i].answer);
        smtp_expect(f, conn, "RSET\r\n", "250 OK\r\n");
        smtp_expect(f, conn, "AUTH LOGIN\r\n",
                    tls ? "538 Encryption required for requested authentication mechanism\r\n"
                        : "334 VXNlcm5hbWU6\r\n");
        ims_sim_conn_close(conn);
        smtp_fixture_free(f);
    }
}

static void
test_denied_pipelined(void)
{
    SmtpFixture *f = smtp_fixture_new(SMTP_NAMED | SMTP_FAITHFUL);
    ImsSimConn *conn;
    g_autofree char *answer = NULL, *log = NULL;

    f->config->connection_rules = ims_connection_rules_new();
    g_assert_true(
        ims_connection_rules_add(f->config->connection_rules, "198.51.100.0/24;reject", NULL));
    conn = smtp_open(f);
    smtp_send(f, conn, "EHLO a\r\nMAIL FROM:<a@far.example>\r\n");
    answer = smtp_take(conn);
    g_assert_cmpstr(answer, ==, "521 mail.example.com access denied\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    log = ims_log_take(f->service.log);
    g_assert_nonnull(strstr(log, "connection-refused client=198.51.100.20 rule=1"));
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

/* ---- TurfDir ---- */

static guint
count_files(const char *folder, char **text_out)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint n = 0;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(folder, name, NULL);

        g_clear_pointer(text_out, g_free);
        g_assert_true(g_file_get_contents(file, text_out, NULL, NULL));
        g_assert_cmpint(g_unlink(file), ==, 0);
        n++;
    }
    return n;
}

static void
test_turf_folder(void)
{
    SmtpFixture *f = smtp_fixture_new(0);
    g_autofree char *top = g_dir_make_tmp("ims-turf-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(top, "kept", "here", NULL);
    g_autofree char *middle = g_build_filename(top, "kept", NULL);
    g_autofree char *text = NULL, *log = NULL;
    ImsSimConn *conn;

    f->config->turf_table = ims_turf_table_new();
    g_assert_true(ims_turf_table_add(f->config->turf_table, "@spam.example", NULL));
    f->config->turf_directory = g_strdup(folder);
    conn = smtp_open(f);
    smtp_to_data(f, conn, "x@spam.example", to_bob);
    smtp_expect(f, conn, "Subject: x\r\n\r\n..dot\r\n.\r\n", "250 OK\r\n");
    smtp_expect(f, conn, "NOOP\r\n", "250 OK\r\n");
    g_assert_cmpuint(count_files(folder, &text), ==, 1);
    g_assert_true(g_str_has_prefix(text, "Received: "));
    g_assert_true(g_str_has_suffix(text, "\r\nSubject: x\r\n\r\n.dot\r\n"));
    g_assert_cmpuint(smtp_inbox_count(f, f->bob), ==, 0);
    log = ims_log_take(f->service.log);
    g_assert_nonnull(strstr(log, " filtered id="));
    g_assert_nonnull(strstr(log, "entry=@spam.example kept=yes"));
    g_assert_nonnull(strstr(log, "result=filtered"));

    /* A folder that cannot be: the mail is not lost, it stays with the client. */
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_assert_true(g_file_set_contents(folder, "", 0, NULL));
    smtp_send(f, conn, "MAIL FROM:<x@spam.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n");
    g_free(smtp_take(conn));
    smtp_expect(f, conn, "Subject: x\r\n\r\n.\r\n",
                "451 Requested action aborted: local error in processing\r\n");
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
    g_assert_cmpint(g_unlink(folder), ==, 0);
    g_assert_cmpint(g_rmdir(middle), ==, 0);
    g_assert_cmpint(g_rmdir(top), ==, 0);
}

/* The client is gone while the file is written. */
static void
test_turf_gone(void)
{
    SmtpFixture *f = smtp_fixture_new(0);
    g_autofree char *folder = g_dir_make_tmp("ims-turf-XXXXXX", NULL);
    g_autofree char *text = NULL, *log = NULL;
    ImsSimConn *conn;

    f->config->turf_table = ims_turf_table_new();
    g_assert_true(ims_turf_table_add(f->config->turf_table, "x", NULL));
    f->config->turf_directory = g_strdup(folder);
    conn = smtp_open(f);
    smtp_to_data(f, conn, "x@spam.example", to_bob);
    ims_sim_conn_send(conn, "Subject: x\r\n\r\n.\r\n", 17);
    ims_sim_conn_close(conn);
    ims_sim_world_settle(f->world);
    log = ims_log_take(f->service.log);
    g_assert_cmpuint(count_files(folder, &text), ==, strstr(log, "kept=yes") != NULL);
    smtp_fixture_free(f);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* ---- the notice ---- */

static void
test_notice(void)
{
    SmtpFixture *f = smtp_fixture_new(SMTP_CLEAR);
    g_autofree char *message = NULL, *answer = NULL;
    ImsSimConn *conn;

    f->config->submit_only_if_sender_matches = TRUE;
    g_free(f->config->administrator);
    f->config->administrator = g_strdup("bob");
    conn = smtp_open(f);
    smtp_send(f, conn, "EHLO client\r\nAUTH PLAIN AGFsaWNlAHNlY3JldDE=\r\n");
    smtp_send(f, conn, "MAIL FROM:<alice@example.com>\r\n");
    smtp_send(f, conn, "RCPT TO:<alice@example.com>\r\nDATA\r\n");
    g_free(smtp_take(conn));
    smtp_send(f, conn,
              "From: =?utf-8?q?B=C3=B6b=0D=0AX-Evil=3A_1?= <bob@example.com>\r\n"
              "To: all\r\nSubject: new\r\n\r\nx\r\n.\r\nNOOP\r\n");
    answer = smtp_take(conn);
    g_assert_cmpstr(answer, ==,
                    "554 Originator address does not match authentication credentials\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    g_assert_cmpuint(smtp_inbox_count(f, f->alice), ==, 0);
    g_assert_cmpuint(smtp_inbox_count(f, f->bob), ==, 1);
    message = smtp_inbox_newest(f, f->bob, NULL);
    g_assert_nonnull(
        strstr(message, "\r\nFrom: System Administrator <postmaster@example.com>\r\n"));
    g_assert_nonnull(strstr(message, "\r\nTo: all\r\n"));
    g_assert_nonnull(strstr(message, "\r\nSubject: new\r\n"));
    g_assert_nonnull(strstr(message, "198.51.100.20"));
    g_assert_nonnull(strstr(message, "\r\nAccount: EXAMPLE\\alice\r\n"));
    g_assert_null(strstr(message, "\nX-Evil"));
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

/* S-143: the sender gets the report, the administrator a notice. */
static void
test_hops_told(void)
{
    SmtpFixture *f = smtp_fixture_new(SMTP_FAITHFUL | SMTP_LOOPBACK);
    g_autoptr(GString) message = g_string_new(NULL);
    g_autofree char *notice = NULL;
    ImsSimConn *conn;

    g_free(f->config->administrator);
    f->config->administrator = g_strdup("alice");
    conn = smtp_open(f);
    smtp_to_data(f, conn, "x@far.example", to_bob);
    for (guint i = 0; i < 60; i++)
        g_string_append_printf(message, "Received: from h%u by h%u; x\r\n", i, i + 1);
    g_string_append(message, "\r\n.\r\n");
    smtp_expect(f, conn, message->str, "250 OK\r\n");
    g_assert_cmpuint(smtp_inbox_count(f, f->bob), ==, 0);
    g_assert_cmpuint(smtp_inbox_count(f, f->alice), ==, 1);
    notice = smtp_inbox_newest(f, f->alice, NULL);
    g_assert_nonnull(strstr(notice, "\r\nSubject: Inbound Mail Failure\r\n"));
    g_assert_nonnull(strstr(notice, "Too Many Hops\r\n\r\nFrom: x@far.example\r\n"));
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

/* ---- D-067: delivery restrictions ---- */

static void
restrict_bob(SmtpFixture *f)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(f->service.directory);
    g_autoptr(ImsRecipient) bob = ims_recipient_copy(ims_recipient_table_find_alias(table, "bob"));

    bob->accept_from = g_strsplit("alice", " ", -1);
    g_assert_true(ims_directory_change_recipient(f->service.directory, bob, NULL));
}

static void
test_restricted_extended(void)
{
    SmtpFixture *f = smtp_fixture_new(0);
    ImsSimConn *conn;

    restrict_bob(f);
    conn = smtp_open(f);
    g_free(smtp_take(conn));
    smtp_expect(f, conn, "HELO a\r\nMAIL FROM:<x@far.example>\r\n",
                "250 OK\r\n250 OK - mail from <x@far.example>\r\n");
    smtp_expect(f, conn, "RCPT TO:<bob@example.com>\r\n",
                "550 Requested action not taken: mailbox unavailable\r\n");
    smtp_expect(f, conn, "RSET\r\nMAIL FROM:<alice@example.com>\r\n",
                "250 OK\r\n250 OK - mail from <alice@example.com>\r\n");
    smtp_expect(f, conn, "RCPT TO:<bob@example.com>\r\n",
                "250 OK - Recipient <bob@example.com>\r\n");
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

/* R-161, D-068: taken, and returned. */
static void
test_restricted_faithful(void)
{
    SmtpFixture *f = smtp_fixture_new(SMTP_FAITHFUL | SMTP_LOOPBACK);
    g_autoptr(GPtrArray) queue = NULL;
    g_autofree char *report = NULL;
    ImsSimConn *conn;

    restrict_bob(f);
    conn = smtp_open(f);
    smtp_to_data(f, conn, "x@far.example", to_bob);
    smtp_expect(f, conn, "Subject: x\r\n\r\n.\r\n", "250 OK\r\n");
    g_assert_cmpuint(smtp_inbox_count(f, f->bob), ==, 0);
    queue = smtp_queue(f);
    g_assert_cmpuint(queue->len, ==, 1);
    report = smtp_queued_text(f, 0);
    g_assert_nonnull(strstr(report, "bob@example.com on "));
    g_assert_nonnull(
        strstr(report, "A restriction in the system prevented delivery of the message."));
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC0", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ims/smtp/doors/R-153-R-239-security", test_security);
    g_test_add_func("/ims/smtp/doors/R-154-denied-pipelined", test_denied_pipelined);
    g_test_add_func("/ims/smtp/doors/R-151-turf-folder", test_turf_folder);
    g_test_add_func("/ims/smtp/doors/R-151-turf-gone", test_turf_gone);
    g_test_add_func("/ims/smtp/doors/R-083-notice", test_notice);
    g_test_add_func("/ims/smtp/doors/S-143-hops-told", test_hops_told);
    g_test_add_func("/ims/smtp/doors/D-067-restricted-extended", test_restricted_extended);
    g_test_add_func("/ims/smtp/doors/R-161-D-068-restricted-faithful", test_restricted_faithful);
    return g_test_run();
}
