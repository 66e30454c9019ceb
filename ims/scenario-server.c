#include "ims/scenario-server.h"

#include <string.h>

#include "ims/smtp.h"

struct _ImsScenarioServer {
    ImsWorld *world;
    ImsScenarioPeers *peers;
    ImsConfig *config;   /* (nullable) */
    ImsService *service; /* (nullable) */
    ImsServiceKept kept;
    guint16 next_port;
};

static const guint16 own_ports[IMS_N_PROTOCOLS] = {
    [IMS_PROTOCOL_SMTP] = 25,   [IMS_PROTOCOL_SUBMISSION_TLS] = 465,
    [IMS_PROTOCOL_POP3] = 110,  [IMS_PROTOCOL_POP3_TLS] = 995,
    [IMS_PROTOCOL_IMAP4] = 143, [IMS_PROTOCOL_IMAP4_TLS] = 993,
};

ImsScenarioServer *
ims_scenario_server_new(ImsWorld *world, ImsScenarioPeers *peers)
{
    ImsScenarioServer *server = g_new0(ImsScenarioServer, 1);

    server->world = world;
    server->peers = peers;
    server->kept.log = ims_log_new_memory();
    server->kept.windows = g_string_new(NULL);
    return server;
}

/* ---- start and stop ---- */

static void
note_done(gpointer data)
{
    *(gboolean *)data = TRUE;
}

static void
stop(ImsScenarioServer *server)
{
    gboolean stopped = FALSE;

    if (server->service == NULL)
        return;
    ims_scenario_peers_set_self(server->peers, NULL, 0, NULL, NULL);
    ims_sim_world_stop_sessions(server->world);
    ims_service_stop(server->service, note_done, &stopped);
    ims_sim_world_settle(server->world);
    g_assert(stopped);
    g_clear_pointer(&server->service, ims_service_free);
    g_clear_pointer(&server->config, ims_config_free);
}

void
ims_scenario_server_free(ImsScenarioServer *server)
{
    if (server == NULL)
        return;
    stop(server);
    if (server->kept.store != NULL)
        ims_store_close(server->kept.store);
    if (server->kept.directory != NULL)
        ims_directory_close(server->kept.directory);
    ims_sim_world_settle(server->world);
    ims_log_free(server->kept.log);
    g_string_free(server->kept.windows, TRUE);
    g_free(server);
}

/* Once: they outlive the service, as files would. */
static gboolean
open_kept(ImsScenarioServer *server, GError **error)
{
    const ImsStoreOptions store = {.engine = IMS_ENGINE_MEMORY, .log = server->kept.log};
    const ImsDirectoryOptions directory = {.default_domain = server->config->default_nt_domain,
                                           .cache_sec = 300,
                                           .hash_cost = 1,
                                           .log = server->kept.log};

    if (server->kept.store == NULL)
        server->kept.store = ims_store_open(server->world, &store, error);
    if (server->kept.store != NULL && server->kept.directory == NULL)
        server->kept.directory = ims_directory_open(server->world, &directory, error);
    return server->kept.store != NULL && server->kept.directory != NULL;
}

static ImsSimConn *
open_self(const ImsAddress *address, guint16 port, gpointer data)
{
    return ims_scenario_server_connect(data, IMS_PROTOCOL_SMTP, address, address, port);
}

gboolean
ims_scenario_server_start(ImsScenarioServer *server, const char *conf, GError **error)
{
    stop(server);
    server->config = ims_config_parse("ims.conf", conf, strlen(conf), error);
    if (server->config == NULL)
        return FALSE;
    if (!open_kept(server, error)) {
        g_clear_pointer(&server->config, ims_config_free);
        return FALSE;
    }
    server->service = ims_service_new_with(server->world, server->config, &server->kept);
    ims_scenario_peers_set_self(server->peers, server->config->policy.own_addresses,
                                server->config->policy.n_own_addresses, open_self, server);
    ims_service_start(server->service);
    ims_sim_world_settle(server->world);
    return TRUE;
}

