/* The server of a scenario as the text of an ims.conf and as entries of the Directory. */
#include "ims/scenario-private.h"

#include <string.h>

typedef struct {
    JsonObject *server;
    GPtrArray *groups;  /* (element-type Group), in the order of the file */
    GPtrArray *missing; /* (element-type utf8): what there is no setting for */
} Conf;

typedef struct {
    char *name;
    GString *lines;
} Group;

static void
group_free(gpointer data)
{
    Group *group = data;

    g_free(group->name);
    g_string_free(group->lines, TRUE);
    g_free(group);
}

static void G_GNUC_PRINTF(2, 3) miss(Conf *conf, const char *format, ...);

static void
set(Conf *conf, const char *name, const char *key, const char *value)
{
    Group *group = NULL;

    /* It would be a line of its own in the text. */
    if (strpbrk(value, "\r\n") != NULL || strpbrk(key, "\r\n") != NULL) {
        miss(conf, "values of more than one line (%s)", key);
        return;
    }
    for (guint i = 0; i < conf->groups->len && group == NULL; i++)
        if (strcmp(((Group *)conf->groups->pdata[i])->name, name) == 0)
            group = conf->groups->pdata[i];
    if (group == NULL) {
        group = g_new0(Group, 1);
        group->name = g_strdup(name);
        group->lines = g_string_new(NULL);
        g_ptr_array_add(conf->groups, group);
    }
    g_string_append_printf(group->lines, "%s = %s\n", key, value);
}

static void
set_flag(Conf *conf, const char *name, const char *key, gboolean value)
{
    set(conf, name, key, value ? "yes" : "no");
}

static void
set_text(Conf *conf, const char *name, const char *key, const char *value)
{
    if (value != NULL)
        set(conf, name, key, value);
}

static void G_GNUC_PRINTF(2, 3) miss(Conf *conf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(conf->missing, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* NULL where the list is empty or left out: the setting stays away, as an empty box does. */
static char *
join(JsonArray *list)
{
    GString *joined;

    if (list == NULL || json_array_get_length(list) == 0)
        return NULL;
    joined = g_string_new(NULL);
    for (guint i = 0; i < json_array_get_length(list); i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? ", " : "",
                               json_array_get_string_element(list, i));
    return g_string_free(joined, FALSE);
}

/* ---- [Emulation], [Server], [Listeners] ---- */

static void
add_server(Conf *conf)
{
    JsonObject *server = conf->server;
    const char *name = ims_scenario_text(server, "name");
    const char *site = ims_scenario_text(server, "site_domain");
    const char *dot = strchr(name, '.');

    set(conf, "Emulation", "Build", ims_scenario_text(server, "build"));
    set(conf, "Emulation", "Profile", ims_scenario_text(server, "profile"));
    set_flag(conf, "Emulation", "AcceptHistoricRisk",
             ims_scenario_flag(server, "accept_historic_risk", FALSE));
    set(conf, "Server", "HostName", name);
    set(conf, "Server", "SiteDomain", site != NULL ? site : dot != NULL ? dot + 1 : name);
    set_text(conf, "Server", "Organization", ims_scenario_text(server, "organization"));
    set_text(conf, "Server", "Site", ims_scenario_text(server, "site"));
}

static void
add_listeners(Conf *conf)
{
    static const struct {
        const char *key;
        guint port;
    } protocols[] = {
        {"SMTP",  25 },
        {"POP3",  110},
        {"IMAP4", 143}
    };
    JsonArray *addresses = json_object_get_array_member(conf->server, "local_addresses");

    for (guint i = 0; i < G_N_ELEMENTS(protocols); i++) {
        g_autoptr(GString) listeners = g_string_new(NULL);

        for (guint k = 0; k < json_array_get_length(addresses); k++) {
            const char *address = json_array_get_string_element(addresses, k);

            g_string_append_printf(listeners,
                                   strchr(address, ':') != NULL ? "%s[%s]:%u" : "%s%s:%u",
                                   k > 0 ? ", " : "", address, protocols[i].port);
        }
        if (listeners->len > 0)
            set(conf, "Listeners", protocols[i].key, listeners->str);
    }
    set_flag(conf, "Listeners", "ClearTextLogon", TRUE);
    /* Limits do not bite in a scenario. */
    set(conf, "Limits", "Errors", "100000");
    set(conf, "Limits", "SessionsPerAddress", "0");
    set(conf, "Limits", "SessionsPerAccount", "0");
    set(conf, "Connections", "MaximumInboundConnections", "100000");
}

/* ---- routing ---- */

static void
add_routing(Conf *conf)
{
    JsonObject *routing = ims_scenario_object(conf->server, "routing");
    JsonArray *list;

    if (routing == NULL)
        return;
    list = json_object_get_array_member(routing, "list");
    set_flag(conf, "Routing", "RerouteIncomingMail",
             strcmp(ims_scenario_text(routing, "mode"), "reroute") == 0);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);
        const char *action = ims_scenario_text(entry, "action");
        const char *domain = ims_scenario_text(entry, "domain");
        const char *to = ims_scenario_text(entry, "to");
        g_autofree char *key =
            *domain == '#' ? g_strdup_printf("\"%s\"", domain) : g_strdup(domain);

        if (strcmp(action, "inbound") == 0)
            set(conf, "Routing List", key, "<inbound>");
        else if (strcmp(action, "relay") == 0)
            set(conf, "Routing List", key, "<relay>");
        else if (strcmp(action, "block") == 0)
            set(conf, "Routing List", key, "<blocked>");
        else
            set(conf, "Routing List", key, to != NULL ? to : "");
    }
}

