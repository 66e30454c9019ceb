/* Our own SMTP client: for what libesmtp would damage, for IPv6, and to find out what libesmtp does
 * not tell. */
#include <string.h>

#include "ims/sender-private.h"
#include "ims/sender-wire.h"

#define QUIT_TIMEOUT_SEC 5
#define CHUNK 65536

typedef struct {
    ImsSendRun *run;
    ImsWire *wire;
    GString *reply; /* of the last command, LF between lines */
    gboolean tls_failed;
    gboolean has_starttls, has_size, has_8bitmime, has_dsn, has_smtputf8, has_auth_plain,
        has_auth_login;
    guint64 size_limit; /* 0: none */
} Talk;

/* ---- commands ---- */

static void
take_error(Talk *talk, const char *step, GError *error)
{
    ims_send_run_set_error(talk->run, "%s: %s", step, error->message);
    g_error_free(error);
}

/* 0: the connection is of no more use, and the run's error says why. */
static int
read_reply(Talk *talk, const char *step)
{
    GError *error = NULL;
    int code = ims_wire_read_reply(talk->wire, talk->reply, &error);

    if (code == 0)
        take_error(talk, step, error);
    return code;
}

G_GNUC_PRINTF(3, 4)
static int
command(Talk *talk, const char *step, const char *format, ...)
{
    g_autoptr(GString) line = g_string_new(NULL);
    GError *error = NULL;
    gboolean sent;
    va_list arguments;

    va_start(arguments, format);
    g_string_vprintf(line, format, arguments);
    va_end(arguments);
    g_string_append(line, "\r\n");
    sent = ims_wire_write(talk->wire, line->str, line->len, &error);
    explicit_bzero(line->str, line->len); /* it may hold a password */
    if (!sent) {
        take_error(talk, step, error);
        return 0;
    }
    return read_reply(talk, step);
}

static void
note_extension(Talk *talk, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    const char *const *rest = (const char *const *)words + 1;

    if (words[0] == NULL)
        return;
    if (g_ascii_strcasecmp(words[0], "STARTTLS") == 0)
        talk->has_starttls = TRUE;
    else if (g_ascii_strcasecmp(words[0], "8BITMIME") == 0)
        talk->has_8bitmime = TRUE;
    else if (g_ascii_strcasecmp(words[0], "DSN") == 0)
        talk->has_dsn = TRUE;
    else if (g_ascii_strcasecmp(words[0], "SMTPUTF8") == 0)
        talk->has_smtputf8 = TRUE;
    else if (g_ascii_strcasecmp(words[0], "SIZE") == 0) {
        talk->has_size = TRUE;
        if (words[1] == NULL ||
            !g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT64, &talk->size_limit, NULL))
            talk->size_limit = 0;
    } else if (g_ascii_strcasecmp(words[0], "AUTH") == 0) {
        for (; *rest != NULL; rest++) {
            talk->has_auth_plain |= g_ascii_strcasecmp(*rest, "PLAIN") == 0;
            talk->has_auth_login |= g_ascii_strcasecmp(*rest, "LOGIN") == 0;
        }
    }
}

static void
note_extensions(Talk *talk)
{
    g_auto(GStrv) lines = g_strsplit(talk->reply->str, "\n", -1);

    talk->has_starttls = talk->has_size = talk->has_8bitmime = talk->has_dsn = FALSE;
    talk->has_smtputf8 = talk->has_auth_plain = talk->has_auth_login = FALSE;
    talk->size_limit = 0;
    for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
        note_extension(talk, lines[i]);
}

/* EHLO, on any error HELO, and if that is refused, so are all messages (S-170). */
static gboolean
say_hello(Talk *talk)
{
    const char *own = talk->run->job->helo;
    int code = command(talk, "EHLO", "EHLO %s", own);

    if (code == 0)
        return FALSE;
    if (code / 100 == 2) {
        note_extensions(talk);
        return TRUE;
    }
    code = command(talk, "HELO", "HELO %s", own);
    if (code == 0)
        return FALSE;
    g_string_truncate(talk->reply, code / 100 == 2 ? 0 : talk->reply->len);
    if (code / 100 == 2) {
        note_extensions(talk);
        return TRUE;
    }
    if (code / 100 == 5)
        ims_send_run_fail_all(talk->run, code, talk->reply->str);
    else
        ims_send_run_set_error(talk->run, "HELO: %d %s", code, talk->reply->str);
    return FALSE;
}

