/* SPDX-License-Identifier: Apache-2.0
 *
 * Change streams: each event's form, what a majority has not is not told, tokens that go on elsewhere, and their ends; and
 * the reads and conditional writes that a store on the set relies on. */
#include "rig.h"

#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>

#include <inttypes.h>

static struct rig r;

static void on_lost(struct sim_conn *c)
{
    for (int i = 0; i < SIM_MEMBERS; i++)
        if (r.conn[i] == c)
            r.conn[i] = NULL;
}

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    for (int i = 0; i < SIM_MEMBERS; i++)
        r.conn[i]->lost = on_lost;
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':1,'a':{'b':1,'c':2}}]}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < SIM_MEMBERS; i++) {
        sim_restart(&r.s->member[i]);
        if (!r.conn[i])
            r.conn[i] = sim_conn_open(&r.s->member[i], "127.0.0.1:50001", false);
    }
    rig_release(&r);
    return 0;
}

/* An open stream: where it is, and the last token that it was told. */
struct stream {
    int member;
    const char *db, *coll;
    int64_t id;
    char token[64];
};

static void keep(struct stream *x, const uint8_t *reply)
{
    char *token = rig_at(reply, "cursor.postBatchResumeToken._data");
    x->id = rig_int(reply, "cursor.id");
    snprintf(x->token, sizeof x->token, "%s", token);
    free(token);
}

/* options and stages as JSON; coll "$cmd.aggregate": of the database. */
static const uint8_t *ask(struct stream *x, int member, const char *db, const char *coll, const char *options, const char *stages)
{
    char command[1000], name[100];
    bool whole = strcmp(coll, "$cmd.aggregate") == 0;
    *x = (struct stream){.member = member, .db = db, .coll = coll};
    snprintf(name, sizeof name, "'%s'", coll);
    snprintf(command, sizeof command, "{'aggregate':%s,'pipeline':[{'$changeStream':{%s}}%s%s],'cursor':{}}", whole ? "1" : name, options, *stages ? "," : "", stages);
    return rig_on(&r, member, db, command);
}

static void watch(struct stream *x, int member, const char *db, const char *coll, const char *options, const char *stages)
{
    const uint8_t *reply = ask(x, member, db, coll, options, stages);
    if (sim_number(sim_find(reply, "ok")) != 1)
        fail_msg("{%s} -> %s", options, rig_text(reply));
    keep(x, reply);
    assert_true(x->id != 0);
}

static const uint8_t *more(struct stream *x, const char *rest)
{
    char command[300];
    snprintf(command, sizeof command, "{'getMore':{'$numberLong':'%" PRId64 "'},'collection':'%s','maxTimeMS':100%s}", x->id, x->coll, rest);
    const uint8_t *reply = rig_on(&r, x->member, x->db, command);
    if (sim_number(sim_find(reply, "ok")) == 1)
        keep(x, reply);
    return reply;
}

/* The next batch: of each event its kind and the key, "insert:2 drop:". */
static void tells(struct stream *x, const char *want)
{
    const uint8_t *reply = more(x, "");
    struct sim_val batch = sim_path(reply, "cursor.nextBatch");
    struct sim_elem e;
    struct sb_str is;
    if (batch.type != BSON_TYPE_ARRAY)
        fail_msg("%s", rig_text(reply));
    sb_str_init(&is);
    for (struct sim_iter it = sim_iter_of(batch.p); sim_next(&it, &e);) {
        struct sim_val id = sim_path(e.v.p, "documentKey._id");
        sb_str_addf(&is, "%s%s:", is.len ? " " : "", sim_text(sim_find(e.v.p, "operationType")));
        if (id.type)
            sb_str_addf(&is, "%d", (int)sim_int(id, 0));
    }
    sb_str_addc(&is, '\0');
    if (strcmp(is.p, want) != 0)
        fail_msg("wanted %s\n got   %s", want, is.p);
    sb_str_release(&is);
}

static void refused(const uint8_t *reply, int code, const char *text, const char *label)
{
    struct sim_val msg = sim_find(reply, "errmsg"), first = sim_path(reply, "errorLabels.0");
    if (sim_int(sim_find(reply, "code"), 0) != code || !sim_is_text(msg.type) || !strstr(sim_text(msg), text) || (label && !sim_text_is(first, label)))
        fail_msg("wanted %d \"%s\"\n got %s", code, text, rig_text(reply));
}

/* ---- what is told ---- */

