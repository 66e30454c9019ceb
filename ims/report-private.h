/* The text of a report. */
#pragma once

#include "ims/queue.h"

G_BEGIN_DECLS

/**
 * ims_report_text:
 * @failed: (element-type ImsQueueRecipient): those to name
 * @header: of the original
 *
 * S-197: valid UTF-8, CRLF lines wrapped before column 76, with the three empty lines at its end.
 * (transfer full)
 */
char *ims_report_text(ImsService *service, const ImsQueueMessage *message, const GPtrArray *failed,
                      const guint8 *header, gsize length, gint64 wall_usec);
/* Under which name the sender knows a failed recipient, and what the report says of it at the end
 * of the MSEXCH line ("Unknown Recipient"). (transfer full) */
char *ims_report_shown_address(const ImsQueueRecipient *row);
char *ims_report_detail(ImsService *service, const ImsQueueRecipient *row);
/* Header and body of the text part: iso-8859-1 where that holds the text, as the IMS wrote, else
 * utf-8. */
void ims_report_append_text_part(GString *out, const char *text);

G_END_DECLS
