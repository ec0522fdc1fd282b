/* SPDX-License-Identifier: Apache-2.0
 *
 * pbm.h - a store of Percona Backup for MongoDB, as it lies in a folder.
 *
 * NAME.pbm.json is a backup's metadata. Logical backups are an archive and an oplog for each replica set (until 1.8), or a
 * folder NAME/SET with metadata.json, a file a collection and a folder of oplog slices. Physical ones are the files of a
 * data folder, listed in the metadata or in filelist.pbm; an incremental one has only what changed since another backup.
 * pbmPitr/SET/DAY/FROM.TO.oplog are the slices for any point in time, FROM and TO as YYYYMMDDhhmmss-ordinal.
 * Data are packed with s2, snappy, gzip or pgzip, zstd, lz4, or not. What cannot be unpacked here (lz4; zstd without its
 * library) is read at level 1 only, which a note says. Of physical files the packing's checksums are checked, not
 * WiredTiger's. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_PBM_H
#define SIGNALBOX_FORMATS_PBM_H

#include <signalbox/formats/backup.h>

struct sb_pbm;

/* Does the folder look like such a store? */
bool sb_pbm_folder_look(int dir);

/* Reads names and metadata. `dir` is taken over. What is wrong with the store as such is told to each backup. NULL: out of
 * memory, or the folder cannot be read. */
struct sb_pbm *sb_pbm_open(int dir, struct sb_err *err);
void sb_pbm_close(struct sb_pbm *s);

size_t sb_pbm_backups(const struct sb_pbm *s);

/* The backup whose metadata are in this file: its number, or -1. */
int sb_pbm_find(const struct sb_pbm *s, const char *file);

/* Checks one backup, and those it builds upon; the oplog slices that follow it are read once for all backups. */
void sb_pbm_check(struct sb_pbm *s, size_t i, struct sb_backup *b);

/* A store without any backup: says so, and what slices there are. */
void sb_pbm_check_empty(struct sb_pbm *s, struct sb_backup *b);

#endif
