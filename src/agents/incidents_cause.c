/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_cause.c - which class, decided by evidence (readings of members, their logs, and what a closer look at single collections
 * shows), in the order in which one explains the others: a member that is gone
 * explains errors; a dropped index explains scans; an operator's command explains slow writes; scans explain a full
 * processor; a full processor alone explains the least. */
#include "incidents_private.h"

#include <math.h>

#define BUSY_SHARE 0.4      /* of the incident's time, for an operator's command to be what it is about */
#define COSTLIER 3.0        /* times the documents examined an operation */
#define BUILD_MS 600000     /* that an index may take from its beginning on */
#define EARLIER_MS 2000     /* what was logged so long before an event is none of its effects */

/* ---- asking ---- */

bool sb_told(const struct sb_incidents *in, enum sb_reading r)
{
    for (size_t i = 0; i < in->members_n; i++)
        for (int role = 0; role < ROLES; role++)
            if (in->members[i]->watch[role][r].told)
                return true;
    return false;
}

/* Growth on the member with most to tell: the primary, before and after it changed, or a secondary where that was out. */
static double growth(struct sb_incidents *in, enum sb_reading r)
{
    double most = 1;
    for (size_t i = 0; i < in->members_n; i++) {
        const struct watch *second = &in->members[i]->watch[AS_SECONDARY][r];
        most = fmax(most, sb_watch_growth(&in->members[i]->watch[AS_PRIMARY][r], r));
        if (second->told)
            most = fmax(most, sb_watch_growth(second, r));
    }
    return most;
}

static bool within(const struct sb_incidents *in, int64_t at_ms, int64_t before_ms)
{
    return at_ms && at_ms >= in->open.from_ms - before_ms && at_ms <= in->open.last_ms + 1000; /* what came when it was over is none of it */
}

static int decided(struct verdict *v, int class_, double confidence, const char *reason)
{
    v->class_ = class_;
    v->confidence = confidence;
    sb_str_adds(&v->reason, reason);
    return 1;
}

static const struct event *event_at(const struct sb_incidents *in, uint64_t i)
{
    return &in->log.event[i % EVENTS];
}

static uint64_t oldest_event(const struct sb_incidents *in)
{
    return in->log.events_n > EVENTS ? in->log.events_n - EVENTS : 0;
}

static const struct event *first_of(const struct sb_incidents *in, enum event_kind kind, int64_t from_ms, int64_t to_ms)
{
    for (uint64_t i = oldest_event(in); i < in->log.events_n; i++) {
        const struct event *e = event_at(in, i);
        if (e->kind == kind && e->at_ms >= from_ms && e->at_ms <= to_ms)
            return e;
    }
    return NULL;
}

/* Each read examines more than before, on the collections' own numbers. */
static bool reads_more(const struct sb_closer *b)
{
    return b->latency > 1 && b->examined >= SB_STILL_MORE;
}

/* ---- operations ---- */

/* An application that came with the incident, or just before it. */
static const struct guest *guest_of(const struct sb_incidents *in, const char *app)
{
    for (size_t i = 0; i < in->log.guests_n; i++)
        if (strcmp(in->log.guests[i].name, app) == 0)
            return &in->log.guests[i];
    return NULL;
}

bool sb_newcomer(const struct sb_incidents *in, const char *app)
{
    const struct guest *g = app[0] ? guest_of(in, app) : NULL;
    return g && g->first_ms >= in->open.from_ms - SB_NEAR_MS && in->open.from_ms - in->first_ms > 2 * SB_NEAR_MS;
}

/* It connected again when it began: another release of it may run now. */
static bool came_anew(const struct sb_incidents *in, const char *app)
{
    const struct guest *g = app[0] ? guest_of(in, app) : NULL;
    return g && g->during > 0;
}

/* Names under which jobs go: one word among several reasons. */
static bool called_a_job(const char *app)
{
    static const char *const words[] = {"dump", "restore", "backup", "import", "export", "etl", "batch", "nightly", "cron", "job",
                                        "migrat", "archiv", "purge", "cleanup", "maint", "pbm"};
    char lower[128];
    size_t n = strlen(app) < sizeof lower - 1 ? strlen(app) : sizeof lower - 1;
    for (size_t i = 0; i < n; i++)
        lower[i] = app[i] >= 'A' && app[i] <= 'Z' ? (char)(app[i] + 32) : app[i];
    lower[n] = '\0';
    for (size_t i = 0; i < SB_COUNT(words); i++)
        if (strstr(lower, words[i]))
            return true;
    return false;
}

enum by { BY_TIME, BY_EXAMINED, BY_WRITTEN, BY_RETURNED, BY_ERRORS, BY_CONFLICTS };

