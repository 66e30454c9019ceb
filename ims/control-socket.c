/* The control socket: one JSON object a line, both ways; one request of a connection at a time. */
#include <config.h>

#include "ims/control-socket.h"

#include "ims/control-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_CLIENTS = 64,
    READ_SIZE = 16 * 1024,
};

typedef struct {
    ImsControlServer *server; /* (nullable): NULL once the server is gone */
    int fd;                   /* -1: gone */
    GString *in, *out;
    gsize sent;                 /* bytes of @out that have left */
    GSource *reading, *writing; /* (nullable) */
    gboolean busy;              /* a request is under way, which holds a reference */
    gboolean taking;            /* client_take_lines() is running: it goes on by itself */
    gboolean at_end;            /* the peer sends no more */
    guint references;
} Client;

struct _ImsControlServer {
    ImsService *service;
    GMainContext *context;
    char *path;
    int fd;
    GSource *accepting;
    GPtrArray *clients;
};

static void client_take_lines(Client *client);

/* ---- the address ---- */

gboolean
ims_control_address(const char *path, struct sockaddr_un *address_out, int *folder_fd_out,
                    GError **error)
{
    g_autofree char *folder = NULL, *name = NULL, *indirect = NULL;
    const char *used = path;
    int fd = -1;

    if (strlen(path) >= sizeof address_out->sun_path) {
        folder = g_path_get_dirname(path);
        name = g_path_get_basename(path);
        fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s", folder,
                        g_strerror(errno));
            return FALSE;
        }
        indirect = g_strdup_printf("/proc/self/fd/%d/%s", fd, name);
        used = indirect;
    }
    memset(address_out, 0, sizeof *address_out);
    address_out->sun_family = AF_UNIX;
    g_strlcpy(address_out->sun_path, used, sizeof address_out->sun_path);
    *folder_fd_out = fd;
    return TRUE;
}

/* ---- one client ---- */

static void
client_unref(Client *client)
{
    if (--client->references > 0)
        return;
    explicit_bzero(client->in->str, client->in->allocated_len);
    g_string_free(client->in, TRUE);
    g_string_free(client->out, TRUE);
    g_free(client);
}

