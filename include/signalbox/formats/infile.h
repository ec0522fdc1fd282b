/* SPDX-License-Identifier: Apache-2.0
 *
 * infile.h - a file whose kind is told by its content, read line by line or document by document.
 *
 * The kind is decided from the first 256 KiB (unpacked), whatever the file is called. A line may be up to
 * SB_INFILE_MAX_LINE bytes and a document up to SB_INFILE_MAX_DOCUMENT: a longer line is passed over with its first bytes
 * as its text, a longer document ends the reading. Memory: 320 KiB, and as much as the longest line or document that is
 * within those bounds. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_INFILE_H
#define SIGNALBOX_FORMATS_INFILE_H

#include <signalbox/base/error.h>
#include <signalbox/formats/slowop.h>

#define SB_INFILE_MAX_LINE ((size_t)1 << 20)
#define SB_INFILE_MAX_DOCUMENT ((size_t)17 << 20)

enum sb_infile_kind {
    SB_INFILE_EMPTY,
    SB_INFILE_MONGOLOG,
    SB_INFILE_PROFILE_BSON,
    SB_INFILE_PROFILE_JSON,
    SB_INFILE_FTDC,
    SB_INFILE_OTHER,
};

struct sb_infile;

struct sb_infile *sb_infile_open(const char *path, struct sb_err *err);
void sb_infile_close(struct sb_infile *in);

enum sb_infile_kind sb_infile_kind(const struct sb_infile *in);

/* "mongolog", "profile-bson", ... as `digest --json` names it. */
const char *sb_infile_kind_name(enum sb_infile_kind kind);

/* What it is, for a sentence that begins with its path: "is binary data, not a log". */
const char *sb_infile_what(const struct sb_infile *in);

enum sb_line_end {
    SB_LINE_WHOLE,
    SB_LINE_UNENDED,  /* the last line, without a newline */
    SB_LINE_TOO_LONG, /* the text is the beginning of it */
};

/* The next line, without its newline: 1, 0 at the end, -1 when the file cannot be read on. The text is valid until the
 * next call. */
int sb_infile_line(struct sb_infile *in, struct sb_span *line, enum sb_line_end *end, struct sb_err *err);

/* The next BSON document's bytes (of the right length, not checked otherwise): 1, 0, or -1 also where the length is
 * impossible or the file ends within a document. */
int sb_infile_document(struct sb_infile *in, struct sb_span *document, struct sb_err *err);

/* From now on reading fails when the file has more bytes than that, unpacked: for a file of which all is kept. */
void sb_infile_limit(struct sb_infile *in, uint64_t bytes);

/* How far reading has come: lines or documents given out, unpacked bytes, and the share of the file in 1/1000 (-1: not
 * known). */
uint64_t sb_infile_number(const struct sb_infile *in);
uint64_t sb_infile_bytes(const struct sb_infile *in);
int sb_infile_permille(const struct sb_infile *in);

#endif
