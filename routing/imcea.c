/* Encapsulated addresses: IMCEA<type>-<encoded address> (R-099; Q245045, Q189492, Q193782). */
#include "routing/path.h"

#include <string.h>

#define PREFIX "IMCEA"
#define TYPE_MAX 16

/* A decoded control character could split a command or a header: such an encoding is broken. */
static gboolean
is_control(guchar byte)
{
    return byte < 0x20 || byte == 0x7f;
}

static char *
decode(const char *encoded, char underscore)
{
    g_autoptr(GString) out = g_string_sized_new(strlen(encoded));

    for (const char *p = encoded; *p != '\0'; p++) {
        guchar byte = (guchar)*p;

        if (byte == '_') {
            byte = (guchar)underscore;
        } else if (byte == '+') {
            int high = g_ascii_xdigit_value(p[1]);
            int low = high < 0 ? -1 : g_ascii_xdigit_value(p[2]);

            if (low < 0)
                return NULL;
            byte = (guchar)(high << 4 | low);
            p += 2;
        }
        if (is_control(byte))
            return NULL;
        g_string_append_c(out, (char)byte);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

gboolean
ims_imcea_decode(const char *local, char **type_out, char **address_out)
{
    g_autofree char *type = NULL, *address = NULL;
    const char *start = local + strlen(PREFIX);
    gsize length = 0;

    if (strncmp(local, PREFIX, strlen(PREFIX)) != 0)
        return FALSE;
    while (length <= TYPE_MAX && (g_ascii_isupper(start[length]) || g_ascii_isdigit(start[length])))
        length++;
    if (length == 0 || length > TYPE_MAX || start[length] != '-')
        return FALSE;
    type = g_strndup(start, length);
    address = decode(start + length + 1, strcmp(type, "SMTP") == 0 ? '_' : '/');
    if (address == NULL || *address == '\0')
        return FALSE;
    if (type_out != NULL)
        *type_out = g_steal_pointer(&type);
    if (address_out != NULL)
        *address_out = g_steal_pointer(&address);
    return TRUE;
}

char *
ims_imcea_encode(const char *type, const char *address)
{
    GString *out = g_string_new(PREFIX);
    gboolean slash_is_underscore = strcmp(type, "SMTP") != 0;

    g_string_append(out, type);
    g_string_append_c(out, '-');
    for (const char *p = address; *p != '\0'; p++) {
        if (g_ascii_isalnum(*p) || *p == '=' || *p == '-')
            g_string_append_c(out, *p);
        else if (*p == '/' && slash_is_underscore)
            g_string_append_c(out, '_');
        else
            g_string_append_printf(out, "+%02X", (guchar)*p);
    }
    return g_string_free(out, FALSE);
}
