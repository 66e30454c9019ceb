#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/conn.h"

#define DAYS 3650

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_OCTET_STRING, ASN1_OCTET_STRING_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_IA5STRING, ASN1_IA5STRING_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GENERAL_NAMES, GENERAL_NAMES_free)

static gboolean
add_name(GENERAL_NAMES *names, const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ImsAddress address;
    gboolean added = FALSE;

    if (name == NULL)
        return FALSE;
    if (ims_address_parse(text, &address)) {
        g_autoptr(ASN1_OCTET_STRING) bytes = ASN1_OCTET_STRING_new();

        if (bytes != NULL &&
            ASN1_OCTET_STRING_set(bytes, address.bytes, address.family == 4 ? 4 : 16) == 1) {
            GENERAL_NAME_set0_value(name, GEN_IPADD, g_steal_pointer(&bytes));
            added = sk_GENERAL_NAME_push(names, name) > 0;
        }
    } else {
        g_autoptr(ASN1_IA5STRING) dns = ASN1_IA5STRING_new();

        if (dns != NULL && ASN1_STRING_set(dns, text, -1) == 1) {
            GENERAL_NAME_set0_value(name, GEN_DNS, g_steal_pointer(&dns));
            added = sk_GENERAL_NAME_push(names, name) > 0;
        }
    }
    if (!added)
        GENERAL_NAME_free(name);
    return added;
}

static gboolean
add_names(X509 *certificate, const char *const *texts)
{
    g_autoptr(GENERAL_NAMES) names = sk_GENERAL_NAME_new_null();

    for (guint i = 0; texts[i] != NULL; i++)
        if (names == NULL || !add_name(names, texts[i]))
            return FALSE;
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

static gboolean
add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    gboolean added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* RFC 5280 4.1.2.2: positive, at most 20 bytes, not to be guessed. */
static gboolean
set_serial(X509 *certificate)
{
    guint8 random[16];
    BIGNUM *number;
    gboolean set;

    if (RAND_bytes(random, sizeof random) != 1)
        return FALSE;
    random[0] = (random[0] & 0x7f) | 0x40;
    number = BN_bin2bn(random, sizeof random, NULL);
    set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static X509 *
make_certificate(EVP_PKEY *key, const char *const *names)
{
    g_autoptr(X509) certificate = X509_new();
    X509_NAME *subject;
    /* X.520: a common name has at most 64 characters; the names that count are the alternative
     * ones. */
    g_autofree char *common = g_strndup(names[0], 64);

    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !set_serial(certificate) ||
        /* An hour back, for clients whose clock is behind. */
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(certificate), DAYS, 0, NULL) == NULL ||
        X509_set_pubkey(certificate, key) != 1)
        return NULL;
    subject = X509_get_subject_name(certificate);
    if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const guint8 *)common, -1, -1,
                                   0) != 1 ||
        X509_set_issuer_name(certificate, subject) != 1 || !add_names(certificate, names) ||
        !add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(certificate, NID_ext_key_usage, "serverAuth") ||
        X509_sign(certificate, key, EVP_sha256()) == 0)
        return NULL;
    return g_steal_pointer(&certificate);
}

/* Whole or not at all: a file beside it, on disk before it gets its name. */
static gboolean
write_file(const char *file, BIO *content, mode_t mode, GError **error)
{
    g_autofree char *beside = g_strdup_printf("%s.new", file);
    char *bytes;
    long length = BIO_get_mem_data(content, &bytes);
    int fd;
    gboolean written;

    unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    written = fd >= 0 && write(fd, bytes, (gsize)length) == length && fsync(fd) == 0;
    if (fd >= 0)
        written = close(fd) == 0 && written;
    if (!written || rename(beside, file) != 0) {
        int saved = errno;

        unlink(beside);
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS, "%s: cannot be written: %s", file,
                    g_strerror(saved));
        return FALSE;
    }
    return TRUE;
}

/* Both are written beside first, so that what fails most likely leaves neither. */
static gboolean
write_pair(const char *certificate_file, const char *key_file, X509 *certificate, EVP_PKEY *key,
           GError **error)
{
    g_autoptr(BIO) key_text = BIO_new(BIO_s_secmem());
    g_autoptr(BIO) certificate_text = BIO_new(BIO_s_mem());

    if (key_text == NULL || certificate_text == NULL ||
        PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(certificate_text, certificate) != 1) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
                    "%s: the certificate cannot be put into PEM form", certificate_file);
        ERR_clear_error();
        return FALSE;
    }
    return write_file(key_file, key_text, 0600, error) &&
           write_file(certificate_file, certificate_text, 0644, error);
}

gboolean
ims_tls_make_self_signed(const char *certificate_file, const char *key_file,
                         const char *const *names, GError **error)
{
    gboolean has_certificate = access(certificate_file, F_OK) == 0;
    gboolean has_key = access(key_file, F_OK) == 0;
    g_autoptr(EVP_PKEY) key = NULL;
    g_autoptr(X509) certificate = NULL;

    if (has_certificate && has_key)
        return TRUE;
    if (has_certificate || has_key) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
                    "%s exists, but %s does not; expected: certificate and key, or neither",
                    has_key ? key_file : certificate_file, has_key ? certificate_file : key_file);
        return FALSE;
    }
    g_assert(names != NULL && names[0] != NULL);
    key = EVP_EC_gen("P-256");
    certificate = key != NULL ? make_certificate(key, names) : NULL;
    if (certificate == NULL) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_TLS,
                    "%s: a certificate for %s cannot be made: %s", certificate_file, names[0],
                    reason != NULL ? reason : "no reason given");
        ERR_clear_error();
        return FALSE;
    }
    return write_pair(certificate_file, key_file, certificate, key, error);
}
