#include "directory/logon-window-private.h"

#include <string.h>

#define N_FIELDS 6
#define FOR_SESSION "session"

void
ims_window_file_append(GString *text, const ImsLogonWindow *window)
{
    char address[IMS_ADDRESS_STRLEN];
    g_autofree char *account = g_strescape(window->account, NULL);
    g_autofree char *protocol = g_strescape(window->protocol, NULL);

    g_string_append_printf(text, "%s\t%s\t%s\t%" G_GINT64_FORMAT "\t",
                           ims_address_format(&window->address, address), account, protocol,
                           window->opened_usec);
    if (window->sessions > 0)
        g_string_append(text, FOR_SESSION);
    else
        g_string_append_printf(text, "%" G_GINT64_FORMAT, window->expires_usec);
    g_string_append_printf(text, "\t%u\n", window->relayed);
}

static gboolean
parse_time(const char *text, gint64 *out)
{
    return g_ascii_string_to_signed(text, 10, 0, G_MAXINT64 - 1, out, NULL);
}

gboolean
ims_window_file_parse_line(const char *line, ImsLogonWindow *window_out)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", N_FIELDS + 1);
    ImsLogonWindow window = {0};
    guint64 relayed;

    if (g_strv_length(fields) != N_FIELDS || !ims_address_parse(fields[0], &window.address) ||
        !parse_time(fields[3], &window.opened_usec) ||
        !g_ascii_string_to_unsigned(fields[5], 10, 0, G_MAXUINT, &relayed, NULL))
        return FALSE;
    if (strcmp(fields[4], FOR_SESSION) == 0)
        window.expires_usec = G_MAXINT64;
    else if (!parse_time(fields[4], &window.expires_usec))
        return FALSE;
    window.account = g_strcompress(fields[1]);
    window.protocol = g_strcompress(fields[2]);
    window.relayed = (guint)relayed;
    *window_out = window;
    return TRUE;
}

struct _ImsWindowFile {
    gatomicrefcount references;
    char *path;
    GMutex lock;     /* guards the file on disk and @written */
    guint64 written; /* serial of what is in the file */
};

ImsWindowFile *
ims_window_file_new(const char *path)
{
    ImsWindowFile *file = g_new0(ImsWindowFile, 1);

    g_atomic_ref_count_init(&file->references);
    file->path = g_strdup(path);
    g_mutex_init(&file->lock);
    return file;
}

ImsWindowFile *
ims_window_file_ref(ImsWindowFile *file)
{
    g_atomic_ref_count_inc(&file->references);
    return file;
}

void
ims_window_file_unref(ImsWindowFile *file)
{
    if (file == NULL || !g_atomic_ref_count_dec(&file->references))
        return;
    g_free(file->path);
    g_mutex_clear(&file->lock);
    g_free(file);
}

gboolean
ims_window_file_write(ImsWindowFile *file, guint64 serial, const char *text, gsize length,
                      GError **error)
{
    gboolean ok = TRUE;

    g_mutex_lock(&file->lock);
    if (serial > file->written) {
        ok = g_file_set_contents_full(file->path, text, (gssize)length,
                                      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                      0600, error);
        if (ok)
            file->written = serial;
    }
    g_mutex_unlock(&file->lock);
    return ok;
}
