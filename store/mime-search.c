/* SEARCH in what a reader sees: transfer encoding and charset undone, case folded, in pieces of
 * bounded size. */
#define _GNU_SOURCE /* memmem */
#include "store/mime-private.h"

#include <gmime/gmime.h>
#include <string.h>

#define PIECE 16384

/* Folding a character costs a look into a large table; texts use few different ones. */
typedef struct {
    gunichar character;
    guint8 length;
    char text[19];
} Folded;
#define N_FOLDED 512

typedef struct {
    char *needle; /* folded */
    gsize needle_length;
    GString *window; /* folded text not yet let go */
    GString *text;   /* UTF-8 of the piece at hand */
    gboolean found;
    Folded folded[N_FOLDED];
} Search;

static const Folded *
fold_character(Search *search, gunichar character)
{
    Folded *entry = &search->folded[character % N_FOLDED];

    if (entry->character != character) {
        char utf8[6];
        g_autofree char *text = g_utf8_casefold(utf8, g_unichar_to_utf8(character, utf8));
        gsize length = strlen(text);

        entry->character = character;
        entry->length = (guint8)MIN(length, sizeof entry->text);
        memcpy(entry->text, text, entry->length);
    }
    return entry;
}

/* @text is valid UTF-8. */
static void
fold(Search *search, const char *text, gsize length, GString *out)
{
    const char *end = text + length;

    while (text < end) {
        const char *start = text;

        if ((guint8)*text < 0x80) {
            gsize at = out->len, n;

            while (text < end && (guint8)*text < 0x80)
                text++;
            n = (gsize)(text - start);
            g_string_set_size(out, at + n);
            for (gsize i = 0; i < n; i++)
                out->str[at + i] = g_ascii_tolower(start[i]);
        } else {
            gunichar character = g_utf8_get_char(text);

            text = g_utf8_next_char(text);
            if (character >= 0x2e80 && character < 0xa640) { /* no case in East Asian scripts */
                g_string_append_len(out, start, text - start);
            } else {
                const Folded *folded = fold_character(search, character);

                g_string_append_len(out, folded->text, folded->length);
            }
        }
    }
}

static Search *
search_new(const char *needle)
{
    Search *search = g_new0(Search, 1);
    g_autofree char *valid = g_utf8_make_valid(needle, -1);
    GString *folded = g_string_new(NULL);

    search->window = g_string_new(NULL);
    search->text = g_string_new(NULL);
    fold(search, valid, strlen(valid), folded);
    search->needle_length = folded->len;
    search->needle = g_string_free(folded, FALSE);
    search->found = search->needle_length == 0;
    return search;
}

static void
search_free(Search *search)
{
    g_free(search->needle);
    g_string_free(search->window, TRUE);
    g_string_free(search->text, TRUE);
    g_free(search);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Search, search_free)

/* The next piece of valid text behind what came before. */
static void
feed(Search *search, const char *text, gsize length)
{
    gsize keep = search->needle_length - 1;

    if (search->found)
        return;
    fold(search, text, length, search->window);
    search->found = memmem(search->window->str, search->window->len, search->needle,
                           search->needle_length) != NULL;
    if (search->window->len > keep)
        g_string_erase(search->window, 0, (gssize)(search->window->len - keep));
}

/* A text of its own: nothing runs on into the next. */
static gboolean
search_whole(Search *search, const char *text)
{
    g_string_truncate(search->window, 0);
    feed(search, text, strlen(text));
    return search->found;
}

/* ---- headers ---- */

static gboolean
search_fields(Search *search, const guint8 *header, gsize length)
{
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;

    while (!search->found && length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        g_autofree char *raw = ims_mime_unfold(field.start, (gsize)(field.end - field.start));
        g_autofree char *text = ims_mime_decode_text(raw);

        search_whole(search, text);
    }
    return search->found;
}

