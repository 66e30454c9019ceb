/*
 * The logon window: a POP3 or IMAP4 logon lets its client address relay for some minutes. This is how the TechNet article
 * describes the "successfully authenticate" box; Q193922 knows SMTP AUTH only.
 */
#pragma once

#include "net/log.h"
#include "net/world.h"

G_BEGIN_DECLS

typedef struct _ImsLogonWindows ImsLogonWindows;

typedef struct {
    gboolean enabled;          /* LogonAuthorizesRelay and bit 8 of RelayFlags */
    guint minutes;             /* LogonWindowMinutes */
    guint recipients;          /* LogonWindowRecipients: what one window may relay; 0 no limit */
    const ImsNetList *except;  /* (nullable) LogonWindowExcept: never opened for these; borrowed */
    guint max_windows;         /* 0: 10,000 */
    const char *file;          /* (nullable): survives a restart there, e.g. dsadata/windows; written after changes, at most once a second, and at close */
    GString *kept;             /* (nullable): in place of @file, for a restart within one process: read now, written at close; borrowed */
    ImsLog *log;
} ImsLogonWindowOptions;

/* All functions but new and free may be called on any thread. */
ImsLogonWindows *ims_logon_windows_new(ImsWorld *world, const ImsLogonWindowOptions *options);
void ims_logon_windows_free(ImsLogonWindows *windows);

/* A verified logon: opens or renews. Exact address only (IPv6 /128). The token keeps the window open while the session
 * lasts; at its end the minutes run anew. NULL where none is opened. */
typedef struct _ImsLogonToken ImsLogonToken;
ImsLogonToken *ims_logon_windows_open(ImsLogonWindows *windows, const ImsAddress *address, const char *account, const char *protocol);
void ims_logon_token_close(ImsLogonToken **token);

typedef struct {
    ImsAddress address;
    char *account;
    char *protocol;
    gint64 opened_usec, expires_usec; /* wall; expires is G_MAXINT64 while a session lasts */
    guint sessions;
    guint relayed; /* recipients so far */
} ImsLogonWindow;
void ims_logon_window_clear(ImsLogonWindow *window);

/* TRUE and a copy in @window_out (nullable; release with ims_logon_window_clear()) if a window is open and not used up. */
gboolean ims_logon_windows_check(ImsLogonWindows *windows, const ImsAddress *address, ImsLogonWindow *window_out);
/* A recipient was accepted because of the window: counted. */
void ims_logon_windows_count(ImsLogonWindows *windows, const ImsAddress *address);
/* (element-type ImsLogonWindow), by address. (transfer full) */
GArray *ims_logon_windows_list(ImsLogonWindows *windows);
/* @address NULL: all; @account NULL: any. Returns how many were closed. */
guint ims_logon_windows_clear(ImsLogonWindows *windows, const ImsAddress *address, const char *account);

G_END_DECLS
