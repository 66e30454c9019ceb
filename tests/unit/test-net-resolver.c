/* DNS: against a small server on 127.0.0.1 that answers by a table, well and badly. */
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/world.h"

#define WAIT_SEC 30

enum { T_A = 1, T_CNAME = 5, T_PTR = 12, T_MX = 15, T_AAAA = 28 };

/* ---- the server ---- */

typedef struct {
    int fd, end_fds[2];
    guint16 port;
    GThread *thread;
    int questions; /* atomic */
} Server;

typedef struct {
    guint8 bytes[512];
    gsize length;
    guint16 n_answers;
} Reply;

static void
put8(Reply *reply, guint value)
{
    g_assert_cmpuint(reply->length, <, sizeof reply->bytes);
    reply->bytes[reply->length++] = (guint8)value;
}

static void
put16(Reply *reply, guint value)
{
    put8(reply, value >> 8);
    put8(reply, value & 0xff);
}

static void
put_name(Reply *reply, const char *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);

    for (guint i = 0; *name != '\0' && labels[i] != NULL; i++) {
        put8(reply, (guint)strlen(labels[i]));
        for (const char *p = labels[i]; *p != '\0'; p++)
            put8(reply, (guint8)*p);
    }
    put8(reply, 0);
}

/* Owner (the question's name), type, class, TTL; returns where the length goes. */
static gsize
begin_record(Reply *reply, const char *owner, guint type)
{
    if (owner != NULL)
        put_name(reply, owner);
    else
        put16(reply, 0xc00c);
    put16(reply, type);
    put16(reply, 1);
    put16(reply, 0);
    put16(reply, 60);
    put16(reply, 0);
    reply->n_answers++;
    return reply->length - 2;
}

static void
end_record(Reply *reply, gsize at)
{
    gsize length = reply->length - at - 2;

    reply->bytes[at] = (guint8)(length >> 8);
    reply->bytes[at + 1] = (guint8)length;
}

static void
add_mx(Reply *reply, guint preference, const char *host)
{
    gsize at = begin_record(reply, NULL, T_MX);

    put16(reply, preference);
    put_name(reply, host);
    end_record(reply, at);
}

static void
add_name(Reply *reply, guint type, const char *host)
{
    gsize at = begin_record(reply, NULL, type);

    put_name(reply, host);
    end_record(reply, at);
}

static void
add_address(Reply *reply, const char *owner, const char *text)
{
    guint8 bytes[16];
    gboolean v4 = strchr(text, ':') == NULL;
    gsize at = begin_record(reply, owner, v4 ? T_A : T_AAAA);

    g_assert_cmpint(inet_pton(v4 ? AF_INET : AF_INET6, text, bytes), ==, 1);
    for (guint i = 0; i < (v4 ? 4u : 16u); i++)
        put8(reply, bytes[i]);
    end_record(reply, at);
}

/* FALSE: no reply. */
static gboolean
answer(Reply *reply, const char *name, guint type)
{
    guint code = 0;

    if (g_str_equal(name, "mx.test") && type == T_MX) {
        add_mx(reply, 20, "Last.MX.test");
        add_mx(reply, 10, "a.mx.test");
        add_mx(reply, 10, "b.mx.test");
    } else if (g_str_equal(name, "null.test") && type == T_MX) {
        add_mx(reply, 0, "");
    } else if (g_str_equal(name, "evil.test") && type == T_MX) {
        add_mx(reply, 5, "two words.test");
        add_mx(reply, 6, "line\r\nend.test");
        add_mx(reply, 7, "good.test");
    } else if (g_str_equal(name, "allevil.test") && type == T_MX) {
        add_mx(reply, 5, "two words.test");
    } else if (g_str_equal(name, "a.test") && type == T_A) {
        add_address(reply, NULL, "192.0.2.1");
        add_address(reply, NULL, "192.0.2.2");
    } else if (g_str_equal(name, "alias.test") && type == T_A) {
        add_name(reply, T_CNAME, "real.test");
        add_address(reply, "real.test", "192.0.2.3");
    } else if (g_str_equal(name, "six.test") && type == T_AAAA) {
        add_address(reply, NULL, "2001:db8::1");
        add_address(reply, NULL, "::ffff:192.0.2.9");
    } else if (g_str_equal(name, "1.2.0.192.in-addr.arpa") && type == T_PTR) {
        add_name(reply, T_PTR, "Host.test");
        add_name(reply, T_PTR, "other.test");
    } else if (g_str_has_suffix(name, "8.b.d.0.1.0.0.2.ip6.arpa") && type == T_PTR) {
        add_name(reply, T_PTR, "six.test");
    } else if (g_str_equal(name, "lying.test")) {
        gsize at = begin_record(reply, NULL, type);

        reply->bytes[at] = 0xff; /* a length far behind the end */
        put16(reply, 5);
    } else if (g_str_equal(name, "loop.test")) {
        gsize at = begin_record(reply, NULL, T_MX);

        put16(reply, 5);
        put16(reply, 0xc000 | (guint)reply->length); /* a name that points to itself */
        end_record(reply, at);
    } else if (g_str_equal(name, "fail.test")) {
        code = 2;
    } else if (g_str_equal(name, "silent.test")) {
        return FALSE;
    } else if (!g_str_equal(name, "nodata.test")) {
        code = 3;
    }
    reply->bytes[2] = 0x81;
    reply->bytes[3] = (guint8)(0x80 | code);
    reply->bytes[6] = 0;
    reply->bytes[7] = (guint8)reply->n_answers;
    return TRUE;
}

