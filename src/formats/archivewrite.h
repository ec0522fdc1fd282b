/* SPDX-License-Identifier: Apache-2.0
 *
 * archivewrite.h (private) - an archive of mongodump's as a stream into a file, packed with gzip or not.
 *
 * The order is the format's: every namespace with its metadata, then the documents of one namespace after the other, each with the
 * CRC-64 of them behind. The file stays the caller's. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_ARCHIVEWRITE_H
#define SIGNALBOX_SRC_FORMATS_ARCHIVEWRITE_H

#include "outfile.h"

#include <signalbox/formats/dumpwrite.h>

struct sb_archive;

struct sb_archive *sb_archive_new(struct sb_outfile *file, const struct sb_dump_archive_options *o, struct sb_err *err);
void sb_archive_free(struct sb_archive *a);

/* Announces a namespace; db "" and collection "oplog": the oplog. Not after the first sb_archive_open. */
int sb_archive_metadata(struct sb_archive *a, const char *db, const char *collection, const char *text, const char *type, struct sb_err *err);
int sb_archive_open(struct sb_archive *a, const char *db, const char *collection, struct sb_err *err);
int sb_archive_add(struct sb_archive *a, const unsigned char *document, size_t n, struct sb_err *err);
int sb_archive_end(struct sb_archive *a, struct sb_err *err);

#endif
