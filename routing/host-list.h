/* The lists of a virtual server: computers, groups of computers, domains. */
#pragma once

#include "routing/ip.h"

G_BEGIN_DECLS

/* "Only the list below" or "All except the list below". */
typedef enum {
    IMS_HOSTS_ALL_EXCEPT,
    IMS_HOSTS_ONLY,
} ImsHostsMode;

/**
 * ImsHostList: entries in the order given.
 *
 * A computer is an address; a group is `net;mask` or `net/bits`, both sides masked; a domain matches a client whose
 * reverse name is the domain or ends in a dot and the domain.
 */
typedef struct _ImsHostList ImsHostList;

typedef enum {
    IMS_HOSTS_ERROR_SYNTAX,
} ImsHostsError;
#define IMS_HOSTS_ERROR (ims_hosts_error_quark())
GQuark ims_hosts_error_quark(void);

ImsHostList *ims_host_list_new(void);
void ims_host_list_free(ImsHostList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsHostList, ims_host_list_free)
/* Adds "10.1.2.3", "192.168.5.0;255.255.0.0", "192.168.0.0/16", "2001:db8::/32", "partner.example" or ".partner.example".
 * FALSE with IMS_HOSTS_ERROR_SYNTAX adds nothing. */
gboolean ims_host_list_add(ImsHostList *list, const char *text, GError **error);
guint ims_host_list_size(const ImsHostList *list);
/* Entry @index, from 0, as it was given. */
const char *ims_host_list_text(const ImsHostList *list, guint index);
gboolean ims_host_list_is_domain(const ImsHostList *list, guint index);
/* A domain is in it: each connection needs a reverse look-up. */
gboolean ims_host_list_has_domains(const ImsHostList *list);
/* The 1-based number of an entry that matches every client that entry @index matches; 0 for none. Of two alike the second. */
guint ims_host_list_find_cover(const ImsHostList *list, guint index);
/* The 1-based number of the first entry that matches, 0 for none. @name: (nullable): the reverse name, as DNS gave it. */
guint ims_host_list_match(const ImsHostList *list, const ImsAddress *address, const char *name);

G_END_DECLS
