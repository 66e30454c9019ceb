/* What the facade and the engines share about operations. */
#pragma once

#include "store/engine.h"

G_BEGIN_DECLS

/* Forgets results and error, so that the operation can be run again. */
void ims_store_op_reset(ImsStoreOp *op);
/* The delivery an operation carries: itself, or an outcome's report. (transfer none) (nullable) */
ImsDeliverOp *ims_store_op_delivery(ImsStoreOp *op);
/* About what it holds in memory while it waits. */
gsize ims_store_op_cost(ImsStoreOp *op);
void ims_queue_domain_free(ImsQueueDomain *domain);
void ims_message_row_free(ImsMessageRow *row);

G_END_DECLS
