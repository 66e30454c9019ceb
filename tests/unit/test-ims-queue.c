/* The queue on the simulated world: who is tried when and in which order, what becomes of it, and
 * what is reported. */
#include <glib.h>
#include <string.h>

#include "ims/queue-private.h"
#include "net/sim-world.h"

#define START_USEC (G_GINT64_CONSTANT(1795597200) * G_USEC_PER_SEC)
#define MINUTE (60 * G_GINT64_CONSTANT(1000000))
#define HOUR (60 * MINUTE)

/* ---- faults of the store ---- */

void __real_ims_store_submit(ImsStore *store, ImsStoreOp *op);
void __wrap_ims_store_submit(ImsStore *store, ImsStoreOp *op);
ImsDeliverOp *__wrap_ims_report_new(ImsService *service, const ImsQueueMessage *message,
                                    GBytes *original);

GBytes *__real_ims_store_read_body(ImsStore *store, ImsContentId content, GError **error);
GBytes *__wrap_ims_store_read_body(ImsStore *store, ImsContentId content, GError **error);

typedef struct _Fixture Fixture;
static void stop_now(Fixture *fixture);

static struct {
    ImsWorld *world;
    Fixture *stop;       /* (nullable): stop the runner when it claims */
    guint n_outcomes;    /* so many outcomes fail … */
    int code;            /* … with this */
    GString *reports;    /* what was asked of the report */
    gboolean deliver;    /* make one, to a mailbox that is not there */
    gboolean unreadable; /* no body can be read */
} faults;

static void
complete(gpointer data)
{
    ImsStoreOp *op = data;

    op->done(op, op->data);
}

void
__wrap_ims_store_submit(ImsStore *store, ImsStoreOp *op)
{
    if (op->kind == IMS_OP_QUEUE_CLAIM && faults.stop != NULL)
        stop_now(faults.stop);
    if (op->kind != IMS_OP_QUEUE_OUTCOME || faults.n_outcomes == 0) {
        __real_ims_store_submit(store, op);
        return;
    }
    faults.n_outcomes--;
    op->error = g_error_new(IMS_STORE_ERROR, faults.code, "made to fail");
    ims_world_post(faults.world, ims_world_current(faults.world), complete, op);
}

GBytes *
__wrap_ims_store_read_body(ImsStore *store, ImsContentId content, GError **error)
{
    if (!faults.unreadable)
        return __real_ims_store_read_body(store, content, error);
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_CORRUPT, "page 7 of /secret is broken");
    return NULL;
}

ImsDeliverOp *
__wrap_ims_report_new(ImsService *service, const ImsQueueMessage *message, GBytes *original)
{
    ImsDeliverTarget target = {.mailbox = 4711};
    ImsDeliverOp *report;

    g_string_append_printf(faults.reports, "to=%s", message->sender);
    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsQueueRecipient *recipient = message->recipients->pdata[i];

        g_string_append_printf(faults.reports, " %s=%d %s", recipient->address, recipient->code,
                               recipient->reply);
    }
    g_string_append(faults.reports, "\n");
    if (!faults.deliver)
        return NULL;
    report = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    report->body = g_bytes_new_static("A: b\r\n\r\n", 8);
    report->summary = ims_mime_summarize(report->body, NULL);
    report->targets = ims_deliver_targets_new();
    g_array_append_val(report->targets, target);
    return report;
}

/* ---- a sender by script ---- */

typedef enum {
    HOST_TAKES,
    HOST_DOWN,   /* no connection */
    HOST_BREAKS, /* connected, no outcome */
    HOST_BREAKS_AFTER_ONE,
    HOST_TAKES_TWO, /* recipients in a transaction */
    HOST_HOLDS,     /* connected, and nothing happens until released */
} HostKind;

struct _Fixture {
    ImsWorld *world;
    ImsConfig *config;
    ImsService service;
    GHashTable *hosts; /* "192.0.2.1" → HostKind */
    GString *trace;    /* connections and what went over them */
    GQueue held;       /* (element-type ImsSendJob) */
    guint n_open, most_open;
    guint stopped;
};

typedef struct {
    Fixture *fixture;
    ImsSendJob *job;
    guint next;
    HostKind kind;
} Talk;

static void talk_on(gpointer data);

static void
finish_talk(Talk *talk, gboolean connected, const char *error)
{
    talk->fixture->n_open--;
    talk->job->finished(talk->job, connected, error);
    g_free(talk);
}

static void
resume_talk(gpointer data)
{
    Talk *talk = data;

    ims_world_post(talk->fixture->world, ims_world_main(talk->fixture->world), talk_on, talk);
}

/* A local part that begins with "perm" or "temp" is answered so. */
static void
answer_recipient(ImsSendRecipient *recipient)
{
    if (g_str_has_prefix(recipient->address, "perm")) {
        recipient->status = IMS_SEND_PERMANENT;
        recipient->code = 550;
        recipient->reply = g_strdup("no such user");
    } else if (g_str_has_prefix(recipient->address, "temp")) {
        recipient->status = IMS_SEND_TRANSIENT;
        recipient->code = 450;
        recipient->reply = g_strdup("later");
    } else {
        recipient->status = IMS_SEND_OK;
        recipient->code = 250;
        recipient->reply = g_strdup("OK");
    }
}

