/*
 * The tender: background work on the writer, a little at a time. It sweeps what was expunged, lets
 * go of snapshots nobody holds, and after a start looks for body files that no row names. It sleeps
 * while there is nothing to do.
 */
#include "store/store-private.h"

#define SLICE_ROWS 300u
#define GRACE_USEC (60 * G_USEC_PER_SEC)
#define NAP_USEC (30 * G_USEC_PER_SEC)
#define BREATH_USEC 1000 /* between slices, so that operations come first */
#define N_DIRECTORIES 256u

static void tend(gpointer data);

static gboolean
is_held(ImsFolderId folder, guint64 modseq, gpointer data)
{
    return ims_snapshots_is_held(((ImsStore *)data)->snapshots, folder, modseq);
}

typedef struct {
    ImsStore *store;
    GPtrArray *files;
} Removal;

static void
remove_files(gpointer data)
{
    Removal *removal = data;

    ims_bodies_remove(removal->store->bodies, removal->files);
}

static void
forget_removal(gpointer data)
{
    Removal *removal = data;

    ims_store_unref(removal->store);
    g_ptr_array_unref(removal->files);
    g_free(removal);
}

/* (transfer full) @files. Removing a large file takes a while: not here. */
static void
remove_later(ImsStore *store, GPtrArray *files)
{
    Removal *removal;

    if (files->len == 0) {
        g_ptr_array_unref(files);
        return;
    }
    removal = g_new(Removal, 1);
    removal->store = store;
    removal->files = files;
    ims_store_ref(store);
    if (!ims_world_run_in_pool(store->world, remove_files, forget_removal, removal)) {
        remove_files(removal);
        forget_removal(removal);
    }
}

static void
search_orphans(ImsStore *store)
{
    GPtrArray *files = ims_bodies_list(store->bodies, store->orphan_directory++);

    if (files->len > 0 && !store->engine->keep_orphans(store->engine, files))
        g_ptr_array_set_size(files, 0);
    if (files->len > 0) {
        char number[16];

        g_snprintf(number, sizeof number, "%u", files->len);
        ims_log_event(store->log, 0, "store-orphans", "files", number, NULL);
    }
    remove_later(store, files);
}

static void
arm(ImsStore *store, gint64 delay_usec)
{
    store->tend_timer = ims_world_timer_add(store->world, delay_usec, tend, store);
}

static void
tend(gpointer data)
{
    ImsStore *store = data;
    ImsSweep sweep = {
        .now_usec = ims_world_wall_usec(store->world),
        .grace_usec = GRACE_USEC,
        .limit = SLICE_ROWS,
        .is_held = is_held,
        .data = store,
        .files = g_ptr_array_new_with_free_func(g_free),
    };
    gboolean cached;

    store->tend_timer = NULL;
    if (!g_atomic_int_get(&store->failed) && !store->engine->sweep(store->engine, &sweep))
        ims_store_set_failed(store, "a write to the database failed");
    remove_later(store, sweep.files);
    cached = ims_snapshots_evict(store->snapshots, ims_world_mono_usec(store->world) - GRACE_USEC);
    if (store->orphan_directory < N_DIRECTORIES) {
        search_orphans(store);
        sweep.more_now = TRUE;
    }
    if (g_atomic_int_get(&store->failed))
        sweep.more_now = sweep.more_later = FALSE;
    if (sweep.more_now) {
        arm(store, BREATH_USEC);
    } else if (sweep.more_later || cached) {
        arm(store, NAP_USEC);
    } else {
        g_atomic_int_set(&store->tended, FALSE);
        ims_store_unref(store);
    }
}

static void
begin_tending(gpointer data)
{
    ImsStore *store = data;
    gboolean closed;

    pthread_mutex_lock(&store->lock);
    closed = store->closing;
    pthread_mutex_unlock(&store->lock);
    if (closed)
        ims_store_unref(store);
    else
        arm(store, BREATH_USEC);
}

void
ims_store_want_tending(ImsStore *store)
{
    if (!g_atomic_int_compare_and_exchange(&store->tended, FALSE, TRUE))
        return;
    ims_store_ref(store); /* the tender's, until it rests */
    ims_world_post(store->world, ims_world_writer(store->world), begin_tending, store);
}

void
ims_store_stop_tending(ImsStore *store)
{
    if (store->tend_timer == NULL)
        return;
    ims_world_timer_cancel(store->world, &store->tend_timer);
    ims_store_unref(store);
}
