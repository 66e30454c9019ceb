/* The log: one line an event, `event key=value …`, session id first. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ImsLog ImsLog;
/* @file: (nullable): NULL is stderr. */
ImsLog *ims_log_new(const char *file, GError **error);
/* After the file was moved away (SIGHUP). On failure the old one stays. */
gboolean ims_log_reopen(ImsLog *log, GError **error);
void ims_log_free(ImsLog *log);
/* A log that keeps its lines in memory, for tests and scenarios. */
ImsLog *ims_log_new_memory(void);
/* (transfer full): the lines so far, and forgets them. */
char *ims_log_take(ImsLog *log);

/**
 * ims_log_event:
 * @log: (nullable): NULL logs nothing
 * @session: id of the session, 0 for none
 * @event: one word
 * @...: pairs of key and value (const char *; NULL values are left out), ended by NULL
 *
 * Writes `2026-11-25T09:00:00.123Z s=42 event key=value key="value with blank"`. Control characters
 * are escaped, so no peer can forge a line. Values over 1,024 bytes are cut. Any thread; one
 * write(2) a line. Never log a secret.
 */
void ims_log_event(ImsLog *log, guint64 session, const char *event, ...) G_GNUC_NULL_TERMINATED;

G_END_DECLS
