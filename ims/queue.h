/* The queue: what is due is claimed, sent, and its outcome committed; failure becomes a report. */
#pragma once

#include "ims/service.h"

G_BEGIN_DECLS

/* Runs on main. Watches the store's queue, wakes at the next due time, starts at most max_outbound jobs. */
ImsQueueRunner *ims_queue_runner_new(ImsService *service);
/* Claims nothing more; @done once no job is under way. */
void ims_queue_runner_stop(ImsQueueRunner *runner, ImsCallback done, gpointer data);
void ims_queue_runner_free(ImsQueueRunner *runner);
/* Rows of @message whose domain waits for ETRN become due when the message expires; ETRN makes them due at once. Once
 * expires_usec is set. */
void ims_queue_wait_for_etrn(const ImsConfig *config, ImsQueueMessage *message);
guint ims_queue_runner_jobs(ImsQueueRunner *runner);

/**
 * ims_report_new:
 * @message: the failed message; its failed recipients carry code and reply
 * @original: whole original message
 *
 * The non-delivery report of the IMS (S-191 to S-203), addressed to the sender; NULL where none may be made: null
 * sender, NOTIFY=NEVER, a report about a report. (transfer full): a delivery to local mailboxes and/or the queue.
 */
ImsDeliverOp *ims_report_new(ImsService *service, const ImsQueueMessage *message, GBytes *original);

/**
 * ims_submit_targets:
 * Adds what @address (local@domain, already accepted by the verdict) comes to: mailboxes to @op->targets, everything
 * outside to @op->queue, unknown ones to @unknown. The one place where an accepted recipient becomes deliveries: SMTP
 * intake, reports and scenarios use it.
 *
 * Returns: FALSE where @address itself is unknown or may not be written to, and so nothing was added; a list that lacks
 * some of its members is TRUE
 */
typedef struct {
    const char *address;  /* after the verdict */
    const char *original; /* as the client gave it (nullable) */
    const char *orcpt;    /* (nullable) */
    ImsNotify notify;
    ImsVerdictKind kind;
    const char *sender;   /* (nullable): of the envelope, for delivery restrictions; NULL: they are not asked */
    GPtrArray *refused;   /* (nullable) (element-type utf8): addresses whose restriction stops @sender are added */
    const char *weakness; /* (nullable): held unless the next hop is loopback or the risk is accepted */
} ImsSubmitRecipient;
gboolean ims_submit_targets(ImsService *service, const ImsRecipientTable *table, const ImsSubmitRecipient *recipient, ImsDeliverOp *op, GPtrArray *unknown);
/* Whether the directory has @address (local@domain), or it is the postmaster of the site's domain (S-119): what the verdict
 * asks in "Do not reroute". */
gboolean ims_submit_is_known(const ImsConfig *config, const ImsRecipientTable *table, const char *address);
/* Whether an unknown recipient is taken from this client and reported later (R-004, S-045), which reaches forged senders:
 * the faithful profile, where the client is on this machine or the configuration accepts the risk. Else 550 at RCPT TO. */
gboolean ims_submit_may_report(const ImsConfig *config, const ImsAddress *client, const ImsAddress *local);
/* One line of routes: which hosts serve @domain. Result of [Connections]: EMailDomains entry, smart host, else MX then A. */

G_END_DECLS
