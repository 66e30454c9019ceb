/* The loop of the open-relay test: one connection to the server, some to the sink. */
#include <config.h>

#include "tools/relaytest-net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SINK_CONNECTIONS_MAX 16u
#define SINK_IDLE_SEC 60

/* A connection to the sink. */
typedef struct {
    int fd;
    gint64 deadline_usec;
    GByteArray *unsent;
    ImsRelaytestSink *sink;
} Guest;

struct _ImsRelaytestNet {
    ImsRelaytest *relaytest;
    gint64 reply_usec, end_usec;
    int listener; /* -1: no sink */
    GPtrArray *guests;
};

static void
guest_free(gpointer data)
{
    Guest *guest = data;

    close(guest->fd);
    g_byte_array_unref(guest->unsent);
    ims_relaytest_sink_free(guest->sink);
    g_free(guest);
}

ImsRelaytestNet *
ims_relaytest_net_new(ImsRelaytest *relaytest, guint reply_sec, guint total_sec)
{
    ImsRelaytestNet *net = g_new0(ImsRelaytestNet, 1);

    net->relaytest = relaytest;
    net->reply_usec = (gint64)reply_sec * G_USEC_PER_SEC;
    net->end_usec = g_get_monotonic_time() + (gint64)total_sec * G_USEC_PER_SEC;
    net->listener = -1;
    net->guests = g_ptr_array_new_with_free_func(guest_free);
    return net;
}

void
ims_relaytest_net_free(ImsRelaytestNet *net)
{
    if (net == NULL)
        return;
    g_ptr_array_unref(net->guests);
    if (net->listener >= 0)
        close(net->listener);
    g_free(net);
}

gboolean
ims_relaytest_net_listen(ImsRelaytestNet *net, const ImsRelaytestPeer *peer, GError **error)
{
    struct sockaddr_storage storage;
    const ImsAddress *address = &g_array_index(peer->addresses, ImsAddress, 0);
    socklen_t length = ims_relaytest_sockaddr(address, peer->port, &storage);
    int yes = 1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&storage, length) != 0 || listen(fd, 64) != 0) {
        g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_SOCKET,
                    "the sink cannot listen on %s port %u: %s", peer->host, peer->port,
                    g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    net->listener = fd;
    return TRUE;
}

/* ---- the sink's connections ---- */

static void
sink_message(const char *recipient, const guint8 *bytes, gsize length, gpointer user_data)
{
    ImsRelaytestNet *net = user_data;

    ims_relaytest_message(net->relaytest, recipient, bytes, length);
}

