/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions: what they see, what others see of them, how they end. */
#include "rig.h"

#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>

#define A "'lsid': {'id': {'$binary': {'base64': 'AAAAAAAAAAAAAAAAAAAAAA==', 'subType': '04'}}}, 'autocommit': false, "
#define B "'lsid': {'id': {'$binary': {'base64': 'AQAAAAAAAAAAAAAAAAAAAA==', 'subType': '04'}}}, 'autocommit': false, "
#define FIRST "'startTransaction': true, 'txnNumber': {'$numberLong': '1'}"
#define NEXT "'txnNumber': {'$numberLong': '1'}"
#define COMMIT(who) "{'commitTransaction': 1, " who NEXT "}"
#define ABORT(who) "{'abortTransaction': 1, " who NEXT "}"

static void fill(struct rig *r)
{
    rig_init(r);
    rig_ok(r, "shop", "{'insert': 'carts', 'documents': [{'_id': 1, 'n': 1}, {'_id': 2, 'n': 2}, {'_id': 3, 'n': 3}]}");
    rig_ok(r, "shop", "{'createIndexes': 'carts', 'indexes': [{'key': {'n': 1}, 'name': 'n', 'unique': true}]}");
    rig_pass(r, 1);
}

static int64_t status(struct rig *r, const char *path)
{
    return rig_int(rig_ok(r, "admin", "{'serverStatus': 1}"), path);
}

/* The text of all documents that somebody outside finds on a member. */
static void sees(struct rig *r, int member, const char *want)
{
    rig_same_text("outside", rig_at(rig_ok_on(r, member, "shop", "{'find': 'carts', 'filter': {}, 'projection': {'n': 1}}"), "cursor.firstBatch"), want);
}

static bool has_label(const uint8_t *reply, const char *label)
{
    return sim_text_is(sim_path(reply, "errorLabels.0"), label);
}

static void fails_transient(struct rig *r, const char *db, const char *json, int code)
{
    const uint8_t *reply = rig_run(r, db, json);
    if (sim_int(sim_find(reply, "code"), 0) != code || !has_label(reply, "TransientTransactionError"))
        fail_msg("%s\n wanted %d and the label\n got %s", json, code, rig_text(reply));
}

/* ---- seen and unseen ---- */

static void test_own_writes_and_isolation(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    rig_ok(&r, "shop", "{'update': 'carts', " A FIRST ", 'updates': [{'q': {'n': 2}, 'u': {'$set': {'n': 20}}}]}");
    rig_ok(&r, "shop", "{'insert': 'carts', " A NEXT ", 'documents': [{'_id': 4, 'n': 4}]}");
    rig_ok(&r, "shop", "{'delete': 'carts', " A NEXT ", 'deletes': [{'q': {'_id': 1}, 'limit': 1}]}");
    rig_gives(&r, "shop", "{'find': 'carts', " A NEXT ", 'projection': {'_id': 0}}", "cursor.firstBatch", "[{'n':20},{'n':3},{'n':4}]");
    rig_gives(&r, "shop", "{'find': 'carts', " A NEXT ", 'filter': {'n': {'$gt': 3}}, 'hint': 'n', 'projection': {'_id': 1}}", "cursor.firstBatch",
              "[{'_id':4},{'_id':2}]");
    sees(&r, 0, "[{'_id':1,'n':1},{'_id':2,'n':2},{'_id':3,'n':3}]");
    rig_gives(&r, "shop", "{'count': 'carts', 'query': {'n': {'$gt': 3}}, 'hint': 'n'}", "n", "0");
    assert_int_equal(status(&r, "transactions.currentOpen"), 1);
    uint64_t before = sim_stream_end(r.s);
    rig_ok(&r, "admin", COMMIT(A));
    assert_int_equal(sim_stream_end(r.s), before + 1);
    rig_pass(&r, 1);
    for (int m = 0; m < SIM_MEMBERS; m++)
        sees(&r, m, "[{'_id':2,'n':20},{'_id':3,'n':3},{'_id':4,'n':4}]");
    rig_ok(&r, "shop", "{'validate': 'carts'}");
    rig_release(&r);
}

