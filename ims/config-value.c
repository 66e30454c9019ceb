/* One value of ims.conf: from its text into the configuration, and into a form that is equal for
 * equal values. */
#include "ims/config-private.h"

#include <math.h>
#include <string.h>

/* What a reader gets: where the value goes, and where the canonical form is to be put. */
typedef struct {
    ImsConfig *config;
    const ImsConfigSetting *setting;
    const char *key;
    const char *text; /* the whole value */
    guint line;
    char *canonical;
    char *wrong; /* (nullable): what exactly is wrong, where the type's text does not say it */
} Reading;

#define FIELD(reading, type)                                                                       \
    ((type *)G_STRUCT_MEMBER_P((reading)->config, (reading)->setting->offset))

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

gboolean
ims_config_is_host_name(const char *text)
{
    gsize label = 0, length = strlen(text);

    if (length == 0 || length > 253)
        return FALSE;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '.') {
            if (label == 0 || p[-1] == '-')
                return FALSE;
            label = 0;
        } else if (g_ascii_isalnum(*p) || *p == '_' || (*p == '-' && label > 0)) {
            if (++label > 63)
                return FALSE;
        } else {
            return FALSE;
        }
    }
    return label > 0 && text[length - 1] != '-';
}

gboolean
ims_config_split_host(const char *text, char **host_out, guint16 *port_out)
{
    const char *port = NULL;
    g_autofree char *host = NULL;
    guint64 number = 0;
    ImsAddress address;

    if (*text == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return FALSE;
        host = g_strndup(text + 1, (gsize)(end - text - 1));
        port = end[1] == ':' ? end + 2 : NULL;
        if (!ims_address_parse(host, &address))
            return FALSE;
    } else {
        const char *colon = strchr(text, ':');

        /* A bare IPv6 address has no port: it would be ambiguous. */
        if (colon != NULL && strchr(colon + 1, ':') == NULL) {
            host = g_strndup(text, (gsize)(colon - text));
            port = colon + 1;
        } else {
            host = g_strdup(text);
        }
        if (!ims_address_parse(host, &address) && !ims_config_is_host_name(host))
            return FALSE;
    }
    if (port != NULL && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        return FALSE;
    *host_out = g_ascii_strdown(host, -1);
    *port_out = (guint16)number;
    return TRUE;
}

/* The parts of a list between commas, blanks taken off. An empty part makes the whole list wrong:
 * NULL. */
static char **
split_list(const char *text)
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

/* @part: of the value, or all of it. */
static gboolean
wrong(Reading *reading, const char *what, const char *part)
{
    g_autofree char *shown = ims_config_printable(part);

    reading->wrong =
        strcmp(part, reading->text) == 0 ? g_strdup(what) : g_strdup_printf("%s: %s", shown, what);
    return FALSE;
}

/* ---- one function a kind ---- */

static gboolean
read_text(Reading *reading, const char *text)
{
    if (g_utf8_strlen(text, -1) > (glong)reading->setting->max)
        return wrong(reading, "it is too long", text);
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p < 0x20 || *p == 0x7f)
            return wrong(reading, "it holds a control character", text);
    *FIELD(reading, char *) = g_strdup(text);
    reading->canonical = g_strdup(text);
    return TRUE;
}

static gboolean
read_host(Reading *reading, const char *text)
{
    gsize length = strlen(text);
    g_autofree char *bare =
        g_strndup(text, length > 1 && text[length - 1] == '.' ? length - 1 : length);

    if (!ims_config_is_host_name(bare))
        return FALSE;
    *FIELD(reading, char *) = g_ascii_strdown(bare, -1);
    reading->canonical = g_ascii_strdown(bare, -1);
    return TRUE;
}

static gboolean
read_path(Reading *reading, const char *text)
{
    *FIELD(reading, char *) = g_canonicalize_filename(text, reading->config->priv->folder);
    reading->canonical = g_strdup(*FIELD(reading, char *));
    return TRUE;
}

static gboolean
read_alias(Reading *reading, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p <= 0x20 || *p == 0x7f || strchr("\\/@\"<>,;:[]", *p) != NULL)
            return wrong(reading, "it holds a blank, or a character that no name may have", text);
    if (strlen(text) > 64)
        return wrong(reading, "it is longer than 64 characters", text);
    *FIELD(reading, char *) = g_strdup(text);
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
read_build(Reading *reading, const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(builds); i++) {
        g_autofree char *with_version = g_strconcat("5.5 ", builds[i].word, NULL);

        if (strcmp(text, builds[i].build) == 0 || g_ascii_strcasecmp(text, builds[i].word) == 0 ||
            g_ascii_strcasecmp(text, with_version) == 0) {
            *FIELD(reading, char *) = g_strdup(builds[i].build);
            reading->canonical = g_strdup(builds[i].build);
            return TRUE;
        }
    }
    return wrong(reading, "this version has no such build", text);
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
read_profile(Reading *reading, const char *text)
{
    gboolean faithful = g_ascii_strcasecmp(text, "faithful") == 0;

    if (!faithful && g_ascii_strcasecmp(text, "extended") != 0)
        return FALSE;
    *FIELD(reading, gboolean) = faithful;
    reading->canonical = g_ascii_strdown(text, -1);
    return TRUE;
}

