/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_report.c - an incident in words and numbers. */
#include "incidents_private.h"

#include <inttypes.h>
#include <math.h>

/* ---- signals ---- */

struct signal {
    const struct member *member;
    const struct watch *watch;
    enum sb_reading reading;
};

static int compare(const void *a, const void *b)
{
    const struct signal *x = a, *y = b;
    bool xi = sb_reading_is_impact(x->reading), yi = sb_reading_is_impact(y->reading);
    double xs = sb_watch_score(x->watch), ys = sb_watch_score(y->watch);
    return xi != yi ? yi - xi : (xs < ys) - (xs > ys);
}

#define SIGNALS 400

/* Impacts first, the worst of them at the head. */
static size_t collect(const struct sb_incidents *in, struct signal out[SIGNALS])
{
    size_t n = 0;
    for (size_t i = 0; i < in->members_n; i++)
        for (int role = 0; role < ROLES; role++)
            for (int r = 0; r < SB_READINGS_N && n < SIGNALS; r++)
                if (in->members[i]->watch[role][r].told)
                    out[n++] = (struct signal){in->members[i], &in->members[i]->watch[role][r], (enum sb_reading)r};
    qsort(out, n, sizeof *out, compare);
    return n;
}

/* Where nothing deviated for long enough, what was softly out is the signal. */
static int add_signals(const struct sb_incidents *in, const struct signal *s, size_t n, struct sb_incident *out)
{
    for (size_t i = 0; i < n; i++)
        if (sb_incident_add_signal(out, sb_reading_name(s[i].reading), s[i].member->name, s[i].watch->before, s[i].watch->peak,
                                   sb_watch_score(s[i].watch)))
            return -1;
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        if (m->down_ms >= in->open.from_ms - 15000 && m->down_ms && sb_incident_add_signal(out, "member_up", m->name, 1, 0, 1))
            return -1;
        bool still = sb_incidents_stands_still(in, m), back = m->back_ms && m->back_ms >= in->open.from_ms;
        double silent = still ? (double)(in->now_ms - m->last_ms) / 1000 : (double)(m->back_ms - m->silent_ms) / 1000;
        if ((still || back) && sb_incident_add_signal(out, "seconds_without_a_sample", m->name, 1, silent, 1))
            return -1;
        if (m->restarted_ms && m->restarted_ms >= in->open.from_ms && sb_incident_add_signal(out, "process_restarts", m->name, 0, 1, 1))
            return -1;
    }
    return 0;
}

/* ---- names ---- */

static int add_deed_names(const struct verdict *v, struct sb_incident *out)
{
    for (size_t i = 0; i < v->deeds_n; i++) {
        bool suspect = i == 0 || (v->class_ == SB_CLASS_LOAD && v->deed[i]->during.ms * 3 >= v->deed[0]->during.ms);
        if (suspect && (sb_incident_add_name(&out->namespaces, &out->namespaces_n, v->deed[i]->ns) ||
                        sb_incident_add_name(&out->apps, &out->apps_n, v->deed[i]->app)))
            return -1;
    }
    return 0;
}

/* The culprit where there is one; else those that are hurt. */
static int add_members(struct sb_incidents *in, const struct verdict *v, const struct signal *s, size_t n, struct sb_incident *out)
{
    const struct member *leader = sb_incidents_leader(in);
    if (v->member)
        return sb_incident_add_name(&out->members, &out->members_n, v->member->name);
    for (size_t i = 0; i < n; i++)
        if (sb_reading_is_impact(s[i].reading) && sb_incident_add_name(&out->members, &out->members_n, s[i].member->name))
            return -1;
    return out->members_n == 0 && leader ? sb_incident_add_name(&out->members, &out->members_n, leader->name) : 0;
}

/* Nothing of what it did was a reason; where it was at work is known all the same. */
static const char *place_of(const struct sb_incidents *in, const struct guest *g)
{
    const struct deed *most = NULL;
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        if (strcmp(d->app, g->name) == 0 && d->during.count && (!most || d->during.count > most->during.count))
            most = d;
    }
    return most ? most->ns : NULL;
}

/* A collMod is logged with the collection's name alone: of the collections of that name of which operations were logged there may be
 * one only. NULL: it names none, or more than one could be meant. */
