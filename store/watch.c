#include "store/watch.h"

#include <pthread.h>

struct _ImsStoreWatch {
    gint refs; /* atomic */
    ImsFolderId folder;
    ImsExecutor *where;
    ImsStoreChanged changed; /* NULL once cancelled; on @where only */
    gpointer data;
    guint64 modseq;   /* the newest not told yet; guarded by the watchers' lock */
    gboolean pending; /* in the list of the executor; guarded too */
};

/* What one executor is to be told at its next turn. */
typedef struct {
    ImsWatchers *watchers;
    GPtrArray *pending; /* (element-type ImsStoreWatch), each with a reference */
    ImsExecutor *where;
} Notice;

struct _ImsWatchers {
    gint refs; /* atomic */
    ImsWorld *world;
    pthread_mutex_t lock; /* guards the rest */
    GHashTable *folders;  /* ImsFolderId → GPtrArray of ImsStoreWatch */
    GPtrArray *notices;   /* (element-type Notice): posted, not run yet */
    gboolean closed;
};

static void
watch_unref(gpointer data)
{
    ImsStoreWatch *watch = data;

    if (g_atomic_int_dec_and_test(&watch->refs))
        g_free(watch);
}

static void
list_free(gpointer data)
{
    g_ptr_array_unref(data);
}

ImsWatchers *
ims_watchers_new(ImsWorld *world)
{
    ImsWatchers *watchers = g_new0(ImsWatchers, 1);

    g_atomic_int_set(&watchers->refs, 1);
    watchers->world = world;
    pthread_mutex_init(&watchers->lock, NULL);
    watchers->folders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, list_free);
    watchers->notices = g_ptr_array_new();
    return watchers;
}

static void
watchers_unref(ImsWatchers *watchers)
{
    if (!g_atomic_int_dec_and_test(&watchers->refs))
        return;
    g_hash_table_unref(watchers->folders);
    g_ptr_array_unref(watchers->notices);
    pthread_mutex_destroy(&watchers->lock);
    g_free(watchers);
}

void
ims_watchers_free(ImsWatchers *watchers)
{
    pthread_mutex_lock(&watchers->lock);
    watchers->closed = TRUE;
    pthread_mutex_unlock(&watchers->lock);
    watchers_unref(watchers);
}

ImsStoreWatch *
ims_watchers_add(ImsWatchers *watchers, ImsFolderId folder, ImsStoreChanged changed, gpointer data)
{
    ImsStoreWatch *watch = g_new0(ImsStoreWatch, 1);
    gint64 id = (gint64)folder;
    GPtrArray *list;

    g_atomic_int_set(&watch->refs, 1);
    watch->folder = folder;
    watch->where = ims_world_current(watchers->world);
    watch->changed = changed;
    watch->data = data;
    g_assert(watch->where != NULL);
    pthread_mutex_lock(&watchers->lock);
    list = g_hash_table_lookup(watchers->folders, &id);
    if (list == NULL) {
        list = g_ptr_array_new_with_free_func(watch_unref);
        g_hash_table_insert(watchers->folders, g_memdup2(&id, sizeof id), list);
    }
    g_ptr_array_add(list, watch);
    pthread_mutex_unlock(&watchers->lock);
    return watch;
}

void
ims_watchers_remove(ImsWatchers *watchers, ImsStoreWatch *watch)
{
    gint64 id = (gint64)watch->folder;
    GPtrArray *list;

    watch->changed = NULL;
    pthread_mutex_lock(&watchers->lock);
    list = g_hash_table_lookup(watchers->folders, &id);
    g_ptr_array_remove_fast(list, watch);
    if (list->len == 0)
        g_hash_table_remove(watchers->folders, &id);
    pthread_mutex_unlock(&watchers->lock);
}

static void
tell(gpointer data)
{
    Notice *notice = data;
    ImsWatchers *watchers = notice->watchers;

    pthread_mutex_lock(&watchers->lock);
    g_ptr_array_remove_fast(watchers->notices, notice);
    pthread_mutex_unlock(&watchers->lock);
    for (guint i = 0; i < notice->pending->len; i++) {
        ImsStoreWatch *watch = g_ptr_array_index(notice->pending, i);
        gboolean closed;
        guint64 modseq;

        pthread_mutex_lock(&watchers->lock);
        watch->pending = FALSE;
        modseq = watch->modseq;
        closed = watchers->closed;
        pthread_mutex_unlock(&watchers->lock);
        /* An earlier one of this round may have cancelled it. */
        if (watch->changed != NULL && !closed)
            watch->changed(watch->folder, modseq, watch->data);
    }
    g_ptr_array_unref(notice->pending);
    g_free(notice);
    watchers_unref(watchers);
}

/* Under the lock. */
static Notice *
notice_for(ImsWatchers *watchers, ImsExecutor *where)
{
    Notice *notice;

    for (guint i = 0; i < watchers->notices->len; i++) {
        notice = g_ptr_array_index(watchers->notices, i);
        if (notice->where == where)
            return notice;
    }
    notice = g_new0(Notice, 1);
    notice->watchers = watchers;
    g_atomic_int_inc(&watchers->refs);
    notice->pending = g_ptr_array_new_with_free_func(watch_unref);
    notice->where = where;
    g_ptr_array_add(watchers->notices, notice);
    ims_world_post(watchers->world, where, tell, notice);
    return notice;
}

void
ims_watchers_publish(ImsWatchers *watchers, ImsFolderId folder, guint64 modseq)
{
    GPtrArray *list;

    pthread_mutex_lock(&watchers->lock);
    list = g_hash_table_lookup(watchers->folders, &folder);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        ImsStoreWatch *watch = g_ptr_array_index(list, i);

        watch->modseq = MAX(watch->modseq, modseq);
        if (watch->pending)
            continue;
        watch->pending = TRUE;
        g_atomic_int_inc(&watch->refs);
        g_ptr_array_add(notice_for(watchers, watch->where)->pending, watch);
    }
    pthread_mutex_unlock(&watchers->lock);
}
