/* SPDX-License-Identifier: Apache-2.0
 *
 * habit.h - what comes every night at the same hour, does what jobs do, and goes by itself: a nightly job, learned from the record.
 *
 * An anomaly is a habit when ones like it (the same measure of the same thing) began within twenty minutes of this time of the day on
 * three of the last seven days, all of them were maintenance or load and over by themselves within two hours, and this one is no
 * worse and no longer than half as long again as the longest of them. It is recorded and not announced, and says which ones it is
 * like. What may never be silenced is not (hush.h), and who calls one useful hears of the next. Pure: times are given, in
 * deployment time. Errors: -1 or NULL out of memory. Thread: none of its own.
 */
#ifndef SIGNALBOX_MODEL_HABIT_H
#define SIGNALBOX_MODEL_HABIT_H

#include <signalbox/model/anomaly.h>

#define SB_HABITS_MOST 2000

struct sb_habit {
    char *id, *like;
    int64_t from, to;
    int severity; /* enum sb_level */
};

struct sb_habits {
    struct sb_habit *past; /* a ring once it is full: the oldest at `next` */
    size_t past_n, next;
};

/* Takes one that has ended; what cannot be part of a habit is passed over. */
int sb_habits_learn(struct sb_habits *h, const struct sb_anomaly *ended) SB_MUST_USE;

/* Why it is not announced, in words; NULL: it is, or memory ran out. now: deployment time; the window as in hush.h. */
char *sb_habits_hush(const struct sb_habits *h, const struct sb_anomaly *a, int64_t now, int64_t oplog_window_s);

void sb_habits_release(struct sb_habits *h);

#endif
