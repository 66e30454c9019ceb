/* Sending over loopback: what libesmtp would alter, what leaves, and what is told of it. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "ims/sender-private.h"
#include "net/conn.h"
#include "smtp-sink.h"

#define WAIT_SEC 30
#define HEAD                                                                                       \
    "Date: Thu, 1 Jan 1998 00:00:00 +0000\r\nFrom: a@example.com\r\nMessage-Id: "                  \
    "<1@example.com>\r\n"

/* ---- what libesmtp would alter ---- */

static const struct {
    const char *name, *text;
    const char *why; /* NULL: it may have it */
} alterations[] = {
    {"plain",                  HEAD "To: b\r\n\r\nbody\r\n",                        NULL                        },
    {"no-body",                HEAD "\r\n",                                         NULL                        },
    {"date-missing-is-added",  "From: a@example.com\r\n\r\nbody\r\n",               NULL                        },
    {"return-path-may-go",     "Return-Path: <a@x>\r\n" HEAD "\r\nbody\r\n",        NULL                        },
    {"second-received",        HEAD "Received: a\r\nReceived: b\r\n\r\nbody\r\n",   NULL                        },
    {"second-x-field",         HEAD "X-A: 1\r\nX-A: 2\r\n\r\nbody\r\n",             NULL                        },
    {"second-resent-to",       HEAD "Resent-To: 1\r\nResent-To: 2\r\n\r\nbody\r\n", NULL                        },
    {"to-in-body",             HEAD "To: b\r\n\r\nTo: c\r\n",                       NULL                        },
    {"to-in-continuation",     HEAD "To: b,\r\n To: c\r\n\r\nbody\r\n",             NULL                        },
    {"longer-name",            HEAD "To: b\r\nTo-X: c\r\n\r\nbody\r\n",             NULL                        },
    {"dots",                   HEAD "\r\n.\r\n..\r\n.a\r\n",                        NULL                        },
    {"second-date",            HEAD "Date: x\r\n\r\nbody\r\n",                      "second Date"               },
    {"second-from",            HEAD "From: x\r\n\r\nbody\r\n",                      "second From"               },
    {"second-from-other-case", HEAD "FROM: x\r\n\r\nbody\r\n",                      "second From"               },
    {"second-sender",          HEAD "Sender: x\r\nSender: y\r\n\r\nbody\r\n",       "second Sender"             },
    {"second-to",              HEAD "To: b\r\nTo: c\r\n\r\nbody\r\n",               "second To"                 },
    {"second-cc",              HEAD "Cc: b\r\nCc: c\r\n\r\nbody\r\n",               "second Cc"                 },
    {"second-bcc",             HEAD "Bcc: b\r\nBcc: c\r\n\r\nbody\r\n",             "second Bcc"                },
    {"second-reply-to",        HEAD "Reply-To: b\r\nReply-To: c\r\n\r\nbody\r\n",   "second Reply-To"           },
    {"second-message-id",      HEAD "Message-ID: <2@x>\r\n\r\nbody\r\n",            "second Message-Id"         },
    {"second-mdn",
     HEAD "Disposition-Notification-To: b\r\n"
          "Disposition-Notification-To: c\r\n\r\nbody\r\n",                         "second Disposition"        },
    {"original-recipient",     HEAD "Original-Recipient: rfc822;b\r\n\r\nbody\r\n",
     "Original-Recipient"                                                                                       },
    {"resent-reply-to",        HEAD "Resent-Reply-To: b\r\n\r\nbody\r\n",           "Resent-Reply-To"           },
    {"no-header",              "\r\nbody\r\n",                                      "no header"                 },
    {"no-header-no-line",      "body\r\n",                                          "no header field"           },
    {"blank-first",            " folded\r\n" HEAD "\r\nbody\r\n",                   "no header field"           },
    {"header-only",            HEAD,                                                "not end with an empty line"},
    {"no-final-crlf",          HEAD "\r\nbody",                                     "last line"                 },
    {"final-lf",               HEAD "\r\nbody\n",                                   "last line"                 },
    {"empty",                  "",                                                  "last line"                 },
    {"bare-lf-in-body",        HEAD "\r\na\nb\r\n",                                 "bare CR or LF"             },
    {"bare-cr-in-body",        HEAD "\r\na\rb\r\n",                                 "bare CR or LF"             },
    {"bare-lf-in-header",      "A: b\nC: d\r\n" HEAD "\r\nbody\r\n",                "bare CR or LF"             },
    {"two-crs",                HEAD "\r\na\r\r\n",                                  "bare CR or LF"             },
};

static ImsSendMessage *
new_message(const void *text, gsize length, const char *recipients)
{
    ImsSendMessage *message = g_new0(ImsSendMessage, 1);
    g_auto(GStrv) addresses = g_strsplit(recipients, ",", -1);

    message->mail_from = g_strdup("a@example.com");
    message->body = g_bytes_new(text, length);
    message->recipients = g_ptr_array_new();
    for (guint i = 0; addresses[i] != NULL; i++) {
        ImsSendRecipient *recipient = g_new0(ImsSendRecipient, 1);

        recipient->address = g_strdup(addresses[i]);
        g_ptr_array_add(message->recipients, recipient);
    }
    return message;
}

