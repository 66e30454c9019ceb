/* The queue: the same suite over both engines. */
#include "tests/unit/store-fixture.h"

#include <string.h>

#define HOUR_USEC (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC)

/* "bob@b.example carol@c.example" */
static ImsQueueMessage *
make_queue(const char *addresses, gint64 next_usec)
{
    ImsQueueMessage *queue = ims_queue_message_new();
    g_auto(GStrv) list = g_strsplit(addresses, " ", -1);

    queue->sender = g_strdup("alice@example.com");
    queue->ret = IMS_RET_HDRS;
    queue->envid = g_strdup("env");
    queue->eight_bit = TRUE;
    queue->accepted_usec = FIXTURE_START_USEC;
    queue->expires_usec = FIXTURE_START_USEC + 48 * HOUR_USEC;
    queue->session = g_strdup("s=1 127.0.0.1 alice");
    queue->subject = g_strdup("subject");
    for (guint i = 0; list[i] != NULL; i++) {
        ImsQueueRecipient *recipient = ims_queue_recipient_new();

        recipient->address = g_strdup(list[i]);
        recipient->original = g_strdup("original");
        recipient->orcpt = g_strdup("rfc822;x");
        recipient->notify = IMS_NOTIFY_FAILURE | IMS_NOTIFY_DELAY;
        recipient->domain = g_strdup(strchr(list[i], '@') + 1);
        recipient->next_attempt_usec = next_usec;
        g_ptr_array_add(queue->recipients, recipient);
    }
    return queue;
}

static ImsDeliverOp *
queue_op(const char *addresses, gint64 next_usec)
{
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1, 400), NULL, NULL);

    g_clear_pointer(&op->targets, g_array_unref);
    op->queue = make_queue(addresses, next_usec);
    return op;
}

static void
enqueue(Fixture *fixture, const char *addresses)
{
    fixture_run_free(fixture, &queue_op(addresses, FIXTURE_START_USEC)->op);
}

static const char *
state_name(ImsQueueState state)
{
    static const char *const names[] = {"waiting", "active", "held", "sent", "failed"};

    return names[state];
}

/* "1: bob@b.example waiting, …; 2: …" */
static char *
list_text(const GPtrArray *messages)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < messages->len; i++) {
        const ImsQueueMessage *message = g_ptr_array_index(messages, i);

        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT ":", i > 0 ? "; " : "", message->id);
        for (guint k = 0; k < message->recipients->len; k++) {
            const ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, k);

            g_string_append_printf(text, "%s %s %s", k > 0 ? "," : "", recipient->address,
                                   state_name(recipient->state));
        }
    }
    return g_string_free(text, FALSE);
}

static void
assert_queue(Fixture *fixture, const char *expected)
{
    g_autoptr(GPtrArray) messages = ims_store_queue_list(fixture->store, NULL, 0, 100, NULL);
    g_autofree char *text = list_text(messages);

    g_assert_cmpstr(text, ==, expected);
}

static ImsQueueClaimOp *
run_claim(Fixture *fixture, const char *domain, gint64 now_usec, guint limit)
{
    ImsQueueClaimOp *op = (ImsQueueClaimOp *)ims_store_op_new(IMS_OP_QUEUE_CLAIM, NULL, NULL);

    op->domain = g_strdup(domain);
    op->now_usec = now_usec;
    op->limit = limit;
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    return op;
}

static void
assert_claim(Fixture *fixture, const char *domain, gint64 now_usec, guint limit,
             const char *expected)
{
    ImsQueueClaimOp *op = run_claim(fixture, domain, now_usec, limit);
    g_autofree char *text = list_text(op->messages);

    g_assert_cmpstr(text, ==, expected);
    ims_store_op_free(&op->op);
}

static guint64
recipient_id(Fixture *fixture, guint64 message, guint index)
{
    g_autoptr(ImsQueueMessage) entry = ims_store_queue_get(fixture->store, message, NULL);

    return ((ImsQueueRecipient *)g_ptr_array_index(entry->recipients, index))->id;
}

