/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>
#include <signalbox/cli/bar.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AFTER_MS 1000
#define EVERY_MS 100
#define WIDTH 40

void sb_bar_init(struct sb_bar *bar, bool quiet)
{
    const char *term = getenv("TERM");
    *bar = (struct sb_bar){.wanted = !quiet && isatty(STDERR_FILENO) && term && !sb_streq(term, "dumb"), .start_ms = sb_mono_ms()};
}

void sb_bar_show(struct sb_bar *bar, int64_t done, int64_t total, const char *unit)
{
    if (!bar->wanted)
        return;
    int64_t now = sb_mono_ms();
    if (now - bar->start_ms < AFTER_MS || now - bar->drawn_ms < EVERY_MS)
        return;
    int share = total > 0 && done > 0 ? (int)(done >= total ? 100 : done * 100 / total) : 0;
    char line[WIDTH + 1];
    memset(line, '.', WIDTH);
    memset(line, '#', (size_t)share * WIDTH / 100);
    line[WIDTH] = '\0';
    if (unit)
        fprintf(stderr, "\r[%s] %3d %%  %s %" PRId64, line, share, unit, done);
    else
        fprintf(stderr, "\r[%s] %3d %%", line, share);
    fflush(stderr);
    bar->drawn = true;
    bar->drawn_ms = now;
}

void sb_bar_clear(struct sb_bar *bar)
{
    if (bar->drawn)
        fputs("\r\033[K", stderr);
    bar->drawn = false;
}
