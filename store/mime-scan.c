/*
 * Where each part of a message lies, to the octet: one pass over the lines, no recursion.
 *
 * GMime keeps no offset of a nested part's header and body that would be exact for broken messages,
 * so the structure is found here. Every line is looked at once; a line that begins with "--" is
 * compared with the open boundaries by length and hash, so that neither many boundaries nor deep
 * nesting make it slower than linear.
 */
#include "store/mime-private.h"

#include <string.h>

typedef struct {
    guint node;
    char *boundary;
    gsize length;
    guint32 hash;
} Level;

typedef struct {
    const guint8 *data, *end, *p;
    guint32 lines; /* line feeds before @p */
    guint max_depth, max_parts;
    gsize max_header;
    GArray *nodes;
    GArray *levels; /* open multiparts, outermost first */
    guint current;  /* innermost open node */
    gboolean rest_is_opaque;
    guint16 open_lengths[IMS_MIME_MAX_BOUNDARY + 1]; /* open boundaries of each length */
} Scanner;

static ImsMimeNode *
node_at(Scanner *scanner, guint index)
{
    return &g_array_index(scanner->nodes, ImsMimeNode, index);
}

static guint32
hash_bytes(const guint8 *bytes, gsize length)
{
    guint32 hash = 2166136261u;

    for (gsize i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

/* ---- boundaries ---- */

static void
clear_level(gpointer level)
{
    g_free(((Level *)level)->boundary);
}

static void
pop_levels(Scanner *scanner, guint down_to)
{
    while (scanner->levels->len > down_to) {
        scanner->open_lengths[g_array_index(scanner->levels, Level, scanner->levels->len - 1)
                                  .length]--;
        g_array_set_size(scanner->levels, scanner->levels->len - 1);
    }
}

/* Innermost open level with exactly this boundary; -1: none. */
static int
find_level(Scanner *scanner, const guint8 *text, gsize length)
{
    guint32 hash;

    if (length == 0 || length > IMS_MIME_MAX_BOUNDARY || scanner->open_lengths[length] == 0)
        return -1;
    hash = hash_bytes(text, length);
    for (guint i = scanner->levels->len; i-- > 0;) {
        const Level *level = &g_array_index(scanner->levels, Level, i);

        if (level->length == length && level->hash == hash &&
            memcmp(level->boundary, text, length) == 0)
            return (int)i;
    }
    return -1;
}

/*
 * RFC 2046 5.1.1: "--" boundary, "--" at the last one, then blanks only. A line that only begins
 * with the boundary is no delimiter: an inner boundary may well begin with the outer one.
 */
static int
match_delimiter(Scanner *scanner, const guint8 *line, const guint8 *stop, gboolean *last_out)
{
    int level;
    gsize length;

    if (stop - line < 3 || line[0] != '-' || line[1] != '-')
        return -1;
    while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
        stop--;
    line += 2;
    if (stop <= line)
        return -1;
    length = (gsize)(stop - line);
    *last_out = FALSE;
    level = find_level(scanner, line, length);
    if (level < 0 && length > 2 && stop[-1] == '-' && stop[-2] == '-') {
        *last_out = TRUE;
        level = find_level(scanner, line, length - 2);
    }
    return level;
}

/* The boundary parameter, RFC 2231 continuations joined. (transfer full) (nullable) */
static char *
find_boundary(const guint8 *rest, const guint8 *end)
{
    g_autofree char *boundary = ims_mime_parameter_get(rest, end, "boundary");
    gsize length;

    if (boundary == NULL) {
        g_autoptr(GString) joined = g_string_new(NULL);

        for (guint i = 0; i < 10; i++) {
            g_autofree char *name = g_strdup_printf("boundary*%u", i);
            g_autofree char *piece = ims_mime_parameter_get(rest, end, name);

            if (piece == NULL)
                break;
            g_string_append(joined, piece);
        }
        boundary = g_string_free(g_steal_pointer(&joined), FALSE);
    }
    g_strchomp(boundary);
    length = strlen(boundary);
    if (length == 0 || length > IMS_MIME_MAX_BOUNDARY)
        return NULL;
    return g_steal_pointer(&boundary);
}

/* ---- nodes ---- */

/* Ends of the header block: at and behind the empty line, at a delimiter, or at the end of the
 * message. */
static void
scan_header(Scanner *scanner, ImsMimeNode *node)
{
    const guint8 *p = scanner->p;

    node->header_offset = (guint32)(p - scanner->data);
    while (p < scanner->end) {
        const guint8 *lf = memchr(p, '\n', (gsize)(scanner->end - p));
        const guint8 *next = lf != NULL ? lf + 1 : scanner->end;
        gboolean last;

        if (*p == '-' && scanner->levels->len != 0 &&
            match_delimiter(scanner, p, lf != NULL ? lf : next, &last) >= 0)
            break;
        if (lf != NULL)
            scanner->lines++;
        if (lf != NULL && (lf == p || (lf == p + 1 && *p == '\r'))) {
            p = next;
            break;
        }
        p = next;
    }
    scanner->p = p;
    node->body_offset = (guint32)(p - scanner->data);
    node->header_size = node->body_offset - node->header_offset;
}

static const char *const field_names[IMS_MIME_N_FIELDS] = {
    [IMS_MIME_FIELD_TYPE] = "type",
    [IMS_MIME_FIELD_ENCODING] = "transfer-encoding",
    [IMS_MIME_FIELD_ID] = "id",
    [IMS_MIME_FIELD_DESCRIPTION] = "description",
    [IMS_MIME_FIELD_DISPOSITION] = "disposition",
    [IMS_MIME_FIELD_MD5] = "md5",
    [IMS_MIME_FIELD_LANGUAGE] = "language",
    [IMS_MIME_FIELD_LOCATION] = "location",
};

static void
read_fields(Scanner *scanner, ImsMimeNode *node)
{
    const guint8 *cursor = scanner->data + node->header_offset;
    const guint8 *end = cursor + MIN((gsize)node->header_size, scanner->max_header);
    ImsMimeHeader field;

    while (ims_mime_header_next(&cursor, end, &field)) {
        if (field.name_length < 10 ||
            g_ascii_strncasecmp((const char *)field.name, "content-", 8) != 0)
            continue;
        for (guint i = 0; i < IMS_MIME_N_FIELDS; i++) {
            if (strlen(field_names[i]) != field.name_length - 8 ||
                g_ascii_strncasecmp((const char *)field.name + 8, field_names[i],
                                    field.name_length - 8) != 0)
                continue;
            if (!(node->present & (1u << i))) {
                node->present |= (guint8)(1u << i);
                node->fields[i].offset = (guint32)(field.value - scanner->data);
                node->fields[i].length = (guint32)field.value_length;
            }
            break;
        }
    }
}

static guint8
read_encoding(Scanner *scanner, const ImsMimeNode *node)
{
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_ENCODING];
    const guint8 *word;
    gsize length;

    if (!ims_mime_word_parse(scanner->data + slice->offset, slice->length, &word, &length, NULL))
        return 0;
    if (length == 6 && g_ascii_strncasecmp((const char *)word, "base64", 6) == 0)
        return 2;
    if (length == 16 && g_ascii_strncasecmp((const char *)word, "quoted-printable", 16) == 0)
        return 1;
    return 0;
}

/* Says what @node is from its Content-Type; for a multipart opens its level. */
static void
judge_type(Scanner *scanner, guint index, gboolean in_digest)
{
    ImsMimeNode *node = node_at(scanner, index);
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_TYPE];
    const guint8 *value = scanner->data + slice->offset;
    guint parts_left = scanner->max_parts - scanner->nodes->len;
    ImsMimeType type;

    node->kind = IMS_MIME_LEAF;
    node->encoding = read_encoding(scanner, node);
    if (!(node->present & (1u << IMS_MIME_FIELD_TYPE)) ||
        !ims_mime_type_parse(value, slice->length, &type)) {
        node->no_type = TRUE;
        if (in_digest)
            node->kind = IMS_MIME_MESSAGE;
    } else if (ims_mime_type_is(&type, "message", "rfc822")) {
        node->kind = IMS_MIME_MESSAGE;
    } else if (ims_mime_type_is(&type, "multipart", NULL)) {
        g_autofree char *boundary = find_boundary(type.rest, value + slice->length);
        Level level;

        if (boundary == NULL) { /* RFC 2045 5.2: what cannot be understood is plain text */
            node->no_type = TRUE;
            return;
        }
        if (node->depth >= scanner->max_depth || parts_left == 0) {
            node->kind = IMS_MIME_OPAQUE;
            return;
        }
        node->kind = IMS_MIME_MULTIPART;
        node->digest = ims_mime_type_is(&type, "multipart", "digest");
        level.node = index;
        level.length = strlen(boundary);
        level.hash = hash_bytes((const guint8 *)boundary, level.length);
        level.boundary = g_steal_pointer(&boundary);
        scanner->open_lengths[level.length]++;
        g_array_append_val(scanner->levels, level);
    }
    if (node->kind == IMS_MIME_MESSAGE && (node->depth >= scanner->max_depth || parts_left < 2))
        node->kind = IMS_MIME_OPAQUE;
}

