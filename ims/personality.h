/* What the IMS of a build says: wire texts, Received lines, identifiers. One table, keyed by build. */
#pragma once

#include "ims/config.h"
#include "net/world.h"

G_BEGIN_DECLS

/* S-104: eight characters of base 32 without E, I, O, U, growing; unique in this process. (transfer full) */
char *ims_spool_id_new(ImsWorld *world);
/* "Wed, 25 Nov 2026 09:00:00 +0000" in local zone of the service (transfer full). */
char *ims_rfc822_date(gint64 wall_usec);
/* S-129, W: `Received: from helo (peer [ip]) by fqdn with SMTP (…)` CRLF TAB `id X; date` CRLF. @peer_name (nullable). (transfer full) */
char *ims_received_in(const ImsConfig *config, const char *helo, const char *peer_name, const ImsAddress *peer, const char *spool_id, gint64 wall_usec);
/* S-131: of mail the service itself makes. (transfer full) */
char *ims_received_out(const ImsConfig *config, const char *spool_id, gint64 wall_usec);
/* S-134: `<HEX@fqdn>` (transfer full) */
char *ims_message_id_new(ImsWorld *world, const ImsConfig *config);
/* S-108: `c=us;a= ;p=Org;l=SERVERyymmddhhmmXXXXXXXX` (transfer full) */
char *ims_mts_id(const ImsConfig *config, const char *spool_id, gint64 wall_usec);

G_END_DECLS
