/* The log's line of a logon: one form, whatever protocol asked. */
#pragma once

#include "directory/directory.h"
#include "net/log.h"

G_BEGIN_DECLS

/**
 * ims_logon_log:
 * @log: (nullable): NULL logs nothing
 * @session: id of the session
 * @protocol: "smtp", "pop3" or "imap4"
 * @name: (nullable): as the client gave it
 * @client: its address
 * @result: what the directory said
 * @refused: (nullable): why the session does not let in whom the directory knows
 *
 * Writes `logon protocol= result=ok|failed name= account= client= mailbox= detail=`, without the
 * keys that have no value. `ok` is who was let in.
 */
void ims_logon_log(ImsLog *log, guint64 session, const char *protocol, const char *name,
                   const ImsAddress *client, const ImsLogonResult *result, const char *refused);

/* The same line for a logon that was refused before any secret was judged, since it came in clear
 * text. @name (nullable). */
void ims_logon_log_clear_text(ImsLog *log, guint64 session, const char *protocol, const char *name,
                              const ImsAddress *client);

G_END_DECLS
