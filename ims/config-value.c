/* One value of ims.conf: from its text into the configuration, and into a form that is equal for
 * equal values. */
#include "ims/config-private.h"

#include <math.h>
#include <string.h>

/* ---- small readers ---- */

static gboolean
parse_uint(const char *text, guint64 min, guint64 max, guint64 *out)
{
    guint base = 10;

    if (g_ascii_strncasecmp(text, "0x", 2) == 0) {
        text += 2;
        base = 16;
    }
    return g_ascii_string_to_unsigned(text, base, min, max, out, NULL);
}

static gboolean
parse_bool(const char *text, gboolean *out)
{
    static const struct {
        const char *word;
        gboolean value;
    } words[] = {
        {"yes",   TRUE },
        {"no",    FALSE},
        {"true",  TRUE },
        {"false", FALSE},
        {"1",     TRUE },
        {"0",     FALSE}
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(text, words[i].word) == 0) {
            *out = words[i].value;
            return TRUE;
        }
    return FALSE;
}

/* The parts of a list between commas, blanks taken off. An empty part makes the whole list wrong:
 * NULL. */
char **
ims_config_split_list(const char *text)
{
    char **parts = g_strsplit(text, ",", -1);

    for (guint i = 0; parts[i] != NULL; i++) {
        g_strstrip(parts[i]);
        if (*parts[i] == '\0') {
            g_strfreev(parts);
            return NULL;
        }
    }
    if (parts[0] == NULL)
        g_clear_pointer(&parts, g_strfreev);
    return parts;
}

gboolean
ims_config_wrong(ImsConfigReading *reading, const char *what, const char *part)
{
    g_autofree char *shown = ims_config_printable(part);

    reading->wrong =
        strcmp(part, reading->text) == 0 ? g_strdup(what) : g_strdup_printf("%s: %s", shown, what);
    return FALSE;
}

/* ---- one function a kind ---- */

static gboolean
read_text(ImsConfigReading *reading, const char *text)
{
    if (g_utf8_strlen(text, -1) > (glong)reading->setting->max)
        return ims_config_wrong(reading, "it is too long", text);
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p < 0x20 || *p == 0x7f)
            return ims_config_wrong(reading, "it holds a control character", text);
    *IMS_CONFIG_FIELD(reading, char *) = g_strdup(text);
    reading->canonical = g_strdup(text);
    return TRUE;
}

static gboolean
read_host(ImsConfigReading *reading, const char *text)
{
    gsize length = strlen(text);
    g_autofree char *bare =
        g_strndup(text, length > 1 && text[length - 1] == '.' ? length - 1 : length);

    if (!ims_config_is_host_name(bare))
        return FALSE;
    *IMS_CONFIG_FIELD(reading, char *) = g_ascii_strdown(bare, -1);
    reading->canonical = g_ascii_strdown(bare, -1);
    return TRUE;
}

static gboolean
read_path(ImsConfigReading *reading, const char *text)
{
    *IMS_CONFIG_FIELD(reading, char *) =
        g_canonicalize_filename(text, reading->config->priv->folder);
    reading->canonical = g_strdup(*IMS_CONFIG_FIELD(reading, char *));
    return TRUE;
}

static gboolean
read_alias(ImsConfigReading *reading, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p <= 0x20 || *p == 0x7f || strchr("\\/@\"<>,;:[]", *p) != NULL)
            return ims_config_wrong(reading,
                                    "it holds a blank, or a character that no name may have", text);
    if (strlen(text) > 64)
        return ims_config_wrong(reading, "it is longer than 64 characters", text);
    *IMS_CONFIG_FIELD(reading, char *) = g_strdup(text);
    reading->canonical = g_utf8_casefold(text, -1);
    return TRUE;
}

static const struct {
    const char *build, *store, *word;
} builds[] = {
  /* The Internet Mail Service of SP4 and the store that came with it (P-002, BAN). */
    {"5.5.2653.13", "5.5.2653.23", "SP4"},
};

static gboolean
read_build(ImsConfigReading *reading, const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(builds); i++) {
        g_autofree char *with_version = g_strconcat("5.5 ", builds[i].word, NULL);

        if (strcmp(text, builds[i].build) == 0 || g_ascii_strcasecmp(text, builds[i].word) == 0 ||
            g_ascii_strcasecmp(text, with_version) == 0) {
            *IMS_CONFIG_FIELD(reading, char *) = g_strdup(builds[i].build);
            reading->canonical = g_strdup(builds[i].build);
            return TRUE;
        }
    }
    return ims_config_wrong(reading, "this version has no such build", text);
}

const char *
ims_config_store_build(const ImsConfig *config)
{
    for (guint i = 0; i < G_N_ELEMENTS(builds); i++)
        if (strcmp(config->build, builds[i].build) == 0)
            return builds[i].store;
    return config->build;
}

