/* What becomes of messages, and what happens when something goes wrong. */
#include "tests/unit/smtp-fixture.h"
#include <glib/gstdio.h>
#include <string.h>

static const char *const to_bob[] = {"bob@example.com", NULL};
static const char *const to_both[] = {"alice@example.com", "bob@example.com", NULL};

#define MAIL_OK "250 OK - mail from <a@far.example>\r\n"
#define BOB_OK "250 OK - Recipient <bob@example.com>\r\n"
#define DATA_OK "354 Send data.  End with CRLF.CRLF\r\n"

typedef struct {
    SmtpFixture *f;
    ImsSimConn *conn;
} Fixture;

static void
set_up(Fixture *x, gconstpointer data)
{
    x->f = smtp_fixture_new((SmtpFlags)GPOINTER_TO_UINT(data));
    x->conn = smtp_open(x->f);
}

static void
tear_down(Fixture *x, gconstpointer data)
{
    ims_sim_conn_close(x->conn);
    smtp_fixture_free(x->f);
}

static void
expect(Fixture *x, const char *text, const char *answer)
{
    smtp_expect(x->f, x->conn, text, answer);
}

static void
expect_log(Fixture *x, const char *part)
{
    g_autofree char *log = ims_log_take(x->f->service.log);

    if (strstr(log, part) == NULL)
        g_error("\"%s\" is not in the log:\n%s", part, log);
}

/* ---- delivery ---- */

static void
test_delivered(Fixture *x, gconstpointer data)
{
    g_autofree char *message = NULL;
    g_autofree char *logged = NULL;
    const char *rest, *id;

    smtp_to_data(x->f, x->conn, "a@far.example", to_both);
    expect(x, "Subject: x\r\n\r\n..dot\r\nbare\nlf\r\n.\r\n", "250 OK\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->alice), ==, 1);
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    /* S-129; the name is looked up, and only the address is known */
    g_assert_true(g_str_has_prefix(
        message,
        "Received: from client (198.51.100.20 [198.51.100.20]) by mail.example.com "
        "with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13)\r\n\tid "));
    rest = strstr(message, "\r\nSubject");
    g_assert_nonnull(rest);
    g_assert_cmpstr(rest, ==, "\r\nSubject: x\r\n\r\n.dot\r\nbare\nlf\r\n");
    /* S-105: the name of the line is the name in the log */
    id = strstr(message, "\r\n\tid ") + strlen("\r\n\tid ");
    logged = g_strdup_printf(" message id=%.8s ", id);
    expect_log(x, logged);
}

/* S-115, S-503: the envelope finds the mailboxes, and nothing of the header is looked up or
 * replaced. */
static void
test_header_untouched(Fixture *x, gconstpointer data)
{
    static const char header[] = "From: Somebody Else <alice@example.com>\r\n"
                                 "To: bob@example.com, x@far.example\r\nCc: staff\r\n\r\nx\r\n";
    g_autofree char *message = NULL, *text = g_strconcat(header, ".\r\n", NULL);
    g_autoptr(GPtrArray) queue = NULL;

    smtp_to_data(x->f, x->conn, "forger@far.example", to_bob);
    expect(x, text, "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    g_assert_true(g_str_has_suffix(message, header));
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->alice), ==, 0);
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 0);
}

/* S-070: what 5.0 lost. */
static void
test_header_without_end(Fixture *x, gconstpointer data)
{
    g_autofree char *message = NULL;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "Subject: x\r\nX-Last: kept\r\n.\r\n", "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    g_assert_nonnull(strstr(message, "\r\nSubject: x\r\nX-Last: kept\r\n"));
}

static void
test_eight_bit_and_nul(Fixture *x, gconstpointer data)
{
    static const char sent[] = "Subject: \xe9\r\n\r\n\0a\0\xff\r\n.\r\n";
    g_autofree char *message = NULL, *answer = NULL;
    const char *rest;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    ims_sim_conn_send(x->conn, sent, sizeof sent - 1);
    ims_sim_world_settle(x->f->world);
    answer = smtp_take(x->conn);
    g_assert_cmpstr(answer, ==, "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    rest = strstr(message, "\r\nSubject");
    g_assert_nonnull(rest);
    g_assert_cmpstr(rest, ==, "\r\nSubject: \xe9\r\n\r\na\xff\r\n");
}

/* Several recipients, each with its own fate, in one commit. */
static void
test_fates(Fixture *x, gconstpointer data)
{
    static const char *const recipients[] = {"bob@example.com", "staff@example.com",
                                             "u@old.example", "v@partner.example", NULL};
    g_autoptr(GPtrArray) queue = NULL;
    const ImsQueueMessage *message;
    GString *addresses = g_string_new(NULL);

    smtp_to_data(x->f, x->conn, "a@partner.example",
                 (const char *const[]){"bob@example.com", NULL});
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    x->f->config->policy.relay_flags = 0; /* everyone relays: the risk was accepted */
    smtp_to_data(x->f, x->conn, "a@far.example", recipients);
    expect(x, "Subject: fates\r\n\r\n\xe9\r\n.\r\n", "250 OK\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 2); /* not twice by list and name */
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->alice), ==, 1);
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 1);
    message = g_ptr_array_index(queue, 0);
    g_assert_cmpstr(message->sender, ==, "a@far.example");
    g_assert_cmpstr(message->subject, ==, "fates");
    g_assert_true(message->eight_bit);
    g_assert_cmpint(message->expires_usec - message->accepted_usec, ==, 48 * 3600 * SMTP_SEC);
    g_assert_nonnull(strstr(message->session, "client=198.51.100.20"));
    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsQueueRecipient *row = g_ptr_array_index(message->recipients, i);

        g_string_append_printf(addresses, "%s ", row->address);
    }
    g_assert_cmpstr(addresses->str, ==, "carol@far.example u@new.example.net v@partner.example ");
    g_string_free(addresses, TRUE);
}

