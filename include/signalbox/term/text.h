/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - a frame as text, for tests, exports and headless use.
 *
 * Thread: pure.
 */
#ifndef SIGNALBOX_TERM_TEXT_H
#define SIGNALBOX_TERM_TEXT_H

#include <signalbox/base/str.h>
#include <signalbox/term/cells.h>

/* Appends one line a row, without the blanks at its end. */
void sb_cells_text(const struct sb_cells *c, struct sb_str *out);

/* Appends one line a row, one letter a cell: the letter of its role (term/roles.h). */
void sb_cells_roles(const struct sb_cells *c, struct sb_str *out);

#endif
