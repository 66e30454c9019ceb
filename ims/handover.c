#include "ims/handover.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FIRST_FD = 3, /* SD_LISTEN_FDS_START */
    MAX_FDS = 1024,
};

typedef struct {
    int fd;
    char *name; /* "" where none was given */
    ImsAddress address;
    guint16 port;
} Inherited;

struct _ImsHandover {
    GArray *sockets; /* (element-type Inherited) */
};

static void
inherited_clear(gpointer data)
{
    Inherited *inherited = data;

    if (inherited->fd >= 0)
        close(inherited->fd);
    g_free(inherited->name);
}

/* FALSE where @fd is no listening TCP socket. */
static gboolean
look_at(int fd, Inherited *out)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int listening = 0;
    socklen_t size = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return FALSE;
    if (address.ss_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, &address, sizeof in);
        ims_address_from_bytes(&out->address, (const guint8 *)&in.sin_addr, 4);
        out->port = ntohs(in.sin_port);
    } else if (address.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, &address, sizeof in6);
        ims_address_from_bytes(&out->address, (const guint8 *)&in6.sin6_addr, 16);
        out->port = ntohs(in6.sin6_port);
    } else {
        return FALSE;
    }
    return TRUE;
}

ImsHandover *
ims_handover_take(void)
{
    ImsHandover *handover = g_new0(ImsHandover, 1);
    const char *pid_text = g_getenv("LISTEN_PID"), *count_text = g_getenv("LISTEN_FDS");
    g_auto(GStrv) names =
        g_strsplit(g_getenv("LISTEN_FDNAMES") != NULL ? g_getenv("LISTEN_FDNAMES") : "", ":", -1);
    guint64 pid = 0, count = 0;

    handover->sockets = g_array_new(FALSE, TRUE, sizeof(Inherited));
    g_array_set_clear_func(handover->sockets, inherited_clear);
    if (pid_text == NULL || count_text == NULL ||
        !g_ascii_string_to_unsigned(pid_text, 10, 1, G_MAXINT, &pid, NULL) ||
        (pid_t)pid != getpid() ||
        !g_ascii_string_to_unsigned(count_text, 10, 1, MAX_FDS, &count, NULL))
        count = 0;
    for (guint i = 0; i < count; i++) {
        Inherited inherited = {.fd = FIRST_FD + (int)i};

        if (fcntl(inherited.fd, F_SETFD, FD_CLOEXEC) != 0 || !look_at(inherited.fd, &inherited))
            continue;
        inherited.name = g_strdup(i < g_strv_length(names) ? names[i] : "");
        g_array_append_val(handover->sockets, inherited);
    }
    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_FDS");
    g_unsetenv("LISTEN_FDNAMES");
    return handover;
}

void
ims_handover_free(ImsHandover *handover)
{
    if (handover == NULL)
        return;
    g_array_unref(handover->sockets);
    g_free(handover);
}

int
ims_handover_claim(ImsHandover *handover, const ImsConfigListener *listener)
{
    for (guint i = 0; i < handover->sockets->len; i++) {
        Inherited *inherited = &g_array_index(handover->sockets, Inherited, i);
        int fd = inherited->fd;

        if (fd < 0 || !ims_address_equal(&inherited->address, &listener->address))
            continue;
        /* Port 0 is any free port: the one it had is kept, if it was this protocol's. */
        if (listener->port != 0
                ? inherited->port != listener->port
                : strcmp(inherited->name, ims_protocol_name(listener->protocol)) != 0)
            continue;
        inherited->fd = -1;
        return fd;
    }
    return -1;
}

void
ims_handover_give(const int *fds, const char *const *names, guint n_fds)
{
    g_autofree int *copies = g_new(int, n_fds + 1);
    g_autoptr(GString) all_names = g_string_new(NULL);
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_autofree char *count = NULL;
    guint n = 0;

    /* Out of the way first: a socket may stand where another one goes. */
    for (guint i = 0; i < n_fds && i < MAX_FDS; i++) {
        copies[n] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + MAX_FDS);
        if (copies[n] < 0)
            copies[n] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + (int)n_fds);
        if (copies[n] < 0)
            continue;
        g_string_append_printf(all_names, "%s%s", n > 0 ? ":" : "", names[i]);
        n++;
    }
    for (guint i = 0; i < n; i++)
        (void)dup2(copies[i], FIRST_FD + (int)i);
    if (n == 0)
        return;
    count = g_strdup_printf("%u", n);
    g_setenv("LISTEN_PID", pid, TRUE);
    g_setenv("LISTEN_FDS", count, TRUE);
    g_setenv("LISTEN_FDNAMES", all_names->str, TRUE);
}
