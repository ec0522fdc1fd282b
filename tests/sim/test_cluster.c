/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated cluster without sockets: documents lie where their chunk is and the mongos finds them, also behind a cursor and while
 * a chunk moves; a write that only one shard can do is told shard by shard; a shard without a primary fails what needs it and
 * nothing else; one seed gives one history. */
#include "rig.h"

#include <signalbox/sim/cluster.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>

#define SHARDED                                                                                                                                     \
    "shards 2\ncollection shop.orders 3000\n field _id \"seq('o')\"\n field customer \"int(1, 400)\"\n field n \"seq('n')\"\n"                         \
    " index customer_1 \"{customer: 1}\"\n index n_1 \"{n: 1}\" shard 0\n sharded \"{customer: 1}\" \"[100, 200, 300]\"\n"                             \
    "collection shop.carts 50\n field _id \"seq('c')\"\n"

struct world {
    struct sim_scenario *sc;
    struct sim_cluster *c;
    struct sim_conn *conn;
    struct sim_w w;
    uint8_t *late;
};

static struct sim_scenario *parse(const char *text, struct sb_err *err)
{
    return sim_scenario_parse(text, strlen(text), "test", "test", err);
}

static void on_answer(struct sim_conn *conn, const uint8_t *reply)
{
    struct world *x = conn->owner;
    free(x->late);
    x->late = malloc(sim_doc_len(reply));
    memcpy(x->late, reply, sim_doc_len(reply));
}

static void begin(struct world *x, uint64_t seed, const char *more)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = sb_format(SHARDED "%s", more);
    int port[SIM_CLUSTER_PORTS];
    memset(x, 0, sizeof *x);
    for (int i = 0; i < SIM_CLUSTER_PORTS; i++)
        port[i] = 27017 + i;
    x->sc = parse(text, &err);
    sb_assert_ok(x->sc ? 0 : -1, err);
    free(text);
    struct sim_setup setup = {.seed = seed, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = "test", .members = 3, .pid = 4242};
    x->c = sim_cluster_new(&setup, x->sc, 2, port, &err);
    sb_assert_ok(x->c ? 0 : -1, err);
    x->conn = sim_conn_open(&x->c->router->member[0], "127.0.0.1:50000", false);
    assert_non_null(x->conn);
    x->conn->owner = x;
    x->conn->answer = on_answer;
    sim_w_init(&x->w);
}

static void end(struct world *x)
{
    sim_conn_close(x->conn);
    sim_cluster_free(x->c);
    sim_scenario_free(x->sc);
    sim_w_release(&x->w);
    free(x->late);
}

/* The reply lives until the next command. */
static const uint8_t *run(struct world *x, const char *db, const char *json)
{
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!doc)
        fail_msg("%s: %s", json, e.message);
    BSON_APPEND_UTF8(doc, "$db", db);
    struct sim_request rq = {.body = bson_get_data(doc), .bytes = doc->len + 21};
    const uint8_t *reply = NULL;
    free(x->late);
    x->late = NULL;
    if (sim_dispatch(x->conn, &rq, &x->w, &reply) == SIM_LATER) {
        for (int i = 0; i < 100000 && !x->late; i++)
            sim_cluster_run_until(x->c, sim_cluster_next_event(x->c));
        reply = x->late;
    }
    bson_destroy(doc);
    assert_non_null(reply);
    assert_true(sim_valid(reply, sim_doc_len(reply)));
    return reply;
}

static int64_t number(const uint8_t *reply, const char *path)
{
    return sim_int(sim_path(reply, path), -1);
}

static void pass(struct world *x, int64_t seconds)
{
    sim_cluster_run_until(x->c, x->c->router->now + seconds * 1000000);
}

static struct sim_coll *on_shard(struct world *x, int shard, const char *ns)
{
    return sim_coll_find(&sim_primary(x->c->shard[shard])->cat, ns);
}

/* Each document of the collection is on the shard of its chunk, and on all members of it. */
static uint64_t check_places(struct world *x)
{
    const struct sim_sharded *s = sim_sharded_find(x->c, "shop.orders");
    uint64_t n = 0;
    for (int i = 0; i < 2; i++) {
        const struct sim_coll *c = on_shard(x, i, "shop.orders");
        n += c->records.count;
        for (uint64_t rid = 0; (rid = sim_records_from(&c->records, rid + 1));)
            assert_int_equal(s->chunk[sim_chunk_of(s, sim_records_get(&c->records, rid)->bson)].shard, i);
        for (int k = 1; k < 3; k++)
            assert_int_equal(sim_coll_find(&x->c->shard[i]->member[k].cat, "shop.orders")->records.count, c->records.count);
    }
    return n;
}

