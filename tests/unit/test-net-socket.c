/* Connections over sockets: many at once, in pieces, limits, the end of the service. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/net-peer.h"

static void
wait_for_sessions(Peer *f, guint wanted)
{
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (ims_listener_sessions(f->listener) != wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

/* ---- clear text ---- */

static void
test_many(Peer *f, gconstpointer data)
{
    int fds[200];

    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = peer_dial(f);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        peer_hear(fds[i], "hello\r\n");
    g_assert_cmpuint(ims_listener_sessions(f->listener), ==, G_N_ELEMENTS(fds));
    for (guint round = 0; round < 5; round++) {
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
            g_autofree char *line = g_strdup_printf("ECHO %u-%u\r\nECHO x\r\n", round, i);

            peer_put(fds[i], line);
        }
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
            g_autofree char *line = g_strdup_printf("%u-%u\r\nx\r\n", round, i);

            peer_hear(fds[i], line);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(fds); i += 2)
        peer_put(fds[i], "QUIT\r\nECHO never\r\n");
    for (guint i = 0; i < G_N_ELEMENTS(fds); i += 2) {
        peer_hear(fds[i], "bye\r\n");
        peer_hear_end(fds[i]);
    }
    for (guint i = 1; i < G_N_ELEMENTS(fds); i += 2)
        close(fds[i]);
}

static void
test_bytewise(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    const char *script = "ECHO one\r\nECHO two\nnonsense\r\nQUIT\r\n";

    for (const char *p = script; *p != '\0'; p++) {
        char byte[2] = {*p, '\0'};

        peer_put(fd, byte);
    }
    peer_hear(fd, "hello\r\none\r\ntwo\r\nwhat?\r\nbye\r\n");
    peer_hear_end(fd);
}

/* All replies of one turn leave in one write: one read has them all. */
static void
test_one_write(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    char heard[64];

    peer_hear(fd, "hello\r\n");
    peer_put(fd, "ECHO a\r\nECHO b\r\nECHO c\r\n");
    g_assert_cmpint(recv(fd, heard, sizeof heard, 0), ==, 9);
    close(fd);
}

static void
test_big(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    g_autofree char *buffer = g_malloc(1024 * 1024);
    gsize total = 0, wanted = 7 + 500 * 65536 + 5;
    gssize got;

    peer_put(fd, "BIG 500\r\n");
    shutdown(fd, SHUT_WR);
    while ((got = recv(fd, buffer, 1024 * 1024, 0)) > 0)
        total += (gsize)got;
    g_assert_cmpint(got, ==, 0);
    g_assert_cmpuint(total, ==, wanted);
    close(fd);
}

/* The replies to what came before the peer's end still reach it, though they take a second. */
static void
test_half_close(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);

    peer_put(fd, "ECHO a\r\nHOLD\r\nSLOW\r\n");
    shutdown(fd, SHUT_WR);
    peer_hear(fd, "hello\r\na\r\nhold done\r\nslow done\r\n");
    peer_hear_end(fd);
}

/* A last reply is not lost because the client had sent more than was read. */
static void
test_unread_input(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    g_autofree char *junk = g_strnfill(300000, 'x');

    peer_hear(fd, "hello\r\n");
    peer_put(fd, "QUIT\r\n");
    send(fd, junk, 300000, MSG_NOSIGNAL);
    peer_hear(fd, "bye\r\n");
    peer_hear_end(fd);
}

static void
test_reset(Peer *f, gconstpointer data)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (guint i = 0; i < 20; i++) {
        int fd = peer_dial(f);

        peer_put(fd, i % 2 == 0 ? "BIG 100\r\n" : "SLOW\r\n");
        peer_hear(fd, "hello\r\n");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    wait_for_sessions(f, 0);
}

static void
test_timeout(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);

    peer_put(fd, "half a line");
    peer_hear(fd, "hello\r\ntoo slow\r\n");
    peer_hear_end(fd);
}

/* ---- limits ---- */

