/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include "commands.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/repl.h>

#include <stdlib.h>
#include <string.h>

#define HOP_US 300                /* between a mongos and a shard, both ways */
#define GATHER_MAX (256u << 20)   /* bytes that one command may bring together on a mongos */

/* A client's ways to the shards; its connections there are closed with it. */
struct sim_route {
    struct sim_conn *conn;
    struct sim_conn *sub[SIM_SHARDS_MAX];
    struct sim_routed *now; /* under way; NULL none */
    struct sim_w scratch;
};

static void release(struct sim_routed *r)
{
    for (int i = 0; i < r->legs; i++) {
        sim_doc_unref(r->leg[i].body);
        sim_doc_unref(r->leg[i].reply);
        free(r->leg[i].index);
    }
    sim_docs_release(&r->docs);
    sim_w_release(&r->stages);
    sim_doc_unref(r->body);
    sim_fail_release(&r->fail);
    free(r);
}

static void drop_subs(struct sim_route *way)
{
    for (int i = 0; i < SIM_SHARDS_MAX; i++) {
        struct sim_conn *sub = way->sub[i];
        way->sub[i] = NULL;
        if (sub)
            sim_conn_close(sub);
    }
}

void sim_route_free(struct sim_route *way)
{
    if (!way)
        return;
    drop_subs(way);
    if (way->now)
        release(way->now);
    sim_w_release(&way->scratch);
    free(way);
}

/* ---- for the rows ---- */

const char *sim_route_shard(const struct sim_routed *r, int leg)
{
    return r->c->shard[r->leg[leg].shard]->set_name;
}

unsigned sim_route_all(const struct sim_routed *r)
{
    unsigned mask = 0;
    for (unsigned i = 0; r->x && i < r->x->chunks; i++)
        mask |= 1u << r->x->chunk[i].shard;
    return r->x ? mask : 1;
}

int sim_route_target(struct sim_routed *r, struct sim_val filter, unsigned *mask, bool *exact)
{
    static const uint8_t nothing[5] = {5};
    *mask = 1;
    *exact = true;
    if (!r->x)
        return 0;
    struct sim_filter *f = sim_filter_over(filter.type == BSON_TYPE_DOCUMENT ? filter.p : nothing, &r->fail);
    if (!f)
        return -1;
    *mask = sim_chunk_shards(r->x, f->root, exact);
    sim_filter_free(f);
    return 0;
}

int sim_route_leg(struct sim_routed *r, int shard, struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_leg *leg = &r->leg[r->legs];
    leg->shard = shard;
    leg->body = done ? sim_doc_new(done) : NULL;
    if (!leg->body)
        return sim_fail_nomem(&r->fail);
    r->legs++;
    sim_w_clear(w);
    return 0;
}

void sim_route_common(const struct sim_routed *r, struct sim_w *w)
{
    static const char *const fields[] = {"lsid", "txnNumber", "maxTimeMS", "readConcern", "writeConcern", "comment", "$readPreference"};
    for (size_t i = 0; i < SB_COUNT(fields); i++)
        sim_w_val(w, fields[i], sim_find(r->body->bson, fields[i]));
    sim_w_text(w, "$db", r->db);
}

int sim_route_forward(struct sim_routed *r, unsigned mask)
{
    struct sim_w w;
    struct sim_elem e;
    int rc = 0;
    sim_w_init(&w);
    for (int shard = 0; rc == 0 && shard < r->c->shards; shard++) {
        if (!(mask >> shard & 1))
            continue;
        for (struct sim_iter it = sim_iter_of(r->body->bson); sim_next(&it, &e);)
            if (strcmp(e.key, "$clusterTime") != 0 && strcmp(e.key, "$db") != 0)
                sim_w_val(&w, e.key, e.v);
        sim_w_text(&w, "$db", r->db);
        rc = sim_route_leg(r, shard, &w);
    }
    sim_w_release(&w);
    return rc;
}

struct sim_w *sim_route_stages(struct sim_routed *r)
{
    sim_w_array(&r->stages, "pipeline");
    return &r->stages;
}

static int failed_as(struct sim_routed *r, const uint8_t *reply)
{
    struct sim_val msg = sim_find(reply, "errmsg");
    if (sim_int(sim_find(reply, "ok"), 0) == 1)
        return 0;
    return sim_fail(&r->fail, (int32_t)sim_int(sim_find(reply, "code"), -1), "%s", sim_is_text(msg.type) ? sim_text(msg) : "a shard gave no reason");
}

int sim_route_failed(struct sim_routed *r)
{
    for (int i = 0; i < r->legs; i++)
        if (failed_as(r, r->leg[i].reply->bson))
            return -1;
    return 0;
}

/* ---- a leg ---- */

