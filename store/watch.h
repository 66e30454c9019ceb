/* Who is told of what: one message a commit and executor, however many sessions watch there. */
#pragma once

#include "store/engine.h"

G_BEGIN_DECLS

typedef struct _ImsWatchers ImsWatchers;

ImsWatchers *ims_watchers_new(ImsWorld *world);
/* Nobody is told anything after this. */
void ims_watchers_free(ImsWatchers *watchers);
ImsStoreWatch *ims_watchers_add(ImsWatchers *watchers, ImsFolderId folder, ImsStoreChanged changed,
                                gpointer data);
void ims_watchers_remove(ImsWatchers *watchers, ImsStoreWatch *watch);
/* After a commit. @folder 0: the queue. Any thread. */
void ims_watchers_publish(ImsWatchers *watchers, ImsFolderId folder, guint64 modseq);

G_END_DECLS
