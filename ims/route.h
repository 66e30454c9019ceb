/* Which host takes the mail of a domain: [Connections], else the MX records (S-158 to S-168, R-125
 * to R-128). */
#pragma once

#include "ims/config.h"
#include "net/world.h"

G_BEGIN_DECLS

/* What all routes share: whose turn it is among the smart hosts, and which of them are dead. Main
 * only. */
typedef struct _ImsRouter ImsRouter;
ImsRouter *ims_router_new(ImsWorld *world, const ImsConfig *config);
/* No route may be left. */
void ims_router_free(ImsRouter *router);
/* What connections to the hosts of @domain are counted by: domains with one host count together.
 * (transfer full) */
char *ims_router_destination(ImsRouter *router, const char *domain);

/* @domain: lower case. It, or a domain above it, has an entry in EMailDomains. */
gboolean ims_route_is_listed(const ImsConfig *config, const char *domain);
/* Its mail is sent when its host asks by ETRN, not before (S-234). */
gboolean ims_route_waits_for_etrn(const ImsConfig *config, const char *domain);

typedef enum {
    IMS_HOP_TRY,       /* a host to connect to */
    IMS_HOP_NONE_LEFT, /* all were tried */
    IMS_HOP_LATER,     /* the name servers do not answer */
    IMS_HOP_NEVER,     /* there is no such host, it takes no mail, or it is this server */
} ImsHopKind;

/* Valid during the callback only. */
typedef struct {
    ImsHopKind kind;
    const char *host; /* TRY: its name */
    ImsAddress address;
    guint16 port;
    const char *reason; /* LATER, NEVER: for the log and the report */
} ImsHop;
typedef void (*ImsHopCallback)(const ImsHop *hop, gpointer data);

/* The hosts of one domain, one after another, each looked up when it is its turn. */
typedef struct _ImsRoute ImsRoute;
/* @domain: lower case; an address literal in brackets, too */
ImsRoute *ims_route_new(ImsRouter *router, const char *domain);
/* Not while an answer is awaited. */
void ims_route_free(ImsRoute *route);
/* The next host: never inside the call. One question at a time. */
void ims_route_next(ImsRoute *route, ImsHopCallback callback, gpointer data);
/* The last host could not be reached: a smart host has no turn for some minutes, unless all are
 * dead (S-166). */
void ims_route_failed(ImsRoute *route);

/* Whether mail for @domain (as in ims_route_new()) goes to this machine's loopback addresses only.
 * What a name stands for is not looked up: a name is not loopback. */
gboolean ims_route_is_loopback(const ImsConfig *config, const char *domain);

G_END_DECLS
