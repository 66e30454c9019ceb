/* What an experienced administrator would see in a configuration that is valid. */
#include "ims/config-private.h"

#include <string.h>

typedef struct {
    const ImsConfig *config;
    GPtrArray *found;
} Warnings;

G_GNUC_PRINTF(4, 5)
static void
warn(Warnings *warnings, const char *group, const char *key, const char *format, ...)
{
    const ImsConfigValue *value = ims_config_value(warnings->config, group, key);
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (value != NULL && value->line != 0)
        g_ptr_array_add(warnings->found,
                        g_strdup_printf("%s:%u: [%s] %s: %s", ims_config_file(warnings->config),
                                        value->line, group, key, text));
    else
        g_ptr_array_add(warnings->found,
                        g_strdup_printf("%s: [%s] %s: %s", ims_config_file(warnings->config), group,
                                        key, text));
}

static void
warn_entry(Warnings *warnings, const ImsRoutingEntry *entry, const char *text)
{
    g_ptr_array_add(warnings->found, g_strdup_printf("%s:%u: [Routing List] %s: %s",
                                                     ims_config_file(warnings->config), entry->line,
                                                     entry->domain, text));
}

static gboolean
is_set(const ImsConfig *config, const char *group, const char *key)
{
    return ims_config_value(config, group, key)->line != 0;
}

gboolean
ims_config_is_open_relay(const ImsConfig *config)
{
    return config->policy.reroute && (config->policy.relay_flags & ~IMS_RELAY_FLAG_DENY) == 0;
}

static void
check_open(Warnings *warnings)
{
    const ImsConfig *config = warnings->config;
    const char *who = config->policy.relay_flags == 0
                          ? "nothing is ticked, so everyone may relay"
                          : "only the never list is ticked, so all others may relay";

    if (!ims_config_is_open_relay(config))
        return;
    warn(warnings, "Routing Restrictions", "RelayFlags",
         "%s: an open relay (%s). %s RelayFlags = authenticated closes it.", who,
         config->policy.relay_flags == 0 ? "R-059; Q193922, Q260562" : "R-060; Q193922",
         config->accept_historic_risk
             ? "AcceptHistoricRisk = yes serves it to the whole Internet."
             : "It is served on loopback only; other clients are refused (550).");
}

/* Addresses of strangers: whoever admits them all admits everyone. */
static gboolean
admits_strangers(const ImsNetList *list)
{
    static const char *const strangers[] = {"1.2.3.4", "203.0.113.253", "254.253.252.251"};

    for (guint i = 0; i < G_N_ELEMENTS(strangers); i++) {
        ImsAddress address;

        if (!ims_address_parse(strangers[i], &address) || ims_net_list_match(list, &address) == 0)
            return FALSE;
    }
    return TRUE;
}

static void
check_lists(Warnings *warnings)
{
    const ImsConfig *config = warnings->config;
    const struct {
        const char *key, *word;
        const ImsNetList *list;
        guint flag;
    } lists[] = {
        {"RelayAllowList",    "allowed", config->policy.allow,        IMS_RELAY_FLAG_ALLOW},
        {"RelayDenyList",     "denied",  config->policy.deny,         IMS_RELAY_FLAG_DENY },
        {"RelayLocalIPList",  "local",   config->policy.local,        IMS_RELAY_FLAG_LOCAL},
        {"LogonWindowExcept", NULL,      config->logon_window_except, 0                   },
    };

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint k = 0; lists[i].list != NULL && k < ims_net_list_size(lists[i].list); k++)
            if (ims_net_list_never_matches(lists[i].list, k))
                warn(warnings, "Routing Restrictions", lists[i].key,
                     "entry %u, %s, matches no address: the net has bits outside its mask (R-052; "
                     "Q193922, Q258140). "
                     "Write the net without them, or one host without a mask.",
                     k + 1, ims_net_list_text(lists[i].list, k));
        if (config->policy.reroute && lists[i].word != NULL &&
            ims_net_list_size(lists[i].list) > 0 &&
            (config->policy.relay_flags & lists[i].flag) == 0)
            warn(warnings, "Routing Restrictions", lists[i].key,
                 "the list is not used, since RelayFlags has no %s (R-056; Q193922).",
                 lists[i].word);
    }
    if (config->policy.reroute && (config->policy.relay_flags & IMS_RELAY_FLAG_ALLOW) != 0 &&
        admits_strangers(config->policy.allow))
        warn(warnings, "Routing Restrictions", "RelayAllowList",
             "the list admits strangers: an open relay (R-056; Q193922). Name the nets that may "
             "relay.");
    if (config->policy.reroute && config->policy.ip_forwarding &&
        (config->policy.relay_flags & IMS_RELAY_FLAG_LOCAL) != 0)
        warn(warnings, "Routing Restrictions", "IPForwarding",
             "it switches the rule of local addresses off, so local admits nobody (R-064; Q193922, "
             "Q196626).");
}

