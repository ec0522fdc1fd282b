/* SPDX-License-Identifier: Apache-2.0
 *
 * detector_judge.c - the incident engine (incidents.h) at work for the live detector: it sees the vitals and the log lines of
 * all members, opens an incident where no single collection shows one, and says the class of each.
 *
 * Silence means something else live than in a file: there a member keeps its own samples, here it is us who ask. So each
 * sample is followed by a hole, and who does not answer is told by the strip (detector_members.c) and by the others' words. */
#include "detector.h"

#include <math.h>
#include <string.h>

#define AGAIN_MS 10000 /* between two looks at the class of what goes on */
#define MOST_MEMBERS 64
#define PPM 1000000.0

void sb_judge_release(struct sb_detector *d)
{
    for (size_t k = 0; k < d->judges_n; k++) {
        struct judge *j = &d->judges[k];
        sb_incidents_free(j->engine);
        for (size_t i = 0; i < j->members_n; i++)
            free(j->members[i]);
        free(j->members);
        free(j->shard);
    }
    free(d->judges);
}

/* Who judges the set of this member; NULL out of memory. */
static struct judge *judge_of(struct sb_detector *d, const char *member)
{
    const char *shard = sb_detector_shard(d, member);
    for (size_t i = 0; i < d->judges_n; i++)
        if (sb_streq(d->judges[i].shard ? d->judges[i].shard : "", shard ? shard : ""))
            return &d->judges[i];
    struct judge j = {.engine = sb_incidents_new(NULL)};
    struct judge *slot = j.engine && sb_str_set(&j.shard, shard) == 0 ? SB_PUSH(d->judges) : NULL;
    if (!slot) {
        sb_incidents_free(j.engine);
        free(j.shard);
        return NULL;
    }
    sb_incidents_watch_live(j.engine);
    *slot = j;
    return slot;
}

static int member_of(struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->members_n; i++)
        if (strcmp(j->members[i], name) == 0)
            return (int)i;
    if (j->members_n >= MOST_MEMBERS || sb_strs_push(&j->members, &j->members_n, name))
        return -1;
    int n = sb_incidents_member(j->engine, name, NULL);
    if (n < 0)
        free(j->members[--j->members_n]);
    return n;
}

void sb_detector_line(struct sb_detector *d, const char *member, const struct sb_log_line *line, const struct sb_slow_op *op)
{
    struct judge *j = judge_of(d, member);
    int m = j ? member_of(j, member) : -1;
    if (m < 0 || sb_incidents_log(j->engine, m, line, op, NULL))
        d->judges_lost++;
}

static struct open_anomaly *judged(const struct sb_detector *d, const struct judge *j)
{
    for (size_t i = 0; i < d->open_n; i++)
        if (d->open[i]->number == j->number && !d->open[i]->closed_at)
            return d->open[i];
    return NULL;
}

/* What we see, for the engine: of the anomaly that it is judging, or of the one with the earliest impact. */
static void tell_closer(struct sb_detector *d, const struct judge *j)
{
    const struct open_anomaly *about = judged(d, j);
    struct sb_closer seen = {.latency = 1, .rate = 1, .examined = NAN};
    int64_t since = 0;
    for (size_t i = 0; i < d->open_n; i++) {
        const struct open_anomaly *o = d->open[i];
        for (size_t k = 0; k < o->series_n && !o->closed_at; k++)
            if (o->series[k]->deviating && sb_series_rules[o->series[k]->kind].impact && (!since || o->series[k]->onset < since)) {
                since = o->series[k]->onset;
                about = judged(d, j) ? about : o;
            }
    }
    if (about)
        sb_detector_closer(d, about, &seen);
    seen.since_ms = since;
    sb_incidents_closer(j->engine, &seen);
}

