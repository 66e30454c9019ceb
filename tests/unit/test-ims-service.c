/* What the service makes of its configuration, what it says at the start, and sockets handed over.
 */
#include <config.h>

#include "ims/service.h"

#include "ims/handover.h"
#include "ims/server.h"
#include "net/sim-world.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define START_USEC G_GINT64_CONSTANT(1795608000000000)

typedef struct {
    ImsWorld *world;
    ImsConfig *config;
    ImsService *service;
} Fixture;

static void
open_service(Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;

    f->world = ims_sim_world_new(1, START_USEC);
    f->config = ims_config_parse("/srv/ims/ims.conf", text, strlen(text), &error);
    g_assert_no_error(error);
    f->service = ims_service_new(f->world, f->config, TRUE, &error);
    g_assert_no_error(error);
}

static void
count(gpointer data)
{
    ++*(guint *)data;
}

static void
close_service(Fixture *f)
{
    ims_service_free(f->service);
    ims_sim_world_free(f->world);
    ims_config_free(f->config);
}

/* ---- limits ---- */

static void
test_limits(void)
{
    Fixture f;

    open_service(&f, "[Limits]\nMessageSize=5M\nHeaderSize=2K\nMIMEDepth=3\nMIMEParts=4\nErrors=6\n"
                     "IMAP4Line=9K\nLiteralBeforeLogon=99\nSessionsPerAccount=7\nPOP3Timeout=61\n"
                     "IMAP4Timeout=62\n");
    g_assert_cmpuint(f.service->imap4.max_literal, ==, 5 * 1024 * 1024);
    g_assert_cmpuint(f.service->imap4.mime_limits.max_header_size, ==, 2048);
    g_assert_cmpuint(f.service->imap4.mime_limits.max_depth, ==, 3);
    g_assert_cmpuint(f.service->imap4.mime_limits.max_parts, ==, 4);
    g_assert_cmpuint(f.service->imap4.max_errors, ==, 6);
    g_assert_cmpuint(f.service->imap4.max_line, ==, 9 * 1024);
    g_assert_cmpuint(f.service->imap4.max_literal_before_logon, ==, 99);
    g_assert_cmpuint(f.service->imap4.max_account_sessions, ==, 7);
    g_assert_cmpuint(f.service->imap4.idle_timeout_sec, ==, 62);
    g_assert_cmpuint(f.service->pop3.max_errors, ==, 6);
    g_assert_cmpuint(f.service->pop3.max_account_sessions, ==, 7);
    g_assert_cmpuint(f.service->pop3.idle_timeout_sec, ==, 61);
    close_service(&f);
}

/* ---- windows ---- */

static const struct {
    const char *text;
    gboolean opens;
} window_rows[] = {
    {"[Routing Restrictions]\nRelayFlags = 8\n",                                              TRUE },
    {"[Routing Restrictions]\nRelayFlags = 15\n",                                             TRUE },
    {"[Routing Restrictions]\nRelayFlags = 7\n",                                              FALSE}, /* bit 8 is not ticked */
    {"",                                                                                      FALSE},
    {"[Routing Restrictions]\nRelayFlags = 8\nLogonAuthorizesRelay = no\n",                   FALSE}, /* Q193922 */
    {"[Routing Restrictions]\nRelayFlags = 8\nLogonWindowExcept = 192.0.2.0;255.255.255.0\n",
     FALSE                                                                                         },
    {"[Routing Restrictions]\nRelayFlags = 8\nLogonWindowExcept = 192.0.3.0;255.255.255.0\n", TRUE },
};

static void
test_windows(void)
{
    ImsAddress address;

    g_assert_true(ims_address_parse("192.0.2.7", &address));
    for (guint i = 0; i < G_N_ELEMENTS(window_rows); i++) {
        Fixture f;
        ImsLogonToken *token;

        open_service(&f, window_rows[i].text);
        token = ims_logon_windows_open(f.service->windows, &address, "EXAMPLE\\alice", "pop3");
        ims_logon_token_close(&token);
        g_assert_cmpint(ims_logon_windows_check(f.service->windows, &address, NULL), ==,
                        window_rows[i].opens);
        close_service(&f);
    }
}

static void
test_account_change_drops_sessions(void)
{
    Fixture f;
    ImsAccountSession *session;
    guint dropped = 0;
    g_autoptr(GError) error = NULL;
    const gboolean disabled = FALSE;

    open_service(&f, "[Directory]\nDefaultDomain = EXAMPLE\n");
    g_assert_true(ims_directory_add_account(f.service->directory, "alice", "secret", &error));
    session = ims_account_sessions_enter(f.service->sessions, "EXAMPLE\\alice", 0, count, &dropped);
    g_assert_true(
        ims_directory_set_account(f.service->directory, "alice", &disabled, FALSE, &error));
    g_assert_no_error(error);
    ims_sim_world_settle(f.world);
    g_assert_cmpuint(dropped, ==, 1);
    ims_account_session_leave(&session);
    close_service(&f);
}

