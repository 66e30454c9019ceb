/*
 * The real world: threads that each run one GMainContext with one source, which wraps an epoll
 * descriptor, a mailbox and a heap of timers. Private to net/.
 *
 * Locks are those of pthreads and not GLib's, so that the thread sanitizer sees them.
 */
#pragma once

#include <pthread.h>

#include "net/conn-private.h"
#include "net/timer-heap.h"
#include "net/world-private.h"

G_BEGIN_DECLS

typedef struct _ImsRealWorld ImsRealWorld;
typedef struct _ImsRealExecutor ImsRealExecutor;
typedef struct _ImsPool ImsPool;
typedef struct _ImsResolver ImsResolver;

/* ---- executors ---- */

/* What an epoll descriptor points to. It must live until the end of the turn in which it was taken
 * out. */
typedef struct _ImsEpollEntry ImsEpollEntry;
struct _ImsEpollEntry {
    void (*ready)(ImsEpollEntry *entry, guint32 events);
};

#define IMS_SCRATCH_SIZE (64u * 1024)

/* This is what an ImsExecutor of the real world is. */
struct _ImsRealExecutor {
    ImsWorld *world;
    GMainContext *context;
    GMainLoop *loop; /* (nullable): main is run by its own */
    GSource *source;
    GThread *thread; /* (nullable): main */
    int epoll_fd, event_fd;
    pthread_mutex_t lock; /* guards mailbox */
    GArray *mailbox;      /* posted, not run yet */
    GArray *running;      /* those of this turn; the executor's own */
    ImsTimerHeap timers;
    ImsConnLoop conns;
    guint8 *scratch; /* IMS_SCRATCH_SIZE bytes: for what is read or encrypted in one step */
};

/* @context: taken over; NULL makes one. Starts no thread. */
ImsRealExecutor *ims_real_executor_new(ImsWorld *world, GMainContext *context, GError **error);
gboolean ims_real_executor_start(ImsRealExecutor *executor, const char *name, GError **error);
/* Ends the thread and waits for it. What is in the mailbox stays. */
void ims_real_executor_stop(ImsRealExecutor *executor);
/* Runs on the calling thread, in the name of the stopped @executor, what was posted. FALSE: nothing
 * was. */
gboolean ims_real_executor_drain(ImsRealExecutor *executor);
void ims_real_executor_free(ImsRealExecutor *executor);
void ims_real_executor_post(ImsRealExecutor *executor, ImsCallback callback, gpointer data);
/* The one whose thread this is; NULL on main and on foreign threads. */
ImsRealExecutor *ims_real_executor_current(void);

/* ---- the pool ---- */

ImsPool *ims_pool_new(guint n_threads, guint max_waiting, GError **error);
/* FALSE: too many wait; nothing was taken. */
gboolean ims_pool_push(ImsPool *pool, ImsCallback work, gpointer data);
/* Does what waits, then ends. */
void ims_pool_free(ImsPool *pool);

/* ---- DNS ---- */

/* On the resolver's thread. @result: (transfer full) */
typedef void (*ImsResolverCallback)(ImsLookupResult *result, gpointer data);
ImsResolver *ims_resolver_new(const ImsRealWorldOptions *options, GError **error);
void ims_resolver_ask(ImsResolver *resolver, ImsLookupKind kind, const char *name,
                      ImsResolverCallback callback, gpointer data);
/* Questions under way end in IMS_LOOKUP_FAILED. */
void ims_resolver_free(ImsResolver *resolver);

/* ---- connections and listeners ---- */

ImsRealExecutor *ims_real_world_worker(ImsWorld *world, guint index);
/* One more or one fewer connection of @peer. FALSE: it has @max already (0: none), or the world
 * stops. Any thread. */
gboolean ims_real_world_admit(ImsWorld *world, const ImsAddress *peer, guint max);
void ims_real_world_dismiss(ImsWorld *world, const ImsAddress *peer);

/* Takes @fd. @tls: (nullable). Without implicit TLS the session is made at once. @gone: when the
 * connection is freed. */
typedef struct {
    ImsConnInfo info;
    int fd;
    ImsTls *tls;
    gboolean implicit_tls;
    ImsSession *(*new_session)(ImsConn *conn, gpointer data);
    gpointer session_data;
    void (*gone)(const ImsAddress *peer, gpointer data);
    gpointer gone_data;
} ImsSocketOptions;
/* On @worker's thread. */
void ims_socket_conn_open(ImsRealExecutor *worker, const ImsSocketOptions *options);

/* ---- TLS ---- */

struct ssl_st;
/* (transfer full): a server's side on @fd; NULL: out of memory. */
struct ssl_st *ims_tls_new_server(ImsTls *tls, int fd);

G_END_DECLS
