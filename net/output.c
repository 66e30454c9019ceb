#include "net/output.h"

#include <string.h>

#define FIRST_PIECE 512u
#define NEXT_PIECE (16u * 1024)
/* A reference costs a piece and a slot of the write; below this a copy is cheaper. */
#define COPY_BELOW 512u

struct _ImsOutputPiece {
    ImsOutputPiece *next;
    GBytes *bytes;      /* (nullable): NULL where the bytes follow the struct */
    const guint8 *data; /* what has not left yet */
    gsize length;
    gsize room; /* bytes free at the end */
    guint8 own[];
};

static ImsOutputPiece *
add_piece(ImsOutput *output, gsize room)
{
    ImsOutputPiece *piece = g_malloc(sizeof *piece + room);

    piece->next = NULL;
    piece->bytes = NULL;
    piece->data = piece->own;
    piece->length = 0;
    piece->room = room;
    if (output->last != NULL)
        output->last->next = piece;
    else
        output->first = piece;
    output->last = piece;
    return piece;
}

void
ims_output_append(ImsOutput *output, const void *bytes, gsize length)
{
    const guint8 *rest = bytes;

    output->pending += length;
    output->owned += length;
    while (length > 0) {
        ImsOutputPiece *piece = output->last;
        gsize part;

        if (piece == NULL || piece->room == 0)
            piece = add_piece(
                output, MAX(piece == NULL ? FIRST_PIECE : NEXT_PIECE, MIN(length, NEXT_PIECE)));
        part = MIN(length, piece->room);
        memcpy((guint8 *)piece->data + piece->length, rest, part);
        piece->length += part;
        piece->room -= part;
        rest += part;
        length -= part;
    }
}

void
ims_output_append_bytes(ImsOutput *output, GBytes *bytes, gsize offset, gsize length)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    ImsOutputPiece *piece;

    g_assert(offset <= size && length <= size - offset);
    if (length < COPY_BELOW) {
        if (length > 0)
            ims_output_append(output, data + offset, length);
        return;
    }
    piece = add_piece(output, 0);
    piece->bytes = g_bytes_ref(bytes);
    piece->data = data + offset;
    piece->length = length;
    output->pending += length;
}

guint
ims_output_peek(const ImsOutput *output, struct iovec *pieces, guint n_pieces)
{
    guint n = 0;

    for (ImsOutputPiece *piece = output->first; piece != NULL && n < n_pieces;
         piece = piece->next) {
        pieces[n].iov_base = (void *)piece->data;
        pieces[n++].iov_len = piece->length;
    }
    return n;
}

static void
drop_first(ImsOutput *output)
{
    ImsOutputPiece *piece = output->first;

    output->first = piece->next;
    if (output->first == NULL)
        output->last = NULL;
    g_clear_pointer(&piece->bytes, g_bytes_unref);
    g_free(piece);
}

void
ims_output_consume(ImsOutput *output, gsize length)
{
    g_assert(length <= output->pending);
    output->pending -= length;
    while (output->first != NULL) {
        ImsOutputPiece *piece = output->first;
        gsize part = MIN(length, piece->length);

        piece->data += part;
        piece->length -= part;
        length -= part;
        if (piece->bytes == NULL)
            output->owned -= part;
        if (piece->length > 0)
            break;
        drop_first(output);
    }
}

void
ims_output_clear(ImsOutput *output)
{
    while (output->first != NULL)
        drop_first(output);
    output->pending = output->owned = 0;
}