/* The one that began with the engine's; NULL: there is none yet. */
static struct open_anomaly *began_with(const struct sb_detector *d, int64_t from)
{
    struct open_anomaly *nearest = NULL;
    for (size_t i = 0; i < d->open_n; i++) {
        struct open_anomaly *o = d->open[i];
        if (!o->closed_at && llabs(o->from - from) < SB_TOGETHER_MS && (!nearest || llabs(o->from - from) < llabs(nearest->from - from)))
            nearest = o;
    }
    return nearest;
}

#define SURE 0.7            /* the log says who or what it was */
#define SETTLED_MS 60000    /* what it was when it began is known by then; an index that is built against it comes later */

/* Takes the content. A class that was sure is not given up for what came later. */
static void set_verdict(struct open_anomaly *o, struct sb_incident *v, int64_t at)
{
    if (o->verdict.title && o->verdict.confidence >= SURE && v->class_ != o->verdict.class_ && at - o->detected_at > SETTLED_MS) {
        sb_incident_release(v);
        return;
    }
    o->changed |= !o->verdict.title || v->class_ != o->verdict.class_ || v->causes_n != o->verdict.causes_n;
    sb_incident_release(&o->verdict);
    o->verdict = *v;
}

/* Of what has ended, the class is known best now. */
static void take_ended(struct sb_detector *d, struct judge *j)
{
    struct sb_incident v;
    while (sb_incidents_take(j->engine, &v)) {
        struct open_anomaly *o = judged(d, j);
        if (o)
            set_verdict(o, &v, d->now);
        else
            sb_incident_release(&v);
        j->number = 0;
    }
}

static void look(struct sb_detector *d, struct judge *j, const struct sb_incidents_now *now, int64_t at)
{
    struct sb_incident v;
    struct open_anomaly *o = judged(d, j);
    if (!o && !(o = began_with(d, now->from_ms)) && now->hurt)
        o = sb_detector_open(d, now->from_ms, at);
    if (!o || (j->number == o->number && at - j->looked_at < AGAIN_MS))
        return;
    if (j->number != o->number && now->from_ms < o->from)
        o->from = now->from_ms;
    j->number = o->number;
    j->looked_at = at;
    if (sb_incidents_peek(j->engine, &v))
        d->judges_lost++;
    else
        set_verdict(o, &v, at);
}

void sb_judge_frame(struct sb_detector *d, const struct sb_frame *f)
{
    struct judge *j = judge_of(d, f->member);
    int m = f->vitals && j ? member_of(j, f->member) : -1;
    if (m < 0)
        return;
    for (size_t i = 0; i < f->peers_n; i++)
        d->judges_lost += sb_incidents_peer(j->engine, i, f->peers[i].name, NULL) != 0;
    for (size_t i = 0; i < f->idle_n; i++)
        sb_incidents_transaction(j->engine, m, &(struct sb_open_transaction){f->idle[i].app, f->idle[i].client, f->idle[i].open_ms, f->idle[i].idle_ms}, f->at);
    tell_closer(d, j);
    if (sb_incidents_sample(j->engine, m, f->vitals, NULL))
        d->judges_lost++;
    sb_incidents_hole(j->engine, m);
    take_ended(d, j);
    struct sb_incidents_now now = sb_incidents_now(j->engine);
    if (now.open)
        look(d, j, &now, f->at);
}

bool sb_judge_holds(const struct sb_detector *d, const struct open_anomaly *o)
{
    for (size_t i = 0; i < d->judges_n; i++) {
        struct sb_incidents_now now = sb_incidents_now(d->judges[i].engine);
        if (now.open && now.hurt && d->judges[i].number == o->number)
            return true;
    }
    return false;
}

/* ---- in words ---- */

