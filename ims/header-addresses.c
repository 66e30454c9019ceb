/* The addresses in fields of a message's header (RFC 5322 3.4), for decisions: where a field is
 * broken, it yields what belongs to nobody, never less than it shows. */
#include "ims/submission.h"

#include "store/mime.h"

#include <string.h>

typedef struct {
    GPtrArray *found;
    GString *plain, *angle;
    gboolean has_angle;
} Scan;

static void
take(Scan *scan)
{
    GString *source = scan->has_angle ? scan->angle : scan->plain;
    char *text = g_strstrip(g_strdup(source->str));

    /* RFC 5322 4.4: a route before the address */
    if (scan->has_angle && *text == '@' && strchr(text, ':') != NULL)
        memmove(text, strchr(text, ':') + 1, strlen(strchr(text, ':') + 1) + 1);
    if (*text != '\0' || scan->has_angle)
        g_ptr_array_add(scan->found, text);
    else
        g_free(text);
    g_string_truncate(scan->plain, 0);
    g_string_truncate(scan->angle, 0);
    scan->has_angle = FALSE;
}

/* Behind the comment that begins at @p. */
static const char *
skip_comment(const char *p)
{
    guint depth = 0;

    for (; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && --depth == 0)
            return p + 1;
    }
    return p;
}

/* Behind the quoted string that begins at @p; copied to @out as it stands. */
static const char *
copy_quoted(const char *p, GString *out)
{
    const char *start = p++;

    while (*p != '\0' && *p != '"')
        p += *p == '\\' && p[1] != '\0' ? 2 : 1;
    if (*p == '"')
        p++;
    g_string_append_len(out, start, p - start);
    return p;
}

static void
scan_value(Scan *scan, const char *p)
{
    gboolean in_angle = FALSE;

    while (*p != '\0') {
        GString *out = in_angle ? scan->angle : scan->plain;

        if (*p == '(') {
            p = skip_comment(p);
            continue;
        }
        if (*p == '"') {
            p = copy_quoted(p, out);
            continue;
        }
        if (*p == '<') {
            if (scan->has_angle)
                take(scan);
            scan->has_angle = in_angle = TRUE;
        } else if (*p == '>' && in_angle) {
            in_angle = FALSE;
        } else if ((*p == ',' || *p == ';') && !in_angle) {
            take(scan);
        } else if (*p == ':' && !in_angle) {
            g_string_truncate(scan->plain, 0); /* the name of a group */
        } else if (!g_ascii_isspace(*p)) {
            g_string_append_c(out, *p);
        }
        p++;
    }
    take(scan);
}

/* One field, unfolded by treating line ends as blanks; @end is behind it. */
static void
scan_field(GPtrArray *found, const guint8 *start, const guint8 *end)
{
    const guint8 *colon = memchr(start, ':', (gsize)(end - start));
    Scan scan = {found, g_string_new(NULL), g_string_new(NULL), FALSE};
    guint before = found->len;

    if (colon != NULL) {
        g_autofree char *value = g_malloc((gsize)(end - colon));

        memcpy(value, colon + 1, (gsize)(end - colon) - 1);
        value[end - colon - 1] = '\0';
        scan_value(&scan, value);
    }
    if (found->len == before)
        g_ptr_array_add(found, g_strdup(""));
    g_string_free(scan.plain, TRUE);
    g_string_free(scan.angle, TRUE);
}

GPtrArray *
ims_header_addresses(const guint8 *message, gsize length, const char *name)
{
    const char *const names[] = {name, NULL};
    g_autoptr(GBytes) fields = ims_mime_header_fields(message, length, names, FALSE, FALSE);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    gsize size;
    const guint8 *p = g_bytes_get_data(fields, &size), *end = p + size;

    while (p < end && *p != '\r' && *p != '\n') {
        const guint8 *start = p;

        do {
            const guint8 *lf = memchr(p, '\n', (gsize)(end - p));

            p = lf != NULL ? lf + 1 : end;
        } while (p < end && (*p == ' ' || *p == '\t'));
        scan_field(found, start, p);
    }
    return found;
}
