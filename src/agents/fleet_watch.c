/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_watch.c - the incidents of a fleet: what is wrong with each deployment, and what is told of it. */
#include <signalbox/agents/fleet_watch.h>

#include <signalbox/agents/incidents.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADLESS_MS 10000 /* an election takes less */
#define MOVED_MS 20000    /* what follows a change of primary for so long may come of it */
#define LAG_HIGH_S 60
#define AGAIN_MS 5000     /* between two looks at whether a class has become another one */
#define SIGNALS_MOST 20
#define MEMBERS_MOST 20
#define PPM 1000000.0

/* One deployment in one look. */
struct sight {
    size_t members, answer, wrong, slow, timed; /* timed: with a latency that is known */
    const struct sb_fleet_row *worst, *silent, *idle, *slowest, *primary;
    int64_t since_ms;      /* the earliest of what is wrong */
    double latency, rate;
    bool lag, replicated, unasked, simulated;
};

struct watched {
    struct sb_incidents *in; /* NULL: nothing is wrong */
    struct sb_anomaly told;  /* as it was told last */
    bool open;
    size_t wrong;            /* members, when it was told last */
    int64_t looked_ms;       /* when the class was looked at */
    int64_t headless_ms;     /* since when no member is primary; 0: one is, or it is no set */
    int64_t moved_ms;
    char primary[256];
    char alone[128];         /* the only member that was slow so far in this incident; "" none, or several */
    bool slow_seen;
};

struct sb_fleet_watch {
    struct watched *watched;
    struct sight *sight;
    size_t n;
    struct sb_fleet_event *event;
    size_t events_n, event_at;
};

struct sb_fleet_watch *sb_fleet_watch_new(size_t deployments, struct sb_err *err)
{
    struct sb_fleet_watch *w = calloc(1, sizeof *w);
    if (!w || !(w->watched = calloc(deployments + 1, sizeof *w->watched)) || !(w->sight = calloc(deployments + 1, sizeof *w->sight))) {
        sb_fleet_watch_free(w);
        sb_fail_nomem(err);
        return NULL;
    }
    w->n = deployments;
    return w;
}

void sb_fleet_watch_free(struct sb_fleet_watch *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n && w->watched; i++) {
        sb_incidents_free(w->watched[i].in);
        sb_anomaly_release(&w->watched[i].told);
    }
    for (size_t i = w->event_at; i < w->events_n; i++)
        sb_anomaly_release(&w->event[i].anomaly);
    free(w->event);
    free(w->sight);
    free(w->watched);
    free(w);
}

bool sb_fleet_watch_take(struct sb_fleet_watch *w, struct sb_fleet_event *out)
{
    if (w->event_at == w->events_n) {
        w->event_at = w->events_n = 0;
        return false;
    }
    *out = w->event[w->event_at++];
    return true;
}

/* ---- what is seen ---- */

static bool is_wrong(const struct sb_fleet_row *r)
{
    return r->health != SB_FLEET_WELL && r->health != SB_FLEET_UNASKED && r->health != SB_FLEET_STRANGER;
}

static double growth(const struct sb_fleet_row *r, enum sb_fleet_series k)
{
    return r->out[k].usual > 0 && r->out[k].value > r->out[k].usual ? r->out[k].value / r->out[k].usual : 1;
}

static bool is_worse(const struct sb_fleet_row *a, const struct sb_fleet_row *b)
{
    return !b || a->health > b->health || (a->health == b->health && a->weight > b->weight);
}

static void look_at(struct sight *s, const struct sb_fleet_row *r)
{
    double latency = fmax(growth(r, SB_FLEET_READ_MS), growth(r, SB_FLEET_WRITE_MS));
    s->members++;
    s->answer += r->health != SB_FLEET_SILENT && r->health != SB_FLEET_UNASKED && r->health != SB_FLEET_STRANGER; /* what a stranger is to its set is not known */
    s->unasked |= r->health == SB_FLEET_UNASKED;
    s->simulated |= r->simulated;
    s->replicated |= strcmp(r->role, "SECONDARY") == 0 || strcmp(r->role, "OTHER") == 0;
    s->timed += isfinite(r->read_ms) || isfinite(r->write_ms);
    if (strcmp(r->role, "PRIMARY") == 0)
        s->primary = r;
    if (!is_wrong(r))
        return;
    s->wrong++;
    s->since_ms = s->since_ms && s->since_ms < r->since_ms ? s->since_ms : r->since_ms;
    s->lag |= r->health == SB_FLEET_LAGGING;
    if (is_worse(r, s->worst))
        s->worst = r;
    if (r->health == SB_FLEET_SILENT && !s->silent)
        s->silent = r;
    if (r->health == SB_FLEET_IDLE && !s->idle)
        s->idle = r;
    if (latency > 1) {
        s->slow++;
        if (latency > s->latency)
            s->slowest = r;
    }
    s->latency = fmax(s->latency, latency);
    s->rate = fmax(s->rate, growth(r, SB_FLEET_OPS));
}

