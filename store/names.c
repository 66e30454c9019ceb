#include "store/names.h"

#include <string.h>

/* I-058: the folders an English set-up makes; the Inbox is IMAP4's INBOX. */
const ImsStandardFolder ims_standard_folders[] = {
    {"INBOX",         NULL      },
    {"Deleted Items", "\\Trash" },
    {"Drafts",        "\\Drafts"},
    {"Outbox",        NULL      },
    {"Sent Items",    "\\Sent"  },
};
const guint ims_n_standard_folders = G_N_ELEMENTS(ims_standard_folders);

static gboolean
check_level(const char *level, gsize length, GError **error)
{
    glong chars = g_utf8_strlen(level, (gssize)length);

    if (chars == 0 || chars > IMS_FOLDER_LEVEL_CHARS_MAX) {
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                    "folder name has a level of %ld characters, expected 1 to %d", chars,
                    IMS_FOLDER_LEVEL_CHARS_MAX);
        return FALSE;
    }
    for (const char *at = level; at < level + length; at = g_utf8_next_char(at)) {
        if (g_unichar_iscntrl(g_utf8_get_char(at))) {
            g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                                "folder name has a control character");
            return FALSE;
        }
    }
    return TRUE;
}

char *
ims_folder_name_canonical(const char *name, GError **error)
{
    g_autofree char *copy = NULL;
    gsize length = name != NULL ? strlen(name) : 0;
    guint levels = 0;

    if (length > 0 && name[length - 1] == '/')
        length--;
    if (length == 0 || !g_utf8_validate(name, (gssize)length, NULL)) {
        g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                            length == 0 ? "folder name is empty" : "folder name is not UTF-8");
        return NULL;
    }
    copy = g_strndup(name, length);
    for (const char *level = copy; level != NULL;) {
        const char *slash = strchr(level, '/');

        if (!check_level(level, slash != NULL ? (gsize)(slash - level) : strlen(level), error))
            return NULL;
        level = slash != NULL ? slash + 1 : NULL;
        if (++levels > IMS_FOLDER_LEVELS_MAX) {
            g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                        "folder name has more than %d levels", IMS_FOLDER_LEVELS_MAX);
            return NULL;
        }
    }
    if (g_ascii_strncasecmp(copy, "INBOX", 5) == 0 && (copy[5] == '\0' || copy[5] == '/'))
        memcpy(copy, "INBOX", 5);
    return g_steal_pointer(&copy);
}

char *
ims_folder_name_superior(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? g_strndup(name, (gsize)(slash - name)) : NULL;
}

gboolean
ims_folder_name_is_below(const char *name, const char *superior)
{
    gsize length = strlen(superior);

    return strncmp(name, superior, length) == 0 && name[length] == '/';
}

gboolean
ims_keyword_is_valid(const char *keyword)
{
    gsize length = strlen(keyword);

    if (length == 0 || length > IMS_KEYWORD_LENGTH_MAX)
        return FALSE;
    for (const char *at = keyword; *at != '\0'; at++) {
        if (!g_ascii_isgraph(*at) || strchr("(){%*\"\\]", *at) != NULL)
            return FALSE;
    }
    return TRUE;
}

int
ims_keywords_find(char **keywords, const char *keyword)
{
    for (int i = 0; keywords != NULL && keywords[i] != NULL; i++) {
        if (g_ascii_strcasecmp(keywords[i], keyword) == 0)
            return i;
    }
    return -1;
}

static int
add_keyword(char ***table, const char *keyword)
{
    guint n = *table != NULL ? g_strv_length(*table) : 0;

    if (n >= IMS_MAX_KEYWORDS)
        return -1;
    *table = g_renew(char *, *table, n + 2);
    (*table)[n] = g_strdup(keyword);
    (*table)[n + 1] = NULL;
    return (int)n;
}

guint64
ims_keywords_mask(char ***table, char **names, gboolean add, gboolean *full_out)
{
    guint64 mask = 0;

    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        int k = ims_keywords_find(*table, names[i]);

        if (k < 0 && add)
            k = add_keyword(table, names[i]);
        if (k >= 0)
            mask |= IMS_FLAG_KEYWORD(k);
        else if (add && full_out != NULL)
            *full_out = TRUE;
    }
    return mask;
}

guint64
ims_keywords_remap(char **from, guint64 flags, char ***to)
{
    guint64 mask = flags & IMS_FLAG_SYSTEM_MASK;

    for (int i = 0; from != NULL && from[i] != NULL; i++) {
        int k;

        if ((flags & IMS_FLAG_KEYWORD(i)) == 0)
            continue;
        k = ims_keywords_find(*to, from[i]);
        if (k < 0)
            k = add_keyword(to, from[i]);
        if (k >= 0)
            mask |= IMS_FLAG_KEYWORD(k);
    }
    return mask;
}
