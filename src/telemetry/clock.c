/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - one time for the whole set. A member whose clock is far from the others' would carry all that hangs on time away with it:
 * what its siblings said a second ago would count as an hour old. The time is the median of the members' clocks, each carried on to
 * the moment of this sample by the pace at which the clocks go (a simulated set's go faster than ours); where they are two, our own
 * clock has a voice, if it goes at that pace. */
#include "private.h"

#include <stdlib.h>

#define FAR_MS 10000    /* from the others at their pace: what is nearer is the way of a reply */
#define RECENT_MS 30000 /* of our time: whose last sample is older has no voice */
#define VOICES 64

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double lower_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return v[(n - 1) / 2];
}

static bool has_voice(const struct member_state *k, int64_t wall)
{
    return k->clock.at && wall - k->clock.wall < RECENT_MS && wall >= k->clock.wall;
}

/* Deployment time that passes in one of ours, by most of the members. */
static double pace_of(const struct sb_telemetry *t, int64_t wall)
{
    double pace[VOICES];
    size_t n = 0;
    for (size_t i = 0; i < t->members_n && n < VOICES; i++)
        if (has_voice(&t->members[i], wall) && t->members[i].clock.pace > 0)
            pace[n++] = t->members[i].clock.pace;
    return n ? lower_median(pace, n) : 1;
}

static double time_of_the_set(const struct sb_telemetry *t, int64_t wall, double pace)
{
    double now[VOICES + 1];
    size_t n = 0;
    for (size_t i = 0; i < t->members_n && n < VOICES; i++)
        if (has_voice(&t->members[i], wall))
            now[n++] = (double)t->members[i].clock.at + (double)(wall - t->members[i].clock.wall) * pace;
    if (n == 2 && pace > 0.9 && pace < 1.1)
        now[n++] = (double)wall;
    return lower_median(now, n);
}

static bool is_far(double ms, double pace)
{
    double most = FAR_MS * (pace > 1 ? pace : 1);
    return ms > most || ms < -most;
}

void sb_telemetry_clock(struct sb_telemetry *t, struct member_state *m, struct sb_sample *s)
{
    struct member_clock *c = &m->clock;
    if (!s->ok || s->at <= 0)
        return;
    c->pace = c->at && s->wall > c->wall && s->at > c->at ? (double)(s->at - c->at) / (double)(s->wall - c->wall) : c->pace;
    c->at = s->at;
    c->wall = s->wall;
    double pace = pace_of(t, s->wall), off = (double)s->at - time_of_the_set(t, s->wall, pace);
    if (is_far(off - (double)c->ahead_ms, pace))
        c->ahead_ms = is_far(off, pace) ? (int64_t)off : 0;
    s->ahead_ms = c->ahead_ms;
    s->at -= c->ahead_ms;
    if (s->vitals.at_ms > 0)
        s->vitals.at_ms -= c->ahead_ms;
}
