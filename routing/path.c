#include "routing/path.h"

#include <string.h>

#include "routing/ip.h"
#include "routing/path-private.h"

G_DEFINE_QUARK(ims_path_error, ims_path_error)

/* RFC 5321 4.5.3.1.2 */
#define DOMAIN_MAX 255
#define LABEL_MAX 63

/* What one scan over the text finds. Positions are offsets; -1 where there is none. */
typedef struct {
    gssize last_colon; /* outside quotes and brackets, after an `@` */
    gssize last_at;    /* after last_colon, outside quotes and brackets */
    guint n_at;        /* how many of those */
} Marks;

static gboolean
is_control(guchar byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* Finds the marks. FALSE for an open quote or bracket, a control character, or a colon that ends no
 * route. */
static gboolean
scan(const char *text, gsize length, Marks *marks)
{
    gboolean quoted = FALSE, bracket = FALSE;
    guint n_at = 0;

    *marks = (Marks){-1, -1, 0};
    for (gsize i = 0; i < length; i++) {
        guchar c = (guchar)text[i];

        if (is_control(c))
            return FALSE;
        if (quoted) {
            if (c == '\\' && ++i < length && is_control((guchar)text[i]))
                return FALSE;
            quoted = c != '"';
        } else if (bracket) {
            bracket = c != ']';
        } else if (c == '"') {
            quoted = TRUE;
        } else if (c == '[') {
            bracket = TRUE;
        } else if (c == '@') {
            n_at++;
            marks->n_at++;
            marks->last_at = (gssize)i;
        } else if (c == ':' && n_at > 0) {
            marks->last_colon = (gssize)i;
            marks->last_at = -1;
            marks->n_at = 0;
        }
    }
    return !quoted && !bracket;
}

/* Characters that stand for themselves in an unquoted local part (RFC 5321 atext and the dot). */
static gboolean
is_atom(guchar c)
{
    return c > ' ' && c < 0x7f && strchr("()<>[]:;@\\,\"", c) == NULL;
}

static gboolean
local_is_strict(const char *local, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (local[i] == '"') {
            for (i++; local[i] != '"'; i++) { /* scan() has seen the closing quote */
                if ((guchar)local[i] >= 0x80)
                    return FALSE;
                if (local[i] == '\\')
                    i++;
            }
        } else if (!is_atom((guchar)local[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

char *
ims_path_domain_normalize(const char *text, gsize length)
{
    gsize label = 0;
    char *out;

    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0 || length > DOMAIN_MAX)
        return NULL;
    for (gsize i = 0; i < length; i++) {
        if (text[i] == '.') {
            if (label == 0)
                return NULL;
            label = 0;
        } else if (!(g_ascii_isalnum(text[i]) || text[i] == '-' || text[i] == '_') ||
                   ++label > LABEL_MAX) {
            return NULL;
        }
    }
    if (label == 0)
        return NULL;
    out = g_malloc(length + 1);
    for (gsize i = 0; i < length; i++)
        out[i] = g_ascii_tolower(text[i]);
    out[length] = '\0';
    return out;
}

char *
ims_path_literal_normalize(const char *text, gsize length)
{
    static const char tag[] = "IPv6:";
    g_autofree char *inner = NULL;
    const char *address_text;
    char buffer[IMS_ADDRESS_STRLEN];
    ImsAddress address;
    gboolean tagged;

    if (length < 2 || length > IMS_ADDRESS_STRLEN + 8 || text[0] != '[' || text[length - 1] != ']')
        return NULL;
    inner = g_strndup(text + 1, length - 2);
    tagged = g_ascii_strncasecmp(inner, tag, strlen(tag)) == 0;
    address_text = tagged ? inner + strlen(tag) : inner;
    /* RFC 5321 4.1.3: the tag and the colons go together */
    if ((strchr(address_text, ':') != NULL) != tagged || !ims_address_parse(address_text, &address))
        return NULL;
    return g_strdup(ims_address_format(&address, buffer));
}

static gboolean
malformed(const char *text, const char *why, GError **error)
{
    g_autofree char *head = g_strndup(text, 100);
    g_autofree char *shown = g_strescape(head, NULL);

    g_set_error(error, IMS_PATH_ERROR, IMS_PATH_ERROR_MALFORMED, "malformed address \"%s\": %s",
                shown, why);
    return FALSE;
}

gboolean
ims_path_parse(const char *text, gboolean lax, ImsPath *out, GError **error)
{
    gsize length = strnlen(text, IMS_PATH_MAX + 1);
    ImsPath path = {0};
    gsize local_length;
    const char *domain;
    Marks marks;

    if (length > IMS_PATH_MAX)
        return malformed(text, "longer than a command line", error);
    if (length == 0) {
        path.local = g_strdup("");
        path.is_null = TRUE;
        *out = path;
        return TRUE;
    }
    if (!scan(text, length, &marks))
        return malformed(text, "a control character, or a quote or bracket left open", error);
    if (marks.last_colon >= 0) {
        path.had_route = TRUE;
        text += marks.last_colon + 1;
        length -= (gsize)marks.last_colon + 1;
        if (marks.last_at >= 0)
            marks.last_at -= marks.last_colon + 1;
    }
    local_length = marks.last_at < 0 ? length : (gsize)marks.last_at;
    if (local_length == 0)
        return malformed(text, "no local part", error);
    if (!lax && marks.n_at > 1)
        return malformed(text, "more than one @", error);
    if (!lax && !local_is_strict(text, local_length))
        return malformed(text, "a character that has to be quoted in the local part", error);
    if (marks.last_at >= 0) {
        gsize domain_length = length - local_length - 1;

        domain = text + local_length + 1;
        path.is_literal = domain[0] == '[';
        path.domain = path.is_literal ? ims_path_literal_normalize(domain, domain_length)
                                      : ims_path_domain_normalize(domain, domain_length);
        if (path.domain == NULL)
            return malformed(text, "what follows the @ is neither a domain nor an address literal",
                             error);
    }
    path.local = g_strndup(text, local_length);
    *out = path;
    return TRUE;
}

void
ims_path_clear(ImsPath *path)
{
    g_clear_pointer(&path->local, g_free);
    g_clear_pointer(&path->domain, g_free);
    *path = (ImsPath){0};
}

char *
ims_path_join(const char *local, const char *domain, gboolean is_literal)
{
    if (domain == NULL)
        return g_strdup(local);
    if (!is_literal)
        return g_strconcat(local, "@", domain, NULL);
    return g_strconcat(local, strchr(domain, ':') != NULL ? "@[IPv6:" : "@[", domain, "]", NULL);
}

char *
ims_path_format(const ImsPath *path)
{
    return ims_path_join(path->local, path->domain, path->is_literal);
}

gboolean
ims_path_has_equal_sign(const ImsPath *path)
{
    if (path->local[0] == '"' || strchr(path->local, '=') == NULL)
        return FALSE;
    return !ims_imcea_decode(path->local, NULL, NULL);
}
