/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/wait.h>

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPT_US 100000
#define TAIL_MS 5 /* of the clients' time: how often a capped collection is looked at for those who wait */

enum kind { TOPOLOGY, CONCERN, ATTEMPT, BLOCKED, TAIL };

struct wait {
    enum kind kind;
    uint64_t number; /* of its deadline's event */
    struct sim_member *m;
    struct sim_conn *conn;
    struct wait *next;
    const char *primary_field; /* TOPOLOGY */
    uint64_t ts;               /* CONCERN: of the entry; */
    int64_t members;           /* 0: a majority */
    struct sim_doc *command;   /* who waits, as currentOp tells it: */
    const char *op;
    int32_t opid;
    char ns[272];
    struct sim_doc *reply;     /* so far */
    bool whole;                /* the reply has its end already */
    bool linear;               /* it is the reply of a read: an error takes its place */
    struct sim_doc *wc;        /* as given; NULL: the default */
    sim_attempt_fn attempt;    /* ATTEMPT */
    int64_t since_us, terms[3];
    struct sim_request rq;     /* BLOCKED, TAIL: a copy of the command, its text in bytes */
    uint8_t *bytes;
    bool goes_on;              /* it is about to be run again */
    uint8_t coll[16];          /* TAIL: the collection, */
    uint64_t next_rid;         /* its next record when the wait began, */
    uint64_t commit_ts;        /* the commit point then, for who sees no more than that, */
    int64_t until_us;          /* and the end of it */
};

struct sim_waits {
    struct wait *first;
    uint64_t numbers;
};

struct sim_waits *sim_waits_new(void)
{
    return calloc(1, sizeof(struct sim_waits));
}

static void wait_free(struct wait *w)
{
    sim_doc_unref(w->command);
    sim_doc_unref(w->reply);
    sim_doc_unref(w->wc);
    free(w->bytes);
    free(w);
}

void sim_waits_free(struct sim_waits *t)
{
    if (!t)
        return;
    while (t->first) {
        struct wait *next = t->first->next;
        wait_free(t->first);
        t->first = next;
    }
    free(t);
}

int64_t sim_stretched(const struct sim *s, int64_t ms)
{
    double us = (double)ms * 1000 * (s->speed > 0 ? s->speed : 1);
    return us < 1e15 ? (int64_t)us : (int64_t)1e15;
}

