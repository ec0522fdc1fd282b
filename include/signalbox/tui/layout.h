/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - where things go: a tree of boxes, each fixed, filling or fitting along its parent's direction.
 *
 * Pure geometry; it knows no terminal. A fixed box gets what it wants; a fitting one between `least` and `want`; filling
 * boxes share the rest by weight (`want`), each at least `least`. Where there is not even room for every least, boxes are
 * served in the order in which they were added, and the last get nothing. Sizes are never negative.
 */
#ifndef SIGNALBOX_TUI_LAYOUT_H
#define SIGNALBOX_TUI_LAYOUT_H

#include <signalbox/base/str.h>
#include <signalbox/term/cells.h>

enum sb_dir { SB_BELOW, SB_BESIDE }; /* how the children of a box stand */
enum sb_fit { SB_FIXED, SB_FILL, SB_FIT };

#define SB_BOXES_MAX 32

struct sb_box {
    const char *name;
    int parent; /* -1: the root */
    enum sb_dir dir;
    enum sb_fit fit;
    int want, least;
    struct sb_rect at; /* the answer */
};

struct sb_layout {
    struct sb_box box[SB_BOXES_MAX];
    int n;
};

void sb_layout_init(struct sb_layout *l, enum sb_dir dir);

/* Adds a box to a parent (0 is the root) and returns its number; -1 when there are too many. */
int sb_layout_add(struct sb_layout *l, int parent, const char *name, enum sb_dir dir, enum sb_fit fit, int want, int least);

void sb_layout_solve(struct sb_layout *l, int w, int h);

/* Where the box of this name went; an empty rectangle when there is none. */
struct sb_rect sb_layout_at(const struct sb_layout *l, const char *name);

/* Appends "name x,y wxh" for each box, one a line, indented by depth. */
void sb_layout_text(const struct sb_layout *l, struct sb_str *out);

#endif