static void
talk_on(gpointer data)
{
    Talk *talk = data;
    const ImsSendMessage *message;

    if (talk->kind == HOST_DOWN) {
        finish_talk(talk, FALSE, "connect: Connection refused");
        return;
    }
    if (talk->kind == HOST_BREAKS || (talk->kind == HOST_BREAKS_AFTER_ONE && talk->next == 1)) {
        finish_talk(talk, TRUE, "end of DATA: connection closed");
        return;
    }
    if (talk->next == talk->job->messages->len) {
        finish_talk(talk, TRUE, NULL);
        return;
    }
    message = talk->job->messages->pdata[talk->next];
    g_string_append(talk->fixture->trace, " <");
    for (guint i = 0; i < message->recipients->len; i++) {
        answer_recipient(message->recipients->pdata[i]);
        if (talk->kind == HOST_TAKES_TWO && i >= 2) {
            ((ImsSendRecipient *)message->recipients->pdata[i])->status = IMS_SEND_TRANSIENT;
            ((ImsSendRecipient *)message->recipients->pdata[i])->code = 452;
        }
        g_string_append_printf(talk->fixture->trace, "%s%s", i > 0 ? "," : "",
                               ((ImsSendRecipient *)message->recipients->pdata[i])->address);
    }
    g_string_append(talk->fixture->trace, ">");
    talk->job->outcome(talk->job, talk->next++, resume_talk, talk);
}

static void
send_by_script(ImsWorld *world, ImsSendJob *job, gpointer data)
{
    Fixture *fixture = data;
    char address[IMS_ADDRESS_STRLEN];
    Talk *talk = g_new0(Talk, 1);

    ims_address_format(&job->address, address);
    g_string_append_printf(fixture->trace, " %s=%s:%u", job->host, address, (guint)job->port);
    talk->fixture = fixture;
    talk->job = job;
    talk->kind = (HostKind)GPOINTER_TO_UINT(g_hash_table_lookup(fixture->hosts, address));
    fixture->n_open++;
    fixture->most_open = MAX(fixture->most_open, fixture->n_open);
    if (talk->kind == HOST_HOLDS)
        g_queue_push_tail(&fixture->held, talk);
    else
        resume_talk(talk);
}

/* ---- help ---- */

static void
open_fixture(Fixture *fixture, const char *connections)
{
    ImsStoreOptions options = {.engine = IMS_ENGINE_MEMORY};
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        g_strdup_printf("[Server]\nHostName=mail.example.com\nSiteDomain=example.com\n"
                        "Organization=Example\nSite=Site1\n"
                        "[Listeners]\nSMTP=127.0.0.1:2525, 0.0.0.0:25\n[Connections]\n%s\n",
                        connections);

    fixture->config = ims_config_parse("/nowhere/ims.conf", text, strlen(text), &error);
    g_assert_no_error(error);
    fixture->service.world = fixture->world;
    fixture->service.config = fixture->config;
    fixture->service.log = ims_log_new_memory();
    options.log = fixture->service.log;
    fixture->service.store = ims_store_open(fixture->world, &options, &error);
    g_assert_no_error(error);
}

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    memset(&faults, 0, sizeof faults);
    fixture->world = ims_sim_world_new(1, START_USEC);
    faults.world = fixture->world;
    faults.reports = g_string_new("");
    fixture->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fixture->trace = g_string_new("");
    g_queue_init(&fixture->held);
    ims_world_set_sender(fixture->world, send_by_script, fixture);
}

static void
note_stopped(gpointer data)
{
    ((Fixture *)data)->stopped++;
}

static void
stop_now(Fixture *fixture)
{
    ims_queue_runner_stop(fixture->service.queue, note_stopped, fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    Talk *talk;

    if (fixture->service.queue != NULL) {
        while ((talk = g_queue_pop_head(&fixture->held)) != NULL)
            resume_talk(talk);
        if (fixture->stopped == 0)
            ims_queue_runner_stop(fixture->service.queue, note_stopped, fixture);
        ims_sim_world_advance(fixture->world, MINUTE);
        g_assert_cmpuint(fixture->stopped, ==, 1);
        ims_queue_runner_free(fixture->service.queue);
    }
    ims_store_close(fixture->service.store);
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
    ims_log_free(fixture->service.log);
    ims_config_free(fixture->config);
    g_hash_table_unref(fixture->hosts);
    g_string_free(fixture->trace, TRUE);
    g_string_free(faults.reports, TRUE);
}

static void
note_queued(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ims_store_op_free(op);
}

/* @recipients: addresses with commas between. */
static void
queue_message(Fixture *fixture, const char *sender, const char *recipients)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, note_queued, fixture);
    ImsQueueMessage *message = ims_queue_message_new();
    g_auto(GStrv) addresses = g_strsplit(recipients, ",", -1);

    message->sender = g_strdup(sender);
    message->accepted_usec = ims_world_wall_usec(fixture->world);
    message->expires_usec =
        message->accepted_usec + (gint64)fixture->config->expiry_sec * G_USEC_PER_SEC;
    if (message->recipients == NULL)
        message->recipients =
            g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_recipient_free);
    for (guint i = 0; addresses[i] != NULL; i++) {
        ImsQueueRecipient *recipient = ims_queue_recipient_new();

        recipient->address = g_strdup(addresses[i]);
        recipient->domain = g_strdup(strrchr(addresses[i], '@') + 1);
        g_ptr_array_add(message->recipients, recipient);
    }
    op->body = g_bytes_new_static("Subject: s\r\n\r\nbody\r\n", 20);
    op->summary = ims_mime_summarize(op->body, NULL);
    op->queue = message;
    ims_store_submit(fixture->service.store, &op->op);
    ims_sim_world_settle(fixture->world);
}