static void
test_dsn_kept(Fixture *x, gconstpointer data)
{
    g_autoptr(GPtrArray) queue = NULL;
    const ImsQueueMessage *message;
    const ImsQueueRecipient *row;

    g_free(smtp_take(x->conn));
    expect(x, "HELO c\r\nMAIL FROM:<> RET=HDRS ENVID=QQ1 BODY=8BITMIME\r\n",
           "250 OK\r\n250 OK - mail from <>\r\n");
    expect(x, "RCPT TO:<v@partner.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;w@x.example\r\n",
           "250 OK - Recipient <v@partner.example>\r\n");
    expect(x, "DATA\r\n", DATA_OK);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 1);
    message = g_ptr_array_index(queue, 0);
    g_assert_cmpstr(message->sender, ==, "");
    g_assert_cmpint(message->ret, ==, IMS_RET_HDRS);
    g_assert_cmpstr(message->envid, ==, "QQ1");
    g_assert_true(message->eight_bit);
    row = g_ptr_array_index(message->recipients, 0);
    g_assert_cmpint(row->notify, ==, IMS_NOTIFY_SUCCESS | IMS_NOTIFY_DELAY);
    g_assert_cmpstr(row->orcpt, ==, "rfc822;w@x.example");
}

/* S-045, S-470: 250, then a report in the queue. */
static void
test_unknown_reported(Fixture *x, gconstpointer data)
{
    static const char *const recipients[] = {"nobody@example.com", "bob@example.com", NULL};
    static const char *const unknown[] = {"nobody@example.com", NULL};
    g_autoptr(GPtrArray) queue = NULL, more = NULL;
    const ImsQueueMessage *report;
    const ImsQueueRecipient *row;

    smtp_to_data(x->f, x->conn, "a@far.example", recipients);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 1);
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 1);
    report = g_ptr_array_index(queue, 0);
    g_assert_cmpstr(report->sender, ==, "");
    row = g_ptr_array_index(report->recipients, 0);
    g_assert_cmpstr(row->address, ==, "a@far.example");
    smtp_to_data(x->f, x->conn, "a@far.example", unknown);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    more = smtp_queue(x->f);
    g_assert_cmpuint(more->len, ==, 2);
}

/* S-050, S-500: taken, and returned; nothing goes to the domain behind the per cent sign. */
static void
test_percent_reported(Fixture *x, gconstpointer data)
{
    static const char *const recipients[] = {"x%far.example@example.com", NULL};
    g_autoptr(GPtrArray) queue = NULL;
    const ImsQueueMessage *report;
    const ImsQueueRecipient *row;

    smtp_to_data(x->f, x->conn, "forged@third.example", recipients);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 1);
    report = g_ptr_array_index(queue, 0);
    g_assert_cmpstr(report->sender, ==, "");
    g_assert_cmpuint(report->recipients->len, ==, 1);
    row = g_ptr_array_index(report->recipients, 0);
    g_assert_cmpstr(row->address, ==, "forged@third.example");
}

/* No report about a report (null sender). */
static void
test_unknown_null_sender(Fixture *x, gconstpointer data)
{
    static const char *const unknown[] = {"nobody@example.com", NULL};
    g_autoptr(GPtrArray) queue = NULL;

    smtp_to_data(x->f, x->conn, "", unknown);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    queue = smtp_queue(x->f);
    g_assert_cmpuint(queue->len, ==, 0);
}

/* Backscatter is a weakness: without AcceptHistoricRisk it is shown on loopback only. */
static void
test_unknown_without_risk(Fixture *x, gconstpointer data)
{
    x->f->config->accept_historic_risk = FALSE;
    g_free(smtp_take(x->conn));
    expect(x, "HELO c\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    expect(x, "RCPT TO:<nobody@example.com>\r\n",
           "550 Requested action not taken: mailbox unavailable\r\n");
    expect_log(x, "reason=unknown-recipient");
}

