/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the streaming detector know of each other. Each judge takes a value and tells, in -log10 of a
 * probability, how rare what it sees is; then it learns from it. A judge looks at the value in several ways, and its evidence
 * is the root of the mean square of what they find: two that agree say more than one alone, and none has to be chosen. */
#ifndef SIGNALBOX_TELEMETRY_STREAMING_PRIVATE_H
#define SIGNALBOX_TELEMETRY_STREAMING_PRIVATE_H

#include <signalbox/telemetry/rarity.h>
#include <signalbox/telemetry/streaming.h>
#include <stddef.h>

/* A deviation is ranked as if it were so many times smaller, so that one hardly beyond the largest is no news. Noise ends
 * abruptly, and a step down from its end is ordinary; what is truly odd has far to go. */
#define SB_CLEARLY 1.35

static inline double sb_rarity_clearly(const struct sb_rarity *r, double x)
{
    return sb_rarity_of(r, x / SB_CLEARLY);
}

/* A short and a long exponential mean of the same thing. */
struct sb_two_means {
    double fast, slow;
    int64_t n;
};

/* Takes x and returns the fast mean less what the slow one was before it. */
double sb_two_means_take(struct sb_two_means *m, double x, double length);

/* Deviations up and down are ranked apart: a series may leap up every day and never fall. */
struct sb_two_sides {
    struct sb_rarity up, down;
};

/* How rare the deviation clearly is; learns it. scale: the size of the numbers it is the difference of, below whose rounding it is none. */
double sb_two_sides_judge(struct sb_two_sides *s, double deviation, double scale);

#define SB_LEVEL_WINDOW 48
#define SB_SHIFTS 3

struct sb_level {
    double ring[SB_LEVEL_WINDOW], sorted[SB_LEVEL_WINDOW];
    int n, next;
    double before, slow;
    int64_t taken;
    struct sb_two_sides from_median, from_before, from_slow;
    struct sb_two_means shift[SB_SHIFTS], moved;
    struct sb_two_sides shifted[SB_SHIFTS], movement;
    int still;                /* how many values in a row were as the one before */
    struct sb_rarity stills;  /* of the stretches that came to an end */
};

void sb_level_init(struct sb_level *l);
/* Writes the evidence of three judges (level, shift, movement); returns the median the value was held against. */
double sb_level_take(struct sb_level *l, double x, double evidence[SB_JUDGES]);

#define SB_SHAPE_PAST 4096
#define SB_SHAPE_LENGTHS 3

struct sb_shape_past {
    float past[SB_SHAPE_PAST];                        /* ring, newest first from `newest` */
    float distance[SB_SHAPE_LENGTHS][SB_SHAPE_PAST];  /* fading squared distance to the stretch so many values ago */
    int newest, n;
    double origin;
    bool begun;
    struct sb_rarity rarity[SB_SHAPE_LENGTHS];
};

void sb_shape_past_init(struct sb_shape_past *p);
double sb_shape_past_take(struct sb_shape_past *p, double x);

#define SB_SEASON_DAYS 14
#define SB_SEASON_SLOTS 288 /* of 5 minutes in a day; fewer where values come more seldom */

struct sb_season {
    float value[SB_SEASON_DAYS * SB_SEASON_SLOTS];
    int32_t slot[SB_SEASON_DAYS * SB_SEASON_SLOTS]; /* which slot since 1970 it is of; 0 none */
    int64_t slot_ms;                                /* 0: the interval is not known yet */
    int64_t interval[9];                            /* the first ones */
    int intervals;
    int64_t last_ms;
    bool begun;
    int64_t judged;                                 /* differences that were ranked */
    double mean;
    double sum;
    int in_slot;
    struct sb_rarity now, lately;
};

void sb_season_init(struct sb_season *s);
double sb_season_take(struct sb_season *s, int64_t at_ms, double x, double scale);

/* The line between a deviation and an alarm, and the episode an alarm belongs to. */
struct sb_alarm_line {
    double lift;            /* how much higher the line stands for the alarms that were */
    double peak;            /* the evidence of this episode */
    int64_t since;          /* values since its alarm; large: none */
    double said[SB_JUDGES]; /* the evidence of the last values */
};

void sb_alarm_line_init(struct sb_alarm_line *l);
double sb_alarm_line_score(struct sb_alarm_line *l, const double evidence[SB_JUDGES], int64_t taken, bool learn_only);

struct sb_streaming {
    struct sb_level level;
    struct sb_shape_past shape;
    struct sb_season season;
    struct sb_alarm_line line;
    int64_t taken;
    double raw;    /* the last value as it came */
    int64_t grown; /* of the first values, how many were larger than the one before */
    bool shrunk;   /* one was smaller */
    bool counter;
};

void sb_streaming_reset(struct sb_streaming *s); /* as if it were new */

#endif
