/* What the clients of SMTP, POP3 and IMAP4 answer to a challenge of LOGIN and PLAIN (RFC 4616,
 * 4954). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ims_sasl_decode:
 * @text: base64 without blanks; "" is an empty answer
 * @length_out: octets of the answer
 *
 * Strict: GLib's own decoder passes over what it does not know.
 *
 * Returns: (transfer full) (nullable): the answer, a NUL behind it; free it with ims_sasl_free().
 * NULL: not base64
 */
char *ims_sasl_decode(const char *text, gsize *length_out);
/* Wipes @length octets of @answer and frees it. NULL is fine. */
void ims_sasl_free(char *answer, gsize length);

typedef enum {
    IMS_SASL_PLAIN_OK,
    IMS_SASL_PLAIN_MALFORMED,
    IMS_SASL_PLAIN_FOR_ANOTHER, /* who one acts as is not who one is: not offered */
} ImsSaslPlain;

/**
 * ims_sasl_split_plain:
 * @answer: authorization NUL name NUL password, as ims_sasl_decode() gave it
 * @name_out, @password_out: within @answer; set where it is OK
 */
ImsSaslPlain ims_sasl_split_plain(const char *answer, gsize length, const char **name_out,
                                  const char **password_out);

G_END_DECLS
