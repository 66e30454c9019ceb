/* Names of the Directory: what an alias, an address and an account may look like, and what makes
 * two the same. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define IMS_ALIAS_MAX 64          /* characters */
#define IMS_ACCOUNT_MAX 20        /* characters of an NT user name */
#define IMS_ACCOUNT_DOMAIN_MAX 15 /* characters of an NT domain name */
#define IMS_LOCAL_PART_MAX 256    /* octets; encapsulated addresses are longer than RFC 5321's 64 */

/* What two spellings of one name have in common. @text is UTF-8; anything else gets a key that
 * matches only itself. */
char *ims_name_key(const char *text);

/* IMS_DIRECTORY_ERROR_INVALID names the alias and what is expected. */
gboolean ims_name_check_alias(const char *alias, GError **error);

/**
 * ims_name_normal_domain:
 *
 * Lower case, A-labels (IDNA 2008), no final dot.
 *
 * Returns: (transfer full) (nullable): NULL where it is not a domain name
 */
char *ims_name_normal_domain(const char *domain);
/* "[192.0.2.1]" or "[IPv6:…]"; NULL: it is no address literal. (transfer full) */
char *ims_name_normal_literal(const char *domain);

/**
 * ims_name_normal_address:
 * @allow_literal: an address literal in brackets may stand for the domain
 *
 * `local@domain` with the local part as written and the domain as ims_name_normal_domain() gives
 * it.
 *
 * Returns: (transfer full): NULL with IMS_DIRECTORY_ERROR_INVALID
 */
char *ims_name_normal_address(const char *address, gboolean allow_literal, GError **error);

/* The key of an address: local part without needless quotes, all of it folded. @domain is normal
 * already. */
char *ims_name_address_key(const char *local, gsize local_length, const char *domain);
/* The same of a whole normal address. */
char *ims_name_address_key_whole(const char *address);

/**
 * ims_name_parse_account:
 * @text: `DOMAIN\user`, `DOMAIN/user` or `user`
 * @default_domain: for the third form
 * @domain_out, @name_out: (transfer full): the domain in upper case, the name as written
 *
 * Returns: FALSE with IMS_DIRECTORY_ERROR_INVALID
 */
gboolean ims_name_parse_account(const char *text, const char *default_domain, char **domain_out,
                                char **name_out, GError **error);

G_END_DECLS
