/* Who may submit under which name: the two boxes "Clients can only submit if …" of the Connections page. */
#pragma once

#include "directory/directory.h"

G_BEGIN_DECLS

typedef enum {
    IMS_SUBMISSION_OK,
    IMS_SUBMISSION_NOT_HOMED, /* 554 Mailbox is not local */
    IMS_SUBMISSION_MISMATCH,  /* 554 Originator address does not match authentication credentials */
} ImsSubmission;

typedef struct {
    gboolean only_if_homed;          /* SubmitOnlyIfHomed */
    gboolean only_if_sender_matches; /* SubmitOnlyIfSenderMatches */
    const ImsRecipientTable *table;
    const char *account;     /* (nullable): "EXAMPLE\\alice"; NULL: nobody has logged on */
    const char *sender;      /* of MAIL FROM; "" for the null sender */
    const char *site_domain; /* (nullable): completes a bare local part */
} ImsSubmissionQuery;

/**
 * ims_submission_decide:
 * @message: with its header; only From and Sender are looked at, each field of that name
 *
 * Concerns clients that have logged on: mail from other servers has no account to be compared with. Homed: the
 * account has a mailbox here and the sender is the address of one. Matching: MAIL FROM, From and Sender each are addresses
 * of mailboxes of the account; a From or Sender without an address matches none.
 *
 * Source: Q262945, Q188250, Q186134 (R-081 to R-083, D-017 to D-019).
 */
ImsSubmission ims_submission_decide(const ImsSubmissionQuery *query, const guint8 *message, gsize length);

/**
 * ims_header_addresses:
 * Every address of every field @name in the header of @message, `local@domain` as written, without comments, names and
 * routes; "" for each field without one. (element-type utf8) (transfer full)
 */
GPtrArray *ims_header_addresses(const guint8 *message, gsize length, const char *name);

G_END_DECLS
