/*
 * Address lists of RFC 5322, obsolete forms included, as the address structures of ENVELOPE (RFC
 * 3501 7.4.2).
 *
 * GMime decodes and normalizes what it reads; ENVELOPE wants the raw text without quoting, so the
 * list is read here. The parser only moves forward: an octet is looked at a bounded number of times
 * whatever the input.
 */
#include "store/mime-private.h"

#include <string.h>

typedef struct {
    ImsMimeWriter *writer;
    GString *out;
    const guint8 *p, *end;
    gboolean in_group;
    gboolean group_told; /* its start fitted into the limit */
    gboolean has_words;  /* something stands before `<`, `@`, `,` */
    gboolean after_dot;  /* a dot was the last thing */
} Parser;

static void
put_or_nil(Parser *parser, const GString *text)
{
    if (text->len == 0)
        g_string_append(parser->out, "NIL");
    else
        ims_mime_put_string(parser->writer, parser->out, (const guint8 *)text->str, text->len);
}

/* @host NULL: NIL, the start of a group. A host that is not there is "", because NIL would mean a
 * group. */
static void
put_address(Parser *parser, const GString *name, const GString *route, const GString *mailbox,
            const GString *host)
{
    ImsMimeWriter *writer = parser->writer;

    if (writer->addresses_left == 0)
        return;
    writer->addresses_left--;
    g_string_append_c(parser->out, '(');
    put_or_nil(parser, name);
    g_string_append_c(parser->out, ' ');
    put_or_nil(parser, route);
    g_string_append_c(parser->out, ' ');
    ims_mime_put_string(writer, parser->out, (const guint8 *)mailbox->str, mailbox->len);
    g_string_append_c(parser->out, ' ');
    if (host == NULL)
        g_string_append(parser->out, "NIL");
    else
        ims_mime_put_string(writer, parser->out, (const guint8 *)host->str, host->len);
    g_string_append_c(parser->out, ')');
}

static gboolean
is_special(guint8 c)
{
    return strchr("<>@,;:\"(). \t\r\n", c) != NULL && c != '\0';
}

static gboolean
skip_blanks(Parser *parser)
{
    const guint8 *start = parser->p;

    parser->p = ims_mime_skip_cfws(start, parser->end, parser->writer->comment);
    return parser->p != start;
}

/* Octets of an atom to @out; at least one. */
static void
take_atom(Parser *parser, GString *out)
{
    const guint8 *start = parser->p++;

    while (parser->p < parser->end && !is_special(*parser->p)) {
        if (*parser->p == '\\' &&
            parser->p + 1 < parser->end) /* obsolete: quoted pair outside quotes */
            parser->p++;
        parser->p++;
    }
    g_string_append_len(out, (const char *)start, parser->p - start);
}

/* Behind an `@`: to the next of `>`, `,`, `;` or the end. */
static void
take_domain(Parser *parser, GString *out)
{
    gboolean in_literal = FALSE;

    while (parser->p < parser->end) {
        guint8 c = *parser->p;

        if (in_literal) {
            if (c != '\r' && c != '\n')
                g_string_append_c(out, (char)c);
            in_literal = c != ']';
            parser->p++;
        } else if (c == '>' || c == ',' || c == ';') {
            return;
        } else if (c == '(' || c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            skip_blanks(parser);
        } else {
            in_literal = c == '[';
            g_string_append_c(out, (char)c);
            parser->p++;
        }
    }
}

/* `<@a,@b:` of the obsolete route; TRUE with the text in @route when it was one. */
static void
take_route(Parser *parser, GString *route)
{
    while (parser->p < parser->end && *parser->p != ':' && *parser->p != '>') {
        if (skip_blanks(parser))
            continue;
        g_string_append_c(route, (char)*parser->p++);
    }
    if (parser->p < parser->end && *parser->p == ':')
        parser->p++;
}