/* A member that a list still names is reported by its own name; the others get the message. */
static void
test_member_is_gone(Fixture *x, gconstpointer data)
{
    static const char *const staff[] = {"staff@example.com", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *report = NULL;

    ims_directory_remove_recipient(x->f->service.directory, "bob", &error);
    g_assert_no_error(error);
    smtp_to_data(x->f, x->conn, "a@far.example", staff);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    report = smtp_queued_text(x->f, 1);
    g_assert_nonnull(strstr(report, "\r\nbob on "));
    g_assert_nonnull(
        strstr(report, "MSEXCH:IMS:Example:Site1:MAIL 0 (000C05A6) Unknown Recipient\r\n"));
}

/* ---- the logon window ---- */

static void
test_window(Fixture *x, gconstpointer data)
{
    ImsLogonToken *token =
        ims_logon_windows_open(x->f->service.windows, &x->f->info.peer, "EXAMPLE\\alice", "pop3");

    g_free(smtp_take(x->conn));
    ims_logon_token_close(&token);
    expect(x, "HELO c\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    expect(x, "RCPT TO:<x@far.example>\r\n", "250 OK - Recipient <x@far.example>\r\n");
    expect_log(x, "reason=logon-window");
    /* An own recipient does not use it up; the third foreign one is the last. */
    expect(x, "RCPT TO:<bob@example.com>\r\n", BOB_OK);
    expect(x, "RCPT TO:<y@far.example>\r\nRCPT TO:<z@far.example>\r\n",
           "250 OK - Recipient <y@far.example>\r\n250 OK - Recipient <z@far.example>\r\n");
    expect(x, "RCPT TO:<w@far.example>\r\n", "550 Relaying is prohibited\r\n");
}

static void
test_window_closes(Fixture *x, gconstpointer data)
{
    ImsLogonToken *token =
        ims_logon_windows_open(x->f->service.windows, &x->f->info.peer, "EXAMPLE\\alice", "imap4");

    g_free(smtp_take(x->conn));
    ims_logon_token_close(&token);
    x->f->config->smtp_timeout_sec = 7200;
    expect(x, "HELO c\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    ims_sim_world_advance(x->f->world, 4 * 60 * SMTP_SEC);
    expect(x, "RCPT TO:<x@far.example>\r\n", "250 OK - Recipient <x@far.example>\r\n");
    expect_log(x, "window-account=");
    for (guint i = 0; i < 8; i++) {
        ims_sim_world_advance(x->f->world, 4 * 60 * SMTP_SEC);
        expect(x, "NOOP\r\n", "250 OK\r\n");
    }
    expect(x, "RCPT TO:<x@far.example>\r\n", "550 Relaying is prohibited\r\n");
}

/* ---- limits ---- */

static void
test_long_line(Fixture *x, gconstpointer data)
{
    g_autofree char *many = g_strnfill(100000, 'x'),
                    *line = g_strconcat("NOOP ", many, "\r\nNOOP\r\n", NULL);
    g_autofree char *just = g_strnfill(2048 - 7, 'x'),
                    *fits = g_strconcat("NOOP ", just, "\r\n", NULL);
    g_autofree char *over = g_strconcat("NOOP x", just, "\r\n", NULL);

    g_free(smtp_take(x->conn));
    expect(x, line, "500 Command line too long\r\n250 OK\r\n");
    expect(x, fits, "250 OK\r\n");
    expect(x, over, "500 Command line too long\r\n");
    expect(x, many, "");
    expect(x, "\r\nNOOP\r\n", "500 Command line too long\r\n250 OK\r\n");
    /* The dialogue of AUTH ends with it. */
    expect(x, "HELO a\r\nAUTH LOGIN\r\n", "250 OK\r\n334 VXNlcm5hbWU6\r\n");
    expect(x, over, "500 Command line too long\r\n");
    expect(x, "NOOP\r\n", "250 OK\r\n");
}

static void
test_line_ends(Fixture *x, gconstpointer data)
{
    g_free(smtp_take(x->conn));
    expect(x, "HELO a\nNOOP\n", "250 OK\r\n250 OK\r\n"); /* from a terminal */
    expect(x, "MAIL FROM:<a\rb@c.example>\r\n", "553 malformed address: a?b@c.example\r\n");
    expect(x, "MAIL FROM:<a@far.example>\r\nRCPT TO:<a\r250 OK@example.com>\r\n",
           MAIL_OK "553 malformed address: a?250 OK@example.com\r\n");
    ims_sim_conn_send(x->conn, "NO\0OP\r\n", 7);
    expect(x, "NOOP\r\n", "501 Syntax error in parameters or arguments\r\n250 OK\r\n");
}

static void
test_errors(Fixture *x, gconstpointer data)
{
    g_free(smtp_take(x->conn));
    x->f->config->max_errors = 3;
    expect(x, "A\r\nB\r\n", "500 Command not recognized\r\n500 Command not recognized\r\n");
    expect(x, "C\r\nNOOP\r\n",
           "500 Command not recognized\r\n421 Too many errors, closing connection\r\n");
    g_assert_true(ims_sim_conn_is_closed(x->conn));
}

/* S-053 with the limit of the configuration. */
static void
test_recipients(Fixture *x, gconstpointer data)
{
    g_free(smtp_take(x->conn));
    x->f->config->max_recipients = 2;
    expect(x, "HELO a\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    expect(x, "RCPT TO:<bob@example.com>\r\nRCPT TO:<alice@example.com>\r\n",
           BOB_OK "250 OK - Recipient <alice@example.com>\r\n");
    expect(x, "RCPT TO:<staff@example.com>\r\n",
           "452 Requested action not taken: Exceed Recipient Limit\r\n");
    expect(x, "DATA\r\n", DATA_OK);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
}

/* S-024, S-468: in bytes, and 0 without a limit. */
static void
test_size_line(Fixture *x, gconstpointer data)
{
    static const gsize limits[] = {0, 5000};

    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autofree char *answer = NULL;
        g_autofree char *line =
            g_strdup_printf("\r\n250-SIZE %" G_GSIZE_FORMAT "\r\n250-AUTH LOGIN\r\n"
                            "250-AUTH=LOGIN\r\n",
                            limits[i]);

        x->f->config->max_message_size = limits[i];
        g_free(smtp_take(x->conn));
        smtp_send(x->f, x->conn, "EHLO a\r\n");
        answer = smtp_take(x->conn);
        g_assert_nonnull(strstr(answer, line));
        expect(x, "MAIL FROM:<a@far.example> SIZE=5001\r\n",
               limits[i] == 0 ? "250 OK - mail from <a@far.example>; can accomodate 5001 bytes\r\n"
                              : "552 Message exceeds fixed maximum message size\r\n");
        expect(x, "RSET\r\n", "250 OK\r\n");
    }
}

/* S-071, S-072, S-492: longer than any buffer of that time was. */
static void
test_long_addresses(Fixture *x, gconstpointer data)
{
    static const guint lengths[] = {65, 256, 1025, 1900};

    g_free(smtp_take(x->conn));
    expect(x, "HELO a\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *local = g_strnfill(lengths[i], 'a'), *reply = NULL, *domain_reply = NULL;
        g_autofree char *rcpt = g_strdup_printf("RCPT TO:<%s@example.com>\r\n", local);
        g_autofree char *labels = g_strnfill(lengths[i], '.');
        g_autofree char *domain = NULL;

        for (guint k = 0; k < lengths[i]; k += 2)
            labels[k] = 'a';
        labels[lengths[i] - 1] = 'a';
        domain = g_strdup_printf("RCPT TO:<x@%s>\r\n", labels);
        smtp_send(x->f, x->conn, rcpt);
        reply = smtp_take(x->conn);
        g_assert_true(g_str_has_prefix(reply, "55"));
        smtp_send(x->f, x->conn, domain);
        domain_reply = smtp_take(x->conn);
        g_assert_true(g_str_has_prefix(domain_reply, lengths[i] > 255 ? "553 " : "550 "));
    }
    expect(x, "RCPT TO:<bob@example.com>\r\n", BOB_OK);
}

/* S-377: a refusal is in the log, with who, what and why. */
static void
test_refusal_logged(Fixture *x, gconstpointer data)
{
    g_free(smtp_take(x->conn));
    expect(x, "HELO a\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    expect(x, "RCPT TO:<x@far.example>\r\n", "550 Relaying is prohibited\r\n");
    expect_log(x, "rcpt from=a@far.example to=x@far.example target=x@far.example verdict=refuse "
                  "reason=");
}

/* SQ-06: the session lives on. */
static void
test_too_large(Fixture *x, gconstpointer data)
{
    g_autofree char *many = g_strnfill(5000, 'x'), *text = g_strconcat(many, "\r\n.\r\n", NULL);

    x->f->config->max_message_size = 5000;
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, text, "552 Message exceeds fixed maximum message size\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 0);
    text[4998] = '\r';
    text[4999] = '\n';
    memmove(text + 5000, ".\r\n", 4);
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, text, "250 OK\r\n");
}

static void
test_hops(Fixture *x, gconstpointer data)
{
    x->f->config->hop_limit = 2;
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "Received: a\r\nReceived: b\r\n\r\nx\r\n.\r\n", "250 OK\r\n");
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "Received: a\r\nReceived: b\r\nReceived: c\r\n\r\nx\r\n.\r\n",
           "554 Too Many Hops\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 1);
}

/* Over 1 MiB: the summary is made in the pool. */
static void
test_large(Fixture *x, gconstpointer data)
{
    gsize length, size = 3 * 1024 * 1024;
    g_autofree char *text = g_malloc(size + 6), *message = NULL;
    const char *start;

    for (gsize i = 0; i < size; i++)
        text[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : 'a';
    memcpy(text + size, "\r\n.\r\n", 6);
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, text, "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, &length);
    start = strstr(message, "\r\naaa");
    g_assert_nonnull(start);
    g_assert_cmpmem(start + 2, length - (gsize)(start + 2 - message), text, size + 2);
}

/* ---- what goes wrong ---- */

static void
test_store_errors(Fixture *x, gconstpointer data)
{
    static const struct {
        int code;
        const char *answer;
    } cases[] = {
        {IMS_STORE_ERROR_FULL,    "452 Requested action not taken: insufficient system storage\r\n"},
        {IMS_STORE_ERROR_BUSY,
         "452 Requested action not taken: server is busy, try again later\r\n"                     },
        {IMS_STORE_ERROR_IO,      "451 Requested action aborted: local error in processing\r\n"    },
        {IMS_STORE_ERROR_CORRUPT, "451 Requested action aborted: local error in processing\r\n"    },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        smtp_fail_submits(cases[i].code, 0);
        smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
        expect(x, "x\r\n.\r\n", cases[i].answer);
        expect_log(x, "store-error");
    }
    smtp_fail_submits(-1, 0);
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 0);
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
}

/* The message is committed and the report is not: no 250. */
static void
test_report_fails(Fixture *x, gconstpointer data)
{
    static const char *const recipients[] = {"nobody@example.com", "bob@example.com", NULL};

    smtp_fail_submits(IMS_STORE_ERROR_FULL, 1);
    smtp_to_data(x->f, x->conn, "a@far.example", recipients);
    expect(x, "x\r\n.\r\n", "452 Requested action not taken: insufficient system storage\r\n");
}

/* 250 after the commit and not before; what was sent meanwhile waits its turn. */
static void
test_acknowledged_after_commit(Fixture *x, gconstpointer data)
{
    g_autofree char *answer = NULL;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    smtp_hold_submits();
    expect(x, "x\r\n.\r\nNOOP\r\nMAIL FROM:<a@far.example>\r\n", "");
    ims_sim_world_advance(x->f->world, 3600 * SMTP_SEC); /* no time-out counts */
    expect(x, "RCPT TO:<bob@example.com>\r\n", "");
    smtp_release_submits();
    answer = smtp_take(x->conn);
    g_assert_cmpstr(answer, ==, "250 OK\r\n250 OK\r\n" MAIL_OK BOB_OK);
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 1);
}

