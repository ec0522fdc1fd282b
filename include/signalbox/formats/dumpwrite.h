/* SPDX-License-Identifier: Apache-2.0
 *
 * dumpwrite.h - writing a dump as mongodump does: a folder that mongorestore, mongodump.h and any reader of BSON can read.
 *
 * Everything is written into a folder beside the one that was asked for, whose name ends in ".partial-" and six characters, is
 * synced to disk and gets its name in one rename at the end: what has the name is whole. A file signalbox-manifest.json, which
 * other tools pass over, holds the size and SHA-256 of every file, so that a changed byte is found also where BSON has no
 * checksum: {"signalbox_dump": 1, "taken_at", "deployment_id", "consistent", "how", "files": [{"path", "bytes", "sha256"}]}.
 * Files are of mode 0600, folders 0700. A name is escaped as in a URL; one that is too long for a file ("%24" and a digest of
 * it behind the first 208 characters) stands whole in its metadata.
 *
 * With a key each file is sealed by itself (base/seal.h) under the name that it has else, the manifest too, which says then of each the
 * size and SHA-256 as it lies there sealed: so a file that was taken away, put in another's place or added is found. Names of
 * databases and collections can be read without the key.
 *
 * Or everything goes into one file, an archive as mongodump writes it: the metadata of all collections must come first then. It
 * may be packed with gzip and sealed with a key (base/seal.h), inside which it is the same archive. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_DUMPWRITE_H
#define SIGNALBOX_FORMATS_DUMPWRITE_H

#include <jansson.h>
#include <signalbox/base/error.h>
#include <signalbox/base/seal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_DUMP_MANIFEST "signalbox-manifest.json"

struct sb_dump_writer;

/* path must not be there yet. key NULL: nothing is sealed; else it must outlive the writer. */
struct sb_dump_writer *sb_dump_writer_new(const char *path, const struct sb_seal_key *key, struct sb_err *err);

struct sb_dump_archive_options {
    const char *server_version;
    bool gzip;
    const struct sb_seal_key *key; /* NULL: it is not sealed */
};
struct sb_dump_writer *sb_dump_writer_archive(const char *path, const struct sb_dump_archive_options *o, struct sb_err *err);

/* Removes what was written unless it was finished. NULL is fine. */
void sb_dump_writer_free(struct sb_dump_writer *w);

/* The metadata of a collection, the text as mongodump writes it. type: "collection", "view", "timeseries". */
int sb_dump_writer_metadata(struct sb_dump_writer *w, const char *db, const char *collection, const char *text, const char *type, struct sb_err *err);

/* There will be an oplog: to be said before the first document. */
int sb_dump_writer_announce_oplog(struct sb_dump_writer *w, struct sb_err *err);

/* From here on documents are those of this collection; db NULL: entries of the oplog. */
int sb_dump_writer_open(struct sb_dump_writer *w, const char *db, const char *collection, struct sb_err *err);

/* One whole document. */
int sb_dump_writer_add(struct sb_dump_writer *w, const unsigned char *p, size_t n, struct sb_err *err);

/* The prelude, the manifest (whose other members are `about`'s; borrowed; an archive has none), and the name. */
int sb_dump_writer_finish(struct sb_dump_writer *w, const char *server_version, json_t *about, struct sb_err *err);

#endif
