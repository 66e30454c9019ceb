/* O_TMPFILE */
#define _GNU_SOURCE
#include "ims/smtp-private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY (8u * 1024)
/* ImsMimeSummary counts in 32 bits. */
#define HARD_LIMIT ((gsize)G_MAXINT32 - 65536)
/* What is further down is no header (the limit of MIME too), and is not looked through. */
#define HEADER_LIMIT (1024u * 1024)

struct _ImsSmtpBody {
    ImsService *service;
    ImsSmtpBodyStatus status;
    guint8 *memory; /* NULL once spooled or handed on */
    gsize capacity;
    gsize taken; /* of the budget */
    gsize length;
    gsize counted; /* of length: what the client sent */
    gboolean eight_bit;
    int fd; /* -1 while in memory */
};

ImsSmtpBody *
ims_smtp_body_new(ImsService *service)
{
    ImsSmtpBody *body = g_new0(ImsSmtpBody, 1);

    body->service = service;
    body->fd = -1;
    return body;
}

static void
give_back(ImsSmtpBody *body, gsize bytes)
{
    __atomic_sub_fetch(&body->service->data_buffered, bytes, __ATOMIC_RELAXED);
    body->taken -= bytes;
}

static gboolean
take(ImsSmtpBody *body, gsize bytes)
{
    gsize now = __atomic_add_fetch(&body->service->data_buffered, bytes, __ATOMIC_RELAXED);

    body->taken += bytes;
    if (now <= body->service->config->max_data_buffered)
        return TRUE;
    give_back(body, bytes);
    return FALSE;
}

static void
drop_contents(ImsSmtpBody *body)
{
    g_clear_pointer(&body->memory, g_free);
    body->capacity = 0;
    give_back(body, body->taken);
    if (body->fd >= 0)
        close(body->fd);
    body->fd = -1;
}

static void
fail(ImsSmtpBody *body, ImsSmtpBodyStatus status)
{
    body->status = status;
    drop_contents(body);
}

void
ims_smtp_body_free(ImsSmtpBody *body)
{
    if (body == NULL)
        return;
    drop_contents(body);
    g_free(body);
}

/* Room for @more bytes in memory, within the budget. */
static gboolean
grow(ImsSmtpBody *body, gsize more)
{
    gsize need = body->length + more;
    gsize capacity = MAX(body->capacity, FIRST_CAPACITY);
    guint8 *memory;

    if (need <= body->capacity)
        return TRUE;
    while (capacity < need)
        capacity += capacity < 1024 * 1024 ? capacity : capacity / 2;
    if (!take(body, capacity - body->capacity))
        return FALSE;
    memory = g_try_realloc(body->memory, capacity);
    if (memory == NULL) {
        give_back(body, capacity - body->capacity);
        return FALSE;
    }
    body->memory = memory;
    body->capacity = capacity;
    return TRUE;
}

