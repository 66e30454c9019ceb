/* What a kind of connection (socket, simulated) gives to conn.c and takes from it. Private to net/.
 */
#pragma once

#include "net/conn.h"
#include "net/output.h"

G_BEGIN_DECLS

typedef struct {
    /* How many bytes the peer took; 0: none now, ims_conn_writable() follows; -1: the connection is
     * broken. */
    gssize (*write)(ImsConn *conn, const struct iovec *pieces, guint n_pieces);
    /* Input is wanted, or not. */
    void (*set_reading)(ImsConn *conn, gboolean on);
    gboolean (*can_start_tls)(ImsConn *conn);
    /* Starts the handshake; ims_conn_tls_done() or ims_conn_abort() follows, at once or later. */
    void (*start_tls)(ImsConn *conn);
    /* Everything has left: tells the peer. TRUE: nothing to wait for; FALSE: ims_conn_abort() when
     * the peer is done. */
    gboolean (*finish)(ImsConn *conn);
    /* Closes and frees the connection, which is in no list any more. */
    void (*destroy)(ImsConn *conn);
} ImsConnTransport;

/* All connections of one executor. */
typedef struct {
    GQueue all;             /* (element-type ImsConn) */
    ImsConn *dirty, **tail; /* those with something to do at the end of the turn */
    gboolean stopping;
} ImsConnLoop;

typedef enum {
    IMS_CONN_OPEN,
    IMS_CONN_CLOSING, /* the output leaves, then the end */
    IMS_CONN_LINGERS, /* @closed was called; the peer may read the last bytes before the socket goes
                       */
    IMS_CONN_DEAD,    /* to be freed at the end of the turn */
} ImsConnState;

/* First member of each kind of connection. */
struct _ImsConn {
    const ImsConnTransport *transport;
    ImsConnLoop *loop;
    ImsWorld *world;
    ImsExecutor *executor;
    ImsSession *session; /* (nullable): before it is made, and after @closed */
    ImsConnInfo info;
    GList link; /* in loop->all */
    ImsConn *next_dirty;
    ImsTimer *timer;
    gint64 timer_due_usec;
    gint64 input_usec;    /* of the last input, or of the last change of what we wait for */
    gint64 progress_usec; /* when the peer last took output, or there was none before */
    gint64 state_usec;    /* when the handshake began, the peer's EOF came, or the state changed */
    ImsOutput output;
    guint8 *input; /* (nullable): what the session left */
    gsize input_length, input_size;
    gsize input_limit;
    guint timeout_sec;
    ImsConnState state : 3;
    guint queued : 1;  /* in loop->dirty */
    guint in_turn : 1; /* its end of turn is running */
    guint again : 1;   /* something came up after the flush of this turn: another turn */
    guint wake : 1;    /* call @input */
    guint later : 1;   /* call @resume in this end of turn */
    guint high : 1;    /* was above the high-water mark: @resume once below the low one */
    guint eof : 1;     /* the peer sends no more */
    guint busy : 1;    /* as the session says */
    guint tls_wanted : 1;
    guint handshake : 1;
    guint reading : 1;
    guint stopped : 1; /* @stopping was called */
    guint patient : 1; /* no @timed_out (simulated connections) */
};

/* ---- between conn.c and conn-turn.c ---- */

/* Something is to be done at the end of the turn. */
void ims_conn_mark(ImsConn *conn);
/* The session may be called: it is there, and it has not closed. */
gboolean ims_conn_is_open(const ImsConn *conn);
/* Never back to an earlier one. */
void ims_conn_set_state(ImsConn *conn, ImsConnState state);
void ims_conn_tell_stopping(ImsConn *conn);

/* ---- the loop ---- */

void ims_conn_loop_init(ImsConnLoop *loop);
gboolean ims_conn_loop_has_work(const ImsConnLoop *loop);
/* The end of a turn: input that was asked for, @resume, one write for all that was written,
 * @closed. */
void ims_conn_loop_run(ImsConnLoop *loop);
/* @stopping to every session; sessions made later are told at once. */
void ims_conn_loop_stop(ImsConnLoop *loop);
void ims_conn_loop_abort(ImsConnLoop *loop);

/* ---- the transports ---- */

/* @info: copied; its id is given here. On the executor that @loop belongs to. */
void ims_conn_init(ImsConn *conn, const ImsConnTransport *transport, ImsWorld *world,
                   ImsExecutor *executor, ImsConnLoop *loop, const ImsConnInfo *info);
/* NULL: closes at once. */
void ims_conn_set_session(ImsConn *conn, ImsSession *session);
/* How many bytes may be read now; 0: none. */
gsize ims_conn_room(ImsConn *conn);
/* New bytes from the peer. */
void ims_conn_received(ImsConn *conn, const guint8 *bytes, gsize length);
void ims_conn_peer_eof(ImsConn *conn);
void ims_conn_writable(ImsConn *conn);
/* The handshake starts without being asked for by the session (implicit TLS). */
void ims_conn_begin_handshake(ImsConn *conn);
/* @version, @cipher: static. */
void ims_conn_tls_done(ImsConn *conn, const char *version, const char *cipher);
gboolean ims_conn_is_dead(const ImsConn *conn);

G_END_DECLS
