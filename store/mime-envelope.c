/* ENVELOPE (RFC 3501 7.4.2) and the strings of IMAP4. */
#include "store/mime-private.h"

#include <string.h>

void
ims_mime_writer_init(ImsMimeWriter *writer)
{
    writer->text_left = IMS_MIME_MAX_TEXT;
    writer->addresses_left = IMS_MIME_MAX_ADDRESSES;
    writer->scratch = g_string_sized_new(128);
    writer->display = g_string_sized_new(64);
    writer->local = g_string_sized_new(64);
    writer->domain = g_string_sized_new(64);
    writer->route = g_string_sized_new(16);
    writer->comment = g_string_sized_new(32);
}

void
ims_mime_writer_clear(ImsMimeWriter *writer)
{
    g_string_free(writer->scratch, TRUE);
    g_string_free(writer->display, TRUE);
    g_string_free(writer->local, TRUE);
    g_string_free(writer->domain, TRUE);
    g_string_free(writer->route, TRUE);
    g_string_free(writer->comment, TRUE);
}

void
ims_mime_put_string(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length)
{
    gsize quotes = 0, start = 0;
    gboolean literal = FALSE;

    if (length > writer->text_left) {
        g_string_append(out, "\"\"");
        return;
    }
    writer->text_left -= length;
    for (gsize i = 0; i < length; i++) {
        literal |= text[i] >= 127 || (text[i] < ' ' && text[i] != '\t');
        quotes += text[i] == '"' || text[i] == '\\';
    }
    if (literal) {
        g_string_append_printf(out, "{%" G_GSIZE_FORMAT "}\r\n", length);
        g_string_append_len(out, (const char *)text, (gssize)length);
        for (gsize i = out->len - length; i < out->len; i++) {
            if (out->str[i] == '\0') /* no string of IMAP4 can hold it */
                out->str[i] = '?';
        }
        return;
    }
    g_string_append_c(out, '"');
    for (gsize i = 0; quotes != 0 && i < length; i++) {
        if (text[i] != '"' && text[i] != '\\')
            continue;
        g_string_append_len(out, (const char *)text + start, (gssize)(i - start));
        g_string_append_c(out, '\\');
        start = i;
        quotes--;
    }
    g_string_append_len(out, (const char *)text + start, (gssize)(length - start));
    g_string_append_c(out, '"');
}

void
ims_mime_put_value(ImsMimeWriter *writer, GString *out, const guint8 *text, gsize length)
{
    ims_mime_trim(&text, &length);
    if (length > writer->text_left) {
        g_string_append(out, "NIL");
        return;
    }
    if (memchr(text, '\n', length) == NULL && memchr(text, '\r', length) == NULL) {
        ims_mime_put_string(writer, out, text, length);
        return;
    }
    g_string_truncate(writer->scratch, 0);
    for (gsize i = 0; i < length; i++) {
        if (text[i] != '\r' && text[i] != '\n')
            g_string_append_c(writer->scratch, (char)text[i]);
    }
    ims_mime_put_string(writer, out, (const guint8 *)writer->scratch->str, writer->scratch->len);
}

/* ---- the envelope ---- */

typedef enum {
    FIELD_DATE,
    FIELD_SUBJECT,
    FIELD_FROM,
    FIELD_SENDER,
    FIELD_REPLY_TO,
    FIELD_TO,
    FIELD_CC,
    FIELD_BCC,
    FIELD_IN_REPLY_TO,
    FIELD_MESSAGE_ID,
    N_FIELDS,
} EnvelopeField;

static const char *const names[N_FIELDS] = {
    "date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id",
};

/* Address fields may come several times in old messages (RFC 5322 4.5.3): the first few are one
 * list. */
#define MAX_REPEATS 8

typedef struct {
    guint n;
    struct {
        const guint8 *text;
        gsize length;
    } values[MAX_REPEATS];
} Values;

static void
collect(const guint8 *header, gsize length, Values values[N_FIELDS])
{
    const guint8 *cursor = header, *end = header + length;
    ImsMimeHeader field;

    for (guint i = 0; i < N_FIELDS; i++)
        values[i].n = 0;
    while (length != 0 && ims_mime_header_next(&cursor, end, &field)) {
        guint8 first;

        if (field.name_length < 2 || field.name_length > 11)
            continue;
        first = field.name[0] | 0x20;
        for (guint i = 0; i < N_FIELDS; i++) {
            Values *list = &values[i];

            if (names[i][0] != (char)first || !ims_mime_header_is(&field, names[i]))
                continue;
            if (list->n < MAX_REPEATS) {
                list->values[list->n].text = field.value;
                list->values[list->n++].length = field.value_length;
            }
            break;
        }
    }
}

static void
put_text(ImsMimeWriter *writer, GString *out, const Values *values)
{
    if (values->n == 0)
        g_string_append(out, "NIL");
    else
        ims_mime_put_value(writer, out, values->values[0].text, values->values[0].length);
}

/* FALSE: no address; NIL or, for sender and reply-to, a copy of from has to stand there. */
static gboolean
put_list(ImsMimeWriter *writer, GString *out, const Values *values)
{
    gsize start = out->len;

    g_string_append_c(out, '(');
    for (guint i = 0; i < values->n; i++)
        ims_mime_put_addresses(writer, out, values->values[i].text, values->values[i].length);
    if (out->len == start + 1) {
        g_string_truncate(out, start);
        return FALSE;
    }
    g_string_append_c(out, ')');
    return TRUE;
}

static void
append_own(GString *out, gsize start, gsize length)
{
    gsize at = out->len;

    g_string_set_size(out, at + length);
    memcpy(out->str + at, out->str + start, length);
}

void
ims_mime_put_envelope(ImsMimeWriter *writer, GString *out, const guint8 *header, gsize length)
{
    Values values[N_FIELDS];
    gsize from_start = 0, from_length = 0;

    collect(header, length, values);
    g_string_append_c(out, '(');
    put_text(writer, out, &values[FIELD_DATE]);
    g_string_append_c(out, ' ');
    put_text(writer, out, &values[FIELD_SUBJECT]);
    for (guint i = FIELD_FROM; i <= FIELD_BCC; i++) {
        gsize start;

        g_string_append_c(out, ' ');
        start = out->len;
        if (put_list(writer, out, &values[i])) {
            if (i == FIELD_FROM) {
                from_start = start;
                from_length = out->len - start;
            }
        } else if ((i == FIELD_SENDER || i == FIELD_REPLY_TO) && from_length != 0) {
            append_own(out, from_start, from_length);
        } else {
            g_string_append(out, "NIL");
        }
    }
    g_string_append_c(out, ' ');
    put_text(writer, out, &values[FIELD_IN_REPLY_TO]);
    g_string_append_c(out, ' ');
    put_text(writer, out, &values[FIELD_MESSAGE_ID]);
    g_string_append_c(out, ')');
}
