/* TLS: from the first byte and by STARTTLS, as a client sees it. */
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net-peer.h"

static const PeerSettings implicit = {.tls = TRUE, .implicit_tls = TRUE};
static const PeerSettings starttls = {.tls = TRUE};

typedef struct {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
} Secure;

/* The certificate must be the one for 127.0.0.1. */
static Secure
secure(Peer *f, int fd)
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
test_implicit(Peer *f, gconstpointer data)
{
    for (guint i = 0; i < 10; i++) {
        Secure client = secure(f, peer_dial(f));

        secure_hear(&client, "hello, safe\r\n");
        secure_put(&client, "ECHO a\r\nTLS\r\nQUIT\r\n");
        secure_hear(&client, "a\r\nwhat?\r\nbye\r\n");
        secure_hear_end(&client);
        secure_close(&client);
    }
}

static void
test_tls_bytewise(Peer *f, gconstpointer data)
{
    Secure client = secure(f, peer_dial(f));
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
test_tls_big(Peer *f, gconstpointer data)
{
    Secure client = secure(f, peer_dial(f));
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

/* A client that does not read for a while: OpenSSL must be asked again with the same bytes, though
 * more were added. */
static void
test_slow_reader(Peer *f, gconstpointer data)
{
    Secure client = secure(f, peer_dial(f));
    struct pollfd nothing = {.fd = -1};
    g_autofree char *buffer = g_malloc(65536);
    gsize total = 0, wanted = 13 + 600 * 65536 + 5 + 10 * 3;

    secure_put(&client, "BIG 600\r\n");
    for (guint i = 0; i < 10; i++) {
        poll(&nothing, 1, 20);
        secure_put(&client, "ECHO x\r\n");
    }
    while (total < wanted) {
        int got = SSL_read(client.ssl, buffer, (int)MIN(65536, wanted - total));

        g_assert_cmpint(got, >, 0);
        total += (gsize)got;
    }
    secure_put(&client, "QUIT\r\n");
    secure_hear(&client, "bye\r\n");
    secure_hear_end(&client);
    secure_close(&client);
}

static void
test_starttls(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    Secure client;

    peer_hear(fd, "hello\r\n");
    peer_put(fd, "TLS\r\n");
    peer_hear(fd, "go\r\n");
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
test_injection(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    Secure client;

    peer_hear(fd, "hello\r\n");
    peer_put(fd, "TLS\r\nECHO injected\r\nECHO half");
    peer_hear(fd, "go\r\n");
    client = secure(f, fd);
    secure_hear(&client, "secret\r\n");
    secure_put(&client, " \r\nECHO b\r\n");
    secure_hear(&client, "what?\r\nb\r\n");
    secure_close(&client);
}

static void
test_no_handshake(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
    char heard[512];
    gssize got;

    peer_put(fd, "EHLO i.speak.no.tls\r\nMAIL FROM:<>\r\n");
    /* An alert at most, then the end; never a greeting in clear. */
    while ((got = recv(fd, heard, sizeof heard, 0)) > 0)
        g_assert_cmpint(heard[0], ==, 0x15);
    close(fd);
    g_assert_cmpint(f->open, ==, 0);
}

static void
test_old_version(Peer *f, gconstpointer data)
{
    int fd = peer_dial(f);
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
test_certificate(Peer *f, gconstpointer data)
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
    const PeerSettings *settings;
    void (*run)(Peer *f, gconstpointer data);
} cases[] = {
    {"implicit",     &implicit, test_implicit    },
    {"bytewise",     &implicit, test_tls_bytewise},
    {"big",          &implicit, test_tls_big     },
    {"slow-reader",  &implicit, test_slow_reader },
    {"starttls",     &starttls, test_starttls    },
    {"injection",    &starttls, test_injection   },
    {"no-handshake", &implicit, test_no_handshake},
    {"old-version",  &implicit, test_old_version },
    {"certificate",  &starttls, test_certificate },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/tls/", cases[i].path, NULL);

        g_test_add(path, Peer, cases[i].settings, peer_set_up, cases[i].run, peer_tear_down);
    }
    return g_test_run();
}
