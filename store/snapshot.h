/* Snapshots of folders: a cache of the newest, brought forward by what commits changed, and a list
 * of those held. */
#pragma once

#include "store/engine.h"

G_BEGIN_DECLS

typedef struct _ImsSnapshots ImsSnapshots;

/* All functions: any thread. A snapshot may outlive the cache. */
ImsSnapshots *ims_snapshots_new(ImsEngine *engine);
/* Forgets the engine too: no ims_snapshots_get() after this. */
void ims_snapshots_free(ImsSnapshots *snapshots);
ImsUidSnapshot *ims_snapshots_get(ImsSnapshots *snapshots, ImsFolderId folder, gint64 now_usec,
                                  GError **error);
/* After a commit, before anyone is told of it. */
void ims_snapshots_publish(ImsSnapshots *snapshots, const ImsFolderDelta *delta);
/* TRUE while someone but the cache holds a snapshot of @folder older than @modseq. */
gboolean ims_snapshots_is_held(ImsSnapshots *snapshots, ImsFolderId folder, guint64 modseq);
/* Drops what nobody holds and nobody asked for since @before_usec. TRUE if something is left to
 * drop later. */
gboolean ims_snapshots_evict(ImsSnapshots *snapshots, gint64 before_usec);

G_END_DECLS
