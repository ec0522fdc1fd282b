/* SPDX-License-Identifier: Apache-2.0
 *
 * The point, the shift and the movement. */
#include "streaming.h"

#include <math.h>
#include <string.h>

#define LONGER 8.       /* the slow mean is over so many times the values of the fast one */
#define SLOW 700.       /* values of the long level */
#define MOVED 24.       /* values over which movement is taken */
#define STILL 5         /* values in a row that are the same and mean nothing yet */
#define FURTHER 0.1     /* what each further one adds in a series that never stood still so long */
#define ROUNDING 1e-9   /* of the numbers it is the difference of */
#define RANKED_FROM 10  /* values before anything is ranked */

static const double shifts[SB_SHIFTS] = {4, 16, 64};

double sb_two_means_take(struct sb_two_means *m, double x, double length)
{
    double before = m->slow, n = (double)++m->n;
    m->fast += fmax(1 / n, 1 / length) * (x - m->fast);
    m->slow += fmax(1 / n, 1 / (length * LONGER)) * (x - m->slow);
    return m->fast - before;
}

double sb_two_sides_judge(struct sb_two_sides *s, double deviation, double scale)
{
    if (fabs(deviation) <= ROUNDING * scale)
        deviation = 0;
    double rare = deviation > 0 ? sb_rarity_clearly(&s->up, deviation) : sb_rarity_clearly(&s->down, -deviation);
    sb_rarity_add(&s->up, deviation);
    sb_rarity_add(&s->down, -deviation);
    return rare;
}

static void sides_init(struct sb_two_sides *s)
{
    sb_rarity_init(&s->up);
    sb_rarity_init(&s->down);
}

void sb_level_init(struct sb_level *l)
{
    memset(l, 0, sizeof *l);
    sides_init(&l->from_median);
    sides_init(&l->from_before);
    sides_init(&l->from_slow);
    sides_init(&l->movement);
    sb_rarity_init(&l->stills);
    for (int i = 0; i < SB_SHIFTS; i++)
        sides_init(&l->shifted[i]);
}

static int place_of(const struct sb_level *l, double x)
{
    int i = 0;
    while (i < l->n && l->sorted[i] < x)
        i++;
    return i;
}

static void remember(struct sb_level *l, double x)
{
    if (l->n == SB_LEVEL_WINDOW) {
        int at = place_of(l, l->ring[l->next]);
        memmove(&l->sorted[at], &l->sorted[at + 1], (size_t)(l->n - at - 1) * sizeof l->sorted[0]);
        l->n--;
    }
    int at = place_of(l, x);
    memmove(&l->sorted[at + 1], &l->sorted[at], (size_t)(l->n - at) * sizeof l->sorted[0]);
    l->sorted[at] = x;
    l->n++;
    l->ring[l->next] = x;
    l->next = (l->next + 1) % SB_LEVEL_WINDOW;
}

/* A series that stands still: for longer than it ever did. What is still going on is not learned from. */
static double judge_stillness(struct sb_level *l, double step)
{
    if (step == 0) {
        l->still++;
        double longer = l->still - STILL;
        double rare = sb_rarity_clearly(&l->stills, longer);
        bool never = !l->stills.any && longer > 0 && l->stills.total > 0;
        return never ? fmin(rare + FURTHER * longer, SB_RARITY_MOST) : rare;
    }
    sb_rarity_add(&l->stills, l->still - STILL);
    l->still = 0;
    return 0;
}

static double square(double x)
{
    return x * x;
}

double sb_level_take(struct sb_level *l, double x, double evidence[SB_JUDGES])
{
    double median = l->n ? l->sorted[l->n / 2] : x;
    if (l->taken == 0)
        l->before = l->slow = x;
    double scale = fmax(fabs(x), fabs(l->before)), step = x - l->before;

    double point = square(sb_two_sides_judge(&l->from_median, x - median, scale));
    point += square(sb_two_sides_judge(&l->from_before, step, scale));
    point += square(sb_two_sides_judge(&l->from_slow, x - l->slow, scale));

    double shift = 0;
    for (int i = 0; i < SB_SHIFTS; i++)
        shift += square(sb_two_sides_judge(&l->shifted[i], sb_two_means_take(&l->shift[i], x, shifts[i]), scale));

    double used_to = l->moved.slow;
    sb_two_means_take(&l->moved, fabs(step), MOVED);
    double ratio = used_to > 0 && l->moved.fast > 0 ? log(l->moved.fast / used_to) : 0;
    double movement = square(sb_two_sides_judge(&l->movement, ratio, 1)) + square(judge_stillness(l, step));

    l->slow += fmax(1. / (double)(l->taken + 1), 1 / SLOW) * (x - l->slow);
    l->before = x;
    remember(l, x);
    l->taken++;
    bool ranked = l->taken > RANKED_FROM;
    evidence[SB_JUDGE_POINT] = ranked ? sqrt(point / 3) : 0;
    evidence[SB_JUDGE_SHIFT] = ranked ? sqrt(shift / SB_SHIFTS) : 0;
    evidence[SB_JUDGE_MOVEMENT] = ranked ? sqrt(movement / 2) : 0;
    return median;
}
