#include "tests/unit/fault-vfs.h"

#include <sqlite3.h>
#include <string.h>

/* Behind it, in the same block, lies the file of the real file system. */
typedef struct {
    sqlite3_file base;
    sqlite3_file *real;
} FaultFile;

/* A test's own state: one thread. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    FaultKind kind;
    guint left;
    gboolean lasting, fired;
} fault;

static gboolean
is_due(gboolean sync)
{
    if ((fault.kind == FAULT_SYNC) != sync)
        return FALSE;
    if (fault.fired && fault.lasting)
        return TRUE;
    if (fault.left == 0 || --fault.left > 0)
        return FALSE;
    fault.fired = TRUE;
    return TRUE;
}

static sqlite3_file *
real(sqlite3_file *file)
{
    return ((FaultFile *)file)->real;
}

static int
fault_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int
fault_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return real(file)->pMethods->xRead(real(file), data, size, offset);
}

static int
fault_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (is_due(FALSE)) {
        if (fault.kind == FAULT_FULL)
            return SQLITE_FULL;
        if (fault.kind == FAULT_HALF_WRITE)
            real(file)->pMethods->xWrite(real(file), data, size / 2, offset);
        return SQLITE_IOERR_WRITE;
    }
    return real(file)->pMethods->xWrite(real(file), data, size, offset);
}

static int
fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int
fault_sync(sqlite3_file *file, int flags)
{
    return is_due(TRUE) ? SQLITE_IOERR_FSYNC : real(file)->pMethods->xSync(real(file), flags);
}

static int
fault_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int
fault_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int
fault_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int
fault_check_lock(sqlite3_file *file, int *held)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), held);
}

static int
fault_control(sqlite3_file *file, int op, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), op, argument);
}

static int
fault_sector_size(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int
fault_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int
fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **map)
{
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, map);
}

static int
fault_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void
fault_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int
fault_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_file_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_check_lock,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector_size,
    .xDeviceCharacteristics = fault_device,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static int
fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    FaultFile *self = (FaultFile *)file;
    int rc;

    memset(self, 0, sizeof *self);
    self->real = (sqlite3_file *)(gpointer)(self + 1);
    rc = fault.real->xOpen(fault.real, name, self->real, flags, out_flags);
    self->base.pMethods = self->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

void
fault_vfs_install(void)
{
    fault.real = sqlite3_vfs_find(NULL);
    fault.vfs = *fault.real;
    fault.vfs.zName = "fault";
    fault.vfs.szOsFile = (int)sizeof(FaultFile) + fault.real->szOsFile;
    fault.vfs.pNext = NULL;
    fault.vfs.xOpen = fault_open;
    g_assert_cmpint(sqlite3_vfs_register(&fault.vfs, 1), ==, SQLITE_OK);
}

void
fault_vfs_arm(FaultKind kind, guint nth, gboolean lasting)
{
    fault.kind = kind;
    fault.left = nth;
    fault.lasting = lasting;
    fault.fired = FALSE;
}

gboolean
fault_vfs_disarm(void)
{
    gboolean fired = fault.fired;

    fault.left = 0;
    fault.lasting = FALSE;
    fault.fired = FALSE;
    return fired;
}
