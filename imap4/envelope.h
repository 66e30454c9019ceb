/* Reading the ready-made ENVELOPE text of a message, so that SEARCH need not read its header. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    IMS_IMAP4_ENVELOPE_DATE = 0,
    IMS_IMAP4_ENVELOPE_SUBJECT = 1,
    IMS_IMAP4_ENVELOPE_FROM = 2,
    IMS_IMAP4_ENVELOPE_TO = 5,
    IMS_IMAP4_ENVELOPE_CC = 6,
    IMS_IMAP4_ENVELOPE_BCC = 7,
} ImsImap4EnvelopeItem;

/**
 * ims_imap4_envelope_text:
 * @out: gets the item's text: a string as it is; addresses as `name <mailbox@host>, mailbox@host,
 * …`; nothing for NIL
 *
 * Returns: FALSE where @envelope is not understood
 */
gboolean ims_imap4_envelope_text(const char *envelope, ImsImap4EnvelopeItem item, GString *out);

G_END_DECLS
