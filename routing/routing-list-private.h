#pragma once

#include "routing/relay.h"

G_BEGIN_DECLS

/* The 1-based number of @entry, which belongs to @list; 0 for NULL. */
guint ims_routing_list_number(const ImsRoutingList *list, const ImsRoutingEntry *entry);

/* The domain of an entry in the form that look-ups use: lower case, without `#`, leading dot or
 * brackets. NULL where it is none. */
char *ims_routing_list_key(const char *domain);
/* As ims_routing_list_lookup(); entries of a kind that a build did not know are passed over: those
 * with `#` unless
 * @exact, those that always relay unless @relay. */
const ImsRoutingEntry *ims_routing_list_lookup_known(const ImsRoutingList *list, const char *domain,
                                                     gboolean exact, gboolean relay);

G_END_DECLS
