#include "directory/account-sessions.h"

/* Alive while entered, and beyond that while news for it is on the way. */
struct _ImsAccountSession {
    gatomicrefcount references;
    ImsAccountSessions *sessions; /* until left */
    ImsExecutor *where;
    char *account; /* key */
    gboolean left; /* on @where only */
    ImsCallback dropped;
    gpointer data;
    GList link; /* in its account's queue */
};

struct _ImsAccountSessions {
    ImsWorld *world;
    GMutex lock;          /* guards @accounts and the queues in it */
    GHashTable *accounts; /* key → GQueue of ImsAccountSession */
};

ImsAccountSessions *
ims_account_sessions_new(ImsWorld *world)
{
    ImsAccountSessions *sessions = g_new0(ImsAccountSessions, 1);

    sessions->world = world;
    g_mutex_init(&sessions->lock);
    sessions->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return sessions;
}

void
ims_account_sessions_free(ImsAccountSessions *sessions)
{
    if (sessions == NULL)
        return;
    g_hash_table_unref(sessions->accounts);
    g_mutex_clear(&sessions->lock);
    g_free(sessions);
}

static void
unref(ImsAccountSession *session)
{
    if (!g_atomic_ref_count_dec(&session->references))
        return;
    g_free(session->account);
    g_free(session);
}

/* NT names do not care for case; what they are spelled with is the Directory's one spelling
 * already. */
static char *
make_key(const char *account)
{
    return g_utf8_validate(account, -1, NULL) ? g_utf8_casefold(account, -1) : g_strdup(account);
}

ImsAccountSession *
ims_account_sessions_enter(ImsAccountSessions *sessions, const char *account, guint limit,
                           ImsCallback dropped, gpointer data)
{
    g_autofree char *key = make_key(account);
    ImsAccountSession *session = NULL;
    GQueue *queue;

    g_mutex_lock(&sessions->lock);
    queue = g_hash_table_lookup(sessions->accounts, key);
    if (queue == NULL || limit == 0 || queue->length < limit) {
        if (queue == NULL) {
            queue = g_new0(GQueue, 1);
            g_hash_table_insert(sessions->accounts, g_strdup(key), queue);
        }
        session = g_new0(ImsAccountSession, 1);
        g_atomic_ref_count_init(&session->references);
        session->sessions = sessions;
        session->where = ims_world_current(sessions->world);
        session->account = g_steal_pointer(&key);
        session->dropped = dropped;
        session->data = data;
        session->link.data = session;
        g_queue_push_tail_link(queue, &session->link);
    }
    g_mutex_unlock(&sessions->lock);
    return session;
}

void
ims_account_session_leave(ImsAccountSession **handle)
{
    ImsAccountSession *session = g_steal_pointer(handle);
    ImsAccountSessions *sessions;
    GQueue *queue;

    if (session == NULL)
        return;
    sessions = session->sessions;
    session->left = TRUE;
    g_mutex_lock(&sessions->lock);
    queue = g_hash_table_lookup(sessions->accounts, session->account);
    g_queue_unlink(queue, &session->link);
    if (queue->length == 0)
        g_hash_table_remove(sessions->accounts, session->account);
    g_mutex_unlock(&sessions->lock);
    unref(session);
}

static void
tell_dropped(gpointer data)
{
    ImsAccountSession *session = data;

    if (!session->left)
        session->dropped(session->data);
    unref(session);
}

void
ims_account_sessions_drop(ImsAccountSessions *sessions, const char *account)
{
    g_autofree char *key = make_key(account);
    GQueue *queue;

    g_mutex_lock(&sessions->lock);
    queue = g_hash_table_lookup(sessions->accounts, key);
    for (GList *link = queue != NULL ? queue->head : NULL; link != NULL; link = link->next) {
        ImsAccountSession *session = link->data;

        g_atomic_ref_count_inc(&session->references);
        ims_world_post(sessions->world, session->where, tell_dropped, session);
    }
    g_mutex_unlock(&sessions->lock);
}
