#include "directory/logon-private.h"

#include <string.h>

#define FREE_FAILURES 3
#define FIRST_DELAY_USEC (G_USEC_PER_SEC / 4)
#define MAX_DELAY_USEC (5 * G_USEC_PER_SEC)
#define FORGET_USEC ((gint64)15 * 60 * G_USEC_PER_SEC)
#define IPV6_NET_BYTES 8

typedef struct {
    ImsAddress net;
    guint failures;
    gint64 last_usec; /* monotonic */
    GList link;       /* in @by_last */
} Peer;

struct _ImsPeerDelays {
    GMutex lock;       /* guards what follows */
    GHashTable *peers; /* ImsAddress → Peer, which begins with it */
    GQueue by_last;    /* the one whose last failure is oldest first */
};

ImsPeerDelays *
ims_peer_delays_new(void)
{
    ImsPeerDelays *delays = g_new0(ImsPeerDelays, 1);

    g_mutex_init(&delays->lock);
    delays->peers = g_hash_table_new_full(ims_address_hash, ims_address_equal, NULL, g_free);
    g_queue_init(&delays->by_last);
    return delays;
}

void
ims_peer_delays_free(ImsPeerDelays *delays)
{
    if (delays == NULL)
        return;
    g_hash_table_unref(delays->peers);
    g_mutex_clear(&delays->lock);
    g_free(delays);
}

/* With the lock held. */
static void
drop_oldest(ImsPeerDelays *delays)
{
    Peer *oldest = g_queue_pop_head_link(&delays->by_last)->data;

    g_hash_table_remove(delays->peers, &oldest->net);
}

/* With the lock held: the peer, last in the line. */
static Peer *
touch(ImsPeerDelays *delays, const ImsAddress *net)
{
    Peer *peer = g_hash_table_lookup(delays->peers, net);

    if (peer != NULL) {
        g_queue_unlink(&delays->by_last, &peer->link);
    } else {
        if (g_hash_table_size(delays->peers) >= IMS_PEER_DELAYS_MAX)
            drop_oldest(delays);
        peer = g_new0(Peer, 1);
        peer->net = *net;
        peer->link.data = peer;
        g_hash_table_replace(delays->peers, &peer->net, peer);
    }
    g_queue_push_tail_link(&delays->by_last, &peer->link);
    return peer;
}

static gint64
delay_of(guint failures)
{
    if (failures <= FREE_FAILURES)
        return 0;
    /* 2^5 quarters are past the limit already. */
    return MIN((gint64)FIRST_DELAY_USEC << MIN(failures - FREE_FAILURES - 1, 5),
               (gint64)MAX_DELAY_USEC);
}

gint64
ims_peer_delays_fail(ImsPeerDelays *delays, const ImsAddress *peer, gint64 now_mono_usec)
{
    ImsAddress net = *peer;
    gint64 delay_usec;
    Peer *entry;

    if (net.family == 0)
        return 0;
    /* Whoever has one IPv6 address has the other 2^64 of its net. */
    if (net.family == 6)
        memset(net.bytes + IPV6_NET_BYTES, 0, sizeof net.bytes - IPV6_NET_BYTES);
    g_mutex_lock(&delays->lock);
    for (;;) {
        entry = g_queue_peek_head(&delays->by_last);
        if (entry == NULL || now_mono_usec - entry->last_usec < FORGET_USEC)
            break;
        drop_oldest(delays);
    }
    entry = touch(delays, &net);
    entry->last_usec = now_mono_usec;
    if (entry->failures < G_MAXUINT)
        entry->failures++;
    delay_usec = delay_of(entry->failures);
    g_mutex_unlock(&delays->lock);
    return delay_usec;
}

guint
ims_peer_delays_size(ImsPeerDelays *delays)
{
    guint size;

    g_mutex_lock(&delays->lock);
    size = g_hash_table_size(delays->peers);
    g_mutex_unlock(&delays->lock);
    return size;
}
