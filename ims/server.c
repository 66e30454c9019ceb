#include <config.h>

#include "ims/server.h"

#include "ims/control.h"
#include "ims/handover.h"
#include "ims/sender.h"
#include "ims/service.h"
#include "ims/smtp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    GRACE_SEC = 5, /* for sessions to say farewell */
    STOP_LIMIT_SEC =
        60, /* for everything: then the process ends as if killed, which loses nothing either */
};

typedef struct {
    const ImsConfig *config;
    const ImsServerHooks *hooks;
    ImsWorld *world;
    ImsService *service;
    ImsSender *sender;
    ImsTls *tls;
    ImsSessionLimit all_sessions, smtp_sessions;
    GPtrArray *listeners; /* (element-type ImsListener), parallel to config->listeners */
    ImsControlServer *control;
    char *pid_file, *control_path;
    GMainContext *context;
    GMainLoop *loop;
    GPtrArray *sources;
    gboolean stopping, restart;
} Server;

/* ---- starting anew ---- */

typedef struct {
    int *fds;
    const char **names;
    guint n;
} Kept;

/* Copies outlive the listeners, so that connections wait in their queue until the next process
 * takes them. */
static void
keep_sockets(Server *server, Kept *kept)
{
    kept->n = server->listeners->len;
    kept->fds = g_new(int, kept->n + 1);
    kept->names = g_new(const char *, kept->n + 1);
    for (guint i = 0; i < kept->n; i++) {
        kept->fds[i] = fcntl(ims_listener_fd(server->listeners->pdata[i]), F_DUPFD_CLOEXEC, 3);
        kept->names[i] = ims_protocol_name(
            g_array_index(server->config->listeners, ImsConfigListener, i).protocol);
    }
}

static void
execute_again(Server *server, Kept *kept)
{
    ims_handover_give(kept->fds, kept->names, kept->n);
    server->hooks->execute(server->hooks->data);
}

/* ---- stopping ---- */

static gboolean
stop_took_too_long(gpointer data)
{
    Server *server = data;

    ims_log_event(server->service->log, 0, "stop-unfinished", "detail",
                  "not everything ended in time; what was under way is looked at by the next start",
                  NULL);
    if (server->restart) {
        Kept kept;

        keep_sockets(server, &kept);
        execute_again(server, &kept);
    }
    _exit(1);
}

static void
add_source(Server *server, GSource *source, GSourceFunc callback)
{
    g_source_set_callback(source, callback, server, NULL);
    g_source_attach(source, server->context);
    g_ptr_array_add(server->sources, source);
}

/* Operations whose client is gone complete on a worker, and use the service: it ends after them. A
 * job that ends while we look hands on to the store before it counts as ended. */
static gboolean
quit_when_idle(gpointer data)
{
    Server *server = data;

    if (!ims_real_world_is_pool_idle(server->world) || !ims_store_is_idle(server->service->store) ||
        !ims_real_world_is_pool_idle(server->world))
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(server->loop);
    return G_SOURCE_REMOVE;
}

static void
service_stopped(gpointer data)
{
    Server *server = data;

    if (quit_when_idle(server))
        add_source(server, g_timeout_source_new(5), quit_when_idle);
}

static void
sessions_gone(gpointer data)
{
    Server *server = data;

    /* Nothing more is asked of what is about to end. */
    g_clear_pointer(&server->control, ims_control_server_free);
    ims_service_stop(server->service, service_stopped, server);
}

static void
begin_stop(Server *server, gboolean restart)
{
    if (server->stopping)
        return;
    server->stopping = TRUE;
    server->restart = restart;
    ims_log_event(server->service->log, 0, "stopping", "restart", restart ? "yes" : "no", NULL);
    if (!restart)
        ims_notify("STOPPING=1");
    add_source(server, g_timeout_source_new_seconds(STOP_LIMIT_SEC), stop_took_too_long);
    for (guint i = 0; i < server->listeners->len; i++)
        ims_listener_stop(server->listeners->pdata[i]);
    ims_world_stop_sessions(server->world, GRACE_SEC * G_USEC_PER_SEC, sessions_gone, server);
}

