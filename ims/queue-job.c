/*
 * One job: what is due of one domain is claimed, its hosts are found, and the messages go to the
 * first that answers. Each message's outcome is on the disk before the next message is begun.
 */
#include "ims/queue-private.h"

/* Without "no limit" taken for its word: what is claimed is held in memory. */
#define MAX_CLAIM 1000
#define CONNECT_TIMEOUT_SEC 30
#define COMMAND_TIMEOUT_SEC 300
/* A host that answered and then broke off may have taken the message: not every host of the list is
 * tried after it. */
#define MAX_BROKEN 2

typedef struct {
    ImsQueueMessage *message; /* owned by job->claimed */
    GBytes *body;             /* (nullable): NULL, it cannot be read */
    gboolean is_settled;      /* its outcome is decided, and committed or on the way */
} Item;

struct _ImsQueueJob {
    ImsQueueRunner *runner;
    char *domain, *destination;
    gboolean failing;
    GPtrArray *claimed; /* (element-type ImsQueueMessage) (nullable) */
    GArray *items;      /* (element-type Item) */
    ImsRoute *route;
    guint pending; /* commits, questions and connections on their way; 0: the job is over */
    guint n_broken;
    char *error; /* (nullable): of the last host tried */
    /* the host tried now or last; NULL: none yet */
    char *host, *address_text;
    GArray
        *sent; /* (element-type guint): index in @items of each message of the present connection */
    gboolean progressed; /* an outcome came in it */
};

static ImsService *
service_of(ImsQueueJob *job)
{
    return job->runner->service;
}

static Item *
item_of(ImsQueueJob *job, guint index)
{
    return &g_array_index(job->items, Item, index);
}

static void
clear_item(gpointer item)
{
    g_clear_pointer(&((Item *)item)->body, g_bytes_unref);
}

static void
end_job(ImsQueueJob *job)
{
    ims_queue_runner_ended(job->runner, job->destination, job->failing);
    ims_route_free(job->route);
    if (job->claimed != NULL)
        g_ptr_array_unref(job->claimed);
    g_array_unref(job->items);
    g_array_unref(job->sent);
    g_free(job->domain);
    g_free(job->destination);
    g_free(job->error);
    g_free(job->host);
    g_free(job->address_text);
    g_free(job);
}

static void
release(ImsQueueJob *job)
{
    if (--job->pending == 0)
        end_job(job);
}

/* ---- outcomes ---- */

typedef struct {
    ImsQueueJob *job;
    void (*resume)(gpointer data); /* (nullable) */
    gpointer resume_data;
} Settle;

static void
settled(gpointer data)
{
    Settle *settle = data;

    if (settle->resume != NULL)
        settle->resume(settle->resume_data);
    release(settle->job);
    g_free(settle);
}

static void
commit_item(ImsQueueJob *job, Item *item, GArray *results, void (*resume)(gpointer),
            gpointer resume_data)
{
    Settle *settle = g_new0(Settle, 1);

    settle->job = job;
    settle->resume = resume;
    settle->resume_data = resume_data;
    item->is_settled = TRUE;
    job->pending++;
    ims_queue_commit(job->runner, item->message, results, item->body, settled, settle);
}

/* All recipients of @item alike. */
static void
settle_alike(ImsQueueJob *job, Item *item, const ImsQueueAttempt *attempt)
{
    GArray *results = ims_queue_results_new();

    for (guint i = 0; i < item->message->recipients->len; i++) {
        ImsQueueResult result = ims_queue_result_of(job->runner, item->message,
                                                    item->message->recipients->pdata[i], attempt);

        g_array_append_val(results, result);
    }
    commit_item(job, item, results, NULL, NULL);
}

static void
settle_rest(ImsQueueJob *job, const ImsQueueAttempt *attempt)
{
    for (guint i = 0; i < job->items->len; i++) {
        if (!item_of(job, i)->is_settled)
            settle_alike(job, item_of(job, i), attempt);
    }
}

/* No host of the domain could be had (S-176). */
static void
defer_rest(ImsQueueJob *job, const char *reason)
{
    g_autofree char *reply =
        g_strdup_printf("No routing hosts are reachable for %s.%s%s", job->domain,
                        reason != NULL ? " " : "", reason != NULL ? reason : "");
    ImsQueueAttempt attempt = {.status = IMS_SEND_TRANSIENT,
                               .code = IMS_QUEUE_UNREACHABLE,
                               .reply = reply,
                               .host = job->host,
                               .address = job->address_text,
                               .host_failed = TRUE};

    settle_rest(job, &attempt);
}

/* Back to the queue as if nothing had been. */
static void
return_rest(ImsQueueJob *job)
{
    ImsQueueAttempt attempt = {.not_tried = TRUE};

    settle_rest(job, &attempt);
}

/* ---- one connection ---- */

static void try_next_host(ImsQueueJob *job);

