/* The file that carries logon windows over a restart. */
#pragma once

#include "directory/logon-window.h"

G_BEGIN_DECLS

/* Appends the line of one window: address, account, protocol, opened, expires or `session`,
 * recipients; tabs between. */
void ims_window_file_append(GString *text, const ImsLogonWindow *window);
/* What heads the file, so that another form is not misread. */
#define IMS_WINDOW_FILE_HEAD "logon-windows 1\n"
/**
 * ims_window_file_parse:
 * @window_out: set on success; `session` gives G_MAXINT64; release with ims_logon_window_clear()
 */
gboolean ims_window_file_parse_line(const char *line, ImsLogonWindow *window_out);

/* Writes the file, older texts never over newer ones; any thread. Reference counted. */
typedef struct _ImsWindowFile ImsWindowFile;
ImsWindowFile *ims_window_file_new(const char *path);
ImsWindowFile *ims_window_file_ref(ImsWindowFile *file);
void ims_window_file_unref(ImsWindowFile *file);
/* To a temporary name, fsync, rename. @serial rises with each change; an older one than written is
 * left. */
gboolean ims_window_file_write(ImsWindowFile *file, guint64 serial, const char *text, gsize length,
                               GError **error);

G_END_DECLS
