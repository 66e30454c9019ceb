/* IMAP4 sessions: RFC 3501 and extensions, with the face of Exchange 5.5. */
#pragma once

#include "directory/directory.h"
#include "directory/logon-window.h"
#include "net/conn.h"
#include "store/mime.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Filled by ims from the configuration snapshot; immutable; outlives every session. */
typedef struct {
    const char *build;      /* I-002, I-004 */
    const char *host;       /* in the greeting */
    gboolean extended;      /* today's additions */
    guint idle_timeout_sec; /* 0: 1,800 (RFC 3501 5.4) */
    gsize max_line;         /* 0: 64 KiB */
    gsize max_literal;      /* 0: 64 MiB */
    gsize max_literal_before_logon; /* 0: 8 KiB */
    ImsMimeLimits mime_limits;      /* of what APPEND brings */
    guint max_errors;
    guint max_account_sessions;
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows; /* (nullable) */
    ImsLog *log;
    struct _ImsAccountSessions *sessions; /* (nullable) */
} ImsImap4Settings;

/* For ImsListenerOptions.new_session; @data is the ImsImap4Settings. */
ImsSession *ims_imap4_session_new(ImsConn *conn, gpointer settings);

G_END_DECLS
