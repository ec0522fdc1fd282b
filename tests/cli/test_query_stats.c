/* SPDX-License-Identifier: Apache-2.0
 *
 * What a simulated 7.0 and 8.0 tell of the same operations, in their logs, in system.profile and in $queryStats where a scenario
 * grants it: one shape from each, and the same counts. The simulator writes its shapes by itself; the readers put them together
 * again by themselves. */
#include "../sim/rig.h"

#include <signalbox/formats/mongolog.h>
#include <signalbox/formats/profile.h>
#include <signalbox/formats/querystats.h>
#include <signalbox/sim/clients.h>
#include <signalbox/telemetry/shape.h>

static const char scenario[] = "title \"counts\"\nquery-stats\ncollection shop.orders 200\n    field _id \"seq('order')\"\n    field a \"int(1, 9)\"\n    field b \"int(1, 9)\"\n    field t \"ago(1h)\"\n"
                               "    field l \"repeat(1, 3, {x: int(1, 3), y: int(1, 9)})\"\n    field s \"email(9)\"\n    index b_1 \"{b: 1}\"\ncollection shop.items 50\n    field _id \"seq('item')\"\n    field y \"int(1, 9)\"\n";

/* Two operations of each shape, whose values differ. */
static const struct {
    const char *command, *again;
    bool from_8; /* is counted from 8.0 on */
} asked[] = {
    {"{'find': 'orders', 'filter': {'a': 1}}", "{'find': 'orders', 'filter': {'a': 7}}", false},
    {"{'find': 'orders', 'filter': {'a': 1, 'b': 2}, 'sort': {'t': -1}, 'limit': 5}", "{'find': 'orders', 'filter': {'a': 2, 'b': 3}, 'sort': {'t': -1}, 'limit': 9}", false},
    {"{'find': 'orders', 'filter': {'a': 1}, 'projection': {'b': 1}}", "{'find': 'orders', 'filter': {'a': 4}, 'projection': {'b': 1}}", false},
    {"{'find': 'orders', 'filter': {'a': 1}, 'projection': {'b': 1, '_id': 0}}", "{'find': 'orders', 'filter': {'a': 3}, 'projection': {'b': 1, '_id': 0}}", false},
    {"{'find': 'orders', 'filter': {'a': {'$gte': 2, '$lt': 5}}}", "{'find': 'orders', 'filter': {'a': {'$gte': 3, '$lt': 4}}}", false},
    {"{'find': 'orders', 'filter': {'a': {'$in': [1, 2]}}}", "{'find': 'orders', 'filter': {'a': {'$in': [3, 4, 5]}}}", false},
    {"{'find': 'orders', 'filter': {'a': {'$nin': [1, 2]}, 'b': {'$ne': 3}}}", "{'find': 'orders', 'filter': {'a': {'$nin': [3]}, 'b': {'$ne': 1}}}", false},
    {"{'find': 'orders', 'filter': {'b': 1, '$or': [{'a': 1, 's': 'x'}, {'a': {'$gt': 7}}]}}", "{'find': 'orders', 'filter': {'b': 2, '$or': [{'a': 2, 's': 'y'}, {'a': {'$gt': 3}}]}}", false},
    {"{'find': 'orders', 'filter': {'l': {'$elemMatch': {'x': 1, 'y': {'$gt': 4}}}}}", "{'find': 'orders', 'filter': {'l': {'$elemMatch': {'x': 2, 'y': {'$gt': 1}}}}}", false},
    {"{'find': 'orders', 'filter': {'a': {'$exists': true}}}", "{'find': 'orders', 'filter': {'a': {'$exists': true}}}", false},
    {"{'find': 'orders', 'filter': {'a': 1}, 'collation': {'locale': 'simple'}}", "{'find': 'orders', 'filter': {'a': 2}, 'collation': {'locale': 'simple'}}", false},
    {"{'find': 'orders', 'filter': {}, 'sort': {'t': 1, 'a': -1}}", "{'find': 'orders', 'sort': {'t': 1, 'a': -1}}", false},
    {"{'aggregate': 'orders', 'pipeline': [{'$match': {'a': 1, 'b': {'$lt': 5}}}, {'$sort': {'t': -1}}, {'$group': {'_id': '$s', 'n': {'$sum': 1}}}], 'cursor': {}}",
     "{'aggregate': 'orders', 'pipeline': [{'$match': {'a': 2, 'b': {'$lt': 3}}}, {'$sort': {'t': -1}}, {'$group': {'_id': '$s', 'n': {'$sum': 1}}}], 'cursor': {}}", false},
    {"{'aggregate': 'orders', 'pipeline': [{'$match': {'a': 1}}, {'$lookup': {'from': 'items', 'localField': 'b', 'foreignField': 'y', 'as': 'z'}}], 'cursor': {}}",
     "{'aggregate': 'orders', 'pipeline': [{'$match': {'a': 3}}, {'$lookup': {'from': 'items', 'localField': 'b', 'foreignField': 'y', 'as': 'z'}}], 'cursor': {}}", false},
    {"{'distinct': 'orders', 'key': 's', 'query': {'a': 1}}", "{'distinct': 'orders', 'key': 's', 'query': {'a': 2}}", true},
};

