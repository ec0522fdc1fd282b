/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.h - one process owns a ledger: an open-file-description lock on the file `lock` in its folder.
 *
 * The kernel gives the lock back when the owner ends, however it ends, so a lock that is held has a living owner; a stopped
 * one (SIGSTOP) still holds it and is never overtaken. The file names the owner by pid and start time (a pid alone may
 * have been used again). The file is never removed. Thread: any; a lock has one owner.
 */
#ifndef SIGNALBOX_LEDGER_LOCK_H
#define SIGNALBOX_LEDGER_LOCK_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stdint.h>

struct sb_lock {
    int fd; /* -1: not held */
};

struct sb_owner {
    bool held;
    int64_t pid;      /* 0: held, by somebody who has not written his name yet */
    int64_t started;  /* as /proc/PID/stat counts it: clock ticks since boot */
    char state;       /* R, S, D, T (stopped), ...; '?' when /proc does not say */
};

/* SB_ELEDGER naming the owner when another holds it. */
int sb_lock_take(struct sb_lock *lock, const char *path, struct sb_err *err);
void sb_lock_release(struct sb_lock *lock);

/* Who holds it now. A file that is not there is held by nobody. */
int sb_lock_owner(const char *path, struct sb_owner *out, struct sb_err *err);

#endif
