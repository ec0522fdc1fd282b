/* SPDX-License-Identifier: Apache-2.0
 *
 * tail.h - the lines of a file that still grows, also while it is rotated underneath.
 *
 * From the first byte on, a line as soon as its newline is there. When another file has taken the name (renamed and made anew,
 * as mongod's logRotate does), the old one is read to its end, which is looked at twice, and the new one from its beginning:
 * nothing is lost, and it is told. A file that became shorter is read from its beginning; what was cut off before it was read is
 * lost, and that is told. A line longer than SB_INFILE_MAX_LINE is given by its beginning. Nothing here waits: the caller asks
 * again. Memory: 64 KiB, and as much as the longest line within that bound. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_TAIL_H
#define SIGNALBOX_FORMATS_TAIL_H

#include <signalbox/formats/infile.h>

enum sb_tail_news {
    SB_TAIL_NOTHING,  /* for now */
    SB_TAIL_LINE,
    SB_TAIL_ROTATED,  /* what comes next is of the new file */
    SB_TAIL_CUT,      /* the file became shorter */
    SB_TAIL_FAILED,   /* it cannot be read; asking again tries again */
};

struct sb_tail;

struct sb_tail *sb_tail_open(const char *path, struct sb_err *err);
void sb_tail_close(struct sb_tail *t);

/* LINE: *line, without its newline, valid until the next call. FAILED: err. */
enum sb_tail_news sb_tail_next(struct sb_tail *t, struct sb_span *line, enum sb_line_end *end, struct sb_err *err);

#endif
