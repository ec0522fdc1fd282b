/* SPDX-License-Identifier: Apache-2.0
 *
 * A chunk on its way from one shard to another: told when it begins, and some seconds later, in one moment of virtual time, its
 * documents are written there, the config database names the new owner, and the old one deletes them. Both writes go through the
 * shards' own commands, so that their oplogs and secondaries have them. */
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/log.h>

#include <stdlib.h>
#include <string.h>

#define CLONE_US INT64_C(3000000)
#define BATCH 200

struct moving {
    struct sim_cluster *c;
    struct sim_sharded *x;
    unsigned chunk;
    int to;
};

static void ignore_answer(struct sim_conn *conn, const uint8_t *reply)
{
    (void)conn;
    (void)reply;
}

/* One command on the shard's primary. -1: it did not do it. */
static int command(struct sim *shard, struct sim_w *body)
{
    struct sim_member *m = sim_primary(shard);
    struct sim_conn *conn = m ? sim_conn_open(m, "127.0.0.1:0", true) : NULL;
    struct sim_request rq = {.body = sim_w_done(body)};
    struct sim_w w;
    const uint8_t *reply = NULL;
    int rc = -1;
    if (!conn || !rq.body) {
        if (conn)
            sim_conn_close(conn);
        return -1;
    }
    conn->answer = ignore_answer;
    rq.bytes = sim_doc_len(rq.body) + 21;
    sim_w_init(&w);
    if (sim_dispatch(conn, &rq, &w, &reply) == SIM_LATER || (reply && sim_int(sim_find(reply, "ok"), 0) == 1 && !sim_find(reply, "writeErrors").type))
        rc = 0;
    sim_w_release(&w);
    sim_conn_close(conn);
    return rc;
}

static void put_range(const struct moving *v, struct sim_w *w)
{
    const struct sim_sharded *x = v->x;
    struct sim_val min = sim_find(sim_chunk_min(x, v->chunk), x->field[0]);
    sim_w_doc(w, x->field[0]);
    if (v->chunk)
        sim_w_val(w, "$gte", min);
    if (v->chunk + 1 < x->chunks)
        sim_w_val(w, "$lt", sim_find(sim_chunk_min(x, v->chunk + 1), x->field[0]));
    if (x->chunks == 1)
        sim_w_bool(w, "$exists", true);
    sim_w_end(w);
}

static void begin_insert(const struct moving *v, struct sim_w *w, const char *coll)
{
    sim_w_clear(w);
    sim_w_text(w, "insert", coll);
    sim_w_text_n(w, "$db", v->x->ns, strcspn(v->x->ns, "."));
    sim_w_array(w, "documents");
}

/* How many it copied; -1. */
static int64_t clone(const struct moving *v)
{
    struct sim *from = v->c->shard[v->x->chunk[v->chunk].shard], *to = v->c->shard[v->to];
    const struct sim_coll *coll = sim_primary(from) ? sim_coll_find(&sim_primary(from)->cat, v->x->ns) : NULL;
    const char *name = strchr(v->x->ns, '.') + 1;
    struct sim_w w;
    int64_t n = 0;
    int rc = 0;
    sim_w_init(&w);
    begin_insert(v, &w, name);
    for (uint64_t rid = 0; coll && rc == 0 && (rid = sim_records_from(&coll->records, rid + 1));) {
        const struct sim_doc *d = sim_records_get(&coll->records, rid);
        if (sim_chunk_of(v->x, d->bson) != v->chunk)
            continue;
        sim_w_copy(&w, NULL, d->bson);
        if (++n % BATCH == 0) {
            sim_w_end(&w);
            rc = command(to, &w);
            begin_insert(v, &w, name);
        }
    }
    if (rc == 0 && n % BATCH) {
        sim_w_end(&w);
        rc = command(to, &w);
    }
    sim_w_release(&w);
    return coll && rc == 0 ? n : -1;
}

