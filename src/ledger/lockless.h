/* SPDX-License-Identifier: Apache-2.0
 *
 * lockless.h - reading a database beside its owner without a lock on it.
 *
 * A reader that holds SQLite's SHARED lock and is stopped (SIGSTOP) stops its owner's commits with it. So a reader takes no
 * lock: it notes how the file stands, reads, and looks whether it still stands so. The owner changes pages only while its
 * rollback journal is there, and its commit changes the counter in the file's header; where either is seen the reading is
 * thrown away and made again. Nothing that was read is looked at before that check.
 *
 * Only a journal that a dead owner left (the lock file is free) needs a lock, for as long as it takes to roll it back. */
#ifndef SIGNALBOX_SRC_LEDGER_LOCKLESS_H
#define SIGNALBOX_SRC_LEDGER_LOCKLESS_H

#include <signalbox/base/error.h>
#include <sqlite3.h>

struct sb_lockless {
    sqlite3 *db;
    char *path, *journal, *lock; /* lock: of the owner of the folder the file is in */
};

/* Opens for reading. SB_ELEDGER with SQLite's extended code as detail. Close also after a failure. */
int sb_lockless_open(struct sb_lockless *f, const char *path, struct sb_err *err);
void sb_lockless_close(struct sb_lockless *f);

/* Calls `read` until what it read stood still. It begins anew each time, resets every statement before it returns, and keeps
 * what it found to itself; an error it returns counts only when the file stood still. */
typedef int (*sb_lockless_fn)(void *ctx, struct sb_err *err);
int sb_lockless_read(struct sb_lockless *f, sb_lockless_fn read, void *ctx, struct sb_err *err);

#endif
