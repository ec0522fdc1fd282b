/* SPDX-License-Identifier: Apache-2.0 */
#include "happen.h"

#include <signalbox/sim/cluster.h>
#include <signalbox/sim/contend.h>
#include <signalbox/sim/log.h>

#include <stdlib.h>
#include <string.h>

#define STEP_US 1000000

/* ---- values that change ---- */

struct change {
    double from, to;
    int64_t begun_us, over_us; /* over 0: back to from at the next call */
    sim_vary_fn fn;
    void *ctx;
};

static void on_step(struct sim *s, void *ctx)
{
    struct change *c = ctx;
    double share = c->over_us ? (double)(s->now - c->begun_us) / (double)c->over_us : 1;
    if (share < 1) {
        c->fn(s, c->ctx, c->from + (c->to - c->from) * share);
        if (sim_at(s, s->now + STEP_US, on_step, c, free) == 0)
            return;
    }
    c->fn(s, c->ctx, c->over_us ? c->to : c->from);
    free(c);
}

int sim_vary(struct sim *s, const struct sim_happening *h, double from, sim_vary_fn fn, void *ctx)
{
    if (!h->over_us)
        fn(s, ctx, h->value);
    if (!h->over_us && !h->for_us)
        return 0;
    struct change *c = malloc(sizeof *c);
    if (c) {
        *c = (struct change){from, h->value, s->now, h->over_us, fn, ctx};
        if (sim_at(s, s->now + (h->over_us ? STEP_US : h->for_us), on_step, c, free) == 0)
            return 0;
    }
    free(c);
    fn(s, ctx, h->value);
    return -1;
}

static void set_cost(struct sim *s, void *ctx, double value)
{
    (void)s;
    *(double *)ctx = value;
}

/* ---- somebody at a shell ---- */

static void ignore_answer(struct sim_conn *conn, const uint8_t *reply)
{
    (void)conn;
    (void)reply;
}

static void say_hello(struct sim_w *w)
{
    sim_w_i32(w, "hello", 1);
    sim_w_doc(w, "client");
    sim_w_doc(w, "application");
    sim_w_text(w, "name", "mongosh");
    sim_w_end(w);
    sim_w_doc(w, "driver");
    sim_w_text(w, "name", "nodejs|mongosh");
    sim_w_text(w, "version", "4.17.2|2.1.1");
    sim_w_end(w);
    sim_w_end(w);
    sim_w_text(w, "$db", "admin");
}

static int send(struct sim_conn *conn, struct sim_w *w)
{
    struct sim_w reply;
    const uint8_t *answer = NULL;
    struct sim_request rq = {.body = sim_w_done(w)};
    if (!rq.body)
        return -1;
    rq.bytes = sim_doc_len(rq.body) + 21;
    sim_w_init(&reply);
    enum sim_outcome out = sim_dispatch(conn, &rq, &reply, &answer);
    int rc = out == SIM_LATER || answer ? 0 : -1;
    sim_w_release(&reply);
    return rc;
}

/* An open shell on the primary; it stays until the simulation ends. */
static struct sim_conn *shell(struct sim *s)
{
    struct sim_w w;
    struct sim_member *m = sim_primary(s);
    if (!m)
        return NULL;
    for (struct sim_conn *c = m->conns; c; c = c->next)
        if (c->inside && strcmp(c->app, "mongosh") == 0 && !c->waiting_opid)
            return c;
    struct sim_conn *c = sim_conn_open(m, "10.20.0.9:51000", true);
    if (!c)
        return NULL;
    c->answer = ignore_answer;
    sim_w_init(&w);
    say_hello(&w);
    int rc = send(c, &w);
    sim_w_release(&w);
    if (rc) {
        sim_conn_close(c);
        return NULL;
    }
    return c;
}

static int index_command(struct sim *s, const struct sim_happening *h)
{
    struct sb_rng rng;
    struct sim_sequences sequences = {0};
    struct sim_making making = {&rng, &sequences, s->now};
    struct sim_conn *conn = shell(s);
    const char *dot = strchr(h->target, '.');
    char db[128];
    struct sim_w w;
    if (!conn)
        return -1;
    sb_rng_seed(&rng, s->seed);
    snprintf(db, sizeof db, "%.*s", (int)(dot - h->target), h->target);
    sim_w_init(&w);
    sim_w_text(&w, h->index ? "createIndexes" : "dropIndexes", dot + 1);
    if (h->index) {
        sim_w_array(&w, "indexes");
        sim_template_put(h->index, &making, &w, NULL);
        sim_w_end(&w);
    } else {
        sim_w_text(&w, "index", h->ns);
    }
    sim_w_text(&w, "$db", db);
    int rc = send(conn, &w);
    sim_w_release(&w);
    return rc;
}

/* ---- a lock ---- */

struct holder {
    struct sim_member *m;
    int32_t opid;
    int64_t from;
    struct sim_doc *command;
    char ns[200];
};

