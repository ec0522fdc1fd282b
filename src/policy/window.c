/* SPDX-License-Identifier: Apache-2.0
 *
 * When a change window is open. An occurrence begins at a local time of its day and lasts for elapsed minutes, so that a
 * night in which the clock changes is as long as any other. */
#include "program.h"

#define DAY INT64_C(86400)
#define FAR_DAYS 1500      /* how far ahead a next occurrence is looked for */
#define MOST_JOINED 400    /* occurrences that follow on each other without a gap */

static const char *const overrun_text[] = {"finish_step", "finish_plan", "pause"};
const struct sb_names sb_overruns = {"overrun", overrun_text, SB_COUNT(overrun_text)};

struct occurrence {
    int64_t from, to; /* UTC seconds; to is not in it */
};

/* The occurrence that begins on a local day; false when there is none. */
static bool on_day(const struct sb_window *w, int64_t day, struct occurrence *o)
{
    int64_t local = day * DAY + w->start_s;
    if (!(w->days & 1u << sb_weekday(day)) || (w->has_from && local < w->from) || (w->has_to && local >= w->to))
        return false;
    for (size_t i = 0; i < w->except_n; i++)
        if (w->except[i] == day)
            return false;
    o->from = sb_zone_utc(w->zone, local);
    o->to = o->from + w->duration_s;
    if (w->has_to && sb_zone_utc(w->zone, w->to) < o->to)
        o->to = sb_zone_utc(w->zone, w->to);
    return o->from < o->to;
}

static int64_t local_day(const struct sb_window *w, int64_t utc)
{
    int64_t local = utc + sb_zone_offset(w->zone, utc);
    return local / DAY - (local % DAY < 0);
}

/* The occurrence around an instant, the one that ends last. */
static bool around(const struct sb_window *w, int64_t utc, struct occurrence *found)
{
    struct occurrence o;
    bool any = false;
    int64_t today = local_day(w, utc);
    for (int64_t day = today - w->duration_s / DAY - 2; day <= today + 1; day++)
        if (on_day(w, day, &o) && o.from <= utc && utc < o.to && (!any || o.to > found->to)) {
            *found = o;
            any = true;
        }
    return any;
}

static int64_t next_start(const struct sb_window *w, int64_t utc)
{
    struct occurrence o;
    int64_t day = local_day(w, utc) - 1;
    if (w->has_from && w->from / DAY - 1 > day)
        day = w->from / DAY - 1;
    for (int64_t last = day + FAR_DAYS; day < last; day++) {
        if (on_day(w, day, &o) && o.from > utc)
            return o.from;
        if (w->has_to && day * DAY > w->to)
            break;
    }
    return SB_ZONE_NEVER;
}

bool sb_window_active(const struct sb_window *w, int64_t utc, int64_t *next)
{
    if (!w->recurs) {
        int64_t from = sb_zone_utc(w->zone, w->from), to = sb_zone_utc(w->zone, w->to);
        *next = utc < from ? from : utc < to ? to : SB_ZONE_NEVER;
        return from <= utc && utc < to;
    }
    struct occurrence o;
    if (!around(w, utc, &o)) {
        *next = next_start(w, utc);
        return false;
    }
    *next = o.to;
    for (int i = 0; around(w, *next, &o); i++) {
        if (i == MOST_JOINED) {
            *next = SB_ZONE_NEVER;
            break;
        }
        *next = o.to;
    }
    return true;
}

const struct sb_window *sb_window_find(const struct sb_policy *p, const char *name)
{
    for (size_t i = 0; i < p->windows_n; i++)
        if (sb_streq(p->windows[i].name, name))
            return &p->windows[i];
    return NULL;
}