static double weight(const struct cell *c, enum by by)
{
    switch (by) {
    case BY_EXAMINED:
        return (double)c->examined;
    case BY_WRITTEN:
        return c->written;
    case BY_RETURNED:
        return c->returned;
    case BY_ERRORS:
        return c->errors;
    case BY_CONFLICTS:
        return c->conflicts;
    default:
        return c->ms;
    }
}

/* The heaviest ones into v->deed; returns the first one's share of all. */
static double rank(const struct sb_incidents *in, enum by by, struct verdict *v)
{
    double all = 0;
    v->deeds_n = 0;
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        double w = weight(&d->during, by);
        all += w;
        if (w <= 0 || d->operator_)
            continue;
        size_t at = v->deeds_n < SB_COUNT(v->deed) ? v->deeds_n++ : SB_COUNT(v->deed);
        while (at > 0 && weight(&v->deed[at - 1]->during, by) < w) {
            if (at < SB_COUNT(v->deed))
                v->deed[at] = v->deed[at - 1];
            at--;
        }
        if (at < SB_COUNT(v->deed))
            v->deed[at] = d;
    }
    return v->deeds_n && all > 0 ? weight(&v->deed[0]->during, by) / all : 0;
}

/* Who made most connections since shortly before it began, and `least` at least. */
static const struct guest *busiest_guest(const struct sb_incidents *in, uint64_t least)
{
    const struct guest *most = NULL;
    for (size_t i = 0; i < in->log.guests_n; i++)
        if (in->log.guests[i].during >= least && (!most || in->log.guests[i].during > most->during))
            most = &in->log.guests[i];
    return most;
}

/* Nothing was logged of who it is: then the newcomer of whom most connections came. */
static void suspect_newcomer(struct sb_incidents *in, struct verdict *v)
{
    for (size_t i = 0; i < in->log.guests_n; i++) {
        const struct guest *g = &in->log.guests[i];
        if (sb_newcomer(in, g->name) && (!v->guest || g->during > v->guest->during))
            v->guest = g;
    }
}

/* How much time operations took beyond their usual means, and how much of it the first suspect took. */
static void explain(struct sb_incidents *in, struct verdict *v)
{
    static const enum sb_reading mean[] = {SB_READING_READ_MS, SB_READING_WRITE_MS}, rate[] = {SB_READING_READS, SB_READING_WRITES};
    double added = 0, took = 0;
    const struct member *m = sb_incidents_leader(in);
    for (size_t i = 0; m && i < SB_COUNT(mean); i++) {
        const struct watch *w = &m->watch[AS_PRIMARY][mean[i]], *r = &m->watch[AS_PRIMARY][rate[i]];
        if (w->sum_n && r->sum_n)
            added += fmax(0, w->sum / w->sum_n - sb_baseline_median(&w->usual)) * r->sum / r->sum_n * in->log.open_s;
    }
    for (size_t i = 0; i < v->deeds_n; i++)
        took += v->deed[i]->during.ms;
    if (added > 0 && v->deeds_n)
        v->explained = fmin(1, took / added);
}

/* ---- the classes, one after the other: 1 decided, 0 not this one ---- */

static int somebody_is_gone(struct sb_incidents *in, struct verdict *v)
{
    const struct member *gone = NULL;
    bool frozen;
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        if (within(in, m->down_ms, 15000) || within(in, m->up_ms, 0) || within(in, m->restarted_ms, 15000))
            gone = !gone || (m->down_ms && (!gone->down_ms || m->down_ms < gone->down_ms)) ? m : gone;
    }
    if (!gone)
        return 0;
    v->member = gone;
    frozen = within(in, gone->back_ms, 0) && !within(in, gone->restarted_ms, 15000);
    bool in_order = within(in, gone->stopped_ms, 60000) && !within(in, gone->unclean_ms, 0);
    if (in_order) {
        v->event = first_of(in, EVENT_STOP, in->open.from_ms - 60000, in->open.last_ms);
        return decided(v, SB_CLASS_MAINTENANCE, 0.8, "a member was shut down in order, and comes back or not as its operator wants");
    }
    if (within(in, gone->unclean_ms, 0))
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.95, "a member went away without shutting down, and started again");
    if (frozen)
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.9, "a member stood still and went on as the same process");
    if (gone->unwell_state == 9)
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.9, "a member takes back writes that it had taken and the set has not (ROLLBACK)");
    if (gone->unwell_state == 5)
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.75, "a member answers the others and serves nobody: it copies the data anew (STARTUP2)");
    if (gone->unwell_state == 3)
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.75, "a member answers the others and serves nobody (RECOVERING): it has fallen too far behind, or was told so");
    return decided(v, SB_CLASS_INFRASTRUCTURE, 0.9, "a member no longer answers the others");
}

