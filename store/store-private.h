/* The facade's own state, shared by store.c, submit.c and tend.c. */
#pragma once

#include "store/bodies.h"
#include "store/ops.h"
#include "store/snapshot.h"
#include "store/watch.h"

#include <pthread.h>

G_BEGIN_DECLS

/* A delivery whose body file a pool thread writes. */
typedef struct _ImsBodyJob ImsBodyJob;

struct _ImsStore {
    gint refs; /* atomic; callbacks posted or timed hold one */
    ImsWorld *world;
    ImsLog *log;
    ImsEngine *engine;
    ImsBodies *bodies;
    ImsSnapshots *snapshots;
    ImsWatchers *watchers;
    int lock_fd;
    gsize inline_limit; /* G_MAXSIZE where there are no body files */
    gsize queue_limit;
    gint64 patience_usec; /* how long an operation may wait before the store is congested */

    gint failed; /* atomic */
    gint owed;   /* atomic: operations whose completion has not returned yet */
    gint tended; /* atomic: a turn of the tender is posted or timed */

    pthread_mutex_t lock; /* guards from here to the statistics */
    pthread_cond_t changed;
    GQueue waiting;     /* (element-type ImsEngineItem): for the writer */
    GPtrArray *jobs;    /* (element-type ImsBodyJob): not begun yet */
    guint n_running;    /* jobs begun */
    gsize queued_bytes; /* of both */
    gint64 oldest_usec; /* when what is being written, or waits longest, came; 0: nothing waits */
    gboolean scheduled; /* the writer is to come */
    gboolean closing, closed;
    ImsStoreStats stats;

    /* on the writer only */
    ImsTimer *tend_timer;
    guint orphan_directory; /* the next to be searched for files nobody names */
};

void ims_store_ref(ImsStore *store);
void ims_store_unref(ImsStore *store);

/* Takes all that waits and is not begun; on the writer, or at close. */
void ims_store_drain_all(ImsStore *store);
/* At close: what no pool thread has begun is done here; waits for the others. */
void ims_store_finish_jobs(ImsStore *store);
/* No more writes in this process. Any thread. */
void ims_store_set_failed(ImsStore *store, const char *why);

/* Sees to it that the tender comes soon. Any thread. */
void ims_store_want_tending(ImsStore *store);
void ims_store_stop_tending(ImsStore *store);

G_END_DECLS
