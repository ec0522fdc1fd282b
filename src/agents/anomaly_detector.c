/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"

#include <signalbox/base/hash.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MS 15000      /* how long before a silence or a change of primary its effects may have been seen */
#define QUIET_MS 20000     /* how long everything must be back before it is over */
#define ENRICH_EVERY_MS 15000
#define ENRICH_FOR_MS 120000
#define GROWTH 2.0 /* told again when it has become so much worse */

struct sb_detector *sb_detector_new(struct sb_err *err)
{
    struct sb_detector *d = calloc(1, sizeof *d);
    if (!d)
        sb_fail_nomem(err);
    return d;
}

static void free_open(struct open_anomaly *o)
{
    free(o->series);
    sb_anomaly_release(&o->told);
    sb_incident_release(&o->verdict);
    free(o);
}

void sb_detector_free(struct sb_detector *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->series_n; i++) {
        free(d->series[i]->trail);
        free(d->series[i]->subject);
        free(d->series[i]->member);
        free(d->series[i]);
    }
    free(d->series);
    for (size_t i = 0; i < d->open_n; i++)
        free_open(d->open[i]);
    free(d->open);
    sb_detector_free_lives(d);
    sb_detector_free_changes(d);
    sb_judge_release(d);
    sb_trends_release(&d->trends);
    sb_anomaly_release(&d->backups.told);
    free(d);
}

/* ---- series ---- */

/* The slot of the hash table in which this series is, or would be. */
static uint16_t *slot_of(const struct sb_detector *d, enum series_kind kind, const char *subject, const char *member)
{
    uint64_t h = sb_fnv1a(SB_FNV_START ^ (uint64_t)kind, subject, strlen(subject) + 1);
    h = sb_fnv1a(h, member, strlen(member));
    for (;; h++) {
        const uint16_t *slot = &d->slot[h % SERIES_SLOTS];
        const struct series *s = *slot ? d->series[*slot - 1] : NULL;
        if (!s || (s->kind == kind && strcmp(s->subject, subject) == 0 && strcmp(s->member, member) == 0))
            return (uint16_t *)(uintptr_t)slot;
    }
}

const struct series *sb_detector_find(const struct sb_detector *d, enum series_kind kind, const char *subject, const char *member)
{
    uint16_t slot = *slot_of(d, kind, subject, member);
    return slot ? d->series[slot - 1] : NULL;
}

static struct series *new_series(enum series_kind kind, const char *subject, const char *member)
{
    struct series *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->kind = kind;
    s->ratio = 1;
    s->subject = sb_strdup_n(subject, strlen(subject));
    s->member = sb_strdup_n(member, strlen(member));
    if (!s->subject || !s->member) {
        free(s->subject);
        free(s->member);
        free(s);
        return NULL;
    }
    return s;
}

struct series *sb_detector_series(struct sb_detector *d, enum series_kind kind, const char *subject, const char *member)
{
    uint16_t *slot = slot_of(d, kind, subject, member);
    if (*slot || d->series_n >= MAX_SERIES)
        return *slot ? d->series[*slot - 1] : NULL;
    struct series *s = new_series(kind, subject, member);
    struct series **place = s ? SB_PUSH(d->series) : NULL;
    if (!place) {
        if (s) {
            free(s->subject);
            free(s->member);
        }
        free(s);
        return NULL;
    }
    *place = s;
    *slot = (uint16_t)d->series_n;
    return s;
}

/* ---- anomalies ---- */

static bool holds(const struct open_anomaly *o, const struct series *s)
{
    for (size_t i = 0; i < o->series_n; i++)
        if (o->series[i] == s)
            return true;
    return false;
}

static int join(struct open_anomaly *o, struct series *s)
{
    if (holds(o, s))
        return 0;
    struct series **slot = SB_PUSH(o->series);
    if (!slot)
        return -1;
    *slot = s;
    s->joined = s->onset;
    if (s->onset < o->from)
        o->from = s->onset;
    o->quiet_since = 0;
    o->changed = true;
    return 0;
}

/* Whether s belongs to the open anomaly: it began at the same time, or is about the same subject. A member's silence or a
 * change of primary explains what came with it or after it, and nothing that had begun well before. */
static bool belongs(const struct open_anomaly *o, const struct series *s)
{
    for (size_t k = 0; k < o->series_n; k++)
        if (strcmp(o->series[k]->subject, s->subject) == 0)
            return true;
    return s->onset - o->from < (sb_series_of_life(s) ? AHEAD_MS : SB_TOGETHER_MS);
}

