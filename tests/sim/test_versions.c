/* SPDX-License-Identifier: Apache-2.0
 *
 * The four server versions: what each says that others do not, and under which name. */
#include "scenes.h"

static void begin(struct scene *x, const char *version, const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_setup setup = {.seed = 7, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = name, .port = {27017, 27018, 27019},
                              .members = SIM_MEMBERS, .pid = 4242};
    memset(x, 0, sizeof *x);
    assert_true(sim_version(version, setup.version));
    x->sc = scene_read(name);
    x->r.s = sim_new(&setup, &err);
    if (!x->r.s || sim_clients_load(x->r.s, x->sc, &err))
        fail_msg("%s", err.msg);
    sim_w_init(&x->r.w);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        x->r.conn[i] = sim_conn_open(&x->r.s->member[i], "127.0.0.1:50000", false);
        x->r.conn[i]->answer = rig_answer;
        x->r.conn[i]->owner = &x->r;
    }
}

static void test_names_that_are_no_version(void **state)
{
    int v[3];
    (void)state;
    assert_false(sim_version("4.4", v));
    assert_false(sim_version("5.0.7", v));
    assert_false(sim_version("", v));
}

static void test_wire_and_build(void **state)
{
    static const struct {
        const char *version, *wire, *build, *fcv;
    } want[] = {{"5.0", "13", "'5.0.7'", "'5.0'"}, {"6.0", "17", "'6.0.16'", "'6.0'"}, {"7.0", "21", "'7.0.12'", "'7.0'"}, {"8.0", "25", "'8.0.4'", "'8.0'"}};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(want); i++) {
        struct scene x;
        begin(&x, want[i].version, "calm");
        rig_gives(&x.r, "admin", "{'hello': 1}", "maxWireVersion", want[i].wire);
        rig_gives(&x.r, "admin", "{'hello': 1}", "minWireVersion", "0");
        rig_gives(&x.r, "admin", "{'buildInfo': 1}", "version", want[i].build);
        rig_gives(&x.r, "admin", "{'serverStatus': 1}", "version", want[i].build);
        rig_gives(&x.r, "admin", "{'getParameter': 1, 'featureCompatibilityVersion': 1}", "featureCompatibilityVersion.version", want[i].fcv);
        scene_release(&x);
    }
}

/* From 7.0 on a shard key is analysed, by an index that begins with it; before that there is no such command. */
static void test_a_shard_key_is_analysed(void **state)
{
    static const char *const versions[] = {"5.0", "6.0", "7.0", "8.0"}, ask[] = "{'analyzeShardKey': 't.k', 'key': {'a': 1}}";
    (void)state;
    for (int v = 0; v < 4; v++) {
        struct scene x;
        begin(&x, versions[v], "calm");
        rig_ok(&x.r, "t", "{'insert': 'k', 'documents': [{'_id': 1, 'a': 5, 'b': 1}, {'_id': 2, 'a': 7, 'b': 2}, {'_id': 3, 'a': 5, 'b': 3}, {'_id': 4, 'b': 4}]}");
        rig_ok(&x.r, "t", "{'createIndexes': 'k', 'indexes': [{'key': {'a': 1, 'b': 1}, 'name': 'ab'}, {'key': {'b': 1}, 'name': 'b', 'unique': true}, {'key': {'b': 'hashed'}, 'name': 'h'}]}");
        if (v < 2) {
            rig_fails(&x.r, "admin", ask, 59, "no such command: 'analyzeShardKey'");
            rig_gives(&x.r, "admin", "{'listCommands': 1}", "commands.analyzeShardKey", "missing");
            scene_release(&x);
            continue;
        }
        rig_gives(&x.r, "admin", ask, "keyCharacteristics.numDistinctValues", "3");
        rig_gives(&x.r, "admin", ask, "keyCharacteristics.numDocsTotal", "4");
        rig_gives(&x.r, "admin", ask, "keyCharacteristics.isUnique", "false");
        rig_gives(&x.r, "admin", ask, "keyCharacteristics.mostCommonValues.0", "{'value':{'a':5},'frequency':2}");
        rig_gives(&x.r, "admin", ask, "readDistribution.sampleSize.total", "0");
        rig_gives(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {'b': 1}}", "keyCharacteristics.isUnique", "true");
        rig_gives(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {'b': 1}}", "keyCharacteristics.monotonicity", "{'recordIdCorrelationCoefficient':1,'type':'monotonic'}");
        rig_gives(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {'b': 'hashed'}}", "keyCharacteristics.monotonicity", "{'type':'not monotonic'}");
        rig_gives(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {'b': 1}, 'sampleSize': 2}", "keyCharacteristics.numDocsSampled", "2");
        rig_gives(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {'c': 1}}", "keyCharacteristics", "missing");
        rig_fails(&x.r, "admin", "{'analyzeShardKey': 't.none', 'key': {'a': 1}}", 26, "non-existing");
        rig_fails(&x.r, "t", ask, 13, "admin database");
        rig_fails(&x.r, "admin", "{'analyzeShardKey': 't.k', 'key': {}}", 2, "");
        scene_release(&x);
    }
}

