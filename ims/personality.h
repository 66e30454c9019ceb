/* What the IMS of a build says: wire texts, Received lines, identifiers. One table, keyed by build. */
#pragma once

#include "ims/config.h"
#include "net/world.h"

G_BEGIN_DECLS

/*
 * S-104, W 1.5: eight characters of base 32 without E, I, O, U; rising in the order `ABCD1FGH2JKLMN3PQRST4VWXYZ567890`.
 * Unique in this process. 4 bits month, 5 bits day on which the run began (UTC), 31 bits that grow. Any thread. (transfer full)
 */
char *ims_spool_id_new(ImsWorld *world);
/* "Wed, 5 Nov 2026 09:00:00 +0100" in local zone of the service: no leading zero, UTC is "-0000" (W 1.6). (transfer full) */
char *ims_rfc822_date(gint64 wall_usec);
/**
 * ims_received_in:
 * @helo: (nullable): the word of HELO or EHLO; the address stands for a missing one
 * @peer_name: (nullable): looked-up name of the client, or its address in text where nothing is known; NULL: look-up is
 *   switched off (S-130). Left out where it equals @helo (W 1.1 rule 3)
 *
 * S-129: `Received: from helo (peer [ip]) by fqdn with SMTP (…)` CRLF TAB `id X; date` CRLF. (transfer full)
 */
char *ims_received_in(const ImsConfig *config, const char *helo, const char *peer_name, const ImsAddress *peer, const char *spool_id, gint64 wall_usec);
/* S-131: of mail the service itself makes. (transfer full) */
char *ims_received_out(const ImsConfig *config, const char *spool_id, gint64 wall_usec);
/* S-134: `<HEX@fqdn>`, fixed GUID and rising counter. Any thread. (transfer full) */
char *ims_message_id_new(ImsWorld *world, const ImsConfig *config);
/* S-108: `c=us;a= ;p=Org;l=SERVERyymmddhhmmXXXXXXXX` (transfer full) */
char *ims_mts_id(const ImsConfig *config, const char *spool_id, gint64 wall_usec);

G_END_DECLS