static void take_reply(struct sim_routed *r, int leg, const uint8_t *reply);
static void finish(struct sim_routed *r, struct sim_w *w, const uint8_t **reply);

/* Without a reply there is one that says why. */
static void no_reply(struct sim_routed *r, int leg)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_f64(&w, "ok", 0);
    sim_w_textf(&w, "errmsg", "Could not find host matching read preference { mode: \"primary\" } for set %s", sim_route_shard(r, leg));
    sim_w_i32(&w, "code", 133);
    sim_w_text(&w, "codeName", "FailedToSatisfyReadPreference");
    const uint8_t *done = sim_w_done(&w);
    if (done)
        r->leg[leg].reply = sim_doc_new(done);
    r->leg[leg].done = true;
    sim_w_release(&w);
}

static int leg_of(const struct sim_routed *r, const struct sim_conn *sub)
{
    for (int i = 0; i < r->legs; i++)
        if (!r->leg[i].done && sub == r->conn->route->sub[r->leg[i].shard])
            return i;
    return -1;
}

static void leg_ended(struct sim_route *way)
{
    struct sim_routed *r = way->now;
    struct sim_conn *client = way->conn;
    const uint8_t *reply = NULL;
    struct sim_w w;
    if (--r->waiting || !r->later)
        return;
    sim_w_init(&w);
    finish(r, &w, &reply);
    way->now = NULL;
    release(r);
    if (client->answer && reply)
        client->answer(client, reply);
    sim_w_release(&w);
}

static void on_sub_answer(struct sim_conn *sub, const uint8_t *reply)
{
    struct sim_route *way = sub->owner;
    int leg = way->now ? leg_of(way->now, sub) : -1;
    if (leg < 0)
        return;
    take_reply(way->now, leg, reply);
    if (way->now->leg[leg].done)
        leg_ended(way);
}

static void on_sub_lost(struct sim_conn *sub)
{
    struct sim_route *way = sub->owner;
    int leg = way->now ? leg_of(way->now, sub) : -1;
    for (int i = 0; i < SIM_SHARDS_MAX; i++)
        if (way->sub[i] == sub)
            way->sub[i] = NULL;
    if (leg < 0)
        return;
    no_reply(way->now, leg);
    leg_ended(way);
}

/* Whom the client's read preference means: the primary, or else the first secondary that can be read. */
static struct sim_member *member_for(struct sim *shard, const struct sim_routed *r)
{
    struct sim_val mode = sim_path(r->body->bson, "$readPreference.mode");
    bool secondary = sim_text_is(mode, "secondary") || sim_text_is(mode, "secondaryPreferred");
    for (int i = 0; secondary && i < shard->members; i++)
        if (shard->member[i].up && !shard->member[i].hung && shard->member[i].role.state == SIM_IS_SECONDARY && !shard->seat[i].hidden)
            return &shard->member[i];
    return sim_text_is(mode, "secondary") ? NULL : sim_primary(shard);
}

static struct sim_conn *sub_of(struct sim_routed *r, int shard)
{
    struct sim_route *way = r->conn->route;
    struct sim_member *m = member_for(r->c->shard[shard], r);
    if (way->sub[shard] && way->sub[shard]->m != m) {
        struct sim_conn *old = way->sub[shard];
        way->sub[shard] = NULL;
        sim_conn_close(old);
    }
    if (!m || way->sub[shard])
        return way->sub[shard];
    struct sim_conn *sub = sim_conn_open(m, r->c->router->member[0].name, r->conn->inside);
    if (!sub)
        return NULL;
    sub->timed = r->conn->timed;
    sub->owner = way;
    sub->answer = on_sub_answer;
    sub->lost = on_sub_lost;
    if (r->conn->metadata)
        sim_conn_metadata(sub, r->conn->metadata->bson);
    return way->sub[shard] = sub;
}

/* Sends the leg's body, or the next question of its cursor. */
static void ask(struct sim_routed *r, int leg)
{
    struct sim_conn *sub = sub_of(r, r->leg[leg].shard);
    const uint8_t *reply = NULL;
    if (!sub) {
        no_reply(r, leg);
        return;
    }
    struct sim_request rq = {.body = r->leg[leg].body->bson, .bytes = sim_doc_len(r->leg[leg].body->bson) + 21};
    struct sim_w *w = &r->conn->route->scratch;
    if (sim_dispatch(sub, &rq, w, &reply) == SIM_LATER)
        return;
    if (sub->latency_us + HOP_US > r->latency_us)
        r->latency_us = sub->latency_us + HOP_US;
    if (reply)
        take_reply(r, leg, reply);
    else
        no_reply(r, leg);
}