/* Types as in the recording of a 5.0.7; and which names there are in which version. */
static void test_parameters(void **state)
{
    static const struct {
        const char *name;
        bson_type_t type;
        double value;
        int from, to;
    } want[] = {{"cursorTimeoutMillis", BSON_TYPE_INT64, 600000, 5, 8},
                {"syncdelay", BSON_TYPE_DOUBLE, 60, 5, 8},
                {"internalQueryPlanEvaluationCollFraction", BSON_TYPE_DOUBLE, 0.3, 5, 8},
                {"internalQueryPlanEvaluationMaxResults", BSON_TYPE_INT32, 101, 5, 8},
                {"ttlMonitorEnabled", BSON_TYPE_BOOL, 1, 5, 8},
                {"notablescan", BSON_TYPE_BOOL, 0, 5, 8},
                {"watchdogPeriodSeconds", BSON_TYPE_INT32, -1, 5, 8},
                {"wiredTigerConcurrentReadTransactions", BSON_TYPE_INT32, 77, 5, 6},
                {"storageEngineConcurrentReadTransactions", BSON_TYPE_INT32, 77, 7, 8}};
    static const char *const versions[] = {"5.0", "6.0", "7.0", "8.0"};
    (void)state;
    for (int v = 0; v < 4; v++) {
        struct scene x;
        char text[120];
        begin(&x, versions[v], "calm");
        x.r.s->costs.tickets = 77;
        for (size_t i = 0; i < SB_COUNT(want); i++) {
            bool there = v + 5 >= want[i].from && v + 5 <= want[i].to;
            for (int one = 0; one < 2; one++) {
                snprintf(text, sizeof text, one ? "{'getParameter':1,'%s':1}" : "{'getParameter':'*'}", want[i].name);
                const uint8_t *reply = rig_on(&x.r, 0, "admin", text);
                struct sim_val is = sim_find(reply, want[i].name);
                assert_int_equal(is.type != 0, there);
                assert_int_equal(sim_truth(sim_find(reply, "ok")), there || !one);
                if (!there)
                    continue;
                assert_int_equal(is.type, want[i].type);
                if (is.type == BSON_TYPE_BOOL ? sim_truth(is) != (want[i].value > 0) : (double)sim_number(is) != want[i].value)
                    fail_msg("%s of %s", want[i].name, versions[v]);
            }
            snprintf(text, sizeof text, "{'setParameter':1,'%s':1}", want[i].name);
            struct sim_val msg = sim_find(rig_on(&x.r, 0, "admin", text), "errmsg");
            assert_non_null(strstr(sim_text(msg), there ? "is not simulated" : "attempted to set unrecognized parameter"));
        }
        rig_gives(&x.r, "admin", "{'getParameter':{'allParameters':true}}", "syncdelay", "60");
        rig_fails(&x.r, "admin", "{'getParameter':{'showDetails':true},'syncdelay':1}", 238, "the details of parameters are not simulated");
        scene_release(&x);
    }
}