struct open_anomaly *sb_detector_open(struct sb_detector *d, int64_t from, int64_t at)
{
    struct open_anomaly *o = calloc(1, sizeof *o);
    struct open_anomaly **slot = o ? SB_PUSH(d->open) : NULL;
    if (!slot) {
        free(o);
        return NULL;
    }
    *slot = o;
    o->number = ++d->next_number;
    o->from = from;
    o->detected_at = at;
    return o;
}

void sb_detector_begin(struct sb_detector *d, struct series *s, int64_t at)
{
    for (size_t i = 0; i < d->open_n; i++) {
        struct open_anomaly *o = d->open[i];
        if (o->closed_at || !(belongs(o, s) || (sb_series_of_life(s) && o->series_n && sb_series_of_life(o->series[0]))))
            continue;
        join(o, s);
        return;
    }
    if (!sb_series_rules[s->kind].impact)
        return;
    struct open_anomaly *o = sb_detector_open(d, s->onset, at);
    if (o)
        join(o, s);
}

/* Series without impact that deviate already belong to an anomaly that opens now. */
static void gather(struct sb_detector *d)
{
    for (size_t i = 0; i < d->open_n; i++) {
        struct open_anomaly *o = d->open[i];
        if (o->closed_at)
            continue;
        for (size_t k = 0; k < d->series_n; k++) {
            struct series *s = d->series[k];
            if (s->deviating && !sb_series_rules[s->kind].impact && llabs(s->onset - o->from) < SB_TOGETHER_MS)
                join(o, s);
        }
    }
}

static double worst(const struct open_anomaly *o)
{
    double w = 1;
    for (size_t i = 0; i < o->series_n; i++)
        if (o->series[i]->deviating && sb_series_rules[o->series[i]->kind].impact)
            w = fmax(w, o->series[i]->ratio);
    return w;
}

/* What it began with is over, and what came into it later goes on: that is another anomaly. */
static void part(struct sb_detector *d, struct open_anomaly *o, int64_t at)
{
    bool late = false;
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        if (!s->deviating || !sb_series_rules[s->kind].impact)
            continue;
        if (s->joined - o->from < SB_TOGETHER_MS)
            return;
        late = true;
    }
    if (!late || sb_judge_holds(d, o))
        return;
    o->closed_at = at;
    o->changed = true;
    for (size_t i = 0; i < o->series_n; i++)
        if (o->series[i]->deviating)
            sb_detector_begin(d, o->series[i], at);
}

/* True when the operations of an anomaly that is going on are wanted again. */
static bool follow(struct sb_detector *d, const struct sb_frame *f)
{
    bool want_log = false;
    for (size_t i = 0; i < d->open_n; i++) {
        struct open_anomaly *o = d->open[i];
        if (!o->closed_at)
            part(d, o, f->at);
        if (o->closed_at)
            continue;
        bool any = sb_judge_holds(d, o);
        for (size_t k = 0; k < o->series_n; k++)
            any |= o->series[k]->deviating && sb_series_rules[o->series[k]->kind].impact;
        if (any)
            o->quiet_since = 0;
        else if (o->quiet_since == 0)
            o->quiet_since = f->at;
        else if (f->at - o->quiet_since >= QUIET_MS) {
            o->closed_at = f->at;
            o->changed = true;
        }
        bool asks = any || o->told.shapes_n == 0; /* who it was is asked of the log also when it has just ended */
        if (f->log_fresh && asks && f->at - o->from < ENRICH_FOR_MS && f->at - o->enriched_at >= (o->enriched ? ENRICH_EVERY_MS : 0)) {
            o->enriched = true;
            o->enriched_at = f->at;
            o->changed = true;
        }
        if (worst(o) > GROWTH * o->worst_told)
            o->changed = true;
        want_log |= asks && f->at - o->from < ENRICH_FOR_MS && f->at - o->enriched_at >= ENRICH_EVERY_MS;
    }
    return want_log;
}

/* ---- frames ---- */

static bool take(struct sb_detector *d, enum series_kind kind, const char *subject, const struct sb_frame *f, double value, int64_t ops)
{
    if (!isfinite(value))
        return false;
    struct series *s = sb_detector_series(d, kind, subject, f->member);
    if (!s)
        return false;
    if (sb_series_take(s, value, ops, f->at, f->dt_s)) {
        sb_detector_begin(d, s, f->at);
        return true;
    }
    return s->out > 0 && !s->deviating; /* it may be beginning */
}

