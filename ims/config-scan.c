/*
 * ims.conf as lines. The form is that of a GKeyFile, but values are taken as they stand: no
 * escapes, since `EXAMPLE\alice` must mean what it says.
 */
#include "ims/config-private.h"

#include <string.h>

enum {
    MAX_FILE = 1024 * 1024,
    MAX_LINE = 64 * 1024,
    MAX_PROBLEMS = 100,
};

struct _ImsConfigProblems {
    char *file;
    GPtrArray *texts; /* (element-type utf8) */
    GArray *lines;    /* (element-type guint), parallel */
    guint left_out;
};

ImsConfigProblems *
ims_config_problems_new(const char *file)
{
    ImsConfigProblems *problems = g_new0(ImsConfigProblems, 1);

    problems->file = g_strdup(file);
    problems->texts = g_ptr_array_new_with_free_func(g_free);
    problems->lines = g_array_new(FALSE, FALSE, sizeof(guint));
    return problems;
}

void
ims_config_problems_free(ImsConfigProblems *problems)
{
    if (problems == NULL)
        return;
    g_free(problems->file);
    g_ptr_array_unref(problems->texts);
    g_array_unref(problems->lines);
    g_free(problems);
}

void
ims_config_problems_add(ImsConfigProblems *problems, guint line, const char *format, ...)
{
    g_autofree char *text = NULL;
    guint at;
    va_list arguments;

    if (problems->texts->len >= MAX_PROBLEMS) {
        problems->left_out++;
        return;
    }
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    /* Sorted by line: whoever mends the file goes through it from top to bottom. Line 0, the whole
     * file, comes last. */
    for (at = problems->lines->len; at > 0; at--) {
        guint before = g_array_index(problems->lines, guint, at - 1);

        if (line == 0 || (before != 0 && before <= line))
            break;
    }
    g_array_insert_val(problems->lines, at, line);
    g_ptr_array_insert(problems->texts, (int)at,
                       line != 0 ? g_strdup_printf("%s:%u: %s", problems->file, line, text)
                                 : g_strdup_printf("%s: %s", problems->file, text));
}

gboolean
ims_config_problems_check(ImsConfigProblems *problems, GError **error)
{
    g_autoptr(GString) all = NULL;

    if (problems->texts->len == 0)
        return TRUE;
    all = g_string_new(NULL);
    for (guint i = 0; i < problems->texts->len; i++)
        g_string_append_printf(all, "%s%s", i > 0 ? "\n" : "", (char *)problems->texts->pdata[i]);
    if (problems->left_out > 0)
        g_string_append_printf(all, "\n%s: %u more errors", problems->file, problems->left_out);
    g_set_error_literal(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_SYNTAX, all->str);
    return FALSE;
}

char *
ims_config_printable(const char *text)
{
    enum { LONGEST = 120 };
    GString *out = g_string_new(NULL);

    for (const char *p = text; *p != '\0'; p++) {
        if (out->len >= LONGEST && ((guchar)*p & 0xc0) != 0x80) {
            g_string_append(out, "...");
            break;
        }
        if ((guchar)*p < 0x20 || *p == 0x7f)
            g_string_append_printf(out, "\\x%02x", (guchar)*p);
        else
            g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

static void
entry_free(gpointer data)
{
    ImsConfigEntry *entry = data;

    g_free(entry->group);
    g_free(entry->key);
    g_free(entry->value);
    g_free(entry);
}

typedef struct {
    const char *file;
    char *group; /* (nullable): none yet, or one that was wrong */
    gboolean group_was_wrong;
    GPtrArray *entries, *notes;
    ImsConfigProblems *problems;
} Scan;

static gboolean
is_known_group(const char *name)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++)
        if (strcmp(settings[i].group, name) == 0)
            return TRUE;
    return FALSE;
}

static void
scan_group(Scan *scan, char *text, guint line)
{
    gsize length = strlen(text);
    g_autofree char *shown = ims_config_printable(text);

    g_clear_pointer(&scan->group, g_free);
    scan->group_was_wrong = TRUE;
    if (length < 3 || text[length - 1] != ']') {
        ims_config_problems_add(scan->problems, line, "%s: a group such as [Routing] is expected",
                                shown);
        return;
    }
    text[length - 1] = '\0';
    text++;
    if (!is_known_group(text)) {
        const char *near = ims_config_nearest_group(text);

        ims_config_problems_add(scan->problems, line, "%s: there is no such group%s%s%s", shown,
                                near != NULL ? "; is [" : "", near != NULL ? near : "",
                                near != NULL ? "] meant?" : "");
        return;
    }
    scan->group = g_strdup(text);
    scan->group_was_wrong = FALSE;
}

