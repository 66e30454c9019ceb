#include "smtp-sink.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct _SmtpSink {
    const SmtpSinkScript *script;
    int fd;
    guint16 port;
    GThread *thread;
    gint stopping;  /* atomic */
    GMutex lock;    /* guards @connection and what follows */
    int connection; /* -1: none */
    GString *commands;
    GPtrArray *messages;
};

typedef struct {
    SmtpSink *sink;
    int fd;
    SSL *ssl;
    guint8 buffer[4096];
    gsize start, end;
} Peer;

/* ---- octets ---- */

static int
get(Peer *peer)
{
    if (peer->start == peer->end) {
        gssize got = peer->ssl != NULL ? SSL_read(peer->ssl, peer->buffer, sizeof peer->buffer)
                                       : recv(peer->fd, peer->buffer, sizeof peer->buffer, 0);

        if (got <= 0)
            return -1;
        peer->start = 0;
        peer->end = (gsize)got;
    }
    return peer->buffer[peer->start++];
}

static void
put(Peer *peer, const char *text)
{
    if (peer->ssl != NULL)
        SSL_write(peer->ssl, text, (int)strlen(text));
    else
        send(peer->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
put_line(Peer *peer, const char *text)
{
    g_autofree char *line = g_strdup_printf("%s\r\n", text);

    put(peer, line);
}

/* Up to and with CRLF. FALSE: closed before. */
static gboolean
get_line(Peer *peer, GString *line)
{
    g_string_truncate(line, 0);
    for (;;) {
        int c = get(peer);

        if (c < 0)
            return FALSE;
        g_string_append_c(line, (char)c);
        if (c == '\n' && line->len >= 2 && line->str[line->len - 2] == '\r')
            return TRUE;
    }
}

/* ---- messages ---- */

static void
keep(SmtpSink *sink, GString *message)
{
    g_mutex_lock(&sink->lock);
    g_ptr_array_add(sink->messages, g_string_free_to_bytes(message));
    g_mutex_unlock(&sink->lock);
}

static gboolean
answer_end(Peer *peer)
{
    const char *reply = peer->sink->script->end_of_data;

    if (reply != NULL && *reply == '\0')
        return FALSE;
    put_line(peer, reply != NULL ? reply : "250 OK");
    return TRUE;
}

static gboolean
take_data(Peer *peer)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GString) message = g_string_new(NULL);
    gsize limit = peer->sink->script->close_in_data;

    put_line(peer, "354 Go on");
    while (get_line(peer, line)) {
        if (strcmp(line->str, ".\r\n") == 0 && line->len == 3) {
            keep(peer->sink, g_steal_pointer(&message));
            return answer_end(peer);
        }
        g_string_append_len(message, line->str + (line->str[0] == '.'),
                            (gssize)line->len - (line->str[0] == '.'));
        if (limit != 0 && message->len >= limit) {
            if (peer->sink->script->end_of_data != NULL)
                put_line(peer, peer->sink->script->end_of_data);
            return FALSE;
        }
    }
    return FALSE;
}

/* One BDAT; the message grows in @message until LAST. */
static gboolean
take_bdat(Peer *peer, const char *command, GString **message)
{
    guint64 size = g_ascii_strtoull(command + 5, NULL, 10);

    if (*message == NULL)
        *message = g_string_new(NULL);
    for (guint64 i = 0; i < size; i++) {
        int c = get(peer);

        if (c < 0)
            return FALSE;
        g_string_append_c(*message, (char)c);
    }
    if (strstr(command, "LAST") == NULL) {
        put_line(peer, "250 chunk");
        return TRUE;
    }
    keep(peer->sink, g_steal_pointer(message));
    return answer_end(peer);
}

/* ---- commands ---- */

static void
put_ehlo(Peer *peer)
{
    const SmtpSinkScript *script = peer->sink->script;
    g_auto(GStrv) lines =
        g_strsplit(script->extensions != NULL ? script->extensions : "", "\n", -1);
    g_autoptr(GString) reply = g_string_new("250-sink.example\r\n");

    for (guint i = 0; lines[i] != NULL; i++)
        g_string_append_printf(reply, "250-%s\r\n", lines[i]);
    if (script->tls != NULL && peer->ssl == NULL)
        g_string_append(reply, "250-STARTTLS\r\n");
    g_string_append(reply, "250 HELP\r\n");
    put(peer, reply->str);
}

static gboolean
start_tls(Peer *peer)
{
    put_line(peer, "220 Go on");
    peer->start = peer->end = 0;
    peer->ssl = SSL_new(peer->sink->script->tls);
    return SSL_set_fd(peer->ssl, peer->fd) == 1 && SSL_accept(peer->ssl) == 1;
}

