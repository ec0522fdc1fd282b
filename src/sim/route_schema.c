/* SPDX-License-Identifier: Apache-2.0
 *
 * What changes or tells about collections and indexes, through a mongos. The reply says in `raw` what each shard said; one that
 * failed makes the whole a failure, and what the others did stays. */
#include "route.h"

#include <signalbox/sim/text.h>

#include <string.h>

int sim_plan_everywhere(struct sim_routed *r)
{
    return sim_route_forward(r, sim_route_all(r));
}

/* No shard could tell whether a value is unique that another shard may have. */
static bool begins_with_shard_key(const struct sim_sharded *x, const uint8_t *key)
{
    struct sim_elem e;
    struct sim_iter it = sim_iter_of(key);
    for (unsigned i = 0; i < x->fields; i++)
        if (!sim_next(&it, &e) || strcmp(e.key, x->field[i]) != 0)
            return false;
    return true;
}

int sim_plan_create_indexes(struct sim_routed *r)
{
    struct sim_val list = sim_find(r->body->bson, "indexes");
    struct sim_elem e;
    if (!r->x || list.type != BSON_TYPE_ARRAY)
        return sim_plan_everywhere(r);
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);) {
        struct sim_val key = e.v.type == BSON_TYPE_DOCUMENT ? sim_find(e.v.p, "key") : sim_missing;
        if (key.type != BSON_TYPE_DOCUMENT || !sim_truth(sim_find(e.v.p, "unique")) || begins_with_shard_key(r->x, key.p))
            continue;
        struct sb_str unique, shard;
        sb_str_init(&unique);
        sb_str_init(&shard);
        sim_shell_doc(&unique, key.p);
        sim_shell_doc(&shard, r->x->key->bson);
        sim_fail(&r->fail, SIM_CANNOT_CREATE_INDEX, "cannot create unique index over %s with shard key pattern %s", sb_str_ok(&unique) ? unique.p : "?",
                 sb_str_ok(&shard) ? shard.p : "?");
        sb_str_release(&unique);
        sb_str_release(&shard);
        return -1;
    }
    return sim_plan_everywhere(r);
}

static void put_raw(const struct sim_routed *r, struct sim_w *w)
{
    struct sim_elem e;
    struct sb_str host;
    sim_w_doc(w, "raw");
    for (int i = 0; i < r->legs; i++) {
        sb_str_init(&host);
        sim_shard_host(r->c->shard[r->leg[i].shard], &host);
        sim_w_doc(w, sb_str_ok(&host) ? host.p : "?");
        for (struct sim_iter it = sim_iter_of(r->leg[i].reply->bson); sim_next(&it, &e);)
            if (e.key[0] != '$' && strcmp(e.key, "operationTime") != 0)
                sim_w_val(w, e.key, e.v);
        sim_w_end(w);
        sb_str_release(&host);
    }
    sim_w_end(w);
}

/* What only some shards lack is no failure of a drop. */
static bool ignorable(const struct sim_routed *r, const uint8_t *reply)
{
    int64_t code = sim_int(sim_find(reply, "code"), 0);
    bool drop = strcmp(r->verb->name, "dropIndexes") == 0;
    return code == SIM_NAMESPACE_NOT_FOUND || (drop && code == SIM_INDEX_NOT_FOUND);
}

int sim_merge_raw(struct sim_routed *r, struct sim_w *w)
{
    const uint8_t *bad = NULL;
    struct sim_elem e;
    struct sim_w extra;
    int good = 0;
    for (int i = 0; i < r->legs; i++) {
        const uint8_t *reply = r->leg[i].reply->bson;
        bool ok = sim_int(sim_find(reply, "ok"), 0) == 1;
        good += ok;
        if (!ok && (!bad || ignorable(r, bad)))
            bad = reply;
    }
    if (!bad || (good && ignorable(r, bad))) {
        put_raw(r, w);
        for (struct sim_iter it = sim_iter_of(r->leg[0].reply->bson); r->legs == 1 && sim_next(&it, &e);)
            if (e.key[0] != '$' && strcmp(e.key, "ok") != 0 && strcmp(e.key, "operationTime") != 0)
                sim_w_val(w, e.key, e.v);
        return 0;
    }
    struct sim_val msg = sim_find(bad, "errmsg");
    sim_fail(&r->fail, (int32_t)sim_int(sim_find(bad, "code"), -1), "%s", sim_is_text(msg.type) ? sim_text(msg) : "a shard gave no reason");
    sim_w_init(&extra);
    put_raw(r, &extra);
    const uint8_t *done = sim_w_done(&extra);
    if (done && (r->fail.extra = malloc(sim_doc_len(done))))
        memcpy(r->fail.extra, done, sim_doc_len(done));
    sim_w_release(&extra);
    return -1;
}

