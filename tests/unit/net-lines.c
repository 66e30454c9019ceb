#include "tests/unit/net-lines.h"

#include <string.h>

static void
enter(Lines *self, const char *what)
{
    g_assert_false(self->inside); /* no callback inside a callback */
    self->inside = TRUE;
    if (self->options->trace != NULL)
        g_string_append(self->options->trace, what);
}

static void
slow_done(gpointer data)
{
    Lines *self = data;

    self->timer = NULL;
    ims_conn_puts(self->conn, "slow done\r\n");
    ims_conn_set_busy(self->conn, FALSE);
}

static void
hold_done(gpointer data)
{
    Lines *self = data;

    self->timer = NULL;
    self->released = TRUE;
    ims_conn_wake(self->conn);
}

static void
send_blocks(Lines *self)
{
    static const char block[64 * 1024] = "block";

    while (self->blocks > 0 && ims_conn_pending(self->conn) < IMS_CONN_HIGH_WATER) {
        ims_conn_write(self->conn, block, sizeof block);
        self->blocks--;
    }
    if (self->blocks == 0)
        ims_conn_puts(self->conn, "end\r\n");
}

/* FALSE: not consumed. */
static gboolean
run_line(Lines *self, const char *line)
{
    ImsWorld *world = ims_conn_world(self->conn);

    if (g_str_has_prefix(line, "ECHO ")) {
        ims_conn_printf(self->conn, "%s\r\n", line + 5);
    } else if (g_str_equal(line, "QUIT")) {
        ims_conn_puts(self->conn, "bye\r\n");
        ims_conn_close(self->conn);
        ims_conn_puts(self->conn, "not sent\r\n");
    } else if (g_str_equal(line, "ABORT")) {
        ims_conn_puts(self->conn, "not sent\r\n");
        ims_conn_abort(self->conn);
    } else if (g_str_equal(line, "TLS") && ims_conn_can_start_tls(self->conn)) {
        ims_conn_puts(self->conn, "go\r\n");
        ims_conn_start_tls(self->conn);
        self->handshake = TRUE;
    } else if (g_str_equal(line, "SLOW")) {
        ims_conn_set_busy(self->conn, TRUE);
        self->timer = ims_world_timer_add(world, G_USEC_PER_SEC, slow_done, self);
    } else if (g_str_equal(line, "HOLD")) {
        if (!self->held)
            self->timer = ims_world_timer_add(world, G_USEC_PER_SEC, hold_done, self);
        self->held = TRUE;
        if (!self->released)
            return FALSE;
        self->held = self->released = FALSE;
        ims_conn_puts(self->conn, "hold done\r\n");
    } else if (g_str_has_prefix(line, "BIG ")) {
        self->blocks = (guint)g_ascii_strtoull(line + 4, NULL, 10);
        send_blocks(self);
    } else if (g_str_equal(line, "LATER")) {
        ims_conn_later(self->conn);
    } else if (g_str_equal(line, ".")) {
        return FALSE;
    } else {
        ims_conn_puts(self->conn, "what?\r\n");
    }
    return TRUE;
}

static gsize
lines_input(ImsSession *session, const guint8 *bytes, gsize length)
{
    Lines *self = (Lines *)session;
    gsize used = 0;
    const guint8 *end;

    enter(self, "i");
    while (used < length && (end = memchr(bytes + used, '\n', length - used)) != NULL) {
        gsize size = (gsize)(end - bytes) - used;
        g_autofree char *line = g_strndup((const char *)bytes + used, size);

        g_strchomp(line);
        if (!run_line(self, line))
            break;
        used += size + 1;
        if (self->handshake)
            break;
    }
    self->inside = FALSE;
    return used;
}

static void
lines_resume(ImsSession *session)
{
    Lines *self = (Lines *)session;

    enter(self, "r");
    if (self->blocks > 0)
        send_blocks(self);
    self->inside = FALSE;
}

static void
lines_tls_started(ImsSession *session)
{
    Lines *self = (Lines *)session;

    enter(self, "t");
    g_assert_true(ims_conn_info(self->conn)->tls);
    g_assert_nonnull(ims_conn_info(self->conn)->tls_version);
    g_assert_false(ims_conn_can_start_tls(self->conn));
    ims_conn_puts(self->conn, "secret\r\n");
    self->handshake = FALSE;
    self->inside = FALSE;
}

static void
lines_timed_out(ImsSession *session)
{
    Lines *self = (Lines *)session;

    enter(self, "T");
    ims_conn_puts(self->conn, "too slow\r\n");
    ims_conn_close(self->conn);
    self->inside = FALSE;
}

static void
lines_stopping(ImsSession *session)
{
    Lines *self = (Lines *)session;

    enter(self, "S");
    ims_conn_puts(self->conn, "stopping\r\n");
    if (!self->held)
        ims_conn_close(self->conn);
    self->inside = FALSE;
}

static void
lines_closed(ImsSession *session)
{
    Lines *self = (Lines *)session;

    enter(self, "c");
    ims_world_timer_cancel(ims_conn_world(self->conn), &self->timer);
    if (self->options->open != NULL)
        g_atomic_int_add(self->options->open, -1);
    g_free(self);
}

static const ImsSessionClass lines_class = {
    .input = lines_input,
    .resume = lines_resume,
    .tls_started = lines_tls_started,
    .timed_out = lines_timed_out,
    .stopping = lines_stopping,
    .closed = lines_closed,
};

ImsSession *
lines_new(ImsConn *conn, gpointer options)
{
    Lines *self = g_new0(Lines, 1);

    self->session.klass = &lines_class;
    self->conn = conn;
    self->options = options;
    if (self->options->open != NULL)
        g_atomic_int_inc(self->options->open);
    ims_conn_set_timeout(conn, self->options->timeout_sec);
    ims_conn_puts(conn, ims_conn_info(conn)->tls ? "hello, safe\r\n" : "hello\r\n");
    return &self->session;
}
