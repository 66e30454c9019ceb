/* A mailbox that the open-relay test looks into, by POP3. */
#include <config.h>

#include "tools/relaytest-net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_MAX 200u
#define MESSAGE_KEPT_BYTES (256u * 1024u)
#define MESSAGE_READ_BYTES (16u * 1024u * 1024u)
#define LINE_KEPT_BYTES 4096u

typedef struct {
    int fd;
    gint64 deadline_usec, reply_usec;
    guint8 buffer[16384];
    gsize used, filled;
    GString *line; /* the last read, without its end */
} Pop3;

static const char url_scheme[] = "pop3://";

ImsRelaytestMailbox *
ims_relaytest_mailbox_new(const char *url, GError **error)
{
    g_autoptr(ImsRelaytestMailbox) mailbox = g_new0(ImsRelaytestMailbox, 1);
    const char *at = strrchr(url, '@');

    if (!g_str_has_prefix(url, url_scheme) || at == NULL || at == url + strlen(url_scheme)) {
        g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_ADDRESS,
                    "%s: pop3://user@host:port is expected", url);
        return NULL;
    }
    mailbox->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    url += strlen(url_scheme);
    {
        g_autofree char *escaped = g_strndup(url, (gsize)(at - url));

        mailbox->user = g_uri_unescape_string(escaped, NULL);
    }
    if (mailbox->user == NULL || strpbrk(mailbox->user, "\r\n") != NULL) {
        g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_ADDRESS,
                    "pop3://%s: the user's name is not readable", url);
        return NULL;
    }
    mailbox->peer = ims_relaytest_peer_new(at + 1, 110, error);
    return mailbox->peer != NULL ? g_steal_pointer(&mailbox) : NULL;
}

void
ims_relaytest_mailbox_free(ImsRelaytestMailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    g_free(mailbox->user);
    if (mailbox->password != NULL)
        explicit_bzero(mailbox->password, strlen(mailbox->password));
    g_free(mailbox->password);
    ims_relaytest_peer_free(mailbox->peer);
    g_clear_pointer(&mailbox->seen, g_hash_table_unref);
    g_free(mailbox);
}

/* ---- lines ---- */

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
fail(GError **error, const char *format, ...)
{
    va_list arguments;

    if (error != NULL) {
        va_start(arguments, format);
        *error =
            g_error_new_valist(IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_MAILBOX, format, arguments);
        va_end(arguments);
    }
    return FALSE;
}

static gboolean
wait_for(Pop3 *pop3, short events, GError **error)
{
    for (;;) {
        struct pollfd wait = {.fd = pop3->fd, .events = events};
        gint64 left = (pop3->deadline_usec - g_get_monotonic_time()) / 1000;
        int n = left > 0 ? poll(&wait, 1, (int)MIN(left, G_MAXINT)) : 0;

        if (n > 0)
            return TRUE;
        if (n == 0)
            return fail(error, "the mailbox does not answer");
        if (errno != EINTR)
            return fail(error, "the mailbox: %s", g_strerror(errno));
    }
}

static gboolean
fill(Pop3 *pop3, GError **error)
{
    gssize n;

    for (;;) {
        if (!wait_for(pop3, POLLIN, error))
            return FALSE;
        n = recv(pop3->fd, pop3->buffer, sizeof pop3->buffer, 0);
        if (n > 0)
            break;
        if (n == 0)
            return fail(error, "the mailbox's server closed the connection");
        if (errno != EAGAIN && errno != EINTR)
            return fail(error, "the mailbox: %s", g_strerror(errno));
    }
    pop3->used = 0;
    pop3->filled = (gsize)n;
    return TRUE;
}

/* Reads one line; what is beyond the limit of a line is dropped. */
static gboolean
read_line(Pop3 *pop3, GError **error)
{
    g_string_truncate(pop3->line, 0);
    for (;;) {
        const guint8 *start, *end;
        gsize n, room = LINE_KEPT_BYTES - pop3->line->len;

        if (pop3->used == pop3->filled && !fill(pop3, error))
            return FALSE;
        start = pop3->buffer + pop3->used;
        end = memchr(start, '\n', pop3->filled - pop3->used);
        n = end != NULL ? (gsize)(end - start) : pop3->filled - pop3->used;
        g_string_append_len(pop3->line, (const char *)start, (gssize)MIN(n, room));
        pop3->used += n + (end != NULL);
        if (end == NULL)
            continue;
        if (pop3->line->len > 0 && pop3->line->str[pop3->line->len - 1] == '\r')
            g_string_truncate(pop3->line, pop3->line->len - 1);
        return TRUE;
    }
}

/* Sends @format and reads the answer's first line. FALSE: no +OK. */
static gboolean G_GNUC_PRINTF(3, 4) command(Pop3 *pop3, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *shown = NULL;
    gsize length, sent = 0;
    gboolean ok;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    length = strlen(text);
    pop3->deadline_usec = g_get_monotonic_time() + pop3->reply_usec;
    while (sent < length) {
        gssize n = send(pop3->fd, text + sent, length - sent, MSG_NOSIGNAL);

        if (n >= 0)
            sent += (gsize)n;
        else if (errno != EAGAIN && errno != EINTR)
            break;
        else if (!wait_for(pop3, POLLOUT, NULL))
            break;
    }
    explicit_bzero(text, length);
    if (sent < length)
        return fail(error, "the mailbox: %s", g_strerror(errno));
    if (!read_line(pop3, error))
        return FALSE;
    ok = strncmp(pop3->line->str, "+OK", 3) == 0;
    shown = ok ? NULL : ims_relaytest_printable(pop3->line->str, (gssize)pop3->line->len, 200);
    return ok || fail(error, "the mailbox answers: %s", shown);
}

