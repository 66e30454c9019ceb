/*
 * The world outside: time, timers, randomness, other threads, DNS, sending. All code above net/
 * reaches it by one ImsWorld, so that the same server runs on sockets and threads, or wholly inside
 * a test on a simulated clock.
 */
#pragma once

#include "net/send.h"
#include "routing/ip.h"

G_BEGIN_DECLS

typedef struct _ImsWorld ImsWorld;
/* A thread that runs callbacks one after another: a worker, the writer, or main. In the simulated
 * world there is one. */
typedef struct _ImsExecutor ImsExecutor;
typedef struct _ImsTimer ImsTimer;
typedef void (*ImsCallback)(gpointer data);

/* ---- time and randomness: any thread ---- */
gint64 ims_world_wall_usec(ImsWorld *world); /* since 1970, UTC */
gint64 ims_world_mono_usec(ImsWorld *world);
/* Cryptographic quality in the real world; from the seed in the simulated one. */
void ims_world_random(ImsWorld *world, guint8 *out, gsize length);

/* ---- executors ---- */
guint ims_world_n_workers(ImsWorld *world);
ImsExecutor *ims_world_worker(ImsWorld *world, guint index);
ImsExecutor *ims_world_main(ImsWorld *world);
ImsExecutor *ims_world_writer(ImsWorld *world);
/* The executor this code runs on; NULL on a foreign thread. */
ImsExecutor *ims_world_current(ImsWorld *world);
/* Runs @callback on @to, soon, in the order posted from one thread. Any thread. */
void ims_world_post(ImsWorld *world, ImsExecutor *to, ImsCallback callback, gpointer data);
/**
 * ims_world_run_in_pool:
 * @work: runs on a pool thread (inline-later in the simulated world)
 * @done: then runs on the calling executor with the same @data
 *
 * For what takes longer than a turn of the loop may: password hashing, MIME summaries over 1 MiB,
 * writing of body files, searching bodies. Must be called on an executor.
 *
 * Returns: FALSE when the pool's queue is full; nothing was taken, the caller says 421 or NO
 * [UNAVAILABLE]
 */
gboolean ims_world_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data);

/* ---- timers: one shot, on the calling executor; cancel on the same executor only ---- */
ImsTimer *ims_world_timer_add(ImsWorld *world, gint64 delay_usec, ImsCallback callback,
                              gpointer data);
/* Clears *@timer; a NULL timer is fine. A timer that fired is gone by itself: set the pointer to
 * NULL in the callback. */
void ims_world_timer_cancel(ImsWorld *world, ImsTimer **timer);

/* ---- DNS ---- */
typedef enum {
    IMS_LOOKUP_A,
    IMS_LOOKUP_AAAA,
    IMS_LOOKUP_MX,
    IMS_LOOKUP_PTR, /* @name is the address in text form */
} ImsLookupKind;

typedef enum {
    IMS_LOOKUP_OK,
    IMS_LOOKUP_NOT_FOUND, /* NXDOMAIN */
    IMS_LOOKUP_NO_DATA,   /* the name exists, no such record */
    IMS_LOOKUP_FAILED,    /* time-out, SERVFAIL: try again later */
} ImsLookupStatus;

typedef struct {
    guint16 preference; /* MX only */
    char *name;         /* MX, PTR: lower case, no final dot; "" for the null MX (RFC 7505) */
    ImsAddress address; /* A, AAAA */
} ImsLookupRecord;

typedef struct {
    ImsLookupStatus status;
    guint n_records;
    ImsLookupRecord *records; /* MX: by rising preference, equal ones shuffled */
} ImsLookupResult;

/* @result belongs to the caller of the callback and is valid during the call only. */
typedef void (*ImsLookupCallback)(const ImsLookupResult *result, gpointer data);
/* The callback runs on the calling executor, always later, exactly once. A name that is an address
 * answers A/AAAA itself. */
void ims_world_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                      ImsLookupCallback callback, gpointer data);

/* ---- sending: see net/send.h ---- */
/* Must be called on an executor; outcomes and @finished come back on it. Takes @job (transfer
 * full). */
void ims_world_send(ImsWorld *world, ImsSendJob *job);
/* Before the first send: who sends. The real sender is in ims/, the simulated one in
 * net/sim-world.h. */
typedef void (*ImsSendFunction)(ImsWorld *world, ImsSendJob *job, gpointer sender);
void ims_world_set_sender(ImsWorld *world, ImsSendFunction function, gpointer sender);

/* ---- the real world ---- */

typedef enum {
    IMS_WORLD_ERROR_START,  /* a thread, the resolver or a descriptor could not be had */
    IMS_WORLD_ERROR_LISTEN, /* address in use, not ours, no right to the port */
    IMS_WORLD_ERROR_TLS,    /* certificate or key: missing, unreadable, not a pair */
} ImsWorldError;
#define IMS_WORLD_ERROR (ims_world_error_quark())
GQuark ims_world_error_quark(void);

typedef struct {
    guint n_workers;         /* 0: one a core */
    guint pool_threads;      /* 0: one a core */
    guint pool_queue;        /* 0: 1,024 */
    const char *dns_servers; /* (nullable): "127.0.0.1:5353,…"; NULL: /etc/resolv.conf */
    guint dns_timeout_msec;  /* of the first try, doubled for each next one; 0: 2,000 */
    guint dns_tries;         /* 0: 3 */
} ImsRealWorldOptions;

/*
 * Starts the threads; the calling thread is main. Ignores SIGPIPE and raises RLIMIT_NOFILE to its
 * hard limit. @error: threads or the resolver could not be made.
 */
ImsWorld *ims_real_world_new(const ImsRealWorldOptions *options, GError **error);
/* The GMainContext of main; the caller of ims_real_world_new() runs it. */
GMainContext *ims_real_world_main_context(ImsWorld *world);
/* TRUE while no job waits in the pool, runs there, or is about to be told done. Any thread. */
gboolean ims_real_world_is_pool_idle(ImsWorld *world);
/*
 * Stops and joins workers, writer, pool and resolver, in that order; runs on the calling thread
 * what was posted and not run yet; then frees. All sessions must be closed and all listeners freed
 * before.
 */
void ims_real_world_free(ImsWorld *world);

G_END_DECLS
