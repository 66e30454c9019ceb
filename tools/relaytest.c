/* The dialogue of the open-relay test, fed with the server's bytes. */
#include <config.h>

#include "tools/relaytest-private.h"

#include "routing/path.h"

#include <string.h>

#define REPLY_MAX_BYTES 65536u
#define REPLY_SHOWN_BYTES 300u
#define ATTEMPTS_MAX 2u
#define DUMB_CONNECTIONS_MAX 3u

static void
test_free(gpointer data)
{
    ImsRelaytestTest *test = data;

    g_free(test->from);
    g_free(test->to);
    g_free(test->token);
    g_free(test->reply);
    g_free(test);
}

ImsRelaytest *
ims_relaytest_new(const ImsRelaytestSettings *settings)
{
    ImsRelaytest *self = g_new0(ImsRelaytest, 1);
    const char *at = strrchr(settings->target, '@');
    guint n;
    const ImsRelaytestForm *forms = ims_relaytest_forms(&n);

    g_assert(at != NULL);
    self->own = g_strdup(settings->own);
    self->target = g_strdup(settings->target);
    self->target_local = g_strndup(settings->target, (gsize)(at - settings->target));
    self->target_domain = g_strdup(at + 1);
    self->sender = g_strdup(settings->sender);
    self->host_name = g_strdup(settings->host_name);
    self->other = g_strdup(settings->other);
    self->helo = g_strdup(settings->helo);
    self->run = g_strdup(settings->run);
    self->date = g_strdup(settings->date);
    self->probe = settings->probe;
    self->output = g_string_new(NULL);
    self->line = g_string_new(NULL);
    self->reply = g_string_new(NULL);
    self->tests = g_ptr_array_new_with_free_func(test_free);
    for (guint i = 0; i < n; i++) {
        ImsRelaytestTest *test = g_new0(ImsRelaytestTest, 1);

        test->form = &forms[i];
        test->token = g_strdup_printf("%s-%u.", self->run, i);
        g_ptr_array_add(self->tests, test);
    }
    return self;
}

void
ims_relaytest_free(ImsRelaytest *self)
{
    if (self == NULL)
        return;
    g_free(self->own);
    g_free(self->target);
    g_free(self->target_local);
    g_free(self->target_domain);
    g_free(self->sender);
    g_free(self->host_name);
    g_free(self->other);
    g_free(self->helo);
    g_free(self->run);
    g_free(self->date);
    g_free(self->literal);
    g_free(self->failure);
    g_string_free(self->output, TRUE);
    g_string_free(self->line, TRUE);
    g_string_free(self->reply, TRUE);
    g_ptr_array_unref(self->tests);
    g_free(self);
}

/* ---- what is sent ---- */

/* (transfer full) The value of a template's word. */
static char *
word_value(const ImsRelaytest *self, const char *word, gsize length)
{
    const struct {
        const char *word, *value;
    } words[] = {
        {"own",    self->own          },
        {"host",   self->host_name    },
        {"ip",     self->literal      },
        {"target", self->target       },
        {"user",   self->target_local },
        {"far",    self->target_domain},
        {"other",  self->other        },
        {"sender", self->sender       },
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0)
            return g_strdup(words[i].value);
    g_assert(length == strlen("imcea") && memcmp(word, "imcea", length) == 0);
    return ims_imcea_encode("SMTP", self->target);
}

static char *
fill_template(const ImsRelaytest *self, const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text != '\0') {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;

        if (end == NULL) {
            g_string_append_c(out, *text++);
        } else {
            g_autofree char *value = word_value(self, text + 1, (gsize)(end - text - 1));

            g_string_append(out, value);
            text = end + 1;
        }
    }
    return g_string_free(out, FALSE);
}

static ImsRelaytestTest *
current(const ImsRelaytest *self)
{
    return self->next < self->tests->len ? self->tests->pdata[self->next] : NULL;
}

static void G_GNUC_PRINTF(3, 4)
    send_command(ImsRelaytest *self, ImsRelaytestState state, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_string_append_vprintf(self->output, format, arguments);
    va_end(arguments);
    g_string_append(self->output, "\r\n");
    self->state = state;
}

static void
send_probe(ImsRelaytest *self, const ImsRelaytestTest *test)
{
    const char *from = *test->from != '\0' ? test->from : self->target;

    g_string_append_printf(
        self->output,
        "X-Relay-Test: %s\r\n"
        "From: <%s>\r\n"
        "To: <%s>\r\n"
        "Subject: Relay test of %s, form %s\r\n"
        "Date: %s\r\n"
        "Message-ID: <relaytest-%s@%s>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        "A test whether the server %s relays for strangers (imsctl relaytest).\r\n"
        "Form %s: %s. Mark: %s\r\n"
        ".\r\n",
        test->token, from, self->target, self->host_name, test->form->fact, self->date, test->token,
        self->own, self->host_name, test->form->fact, test->form->what, test->token);
    self->state = IMS_RELAYTEST_STATE_BODY;
}

