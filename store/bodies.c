#include "store/bodies.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 16
#define VERIFIED_MAX 4096u

/* A file whose digest was found right stays right as long as nobody wrote to it. */
typedef struct {
    ino_t inode;
    off_t size;
    struct timespec modified;
} Verified;

struct _ImsBodies {
    ImsWorld *world;
    char *directory;
    pthread_mutex_t lock; /* guards the rest */
    GHashTable *writing;  /* names whose operation is not over */
    GHashTable *verified; /* name → Verified */
    guint64 n_written;
};

ImsBodies *
ims_bodies_new(ImsWorld *world, const char *directory)
{
    ImsBodies *bodies = g_new0(ImsBodies, 1);

    bodies->world = world;
    if (directory != NULL)
        bodies->directory = g_build_filename(directory, "bodies", NULL);
    pthread_mutex_init(&bodies->lock, NULL);
    bodies->writing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bodies->verified = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return bodies;
}

void
ims_bodies_free(ImsBodies *bodies)
{
    if (bodies == NULL)
        return;
    g_free(bodies->directory);
    g_hash_table_unref(bodies->writing);
    g_hash_table_unref(bodies->verified);
    pthread_mutex_destroy(&bodies->lock);
    g_free(bodies);
}

/*
 * BLAKE2b with its whole 512 bits: OpenSSL 3.0 makes no shorter one (the parameter for it came
 * with 3.2), BLAKE2s is a third slower here, and the whole digest is what b2sum(1) prints for a
 * file.
 */
void
ims_bodies_digest(const void *data, gsize size, guint8 digest_out[IMS_DIGEST_SIZE])
{
    unsigned int length = 0;
    int ok = EVP_Digest(data, size, digest_out, &length, EVP_blake2b512(), NULL);

    g_assert(ok == 1 && length == IMS_DIGEST_SIZE);
}

static char *
path_of(const ImsBodies *bodies, const char *name)
{
    char prefix[3] = {name[0], name[0] != '\0' ? name[1] : '\0', '\0'};

    return g_build_filename(bodies->directory, prefix, name, NULL);
}

static gboolean
fail(GError **error, int code, const char *what, const char *path)
{
    ImsStoreError kind = IMS_STORE_ERROR_IO;

    if (code == ENOSPC || code == EDQUOT || code == EFBIG)
        kind = IMS_STORE_ERROR_FULL;
    else if (code == EMFILE || code == ENFILE || code == ENOMEM)
        kind = IMS_STORE_ERROR_BUSY;
    g_set_error(error, IMS_STORE_ERROR, kind, "%s: cannot %s: %s", path, what, g_strerror(code));
    return FALSE;
}

static gboolean
sync_directory(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;
    int code = errno;

    if (fd >= 0)
        close(fd);
    return ok || fail(error, code, "sync the directory", path);
}

/* The file's directory, on disk as well. */
static gboolean
make_directory(const ImsBodies *bodies, const char *path, GError **error)
{
    if (mkdir(path, 0700) == 0)
        return sync_directory(bodies->directory, error);
    return errno == EEXIST || fail(error, errno, "make the directory", path);
}

static gboolean
write_all(int fd, GBytes *body, const char *path, GError **error)
{
    gsize left;
    const guint8 *at = g_bytes_get_data(body, &left);

    while (left > 0) {
        ssize_t n = write(fd, at, MIN(left, 1u << 30));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(error, errno, "write", path);
        at += n;
        left -= (gsize)n;
    }
    return fsync(fd) == 0 || fail(error, errno, "sync", path);
}

static void
remember_verified(ImsBodies *bodies, const char *name, const struct stat *info)
{
    Verified *verified = g_new(Verified, 1);

    verified->inode = info->st_ino;
    verified->size = info->st_size;
    verified->modified = info->st_mtim;
    pthread_mutex_lock(&bodies->lock);
    if (g_hash_table_size(bodies->verified) >= VERIFIED_MAX)
        g_hash_table_remove_all(bodies->verified);
    g_hash_table_replace(bodies->verified, g_strdup(name), verified);
    pthread_mutex_unlock(&bodies->lock);
}

static gboolean
is_verified(ImsBodies *bodies, const char *name, const struct stat *info)
{
    const Verified *verified;
    gboolean same;

    pthread_mutex_lock(&bodies->lock);
    verified = g_hash_table_lookup(bodies->verified, name);
    same = verified != NULL && verified->inode == info->st_ino && verified->size == info->st_size &&
           verified->modified.tv_sec == info->st_mtim.tv_sec &&
           verified->modified.tv_nsec == info->st_mtim.tv_nsec;
    pthread_mutex_unlock(&bodies->lock);
    return same;
}

/* A new empty file under a name no one has. -1 with @error. */
static int
create_file(ImsBodies *bodies, char **name_out, char **path_out, GError **error)
{
    for (;;) {
        guint8 random[NAME_BYTES];
        GString *name = g_string_sized_new(2 * NAME_BYTES + 1);
        g_autofree char *path = NULL;
        g_autofree char *parent = NULL;
        int fd;

        ims_world_random(bodies->world, random, sizeof random);
        for (guint i = 0; i < NAME_BYTES; i++)
            g_string_append_printf(name, "%02x", random[i]);
        path = path_of(bodies, name->str);
        parent = g_path_get_dirname(path);
        pthread_mutex_lock(&bodies->lock);
        g_hash_table_add(bodies->writing, g_strdup(name->str));
        pthread_mutex_unlock(&bodies->lock);
        fd = make_directory(bodies, parent, error)
                 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                 : -1;
        if (fd >= 0) {
            *name_out = g_string_free(name, FALSE);
            *path_out = g_steal_pointer(&path);
            return fd;
        }
        if (*error == NULL && errno != EEXIST)
            fail(error, errno, "create", path);
        pthread_mutex_lock(&bodies->lock);
        g_hash_table_remove(bodies->writing, name->str);
        pthread_mutex_unlock(&bodies->lock);
        g_string_free(name, TRUE);
        if (*error != NULL)
            return -1;
    }
}

