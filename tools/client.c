/* Asking the service: by its control socket, or, while none runs, by opening the data directory in
 * here. */
#include <config.h>

#include "tools/imsctl.h"

#include "ims/control-socket.h"
#include "ims/control.h"
#include "ims/owner.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(imsctl_error, imsctl_error)

enum {
    ANSWER_LIMIT_SEC = 120,
};

struct _ImsctlClient {
    ImsConfig *config;   /* (nullable): read only to open the data directory in here */
    int fd;              /* -1: no service runs */
    ImsWorld *world;     /* (nullable): opened in here */
    ImsService *service; /* (nullable) */
};

static void
client_free(ImsctlClient *client)
{
    if (client->fd >= 0)
        close(client->fd);
    ims_service_free(client->service);
    g_clear_pointer(&client->world, ims_real_world_free);
    ims_config_free(client->config);
    g_free(client);
}

void
imsctl_close(Imsctl *ctl)
{
    g_clear_pointer(&ctl->client, client_free);
}

ImsConfig *
imsctl_load_config(Imsctl *ctl)
{
    g_autoptr(GError) error = NULL;
    ImsConfig *config = ims_config_load(ctl->config_file, &error);

    if (config == NULL)
        g_printerr("%s\n", error->message);
    return config;
}

/* ---- connecting ---- */