/* Who leads, and since when nobody does. */
static void follow_primary(struct watched *d, const struct sight *s, int64_t now_ms)
{
    if (s->primary) {
        if (d->primary[0] && strcmp(d->primary, s->primary->name) != 0)
            d->moved_ms = now_ms;
        snprintf(d->primary, sizeof d->primary, "%s", s->primary->name);
        d->headless_ms = 0;
    } else if (!s->replicated || s->unasked || s->answer < s->members) {
        d->headless_ms = 0; /* it may be one of those that were not heard */
    } else if (!d->headless_ms) {
        d->headless_ms = now_ms;
    }
}

static bool headless(const struct watched *d, int64_t now_ms)
{
    return d->headless_ms && now_ms - d->headless_ms >= HEADLESS_MS;
}

static void follow_slow(struct watched *d, const struct sight *s)
{
    if (s->slow && !d->slow_seen && s->slow == 1 && s->timed > 1)
        snprintf(d->alone, sizeof d->alone, "%s", s->slowest->name);
    else if (s->slow && !(s->slow == 1 && strcmp(d->alone, s->slowest->name) == 0))
        d->alone[0] = '\0';
    d->slow_seen |= s->slow > 0;
}

static struct sb_closer closer_of(const struct watched *d, const struct sight *s, int64_t now_ms)
{
    struct sb_closer c = {.since_ms = s->since_ms, .latency = s->latency, .rate = s->rate, .examined = NAN, .lag = s->lag};
    c.moved = d->moved_ms && now_ms - d->moved_ms < MOVED_MS;
    if (s->silent) {
        snprintf(c.silent, sizeof c.silent, "%s", s->silent->name);
        c.silent_s = (double)(now_ms - s->silent->since_ms) / 1000;
    }
    if (s->idle)
        snprintf(c.idle, sizeof c.idle, "%s", s->idle->name);
    snprintf(c.alone, sizeof c.alone, "%s", d->alone);
    if (headless(d, now_ms)) {
        c.headless_s = (double)(now_ms - d->headless_ms) / 1000;
        c.since_ms = c.since_ms && c.since_ms < d->headless_ms ? c.since_ms : d->headless_ms;
    }
    return c;
}

/* ---- what is told ---- */

static char *title_of(const struct sight *s)
{
    if (!s->worst)
        return sb_format("No member is primary");
    char more[48] = "";
    if (s->wrong > 1)
        snprintf(more, sizeof more, "; %zu more not well", s->wrong - 1);
    return sb_format("%s: %s%s", s->worst->name, s->worst->why[0] ? s->worst->why : sb_name(&sb_fleet_healths, (int)s->worst->health), more);
}

static int severity_of(const struct sight *s)
{
    if (!s->worst || s->silent || s->idle)
        return SB_HIGH;
    return s->worst->health == SB_FLEET_LAGGING && s->worst->lag_s >= LAG_HIGH_S ? SB_HIGH : SB_MEDIUM;
}

/* The ledger holds no fractions: a latency goes in as microseconds. */
static int add_signal(struct sb_anomaly *a, const struct sb_fleet_row *r, const char *metric, const char *unit, double usual, double value, double score)
{
    struct sb_signal *g = a->signals_n < SIGNALS_MOST ? SB_PUSH(a->signals) : NULL;
    if (!g)
        return a->signals_n < SIGNALS_MOST ? -1 : 0;
    g->baseline = (int64_t)fmin(usual + 0.5, 9e15);
    g->value = (int64_t)fmin(value + 0.5, 9e15);
    g->score_ppm = (int64_t)(score * PPM);
    return sb_str_set(&g->metric, metric) || sb_str_set(&g->subject, r->name) || sb_str_set(&g->unit, unit);
}

static int add_member(struct sb_anomaly *a, const struct sb_fleet_row *r)
{
    static const struct {
        const char *metric, *unit;
        double times;
    } as[SB_FLEET_SERIES] = {{"ops_per_s", "/s", 1}, {"read_latency_us", "us", 1000}, {"write_latency_us", "us", 1000}, {"connections", "", 1}, {"queued", "", 1}};
    if (a->members_n < MEMBERS_MOST && sb_strs_push(&a->members, &a->members_n, r->name))
        return -1;
    if (r->health == SB_FLEET_SILENT || r->health == SB_FLEET_IDLE)
        return add_signal(a, r, r->health == SB_FLEET_SILENT ? "member_answers" : "member_serves", "", 1, 0, 1);
    if (r->health == SB_FLEET_LAGGING)
        return add_signal(a, r, "lag_s", "s", 0, r->lag_s, 1);
    for (int k = 0; k < SB_FLEET_SERIES; k++)
        if (!isnan(r->out[k].usual) && add_signal(a, r, as[k].metric, as[k].unit, r->out[k].usual * as[k].times, r->out[k].value * as[k].times, r->weight / 100.0))
            return -1;
    return 0;
}