static void
start(Fixture *fixture)
{
    fixture->service.queue = ims_queue_runner_new(&fixture->service);
    ims_sim_world_settle(fixture->world);
}

static void
set_a(Fixture *fixture, const char *name, const char *address)
{
    ImsLookupRecord record = {0};
    ImsLookupResult result = {.n_records = 1, .records = &record};

    g_assert_true(ims_address_parse(address, &record.address));
    ims_sim_world_set_lookup(
        fixture->world, record.address.family == 6 ? IMS_LOOKUP_AAAA : IMS_LOOKUP_A, name, &result);
}

/* @hosts: "10 a.example,20 b.example" */
static void
set_mx(Fixture *fixture, const char *domain, const char *hosts)
{
    g_auto(GStrv) list = g_strsplit(hosts, ",", -1);
    ImsLookupRecord records[8] = {{0}};
    ImsLookupResult result = {.n_records = g_strv_length(list), .records = records};

    for (guint i = 0; i < result.n_records; i++) {
        char *space = strchr(list[i], ' ');

        records[i].preference = (guint16)g_ascii_strtoull(list[i], NULL, 10);
        records[i].name = space + 1;
    }
    ims_sim_world_set_lookup(fixture->world, IMS_LOOKUP_MX, domain, &result);
}

static void
set_status(Fixture *fixture, ImsLookupKind kind, const char *name, ImsLookupStatus status)
{
    ImsLookupResult result = {.status = status};

    ims_sim_world_set_lookup(fixture->world, kind, name, &result);
}

static void
set_host(Fixture *fixture, const char *address, HostKind kind)
{
    g_hash_table_replace(fixture->hosts, g_strdup(address), GUINT_TO_POINTER(kind));
}

/* The usual: far.example with one host. */
static void
set_far(Fixture *fixture)
{
    set_mx(fixture, "far.example", "10 mx.far.example");
    set_a(fixture, "mx.far.example", "192.0.2.1");
}

static void
assert_trace(Fixture *fixture, const char *expected)
{
    g_assert_cmpstr(fixture->trace->str, ==, expected);
    g_string_truncate(fixture->trace, 0);
}

static void
assert_reports(const char *expected)
{
    g_assert_cmpstr(faults.reports->str, ==, expected);
    g_string_truncate(faults.reports, 0);
}

static guint
queue_size(Fixture *fixture)
{
    g_autoptr(GPtrArray) list = ims_store_queue_list(fixture->service.store, NULL, 0, 100, NULL);

    return list->len;
}

/* ---- finding the host ---- */

