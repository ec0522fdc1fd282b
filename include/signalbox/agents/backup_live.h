/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_live.h - the deployment as it is now against its newest backup: how far its oplog reaches back, and the first write that
 * no backup holds. Six light reads from the primary. Thread: the connection's.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_LIVE_H
#define SIGNALBOX_AGENTS_BACKUP_LIVE_H

#include <signalbox/formats/backup.h>
#include <signalbox/mongo/read_door.h>

struct sb_backup_live {
    bool known;                    /* it has told its oplog; else */
    char blind[400];               /* why not */
    uint64_t oplog_from, oplog_to; /* seconds << 32 | ordinal */
    int64_t window_s;              /* how far it reaches back, as oplog.h has it; from its oldest to its newest where it tells no size */
    uint64_t unprotected;          /* the first write in it after what the newest backup brings back; 0: none */
    bool covers;                   /* it reaches back to the newest backup */
    char version[32];              /* of the server; empty: not known */
    char fcv[16];                  /* its featureCompatibilityVersion; empty: it does not tell */
};

/* server NULL: there is none to ask, and `why` says why. newest NULL: there is no backup. What cannot be read is said in `out`. */
void sb_backup_live(struct sb_backup_live *out, const struct sb_server *server, const char *why, const struct sb_backup *newest);

#endif
