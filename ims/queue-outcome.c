/* What becomes of a recipient after an attempt, and its way to the disk. */
#include "ims/queue-private.h"

#include <string.h>

#define RETRY_COMMIT_USEC (5 * G_USEC_PER_SEC)

/* ---- deciding ---- */

void
ims_queue_wait_for_etrn(const ImsConfig *config, ImsQueueMessage *message)
{
    for (guint i = 0; message->recipients != NULL && i < message->recipients->len; i++) {
        ImsQueueRecipient *row = message->recipients->pdata[i];

        if (row->state == IMS_QUEUE_WAITING && ims_route_waits_for_etrn(config, row->domain))
            row->next_attempt_usec = message->expires_usec;
    }
}

/* When to try again (S-182, S-183), the moment of expiry at the latest; 0: never. */
static gint64
next_attempt(ImsQueueRunner *runner, const ImsQueueMessage *message,
             const ImsQueueRecipient *recipient)
{
    const GArray *intervals = runner->service->config->retry_intervals_sec;
    gint64 now_usec = ims_world_wall_usec(runner->service->world);
    guint interval_sec;

    if (now_usec < message->expires_usec &&
        ims_route_waits_for_etrn(runner->service->config, recipient->domain))
        return message->expires_usec;
    if (intervals == NULL || intervals->len == 0 || now_usec >= message->expires_usec)
        return 0;
    interval_sec = g_array_index(intervals, guint, MIN(recipient->attempts, intervals->len - 1));
    if (interval_sec == 0)
        return 0;
    return MIN(now_usec + (gint64)interval_sec * G_USEC_PER_SEC, message->expires_usec);
}

static void
log_attempt(ImsQueueRunner *runner, const ImsQueueMessage *message,
            const ImsQueueRecipient *recipient, const ImsQueueAttempt *attempt, const char *outcome)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, message->id);
    g_autofree char *number = g_strdup_printf("%u", recipient->attempts + 1);
    g_autofree char *code = attempt->code != 0 ? g_strdup_printf("%d", attempt->code) : NULL;

    ims_log_event(runner->service->log, 0, "send", "message", id, "from", message->sender, "to",
                  recipient->address, "attempt", number, "outcome", outcome, "host", attempt->host,
                  "address", attempt->address, "code", code, "reply", attempt->reply, NULL);
}

static void
set_failure(ImsQueueRecipient *recipient, int code, const char *reply)
{
    g_free(recipient->reply);
    recipient->reply = g_strdup(reply);
    recipient->code = code;
    recipient->state = IMS_QUEUE_FAILED;
}

ImsQueueResult
ims_queue_result_of(ImsQueueRunner *runner, const ImsQueueMessage *message,
                    ImsQueueRecipient *recipient, const ImsQueueAttempt *attempt)
{
    ImsQueueResult result = {.recipient = recipient->id,
                             .host_failed = attempt->host_failed,
                             .count_attempt = !attempt->not_tried,
                             .code = attempt->code,
                             .reply = g_strdup(attempt->reply)};

    if (attempt->not_tried) {
        result.state = IMS_QUEUE_WAITING;
        result.next_attempt_usec = ims_world_wall_usec(runner->service->world);
        result.host_failed = recipient->last_failed;
        return result;
    }
    if (attempt->status == IMS_SEND_OK) {
        result.state = IMS_QUEUE_SENT;
        log_attempt(runner, message, recipient, attempt, "sent");
        return result;
    }
    if (attempt->status != IMS_SEND_PERMANENT) {
        result.next_attempt_usec = next_attempt(runner, message, recipient);
        result.state = result.next_attempt_usec != 0 ? IMS_QUEUE_WAITING : IMS_QUEUE_FAILED;
        log_attempt(runner, message, recipient, attempt,
                    result.next_attempt_usec != 0 ? "deferred" : "expired");
        if (result.state == IMS_QUEUE_FAILED)
            /* The report says of a host that never answered "Host unreachable" (S-215). */
            set_failure(recipient, attempt->code == IMS_QUEUE_UNREACHABLE ? 0 : attempt->code,
                        attempt->code == IMS_QUEUE_UNREACHABLE ? "Host unreachable"
                                                               : attempt->reply);
        return result;
    }
    result.state = IMS_QUEUE_FAILED;
    log_attempt(runner, message, recipient, attempt, "failed");
    set_failure(recipient, attempt->code, attempt->reply);
    return result;
}

/* ---- committing ---- */

