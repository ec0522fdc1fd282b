/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.h - the two halves of a time zone: zone.c has the table of a TZif file, zone_rule.c the rule of its footer. */
#ifndef SIGNALBOX_SRC_BASE_ZONE_H
#define SIGNALBOX_SRC_BASE_ZONE_H

#include <signalbox/base/zone.h>

/* A POSIX TZ string: "CET-1CEST,M3.5.0,M10.5.0/3". */
struct sb_zone_rule {
    int32_t standard, daylight; /* seconds east of UTC */
    bool changes;               /* there is daylight time */
    struct sb_rule_date {
        char kind; /* 'J': day 1..365, never 29 February; 'D': day 0..365; 'M': month, week, weekday */
        int day, month, week;
        int32_t at; /* seconds after local midnight */
    } begin, end;   /* of daylight time */
};

/* 0, or -1 when the n bytes are no such string. */
int sb_zone_rule_parse(struct sb_zone_rule *r, const char *text, size_t n);

int32_t sb_zone_rule_offset(const struct sb_zone_rule *r, int64_t utc);

/* The first change after an instant, or SB_ZONE_NEVER. */
int64_t sb_zone_rule_next(const struct sb_zone_rule *r, int64_t utc);

#endif