static void
add_restrictions(Conf *conf)
{
    static const struct {
        const char *member, *key;
    } lists[] = {
        {"allow", "RelayAllowList"  },
        {"deny",  "RelayDenyList"   },
        {"local", "RelayLocalIPList"}
    };
    JsonObject *restrictions = ims_scenario_object(conf->server, "restrictions");
    JsonObject *window = ims_scenario_object(conf->server, "logon_authorizes_relay");
    const char *group = "Routing Restrictions";

    if (restrictions != NULL) {
        g_autofree char *flags = g_strdup_printf(
            "%" G_GINT64_FORMAT, json_object_get_int_member(restrictions, "relay_flags"));

        set(conf, group, "RelayFlags", flags);
        for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
            g_autofree char *list = join(ims_scenario_list(restrictions, lists[i].member));

            set_text(conf, group, lists[i].key, list);
        }
    }
    set_flag(conf, group, "IPForwarding", ims_scenario_flag(conf->server, "ip_forwarding", FALSE));
    if (window == NULL)
        return;
    set_flag(conf, group, "LogonAuthorizesRelay", ims_scenario_flag(window, "enabled", TRUE));
    if (json_object_has_member(window, "window_minutes")) {
        g_autofree char *minutes = g_strdup_printf(
            "%" G_GINT64_FORMAT, json_object_get_int_member(window, "window_minutes"));

        set(conf, group, "LogonWindowMinutes", minutes);
    }
}

/* ---- [Connections], [Internet Mail], registry ---- */

static void
add_mail_domains(Conf *conf, JsonArray *domains)
{
    g_autoptr(GString) routes = g_string_new(NULL);

    for (guint i = 0; domains != NULL && i < json_array_get_length(domains); i++) {
        JsonObject *entry = json_array_get_object_element(domains, i);

        g_string_append_printf(routes, "%s%s;%s%s", i > 0 ? ", " : "",
                               ims_scenario_text(entry, "domain"),
                               ims_scenario_text(entry, "forward_to"),
                               ims_scenario_flag(entry, "etrn", FALSE) ? ";etrn" : "");
    }
    if (routes->len > 0)
        set(conf, "Connections", "EMailDomains", routes->str);
}