static const char *place_of_event(const struct sb_incidents *in, const struct event *e)
{
    const char *found = NULL;
    size_t n = e ? strlen(e->ns) : 0;
    if (!n || strchr(e->ns, '.'))
        return n ? e->ns : NULL;
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const char *ns = in->log.deeds[i].ns, *dot = strchr(ns, '.');
        if (!dot || strcmp(dot + 1, e->ns) != 0)
            continue;
        if (found && strcmp(found, ns) != 0)
            return NULL;
        found = ns;
    }
    return found;
}

static int add_names(struct sb_incidents *in, const struct verdict *v, const struct signal *s, size_t n, struct sb_incident *out)
{
    const char *whole = place_of_event(in, v->event);
    if (whole ? sb_incident_add_name(&out->namespaces, &out->namespaces_n, whole) : add_deed_names(v, out))
        return -1;
    if (v->guest && sb_incident_add_name(&out->apps, &out->apps_n, v->guest->name))
        return -1;
    if (v->holder && sb_incident_add_name(&out->apps, &out->apps_n, v->holder->app))
        return -1;
    for (size_t i = 0; i < v->parts_n; i++)
        if (v->part[i].deed && (sb_incident_add_name(&out->namespaces, &out->namespaces_n, v->part[i].deed->ns) ||
                                sb_incident_add_name(&out->apps, &out->apps_n, v->part[i].deed->app)))
            return -1;
    if (v->guest && v->class_ == SB_CLASS_CODE && sb_incident_add_name(&out->namespaces, &out->namespaces_n, place_of(in, v->guest)))
        return -1;
    return add_members(in, v, s, n, out);
}

/* ---- causes ---- */

static const char *event_name(enum event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_INDEX_DROP] = "an index was dropped",         [EVENT_INDEX_HIDE] = "an index was hidden or shown",
        [EVENT_VALIDATOR] = "a validator was changed",       [EVENT_COLLMOD] = "a collection was changed (collMod)",
        [EVENT_PARAMETER] = "a parameter was set",           [EVENT_PLAN_FILTER] = "an index filter was set",
        [EVENT_RECONFIG] = "the replica set was configured anew", [EVENT_CONSTANT] = "a setting moved",
        [EVENT_BUILD_BEGIN] = "an index is built",           [EVENT_BUILD_END] = "an index was built",
        [EVENT_OPERATOR] = "an operator's command runs",     [EVENT_FSYNC_LOCK] = "an operator locked the server against writes",
        [EVENT_FSYNC_UNLOCK] = "the lock against writes was lifted", [EVENT_BACKUP] = "a backup cursor is open",
        [EVENT_STEPDOWN] = "a member was told to step down or up", [EVENT_STOP] = "a member was shut down",
        [EVENT_UNCLEAN] = "a member had not been shut down in order",
    };
    return names[kind];
}

static int add_event_cause(const struct sb_incidents *in, const struct event *e, double confidence, struct sb_incident *out)
{
    struct sb_str evidence;
    sb_str_init(&evidence);
    double before = (double)(in->open.from_ms - e->at_ms) / 1000;
    sb_str_addf(&evidence, "%s of %s: %s%s%s, %.0f s %s it began", e->counted ? "metrics" : "log", in->members[e->member]->name, e->ns, e->ns[0] && e->what[0] ? " " : "", e->what,
                fabs(before), before >= 0 ? "before" : "after");
    int rc = sb_str_ok(&evidence) ? sb_incident_add_cause(out, event_name(e->kind), evidence.p, confidence) : -1;
    if (rc == 0)
        out->causes[out->causes_n - 1].at_ms = e->at_ms;
    sb_str_release(&evidence);
    return rc;
}

static int add_deed_cause(const struct verdict *v, size_t i, double confidence, struct sb_incident *out)
{
    const struct deed *d = v->deed[i];
    const struct cell *c = &d->during;
    char *what = sb_format("%s%s%s on %s%s%s", d->label, d->shape[0] ? " " : "", d->shape, d->ns, d->app[0] ? " from " : "", d->app);
    char *evidence = sb_format("%" PRIu32 " logged operation%s, %.1f s in all, %" PRIu64 " documents examined, %" PRIu32 " returned, %" PRIu32
                               " written, %" PRIu32 " failed; plan %s",
                               c->count, c->count == 1 ? "" : "s", (double)c->ms / 1000, c->examined, c->returned, c->written, c->errors, d->plan[0] ? d->plan : "not told");
    int rc = what && evidence ? sb_incident_add_cause(out, what, evidence, confidence) : -1;
    free(what);
    free(evidence);
    return rc;
}

#define OTHERS 3 /* as many alterations are named beside the one that decided */

