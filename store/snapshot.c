#include "store/snapshot.h"

#include <pthread.h>
#include <string.h>

/* Changes nobody asked about are kept up to the size of the folder; then it is cheaper to load it
 * again. */
#define PENDING_MAX 4096u

/*
 * Entries shared by snapshots of one folder. Messages that arrive are written behind what the older
 * ones see, so that a delivery into a large folder copies nothing.
 */
typedef struct {
    gint refs;            /* atomic */
    guint used, capacity; /* guarded by the folder's load lock */
    ImsUidEntry entries[];
} Block;

typedef struct _Snapshot Snapshot;
struct _Snapshot {
    ImsUidSnapshot public;
    gint refs; /* atomic */
    Block *block;
    char **keywords;
    ImsSnapshots *owner;
    Snapshot *next, *previous; /* of the folder's list of live ones; guarded by owner->lock */
};

typedef struct {
    ImsFolderId folder;
    pthread_mutex_t load_lock; /* one thread at a time makes a new snapshot */
    guint users;               /* threads inside ims_snapshots_get() */
    Snapshot *latest;          /* (nullable) */
    ImsFolderDelta *pending;   /* (nullable): what happened since @latest */
    Snapshot *live;
    gint64 used_usec;
} Folder;

struct _ImsSnapshots {
    gint refs; /* atomic */
    ImsEngine *engine;
    pthread_mutex_t
        lock; /* guards the table and all of Folder; never held while a load lock is waited for */
    GHashTable *folders;
};

static void
folder_free(gpointer data)
{
    Folder *folder = data;

    g_assert(folder->live == NULL && folder->latest == NULL && folder->users == 0);
    ims_folder_delta_free(folder->pending);
    pthread_mutex_destroy(&folder->load_lock);
    g_free(folder);
}

ImsSnapshots *
ims_snapshots_new(ImsEngine *engine)
{
    ImsSnapshots *snapshots = g_new0(ImsSnapshots, 1);

    g_atomic_int_set(&snapshots->refs, 1);
    snapshots->engine = engine;
    pthread_mutex_init(&snapshots->lock, NULL);
    snapshots->folders = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, folder_free);
    return snapshots;
}

static void
snapshots_unref(ImsSnapshots *snapshots)
{
    if (!g_atomic_int_dec_and_test(&snapshots->refs))
        return;
    g_hash_table_unref(snapshots->folders);
    pthread_mutex_destroy(&snapshots->lock);
    g_free(snapshots);
}

/* ---- blocks and snapshots ---- */

static Block *
block_new(guint n_entries)
{
    guint capacity = n_entries + n_entries / 8 + 16;
    Block *block = g_malloc(sizeof(Block) + capacity * sizeof(ImsUidEntry));

    g_atomic_int_set(&block->refs, 1);
    block->used = 0;
    block->capacity = capacity;
    return block;
}

static void
block_unref(Block *block)
{
    if (g_atomic_int_dec_and_test(&block->refs))
        g_free(block);
}

/* (transfer full) @block, @keywords. The heads come from @delta. */
static Snapshot *
snapshot_new(ImsSnapshots *owner, const ImsFolderDelta *delta, Block *block, char **keywords)
{
    Snapshot *snapshot = g_new0(Snapshot, 1);

    g_atomic_int_set(&snapshot->refs, 1);
    g_atomic_int_inc(&owner->refs);
    snapshot->owner = owner;
    snapshot->block = block;
    snapshot->keywords = keywords;
    snapshot->public.folder = delta->folder;
    snapshot->public.uidvalidity = delta->uidvalidity;
    snapshot->public.uidnext = delta->uidnext;
    snapshot->public.first_recent_uid = delta->first_recent_uid;
    snapshot->public.highest_modseq = delta->highest_modseq;
    snapshot->public.n_entries = block->used;
    snapshot->public.entries = block->entries;
    snapshot->public.keywords = (const char *const *)keywords;
    return snapshot;
}

static Snapshot *
snapshot_load(ImsSnapshots *owner, ImsFolderDelta *delta)
{
    Block *block = block_new(delta->changes->len);

    if (delta->changes->len > 0)
        memcpy(block->entries, delta->changes->data, delta->changes->len * sizeof(ImsUidEntry));
    block->used = delta->changes->len;
    return snapshot_new(owner, delta, block, g_strdupv(delta->keywords));
}

