/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.h - local time of an IANA time zone, from the bytes of its TZif file (RFC 9636, version 2 and later).
 *
 * Neither TZ, localtime() nor the locale is looked at: the same bytes give the same answer on any machine. Times are whole
 * seconds since 1970-01-01T00:00:00; a local time is written the same way, as if its clock showed UTC. Leap seconds are not
 * counted (files that do are refused). Everything is bounded by the size of the file. Thread: a zone is constant.
 *
 * A local time that the clock skips (a gap) means the instant that is later by the gap: 02:22 becomes 03:22. One that
 * comes twice (an overlap) means its first occurrence.
 */
#ifndef SIGNALBOX_BASE_ZONE_H
#define SIGNALBOX_BASE_ZONE_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_ZONE_MAX_BYTES (128 * 1024)
#define SB_ZONE_NEVER INT64_MAX

struct sb_zone;

/* name is for messages. NULL with the reason: cut short, of version 1, an offset over 26 hours, a footer that is no rule. */
struct sb_zone *sb_zone_parse(const char *name, const void *bytes, size_t n, struct sb_err *err);
void sb_zone_free(struct sb_zone *z); /* NULL is fine */

/* Seconds east of UTC at an instant. */
int32_t sb_zone_offset(const struct sb_zone *z, int64_t utc);

/* The first change of the zone's clock after an instant, or SB_ZONE_NEVER. */
int64_t sb_zone_next(const struct sb_zone *z, int64_t utc);

/* The instant that a local time means. */
int64_t sb_zone_utc(const struct sb_zone *z, int64_t local);

/* Where the bytes of zones come from: appends them to out, or -1 with the reason. */
struct sb_zone_source {
    int (*read)(void *ctx, const char *name, struct sb_str *out, struct sb_err *err);
    void *ctx;
};

/* The system's own: files under /usr/share/zoneinfo. "UTC" is known without a file. */
extern const struct sb_zone_source sb_zones_of_system;

/* ---- days ---- */

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back. Months from 1. */
int64_t sb_days_of_date(int64_t year, int month, int day);
void sb_date_of_days(int64_t days, int64_t *year, int *month, int *day);

/* 0 Sunday to 6 Saturday. */
int sb_weekday(int64_t days);

#endif
