#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/real-private.h"

struct _ImsTls {
    int ref_count; /* atomic */
    SSL_CTX *context;
};

/* The newest reason OpenSSL gives, and forgets them all. */
static const char *
openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : "no reason given";
}

/* OpenSSL says "system lib" of a file that it cannot open. */
static gboolean
is_readable(const char *file, GError **error)
{
    if (access(file, R_OK) == 0)
        return TRUE;
    g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
                "%s: %s; a PEM file that can be read is expected", file, g_strerror(errno));
    return FALSE;
}

static gboolean
load(SSL_CTX *context, const char *certificate_file, const char *key_file, GError **error)
{
    ERR_clear_error();
    if (!is_readable(certificate_file, error) || !is_readable(key_file, error))
        return FALSE;
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        g_set_error(
            error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
            "%s: no certificate can be read (%s); expected: a PEM file, own certificate first",
            certificate_file, openssl_reason());
        return FALSE;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
                    "%s: no key for the certificate in %s can be read (%s); expected: its key as "
                    "PEM, without a pass phrase",
                    key_file, certificate_file, openssl_reason());
        return FALSE;
    }
    return TRUE;
}

/* A key with a pass phrase must not ask for it on the terminal of a server. */
static int
no_pass_phrase(char *buffer, int size, int writing, void *data)
{
    return -1;
}

ImsTls *
ims_tls_new(const char *certificate_file, const char *key_file, GError **error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    ImsTls *tls;

    if (context == NULL) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS, "TLS does not start: %s",
                    openssl_reason());
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* A client that goes away without a farewell of TLS has ended its input, no more. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    /* Resumption by tickets alone: a session costs no memory after its end. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    if (!load(context, certificate_file, key_file, error)) {
        SSL_CTX_free(context);
        return NULL;
    }
    tls = g_new0(ImsTls, 1);
    tls->ref_count = 1;
    tls->context = context;
    return tls;
}

ImsTls *
ims_tls_ref(ImsTls *tls)
{
    g_atomic_int_inc(&tls->ref_count);
    return tls;
}

void
ims_tls_unref(ImsTls *tls)
{
    if (tls == NULL || !g_atomic_int_dec_and_test(&tls->ref_count))
        return;
    SSL_CTX_free(tls->context);
    g_free(tls);
}

SSL *
ims_tls_new_server(ImsTls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->context);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
