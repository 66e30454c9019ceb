#include "net/timer-heap.h"

void
ims_timer_heap_init(ImsTimerHeap *heap)
{
    heap->timers = g_ptr_array_new_with_free_func(g_free);
    heap->next_sequence = 0;
}

void
ims_timer_heap_clear(ImsTimerHeap *heap)
{
    g_clear_pointer(&heap->timers, g_ptr_array_unref);
}

static ImsTimer *
at(const ImsTimerHeap *heap, guint index)
{
    return heap->timers->pdata[index];
}

static gboolean
is_before(const ImsTimer *a, const ImsTimer *b)
{
    return a->due_usec != b->due_usec ? a->due_usec < b->due_usec : a->sequence < b->sequence;
}

static void
put(ImsTimerHeap *heap, guint index, ImsTimer *timer)
{
    heap->timers->pdata[index] = timer;
    timer->index = index;
}

static void
sift_up(ImsTimerHeap *heap, ImsTimer *timer)
{
    guint index = timer->index;

    for (; index > 0 && is_before(timer, at(heap, (index - 1) / 2)); index = (index - 1) / 2)
        put(heap, index, at(heap, (index - 1) / 2));
    put(heap, index, timer);
}

static void
sift_down(ImsTimerHeap *heap, ImsTimer *timer)
{
    guint index = timer->index;

    for (guint child; (child = 2 * index + 1) < heap->timers->len; index = child) {
        if (child + 1 < heap->timers->len && is_before(at(heap, child + 1), at(heap, child)))
            child++;
        if (is_before(timer, at(heap, child)))
            break;
        put(heap, index, at(heap, child));
    }
    put(heap, index, timer);
}

ImsTimer *
ims_timer_heap_add(ImsTimerHeap *heap, gint64 due_usec, ImsCallback callback, gpointer data)
{
    ImsTimer *timer = g_new0(ImsTimer, 1);

    timer->due_usec = due_usec;
    timer->sequence = heap->next_sequence++;
    timer->callback = callback;
    timer->data = data;
    timer->index = heap->timers->len;
    g_ptr_array_add(heap->timers, timer);
    sift_up(heap, timer);
    return timer;
}

static void
take_out(ImsTimerHeap *heap, ImsTimer *timer)
{
    guint index = timer->index;
    ImsTimer *last = at(heap, heap->timers->len - 1);

    g_assert(at(heap, index) == timer);
    heap->timers->pdata[heap->timers->len - 1] = NULL;
    g_ptr_array_set_size(heap->timers, (int)heap->timers->len - 1);
    if (last == timer)
        return;
    put(heap, index, last);
    sift_up(heap, last);
    sift_down(heap, last);
}

void
ims_timer_heap_remove(ImsTimerHeap *heap, ImsTimer *timer)
{
    take_out(heap, timer);
    g_free(timer);
}

gint64
ims_timer_heap_next(const ImsTimerHeap *heap)
{
    return heap->timers->len > 0 ? at(heap, 0)->due_usec : -1;
}

gboolean
ims_timer_heap_fire(ImsTimerHeap *heap, gint64 now_usec)
{
    g_autofree ImsTimer *timer = NULL;

    if (heap->timers->len == 0 || at(heap, 0)->due_usec > now_usec)
        return FALSE;
    timer = at(heap, 0);
    take_out(heap, timer);
    timer->callback(timer->data);
    return TRUE;
}
