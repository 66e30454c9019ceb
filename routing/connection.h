/* Who may connect, and what it must show before it may send: "Accept Connections" of the Connections page. */
#pragma once

#include "routing/ip.h"

G_BEGIN_DECLS

/* What "Only from hosts using" asks of a session before MAIL. */
typedef enum {
    IMS_SECURITY_NONE = 0,
    IMS_SECURITY_AUTHENTICATION = 1,
    IMS_SECURITY_ENCRYPTION = 2,
} ImsConnectionSecurity;

/**
 * ImsConnectionRules: "Specify by host", in list order.
 *
 * A rule is `address[;mask];accept|reject[;authentication][;encryption][;relay-server]`; an IPv6 address takes its mask as
 * `address/bits`. Both sides are masked, unlike the relay lists.
 */
typedef struct _ImsConnectionRules ImsConnectionRules;

typedef enum {
    IMS_CONNECTION_ERROR_SYNTAX,
} ImsConnectionError;
#define IMS_CONNECTION_ERROR (ims_connection_error_quark())
GQuark ims_connection_error_quark(void);

ImsConnectionRules *ims_connection_rules_new(void);
void ims_connection_rules_free(ImsConnectionRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsConnectionRules, ims_connection_rules_free)
/* FALSE with IMS_CONNECTION_ERROR_SYNTAX names the text and what is expected, and adds nothing. */
gboolean ims_connection_rules_add(ImsConnectionRules *rules, const char *text, GError **error);
guint ims_connection_rules_size(const ImsConnectionRules *rules);

typedef struct {
    gboolean accept;
    ImsConnectionSecurity security;
    gboolean relay_server; /* "This host is a relay server": exempt from what is asked of submitters */
    guint rule;            /* 1-based; 0: none matched */
} ImsConnectionVerdict;

/**
 * ims_connection_decide:
 * @rules: (nullable): none
 * @general: what is asked of hosts that no rule names
 *
 * The first rule that matches decides alone: its own security counts, not @general (D-017). No rule: accepted.
 *
 * Source: Q316205, Q155920. That first match wins is 5.5's rule.
 */
ImsConnectionVerdict ims_connection_decide(const ImsConnectionRules *rules, ImsConnectionSecurity general, const ImsAddress *client);

G_END_DECLS
