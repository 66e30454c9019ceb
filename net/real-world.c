#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "net/real-private.h"

#define DEFAULT_POOL_QUEUE 1024u

struct _ImsRealWorld {
    ImsWorld world;
    GThread *main_thread;
    ImsRealExecutor *main, *writer;
    GPtrArray *workers; /* (element-type ImsRealExecutor) */
    ImsPool *pool;
    gint pool_owed; /* atomic: jobs whose @done has not returned yet */
    ImsResolver *resolver;

    pthread_mutex_t lock; /* guards n_conns, peers and stopping */
    guint n_conns;
    GHashTable *peers; /* ImsAddress (IPv6: its /64) -> number of connections */
    gboolean stopping;

    /* main's own */
    ImsCallback stop_done; /* (nullable) */
    gpointer stop_data;
    ImsTimer *stop_timer;
};

G_DEFINE_QUARK(ims_world_error, ims_world_error)

static ImsRealWorld *
real(ImsWorld *world)
{
    return (ImsRealWorld *)world;
}

/* ---- time and randomness ---- */

static gint64
real_wall_usec(ImsWorld *world)
{
    return g_get_real_time();
}

static gint64
real_mono_usec(ImsWorld *world)
{
    return g_get_monotonic_time();
}

static void
real_random(ImsWorld *world, guint8 *out, gsize length)
{
    for (gsize done = 0; done < length;) {
        gssize got = getrandom(out + done, length - done, 0);

        if (got < 0)
            g_assert(errno == EINTR); /* there is no other reason with these flags */
        else
            done += (gsize)got;
    }
}

/* ---- executors ---- */

static guint
real_n_workers(ImsWorld *world)
{
    return real(world)->workers->len;
}

static ImsExecutor *
real_worker(ImsWorld *world, guint index)
{
    return real(world)->workers->pdata[index];
}

ImsRealExecutor *
ims_real_world_worker(ImsWorld *world, guint index)
{
    return real(world)->workers->pdata[index];
}

static ImsExecutor *
real_main(ImsWorld *world)
{
    return (ImsExecutor *)real(world)->main;
}

static ImsExecutor *
real_writer(ImsWorld *world)
{
    return (ImsExecutor *)real(world)->writer;
}

static ImsRealExecutor *
current(ImsWorld *world)
{
    ImsRealExecutor *executor = ims_real_executor_current();

    if (executor != NULL && executor->world == world)
        return executor;
    return g_thread_self() == real(world)->main_thread ? real(world)->main : NULL;
}

static ImsExecutor *
real_current(ImsWorld *world)
{
    return (ImsExecutor *)current(world);
}

static void
real_post(ImsWorld *world, ImsExecutor *to, ImsCallback callback, gpointer data)
{
    ims_real_executor_post((ImsRealExecutor *)to, callback, data);
}

static ImsTimer *
real_timer_add(ImsWorld *world, gint64 delay_usec, ImsCallback callback, gpointer data)
{
    return ims_timer_heap_add(&current(world)->timers, g_get_monotonic_time() + delay_usec,
                              callback, data);
}

static void
real_timer_cancel(ImsWorld *world, ImsTimer *timer)
{
    ims_timer_heap_remove(&current(world)->timers, timer);
}

/* ---- the pool ---- */

typedef struct {
    ImsRealWorld *world;
    ImsRealExecutor *asker;
    ImsCallback work, done;
    gpointer data;
} PoolJob;

static void
pool_job_done(gpointer data)
{
    g_autofree PoolJob *job = data;

    job->done(job->data);
    g_atomic_int_add(&job->world->pool_owed, -1);
}

static void
pool_job_run(gpointer data)
{
    PoolJob *job = data;

    job->work(job->data);
    ims_real_executor_post(job->asker, pool_job_done, job);
}

static gboolean
real_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data)
{
    PoolJob *job;

    if (real(world)->pool == NULL) /* the world ends */
        return FALSE;
    job = g_new(PoolJob, 1);
    job->world = real(world);
    job->asker = current(world);
    job->work = work;
    job->done = done;
    job->data = data;
    g_atomic_int_inc(&job->world->pool_owed);
    if (ims_pool_push(real(world)->pool, pool_job_run, job))
        return TRUE;
    g_atomic_int_add(&job->world->pool_owed, -1);
    g_free(job);
    return FALSE;
}

gboolean
ims_real_world_is_pool_idle(ImsWorld *world)
{
    return g_atomic_int_get(&real(world)->pool_owed) == 0;
}

/* ---- DNS ---- */