/* The client is gone before the commit: the message stays, the session goes. */
static void
test_gone_before_commit(Fixture *x, gconstpointer data)
{
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    smtp_hold_submits();
    expect(x, "x\r\n.\r\n", "");
    ims_sim_conn_close(x->conn);
    ims_sim_world_settle(x->f->world);
    x->conn = NULL;
    smtp_release_submits();
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 1);
    expect_log(x, "result=accepted");
}

/* A client that closes its half after the last period still gets its reply. */
static void
test_half_closed(Fixture *x, gconstpointer data)
{
    g_autofree char *answer = NULL;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    smtp_hold_submits();
    expect(x, "x\r\n.\r\n", "");
    ims_sim_conn_shut(x->conn);
    ims_sim_world_settle(x->f->world);
    smtp_release_submits();
    answer = smtp_take(x->conn);
    g_assert_cmpstr(answer, ==, "250 OK\r\n");
    g_assert_true(ims_sim_conn_is_closed(x->conn));
}

static const char whole_session[] =
    "EHLO a\r\nAUTH LOGIN YWxpY2U=\r\nc2VjcmV0MQ==\r\nMAIL FROM:<a@far.example>\r\n"
    "RCPT TO:<bob@example.com>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";

/* The connection goes after each byte, at once or after all is done that is due. */
static void
test_disconnect_anywhere(Fixture *x, gconstpointer data)
{
    for (gsize length = 0; length <= sizeof whole_session - 1; length++) {
        for (guint settled = 0; settled < 2; settled++) {
            ImsSimConn *conn =
                ims_sim_conn_open(x->f->world, &x->f->info, ims_smtp_session_new, &x->f->service);

            ims_sim_conn_send(conn, whole_session, length);
            if (settled)
                ims_sim_world_settle(x->f->world);
            ims_sim_conn_close(conn);
            ims_sim_world_settle(x->f->world);
            g_assert_cmpuint(x->f->service.data_buffered, ==, 0);
        }
    }
}

