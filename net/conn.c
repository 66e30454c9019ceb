#include "net/conn.h"

#include <stdarg.h>
#include <string.h>

#include "net/conn-private.h"
#include "net/world-private.h"

#define DEFAULT_INPUT_LIMIT (64u * 1024)
#define MAX_OWNED_OUTPUT (16u * 1024 * 1024)

/* ---- for the transports ---- */

void
ims_conn_init(ImsConn *conn, const ImsConnTransport *transport, ImsWorld *world,
              ImsExecutor *executor, ImsConnLoop *loop, const ImsConnInfo *info)
{
    memset(conn, 0, sizeof *conn);
    conn->transport = transport;
    conn->world = world;
    conn->executor = executor;
    conn->loop = loop;
    conn->info = *info;
    conn->info.id = 1 + __atomic_fetch_add(&world->next_conn_id, 1, __ATOMIC_RELAXED);
    conn->input_limit = DEFAULT_INPUT_LIMIT;
    conn->input_usec = conn->progress_usec = conn->state_usec = ims_world_mono_usec(conn->world);
    conn->link.data = conn;
    g_queue_push_tail_link(&loop->all, &conn->link);
    ims_conn_mark(conn);
}

void
ims_conn_set_session(ImsConn *conn, ImsSession *session)
{
    conn->session = session;
    conn->input_usec = ims_world_mono_usec(conn->world);
    if (session == NULL)
        ims_conn_abort(conn);
    else if (conn->loop->stopping)
        ims_conn_tell_stopping(conn);
    ims_conn_mark(conn);
}

void
ims_conn_writable(ImsConn *conn)
{
    ims_conn_mark(conn);
}

void
ims_conn_begin_handshake(ImsConn *conn)
{
    conn->handshake = TRUE;
    conn->state_usec = ims_world_mono_usec(conn->world);
    ims_conn_mark(conn);
}

void
ims_conn_tls_done(ImsConn *conn, const char *version, const char *cipher)
{
    g_assert(conn->handshake);
    conn->handshake = FALSE;
    conn->info.tls = TRUE;
    conn->info.tls_version = version;
    conn->info.tls_cipher = cipher;
    conn->input_usec = ims_world_mono_usec(conn->world);
    if (ims_conn_is_open(conn) && conn->session->klass->tls_started != NULL)
        conn->session->klass->tls_started(conn->session);
    ims_conn_mark(conn);
}

/* ---- for the sessions ---- */

const ImsConnInfo *
ims_conn_info(ImsConn *conn)
{
    return &conn->info;
}

ImsWorld *
ims_conn_world(ImsConn *conn)
{
    return conn->world;
}

ImsExecutor *
ims_conn_executor(ImsConn *conn)
{
    return conn->executor;
}

/* FALSE: what is written now goes nowhere. */
static gboolean
may_write(ImsConn *conn)
{
    if (conn->state != IMS_CONN_OPEN)
        return FALSE;
    if (conn->output.pending == 0)
        conn->progress_usec = ims_world_mono_usec(conn->world);
    return TRUE;
}

static void
wrote(ImsConn *conn)
{
    if (conn->output.pending >= IMS_CONN_HIGH_WATER)
        conn->high = TRUE;
    if (conn->output.owned > MAX_OWNED_OUTPUT)
        ims_conn_abort(conn);
    ims_conn_mark(conn);
}

void
ims_conn_write(ImsConn *conn, const void *bytes, gsize length)
{
    if (length == 0 || !may_write(conn))
        return;
    ims_output_append(&conn->output, bytes, length);
    wrote(conn);
}

void
ims_conn_puts(ImsConn *conn, const char *text)
{
    ims_conn_write(conn, text, strlen(text));
}

void
ims_conn_printf(ImsConn *conn, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    ims_conn_puts(conn, text);
}

void
ims_conn_write_bytes(ImsConn *conn, GBytes *bytes, gsize offset, gsize length)
{
    if (length == 0 || !may_write(conn))
        return;
    ims_output_append_bytes(&conn->output, bytes, offset, length);
    wrote(conn);
}

gsize
ims_conn_pending(ImsConn *conn)
{
    return conn->output.pending;
}

void
ims_conn_later(ImsConn *conn)
{
    conn->later = TRUE;
    ims_conn_mark(conn);
}

void
ims_conn_wake(ImsConn *conn)
{
    conn->wake = TRUE;
    ims_conn_mark(conn);
}

void
ims_conn_set_input_limit(ImsConn *conn, gsize limit_bytes)
{
    conn->input_limit = limit_bytes;
    ims_conn_mark(conn);
}

void
ims_conn_set_timeout(ImsConn *conn, guint timeout_sec)
{
    conn->timeout_sec = timeout_sec;
    conn->input_usec = ims_world_mono_usec(conn->world);
    ims_conn_mark(conn);
}

void
ims_conn_set_busy(ImsConn *conn, gboolean busy)
{
    conn->busy = busy;
    conn->input_usec = ims_world_mono_usec(conn->world);
    ims_conn_mark(conn);
}

gboolean
ims_conn_can_start_tls(ImsConn *conn)
{
    return !conn->info.tls && conn->transport->can_start_tls(conn);
}

void
ims_conn_start_tls(ImsConn *conn)
{
    g_assert(ims_conn_can_start_tls(conn));
    if (conn->state != IMS_CONN_OPEN)
        return;
    conn->tls_wanted = TRUE;
    ims_conn_mark(conn);
}

void
ims_conn_close(ImsConn *conn)
{
    ims_conn_set_state(conn, IMS_CONN_CLOSING);
}

void
ims_conn_abort(ImsConn *conn)
{
    ims_conn_set_state(conn, IMS_CONN_DEAD);
    ims_output_clear(&conn->output);
}
