/*
 * smtpload: sends messages over several SMTP (or LMTP) connections at once and says how many a
 * second were acknowledged.
 *
 * smtpload [-l] -p PORT [-c CONNECTIONS] [-n MESSAGES] [-s SIZE] [-u USERS] [-r RECIPIENT-FORMAT]
 *
 * Commands of one message are pipelined up to DATA; the next message follows its acknowledgement.
 * Prints one line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum {
    STATE_GREETING,
    STATE_HELLO,
    STATE_ENVELOPE, /* replies to MAIL, RCPT and DATA are awaited */
    STATE_DATA,
    STATE_QUIT,
    STATE_DONE,
} State;

typedef struct {
    int fd;
    State state;
    guint replies_due;
    gint64 began_usec;
    GString *in, *out;
} Connection;

static gint option_port = 25, option_connections = 10, option_messages = 10000, option_size = 4096,
            option_users = 20;
static gboolean option_lmtp;
static char *option_recipient;

static guint started, acknowledged, refused;
static GString *body;
static GArray *latencies;

static int
compare_latency(gconstpointer a, gconstpointer b)
{
    gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;

    return left < right ? -1 : left > right;
}

static gboolean
flush(Connection *connection)
{
    while (connection->out->len > 0) {
        gssize sent =
            send(connection->fd, connection->out->str, connection->out->len, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN;
        g_string_erase(connection->out, 0, sent);
    }
    return TRUE;
}

static void
next_message(Connection *connection)
{
    g_autofree char *recipient = NULL;
    char **halves;

    if (started == (guint)option_messages) {
        g_string_append(connection->out, "QUIT\r\n");
        connection->state = STATE_QUIT;
        return;
    }
    halves = g_strsplit(option_recipient, "%d", 2);
    recipient =
        g_strdup_printf("%s%u%s", halves[0], started % option_users, halves[1] ? halves[1] : "");
    g_strfreev(halves);
    started++;
    g_string_append_printf(connection->out,
                           "MAIL FROM:<load@far.example>\r\nRCPT TO:<%s>\r\nDATA\r\n", recipient);
    connection->state = STATE_ENVELOPE;
    connection->replies_due = 3;
    connection->began_usec = g_get_monotonic_time();
}

/* One whole reply has come. FALSE ends the connection. */
static gboolean
got_reply(Connection *connection, const char *line)
{
    gint64 took;

    switch (connection->state) {
    case STATE_GREETING:
        g_string_append(connection->out, option_lmtp ? "LHLO load\r\n" : "EHLO load\r\n");
        connection->state = STATE_HELLO;
        return TRUE;
    case STATE_HELLO:
        next_message(connection);
        return TRUE;
    case STATE_ENVELOPE:
        if (line[0] != '2' && line[0] != '3') {
            g_printerr("smtpload: refused: %s\n", line);
            refused++;
            return FALSE;
        }
        if (--connection->replies_due == 0) {
            g_string_append_len(connection->out, body->str, body->len);
            connection->state = STATE_DATA;
        }
        return TRUE;
    case STATE_DATA:
        took = g_get_monotonic_time() - connection->began_usec;
        if (line[0] == '2') {
            acknowledged++;
            g_array_append_val(latencies, took);
        } else {
            refused++;
        }
        next_message(connection);
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean
readable(Connection *connection)
{
    char buffer[8192], *newline;
    gssize length = recv(connection->fd, buffer, sizeof buffer, 0);

    if (length < 0)
        return errno == EAGAIN;
    if (length == 0)
        return FALSE;
    g_string_append_len(connection->in, buffer, length);
    while ((newline = memchr(connection->in->str, '\n', connection->in->len)) != NULL) {
        gboolean last = newline - connection->in->str < 4 || connection->in->str[3] != '-';
        gboolean go_on = TRUE;

        *newline = '\0';
        if (last)
            go_on = got_reply(connection, connection->in->str);
        g_string_erase(connection->in, 0, newline - connection->in->str + 1);
        if (!go_on)
            return FALSE;
    }
    return flush(connection);
}

static gboolean
open_connection(Connection *connection, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(option_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    int one = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        g_printerr("smtpload: port %d: %s\n", option_port, g_strerror(errno));
        return FALSE;
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    g_unix_set_fd_nonblocking(connection->fd, TRUE, NULL);
    connection->in = g_string_new(NULL);
    connection->out = g_string_new(NULL);
    return epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

static void
make_body(void)
{
    body = g_string_new(
        "From: load@far.example\r\nTo: user@bench.example\r\nSubject: load\r\n"
        "Date: Wed, 25 Nov 2026 09:00:00 +0000\r\nMessage-ID: <load@far.example>\r\n\r\n");
    while (body->len < (gsize)option_size)
        g_string_append(
            body, "The quick brown fox jumps over the lazy dog, again and again, 0123456789.\r\n");
    g_string_append(body, ".\r\n");
}

static void
run_load(Connection *connections, int epoll)
{
    guint open = option_connections;

    while (open > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, 30000);

        if (n <= 0) {
            g_printerr("smtpload: nothing came for 30 s\n");
            break;
        }
        for (int i = 0; i < n; i++) {
            Connection *connection = events[i].data.ptr;

            /* edge-triggered: read until there is no more */
            gsize before;
            gboolean alive = flush(connection);
            do {
                before = connection->in->len + acknowledged + connection->state;
                alive = alive && readable(connection);
            } while (alive && before != connection->in->len + acknowledged + connection->state);
            if (!alive && connection->state != STATE_DONE) {
                close(connection->fd);
                connection->state = STATE_DONE;
                open--;
            }
        }
    }
    (void)connections;
}

int
main(int argc, char **argv)
{
    GOptionEntry entries[] = {
        {"lmtp",        'l', 0, G_OPTION_ARG_NONE, &option_lmtp, "speak LMTP", NULL},
        {"port",            'p', 0, G_OPTION_ARG_INT, &option_port, "port on 127.0.0.1", "PORT"},
        {"connections", 'c', 0, G_OPTION_ARG_INT, &option_connections, "at once", "N"},
        {"messages",         'n', 0, G_OPTION_ARG_INT, &option_messages, "in all", "N"},
        {"size",        's', 0, G_OPTION_ARG_INT, &option_size, "octets of each", "OCTETS"},
        {"users",            'u', 0, G_OPTION_ARG_INT, &option_users, "recipients taken in turn", "N"},
        {"recipient", 'r', 0, G_OPTION_ARG_STRING, &option_recipient,
         "with %d for the recipient's number", "FORMAT"},
        {NULL      }
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("- loads an SMTP or LMTP server on 127.0.0.1");
    g_autoptr(GError) error = NULL;
    g_autofree Connection *connections = NULL;
    struct rusage usage;
    gint64 began, took;
    int epoll;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || option_connections < 1 ||
        option_users < 1) {
        g_printerr("smtpload: %s\n", error ? error->message : "a positive number is expected");
        return 2;
    }
    if (option_recipient == NULL)
        option_recipient = g_strdup("user%d@bench.example");
    make_body();
    latencies = g_array_new(FALSE, FALSE, sizeof(gint64));
    connections = g_new0(Connection, option_connections);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < option_connections; i++)
        if (!open_connection(&connections[i], epoll))
            return 1;
    began = g_get_monotonic_time();
    run_load(connections, epoll);
    took = g_get_monotonic_time() - began;
    g_array_sort(latencies, compare_latency);
    getrusage(RUSAGE_SELF, &usage);
    g_print(
        "connections=%d size=%d acknowledged=%u refused=%u rate=%.0f p50_ms=%.2f p99_ms=%.2f "
        "generator_usec=%.1f\n",
        option_connections, option_size, acknowledged, refused, acknowledged * 1e6 / MAX(took, 1),
        latencies->len ? g_array_index(latencies, gint64, latencies->len / 2) / 1e3 : 0.0,
        latencies->len ? g_array_index(latencies, gint64, latencies->len * 99 / 100) / 1e3 : 0.0,
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 / MAX(acknowledged, 1) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / MAX(acknowledged, 1));
    return refused > 0 || acknowledged != (guint)option_messages;
}