static gboolean
is_own_host(const ImsConfig *config, const char *host)
{
    ImsAddress address;

    if (g_ascii_strcasecmp(host, config->host_name) == 0)
        return TRUE;
    if (!ims_address_parse(host, &address))
        return FALSE;
    for (guint i = 0; i < config->policy.n_own_addresses; i++)
        if (ims_address_equal(&config->policy.own_addresses[i], &address))
            return TRUE;
    return FALSE;
}

static void
check_routing_list(Warnings *warnings)
{
    const ImsConfig *config = warnings->config;
    const ImsRoutingList *list = config->policy.list;
    gboolean has_inbound = FALSE;

    for (guint i = 0; i < ims_routing_list_size(list); i++) {
        const ImsRoutingEntry *entry = ims_routing_list_get(list, i);

        has_inbound = has_inbound || entry->action == IMS_ROUTE_INBOUND;
        if (entry->action != IMS_ROUTE_REROUTE)
            continue;
        if (is_own_host(config, entry->target))
            warn_entry(warnings, entry,
                       "it is rerouted to this server itself: the mail loops until \"Too Many "
                       "Hops\" (R-046; Q260247). "
                       "<inbound> delivers it here.");
        else if (ims_routing_list_lookup(list, entry->target) == entry)
            warn_entry(warnings, entry,
                       "it is rerouted to a domain that this same entry covers: the mail is sent "
                       "to where it already "
                       "was to go (R-020, R-046; Q190710). [Connections] EMailDomains chooses a "
                       "host without rewriting.");
    }
    if (!config->policy.reroute)
        return;
    if (!has_inbound)
        warn(warnings, "Routing", "RerouteIncomingMail",
             "no domain is inbound, so no mail is delivered here (R-024; Q171032). Add the own "
             "domain to "
             "[Routing List] as <inbound>.");
    else {
        const ImsRoutingEntry *entry = ims_routing_list_lookup(list, config->site_domain);

        if (entry == NULL || entry->action != IMS_ROUTE_INBOUND)
            warn(warnings, "Server", "SiteDomain",
                 "%s is not inbound in [Routing List]: mail for it is not delivered here (R-024; "
                 "Q171032).",
                 config->site_domain);
    }
}

/* "Do not reroute" left what was set before in place. */
static void
check_stale(Warnings *warnings)
{
    static const char *const keys[] = {"RelayAllowList", "RelayDenyList", "RelayLocalIPList"};
    const ImsConfig *config = warnings->config;

    if (config->policy.reroute)
        return;
    if (config->policy.relay_flags != 0)
        warn(warnings, "Routing Restrictions", "RelayFlags",
             "it is left over: with \"Do not reroute\" %s (R-007, R-008; Q256856, Q243045). Take "
             "it out, or set "
             "[Routing] RerouteIncomingMail = yes.",
             config->faithful && config->policy.relay_flags > 1
                 ? "even own recipients are refused to clients that may not relay"
                 : "relaying is wholly off and it is not used");
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        if (is_set(config, "Routing Restrictions", keys[i]))
            warn(warnings, "Routing Restrictions", keys[i],
                 "the list is left over: \"Do not reroute\" does not use it (R-008; Q243045).");
    if (ims_routing_list_size(config->policy.list) > 0)
        warn(warnings, "Routing", "RerouteIncomingMail",
             "\"Do not reroute\" does not use [Routing List] (R-009; Q171032). POP3 and IMAP4 "
             "clients need "
             "RerouteIncomingMail = yes to send mail outside.");
}

