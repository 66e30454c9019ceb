#include "net/sim-private.h"

/* The connection; it may outlive the handle, and the handle may outlive it. */
typedef struct {
    ImsConn conn;
    ImsSimConn *handle; /* (nullable): the test has freed it */
    GByteArray *sent;   /* by the peer, not read yet */
    gboolean shut;      /* the peer sends no more */
} SimConn;

struct _ImsSimConn {
    ImsWorld *world;
    SimConn *conn; /* (nullable): the server has closed */
    GString *received;
    gboolean tls_wanted, tls_available, tls_silent, stalled;
};

/* ---- the transport ---- */

static gssize
sim_write(ImsConn *conn, const struct iovec *pieces, guint n_pieces)
{
    ImsSimConn *handle = ((SimConn *)conn)->handle;
    gssize written = 0;

    if (handle != NULL && handle->stalled)
        return 0;
    for (guint i = 0; i < n_pieces; i++) {
        if (handle != NULL)
            g_string_append_len(handle->received, pieces[i].iov_base, (gssize)pieces[i].iov_len);
        written += (gssize)pieces[i].iov_len;
    }
    return written;
}

static void
read_sent(gpointer data)
{
    SimConn *self = data;
    gsize room;

    while (self->sent->len > 0 && (room = ims_conn_room(&self->conn)) > 0) {
        gsize length = MIN(room, self->sent->len);
        g_autofree guint8 *bytes = g_memdup2(self->sent->data, length);

        g_byte_array_remove_range(self->sent, 0, (guint)length);
        ims_conn_received(&self->conn, bytes, length);
    }
    if (self->sent->len == 0 && self->shut)
        ims_conn_peer_eof(&self->conn);
}

static void
sim_set_reading(ImsConn *conn, gboolean on)
{
    SimConn *self = (SimConn *)conn;

    if (on && conn->state == IMS_CONN_OPEN && !conn->handshake)
        read_sent(self);
}

static gboolean
sim_can_start_tls(ImsConn *conn)
{
    SimConn *self = (SimConn *)conn;

    return self->handle != NULL && self->handle->tls_available;
}

static void
sim_start_tls(ImsConn *conn)
{
    SimConn *self = (SimConn *)conn;

    if (self->handle == NULL) {
        ims_conn_abort(conn);
        return;
    }
    /* What the peer sent before the handshake was in clear text. */
    g_byte_array_set_size(self->sent, 0);
    self->handle->tls_wanted = TRUE;
    if (!self->handle->tls_silent)
        ims_conn_tls_done(conn, "TLSv1.3", "TLS_AES_256_GCM_SHA384");
}

static gboolean
sim_finish(ImsConn *conn)
{
    return TRUE;
}

static void
sim_destroy(ImsConn *conn)
{
    SimConn *self = (SimConn *)conn;

    if (self->handle != NULL)
        self->handle->conn = NULL;
    g_byte_array_unref(self->sent);
    g_free(self);
}

static const ImsConnTransport sim_transport = {
    .write = sim_write,
    .set_reading = sim_set_reading,
    .can_start_tls = sim_can_start_tls,
    .start_tls = sim_start_tls,
    .finish = sim_finish,
    .destroy = sim_destroy,
};

/* ---- the peer ---- */

ImsSimConn *
ims_sim_conn_open(ImsWorld *world, const ImsConnInfo *info, ImsNewSession new_session,
                  gpointer data)
{
    SimConn *conn = g_new0(SimConn, 1);
    ImsSimConn *handle = g_new0(ImsSimConn, 1);

    handle->world = world;
    handle->conn = conn;
    handle->received = g_string_new(NULL);
    handle->tls_available = TRUE;
    ims_conn_init(&conn->conn, &sim_transport, world, ims_world_worker(world, 0),
                  ims_sim_world_loop(world), info);
    conn->handle = handle;
    conn->sent = g_byte_array_new();
    ims_conn_set_session(&conn->conn, new_session(&conn->conn, data));
    return handle;
}

void
ims_sim_conn_send(ImsSimConn *handle, const void *bytes, gsize length)
{
    SimConn *conn = handle->conn;

    if (conn == NULL || conn->shut || length == 0)
        return;
    g_byte_array_append(conn->sent, bytes, (guint)length);
    conn->conn.reading = FALSE; /* so that the end of the turn looks at what was sent */
    ims_conn_writable(&conn->conn);
}

void
ims_sim_conn_set_patient(ImsSimConn *handle, gboolean patient)
{
    if (handle->conn == NULL)
        return;
    handle->conn->conn.patient = patient ? 1 : 0;
    ims_conn_mark(&handle->conn->conn);
}

void
ims_sim_conn_shut(ImsSimConn *handle)
{
    if (handle->conn == NULL)
        return;
    handle->conn->shut = TRUE;
    handle->conn->conn.reading = FALSE;
    ims_conn_writable(&handle->conn->conn);
}

GString *
ims_sim_conn_take(ImsSimConn *handle)
{
    GString *received = handle->received;

    handle->received = g_string_new(NULL);
    return received;
}

gboolean
ims_sim_conn_is_closed(ImsSimConn *handle)
{
    return handle->conn == NULL;
}

gboolean
ims_sim_conn_tls_wanted(ImsSimConn *handle)
{
    return handle->tls_wanted;
}

void
ims_sim_conn_set_tls_available(ImsSimConn *handle, gboolean available)
{
    handle->tls_available = available;
}

void
ims_sim_conn_set_tls_silent(ImsSimConn *handle, gboolean silent)
{
    handle->tls_silent = silent;
}

void
ims_sim_conn_set_stalled(ImsSimConn *handle, gboolean stalled)
{
    handle->stalled = stalled;
    if (!stalled && handle->conn != NULL)
        ims_conn_writable(&handle->conn->conn);
}

void
ims_sim_conn_close(ImsSimConn *handle)
{
    if (handle == NULL)
        return;
    if (handle->conn != NULL) {
        ims_sim_conn_shut(handle);
        handle->conn->handle = NULL;
    }
    g_string_free(handle->received, TRUE);
    g_free(handle);
}
