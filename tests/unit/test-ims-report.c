/* Non-delivery reports, laid out as those of 5.5 that were recorded. */
#include "tests/unit/ims-fixture.h"

#include <string.h>

#define CONF                                                                                       \
    "[Routing]\nRerouteIncomingMail = yes\n[Routing List]\nexample.com = <inbound>\n"              \
    "[Internet Mail]\nAdministratorsMailbox = admin\n"
#define ORIGINAL_HEADER                                                                            \
    "Received: from client.example.net ([192.0.2.7]) by mail.example.com with SMTP (Microsoft "    \
    "Exchange Internet Mail Service Version 5.5.2653.13)\r\n"                                      \
    "\tid FJT4D8Q5; Wed, 25 Nov 2026 08:59:00 -0000\r\n"                                           \
    "From: someone@example.org\r\nTo: 75@example.com\r\nSubject: Home Based Business\r\n"          \
    "Date: Sun, 21 Jan 2001 09:24:27 +0100\r\n"
#define ORIGINAL ORIGINAL_HEADER "\r\n(text)\r\n"

typedef struct {
    ImsFixture fixture;
    ImsQueueMessage *message;
    guint64 alice;
} Report;

static void
set_up(Report *report, const char *conf)
{
    ims_fixture_open(&report->fixture, conf);
    report->alice = ims_fixture_add(&report->fixture, IMS_RECIPIENT_MAILBOX, "alice",
                                    "alice@example.com", NULL, NULL);
    ims_fixture_add(&report->fixture, IMS_RECIPIENT_MAILBOX, "admin", "admin@example.com", NULL,
                    NULL);
    report->message = ims_queue_message_new();
    report->message->sender = g_strdup("user@example.net");
    /* 25 Nov 2026 08:59 UTC */
    report->message->accepted_usec = IMS_FIXTURE_WALL_USEC - G_USEC_PER_SEC * 60;
}

static void
tear_down(Report *report)
{
    ims_queue_message_free(report->message);
    ims_fixture_close(&report->fixture);
}

static ImsQueueRecipient *
add_row(Report *report, const char *address, guint attempts, int code, const char *reply)
{
    ImsQueueRecipient *row = ims_queue_recipient_new();

    row->address = g_strdup(address);
    row->domain = g_strdup(strrchr(address, '@') != NULL ? strrchr(address, '@') + 1 : "");
    row->id = attempts;
    row->attempts = attempts;
    row->code = code;
    row->reply = g_strdup(reply);
    row->state = IMS_QUEUE_FAILED;
    g_ptr_array_add(report->message->recipients, row);
    return row;
}

static ImsDeliverOp *
make(Report *report, const char *original)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(original, strlen(original));

    return ims_report_new(&report->fixture.service, report->message, bytes);
}

static char *
body_of(const ImsDeliverOp *op)
{
    gsize length;
    const char *data = g_bytes_get_data(op->body, &length);

    return g_strndup(data, length);
}

/* What differs from run to run made even: ids, Message-ID. */
static char *
even_out(const char *body)
{
    g_autoptr(GRegex) ids = g_regex_new("id <[A-Z0-9]{8}>", 0, 0, NULL);
    g_autoptr(GRegex) message_ids = g_regex_new("<[0-9A-F]{36,40}@", 0, 0, NULL);
    g_autofree char *first = g_regex_replace_literal(ids, body, -1, 0, "id <SPOOLID>", 0, NULL);

    return g_regex_replace_literal(message_ids, first, -1, 0, "<MESSAGEID@", 0, NULL);
}