static void
test_congested(Fixture *x, gconstpointer data)
{
    g_autofree char *answer = NULL, *last = NULL;

    smtp_set_congested(TRUE);
    g_free(smtp_take(x->conn));
    expect(x, "HELO a\r\nMAIL FROM:<a@far.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n",
           "250 OK\r\n" MAIL_OK BOB_OK);
    ims_sim_world_advance(x->f->world, SMTP_SEC);
    smtp_set_congested(FALSE);
    ims_sim_world_advance(x->f->world, SMTP_SEC / 10);
    answer = smtp_take(x->conn);
    g_assert_cmpstr(answer, ==, DATA_OK);
    smtp_set_congested(TRUE);
    expect(x, "x\r\n.\r\n", "");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 0);
    ims_sim_world_advance(x->f->world, 3600 * SMTP_SEC);
    smtp_set_congested(FALSE);
    ims_sim_world_advance(x->f->world, SMTP_SEC / 10);
    last = smtp_take(x->conn);
    g_assert_cmpstr(last, ==, "250 OK\r\n");
}

/* Beyond the budget of memory the message goes by a file, and arrives the same. */
static void
test_spooled(Fixture *x, gconstpointer data)
{
    g_autofree char *directory = g_dir_make_tmp("ims-smtp-XXXXXX", NULL), *message = NULL;
    g_autoptr(GString) sent = g_string_new(NULL);

    g_assert_nonnull(directory);
    x->f->config->data_directory = directory;
    x->f->config->max_data_buffered = 10000;
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    for (guint i = 0; i < 5000; i++)
        g_string_append_printf(sent, "line %u\r\n", i);
    smtp_send(x->f, x->conn, sent->str);
    g_assert_cmpuint(x->f->service.data_buffered, ==, 0);
    expect(x, ".\r\n", "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    g_assert_true(g_str_has_prefix(message, "Received: from client "));
    g_assert_true(g_str_has_suffix(message, sent->str));
    x->f->config->data_directory = NULL;
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

/* And the client goes while it waits. */
static void
test_congested_gone(Fixture *x, gconstpointer data)
{
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    smtp_set_congested(TRUE);
    expect(x, "x\r\n", "");
    ims_sim_conn_close(x->conn);
    x->conn = NULL;
    ims_sim_world_advance(x->f->world, SMTP_SEC);
    smtp_set_congested(FALSE);
    ims_sim_world_advance(x->f->world, SMTP_SEC);
    g_assert_cmpuint(x->f->service.data_buffered, ==, 0);
}

static void
test_no_memory(Fixture *x, gconstpointer data)
{
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    x->f->config->max_data_buffered = 9000;
    for (guint i = 0; i < 20; i++) {
        g_autofree char *more = g_strnfill(1000, 'x');

        expect(x, more, "");
    }
    expect(x, "\r\n.\r\n", "452 Requested action not taken: insufficient system storage\r\n");
    /* Nothing is left of it: the next one finds room again. */
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    g_free(smtp_take(x->conn));
    x->f->config->max_data_buffered = 0;
    expect(x, "MAIL FROM:<a@far.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n",
           MAIL_OK BOB_OK "452 Requested action not taken: insufficient system storage\r\n");
}

/* A client that does not read its replies is not given more of them: 18 MB would be more than a
 * connection may hold. */
static void
test_reader_stalls(Fixture *x, gconstpointer data)
{
    GString *many = g_string_new(NULL);
    g_autofree char *one = NULL, *answer = NULL;

    g_free(smtp_take(x->conn));
    smtp_send(x->f, x->conn, "HELP\r\n");
    one = smtp_take(x->conn);
    ims_sim_conn_set_stalled(x->conn, TRUE);
    for (guint i = 0; i < 100000; i++)
        g_string_append(many, "HELP\r\n");
    smtp_send(x->f, x->conn, many->str);
    ims_sim_conn_set_stalled(x->conn, FALSE);
    ims_sim_world_settle(x->f->world);
    answer = smtp_take(x->conn);
    g_assert_cmpuint(strlen(answer), ==, 100000 * strlen(one));
    g_assert_true(g_str_has_suffix(answer, one));
    g_string_free(many, TRUE);
}

static void
test_timeouts(Fixture *x, gconstpointer data)
{
    g_autofree char *answer = NULL;
    ImsSimConn *other = smtp_open(x->f);

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "half a mess", "");
    ims_sim_world_advance(x->f->world, 299 * SMTP_SEC);
    g_assert_false(ims_sim_conn_is_closed(x->conn));
    ims_sim_world_advance(x->f->world, 2 * SMTP_SEC);
    answer = smtp_take(x->conn);
    g_assert_cmpstr(answer, ==,
                    "421 Time-out waiting for input, closing connection\r\n"); /* S-066 */
    g_assert_true(ims_sim_conn_is_closed(x->conn));
    g_assert_true(ims_sim_conn_is_closed(other));
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 0);
    ims_sim_conn_close(other);
}