static void
test_limit(Peer *f, gconstpointer data)
{
    int fds[3];

    for (guint i = 0; i < 3; i++) {
        fds[i] = peer_dial(f);
        peer_hear(fds[i], "hello\r\n");
    }
    for (guint i = 0; i < 5; i++) {
        int fd = peer_dial(f);

        peer_hear(fd, "421 too many\r\n");
        peer_hear_end(fd);
    }
    close(fds[0]);
    wait_for_sessions(f, 2);
    fds[0] = peer_dial(f);
    peer_hear(fds[0], "hello\r\n");
    for (guint i = 0; i < 3; i++)
        close(fds[i]);
}

static ImsSessionLimit shared_limit = {.max = 2};

/* Two listeners that share a limit: who calls the one takes a place from the other. */
static void
test_limit_shared(Peer *f, gconstpointer data)
{
    ImsListenerOptions options = {
        .new_session = lines_new,
        .refusal = "421 too many\r\n",
        .limits = {NULL, &shared_limit},
        .data = &f->lines
    };
    g_autoptr(GError) error = NULL;
    guint16 first_port = f->port;
    ImsListener *second;
    int fds[3];

    ims_address_parse("127.0.0.1", &options.address);
    second = ims_listener_new(f->world, &options, -1, &error);
    g_assert_no_error(error);
    fds[0] = peer_dial(f);
    peer_hear(fds[0], "hello\r\n");
    f->port = ims_listener_port(second);
    fds[1] = peer_dial(f);
    peer_hear(fds[1], "hello\r\n");
    for (guint i = 0; i < 2; i++) {
        f->port = i == 0 ? first_port : ims_listener_port(second);
        fds[2] = peer_dial(f);
        peer_hear(fds[2], "421 too many\r\n");
        peer_hear_end(fds[2]);
    }
    close(fds[0]);
    wait_for_sessions(f, 0);
    while (g_atomic_int_get(&shared_limit.open) != 1)
        g_thread_yield();
    fds[0] = peer_dial(f);
    peer_hear(fds[0], "hello\r\n");
    close(fds[0]);
    close(fds[1]);
    peer_stop_sessions(f, 0);
    ims_listener_free(second);
    g_assert_cmpint(g_atomic_int_get(&shared_limit.open), ==, 0);
}

static void
test_limit_tls(Peer *f, gconstpointer data)
{
    int first = peer_dial(f), second;

    wait_for_sessions(f, 1);
    second = peer_dial(f);
    peer_hear_end(second);
    close(first);
}

static gint64
cpu_usec(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

/* Without a free descriptor who calls waits, the workers do not spin, and later the call is taken.
 */
static void
test_no_descriptor(Peer *f, gconstpointer data)
{
    struct rlimit before, low;
    int fd, last = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct pollfd wait = {.events = POLLIN};
    gint64 start;

    g_assert_cmpint(last, >=, 0);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    low = before;
    low.rlim_cur = (rlim_t)last + 1; /* room for the client's socket alone */
    close(last);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    fd = peer_dial(f);
    start = cpu_usec();
    wait.fd = fd;
    g_assert_cmpint(poll(&wait, 1, 400), ==, 0);
    g_assert_cmpint(cpu_usec() - start, <, 200000);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    peer_hear(fd, "hello\r\n");
    close(fd);
}

/* ---- the end of the service ---- */

static void
test_stop(Peer *f, gconstpointer data)
{
    int idle = peer_dial(f), held = peer_dial(f), later;

    peer_hear(idle, "hello\r\n");
    peer_hear(held, "hello\r\n");
    peer_put(held, "ECHO x\r\nHOLD\r\n");
    peer_hear(held, "x\r\n");
    ims_listener_stop(f->listener);
    later = peer_dial(f); /* waits in the kernel's queue for the next service */
    peer_stop_sessions(f, G_USEC_PER_SEC / 10);
    peer_hear(idle, "stopping\r\n");
    peer_hear_end(idle);
    peer_hear(held, "stopping\r\n");
    g_assert_cmpint(f->open, ==, 0);
    close(held);
    close(later);
}

static void
test_stop_with_none(Peer *f, gconstpointer data)
{
    peer_stop_sessions(f, 1000 * G_USEC_PER_SEC);
}

static void
test_hand_over(Peer *f, gconstpointer data)
{
    ImsListenerOptions options = {.new_session = lines_new, .data = &f->lines};
    g_autoptr(GError) error = NULL;
    int copy = dup(ims_listener_fd(f->listener)), fd;
    ImsListener *next;

    ims_listener_stop(f->listener);
    fd = peer_dial(f);
    next = ims_listener_new(f->world, &options, copy, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ims_listener_port(next), ==, f->port);
    peer_hear(fd, "hello\r\n");
    close(fd);
    ims_listener_stop(next);
    peer_stop_sessions(f, 0);
    ims_listener_free(next);
}

static void
test_ipv6(Peer *f, gconstpointer data)
{
    ImsListenerOptions options = {.new_session = lines_new, .data = &f->lines, .port = f->port};
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(f->port)};
    g_autoptr(GError) error = NULL;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ImsListener *listener;

    /* The same port as the one of IPv4: they do not meet. */
    ims_address_parse("::", &options.address);
    listener = fd >= 0 ? ims_listener_new(f->world, &options, -1, &error) : NULL;
    address.sin6_addr = in6addr_loopback;
    if (listener == NULL || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        g_test_skip("no IPv6 here");
    } else {
        peer_hear(fd, "hello\r\n");
        g_assert_cmpuint(ims_listener_sessions(listener), ==, 1);
        g_assert_cmpuint(ims_listener_sessions(f->listener), ==, 0);
    }
    close(fd);
    if (listener != NULL)
        ims_listener_stop(listener);
    peer_stop_sessions(f, 0);
    ims_listener_free(listener);
}