static ImsSendRecipient *
recipient_of(ImsSendMessage *message, guint index)
{
    return message->recipients->pdata[index];
}

static void
test_alters(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    ImsSendMessage *message =
        new_message(alterations[i].text, strlen(alterations[i].text), "b@far.example");
    const char *why = ims_sender_esmtp_alters(message);

    if (alterations[i].why == NULL)
        g_assert_cmpstr(why, ==, NULL);
    else
        g_assert_nonnull(strstr(why, alterations[i].why));
    ims_send_message_free(message);
}

static void
test_alters_envelope(void)
{
    static const char text[] = HEAD "\r\nbody\r\n";
    ImsSendMessage *message = new_message(text, strlen(text), "b@far.example");
    g_autofree char *full = g_strnfill(200, 'x'), *over = g_strnfill(201, 'x');

    message->envid = g_strdup(full);
    recipient_of(message, 0)->orcpt = g_strconcat("rfc822;", full, NULL);
    g_assert_null(ims_sender_esmtp_alters(message));
    g_free(message->envid);
    message->envid = g_strdup(over);
    g_assert_nonnull(ims_sender_esmtp_alters(message));
    g_free(message->envid);
    message->envid = g_strdup("a+0Ab");
    g_assert_nonnull(ims_sender_esmtp_alters(message));
    g_clear_pointer(&message->envid, g_free);
    g_free(recipient_of(message, 0)->orcpt);
    recipient_of(message, 0)->orcpt = g_strconcat("rfc822;", over, NULL);
    g_assert_nonnull(ims_sender_esmtp_alters(message));
    g_clear_pointer(&recipient_of(message, 0)->orcpt, g_free);
    g_free(recipient_of(message, 0)->address);
    recipient_of(message, 0)->address = g_strdup("j\303\266rg@far.example");
    g_assert_nonnull(ims_sender_esmtp_alters(message));
    ims_send_message_free(message);
}

static void
test_xtext(void)
{
    g_autofree char *plain = ims_send_decode_xtext("a+2Bb+3Dc");

    g_assert_cmpstr(plain, ==, "a+b=c");
    g_assert_null(ims_send_decode_xtext("a+"));
    g_assert_null(ims_send_decode_xtext("a+2"));
    g_assert_null(ims_send_decode_xtext("a+2G"));
    g_assert_null(ims_send_decode_xtext("a+00"));
}

/* ---- sending ---- */

typedef struct {
    ImsWorld *world;
    ImsSender *sender;
    SmtpSink *sink;
    SmtpSinkScript script;
    ImsSendJob *job;
    GString *trace; /* "o0", "o1" … outcomes; "f" finished */
    gboolean finished, connected;
    char *error;
    guint hold_outcome; /* 1-based: this outcome is resumed only by hand */
    void (*resume)(gpointer data);
    gpointer resume_data;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    ImsRealWorldOptions options = {.n_workers = 1, .pool_threads = 1, .dns_servers = "127.0.0.1:9"};
    g_autoptr(GError) error = NULL;

    fixture->world = ims_real_world_new(&options, &error);
    g_assert_no_error(error);
    fixture->sender = ims_sender_new(fixture->world, 2, &error);
    g_assert_no_error(error);
    fixture->trace = g_string_new(NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    ims_sender_free(fixture->sender);
    smtp_sink_free(fixture->sink);
    ims_send_job_free(fixture->job);
    ims_real_world_free(fixture->world);
    g_string_free(fixture->trace, TRUE);
    g_free(fixture->error);
    SSL_CTX_free(fixture->script.tls);
}

static void
note_outcome(ImsSendJob *job, guint index, void (*resume)(gpointer), gpointer resume_data)
{
    Fixture *fixture = job->data;

    g_string_append_printf(fixture->trace, "o%u", index);
    if (fixture->hold_outcome == index + 1) {
        fixture->resume = resume;
        fixture->resume_data = resume_data;
        return;
    }
    resume(resume_data);
}

static void
note_finished(ImsSendJob *job, gboolean connected, const char *error)
{
    Fixture *fixture = job->data;

    g_string_append(fixture->trace, "f");
    fixture->finished = TRUE;
    fixture->connected = connected;
    fixture->error = g_strdup(error);
}

static void
run_main_until(Fixture *fixture, const char *trace)
{
    gint64 end_usec = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (!g_str_has_suffix(fixture->trace->str, trace)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end_usec);
        g_main_context_iteration(ims_real_world_main_context(fixture->world), FALSE);
        g_usleep(500);
    }
}

static ImsSendMessage *
message_of(Fixture *fixture, guint index)
{
    return fixture->job->messages->pdata[index];
}

static void
add_message(Fixture *fixture, const void *text, gsize length, const char *recipients)
{
    if (fixture->job == NULL) {
        ImsSendJob *job = g_new0(ImsSendJob, 1);

        job->host = g_strdup("localhost");
        job->helo = g_strdup("ims.example.com");
        job->tls = IMS_TLS_OPPORTUNISTIC;
        job->connect_timeout_sec = 10;
        job->command_timeout_sec = 10;
        job->messages = g_ptr_array_new();
        job->outcome = note_outcome;
        job->finished = note_finished;
        job->data = fixture;
        fixture->job = job;
    }
    g_ptr_array_add(fixture->job->messages, new_message(text, length, recipients));
}

