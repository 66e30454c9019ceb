/* What an operation must fulfil before an engine sees it. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/* Checks, and brings names into their canonical form. FALSE with IMS_STORE_ERROR_INVALID (or
 * EXISTS). */
gboolean ims_store_op_check(ImsStoreOp *op, GError **error);

G_END_DECLS