static void
serve_one(Server *server)
{
    Reply reply = {0};
    struct sockaddr_in peer;
    socklen_t peer_length = sizeof peer;
    gssize got = recvfrom(server->fd, reply.bytes, sizeof reply.bytes, 0, (struct sockaddr *)&peer,
                          &peer_length);
    g_autoptr(GString) name = g_string_new(NULL);
    gsize at = 12;

    if (got < 17)
        return;
    g_atomic_int_inc(&server->questions);
    while (reply.bytes[at] != 0) {
        if (name->len > 0)
            g_string_append_c(name, '.');
        g_string_append_len(name, (char *)reply.bytes + at + 1, reply.bytes[at]);
        at += 1u + reply.bytes[at];
        g_assert_cmpuint(at, <, got);
    }
    reply.length = at + 5; /* the question stays */
    reply.bytes[10] = reply.bytes[11] = 0;
    if (answer(&reply, name->str, (guint)(reply.bytes[at + 1] << 8 | reply.bytes[at + 2])))
        sendto(server->fd, reply.bytes, reply.length, 0, (struct sockaddr *)&peer, peer_length);
}

static gpointer
serve(gpointer data)
{
    Server *server = data;

    for (;;) {
        struct pollfd fds[2] = {
            {.fd = server->fd,         .events = POLLIN},
            {.fd = server->end_fds[0], .events = POLLIN}
        };

        poll(fds, 2, -1);
        if (fds[1].revents != 0)
            return NULL;
        serve_one(server);
    }
}

