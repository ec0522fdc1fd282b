/* SPDX-License-Identifier: Apache-2.0 */
#include "chatter.h"
#include "client.h"
#include "happen.h"
#include "query_stats.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/initial_sync.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/rollback.h>

#include <stdlib.h>
#include <string.h>

#define STEP_DOWN_US 100000 /* between two attempts */
#define HELLO_US 10000000   /* how often a driver asks each member, once over a connection that stays open for it, once for the round trip */
#define WATCH_US 1000000    /* how often an app's people look for an index */

struct arrival {
    struct sim_app_run *app;
    const struct sim_task *task;
    uint64_t generation;
};

struct sim_clients *sim_clients_new(struct sim *s)
{
    struct sim_clients *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->s = s;
    sim_w_init(&t->w);
    sim_w_init(&t->seq);
    sim_w_init(&t->reply);
    sb_str_init(&t->batch);
    return t;
}

void sim_clients_free(struct sim_clients *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->app && i < t->sc->apps_n; i++) {
        for (unsigned k = 0; t->app[i].client && k < t->app[i].spec->clients; k++) {
            sim_doc_unref(t->app[i].client[k].body);
            sim_doc_unref(t->app[i].client[k].docs);
        }
        free(t->app[i].client);
    }
    free(t->app);
    free(t->happened);
    sim_w_release(&t->w);
    sim_w_release(&t->seq);
    sim_w_release(&t->reply);
    sb_str_release(&t->batch);
    free(t);
}

int64_t sim_clients_missed(const struct sim *s)
{
    return s->clients->missed;
}

int64_t sim_clients_refused(const struct sim *s)
{
    return s->clients->refused;
}

int64_t sim_clients_failed(const struct sim *s)
{
    return s->clients->failed;
}

int64_t sim_clients_retried(const struct sim *s)
{
    return s->clients->retried;
}

static void arrive(struct sim_app_run *a, const struct sim_task *task)
{
    for (unsigned i = 0; i < a->spec->clients; i++)
        if (!a->client[i].task) {
            sim_client_begin(&a->client[i], task);
            return;
        }
    if (a->waiting_n < SIM_WAITING_MAX)
        a->waiting[(a->waiting_at + a->waiting_n++) % SIM_WAITING_MAX] = task;
    else
        a->all->refused++;
}

static void on_arrival(struct sim *s, void *ctx);

static int next_arrival(struct arrival *x)
{
    double rate = x->task->rate * x->app->factor;
    int64_t gap = (int64_t)(sb_rng_exponential(&x->app->rng, 1 / rate) * 1e6);
    return sim_at(x->app->all->s, x->app->all->s->now + gap, on_arrival, x, free);
}

static void on_arrival(struct sim *s, void *ctx)
{
    struct arrival *x = ctx;
    (void)s;
    if (!x->app->running || x->generation != x->app->generation) {
        free(x);
        return;
    }
    arrive(x->app, x->task);
    if (next_arrival(x))
        free(x);
}

/* ---- apps ---- */

/* Draws the next arrival of every operation anew: a Poisson stream has no memory, so a change of rate may do that. */
static int schedule(struct sim_app_run *a)
{
    a->generation++;
    for (size_t i = 0; a->factor > 0 && i < a->spec->tasks_n; i++) {
        struct arrival *x = malloc(sizeof *x);
        if (!x)
            return -1;
        *x = (struct arrival){a, &a->spec->tasks[i], a->generation};
        if (next_arrival(x)) {
            free(x);
            return -1;
        }
    }
    return 0;
}

static int start(struct sim_app_run *a)
{
    if (a->running)
        return 0;
    a->running = true;
    a->waiting_n = 0;
    for (unsigned i = 0; i < a->spec->clients && !a->spec->unpooled; i++)
        if (!a->client[i].task && !a->client[i].conn && sim_client_connect(&a->client[i]))
            sim_client_disconnect(&a->client[i]); /* it looks for a member when it has something to ask */
    return schedule(a);
}

/* What is under way ends by itself, and its connection with it. */
static void stop(struct sim_app_run *a)
{
    if (!a->running)
        return;
    a->running = false;
    a->waiting_n = 0;
    for (unsigned i = 0; i < a->spec->clients; i++)
        if (!a->client[i].task)
            sim_client_disconnect(&a->client[i]);
}

static bool uses(const struct sim_app *a, const char *ns)
{
    for (size_t i = 0; i < a->tasks_n; i++) {
        size_t n = strlen(a->tasks[i].db);
        if (strncmp(ns, a->tasks[i].db, n) == 0 && ns[n] == '.' && strcmp(ns + n + 1, a->tasks[i].coll) == 0)
            return true;
    }
    return false;
}

/* ---- what happens to members ---- */

static void on_wake(struct sim *s, void *ctx)
{
    (void)s;
    sim_wake(ctx);
}

