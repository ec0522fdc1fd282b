/* SPDX-License-Identifier: Apache-2.0
 *
 * oplog.h - from when to when a member's oplog is. Times are seconds << 32 | ordinal. Only reads. Thread: the connection's.
 */
#ifndef SIGNALBOX_AGENTS_OPLOG_H
#define SIGNALBOX_AGENTS_OPLOG_H

#include <signalbox/mongo/read_door.h>

enum sb_oplog_entry { SB_OPLOG_NEWEST = -1, SB_OPLOG_OLDEST = 1 };

/* The time of its newest or oldest entry; 0: it is there and holds none. A member without an oplog answers like one whose oplog
 * is empty, or with an error of the server's (SB_ECOMMAND). */
int sb_oplog_time(struct sb_conn *c, enum sb_oplog_entry which, uint64_t *ts, struct sb_err *err);

/* How many seconds it reaches back, from its oldest entry to its newest. One that is not full yet has lost nothing: it will hold
 * as much longer as it has room. */
int sb_oplog_window(struct sb_conn *c, uint64_t oldest, uint64_t newest, int64_t *seconds, struct sb_err *err);

#endif
