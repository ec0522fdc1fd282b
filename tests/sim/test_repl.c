/* SPDX-License-Identifier: Apache-2.0
 *
 * The lives of the members: each transition once, the recorded step-down of a real set beside ours, and hundreds of seeded
 * accidents after which nothing that a majority acknowledged may be missing. */
#include "rig.h"

#include <signalbox/sim/clients.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>

#include <zlib.h>

/* ---- a rig whose connections may be lost ---- */

static void on_lost(struct sim_conn *c)
{
    struct rig *r = c->owner;
    for (int i = 0; i < SIM_MEMBERS; i++)
        if (r->conn[i] == c)
            r->conn[i] = NULL;
}

static void reconnect(struct rig *r)
{
    for (int i = 0; i < SIM_MEMBERS; i++) {
        if (!r->conn[i] && r->s->member[i].up) {
            r->conn[i] = sim_conn_open(&r->s->member[i], "127.0.0.1:50001", false);
            assert_non_null(r->conn[i]);
        }
        if (!r->conn[i])
            continue;
        r->conn[i]->answer = rig_answer;
        r->conn[i]->lost = on_lost;
        r->conn[i]->owner = r;
    }
}

static void begin(struct rig *r)
{
    rig_init(r);
    reconnect(r);
}

static void end(struct rig *r)
{
    for (int i = 0; i < SIM_MEMBERS; i++)
        sim_restart(&r->s->member[i]);
    reconnect(r);
    rig_release(r);
}

static void same(const char *what, const char *is, const char *want)
{
    if (strcmp(is, want) != 0)
        fail_msg("%s\n wanted %s\n got    %s", what, want, is);
}

/* "PSD": each member as `by` sees it; p a primary that takes no writes yet, R recovering, B rolling back, D down. */
static const char *seen(struct rig *r, int by)
{
    static char text[SIM_MEMBERS + 1];
    reconnect(r);
    const uint8_t *reply = rig_ok_on(r, by, "admin", "{'replSetGetStatus':1}");
    for (int i = 0; i < SIM_MEMBERS; i++) {
        char path[40];
        snprintf(path, sizeof path, "members.%d.state", i);
        int64_t state = rig_int(reply, path);
        text[i] = "?PSR??? DB"[state < 10 ? state : 0];
    }
    text[SIM_MEMBERS] = '\0';
    return text;
}

static void see(struct rig *r, int by, const char *want)
{
    char what[80];
    snprintf(what, sizeof what, "the members as member %d sees them", by);
    same(what, seen(r, by), want);
}

static bool logged(const struct sim_member *m, const char *text)
{
    for (int i = 0; i < SIM_LOG_LINES; i++)
        if (m->log[i].text && strstr(m->log[i].text, text))
            return true;
    return false;
}

static int primary_of(struct rig *r)
{
    struct sim_member *p = sim_primary(r->s);
    return p ? p->id : -1;
}

static void wait_for_primary(struct rig *r)
{
    for (int i = 0; i < 600 && primary_of(r) < 0; i++)
        rig_pass(r, 0.1);
    assert_int_not_equal(primary_of(r), -1);
    reconnect(r);
}

/* The command to a member fails with this code and names the topology, as drivers want it. */
static void refused(struct rig *r, int member, const char *json, int code)
{
    const uint8_t *reply = rig_on(r, member, "shop", json);
    if (sim_int(sim_find(reply, "code"), 0) != code || sim_find(reply, "topologyVersion").type != BSON_TYPE_DOCUMENT)
        fail_msg("%s wanted %d, got %s", json, code, rig_text(reply));
}

/* ---- step-down ---- */

static void test_step_down_hands_over(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 20);
    see(&r, 0, "PSS");
    see(&r, 2, "PSS");
    assert_int_equal(rig_int(rig_ok(&r, "admin", "{'hello':1}"), "topologyVersion.counter"), 6);
    rig_ok(&r, "admin", "{'replSetStepDown':20,'secondaryCatchUpPeriodSecs':5}");
    /* by itself it knows at once, the next one is elected with the first heartbeats */
    assert_false(r.s->member[0].primary);
    refused(&r, 0, "{'insert':'a','documents':[{'x':1}]}", 10107);
    rig_pass(&r, 0.5);
    see(&r, 0, "SPS");
    see(&r, 1, "SPS");
    see(&r, 2, "SPS");
    assert_int_equal(r.s->term, 2);
    const uint8_t *hello = rig_ok_on(&r, 1, "admin", "{'hello':1}");
    assert_true(sim_truth(sim_find(hello, "isWritablePrimary")));
    assert_int_equal(sim_find(hello, "electionId").p[11], 2);
    rig_ok_on(&r, 1, "shop", "{'insert':'a','documents':[{'x':1}]}");
    assert_true(logged(&r.s->member[0], "\"id\":21347,"));
    assert_true(logged(&r.s->member[1], "\"id\":21450,"));
    assert_true(logged(&r.s->member[2], "\"id\":5972100,"));
    /* it has the higher priority, but it has promised to wait; then it takes over */
    rig_pass(&r, 18);
    see(&r, 2, "SPS");
    rig_pass(&r, 25);
    see(&r, 2, "PSS");
    assert_int_equal(r.s->term, 3);
    assert_true(logged(&r.s->member[1], "\"id\":21402,"));
    rig_same_text("reason", rig_at(rig_ok(&r, "admin", "{'replSetGetStatus':1}"), "electionCandidateMetrics.lastElectionReason"), "'priorityTakeover'");
    end(&r);
}

