/* What IMAP4 asks of a message's form, worked out once at delivery and stored. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    guint max_depth;       /* 0: 100 */
    guint max_parts;       /* 0: 10,000 */
    gsize max_header_size; /* 0: 1 MiB */
} ImsMimeLimits;

/**
 * ImsMimeSummary: ready-made IMAP4 text, and where each part lies.
 * @envelope: `("date" "subject" (…) …)`, RFC 3501 7.4.2, raw header values (encoded words stay), CRLF folds removed
 * @bodystructure: with extension data
 * @body: without
 * @header_size: octets to and with the empty line
 * @parts: packed part table, see ims_mime_find_part(); opaque, any alignment, safe against a broken one
 *
 * Strings that IMAP4 cannot carry quoted (8-bit, control characters) are written as literals `{n}CRLF…` inside the text.
 */
typedef struct {
    char *envelope;
    char *bodystructure;
    char *body;
    guint32 size;
    guint32 header_size;
    GBytes *parts;
    char *subject;    /* (nullable): raw, unfolded; for reports and listings */
    char *message_id; /* (nullable) */
} ImsMimeSummary;

/* Never fails: what is not MIME is text/plain; beyond the limits the rest is one opaque part. (transfer full) */
ImsMimeSummary *ims_mime_summarize(GBytes *message, const ImsMimeLimits *limits);
ImsMimeSummary *ims_mime_summary_copy(const ImsMimeSummary *summary);
void ims_mime_summary_free(ImsMimeSummary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsMimeSummary, ims_mime_summary_free)

typedef struct {
    guint32 header_offset, header_size; /* of the part's MIME header (or the message's, for part "") */
    guint32 body_offset, body_size;
    gboolean is_message; /* message/rfc822: HEADER, TEXT and numbers below it refer to the inner message */
    guint32 inner_header_offset, inner_header_size, inner_body_offset, inner_body_size; /* only then */
    gboolean is_multipart;
    guint8 encoding; /* 0 7bit/8bit/binary, 1 quoted-printable, 2 base64 */
} ImsMimePart;

/**
 * ims_mime_find_part:
 * @numbers: "1.2.3" without HEADER, TEXT or MIME; "" is the message itself
 *
 * Numbering of RFC 3501 6.4.5: a non-multipart message has part 1, its body; inside message/rfc822 counting starts anew.
 */
gboolean ims_mime_find_part(const ImsMimeSummary *summary, const char *numbers, ImsMimePart *out);

/**
 * ims_mime_header_fields:
 * @header: a header block
 * @names: NULL-terminated
 * @exclude: all but these (HEADER.FIELDS.NOT)
 * @order_of_request: fields in the order of @names, as 5.5 did (I-096); else in message order
 *
 * The matching fields as they stand, then an empty line. (transfer full)
 */
GBytes *ims_mime_header_fields(const guint8 *header, gsize length, const char *const *names, gboolean exclude, gboolean order_of_request);
/* First field of that name, unfolded, trimmed, raw. (transfer full) (nullable) */
char *ims_mime_header_get(const guint8 *header, gsize length, const char *name);
/* Encoded words (RFC 2047) decoded to UTF-8, broken bytes replaced. (transfer full) */
char *ims_mime_decode_text(const char *raw);
/* Date header to UTC seconds; FALSE where it is not a date. @zone_min_out (nullable) minutes east. */
gboolean ims_mime_parse_date(const char *text, gint64 *utc_sec_out, gint *zone_min_out);
/**
 * ims_mime_search_text:
 * TRUE if @needle (UTF-8, compared without regard to case) occurs in the decoded text of the message: headers too when
 * @with_headers. Transfer encodings and charsets are undone for text parts.
 */
gboolean ims_mime_search_text(GBytes *message, const ImsMimeSummary *summary, const char *needle, gboolean with_headers);
/* TRUE if header @name exists and its decoded value holds @needle ("": any value). */
gboolean ims_mime_search_header(const guint8 *header, gsize length, const char *name, const char *needle);

G_END_DECLS
