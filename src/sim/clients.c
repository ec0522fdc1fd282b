/* SPDX-License-Identifier: Apache-2.0 */
#include "happen.h"
#include "traffic.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 256     /* arrivals of one app that may wait for a connection */
#define ROUND_TRIP_US 300   /* between an app and a member, both ways */
#define WATCH_US 1000000    /* how often an app's people look for an index */
#define BATCHES_MAX 200     /* of one cursor */

struct client {
    struct app *app;
    struct sim_conn *conn; /* NULL: closed */
    uint8_t lsid[16];
    int64_t txn_number;
    const struct sim_task *task; /* under way; NULL: free */
    int64_t cursor;
    unsigned batches;
};

struct app {
    struct sim_clients *all;
    const struct sim_app *spec;
    size_t number;
    bool running;
    uint64_t generation; /* arrivals of an earlier start are void */
    double factor;
    struct sb_rng rng;
    struct client *client;
    const struct sim_task *waiting[WAITING_MAX]; /* a ring */
    size_t waiting_at, waiting_n;
};

struct sim_clients {
    struct sim *s;
    const struct sim_scenario *sc;
    struct app *app;
    struct sim_sequences sequences;
    bool *happened;
    int64_t refused;
    int64_t missed; /* happenings for which there was no memory */
    struct sim_w w, seq, reply;
    struct sb_str docs;
};

struct arrival {
    struct app *app;
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
    sb_str_init(&t->docs);
    return t;
}

void sim_clients_free(struct sim_clients *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->app && i < t->sc->apps_n; i++)
        free(t->app[i].client);
    free(t->app);
    free(t->happened);
    sim_w_release(&t->w);
    sim_w_release(&t->seq);
    sim_w_release(&t->reply);
    sb_str_release(&t->docs);
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

/* ---- connections ---- */

/* What a driver says when it connects. */
static int say_hello(struct client *c)
{
    struct sim_clients *t = c->app->all;
    struct sim_w *w = &t->w;
    sim_w_clear(w);
    sim_w_i32(w, "hello", 1);
    sim_w_doc(w, "client");
    sim_w_doc(w, "application");
    sim_w_text(w, "name", c->app->spec->name);
    sim_w_end(w);
    sim_w_doc(w, "driver");
    sim_w_text(w, "name", "nodejs");
    sim_w_text(w, "version", "4.17.2");
    sim_w_end(w);
    sim_w_doc(w, "os");
    sim_w_text(w, "type", "Linux");
    sim_w_text(w, "name", "linux");
    sim_w_text(w, "architecture", "x64");
    sim_w_end(w);
    sim_w_text(w, "platform", "Node.js v18.20.4, LE (unified)");
    sim_w_end(w);
    sim_w_text(w, "$db", "admin");
    struct sim_request rq = {.body = sim_w_done(w)};
    const uint8_t *reply;
    if (!rq.body)
        return -1;
    rq.bytes = sim_doc_len(rq.body) + 21;
    return sim_dispatch(c->conn, &rq, &t->reply, &reply) == SIM_ANSWERED && reply ? 0 : -1;
}

static int connect_client(struct client *c, unsigned i)
{
    struct sim *s = c->app->all->s;
    char remote[64];
    int member = c->app->spec->secondary && s->members > 1 ? 1 + (int)i % (s->members - 1) : 0;
    snprintf(remote, sizeof remote, "10.20.%u.%u:%u", (unsigned)c->app->number % 250 + 1, i / 8 % 250 + 1, 40000 + i * 2 + (unsigned)c->app->number);
    if (!(c->conn = sim_conn_open(&s->member[member], remote, true))) {
        c->app->all->refused++;
        return s->member[member].conns_n >= s->costs.max_conns ? 0 : -1; /* a member that is full refuses: the app goes on */
    }
    sim_new_uuid(s, c->lsid);
    return say_hello(c);
}

static void disconnect(struct client *c)
{
    if (c->conn)
        sim_conn_close(c->conn);
    c->conn = NULL;
    c->task = NULL;
}

/* ---- one operation ---- */

static void on_answered(struct sim *s, void *ctx);

/* Sends what the client has to send: the next batch of its cursor, or its task. */
static void ask(struct client *c)
{
    struct sim_clients *t = c->app->all;
    struct sim *s = t->s;
    const struct sim_task *task = c->task;
    struct sim_making making = {&c->app->rng, &t->sequences, s->now};
    struct sim_asker who = {c->lsid, ++c->txn_number, c->app->spec->secondary};
    struct sim_request rq;
    const uint8_t *reply = NULL;
    int rc = c->cursor ? sim_more_request(s, task, c->cursor, &who, &t->w, &rq) : sim_task_request(s, task, &making, &who, &t->w, &t->seq, &t->docs, &rq);
    c->cursor = 0;
    if (rc == 0 && sim_dispatch(c->conn, &rq, &t->reply, &reply) == SIM_ANSWERED && reply) {
        struct sim_val id = sim_path(reply, "cursor.id");
        c->cursor = ++c->batches < BATCHES_MAX ? sim_int(id, 0) : 0;
    }
    if (sim_at(s, s->now + c->conn->latency_us + ROUND_TRIP_US, on_answered, c, NULL))
        c->task = NULL; /* out of memory: the operation is lost, the client is free */
}