static void test_step_down_refusals(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    rig_fails(&r, "admin", "{'replSetStepDown':-1}", 2, "stepdown period must be a positive integer");
    rig_fails(&r, "admin", "{'replSetStepDown':5,'secondaryCatchUpPeriodSecs':10}", 2, "stepdown period must be longer than");
    rig_fails(&r, "admin", "{'replSetFreeze':10}", 95, "cannot freeze node when primary");
    refused(&r, 1, "{'insert':'a','documents':[{'x':1}]}", 10107);
    assert_int_equal(sim_find(rig_on(&r, 1, "shop", "{'insert':'a','documents':[{'x':1}]}"), "errorLabels").type, 0);
    rig_same_text("labels",
                  rig_at(rig_on(&r, 1, "shop", "{'insert':'a','documents':[{'x':1}],'lsid':{'id':{'$binary':{'base64':'AAAAAAAAAAAAAAAAAAAAAA==','subType':'04'}}},"
                                               "'txnNumber':{'$numberLong':'1'}}"), "errorLabels"), "['RetryableWriteError']");
    /* nobody can catch up: after its time it gives up, and takes writes again */
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'x':1}],'writeConcern':{'w':1}}");
    int64_t before = r.s->now;
    rig_fails(&r, "admin", "{'replSetStepDown':30,'secondaryCatchUpPeriodSecs':3}", 262, "No electable secondaries caught up as of ");
    assert_true(r.s->now - before >= 3000000);
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'x':2}],'writeConcern':{'w':1}}");
    /* by force it goes all the same, and then there is nobody */
    rig_ok(&r, "admin", "{'replSetStepDown':30,'secondaryCatchUpPeriodSecs':3,'force':true}");
    assert_int_equal(primary_of(&r), -1);
    refused(&r, 0, "{'find':'a','$readPreference':{'mode':'primary'}}", 13435);
    rig_pass(&r, 1);
    const uint8_t *hello = rig_ok(&r, "admin", "{'hello':1}");
    assert_true(sim_truth(sim_find(hello, "secondary")));
    assert_int_equal(sim_find(hello, "primary").type, 0);
    end(&r);
}

static void test_freeze(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    rig_ok_on(&r, 1, "admin", "{'replSetFreeze':60}");
    rig_ok(&r, "admin", "{'replSetStepDown':30}");
    wait_for_primary(&r);
    assert_int_equal(primary_of(&r), 2);
    rig_same_text("info", rig_at(rig_ok_on(&r, 1, "admin", "{'replSetFreeze':0}"), "info"), "'unfreezing'");
    end(&r);
}

/* ---- killed, hung ---- */

static void test_killed_primary(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 30);
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1}]}");
    int64_t pid = rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "pid");
    sim_kill(&r.s->member[0]);
    assert_null(r.conn[0]);
    rig_pass(&r, 0.1);
    see(&r, 1, "DSS");
    const uint8_t *reply = rig_ok_on(&r, 1, "admin", "{'replSetGetStatus':1}");
    rig_same_text("down", rig_at(reply, "members.0.stateStr"), "'(not reachable/healthy)'");
    assert_int_equal(rig_int(reply, "members.0.health"), 0);
    assert_int_equal(rig_int(reply, "members.0.uptime"), 0);
    assert_int_equal(sim_find(rig_ok_on(&r, 1, "admin", "{'hello':1}"), "primary").type, 0);
    refused(&r, 1, "{'insert':'a','documents':[{'x':1}]}", 10107);
    rig_pass(&r, 9);
    assert_int_equal(primary_of(&r), -1);
    rig_pass(&r, 5);
    int next = primary_of(&r);
    assert_true(next > 0);
    assert_int_equal(r.s->term, 2);
    rig_ok_on(&r, next, "shop", "{'insert':'a','documents':[{'_id':2}]}");
    /* back: another process, RECOVERING until it has what it missed */
    for (int i = 10; i < 300; i++) {
        char insert[100];
        snprintf(insert, sizeof insert, "{'insert':'a','documents':[{'_id':%d}]}", i);
        rig_ok_on(&r, next, "shop", insert);
    }
    sim_restart(&r.s->member[0]);
    reconnect(&r);
    assert_int_equal(r.s->member[0].role.state, SIM_IS_RECOVERING);
    refused(&r, 0, "{'find':'a','$readPreference':{'mode':'secondary'}}", 13436);
    reply = rig_ok(&r, "admin", "{'serverStatus':1}");
    assert_int_not_equal(rig_int(reply, "pid"), pid);
    assert_int_equal(rig_int(reply, "uptime"), 0);
    assert_int_equal(rig_int(reply, "opcounters.insert"), 0);
    rig_pass(&r, 3);
    see(&r, next, next == 1 ? "SPS" : "SSP");
    assert_int_equal(rig_int(rig_ok_on(&r, 0, "shop", "{'count':'a','$readPreference':{'mode':'secondary'}}"), "n"), 292);
    rig_pass(&r, 15);
    assert_int_equal(primary_of(&r), 0); /* by its priority */
    end(&r);
}

static void test_no_majority_no_primary(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    sim_kill(&r.s->member[1]);
    sim_kill(&r.s->member[2]);
    rig_pass(&r, 5);
    assert_int_equal(primary_of(&r), 0); /* for a while */
    rig_pass(&r, 8);
    assert_int_equal(primary_of(&r), -1);
    assert_true(logged(&r.s->member[0], "\"id\":21809,"));
    see(&r, 0, "SDD");
    sim_restart(&r.s->member[2]);
    rig_pass(&r, 14);
    assert_int_equal(primary_of(&r), 0);
    assert_int_equal(r.s->term, 2);
    end(&r);
}

/* Who has the newer entries refuses, although it cannot become primary itself. */
static void test_stale_candidate(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    r.s->member[1].frozen = true;
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1}]}");
    r.s->member[2].role.frozen_us = INT64_MAX;
    sim_kill(&r.s->member[0]);
    rig_pass(&r, 60);
    assert_int_equal(primary_of(&r), -1);
    assert_int_equal(r.s->term, 1);
    assert_true(logged(&r.s->member[1], "\"id\":21440,"));
    r.s->member[1].frozen = false;
    rig_pass(&r, 30);
    assert_int_equal(primary_of(&r), 1);
    reconnect(&r);
    assert_int_equal(rig_int(rig_ok_on(&r, 1, "shop", "{'count':'a'}"), "n"), 1);
    end(&r);
}