static void
add_text(Fixture *fixture, const char *text, const char *recipients)
{
    add_message(fixture, text, strlen(text), recipients);
}

static void
start_job(Fixture *fixture)
{
    fixture->sink = smtp_sink_new(&fixture->script);
    g_assert_nonnull(fixture->sink);
    g_assert_true(
        ims_address_parse(fixture->script.ipv6 ? "::1" : "127.0.0.1", &fixture->job->address));
    fixture->job->port = smtp_sink_port(fixture->sink);
    ims_world_send(fixture->world, fixture->job);
}

static void
send_job(Fixture *fixture)
{
    start_job(fixture);
    run_main_until(fixture, "f");
}

static void
assert_recipient(Fixture *fixture, guint message, guint index, ImsSendStatus status, int code,
                 const char *reply)
{
    const ImsSendRecipient *recipient = recipient_of(message_of(fixture, message), index);

    g_assert_cmpint(recipient->status, ==, status);
    g_assert_cmpint(recipient->code, ==, code);
    g_assert_cmpstr(recipient->reply, ==, reply);
}

static void
assert_received(Fixture *fixture, guint index, const void *text, gsize length)
{
    g_autoptr(GPtrArray) messages = smtp_sink_take_messages(fixture->sink);
    gsize got_length;
    const char *got;

    g_assert_cmpuint(messages->len, >, index);
    got = g_bytes_get_data(messages->pdata[index], &got_length);
    g_assert_cmpmem(got, got_length, text, length);
}

/* ---- octet for octet ---- */

static const struct {
    const char *name, *text;
    const char *extensions;
    const char *arrives; /* NULL: as it was */
} bodies[] = {
    {"plain",              HEAD "To: b\r\n\r\nbody\r\n",                      NULL,                   NULL                   },
    {"plain-pipelined",    HEAD "To: b\r\n\r\nbody\r\n",                      "PIPELINING",           NULL                   },
    {"plain-chunking",     HEAD "To: b\r\n\r\nbody\r\n",                      "CHUNKING\nPIPELINING", NULL                   },
    {"dots",               HEAD "\r\n.\r\n..\r\n.a\r\n\r\n.\r\n",             NULL,                   NULL                   },
    {"dots-in-header",     HEAD ".X: 1\r\n\r\n.\r\n",                         NULL,                   NULL                   },
    {"dots-chunking",      HEAD "\r\n.\r\n..\r\n",                            "CHUNKING",             NULL                   },
    {"folded",             HEAD "Subject: a\r\n b\r\n\tc\r\n\r\nx\r\n",       NULL,                   NULL                   },
    {"odd-lines",          HEAD "no colon\r\nX :y\r\n\r\nx\r\n",              NULL,                   NULL                   },
    {"eight-bit",          HEAD "\r\n\303\244\377\001\r\n",                   "8BITMIME",             NULL                   },
    {"no-body",            HEAD "\r\n",                                       NULL,                   NULL                   },
    {"empty-lines",        HEAD "\r\n\r\n\r\n\r\n",                           NULL,                   NULL                   },
    {"two-tos",            HEAD "To: b\r\nTo: c\r\n\r\nbody\r\n.\r\n..x\r\n", NULL,                   NULL                   },
    {"no-header",          "\r\nbody\r\n",                                    NULL,                   NULL                   },
    {"one-line",           "body\r\n",                                        NULL,                   NULL                   },
    {"header-only",        HEAD,                                              NULL,                   NULL                   },
    {"bare-lf",            HEAD "\r\na\nb\r\n.c\n.d\r\n",                     NULL,                   NULL                   },
    {"bare-cr",            HEAD "\r\na\rb\r\r\n",                             NULL,                   NULL                   },
    {"original-recipient", HEAD "Original-Recipient: rfc822;b\r\n\r\nx\r\n",  NULL,                   NULL                   },
 /* SMTP has no line without an end. */
    {"no-final-crlf",      HEAD "\r\nbody",                                   NULL,                   HEAD "\r\nbody\r\n"    },
    {"return-path-goes",   "Return-Path: <a@x>\r\n" HEAD "\r\nbody\r\n",      NULL,                   HEAD "\r\nbody\r\n"    },
 /* A dot alone between bare LFs would end the data for a host that takes them for line ends: it
  does not arrive so. */
    {"smuggled-end",       HEAD "\r\na\n.\r\nMAIL FROM:<x@y>\r\n",            NULL,
     HEAD "\r\na\n..\r\nMAIL FROM:<x@y>\r\n"                                                                                 },
    {"smuggled-end-cr",    HEAD "\r\na\r.\rb\r\n",                            NULL,                   HEAD "\r\na\r..\rb\r\n"},
    {"smuggled-end-lf",    HEAD "\r\na\r\n.\nb\r\n",                          NULL,                   NULL                   },
};

static void
test_body(Fixture *fixture, gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    const char *arrives = bodies[i].arrives != NULL ? bodies[i].arrives : bodies[i].text;

    fixture->script.extensions = bodies[i].extensions;
    add_text(fixture, bodies[i].text, "b@far.example");
    message_of(fixture, 0)->eight_bit = !g_str_is_ascii(bodies[i].text);
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "o0f");
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
    assert_received(fixture, 0, arrives, strlen(arrives));
}