static void documents_lie_where_their_chunk_is(void **state)
{
    struct world x;
    (void)state;
    begin(&x, 3, "");
    assert_int_equal(check_places(&x), 3000);
    assert_true(on_shard(&x, 0, "shop.orders")->records.count > 1000 && on_shard(&x, 1, "shop.orders")->records.count > 1000);
    assert_int_equal(on_shard(&x, 0, "shop.carts")->records.count, 50);
    assert_null(on_shard(&x, 1, "shop.carts"));
    assert_int_equal(number(run(&x, "shop", "{\"count\": \"orders\"}"), "n"), 3000);
    assert_int_equal(number(run(&x, "shop", "{\"count\": \"orders\", \"skip\": 10, \"limit\": 100}"), "n"), 100);
    assert_int_equal(number(run(&x, "admin", "{\"hello\": 1}"), "ok"), 1);
    assert_true(sim_text_is(sim_find(run(&x, "admin", "{\"hello\": 1}"), "msg"), "isdbgrid"));
    assert_int_equal(number(run(&x, "config", "{\"count\": \"chunks\"}"), "n"), 4);
    end(&x);
}

/* A chunk has its min and not its max; what has no key lies with null, in front of all numbers. */
static void a_bound_belongs_to_the_chunk_behind_it(void **state)
{
    static const struct {
        const char *doc;
        unsigned chunk;
    } tries[] = {{"{\"customer\": 99}", 0}, {"{\"customer\": 100}", 1}, {"{\"customer\": 199.5}", 1}, {"{\"customer\": 300}", 3}, {"{}", 0}, {"{\"customer\": \"x\"}", 3}};
    struct world x;
    (void)state;
    begin(&x, 2, "");
    for (size_t i = 0; i < SB_COUNT(tries); i++) {
        bson_t *doc = bson_new_from_json((const uint8_t *)tries[i].doc, -1, NULL);
        assert_int_equal(sim_chunk_of(sim_sharded_find(x.c, "shop.orders"), bson_get_data(doc)), tries[i].chunk);
        bson_destroy(doc);
    }
    end(&x);
}

/* Sorted over both shards, through a cursor in small batches: none is missing, none comes twice, and the order holds. */
static void a_cursor_goes_over_all_shards(void **state)
{
    struct world x;
    int64_t last = 0, n = 0, id;
    const char *batch = "cursor.firstBatch";
    (void)state;
    begin(&x, 4, "");
    const uint8_t *reply = run(&x, "shop", "{\"find\": \"orders\", \"sort\": {\"n\": 1}, \"skip\": 5, \"projection\": {\"n\": 1}, \"batchSize\": 700}");
    for (;;) {
        struct sim_elem e;
        for (struct sim_iter it = sim_iter_of(sim_path(reply, batch).p); sim_next(&it, &e); n++) {
            int64_t now = sim_int(sim_find(e.v.p, "n"), -1);
            assert_true(now > last);
            assert_int_equal(sim_count(e.v.p), 2);
            last = now;
        }
        if (!(id = number(reply, "cursor.id")))
            break;
        char more[120];
        snprintf(more, sizeof more, "{\"getMore\": {\"$numberLong\": \"%lld\"}, \"collection\": \"orders\", \"batchSize\": 700}", (long long)id);
        reply = run(&x, "shop", more);
        batch = "cursor.nextBatch";
    }
    assert_int_equal(n, 2995);
    reply = run(&x, "shop", "{\"aggregate\": \"orders\", \"pipeline\": [{\"$match\": {\"customer\": {\"$lt\": 300}}}, {\"$group\": {\"_id\": null, \"n\": {\"$sum\": 1}}}], \"cursor\": {}}");
    int64_t grouped = number(reply, "cursor.firstBatch.0.n");
    assert_int_equal(grouped, number(run(&x, "shop", "{\"count\": \"orders\", \"query\": {\"customer\": {\"$lt\": 300}}}"), "n"));
    end(&x);
}