static void test_hung_primary(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    sim_hang(&r.s->member[0]);
    rig_pass(&r, 4);
    see(&r, 1, "PSS"); /* it only has not answered yet */
    rig_pass(&r, 16);
    assert_true(primary_of(&r) > 0);
    assert_int_equal(r.s->term, 2);
    assert_int_equal(seen(&r, primary_of(&r))[0], 'D');
    sim_wake(&r.s->member[0]);
    assert_false(r.s->member[0].primary); /* before it answers anybody */
    refused(&r, 0, "{'insert':'a','documents':[{'x':1}]}", 10107);
    rig_pass(&r, 1);
    assert_int_equal(seen(&r, primary_of(&r))[0], 'S');
    end(&r);
}

static void test_unreplicated_writes_are_rolled_back(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1,'n':1},{'_id':2,'n':1}]}");
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':3}],'writeConcern':{'w':1}}");
    rig_ok(&r, "shop", "{'update':'a','updates':[{'q':{'_id':1},'u':{'$set':{'n':2}}}],'writeConcern':{'w':1}}");
    rig_ok(&r, "shop", "{'delete':'a','deletes':[{'q':{'_id':2},'limit':1}],'writeConcern':{'w':1}}");
    sim_kill(&r.s->member[0]);
    r.s->member[1].frozen = r.s->member[2].frozen = false;
    wait_for_primary(&r);
    rig_ok_on(&r, primary_of(&r), "shop", "{'insert':'a','documents':[{'_id':4}]}");
    sim_restart(&r.s->member[0]);
    rig_pass(&r, 0.2);
    see(&r, 0, primary_of(&r) == 1 ? "BPS" : "BSP");
    rig_pass(&r, 4);
    assert_int_equal(r.s->rollbacks, 1);
    assert_int_equal(r.s->rolled_back, 3);
    assert_true(logged(&r.s->member[0], "\"id\":21609,"));
    assert_true(logged(&r.s->member[0], "\"affectedNamespaces\":[\"shop.a\"],\"rollbackCommandCounts\":{\"insert\":1,\"update\":1,\"delete\":1},"
                                        "\"totalEntriesRolledBackIncludingNoops\":3"));
    assert_int_equal(rig_int(rig_ok(&r, "admin", "{'replSetGetRBID':1}"), "rbid"), 2);
    rig_gives(&r, "shop", "{'find':'a','sort':{'_id':1},'$readPreference':{'mode':'secondary'}}", "cursor.firstBatch",
              "[{'_id':1,'n':1},{'_id':2,'n':1},{'_id':4}]");
    end(&r);
}

/* A branch that changed the catalogue: everything is copied. */
static void test_rolled_back_collection(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1}]}");
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    rig_ok(&r, "shop", "{'insert':'b','documents':[{'_id':1}],'writeConcern':{'w':1}}");
    sim_kill(&r.s->member[0]);
    r.s->member[1].frozen = r.s->member[2].frozen = false;
    wait_for_primary(&r);
    rig_ok_on(&r, primary_of(&r), "shop", "{'createIndexes':'a','indexes':[{'key':{'x':1},'name':'x_1'}],'commitQuorum':'majority'}");
    sim_restart(&r.s->member[0]);
    rig_pass(&r, 6);
    reconnect(&r);
    char *want = rig_at(rig_ok_on(&r, primary_of(&r), "shop", "{'dbHash':1}"), "md5");
    rig_same_text("dbHash", rig_at(rig_ok_on(&r, 0, "shop", "{'dbHash':1}"), "md5"), want);
    free(want);
    assert_int_equal(rig_int(rig_ok_on(&r, 0, "shop", "{'count':'b','$readPreference':{'mode':'secondary'}}"), "n"), 0);
    end(&r);
}

/* ---- waiting ---- */

static const uint8_t *send_now(struct rig *r, int member, const char *db, const char *json)
{
    struct sim_w body;
    bson_t *b = rig_json(json);
    const uint8_t *reply = NULL;
    sim_w_init(&body);
    sim_w_all(&body, bson_get_data(b));
    sim_w_text(&body, "$db", db);
    struct sim_request rq = {.body = sim_w_done(&body), .bytes = 100};
    free(r->late);
    r->late = NULL;
    assert_int_equal(sim_dispatch(r->conn[member], &rq, &r->w, &reply), SIM_LATER);
    sim_w_release(&body);
    bson_destroy(b);
    return reply;
}

static void test_hello_waits_for_a_change(void **state)
{
    struct rig r;
    char ask[200], id[25];
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    const uint8_t *oid = sim_path(rig_ok_on(&r, 2, "admin", "{'hello':1}"), "topologyVersion.processId").p;
    for (int i = 0; i < 12; i++)
        snprintf(id + 2 * i, 3, "%02x", oid[i]);
    snprintf(ask, sizeof ask, "{'hello':1,'topologyVersion':{'processId':{'$oid':'%s'},'counter':{'$numberLong':'4'}},'maxAwaitTimeMS':10000}", id);
    send_now(&r, 2, "admin", ask);
    rig_pass(&r, 9.9);
    assert_null(r.late);
    rig_pass(&r, 0.2);
    assert_non_null(r.late); /* its time is over: nothing has changed */
    assert_int_equal(rig_int(r.late, "topologyVersion.counter"), 4);
    send_now(&r, 2, "admin", ask);
    rig_ok(&r, "admin", "{'replSetStepDown':30}");
    free(r.late);
    r.late = NULL;
    send_now(&r, 2, "admin", ask);
    rig_pass(&r, 0.3);
    assert_non_null(r.late);
    assert_true(rig_int(r.late, "topologyVersion.counter") > 4);
    rig_fails(&r, "admin", "{'hello':1,'maxAwaitTimeMS':10000}", 51759, "must include a 'topologyVersion'");
    end(&r);
}