static void
test_errors(Peer *f, gconstpointer data)
{
    ImsListenerOptions options = {.new_session = lines_new, .data = &f->lines, .port = f->port};
    g_autoptr(GError) error = NULL;
    g_autofree char *port = g_strdup_printf("%u", f->port);
    int fds[2];

    ims_address_parse("127.0.0.1", &options.address);
    g_assert_null(ims_listener_new(f->world, &options, -1, &error));
    g_assert_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_LISTEN);
    g_assert_nonnull(strstr(error->message, "127.0.0.1"));
    g_assert_nonnull(strstr(error->message, port));
    g_clear_error(&error);
    /* Handed over, but no listening socket. */
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_null(ims_listener_new(f->world, &options, fds[0], &error));
    g_assert_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_LISTEN);
    close(fds[0]);
    close(fds[1]);
}

static const PeerSettings one_second = {.timeout_sec = 1};
static const PeerSettings three_sessions = {.max_sessions = 3};
static const PeerSettings three_an_address = {.max_sessions_address = 3};
static const PeerSettings two_shared = {.shared = &shared_limit};
static const PeerSettings one_tls = {.tls = TRUE, .implicit_tls = TRUE, .max_sessions = 1};

static const struct {
    const char *path;
    const PeerSettings *settings;
    void (*run)(Peer *f, gconstpointer data);
} cases[] = {
    {"many",           NULL,              test_many          },
    {"bytewise",       NULL,              test_bytewise      },
    {"one-write",      NULL,              test_one_write     },
    {"big",            NULL,              test_big           },
    {"half-close",     NULL,              test_half_close    },
    {"unread-input",   NULL,              test_unread_input  },
    {"reset",          NULL,              test_reset         },
    {"timeout",        &one_second,       test_timeout       },
    {"limit/listener", &three_sessions,   test_limit         },
    {"limit/address",  &three_an_address, test_limit         },
    {"limit/shared",   &two_shared,       test_limit_shared  },
    {"limit/tls",      &one_tls,          test_limit_tls     },
    {"no-descriptor",  NULL,              test_no_descriptor },
    {"stop",           NULL,              test_stop          },
    {"stop/with-none", NULL,              test_stop_with_none},
    {"hand-over",      NULL,              test_hand_over     },
    {"ipv6",           NULL,              test_ipv6          },
    {"errors",         NULL,              test_errors        },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/socket/", cases[i].path, NULL);

        g_test_add(path, Peer, cases[i].settings, peer_set_up, cases[i].run, peer_tear_down);
    }
    return g_test_run();
}
