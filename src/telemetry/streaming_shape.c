/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape: how far the latest stretch is from the nearest one in the past.
 *
 * For each lag the squared distance between the series and itself so many values ago fades by 1 - 1/length a value, which
 * is one multiplication and one addition a lag, needs no second look at what leaves a window, and so gathers no rounding
 * error. The smallest over all lags beyond the length is the distance to the nearest neighbour. */
#include "streaming.h"

#include <math.h>
#include <string.h>

#define FAR 1e15          /* differences beyond it are cut: their squares must fit a float */
#define LANES 8           /* minima kept side by side, so that the loop has no chain */

static const int lengths[SB_SHAPE_LENGTHS] = {8, 24, 72};

void sb_shape_past_init(struct sb_shape_past *p)
{
    memset(p, 0, sizeof *p);
    for (int i = 0; i < SB_SHAPE_LENGTHS; i++)
        sb_rarity_init(&p->rarity[i]);
}

/* Distances to the values past[0..n), and the smallest of those from `least` on. */
static float fade(float *restrict distance, const float *restrict past, int n, float x, float keep, int least)
{
    float best[LANES], smallest = INFINITY;
    int i = 0;
    for (; i < n && i < least; i++) {
        float d = x - past[i];
        distance[i] = distance[i] * keep + d * d;
    }
    for (int k = 0; k < LANES; k++)
        best[k] = INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float d = x - past[i + k], v = distance[i + k] * keep + d * d;
            distance[i + k] = v;
            best[k] = v < best[k] ? v : best[k];
        }
    for (; i < n; i++) {
        float d = x - past[i];
        distance[i] = distance[i] * keep + d * d;
        best[0] = distance[i] < best[0] ? distance[i] : best[0];
    }
    for (int k = 0; k < LANES; k++)
        smallest = best[k] < smallest ? best[k] : smallest;
    return smallest;
}

double sb_shape_past_take(struct sb_shape_past *p, double value)
{
    if (!p->begun)
        p->origin = value;
    p->begun = true;
    float x = (float)fmax(-FAR, fmin(FAR, value - p->origin));
    double evidence = 0;
    int first = SB_SHAPE_PAST - p->newest < p->n ? SB_SHAPE_PAST - p->newest : p->n;
    for (int j = 0; j < SB_SHAPE_LENGTHS; j++) {
        float keep = 1 - 1 / (float)lengths[j];
        float a = fade(p->distance[j], p->past + p->newest, first, x, keep, lengths[j]);
        float b = fade(p->distance[j] + first, p->past, p->n - first, x, keep, first < lengths[j] ? lengths[j] - first : 0);
        float nearest = a < b ? a : b;
        double distance = isfinite(nearest) && p->n > 2 * lengths[j] ? sqrt((double)nearest / lengths[j]) : 0;
        if (distance <= 1e-6 * fabs((double)x))
            distance = 0;
        double rare = sb_rarity_clearly(&p->rarity[j], distance);
        evidence += rare * rare;
        sb_rarity_add(&p->rarity[j], distance);
    }
    p->newest = (p->newest + SB_SHAPE_PAST - 1) % SB_SHAPE_PAST;
    p->past[p->newest] = x;
    if (p->n < SB_SHAPE_PAST)
        p->n++;
    return sqrt(evidence / SB_SHAPE_LENGTHS);
}