static struct sim_doc *tagged(const struct sim_routed *r, int leg, const uint8_t *doc)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_all(&w, doc);
    sim_w_text(&w, "shard", sim_route_shard(r, leg));
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static int gather(struct sim_routed *r, int leg, struct sim_val batch)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(batch.p); sim_next(&it, &e);) {
        bool op = r->tags && sim_find(e.v.p, "opid").type;
        struct sim_doc *d = op ? sim_route_shown_op(sim_route_shard(r, leg), e.v.p) : r->tags ? tagged(r, leg, e.v.p) : sim_doc_new(e.v.p);
        if (sim_docs_add(&r->docs, d))
            return sim_fail_nomem(&r->fail);
        r->bytes += sim_doc_len(e.v.p);
        if (r->bytes > GATHER_MAX)
            return sim_fail(&r->fail, SIM_OUT_OF_MEMORY, "a mongos that is simulated brings together at most %u MiB for one command", GATHER_MAX >> 20);
    }
    return 0;
}

static int more(struct sim_routed *r, int leg, int64_t cursor)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i64(&w, "getMore", cursor);
    sim_w_text(&w, "collection", r->coll_shown);
    sim_w_val(&w, "lsid", sim_find(r->body->bson, "lsid"));
    sim_w_text(&w, "$db", r->db);
    const uint8_t *done = sim_w_done(&w);
    sim_doc_unref(r->leg[leg].body);
    r->leg[leg].body = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return r->leg[leg].body ? 0 : sim_fail_nomem(&r->fail);
}

static void take_reply(struct sim_routed *r, int leg, const uint8_t *reply)
{
    struct sim_leg *l = &r->leg[leg];
    struct sim_val cursor = r->verb->gathers ? sim_find(reply, "cursor") : sim_missing;
    int64_t id = 0;
    if (cursor.type == BSON_TYPE_DOCUMENT) {
        struct sim_val batch = sim_find(cursor.p, "firstBatch");
        batch = batch.type ? batch : sim_find(cursor.p, "nextBatch");
        id = sim_int(sim_find(cursor.p, "id"), 0);
        if ((batch.type == BSON_TYPE_ARRAY && gather(r, leg, batch)) || (id && more(r, leg, id)))
            id = 0; /* the failure ends it */
    }
    if (id) {
        ask(r, leg);
        return;
    }
    sim_doc_unref(l->reply);
    if (!(l->reply = sim_doc_new(reply)))
        sim_fail_nomem(&r->fail);
    l->done = true;
}

/* ---- the whole ---- */

/* The documents through the stages of the merge, as an aggregate of the mongos' own. */
static void finish_gathered(struct sim_routed *r, struct sim_w *w, const uint8_t **reply)
{
    struct sim_w body;
    struct sim_conn *conn = r->conn;
    const uint8_t *stages = sim_w_done(&r->stages);
    sim_w_init(&body);
    sim_w_text(&body, "aggregate", r->coll_shown);
    if (stages && sim_find(stages, "pipeline").type) {
        sim_w_val(&body, "pipeline", sim_find(stages, "pipeline"));
    } else {
        sim_w_array(&body, "pipeline");
        sim_w_end(&body);
    }
    sim_w_doc(&body, "cursor");
    if (r->batch >= 0)
        sim_w_i64(&body, "batchSize", r->batch);
    sim_w_end(&body);
    sim_w_val(&body, "lsid", sim_find(r->body->bson, "lsid"));
    sim_w_text(&body, "$db", r->db);
    struct sim_request rq = {.body = sim_w_done(&body)};
    *reply = NULL;
    if (rq.body) {
        rq.bytes = sim_doc_len(rq.body) + 21;
        conn->gathered = &r->docs;
        sim_dispatch(conn, &rq, w, reply); /* over documents in memory: never later */
        conn->gathered = NULL;
    }
    sim_w_release(&body);
}

static void finish(struct sim_routed *r, struct sim_w *w, const uint8_t **reply)
{
    struct sim *s = r->c->router;
    struct sim_member *m = r->conn->m;
    bool whole = true;
    for (int i = 0; i < r->legs; i++)
        whole = whole && r->leg[i].reply;
    if (!whole && !r->fail.code)
        sim_fail_nomem(&r->fail);
    bool failed = r->fail.code != 0 || (r->verb->gathers && sim_route_failed(r));
    sim_w_clear(w);
    if (!failed && r->verb->gathers) {
        finish_gathered(r, w, reply);
    } else {
        if (!failed && r->verb->merge)
            failed = r->verb->merge(r, w) != 0;
        else if (!failed && (failed = sim_route_failed(r) != 0) == false) {
            struct sim_elem e;
            for (struct sim_iter it = sim_iter_of(r->leg[0].reply->bson); sim_next(&it, &e);)
                if (e.key[0] != '$' && strcmp(e.key, "ok") != 0 && strcmp(e.key, "operationTime") != 0)
                    sim_w_val(w, e.key, e.v);
        }
        *reply = failed ? sim_reply_fail(s, m, w, &r->fail) : sim_reply_ok(s, m, w);
        if (*reply)
            m->n.bytes_out += (int64_t)sim_doc_len(*reply) + 21;
    }
    r->conn->latency_us = r->latency_us;
}