/* S-191 to S-198, S-200 to S-202, W-070: the whole of it. */
static void
test_whole(void)
{
    static const char expected[] =
        "Received: by mail.example.com with Internet Mail Service (5.5.2653.19)\r\n"
        "\tid <SPOOLID>; Wed, 25 Nov 2026 09:00:00 -0000\r\n"
        "Message-ID: <MESSAGEID@mail.example.com>\r\n"
        "From: System Administrator <postmaster@example.com>\r\n"
        "To: user@example.net\r\n"
        "Subject: Undeliverable: Home Based Business\r\n"
        "Date: Wed, 25 Nov 2026 09:00:00 -0000\r\n"
        "MIME-Version: 1.0\r\n"
        "X-Mailer: Internet Mail Service (5.5.2653.19)\r\n"
        "X-MS-Embedded-Report: \r\n"
        "Content-Type: multipart/mixed;\r\n"
        "\tboundary=\"----_=_NextPart_000_01DD7CBB.59E6A800\"\r\n"
        "\r\n"
        "This message is in MIME format. Since your mail reader does not understand\r\n"
        "this format, some or all of this message may not be legible.\r\n"
        "\r\n"
        "------_=_NextPart_000_01DD7CBB.59E6A800\r\n"
        "Content-Type: text/plain;\r\n"
        "\tcharset=\"iso-8859-1\"\r\n"
        "\r\n"
        "Your message\r\n"
        "\r\n"
        "  To:      75@example.com\r\n"
        "  Subject: Home Based Business\r\n"
        "  Sent:    Sun, 21 Jan 2001 08:24:27 -0000\r\n"
        "\r\n"
        "did not reach the following recipient(s):\r\n"
        "\r\n"
        "75@example.com on Wed, 25 Nov 2026 09:00:00 -0000\r\n"
        "    The recipient name is not recognized\r\n"
        "\tThe MTS-ID of the original message is: c=us;a=\r\n"
        ";p=org;l=MAIL2611250859FJT4D8Q5\r\n"
        "    MSEXCH:IMS:Org:Site:MAIL 0 (000C05A6) Unknown Recipient\r\n"
        "\r\n"
        "\r\n"
        "\r\n"
        "\r\n"
        "------_=_NextPart_000_01DD7CBB.59E6A800\r\n"
        "Content-Type: message/rfc822\r\n"
        "\r\n" ORIGINAL "\r\n"
        "------_=_NextPart_000_01DD7CBB.59E6A800--\r\n";
    Report report;
    ImsDeliverOp *op;
    g_autofree char *body = NULL, *even = NULL;

    set_up(&report, CONF);
    add_row(&report, "75@example.com", 0, 550, "Unknown Recipient");
    op = make(&report, ORIGINAL);
    g_assert_nonnull(op);
    body = body_of(op);
    even = even_out(body);
    g_assert_cmpstr(even, ==, expected);
    g_assert_cmpuint(op->summary->size, ==, strlen(body));
    g_assert_cmpint(op->internal_date_usec, ==, IMS_FIXTURE_WALL_USEC);
    /* The sender is elsewhere: one row of the queue, from the null sender. */
    g_assert_cmpuint(op->targets->len, ==, 0);
    g_assert_cmpstr(op->queue->sender, ==, "");
    g_assert_cmpuint(op->queue->recipients->len, ==, 1);
    g_assert_cmpstr(((ImsQueueRecipient *)g_ptr_array_index(op->queue->recipients, 0))->address, ==,
                    "user@example.net");
    g_assert_cmpint(op->queue->expires_usec, ==,
                    IMS_FIXTURE_WALL_USEC + (gint64)G_USEC_PER_SEC * 48 * 3600);
    ims_store_op_free(&op->op);
    tear_down(&report);
}

/* ---- code lines ---- */