static void test_events(void **state)
{
    struct stream x, whole;
    (void)state;
    watch(&x, 0, "t", "c", "", "{'$unset':['clusterTime','lsid','txnNumber']}");
    watch(&whole, 0, "t", "c", "'fullDocument':'updateLookup'", "");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2,'v':1}]}");
    rig_ok(&r, "t", "{'update':'c','updates':[{'q':{'_id':1},'u':{'$set':{'a.b':3,'n':[1]},'$unset':{'a.c':1}}}]}");
    rig_ok(&r, "t", "{'update':'c','updates':[{'q':{'_id':2},'u':{'w':1}}]}");
    rig_ok(&r, "t", "{'delete':'c','deletes':[{'q':{'_id':2},'limit':1}]}");
    rig_ok(&r, "t", "{'insert':'other','documents':[{'_id':9}]}");
    const uint8_t *reply = more(&x, "");
    static const char *const want[] = {
        "'operationType':'insert','fullDocument':{'_id':2,'v':1},'ns':{'db':'t','coll':'c'},'documentKey':{'_id':2}}",
        "'operationType':'update','ns':{'db':'t','coll':'c'},'documentKey':{'_id':1},'updateDescription':{'updatedFields':{'n':[1],'a.b':3},"
        "'removedFields':['a.c'],'truncatedArrays':[]}}",
        "'operationType':'replace','fullDocument':{'_id':2,'w':1},'ns':{'db':'t','coll':'c'},'documentKey':{'_id':2}}",
        "'operationType':'delete','ns':{'db':'t','coll':'c'},'documentKey':{'_id':2}}",
    };
    for (size_t i = 0; i < SB_COUNT(want); i++) {
        char path[40];
        snprintf(path, sizeof path, "cursor.nextBatch.%zu", i);
        char *is = rig_at(reply, path), *from = strstr(is, "\"operationType\"");
        assert_non_null(from);
        rig_same_text(path, strdup(from), want[i]);
        free(is);
    }
    assert_int_equal(sim_path(reply, "cursor.nextBatch.4").type, 0);
    reply = more(&whole, "");
    rig_same_text("the document behind an update", rig_at(reply, "cursor.nextBatch.1.fullDocument"), "{'_id':1,'a':{'b':3},'n':[1]}");
    rig_same_text("its place", rig_at(reply, "cursor.nextBatch.1.operationType"), "'update'");
}

static void test_a_database_and_its_ends(void **state)
{
    struct stream coll, db, all;
    (void)state;
    watch(&coll, 0, "t", "c", "", "");
    watch(&db, 0, "t", "$cmd.aggregate", "", "{'$match':{'operationType':{'$ne':'insert'}}}");
    watch(&all, 0, "admin", "$cmd.aggregate", "'allChangesForCluster':true", "");
    rig_ok(&r, "u", "{'insert':'x','documents':[{'_id':5}]}");
    rig_ok(&r, "admin", "{'renameCollection':'t.c','to':'t.d'}");
    tells(&coll, "rename: invalidate:");
    assert_int_equal(coll.id, 0);
    struct stream again;
    char resume[100];
    snprintf(resume, sizeof resume, "'resumeAfter':{'_data':%s}", coll.token);
    refused(ask(&again, 0, "t", "c", resume, ""), 260, "from an invalidate notification", NULL);
    snprintf(resume, sizeof resume, "'startAfter':{'_data':%s}", coll.token);
    watch(&again, 0, "t", "c", resume, "");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':6}]}");
    tells(&again, "insert:6");
    rig_ok(&r, "t", "{'drop':'d'}");
    tells(&db, "rename: drop:");
    rig_ok(&r, "t", "{'dropDatabase':1}");
    tells(&db, "drop: dropDatabase: invalidate:");
    assert_int_equal(db.id, 0);
    tells(&again, "drop: invalidate:");
    tells(&all, "insert:5 rename: insert:6 drop: drop: dropDatabase:");
    assert_true(all.id != 0);
}

