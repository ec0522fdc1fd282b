/* SPDX-License-Identifier: Apache-2.0
 *
 * detector_story.c - how an anomaly went, for pictures and the timeline: the last ten minutes of each of its series, and what
 * happened when. */
#include "detector.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PLOTS 3
#define HAPPENINGS 24
#define BAND 3 /* spreads on both sides of the median: what is drawn as usual */

void sb_trail_add(struct trail *t, int64_t at, double value)
{
    int64_t bucket = at / SB_TRAIL_MS;
    struct trail_mark *m = &t->mark[(uint64_t)bucket % SB_PLOT_MOST];
    if (m->bucket != bucket)
        *m = (struct trail_mark){.bucket = bucket};
    m->sum += value;
    m->n++;
}

static int add_values(const struct trail *t, int64_t first, int64_t last, struct sb_plot *p)
{
    struct sb_str text;
    sb_str_init(&text);
    for (int64_t b = first; b <= last; b++) {
        const struct trail_mark *m = &t->mark[(uint64_t)b % SB_PLOT_MOST];
        if (b > first)
            sb_str_addc(&text, ' ');
        if (m->bucket == b && m->n)
            sb_str_addf(&text, "%" PRId64, (int64_t)fmin(m->sum / m->n + 0.5, 9e15));
        else
            sb_str_addc(&text, '-');
    }
    p->values = sb_str_take(&text);
    return p->values ? 0 : -1;
}

static int add_plot(const struct sb_detector *d, const struct series *s, struct sb_anomaly *out)
{
    int64_t last = d->now / SB_TRAIL_MS, first = last - SB_PLOT_MOST + 1;
    while (first < last && s->trail->mark[(uint64_t)first % SB_PLOT_MOST].bucket != first)
        first++;
    struct sb_plot *p = SB_PUSH(out->plots);
    double median = sb_baseline_median(&s->usual), spread = BAND * sb_baseline_spread(&s->usual);
    if (!p || sb_str_set(&p->metric, sb_series_rules[s->kind].metric) || sb_str_set(&p->subject, s->subject) || sb_str_set(&p->shard, sb_detector_shard(d, s->member)) || sb_str_set(&p->unit, sb_series_rules[s->kind].unit))
        return -1;
    p->from = first * SB_TRAIL_MS;
    p->step_ms = SB_TRAIL_MS;
    p->low = (int64_t)fmax(median - spread, 0);
    p->high = (int64_t)(median + spread + 0.5);
    p->began = s->joined / SB_TRAIL_MS - first;
    return add_values(s->trail, first, last, p);
}

static bool drawn(const struct sb_detector *d, const struct series *s)
{
    return s->trail && s->joined / SB_TRAIL_MS > d->now / SB_TRAIL_MS - SB_PLOT_MOST;
}

/* Impacts first, then what grew most. */
static const struct series *next_drawn(const struct sb_detector *d, const struct open_anomaly *o, const struct series *const *taken, size_t n)
{
    const struct series *best = NULL;
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        bool seen = !drawn(d, s);
        for (size_t k = 0; k < n; k++)
            seen |= taken[k] == s;
        bool impact = sb_series_rules[s->kind].impact, best_impact = best && sb_series_rules[best->kind].impact;
        if (!seen && (!best || (impact && !best_impact) || (impact == best_impact && s->peak_ratio > best->peak_ratio)))
            best = s;
    }
    return best;
}

/* Once its beginning is out of sight the pictures stay as they were told last. */
static int add_plots(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    const struct series *taken[PLOTS];
    size_t n = 0;
    for (const struct series *s; n < PLOTS && (s = next_drawn(d, o, taken, n)) != NULL; n++) {
        taken[n] = s;
        if (add_plot(d, s, out))
            return -1;
    }
    for (size_t i = 0; n == 0 && i < o->told.plots_n; i++) {
        struct sb_plot *p = SB_PUSH(out->plots);
        if (!p || sb_record_copy(&sb_plot_schema, p, &o->told.plots[i]))
            return -1;
    }
    return 0;
}

static int happened(struct sb_anomaly *out, int64_t at, const char *kind, char *what)
{
    struct sb_happening *h = what && out->timeline_n < HAPPENINGS ? SB_PUSH(out->timeline) : NULL;
    if (!h || sb_str_set(&h->kind, kind)) {
        bool full = what && out->timeline_n >= HAPPENINGS;
        free(what);
        return full ? 0 : -1;
    }
    h->at = at;
    h->what = what;
    return 0;
}

static int sooner(const void *x, const void *y)
{
    const struct sb_happening *a = x, *b = y;
    return (a->at > b->at) - (a->at < b->at);
}

static int add_timeline(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    for (size_t i = 0; i < d->changes_n; i++)
        if (sb_detector_suspects(&d->changes[i], out) &&
            happened(out, d->changes[i].at, "marker", sb_format("%s%s%s", d->changes[i].what, d->changes[i].ns ? ", " : "", d->changes[i].ns ? d->changes[i].ns : "")))
            return -1;
    for (size_t i = 0; i < o->verdict.causes_n; i++) {
        const struct sb_incident_cause *c = &o->verdict.causes[i];
        if (c->at_ms && happened(out, c->at_ms, "log", sb_format("%s (%s)", c->what, c->evidence ? c->evidence : "")))
            return -1;
    }
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        const struct series_rule *r = &sb_series_rules[s->kind];
        const char *shard = sb_detector_shard(d, s->member);
        char *what = sb_series_of_life(s) ? sb_format("%s of %s", r->metric, s->subject)
                                          : sb_format("%s of %s%s%s leaves its usual %.0f%s%s", r->metric, s->subject, shard ? " on " : "", shard ? shard : "", s->before, r->unit[0] ? " " : "", r->unit);
        if (happened(out, s->joined, "metric", what))
            return -1;
    }
    if (happened(out, out->detected_at, "seen", sb_format("it is seen, %" PRId64 " s after its beginning", (out->detected_at - out->from) / 1000)))
        return -1;
    if (out->timeline_n)
        qsort(out->timeline, out->timeline_n, sizeof *out->timeline, sooner);
    return 0;
}

int sb_detector_tell_story(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    return add_plots(d, o, out) || add_timeline(d, o, out) ? -1 : 0;
}
