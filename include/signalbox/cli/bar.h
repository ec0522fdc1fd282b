/* SPDX-License-Identifier: Apache-2.0
 *
 * bar.h - a progress bar on standard error: none before a second has gone by, none where that is no terminal that can draw one.
 */
#ifndef SIGNALBOX_CLI_BAR_H
#define SIGNALBOX_CLI_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct sb_bar {
    bool wanted, drawn;
    int64_t start_ms, drawn_ms;
};

void sb_bar_init(struct sb_bar *bar, bool quiet);

/* unit: of what `done` are so many, "entry"; NULL: they are only a share. At most ten times a second anything is drawn. */
void sb_bar_show(struct sb_bar *bar, int64_t done, int64_t total, const char *unit);

void sb_bar_clear(struct sb_bar *bar);

#endif
