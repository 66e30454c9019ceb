/* From a DNS answer to an ImsLookupResult. Private to net/. */
#pragma once

#include "net/world.h"

G_BEGIN_DECLS

/**
 * ims_resolver_answer:
 * @address: PTR only: what was asked for
 * @status: of c-ares
 * @bytes: the answer as it came from the network; not looked at unless @status is a success
 *
 * Names that no host can have (blanks, controls, over 253 bytes) are left out: they would go into
 * logs and commands.
 *
 * Returns: (transfer full): never NULL
 */
ImsLookupResult *ims_resolver_answer(ImsLookupKind kind, const ImsAddress *address, int status,
                                     const guint8 *bytes, int length);

G_END_DECLS
