/* imsctl start, stop, restart, status; logons. */
#include <config.h>

#include "tools/imsctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    STOP_LIMIT_SEC = 90,
    RESTART_LIMIT_SEC = 120,
    STEP_MSEC = 50,
};

/* ---- status ---- */

static void
print_pending(JsonObject *status)
{
    JsonArray *pending = json_object_get_array_member(status, "pending");
    const char *errors = imsctl_member(status, "config_errors");

    for (guint i = 0; i < json_array_get_length(pending); i++) {
        JsonObject *item = json_array_get_object_element(pending, i);
        const char *running = imsctl_member(item, "running"), *file = imsctl_member(item, "file");

        printf("Pending:  [%s] %s: running %s, file %s: %s\n", imsctl_member(item, "group"),
               imsctl_member(item, "key"), running != NULL ? running : "(not set)",
               file != NULL ? file : "(not set)", imsctl_member(item, "note"));
    }
    if (errors != NULL)
        printf("The file has errors now, so the service could not be restarted:\n%s\n", errors);
}

static char *
duration(gint64 sec)
{
    if (sec >= 86400)
        return g_strdup_printf("%" G_GINT64_FORMAT " d %02d:%02d:%02d", sec / 86400,
                               (int)(sec / 3600 % 24), (int)(sec / 60 % 60), (int)(sec % 60));
    return g_strdup_printf("%02d:%02d:%02d", (int)(sec / 3600), (int)(sec / 60 % 60),
                           (int)(sec % 60));
}

static void
print_status(JsonObject *status)
{
    JsonObject *sessions = json_object_get_object_member(status, "sessions");
    JsonObject *queue = json_object_get_object_member(status, "queue");
    g_autofree char *uptime = duration(imsctl_number(status, "uptime_sec"));

    printf("Service:  imsd %s, pid %" G_GINT64_FORMAT ", up %s\n", imsctl_member(status, "version"),
           imsctl_number(status, "pid"), uptime);
    printf("Emulates: %s, profile %s, as %s\n", imsctl_member(status, "build"),
           imsctl_member(status, "profile"), imsctl_member(status, "host"));
    printf("File:     %s\n", imsctl_member(status, "config"));
    printf("Sessions:");
    for (ImsProtocol protocol = 0; protocol < IMS_N_PROTOCOLS; protocol++)
        printf(" %s %" G_GINT64_FORMAT, ims_protocol_name(protocol),
               imsctl_number(sessions, ims_protocol_name(protocol)));
    printf("\nQueue:    %" G_GINT64_FORMAT " waiting, %" G_GINT64_FORMAT
           " active, %" G_GINT64_FORMAT " held, for %" G_GINT64_FORMAT " domains\n",
           imsctl_number(queue, "waiting"), imsctl_number(queue, "active"),
           imsctl_number(queue, "held"), imsctl_number(queue, "domains"));
    printf("Windows:  %" G_GINT64_FORMAT " open by logon\n",
           imsctl_number(status, "logon_windows"));
    if (imsctl_flag(json_object_get_object_member(status, "store"), "failed"))
        printf(
            "Store:    a write has failed; nothing is taken in until the service is restarted\n");
    print_pending(status);
}

static int
status(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) result = NULL;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_running(ctl, "status", &error);
    if (result == NULL) {
        if (ctl->json && g_error_matches(error, IMSCTL_ERROR, IMSCTL_ERROR_NOT_RUNNING))
            puts("{\"running\": false}");
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    }
    if (ctl->json)
        imsctl_print_json(result);
    else
        print_status(json_node_get_object(result));
    return IMSCTL_OK;
}

/* ---- start ---- */

/* The program beside this one: in the build tree, installed, or wherever PATH says. */
static char *
find_imsd(void)
{
    static const char *const places[] = {"imsd", "../ims/imsd", "../sbin/imsd"};
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;

    for (guint i = 0; folder != NULL && i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(folder, places[i], NULL);

        if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(path, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&path);
    }
    return g_find_program_in_path("imsd");
}