struct step_down {
    struct sim_member *m;
    int64_t since_us;
};

static void on_step_down(struct sim *s, void *ctx)
{
    struct step_down *d = ctx;
    struct sim_fail f = SIM_FAIL_INIT;
    bool over = !d->m->up || sim_try_step_down(d->m, &(struct sim_step_down){60, 10, false}, d->since_us, &f);
    sim_fail_release(&f);
    if (over || sim_at(s, s->now + STEP_DOWN_US, on_step_down, d, free))
        free(d);
}

static void step_down(struct sim *s, struct sim_member *m)
{
    struct step_down *d = malloc(sizeof *d);
    if (!d)
        return;
    *d = (struct step_down){m, s->now};
    on_step_down(s, d);
}

/* The set with the data that something happens to: of a cluster its first shard. */
static struct sim *set_of(struct sim *s)
{
    return sim_is_router(s) ? s->cluster->shard[0] : s;
}

static bool happens_to_member(struct sim *s, const struct sim_happening *h)
{
    struct sim_member *m = h->member == SIM_THE_PRIMARY ? sim_primary(s) : h->member < s->members ? &s->member[h->member] : NULL;
    if (h->kind < SIM_EVENT_KILL)
        return false;
    if (!m) /* there is none at the moment: it does not happen */
        return true;
    if (h->kind == SIM_EVENT_KILL) {
        sim_kill(m);
    } else if (h->kind == SIM_EVENT_RESTART) {
        sim_restart(m);
    } else if (h->kind == SIM_EVENT_RESYNC) {
        sim_resync(m);
    } else if (h->kind == SIM_EVENT_HANG) {
        sim_hang(m);
        if (h->length_us && sim_at(s, s->now + h->length_us, on_wake, m, NULL))
            sim_wake(m); /* out of memory: better too early than never */
    } else if (h->kind == SIM_EVENT_LAG) {
        m->lag_us = h->length_us;
        sim_apply_wake(s);
    } else {
        step_down(s, m);
    }
    return true;
}

/* ---- what happens ---- */

static void set_factor(struct sim *s, void *ctx, double value)
{
    struct sim_app_run *a = ctx;
    (void)s;
    a->factor = value;
    if (a->running && schedule(a))
        stop(a); /* out of memory: an app that cannot run does not */
}

static void happen(struct sim_clients *t, const struct sim_happening *h)
{
    if (happens_to_member(set_of(t->s), h))
        return;
    if (h->kind > SIM_EVENT_RATE) {
        t->missed += sim_happen(t->s, h) != 0;
        return;
    }
    for (size_t i = 0; i < t->sc->apps_n; i++) {
        struct sim_app_run *a = &t->app[i];
        bool named = strcmp(h->target, a->spec->name) == 0 || strcmp(h->target, "*") == 0;
        if (h->kind == SIM_EVENT_STOP_ALL ? !uses(a->spec, h->target) : !named)
            continue;
        int rc = 0;
        if (h->kind == SIM_EVENT_START) {
            rc = start(a);
        } else if (h->kind == SIM_EVENT_RATE) {
            t->missed += sim_vary(t->s, h, a->factor, set_factor, a) != 0;
        } else {
            stop(a);
        }
        if (rc)
            stop(a); /* out of memory: an app that cannot run does not */
    }
}

struct moment {
    struct sim_clients *all;
    const struct sim_happening *what;
};

static void on_moment(struct sim *s, void *ctx)
{
    struct moment *m = ctx;
    happen(m->all, m->what);
    if (m->what->every_us && sim_at(s, s->now + m->what->every_us, on_moment, m, free) == 0)
        return;
    free(m);
}

static bool index_is_there(struct sim *s, const struct sim_happening *h)
{
    const struct sim_member *p = sim_primary(set_of(s));
    const struct sim_coll *c = p ? sim_coll_find(&p->cat, h->ns) : NULL;
    for (unsigned i = 0; c && i < c->indexes; i++)
        if (!c->index[i]->building && strcmp(c->index[i]->field[0].path, h->field) == 0)
            return true;
    return false;
}

static void on_watch(struct sim *s, void *ctx)
{
    struct sim_clients *t = ctx;
    bool more = false;
    for (size_t i = 0; i < t->sc->events_n; i++) {
        const struct sim_happening *h = &t->sc->events[i];
        if (h->at_us >= 0 || t->happened[i])
            continue;
        if (index_is_there(s, h)) {
            t->happened[i] = true;
            happen(t, h);
        } else {
            more = true;
        }
    }
    if (more && sim_at(s, s->now + WATCH_US, on_watch, t, NULL))
        return; /* out of memory: nobody looks any more */
}