/* Of the shard with the first chunk, or of the database's primary: a mongos asks one only. */
int sim_plan_list(struct sim_routed *r)
{
    static char name[] = "$cmd.listCollections";
    if (strcmp(r->verb->name, "listCollections") == 0)
        r->coll_shown = name;
    return sim_route_forward(r, r->x ? 1u << r->x->chunk[0].shard : 1);
}

int sim_plan_first(struct sim_routed *r)
{
    return sim_route_forward(r, 1);
}

int sim_plan_all_shards(struct sim_routed *r)
{
    return sim_route_forward(r, (1u << r->c->shards) - 1);
}

int sim_plan_drop_database(struct sim_routed *r)
{
    for (size_t i = 0; i < r->c->colls; i++)
        if (strncmp(r->c->coll[i].ns, r->db, strlen(r->db)) == 0 && r->c->coll[i].ns[strlen(r->db)] == '.')
            return sim_fail(&r->fail, SIM_NOT_IMPLEMENTED, "to drop a database with sharded collections is not simulated");
    return sim_route_forward(r, 1);
}

/* ---- sizes ---- */

static int64_t sum(const struct sim_routed *r, const char *name)
{
    int64_t n = 0;
    for (int i = 0; i < r->legs; i++)
        n += sim_int(sim_find(r->leg[i].reply->bson, name), 0);
    return n;
}

static void put_index_sizes(const struct sim_routed *r, struct sim_w *w)
{
    struct sim_elem e;
    sim_w_doc(w, "indexSizes");
    for (int i = 0; i < r->legs; i++) {
        struct sim_val own = sim_find(r->leg[i].reply->bson, "indexSizes");
        for (struct sim_iter it = sim_iter_of(own.type == BSON_TYPE_DOCUMENT ? own.p : (const uint8_t *)"\5\0\0\0"); sim_next(&it, &e);) {
            int64_t n = 0;
            bool told = false;
            for (int k = 0; k < r->legs; k++) {
                struct sim_val other = sim_find(r->leg[k].reply->bson, "indexSizes"), one = other.type == BSON_TYPE_DOCUMENT ? sim_find(other.p, e.key) : sim_missing;
                told = told || (k < i && one.type);
                n += sim_int(one, 0);
            }
            if (!told)
                sim_w_int(w, e.key, n);
        }
    }
    sim_w_end(w);
}

int sim_merge_coll_stats(struct sim_routed *r, struct sim_w *w)
{
    static const char *const sums[] = {"count", "size", "storageSize", "totalIndexSize", "totalSize"};
    struct sim_elem e;
    if (sim_route_failed(r))
        return -1;
    sim_w_bool(w, "sharded", r->x != NULL);
    if (!r->x) {
        sim_w_text(w, "primary", r->c->shard[0]->set_name);
        for (struct sim_iter it = sim_iter_of(r->leg[0].reply->bson); sim_next(&it, &e);)
            if (e.key[0] != '$' && strcmp(e.key, "ok") != 0 && strcmp(e.key, "operationTime") != 0)
                sim_w_val(w, e.key, e.v);
        return 0;
    }
    sim_w_bool(w, "capped", false);
    sim_w_text(w, "ns", r->ns);
    int64_t count = sum(r, "count"), nindexes = 0;
    for (size_t i = 0; i < SB_COUNT(sums); i++)
        sim_w_int(w, sums[i], sum(r, sums[i]));
    put_index_sizes(r, w);
    sim_w_f64(w, "avgObjSize", count ? (double)sum(r, "size") / (double)count : 0);
    for (int i = 0; i < r->legs; i++) {
        int64_t n = sim_int(sim_find(r->leg[i].reply->bson, "nindexes"), 0);
        nindexes = n > nindexes ? n : nindexes;
    }
    sim_w_i32(w, "nindexes", nindexes);
    sim_w_i32(w, "nchunks", r->x->chunks);
    sim_w_doc(w, "shards");
    for (int i = 0; i < r->legs; i++) {
        sim_w_doc(w, sim_route_shard(r, i));
        for (struct sim_iter it = sim_iter_of(r->leg[i].reply->bson); sim_next(&it, &e);)
            if (e.key[0] != '$' && strcmp(e.key, "operationTime") != 0)
                sim_w_val(w, e.key, e.v);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}

int sim_merge_db_stats(struct sim_routed *r, struct sim_w *w)
{
    static const char *const sums[] = {"collections", "views", "objects", "dataSize", "storageSize", "indexes", "indexSize", "totalSize"};
    if (sim_route_failed(r))
        return -1;
    put_raw(r, w);
    sim_w_text(w, "db", r->db);
    for (size_t i = 0; i < SB_COUNT(sums); i++)
        sim_w_f64(w, sums[i], (double)sum(r, sums[i]));
    return 0;
}

/* ---- databases ---- */

static struct sim_val databases(const struct sim_routed *r, int leg)
{
    struct sim_val v = sim_find(r->leg[leg].reply->bson, "databases");
    return v.type == BSON_TYPE_ARRAY ? v : (struct sim_val){BSON_TYPE_ARRAY, 5, (const uint8_t *)"\5\0\0\0"};
}

static struct sim_val database(const struct sim_routed *r, int leg, const char *name)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(databases(r, leg).p); sim_next(&it, &e);)
        if (sim_text_is(sim_find(e.v.p, "name"), name))
            return e.v;
    return sim_missing;
}

