/* SPDX-License-Identifier: Apache-2.0
 *
 * explain through a mongos: the shards' explanations side by side, below a stage that says how they are put together. */
#include "route.h"

#include <string.h>

static struct sim_val filter_of(const uint8_t *inner, const char *name)
{
    if (strcmp(name, "find") == 0)
        return sim_find(inner, "filter");
    if (strcmp(name, "aggregate") == 0)
        return sim_path(inner, "pipeline.0.$match");
    if (strcmp(name, "update") == 0)
        return sim_path(inner, "updates.0.q");
    return strcmp(name, "delete") == 0 ? sim_path(inner, "deletes.0.q") : sim_find(inner, "query");
}

int sim_plan_explain(struct sim_routed *r)
{
    struct sim_val inner = sim_find(r->body->bson, "explain");
    struct sim_elem e;
    unsigned mask;
    bool exact;
    if (inner.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&r->fail, SIM_TYPE_MISMATCH, "BSON field 'explain.explain' is the wrong type '%s', expected type 'object'", sim_type_name(inner.type));
    struct sim_iter it = sim_iter_of(inner.p);
    if (!sim_next(&it, &e) || !sim_is_text(e.v.type))
        return sim_fail(&r->fail, SIM_FAILED_TO_PARSE, "explain command requires a nested object");
    snprintf(r->coll, sizeof r->coll, "%s", sim_text(e.v));
    snprintf(r->ns, sizeof r->ns, "%.127s.%.140s", r->db, r->coll);
    r->x = sim_sharded_find(r->c, r->ns);
    return sim_route_target(r, filter_of(inner.p, e.key), &mask, &exact) ? -1 : sim_route_forward(r, mask);
}

static void put_host(const struct sim_routed *r, int leg, struct sim_w *w, const char *key)
{
    struct sb_str host;
    sb_str_init(&host);
    sim_shard_host(r->c->shard[r->leg[leg].shard], &host);
    sim_w_text(w, key, sb_str_ok(&host) ? host.p : "");
    sb_str_release(&host);
}

static const char *stage_of(const struct sim_routed *r)
{
    bool sorted = sim_path(r->body->bson, "explain.sort").type == BSON_TYPE_DOCUMENT;
    return r->legs == 1 ? "SINGLE_SHARD" : sorted ? "SHARD_MERGE_SORT" : "SHARD_MERGE";
}

static void put_planner(const struct sim_routed *r, struct sim_w *w)
{
    sim_w_doc(w, "queryPlanner");
    sim_w_i32(w, "mongosPlannerVersion", 1);
    sim_w_doc(w, "winningPlan");
    sim_w_text(w, "stage", stage_of(r));
    sim_w_array(w, "shards");
    for (int i = 0; i < r->legs; i++) {
        const uint8_t *reply = r->leg[i].reply->bson;
        struct sim_val planner = sim_find(reply, "queryPlanner");
        sim_w_doc(w, NULL);
        sim_w_text(w, "shardName", sim_route_shard(r, i));
        put_host(r, i, w, "connectionString");
        sim_w_val(w, "serverInfo", sim_find(reply, "serverInfo"));
        if (planner.type == BSON_TYPE_DOCUMENT)
            sim_w_all(w, planner.p);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
}

static int64_t sum(const struct sim_routed *r, const char *path)
{
    int64_t n = 0;
    for (int i = 0; i < r->legs; i++)
        n += sim_int(sim_path(r->leg[i].reply->bson, path), 0);
    return n;
}

static void put_stats(const struct sim_routed *r, struct sim_w *w)
{
    int64_t most = 0;
    for (int i = 0; i < r->legs; i++) {
        int64_t ms = sim_int(sim_path(r->leg[i].reply->bson, "executionStats.executionTimeMillis"), 0);
        most = ms > most ? ms : most;
    }
    sim_w_doc(w, "executionStats");
    for (int deep = 0; deep < 2; deep++) {
        if (deep) {
            sim_w_doc(w, "executionStages");
            sim_w_text(w, "stage", stage_of(r));
        }
        sim_w_int(w, "nReturned", sum(r, "executionStats.nReturned"));
        sim_w_int(w, "executionTimeMillis", most);
        sim_w_int(w, "totalKeysExamined", sum(r, "executionStats.totalKeysExamined"));
        sim_w_int(w, "totalDocsExamined", sum(r, "executionStats.totalDocsExamined"));
    }
    sim_w_i64(w, "totalChildMillis", sum(r, "executionStats.executionTimeMillis"));
    sim_w_array(w, "shards");
    for (int i = 0; i < r->legs; i++) {
        struct sim_val stats = sim_find(r->leg[i].reply->bson, "executionStats");
        sim_w_doc(w, NULL);
        sim_w_text(w, "shardName", sim_route_shard(r, i));
        if (stats.type == BSON_TYPE_DOCUMENT)
            sim_w_all(w, stats.p);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
}

/* An aggregation is told shard by shard. */
static void put_pipelines(const struct sim_routed *r, struct sim_w *w)
{
    static const char *const parts[] = {"queryPlanner", "executionStats", "stages"};
    sim_w_doc(w, "shards");
    for (int i = 0; i < r->legs; i++) {
        sim_w_doc(w, sim_route_shard(r, i));
        sim_w_text(w, "host", r->c->shard[r->leg[i].shard]->member[0].name);
        for (size_t k = 0; k < SB_COUNT(parts); k++)
            sim_w_val(w, parts[k], sim_find(r->leg[i].reply->bson, parts[k]));
        sim_w_end(w);
    }
    sim_w_end(w);
}

int sim_merge_explain(struct sim_routed *r, struct sim_w *w)
{
    if (sim_route_failed(r))
        return -1;
    const uint8_t *first = r->leg[0].reply->bson;
    if (sim_path(r->body->bson, "explain.aggregate").type) {
        put_pipelines(r, w);
    } else {
        put_planner(r, w);
        if (sim_find(first, "executionStats").type)
            put_stats(r, w);
    }
    sim_w_val(w, "serverInfo", sim_find(first, "serverInfo"));
    sim_w_val(w, "serverParameters", sim_find(first, "serverParameters"));
    sim_w_val(w, "command", sim_find(first, "command"));
    return 0;
}
