/* SPDX-License-Identifier: Apache-2.0
 *
 * svg.h - a frame as a picture that a browser shows: what was on the screen, for a report. The text in it is that of the
 * cells, sanitized as they are. Thread: one owner of the cells.
 */
#ifndef SIGNALBOX_TERM_SVG_H
#define SIGNALBOX_TERM_SVG_H

#include <signalbox/base/str.h>
#include <signalbox/term/cells.h>
#include <signalbox/term/theme.h>

/* Appends it. The theme's RGB colours are used; where it leaves the terminal's own, light on dark. */
void sb_cells_svg(const struct sb_cells *c, const struct sb_theme *theme, struct sb_str *out);

#endif