/* The engine's numbers are in the metric's own unit; ours are whole. */
static int add_signal(const struct sb_incident_signal *s, struct sb_anomaly *out)
{
    static const struct {
        const char *tail, *unit;
        double times;
    } units[] = {{"mean_ms", "us", 1000}, {"_ms_per_s", "ms/s", 1}, {"_per_s", "1/s", 1}, {"percent", "%", 1}, {"percent_of_host", "%", 1}, {"lag_s", "s", 1}, {"ms_per_operation", "ms", 1},
                 {"examined_per_operation", "docs", 1}};
    size_t u = 0, n = strlen(s->metric);
    while (u < SB_COUNT(units) && !(n > strlen(units[u].tail) && strcmp(s->metric + n - strlen(units[u].tail), units[u].tail) == 0))
        u++;
    double times = u < SB_COUNT(units) ? units[u].times : 1;
    struct sb_signal *g = SB_PUSH(out->signals);
    if (!g || sb_str_set(&g->metric, s->metric) || sb_str_set(&g->subject, s->subject) || sb_str_set(&g->unit, u < SB_COUNT(units) ? units[u].unit : ""))
        return -1;
    g->baseline = (int64_t)fmin(s->baseline * times + 0.5, 9e18);
    g->value = (int64_t)fmin(s->value * times + 0.5, 9e18);
    g->score_ppm = (int64_t)(s->score * PPM);
    return 0;
}

static int add_names(char *const *from, size_t n, char ***to, size_t *to_n)
{
    for (size_t i = 0; i < n; i++)
        if (sb_incident_add_name(to, to_n, from[i]))
            return -1;
    return 0;
}

#define SIGNALS_TOLD 8 /* of the engine's: the impacts come first, and the worst of them */

static int add_causes(const struct sb_incident *v, struct sb_anomaly *out)
{
    bool shapes = out->causes_n > 0; /* operations are suspects already, with their shapes: then what happened, and what stands beside them */
    for (size_t i = 0; i < v->causes_n; i++) {
        const struct sb_incident_cause *c = &v->causes[i];
        if (shapes && !c->beside && !c->at_ms)
            continue;
        struct sb_cause *k = SB_PUSH(out->causes);
        if (!k || sb_str_set(&k->what, c->what) || sb_str_set(&k->evidence, c->evidence))
            return -1;
        k->confidence_ppm = (int64_t)(c->confidence * PPM);
    }
    sb_detector_rank(out);
    return 0;
}

/* Of what the engine has no verdict of its own (no readings of members come, or it is judging another one), what we see has to do. */
int sb_judge_class(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out)
{
    const struct sb_incident *v = &o->verdict;
    if (v->title) {
        out->class_ = v->class_;
        out->confidence_ppm = (int64_t)(v->confidence * PPM);
        return sb_str_set(&out->class_reason, v->reason);
    }
    struct sb_closer seen;
    double confidence;
    char *reason;
    sb_detector_closer(d, o, &seen);
    if (sb_incidents_judge_closer(&seen, &out->class_, &confidence, &reason))
        return -1;
    free(out->class_reason);
    out->class_reason = reason;
    out->confidence_ppm = (int64_t)(confidence * PPM);
    return 0;
}

int sb_judge_tell(const struct open_anomaly *o, struct sb_anomaly *out)
{
    const struct sb_incident *v = &o->verdict;
    if (!v->title)
        return 0;
    for (size_t i = 0; i < v->signals_n && i < SIGNALS_TOLD; i++)
        if (add_signal(&v->signals[i], out))
            return -1;
    if (!o->series_n) {
        out->severity = v->severity;
        out->unexplained_ppm = (int64_t)(v->unexplained * PPM);
        if (sb_str_set(&out->title, v->title) || add_names(v->namespaces, v->namespaces_n, &out->namespaces, &out->namespaces_n))
            return -1;
    }
    if (v->severity > out->severity)
        out->severity = v->severity;
    bool whose = v->class_ != SB_CLASS_LOAD; /* of more load there is no culprit among members */
    return add_causes(v, out) || add_names(v->apps, v->apps_n, &out->apps, &out->apps_n) ||
           (whose && add_names(v->members, v->members_n, &out->members, &out->members_n)) ? -1 : 0;
}
