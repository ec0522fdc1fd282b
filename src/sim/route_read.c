/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions through a mongos: of the one shard that their filter names, or of all and put together. */
#include "route.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

#define LEG_BATCH 5000

static bool many(unsigned mask)
{
    return mask & (mask - 1);
}

/* The command's own fields but for those that the merge sees to. */
static void put_rest(const struct sim_routed *r, struct sim_w *w, const char *without)
{
    struct sim_elem e;
    char word[64];
    for (struct sim_iter it = sim_iter_of(r->body->bson); sim_next(&it, &e);) {
        snprintf(word, sizeof word, " %.60s ", e.key);
        if (e.key[0] != '$' && !strstr(without, word))
            sim_w_val(w, e.key, e.v);
    }
    sim_w_val(w, "$readPreference", sim_find(r->body->bson, "$readPreference"));
    sim_w_text(w, "$db", r->db);
}

static void put_stage(struct sim_w *w, const char *name, struct sim_val v)
{
    if (!v.type || (v.type == BSON_TYPE_DOCUMENT && sim_is_empty(v.p)))
        return;
    sim_w_doc(w, NULL);
    sim_w_val(w, name, v);
    sim_w_end(w);
}

/* ---- find ---- */

static int find_on_one(struct sim_routed *r, unsigned mask)
{
    struct sim_w w;
    sim_w_init(&w);
    put_rest(r, &w, " batchSize singleBatch ");
    sim_w_i32(&w, "batchSize", LEG_BATCH);
    int rc = sim_route_leg(r, __builtin_ctz(mask), &w);
    sim_w_release(&w);
    return rc;
}

/* Each shard sorts and limits for itself; the mongos sorts again, skips, limits and projects. */
static int find_on_many(struct sim_routed *r, unsigned mask)
{
    const uint8_t *b = r->body->bson;
    struct sim_val sort = sim_find(b, "sort"), project = sim_find(b, "projection");
    int64_t skip = sim_int(sim_find(b, "skip"), 0), limit = sim_int(sim_find(b, "limit"), 0);
    uint8_t skip_n[8], limit_n[8];
    struct sim_w w, *stages = sim_route_stages(r);
    put_stage(stages, "$sort", sort);
    if (skip > 0)
        put_stage(stages, "$skip", sim_val_i64(skip_n, skip));
    if (limit > 0)
        put_stage(stages, "$limit", sim_val_i64(limit_n, limit));
    put_stage(stages, "$project", project);
    sim_w_end(stages);
    int rc = 0;
    sim_w_init(&w);
    for (int shard = 0; rc == 0 && shard < r->c->shards; shard++) {
        if (!(mask >> shard & 1))
            continue;
        put_rest(r, &w, " batchSize singleBatch skip limit projection ");
        if (limit > 0)
            sim_w_i64(&w, "limit", limit + (skip > 0 ? skip : 0));
        sim_w_i32(&w, "batchSize", LEG_BATCH);
        rc = sim_route_leg(r, shard, &w);
    }
    sim_w_release(&w);
    return rc;
}

int sim_plan_find(struct sim_routed *r)
{
    const uint8_t *b = r->body->bson;
    unsigned mask;
    bool exact;
    if (sim_truth(sim_find(b, "tailable")))
        return sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "a tailable cursor through a mongos is not simulated");
    if (sim_route_target(r, sim_find(b, "filter"), &mask, &exact))
        return -1;
    r->batch = sim_int(sim_find(b, "batchSize"), -1);
    return many(mask) ? find_on_many(r, mask) : find_on_one(r, mask);
}

/* ---- aggregate ---- */

static bool is_source(const char *stage)
{
    return strcmp(stage, "$indexStats") == 0 || strcmp(stage, "$collStats") == 0 || strcmp(stage, "$planCacheStats") == 0;
}

/* Stages that look at one document at a time: each shard runs them by itself. */
static bool of_one_document(const char *stage)
{
    static const char *const names[] = {"$match", "$project", "$addFields", "$set", "$unset", "$unwind", "$replaceRoot", "$replaceWith"};
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (strcmp(stage, names[i]) == 0)
            return true;
    return false;
}

