/* SPDX-License-Identifier: Apache-2.0
 *
 * What only a mongos is asked: its shards and its balancer, the operations of all, and what it refuses. And the table of rows. */
#include "route.h"

#include <signalbox/base/clock.h>

#include <stdlib.h>
#include <string.h>

/* ---- operations ---- */

struct sim_doc *sim_route_shown_op(const char *shard, const uint8_t *doc)
{
    struct sim_w w;
    struct sim_elem e;
    sim_w_init(&w);
    sim_w_text(&w, "shard", shard);
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
        if (strcmp(e.key, "opid") == 0)
            sim_w_textf(&w, "opid", "%s:%lld", shard, (long long)sim_int(e.v, 0));
        else
            sim_w_val(&w, strcmp(e.key, "client") == 0 ? "client_s" : e.key, e.v);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

int sim_plan_current_op(struct sim_routed *r)
{
    struct sim_val pipeline = sim_find(r->body->bson, "pipeline");
    static char name[] = "$cmd.aggregate";
    struct sim_w w, *stages;
    struct sim_elem e;
    int rc = 0;
    if (strcmp(r->db, "admin") != 0 || !sim_is_number(sim_find(r->body->bson, "aggregate").type))
        return sim_fail(&r->fail, SIM_INVALID_NAMESPACE, "$currentOp must be run against the 'admin' database with {aggregate: 1}");
    struct sim_iter it = sim_iter_of(pipeline.p);
    sim_next(&it, &e);
    r->tags = true;
    r->coll_shown = name;
    stages = sim_route_stages(r);
    struct sim_elem rest;
    for (struct sim_iter more = it; sim_next(&more, &rest);)
        sim_w_val(stages, NULL, rest.v);
    sim_w_end(stages);
    r->batch = sim_int(sim_path(r->body->bson, "cursor.batchSize"), -1);
    sim_w_init(&w);
    for (int shard = 0; rc == 0 && shard < r->c->shards; shard++) {
        sim_w_i32(&w, "aggregate", 1);
        sim_w_array(&w, "pipeline");
        sim_w_val(&w, NULL, e.v);
        sim_w_end(&w);
        sim_w_doc(&w, "cursor");
        sim_w_end(&w);
        sim_route_common(r, &w);
        rc = sim_route_leg(r, shard, &w);
    }
    sim_w_release(&w);
    return rc;
}

int sim_merge_current_op(struct sim_routed *r, struct sim_w *w)
{
    struct sim_elem e;
    if (sim_route_failed(r))
        return -1;
    sim_w_array(w, "inprog");
    for (int i = 0; i < r->legs; i++) {
        struct sim_val list = sim_find(r->leg[i].reply->bson, "inprog");
        for (struct sim_iter it = sim_iter_of(list.type == BSON_TYPE_ARRAY ? list.p : (const uint8_t *)"\5\0\0\0"); sim_next(&it, &e);) {
            struct sim_doc *d = sim_route_shown_op(sim_route_shard(r, i), e.v.p);
            if (d)
                sim_w_copy(w, NULL, d->bson);
            sim_doc_unref(d);
        }
    }
    sim_w_end(w);
    return 0;
}

/* {killOp: 1, op: "shard0:79014"} */
int sim_plan_kill_op(struct sim_routed *r)
{
    struct sim_val op = sim_find(r->body->bson, "op");
    const char *text = sim_is_text(op.type) ? sim_text(op) : "", *colon = strchr(text, ':');
    struct sim_w w;
    if (!colon)
        return sim_fail(&r->fail, SIM_TYPE_MISMATCH, "The op argument to killOp must be of the format shardid:opid but found \"%.60s\"", text);
    for (int i = 0; i < r->c->shards; i++) {
        const char *name = r->c->shard[i]->set_name;
        if (strlen(name) != (size_t)(colon - text) || memcmp(name, text, strlen(name)) != 0)
            continue;
        sim_w_init(&w);
        sim_w_i32(&w, "killOp", 1);
        sim_w_i32(&w, "op", strtoll(colon + 1, NULL, 10));
        sim_route_common(r, &w);
        int rc = sim_route_leg(r, i, &w);
        sim_w_release(&w);
        return rc;
    }
    return sim_fail(&r->fail, 70, "Shard %.*s not found", (int)(colon - text), text);
}

/* ---- shards and the balancer ---- */

int sim_plan_nobody(struct sim_routed *r)
{
    if (strcmp(r->db, "admin") != 0)
        return sim_fail(&r->fail, SIM_UNAUTHORIZED, "%s may only be run against the admin database.", r->verb->name);
    return 0;
}

int sim_merge_list_shards(struct sim_routed *r, struct sim_w *w)
{
    sim_w_array(w, "shards");
    for (int i = 0; i < r->c->shards; i++) {
        struct sb_str host;
        sb_str_init(&host);
        sim_shard_host(r->c->shard[i], &host);
        sim_w_doc(w, NULL);
        sim_w_text(w, "_id", r->c->shard[i]->set_name);
        sim_w_text(w, "host", sb_str_ok(&host) ? host.p : "");
        sim_w_i32(w, "state", 1);
        sim_w_ts(w, "topologyTime", (uint64_t)(r->c->router->start / 1000000) << 32 | 1);
        sim_w_end(w);
        sb_str_release(&host);
    }
    sim_w_end(w);
    return 0;
}

int sim_merge_shard_map(struct sim_routed *r, struct sim_w *w)
{
    sim_w_doc(w, "map");
    sim_w_textf(w, "config", "%s/%s", r->c->router->set_name, r->c->router->member[0].name);
    for (int i = 0; i < r->c->shards; i++) {
        struct sb_str host;
        sb_str_init(&host);
        sim_shard_host(r->c->shard[i], &host);
        sim_w_text(w, r->c->shard[i]->set_name, sb_str_ok(&host) ? host.p : "");
        sb_str_release(&host);
    }
    sim_w_end(w);
    sim_w_doc(w, "hosts");
    for (int i = 0; i < r->c->shards; i++)
        for (int k = 0; k < r->c->shard[i]->members; k++)
            sim_w_text(w, r->c->shard[i]->member[k].name, r->c->shard[i]->set_name);
    sim_w_end(w);
    return 0;
}

int sim_merge_balancer(struct sim_routed *r, struct sim_w *w)
{
    struct sim_cluster *c = r->c;
    if (strcmp(r->verb->name, "balancerStatus") != 0) {
        c->stopped = strcmp(r->verb->name, "balancerStop") == 0;
        return sim_config_balancer(c) ? sim_fail_nomem(&r->fail) : 0;
    }
    sim_w_text(w, "mode", c->stopped ? "off" : "full");
    sim_w_bool(w, "inBalancerRound", false);
    sim_w_i64(w, "numBalancerRounds", c->rounds);
    return 0;
}

/* ---- refused ---- */

int sim_plan_refused(struct sim_routed *r)
{
    bool repl = strncmp(r->verb->name, "replSet", 7) == 0;
    if (repl)
        return sim_fail(&r->fail, 125, "%s is not supported through mongos", r->verb->name);
    return sim_fail(&r->fail, SIM_COMMAND_NOT_FOUND, "no such command: '%s'", r->verb->name);
}

int sim_plan_profile(struct sim_routed *r)
{
    int64_t level = sim_int(sim_find(r->body->bson, "profile"), -1);
    if (level > 0)
        return sim_fail(&r->fail, SIM_INVALID_OPTIONS, "Profiling is not permitted on mongoS");
    return sim_route_forward(r, 1);
}

const struct sim_verb sim_verbs[] = {
    {"aggregate", NULL, sim_plan_aggregate, NULL, true, false, SIM_OP_COMMAND},
    {"balancerStart", NULL, sim_plan_nobody, sim_merge_balancer, false, true, SIM_OP_COMMAND},
    {"balancerStatus", NULL, sim_plan_nobody, sim_merge_balancer, false, true, SIM_OP_COMMAND},
    {"balancerStop", NULL, sim_plan_nobody, sim_merge_balancer, false, true, SIM_OP_COMMAND},
    {"collMod", NULL, sim_plan_everywhere, sim_merge_raw, false, false, SIM_OP_COMMAND},
    {"collStats", "collstats", sim_plan_everywhere, sim_merge_coll_stats, false, false, SIM_OP_COMMAND},
    {"compact", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"convertToCapped", NULL, sim_plan_first, NULL, false, false, SIM_OP_COMMAND},
    {"count", NULL, sim_plan_count, sim_merge_count, false, false, SIM_OP_COMMAND},
    {"create", NULL, sim_plan_first, NULL, false, false, SIM_OP_COMMAND},
    {"createIndexes", NULL, sim_plan_create_indexes, sim_merge_raw, false, false, SIM_OP_COMMAND},
    {"currentOp", NULL, sim_plan_all_shards, sim_merge_current_op, false, true, SIM_OP_COMMAND},
    {"dbHash", "dbhash", sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"dbStats", "dbstats", sim_plan_all_shards, sim_merge_db_stats, false, false, SIM_OP_COMMAND},
    {"delete", NULL, sim_plan_delete, sim_merge_write, false, false, SIM_OP_DELETE},
    {"distinct", NULL, sim_plan_distinct, sim_merge_distinct, false, false, SIM_OP_COMMAND},
    {"drop", NULL, sim_plan_everywhere, sim_merge_raw, false, false, SIM_OP_COMMAND},
    {"dropDatabase", NULL, sim_plan_drop_database, NULL, false, false, SIM_OP_COMMAND},
    {"dropIndexes", "deleteIndexes", sim_plan_everywhere, sim_merge_raw, false, false, SIM_OP_COMMAND},
    {"explain", NULL, sim_plan_explain, sim_merge_explain, false, false, SIM_OP_COMMAND},
    {"find", NULL, sim_plan_find, NULL, true, false, SIM_OP_QUERY},
    {"findAndModify", "findandmodify", sim_plan_modify, NULL, false, false, SIM_OP_COMMAND},
    {"getShardMap", NULL, sim_plan_nobody, sim_merge_shard_map, false, true, SIM_OP_COMMAND},
    {"insert", NULL, sim_plan_insert, sim_merge_write, false, false, SIM_OP_INSERT},
    {"killOp", NULL, sim_plan_kill_op, NULL, false, true, SIM_OP_COMMAND},
    {"listCollections", NULL, sim_plan_list, NULL, true, false, SIM_OP_COMMAND},
    {"listDatabases", NULL, sim_plan_all_shards, sim_merge_databases, false, true, SIM_OP_COMMAND},
    {"listIndexes", NULL, sim_plan_list, NULL, true, false, SIM_OP_COMMAND},
    {"listShards", NULL, sim_plan_nobody, sim_merge_list_shards, false, true, SIM_OP_COMMAND},
    {"lockInfo", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"profile", NULL, sim_plan_profile, NULL, false, false, SIM_OP_COMMAND},
    {"renameCollection", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetFreeze", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetGetConfig", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetGetRBID", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetGetStatus", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetReconfig", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"replSetStepDown", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"top", NULL, sim_plan_refused, NULL, false, true, SIM_OP_COMMAND},
    {"update", NULL, sim_plan_update, sim_merge_write, false, false, SIM_OP_UPDATE},
};
const size_t sim_verbs_n = SB_COUNT(sim_verbs);
