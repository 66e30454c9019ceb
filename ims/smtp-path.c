#include "ims/smtp-private.h"
#include <string.h>

#define MAX_ENVID 100 /* RFC 3461 5.4 */
#define MAX_ORCPT 500

static const char *
skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* To the first of @stops outside quotes, or NULL. */
static const char *
find_unquoted(const char *p, const char *stops)
{
    gboolean quoted = FALSE;

    for (; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && strchr(stops, *p) != NULL)
            return p;
    }
    return NULL;
}

static char **
split_parameters(const char *text)
{
    GPtrArray *words = g_ptr_array_new();

    for (const char *p = skip_blanks(text); *p != '\0'; p = skip_blanks(p)) {
        gsize length = strcspn(p, " \t");

        g_ptr_array_add(words, g_strndup(p, length));
        p += length;
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

gboolean
ims_smtp_split_path(const char *keyword, const char *args, char **path_out, char ***parameters_out,
                    ImsSmtpReply *reply_out)
{
    const char *p = skip_blanks(args), *end;
    gsize n = strlen(keyword);

    *reply_out = IMS_SMTP_SYNTAX;
    if (g_ascii_strncasecmp(p, keyword, n) != 0)
        return FALSE;
    p = skip_blanks(p + n);
    if (*p++ != ':')
        return FALSE;
    p = skip_blanks(p);
    if (*p == '<') {
        end = find_unquoted(++p, ">");
        /* A lone quote swallows the bracket: malformed, but the bracket still ends the path. */
        if (end == NULL)
            end = strchr(p, '>');
        if (end == NULL || (end[1] != '\0' && end[1] != ' ' && end[1] != '\t')) {
            *path_out = g_strdup(p);
            *reply_out = IMS_SMTP_MALFORMED;
            return FALSE;
        }
        *path_out = g_strndup(p, (gsize)(end - p));
        *parameters_out = split_parameters(end + 1);
        return TRUE;
    }
    if (*p == '\0')
        return FALSE;
    end = find_unquoted(p, " \t");
    if (end == NULL)
        end = p + strlen(p);
    *path_out = g_strndup(p, (gsize)(end - p));
    *parameters_out = split_parameters(end);
    return TRUE;
}

/* xtext of RFC 3461 4, at least one character. */
static gboolean
is_xtext(const char *text)
{
    if (*text == '\0')
        return FALSE;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '+') {
            if (!g_ascii_isxdigit(p[1]) || !g_ascii_isxdigit(p[2]))
                return FALSE;
            p += 2;
        } else if (*p < '!' || *p > '~' || *p == '=') {
            return FALSE;
        }
    }
    return TRUE;
}

/* `rfc822;xtext` of RFC 3461 4.2. */
static gboolean
is_orcpt(const char *text)
{
    const char *semicolon = strchr(text, ';');

    if (semicolon == NULL || semicolon == text || strlen(text) > MAX_ORCPT)
        return FALSE;
    for (const char *p = text; p < semicolon; p++)
        if (!g_ascii_isalnum(*p) && *p != '-')
            return FALSE;
    return is_xtext(semicolon + 1);
}

static gboolean
parse_notify(const char *value, ImsNotify *out)
{
    g_auto(GStrv) words = g_strsplit(value, ",", -1);
    guint notify = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(words[i], "NEVER") == 0)
            notify |= IMS_NOTIFY_NEVER;
        else if (g_ascii_strcasecmp(words[i], "SUCCESS") == 0)
            notify |= IMS_NOTIFY_SUCCESS;
        else if (g_ascii_strcasecmp(words[i], "FAILURE") == 0)
            notify |= IMS_NOTIFY_FAILURE;
        else if (g_ascii_strcasecmp(words[i], "DELAY") == 0)
            notify |= IMS_NOTIFY_DELAY;
        else
            return FALSE;
    }
    if (notify == 0 || ((notify & IMS_NOTIFY_NEVER) != 0 && notify != IMS_NOTIFY_NEVER))
        return FALSE;
    *out = (ImsNotify)notify;
    return TRUE;
}

typedef enum {
    PARAMETER_SIZE,
    PARAMETER_BODY,
    PARAMETER_RET,
    PARAMETER_ENVID,
    PARAMETER_AUTH,
    PARAMETER_NOTIFY,
    PARAMETER_ORCPT,
    N_PARAMETERS
} Parameter;