static struct wait *take_out(struct sim *s, const struct wait *w)
{
    for (struct wait **at = &s->waits->first; *at; at = &(*at)->next)
        if (*at == w) {
            struct wait *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

int sim_waits_each(const struct sim_member *m, int (*fn)(void *ctx, const struct sim_running *r), void *ctx)
{
    int rc = 0;
    for (struct wait *w = m->sim->waits->first; rc == 0 && w; w = w->next) {
        struct sim_running r = {.m = w->m, .opid = w->opid, .conn = w->conn, .op = w->op, .ns = w->ns, .command = w->command, .from = w->since_us, .conflicts = w->kind == BLOCKED};
        if (w->m == m)
            rc = fn(ctx, &r);
    }
    return rc;
}

void sim_wait_forget(struct sim *s, const struct sim_conn *conn)
{
    for (struct wait *w = s->waits->first, *next; w; w = next) {
        next = w->next;
        if (w->conn == conn)
            wait_free(take_out(s, w));
    }
}

/* Sends the reply and forgets the wait. */
static void answer(struct sim *s, struct wait *w, const uint8_t *reply)
{
    take_out(s, w);
    w->m->n.op[SIM_OP_COMMAND] += w->kind == TOPOLOGY || w->kind == ATTEMPT;
    if (reply)
        w->m->n.bytes_out += (int64_t)sim_doc_len(reply) + 21;
    if (reply && w->conn->answer)
        w->conn->answer(w->conn, reply);
    wait_free(w);
}

/* ---- how each of them ends ---- */

static void end_topology(struct sim *s, struct wait *w)
{
    struct sim_w out;
    sim_w_init(&out);
    sim_put_hello(&out, w->m, w->conn, w->primary_field);
    answer(s, w, sim_reply_ok(s, w->m, &out));
    sim_w_release(&out);
}

static void put_concern_error(struct sim_w *out, const struct wait *w, int32_t code, const char *msg)
{
    char buf[32];
    sim_w_doc(out, "writeConcernError");
    sim_w_i32(out, "code", code);
    sim_w_text(out, "codeName", sim_code_name(code, buf));
    sim_w_text(out, "errmsg", msg);
    sim_w_doc(out, "errInfo");
    if (code == 64)
        sim_w_bool(out, "wtimeout", true);
    sim_w_doc(out, "writeConcern");
    if (w->wc)
        sim_w_all(out, w->wc->bson);
    else
        sim_w_text(out, "w", "majority");
    if (!w->wc)
        sim_w_i32(out, "wtimeout", 0);
    sim_w_text(out, "provenance", w->wc ? "clientSupplied" : "implicitDefault");
    sim_w_end(out);
    sim_w_end(out);
    sim_w_end(out);
}

/* The read was not confirmed: it has no answer. */
static void end_linear(struct sim *s, struct wait *w, int32_t code)
{
    struct sim_w out;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_w_init(&out);
    sim_fail(&f, code, code == SIM_MAX_TIME ? "operation exceeded time limit" : code == SIM_STEPPED_DOWN ? "Primary stepped down while waiting for replication" : "operation was interrupted");
    w->m->n.asserts_user++;
    answer(s, w, sim_reply_fail(s, w->m, &out, &f));
    sim_w_release(&out);
}

/* code 0: the concern is met. */
static void end_concern(struct sim *s, struct wait *w, int32_t code, const char *msg)
{
    struct sim_w out;
    if (w->linear && code) {
        end_linear(s, w, code == 64 ? SIM_MAX_TIME : code);
        return;
    }
    sim_w_init(&out);
    sim_w_all(&out, w->reply->bson);
    if (code)
        put_concern_error(&out, w, code, msg);
    if (code && code != 64)
        sim_put_retry_label(&out);
    w->m->n.wait_num++;
    w->m->n.wait_ms += (s->now - w->since_us) / 1000;
    answer(s, w, w->whole ? sim_w_done(&out) : sim_reply_ok(s, w->m, &out));
    sim_w_release(&out);
}

/* Its maxTimeMS is over. */
static void end_blocked(struct sim *s, struct wait *w)
{
    struct sim_w out;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_w_init(&out);
    sim_fail(&f, SIM_MAX_TIME, "operation exceeded time limit");
    w->m->n.asserts_user++;
    answer(s, w, sim_reply_fail(s, w->m, &out, &f));
    sim_w_release(&out);
}

/* killOp: what waits for a transaction, for data or for its concern ends at once; of a concern the write stands. */
bool sim_wait_kill(struct sim_member *m, int32_t opid)
{
    struct sim *s = m->sim;
    for (struct wait *w = s->waits ? s->waits->first : NULL; w; w = w->next) {
        if (w->m != m || w->opid != opid || w->goes_on)
            continue;
        if (w->kind == CONCERN) {
            end_concern(s, w, SIM_INTERRUPTED, "operation was interrupted");
            return true;
        }
        if (w->kind != BLOCKED && w->kind != TAIL)
            return false;
        struct sim_w out;
        struct sim_fail f = SIM_FAIL_INIT;
        sim_w_init(&out);
        sim_fail(&f, SIM_INTERRUPTED, "operation was interrupted");
        m->n.asserts_user++;
        answer(s, w, sim_reply_fail(s, m, &out, &f));
        sim_w_release(&out);
        return true;
    }
    return false;
}

/* ---- time ---- */

struct deadline {
    uint64_t number;
};

static void on_deadline(struct sim *s, void *ctx);

static int deadline(struct sim *s, uint64_t number, int64_t at)
{
    struct deadline *d = malloc(sizeof *d);
    if (!d)
        return -1;
    d->number = number;
    if (sim_at(s, at, on_deadline, d, free)) {
        free(d);
        return -1;
    }
    return 0;
}

static void try_again(struct sim *s, struct wait *w)
{
    struct sim_w out;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_w_init(&out);
    if (w->attempt(s, w->m, &out, &f, w->since_us, w->terms))
        answer(s, w, f.code ? sim_reply_fail(s, w->m, &out, &f) : sim_reply_ok(s, w->m, &out));
    else if (deadline(s, w->number, s->now + ATTEMPT_US))
        answer(s, w, NULL); /* out of memory: the client waits in vain */
    sim_w_release(&out);
    sim_fail_release(&f);
}

/* The command is run again, and answered then. */
static void run_again(struct sim *s, struct wait *w)
{
    struct sim_conn *conn = w->conn;
    struct sim_w out;
    const uint8_t *reply = NULL;
    take_out(s, w);
    sim_w_init(&out);
    w->rq.opid = w->opid;
    w->rq.since_us = w->since_us;
    conn->tail_until_us = w->until_us;
    if (sim_dispatch(conn, &w->rq, &out, &reply) == SIM_ANSWERED && reply && conn->answer)
        conn->answer(conn, reply);
    conn->tail_until_us = 0;
    sim_w_release(&out);
    wait_free(w);
}

static void look_for_data(struct sim *s, struct wait *w)
{
    const struct sim_coll *coll = sim_coll_by_uuid(&w->m->cat, w->coll);
    bool news = !coll || coll->records.next != w->next_rid || s->commit_ts != w->commit_ts;
    int64_t at = s->now + sim_stretched(s, TAIL_MS);
    if (news || s->now >= w->until_us || deadline(s, w->number, at < w->until_us ? at : w->until_us))
        run_again(s, w);
}

/* The wait whose event has come; takes the event. NULL: it is over, or its process is stopped, which does nothing at its
 * events either, and `again` comes later. */
static struct wait *due(struct sim *s, struct deadline *d, void (*again)(struct sim *s, void *ctx))
{
    struct wait *w = s->waits->first;
    while (w && w->number != d->number)
        w = w->next;
    bool later = w && w->m->hung;
    if (!later || sim_at(s, s->now + ATTEMPT_US, again, d, free))
        free(d);
    return later ? NULL : w;
}

static void on_deadline(struct sim *s, void *ctx)
{
    struct wait *w = due(s, ctx, on_deadline);
    if (!w)
        return;
    if (w->kind == TOPOLOGY)
        end_topology(s, w);
    else if (w->kind == BLOCKED)
        end_blocked(s, w);
    else if (w->kind == CONCERN)
        end_concern(s, w, 64, "waiting for replication timed out");
    else if (w->kind == TAIL)
        look_for_data(s, w);
    else
        try_again(s, w);
}

/* until_us 0: no end. */
static struct wait *begin(struct sim_call *c, enum kind kind, int64_t until_us)
{
    struct sim_waits *t = c->s->waits;
    struct wait *w = calloc(1, sizeof *w);
    if (!w) {
        sim_fail_nomem(&c->fail);
        return NULL;
    }
    w->kind = kind;
    w->number = ++t->numbers;
    w->m = c->m;
    w->conn = c->conn;
    w->since_us = c->s->now;
    w->command = c->op.command ? sim_doc_ref(c->op.command) : sim_doc_new(c->body);
    w->op = c->op.type;
    w->opid = c->rq && c->rq->opid ? c->rq->opid : c->op.opid;
    if (c->rq && c->rq->opid)
        w->since_us = c->rq->since_us;
    snprintf(w->ns, sizeof w->ns, "%s", c->op.ns);
    if (!w->command) {
        wait_free(w);
        sim_fail_nomem(&c->fail);
        return NULL;
    }
    if (until_us && deadline(c->s, w->number, until_us)) {
        wait_free(w);
        sim_fail_nomem(&c->fail);
        return NULL;
    }
    w->next = t->first;
    t->first = w;
    c->later = true;
    return w;
}

/* ---- hello ---- */

int sim_await_topology(struct sim_call *c, const char *primary_field)
{
    const uint8_t *version = NULL;
    int64_t ms = -1;
    if (sim_arg_doc(c, "topologyVersion", &version) || sim_arg_int(c, "maxAwaitTimeMS", &ms))
        return -1;
    if ((version != NULL) != (ms >= 0))
        return sim_fail(&c->fail, version ? 31368 : 51759, version ? "A request with a 'topologyVersion' must include 'maxAwaitTimeMS'"
                                                                   : "A request with 'maxAwaitTimeMS' must include a 'topologyVersion'");
    if (!version)
        return 0;
    struct sim_val id = sim_find(version, "processId"), counter = sim_find(version, "counter");
    if (id.type != BSON_TYPE_OID || !sim_is_number(counter.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'TopologyVersion' wants processId and counter");
    bool same = memcmp(id.p, c->m->process_id, 12) == 0;
    if (same && sim_int(counter, 0) > c->m->topology)
        return sim_fail(&c->fail, 31382, "Received a topology version with counter: %lld which is greater than the server topology version counter: %lld",
                        (long long)sim_int(counter, 0), (long long)c->m->topology);
    if (!same || sim_int(counter, 0) != c->m->topology || ms == 0 || c->conn->inside)
        return 0;
    struct wait *w = begin(c, TOPOLOGY, c->s->now + sim_stretched(c->s, ms));
    if (!w)
        return -1;
    w->primary_field = primary_field;
    return 1;
}

void sim_topology_changed(struct sim_member *m)
{
    struct sim *s = m->sim;
    m->topology++;
    for (struct wait *w = s->waits ? s->waits->first : NULL, *next; w; w = next) {
        next = w->next;
        if (w->kind == TOPOLOGY && w->m == m)
            end_topology(s, w);
    }
}

/* ---- write concern ---- */

int sim_await_concern(struct sim_call *c, bool whole)
{
    struct sim *s = c->s;
    int64_t members = c->w_majority ? 0 : c->w_needs, limit = c->wc.type ? sim_int(sim_find(c->wc.p, "wtimeout"), 0) : 0;
    if (c->conn->inside || (!c->w_majority && c->w_needs < 2) || c->w_needs > sim_data_members(s))
        return 0;
    sim_spread(s); /* whoever follows well has it by the time a client could ask again */
    if (sim_replicated(s, s->last_ts, members))
        return 0;
    const uint8_t *so_far = sim_w_done(c->reply);
    struct wait *w = so_far ? begin(c, CONCERN, limit > 0 ? s->now + sim_stretched(s, limit) : 0) : NULL;
    if (!w)
        return -1;
    w->ts = s->last_ts;
    w->members = members;
    w->whole = whole;
    w->reply = sim_doc_new(so_far);
    w->wc = c->wc.type ? sim_doc_new(c->wc.p) : NULL;
    c->so_far = w->reply;
    if (w->reply && (w->wc || !c->wc.type))
        return 1;
    wait_free(take_out(s, w));
    c->later = false;
    return sim_fail_nomem(&c->fail);
}

int sim_await_linear(struct sim_call *c)
{
    struct sim *s = c->s;
    if (c->conn->inside)
        return 0;
    if (sim_log_noop(s, "linearizable read"))
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary");
    sim_spread(s);
    if (sim_replicated(s, s->last_ts, 0))
        return 0;
    const uint8_t *so_far = sim_w_done(c->reply);
    struct wait *w = so_far ? begin(c, CONCERN, c->op.max_time_ms ? s->now + sim_stretched(s, c->op.max_time_ms) : 0) : NULL;
    if (!w)
        return c->fail.code ? -1 : sim_fail_nomem(&c->fail);
    w->ts = s->last_ts;
    w->linear = true;
    w->reply = c->so_far = sim_doc_new(so_far);
    if (w->reply)
        return 1;
    wait_free(take_out(s, w));
    c->later = false;
    return sim_fail_nomem(&c->fail);
}

void sim_concerns_met(struct sim *s)
{
    for (struct wait *w = s->waits ? s->waits->first : NULL, *next; w; w = next) {
        next = w->next;
        if (w->kind == CONCERN && w->m == sim_primary(s) && sim_replicated(s, w->ts, w->members))
            end_concern(s, w, 0, "");
    }
}

void sim_concerns_interrupted(struct sim_member *m)
{
    for (struct wait *w = m->sim->waits->first, *next; w; w = next) {
        next = w->next;
        if (w->kind == CONCERN && w->m == m)
            end_concern(m->sim, w, SIM_STEPPED_DOWN, "Primary stepped down while waiting for replication");
    }
}

/* ---- attempts ---- */

int sim_await_attempt(struct sim_call *c, sim_attempt_fn attempt, const int64_t terms[3])
{
    if (attempt(c->s, c->m, c->reply, &c->fail, c->s->now, terms))
        return c->fail.code ? -1 : 0;
    struct wait *w = c->conn->inside ? NULL : begin(c, ATTEMPT, c->s->now + ATTEMPT_US);
    if (!w)
        return sim_fail_nomem(&c->fail);
    w->attempt = attempt;
    memcpy(w->terms, terms, sizeof w->terms);
    return 0;
}

/* ---- transactions ---- */

static void *copied(uint8_t **at, const void *p, size_t n)
{
    void *here = *at;
    memcpy(here, p, n);
    *at += n;
    return here;
}

/* The command's bytes end with its answer. */
static int copy_request(struct wait *w, const struct sim_request *rq)
{
    size_t n = sim_doc_len(rq->body) + (rq->db ? strlen(rq->db) + 1 : 0);
    for (size_t i = 0; i < rq->seq_n; i++)
        n += strlen(rq->seq[i].name) + 1 + rq->seq[i].n;
    uint8_t *at = w->bytes = malloc(n);
    if (!at)
        return -1;
    w->rq = *rq;
    w->rq.body = copied(&at, rq->body, sim_doc_len(rq->body));
    if (rq->db)
        w->rq.db = copied(&at, rq->db, strlen(rq->db) + 1);
    for (size_t i = 0; i < rq->seq_n; i++) {
        w->rq.seq[i].name = copied(&at, rq->seq[i].name, strlen(rq->seq[i].name) + 1);
        w->rq.seq[i].p = copied(&at, rq->seq[i].p, rq->seq[i].n);
    }
    return 0;
}

int sim_await_transaction(struct sim_call *c)
{
    struct wait *w = begin(c, BLOCKED, c->op.max_time_ms ? c->s->now + sim_stretched(c->s, c->op.max_time_ms) : 0);
    if (!w)
        return -1;
    if (copy_request(w, c->rq) == 0)
        return 0;
    wait_free(take_out(c->s, w));
    c->later = false;
    return sim_fail_nomem(&c->fail);
}

static void on_over(struct sim *s, void *ctx)
{
    struct wait *w = due(s, ctx, on_over);
    if (w)
        run_again(s, w);
}

/* ---- data ---- */

int sim_await_data(struct sim_call *c, const struct sim_coll *coll, int64_t until_us)
{
    int64_t at = c->s->now + sim_stretched(c->s, TAIL_MS);
    struct wait *w = begin(c, TAIL, at < until_us ? at : until_us);
    if (!w)
        return -1;
    if (copy_request(w, c->rq)) {
        wait_free(take_out(c->s, w));
        c->later = false;
        return sim_fail_nomem(&c->fail);
    }
    memcpy(w->coll, coll->uuid, 16);
    w->next_rid = coll->records.next;
    w->commit_ts = c->s->commit_ts;
    w->until_us = until_us;
    c->blocked = true; /* what it counted so far it counts when it is run again */
    c->m->n.requests--;
    c->m->n.bytes_in -= (int64_t)c->rq->bytes;
    return 0;
}

void sim_transaction_over(struct sim *s)
{
    for (struct wait *w = s->waits ? s->waits->first : NULL; w; w = w->next) {
        struct deadline *d = w->kind == BLOCKED && !w->goes_on ? malloc(sizeof *d) : NULL;
        if (!d)
            continue;
        d->number = w->number;
        w->goes_on = sim_at(s, s->now, on_over, d, free) == 0;
        if (!w->goes_on)
            free(d);
    }
}