/* By who answers whom, where the members' own samples do not tell it. */
static int does_not_answer(struct sb_incidents *in, struct verdict *v)
{
    const struct sb_closer *b = &in->closer;
    const char *who = b->rollback[0] ? b->rollback : b->silent;
    for (size_t i = 0; who[0] && i < in->members_n; i++)
        if (strcmp(in->members[i]->name, who) == 0)
            v->member = in->members[i];
    if (b->rollback[0])
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.95, "a member was primary without the others and has to take back what it alone had written");
    if (b->silent[0]) {
        sb_str_addf(&v->reason, "%s has not answered for %.0f s", b->silent, b->silent_s);
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.9, b->moved ? ", and another member was elected" : "");
    }
    if (b->idle[0]) {
        sb_str_addf(&v->reason, "%s answers and serves nobody", b->idle);
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.75, ": it starts, recovers or rolls back");
    }
    if (b->headless_s > 0) {
        sb_str_addf(&v->reason, "every member answers, and none has been primary for %.0f s", b->headless_s);
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.8, "");
    }
    return 0;
}

/* The others see it well, and yet it does not even sample itself. */
static int stands_still(struct sb_incidents *in, struct verdict *v)
{
    for (size_t i = 0; i < in->members_n && !v->member; i++)
        if (within(in, in->members[i]->back_ms, 0) || sb_incidents_stands_still(in, in->members[i]))
            v->member = in->members[i];
    return v->member ? decided(v, SB_CLASS_INFRASTRUCTURE, 0.7, "a member stood still: it did not even take its own samples") : 0;
}

static int primary_moved(struct sb_incidents *in, struct verdict *v)
{
    if (!within(in, in->moved_ms, 0) || in->former_primary < 0)
        return 0;
    const struct event *e = first_of(in, EVENT_STEPDOWN, in->open.from_ms - SB_NEAR_MS, in->open.last_ms);
    v->member = in->members[in->former_primary];
    v->event = e;
    if (e)
        return decided(v, SB_CLASS_MAINTENANCE, 0.8, "an operator's command made another member primary");
    return decided(v, SB_CLASS_INFRASTRUCTURE, 0.6, "another member became primary, and no command that asks for it was seen");
}

/* A collMod is logged with the collection's name alone. */
static bool same_ns(const char *ns, const char *named)
{
    size_t n = strlen(ns), m = strlen(named);
    return strcmp(ns, named) == 0 || (!strchr(named, '.') && n > m && ns[n - m - 1] == '.' && strcmp(ns + n - m, named) == 0);
}

/* Since that event; scans that began with the incident and before the event are not its doing. */
static bool scans_on(const struct sb_incidents *in, const struct event *e)
{
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        bool before_it = d->first_ms >= in->open.from_ms - SB_NEAR_MS && d->first_ms < e->at_ms - EARLIER_MS;
        if (same_ns(d->ns, e->ns) && d->during.count && !d->operator_ && !before_it && (d->scan || d->during.examined / d->during.count >= 1000))
            return true;
    }
    return false;
}

static bool more_work(struct sb_incidents *in)
{
    double ops = growth(in, SB_READING_OPS);
    return ops >= SB_MORE || (sb_told(in, SB_READING_OPS) && ops >= SB_STILL_MORE);
}

static bool fits(struct sb_incidents *in, const struct event *e)
{
    bool examined = sb_told(in, SB_READING_EXAMINED_PER_OP) || sb_told(in, SB_READING_COLLECTION_SCANS);
    switch (e->kind) {
    case EVENT_INDEX_DROP:
    case EVENT_INDEX_HIDE:
        return examined && (scans_on(in, e) || !e->ns[0] || !in->log.deeds_n);
    case EVENT_PLAN_FILTER:
        return examined;
    case EVENT_BUILD_END: /* a new index that is used instead of a better one, or that does not let in what is there twice */
        return (examined && scans_on(in, e)) || (sb_told(in, SB_READING_ERRORS) && in->log.builds_n == 0);
    case EVENT_VALIDATOR:
        return sb_told(in, SB_READING_ERRORS) || sb_told(in, SB_READING_WRITE_MS);
    case EVENT_COLLMOD:
    case EVENT_PARAMETER:
    case EVENT_RECONFIG:
    case EVENT_CONSTANT:
        return !more_work(in); /* no setting makes clients ask for more */
    default:
        return false;
    }
}