static int plan_events(struct sim_clients *t)
{
    bool watch = false;
    for (size_t i = 0; i < t->sc->events_n; i++) {
        const struct sim_happening *h = &t->sc->events[i];
        watch = watch || h->at_us < 0;
        if (h->at_us < 0)
            continue;
        struct moment *m = malloc(sizeof *m);
        if (!m)
            return -1;
        *m = (struct moment){t, h};
        if (sim_at(t->s, t->s->now + h->at_us, on_moment, m, free)) {
            free(m);
            return -1;
        }
    }
    return watch ? sim_at(t->s, t->s->now + WATCH_US, on_watch, t, NULL) : 0;
}

/* Every process watches every member. */
static void on_hellos(struct sim *s, void *ctx)
{
    struct sim_clients *t = ctx;
    int64_t processes = 0;
    for (size_t i = 0; i < t->sc->apps_n; i++)
        if (t->app[i].running)
            processes += t->app[i].spec->alone ? t->app[i].spec->clients : 1;
    t->hellos += 2 * processes;
    int64_t n = t->hellos / (HELLO_US / WATCH_US);
    t->hellos %= HELLO_US / WATCH_US;
    for (int i = 0; i < s->members; i++)
        if (s->member[i].up && !s->member[i].hung)
            sim_chatter_hellos(&s->member[i], n);
    if (sim_at(s, s->now + WATCH_US, on_hellos, t, NULL))
        return; /* out of memory: nobody asks any more */
}

/* ---- the whole ---- */

static int make_apps(struct sim_clients *t)
{
    struct sb_rng root;
    sb_rng_seed(&root, t->s->seed);
    if (!(t->app = calloc(t->sc->apps_n + 1, sizeof *t->app)) || !(t->happened = calloc(t->sc->events_n + 1, sizeof *t->happened)))
        return -1;
    for (size_t i = 0; i < t->sc->apps_n; i++) {
        struct sim_app_run *a = &t->app[i];
        a->all = t;
        a->spec = &t->sc->apps[i];
        a->number = i;
        a->factor = 1;
        sb_rng_fork(&a->rng, &root, a->spec->name);
        if (!(a->client = calloc(a->spec->clients, sizeof *a->client)))
            return -1;
        for (unsigned k = 0; k < a->spec->clients; k++)
            a->client[k] = (struct sim_client){.app = a, .number = k};
    }
    for (size_t i = 0; i < t->sc->apps_n; i++)
        if (!t->app[i].spec->stopped && start(&t->app[i]))
            return -1;
    return sim_at(t->s, t->s->now + WATCH_US, on_hellos, t, NULL) ? -1 : plan_events(t);
}

static void take_seats(struct sim *s, const struct sim_scenario *sc)
{
    for (int i = 0; i < s->members && i < SIM_SCENARIO_MEMBERS; i++) {
        const struct sim_seat_row *row = &sc->seat[i];
        bool no_primary = row->hidden || row->no_vote || row->delay_s || row->arbiter;
        if (row->given)
            s->seat[i] = (struct sim_seat){.priority = row->has_priority ? row->priority : no_primary ? 0 : s->seat[i].priority, .hidden = row->hidden,
                                           .arbiter = row->arbiter, .votes = !row->no_vote, .delay_s = row->delay_s};
        if (row->given && row->arbiter) {
            s->member[i].role.state = SIM_IS_ARBITER;
            s->member[i].role.sync = -1;
            sim_drop_data(&s->member[i]);
            sim_forget_oplog(&s->member[i]);
        }
    }
    if (sim_data_members(s) < s->members)
        sim_roles_know(s); /* what each of them is now */
}

static void take_oplog(struct sim *s, const struct sim_scenario *sc)
{
    for (int i = 0; sc->oplog_bytes && i < s->members; i++) {
        struct sim_coll *oplog = sim_coll_find(&s->member[i].cat, "local.oplog.rs");
        if (oplog)
            oplog->max_bytes = (uint64_t)sc->oplog_bytes;
    }
    s->oplog_bytes = sc->oplog_bytes ? sc->oplog_bytes : s->oplog_bytes;
}

int sim_clients_load(struct sim *s, const struct sim_scenario *sc, struct sb_err *err)
{
    struct sim_clients *t = s->clients;
    t->sc = sc;
    s->costs = sc->costs;
    if (!sim_is_router(s))
        take_seats(s, sc);
    take_oplog(s, sc);
    if (sc->query_stats && !s->query_stats && !(s->query_stats = sim_query_stats_new()))
        return sb_fail_nomem(err);
    for (size_t i = 0; i < sc->data_n && !sim_is_router(s); i++)
        if (sim_load_data(s, &sc->data[i], &t->sequences, err))
            return -1;
    if (s->cluster && !sim_is_router(s)) /* whose apps ask the mongos */
        return 0;
    return make_apps(t) ? sb_fail_nomem(err) : 0;
}
