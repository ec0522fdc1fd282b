/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (1 << 16)
#define SHORTEST 512 /* the smallest page there is */

struct ahead_file {
    sqlite3_file base;
    unsigned char *bytes; /* WINDOW of them, or NULL as long as nothing was taken along */
    sqlite3_int64 at;     /* where they are from */
    sqlite3_int64 last;   /* where the last page that was asked for is; -1: none was, or nothing is ever taken along */
    int n;
    sqlite3_int64 size; /* of the file; -1: not asked for since what is here was forgotten */
    sqlite3_file *real; /* behind this struct */
};

static struct ahead_file *mine(sqlite3_file *f)
{
    return (struct ahead_file *)(void *)f;
}

static sqlite3_file *real_file(sqlite3_file *f)
{
    return mine(f)->real;
}

static int ahead_close(sqlite3_file *f)
{
    free(mine(f)->bytes);
    mine(f)->bytes = NULL;
    return real_file(f)->pMethods->xClose(real_file(f));
}

/* Takes along what is behind `at`. A file that got shorter meanwhile, or no memory: nothing is. */
static void take_along(struct ahead_file *f, sqlite3_int64 at)
{
    f->n = 0;
    if (!f->bytes && !(f->bytes = malloc(WINDOW)))
        return;
    if (f->size < 0 && f->real->pMethods->xFileSize(f->real, &f->size) != SQLITE_OK)
        f->size = 0;
    if (f->size <= at)
        return;
    int n = f->size - at < WINDOW ? (int)(f->size - at) : WINDOW;
    if (f->real->pMethods->xRead(f->real, f->bytes, n, at) != SQLITE_OK)
        return;
    f->at = at;
    f->n = n;
}

static bool is_there(const struct ahead_file *f, int n, sqlite3_int64 at)
{
    return at >= f->at && at + n <= f->at + f->n;
}

static int ahead_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    struct ahead_file *f = mine(file);
    if (n < SHORTEST || n > WINDOW)
        return f->real->pMethods->xRead(f->real, p, n, at);
    if (!is_there(f, n, at) && f->last >= 0 && at > f->last && at < f->last + WINDOW)
        take_along(f, at);
    if (f->last >= 0)
        f->last = at;
    if (!is_there(f, n, at))
        return f->real->pMethods->xRead(f->real, p, n, at);
    memcpy(p, f->bytes + (at - f->at), (size_t)n);
    return SQLITE_OK;
}

static void forget(struct ahead_file *f)
{
    f->n = 0;
    f->size = -1;
}

static int ahead_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    forget(mine(f));
    return real_file(f)->pMethods->xWrite(real_file(f), p, n, at);
}

static int ahead_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    forget(mine(f));
    return real_file(f)->pMethods->xTruncate(real_file(f), size);
}

static int ahead_sync(sqlite3_file *f, int flags)
{
    return real_file(f)->pMethods->xSync(real_file(f), flags);
}

static int ahead_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_file(f)->pMethods->xFileSize(real_file(f), size);
}

static int ahead_lock(sqlite3_file *f, int level)
{
    return real_file(f)->pMethods->xLock(real_file(f), level);
}

static int ahead_unlock(sqlite3_file *f, int level)
{
    return real_file(f)->pMethods->xUnlock(real_file(f), level);
}

static int ahead_reserved(sqlite3_file *f, int *there)
{
    return real_file(f)->pMethods->xCheckReservedLock(real_file(f), there);
}

static int ahead_control(sqlite3_file *f, int op, void *arg)
{
    if (op != SB_AHEAD_FORGET)
        return real_file(f)->pMethods->xFileControl(real_file(f), op, arg);
    forget(mine(f));
    return SQLITE_OK;
}

static int ahead_sector(sqlite3_file *f)
{
    return real_file(f)->pMethods->xSectorSize(real_file(f));
}

static int ahead_traits(sqlite3_file *f)
{
    return real_file(f)->pMethods->xDeviceCharacteristics(real_file(f));
}

/* ---- the VFS: all but opening is the real one's ---- */

static const sqlite3_io_methods methods = {
    .iVersion = 1, .xClose = ahead_close, .xRead = ahead_read, .xWrite = ahead_write, .xTruncate = ahead_truncate, .xSync = ahead_sync,
    .xFileSize = ahead_size, .xLock = ahead_lock, .xUnlock = ahead_unlock, .xCheckReservedLock = ahead_reserved, .xFileControl = ahead_control,
    .xSectorSize = ahead_sector, .xDeviceCharacteristics = ahead_traits,
};

static sqlite3_vfs vfs; /* a copy of the real one, with our opening: its other functions get it and look only at pAppData */
static sqlite3_vfs *real_vfs;

static int ahead_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out)
{
    (void)self;
    struct ahead_file *f = mine(file);
    *f = (struct ahead_file){.size = -1, .last = flags & SQLITE_OPEN_MAIN_DB ? 0 : -1, .real = (sqlite3_file *)(void *)(f + 1)};
    int rc = real_vfs->xOpen(real_vfs, path, f->real, flags, out);
    f->base.pMethods = f->real->pMethods ? &methods : NULL; /* what has methods is closed, also after a failure */
    return rc;
}

static void set_up(void)
{
    real_vfs = sqlite3_vfs_find("unix-none");
    if (!real_vfs)
        return;
    vfs = *real_vfs;
    vfs.zName = "signalbox-ahead";
    vfs.szOsFile = (int)sizeof(struct ahead_file) + real_vfs->szOsFile;
    vfs.xOpen = ahead_open;
    vfs.pNext = NULL;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        real_vfs = NULL;
}

const char *sb_ahead_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    return real_vfs ? vfs.zName : NULL;
}
