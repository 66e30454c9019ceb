/* The control protocol, on a service in memory: requests, their errors, and the socket. */
#include <config.h>

#include "ims/control.h"

#include "ims/control-socket.h"
#include "net/sim-world.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_USEC G_GINT64_CONSTANT(1795608000000000) /* 2026-11-25T12:00:00Z */

typedef struct {
    char *folder, *file;
    ImsWorld *world;
    ImsConfig *config;
    ImsService *service;
    guint stops, restarts;
    GString *answer; /* of the last request: JSON, or "error KIND: message"; "" before it came */
} Fixture;

static const char configuration[] =
    "[Server]\nHostName = mail.example.com\n[Routing]\nRerouteIncomingMail = yes\n[Routing List]\n"
    "example.com = <inbound>\n[Routing Restrictions]\nRelayFlags = authenticated\n";

/* ---- the program's side ---- */

static guint
host_sessions(gpointer data, ImsProtocol protocol)
{
    return protocol == IMS_PROTOCOL_POP3 ? 3 : 0;
}

static void
host_stop(gpointer data, gboolean restart)
{
    Fixture *f = data;

    if (restart)
        f->restarts++;
    else
        f->stops++;
}

static const ImsServiceHost host = {host_sessions, host_stop};

/* ---- fixture ---- */

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->folder = g_dir_make_tmp("ims-control-XXXXXX", &error);
    g_assert_no_error(error);
    f->file = g_build_filename(f->folder, "ims.conf", NULL);
    g_assert_true(g_file_set_contents(f->file, configuration, -1, &error));
    f->world = ims_sim_world_new(1, START_USEC);
    f->config = ims_config_load(f->file, &error);
    g_assert_no_error(error);
    f->service = ims_service_new(f->world, f->config, TRUE, &error);
    g_assert_no_error(error);
    f->answer = g_string_new(NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_string_free(f->answer, TRUE);
    ims_service_free(f->service);
    ims_sim_world_free(f->world);
    ims_config_free(f->config);
    (void)g_unlink(f->file);
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->folder);
    g_free(f->file);
}

static void
answered(JsonNode *result, const GError *error, gpointer data)
{
    Fixture *f = data;

    g_assert_cmpuint(f->answer->len, ==, 0); /* exactly once */
    if (error != NULL) {
        static const char *const kinds[] = {"unknown", "argument", "failed", "offline"};

        g_assert_null(result);
        g_string_printf(f->answer, "error %s: %s",
                        error->domain == IMS_CONTROL_ERROR ? kinds[error->code] : "other",
                        error->message);
    } else if (result == NULL) {
        g_string_assign(f->answer, "null");
    } else {
        g_autofree char *text = json_to_string(result, FALSE);

        g_string_assign(f->answer, text);
        json_node_unref(result);
    }
}

static const char *
ask(Fixture *f, const char *text)
{
    g_autoptr(JsonNode) node = json_from_string(text, NULL);

    g_assert_nonnull(node);
    g_string_truncate(f->answer, 0);
    ims_control_request(f->service, json_node_get_object(node), answered, f);
    ims_sim_world_settle(f->world);
    g_assert_cmpuint(f->answer->len, >, 0);
    g_assert_cmpuint(f->service->control_calls, ==, 0);
    return f->answer->str;
}

static void
expect(Fixture *f, const char *request, const char *part)
{
    const char *answer = ask(f, request);

    if (strstr(answer, part) == NULL)
        g_error("%s\n  expected: %s\n  got: %s", request, part, answer);
}

/* ---- each request, in the order a day might bring; one row after another on one service ---- */

typedef struct {
    const char *request, *expected;
} Step;

