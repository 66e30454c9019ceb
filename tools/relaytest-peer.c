/* Names, addresses and connections of the open-relay test. */
#include <config.h>

#include "tools/relaytest-net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

G_DEFINE_QUARK(ims_relaytest_error, ims_relaytest_error)

/* Takes the host and the port apart. */
static gboolean
split(const char *text, guint16 default_port, char **host_out, guint16 *port_out)
{
    const char *colon = NULL;
    guint64 port = default_port;
    ImsAddress address;

    if (*text == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL || (end[1] != ':' && end[1] != '\0'))
            return FALSE;
        colon = end[1] == ':' ? end + 1 : NULL;
        if (colon != NULL && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
            return FALSE;
        *host_out = g_strndup(text + 1, (gsize)(end - text - 1));
    } else {
        if (!ims_address_parse(text, &address))
            colon = strrchr(text, ':');
        if (colon != NULL && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
            return FALSE;
        *host_out = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    }
    *port_out = (guint16)port;
    return TRUE;
}

static void
add_address(GArray *addresses, const struct sockaddr *from)
{
    ImsAddress address;

    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, from, sizeof in);
        ims_address_from_bytes(&address, (const guint8 *)&in.sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, from, sizeof in6);
        ims_address_from_bytes(&address, (const guint8 *)&in6.sin6_addr, 16);
    } else {
        return;
    }
    g_array_append_val(addresses, address);
}

static gboolean
look_up(const char *host, GArray *addresses, GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, NULL, &hints, &list);

    if (status != 0) {
        g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_ADDRESS, "%s: %s", host,
                    gai_strerror(status));
        return FALSE;
    }
    for (const struct addrinfo *i = list; i != NULL && addresses->len < 16; i = i->ai_next)
        add_address(addresses, i->ai_addr);
    freeaddrinfo(list);
    if (addresses->len > 0)
        return TRUE;
    g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_ADDRESS,
                "%s: it has no IPv4 or IPv6 address", host);
    return FALSE;
}

ImsRelaytestPeer *
ims_relaytest_peer_new(const char *text, guint16 default_port, GError **error)
{
    g_autoptr(ImsRelaytestPeer) peer = g_new0(ImsRelaytestPeer, 1);
    ImsAddress address;

    peer->addresses = g_array_new(FALSE, FALSE, sizeof(ImsAddress));
    if (!split(text, default_port, &peer->host, &peer->port) || *peer->host == '\0' ||
        peer->port == 0) {
        g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_ADDRESS,
                    "%s: a host with a port is expected, such as 127.0.0.1:2525", text);
        return NULL;
    }
    if (ims_address_parse(peer->host, &address))
        g_array_append_val(peer->addresses, address);
    else if (!look_up(peer->host, peer->addresses, error))
        return NULL;
    return g_steal_pointer(&peer);
}

void
ims_relaytest_peer_free(ImsRelaytestPeer *peer)
{
    if (peer == NULL)
        return;
    g_free(peer->host);
    g_array_unref(peer->addresses);
    g_free(peer);
}

gboolean
ims_relaytest_peer_is_near(const ImsRelaytestPeer *peer)
{
    for (guint i = 0; i < peer->addresses->len; i++)
        if (!ims_address_is_private(&g_array_index(peer->addresses, ImsAddress, i)))
            return FALSE;
    return TRUE;
}

guint
ims_relaytest_sockaddr(const ImsAddress *address, guint16 port,
                       struct sockaddr_storage *storage_out)
{
    memset(storage_out, 0, sizeof *storage_out);
    if (address->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = g_htons(port)};

        memcpy(&in.sin_addr, address->bytes, 4);
        memcpy(storage_out, &in, sizeof in);
        return sizeof in;
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = g_htons(port)};

        memcpy(&in6.sin6_addr, address->bytes, 16);
        memcpy(storage_out, &in6, sizeof in6);
        return sizeof in6;
    }
}

/* 0, or the error of a connection that was begun. */
static int
finish_connect(int fd, gint64 deadline_usec)
{
    int status = 0;
    socklen_t length = sizeof status;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        gint64 left = (deadline_usec - g_get_monotonic_time()) / 1000;
        int n = left > 0 ? poll(&wait, 1, (int)MIN(left, G_MAXINT)) : 0;

        if (n == 0)
            return ETIMEDOUT;
        if (n > 0)
            break;
        if (errno != EINTR)
            return errno;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &length) != 0)
        return errno;
    return status;
}

int
ims_relaytest_connect(const ImsAddress *address, guint16 port, gint64 deadline_usec, GError **error)
{
    struct sockaddr_storage storage;
    socklen_t length = ims_relaytest_sockaddr(address, port, &storage);
    char text[IMS_ADDRESS_STRLEN];
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int status = fd < 0 ? errno : 0;

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&storage, length) != 0)
        status = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline_usec) : errno;
    if (status == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    g_set_error(error, IMS_RELAYTEST_ERROR, IMS_RELAYTEST_ERROR_SOCKET, "%s port %u: %s",
                ims_address_format(address, text), port, g_strerror(status));
    return -1;
}
