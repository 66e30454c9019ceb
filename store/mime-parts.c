/* The packed part table: what is stored with a message so that BODY[1.2] is found without reading
 * it. */
#include "store/mime-private.h"

#include <string.h>

/*
 * "IMP1", count, then one record a node in document order, little-endian: header offset and size,
 * body offset and size, index behind the subtree, kind, encoding, two octets of nothing.
 */
static const guint8 magic[4] = {'I', 'M', 'P', '1'};
#define HEAD_SIZE 8
#define RECORD_SIZE 24

static void
put_u32(guint8 *at, guint32 value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof value);
}

static guint32
get_u32(const guint8 *at)
{
    guint32 value;

    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_LE(value);
}

GBytes *
ims_mime_table_pack(const GArray *nodes)
{
    gsize size = HEAD_SIZE + (gsize)nodes->len * RECORD_SIZE;
    guint8 *table = g_malloc0(size);

    memcpy(table, magic, sizeof magic);
    put_u32(table + 4, nodes->len);
    for (guint i = 0; i < nodes->len; i++) {
        const ImsMimeNode *node = &g_array_index(nodes, ImsMimeNode, i);
        guint8 *at = table + HEAD_SIZE + (gsize)i * RECORD_SIZE;

        put_u32(at, node->header_offset);
        put_u32(at + 4, node->header_size);
        put_u32(at + 8, node->body_offset);
        put_u32(at + 12, node->body_size);
        put_u32(at + 16, node->next);
        at[20] = node->kind;
        at[21] = node->encoding;
    }
    return g_bytes_new_take(table, size);
}

gboolean
ims_mime_table_open(const ImsMimeSummary *summary, ImsMimeTable *out)
{
    gsize size;
    const guint8 *data;

    if (summary->parts == NULL)
        return FALSE;
    data = g_bytes_get_data(summary->parts, &size);
    if (size < HEAD_SIZE || memcmp(data, magic, sizeof magic) != 0)
        return FALSE;
    out->data = data;
    out->count = get_u32(data + 4);
    out->size = summary->size;
    return out->count != 0 && (size - HEAD_SIZE) / RECORD_SIZE >= out->count;
}

static gboolean
fits(const ImsMimeTable *table, guint32 offset, guint32 size)
{
    return offset <= table->size && size <= table->size - offset;
}

gboolean
ims_mime_table_get(const ImsMimeTable *table, guint index, ImsMimeRecord *out)
{
    const guint8 *at;

    if (index >= table->count)
        return FALSE;
    at = table->data + HEAD_SIZE + (gsize)index * RECORD_SIZE;
    out->header_offset = get_u32(at);
    out->header_size = get_u32(at + 4);
    out->body_offset = get_u32(at + 8);
    out->body_size = get_u32(at + 12);
    out->next = get_u32(at + 16);
    out->kind = at[20];
    out->encoding = at[21];
    return fits(table, out->header_offset, out->header_size) &&
           fits(table, out->body_offset, out->body_size) && out->next > index &&
           out->next <= table->count && out->kind <= IMS_MIME_OPAQUE && out->encoding <= 2;
}

/* The @number-th child of the multipart @parent at @index. */
static gboolean
find_child(const ImsMimeTable *table, guint index, const ImsMimeRecord *parent, guint number,
           guint *child_out, ImsMimeRecord *record_out)
{
    guint child = index + 1;

    for (guint i = 1; child < parent->next; i++) {
        if (!ims_mime_table_get(table, child, record_out) || record_out->next > parent->next)
            return FALSE;
        if (i == number) {
            *child_out = child;
            return TRUE;
        }
        child = record_out->next;
    }
    return FALSE;
}

/* Digits of a part number; 0 where there are none or it is too large to be one. */
static guint
take_number(const char **text)
{
    guint number = 0;

    if (**text == '0')
        return 0;
    while (g_ascii_isdigit(**text)) {
        if (number > 100000000)
            return 0;
        number = number * 10 + (guint)(*(*text)++ - '0');
    }
    return number;
}

static gboolean
fill(const ImsMimeTable *table, guint index, const ImsMimeRecord *record, gboolean is_root,
     ImsMimePart *out)
{
    ImsMimePart part = {0};

    part.header_offset = record->header_offset;
    part.header_size = record->header_size;
    part.body_offset = record->body_offset;
    part.body_size = record->body_size;
    part.encoding = record->encoding;
    part.is_multipart = record->kind == IMS_MIME_MULTIPART;
    part.is_message = !is_root && record->kind == IMS_MIME_MESSAGE;
    if (part.is_message) {
        ImsMimeRecord inner;

        if (!ims_mime_table_get(table, index + 1, &inner) || inner.next > record->next)
            return FALSE;
        part.inner_header_offset = inner.header_offset;
        part.inner_header_size = inner.header_size;
        part.inner_body_offset = inner.body_offset;
        part.inner_body_size = inner.body_size;
    }
    *out = part;
    return TRUE;
}

gboolean
ims_mime_find_part(const ImsMimeSummary *summary, const char *numbers, ImsMimePart *out)
{
    ImsMimeTable table;
    ImsMimeRecord record;
    guint index = 0;
    gboolean in_message = TRUE; /* @record is a message, of which a part is asked for */

    if (!ims_mime_table_open(summary, &table) || !ims_mime_table_get(&table, 0, &record))
        return FALSE;
    if (*numbers == '\0')
        return fill(&table, 0, &record, TRUE, out);
    for (;;) {
        guint number = take_number(&numbers);

        if (number == 0 || (*numbers != '\0' && *numbers != '.'))
            return FALSE;
        if (!in_message && record.kind == IMS_MIME_MESSAGE) {
            guint behind = record.next;

            if (!ims_mime_table_get(&table, ++index, &record) || record.next > behind)
                return FALSE;
            in_message = TRUE;
        }
        if (record.kind == IMS_MIME_MULTIPART) {
            ImsMimeRecord parent = record;

            if (!find_child(&table, index, &parent, number, &index, &record))
                return FALSE;
        } else if (!in_message || number != 1) {
            return FALSE;
        }
        in_message = FALSE;
        if (*numbers == '\0')
            return fill(&table, index, &record, FALSE, out);
        numbers++;
    }
}
