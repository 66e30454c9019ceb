/* The facade: open, close, reads. The way of operations is in submit.c. */
#include "store/store-private.h"

#include "store/names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_INLINE_LIMIT (128u << 10)
#define DEFAULT_QUEUE_LIMIT (64u << 20)
#define DEFAULT_DELAY_MSEC 100
#define ROWS_MAX 1000u

static gboolean
set_io_error(GError **error, const char *path, const char *what, int code)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_IO, "%s: cannot %s: %s", path, what,
                g_strerror(code));
    return FALSE;
}

/* Who holds the lock says so in the file. */
static gboolean
set_locked_error(GError **error, const char *path, int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_LOCKED,
                "%s: process %s has this data directory open", path,
                n > 0 ? g_strchomp(text) : "unknown");
    return FALSE;
}

static gboolean
write_pid(int fd, const char *path, GError **error)
{
    char text[32];
    int length = g_snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (gsize)length, 0) != length)
        return set_io_error(error, path, "write", errno);
    return TRUE;
}

static gboolean
lock_directory(ImsStore *store, const char *directory, GError **error)
{
    g_autofree char *path = g_build_filename(directory, "lock", NULL);

    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return set_io_error(error, path, "open", errno);
    /* Of the open file, not of the process: a second store in one process is refused as well. */
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return write_pid(store->lock_fd, path, error);
    if (errno == EWOULDBLOCK)
        return set_locked_error(error, path, store->lock_fd);
    return set_io_error(error, path, "lock", errno);
}

static gboolean
prepare_directory(ImsStore *store, const char *directory, GError **error)
{
    g_autofree char *bodies = g_build_filename(directory, "bodies", NULL);

    if (g_mkdir_with_parents(bodies, 0700) < 0)
        return set_io_error(error, bodies, "make the directory", errno);
    return lock_directory(store, directory, error);
}

void
ims_store_ref(ImsStore *store)
{
    g_atomic_int_inc(&store->refs);
}

void
ims_store_unref(ImsStore *store)
{
    if (!g_atomic_int_dec_and_test(&store->refs))
        return;
    ims_bodies_free(store->bodies);
    g_ptr_array_unref(store->jobs);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->lock);
    g_free(store);
}

static ImsStore *
store_new(ImsWorld *world, const ImsStoreOptions *options)
{
    ImsStore *store = g_new0(ImsStore, 1);
    gboolean on_disk = options->engine == IMS_ENGINE_SQLITE;

    g_atomic_int_set(&store->refs, 1);
    store->world = world;
    store->log = options->log;
    store->lock_fd = -1;
    store->queue_limit =
        options->writer_queue_limit != 0 ? options->writer_queue_limit : DEFAULT_QUEUE_LIMIT;
    store->patience_usec = (gint64)(options->writer_delay_msec != 0 ? options->writer_delay_msec
                                                                    : DEFAULT_DELAY_MSEC) *
                           1000;
    store->inline_limit =
        options->inline_body_limit != 0 ? options->inline_body_limit : DEFAULT_INLINE_LIMIT;
    if (!on_disk)
        store->inline_limit = G_MAXSIZE;
    store->bodies = ims_bodies_new(world, on_disk ? options->directory : NULL);
    store->orphan_directory = on_disk ? 0 : 256;
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->changed, NULL);
    g_queue_init(&store->waiting);
    store->jobs = g_ptr_array_new();
    return store;
}

ImsStore *
ims_store_open(ImsWorld *world, const ImsStoreOptions *options, GError **error)
{
    ImsStore *store = store_new(world, options);

    if (options->engine == IMS_ENGINE_MEMORY)
        store->engine = ims_memory_engine_open(world);
    else if (prepare_directory(store, options->directory, error))
        store->engine = ims_sqlite_engine_open(world, options, error);
    if (store->engine == NULL) {
        if (store->lock_fd >= 0)
            close(store->lock_fd);
        ims_store_unref(store);
        return NULL;
    }
    store->snapshots = ims_snapshots_new(store->engine);
    store->watchers = ims_watchers_new(world);
    ims_store_want_tending(store);
    return store;
}

/* On the writer, or in its stead where there is one thread. */
static void
finish(gpointer data)
{
    ImsStore *store = data;

    ims_store_drain_all(store);
    ims_store_stop_tending(store);
    pthread_mutex_lock(&store->lock);
    store->closed = TRUE;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    ims_store_unref(store);
}

