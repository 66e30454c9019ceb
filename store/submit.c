/* The way of an operation: checked, its body made ready off the writer, queued, run in a batch,
 * told. */
#include "store/check.h"
#include "store/store-private.h"

#define BATCH_ITEMS 1024u
#define BATCH_BYTES (16u << 20)

struct _ImsBodyJob {
    gboolean begun; /* guarded by the store's lock: whoever sets it does the work */
    ImsStore *store;
    ImsEngineItem *item;
};

static void
item_free(ImsEngineItem *item)
{
    g_free(item->body.file);
    g_free(item);
}

static void
run_done(gpointer data)
{
    ImsStoreOp *op = data;
    ImsStore *store = op->store;

    op->done(op, op->data);
    g_atomic_int_add(&store->owed, -1);
    ims_store_unref(store);
}

/* Tells the submitter; the item is gone afterwards. */
static void
complete(ImsStore *store, ImsEngineItem *item)
{
    ImsStoreOp *op = item->op;

    if (item->body.file != NULL)
        /* After a failed commit a row may name it yet; if none does, the next start removes it. */
        ims_bodies_settle(store->bodies, item->body.file,
                          op->error == NULL || g_atomic_int_get(&store->failed));
    item_free(item);
    ims_world_post(store->world, op->where, run_done, op);
}

void
ims_store_set_failed(ImsStore *store, const char *why)
{
    if (g_atomic_int_compare_and_exchange(&store->failed, FALSE, TRUE))
        ims_log_event(store->log, 0, "store-failed", "reason", why, NULL);
}

/* ---- the writer ---- */

static GPtrArray *
take_batch(ImsStore *store)
{
    g_autoptr(GPtrArray) batch = g_ptr_array_new();
    gsize bytes = 0;

    pthread_mutex_lock(&store->lock);
    while (store->waiting.length > 0 && batch->len < BATCH_ITEMS && bytes < BATCH_BYTES) {
        ImsEngineItem *item = g_queue_pop_head(&store->waiting);

        bytes += item->op->cost_bytes;
        g_ptr_array_add(batch, item);
    }
    pthread_mutex_unlock(&store->lock);
    return g_steal_pointer(&batch);
}

static void
publish(ImsStore *store, const ImsChanges *changes)
{
    for (guint i = 0; i < changes->folders->len; i++)
        ims_snapshots_publish(store->snapshots, g_ptr_array_index(changes->folders, i));
}

/* After the completions were posted: who submitted hears of its own operation first. */
static void
tell_watchers(ImsStore *store, const ImsChanges *changes)
{
    for (guint i = 0; i < changes->folders->len; i++) {
        const ImsFolderDelta *delta = g_ptr_array_index(changes->folders, i);

        if (delta->gone || delta->changes->len > 0)
            ims_watchers_publish(store->watchers, delta->folder, delta->highest_modseq);
    }
    if (changes->queue)
        ims_watchers_publish(store->watchers, 0, 0);
}

static void
account(ImsStore *store, const GPtrArray *batch, const ImsChanges *changes)
{
    gsize bytes = 0;
    const ImsEngineItem *first;

    for (guint i = 0; i < batch->len; i++)
        bytes += ((const ImsEngineItem *)g_ptr_array_index(batch, i))->op->cost_bytes;
    pthread_mutex_lock(&store->lock);
    store->queued_bytes -= bytes;
    first = g_queue_peek_head(&store->waiting);
    store->oldest_usec = first != NULL ? first->queued_usec : 0;
    store->stats.commits++;
    store->stats.operations += batch->len;
    store->stats.messages += changes->messages;
    pthread_mutex_unlock(&store->lock);
}

static void
fail_all(const GPtrArray *batch)
{
    for (guint i = 0; i < batch->len; i++) {
        ImsStoreOp *op = ((ImsEngineItem *)g_ptr_array_index(batch, i))->op;

        g_set_error_literal(&op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_IO,
                            "an earlier write failed: nothing is written before a restart");
    }
}