static gboolean
secure(Talk *talk)
{
    ImsSendJob *job = talk->run->job;
    GError *error = NULL;
    int code;

    code = command(talk, "STARTTLS", "STARTTLS");
    if (code == 0)
        return FALSE;
    if (code != 220) {
        talk->tls_failed = TRUE;
        ims_send_run_set_error(talk->run, "STARTTLS: %d %s", code, talk->reply->str);
        return FALSE;
    }
    if (!ims_wire_start_tls(talk->wire, talk->run->tls, job->host, &error)) {
        talk->tls_failed = TRUE;
        take_error(talk, "STARTTLS", error);
        return FALSE;
    }
    return say_hello(talk);
}

static char *
encode_plain(const ImsSendJob *job)
{
    gsize user = strlen(job->auth_user), password = strlen(job->auth_password),
          length = user + password + 2;
    g_autofree guint8 *text = g_malloc0(length);
    char *encoded;

    memcpy(text + 1, job->auth_user, user);
    memcpy(text + user + 2, job->auth_password, password);
    encoded = g_base64_encode(text, length);
    explicit_bzero(text, length);
    return encoded;
}

static int
auth_login(Talk *talk, const ImsSendJob *job)
{
    g_autofree char *user = g_base64_encode((const guint8 *)job->auth_user, strlen(job->auth_user));
    g_autofree char *password =
        g_base64_encode((const guint8 *)job->auth_password, strlen(job->auth_password));
    int code = command(talk, "AUTH", "AUTH LOGIN");

    if (code == 334)
        code = command(talk, "AUTH", "%s", user);
    if (code == 334)
        code = command(talk, "AUTH", "%s", password);
    explicit_bzero(password, strlen(password));
    return code;
}

static gboolean
authenticate(Talk *talk)
{
    ImsSendJob *job = talk->run->job;
    int code;

    if (talk->has_auth_plain) {
        g_autofree char *plain = encode_plain(job);

        code = command(talk, "AUTH", "AUTH PLAIN %s", plain);
        explicit_bzero(plain, strlen(plain));
    } else if (talk->has_auth_login) {
        code = auth_login(talk, job);
    } else {
        /* S-181 */
        ims_send_run_fail_all(talk->run, 502, "Server does not support AUTH.");
        return FALSE;
    }
    if (code == 235)
        return TRUE;
    if (code / 100 == 5)
        ims_send_run_fail_all(talk->run, code, talk->reply->str);
    else if (code != 0)
        ims_send_run_set_error(talk->run, "AUTH: %d %s", code, talk->reply->str);
    return FALSE;
}

/* ---- one message ---- */

static gboolean
needs_utf8(const ImsSendMessage *message)
{
    if (!g_str_is_ascii(message->mail_from))
        return TRUE;
    for (guint i = 0; i < message->recipients->len; i++) {
        if (!g_str_is_ascii(((ImsSendRecipient *)message->recipients->pdata[i])->address))
            return TRUE;
    }
    return FALSE;
}

static void
set_all(ImsSendMessage *message, int code, const char *reply)
{
    for (guint i = 0; i < message->recipients->len; i++)
        ims_send_run_set_by_code(message->recipients->pdata[i], code, reply);
}

/* The same for those that the host has accepted so far, which stand at PENDING. */
static void
set_accepted(ImsSendMessage *message, int code, const char *reply)
{
    for (guint i = 0; i < message->recipients->len; i++) {
        ImsSendRecipient *recipient = message->recipients->pdata[i];

        if (recipient->status == IMS_SEND_PENDING)
            ims_send_run_set_by_code(recipient, code, reply);
    }
}

/* MAIL with what was offered (S-172). */
static int
send_mail(Talk *talk, const ImsSendMessage *message)
{
    static const char *const ret[] = {"", " RET=FULL", " RET=HDRS"};
    g_autoptr(GString) line = g_string_new(NULL);

    g_string_append_printf(line, "MAIL FROM:<%s>", message->mail_from);
    if (talk->has_size)
        g_string_append_printf(line, " SIZE=%" G_GSIZE_FORMAT, g_bytes_get_size(message->body));
    if (talk->has_8bitmime && message->eight_bit)
        g_string_append(line, " BODY=8BITMIME");
    if (talk->has_smtputf8 && needs_utf8(message))
        g_string_append(line, " SMTPUTF8");
    if (talk->has_dsn) {
        g_string_append(line, ret[message->ret]);
        if (message->envid != NULL)
            g_string_append_printf(line, " ENVID=%s", message->envid);
    }
    return command(talk, "MAIL", "%s", line->str);
}