static const struct sim_verb *verb_of(const uint8_t *body, const char *db)
{
    struct sim_iter it = sim_iter_of(body);
    struct sim_elem e;
    if (!sim_next(&it, &e))
        return NULL;
    bool own = strcmp(db, "admin") == 0 || strcmp(db, "config") == 0;
    for (size_t i = 0; i < sim_verbs_n; i++) {
        const struct sim_verb *v = &sim_verbs[i];
        if (strcmp(v->name, e.key) != 0 && (!v->alias || strcmp(v->alias, e.key) != 0))
            continue;
        if (!own || v->on_admin)
            return v;
        if (strcmp(e.key, "aggregate") == 0 && sim_path(body, "pipeline.0.$currentOp").type == BSON_TYPE_DOCUMENT && !sim_truth(sim_path(body, "pipeline.0.$currentOp.localOps")))
            return v;
        return NULL;
    }
    return NULL;
}

static struct sim_route *way_of(struct sim_conn *conn)
{
    if (!conn->route && (conn->route = calloc(1, sizeof *conn->route))) {
        conn->route->conn = conn;
        sim_w_init(&conn->route->scratch);
    }
    return conn->route;
}

static void begin(struct sim_routed *r, struct sim_conn *conn, const struct sim_request *rq, const struct sim_verb *verb, const char *db)
{
    struct sim_elem e;
    struct sim_iter it = sim_iter_of(rq->body);
    r->conn = conn;
    r->c = conn->m->sim->cluster;
    r->verb = verb;
    r->rq = rq;
    r->batch = -1;
    r->latency_us = HOP_US;
    sim_fail_init(&r->fail);
    sim_w_init(&r->stages);
    snprintf(r->db, sizeof r->db, "%s", db);
    if (sim_next(&it, &e) && sim_is_text(e.v.type))
        snprintf(r->coll, sizeof r->coll, "%s", sim_text(e.v));
    r->coll_shown = r->coll;
    snprintf(r->ns, sizeof r->ns, "%.127s.%.140s", r->db, r->coll);
    r->x = r->coll[0] ? sim_sharded_find(r->c, r->ns) : NULL;
}

static void count(struct sim_conn *conn, const struct sim_request *rq, const struct sim_verb *verb)
{
    struct sim_counters *n = &conn->m->n;
    n->requests++;
    n->bytes_in += (int64_t)rq->bytes;
    n->op[verb->counter]++;
}

bool sim_route(struct sim_conn *conn, const struct sim_request *rq, struct sim_w *w, const uint8_t **reply, bool *later)
{
    struct sim_val name = sim_find(rq->body, "$db");
    const char *db = rq->db ? rq->db : sim_is_text(name.type) ? sim_text(name) : "";
    const struct sim_verb *verb = *db && !conn->gathered ? verb_of(rq->body, db) : NULL;
    struct sim_route *way = verb ? way_of(conn) : NULL;
    if (!way)
        return false; /* also without memory: then the mongos answers for itself, and has no such collection */
    if (way->now) { /* the client did not wait for the last one */
        drop_subs(way);
        release(way->now);
        way->now = NULL;
    }
    struct sim_routed *r = calloc(1, sizeof *r);
    *later = false;
    *reply = NULL;
    if (!r)
        return true;
    begin(r, conn, rq, verb, db);
    count(conn, rq, verb);
    way->now = r;
    if (!(r->body = sim_doc_new(rq->body)))
        sim_fail_nomem(&r->fail);
    else if (sim_find(rq->body, "autocommit").type)
        sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "transactions through a mongos are not simulated");
    else if (strlen(r->ns) > 255)
        sim_fail(&r->fail, SIM_INVALID_NAMESPACE, "Fully qualified namespace is too long. Max: 255");
    else
        verb->plan(r);
    if (r->fail.code) { /* nobody is asked */
        sim_w_clear(w);
        *reply = sim_reply_fail(r->c->router, conn->m, w, &r->fail);
        goto out;
    }
    for (int i = 0; i < r->legs; i++)
        ask(r, i);
    for (int i = 0; i < r->legs; i++)
        r->waiting += !r->leg[i].done;
    if (r->waiting) {
        r->later = *later = true;
        return true;
    }
    finish(r, w, reply);
out:
    way->now = NULL;
    release(r);
    return true;
}
