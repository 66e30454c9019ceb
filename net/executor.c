#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/real-private.h"

#define MAX_EVENTS 256

typedef struct {
    ImsCallback callback;
    gpointer data;
} Posted;

typedef struct {
    GSource source;
    ImsRealExecutor *executor;
    gpointer tag; /* of the epoll descriptor */
} ExecutorSource;

static GPrivate current_executor;

ImsRealExecutor *
ims_real_executor_current(void)
{
    return g_private_get(&current_executor);
}

/* ---- the mailbox ---- */

void
ims_real_executor_post(ImsRealExecutor *executor, ImsCallback callback, gpointer data)
{
    Posted posted = {callback, data};
    guint64 one = 1;
    gboolean first;

    pthread_mutex_lock(&executor->lock);
    first = executor->mailbox->len == 0;
    g_array_append_val(executor->mailbox, posted);
    pthread_mutex_unlock(&executor->lock);
    /* The counter cannot overflow: it is written only when the mailbox was empty. */
    if (first && write(executor->event_fd, &one, sizeof one) != sizeof one)
        g_assert_not_reached();
}

static gboolean
run_mailbox(ImsRealExecutor *executor)
{
    GArray *posted;
    guint n;

    pthread_mutex_lock(&executor->lock);
    posted = executor->mailbox;
    executor->mailbox = executor->running;
    executor->running = posted;
    pthread_mutex_unlock(&executor->lock);
    n = posted->len;
    for (guint i = 0; i < n; i++) {
        Posted *one = &g_array_index(posted, Posted, i);

        one->callback(one->data);
    }
    g_array_set_size(posted, 0);
    return n > 0;
}

static void
mailbox_ready(ImsRealExecutor *executor)
{
    guint64 count;

    while (read(executor->event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

/* ---- a turn of the loop ---- */

static gint64
next_timer(ImsRealExecutor *executor)
{
    return ims_timer_heap_next(&executor->timers);
}

static gboolean
source_prepare(GSource *source, int *timeout_msec)
{
    ImsRealExecutor *executor = ((ExecutorSource *)source)->executor;
    gint64 due = next_timer(executor), wait_usec;

    *timeout_msec = -1;
    if (ims_conn_loop_has_work(&executor->conns))
        return TRUE;
    if (due < 0)
        return FALSE;
    wait_usec = due - g_get_monotonic_time();
    if (wait_usec <= 0)
        return TRUE;
    *timeout_msec = (int)MIN((wait_usec + 999) / 1000, G_MAXINT);
    return FALSE;
}

static gboolean
source_check(GSource *source)
{
    ExecutorSource *self = (ExecutorSource *)source;
    gint64 due = next_timer(self->executor);

    return ims_conn_loop_has_work(&self->executor->conns) ||
           g_source_query_unix_fd(source, self->tag) != 0 ||
           (due >= 0 && due <= g_get_monotonic_time());
}

static void
run_timers(ImsRealExecutor *executor)
{
    gint64 now_usec = g_get_monotonic_time();

    /* Not more than there are now: one that is always due again leaves the others their turn. */
    for (guint n = executor->timers.timers->len; n > 0; n--)
        if (!ims_timer_heap_fire(&executor->timers, now_usec))
            break;
}

static gboolean
source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    ImsRealExecutor *executor = ((ExecutorSource *)source)->executor;
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(executor->epoll_fd, events, MAX_EVENTS, 0);

    for (int i = 0; i < n; i++) {
        ImsEpollEntry *entry = events[i].data.ptr;

        if (entry == NULL)
            mailbox_ready(executor);
        else
            entry->ready(entry, events[i].events);
    }
    /* Mailbox and timers come last: what they free may have been among the events. */
    run_mailbox(executor);
    run_timers(executor);
    ims_conn_loop_run(&executor->conns);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
};

/* ---- life ---- */

static gboolean
open_descriptors(ImsRealExecutor *executor, GError **error)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}};

    executor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    executor->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (executor->epoll_fd < 0 || executor->event_fd < 0 ||
        epoll_ctl(executor->epoll_fd, EPOLL_CTL_ADD, executor->event_fd, &event) < 0) {
        g_set_error(error, IMS_WORLD_ERROR, IMS_WORLD_ERROR_START,
                    "no descriptor for a thread's loop: %s", g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

ImsRealExecutor *
ims_real_executor_new(ImsWorld *world, GMainContext *context, GError **error)
{
    ImsRealExecutor *executor = g_new0(ImsRealExecutor, 1);
    ExecutorSource *source;

    executor->world = world;
    executor->context = context != NULL ? context : g_main_context_new();
    pthread_mutex_init(&executor->lock, NULL);
    executor->mailbox = g_array_new(FALSE, FALSE, sizeof(Posted));
    executor->running = g_array_new(FALSE, FALSE, sizeof(Posted));
    ims_timer_heap_init(&executor->timers);
    ims_conn_loop_init(&executor->conns);
    executor->scratch = g_malloc(IMS_SCRATCH_SIZE);
    executor->source = g_source_new(&source_functions, sizeof(ExecutorSource));
    if (!open_descriptors(executor, error)) {
        ims_real_executor_free(executor);
        return NULL;
    }
    source = (ExecutorSource *)executor->source;
    source->executor = executor;
    source->tag = g_source_add_unix_fd(executor->source, executor->epoll_fd, G_IO_IN);
    g_source_attach(executor->source, executor->context);
    return executor;
}

static gpointer
run_thread(gpointer data)
{
    ImsRealExecutor *executor = data;

    g_private_set(&current_executor, executor);
    g_main_context_push_thread_default(executor->context);
    g_main_loop_run(executor->loop);
    g_main_context_pop_thread_default(executor->context);
    return NULL;
}

gboolean
ims_real_executor_start(ImsRealExecutor *executor, const char *name, GError **error)
{
    executor->loop = g_main_loop_new(executor->context, FALSE);
    executor->thread = g_thread_try_new(name, run_thread, executor, error);
    return executor->thread != NULL;
}

static void
quit(gpointer data)
{
    g_main_loop_quit(((ImsRealExecutor *)data)->loop);
}

void
ims_real_executor_stop(ImsRealExecutor *executor)
{
    if (executor->thread == NULL)
        return;
    ims_real_executor_post(executor, quit, executor);
    g_thread_join(g_steal_pointer(&executor->thread));
}

gboolean
ims_real_executor_drain(ImsRealExecutor *executor)
{
    ImsRealExecutor *before = ims_real_executor_current();
    gboolean worked;

    g_private_set(&current_executor, executor);
    worked = run_mailbox(executor) || ims_conn_loop_has_work(&executor->conns);
    ims_conn_loop_run(&executor->conns);
    g_private_set(&current_executor, before);
    return worked;
}

void
ims_real_executor_free(ImsRealExecutor *executor)
{
    if (executor == NULL)
        return;
    g_assert(executor->thread == NULL);
    g_source_destroy(executor->source);
    g_source_unref(executor->source);
    g_clear_pointer(&executor->loop, g_main_loop_unref);
    g_main_context_unref(executor->context);
    ims_timer_heap_clear(&executor->timers);
    g_array_unref(executor->mailbox);
    g_array_unref(executor->running);
    g_free(executor->scratch);
    pthread_mutex_destroy(&executor->lock);
    if (executor->event_fd >= 0)
        close(executor->event_fd);
    if (executor->epoll_fd >= 0)
        close(executor->epoll_fd);
    g_free(executor);
}