static void
apply(ImsStore *store, const GPtrArray *batch, ImsChanges *changes)
{
    g_autofree ImsEngineItem *items = g_new(ImsEngineItem, batch->len);

    for (guint i = 0; i < batch->len; i++)
        items[i] = *(const ImsEngineItem *)g_ptr_array_index(batch, i);
    if (!store->engine->apply(store->engine, items, batch->len, changes))
        ims_store_set_failed(store, "a write to the database failed");
}

static void
run_batch(ImsStore *store, const GPtrArray *batch)
{
    g_autoptr(GPtrArray) deltas =
        g_ptr_array_new_with_free_func((GDestroyNotify)ims_folder_delta_free);
    ImsChanges changes = {.folders = deltas};

    if (g_atomic_int_get(&store->failed))
        fail_all(batch);
    else
        apply(store, batch, &changes);
    publish(store, &changes);
    account(store, batch, &changes);
    for (guint i = 0; i < batch->len; i++)
        complete(store, g_ptr_array_index(batch, i));
    tell_watchers(store, &changes);
    if (changes.garbage)
        ims_store_want_tending(store);
}

static void
drain(gpointer data)
{
    ImsStore *store = data;
    g_autoptr(GPtrArray) batch = take_batch(store);
    gboolean more;

    if (batch->len > 0)
        run_batch(store, batch);
    /* One batch a turn, so that timers and the tender get theirs. */
    pthread_mutex_lock(&store->lock);
    more = store->waiting.length > 0;
    store->scheduled = more;
    pthread_mutex_unlock(&store->lock);
    if (more)
        ims_world_post(store->world, ims_world_writer(store->world), drain, store);
    else
        ims_store_unref(store);
}

void
ims_store_drain_all(ImsStore *store)
{
    for (;;) {
        g_autoptr(GPtrArray) batch = take_batch(store);

        if (batch->len == 0)
            return;
        run_batch(store, batch);
    }
}

static void
enqueue(ImsStore *store, ImsEngineItem *item)
{
    gboolean wake;

    item->queued_usec = ims_world_mono_usec(store->world);
    pthread_mutex_lock(&store->lock);
    if (store->oldest_usec == 0)
        store->oldest_usec = item->queued_usec;
    g_queue_push_tail(&store->waiting, item);
    wake = !store->scheduled && !store->closing;
    store->scheduled |= wake;
    pthread_mutex_unlock(&store->lock);
    if (wake) {
        ims_store_ref(store); /* drain's */
        ims_world_post(store->world, ims_world_writer(store->world), drain, store);
    }
}

/* ---- bodies ---- */

static void
compute_digest(ImsEngineItem *item)
{
    gsize size;
    const void *data = g_bytes_get_data(ims_store_op_delivery(item->op)->body, &size);

    ims_bodies_digest(data, size, item->body.digest);
}

static void
write_body(ImsStore *store, ImsBodyJob *job)
{
    ImsEngineItem *item = job->item;
    GError *error = NULL;

    compute_digest(item);
    item->body.file = ims_bodies_write(store->bodies, ims_store_op_delivery(item->op)->body,
                                       item->body.digest, &error);
    if (error != NULL && error->code == IMS_STORE_ERROR_IO)
        ims_store_set_failed(store, error->message);
    if (error == NULL) {
        enqueue(store, item);
        return;
    }
    item->op->error = error;
    pthread_mutex_lock(&store->lock);
    store->queued_bytes -= item->op->cost_bytes;
    pthread_mutex_unlock(&store->lock);
    complete(store, item);
}

