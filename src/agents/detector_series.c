/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IN_A_ROW 3      /* values out before a series deviates */
#define BACK_IN_A_ROW 5 /* values in before it has recovered */
#define ACCEPT_MS (30 * 60 * 1000) /* a level that stays so long is the new level */
#define LEAST_BUSY_US 50000 /* what a worse latency must cost in a second: a twentieth of one client's time */
#define SLOW_US 100000      /* or each operation is slow by the server's own measure */

const struct series_rule sb_series_rules[SERIES_KINDS] = {
    [NS_READ_LATENCY] = {"ns.read_latency_us", "us", 6, 1.6, 300, 0.08, 3, true},
    [NS_WRITE_LATENCY] = {"ns.write_latency_us", "us", 6, 1.6, 300, 0.08, 3, true},
    [NS_READ_RATE] = {"ns.reads_per_s", "1/s", 6, 1.9, 1, 0.10, 5, true},
    [NS_WRITE_RATE] = {"ns.writes_per_s", "1/s", 6, 1.9, 1, 0.10, 5, true},
    [MEMBER_LAG] = {"member.lag_s", "s", 6, 2, 10, 0.10, 0, true},
    [MEMBER_QUEUE] = {"member.queued", "", 6, 2, 10, 0.10, 0, false},
    [MEMBER_EXAMINED] = {"member.docs_examined_per_read", "docs", 6, 1.6, 2, 0.10, 3, false},
    [MEMBER_ERRORS] = {"member.errors_per_s", "1/s", 6, 3, 3, 0.20, 0, false},
    [MEMBER_CONNECTIONS] = {"member.connections", "", 6, 2, 30, 0.10, 0, false},
    [MEMBER_CONFLICTS] = {"member.write_conflicts_per_s", "1/s", 6, 4, 5, 0.20, 0, false},
    [MEMBER_ROLLBACK] = {.metric = "member.rollback", .unit = "", .impact = true},
    [MEMBER_SILENT] = {.metric = "member.silent_s", .unit = "s", .impact = true},
    [SET_HEADLESS] = {.metric = "set.without_primary_s", .unit = "s", .impact = true},
    [SET_MOVED] = {.metric = "set.changes_of_primary", .unit = "", .impact = true},
};

/* The spread that a value is held against. For a rate, counting noise is part of it: with n events expected in the
 * interval the standard deviation is sqrt(n). */
static double scale_of(const struct series *s, double dt_s)
{
    const struct series_rule *r = &sb_series_rules[s->kind];
    double median = sb_baseline_median(&s->usual), scale = sb_baseline_spread(&s->usual);
    scale = fmax(scale, r->rel_floor * median);
    if ((s->kind == NS_READ_RATE || s->kind == NS_WRITE_RATE) && dt_s > 0)
        scale = fmax(scale, sqrt(fmax(median * dt_s, 1)) / dt_s);
    return fmax(scale, 1e-9);
}

/* A few operations of a new kind among many quick ones raise the mean by any factor, as a nightly job does, and cost nobody
 * anything. What counts is how much longer all that was asked for took. */
static bool costs_nothing(const struct series *s, double value, double median, int64_t ops, double dt_s)
{
    bool latency = s->kind == NS_READ_LATENCY || s->kind == NS_WRITE_LATENCY;
    return latency && dt_s > 0 && value < SLOW_US && (value - median) * (double)ops / dt_s < LEAST_BUSY_US;
}

static bool is_out(const struct series *s, double value, int64_t ops, double dt_s)
{
    const struct series_rule *r = &sb_series_rules[s->kind];
    if (!sb_baseline_warm(&s->usual) || ops < r->least_ops)
        return false;
    double median = sb_baseline_median(&s->usual);
    return value > median + r->z * scale_of(s, dt_s) && value >= r->least_ratio * median && value - median >= r->least_step &&
           !costs_nothing(s, value, median, ops, dt_s);
}

static void remember(struct series *s, double value)
{
    if (s->recent_n == SB_COUNT(s->recent)) {
        memmove(s->recent, s->recent + 1, (s->recent_n - 1) * sizeof s->recent[0]);
        s->recent_n--;
    }
    s->recent[s->recent_n++] = value;
    double sorted[SB_COUNT(s->recent)];
    memcpy(sorted, s->recent, s->recent_n * sizeof sorted[0]);
    for (size_t i = 1; i < s->recent_n; i++)
        for (size_t k = i; k > 0 && sorted[k - 1] > sorted[k]; k--) {
            double t = sorted[k];
            sorted[k] = sorted[k - 1];
            sorted[k - 1] = t;
        }
    s->value = sorted[s->recent_n / 2];
    double median = sb_baseline_median(&s->usual);
    s->ratio = median > 0 ? s->value / median : 1;
    if (s->deviating && s->ratio > s->peak_ratio) {
        s->peak = s->value;
        s->peak_ratio = s->ratio;
    }
}

static void accept_new_level(struct series *s)
{
    sb_baseline_init(&s->usual);
    s->accepted = true;
    s->deviating = false;
    s->out = s->in = 0;
    s->recent_n = 0;
}

bool sb_series_take(struct series *s, double value, int64_t ops, int64_t at, double dt_s)
{
    if (!isfinite(value) || value < 0)
        return false;
    s->last_at = at;
    if (!s->trail)
        s->trail = calloc(1, sizeof *s->trail);
    if (s->trail) /* without it there is no picture, and all else goes on */
        sb_trail_add(s->trail, at, value);
    bool out = is_out(s, value, ops, dt_s);
    if (s->deviating) {
        remember(s, value);
        s->in = out ? 0 : s->in + 1;
        if (s->in >= BACK_IN_A_ROW) {
            s->deviating = false;
            s->out = s->in = 0;
            s->recent_n = 0;
        } else if (at - s->onset > ACCEPT_MS) {
            accept_new_level(s);
        }
        return false;
    }
    if (!out) {
        s->out = 0;
        s->recent_n = 0;
        sb_baseline_add(&s->usual, value);
        return false;
    }
    if (s->out++ == 0)
        s->onset = at - (int64_t)(dt_s * 1000);
    remember(s, value);
    if (s->out < IN_A_ROW)
        return false;
    s->deviating = true;
    s->accepted = false;
    s->before = sb_baseline_median(&s->usual);
    s->peak = s->value;
    s->peak_ratio = s->ratio;
    s->in = 0;
    return true;
}
