/* SPDX-License-Identifier: Apache-2.0
 *
 * Title, evidence and suspects of an anomaly: what the numbers say, with the numbers. Its class is the engine's (incidents_cause.c). */
#include "detector.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SHAPES_NAMED 5
#define LOOK_BACK_MS 15000 /* operations are logged when they end: they began before the deviation was seen */
#define PPM 1000000.0

struct ratios {
    double rate;      /* the largest growth of a collection's operations */
    double latency;   /* the largest growth of a mean latency */
    double examined;  /* growth of documents examined per read on the primary; NAN not known */
    bool lag;
    size_t slow_namespaces, known_namespaces; /* with a warm read latency on the primary */
    const struct series *lead; /* the deviating latency with the largest growth */
};

/* Growth of a series that is watched, deviating or not. */
static double growth(const struct series *s)
{
    return s && sb_baseline_warm(&s->usual) ? (s->deviating ? s->ratio : 1) : NAN;
}

/* What is said of a series: as it is, or, when it is over, as it was at its worst. */
static double told_ratio(const struct series *s)
{
    return s->deviating || sb_series_of_life(s) ? s->ratio : s->peak_ratio;
}

static double told_value(const struct series *s)
{
    return s->deviating || sb_series_of_life(s) ? s->value : s->peak;
}

static bool latency(const struct series *s)
{
    return s->kind == NS_READ_LATENCY || s->kind == NS_WRITE_LATENCY;
}

static struct ratios look(const struct sb_detector *d, const struct open_anomaly *o)
{
    struct ratios r = {1, 1, NAN, false, 0, 0, NULL};
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        if (s->kind == NS_READ_RATE || s->kind == NS_WRITE_RATE)
            r.rate = fmax(r.rate, told_ratio(s));
        if (latency(s) && (!r.lead || told_ratio(s) > told_ratio(r.lead)))
            r.lead = s;
        if (latency(s))
            r.latency = fmax(r.latency, told_ratio(s));
        r.lag |= s->kind == MEMBER_LAG;
    }
    for (size_t i = 0; i < d->series_n; i++) {
        const struct series *s = d->series[i];
        if (s->kind == NS_READ_LATENCY && sb_baseline_warm(&s->usual)) {
            r.known_namespaces++;
            r.slow_namespaces += s->deviating;
        }
        if (s->kind == MEMBER_EXAMINED && sb_baseline_warm(&s->usual) && (isnan(r.examined) || growth(s) > r.examined))
            r.examined = growth(s);
    }
    return r;
}

/* What is seen of single collections and of who answers, for the engine to judge with. */
void sb_detector_closer(const struct sb_detector *d, const struct open_anomaly *o, struct sb_closer *out)
{
    struct ratios r = look(d, o);
    struct life_story life;
    const struct change *altered = sb_detector_altered(d, o);
    sb_detector_life(d, o, &life);
    *out = (struct sb_closer){.latency = r.latency, .rate = r.rate, .examined = r.examined, .lag = r.lag, .slow = r.slow_namespaces, .known = r.known_namespaces,
                              .moved = life.moved != NULL, .silent_s = life.silent ? life.silent->value : 0, .headless_s = life.headless ? fmax(life.headless->value, 1) : 0};
    snprintf(out->altered, sizeof out->altered, "%s", altered ? altered->what : "");
    snprintf(out->rollback, sizeof out->rollback, "%s", life.rollback ? life.rollback->subject : "");
    snprintf(out->silent, sizeof out->silent, "%s", life.silent ? life.silent->subject : "");
}

static void human_us(char *out, size_t cap, double us)
{
    if (us < 1000)
        snprintf(out, cap, "%.0f us", us);
    else if (us < 1e6)
        snprintf(out, cap, "%.1f ms", us / 1000);
    else
        snprintf(out, cap, "%.1f s", us / 1e6);
}

