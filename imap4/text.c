#include "imap4/text.h"

#include <string.h>

void
ims_imap4_append_uint(GString *out, guint64 number)
{
    char digits[20];
    guint n = sizeof digits;

    do {
        digits[--n] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    g_string_append_len(out, digits + n, (gssize)(sizeof digits - n));
}

static gboolean
is_plain_atom(const char *text)
{
    if (*text == '\0' || g_ascii_strcasecmp(text, "NIL") == 0)
        return FALSE;
    for (; *text != '\0'; text++) {
        if ((guchar)*text <= 0x20 || (guchar)*text >= 0x7f || strchr("(){%*\"\\]", *text) != NULL)
            return FALSE;
    }
    return TRUE;
}

static gboolean
may_be_quoted(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((guchar)*text >= 0x80 || *text == '\r' || *text == '\n')
            return FALSE;
    }
    return TRUE;
}

void
ims_imap4_append_astring(GString *out, const char *text)
{
    if (is_plain_atom(text)) {
        g_string_append(out, text);
    } else if (may_be_quoted(text)) {
        g_string_append_c(out, '"');
        for (; *text != '\0'; text++) {
            if (*text == '"' || *text == '\\')
                g_string_append_c(out, '\\');
            g_string_append_c(out, *text);
        }
        g_string_append_c(out, '"');
    } else {
        g_string_append_printf(out, "{%" G_GSIZE_FORMAT "}\r\n%s", strlen(text), text);
    }
}
