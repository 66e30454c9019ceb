#include "net/conn-private.h"

#include <string.h>

#include "net/world-private.h"

#define MAX_PIECES 64u
/* So that one fast reader does not keep its worker. */
#define MAX_FLUSH_TURN (1024u * 1024)
/* A session that wakes itself in @input is called again in the same turn so often. */
#define MAX_INPUT_TURN 16u

#define STALL_SEC 300
#define CLOSE_SEC 30
#define HANDSHAKE_SEC 30
#define LINGER_SEC 2
/* What a session left unconsumed at the end of input waits so long for a session that did not say
 * it is busy. */
#define EOF_SEC 3

/* ---- the loop's list ---- */

void
ims_conn_loop_init(ImsConnLoop *loop)
{
    g_queue_init(&loop->all);
    loop->dirty = NULL;
    loop->tail = &loop->dirty;
    loop->stopping = FALSE;
}

gboolean
ims_conn_loop_has_work(const ImsConnLoop *loop)
{
    return loop->dirty != NULL;
}

void
ims_conn_mark(ImsConn *conn)
{
    if (conn->in_turn)
        conn->again = TRUE;
    if (conn->queued || conn->in_turn)
        return;
    conn->queued = TRUE;
    conn->next_dirty = NULL;
    *conn->loop->tail = conn;
    conn->loop->tail = &conn->next_dirty;
}

gboolean
ims_conn_is_dead(const ImsConn *conn)
{
    return conn->state == IMS_CONN_DEAD;
}

gboolean
ims_conn_is_open(const ImsConn *conn)
{
    return conn->state == IMS_CONN_OPEN && conn->session != NULL;
}

void
ims_conn_set_state(ImsConn *conn, ImsConnState state)
{
    if (conn->state >= state)
        return;
    conn->state = state;
    conn->state_usec = ims_world_mono_usec(conn->world);
    ims_conn_mark(conn);
}

/* ---- input ---- */

static void
clear_input(ImsConn *conn)
{
    g_clear_pointer(&conn->input, g_free);
    conn->input_length = conn->input_size = 0;
}

/* Keeps @bytes, which are not the conn's own buffer, after what is there. */
static void
keep_input(ImsConn *conn, const guint8 *bytes, gsize length)
{
    if (length > conn->input_size - conn->input_length) {
        conn->input_size = MAX(conn->input_length + length, 2 * conn->input_length);
        conn->input = g_realloc(conn->input, conn->input_size);
    }
    if (length > 0)
        memcpy(conn->input + conn->input_length, bytes, length);
    conn->input_length += length;
}

static gsize
call_input(ImsConn *conn, const guint8 *bytes, gsize length)
{
    gsize consumed;

    conn->wake = FALSE;
    consumed = conn->session->klass->input(conn->session, bytes, length);
    g_assert(consumed <= length);
    return consumed;
}

static gboolean
may_give_input(ImsConn *conn)
{
    return ims_conn_is_open(conn) && !conn->tls_wanted && !conn->handshake;
}

/* Gives @bytes to the session, again while it wakes itself; returns how many it left at the end of
 * @bytes. */
static gsize
offer_input(ImsConn *conn, const guint8 *bytes, gsize length)
{
    gsize used = 0;

    for (guint i = 0; i < MAX_INPUT_TURN; i++) {
        used += call_input(conn, bytes + used, length - used);
        if (!may_give_input(conn))
            return 0; /* RFC 3207 4.2, 2595 3.1: what came in clear before the handshake is dropped
                       */
        if (!conn->wake)
            break;
    }
    return length - used;
}

static void
give_kept_input(ImsConn *conn)
{
    static const guint8 nothing[1];
    gsize length = conn->input_length, left;

    left = offer_input(conn, conn->input != NULL ? conn->input : nothing, length);
    if (left == 0) {
        clear_input(conn);
    } else if (left < length) {
        memmove(conn->input, conn->input + length - left, left);
        conn->input_length = left;
    }
}