static void
append_notify(GString *line, ImsNotify notify)
{
    static const struct {
        ImsNotify flag;
        const char *word;
    } words[] = {
        {IMS_NOTIFY_SUCCESS, "SUCCESS"},
        {IMS_NOTIFY_FAILURE, "FAILURE"},
        {IMS_NOTIFY_DELAY,   "DELAY"  }
    };
    const char *separator = " NOTIFY=";

    if ((notify & IMS_NOTIFY_NEVER) != 0) {
        g_string_append(line, " NOTIFY=NEVER");
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if ((notify & words[i].flag) == 0)
            continue;
        g_string_append_printf(line, "%s%s", separator, words[i].word);
        separator = ",";
    }
}

/* Counts who was accepted; they stay PENDING. FALSE: the connection is lost. */
static gboolean
send_recipients(Talk *talk, ImsSendMessage *message, guint *n_accepted_out)
{
    guint n_accepted = 0;

    for (guint i = 0; i < message->recipients->len; i++) {
        ImsSendRecipient *recipient = message->recipients->pdata[i];
        g_autoptr(GString) line = g_string_new(NULL);
        int code;

        g_string_append_printf(line, "RCPT TO:<%s>", recipient->address);
        if (talk->has_dsn) {
            append_notify(line, recipient->notify);
            if (recipient->orcpt != NULL)
                g_string_append_printf(line, " ORCPT=%s", recipient->orcpt);
        }
        code = command(talk, "RCPT", "%s", line->str);
        if (code == 0)
            return FALSE;
        if (code / 100 == 2)
            n_accepted++;
        else
            /* 552 here means "too many": later, not never (RFC 5321 4.5.3.1.10; S-175). */
            ims_send_run_set_by_code(recipient, code == 552 ? 452 : code, talk->reply->str);
    }
    *n_accepted_out = n_accepted;
    return TRUE;
}

/*
 * A line that begins with a dot gets another one. Lines end with CRLF alone; but a host that also
 * takes a bare LF or CR for a line end must not see the end of data where there is none, so a dot
 * alone on such a line gets one, too.
 */
static gboolean
is_to_stuff(const guint8 *body, gsize length, gsize at)
{
    gboolean lone;

    if (body[at] != '.')
        return FALSE;
    if (at == 0 || (at >= 2 && body[at - 2] == '\r' && body[at - 1] == '\n'))
        return TRUE;
    lone = at + 1 == length || body[at + 1] == '\r' || body[at + 1] == '\n';
    return lone && (body[at - 1] == '\n' || body[at - 1] == '\r');
}

static gboolean
send_body(Talk *talk, GBytes *bytes, GError **error)
{
    gsize length = 0, from = 0;
    const guint8 *body = g_bytes_get_data(bytes, &length);
    g_autoptr(GString) chunk = g_string_sized_new(CHUNK);
    gboolean has_end = length >= 2 && body[length - 2] == '\r' && body[length - 1] == '\n';

    while (from < length) {
        gsize piece = MIN(length - from, CHUNK);
        const guint8 *dot = memchr(body + from, '.', piece);

        if (dot != NULL)
            piece = (gsize)(dot - (body + from));
        g_string_append_len(chunk, (const char *)body + from, (gssize)piece);
        from += piece;
        if (dot != NULL)
            g_string_append(chunk, is_to_stuff(body, length, from++) ? ".." : ".");
        if (chunk->len >= CHUNK) {
            if (!ims_wire_write(talk->wire, chunk->str, chunk->len, error))
                return FALSE;
            g_string_truncate(chunk, 0);
        }
    }
    g_string_append(chunk, has_end || length == 0 ? ".\r\n" : "\r\n.\r\n");
    return ims_wire_write(talk->wire, chunk->str, chunk->len, error);
}

/* DATA and what follows. FALSE: the connection is lost, and nobody knows what of it arrived. */
static gboolean
send_data(Talk *talk, ImsSendMessage *message)
{
    GError *error = NULL;
    int code = command(talk, "DATA", "DATA");

    if (code == 0)
        return FALSE;
    if (code != 354) {
        set_accepted(message, code / 100 >= 4 ? code : 451, talk->reply->str);
        return command(talk, "RSET", "RSET") != 0;
    }
    if (!send_body(talk, message->body, &error)) {
        /* A host that has had enough says so and closes (S-178): its word counts more than the
         * broken pipe. */
        ims_wire_set_timeout(talk->wire, QUIT_TIMEOUT_SEC);
        code = ims_wire_read_reply(talk->wire, talk->reply, NULL);
        if (code / 100 >= 4)
            set_accepted(message, code, talk->reply->str);
        take_error(talk, "DATA", error);
        return code / 100 >= 4;
    }
    code = read_reply(talk, "end of DATA");
    if (code == 0)
        return FALSE;
    set_accepted(message, code, talk->reply->str);
    return TRUE;
}