static void
test_stopping(Fixture *x, gconstpointer data)
{
    ImsSimConn *other = smtp_open(x->f);
    g_autofree char *idle = NULL, *busy = NULL;

    g_free(smtp_take(other));
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    smtp_hold_submits();
    expect(x, "x\r\n.\r\n", "");
    ims_world_stop_sessions(x->f->world, 60 * SMTP_SEC, NULL, NULL);
    ims_sim_world_settle(x->f->world);
    idle = smtp_take(other);
    g_assert_cmpstr(idle, ==, "421 mail.example.com Service is stopping, closing connection\r\n");
    g_assert_true(ims_sim_conn_is_closed(other));
    g_assert_false(ims_sim_conn_is_closed(x->conn));
    smtp_release_submits();
    busy = smtp_take(x->conn);
    g_assert_cmpstr(busy, ==,
                    "250 OK\r\n421 mail.example.com Service is stopping, closing connection\r\n");
    g_assert_true(ims_sim_conn_is_closed(x->conn));
    ims_sim_conn_close(other);
}

/* In the midst of DATA: the message is still taken. */
static void
test_stopping_in_data(Fixture *x, gconstpointer data)
{
    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    ims_world_stop_sessions(x->f->world, 60 * SMTP_SEC, NULL, NULL);
    expect(x, "x\r\n", "");
    expect(x, ".\r\n",
           "250 OK\r\n421 mail.example.com Service is stopping, closing connection\r\n");
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 1);
}

/* ---- TLS ---- */

/* CVE-2011-0411: what stands behind STARTTLS in clear is never answered, in any split. */
static void
test_starttls_injection(Fixture *x, gconstpointer data)
{
    static const char sent[] =
        "EHLO a\r\nSTARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@far.example>\r\n";

    for (gsize split = 1; split < sizeof sent - 1; split++) {
        ImsSimConn *conn = smtp_open(x->f);
        g_autofree char *answer = NULL;

        ims_sim_conn_send(conn, sent, split);
        ims_sim_conn_send(conn, sent + split, sizeof sent - 1 - split);
        ims_sim_world_settle(x->f->world);
        answer = smtp_take(conn);
        g_assert_true(g_str_has_suffix(answer, "220 Ready to start TLS\r\n"));
        smtp_expect(x->f, conn, "MAIL FROM:<a@far.example>\r\n",
                    "503 Bad sequence of commands\r\n");
        ims_sim_conn_close(conn);
    }
}

