/* The session of the tests of net/. */
#pragma once

#include "net/conn.h"

typedef struct {
    GString *trace; /* (nullable): a letter for each callback; one session only */
    int *open;      /* (nullable): atomic: sessions now open */
    guint timeout_sec;
} LinesOptions;

/*
 * A small protocol of lines: ECHO text; QUIT; ABORT; TLS; SLOW (consumed, replied to after one
 * second); HOLD (the same, but not consumed meanwhile); BIG n (n blocks of 64 KiB, in slices);
 * LATER; a lone "." is left unconsumed for ever.
 */
typedef struct {
    ImsSession session;
    ImsConn *conn;
    const LinesOptions *options;
    guint blocks;
    gboolean held, released, inside, handshake;
    ImsTimer *timer;
} Lines;

/* @options: a LinesOptions that outlives the session. */
ImsSession *lines_new(ImsConn *conn, gpointer options);