static void test_write_waits_for_its_concern(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    const uint8_t *reply = rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1}],'writeConcern':{'w':'majority','wtimeout':2000}}");
    assert_int_equal(rig_int(reply, "writeConcernError.code"), 64);
    assert_int_equal(rig_int(reply, "n"), 1);
    send_now(&r, 0, "shop", "{'insert':'a','documents':[{'_id':2}],'writeConcern':{'w':3}}");
    r.s->member[2].frozen = false;
    sim_apply_wake(r.s);
    rig_pass(&r, 1);
    assert_null(r.late); /* two have it */
    r.s->member[1].frozen = false;
    sim_apply_wake(r.s);
    rig_pass(&r, 1);
    assert_non_null(r.late);
    assert_int_equal(sim_find(r.late, "writeConcernError").type, 0);
    /* the step-down interrupts the wait, and says that the write may be sent again */
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    send_now(&r, 0, "shop", "{'insert':'a','documents':[{'_id':3}]}");
    sim_step_down(&r.s->member[0], 0, "test");
    rig_pass(&r, 0.1);
    assert_non_null(r.late);
    assert_int_equal(rig_int(r.late, "writeConcernError.code"), 189);
    rig_same_text("labels", rig_at(r.late, "errorLabels"), "['RetryableWriteError']");
    end(&r);
}

/* A lag is that lag, not a multiple of it. */
static void test_lag(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    r.s->member[1].lag_us = 30000000;
    for (int i = 0; i < 90; i++) {
        char json[80];
        snprintf(json, sizeof json, "{'insert':'a','documents':[{'_id':%d}]}", i);
        rig_ok(&r, "shop", json);
        rig_pass(&r, 1);
    }
    int64_t n = rig_int(rig_ok_on(&r, 1, "shop", "{'count':'a'}"), "n");
    if (n < 57 || n > 61)
        fail_msg("30 s behind, it has %lld of 90", (long long)n);
    r.s->member[1].lag_us = 0;
    rig_pass(&r, 35);
    assert_int_equal(rig_int(rig_ok_on(&r, 1, "shop", "{'count':'a'}"), "n"), 90);
    end(&r);
}

/* ---- flow control ---- */

static void insert_one(struct rig *r, int id)
{
    char json[100];
    snprintf(json, sizeof json, "{'insert':'flow','documents':[{'_id':%d}],'writeConcern':{'w':1}}", id);
    rig_ok(r, "shop", json);
}

static const uint8_t *flow_of(struct rig *r)
{
    struct sim_val flow = sim_path(rig_ok(r, "admin", "{'serverStatus':1}"), "flowControl");
    assert_int_equal(flow.type, BSON_TYPE_DOCUMENT);
    return flow.p;
}

/* The writer that flow control holds back, as currentOp tells it; NULL none. */
static const uint8_t *held_back(struct rig *r)
{
    const uint8_t *reply = rig_ok(r, "admin", "{'aggregate':1,'pipeline':[{'$currentOp':{}},{'$match':{'waitingForFlowControl':true}}],'cursor':{}}");
    struct sim_val first = sim_path(reply, "cursor.firstBatch.0");
    return first.type ? first.p : NULL;
}

/* A majority that stays behind holds the primary's writers back; one member alone does not. */
static void test_flow_control(void **state)
{
    struct rig r;
    int id = 0;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    r.s->member[1].lag_us = 40000000;
    for (; id < 12; id++) {
        insert_one(&r, id);
        rig_pass(&r, 1);
    }
    const uint8_t *flow = flow_of(&r);
    assert_false(sim_truth(sim_find(flow, "isLagged")));
    assert_int_equal(sim_int(sim_find(flow, "targetRateLimit"), 0), 1000000000);
    r.s->member[2].lag_us = 40000000;
    for (; id < 24; id++) {
        insert_one(&r, id);
        rig_pass(&r, 1);
    }
    flow = flow_of(&r);
    assert_true(sim_truth(sim_find(flow, "isLagged")));
    assert_int_equal(sim_int(sim_find(flow, "isLaggedCount"), 0), 1);
    assert_int_equal(sim_int(sim_find(flow, "targetRateLimit"), 0), 100);
    int64_t waited = sim_int(sim_find(flow, "timeAcquiringMicros"), 0);
    assert_in_range(sim_int(sim_find(flow, "isLaggedTimeMicros"), 0), 3000000, 9000000);
    r.conn[0]->timed = true; /* as an app of a scenario, which waits */
    for (int last = id + 60; id < last; id++)
        insert_one(&r, id);
    assert_in_range(r.conn[0]->latency_us, 400000, 700000); /* behind some sixty others, at a hundred a second */
    const uint8_t *op = held_back(&r);
    assert_non_null(op);
    assert_int_equal(sim_int(sim_path(op, "flowControlStats.acquireWaitCount"), 0), 1);
    assert_true(sim_int(sim_find(flow_of(&r), "timeAcquiringMicros"), 0) > waited + 10000000);
    rig_pass(&r, 2);
    assert_null(held_back(&r));
    r.s->member[1].lag_us = r.s->member[2].lag_us = 0;
    sim_apply_wake(r.s);
    rig_pass(&r, 45);
    flow = flow_of(&r);
    assert_false(sim_truth(sim_find(flow, "isLagged")));
    assert_in_range(sim_int(sim_find(flow, "targetRateLimit"), 0), 100, 999999999); /* it grows by steps */
    rig_pass(&r, 400);
    assert_int_equal(sim_int(sim_find(flow_of(&r), "targetRateLimit"), 0), 1000000000);
    insert_one(&r, id);
    assert_true(r.conn[0]->latency_us < 100000);
    assert_false(sim_truth(sim_path(rig_ok_on(&r, 1, "admin", "{'serverStatus':1}"), "flowControl.isLagged")));
    end(&r);
}

/* ---- what waits is under way ---- */

