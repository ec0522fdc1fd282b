/* SPDX-License-Identifier: Apache-2.0
 *
 * shim.h - a SQLite VFS in front of the real one that shows every operation that changes a file before it is done, and may
 * refuse it. Installed as the default, so that the ledger is tested as it is. */
#ifndef SIGNALBOX_TESTS_LEDGER_SHIM_H
#define SIGNALBOX_TESTS_LEDGER_SHIM_H

#include <signalbox/base/compiler.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

enum shim_op { SHIM_CREATE, SHIM_WRITE, SHIM_TRUNCATE, SHIM_SYNC, SHIM_DELETE, SHIM_DELETE_SYNCED };

/* SQLITE_OK: go on; anything else is returned in its place, and nothing is done. */
static int (*shim_ask)(enum shim_op op, const char *path, sqlite3_int64 offset, const void *bytes, int n);

static int shim_tell(enum shim_op op, const char *path, sqlite3_int64 offset, const void *bytes, int n)
{
    return shim_ask ? shim_ask(op, path, offset, bytes, n) : SQLITE_OK;
}

struct shim_file {
    sqlite3_file base;
    const char *path; /* lives as long as the file is open */
    sqlite3_file *real;
};

static sqlite3_file *shim_real(sqlite3_file *f)
{
    return ((struct shim_file *)(void *)f)->real;
}

static const char *shim_path(sqlite3_file *f)
{
    const char *path = ((struct shim_file *)(void *)f)->path;
    return path ? path : "";
}

static int shim_close(sqlite3_file *f)
{
    return shim_real(f)->pMethods->xClose(shim_real(f));
}
static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return shim_real(f)->pMethods->xRead(shim_real(f), p, n, at);
}
static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc = shim_tell(SHIM_WRITE, shim_path(f), at, p, n);
    return rc ? rc : shim_real(f)->pMethods->xWrite(shim_real(f), p, n, at);
}
static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = shim_tell(SHIM_TRUNCATE, shim_path(f), size, NULL, 0);
    return rc ? rc : shim_real(f)->pMethods->xTruncate(shim_real(f), size);
}
static int shim_sync(sqlite3_file *f, int flags)
{
    int rc = shim_tell(SHIM_SYNC, shim_path(f), 0, NULL, 0);
    return rc ? rc : shim_real(f)->pMethods->xSync(shim_real(f), flags);
}
static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return shim_real(f)->pMethods->xFileSize(shim_real(f), size);
}
static int shim_lock(sqlite3_file *f, int level)
{
    return shim_real(f)->pMethods->xLock(shim_real(f), level);
}
static int shim_unlock(sqlite3_file *f, int level)
{
    return shim_real(f)->pMethods->xUnlock(shim_real(f), level);
}
static int shim_check_lock(sqlite3_file *f, int *out)
{
    return shim_real(f)->pMethods->xCheckReservedLock(shim_real(f), out);
}
static int shim_control(sqlite3_file *f, int op, void *arg)
{
    return shim_real(f)->pMethods->xFileControl(shim_real(f), op, arg);
}
static int shim_sector(sqlite3_file *f)
{
    return shim_real(f)->pMethods->xSectorSize(shim_real(f));
}
static int shim_traits(sqlite3_file *f)
{
    return shim_real(f)->pMethods->xDeviceCharacteristics(shim_real(f));
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 1, .xClose = shim_close, .xRead = shim_read, .xWrite = shim_write, .xTruncate = shim_truncate, .xSync = shim_sync,
    .xFileSize = shim_size, .xLock = shim_lock, .xUnlock = shim_unlock, .xCheckReservedLock = shim_check_lock,
    .xFileControl = shim_control, .xSectorSize = shim_sector, .xDeviceCharacteristics = shim_traits,
};

static sqlite3_vfs shim_vfs, *shim_below;

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct shim_file *s = (struct shim_file *)(void *)f;
    int there = 0;
    s->base.pMethods = NULL;
    s->path = path;
    s->real = (sqlite3_file *)(void *)(s + 1);
    if (path && (flags & SQLITE_OPEN_CREATE) && shim_below->xAccess(shim_below, path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && !there) {
        int rc = shim_tell(SHIM_CREATE, path, 0, NULL, 0);
        if (rc)
            return rc;
    }
    int rc = shim_below->xOpen(shim_below, path, s->real, flags, out);
    if (rc == SQLITE_OK)
        s->base.pMethods = &shim_methods;
    return rc;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    (void)vfs;
    int rc = shim_tell(sync_dir ? SHIM_DELETE_SYNCED : SHIM_DELETE, path, 0, NULL, 0);
    return rc ? rc : shim_below->xDelete(shim_below, path, sync_dir);
}

static void shim_install(void)
{
    shim_below = sqlite3_vfs_find(NULL);
    shim_vfs = *shim_below;
    shim_vfs.zName = "shim";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + shim_below->szOsFile;
    shim_vfs.xOpen = shim_open;
    shim_vfs.xDelete = shim_delete;
    sqlite3_vfs_register(&shim_vfs, 1);
}

#endif