static void writes_go_where_they_belong(void **state)
{
    struct world x;
    (void)state;
    begin(&x, 5, "");
    const uint8_t *r = run(&x, "shop", "{\"insert\": \"orders\", \"documents\": [{\"_id\": \"a\", \"customer\": 50}, {\"_id\": \"b\", \"customer\": 150}, {\"_id\": \"a\", \"customer\": 50}], \"ordered\": false}");
    assert_int_equal(number(r, "n"), 2);
    assert_int_equal(number(r, "writeErrors.0.index"), 2);
    assert_int_equal(number(r, "writeErrors.0.code"), SIM_DUPLICATE_KEY);
    r = run(&x, "shop", "{\"update\": \"orders\", \"updates\": [{\"q\": {\"_id\": {\"$in\": [\"a\", \"b\"]}}, \"u\": {\"$set\": {\"z\": 1}}, \"multi\": true}]}");
    assert_int_equal(number(r, "nModified"), 2);
    assert_int_equal(number(run(&x, "shop", "{\"update\": \"orders\", \"updates\": [{\"q\": {\"z\": 1}, \"u\": {\"$set\": {\"z\": 2}}}]}"), "code"), SIM_INVALID_OPTIONS);
    assert_int_equal(number(run(&x, "shop", "{\"delete\": \"orders\", \"deletes\": [{\"q\": {\"z\": 1}, \"limit\": 0}]}"), "n"), 2);
    pass(&x, 5);
    assert_int_equal(check_places(&x), 3000);
    end(&x);
}

/* The index is on one shard only: hiding it fails on the other, and dropping it does not. */
static void what_one_shard_cannot_do_is_told(void **state)
{
    struct world x;
    (void)state;
    begin(&x, 6, "");
    const uint8_t *r = run(&x, "shop", "{\"collMod\": \"orders\", \"index\": {\"name\": \"n_1\", \"hidden\": true}}");
    assert_int_equal(number(r, "ok"), 0);
    assert_int_equal(number(r, "code"), SIM_INDEX_NOT_FOUND);
    struct sim_iter it = sim_iter_of(sim_find(r, "raw").p);
    struct sim_elem e;
    for (int i = 0; i < 2; i++) {
        assert_true(sim_next(&it, &e));
        assert_int_equal(strncmp(e.key, i ? "shard1/" : "shard0/", 7), 0);
        assert_int_equal(sim_int(sim_find(e.v.p, "ok"), -1), i == 0);
    }
    assert_true(sim_coll_index(on_shard(&x, 0, "shop.orders"), "n_1", 3)->hidden);
    assert_int_equal(number(run(&x, "shop", "{\"dropIndexes\": \"orders\", \"index\": \"n_1\"}"), "ok"), 1);
    assert_null(sim_coll_index(on_shard(&x, 0, "shop.orders"), "n_1", 3));
    assert_int_equal(number(run(&x, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"n\": 1}, \"name\": \"u\", \"unique\": true}]}"), "code"), SIM_CANNOT_CREATE_INDEX);
    assert_int_equal(number(run(&x, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"n\": 1}, \"name\": \"n_1\"}]}"), "ok"), 1); /* answered later */
    for (int i = 0; i < 2; i++)
        assert_non_null(sim_coll_index(on_shard(&x, i, "shop.orders"), "n_1", 3));
    end(&x);
}

static void a_chunk_moves_with_its_documents(void **state)
{
    struct world x;
    (void)state;
    begin(&x, 7, "app shop clients 2\n insert shop.orders rate 20 document \"{_id: seq('o'), customer: int(1, 400)}\"\n"
                 "at 5s move-chunk shop.orders 1 250\nat 20s move-chunk shop.orders 1 50\n");
    uint64_t before = on_shard(&x, 1, "shop.orders")->records.count;
    pass(&x, 15);
    assert_int_equal(x.c->moved, 1);
    assert_true(on_shard(&x, 1, "shop.orders")->records.count > before + 500);
    run(&x, "admin", "{\"balancerStop\": 1}");
    pass(&x, 15);
    assert_int_equal(x.c->moved, 1); /* it was stopped */
    assert_int_equal(number(run(&x, "config", "{\"count\": \"changelog\", \"query\": {\"what\": \"moveChunk.commit\"}}"), "n"), 1);
    assert_int_equal(number(run(&x, "config", "{\"count\": \"chunks\", \"query\": {\"shard\": \"shard1\"}}"), "n"), 3);
    assert_int_equal(x.c->failed, 0);
    uint64_t n = (uint64_t)number(run(&x, "shop", "{\"count\": \"orders\"}"), "n");
    assert_true(n > 3000 && n <= on_shard(&x, 0, "shop.orders")->records.count + on_shard(&x, 1, "shop.orders")->records.count);
    end(&x);
}

