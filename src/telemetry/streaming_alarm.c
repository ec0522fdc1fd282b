/* SPDX-License-Identifier: Apache-2.0
 *
 * From the judges' evidence to a score: how much they say together, against a line that learns how often this series
 * alarms, and one alarm an episode. */
#include "streaming.h"

#include <math.h>
#include <string.h>

#define LINE 3.8           /* the evidence that is an alarm in a series that has been quiet */
#define LINGERS 0.33       /* what is left of a judge's evidence at the next value */
#define LIFT 0.1           /* how much an alarm raises the line */
#define LIFT_MEMORY 2000.  /* values after which a rise has sunk to 1/e */
#define EPISODE 110        /* values after an alarm that belong to its episode */
#define WORSE 1.6          /* times the episode's evidence: a new alarm within it */
#define WITHIN 0.98        /* what is left of the line for the rest of an episode */
#define FULL 5000.         /* values of experience that the line is made for */
#define FULL_POWER 1.5
#define LEAST_SEEN 400.    /* values below which short experience is no excuse */

/* What the square of a judge's evidence counts. The season knows most of what repeats; movement says little alone. */
static const double weight[SB_JUDGES] = {[SB_JUDGE_POINT] = 1, [SB_JUDGE_SHIFT] = 1, [SB_JUDGE_MOVEMENT] = 0.3, [SB_JUDGE_SHAPE] = 1, [SB_JUDGE_SEASON] = 2};

void sb_alarm_line_init(struct sb_alarm_line *l)
{
    memset(l, 0, sizeof *l);
    l->since = EPISODE + 1;
}

/* The root of the judges' weighted squares. Evidence lingers: judges that find the same thing a value apart are heard
 * together, and one value of noise counts less than two. No judge can find anything rarer than its experience is long; a
 * shorter experience is therefore measured by a shorter yardstick. */
static double together(struct sb_alarm_line *l, const double evidence[SB_JUDGES], int64_t taken)
{
    double sum = 0, seen = fmin(fmax((double)taken, LEAST_SEEN), FULL);
    for (int j = 0; j < SB_JUDGES; j++) {
        l->said[j] = LINGERS * l->said[j] + (1 - LINGERS) * evidence[j];
        sum += weight[j] * l->said[j] * l->said[j];
    }
    return sqrt(sum) / pow(log(seen) / log(FULL), FULL_POWER);
}

/* 0.5 at the line, 0.75 at twice the line, never quite 1. */
static double score_of(double ratio)
{
    return ratio < 1 ? 0.5 * ratio : 1 - 0.5 / ratio;
}

double sb_alarm_line_score(struct sb_alarm_line *l, const double evidence[SB_JUDGES], int64_t taken, bool learn_only)
{
    double all = together(l, evidence, taken), line = LINE * (1 + l->lift);
    l->lift *= 1 - 1 / LIFT_MEMORY;
    l->since++;
    if (taken <= SB_STREAMING_WARMUP || learn_only)
        return 0;
    double ratio = all / line;
    if (ratio < 1)
        return score_of(ratio);
    bool fresh = l->since > EPISODE;
    if (!fresh && all <= l->peak * WORSE)
        return score_of(WITHIN);
    if (fresh)
        l->lift += LIFT;
    l->since = 0;
    l->peak = all;
    return score_of(ratio);
}
