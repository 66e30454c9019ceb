/* A policy and a query from a line of words, for the tests of the verdict. */
#pragma once

#include "routing/relay.h"

G_BEGIN_DECLS

typedef struct {
    ImsRelayPolicy policy;
    ImsRoutingList *list;
    ImsNetList *allow, *deny, *local;
    ImsAddress own[2];
} RoutingWorld;

/*
 * Words of a policy: "list:a.com=<inbound>,b.com=c.com", "flags:N", "allow:", "deny:" and "local:"
 * with nets, "do-not-reroute", "faithful", "risk", "lax", "forwarding", "no-window", "no-fold",
 * "no-site", "build:SP2" (no blank), "smart-host". Without: rerouting, flags 0, site own.com, own addresses 192.0.2.1 and 2001:db8::1,
 * the logon window and folding on.
 */
void routing_world_init(RoutingWorld *world, const char *text);
void routing_world_clear(RoutingWorld *world);
/* Words: "client:IP" (else 203.0.113.66), "local:IP" (else 192.0.2.1), "count:N", "auth", "window",
 * "guest", "null", "directory". */
void routing_query_init(ImsRelayQuery *query, const char *text, const char *recipient);
/* "<kind> <reason> <address> [weakness]". Free with g_free(). */
char *routing_verdict_describe(const ImsRelayVerdict *verdict);
/* Asserts what holds for each verdict, whatever it says. */
void routing_verdict_check(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                           const ImsRelayVerdict *verdict);

G_END_DECLS
