#include "ims/sender-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 4096 /* eight times what RFC 5321 4.5.3.1.5 allows */
#define MAX_LINES 128

struct _ImsWire {
    int fd;
    SSL *ssl; /* (nullable) */
    guint timeout_sec;
    gsize start, end; /* what of @buffer is not read yet */
    guint8 buffer[LINE_MAX_OCTETS];
};

G_DEFINE_QUARK(ims_wire_error, ims_wire_error)

/* Waits until the socket is ready or @deadline_usec is past. */
static gboolean
wait_for(ImsWire *wire, short events, gint64 deadline_usec, GError **error)
{
    struct pollfd poll_fd = {.fd = wire->fd, .events = events};

    for (;;) {
        gint64 left_usec = deadline_usec - g_get_monotonic_time();
        int ready;

        if (left_usec <= 0) {
            g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_TIMEOUT, "timed out");
            return FALSE;
        }
        ready = poll(&poll_fd, 1, (int)MIN(left_usec / 1000 + 1, G_MAXINT));
        if (ready > 0)
            return TRUE;
        if (ready < 0 && errno != EINTR) {
            g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_CLOSED, "poll: %s",
                        g_strerror(errno));
            return FALSE;
        }
    }
}

static gint64
deadline(const ImsWire *wire)
{
    return g_get_monotonic_time() + (gint64)wire->timeout_sec * G_USEC_PER_SEC;
}

static socklen_t
fill_address(const ImsAddress *address, guint16 port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = g_htons(port);
        memcpy(&in6->sin6_addr, address->bytes, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;

    in->sin_family = AF_INET;
    in->sin_port = g_htons(port);
    memcpy(&in->sin_addr, address->bytes, 4);
    return sizeof *in;
}

static gboolean
finish_connect(ImsWire *wire, GError **error)
{
    int failure = 0;
    socklen_t length = sizeof failure;

    if (!wait_for(wire, POLLOUT, deadline(wire), error))
        return FALSE;
    if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0)
        return TRUE;
    g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_CONNECT, "%s", g_strerror(failure));
    return FALSE;
}

ImsWire *
ims_wire_connect(const ImsAddress *address, guint16 port, guint timeout_sec, GError **error)
{
    g_autoptr(ImsWire) wire = g_new0(ImsWire, 1);
    struct sockaddr_storage socket_address;
    socklen_t length = fill_address(address, port, &socket_address);
    int yes = 1;

    wire->timeout_sec = timeout_sec;
    wire->fd = socket(socket_address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wire->fd < 0) {
        g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_CONNECT, "socket: %s", g_strerror(errno));
        return NULL;
    }
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(wire->fd, (const struct sockaddr *)&socket_address, length) == 0)
        return g_steal_pointer(&wire);
    if (errno != EINPROGRESS) {
        g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_CONNECT, "%s", g_strerror(errno));
        return NULL;
    }
    if (!finish_connect(wire, error))
        return NULL;
    return g_steal_pointer(&wire);
}

void
ims_wire_free(ImsWire *wire)
{
    if (wire == NULL)
        return;
    SSL_free(wire->ssl);
    if (wire->fd >= 0)
        close(wire->fd);
    g_free(wire);
}

void
ims_wire_set_timeout(ImsWire *wire, guint timeout_sec)
{
    wire->timeout_sec = timeout_sec;
}

/* ---- one step of the socket or of TLS; 0: wait and try again ---- */

static gssize
set_closed(GError **error, const char *why)
{
    g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_CLOSED, "%s", why);
    return -1;
}

/* What an SSL call wants before it is repeated. */
static gssize
judge_tls(ImsWire *wire, int result, short *events, GError **error)
{
    switch (SSL_get_error(wire->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return set_closed(error, "connection closed");
    default: {
        char text[256] = "";

        ERR_error_string_n(ERR_get_error(), text, sizeof text);
        ERR_clear_error();
        g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_TLS, "TLS: %s", text);
        return -1;
    }
    }
}

static gssize
write_some(ImsWire *wire, const guint8 *bytes, gsize length, short *events, GError **error)
{
    gssize written;

    if (wire->ssl != NULL) {
        int result = SSL_write(wire->ssl, bytes, (int)MIN(length, G_MAXINT32));

        return result > 0 ? result : judge_tls(wire, result, events, error);
    }
    written = send(wire->fd, bytes, length, MSG_NOSIGNAL);
    if (written >= 0)
        return written;
    *events = POLLOUT;
    return errno == EAGAIN || errno == EINTR ? 0 : set_closed(error, g_strerror(errno));
}