static ImsQueueOutcomeOp *
outcome_op(Fixture *fixture, guint64 message, guint index, ImsQueueState state, gint64 next_usec)
{
    ImsQueueOutcomeOp *op = (ImsQueueOutcomeOp *)ims_store_op_new(IMS_OP_QUEUE_OUTCOME, NULL, NULL);
    ImsQueueResult result = {
        .recipient = recipient_id(fixture, message, index),
        .state = state,
        .next_attempt_usec = next_usec,
        .host_failed = state == IMS_QUEUE_WAITING,
        .count_attempt = TRUE,
        .code = 451,
        .reply = g_strdup("try later"),
    };

    op->message = message;
    op->results = ims_queue_results_new();
    g_array_append_val(op->results, result);
    return op;
}

static void
test_roundtrip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(ImsQueueMessage) entry = NULL;
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GBytes) expected = fixture_body(1, 400);
    g_autoptr(GError) error = NULL;
    const ImsQueueRecipient *recipient;
    ImsDeliverOp *op = queue_op("bob@b.example carol@c.example", FIXTURE_START_USEC + 5);

    /* Local and remote in one: one body. */
    op->targets = ims_deliver_targets_new();
    g_array_set_size(op->targets, 1);
    g_array_index(op->targets, ImsDeliverTarget, 0).mailbox = 1;
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    g_assert_cmpuint(op->queue->id, ==, 1);
    ims_store_op_free(&op->op);
    entry = ims_store_queue_get(fixture->store, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(entry->sender, ==, "alice@example.com");
    g_assert_cmpint(entry->ret, ==, IMS_RET_HDRS);
    g_assert_cmpstr(entry->envid, ==, "env");
    g_assert_true(entry->eight_bit);
    g_assert_cmpint(entry->accepted_usec, ==, FIXTURE_START_USEC);
    g_assert_cmpint(entry->expires_usec, ==, FIXTURE_START_USEC + 48 * HOUR_USEC);
    g_assert_cmpuint(entry->size, ==, 400);
    g_assert_cmpstr(entry->session, ==, "s=1 127.0.0.1 alice");
    g_assert_null(entry->hold_reason);
    g_assert_cmpstr(entry->subject, ==, "subject");
    g_assert_cmpuint(entry->recipients->len, ==, 2);
    recipient = g_ptr_array_index(entry->recipients, 1);
    g_assert_cmpstr(recipient->address, ==, "carol@c.example");
    g_assert_cmpstr(recipient->original, ==, "original");
    g_assert_cmpstr(recipient->orcpt, ==, "rfc822;x");
    g_assert_cmpint(recipient->notify, ==, IMS_NOTIFY_FAILURE | IMS_NOTIFY_DELAY);
    g_assert_cmpstr(recipient->domain, ==, "c.example");
    g_assert_cmpint(recipient->state, ==, IMS_QUEUE_WAITING);
    g_assert_cmpint(recipient->next_attempt_usec, ==, FIXTURE_START_USEC + 5);
    body = ims_store_read_body(fixture->store, entry->content, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(body, expected));
    fixture_assert_list(fixture, fixture_folder(fixture, "INBOX"), "1:0");
    g_assert_null(ims_store_queue_get(fixture->store, 2, &error));
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
}

static void
test_bad_entries(Fixture *fixture, gconstpointer data)
{
    ImsDeliverOp *op = queue_op("bob@b.example", 0);

    g_ptr_array_set_size(op->queue->recipients, 0);
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
    ims_store_op_free(&op->op);
    op = queue_op("bob@b.example", 0);
    ((ImsQueueRecipient *)g_ptr_array_index(op->queue->recipients, 0))->state = IMS_QUEUE_SENT;
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
    ims_store_op_free(&op->op);
    assert_queue(fixture, "");
}

static void
test_claim(Fixture *fixture, gconstpointer data)
{
    enqueue(fixture, "bob@b.example carol@c.example bert@b.example");
    fixture_run_free(fixture, &queue_op("bea@b.example", FIXTURE_START_USEC - 10)->op);
    fixture_run_free(fixture, &queue_op("ben@b.example", FIXTURE_START_USEC + HOUR_USEC)->op);
    enqueue(fixture, "bill@b.example");
    assert_claim(fixture, "d.example", FIXTURE_START_USEC, 10, "");
    /* The one that waits longest first; recipients of other domains are not claimed. */
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 2,
                 "2: bea@b.example active; 1: bob@b.example active, bert@b.example active");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 2, "4: bill@b.example active");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 2, "");
    assert_queue(fixture, "1: bob@b.example active, carol@c.example waiting, bert@b.example "
                          "active; 2: bea@b.example active; 3: ben@b.example waiting; 4: "
                          "bill@b.example active");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC + HOUR_USEC, 2,
                 "3: ben@b.example active");
}