/* A record keeps its place: what is scanned by others while transactions come and go is met once. */
static void test_snapshot(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    rig_ok(&r, "shop", "{'find': 'carts', " A FIRST "}");
    int64_t cursor = rig_int(rig_ok(&r, "shop", "{'find': 'carts', 'batchSize': 1}"), "cursor.id");
    rig_ok(&r, "shop", "{'update': 'carts', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'n': 100}}}]}");
    rig_ok(&r, "shop", "{'delete': 'carts', 'deletes': [{'q': {'_id': 3}, 'limit': 1}]}");
    rig_ok(&r, "shop", "{'insert': 'carts', 'documents': [{'_id': 5, 'n': 3}]}");
    rig_gives(&r, "shop", "{'find': 'carts', " A NEXT ", 'sort': {'n': 1}}", "cursor.firstBatch", "[{'_id':1,'n':1},{'_id':2,'n':2},{'_id':3,'n':3}]");
    sees(&r, 0, "[{'_id':1,'n':100},{'_id':2,'n':2},{'_id':5,'n':3}]");
    char more[200];
    snprintf(more, sizeof more, "{'getMore': {'$numberLong': '%lld'}, 'collection': 'carts'}", (long long)cursor);
    rig_gives(&r, "shop", more, "cursor.nextBatch", "[{'_id':2,'n':2},{'_id':5,'n':3}]");
    fails_transient(&r, "shop", "{'update': 'carts', " A NEXT ", 'updates': [{'q': {'_id': 1}, 'u': {'$inc': {'n': 1}}}]}", 112);
    fails_transient(&r, "shop", "{'find': 'carts', " A NEXT "}", 251);
    fails_transient(&r, "admin", COMMIT(A), 251);
    sees(&r, 0, "[{'_id':1,'n':100},{'_id':2,'n':2},{'_id':5,'n':3}]");
    assert_int_equal(status(&r, "transactions.totalAborted"), 1);
    rig_release(&r);
}

static void test_cursors(void **state)
{
    struct rig r;
    char more[300];
    (void)state;
    fill(&r);
    rig_ok(&r, "shop", "{'insert': 'carts', " A FIRST ", 'documents': [{'_id': 4, 'n': 4}]}");
    long long id = (long long)rig_int(rig_ok(&r, "shop", "{'find': 'carts', " A NEXT ", 'batchSize': 2}"), "cursor.id");
    snprintf(more, sizeof more, "{'getMore': {'$numberLong': '%lld'}, 'collection': 'carts'}", id);
    rig_fails(&r, "shop", more, 50740, "which was created in transaction 1, without a txnNumber");
    snprintf(more, sizeof more, "{'getMore': {'$numberLong': '%lld'}, 'collection': 'carts', 'batchSize': 1, " A NEXT "}", id);
    rig_gives(&r, "shop", more, "cursor.nextBatch", "[{'_id':3,'n':3}]");
    rig_ok(&r, "admin", ABORT(A));
    snprintf(more, sizeof more, "{'getMore': {'$numberLong': '%lld'}, 'collection': 'carts'}", id);
    rig_fails(&r, "shop", more, 43, "not found");
    rig_release(&r);
}

/* ---- conflicts ---- */

static void test_two_transactions(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    rig_ok(&r, "shop", "{'update': 'carts', " A FIRST ", 'updates': [{'q': {'_id': 1}, 'u': {'$inc': {'n': 10}}}]}");
    rig_ok(&r, "shop", "{'update': 'carts', " B FIRST ", 'updates': [{'q': {'_id': 2}, 'u': {'$inc': {'n': 10}}}]}");
    int64_t before = status(&r, "metrics.operation.writeConflicts");
    fails_transient(&r, "shop", "{'findAndModify': 'carts', " B NEXT ", 'query': {'_id': 1}, 'update': {'$inc': {'n': 1}}}", 112);
    assert_int_equal(status(&r, "metrics.operation.writeConflicts"), before + 1);
    rig_ok(&r, "admin", COMMIT(A));
    fails_transient(&r, "admin", COMMIT(B), 251);
    sees(&r, 0, "[{'_id':1,'n':11},{'_id':2,'n':2},{'_id':3,'n':3}]");
    /* a unique key that both want: whoever commits first has it */
    rig_ok(&r, "shop", "{'insert': 'carts', " A "'startTransaction': true, 'txnNumber': {'$numberLong': '2'}, 'documents': [{'_id': 8, 'n': 50}]}");
    rig_ok(&r, "shop", "{'insert': 'carts', " B "'startTransaction': true, 'txnNumber': {'$numberLong': '2'}, 'documents': [{'_id': 9, 'n': 50}]}");
    rig_ok(&r, "admin", "{'commitTransaction': 1, " A "'txnNumber': {'$numberLong': '2'}}");
    fails_transient(&r, "admin", "{'commitTransaction': 1, " B "'txnNumber': {'$numberLong': '2'}}", 112);
    rig_gives(&r, "shop", "{'find': 'carts', 'filter': {'n': 50}}", "cursor.firstBatch", "[{'_id':8,'n':50}]");
    rig_release(&r);
}

