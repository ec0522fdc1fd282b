/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/screen.h>

#include "streaming.h"

#include <math.h>
#include <stdlib.h>

#define FAR 5           /* spreads, of one value */
#define AWAY 1.5        /* spreads, of the mean of the last eight or so */
#define SHORT 8.        /* values of the short mean */
#define LONG 256.       /* values of centre and spread */
#define CUT 3           /* spreads: one value moves centre and spread by no more than that much would */
#define LOOKS_FROM 32   /* values before anything is suspect */
#define COUNTER_AT 50   /* values after which a series that never shrank is a counter, */
#define GREW 45         /* if so many of them were larger than the one before */
#define STILL 16        /* values in a row that mean nothing yet */
#define UNEASY 0.35     /* a full detector's score that keeps it where it is */
#define HIGHER 1.25F    /* than what was suspect must be what is next: of a heavy tail the hundredth spike is no news */
#define SINKS 0.999F    /* the bar, with each value */
#define NOBODY UINT32_MAX

/* What the screen knows of a series: a cache line. */
struct strand {
    double raw;    /* the last value as it came */
    double origin; /* values are kept as floats, less this, so that small moves of large numbers are not lost */
    float centre, spread, mean, last;
    float bar;     /* times as far out as the first suspicion, for the next */
    float waits;   /* how far out it was at the last value, when there was no detector for it */
    uint32_t seat; /* of its detector; NOBODY */
    uint16_t n;    /* values, up to LONG */
    uint16_t still, longest; /* values in a row that were the same: now, and at most before */
    uint8_t next, kept; /* in its ring */
    uint8_t grown;      /* of the first values, how many were larger than the one before */
    bool counter, shrunk;
};

_Static_assert(SB_SCREEN_KEPT <= UINT8_MAX, "a place in a ring is kept in a byte");

/* A full detector and whose it is; those with the latest suspicion are at the head of the list. */
struct seat {
    struct sb_streaming *detector;
    size_t series;
    uint32_t ahead, behind;
    uint32_t quiet; /* values of its series since the last suspicion */
};

struct sb_screen {
    struct strand *strand;
    float *ring; /* SB_SCREEN_KEPT a series */
    struct seat *seat;
    size_t series, seats, taken_seats;
    uint32_t head, tail;
    size_t round;     /* values of this round so far */
    int64_t round_ms; /* when it began, */
    int64_t step_ms;  /* and how long after the one before it */
    unsigned beginners;
    uint64_t passed_over;
    bool all; /* each series has its detector */
};

size_t sb_screen_bytes(size_t series, size_t detectors)
{
    bool all = series <= detectors;
    return sizeof(struct sb_screen) + series * sizeof(struct strand) + (all ? 0 : series * SB_SCREEN_KEPT * sizeof(float)) +
           (all ? series : detectors) * (sizeof(struct seat) + sizeof(struct sb_streaming));
}

struct sb_screen *sb_screen_new(size_t series, size_t detectors, struct sb_err *err)
{
    struct sb_screen *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->all = series <= detectors;
    s->series = series;
    s->seats = s->all ? series : detectors;
    s->head = s->tail = NOBODY;
    s->strand = calloc(series + 1, sizeof *s->strand);
    s->seat = calloc(s->seats + 1, sizeof *s->seat);
    s->ring = s->all ? NULL : calloc(series, SB_SCREEN_KEPT * sizeof *s->ring);
    if (!s->strand || !s->seat || (!s->all && !s->ring)) {
        sb_fail_nomem(err);
        sb_screen_free(s);
        return NULL;
    }
    for (size_t i = 0; i < series; i++)
        s->strand[i].seat = NOBODY;
    return s;
}

void sb_screen_free(struct sb_screen *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->seat && i < s->seats; i++)
        sb_streaming_free(s->seat[i].detector);
    free(s->seat);
    free(s->strand);
    free(s->ring);
    free(s);
}

size_t sb_screen_watched(const struct sb_screen *s)
{
    return s->taken_seats;
}

uint64_t sb_screen_passed_over(const struct sb_screen *s)
{
    return s->passed_over;
}

/* ---- the cheap look ---- */

/* The value itself, or how much a counter grew; NAN where that is not known. */
static double looked_at(struct strand *t, double value)
{
    double before = t->raw;
    t->raw = value;
    if (t->counter)
        return value < before ? NAN : value - before;
    if (t->n == 0)
        t->origin = value;
    if (t->n > 0 && t->n <= COUNTER_AT) {
        t->grown += value > before;
        t->shrunk |= value < before || value < 0;
    }
    if (t->n != COUNTER_AT || t->shrunk || t->grown < GREW)
        return value;
    *t = (struct strand){.raw = value, .seat = t->seat, .counter = true}; /* what was kept is of another quantity */
    return value - before;
}

static bool stands_still(struct strand *t, float x)
{
    if (x != t->last) {
        t->longest = t->still > t->longest ? t->still : t->longest;
        t->still = 0;
        return false;
    }
    t->still = t->still < UINT16_MAX ? t->still + 1 : t->still;
    return t->longest < t->n / 2 && t->still == STILL + 2 * t->longest;
}

