/* SPDX-License-Identifier: Apache-2.0
 *
 * vis.h - the sanitizer: the one way from bytes of outside to a screen, a pipe or a log line.
 *
 * Contract (the same for every sink): UTF-8 is decoded strictly; an invalid byte becomes \xHH; C0 and DEL become ^X (a
 * newline or tab \n, \t unless allowed); C1, line and paragraph separators, private use, unassigned and every invisible
 * or format character (bidi controls, zero width, tags, variation selectors) become \u{HEX}; at most four combining marks
 * stay on a base. What comes out is printable, cannot move a cursor and cannot hide. Text is kept raw everywhere else and
 * passes here at display. Thread: any; pure.
 */
#ifndef SIGNALBOX_TERM_VIS_H
#define SIGNALBOX_TERM_VIS_H

#include <signalbox/base/str.h>

enum sb_vis_flags {
    SB_VIS_NEWLINE = 1, /* \n stays a newline */
    SB_VIS_TAB = 2,     /* \t becomes a blank instead of an escape */
    SB_VIS_ASCII = 4,   /* all beyond ASCII becomes an escape: for a terminal that shows nothing else */
};

/* Appends the printable form of n bytes. */
void sb_vis(struct sb_str *out, const void *bytes, size_t n, unsigned flags);

/* The same for NUL-terminated text; NULL adds nothing. */
void sb_vis_text(struct sb_str *out, const char *text, unsigned flags);

#endif
