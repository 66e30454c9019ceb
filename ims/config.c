#include "ims/config.h"

#include "ims/config-private.h"

#include <string.h>

G_DEFINE_QUARK(ims_config_error, ims_config_error)

/* ---- making and freeing ---- */

static void
clear_route(gpointer data)
{
    ImsConfigRoute *route = data;

    g_free(route->domain);
    g_free(route->host);
}

static void
value_free(gpointer data)
{
    ImsConfigValue *value = data;

    g_free(value->text);
    g_free(value->canonical);
    g_free(value);
}

static ImsConfig *
config_new(const char *file_name)
{
    ImsConfig *config = g_new0(ImsConfig, 1);
    ImsConfigPrivate *priv = g_new0(ImsConfigPrivate, 1);
    guint n;

    config->priv = priv;
    ims_config_settings(&n);
    priv->file = g_canonicalize_filename(file_name, NULL);
    priv->folder = g_path_get_dirname(priv->file);
    priv->values = g_new0(ImsConfigValue, n);
    priv->routing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_free);
    priv->list = ims_routing_list_new();
    priv->net_lists = g_ptr_array_new_with_free_func((GDestroyNotify)ims_net_list_free);
    priv->own = g_array_new(FALSE, FALSE, sizeof(ImsAddress));
    priv->notes = g_ptr_array_new_with_free_func(g_free);
    config->listeners = g_array_new(FALSE, FALSE, sizeof(ImsConfigListener));
    config->routes = g_array_new(FALSE, FALSE, sizeof(ImsConfigRoute));
    g_array_set_clear_func(config->routes, clear_route);
    return config;
}

void
ims_config_free(ImsConfig *config)
{
    const ImsConfigSetting *settings;
    guint n;

    if (config == NULL)
        return;
    settings = ims_config_settings(&n);
    for (guint i = 0; i < n; i++) {
        ims_config_clear_value(config, &settings[i]);
        g_free(config->priv->values[i].text);
        g_free(config->priv->values[i].canonical);
    }
    g_array_unref(config->listeners);
    g_array_unref(config->routes);
    g_free(config->priv->values);
    g_free(config->priv->file);
    g_free(config->priv->folder);
    g_hash_table_unref(config->priv->routing);
    ims_routing_list_free(config->priv->list);
    g_ptr_array_unref(config->priv->net_lists);
    g_array_unref(config->priv->own);
    g_ptr_array_unref(config->priv->notes);
    g_free(config->priv);
    g_free(config);
}

/* ---- reading ---- */

static int
find_setting(const char *group, const char *key)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++)
        if (settings[i].kind != IMS_KIND_ROUTING && strcmp(settings[i].group, group) == 0 &&
            strcmp(settings[i].key, key) == 0)
            return (int)i;
    return -1;
}

static const ImsConfigSetting *
routing_setting(void)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++)
        if (settings[i].kind == IMS_KIND_ROUTING)
            return &settings[i];
    g_assert_not_reached();
}

static void
unknown_key(const ImsConfigEntry *entry, ImsConfigProblems *problems)
{
    const char *near = ims_config_nearest_key(entry->group, entry->key);
    g_autofree char *shown = ims_config_printable(entry->key);
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n && near == NULL; i++)
        if (settings[i].kind != IMS_KIND_ROUTING &&
            g_ascii_strcasecmp(settings[i].key, entry->key) == 0) {
            ims_config_problems_add(problems, entry->line,
                                    "[%s] %s: there is no such setting here; it belongs to [%s]",
                                    entry->group, shown, settings[i].group);
            return;
        }
    ims_config_problems_add(problems, entry->line, "[%s] %s: there is no such setting%s%s%s",
                            entry->group, shown, near != NULL ? "; is " : "",
                            near != NULL ? near : "", near != NULL ? " meant?" : "");
}

