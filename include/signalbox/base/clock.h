/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - where time, identity and chance come from, and how a time is written.
 *
 * Times are int64 milliseconds since 1970-01-01T00:00:00Z (wall) or since an arbitrary start that never goes back (mono,
 * CLOCK_BOOTTIME: it counts suspended time, so an approval does not outlive a closed lid). A seeded origin takes clock,
 * boot id, pid, host and nonces from the seed, so that two runs write the same ledger but for the pace of real time.
 * Durations are written with their unit in the name (_ms, _s). Thread: sb_origin_* are safe from any thread except
 * sb_origin_nonce, which belongs to the thread that owns the origin.
 */
#ifndef SIGNALBOX_BASE_CLOCK_H
#define SIGNALBOX_BASE_CLOCK_H

#include <signalbox/base/error.h>
#include <signalbox/base/rng.h>
#include <stdbool.h>
#include <stdint.h>

struct sb_origin {
    bool seeded;
    int64_t start_mono_ms; /* real mono time at which a seeded origin was made */
    int64_t start_wall_ms; /* what its wall clock said then */
    struct sb_rng rng;
    int64_t pid;
    char boot[40];
    char host[256];
};

/* The machine's own clock, boot id, pid, host name and random numbers. */
void sb_origin_system(struct sb_origin *o);

/* Everything from the seed. The wall clock starts at 2026-01-05T09:00:00Z and runs at real speed. */
void sb_origin_seeded(struct sb_origin *o, uint64_t seed);

int64_t sb_origin_wall_ms(const struct sb_origin *o);
int64_t sb_origin_mono_ms(const struct sb_origin *o);

/* A later run with the same seed draws other nonces: run tells them apart, 0 is the first. No effect on a system origin. */
void sb_origin_set_run(struct sb_origin *o, uint64_t run);

/* 32 lower-case hexadecimal digits and a NUL. */
int sb_origin_nonce(struct sb_origin *o, char out[33], struct sb_err *err);

/* The machine's own wall clock, whatever an origin says: to compare with times that came from it. */
int64_t sb_wall_ms(void);

/* The real monotonic clock in milliseconds and in nanoseconds, for time-outs and measurements. */
int64_t sb_mono_ms(void);
int64_t sb_mono_ns(void);

#define SB_TIME_LEN 24

/* RFC 3339, UTC, milliseconds: 2026-11-23T09:05:10.707Z. Times outside the years 1..9999 are clamped to them. */
void sb_time_format(char out[SB_TIME_LEN + 1], int64_t wall_ms);

/* Reads RFC 3339 with optional fraction (cut to milliseconds) and Z or +hh:mm / +hhmm. At most n bytes; 0 or -1. */
int sb_time_parse(const char *text, size_t n, int64_t *wall_ms);

/* A moment as people write it: RFC 3339, or in UTC a day, a minute or a second of it (2026-11-23, 2026-11-23T09:05), or so long before now
 * (90d, 12h). -1: it is none of these. */
int sb_time_when(const char *word, int64_t now, int64_t *wall_ms);

/* "1 h 04 min", "12 s", "350 ms": a duration for people. */
void sb_duration_format(char *out, size_t cap, int64_t ms);

#endif