/* Looks at the value and learns it: how far out it is, against what is suspect; 0 not at all. */
static float look(struct strand *t, float x)
{
    if (t->n == 0) {
        t->centre = t->mean = t->last = x;
        t->n = 1;
        return 0;
    }
    float off = x - t->centre, size = fabsf(off), rate = fmaxf(1.F / (float)(t->n + 1), (float)(1 / LONG));
    float least = 1e-6F * fmaxf(fabsf(x), fabsf(t->centre)); /* rounding is no move */
    float spread = fmaxf(t->spread, least), out = 0;
    bool warm = t->n >= LOOKS_FROM, still = stands_still(t, x);
    t->mean += (float)(1 / SHORT) * (x - t->mean);
    t->bar = fmaxf(1, t->bar * SINKS);
    if (warm && size > least)
        out = fmaxf(size / FAR, fabsf(t->mean - t->centre) / (float)AWAY) / spread;
    if (warm && still)
        out = t->bar * HIGHER;
    float most = warm ? fmaxf(CUT * spread, least) : INFINITY;
    t->centre += rate * fmaxf(-most, fminf(most, off));
    t->spread += rate * (fminf(size, most) - t->spread);
    t->last = x;
    t->n = t->n < LONG ? t->n + 1 : t->n;
    return out;
}

/* ---- who has a full detector ---- */

static void unlink_seat(struct sb_screen *s, uint32_t i)
{
    struct seat *a = &s->seat[i];
    *(a->ahead == NOBODY ? &s->head : &s->seat[a->ahead].behind) = a->behind;
    *(a->behind == NOBODY ? &s->tail : &s->seat[a->behind].ahead) = a->ahead;
}

static void to_head(struct sb_screen *s, uint32_t i)
{
    s->seat[i].ahead = NOBODY;
    s->seat[i].behind = s->head;
    *(s->head == NOBODY ? &s->tail : &s->seat[s->head].ahead) = i;
    s->head = i;
}

static void seen_suspect(struct sb_screen *s, uint32_t i)
{
    s->seat[i].quiet = 0;
    if (s->head == i)
        return;
    unlink_seat(s, i);
    to_head(s, i);
}

/* A seat for the series: that of whom nothing was suspect for longest, or a free one. NOBODY: none is to be had, or *rc is -1. */
static uint32_t seat_for(struct sb_screen *s, size_t series, int *rc)
{
    bool quiet = !s->all && s->tail != NOBODY && s->seat[s->tail].quiet >= SB_SCREEN_STAYS;
    bool fresh = !quiet && s->taken_seats < s->seats; /* a hundred kilobytes more are taken where no other one is done with its own */
    if (!s->all && (s->beginners >= SB_SCREEN_BEGINNERS || (!fresh && !quiet))) {
        s->passed_over++;
        return NOBODY;
    }
    uint32_t i = fresh ? (uint32_t)s->taken_seats : s->tail;
    struct seat *seat = &s->seat[i];
    if (fresh && !(seat->detector = sb_streaming_new())) {
        *rc = -1;
        return NOBODY;
    }
    s->taken_seats += fresh;
    if (!fresh) {
        unlink_seat(s, i);
        s->strand[seat->series].seat = NOBODY;
        sb_streaming_reset(seat->detector);
    }
    seat->series = series;
    seat->quiet = 0;
    to_head(s, i);
    s->strand[series].seat = i;
    s->beginners++;
    return i;
}

/* The detector learns what was kept, as if it had come at the pace of the last round. */
static void catch_up(struct sb_screen *s, size_t series, struct sb_streaming *detector, int64_t at_ms)
{
    const struct strand *t = &s->strand[series];
    const float *ring = &s->ring[series * SB_SCREEN_KEPT];
    for (int i = 0; i < t->kept; i++) {
        int at = (t->next + SB_SCREEN_KEPT - t->kept + i) % SB_SCREEN_KEPT;
        sb_streaming_take(detector, at_ms - (t->kept - i) * s->step_ms, (double)ring[at] + t->origin, true);
    }
}

static void keep(struct sb_screen *s, size_t series, float x)
{
    struct strand *t = &s->strand[series];
    s->ring[series * SB_SCREEN_KEPT + t->next] = x;
    t->next = (uint8_t)((t->next + 1) % SB_SCREEN_KEPT);
    t->kept = t->kept < SB_SCREEN_KEPT ? t->kept + 1 : t->kept;
}

struct sb_oddity sb_screen_take(struct sb_screen *s, size_t series, int64_t at_ms, double value, bool learn_only, int *rc)
{
    struct sb_oddity o = {0, SB_JUDGE_POINT, 0};
    struct strand *t = &s->strand[series];
    *rc = 0;
    if (s->round++ % s->series == 0) {
        s->step_ms = s->round_ms && at_ms > s->round_ms ? at_ms - s->round_ms : 0;
        s->round_ms = at_ms;
        s->beginners = 0;
    }
    if (s->all) {
        uint32_t i = t->seat == NOBODY ? seat_for(s, series, rc) : t->seat;
        return i == NOBODY ? o : sb_streaming_take(s->seat[i].detector, at_ms, value, learn_only);
    }
    if (!isfinite(value))
        return o;
    double x = looked_at(t, value);
    if (isnan(x))
        return o;
    float small = (float)fmax(-1e37, fmin(1e37, x - t->origin));
    float out = look(t, small);
    bool suspect = out > t->bar && !learn_only;
    if (suspect && t->seat == NOBODY) {
        uint32_t i = seat_for(s, series, rc);
        if (i != NOBODY)
            catch_up(s, series, s->seat[i].detector, at_ms);
    }
    if (t->waits > 0 && !suspect) /* nobody looked at it, and it is over: the next spike of this kind is none */
        t->bar = fmaxf(t->bar, t->waits * HIGHER);
    t->waits = suspect && t->seat == NOBODY ? out : 0;
    keep(s, series, small);
    if (t->seat == NOBODY)
        return o;
    t->bar = suspect ? out * HIGHER : t->bar;
    o = sb_streaming_take(s->seat[t->seat].detector, at_ms, x, learn_only);
    if (suspect || o.score >= UNEASY)
        seen_suspect(s, t->seat);
    else
        s->seat[t->seat].quiet++;
    return o;
}