static int compose(const struct watched *d, const struct sight *s, const struct sb_fleet_row *rows, size_t n, size_t which, struct sb_anomaly *a)
{
    struct sb_incident i;
    if (sb_incidents_peek(d->in, &i))
        return -1;
    *a = (struct sb_anomaly){.from = i.from_ms, .detected_at = i.detected_ms, .severity = severity_of(s), .class_ = i.class_, .confidence_ppm = (int64_t)(i.confidence * PPM), .unexplained_ppm = (int64_t)(i.unexplained * PPM)};
    a->class_reason = i.reason;
    i.reason = NULL;
    sb_incident_release(&i);
    a->title = title_of(s);
    int rc = a->title ? 0 : -1;
    for (size_t k = 0; k < n && rc == 0; k++)
        if (rows[k].deployment_i == which && is_wrong(&rows[k]))
            rc = add_member(a, &rows[k]);
    if (rc)
        sb_anomaly_release(a);
    return rc;
}

static int push(struct sb_fleet_watch *w, size_t which, bool is_new, bool simulated)
{
    struct sb_fleet_event *more = realloc(w->event, (w->events_n + 1) * sizeof *more);
    if (!more)
        return -1;
    w->event = more;
    w->event[w->events_n] = (struct sb_fleet_event){.deployment_i = which, .is_new = is_new, .simulated = simulated};
    if (sb_record_copy(&sb_anomaly_schema, &w->event[w->events_n].anomaly, &w->watched[which].told))
        return -1;
    w->events_n++;
    return 0;
}

/* Opened, or another one than was told. */
static int tell(struct sb_fleet_watch *w, size_t which, const struct sb_fleet_row *rows, size_t n, int64_t now_ms)
{
    struct watched *d = &w->watched[which];
    const struct sight *s = &w->sight[which];
    struct sb_anomaly fresh;
    if (d->open && s->wrong <= d->wrong && now_ms - d->looked_ms < AGAIN_MS)
        return 0;
    if (compose(d, s, rows, n, which, &fresh))
        return -1;
    d->looked_ms = now_ms;
    bool was_open = d->open;
    if (was_open && s->wrong <= d->wrong && (fresh.class_ == d->told.class_ || !s->wrong)) { /* who is well again is still one it was about */
        sb_anomaly_release(&fresh);
        return 0;
    }
    if (was_open) { /* the engine may have begun anew with what it has come to take for usual */
        fresh.from = d->told.from;
        fresh.detected_at = d->told.detected_at;
    }
    sb_anomaly_release(&d->told);
    d->told = fresh;
    d->open = true;
    d->wrong = s->wrong;
    return push(w, which, !was_open, s->simulated);
}

static int finish(struct sb_fleet_watch *w, size_t which, int64_t to_ms)
{
    struct watched *d = &w->watched[which];
    d->told.to = to_ms > d->told.from ? to_ms : d->told.from;
    int rc = push(w, which, false, w->sight[which].simulated);
    sb_anomaly_release(&d->told);
    d->open = false;
    return rc;
}

static int look_into(struct sb_fleet_watch *w, size_t which, const struct sb_fleet_row *rows, size_t n, int64_t now_ms, struct sb_err *err)
{
    struct watched *d = &w->watched[which];
    struct sight *s = &w->sight[which];
    struct sb_incident done;
    int64_t to_ms = now_ms;
    follow_primary(d, s, now_ms);
    follow_slow(d, s);
    struct sb_closer c = closer_of(d, s, now_ms);
    if (!c.since_ms && !d->in)
        return 0;
    if (!d->in && !(d->in = sb_incidents_new(err)))
        return -1;
    sb_incidents_closer(d->in, &c);
    if (sb_incidents_pass(d->in, now_ms, err))
        return -1;
    while (sb_incidents_take(d->in, &done)) {
        to_ms = done.to_ms ? done.to_ms : now_ms;
        sb_incident_release(&done);
    }
    if (sb_incidents_now(d->in).open)
        return tell(w, which, rows, n, now_ms) ? sb_fail_nomem(err) : 0;
    if (c.since_ms) /* it has lasted so long that the engine takes it for usual: whoever does not answer is wrong all the same */
        return 0;
    sb_incidents_free(d->in);
    d->in = NULL;
    d->alone[0] = '\0';
    d->slow_seen = false;
    return d->open && finish(w, which, to_ms) ? sb_fail_nomem(err) : 0;
}

int sb_fleet_watch_look(struct sb_fleet_watch *w, const struct sb_fleet_row *rows, size_t n, int64_t now_ms, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < w->n; i++)
        w->sight[i] = (struct sight){.latency = 1, .rate = 1};
    for (size_t i = 0; i < n; i++)
        look_at(&w->sight[rows[i].deployment_i], &rows[i]);
    for (size_t i = 0; i < w->n; i++)
        if (look_into(w, i, rows, n, now_ms, err))
            rc = -1;
    return rc;
}