static int
open_nameless(const char *directory)
{
    g_autofree char *name = NULL;
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    /* A file system without O_TMPFILE. */
    name = g_build_filename(directory, "smtp-XXXXXX", NULL);
    fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static gboolean
write_all(ImsSmtpBody *body, const guint8 *bytes, gsize length)
{
    while (length > 0) {
        gssize n = write(body->fd, bytes, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            gboolean full = n == 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

            fail(body, full ? IMS_SMTP_BODY_FULL : IMS_SMTP_BODY_IO);
            return FALSE;
        }
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* The budget of all sessions is used up: goes on in a file. */
static gboolean
spool(ImsSmtpBody *body)
{
    const char *directory = body->service->config->data_directory;

    body->fd = directory != NULL ? open_nameless(directory) : -1;
    if (body->fd < 0) {
        /* Without a data directory (all in memory) the budget is all there is. */
        gboolean full = directory == NULL || errno == ENOSPC || errno == EDQUOT;

        fail(body, full ? IMS_SMTP_BODY_FULL : IMS_SMTP_BODY_IO);
        return FALSE;
    }
    if (!write_all(body, body->memory, body->length))
        return FALSE;
    g_clear_pointer(&body->memory, g_free);
    body->capacity = 0;
    give_back(body, body->taken);
    return TRUE;
}

static void
add(ImsSmtpBody *body, const guint8 *bytes, gsize length)
{
    if (body->fd < 0 && !grow(body, length) && !spool(body))
        return;
    if (body->fd < 0)
        memcpy(body->memory + body->length, bytes, length);
    else if (!write_all(body, bytes, length))
        return;
    body->length += length;
}

void
ims_smtp_body_prepend(ImsSmtpBody *body, const char *text)
{
    g_assert(body->length == 0);
    if (body->status == IMS_SMTP_BODY_OK)
        add(body, (const guint8 *)text, strlen(text));
}

static gboolean
has_eighth_bit(const guint8 *bytes, gsize length)
{
    gsize i = 0;

    for (; i + 8 <= length; i += 8) {
        guint64 word;

        memcpy(&word, bytes + i, sizeof word);
        if ((word & G_GUINT64_CONSTANT(0x8080808080808080)) != 0)
            return TRUE;
    }
    for (; i < length; i++)
        if ((bytes[i] & 0x80) != 0)
            return TRUE;
    return FALSE;
}

void
ims_smtp_body_append(ImsSmtpBody *body, const guint8 *bytes, gsize length)
{
    gsize limit = body->service->config->max_message_size;

    if (body->status != IMS_SMTP_BODY_OK || length == 0)
        return;
    if (limit == 0 || limit > HARD_LIMIT)
        limit = HARD_LIMIT;
    if (length > limit - body->counted) {
        fail(body, IMS_SMTP_BODY_TOO_LARGE);
        return;
    }
    if (!body->eight_bit)
        body->eight_bit = has_eighth_bit(bytes, length);
    body->counted += length;
    add(body, bytes, length);
}

ImsSmtpBodyStatus
ims_smtp_body_status(const ImsSmtpBody *body)
{
    return body->status;
}

gboolean
ims_smtp_body_is_eight_bit(const ImsSmtpBody *body)
{
    return body->eight_bit;
}

gboolean
ims_smtp_body_is_spooled(const ImsSmtpBody *body)
{
    return body->fd >= 0;
}

GBytes *
ims_smtp_body_finish(ImsSmtpBody *body)
{
    if (body->status != IMS_SMTP_BODY_OK)
        return NULL;
    if (body->fd >= 0) {
        GMappedFile *file = g_mapped_file_new_from_fd(body->fd, FALSE, NULL);
        GBytes *bytes;

        if (file == NULL) {
            fail(body, IMS_SMTP_BODY_IO);
            return NULL;
        }
        bytes = g_mapped_file_get_bytes(file);
        g_mapped_file_unref(file);
        return bytes;
    }
    if (body->memory != NULL && body->capacity > body->length) {
        /* It may wait for the writer: what was only room for more is given back. */
        body->memory = g_realloc(body->memory, MAX(body->length, 1));
        give_back(body, body->capacity - body->length);
        body->capacity = body->length;
    }
    return g_bytes_new_take(g_steal_pointer(&body->memory), body->length);
}

guint
ims_smtp_count_hops(const guint8 *message, gsize length)
{
    static const char name[] = "received:";
    gsize at = 0;
    guint hops = 0;

    length = MIN(length, HEADER_LIMIT);
    while (at < length) {
        const guint8 *lf = memchr(message + at, '\n', length - at);
        gsize line = lf != NULL ? (gsize)(lf - message) + 1 - at : length - at;

        if (line <= 2 && (message[at] == '\n' || message[at] == '\r'))
            break; /* the empty line */
        if (line > strlen(name) &&
            g_ascii_strncasecmp((const char *)message + at, name, strlen(name)) == 0)
            hops++;
        at += line;
    }
    return hops;
}
