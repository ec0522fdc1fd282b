/* SPDX-License-Identifier: Apache-2.0
 *
 * How pressed the servers are, by the newest samples and the newest survey, held against the limits of a step. What is not
 * known holds back, too: everywhere where it is how far a member is behind, else in production, because elsewhere a server may
 * be one that cannot tell. */
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

static bool is_unknown(struct sb_o_pressure *p, const char *what, const char *of)
{
    p->by = "unknown";
    snprintf(p->why, sizeof p->why, "%s%s%.80s cannot be measured", what, of[0] ? " of " : "", of);
    return true;
}

static bool member_pressed(const struct sb_member_line *m, const struct sb_step_work *w, bool must_know, struct sb_o_pressure *p)
{
    bool writes = takes_writes(m);
    if (w->max_lag_s && m->lag_s > w->max_lag_s) {
        p->by = "lag";
        snprintf(p->why, sizeof p->why, "%.80s is %" PRId64 " s behind; the limit is %" PRId64, m->name, m->lag_s, w->max_lag_s);
        p->critical = m->lag_s > w->max_lag_s * CRITICAL_TIMES;
        return true;
    }
    if (w->max_lag_s && m->lag_s < 0 && !writes && !sb_streq(m->state, "ARBITER"))
        return is_unknown(p, "the lag", m->name);
    if (writes && w->max_queued && m->queued > w->max_queued) {
        p->by = "queue";
        snprintf(p->why, sizeof p->why, "%" PRId64 " operations queue on %.80s; the limit is %" PRId64, m->queued, m->name, w->max_queued);
        p->critical = m->queued > w->max_queued * CRITICAL_TIMES;
        return true;
    }
    if (writes && w->max_cache_ppm && m->cache_ppm > w->max_cache_ppm) {
        p->by = "cache";
        snprintf(p->why, sizeof p->why, "the cache of %.80s is filled to %" PRId64 " %%; the limit is %" PRId64 " %%", m->name, m->cache_ppm / 10000, w->max_cache_ppm / 10000);
        p->critical = m->cache_ppm > CRITICAL_CACHE && w->max_cache_ppm < CRITICAL_CACHE;
        return true;
    }
    if (writes && must_know && w->max_queued && m->queued < 0)
        return is_unknown(p, "how many operations queue", "");
    if (writes && must_know && w->max_cache_ppm && m->cache_ppm < 0)
        return is_unknown(p, "how full the cache is", "");
    return false;
}

bool sb_o_pressure(const struct sb_orchestrator *o, const struct sb_step_work *w, struct sb_o_pressure *p)
{
    bool must_know = o->opt.environment == SB_ENV_PROD;
    *p = (struct sb_o_pressure){.critical = false};
    if (!o->have_strip || sb_mono_ms() - o->strip_mono_ms > OLD_MS) {
        p->by = "unknown";
        snprintf(p->why, sizeof p->why, "nothing has been measured for a while");
        return true;
    }
    for (size_t i = 0; i < o->strip.members_n; i++)
        if (member_pressed(&o->strip.members[i], w, must_know, p))
            return true;
    const struct survey *s = sb_o_survey(o);
    if (w->min_oplog_s && s && s->oplog_window_s >= 0 && s->oplog_window_s < w->min_oplog_s) {
        p->by = "oplog";
        snprintf(p->why, sizeof p->why, "the shortest oplog holds %" PRId64 " s; the limit is %" PRId64, s->oplog_window_s, w->min_oplog_s);
        p->critical = s->oplog_window_s < w->min_oplog_s / CRITICAL_TIMES;
        return true;
    }
    bool blind = !s || s->oplog_window_s < 0;
    return must_know && w->min_oplog_s && blind && sb_hello_replicated(&o->facts.hello) && is_unknown(p, "how long the oplogs hold", "");
}