static const struct CodeCase {
    const char *name;
    guint attempts;
    int code;
    const char *reply, *reason, *line;
} codes[] = {
    {"S-202-unknown",                0, 550, "Unknown Recipient",                              "The recipient name is not recognized",
     "0 (000C05A6) Unknown Recipient"                                                                                                                                                        },
    {"S-204-ambiguous",              0, 550, "Ambiguous Recipient",                            "The recipient name is ambiguous.",
     "0 (000C0595) Ambiguous Recipient"                                                                                                                                                      },
    {"S-205-no-proxy",               0, 550, "No proxy for Recipient",
     "Unable to deliver the message due to a communications failure",                                                                  "0 (000D06B5) No proxy for Recipient"                 },
    {"S-206-hops",                   0, 554, "Too Many Hops",
     "Unable to deliver the message due to a communications failure",                                                                  "0 (00120270) Too Many Hops"                          },
    {"S-206-loop-seen-by-the-route", 1, 0,   "mail for far.example loops back to this server",
     "Unable to deliver the message due to a communications failure",                                                                  "0 (00120270) Too Many Hops"                          },
    {"S-207-too-many-recipients",    0, 552, "Too many recipients.",
     "Unable to deliver the message due to a communications failure",                                                                  "0 (00010256) Too many recipients."                   },
    {"own-finding-without-words",    0, 550, NULL,                                             "The recipient name is not recognized",
     "0 (000C05A6) Unknown Recipient"                                                                                                                                                        },
    {"S-210-host-unknown",           3, 0,   "host not found",
     "Unable to deliver the message due to a communications failure",                                                                  "3902 (000B099C) Host Unknown"                        },
    {"S-215-host-unreachable",       3, 0,   "connection timed out",
     "Unable to deliver the message due to a communications failure",                                                                  "3902 (000B099C) Host unreachable"                    },
    {"S-211-size",                   1, 552, "Message exceeds size limit.",
     "A syntax error was detected in the content of the message",                                                                      "3903 (000B099C) Message exceeds size limit."         },
    {"S-212-no-auth",                1, 502, "Server does not support AUTH.",
     "One or more mandatory argument(s) were missing from the recipient",                                                              "3502 (000B0981) 502 Server does not support\r\nAUTH."},
    {"S-213-reply-with-code",        1, 553, "553 malformed address: x",
     "The recipient name is not recognized",                                                                                           "3553 (000B09B6) 553 malformed address: x"            },
    {"S-214-relay",                  1, 550, "Relaying is prohibited",                         "The recipient name is not recognized",
     "3550 (000B09AA) 550 Relaying is prohibited"                                                                                                                                            },
    {"remote-word-is-not-own",       1, 550, "Unknown Recipient",                              "The recipient name is not recognized",
     "3550 (000B09B6) 550 Unknown Recipient"                                                                                                                                                 },
    {"expired-after-4yz",            9, 451, "try later",
     "Unable to deliver the message due to a communications failure",                                                                  "3451 (000B09B6) 451 try later"                       },
    {"reply-of-several-lines",       1, 550, "no\r\nsuch\x01 user",
     "The recipient name is not recognized",                                                                                           "3550 (000B09B6) 550 no  such  user"                  },
    {"empty-reply",                  1, 554, "",                                               "The recipient name is not recognized", "3554 (000B09B6) 554"                                 },
};

static void
test_code(gconstpointer data)
{
    const struct CodeCase *row = data;
    Report report;
    ImsDeliverOp *op;
    g_autofree char *body = NULL;
    g_autofree char *expected = g_strdup_printf(
        "\r\nu@far.example on Wed, 25 Nov 2026 09:00:00 -0000\r\n    %s\r\n"
        "\tThe MTS-ID of the original message is: c=us;a=\r\n"
        ";p=org;l=MAIL2611250859FJT4D8Q5\r\n    MSEXCH:IMS:Org:Site:MAIL %s\r\n\r\n",
        row->reason, row->line);

    set_up(&report, CONF);
    add_row(&report, "u@far.example", row->attempts, row->code, row->reply);
    op = make(&report, ORIGINAL);
    body = body_of(op);
    if (strstr(body, expected) == NULL)
        g_test_message("%s\n--- is not in ---\n%s", expected, body);
    g_assert_nonnull(strstr(body, expected));
    ims_store_op_free(&op->op);
    tear_down(&report);
}

/* ---- layout ---- */