/* ---- settings of the protocols ---- */

static void
test_settings(void)
{
    Fixture f;

    open_service(
        &f,
        "[Server]\nHostName = mail.example.com\n[Limits]\nPOP3Timeout = 77\nIMAP4Timeout = 88\n"
        "SessionsPerAccount = 5\nErrors = 6\nMessageSize = 1M\n[Emulation]\nProfile = faithful\n");
    g_assert_cmpstr(f.service->pop3.build, ==,
                    "5.5.2653.23"); /* P-002: the store's, not the IMS's */
    g_assert_cmpstr(f.service->imap4.build, ==, "5.5.2653.23");
    g_assert_cmpstr(f.service->imap4.host, ==, "mail.example.com");
    g_assert_false(f.service->pop3.extended);
    g_assert_false(f.service->imap4.extended);
    g_assert_cmpuint(f.service->pop3.idle_timeout_sec, ==, 77);
    g_assert_cmpuint(f.service->imap4.idle_timeout_sec, ==, 88);
    g_assert_cmpuint(f.service->pop3.max_account_sessions, ==, 5);
    g_assert_cmpuint(f.service->imap4.max_errors, ==, 6);
    g_assert_cmpuint(f.service->imap4.max_literal, ==, 1024 * 1024);
    close_service(&f);
}

static void
test_unwritable_data_directory(void)
{
    static const char text[] = "[Server]\nDataDirectory = /dev/null/data\n";
    ImsWorld *world = ims_sim_world_new(1, START_USEC);
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = ims_config_parse("/srv/ims/ims.conf", text, strlen(text), &error);

    g_assert_null(ims_service_new(world, config, FALSE, &error));
    g_assert_nonnull(strstr(error->message, "/dev/null/data"));
    ims_sim_world_free(world);
}

/* ---- start and stop ---- */

static const struct {
    const char *text, *expected; /* NULL: nothing of a relay */
} start_rows[] = {
    {"[Routing]\nRerouteIncomingMail = yes\n",
     "open-relay RelayFlags=0 served-to=loopback source=\"R-059 Q193922\""                                                                                  },
    {"[Routing]\nRerouteIncomingMail = yes\n[Routing Restrictions]\nRelayFlags = 1\nRelayDenyList "
     "= 192.0.2.1\n",                                                             "open-relay RelayFlags=1 served-to=loopback source=\"R-060 Q193922\""},
    {"[Routing]\nRerouteIncomingMail = yes\n[Emulation]\nAcceptHistoricRisk = yes\n",
     "served-to=everyone"                                                                                                                                   },
    {"[Routing]\nRerouteIncomingMail = yes\n[Routing Restrictions]\nRelayFlags = 2\n", NULL                                                                 },
    {"",                                                                               NULL                                                                 },
};

static void
test_start_names_an_open_relay(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(start_rows); i++) {
        Fixture f;
        guint stopped = 0;
        g_autofree char *log = NULL;

        open_service(&f, start_rows[i].text);
        ims_service_start(f.service);
        ims_sim_world_settle(f.world);
        log = ims_log_take(f.service->log);
        if (start_rows[i].expected == NULL)
            g_assert_null(strstr(log, "open-relay"));
        else if (strstr(log, start_rows[i].expected) == NULL)
            g_error("expected %s in: %s", start_rows[i].expected, log);
        ims_service_stop(f.service, count, &stopped);
        ims_sim_world_settle(f.world);
        g_assert_cmpuint(stopped, ==, 1);
        g_assert_null(f.service->queue);
        close_service(&f);
    }
}

static void
test_stop_waits_for_control_calls(void)
{
    Fixture f;
    guint stopped = 0;

    open_service(&f, "");
    ims_service_start(f.service);
    f.service->control_calls = 1;
    ims_service_stop(f.service, count, &stopped);
    ims_sim_world_advance(f.world, G_USEC_PER_SEC);
    g_assert_cmpuint(stopped, ==, 0);
    f.service->control_calls = 0;
    ims_sim_world_advance(f.world, G_USEC_PER_SEC);
    g_assert_cmpuint(stopped, ==, 1);
    close_service(&f);
}

/* ---- handing over ---- */

static int
listen_somewhere(guint16 *port_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
    *port_out = ntohs(address.sin_port);
    return fd;
}

static guint16
port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
    return ntohs(address.sin_port);
}

