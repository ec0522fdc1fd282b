/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>

#include <string.h>

#define ROUND_TRIP_US 300              /* between an app and a member, both ways */
#define BATCHES_MAX 200                /* of one cursor */
#define LOOK_US 500000                 /* how often it looks for a member */
#define SELECTION_US INT64_C(30000000) /* and for how long */
#define SILENCE_US INT64_C(10000000)   /* of a member that hangs, until its connections are given up */
#define COMMIT_US 20000                /* how often a write asks whether a majority has it, when there may be none */

/* What a driver says when it connects. */
static int say_hello(struct sim_client *c)
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

/* Of the members that may be read, each client has its own. */
static struct sim_member *secondary_of(const struct sim_client *c)
{
    struct sim *s = c->app->all->s;
    struct sim_member *found[SIM_MEMBERS_MAX];
    unsigned n = 0;
    for (int i = 0; i < s->members; i++) {
        struct sim_member *m = &s->member[i];
        if (m->up && !m->hung && m->role.state == SIM_IS_SECONDARY && !s->seat[i].hidden)
            found[n++] = m;
    }
    return n ? found[c->number % n] : NULL;
}

static void on_lost(struct sim_conn *conn)
{
    struct sim_client *c = conn->owner;
    c->conn = NULL;
}

int sim_client_connect(struct sim_client *c)
{
    struct sim *s = c->app->all->s;
    unsigned i = c->number;
    char remote[64];
    struct sim_member *m = c->app->spec->secondary ? secondary_of(c) : NULL;
    m = m ? m : sim_primary(s);
    if (!m)
        return -1;
    snprintf(remote, sizeof remote, "10.20.%u.%u:%u", (unsigned)c->app->number % 250 + 1, i / 8 % 250 + 1, 40000 + i * 2 + (unsigned)c->app->number);
    if (!(c->conn = sim_conn_open(m, remote, true))) { /* it is full, or we are out of memory */
        c->app->all->refused++;
        return -1;
    }
    c->conn->owner = c;
    c->conn->lost = on_lost;
    if (c->txn_number == 0) /* the session outlives the connection */
        sim_new_uuid(s, c->lsid);
    return say_hello(c);
}

void sim_client_disconnect(struct sim_client *c)
{
    if (c->conn)
        sim_conn_close(c->conn);
    c->conn = NULL;
}

/* ---- one operation ---- */

static void on_answered(struct sim *s, void *ctx);
static void ask(struct sim_client *c);

static void forget_command(struct sim_client *c)
{
    sim_doc_unref(c->body);
    sim_doc_unref(c->docs);
    c->body = c->docs = NULL;
}

static void end_task(struct sim_client *c)
{
    struct sim_app_run *a = c->app;
    c->task = NULL;
    c->looking_us = 0;
    forget_command(c);
    if (!a->running || a->spec->unpooled)
        sim_client_disconnect(c);
    if (!a->running)
        return;
    if (!a->waiting_n)
        return;
    const struct sim_task *next = a->waiting[a->waiting_at];
    a->waiting_at = (a->waiting_at + 1) % SIM_WAITING_MAX;
    a->waiting_n--;
    sim_client_begin(c, next);
}

static void give_up(struct sim_client *c)
{
    c->app->all->failed++;
    end_task(c);
}

static bool writes(const struct sim_client *c)
{
    return c->task->what >= SIM_DO_INSERT;
}

static void on_look(struct sim *s, void *ctx)
{
    struct sim_client *c = ctx;
    if (!c->app->running || s->now - c->looking_us > SELECTION_US)
        give_up(c);
    else
        ask(c);
}

/* Looks for a member; the command goes out when there is one. */
static void look(struct sim_client *c)
{
    struct sim *s = c->app->all->s;
    c->looking_us = c->looking_us ? c->looking_us : s->now;
    if (sim_at(s, s->now + LOOK_US, on_look, c, NULL))
        give_up(c);
}

/* The connection has broken, or its member is another one by now. */
static void fail_over(struct sim_client *c)
{
    bool again = !c->tried && !c->more && !c->task->multi;
    c->failed = false;
    sim_client_disconnect(c);
    if (!again) {
        give_up(c);
        return;
    }
    c->tried = true;
    c->app->all->retried++;
    look(c);
}