/* What is missing is added, and nothing else (the issue says so). */
static void
test_missing_fields(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GPtrArray) messages = NULL;
    const char *text;
    gsize length;

    add_text(fixture, "Subject: s\r\n\r\nbody\r\n", "b@far.example");
    send_job(fixture);
    messages = smtp_sink_take_messages(fixture->sink);
    text = g_bytes_get_data(messages->pdata[0], &length);
    g_assert_true(g_str_has_prefix(text, "Subject: s\r\n"));
    g_assert_nonnull(g_strstr_len(text, (gssize)length, "\r\nDate: "));
    g_assert_nonnull(g_strstr_len(text, (gssize)length, "\r\nFrom: a@example.com\r\n"));
    g_assert_nonnull(g_strstr_len(text, (gssize)length, "\r\nMessage-Id: <"));
    g_assert_cmpmem(text + length - 10, 10, "\r\n\r\nbody\r\n", 10);
}

static void
test_large(Fixture *fixture, gconstpointer direct)
{
    g_autoptr(GString) text =
        g_string_new(direct != NULL ? "To: x\r\nTo: y\r\n" HEAD "\r\n" : HEAD "\r\n");
    g_autoptr(GRand) random = g_rand_new_with_seed(3);

    while (text->len < 6 * 1024 * 1024) {
        guint length = (guint)g_rand_int_range(random, 0, 900);

        if (g_rand_int_range(random, 0, 4) == 0)
            g_string_append_c(text, '.');
        for (guint i = 0; i < length; i++)
            g_string_append_c(text, (char)g_rand_int_range(random, 32, 127));
        g_string_append(text, "\r\n");
    }
    add_message(fixture, text->str, text->len, "b@far.example");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
    assert_received(fixture, 0, text->str, text->len);
}

/* ---- the conversation ---- */

#define GOOD HEAD "To: b\r\n\r\nbody\r\n"
#define ALTERED HEAD "To: b\r\nTo: c\r\n\r\nbody\r\n" /* goes by our own sender */

static const char *
text_for(gconstpointer direct)
{
    return direct != NULL ? ALTERED : GOOD;
}

static void
test_envelope(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;
    g_autofree char *expected = NULL;
    ImsSendMessage *message;

    fixture->script.extensions = "SIZE 10000\nDSN\n8BITMIME";
    add_text(fixture, text_for(direct), "b@far.example,c@far.example,d@far.example");
    message = message_of(fixture, 0);
    message->eight_bit = TRUE;
    message->ret = IMS_RET_HDRS;
    message->envid = g_strdup("QQ+2B1");
    recipient_of(message, 0)->notify = IMS_NOTIFY_FAILURE | IMS_NOTIFY_DELAY;
    recipient_of(message, 0)->orcpt = g_strdup("rfc822;B+2B1@far.example");
    recipient_of(message, 1)->notify = IMS_NOTIFY_NEVER;
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    /* S-170, S-171, S-172 */
    expected = g_strdup_printf(
        "+\nEHLO ims.example.com\n%s%u%s\n"
        "RCPT TO:<b@far.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;B+2B1@far.example\n"
        "RCPT TO:<c@far.example> NOTIFY=NEVER\nRCPT TO:<d@far.example>\nDATA\nQUIT\n",
        "MAIL FROM:<a@example.com> SIZE=", (guint)strlen(text_for(direct)),
        direct != NULL ? " BODY=8BITMIME RET=HDRS ENVID=QQ+2B1"
                       : " RET=HDRS ENVID=QQ+2B1 BODY=8BITMIME");
    g_assert_cmpstr(commands, ==, expected);
}

static void
test_nothing_offered(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;

    add_text(fixture, text_for(direct), "b@far.example");
    message_of(fixture, 0)->ret = IMS_RET_FULL;
    recipient_of(message_of(fixture, 0), 0)->notify = IMS_NOTIFY_SUCCESS;
    g_free(message_of(fixture, 0)->mail_from);
    message_of(fixture, 0)->mail_from = g_strdup("");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_cmpstr(commands, ==,
                    "+\nEHLO ims.example.com\nMAIL FROM:<>\nRCPT TO:<b@far.example>\nDATA\nQUIT\n");
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

/* libesmtp gives up where 8BITMIME is not offered; the mail goes all the same, as it came (S-245).
 */
static void
test_eight_bit_not_offered(Fixture *fixture, gconstpointer unused)
{
    add_text(fixture, HEAD "\r\n\303\244\r\n", "b@far.example");
    message_of(fixture, 0)->eight_bit = TRUE;
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "o0f");
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
    assert_received(fixture, 0, HEAD "\r\n\303\244\r\n", strlen(HEAD "\r\n\303\244\r\n"));
}

