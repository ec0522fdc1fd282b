/* SPDX-License-Identifier: Apache-2.0
 *
 * docfile.h - the documents of a file, one after the other, as BSON: what mongodump and mongoexport write, and other JSON.
 *
 * The kind is told by the content: BSON documents back to back, or JSON and Extended JSON: one object a line, objects back to
 * back in any layout, or arrays of objects. Plain, gzip or zstd; "-" is standard input. Streaming: memory is the longest
 * document (17 MiB of BSON, 64 MiB of text) and a block.
 *
 * A document that is wrong is passed over where it can be told where the next one begins, and counted: of BSON by its length;
 * of JSON behind its brackets, or, where these are what is wrong, at the next line that begins as this document's did. Where
 * it cannot be told, and where the file ends within a document, reading ends with an error, and what came before it stands.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_DOCFILE_H
#define SIGNALBOX_FORMATS_DOCFILE_H

#include <signalbox/base/error.h>
#include <signalbox/formats/bsonscan.h>

#define SB_DOCFILE_MAX_BSON ((size_t)17 << 20)
#define SB_DOCFILE_MAX_TEXT ((size_t)64 << 20)

enum sb_docfile_kind { SB_DOCFILE_EMPTY, SB_DOCFILE_BSON, SB_DOCFILE_JSON };

struct sb_docfile;

/* Errors: SB_EINPUT (it cannot be opened or unpacked, or holds something else). */
struct sb_docfile *sb_docfile_open(const char *path, struct sb_err *err);
void sb_docfile_close(struct sb_docfile *d);

/* The next document, which sb_bson_check has passed; valid until the next call. 1, 0 at the end, -1 when reading cannot go on
 * (the message has path:line:column, or the byte). */
int sb_docfile_next(struct sb_docfile *d, struct sb_span *document, struct sb_err *err);

enum sb_docfile_kind sb_docfile_kind(const struct sb_docfile *d);
const char *sb_docfile_kind_name(enum sb_docfile_kind kind); /* "bson", "json", "empty" */

/* Documents given out, those passed over, and what was wrong with the first of these ("path:3:17: a wrong number"; "": none). */
uint64_t sb_docfile_documents(const struct sb_docfile *d);
uint64_t sb_docfile_damaged(const struct sb_docfile *d);
const char *sb_docfile_first_damage(const struct sb_docfile *d);

uint64_t sb_docfile_bytes(const struct sb_docfile *d); /* unpacked, read so far */
int sb_docfile_permille(const struct sb_docfile *d);   /* of the file; -1: not known */

#endif