static int64_t under_way(struct rig *r, const char *command)
{
    char json[300];
    snprintf(json, sizeof json, "{'aggregate':1,'pipeline':[{'$currentOp':{}},{'$match':{'active':true,'command.%s':{'$exists':true}}},{'$count':'n'}],'cursor':{}}", command);
    struct sim_conn *waiting = r->conn[0], *own = sim_conn_open(&r->s->member[0], "127.0.0.1:50001", false);
    assert_non_null(own);
    r->conn[0] = own;
    int64_t n = sim_int(sim_path(rig_ok(r, "admin", json), "cursor.firstBatch.0.n"), 0);
    r->conn[0] = waiting;
    sim_conn_close(own);
    return n;
}

static void test_waiting_is_under_way(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    assert_int_equal(under_way(&r, "insert"), 0);
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    send_now(&r, 0, "shop", "{'insert':'a','documents':[{'_id':1}],'writeConcern':{'w':3}}");
    rig_pass(&r, 2);
    assert_int_equal(under_way(&r, "insert"), 1);
    r.s->member[1].frozen = r.s->member[2].frozen = false;
    sim_apply_wake(r.s);
    rig_pass(&r, 1);
    assert_int_equal(under_way(&r, "insert"), 0);
    end(&r);
}

/* ---- configuration ---- */

static void test_reconfig(void **state)
{
    struct rig r;
    static const char config[] = "{'replSetReconfig':{'_id':'rs0','version':%d,'members':[{'_id':0,'host':'127.0.0.1:27017','priority':2},"
                                 "{'_id':1,'host':'127.0.0.1:27018','priority':%d},{'_id':2,'host':'127.0.0.1:27019'%s}]}}";
    char text[600];
    (void)state;
    begin(&r);
    rig_pass(&r, 5);
    snprintf(text, sizeof text, config, 1, 1, "");
    rig_fails(&r, "admin", text, 103, "must be greater than old, but 1 is not greater than 1");
    snprintf(text, sizeof text, config, 2, 1, ",'hidden':true");
    rig_fails(&r, "admin", text, 103, "priority must be 0 when hidden=true");
    snprintf(text, sizeof text, config, 2, 1, ",'priority':0,'hidden':true,'secondaryDelaySecs':60");
    rig_ok(&r, "admin", text);
    rig_pass(&r, 1);
    const uint8_t *reply = rig_ok(&r, "admin", "{'replSetGetConfig':1}");
    assert_int_equal(rig_int(reply, "config.version"), 2);
    assert_int_equal(rig_int(reply, "config.members.2.secondaryDelaySecs"), 60);
    reply = rig_ok_on(&r, 2, "admin", "{'hello':1}");
    rig_same_text("hosts", rig_at(reply, "hosts"), "['127.0.0.1:27017','127.0.0.1:27018']");
    assert_true(sim_truth(sim_find(reply, "hidden")) && sim_truth(sim_find(reply, "passive")));
    assert_int_equal(rig_int(reply, "setVersion"), 2);
    /* delayed: it has the write a minute later */
    rig_ok(&r, "shop", "{'insert':'a','documents':[{'_id':1}]}");
    rig_pass(&r, 50);
    assert_int_equal(rig_int(rig_ok_on(&r, 2, "shop", "{'count':'a'}"), "n"), 0);
    rig_pass(&r, 15);
    assert_int_equal(rig_int(rig_ok_on(&r, 2, "shop", "{'count':'a'}"), "n"), 1);
    /* more priority takes over */
    snprintf(text, sizeof text, config, 3, 5, ",'priority':0");
    rig_ok(&r, "admin", text);
    rig_pass(&r, 25);
    assert_int_equal(primary_of(&r), 1);
    const uint8_t *late = rig_on(&r, 0, "admin", text);
    assert_int_equal(rig_int(late, "code"), 10107);
    end(&r);
}

/* ---- index builds ---- */

static void fill(struct rig *r, int documents)
{
    for (int i = 0; i < documents; i += 1000) {
        struct sim_w w;
        sim_w_init(&w);
        sim_w_text(&w, "insert", "big");
        sim_w_array(&w, "documents");
        for (int k = i; k < i + 1000; k++) {
            sim_w_doc(&w, NULL);
            sim_w_i32(&w, "_id", k);
            sim_w_i32(&w, "x", k % 97);
            sim_w_end(&w);
        }
        sim_w_end(&w);
        rig_send(r, 0, "shop", sim_w_done(&w));
        sim_w_release(&w);
    }
}

static bool built(struct rig *r, int member)
{
    const struct sim_coll *c = sim_coll_find(&r->s->member[member].cat, "shop.big");
    const struct sim_index *x = c ? sim_coll_index(c, "x_1", 3) : NULL;
    return x && !x->building && sim_btree_count(x->tree) == c->records.count;
}

static bool building(struct rig *r, int member)
{
    const struct sim_coll *c = sim_coll_find(&r->s->member[member].cat, "shop.big");
    const struct sim_index *x = c ? sim_coll_index(c, "x_1", 3) : NULL;
    return x && x->building;
}

#define BUILD "{'createIndexes':'big','indexes':[{'key':{'x':1},'name':'x_1'}]}"

static void test_build_survives_step_down(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    r.s->costs.build_doc_us = 1000;
    fill(&r, 5000);
    rig_pass(&r, 2);
    send_now(&r, 0, "shop", BUILD);
    rig_pass(&r, 1);
    assert_true(building(&r, 0) && building(&r, 1) && building(&r, 2));
    sim_step_down(&r.s->member[0], 60000000, "test");
    assert_non_null(r.late); /* the command is interrupted, its build is not */
    assert_int_equal(rig_int(r.late, "code"), 11602);
    wait_for_primary(&r);
    rig_pass(&r, 20);
    assert_int_not_equal(primary_of(&r), 0);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_true(built(&r, i));
    end(&r);
}

