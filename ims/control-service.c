/* Control requests about the service itself: status, stopping, logon windows. */
#include <config.h>

#include "ims/control-private.h"

#include <unistd.h>

/* ---- status ---- */

static JsonArray *
pending_settings(const ImsConfig *running, const ImsConfig *file)
{
    g_autoptr(GPtrArray) differences = ims_config_compare(running, file);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < differences->len; i++) {
        const ImsConfigDifference *difference = differences->pdata[i];
        JsonObject *object = json_object_new();

        ims_control_set_text(object, "group", difference->group);
        ims_control_set_text(object, "key", difference->key);
        ims_control_set_text(object, "running", difference->running);
        ims_control_set_text(object, "file", difference->file);
        ims_control_set_text(object, "note", "takes effect when the service is restarted");
        json_array_add_object_element(array, object);
    }
    return array;
}

static void
add_file_state(ImsService *service, JsonObject *status)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) file = ims_config_load(ims_config_file(service->config), &error);

    ims_control_set_text(status, "config_errors", file == NULL ? error->message : NULL);
    json_object_set_array_member(status, "pending",
                                 file != NULL ? pending_settings(service->config, file)
                                              : json_array_new());
}

static void
add_sessions(ImsService *service, JsonObject *status)
{
    JsonObject *sessions = json_object_new();

    for (ImsProtocol protocol = 0; protocol < IMS_N_PROTOCOLS; protocol++)
        json_object_set_int_member(
            sessions, ims_protocol_name(protocol),
            service->host != NULL ? service->host->sessions(service->host_data, protocol) : 0);
    json_object_set_object_member(status, "sessions", sessions);
}

static gboolean
add_queue(ImsService *service, JsonObject *status, GError **error)
{
    g_autoptr(GPtrArray) domains = ims_store_queue_domains(service->store, error);
    JsonObject *queue;
    gint64 waiting = 0, active = 0, held = 0;

    if (domains == NULL)
        return FALSE;
    for (guint i = 0; i < domains->len; i++) {
        const ImsQueueDomain *domain = domains->pdata[i];

        waiting += domain->waiting;
        active += domain->active;
        held += domain->held;
    }
    queue = json_object_new();
    json_object_set_int_member(queue, "domains", domains->len);
    json_object_set_int_member(queue, "waiting", waiting);
    json_object_set_int_member(queue, "active", active);
    json_object_set_int_member(queue, "held", held);
    json_object_set_object_member(status, "queue", queue);
    return TRUE;
}

static void
add_store(ImsService *service, JsonObject *status)
{
    JsonObject *store = json_object_new();
    ImsStoreStats stats = {0};

    ims_store_stats(service->store, &stats);
    json_object_set_boolean_member(store, "failed", ims_store_is_failed(service->store));
    json_object_set_int_member(store, "messages", (gint64)stats.messages);
    json_object_set_int_member(store, "commits", (gint64)stats.commits);
    json_object_set_int_member(store, "operations", (gint64)stats.operations);
    json_object_set_int_member(store, "wal_bytes", (gint64)stats.wal_bytes);
    json_object_set_object_member(status, "store", store);
}

static void
status(ImsControlCall *call)
{
    ImsService *service = call->service;
    g_autoptr(JsonObject) result = json_object_new();
    g_autoptr(GArray) windows = NULL;
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    GError *error = NULL;
    gint64 now = ims_world_wall_usec(service->world);

    json_object_set_boolean_member(result, "running", service->host != NULL);
    ims_control_set_text(result, "version", PACKAGE_VERSION);
    ims_control_set_text(result, "build", service->config->build);
    ims_control_set_text(result, "profile", service->config->faithful ? "faithful" : "extended");
    ims_control_set_text(result, "config", ims_config_file(service->config));
    ims_control_set_text(result, "host", service->config->host_name);
    json_object_set_int_member(result, "pid", (gint64)getpid());
    ims_control_set_time(result, "started", service->started_usec);
    json_object_set_int_member(result, "started_usec", service->started_usec);
    json_object_set_int_member(result, "uptime_sec",
                               MAX(0, now - service->started_usec) / G_USEC_PER_SEC);
    add_sessions(service, result);
    if (!add_queue(service, result, &error)) {
        ims_control_fail(call, error);
        return;
    }
    add_store(service, result);
    windows = ims_logon_windows_list(service->windows);
    json_object_set_int_member(result, "logon_windows", windows->len);
    json_object_set_int_member(result, "recipients", ims_recipient_table_size(table));
    add_file_state(service, result);
    ims_control_reply_object(call, g_steal_pointer(&result));
}