static int something_was_changed(struct sb_incidents *in, struct verdict *v)
{
    const struct event *found = NULL;
    for (uint64_t i = oldest_event(in); i < in->log.events_n; i++) {
        const struct event *e = event_at(in, i);
        if (e->at_ms < in->open.from_ms - SB_NEAR_MS || e->at_ms > in->open.detected_ms || !fits(in, e))
            continue;
        bool led = in->primary >= 0 && e->member == in->primary, found_led = found && in->primary >= 0 && found->member == in->primary;
        bool surer = !found || e->kind < found->kind; /* of one kind, as the primary has it: the others repeat it; then the newest */
        if (surer || (e->kind == found->kind && (led > found_led || (led == found_led && e->at_ms >= found->at_ms))))
            found = e;
    }
    if (!found && in->closer.altered[0] && reads_more(&in->closer) && in->closer.rate < SB_STILL_MORE) {
        sb_str_addf(&v->reason, "%s just before it began, and each read examines %.1f times the documents it did", in->closer.altered, in->closer.examined);
        return decided(v, SB_CLASS_CHANGE, 0.9, "");
    }
    if (!found)
        return 0;
    v->event = found;
    rank(in, found->kind <= EVENT_INDEX_HIDE ? BY_EXAMINED : BY_TIME, v);
    switch (found->kind) {
    case EVENT_INDEX_DROP:
        return decided(v, SB_CLASS_CHANGE, 0.95, "an index was dropped just before, and the same collection is scanned since");
    case EVENT_INDEX_HIDE:
        return decided(v, SB_CLASS_CHANGE, 0.95, "an index was hidden just before, and the same collection is scanned since");
    case EVENT_VALIDATOR:
        return decided(v, SB_CLASS_CHANGE, 0.85, "a validator was changed just before, and writes fail or wait since");
    case EVENT_PLAN_FILTER:
        return decided(v, SB_CLASS_CHANGE, 0.85, "which indexes a query may use was changed just before");
    case EVENT_BUILD_END:
        return decided(v, SB_CLASS_CHANGE, 0.7, "an index was built just before, and operations on the same collection are other ones since");
    default:
        return decided(v, SB_CLASS_CHANGE, 0.75, "a setting was changed just before, and nothing else came with it");
    }
}

static int operator_at_work(struct sb_incidents *in, struct verdict *v)
{
    static const enum event_kind kinds[] = {EVENT_BUILD_BEGIN, EVENT_FSYNC_LOCK, EVENT_BACKUP, EVENT_OPERATOR};
    double ms = 0, busy = in->log.open_s ? (double)in->log.busy_s / in->log.open_s : 0;
    for (size_t i = 0; i < in->log.deeds_n; i++)
        if (in->log.deeds[i].operator_)
            ms += in->log.deeds[i].during.ms;
    if (busy < BUSY_SHARE && (in->log.open_s == 0 || ms / 1000 / in->log.open_s < BUSY_SHARE) && !sb_told(in, SB_READING_BACKUP_CURSOR))
        return 0;
    for (size_t i = 0; i < SB_COUNT(kinds) && !v->event; i++)
        v->event = first_of(in, kinds[i], in->open.from_ms - SB_NEAR_MS, in->open.last_ms);
    return decided(v, SB_CLASS_MAINTENANCE, 0.9, "it lasts as long as an operator's command runs");
}

#define PASS_MS 90000 /* the server looks for expired documents once a minute */

/* Since when the server may have deleted what it did not before: an index that says so, or one of which only the counters know. */
static const struct event *made_to_expire(const struct sb_incidents *in)
{
    const struct event *found = NULL;
    for (uint64_t i = oldest_event(in); i < in->log.events_n; i++) {
        const struct event *e = event_at(in, i);
        bool built = e->kind == EVENT_BUILD_END && e->counted && e->at_ms >= in->open.from_ms - PASS_MS;
        bool said = e->expires && e->at_ms >= in->open.from_ms - PASS_MS - BUILD_MS;
        if ((built || said) && e->at_ms <= in->open.last_ms)
            found = e;
    }
    return found;
}