/* Behind the `<`. */
static void
take_angle(Parser *parser)
{
    ImsMimeWriter *writer = parser->writer;

    g_string_truncate(writer->local, 0);
    g_string_truncate(writer->domain, 0);
    g_string_truncate(writer->route, 0);
    skip_blanks(parser);
    if (parser->p < parser->end && (*parser->p == '@' || *parser->p == ','))
        take_route(parser, writer->route);
    while (parser->p < parser->end) {
        guint8 c = *parser->p;

        if (c == '>' || c == ',' || c == ';')
            break;
        if (c == '@') {
            parser->p++;
            take_domain(parser, writer->domain);
            break;
        }
        if (skip_blanks(parser))
            continue;
        if (c == '"')
            parser->p = ims_mime_quoted(parser->p + 1, parser->end, writer->local);
        else
            take_atom(parser, writer->local);
    }
    if (parser->p < parser->end && *parser->p == '>')
        parser->p++;
}

/* Rubbish between an address and the next comma; comments are kept for the name. */
static void
skip_to_separator(Parser *parser)
{
    while (parser->p < parser->end && *parser->p != ',' && *parser->p != ';') {
        if (skip_blanks(parser))
            continue;
        parser->p =
            *parser->p == '"' ? ims_mime_quoted(parser->p + 1, parser->end, NULL) : parser->p + 1;
    }
}

static void
finish_address(Parser *parser, gboolean angle)
{
    ImsMimeWriter *writer = parser->writer;

    skip_to_separator(parser);
    put_address(parser, angle && writer->display->len != 0 ? writer->display : writer->comment,
                writer->route, writer->local, writer->domain);
}

/* One word before it is known whether it belongs to a name or a local part. */
static void
take_word(Parser *parser, gboolean spaced)
{
    ImsMimeWriter *writer = parser->writer;
    gsize before;

    if (spaced && parser->has_words) {
        g_string_append_c(writer->display, ' ');
        if (!parser->after_dot && *parser->p != '.')
            g_string_append_c(writer->local, ' ');
    }
    before = writer->display->len;
    parser->after_dot = *parser->p == '.';
    if (*parser->p == '"')
        parser->p = ims_mime_quoted(parser->p + 1, parser->end, writer->display);
    else
        take_atom(parser, writer->display);
    g_string_append_len(writer->local, writer->display->str + before,
                        (gssize)(writer->display->len - before));
    parser->has_words = TRUE;
}

static void
start_group(Parser *parser)
{
    g_autoptr(GString) nothing = g_string_new(NULL);

    parser->group_told = parser->writer->addresses_left != 0;
    put_address(parser, nothing, nothing, parser->writer->display, NULL);
    parser->in_group = TRUE;
    parser->p++;
}

static void
end_group(Parser *parser)
{
    if (parser->in_group && parser->group_told)
        g_string_append(parser->out, "(NIL NIL NIL NIL)");
    parser->in_group = FALSE;
}

/* One address, or the start or end of a group. */
static void
take_one(Parser *parser)
{
    ImsMimeWriter *writer = parser->writer;

    g_string_truncate(writer->display, 0);
    g_string_truncate(writer->local, 0);
    g_string_truncate(writer->domain, 0);
    g_string_truncate(writer->route, 0);
    g_string_truncate(writer->comment, 0);
    parser->has_words = parser->after_dot = FALSE;
    while (parser->p < parser->end) {
        gboolean spaced = skip_blanks(parser);

        if (parser->p >= parser->end || *parser->p == ',' || *parser->p == ';')
            break;
        if (*parser->p == '<') {
            parser->p++;
            take_angle(parser);
            finish_address(parser, TRUE);
            return;
        }
        if (*parser->p == '@') {
            parser->p++;
            take_domain(parser, writer->domain);
            finish_address(parser, FALSE);
            return;
        }
        if (*parser->p == ':' && !parser->in_group && parser->has_words) {
            start_group(parser);
            return;
        }
        take_word(parser, spaced);
    }
    if (parser->has_words)
        finish_address(parser, FALSE);
}

void
ims_mime_put_addresses(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length)
{
    Parser parser = {writer, out, text, text + length, FALSE, FALSE, FALSE, FALSE};

    while (parser.p < parser.end && writer->addresses_left != 0) {
        take_one(&parser);
        if (parser.p < parser.end && (*parser.p == ',' || *parser.p == ';')) {
            if (*parser.p == ';')
                end_group(&parser);
            parser.p++;
        }
    }
    end_group(&parser);
}
