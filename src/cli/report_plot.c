/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's medians as a plot of characters: a row each, so that two sides of a date can be laid over one another by eye. */
#include "report.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/tui/plot_row.h>

#include <string.h>

#define LABEL 23
#define AXIS 40

static void print_row(const char *label, const struct sb_report_row *r, int64_t most)
{
    char row[SB_PLOT_ROW_MOST + 1], middle[32] = "none";
    sb_plot_row(row, AXIS, r, most);
    if (r->n)
        sb_duration_format(middle, sizeof middle, r->median);
    sb_print("  %-*s|%s| %s\n", LABEL, label, row, middle);
}

static struct sb_report_row row_of(const struct sb_median *m)
{
    return (struct sb_report_row){.n = (int64_t)m->n, .median = m->middle, .low = m->low, .high = m->high, .p90 = m->p90, .bounded = m->bounded};
}

void sb_report_plot(const struct sb_median *before, const struct sb_median *after, enum sb_phase from, enum sb_phase to)
{
    struct sb_report_row rows[2 * PHASES] = {{0}};
    size_t n = 0, side = after ? 2 : 1;
    for (size_t p = from; p <= (size_t)to; p++) {
        rows[n++] = row_of(&before[p]);
        if (after)
            rows[n++] = row_of(&after[p]);
    }
    int64_t most = sb_plot_most(rows, n);
    if (!most)
        return;
    char end[32];
    sb_duration_format(end, sizeof end, most);
    sb_print("  %-*s|0%*s|\n", LABEL, "", AXIS - 1, end);
    for (size_t i = 0; i < n; i++)
        print_row(i % side ? "    after the date" : sb_phase_names[from + i / side], &rows[i], most);
    sb_print("  o: the median, [=]: where it lies with 95 %%, >: nine in ten are shorter;\n  the axis is logarithmic\n");
}
