/* Control requests about the queue. */
#include "ims/control-private.h"

enum {
    DEFAULT_LIMIT = 100,
    MAX_LIMIT = 1000,
};

static const char *
state_name(ImsQueueState state)
{
    static const char *const names[] = {"waiting", "active", "held", "sent", "failed"};

    return names[state];
}

static JsonObject *
recipient_object(const ImsQueueRecipient *recipient)
{
    JsonObject *object = json_object_new();

    ims_control_set_text(object, "address", recipient->address);
    ims_control_set_text(object, "original", recipient->original);
    ims_control_set_text(object, "domain", recipient->domain);
    ims_control_set_text(object, "state", state_name(recipient->state));
    json_object_set_int_member(object, "attempts", recipient->attempts);
    ims_control_set_time(object, "next_attempt",
                         recipient->state == IMS_QUEUE_WAITING ? recipient->next_attempt_usec : 0);
    json_object_set_int_member(object, "code", recipient->code);
    ims_control_set_text(object, "reply", recipient->reply);
    return object;
}

static JsonObject *
message_object(const ImsQueueMessage *message)
{
    JsonObject *object = json_object_new();
    JsonArray *recipients = json_array_new();

    json_object_set_int_member(object, "id", (gint64)message->id);
    ims_control_set_text(object, "from", message->sender);
    ims_control_set_text(object, "subject", message->subject);
    json_object_set_int_member(object, "bytes", (gint64)message->size);
    ims_control_set_time(object, "accepted", message->accepted_usec);
    ims_control_set_time(object, "expires", message->expires_usec);
    ims_control_set_text(object, "session", message->session);
    ims_control_set_text(object, "hold_reason", message->hold_reason);
    for (guint i = 0; i < message->recipients->len; i++)
        json_array_add_object_element(recipients, recipient_object(message->recipients->pdata[i]));
    json_object_set_array_member(object, "recipients", recipients);
    return object;
}

static void
list(ImsControlCall *call)
{
    guint64 limit =
        ims_control_has(call, "limit") ? ims_control_number(call, "limit") : DEFAULT_LIMIT;
    GError *error = NULL;
    g_autoptr(GPtrArray) messages = NULL;
    JsonArray *array;

    if (limit < 1 || limit > MAX_LIMIT) {
        ims_control_fail_argument(call,
                                  "limit: %" G_GUINT64_FORMAT ": a number from 1 to %d is expected",
                                  limit, MAX_LIMIT);
        return;
    }
    messages = ims_store_queue_list(call->service->store, ims_control_text(call, "domain"),
                                    ims_control_number(call, "after"), (guint)limit, &error);
    if (messages == NULL) {
        ims_control_fail(call, error);
        return;
    }
    array = json_array_new();
    for (guint i = 0; i < messages->len; i++)
        json_array_add_object_element(array, message_object(messages->pdata[i]));
    ims_control_reply_array(call, array);
}

static void
domains(ImsControlCall *call)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) found = ims_store_queue_domains(call->service->store, &error);
    JsonArray *array;

    if (found == NULL) {
        ims_control_fail(call, error);
        return;
    }
    array = json_array_new();
    for (guint i = 0; i < found->len; i++) {
        const ImsQueueDomain *domain = found->pdata[i];
        JsonObject *object = json_object_new();

        ims_control_set_text(object, "domain", domain->domain);
        json_object_set_int_member(object, "waiting", domain->waiting);
        json_object_set_int_member(object, "active", domain->active);
        json_object_set_int_member(object, "held", domain->held);
        ims_control_set_time(object, "next_attempt", domain->next_attempt_usec);
        json_object_set_boolean_member(object, "host_failed", domain->last_failed);
        json_array_add_object_element(array, object);
    }
    ims_control_reply_array(call, array);
}

static void
show(ImsControlCall *call)
{
    GError *error = NULL;
    ImsQueueMessage *message =
        ims_store_queue_get(call->service->store, ims_control_number(call, "id"), &error);

    if (message == NULL) {
        ims_control_fail(call, error);
        return;
    }
    ims_control_reply_object(call, message_object(message));
    ims_queue_message_free(message);
}

static const char *
action_name(ImsQueueAdminAction action)
{
    static const char *const names[] = {"queue-retry", "queue-hold", "queue-release",
                                        "queue-delete"};

    return names[action];
}

static void
changed(ImsStoreOp *op, gpointer data)
{
    ImsControlCall *call = data;
    ImsQueueAdminOp *admin = (ImsQueueAdminOp *)op;
    GError *error = g_steal_pointer(&op->error);
    guint affected = admin->affected;
    g_autofree char *count = g_strdup_printf("%u", affected);
    g_autofree char *id =
        admin->message != 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, admin->message) : NULL;
    JsonObject *result;

    if (error == NULL)
        ims_log_event(call->service->log, 0, action_name(admin->action), "message", id, "domain",
                      admin->domain, "recipients", count, NULL);
    ims_store_op_free(op);
    if (error != NULL) {
        ims_control_fail(call, error);
        return;
    }
    result = json_object_new();
    json_object_set_int_member(result, "recipients", affected);
    ims_control_reply_object(call, result);
}

static void
change(ImsControlCall *call)
{
    gboolean has_id = ims_control_has(call, "id"), has_domain = ims_control_has(call, "domain");
    ImsQueueAdminOp *op;

    if (has_id + has_domain + ims_control_flag(call, "all") != 1) {
        ims_control_fail_argument(call, "one of id, domain and all is expected");
        return;
    }
    if (has_id && ims_control_number(call, "id") == 0) {
        ims_control_fail_argument(call, "id: 0: the number of a message is expected");
        return;
    }
    if (has_domain && *ims_control_text(call, "domain") == '\0') {
        ims_control_fail_argument(call, "domain: a domain is expected");
        return;
    }
    op = (ImsQueueAdminOp *)ims_store_op_new(IMS_OP_QUEUE_ADMIN, changed, call);
    op->action = (ImsQueueAdminAction)call->parameter;
    op->message = ims_control_number(call, "id");
    op->domain = has_domain ? g_ascii_strdown(ims_control_text(call, "domain"), -1) : NULL;
    ims_store_submit(call->service->store, &op->op);
}

const ImsControlRequest *
ims_control_queue_requests(guint *n_out)
{
    static const ImsControlRequest rows[] = {
        {"queue.list",    list,    0,                       "domain:s after:i limit:i"},
        {"queue.domains", domains, 0,                       ""                        },
        {"queue.show",    show,    0,                       "id:i!"                   },
        {"queue.retry",   change,  IMS_QUEUE_ADMIN_RETRY,   "id:i domain:s all:b"     },
        {"queue.hold",    change,  IMS_QUEUE_ADMIN_HOLD,    "id:i domain:s all:b"     },
        {"queue.release", change,  IMS_QUEUE_ADMIN_RELEASE, "id:i domain:s all:b"     },
        {"queue.delete",  change,  IMS_QUEUE_ADMIN_DELETE,  "id:i domain:s all:b"     },
    };

    *n_out = G_N_ELEMENTS(rows);
    return rows;
}