/* RFC 3207 4.2: who one was in clear is forgotten. */
static void
test_starttls_forgets(Fixture *x, gconstpointer data)
{
    g_autofree char *answer = NULL;

    g_free(smtp_take(x->conn));
    expect(x, "HELO a\r\nAUTH PLAIN AGFsaWNlAHNlY3JldDE=\r\n",
           "250 OK\r\n235 PLAIN authentication successful\r\n");
    expect(x, "STARTTLS\r\n", "220 Ready to start TLS\r\n");
    expect(x, "HELO a\r\nMAIL FROM:<a@far.example>\r\n", "250 OK\r\n" MAIL_OK);
    expect(x, "RCPT TO:<x@far.example>\r\n", "550 Relaying is prohibited\r\n");
    answer = ims_log_take(x->f->service.log);
    g_assert_nonnull(strstr(answer, "logon protocol=smtp result=ok"));
    g_assert_null(strstr(answer, "secret1"));
    g_assert_null(strstr(answer, "AGFsaWNl"));
}

/* ---- names ---- */

/* S-010: the greeting waits for the look-up, and here the name is known at once. */
static void
test_name(Fixture *x, gconstpointer data)
{
    g_autofree char *message = NULL;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    g_assert_true(g_str_has_prefix(
        message, "Received: from client (client.example.net [198.51.100.20]) by "));
}

/* S-011: nobody is turned away because the look-up failed. */
static void
test_name_failed(Fixture *x, gconstpointer data)
{
    static const ImsLookupStatus statuses[] = {IMS_LOOKUP_FAILED, IMS_LOOKUP_NOT_FOUND,
                                               IMS_LOOKUP_NO_DATA};

    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        ImsLookupResult result = {.status = statuses[i]};
        ImsSimConn *conn;

        ims_sim_world_set_lookup(x->f->world, IMS_LOOKUP_PTR, "198.51.100.20", &result);
        conn = smtp_open(x->f);
        smtp_to_data(x->f, conn, "a@far.example", to_bob);
        smtp_expect(x->f, conn, "x\r\n.\r\n", "250 OK\r\n");
        ims_sim_conn_close(conn);
    }
    g_assert_cmpuint(smtp_inbox_count(x->f, x->f->bob), ==, 3);
}

/* S-010: the faithful profile greets after the look-up, ten seconds at the longest. */
static void
test_slow_name(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn, *early;
    g_autofree char *nothing = NULL, *greeting = NULL, *answer = NULL, *both = NULL;

    smtp_hold_lookups();
    conn = smtp_open(x->f);
    early = smtp_open(x->f);
    smtp_send(x->f, early, "NOOP\r\n");
    ims_sim_world_advance(x->f->world, 9 * SMTP_SEC);
    nothing = smtp_take(conn);
    g_assert_cmpstr(nothing, ==, "");
    ims_sim_world_advance(x->f->world, 2 * SMTP_SEC);
    greeting = smtp_take(conn);
    g_assert_true(g_str_has_prefix(greeting, "220 mail.example.com ESMTP Server"));
    both = smtp_take(early);
    g_assert_true(g_str_has_prefix(both, "220 "));
    g_assert_true(g_str_has_suffix(both, "ready\r\n250 OK\r\n"));
    ims_sim_conn_close(early);
    smtp_answer_lookups("late.example.net");
    smtp_send(x->f, conn, "EHLO a\r\n");
    answer = smtp_take(conn);
    g_assert_true(g_str_has_prefix(answer, "250-mail.example.com Hello [late.example.net]\r\n"));
    ims_sim_conn_close(conn);
}

/* The extended one does not wait; what is known by then is shown. */
static void
test_slow_name_extended(Fixture *x, gconstpointer data)
{
    ImsSimConn *conn;
    g_autofree char *greeting = NULL, *before = NULL, *after = NULL;

    smtp_hold_lookups();
    conn = smtp_open(x->f);
    greeting = smtp_take(conn);
    g_assert_true(g_str_has_prefix(greeting, "220 "));
    smtp_send(x->f, conn, "EHLO a\r\n");
    before = smtp_take(conn);
    g_assert_true(g_str_has_prefix(before, "250-mail.example.com Hello [198.51.100.20]\r\n"));
    smtp_answer_lookups("late.example.net");
    smtp_send(x->f, conn, "EHLO a\r\n");
    after = smtp_take(conn);
    g_assert_true(g_str_has_prefix(after, "250-mail.example.com Hello [late.example.net]\r\n"));
    /* And the answer comes when the client is gone. */
    smtp_hold_lookups();
    ims_sim_conn_close(conn);
    conn = smtp_open(x->f);
    ims_sim_conn_close(conn);
    ims_sim_world_settle(x->f->world);
    smtp_answer_lookups("late.example.net");
}