static void
server_start(Server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(server->fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(getsockname(server->fd, (struct sockaddr *)&address, &length), ==, 0);
    server->port = ntohs(address.sin_port);
    g_assert_cmpint(pipe(server->end_fds), ==, 0);
    server->thread = g_thread_new("dns", serve, server);
}

static void
server_stop(Server *server)
{
    close(server->end_fds[1]);
    g_thread_join(server->thread);
    close(server->end_fds[0]);
    close(server->fd);
}

/* ---- the client ---- */

typedef struct {
    Server server;
    ImsWorld *world;
    GString *trace;
    guint answers;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *servers = NULL;
    g_autoptr(GError) error = NULL;
    ImsRealWorldOptions options = {.n_workers = 1, .dns_timeout_msec = 200, .dns_tries = 2};

    server_start(&f->server);
    servers = g_strdup_printf("127.0.0.1:%u", f->server.port);
    options.dns_servers = servers;
    f->world = ims_real_world_new(&options, &error);
    g_assert_no_error(error);
    f->trace = g_string_new(NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    ims_real_world_free(f->world);
    server_stop(&f->server);
    g_string_free(f->trace, TRUE);
}

static void
write_result(const ImsLookupResult *result, gpointer data)
{
    static const char *const names[] = {"ok", "not-found", "no-data", "failed"};
    Fixture *f = data;
    char address[IMS_ADDRESS_STRLEN];

    g_assert_true(ims_world_current(f->world) == ims_world_main(f->world));
    g_string_append(f->trace, names[result->status]);
    for (guint i = 0; i < result->n_records; i++) {
        const ImsLookupRecord *record = &result->records[i];

        if (record->name != NULL)
            g_string_append_printf(f->trace, " %u:%s", record->preference, record->name);
        else
            g_string_append_printf(f->trace, " %s", ims_address_format(&record->address, address));
    }
    f->answers++;
}

static void
run_until(Fixture *f, guint answers)
{
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (f->answers < answers) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(ims_real_world_main_context(f->world), TRUE);
    }
    g_assert_cmpuint(f->answers, ==, answers);
}

typedef struct {
    const char *path;
    ImsLookupKind kind;
    const char *question, *wanted;
} Case;

static const Case cases[] = {
    {"null-mx",              IMS_LOOKUP_MX,   "null.test",    "ok 0:"                      },
    {"mx-names-no-host-has", IMS_LOOKUP_MX,   "evil.test",    "ok 7:good.test"             },
    {"mx-no-usable-name",    IMS_LOOKUP_MX,   "allevil.test", "failed"                     },
    {"mx-not-found",         IMS_LOOKUP_MX,   "nowhere.test", "not-found"                  },
    {"mx-no-data",           IMS_LOOKUP_MX,   "nodata.test",  "no-data"                    },
    {"mx-servfail",          IMS_LOOKUP_MX,   "fail.test",    "failed"                     },
    {"mx-silence",           IMS_LOOKUP_MX,   "silent.test",  "failed"                     },
    {"mx-lying-length",      IMS_LOOKUP_MX,   "lying.test",   "failed"                     },
    {"mx-pointer-to-itself", IMS_LOOKUP_MX,   "loop.test",    "failed"                     },
    {"mx-empty-label",       IMS_LOOKUP_MX,   "a..test",      "not-found"                  },
    {"a",                    IMS_LOOKUP_A,    "a.test",       "ok 192.0.2.1 192.0.2.2"     },
    {"a-by-alias",           IMS_LOOKUP_A,    "alias.test",   "ok 192.0.2.3"               },
    {"a-final-dot",          IMS_LOOKUP_A,    "a.test.",      "ok 192.0.2.1 192.0.2.2"     },
    {"a-lying-length",       IMS_LOOKUP_A,    "lying.test",   "failed"                     },
    {"a-no-data",            IMS_LOOKUP_A,    "nodata.test",  "no-data"                    },
    {"a-literal",            IMS_LOOKUP_A,    "192.0.2.77",   "ok 192.0.2.77"              },
    {"aaaa",                 IMS_LOOKUP_AAAA, "six.test",     "ok 2001:db8::1 192.0.2.9"   },
    {"aaaa-lying-length",    IMS_LOOKUP_AAAA, "lying.test",   "failed"                     },
    {"ptr",                  IMS_LOOKUP_PTR,  "192.0.2.1",    "ok 0:host.test 0:other.test"},
    {"ptr-ipv6",             IMS_LOOKUP_PTR,  "2001:db8::1",  "ok 0:six.test"              },
    {"ptr-not-found",        IMS_LOOKUP_PTR,  "192.0.2.2",    "not-found"                  },
    {"ptr-of-no-address",    IMS_LOOKUP_PTR,  "a.test",       "not-found"                  },
};

static void
test_case(Fixture *f, gconstpointer data)
{
    const Case *row = data;

    ims_world_lookup(f->world, row->kind, row->question, write_result, f);
    g_assert_cmpuint(f->answers, ==, 0); /* always later */
    run_until(f, 1);
    g_assert_cmpstr(f->trace->str, ==, row->wanted);
}

/* by preference; of equal ones either is first. */
static void
test_mx_order(Fixture *f, gconstpointer data)
{
    guint a_first = 0, b_first = 0;

    for (guint i = 0; i < 64; i++) {
        g_string_truncate(f->trace, 0);
        ims_world_lookup(f->world, IMS_LOOKUP_MX, "mx.test", write_result, f);
        run_until(f, i + 1);
        if (g_str_equal(f->trace->str, "ok 10:a.mx.test 10:b.mx.test 20:last.mx.test"))
            a_first++;
        else if (g_str_equal(f->trace->str, "ok 10:b.mx.test 10:a.mx.test 20:last.mx.test"))
            b_first++;
    }
    g_assert_cmpuint(a_first + b_first, ==, 64);
    g_assert_cmpuint(a_first, >, 0);
    g_assert_cmpuint(b_first, >, 0);
}

/* A world that ends answers what is under way, once. */
static void
test_end(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < 10; i++)
        ims_world_lookup(f->world, IMS_LOOKUP_A, "silent.test", write_result, f);
    ims_real_world_free(f->world);
    f->world = NULL;
    g_assert_cmpuint(f->answers, ==, 10);
    g_assert_true(g_str_has_prefix(f->trace->str, "failedfailed"));
}

static void
test_bad_servers(void)
{
    ImsRealWorldOptions options = {.dns_servers = "not an address"};
    g_autoptr(GError) error = NULL;

    g_assert_null(ims_real_world_new(&options, &error));
    g_assert_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_START);
    g_assert_nonnull(strstr(error->message, "not an address"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/resolver/", cases[i].path, NULL);

        g_test_add(path, Fixture, &cases[i], set_up, test_case, tear_down);
    }
    g_test_add("/net/resolver/R-128-mx-order", Fixture, NULL, set_up, test_mx_order, tear_down);
    g_test_add("/net/resolver/end", Fixture, NULL, set_up, test_end, tear_down);
    g_test_add_func("/net/resolver/bad-servers", test_bad_servers);
    return g_test_run();
}