static int
launch(Imsctl *ctl)
{
    g_autofree char *imsd = find_imsd();
    g_autofree char *file = g_canonicalize_filename(ctl->config_file, NULL);
    g_autoptr(GError) error = NULL;
    int wait_status;

    if (imsd == NULL)
        return imsctl_complain(IMSCTL_FAILED, "imsd is neither beside imsctl nor in PATH");
    {
        char *arguments[] = {imsd, (char *)(gpointer) "--daemon", (char *)(gpointer) "--config",
                             file, NULL};

        if (!g_spawn_sync(NULL, arguments, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                          NULL, &wait_status, &error))
            return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    }
    if (!g_spawn_check_wait_status(wait_status, NULL))
        return imsctl_complain(IMSCTL_FAILED, "the service did not start");
    return IMSCTL_OK;
}

static int
say(Imsctl *ctl, const char *what)
{
    if (ctl->json)
        printf("{\"done\": \"%s\"}\n", what);
    else
        printf("The service is %s.\n", what);
    return IMSCTL_OK;
}

static int
start(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) result = NULL;
    int code;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_running(ctl, "status", &error);
    if (result != NULL)
        return say(ctl, "running already");
    if (!g_error_matches(error, IMSCTL_ERROR, IMSCTL_ERROR_NOT_RUNNING))
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    imsctl_close(ctl);
    code = launch(ctl);
    return code == IMSCTL_OK ? say(ctl, "started") : code;
}

/* ---- stop ---- */

/* Descriptor of the process that serves, to see it end; -1 where the kernel has none. */
static int
open_process(JsonObject *status)
{
    return (int)syscall(SYS_pidfd_open, (pid_t)imsctl_number(status, "pid"), 0);
}

/* TRUE once the process has ended. */
static gboolean
wait_for_end(int process, int limit_msec)
{
    struct pollfd poll_fd = {.fd = process, .events = POLLIN};

    return poll(&poll_fd, 1, limit_msec) == 1 && process >= 0;
}

static int
stop(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) before = NULL;
    g_autoptr(JsonNode) result = NULL;
    int process;
    gboolean ended;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    before = imsctl_ask_running(ctl, "status", &error);
    if (before == NULL) {
        if (g_error_matches(error, IMSCTL_ERROR, IMSCTL_ERROR_NOT_RUNNING))
            return say(ctl, "not running");
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    }
    process = open_process(json_node_get_object(before));
    result = imsctl_ask_running(ctl, "stop", &error);
    if (result == NULL) {
        if (process >= 0)
            close(process);
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    }
    imsctl_wait_for_close(ctl);
    ended = wait_for_end(process, STOP_LIMIT_SEC * 1000);
    if (process >= 0)
        close(process);
    return ended ? say(ctl, "stopped")
                 : imsctl_complain(IMSCTL_FAILED, "the service has not ended yet");
}

/* ---- restart ---- */

static gint64
started_usec(JsonNode *status)
{
    return imsctl_number(json_node_get_object(status), "started_usec");
}

/* Until a service answers that started later than @before; FALSE: the process ended, or the time is
 * over. */
static gboolean
wait_for_new(Imsctl *ctl, gint64 before, int process)
{
    for (int waited = 0; waited < RESTART_LIMIT_SEC * 1000; waited += STEP_MSEC) {
        g_autoptr(JsonNode) now = imsctl_ask_running(ctl, "status", NULL);

        if (now != NULL && started_usec(now) != before)
            return TRUE;
        imsctl_close(ctl);
        if (wait_for_end(process, STEP_MSEC))
            return FALSE;
    }
    return FALSE;
}

