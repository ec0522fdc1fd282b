/* SPDX-License-Identifier: Apache-2.0
 *
 * ahead.h - a SQLite VFS in front of "unix-none" that reads ahead.
 *
 * SQLite asks the kernel for one page at a time, and of going through a large table a fifth is those calls. A read of the
 * database file that goes on a little behind the one before takes the next 64 KiB along, and with PRAGMA mmap_size the pages
 * are used where they lie then; nothing is ever mapped, for a mapped file that gets shorter ends the process. What was taken along may be as old
 * as the last SB_AHEAD_FORGET, so that is sent (sqlite3_file_control) where a reading begins; short reads, as of the change
 * counter in the header, always ask the file. Thread: any; a connection belongs to one thread at a time. */
#ifndef SIGNALBOX_SRC_LEDGER_AHEAD_H
#define SIGNALBOX_SRC_LEDGER_AHEAD_H

#define SB_AHEAD_FORGET 7201 /* a file control of our own */

/* The name to open with; NULL: it could not be registered. */
const char *sb_ahead_vfs(void);

#endif
