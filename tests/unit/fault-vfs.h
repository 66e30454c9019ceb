/* A file system below SQLite that fails the Nth write or sync. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    FAULT_WRITE,      /* SQLITE_IOERR_WRITE */
    FAULT_SYNC,       /* SQLITE_IOERR_FSYNC */
    FAULT_FULL,       /* SQLITE_FULL from a write */
    FAULT_HALF_WRITE, /* half of the octets reach the file, then SQLITE_IOERR_WRITE */
} FaultKind;

/* Makes it the default for what is opened from now on. Once a process. */
void fault_vfs_install(void);
/* Fails the @nth call of that sort from now on, and if @lasting all that follow. 0: none. */
void fault_vfs_arm(FaultKind kind, guint nth, gboolean lasting);
/* Disarms. TRUE if a call was failed since it was armed. */
gboolean fault_vfs_disarm(void);

G_END_DECLS