static void
test_several_messages(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;
    g_autoptr(GPtrArray) messages = NULL;

    for (guint i = 0; i < 3; i++)
        add_text(fixture, text_for(direct), "b@far.example");
    fixture->hold_outcome = 2;
    start_job(fixture);
    run_main_until(fixture, "o1");
    /* The third is not begun before the second's outcome is committed. */
    g_usleep(100000);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_cmpstr(
        commands, ==,
        "+\nEHLO ims.example.com\nMAIL FROM:<a@example.com>\nRCPT TO:<b@far.example>\nDATA\n"
        "MAIL FROM:<a@example.com>\nRCPT TO:<b@far.example>\nDATA\n");
    fixture->resume(fixture->resume_data);
    run_main_until(fixture, "f");
    g_assert_cmpstr(fixture->trace->str, ==, "o0o1o2f");
    g_assert_true(fixture->connected);
    messages = smtp_sink_take_messages(fixture->sink);
    g_assert_cmpuint(messages->len, ==, 3);
}

static void
test_recipient_refused(Fixture *fixture, gconstpointer direct)
{
    fixture->script.extensions = "PIPELINING\nENHANCEDSTATUSCODES";
    fixture->script.rules[0].command = "RCPT TO:<c@";
    fixture->script.rules[0].reply = "550 5.1.1 No such user";
    fixture->script.rules[1].command = "RCPT TO:<d@";
    fixture->script.rules[1].reply = "450 4.2.1 Later";
    fixture->script.rules[2].command = "RCPT TO:<e@";
    fixture->script.rules[2].reply = "552 5.5.3 Too many";
    fixture->script.rules[3].command = "RCPT";
    fixture->script.rules[3].reply = "250 2.1.5 OK";
    fixture->script.rules[4].command = "MAIL";
    fixture->script.rules[4].reply = "250 2.1.0 OK";
    fixture->script.end_of_data = "250 2.0.0 Taken";
    add_text(fixture, text_for(direct), "b@far.example,c@far.example,d@far.example,e@far.example");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "2.0.0 Taken");
    assert_recipient(fixture, 0, 1, IMS_SEND_PERMANENT, 550, "5.1.1 No such user");
    assert_recipient(fixture, 0, 2, IMS_SEND_TRANSIENT, 450, "4.2.1 Later");
    assert_recipient(fixture, 0, 3, IMS_SEND_TRANSIENT, 452, "5.5.3 Too many"); /* S-175 */
}

static const struct {
    const char *name, *command, *reply;
    ImsSendStatus status;
    int code;
} refusals[] = {
    {"mail-5",         "MAIL FROM:<bad@", "550 no",                       IMS_SEND_PERMANENT, 550},
    {"mail-4",         "MAIL FROM:<bad@", "451 no",                       IMS_SEND_TRANSIENT, 451},
    {"S-173-mail-503", "MAIL FROM:<bad@", "503 Sender already specified", IMS_SEND_PERMANENT, 503},
    {"rcpt-5",         "RCPT TO:<b@",     "550 no",                       IMS_SEND_PERMANENT, 550},
    {"rcpt-4",         "RCPT TO:<b@",     "450 no",                       IMS_SEND_TRANSIENT, 450},
    {"data-5",         "DATA",            "554 no",                       IMS_SEND_PERMANENT, 554},
    {"data-4",         "DATA",            "451 no",                       IMS_SEND_TRANSIENT, 451},
};

/* Refused, and the next message goes all the same. */
static void
check_refusal(Fixture *fixture, guint i, gconstpointer direct)
{
    const char *space = strchr(refusals[i].reply, ' ');

    fixture->script.rules[0].command = refusals[i].command;
    fixture->script.rules[0].reply = refusals[i].reply;
    add_text(fixture, text_for(direct), "b@far.example");
    add_text(fixture, text_for(direct), "c@far.example");
    g_free(message_of(fixture, 0)->mail_from);
    message_of(fixture, 0)->mail_from = g_strdup("bad@example.com");
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "o0o1f");
    assert_recipient(fixture, 0, 0, refusals[i].status, refusals[i].code, space + 1);
    if (strcmp(refusals[i].command, "DATA") != 0)
        assert_recipient(fixture, 1, 0, IMS_SEND_OK, 250, "OK");
    smtp_sink_free(g_steal_pointer(&fixture->sink));
}

static void
test_refusal_esmtp(Fixture *fixture, gconstpointer data)
{
    check_refusal(fixture, GPOINTER_TO_UINT(data), NULL);
}

static void
test_refusal_direct(Fixture *fixture, gconstpointer data)
{
    check_refusal(fixture, GPOINTER_TO_UINT(data), fixture);
}

static void
test_end_of_data_refused(Fixture *fixture, gconstpointer direct)
{
    fixture->script.end_of_data = "554 5.6.0 Not wanted\tat all";
    add_text(fixture, text_for(direct), "b@far.example,c@far.example");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 554, "5.6.0 Not wanted at all");
    assert_recipient(fixture, 0, 1, IMS_SEND_PERMANENT, 554, "5.6.0 Not wanted at all");
}

/* Nothing is known of a message whose end was not answered, and no later one was tried. */
static void
test_closed_at_end(Fixture *fixture, gconstpointer direct)
{
    fixture->script.end_of_data = "";
    add_text(fixture, text_for(direct), "b@far.example");
    add_text(fixture, text_for(direct), "c@far.example");
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_true(fixture->connected);
    g_assert_nonnull(fixture->error);
    assert_recipient(fixture, 0, 0, IMS_SEND_PENDING, 0, NULL);
    assert_recipient(fixture, 1, 0, IMS_SEND_PENDING, 0, NULL);
}