typedef struct {
    ImsRealExecutor *asker;
    ImsLookupKind kind;
    ImsLookupResult *result;
    ImsLookupCallback callback;
    gpointer data;
} Question;

static void
question_answered(gpointer data)
{
    g_autofree Question *question = data;
    g_autoptr(ImsLookupResult) result = question->result;

    ims_lookup_deliver(question->asker->world, question->kind, result, question->callback,
                       question->data);
}

static void
question_resolved(ImsLookupResult *result, gpointer data)
{
    Question *question = data;

    question->result = result;
    ims_real_executor_post(question->asker, question_answered, question);
}

static void
real_lookup(ImsWorld *world, ImsExecutor *asker, ImsLookupKind kind, const char *name,
            ImsLookupCallback callback, gpointer data)
{
    Question *question = g_new0(Question, 1);

    question->asker = (ImsRealExecutor *)asker;
    question->kind = kind;
    question->callback = callback;
    question->data = data;
    if (real(world)->resolver != NULL) {
        ims_resolver_ask(real(world)->resolver, kind, name, question_resolved, question);
    } else { /* the world ends */
        ImsLookupResult *failed = g_new0(ImsLookupResult, 1);

        failed->status = IMS_LOOKUP_FAILED;
        question_resolved(failed, question);
    }
}

/* ---- the number of connections, and their end ---- */

static void
check_stopped(gpointer data)
{
    ImsRealWorld *self = data;
    ImsCallback done = self->stop_done;
    guint n_conns;

    pthread_mutex_lock(&self->lock);
    n_conns = self->n_conns;
    pthread_mutex_unlock(&self->lock);
    if (done == NULL || n_conns > 0)
        return;
    self->stop_done = NULL;
    ims_world_timer_cancel(&self->world, &self->stop_timer);
    done(self->stop_data);
}

/* Whoever has one IPv6 address has a net of 64 bits full of them. */
static ImsAddress
net_of(const ImsAddress *peer)
{
    ImsAddress net = *peer;

    if (net.family == 6)
        memset(net.bytes + 8, 0, 8);
    return net;
}

gboolean
ims_real_world_admit(ImsWorld *world, const ImsAddress *peer, guint max)
{
    ImsRealWorld *self = real(world);
    ImsAddress net = net_of(peer);
    gboolean admitted;
    guint n;

    pthread_mutex_lock(&self->lock);
    n = GPOINTER_TO_UINT(g_hash_table_lookup(self->peers, &net));
    admitted = !self->stopping && (max == 0 || n < max);
    if (admitted) {
        self->n_conns++;
        g_hash_table_replace(self->peers, g_memdup2(&net, sizeof net), GUINT_TO_POINTER(n + 1));
    }
    pthread_mutex_unlock(&self->lock);
    return admitted;
}

void
ims_real_world_dismiss(ImsWorld *world, const ImsAddress *peer)
{
    ImsRealWorld *self = real(world);
    ImsAddress net = net_of(peer);
    gboolean last;
    guint n;

    pthread_mutex_lock(&self->lock);
    n = GPOINTER_TO_UINT(g_hash_table_lookup(self->peers, &net));
    g_assert(n > 0 && self->n_conns > 0);
    if (n == 1)
        g_hash_table_remove(self->peers, &net);
    else
        g_hash_table_replace(self->peers, g_memdup2(&net, sizeof net), GUINT_TO_POINTER(n - 1));
    last = --self->n_conns == 0 && self->stopping;
    pthread_mutex_unlock(&self->lock);
    if (last)
        ims_real_executor_post(self->main, check_stopped, self);
}

static void
stop_conns(gpointer data)
{
    ims_conn_loop_stop(&((ImsRealExecutor *)data)->conns);
}

static void
abort_conns(gpointer data)
{
    ims_conn_loop_abort(&((ImsRealExecutor *)data)->conns);
}

static void
to_all_workers(ImsRealWorld *self, ImsCallback callback)
{
    for (guint i = 0; i < self->workers->len; i++)
        ims_real_executor_post(self->workers->pdata[i], callback, self->workers->pdata[i]);
}

static void
grace_is_over(gpointer data)
{
    ImsRealWorld *self = data;

    self->stop_timer = NULL;
    to_all_workers(self, abort_conns);
}