static void test_a_transaction(void **state)
{
    struct stream x;
    (void)state;
    watch(&x, 0, "t", "c", "", "");
    static const char *const lsid = "'lsid':{'id':{'$binary':{'base64':'AAECAwQFBgcICQoLDA0ODw==','subType':'04'}}},'txnNumber':{'$numberLong':'3'},'autocommit':false";
    char command[500];
    snprintf(command, sizeof command, "{'insert':'c','documents':[{'_id':11},{'_id':12}],'startTransaction':true,%s}", lsid);
    rig_ok(&r, "t", command);
    tells(&x, "");
    snprintf(command, sizeof command, "{'commitTransaction':1,%s}", lsid);
    rig_ok(&r, "admin", command);
    const uint8_t *reply = more(&x, ",'batchSize':1");
    assert_int_equal(rig_int(reply, "cursor.nextBatch.0.documentKey._id"), 11);
    assert_int_equal(rig_int(reply, "cursor.nextBatch.0.txnNumber"), 3);
    struct stream behind;
    char resume[100];
    snprintf(resume, sizeof resume, "'resumeAfter':{'_data':%s}", x.token);
    watch(&behind, 1, "t", "c", resume, ""); /* in the middle of it, elsewhere */
    tells(&behind, "");
    assert_string_not_equal(behind.token, x.token);
    tells(&x, "insert:12");
}

/* ---- what a majority has ---- */

static void hold(bool held)
{
    r.s->member[1].frozen = r.s->member[2].frozen = held;
    if (!held)
        sim_apply_wake(r.s);
}

static void test_only_what_a_majority_has(void **state)
{
    struct stream x;
    (void)state;
    rig_pass(&r, 1);
    watch(&x, 0, "t", "c", "'fullDocument':'updateLookup'", "");
    hold(true);
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2}],'writeConcern':{'w':1}}");
    rig_ok(&r, "t", "{'update':'c','updates':[{'q':{'_id':1},'u':{'$set':{'v':1}}}],'writeConcern':{'w':1}}");
    rig_ok(&r, "t", "{'delete':'c','deletes':[{'q':{'_id':1},'limit':1}],'writeConcern':{'w':1}}");
    tells(&x, "");
    rig_gives(&r, "t", "{'find':'c'}", "cursor.firstBatch", "[{'_id':2}]");
    rig_gives(&r, "t", "{'find':'c','readConcern':{'level':'majority'}}", "cursor.firstBatch", "[{'_id':1,'a':{'b':1,'c':2}}]");
    rig_gives(&r, "t", "{'count':'c','query':{'_id':2},'readConcern':{'level':'majority'}}", "n", "0");
    rig_gives(&r, "t", "{'find':'c'}", "cursor.firstBatch", "[{'_id':2}]");
    rig_fails(&r, "t", "{'find':'c','readConcern':{'level':'linearizable'},'maxTimeMS':50}", 50, "exceeded time limit");
    refused(rig_on(&r, 1, "t", "{'find':'c','readConcern':{'level':'linearizable'}}"), 10107, "non-primary", NULL);
    const uint8_t *reply = rig_run(&r, "t", "{'insert':'c','documents':[{'_id':3}],'writeConcern':{'w':'majority','wtimeout':50}}");
    rig_same_text("a concern in time", rig_at(reply, "writeConcernError.code"), "64");
    assert_int_equal(rig_int(reply, "n"), 1);
    tells(&x, "");
    hold(false);
    rig_pass(&r, 1);
    tells(&x, "insert:2 update:1 delete:1 insert:3");
    rig_gives(&r, "t", "{'find':'c','readConcern':{'level':'linearizable'}}", "cursor.firstBatch", "[{'_id':2},{'_id':3}]");
    int64_t before = r.s->now;
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':4}],'writeConcern':{'w':1}}");
    tells(&x, "insert:4"); /* as soon as it is there, not when the wait is over */
    assert_true(r.s->now - before < 100000);
}

static void test_a_cursor_that_reads_what_a_majority_has(void **state)
{
    char command[200];
    (void)state;
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2},{'_id':3}]}");
    rig_pass(&r, 1);
    hold(true);
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'c','batchSize':1,'readConcern':{'level':'majority'}}");
    snprintf(command, sizeof command, "{'getMore':{'$numberLong':'%" PRId64 "'},'collection':'c'}", rig_int(reply, "cursor.id"));
    rig_ok(&r, "t", "{'update':'c','updates':[{'q':{'_id':3},'u':{'$set':{'v':1}}}],'writeConcern':{'w':1}}");
    rig_gives(&r, "t", command, "cursor.nextBatch", "[{'_id':2},{'_id':3}]");
    hold(false);
}

/* ---- tokens ---- */