static gboolean
read_profile(ImsConfigReading *reading, const char *text)
{
    gboolean faithful = g_ascii_strcasecmp(text, "faithful") == 0;

    if (!faithful && g_ascii_strcasecmp(text, "extended") != 0)
        return FALSE;
    *IMS_CONFIG_FIELD(reading, gboolean) = faithful;
    reading->canonical = g_ascii_strdown(text, -1);
    return TRUE;
}

static gboolean
read_bool(ImsConfigReading *reading, const char *text)
{
    gboolean value;

    if (!parse_bool(text, &value))
        return FALSE;
    *IMS_CONFIG_FIELD(reading, gboolean) = reading->setting->kind == IMS_KIND_NOT ? !value : value;
    reading->canonical = g_strdup(value ? "yes" : "no");
    return TRUE;
}

static gboolean
read_number(ImsConfigReading *reading, const char *text)
{
    guint64 value;

    if (!parse_uint(text, reading->setting->min, reading->setting->max, &value))
        return FALSE;
    if (reading->setting->kind == IMS_KIND_PORT)
        *IMS_CONFIG_FIELD(reading, guint16) = (guint16)value;
    else
        *IMS_CONFIG_FIELD(reading, guint) =
            (guint)(reading->setting->kind == IMS_KIND_MINUTES ? value * 60 : value);
    reading->canonical = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return TRUE;
}

static gboolean
read_size(ImsConfigReading *reading, const char *text)
{
    static const char units[] = "KMG";
    gsize length = strlen(text);
    const char *unit = length > 1 ? strchr(units, g_ascii_toupper(text[length - 1])) : NULL;
    g_autofree char *digits = g_strndup(text, unit != NULL ? length - 1 : length);
    guint shift = unit != NULL ? 10 * (guint)(unit - units + 1) : 0;
    guint64 value;

    g_strchomp(digits);
    if (!g_ascii_string_to_unsigned(digits, 10, 0, reading->setting->max >> shift, &value, NULL))
        return FALSE;
    value <<= shift;
    if (value < reading->setting->min)
        return FALSE;
    *IMS_CONFIG_FIELD(reading, gsize) = (gsize)value;
    reading->canonical = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return TRUE;
}

/* Decimal hours as whole seconds; digits and one point only, so neither "inf" nor "1e9" passes. */
static gboolean
parse_hours(const char *text, guint64 min_sec, guint64 max_sec, guint *sec_out)
{
    double hours;

    if (*text == '\0' || strlen(text) > 16 || strspn(text, "0123456789.") != strlen(text) ||
        strspn(text, ".") == strlen(text) || strchr(text, '.') != strrchr(text, '.'))
        return FALSE;
    hours = round(g_ascii_strtod(text, NULL) * 3600);
    if (hours < (double)min_sec || hours > (double)max_sec)
        return FALSE;
    *sec_out = (guint)hours;
    return TRUE;
}

static gboolean
read_hours(ImsConfigReading *reading, const char *text)
{
    guint sec;

    if (!parse_hours(text, reading->setting->min, reading->setting->max, &sec))
        return FALSE;
    *IMS_CONFIG_FIELD(reading, guint) = sec;
    reading->canonical = g_strdup_printf("%u", sec);
    return TRUE;
}

static gboolean
read_hours_list(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GString) canonical = g_string_new(NULL);
    guint sec;

    if (parts == NULL)
        return FALSE;
    /* S-183: 0 means no retry; it stands alone. */
    if (parts[1] == NULL && parse_hours(parts[0], 0, 0, &sec))
        g_string_assign(canonical, "0");
    else
        for (guint i = 0; parts[i] != NULL; i++) {
            if (!parse_hours(parts[i], reading->setting->min, reading->setting->max, &sec))
                return ims_config_wrong(reading, "not such a number of hours", parts[i]);
            g_array_append_val(list, sec);
            g_string_append_printf(canonical, "%s%u", i > 0 ? "," : "", sec);
        }
    *IMS_CONFIG_FIELD(reading, GArray *) = g_steal_pointer(&list);
    reading->canonical = g_strdup(canonical->str);
    return TRUE;
}

static gboolean
read_flags(ImsConfigReading *reading, const char *text)
{
    static const struct {
        const char *word;
        guint flag;
    } words[] = {
        {"denied",        IMS_RELAY_FLAG_DENY         },
        {"allowed",       IMS_RELAY_FLAG_ALLOW        },
        {"local",         IMS_RELAY_FLAG_LOCAL        },
        {"authenticated", IMS_RELAY_FLAG_AUTHENTICATED}
    };
    g_auto(GStrv) parts = ims_config_split_list(text);
    guint64 number;
    guint flags = 0;

    if (parts == NULL)
        return FALSE;
    if (parts[1] == NULL && parse_uint(parts[0], 0, 15, &number))
        flags = (guint)number;
    else if (parts[1] != NULL || g_ascii_strcasecmp(parts[0], "none") != 0)
        for (guint i = 0; parts[i] != NULL; i++) {
            guint k = 0;

            while (k < G_N_ELEMENTS(words) && g_ascii_strcasecmp(parts[i], words[k].word) != 0)
                k++;
            if (k == G_N_ELEMENTS(words))
                return ims_config_wrong(reading, "not one of these", parts[i]);
            flags |= words[k].flag;
        }
    *IMS_CONFIG_FIELD(reading, guint) = flags;
    reading->canonical = g_strdup_printf("%u", flags);
    return TRUE;
}

