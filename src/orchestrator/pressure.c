/* SPDX-License-Identifier: Apache-2.0
 *
 * How pressed the servers are, by the newest samples and the newest survey, held against the limits of a step. */
#include "private.h"

#include <inttypes.h>

#define OLD_MS 30000         /* a sample that is older says nothing of now */
#define CRITICAL_TIMES 4     /* over a limit by so much, it is no longer something that passes */
#define CRITICAL_CACHE 970000

static bool takes_writes(const struct sb_member_line *m)
{
    return sb_streq(m->state, "PRIMARY") || sb_streq(m->state, "STANDALONE");
}

int64_t sb_o_foreground(const struct sb_orchestrator *o)
{
    for (size_t i = 0; o->have_strip && i < o->strip.members_n; i++) {
        const struct sb_member_line *m = &o->strip.members[i];
        if (takes_writes(m) && m->reads_per_s_milli >= 0 && m->writes_per_s_milli >= 0)
            return m->reads_per_s_milli + m->writes_per_s_milli;
    }
    return -1;
}

bool sb_o_pressure(const struct sb_orchestrator *o, const struct sb_step_work *w, bool *critical, char *why, size_t cap)
{
    *critical = false;
    if (!o->have_strip || sb_mono_ms() - o->strip_mono_ms > OLD_MS) {
        snprintf(why, cap, "nothing has been measured for a while");
        return true;
    }
    for (size_t i = 0; i < o->strip.members_n; i++) {
        const struct sb_member_line *m = &o->strip.members[i];
        if (w->max_lag_s && m->lag_s > w->max_lag_s) {
            snprintf(why, cap, "%.80s is %" PRId64 " s behind; the limit is %" PRId64, m->name, m->lag_s, w->max_lag_s);
            *critical = m->lag_s > w->max_lag_s * CRITICAL_TIMES;
            return true;
        }
        if (takes_writes(m) && w->max_queued && m->queued > w->max_queued) {
            snprintf(why, cap, "%" PRId64 " operations queue on %.80s; the limit is %" PRId64, m->queued, m->name, w->max_queued);
            *critical = m->queued > w->max_queued * CRITICAL_TIMES;
            return true;
        }
        if (takes_writes(m) && w->max_cache_ppm && m->cache_ppm > w->max_cache_ppm) {
            snprintf(why, cap, "the cache of %.80s is filled to %" PRId64 " %%; the limit is %" PRId64 " %%", m->name, m->cache_ppm / 10000, w->max_cache_ppm / 10000);
            *critical = m->cache_ppm > CRITICAL_CACHE && w->max_cache_ppm < CRITICAL_CACHE;
            return true;
        }
    }
    const struct survey *s = sb_o_survey(o);
    if (s && w->min_oplog_s && s->oplog_window_s >= 0 && s->oplog_window_s < w->min_oplog_s) {
        snprintf(why, cap, "the shortest oplog holds %" PRId64 " s; the limit is %" PRId64, s->oplog_window_s, w->min_oplog_s);
        *critical = s->oplog_window_s < w->min_oplog_s / CRITICAL_TIMES;
        return true;
    }
    return false;
}
