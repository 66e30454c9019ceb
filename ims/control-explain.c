/* Control request of `imsctl explain`: what the directory adds to a verdict. */
#include "ims/control-private.h"

#include "ims/queue.h"
#include "ims/smtp-private.h"

/* The same look-up that RCPT TO makes, into an operation that goes nowhere. */
static gboolean
is_taken(ImsService *service, const ImsRecipientTable *table, const char *address,
         const char *sender)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) refused = g_ptr_array_new_with_free_func(g_free);
    const ImsSubmitRecipient recipient = {
        .address = address,
        .kind = IMS_VERDICT_DELIVER,
        .sender = sender,
        .refused = refused,
    };
    gboolean taken;

    op->targets = ims_deliver_targets_new();
    taken = ims_submit_targets(service, table, &recipient, op, unknown);
    ims_store_op_free(&op->op);
    return taken;
}

/*
 * `known`: an address of the directory, for "Do not reroute"; `taken`: it comes to somebody whom
 * the sender may write to; `reply`: what RCPT TO says where it is not.
 */
static void
resolve(ImsControlCall *call)
{
    const char *address = ims_control_text(call, "address");
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    g_autofree char *reply = ims_smtp_reply_format(IMS_SMTP_UNKNOWN_RECIPIENT, NULL, NULL);
    JsonObject *result = json_object_new();

    json_object_set_boolean_member(result, "known",
                                   ims_submit_is_known(call->service->config, table, address));
    json_object_set_boolean_member(
        result, "taken", is_taken(call->service, table, address, ims_control_text(call, "sender")));
    ims_control_set_text(result, "reply", reply);
    ims_control_reply_object(call, result);
}

const ImsControlRequest *
ims_control_explain_requests(guint *n_out)
{
    static const ImsControlRequest rows[] = {
        {"recipient.resolve", resolve, 0, "address:s! sender:s"},
    };

    *n_out = G_N_ELEMENTS(rows);
    return rows;
}
