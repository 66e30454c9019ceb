#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/real-private.h"

/* Connections a worker takes in one turn: few, so that a burst spreads over the workers. */
#define MAX_ACCEPTS 8u
#define PAUSE_USEC 100000

/* The listener in one worker's epoll. */
typedef struct {
    ImsEpollEntry entry;
    ImsListener *listener;
    ImsRealExecutor *worker;
    gboolean stopped;
    ImsTimer *pause; /* (nullable): no descriptor was free */
} Post;

struct _ImsListener {
    ImsWorld *world;
    ImsListenerOptions options;
    char *refusal; /* (nullable) */
    int fd;
    guint16 port;
    int ref_count; /* atomic: the owner and each connection */
    gint sessions; /* atomic */
    gboolean stopped;
    guint n_posts;
    Post *posts;
};

/* ---- addresses ---- */

static guint16
from_sockaddr(const struct sockaddr_storage *address, ImsAddress *out)
{
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        ims_address_from_bytes(out, (const guint8 *)&v6->sin6_addr, 16);
        return ntohs(v6->sin6_port);
    }
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        ims_address_from_bytes(out, (const guint8 *)&v4->sin_addr, 4);
        return ntohs(v4->sin_port);
    }
    memset(out, 0, sizeof *out);
    return 0;
}

static socklen_t
to_sockaddr(const ImsAddress *address, guint16 port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        memcpy(&v6->sin6_addr, address->bytes, 16);
        return sizeof *v6;
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;

        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, address->bytes, 4);
        return sizeof *v4;
    }
}

/* ---- taking connections ---- */

static void
listener_unref(ImsListener *listener)
{
    if (!g_atomic_int_dec_and_test(&listener->ref_count))
        return;
    ims_tls_unref(listener->options.tls);
    g_free(listener->refusal);
    g_free(listener->posts);
    g_free(listener);
}

/* One more of @open, unless there are @max (0: none) already. */
static gboolean
take_place(gint *open, guint max)
{
    gint n;

    do {
        n = g_atomic_int_get(open);
        if (max > 0 && (guint)n >= max)
            return FALSE;
    } while (!g_atomic_int_compare_and_exchange(open, n, n + 1));
    return TRUE;
}

static void
leave_place(gint *open)
{
    g_atomic_int_add(open, -1);
}

/* The first @n of the limits it shares with others. */
static void
leave_shared(ImsListener *listener, guint n)
{
    for (guint i = 0; i < n; i++)
        if (listener->options.limits[i] != NULL)
            leave_place(&listener->options.limits[i]->open);
}

static gboolean
take_shared(ImsListener *listener)
{
    for (guint i = 0; i < IMS_LISTENER_LIMITS; i++) {
        ImsSessionLimit *limit = listener->options.limits[i];

        if (limit != NULL && !take_place(&limit->open, limit->max)) {
            leave_shared(listener, i);
            return FALSE;
        }
    }
    return TRUE;
}

static void
conn_gone(const ImsAddress *peer, gpointer data)
{
    ImsListener *listener = data;

    leave_place(&listener->sessions);
    leave_shared(listener, IMS_LISTENER_LIMITS);
    ims_real_world_dismiss(listener->world, peer);
    listener_unref(listener);
}

