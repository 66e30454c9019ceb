/* Sessions on different threads, the writer on its own: the real world. */
#include "tests/unit/store-fixture.h"

#include <pthread.h>
#include <string.h>

#define N_WORKERS 4
#define N_MESSAGES 400

typedef struct {
    ImsWorld *world;
    ImsStore *store;
    ImsFolderId inbox;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    guint left, told, errors;
    guint64 seen_modseq[N_WORKERS];
    guint n_stopped;
} Shared;

typedef struct {
    Shared *shared;
    guint index, step;
    ImsStoreWatch *watch;
    ImsUidSnapshot *snapshot;
    GRand *random;
} Worker;

static void work(gpointer data);

static void
changed(ImsFolderId folder, guint64 modseq, gpointer data)
{
    Worker *worker = data;
    Shared *shared = worker->shared;

    pthread_mutex_lock(&shared->lock);
    shared->told++;
    shared->seen_modseq[worker->index] = MAX(shared->seen_modseq[worker->index], modseq);
    pthread_mutex_unlock(&shared->lock);
}

static void
stop(Worker *worker)
{
    Shared *shared = worker->shared;

    ims_store_unwatch(shared->store, &worker->watch);
    g_clear_pointer(&worker->snapshot, ims_uid_snapshot_unref);
    pthread_mutex_lock(&shared->lock);
    shared->n_stopped++;
    pthread_cond_signal(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
}

static void
done(ImsStoreOp *op, gpointer data)
{
    Worker *worker = data;
    Shared *shared = worker->shared;

    g_assert_true(ims_world_current(shared->world) ==
                  ims_world_worker(shared->world, worker->index));
    pthread_mutex_lock(&shared->lock);
    shared->errors += op->error != NULL;
    pthread_mutex_unlock(&shared->lock);
    ims_store_op_free(op);
    if (++worker->step < N_MESSAGES)
        work(worker);
    else
        stop(worker);
}

/* Everything the held snapshot names is there, whatever the others do meanwhile. */
static void
read_some(Worker *worker)
{
    Shared *shared = worker->shared;
    const ImsUidSnapshot *snapshot = worker->snapshot;

    for (guint n = 0; n < 3 && snapshot->n_entries > 0; n++) {
        guint32 uid =
            snapshot->entries[g_rand_int_range(worker->random, 0, (gint32)snapshot->n_entries)].uid;
        g_autoptr(GPtrArray) rows =
            ims_store_read_rows(shared->store, shared->inbox, &uid, 1, TRUE, NULL);
        g_autoptr(GBytes) body = NULL;

        g_assert_nonnull(rows);
        g_assert_cmpuint(rows->len, ==, 1);
        body = ims_store_read_body(shared->store,
                                   ((ImsMessageRow *)g_ptr_array_index(rows, 0))->content, NULL);
        g_assert_nonnull(body);
    }
}

static ImsStoreOp *
next_op(Worker *worker)
{
    Shared *shared = worker->shared;
    ImsStoreOp *op;
    guint kind = (guint)g_rand_int_range(worker->random, 0, 8);

    if (kind == 0 && worker->snapshot->n_entries > 10) {
        op = fixture_expunge_op(shared->inbox, "1", FALSE);
        g_array_index(((ImsExpungeOp *)op)->uids, guint32, 0) =
            worker->snapshot->entries[worker->index].uid;
    } else if (kind <= 2) {
        op = fixture_flags_op(shared->inbox, "1:400", IMS_FLAGS_REPLACE,
                              (guint64)g_rand_int_range(worker->random, 0, 4), NULL);
    } else {
        /* Some of them with a body file, written by the pool. */
        ImsDeliverOp *deliver = fixture_deliver_op(
            fixture_body(worker->step, kind == 7 ? (140u << 10) : 500), NULL, NULL);

        op = &deliver->op;
    }
    op->done = done;
    op->data = worker;
    return op;
}

static void
work(gpointer data)
{
    Worker *worker = data;
    Shared *shared = worker->shared;

    if (worker->watch == NULL)
        worker->watch = ims_store_watch(shared->store, shared->inbox, changed, worker);
    if (worker->snapshot == NULL || g_rand_int_range(worker->random, 0, 4) == 0) {
        ImsUidSnapshot *snapshot = ims_store_snapshot(shared->store, shared->inbox, NULL);

        g_assert_nonnull(snapshot);
        if (worker->snapshot != NULL) {
            g_assert_cmpuint(snapshot->highest_modseq, >=, worker->snapshot->highest_modseq);
            ims_uid_snapshot_unref(worker->snapshot);
        }
        worker->snapshot = snapshot;
    }
    read_some(worker);
    ims_store_submit(shared->store, next_op(worker));
}

static void
create_done(ImsStoreOp *op, gpointer data)
{
    Shared *shared = data;

    g_assert_no_error(op->error);
    pthread_mutex_lock(&shared->lock);
    shared->inbox = ((ImsFolderOp *)op)->folder;
    pthread_cond_signal(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
    ims_store_op_free(op);
}

static void
create(gpointer data)
{
    Shared *shared = data;
    ImsStoreOp *op = ims_store_op_new(IMS_OP_MAILBOX_CREATE, create_done, shared);

    ((ImsFolderOp *)op)->mailbox = 1;
    ims_store_submit(shared->store, op);
}

static void
test_workers(gconstpointer data)
{
    ImsRealWorldOptions world_options = {.n_workers = N_WORKERS, .pool_threads = 2};
    g_autofree char *directory = g_dir_make_tmp("store-XXXXXX", NULL);
    ImsStoreOptions options = {.engine = (ImsEngineKind)GPOINTER_TO_INT(data),
                               .directory = directory};
    Shared shared = {.world = ims_real_world_new(&world_options, NULL)};
    Worker workers[N_WORKERS] = {{0}};
    Fixture fixture = {.world = shared.world};

    pthread_mutex_init(&shared.lock, NULL);
    pthread_cond_init(&shared.changed, NULL);
    shared.store = ims_store_open(shared.world, &options, NULL);
    fixture.store = shared.store;
    ims_world_post(shared.world, ims_world_worker(shared.world, 0), create, &shared);
    pthread_mutex_lock(&shared.lock);
    while (shared.inbox == 0)
        pthread_cond_wait(&shared.changed, &shared.lock);
    pthread_mutex_unlock(&shared.lock);
    for (guint i = 0; i < N_WORKERS; i++) {
        workers[i].shared = &shared;
        workers[i].index = i;
        workers[i].random = g_rand_new_with_seed(i);
        ims_world_post(shared.world, ims_world_worker(shared.world, i), work, &workers[i]);
    }
    pthread_mutex_lock(&shared.lock);
    while (shared.n_stopped < N_WORKERS)
        pthread_cond_wait(&shared.changed, &shared.lock);
    pthread_mutex_unlock(&shared.lock);
    g_assert_cmpuint(shared.errors, ==, 0);
    g_assert_cmpuint(shared.told, >, N_WORKERS);
    fixture_check_folder(&fixture, shared.inbox);
    ims_store_close(shared.store);
    ims_real_world_free(shared.world);
    for (guint i = 0; i < N_WORKERS; i++)
        g_rand_free(workers[i].random);
    pthread_mutex_destroy(&shared.lock);
    pthread_cond_destroy(&shared.changed);
    fixture_remove_tree(directory);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/store/threads/sqlite", GINT_TO_POINTER(IMS_ENGINE_SQLITE), test_workers);
    g_test_add_data_func("/store/threads/memory", GINT_TO_POINTER(IMS_ENGINE_MEMORY), test_workers);
    return g_test_run();
}