static void
check_logon(Warnings *warnings)
{
    const ImsConfig *config = warnings->config;
    char buffer[IMS_ADDRESS_STRLEN];

    if (config->listeners->len == 0)
        warn(warnings, "Listeners", "SMTP", "there is no listener at all: nobody can connect.");
    for (guint i = 0; i < config->listeners->len; i++) {
        const ImsConfigListener *listener = &g_array_index(config->listeners, ImsConfigListener, i);
        gboolean tls = listener->protocol == IMS_PROTOCOL_SUBMISSION_TLS ||
                       listener->protocol == IMS_PROTOCOL_POP3_TLS ||
                       listener->protocol == IMS_PROTOCOL_IMAP4_TLS;

        if (listener->clear_text_logon && !tls && !ims_address_is_loopback(&listener->address))
            warn(warnings, "Listeners", "ClearTextLogon",
                 "passwords are taken in clear on %s:%u (%s), which is not loopback (RFC 8314). "
                 "ClearTextLogon = no demands TLS first.",
                 ims_address_format(&listener->address, buffer), listener->port,
                 ims_protocol_name(listener->protocol));
    }
    if (config->listeners->len > 0 && config->certificate_file == NULL && !config->clear_text_logon)
        warn(warnings, "TLS", "CertificateFile",
             "there is no certificate and ClearTextLogon is off, so nobody can log on.");
    if (config->policy.reroute && config->policy.relay_flags == IMS_RELAY_FLAG_AUTHENTICATED &&
        config->disable_auth && !config->policy.logon_authorizes_relay)
        warn(warnings, "Connections", "DisableAuth",
             "only authenticated clients may relay, but nobody can authenticate (S-338; Q235627).");
}

static void
check_rest(Warnings *warnings)
{
    const ImsConfig *config = warnings->config;

    if (strchr(config->host_name, '.') == NULL)
        warn(warnings, "Server", "HostName",
             "%s has no domain; other hosts expect a full name (RFC 5321 4.1.1.1).",
             config->host_name);
    if (config->administrator == NULL)
        warn(warnings, "Internet Mail", "AdministratorsMailbox",
             "it is not set, so mail to postmaster has no recipient (S-271; Q149542).");
    for (guint i = 0; config->smart_hosts != NULL && config->smart_hosts[i] != NULL; i++) {
        g_autofree char *host = NULL;
        guint16 port;

        if (ims_config_split_host(config->smart_hosts[i], &host, &port) &&
            is_own_host(config, host) && (port == 0 || port == config->outbound_port))
            warn(warnings, "Connections", "ForwardAllMessagesToHost",
                 "%s is this server itself: all outbound mail loops (R-046; Q260247).",
                 config->smart_hosts[i]);
    }
}

GPtrArray *
ims_config_warnings(const ImsConfig *config)
{
    Warnings warnings = {config, g_ptr_array_new_with_free_func(g_free)};

    for (guint i = 0; i < config->priv->notes->len; i++)
        g_ptr_array_add(warnings.found, g_strdup(config->priv->notes->pdata[i]));
    check_open(&warnings);
    check_lists(&warnings);
    check_routing_list(&warnings);
    check_stale(&warnings);
    check_logon(&warnings);
    check_rest(&warnings);
    return warnings.found;
}
