/* Header fields and the words, quoted strings and parameters inside them. */
#include "store/mime-private.h"

#include <string.h>

static gboolean
is_wsp(guint8 c)
{
    return c == ' ' || c == '\t';
}

static gboolean
is_blank(guint8 c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the line feed, or the end. */
static const guint8 *
line_end(const guint8 *p, const guint8 *end)
{
    const guint8 *lf = memchr(p, '\n', (gsize)(end - p));

    return lf != NULL ? lf + 1 : end;
}

static gboolean
is_empty_line(const guint8 *p, const guint8 *end)
{
    return *p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n');
}

gboolean
ims_mime_header_next(const guint8 **cursor, const guint8 *end, ImsMimeHeader *out)
{
    const guint8 *start = *cursor, *first_end, *colon, *p;

    if (start >= end || is_empty_line(start, end))
        return FALSE;
    first_end = p = line_end(start, end);
    while (p < end && is_wsp(*p))
        p = line_end(p, end);
    *cursor = p;
    out->start = start;
    out->end = p;
    out->name = out->value = start;
    out->name_length = 0;
    if (p > start && p[-1] == '\n')
        p--;
    if (p > start && p[-1] == '\r')
        p--;
    colon = memchr(start, ':', (gsize)(MIN(first_end, p) - start));
    if (colon != NULL) {
        const guint8 *name_end = colon;

        while (name_end > start && is_wsp(name_end[-1])) /* obsolete: blanks before the colon */
            name_end--;
        out->name_length = (gsize)(name_end - start);
        out->value = colon + 1;
    }
    out->value_length = (gsize)(p - out->value);
    return TRUE;
}

gboolean
ims_mime_header_is(const ImsMimeHeader *header, const char *name)
{
    return header->name_length != 0 && strlen(name) == header->name_length &&
           g_ascii_strncasecmp((const char *)header->name, name, header->name_length) == 0;
}

void
ims_mime_trim(const guint8 **text, gsize *length)
{
    const guint8 *p = *text, *end = p + *length;

    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    *text = p;
    *length = (gsize)(end - p);
}

char *
ims_mime_unfold(const guint8 *text, gsize length)
{
    char *out, *q;

    ims_mime_trim(&text, &length);
    q = out = g_malloc(length + 1);
    for (gsize i = 0; i < length; i++) {
        if (text[i] != '\r' && text[i] != '\n')
            *q++ = text[i] == '\0' ? '?' : (char)text[i];
    }
    *q = '\0';
    return out;
}

char *
ims_mime_header_get(const guint8 *header, gsize length, const char *name)
{
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;

    while (length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        if (ims_mime_header_is(&field, name))
            return ims_mime_unfold(field.value, field.value_length);
    }
    return NULL;
}

/* ---- HEADER.FIELDS ---- */

typedef struct {
    const char *name;
    gsize length;
    guint order;
} Name;

typedef struct {
    const guint8 *start, *end;
    guint order;
} Field;

static int
compare_names(const void *a, const void *b)
{
    const Name *x = a, *y = b;
    int by_text;

    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    by_text = g_ascii_strncasecmp(x->name, y->name, x->length);
    if (by_text != 0 || x->order == y->order)
        return by_text;
    return x->order < y->order ? -1 : 1;
}

/* Index of @field's name in the request; -1 where it is not asked for. A thousand names ask for ten
 * steps a field. */
static gssize
find_name(const GArray *names, const ImsMimeHeader *field)
{
    guint low = 0, high = names->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Name *name = &g_array_index(names, Name, middle);
        int by_text;

        if (name->length != field->name_length)
            by_text = name->length < field->name_length ? -1 : 1;
        else
            by_text =
                g_ascii_strncasecmp(name->name, (const char *)field->name, field->name_length);
        if (by_text < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < names->len) {
        const Name *name = &g_array_index(names, Name, low);

        if (name->length == field->name_length &&
            g_ascii_strncasecmp(name->name, (const char *)field->name, field->name_length) == 0)
            return name->order;
    }
    return -1;
}

static int
compare_fields(const void *a, const void *b)
{
    const Field *x = a, *y = b;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->start < y->start ? -1 : x->start > y->start;
}

GBytes *
ims_mime_header_fields(const guint8 *header, gsize length, const char *const *names,
                       gboolean exclude, gboolean order_of_request)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(Name));
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Field));
    GByteArray *out = g_byte_array_new();
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;

    for (guint i = 0; names[i] != NULL; i++) {
        Name name = {names[i], strlen(names[i]), i};

        g_array_append_val(wanted, name);
    }
    g_array_sort(wanted, compare_names);
    while (length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        gssize order = field.name_length != 0 ? find_name(wanted, &field) : -1;

        if ((order >= 0) != !!exclude) {
            Field one = {field.start, field.end, order_of_request && !exclude ? (guint)order : 0};

            g_array_append_val(found, one);
        }
    }
    if (order_of_request && !exclude)
        g_array_sort(found, compare_fields);
    for (guint i = 0; i < found->len; i++) {
        const Field *one = &g_array_index(found, Field, i);

        g_byte_array_append(out, one->start, (guint)(one->end - one->start));
        if (one->end > one->start && one->end[-1] != '\n')
            g_byte_array_append(out, (const guint8 *)"\r\n", 2);
    }
    g_byte_array_append(out, (const guint8 *)"\r\n", 2);
    return g_byte_array_free_to_bytes(out);
}

/* ---- words ---- */

