/* The address forms of MAIL FROM and RCPT TO, as the IMS read them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ImsPath: what stands inside the angle brackets, taken apart.
 * @local: local part as written, quotes kept; "" only for the null path
 * @domain: (nullable): lower case, final dot dropped; NULL where no `@` was there
 * @is_null: `<>`
 * @is_literal: @domain is an address literal; @domain then holds it without brackets
 * @had_route: a source route was cut off (R-092, Q140940)
 *
 * `%` and `!` mean nothing special and stay in @local.
 */
typedef struct {
    char *local;
    char *domain;
    gboolean is_null;
    gboolean is_literal;
    gboolean had_route;
} ImsPath;

/* Bytes. Longer is malformed; no command line that carries a path is longer. */
#define IMS_PATH_MAX 2048

typedef enum {
    IMS_PATH_ERROR_MALFORMED,
} ImsPathError;
#define IMS_PATH_ERROR (ims_path_error_quark())
GQuark ims_path_error_quark(void);

/**
 * ims_path_parse:
 * @text: the path without angle brackets, NUL-terminated; may hold any byte
 * @lax: `AcceptMalformed821Adrs`: a blank or other odd character is taken (R-109, Q191262)
 * @out: set on success only; release with ims_path_clear()
 *
 * Two unquoted `@` are malformed unless @lax, where the last one decides (S-169). A source route ends at the
 * last colon that stands outside quotes and brackets and behind an `@`. Control characters and an odd domain are
 * malformed in any case; a byte above 127 and a special character of RFC 5321 that is not quoted unless @lax.
 * Malformed gets the reply `553 malformed address: <text>`.
 *
 * Returns: FALSE with IMS_PATH_ERROR_MALFORMED
 */
gboolean ims_path_parse(const char *text, gboolean lax, ImsPath *out, GError **error);
void ims_path_clear(ImsPath *path);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImsPath, ims_path_clear)
/* "local@domain", "local@[1.2.3.4]", "local@[IPv6:2001:db8::1]", "local" or "". Free with g_free(). */
char *ims_path_format(const ImsPath *path);
/* An unquoted `=` outside an encapsulated address: 5.0 and later refused it with 553 (S-048; faithful profile). */
gboolean ims_path_has_equal_sign(const ImsPath *path);

/**
 * ims_imcea_decode:
 * @local: a local part such as `IMCEASMTP-user+40far+2Eexample`
 * @type_out: (optional) (transfer full): "SMTP", "EX", "X400", …
 * @address_out: (optional) (transfer full): the decoded inner address; `_` became `/` except for SMTP
 *
 * The prefix must be upper case (R-100, Q271575). Encoding: R-099 (Q245045, Q189492, Q193782).
 *
 * Returns: FALSE where @local is not an encapsulated address or its encoding is broken
 */
gboolean ims_imcea_decode(const char *local, char **type_out, char **address_out);
/* The reverse: "IMCEA<type>-<encoded>". (transfer full) */
char *ims_imcea_encode(const char *type, const char *address);

G_END_DECLS