static const struct {
    const char *name, *connections, *domain, *trace;
    const char *report; /* NULL: none */
} routes[] = {
    {"S-158-mx",                 "",                                                              "far.example",        " mx.far.example=192.0.2.1:25 <b@far.example>",       NULL                                             },
    {"S-158-no-mx-then-a",       "",                                                              "plain.example",      " plain.example=192.0.2.9:25 <b@plain.example>",
     NULL                                                                                                                                                                                                                      },
    {"aaaa-only",                "",                                                              "six.example",        " six.example=2001:db8::6:25 <b@six.example>",        NULL                                             },
    {"second-host",              "",                                                              "two.example",
     " down.example=192.0.2.66:25 up.example=192.0.2.2:25 <b@two.example>",                                                                                                   NULL                                             },
    {"S-162-no-banner-moves-on", "",                                                              "mute.example",
     " mute.example=192.0.2.67:25 up.example=192.0.2.2:25 <b@mute.example>",                                                                                                  NULL                                             },
    {"S-210-no-such-domain",     "",                                                              "gone.example",       "",                                                   "Host Unknown"                                   },
    {"mx-without-address",       "",                                                              "hollow.example",     "",                                                   "Host Unknown"                                   },
    {"null-mx",                  "",                                                              "null.example",       "",                                                   "null.example takes no mail (null MX)"           },
    {"R-125-entry",              "EMailDomains=far.example;192.0.2.7:2526",                       "far.example",
     " 192.0.2.7=192.0.2.7:2526 <b@far.example>",                                                                                                                             NULL                                             },
    {"R-125-entry-of-parent",    "EMailDomains=far.example;up.example",                           "sub.far.example",
     " up.example=192.0.2.2:25 <b@sub.far.example>",                                                                                                                          NULL                                             },
    {"R-125-longest-entry",      "EMailDomains=far.example;192.0.2.7, sub.far.example;192.0.2.8",
     "sub.far.example",                                                                                                 " 192.0.2.8=192.0.2.8:25 <b@sub.far.example>",        NULL                                             },
    {"R-125-whole-labels",       "EMailDomains=ar.example;192.0.2.7",                             "far.example",
     " mx.far.example=192.0.2.1:25 <b@far.example>",                                                                                                                          NULL                                             },
    {"entry-before-smart-host",
     "EMailDomains=far.example;192.0.2.7\nForwardAllMessagesToHost=192.0.2.8",                    "far.example",
     " 192.0.2.7=192.0.2.7:25 <b@far.example>",                                                                                                                               NULL                                             },
    {"smart-host",               "ForwardAllMessagesToHost=up.example:587",                       "gone.example",
     " up.example=192.0.2.2:587 <b@gone.example>",                                                                                                                            NULL                                             },
    {"outbound-port",            "OutboundPort=2526",                                             "far.example",
     " mx.far.example=192.0.2.1:2526 <b@far.example>",                                                                                                                        NULL                                             },
    {"literal",                  "",                                                              "[192.0.2.5]",        " 192.0.2.5=192.0.2.5:25 <b@[192.0.2.5]>",            NULL                                             },
    {"literal-v6",               "",                                                              "[ipv6:2001:db8::5]", " 2001:db8::5=2001:db8::5:25 <b@[ipv6:2001:db8::5]>",
     NULL                                                                                                                                                                                                                      },
    {"loop-own-address",         "OutboundPort=2525",                                             "[127.0.0.1]",        "",
     "mail for [127.0.0.1] loops back to this server"                                                                                                                                                                          },
    {"loop-own-any-address",     "",                                                              "loop.example",       "",
     "mail for loop.example loops back to this server"                                                                                                                                                                         },
    {"own-address-other-port",   "OutboundPort=2526",                                             "[127.0.0.1]",
     " 127.0.0.1=127.0.0.1:2526 <b@[127.0.0.1]>",                                                                                                                             NULL                                             },
    {"own-name-best-mx",         "",                                                              "mine.example",       "",                                                   "mail for mine.example loops back to this server"},
    {"own-name-second-mx",       "",                                                              "backup.example",     " up.example=192.0.2.2:25 <b@backup.example>",
     NULL                                                                                                                                                                                                                      },
};

static void
test_route(Fixture *fixture, gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *address = g_strdup_printf("b@%s", routes[i].domain);

    open_fixture(fixture, routes[i].connections);
    set_far(fixture);
    set_status(fixture, IMS_LOOKUP_MX, "plain.example", IMS_LOOKUP_NO_DATA);
    set_a(fixture, "plain.example", "192.0.2.9");
    set_status(fixture, IMS_LOOKUP_MX, "six.example", IMS_LOOKUP_NO_DATA);
    set_status(fixture, IMS_LOOKUP_A, "six.example", IMS_LOOKUP_NO_DATA);
    set_a(fixture, "six.example", "2001:db8::6");
    set_mx(fixture, "two.example", "20 up.example,10 down.example");
    set_mx(fixture, "mute.example", "10 mute.example,20 up.example");
    set_a(fixture, "mute.example", "192.0.2.67");
    set_host(fixture, "192.0.2.67", HOST_BREAKS);
    set_a(fixture, "up.example", "192.0.2.2");
    set_a(fixture, "down.example", "192.0.2.66");
    set_host(fixture, "192.0.2.66", HOST_DOWN);
    set_mx(fixture, "hollow.example", "10 nowhere.example");
    set_mx(fixture, "null.example", "0 ");
    set_mx(fixture, "loop.example", "10 loop.example");
    set_a(fixture, "loop.example", "127.0.0.1");
    set_mx(fixture, "mine.example", "10 mail.example.com,20 up.example");
    set_mx(fixture, "backup.example", "10 up.example,20 mail.example.com,30 down.example");
    start(fixture);
    queue_message(fixture, "a@example.com", address);
    assert_trace(fixture, routes[i].trace);
    if (routes[i].report != NULL) {
        g_autofree char *report =
            g_strdup_printf("to=a@example.com %s=0 %s\n", address, routes[i].report);

        assert_reports(report);
    } else {
        assert_reports("");
    }
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* S-159: with the name servers away, mail waits. */
static void
test_dns_away(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_status(fixture, IMS_LOOKUP_MX, "far.example", IMS_LOOKUP_FAILED);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    assert_trace(fixture, "");
    assert_reports("");
    set_far(fixture);
    ims_sim_world_advance(fixture->world, 15 * MINUTE);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b@far.example>");
}

/* S-161: hosts of equal preference share the mail. */
static void
test_equal_preference(Fixture *fixture, gconstpointer unused)
{
    guint n_first = 0;

    open_fixture(fixture, "");
    set_mx(fixture, "far.example", "10 x.example,10 y.example");
    set_a(fixture, "x.example", "192.0.2.1");
    set_a(fixture, "y.example", "192.0.2.2");
    start(fixture);
    for (guint i = 0; i < 40; i++) {
        queue_message(fixture, "a@example.com", "b@far.example");
        n_first += strstr(fixture->trace->str, "192.0.2.1") != NULL;
        g_string_truncate(fixture->trace, 0);
    }
    g_assert_cmpuint(n_first, >, 8);
    g_assert_cmpuint(n_first, <, 32);
}

/* S-166: in turn, skipping dead ones for a while. */
static void
test_smart_hosts(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "ForwardAllMessagesToHost=192.0.2.1, 192.0.2.2, 192.0.2.3");
    set_host(fixture, "192.0.2.2", HOST_DOWN);
    start(fixture);
    for (guint i = 0; i < 5; i++)
        queue_message(fixture, "a@example.com", "b@x.example");
    assert_trace(fixture, " 192.0.2.1=192.0.2.1:25 <b@x.example>"
                          " 192.0.2.2=192.0.2.2:25 192.0.2.3=192.0.2.3:25 <b@x.example>"
                          " 192.0.2.3=192.0.2.3:25 <b@x.example>"
                          " 192.0.2.1=192.0.2.1:25 <b@x.example>"
                          " 192.0.2.3=192.0.2.3:25 <b@x.example>");
    set_host(fixture, "192.0.2.2", HOST_TAKES);
    ims_sim_world_advance(fixture->world, 5 * MINUTE);
    for (guint i = 0; i < 3; i++)
        queue_message(fixture, "a@example.com", "b@x.example");
    g_assert_nonnull(strstr(fixture->trace->str, "192.0.2.2=192.0.2.2:25 <b@x.example>"));
}

