#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/real-private.h"

/* The size of a TLS record; what leaves in one turn is gathered up to that. */
#define RECORD_SIZE (16u * 1024)
/* Full buffers that one connection may read in one turn. */
#define MAX_READS 4u
/* What a peer may send after the end before we stop listening to it. */
#define MAX_DRAINS 16u

typedef struct {
    ImsConn conn;
    ImsEpollEntry entry;
    ImsRealExecutor *worker;
    int fd;
    guint32 events;                                           /* asked for now */
    gboolean blocked;                                         /* the socket takes no more output */
    SSL *ssl;                                                 /* (nullable) */
    ImsTls *tls;                                              /* (nullable) */
    ImsSession *(*new_session)(ImsConn *conn, gpointer data); /* NULL once it was called */
    gpointer session_data;
    void (*gone)(const ImsAddress *peer, gpointer data);
    gpointer gone_data;
} SocketConn;

/* ---- readiness ---- */

static void
update_events(SocketConn *self)
{
    struct epoll_event event = {.data = {.ptr = &self->entry}};

    event.events = (self->conn.reading ? EPOLLIN : 0u) | (self->blocked ? EPOLLOUT : 0u);
    if (event.events == self->events)
        return;
    self->events = event.events;
    if (epoll_ctl(self->worker->epoll_fd, EPOLL_CTL_MOD, self->fd, &event) < 0)
        ims_conn_abort(&self->conn);
}

static void
set_blocked(SocketConn *self, gboolean blocked)
{
    self->blocked = blocked;
    update_events(self);
}

/* ---- bytes ---- */

/* For reading and writing alike: 0 is "not now", -1 broken; an orderly end sets *@eof_out. */
static gssize
ssl_outcome(SocketConn *self, int result, gboolean *eof_out)
{
    int reason = SSL_get_error(self->ssl, result);

    ERR_clear_error();
    switch (reason) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        set_blocked(self, TRUE);
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        *eof_out = TRUE;
        return 0;
    default:
        return -1;
    }
}

static gssize
read_some(SocketConn *self, guint8 *bytes, gsize room, gboolean *eof_out)
{
    gssize got;

    if (self->ssl != NULL) {
        int result;

        ERR_clear_error();
        result = SSL_read(self->ssl, bytes, (int)room);
        return result > 0 ? result : ssl_outcome(self, result, eof_out);
    }
    do
        got = recv(self->fd, bytes, room, 0);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        *eof_out = TRUE;
    return got >= 0 ? got : errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/* What OpenSSL holds back no descriptor will tell of, so that must be read now. */
static gboolean
must_go_on(SocketConn *self)
{
    return self->ssl != NULL && SSL_pending(self->ssl) > 0;
}

static gboolean
may_have_more(SocketConn *self, gsize got, gsize room)
{
    return got == room || (self->ssl != NULL && got == RECORD_SIZE);
}

static void
read_input(SocketConn *self)
{
    gsize room;

    for (guint i = 0; (room = ims_conn_room(&self->conn)) > 0; i++) {
        gboolean eof = FALSE;
        gssize got;

        room = MIN(room, IMS_SCRATCH_SIZE);
        got = read_some(self, self->worker->scratch, room, &eof);
        if (got < 0) {
            ims_conn_abort(&self->conn);
            return;
        }
        if (got > 0)
            ims_conn_received(&self->conn, self->worker->scratch, (gsize)got);
        if (eof)
            ims_conn_peer_eof(&self->conn);
        if (got == 0 ||
            (!must_go_on(self) && (!may_have_more(self, (gsize)got, room) || i >= MAX_READS)))
            return;
    }
}

static gssize
write_plain(SocketConn *self, const struct iovec *pieces, guint n_pieces)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = n_pieces};
    gssize sent;

    do
        sent = sendmsg(self->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return -1;
    set_blocked(self, TRUE);
    return 0;
}

/*
 * Small pieces are gathered, so that all replies of a turn are one record and one write. After "not
 * now" OpenSSL wants the same bytes again, at least as many: the chain only grows at its end, so it
 * gets them.
 */
static gssize
write_tls(SocketConn *self, const struct iovec *pieces, guint n_pieces)
{
    const guint8 *record = pieces[0].iov_base;
    gsize length = MIN(pieces[0].iov_len, RECORD_SIZE);
    gboolean eof = FALSE;
    int result;

    if (length < RECORD_SIZE && n_pieces > 1) {
        length = 0;
        for (guint i = 0; i < n_pieces && length < RECORD_SIZE; i++) {
            gsize part = MIN(pieces[i].iov_len, RECORD_SIZE - length);

            memcpy(self->worker->scratch + length, pieces[i].iov_base, part);
            length += part;
        }
        record = self->worker->scratch;
    }
    ERR_clear_error();
    result = SSL_write(self->ssl, record, (int)length);
    if (result > 0)
        return result;
    return ssl_outcome(self, result, &eof) < 0 || eof ? -1 : 0;
}