/* Writes the command, or the next batch of its cursor, and keeps it for a second time. */
static int make_request(struct sim_client *c, struct sim_request *rq)
{
    struct sim_clients *t = c->app->all;
    struct sim_making making = {&c->app->rng, &t->sequences, t->s->now};
    if (c->body && !c->cursor) {
        *rq = (struct sim_request){.body = c->body->bson, .bytes = sim_doc_len(c->body->bson) + 21};
        if (c->docs) {
            rq->seq[0].name = c->docs_name;
            rq->seq[0].p = c->docs->bson;
            rq->seq[0].n = sim_doc_len(c->docs->bson);
            rq->seq_n = 1;
            rq->bytes += rq->seq[0].n + strlen(c->docs_name) + 6;
        }
        return 0;
    }
    struct sim_asker who = {c->lsid, ++c->txn_number, c->app->spec->secondary};
    forget_command(c);
    if (c->cursor)
        return sim_more_request(t->s, c->task, c->cursor, &who, &t->w, rq);
    if (sim_task_request(t->s, c->task, &making, &who, &t->w, &t->seq, &t->batch, rq))
        return -1;
    c->body = sim_doc_new(rq->body);
    c->docs = rq->seq_n ? sim_doc_new(rq->seq[0].p) : NULL;
    c->docs_name = rq->seq_n ? rq->seq[0].name : NULL;
    if (rq->seq_n && (!c->docs || rq->seq[0].n != sim_doc_len(rq->seq[0].p)))
        forget_command(c); /* out of memory, or a batch: then there is no second time */
    return 0;
}

/* Errors by which a driver learns that it has to look for the primary. */
static bool tells_of_change(const uint8_t *reply)
{
    int64_t code = sim_int(sim_find(reply, "code"), 0);
    return code == SIM_NOT_PRIMARY || code == SIM_NOT_READABLE || code == SIM_RECOVERS || code == SIM_STATE_CHANGE || code == SIM_STEPPED_DOWN;
}

static void ask(struct sim_client *c)
{
    struct sim_clients *t = c->app->all;
    struct sim *s = t->s;
    struct sim_request rq;
    const uint8_t *reply = NULL;
    if (!c->conn && sim_client_connect(c)) {
        sim_client_disconnect(c);
        look(c);
        return;
    }
    c->looking_us = 0;
    int64_t latency = SILENCE_US;
    c->more = c->cursor != 0;
    if (c->conn->m->hung) {
        c->failed = true;
    } else {
        int rc = make_request(c, &rq);
        c->cursor = 0;
        if (rc == 0 && sim_dispatch(c->conn, &rq, &t->reply, &reply) == SIM_ANSWERED && reply) {
            struct sim_val id = sim_path(reply, "cursor.id");
            c->cursor = ++c->batches < BATCHES_MAX ? sim_int(id, 0) : 0;
            c->failed = tells_of_change(reply);
        }
        latency = c->conn->latency_us + ROUND_TRIP_US;
        c->ts = writes(c) && !c->failed ? s->last_ts : 0;
        c->step_downs = c->conn->m->role.step_downs;
    }
    if (sim_at(s, s->now + latency, on_answered, c, NULL))
        c->task = NULL; /* out of memory: the operation is lost, the client is free */
}

void sim_client_begin(struct sim_client *c, const struct sim_task *task)
{
    c->task = task;
    c->cursor = 0;
    c->batches = 0;
    c->tried = c->failed = false;
    ask(c);
}

/* So many members follow well that a write reaches a majority within the time that its cost allows for it. */
static bool majority_follows(const struct sim *s)
{
    int n = 0;
    for (int i = 0; i < s->members; i++) {
        const struct sim_member *m = &s->member[i];
        bool follows = m->up && !m->hung && !m->frozen && !m->lag_us && !s->seat[i].delay_s && (m->primary || m->role.state == SIM_IS_SECONDARY);
        n += follows ? s->seat[i].votes : 0;
    }
    return n >= sim_majority(s);
}

static void on_answered(struct sim *s, void *ctx)
{
    struct sim_client *c = ctx;
    int64_t again = 0;
    if (!c->app->running) {
        end_task(c);
        return;
    }
    if (c->conn && !c->failed && c->conn->m->hung) { /* the answer does not come */
        c->failed = true;
        again = SILENCE_US;
    } else if (c->conn && !c->failed && c->ts && c->conn->m->role.step_downs != c->step_downs) {
        c->failed = true; /* interrupted by the step-down */
    } else if (c->conn && !c->failed && c->ts > s->commit_ts && !majority_follows(s)) {
        again = COMMIT_US;
    }
    if (again && sim_at(s, s->now + again, on_answered, c, NULL) == 0)
        return;
    if (c->failed || !c->conn)
        fail_over(c);
    else if (c->cursor)
        ask(c);
    else
        end_task(c);
}
