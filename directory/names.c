#include "directory/names-private.h"

#include <idn2.h>
#include <string.h>

#include "directory/directory.h"

#define DOMAIN_MAX 253
#define LABEL_MAX 63

char *
ims_name_key(const char *text)
{
    g_autofree char *folded = NULL;

    if (!g_utf8_validate(text, -1, NULL))
        return g_strdup(text);
    folded = g_utf8_casefold(text, -1);
    return g_utf8_normalize(folded, -1, G_NORMALIZE_NFC);
}

static gboolean
has_control(const char *text)
{
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        if (g_unichar_iscntrl(g_utf8_get_char(p)))
            return TRUE;
    }
    return FALSE;
}

/* For messages: what came may be any bytes. */
static char *
show(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    if (g_utf8_strlen(valid, -1) > 100)
        *g_utf8_offset_to_pointer(valid, 100) = '\0';
    return g_strescape(valid, NULL);
}

gboolean
ims_name_check_alias(const char *alias, GError **error)
{
    const char *wrong = NULL;

    if (alias == NULL || *alias == '\0')
        wrong = "it is empty";
    else if (!g_utf8_validate(alias, -1, NULL))
        wrong = "it is not UTF-8";
    else if (g_utf8_strlen(alias, -1) > IMS_ALIAS_MAX)
        wrong = "it is too long";
    else if (strpbrk(alias, "@/") != NULL)
        wrong = "it holds '@' or '/'";
    else if (has_control(alias))
        wrong = "it holds a control character";
    else if (*alias == ' ' || alias[strlen(alias) - 1] == ' ')
        wrong = "it begins or ends with a blank";
    if (wrong != NULL) {
        g_autofree char *shown = show(alias != NULL ? alias : "");

        g_set_error(
            error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID,
            "alias \"%s\": %s; expected 1 to %d characters without '@', '/' and control characters",
            shown, wrong, IMS_ALIAS_MAX);
        return FALSE;
    }
    return TRUE;
}

/* Letters, digits, hyphen and, as found in the wild, underscore; labels of 1 to 63. */
static gboolean
is_ascii_domain(const char *domain)
{
    gsize length = strlen(domain), label = 0;

    if (length == 0 || length > DOMAIN_MAX)
        return FALSE;
    for (gsize i = 0; i <= length; i++) {
        if (domain[i] == '.' || domain[i] == '\0') {
            if (label == 0 || label > LABEL_MAX || domain[i - 1] == '-')
                return FALSE;
            label = 0;
        } else if (g_ascii_isalnum(domain[i]) || domain[i] == '_' ||
                   (domain[i] == '-' && label > 0)) {
            label++;
        } else {
            return FALSE;
        }
    }
    return TRUE;
}

