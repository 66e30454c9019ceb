/* A virtual server and a query from a line of words, for the tests. */
#pragma once

#include "routing/virtual-server.h"

G_BEGIN_DECLS

typedef struct {
    ImsVirtualServerPolicy policy;
    ImsHostList *connection, *relay;
    ImsMailDomains *domains;
    ImsConnectorList *connectors;
    ImsAddress own[1];
} VirtualWorld;

/*
 * Words: "connect-only:", "connect-except:", "only:" and "except:" with hosts, "except", "no-auth", "methods:N", "domain:",
 * "shared:", "connector:Name=space%cost+space>smart.host!" (`!`: relay to these domains), "faithful", "risk", "no-default",
 * "no-domain". Without: the defaults of the product, own and default domain own.com, own address 192.0.2.1.
 */
void virtual_world_init(VirtualWorld *world, const char *text);
void virtual_world_clear(VirtualWorld *world);
/* "auth", "null", "guest", "window", "client:IP" (else 203.0.113.66), "local:IP" (else 192.0.2.1), "name:NAME"; @words is
 * NULL-terminated and has to last. */
void virtual_query_init(ImsRelayQuery *query, char **words, const char *recipient);

G_END_DECLS
