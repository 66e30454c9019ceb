/* Charsets to UTF-8 by iconv, in pieces, and encoded words (RFC 2047). */
#include "store/mime-private.h"

#include <errno.h>
#include <string.h>

#define NO_ICONV ((GIConv)-1)
#define REPLACEMENT "\357\277\275" /* U+FFFD */

/*
 * Names come from strangers. GMime keeps every name it meets for the life of the process, and some
 * iconv take "//" options or file names: only plain names are let through, and nothing is
 * remembered.
 */
static const char *
iconv_name(const char *name, gsize length, char *buffer, gsize buffer_size)
{
    static const struct {
        const char *from, *to;
    } aliases[] = {
        {"us-ascii",       NULL           },
        {"ascii",          NULL           },
        {"utf-8",          NULL           },
        {"utf8",           NULL           },
        {"unknown-8bit",   NULL           },
        {"iso-8859-1",     "WINDOWS-1252" }, /* what programs mean by it */
        {"latin1",         "WINDOWS-1252" },
        {"ks_c_5601-1987", "CP949"        },
        {"gb2312",         "GBK"          },
        {"shift_jis",      "CP932"        },
        {"x-sjis",         "CP932"        },
        {"iso-2022-jp",    "ISO-2022-JP-2"},
    };

    if (name == NULL || length == 0 || length >= buffer_size)
        return NULL;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(name[i]) && strchr("-_.:+", name[i]) == NULL)
            return NULL;
        buffer[i] = name[i];
    }
    buffer[length] = '\0';
    for (guint i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (g_ascii_strcasecmp(buffer, aliases[i].from) == 0)
            return aliases[i].to;
    }
    return buffer;
}

void
ims_mime_charset_open(ImsMimeCharset *charset, const char *name, gsize length)
{
    char buffer[64];
    const char *known = iconv_name(name, length, buffer, sizeof buffer);

    charset->name = name != NULL ? g_strndup(name, length) : NULL;
    charset->iconv = known != NULL ? g_iconv_open("UTF-8", known) : NO_ICONV;
    charset->n_left = 0;
}

void
ims_mime_charset_close(ImsMimeCharset *charset)
{
    g_clear_pointer(&charset->name, g_free);
    if (charset->iconv != NO_ICONV)
        g_iconv_close(charset->iconv);
    charset->iconv = NO_ICONV;
    charset->n_left = 0;
}

static void
keep(ImsMimeCharset *charset, const guint8 *bytes, gsize length)
{
    charset->n_left = (guint)MIN(length, sizeof charset->left);
    memcpy(charset->left, bytes, charset->n_left);
}

static void
feed_utf8(ImsMimeCharset *charset, const guint8 *bytes, gsize length, gboolean last, GString *out)
{
    while (length != 0) {
        const char *stop;
        gsize good;

        (void)g_utf8_validate_len((const char *)bytes, length, &stop);
        good = (gsize)((const guint8 *)stop - bytes);
        g_string_append_len(out, (const char *)bytes, (gssize)good);
        bytes += good;
        length -= good;
        if (length == 0)
            break;
        if (!last && length < 4 && *bytes >= 0xc2 &&
            g_utf8_get_char_validated((const char *)bytes, (gssize)length) == (gunichar)-2) {
            keep(charset, bytes, length);
            break;
        }
        g_string_append(out, REPLACEMENT);
        bytes++;
        length--;
    }
}

static void
feed_iconv(ImsMimeCharset *charset, const guint8 *bytes, gsize length, gboolean last, GString *out)
{
    char *in = (char *)bytes; /* iconv does not write to it */
    gsize in_left = length;
    gboolean flushed = FALSE;

    while (in_left != 0 || (last && !flushed)) {
        char buffer[4096], *to = buffer;
        gsize to_left = sizeof buffer, status;
        int error;

        flushed = in_left == 0;
        errno = 0;
        if (flushed)
            status = g_iconv(charset->iconv, NULL, NULL, &to, &to_left);
        else
            status = g_iconv(charset->iconv, &in, &in_left, &to, &to_left);
        error = errno;
        g_string_append_len(out, buffer, to - buffer);
        if (status != (gsize)-1 || error == E2BIG)
            continue;
        if (flushed)
            break;
        if (error == EINVAL && !last && in_left <= sizeof charset->left) {
            keep(charset, (const guint8 *)in, in_left);
            break;
        }
        g_string_append(out, REPLACEMENT);
        in++;
        in_left--;
    }
}

void
ims_mime_charset_feed(ImsMimeCharset *charset, const guint8 *bytes, gsize length, gboolean last,
                      GString *out)
{
    g_autoptr(GByteArray) joined = NULL;

    if (charset->n_left != 0) {
        joined = g_byte_array_new();
        g_byte_array_append(joined, charset->left, charset->n_left);
        if (length != 0)
            g_byte_array_append(joined, bytes, (guint)length);
        bytes = joined->data;
        length = joined->len;
        charset->n_left = 0;
    }
    if (charset->iconv != NO_ICONV)
        feed_iconv(charset, bytes, length, last, out);
    else
        feed_utf8(charset, bytes, length, last, out);
}