/* Documents by the batch, from an application that came for it: a job. From one that is always here: its code. */
static int bulk_work(struct sb_incidents *in, struct verdict *v)
{
    if (!sb_told(in, SB_READING_DOCS_WRITTEN) && !sb_told(in, SB_READING_TTL_DELETES))
        return 0;
    v->event = sb_told(in, SB_READING_TTL_DELETES) ? made_to_expire(in) : NULL;
    if (v->event)
        return decided(v, SB_CLASS_CHANGE, 0.7, v->event->expires ? "the server deletes expired documents by the batch since it was told when they expire"
                                                                  : "the server deletes expired documents by the batch since an index was built");
    if (sb_told(in, SB_READING_TTL_DELETES))
        return decided(v, SB_CLASS_MAINTENANCE, 0.6, "the server itself deletes expired documents by the batch");
    double share = rank(in, BY_WRITTEN, v);
    bool batch = v->deeds_n && v->deed[0]->bulk && share >= 0.4;
    if (!batch && (v->deeds_n || growth(in, SB_READING_DOCS_WRITTEN) < 3 * growth(in, SB_READING_WRITES)))
        return 0;
    if (!batch)
        suspect_newcomer(in, v);
    if (!batch)
        return decided(v, SB_CLASS_MAINTENANCE, 0.5, "many documents are written by few operations, as jobs do");
    if (sb_newcomer(in, v->deed[0]->app) || called_a_job(v->deed[0]->app) || !v->deed[0]->app[0])
        return decided(v, SB_CLASS_MAINTENANCE, 0.85, "documents are written by the batch, for as long as an application is there that came for it");
    return decided(v, SB_CLASS_CODE, 0.6, "an application that is always here writes documents by the batch");
}

/* More reads make no member lag; more writes do, and then they are the cause. */
static int a_member_lags(struct sb_incidents *in, struct verdict *v)
{
    bool seen = sb_told(in, SB_READING_LAG) || (in->closer.lag && in->closer.rate < SB_STILL_MORE);
    if (!seen || growth(in, SB_READING_WRITES) >= SB_MORE || growth(in, SB_READING_DOCS_WRITTEN) >= SB_MORE)
        return 0;
    for (size_t i = 0; i < in->members_n; i++) {
        const struct member *m = in->members[i];
        const struct watch *w = &m->watch[AS_SECONDARY][SB_READING_LAG];
        if (w->told && (!v->member || w->peak > v->member->watch[AS_SECONDARY][SB_READING_LAG].peak))
            v->member = m;
    }
    return decided(v, SB_CLASS_INFRASTRUCTURE, 0.9, "a member no longer applies what the primary writes, at the usual rate of writes");
}

#define EACH_DOES 3 /* operations on a connection that is not kept */

/* How much more it is than usually, on the leader while the incident is open. */
static double added(struct sb_incidents *in, enum sb_reading r)
{
    const struct member *m = sb_incidents_leader(in);
    const struct watch *w = m ? &m->watch[m->role][r] : NULL;
    return w && w->sum_n ? w->sum / w->sum_n - sb_baseline_median(&w->usual) : 0;
}

/* More operations, and not only those for which each of the new connections was made. */
static bool came_to_work(struct sb_incidents *in)
{
    return more_work(in) && added(in, SB_READING_OPS) > EACH_DOES * added(in, SB_READING_CONNECTING);
}

static int connections_grew(struct sb_incidents *in, struct verdict *v)
{
    int64_t connections = INT64_MAX, slow = INT64_MAX;
    static const enum sb_reading of[] = {SB_READING_CONNECTIONS, SB_READING_CONNECTING};
    for (size_t i = 0; i < in->members_n * ROLES; i++) { /* its role may have changed meanwhile */
        const struct watch *w = in->members[i / ROLES]->watch[i % ROLES];
        for (size_t k = 0; k < SB_COUNT(of); k++)
            if (w[of[k]].told && w[of[k]].onset_ms < connections)
                connections = w[of[k]].onset_ms;
        for (int r = SB_READING_READ_MS; r <= SB_READING_WRITE_MS; r++)
            if (w[r].told && w[r].onset_ms < slow)
                slow = w[r].onset_ms;
    }
    if (connections == INT64_MAX || slow < connections - 5000) /* who waits connects once more: then that is the effect */
        return 0;
    if (came_to_work(in) || sb_told(in, SB_READING_CONFLICTS) || sb_told(in, SB_READING_EXAMINED_PER_OP)) /* they came to work */
        return 0;
    v->guest = busiest_guest(in, 1);
    return decided(v, SB_CLASS_DEPENDENCY, 0.9, "a client's connections grew, not its work");
}

