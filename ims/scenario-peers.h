/* The world outside of a scenario: DNS as a table, and hosts that take mail or do not. */
#pragma once

#include <json-glib/json-glib.h>

#include "net/sim-world.h"

G_BEGIN_DECLS

/* One recipient of one message that another host took. */
typedef struct {
    char *host;      /* name, or address where it was named by that */
    char *mail_from; /* "" is the null sender */
    char *rcpt_to;
    GBytes *body;
} ImsScenarioSent;

/* Opens an SMTP session of the server with itself; NULL: nothing listens there. */
typedef ImsSimConn *(*ImsScenarioOpenSelf)(const ImsAddress *address, guint16 port, gpointer data);

typedef struct _ImsScenarioPeers ImsScenarioPeers;
/* Becomes the sender of @world. */
ImsScenarioPeers *ims_scenario_peers_new(ImsWorld *world);
/* No job may be under way. */
void ims_scenario_peers_free(ImsScenarioPeers *peers);
/**
 * ims_scenario_peers_merge:
 * @dns: name or address → {mx, a, answers, ptr}, as a scenario file has it
 *
 * Adds to what is known; members of a name that is known are replaced one by one. At once.
 */
void ims_scenario_peers_merge(ImsScenarioPeers *peers, JsonObject *dns);
/* Which addresses are the server's own, and how to reach it. Copied. */
void ims_scenario_peers_set_self(ImsScenarioPeers *peers, const ImsAddress *addresses,
                                 guint n_addresses, ImsScenarioOpenSelf open, gpointer data);
/* (element-type ImsScenarioSent) (transfer none): in the order sent; grows. */
const GPtrArray *ims_scenario_peers_sent(ImsScenarioPeers *peers);

/* ims/scenario-self.c: sends @job over @conn, by SMTP. Takes @conn. */
void ims_scenario_send_to_self(ImsWorld *world, ImsSimConn *conn, ImsSendJob *job);

G_END_DECLS
