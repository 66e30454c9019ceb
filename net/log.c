#include "net/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_VALUE 1024u

struct _ImsLog {
    pthread_mutex_t lock; /* guards fd against a reopen, and memory */
    char *file;           /* (nullable): stderr or memory */
    int fd;               /* -1 in memory */
    GString *memory;      /* (nullable) */
};

static int
open_file(const char *file, GError **error)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0) {
        int saved = errno;

        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved),
                    "%s: the log cannot be opened for writing: %s", file, g_strerror(saved));
    }
    return fd;
}

ImsLog *
ims_log_new(const char *file, GError **error)
{
    int fd = file != NULL ? open_file(file, error) : STDERR_FILENO;
    ImsLog *log;

    if (fd < 0)
        return NULL;
    log = g_new0(ImsLog, 1);
    pthread_mutex_init(&log->lock, NULL);
    log->file = g_strdup(file);
    log->fd = fd;
    return log;
}

ImsLog *
ims_log_new_memory(void)
{
    ImsLog *log = g_new0(ImsLog, 1);

    pthread_mutex_init(&log->lock, NULL);
    log->fd = -1;
    log->memory = g_string_new(NULL);
    return log;
}

gboolean
ims_log_reopen(ImsLog *log, GError **error)
{
    int fd, old;

    if (log->file == NULL)
        return TRUE;
    fd = open_file(log->file, error);
    if (fd < 0)
        return FALSE;
    pthread_mutex_lock(&log->lock);
    old = log->fd;
    log->fd = fd;
    pthread_mutex_unlock(&log->lock);
    close(old);
    return TRUE;
}

void
ims_log_free(ImsLog *log)
{
    if (log == NULL)
        return;
    if (log->file != NULL)
        close(log->fd);
    if (log->memory != NULL)
        g_string_free(log->memory, TRUE);
    g_free(log->file);
    pthread_mutex_destroy(&log->lock);
    g_free(log);
}

char *
ims_log_take(ImsLog *log)
{
    char *lines;

    g_assert(log->memory != NULL);
    pthread_mutex_lock(&log->lock);
    lines = g_strndup(log->memory->str, log->memory->len);
    g_string_truncate(log->memory, 0);
    pthread_mutex_unlock(&log->lock);
    return lines;
}

/* What would move, hide or reorder text where the log is shown. */
static gboolean
is_shown_as_it_is(gunichar c)
{
    return c == ' ' || (g_unichar_isgraph(c) && g_unichar_type(c) != G_UNICODE_LINE_SEPARATOR &&
                        g_unichar_type(c) != G_UNICODE_PARAGRAPH_SEPARATOR);
}

/* Of the C1 controls and what is no UTF-8 nothing reaches a terminal raw either. */
static void
append_value(GString *line, const char *value)
{
    gsize length = strnlen(value, MAX_VALUE + 1);
    gboolean cut = length > MAX_VALUE;
    const char *end = value + MIN(length, MAX_VALUE);
    gsize start = line->len;
    gboolean quote = *value == '\0';

    for (const char *p = value; p < end;) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        const char *next = (gint32)c < 0 ? p + 1 : g_utf8_next_char(p);

        if (c == '\n')
            g_string_append(line, "\\n");
        else if (c == '\r')
            g_string_append(line, "\\r");
        else if (c == '\t')
            g_string_append(line, "\\t");
        else if (c == '"' || c == '\\')
            g_string_append_printf(line, "\\%c", (char)c);
        else if ((gint32)c < 0 || c < 0x20 || c == 0x7f)
            g_string_append_printf(line, "\\x%02x", (guint8)*p);
        else if (!is_shown_as_it_is(c))
            g_string_append_printf(line, "\\u{%x}", c);
        else
            g_string_append_len(line, p, next - p);
        quote = quote || (gint32)c <= ' ' || strchr("\"\\=", *p) != NULL || !is_shown_as_it_is(c);
        p = next;
    }
    if (cut)
        g_string_append(line, "…");
    if (quote) {
        g_string_insert_c(line, (gssize)start, '"');
        g_string_append_c(line, '"');
    }
}

static void
write_line(ImsLog *log, const char *line, gsize length)
{
    pthread_mutex_lock(&log->lock);
    if (log->memory != NULL) {
        g_string_append_len(log->memory, line, (gssize)length);
    } else {
        gssize written;

        /* One write a line, so that lines of several processes do not mix. A full disk loses the
         * line, not the mail. */
        do
            written = write(log->fd, line, length);
        while (written < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&log->lock);
}

void
ims_log_event(ImsLog *log, guint64 session, const char *event, ...)
{
    g_autoptr(GString) line = NULL;
    gint64 now_usec = g_get_real_time();
    g_autoptr(GDateTime) now = NULL;
    g_autofree char *stamp = NULL;
    const char *key;
    va_list pairs;

    if (log == NULL)
        return;
    now = g_date_time_new_from_unix_utc(now_usec / G_USEC_PER_SEC);
    stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    line = g_string_sized_new(256);
    g_string_append_printf(line, "%s.%03dZ", stamp, (int)(now_usec % G_USEC_PER_SEC / 1000));
    if (session != 0)
        g_string_append_printf(line, " s=%" G_GUINT64_FORMAT, session);
    g_string_append_printf(line, " %s", event);
    va_start(pairs, event);
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (value == NULL)
            continue;
        g_string_append_printf(line, " %s=", key);
        append_value(line, value);
    }
    va_end(pairs);
    g_string_append_c(line, '\n');
    write_line(log, line->str, line->len);
}