static void
test_closed_at_rcpt(Fixture *fixture, gconstpointer direct)
{
    fixture->script.rules[0].command = "RCPT TO:<c@";
    fixture->script.rules[0].reply = NULL;
    add_text(fixture, text_for(direct), "b@far.example,c@far.example");
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    assert_recipient(fixture, 0, 0, IMS_SEND_PENDING, 0, NULL);
}

/* S-178: the host says 552 in mid-data and closes. */
static void
test_closed_in_data(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) text = g_string_new(ALTERED);

    while (text->len < 30 * 1024 * 1024)
        g_string_append(text, "line of the body that is of no interest to anybody at all, but is "
                              "sent again and again\r\n");
    fixture->script.close_in_data = 1000;
    fixture->script.end_of_data = "552 Too much";
    add_message(fixture, text->str, text->len, "b@far.example");
    send_job(fixture);
    /* Where the reset overtakes the reply, nothing is known. */
    if (strcmp(fixture->trace->str, "o0f") == 0)
        assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 552, "Too much");
    else
        assert_recipient(fixture, 0, 0, IMS_SEND_PENDING, 0, NULL);
}

/* ---- the beginning ---- */

static void
test_refused_connection(Fixture *fixture, gconstpointer direct)
{
    SmtpSink *sink = smtp_sink_new(&fixture->script);

    add_text(fixture, text_for(direct), "b@far.example");
    g_assert_true(ims_address_parse("127.0.0.1", &fixture->job->address));
    fixture->job->port = smtp_sink_port(sink);
    smtp_sink_free(sink);
    ims_world_send(fixture->world, fixture->job);
    run_main_until(fixture, "f");
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_false(fixture->connected);
    g_assert_nonnull(fixture->error);
    assert_recipient(fixture, 0, 0, IMS_SEND_PENDING, 0, NULL);
}

/* Who did not answer libesmtp is tried by our own sender next, whose connect has a time limit; who
 * answers is trusted again. Its order of parameters tells which of the two it was. */
static void
test_slow_host(Fixture *fixture, gconstpointer unused)
{
    static const char *const orders[] = {" RET=FULL BODY=8BITMIME", " BODY=8BITMIME RET=FULL",
                                         " RET=FULL BODY=8BITMIME"};

    fixture->script.extensions = "DSN\n8BITMIME";
    add_text(fixture, GOOD, "b@far.example");
    message_of(fixture, 0)->ret = IMS_RET_FULL;
    message_of(fixture, 0)->eight_bit = TRUE;
    send_job(fixture);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *commands = smtp_sink_take_commands(fixture->sink);
        guint16 port = fixture->job->port;

        g_assert_nonnull(strstr(commands, orders[i]));
        if (i == 2)
            break;
        if (i == 0) {
            fixture->job->port = 1; /* nobody listens there */
            ims_world_send(fixture->world, fixture->job);
            g_string_truncate(fixture->trace, 0);
            run_main_until(fixture, "f");
            g_assert_false(fixture->connected);
            fixture->job->port = port;
            g_free(g_steal_pointer(&fixture->error));
        }
        g_string_truncate(fixture->trace, 0);
        ims_world_send(fixture->world, fixture->job);
        run_main_until(fixture, "f");
        g_free(g_steal_pointer(&fixture->error));
    }
}

/* S-162, S-176: no banner, or a bad one: another host may do better, so nothing is said of the
 * messages. */
static void
test_no_banner(Fixture *fixture, gconstpointer direct)
{
    fixture->script.silent = TRUE;
    add_text(fixture, text_for(direct), "b@far.example");
    fixture->job->command_timeout_sec = 1;
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_true(fixture->connected);
    g_assert_nonnull(strstr(fixture->error, "timed out"));
}

static void
test_bad_greeting(Fixture *fixture, gconstpointer direct)
{
    fixture->script.greeting = "554 Go away";
    add_text(fixture, text_for(direct), "b@far.example");
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_true(fixture->connected);
    g_assert_cmpstr(fixture->error, ==, "greeting: 554 Go away");
}

/* S-170 */
static void
test_helo(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;

    fixture->script.rules[0].command = "EHLO";
    fixture->script.rules[0].reply = "502 What?";
    add_text(fixture, text_for(direct), "b@far.example");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_cmpstr(commands, ==,
                    "+\nEHLO ims.example.com\nHELO ims.example.com\nMAIL FROM:<a@example.com>\n"
                    "RCPT TO:<b@far.example>\nDATA\nQUIT\n");
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

static void
test_helo_refused(Fixture *fixture, gconstpointer direct)
{
    fixture->script.rules[0].command = "EHLO";
    fixture->script.rules[0].reply = "550 No";
    fixture->script.rules[1].command = "HELO";
    fixture->script.rules[1].reply = "550 No, no";
    add_text(fixture, text_for(direct), "b@far.example");
    add_text(fixture, text_for(direct), "c@far.example");
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "o0o1f");
    assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 550, "No, no");
    assert_recipient(fixture, 1, 0, IMS_SEND_PERMANENT, 550, "No, no");
}

static void
test_size_limit(Fixture *fixture, gconstpointer unused)
{
    fixture->script.extensions = "SIZE 100";
    add_text(fixture, ALTERED, "b@far.example");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 0, "Message exceeds size limit.");
}

