#include "directory/logon-private.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define DIGEST_LENGTH 32

typedef struct {
    guint8 digest[DIGEST_LENGTH];
    guint64 generation;
    gint64 expires_usec; /* monotonic */
    GList link;          /* in @by_age */
} Entry;

struct _ImsLogonCache {
    ImsWorld *world;
    gint64 lifetime_usec;
    guint8 key[DIGEST_LENGTH];
    GMutex lock;         /* guards what follows */
    GHashTable *entries; /* digest → Entry, which begins with it */
    GQueue by_age;       /* oldest first: all live equally long, so the oldest expires first */
};

static guint
hash_digest(gconstpointer digest)
{
    guint hash;

    memcpy(&hash, digest, sizeof hash);
    return hash;
}

static gboolean
equal_digest(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, DIGEST_LENGTH) == 0;
}

ImsLogonCache *
ims_logon_cache_new(ImsWorld *world, guint lifetime_sec)
{
    ImsLogonCache *cache = g_new0(ImsLogonCache, 1);

    cache->world = world;
    cache->lifetime_usec = (gint64)lifetime_sec * G_USEC_PER_SEC;
    ims_world_random(world, cache->key, sizeof cache->key);
    g_mutex_init(&cache->lock);
    cache->entries = g_hash_table_new_full(hash_digest, equal_digest, NULL, g_free);
    g_queue_init(&cache->by_age);
    return cache;
}

void
ims_logon_cache_free(ImsLogonCache *cache)
{
    if (cache == NULL)
        return;
    g_hash_table_unref(cache->entries);
    g_mutex_clear(&cache->lock);
    explicit_bzero(cache->key, sizeof cache->key);
    g_free(cache);
}

static void
make_digest(ImsLogonCache *cache, const char *account_key, const char *password,
            guint8 digest[DIGEST_LENGTH])
{
    gsize account_length = strlen(account_key) + 1, password_length = strlen(password);
    g_autofree guint8 *text = g_malloc(account_length + password_length);
    guint length = 0;

    memcpy(text, account_key, account_length);
    memcpy(text + account_length, password, password_length);
    HMAC(EVP_sha256(), cache->key, sizeof cache->key, text, account_length + password_length,
         digest, &length);
    explicit_bzero(text, account_length + password_length);
}

/* With the lock held. */
static void
drop(ImsLogonCache *cache, Entry *entry)
{
    g_queue_unlink(&cache->by_age, &entry->link);
    g_hash_table_remove(cache->entries, entry->digest);
}

static void
drop_expired(ImsLogonCache *cache, gint64 now_usec)
{
    Entry *oldest;

    while ((oldest = g_queue_peek_head(&cache->by_age)) != NULL && oldest->expires_usec <= now_usec)
        drop(cache, oldest);
}

gboolean
ims_logon_cache_check(ImsLogonCache *cache, const char *account_key, guint64 generation,
                      const char *password)
{
    guint8 digest[DIGEST_LENGTH];
    Entry *entry;
    gboolean good;

    if (cache->lifetime_usec == 0)
        return FALSE;
    make_digest(cache, account_key, password, digest);
    g_mutex_lock(&cache->lock);
    drop_expired(cache, ims_world_mono_usec(cache->world));
    entry = g_hash_table_lookup(cache->entries, digest);
    good = entry != NULL && entry->generation == generation;
    g_mutex_unlock(&cache->lock);
    return good;
}

void
ims_logon_cache_add(ImsLogonCache *cache, const char *account_key, guint64 generation,
                    const char *password)
{
    gint64 now_usec = ims_world_mono_usec(cache->world);
    Entry *entry, *before;

    if (cache->lifetime_usec == 0)
        return;
    entry = g_new0(Entry, 1);
    make_digest(cache, account_key, password, entry->digest);
    entry->generation = generation;
    entry->expires_usec = now_usec + cache->lifetime_usec;
    entry->link.data = entry;
    g_mutex_lock(&cache->lock);
    drop_expired(cache, now_usec);
    before = g_hash_table_lookup(cache->entries, entry->digest);
    if (before == NULL && g_hash_table_size(cache->entries) >= IMS_LOGON_CACHE_MAX)
        before = g_queue_peek_head(&cache->by_age);
    if (before != NULL)
        drop(cache, before);
    g_hash_table_replace(cache->entries, entry->digest, entry);
    g_queue_push_tail_link(&cache->by_age, &entry->link);
    g_mutex_unlock(&cache->lock);
}

guint
ims_logon_cache_size(ImsLogonCache *cache)
{
    guint size;

    g_mutex_lock(&cache->lock);
    size = g_hash_table_size(cache->entries);
    g_mutex_unlock(&cache->lock);
    return size;
}