/* 452 beside others that were taken: the host wants no more in one transaction, and the rest may
 * come at once (RFC 5321 4.5.3.1.10). Each time some are taken, so this ends. */
static gboolean
may_follow_at_once(const ImsSendMessage *message, const ImsSendRecipient *recipient)
{
    for (guint i = 0; recipient->code == 452 && i < message->recipients->len; i++) {
        if (((const ImsSendRecipient *)message->recipients->pdata[i])->status == IMS_SEND_OK)
            return TRUE;
    }
    return FALSE;
}

static void
message_done(ImsSendJob *send, guint index, void (*resume)(gpointer), gpointer resume_data)
{
    ImsQueueJob *job = send->data;
    Item *item = item_of(job, g_array_index(job->sent, guint, index));
    const ImsSendMessage *message = send->messages->pdata[index];
    GArray *results = ims_queue_results_new();

    job->progressed = TRUE;
    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsSendRecipient *recipient = message->recipients->pdata[i];
        ImsQueueAttempt attempt = {.status = recipient->status,
                                   .code = recipient->code,
                                   .reply = recipient->reply,
                                   .host = job->host,
                                   .address = job->address_text,
                                   .not_tried = may_follow_at_once(message, recipient)};
        ImsQueueResult result = ims_queue_result_of(job->runner, item->message,
                                                    item->message->recipients->pdata[i], &attempt);

        g_array_append_val(results, result);
    }
    commit_item(job, item, results, resume, resume_data);
}

/* The connection broke after some outcomes: the message it broke at has had its attempt, the rest
 * have not. */
static void
settle_broken(ImsQueueJob *job)
{
    ImsQueueAttempt attempt = {.status = IMS_SEND_TRANSIENT,
                               .code = 0,
                               .reply = job->error,
                               .host = job->host,
                               .address = job->address_text};

    for (guint i = 0; i < job->items->len; i++) {
        if (item_of(job, i)->is_settled)
            continue;
        settle_alike(job, item_of(job, i), &attempt);
        break;
    }
    return_rest(job);
}

static gboolean
has_rest(ImsQueueJob *job)
{
    for (guint i = 0; i < job->items->len; i++) {
        if (!item_of(job, i)->is_settled)
            return TRUE;
    }
    return FALSE;
}

static void
connection_done(ImsSendJob *send, gboolean connected, const char *error)
{
    ImsQueueJob *job = send->data;

    g_free(job->error);
    job->error = g_strdup(error != NULL ? error : "the connection ended early");
    if (has_rest(job)) {
        if (connected)
            job->n_broken++;
        else
            ims_route_failed(job->route);
        if (job->progressed)
            settle_broken(job);
        else if (job->n_broken >= MAX_BROKEN)
            defer_rest(job, job->error);
        else
            try_next_host(job);
    }
    ims_send_job_free(send);
    release(job);
}

static ImsSendMessage *
make_message(const Item *item)
{
    ImsSendMessage *message = g_new0(ImsSendMessage, 1);

    message->id = item->message->id;
    message->mail_from = g_strdup(item->message->sender != NULL ? item->message->sender : "");
    message->ret = item->message->ret;
    message->envid = g_strdup(item->message->envid);
    message->eight_bit = item->message->eight_bit;
    message->body = g_bytes_ref(item->body);
    message->recipients = g_ptr_array_new();
    for (guint i = 0; i < item->message->recipients->len; i++) {
        const ImsQueueRecipient *row = item->message->recipients->pdata[i];
        ImsSendRecipient *recipient = g_new0(ImsSendRecipient, 1);

        recipient->id = row->id;
        recipient->address = g_strdup(row->address);
        recipient->notify = row->notify;
        recipient->orcpt = g_strdup(row->orcpt);
        g_ptr_array_add(message->recipients, recipient);
    }
    return message;
}

static void
send_to(ImsQueueJob *job, const ImsHop *hop)
{
    const ImsConfig *config = service_of(job)->config;
    ImsSendJob *send = g_new0(ImsSendJob, 1);
    char address[IMS_ADDRESS_STRLEN];

    g_free(job->host);
    g_free(job->address_text);
    job->host = g_strdup(hop->host);
    job->address_text =
        g_strdup_printf(hop->address.family == 6 ? "[%s]:%u" : "%s:%u",
                        ims_address_format(&hop->address, address), (guint)hop->port);
    job->progressed = FALSE;
    g_array_set_size(job->sent, 0);
    send->host = g_strdup(hop->host);
    send->address = hop->address;
    send->port = hop->port;
    send->helo = g_strdup(config->host_name);
    send->tls = config->opportunistic_tls ? IMS_TLS_OPPORTUNISTIC : IMS_TLS_NEVER;
    send->connect_timeout_sec = CONNECT_TIMEOUT_SEC;
    send->command_timeout_sec = COMMAND_TIMEOUT_SEC;
    send->messages = g_ptr_array_new();
    for (guint i = 0; i < job->items->len; i++) {
        if (item_of(job, i)->is_settled)
            continue;
        g_ptr_array_add(send->messages, make_message(item_of(job, i)));
        g_array_append_val(job->sent, i);
    }
    send->outcome = message_done;
    send->finished = connection_done;
    send->data = job;
    job->pending++;
    ims_world_send(service_of(job)->world, send);
}

