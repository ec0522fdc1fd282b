/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_gather.h - what is on a server, in the form of a backup, so that the two can be compared.
 *
 * Only reads. Of the collections that the other one names (sorted, as sb_backup_sort does it); what says nothing about an index
 * (its format's version) is left out on both sides. Thread: the connection's.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_GATHER_H
#define SIGNALBOX_AGENTS_BACKUP_GATHER_H

#include <signalbox/formats/backup.h>
#include <signalbox/mongo/read_door.h>

/* Fills `out` (initialised, with options.sums) with what should be there after a restore of `plan` (looked at with options.raw),
 * whose documents were counted in `read`. */
int sb_gather_expected(const struct sb_backup *plan, const struct sb_backup *read, struct sb_backup *out, struct sb_err *err);

/* Fills `out` (initialised, with options.sums) with what the server has of the collections of `like`: options, indexes, and with
 * documents also every document's hash. */
int sb_gather(struct sb_conn *c, const struct sb_backup *like, bool documents, struct sb_backup *out, struct sb_err *err);

#endif