/* A node that begins at @p, and the inner messages that begin with it. */
static void
begin_node(Scanner *scanner, guint parent)
{
    for (;;) {
        guint index = scanner->nodes->len;
        gboolean in_digest = FALSE;
        ImsMimeNode *node;

        g_array_set_size(scanner->nodes, index + 1);
        node = node_at(scanner, index);
        node->parent = parent;
        if (parent != G_MAXUINT32) {
            ImsMimeNode *above = node_at(scanner, parent);

            above->n_children++;
            node->depth = above->depth + 1;
            in_digest = above->digest;
        }
        scanner->current = index;
        if (index != 0 && index + 1 >= scanner->max_parts) {
            node->header_offset = node->body_offset = (guint32)(scanner->p - scanner->data);
            node->kind = IMS_MIME_OPAQUE;
            node->lines = scanner->lines;
            scanner->rest_is_opaque = TRUE;
            return;
        }
        scan_header(scanner, node);
        read_fields(scanner, node);
        judge_type(scanner, index, in_digest);
        node->lines = scanner->lines; /* until it is closed: where its body begins */
        if (node_at(scanner, index)->kind != IMS_MIME_MESSAGE)
            return;
        parent = index;
    }
}

/* Closes open nodes up to, not including, @keep (G_MAXUINT32: all); their bodies end at @stop,
 * before line @lines. */