/* Path of serverStatus, and in which versions it is: from, to. */
static void test_sections(void **state)
{
    static const struct {
        const char *path;
        int from, to;
    } want[] = {{"wiredTiger.concurrentTransactions.read.totalTickets", 5, 7},
                {"queues.execution.read.totalTickets", 8, 8},
                {"queues.execution.write.normalPriority.queueLength", 8, 8},
                {"queues.ingress.out", 8, 8},
                {"connections.rejected", 7, 8},
                {"connections.loadBalanced", 6, 8},
                {"connections.exhaustHello", 5, 8},
                {"metrics.query.sort.totalKeysSorted", 7, 8},
                {"metrics.operation.killedDueToMaxTimeMSExpired", 8, 8},
                {"metrics.repl.buffer.apply.count", 8, 8},
                {"metrics.repl.buffer.write.count", 8, 8},
                {"metrics.repl.buffer.count", 5, 8},
                {"service.0", 8, 8},
                {"metrics.queryExecutor.collectionScans.total", 5, 8}};
    static const char *const versions[] = {"5.0", "6.0", "7.0", "8.0"};
    (void)state;
    for (int v = 0; v < 4; v++) {
        struct scene x;
        begin(&x, versions[v], "calm");
        uint8_t *shot = scene_shot(&x, 0);
        for (size_t i = 0; i < SB_COUNT(want); i++) {
            bool there = sim_path(shot, want[i].path).type != 0, due = v + 5 >= want[i].from && v + 5 <= want[i].to;
            if (there != due)
                fail_msg("%s is %s in %s", want[i].path, there ? "there" : "missing", versions[v]);
        }
        free(shot);
        scene_release(&x);
    }
}

/* The line of a slow find. */
static const char *slow_line(struct scene *x, char *out, size_t cap)
{
    const uint8_t *reply = rig_ok(&x->r, "admin", "{'getLog': 'global'}");
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(sim_find(reply, "log").p); sim_next(&it, &e);)
        if (strstr(sim_text(e.v), "\"id\":51803") && strstr(sim_text(e.v), "\"find\":\"orders\"")) {
            snprintf(out, cap, "%s", sim_text(e.v));
            return out;
        }
    fail_msg("no slow find in the log");
    return NULL;
}

static void test_log_lines_and_plans(void **state)
{
    static const char *const versions[] = {"5.0", "6.0", "7.0", "8.0"};
    (void)state;
    for (int v = 0; v < 4; v++) {
        struct scene x;
        char line[2048];
        begin(&x, versions[v], "calm");
        rig_ok(&x.r, "shop", "{'profile': 0, 'slowms': -1}");
        rig_ok(&x.r, "shop", "{'find': 'orders', 'filter': {'customer_id': 3}, 'limit': 3}");
        slow_line(&x, line, sizeof line);
        assert_true((strstr(line, "\"svc\":\"S\"") != NULL) == (v == 3));
        assert_true((strstr(line, "\"queryFramework\":\"classic\"") != NULL) == (v >= 2));
        assert_true((strstr(line, "\"planCacheShapeHash\":") != NULL) == (v == 3));
        assert_true((strstr(line, "\"queryHash\":") != NULL) == (v < 3));
        assert_true((strstr(line, "\"collectionType\":\"normal\"") != NULL) == (v == 3));
        const uint8_t *reply = rig_ok(&x.r, "shop", "{'explain': {'find': 'orders', 'filter': {'_id': 3}}, 'verbosity': 'queryPlanner'}");
        assert_true(sim_text_is(sim_path(reply, "queryPlanner.winningPlan.stage"), v == 3 ? "EXPRESS_IXSCAN" : "IDHACK"));
        reply = rig_ok(&x.r, "shop", "{'explain': {'find': 'orders', 'filter': {'status': 'paid'}}, 'verbosity': 'queryPlanner'}");
        assert_int_equal(sim_path(reply, "queryPlanner.planCacheShapeHash").type != 0, v == 3);
        assert_int_equal(sim_path(reply, "queryPlanner.queryHash").type != 0, v < 3);
        rig_ok(&x.r, "shop", "{'profile': 2}");
        rig_ok(&x.r, "shop", "{'find': 'orders', 'filter': {'status': 'paid', 'customer_id': 3}}");
        reply = rig_ok(&x.r, "shop", "{'find': 'system.profile', 'filter': {'op': 'query'}, 'limit': 1}");
        assert_int_equal(sim_path(reply, "cursor.firstBatch.0.planningTimeMicros").type != 0, v >= 2);
        assert_int_equal(sim_path(reply, "cursor.firstBatch.0.cpuNanos").type != 0, v >= 2);
        assert_int_equal(sim_path(reply, "cursor.firstBatch.0.queryShapeHash").type != 0, v == 3);
        scene_release(&x);
    }
}