struct seen {
    char fingerprint[SB_FINGERPRINT_LEN + 1];
    int64_t executions, docs, returned;
};

static void print_of(const struct sb_slow_op *op, char out[SB_FINGERPRINT_LEN + 1])
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_shape *s = sb_shape_new(op, &err);
    assert_non_null(s);
    memcpy(out, s->fingerprint, SB_FINGERPRINT_LEN + 1);
    sb_shape_free(s);
}

/* The newest operation of shop.orders in the primary's log. */
static void newest_line(struct rig *r, struct seen *out)
{
    const struct sim_member *m = &r->s->member[0];
    struct sb_mongolog reader;
    bool found = false;
    sb_mongolog_init(&reader);
    for (uint64_t i = m->log_written; i-- > 0 && !found;) {
        const char *text = m->log[i % SIM_LOG_LINES].text;
        struct sb_log_line line;
        struct sb_slow_op op;
        if (sb_mongolog_line(&reader, text, strlen(text), &line, &op) != SB_LOG_BAD && line.slow && SB_SPAN_IS(op.ns, "shop.orders")) {
            print_of(&op, out->fingerprint);
            out->docs = op.docs_examined;
            out->returned = op.returned;
            found = true;
        }
    }
    assert_true(found);
    sb_mongolog_release(&reader);
}

static void newest_profile(struct rig *r, char out[SB_FINGERPRINT_LEN + 1])
{
    const uint8_t *reply = rig_ok(r, "shop", "{'find': 'system.profile', 'filter': {'ns': 'shop.orders'}, 'sort': {'ts': -1}, 'limit': 1}");
    struct sim_val v = sim_path(reply, "cursor.firstBatch.0");
    struct sb_slow_op op;
    bson_t doc;
    assert_true(v.type == BSON_TYPE_DOCUMENT && bson_init_static(&doc, v.p, sim_doc_len(v.p)) && sb_profile_bson(&doc, &op));
    print_of(&op, out);
}

static size_t read_counts(struct rig *r, struct seen *list, size_t cap)
{
    const uint8_t *reply = rig_ok(r, "admin", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}], 'cursor': {'batchSize': 1000}}");
    struct sim_iter it = sim_iter_of(sim_path(reply, "cursor.firstBatch").p);
    struct sim_elem one;
    size_t n = 0;
    while (sim_next(&it, &one)) {
        struct sb_query_stat q;
        bson_t doc;
        assert_true(bson_init_static(&doc, one.v.p, sim_doc_len(one.v.p)));
        if (!sb_query_stat_read(&doc, &q))
            fail_msg("an entry that is not read");
        assert_true(q.first_ms > 0 && q.op.at_ms >= q.first_ms);
        if (strcmp(q.ns, "shop.orders") == 0 && n < cap) {
            list[n++] = (struct seen){.executions = q.executions, .docs = q.op.docs_examined, .returned = q.op.returned};
            print_of(&q.op, list[n - 1].fingerprint);
        }
        sb_query_stat_release(&q);
    }
    return n;
}