static void
take_routing_entry(ImsConfig *config, const ImsConfigEntry *entry, ImsConfigProblems *problems)
{
    g_autofree char *domain = g_ascii_strdown(entry->key, -1);
    g_autofree char *shown = ims_config_printable(entry->key);
    ImsConfigValue *value = g_hash_table_lookup(config->priv->routing, domain);

    if (value != NULL) {
        ims_config_problems_add(problems, entry->line, "[%s] %s: it stands in line %u already",
                                entry->group, shown, value->line);
        return;
    }
    value = g_new0(ImsConfigValue, 1);
    value->text = g_strdup(entry->value);
    value->line = entry->line;
    ims_config_set_value(config, routing_setting(), shown, entry->value, entry->line, problems,
                         &value->canonical);
    g_hash_table_insert(config->priv->routing, g_steal_pointer(&domain), value);
}

static void
take_entry(ImsConfig *config, const ImsConfigEntry *entry, ImsConfigProblems *problems)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);
    ImsConfigValue *value;
    int index;

    if (strcmp(entry->group, routing_setting()->group) == 0) {
        take_routing_entry(config, entry, problems);
        return;
    }
    index = find_setting(entry->group, entry->key);
    if (index < 0) {
        unknown_key(entry, problems);
        return;
    }
    value = &config->priv->values[index];
    if (value->line != 0) {
        ims_config_problems_add(problems, entry->line, "[%s] %s: it is set in line %u already",
                                entry->group, entry->key, value->line);
        return;
    }
    value->text = g_strdup(entry->value);
    value->line = entry->line;
    ims_config_set_value(config, &settings[index], entry->key, entry->value, entry->line, problems,
                         &value->canonical);
}

/* ---- defaults, and what depends on several settings ---- */

static void
take_defaults(ImsConfig *config, ImsConfigProblems *problems)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++) {
        ImsConfigValue *value = &config->priv->values[i];

        if (value->line == 0 && *settings[i].default_value != '(')
            ims_config_set_value(config, &settings[i], settings[i].key, settings[i].default_value,
                                 0, problems, &value->canonical);
    }
}

static char *
default_host_name(void)
{
    const char *name = g_get_host_name();

    return ims_config_is_host_name(name) ? g_ascii_strdown(name, -1) : g_strdup("localhost");
}

static char *
default_site_domain(const ImsConfig *config)
{
    for (guint i = 0; i < ims_routing_list_size(config->priv->list); i++) {
        const ImsRoutingEntry *entry = ims_routing_list_get(config->priv->list, i);
        const char *name = entry->domain + strspn(entry->domain, "#.");

        if (entry->action == IMS_ROUTE_INBOUND && strchr(name, '.') != NULL &&
            ims_config_is_host_name(name))
            return g_ascii_strdown(name, -1);
    }
    return g_strdup(config->host_name);
}

static char *
default_nt_domain(const ImsConfig *config)
{
    const char *dot = strchr(config->site_domain, '.');
    g_autofree char *label =
        g_strndup(config->site_domain,
                  dot != NULL ? (gsize)(dot - config->site_domain) : strlen(config->site_domain));

    return g_ascii_strup(label, -1);
}

static const ImsNetList *
or_empty(ImsConfigPrivate *priv, const ImsNetList *list)
{
    if (list == NULL) {
        ImsNetList *empty = ims_net_list_new();

        g_ptr_array_add(priv->net_lists, empty);
        list = empty;
    }
    return list;
}

