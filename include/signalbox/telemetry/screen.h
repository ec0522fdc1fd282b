/* SPDX-License-Identifier: Apache-2.0
 *
 * screen.h - very many series: a cheap look at every value, the full detector (streaming.h) where that saw something.
 *
 * Of each series the screen keeps a centre, a spread, a short mean and the last SB_SCREEN_KEPT values. A value five spreads
 * out, a short mean one and a half spreads out, or a series that stands still for longer than it ever did makes the series a
 * suspect: it is given one of the full detectors, which first learns the values that were kept, so that it is past its warm-up
 * when it judges the value that raised the suspicion. Nothing but a full detector raises an alarm. A detector stays with its
 * series for SB_SCREEN_STAYS values after the last suspicion; then the next suspect may have it. Where more are suspect at once
 * than there are detectors, or than one round of all series may begin with (SB_SCREEN_BEGINNERS), those left over are counted
 * and asked again at their next value.
 *
 * A series of which only the screen saw the past has no season. As many series as detectors, or fewer, have one each and for
 * good. A counter is told by its first 50 values, and its increments are looked at. Memory: sb_screen_bytes() at most, whatever
 * is fed. Thread: one owner.
 */
#ifndef SIGNALBOX_TELEMETRY_SCREEN_H
#define SIGNALBOX_TELEMETRY_SCREEN_H

#include <signalbox/base/error.h>
#include <signalbox/telemetry/streaming.h>
#include <stddef.h>

#define SB_SCREEN_DETECTORS 2000 /* a quarter of a gigabyte of them */
#define SB_SCREEN_KEPT SB_STREAMING_WARMUP
#define SB_SCREEN_STAYS 10
#define SB_SCREEN_BEGINNERS 300

struct sb_screen;

struct sb_screen *sb_screen_new(size_t series, size_t detectors, struct sb_err *err);
void sb_screen_free(struct sb_screen *s);

/* The next value of one of the series, as sb_streaming_take: the score is 0 while only the screen looks at it. -1 in *rc: out
 * of memory, and the value was looked at by the screen alone. */
struct sb_oddity sb_screen_take(struct sb_screen *s, size_t series, int64_t at_ms, double value, bool learn_only, int *rc);

size_t sb_screen_watched(const struct sb_screen *s);    /* series that have a full detector now */
uint64_t sb_screen_passed_over(const struct sb_screen *s); /* how many times a suspect got none */
size_t sb_screen_bytes(size_t series, size_t detectors);

#endif
