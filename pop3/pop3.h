/* POP3 sessions: RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH), as Exchange 5.5 spoke it. */
#pragma once

#include "directory/directory.h"
#include "directory/logon-window.h"
#include "net/conn.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Filled by ims from the configuration snapshot; immutable; outlives every session. */
typedef struct {
    const char *build;         /* for greeting and farewell (P-002, P-006) */
    gboolean extended;         /* CAPA, STLS, SASL PLAIN: today's additions */
    guint idle_timeout_sec;    /* P-078: 600 */
    guint max_line;            /* 0: 1,024 */
    guint max_errors;          /* bad commands or logons until the connection is closed; 0: 20 */
    guint max_account_sessions;/* of one account; 0: none */
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows;  /* (nullable) */
    ImsLog *log;
    struct _ImsAccountSessions *sessions; /* (nullable): see directory/account-sessions.h */
} ImsPop3Settings;

/* For ImsListenerOptions.new_session; @data is the ImsPop3Settings. */
ImsSession *ims_pop3_session_new(ImsConn *conn, gpointer settings);

G_END_DECLS