static gint
compare_uids(gconstpointer a, gconstpointer b)
{
    guint32 x = ((const ImsUidEntry *)a)->uid, y = ((const ImsUidEntry *)b)->uid;

    return x < y ? -1 : x > y;
}

/* Whether @changes are only new messages, by rising UID, behind the entries of @base. */
static gboolean
is_append_only(const ImsUidSnapshot *base, const GArray *changes)
{
    guint32 last = base->n_entries > 0 ? base->entries[base->n_entries - 1].uid : 0;

    for (guint i = 0; i < changes->len; i++) {
        const ImsUidEntry *change = &g_array_index(changes, ImsUidEntry, i);

        if (change->uid <= last || change->modseq == 0)
            return FALSE;
        last = change->uid;
    }
    return TRUE;
}

/* Leaves the last change of each UID, by rising UID. The sort is stable. */
static void
settle_changes(GArray *changes)
{
    guint n = 0;
    ImsUidEntry *entries = (ImsUidEntry *)(gpointer)changes->data;

    g_array_sort(changes, compare_uids);
    for (guint i = 0; i < changes->len; i++) {
        if (n > 0 && entries[n - 1].uid == entries[i].uid)
            entries[n - 1] = entries[i];
        else
            entries[n++] = entries[i];
    }
    g_array_set_size(changes, n);
}

static Block *
merge_entries(const ImsUidSnapshot *base, const GArray *changes)
{
    Block *block = block_new(base->n_entries + changes->len);
    ImsUidEntry *out = block->entries;
    guint i = 0;

    for (guint k = 0; k < changes->len; k++) {
        const ImsUidEntry *change = &g_array_index(changes, ImsUidEntry, k);
        guint to = ims_uid_snapshot_find(base, change->uid, NULL);

        if (to > i) {
            memcpy(out, &base->entries[i], (to - i) * sizeof(ImsUidEntry));
            out += to - i;
            i = to;
        }
        if (i < base->n_entries && base->entries[i].uid == change->uid)
            i++;
        if (change->modseq != 0)
            *out++ = *change;
    }
    if (i < base->n_entries) {
        memcpy(out, &base->entries[i], (base->n_entries - i) * sizeof(ImsUidEntry));
        out += base->n_entries - i;
    }
    block->used = (guint)(out - block->entries);
    return block;
}

/* The state after @delta, whose changes are consumed. */
static Snapshot *
snapshot_advance(Snapshot *base, ImsFolderDelta *delta)
{
    GArray *changes = delta->changes;
    Block *block;

    if (is_append_only(&base->public, changes)) {
        block = base->block;
        if (block->used == base->public.n_entries &&
            block->capacity - block->used >= changes->len) {
            if (changes->len > 0)
                memcpy(&block->entries[block->used], changes->data,
                       changes->len * sizeof(ImsUidEntry));
            block->used += changes->len;
            g_atomic_int_inc(&block->refs);
            return snapshot_new(base->owner, delta, block, g_strdupv(delta->keywords));
        }
    } else {
        settle_changes(changes);
    }
    block = merge_entries(&base->public, changes);
    return snapshot_new(base->owner, delta, block, g_strdupv(delta->keywords));
}

ImsUidSnapshot *
ims_uid_snapshot_ref(ImsUidSnapshot *snapshot)
{
    g_atomic_int_inc(&((Snapshot *)snapshot)->refs);
    return snapshot;
}

static void
link_live(Folder *folder, Snapshot *snapshot)
{
    snapshot->next = folder->live;
    if (folder->live != NULL)
        folder->live->previous = snapshot;
    folder->live = snapshot;
}

static void
unlink_live(Snapshot *snapshot)
{
    ImsSnapshots *owner = snapshot->owner;
    gint64 id = (gint64)snapshot->public.folder;
    Folder *folder;

    pthread_mutex_lock(&owner->lock);
    if (snapshot->previous != NULL) {
        snapshot->previous->next = snapshot->next;
    } else {
        folder = g_hash_table_lookup(owner->folders, &id);
        folder->live = snapshot->next;
    }
    if (snapshot->next != NULL)
        snapshot->next->previous = snapshot->previous;
    folder = g_hash_table_lookup(owner->folders, &id);
    if (folder->live == NULL && folder->latest == NULL && folder->users == 0)
        g_hash_table_remove(owner->folders, &id);
    pthread_mutex_unlock(&owner->lock);
}

