/* Secrets: hashing, comparing, wiping. */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

#define IMS_PASSWORD_MAX 511 /* octets: what crypt(3) takes */
#define IMS_SCRAM_ITERATIONS 4096

/* Overwrites and frees. NULL is fine. */
void ims_secret_free(char *secret);
/* 26 letters and digits nobody can guess. (transfer full) */
char *ims_secret_random_text(ImsWorld *world);
/* yescrypt in crypt(3) form. NULL with IMS_DIRECTORY_ERROR_IO. Slow. */
char *ims_secret_hash(ImsWorld *world, const char *password, guint cost, GError **error);
/* @hash is any form crypt(3) knows. In a time that does not depend on where they differ. Slow. Any
 * thread. */
gboolean ims_secret_matches(const char *hash, const char *password);
/**
 * ims_secret_scram_sha_256:
 *
 * The keys of RFC 5802 and 7677 in the form of RFC 5803:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
 */
char *ims_secret_scram_sha_256(ImsWorld *world, const char *password, GError **error);
/* The same with a salt of the caller's; for tests with known answers. */
char *ims_secret_scram_sha_256_with_salt(const char *password, const guint8 *salt,
                                         gsize salt_length, GError **error);

G_END_DECLS