static int errors_or_conflicts(struct sb_incidents *in, struct verdict *v)
{
    bool errors = sb_told(in, SB_READING_ERRORS) && growth(in, SB_READING_ERRORS) >= 2 * growth(in, SB_READING_OPS);
    bool conflicts = sb_told(in, SB_READING_CONFLICTS), left = sb_told(in, SB_READING_TRANSACTIONS_IDLE), cursors = sb_told(in, SB_READING_CURSORS);
    if (!errors && !conflicts && !left && !cursors)
        return 0;
    if (errors || conflicts) /* who only waited is not who made them wait */
        rank(in, conflicts ? BY_CONFLICTS : BY_ERRORS, v);
    if ((left || conflicts) && (v->holder = sb_held_longest(in)) && left && !errors && !conflicts)
        return decided(v, SB_CLASS_CODE, 0.85, "a transaction is left open without working, and what it holds cannot be let go");
    if (v->deeds_n == 0)
        suspect_newcomer(in, v);
    if (v->deeds_n == 0 && !v->guest) /* a known one that connected again: another release of it, perhaps */
        v->guest = busiest_guest(in, 2);
    if (conflicts)
        return decided(v, SB_CLASS_CODE, 0.85, "operations write the same documents at the same time and are tried again");
    if (errors)
        return decided(v, SB_CLASS_CODE, v->guest || v->deeds_n ? 0.85 : 0.6, "operations fail, at the usual rate and cost of the others");
    if (left)
        return decided(v, SB_CLASS_CODE, 0.75, "transactions are left open without working");
    return decided(v, SB_CLASS_CODE, 0.75, "cursors are opened and not closed");
}

static int costlier(struct sb_incidents *in, struct verdict *v)
{
    bool examined = sb_told(in, SB_READING_EXAMINED_PER_OP) || growth(in, SB_READING_EXAMINED_PER_OP) >= COSTLIER ||
                    (sb_told(in, SB_READING_LOGGED) && sb_told(in, SB_READING_EXAMINED)); /* of a log there are too few operations to have a usual mean */
    bool reads = reads_more(&in->closer) && (in->closer.rate < SB_STILL_MORE || !more_work(in));
    bool much = sb_told(in, SB_READING_DOCS_RETURNED) || sb_told(in, SB_READING_BYTES_OUT) || sb_told(in, SB_READING_SORTS);
    if (!examined && !reads && !much)
        return 0;
    if (reads)
        sb_str_addf(&v->reason, "each read examines %.1f times the documents it did: ", in->closer.examined);
    examined |= reads;
    rank(in, examined ? BY_EXAMINED : sb_told(in, SB_READING_DOCS_RETURNED) ? BY_RETURNED : BY_TIME, v);
    const struct deed *d = v->deeds_n ? v->deed[0] : NULL;
    if (!examined && growth(in, SB_READING_OPS) >= SB_MORE)
        return 0;
    if (d && d->unfiltered && called_a_job(d->app))
        return decided(v, SB_CLASS_MAINTENANCE, 0.8, "whole collections are read, by an application that is called a job");
    if (!d || !d->app[0]) /* a member repeats reads of the primary, to keep its cache warm, and does not say whose they were */
        suspect_newcomer(in, v);
    if (!d && reads)
        return decided(v, SB_CLASS_CODE, in->closer.rate < SB_STILL_MORE ? 0.9 : 0.65, "each operation costs more than before");
    if (!d && v->guest && called_a_job(v->guest->name))
        return decided(v, SB_CLASS_MAINTENANCE, 0.65, "more is read than before, since an application is there that is called a job");
    if (!d)
        return decided(v, SB_CLASS_CODE, v->guest ? 0.7 : 0.5, "each operation examines more than before");
    if (sb_newcomer(in, d->app) || d->first_ms < in->open.from_ms - SB_NEAR_MS || came_anew(in, d->app) || !in->log.guests_n)
        return decided(v, SB_CLASS_CODE, sb_newcomer(in, d->app) ? 0.95 : 0.7, "operations of an application examine more than before");
    if (d->replanned || !d->scan)
        return decided(v, SB_CLASS_CHANGE, 0.5, "the plan of a query changed, and its application did not: no connection of it is new");
    return decided(v, SB_CLASS_CODE, 0.6, "operations of a new shape examine whole collections");
}

static int costlier_operations(struct sb_incidents *in, struct verdict *v)
{
    if (!costlier(in, v))
        return 0;
    bool flat = growth(in, SB_READING_OPS) < SB_STILL_MORE && in->closer.rate < SB_STILL_MORE;
    sb_str_adds(&v->reason, v->class_ == SB_CLASS_CODE && flat ? ", at a flat rate" : "");
    return 1;
}

/* "checkout-4.3", "crm/2.1": an application that says which release of it this is. */
static bool says_its_release(const char *app)
{
    for (size_t i = 1; app[i]; i++)
        if (app[i] >= '0' && app[i] <= '9' && strchr("-_/ v", app[i - 1]))
            return true;
    return false;
}