/* An exact entry without its quotes is a comment: the entry that was meant would silently be
 * missing. */
static void
note_lost_exact_entry(Scan *scan, const char *text, guint line)
{
    g_autofree char *key = NULL;
    const char *equals = strchr(text, '=');

    if (*text != '#' || equals == NULL || g_strcmp0(scan->group, "Routing List") != 0)
        return;
    key = g_strndup(text + 1, (gsize)(equals - text - 1));
    if (!g_ascii_isalnum(*key) || strchr(key, '.') == NULL)
        return;
    g_strchomp(key);
    if (!ims_config_is_host_name(key))
        return;
    g_ptr_array_add(
        scan->notes,
        g_strdup_printf(
            "%s:%u: [Routing List] #%s: this line is a comment; an entry for exactly this "
            "domain stands in quotes: \"#%s\" = ...",
            scan->file, line, key, key));
}

/* Takes the key off @text, quoted or not; NULL where it has no end. @rest_out: what follows the
 * equals sign. */
static char *
take_key(char *text, char **rest_out)
{
    char *end, *key = text;

    if (*text == '"') {
        key++;
        end = strchr(key, '"');
        if (end == NULL)
            return NULL;
        *end++ = '\0';
        while (g_ascii_isspace(*end))
            end++;
        if (*end != '=')
            return NULL;
    } else {
        end = strchr(text, '=');
        if (end == NULL)
            return NULL;
        *end = '\0';
        g_strchomp(key);
    }
    *rest_out = g_strstrip(end + 1);
    return key;
}

static void
scan_line(Scan *scan, char *text, guint line)
{
    g_autofree char *shown = NULL;
    ImsConfigEntry *entry;
    char *key, *value;

    g_strstrip(text);
    if (*text == '\0')
        return;
    if (*text == '#' || *text == ';') {
        note_lost_exact_entry(scan, text, line);
        return;
    }
    if (*text == '[') {
        scan_group(scan, text, line);
        return;
    }
    shown = ims_config_printable(text);
    key = take_key(text, &value);
    if (key == NULL || *key == '\0') {
        ims_config_problems_add(scan->problems, line, "%s: key = value is expected", shown);
        return;
    }
    if (scan->group == NULL) {
        if (!scan->group_was_wrong)
            ims_config_problems_add(scan->problems, line,
                                    "%s: a group such as [Routing] is expected before it", shown);
        return;
    }
    entry = g_new0(ImsConfigEntry, 1);
    entry->group = g_strdup(scan->group);
    entry->key = g_strdup(key);
    entry->value = g_strdup(value);
    entry->line = line;
    g_ptr_array_add(scan->entries, entry);
}

/* Says what is wrong with the bytes of one line; NULL: nothing. */
static const char *
bad_bytes(const char *bytes, gsize length)
{
    if (length > MAX_LINE)
        return "the line is longer than 64 KiB";
    if (memchr(bytes, '\0', length) != NULL)
        return "the line holds a NUL byte; text in UTF-8 is expected";
    if (!g_utf8_validate_len(bytes, length, NULL))
        return "the line is not in UTF-8";
    return NULL;
}

GPtrArray *
ims_config_scan(const char *file, const char *text, gsize length, ImsConfigProblems *problems,
                GPtrArray *notes)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(entry_free);
    Scan scan = {file, NULL, FALSE, entries, notes, problems};
    const char *end = text + length;
    guint line = 0;

    if (length > MAX_FILE) {
        ims_config_problems_add(problems, 0,
                                "the file has %" G_GSIZE_FORMAT " bytes; at most 1 MiB is expected",
                                length);
        return entries;
    }
    if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        ims_config_problems_add(problems, 0, "the file is in UTF-16; save it as UTF-8");
        return entries;
    }
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    while (text < end) {
        const char *feed = memchr(text, '\n', (gsize)(end - text));
        gsize n = (gsize)((feed != NULL ? feed : end) - text);
        const char *bad = bad_bytes(text, n);

        line++;
        if (bad != NULL) {
            ims_config_problems_add(problems, line, "%s", bad);
        } else {
            g_autofree char *copy = g_strndup(text, n);

            scan_line(&scan, copy, line);
        }
        text = feed != NULL ? feed + 1 : end;
    }
    g_free(scan.group);
    return entries;
}
