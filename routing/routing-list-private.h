#pragma once

#include "routing/relay.h"

G_BEGIN_DECLS

/* The 1-based number of @entry, which belongs to @list; 0 for NULL. */
guint ims_routing_list_number(const ImsRoutingList *list, const ImsRoutingEntry *entry);

G_END_DECLS
