#pragma once

#include "routing/virtual-server.h"

G_BEGIN_DECLS

typedef enum {
    IMS_NO_DOMAIN, /* foreign */
    IMS_OWN_DOMAIN,
    IMS_SHARED_DOMAIN,
} ImsOwnDomain;

/* @domain is lower case; @domains may be NULL. */
ImsOwnDomain ims_mail_domains_look_up(const ImsMailDomains *domains, const char *domain);
/* The space `*` is carried by the connector @index. */
gboolean ims_connector_list_carries_all(const ImsConnectorList *list, guint index);
/* The address in the form this product judges: ims_path_parse(), but two `@` are taken in the
 * faithful profile. */
gboolean ims_virtual_server_parse(const ImsVirtualServerPolicy *policy, const char *recipient,
                                  ImsPath *out);

G_END_DECLS
