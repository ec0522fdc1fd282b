/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an index: builds that take their time and are seen while they run, commit quorums, ends by dropIndexes and
 * killOp, a client that goes, and what comes after. */
#include "rig.h"

#include <signalbox/sim/build.h>
#include <signalbox/sim/repl.h>

static struct rig r;
static struct sim_conn *other; /* who builds */
static struct sim_w other_w;
static uint8_t *answer;

static void answered(struct sim_conn *c, const uint8_t *reply)
{
    (void)c;
    free(answer);
    answer = malloc(sim_doc_len(reply));
    memcpy(answer, reply, sim_doc_len(reply));
}

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    sim_w_init(&other_w);
    other = sim_conn_open(&r.s->member[0], "127.0.0.1:50007", false);
    other->answer = answered;
    r.s->costs.build_doc_us = 2000;
    r.s->costs.build_key_us = 1000;
    for (int i = 0; i < 2000; i++) {
        char text[160];
        snprintf(text, sizeof text, "{'insert':'b','documents':[{'_id':%d,'k':%d,'g':%d}]}", i, i, i % 10);
        rig_ok(&r, "t", text);
    }
    rig_pass(&r, 2);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (other)
        sim_conn_close(other);
    sim_w_release(&other_w);
    free(answer);
    rig_release(&r);
    return 0;
}

static void start(const char *spec, const char *more)
{
    char text[400];
    free(answer);
    answer = NULL;
    snprintf(text, sizeof text, "{'createIndexes':'b','indexes':[%s]%s,'$db':'t'}", spec, more);
    bson_t *b = rig_json(text);
    struct sim_request rq = {.body = bson_get_data(b), .bytes = b->len};
    const uint8_t *reply;
    assert_int_equal(sim_dispatch(other, &rq, &other_w, &reply), SIM_LATER);
    bson_destroy(b);
}

static void wait_for_answer(void)
{
    for (int i = 0; i < 1000 && !answer; i++)
        rig_pass(&r, 0.1);
    assert_non_null(answer);
}

static size_t listed(int member, const char *more)
{
    char text[100];
    snprintf(text, sizeof text, "{'listIndexes':'b'%s}", more);
    return sim_count(sim_path(rig_ok_on(&r, member, "t", text), "cursor.firstBatch").p);
}

/* The operation of the build on a member, or NULL; lives until the next command. */
static const uint8_t *build_op(int member)
{
    const uint8_t *reply = rig_ok_on(&r, member, "admin", "{'aggregate':1,'pipeline':[{'$currentOp':{'allUsers':true}},{'$match':{'msg':{'~regex':'^Index Build'}}}],'cursor':{}}");
    struct sim_val op = sim_path(reply, "cursor.firstBatch.0");
    return op.type ? op.p : NULL;
}

static void drop(const char *name)
{
    char text[100];
    snprintf(text, sizeof text, "{'dropIndexes':'b','index':'%s'}", name);
    rig_ok(&r, "t", text);
    rig_pass(&r, 2);
}

static void test_seen_while_it_runs(void **state)
{
    (void)state;
    start("{'key':{'k':1},'name':'k_1'}", "");
    rig_pass(&r, 1);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        assert_int_equal(listed(i, ""), 2); /* without any mark */
        rig_same_text("building", rig_at(rig_ok_on(&r, i, "t", "{'aggregate':'b','pipeline':[{'$indexStats':{}},{'$match':{'name':'k_1'}}],'cursor':{}}"),
                                         "cursor.firstBatch.0.building"), "true");
        const uint8_t *reply = rig_ok_on(&r, i, "t", "{'listIndexes':'b','includeBuildUUIDs':true}");
        assert_int_equal(sim_path(reply, "cursor.firstBatch.1.buildUUID").type, BSON_TYPE_BINARY);
        assert_true(sim_path(reply, "cursor.firstBatch.1.spec.key").type == BSON_TYPE_DOCUMENT);
        const uint8_t *op = build_op(i);
        assert_non_null(op);
        assert_true(rig_int(op, "progress.total") == 2000);
        assert_in_range(rig_int(op, "progress.done"), 1, 1999);
    }
    /* no question uses it, every write keeps it true */
    rig_gives(&r, "t", "{'explain':{'find':'b','filter':{'k':5}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.stage", "'COLLSCAN'");
    rig_fails(&r, "t", "{'find':'b','filter':{'k':5},'hint':'k_1'}", 2, "hint provided does not correspond to an existing index");
    rig_ok(&r, "t", "{'insert':'b','documents':[{'_id':100000,'k':-1}]}");
    rig_ok(&r, "t", "{'delete':'b','deletes':[{'q':{'_id':3},'limit':1}]}");
    int64_t done = rig_int(build_op(0), "progress.done");
    rig_pass(&r, 1);
    assert_true(rig_int(build_op(0), "progress.done") > done);
    assert_null(answer);
    rig_fails(&r, "t", "{'collMod':'b','index':{'name':'k_1','hidden':true}}", 27, "cannot find index k_1 for ns t.b");
    wait_for_answer();
    rig_same_text("after", rig_at(answer, "numIndexesAfter"), "2");
    rig_pass(&r, 2);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        assert_null(build_op(i));
        rig_same_text("building", rig_at(rig_ok_on(&r, i, "t", "{'aggregate':'b','pipeline':[{'$indexStats':{}},{'$match':{'name':'k_1'}}],'cursor':{}}"),
                                         "cursor.firstBatch.0.building"), "missing");
        rig_same_text("keys", rig_at(rig_ok_on(&r, i, "t", "{'validate':'b'}"), "keysPerIndex.k_1"), "2000");
    }
    rig_gives(&r, "t", "{'find':'b','filter':{'k':-1},'hint':'k_1','projection':{'_id':1}}", "cursor.firstBatch", "[{'_id':100000}]");
    rig_gives(&r, "t", "{'createIndexes':'b','indexes':[{'key':{'k':1},'name':'k_1'}]}", "note", "'all indexes already exist'");
    drop("k_1");
}