/* In a process of its own: the sockets go to descriptors 3 and up, whatever is there. */
static void
test_handover(void)
{
    guint16 ports[3];
    int fds[3], claimed;
    static const char *const names[] = {"SMTP", "POP3", "IMAP4"};
    ImsConfigListener listener = {.protocol = IMS_PROTOCOL_SMTP};

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }
    for (guint i = 0; i < 3; i++)
        fds[i] = listen_somewhere(&ports[i]);
    g_assert_true(ims_address_parse("127.0.0.1", &listener.address));
    ims_handover_give(fds, names, 3);
    g_assert_cmpstr(g_getenv("LISTEN_FDS"), ==, "3");
    {
        g_autoptr(ImsHandover) handover = ims_handover_take();

        g_assert_null(g_getenv("LISTEN_FDS"));
        listener.port = ports[1];
        claimed = ims_handover_claim(handover, &listener);
        g_assert_cmpint(claimed, >=, 3);
        g_assert_cmpuint(port_of(claimed), ==, ports[1]);
        /* Once only. */
        g_assert_cmpint(ims_handover_claim(handover, &listener), ==, -1);
        /* Another address is another listener. */
        g_assert_true(ims_address_parse("127.0.0.2", &listener.address));
        listener.port = ports[0];
        g_assert_cmpint(ims_handover_claim(handover, &listener), ==, -1);
        /* Any port: the one that this protocol had. */
        g_assert_true(ims_address_parse("127.0.0.1", &listener.address));
        listener.port = 0;
        listener.protocol = IMS_PROTOCOL_POP3;
        g_assert_cmpint(ims_handover_claim(handover, &listener), ==, -1);
        listener.protocol = IMS_PROTOCOL_IMAP4;
        claimed = ims_handover_claim(handover, &listener);
        g_assert_cmpuint(port_of(claimed), ==, ports[2]);
    }
}

static const struct {
    const char *pid, *fds;
} handover_rows[] = {
    {NULL,   NULL                  },
    {"1",    "1"                   },
    {"self", "0"                   },
    {"self", "-1"                  },
    {"self", "99999999999999999999"},
    {"self", "two"                 },
    {"x",    "1"                   },
    {NULL,   "1"                   },
    {"self", NULL                  }
};

/* What is not for this process, or no number, is left alone. */
static void
test_handover_lies(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(handover_rows); i++) {
        g_autofree char *self = g_strdup_printf("%d", (int)getpid());
        const char *pid =
            g_strcmp0(handover_rows[i].pid, "self") == 0 ? self : handover_rows[i].pid;
        ImsConfigListener listener = {.protocol = IMS_PROTOCOL_SMTP};
        g_autoptr(ImsHandover) handover = NULL;

        g_unsetenv("LISTEN_PID");
        g_unsetenv("LISTEN_FDS");
        if (pid != NULL)
            g_setenv("LISTEN_PID", pid, TRUE);
        if (handover_rows[i].fds != NULL)
            g_setenv("LISTEN_FDS", handover_rows[i].fds, TRUE);
        handover = ims_handover_take();
        g_assert_true(ims_address_parse("127.0.0.1", &listener.address));
        g_assert_cmpint(ims_handover_claim(handover, &listener), ==, -1);
    }
}

/* ---- the service manager ---- */

static void
test_notify(void)
{
    g_autofree char *folder = g_dir_make_tmp("ims-notify-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "notify", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char bytes[64];

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    ims_notify("READY=1");
    g_assert_cmpint(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), ==, 7);
    g_assert_cmpmem(bytes, 7, "READY=1", 7);
    /* Nobody there, no socket, no path: nothing happens. */
    close(fd);
    ims_notify("READY=1");
    g_assert_cmpint(g_unlink(path), ==, 0);
    ims_notify("READY=1");
    g_setenv("NOTIFY_SOCKET", "x", TRUE);
    ims_notify("READY=1");
    g_unsetenv("NOTIFY_SOCKET");
    ims_notify("READY=1");
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ims/service/limits", test_limits);
    g_test_add_func("/ims/service/windows-need-bit-8-and-the-setting", test_windows);
    g_test_add_func("/ims/service/account-change-drops-sessions",
                    test_account_change_drops_sessions);
    g_test_add_func("/ims/service/settings-of-the-protocols", test_settings);
    g_test_add_func("/ims/service/unwritable-data-directory", test_unwritable_data_directory);
    g_test_add_func("/ims/service/start-names-an-open-relay-R-059", test_start_names_an_open_relay);
    g_test_add_func("/ims/service/stop-waits-for-control-calls", test_stop_waits_for_control_calls);
    g_test_add_func("/ims/handover/round", test_handover);
    g_test_add_func("/ims/handover/lies", test_handover_lies);
    g_test_add_func("/ims/notify", test_notify);
    return g_test_run();
}
