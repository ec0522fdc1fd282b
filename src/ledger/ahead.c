/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (1 << 16)
#define SLACK 64     /* SQLite looks a few bytes over the end of a damaged page */
#define SHORTEST 512 /* the smallest page there is */

/* What was taken along. While SQLite holds a page of it, it stays. */
struct window {
    unsigned char *bytes; /* WINDOW of them and some that are zero, or NULL as long as it was never used */
    sqlite3_int64 at;     /* where they are from */
    int n;                /* how many are good */
    int held;             /* pages that SQLite holds */
};

struct ahead_file {
    sqlite3_file base;
    struct window window[2]; /* one is read into while the other is held */
    sqlite3_int64 last;      /* where the last page that was asked for is; -1: nothing is ever taken along */
    sqlite3_int64 size;      /* of the file; -1: not asked for since what is here was forgotten */
    sqlite3_file *real;      /* behind this struct */
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
    for (int i = 0; i < 2; i++) {
        free(mine(f)->window[i].bytes);
        mine(f)->window[i] = (struct window){NULL, 0, 0, 0};
    }
    return real_file(f)->pMethods->xClose(real_file(f));
}

/* Takes along what is at `at` and behind it. A file that got shorter meanwhile, or no memory: nothing is. */
static struct window *take_along(struct ahead_file *f, sqlite3_int64 at)
{
    struct window *w = f->window[0].held ? &f->window[1] : &f->window[0];
    if (w->held)
        return NULL;
    w->n = 0;
    if (!w->bytes && !(w->bytes = calloc(1, WINDOW + SLACK)))
        return NULL;
    if (f->size < 0 && f->real->pMethods->xFileSize(f->real, &f->size) != SQLITE_OK)
        f->size = 0;
    if (f->size <= at)
        return NULL;
    int n = f->size - at < WINDOW ? (int)(f->size - at) : WINDOW;
    if (f->real->pMethods->xRead(f->real, w->bytes, n, at) != SQLITE_OK)
        return NULL;
    w->at = at;
    w->n = n;
    return w;
}

/* The window that has these bytes, if they are here or go on a little behind what was asked for before. */
static struct window *window_with(struct ahead_file *f, sqlite3_int64 at, int n)
{
    struct window *found = NULL;
    if (n < SHORTEST || n > WINDOW || f->last < 0)
        return NULL;
    for (int i = 0; i < 2 && !found; i++)
        if (at >= f->window[i].at && at + n <= f->window[i].at + f->window[i].n)
            found = &f->window[i];
    if (!found && at > f->last && at < f->last + WINDOW && (found = take_along(f, at)) && found->n < n)
        found = NULL;
    f->last = at;
    return found;
}

static int ahead_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    struct ahead_file *f = mine(file);
    const struct window *w = window_with(f, at, n);
    if (!w)
        return f->real->pMethods->xRead(f->real, p, n, at);
    memcpy(p, w->bytes + (at - w->at), (size_t)n);
    return SQLITE_OK;
}

/* A page where it lies, so that it is not copied once more. NULL: it is to be read. */
static int ahead_fetch(sqlite3_file *file, sqlite3_int64 at, int n, void **page)
{
    struct window *w = window_with(mine(file), at, n);
    *page = w ? w->bytes + (at - w->at) : NULL;
    if (w)
        w->held++;
    return SQLITE_OK;
}

static int ahead_unfetch(sqlite3_file *file, sqlite3_int64 at, void *page)
{
    (void)at;
    for (int i = 0; page && i < 2; i++) {
        struct window *w = &mine(file)->window[i];
        uintptr_t from = (uintptr_t)w->bytes, p = (uintptr_t)page;
        if (w->bytes && p >= from && p < from + WINDOW)
            w->held--;
    }
    return SQLITE_OK;
}

static void forget(struct ahead_file *f)
{
    f->window[0].n = f->window[1].n = 0;
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
    if (op == SQLITE_FCNTL_MMAP_SIZE) /* not for the real one: a file that got shorter would end the process */
        return SQLITE_OK;
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
    .iVersion = 3, .xClose = ahead_close, .xRead = ahead_read, .xWrite = ahead_write, .xTruncate = ahead_truncate, .xSync = ahead_sync,
    .xFileSize = ahead_size, .xLock = ahead_lock, .xUnlock = ahead_unlock, .xCheckReservedLock = ahead_reserved, .xFileControl = ahead_control,
    .xSectorSize = ahead_sector, .xDeviceCharacteristics = ahead_traits, .xFetch = ahead_fetch, .xUnfetch = ahead_unfetch,
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