static bool next_stage(struct sim_iter *it, struct sim_elem *stage, struct sim_elem *op)
{
    struct sim_iter inner;
    if (!sim_next(it, stage) || stage->v.type != BSON_TYPE_DOCUMENT)
        return false;
    inner = sim_iter_of(stage->v.p);
    return sim_next(&inner, op);
}

/* Of another collection, which may lie on other shards, or into one. */
static int check_stages(struct sim_routed *r, struct sim_val pipeline)
{
    static const char *const others[] = {"$lookup", "$unionWith", "$facet", "$out", "$merge"};
    struct sim_elem stage, op;
    size_t n = 0;
    for (struct sim_iter it = sim_iter_of(pipeline.p); next_stage(&it, &stage, &op);)
        n++;
    if (n != sim_count(pipeline.p))
        return sim_fail(&r->fail, SIM_TYPE_MISMATCH, "Each element of the 'pipeline' array must be an object with one stage");
    for (struct sim_iter it = sim_iter_of(pipeline.p); r->x && next_stage(&it, &stage, &op);)
        for (size_t i = 0; i < SB_COUNT(others); i++)
            if (strcmp(op.key, others[i]) == 0)
                return sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "%s on a sharded collection is not simulated", op.key);
    return 0;
}

/* Writes the shards' part of the stages into w and the rest into the merge's. sampled and first limits are in both. */
static void split(struct sim_routed *r, struct sim_val pipeline, struct sim_w *w)
{
    struct sim_w *rest = sim_route_stages(r);
    struct sim_elem stage, op;
    bool shards = true;
    for (struct sim_iter it = sim_iter_of(pipeline.p); next_stage(&it, &stage, &op);) {
        bool source = is_source(op.key);
        r->tags = r->tags || source;
        if (shards && (source || of_one_document(op.key)))
            sim_w_val(w, NULL, stage.v);
        else if (shards && (strcmp(op.key, "$sample") == 0 || strcmp(op.key, "$limit") == 0))
            sim_w_val(w, NULL, stage.v);
        if (!shards || !(source || of_one_document(op.key)))
            sim_w_val(rest, NULL, stage.v);
        shards = shards && !source && of_one_document(op.key);
    }
    sim_w_end(rest);
}

static struct sim_val first_match(struct sim_val pipeline)
{
    struct sim_elem stage, op;
    struct sim_iter it = sim_iter_of(pipeline.p);
    return next_stage(&it, &stage, &op) && strcmp(op.key, "$match") == 0 ? op.v : sim_missing;
}

static int aggregate_leg(struct sim_routed *r, int shard, struct sim_val pipeline, bool whole)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, "aggregate", sim_find(r->body->bson, "aggregate"));
    if (whole) {
        sim_w_val(&w, "pipeline", pipeline);
    } else {
        sim_w_release(&r->stages);
        sim_w_init(&r->stages);
        sim_w_array(&w, "pipeline");
        split(r, pipeline, &w);
        sim_w_end(&w);
    }
    put_rest(r, &w, " aggregate pipeline cursor ");
    sim_w_doc(&w, "cursor");
    sim_w_i32(&w, "batchSize", LEG_BATCH);
    sim_w_end(&w);
    int rc = sim_route_leg(r, shard, &w);
    sim_w_release(&w);
    return rc;
}

