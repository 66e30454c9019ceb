#include "directory/secrets-private.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "directory/directory.h"

#define SALT_LENGTH 16

void
ims_secret_free(char *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret, strlen(secret));
    g_free(secret);
}

char *
ims_secret_random_text(ImsWorld *world)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    guint8 random[26];
    char *text = g_malloc(sizeof random + 1);

    ims_world_random(world, random, sizeof random);
    for (gsize i = 0; i < sizeof random; i++)
        text[i] = letters[random[i] % 32];
    text[sizeof random] = '\0';
    return text;
}

/* The result lies in @data, which the caller wipes. NULL where crypt(3) failed. */
static const char *
run_crypt(const char *password, const char *setting, struct crypt_data *data)
{
    const char *result = crypt_rn(password, setting, data, sizeof *data);

    return result != NULL && result[0] != '*' ? result : NULL;
}

static void
free_crypt_data(struct crypt_data *data)
{
    explicit_bzero(data, sizeof *data);
    g_free(data);
}

char *
ims_secret_hash(ImsWorld *world, const char *password, guint cost, GError **error)
{
    struct crypt_data *data = g_new0(struct crypt_data, 1);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    guint8 random[SALT_LENGTH];
    const char *hash = NULL;
    char *result;

    ims_world_random(world, random, sizeof random);
    if (crypt_gensalt_rn("$y$", cost, (const char *)random, sizeof random, setting,
                         sizeof setting) != NULL)
        hash = run_crypt(password, setting, data);
    result = g_strdup(hash);
    if (result == NULL)
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO, "yescrypt failed: %s",
                    g_strerror(errno));
    free_crypt_data(data);
    return result;
}

gboolean
ims_secret_matches(const char *hash, const char *password)
{
    struct crypt_data *data = g_new0(struct crypt_data, 1);
    const char *result = run_crypt(password, hash, data);
    gsize length = strlen(hash);
    gboolean same =
        result != NULL && strlen(result) == length && CRYPTO_memcmp(result, hash, length) == 0;

    free_crypt_data(data);
    return same;
}

static void
hmac(const guint8 *key, const char *text, guint8 out[SHA256_DIGEST_LENGTH])
{
    guint length = 0;

    HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const guint8 *)text, strlen(text), out, &length);
}

/* RFC 5802 asks for SASLprep; NFKC is what of it concerns passwords people type. ASCII stays as it
 * is. */
static char *
normalise_password(const char *password)
{
    char *normal = g_utf8_normalize(password, -1, G_NORMALIZE_NFKC);

    return normal != NULL ? normal : g_strdup(password);
}

char *
ims_secret_scram_sha_256_with_salt(const char *password, const guint8 *salt, gsize salt_length,
                                   GError **error)
{
    guint8 salted[SHA256_DIGEST_LENGTH], client[SHA256_DIGEST_LENGTH];
    guint8 stored[SHA256_DIGEST_LENGTH], server[SHA256_DIGEST_LENGTH];
    g_autofree char *salt_text = NULL;
    g_autofree char *stored_text = NULL;
    g_autofree char *server_text = NULL;
    char *normal = normalise_password(password);
    int ok;

    ok = PKCS5_PBKDF2_HMAC(normal, (int)strlen(normal), salt, (int)salt_length,
                           IMS_SCRAM_ITERATIONS, EVP_sha256(), sizeof salted, salted);
    ims_secret_free(normal);
    if (ok != 1) {
        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO,
                    "PBKDF2 with SHA-256 failed");
        return NULL;
    }
    hmac(salted, "Client Key", client);
    hmac(salted, "Server Key", server);
    SHA256(client, sizeof client, stored);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
    salt_text = g_base64_encode(salt, salt_length);
    stored_text = g_base64_encode(stored, sizeof stored);
    server_text = g_base64_encode(server, sizeof server);
    return g_strdup_printf("SCRAM-SHA-256$%d:%s$%s:%s", IMS_SCRAM_ITERATIONS, salt_text,
                           stored_text, server_text);
}

char *
ims_secret_scram_sha_256(ImsWorld *world, const char *password, GError **error)
{
    guint8 salt[SALT_LENGTH];

    ims_world_random(world, salt, sizeof salt);
    return ims_secret_scram_sha_256_with_salt(password, salt, sizeof salt, error);
}
