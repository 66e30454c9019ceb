/* The running program: world, service, listeners, control socket, from start to stop. */
#pragma once

#include "ims/config.h"

G_BEGIN_DECLS

typedef enum {
    IMS_SERVER_FAILED,  /* did not start: the error says why */
    IMS_SERVER_STOPPED, /* as asked */
    IMS_SERVER_RESTART, /* drained; the environment and file descriptors are ready for exec */
} ImsServerEnd;

/**
 * ims_server_run:
 * @config: (transfer none)
 * @ready: (nullable): called once everything answers
 *
 * Serves until SIGTERM, SIGINT, or the control socket says stop or restart.
 */
ImsServerEnd ims_server_run(const ImsConfig *config, void (*ready)(gpointer data), gpointer data,
                            GError **error);

/* Tells the service manager, if there is one: `READY=1`, `STOPPING=1` (sd_notify(3)). */
void ims_notify(const char *state);

G_END_DECLS
