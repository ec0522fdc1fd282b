/* SPDX-License-Identifier: Apache-2.0 */
#include "query_stats.h"

#include <signalbox/base/hash.h>
#include <signalbox/base/record.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct sum {
    int64_t sum, least, most;
    double squares;
};

struct counted {
    int member;
    uint64_t hash;
    struct sim_doc *key;
    int64_t executions, first_us, last_us, last_took_us, sorted, on_disk, several_plans;
    struct sum took, returned, keys, docs;
};

struct sim_query_stats {
    struct counted *list;
    size_t n;
};

struct sim_query_stats *sim_query_stats_new(void)
{
    return calloc(1, sizeof(struct sim_query_stats));
}

void sim_query_stats_free(struct sim_query_stats *q)
{
    for (size_t i = 0; q && i < q->n; i++)
        sim_doc_unref(q->list[i].key);
    if (q)
        free(q->list);
    free(q);
}

/* ---- counting ---- */

static struct sim_doc *key_of(const struct sim_op *op)
{
    const struct sim_doc *command = op->originating ? op->originating : op->command;
    struct sim_doc *key = NULL;
    struct sim_w w;
    if (!command)
        return NULL;
    sim_w_init(&w);
    sim_w_doc(&w, "queryShape");
    if (sim_query_shape(&w, op->m->sim, op->ns, command->bson)) {
        sim_w_end(&w);
        sim_w_doc(&w, "client");
        sim_w_doc(&w, "application");
        sim_w_text(&w, "name", op->conn->app);
        sim_w_end(&w);
        sim_w_end(&w);
        sim_w_text(&w, "collectionType", op->base ? "view" : "collection");
        const uint8_t *done = sim_w_done(&w);
        key = done ? sim_doc_new(done) : NULL;
    }
    sim_w_release(&w);
    return key;
}

static struct counted *entry_of(struct sim_query_stats *q, const struct sim_op *op)
{
    struct sim_doc *key = key_of(op);
    if (!key)
        return NULL;
    uint32_t n = sim_doc_len(key->bson);
    uint64_t hash = sb_fnv1a(SB_FNV_START, key->bson, n);
    for (size_t i = 0; i < q->n; i++) {
        struct counted *c = &q->list[i];
        if (c->hash == hash && c->member == op->m->id && sim_doc_len(c->key->bson) == n && memcmp(c->key->bson, key->bson, n) == 0) {
            sim_doc_unref(key);
            return c;
        }
    }
    struct counted *c = q->n < SIM_QUERY_STATS_SHAPES ? sb_list_push((void **)&q->list, &q->n, sizeof *q->list) : NULL;
    if (c)
        *c = (struct counted){.member = op->m->id, .hash = hash, .key = key, .first_us = op->m->sim->now};
    else
        sim_doc_unref(key);
    return c;
}

static void add(struct sum *s, int64_t v, bool first)
{
    s->least = first || v < s->least ? v : s->least;
    s->most = first || v > s->most ? v : s->most;
    s->sum += v;
    s->squares += (double)v * (double)v;
}

void sim_query_stats_count(struct sim_query_stats *q, const struct sim_op *op)
{
    struct counted *c = op->error || op->is_statement ? NULL : entry_of(q, op);
    if (!c)
        return;
    bool first = c->executions == 0;
    c->executions += !op->originating; /* a later batch is of the same execution */
    c->last_us = op->m->sim->now;
    c->last_took_us = op->latency_us;
    c->sorted += op->has_sort;
    c->on_disk += op->used_disk;
    c->several_plans += op->from_multi;
    add(&c->took, op->latency_us, first);
    add(&c->returned, op->nreturned > 0 ? op->nreturned : 0, first);
    add(&c->keys, op->keys, first);
    add(&c->docs, op->docs, first);
}

/* ---- telling ---- */

static void put_sum(struct sim_w *w, const char *name, const struct sum *s)
{
    sim_w_doc(w, name);
    sim_w_i64(w, "sum", s->sum);
    sim_w_i64(w, "max", s->most);
    sim_w_i64(w, "min", s->least);
    sim_w_decimal(w, "sumOfSquares", (long double)floor(s->squares));
    sim_w_end(w);
}

static void put_flags(struct sim_w *w, const char *name, int64_t yes, int64_t of)
{
    sim_w_doc(w, name);
    sim_w_i64(w, "true", yes);
    sim_w_i64(w, "false", of > yes ? of - yes : 0);
    sim_w_end(w);
}

static struct sim_doc *doc_of(const struct sim *s, const struct counted *c)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_doc(&w, "key");
    sim_w_all(&w, c->key->bson);
    sim_w_end(&w);
    sim_w_textf(&w, "keyHash", "%016llX", (unsigned long long)c->hash);
    sim_w_ts(&w, "asOf", (uint64_t)(s->now / 1000000) << 32);
    sim_w_doc(&w, "metrics");
    sim_w_i64(&w, "lastExecutionMicros", c->last_took_us);
    sim_w_i64(&w, "execCount", c->executions);
    put_sum(&w, "totalExecMicros", &c->took);
    put_sum(&w, "firstResponseExecMicros", &c->took);
    put_sum(&w, "docsReturned", &c->returned);
    if (sim_since(s, 8)) {
        put_sum(&w, "keysExamined", &c->keys);
        put_sum(&w, "docsExamined", &c->docs);
        put_flags(&w, "hasSortStage", c->sorted, c->executions);
        put_flags(&w, "usedDisk", c->on_disk, c->executions);
        put_flags(&w, "fromMultiPlanner", c->several_plans, c->executions);
    }
    sim_w_date(&w, "firstSeenTimestamp", c->first_us / 1000);
    sim_w_date(&w, "latestSeenTimestamp", c->last_us / 1000);
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *doc = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return doc;
}

int sim_query_stats_docs(struct sim_call *c, struct sim_docs *out)
{
    const struct sim_query_stats *q = c->s->query_stats;
    for (size_t i = 0; i < q->n; i++)
        if (q->list[i].member == c->m->id && q->list[i].executions && sim_docs_add(out, doc_of(c->s, &q->list[i])))
            return sim_fail_nomem(&c->fail);
    return 0;
}