static gboolean
run_command(Peer *peer, const char *command, GString **bdat)
{
    const SmtpSinkScript *script = peer->sink->script;

    for (guint i = 0; i < SMTP_SINK_MAX_RULES && script->rules[i].command != NULL; i++) {
        if (!g_str_has_prefix(command, script->rules[i].command))
            continue;
        if (script->rules[i].reply == NULL)
            return FALSE;
        put_line(peer, script->rules[i].reply);
        return TRUE;
    }
    if (g_str_has_prefix(command, "EHLO"))
        put_ehlo(peer);
    else if (g_str_has_prefix(command, "DATA"))
        return take_data(peer);
    else if (g_str_has_prefix(command, "BDAT"))
        return take_bdat(peer, command, bdat);
    else if (g_str_has_prefix(command, "STARTTLS") && script->tls != NULL)
        return start_tls(peer);
    else if (g_str_has_prefix(command, "QUIT")) {
        put_line(peer, "221 Bye");
        return FALSE;
    } else
        put_line(peer, "250 OK");
    return TRUE;
}

static void
note(SmtpSink *sink, const char *text)
{
    g_mutex_lock(&sink->lock);
    g_string_append_printf(sink->commands, "%s\n", text);
    g_mutex_unlock(&sink->lock);
}

static void
serve(SmtpSink *sink, int fd)
{
    Peer peer = {.sink = sink, .fd = fd};
    g_autoptr(GString) line = g_string_new(NULL);
    GString *bdat = NULL;

    note(sink, "+");
    if (!sink->script->silent)
        put_line(&peer,
                 sink->script->greeting != NULL ? sink->script->greeting : "220 sink.example");
    while (get_line(&peer, line)) {
        g_string_truncate(line, line->len - 2);
        note(sink, line->str);
        if (!run_command(&peer, line->str, &bdat))
            break;
    }
    if (bdat != NULL)
        g_string_free(bdat, TRUE);
    SSL_free(peer.ssl);
}

static gpointer
run(gpointer data)
{
    SmtpSink *sink = data;

    for (;;) {
        int fd = accept(sink->fd, NULL, NULL);

        if (fd < 0 || g_atomic_int_get(&sink->stopping) != 0) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        g_mutex_lock(&sink->lock);
        sink->connection = fd;
        g_mutex_unlock(&sink->lock);
        serve(sink, fd);
        g_mutex_lock(&sink->lock);
        sink->connection = -1;
        close(fd);
        g_mutex_unlock(&sink->lock);
    }
}

/* ---- made and freed ---- */

static gboolean
listen_on_loopback(SmtpSink *sink)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {g_htonl(INADDR_LOOPBACK)}};
    gboolean ipv6 = sink->script->ipv6;
    struct sockaddr *address = ipv6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t length = ipv6 ? sizeof six : sizeof four;

    sink->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sink->fd < 0 || bind(sink->fd, address, length) != 0 || listen(sink->fd, 16) != 0 ||
        getsockname(sink->fd, address, &length) != 0)
        return FALSE;
    sink->port = g_ntohs(ipv6 ? six.sin6_port : four.sin_port);
    return TRUE;
}

SmtpSink *
smtp_sink_new(const SmtpSinkScript *script)
{
    SmtpSink *sink = g_new0(SmtpSink, 1);

    sink->script = script;
    sink->connection = -1;
    if (!listen_on_loopback(sink)) {
        if (sink->fd >= 0)
            close(sink->fd);
        g_free(sink);
        return NULL;
    }
    g_mutex_init(&sink->lock);
    sink->commands = g_string_new(NULL);
    sink->messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    sink->thread = g_thread_new("smtp-sink", run, sink);
    return sink;
}

void
smtp_sink_free(SmtpSink *sink)
{
    if (sink == NULL)
        return;
    g_atomic_int_set(&sink->stopping, 1);
    shutdown(sink->fd, SHUT_RDWR);
    g_mutex_lock(&sink->lock);
    if (sink->connection >= 0)
        shutdown(sink->connection, SHUT_RDWR);
    g_mutex_unlock(&sink->lock);
    g_thread_join(sink->thread);
    close(sink->fd);
    g_mutex_clear(&sink->lock);
    g_string_free(sink->commands, TRUE);
    g_ptr_array_unref(sink->messages);
    g_free(sink);
}

guint16
smtp_sink_port(SmtpSink *sink)
{
    return sink->port;
}

char *
smtp_sink_take_commands(SmtpSink *sink)
{
    char *text;

    g_mutex_lock(&sink->lock);
    text = g_strdup(sink->commands->str);
    g_string_truncate(sink->commands, 0);
    g_mutex_unlock(&sink->lock);
    return text;
}

GPtrArray *
smtp_sink_take_messages(SmtpSink *sink)
{
    GPtrArray *messages;

    g_mutex_lock(&sink->lock);
    messages = sink->messages;
    sink->messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_mutex_unlock(&sink->lock);
    return messages;
}