static void
test_outcome(Fixture *fixture, gconstpointer data)
{
    g_autoptr(ImsQueueMessage) entry = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = NULL;
    const ImsQueueRecipient *recipient;
    ImsQueueOutcomeOp *op;
    ImsContentId content;

    enqueue(fixture, "bob@b.example carol@c.example");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 1, "1: bob@b.example active");
    fixture_run_free(
        fixture, &outcome_op(fixture, 1, 0, IMS_QUEUE_WAITING, FIXTURE_START_USEC + HOUR_USEC)->op);
    entry = ims_store_queue_get(fixture->store, 1, NULL);
    content = entry->content;
    recipient = g_ptr_array_index(entry->recipients, 0);
    g_assert_cmpint(recipient->state, ==, IMS_QUEUE_WAITING);
    g_assert_cmpuint(recipient->attempts, ==, 1);
    g_assert_cmpint(recipient->next_attempt_usec, ==, FIXTURE_START_USEC + HOUR_USEC);
    g_assert_true(recipient->last_failed);
    g_assert_cmpint(recipient->code, ==, 451);
    g_assert_cmpstr(recipient->reply, ==, "try later");
    fixture_run_free(fixture, &outcome_op(fixture, 1, 0, IMS_QUEUE_SENT, 0)->op);
    assert_queue(fixture, "1: bob@b.example sent, carol@c.example waiting");
    fixture_run_free(fixture, &outcome_op(fixture, 1, 1, IMS_QUEUE_FAILED, 0)->op);
    assert_queue(fixture, "");
    ims_sim_world_advance(fixture->world, HOUR_USEC);
    body = ims_store_read_body(fixture->store, content, &error);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    op = (ImsQueueOutcomeOp *)ims_store_op_new(IMS_OP_QUEUE_OUTCOME, NULL, NULL);
    op->message = 1;
    op->results = ims_queue_results_new();
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
}

/* The report is delivered with the outcome, or neither happens. */
static void
test_outcome_with_report(Fixture *fixture, gconstpointer data)
{
    ImsQueueOutcomeOp *op;

    enqueue(fixture, "bob@b.example");
    op = outcome_op(fixture, 1, 0, IMS_QUEUE_FAILED, 0);
    op->report = fixture_deliver_op(fixture_body(7, 600), NULL, NULL);
    g_array_index(op->report->targets, ImsDeliverTarget, 0).mailbox = 99;
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
    assert_queue(fixture, "1: bob@b.example waiting");

    op = outcome_op(fixture, 1, 0, IMS_QUEUE_FAILED, 0);
    op->report = fixture_deliver_op(fixture_body(7, 600), NULL, NULL);
    op->report->queue = make_queue("postmaster@d.example", FIXTURE_START_USEC);
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    g_assert_cmpuint(g_array_index(op->report->targets, ImsDeliverTarget, 0).uid, ==, 1);
    ims_store_op_free(&op->op);
    assert_queue(fixture, "2: postmaster@d.example waiting");
    fixture_assert_list(fixture, fixture_folder(fixture, "INBOX"), "1:0");
}

static ImsQueueAdminOp *
admin(Fixture *fixture, ImsQueueAdminAction action, guint64 message, const char *domain)
{
    ImsQueueAdminOp *op = (ImsQueueAdminOp *)ims_store_op_new(IMS_OP_QUEUE_ADMIN, NULL, NULL);

    op->action = action;
    op->message = message;
    op->domain = g_strdup(domain);
    fixture_run(fixture, &op->op);
    return op;
}

static void
assert_admin(Fixture *fixture, ImsQueueAdminAction action, guint64 message, const char *domain,
             guint affected)
{
    ImsQueueAdminOp *op = admin(fixture, action, message, domain);

    g_assert_no_error(op->op.error);
    g_assert_cmpuint(op->affected, ==, affected);
    ims_store_op_free(&op->op);
}

