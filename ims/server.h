/* The running program: world, service, listeners, control socket, from start to stop. */
#pragma once

#include "ims/config.h"

G_BEGIN_DECLS

typedef struct {
    /* Everything answers now. */
    void (*ready)(gpointer data);
    /* Starts the program anew; the environment and the descriptors are ready. Returns only where
     * that failed. */
    void (*execute)(gpointer data);
    gpointer data;
} ImsServerHooks;

/**
 * ims_server_run:
 * @config: (transfer none)
 *
 * Serves until SIGTERM, SIGINT, or the control socket says stop or restart.
 *
 * Returns: TRUE where it stopped as asked; FALSE with @error where it did not start
 */
gboolean ims_server_run(const ImsConfig *config, const ImsServerHooks *hooks, GError **error);

/* Tells the service manager, if there is one: `READY=1`, `STOPPING=1` (sd_notify(3)). */
void ims_notify(const char *state);

G_END_DECLS