static bool of_each(const char *name)
{
    return strcmp(name, "admin") == 0 || strcmp(name, "config") == 0 || strcmp(name, "local") == 0;
}

static int64_t put_database(const struct sim_routed *r, struct sim_w *w, const char *name, bool names)
{
    int64_t bytes = 0;
    sim_w_doc(w, NULL);
    sim_w_text(w, "name", name);
    for (int i = 0; i < r->legs; i++) {
        struct sim_val d = database(r, i, name);
        bytes += d.type ? sim_int(sim_find(d.p, "sizeOnDisk"), 0) : 0;
    }
    if (!names) {
        sim_w_i64(w, "sizeOnDisk", bytes);
        sim_w_bool(w, "empty", bytes == 0);
        sim_w_doc(w, "shards");
        for (int i = 0; i < r->legs; i++) {
            struct sim_val d = database(r, i, name);
            if (d.type)
                sim_w_val(w, sim_route_shard(r, i), sim_find(d.p, "sizeOnDisk"));
        }
        sim_w_end(w);
    }
    sim_w_end(w);
    return bytes;
}

/* The config server's own two have no data on shards. */
static int64_t put_own_database(const struct sim_routed *r, struct sim_w *w, const char *name, bool names)
{
    const struct sim_catalog *cat = &r->c->router->member[0].cat;
    int64_t bytes = 0;
    for (size_t i = 0; i < cat->n; i++)
        if (cat->coll[i]->db_n == strlen(name) && memcmp(cat->coll[i]->ns, name, cat->coll[i]->db_n) == 0)
            bytes += (int64_t)cat->coll[i]->records.bytes;
    sim_w_doc(w, NULL);
    sim_w_text(w, "name", name);
    if (!names) {
        sim_w_i64(w, "sizeOnDisk", bytes);
        sim_w_bool(w, "empty", bytes == 0);
    }
    sim_w_end(w);
    return bytes;
}

int sim_merge_databases(struct sim_routed *r, struct sim_w *w)
{
    bool names = sim_truth(sim_find(r->body->bson, "nameOnly"));
    struct sim_elem e;
    if (sim_route_failed(r))
        return -1;
    sim_w_array(w, "databases");
    int64_t total = put_own_database(r, w, "admin", names) + put_own_database(r, w, "config", names);
    for (int i = 0; i < r->legs; i++)
        for (struct sim_iter it = sim_iter_of(databases(r, i).p); sim_next(&it, &e);) {
            struct sim_val name = sim_find(e.v.p, "name");
            bool told = !sim_is_text(name.type) || of_each(sim_text(name));
            for (int k = 0; k < i && !told; k++)
                told = database(r, k, sim_text(name)).type != 0;
            if (!told)
                total += put_database(r, w, sim_text(name), names);
        }
    sim_w_end(w);
    if (!names) {
        sim_w_i64(w, "totalSize", total);
        sim_w_i64(w, "totalSizeMb", total / 1048576);
    }
    return 0;
}