static gboolean
read_bool(Reading *reading, const char *text)
{
    gboolean value;

    if (!parse_bool(text, &value))
        return FALSE;
    *FIELD(reading, gboolean) = reading->setting->kind == IMS_KIND_NOT ? !value : value;
    reading->canonical = g_strdup(value ? "yes" : "no");
    return TRUE;
}

static gboolean
read_number(Reading *reading, const char *text)
{
    guint64 value;

    if (!parse_uint(text, reading->setting->min, reading->setting->max, &value))
        return FALSE;
    if (reading->setting->kind == IMS_KIND_PORT)
        *FIELD(reading, guint16) = (guint16)value;
    else
        *FIELD(reading, guint) =
            (guint)(reading->setting->kind == IMS_KIND_MINUTES ? value * 60 : value);
    reading->canonical = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return TRUE;
}

static gboolean
read_size(Reading *reading, const char *text)
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
    *FIELD(reading, gsize) = (gsize)value;
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
read_hours(Reading *reading, const char *text)
{
    guint sec;

    if (!parse_hours(text, reading->setting->min, reading->setting->max, &sec))
        return FALSE;
    *FIELD(reading, guint) = sec;
    reading->canonical = g_strdup_printf("%u", sec);
    return TRUE;
}

static gboolean
read_hours_list(Reading *reading, const char *text)
{
    g_auto(GStrv) parts = split_list(text);
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
                return wrong(reading, "not such a number of hours", parts[i]);
            g_array_append_val(list, sec);
            g_string_append_printf(canonical, "%s%u", i > 0 ? "," : "", sec);
        }
    *FIELD(reading, GArray *) = g_steal_pointer(&list);
    reading->canonical = g_strdup(canonical->str);
    return TRUE;
}

static gboolean
parse_listener(const char *text, ImsConfigListener *listener)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = NULL;
    guint64 port;

    if (colon == NULL)
        return FALSE;
    if (*text == '[' && colon > text + 1 && colon[-1] == ']')
        host = g_strndup(text + 1, (gsize)(colon - text - 2));
    else if (memchr(text, ':', (gsize)(colon - text)) == NULL)
        host = g_strndup(text, (gsize)(colon - text));
    else
        return FALSE;
    if (!ims_address_parse(host, &listener->address) ||
        (*text == '[') != (listener->address.family == 6))
        return FALSE;
    if (!g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return FALSE;
    listener->port = (guint16)port;
    return TRUE;
}

static gboolean
read_listeners(Reading *reading, const char *text)
{
    GArray *listeners = reading->config->listeners;
    g_auto(GStrv) parts = split_list(text);
    g_autoptr(GString) canonical = g_string_new(NULL);
    char buffer[IMS_ADDRESS_STRLEN];

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        ImsConfigListener listener = {.protocol = (ImsProtocol)reading->setting->min};

        if (!parse_listener(parts[i], &listener))
            return wrong(reading, "not address:port (an address in numbers, IPv6 in brackets)",
                         parts[i]);
        for (guint j = 0; j < listeners->len; j++) {
            const ImsConfigListener *other = &g_array_index(listeners, ImsConfigListener, j);

            if (listener.port != 0 && other->port == listener.port &&
                ims_address_equal(&other->address, &listener.address)) {
                g_autofree char *what =
                    g_strdup_printf("already taken by %s", ims_protocol_name(other->protocol));

                return wrong(reading, what, parts[i]);
            }
        }
        g_array_append_val(listeners, listener);
        g_string_append_printf(canonical, "%s:%u,", ims_address_format(&listener.address, buffer),
                               listener.port);
    }
    reading->canonical = g_strdup(canonical->str);
    return TRUE;
}

static gboolean
read_flags(Reading *reading, const char *text)
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
    g_auto(GStrv) parts = split_list(text);
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
                return wrong(reading, "not one of these", parts[i]);
            flags |= words[k].flag;
        }
    *FIELD(reading, guint) = flags;
    reading->canonical = g_strdup_printf("%u", flags);
    return TRUE;
}

static int
compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The order of entries has no meaning, and a missing mask is a full one. */
static char *
canonical_nets(char **parts)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; parts[i] != NULL; i++) {
        g_auto(GStrv) halves = g_strsplit(parts[i], ";", 2);

        g_strstrip(halves[0]);
        if (halves[1] == NULL || strcmp(g_strstrip(halves[1]), "255.255.255.255") == 0)
            g_ptr_array_add(sorted, g_ascii_strdown(halves[0], -1));
        else
            g_ptr_array_add(sorted, g_strconcat(halves[0], ";", halves[1], NULL));
    }
    g_ptr_array_sort(sorted, compare_strings);
    g_ptr_array_add(sorted, NULL);
    return g_strjoinv(",", (char **)sorted->pdata);
}