static gboolean
on_stop_signal(gpointer data)
{
    begin_stop(data, FALSE);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_hangup(gpointer data)
{
    Server *server = data;
    g_autoptr(GError) error = NULL;

    if (!ims_log_reopen(server->service->log, &error))
        ims_log_event(server->service->log, 0, "log-reopen-failed", "reason", error->message, NULL);
    else
        ims_log_event(server->service->log, 0, "log-reopened", "detail",
                      "settings are read at start only; imsctl restart applies them", NULL);
    return G_SOURCE_CONTINUE;
}

/* ---- what the control protocol asks of the program ---- */

static guint
host_sessions(gpointer data, ImsProtocol protocol)
{
    Server *server = data;
    guint n = 0;

    for (guint i = 0; i < server->listeners->len; i++)
        if (g_array_index(server->config->listeners, ImsConfigListener, i).protocol == protocol)
            n += ims_listener_sessions(server->listeners->pdata[i]);
    return n;
}

typedef struct {
    Server *server;
    gboolean restart;
} StopRequest;

static gboolean
stop_later(gpointer data)
{
    StopRequest *request = data;

    begin_stop(request->server, request->restart);
    return G_SOURCE_REMOVE;
}

/* Somewhat later, so that the answer leaves first. */
static void
host_stop(gpointer data, gboolean restart)
{
    Server *server = data;
    StopRequest *request = g_new(StopRequest, 1);
    GSource *source = g_timeout_source_new(20);

    request->server = server;
    request->restart = restart;
    g_source_set_callback(source, stop_later, request, g_free);
    g_source_attach(source, server->context);
    g_ptr_array_add(server->sources, source);
}

static const ImsServiceHost host = {host_sessions, host_stop};

/* ---- starting ---- */

static const struct {
    gboolean implicit_tls;
    ImsSession *(*new_session)(ImsConn *conn, gpointer data);
    const char *refusal;
} protocols[IMS_N_PROTOCOLS] = {
  /* SQ-07: the text of a refusal is not recorded; the family of S-016. */
    [IMS_PROTOCOL_SMTP] = {FALSE, ims_smtp_session_new,
                           "421 Too many connections. Connection Closing.\r\n"         },
    [IMS_PROTOCOL_SUBMISSION_TLS] = {TRUE,  ims_smtp_session_new,
                           "421 Too many connections. Connection Closing.\r\n"         },
    [IMS_PROTOCOL_POP3] = {FALSE, ims_pop3_session_new,  "-ERR Connection refused\r\n" },
    [IMS_PROTOCOL_POP3_TLS] = {TRUE,  ims_pop3_session_new,  "-ERR Connection refused\r\n" },
 /* I-005 */
    [IMS_PROTOCOL_IMAP4] = {FALSE, ims_imap4_session_new, "* BYE Connection refused\r\n"},
    [IMS_PROTOCOL_IMAP4_TLS] = {TRUE,  ims_imap4_session_new, "* BYE Connection refused\r\n"},
};

static gpointer
session_data(ImsService *service, ImsProtocol protocol)
{
    switch (protocol) {
    case IMS_PROTOCOL_POP3:
    case IMS_PROTOCOL_POP3_TLS:
        return &service->pop3;
    case IMS_PROTOCOL_IMAP4:
    case IMS_PROTOCOL_IMAP4_TLS:
        return &service->imap4;
    default:
        return service;
    }
}

static gboolean
start_listener(Server *server, const ImsConfigListener *wanted, int inherited_fd, GError **error)
{
    const ImsConfig *config = server->config;
    gboolean smtp =
        wanted->protocol == IMS_PROTOCOL_SMTP || wanted->protocol == IMS_PROTOCOL_SUBMISSION_TLS;
    const ImsListenerOptions options = {
        .address = wanted->address,
        .port = wanted->port,
        .tls = server->tls,
        .implicit_tls = protocols[wanted->protocol].implicit_tls,
        .clear_text_logon = wanted->clear_text_logon,
        .limits = {&server->all_sessions, smtp ? &server->smtp_sessions : NULL},
        .max_sessions_address = config->max_sessions_address,
        .refusal = protocols[wanted->protocol].refusal,
        .new_session = protocols[wanted->protocol].new_session,
        .data = session_data(server->service, wanted->protocol),
    };
    ImsListener *listener = ims_listener_new(server->world, &options, inherited_fd, error);
    char buffer[IMS_ADDRESS_STRLEN];
    g_autofree char *port = NULL;

    if (listener == NULL) {
        g_prefix_error(error, "%s cannot be served: ", ims_protocol_name(wanted->protocol));
        return FALSE;
    }
    g_ptr_array_add(server->listeners, listener);
    port = g_strdup_printf("%u", ims_listener_port(listener));
    ims_log_event(server->service->log, 0, "listening", "protocol",
                  ims_protocol_name(wanted->protocol), "address",
                  ims_address_format(&wanted->address, buffer), "port", port, "inherited",
                  inherited_fd >= 0 ? "yes" : NULL, NULL);
    return TRUE;
}

static gboolean
start_listeners(Server *server, GError **error)
{
    const ImsConfig *config = server->config;
    g_autoptr(ImsHandover) handover = ims_handover_take();

    if (config->certificate_file != NULL) {
        server->tls = ims_tls_new(config->certificate_file, config->key_file, error);
        if (server->tls == NULL)
            return FALSE;
    }
    for (guint i = 0; i < config->listeners->len; i++) {
        const ImsConfigListener *wanted = &g_array_index(config->listeners, ImsConfigListener, i);

        if (!start_listener(server, wanted, ims_handover_claim(handover, wanted), error))
            return FALSE;
    }
    return TRUE;
}

/* Each session needs a descriptor, and each large body read another. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Without it the service works all the same: a full disk must not keep anyone from his mail. */
static void
write_pid_file(Server *server, const char *pid)
{
    g_autoptr(GError) error = NULL;

    server->pid_file = g_build_filename(server->config->data_directory, "imsd.pid", NULL);
    if (!g_file_set_contents_full(server->pid_file, pid, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644,
                                  &error))
        ims_log_event(server->service->log, 0, "pid-file", "error", error->message, "outcome",
                      "continuing", NULL);
}

static gboolean
start(Server *server, GError **error)
{
    const ImsConfig *config = server->config;
    const ImsRealWorldOptions options = {.n_workers = config->workers,
                                         .dns_servers = config->dns_servers};
    g_autofree char *pid = g_strdup_printf("%d\n", (int)getpid());

    server->world = ims_real_world_new(&options, error);
    if (server->world == NULL)
        return FALSE;
    server->context = ims_real_world_main_context(server->world);
    server->loop = g_main_loop_new(server->context, FALSE);
    server->service = ims_service_new(server->world, config, FALSE, error);
    if (server->service == NULL)
        return FALSE;
    server->sender = ims_sender_new(server->world, config->max_outbound, error);
    if (server->sender == NULL)
        return FALSE;
    server->service->host = &host;
    server->service->host_data = server;
    ims_log_event(server->service->log, 0, "start", "version", PACKAGE_VERSION, "build",
                  config->build, "profile", config->faithful ? "faithful" : "extended", "config",
                  ims_config_file(config), NULL);
    add_source(server, g_unix_signal_source_new(SIGTERM), on_stop_signal);
    add_source(server, g_unix_signal_source_new(SIGINT), on_stop_signal);
    add_source(server, g_unix_signal_source_new(SIGHUP), on_hangup);
    ims_service_start(server->service);
    if (!start_listeners(server, error))
        return FALSE;
    server->control_path = g_build_filename(config->data_directory, "control", NULL);
    server->control =
        ims_control_server_new(server->service, server->control_path, server->context, error);
    if (server->control == NULL)
        return FALSE;
    write_pid_file(server, pid);
    return TRUE;
}

/* ---- ending ---- */

static void
finish(Server *server)
{
    g_clear_pointer(&server->control, ims_control_server_free);
    for (guint i = 0; i < server->sources->len; i++)
        g_source_destroy(server->sources->pdata[i]);
    g_ptr_array_unref(server->sources);
    if (server->pid_file != NULL)
        (void)g_unlink(server->pid_file);
    g_ptr_array_unref(server->listeners);
    g_clear_pointer(&server->sender, ims_sender_free);
    ims_service_free(server->service);
    g_clear_pointer(&server->loop, g_main_loop_unref);
    g_clear_pointer(&server->world, ims_real_world_free);
    g_clear_pointer(&server->tls, ims_tls_unref);
    g_free(server->pid_file);
    g_free(server->control_path);
}

gboolean
ims_server_run(const ImsConfig *config, const ImsServerHooks *hooks, GError **error)
{
    Server server = {.config = config,
                     .hooks = hooks,
                     .all_sessions = {.max = config->max_sessions},
                     .smtp_sessions = {.max = config->max_inbound}};
    g_autoptr(GError) cause = NULL;
    Kept kept = {0};
    gboolean started;

    server.listeners = g_ptr_array_new_with_free_func((GDestroyNotify)ims_listener_free);
    server.sources = g_ptr_array_new_with_free_func((GDestroyNotify)g_source_unref);
    raise_file_limit();
    started = start(&server, &cause);
    if (started) {
        ims_log_event(server.service->log, 0, "ready", NULL);
        ims_notify("READY=1");
        hooks->ready(hooks->data);
        g_main_loop_run(server.loop);
        ims_log_event(server.service->log, 0, "stopped", NULL);
    } else if (server.service != NULL) {
        /* Some listeners may have let sessions in already. */
        ims_log_event(server.service->log, 0, "start-failed", "reason", cause->message, NULL);
        begin_stop(&server, FALSE);
        g_main_loop_run(server.loop);
    }
    if (server.restart)
        keep_sockets(&server, &kept);
    finish(&server);
    if (server.restart)
        execute_again(&server, &kept);
    g_free(kept.fds);
    g_free(kept.names);
    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    return started;
}
