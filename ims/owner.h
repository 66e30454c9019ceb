/* Who the service runs as. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ims_become_owner:
 * @folder: the data directory
 * @low_ports: keep the one right to listen on ports below 1024, over a restart too
 *
 * The superuser becomes the owner of @folder for good: files that root made there would be out of
 * reach for the service when its own user starts it next, mail that was acknowledged among them.
 * Nothing happens for another user, where the folder is root's, or where it does not exist yet.
 * Before the first thread is started.
 *
 * Returns: FALSE with G_FILE_ERROR: the owner cannot be become; the process must end
 */
gboolean ims_become_owner(const char *folder, gboolean low_ports, GError **error);

/* FALSE with G_FILE_ERROR where this user cannot do with @file what @mode (R_OK, X_OK) says: names
 * file and user. */
gboolean ims_owner_may(const char *file, int mode, GError **error);

G_END_DECLS
