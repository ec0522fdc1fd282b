/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's medians as a plot of characters: a row each on one logarithmic axis, so that minutes and weeks have room beside each
 * other, and two sides of a date can be laid over one another by eye. */
#include "report.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <math.h>
#include <string.h>

#define LABEL 23
#define AXIS SB_PLOT_ROW

/* Where a duration stands on an axis that ends with `most`. */
static int place(int64_t ms, int64_t most)
{
    if (ms <= 0 || most <= 0)
        return 0;
    double at = log((double)ms + 1) / log((double)most + 1) * (AXIS - 1);
    return at >= AXIS - 1 ? AXIS - 1 : (int)at;
}

void sb_report_plot_row(char out[AXIS + 1], const struct sb_median *m, int64_t most)
{
    memset(out, ' ', AXIS);
    out[AXIS] = '\0';
    if (!m->n)
        return;
    int middle = place(m->middle, most), p90 = place(m->p90, most);
    for (int i = middle; i <= p90; i++)
        out[i] = '.';
    out[p90] = '>';
    if (m->bounded) {
        int low = place(m->low, most), high = place(m->high, most);
        for (int i = low; i <= high; i++)
            out[i] = '=';
        out[low] = '[';
        out[high] = ']';
    }
    out[middle] = 'o';
}

static void print_row(const char *label, const struct sb_median *m, int64_t most)
{
    char row[AXIS + 1], middle[32] = "none";
    sb_report_plot_row(row, m, most);
    if (m->n)
        sb_duration_format(middle, sizeof middle, m->middle);
    sb_print("  %-*s|%s| %s\n", LABEL, label, row, middle);
}

void sb_report_plot(const struct sb_median *before, const struct sb_median *after, enum sb_phase from, enum sb_phase to)
{
    int64_t most = 0;
    for (size_t p = from; p <= (size_t)to; p++) {
        most = before[p].n && before[p].p90 > most ? before[p].p90 : most;
        most = before[p].bounded && before[p].high > most ? before[p].high : most;
        most = after && after[p].n && after[p].p90 > most ? after[p].p90 : most;
        most = after && after[p].bounded && after[p].high > most ? after[p].high : most;
    }
    if (!most)
        return;
    char end[32];
    sb_duration_format(end, sizeof end, most);
    sb_print("  %-*s|0%*s|\n", LABEL, "", AXIS - 1, end);
    for (size_t p = from; p <= (size_t)to; p++) {
        print_row(sb_phase_names[p], &before[p], most);
        if (after)
            print_row("    after the date", &after[p], most);
    }
    sb_print("  o: the median, [=]: where it lies with 95 %%, >: nine in ten are shorter;\n  the axis is logarithmic\n");
}
