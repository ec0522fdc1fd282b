/* SPDX-License-Identifier: Apache-2.0
 *
 * plot_row.h - a median with its bounds as one row of characters, on an axis that other rows share. Pure. Thread: any.
 */
#ifndef SIGNALBOX_TUI_PLOT_ROW_H
#define SIGNALBOX_TUI_PLOT_ROW_H

#include <signalbox/model/report.h>

#define SB_PLOT_ROW_MOST 100 /* cells */

/* o: the median, [=]: where it lies with 95 %, >: nine in ten are shorter; on a logarithmic axis of so many cells from 0 to `most`
 * milliseconds. cells is taken for SB_PLOT_ROW_MOST where it is larger. */
void sb_plot_row(char out[SB_PLOT_ROW_MOST + 1], int cells, const struct sb_report_row *r, int64_t most);

/* The longest that any of these rows shows; 0: none shows anything. */
int64_t sb_plot_most(const struct sb_report_row *rows, size_t n);

#endif