GBytes *
ims_relaytest_take_output(ImsRelaytest *self)
{
    GBytes *bytes = g_string_free_to_bytes(self->output);

    self->output = g_string_new(NULL);
    return bytes;
}

/* ---- the course of the tests ---- */

static void
begin_test(ImsRelaytest *self)
{
    ImsRelaytestTest *test = current(self);

    if (test == NULL) {
        self->is_done = TRUE;
        send_command(self, IMS_RELAYTEST_STATE_QUIT, "QUIT");
        return;
    }
    g_free(test->from);
    g_free(test->to);
    test->from = fill_template(self, test->form->from);
    test->to = fill_template(self, test->form->to);
    test->attempts++;
    self->has_talked = TRUE;
    self->n_dumb = 0;
    send_command(self, IMS_RELAYTEST_STATE_MAIL, "MAIL FROM:<%s>", test->from);
}

static void
note_reply(const ImsRelaytest *self, ImsRelaytestTest *test, const char *stage)
{
    g_free(test->reply);
    test->stage = stage;
    test->reply =
        ims_relaytest_printable(self->reply->str, (gssize)self->reply->len, REPLY_SHOWN_BYTES);
}

/* The current test has its outcome, from the reply at hand. */
static void
conclude(ImsRelaytest *self, ImsRelaytestOutcome outcome, const char *stage)
{
    ImsRelaytestTest *test = current(self);

    note_reply(self, test, stage);
    /* A probe can come out before the server has answered that it took it. */
    if (test->outcome < IMS_RELAYTEST_BOUNCED)
        test->outcome = outcome;
    self->next++;
    send_command(self, IMS_RELAYTEST_STATE_RSET, "RSET");
}

/* The current test has none: once more on another connection, or it has failed. */
static void
give_up_attempt(ImsRelaytest *self, ImsRelaytestOutcome outcome, const char *why)
{
    ImsRelaytestTest *test = current(self);

    self->state = IMS_RELAYTEST_STATE_CLOSING;
    if (test == NULL || test->attempts == 0)
        return;
    g_free(test->reply);
    test->reply = ims_relaytest_printable(why, -1, REPLY_SHOWN_BYTES);
    if (test->attempts < ATTEMPTS_MAX)
        return;
    if (test->outcome < IMS_RELAYTEST_BOUNCED)
        test->outcome = outcome;
    self->next++;
    self->is_done = self->next >= self->tests->len;
}

void
ims_relaytest_stop(ImsRelaytest *self, const char *why)
{
    if (self->is_done)
        return;
    self->is_done = TRUE;
    self->state = IMS_RELAYTEST_STATE_CLOSING;
    self->failure = ims_relaytest_printable(why, -1, REPLY_SHOWN_BYTES);
}

void
ims_relaytest_closed(ImsRelaytest *self, const char *why)
{
    ImsRelaytestState was = self->state;

    self->state = IMS_RELAYTEST_STATE_DISCONNECTED;
    if (self->is_done)
        return;
    if (was == IMS_RELAYTEST_STATE_DISCONNECTED || !self->has_talked) {
        if (++self->n_dumb >= DUMB_CONNECTIONS_MAX)
            ims_relaytest_stop(self, why);
    } else if (was >= IMS_RELAYTEST_STATE_MAIL && was <= IMS_RELAYTEST_STATE_BODY) {
        give_up_attempt(self, IMS_RELAYTEST_FAILED, why);
    }
    self->state = IMS_RELAYTEST_STATE_DISCONNECTED;
}

void
ims_relaytest_connected(ImsRelaytest *self, const char *literal)
{
    g_free(self->literal);
    self->literal = g_strdup(literal);
    self->state = IMS_RELAYTEST_STATE_GREETING;
    self->has_talked = FALSE;
    g_string_truncate(self->output, 0);
    g_string_truncate(self->line, 0);
    g_string_truncate(self->reply, 0);
}

gboolean
ims_relaytest_is_done(const ImsRelaytest *self)
{
    return self->is_done;
}

gboolean
ims_relaytest_wants_close(const ImsRelaytest *self)
{
    return self->state == IMS_RELAYTEST_STATE_CLOSING;
}

/* ---- what is received ---- */