static void
test_utf8_address(Fixture *fixture, gconstpointer offered)
{
    g_autofree char *commands = NULL;

    fixture->script.extensions = offered != NULL ? "SMTPUTF8\n8BITMIME" : NULL;
    add_text(fixture, GOOD, "j\303\266rg@far.example");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    if (offered != NULL) {
        assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
        g_assert_nonnull(strstr(commands, "MAIL FROM:<a@example.com> SMTPUTF8\n"));
    } else {
        assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 550,
                         "5.6.7 Server does not support SMTPUTF8");
    }
}

/* An address with a line end in it must not become a command. */
static void
test_injection(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *commands = NULL;

    add_text(fixture, GOOD, "b@far.example>\r\nRCPT TO:<x@far.example");
    add_text(fixture, GOOD, "c@far.example");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_null(strstr(commands, "x@far.example"));
    assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 553, "malformed address");
    assert_recipient(fixture, 1, 0, IMS_SEND_OK, 250, "OK");
}

static void
test_ipv6(Fixture *fixture, gconstpointer unused)
{
    SmtpSink *probe;

    fixture->script.ipv6 = TRUE;
    probe = smtp_sink_new(&fixture->script);
    if (probe == NULL) {
        g_test_skip("no IPv6 here");
        return;
    }
    smtp_sink_free(probe);
    add_text(fixture, GOOD, "b@far.example");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

static void
test_auth(Fixture *fixture, gconstpointer login)
{
    g_autofree char *commands = NULL;

    fixture->script.extensions = login != NULL ? "AUTH LOGIN" : "AUTH LOGIN PLAIN";
    fixture->script.rules[0].command = "AUTH PLAIN";
    fixture->script.rules[0].reply = "235 in";
    fixture->script.rules[1].command = "AUTH LOGIN";
    fixture->script.rules[1].reply = "334 VXNlcm5hbWU6";
    fixture->script.rules[2].command = "dXNlcg=="; /* user */
    fixture->script.rules[2].reply = "334 UGFzc3dvcmQ6";
    fixture->script.rules[3].command = "c2VjcmV0"; /* secret */
    fixture->script.rules[3].reply = "235 in";
    add_text(fixture, GOOD, "b@far.example");
    fixture->job->auth_user = g_strdup("user");
    fixture->job->auth_password = g_strdup("secret");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_nonnull(strstr(commands, login != NULL ? "AUTH LOGIN\ndXNlcg==\nc2VjcmV0\nMAIL"
                                                    : "AUTH PLAIN AHVzZXIAc2VjcmV0\nMAIL"));
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

static void
test_auth_not_offered(Fixture *fixture, gconstpointer unused)
{
    add_text(fixture, GOOD, "b@far.example");
    fixture->job->auth_user = g_strdup("user");
    fixture->job->auth_password = g_strdup("secret");
    send_job(fixture);
    assert_recipient(fixture, 0, 0, IMS_SEND_PERMANENT, 502,
                     "Server does not support AUTH."); /* S-181 */
}

/* ---- TLS ---- */

static SSL_CTX *
make_context(void)
{
    static const char *const names[] = {"other.example", NULL};
    g_autofree char *folder = g_dir_make_tmp("sender-XXXXXX", NULL);
    g_autofree char *certificate = g_build_filename(folder, "c.pem", NULL);
    g_autofree char *key = g_build_filename(folder, "k.pem", NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    g_assert_true(ims_tls_make_self_signed(certificate, key, names, NULL));
    g_assert_cmpint(SSL_CTX_use_certificate_chain_file(context, certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM), ==, 1);
    g_unlink(certificate);
    g_unlink(key);
    g_rmdir(folder);
    return context;
}

/* The certificate is for another name and by nobody known: opportunistic, so that is as good as
 * clear, and better. */
static void
test_tls(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;

    fixture->script.tls = make_context();
    add_text(fixture, text_for(direct), "b@far.example");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_cmpstr(
        commands, ==,
        "+\nEHLO ims.example.com\nSTARTTLS\nEHLO ims.example.com\nMAIL FROM:<a@example.com>\n"
        "RCPT TO:<b@far.example>\nDATA\nQUIT\n");
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
    assert_received(fixture, 0, text_for(direct), strlen(text_for(direct)));
}

static void
test_tls_never(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;

    fixture->script.tls = make_context();
    add_text(fixture, text_for(direct), "b@far.example");
    fixture->job->tls = IMS_TLS_NEVER;
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_null(strstr(commands, "STARTTLS"));
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

/* It is offered and does not work: opportunistic mail goes in clear, in a new connection; required
 * mail does not. */
static void
test_tls_broken(Fixture *fixture, gconstpointer direct)
{
    g_autofree char *commands = NULL;

    fixture->script.extensions = "STARTTLS";
    fixture->script.rules[0].command = "STARTTLS";
    fixture->script.rules[0].reply = "454 TLS not available";
    add_text(fixture, text_for(direct), "b@far.example");
    send_job(fixture);
    commands = smtp_sink_take_commands(fixture->sink);
    g_assert_true(g_str_has_suffix(commands, "+\nEHLO ims.example.com\nMAIL FROM:<a@example.com>\n"
                                             "RCPT TO:<b@far.example>\nDATA\nQUIT\n"));
    assert_recipient(fixture, 0, 0, IMS_SEND_OK, 250, "OK");
}

static void
test_tls_required(Fixture *fixture, gconstpointer direct)
{
    add_text(fixture, text_for(direct), "b@far.example");
    fixture->job->tls = IMS_TLS_REQUIRED;
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_cmpstr(fixture->error, ==, "STARTTLS is not offered");
}

/* ---- strange hosts ---- */

static const struct {
    const char *name, *greeting;
} strange[] = {
    {"not-smtp",  "HTTP/1.1 400 Bad Request"},
    {"no-code",   "hello"                   },
    {"short",     "22"                      },
    {"high-code", "999 what"                },
    {"control",   "220\001 x"               },
    {"empty",     ""                        },
};

static void
test_strange(Fixture *fixture, gconstpointer data)
{
    fixture->script.greeting = strange[GPOINTER_TO_UINT(data)].greeting;
    add_text(fixture, ALTERED, "b@far.example");
    fixture->job->command_timeout_sec = 2;
    send_job(fixture);
    g_assert_cmpstr(fixture->trace->str, ==, "f");
    g_assert_nonnull(fixture->error);
}

static void
test_endless_line(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *greeting = g_strnfill(100000, '2');

    fixture->script.greeting = greeting;
    add_text(fixture, ALTERED, "b@far.example");
    send_job(fixture);
    g_assert_nonnull(strstr(fixture->error, "too long"));
    smtp_sink_free(g_steal_pointer(&fixture->sink));
}

static void
test_endless_reply(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) greeting = g_string_new(NULL);

    for (guint i = 0; i < 1000; i++)
        g_string_append(greeting, "220-more\r\n");
    fixture->script.greeting = greeting->str;
    add_text(fixture, ALTERED, "b@far.example");
    send_job(fixture);
    g_assert_nonnull(strstr(fixture->error, "too many lines"));
    smtp_sink_free(g_steal_pointer(&fixture->sink));
}

#define BOTH(name, function)                                                                       \
    do {                                                                                           \
        g_test_add("/ims/sender/esmtp/" name, Fixture, NULL, set_up, function, tear_down);         \
        g_test_add("/ims/sender/direct/" name, Fixture, one, set_up, function, tear_down);         \
    } while (0)
#define ONE(name, argument, function)                                                              \
    g_test_add("/ims/sender/" name, Fixture, argument, set_up, function, tear_down)
#define ROWS(prefix, table, function)                                                              \
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {                                              \
        g_autofree char *path = g_strdup_printf("/ims/sender/" prefix "/%s", (table)[i].name);     \
        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up, function, tear_down);               \
    }

int
main(int argc, char **argv)
{
    gpointer one = GINT_TO_POINTER(1);

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(alterations); i++) {
        g_autofree char *path = g_strdup_printf("/ims/sender/alters/%s", alterations[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_alters);
    }
    g_test_add_func("/ims/sender/alters/envelope", test_alters_envelope);
    g_test_add_func("/ims/sender/xtext", test_xtext);
    ROWS("body", bodies, test_body)
    ROWS("esmtp/refused", refusals, test_refusal_esmtp)
    ROWS("direct/refused", refusals, test_refusal_direct)
    ROWS("direct/strange", strange, test_strange)
    ONE("esmtp/missing-fields", NULL, test_missing_fields);
    ONE("esmtp/S-245-eight-bit-not-offered", NULL, test_eight_bit_not_offered);
    ONE("direct/S-178-closed-in-data", NULL, test_closed_in_data);
    ONE("direct/size-limit", NULL, test_size_limit);
    ONE("direct/utf8-address", NULL, test_utf8_address);
    ONE("direct/utf8-address-offered", one, test_utf8_address);
    ONE("slow-host", NULL, test_slow_host);
    ONE("direct/ipv6", NULL, test_ipv6);
    ONE("direct/auth-plain", NULL, test_auth);
    ONE("direct/auth-login", one, test_auth);
    ONE("direct/S-181-auth-not-offered", NULL, test_auth_not_offered);
    ONE("direct/endless-line", NULL, test_endless_line);
    ONE("direct/endless-reply", NULL, test_endless_reply);
    ONE("injection", NULL, test_injection);
    BOTH("large", test_large);
    BOTH("S-171-S-172-envelope", test_envelope);
    BOTH("nothing-offered", test_nothing_offered);
    BOTH("several-messages", test_several_messages);
    BOTH("S-175-S-480-recipient-refused", test_recipient_refused);
    BOTH("end-of-data-refused", test_end_of_data_refused);
    BOTH("closed-at-end", test_closed_at_end);
    BOTH("closed-at-rcpt", test_closed_at_rcpt);
    BOTH("refused-connection", test_refused_connection);
    BOTH("S-176-no-banner", test_no_banner);
    BOTH("S-176-bad-greeting", test_bad_greeting);
    BOTH("S-170-helo", test_helo);
    BOTH("S-170-helo-refused", test_helo_refused);
    BOTH("tls", test_tls);
    BOTH("tls-never", test_tls_never);
    BOTH("tls-broken", test_tls_broken);
    BOTH("tls-required", test_tls_required);
    return g_test_run();
}