/* ---- outcomes ---- */

static void
test_recipients(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    open_fixture(fixture, "");
    set_far(fixture);
    start(fixture);
    queue_message(fixture, "a@example.com",
                  "b@far.example,perm1@far.example,temp@far.example,perm2@far.example");
    assert_trace(fixture, " mx.far.example=192.0.2.1:25"
                          " <b@far.example,perm1@far.example,temp@far.example,perm2@far.example>");
    assert_reports(
        "to=a@example.com perm1@far.example=550 no such user perm2@far.example=550 no such user\n");
    g_assert_cmpuint(queue_size(fixture), ==, 1);
    lines = ims_log_take(fixture->service.log);
    g_assert_nonnull(
        strstr(lines, "send message=1 from=a@example.com to=b@far.example attempt=1 outcome=sent "
                      "host=mx.far.example address=192.0.2.1:25 code=250 reply=OK"));
    g_assert_nonnull(strstr(lines, "to=perm1@far.example attempt=1 outcome=failed"));
    g_assert_nonnull(strstr(lines, "to=temp@far.example attempt=1 outcome=deferred"));
    /* The next time it is about the one that is left. */
    ims_sim_world_advance(fixture->world, 15 * MINUTE);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <temp@far.example>");
}

/* RFC 5321 4.5.3.1.10: a host that takes so many at a time gets the rest at once, not after hours.
 */
static void
test_too_many_recipients(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_TAKES_TWO);
    start(fixture);
    queue_message(fixture, "a@example.com",
                  "1@far.example,2@far.example,3@far.example,4@far.example,5@far.example");
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 "
                          "<1@far.example,2@far.example,3@far.example,4@far.example,5@far.example>"
                          " mx.far.example=192.0.2.1:25 <3@far.example,4@far.example,5@far.example>"
                          " mx.far.example=192.0.2.1:25 <5@far.example>");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* S-182, S-184: after .25, .5, 1, 4, 4 … hours, and at 48 it is over. */
static void
test_retry_and_expiry(Fixture *fixture, gconstpointer unused)
{
    static const guint minutes[] = {0,    15,   45,   105,  345,  585,  825,  1065,
                                    1305, 1545, 1785, 2025, 2265, 2505, 2745, 2880};
    guint now = 0;

    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_DOWN);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    for (guint i = 0; i < G_N_ELEMENTS(minutes); i++) {
        if (minutes[i] > now) {
            ims_sim_world_advance(fixture->world, (minutes[i] - now) * MINUTE - 1);
            assert_trace(fixture, "");
            ims_sim_world_advance(fixture->world, 1);
            now = minutes[i];
        }
        assert_trace(fixture, " mx.far.example=192.0.2.1:25");
        assert_reports(now == 2880 ? "to=a@example.com b@far.example=0 Host unreachable\n" : "");
    }
    g_assert_cmpuint(queue_size(fixture), ==, 0);
    ims_sim_world_advance(fixture->world, 10 * HOUR);
    assert_trace(fixture, "");
}

static void
test_expiry_with_reply(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "ExpiryHours=1");
    set_far(fixture);
    start(fixture);
    queue_message(fixture, "a@example.com", "temp@far.example");
    ims_sim_world_advance(fixture->world, HOUR - 1);
    assert_reports("");
    ims_sim_world_advance(fixture->world, 1);
    assert_reports("to=a@example.com temp@far.example=450 later\n");
}