/* Over a limit. Where TLS is spoken at once no text can be understood. */
static void
refuse(ImsListener *listener, int fd)
{
    if (listener->refusal != NULL && !listener->options.implicit_tls)
        if (send(fd, listener->refusal, strlen(listener->refusal), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            shutdown(fd, SHUT_WR);
    close(fd);
}

static gboolean
admit(ImsListener *listener, const ImsAddress *peer)
{
    if (!take_place(&listener->sessions, listener->options.max_sessions))
        return FALSE;
    if (take_shared(listener)) {
        if (ims_real_world_admit(listener->world, peer, listener->options.max_sessions_address)) {
            g_atomic_int_inc(&listener->ref_count);
            return TRUE;
        }
        leave_shared(listener, IMS_LISTENER_LIMITS);
    }
    leave_place(&listener->sessions);
    return FALSE;
}

static void
take(Post *post, int fd, const struct sockaddr_storage *peer)
{
    ImsListener *listener = post->listener;
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    ImsSocketOptions options = {
        .fd = fd,
        .tls = listener->options.tls,
        .implicit_tls = listener->options.implicit_tls,
        .new_session = listener->options.new_session,
        .session_data = listener->options.data,
        .gone = conn_gone,
        .gone_data = listener,
    };

    if (getsockname(fd, (struct sockaddr *)&local, &length) < 0) {
        close(fd);
        return;
    }
    options.info.peer_port = from_sockaddr(peer, &options.info.peer);
    options.info.local_port = from_sockaddr(&local, &options.info.local);
    options.info.clear_text_logon = listener->options.clear_text_logon;
    options.info.listener_data = listener->options.data;
    if (admit(listener, &options.info.peer))
        ims_socket_conn_open(post->worker, &options);
    else
        refuse(listener, fd);
}

static gboolean
watch(Post *post)
{
    /* Exclusive: a connection wakes one worker, not all. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = &post->entry}};

    return epoll_ctl(post->worker->epoll_fd, EPOLL_CTL_ADD, post->listener->fd, &event) == 0;
}

static void
pause_is_over(gpointer data)
{
    Post *post = data;

    post->pause = NULL;
    if (!watch(post))
        post->pause = ims_world_timer_add(post->listener->world, PAUSE_USEC, pause_is_over, post);
}

/* No descriptor or no memory: who waits stays in the kernel's queue, and the loop does not spin
 * meanwhile. */
static void
pause_taking(Post *post)
{
    epoll_ctl(post->worker->epoll_fd, EPOLL_CTL_DEL, post->listener->fd, NULL);
    if (post->pause == NULL)
        post->pause = ims_world_timer_add(post->listener->world, PAUSE_USEC, pause_is_over, post);
}

static void
post_ready(ImsEpollEntry *entry, guint32 events)
{
    Post *post = (Post *)entry;

    for (guint i = 0; i < MAX_ACCEPTS && !post->stopped; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t length = sizeof peer;
        int fd = accept4(post->listener->fd, (struct sockaddr *)&peer, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            take(post, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_taking(post);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* else this one connection failed before it was taken */
    }
}

/* ---- life ---- */

static int
open_socket(const ImsListenerOptions *options)
{
    struct sockaddr_storage address;
    socklen_t length = to_sockaddr(&options->address, options->port, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (address.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, SOMAXCONN) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* A descriptor that another process gave us: is it what it should be? */
static gboolean
take_over(int fd)
{
    int listening = 0, flags;
    socklen_t length = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0)
        return FALSE;
    if (!listening) {
        errno = EINVAL;
        return FALSE;
    }
    flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* Connections inherit both from the socket that took them. */
static void
set_stream_options(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static gboolean
watch_everywhere(ImsListener *listener)
{
    listener->n_posts = ims_world_n_workers(listener->world);
    listener->posts = g_new0(Post, listener->n_posts);
    for (guint i = 0; i < listener->n_posts; i++) {
        listener->posts[i].entry.ready = post_ready;
        listener->posts[i].listener = listener;
        listener->posts[i].worker = ims_real_world_worker(listener->world, i);
    }
    for (guint i = 0; i < listener->n_posts; i++)
        if (!watch(&listener->posts[i]))
            return FALSE;
    return TRUE;
}

ImsListener *
ims_listener_new(ImsWorld *world, const ImsListenerOptions *options, int inherited_fd,
                 GError **error)
{
    char text[IMS_ADDRESS_STRLEN];
    int fd = inherited_fd >= 0 ? inherited_fd : open_socket(options);
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    ImsAddress bound;
    ImsListener *listener;

    g_assert(options->new_session != NULL && (options->tls != NULL || !options->implicit_tls));
    if (fd < 0 || (inherited_fd >= 0 && !take_over(fd)) ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_LISTEN, "%s port %u: cannot listen: %s",
                    ims_address_format(&options->address, text), options->port, g_strerror(errno));
        if (fd >= 0 && fd != inherited_fd)
            close(fd);
        return NULL;
    }
    set_stream_options(fd);
    listener = g_new0(ImsListener, 1);
    listener->world = world;
    listener->options = *options;
    listener->options.tls = options->tls != NULL ? ims_tls_ref(options->tls) : NULL;
    listener->refusal = g_strdup(options->refusal);
    listener->fd = fd;
    listener->port = from_sockaddr(&address, &bound);
    listener->ref_count = 1;
    if (!watch_everywhere(listener)) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_LISTEN,
                    "%s port %u: cannot be watched: %s",
                    ims_address_format(&options->address, text), options->port, g_strerror(errno));
        ims_listener_free(listener);
        return NULL;
    }
    return listener;
}

guint16
ims_listener_port(ImsListener *listener)
{
    return listener->port;
}

int
ims_listener_fd(ImsListener *listener)
{
    return listener->fd;
}

guint
ims_listener_sessions(ImsListener *listener)
{
    return (guint)g_atomic_int_get(&listener->sessions);
}

typedef struct {
    Post *post;
    pthread_mutex_t *lock; /* guards *left */
    pthread_cond_t *changed;
    guint *left;
} Stop;

static void
stop_post(gpointer data)
{
    Stop *stop = data;
    Post *post = stop->post;

    post->stopped = TRUE;
    epoll_ctl(post->worker->epoll_fd, EPOLL_CTL_DEL, post->listener->fd, NULL);
    ims_world_timer_cancel(post->listener->world, &post->pause);
    pthread_mutex_lock(stop->lock);
    --*stop->left;
    pthread_cond_signal(stop->changed);
    pthread_mutex_unlock(stop->lock);
}

/* Waits until every worker has let go: after that no new session is made, so @data may go. */
void
ims_listener_stop(ImsListener *listener)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    guint left = listener->n_posts;
    g_autofree Stop *stops = g_new0(Stop, listener->n_posts);

    if (listener->stopped)
        return;
    listener->stopped = TRUE;
    for (guint i = 0; i < listener->n_posts; i++) {
        stops[i] = (Stop){&listener->posts[i], &lock, &changed, &left};
        ims_real_executor_post(listener->posts[i].worker, stop_post, &stops[i]);
    }
    pthread_mutex_lock(&lock);
    while (left > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void
ims_listener_free(ImsListener *listener)
{
    if (listener == NULL)
        return;
    ims_listener_stop(listener);
    close(listener->fd);
    listener_unref(listener);
}