static void
expect_in_body(Report *report, const char *original, const char *expected)
{
    ImsDeliverOp *op = make(report, original);
    g_autofree char *body = NULL;

    g_assert_nonnull(op);
    body = body_of(op);
    if (strstr(body, expected) == NULL)
        g_test_message("%s\n--- is not in ---\n%s", expected, body);
    g_assert_nonnull(strstr(body, expected));
    ims_store_op_free(&op->op);
}

/* W-071: without a line between; W 4.1 rule 1: no To. */
static void
test_several_recipients(void)
{
    Report report;

    set_up(&report, CONF);
    add_row(&report, "one@example.com", 0, 550, "Unknown Recipient");
    add_row(&report, "two@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(
        &report, "To: \r\nSubject:\r\nDate: Wed, 25 Nov 2026 08:00:00 GMT\r\n\r\n",
        "Your message\r\n\r\n  Subject: \r\n  Sent:    Wed, 25 Nov 2026 08:00:00 -0000\r\n"
        "\r\ndid not reach the following recipient(s):\r\n\r\n"
        "one@example.com on Wed, 25 Nov 2026 09:00:00 -0000\r\n");
    expect_in_body(&report, ORIGINAL,
                   "Unknown Recipient\r\ntwo@example.com on Wed, 25 Nov 2026 09:00:00 -0000\r\n");
    tear_down(&report);
}

/* W-073: org and site as given, the text falls to the next line. */
static void
test_wrapped_code_line(void)
{
    Report report;

    set_up(&report, CONF);
    g_free(report.fixture.config->organization);
    g_free(report.fixture.config->site);
    g_free(report.fixture.config->host_name);
    report.fixture.config->organization = g_strdup("TestOrg Communications, Inc.");
    report.fixture.config->site = g_strdup("TESTORGUS");
    report.fixture.config->host_name = g_strdup("citygw01.example.com");
    add_row(&report, "user@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(&report, ORIGINAL,
                   "    MSEXCH:IMS:TestOrg Communications, Inc.:TESTORGUS:CITYGW01 0 (000C05A6)\r\n"
                   "Unknown Recipient\r\n\r\n\r\n\r\n\r\n--");
    tear_down(&report);
}

static void
test_address_as_it_came(void)
{
    Report report;
    ImsQueueRecipient *row;

    set_up(&report, CONF);
    row = add_row(&report, "Bob@example.com", 0, 550, "Unknown Recipient");
    row->original = g_strdup("Bob@EXAMPLE.COM");
    expect_in_body(&report, ORIGINAL, "\r\nBob@EXAMPLE.COM on Wed"); /* W 4.1 rule 3 */
    g_free(row->original);
    row->original = g_strdup("staff@example.com"); /* the list that names a member who is gone */
    expect_in_body(&report, ORIGINAL, "\r\nBob@example.com on Wed");
    row->id = row->attempts = 1;
    expect_in_body(&report, ORIGINAL,
                   "\r\nstaff@example.com on Wed"); /* rerouted under a new name */
    g_free(row->original);
    row->original = g_strdup("@relay.example:u@own.example");
    expect_in_body(&report, ORIGINAL, "\r\nu@own.example on Wed");
    tear_down(&report);
}