static void begin(struct client *c, const struct sim_task *task)
{
    c->task = task;
    c->cursor = 0;
    c->batches = 0;
    ask(c);
}

static void on_answered(struct sim *s, void *ctx)
{
    struct client *c = ctx;
    struct app *a = c->app;
    (void)s;
    if (!a->running) {
        disconnect(c);
        return;
    }
    if (c->cursor) {
        ask(c);
        return;
    }
    c->task = NULL;
    if (a->spec->unpooled)
        disconnect(c);
    if (a->waiting_n) {
        const struct sim_task *next = a->waiting[a->waiting_at];
        a->waiting_at = (a->waiting_at + 1) % WAITING_MAX;
        a->waiting_n--;
        if (c->conn || (connect_client(c, (unsigned)(c - a->client)) == 0 && c->conn))
            begin(c, next);
    }
}

static void arrive(struct app *a, const struct sim_task *task)
{
    for (unsigned i = 0; i < a->spec->clients; i++) {
        struct client *c = &a->client[i];
        if (c->task || (!c->conn && !a->spec->unpooled))
            continue;
        if (c->conn || (connect_client(c, i) == 0 && c->conn))
            begin(c, task);
        return;
    }
    if (a->waiting_n < WAITING_MAX)
        a->waiting[(a->waiting_at + a->waiting_n++) % WAITING_MAX] = task;
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
static int schedule(struct app *a)
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

static int start(struct app *a)
{
    if (a->running)
        return 0;
    a->running = true;
    a->waiting_n = 0;
    for (unsigned i = 0; i < a->spec->clients && !a->spec->unpooled; i++)
        if (!a->client[i].conn && connect_client(&a->client[i], i))
            return -1;
    return schedule(a);
}

/* What is under way ends by itself, and its connection with it. */
static void stop(struct app *a)
{
    if (!a->running)
        return;
    a->running = false;
    a->waiting_n = 0;
    for (unsigned i = 0; i < a->spec->clients; i++)
        if (!a->client[i].task)
            disconnect(&a->client[i]);
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

/* ---- what happens ---- */

static void set_factor(struct sim *s, void *ctx, double value)
{
    struct app *a = ctx;
    (void)s;
    a->factor = value;
    if (a->running && schedule(a))
        stop(a); /* out of memory: an app that cannot run does not */
}

static void happen(struct sim_clients *t, const struct sim_happening *h)
{
    if (h->kind > SIM_EVENT_RATE) {
        if (sim_happen(t->s, h))
            t->missed++;
        return;
    }
    for (size_t i = 0; i < t->sc->apps_n; i++) {
        struct app *a = &t->app[i];
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
    const struct sim_coll *c = sim_coll_find(&sim_primary(s)->cat, h->ns);
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

/* ---- the whole ---- */

static int make_apps(struct sim_clients *t)
{
    struct sb_rng root;
    sb_rng_seed(&root, t->s->seed);
    if (!(t->app = calloc(t->sc->apps_n + 1, sizeof *t->app)) || !(t->happened = calloc(t->sc->events_n + 1, sizeof *t->happened)))
        return -1;
    for (size_t i = 0; i < t->sc->apps_n; i++) {
        struct app *a = &t->app[i];
        a->all = t;
        a->spec = &t->sc->apps[i];
        a->number = i;
        a->factor = 1;
        sb_rng_fork(&a->rng, &root, a->spec->name);
        if (!(a->client = calloc(a->spec->clients, sizeof *a->client)))
            return -1;
        for (unsigned k = 0; k < a->spec->clients; k++)
            a->client[k].app = a;
    }
    for (size_t i = 0; i < t->sc->apps_n; i++)
        if (!t->app[i].spec->stopped && start(&t->app[i]))
            return -1;
    return plan_events(t);
}

int sim_clients_load(struct sim *s, const struct sim_scenario *sc, struct sb_err *err)
{
    struct sim_clients *t = s->clients;
    t->sc = sc;
    s->costs = sc->costs;
    for (size_t i = 0; i < sc->data_n; i++)
        if (sim_load_data(s, &sc->data[i], &t->sequences, err))
            return -1;
    return make_apps(t) ? sb_fail_nomem(err) : 0;
}
