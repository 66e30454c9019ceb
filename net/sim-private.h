/* The simulated world as its connections see it. Private to net/. */
#pragma once

#include "net/conn-private.h"
#include "net/sim-world.h"
#include "net/world-private.h"

G_BEGIN_DECLS

ImsConnLoop *ims_sim_world_loop(ImsWorld *world);

G_END_DECLS
