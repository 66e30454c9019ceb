#include "net/real-private.h"

typedef struct {
    ImsCallback work;
    gpointer data;
} Job;

struct _ImsPool {
    pthread_mutex_t lock; /* guards waiting and ending */
    pthread_cond_t changed;
    GQueue waiting; /* (element-type Job) */
    gboolean ending;
    guint max_waiting;
    GPtrArray *threads;
};

static gpointer
run_thread(gpointer data)
{
    ImsPool *pool = data;

    for (;;) {
        g_autofree Job *job = NULL;

        pthread_mutex_lock(&pool->lock);
        while (pool->waiting.length == 0 && !pool->ending)
            pthread_cond_wait(&pool->changed, &pool->lock);
        job = g_queue_pop_head(&pool->waiting);
        pthread_mutex_unlock(&pool->lock);
        if (job == NULL)
            return NULL;
        job->work(job->data);
    }
}

ImsPool *
ims_pool_new(guint n_threads, guint max_waiting, GError **error)
{
    ImsPool *pool = g_new0(ImsPool, 1);

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    g_queue_init(&pool->waiting);
    pool->max_waiting = max_waiting;
    pool->threads = g_ptr_array_new();
    for (guint i = 0; i < n_threads; i++) {
        GThread *thread = g_thread_try_new("pool", run_thread, pool, error);

        if (thread == NULL) {
            ims_pool_free(pool);
            return NULL;
        }
        g_ptr_array_add(pool->threads, thread);
    }
    return pool;
}

gboolean
ims_pool_push(ImsPool *pool, ImsCallback work, gpointer data)
{
    gboolean taken = FALSE;

    pthread_mutex_lock(&pool->lock);
    if (pool->waiting.length < pool->max_waiting) {
        Job *job = g_new(Job, 1);

        job->work = work;
        job->data = data;
        g_queue_push_tail(&pool->waiting, job);
        pthread_cond_signal(&pool->changed);
        taken = TRUE;
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void
ims_pool_free(ImsPool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = TRUE;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (guint i = 0; i < pool->threads->len; i++)
        g_thread_join(pool->threads->pdata[i]);
    g_ptr_array_unref(pool->threads);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}