static void test_stages_and_commands(void **state)
{
    struct scene x;
    (void)state;
    begin(&x, "6.0", "calm");
    rig_fails(&x.r, "admin", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}], 'cursor': {}}", 40324, "Unrecognized pipeline stage name");
    rig_ok(&x.r, "admin", "{'setFeatureCompatibilityVersion': '6.0'}");
    scene_release(&x);
    begin(&x, "8.0", "calm");
    rig_fails(&x.r, "admin", "{'aggregate': 1, 'pipeline': [{'$queryStats': {}}], 'cursor': {}}", 7373500, "$queryStats is not allowed");
    rig_fails(&x.r, "admin", "{'setFeatureCompatibilityVersion': '8.0'}", 7369100, "confirm: true");
    rig_ok(&x.r, "admin", "{'setFeatureCompatibilityVersion': '8.0', 'confirm': true}");
    scene_release(&x);
}

/* It is the primary's to change, and the others have it by the oplog. */
static void test_a_feature_compatibility_version_is_set(void **state)
{
    static const char *const at = "featureCompatibilityVersion.version", *const ask = "{'getParameter': 1, 'featureCompatibilityVersion': 1}";
    static const struct {
        const char *version, *set, *then, *back_again;
    } want[] = {{"5.0", "{'setFeatureCompatibilityVersion': '4.4'}", "4.4", "{'setFeatureCompatibilityVersion': '5.0'}"},
                {"6.0", "{'setFeatureCompatibilityVersion': '5.0'}", "5.0", "{'setFeatureCompatibilityVersion': '6.0'}"},
                {"8.0", "{'setFeatureCompatibilityVersion': '7.0', 'confirm': true}", "7.0", "{'setFeatureCompatibilityVersion': '8.0', 'confirm': true}"}};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(want); i++) {
        struct scene x;
        begin(&x, want[i].version, "calm");
        if (strcmp(want[i].version, "8.0") == 0)
            rig_fails(&x.r, "admin", "{'setFeatureCompatibilityVersion': '7.0'}", 7369100, "if you choose to downgrade the binary version");
        rig_ok(&x.r, "admin", want[i].set);
        scene_to(&x, 30);
        for (int m = 0; m < SIM_MEMBERS; m++) {
            assert_true(sim_text_is(sim_path(rig_ok_on(&x.r, m, "admin", ask), at), want[i].then));
            const uint8_t *found = rig_ok_on(&x.r, m, "admin", "{'find': 'system.version', '$readPreference': {'mode': 'nearest'}}");
            assert_true(sim_text_is(sim_path(found, "cursor.firstBatch.0.version"), want[i].then));
        }
        rig_ok(&x.r, "admin", want[i].back_again);
        assert_true(sim_text_is(sim_path(rig_ok(&x.r, "admin", ask), at), want[i].version));
        scene_release(&x);
    }
}

/* In 8.0 a write that only waited for a lock is not slow: it did not work for long. */
static void test_waiting_is_not_working(void **state)
{
    static const char *const versions[] = {"7.0", "8.0"};
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct scene x;
        bool told = false;
        begin(&x, versions[v], "lock-contention");
        scene_to(&x, 300);
        const uint8_t *reply = rig_ok(&x.r, "admin", "{'getLog': 'global'}");
        struct sim_elem e;
        for (struct sim_iter it = sim_iter_of(sim_find(reply, "log").p); sim_next(&it, &e);)
            told = told || (strstr(sim_text(e.v), "\"id\":51803") && strstr(sim_text(e.v), "acquireWaitCount"));
        assert_int_equal(told, v == 0);
        scene_release(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_are_no_version), cmocka_unit_test(test_wire_and_build), cmocka_unit_test(test_parameters), cmocka_unit_test(test_a_shard_key_is_analysed), cmocka_unit_test(test_sections),
        cmocka_unit_test(test_log_lines_and_plans),       cmocka_unit_test(test_stages_and_commands), cmocka_unit_test(test_a_feature_compatibility_version_is_set), cmocka_unit_test(test_waiting_is_not_working),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