/* S-130: with the look-up switched off there is no name at all. */
static void
test_no_name(Fixture *x, gconstpointer data)
{
    g_autofree char *message = NULL;

    smtp_to_data(x->f, x->conn, "a@far.example", to_bob);
    expect(x, "x\r\n.\r\n", "250 OK\r\n");
    message = smtp_inbox_newest(x->f, x->f->bob, NULL);
    g_assert_true(g_str_has_prefix(message, "Received: from client ([198.51.100.20]) by "));
}

/* S-072, S-497: a long or strange name is not repeated. */
static void
test_hostile_name(Fixture *x, gconstpointer data)
{
    g_autofree char *longest = g_strnfill(5000, 'a');
    const char *names[] = {longest, "a\r\n250 x", "", "a b", NULL};

    for (guint i = 0; names[i] != NULL; i++) {
        ImsLookupRecord record = {.name = (char *)names[i]};
        ImsLookupResult result = {IMS_LOOKUP_OK, 1, &record};
        ImsSimConn *conn;
        g_autofree char *answer = NULL;

        ims_sim_world_set_lookup(x->f->world, IMS_LOOKUP_PTR, "198.51.100.20", &result);
        conn = smtp_open(x->f);
        smtp_send(x->f, conn, "EHLO a\r\n");
        answer = smtp_take(conn);
        g_assert_nonnull(strstr(answer, " Hello [198.51.100.20]\r\n"));
        ims_sim_conn_close(conn);
    }
}

#define ADD(name, flags, function)                                                                 \
    g_test_add("/ims/smtp/session/" name, Fixture, GUINT_TO_POINTER(flags), set_up, function,      \
               tear_down)

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC0", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD("S-105-S-129-delivered", 0, test_delivered);
    ADD("S-069-S-482-eight-bit-and-nul", 0, test_eight_bit_and_nul);
    ADD("S-070-header-without-end", 0, test_header_without_end);
    ADD("S-115-S-503-header-untouched", 0, test_header_untouched);
    ADD("several-fates", 0, test_fates);
    ADD("S-087-dsn-kept", 0, test_dsn_kept);
    ADD("S-045-unknown-reported", SMTP_FAITHFUL, test_unknown_reported);
    ADD("S-050-S-500-percent-reported", SMTP_FAITHFUL, test_percent_reported);
    ADD("S-470-unknown-null-sender", SMTP_FAITHFUL, test_unknown_null_sender);
    ADD("unknown-without-risk", SMTP_FAITHFUL, test_unknown_without_risk);
    ADD("member-is-gone", 0, test_member_is_gone);
    ADD("logon-window", 0, test_window);
    ADD("logon-window-closes", 0, test_window_closes);
    ADD("long-line", SMTP_CLEAR, test_long_line);
    ADD("line-ends", 0, test_line_ends);
    ADD("errors", 0, test_errors);
    ADD("S-053-recipients", 0, test_recipients);
    ADD("S-024-S-468-SQ-12-size-line", SMTP_FAITHFUL, test_size_line);
    ADD("S-071-S-072-S-492-long-addresses", 0, test_long_addresses);
    ADD("S-377-refusal-logged", 0, test_refusal_logged);
    ADD("S-076-SQ-06-too-large", 0, test_too_large);
    ADD("S-143-hops", 0, test_hops);
    ADD("large", 0, test_large);
    ADD("store-errors", 0, test_store_errors);
    ADD("report-fails", SMTP_FAITHFUL, test_report_fails);
    ADD("acknowledged-after-commit", 0, test_acknowledged_after_commit);
    ADD("gone-before-commit", 0, test_gone_before_commit);
    ADD("half-closed", 0, test_half_closed);
    ADD("disconnect-anywhere", SMTP_CLEAR, test_disconnect_anywhere);
    ADD("disconnect-anywhere-faithful", SMTP_CLEAR | SMTP_FAITHFUL | SMTP_NAMED,
        test_disconnect_anywhere);
    ADD("congested", 0, test_congested);
    ADD("spooled", 0, test_spooled);
    ADD("congested-gone", 0, test_congested_gone);
    ADD("no-memory", 0, test_no_memory);
    ADD("reader-stalls", 0, test_reader_stalls);
    ADD("S-066-S-067-SQ-08-timeouts", 0, test_timeouts);
    ADD("stopping", 0, test_stopping);
    ADD("stopping-in-data", 0, test_stopping_in_data);
    ADD("starttls-injection", 0, test_starttls_injection);
    ADD("starttls-forgets", SMTP_CLEAR, test_starttls_forgets);
    ADD("S-011-name-failed", SMTP_FAITHFUL, test_name_failed);
    ADD("S-010-slow-name", SMTP_FAITHFUL, test_slow_name);
    ADD("slow-name-extended", 0, test_slow_name_extended);
    ADD("S-010-name", SMTP_FAITHFUL | SMTP_NAMED, test_name);
    ADD("S-130-S-335-no-name", SMTP_NO_RESOLVE, test_no_name);
    ADD("S-072-S-497-S-510-hostile-name", 0, test_hostile_name);
    return g_test_run();
}
