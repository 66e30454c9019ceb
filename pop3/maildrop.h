/* The maildrop of one session: a snapshot of the Inbox and the marks of DELE. No connection, no
 * lock (P-060). */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* Length of a unique id: 24 bytes in base64 (P-020). */
#define IMS_POP3_UID_LENGTH 32

typedef struct _ImsPop3Maildrop ImsPop3Maildrop;

/* The Inbox as it is now (P-055). @error is of the store: IMS_STORE_ERROR_NOT_FOUND where the
 * mailbox is not there. */
ImsPop3Maildrop *ims_pop3_maildrop_open(ImsStore *store, ImsMailboxId mailbox, GError **error);
void ims_pop3_maildrop_free(ImsPop3Maildrop *maildrop);

/* Messages in the snapshot, marked ones included: numbers run from 1 to this, oldest first (P-056).
 */
guint ims_pop3_maildrop_size(const ImsPop3Maildrop *maildrop);
/* What is not marked. */
guint ims_pop3_maildrop_count(const ImsPop3Maildrop *maildrop);
guint64 ims_pop3_maildrop_octets(const ImsPop3Maildrop *maildrop);

/* @number from 1. */
guint32 ims_pop3_maildrop_octets_of(const ImsPop3Maildrop *maildrop, guint number);
gboolean ims_pop3_maildrop_is_marked(const ImsPop3Maildrop *maildrop, guint number);
void ims_pop3_maildrop_mark(ImsPop3Maildrop *maildrop, guint number);
void ims_pop3_maildrop_unmark_all(ImsPop3Maildrop *maildrop);
/**
 * ims_pop3_maildrop_unique_id:
 *
 * Base64 of 8 bytes that name the message in its folder (UIDVALIDITY and UID) and of the folder's
 * 16-byte object id (P-020): the same in every session for as long as the message stays in this
 * Inbox, and never used again.
 */
void ims_pop3_maildrop_unique_id(const ImsPop3Maildrop *maildrop, guint number,
                                 char text_out[IMS_POP3_UID_LENGTH + 1]);
/* Names the body of a message for ims_store_read_body(); rows are read ahead, so that one after
 * another costs one look-up in many. 0 with an error of the store: it cannot be rendered (P-035).
 */
ImsContentId ims_pop3_maildrop_content(ImsPop3Maildrop *maildrop, guint number, GError **error);
/* What QUIT has to do; NULL where nothing is marked. (transfer full) */
ImsStoreOp *ims_pop3_maildrop_expunge_op(const ImsPop3Maildrop *maildrop,
                                         void (*done)(ImsStoreOp *op, gpointer data),
                                         gpointer data);

G_END_DECLS