static const Step mailbox_steps[] = {
    {"{\"request\":\"mailbox.list\"}",                                                               "[]"                                                       },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"alice\"}}",
     "error argument: EXAMPLE\\alice: there is no such account; a password is expected"                                                                         },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"alice\",\"password\":\"wonder\","
     "\"name\":\"Alice L\"}}",                                                                  "\"account\":\"EXAMPLE\\\\alice\""                         },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":\"ALICE\"}}",
     "\"addresses\":[\"alice@example.com\"]"                                                                                                                    },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":\"alice\"}}",
     "\"name\":\"INBOX\",\"messages\":0"                                                                                                                        },
    {"{\"request\":\"account.show\",\"arguments\":{\"account\":\"alice\"}}",
     "\"mailboxes\":[\"alice\"]"                                                                                                                                },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"Alice\",\"password\":\"x\"}}",
     "error argument: alice: the alias is taken by a mailbox"                                                                                                   },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"al\",\"account\":\"alice\","
     "\"password\":\"x\"}}",                                                                    "the account is there already; no password is expected"    },
 /* D-044: an address is borne once. The account that was made for it goes again. */
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"bob\",\"password\":\"builder\","
     "\"addresses\":"
     "[\"alice@example.com\"]}}",                                                               "error other: "                                            },
    {"{\"request\":\"account.show\",\"arguments\":{\"account\":\"bob\"}}",                           "error other: "                                            },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"bob\",\"password\":\"builder\","
     "\"addresses\":"
     "[\"bob@example.com\",\"Robert@example.com\"]}}",                                          "\"account_made\":true"                                    },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"shared\",\"account\":"
     "\"EXAMPLE\\\\bob\"}}",                                                                    "\"account_made\":false"                                   },
    {"{\"request\":\"mailbox.change\",\"arguments\":{\"alias\":\"bob\",\"remove_addresses\":["
     "\"robert@example.com\"],"
     "\"add_addresses\":[\"bobby@example.com\",\"BOB@example.com\"]}}",                         "\"addresses\":[\"bob@example.com\",\"bobby@example.com\"]"},
    {"{\"request\":\"mailbox.change\",\"arguments\":{\"alias\":\"bob\",\"remove_addresses\":[\"no@"
     "example.com\"]}}",                                                                        "error argument: no@example.com: it is not there"          },
    {"{\"request\":\"mailbox.change\",\"arguments\":{\"alias\":\"bob\",\"new_alias\":\"robert\","
     "\"hidden\":true}}",                                                                       "\"hidden\":true"                                          },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":\"bob\"}}",
     "error failed: bob: there is no such mailbox"                                                                                                              },
    {"{\"request\":\"mailbox.change\",\"arguments\":{\"alias\":\"robert\",\"account\":\"nobody\"}}",
     "error other: "                                                                                                                                            },
    {"{\"request\":\"list.show\",\"arguments\":{\"alias\":\"robert\"}}",
     "error argument: robert: it is a mailbox; a distribution list is expected"                                                                                 },
 /* The account of two mailboxes stays with the second one. */
    {"{\"request\":\"mailbox.remove\",\"arguments\":{\"alias\":\"robert\"}}",                        "null"                                                     },
    {"{\"request\":\"account.show\",\"arguments\":{\"account\":\"bob\"}}",
     "\"mailboxes\":[\"shared\"]"                                                                                                                               },
    {"{\"request\":\"mailbox.remove\",\"arguments\":{\"alias\":\"shared\"}}",                        "null"                                                     },
    {"{\"request\":\"account.show\",\"arguments\":{\"account\":\"bob\"}}",                           "error other: "                                            },
    {"{\"request\":\"mailbox.remove\",\"arguments\":{\"alias\":\"alice\",\"keep_account\":true}}",
     "null"                                                                                                                                                     },
    {"{\"request\":\"account.show\",\"arguments\":{\"account\":\"alice\"}}",                         "\"mailboxes\":[]"                                         },
    {"{\"request\":\"mailbox.remove\",\"arguments\":{\"alias\":\"alice\"}}",                         "error failed: "                                           },
};

