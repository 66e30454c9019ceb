#include "net/world.h"

#include "net/conn.h"
#include "net/world-private.h"

gint64
ims_world_wall_usec(ImsWorld *world)
{
    return world->klass->wall_usec(world);
}

gint64
ims_world_mono_usec(ImsWorld *world)
{
    return world->klass->mono_usec(world);
}

void
ims_world_random(ImsWorld *world, guint8 *out, gsize length)
{
    world->klass->random(world, out, length);
}

guint
ims_world_n_workers(ImsWorld *world)
{
    return world->klass->n_workers(world);
}

ImsExecutor *
ims_world_worker(ImsWorld *world, guint index)
{
    g_assert(index < ims_world_n_workers(world));
    return world->klass->worker(world, index);
}

ImsExecutor *
ims_world_main(ImsWorld *world)
{
    return world->klass->main(world);
}

ImsExecutor *
ims_world_writer(ImsWorld *world)
{
    return world->klass->writer(world);
}

ImsExecutor *
ims_world_current(ImsWorld *world)
{
    return world->klass->current(world);
}

void
ims_world_post(ImsWorld *world, ImsExecutor *to, ImsCallback callback, gpointer data)
{
    g_assert(to != NULL && callback != NULL);
    world->klass->post(world, to, callback, data);
}

gboolean
ims_world_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data)
{
    g_assert(ims_world_current(world) != NULL);
    return world->klass->run_in_pool(world, work, done, data);
}

ImsTimer *
ims_world_timer_add(ImsWorld *world, gint64 delay_usec, ImsCallback callback, gpointer data)
{
    g_assert(ims_world_current(world) != NULL);
    return world->klass->timer_add(world, MAX(delay_usec, 0), callback, data);
}

void
ims_world_timer_cancel(ImsWorld *world, ImsTimer **timer)
{
    if (*timer == NULL)
        return;
    g_assert(ims_world_current(world) != NULL);
    world->klass->timer_cancel(world, *timer);
    *timer = NULL;
}

/* ---- lookups ---- */

ImsLookupResult *
ims_lookup_result_copy(const ImsLookupResult *result)
{
    ImsLookupResult *copy = g_new0(ImsLookupResult, 1);

    copy->status = result->status;
    copy->n_records = result->n_records;
    copy->records = g_new0(ImsLookupRecord, result->n_records);
    for (guint i = 0; i < result->n_records; i++) {
        copy->records[i] = result->records[i];
        copy->records[i].name = g_strdup(result->records[i].name);
    }
    return copy;
}

void
ims_lookup_result_free(ImsLookupResult *result)
{
    if (result == NULL)
        return;
    for (guint i = 0; i < result->n_records; i++)
        g_free(result->records[i].name);
    g_free(result->records);
    g_free(result);
}

static int
compare_preference(gconstpointer a, gconstpointer b)
{
    return (int)((const ImsLookupRecord *)a)->preference -
           (int)((const ImsLookupRecord *)b)->preference;
}

/* Shuffles all, then sorts: qsort() is not stable, so the sort must be one that is. */
static void
arrange_mx(ImsWorld *world, ImsLookupResult *result)
{
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(ImsLookupRecord));

    for (guint i = result->n_records; i > 1; i--) {
        guint32 random;
        ImsLookupRecord swap = result->records[i - 1];

        ims_world_random(world, (guint8 *)&random, sizeof random);
        result->records[i - 1] = result->records[random % i];
        result->records[random % i] = swap;
    }
    g_array_append_vals(order, result->records, result->n_records);
    g_array_sort(order, compare_preference); /* documented as stable */
    if (order->len > 0)
        memcpy(result->records, order->data, order->len * sizeof(ImsLookupRecord));
}

void
ims_lookup_deliver(ImsWorld *world, ImsLookupKind kind, ImsLookupResult *result,
                   ImsLookupCallback callback, gpointer data)
{
    if (kind == IMS_LOOKUP_MX)
        arrange_mx(world, result);
    callback(result, data);
}

typedef struct {
    ImsLookupResult result;
    ImsLookupRecord record;
    ImsLookupCallback callback;
    gpointer data;
} Literal;

static void
answer_literal(gpointer data)
{
    g_autofree Literal *literal = data;

    literal->callback(&literal->result, literal->data);
}

void
ims_world_lookup(ImsWorld *world, ImsLookupKind kind, const char *name, ImsLookupCallback callback,
                 gpointer data)
{
    ImsExecutor *asker = ims_world_current(world);
    ImsAddress address;
    Literal *literal;

    g_assert(asker != NULL);
    if (ims_address_parse(name, &address) == (kind == IMS_LOOKUP_PTR)) {
        world->klass->lookup(world, asker, kind, name, callback, data);
        return;
    }
    /* An address has itself as A or AAAA and no MX; what is no address has no PTR. */
    literal = g_new0(Literal, 1);
    literal->callback = callback;
    literal->data = data;
    if (kind == IMS_LOOKUP_PTR) {
        literal->result.status = IMS_LOOKUP_NOT_FOUND;
    } else if (kind == IMS_LOOKUP_MX || (address.family == 4) != (kind == IMS_LOOKUP_A)) {
        literal->result.status = IMS_LOOKUP_NO_DATA;
    } else {
        literal->result.n_records = 1;
        literal->result.records = &literal->record;
        literal->record.address = address;
    }
    ims_world_post(world, asker, answer_literal, literal);
}

/* ---- sending ---- */

void
ims_world_set_sender(ImsWorld *world, ImsSendFunction function, gpointer sender)
{
    world->send = function;
    world->sender = sender;
}

static void
finish_unsent(gpointer data)
{
    ImsSendJob *job = data;

    job->finished(job, FALSE, "this world has no sender");
}

void
ims_world_send(ImsWorld *world, ImsSendJob *job)
{
    ImsExecutor *asker = ims_world_current(world);

    g_assert(asker != NULL);
    if (world->send != NULL)
        world->send(world, job, world->sender);
    else
        ims_world_post(world, asker, finish_unsent, job);
}

void
ims_world_stop_sessions(ImsWorld *world, gint64 grace_usec, ImsCallback done, gpointer data)
{
    world->klass->stop_sessions(world, grace_usec, done, data);
}