void
ims_conn_received(ImsConn *conn, const guint8 *bytes, gsize length)
{
    if (!may_give_input(conn) || length == 0)
        return;
    conn->input_usec = ims_world_mono_usec(conn->world);
    if (conn->input_length > 0) {
        keep_input(conn, bytes, length);
        give_kept_input(conn);
    } else {
        gsize left = offer_input(conn, bytes, length);

        if (left > 0)
            keep_input(conn, bytes + length - left, left);
    }
    ims_conn_mark(conn);
}

void
ims_conn_peer_eof(ImsConn *conn)
{
    if (conn->eof)
        return;
    conn->eof = TRUE;
    conn->state_usec = ims_world_mono_usec(conn->world);
    if (conn->state == IMS_CONN_LINGERS || conn->session == NULL)
        ims_conn_abort(conn);
    ims_conn_mark(conn);
}

gsize
ims_conn_room(ImsConn *conn)
{
    if (conn->eof || !may_give_input(conn) || conn->input_length >= conn->input_limit)
        return 0;
    return conn->input_limit - conn->input_length;
}

/* ---- the end of a turn ---- */

static gint64
after(gint64 since_usec, guint sec)
{
    return since_usec + (gint64)sec * G_USEC_PER_SEC;
}

/* When something must be done if nothing happens; 0: never. */
static gint64
deadline(const ImsConn *conn)
{
    gint64 stall =
        after(conn->progress_usec, conn->timeout_sec > 0 ? conn->timeout_sec : STALL_SEC);

    switch (conn->state) {
    case IMS_CONN_OPEN:
        if (conn->handshake)
            return after(conn->state_usec, HANDSHAKE_SEC);
        if (conn->output.pending > 0)
            return stall;
        if (conn->busy)
            return 0;
        if (conn->eof)
            return after(MAX(conn->state_usec, conn->progress_usec), EOF_SEC);
        return conn->timeout_sec > 0 && !conn->patient ? after(conn->input_usec, conn->timeout_sec)
                                                       : 0;
    case IMS_CONN_CLOSING:
        return MIN(stall, after(MAX(conn->state_usec, conn->progress_usec), CLOSE_SEC));
    case IMS_CONN_LINGERS:
        return after(conn->state_usec, LINGER_SEC);
    case IMS_CONN_DEAD:
    default:
        return 0;
    }
}

static void timer_fired(gpointer data);

/* A timer that is due too early stays: it looks again when it fires, so that input costs no heap
 * operation. */
static void
arm_timer(ImsConn *conn)
{
    gint64 due = deadline(conn);

    if (due == 0 || (conn->timer != NULL && conn->timer_due_usec <= due))
        return;
    ims_world_timer_cancel(conn->world, &conn->timer);
    conn->timer_due_usec = due;
    conn->timer =
        ims_world_timer_add(conn->world, due - ims_world_mono_usec(conn->world), timer_fired, conn);
}

static void
timer_fired(gpointer data)
{
    ImsConn *conn = data;
    gint64 due = deadline(conn), now = ims_world_mono_usec(conn->world);

    conn->timer = NULL;
    if (due == 0 || due > now) {
        arm_timer(conn);
        return;
    }
    if (!ims_conn_is_open(conn) || conn->handshake || conn->eof || conn->output.pending > 0) {
        ims_conn_abort(conn);
        return;
    }
    conn->input_usec = now;
    if (conn->session->klass->timed_out != NULL)
        conn->session->klass->timed_out(conn->session);
    else
        ims_conn_close(conn);
    ims_conn_mark(conn);
}

static void
flush(ImsConn *conn)
{
    gsize sent = 0;

    while (conn->output.pending > 0 && !conn->handshake) {
        struct iovec pieces[MAX_PIECES];
        guint n = ims_output_peek(&conn->output, pieces, MAX_PIECES);
        gssize written;

        if (sent >= MAX_FLUSH_TURN) {
            conn->again = TRUE;
            return;
        }
        written = conn->transport->write(conn, pieces, n);
        if (written < 0) {
            ims_conn_abort(conn);
            return;
        }
        if (written == 0)
            return;
        sent += (gsize)written;
        conn->progress_usec = ims_world_mono_usec(conn->world);
        /* A client that takes a long reply slowly is not idle. */
        conn->input_usec = conn->progress_usec;
        ims_output_consume(&conn->output, (gsize)written);
    }
}