/* ---- encoded words ---- */

/* RFC 2047 says 75; some write longer ones. The bound keeps a header full of "=?" linear. */
#define MAX_ENCODED_WORD 1000

typedef struct {
    const char *charset, *text;
    gsize charset_length, text_length;
    gboolean base64;
} EncodedWord;

/* The word at @p, which begins with "=?". Returns what is behind it, or NULL. */
static const char *
parse_word(const char *p, const char *end, EncodedWord *out)
{
    const char *mark, *language;

    end = end - p > MAX_ENCODED_WORD ? p + MAX_ENCODED_WORD : end;
    p += 2;
    mark = memchr(p, '?', (gsize)(end - p));
    if (mark == NULL || mark == p || end - mark < 5 || mark[2] != '?')
        return NULL;
    out->charset = p;
    language = memchr(p, '*', (gsize)(mark - p));
    out->charset_length = (gsize)((language != NULL ? language : mark) - p);
    switch (mark[1]) {
    case 'b':
    case 'B':
        out->base64 = TRUE;
        break;
    case 'q':
    case 'Q':
        out->base64 = FALSE;
        break;
    default:
        return NULL;
    }
    out->text = p = mark + 3;
    mark = memchr(p, '?', (gsize)(end - p));
    if (mark == NULL || mark + 1 >= end || mark[1] != '=')
        return NULL;
    out->text_length = (gsize)(mark - p);
    return mark + 2;
}

static void
append_decoded(GByteArray *out, const EncodedWord *word)
{
    guint8 byte;

    if (word->base64) {
        g_autofree guint8 *bytes = g_malloc(word->text_length / 4 * 3 + 4);
        int state = 0;
        guint save = 0;
        gsize n = g_base64_decode_step(word->text, word->text_length, bytes, &state, &save);

        g_byte_array_append(out, bytes, (guint)n);
        return;
    }
    for (gsize i = 0; i < word->text_length; i++) {
        const char *c = word->text + i;

        byte = (guint8)*c;
        if (*c == '_') {
            byte = ' ';
        } else if (*c == '=' && i + 2 < word->text_length && g_ascii_isxdigit(c[1]) &&
                   g_ascii_isxdigit(c[2])) {
            byte = (guint8)(g_ascii_xdigit_value(c[1]) * 16 + g_ascii_xdigit_value(c[2]));
            i += 2;
        }
        g_byte_array_append(out, &byte, 1);
    }
}

static gboolean
same_charset(const ImsMimeCharset *charset, const EncodedWord *word)
{
    return charset->name != NULL && strlen(charset->name) == word->charset_length &&
           g_ascii_strncasecmp(charset->name, word->charset, word->charset_length) == 0;
}

static gboolean
is_only_blank(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL)
            return FALSE;
    }
    return TRUE;
}

char *
ims_mime_decode_text(const char *raw)
{
    GString *out = g_string_sized_new(64);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ImsMimeCharset charset = {NULL, NO_ICONV, {0}, 0}, plain = {NULL, NO_ICONV, {0}, 0};
    const char *p = raw, *end = raw + strlen(raw), *from = raw;
    gboolean behind_word = FALSE;

    while ((p = memchr(p, '=', (gsize)(end - p))) != NULL) {
        EncodedWord word;
        const char *behind = p[1] == '?' ? parse_word(p, end, &word) : NULL;
        gboolean adjoining;

        if (behind == NULL) {
            p++;
            continue;
        }
        adjoining = behind_word && is_only_blank(from, (gsize)(p - from));
        /* Words of one charset are one text: a character may be split between them. */
        if (!adjoining || !same_charset(&charset, &word)) {
            ims_mime_charset_feed(&charset, bytes->data, bytes->len, TRUE, out);
            g_byte_array_set_size(bytes, 0);
            if (!adjoining)
                ims_mime_charset_feed(&plain, (const guint8 *)from, (gsize)(p - from), TRUE, out);
            if (!same_charset(&charset, &word)) {
                ims_mime_charset_close(&charset);
                ims_mime_charset_open(&charset, word.charset, word.charset_length);
            }
        }
        append_decoded(bytes, &word);
        behind_word = TRUE;
        from = p = behind;
    }
    ims_mime_charset_feed(&charset, bytes->data, bytes->len, TRUE, out);
    ims_mime_charset_feed(&plain, (const guint8 *)from, (gsize)(end - from), TRUE, out);
    ims_mime_charset_close(&charset);
    for (gsize i = 0; i < out->len; i++) {
        if (out->str[i] == '\0')
            out->str[i] = '?';
    }
    return g_string_free(out, FALSE);
}
