#include "imap4/mutf7.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static gboolean
is_direct(gunichar c)
{
    return c >= 0x20 && c <= 0x7e;
}

/* Adds one UTF-16 unit to @out; @high keeps a first surrogate between calls. */
static gboolean
append_unit(GString *out, guint32 unit, guint32 *high)
{
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        if (*high == 0)
            return FALSE;
        g_string_append_unichar(out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
        *high = 0;
        return TRUE;
    }
    if (*high != 0 || is_direct(unit) || unit == 0)
        return FALSE;
    if (unit >= 0xd800 && unit <= 0xdbff)
        *high = unit;
    else
        g_string_append_unichar(out, unit);
    return TRUE;
}

/* After '&': one base64 run with its final '-'. Returns what follows it. */
static const char *
decode_run(GString *out, const char *text)
{
    guint32 bits = 0, high = 0;
    guint n_bits = 0;

    for (; *text != '-'; text++) {
        const char *digit = *text != '\0' ? strchr(alphabet, *text) : NULL;

        if (digit == NULL)
            return NULL;
        bits = (bits << 6) | (guint32)(digit - alphabet);
        n_bits += 6;
        if (n_bits >= 16) {
            n_bits -= 16;
            if (!append_unit(out, (bits >> n_bits) & 0xffff, &high))
                return NULL;
            bits &= (1u << n_bits) - 1;
        }
    }
    if (n_bits >= 6 || bits != 0 || high != 0)
        return NULL;
    return text + 1;
}

char *
ims_imap4_mutf7_decode(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean after_run = FALSE;

    while (*text != '\0') {
        if (*text != '&') {
            if (!is_direct((guchar)*text))
                return NULL;
            g_string_append_c(out, *text++);
            after_run = FALSE;
        } else if (text[1] == '-') {
            g_string_append_c(out, '&');
            text += 2;
            after_run = FALSE;
        } else {
            text = after_run ? NULL : decode_run(out, text + 1);
            if (text == NULL)
                return NULL;
            after_run = TRUE;
        }
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

typedef struct {
    GString *out;
    guint32 bits;
    guint n_bits;
} Encoder;

static void
encode_unit(Encoder *encoder, guint32 unit)
{
    encoder->bits = (encoder->bits << 16) | unit;
    encoder->n_bits += 16;
    while (encoder->n_bits >= 6) {
        encoder->n_bits -= 6;
        g_string_append_c(encoder->out, alphabet[(encoder->bits >> encoder->n_bits) & 63]);
    }
    encoder->bits &= (1u << encoder->n_bits) - 1;
}

static void
end_run(Encoder *encoder)
{
    if (encoder->n_bits > 0)
        g_string_append_c(encoder->out, alphabet[(encoder->bits << (6 - encoder->n_bits)) & 63]);
    g_string_append_c(encoder->out, '-');
    encoder->bits = encoder->n_bits = 0;
}

char *
ims_imap4_mutf7_encode(const char *name)
{
    Encoder encoder = {.out = g_string_new(NULL)};
    gboolean in_run = FALSE;

    for (; *name != '\0'; name = g_utf8_next_char(name)) {
        gunichar c = g_utf8_get_char(name);

        if (is_direct(c)) {
            if (in_run)
                end_run(&encoder);
            in_run = FALSE;
            g_string_append_c(encoder.out, (char)c);
            if (c == '&')
                g_string_append_c(encoder.out, '-');
            continue;
        }
        if (!in_run)
            g_string_append_c(encoder.out, '&');
        in_run = TRUE;
        if (c > 0xffff) {
            encode_unit(&encoder, 0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        encode_unit(&encoder, c);
    }
    if (in_run)
        end_run(&encoder);
    return g_string_free(encoder.out, FALSE);
}
