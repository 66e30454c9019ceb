/* The audit of a virtual server and of the connectors it uses. */
#include <string.h>

#include "routing/audit-private.h"
#include "routing/virtual-server-private.h"

#define SERVER "Virtual Server"

typedef struct {
    ImsAudit audit;
    const ImsVirtualServerPolicy *policy;
} Look;

static guint
size_of(const ImsHostList *list)
{
    return list != NULL ? ims_host_list_size(list) : 0;
}

static gboolean
host_list_matches(gconstpointer list, const ImsAddress *address)
{
    return ims_host_list_match(list, address, NULL) != 0;
}

static gboolean
can_authenticate(const ImsVirtualServerPolicy *policy)
{
    return (policy->authentication & ~IMS_VIRTUAL_SERVER_ANONYMOUS) != 0;
}

static void
look_at_hosts(Look *self, const ImsHostList *list, const char *key)
{
    for (guint i = 0; i < size_of(list); i++) {
        guint cover = ims_host_list_find_cover(list, i);

        if (ims_host_list_is_domain(list, i))
            ims_audit_add(&self->audit, IMS_AUDIT_DOMAIN_ENTRY, SERVER, key,
                          "entry %u, %s, is a domain", i + 1, ims_host_list_text(list, i))
                ->entry = i + 1;
        if (cover != 0)
            ims_audit_add(&self->audit, IMS_AUDIT_HOST_SHADOWED, SERVER, key,
                          "entry %u, %s, lies within entry %u, %s", i + 1,
                          ims_host_list_text(list, i), cover, ims_host_list_text(list, cover - 1))
                ->entry = i + 1;
    }
}

static void
look_at_same_machine(Look *self)
{
    const ImsHostList *list = self->policy->relay_list;

    for (guint i = 0; i < 2; i++) {
        ImsAddress address;
        guint entry;

        ims_audit_loopback(i == 0 ? 4 : 6, &address);
        entry = ims_host_list_match(list, &address, NULL);
        if (entry == 0)
            continue;
        ims_audit_add(&self->audit, IMS_AUDIT_SAME_MACHINE, SERVER, "RelayList",
                      "entry %u, %s, admits this machine itself", entry,
                      ims_host_list_text(list, entry - 1))
            ->entry = entry;
        return;
    }
}

static void
look_at_relay(Look *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    guint size = size_of(policy->relay_list);
    gboolean box = policy->relay_authenticated && can_authenticate(policy);

    look_at_hosts(self, policy->relay_list, "RelayList");
    if (policy->relay_mode == IMS_HOSTS_ALL_EXCEPT)
        ims_audit_add(&self->audit, IMS_AUDIT_VIRTUAL_OPEN, SERVER, "Relay",
                      size == 0 ? "all may relay except an empty list, which is everyone"
                                : "all may relay except the list");
    else if (size == 0 && !box)
        ims_audit_add(&self->audit, IMS_AUDIT_VIRTUAL_CLOSED, SERVER, "Relay",
                      "only an empty list may relay, and those who authenticate may not");
    else if (size > 0) {
        if (ims_audit_admits_all(policy->relay_list, host_list_matches))
            ims_audit_add(&self->audit, IMS_AUDIT_VIRTUAL_ADMITS_ALL, SERVER, "RelayList",
                          "the list admits strangers from everywhere");
        look_at_same_machine(self);
    }
    if (policy->relay_authenticated && !can_authenticate(policy))
        ims_audit_add(&self->audit, IMS_AUDIT_BOX_WITHOUT_EFFECT, SERVER, "RelayAuthenticated",
                      "those who authenticate may relay, but no method to authenticate is on");
}

static void
look_at_connection(Look *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;

    look_at_hosts(self, policy->connection_list, "ConnectionList");
    if (policy->connection_mode == IMS_HOSTS_ONLY && size_of(policy->connection_list) == 0)
        ims_audit_add(&self->audit, IMS_AUDIT_NOBODY_CONNECTS, SERVER, "Connection",
                      "only an empty list may connect");
    else if (policy->connection_mode == IMS_HOSTS_ALL_EXCEPT && policy->connection_list != NULL &&
             ims_audit_admits_all(policy->connection_list, host_list_matches))
        ims_audit_add(&self->audit, IMS_AUDIT_NOBODY_CONNECTS, SERVER, "Connection",
                      "all may connect except a list of everyone");
    if ((policy->authentication & IMS_VIRTUAL_SERVER_ANONYMOUS) == 0)
        ims_audit_add(&self->audit, IMS_AUDIT_NO_ANONYMOUS, SERVER, "Authentication",
                      "anonymous access is off");
}

static void
look_at_domains(Look *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    const char *const *recipients = self->audit.context->recipient_domains;

    if (policy->domains == NULL || ims_mail_domains_size(policy->domains) == 0)
        ims_audit_add(&self->audit, IMS_AUDIT_NO_DOMAIN, SERVER, "Domains",
                      "there is no own domain");
    if (policy->default_domain != NULL) {
        g_autofree char *domain = g_ascii_strdown(policy->default_domain, -1);

        if (ims_mail_domains_look_up(policy->domains, domain) == IMS_NO_DOMAIN)
            ims_audit_add(&self->audit, IMS_AUDIT_DEFAULT_NOT_OWN, SERVER, "DefaultDomain",
                          "the default domain %s is none of the own ones", domain);
    }
    for (guint i = 0; recipients != NULL && recipients[i] != NULL; i++) {
        ImsAuditFinding *finding;

        if (ims_mail_domains_look_up(policy->domains, recipients[i]) != IMS_NO_DOMAIN)
            continue;
        finding = ims_audit_add(&self->audit, IMS_AUDIT_RECIPIENT_NOT_INBOUND, SERVER, "Domains",
                                "%s is no own domain", recipients[i]);
        finding->remedy = "Add it to the domains";
    }
}

static void
look_at_connectors(Look *self)
{
    const ImsVirtualServerPolicy *policy = self->policy;
    guint size = policy->connectors != NULL ? ims_connector_list_size(policy->connectors) : 0;

    for (guint i = 0; i < size; i++) {
        const ImsConnector *connector = ims_connector_list_get(policy->connectors, i);

        if (connector->relay_to_domains && ims_connector_list_carries_all(policy->connectors, i))
            ims_audit_add(&self->audit, IMS_AUDIT_CONNECTOR_OPEN, "Connector", connector->name,
                          "the connector \"%s\" relays to every domain for anyone",
                          connector->name);
        if (connector->smart_host != NULL &&
            ims_audit_is_self(&self->audit, connector->smart_host, policy->own_addresses,
                              policy->n_own_addresses))
            ims_audit_add(&self->audit, IMS_AUDIT_SMART_HOST_SELF, "Connector", connector->name,
                          "%s, the smart host of the connector \"%s\", is this server itself",
                          connector->smart_host, connector->name);
    }
}

GPtrArray *
ims_virtual_server_audit(const ImsVirtualServerPolicy *policy, const ImsAuditContext *context)
{
    Look self = {.audit = ims_audit_start(context), .policy = policy};

    look_at_connection(&self);
    look_at_relay(&self);
    look_at_domains(&self);
    look_at_connectors(&self);
    return self.audit.found;
}
