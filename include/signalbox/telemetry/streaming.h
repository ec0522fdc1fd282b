/* SPDX-License-Identifier: Apache-2.0
 *
 * streaming.h - one series, value by value, each answered at once by how anomalous it is.
 *
 * Five judges look at each value, none of them ahead: the point (against the median of the last values, the value before
 * and the long level), the shift (means of 4, 16 and 64 values against means eight times as long), the movement (how much
 * the series moves, against how much it used to: more, or suddenly less), the shape (how far the latest stretch is from the
 * nearest one in the past; a left matrix profile with fading windows) and the season (how far the value is from every one
 * at this time of the day within two weeks, in which the same hour of the week is). Each judge's deviation is ranked among
 * its own earlier ones (rarity.h), so there is nothing to be set per series, and as if it were a quarter smaller: noise has
 * nothing that far beyond its largest, what is truly odd does not mind. What the judges find counts as the root of its
 * squares, so that those who agree weigh more than the loudest alone, and lingers over a value or two, so that they need not
 * agree on the same one. The line above which it is an alarm rises with every alarm and sinks while it is quiet: a series that
 * alarms every night is heard less. One episode makes one alarm; only what is clearly worse makes another within it.
 *
 * Ideas from: conformal anomaly detection (Laxhammar and Falkman 2010), the Hill estimator for tails, the left matrix
 * profile for discords (Yeh et al. 2016), the likelihood over a short and a long window (Ahmad et al. 2017).
 *
 * A series whose first 50 values only grow is a counter: from then on its increments are judged, and a reset (to less than
 * half) is none of them. Missing values teach nothing. Warm-up: no alarm in the first SB_STREAMING_WARMUP values; the season
 * is judged from the fourth day on, and after 200 values more. In plain noise it alarms about once in 3,000 values, in noise
 * with far spikes or a heavy tail once in 800: whoever must be woken for less waits for a higher score. Memory:
 * sizeof(struct sb_streaming), whatever is fed. Thread: one owner.
 */
#ifndef SIGNALBOX_TELEMETRY_STREAMING_H
#define SIGNALBOX_TELEMETRY_STREAMING_H

#include <stdbool.h>
#include <stdint.h>

#define SB_STREAMING_WARMUP 200
#define SB_STREAMING_ALARM 0.5        /* a score of so much is an alarm */
#define SB_STREAMING_BYTES (128 << 10) /* a series needs no more */

enum sb_judge { SB_JUDGE_POINT, SB_JUDGE_SHIFT, SB_JUDGE_MOVEMENT, SB_JUDGE_SHAPE, SB_JUDGE_SEASON, SB_JUDGES };

struct sb_streaming;

struct sb_oddity {
    double score;           /* 0 to 1; SB_STREAMING_ALARM or more is an alarm */
    enum sb_judge loudest;  /* whose evidence weighs most */
    double usual;           /* what the value is held against: the median of the last ones */
};

struct sb_streaming *sb_streaming_new(void); /* NULL out of memory */
void sb_streaming_free(struct sb_streaming *s);

/* The next value, at its time in ms; one that is out of order only has another time of the day. With learn_only the score is
 * 0. A value that is not finite is missing: the score is 0. */
struct sb_oddity sb_streaming_take(struct sb_streaming *s, int64_t at_ms, double value, bool learn_only);

/* "level", "shift", "movement", "shape", "season" */
const char *sb_judge_name(enum sb_judge judge);

#endif