static char *title(const struct open_anomaly *o, const struct ratios *r)
{
    const struct series *s = r->lead;
    if (s) {
        char before[32], now[32];
        human_us(before, sizeof before, s->before);
        human_us(now, sizeof now, told_value(s));
        return sb_format("%s of %s take %.*f times as long (%s, was %s)", s->kind == NS_READ_LATENCY ? "Reads" : "Writes", s->subject,
                         told_ratio(s) < 10 ? 1 : 0, told_ratio(s), now, before);
    }
    if (!o->series_n)
        return sb_format("something is wrong, and no collection alone shows it");
    s = o->series[0];
    for (size_t i = 1; i < o->series_n; i++)
        if (sb_series_rules[o->series[i]->kind].impact && told_ratio(o->series[i]) > told_ratio(s))
            s = o->series[i];
    if (s->kind == MEMBER_LAG)
        return sb_format("%s is %.0f s behind the primary", s->subject, told_value(s));
    return sb_format("%s of %s came at %.1f times the usual rate (%.0f/s, was %.0f/s)", s->kind == NS_READ_RATE ? "Reads" : "Writes", s->subject,
                     told_ratio(s), told_value(s), s->before);
}

static int add_signals(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    for (size_t i = 0; i < o->series_n; i++) {
        const struct series *s = o->series[i];
        struct sb_signal *g = SB_PUSH(out->signals);
        const struct series_rule *rule = &sb_series_rules[s->kind];
        if (!g || sb_str_set(&g->metric, rule->metric) || sb_str_set(&g->subject, s->subject) || sb_str_set(&g->shard, sb_detector_shard(d, s->member)) || sb_str_set(&g->unit, rule->unit))
            return -1;
        g->baseline = (int64_t)(s->before + 0.5);
        g->value = (int64_t)(told_value(s) + 0.5);
        double score = told_ratio(s) > 1 ? 1 - 1 / told_ratio(s) : 0;
        g->score_ppm = sb_series_of_life(s) ? (int64_t)PPM : (int64_t)(score * PPM);
        bool ns = s->kind < MEMBER_LAG, member = !ns && s->kind != SET_HEADLESS; /* without a primary, it is about none of them */
        if (member && !sb_strs_has(out->members, out->members_n, s->subject) && sb_strs_push(&out->members, &out->members_n, s->subject))
            return -1;
        if (ns && !sb_strs_has(out->namespaces, out->namespaces_n, s->subject) &&
            sb_strs_push(&out->namespaces, &out->namespaces_n, s->subject))
            return -1;
    }
    return 0;
}

/* ---- shapes ---- */

struct suspect {
    const struct sb_work *work;
    struct sb_work_sums now, before;
    double added_ms; /* time beyond what the same stretch before had: as logged, or estimated */
    bool estimated;  /* 8.0's getLog cuts lines before their duration: by its share of the documents examined, then */
};

/* Their time counts as that of reads or writes of the collection, as the latencies do that are to be explained. A build of an index,
 * perhaps our own against this very anomaly, is none of them. */
static bool counts(const struct sb_shape *shape)
{
    return shape->kind != SB_OP_COMMAND && shape->kind != SB_OP_INTERNAL;
}

/* One of the anomaly's collections, with what it did since `from` and in as long a stretch before it. False: it explains nothing. */
static bool look_at(const struct sb_workload *w, const struct sb_work *work, const struct sb_anomaly *a, int64_t from, int64_t now, struct suspect *s)
{
    *s = (struct suspect){.work = work};
    if (!sb_strs_has(a->namespaces, a->namespaces_n, work->ns) || !counts(work->shape))
        return false;
    s->now = sb_work_window(w, work, from, now + 1, NULL);
    s->before = sb_work_window(w, work, from - (now - from), from, NULL);
    return s->now.count != 0;
}

static double more_examined(const struct suspect *s)
{
    return s->now.docs_examined > s->before.docs_examined ? (double)(s->now.docs_examined - s->before.docs_examined) : 0;
}

static size_t find_suspects(const struct sb_workload *w, const struct sb_anomaly *a, int64_t from, int64_t now, double added_us, struct suspect *top)
{
    size_t n = 0;
    double examined = 0;
    struct suspect s;
    for (size_t i = 0; i < sb_workload_size(w); i++)
        examined += look_at(w, sb_workload_at(w, i), a, from, now, &s) ? more_examined(&s) : 0;
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        if (!look_at(w, sb_workload_at(w, i), a, from, now, &s))
            continue;
        s.estimated = s.now.timed == 0;
        s.added_ms = s.estimated ? (examined > 0 ? more_examined(&s) / examined * added_us / 1000 : 0) : (double)s.now.total_ms - (double)s.before.total_ms;
        if (s.added_ms <= 0)
            continue;
        size_t at = n < SHAPES_NAMED ? n++ : SHAPES_NAMED;
        while (at > 0 && top[at - 1].added_ms < s.added_ms) {
            if (at < SHAPES_NAMED)
                top[at] = top[at - 1];
            at--;
        }
        if (at < SHAPES_NAMED)
            top[at] = s;
    }
    return n;
}

