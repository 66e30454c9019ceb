#include "ims/service.h"

#include "ims/automatic.h"

#include <errno.h>
#include <glib/gstdio.h>

/* Sessions and windows of an account end when it is removed, disabled or gets another password. */
static void
account_changed(const char *account, gpointer data)
{
    ImsService *service = data;

    ims_account_sessions_drop(service->sessions, account);
    ims_logon_windows_clear(service->windows, NULL, account);
    ims_log_event(service->log, 0, "account-changed", "account", account, NULL);
}

static gboolean
open_log(ImsService *service, gboolean memory, GError **error)
{
    service->log = memory ? ims_log_new_memory() : ims_log_new(service->config->log_file, error);
    if (service->log == NULL)
        g_prefix_error(error, "the log cannot be opened: ");
    return service->log != NULL;
}

static gboolean
make_data_directory(const ImsConfig *config, GError **error)
{
    if (g_mkdir_with_parents(config->data_directory, 0700) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                "the data directory %s cannot be made: %s", config->data_directory,
                g_strerror(errno));
    return FALSE;
}

static gboolean
open_store(ImsService *service, gboolean memory, GError **error)
{
    g_autofree char *folder = g_build_filename(service->config->data_directory, "mdbdata", NULL);
    const ImsStoreOptions options = {.engine = memory ? IMS_ENGINE_MEMORY : IMS_ENGINE_SQLITE,
                                     .directory = memory ? NULL : folder,
                                     .writer_queue_limit = service->config->writer_queue,
                                     .writer_delay_msec = service->config->writer_delay_msec,
                                     .log = service->log};

    service->store = ims_store_open(service->world, &options, error);
    if (service->store == NULL)
        g_prefix_error(error, "the store cannot be opened: ");
    return service->store != NULL;
}

static gboolean
open_directory(ImsService *service, gboolean memory, GError **error)
{
    g_autofree char *folder = g_build_filename(service->config->data_directory, "dsadata", NULL);
    const ImsDirectoryOptions options = {.directory = memory ? NULL : folder,
                                         .default_domain = service->config->default_nt_domain,
                                         .lockout_failures = service->config->lockout_failures,
                                         .lockout_sec = service->config->lockout_sec,
                                         .cache_sec = 300,
                                         .hash_cost = memory ? 1 : 0,
                                         .log = service->log};

    service->directory = ims_directory_open(service->world, &options, error);
    if (service->directory == NULL) {
        g_prefix_error(error, "the directory cannot be opened: ");
        return FALSE;
    }
    ims_directory_set_account_changed(service->directory, account_changed, service);
    return TRUE;
}

static void
open_windows(ImsService *service, gboolean memory)
{
    const ImsConfig *config = service->config;
    g_autofree char *file = g_build_filename(config->data_directory, "dsadata", "windows", NULL);
    const ImsLogonWindowOptions options = {
        .enabled = config->policy.logon_authorizes_relay &&
                   (config->policy.relay_flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0,
        .minutes = config->logon_window_minutes,
        .recipients = config->logon_window_recipients,
        .except = config->logon_window_except,
        .file = memory ? NULL : file,
        .kept = service->kept_windows,
        .log = service->log,
    };

    service->windows = ims_logon_windows_new(service->world, &options);
    service->sessions = ims_account_sessions_new(service->world);
    service->automatic = ims_automatic_new();
}

static void
fill_settings(ImsService *service)
{
    const ImsConfig *config = service->config;

    service->pop3 = (ImsPop3Settings){
        .build = ims_config_store_build(config),
        .extended = !config->faithful,
        .idle_timeout_sec = config->pop3_timeout_sec,
        .max_errors = config->max_errors,
        .max_account_sessions = config->max_sessions_account,
        .store = service->store,
        .directory = service->directory,
        .windows = service->windows,
        .log = service->log,
        .sessions = service->sessions,
    };
    service->imap4 = (ImsImap4Settings){
        .build = ims_config_store_build(config),
        .host = config->host_name,
        .extended = !config->faithful,
        .idle_timeout_sec = config->imap4_timeout_sec,
        .max_line = config->imap4_line,
        .max_literal = config->max_message_size,
        .max_literal_before_logon = config->literal_before_logon,
        .mime_limits = config->mime_limits,
        .max_errors = config->max_errors,
        .max_account_sessions = config->max_sessions_account,
        .store = service->store,
        .directory = service->directory,
        .windows = service->windows,
        .log = service->log,
        .sessions = service->sessions,
    };
}

ImsService *
ims_service_new(ImsWorld *world, const ImsConfig *config, gboolean memory, GError **error)
{
    g_autoptr(ImsService) service = g_new0(ImsService, 1);

    service->world = world;
    service->config = config;
    service->started_usec = ims_world_wall_usec(world);
    if (!memory && !make_data_directory(config, error))
        return NULL;
    if (!open_log(service, memory, error))
        return NULL;
    /* The store first: its lock says whether another process has this data directory. */
    if (!open_store(service, memory, error) || !open_directory(service, memory, error))
        return NULL;
    open_windows(service, memory);
    fill_settings(service);
    return g_steal_pointer(&service);
}

ImsService *
ims_service_new_with(ImsWorld *world, const ImsConfig *config, const ImsServiceKept *kept)
{
    ImsService *service = g_new0(ImsService, 1);

    service->world = world;
    service->config = config;
    service->started_usec = ims_world_wall_usec(world);
    service->borrows = TRUE;
    service->log = kept->log;
    service->store = kept->store;
    service->directory = kept->directory;
    service->kept_windows = kept->windows;
    ims_directory_set_account_changed(service->directory, account_changed, service);
    open_windows(service, TRUE);
    fill_settings(service);
    return service;
}

void
ims_service_free(ImsService *service)
{
    if (service == NULL)
        return;
    if (service->directory != NULL)
        ims_directory_set_account_changed(service->directory, NULL, NULL);
    g_clear_pointer(&service->windows, ims_logon_windows_free);
    g_clear_pointer(&service->automatic, ims_automatic_free);
    if (!service->borrows) {
        g_clear_pointer(&service->store, ims_store_close);
        g_clear_pointer(&service->directory, ims_directory_close);
    }
    g_clear_pointer(&service->sessions, ims_account_sessions_free);
    if (!service->borrows)
        g_clear_pointer(&service->log, ims_log_free);
    g_free(service);
}