static void
test_eight_bit_subject(void)
{
    Report report;

    set_up(&report, CONF);
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(&report, "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n",
                   "Content-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n\r\nYour message\r\n\r\n"
                   "  Subject: Gr=FC=DFe\r\n");
    expect_in_body(&report, "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n",
                   "\r\nSubject: Undeliverable: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n");
    expect_in_body(&report, "Subject: =?utf-8?Q?=E6=97=A5?=\r\n\r\n",
                   "\tcharset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                   "Your message\r\n\r\n  Subject: =E6=97=A5\r\n");
    expect_in_body(&report, "Subject: x\r\n\r\n\374\r\n",
                   "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                   "Subject: x\r\n\r\n\374\r\n\r\n--");
    tear_down(&report);
}

/* What the sender wrote can neither end a header line early nor fill one beyond 998 octets. */
static void
test_hostile_subject(void)
{
    Report report;
    g_autofree char *filler = g_strnfill(5000, 'y');
    g_autofree char *original =
        g_strdup_printf("Subject: a\r\n\tb %s\r\nTo: =?utf-8?Q?c=0D=0AX-Evil:_1?=\r\n\r\n", filler);
    ImsDeliverOp *op;
    g_autofree char *body = NULL, *header = NULL;

    set_up(&report, CONF);
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    op = make(&report, original);
    body = body_of(op);
    header = g_strndup(body, (gsize)(strstr(body, "\r\n\r\n") - body));
    g_assert_nonnull(strstr(header, "\r\nSubject: Undeliverable: a\tb yyy"));
    g_assert_null(strstr(body, "\r\nX-Evil"));
    for (const char *p = header; (p = strstr(p, "\r\n")) != NULL; p += 2)
        g_assert_cmpuint(strcspn(p + 2, "\r\n"), <, 998);
    ims_store_op_free(&op->op);
    tear_down(&report);
}

/* A line of the original that is our boundary does not end the part. */
static void
test_boundary_in_original(void)
{
    static const char original[] =
        "Subject: x\r\n\r\n------_=_NextPart_000_01DD7CBB.59E6A800--\r\n";
    Report report;
    ImsDeliverOp *op;
    ImsMimePart part;

    set_up(&report, CONF);
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    op = make(&report, original);
    g_assert_true(ims_mime_find_part(op->summary, "2", &part));
    g_assert_true(part.is_message);
    g_assert_cmpmem((const char *)g_bytes_get_data(op->body, NULL) + part.body_offset,
                    part.body_size, original, strlen(original));
    g_assert_false(ims_mime_find_part(op->summary, "3", &part));
    ims_store_op_free(&op->op);
    tear_down(&report);
}

static void
test_only_header(void)
{
    Report report;

    set_up(&report, CONF);
    report.message->ret = IMS_RET_HDRS;
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(&report, ORIGINAL,
                   "Content-Type: text/rfc822-headers\r\n\r\n" ORIGINAL_HEADER "\r\n\r\n--");
    tear_down(&report);
}

/* S-123, W-126 */
static void
test_precedence(void)
{
    static const struct {
        const char *conf, *original;
        gboolean expected;
    } rows[] = {
        {CONF,                                     "Precedence: bulk\r\nSubject: x\r\n\r\n", TRUE },
        {"[Emulation]\nProfile = faithful\n" CONF, "Subject: x\r\nPrecedence: Bulk\r\n\r\n", FALSE},
        {"[Emulation]\nProfile = faithful\n" CONF, "Precedence: junk\r\n\r\n",               FALSE},
        {"[Emulation]\nProfile = faithful\n" CONF, "Precedence: list\r\n\r\n",               TRUE },
        {"[Emulation]\nProfile = faithful\n" CONF, "Subject: x\r\n\r\nPrecedence: bulk\r\n", TRUE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Report report;
        ImsDeliverOp *op;

        set_up(&report, rows[i].conf);
        add_row(&report, "a@far.example", 1, 550, "no");
        op = make(&report, rows[i].original);
        g_assert_cmpint(op != NULL, ==, rows[i].expected);
        if (op != NULL)
            ims_store_op_free(&op->op);
        tear_down(&report);
    }
}

/* S-087, S-471: RET=HDRS is taken and comes to nothing. */
static void
test_faithful_ignores_hdrs(void)
{
    Report report;

    set_up(&report, "[Emulation]\nProfile = faithful\n" CONF);
    report.message->ret = IMS_RET_HDRS;
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(&report, ORIGINAL,
                   "Content-Type: message/rfc822\r\n\r\nX-MS-Embedded-Report: \r\n" ORIGINAL);
    expect_in_body(&report, "Subject: x\r\n\r\n\374\r\n",
                   "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    tear_down(&report);
}

static void
test_faithful_marks_original(void)
{
    Report report;

    set_up(&report, "[Emulation]\nProfile = faithful\n" CONF);
    add_row(&report, "a@example.com", 0, 550, "Unknown Recipient");
    expect_in_body(&report, ORIGINAL,
                   "Content-Type: message/rfc822\r\n\r\nX-MS-Embedded-Report: \r\n" ORIGINAL);
    tear_down(&report);
}

/* ---- to whom, and whether at all ---- */

static const struct WhetherCase {
    const char *name, *sender;
    ImsNotify notify;
    const char *original;
    const char *expected; /* "mailbox", the queued address, or NULL: none */
} whether[] = {
    {"elsewhere",                     "user@far.example",       0,                                     ORIGINAL, "user@far.example"},
    {"own-mailbox",                   "alice@example.com",      0,                                     ORIGINAL, "mailbox"         },
    {"S-119-postmaster",              "postmaster@example.com", 0,                                     ORIGINAL, "mailbox"         },
    {"own-but-not-there",             "gone@example.com",       0,                                     ORIGINAL, NULL              },
    {"S-191-null-sender",             "",                       0,                                     ORIGINAL, NULL              },
    {"S-224-about-a-report",          "user@far.example",       0,
     "Subject: Undeliverable: x\r\nX-MS-Embedded-Report: \r\n\r\n",                                              NULL              },
    {"mark-alone-is-no-report",       "user@far.example",       0,
     "Subject: Fwd: x\r\nX-MS-Embedded-Report: \r\n\r\n",                                                        "user@far.example"},
    {"mark-in-the-body-is-no-report", "user@far.example",       0,
     "Subject: Undeliverable: x\r\n\r\nX-MS-Embedded-Report: \r\n\r\n",                                          "user@far.example"},
    {"notify-never",                  "user@far.example",       IMS_NOTIFY_NEVER,                      ORIGINAL, NULL              },
    {"notify-success-only",           "user@far.example",       IMS_NOTIFY_SUCCESS,                    ORIGINAL, NULL              },
    {"notify-delay-and-failure",      "user@far.example",       IMS_NOTIFY_DELAY | IMS_NOTIFY_FAILURE,
     ORIGINAL,                                                                                                   "user@far.example"},
    {"no-octet",                      "user@far.example",       0,                                     "",       "user@far.example"},
};

static void
test_whether(gconstpointer data)
{
    const struct WhetherCase *row = data;
    Report report;
    ImsDeliverOp *op;

    set_up(&report, CONF);
    g_free(report.message->sender);
    report.message->sender = g_strdup(row->sender);
    add_row(&report, "a@far.example", 1, 550, "no")->notify = row->notify;
    op = make(&report, row->original);
    if (row->expected == NULL) {
        g_assert_null(op);
    } else if (strcmp(row->expected, "mailbox") == 0) {
        g_assert_nonnull(op);
        g_assert_cmpuint(op->targets->len, ==, 1);
        g_assert_null(op->queue);
    } else {
        const ImsQueueRecipient *queued;

        g_assert_nonnull(op);
        g_assert_cmpuint(op->targets->len, ==, 0);
        queued = g_ptr_array_index(op->queue->recipients, 0);
        g_assert_cmpstr(queued->address, ==, row->expected);
        g_assert_cmpint(queued->notify, ==, IMS_NOTIFY_NEVER);
        g_assert_cmpint(queued->state, ==, IMS_QUEUE_WAITING);
    }
    if (op != NULL)
        ims_store_op_free(&op->op);
    tear_down(&report);
}

/* "Do not reroute" closes relaying to clients; the service's own mail goes out all the same. */
static void
test_without_rerouting(void)
{
    static const struct {
        const char *sender;
        guint targets, queued;
    } rows[] = {
        {"alice@example.com",      1, 0},
        {"user@far.example",       0, 1},
        {"postmaster@far.example", 0, 1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Report report;
        ImsDeliverOp *op;

        set_up(&report, "[Internet Mail]\nAdministratorsMailbox = admin\n");
        g_free(report.message->sender);
        report.message->sender = g_strdup(rows[i].sender);
        add_row(&report, "a@far.example", 1, 550, "no");
        op = make(&report, ORIGINAL);
        g_assert_nonnull(op);
        g_assert_cmpuint(op->targets->len, ==, rows[i].targets);
        g_assert_cmpuint(op->queue != NULL ? op->queue->recipients->len : 0, ==, rows[i].queued);
        ims_store_op_free(&op->op);
        tear_down(&report);
    }
}

/* Words without a blank, as long as a peer may make them, stay below the line limit of RFC 5322. */
static void
test_line_limit(void)
{
    g_autofree char *word = g_strnfill(5000, 'w');
    g_autofree char *original = g_strdup_printf("To: %s\r\nSubject: s\r\n\r\n", word);
    Report report;
    ImsDeliverOp *op;
    ImsMimePart part;
    g_autofree char *body = NULL, *text = NULL;

    set_up(&report, CONF);
    add_row(&report, "a@far.example", 1, 550, word);
    op = make(&report, original);
    body = body_of(op);
    g_assert_true(ims_mime_find_part(op->summary, "1", &part));
    text = g_strndup(body + part.body_offset, part.body_size);
    for (const char *p = text; (p = strstr(p, "\r\n")) != NULL; p += 2)
        g_assert_cmpuint(strcspn(p + 2, "\r\n"), <, 998);
    ims_store_op_free(&op->op);
    tear_down(&report);
}

/* Those who want none are not named. */
static void
test_never_among_others(void)
{
    Report report;
    ImsDeliverOp *op;
    g_autofree char *body = NULL;

    set_up(&report, CONF);
    add_row(&report, "quiet@far.example", 1, 550, "no")->notify = IMS_NOTIFY_NEVER;
    add_row(&report, "loud@far.example", 1, 550, "no");
    op = make(&report, ORIGINAL);
    body = body_of(op);
    g_assert_null(strstr(body, "quiet@far.example"));
    g_assert_nonnull(strstr(body, "loud@far.example"));
    ims_store_op_free(&op->op);
    tear_down(&report);
}

#define ADD_TABLE(path, rows, test)                                                                \
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {                                               \
        g_autofree char *name = g_strdup_printf(path "/%s", (rows)[i].name);                       \
        g_test_add_data_func(name, &(rows)[i], test);                                              \
    }

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ims/report/S-089-S-138-S-191-to-S-202-whole", test_whole);
    ADD_TABLE("/ims/report/code", codes, test_code)
    g_test_add_func("/ims/report/W-071-several-recipients", test_several_recipients);
    g_test_add_func("/ims/report/W-073-wrapped-code-line", test_wrapped_code_line);
    g_test_add_func("/ims/report/address-as-it-came", test_address_as_it_came);
    g_test_add_func("/ims/report/eight-bit-subject", test_eight_bit_subject);
    g_test_add_func("/ims/report/S-506-hostile-subject", test_hostile_subject);
    g_test_add_func("/ims/report/boundary-in-original", test_boundary_in_original);
    g_test_add_func("/ims/report/only-header", test_only_header);
    g_test_add_func("/ims/report/S-123-W-126-precedence", test_precedence);
    g_test_add_func("/ims/report/S-087-S-471-faithful-ignores-hdrs", test_faithful_ignores_hdrs);
    g_test_add_func("/ims/report/S-195-faithful-marks-original", test_faithful_marks_original);
    ADD_TABLE("/ims/report/whether", whether, test_whether)
    g_test_add_func("/ims/report/without-rerouting", test_without_rerouting);
    g_test_add_func("/ims/report/line-limit", test_line_limit);
    g_test_add_func("/ims/report/never-among-others", test_never_among_others);
    return g_test_run();
}
