/* Message bodies: their digest, and the files of the large ones (bodies/ab/NAME below the data
 * directory). */
#pragma once

#include "store/engine.h"

G_BEGIN_DECLS

typedef struct _ImsBodies ImsBodies;

/* @directory: (nullable): NULL: there are no body files. */
ImsBodies *ims_bodies_new(ImsWorld *world, const char *directory);
void ims_bodies_free(ImsBodies *bodies);
void ims_bodies_digest(const void *data, gsize size, guint8 digest_out[IMS_DIGEST_SIZE]);

/**
 * ims_bodies_write:
 *
 * Writes a new file and has it on disk, name and all, before it returns. Until ims_bodies_settle()
 * the file does not count as an orphan. Any thread; slow.
 *
 * Returns: (transfer full): its name; NULL with IMS_STORE_ERROR_FULL or IMS_STORE_ERROR_IO
 */
char *ims_bodies_write(ImsBodies *bodies, GBytes *body, const guint8 digest[IMS_DIGEST_SIZE],
                       GError **error);
/* The operation the file was written for is over: a row names it, or none ever will (@keep FALSE:
 * it is removed). */
void ims_bodies_settle(ImsBodies *bodies, const char *name, gboolean keep);
/* Checks an inline body, or maps and checks a file. (transfer full): IMS_STORE_ERROR_CORRUPT. Any
 * thread. */
GBytes *ims_bodies_read(ImsBodies *bodies, ImsContentId content, const ImsStoredBody *body,
                        GError **error);
/* The file's first octets, unchecked. (transfer full) */
GBytes *ims_bodies_read_header(ImsBodies *bodies, ImsContentId content, const ImsStoredBody *body,
                               GError **error);
/* Removes files nobody names any more. Slow; takes no lock while it works. */
void ims_bodies_remove(ImsBodies *bodies, GPtrArray *names);
/* Names in one of the 256 directories, but for those being written. (element-type utf8) (transfer
 * full) */
GPtrArray *ims_bodies_list(ImsBodies *bodies, guint directory);
guint64 ims_bodies_n_written(ImsBodies *bodies);

G_END_DECLS
