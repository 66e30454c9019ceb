/* The message filter: it looks at a message when it is there, and says nothing to its sender. */
#include "ims/smtp-private.h"
#include "ims/submission.h"

#include <errno.h>
#include <glib/gstdio.h>

const char *
ims_smtp_find_filter(const ImsSmtpSession *session, const ImsSmtpTransaction *transaction,
                     GBytes *message)
{
    const ImsTurfTable *table = session->config->turf_table;
    g_autoptr(GPtrArray) from = NULL;
    const char *found;
    gsize length;
    const guint8 *bytes = g_bytes_get_data(message, &length);

    if (table == NULL)
        return NULL;
    /* the sender of the envelope, and From */
    found = ims_turf_table_match(table, transaction->sender);
    if (found != NULL)
        return found;
    from = ims_header_addresses(bytes, length, "From");
    for (guint i = 0; i < from->len && found == NULL; i++)
        found = ims_turf_table_match(table, from->pdata[i]);
    return found;
}

gboolean
ims_smtp_keep_filtered(const char *folder, const char *name, GBytes *message, GError **error)
{
    g_autofree char *file = g_build_filename(folder, name, NULL);
    gsize length;
    const char *bytes = g_bytes_get_data(message, &length);

    if (g_mkdir_with_parents(folder, 0700) != 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", folder,
                    g_strerror(errno));
        return FALSE;
    }
    return g_file_set_contents_full(file, bytes, (gssize)length,
                                    G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                    0600, error);
}