static void test_build_waits_for_a_killed_member(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    r.s->costs.build_doc_us = 1000;
    fill(&r, 3000);
    rig_pass(&r, 2);
    send_now(&r, 0, "shop", BUILD);
    rig_pass(&r, 1);
    sim_kill(&r.s->member[2]);
    rig_pass(&r, 60);
    assert_null(r.late); /* the default quorum is every voting member */
    assert_true(building(&r, 0) && building(&r, 1));
    sim_restart(&r.s->member[2]);
    reconnect(&r);
    assert_true(building(&r, 2));
    rig_pass(&r, 20);
    assert_non_null(r.late);
    assert_int_equal(rig_int(r.late, "ok"), 1);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_true(built(&r, i));
    end(&r);
}

static void test_build_survives_killed_primary(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    r.s->costs.build_doc_us = 1000;
    fill(&r, 3000);
    rig_pass(&r, 2);
    send_now(&r, 0, "shop", BUILD);
    rig_pass(&r, 1);
    sim_kill(&r.s->member[0]);
    wait_for_primary(&r);
    rig_pass(&r, 20);
    assert_true(building(&r, primary_of(&r)));
    sim_restart(&r.s->member[0]);
    rig_pass(&r, 20);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_true(built(&r, i));
    end(&r);
}

/* A build that only the killed primary knows of is none. */
static void test_build_that_nobody_heard_of(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    r.s->costs.build_doc_us = 1000;
    fill(&r, 3000);
    rig_pass(&r, 2);
    r.s->member[1].frozen = r.s->member[2].frozen = true;
    send_now(&r, 0, "shop", BUILD);
    rig_pass(&r, 1);
    sim_kill(&r.s->member[0]);
    r.s->member[1].frozen = r.s->member[2].frozen = false;
    wait_for_primary(&r);
    sim_restart(&r.s->member[0]);
    rig_pass(&r, 5);
    reconnect(&r);
    assert_int_equal(r.s->rollbacks, 1);
    const uint8_t *reply = rig_ok_on(&r, primary_of(&r), "shop", BUILD);
    assert_int_equal(rig_int(reply, "numIndexesAfter"), 2);
    rig_pass(&r, 5);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_true(built(&r, i));
    end(&r);
}

/* ---- beside the recorded set ---- */

static const char *const told[] = {"state", "stateStr", "myState", "term", "isWritablePrimary", "secondary", "electionTerm", "lastElectionReason",
                                   "electionCandidateMemberId", "priorPrimaryMemberId", "numVotesNeeded", "majorityVoteCount", "health", "info",
                                   "priorityAtElection", "syncSourceHost", "primary", "self"};

static bool is_told(const char *key)
{
    for (size_t i = 0; i < SB_COUNT(told); i++)
        if (strcmp(key, told[i]) == 0)
            return true;
    return false;
}

/* The recorded ports are 27101 to 27103. */
static bool same_value(const char *key, struct sim_val want, struct sim_val is)
{
    char a[40], b[40];
    if (want.type != BSON_TYPE_UTF8)
        return sim_identical(want, is);
    snprintf(a, sizeof a, "%s", sim_text(want));
    snprintf(b, sizeof b, "%s", sim_text(is));
    if (strncmp(a, "127.0.0.1:2710", 14) == 0)
        snprintf(a, sizeof a, "127.0.0.1:270%d", 16 + (sim_text(want)[14] - '0'));
    if (strcmp(key, "syncSourceHost") == 0) /* who follows whom, a second earlier or later, is chance */
        return (a[0] == '\0') == (b[0] == '\0') || a[0] == '\0';
    return strcmp(a, b) == 0;
}

/* The same keys and types, and the same values where they tell who is what. */
static void compare(struct sb_str *out, const char *path, const uint8_t *want, const uint8_t *is)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(is); sim_next(&it, &e);)
        if (!sim_find(want, e.key).type)
            sb_str_addf(out, "  %s.%s is not in the recording\n", path, e.key);
    for (struct sim_iter it = sim_iter_of(want); sim_next(&it, &e);) {
        struct sim_val v = sim_find(is, e.key);
        char below[300];
        snprintf(below, sizeof below, "%s.%s", path, e.key);
        if (v.type != e.v.type)
            sb_str_addf(out, "  %s has type %d, recorded %d\n", below, v.type, e.v.type);
        else if (sim_is_doc(v.type))
            compare(out, below, e.v.p, v.p);
        else if (is_told(e.key) && !same_value(e.key, e.v, v))
            sb_str_addf(out, "  %s has another value\n", below);
    }
}