void
ims_store_close(ImsStore *store)
{
    if (store == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    store->closing = TRUE;
    pthread_mutex_unlock(&store->lock);
    ims_store_finish_jobs(store);
    ims_store_ref(store); /* finish's */
    if (ims_world_current(store->world) == ims_world_writer(store->world))
        finish(store);
    else
        ims_world_post(store->world, ims_world_writer(store->world), finish, store);
    pthread_mutex_lock(&store->lock);
    while (!store->closed)
        pthread_cond_wait(&store->changed, &store->lock);
    pthread_mutex_unlock(&store->lock);
    ims_watchers_free(store->watchers);
    ims_snapshots_free(store->snapshots);
    store->engine->checkpoint(store->engine, g_atomic_int_get(&store->failed));
    store->engine->free(store->engine);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    ims_store_unref(store);
}

gboolean
ims_store_is_idle(ImsStore *store)
{
    return g_atomic_int_get(&store->owed) == 0;
}

gboolean
ims_store_is_failed(ImsStore *store)
{
    return g_atomic_int_get(&store->failed);
}

void
ims_store_stats(ImsStore *store, ImsStoreStats *stats_out)
{
    pthread_mutex_lock(&store->lock);
    *stats_out = store->stats;
    stats_out->writer_queue_bytes = store->queued_bytes;
    pthread_mutex_unlock(&store->lock);
    stats_out->wal_bytes = store->engine->log_bytes(store->engine);
    stats_out->body_files = ims_bodies_n_written(store->bodies);
}

/* ---- reads ---- */

GPtrArray *
ims_store_list_folders(ImsStore *store, ImsMailboxId mailbox, GError **error)
{
    return store->engine->list_folders(store->engine, mailbox, error);
}

ImsFolder *
ims_store_find_folder(ImsStore *store, ImsMailboxId mailbox, const char *name, GError **error)
{
    g_autofree char *canonical = ims_folder_name_canonical(name, NULL);

    if (canonical != NULL)
        return store->engine->get_folder(store->engine, 0, mailbox, canonical, error);
    g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                        "no folder can have that name");
    return NULL;
}

ImsFolder *
ims_store_get_folder(ImsStore *store, ImsFolderId folder, GError **error)
{
    if (folder != 0)
        return store->engine->get_folder(store->engine, folder, 0, NULL, error);
    g_set_error_literal(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND, "no such folder: 0");
    return NULL;
}

GPtrArray *
ims_store_list_subscriptions(ImsStore *store, ImsMailboxId mailbox, GError **error)
{
    return store->engine->list_subscriptions(store->engine, mailbox, error);
}

gboolean
ims_store_has_mailbox(ImsStore *store, ImsMailboxId mailbox)
{
    return store->engine->has_mailbox(store->engine, mailbox);
}

ImsUidSnapshot *
ims_store_snapshot(ImsStore *store, ImsFolderId folder, GError **error)
{
    ImsUidSnapshot *snapshot =
        ims_snapshots_get(store->snapshots, folder, ims_world_mono_usec(store->world), error);

    /* The cache wants its entry let go again. */
    if (snapshot != NULL)
        ims_store_want_tending(store);
    return snapshot;
}

GPtrArray *
ims_store_read_rows(ImsStore *store, ImsFolderId folder, const guint32 *uids, guint n_uids,
                    gboolean with_summary, GError **error)
{
    if (n_uids > ROWS_MAX) {
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID, "more than %u rows at once",
                    ROWS_MAX);
        return NULL;
    }
    return store->engine->read_rows(store->engine, folder, uids, n_uids, with_summary, error);
}

GBytes *
ims_store_read_body(ImsStore *store, ImsContentId content, GError **error)
{
    g_auto(ImsStoredBody) body = {0};

    if (!store->engine->read_body(store->engine, content, FALSE, &body, error))
        return NULL;
    return ims_bodies_read(store->bodies, content, &body, error);
}

GBytes *
ims_store_read_header(ImsStore *store, ImsContentId content, GError **error)
{
    g_auto(ImsStoredBody) body = {0};

    if (!store->engine->read_body(store->engine, content, TRUE, &body, error))
        return NULL;
    return ims_bodies_read_header(store->bodies, content, &body, error);
}

GPtrArray *
ims_store_queue_domains(ImsStore *store, GError **error)
{
    return store->engine->queue_domains(store->engine, error);
}

GPtrArray *
ims_store_queue_list(ImsStore *store, const char *domain, guint64 after, guint limit,
                     GError **error)
{
    return store->engine->queue_list(store->engine, 0, domain, after, limit, error);
}

ImsQueueMessage *
ims_store_queue_get(ImsStore *store, guint64 id, GError **error)
{
    g_autoptr(GPtrArray) messages = store->engine->queue_list(store->engine, id, NULL, 0, 1, error);

    if (messages == NULL)
        return NULL;
    if (messages->len > 0 && id != 0)
        return g_ptr_array_steal_index(messages, 0);
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                "no such queue entry: %" G_GUINT64_FORMAT, id);
    return NULL;
}

GPtrArray *
ims_store_queue_uncertain(ImsStore *store)
{
    return g_ptr_array_ref(store->engine->queue_uncertain(store->engine));
}

ImsStoreWatch *
ims_store_watch(ImsStore *store, ImsFolderId folder, ImsStoreChanged changed, gpointer data)
{
    return ims_watchers_add(store->watchers, folder, changed, data);
}

void
ims_store_unwatch(ImsStore *store, ImsStoreWatch **watch)
{
    if (*watch == NULL)
        return;
    ims_watchers_remove(store->watchers, *watch);
    *watch = NULL;
}