static int add_suspect(const struct suspect *s, double added_us, int64_t now, struct sb_anomaly *out)
{
    const struct sb_work *w = s->work;
    const char *app = sb_shares_top(&w->apps), *plan = sb_shares_top(&w->plans);
    double share = added_us > 0 ? fmin(s->added_ms * 1000 / added_us, 1) : 0;
    struct sb_cause *c = SB_PUSH(out->causes);
    if (!c)
        return -1;
    c->rank = (int64_t)out->causes_n;
    c->confidence_ppm = (int64_t)(share * PPM);
    c->what = sb_format("%s %s on %s%s%s%s%s", s->before.count ? "operations of shape" : "new shape", w->shape->text[0] ? w->shape->text : w->shape->op,
                        w->ns, w->shape->sort[0] ? " sorted by " : "", w->shape->sort, app ? " from " : "", app ? app : "");
    char time[64];
    snprintf(time, sizeof time, "%" PRIu64 " ms in all, ", s->now.total_ms);
    c->evidence = sb_format("%" PRIu64 " logged operations, %s%" PRIu64 " documents examined for %" PRIu64 " returned, plan %s; %s%.0f %% of the added time%s",
                            s->now.count, s->estimated ? "" : time, s->now.docs_examined, s->now.returned, plan ? plan : "not told", s->estimated ? "about " : "",
                            share * 100, s->estimated ? ", by the documents examined: how long they took was cut off their log lines" : "");
    if (!c->what || !c->evidence || sb_strs_push(&out->shapes, &out->shapes_n, w->shape->fingerprint))
        return -1;
    if (app && !sb_strs_has(out->apps, out->apps_n, app) && sb_strs_push(&out->apps, &out->apps_n, app))
        return -1;
    return sb_evidence_add(&out->evidence, &out->evidence_n, "slow operations as the servers wrote them down", w->ns, c->what, c->evidence,
                           s->estimated ? "estimated" : "measured", now);
}

/* Time that the anomaly's collections took beyond their usual mean latency, in microseconds. */
static double added_time(const struct sb_detector *d, const struct sb_anomaly *a, const struct sb_history *h, int64_t from, int64_t now)
{
    double added = 0;
    for (size_t i = 0; i < a->namespaces_n; i++) {
        struct sb_ns_work w;
        if (!sb_history_window(h, a->namespaces[i], from, now + 1, &w))
            continue;
        for (size_t k = 0; k < d->series_n; k++) {
            const struct series *s = d->series[k];
            if (!latency(s) || strcmp(s->subject, a->namespaces[i]) != 0 || !s->deviating)
                continue;
            double mean = s->before;
            added += s->kind == NS_READ_LATENCY ? (double)w.read_us - mean * (double)w.reads : (double)w.write_us - mean * (double)w.writes;
        }
    }
    return fmax(added, 0);
}

static int add_shapes(const struct sb_detector *d, const struct open_anomaly *o, const struct sb_workload *workload,
                      const struct sb_history *history, struct sb_anomaly *out)
{
    struct suspect top[SHAPES_NAMED];
    int64_t from = o->from - LOOK_BACK_MS, now = o->closed_at ? o->closed_at : d->now;
    double added = added_time(d, out, history, from, now), explained = 0;
    size_t n = find_suspects(workload, out, from, now, added, top);
    for (size_t i = 0; i < n; i++) {
        if (add_suspect(&top[i], added, now, out))
            return -1;
        explained += top[i].added_ms * 1000;
    }
    out->unexplained_ppm = added > 0 ? (int64_t)(fmax(0, 1 - explained / added) * PPM) : (n ? 0 : (int64_t)PPM);
    return 0;
}