/* The name that a greeting begins with; NULL where it looks like no name. */
static char *
greeting_name(const char *reply)
{
    const char *start = reply + 4;
    gsize length =
        strspn(start, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

    if (strlen(reply) < 5 || length == 0 || length > 253 || memchr(start, '.', length) == NULL ||
        (start[length] != ' ' && start[length] != '\0' && start[length] != '\n'))
        return NULL;
    return g_strndup(start, length);
}

static void
refuse_connection(ImsRelaytest *self, const char *command)
{
    g_autofree char *reply =
        ims_relaytest_printable(self->reply->str, (gssize)self->reply->len, REPLY_SHOWN_BYTES);
    g_autofree char *why = g_strdup_printf("the server answers %s with: %s", command, reply);

    if (++self->n_dumb >= DUMB_CONNECTIONS_MAX)
        ims_relaytest_stop(self, why);
    self->has_talked = TRUE; /* counted already */
    self->state = IMS_RELAYTEST_STATE_CLOSING;
}

static void
take_opening(ImsRelaytest *self, guint code)
{
    if (self->state == IMS_RELAYTEST_STATE_GREETING && code == 220) {
        if (self->host_name == NULL)
            self->host_name = greeting_name(self->reply->str);
        if (self->host_name == NULL)
            self->host_name = g_strdup(self->own);
        send_command(self, IMS_RELAYTEST_STATE_EHLO, "EHLO %s", self->helo);
    } else if (self->state == IMS_RELAYTEST_STATE_EHLO && code >= 500 && code <= 504) {
        send_command(self, IMS_RELAYTEST_STATE_HELO, "HELO %s", self->helo);
    } else if (self->state != IMS_RELAYTEST_STATE_GREETING && code / 100 == 2) {
        begin_test(self);
    } else {
        refuse_connection(self, self->state == IMS_RELAYTEST_STATE_GREETING ? "the connection"
                                                                            : "the greeting");
    }
}

/* TRUE: the server wants TLS before anything, so its answer tells nothing of relaying. */
static gboolean
wants_tls(const ImsRelaytest *self, guint code)
{
    g_autofree char *upper = code == 530 ? g_ascii_strup(self->reply->str, -1) : NULL;

    return upper != NULL && strstr(upper, "STARTTLS") != NULL;
}

/*
 * TRUE where a 4xx names its reason: no relaying. Postfix answers 454 4.7.1 with this text unless
 * it is told to say 550 (defer_unauth_destination). Whole phrases, since the address is in the
 * answer.
 */
static gboolean
names_relaying(const ImsRelaytest *self)
{
    static const char *const phrases[] = {
        "relay access denied", "relaying denied", "relaying is ",           "relaying not ",
        "relay not permitted", "unable to relay", "not permitted to relay",
    };
    g_autofree char *lower = g_ascii_strdown(self->reply->str, -1);

    for (guint i = 0; i < G_N_ELEMENTS(phrases); i++)
        if (strstr(lower, phrases[i]) != NULL)
            return TRUE;
    return FALSE;
}

/* Where the command of @stage was not taken. */
static void
take_refusal(ImsRelaytest *self, guint code, const char *stage)
{
    if (code == 421)
        give_up_attempt(self, IMS_RELAYTEST_TEMPORARY, self->reply->str);
    else if (code / 100 == 4)
        conclude(self, names_relaying(self) ? IMS_RELAYTEST_REFUSED : IMS_RELAYTEST_TEMPORARY,
                 stage);
    else if (code / 100 == 5 && code != 503 && !wants_tls(self, code))
        conclude(self, IMS_RELAYTEST_REFUSED, stage);
    else
        conclude(self, IMS_RELAYTEST_FAILED, stage);
}

static void
take_transaction(ImsRelaytest *self, guint code)
{
    const ImsRelaytestTest *test = current(self);

    switch (self->state) {
    case IMS_RELAYTEST_STATE_MAIL:
        if (code / 100 == 2)
            send_command(self, IMS_RELAYTEST_STATE_RCPT, "RCPT TO:<%s>", test->to);
        else
            take_refusal(self, code, "MAIL");
        break;
    case IMS_RELAYTEST_STATE_RCPT:
        if (code / 100 != 2)
            take_refusal(self, code, "RCPT");
        else if (self->probe)
            send_command(self, IMS_RELAYTEST_STATE_DATA, "DATA");
        else
            conclude(self, IMS_RELAYTEST_ACCEPTED, "RCPT");
        break;
    case IMS_RELAYTEST_STATE_DATA:
        if (code == 354)
            send_probe(self, test);
        else
            take_refusal(self, code, "DATA");
        break;
    default:
        if (code / 100 == 2)
            conclude(self, IMS_RELAYTEST_PROBED, "message");
        else
            take_refusal(self, code, "message");
        break;
    }
}

static void
take_reply(ImsRelaytest *self, guint code)
{
    switch (self->state) {
    case IMS_RELAYTEST_STATE_GREETING:
    case IMS_RELAYTEST_STATE_EHLO:
    case IMS_RELAYTEST_STATE_HELO:
        take_opening(self, code);
        break;
    case IMS_RELAYTEST_STATE_RSET:
        if (code / 100 == 2)
            begin_test(self);
        else
            self->state = IMS_RELAYTEST_STATE_CLOSING;
        break;
    case IMS_RELAYTEST_STATE_QUIT:
        self->state = IMS_RELAYTEST_STATE_CLOSING;
        break;
    default:
        take_transaction(self, code);
        break;
    }
}

static void
protocol_error(ImsRelaytest *self, const char *why)
{
    if (!self->has_talked) {
        if (++self->n_dumb >= DUMB_CONNECTIONS_MAX)
            ims_relaytest_stop(self, why);
        self->has_talked = TRUE;
        self->state = IMS_RELAYTEST_STATE_CLOSING;
    } else if (self->state >= IMS_RELAYTEST_STATE_MAIL && self->state <= IMS_RELAYTEST_STATE_BODY) {
        give_up_attempt(self, IMS_RELAYTEST_FAILED, why);
    } else {
        self->state = IMS_RELAYTEST_STATE_CLOSING;
    }
}

/* A whole line, without its end. TRUE: a reply was whole with it. */
static gboolean
take_line(ImsRelaytest *self)
{
    const char *line = self->line->str;
    gsize length = self->line->len;
    gboolean is_last;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (length < 3 || line[0] < '2' || line[0] > '5' || !g_ascii_isdigit(line[1]) ||
        !g_ascii_isdigit(line[2]) || (length > 3 && line[3] != ' ' && line[3] != '-') ||
        (self->reply->len > 0 && memcmp(self->reply->str, line, 3) != 0)) {
        protocol_error(self, "the server's answer is not SMTP");
        return FALSE;
    }
    if (self->reply->len > 0)
        g_string_append_c(self->reply, '\n');
    g_string_append_len(self->reply, line, (gssize)length);
    is_last = length == 3 || line[3] == ' ';
    g_string_truncate(self->line, 0);
    if (!is_last)
        return FALSE;
    take_reply(self, (guint)(self->reply->str[0] - '0') * 100 +
                         (guint)(self->reply->str[1] - '0') * 10 +
                         (guint)(self->reply->str[2] - '0'));
    g_string_truncate(self->reply, 0);
    return TRUE;
}

/*
 * Bytes behind a whole reply, before the next command was sent: a goodbye, which servers send after
 * too many errors, or a server whose answers can no longer be told apart.
 */
static void
take_surplus(ImsRelaytest *self, const guint8 *bytes, gsize length)
{
    if (length >= 3 && memcmp(bytes, "421", 3) == 0)
        protocol_error(self, "the server said goodbye (421)");
    else
        protocol_error(self, "the server answers what was not asked");
}

void
ims_relaytest_feed(ImsRelaytest *self, const guint8 *bytes, gsize length)
{
    while (length > 0 && self->state != IMS_RELAYTEST_STATE_CLOSING &&
           self->state != IMS_RELAYTEST_STATE_DISCONNECTED) {
        const guint8 *end = memchr(bytes, '\n', length);
        gsize n = end != NULL ? (gsize)(end - bytes) : length;

        if (n + self->line->len + self->reply->len > REPLY_MAX_BYTES) {
            protocol_error(self, "the server's answer is longer than 64 KiB");
            return;
        }
        g_string_append_len(self->line, (const char *)bytes, (gssize)n);
        if (end == NULL)
            return;
        bytes += n + 1;
        length -= n + 1;
        if (take_line(self) && length > 0 && self->state != IMS_RELAYTEST_STATE_CLOSING) {
            take_surplus(self, bytes, length);
            return;
        }
    }
}

/* ---- reading it out ---- */

const char *
ims_relaytest_failure(const ImsRelaytest *self)
{
    return self->failure;
}

guint
ims_relaytest_size(const ImsRelaytest *self)
{
    return self->tests->len;
}

const ImsRelaytestTest *
ims_relaytest_get(const ImsRelaytest *self, guint index)
{
    return self->tests->pdata[index];
}

guint
ims_relaytest_position(const ImsRelaytest *self)
{
    return MIN(self->next, self->tests->len - 1);
}

const char *
ims_relaytest_host_name(const ImsRelaytest *self)
{
    return self->host_name;
}
