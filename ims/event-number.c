#include "ims/event-number.h"

#include <string.h>

#define INTERFACE "SMTP Interface Events"
#define TRANSFER "Message Transfer"

/* @values: one of these, separated by blanks; with `*` at the end, how the value begins. */
typedef struct {
    const char *key, *values;
} Condition;

/* The one table: which line of our log is which event. The first row that fits. */
static const struct {
    guint number;
    const char *category; /* (nullable): logged at any level */
    guint level;
    const char *event;
    Condition conditions[2];
    const char *source;
} events[] = {
    {4188,
     INTERFACE,       1,
     "rcpt",                                 {{"code", "550"}, {"reason", "deny-list no-rule open-closed no-reroute-closed blocked"}},
     "R-043, S-377"                                                                                                                           },
    {3041, NULL,      0, "rcpt",             {{"reason", "too-many-recipients"}},                                                      "S-393"},
    {4098, NULL,      0, "message",          {{"reply", "554 Too Many Hops*"}},                                                        "S-413"},
    {4098, NULL,      0, "report-recipient", {{"code", "Too Many Hops*"}},                                                             "S-413"},
    {4123, NULL,      0, "automatic",        {{"result", "dropped"}},                                                                  "S-421"},
    {4151, INTERFACE, 1, "message",          {{"reply", "554 Originator address*"}},                                                   "S-054"},
    {4192, NULL,      0, "filtered",         {{NULL, NULL}},                                                                           "S-430"},
    {4183, NULL,      0, "logon",            {{"protocol", "smtp"}, {"result", "failed"}},                                             "S-429"},
    {2001, TRANSFER,  1, "send",             {{"outcome", "sent deferred failed expired"}},                                            "S-381"},
    {2002, TRANSFER,  1, "message",          {{"result", "accepted"}},                                                                 "S-382"},
};

/* ---- a line of the log ---- */

/* Behind the time and the session's id. */
static const char *
find_word(const char *line)
{
    const char *p = line + strcspn(line, " ");

    p += strspn(p, " ");
    if (g_str_has_prefix(p, "s=")) {
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    return p;
}

char *
ims_event_word(const char *line)
{
    const char *word = find_word(line);

    return g_strndup(word, strcspn(word, " \n"));
}

/* The end of the value that begins at @p. */
static const char *
value_end(const char *p)
{
    if (*p != '"')
        return p + strcspn(p, " \n");
    for (p++; *p != '\0' && *p != '"'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
    return *p == '"' ? p + 1 : p;
}

static char *
unquote(const char *start, const char *end)
{
    GString *out = g_string_new(NULL);

    if (*start == '"') {
        start++;
        end--;
    }
    for (; start < end; start++) {
        if (*start == '\\' && start + 1 < end && (start[1] == '"' || start[1] == '\\'))
            start++;
        g_string_append_c(out, *start);
    }
    return g_string_free(out, FALSE);
}

char *
ims_event_value(const char *line, const char *key)
{
    const char *p = find_word(line);
    gsize length = strlen(key);

    for (p += strcspn(p, " \n"); *p == ' ';) {
        const char *equals, *end;

        p++;
        equals = p + strcspn(p, "= \n");
        if (*equals != '=')
            return NULL;
        end = value_end(equals + 1);
        if ((gsize)(equals - p) == length && strncmp(p, key, length) == 0)
            return unquote(equals + 1, end);
        p = end;
    }
    return NULL;
}

/* ---- the number ---- */

static gboolean
fits(const char *line, const Condition *condition)
{
    g_autofree char *value = NULL;
    g_auto(GStrv) words = NULL;
    gsize length;

    if (condition->key == NULL)
        return TRUE;
    value = ims_event_value(line, condition->key);
    if (value == NULL)
        return FALSE;
    length = strlen(condition->values);
    if (condition->values[length - 1] == '*')
        return strncmp(value, condition->values, length - 1) == 0;
    words = g_strsplit(condition->values, " ", -1);
    return g_strv_contains((const char *const *)words, value);
}

guint
ims_event_number(const char *line, ImsEventLevel level, gpointer data)
{
    g_autofree char *word = ims_event_word(line);

    for (guint i = 0; i < G_N_ELEMENTS(events); i++) {
        if (strcmp(events[i].event, word) == 0 && fits(line, &events[i].conditions[0]) &&
            fits(line, &events[i].conditions[1]) &&
            (events[i].category == NULL || level(events[i].category, data) >= events[i].level))
            return events[i].number;
    }
    return 0;
}
