/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodump.h - what mongodump writes: folders (plain or .gz) and archives (plain, or the whole of it packed).
 *
 * Archive: the magic number; a block that is the prelude (a header with versions, then for each namespace its name, its
 * metadata and its type); then blocks of a namespace header and documents, those of several namespaces mixed, each block
 * ended by ff ff ff ff; a header with EOF closes its namespace with the CRC-64 of its documents.
 * Folder: one folder a database with NAME.bson and NAME.metadata.json for each collection, names escaped as in URLs;
 * oplog.bson and prelude.json at the top. A bare .bson has no checksum: a changed value in it, or a cut between two
 * documents, is not seen at level 2.
 * What is found goes into the backup; nothing outside the folder is opened, no link in it is followed. Memory: 256 KiB, the
 * longest document (16 MiB), a collection's metadata (1 MiB of text at most), and the times of the newest two million oplog entries. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_MONGODUMP_H
#define SIGNALBOX_FORMATS_MONGODUMP_H

#include <jansson.h>
#include <signalbox/formats/backup.h>
#include <signalbox/formats/source.h>

/* Do these bytes begin an archive (unpacked)? */
bool sb_dump_archive_begins(const unsigned char *p, size_t n);

/* Reads an archive: the prelude, and unless the options say quick all the rest. `file` is how the findings call it. Takes the
 * source. every_entry: its oplog holds all that happened (not that of Percona Backup, which leaves entries out). True: the
 * prelude is whole, and nothing is wrong with what it says. */
bool sb_dump_archive(struct sb_backup *b, struct sb_source *source, const char *file, bool every_entry);

/* What the entries of an open folder look like, and of the folders in it. */
enum sb_dump_folder { SB_DUMP_NONE, SB_DUMP_ROOT, SB_DUMP_DATABASE };
enum sb_dump_folder sb_dump_folder_look(int dir);

/* Reads a folder of databases. `dir` stays the caller's. */
void sb_dump_root(struct sb_backup *b, int dir);

/* Reads the folder of one database. only: the escaped name of the one collection that is wanted; NULL: all. */
void sb_dump_database(struct sb_backup *b, int dir, const char *db, const char *only);

/* Takes options and indexes, as mongodump writes them beside the documents, over into the collection db.name; what is missing or
 * wrong is told of `file` and its byte (-1: none). NULL: not even a collection could be made of it. */
struct sb_backup_collection *sb_dump_metadata(struct sb_backup *b, const json_t *metadata, const char *db, const char *name, const char *file, int64_t at);

/* The base name of a file of documents ("orders" of orders.bson or orders.bson.gz), heap; NULL: it is none. */
char *sb_dump_data_name(const char *file);

#endif