void
ims_uid_snapshot_unref(ImsUidSnapshot *public)
{
    Snapshot *snapshot = (Snapshot *)public;

    if (snapshot == NULL || !g_atomic_int_dec_and_test(&snapshot->refs))
        return;
    unlink_live(snapshot);
    block_unref(snapshot->block);
    g_strfreev(snapshot->keywords);
    snapshots_unref(snapshot->owner);
    g_free(snapshot);
}

guint
ims_uid_snapshot_find(const ImsUidSnapshot *snapshot, guint32 uid, gboolean *found_out)
{
    guint low = 0, high = snapshot->n_entries;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (snapshot->entries[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    if (found_out != NULL)
        *found_out = low < snapshot->n_entries && snapshot->entries[low].uid == uid;
    return low;
}

/* ---- the cache ---- */

/* Both under the lock. */
static Folder *
folder_enter(ImsSnapshots *snapshots, ImsFolderId id)
{
    Folder *folder = g_hash_table_lookup(snapshots->folders, &id);

    if (folder == NULL) {
        folder = g_new0(Folder, 1);
        folder->folder = id;
        pthread_mutex_init(&folder->load_lock, NULL);
        g_hash_table_insert(snapshots->folders, &folder->folder, folder);
    }
    folder->users++;
    return folder;
}

static void
folder_leave(ImsSnapshots *snapshots, Folder *folder)
{
    folder->users--;
    if (folder->live == NULL && folder->latest == NULL && folder->users == 0)
        g_hash_table_remove(snapshots->folders, &folder->folder);
}

/*
 * What was published while a folder was loaded may be in what was loaded already: entries are told
 * by their MODSEQ, removals do no harm twice, heads only grow.
 */
static void
drop_known(ImsFolderDelta *pending, const ImsUidSnapshot *loaded)
{
    guint n = 0;
    ImsUidEntry *entries = (ImsUidEntry *)(gpointer)pending->changes->data;

    for (guint i = 0; i < pending->changes->len; i++) {
        if (entries[i].modseq == 0 || entries[i].modseq > loaded->highest_modseq)
            entries[n++] = entries[i];
    }
    g_array_set_size(pending->changes, n);
    pending->uidnext = MAX(pending->uidnext, loaded->uidnext);
    pending->first_recent_uid = MAX(pending->first_recent_uid, loaded->first_recent_uid);
    if (pending->highest_modseq < loaded->highest_modseq) {
        pending->highest_modseq = loaded->highest_modseq;
        g_strfreev(pending->keywords);
        pending->keywords = g_strdupv((char **)loaded->keywords);
    }
}

static void
set_gone(ImsFolderId folder, GError **error)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                "no such folder: %" G_GUINT64_FORMAT, folder);
}

/* The newest state, with the load lock held. (transfer full): one reference for the cache. NULL
 * with @error. */
static Snapshot *
renew(ImsSnapshots *snapshots, Folder *folder, Snapshot *latest, GError **error)
{
    g_autoptr(ImsFolderDelta) loaded = NULL;
    g_autoptr(ImsFolderDelta) pending = NULL;
    Snapshot *base = latest, *snapshot;

    if (base == NULL) {
        loaded = snapshots->engine->load_folder(snapshots->engine, folder->folder, error);
        if (loaded == NULL)
            return NULL;
        base = snapshot_load(snapshots, loaded);
    }
    pthread_mutex_lock(&snapshots->lock);
    pending = g_steal_pointer(&folder->pending);
    if (latest == NULL)
        link_live(folder, base);
    pthread_mutex_unlock(&snapshots->lock);
    if (pending == NULL || pending->gone) {
        if (pending == NULL)
            return base;
        set_gone(folder->folder, error);
        if (latest == NULL)
            ims_uid_snapshot_unref(&base->public);
        return NULL;
    }
    if (latest == NULL)
        drop_known(pending, &base->public);
    snapshot = snapshot_advance(base, pending);
    pthread_mutex_lock(&snapshots->lock);
    link_live(folder, snapshot);
    pthread_mutex_unlock(&snapshots->lock);
    if (latest == NULL)
        ims_uid_snapshot_unref(&base->public);
    return snapshot;
}