static void test_another_primary(void **state)
{
    struct stream x, next;
    char resume[100];
    (void)state;
    watch(&x, 0, "t", "c", "", "");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2}]}");
    tells(&x, "insert:2");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':3}],'writeConcern':{'w':'majority'}}");
    rig_pass(&r, 1);
    sim_kill(&r.s->member[0]);
    rig_pass(&r, 30);
    int to = r.s->primary_id;
    assert_in_range(to, 1, 2);
    snprintf(resume, sizeof resume, "'resumeAfter':{'_data':%s}", x.token);
    watch(&next, to, "t", "c", resume, "");
    assert_int_equal(sim_number(sim_find(rig_on(&r, to, "t", "{'insert':'c','documents':[{'_id':4}]}"), "ok")), 1);
    tells(&next, "insert:4"); /* the first batch had the other one */
}

static void test_history_lost(void **state)
{
    struct stream x, old, early;
    char resume[100];
    (void)state;
    watch(&x, 0, "t", "c", "", "");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2}]}");
    tells(&x, "insert:2");
    rig_pass(&r, 1);
    struct sim_coll *oplog = sim_coll_find(&r.s->member[0].cat, "local.oplog.rs");
    oplog->max_bytes = 2000;
    for (int i = 10; i < 40; i++) {
        char command[100];
        snprintf(command, sizeof command, "{'insert':'c','documents':[{'_id':%d}]}", i);
        rig_ok(&r, "t", command);
    }
    snprintf(resume, sizeof resume, "'resumeAfter':{'_data':%s}", x.token);
    refused(ask(&old, 0, "t", "c", resume, ""), 286, "no longer be in the oplog", "NonResumableChangeStreamError");
    refused(ask(&early, 0, "t", "c", "'startAtOperationTime':{'$timestamp':{'t':1700000000,'i':1}}", ""), 286, "no longer be in the oplog", NULL);
    refused(more(&x, ""), 136, "CollectionScan died", NULL);
    refused(more(&x, ""), 43, "not found", NULL);
    watch(&old, 1, "t", "c", resume, ""); /* the others have it still */
}

static void test_from_a_time(void **state)
{
    struct stream x;
    char at[100];
    (void)state;
    rig_pass(&r, 2);
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2}]}");
    uint64_t ts = r.s->last_ts;
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':3}]}");
    rig_pass(&r, 1);
    snprintf(at, sizeof at, "'startAtOperationTime':{'$timestamp':{'t':%u,'i':%u}}", (unsigned)(ts >> 32), (unsigned)ts);
    const uint8_t *reply = ask(&x, 2, "t", "c", at, "");
    assert_int_equal(rig_int(reply, "cursor.firstBatch.0.documentKey._id"), 2);
    assert_int_equal(rig_int(reply, "cursor.firstBatch.1.documentKey._id"), 3);
    watch(&x, 0, "t", "c", "'startAtOperationTime':{'$timestamp':{'t':1,'i':1}}", ""); /* the oplog holds all there ever was */
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
    struct stream x;
    static const struct {
        const char *db, *coll, *options, *stages;
        int code;
        const char *text;
    } rows[] = {
        {"t", "c", "'fullDocument':'all'", "", 2, "fullDocument"},
        {"t", "c", "'fullDocument':'required'", "", 238, "not simulated"},
        {"t", "c", "'nothing':1", "", 40415, "unknown field"},
        {"t", "c", "'resumeAfter':{}", "", 40647, "Bad resume token"},
        {"t", "c", "'resumeAfter':{'_data':'8200'}", "", 50811, "hex"},
        {"t", "c", "'resumeAfter':{'_data':'82zz'}", "", 50811, "hex"},
        {"t", "c", "'resumeAfter':{'_data':'8200000000000000000000000001'},'startAfter':{'_data':'82'}", "", 40674, "Only one type"},
        {"t", "c", "'resumeAfter':{'_data':'82FFFFFFFFFFFFFFFF0000000001'}", "", 280, "not found"},
        {"t", "c", "", "{'$group':{'_id':1}}", 20, "$group is not permitted in a $changeStream pipeline"},
        {"t", "system.views", "", "", 73, "internal t.system.views"},
        {"config", "$cmd.aggregate", "", "", 73, "internal config database"},
        {"t", "$cmd.aggregate", "'allChangesForCluster':true", "", 72, "'admin' database"},
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(rows); i++)
        refused(ask(&x, 0, rows[i].db, rows[i].coll, rows[i].options, rows[i].stages), rows[i].code, rows[i].text, NULL);
    rig_fails(&r, "t", "{'aggregate':'c','pipeline':[{'$match':{}},{'$changeStream':{}}],'cursor':{}}", 40602, "first stage");
    rig_fails(&r, "t", "{'aggregate':'c','pipeline':[{'$changeStream':{}}],'cursor':{},'readConcern':{'level':'local'}}", 72, "majority");
    watch(&x, 0, "t", "c", "", "{'$project':{'_id':0}}");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':2}]}");
    refused(more(&x, ""), 280, "was modified by the pipeline", "NonResumableChangeStreamError");
}