static void
finish(ImsConfig *config)
{
    ImsConfigPrivate *priv = config->priv;

    if (config->host_name == NULL)
        config->host_name = default_host_name();
    if (config->site_domain == NULL)
        config->site_domain = default_site_domain(config);
    if (config->default_nt_domain == NULL)
        config->default_nt_domain = default_nt_domain(config);
    if (config->data_directory == NULL)
        config->data_directory = g_strdup(priv->folder);
    if (config->faithful &&
        ims_config_value(config, "Connections", "MaximumInboundConnections")->line == 0)
        config->max_inbound = 30;
    for (guint i = 0; i < config->listeners->len; i++) {
        ImsConfigListener *listener = &g_array_index(config->listeners, ImsConfigListener, i);

        listener->clear_text_logon = config->clear_text_logon;
        ims_config_add_own_addresses(config, &listener->address, 1);
    }
    config->policy.list = priv->list;
    config->policy.allow = or_empty(priv, config->policy.allow);
    config->policy.deny = or_empty(priv, config->policy.deny);
    config->policy.local = or_empty(priv, config->policy.local);
    config->policy.faithful = config->faithful;
    config->policy.accept_historic_risk = config->accept_historic_risk;
    config->policy.site_domain = config->site_domain;
}

/* Settings that fit each alone, but not together. */
static void
check_together(ImsConfig *config, ImsConfigProblems *problems)
{
    static const char *const tls_keys[] = {"SubmissionTLS", "POP3TLS", "IMAP4TLS"};
    const ImsConfigValue *certificate = ims_config_value(config, "TLS", "CertificateFile");
    const ImsConfigValue *key = ims_config_value(config, "TLS", "KeyFile");

    if ((certificate->line == 0) != (key->line == 0)) {
        const char *set = certificate->line != 0 ? "CertificateFile" : "KeyFile";
        const char *missing = certificate->line != 0 ? "KeyFile" : "CertificateFile";

        ims_config_problems_add(problems, MAX(certificate->line, key->line),
                                "[TLS] %s: %s is expected as well", set, missing);
    }
    for (guint i = 0; i < G_N_ELEMENTS(tls_keys) && certificate->line == 0 && key->line == 0; i++) {
        const ImsConfigValue *value = ims_config_value(config, "Listeners", tls_keys[i]);

        if (value->line != 0)
            ims_config_problems_add(
                problems, value->line,
                "[Listeners] %s: %s: [TLS] CertificateFile and KeyFile are expected as well",
                tls_keys[i], value->text);
    }
}

ImsConfig *
ims_config_parse(const char *file_name, const char *text, gsize length, GError **error)
{
    g_autoptr(ImsConfig) config = config_new(file_name);
    g_autoptr(ImsConfigProblems) problems = ims_config_problems_new(file_name);
    g_autoptr(GPtrArray) entries =
        ims_config_scan(file_name, text, length, problems, config->priv->notes);

    for (guint i = 0; i < entries->len; i++)
        take_entry(config, entries->pdata[i], problems);
    take_defaults(config, problems);
    check_together(config, problems);
    if (!ims_config_problems_check(problems, error))
        return NULL;
    finish(config);
    return g_steal_pointer(&config);
}

ImsConfig *
ims_config_load(const char *file, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    gsize length;

    if (!g_file_get_contents(file, &text, &length, &cause)) {
        g_set_error_literal(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_FILE, cause->message);
        return NULL;
    }
    return ims_config_parse(file, text, length, error);
}

char *
ims_config_find_data_directory(const char *file)
{
    g_autofree char *absolute = g_canonicalize_filename(file, NULL);
    g_autofree char *folder = g_path_get_dirname(absolute);
    g_autofree char *text = NULL;
    g_autoptr(ImsConfigProblems) problems = ims_config_problems_new(file);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) entries = NULL;
    gsize length;

    if (!g_file_get_contents(file, &text, &length, NULL))
        return NULL;
    entries = ims_config_scan(file, text, length, problems, notes);
    for (guint i = 0; i < entries->len; i++) {
        const ImsConfigEntry *entry = entries->pdata[i];

        if (strcmp(entry->group, "Server") == 0 && strcmp(entry->key, "DataDirectory") == 0 &&
            *entry->value != '\0')
            return g_canonicalize_filename(entry->value, folder);
    }
    return g_steal_pointer(&folder);
}

/* ---- asking ---- */

