/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.h - when something is due: recurring requests as an operator writes them, and a list of due times.
 *
 * Pure: no clock, no I/O but the zone's bytes when a line is read. Times are wall milliseconds; a planned time is a whole second,
 * follows from the line alone, and is the key by which a run is known: the same line gives the same times on any machine and
 * after any restart.
 *
 * A line reads
 *
 *   NAME every DURATION run TEXT                           15m, 6h, 1d: at the multiples of it since 1970-01-01T00:00Z
 *   NAME at HH:MM [mon tue ...] [zone Z] run TEXT          on these days, or on each; Z is an IANA zone, UTC when not said
 *
 * A time of day that the zone's clock skips is later by the gap (02:30 becomes 03:30), one that comes twice means the first of
 * the two (zone.h): a day has one planned time, whatever the clock does. Thread: any; a schedule is constant once read.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_SCHEDULE_H
#define SIGNALBOX_ORCHESTRATOR_SCHEDULE_H

#include <signalbox/base/error.h>
#include <signalbox/base/zone.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_SCHEDULES_MAX 50 /* of one deployment */
#define SB_SCHEDULE_NAME_MAX 40
#define SB_SCHEDULE_NEVER INT64_MAX

struct sb_schedule {
    char *name;       /* of a-z 0-9 _ - */
    char *when;       /* "every 6h", "at 02:00 mon tue zone Europe/Berlin": as it is recorded and shown */
    char *request;    /* what is asked, in plain words */
    char *tz;         /* NULL: UTC */
    struct sb_zone *zone; /* NULL: UTC */
    int64_t every_s;  /* 0: at a time of day */
    int64_t at_s;     /* of the local day */
    unsigned days;    /* bit 0 Sunday */
};

/* Reads the words behind "schedule". -1 with err: what is wrong, in a sentence. out is overwritten, and empty after a failure. */
int sb_schedule_read(struct sb_schedule *out, const char *const *words, size_t n, const struct sb_zone_source *zones, struct sb_err *err) SB_MUST_USE;
void sb_schedule_release(struct sb_schedule *s);

/* The one of this name; NULL: there is none. */
const struct sb_schedule *sb_schedule_find(const struct sb_schedule *list, size_t n, const char *name);

/* The first planned time after an instant; SB_SCHEDULE_NEVER when there is none within years. */
int64_t sb_schedule_next(const struct sb_schedule *s, int64_t after_ms);

/* The newest planned time in (after, until], and how many others are in between; 0: there is none. */
int64_t sb_schedule_newest(const struct sb_schedule *s, int64_t after_ms, int64_t until_ms, int64_t *others);

/* "Thu 2026-11-26 02:00 (Europe/Berlin)": a planned time on the schedule's own clock. */
void sb_schedule_local(const struct sb_schedule *s, int64_t ms, char *out, size_t cap);

/* How far the wall clock moved beyond the time that really went by between two looks at both clocks; 0 when that is no more than
 * a clock that is steered drifts. Negative: it was set back. */
int64_t sb_clock_jump(int64_t wall_before, int64_t mono_before, int64_t wall, int64_t mono);

/* ---- planned times that have been run ---- */

#define SB_RAN_MAX 2000 /* kept in memory of each schedule; older ones are below `since` */

/* Zeroed is empty. Nothing that was planned at `since` or before is run: it is when the schedule came into being, or the newest
 * of those that are not kept any more. */
struct sb_ran {
    int64_t since;
    int64_t *at; /* rising */
    size_t at_n;
};

int sb_ran_add(struct sb_ran *r, int64_t planned, struct sb_err *err) SB_MUST_USE; /* one that is there already changes nothing */
void sb_ran_drop(struct sb_ran *r, int64_t planned);
bool sb_ran_has(const struct sb_ran *r, int64_t planned);
void sb_ran_release(struct sb_ran *r);

/* The clock says that the schedule came into being later than now, so it was set back: from now on, then. What has run stays run. */
void sb_ran_set_back(struct sb_ran *r, int64_t now);

/* What is to be run now: the newest planned time that is over and was not run, and how many before it were missed, which are
 * not run any more. 0: nothing. */
int64_t sb_schedule_due(const struct sb_schedule *s, const struct sb_ran *r, int64_t now, int64_t *missed);

/* When there will be something to run. What was run already, before the clock was set back, is passed over. */
int64_t sb_schedule_wake(const struct sb_schedule *s, const struct sb_ran *r, int64_t now);

/* ---- a list of due times ---- */

struct sb_due {
    int64_t at;
    char *id;
};

/* Zeroed is empty. In order: the next one is first; of two at the same time the one that was put in first. */
struct sb_due_list {
    struct sb_due *item;
    size_t item_n;
};

int sb_due_set(struct sb_due_list *l, const char *id, int64_t at, struct sb_err *err) SB_MUST_USE; /* each id is in it once */
void sb_due_drop(struct sb_due_list *l, const char *id);
int64_t sb_due_next(const struct sb_due_list *l); /* SB_SCHEDULE_NEVER: the list is empty */
char *sb_due_take(struct sb_due_list *l, int64_t now); /* what is due, out of the list: the caller's to free; NULL: nothing is */
void sb_due_release(struct sb_due_list *l);

#endif