struct late {
    int n;
    int64_t code;
    double modified;
};

static void on_late(struct sim_conn *c, const uint8_t *reply)
{
    struct late *l = c->owner;
    l->n++;
    l->code = sim_int(sim_find(reply, "code"), 0);
    l->modified = (double)sim_number(sim_find(reply, "nModified"));
}

/* Sends on a connection of its own; true when the answer has to wait. */
static bool send_later(struct rig *r, struct sim_conn *conn, const char *json)
{
    bson_t *b = rig_json(json);
    struct sim_request rq = {.body = bson_get_data(b), .bytes = 100, .db = "shop"};
    struct sim_w w;
    const uint8_t *reply = NULL;
    (void)r;
    sim_w_init(&w);
    bool later = sim_dispatch(conn, &rq, &w, &reply) == SIM_LATER;
    sim_w_release(&w);
    bson_destroy(b);
    return later;
}

/* Who is in no transaction waits for those that are. */
static void test_others_wait(void **state)
{
    struct rig r;
    struct late late = {0};
    (void)state;
    fill(&r);
    struct sim_conn *conn = sim_conn_open(&r.s->member[0], "127.0.0.1:50001", false);
    conn->answer = on_late;
    conn->owner = &late;
    int64_t updates = status(&r, "opcounters.update");
    rig_ok(&r, "shop", "{'update': 'carts', " A FIRST ", 'updates': [{'q': {'_id': 1}, 'u': {'$inc': {'n': 10}}}]}");
    assert_true(send_later(&r, conn, "{'update': 'carts', 'updates': [{'q': {'_id': 1}, 'u': {'$inc': {'n': 100}}}]}"));
    rig_pass(&r, 5);
    assert_int_equal(late.n, 0);
    rig_ok(&r, "shop", "{'update': 'carts', 'updates': [{'q': {'_id': 2}, 'u': {'$set': {'m': 1}}}]}");
    rig_ok(&r, "admin", COMMIT(A));
    rig_pass(&r, 1);
    assert_int_equal(late.n, 1);
    assert_int_equal(late.code, 0);
    assert_true(late.modified == 1);
    sees(&r, 0, "[{'_id':1,'n':111},{'_id':2,'n':2},{'_id':3,'n':3}]");
    assert_int_equal(status(&r, "opcounters.update"), updates + 3); /* the one that waited counts once */
    /* a change of the whole collection waits too, until its time is over */
    rig_ok(&r, "shop", "{'find': 'carts', " A "'startTransaction': true, 'txnNumber': {'$numberLong': '2'}}");
    assert_true(send_later(&r, conn, "{'drop': 'carts', 'maxTimeMS': 2000}"));
    rig_pass(&r, 3);
    assert_int_equal(late.n, 2);
    assert_int_equal(late.code, 50);
    /* and one that nobody waits for any more leaves nothing behind */
    assert_true(send_later(&r, conn, "{'drop': 'carts'}"));
    sim_conn_close(conn);
    rig_ok(&r, "admin", "{'abortTransaction': 1, " A "'txnNumber': {'$numberLong': '2'}}");
    rig_pass(&r, 1);
    sees(&r, 0, "[{'_id':1,'n':111},{'_id':2,'n':2},{'_id':3,'n':3}]");
    rig_release(&r);
}

/* ---- rules ---- */