static void
add_hosts(Conf *conf, JsonArray *hosts)
{
    g_autoptr(GString) rules = g_string_new(NULL);

    for (guint i = 0; hosts != NULL && i < json_array_get_length(hosts); i++) {
        JsonObject *host = json_array_get_object_element(hosts, i);
        gboolean accept = json_object_get_boolean_member(host, "accept");

        g_string_append_printf(rules, "%s%s;%s;%s", i > 0 ? ", " : "",
                               ims_scenario_text(host, "address"), ims_scenario_text(host, "mask"),
                               accept ? "accept" : "reject");
        if (accept && ims_scenario_flag(host, "authentication", FALSE))
            g_string_append(rules, ";authentication");
        if (accept && ims_scenario_flag(host, "relay_server", FALSE))
            g_string_append(rules, ";relay-server");
    }
    if (rules->len > 0)
        set(conf, "Connections", "Hosts", rules->str);
}

static void
add_connections(Conf *conf)
{
    JsonObject *connections = ims_scenario_object(conf->server, "connections");

    if (connections == NULL)
        return;
    set_text(conf, "Connections", "ForwardAllMessagesToHost",
             ims_scenario_text(connections, "smart_host"));
    add_mail_domains(conf, ims_scenario_list(connections, "domains"));
    add_hosts(conf, ims_scenario_list(connections, "hosts"));
    set_flag(conf, "Connections", "SubmitOnlyIfHomed",
             ims_scenario_flag(connections, "submit_only_if_homed", FALSE));
    set_flag(conf, "Connections", "SubmitOnlyIfSenderMatches",
             ims_scenario_flag(connections, "submit_only_if_sender_matches", FALSE));
}

static void
add_internet_mail(Conf *conf)
{
    JsonObject *mail = ims_scenario_object(conf->server, "internet_mail");

    if (mail == NULL)
        return;
    set_text(conf, "Internet Mail", "AdministratorsMailbox",
             ims_scenario_text(mail, "administrator"));
    set_flag(conf, "Internet Mail", "DisableAutomaticReplies",
             ims_scenario_flag(mail, "disable_automatic_replies", TRUE));
    set_flag(conf, "Internet Mail", "DisableOutOfOffice",
             ims_scenario_flag(mail, "disable_out_of_office", TRUE));
}

static const ImsConfigSetting *
find_setting(const char *key)
{
    guint n;
    const ImsConfigSetting *settings = ims_config_settings(&n);

    for (guint i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

/* A key that was a registry value bears that value's name in ims.conf. */
static void
add_registry(Conf *conf)
{
    JsonObject *registry = ims_scenario_object(conf->server, "registry");
    g_autoptr(GList) names = registry != NULL ? json_object_get_members(registry) : NULL;

    for (GList *name = names; name != NULL; name = name->next) {
        JsonNode *node = json_object_get_member(registry, name->data);
        const ImsConfigSetting *setting = find_setting(name->data);
        g_autofree char *value = NULL;

        if (setting == NULL) {
            miss(conf, "the registry value %s", (const char *)name->data);
            continue;
        }
        if (JSON_NODE_HOLDS_ARRAY(node))
            value = join(json_node_get_array(node));
        else if (json_node_get_value_type(node) == G_TYPE_STRING)
            value = g_strdup(json_node_get_string(node));
        else
            value = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
        set_text(conf, setting->group, setting->key, value);
    }
}

static void
add_model(Conf *conf)
{
    if (strcmp(ims_scenario_text(conf->server, "model"), "ims") != 0)
        miss(conf, "virtual servers (model virtual-server)");
}

/* ---- all ---- */

static char *
to_text(const Conf *conf)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < conf->groups->len; i++) {
        const Group *group = conf->groups->pdata[i];

        g_string_append_printf(out, "[%s]\n%s", group->name, group->lines->str);
    }
    return g_string_free(out, FALSE);
}

