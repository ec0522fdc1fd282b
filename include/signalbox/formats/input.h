/* SPDX-License-Identifier: Apache-2.0
 *
 * input.h - a file whose kind is told by its content, read line by line or document by document.
 *
 * The kind is decided from the first 256 KiB (unpacked), whatever the file is called. A line may be up to
 * SB_INPUT_MAX_LINE bytes and a document up to SB_INPUT_MAX_DOCUMENT: a longer line is passed over with its first bytes
 * as its text, a longer document ends the reading. Memory: 320 KiB, and as much as the longest line or document that is
 * within those bounds. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_INPUT_H
#define SIGNALBOX_FORMATS_INPUT_H

#include <signalbox/base/error.h>
#include <signalbox/formats/slowop.h>

#define SB_INPUT_MAX_LINE ((size_t)1 << 20)
#define SB_INPUT_MAX_DOCUMENT ((size_t)17 << 20)

enum sb_input_kind {
    SB_INPUT_EMPTY,
    SB_INPUT_MONGOLOG,
    SB_INPUT_PROFILE_BSON,
    SB_INPUT_PROFILE_JSON,
    SB_INPUT_FTDC,
    SB_INPUT_OTHER,
};

struct sb_input;

struct sb_input *sb_input_open(const char *path, struct sb_err *err);
void sb_input_close(struct sb_input *in);

enum sb_input_kind sb_input_kind(const struct sb_input *in);

/* "mongolog", "profile-bson", ... as `digest --json` names it. */
const char *sb_input_kind_name(enum sb_input_kind kind);

/* What it is, for a sentence that begins with its path: "is binary data, not a log". */
const char *sb_input_what(const struct sb_input *in);

enum sb_line_end {
    SB_LINE_WHOLE,
    SB_LINE_UNENDED,  /* the last line, without a newline */
    SB_LINE_TOO_LONG, /* the text is the beginning of it */
};

/* The next line, without its newline: 1, 0 at the end, -1 when the file cannot be read on. The text is valid until the
 * next call. */
int sb_input_line(struct sb_input *in, struct sb_span *line, enum sb_line_end *end, struct sb_err *err);

/* The next BSON document's bytes (of the right length, not checked otherwise): 1, 0, or -1 also where the length is
 * impossible or the file ends within a document. */
int sb_input_document(struct sb_input *in, struct sb_span *document, struct sb_err *err);

/* How far reading has come: lines or documents given out, unpacked bytes, and the share of the file in 1/1000 (-1: not
 * known). */
uint64_t sb_input_number(const struct sb_input *in);
uint64_t sb_input_bytes(const struct sb_input *in);
int sb_input_permille(const struct sb_input *in);

#endif