static void begin(struct rig *r, const char *version, struct sim_scenario **sc)
{
    struct sb_err err = SB_ERR_INIT;
    rig_init(r);
    assert_true(sim_version(version, r->s->version));
    *sc = sim_scenario_parse(scenario, strlen(scenario), "test", "test", &err);
    if (!*sc)
        fail_msg("%s", err.msg);
    sb_assert_ok(sim_clients_load(r->s, *sc, &err), err);
    rig_ok(r, "shop", "{'profile': 2, 'slowms': -1}");
}

static void one_shape_from_log_profile_and_counts(void **state)
{
    static const char *const versions[] = {"7.0", "8.0"};
    (void)state;
    for (size_t v = 0; v < SB_COUNT(versions); v++) {
        struct rig r;
        struct sim_scenario *sc;
        struct seen told[SB_COUNT(asked)], counts[64];
        bool new_ = v == 1;
        size_t found = 0;
        begin(&r, versions[v], &sc);
        for (size_t i = 0; i < SB_COUNT(asked); i++) {
            struct seen second;
            char profile[SB_FINGERPRINT_LEN + 1];
            rig_ok(&r, "shop", asked[i].command);
            rig_pass(&r, 1);
            newest_line(&r, &told[i]);
            newest_profile(&r, profile);
            if (strcmp(profile, told[i].fingerprint) != 0)
                fail_msg("%s: %s: the profile has another shape than the log", versions[v], asked[i].command);
            rig_ok(&r, "shop", asked[i].again);
            rig_pass(&r, 1);
            newest_line(&r, &second);
            if (strcmp(second.fingerprint, told[i].fingerprint) != 0)
                fail_msg("%s: %s: another shape than %s", versions[v], asked[i].command, asked[i].again);
            told[i].docs += second.docs;
            told[i].returned += second.returned;
        }
        size_t n = read_counts(&r, counts, SB_COUNT(counts));
        for (size_t i = 0; i < SB_COUNT(asked); i++) {
            const struct seen *c = NULL;
            for (size_t k = 0; k < n; k++)
                if (strcmp(counts[k].fingerprint, told[i].fingerprint) == 0)
                    c = &counts[k];
            if (asked[i].from_8 && !new_) {
                assert_null(c);
                continue;
            }
            if (!c)
                fail_msg("%s: no count has the shape of %s", versions[v], asked[i].command);
            if (c->executions != 2 || (strstr(asked[i].command, "distinct") == NULL && c->returned != told[i].returned) || c->docs != (new_ ? told[i].docs : SB_ABSENT))
                fail_msg("%s: %s: %lld times, %lld examined, %lld returned; the log says %lld and %lld", versions[v], asked[i].command, (long long)c->executions, (long long)c->docs,
                         (long long)c->returned, (long long)told[i].docs, (long long)told[i].returned);
            found++;
        }
        print_message("%s: %zu shapes, the same from log, profile and $queryStats\n", versions[v], found);
        rig_release(&r);
        sim_scenario_free(sc);
    }
}

static void it_is_asked_as_the_server_has_it(void **state)
{
    struct rig r;
    struct sim_scenario *sc;
    (void)state;
    begin(&r, "8.0", &sc);
    rig_fails(&r, "shop", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}], 'cursor': {}}", 73, "'admin'");
    rig_fails(&r, "admin", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}, {'$limit': 1}], 'cursor': {}}", 238, "not simulated");
    rig_release(&r);
    sim_scenario_free(sc);
    begin(&r, "6.0", &sc); /* does not know it, whatever the scenario grants */
    rig_fails(&r, "admin", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}], 'cursor': {}}", 40324, "Unrecognized pipeline stage name");
    rig_release(&r);
    sim_scenario_free(sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_shape_from_log_profile_and_counts), cmocka_unit_test(it_is_asked_as_the_server_has_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