static const Step recipient_steps[] = {
    {"{\"request\":\"recipient.add\",\"arguments\":{\"alias\":\"fred\"}}",
     "error argument: recipient.add: target: not given: a text is expected"                                                                                },
    {"{\"request\":\"recipient.add\",\"arguments\":{\"alias\":\"fred\",\"target\":\"fred@far."
     "example\"}}",                                                                     "\"target\":\"fred@far.example\""                             },
    {"{\"request\":\"recipient.change\",\"arguments\":{\"alias\":\"fred\",\"target\":\"f@far."
     "example\",\"name\":\"F\"}}",                                                      "\"target\":\"f@far.example\""                                },
    {"{\"request\":\"list.add\",\"arguments\":{\"alias\":\"team\",\"members\":[\"fred\",\"nobody\"]"
     "}}",                                                                              "error argument: nobody: the alias of a recipient is expected"},
    {"{\"request\":\"list.add\",\"arguments\":{\"alias\":\"team\",\"members\":[\"fred\"]}}",
     "\"members\":[\"fred\"]"                                                                                                                              },
    {"{\"request\":\"list.add\",\"arguments\":{\"alias\":\"all\"}}",                         "\"members\":[]"                                              },
    {"{\"request\":\"list.change\",\"arguments\":{\"alias\":\"all\",\"add_members\":[\"team\","
     "\"fred\"]}}",                                                                     "\"members\":[\"team\",\"fred\"]"                             },
    {"{\"request\":\"list.change\",\"arguments\":{\"alias\":\"all\",\"remove_members\":[\"team\"]}"
     "}",                                                                               "\"members\":[\"fred\"]"                                      },
    {"{\"request\":\"list.list\"}",                                                          "\"alias\":\"team\""                                          },
    {"{\"request\":\"recipient.list\"}",                                                     "\"kind\":\"custom recipient\""                               },
    {"{\"request\":\"list.remove\",\"arguments\":{\"alias\":\"team\"}}",                     "null"                                                        },
    {"{\"request\":\"recipient.remove\",\"arguments\":{\"alias\":\"fred\"}}",                "null"                                                        },
    {"{\"request\":\"recipient.list\"}",                                                     "[]"                                                          },
};

static const Step account_steps[] = {
    {"{\"request\":\"account.add\",\"arguments\":{\"account\":\"EXAMPLE\\\\carol\",\"password\":"
     "\"singer\"}}",                                                                      "\"enabled\":true"                             },
    {"{\"request\":\"account.add\",\"arguments\":{\"account\":\"carol\",\"password\":\"x\"}}",
     "error other: "                                                                                                                          },
    {"{\"request\":\"account.add\",\"arguments\":{\"account\":\"dave\"}}",                     "password: not given"                          },
    {"{\"request\":\"account.disable\",\"arguments\":{\"account\":\"carol\"}}",
     "\"enabled\":false"                                                                                                                      },
    {"{\"request\":\"account.enable\",\"arguments\":{\"account\":\"carol\"}}",                 "\"enabled\":true"                             },
    {"{\"request\":\"account.unlock\",\"arguments\":{\"account\":\"carol\"}}",                 "\"locked\":false"                             },
    {"{\"request\":\"account.password\",\"arguments\":{\"account\":\"carol\",\"password\":"
     "\"dancer\"}}",                                                                      "\"account\":\"EXAMPLE\\\\carol\""             },
    {"{\"request\":\"account.list\"}",                                                         "\"password_changed\":\"2026-11-25T12:00:00Z\""},
    {"{\"request\":\"account.remove\",\"arguments\":{\"account\":\"carol\"}}",                 "null"                                         },
    {"{\"request\":\"account.remove\",\"arguments\":{\"account\":\"carol\"}}",                 "error other: "                                },
    {"{\"request\":\"account.list\"}",                                                         "[]"                                           },
};

static const Step queue_steps[] = {
    {"{\"request\":\"queue.list\"}",                                       "[]"                                                   },
    {"{\"request\":\"queue.domains\"}",                                    "[]"                                                   },
    {"{\"request\":\"queue.list\",\"arguments\":{\"limit\":0}}",           "error argument: limit: 0: "                           },
    {"{\"request\":\"queue.list\",\"arguments\":{\"limit\":1001}}",
     "error argument: limit: 1001: "                                                                                              },
    {"{\"request\":\"queue.list\",\"arguments\":{\"after\":-1}}",
     "error argument: queue.list: after: "                                                                                        },
    {"{\"request\":\"queue.show\",\"arguments\":{\"id\":7}}",              "error other: "                                        },
    {"{\"request\":\"queue.hold\"}",                                       "error argument: one of id, domain and all is expected"},
    {"{\"request\":\"queue.hold\",\"arguments\":{\"id\":1,\"all\":true}}",
     "error argument: one of id"                                                                                                  },
    {"{\"request\":\"queue.delete\",\"arguments\":{\"all\":false}}",       "error argument: one of id"                            },
    {"{\"request\":\"queue.delete\",\"arguments\":{\"id\":0}}",            "error argument: id: 0"                                },
    {"{\"request\":\"queue.delete\",\"arguments\":{\"domain\":\"\"}}",     "error argument: domain: "                             },
    {"{\"request\":\"queue.retry\",\"arguments\":{\"all\":true}}",         "{\"recipients\":0}"                                   },
};

