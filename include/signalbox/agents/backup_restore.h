/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_restore.h - a restore as a row of steps: what is to be written, one write after the other, and nothing written here.
 *
 * A specialist never writes: each step is handed to whoever drives it, with the exact command and its documents, and the next
 * one comes when that has returned 0. Collections are made with their options first, then documents come as the reader gives
 * them, in stretches of at most SB_RESTORE_STRETCH bytes of one collection, then the oplog's entries in the order of their
 * time, then indexes, then views: as mongorestore does. What belongs to a server (admin, local, config, system collections) is
 * not restored, and counted as skipped. A time series is refused: its buckets cannot be written by a client alone.
 * Memory: one stretch and the longest document. Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_RESTORE_H
#define SIGNALBOX_AGENTS_BACKUP_RESTORE_H

#include <bson/bson.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/backup.h>

#define SB_RESTORE_STRETCH ((size_t)12 << 20)

struct sb_restore_step {
    const char *command; /* Extended JSON in sending order, with "$db"; what its documents are called stands in docs_key */
    const char *docs_key;
    const unsigned char *docs; /* BSON, one behind the other; NULL: none */
    size_t bytes;
    uint64_t n;
    int64_t forgive; /* a server's error code after which it is as good as done ("there already"); 0: none */
};

/* 0: done, go on. The step is valid during the call. */
typedef int (*sb_restore_fn)(void *ctx, const struct sb_restore_step *step, struct sb_err *err);

struct sb_restore;

/* plan: the backup as it was looked at with options.raw; it must outlive the restore. */
struct sb_restore *sb_restore_new(const struct sb_backup *plan, sb_restore_fn fn, void *ctx, struct sb_err *err);
void sb_restore_free(struct sb_restore *r);

/* NULL where a collection of this name is restored; else why not. */
const char *sb_restore_skips(const char *ns);

/* Drops what the backup holds: where an operator's mark says that it may go, and to clean up. */
int sb_restore_drop(struct sb_restore *r, struct sb_err *err);

int sb_restore_create(struct sb_restore *r, struct sb_err *err);

/* The next document of a collection. */
int sb_restore_document(struct sb_restore *r, const char *ns, const unsigned char *p, size_t n, struct sb_err *err);

/* The next entry of the oplog; what is later than `until` (0: never) is passed over. What cannot be replayed with ordinary
 * commands (a rename, a transaction in several parts, ...) is an error: a restore that leaves it out would be another state. */
int sb_restore_entry(struct sb_restore *r, uint64_t until, const unsigned char *p, size_t n, struct sb_err *err);

/* What was not handed out yet: after the last document, and after the last entry. */
int sb_restore_flush(struct sb_restore *r, struct sb_err *err);

int sb_restore_indexes(struct sb_restore *r, struct sb_err *err);
int sb_restore_views(struct sb_restore *r, struct sb_err *err);

struct sb_restore_counts {
    uint64_t collections, documents, bytes, indexes, views, entries, later, skipped;
    uint64_t last; /* time of the last entry that was replayed; 0: none */
};
struct sb_restore_counts sb_restore_counts(const struct sb_restore *r);

/* Did the oplog alter what this collection is (made, dropped, indexes)? Its metadata are no longer those of the backup then. */
bool sb_restore_altered(const struct sb_restore *r, const char *ns);

#endif
