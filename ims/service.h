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

/* What only the running program can do for the control protocol. All on main. */
typedef struct {
    guint (*sessions)(gpointer data, ImsProtocol protocol); /* open now */
    /* After the reply to who asked has left: ends, or drains and starts anew. */
    void (*stop)(gpointer data, gboolean restart);
} ImsServiceHost;

/* Immutable once started, but for what guards itself. Sessions borrow it. */
typedef struct {
    ImsWorld *world;
    const ImsConfig *config;
    ImsLog *log;
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows;
    ImsAccountSessions *sessions;
    struct _ImsAutomatic *automatic; /* (nullable): then mailboxes do not reply by themselves */
    ImsQueueRunner *queue; /* (nullable) in tests of SMTP alone */
    ImsPop3Settings pop3;
    ImsImap4Settings imap4;
    gint64 started_usec;   /* wall */
    gsize data_buffered;   /* atomic: bytes of DATA held by all SMTP sessions */
    const ImsServiceHost *host; /* (nullable): where no program serves connections: imsctl, tests, scenarios */
    gpointer host_data;
    guint control_calls; /* control requests under way; on main only */
    /* (nullable): sees each verdict of an SMTP session before its reply, for the transcript of a scenario */
    void (*verdict_seen)(const ImsRelayQuery *query, const ImsRelayVerdict *verdict, gpointer data);
    gpointer verdict_data;
    GString *kept_windows; /* (nullable): see ImsServiceKept */
    gboolean borrows;      /* log, store and directory belong to an ImsServiceKept */
} ImsService;

/**
 * ims_service_new:
 * @config: (transfer none): outlives the service
 * @memory: no files: memory engine and directory, for scenarios and tests
 *
 * Opens log, directory, store and windows on @world. No listener yet, and nothing is sent before ims_service_start().
 * @error: what could not be opened and why.
 */
ImsService *ims_service_new(ImsWorld *world, const ImsConfig *config, gboolean memory, GError **error);
/* What outlives a service in memory, so that the next one on the same world finds what a restart finds. */
typedef struct {
    ImsLog *log;
    ImsStore *store;
    ImsDirectory *directory;
    GString *windows; /* the logon windows as text: read by ims_service_new_with(), written by ims_service_free() */
} ImsServiceKept;
/* As ims_service_new() in memory, on @kept, which stays the caller's and outlives the service. */
ImsService *ims_service_new_with(ImsWorld *world, const ImsConfig *config, const ImsServiceKept *kept);
/* On main: the queue runs from now on. The log names an open policy, and what the last process may have sent. */
void ims_service_start(ImsService *service);
/* Claims nothing more; @done on main once nothing is being sent. */
void ims_service_stop(ImsService *service, ImsCallback done, gpointer data);
/* (nullable). All sessions must be gone, and ims_service_stop() done if it was started. */
void ims_service_free(ImsService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsService, ims_service_free)

G_END_DECLS