static const Step form_steps[] = {
    {"{}",                                                                                  "error argument: request: "                       },
    {"{\"request\":7}",                                                                     "error argument: request: "                       },
    {"{\"request\":\"mailbox\"}",                                                           "error unknown: mailbox: there is no such request"},
    {"{\"request\":\"mailbox.show\",\"arguments\":[]}",
     "error argument: arguments: an object is expected"                                                                                       },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":7}}",
     "alias: of another kind: a text is expected"                                                                                             },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":null}}",                       "alias: of another kind"                          },
    {"{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":\"a\",\"colour\":\"red\"}}",
     "unknown argument"                                                                                                                       },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"a\",\"addresses\":\"a@b\"}}",
     "a list of texts is expected"                                                                                                            },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"a\",\"addresses\":[1]}}",
     "a list of texts is expected"                                                                                                            },
    {"{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"a\",\"hidden\":\"yes\"}}",
     "true or false is expected"                                                                                                              },
    {"{\"request\":\"logons.list\"}",                                                       "[]"                                              },
    {"{\"request\":\"logons.clear\",\"arguments\":{\"address\":\"1.2.3\"}}",
     "error argument: 1.2.3: "                                                                                                                },
    {"{\"request\":\"stop\"}",                                                              "error offline: the service does not run"         },
    {"{\"request\":\"restart\"}",                                                           "error offline: "                                 },
    {"{\"request\":\"status\"}",                                                            "\"running\":false"                               },
};

static const struct {
    const char *name;
    const Step *steps;
    guint n;
} scripts[] = {
    {"mailboxes",            mailbox_steps,   G_N_ELEMENTS(mailbox_steps)  },
    {"recipients-and-lists", recipient_steps, G_N_ELEMENTS(recipient_steps)},
    {"accounts",             account_steps,   G_N_ELEMENTS(account_steps)  },
    {"queue",                queue_steps,     G_N_ELEMENTS(queue_steps)    },
    {"forms-and-errors",     form_steps,      G_N_ELEMENTS(form_steps)     },
};

static void
test_script(Fixture *f, gconstpointer data)
{
    guint index = GPOINTER_TO_UINT(data);

    for (guint i = 0; i < scripts[index].n; i++)
        expect(f, scripts[index].steps[i].request, scripts[index].steps[i].expected);
}

/* ---- status and restart-to-apply ---- */

static void
test_status(Fixture *f, gconstpointer data)
{
    f->service->host = &host;
    f->service->host_data = f;
    ims_sim_world_advance(f->world, 90 * G_USEC_PER_SEC);
    expect(f, "{\"request\":\"status\"}", "\"running\":true");
    expect(f, "{\"request\":\"status\"}", "\"uptime_sec\":90");
    expect(f, "{\"request\":\"status\"}", "\"POP3\":3");
    expect(f, "{\"request\":\"status\"}", "\"waiting\":0");
    expect(f, "{\"request\":\"status\"}", "\"pending\":[]");
    expect(f, "{\"request\":\"stop\"}", "null");
    g_assert_cmpuint(f->stops, ==, 1);
}

/* R-162: an edit waits for the restart; status names it. A file with errors does not end what runs.
 */
static void
test_pending(Fixture *f, gconstpointer data)
{
    g_autofree char *edited = g_strconcat(configuration, "RelayAllowList = 10.0.0.1\n", NULL);
    g_autofree char *broken = g_strconcat(configuration, "RelayAlowList = 10.0.0.1\n", NULL);
    g_autofree char *without_key = g_strconcat(
        configuration, "[TLS]\nCertificateFile = nosuch.pem\nKeyFile = nosuch.key\n", NULL);

    f->service->host = &host;
    f->service->host_data = f;
    g_assert_true(g_file_set_contents(f->file, edited, -1, NULL));
    expect(f, "{\"request\":\"status\"}",
           "\"pending\":[{\"group\":\"Routing "
           "Restrictions\",\"key\":\"RelayAllowList\",\"running\":null,"
           "\"file\":\"10.0.0.1\",\"note\":\"takes effect when the service is restarted\"}]");
    g_assert_cmpuint(ims_net_list_size(f->service->config->policy.allow), ==, 0);
    expect(f, "{\"request\":\"restart\"}", "null");
    g_assert_cmpuint(f->restarts, ==, 1);
    g_assert_true(g_file_set_contents(f->file, broken, -1, NULL));
    expect(f, "{\"request\":\"status\"}", "is RelayAllowList meant?");
    expect(f, "{\"request\":\"restart\"}",
           "the service was not restarted, since its file has errors");
    g_assert_true(g_file_set_contents(f->file, without_key, -1, NULL));
    expect(f, "{\"request\":\"restart\"}", "the service was not restarted");
    g_assert_cmpuint(f->restarts, ==, 1);
    g_assert_cmpuint(f->stops, ==, 0);
}

