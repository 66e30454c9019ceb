/* How many sessions each account has open, whatever the protocol, and telling them when the account changes. */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

typedef struct _ImsAccountSessions ImsAccountSessions;
typedef struct _ImsAccountSession ImsAccountSession;

ImsAccountSessions *ims_account_sessions_new(ImsWorld *world);
void ims_account_sessions_free(ImsAccountSessions *sessions);
/* NULL where @limit (0: none) is reached. @dropped is called on the calling executor if the account is removed, disabled
 * or gets another password. Any thread. */
ImsAccountSession *ims_account_sessions_enter(ImsAccountSessions *sessions, const char *account, guint limit, ImsCallback dropped, gpointer data);
/* On the executor that entered; after it @dropped is not called. Clears the pointer; NULL is fine. */
void ims_account_session_leave(ImsAccountSession **session);
void ims_account_sessions_drop(ImsAccountSessions *sessions, const char *account);

G_END_DECLS
