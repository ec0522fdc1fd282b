/* SPDX-License-Identifier: Apache-2.0
 *
 * The season: how far a value is from every one at this time of the day in the last two weeks.
 *
 * The nearest of them counts, not their mean: what is usual at this hour on any day of the week is usual. A slot is the
 * mean of its values; the length of a slot follows from the interval at which values come. */
#include "streaming.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define DAYS_LEAST 3      /* days that have something at this time before it is judged */
#define RANKED_FROM 200   /* differences that it has to know before one of them means anything */
#define ASIDE 1           /* slots before and after that count as the same time */
#define LATELY 8.         /* values over which a lasting difference is taken */
#define SLOTS (SB_SEASON_DAYS * SB_SEASON_SLOTS)

void sb_season_init(struct sb_season *s)
{
    memset(s, 0, sizeof *s);
    sb_rarity_init(&s->now);
    sb_rarity_init(&s->lately);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The shortest slot that divides a day and is not shorter than the interval. */
static int64_t slot_for(int64_t interval_ms)
{
    static const int per_day[] = {288, 144, 96, 72, 48, 24, 12, 8, 6, 4, 2, 1};
    for (size_t i = 0; i < sizeof per_day / sizeof per_day[0]; i++)
        if (DAY_MS / per_day[i] >= interval_ms)
            return DAY_MS / per_day[i];
    return DAY_MS;
}

static void learn_interval(struct sb_season *s, int64_t at_ms)
{
    enum { N = sizeof s->interval / sizeof s->interval[0] };
    if (s->begun && at_ms > s->last_ms && s->intervals < N)
        s->interval[s->intervals++] = at_ms - s->last_ms;
    s->begun = true;
    s->last_ms = at_ms;
    if (s->intervals == N) {
        qsort(s->interval, N, sizeof s->interval[0], compare);
        s->slot_ms = slot_for(s->interval[N / 2]);
    }
}

static int place(int64_t slot)
{
    return (int)(((slot % SLOTS) + SLOTS) % SLOTS);
}

/* The difference from the nearest value at this time of an earlier day; returns the number of days that had one. */
static int nearest(const struct sb_season *s, int64_t slot, double x, double *difference)
{
    int days = 0;
    double best = INFINITY;
    int64_t day = DAY_MS / s->slot_ms;
    for (int d = 1; d <= SB_SEASON_DAYS; d++) {
        bool had = false;
        for (int k = -ASIDE; k <= ASIDE; k++) {
            int64_t then = slot - d * day + k;
            int i = place(then);
            if (then == slot || s->slot[i] != (int32_t)then)
                continue;
            had = true;
            double difference_here = x - (double)s->value[i];
            if (fabs(difference_here) < fabs(best))
                best = difference_here;
        }
        days += had;
    }
    *difference = best;
    return days;
}

static void store(struct sb_season *s, int64_t slot, double x)
{
    int i = place(slot);
    if (s->slot[i] != (int32_t)slot) {
        s->slot[i] = (int32_t)slot;
        s->sum = 0;
        s->in_slot = 0;
    }
    s->sum += x;
    s->in_slot++;
    s->value[i] = (float)(s->sum / s->in_slot);
}

double sb_season_take(struct sb_season *s, int64_t at_ms, double x, double scale)
{
    if (s->slot_ms == 0) {
        learn_interval(s, at_ms);
        return 0;
    }
    int64_t slot = at_ms / s->slot_ms;
    double difference = 0, evidence = 0;
    if (nearest(s, slot, x, &difference) >= DAYS_LEAST) {
        s->mean += (difference - s->mean) / LATELY;
        double now = fabs(difference), lately = fabs(s->mean);
        now = now <= 1e-6 * scale ? 0 : now;
        lately = lately <= 1e-6 * scale ? 0 : lately;
        if (s->judged++ >= RANKED_FROM) {
            double rare = sb_rarity_clearly(&s->now, now), lasting = sb_rarity_clearly(&s->lately, lately);
            evidence = sqrt((rare * rare + lasting * lasting) / 2);
        }
        sb_rarity_add(&s->now, now);
        sb_rarity_add(&s->lately, lately);
    }
    store(s, slot, x);
    return evidence;
}
