/* The bytes of a command collect in `text`, with one NUL where a literal stood; parser-tree.c makes
 * the tree of it. */
#include "imap4/parser-private.h"

#include <string.h>

enum {
    IN_LINE,
    IN_LITERAL,
    IN_SKIPPED_LITERAL,
    IN_SKIPPED_LINE,
};

/* How much of a hopeless command is read and dropped before the connection is given up. */
#define MAX_SKIPPED_LINE (1024u * 1024)
#define MAX_SKIPPED_LITERAL (256u * 1024 * 1024)
#define FIRST_ALLOCATION (16u * 1024)

static void
set_fault(ImsImap4Parser *parser, ImsImap4Fault fault, const char *problem)
{
    if (parser->fault == IMS_IMAP4_FAULT_NONE) {
        parser->fault = fault;
        parser->problem = problem;
    }
}

/* TRUE if a quoted string is open at the end of [start, end). */
static gboolean
is_inside_quotes(const char *start, const char *end)
{
    gboolean inside = FALSE;

    for (const char *p = start; p < end; p++) {
        if (inside && *p == '\\')
            p++;
        else if (*p == '"')
            inside = !inside;
    }
    return inside;
}

typedef struct {
    gsize start; /* of the brace in the text */
    guint64 size;
    gboolean waits; /* not LITERAL+ */
} Announcement;

/* Does the line that just ended announce a literal? */
static gboolean
find_announcement(const ImsImap4Parser *parser, Announcement *out)
{
    const char *start = parser->text->str + parser->piece_start;
    const char *end = parser->text->str + parser->text->len;
    const char *p = end;
    guint64 size = 0, scale = 1;
    gboolean waits = TRUE;
    guint digits = 0;

    if (p == start || *--p != '}')
        return FALSE;
    if (p > start && p[-1] == '+') {
        waits = FALSE;
        p--;
    }
    while (p > start && g_ascii_isdigit(p[-1])) {
        guint64 digit = (guint64)(*--p - '0');

        /* More digits than a number of RFC 3501 has: a size that no limit allows. */
        size = ++digits > 18 ? G_MAXUINT64 : size + digit * scale;
        scale = digits >= 18 ? scale : scale * 10;
    }
    if (digits == 0 || p == start || p[-1] != '{')
        return FALSE;
    p--;
    if (is_inside_quotes(start, p))
        return FALSE;
    out->start = (gsize)(p - parser->text->str);
    out->size = size;
    out->waits = waits;
    return TRUE;
}

static gboolean
is_append(const ImsImap4Parser *parser)
{
    const char *space = strchr(parser->text->str, ' ');

    return space != NULL && g_ascii_strncasecmp(space + 1, "APPEND ", 7) == 0;
}

/* Takes an announced literal in, or begins to drain it. */
static ImsImap4Feed
begin_literal(ImsImap4Parser *parser, const ImsImap4Limits *limits, const Announcement *announced)
{
    gboolean append = is_append(parser);
    gsize limit = append ? limits->max_append : limits->max_literal;

    g_string_truncate(parser->text, announced->start);
    if (announced->size > limit || parser->literal_total > limit - announced->size)
        set_fault(parser, append ? IMS_IMAP4_FAULT_TOO_BIG : IMS_IMAP4_FAULT_SYNTAX,
                  "Literal is too large");
    if (parser->fault != IMS_IMAP4_FAULT_NONE) {
        if (announced->waits)
            return IMS_IMAP4_FEED_REQUEST; /* refused before it is sent (RFC 3501 4.3) */
        if (announced->size > MAX_SKIPPED_LITERAL)
            return IMS_IMAP4_FEED_FATAL;
        parser->remaining = announced->size;
        parser->state = IN_SKIPPED_LITERAL;
    } else {
        parser->remaining = announced->size;
        parser->literal_total += announced->size;
        parser->literal_size = 0;
        parser->literal_allocated = MIN(announced->size, FIRST_ALLOCATION);
        parser->literal = g_malloc(parser->literal_allocated + 1);
        parser->state = IN_LITERAL;
    }
    g_string_append_c(parser->text, '\0');
    parser->piece_start = parser->text->len;
    return announced->waits ? IMS_IMAP4_FEED_CONTINUE : IMS_IMAP4_FEED_MORE;
}

static ImsImap4Feed
end_line(ImsImap4Parser *parser, const ImsImap4Limits *limits)
{
    Announcement announced;
    gsize length = parser->text->len;

    if (length > parser->piece_start && parser->text->str[length - 1] == '\r')
        g_string_truncate(parser->text, length - 1);
    if (find_announcement(parser, &announced))
        return begin_literal(parser, limits, &announced);
    return IMS_IMAP4_FEED_REQUEST;
}

