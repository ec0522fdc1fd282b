/* SPDX-License-Identifier: Apache-2.0 */
#include "streaming.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 1e150     /* what is larger is cut: its square must fit a double */
#define COUNTER_AT 50     /* values after which a series is called a counter, or not */
#define COUNTER_SHARE 0.9 /* of them larger than the one before */
#define RESET_SHARE 0.5   /* of the value before: falling below it is a reset */

_Static_assert(sizeof(struct sb_streaming) <= SB_STREAMING_BYTES, "a series needs more memory than the header states");

static void begin_anew(struct sb_streaming *s)
{
    sb_level_init(&s->level);
    sb_shape_past_init(&s->shape);
    sb_season_init(&s->season);
    sb_alarm_line_init(&s->line);
}

struct sb_streaming *sb_streaming_new(void)
{
    struct sb_streaming *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    begin_anew(s);
    return s;
}

void sb_streaming_reset(struct sb_streaming *s)
{
    memset(s, 0, sizeof *s);
    begin_anew(s);
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

/* What is to be judged of a value: itself, or of a counter how much it grew; NAN where that is not known. */
static double judged(struct sb_streaming *s, double value)
{
    double before = s->raw, step = value - before;
    s->raw = value;
    if (s->counter)
        return step < 0 && value >= 0 && value < RESET_SHARE * before ? NAN : step;
    if (s->taken > 0 && s->taken < COUNTER_AT) {
        s->grown += step > 0;
        s->shrunk |= step < 0 || value < 0;
    }
    if (s->taken == COUNTER_AT && !s->shrunk && (double)s->grown >= COUNTER_SHARE * (COUNTER_AT - 1)) {
        s->counter = true;
        begin_anew(s); /* what was learned is of another quantity */
        return step < 0 ? NAN : step;
    }
    return value;
}

struct sb_oddity sb_streaming_take(struct sb_streaming *s, int64_t at_ms, double value, bool learn_only)
{
    struct sb_oddity o = {0, SB_JUDGE_POINT, 0};
    if (!isfinite(value))
        return o;
    double x = judged(s, fmax(-LARGEST, fmin(LARGEST, value)));
    s->taken++;
    if (isnan(x))
        return o;
    double evidence[SB_JUDGES] = {0};
    o.usual = sb_level_take(&s->level, x, evidence);
    evidence[SB_JUDGE_SHAPE] = sb_shape_past_take(&s->shape, x);
    evidence[SB_JUDGE_SEASON] = sb_season_take(&s->season, at_ms, x, fabs(x));
    for (int j = 1; j < SB_JUDGES; j++)
        if (evidence[j] > evidence[o.loudest])
            o.loudest = (enum sb_judge)j;
    o.score = sb_alarm_line_score(&s->line, evidence, s->taken, learn_only);
    return o;
}
