#include "imap4/fetch-section.h"

#include "imap4/text.h"

#include <string.h>

static const struct {
    const char *word;
    ImsImap4PartKind kind;
} keywords[] = {
    {"",                  IMS_IMAP4_PART_ALL       },
    {"HEADER",            IMS_IMAP4_PART_HEADER    },
    {"HEADER.FIELDS",     IMS_IMAP4_PART_FIELDS    },
    {"HEADER.FIELDS.NOT", IMS_IMAP4_PART_FIELDS_NOT},
    {"TEXT",              IMS_IMAP4_PART_TEXT      },
    {"MIME",              IMS_IMAP4_PART_MIME      },
};

/* Length of "1.2.3" at the start of @spec; numbers are not zero. */
static gsize
numbers_length(const char *spec)
{
    const char *p = spec;

    for (;;) {
        gsize digits = strspn(p, "0123456789");

        if (digits == 0 || digits > 9 || *p == '0')
            return p == spec ? 0 : (gsize)(p - spec) - 1; /* without the dot before a word */
        p += digits;
        if (*p != '.')
            return (gsize)(p - spec);
        p++;
    }
}

static gboolean
find_kind(const char *word, ImsImap4PartKind *kind_out)
{
    for (guint i = 0; i < G_N_ELEMENTS(keywords); i++) {
        if (g_ascii_strcasecmp(word, keywords[i].word) == 0) {
            *kind_out = keywords[i].kind;
            return TRUE;
        }
    }
    return FALSE;
}

