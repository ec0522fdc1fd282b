/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.h - the manifest of a snapshot of volumes (EBS, LVM, ZFS, ...), which whoever takes it writes beside it:
 *
 *   {"signalbox_snapshot": 1, "provider": "ebs", "deployment": "shop",
 *    "created_at": "2026-11-23T02:00:00Z", "completed_at": "2026-11-23T02:04:10Z", "status": "completed",
 *    "atomic": true, "fsync_locked": false, "encrypted": true, "mongodb_version": "7.0.14", "fcv": "7.0",
 *    "volumes": [{"id": "snap-0a1b", "member": "db1:27017", "holds": ["data", "journal"], "size_bytes": 107374182400,
 *                 "status": "completed", "encrypted": true}]}
 *
 * Needed are signalbox_snapshot, provider, created_at, status and volumes, and of each volume id, member, size_bytes and status;
 * what has no place in it is noted. Volumes of one member that are more than one must have been taken at one moment (atomic),
 * or while writes were locked (fsync_locked): else data and journal are of different moments. The volumes themselves are out of
 * reach: level 1 is the highest. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_SNAPSHOT_H
#define SIGNALBOX_FORMATS_SNAPSHOT_H

#include <signalbox/formats/backup.h>

/* Is the text such a manifest, right or wrong? */
bool sb_snapshot_look(const char *text, size_t n);

void sb_snapshot_check(struct sb_backup *b, const char *file, const char *text, size_t n);

#endif