static gboolean
read_routing(ImsConfigReading *reading, const char *text)
{
    g_autoptr(GError) error = NULL;

    if (!ims_routing_list_add(reading->config->priv->list, reading->key, text, reading->line,
                              &error)) {
        reading->wrong = g_strdup(error->message);
        return FALSE;
    }
    reading->canonical = g_ascii_strdown(text, -1);
    return TRUE;
}

static gboolean (*const readers[])(ImsConfigReading *reading, const char *text) = {
    [IMS_KIND_TEXT] = read_text,
    [IMS_KIND_HOST] = read_host,
    [IMS_KIND_DOMAIN] = read_host,
    [IMS_KIND_PATH] = read_path,
    [IMS_KIND_ALIAS] = read_alias,
    [IMS_KIND_BUILD] = read_build,
    [IMS_KIND_PROFILE] = read_profile,
    [IMS_KIND_BOOL] = read_bool,
    [IMS_KIND_NOT] = read_bool,
    [IMS_KIND_UINT] = read_number,
    [IMS_KIND_PORT] = read_number,
    [IMS_KIND_SIZE] = read_size,
    [IMS_KIND_HOURS] = read_hours,
    [IMS_KIND_HOURS_LIST] = read_hours_list,
    [IMS_KIND_MINUTES] = read_number,
    [IMS_KIND_LISTENERS] = ims_config_read_listeners,
    [IMS_KIND_FLAGS] = read_flags,
    [IMS_KIND_NETS] = ims_config_read_nets,
    [IMS_KIND_HOSTS] = ims_config_read_hosts,
    [IMS_KIND_ROUTES] = ims_config_read_routes,
    [IMS_KIND_SERVERS] = ims_config_read_servers,
    [IMS_KIND_ROUTING] = read_routing,
    [IMS_KIND_SECURITY] = ims_config_read_security,
    [IMS_KIND_RULES] = ims_config_read_rules,
    [IMS_KIND_TURF] = ims_config_read_turf,
};

gboolean
ims_config_set_value(ImsConfig *config, const ImsConfigSetting *setting, const char *key,
                     const char *text, guint line, ImsConfigProblems *problems,
                     char **canonical_out)
{
    ImsConfigReading reading = {config, setting, key, text, line, NULL, NULL};
    g_autofree char *shown = ims_config_printable(text);

    if (*text != '\0' && readers[setting->kind](&reading, text)) {
        *canonical_out = reading.canonical;
        return TRUE;
    }
    if (reading.wrong != NULL && strstr(reading.wrong, "expected") != NULL)
        ims_config_problems_add(problems, line, "[%s] %s: %s: %s", setting->group, key, shown,
                                reading.wrong);
    else
        ims_config_problems_add(problems, line, "[%s] %s: %s: %s%s%s is expected", setting->group,
                                key, *text != '\0' ? shown : "no value",
                                reading.wrong != NULL ? reading.wrong : "",
                                reading.wrong != NULL ? "; " : "", setting->type);
    g_free(reading.wrong);
    return FALSE;
}

void
ims_config_clear_value(ImsConfig *config, const ImsConfigSetting *setting)
{
    gpointer field = G_STRUCT_MEMBER_P(config, setting->offset);

    switch ((ImsConfigKind)setting->kind) {
    case IMS_KIND_TEXT:
    case IMS_KIND_HOST:
    case IMS_KIND_DOMAIN:
    case IMS_KIND_PATH:
    case IMS_KIND_ALIAS:
    case IMS_KIND_BUILD:
    case IMS_KIND_SERVERS:
        g_clear_pointer((char **)field, g_free);
        break;
    case IMS_KIND_HOSTS:
        g_clear_pointer((char ***)field, g_strfreev);
        break;
    case IMS_KIND_RULES:
        g_clear_pointer((ImsConnectionRules **)field, ims_connection_rules_free);
        break;
    case IMS_KIND_TURF:
        g_clear_pointer((ImsTurfTable **)field, ims_turf_table_free);
        break;
    case IMS_KIND_HOURS_LIST:
        g_clear_pointer((GArray **)field, g_array_unref);
        break;
    default:
        break;
    }
}
