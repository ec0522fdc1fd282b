/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_guardian.h - what the Backup Guardian can say of backups as they lie there: what they are, how far they are shown to be
 * whole, and in what two of them differ.
 *
 * Nothing is written, and nothing is asked of a server. Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_GUARDIAN_H
#define SIGNALBOX_AGENTS_BACKUP_GUARDIAN_H

#include <signalbox/formats/backup.h>

struct sb_backups {
    struct sb_backup *items;
    size_t n, cap;
};

/* Looks at what is at `path`: a folder or an archive of mongodump, a store of Percona's (every backup in it) or the metadata of
 * one backup in such a store, a snapshot's manifest, one .bson file, or a folder of such things. What is there is appended, one
 * item a backup; what is none of these is one of kind unknown, with the reason as its problem. -1: nothing is there, or memory
 * ran out. */
int sb_backups_check(struct sb_backups *list, const char *path, const struct sb_backup_options *options, struct sb_err *err);
void sb_backups_release(struct sb_backups *list);

/* The newest moment that a backup can bring back, wall milliseconds; 0: not known. */
int64_t sb_backup_point(const struct sb_backup *b);

/* The newest moment not after `until` (0: any) that it can bring back; 0: there is none, or it is not known. */
int64_t sb_backup_reach(const struct sb_backup *b, int64_t until);

/* Does it hold a collection of this database ("shop"), or this collection ("shop.orders")? How many; -1: it does not list what it
 * holds. */
int64_t sb_backup_holds(const struct sb_backup *b, const char *place);

/* The usable backup with the newest point to restore to. A copy has a new file time and the old content: one whose time only
 * that tells counts where no other is; one whose data could be read and were not, where none was read to its end. place: one that is known not to hold it does not count; NULL: any. NULL: there is none. */
const struct sb_backup *sb_backups_newest(const struct sb_backups *list, const char *place);

/* The same of those that bring back a moment not after `until` (0: any): the one that comes nearest to it. */
const struct sb_backup *sb_backups_best(const struct sb_backups *list, const char *place, int64_t until);

/* The key of the config for what is sealed: read into `to`, which is returned; NULL: none is named (file NULL), or err says why. */
const struct sb_seal_key *sb_backups_key(struct sb_seal_key *to, const char *file, struct sb_err *err);

/* The bytes of the files at path, for a progress bar; links are not followed. */
uint64_t sb_backups_size(const char *path);

enum sb_backup_difference {
    SB_DIFFERENT_MISSING, /* in A only */
    SB_DIFFERENT_EXTRA,   /* in B only */
    SB_DIFFERENT_DOCUMENTS,
    SB_DIFFERENT_BYTES,
    SB_DIFFERENT_CONTENT, /* as many documents and bytes, and others */
    SB_DIFFERENT_INDEXES,
    SB_DIFFERENT_OPTIONS,
};

/* "missing", "documents", ... */
const char *sb_backup_difference_name(enum sb_backup_difference d);

/* Called for each difference: a and b are what each side has (NULL: nothing); of an index, `index` is its name. */
typedef void (*sb_backup_difference_fn)(void *ctx, const char *ns, enum sb_backup_difference d, const char *index, const char *a, const char *b);

/* Compares two backups that were read with sums, namespace by namespace: how many differences there are. Both are sorted. */
size_t sb_backups_compare(struct sb_backup *a, struct sb_backup *b, sb_backup_difference_fn fn, void *ctx);

#endif