static gssize
socket_write(ImsConn *conn, const struct iovec *pieces, guint n_pieces)
{
    SocketConn *self = (SocketConn *)conn;

    if (self->blocked)
        return 0;
    return self->ssl != NULL ? write_tls(self, pieces, n_pieces)
                             : write_plain(self, pieces, n_pieces);
}

/* ---- TLS ---- */

static gboolean
socket_can_start_tls(ImsConn *conn)
{
    return ((SocketConn *)conn)->tls != NULL;
}

static void
make_session(SocketConn *self)
{
    ImsSession *(*new_session)(ImsConn *, gpointer) = self->new_session;

    self->new_session = NULL;
    ims_conn_set_session(&self->conn, new_session(&self->conn, self->session_data));
}

static void
go_on_with_handshake(SocketConn *self)
{
    gboolean eof = FALSE;
    int result;

    ERR_clear_error();
    result = SSL_accept(self->ssl);
    if (result == 1) {
        ims_conn_tls_done(&self->conn, SSL_get_version(self->ssl),
                          SSL_CIPHER_get_name(SSL_get_current_cipher(self->ssl)));
        if (self->new_session != NULL)
            make_session(self);
        if (SSL_has_pending(self->ssl))
            read_input(self);
    } else if (ssl_outcome(self, result, &eof) < 0 || eof) {
        ims_conn_abort(&self->conn);
    }
}

static void
socket_start_tls(ImsConn *conn)
{
    SocketConn *self = (SocketConn *)conn;

    self->ssl = ims_tls_new_server(self->tls, self->fd);
    if (self->ssl == NULL)
        ims_conn_abort(conn);
    else
        go_on_with_handshake(self);
}

/* ---- the end ---- */

/* The peer may have sent more than we read: closing at once would reset the connection and lose our
 * last reply. */
static gboolean
drain(SocketConn *self)
{
    for (guint i = 0; i < MAX_DRAINS; i++) {
        gssize got = recv(self->fd, self->worker->scratch, IMS_SCRATCH_SIZE, MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
            return TRUE;
        if (got < 0 && errno != EINTR)
            return FALSE;
    }
    return TRUE;
}

static gboolean
socket_finish(ImsConn *conn)
{
    SocketConn *self = (SocketConn *)conn;

    if (self->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(self->ssl);
        ERR_clear_error();
    }
    if (shutdown(self->fd, SHUT_WR) < 0)
        return TRUE;
    return drain(self) || conn->eof || conn->loop->stopping;
}

static void
socket_destroy(ImsConn *conn)
{
    SocketConn *self = (SocketConn *)conn;

    g_clear_pointer(&self->ssl, SSL_free);
    close(self->fd); /* leaves the epoll descriptor with it */
    ims_tls_unref(self->tls);
    if (self->gone != NULL)
        self->gone(&conn->info.peer, self->gone_data);
    g_free(self);
}

/* ---- the loop ---- */

static void
socket_set_reading(ImsConn *conn, gboolean on)
{
    SocketConn *self = (SocketConn *)conn;

    update_events(self);
    if (on && self->ssl != NULL && !conn->handshake && SSL_pending(self->ssl) > 0)
        read_input(self);
}

static void
socket_ready(ImsEpollEntry *entry, guint32 events)
{
    SocketConn *self = (SocketConn *)((guint8 *)entry - offsetof(SocketConn, entry));
    ImsConn *conn = &self->conn;

    if (ims_conn_is_dead(conn))
        return;
    if (self->blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
        set_blocked(self, FALSE);
        ims_conn_writable(conn);
    }
    if (conn->handshake && self->ssl != NULL)
        go_on_with_handshake(self);
    else if (conn->state == IMS_CONN_LINGERS && drain(self))
        ims_conn_abort(conn);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && ims_conn_room(conn) > 0)
        read_input(self);
    else if (events & (EPOLLHUP | EPOLLERR))
        ims_conn_abort(
            conn); /* both directions are shut, or it was reset; nothing can be sent any more */
}

static const ImsConnTransport socket_transport = {
    .write = socket_write,
    .set_reading = socket_set_reading,
    .can_start_tls = socket_can_start_tls,
    .start_tls = socket_start_tls,
    .finish = socket_finish,
    .destroy = socket_destroy,
};

void
ims_socket_conn_open(ImsRealExecutor *worker, const ImsSocketOptions *options)
{
    SocketConn *self = g_new0(SocketConn, 1);
    struct epoll_event event = {.events = 0, .data = {.ptr = &self->entry}};

    self->entry.ready = socket_ready;
    self->worker = worker;
    self->fd = options->fd;
    self->tls = options->tls != NULL ? ims_tls_ref(options->tls) : NULL;
    self->new_session = options->new_session;
    self->session_data = options->session_data;
    self->gone = options->gone;
    self->gone_data = options->gone_data;
    ims_conn_init(&self->conn, &socket_transport, worker->world, (ImsExecutor *)worker,
                  &worker->conns, &options->info);
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, self->fd, &event) < 0) {
        ims_conn_abort(&self->conn);
    } else if (options->implicit_tls) {
        ims_conn_begin_handshake(&self->conn);
        socket_start_tls(&self->conn);
    } else {
        make_session(self);
    }
}
