#include "imap4/envelope.h"

#include <string.h>

/* At NIL, a quoted string or a literal. @out (nullable); @is_nil_out (nullable). NULL: none of
 * them. */
static const char *
read_string(const char *at, GString *out, gboolean *is_nil_out)
{
    if (is_nil_out != NULL)
        *is_nil_out = FALSE;
    if (strncmp(at, "NIL", 3) == 0) {
        if (is_nil_out != NULL)
            *is_nil_out = TRUE;
        return at + 3;
    }
    if (*at == '"') {
        for (at++; *at != '"'; at++) {
            if (*at == '\\')
                at++;
            if (*at == '\0')
                return NULL;
            if (out != NULL)
                g_string_append_c(out, *at);
        }
        return at + 1;
    }
    if (*at == '{') {
        char *end;
        guint64 length = g_ascii_strtoull(at + 1, &end, 10);

        if (strncmp(end, "}\r\n", 3) != 0 || strnlen(end + 3, length) < length)
            return NULL;
        if (out != NULL)
            g_string_append_len(out, end + 3, (gssize)length);
        return end + 3 + length;
    }
    return NULL;
}

/* At `(name route mailbox host)`. */
static const char *
read_address(const char *at, GString *out)
{
    gboolean has_no_mailbox, has_name;
    gsize start = 0;

    if (*at != '(')
        return NULL;
    if (out != NULL) {
        if (out->len > 0)
            g_string_append(out, ", ");
        start = out->len;
    }
    at = read_string(at + 1, out, NULL);
    if (at == NULL || *at != ' ')
        return NULL;
    at = read_string(at + 1, NULL, NULL);
    if (at == NULL || *at != ' ')
        return NULL;
    has_name = out != NULL && out->len > start;
    if (has_name)
        g_string_append(out, " <");
    at = read_string(at + 1, out, &has_no_mailbox);
    if (at == NULL || *at != ' ')
        return NULL;
    if (out != NULL && !has_no_mailbox)
        g_string_append_c(out, '@');
    at = read_string(at + 1, out, NULL);
    if (at == NULL || *at != ')')
        return NULL;
    if (has_name)
        g_string_append_c(out, '>');
    return at + 1;
}

/* An item of either kind. */
static const char *
read_item(const char *at, GString *out)
{
    if (*at != '(')
        return read_string(at, out, NULL);
    for (at++; *at != ')'; at += *at == ' ') {
        at = read_address(at, out);
        if (at == NULL)
            return NULL;
    }
    return at + 1;
}

gboolean
ims_imap4_envelope_text(const char *envelope, ImsImap4EnvelopeItem item, GString *out)
{
    const char *at = envelope;

    if (*at++ != '(')
        return FALSE;
    for (guint i = 0; i < item; i++) {
        at = read_item(at, NULL);
        if (at == NULL || *at++ != ' ')
            return FALSE;
    }
    return read_item(at, out) != NULL;
}
