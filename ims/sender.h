/* Sending over sockets: libesmtp in a pool of threads, and a small sender of our own for what
 * libesmtp would damage. */
#pragma once

#include "ims/config.h"
#include "net/world.h"

G_BEGIN_DECLS

typedef struct _ImsSender ImsSender;
/* @max_threads connections at once. Registers itself with ims_world_set_sender(). */
ImsSender *ims_sender_new(ImsWorld *world, guint max_threads, GError **error);
/* Waits for jobs under way: the executors they report to must still run, so stop the queue runner
 * first. */
void ims_sender_free(ImsSender *sender);

/* Why libesmtp would alter @message by removing or breaking something; NULL where it may have it.
 * Static text. */
const char *ims_sender_esmtp_alters(const ImsSendMessage *message);

G_END_DECLS
