/* Where the control socket is, for both ends. */
#pragma once

#include <glib.h>

#include <sys/socket.h>
#include <sys/un.h>

G_BEGIN_DECLS

/**
 * ims_control_address:
 * @path: any length
 * @folder_fd_out: -1, or a descriptor to close once the address has been used: a path too long for
 * a socket address goes through its folder
 */
gboolean ims_control_address(const char *path, struct sockaddr_un *address_out, int *folder_fd_out,
                             GError **error);

/* Longest answer: a list of a million recipients. */
#define IMS_CONTROL_MAX_LINE (512u * 1024 * 1024)
#define IMS_CONTROL_MAX_REQUEST (1024u * 1024)

G_END_DECLS
