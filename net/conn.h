/*
 * A connection as a session sees it: bytes in, bytes out, no socket. The same session code runs on
 * epoll, in a test, in a scenario and in a fuzzer.
 */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

typedef struct _ImsConn ImsConn;
typedef struct _ImsSession ImsSession;

/* What a session may know of its connection; plain values, never a socket. */
typedef struct {
    guint64 id; /* unique in this process; leads each log line */
    ImsAddress peer, local;
    guint16 peer_port, local_port;
    gboolean tls;
    const char *tls_version;   /* (nullable): "TLSv1.3" */
    const char *tls_cipher;    /* (nullable) */
    gboolean clear_text_logon; /* the listener has ClearTextLogon=yes */
    gpointer listener_data;    /* as given to the listener */
} ImsConnInfo;

/**
 * ImsSessionClass:
 * @input: new bytes. Returns how many it consumed; what is left is kept and given again, longer,
 * with the next bytes or after ims_conn_wake(). A session that waits for something (a commit, a
 * hash) consumes nothing meanwhile; past the connection's input limit the socket is not read, so
 * the client waits too.
 * @resume: the output has drained below the low-water mark, or ims_conn_later() was called.
 * (nullable)
 * @tls_started: the handshake after ims_conn_start_tls() succeeded; clear text received before was
 * dropped. (nullable)
 * @timed_out: nothing came for the time set. The session writes its farewell and closes.
 * @stopping: the service stops: say farewell and close, at once if idle, after the present command
 * otherwise.
 * @closed: the connection is gone; the session must not touch it again. It releases itself now or,
 * while an operation of the store or the pool is under way, when that completes.
 *
 * A peer that closes its sending half still has what it sent before given to @input and gets the
 * replies; then, or 3 seconds later where the session leaves input unconsumed, comes @closed. No
 * callback runs inside another, and @closed comes once, last, in the end of a turn.
 */
typedef struct {
    gsize (*input)(ImsSession *session, const guint8 *bytes, gsize length);
    void (*resume)(ImsSession *session);
    void (*tls_started)(ImsSession *session);
    void (*timed_out)(ImsSession *session);
    void (*stopping)(ImsSession *session);
    void (*closed)(ImsSession *session);
} ImsSessionClass;

/* Embedded first in each protocol's session struct. */
struct _ImsSession {
    const ImsSessionClass *klass;
};

