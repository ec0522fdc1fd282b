/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes through a mongos: each statement goes to the shard that its key names, or to all that may have what it is about. */
#include "route.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

/* The statements of a write, which come as a sequence or in the body. */
struct statements {
    const uint8_t *at, *end;
    struct sim_iter it;
    bool is_array, broken; /* broken: one was no document */
};

static int begin(struct sim_routed *r, const char *name, struct statements *s)
{
    struct sim_val v = sim_find(r->body->bson, name);
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < r->rq->seq_n; i++)
        if (strcmp(r->rq->seq[i].name, name) == 0) {
            s->at = r->rq->seq[i].p;
            s->end = s->at + r->rq->seq[i].n;
            return 0;
        }
    if (v.type != BSON_TYPE_ARRAY)
        return sim_fail(&r->fail, v.type ? SIM_TYPE_MISMATCH : SIM_MISSING_FIELD, "BSON field '%s.%s' is missing or no array", r->verb->name, name);
    s->is_array = true;
    s->it = sim_iter_of(v.p);
    return 0;
}

static const uint8_t *next(struct statements *s)
{
    struct sim_elem e;
    if (s->is_array && sim_next(&s->it, &e)) {
        s->broken = e.v.type != BSON_TYPE_DOCUMENT;
        return s->broken ? NULL : e.v.p;
    }
    if (s->is_array)
        return NULL;
    const uint8_t *p = s->at < s->end ? s->at : NULL;
    s->at += p ? sim_doc_len(p) : 0;
    return p;
}

/* Which shards one statement goes to; 0 with the error. */
typedef unsigned (*target_fn)(struct sim_routed *r, const uint8_t *statement);

static int add_index(struct sim_leg *leg, uint32_t i)
{
    if (SB_GROW(leg->index, leg->index_cap, leg->index_n + 1))
        return -1;
    leg->index[leg->index_n++] = i;
    return 0;
}

static int plan(struct sim_routed *r, const char *name, target_fn target)
{
    struct sim_leg made[SIM_SHARDS_MAX] = {{0}};
    struct sim_w w[SIM_SHARDS_MAX];
    struct statements s;
    int rc = begin(r, name, &s);
    for (int i = 0; i < r->c->shards; i++) {
        sim_w_init(&w[i]);
        sim_w_text(&w[i], r->verb->name, r->coll);
        sim_w_val(&w[i], "ordered", sim_find(r->body->bson, "ordered"));
        sim_w_val(&w[i], "bypassDocumentValidation", sim_find(r->body->bson, "bypassDocumentValidation"));
        sim_route_common(r, &w[i]);
        sim_w_array(&w[i], name);
    }
    uint32_t n = 0;
    for (const uint8_t *one; rc == 0 && (one = next(&s)); n++) {
        unsigned mask = target(r, one);
        rc = mask ? 0 : -1;
        for (int i = 0; rc == 0 && i < r->c->shards; i++)
            if (mask >> i & 1) {
                sim_w_copy(&w[i], NULL, one);
                rc = add_index(&made[i], n) ? sim_fail_nomem(&r->fail) : 0;
            }
    }
    if (rc == 0 && s.broken)
        rc = sim_fail(&r->fail, SIM_TYPE_MISMATCH, "BSON field '%s.%s.%u' is no object", r->verb->name, name, n);
    if (rc == 0 && n == 0)
        rc = sim_fail(&r->fail, 16, "Write batch sizes must be between 1 and 100000. Got 0 operations.");
    for (int i = 0; i < r->c->shards; i++) {
        if (rc == 0 && made[i].index_n) {
            sim_w_end(&w[i]);
            rc = sim_route_leg(r, i, &w[i]);
            if (rc == 0) {
                r->leg[r->legs - 1].index = made[i].index;
                r->leg[r->legs - 1].index_n = made[i].index_n;
                made[i].index = NULL;
            }
        }
        free(made[i].index);
        sim_w_release(&w[i]);
    }
    return rc;
}

static unsigned of_document(struct sim_routed *r, const uint8_t *doc)
{
    return r->x ? 1u << r->x->chunk[sim_chunk_of(r->x, doc)].shard : 1;
}

static bool names_id(struct sim_val q)
{
    struct sim_val id = q.type == BSON_TYPE_DOCUMENT ? sim_find(q.p, "_id") : sim_missing;
    return id.type && (id.type != BSON_TYPE_DOCUMENT || sim_is_empty(id.p));
}

