/* The running service: what main builds and passes down. */
#pragma once

#include "directory/account-sessions.h"
#include "directory/directory.h"
#include "directory/logon-window.h"
#include "ims/config.h"
#include "imap4/imap4.h"
#include "net/conn.h"
#include "net/log.h"
#include "pop3/pop3.h"
#include "store/store.h"

G_BEGIN_DECLS

typedef struct _ImsQueueRunner ImsQueueRunner;

/* Immutable once started, but for what guards itself. Sessions borrow it. */
typedef struct {
    ImsWorld *world;
    const ImsConfig *config;
    ImsLog *log;
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows;
    ImsAccountSessions *sessions;
    ImsQueueRunner *queue; /* (nullable) in tests of SMTP alone */
    ImsPop3Settings pop3;
    ImsImap4Settings imap4;
    gint64 started_usec;   /* wall */
    gsize data_buffered;   /* atomic: bytes of DATA held by all SMTP sessions */
} ImsService;

/**
 * ims_service_new:
 * @config: (transfer none): outlives the service
 * @memory: no files: memory engine and directory, for scenarios and tests
 *
 * Opens log, directory, store, windows and queue on @world. No listener yet. @error: what could not be opened and why.
 */
ImsService *ims_service_new(ImsWorld *world, const ImsConfig *config, gboolean memory, GError **error);
void ims_service_free(ImsService *service);

G_END_DECLS