char *
ims_scenario_conf(JsonObject *server, GError **error)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(group_free);
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    Conf conf = {.server = server, .groups = groups, .missing = missing};

    add_model(&conf);
    add_server(&conf);
    add_listeners(&conf);
    add_routing(&conf);
    add_restrictions(&conf);
    add_connections(&conf);
    add_internet_mail(&conf);
    add_registry(&conf);
    if (missing->len > 0) {
        g_autofree char *all = NULL;

        g_ptr_array_add(missing, NULL);
        all = g_strjoinv("; ", (char **)missing->pdata);
        g_set_error(error, IMS_SCENARIO_ERROR, IMS_SCENARIO_ERROR_MISSING,
                    "this version does not have: %s", all);
        return NULL;
    }
    return to_text(&conf);
}

/* ---- the Directory ---- */

static char **
to_strv(JsonArray *list)
{
    guint n = list != NULL ? json_array_get_length(list) : 0;
    char **strv = g_new0(char *, (gsize)n + 1);

    for (guint i = 0; i < n; i++)
        strv[i] = g_strdup(json_array_get_string_element(list, i));
    return strv;
}

static gboolean
add_person(ImsScenarioServer *play, JsonObject *member, GError **error)
{
    g_auto(GStrv) addresses = to_strv(json_object_get_array_member(member, "addresses"));
    ImsScenarioPerson person = {.account = ims_scenario_text(member, "account"),
                                .password = ims_scenario_text(member, "password"),
                                .enabled = json_object_get_boolean_member(member, "enabled"),
                                .mailbox = ims_scenario_text(member, "mailbox"),
                                .forward_to = ims_scenario_text(member, "forward_to"),
                                .rule_forward_to = ims_scenario_text(member, "rule_forward_to"),
                                .out_of_office = ims_scenario_text(member, "out_of_office"),
                                .addresses = addresses};

    if (ims_scenario_server_add_person(play, &person, error))
        return TRUE;
    g_prefix_error(error, "%s: ", person.account);
    return FALSE;
}

static gboolean
add_recipient(ImsScenarioServer *play, JsonObject *member, GError **error)
{
    g_auto(GStrv) addresses = to_strv(json_object_get_array_member(member, "addresses"));
    g_auto(GStrv) members = to_strv(ims_scenario_list(member, "members"));
    gboolean is_list = strcmp(ims_scenario_text(member, "kind"), "list") == 0;
    ImsRecipient recipient = {
        .kind = is_list ? IMS_RECIPIENT_LIST : IMS_RECIPIENT_CUSTOM,
        .alias = (char *)ims_scenario_text(member, "name"),
        .display_name = (char *)ims_scenario_text(member, "name"),
        .addresses = addresses,
        .target = (char *)ims_scenario_text(member, "target"),
        .members = is_list ? members : NULL,
    };

    if (ims_directory_add_recipient(ims_scenario_server_service(play)->directory, &recipient, NULL,
                                    error))
        return TRUE;
    g_prefix_error(error, "%s: ", recipient.alias);
    return FALSE;
}

gboolean
ims_scenario_fill_directory(ImsScenarioServer *play, JsonObject *server, GError **error)
{
    JsonArray *people = json_object_get_array_member(server, "people");
    JsonArray *recipients = ims_scenario_list(server, "recipients");
    ImsDirectory *directory = ims_scenario_server_service(play)->directory;
    gboolean ok = TRUE;

    /* Two may bear one address: that is a fault to be met, not one of the file. */
    ims_directory_set_unique(directory, FALSE);
    for (guint i = 0; ok && i < json_array_get_length(people); i++)
        ok = add_person(play, json_array_get_object_element(people, i), error);
    for (guint i = 0; ok && recipients != NULL && i < json_array_get_length(recipients); i++)
        ok = add_recipient(play, json_array_get_object_element(recipients, i), error);
    ims_directory_set_unique(directory, TRUE);
    return ok;
}