/* ---- logon windows ---- */

static void
test_logons(Fixture *f, gconstpointer data)
{
    ImsAddress address;
    ImsLogonToken *token;

    expect(
        f,
        "{\"request\":\"account.add\",\"arguments\":{\"account\":\"alice\",\"password\":\"x1\"}}",
        "alice");
    g_assert_true(ims_address_parse("192.0.2.7", &address));
    token = ims_logon_windows_open(f->service->windows, &address, "EXAMPLE\\alice", "pop3");
    ims_logon_token_close(&token);
    expect(f, "{\"request\":\"logons.list\"}",
           "\"address\":\"192.0.2.7\",\"account\":\"EXAMPLE\\\\alice\"");
    expect(f, "{\"request\":\"logons.clear\",\"arguments\":{\"address\":\"192.0.2.8\"}}",
           "{\"cleared\":0}");
    expect(f, "{\"request\":\"logons.clear\",\"arguments\":{\"account\":\"EXAMPLE\\\\alice\"}}",
           "{\"cleared\":1}");
    /* Another password closes what the old one opened. */
    token = ims_logon_windows_open(f->service->windows, &address, "EXAMPLE\\alice", "imap4");
    ims_logon_token_close(&token);
    expect(f,
           "{\"request\":\"account.password\",\"arguments\":{\"account\":\"alice\",\"password\":"
           "\"x2\"}}",
           "alice");
    expect(f, "{\"request\":\"logons.list\"}", "[]");
}

/* ---- the queue with something in it ---- */

static void
delivered(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ims_store_op_free(op);
}

static void
queue_one(Fixture *f)
{
    static const char text[] = "Subject: hello\r\n\r\ntext\r\n";
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, delivered, NULL);
    ImsQueueRecipient *recipient = ims_queue_recipient_new();

    op->body = g_bytes_new_static(text, sizeof text - 1);
    op->summary = ims_mime_summarize(op->body, NULL);
    op->queue = ims_queue_message_new();
    op->queue->sender = g_strdup("alice@example.com");
    op->queue->subject = g_strdup("hello\033[2J\xff");
    op->queue->accepted_usec = START_USEC;
    op->queue->expires_usec = START_USEC + G_GINT64_CONSTANT(172800) * G_USEC_PER_SEC;
    recipient->address = g_strdup("bob@far.example");
    recipient->domain = g_strdup("far.example");
    recipient->state = IMS_QUEUE_WAITING;
    recipient->next_attempt_usec = START_USEC + 900 * G_USEC_PER_SEC;
    g_ptr_array_add(op->queue->recipients, recipient);
    ims_store_submit(f->service->store, &op->op);
    ims_sim_world_settle(f->world);
}

static void
test_queue(Fixture *f, gconstpointer data)
{
    queue_one(f);
    expect(f, "{\"request\":\"queue.list\"}", "\"from\":\"alice@example.com\"");
    expect(f, "{\"request\":\"queue.list\"}", "\"next_attempt\":\"2026-11-25T12:15:00Z\"");
    expect(f, "{\"request\":\"queue.domains\"}",
           "\"domain\":\"far.example\",\"waiting\":1,\"active\":0,\"held\":0");
    expect(f, "{\"request\":\"queue.list\",\"arguments\":{\"domain\":\"other.example\"}}", "[]");
    expect(f, "{\"request\":\"queue.hold\",\"arguments\":{\"domain\":\"FAR.example\"}}",
           "{\"recipients\":1}");
    expect(f, "{\"request\":\"queue.list\"}", "\"state\":\"held\"");
    expect(f, "{\"request\":\"status\"}", "\"held\":1");
    expect(f, "{\"request\":\"queue.release\",\"arguments\":{\"all\":true}}", "{\"recipients\":1}");
    expect(f, "{\"request\":\"queue.list\"}", "\"state\":\"waiting\"");
    expect(f, "{\"request\":\"queue.delete\",\"arguments\":{\"all\":true}}", "{\"recipients\":1}");
    expect(f, "{\"request\":\"queue.list\"}", "[]");
}