bool sb_detector_frame(struct sb_detector *d, const struct sb_frame *f)
{
    bool want_log = false;
    if (f->at > d->now)
        d->now = f->at;
    for (size_t i = 0; i < f->ns_n; i++) {
        const struct sb_ns_rate *r = &f->ns[i];
        if (!f->is_primary && r->reads == 0)
            continue; /* on a secondary, writes are the oplog's: the primary's series tell of them */
        want_log |= take(d, NS_READ_LATENCY, r->ns, f, r->read_us, r->reads);
        take(d, NS_READ_RATE, r->ns, f, r->reads_per_s, r->reads);
        if (f->is_primary) {
            want_log |= take(d, NS_WRITE_LATENCY, r->ns, f, r->write_us, r->writes);
            take(d, NS_WRITE_RATE, r->ns, f, r->writes_per_s, r->writes);
        }
    }
    double reads = f->rate[SB_METRIC_READ_OPS];
    take(d, MEMBER_LAG, f->member, f, f->lag_s, 0);
    take(d, MEMBER_QUEUE, f->member, f, f->rate[SB_METRIC_QUEUED], 0);
    if (reads > 0)
        take(d, MEMBER_EXAMINED, f->member, f, f->rate[SB_METRIC_DOCS_EXAMINED] / reads, (int64_t)(reads * f->dt_s));
    take(d, MEMBER_ERRORS, f->member, f, f->rate[SB_METRIC_ASSERTS_USER], 0);
    take(d, MEMBER_CONNECTIONS, f->member, f, f->rate[SB_METRIC_CONNECTIONS], 0);
    take(d, MEMBER_CONFLICTS, f->member, f, f->rate[SB_METRIC_WRITE_CONFLICTS], 0);
    sb_trends_frame(d, f);
    sb_judge_frame(d, f);
    gather(d);
    return follow(d, f) || want_log;
}

/* In something that a person would want to hear of: numbers that move a little are no news. */
static bool differs(const struct sb_anomaly *was, const struct sb_anomaly *is)
{
    return was->class_ != is->class_ || was->severity != is->severity || was->namespaces_n != is->namespaces_n || was->apps_n != is->apps_n ||
           was->members_n != is->members_n || was->shapes_n != is->shapes_n || was->causes_n != is->causes_n || was->signals_n != is->signals_n ||
           (is->causes_n && !sb_streq(was->causes[0].what, is->causes[0].what)) || llabs(was->unexplained_ppm - is->unexplained_ppm) > 200000;
}

bool sb_detector_take(struct sb_detector *d, const struct sb_workload *workload, const struct sb_history *history,
                      struct sb_anomaly *out)
{
    for (size_t i = 0; i < d->open_n; i++) {
        struct open_anomaly *o = d->open[i];
        if (!o->changed)
            continue;
        struct sb_anomaly before = o->told; /* kept until it is known whether there is news */
        memset(&o->told, 0, sizeof o->told);
        if ((before.id && sb_record_copy(&sb_anomaly_schema, &o->told, &before)) || sb_detector_describe(d, o, workload, history, out)) {
            sb_anomaly_release(&before);
            return false; /* out of memory: it stays changed and is tried again */
        }
        bool news = !before.id || o->closed_at || worst(o) > GROWTH * o->worst_told || differs(&before, out);
        o->changed = false;
        sb_anomaly_release(&before);
        if (!news) {
            sb_anomaly_release(out);
            continue;
        }
        o->worst_told = fmax(o->worst_told, worst(o));
        if (o->closed_at) {
            free_open(o);
            d->open[i] = d->open[--d->open_n];
        }
        return true;
    }
    return sb_backups_take(d, out) || sb_trends_take(d, out);
}

void sb_detector_warmup(const struct sb_detector *d, int64_t *done, int64_t *need)
{
    *need = SB_BASELINE_WARMUP;
    *done = 0;
    for (size_t i = 0; i < d->series_n; i++) /* the series that has learned most tells how long we have been looking */
        if ((int64_t)d->series[i]->usual.n > *done)
            *done = (int64_t)d->series[i]->usual.n;
    if (*done > *need)
        *done = *need;
}