static int more_of_the_same(struct sb_incidents *in, struct verdict *v)
{
    if (!more_work(in))
        return 0;
    rank(in, BY_TIME, v);
    const char *app = v->deeds_n ? v->deed[0]->app : "";
    v->guest = busiest_guest(in, 3); /* the pool of who sends more grows */
    if (v->guest && !sb_newcomer(in, app) && sb_newcomer(in, v->guest->name) && called_a_job(v->guest->name)) {
        app = v->guest->name;
        v->deeds_n = 0; /* what is quick is not logged, but who waits for it is */
    }
    if (sb_newcomer(in, app) && called_a_job(app))
        return decided(v, SB_CLASS_MAINTENANCE, 0.7, "there are more operations, for as long as an application is there that is called a job");
    if (v->guest && sb_newcomer(in, v->guest->name) && says_its_release(v->guest->name))
        return decided(v, SB_CLASS_CODE, 0.6, "there are more operations since another release of an application is there");
    if (in->closer.rate >= SB_STILL_MORE) {
        sb_str_addf(&v->reason, "operations came at %.1f times the rate", in->closer.rate);
        return decided(v, SB_CLASS_LOAD, 0.9, ", and each examines no more than before");
    }
    return decided(v, SB_CLASS_LOAD, 0.9, "there are more operations, and each examines no more than before");
}

/* Not the rate of all operations nor what they examine, and yet the server itself works more: one kind of operation. */
static int work_of_one_kind(struct sb_incidents *in, struct verdict *v)
{
    if (!sb_told(in, SB_READING_OWN_CPU) && growth(in, SB_READING_CPU_PER_OP) < SB_MORE)
        return 0;
    rank(in, BY_TIME, v);
    const struct deed *d = v->deeds_n ? v->deed[0] : NULL;
    if (!d)
        return 0;
    double before = d->before.count / SB_BEFORE_S;
    double now = in->log.open_s ? (double)d->during.count / in->log.open_s : 0;
    if (sb_newcomer(in, d->app))
        return decided(v, SB_CLASS_CODE, 0.7, "most of the added time goes to an application that came with it");
    if (d->first_ms < in->open.from_ms - SB_NEAR_MS && now >= 3 * before)
        return decided(v, SB_CLASS_LOAD, 0.6, "there are more operations of one known kind, and each costs what it did");
    return 0;
}

/* Nothing but logs: there are more slow operations, and each is as slow as those before. */
static int more_is_logged(struct sb_incidents *in, struct verdict *v)
{
    double count = 0, ms = 0, count_before = 0, ms_before = 0;
    if (!sb_told(in, SB_READING_LOGGED))
        return 0;
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        count += d->during.count;
        ms += d->during.ms;
        count_before += d->before.count;
        ms_before += d->before.ms;
    }
    if (count == 0 || count_before == 0 || in->log.open_s == 0 || ms / count > 1.6 * ms_before / count_before)
        return 0;
    if (count / in->log.open_s < SB_MORE * count_before / SB_BEFORE_S)
        return 0;
    rank(in, BY_TIME, v);
    v->guest = busiest_guest(in, 3);
    return decided(v, SB_CLASS_LOAD, 0.5, "more operations are logged, and each takes as long as those before");
}

static int clients_wait_elsewhere(struct sb_incidents *in, struct verdict *v)
{
    if (!sb_told(in, SB_READING_IDLE) || sb_told(in, SB_READING_STALL) || sb_told(in, SB_READING_EXAMINED))
        return 0;
    return decided(v, SB_CLASS_DEPENDENCY, 0.7, "fewer operations come from as many connections, and none waits here");
}

static int a_lock_is_held(struct sb_incidents *in, struct verdict *v)
{
    bool queued = sb_told(in, SB_READING_QUEUE) || sb_told(in, SB_READING_STALL);
    v->event = queued || sb_told(in, SB_READING_LOCK_WAIT) ? first_of(in, EVENT_OPERATOR, in->open.from_ms - SB_NEAR_MS, in->open.last_ms) : NULL;
    if (v->event) /* it is logged when it begins; how long it takes, only when it has ended */
        return decided(v, SB_CLASS_MAINTENANCE, 0.75, "operations wait, and an operator's command that locks a collection began with it");
    if (!sb_told(in, SB_READING_LOCK_WAIT) && !sb_told(in, SB_READING_TRANSACTIONS))
        return 0;
    if (sb_told(in, SB_READING_JOURNAL_MS) || sb_told(in, SB_READING_IOWAIT)) /* who waits for the disk holds the lock for so long */
        return 0;
    if ((v->holder = sb_held_longest(in)))
        return decided(v, SB_CLASS_CODE, 0.75, "operations wait for what a transaction holds that is left open");
    rank(in, BY_TIME, v);
    return decided(v, SB_CLASS_CODE, 0.5, "operations wait for a lock that another one holds");
}

