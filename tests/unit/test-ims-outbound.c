/* The whole way out, on threads and sockets: store, queue, route, sender, another host; and back
 * into the store. */
#include <glib.h>
#include <string.h>

#include "ims/queue-private.h"
#include "ims/sender.h"
#include "smtp-sink.h"

#define WAIT_SEC 30
#define N_MESSAGES 25

ImsDeliverOp *__wrap_ims_report_new(ImsService *service, const ImsQueueMessage *message,
                                    GBytes *original);
static guint n_reports;

ImsDeliverOp *
__wrap_ims_report_new(ImsService *service, const ImsQueueMessage *message, GBytes *original)
{
    n_reports++;
    return NULL;
}

typedef struct {
    ImsService service;
    ImsConfig *config;
    ImsSender *sender;
    SmtpSink *sink;
    SmtpSinkScript script;
    guint n_queued;
    gboolean stopped;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    ImsRealWorldOptions world_options = {
        .n_workers = 1, .pool_threads = 1, .dns_servers = "127.0.0.1:9"};
    ImsStoreOptions store_options = {.engine = IMS_ENGINE_MEMORY};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    n_reports = 0;
    fixture->sink = smtp_sink_new(&fixture->script);
    g_assert_nonnull(fixture->sink);
    text = g_strdup_printf(
        "[Server]\nHostName=mail.example.com\nSiteDomain=example.com\nOrganization=E\nSite=S\n"
        "[Connections]\nForwardAllMessagesToHost=127.0.0.1:%u\nMaximumMessagesInConnection=4\n",
        (guint)smtp_sink_port(fixture->sink));
    fixture->config = ims_config_parse("/nowhere/ims.conf", text, strlen(text), &error);
    g_assert_no_error(error);
    fixture->service.config = fixture->config;
    fixture->service.world = ims_real_world_new(&world_options, &error);
    g_assert_no_error(error);
    fixture->service.log = ims_log_new_memory();
    fixture->service.store = ims_store_open(fixture->service.world, &store_options, &error);
    g_assert_no_error(error);
    fixture->sender = ims_sender_new(fixture->service.world, fixture->config->max_outbound, &error);
    g_assert_no_error(error);
    fixture->service.queue = ims_queue_runner_new(&fixture->service);
}

static gboolean
has_stopped(Fixture *fixture)
{
    return fixture->stopped;
}

static void
run_main_until(Fixture *fixture, gboolean (*is_so)(Fixture *fixture))
{
    gint64 end_usec = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    while (!is_so(fixture)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end_usec);
        g_main_context_iteration(ims_real_world_main_context(fixture->service.world), FALSE);
        g_usleep(500);
    }
}

static void
note_stopped(gpointer data)
{
    ((Fixture *)data)->stopped = TRUE;
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    ims_queue_runner_stop(fixture->service.queue, note_stopped, fixture);
    run_main_until(fixture, has_stopped);
    ims_queue_runner_free(fixture->service.queue);
    ims_sender_free(fixture->sender);
    ims_store_close(fixture->service.store);
    ims_real_world_free(fixture->service.world);
    ims_log_free(fixture->service.log);
    ims_config_free(fixture->config);
    smtp_sink_free(fixture->sink);
}

static void
note_queued(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ims_store_op_free(op);
    ((Fixture *)data)->n_queued++;
}

static void
queue_message(Fixture *fixture, const char *text, const char *address)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, note_queued, fixture);
    ImsQueueMessage *message = ims_queue_message_new();
    ImsQueueRecipient *recipient = ims_queue_recipient_new();

    message->sender = g_strdup("a@example.com");
    message->accepted_usec = ims_world_wall_usec(fixture->service.world);
    message->expires_usec = message->accepted_usec + (gint64)3600 * G_USEC_PER_SEC;
    recipient->address = g_strdup(address);
    recipient->domain = g_strdup(strrchr(address, '@') + 1);
    if (message->recipients == NULL)
        message->recipients =
            g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_recipient_free);
    g_ptr_array_add(message->recipients, recipient);
    op->body = g_bytes_new(text, strlen(text));
    op->summary = ims_mime_summarize(op->body, NULL);
    op->queue = message;
    ims_store_submit(fixture->service.store, &op->op);
}

static gboolean
is_queue_empty(Fixture *fixture)
{
    g_autoptr(GPtrArray) list = ims_store_queue_list(fixture->service.store, NULL, 0, 100, NULL);

    return fixture->n_queued > 0 && list->len == 0 &&
           ims_queue_runner_jobs(fixture->service.queue) == 0;
}

static gboolean
has_attempt(Fixture *fixture)
{
    g_autoptr(GPtrArray) list = ims_store_queue_list(fixture->service.store, NULL, 0, 100, NULL);

    return list->len == 1 &&
           ((ImsQueueRecipient *)((ImsQueueMessage *)list->pdata[0])->recipients->pdata[0])
                   ->attempts == 1;
}

/* Both senders take turns, many messages, several connections: each arrives once, as it was. */
static void
test_arrives(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GPtrArray) messages = NULL;
    g_autoptr(GHashTable) wanted =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

    for (guint i = 0; i < N_MESSAGES; i++) {
        g_autofree char *text =
            g_strdup_printf("Date: Thu, 1 Jan 1998 00:00:00 +0000\r\nFrom: a@example.com\r\n"
                            "Message-Id: <%u@example.com>\r\n%s\r\n.body %u\r\n",
                            i, i % 3 == 0 ? "To: b\r\nTo: c\r\n" : "To: b\r\n", i);

        g_hash_table_add(wanted, g_bytes_new(text, strlen(text)));
        queue_message(fixture, text, i % 2 == 0 ? "b@far.example" : "b@near.example");
    }
    run_main_until(fixture, is_queue_empty);
    messages = smtp_sink_take_messages(fixture->sink);
    g_assert_cmpuint(messages->len, ==, N_MESSAGES);
    for (guint i = 0; i < messages->len; i++)
        g_assert_true(g_hash_table_remove(wanted, messages->pdata[i]));
    g_assert_cmpuint(n_reports, ==, 0);
}

static void
test_refused(Fixture *fixture, gconstpointer unused)
{
    fixture->script.rules[0].command = "RCPT";
    fixture->script.rules[0].reply = "550 No such user";
    queue_message(fixture, "Date: x\r\nFrom: a\r\n\r\nbody\r\n", "b@far.example");
    run_main_until(fixture, is_queue_empty);
    g_assert_cmpuint(n_reports, ==, 1);
}

static void
test_breaks(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *lines = NULL;

    fixture->script.rules[0].command = "RCPT";
    fixture->script.rules[0].reply = NULL;
    queue_message(fixture, "Date: x\r\nFrom: a\r\n\r\nbody\r\n", "b@far.example");
    run_main_until(fixture, has_attempt);
    lines = ims_log_take(fixture->service.log);
    g_assert_nonnull(strstr(lines, "outcome=deferred"));
    g_assert_cmpuint(n_reports, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/ims/outbound/arrives", Fixture, NULL, set_up, test_arrives, tear_down);
    g_test_add("/ims/outbound/refused", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/ims/outbound/breaks", Fixture, NULL, set_up, test_breaks, tear_down);
    return g_test_run();
}
