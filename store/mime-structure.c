/* BODY and BODYSTRUCTURE (RFC 3501 7.4.2) of the scanned tree. */
#include "store/mime-private.h"

#include <string.h>

typedef struct {
    ImsMimeWriter *writer;
    const guint8 *data;
    const GArray *nodes;
    gsize max_header;
    GString *structure, *body;
    GString *value; /* of the parameter at hand */
} Emitter;

static gboolean
has_field(const ImsMimeNode *node, ImsMimeField field)
{
    return (node->present & (1u << field)) != 0;
}

static void
put_field(Emitter *emitter, const ImsMimeNode *node, ImsMimeField field)
{
    const ImsMimeSlice *slice = &node->fields[field];

    g_string_append_c(emitter->structure, ' ');
    if (has_field(node, field))
        ims_mime_put_value(emitter->writer, emitter->structure, emitter->data + slice->offset,
                           slice->length);
    else
        g_string_append(emitter->structure, "NIL");
}

/* `("name" "value" …)` or NIL. Names and values as given; RFC 2231 stays as it is. */
static void
put_parameters(Emitter *emitter, const guint8 *rest, const guint8 *end)
{
    GString *out = emitter->structure;
    const guint8 *name;
    gsize length;
    guint n = 0;

    while (n < IMS_MIME_MAX_PARAMETERS &&
           ims_mime_parameter_next(&rest, end, &name, &length, emitter->value)) {
        if (length + emitter->value->len > emitter->writer->text_left)
            continue;
        g_string_append_c(out, n++ == 0 ? '(' : ' ');
        ims_mime_put_string(emitter->writer, out, name, length);
        g_string_append_c(out, ' ');
        ims_mime_put_string(emitter->writer, out, (const guint8 *)emitter->value->str,
                            emitter->value->len);
    }
    g_string_append(out, n == 0 ? "NIL" : ")");
}

/* Disposition, language and location, with which every extension ends; then the parenthesis. */
static void
put_extension_tail(Emitter *emitter, const ImsMimeNode *node)
{
    GString *out = emitter->structure;
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_DISPOSITION];
    const guint8 *value = emitter->data + slice->offset, *word, *rest, *end;
    gsize length;

    g_string_append_c(out, ' ');
    if (has_field(node, IMS_MIME_FIELD_DISPOSITION) &&
        ims_mime_word_parse(value, slice->length, &word, &length, &rest)) {
        g_string_append_c(out, '(');
        ims_mime_put_string(emitter->writer, out, word, length);
        g_string_append_c(out, ' ');
        put_parameters(emitter, rest, value + slice->length);
        g_string_append_c(out, ')');
    } else {
        g_string_append(out, "NIL");
    }
    g_string_append_c(out, ' ');
    slice = &node->fields[IMS_MIME_FIELD_LANGUAGE];
    rest = emitter->data + slice->offset;
    end = rest + slice->length;
    for (guint n = 0;; n++) {
        if (!has_field(node, IMS_MIME_FIELD_LANGUAGE) || n == IMS_MIME_MAX_PARAMETERS ||
            !ims_mime_word_parse(rest, (gsize)(end - rest), &word, &length, &rest)) {
            g_string_append(out, n == 0 ? "NIL" : ")");
            break;
        }
        g_string_append_c(out, n == 0 ? '(' : ' ');
        ims_mime_put_string(emitter->writer, out, word, length);
        rest = ims_mime_skip_cfws(rest, end, NULL);
        if (rest < end && *rest == ',')
            rest++;
    }
    put_field(emitter, node, IMS_MIME_FIELD_LOCATION);
    g_string_append_c(out, ')');
}