/* The same thing on another member, or told before. */
static bool same_event(const struct event *a, const struct event *b)
{
    return a->kind == b->kind && strcmp(a->ns, b->ns) == 0 && strcmp(a->what, b->what) == 0;
}

/* What else was altered or run when it began: it may have a part in it, and whoever looks into it wants to know. */
static int add_other_events(const struct sb_incidents *in, const struct verdict *v, struct sb_incident *out)
{
    const struct event *told[OTHERS + 1] = {v->event};
    size_t n = v->event != NULL;
    uint64_t from = in->log.events_n > EVENTS ? in->log.events_n - EVENTS : 0;
    for (uint64_t i = from; i < in->log.events_n && n < SB_COUNT(told); i++) {
        const struct event *e = &in->log.event[i % EVENTS];
        bool known = e->kind > EVENT_STEPDOWN || e->at_ms < in->open.from_ms - SB_NEAR_MS || e->at_ms > in->open.detected_ms;
        for (size_t k = 0; k < n; k++)
            known |= same_event(told[k], e);
        if (known)
            continue;
        told[n++] = e;
        bool alike = v->event && e->kind == v->event->kind && strcmp(e->ns, v->event->ns) == 0;
        if (add_event_cause(in, e, alike ? v->confidence * 0.9 : fmin(0.3, v->confidence / 2), out))
            return -1;
    }
    return 0;
}

static int add_holder_cause(const struct sb_incidents *in, const struct verdict *v, struct sb_incident *out)
{
    const struct holder *o = v->holder;
    char *what = sb_format("a transaction%s%s that is left open", o->app[0] ? " of " : "", o->app);
    char *evidence = sb_format("%s of %s: open for %" PRId64 " s, %" PRId64 " s of them idle%s%s", o->logged ? "log" : "$currentOp", in->members[o->member]->name,
                               (o->seen_ms - o->since_ms) / 1000, o->idle_ms / 1000, o->client[0] ? ", from " : "", o->client);
    int rc = what && evidence ? sb_incident_add_cause(out, what, evidence, v->confidence) : -1;
    if (rc == 0)
        out->causes[out->causes_n - 1].at_ms = o->since_ms;
    free(what);
    free(evidence);
    return rc;
}

static int add_causes(const struct sb_incidents *in, const struct verdict *v, struct sb_incident *out)
{
    double confidence = v->confidence;
    if (v->event && add_event_cause(in, v->event, confidence, out))
        return -1;
    if (v->guest) {
        char *what = sb_format("application %s", v->guest->name);
        char *evidence = sb_format("%" PRIu64 " connections of it were made from shortly before it began on", v->guest->during);
        double share = v->class_ == SB_CLASS_LOAD && v->deeds_n ? 0.5 : 1; /* what it did was seen too */
        int rc = what && evidence ? sb_incident_add_cause(out, what, evidence, confidence * share) : -1;
        free(what);
        free(evidence);
        if (rc)
            return -1;
    }
    if (v->member) {
        char *what = sb_format("member %s", v->member->name);
        int rc = what ? sb_incident_add_cause(out, what, v->reason.p, confidence) : -1;
        free(what);
        if (rc)
            return -1;
    }
    if (v->holder && add_holder_cause(in, v, out))
        return -1;
    for (size_t i = 0; i < v->deeds_n; i++)
        if (add_deed_cause(v, i, confidence * (out->causes_n ? 0.5 : 1) / (double)(i + 1), out))
            return -1;
    for (size_t i = 0; i < v->parts_n; i++) {
        if (sb_incident_add_cause(out, v->part[i].what, v->part[i].evidence, v->part[i].confidence))
            return -1;
        out->causes[out->causes_n - 1].beside = true;
    }
    if (out->causes_n == 0 && sb_incident_add_cause(out, sb_name(&sb_anomaly_classes, v->class_), v->reason.p, confidence))
        return -1;
    return add_other_events(in, v, out);
}

/* ---- services ---- */

static const char *place(const struct verdict *v, const struct sb_incident *out)
{
    if (v->event && strchr(v->event->ns, '.'))
        return v->event->ns;
    return v->deeds_n ? v->deed[0]->ns : out->namespaces_n ? out->namespaces[0] : NULL;
}