static gsize
feed_line(ImsImap4Parser *parser, const ImsImap4Limits *limits, const guint8 *bytes, gsize length,
          ImsImap4Feed *feed_out)
{
    const guint8 *newline = memchr(bytes, '\n', length);
    gsize piece = newline != NULL ? (gsize)(newline - bytes) : length;

    if (parser->text == NULL)
        parser->text = g_string_sized_new(MIN(piece, 1024) + 1);
    if (parser->text->len + piece > limits->max_line) {
        /* The part that fits is kept: the reply needs the tag. */
        piece = limits->max_line - MIN(parser->text->len, limits->max_line);
        newline = NULL;
        set_fault(parser, IMS_IMAP4_FAULT_SYNTAX, "Command line is too long");
        parser->state = IN_SKIPPED_LINE;
        parser->skipped = 0;
    }
    if (memchr(bytes, '\0', piece) != NULL) {
        set_fault(parser, IMS_IMAP4_FAULT_SYNTAX, "NUL in command");
        for (gsize i = 0; i < piece; i++)
            g_string_append_c(parser->text, bytes[i] == '\0' ? '?' : (char)bytes[i]);
    } else {
        g_string_append_len(parser->text, (const char *)bytes, (gssize)piece);
    }
    if (newline == NULL) {
        *feed_out = IMS_IMAP4_FEED_MORE;
        return piece;
    }
    *feed_out = end_line(parser, limits);
    return piece + 1;
}

static gsize
feed_skipped_line(ImsImap4Parser *parser, const guint8 *bytes, gsize length, ImsImap4Feed *feed_out)
{
    const guint8 *newline = memchr(bytes, '\n', length);
    gsize piece = newline != NULL ? (gsize)(newline - bytes) + 1 : length;

    parser->skipped += piece;
    if (newline != NULL)
        *feed_out = IMS_IMAP4_FEED_REQUEST;
    else
        *feed_out = parser->skipped > MAX_SKIPPED_LINE ? IMS_IMAP4_FEED_FATAL : IMS_IMAP4_FEED_MORE;
    return piece;
}

/* Grows with what has come, so that a lying length costs the liar. */
static void
grow_literal(ImsImap4Parser *parser, gsize more)
{
    gsize wanted = parser->literal_size + more;
    gsize whole = parser->literal_size + (gsize)parser->remaining;

    if (wanted <= parser->literal_allocated)
        return;
    parser->literal_allocated = MIN(whole, MAX(wanted, parser->literal_allocated * 2));
    parser->literal = g_realloc(parser->literal, parser->literal_allocated + 1);
}

static gsize
feed_literal(ImsImap4Parser *parser, const guint8 *bytes, gsize length)
{
    gsize piece = (gsize)MIN((guint64)length, parser->remaining);

    if (parser->state == IN_LITERAL && piece > 0) {
        grow_literal(parser, piece);
        memcpy(parser->literal + parser->literal_size, bytes, piece);
        parser->literal_size += piece;
    }
    parser->remaining -= piece;
    if (parser->remaining > 0)
        return piece;
    if (parser->state == IN_LITERAL) {
        if (parser->literals == NULL)
            parser->literals = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
        if (!is_append(parser) && memchr(parser->literal, '\0', parser->literal_size) != NULL)
            set_fault(parser, IMS_IMAP4_FAULT_SYNTAX, "NUL in literal");
        parser->literal[parser->literal_size] = '\0';
        g_ptr_array_add(parser->literals,
                        g_bytes_new_take(g_steal_pointer(&parser->literal), parser->literal_size));
    }
    parser->state = IN_LINE;
    return piece;
}

gsize
ims_imap4_parser_feed(ImsImap4Parser *parser, const ImsImap4Limits *limits, const guint8 *bytes,
                      gsize length, ImsImap4Feed *feed_out)
{
    gsize used = 0;
    ImsImap4Feed feed = IMS_IMAP4_FEED_MORE;

    /* A literal of no octets ends without input. */
    while (feed == IMS_IMAP4_FEED_MORE &&
           (used < length || (parser->state == IN_LITERAL && parser->remaining == 0))) {
        switch (parser->state) {
        case IN_LINE:
            used += feed_line(parser, limits, bytes + used, length - used, &feed);
            break;
        case IN_SKIPPED_LINE:
            used += feed_skipped_line(parser, bytes + used, length - used, &feed);
            break;
        default:
            used += feed_literal(parser, bytes + used, length - used);
            break;
        }
    }
    *feed_out = feed;
    return used;
}

ImsImap4Request *
ims_imap4_parser_take(ImsImap4Parser *parser)
{
    ImsImap4Request *request = g_new0(ImsImap4Request, 1);

    request->text = g_steal_pointer(&parser->text);
    request->literals = g_steal_pointer(&parser->literals);
    request->fault = parser->fault;
    request->problem = parser->problem;
    ims_imap4_parser_clear(parser);
    ims_imap4_request_build(request);
    return request;
}

gboolean
ims_imap4_parser_is_idle(const ImsImap4Parser *parser)
{
    return parser->text == NULL;
}

void
ims_imap4_parser_clear(ImsImap4Parser *parser)
{
    if (parser->text != NULL) {
        explicit_bzero(parser->text->str, parser->text->len);
        g_string_free(parser->text, TRUE);
    }
    if (parser->literals != NULL)
        g_ptr_array_unref(parser->literals);
    g_free(parser->literal);
    memset(parser, 0, sizeof *parser);
}
