/* What every world is made of: a class of functions, and what the kinds of world share. Private to
 * net/. */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

typedef struct {
    gint64 (*wall_usec)(ImsWorld *world);
    gint64 (*mono_usec)(ImsWorld *world);
    void (*random)(ImsWorld *world, guint8 *out, gsize length);
    guint (*n_workers)(ImsWorld *world);
    ImsExecutor *(*worker)(ImsWorld *world, guint index);
    ImsExecutor *(*main)(ImsWorld *world);
    ImsExecutor *(*writer)(ImsWorld *world);
    ImsExecutor *(*current)(ImsWorld *world);
    void (*post)(ImsWorld *world, ImsExecutor *to, ImsCallback callback, gpointer data);
    gboolean (*run_in_pool)(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data);
    ImsTimer *(*timer_add)(ImsWorld *world, gint64 delay_usec, ImsCallback callback, gpointer data);
    void (*timer_cancel)(ImsWorld *world, ImsTimer *timer);
    /* Calls ims_lookup_deliver() on @asker, later, exactly once. Names that are addresses do not
     * come here. */
    void (*lookup)(ImsWorld *world, ImsExecutor *asker, ImsLookupKind kind, const char *name,
                   ImsLookupCallback callback, gpointer data);
    void (*stop_sessions)(ImsWorld *world, gint64 grace_usec, ImsCallback done, gpointer data);
} ImsWorldClass;

struct _ImsWorld {
    const ImsWorldClass *klass;
    ImsSendFunction send; /* (nullable) */
    gpointer sender;
    guint64 next_conn_id; /* atomic */
};

/* Sorts MX records by preference and shuffles equal ones; then calls @callback. */
void ims_lookup_deliver(ImsWorld *world, ImsLookupKind kind, ImsLookupResult *result,
                        ImsLookupCallback callback, gpointer data);
/* (transfer full) */
ImsLookupResult *ims_lookup_result_copy(const ImsLookupResult *result);
void ims_lookup_result_free(ImsLookupResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsLookupResult, ims_lookup_result_free)

G_END_DECLS