const guint8 *
ims_mime_quoted(const guint8 *p, const guint8 *end, GString *out)
{
    while (p < end && *p != '"') {
        if (*p == '\\' && p + 1 < end)
            p++;
        if (out != NULL && *p != '\r' && *p != '\n')
            g_string_append_c(out, (char)*p);
        p++;
    }
    return p < end ? p + 1 : end;
}

static const guint8 *
skip_comment(const guint8 *p, const guint8 *end, GString *comment)
{
    guint depth = 1;

    if (comment != NULL)
        g_string_truncate(comment, 0);
    for (; p < end; p++) {
        if (*p == ')' && --depth == 0)
            return p + 1;
        if (*p == '(')
            depth++;
        else if (*p == '\\' && p + 1 < end)
            p++;
        if (comment != NULL && *p != '\r' && *p != '\n')
            g_string_append_c(comment, (char)*p);
    }
    return end;
}

const guint8 *
ims_mime_skip_cfws(const guint8 *p, const guint8 *end, GString *comment)
{
    while (p < end) {
        if (*p == '(')
            p = skip_comment(p + 1, end, comment);
        else if (is_blank(*p))
            p++;
        else
            break;
    }
    return p;
}

static gboolean
is_word_char(guint8 c)
{
    return c > ' ' && c != 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static const guint8 *
take_word(const guint8 **cursor, const guint8 *end, gsize *length_out)
{
    const guint8 *start = ims_mime_skip_cfws(*cursor, end, NULL), *p = start;

    while (p < end && is_word_char(*p))
        p++;
    *cursor = p;
    *length_out = (gsize)(p - start);
    return start;
}

gboolean
ims_mime_type_parse(const guint8 *value, gsize length, ImsMimeType *out)
{
    const guint8 *p = value, *end = value + length;

    out->type = take_word(&p, end, &out->type_length);
    p = ims_mime_skip_cfws(p, end, NULL);
    if (p >= end || *p != '/')
        return FALSE;
    p++;
    out->subtype = take_word(&p, end, &out->subtype_length);
    out->rest = p;
    return out->type_length != 0 && out->subtype_length != 0 &&
           out->type_length <= IMS_MIME_MAX_WORD && out->subtype_length <= IMS_MIME_MAX_WORD;
}

static gboolean
is_word(const guint8 *text, gsize length, const char *word)
{
    return strlen(word) == length && g_ascii_strncasecmp((const char *)text, word, length) == 0;
}

gboolean
ims_mime_type_is(const ImsMimeType *type, const char *name, const char *subtype)
{
    return is_word(type->type, type->type_length, name) &&
           (subtype == NULL || is_word(type->subtype, type->subtype_length, subtype));
}

gboolean
ims_mime_word_parse(const guint8 *value, gsize length, const guint8 **word_out, gsize *length_out,
                    const guint8 **rest_out)
{
    const guint8 *p = value, *word;
    gsize word_length;

    word = take_word(&p, value + length, &word_length);
    if (word_length == 0 || word_length > IMS_MIME_MAX_WORD)
        return FALSE;
    *word_out = word;
    *length_out = word_length;
    if (rest_out != NULL)
        *rest_out = p;
    return TRUE;
}

/* A value without quotes: a token; with blanks inside it (a file name) up to the next semicolon. */
static const guint8 *
take_bare_value(const guint8 *p, const guint8 *end, GString *value)
{
    const guint8 *start = p, *stop, *after;

    while (p < end && *p != ';' && *p != '(' && !is_blank(*p))
        p++;
    stop = p;
    after = ims_mime_skip_cfws(p, end, NULL);
    if (after < end && *after != ';') {
        const guint8 *semicolon = memchr(after, ';', (gsize)(end - after));

        stop = after = semicolon != NULL ? semicolon : end;
        while (stop > start && is_blank(stop[-1]))
            stop--;
    }
    for (p = start; p < stop; p++) {
        if (*p != '\r' && *p != '\n')
            g_string_append_c(value, (char)*p);
    }
    return after;
}

gboolean
ims_mime_parameter_next(const guint8 **cursor, const guint8 *end, const guint8 **name_out,
                        gsize *name_length_out, GString *value)
{
    const guint8 *p = *cursor;

    for (;;) {
        const guint8 *name;
        gsize name_length;

        p = ims_mime_skip_cfws(p, end, NULL);
        if (p >= end)
            break;
        if (*p != ';') { /* rubbish between parameters */
            p = *p == '"' ? ims_mime_quoted(p + 1, end, NULL) : p + 1;
            continue;
        }
        p++;
        name = take_word(&p, end, &name_length);
        p = ims_mime_skip_cfws(p, end, NULL);
        if (name_length == 0 || p >= end || *p != '=')
            continue;
        p = ims_mime_skip_cfws(p + 1, end, NULL);
        g_string_truncate(value, 0);
        if (p < end && *p == '"')
            p = ims_mime_quoted(p + 1, end, value);
        else
            p = take_bare_value(p, end, value);
        *cursor = p;
        *name_out = name;
        *name_length_out = name_length;
        return TRUE;
    }
    *cursor = end;
    return FALSE;
}

char *
ims_mime_parameter_get(const guint8 *rest, const guint8 *end, const char *name)
{
    g_autoptr(GString) value = g_string_new(NULL);
    const guint8 *found;
    gsize length;

    for (guint i = 0;
         i < IMS_MIME_MAX_PARAMETERS && ims_mime_parameter_next(&rest, end, &found, &length, value);
         i++) {
        if (!is_word(found, length, name))
            continue;
        for (gsize k = 0; k < value->len; k++) {
            if (value->str[k] == '\0')
                value->str[k] = '?';
        }
        return g_string_free(g_steal_pointer(&value), FALSE);
    }
    return NULL;
}