/* Of one collection, though not of all operations together. */
static int more_of_a_collection(struct sb_incidents *in, struct verdict *v)
{
    const struct sb_closer *b = &in->closer;
    if (b->rate < SB_STILL_MORE || sb_told(in, SB_READING_OTHER_CPU) || sb_told(in, SB_READING_IOWAIT) || sb_told(in, SB_READING_DISK) || sb_told(in, SB_READING_JOURNAL_MS))
        return 0;
    rank(in, BY_TIME, v);
    sb_str_addf(&v->reason, "operations came at %.1f times the rate", b->rate);
    if (isnan(b->examined))
        return decided(v, SB_CLASS_LOAD, 0.6, "; what each of them examines is not known");
    return decided(v, SB_CLASS_LOAD, 0.9, ", and each examines what it did before");
}

/* What is left: everything is slow, and neither rate nor cost explains it. */
static int the_host(struct sb_incidents *in, struct verdict *v)
{
    const struct member *worst = NULL;
    double most = 0;
    for (size_t i = 0; i < in->members_n * ROLES; i++)
        for (int r = SB_READING_READ_MS; r <= SB_READING_COMMAND_MS; r++) {
            const struct watch *w = &in->members[i / ROLES]->watch[i % ROLES][r];
            if (w->told && sb_watch_score(w) > most) {
                most = sb_watch_score(w);
                worst = in->members[i / ROLES];
            }
        }
    v->member = worst ? worst : sb_incidents_leader(in);
    rank(in, BY_TIME, v);
    v->deeds_n = 0; /* they wait like the others */
    if (sb_told(in, SB_READING_OTHER_CPU))
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.8, "something else on the host takes the processor, at the usual rate and cost of operations");
    if (sb_told(in, SB_READING_IOWAIT) || sb_told(in, SB_READING_DISK) || sb_told(in, SB_READING_JOURNAL_MS))
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.8, "the disk is slow, at the usual rate and cost of operations");
    if (sb_told(in, SB_READING_FLOW) || sb_told(in, SB_READING_MAJORITY_MS))
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.6, "writes wait for other members, at the usual rate and cost of operations");
    const struct sb_closer *b = &in->closer;
    if (b->known >= 3 && b->slow * 3 >= b->known * 2) {
        sb_str_addf(&v->reason, "%zu of %zu collections slowed together, at the usual rate and cost", b->slow, b->known);
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.65, "");
    }
    if (b->moved && b->latency <= 1 && b->rate <= 1) /* it explains nothing that slowed with it */
        return decided(v, SB_CLASS_MAINTENANCE, 0.6, "the primary changed while every member answered, as after a step-down or for a member of higher priority");
    if (b->altered[0]) {
        sb_str_addf(&v->reason, "%s just before it began; neither the rate nor what operations examine explains it", b->altered);
        return decided(v, SB_CLASS_CHANGE, 0.5, "");
    }
    if (b->alone[0]) {
        sb_str_addf(&v->reason, "operations take longer on %s alone, and on no other member of its set, at the usual rate", b->alone);
        return decided(v, SB_CLASS_INFRASTRUCTURE, 0.6, "");
    }
    if (!in->samples && !in->log.heard)
        return decided(v, SB_CLASS_UNKNOWN, 0.3, isnan(b->examined) ? "the rate does not explain it, and what operations examine is not known" : "neither the rate nor what operations examine explains it");
    return decided(v, SB_CLASS_INFRASTRUCTURE, 0.4, "operations take longer, and neither their rate nor their cost explains it");
}

int sb_incidents_judge(struct sb_incidents *in, struct verdict *v)
{
    static int (*const classes[])(struct sb_incidents *, struct verdict *) = {
        somebody_is_gone, does_not_answer, something_was_changed, operator_at_work, primary_moved, stands_still, bulk_work, a_member_lags, connections_grew,
        errors_or_conflicts, clients_wait_elsewhere, costlier_operations, more_of_the_same, more_is_logged, a_lock_is_held, work_of_one_kind,
        more_of_a_collection, the_host,
    };
    memset(v, 0, sizeof *v);
    sb_str_init(&v->reason);
    for (size_t i = 0; i < SB_COUNT(classes); i++)
        if (classes[i](in, v))
            break;
    explain(in, v);
    if (sb_incidents_beside_it(in, v))
        return -1;
    return sb_str_ok(&v->reason) ? 0 : -1;
}

int sb_incidents_judge_closer(const struct sb_closer *seen, int *class_, double *confidence, char **reason)
{
    struct sb_incidents *alone = sb_incidents_new(NULL);
    struct verdict v;
    if (!alone)
        return -1;
    alone->closer = *seen;
    int rc = sb_incidents_judge(alone, &v);
    *class_ = v.class_;
    *confidence = v.confidence;
    *reason = rc ? NULL : sb_str_take(&v.reason);
    sb_verdict_release(&v);
    sb_incidents_free(alone);
    return *reason ? 0 : -1;
}