/* ---- the socket ---- */

typedef struct {
    GMainContext *context;
    ImsControlServer *server;
    char *path;
    int fd;
} Socket;

static int
connect_to(const char *path)
{
    struct sockaddr_un address;
    int folder_fd = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_true(ims_control_address(path, &address, &folder_fd, NULL));
    g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    if (folder_fd >= 0)
        close(folder_fd);
    return fd;
}

static void
socket_open(Fixture *f, Socket *s)
{
    g_autoptr(GError) error = NULL;
    struct stat status;

    s->context = g_main_context_new();
    s->path = g_build_filename(f->folder, "control", NULL);
    s->server = ims_control_server_new(f->service, s->path, s->context, &error);
    g_assert_no_error(error);
    g_assert_cmpint(stat(s->path, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
    s->fd = connect_to(s->path);
}

static void
socket_close(Socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    ims_control_server_free(s->server);
    g_assert_false(g_file_test(s->path, G_FILE_TEST_EXISTS));
    g_main_context_unref(s->context);
    g_free(s->path);
}

static void
turn(Fixture *f, Socket *s)
{
    for (guint i = 0; i < 10000; i++) {
        gboolean more = g_main_context_iteration(s->context, FALSE);

        ims_sim_world_settle(f->world);
        if (!more)
            return;
    }
    g_assert_not_reached();
}

/* Everything that has come; @end_out: the server closed. */
static char *
take(Fixture *f, Socket *s, gboolean *end_out)
{
    GString *got = g_string_new(NULL);
    char bytes[4096];
    gssize n;

    turn(f, s);
    while ((n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        g_string_append_len(got, bytes, n);
        turn(f, s);
    }
    if (end_out != NULL)
        *end_out = n == 0 || (n < 0 && errno == ECONNRESET);
    return g_string_free(got, FALSE);
}

static void
put(Fixture *f, Socket *s, const char *text, gsize length)
{
    while (length > 0) {
        gssize n = send(s->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);

        turn(f, s);
        if (n < 0 && errno != EAGAIN)
            return; /* the server has closed */
        text += MAX(n, 0);
        length -= (gsize)MAX(n, 0);
    }
}

static void
test_socket(Fixture *f, gconstpointer data)
{
    static const char requests[] = "{\"request\":\"logons.list\"}\n{\"request\":\"mailbox.add\","
                                   "\"arguments\":{\"alias\":\"a\",\"password\":"
                                   "\"p1\"}}\r\nnonsense\n{\"request\":\"mailbox.remove\","
                                   "\"arguments\":{\"alias\":\"a\"}}\n[]\n\xff\n";
    static const char *const parts[] = {
        "{\"result\":[]}",
        "\"alias\":\"a\"",
        "{\"error\":{\"kind\":\"argument\",\"message\":\"a JSON object",
        "{\"result\":null}",
        "{\"error\":",
        "{\"error\":"};
    gboolean whole = GPOINTER_TO_UINT(data) == 1;
    g_autofree char *got = NULL;
    g_auto(GStrv) lines = NULL;
    Socket s;

    socket_open(f, &s);
    for (gsize i = 0; !whole && i < sizeof requests - 1; i++)
        put(f, &s, requests + i, 1);
    if (whole)
        put(f, &s, requests, sizeof requests - 1);
    got = take(f, &s, NULL);
    lines = g_strsplit(got, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, G_N_ELEMENTS(parts) + 1);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (strstr(lines[i], parts[i]) == NULL)
            g_error("line %u: expected %s in %s", i, parts[i], lines[i]);
    socket_close(&s);
}

/* Half a line, then gone; gone while a request is under way; the server gone while it is. */
static void
test_socket_closes(Fixture *f, gconstpointer data)
{
    static const char add[] =
        "{\"request\":\"mailbox.add\",\"arguments\":{\"alias\":\"b\",\"password\":\"p\"}}\n";
    static const char take_away[] =
        "{\"request\":\"mailbox.remove\",\"arguments\":{\"alias\":\"b\"}}\n";
    Socket s;

    socket_open(f, &s);
    put(f, &s, "{\"request\":", 11);
    close(s.fd);
    turn(f, &s);
    s.fd = connect_to(s.path);
    g_assert_cmpint(send(s.fd, add, sizeof add - 1, MSG_NOSIGNAL), ==, sizeof add - 1);
    close(s.fd);
    s.fd = -1;
    turn(f, &s);
    expect(f, "{\"request\":\"mailbox.show\",\"arguments\":{\"alias\":\"b\"}}", "\"alias\":\"b\"");
    s.fd = connect_to(s.path);
    g_assert_cmpint(send(s.fd, take_away, sizeof take_away - 1, MSG_NOSIGNAL), ==,
                    sizeof take_away - 1);
    for (guint i = 0; i < 10; i++)
        g_main_context_iteration(s.context, FALSE);
    socket_close(&s);
    ims_sim_world_settle(f->world);
    g_assert_cmpuint(f->service->control_calls, ==, 0);
}

static void
test_socket_huge_line(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_malloc(IMS_CONTROL_MAX_REQUEST + 100000);
    g_autofree char *got = NULL;
    gboolean ended = FALSE;
    Socket s;

    memset(text, 'x', IMS_CONTROL_MAX_REQUEST + 100000);
    socket_open(f, &s);
    put(f, &s, text, IMS_CONTROL_MAX_REQUEST + 100000);
    got = take(f, &s, &ended);
    g_assert_true(ended);
    g_assert_cmpstr(got, ==, "");
    socket_close(&s);
}

/* As many requests in one piece as fit: answered one after another, without recursion. */
static void
test_socket_many_requests(Fixture *f, gconstpointer data)
{
    enum {
        N = 20000,
    };
    static const char request[] = "{\"request\":\"logons.list\"}\n";
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);
    Socket s;

    for (guint i = 0; i < N; i++)
        g_string_append(text, request);
    socket_open(f, &s);
    for (gsize sent = 0; sent < text->len;) {
        g_autofree char *piece = NULL;
        gsize n = MIN(text->len - sent, 60000);

        put(f, &s, text->str + sent, n);
        sent += n;
        piece = take(f, &s, NULL);
        g_string_append(got, piece);
    }
    g_assert_cmpuint(got->len, ==, N * strlen("{\"result\":[]}\n"));
    socket_close(&s);
}

/* A path longer than a socket address goes through its folder. */
static void
test_socket_long_path(Fixture *f, gconstpointer data)
{
    g_autofree char *name = g_strnfill(150, 'd');
    g_autofree char *folder = g_build_filename(f->folder, name, NULL);
    g_autofree char *old = f->folder;
    g_autofree char *got = NULL;
    Socket s;

    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    f->folder = folder;
    socket_open(f, &s);
    f->folder = old;
    put(f, &s, "{\"request\":\"logons.list\"}\n", 26);
    got = take(f, &s, NULL);
    g_assert_cmpstr(got, ==, "{\"result\":[]}\n");
    socket_close(&s);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_steal_pointer(&old);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_autofree char *path = g_strconcat("/ims/control/", scripts[i].name, NULL);

        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up, test_script, tear_down);
    }
    g_test_add("/ims/control/status", Fixture, NULL, set_up, test_status, tear_down);
    g_test_add("/ims/control/pending-until-restart-R-162", Fixture, NULL, set_up, test_pending,
               tear_down);
    g_test_add("/ims/control/logon-windows", Fixture, NULL, set_up, test_logons, tear_down);
    g_test_add("/ims/control/queue-with-mail", Fixture, NULL, set_up, test_queue, tear_down);
    g_test_add("/ims/control/socket/byte-by-byte", Fixture, GUINT_TO_POINTER(0), set_up,
               test_socket, tear_down);
    g_test_add("/ims/control/socket/whole", Fixture, GUINT_TO_POINTER(1), set_up, test_socket,
               tear_down);
    g_test_add("/ims/control/socket/closes", Fixture, NULL, set_up, test_socket_closes, tear_down);
    g_test_add("/ims/control/socket/huge-line", Fixture, NULL, set_up, test_socket_huge_line,
               tear_down);
    g_test_add("/ims/control/socket/many-requests", Fixture, NULL, set_up,
               test_socket_many_requests, tear_down);
    g_test_add("/ims/control/socket/long-path", Fixture, NULL, set_up, test_socket_long_path,
               tear_down);
    return g_test_run();
}
