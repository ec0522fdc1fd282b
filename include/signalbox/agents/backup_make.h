/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_make.h - a plain logical dump of chosen collections, where nobody makes one: before a risky step, or as a pre-image.
 *
 * Only reads, from one member. Where it has an oplog, what was written meanwhile is copied with it, filtered to what was
 * chosen, so that a replay brings all collections to one moment (consistent); where it has none, the dump says that its
 * collections are of different moments. admin, local, config and system collections are left out. Thread: the connection's.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_MAKE_H
#define SIGNALBOX_AGENTS_BACKUP_MAKE_H

#include <signalbox/formats/dumpwrite.h>
#include <signalbox/mongo/read_door.h>

struct sb_make_options {
    char *const *places; /* "shop" or "shop.orders"; none: all */
    size_t places_n;
    void (*read)(void *ctx, uint64_t bytes); /* NULL, or told of documents that came */
    void *ctx;
};

struct sb_made {
    uint64_t collections, documents, bytes, entries;
    uint64_t from, to; /* of the oplog: seconds << 32 | ordinal */
    bool consistent;
    char how[400];     /* by what it is consistent, or why it is not */
};

/* Writes all but the prelude and the manifest. A place of which there is nothing is an error. */
int sb_backup_make(struct sb_conn *c, const struct sb_make_options *o, struct sb_dump_writer *w, struct sb_made *made, struct sb_err *err);

#endif