static int forget(const struct moving *v, int shard)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "delete", strchr(v->x->ns, '.') + 1);
    sim_w_text_n(&w, "$db", v->x->ns, strcspn(v->x->ns, "."));
    sim_w_array(&w, "deletes");
    sim_w_doc(&w, NULL);
    sim_w_doc(&w, "q");
    put_range(v, &w);
    sim_w_end(&w);
    sim_w_i32(&w, "limit", 0);
    sim_w_end(&w);
    sim_w_end(&w);
    int rc = command(v->c->shard[shard], &w);
    sim_w_release(&w);
    return rc;
}

static int tell(const struct moving *v, struct sim *by, const char *what, int from, int64_t cloned)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_copy(&w, "min", sim_chunk_min(v->x, v->chunk));
    sim_chunk_put_max(v->x, v->chunk, &w, "max");
    sim_w_text(&w, "from", v->c->shard[from]->set_name);
    sim_w_text(&w, "to", v->c->shard[v->to]->set_name);
    if (cloned >= 0) {
        sim_w_doc(&w, "counts");
        sim_w_i64(&w, "cloned", cloned);
        sim_w_end(&w);
    }
    const uint8_t *done = sim_w_done(&w);
    int rc = done ? sim_config_tell(v->c, by, "changelog", what, v->x->ns, done) : -1;
    sim_w_release(&w);
    return rc;
}

static void end_round(struct sim_cluster *c, int64_t moved)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i32(&w, "executionTimeMillis", CLONE_US / 1000);
    sim_w_bool(&w, "errorOccured", moved == 0);
    sim_w_i32(&w, "candidateChunks", 1);
    sim_w_i32(&w, "chunksMoved", moved);
    const uint8_t *done = sim_w_done(&w);
    c->rounds++;
    if (!done || sim_config_tell(c, c->router, "actionlog", "balancer.round", "", done))
        c->failed++;
    sim_w_release(&w);
}

static void on_cloned(struct sim *s, void *ctx)
{
    struct moving *v = ctx;
    struct sim_cluster *c = v->c;
    struct sim_chunk *k = &v->x->chunk[v->chunk];
    int from = k->shard;
    (void)s;
    int64_t cloned = sim_primary(c->shard[from]) && sim_primary(c->shard[v->to]) ? clone(v) : -1;
    int rc = cloned < 0 ? -1 : 0;
    if (rc == 0) {
        k->shard = v->to;
        k->major = ++v->x->major;
        rc = sim_config_update_chunk(c, v->x, v->chunk);
        c->moved++;
        if (tell(v, c->shard[from], "moveChunk.commit", from, cloned) || tell(v, c->shard[v->to], "moveChunk.to", from, -1) || forget(v, from))
            c->failed++;
    } else {
        c->failed++; /* what was copied goes again */
        if (sim_primary(c->shard[v->to]) && forget(v, v->to))
            c->failed++;
        rc = tell(v, c->shard[from], "moveChunk.error", from, -1);
    }
    end_round(c, cloned >= 0 && rc == 0);
    free(v);
}

int sim_chunk_move(struct sim_cluster *c, struct sim_sharded *x, struct sim_val value, int to)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, x->field[0], value);
    const uint8_t *at = sim_w_done(&w);
    unsigned chunk = at ? sim_chunk_of(x, at) : 0;
    sim_w_release(&w);
    if (!at)
        return -1;
    if (x->chunk[chunk].shard == to || to < 0 || to >= c->shards || c->stopped)
        return 0;
    struct moving *v = malloc(sizeof *v);
    if (!v)
        return -1;
    *v = (struct moving){c, x, chunk, to};
    if (tell(v, c->shard[x->chunk[chunk].shard], "moveChunk.start", x->chunk[chunk].shard, -1) || sim_at(c->router, c->router->now + CLONE_US, on_cloned, v, free)) {
        free(v);
        return -1;
    }
    return 0;
}
