/* SPDX-License-Identifier: Apache-2.0
 *
 * The axis is logarithmic so that minutes and weeks have room beside each other. */
#include <signalbox/tui/plot_row.h>

#include <math.h>
#include <string.h>

/* Where a duration stands on an axis that ends with `most`. */
static int place(int64_t ms, int64_t most, int cells)
{
    if (ms <= 0 || most <= 0)
        return 0;
    double at = log((double)ms + 1) / log((double)most + 1) * (cells - 1);
    return at >= cells - 1 ? cells - 1 : (int)at;
}

void sb_plot_row(char out[SB_PLOT_ROW_MOST + 1], int cells, const struct sb_report_row *r, int64_t most)
{
    cells = cells > SB_PLOT_ROW_MOST ? SB_PLOT_ROW_MOST : cells < 1 ? 1 : cells;
    memset(out, ' ', (size_t)cells);
    out[cells] = '\0';
    if (r->n <= 0)
        return;
    int middle = place(r->median, most, cells), p90 = place(r->p90, most, cells);
    for (int i = middle; i <= p90; i++)
        out[i] = '.';
    out[p90] = '>';
    if (r->bounded) {
        int low = place(r->low, most, cells), high = place(r->high, most, cells);
        for (int i = low; i <= high; i++)
            out[i] = '=';
        out[low] = '[';
        out[high] = ']';
    }
    out[middle] = 'o';
}

int64_t sb_plot_most(const struct sb_report_row *rows, size_t n)
{
    int64_t most = 0;
    for (size_t i = 0; i < n; i++) {
        most = rows[i].n > 0 && rows[i].p90 > most ? rows[i].p90 : most;
        most = rows[i].n > 0 && rows[i].bounded && rows[i].high > most ? rows[i].high : most;
    }
    return most;
}