static gssize
read_some(ImsWire *wire, guint8 *bytes, gsize length, short *events, GError **error)
{
    gssize got;

    if (wire->ssl != NULL) {
        int result = SSL_read(wire->ssl, bytes, (int)length);

        return result > 0 ? result : judge_tls(wire, result, events, error);
    }
    got = recv(wire->fd, bytes, length, 0);
    if (got > 0)
        return got;
    if (got == 0)
        return set_closed(error, "connection closed");
    *events = POLLIN;
    return errno == EAGAIN || errno == EINTR ? 0 : set_closed(error, g_strerror(errno));
}

gboolean
ims_wire_start_tls(ImsWire *wire, SSL_CTX *context, const char *name, GError **error)
{
    gint64 until_usec = deadline(wire);

    /* What came in clear after the reply to STARTTLS is nobody's (RFC 3207 6). */
    wire->start = wire->end = 0;
    wire->ssl = SSL_new(context);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1 ||
        (name != NULL && SSL_set_tlsext_host_name(wire->ssl, name) != 1)) {
        ERR_clear_error();
        g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_TLS, "TLS: cannot be set up");
        return FALSE;
    }
    for (;;) {
        int result = SSL_connect(wire->ssl);
        short events = 0;

        if (result == 1)
            return TRUE;
        if (judge_tls(wire, result, &events, error) < 0 ||
            !wait_for(wire, events, until_usec, error)) {
            if (error != NULL && *error != NULL)
                (*error)->code = IMS_WIRE_ERROR_TLS;
            return FALSE;
        }
    }
}

gboolean
ims_wire_write(ImsWire *wire, const void *bytes, gsize length, GError **error)
{
    const guint8 *next = bytes;
    gint64 until_usec = deadline(wire);

    while (length > 0) {
        short events = 0;
        gssize written = write_some(wire, next, length, &events, error);

        if (written < 0 || (written == 0 && !wait_for(wire, events, until_usec, error)))
            return FALSE;
        /* Slow is not dead: the limit is for each piece the other side takes. */
        if (written > 0)
            until_usec = deadline(wire);
        next += written;
        length -= (gsize)written;
    }
    return TRUE;
}

/* A line without its end, up to CRLF or LF; valid until the next call. */
static char *
read_line(ImsWire *wire, gint64 until_usec, GError **error)
{
    for (;;) {
        guint8 *start = wire->buffer + wire->start;
        guint8 *feed = memchr(start, '\n', wire->end - wire->start);
        short events = 0;
        gssize got;

        if (feed != NULL) {
            wire->start = (gsize)(feed + 1 - wire->buffer);
            *feed = '\0';
            if (feed > start && feed[-1] == '\r')
                feed[-1] = '\0';
            return (char *)start;
        }
        memmove(wire->buffer, start, wire->end - wire->start);
        wire->end -= wire->start;
        wire->start = 0;
        if (wire->end == sizeof wire->buffer) {
            g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_PROTOCOL, "a reply line is too long");
            return NULL;
        }
        got = read_some(wire, wire->buffer + wire->end, sizeof wire->buffer - wire->end, &events,
                        error);
        if (got < 0 || (got == 0 && !wait_for(wire, events, until_usec, error)))
            return NULL;
        wire->end += (gsize)got;
    }
}

int
ims_wire_read_reply(ImsWire *wire, GString *text, GError **error)
{
    gint64 until_usec = deadline(wire);

    g_string_truncate(text, 0);
    for (guint i = 0; i < MAX_LINES; i++) {
        const char *line = read_line(wire, until_usec, error);

        if (line == NULL)
            return 0;
        if (!g_ascii_isdigit(line[0]) || !g_ascii_isdigit(line[1]) || !g_ascii_isdigit(line[2]) ||
            line[0] < '2' || line[0] > '5' ||
            (line[3] != '\0' && line[3] != ' ' && line[3] != '-')) {
            g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_PROTOCOL, "not an SMTP reply");
            return 0;
        }
        if (i > 0)
            g_string_append_c(text, '\n');
        if (line[3] != '\0')
            g_string_append(text, line + 4);
        if (line[3] != '-')
            return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    }
    g_set_error(error, IMS_WIRE_ERROR, IMS_WIRE_ERROR_PROTOCOL, "a reply has too many lines");
    return 0;
}