static void test_rules(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    fails_transient(&r, "shop", "{'find': 'carts', " A NEXT "}", 251);
    rig_fails(&r, "admin", "{'commitTransaction': 1}", 125, "must be run within a transaction");
    rig_fails(&r, "shop", "{'find': 'carts', " A "'startTransaction': true}", 72, "requires a transaction number");
    rig_ok(&r, "shop", "{'find': 'carts', " A "'startTransaction': true, 'txnNumber': {'$numberLong': '5'}}");
    rig_fails(&r, "shop", "{'find': 'carts', " A FIRST "}", 225, "Cannot start transaction 1 on session because a newer transaction with txnNumber 5");
    rig_fails(&r, "shop", "{'find': 'carts', " A "'startTransaction': true, 'txnNumber': {'$numberLong': '5'}}", 50911, "TxnState::InProgress");
    rig_fails(&r, "shop", "{'count': 'carts', " A "'txnNumber': {'$numberLong': '5'}}", 263, "Cannot run 'count'");
    rig_fails(&r, "shop", "{'drop': 'carts', " A "'txnNumber': {'$numberLong': '5'}}", 263, "Cannot run 'drop' in a multi-document transaction.");
    rig_fails(&r, "shop", "{'find': 'carts', 'readConcern': {'level': 'local'}, " A "'txnNumber': {'$numberLong': '5'}}", 72, "Only the first command");
    rig_fails(&r, "config", "{'find': 'x', " A "'txnNumber': {'$numberLong': '5'}}", 263, "'config' database");
    rig_fails(&r, "shop", "{'aggregate': 'carts', 'pipeline': [{'$indexStats': {}}], 'cursor': {}, " A "'txnNumber': {'$numberLong': '5'}}", 263, "$indexStats");
    rig_ok(&r, "shop", "{'find': 'carts', " A "'startTransaction': true, 'txnNumber': {'$numberLong': '6'}}");
    /* a failure of one statement ends all of it */
    rig_fails(&r, "shop", "{'insert': 'carts', " A "'txnNumber': {'$numberLong': '6'}, 'documents': [{'_id': 7}, {'_id': 1}]}", 11000, "dup key");
    fails_transient(&r, "admin", "{'commitTransaction': 1, " A "'txnNumber': {'$numberLong': '6'}}", 251);
    rig_ok(&r, "shop", "{'insert': 'carts', " B FIRST ", 'documents': [{'_id': 7}]}");
    rig_ok(&r, "admin", COMMIT(B));
    rig_ok(&r, "admin", COMMIT(B)); /* again: the answer of the first may have been lost */
    rig_fails(&r, "admin", ABORT(B), 256, "Transaction 1 has been committed.");
    sees(&r, 0, "[{'_id':1,'n':1},{'_id':2,'n':2},{'_id':3,'n':3},{'_id':7}]");
    assert_int_equal(status(&r, "transactions.totalCommitted"), 1);
    rig_release(&r);
}

static void test_end_without_client(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    r.s->costs.transaction_life_s = 45; /* as a scenario sets it */
    assert_int_equal(rig_int(rig_ok(&r, "admin", "{'getParameter': 1, 'transactionLifetimeLimitSeconds': 1}"), "transactionLifetimeLimitSeconds"), 45);
    assert_int_equal(rig_int(rig_ok(&r, "admin", "{'setParameter': 1, 'transactionLifetimeLimitSeconds': 10}"), "was"), 45);
    assert_true(r.s->costs.transaction_life_s < 10.5);
    rig_ok(&r, "shop", "{'update': 'carts', " A FIRST ", 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'n': 9}}}]}");
    const uint8_t *ops = rig_ok(&r, "admin", "{'aggregate': 1, 'pipeline': [{'$currentOp': {}}, {'$match': {'type': 'idleSession'}}], 'cursor': {}}");
    assert_true(sim_text_is(sim_path(ops, "cursor.firstBatch.0.desc"), "inactive transaction"));
    assert_int_equal(rig_int(ops, "cursor.firstBatch.0.transaction.parameters.txnNumber"), 1);
    rig_pass(&r, 9);
    assert_int_equal(status(&r, "transactions.currentInactive"), 1);
    rig_pass(&r, 60);
    assert_int_equal(status(&r, "transactions.currentInactive"), 0);
    fails_transient(&r, "admin", COMMIT(A), 251);
    char *log = rig_text(rig_ok(&r, "admin", "{'getLog': 'global'}"));
    assert_non_null(strstr(log, "longer than 'transactionLifetimeLimitSeconds'"));
    assert_non_null(strstr(log, "51802"));
    free(log);
    /* nor do they survive their primary */
    rig_ok(&r, "shop", "{'update': 'carts', " B FIRST ", 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'n': 9}}}]}");
    rig_ok(&r, "admin", "{'replSetStepDown': 60, 'force': true}");
    rig_pass(&r, 30);
    sees(&r, 1, "[{'_id':1,'n':1},{'_id':2,'n':2},{'_id':3,'n':3}]");
    for (int m = 1; m < SIM_MEMBERS; m++)
        if (r.s->member[m].primary) {
            const uint8_t *reply = rig_on(&r, m, "admin", COMMIT(B));
            assert_int_equal(sim_int(sim_find(reply, "code"), 0), 251);
        }
    rig_release(&r);
}