/* On a pool thread. If the store is closing, or closed, it has begun the job itself. */
static void
work_on_body(gpointer data)
{
    ImsBodyJob *job = data;
    ImsStore *store = job->store;
    gboolean mine;

    pthread_mutex_lock(&store->lock);
    mine = !job->begun;
    if (mine) {
        job->begun = TRUE;
        g_ptr_array_remove_fast(store->jobs, job);
        store->n_running++;
    }
    pthread_mutex_unlock(&store->lock);
    if (!mine)
        return;
    write_body(store, job);
    pthread_mutex_lock(&store->lock);
    store->n_running--;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

static void
forget_job(gpointer data)
{
    ImsBodyJob *job = data;

    ims_store_unref(job->store);
    g_free(job);
}

void
ims_store_finish_jobs(ImsStore *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->jobs->len > 0) {
        ImsBodyJob *job = g_ptr_array_steal_index_fast(store->jobs, store->jobs->len - 1);

        job->begun = TRUE;
        pthread_mutex_unlock(&store->lock);
        write_body(store, job);
        pthread_mutex_lock(&store->lock);
    }
    while (store->n_running > 0)
        pthread_cond_wait(&store->changed, &store->lock);
    pthread_mutex_unlock(&store->lock);
}

/* FALSE: the pool is full. */
static gboolean
start_job(ImsStore *store, ImsEngineItem *item)
{
    ImsBodyJob *job = g_new0(ImsBodyJob, 1);

    job->store = store;
    job->item = item;
    ims_store_ref(store);
    pthread_mutex_lock(&store->lock);
    g_ptr_array_add(store->jobs, job);
    pthread_mutex_unlock(&store->lock);
    if (ims_world_run_in_pool(store->world, work_on_body, forget_job, job))
        return TRUE;
    pthread_mutex_lock(&store->lock);
    g_ptr_array_remove_fast(store->jobs, job);
    pthread_mutex_unlock(&store->lock);
    forget_job(job);
    return FALSE;
}

/* ---- the entrance ---- */

/* Takes room for the operation, or says why not. */
static gboolean
admit(ImsStore *store, ImsStoreOp *op, GError **error)
{
    gboolean room;

    if (g_atomic_int_get(&store->failed)) {
        g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_IO,
                            "an earlier write failed: nothing is written before a restart");
        return FALSE;
    }
    op->cost_bytes = ims_store_op_cost(op);
    pthread_mutex_lock(&store->lock);
    /* Who does not heed ims_store_is_congested() meets this wall. One operation alone always fits.
     */
    room = !store->closing && (store->queued_bytes == 0 ||
                               store->queued_bytes + op->cost_bytes <= 4 * store->queue_limit);
    if (room)
        store->queued_bytes += op->cost_bytes;
    pthread_mutex_unlock(&store->lock);
    if (!room)
        g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_BUSY,
                            "too much waits to be written");
    return room;
}

void
ims_store_submit(ImsStore *store, ImsStoreOp *op)
{
    ImsEngineItem *item = g_new0(ImsEngineItem, 1);
    const ImsDeliverOp *deliver = ims_store_op_delivery(op);

    op->where = ims_world_current(store->world);
    g_assert(op->where != NULL);
    item->op = op;
    ims_store_op_reset(op);
    op->store = store;
    ims_store_ref(store); /* run_done()'s */
    g_atomic_int_inc(&store->owed);
    if (!ims_store_op_check(op, &op->error) || !admit(store, op, &op->error)) {
        complete(store, item);
        return;
    }
    if (deliver != NULL)
        item->body.size = g_bytes_get_size(deliver->body);
    if (deliver != NULL && item->body.size > store->inline_limit) {
        if (start_job(store, item))
            return;
        pthread_mutex_lock(&store->lock);
        store->queued_bytes -= op->cost_bytes;
        pthread_mutex_unlock(&store->lock);
        g_set_error_literal(&op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_BUSY,
                            "too many large messages wait to be written");
        complete(store, item);
        return;
    }
    if (deliver != NULL)
        compute_digest(item);
    enqueue(store, item);
}

gboolean
ims_store_is_congested(ImsStore *store)
{
    gboolean congested;

    pthread_mutex_lock(&store->lock);
    congested = store->queued_bytes > store->queue_limit ||
                (store->oldest_usec != 0 &&
                 ims_world_mono_usec(store->world) - store->oldest_usec > store->patience_usec);
    pthread_mutex_unlock(&store->lock);
    return congested;
}
