/* The whole server on a simulated world: what a scenario, and a test of everything together, plays
 * with. */
#pragma once

#include "ims/scenario-peers.h"
#include "ims/service.h"

G_BEGIN_DECLS

typedef struct _ImsScenarioServer ImsScenarioServer;

/* @world, @peers: outlive it */
ImsScenarioServer *ims_scenario_server_new(ImsWorld *world, ImsScenarioPeers *peers);
/* Ends sessions and service. */
void ims_scenario_server_free(ImsScenarioServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsScenarioServer, ims_scenario_server_free)

/**
 * ims_scenario_server_start:
 * @conf: text of an ims.conf
 *
 * Starts the service; one that runs is stopped before, its sessions closed. What it stored stays.
 * @error: the text is wrong: then no service runs.
 */
gboolean ims_scenario_server_start(ImsScenarioServer *server, const char *conf, GError **error);

typedef struct {
    const char *account, *password;
    gboolean enabled;
    const char *mailbox; /* (nullable): alias */
    char **addresses;    /* of the mailbox */
    const char *forward_to; /* (nullable): its alternate recipient */
    const char *rule_forward_to, *out_of_office; /* (nullable) */
} ImsScenarioPerson;
/* The service must run. */
gboolean ims_scenario_server_add_person(ImsScenarioServer *server, const ImsScenarioPerson *person,
                                        GError **error);

/**
 * ims_scenario_server_connect:
 * @port: 0: the protocol's own
 *
 * Opens a session where the configuration has such a listener. NULL: nothing listens there. Does
 * not settle.
 */
ImsSimConn *ims_scenario_server_connect(ImsScenarioServer *server, ImsProtocol protocol,
                                        const ImsAddress *client, const ImsAddress *local,
                                        guint16 port);
/* (nullable): none runs */
ImsService *ims_scenario_server_service(ImsScenarioServer *server);
/* (transfer full): the lines logged since the last call */
char *ims_scenario_server_take_log(ImsScenarioServer *server);

G_END_DECLS