/* A message that the store cannot read any more is not lost in silence. */
static void
test_unreadable(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "ExpiryHours=1");
    set_far(fixture);
    faults.unreadable = TRUE;
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    ims_sim_world_advance(fixture->world, HOUR - 1);
    assert_reports("");
    ims_sim_world_advance(fixture->world, 1);
    assert_reports("to=a@example.com b@far.example=451 The message cannot be read.\n");
    assert_trace(fixture, "");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
    faults.unreadable = FALSE;
}

/* S-183: 0 is no retry. */
static void
test_no_retry(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "RetryIntervals=0");
    set_far(fixture);
    start(fixture);
    queue_message(fixture, "a@example.com", "temp@far.example");
    assert_reports("to=a@example.com temp@far.example=450 later\n");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* S-177, S-473: the code is logged although there is no next attempt. */
static void
test_no_retry_unreachable(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    open_fixture(fixture, "RetryIntervals=0");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_DOWN);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    lines = ims_log_take(fixture->service.log);
    g_assert_nonnull(strstr(lines, "code=499"));
    assert_reports("to=a@example.com b@far.example=0 Host unreachable\n");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* S-155: one message, as many entries as there are hosts. */
static void
test_several_hosts(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_far(fixture);
    set_mx(fixture, "two.example", "10 mx.two.example");
    set_a(fixture, "mx.two.example", "192.0.2.2");
    set_host(fixture, "192.0.2.2", HOST_DOWN);
    queue_message(fixture, "a@example.com", "b@far.example,c@two.example,d@far.example");
    g_assert_cmpuint(queue_size(fixture), ==, 1);
    start(fixture);
    g_assert_nonnull(strstr(fixture->trace->str, " mx.far.example=192.0.2.1:25"));
    g_assert_nonnull(strstr(fixture->trace->str, " <b@far.example,d@far.example>"));
    g_assert_nonnull(strstr(fixture->trace->str, " mx.two.example=192.0.2.2:25"));
    g_string_truncate(fixture->trace, 0);
    g_assert_cmpuint(queue_size(fixture), ==, 1);
    set_host(fixture, "192.0.2.2", HOST_TAKES);
    ims_sim_world_advance(fixture->world, 15 * MINUTE);
    assert_trace(fixture, " mx.two.example=192.0.2.2:25 <c@two.example>");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* S-176 */
static void
test_unreachable(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(GPtrArray) domains = NULL;
    const ImsQueueRecipient *recipient;

    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_DOWN);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    list = ims_store_queue_list(fixture->service.store, NULL, 0, 10, NULL);
    recipient = ((ImsQueueMessage *)list->pdata[0])->recipients->pdata[0];
    g_assert_cmpint(recipient->state, ==, IMS_QUEUE_WAITING);
    g_assert_cmpuint(recipient->attempts, ==, 1);
    g_assert_cmpint(recipient->code, ==, 499);
    g_assert_cmpstr(recipient->reply, ==,
                    "No routing hosts are reachable for far.example. connect: Connection refused");
    g_assert_cmpint(recipient->next_attempt_usec, ==, START_USEC + 15 * MINUTE);
    domains = ims_store_queue_domains(fixture->service.store, NULL);
    g_assert_true(((ImsQueueDomain *)domains->pdata[0])->last_failed);
}

/* ---- connections that break ---- */

/* What was answered counts, what it broke at is tried later, and the rest goes at once. */
static void
test_break_after_one(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_far(fixture);
    for (guint i = 0; i < 4; i++) {
        g_autofree char *address = g_strdup_printf("b%u@far.example", i);

        queue_message(fixture, "a@example.com", address);
    }
    set_host(fixture, "192.0.2.1", HOST_BREAKS_AFTER_ONE);
    start(fixture);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b0@far.example>"
                          " mx.far.example=192.0.2.1:25 <b2@far.example>");
    g_assert_cmpuint(queue_size(fixture), ==, 2);
    set_host(fixture, "192.0.2.1", HOST_TAKES);
    ims_sim_world_advance(fixture->world, 15 * MINUTE);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b1@far.example> <b3@far.example>");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* A message that no host survives does not visit them all. */
static void
test_breaks_everywhere(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_mx(fixture, "far.example", "10 1.example,20 2.example,30 3.example");
    set_a(fixture, "1.example", "192.0.2.1");
    set_a(fixture, "2.example", "192.0.2.2");
    set_a(fixture, "3.example", "192.0.2.3");
    set_host(fixture, "192.0.2.1", HOST_BREAKS);
    set_host(fixture, "192.0.2.2", HOST_BREAKS);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    assert_trace(fixture, " 1.example=192.0.2.1:25 2.example=192.0.2.2:25");
    g_assert_cmpuint(queue_size(fixture), ==, 1);
}

/* ---- limits ---- */

