/* The simulated world: one thread, a clock that moves when told, DNS and peers that are tables. No
 * socket, no thread. */
#pragma once

#include "net/conn.h"

G_BEGIN_DECLS

ImsWorld *ims_sim_world_new(guint64 seed, gint64 start_wall_usec);
void ims_sim_world_free(ImsWorld *world);
/* Runs everything that is due at this instant, pool and writer included, until nothing is. */
void ims_sim_world_settle(ImsWorld *world);
/* Moves the clock on by @usec, firing timers in order and settling after each. */
void ims_sim_world_advance(ImsWorld *world, gint64 usec);

/* DNS: replaces what was there for this name and kind. Not set: IMS_LOOKUP_NOT_FOUND. @result is
 * copied. */
void ims_sim_world_set_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                              const ImsLookupResult *result);

/* A connection from a test: what the peer would see. */
typedef struct _ImsSimConn ImsSimConn;
typedef ImsSession *(*ImsNewSession)(ImsConn *conn, gpointer data);
/* Opens a session. @info: peer, local, ports, clear_text_logon, listener_data are used. Does not
 * settle. */
ImsSimConn *ims_sim_conn_open(ImsWorld *world, const ImsConnInfo *info, ImsNewSession new_session,
                              gpointer data);
/* The peer sends. Does not settle. */
void ims_sim_conn_send(ImsSimConn *conn, const void *bytes, gsize length);
/* Everything written by the server since the last call. (transfer full) */
GString *ims_sim_conn_take(ImsSimConn *conn);
gboolean ims_sim_conn_is_closed(ImsSimConn *conn); /* by the server */
gboolean ims_sim_conn_tls_wanted(
    ImsSimConn *conn); /* STARTTLS was accepted; the handshake counts as done at settle */
void ims_sim_conn_set_tls_available(ImsSimConn *conn, gboolean available);
/* The peer asks for TLS and then never does its part of the handshake. */
void ims_sim_conn_set_tls_silent(ImsSimConn *conn, gboolean silent);
/* While TRUE the peer reads nothing, so what the server writes stays pending. */
void ims_sim_conn_set_stalled(ImsSimConn *conn, gboolean stalled);
/* While TRUE the server waits for the peer without limit: no time-out for input is played. */
void ims_sim_conn_set_patient(ImsSimConn *conn, gboolean patient);
/* The peer closes its sending half and still reads. Does not settle. */
void ims_sim_conn_shut(ImsSimConn *conn);
/* The peer closes (if the server did not) and the handle is freed. */
void ims_sim_conn_close(ImsSimConn *conn);
/* As ims_world_stop_sessions() but inline; sessions opened after it live. */
void ims_sim_world_stop_sessions(ImsWorld *world);

G_END_DECLS