static void test_dropped_while_it_runs(void **state)
{
    (void)state;
    start("{'key':{'g':1},'name':'g_1'}", "");
    rig_pass(&r, 1);
    rig_gives(&r, "t", "{'dropIndexes':'b','index':'g_1'}", "nIndexesWas", "2");
    assert_non_null(answer);
    rig_same_text("code", rig_at(answer, "code"), "276");
    rig_same_text("codeName", rig_at(answer, "codeName"), "'IndexBuildAborted'");
    rig_pass(&r, 5);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        assert_int_equal(listed(i, ",'includeBuildUUIDs':true"), 1);
        assert_null(build_op(i));
    }
    assert_false(sim_build_running(r.s, sim_coll_find(&r.s->member[0].cat, "t.b")->uuid));
    /* by "*", and with the collection */
    start("{'key':{'g':1},'name':'g_1'}", "");
    rig_pass(&r, 1);
    rig_ok(&r, "t", "{'dropIndexes':'b','index':'*'}");
    rig_same_text("code", rig_at(answer, "code"), "276");
    rig_pass(&r, 5);
    assert_int_equal(listed(2, ""), 1);
}

static void test_killed(void **state)
{
    (void)state;
    char text[80];
    start("{'key':{'g':1},'name':'g_1'}", "");
    rig_pass(&r, 1);
    snprintf(text, sizeof text, "{'killOp':1,'op':%lld}", (long long)rig_int(build_op(0), "opid"));
    rig_ok(&r, "admin", text);
    wait_for_answer();
    rig_same_text("code", rig_at(answer, "code"), "11601");
    rig_pass(&r, 5);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_int_equal(listed(i, ""), 1);
}

static void test_quorums(void **state)
{
    (void)state;
    /* with a member that does not build, the default waits, and one ready member is enough for 1 */
    r.s->member[2].frozen = true;
    start("{'key':{'g':1},'name':'g_1'}", "");
    rig_pass(&r, 60);
    assert_null(answer);
    assert_int_equal(listed(0, ",'includeBuildUUIDs':true"), 2);
    r.s->member[2].frozen = false;
    sim_apply(r.s, &r.s->member[2]);
    wait_for_answer();
    assert_true(sim_truth(sim_find(answer, "ok")));
    rig_pass(&r, 5);
    drop("g_1");
    r.s->member[2].frozen = true;
    start("{'key':{'g':1},'name':'g_1'}", ",'commitQuorum':1");
    rig_pass(&r, 60);
    assert_non_null(answer);
    rig_same_text("quorum", rig_at(answer, "commitQuorum"), "1");
    r.s->member[2].frozen = false;
    sim_apply(r.s, &r.s->member[2]);
    rig_pass(&r, 60);
    for (int i = 0; i < SIM_MEMBERS; i++)
        rig_same_text("keys", rig_at(rig_ok_on(&r, i, "t", "{'validate':'b'}"), "keysPerIndex.g_1"), "2000");
    drop("g_1");
}

static void test_unique_fails_at_its_end(void **state)
{
    (void)state;
    start("{'key':{'k':1},'name':'k_u','unique':true}", "");
    rig_pass(&r, 3);
    rig_ok(&r, "t", "{'insert':'b','documents':[{'_id':'dup','k':1999}]}"); /* a write is not refused for it */
    wait_for_answer();
    rig_same_text("code", rig_at(answer, "code"), "11000");
    rig_same_text("keyValue", rig_at(answer, "keyValue"), "{'k':1999}");
    rig_ok(&r, "t", "{'delete':'b','deletes':[{'q':{'_id':'dup'},'limit':1}]}");
    start("{'key':{'k':1},'name':'k_u','unique':true}", "");
    rig_pass(&r, 0.5);
    rig_ok(&r, "t", "{'insert':'b','documents':[{'_id':'dup','k':1999}]}");
    rig_pass(&r, 0.5);
    rig_ok(&r, "t", "{'delete':'b','deletes':[{'q':{'_id':'dup'},'limit':1}]}"); /* mended before the end */
    wait_for_answer();
    if (!sim_truth(sim_find(answer, "ok")))
        fail_msg("%s", rig_text(answer));
    rig_fails(&r, "t", "{'insert':'b','documents':[{'_id':'dup','k':1999}]}", 11000, "index: k_u");
    rig_pass(&r, 2);
    drop("k_u");
}

static void test_goes_on_without_its_client(void **state)
{
    (void)state;
    start("{'key':{'g':-1,'k':1},'name':'gk'}", "");
    rig_pass(&r, 1);
    sim_conn_close(other);
    other = NULL;
    rig_pass(&r, 60);
    assert_null(answer);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        assert_int_equal(listed(i, ""), 2);
        rig_same_text("keys", rig_at(rig_ok_on(&r, i, "t", "{'validate':'b'}"), "keysPerIndex.gk"), "2000");
    }
    const uint8_t *reply = rig_ok(&r, "admin", "{'getLog':'global'}");
    char *log = rig_at(reply, "log");
    assert_non_null(strstr(log, "\\\"id\\\":20345"));
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen_while_it_runs),
        cmocka_unit_test(test_dropped_while_it_runs),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_quorums),
        cmocka_unit_test(test_unique_fails_at_its_end),
        cmocka_unit_test(test_goes_on_without_its_client),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
