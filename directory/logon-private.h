/* The parts of a logon: what is remembered of successes, and how failures slow an address down. */
#pragma once

#include "directory/directory.h"

G_BEGIN_DECLS

/**
 * ImsLogonCache: successful logons, so that a client that comes every minute does not cost a hash
 * each time. Holds no password, only its HMAC-SHA256 under a key of this process. Guards itself.
 */
typedef struct _ImsLogonCache ImsLogonCache;
ImsLogonCache *ims_logon_cache_new(ImsWorld *world, guint lifetime_sec); /* 0: remembers nothing */
void ims_logon_cache_free(ImsLogonCache *cache);
/* @generation: of the account; what was added under another one does not count. */
gboolean ims_logon_cache_check(ImsLogonCache *cache, const char *account_key, guint64 generation,
                               const char *password);
void ims_logon_cache_add(ImsLogonCache *cache, const char *account_key, guint64 generation,
                         const char *password);
guint ims_logon_cache_size(ImsLogonCache *cache);
#define IMS_LOGON_CACHE_MAX 65536u

/* ImsPeerDelays: failures of each address (IPv6: of each /64), forgotten after a quarter of an
 * hour. Guards itself. */
typedef struct _ImsPeerDelays ImsPeerDelays;
ImsPeerDelays *ims_peer_delays_new(void);
void ims_peer_delays_free(ImsPeerDelays *delays);
/* Counts a failure and says how long its answer waits: three are free, then .25, .5, 1, 2, 4 and at
 * most 5 s. */
gint64 ims_peer_delays_fail(ImsPeerDelays *delays, const ImsAddress *peer, gint64 now_mono_usec);
guint ims_peer_delays_size(ImsPeerDelays *delays);
#define IMS_PEER_DELAYS_MAX 10000u

/* At close: what waits for a timer is answered now. */
void ims_directory_answer_delayed(ImsDirectory *directory);

G_END_DECLS
