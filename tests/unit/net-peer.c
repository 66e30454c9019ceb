#include "tests/unit/net-peer.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
make_certificate(Peer *f)
{
    static const char *const names[] = {"localhost", "127.0.0.1", NULL};
    g_autoptr(GError) error = NULL;

    f->folder = g_dir_make_tmp("ims-net-XXXXXX", NULL);
    f->certificate = g_build_filename(f->folder, "cert.pem", NULL);
    f->key = g_build_filename(f->folder, "key.pem", NULL);
    ims_tls_make_self_signed(f->certificate, f->key, names, &error);
    g_assert_no_error(error);
    f->tls = ims_tls_new(f->certificate, f->key, &error);
    g_assert_no_error(error);
}

void
peer_set_up(Peer *f, gconstpointer data)
{
    const PeerSettings *settings = data;
    ImsRealWorldOptions world = {.n_workers = 3, .dns_servers = "127.0.0.1:9"};
    ImsListenerOptions options = {.new_session = lines_new, .refusal = "421 too many\r\n"};
    g_autoptr(GError) error = NULL;

    f->lines.open = &f->open;
    f->world = ims_real_world_new(&world, &error);
    g_assert_no_error(error);
    if (settings != NULL) {
        if (settings->tls)
            make_certificate(f);
        options.tls = f->tls;
        options.implicit_tls = settings->implicit_tls;
        options.max_sessions = settings->max_sessions;
        options.limits[0] = settings->shared;
        options.max_sessions_address = settings->max_sessions_address;
        f->lines.timeout_sec = settings->timeout_sec;
    }
    options.data = &f->lines;
    ims_address_parse("127.0.0.1", &options.address);
    f->listener = ims_listener_new(f->world, &options, -1, &error);
    g_assert_no_error(error);
    f->port = ims_listener_port(f->listener);
    g_assert_cmpuint(f->port, !=, 0);
}

static void
set_flag(gpointer flag)
{
    *(gboolean *)flag = TRUE;
}

/* Main runs until *@flag is set. */
static void
run_until(Peer *f, gboolean *flag)
{
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (!*flag) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(ims_real_world_main_context(f->world), TRUE);
    }
}

void
peer_stop_sessions(Peer *f, gint64 grace_usec)
{
    f->stopped = FALSE;
    ims_world_stop_sessions(f->world, grace_usec, set_flag, &f->stopped);
    run_until(f, &f->stopped);
}

void
peer_tear_down(Peer *f, gconstpointer data)
{
    ims_listener_stop(f->listener);
    if (!f->stopped)
        peer_stop_sessions(f, 0);
    g_assert_cmpuint(ims_listener_sessions(f->listener), ==, 0);
    g_assert_cmpint(f->open, ==, 0);
    ims_listener_free(f->listener);
    ims_real_world_free(f->world);
    ims_tls_unref(f->tls);
    if (f->folder != NULL) {
        g_unlink(f->certificate);
        g_unlink(f->key);
        g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    }
    g_free(f->certificate);
    g_free(f->key);
    g_free(f->folder);
}

int
peer_dial(Peer *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    struct timeval wait = {.tv_sec = WAIT_SEC};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(fd, >=, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

void
peer_put(int fd, const char *text)
{
    g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (int)strlen(text));
}

/* Reads as many bytes as @wanted has. */
void
peer_hear(int fd, const char *wanted)
{
    g_autofree char *heard = g_malloc0(strlen(wanted) + 1);
    gsize length = 0;

    while (length < strlen(wanted)) {
        gssize got = recv(fd, heard + length, strlen(wanted) - length, 0);

        if (got <= 0)
            break;
        length += (gsize)got;
    }
    g_assert_cmpstr(heard, ==, wanted);
}

void
peer_hear_end(int fd)
{
    char byte;

    g_assert_cmpint(recv(fd, &byte, 1, 0), ==, 0);
    close(fd);
}
