/* Connections over sockets: many at once, in pieces, limits, TLS, the end of the service. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net-lines.h"

#define WAIT_SEC 20

typedef struct {
    ImsWorld *world;
    ImsListener *listener;
    LinesOptions lines;
    int open;
    guint16 port;
    char *folder, *certificate, *key;
    ImsTls *tls;
    gboolean stopped;
} Fixture;

typedef struct {
    gboolean tls, implicit_tls;
    guint max_sessions, max_sessions_address, timeout_sec;
} Settings;

static void
make_certificate(Fixture *f)
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

static void
set_up(Fixture *f, gconstpointer data)
{
    const Settings *settings = data;
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
run_until(Fixture *f, gboolean *flag)
{
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (!*flag) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(ims_real_world_main_context(f->world), TRUE);
    }
}

static void
stop_sessions(Fixture *f, gint64 grace_usec)
{
    f->stopped = FALSE;
    ims_world_stop_sessions(f->world, grace_usec, set_flag, &f->stopped);
    run_until(f, &f->stopped);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    ims_listener_stop(f->listener);
    if (!f->stopped)
        stop_sessions(f, 0);
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

/* ---- the client ---- */

static int
dial(Fixture *f)
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

static void
put(int fd, const char *text)
{
    g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (int)strlen(text));
}

/* Reads as many bytes as @wanted has. */
static void
hear(int fd, const char *wanted)
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

static void
hear_end(int fd)
{
    char byte;

    g_assert_cmpint(recv(fd, &byte, 1, 0), ==, 0);
    close(fd);
}

/* ---- clear text ---- */

static void
test_many(Fixture *f, gconstpointer data)
{
    int fds[200];

    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = dial(f);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        hear(fds[i], "hello\r\n");
    g_assert_cmpuint(ims_listener_sessions(f->listener), ==, G_N_ELEMENTS(fds));
    for (guint round = 0; round < 5; round++) {
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
            g_autofree char *line = g_strdup_printf("ECHO %u-%u\r\nECHO x\r\n", round, i);

            put(fds[i], line);
        }
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
            g_autofree char *line = g_strdup_printf("%u-%u\r\nx\r\n", round, i);

            hear(fds[i], line);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(fds); i += 2)
        put(fds[i], "QUIT\r\nECHO never\r\n");
    for (guint i = 0; i < G_N_ELEMENTS(fds); i += 2) {
        hear(fds[i], "bye\r\n");
        hear_end(fds[i]);
    }
    for (guint i = 1; i < G_N_ELEMENTS(fds); i += 2)
        close(fds[i]);
}

static void
test_bytewise(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    const char *script = "ECHO one\r\nECHO two\nnonsense\r\nQUIT\r\n";

    for (const char *p = script; *p != '\0'; p++) {
        char byte[2] = {*p, '\0'};

        put(fd, byte);
    }
    hear(fd, "hello\r\none\r\ntwo\r\nwhat?\r\nbye\r\n");
    hear_end(fd);
}

/* All replies of one turn leave in one write: one read has them all. */
static void
test_one_write(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    char heard[64];

    hear(fd, "hello\r\n");
    put(fd, "ECHO a\r\nECHO b\r\nECHO c\r\n");
    g_assert_cmpint(recv(fd, heard, sizeof heard, 0), ==, 9);
    close(fd);
}

static void
test_big(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    g_autofree char *buffer = g_malloc(1024 * 1024);
    gsize total = 0, wanted = 7 + 500 * 65536 + 5;
    gssize got;

    put(fd, "BIG 500\r\n");
    shutdown(fd, SHUT_WR);
    while ((got = recv(fd, buffer, 1024 * 1024, 0)) > 0)
        total += (gsize)got;
    g_assert_cmpint(got, ==, 0);
    g_assert_cmpuint(total, ==, wanted);
    close(fd);
}

/* The replies to what came before the peer's end still reach it, though they take a second. */
static void
test_half_close(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    put(fd, "ECHO a\r\nHOLD\r\nSLOW\r\n");
    shutdown(fd, SHUT_WR);
    hear(fd, "hello\r\na\r\nhold done\r\nslow done\r\n");
    hear_end(fd);
}