static gboolean
read_nets(Reading *reading, const char *text)
{
    g_auto(GStrv) parts = split_list(text);
    g_autoptr(ImsNetList) list = ims_net_list_new();

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;

        if (!ims_net_list_add(list, parts[i], &error)) {
            reading->wrong = g_strdup(error->message);
            return FALSE;
        }
    }
    g_ptr_array_add(reading->config->priv->net_lists, list);
    *FIELD(reading, const ImsNetList *) = g_steal_pointer(&list);
    reading->canonical = canonical_nets(parts);
    return TRUE;
}

static gboolean
read_hosts(Reading *reading, const char *text)
{
    g_auto(GStrv) parts = split_list(text);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autofree char *host = NULL;
        guint16 port;

        if (!ims_config_split_host(parts[i], &host, &port))
            return wrong(reading, "not a host or host:port", parts[i]);
    }
    reading->canonical = g_strjoinv(",", parts);
    *FIELD(reading, char **) = g_steal_pointer(&parts);
    return TRUE;
}

static gboolean
read_servers(Reading *reading, const char *text)
{
    g_auto(GStrv) parts = split_list(text);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autofree char *host = NULL;
        ImsAddress address;
        guint16 port;

        if (!ims_config_split_host(parts[i], &host, &port) || !ims_address_parse(host, &address))
            return wrong(reading, "not an address or address:port", parts[i]);
    }
    *FIELD(reading, char *) = g_strjoinv(",", parts);
    reading->canonical = g_strdup(*FIELD(reading, char *));
    return TRUE;
}

static gboolean
read_routes(Reading *reading, const char *text)
{
    g_auto(GStrv) parts = split_list(text);
    GArray *routes = *FIELD(reading, GArray *);
    g_autoptr(GString) canonical = g_string_new(NULL);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_auto(GStrv) halves = g_strsplit(parts[i], ";", 2);
        ImsConfigRoute route = {0};

        g_strstrip(halves[0]);
        if (halves[1] == NULL || !ims_config_is_host_name(halves[0]) ||
            !ims_config_split_host(g_strstrip(halves[1]), &route.host, &route.port))
            return wrong(reading, "not domain;host or domain;host:port", parts[i]);
        route.domain = g_ascii_strdown(halves[0], -1);
        g_string_append_printf(canonical, "%s;%s:%u,", route.domain, route.host, route.port);
        for (guint j = 0; j < routes->len; j++)
            if (strcmp(g_array_index(routes, ImsConfigRoute, j).domain, route.domain) == 0) {
                g_free(route.domain);
                g_free(route.host);
                return wrong(reading, "the domain stands in the list already", parts[i]);
            }
        g_array_append_val(routes, route);
    }
    reading->canonical = g_strdup(canonical->str);
    return TRUE;
}

static gboolean
read_routing(Reading *reading, const char *text)
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

static gboolean (*const readers[])(Reading *reading, const char *text) = {
    [IMS_KIND_TEXT] = read_text,       [IMS_KIND_HOST] = read_host,
    [IMS_KIND_DOMAIN] = read_host,     [IMS_KIND_PATH] = read_path,
    [IMS_KIND_ALIAS] = read_alias,     [IMS_KIND_BUILD] = read_build,
    [IMS_KIND_PROFILE] = read_profile, [IMS_KIND_BOOL] = read_bool,
    [IMS_KIND_NOT] = read_bool,        [IMS_KIND_UINT] = read_number,
    [IMS_KIND_PORT] = read_number,     [IMS_KIND_SIZE] = read_size,
    [IMS_KIND_HOURS] = read_hours,     [IMS_KIND_HOURS_LIST] = read_hours_list,
    [IMS_KIND_MINUTES] = read_number,  [IMS_KIND_LISTENERS] = read_listeners,
    [IMS_KIND_FLAGS] = read_flags,     [IMS_KIND_NETS] = read_nets,
    [IMS_KIND_HOSTS] = read_hosts,     [IMS_KIND_ROUTES] = read_routes,
    [IMS_KIND_SERVERS] = read_servers, [IMS_KIND_ROUTING] = read_routing,
};

gboolean
ims_config_set_value(ImsConfig *config, const ImsConfigSetting *setting, const char *key,
                     const char *text, guint line, ImsConfigProblems *problems,
                     char **canonical_out)
{
    Reading reading = {config, setting, key, text, line, NULL, NULL};
    g_autofree char *shown = ims_config_printable(text);

    if (*text != '\0' && readers[setting->kind](&reading, text)) {
        *canonical_out = reading.canonical;
        return TRUE;
    }
    ims_config_problems_add(problems, line, "[%s] %s: %s: %s%s%s is expected", setting->group, key,
                            *text != '\0' ? shown : "no value",
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
    case IMS_KIND_HOURS_LIST:
        g_clear_pointer((GArray **)field, g_array_unref);
        break;
    default:
        break;
    }
}