static void
drop_source(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void
client_close(Client *client)
{
    if (client->fd < 0)
        return;
    drop_source(&client->reading);
    drop_source(&client->writing);
    close(client->fd);
    client->fd = -1;
    if (client->server != NULL)
        g_ptr_array_remove_fast(client->server->clients, client);
    client->server = NULL;
    client_unref(client);
}

static gboolean
client_write(int fd, GIOCondition condition, gpointer data)
{
    Client *client = data;
    gssize sent = send(fd, client->out->str + client->sent, client->out->len - client->sent,
                       MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (sent < 0) {
        client_close(client);
        return G_SOURCE_REMOVE;
    }
    client->sent += (gsize)sent;
    if (client->sent < client->out->len)
        return G_SOURCE_CONTINUE;
    g_string_truncate(client->out, 0);
    client->sent = 0;
    drop_source(&client->writing);
    if (client->at_end && !client->busy)
        client_close(client);
    return G_SOURCE_REMOVE;
}

static void
client_send(Client *client, JsonObject *answer)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *text = NULL;

    json_node_set_object(node, answer);
    text = json_to_string(node, FALSE);
    g_string_append(client->out, text);
    g_string_append_c(client->out, '\n');
    if (client->writing != NULL)
        return;
    client->writing = g_unix_fd_source_new(client->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(client->writing, G_SOURCE_FUNC(client_write), client, NULL);
    g_source_attach(client->writing, client->server->context);
}

static const char *
error_word(const GError *error)
{
    static const char *const words[] = {"unknown", "argument", "failed", "offline"};

    return error->domain == IMS_CONTROL_ERROR && error->code < (int)G_N_ELEMENTS(words)
               ? words[error->code]
               : "failed";
}

static void
client_send_error(Client *client, const GError *error)
{
    g_autoptr(JsonObject) answer = json_object_new();
    JsonObject *object = json_object_new();

    ims_control_set_text(object, "kind", error_word(error));
    ims_control_set_text(object, "message", error->message);
    json_object_set_object_member(answer, "error", object);
    client_send(client, answer);
}

static void
answered(JsonNode *result, const GError *error, gpointer data)
{
    Client *client = data;

    client->busy = FALSE;
    if (client->fd < 0) {
        g_clear_pointer(&result, json_node_unref);
    } else if (error != NULL) {
        client_send_error(client, error);
    } else {
        g_autoptr(JsonObject) answer = json_object_new();

        json_object_set_member(answer, "result",
                               result != NULL ? result : json_node_new(JSON_NODE_NULL));
        client_send(client, answer);
    }
    if (client->fd >= 0 && !client->taking)
        client_take_lines(client);
    client_unref(client);
}

static void
client_request(Client *client, const char *line, gsize length)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    JsonNode *root = NULL;

    if (g_utf8_validate_len(line, length, NULL) &&
        json_parser_load_from_data(parser, line, (gssize)length, &error))
        root = json_parser_get_root(parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
        g_clear_error(&error);
        g_set_error_literal(&error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT,
                            "a JSON object on one line is expected");
        client_send_error(client, error);
        return;
    }
    client->busy = TRUE;
    client->references++;
    ims_control_request(client->server->service, json_node_get_object(root), answered, client);
}

static void
client_take_lines(Client *client)
{
    client->taking = TRUE;
    client->references++;
    while (client->fd >= 0 && !client->busy) {
        char *feed = memchr(client->in->str, '\n', client->in->len);
        g_autofree char *line = NULL;
        gsize length;

        if (feed == NULL)
            break;
        length = (gsize)(feed - client->in->str);
        line = g_strndup(client->in->str, length);
        explicit_bzero(client->in->str, length);
        g_string_erase(client->in, 0, (gssize)length + 1);
        client_request(client, line, length);
        explicit_bzero(line, length);
    }
    client->taking = FALSE;
    if (client->fd >= 0 && !client->busy && client->at_end && client->writing == NULL)
        client_close(client);
    client_unref(client);
}

static gboolean
client_read(int fd, GIOCondition condition, gpointer data)
{
    Client *client = data;
    char bytes[READ_SIZE];
    gssize got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (got < 0) {
        client_close(client);
        return G_SOURCE_REMOVE;
    }
    client->references++;
    if (got == 0) {
        client->at_end = TRUE;
        drop_source(&client->reading);
    } else {
        g_string_append_len(client->in, bytes, got);
        explicit_bzero(bytes, (gsize)got);
    }
    client_take_lines(client);
    if (client->fd >= 0 && client->in->len > IMS_CONTROL_MAX_REQUEST)
        client_close(client);
    client_unref(client);
    return G_SOURCE_CONTINUE;
}

/* ---- the server ---- */

static gboolean
accept_client(int fd, GIOCondition condition, gpointer data)
{
    ImsControlServer *server = data;
    int new_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Client *client;

    if (new_fd < 0)
        return G_SOURCE_CONTINUE;
    if (server->clients->len >= MAX_CLIENTS) {
        close(new_fd);
        return G_SOURCE_CONTINUE;
    }
    client = g_new0(Client, 1);
    client->server = server;
    client->fd = new_fd;
    client->in = g_string_new(NULL);
    client->out = g_string_new(NULL);
    client->references = 1;
    client->reading = g_unix_fd_source_new(new_fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(client->reading, G_SOURCE_FUNC(client_read), client, NULL);
    g_source_attach(client->reading, server->context);
    g_ptr_array_add(server->clients, client);
    return G_SOURCE_CONTINUE;
}

static int
listen_at(const char *path, GError **error)
{
    struct sockaddr_un address;
    int folder_fd = -1, fd;

    if (!ims_control_address(path, &address, &folder_fd, error))
        return -1;
    /* The data directory's lock is ours: a socket that is there was left behind. */
    (void)g_unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode is set before anybody can connect: fchmod before bind counts for the file. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, 0600) != 0 || listen(fd, MAX_CLIENTS) != 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                    "the control socket %s cannot be made: %s", path, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (folder_fd >= 0)
        close(folder_fd);
    return fd;
}

ImsControlServer *
ims_control_server_new(ImsService *service, const char *path, GMainContext *context, GError **error)
{
    int fd = listen_at(path, error);
    ImsControlServer *server;

    if (fd < 0)
        return NULL;
    server = g_new0(ImsControlServer, 1);
    server->service = service;
    server->context = g_main_context_ref(context);
    server->path = g_strdup(path);
    server->fd = fd;
    server->clients = g_ptr_array_new();
    server->accepting = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(server->accepting, G_SOURCE_FUNC(accept_client), server, NULL);
    g_source_attach(server->accepting, context);
    return server;
}

void
ims_control_server_free(ImsControlServer *server)
{
    if (server == NULL)
        return;
    drop_source(&server->accepting);
    close(server->fd);
    (void)g_unlink(server->path);
    while (server->clients->len > 0)
        client_close(server->clients->pdata[0]);
    g_ptr_array_unref(server->clients);
    g_main_context_unref(server->context);
    g_free(server->path);
    g_free(server);
}
