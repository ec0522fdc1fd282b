/* SPDX-License-Identifier: Apache-2.0
 *
 * From the judges' evidence to a score: how much they say together, against a line that learns how often this series
 * alarms, and one alarm an episode. */
#include "streaming.h"

#include <math.h>
#include <string.h>

#define LINE 5.6           /* the evidence that is an alarm in a series that has been quiet */
#define TOGETHER 0.3       /* what the sum of all judges counts beside the loudest */
#define LIFT 0.13          /* how much an alarm raises the line */
#define YOUNG 0.3          /* and how much higher it stands at first */
#define LIFT_MEMORY 2000.  /* values after which a rise has sunk to 1/e */
#define EPISODE 100        /* values after an alarm that belong to its episode */
#define WORSE 1.3          /* times the episode's evidence: a new alarm within it */
#define WITHIN 0.98        /* what is left of the line for the rest of an episode */
#define FULL 3.3           /* log10 of the values that the line is made for */
#define FULL_POWER 1.5
#define LEAST_SEEN 400.    /* values below which short experience is no excuse */

void sb_alarm_line_init(struct sb_alarm_line *l)
{
    memset(l, 0, sizeof *l);
    l->since = EPISODE + 1;
    l->lift = YOUNG;
}

/* No judge can find anything rarer than its experience is long; a shorter experience is therefore measured by a shorter
 * yardstick. */
static double together(struct sb_alarm_line *l, const double evidence[SB_JUDGES])
{
    double loudest = 0, sum = 0;
    for (int j = 0; j < SB_JUDGES; j++) {
        loudest = fmax(loudest, evidence[j]);
        sum += evidence[j];
    }
    l->weight += 1 - l->weight / SB_RARITY_MEMORY;
    return (loudest + TOGETHER * sum) / pow(log10(fmax(l->weight, LEAST_SEEN)) / FULL, FULL_POWER);
}

/* 0.5 at the line, 0.75 at twice the line, never quite 1. */
static double score_of(double ratio)
{
    return ratio < 1 ? 0.5 * ratio : 1 - 0.5 / ratio;
}

double sb_alarm_line_score(struct sb_alarm_line *l, const double evidence[SB_JUDGES], int64_t taken, bool learn_only)
{
    double all = together(l, evidence), line = LINE * (1 + l->lift);
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
