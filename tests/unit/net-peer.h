/* A service of tests/unit/net-lines.h on a free port, and the client's side of a socket. */
#pragma once

#include "tests/unit/net-lines.h"

#define WAIT_SEC 20

typedef struct {
    ImsWorld *world;
    ImsListener *listener;
    LinesOptions lines;
    int open;
    guint16 port;
    char *folder, *certificate, *key;
    ImsTls *tls;
    gboolean stopped;
} Peer;

typedef struct {
    gboolean tls, implicit_tls;
    guint max_sessions, max_sessions_address, timeout_sec;
    ImsSessionLimit *shared; /* (nullable) */
} PeerSettings;

/* For g_test_add(); @settings: (nullable): a PeerSettings. */
void peer_set_up(Peer *f, gconstpointer settings);
/* Stops what runs and checks that nothing is left. */
void peer_tear_down(Peer *f, gconstpointer settings);
void peer_stop_sessions(Peer *f, gint64 grace_usec);

int peer_dial(Peer *f);
void peer_put(int fd, const char *text);
/* Reads as many bytes as @wanted has, and compares. */
void peer_hear(int fd, const char *wanted);
/* The other side has closed; closes @fd. */
void peer_hear_end(int fd);