/* `"type" "subtype" params id description encoding size` */
static void
put_basic(Emitter *emitter, const ImsMimeNode *node, const ImsMimeType *type, const guint8 *end)
{
    GString *out = emitter->structure;
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_ENCODING];
    const guint8 *word;
    gsize length;

    if (type != NULL) {
        ims_mime_put_string(emitter->writer, out, type->type, type->type_length);
        g_string_append_c(out, ' ');
        ims_mime_put_string(emitter->writer, out, type->subtype, type->subtype_length);
        g_string_append_c(out, ' ');
        put_parameters(emitter, type->rest, end);
    } else if (node->kind == IMS_MIME_OPAQUE) {
        g_string_append(out, "\"application\" \"octet-stream\" NIL");
    } else if (node->kind == IMS_MIME_MESSAGE) {
        g_string_append(out, "\"message\" \"rfc822\" NIL");
    } else {
        g_string_append(out, "\"text\" \"plain\" (\"charset\" \"us-ascii\")");
    }
    put_field(emitter, node, IMS_MIME_FIELD_ID);
    put_field(emitter, node, IMS_MIME_FIELD_DESCRIPTION);
    g_string_append_c(out, ' ');
    if (has_field(node, IMS_MIME_FIELD_ENCODING) &&
        ims_mime_word_parse(emitter->data + slice->offset, slice->length, &word, &length, NULL))
        ims_mime_put_string(emitter->writer, out, word, length);
    else
        g_string_append(out, "\"7bit\"");
    g_string_append_printf(out, " %u", node->body_size);
}

/* What was written to the structure since @start belongs to BODY too. */
static void
share(Emitter *emitter, gsize start)
{
    g_string_append_len(emitter->body, emitter->structure->str + start,
                        (gssize)(emitter->structure->len - start));
}

static void put_node(Emitter *emitter, guint index);

static void
put_leaf(Emitter *emitter, const ImsMimeNode *node, guint index)
{
    GString *out = emitter->structure;
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_TYPE];
    const guint8 *value = emitter->data + slice->offset;
    ImsMimeType type;
    gboolean typed = !node->no_type && node->kind != IMS_MIME_OPAQUE &&
                     ims_mime_type_parse(value, slice->length, &type);
    gsize start = out->len;

    g_string_append_c(out, '(');
    put_basic(emitter, node, typed ? &type : NULL, value + slice->length);
    if (node->kind == IMS_MIME_MESSAGE) {
        const ImsMimeNode *inner = &g_array_index(emitter->nodes, ImsMimeNode, index + 1);

        g_string_append_c(out, ' ');
        ims_mime_put_envelope(emitter->writer, out, emitter->data + inner->header_offset,
                              MIN((gsize)inner->header_size, emitter->max_header));
        g_string_append_c(out, ' ');
        share(emitter, start);
        put_node(emitter, index + 1);
        start = out->len;
        g_string_append_printf(out, " %u", node->lines);
    } else if (node->kind == IMS_MIME_LEAF && (!typed || ims_mime_type_is(&type, "text", NULL))) {
        g_string_append_printf(out, " %u", node->lines);
    }
    share(emitter, start);
    g_string_append_c(emitter->body, ')');
    put_field(emitter, node, IMS_MIME_FIELD_MD5);
    put_extension_tail(emitter, node);
}

static void
put_multipart(Emitter *emitter, const ImsMimeNode *node, guint index)
{
    GString *out = emitter->structure;
    const ImsMimeSlice *slice = &node->fields[IMS_MIME_FIELD_TYPE];
    const guint8 *value = emitter->data + slice->offset;
    ImsMimeType type;
    gsize start;

    g_string_append_c(out, '(');
    g_string_append_c(emitter->body, '(');
    for (guint child = index + 1; child < node->next;
         child = g_array_index(emitter->nodes, ImsMimeNode, child).next)
        put_node(emitter, child);
    start = out->len;
    g_string_append_c(out, ' ');
    if (ims_mime_type_parse(value, slice->length, &type)) {
        ims_mime_put_string(emitter->writer, out, type.subtype, type.subtype_length);
        share(emitter, start);
        g_string_append_c(out, ' ');
        put_parameters(emitter, type.rest, value + slice->length);
    }
    g_string_append_c(emitter->body, ')');
    put_extension_tail(emitter, node);
}

/* Recursion is as deep as the scanner let the tree be. */
static void
put_node(Emitter *emitter, guint index)
{
    const ImsMimeNode *node = &g_array_index(emitter->nodes, ImsMimeNode, index);

    if (node->kind == IMS_MIME_MULTIPART)
        put_multipart(emitter, node, index);
    else
        put_leaf(emitter, node, index);
}

void
ims_mime_put_structure(ImsMimeWriter *writer, const guint8 *data, const GArray *nodes,
                       gsize max_header, GString *structure, GString *body)
{
    g_autoptr(GString) value = g_string_sized_new(64);
    Emitter emitter = {writer, data, nodes, max_header, structure, body, value};

    put_node(&emitter, 0);
}