ImsUidSnapshot *
ims_snapshots_get(ImsSnapshots *snapshots, ImsFolderId id, gint64 now_usec, GError **error)
{
    Folder *folder;
    Snapshot *latest, *old = NULL, *result;

    pthread_mutex_lock(&snapshots->lock);
    folder = folder_enter(snapshots, id);
    pthread_mutex_unlock(&snapshots->lock);

    pthread_mutex_lock(&folder->load_lock);
    pthread_mutex_lock(&snapshots->lock);
    latest = folder->latest;
    pthread_mutex_unlock(&snapshots->lock);
    result = renew(snapshots, folder, latest, error);
    pthread_mutex_lock(&snapshots->lock);
    if (result != latest) {
        old = latest;
        folder->latest = result;
    }
    if (result != NULL)
        ims_uid_snapshot_ref(&result->public);
    folder->used_usec = now_usec;
    pthread_mutex_unlock(&snapshots->lock);
    pthread_mutex_unlock(&folder->load_lock);

    if (old != NULL)
        ims_uid_snapshot_unref(&old->public);
    pthread_mutex_lock(&snapshots->lock);
    folder_leave(snapshots, folder);
    pthread_mutex_unlock(&snapshots->lock);
    return result != NULL ? &result->public : NULL;
}

void
ims_snapshots_publish(ImsSnapshots *snapshots, const ImsFolderDelta *delta)
{
    Snapshot *dropped = NULL;
    Folder *folder;

    pthread_mutex_lock(&snapshots->lock);
    folder = g_hash_table_lookup(snapshots->folders, &delta->folder);
    if (folder != NULL && (folder->latest != NULL || folder->users > 0)) {
        if (folder->pending == NULL)
            folder->pending = ims_folder_delta_new(delta->folder);
        ims_folder_delta_merge(folder->pending, delta);
        if (folder->users == 0 && folder->latest != NULL &&
            folder->pending->changes->len > MAX(PENDING_MAX, folder->latest->public.n_entries)) {
            dropped = g_steal_pointer(&folder->latest);
            g_clear_pointer(&folder->pending, ims_folder_delta_free);
        }
    }
    pthread_mutex_unlock(&snapshots->lock);
    if (dropped != NULL)
        ims_uid_snapshot_unref(&dropped->public);
}

gboolean
ims_snapshots_is_held(ImsSnapshots *snapshots, ImsFolderId id, guint64 modseq)
{
    const Folder *folder;
    gboolean held = FALSE;

    pthread_mutex_lock(&snapshots->lock);
    folder = g_hash_table_lookup(snapshots->folders, &id);
    if (folder != NULL) {
        held = folder->users > 0;
        for (Snapshot *live = folder->live; live != NULL && !held; live = live->next) {
            gboolean cache_only = live == folder->latest && g_atomic_int_get(&live->refs) == 1;

            held = !cache_only && live->public.highest_modseq < modseq;
        }
    }
    pthread_mutex_unlock(&snapshots->lock);
    return held;
}

gboolean
ims_snapshots_evict(ImsSnapshots *snapshots, gint64 before_usec)
{
    g_autoptr(GPtrArray) dropped = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    gboolean left = FALSE;

    pthread_mutex_lock(&snapshots->lock);
    g_hash_table_iter_init(&iter, snapshots->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Folder *folder = value;

        if (folder->latest == NULL || folder->users > 0 || folder->used_usec >= before_usec ||
            g_atomic_int_get(&folder->latest->refs) != 1) {
            left |= folder->latest != NULL;
            continue;
        }
        g_ptr_array_add(dropped, g_steal_pointer(&folder->latest));
        g_clear_pointer(&folder->pending, ims_folder_delta_free);
    }
    pthread_mutex_unlock(&snapshots->lock);
    for (guint i = 0; i < dropped->len; i++)
        ims_uid_snapshot_unref(g_ptr_array_index(dropped, i));
    return left;
}

void
ims_snapshots_free(ImsSnapshots *snapshots)
{
    g_autoptr(GPtrArray) dropped = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    pthread_mutex_lock(&snapshots->lock);
    snapshots->engine = NULL;
    g_hash_table_iter_init(&iter, snapshots->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((Folder *)value)->latest != NULL)
            g_ptr_array_add(dropped, g_steal_pointer(&((Folder *)value)->latest));
    }
    pthread_mutex_unlock(&snapshots->lock);
    for (guint i = 0; i < dropped->len; i++)
        ims_uid_snapshot_unref(g_ptr_array_index(dropped, i));
    snapshots_unref(snapshots);
}