static void
close_nodes(Scanner *scanner, guint keep, const guint8 *stop, guint32 lines, gboolean at_delimiter)
{
    guint32 end = (guint32)(stop - scanner->data);

    while (scanner->current != keep) {
        ImsMimeNode *node = node_at(scanner, scanner->current);
        guint32 body_end = end, end_lines = lines;

        /* The line end before a delimiter belongs to the delimiter, unless it is the header's. */
        if (at_delimiter && body_end > node->body_offset) {
            body_end--;
            end_lines--;
            if (body_end > node->body_offset && scanner->data[body_end - 1] == '\r')
                body_end--;
        }
        node->body_size = body_end - node->body_offset;
        node->lines = end_lines - node->lines;
        node->next = scanner->nodes->len;
        if (node->kind == IMS_MIME_MULTIPART && node->n_children == 0) {
            node->kind = IMS_MIME_LEAF;
            node->no_type = TRUE;
        }
        scanner->current = node->parent;
        if (scanner->current == G_MAXUINT32)
            break;
    }
}

/* Reads on to the next delimiter of an open level and acts on it. FALSE at the end of the message.
 */
static gboolean
scan_body(Scanner *scanner)
{
    const guint8 *p = scanner->p, *end = scanner->end;

    while (p < end) {
        const guint8 *lf = memchr(p, '\n', (gsize)(end - p));

        if (*p == '-' && scanner->levels->len != 0) {
            gboolean last = FALSE;
            int level = match_delimiter(scanner, p, lf != NULL ? lf : end, &last);

            if (level >= 0) {
                guint node = g_array_index(scanner->levels, Level, level).node;

                close_nodes(scanner, node, p, scanner->lines, TRUE);
                pop_levels(scanner, (guint)level + (last ? 0 : 1));
                scanner->p = lf != NULL ? lf + 1 : end;
                scanner->lines += lf != NULL;
                if (!last)
                    begin_node(scanner, node);
                return !scanner->rest_is_opaque;
            }
        }
        if (lf == NULL)
            break;
        scanner->lines++;
        p = lf + 1;
    }
    return FALSE;
}

/*
 * A header that a delimiter cut short took the line end before it, which belongs to the delimiter:
 * what lies inside a part must not reach beyond it.
 */
static void
clip_to_parents(Scanner *scanner)
{
    for (guint i = 1; i < scanner->nodes->len; i++) {
        ImsMimeNode *node = node_at(scanner, i);
        const ImsMimeNode *parent = node_at(scanner, node->parent);
        guint32 end = parent->body_offset + parent->body_size;
        guint32 body_end = MIN(node->body_offset + node->body_size, end);

        if (node->body_offset > end) {
            node->header_offset = MIN(node->header_offset, end);
            node->header_size = end - node->header_offset;
            node->body_offset = end;
        }
        node->body_size = body_end - node->body_offset;
    }
}

GArray *
ims_mime_scan(const guint8 *data, guint32 size, const ImsMimeLimits *limits)
{
    Scanner scanner = {0};

    scanner.p = scanner.data = data;
    scanner.end = data + size;
    scanner.max_depth = limits != NULL && limits->max_depth != 0 ? limits->max_depth : 100;
    scanner.max_depth = MIN(scanner.max_depth, 1000);
    scanner.max_parts = limits != NULL && limits->max_parts != 0 ? limits->max_parts : 10000;
    scanner.max_header =
        limits != NULL && limits->max_header_size != 0 ? limits->max_header_size : 1u << 20;
    scanner.nodes = g_array_sized_new(FALSE, TRUE, sizeof(ImsMimeNode), 4);
    scanner.levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_array_set_clear_func(scanner.levels, clear_level);
    begin_node(&scanner, G_MAXUINT32);
    while (scan_body(&scanner))
        ;
    if (scanner.rest_is_opaque) {
        for (const guint8 *p = scanner.p; p < scanner.end;) {
            const guint8 *lf = memchr(p, '\n', (gsize)(scanner.end - p));

            if (lf == NULL)
                break;
            scanner.lines++;
            p = lf + 1;
        }
    }
    close_nodes(&scanner, G_MAXUINT32, scanner.end, scanner.lines, FALSE);
    clip_to_parents(&scanner);
    g_array_unref(scanner.levels);
    return scanner.nodes;
}
