/* SPDX-License-Identifier: Apache-2.0
 *
 * glyph.h - what a code point does on a terminal, and the clusters a text is shown as.
 *
 * The class comes from utf8proc's tables (general category, default-ignorable) and from the host: a code point is shown
 * as itself only where utf8proc and the C library's wcwidth (in C.UTF-8, whatever locale the program runs in) give the
 * same width, because one of the two is what the terminal believes. Everything else is shown as an escape. Thread: any.
 */
#ifndef SIGNALBOX_TERM_GLYPH_H
#define SIGNALBOX_TERM_GLYPH_H

#include <signalbox/base/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_MAX_MARKS 4                              /* combining marks that stay on one base */
#define SB_CLUSTER_MAX (4 * (1 + SB_MAX_MARKS))     /* bytes of the longest cluster */

enum sb_glyph {
    SB_GLYPH_BASE,    /* takes one or two cells */
    SB_GLYPH_MARK,    /* sits on the base before it and takes no cell */
    SB_GLYPH_CONTROL, /* C0 and DEL */
    SB_GLYPH_HIDDEN,  /* invisible, formatting, blank look-alike, unassigned, or of unsure width */
};

/* width is 1 or 2 for a base, else 0. */
enum sb_glyph sb_glyph_of(uint32_t point, int *width);

/* Reads hostile bytes as what may be shown of them. */
struct sb_clusters {
    const char *p, *end;
    unsigned flags;  /* enum sb_vis_flags */
    char escape[16]; /* what the last cluster was replaced by */
};

/* One thing to be shown: a base with its marks, an escape, or (with SB_VIS_NEWLINE) a newline of width 0. */
struct sb_cluster {
    const char *p; /* into the text or into the reader: valid until the next call */
    size_t n;
    int width;     /* cells; of an escape: of all of it */
    bool escaped;
};

void sb_clusters_init(struct sb_clusters *r, const void *bytes, size_t n, unsigned flags);
bool sb_clusters_next(struct sb_clusters *r, struct sb_cluster *c);

#endif