/* ---- the oplog ---- */

static void test_oplog_entry(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    rig_ok(&r, "shop", "{'insert': 'carts', " A FIRST ", 'documents': [{'_id': 4, 'n': 4}]}");
    rig_ok(&r, "shop", "{'update': 'carts', " A NEXT ", 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'n': 10}}}]}");
    rig_ok(&r, "shop", "{'delete': 'carts', " A NEXT ", 'deletes': [{'q': {'_id': 2}, 'limit': 1}]}");
    rig_ok(&r, "admin", COMMIT(A));
    const uint8_t *reply = rig_ok_on(&r, 1, "local", "{'find': 'oplog.rs', 'filter': {'o.applyOps': {'$exists': true}}}");
    struct sim_val e = sim_path(reply, "cursor.firstBatch.0");
    assert_true(e.type == BSON_TYPE_DOCUMENT);
    rig_same_text("op", rig_at(e.p, "op"), "'c'");
    rig_same_text("ns", rig_at(e.p, "ns"), "'admin.$cmd'");
    rig_same_text("insert", rig_at(e.p, "o.applyOps.0.o"), "{'_id':4,'n':4}");
    rig_same_text("update", rig_at(e.p, "o.applyOps.1.o"), "{'$v':2,'diff':{'u':{'n':10}}}");
    rig_same_text("update of", rig_at(e.p, "o.applyOps.1.o2"), "{'_id':1}");
    rig_same_text("delete", rig_at(e.p, "o.applyOps.2.o"), "{'_id':2}");
    rig_same_text("no more", rig_at(e.p, "o.applyOps.3"), "missing");
    rig_release(&r);
}

/* A primary that is cut off commits, is overtaken, and takes all of the transaction back. */
static void test_rollback(void **state)
{
    struct rig r;
    (void)state;
    fill(&r);
    for (int m = 1; m < SIM_MEMBERS; m++)
        r.s->member[m].frozen = true;
    rig_ok(&r, "shop", "{'insert': 'carts', " A FIRST ", 'documents': [{'_id': 4, 'n': 4}]}");
    rig_ok(&r, "shop", "{'update': 'carts', " A NEXT ", 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'n': 10}}}]}");
    rig_ok(&r, "admin", "{'commitTransaction': 1, 'writeConcern': {'w': 1}, " A NEXT "}");
    sim_kill(&r.s->member[0]);
    r.conn[0] = NULL;
    for (int m = 1; m < SIM_MEMBERS; m++)
        r.s->member[m].frozen = false;
    rig_pass(&r, 40);
    sim_restart(&r.s->member[0]);
    rig_pass(&r, 60);
    r.conn[0] = sim_conn_open(&r.s->member[0], "127.0.0.1:50002", false);
    r.conn[0]->answer = rig_answer;
    r.conn[0]->owner = &r;
    assert_int_equal(r.s->rollbacks, 1);
    rig_same_text("rolled back", rig_at(rig_ok_on(&r, 0, "shop", "{'find': 'carts', '$readPreference': {'mode': 'nearest'}}"), "cursor.firstBatch"),
                  "[{'_id':1,'n':1},{'_id':2,'n':2},{'_id':3,'n':3}]");
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_writes_and_isolation), cmocka_unit_test(test_snapshot), cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_two_transactions), cmocka_unit_test(test_others_wait), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_end_without_client), cmocka_unit_test(test_oplog_entry), cmocka_unit_test(test_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