/* Which service made the calls, where its spans are at hand. Whose fault a member or a host is, they do not say. */
static int add_service(const struct sb_incidents *in, const struct verdict *v, struct sb_incident *out)
{
    bool traced;
    const char *ns = place(v, out);
    const struct call *c = v->member ? NULL : sb_spans_suspect(in, ns, v->deed, v->deeds_n, &traced);
    if (!c)
        return 0;
    struct sb_str evidence;
    sb_str_init(&evidence);
    sb_str_addf(&evidence, "%" PRIu32 " spans on %s, %.1f ms each, %" PRIu32 " failed", c->during.count, c->ns, (double)c->during.ms / c->during.count, c->during.errors);
    if (c->before.count)
        sb_str_addf(&evidence, "; before it %.1f ms each", (double)c->before.ms / c->before.count);
    if (traced)
        sb_str_addf(&evidence, "; the traceparent of %" PRIu32 " logged operation%s is its", c->traced, c->traced == 1 ? "" : "s");
    else
        sb_str_addf(&evidence, "; joined by %stime", ns ? "namespace and " : "");
    char *what = sb_format("service %s%s%s", c->service, c->version[0] ? " " : "", c->version);
    double confidence = v->confidence * (traced ? 0.95 : ns ? 0.6 : 0.4);
    int rc = what && sb_str_ok(&evidence) ? sb_incident_add_cause(out, what, evidence.p, confidence) : -1;
    free(what);
    sb_str_release(&evidence);
    if (rc == 0 && (traced || out->apps_n == 0))
        rc = sb_incident_add_name(&out->apps, &out->apps_n, c->service);
    if (rc == 0 && out->namespaces_n == 0 && strchr(c->ns, '.'))
        rc = sb_incident_add_name(&out->namespaces, &out->namespaces_n, c->ns);
    return rc;
}

static int surer(const void *a, const void *b)
{
    const struct sb_incident_cause *x = a, *y = b;
    return (x->confidence < y->confidence) - (x->confidence > y->confidence);
}

/* ---- head ---- */

static char *title(const struct verdict *v, const struct signal *s, size_t n, const struct sb_incident *out)
{
    const char *about = v->member ? v->member->name : out->namespaces_n ? out->namespaces[0] : out->apps_n ? out->apps[0] : n ? s[0].member->name : "";
    if (!n)
        return sb_format("%s%s%s", about, about[0] ? ": " : "", v->reason.p);
    return sb_format("%s%s%s reached %.4g, usually %.4g%s%s", sb_reading_name(s[0].reading), " of ", s[0].member->name, s[0].watch->peak, s[0].watch->before,
                     about[0] && strcmp(about, s[0].member->name) != 0 ? "; " : "", about[0] && strcmp(about, s[0].member->name) != 0 ? about : "");
}

static int severity(const struct sb_incidents *in, const struct signal *s, size_t n)
{
    int worst = SB_LOW;
    for (size_t i = 0; i < n; i++) {
        enum sb_reading r = s[i].reading;
        if (r == SB_READING_STALL || (r <= SB_READING_WRITE_MS && sb_watch_score(s[i].watch) >= 0.9) || (r == SB_READING_LAG && s[i].watch->peak >= 60))
            return SB_HIGH;
        if (sb_reading_is_impact(r))
            worst = SB_MEDIUM;
    }
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        if ((m->down_ms && m->down_ms >= in->open.from_ms - 15000) || (m->restarted_ms && m->restarted_ms >= in->open.from_ms))
            return SB_HIGH;
    }
    return worst;
}

int sb_incidents_describe(struct sb_incidents *in, bool ended, struct sb_incident *out)
{
    struct verdict v;
    memset(out, 0, sizeof *out);
    struct signal *s = calloc(SIGNALS, sizeof *s);
    int rc = s ? sb_incidents_judge(in, &v) : -1;
    if (!s)
        return -1;
    size_t n = collect(in, s);
    out->from_ms = in->open.from_ms;
    out->detected_ms = in->open.detected_ms;
    out->to_ms = ended ? in->open.last_ms : 0;
    out->severity = severity(in, s, n);
    out->class_ = v.class_;
    out->confidence = v.confidence;
    out->unexplained = sb_verdict_unexplained(&v);
    if (rc == 0)
        rc = add_signals(in, s, n, out) || add_names(in, &v, s, n, out) || add_causes(in, &v, out) || add_service(in, &v, out) ? -1 : 0;
    if (out->causes_n)
        qsort(out->causes, out->causes_n, sizeof *out->causes, surer);
    out->title = title(&v, s, n, out);
    out->reason = sb_str_take(&v.reason);
    free(s);
    sb_verdict_release(&v);
    if (rc || !out->title || !out->reason) {
        sb_incident_release(out);
        return -1;
    }
    return 0;
}