void
ims_config_add_own_addresses(ImsConfig *config, const ImsAddress *addresses, guint n_addresses)
{
    static const guint8 any[16] = {0};
    GArray *own = config->priv->own;

    for (guint i = 0; i < n_addresses; i++) {
        gboolean known =
            addresses[i].family == 0 || memcmp(addresses[i].bytes, any, sizeof any) == 0;

        for (guint j = 0; j < own->len && !known; j++)
            known = ims_address_equal(&g_array_index(own, ImsAddress, j), &addresses[i]);
        if (!known)
            g_array_append_val(own, addresses[i]);
    }
    config->policy.own_addresses = (const ImsAddress *)(gconstpointer)own->data;
    config->policy.n_own_addresses = own->len;
}

const ImsConfigValue *
ims_config_value(const ImsConfig *config, const char *group, const char *key)
{
    int index = find_setting(group, key);

    return index >= 0 ? &config->priv->values[index] : NULL;
}

const char *
ims_config_text(const ImsConfig *config, const char *group, const char *key)
{
    const ImsConfigValue *value = ims_config_value(config, group, key);

    return value != NULL ? value->text : NULL;
}

char *
ims_config_default_file(void)
{
    const char *named = g_getenv("IMS_CONFIG");

    if (named != NULL && *named != '\0')
        return g_strdup(named);
    return g_strdup(g_file_test("ims.conf", G_FILE_TEST_EXISTS) ? "ims.conf"
                                                                : "/etc/imsd/ims.conf");
}

const char *
ims_config_file(const ImsConfig *config)
{
    return config->priv->file;
}

const char *
ims_protocol_name(ImsProtocol protocol)
{
    static const char *const names[IMS_N_PROTOCOLS] = {"SMTP",    "SubmissionTLS", "POP3",
                                                       "POP3TLS", "IMAP4",         "IMAP4TLS"};

    return names[protocol];
}

/* ---- comparing ---- */

static void
difference_free(gpointer data)
{
    ImsConfigDifference *difference = data;

    g_free(difference->group);
    g_free(difference->key);
    g_free(difference->running);
    g_free(difference->file);
    g_free(difference);
}

static void
add_difference(GPtrArray *found, const char *group, const char *key, const ImsConfigValue *running,
               const ImsConfigValue *file)
{
    ImsConfigDifference *difference;

    if (running != NULL && file != NULL && g_strcmp0(running->canonical, file->canonical) == 0)
        return;
    difference = g_new0(ImsConfigDifference, 1);
    difference->group = g_strdup(group);
    difference->key = g_strdup(key);
    difference->running = running != NULL ? g_strdup(running->text) : NULL;
    difference->file = file != NULL ? g_strdup(file->text) : NULL;
    g_ptr_array_add(found, difference);
}

static int
compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

GPtrArray *
ims_config_compare(const ImsConfig *running, const ImsConfig *file)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(difference_free);
    const char *routing_group = routing_setting()->group;
    g_autoptr(GList) before =
        g_list_sort(g_hash_table_get_keys(running->priv->routing), compare_keys);
    g_autoptr(GList) after = g_list_sort(g_hash_table_get_keys(file->priv->routing), compare_keys);
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++)
        if (settings[i].kind != IMS_KIND_ROUTING)
            add_difference(found, settings[i].group, settings[i].key, &running->priv->values[i],
                           &file->priv->values[i]);
    for (GList *item = before; item != NULL; item = item->next)
        add_difference(found, routing_group, item->data,
                       g_hash_table_lookup(running->priv->routing, item->data),
                       g_hash_table_lookup(file->priv->routing, item->data));
    for (GList *item = after; item != NULL; item = item->next)
        if (!g_hash_table_contains(running->priv->routing, item->data))
            add_difference(found, routing_group, item->data, NULL,
                           g_hash_table_lookup(file->priv->routing, item->data));
    return found;
}