/* The end of an anomaly, in the words in which it was last told: by now the numbers are those of what came after it. */
static int describe_end(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    bool accepted = false;
    for (size_t i = 0; i < o->series_n; i++)
        accepted |= o->series[i]->accepted && sb_series_rules[o->series[i]->kind].impact;
    if (sb_record_copy(&sb_anomaly_schema, out, &o->told))
        return -1;
    out->to = o->closed_at;
    if (o->verdict.title && sb_judge_class(d, o, out)) /* otherwise it stays as it was told */
        return -1;
    char *reason = accepted ? sb_format("%s; nothing was mended: it lasted so long that it counts as usual from now on", out->class_reason) : NULL;
    if (accepted && !reason)
        return -1;
    if (accepted) {
        free(out->class_reason);
        out->class_reason = reason;
    }
    return 0;
}

/* How high it stands: the largest growth of a latency or a rate. */
static int describe(const struct sb_detector *d, const struct open_anomaly *o, const struct sb_workload *workload, const struct sb_history *history,
                    struct sb_anomaly *out, double *height)
{
    struct ratios r = look(d, o);
    *height = fmax(r.latency, r.rate);
    out->from = o->from;
    out->detected_at = o->detected_at;
    out->to = o->closed_at;
    struct life_story life;
    sb_detector_life(d, o, &life);
    /* a change of primary alone explains nothing that slowed with it */
    bool by_life = life.rollback || life.silent || life.headless || (life.moved && !r.lead && r.rate <= 1);
    out->severity = r.latency >= 10 || r.lag || life.rollback || life.silent || life.headless ? SB_HIGH : r.latency > 1 ? SB_MEDIUM : SB_LOW;
    out->title = by_life ? sb_detector_life_title(&life) : title(o, &r);
    out->id = sb_format("D-%" PRId64, o->number);
    int rc = !out->title || !out->id || add_signals(d, o, out) || add_shapes(d, o, workload, history, out) ||
             sb_detector_add_changes(d, out) || sb_judge_tell(o, out) ? -1 : 0;
    if (rc || sb_judge_class(d, o, out))
        return -1;
    if (out->class_ == SB_CLASS_UNKNOWN && o->told.id && o->told.class_ != SB_CLASS_UNKNOWN) { /* what was known is known still */
        out->class_ = o->told.class_;
        out->confidence_ppm = o->told.confidence_ppm;
        if (sb_str_set(&out->class_reason, o->told.class_reason))
            return -1;
    }
    if (sb_detector_tell_story(d, o, out))
        return -1;
    for (size_t i = 0; i < out->signals_n; i++) {
        const struct sb_signal *g = &out->signals[i];
        const char *unit = sb_streq(g->unit, "1/s") ? "/s" : g->unit, *gap = g->unit[0] && unit == g->unit ? " " : "";
        char *value = sb_format("%" PRId64 "%s%s, usually %" PRId64 "%s%s%s%s", g->value, gap, unit, g->baseline, gap, unit, g->shard ? ", on " : "", g->shard ? g->shard : "");
        rc = value ? sb_evidence_add(&out->evidence, &out->evidence_n, "telemetry", g->subject, g->metric, value, "measured", d->now) : -1;
        free(value);
        if (rc)
            return -1;
    }
    return 0;
}

/* It has become less, or has come back weaker: how much it was at its worst stays. What was found out since is kept when it
 * explains more than what was known before: the first lines of a log may be of those that waited, not of who made them wait. */
static int keep_height(const struct open_anomaly *o, struct sb_anomaly *out)
{
    if (!out->shapes_n || (o->told.shapes_n && o->told.unexplained_ppm <= out->unexplained_ppm)) {
        sb_anomaly_release(out);
        memset(out, 0, sizeof *out);
        return sb_record_copy(&sb_anomaly_schema, out, &o->told);
    }
    out->severity = o->told.severity;
    return sb_str_set(&out->title, o->told.title);
}

int sb_detector_describe(const struct sb_detector *d, struct open_anomaly *o, const struct sb_workload *workload,
                         const struct sb_history *history, struct sb_anomaly *out)
{
    struct sb_anomaly told = {0};
    memset(out, 0, sizeof *out);
    double height = o->told_height;
    int rc = o->closed_at && o->told.id ? describe_end(d, o, out) : describe(d, o, workload, history, out, &height);
    if (rc == 0 && height < o->told_height)
        rc = keep_height(o, out);
    else
        o->told_height = height;
    if (rc || sb_record_copy(&sb_anomaly_schema, &told, out)) {
        sb_anomaly_release(out);
        return -1;
    }
    sb_anomaly_release(&o->told);
    o->told = told;
    return 0;
}
