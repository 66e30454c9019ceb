/* Values of ims.conf that are lists: listeners, nets, hosts, routes. */
#include "ims/config-private.h"

#include <string.h>

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

gboolean
ims_config_read_listeners(ImsConfigReading *reading, const char *text)
{
    GArray *listeners = reading->config->listeners;
    g_auto(GStrv) parts = ims_config_split_list(text);
    g_autoptr(GString) canonical = g_string_new(NULL);
    char buffer[IMS_ADDRESS_STRLEN];

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        ImsConfigListener listener = {.protocol = (ImsProtocol)reading->setting->min};

        if (!parse_listener(parts[i], &listener))
            return ims_config_wrong(
                reading, "not address:port (an address in numbers, IPv6 in brackets)", parts[i]);
        for (guint j = 0; j < listeners->len; j++) {
            const ImsConfigListener *other = &g_array_index(listeners, ImsConfigListener, j);

            if (listener.port != 0 && other->port == listener.port &&
                ims_address_equal(&other->address, &listener.address)) {
                g_autofree char *what =
                    g_strdup_printf("already taken by %s", ims_protocol_name(other->protocol));

                return ims_config_wrong(reading, what, parts[i]);
            }
        }
        g_array_append_val(listeners, listener);
        g_string_append_printf(canonical, "%s:%u,", ims_address_format(&listener.address, buffer),
                               listener.port);
    }
    reading->canonical = g_strdup(canonical->str);
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

gboolean
ims_config_read_nets(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
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
    *IMS_CONFIG_FIELD(reading, const ImsNetList *) = g_steal_pointer(&list);
    reading->canonical = canonical_nets(parts);
    return TRUE;
}

gboolean
ims_config_read_hosts(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autofree char *host = NULL;
        guint16 port;

        if (!ims_config_split_host(parts[i], &host, &port))
            return ims_config_wrong(reading, "not a host or host:port", parts[i]);
    }
    reading->canonical = g_strjoinv(",", parts);
    *IMS_CONFIG_FIELD(reading, char **) = g_steal_pointer(&parts);
    return TRUE;
}

gboolean
ims_config_read_servers(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autofree char *host = NULL;
        ImsAddress address;
        guint16 port;

        if (!ims_config_split_host(parts[i], &host, &port) || !ims_address_parse(host, &address))
            return ims_config_wrong(reading, "not an address or address:port", parts[i]);
    }
    *IMS_CONFIG_FIELD(reading, char *) = g_strjoinv(",", parts);
    reading->canonical = g_strdup(*IMS_CONFIG_FIELD(reading, char *));
    return TRUE;
}

gboolean
ims_config_read_routes(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
    GArray *routes = *IMS_CONFIG_FIELD(reading, GArray *);
    g_autoptr(GString) canonical = g_string_new(NULL);

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_auto(GStrv) halves = g_strsplit(parts[i], ";", 3);
        ImsConfigRoute route = {0};

        g_strstrip(halves[0]);
        if (halves[1] == NULL || !ims_config_is_host_name(halves[0]) ||
            (halves[2] != NULL && g_ascii_strcasecmp(g_strstrip(halves[2]), "etrn") != 0) ||
            !ims_config_split_host(g_strstrip(halves[1]), &route.host, &route.port))
            return ims_config_wrong(
                reading, "not domain;host or domain;host:port, with or without ;etrn", parts[i]);
        route.domain = g_ascii_strdown(halves[0], -1);
        route.etrn = halves[2] != NULL;
        g_string_append_printf(canonical, "%s;%s:%u%s,", route.domain, route.host, route.port,
                               route.etrn ? ";etrn" : "");
        for (guint j = 0; j < routes->len; j++)
            if (strcmp(g_array_index(routes, ImsConfigRoute, j).domain, route.domain) == 0) {
                g_free(route.domain);
                g_free(route.host);
                return ims_config_wrong(reading, "the domain stands in the list already", parts[i]);
            }
        g_array_append_val(routes, route);
    }
    reading->canonical = g_strdup(canonical->str);
    return TRUE;
}