/* ---- stop and restart ---- */

/* Whether the next process could use the file, and the certificate that it names. */
static gboolean
may_start_anew(ImsService *service, GError **error)
{
    g_autoptr(ImsConfig) file = ims_config_load(ims_config_file(service->config), error);
    ImsTls *tls;

    if (file == NULL || file->certificate_file == NULL)
        return file != NULL;
    tls = ims_tls_new(file->certificate_file, file->key_file, error);
    if (tls == NULL)
        return FALSE;
    ims_tls_unref(tls);
    return TRUE;
}

static void
stop(ImsControlCall *call)
{
    ImsService *service = call->service;
    gboolean restart = call->parameter != 0;

    if (service->host == NULL) {
        ims_control_fail(call, g_error_new_literal(IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_OFFLINE,
                                                   "the service does not run"));
        return;
    }
    if (restart) {
        GError *error = NULL;

        /* What runs goes on: a slip in the file must not end the service. */
        if (!may_start_anew(service, &error)) {
            g_prefix_error(&error, "the service was not restarted, since its file has errors:\n");
            ims_control_fail(call, error);
            return;
        }
    }
    service->host->stop(service->host_data, restart);
    ims_control_reply(call, NULL);
}

/* ---- logon windows ---- */

static void
logons_list(ImsControlCall *call)
{
    g_autoptr(GArray) windows = ims_logon_windows_list(call->service->windows);
    JsonArray *array = json_array_new();
    char buffer[IMS_ADDRESS_STRLEN];

    for (guint i = 0; i < windows->len; i++) {
        const ImsLogonWindow *window = &g_array_index(windows, ImsLogonWindow, i);
        JsonObject *object = json_object_new();

        ims_control_set_text(object, "address", ims_address_format(&window->address, buffer));
        ims_control_set_text(object, "account", window->account);
        ims_control_set_text(object, "protocol", window->protocol);
        ims_control_set_time(object, "opened", window->opened_usec);
        ims_control_set_time(object, "expires", window->expires_usec);
        json_object_set_int_member(object, "sessions", window->sessions);
        json_object_set_int_member(object, "relayed", window->relayed);
        json_array_add_object_element(array, object);
    }
    ims_control_reply_array(call, array);
}

static void
logons_clear(ImsControlCall *call)
{
    const char *text = ims_control_text(call, "address");
    const char *account = ims_control_text(call, "account");
    JsonObject *result;
    ImsAddress address;
    guint cleared;

    if (text != NULL && !ims_address_parse(text, &address)) {
        ims_control_fail_argument(call, "%.100s: an address such as 192.0.2.1 is expected", text);
        return;
    }
    cleared =
        ims_logon_windows_clear(call->service->windows, text != NULL ? &address : NULL, account);
    result = json_object_new();
    json_object_set_int_member(result, "cleared", cleared);
    ims_control_reply_object(call, result);
}

const ImsControlRequest *
ims_control_service_requests(guint *n_out)
{
    static const ImsControlRequest rows[] = {
        {"status",       status,       0,     ""                   },
        {"stop",         stop,         FALSE, ""                   },
        {"restart",      stop,         TRUE,  ""                   },
        {"logons.list",  logons_list,  0,     ""                   },
        {"logons.clear", logons_clear, 0,     "address:s account:s"},
    };

    *n_out = G_N_ELEMENTS(rows);
    return rows;
}