/* All of these on the session's own executor, and not after @closed. */
const ImsConnInfo *ims_conn_info(ImsConn *conn);
ImsWorld *ims_conn_world(ImsConn *conn);
ImsExecutor *ims_conn_executor(ImsConn *conn);
/* Appends to the output. Everything written in one turn leaves in one write. */
void ims_conn_write(ImsConn *conn, const void *bytes, gsize length);
void ims_conn_puts(ImsConn *conn, const char *text);
void ims_conn_printf(ImsConn *conn, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Appends a part of @bytes by reference, without a copy. */
void ims_conn_write_bytes(ImsConn *conn, GBytes *bytes, gsize offset, gsize length);
/* Bytes written that the socket has not taken yet. Long replies stop above IMS_CONN_HIGH_WATER and
 * go on in @resume. */
gsize ims_conn_pending(ImsConn *conn);
#define IMS_CONN_HIGH_WATER (256u * 1024)
#define IMS_CONN_LOW_WATER (64u * 1024)
/* Calls @resume in a later turn of the loop, so that others have theirs. */
void ims_conn_later(ImsConn *conn);
/* Calls @input again in this turn or the next with what is buffered, even if nothing new came. */
void ims_conn_wake(ImsConn *conn);
/* How many bytes may wait unconsumed before the socket is no longer read. Default 64 KiB. */
void ims_conn_set_input_limit(ImsConn *conn, gsize limit_bytes);
/*
 * Seconds without input from the peer until @timed_out; 0: never. Starts anew with each input, each
 * byte the peer takes, and each call of ims_conn_set_busy(). Does not run while output is pending:
 * a peer that takes none of it for the same time (300 seconds where there is none) is cut off.
 */
void ims_conn_set_timeout(ImsConn *conn, guint timeout_sec);
/*
 * After what was written so far has left: TLS handshake as server. FALSE: no certificate here, or
 * TLS already. The session takes no further command out of the bytes it has: what it leaves
 * unconsumed is dropped.
 */
gboolean ims_conn_can_start_tls(ImsConn *conn);
void ims_conn_start_tls(ImsConn *conn);
/*
 * TRUE while a command that was consumed is still under way (a commit, a hash), FALSE when its
 * reply was written. The input time-out does not run meanwhile, and a peer that has closed its
 * sending half still gets the reply. A session that leaves its input unconsumed meanwhile need not
 * say so for the latter.
 */
void ims_conn_set_busy(ImsConn *conn, gboolean busy);
/* Closes after what was written has left (bounded wait); @closed follows. */
void ims_conn_close(ImsConn *conn);
/* Closes at once. */
void ims_conn_abort(ImsConn *conn);

/* ---- listeners (real world) ---- */

typedef struct _ImsTls ImsTls; /* certificate, key and settings; reference counted */
/* @error names the file and what is wrong with it. */
ImsTls *ims_tls_new(const char *certificate_file, const char *key_file, GError **error);
ImsTls *ims_tls_ref(ImsTls *tls);
void ims_tls_unref(ImsTls *tls);
/* Makes a self-signed certificate for @names (DNS names and addresses) if the files do not exist;
 * key file mode 0600. */
gboolean ims_tls_make_self_signed(const char *certificate_file, const char *key_file,
                                  const char *const *names, GError **error);

/* A limit that several listeners share: it counts the open sessions of all that name it. */
typedef struct {
    guint max; /* 0: none */
    gint open; /* atomic */
} ImsSessionLimit;

#define IMS_LISTENER_LIMITS 2

typedef struct {
    ImsAddress address;
    guint16 port; /* 0: any free port, see ims_listener_port() */
    ImsTls *tls;  /* (nullable): STARTTLS offered, or implicit */
    gboolean implicit_tls;
    gboolean clear_text_logon;
    guint max_sessions; /* of this listener; 0: none */
    /* (nullable): met as well; they outlive the listener's last session */
    ImsSessionLimit *limits[IMS_LISTENER_LIMITS];
    guint max_sessions_address; /* of one peer address (IPv6: one /64) over all
 listeners; 0: none */
    const char *refusal;        /* (nullable): sent when over a limit, with CRLF; e.g. "421 …" */
    /* Makes the session of a new connection, on its worker. NULL: close at once. It writes the
     * greeting itself. */
    ImsSession *(*new_session)(ImsConn *conn, gpointer data);
    gpointer data;
} ImsListenerOptions;

typedef struct _ImsListener ImsListener;
/**
 * ims_listener_new:
 * @options: copied; @data must outlive the listener
 * @inherited_fd: a listening socket handed over at a restart, or -1
 *
 * One listening socket, in every worker's epoll with EPOLLEXCLUSIVE. @error names address, port and
 * reason.
 */
ImsListener *ims_listener_new(ImsWorld *world, const ImsListenerOptions *options, int inherited_fd,
                              GError **error);
guint16 ims_listener_port(ImsListener *listener);
int ims_listener_fd(ImsListener *listener);
guint ims_listener_sessions(ImsListener *listener); /* now open */
/* Takes no more connections; the socket stays open (for hand-over) until freed. */
void ims_listener_stop(ImsListener *listener);
void ims_listener_free(ImsListener *listener);
/* All sessions of all listeners: @stopping, then aborted after @grace_usec; @done on main when the
 * last is gone. */
void ims_world_stop_sessions(ImsWorld *world, gint64 grace_usec, ImsCallback done, gpointer data);

G_END_DECLS