int sim_plan_aggregate(struct sim_routed *r)
{
    const uint8_t *b = r->body->bson;
    struct sim_val pipeline = sim_find(b, "pipeline"), cursor = sim_find(b, "cursor");
    unsigned mask;
    bool exact;
    if (pipeline.type != BSON_TYPE_ARRAY)
        return sim_fail(&r->fail, SIM_TYPE_MISMATCH, "'pipeline' option must be specified as an array");
    if (sim_path(pipeline.p, "0.$changeStream").type)
        return sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "a change stream through a mongos is not simulated");
    if (sim_path(pipeline.p, "0.$currentOp").type == BSON_TYPE_DOCUMENT)
        return sim_plan_current_op(r);
    if (sim_truth(sim_find(b, "explain")))
        return sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "aggregate with explain through a mongos is not simulated: the command explain is");
    if (cursor.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&r->fail, SIM_FAILED_TO_PARSE, "The 'cursor' option is required, except for aggregate with the explain argument");
    if (check_stages(r, pipeline))
        return -1;
    r->batch = sim_int(sim_find(cursor.p, "batchSize"), -1);
    struct sim_val match = first_match(pipeline);
    if (match.type ? sim_route_target(r, match, &mask, &exact) != 0 : (mask = sim_route_all(r)) == 0)
        return -1;
    struct sim_iter it = sim_iter_of(pipeline.p);
    struct sim_elem stage, op;
    bool source = next_stage(&it, &stage, &op) && is_source(op.key);
    int rc = 0;
    for (int shard = 0; rc == 0 && shard < r->c->shards; shard++)
        if (mask >> shard & 1)
            rc = aggregate_leg(r, shard, pipeline, !many(mask) && !source);
    return rc;
}

/* ---- count, distinct ---- */

int sim_plan_count(struct sim_routed *r)
{
    const uint8_t *b = r->body->bson;
    struct sim_val query = sim_find(b, "query");
    unsigned mask;
    bool exact;
    int rc = 0;
    struct sim_w w;
    if (sim_route_target(r, query, &mask, &exact))
        return -1;
    sim_w_init(&w);
    for (int shard = 0; rc == 0 && shard < r->c->shards; shard++) {
        if (!(mask >> shard & 1))
            continue;
        put_rest(r, &w, " skip limit ");
        rc = sim_route_leg(r, shard, &w);
    }
    sim_w_release(&w);
    return rc;
}

int sim_merge_count(struct sim_routed *r, struct sim_w *w)
{
    int64_t n = 0, skip = sim_int(sim_find(r->body->bson, "skip"), 0), limit = sim_int(sim_find(r->body->bson, "limit"), 0);
    if (sim_route_failed(r))
        return -1;
    for (int i = 0; i < r->legs; i++)
        n += sim_int(sim_find(r->leg[i].reply->bson, "n"), 0);
    n = n > skip ? n - skip : 0;
    limit = limit < 0 ? -limit : limit;
    sim_w_int(w, "n", limit && n > limit ? limit : n);
    return 0;
}

int sim_plan_distinct(struct sim_routed *r)
{
    unsigned mask;
    bool exact;
    return sim_route_target(r, sim_find(r->body->bson, "query"), &mask, &exact) ? -1 : sim_route_forward(r, mask);
}

static int by_value(const void *a, const void *b)
{
    return sim_compare(*(const struct sim_val *)a, *(const struct sim_val *)b);
}

int sim_merge_distinct(struct sim_routed *r, struct sim_w *w)
{
    struct sim_val *all = NULL;
    size_t n = 0, cap = 0;
    struct sim_elem e;
    if (sim_route_failed(r))
        return -1;
    for (int i = 0; i < r->legs; i++) {
        struct sim_val values = sim_find(r->leg[i].reply->bson, "values");
        for (struct sim_iter it = sim_iter_of(values.type == BSON_TYPE_ARRAY ? values.p : (const uint8_t *)"\5\0\0\0"); sim_next(&it, &e);) {
            if (SB_GROW(all, cap, n + 1)) {
                free(all);
                return sim_fail_nomem(&r->fail);
            }
            all[n++] = e.v;
        }
    }
    if (n)
        qsort(all, n, sizeof *all, by_value);
    sim_w_array(w, "values");
    for (size_t i = 0; i < n; i++)
        if (i == 0 || sim_compare(all[i - 1], all[i]) != 0)
            sim_w_val(w, NULL, all[i]);
    sim_w_end(w);
    free(all);
    return 0;
}