static void
test_admin(Fixture *fixture, gconstpointer data)
{
    ImsQueueAdminOp *op;

    fixture_run_free(
        fixture, &queue_op("bob@b.example carol@c.example", FIXTURE_START_USEC + HOUR_USEC)->op);
    fixture_run_free(fixture, &queue_op("ben@b.example", FIXTURE_START_USEC + HOUR_USEC)->op);
    assert_claim(fixture, "b.example", ims_world_wall_usec(fixture->world), 9, "");
    assert_admin(fixture, IMS_QUEUE_ADMIN_RETRY, 1, NULL, 2);
    assert_claim(fixture, "b.example", ims_world_wall_usec(fixture->world), 9,
                 "1: bob@b.example active");
    assert_admin(fixture, IMS_QUEUE_ADMIN_HOLD, 0, "b.example", 1); /* the active one goes on */
    assert_queue(fixture, "1: bob@b.example active, carol@c.example waiting; 2: ben@b.example "
                          "held");
    assert_admin(fixture, IMS_QUEUE_ADMIN_RETRY, 0, NULL, 1);
    assert_admin(fixture, IMS_QUEUE_ADMIN_RELEASE, 2, NULL, 1);
    assert_claim(fixture, "b.example", ims_world_wall_usec(fixture->world), 9,
                 "2: ben@b.example active");
    assert_admin(fixture, IMS_QUEUE_ADMIN_DELETE, 0, "c.example", 1);
    assert_queue(fixture, "1: bob@b.example active; 2: ben@b.example active");
    assert_admin(fixture, IMS_QUEUE_ADMIN_DELETE, 0, NULL, 2);
    assert_queue(fixture, "");
    op = admin(fixture, IMS_QUEUE_ADMIN_DELETE, 1, NULL);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
}

/* Mail that only a weakness admitted waits for an administrator. */
static void
test_hold_reason(Fixture *fixture, gconstpointer data)
{
    ImsDeliverOp *op = queue_op("bob@b.example", FIXTURE_START_USEC);
    g_autoptr(ImsQueueMessage) entry = NULL;

    op->queue->hold_reason = g_strdup("open relay");
    fixture_run_free(fixture, &op->op);
    assert_queue(fixture, "1: bob@b.example held");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 9, "");
    entry = ims_store_queue_get(fixture->store, 1, NULL);
    g_assert_cmpstr(entry->hold_reason, ==, "open relay");
    assert_admin(fixture, IMS_QUEUE_ADMIN_RELEASE, 0, NULL, 1);
    g_clear_pointer(&entry, ims_queue_message_free);
    entry = ims_store_queue_get(fixture->store, 1, NULL);
    g_assert_null(entry->hold_reason);
}

static void
test_domains(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) domains = NULL;
    const ImsQueueDomain *domain;

    enqueue(fixture, "bob@b.example carol@c.example bert@b.example");
    fixture_run_free(fixture, &queue_op("ben@b.example", FIXTURE_START_USEC - 7)->op);
    assert_claim(fixture, "c.example", FIXTURE_START_USEC, 9, "1: carol@c.example active");
    fixture_run_free(
        fixture, &outcome_op(fixture, 1, 0, IMS_QUEUE_WAITING, FIXTURE_START_USEC + HOUR_USEC)->op);
    domains = ims_store_queue_domains(fixture->store, NULL);
    g_assert_cmpuint(domains->len, ==, 2);
    domain = g_ptr_array_index(domains, 0);
    g_assert_cmpstr(domain->domain, ==, "b.example");
    g_assert_cmpuint(domain->waiting, ==, 3);
    g_assert_cmpuint(domain->active, ==, 0);
    g_assert_cmpint(domain->next_attempt_usec, ==, FIXTURE_START_USEC - 7);
    g_assert_false(domain->last_failed); /* only one of three */
    domain = g_ptr_array_index(domains, 1);
    g_assert_cmpuint(domain->active, ==, 1);
    g_assert_cmpint(domain->next_attempt_usec, ==, G_MAXINT64);
    g_ptr_array_unref(domains);
    assert_admin(fixture, IMS_QUEUE_ADMIN_HOLD, 2, NULL, 1);
    fixture_run_free(
        fixture,
        &outcome_op(fixture, 1, 2, IMS_QUEUE_WAITING, FIXTURE_START_USEC + 2 * HOUR_USEC)->op);
    domains = ims_store_queue_domains(fixture->store, NULL);
    domain = g_ptr_array_index(domains, 0);
    g_assert_cmpuint(domain->waiting, ==, 2);
    g_assert_cmpuint(domain->held, ==, 1);
    g_assert_true(domain->last_failed);
    g_assert_cmpint(domain->next_attempt_usec, ==, FIXTURE_START_USEC + HOUR_USEC);
}

