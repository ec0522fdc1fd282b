/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"
#include "lockless.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>
#include <signalbox/ledger/lock.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000
#define LOOK_AFTER_MS 20 /* most commits are over before */
#define COUNTER_AT 24    /* the change counter, and what else tells a commit, in the file's header */

struct stand {
    unsigned char counter[16];
    bool committing;
};

/* No page is changed before the journal is complete and synced, and until then its first byte is zero. */
static bool committing(const struct sb_lockless *f)
{
    struct stat st;
    char first = 0;
    if (stat(f->journal, &st) || st.st_size == 0)
        return false;
    int fd = open(f->journal, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT; /* what may not be read is taken for one */
    bool there = pread(fd, &first, 1, 0) == 1 && first;
    close(fd);
    return there;
}

static void read_counter(const struct sb_lockless *f, unsigned char counter[16])
{
    sqlite3_file *file = NULL;
    memset(counter, 0, 16);
    if (sqlite3_file_control(f->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file && file->pMethods)
        file->pMethods->xRead(file, counter, 16, COUNTER_AT); /* what cannot be read fails where it is wanted */
}

/* The order matters. Before: a commit that had begun when the counter was read has its journal until it is done. */
static struct stand stand_before(const struct sb_lockless *f)
{
    struct stand s;
    read_counter(f, s.counter);
    s.committing = committing(f);
    return s;
}

/* After: a commit that was done when the journal was looked for has changed the counter. */
static struct stand stand_after(const struct sb_lockless *f)
{
    struct stand s;
    s.committing = committing(f);
    read_counter(f, s.counter);
    return s;
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static int fail(sqlite3 *db, const char *path, struct sb_err *err)
{
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM, os = db ? sqlite3_system_errno(db) : 0;
    sb_fail(err, SB_ELEDGER, "cannot read %s: %s%s%s", path, db ? sqlite3_errmsg(db) : "out of memory", os ? ": " : "", os ? strerrordesc_np(os) : "");
    if (err)
        err->detail = code;
    return -1;
}

/* A journal that does not go away. Its owner is dead: SQLite puts the file back to where it was. Else it is waited for, and
 * after the last chance named. */
static int recover(const struct sb_lockless *f, bool last_chance, struct sb_err *err)
{
    struct sb_owner owner;
    if (sb_lock_owner(f->lock, &owner, err))
        return -1;
    if (owner.held && !last_chance)
        return 0;
    if (owner.held) {
        sb_fail(err, SB_ELEDGER, "process %" PRId64 " is in the middle of a commit to %s%s", owner.pid, f->path,
                owner.state == 'T' ? " and is stopped; continue it with SIGCONT, or end it" : "");
        if (err)
            err->detail = SQLITE_BUSY;
        return -1;
    }
    sqlite3 *db = NULL;
    int rc = 0;
    if (sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_busy_timeout(db, PATIENCE_MS) != SQLITE_OK ||
        sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(db, f->path, err);
    sqlite3_close(db);
    return rc;
}

static bool same(const struct stand *a, const struct stand *b)
{
    return !a->committing && !b->committing && memcmp(a->counter, b->counter, sizeof a->counter) == 0;
}

/* A commit that began and was given up within the reading leaves the counter as it was, and no word but this. */
static bool passing(const struct sb_err *why)
{
    int code = (int)(why->detail & 0xff);
    return why->code == SB_ELEDGER && (code == SQLITE_BUSY || why->detail == SQLITE_READONLY_ROLLBACK);
}

int sb_lockless_read(struct sb_lockless *f, sb_lockless_fn read, void *ctx, struct sb_err *err)
{
    int64_t start = sb_mono_ms();
    for (;;) {
        struct stand before = stand_before(f);
        struct sb_err why = SB_ERR_INIT;
        int rc = -1;
        if (!before.committing) {
            sqlite3_file_control(f->db, "main", SB_AHEAD_FORGET, NULL);
            rc = read(ctx, &why);
            struct stand after = stand_after(f);
            if (same(&before, &after) && !(rc && passing(&why))) {
                if (rc && err)
                    *err = why;
                return rc;
            }
            sqlite3_db_release_memory(f->db); /* pages of two times are worth nothing */
        }
        int64_t waited = sb_mono_ms() - start;
        bool last_chance = waited > PATIENCE_MS;
        if (before.committing && waited > LOOK_AFTER_MS && recover(f, last_chance, err))
            return -1;
        if (last_chance) {
            sb_fail(err, SB_ELEDGER, "%s is written to so often that it cannot be read", f->path);
            if (err)
                err->detail = SQLITE_BUSY;
            return -1;
        }
        if (before.committing || waited > LOOK_AFTER_MS)
            rest();
    }
}

int sb_lockless_open(struct sb_lockless *f, const char *path, struct sb_err *err)
{
    const char *slash = strrchr(path, '/');
    memset(f, 0, sizeof *f);
    f->path = sb_format("%s", path);
    f->journal = sb_format("%s-journal", path);
    f->lock = slash ? sb_format("%.*s/lock", (int)(slash - path), path) : sb_format("lock");
    if (!f->path || !f->journal || !f->lock)
        return sb_fail_nomem(err);
    if (!sb_ahead_vfs())
        return sb_fail(err, SB_ELEDGER, "cannot open %s: SQLite was built without its VFS unix-none", path);
    if (sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, sb_ahead_vfs()) != SQLITE_OK) {
        sb_fail(err, SB_ELEDGER, "cannot open %s: %s", path, f->db && sqlite3_system_errno(f->db) ? strerrordesc_np(sqlite3_system_errno(f->db)) : "out of memory");
        if (err)
            err->detail = f->db ? sqlite3_extended_errcode(f->db) : SQLITE_NOMEM;
        return -1;
    }
    sqlite3_extended_result_codes(f->db, 1);
    return 0;
}

void sb_lockless_close(struct sb_lockless *f)
{
    sqlite3_close(f->db);
    free(f->path);
    free(f->journal);
    free(f->lock);
    memset(f, 0, sizeof *f);
}
