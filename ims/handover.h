/* Listening sockets handed over: by ourselves at a restart, or by systemd. The form is that of
 * sd_listen_fds(3). */
#pragma once

#include "ims/config.h"

G_BEGIN_DECLS

typedef struct _ImsHandover ImsHandover;

/* Takes what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES offer, and removes them from the
 * environment. Never NULL. */
ImsHandover *ims_handover_take(void);
/* Closes what nobody claimed. */
void ims_handover_free(ImsHandover *handover);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsHandover, ims_handover_free)
/* The listening socket for @listener, the caller's from now on; -1 where none was handed over. */
int ims_handover_claim(ImsHandover *handover, const ImsConfigListener *listener);

/* The sockets @fds, for the protocols @names, at 3 and up, and the environment that says so. For
 * the moment before exec. */
void ims_handover_give(const int *fds, const char *const *names, guint n_fds);

G_END_DECLS
