/* SPDX-License-Identifier: Apache-2.0
 *
 * recoverability.h (private) - what the files of it share. */
#ifndef SIGNALBOX_SRC_AGENTS_RECOVERABILITY_H
#define SIGNALBOX_SRC_AGENTS_RECOVERABILITY_H

#include <signalbox/agents/recoverability.h>

/* Adds what is asked of the backups, measured. */
int sb_recovery_goals(const struct sb_recovery_input *in, struct sb_recovery *out);

/* ---- recovery_goals.c ---- */

struct goals {
    const struct sb_recovery_input *in;
    struct sb_recovery *out;
    const struct sb_backup *newest;
    int64_t point; /* of it; 0: there is none */
    int rc;
};

/* value NULL: blind. */
struct sb_recovery_goal *sb_goal_add(struct goals *g, const char *name, const char *value, enum sb_goal_state state, const char *fmt, ...) SB_PRINTF(5, 6);

/* "at most 2 h"; limit_s: not -1. */
void sb_goal_limit(struct goals *g, struct sb_recovery_goal *to, const char *words, int64_t limit_s);

/* ---- recovery_lie.c: at, bytes: the moments and sizes of the usable backups of the newest one's kind, rising, n of them ---- */

void sb_recovery_sizes(struct goals *g, const int64_t *bytes, size_t n, double per_day);
void sb_recovery_lie(struct goals *g, const int64_t *at, const int64_t *bytes, size_t n);

/* ---- recovery_trend.c: pure ---- */

/* Sorts the values. 0 of none. */
int64_t sb_median(int64_t *v, size_t n);

/* Is x far from the others, by their median and the median of how far they lie from it? At least four others are needed, and
 * what lies within a fifth of the median is never far. *usual: the median. */
bool sb_far_out(const int64_t *others, size_t n, int64_t x, int64_t *usual);

/* The slope through points (rising x), as the median of all slopes between two of them, in y for a day; 0 of fewer than three
 * or when they lie within less than an hour. */
double sb_slope_per_day(const int64_t *x_ms, const int64_t *y, size_t n);

#endif