char *
ims_bodies_write(ImsBodies *bodies, GBytes *body, const guint8 digest[IMS_DIGEST_SIZE],
                 GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    g_autofree char *parent = NULL;
    struct stat info;
    int fd = create_file(bodies, &name, &path, &failure);
    gboolean ok;

    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    parent = g_path_get_dirname(path);
    ok = write_all(fd, body, path, &failure) && fstat(fd, &info) == 0;
    if (close(fd) < 0 && ok)
        ok = fail(&failure, errno, "close", path);
    if (ok && sync_directory(parent, &failure)) {
        remember_verified(bodies, name, &info);
        pthread_mutex_lock(&bodies->lock);
        bodies->n_written++;
        pthread_mutex_unlock(&bodies->lock);
        return g_steal_pointer(&name);
    }
    ims_bodies_settle(bodies, name, FALSE);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

void
ims_bodies_settle(ImsBodies *bodies, const char *name, gboolean keep)
{
    if (!keep) {
        g_autofree char *path = path_of(bodies, name);

        unlink(path);
    }
    pthread_mutex_lock(&bodies->lock);
    g_hash_table_remove(bodies->writing, name);
    if (!keep)
        g_hash_table_remove(bodies->verified, name);
    pthread_mutex_unlock(&bodies->lock);
}

static GBytes *
corrupt(ImsContentId content, const char *what, GError **error)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_CORRUPT,
                "message body %" G_GUINT64_FORMAT ": %s", content, what);
    return NULL;
}

static gboolean
has_digest(GBytes *bytes, const guint8 expected[IMS_DIGEST_SIZE])
{
    guint8 digest[IMS_DIGEST_SIZE];
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);

    ims_bodies_digest(data, size, digest);
    return memcmp(digest, expected, sizeof digest) == 0;
}

/* The whole file as it is, with what fstat() says of it. */
static GBytes *
map_file(ImsBodies *bodies, ImsContentId content, const ImsStoredBody *body, struct stat *info_out,
         GError **error)
{
    g_autofree char *path = bodies->directory != NULL ? path_of(bodies, body->file) : NULL;
    g_autoptr(GMappedFile) map = NULL;
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, info_out) < 0) {
        if (fd >= 0)
            close(fd);
        return corrupt(content, "its file cannot be opened", error);
    }
    if ((guint64)info_out->st_size == body->size)
        map = g_mapped_file_new_from_fd(fd, FALSE, NULL);
    close(fd);
    if (map == NULL)
        return corrupt(content, "its file has not the size it had", error);
    return g_mapped_file_get_bytes(map);
}

GBytes *
ims_bodies_read(ImsBodies *bodies, ImsContentId content, const ImsStoredBody *body, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    struct stat info;

    if (body->file == NULL) {
        if (g_bytes_get_size(body->bytes) != body->size || !has_digest(body->bytes, body->digest))
            return corrupt(content, "does not match its digest", error);
        return g_bytes_ref(body->bytes);
    }
    bytes = map_file(bodies, content, body, &info, error);
    if (bytes == NULL || is_verified(bodies, body->file, &info))
        return g_steal_pointer(&bytes);
    if (!has_digest(bytes, body->digest))
        return corrupt(content, "does not match its digest", error);
    remember_verified(bodies, body->file, &info);
    return g_steal_pointer(&bytes);
}

GBytes *
ims_bodies_read_header(ImsBodies *bodies, ImsContentId content, const ImsStoredBody *body,
                       GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    struct stat info;

    if (body->file == NULL) {
        gsize have = g_bytes_get_size(body->bytes);

        if (have < body->header_size)
            return corrupt(content, "is shorter than its header was", error);
        return g_bytes_new_from_bytes(body->bytes, 0, body->header_size);
    }
    bytes = map_file(bodies, content, body, &info, error);
    if (bytes == NULL)
        return NULL;
    return g_bytes_new_from_bytes(bytes, 0, MIN(body->header_size, g_bytes_get_size(bytes)));
}

void
ims_bodies_remove(ImsBodies *bodies, GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = path_of(bodies, g_ptr_array_index(names, i));

        /* What cannot be removed now is an orphan the next start finds. */
        unlink(path);
    }
}

GPtrArray *
ims_bodies_list(ImsBodies *bodies, guint directory)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = g_strdup_printf("%s/%02x", bodies->directory, directory & 0xffu);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        gboolean writing;

        pthread_mutex_lock(&bodies->lock);
        writing = g_hash_table_contains(bodies->writing, name);
        pthread_mutex_unlock(&bodies->lock);
        /* Only what this program would have made: a stranger's file is left alone. */
        if (!writing && strlen(name) == 2 * NAME_BYTES &&
            strspn(name, "0123456789abcdef") == 2 * NAME_BYTES)
            g_ptr_array_add(names, g_strdup(name));
    }
    return g_steal_pointer(&names);
}

guint64
ims_bodies_n_written(ImsBodies *bodies)
{
    guint64 n;

    pthread_mutex_lock(&bodies->lock);
    n = bodies->n_written;
    pthread_mutex_unlock(&bodies->lock);
    return n;
}