static void
test_list_pages(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;
    g_autofree char *first_text = NULL;
    g_autofree char *second_text = NULL;

    for (guint i = 0; i < 3; i++) {
        enqueue(fixture, "bob@b.example");
        enqueue(fixture, "carol@c.example");
    }
    first = ims_store_queue_list(fixture->store, "b.example", 0, 2, NULL);
    second = ims_store_queue_list(fixture->store, "b.example", 3, 2, NULL);
    first_text = list_text(first);
    second_text = list_text(second);
    g_assert_cmpstr(first_text, ==, "1: bob@b.example waiting; 3: bob@b.example waiting");
    g_assert_cmpstr(second_text, ==, "5: bob@b.example waiting");
}

static void
count_call(ImsFolderId folder, guint64 modseq, gpointer data)
{
    g_assert_cmpuint(folder, ==, 0);
    ++*(guint *)data;
}

static void
test_watch(Fixture *fixture, gconstpointer data)
{
    guint calls = 0;
    ImsStoreWatch *watch = ims_store_watch(fixture->store, 0, count_call, &calls);

    enqueue(fixture, "bob@b.example");
    g_assert_cmpuint(calls, ==, 1);
    fixture_deliver_many(fixture, fixture_folder(fixture, "INBOX"), 1);
    g_assert_cmpuint(calls, ==, 1);
    assert_claim(fixture, "none.example", FIXTURE_START_USEC, 1, "");
    g_assert_cmpuint(calls, ==, 1);
    ims_store_unwatch(fixture->store, &watch);
}

/* What was being sent when the process ended may have been sent: it is named, and tried again. */
static void
test_uncertain(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) uncertain = NULL;
    g_autofree char *text = NULL;

    enqueue(fixture, "bob@b.example carol@c.example");
    enqueue(fixture, "bea@b.example");
    enqueue(fixture, "dan@d.example");
    assert_claim(fixture, "b.example", FIXTURE_START_USEC, 9,
                 "1: bob@b.example active; 2: bea@b.example active");
    fixture_run_free(fixture, &outcome_op(fixture, 2, 0, IMS_QUEUE_SENT, 0)->op);
    uncertain = ims_store_queue_uncertain(fixture->store);
    g_assert_cmpuint(uncertain->len, ==, 0);
    g_ptr_array_unref(uncertain);
    fixture_reopen(fixture);
    uncertain = ims_store_queue_uncertain(fixture->store);
    text = list_text(uncertain);
    g_assert_cmpstr(text, ==, "1: bob@b.example waiting");
    assert_queue(fixture,
                 "1: bob@b.example waiting, carol@c.example waiting; 3: dan@d.example waiting");
    g_ptr_array_unref(uncertain);
    fixture_reopen(fixture);
    uncertain = ims_store_queue_uncertain(fixture->store);
    g_assert_cmpuint(uncertain->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_test("/store/queue/roundtrip", test_roundtrip);
    fixture_add_test("/store/queue/bad-entries", test_bad_entries);
    fixture_add_test("/store/queue/claim", test_claim);
    fixture_add_test("/store/queue/outcome", test_outcome);
    fixture_add_test("/store/queue/outcome-with-report", test_outcome_with_report);
    fixture_add_test("/store/queue/admin", test_admin);
    fixture_add_test("/store/queue/hold-reason", test_hold_reason);
    fixture_add_test("/store/queue/domains", test_domains);
    fixture_add_test("/store/queue/list-pages", test_list_pages);
    fixture_add_test("/store/queue/watch", test_watch);
    fixture_add_sqlite_test("/store/queue/uncertain/sqlite", test_uncertain);
    return g_test_run();
}