static void a_shard_without_a_primary_fails_alone(void **state)
{
    struct world x;
    (void)state;
    begin(&x, 8, "");
    for (int i = 0; i < 3; i++)
        sim_kill(&x.c->shard[1]->member[i]);
    assert_int_equal(number(run(&x, "shop", "{\"find\": \"orders\", \"filter\": {\"customer\": 50}}"), "ok"), 1);
    assert_int_equal(number(run(&x, "shop", "{\"find\": \"orders\", \"filter\": {\"customer\": 150}}"), "code"), 133);
    assert_int_equal(number(run(&x, "shop", "{\"find\": \"orders\"}"), "code"), 133);
    const uint8_t *r = run(&x, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"x\": 1}, \"name\": \"x_1\"}]}");
    assert_int_equal(number(r, "code"), 133);
    assert_non_null(sim_coll_index(on_shard(&x, 0, "shop.orders"), "x_1", 3));
    end(&x);
}

static uint64_t history(uint64_t seed)
{
    struct world x;
    begin(&x, seed, "app shop clients 4\n insert shop.orders rate 10 document \"{_id: seq('o'), customer: int(1, 400)}\"\n find shop.orders rate 20 filter \"{n: int(1, 3000)}\"\n"
                    "at 5s move-chunk shop.orders 1 250\n");
    pass(&x, 20);
    uint64_t h = sim_trace_hash(x.c->shard[0]) * 31 + sim_trace_hash(x.c->shard[1]);
    end(&x);
    return h;
}

static void one_seed_gives_one_history(void **state)
{
    (void)state;
    assert_true(history(9) == history(9));
    assert_true(history(9) != history(10));
}

static void broken_rows_are_told(void **state)
{
    static const char *const rows[] = {
        "shards 9\n", "shards 2\ncollection a.b 1\n sharded \"{x: 1}\"\n", "shards 2\nsharded \"{x: 1}\" \"[]\"\n", "collection a.b 1\n index x \"{x: 1}\" shard 7\n",
        "shards 2\ncollection a.b 1\nat 1s lock a.b for 1s\n", "collection a.b 1\nat 1s move-chunk a.b 9 1\n", "collection a.b 1\nat 1s create-index a.b x \"{x: 1}\" shard 1\n",
    };
    static const char *const made[] = {
        "collection a.b 1\n field x \"int(1, 9)\"\n sharded \"{x: 1}\" \"[]\"\n",                            /* no index on the key */
        "collection a.b 1\n field x \"int(1, 9)\"\n index x_1 \"{x: 1}\"\n sharded \"{x: 'hashed'}\" \"[]\"\n",
        "collection a.b 1\n field x \"int(1, 9)\"\n index x_1 \"{x: 1}\"\n sharded \"{x: 1}\" \"[5, 3]\"\n",
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_err err = SB_ERR_INIT;
        assert_null(parse(rows[i], &err));
        assert_non_null(strstr(err.msg, "test:"));
    }
    for (size_t i = 0; i < SB_COUNT(made); i++) {
        struct sb_err err = SB_ERR_INIT;
        int port[SIM_CLUSTER_PORTS] = {1};
        struct sim_setup setup = {.seed = 1, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = "test", .members = 3, .pid = 1};
        struct sim_scenario *sc = parse(made[i], &err);
        assert_non_null(sc);
        assert_null(sim_cluster_new(&setup, sc, 2, port, &err));
        assert_non_null(strstr(err.msg, "test:1: a.b: "));
        sim_scenario_free(sc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_lie_where_their_chunk_is), cmocka_unit_test(a_bound_belongs_to_the_chunk_behind_it), cmocka_unit_test(a_cursor_goes_over_all_shards), cmocka_unit_test(writes_go_where_they_belong),
        cmocka_unit_test(what_one_shard_cannot_do_is_told),   cmocka_unit_test(a_chunk_moves_with_its_documents), cmocka_unit_test(a_shard_without_a_primary_fails_alone),
        cmocka_unit_test(one_seed_gives_one_history),         cmocka_unit_test(broken_rows_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
