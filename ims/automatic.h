/* What a mailbox does by itself with a message that has come: its rule that forwards, its reply while its owner is away. */
#pragma once

#include "ims/service.h"

G_BEGIN_DECLS

/* Who has had a reply since the service started. */
typedef struct _ImsAutomatic ImsAutomatic;
ImsAutomatic *ims_automatic_new(void);
void ims_automatic_free(ImsAutomatic *automatic);

/**
 * ims_automatic_run:
 * @targets: (element-type ImsDeliverTarget): where @message has been delivered
 * @sender: of the envelope; nothing answers the null sender
 *
 * Forwards and replies, each a delivery of its own; does not wait. What would go to the Internet is dropped without a
 * report, event 4123, unless [Internet Mail] DisableAutomaticReplies and DisableOutOfOffice say otherwise (S-237); forwards
 * pass with AlwaysAllowForwarding (S-238, R-143). A sender gets one reply of a mailbox until the service starts anew. Lists
 * and automatic mail get no reply (RFC 3834), but in the faithful profile (S-123).
 */
void ims_automatic_run(ImsService *service, const ImsRecipientTable *table, const GArray *targets, const char *sender, GBytes *message);

G_END_DECLS
