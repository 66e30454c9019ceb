#include "net/sim-world.h"

#include "net/sim-private.h"
#include "net/timer-heap.h"

/* A session that never comes to rest is our bug, and a test that says so is better than one that
 * hangs. */
#define MAX_TURNS 10000000u

typedef struct {
    ImsCallback callback;
    gpointer data;
} Posted;

typedef struct {
    ImsCallback work, done;
    gpointer data;
} PoolJob;

typedef struct {
    ImsLookupKind kind;
    char *name;
} LookupKey;

typedef struct {
    ImsWorld *world;
    LookupKey key;
    ImsLookupCallback callback;
    gpointer data;
} Question;

/* There is one executor; nothing needs to be told from another. */
struct _ImsExecutor {
    GQueue posted; /* (element-type Posted) */
    ImsTimerHeap timers;
};

typedef struct {
    ImsWorld world;
    ImsExecutor executor;
    ImsConnLoop loop;
    gint64 start_wall_usec;
    gint64 mono_usec;
    guint64 random[4];
    GHashTable *lookups; /* LookupKey -> ImsLookupResult */
    gboolean settling;
    ImsCallback stop_done; /* (nullable) */
    gpointer stop_data;
    ImsTimer *stop_timer;
} SimWorld;

static SimWorld *
sim(ImsWorld *world)
{
    return (SimWorld *)world;
}

ImsConnLoop *
ims_sim_world_loop(ImsWorld *world)
{
    return &sim(world)->loop;
}

/* ---- time and randomness ---- */

static gint64
sim_wall_usec(ImsWorld *world)
{
    return sim(world)->start_wall_usec + sim(world)->mono_usec;
}

static gint64
sim_mono_usec(ImsWorld *world)
{
    return sim(world)->mono_usec;
}

