/* What the MIME files of the store share: the scanner's tree, header iteration and IMAP4 text. */
#pragma once

#include "store/mime.h"

G_BEGIN_DECLS

/* Octets of the message, by place. A length of 0 with offset 0 means "not there". */
typedef struct {
    guint32 offset, length;
} ImsMimeSlice;

typedef enum {
    IMS_MIME_LEAF,
    IMS_MIME_MULTIPART,
    IMS_MIME_MESSAGE, /* message/rfc822: exactly one child, the inner message */
    IMS_MIME_OPAQUE,  /* beyond the limits: told as application/octet-stream */
} ImsMimeKind;

/* The Content-* fields BODYSTRUCTURE needs. */
typedef enum {
    IMS_MIME_FIELD_TYPE,
    IMS_MIME_FIELD_ENCODING,
    IMS_MIME_FIELD_ID,
    IMS_MIME_FIELD_DESCRIPTION,
    IMS_MIME_FIELD_DISPOSITION,
    IMS_MIME_FIELD_MD5,
    IMS_MIME_FIELD_LANGUAGE,
    IMS_MIME_FIELD_LOCATION,
    IMS_MIME_N_FIELDS,
} ImsMimeField;

typedef struct {
    guint32 header_offset, header_size;
    guint32 body_offset, body_size;
    guint32 lines;  /* line feeds in the body */
    guint32 next;   /* index of the first node behind this one's subtree */
    guint32 parent; /* G_MAXUINT32: none */
    guint32 n_children;
    guint16 depth;
    guint8 kind;     /* ImsMimeKind */
    guint8 encoding; /* as in ImsMimePart */
    guint8 digest;   /* a child without Content-Type is message/rfc822 */
    guint8 no_type;  /* Content-Type is absent or not to be used: text/plain */
    guint8 present;  /* bit per ImsMimeField */
    ImsMimeSlice fields[IMS_MIME_N_FIELDS];
} ImsMimeNode;

/* ---- limits ---- */

/* Longer boundaries are not looked for (RFC 2046: 70). */
#define IMS_MIME_MAX_BOUNDARY 1000
/* Longer type and encoding words are not taken as such. */
#define IMS_MIME_MAX_WORD 255
/* Of one message, inner ones included: what is beyond is left out of ENVELOPE. */
#define IMS_MIME_MAX_ADDRESSES 50000
/* Octets of header values told in ENVELOPE and BODYSTRUCTURE; beyond it they are NIL. */
#define IMS_MIME_MAX_TEXT (16u << 20)
#define IMS_MIME_MAX_PARAMETERS 200

/* ---- scanner ---- */

/* (element-type ImsMimeNode) (transfer full): in document order, [0] is the message. At least one.
 * Linear in @size. */
GArray *ims_mime_scan(const guint8 *data, guint32 size, const ImsMimeLimits *limits);

/* ---- header fields ---- */

typedef struct {
    const guint8 *start, *end; /* the whole field with its line ends */
    const guint8 *name;
    gsize name_length;   /* 0: a line without colon */
    const guint8 *value; /* after the colon */
    gsize value_length;  /* with folds, without the last line end */
} ImsMimeHeader;

/* Next field from *@cursor; FALSE at the empty line or the end. */
gboolean ims_mime_header_next(const guint8 **cursor, const guint8 *end, ImsMimeHeader *out);
gboolean ims_mime_header_is(const ImsMimeHeader *header, const char *name);
/* Takes blanks off both ends. */
void ims_mime_trim(const guint8 **text, gsize *length);
/* Trimmed, folds taken out, NUL told as '?'. (transfer full) */
char *ims_mime_unfold(const guint8 *text, gsize length);

/* ---- Content-Type and its kin ---- */

typedef struct {
    const guint8 *type, *subtype; /* in the value */
    gsize type_length, subtype_length;
    const guint8 *rest; /* where parameters begin */
} ImsMimeType;

gboolean ims_mime_type_parse(const guint8 *value, gsize length, ImsMimeType *out);
gboolean ims_mime_type_is(const ImsMimeType *type, const char *name, const char *subtype);
/* A lone word such as `base64` or `attachment`: FALSE where there is none. @rest_out (optional) */
gboolean ims_mime_word_parse(const guint8 *value, gsize length, const guint8 **word_out,
                             gsize *length_out, const guint8 **rest_out);
/* Next `; name=value`; @value holds it without quotes. */
gboolean ims_mime_parameter_next(const guint8 **cursor, const guint8 *end, const guint8 **name_out,
                                 gsize *name_length_out, GString *value);
/* (transfer full) (nullable): first parameter @name of a field's value, NULs as '?'. */
char *ims_mime_parameter_get(const guint8 *rest, const guint8 *end, const char *name);
/* Behind blanks, folds and comments; the last comment's text goes to @comment (nullable). */
const guint8 *ims_mime_skip_cfws(const guint8 *p, const guint8 *end, GString *comment);
/* @p is behind the opening quote; appends the content to @out (nullable). Returns behind the
 * closing one. */
const guint8 *ims_mime_quoted(const guint8 *p, const guint8 *end, GString *out);

/* ---- IMAP4 text ---- */

typedef struct {
    gsize text_left;
    guint addresses_left;
    GString *scratch, *display, *local, *domain, *route, *comment;
} ImsMimeWriter;

void ims_mime_writer_init(ImsMimeWriter *writer);
void ims_mime_writer_clear(ImsMimeWriter *writer);
/* Quoted string, literal where IMAP4 asks for one. */
void ims_mime_put_string(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length);
/* The value of a field, trimmed and unfolded. */
void ims_mime_put_value(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length);
/* Address structures, without the outer parentheses. */
void ims_mime_put_addresses(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length);
/* ENVELOPE of a header block. */
void ims_mime_put_envelope(ImsMimeWriter *writer, GString *out, const guint8 *header, gsize length);
/* BODYSTRUCTURE and BODY of the whole tree. */
void ims_mime_put_structure(ImsMimeWriter *writer, const guint8 *data, const GArray *nodes,
                            gsize max_header, GString *structure, GString *body);

/* ---- part table ---- */

GBytes *ims_mime_table_pack(const GArray *nodes);
typedef struct {
    const guint8 *data;
    guint count;
    guint32 size; /* of the message: no part lies outside */
} ImsMimeTable;
typedef struct {
    guint32 header_offset, header_size, body_offset, body_size, next;
    guint8 kind, encoding;
} ImsMimeRecord;
gboolean ims_mime_table_open(const ImsMimeSummary *summary, ImsMimeTable *out);
/* FALSE where the record is not there or not possible. */
gboolean ims_mime_table_get(const ImsMimeTable *table, guint index, ImsMimeRecord *out);

/* ---- charsets ---- */

/* Turns a charset into UTF-8, piece by piece. Not known, or none: the octets are taken for UTF-8.
 */
typedef struct {
    char *name;
    GIConv iconv;    /* (GIConv)-1: UTF-8 */
    guint8 left[32]; /* the start of a character whose rest is still to come */
    guint n_left;
} ImsMimeCharset;

/* @name (nullable) */
void ims_mime_charset_open(ImsMimeCharset *charset, const char *name, gsize length);
void ims_mime_charset_close(ImsMimeCharset *charset);
/* Appends valid UTF-8; what cannot be read becomes U+FFFD. @last: nothing comes behind it. */
void ims_mime_charset_feed(ImsMimeCharset *charset, const guint8 *bytes, gsize length,
                           gboolean last, GString *out);

G_END_DECLS
