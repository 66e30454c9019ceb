/* Threads: where callbacks run and in which order, timers, the pool, the end. */
#include <pthread.h>
#include <string.h>

#include "net/world.h"

#define WAIT_SEC 20

typedef struct {
    ImsWorld *world;
    pthread_mutex_t lock; /* guards trace */
    pthread_cond_t changed;
    GString *trace;
    gboolean gate_open;
    int count; /* atomic */
    ImsTimer *timer;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    ImsRealWorldOptions options = {
        .n_workers = 3, .pool_threads = 1, .pool_queue = 2, .dns_servers = "127.0.0.1:9"};
    g_autoptr(GError) error = NULL;

    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->trace = g_string_new(NULL);
    f->world = ims_real_world_new(&options, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    ims_real_world_free(f->world);
    g_string_free(f->trace, TRUE);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

static void
note(Fixture *f, const char *what)
{
    pthread_mutex_lock(&f->lock);
    g_string_append(f->trace, what);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Waits, without running main, until the trace is as long as @wanted. */
static void
assert_noted(Fixture *f, const char *wanted)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_SEC;
    pthread_mutex_lock(&f->lock);
    while (f->trace->len < strlen(wanted))
        g_assert_cmpint(pthread_cond_timedwait(&f->changed, &f->lock, &end), ==, 0);
    g_assert_cmpstr(f->trace->str, ==, wanted);
    pthread_mutex_unlock(&f->lock);
}

static void
run_main_until(Fixture *f, gsize length)
{
    gint64 end = g_get_monotonic_time() + WAIT_SEC * G_USEC_PER_SEC;

    for (gsize now = 0; now < length;) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(ims_real_world_main_context(f->world), TRUE);
        pthread_mutex_lock(&f->lock);
        now = f->trace->len;
        pthread_mutex_unlock(&f->lock);
    }
}

/* ---- where ---- */

static const char *
where(Fixture *f)
{
    ImsExecutor *executor = ims_world_current(f->world);

    if (executor == NULL)
        return "?";
    if (executor == ims_world_main(f->world))
        return "m";
    if (executor == ims_world_writer(f->world))
        return "w";
    return executor == ims_world_worker(f->world, 0)   ? "0"
           : executor == ims_world_worker(f->world, 1) ? "1"
                                                       : "2";
}

static void
note_where(gpointer data)
{
    note(data, where(data));
}

static void
test_executors(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(ims_world_n_workers(f->world), ==, 3);
    note_where(f);
    for (guint i = 0; i < 3; i++) {
        ims_world_post(f->world, ims_world_worker(f->world, i), note_where, f);
        assert_noted(f, (const char *[]){"m0", "m01", "m012"}[i]);
    }
    ims_world_post(f->world, ims_world_writer(f->world), note_where, f);
    assert_noted(f, "m012w");
    ims_world_post(f->world, ims_world_main(f->world), note_where, f);
    run_main_until(f, 6);
    assert_noted(f, "m012wm");
}

static gpointer
foreign_thread(gpointer data)
{
    Fixture *f = data;

    note_where(f);
    ims_world_post(f->world, ims_world_worker(f->world, 1), note_where, f);
    return NULL;
}

static void
test_foreign_thread(Fixture *f, gconstpointer data)
{
    g_thread_join(g_thread_new("foreign", foreign_thread, f));
    assert_noted(f, "?1");
}

/* ---- order ---- */

typedef struct {
    Fixture *fixture;
    guint from, number;
} Numbered;

typedef struct {
    Fixture *fixture;
    guint from;
} Poster;

static guint next_number[4]; /* of each poster; the writer's own */

static void
check_number(gpointer data)
{
    g_autofree Numbered *numbered = data;

    g_assert_cmpuint(next_number[numbered->from], ==, numbered->number);
    next_number[numbered->from]++;
    g_atomic_int_inc(&numbered->fixture->count);
    if (g_atomic_int_get(&numbered->fixture->count) == 4 * 2000)
        note(numbered->fixture, "all");
}

static gpointer
post_numbers(gpointer data)
{
    Poster *poster = data;

    for (guint i = 0; i < 2000; i++) {
        Numbered *numbered = g_new(Numbered, 1);

        numbered->fixture = poster->fixture;
        numbered->from = poster->from;
        numbered->number = i;
        ims_world_post(poster->fixture->world, ims_world_writer(poster->fixture->world),
                       check_number, numbered);
    }
    return NULL;
}

static void
test_order(Fixture *f, gconstpointer data)
{
    Poster posters[4];
    GThread *threads[4];

    memset(next_number, 0, sizeof next_number);
    for (guint i = 0; i < 4; i++) {
        posters[i] = (Poster){f, i};
        threads[i] = g_thread_new("poster", post_numbers, &posters[i]);
    }
    for (guint i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    assert_noted(f, "all");
}

/* ---- timers ---- */

static void
note_a(gpointer data)
{
    note(data, "a");
}

static void
note_b(gpointer data)
{
    note(data, "b");
}

static void
note_and_cancel(gpointer data)
{
    Fixture *f = data;

    note(f, "c");
    ims_world_timer_cancel(f->world, &f->timer);
}

static void
set_timers(gpointer data)
{
    Fixture *f = data;

    ims_world_timer_add(f->world, 40000, note_where, f);
    ims_world_timer_add(f->world, 20000, note_b, f);
    f->timer = ims_world_timer_add(f->world, 30000, note_b, f);
    ims_world_timer_add(f->world, 10000, note_and_cancel, f);
    ims_world_timer_add(f->world, 0, note_a, f);
}

static void
test_timers(Fixture *f, gconstpointer data)
{
    gint64 start = ims_world_mono_usec(f->world);

    ims_world_post(f->world, ims_world_worker(f->world, 2), set_timers, f);
    assert_noted(f, "acb2");
    g_assert_cmpint(ims_world_mono_usec(f->world) - start, >=, 40000);
    ims_world_post(f->world, ims_world_writer(f->world), set_timers, f);
    assert_noted(f, "acb2acbw");
    set_timers(f);
    run_main_until(f, 12);
    assert_noted(f, "acb2acbwacbm");
}

/* ---- the pool ---- */

static void
wait_at_gate(gpointer data)
{
    Fixture *f = data;

    note(f, "[");
    pthread_mutex_lock(&f->lock);
    while (!f->gate_open)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    note(f, where(f));
}

static void
fill_pool(gpointer data)
{
    Fixture *f = data;

    g_assert_true(ims_world_run_in_pool(f->world, wait_at_gate, note_where, f));
}

static void
overfill_pool(gpointer data)
{
    Fixture *f = data;

    g_assert_true(ims_world_run_in_pool(f->world, note_a, note_where, f));
    g_assert_true(ims_world_run_in_pool(f->world, note_b, note_where, f));
    for (guint i = 0; i < 10; i++)
        g_assert_false(ims_world_run_in_pool(f->world, note_a, note_where, f));
    note(f, "]");
}

static void
test_pool_full(Fixture *f, gconstpointer data)
{
    ImsExecutor *worker = ims_world_worker(f->world, 0);

    ims_world_post(f->world, worker, fill_pool, f);
    assert_noted(f, "[");
    ims_world_post(f->world, worker, overfill_pool, f);
    assert_noted(f, "[]");
    pthread_mutex_lock(&f->lock);
    f->gate_open = TRUE;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    ims_world_post(f->world, worker, note_where,
                   f); /* so that the length is reached at the end only */
    pthread_mutex_lock(&f->lock);
    while (f->trace->len < 9)
        pthread_cond_wait(&f->changed, &f->lock);
    /* Three ran outside of any executor, each then told its asker. */
    g_assert_cmpuint(f->trace->len, ==, 9);
    g_assert_nonnull(strchr(f->trace->str, '?'));
    g_assert_nonnull(strchr(f->trace->str, 'a'));
    g_assert_nonnull(strchr(f->trace->str, 'b'));
    pthread_mutex_unlock(&f->lock);
}

/* Work that is taken is done, and its end told, though the world ends. */
static void
test_end(Fixture *f, gconstpointer data)
{
    f->gate_open = TRUE;
    fill_pool(f);
    ims_world_post(f->world, ims_world_writer(f->world), fill_pool, f);
    ims_world_post(f->world, ims_world_main(f->world), note_where, f);
    ims_real_world_free(f->world);
    f->world = NULL;
    g_assert_cmpuint(f->trace->len, ==, 7);
}

static void
test_random(Fixture *f, gconstpointer data)
{
    guint8 a[64] = {0}, b[64] = {0};

    ims_world_random(f->world, a, sizeof a);
    ims_world_random(f->world, b, sizeof b);
    g_assert_true(memcmp(a, b, sizeof a) != 0);
    g_assert_cmpint(ABS(ims_world_wall_usec(f->world) - g_get_real_time()), <, 60 * G_USEC_PER_SEC);
}

static const struct {
    const char *path;
    void (*run)(Fixture *f, gconstpointer data);
} cases[] = {
    {"executors",      test_executors     },
    {"foreign-thread", test_foreign_thread},
    {"order",          test_order         },
    {"timers",         test_timers        },
    {"pool-full",      test_pool_full     },
    {"end",            test_end           },
    {"random",         test_random        },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/real-world/", cases[i].path, NULL);

        g_test_add(path, Fixture, NULL, set_up, cases[i].run, tear_down);
    }
    return g_test_run();
}