static void
real_stop_sessions(ImsWorld *world, gint64 grace_usec, ImsCallback done, gpointer data)
{
    ImsRealWorld *self = real(world);

    g_assert(current(world) == self->main && self->stop_done == NULL);
    self->stop_done = done;
    self->stop_data = data;
    pthread_mutex_lock(&self->lock);
    self->stopping = TRUE;
    pthread_mutex_unlock(&self->lock);
    self->stop_timer = ims_world_timer_add(world, grace_usec, grace_is_over, self);
    to_all_workers(self, stop_conns);
    ims_real_executor_post(self->main, check_stopped, self);
}

/* ---- life ---- */

static const ImsWorldClass real_class = {
    .wall_usec = real_wall_usec,
    .mono_usec = real_mono_usec,
    .random = real_random,
    .n_workers = real_n_workers,
    .worker = real_worker,
    .main = real_main,
    .writer = real_writer,
    .current = real_current,
    .post = real_post,
    .run_in_pool = real_run_in_pool,
    .timer_add = real_timer_add,
    .timer_cancel = real_timer_cancel,
    .lookup = real_lookup,
    .stop_sessions = real_stop_sessions,
};

static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static gboolean
start(ImsRealWorld *self, const ImsRealWorldOptions *options, GError **error)
{
    guint n_workers = options->n_workers > 0 ? options->n_workers : g_get_num_processors();
    guint n_pool = options->pool_threads > 0 ? options->pool_threads : g_get_num_processors();
    guint max_waiting = options->pool_queue > 0 ? options->pool_queue : DEFAULT_POOL_QUEUE;

    self->main = ims_real_executor_new(&self->world, g_main_context_ref_thread_default(), error);
    self->writer = self->main != NULL ? ims_real_executor_new(&self->world, NULL, error) : NULL;
    if (self->writer == NULL)
        return FALSE;
    for (guint i = 0; i < n_workers; i++) {
        ImsRealExecutor *worker = ims_real_executor_new(&self->world, NULL, error);

        if (worker == NULL)
            return FALSE;
        g_ptr_array_add(self->workers, worker);
    }
    self->pool = ims_pool_new(n_pool, max_waiting, error);
    if (self->pool == NULL)
        return FALSE;
    self->resolver = ims_resolver_new(options, error);
    if (self->resolver == NULL)
        return FALSE;
    if (!ims_real_executor_start(self->writer, "writer", error))
        return FALSE;
    for (guint i = 0; i < n_workers; i++) {
        g_autofree char *name = g_strdup_printf("worker-%u", i);

        if (!ims_real_executor_start(self->workers->pdata[i], name, error))
            return FALSE;
    }
    return TRUE;
}

ImsWorld *
ims_real_world_new(const ImsRealWorldOptions *options, GError **error)
{
    ImsRealWorld *self = g_new0(ImsRealWorld, 1);

    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    self->world.klass = &real_class;
    self->main_thread = g_thread_self();
    self->workers = g_ptr_array_new();
    pthread_mutex_init(&self->lock, NULL);
    self->peers = g_hash_table_new_full(ims_address_hash, ims_address_equal, g_free, NULL);
    if (!start(self, options, error)) {
        ims_real_world_free(&self->world);
        return NULL;
    }
    return &self->world;
}

GMainContext *
ims_real_world_main_context(ImsWorld *world)
{
    return real(world)->main->context;
}

/* Completions of what ended last go to executors that have stopped: they run here, so that nothing
 * leaks. */
static void
drain(ImsRealWorld *self)
{
    gboolean worked = TRUE;

    while (worked) {
        worked = self->writer != NULL && ims_real_executor_drain(self->writer);
        for (guint i = 0; i < self->workers->len; i++)
            worked |= ims_real_executor_drain(self->workers->pdata[i]);
        worked |= self->main != NULL && ims_real_executor_drain(self->main);
    }
}

void
ims_real_world_free(ImsWorld *world)
{
    ImsRealWorld *self = real(world);

    if (world == NULL)
        return;
    for (guint i = 0; i < self->workers->len; i++)
        ims_real_executor_stop(self->workers->pdata[i]);
    if (self->writer != NULL)
        ims_real_executor_stop(self->writer);
    g_clear_pointer(&self->pool, ims_pool_free);
    g_clear_pointer(&self->resolver, ims_resolver_free);
    drain(self);
    g_assert(self->n_conns == 0);
    for (guint i = 0; i < self->workers->len; i++)
        ims_real_executor_free(self->workers->pdata[i]);
    g_ptr_array_unref(self->workers);
    ims_real_executor_free(self->writer);
    ims_real_executor_free(self->main);
    g_hash_table_unref(self->peers);
    pthread_mutex_destroy(&self->lock);
    g_free(self);
}