static void
test_messages_in_connection(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "MaximumMessagesInConnection=2\nMaximumConnectionsToSingleHost=1");
    set_far(fixture);
    for (guint i = 0; i < 5; i++)
        queue_message(fixture, "a@example.com", "b@far.example");
    start(fixture);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b@far.example> <b@far.example>"
                          " mx.far.example=192.0.2.1:25 <b@far.example> <b@far.example>"
                          " mx.far.example=192.0.2.1:25 <b@far.example>");
}

static void
queue_to_many(Fixture *fixture, guint n, const char *address, HostKind kind)
{
    set_a(fixture, "mx.example", address);
    set_host(fixture, address, kind);
    for (guint i = 0; i < n; i++) {
        g_autofree char *domain = g_strdup_printf("d%u.example", i);
        g_autofree char *recipient = g_strdup_printf("b@%s", domain);

        set_mx(fixture, domain, "10 mx.example");
        queue_message(fixture, "a@example.com", recipient);
    }
}

static void
test_connections(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "MaximumOutboundConnections=3");
    queue_to_many(fixture, 7, "192.0.2.1", HOST_HOLDS);
    start(fixture);
    g_assert_cmpuint(fixture->n_open, ==, 3);
    g_assert_cmpuint(ims_queue_runner_jobs(fixture->service.queue), ==, 3);
    set_host(fixture, "192.0.2.1", HOST_TAKES);
    for (guint i = 0; i < 3; i++) {
        Talk *talk = g_queue_pop_head(&fixture->held);

        talk->kind = HOST_TAKES;
        resume_talk(talk);
    }
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(fixture->most_open, ==, 3);
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

static void
test_connections_to_one(Fixture *fixture, gconstpointer smart)
{
    open_fixture(fixture, smart != NULL
                              ? "MaximumMessagesInConnection=1\nForwardAllMessagesToHost=192.0.2.1"
                              : "MaximumMessagesInConnection=1");
    set_host(fixture, "192.0.2.1", HOST_HOLDS);
    set_far(fixture);
    start(fixture);
    for (guint i = 0; i < 5; i++) {
        g_autofree char *address = g_strdup_printf("b@x%u.example", i);

        queue_message(fixture, "a@example.com", smart != NULL ? address : "b@far.example");
    }
    g_assert_cmpuint(fixture->n_open, ==, 2);
}

/* Half of the connections at most wait for those that did not answer last time. */
static void
test_failing_take_half(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "MaximumOutboundConnections=4");
    queue_to_many(fixture, 6, "192.0.2.1", HOST_DOWN);
    start(fixture);
    set_host(fixture, "192.0.2.1", HOST_HOLDS);
    ims_sim_world_advance(fixture->world, 15 * MINUTE);
    g_assert_cmpuint(fixture->n_open, ==, 2);
    set_far(fixture);
    set_a(fixture, "mx.far.example", "192.0.2.2");
    g_string_truncate(fixture->trace, 0);
    queue_message(fixture, "a@example.com", "b@far.example");
    assert_trace(fixture, " mx.far.example=192.0.2.2:25 <b@far.example>");
}

/* ---- the administrator, the disk, the end ---- */

static void
test_retry_by_hand(Fixture *fixture, gconstpointer unused)
{
    ImsQueueAdminOp *op;

    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_DOWN);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    assert_trace(fixture, " mx.far.example=192.0.2.1:25");
    set_host(fixture, "192.0.2.1", HOST_TAKES);
    op = (ImsQueueAdminOp *)ims_store_op_new(IMS_OP_QUEUE_ADMIN, note_queued, NULL);
    op->action = IMS_QUEUE_ADMIN_RETRY;
    ims_store_submit(fixture->service.store, &op->op);
    ims_sim_world_settle(fixture->world);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b@far.example>");
}

static void
test_deleted_while_sent(Fixture *fixture, gconstpointer unused)
{
    ImsQueueAdminOp *op;
    Talk *talk;

    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_HOLDS);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    op = (ImsQueueAdminOp *)ims_store_op_new(IMS_OP_QUEUE_ADMIN, note_queued, NULL);
    op->action = IMS_QUEUE_ADMIN_DELETE;
    ims_store_submit(fixture->service.store, &op->op);
    ims_sim_world_settle(fixture->world);
    talk = g_queue_pop_head(&fixture->held);
    talk->kind = HOST_TAKES;
    resume_talk(talk);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(ims_queue_runner_jobs(fixture->service.queue), ==, 0);
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

/* The disk is full when the outcome is to be written: it is kept, and nothing is sent meanwhile on
 * that connection. */
static void
test_disk_full(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    set_far(fixture);
    queue_message(fixture, "a@example.com", "b@far.example,perm@far.example");
    queue_message(fixture, "a@example.com", "c@far.example");
    faults.n_outcomes = 3;
    faults.code = IMS_STORE_ERROR_FULL;
    start(fixture);
    assert_trace(fixture, " mx.far.example=192.0.2.1:25 <b@far.example,perm@far.example>");
    ims_sim_world_advance(fixture->world, 14 * G_USEC_PER_SEC);
    assert_trace(fixture, "");
    g_assert_cmpuint(queue_size(fixture), ==, 2);
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC);
    assert_trace(fixture, " <c@far.example>");
    g_assert_cmpuint(queue_size(fixture), ==, 0);
}