/* Before anything is said: what cannot go to this host at all. */
static gboolean
may_be_sent(Talk *talk, ImsSendMessage *message)
{
    if (talk->size_limit != 0 && g_bytes_get_size(message->body) > talk->size_limit) {
        for (guint i = 0; i < message->recipients->len; i++)
            ims_send_run_set(message->recipients->pdata[i], IMS_SEND_PERMANENT, 0,
                             "Message exceeds size limit." /* S-211 */);
        return FALSE;
    }
    if (needs_utf8(message) && !talk->has_smtputf8) {
        set_all(message, 550, "5.6.7 Server does not support SMTPUTF8");
        return FALSE;
    }
    return TRUE;
}

/* FALSE: no more messages on this connection. */
static gboolean
send_message(Talk *talk, guint index)
{
    ImsSendMessage *message = talk->run->job->messages->pdata[index];
    guint n_accepted = 0;
    int code;

    if (!may_be_sent(talk, message))
        return ims_send_run_outcome(talk->run, index);
    code = send_mail(talk, message);
    if (code == 0)
        return FALSE;
    if (code / 100 != 2) {
        set_all(message, code, talk->reply->str);
        return ims_send_run_outcome(talk->run, index);
    }
    if (!send_recipients(talk, message, &n_accepted))
        return FALSE;
    if (n_accepted > 0 ? !send_data(talk, message) : command(talk, "RSET", "RSET") == 0) {
        /* All refused and then closed is an outcome; half of a message is none. */
        if (n_accepted == 0)
            ims_send_run_outcome(talk->run, index);
        return FALSE;
    }
    return ims_send_run_outcome(talk->run, index);
}

/* ---- the connection ---- */

static gboolean
open_talk(Talk *talk, ImsTlsUse tls)
{
    ImsSendJob *job = talk->run->job;
    GError *error = NULL;
    int code;

    talk->wire = ims_wire_connect(&job->address, job->port, job->connect_timeout_sec, &error);
    if (talk->wire == NULL) {
        take_error(talk, "connect", error);
        return FALSE;
    }
    talk->run->connected = TRUE;
    ims_wire_set_timeout(talk->wire, job->command_timeout_sec);
    code = read_reply(talk, "greeting");
    if (code == 0)
        return FALSE;
    if (code != 220) {
        ims_send_run_set_error(talk->run, "greeting: %d %s", code, talk->reply->str);
        return FALSE;
    }
    if (!say_hello(talk))
        return FALSE;
    if (tls == IMS_TLS_REQUIRED && !talk->has_starttls) {
        ims_send_run_set_error(talk->run, "STARTTLS is not offered");
        return FALSE;
    }
    if (tls != IMS_TLS_NEVER && talk->has_starttls && !secure(talk))
        return FALSE;
    return job->auth_user == NULL || authenticate(talk);
}

/* FALSE: TLS failed, and it may be tried without. */
static gboolean
hold_talk(ImsSendRun *run, ImsTlsUse tls)
{
    Talk talk = {.run = run, .reply = g_string_new(NULL)};
    gboolean goes_on;

    g_clear_pointer(&run->error, g_free);
    goes_on = open_talk(&talk, tls);
    for (guint i = 0; goes_on && i < run->job->messages->len; i++) {
        if (!run->done[i])
            goes_on = send_message(&talk, i);
    }
    if (goes_on) {
        ims_wire_set_timeout(talk.wire, QUIT_TIMEOUT_SEC);
        if (ims_wire_write(talk.wire, "QUIT\r\n", 6, NULL))
            ims_wire_read_reply(talk.wire, talk.reply, NULL);
    }
    ims_wire_free(talk.wire);
    g_string_free(talk.reply, TRUE);
    return !talk.tls_failed;
}

void
ims_send_run_direct(ImsSendRun *run)
{
    if (!hold_talk(run, run->job->tls) && run->job->tls == IMS_TLS_OPPORTUNISTIC)
        hold_talk(run, IMS_TLS_NEVER);
}
