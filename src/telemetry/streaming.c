/* SPDX-License-Identifier: Apache-2.0 */
#include "streaming.h"

#include <math.h>
#include <stdlib.h>

#define HUGE 1e150        /* what is larger is cut: its square must fit a double */
#define COUNTER_FROM 50   /* values before a series can be called a counter */
#define COUNTER_SHARE 0.9 /* of them larger than the one before */
#define RESET_SHARE 0.5   /* of the value before: falling below it is a reset */

_Static_assert(sizeof(struct sb_streaming) <= SB_STREAMING_BYTES, "a series needs more memory than the header states");

struct sb_streaming *sb_streaming_new(void)
{
    struct sb_streaming *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    sb_level_init(&s->level);
    sb_shape_past_init(&s->shape);
    sb_season_init(&s->season);
    sb_alarm_line_init(&s->line);
    return s;
}

void sb_streaming_free(struct sb_streaming *s)
{
    free(s);
}

const char *sb_judge_name(enum sb_judge judge)
{
    static const char *const names[SB_JUDGES] = {"level", "shift", "movement", "shape", "season"};
    return names[judge];
}

struct sb_oddity sb_streaming_take(struct sb_streaming *s, int64_t at_ms, double value, bool learn_only)
{
    struct sb_oddity v = {0, SB_JUDGE_POINT, 0};
    if (!isfinite(value))
        return v;
    value = fmax(-HUGE, fmin(HUGE, value));
    if (s->taken == 0 || at_ms > s->at_ms)
        s->at_ms = at_ms;
    double evidence[SB_JUDGES] = {0};
    v.usual = sb_level_take(&s->level, value, evidence);
    evidence[SB_JUDGE_SHAPE] = sb_shape_past_take(&s->shape, value);
    evidence[SB_JUDGE_SEASON] = sb_season_take(&s->season, s->at_ms, value, fabs(value));
    s->taken++;
    for (int j = 1; j < SB_JUDGES; j++)
        if (evidence[j] > evidence[v.loudest])
            v.loudest = (enum sb_judge)j;
    v.score = sb_alarm_line_score(&s->line, evidence, s->taken, learn_only);
    return v;
}
