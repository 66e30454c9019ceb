/* What reports ask of submission. */
#pragma once

#include "ims/queue.h"

G_BEGIN_DECLS

/**
 * ims_submit_judge:
 * @address: where the service itself writes to
 * @address_out: (transfer full): what to submit
 *
 * IMS_VERDICT_DELIVER: one of ours, by the verdict that judges RCPT TO. IMS_VERDICT_REROUTE: send
 * it out; the restrictions are for clients, not for the service's own mail.
 */
ImsVerdictKind ims_submit_judge(ImsService *service, const ImsRecipientTable *table,
                                const char *address, char **address_out);
/* D-044: two recipients bear it. */
gboolean ims_submit_is_ambiguous(const ImsRecipientTable *table, const char *address);

G_END_DECLS