static void free_holder(void *p)
{
    struct holder *h = p;
    sim_doc_unref(h->command);
    free(h);
}

static void on_unlock(struct sim *s, void *ctx)
{
    struct holder *h = ctx;
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", "command");
    sim_w_text(&w, "ns", h->ns);
    sim_w_text(&w, "appName", "MongoDB Shell");
    sim_w_copy(&w, "command", h->command->bson);
    sim_w_int(&w, "numYields", 0);
    sim_w_int(&w, "durationMillis", (s->now - h->from) / 1000);
    const uint8_t *attr = sim_w_done(&w);
    if (h->m->up && attr)
        sim_log(h->m, s->now, 'I', "COMMAND", 51803, "conn1", "Slow query", attr);
    sim_w_release(&w);
    sim_running_end_opid(h->m, h->opid); /* it may be gone with its member */
    free_holder(h);
}

static void say_validate(struct sim_member *m, int64_t now, const char *ns)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "namespace", ns);
    sim_w_bool(&w, "background", false);
    sim_w_bool(&w, "full", true);
    const uint8_t *attr = sim_w_done(&w);
    sim_log(m, now, 'I', "COMMAND", 20514, "conn1", "CMD: validate", attr);
    sim_w_release(&w);
}

/* validate takes its collection for itself, and on a large one for long. */
static int lock(struct sim *s, const struct sim_happening *h)
{
    struct sim_conn *conn = shell(s);
    struct sim_coll *c = conn ? sim_coll_find(&conn->m->cat, h->target) : NULL;
    struct sim_w w;
    if (!c)
        return conn ? 0 : -1;
    sim_w_init(&w);
    sim_w_text(&w, "validate", c->name);
    sim_w_bool(&w, "full", true);
    sim_w_text_n(&w, "$db", c->ns, c->db_n);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *command = done ? sim_doc_new(done) : NULL;
    struct sim_running *r = command ? sim_running_new(conn->m, conn, "command", c->ns, command) : NULL;
    sim_w_release(&w);
    if (!r) {
        sim_doc_unref(command);
        return -1;
    }
    r->opid = ++conn->m->next_opid;
    r->write = r->takes_core = r->exclusive = true;
    r->ticket_at = s->now;
    r->lock_until = sim_lock_exclusive(conn->m, c, h->for_us);
    r->to = r->works_until = r->lock_until + h->for_us;
    struct holder *holder = malloc(sizeof *holder);
    if (holder) {
        *holder = (struct holder){.m = conn->m, .opid = r->opid, .from = s->now, .command = command};
        snprintf(holder->ns, sizeof holder->ns, "%s", c->ns);
        if (sim_at(s, r->to, on_unlock, holder, free_holder) == 0) {
            say_validate(conn->m, s->now, c->ns);
            return 0;
        }
        free(holder);
    }
    sim_doc_unref(command);
    sim_running_end(conn->m, r);
    return -1;
}

static int vary_cost(struct sim *s, const struct sim_happening *h)
{
    double *cost = sim_costs_at(&s->costs, h->target);
    return cost ? sim_vary(s, h, *cost, set_cost, cost) : 0;
}

static int move_chunk(struct sim *s, const struct sim_happening *h)
{
    struct sb_rng rng;
    struct sim_sequences sequences = {0};
    struct sim_making making = {&rng, &sequences, s->now};
    struct sim_sharded *x = s->cluster ? sim_sharded_find(s->cluster, h->target) : NULL;
    struct sim_w w;
    if (!x)
        return 0;
    sb_rng_seed(&rng, s->seed);
    sim_w_init(&w);
    sim_template_fields(h->index, &making, &w);
    const uint8_t *done = sim_w_done(&w);
    int rc = done ? sim_chunk_move(s->cluster, x, sim_find(done, "v"), h->member) : -1;
    sim_w_release(&w);
    return rc;
}

int sim_happen(struct sim *s, const struct sim_happening *h)
{
    switch (h->kind) {
    case SIM_EVENT_COST:
        for (int i = 0; sim_is_router(s) && i < s->cluster->shards; i++)
            if (vary_cost(s->cluster->shard[i], h))
                return -1;
        return vary_cost(s, h);
    case SIM_EVENT_CREATE_INDEX:
    case SIM_EVENT_DROP_INDEX:
        return index_command(s, h);
    case SIM_EVENT_LOCK:
        return lock(s, h);
    case SIM_EVENT_SNAPSHOT:
        return sim_primary(s) ? sim_snapshot_open(sim_primary(s), h->target, h->ns, s->now + h->for_us) : 0;
    case SIM_EVENT_MOVE_CHUNK:
        return move_chunk(s, h);
    case SIM_EVENT_WIRE:
        for (int i = 0; i < s->members; i++)
            if (h->member < 0 || h->member == i)
                sim_fault_set(&s->member[i], (enum sim_fault)sim_fault_of(h->target), h->for_us ? s->now + h->for_us : INT64_MAX, -1);
        return 0;
    default:
        return 0; /* of an app: clients.c */
    }
}
