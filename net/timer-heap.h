/* Timers of one executor: a binary heap by due time, then by the order in which they were added.
 * Private to net/. */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

struct _ImsTimer {
    gint64 due_usec;
    guint64 sequence;
    guint index; /* in the heap */
    ImsCallback callback;
    gpointer data;
};

typedef struct {
    GPtrArray *timers;
    guint64 next_sequence;
} ImsTimerHeap;

void ims_timer_heap_init(ImsTimerHeap *heap);
/* Frees the timers without calling them. */
void ims_timer_heap_clear(ImsTimerHeap *heap);
ImsTimer *ims_timer_heap_add(ImsTimerHeap *heap, gint64 due_usec, ImsCallback callback,
                             gpointer data);
/* Takes @timer out and frees it. */
void ims_timer_heap_remove(ImsTimerHeap *heap, ImsTimer *timer);
/* When the first is due, or -1 where there is none. */
gint64 ims_timer_heap_next(const ImsTimerHeap *heap);
/* Takes out, frees and calls the first if it is due at @now_usec. FALSE: none was. */
gboolean ims_timer_heap_fire(ImsTimerHeap *heap, gint64 now_usec);

G_END_DECLS
