/* Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ims_imap4_mutf7_decode:
 *
 * Strict: what a correct encoder does not write is refused (8-bit or control octets, printable
 * ASCII in base64, left-over bits, lone surrogates, one base64 run right after another), so that a
 * name has one form only.
 *
 * Returns: (transfer full) (nullable): UTF-8
 */
char *ims_imap4_mutf7_decode(const char *text);
/* @name: valid UTF-8. (transfer full) */
char *ims_imap4_mutf7_encode(const char *name);

G_END_DECLS
