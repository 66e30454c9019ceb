#include "directory/sasl.h"

#include <string.h>

static gboolean
is_base64(const char *text, gsize length)
{
    gsize padding = 0;

    if (length % 4 != 0)
        return FALSE;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (gsize i = 0; i < length - padding; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '+' && text[i] != '/')
            return FALSE;
    return TRUE;
}

char *
ims_sasl_decode(const char *text, gsize *length_out)
{
    gsize length = strlen(text), decoded_length = 0;
    guchar *decoded;
    char *answer;

    if (!is_base64(text, length))
        return NULL;
    decoded = length > 0 ? g_base64_decode(text, &decoded_length) : NULL;
    answer = g_malloc(decoded_length + 1);
    if (decoded_length > 0)
        memcpy(answer, decoded, decoded_length);
    answer[decoded_length] = '\0';
    if (decoded != NULL)
        explicit_bzero(decoded, decoded_length);
    g_free(decoded);
    *length_out = decoded_length;
    return answer;
}

void
ims_sasl_free(char *answer, gsize length)
{
    if (answer == NULL)
        return;
    explicit_bzero(answer, length);
    g_free(answer);
}

ImsSaslPlain
ims_sasl_split_plain(const char *answer, gsize length, const char **name_out,
                     const char **password_out)
{
    const char *end = answer + length;
    const char *name = memchr(answer, '\0', length);
    const char *password = name != NULL ? memchr(name + 1, '\0', (gsize)(end - name - 1)) : NULL;

    if (password == NULL || memchr(password + 1, '\0', (gsize)(end - password - 1)) != NULL)
        return IMS_SASL_PLAIN_MALFORMED;
    if (*answer != '\0' && g_ascii_strcasecmp(answer, name + 1) != 0)
        return IMS_SASL_PLAIN_FOR_ANOTHER;
    *name_out = name + 1;
    *password_out = password + 1;
    return IMS_SASL_PLAIN_OK;
}
