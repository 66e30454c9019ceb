#include "ims/queue.h"

#include "ims/queue-private.h"

/* After a claim that found nothing though something was due, or a queue that could not be read. */
#define PAUSE_USEC G_USEC_PER_SEC

static void scan(gpointer data);

static void set_timer(ImsQueueRunner *runner, gint64 delay_usec);

/* A long queue takes long to look through: main does it for a tenth of its time at most. */
static void
request_scan(ImsQueueRunner *runner)
{
    gint64 early_usec = runner->next_scan_usec - ims_world_mono_usec(runner->service->world);

    if (runner->scan_posted || runner->stopping)
        return;
    if (early_usec > 0) {
        set_timer(runner, early_usec);
        return;
    }
    runner->scan_posted = TRUE;
    ims_world_post(runner->service->world, ims_world_main(runner->service->world), scan, runner);
}

static void
timer_fired(gpointer data)
{
    ImsQueueRunner *runner = data;

    runner->timer = NULL;
    request_scan(runner);
}

static void
set_timer(ImsQueueRunner *runner, gint64 delay_usec)
{
    ims_world_timer_cancel(runner->service->world, &runner->timer);
    runner->timer = ims_world_timer_add(runner->service->world, delay_usec, timer_fired, runner);
}

/* ---- what may start ---- */

static guint
jobs_at(ImsQueueRunner *runner, const char *destination)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(runner->destinations, destination));
}

/* Destinations that did not answer last time get half of the connections at most: the others must
 * not wait for them. */
static gboolean
has_room(ImsQueueRunner *runner, gboolean failing)
{
    guint limit = runner->service->config->max_outbound;

    if (runner->n_jobs >= limit)
        return FALSE;
    return !failing || runner->n_failing_jobs < MAX(limit / 2, 1);
}

static void
start_job(ImsQueueRunner *runner, const ImsQueueDomain *domain)
{
    g_autofree char *destination = NULL;
    guint jobs;

    if (!has_room(runner, domain->last_failed) ||
        g_hash_table_contains(runner->claiming, domain->domain))
        return;
    destination = ims_router_destination(runner->router, domain->domain);
    jobs = jobs_at(runner, destination);
    if (jobs >= runner->service->config->max_outbound_host)
        return;
    g_hash_table_insert(runner->destinations, g_strdup(destination), GUINT_TO_POINTER(jobs + 1));
    g_hash_table_add(runner->claiming, g_strdup(domain->domain));
    runner->n_jobs++;
    if (domain->last_failed)
        runner->n_failing_jobs++;
    ims_queue_job_start(runner, domain->domain, destination, domain->last_failed);
}

static int
compare_due(gconstpointer a, gconstpointer b)
{
    const ImsQueueDomain *left = *(const ImsQueueDomain *const *)a,
                         *right = *(const ImsQueueDomain *const *)b;

    return (left->next_attempt_usec > right->next_attempt_usec) -
           (left->next_attempt_usec < right->next_attempt_usec);
}

static void
look_through(ImsQueueRunner *runner)
{
    gint64 now_usec = ims_world_wall_usec(runner->service->world), next_usec = G_MAXINT64;
    g_autoptr(GPtrArray) domains = NULL;
    g_autoptr(GError) error = NULL;

    domains = ims_store_queue_domains(runner->service->store, &error);
    if (domains == NULL) {
        ims_log_event(runner->service->log, 0, "queue-error", "reason", error->message, NULL);
        set_timer(runner, PAUSE_USEC);
        return;
    }
    /* Who has waited longest is first; a domain starts one job a scan, and each claim is followed
     * by a scan. */
    g_ptr_array_sort(domains, compare_due);
    for (guint i = 0; i < domains->len; i++) {
        const ImsQueueDomain *domain = domains->pdata[i];

        if (domain->waiting == 0)
            continue;
        if (domain->next_attempt_usec <= now_usec)
            start_job(runner, domain);
        else
            next_usec = MIN(next_usec, domain->next_attempt_usec);
    }
    if (next_usec != G_MAXINT64)
        set_timer(runner, next_usec - now_usec);
}

static void
scan(gpointer data)
{
    ImsQueueRunner *runner = data;
    gint64 begin_usec = ims_world_mono_usec(runner->service->world), end_usec;

    runner->scan_posted = FALSE;
    /* Where there is no room, the end of a job asks again. */
    if (runner->stopping || !has_room(runner, FALSE))
        return;
    look_through(runner);
    end_usec = ims_world_mono_usec(runner->service->world);
    runner->next_scan_usec = end_usec + 9 * (end_usec - begin_usec);
}

/* ---- what jobs tell ---- */

void
ims_queue_runner_claimed(ImsQueueRunner *runner, const char *domain, guint n)
{
    g_hash_table_remove(runner->claiming, domain);
    if (runner->stopping)
        return;
    if (n > 0)
        request_scan(runner);
    else
        set_timer(runner, PAUSE_USEC);
}

static void
tell_stopped(gpointer data)
{
    ImsQueueRunner *runner = data;

    runner->stopped(runner->stopped_data);
}

static void
check_stopped(ImsQueueRunner *runner)
{
    if (runner->stopping && runner->n_jobs == 0 && runner->stopped != NULL)
        ims_world_post(runner->service->world, ims_world_main(runner->service->world), tell_stopped,
                       runner);
}

void
ims_queue_runner_ended(ImsQueueRunner *runner, const char *destination, gboolean failing)
{
    guint jobs = jobs_at(runner, destination);

    if (jobs > 1)
        g_hash_table_insert(runner->destinations, g_strdup(destination),
                            GUINT_TO_POINTER(jobs - 1));
    else
        g_hash_table_remove(runner->destinations, destination);
    runner->n_jobs--;
    if (failing)
        runner->n_failing_jobs--;
    request_scan(runner);
    check_stopped(runner);
}

/* ---- public ---- */

static void
queue_changed(ImsFolderId folder, guint64 modseq, gpointer data)
{
    request_scan(data);
}

ImsQueueRunner *
ims_queue_runner_new(ImsService *service)
{
    ImsQueueRunner *runner = g_new0(ImsQueueRunner, 1);

    runner->service = service;
    runner->router = ims_router_new(service->world, service->config);
    runner->destinations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    runner->claiming = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    runner->watch = ims_store_watch(service->store, 0, queue_changed, runner);
    request_scan(runner);
    return runner;
}

void
ims_queue_runner_stop(ImsQueueRunner *runner, ImsCallback done, gpointer data)
{
    runner->stopping = TRUE;
    runner->stopped = done;
    runner->stopped_data = data;
    ims_world_timer_cancel(runner->service->world, &runner->timer);
    ims_store_unwatch(runner->service->store, &runner->watch);
    check_stopped(runner);
}

void
ims_queue_runner_free(ImsQueueRunner *runner)
{
    if (runner == NULL)
        return;
    g_assert(runner->n_jobs == 0 && !runner->scan_posted);
    ims_world_timer_cancel(runner->service->world, &runner->timer);
    if (runner->watch != NULL)
        ims_store_unwatch(runner->service->store, &runner->watch);
    ims_router_free(runner->router);
    g_hash_table_unref(runner->destinations);
    g_hash_table_unref(runner->claiming);
    g_free(runner);
}

guint
ims_queue_runner_jobs(ImsQueueRunner *runner)
{
    return runner->n_jobs;
}