gboolean
ims_mime_search_header(const guint8 *header, gsize length, const char *name, const char *needle)
{
    g_autoptr(Search) search = NULL;
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;

    while (length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        g_autofree char *raw = NULL, *text = NULL;

        if (!ims_mime_header_is(&field, name))
            continue;
        if (*needle == '\0')
            return TRUE;
        if (search == NULL)
            search = search_new(needle);
        raw = ims_mime_unfold(field.value, field.value_length);
        text = ims_mime_decode_text(raw);
        if (search_whole(search, text))
            return TRUE;
    }
    return FALSE;
}

/* ---- bodies ---- */

static void
search_body(Search *search, const guint8 *body, gsize size, guint encoding,
            const char *charset_name)
{
    g_autofree guint8 *decoded = encoding != 0 ? g_malloc(PIECE + 64) : NULL;
    ImsMimeCharset charset;
    int qp_state = 0, base64_state = 0;
    guint32 qp_save = 0;
    guint base64_save = 0;

    ims_mime_charset_open(&charset, charset_name, charset_name != NULL ? strlen(charset_name) : 0);
    g_string_truncate(search->window, 0);
    for (gsize at = 0; at < size && !search->found;) {
        gsize n = MIN(size - at, PIECE), length = n;
        const guint8 *bytes = body + at;

        if (encoding == 1) {
            length = g_mime_encoding_quoted_decode_step(bytes, n, decoded, &qp_state, &qp_save);
            bytes = decoded;
        } else if (encoding == 2) {
            length =
                g_base64_decode_step((const char *)bytes, n, decoded, &base64_state, &base64_save);
            bytes = decoded;
        }
        at += n;
        g_string_truncate(search->text, 0);
        ims_mime_charset_feed(&charset, bytes, length, at == size, search->text);
        feed(search, search->text->str, search->text->len);
    }
    ims_mime_charset_close(&charset);
}

/* Text, and what was not understood and so was told as text. @charset_out (transfer full)
 * (nullable) */
static gboolean
is_text(const guint8 *header, gsize length, guint kind, char **charset_out)
{
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;
    ImsMimeType type;

    *charset_out = NULL;
    if (kind == IMS_MIME_OPAQUE)
        return TRUE;
    while (length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        if (!ims_mime_header_is(&field, "Content-Type"))
            continue;
        if (!ims_mime_type_parse(field.value, field.value_length, &type))
            return TRUE;
        if (ims_mime_type_is(&type, "text", NULL)) {
            *charset_out =
                ims_mime_parameter_get(type.rest, field.value + field.value_length, "charset");
            return TRUE;
        }
        return ims_mime_type_is(&type, "multipart", NULL) ||
               ims_mime_type_is(&type, "message", NULL);
    }
    return TRUE;
}

gboolean
ims_mime_search_text(GBytes *message, const ImsMimeSummary *summary, const char *needle,
                     gboolean with_headers)
{
    g_autoptr(Search) search = search_new(needle);
    ImsMimeTable table;
    ImsMimeRecord record;
    gsize size;
    const guint8 *data = g_bytes_get_data(message, &size);
    gboolean inner = FALSE; /* the next record is the message inside a message/rfc822 */

    if (search->found || data == NULL)
        return search->found;
    if (!ims_mime_table_open(summary, &table) || table.size > size) {
        search_body(search, data, size, 0, NULL);
        return search->found;
    }
    for (guint i = 0; !search->found && ims_mime_table_get(&table, i, &record); i++) {
        const guint8 *header = data + record.header_offset;
        g_autofree char *charset = NULL;

        /* The fields of an inner message are part of the body; those of a part only describe it. */
        if (i == 0 ? with_headers : inner)
            search_fields(search, header, record.header_size);
        inner = record.kind == IMS_MIME_MESSAGE;
        if (!search->found && (record.kind == IMS_MIME_LEAF || record.kind == IMS_MIME_OPAQUE) &&
            is_text(header, record.header_size, record.kind, &charset))
            search_body(search, data + record.body_offset, record.body_size,
                        record.kind == IMS_MIME_LEAF ? record.encoding : 0, charset);
    }
    return search->found;
}