/* A last reply is not lost because the client had sent more than was read. */
static void
test_unread_input(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    g_autofree char *junk = g_strnfill(300000, 'x');

    hear(fd, "hello\r\n");
    put(fd, "QUIT\r\n");
    send(fd, junk, 300000, MSG_NOSIGNAL);
    hear(fd, "bye\r\n");
    hear_end(fd);
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    for (guint i = 0; i < 20; i++) {
        int fd = dial(f);

        put(fd, i % 2 == 0 ? "BIG 100\r\n" : "SLOW\r\n");
        hear(fd, "hello\r\n");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    while (ims_listener_sessions(f->listener) > 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

static void
test_timeout(Fixture *f, gconstpointer data)
{
    int fd = dial(f);

    put(fd, "half a line");
    hear(fd, "hello\r\ntoo slow\r\n");
    hear_end(fd);
}

/* ---- limits ---- */

static void
test_limit(Fixture *f, gconstpointer data)
{
    int fds[3];
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    for (guint i = 0; i < 3; i++) {
        fds[i] = dial(f);
        hear(fds[i], "hello\r\n");
    }
    for (guint i = 0; i < 5; i++) {
        int fd = dial(f);

        hear(fd, "421 too many\r\n");
        hear_end(fd);
    }
    close(fds[0]);
    while (ims_listener_sessions(f->listener) == 3) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
    fds[0] = dial(f);
    hear(fds[0], "hello\r\n");
    for (guint i = 0; i < 3; i++)
        close(fds[i]);
}

static void
test_limit_tls(Fixture *f, gconstpointer data)
{
    int first = dial(f), second;

    while (ims_listener_sessions(f->listener) == 0)
        g_thread_yield();
    second = dial(f);
    hear_end(second);
    close(first);
}

/* ---- the end of the service ---- */

static void
test_stop(Fixture *f, gconstpointer data)
{
    int idle = dial(f), held = dial(f), later;

    hear(idle, "hello\r\n");
    hear(held, "hello\r\n");
    put(held, "ECHO x\r\nHOLD\r\n");
    hear(held, "x\r\n");
    ims_listener_stop(f->listener);
    later = dial(f); /* waits in the kernel's queue for the next service */
    stop_sessions(f, G_USEC_PER_SEC / 10);
    hear(idle, "stopping\r\n");
    hear_end(idle);
    hear(held, "stopping\r\n");
    g_assert_cmpint(f->open, ==, 0);
    close(held);
    close(later);
}

static void
test_stop_with_none(Fixture *f, gconstpointer data)
{
    stop_sessions(f, 1000 * G_USEC_PER_SEC);
}

static void
test_hand_over(Fixture *f, gconstpointer data)
{
    ImsListenerOptions options = {.new_session = lines_new, .data = &f->lines};
    g_autoptr(GError) error = NULL;
    int copy = dup(ims_listener_fd(f->listener)), fd;
    ImsListener *next;

    ims_listener_stop(f->listener);
    fd = dial(f);
    next = ims_listener_new(f->world, &options, copy, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ims_listener_port(next), ==, f->port);
    hear(fd, "hello\r\n");
    close(fd);
    ims_listener_stop(next);
    stop_sessions(f, 0);
    ims_listener_free(next);
}

static void
test_errors(Fixture *f, gconstpointer data)
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

static const Settings one_second = {.timeout_sec = 1};
static const Settings three_sessions = {.max_sessions = 3};
static const Settings three_an_address = {.max_sessions_address = 3};
static const Settings one_tls = {.tls = TRUE, .implicit_tls = TRUE, .max_sessions = 1};
static const Settings implicit = {.tls = TRUE, .implicit_tls = TRUE};
static const Settings starttls = {.tls = TRUE};

/* ---- TLS ---- */

typedef struct {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
} Secure;

/* The certificate must be the one for 127.0.0.1. */
static Secure
secure(Fixture *f, int fd)
{
    Secure self = {.fd = fd, .context = SSL_CTX_new(TLS_client_method())};

    SSL_CTX_set_verify(self.context, SSL_VERIFY_PEER, NULL);
    g_assert_cmpint(SSL_CTX_load_verify_locations(self.context, f->certificate, NULL), ==, 1);
    self.ssl = SSL_new(self.context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(self.ssl), "127.0.0.1");
    SSL_set_fd(self.ssl, fd);
    g_assert_cmpint(SSL_connect(self.ssl), ==, 1);
    return self;
}

static void
secure_put(Secure *self, const char *text)
{
    g_assert_cmpint(SSL_write(self->ssl, text, (int)strlen(text)), ==, (int)strlen(text));
}

static void
secure_hear(Secure *self, const char *wanted)
{
    g_autofree char *heard = g_malloc0(strlen(wanted) + 1);
    gsize length = 0;

    while (length < strlen(wanted)) {
        int got = SSL_read(self->ssl, heard + length, (int)(strlen(wanted) - length));

        if (got <= 0)
            break;
        length += (gsize)got;
    }
    g_assert_cmpstr(heard, ==, wanted);
}

/* An orderly end: close_notify came, so nothing was cut off. */
static void
secure_hear_end(Secure *self)
{
    char byte;
    int got = SSL_read(self->ssl, &byte, 1);

    g_assert_cmpint(SSL_get_error(self->ssl, got), ==, SSL_ERROR_ZERO_RETURN);
}

static void
secure_close(Secure *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->context);
    close(self->fd);
}

static void
test_implicit(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < 10; i++) {
        Secure client = secure(f, dial(f));

        secure_hear(&client, "hello, safe\r\n");
        secure_put(&client, "ECHO a\r\nTLS\r\nQUIT\r\n");
        secure_hear(&client, "a\r\nwhat?\r\nbye\r\n");
        secure_hear_end(&client);
        secure_close(&client);
    }
}

static void
test_tls_bytewise(Fixture *f, gconstpointer data)
{
    Secure client = secure(f, dial(f));
    const char *script = "ECHO one\r\nECHO two\nQUIT\r\n";

    for (const char *p = script; *p != '\0'; p++) {
        char byte[2] = {*p, '\0'};

        secure_put(&client, byte);
    }
    secure_hear(&client, "hello, safe\r\none\r\ntwo\r\nbye\r\n");
    secure_hear_end(&client);
    secure_close(&client);
}

static void
test_tls_big(Fixture *f, gconstpointer data)
{
    Secure client = secure(f, dial(f));
    g_autofree char *buffer = g_malloc(65536), *line = g_strnfill(200000, 'x');
    gsize total = 0, wanted = 13 + 200 * 65536 + 5;

    secure_put(&client, "BIG 200\r\n");
    while (total < wanted) {
        int got = SSL_read(client.ssl, buffer, (int)MIN(65536, wanted - total));

        g_assert_cmpint(got, >, 0);
        total += (gsize)got;
    }
    /* Records that arrive while the session does not read are not forgotten. */
    secure_put(&client, "HOLD\r\n");
    for (guint i = 0; i < 1000; i++)
        secure_put(
            &client,
            "ECHO 0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    secure_put(&client, "QUIT\r\n");
    secure_hear(&client, "hold done\r\n");
    for (guint i = 0; i < 1000; i++)
        secure_hear(&client,
                    "0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    secure_hear(&client, "bye\r\n");
    secure_hear_end(&client);
    secure_close(&client);
}

static void
test_starttls(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    Secure client;

    hear(fd, "hello\r\n");
    put(fd, "TLS\r\n");
    hear(fd, "go\r\n");
    client = secure(f, fd);
    secure_hear(&client, "secret\r\n");
    secure_put(&client, "ECHO a\r\nTLS\r\n");
    secure_hear(&client, "a\r\nwhat?\r\n");
    secure_put(&client, "QUIT\r\n");
    secure_hear(&client, "bye\r\n");
    secure_hear_end(&client);
    secure_close(&client);
}

/* RFC 3207 4.2, and the injection of CVE-2011-0411: what came with the command in clear never runs.
 */
static void
test_injection(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    Secure client;

    hear(fd, "hello\r\n");
    put(fd, "TLS\r\nECHO injected\r\nECHO half");
    hear(fd, "go\r\n");
    client = secure(f, fd);
    secure_hear(&client, "secret\r\n");
    secure_put(&client, " \r\nECHO b\r\n");
    secure_hear(&client, "what?\r\nb\r\n");
    secure_close(&client);
}

static void
test_no_handshake(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    char heard[512];
    gssize got;

    put(fd, "EHLO i.speak.no.tls\r\nMAIL FROM:<>\r\n");
    /* An alert at most, then the end; never a greeting in clear. */
    while ((got = recv(fd, heard, sizeof heard, 0)) > 0)
        g_assert_cmpint(heard[0], ==, 0x15);
    close(fd);
    g_assert_cmpint(f->open, ==, 0);
}

static void
test_old_version(Fixture *f, gconstpointer data)
{
    int fd = dial(f);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    g_assert_cmpint(SSL_connect(ssl), <=, 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
}

static void
test_certificate(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {"other.example", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL, *behind = NULL, *nowhere = NULL;
    struct stat key;

    g_assert_cmpint(stat(f->key, &key), ==, 0);
    g_assert_cmpuint(key.st_mode & 0777, ==, 0600);
    /* What is there stays. */
    g_assert_true(g_file_get_contents(f->certificate, &before, NULL, NULL));
    g_assert_true(ims_tls_make_self_signed(f->certificate, f->key, names, &error));
    g_assert_true(g_file_get_contents(f->certificate, &behind, NULL, NULL));
    g_assert_cmpstr(before, ==, behind);
    /* Key and certificate changed over. */
    g_assert_null(ims_tls_new(f->key, f->certificate, &error));
    g_assert_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS);
    g_assert_nonnull(strstr(error->message, f->key));
    g_clear_error(&error);
    nowhere = g_build_filename(f->folder, "nowhere", "x.pem", NULL);
    g_assert_null(ims_tls_new(nowhere, f->key, &error));
    g_assert_nonnull(strstr(error->message, nowhere));
    g_clear_error(&error);
    g_assert_false(ims_tls_make_self_signed(nowhere, nowhere, names, &error));
    g_assert_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS);
    g_clear_error(&error);
    /* One of the two alone is a mistake to be told, not to be overwritten. */
    g_assert_false(ims_tls_make_self_signed(nowhere, f->key, names, &error));
    g_assert_nonnull(strstr(error->message, nowhere));
}

static const struct {
    const char *path;
    const Settings *settings;
    void (*run)(Fixture *f, gconstpointer data);
} cases[] = {
    {"many",             NULL,              test_many          },
    {"bytewise",         NULL,              test_bytewise      },
    {"one-write",        NULL,              test_one_write     },
    {"big",              NULL,              test_big           },
    {"half-close",       NULL,              test_half_close    },
    {"unread-input",     NULL,              test_unread_input  },
    {"reset",            NULL,              test_reset         },
    {"timeout",          &one_second,       test_timeout       },
    {"limit/listener",   &three_sessions,   test_limit         },
    {"limit/address",    &three_an_address, test_limit         },
    {"limit/tls",        &one_tls,          test_limit_tls     },
    {"stop",             NULL,              test_stop          },
    {"stop/with-none",   NULL,              test_stop_with_none},
    {"hand-over",        NULL,              test_hand_over     },
    {"errors",           NULL,              test_errors        },
    {"tls/implicit",     &implicit,         test_implicit      },
    {"tls/bytewise",     &implicit,         test_tls_bytewise  },
    {"tls/big",          &implicit,         test_tls_big       },
    {"tls/starttls",     &starttls,         test_starttls      },
    {"tls/injection",    &starttls,         test_injection     },
    {"tls/no-handshake", &implicit,         test_no_handshake  },
    {"tls/old-version",  &implicit,         test_old_version   },
    {"tls/certificate",  &starttls,         test_certificate   },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/socket/", cases[i].path, NULL);

        g_test_add(path, Fixture, cases[i].settings, set_up, cases[i].run, tear_down);
    }
    return g_test_run();
}