static int
restart(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) before = NULL;
    g_autoptr(JsonNode) result = NULL;
    gboolean anew;
    int process;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    before = imsctl_ask_running(ctl, "status", &error);
    if (before == NULL) {
        if (!g_error_matches(error, IMSCTL_ERROR, IMSCTL_ERROR_NOT_RUNNING))
            return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
        imsctl_close(ctl);
        return launch(ctl) == IMSCTL_OK ? say(ctl, "started") : IMSCTL_FAILED;
    }
    process = open_process(json_node_get_object(before));
    result = imsctl_ask_running(ctl, "restart", &error);
    if (result == NULL) {
        if (process >= 0)
            close(process);
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    }
    imsctl_wait_for_close(ctl);
    anew = wait_for_new(ctl, started_usec(before), process);
    if (process >= 0)
        close(process);
    return anew ? say(ctl, "restarted")
                : imsctl_complain(IMSCTL_FAILED, "the service did not come back; its log says why");
}

/* ---- logons ---- */

static int
logons_list(Imsctl *ctl, int argc, char **argv)
{
    static const char *const heads[] = {"ADDRESS", "ACCOUNT",  "BY",      "OPENED",
                                        "EXPIRES", "SESSIONS", "RELAYED", NULL};
    g_autoptr(JsonNode) result = NULL;
    JsonArray *windows;
    ImsctlTable *table;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, "logons.list", NULL);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    windows = json_node_get_array(result);
    table = imsctl_table_new(heads);
    for (guint i = 0; i < json_array_get_length(windows); i++) {
        JsonObject *window = json_array_get_object_element(windows, i);
        g_autofree char *sessions =
            g_strdup_printf("%" G_GINT64_FORMAT, imsctl_number(window, "sessions"));
        g_autofree char *relayed =
            g_strdup_printf("%" G_GINT64_FORMAT, imsctl_number(window, "relayed"));

        imsctl_table_add(table, imsctl_member(window, "address"), imsctl_member(window, "account"),
                         imsctl_member(window, "protocol"), imsctl_member(window, "opened"),
                         imsctl_member(window, "expires") != NULL ? imsctl_member(window, "expires")
                                                                  : "with its session",
                         sessions, relayed);
    }
    imsctl_table_print(table);
    return IMSCTL_OK;
}

static int
logons_clear(Imsctl *ctl, int argc, char **argv)
{
    g_autofree char *account = NULL;
    const GOptionEntry entries[] = {
        {"account", 0, 0, G_OPTION_ARG_STRING, &account, "only those that this account opened",
         "ACCOUNT"                                                                                  },
        {NULL,      0, 0, 0,                   NULL,     NULL,                                  NULL},
    };
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments;

    if (!imsctl_parse(ctl, entries, 0, 1, &argc, &argv))
        return IMSCTL_USAGE;
    arguments = json_object_new();
    imsctl_set_text(arguments, "address", argc > 1 ? argv[1] : NULL);
    imsctl_set_text(arguments, "account", account);
    result = imsctl_ask_or_complain(ctl, "logons.clear", arguments);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json)
        imsctl_print_json(result);
    else
        printf("%" G_GINT64_FORMAT " closed\n",
               imsctl_number(json_node_get_object(result), "cleared"));
    return IMSCTL_OK;
}

const ImsctlCommand *
imsctl_service_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"start",        NULL,        "Starts the service in the background.",                                 start  },
        {"stop",         NULL,        "Stops the service; sessions get a farewell.",                           stop   },
        {"restart",      NULL,
         "Applies the file: drains, and starts anew without refusing a connection.",                           restart},
        {"status",       NULL,        "Shows version, sessions, queue, and settings that wait for a restart.",
         status                                                                                                       },
        {"logons list",  NULL,        "Lists the addresses that may relay since a POP3 or IMAP4 logon.",
         logons_list                                                                                                  },
        {"logons clear", "[ADDRESS]", "Closes these windows: all, one address's, or one account's.",
         logons_clear                                                                                                 },
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