/* ---- conditional writes ---- */

static void test_a_lease(void **state)
{
    (void)state;
    static const char *const take =
        "{'findAndModify':'leases','query':{'_id':'d','~or':[{'owner':'%s'},{'until':{'$lt':{'$date':{'$numberLong':'%lld'}}}}]},"
        "'update':[{'$set':{'owner':'%s','epoch':{'$add':[{'$ifNull':['$epoch',0]},1]},'beat':'$$NOW','until':{'$add':['$$NOW',1000]},'at':'$$CLUSTER_TIME'}}],"
        "'upsert':true,'new':true}";
    char command[600];
    long long now = (long long)sim_now_ms(r.s);
    snprintf(command, sizeof command, take, "one", now, "one");
    const uint8_t *reply = rig_ok(&r, "t", command);
    assert_int_equal(rig_int(reply, "value.epoch"), 1);
    assert_int_equal(sim_i64(sim_path(reply, "value.beat").p), sim_now_ms(r.s));
    assert_int_equal(sim_i64(sim_path(reply, "value.until").p), sim_now_ms(r.s) + 1000);
    assert_int_equal(sim_path(reply, "value.at").type, BSON_TYPE_TIMESTAMP);
    snprintf(command, sizeof command, take, "two", now, "two");
    rig_fails(&r, "t", command, 11000, "E11000 duplicate key error collection: t.leases index: _id_ dup key: { _id: \"d\" }");
    rig_same_text("what it hit", rig_at(rig_run(&r, "t", command), "keyValue"), "{'_id':'d'}");
    rig_pass(&r, 2);
    snprintf(command, sizeof command, take, "two", (long long)sim_now_ms(r.s), "two");
    rig_gives(&r, "t", command, "value.epoch", "2");
    rig_gives(&r, "t", "{'find':'leases','filter':{'~expr':{'$gt':['$until','$$NOW']}},'projection':{'owner':1}}", "cursor.firstBatch", "[{'_id':'d','owner':'two'}]");
    rig_fails(&r, "t", "{'update':'leases','updates':[{'q':{'_id':'e','~expr':{'$lt':['$until','$$NOW']}},'u':{'$set':{'v':1}},'upsert':true}]}", 224, "$expr is not allowed");
    rig_fails(&r, "t", "{'aggregate':'leases','pipeline':[{'$set':{'v':'$$THEN'}}],'cursor':{}}", 17276, "undefined variable");
}

/* The time of a question is that of its first batch. */
static void test_now_stays(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "{'insert':'n','documents':[{'_id':1,'at':{'$date':{'$numberLong':'0'}}},{'_id':2,'at':{'$date':{'$numberLong':'%lld'}}},"
             "{'_id':3,'at':{'$date':{'$numberLong':'1'}}}]}", (long long)sim_now_ms(r.s) + 3000);
    rig_ok(&r, "t", command);
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'n','filter':{'~expr':{'$lt':['$at','$$NOW']}},'projection':{'_id':1},'batchSize':1}");
    snprintf(command, sizeof command, "{'getMore':{'$numberLong':'%" PRId64 "'},'collection':'n'}", rig_int(reply, "cursor.id"));
    rig_pass(&r, 5);
    rig_gives(&r, "t", command, "cursor.nextBatch", "[{'_id':3}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events, begin, end),
        cmocka_unit_test_setup_teardown(test_a_database_and_its_ends, begin, end),
        cmocka_unit_test_setup_teardown(test_a_transaction, begin, end),
        cmocka_unit_test_setup_teardown(test_only_what_a_majority_has, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cursor_that_reads_what_a_majority_has, begin, end),
        cmocka_unit_test_setup_teardown(test_another_primary, begin, end),
        cmocka_unit_test_setup_teardown(test_history_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_from_a_time, begin, end),
        cmocka_unit_test_setup_teardown(test_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_a_lease, begin, end),
        cmocka_unit_test_setup_teardown(test_now_stays, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
