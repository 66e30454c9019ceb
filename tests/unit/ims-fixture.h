/* A service without store and sockets: configuration, directory and a simulated world. */
#pragma once

#include "ims/queue.h"
#include "net/sim-world.h"

G_BEGIN_DECLS

/* Wed, 25 Nov 2026 09:00:00 UTC */
#define IMS_FIXTURE_WALL_USEC (G_GINT64_CONSTANT(1795597200) * G_USEC_PER_SEC)

typedef struct {
    ImsWorld *world;
    ImsConfig *config;
    ImsService service;
} ImsFixture;

/* @conf stands behind [Server] with mail.example.com, example.com, Org and Site. */
void ims_fixture_open(ImsFixture *fixture, const char *conf);
void ims_fixture_close(ImsFixture *fixture);
/* @addresses, @members (nullable): separated by blanks. Returns the id. */
guint64 ims_fixture_add(ImsFixture *fixture, ImsRecipientKind kind, const char *alias,
                        const char *addresses, const char *target, const char *members);

G_END_DECLS