/* ---- people ---- */

typedef struct {
    gboolean done;
    GError *error;
} Made;

static void
mailbox_made(ImsStoreOp *op, gpointer data)
{
    Made *made = data;

    made->done = TRUE;
    made->error = g_steal_pointer(&op->error);
    ims_store_op_free(op);
}

static gboolean
make_mailbox(ImsScenarioServer *server, guint64 id, GError **error)
{
    Made made = {0};
    ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_CREATE, mailbox_made, &made);

    op->mailbox = id;
    ims_store_submit(server->kept.store, &op->op);
    ims_sim_world_settle(server->world);
    g_assert(made.done);
    if (made.error == NULL)
        return TRUE;
    g_propagate_error(error, made.error);
    return FALSE;
}

gboolean
ims_scenario_server_add_person(ImsScenarioServer *server, const ImsScenarioPerson *person,
                               GError **error)
{
    ImsDirectory *directory = server->kept.directory;
    ImsRecipient recipient = {.kind = IMS_RECIPIENT_MAILBOX,
                              .alias = (char *)person->mailbox,
                              .display_name = (char *)person->mailbox,
                              .addresses = person->addresses,
                              .account = (char *)person->account,
                              .forward_to = (char *)person->forward_to,
                              .rule_forward_to = (char *)person->rule_forward_to,
                              .out_of_office = (char *)person->out_of_office};
    guint64 id;

    if (!ims_directory_add_account(directory, person->account, person->password, error) ||
        !ims_directory_set_account(directory, person->account, &person->enabled, FALSE, error))
        return FALSE;
    if (person->mailbox == NULL)
        return TRUE;
    return ims_directory_add_recipient(directory, &recipient, &id, error) &&
           make_mailbox(server, id, error);
}

/* ---- connections ---- */

static gboolean
listens(const ImsScenarioServer *server, ImsProtocol protocol, const ImsAddress *local,
        guint16 port, gboolean *clear_text_out)
{
    for (guint i = 0; i < server->config->listeners->len; i++) {
        const ImsConfigListener *listener =
            &g_array_index(server->config->listeners, ImsConfigListener, i);

        if (listener->protocol == protocol && listener->port == port &&
            ims_address_equal(&listener->address, local)) {
            *clear_text_out = listener->clear_text_logon;
            return TRUE;
        }
    }
    return FALSE;
}

ImsSimConn *
ims_scenario_server_connect(ImsScenarioServer *server, ImsProtocol protocol,
                            const ImsAddress *client, const ImsAddress *local, guint16 port)
{
    ImsConnInfo info = {.peer = *client, .local = *local};
    ImsSimConn *conn;

    info.local_port = port != 0 ? port : own_ports[protocol];
    if (server->service == NULL ||
        !listens(server, protocol, local, info.local_port, &info.clear_text_logon))
        return NULL;
    server->next_port = (guint16)(server->next_port % 60000 + 1);
    info.peer_port = (guint16)(1024 + server->next_port);
    switch (protocol) {
    case IMS_PROTOCOL_SMTP:
        conn = ims_sim_conn_open(server->world, &info, ims_smtp_session_new, server->service);
        break;
    case IMS_PROTOCOL_POP3:
        conn =
            ims_sim_conn_open(server->world, &info, ims_pop3_session_new, &server->service->pop3);
        break;
    case IMS_PROTOCOL_IMAP4:
        conn =
            ims_sim_conn_open(server->world, &info, ims_imap4_session_new, &server->service->imap4);
        break;
    default:
        return NULL;
    }
    /* There is no certificate but those a scenario names, and it names none. */
    ims_sim_conn_set_tls_available(conn, FALSE);
    return conn;
}

ImsService *
ims_scenario_server_service(ImsScenarioServer *server)
{
    return server->service;
}

char *
ims_scenario_server_take_log(ImsScenarioServer *server)
{
    return ims_log_take(server->kept.log);
}