/* -1 with no @error: no service runs. */
static int
connect_to_service(const char *config_file, GError **error)
{
    /* A service goes on with the file it started with, whatever errors are in it by now. */
    g_autofree char *folder = ims_config_find_data_directory(config_file);
    g_autofree char *path = folder != NULL ? g_build_filename(folder, "control", NULL) : NULL;
    const struct timeval limit = {.tv_sec = ANSWER_LIMIT_SEC};
    struct sockaddr_un address;
    int folder_fd = -1, fd, failure;

    if (path == NULL || !g_file_test(path, G_FILE_TEST_EXISTS))
        return -1;
    if (!ims_control_address(path, &address, &folder_fd, error))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    failure =
        fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ? errno : 0;
    if (folder_fd >= 0)
        close(folder_fd);
    if (failure == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    /* Refused: a socket that a killed service left behind. */
    if (failure != ECONNREFUSED && failure != ENOENT)
        g_set_error(error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION, "%s: %s", path,
                    g_strerror(failure));
    return -1;
}

static gboolean
open_in_here(ImsctlClient *client, const char *config_file, GError **error)
{
    const ImsRealWorldOptions options = {.n_workers = 1};

    client->config = ims_config_load(config_file, error);
    if (client->config == NULL || !ims_become_owner(client->config->data_directory, FALSE, error))
        return FALSE;
    umask(077);
    /* What is done is logged with the service's events, not on the terminal. */
    if (client->config->log_file == NULL)
        client->config->log_file =
            g_build_filename(client->config->data_directory, "imsd.log", NULL);
    client->world = ims_real_world_new(&options, error);
    if (client->world == NULL)
        return FALSE;
    client->service = ims_service_new(client->world, client->config, FALSE, error);
    return client->service != NULL;
}

/* NULL: @error is set. */
static ImsctlClient *
client_get(Imsctl *ctl, gboolean only_running, GError **error)
{
    ImsctlClient *client = ctl->client;
    g_autoptr(GError) cause = NULL;

    if (client == NULL) {
        client = ctl->client = g_new0(ImsctlClient, 1);
        client->fd = connect_to_service(ctl->config_file, &cause);
    }
    if (cause != NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        imsctl_close(ctl);
        return NULL;
    }
    if (client->fd >= 0 || client->service != NULL)
        return client;
    /* A service goes on when its file is gone; without one a mistyped name is likelier. */
    if (!g_file_test(ctl->config_file, G_FILE_TEST_EXISTS)) {
        g_set_error(error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION,
                    "%s: there is no such file; --config FILE or $IMS_CONFIG names another",
                    ctl->config_file);
        imsctl_close(ctl);
        return NULL;
    }
    if (only_running) {
        g_set_error_literal(error, IMSCTL_ERROR, IMSCTL_ERROR_NOT_RUNNING,
                            "the service does not run");
        imsctl_close(ctl);
        return NULL;
    }
    if (open_in_here(client, ctl->config_file, error))
        return client;
    imsctl_close(ctl);
    return NULL;
}

/* ---- asking ---- */

static gboolean
send_line(int fd, const char *text, GError **error)
{
    gsize length = strlen(text);

    while (length > 0) {
        gssize sent = send(fd, text, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            g_set_error(error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION,
                        "the service closed the connection: %s", g_strerror(errno));
            return FALSE;
        }
        text += sent;
        length -= (gsize)sent;
    }
    return TRUE;
}

static GString *
receive_line(int fd, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char bytes[16 * 1024];

    while (line->len <= IMS_CONTROL_MAX_LINE) {
        gssize got = recv(fd, bytes, sizeof bytes, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            g_set_error(
                error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION, "no answer from the service%s%s",
                got < 0 ? ": " : ", it closed the connection", got < 0 ? g_strerror(errno) : "");
            return NULL;
        }
        g_string_append_len(line, bytes, got);
        if (bytes[got - 1] == '\n')
            return g_steal_pointer(&line);
    }
    g_set_error_literal(error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION,
                        "the answer of the service is too long");
    return NULL;
}

static JsonNode *
read_answer(const GString *line, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *answer = NULL;

    if (json_parser_load_from_data(parser, line->str, (gssize)line->len, NULL) &&
        JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
        answer = json_node_get_object(json_parser_get_root(parser));
    if (answer != NULL && json_object_has_member(answer, "error")) {
        JsonNode *node = json_object_get_member(answer, "error");
        const char *message = JSON_NODE_HOLDS_OBJECT(node)
                                  ? imsctl_member(json_node_get_object(node), "message")
                                  : NULL;

        g_set_error_literal(error, IMSCTL_ERROR, IMSCTL_ERROR_ANSWER,
                            message != NULL ? message : "unknown error");
        return NULL;
    }
    if (answer == NULL || !json_object_has_member(answer, "result")) {
        g_set_error_literal(error, IMSCTL_ERROR, IMSCTL_ERROR_CONNECTION,
                            "the answer of the service is not understood");
        return NULL;
    }
    return json_node_copy(json_object_get_member(answer, "result"));
}

static JsonNode *
ask_socket(ImsctlClient *client, JsonObject *request, GError **error)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autoptr(GString) answer = NULL;
    char *text;
    gboolean sent;

    json_node_set_object(node, request);
    text = json_to_string(node, FALSE);
    sent = send_line(client->fd, text, error) && send_line(client->fd, "\n", error);
    explicit_bzero(text, strlen(text));
    g_free(text);
    if (!sent)
        return NULL;
    answer = receive_line(client->fd, error);
    return answer != NULL ? read_answer(answer, error) : NULL;
}

typedef struct {
    gboolean done;
    JsonNode *result;
    GError *error;
} Answer;

static void
answered(JsonNode *result, const GError *error, gpointer data)
{
    Answer *answer = data;

    answer->done = TRUE;
    answer->result = result != NULL ? result : error == NULL ? json_node_new(JSON_NODE_NULL) : NULL;
    answer->error = error != NULL ? g_error_copy(error) : NULL;
}

static JsonNode *
ask_in_here(ImsctlClient *client, JsonObject *request, GError **error)
{
    Answer answer = {0};

    ims_control_request(client->service, request, answered, &answer);
    while (!answer.done)
        g_main_context_iteration(ims_real_world_main_context(client->world), TRUE);
    if (answer.error != NULL)
        g_propagate_error(error, answer.error);
    return answer.result;
}

static JsonNode *
ask(ImsctlClient *client, const char *name, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonObject) request = json_object_new();

    json_object_set_string_member(request, "request", name);
    if (arguments != NULL)
        json_object_set_object_member(request, "arguments", arguments);
    return client->fd >= 0 ? ask_socket(client, request, error)
                           : ask_in_here(client, request, error);
}

JsonNode *
imsctl_ask(Imsctl *ctl, const char *request, JsonObject *arguments, GError **error)
{
    ImsctlClient *client = client_get(ctl, FALSE, error);

    if (client != NULL)
        return ask(client, request, arguments, error);
    g_clear_pointer(&arguments, json_object_unref);
    return NULL;
}

JsonNode *
imsctl_ask_or_complain(Imsctl *ctl, const char *request, JsonObject *arguments)
{
    g_autoptr(GError) error = NULL;
    JsonNode *result = imsctl_ask(ctl, request, arguments, &error);

    if (result == NULL)
        imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    return result;
}

JsonNode *
imsctl_ask_running(Imsctl *ctl, const char *request, GError **error)
{
    ImsctlClient *client = client_get(ctl, TRUE, error);

    return client != NULL ? ask(client, request, NULL, error) : NULL;
}

void
imsctl_wait_for_close(Imsctl *ctl)
{
    g_autoptr(GString) line = NULL;

    if (ctl->client == NULL || ctl->client->fd < 0)
        return;
    line = receive_line(ctl->client->fd, NULL);
    imsctl_close(ctl);
}