char *
ims_name_normal_domain(const char *domain)
{
    g_autofree char *copy = NULL;
    gsize length = strlen(domain);

    if (length == 0 || length > 4 * DOMAIN_MAX)
        return NULL;
    copy = g_strndup(domain, domain[length - 1] == '.' ? length - 1 : length);
    if (!g_str_is_ascii(copy)) {
        uint8_t *ascii = NULL;

        if (!g_utf8_validate(copy, -1, NULL) ||
            idn2_lookup_u8((const uint8_t *)copy, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
                IDN2_OK)
            return NULL;
        g_free(copy);
        copy = g_strdup((const char *)ascii);
        idn2_free(ascii);
    }
    if (!is_ascii_domain(copy))
        return NULL;
    return g_ascii_strdown(copy, -1);
}

char *
ims_name_normal_literal(const char *domain)
{
    g_autofree char *inner = NULL;
    gsize length = strlen(domain);
    ImsAddress address;
    char buffer[IMS_ADDRESS_STRLEN];

    if (length < 3 || domain[0] != '[' || domain[length - 1] != ']')
        return NULL;
    inner = g_strndup(domain + 1, length - 2);
    if (!ims_address_parse(g_ascii_strncasecmp(inner, "IPv6:", 5) == 0 ? inner + 5 : inner,
                           &address))
        return NULL;
    return g_strdup_printf(address.family == 6 ? "[IPv6:%s]" : "[%s]",
                           ims_address_format(&address, buffer));
}

/* A quoted string with its escapes closed, or a dot-string; any UTF-8 without controls (RFC
 * 5321 4.1.2, RFC 6531). */
static gboolean
is_local_part(const char *local)
{
    gsize length = strlen(local);

    if (length == 0 || length > IMS_LOCAL_PART_MAX || !g_utf8_validate(local, -1, NULL) ||
        has_control(local))
        return FALSE;
    if (local[0] != '"')
        return strpbrk(local, " \"()<>,:;@\\[]") == NULL && local[0] != '.' &&
               local[length - 1] != '.' && strstr(local, "..") == NULL;
    if (length < 3 || local[length - 1] != '"')
        return FALSE;
    for (gsize i = 1; i < length - 1; i++) {
        if (local[i] == '"')
            return FALSE;
        if (local[i] == '\\' && ++i == length - 1)
            return FALSE;
    }
    return TRUE;
}

char *
ims_name_normal_address(const char *address, gboolean allow_literal, GError **error)
{
    const char *at = address != NULL ? strrchr(address, '@') : NULL;
    g_autofree char *local = NULL;
    g_autofree char *domain = NULL;

    if (at != NULL) {
        local = g_strndup(address, at - address);
        if (is_local_part(local)) {
            domain = ims_name_normal_domain(at + 1);
            if (domain == NULL && allow_literal)
                domain = ims_name_normal_literal(at + 1);
        }
    }
    if (domain == NULL) {
        g_autofree char *shown = show(address != NULL ? address : "");

        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID,
                    "address \"%s\": expected local@domain", shown);
        return NULL;
    }
    return g_strdup_printf("%s@%s", local, domain);
}

char *
ims_name_address_key(const char *local, gsize local_length, const char *domain)
{
    g_autoptr(GString) text = g_string_sized_new(local_length + strlen(domain) + 2);

    /* Quotes change nothing where what they hold is the same mailbox (RFC 5321 4.1.2): take all of
     * them off. */
    if (local_length >= 2 && local[0] == '"' && local[local_length - 1] == '"') {
        for (gsize i = 1; i < local_length - 1; i++) {
            if (local[i] == '\\' && i + 1 < local_length - 1)
                i++;
            g_string_append_c(text, local[i]);
        }
    } else {
        g_string_append_len(text, local, (gssize)local_length);
    }
    g_string_append_c(text, '@');
    g_string_append(text, domain);
    return ims_name_key(text->str);
}

char *
ims_name_address_key_whole(const char *address)
{
    const char *at = strrchr(address, '@');

    g_assert(at != NULL);
    return ims_name_address_key(address, (gsize)(at - address), at + 1);
}

static gboolean
is_account_part(const char *text, glong limit)
{
    return g_utf8_validate(text, -1, NULL) && *text != '\0' && g_utf8_strlen(text, -1) <= limit &&
           !has_control(text) && strpbrk(text, "\"/\\[]:;|=,+*?<>@") == NULL && *text != ' ' &&
           text[strlen(text) - 1] != ' ';
}

gboolean
ims_name_parse_account(const char *text, const char *default_domain, char **domain_out,
                       char **name_out, GError **error)
{
    const char *separator = text != NULL ? strpbrk(text, "/\\") : NULL;
    const char *name = separator != NULL ? separator + 1 : text;
    g_autofree char *domain = NULL;

    domain = separator != NULL && separator > text ? g_strndup(text, separator - text)
                                                   : g_strdup(default_domain);
    if (name == NULL || !is_account_part(name, IMS_ACCOUNT_MAX) ||
        !is_account_part(domain, IMS_ACCOUNT_DOMAIN_MAX)) {
        g_autofree char *shown = show(text != NULL ? text : "");

        g_set_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID,
                    "account \"%s\": expected DOMAIN\\name, domain up to %d and name up to %d "
                    "characters, none of "
                    "\" / \\ [ ] : ; | = , + * ? < > @",
                    shown, IMS_ACCOUNT_DOMAIN_MAX, IMS_ACCOUNT_MAX);
        return FALSE;
    }
    *domain_out = g_utf8_strup(domain, -1);
    *name_out = g_strdup(name);
    return TRUE;
}
