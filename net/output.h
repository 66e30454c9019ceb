/* The output of a connection: a chain of small buffers of its own and of references to bytes.
 * Private to net/. */
#pragma once

#include <glib.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct _ImsOutputPiece ImsOutputPiece;

/* All zero is an empty one. It holds no memory while it is empty. */
typedef struct {
    ImsOutputPiece *first, *last;
    gsize pending; /* bytes in all */
    gsize owned;   /* bytes that are copies */
} ImsOutput;

void ims_output_append(ImsOutput *output, const void *bytes, gsize length);
/* Borrows a reference of @bytes unless the part is so small that a copy is cheaper. */
void ims_output_append_bytes(ImsOutput *output, GBytes *bytes, gsize offset, gsize length);
/* Fills @pieces with the front of the chain; returns how many, at most @n_pieces. */
guint ims_output_peek(const ImsOutput *output, struct iovec *pieces, guint n_pieces);
/* Drops @length bytes at the front. */
void ims_output_consume(ImsOutput *output, gsize length);
void ims_output_clear(ImsOutput *output);

G_END_DECLS