/* The session's end; the connection itself may linger. */
static void
tell_closed(ImsConn *conn)
{
    ImsSession *session = g_steal_pointer(&conn->session);

    if (session != NULL)
        session->klass->closed(session);
}

static void
free_conn(ImsConn *conn)
{
    tell_closed(conn);
    ims_world_timer_cancel(conn->world, &conn->timer);
    clear_input(conn);
    ims_output_clear(&conn->output);
    g_queue_unlink(&conn->loop->all, &conn->link);
    conn->transport->destroy(conn);
}

/* Output has left: what waited for that. */
static void
after_flush(ImsConn *conn)
{
    gsize pending = conn->output.pending;

    if (conn->high && pending < IMS_CONN_LOW_WATER) {
        conn->high = FALSE;
        conn->later = TRUE;
    }
    if (pending > 0)
        return;
    if (conn->tls_wanted && conn->state == IMS_CONN_OPEN) {
        conn->tls_wanted = FALSE;
        clear_input(conn);
        ims_conn_begin_handshake(conn);
        conn->transport->start_tls(conn);
        return;
    }
    if (conn->eof && ims_conn_is_open(conn) && conn->input_length == 0 && !conn->busy &&
        !conn->wake && !conn->later)
        ims_conn_set_state(conn, IMS_CONN_CLOSING);
    if (conn->state == IMS_CONN_CLOSING) {
        tell_closed(conn);
        if (conn->transport->finish(conn))
            ims_conn_set_state(conn, IMS_CONN_DEAD);
        else
            ims_conn_set_state(conn, IMS_CONN_LINGERS);
    }
}

static void
end_turn(ImsConn *conn)
{
    gboolean reading;

    conn->in_turn = TRUE;
    if (conn->wake && may_give_input(conn))
        give_kept_input(conn);
    if (conn->later && ims_conn_is_open(conn)) {
        conn->later = FALSE;
        if (conn->session->klass->resume != NULL)
            conn->session->klass->resume(conn->session);
    }
    conn->again = FALSE;
    if (conn->state != IMS_CONN_DEAD)
        flush(conn);
    if (conn->state != IMS_CONN_DEAD)
        after_flush(conn);
    conn->in_turn = FALSE;
    if (conn->state == IMS_CONN_DEAD) {
        free_conn(conn);
        return;
    }
    reading = conn->handshake || conn->state == IMS_CONN_LINGERS || ims_conn_room(conn) > 0;
    if (reading != conn->reading) {
        conn->reading = reading;
        conn->transport->set_reading(conn, reading);
    }
    arm_timer(conn);
    if (conn->again || (conn->wake && may_give_input(conn)) ||
        (conn->later && ims_conn_is_open(conn)))
        ims_conn_mark(conn);
}

void
ims_conn_loop_run(ImsConnLoop *loop)
{
    ImsConn *conn = loop->dirty;

    loop->dirty = NULL;
    loop->tail = &loop->dirty;
    while (conn != NULL) {
        ImsConn *next = conn->next_dirty;

        conn->queued = FALSE;
        end_turn(conn);
        conn = next;
    }
}

void
ims_conn_tell_stopping(ImsConn *conn)
{
    if (conn->state == IMS_CONN_LINGERS)
        ims_conn_abort(conn);
    if (conn->stopped || conn->state != IMS_CONN_OPEN)
        return;
    conn->stopped = TRUE;
    if (conn->session == NULL)
        ims_conn_abort(conn);
    else if (conn->session->klass->stopping != NULL)
        conn->session->klass->stopping(conn->session);
    else
        ims_conn_close(conn);
}

void
ims_conn_loop_stop(ImsConnLoop *loop)
{
    loop->stopping = TRUE;
    for (GList *l = loop->all.head; l != NULL; l = l->next)
        ims_conn_tell_stopping(l->data);
}

void
ims_conn_loop_abort(ImsConnLoop *loop)
{
    for (GList *l = loop->all.head; l != NULL; l = l->next)
        ims_conn_abort(l->data);
}