/* (transfer full) (nullable) */
static char **
read_fields(const ImsImap4Arg *list)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (list == NULL || list->type != IMS_IMAP4_ARG_LIST || list->child == NULL)
        return NULL;
    for (const ImsImap4Arg *name = list->child; name != NULL; name = name->next) {
        if (!ims_imap4_arg_is_string(name) || name->length == 0)
            return NULL;
        g_ptr_array_add(names, g_strndup(name->text, name->length));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static char *
make_label(const char *spec, char **fields, gboolean has_partial, guint32 offset)
{
    g_autofree char *upper = g_ascii_strup(spec, -1);
    GString *label = g_string_new("BODY[");

    g_string_append(label, upper);
    for (guint i = 0; fields != NULL && fields[i] != NULL; i++) {
        g_string_append(label, i == 0 ? " (" : " ");
        ims_imap4_append_astring(label, fields[i]);
    }
    g_string_append(label, fields != NULL ? ")]" : "]");
    if (has_partial)
        g_string_append_printf(label, "<%u>", offset);
    return g_string_free(label, FALSE);
}

gboolean
ims_imap4_section_parse(const ImsImap4Arg *arg, ImsImap4Section *out, const char **problem_out)
{
    const ImsImap4Arg *spec = arg->child;
    gsize length = numbers_length(spec->text);
    const char *word = spec->text + length;
    ImsImap4PartKind kind;
    gboolean wants_fields, dotted;
    char **fields = NULL;

    /* After numbers a word needs its dot, and a dot its word. */
    dotted = length > 0 && *word == '.';
    if (dotted)
        word++;
    if ((length > 0 && dotted != (*word != '\0')) || !find_kind(word, &kind) ||
        (kind == IMS_IMAP4_PART_MIME && length == 0)) {
        *problem_out = "The section is not understood";
        return FALSE;
    }
    wants_fields = kind == IMS_IMAP4_PART_FIELDS || kind == IMS_IMAP4_PART_FIELDS_NOT;
    if (wants_fields)
        fields = read_fields(spec->next);
    if (wants_fields != (spec->next != NULL) || (wants_fields && fields == NULL)) {
        g_strfreev(fields);
        *problem_out = "List of header fields expected";
        return FALSE;
    }
    memset(out, 0, sizeof *out);
    out->kind = kind;
    out->numbers = g_strndup(spec->text, length);
    out->fields = fields;
    out->has_partial = arg->has_partial;
    out->offset = arg->partial_offset;
    out->length = arg->partial_length;
    out->label = make_label(spec->text, fields, arg->has_partial, arg->partial_offset);
    return TRUE;
}

void
ims_imap4_section_init(ImsImap4Section *section, ImsImap4PartKind kind, const char *label)
{
    memset(section, 0, sizeof *section);
    section->kind = kind;
    section->numbers = g_strdup("");
    section->label = g_strdup(label);
}

void
ims_imap4_section_clear(ImsImap4Section *section)
{
    g_clear_pointer(&section->numbers, g_free);
    g_clear_pointer(&section->fields, g_strfreev);
    g_clear_pointer(&section->label, g_free);
}

static gboolean
is_of_header(const ImsImap4Section *section)
{
    return section->kind == IMS_IMAP4_PART_HEADER || section->kind == IMS_IMAP4_PART_FIELDS ||
           section->kind == IMS_IMAP4_PART_FIELDS_NOT;
}

gboolean
ims_imap4_section_needs_header(const ImsImap4Section *section)
{
    return *section->numbers == '\0' && is_of_header(section);
}

gboolean
ims_imap4_section_needs_body(const ImsImap4Section *section)
{
    return !ims_imap4_section_needs_header(section);
}

gboolean
ims_imap4_section_needs_summary(const ImsImap4Section *section)
{
    return *section->numbers != '\0' || section->kind == IMS_IMAP4_PART_TEXT;
}

/* Where the section lies in the whole message. FALSE: nowhere. */
static gboolean
locate(const ImsImap4Section *section, const ImsMimeSummary *summary, gsize size, gsize *offset_out,
       gsize *length_out)
{
    ImsMimePart part;

    if (*section->numbers == '\0') {
        *offset_out = section->kind == IMS_IMAP4_PART_TEXT ? MIN(summary->header_size, size) : 0;
        *length_out = size - *offset_out;
        return TRUE;
    }
    if (!ims_mime_find_part(summary, section->numbers, &part))
        return FALSE;
    switch (section->kind) {
    case IMS_IMAP4_PART_ALL:
        *offset_out = part.body_offset;
        *length_out = part.body_size;
        return TRUE;
    case IMS_IMAP4_PART_MIME:
        *offset_out = part.header_offset;
        *length_out = part.header_size;
        return TRUE;
    case IMS_IMAP4_PART_TEXT:
        *offset_out = part.inner_body_offset;
        *length_out = part.inner_body_size;
        return part.is_message;
    default:
        *offset_out = part.inner_header_offset;
        *length_out = part.inner_header_size;
        return part.is_message;
    }
}

/* The header fields asked for, out of [offset, offset + length) of @out->bytes. */
static void
pick_fields(const ImsImap4Section *section, gboolean request_order, ImsImap4Octets *out)
{
    const guint8 *data = g_bytes_get_data(out->bytes, NULL);
    GBytes *fields = ims_mime_header_fields(
        data + out->offset, out->length, (const char *const *)section->fields,
        section->kind == IMS_IMAP4_PART_FIELDS_NOT, request_order);

    g_bytes_unref(out->bytes);
    out->bytes = fields;
    out->offset = 0;
    out->length = g_bytes_get_size(fields);
}

gboolean
ims_imap4_section_find(const ImsImap4Section *section, const ImsMimeSummary *summary,
                       GBytes *header, GBytes *body, gboolean request_order, ImsImap4Octets *out)
{
    GBytes *source = ims_imap4_section_needs_header(section) ? header : body;
    gsize size = g_bytes_get_size(source), offset, length;

    if (!locate(section, summary, size, &offset, &length))
        return FALSE;
    offset = MIN(offset, size); /* whatever the stored part table says */
    length = MIN(length, size - offset);
    *out = (ImsImap4Octets){g_bytes_ref(source), offset, length};
    if (section->fields != NULL)
        pick_fields(section, request_order, out);
    if (section->has_partial) {
        gsize skipped = MIN((gsize)section->offset, out->length);

        out->offset += skipped;
        out->length = MIN((gsize)section->length, out->length - skipped);
    }
    return TRUE;
}