/* ---- looking ---- */

/* (transfer full) The unique names of its newest messages: "NUMBER NAME". NULL: failed. */
static GPtrArray *
list_messages(Pop3 *pop3, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    gsize total = 0;

    if (!command(pop3, error, "UIDL\r\n"))
        return NULL;
    for (;;) {
        if (!read_line(pop3, error))
            return NULL;
        total += pop3->line->len + 1;
        if (total > MESSAGE_READ_BYTES) {
            fail(error, "the mailbox's list is too long");
            return NULL;
        }
        if (strcmp(pop3->line->str, ".") == 0)
            return g_steal_pointer(&list);
        if (list->len >= MESSAGES_MAX)
            g_ptr_array_remove_index(list, 0);
        g_ptr_array_add(list, g_strdup(pop3->line->str));
    }
}

/* One message, its beginning. */
static gboolean
read_message(Pop3 *pop3, guint number, GByteArray *message, GError **error)
{
    gsize total = 0;

    if (!command(pop3, error, "RETR %u\r\n", number))
        return FALSE;
    for (;;) {
        const char *line;
        gsize length;

        if (!read_line(pop3, error))
            return FALSE;
        line = pop3->line->str;
        length = pop3->line->len;
        total += length + 1;
        if (total > MESSAGE_READ_BYTES)
            return fail(error, "message %u of the mailbox is too long", number);
        if (strcmp(line, ".") == 0 && length == 1)
            return TRUE;
        if (length > 0 && *line == '.') {
            line++;
            length--;
        }
        if (message->len + length + 1 > MESSAGE_KEPT_BYTES)
            continue;
        g_byte_array_append(message, (const guint8 *)line, (guint)length);
        g_byte_array_append(message, (const guint8 *)"\n", 1);
    }
}

static gboolean
look_at(Pop3 *pop3, ImsRelaytestMailbox *mailbox, ImsRelaytest *relaytest, const char *entry,
        GError **error)
{
    g_autoptr(GByteArray) message = g_byte_array_new();
    const char *blank = strchr(entry, ' ');
    g_autofree char *digits = g_strndup(entry, blank != NULL ? (gsize)(blank - entry) : 0);
    guint64 number;

    if (!g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT, &number, NULL))
        return fail(error, "the mailbox's list is not readable");
    if (g_hash_table_contains(mailbox->seen, blank + 1))
        return TRUE;
    if (!read_message(pop3, (guint)number, message, error))
        return FALSE;
    g_hash_table_add(mailbox->seen, g_strdup(blank + 1));
    if (mailbox->is_own)
        ims_relaytest_own_message(relaytest, message->data, message->len);
    else
        ims_relaytest_message(relaytest, NULL, message->data, message->len);
    return TRUE;
}

static gboolean
look(Pop3 *pop3, ImsRelaytestMailbox *mailbox, ImsRelaytest *relaytest, GError **error)
{
    g_autoptr(GPtrArray) list = NULL;

    pop3->deadline_usec = g_get_monotonic_time() + pop3->reply_usec;
    if (!read_line(pop3, error))
        return FALSE;
    if (strncmp(pop3->line->str, "+OK", 3) != 0)
        return fail(error, "the mailbox does not greet as POP3 does");
    if (!command(pop3, error, "USER %s\r\n", mailbox->user) ||
        !command(pop3, error, "PASS %s\r\n", mailbox->password != NULL ? mailbox->password : ""))
        return FALSE;
    list = list_messages(pop3, error);
    if (list == NULL)
        return FALSE;
    for (guint i = list->len; i > 0; i--)
        if (!look_at(pop3, mailbox, relaytest, list->pdata[i - 1], error))
            return FALSE;
    command(pop3, NULL, "QUIT\r\n");
    return TRUE;
}

gboolean
ims_relaytest_mailbox_look(ImsRelaytestMailbox *mailbox, ImsRelaytest *relaytest, guint reply_sec,
                           GError **error)
{
    Pop3 *pop3 = g_new0(Pop3, 1);
    gboolean ok = FALSE;

    pop3->reply_usec = (gint64)reply_sec * G_USEC_PER_SEC;
    pop3->line = g_string_new(NULL);
    pop3->fd = ims_relaytest_connect(&g_array_index(mailbox->peer->addresses, ImsAddress, 0),
                                     mailbox->peer->port, g_get_monotonic_time() + pop3->reply_usec,
                                     error);
    if (pop3->fd >= 0) {
        ok = look(pop3, mailbox, relaytest, error);
        close(pop3->fd);
    }
    g_string_free(pop3->line, TRUE);
    g_free(pop3);
    return ok;
}