static struct sim_doc *part_of(const bson_t *line, const char *name)
{
    bson_iter_t it;
    const uint8_t *p;
    uint32_t n;
    if (!bson_iter_init_find(&it, line, name) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return NULL;
    bson_iter_document(&it, &n, &p);
    return sim_doc_new(p);
}

static void test_step_down_as_recorded(void **state)
{
    const char *data = sb_test_data();
    static char text[1 << 20];
    char path[4096];
    struct sb_str out;
    struct rig r;
    int lines = 0;
    int64_t began = 0, origin = 0;
    (void)state;
    if (!data)
        sb_test_skip("no recordings (SIGNALBOX_TEST_DATA)");
    snprintf(path, sizeof path, "%s/replies-5.0.7/election.jsonl.gz", data);
    gzFile in = gzopen(path, "rb");
    assert_non_null(in);
    begin(&r);
    rig_pass(&r, 60);
    began = r.s->now;
    sb_str_init(&out);
    while (gzgets(in, text, sizeof text)) {
        bson_error_t err;
        bson_iter_t it;
        bson_t *line = bson_new_from_json((const uint8_t *)text, -1, &err);
        assert_non_null(line);
        int member = bson_iter_init_find(&it, line, "member") ? (int)bson_iter_as_int64(&it) : 0;
        const char *note = bson_iter_init_find(&it, line, "note") ? bson_iter_utf8(&it, NULL) : "";
        struct sim_doc *command = part_of(line, "command"), *reply = part_of(line, "reply");
        struct sim_iter first = sim_iter_of(command->bson);
        struct sim_elem name;
        sim_next(&first, &name);
        struct sim_val at = sim_find(reply->bson, "date").type ? sim_find(reply->bson, "date") : sim_find(reply->bson, "localTime");
        origin = origin || !at.type ? origin : sim_i64(at.p);
        if (at.type)
            sim_run_until(r.s, began + (sim_i64(at.p) - origin) * 1000);
        reconnect(&r);
        const uint8_t *is = rig_send(&r, member, "admin", command->bson);
        snprintf(path, sizeof path, "%s on %d, %s:", name.key, member, note);
        compare(&out, path, reply->bson, is);
        sim_doc_unref(command);
        sim_doc_unref(reply);
        bson_destroy(line);
        lines++;
    }
    gzclose(in);
    assert_int_equal(lines, 62);
    if (out.len)
        fail_msg("not as recorded:\n%s", out.p);
    sb_str_release(&out);
    end(&r);
}

/* ---- hundreds of accidents ---- */

#define SEEDS 80
#define ACCIDENTS 12
#define DOCUMENTS 4000

struct history {
    struct rig r;
    struct sb_rng rng;
    int next;                /* _id of the next document */
    bool acknowledged[DOCUMENTS];
    int64_t terms[2000];     /* who was primary in it, + 1 */
    int writes, kept;
};

/* At most one primary a term: looked at after every step. */
static void watch_terms(struct history *h)
{
    for (int i = 0; i < SIM_MEMBERS; i++) {
        const struct sim_member *m = &h->r.s->member[i];
        if (!m->up || !m->primary)
            continue;
        int64_t *who = &h->terms[m->role.term];
        if (*who && *who != i + 1)
            fail_msg("two primaries in term %lld", (long long)m->role.term);
        *who = i + 1;
    }
}

static void pass(struct history *h, double seconds)
{
    for (int64_t until = h->r.s->now + (int64_t)(seconds * 1e6); h->r.s->now < until;) {
        int64_t next = sim_next_event(h->r.s);
        sim_run_until(h->r.s, next < until ? next : until);
        watch_terms(h);
    }
}

/* Writes to whoever takes it; one in three of them wants no majority. */
static void write_some(struct history *h)
{
    int p = primary_of(&h->r);
    reconnect(&h->r);
    for (unsigned i = rig_below(&h->rng, 20); p >= 0 && i > 0 && h->next < DOCUMENTS; i--) {
        char json[200];
        bool majority = rig_below(&h->rng, 3) != 0;
        snprintf(json, sizeof json, "{'insert':'a','documents':[{'_id':%d}],'writeConcern':{'w':%s,'wtimeout':1}}", h->next, majority ? "'majority'" : "1");
        const uint8_t *reply = rig_on(&h->r, p, "shop", json);
        h->writes++;
        h->acknowledged[h->next] = majority && rig_int(reply, "ok") == 1 && !sim_find(reply, "writeConcernError").type;
        h->kept += h->acknowledged[h->next];
        h->next++;
        if (primary_of(&h->r) != p)
            return;
    }
}

/* The worst: writes that nobody else has, and then the primary goes. */
static void lonely_primary(struct history *h)
{
    for (int i = 0; i < SIM_MEMBERS; i++)
        h->r.s->member[i].frozen = true;
    write_some(h);
    if (sim_primary(h->r.s))
        sim_kill(sim_primary(h->r.s));
    for (int i = 0; i < SIM_MEMBERS; i++)
        h->r.s->member[i].frozen = false;
    sim_apply_wake(h->r.s);
}

static void accident(struct history *h)
{
    struct sim_member *m = &h->r.s->member[rig_below(&h->rng, SIM_MEMBERS)], *p = sim_primary(h->r.s);
    switch (rig_below(&h->rng, 12)) {
    case 0:
        sim_kill(m);
        break;
    case 1:
    case 9:
        lonely_primary(h);
        break;
    case 2:
        if (p)
            sim_kill(p);
        break;
    case 3:
        sim_hang(m);
        break;
    case 4:
        if (p)
            sim_hang(p);
        break;
    case 5:
        sim_wake(m);
        break;
    case 6:
        if (p)
            sim_step_down(p, 5000000, "test");
        break;
    case 7:
        m->lag_us = rig_below(&h->rng, 2) ? 3000000 : 0;
        break;
    default:
        sim_restart(m);
    }
}

static void all_well(struct history *h)
{
    for (int i = 0; i < SIM_MEMBERS; i++) {
        h->r.s->member[i].lag_us = 0;
        sim_wake(&h->r.s->member[i]);
        sim_restart(&h->r.s->member[i]);
    }
    pass(h, 60);
    wait_for_primary(&h->r);
    write_some(h);
    pass(h, 5);
}

static void check_end(struct history *h, uint64_t seed)
{
    char *first = rig_at(rig_ok_on(&h->r, 0, "shop", "{'dbHash':1}"), "md5");
    for (int i = 1; i < SIM_MEMBERS; i++) {
        char *other = rig_at(rig_ok_on(&h->r, i, "shop", "{'dbHash':1}"), "md5");
        if (strcmp(first, other) != 0)
            fail_msg("seed %llu: member %d has other data than member 0", (unsigned long long)seed, i);
        free(other);
    }
    free(first);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        const struct sim_coll *c = sim_coll_find(&h->r.s->member[i].cat, "shop.a");
        for (int k = 0; c && k < h->next; k++) {
            uint8_t b[8];
            if (h->acknowledged[k] && !sim_coll_by_id(c, sim_val_i64(b, k)))
                fail_msg("seed %llu: document %d was acknowledged by a majority and is not on member %d", (unsigned long long)seed, k, i);
        }
    }
}