static unsigned of_update(struct sim_routed *r, const uint8_t *u)
{
    struct sim_val q = sim_find(u, "q");
    unsigned mask;
    bool exact;
    if (sim_route_target(r, q, &mask, &exact))
        return 0;
    bool one = !sim_truth(sim_find(u, "multi"));
    if (sim_truth(sim_find(u, "upsert")) && !exact) {
        sim_fail(&r->fail, 61, "Failed to target upsert by query :: could not extract exact shard key");
        return 0;
    }
    if (one && !exact && !names_id(q)) {
        sim_fail(&r->fail, SIM_INVALID_OPTIONS, "A {multi:false} update on a sharded collection must either contain an exact match on _id or contain the shard key");
        return 0;
    }
    return mask;
}

static unsigned of_delete(struct sim_routed *r, const uint8_t *d)
{
    struct sim_val q = sim_find(d, "q");
    unsigned mask;
    bool exact;
    if (sim_route_target(r, q, &mask, &exact))
        return 0;
    if (sim_int(sim_find(d, "limit"), 0) == 1 && !exact && !names_id(q)) {
        sim_fail(&r->fail, 61, "A single delete on a sharded collection must contain an exact match on _id or contain the shard key");
        return 0;
    }
    return mask;
}

int sim_plan_insert(struct sim_routed *r)
{
    return plan(r, "documents", of_document);
}

int sim_plan_update(struct sim_routed *r)
{
    return plan(r, "updates", of_update);
}

int sim_plan_delete(struct sim_routed *r)
{
    return plan(r, "deletes", of_delete);
}

int sim_plan_modify(struct sim_routed *r)
{
    unsigned mask;
    bool exact;
    if (sim_route_target(r, sim_find(r->body->bson, "query"), &mask, &exact))
        return -1;
    if (!exact)
        return sim_fail(&r->fail, 61, "Query for sharded findAndModify must contain the shard key");
    return sim_route_forward(r, mask);
}

/* Elements of the shards' lists, under the client's own numbers. */
static void put_list(const struct sim_routed *r, struct sim_w *w, const char *name)
{
    bool any = false;
    struct sim_elem e, f;
    for (int i = 0; i < r->legs; i++)
        any = any || sim_find(r->leg[i].reply->bson, name).type == BSON_TYPE_ARRAY;
    if (!any)
        return;
    sim_w_array(w, name);
    for (int i = 0; i < r->legs; i++) {
        struct sim_val list = sim_find(r->leg[i].reply->bson, name);
        for (struct sim_iter it = sim_iter_of(list.type == BSON_TYPE_ARRAY ? list.p : (const uint8_t *)"\5\0\0\0"); sim_next(&it, &e);) {
            int64_t at = sim_int(sim_find(e.v.p, "index"), 0);
            sim_w_doc(w, NULL);
            for (struct sim_iter in = sim_iter_of(e.v.p); sim_next(&in, &f);)
                if (strcmp(f.key, "index") == 0 && at >= 0 && (size_t)at < r->leg[i].index_n)
                    sim_w_i32(w, "index", r->leg[i].index[at]);
                else
                    sim_w_val(w, f.key, f.v);
            sim_w_end(w);
        }
    }
    sim_w_end(w);
}

int sim_merge_write(struct sim_routed *r, struct sim_w *w)
{
    int64_t n = 0, modified = 0;
    bool counts = strcmp(r->verb->name, "update") == 0;
    if (sim_route_failed(r))
        return -1;
    for (int i = 0; i < r->legs; i++) {
        n += sim_int(sim_find(r->leg[i].reply->bson, "n"), 0);
        modified += sim_int(sim_find(r->leg[i].reply->bson, "nModified"), 0);
    }
    sim_w_i32(w, "n", n);
    if (counts)
        sim_w_i32(w, "nModified", modified);
    put_list(r, w, "upserted");
    put_list(r, w, "writeErrors");
    for (int i = 0; i < r->legs; i++)
        if (sim_find(r->leg[i].reply->bson, "writeConcernError").type) {
            sim_w_val(w, "writeConcernError", sim_find(r->leg[i].reply->bson, "writeConcernError"));
            break;
        }
    return 0;
}
