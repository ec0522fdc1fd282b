/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.h - the grid of cells a frame is painted into, and what differs between two frames.
 *
 * A cell holds one cluster (a base and its marks), its width and its role. A wide cluster stands in its left cell and
 * marks the right one with width 0; whoever overwrites one half blanks the other, and a wide cluster that has room for
 * one half only is not painted. Everything is clipped here and nowhere else. Thread: one owner.
 */
#ifndef SIGNALBOX_TERM_CELLS_H
#define SIGNALBOX_TERM_CELLS_H

#include <signalbox/base/error.h>
#include <signalbox/term/glyph.h>
#include <signalbox/term/roles.h>
#include <signalbox/term/safe.h>

#define SB_CELLS_MAX_SIDE 1000 /* a larger terminal is used up to here */

struct sb_cell {
    char text[SB_CLUSTER_MAX];
    uint8_t n;     /* bytes of text */
    uint8_t width; /* 1 or 2; 0: the right half of the wide cluster to the left */
    uint8_t role;  /* enum sb_role */
};

struct sb_rect {
    int x, y, w, h;
};

struct sb_cells {
    int w, h;
    struct sb_cell *cell; /* row by row */
};

void sb_cells_init(struct sb_cells *c);
void sb_cells_release(struct sb_cells *c);

/* Makes it w by h blanks of SB_ROLE_TEXT; sides are clamped to 0..SB_CELLS_MAX_SIDE. On failure nothing has changed. */
int sb_cells_resize(struct sb_cells *c, int w, int h, struct sb_err *err) SB_MUST_USE;

struct sb_rect sb_rect_clip(struct sb_rect r, struct sb_rect within);

/* Blanks in this role. */
void sb_cells_fill(struct sb_cells *c, struct sb_rect r, enum sb_role role);

/* Writes text from x, y, as far as it lies within `clip`. Returns the column behind the text, clipped or not. */
int sb_cells_put(struct sb_cells *c, struct sb_rect clip, int x, int y, struct sb_safe text, enum sb_role role);

/* Gives what is painted there another role. */
void sb_cells_tint(struct sb_cells *c, struct sb_rect r, enum sb_role role);

/* The same one-cell text n times to the right. */
void sb_cells_repeat(struct sb_cells *c, struct sb_rect clip, int x, int y, struct sb_safe one, int n, enum sb_role role);

const struct sb_cell *sb_cell_at(const struct sb_cells *c, int x, int y);

/* A stretch of one row that differs. Begins and ends at whole clusters. */
struct sb_run {
    int x, y, n;
};

/* The first differing run at or behind *run (start with {0, 0, 0}); false when there is none. Grids of unlike size
 * differ everywhere; `front` may be empty. */
bool sb_cells_diff(const struct sb_cells *front, const struct sb_cells *back, struct sb_run *run);

/* Copies cells of the same size. */
void sb_cells_copy(struct sb_cells *to, const struct sb_cells *from);

#endif