static void
add_guest(ImsRelaytestNet *net)
{
    int fd = accept4(net->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Guest *guest;

    if (fd < 0)
        return;
    guest = g_new0(Guest, 1);
    guest->fd = fd;
    guest->deadline_usec = g_get_monotonic_time() + (gint64)SINK_IDLE_SEC * G_USEC_PER_SEC;
    guest->unsent = g_byte_array_new();
    guest->sink = ims_relaytest_sink_new(sink_message, net);
    g_ptr_array_add(net->guests, guest);
}

/* Sends what it can. FALSE: the connection is gone. */
static gboolean
send_some(int fd, GByteArray *unsent)
{
    gssize n;

    if (unsent->len == 0)
        return TRUE;
    n = send(fd, unsent->data, unsent->len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    g_byte_array_remove_range(unsent, 0, (guint)n);
    return TRUE;
}

static void
take_output(GByteArray *unsent, GBytes *bytes)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(bytes, &length);

    if (length > 0)
        g_byte_array_append(unsent, data, (guint)length);
    g_bytes_unref(bytes);
}

/* FALSE: it is over with this one. */
static gboolean
serve_guest(Guest *guest, short events)
{
    guint8 buffer[16384];
    gssize n;

    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        n = recv(guest->fd, buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return FALSE;
        if (n > 0) {
            ims_relaytest_sink_feed(guest->sink, buffer, (gsize)n);
            guest->deadline_usec = g_get_monotonic_time() + (gint64)SINK_IDLE_SEC * G_USEC_PER_SEC;
        }
    }
    take_output(guest->unsent, ims_relaytest_sink_take_output(guest->sink));
    if (!send_some(guest->fd, guest->unsent) || guest->deadline_usec < g_get_monotonic_time())
        return FALSE;
    return guest->unsent->len > 0 || !ims_relaytest_sink_wants_close(guest->sink);
}

/*
 * Waits for @events of @fd (-1: of none), serving the sink meanwhile. Returns what came of them; 0
 * at @deadline_usec, or after at most a second with @fd -1.
 */
static short
wait_serving(ImsRelaytestNet *net, int fd, short events, gint64 deadline_usec)
{
    for (;;) {
        struct pollfd fds[2 + SINK_CONNECTIONS_MAX];
        nfds_t n = 2;
        gint64 left = (deadline_usec - g_get_monotonic_time() + 999) / 1000;

        if (left <= 0)
            return 0;
        fds[0] = (struct pollfd){.fd = fd, .events = events};
        fds[1] = (struct pollfd){.fd = net->guests->len < SINK_CONNECTIONS_MAX ? net->listener : -1,
                                 .events = POLLIN};
        for (guint i = 0; i < net->guests->len; i++) {
            const Guest *guest = net->guests->pdata[i];

            fds[n++] = (struct pollfd){
                .fd = guest->fd,
                .events = (short)(POLLIN | (guest->unsent->len > 0 ? POLLOUT : 0)),
            };
        }
        if (poll(fds, n, (int)MIN(left, 1000)) < 0 && errno != EINTR)
            return POLLERR;
        for (guint i = net->guests->len; i > 0; i--)
            if (!serve_guest(net->guests->pdata[i - 1], fds[i + 1].revents))
                g_ptr_array_remove_index_fast(net->guests, i - 1);
        if ((fds[1].revents & POLLIN) != 0)
            add_guest(net);
        if (fds[0].revents != 0 || fd < 0)
            return fds[0].revents;
    }
}

/* ---- the connection to the server ---- */

/* The dialogue on one connection, until one side closes it. (transfer full): why */
static char *
talk(ImsRelaytestNet *net, int fd, ImsRelaytestProgress progress, gpointer user_data)
{
    g_autoptr(GByteArray) unsent = g_byte_array_new();
    gint64 deadline = MIN(g_get_monotonic_time() + net->reply_usec, net->end_usec);

    for (;;) {
        guint8 buffer[16384];
        gssize n;
        short events;

        take_output(unsent, ims_relaytest_take_output(net->relaytest));
        if (!send_some(fd, unsent))
            return g_strdup_printf("sending: %s", g_strerror(errno));
        if (ims_relaytest_wants_close(net->relaytest) && unsent->len == 0)
            return NULL;
        events = wait_serving(net, fd, (short)(POLLIN | (unsent->len > 0 ? POLLOUT : 0)), deadline);
        if (events == 0)
            return g_strdup_printf("no answer within %d s",
                                   (int)(net->reply_usec / G_USEC_PER_SEC));
        if ((events & ~POLLOUT) == 0)
            continue;
        n = recv(fd, buffer, sizeof buffer, 0);
        if (n == 0)
            return g_strdup("the server closed the connection");
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return g_strdup_printf("receiving: %s", g_strerror(errno));
        if (n <= 0)
            continue;
        ims_relaytest_feed(net->relaytest, buffer, (gsize)n);
        progress(net->relaytest, user_data);
        /* The answer as a whole has its time, not each of its bytes. */
        take_output(unsent, ims_relaytest_take_output(net->relaytest));
        if (unsent->len > 0)
            deadline = MIN(g_get_monotonic_time() + net->reply_usec, net->end_usec);
    }
}

static char *
literal_text(const ImsAddress *address)
{
    char text[IMS_ADDRESS_STRLEN];

    return g_strconcat(address->family == 6 ? "IPv6:" : "", ims_address_format(address, text),
                       NULL);
}

static int
connect_any(const ImsRelaytestNet *net, const ImsRelaytestPeer *peer, char **literal_out,
            GError **error)
{
    for (guint i = 0; i < peer->addresses->len; i++) {
        const ImsAddress *address = &g_array_index(peer->addresses, ImsAddress, i);
        gint64 deadline = MIN(g_get_monotonic_time() + net->reply_usec, net->end_usec);
        int fd;

        g_clear_error(error);
        fd = ims_relaytest_connect(address, peer->port, deadline, error);
        if (fd >= 0) {
            *literal_out = literal_text(address);
            return fd;
        }
    }
    return -1;
}

void
ims_relaytest_net_run(ImsRelaytestNet *net, const ImsRelaytestPeer *peer,
                      ImsRelaytestProgress progress, gpointer user_data)
{
    while (!ims_relaytest_is_done(net->relaytest)) {
        g_autofree char *literal = NULL, *why = NULL;
        g_autoptr(GError) error = NULL;
        int fd;

        if (g_get_monotonic_time() >= net->end_usec) {
            ims_relaytest_stop(net->relaytest, "the time limit is reached");
            break;
        }
        fd = connect_any(net, peer, &literal, &error);
        if (fd < 0) {
            ims_relaytest_closed(net->relaytest, error->message);
            continue;
        }
        ims_relaytest_connected(net->relaytest, literal);
        why = talk(net, fd, progress, user_data);
        close(fd);
        ims_relaytest_closed(net->relaytest, why != NULL ? why : "the connection was closed");
        progress(net->relaytest, user_data);
    }
}

void
ims_relaytest_net_wait(ImsRelaytestNet *net, guint wait_sec)
{
    gint64 end = g_get_monotonic_time() + (gint64)wait_sec * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < end &&
           ims_relaytest_count(net->relaytest, IMS_RELAYTEST_PROBED) > 0)
        wait_serving(net, -1, 0, end);
}