static void test_accidents(void **state)
{
    int64_t rollbacks = 0, rolled_back = 0, terms = 0;
    int writes = 0, kept = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct history *h = calloc(1, sizeof *h);
        assert_non_null(h);
        rig_init_seed(&h->r, seed);
        reconnect(&h->r);
        sb_rng_seed(&h->rng, seed);
        pass(h, 5);
        for (int i = 0; i < ACCIDENTS; i++) {
            write_some(h);
            accident(h);
            pass(h, 0.001 * rig_below(&h->rng, rig_below(&h->rng, 3) ? 3000 : 30000));
        }
        all_well(h);
        check_end(h, seed);
        rollbacks += h->r.s->rollbacks;
        rolled_back += h->r.s->rolled_back;
        terms += h->r.s->term - 1;
        writes += h->writes;
        kept += h->kept;
        end(&h->r);
        free(h);
    }
    print_message("%d accidents: %lld elections, %d writes, %d of them acknowledged by a majority, %lld rollbacks of %lld entries\n", SEEDS * ACCIDENTS,
                  (long long)terms, writes, kept, (long long)rollbacks, (long long)rolled_back);
    assert_true(rollbacks > 5 && terms > SEEDS); /* else it has tried nothing */
}

/* ---- apps ---- */

static const char shop[] = "collection shop.a 500\n    field _id \"seq('a')\"\n    field n \"int(1, 9)\"\n"
                           "app writer clients 4\n    insert shop.a rate 20 document \"{_id: seq('a'), n: int(1, 9)}\"\n"
                           "    find shop.a rate 20 filter \"{_id: int(1, 500)}\"\n"
                           "app reader clients 2 secondary\n    find shop.a rate 10 filter \"{_id: int(1, 500)}\"\n";

static void check_retries(const char *events, double seconds, int64_t most_failed)
{
    struct rig r;
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    begin(&r);
    sb_str_init(&text);
    sb_str_addf(&text, "%s%s", shop, events);
    struct sim_scenario *sc = sim_scenario_parse(text.p, text.len, "test", "test", &err);
    sb_assert_ok(sim_clients_load(r.s, sc, &err), err);
    rig_pass(&r, seconds);
    reconnect(&r);
    assert_true(sim_clients_retried(r.s) > 0);
    if (sim_clients_failed(r.s) > most_failed)
        fail_msg("%lld operations failed after %s", (long long)sim_clients_failed(r.s), events);
    /* what was sent a second time was done once: each number once, and none is missing below the newest */
    const struct sim_coll *c = sim_coll_find(&r.s->member[primary_of(&r)].cat, "shop.a");
    assert_true(c->records.count > 500 + 10 * (uint64_t)seconds);
    uint8_t b[8];
    uint64_t missing = 0;
    for (int64_t k = 1; k <= (int64_t)c->records.count; k++)
        missing += !sim_coll_by_id(c, sim_val_i64(b, k));
    assert_true(missing <= 4); /* those under way */
    sb_str_release(&text);
    end(&r);
    sim_scenario_free(sc);
}

static void test_apps_retry_once(void **state)
{
    (void)state;
    check_retries("at 20s stepdown\n", 60, 0);
    check_retries("at 20s kill primary\nat 60s restart 0\n", 120, 0);
    check_retries("at 20s hang primary for 40s\n", 120, 0);
}

static void test_scenario_lines(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {{"at 5s kill 7\n", "\"7\" is no member"},
                 {"at 5s kill\n", "a fault is kill N"},
                 {"at 5s restart primary\n", "is no member"},
                 {"at 5s hang 1 until 3s\n", "a fault is"},
                 {"at 5s lag 1 soon\n", "is no duration"},
                 {"member 1 hidden priority 2\n", "has priority 0"},
                 {"member 1 tall yes\n", "a member has priority P"},
                 {"member\n", "member wants a number"}};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sim_scenario *sc = sim_scenario_parse(cases[i].text, strlen(cases[i].text), "test", "test", &err);
        if (sc || !strstr(err.msg, cases[i].error))
            fail_msg("%s wanted \"%s\", got \"%s\"", cases[i].text, cases[i].error, sc ? "no error" : err.msg);
    }
    struct sb_err err = SB_ERR_INIT;
    const char *good = "member 2 hidden votes 0 delay 60s\nmember 1 priority 3\nat 1s kill primary\nat 2s restart 0\nat 3s hang 1 for 4s\n"
                       "at 4s lag 1 9s\nat 5s stepdown\n";
    struct sim_scenario *sc = sim_scenario_parse(good, strlen(good), "test", "test", &err);
    assert_non_null(sc);
    assert_int_equal(sc->events_n, 5);
    assert_true(sc->seat[2].hidden && sc->seat[2].no_vote && sc->seat[2].delay_s == 60 && sc->seat[1].priority == 3);
    sim_scenario_free(sc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_down_hands_over),
        cmocka_unit_test(test_step_down_refusals),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_killed_primary),
        cmocka_unit_test(test_no_majority_no_primary),
        cmocka_unit_test(test_stale_candidate),
        cmocka_unit_test(test_hung_primary),
        cmocka_unit_test(test_unreplicated_writes_are_rolled_back),
        cmocka_unit_test(test_rolled_back_collection),
        cmocka_unit_test(test_hello_waits_for_a_change),
        cmocka_unit_test(test_write_waits_for_its_concern),
        cmocka_unit_test(test_lag),
        cmocka_unit_test(test_flow_control),
        cmocka_unit_test(test_waiting_is_under_way),
        cmocka_unit_test(test_reconfig),
        cmocka_unit_test(test_build_survives_step_down),
        cmocka_unit_test(test_build_waits_for_a_killed_member),
        cmocka_unit_test(test_build_survives_killed_primary),
        cmocka_unit_test(test_build_that_nobody_heard_of),
        cmocka_unit_test(test_step_down_as_recorded),
        cmocka_unit_test(test_accidents),
        cmocka_unit_test(test_apps_retry_once),
        cmocka_unit_test(test_scenario_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
