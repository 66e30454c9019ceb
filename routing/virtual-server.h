/*
 * The SMTP virtual server and SMTP connector of Exchange 2000 and 2003: who may connect, and what becomes of a recipient. Pure,
 * like routing/relay.h, whose verdict it shares.
 */
#pragma once

#include "routing/host-list.h"
#include "routing/relay.h"

G_BEGIN_DECLS

/* ---- the domains of the recipient policies (R-195, R-196) ---- */

/**
 * ImsMailDomains: the own domains. A name covers itself alone; `*.example.com` what is below it.
 *
 * A domain whose box "responsible for all mail delivery to this address" is cleared is shared: recipients that the directory
 * does not know are sent on.
 */
typedef struct _ImsMailDomains ImsMailDomains;

ImsMailDomains *ims_mail_domains_new(void);
void ims_mail_domains_free(ImsMailDomains *domains);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsMailDomains, ims_mail_domains_free)

typedef enum {
    IMS_VIRTUAL_SERVER_ERROR_DOMAIN,    /* not a domain */
    IMS_VIRTUAL_SERVER_ERROR_DUPLICATE, /* the same domain twice */
} ImsVirtualServerError;
#define IMS_VIRTUAL_SERVER_ERROR (ims_virtual_server_error_quark())
GQuark ims_virtual_server_error_quark(void);

/* @authoritative FALSE: a shared domain. FALSE with IMS_VIRTUAL_SERVER_ERROR adds nothing. */
gboolean ims_mail_domains_add(ImsMailDomains *domains, const char *domain, gboolean authoritative, GError **error);
guint ims_mail_domains_size(const ImsMailDomains *domains);

/* ---- connectors (R-197 to R-199) ---- */

/**
 * ImsConnector:
 * @smart_host: (nullable): where its mail goes; NULL: by DNS
 * @relay_to_domains: "Allow messages to be relayed to these domains"
 */
typedef struct {
    const char *name;
    const char *smart_host;
    gboolean relay_to_domains;
} ImsConnector;

typedef struct _ImsConnectorList ImsConnectorList;

ImsConnectorList *ims_connector_list_new(void);
void ims_connector_list_free(ImsConnectorList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsConnectorList, ims_connector_list_free)
/* Copies @connector; returns its number, from 0. */
guint ims_connector_list_add(ImsConnectorList *list, const ImsConnector *connector);
/**
 * ims_connector_list_add_space:
 * @connector: what ims_connector_list_add() returned
 * @space: `example.com` (that name alone), `*.example.com` (what is below it) or `*`
 * @cost: 1 to 100; among spaces that match equally well the lowest wins, then the first (Q244986)
 */
gboolean ims_connector_list_add_space(ImsConnectorList *list, guint connector, const char *space, guint cost,
                                      GError **error);
guint ims_connector_list_size(const ImsConnectorList *list);
const ImsConnector *ims_connector_list_get(const ImsConnectorList *list, guint index);
/* The connector that carries mail for @domain (lower case), by the closest space; NULL: none, mail goes by the virtual
 * server's own delivery. @is_all_out: (optional): its space is `*`. */
const ImsConnector *ims_connector_list_route(const ImsConnectorList *list, const char *domain, gboolean *is_all_out);

/* ---- the policy ---- */

#define IMS_VIRTUAL_SERVER_ANONYMOUS 1u
#define IMS_VIRTUAL_SERVER_BASIC 2u
#define IMS_VIRTUAL_SERVER_INTEGRATED 4u

/**
 * ImsVirtualServerPolicy: what the verdicts depend on. Start from ims_virtual_server_policy_init(). Lists may be NULL, which
 * is an empty one. Filled once, then read only; shared by all threads; the owner keeps every pointer alive.
 */
typedef struct {
    const char *name;
    ImsHostsMode connection_mode; /* who may connect */
    const ImsHostList *connection_list;
    ImsHostsMode relay_mode; /* who may relay */
    const ImsHostList *relay_list;
    gboolean relay_authenticated; /* "Allow all computers which successfully authenticate to relay, regardless …" */
    guint authentication;         /* IMS_VIRTUAL_SERVER_ANONYMOUS, … */
    const ImsMailDomains *domains;
    const char *default_domain; /* (nullable): completes a bare local part */
    const ImsConnectorList *connectors;
    const ImsAddress *own_addresses;
    guint n_own_addresses;
    gboolean faithful;
    gboolean accept_historic_risk;
} ImsVirtualServerPolicy;

/* The defaults of the product: all may connect, "only" with an empty list, those who authenticate relay, all three methods
 * (R-167, R-171, R-173). */
void ims_virtual_server_policy_init(ImsVirtualServerPolicy *policy);
/* A list names a domain, so the name of each client has to be looked up before the greeting. */
gboolean ims_virtual_server_needs_name(const ImsVirtualServerPolicy *policy);

/* ---- the verdicts ---- */

/**
 * ims_virtual_server_connect:
 * @client_name: (nullable): reverse name of @client; NULL where it has none or was not looked up
 * @entry_out: (optional): 1-based entry of the connection list that matched, 0 for none; always set
 *
 * Whether @client is let in at all; who is not is dropped without a word. It grants no relay.
 */
gboolean ims_virtual_server_connect(const ImsVirtualServerPolicy *policy, const ImsAddress *client,
                                    const char *client_name, guint *entry_out);

/**
 * ims_virtual_server_decide:
 * @query: recipient, client, client_name, local, authenticated and account count; the rest belongs to the IMS
 *
 * Source: routing.md section 9 and the chain at the end of section 12. A relay that the configuration opens to
 * strangers ("all except", or a connector that relays for `*`) is served as that of the IMS: on loopback or with
 * AcceptHistoricRisk=yes.
 */
void ims_virtual_server_decide(const ImsVirtualServerPolicy *policy, const ImsRelayQuery *query,
                               ImsRelayVerdict *verdict_out);
/* The chain of rules in words, as ims_relay_explain(). (transfer full) (element-type ImsRelayReasonLine) */
GPtrArray *ims_virtual_server_explain(const ImsVirtualServerPolicy *policy, const ImsRelayQuery *query,
                                      const ImsRelayVerdict *verdict);

G_END_DECLS
