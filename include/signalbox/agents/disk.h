/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.h - the file system that holds a member's data, as dbStats tells it. Only reads. Thread: the connection's.
 */
#ifndef SIGNALBOX_AGENTS_DISK_H
#define SIGNALBOX_AGENTS_DISK_H

#include <signalbox/mongo/read_door.h>

/* In bytes, by any database: admin is always there and small. SB_ESERVER: the server does not tell. */
int sb_disk_read(struct sb_conn *c, int64_t *total, int64_t *room, struct sb_err *err);

#endif