static void
test_store_fails(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    open_fixture(fixture, "");
    set_far(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    faults.n_outcomes = 1;
    faults.code = IMS_STORE_ERROR_IO;
    start(fixture);
    lines = ims_log_take(fixture->service.log);
    g_assert_nonnull(strstr(lines, "the outcome is lost"));
    g_assert_cmpuint(ims_queue_runner_jobs(fixture->service.queue), ==, 0);
    /* It stays claimed, so that it is not sent twice before the next start. */
    ims_sim_world_advance(fixture->world, 48 * HOUR);
    g_assert_cmpuint(queue_size(fixture), ==, 1);
}

/* A report that cannot be delivered must not keep its message for ever. */
static void
test_report_fails(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    open_fixture(fixture, "");
    set_far(fixture);
    faults.deliver = TRUE;
    queue_message(fixture, "a@example.com", "perm@far.example");
    start(fixture);
    g_assert_cmpuint(queue_size(fixture), ==, 0);
    lines = ims_log_take(fixture->service.log);
    g_assert_nonnull(strstr(lines, "the report is dropped"));
}

static void
test_stop(Fixture *fixture, gconstpointer unused)
{
    Talk *talk;

    open_fixture(fixture, "");
    set_far(fixture);
    set_host(fixture, "192.0.2.1", HOST_HOLDS);
    start(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    ims_queue_runner_stop(fixture->service.queue, note_stopped, fixture);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(fixture->stopped, ==, 0);
    queue_message(fixture, "a@example.com", "c@far.example");
    talk = g_queue_pop_head(&fixture->held);
    talk->kind = HOST_BREAKS;
    resume_talk(talk);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(fixture->stopped, ==, 1);
    /* Neither is lost, and the one that was broken off waits. */
    g_assert_cmpuint(queue_size(fixture), ==, 2);
}

static void
test_stop_idle(Fixture *fixture, gconstpointer unused)
{
    open_fixture(fixture, "");
    start(fixture);
    ims_queue_runner_stop(fixture->service.queue, note_stopped, fixture);
    g_assert_cmpuint(fixture->stopped, ==, 0);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(fixture->stopped, ==, 1);
}

/* Claimed when the stop came: back to the queue, as if nothing had been. */
static void
test_stop_after_claim(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GPtrArray) list = NULL;
    const ImsQueueRecipient *recipient;

    open_fixture(fixture, "");
    set_far(fixture);
    queue_message(fixture, "a@example.com", "b@far.example");
    faults.stop = fixture;
    start(fixture);
    g_assert_cmpuint(fixture->stopped, ==, 1);
    assert_trace(fixture, "");
    list = ims_store_queue_list(fixture->service.store, NULL, 0, 10, NULL);
    recipient = ((ImsQueueMessage *)list->pdata[0])->recipients->pdata[0];
    g_assert_cmpint(recipient->state, ==, IMS_QUEUE_WAITING);
    g_assert_cmpuint(recipient->attempts, ==, 0);
}

#define TEST(name, function)                                                                       \
    g_test_add("/ims/queue/" name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(routes); i++) {
        g_autofree char *path = g_strdup_printf("/ims/queue/route/%s", routes[i].name);

        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up, test_route, tear_down);
    }
    TEST("route/S-159-dns-away", test_dns_away);
    TEST("route/S-161-equal-preference", test_equal_preference);
    TEST("route/S-166-smart-hosts", test_smart_hosts);
    TEST("recipients", test_recipients);
    TEST("S-182-S-184-retry-and-expiry", test_retry_and_expiry);
    TEST("too-many-recipients", test_too_many_recipients);
    TEST("unreadable", test_unreadable);
    TEST("expiry-with-reply", test_expiry_with_reply);
    TEST("S-183-no-retry", test_no_retry);
    TEST("S-177-S-473-no-retry-unreachable", test_no_retry_unreachable);
    TEST("S-155-several-hosts", test_several_hosts);
    TEST("S-176-unreachable", test_unreachable);
    TEST("break-after-one", test_break_after_one);
    TEST("breaks-everywhere", test_breaks_everywhere);
    TEST("S-173-messages-in-connection", test_messages_in_connection);
    TEST("connections", test_connections);
    TEST("connections-to-one-domain", test_connections_to_one);
    g_test_add("/ims/queue/connections-to-smart-host", Fixture, GINT_TO_POINTER(1), set_up,
               test_connections_to_one, tear_down);
    TEST("failing-take-half", test_failing_take_half);
    TEST("retry-by-hand", test_retry_by_hand);
    TEST("deleted-while-sent", test_deleted_while_sent);
    TEST("disk-full", test_disk_full);
    TEST("store-fails", test_store_fails);
    TEST("report-fails", test_report_fails);
    TEST("stop", test_stop);
    TEST("stop-idle", test_stop_idle);
    TEST("stop-after-claim", test_stop_after_claim);
    return g_test_run();
}