typedef struct {
    ImsQueueRunner *runner;
    const ImsQueueMessage *message;
    GArray *results;
    GBytes *body;
    ImsCallback done;
    gpointer data;
    gboolean with_report;    /* this time there is one */
    gboolean without_report; /* what it is for can go, it cannot */
} Commit;

static void
finish(Commit *commit)
{
    ImsCallback done = commit->done;
    gpointer data = commit->data;

    g_array_unref(commit->results);
    g_free(commit);
    done(data);
}

/* @results was made by ims_queue_results_new(), whose clear function frees the reply. (transfer
 * full) */
static GArray *
copy_results(const GArray *results)
{
    GArray *copy = ims_queue_results_new();

    for (guint i = 0; i < results->len; i++) {
        ImsQueueResult result = g_array_index(results, ImsQueueResult, i);

        result.reply = g_strdup(result.reply);
        g_array_append_val(copy, result);
    }
    return copy;
}

/* The report's original. What cannot be read goes back as its subject alone: its sender hears of it
 * nevertheless. (transfer full) */
static GBytes *
original_of(const Commit *commit)
{
    char *header;

    if (commit->body != NULL)
        return g_bytes_ref(commit->body);
    header = g_strdup_printf("Subject: %s\r\n\r\n",
                             commit->message->subject != NULL ? commit->message->subject : "");
    return g_bytes_new_take(header, strlen(header));
}

/* One report for all that failed with this outcome. (nullable) */
static ImsDeliverOp *
make_report(Commit *commit)
{
    const ImsQueueMessage *message = commit->message;
    ImsQueueMessage failed = *message;
    g_autoptr(GPtrArray) recipients = g_ptr_array_new();
    g_autoptr(GBytes) original = NULL;

    for (guint i = 0; i < commit->results->len; i++) {
        const ImsQueueResult *result = &g_array_index(commit->results, ImsQueueResult, i);

        for (guint k = 0; result->state == IMS_QUEUE_FAILED && k < message->recipients->len; k++) {
            ImsQueueRecipient *recipient = message->recipients->pdata[k];

            if (recipient->id == result->recipient)
                g_ptr_array_add(recipients, recipient);
        }
    }
    if (recipients->len == 0 || commit->without_report)
        return NULL;
    failed.recipients = recipients;
    original = original_of(commit);
    return ims_report_new(commit->runner->service, &failed, original);
}

static void submit(gpointer data);

static void
log_error(Commit *commit, const GError *error, const char *effect)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, commit->message->id);

    ims_log_event(commit->runner->service->log, 0, "queue-error", "message", id, "reason",
                  error->message, "effect", effect, NULL);
}

static void
committed(ImsStoreOp *op, gpointer data)
{
    Commit *commit = data;
    g_autoptr(GError) error = g_steal_pointer(&op->error);

    ims_store_op_free(op);
    if (error == NULL) {
        finish(commit);
    } else if (!commit->runner->stopping &&
               (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_FULL) ||
                g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_BUSY))) {
        log_error(commit, error, "the outcome is kept, and written again soon");
        ims_world_timer_add(commit->runner->service->world, RETRY_COMMIT_USEC, submit, commit);
    } else if (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND)) {
        /* Either an administrator deleted the message while it was being sent, or the report's
         * mailbox is gone. */
        if (!commit->with_report) {
            finish(commit);
            return;
        }
        log_error(commit, error, "the report is dropped");
        commit->without_report = TRUE;
        submit(commit);
    } else {
        log_error(commit, error,
                  "the outcome is lost: what was sent may be sent again after the next start");
        finish(commit);
    }
}

static void
submit(gpointer data)
{
    Commit *commit = data;
    ImsStoreOp *op = ims_store_op_new(IMS_OP_QUEUE_OUTCOME, committed, commit);
    ImsQueueOutcomeOp *outcome = (ImsQueueOutcomeOp *)op;

    outcome->message = commit->message->id;
    if (outcome->results != NULL)
        g_array_unref(outcome->results);
    outcome->results = copy_results(commit->results);
    outcome->report = make_report(commit);
    commit->with_report = outcome->report != NULL;
    ims_store_submit(commit->runner->service->store, op);
}

void
ims_queue_commit(ImsQueueRunner *runner, const ImsQueueMessage *message, GArray *results,
                 GBytes *body, ImsCallback done, gpointer data)
{
    Commit *commit = g_new0(Commit, 1);

    commit->runner = runner;
    commit->message = message;
    commit->results = results;
    commit->body = body;
    commit->done = done;
    commit->data = data;
    submit(commit);
}