static const char *const parameter_names[N_PARAMETERS] = {
    "SIZE", "BODY", "RET", "ENVID", "AUTH", "NOTIFY", "ORCPT",
};

/* Finds which of the parameters from @first to @last @text is; @value_out is what follows its `=`.
 */
static gboolean
find_parameter(const char *text, Parameter first, Parameter last, Parameter *which_out,
               const char **value_out)
{
    for (Parameter i = first; i <= last; i++) {
        gsize n = strlen(parameter_names[i]);

        if (g_ascii_strncasecmp(text, parameter_names[i], n) != 0)
            continue;
        if (text[n] == '=' || text[n] == '\0') {
            *which_out = i;
            *value_out = text[n] == '=' ? text + n + 1 : "";
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
set_mail_parameter(ImsSmtpMailParameters *mail, Parameter which, const char *value)
{
    switch (which) {
    case PARAMETER_SIZE:
        mail->has_size = TRUE;
        /* RFC 1870 6: up to 20 digits */
        return strlen(value) <= 20 &&
               g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &mail->size, NULL);
    case PARAMETER_BODY:
        mail->eight_bit = g_ascii_strcasecmp(value, "8BITMIME") == 0;
        return mail->eight_bit || g_ascii_strcasecmp(value, "7BIT") == 0;
    case PARAMETER_RET:
        if (g_ascii_strcasecmp(value, "FULL") == 0)
            mail->ret = IMS_RET_FULL;
        else if (g_ascii_strcasecmp(value, "HDRS") == 0)
            mail->ret = IMS_RET_HDRS;
        else
            return FALSE;
        return TRUE;
    case PARAMETER_ENVID:
        if (strlen(value) > MAX_ENVID || !is_xtext(value))
            return FALSE;
        mail->envid = g_strdup(value);
        return TRUE;
    case PARAMETER_AUTH:
        return is_xtext(value); /* RFC 4954 5: may be ignored, and is */
    default:
        return FALSE;
    }
}

gboolean
ims_smtp_mail_parameters(char **parameters, ImsSmtpMailParameters *out, ImsSmtpReply *reply_out,
                         const char **bad_out)
{
    ImsSmtpMailParameters mail = {0};
    gboolean seen[N_PARAMETERS] = {FALSE};

    for (guint i = 0; parameters[i] != NULL; i++) {
        Parameter which;
        const char *value;

        *bad_out = parameters[i];
        *reply_out = IMS_SMTP_SYNTAX;
        if (!find_parameter(parameters[i], PARAMETER_SIZE, PARAMETER_AUTH, &which, &value)) {
            *reply_out = IMS_SMTP_UNKNOWN_PARAMETER;
            g_free(mail.envid);
            return FALSE;
        }
        if (seen[which] || !set_mail_parameter(&mail, which, value)) {
            g_free(mail.envid);
            return FALSE;
        }
        seen[which] = TRUE;
    }
    *out = mail;
    return TRUE;
}

gboolean
ims_smtp_rcpt_parameters(char **parameters, ImsSmtpRcptParameters *out, ImsSmtpReply *reply_out,
                         const char **bad_out)
{
    ImsSmtpRcptParameters rcpt = {IMS_NOTIFY_DEFAULT, NULL};
    gboolean seen[N_PARAMETERS] = {FALSE};

    for (guint i = 0; parameters[i] != NULL; i++) {
        Parameter which;
        const char *value;
        gboolean good;

        *bad_out = parameters[i];
        *reply_out = IMS_SMTP_SYNTAX;
        if (!find_parameter(parameters[i], PARAMETER_NOTIFY, PARAMETER_ORCPT, &which, &value)) {
            *reply_out = IMS_SMTP_UNKNOWN_PARAMETER;
            g_free(rcpt.orcpt);
            return FALSE;
        }
        good = !seen[which];
        if (good && which == PARAMETER_NOTIFY) {
            good = parse_notify(value, &rcpt.notify);
        } else if (good) {
            good = is_orcpt(value);
            if (good)
                rcpt.orcpt = g_strdup(value);
        }
        if (!good) {
            g_free(rcpt.orcpt);
            return FALSE;
        }
        seen[which] = TRUE;
    }
    *out = rcpt;
    return TRUE;
}