/* SplitMix64 (Steele, Lea, Flood 2014), to fill the state from one number. */
static guint64
split_mix(guint64 *state)
{
    guint64 z = (*state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static guint64
rotate(guint64 x, guint bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* xoshiro256** (Blackman, Vigna 2018). */
static guint64
next_random(guint64 s[4])
{
    guint64 result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void
sim_random(ImsWorld *world, guint8 *out, gsize length)
{
    for (gsize i = 0; i < length; i += 8) {
        guint64 random = GUINT64_TO_LE(next_random(sim(world)->random));

        memcpy(out + i, &random, MIN(length - i, 8));
    }
}

/* ---- executors ---- */

static guint
sim_n_workers(ImsWorld *world)
{
    return 1;
}

static ImsExecutor *
sim_worker(ImsWorld *world, guint index)
{
    return &sim(world)->executor;
}

static ImsExecutor *
sim_executor(ImsWorld *world)
{
    return &sim(world)->executor;
}

static void
sim_post(ImsWorld *world, ImsExecutor *to, ImsCallback callback, gpointer data)
{
    Posted *posted = g_new(Posted, 1);

    posted->callback = callback;
    posted->data = data;
    g_queue_push_tail(&to->posted, posted);
}

static void
run_pool_job(gpointer data)
{
    g_autofree PoolJob *job = data;

    job->work(job->data);
    job->done(job->data);
}

static gboolean
sim_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data)
{
    PoolJob *job = g_new(PoolJob, 1);

    job->work = work;
    job->done = done;
    job->data = data;
    sim_post(world, &sim(world)->executor, run_pool_job, job);
    return TRUE;
}

static ImsTimer *
sim_timer_add(ImsWorld *world, gint64 delay_usec, ImsCallback callback, gpointer data)
{
    SimWorld *self = sim(world);

    return ims_timer_heap_add(&self->executor.timers, self->mono_usec + delay_usec, callback, data);
}

static void
sim_timer_cancel(ImsWorld *world, ImsTimer *timer)
{
    ims_timer_heap_remove(&sim(world)->executor.timers, timer);
}

/* ---- DNS ---- */

static guint
key_hash(gconstpointer data)
{
    const LookupKey *key = data;

    return g_str_hash(key->name) ^ (guint)key->kind;
}

static gboolean
key_equal(gconstpointer a, gconstpointer b)
{
    const LookupKey *x = a, *y = b;

    return x->kind == y->kind && g_str_equal(x->name, y->name);
}

static void
key_free(gpointer data)
{
    LookupKey *key = data;

    g_free(key->name);
    g_free(key);
}

/* As DNS compares: without case and without the final dot. */
static char *
fold_name(const char *name)
{
    char *folded = g_ascii_strdown(name, -1);
    gsize length = strlen(folded);

    if (length > 1 && folded[length - 1] == '.')
        folded[length - 1] = '\0';
    return folded;
}

void
ims_sim_world_set_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                         const ImsLookupResult *result)
{
    LookupKey *key = g_new(LookupKey, 1);

    key->kind = kind;
    key->name = fold_name(name);
    g_hash_table_replace(sim(world)->lookups, key, ims_lookup_result_copy(result));
}

static void
answer(gpointer data)
{
    g_autofree Question *question = data;
    const ImsLookupResult *known =
        g_hash_table_lookup(sim(question->world)->lookups, &question->key);
    ImsLookupResult not_found = {.status = IMS_LOOKUP_NOT_FOUND};
    g_autoptr(ImsLookupResult) result = ims_lookup_result_copy(known != NULL ? known : &not_found);

    g_free(question->key.name);
    ims_lookup_deliver(question->world, question->key.kind, result, question->callback,
                       question->data);
}

static void
sim_lookup(ImsWorld *world, ImsExecutor *asker, ImsLookupKind kind, const char *name,
           ImsLookupCallback callback, gpointer data)
{
    Question *question = g_new(Question, 1);

    question->world = world;
    question->key.kind = kind;
    question->key.name = fold_name(name);
    question->callback = callback;
    question->data = data;
    sim_post(world, asker, answer, question);
}

/* ---- the run ---- */

static gboolean
run_posted(SimWorld *self)
{
    guint n = self->executor.posted.length;

    for (guint i = 0; i < n; i++) {
        g_autofree Posted *posted = g_queue_pop_head(&self->executor.posted);

        posted->callback(posted->data);
    }
    return n > 0;
}

static gboolean
end_stop(SimWorld *self)
{
    ImsCallback done = self->stop_done;

    if (done == NULL || self->loop.all.length > 0)
        return FALSE;
    self->stop_done = NULL;
    ims_world_timer_cancel(&self->world, &self->stop_timer);
    done(self->stop_data);
    return TRUE;
}

void
ims_sim_world_settle(ImsWorld *world)
{
    SimWorld *self = sim(world);
    gboolean worked = TRUE;

    g_assert(!self->settling);
    self->settling = TRUE;
    for (guint turns = 0; worked; turns++) {
        g_assert(turns < MAX_TURNS);
        worked = run_posted(self);
        worked |= ims_timer_heap_fire(&self->executor.timers, self->mono_usec);
        worked |= ims_conn_loop_has_work(&self->loop);
        ims_conn_loop_run(&self->loop);
        worked |= end_stop(self);
    }
    self->settling = FALSE;
}

void
ims_sim_world_advance(ImsWorld *world, gint64 usec)
{
    SimWorld *self = sim(world);
    gint64 end = self->mono_usec + usec;

    g_assert(usec >= 0);
    ims_sim_world_settle(world);
    for (;;) {
        gint64 next = ims_timer_heap_next(&self->executor.timers);

        if (next < 0 || next > end)
            break;
        self->mono_usec = next;
        ims_sim_world_settle(world);
    }
    self->mono_usec = end;
}

/* ---- stop ---- */

static void
grace_is_over(gpointer data)
{
    SimWorld *self = data;

    self->stop_timer = NULL;
    ims_conn_loop_abort(&self->loop);
}

static void
sim_stop_sessions(ImsWorld *world, gint64 grace_usec, ImsCallback done, gpointer data)
{
    SimWorld *self = sim(world);

    g_assert(self->stop_done == NULL);
    self->stop_done = done;
    self->stop_data = data;
    self->stop_timer = ims_world_timer_add(world, grace_usec, grace_is_over, self);
    ims_conn_loop_stop(&self->loop);
}

void
ims_sim_world_stop_sessions(ImsWorld *world)
{
    ims_conn_loop_stop(&sim(world)->loop);
    ims_sim_world_settle(world);
    ims_conn_loop_abort(&sim(world)->loop);
    ims_sim_world_settle(world);
    /* The next service of this world may have sessions again. */
    sim(world)->loop.stopping = FALSE;
}

/* ---- life ---- */

static const ImsWorldClass sim_class = {
    .wall_usec = sim_wall_usec,
    .mono_usec = sim_mono_usec,
    .random = sim_random,
    .n_workers = sim_n_workers,
    .worker = sim_worker,
    .main = sim_executor,
    .writer = sim_executor,
    .current = sim_executor,
    .post = sim_post,
    .run_in_pool = sim_run_in_pool,
    .timer_add = sim_timer_add,
    .timer_cancel = sim_timer_cancel,
    .lookup = sim_lookup,
    .stop_sessions = sim_stop_sessions,
};

ImsWorld *
ims_sim_world_new(guint64 seed, gint64 start_wall_usec)
{
    SimWorld *self = g_new0(SimWorld, 1);

    self->world.klass = &sim_class;
    self->start_wall_usec = start_wall_usec;
    for (guint i = 0; i < G_N_ELEMENTS(self->random); i++)
        self->random[i] = split_mix(&seed);
    g_queue_init(&self->executor.posted);
    ims_timer_heap_init(&self->executor.timers);
    ims_conn_loop_init(&self->loop);
    self->lookups = g_hash_table_new_full(key_hash, key_equal, key_free,
                                          (GDestroyNotify)ims_lookup_result_free);
    return &self->world;
}

void
ims_sim_world_free(ImsWorld *world)
{
    SimWorld *self = sim(world);

    if (world == NULL)
        return;
    ims_conn_loop_abort(&self->loop);
    ims_sim_world_settle(world);
    ims_timer_heap_clear(&self->executor.timers);
    g_hash_table_unref(self->lookups);
    g_free(self);
}