/* ---- hosts ---- */

static void
host_found(const ImsHop *hop, gpointer data)
{
    ImsQueueJob *job = data;

    if (job->runner->stopping) {
        return_rest(job);
    } else if (hop->kind == IMS_HOP_TRY) {
        send_to(job, hop);
    } else if (hop->kind == IMS_HOP_NEVER) {
        ImsQueueAttempt attempt = {.status = IMS_SEND_PERMANENT, .reply = hop->reason};

        settle_rest(job, &attempt);
    } else {
        defer_rest(job, hop->kind == IMS_HOP_LATER ? hop->reason : job->error);
    }
    release(job);
}

static void
try_next_host(ImsQueueJob *job)
{
    job->pending++;
    ims_route_next(job->route, host_found, job);
}

/* ---- the claim ---- */

/* Why is for the administrator, not for the sender. */
static void
log_unreadable(ImsQueueJob *job, const ImsQueueMessage *message, const GError *error)
{
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, message->id);

    ims_log_event(service_of(job)->log, 0, "queue-error", "message", id, "reason", error->message,
                  "effect",
                  "the message cannot be read; it is tried again, and reported when it "
                  "expires",
                  NULL);
}

static void
read_bodies(ImsQueueJob *job)
{
    for (guint i = 0; i < job->claimed->len; i++) {
        Item item = {.message = job->claimed->pdata[i]};
        g_autoptr(GError) error = NULL;
        const ImsQueueAttempt attempt = {
            .status = IMS_SEND_TRANSIENT, .code = 451, .reply = "The message cannot be read."};

        item.body = ims_store_read_body(service_of(job)->store, item.message->content, &error);
        g_array_append_val(job->items, item);
        if (item.body != NULL)
            continue;
        log_unreadable(job, item.message, error);
        settle_alike(job, item_of(job, i), &attempt);
    }
}

/* nobody asked for it in time. It is returned, not tried. */
static void
expire_unasked(ImsQueueJob *job)
{
    ImsQueueAttempt attempt = {.status = IMS_SEND_TRANSIENT,
                               .code = IMS_QUEUE_UNREACHABLE,
                               .reply = "The host did not ask for it by ETRN",
                               .host_failed = TRUE};

    if (!ims_route_waits_for_etrn(service_of(job)->config, job->domain))
        return;
    for (guint i = 0; i < job->items->len; i++) {
        Item *item = item_of(job, i);

        if (!item->is_settled &&
            ims_world_wall_usec(service_of(job)->world) >= item->message->expires_usec)
            settle_alike(job, item, &attempt);
    }
}

static void
claimed(ImsStoreOp *op, gpointer data)
{
    ImsQueueJob *job = data;
    ImsQueueClaimOp *claim = (ImsQueueClaimOp *)op;

    if (op->error != NULL)
        ims_log_event(service_of(job)->log, 0, "queue-error", "domain", job->domain, "reason",
                      op->error->message, NULL);
    else
        job->claimed = g_steal_pointer(&claim->messages);
    ims_store_op_free(op);
    if (job->claimed != NULL)
        read_bodies(job);
    expire_unasked(job);
    ims_queue_runner_claimed(job->runner, job->domain, job->items->len);
    if (has_rest(job)) {
        if (job->runner->stopping) {
            return_rest(job);
        } else {
            job->route = ims_route_new(job->runner->router, job->domain);
            try_next_host(job);
        }
    }
    release(job);
}

void
ims_queue_job_start(ImsQueueRunner *runner, const char *domain, const char *destination,
                    gboolean failing)
{
    ImsQueueJob *job = g_new0(ImsQueueJob, 1);
    ImsStoreOp *op = ims_store_op_new(IMS_OP_QUEUE_CLAIM, claimed, job);
    ImsQueueClaimOp *claim = (ImsQueueClaimOp *)op;
    guint limit = runner->service->config->max_messages_connection;

    job->runner = runner;
    job->domain = g_strdup(domain);
    job->destination = g_strdup(destination);
    job->failing = failing;
    job->items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_array_set_clear_func(job->items, clear_item);
    job->sent = g_array_new(FALSE, FALSE, sizeof(guint));
    job->pending = 1;
    claim->domain = g_strdup(domain);
    claim->now_usec = ims_world_wall_usec(runner->service->world);
    claim->limit = limit != 0 ? MIN(limit, MAX_CLAIM) : MAX_CLAIM;
    ims_store_submit(runner->service->store, op);
}
