/* SPDX-License-Identifier: Apache-2.0
 *
 * What $currentOp tells: what is listed, what may be ended, who most likely holds what another waits for; and the card that ends one. */
#include "test.h"

#include <signalbox/agents/kill_card.h>

#include <string.h>

#define CLIENT "\"type\":\"op\",\"active\":true,\"client\":\"10.0.0.5:4000\",\"connectionId\":12,\"desc\":\"conn12\",\"opid\":4711,\"microsecs_running\":{\"$numberLong\":\"312000000\"},"

static enum sb_live_kind read_op(const char *json, struct sb_op *op, struct sb_op_locks *locks)
{
    bson_error_t e;
    enum sb_live_kind kind;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!doc)
        fail_msg("%s: %s", json, e.message);
    assert_int_equal(sb_live_op(doc, "db1:27017", op, locks, &kind), 0);
    bson_destroy(doc);
    return kind;
}

static void an_operation_is_read(void **state)
{
    struct sb_op op;
    struct sb_op_locks locks;
    (void)state;
    assert_int_equal(read_op("{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"appName\":\"checkout\",\"planSummary\":\"COLLSCAN\",\"waitingForLock\":true,"
                             "\"lsid\":{\"id\":{\"$binary\":{\"base64\":\"ABEiM0RVZneImaq7zN3u/w==\",\"subType\":\"04\"}}},\"locks\":{\"Global\":\"r\",\"Collection\":\"r\"},"
                             "\"command\":{\"find\":\"orders\"}}",
                             &op, &locks),
                     SB_LIVE_LISTED);
    assert_string_equal(op.opid, "4711");
    assert_string_equal(op.op, "find");
    assert_string_equal(op.connection, "conn12");
    assert_string_equal(op.session, "00112233445566778899aabbccddeeff");
    assert_string_equal(op.waits, "for a lock");
    assert_int_equal(op.running_ms, 312000);
    assert_int_equal(locks.collection, 'r');
    assert_null(op.barred);
    sb_record_release(&sb_op_schema, &op);
    /* a write that waits is told with the command around it */
    assert_int_equal(read_op("{" CLIENT "\"op\":\"command\",\"ns\":\"shop.$cmd\",\"command\":{\"update\":\"orders\"},\"writeConflicts\":7}", &op, &locks), SB_LIVE_LISTED);
    assert_string_equal(op.ns, "shop.orders");
    assert_string_equal(op.op, "update");
    assert_string_equal(op.waits, "for another's write");
    sb_record_release(&sb_op_schema, &op);
}

static void what_is_not_ended(void **state)
{
    static const struct {
        const char *json, *why; /* why NULL: it may be */
        enum sb_live_kind kind;
    } rows[] = {
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\"}", NULL, SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"getmore\",\"ns\":\"shop.orders\"}", NULL, SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"shop.orders\",\"command\":{\"aggregate\":\"orders\"}}", NULL, SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"shop.$cmd\",\"command\":{\"createIndexes\":\"orders\"}}", "dropIndexes", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"msg\":\"Index Build: scanning\"}", "dropIndexes", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":true,\"desc\":\"IndexBuildsCoordinatorMongod-1\",\"opid\":8,\"op\":\"command\",\"ns\":\"shop.orders\",\"command\":{\"createIndexes\":\"orders\"}}", "dropIndexes", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"admin.$cmd\",\"command\":{\"commitTransaction\":1}}", "commit", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"admin.$cmd\",\"command\":{\"abortTransaction\":1}}", "commit", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"transaction\":{\"timePreparedMicros\":5}}", "commit", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"appName\":\"signalbox\"}", "own", SB_LIVE_BEHIND},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"clientMetadata\":{\"driver\":{\"name\":\"NetworkInterfaceTL\"}}}", "server's own", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":true,\"desc\":\"Checkpointer\",\"opid\":80,\"op\":\"none\",\"ns\":\"\"}", "server's own", SB_LIVE_BEHIND},
        {"{" CLIENT "\"op\":\"getmore\",\"ns\":\"local.oplog.rs\"}", "server's own collections", SB_LIVE_BEHIND},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.system.views\"}", "server's own collections", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"admin.$cmd\",\"command\":{\"hello\":1}}", "neither", SB_LIVE_BEHIND},
        {"{" CLIENT "\"op\":\"command\",\"ns\":\"shop.$cmd\",\"command\":{\"dropDatabase\":1}}", "neither", SB_LIVE_LISTED},
        {"{" CLIENT "\"op\":\"query\",\"ns\":\"shop.orders\",\"killPending\":true}", "already", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":true,\"client\":\"a:1\",\"connectionId\":3,\"op\":\"query\",\"ns\":\"a.b\"}", "no number", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":true,\"client\":\"a:1\",\"connectionId\":3,\"op\":\"query\",\"ns\":\"a.b\",\"opid\":\"s1:5\"}", "killOp of a member", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":true,\"client\":\"a:1\",\"connectionId\":3,\"op\":\"query\",\"ns\":\"a.b\",\"opid\":-5}", "killOp of a member", SB_LIVE_LISTED},
        {"{\"type\":\"idleSession\",\"active\":false,\"client\":\"a:1\",\"connectionId\":3,\"transaction\":{\"timeOpenMicros\":90000000}}", "open transaction", SB_LIVE_LISTED},
        {"{\"type\":\"op\",\"active\":false,\"client\":\"a:1\",\"connectionId\":3}", "no number", SB_LIVE_BEHIND},
        {"{\"nothing\":1}", "server's own", SB_LIVE_UNKNOWN},
        {"{}", "server's own", SB_LIVE_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_op op;
        struct sb_op_locks locks;
        enum sb_live_kind kind = read_op(rows[i].json, &op, &locks);
        bool fits = rows[i].why ? op.barred && strstr(op.barred, rows[i].why) : !op.barred;
        if (!fits || kind != rows[i].kind)
            fail_msg("%s: %s, kind %d", rows[i].json, op.barred ? op.barred : "it may be ended", kind);
        struct sb_card card;
        struct sb_err err = SB_ERR_INIT;
        struct sb_kill_question q = {.op = &op, .card_id = "C-000001", .case_id = "K-000001", .deployment = "shop", .deployment_id = "rs:1", .requested_by = "alice"};
        int rc = sb_kill_card(&q, &card, &err);
        if ((rc == 0) != !rows[i].why)
            fail_msg("%s: a card %s", rows[i].json, rc ? err.msg : "came of it");
        if (rc == 0)
            sb_card_release(&card);
        sb_record_release(&sb_op_schema, &op);
    }
}

static struct sb_op an_op(char *member, char *ns, char *session, int64_t ms)
{
    return (struct sb_op){.member = member, .ns = ns, .session = session, .running_ms = ms};
}

static void who_holds_what(void **state)
{
    char a[] = "db1:27017", b[] = "db2:27017", orders[] = "shop.orders", users[] = "shop.users", none[] = "", s1[] = "01", s2[] = "02";
    struct sb_op list[] = {an_op(a, none, s1, 90000), an_op(a, orders, NULL, 50000), an_op(b, orders, NULL, 60000), an_op(a, users, NULL, 40000), an_op(a, orders, s2, 100), an_op(a, orders, NULL, 50)};
    struct sb_op_locks locks[] = {
        {.collection = 'w', .transaction = true}, /* an open transaction, whose place is not told */
        {.collection = 'W'},                      /* holds the collection */
        {.collection = 'W'},                      /* the same on another member */
        {.collection = 'W'},                      /* another collection */
        {.waits_write = true},
        {.waits_lock = true, .collection = 'r'},
    };
    (void)state;
    sb_live_holders(list, locks, SB_COUNT(list));
    assert_int_equal(list[4].holder, 1);
    assert_int_equal(list[5].holder, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(list[i].holder, 0);
    /* its own session is nobody else's */
    list[0].session = s2;
    sb_live_holders(list, locks, SB_COUNT(list));
    assert_int_equal(list[4].holder, 0);
    /* a shared lock holds up no read; what waits itself holds nothing */
    locks[1].collection = 'w';
    sb_live_holders(list, locks, SB_COUNT(list));
    assert_int_equal(list[5].holder, 0);
    locks[1] = (struct sb_op_locks){.collection = 'W', .waits_lock = true};
    sb_live_holders(list, locks, SB_COUNT(list));
    assert_int_equal(list[5].holder, 0);
}

static void the_card_names_all_four(void **state)
{
    char member[] = "db1:27017", opid[] = "4711", name[] = "update", ns[] = "shop.orders", conn[] = "conn12", session[] = "00ff", app[] = "checkout";
    struct sb_op op = {.member = member, .opid = opid, .op = name, .ns = ns, .connection = conn, .session = session, .app = app, .running_ms = 312000};
    struct sb_kill_question q = {.op = &op, .card_id = "C-000007", .case_id = "K-000001", .deployment = "shop", .deployment_id = "rs:1", .requested_by = "alice"};
    struct sb_card card;
    struct sb_err err = SB_ERR_INIT;
    struct sb_kill_of of;
    (void)state;
    sb_assert_ok(sb_kill_card(&q, &card, &err), err);
    const struct sb_step *s = &card.steps[0];
    assert_int_equal(card.steps_n, 1);
    assert_int_equal(s->class_, SB_STEP_IRREVERSIBLE);
    assert_int_equal(s->undo_label, SB_UNDO_IMPOSSIBLE);
    assert_null(s->undo);
    assert_string_equal(s->action, "{ \"killOp\" : { \"$numberInt\" : \"1\" }, \"op\" : { \"$numberLong\" : \"4711\" }, \"comment\" : \"signalbox C-000007/1\", \"$member\" : \"db1:27017\", \"$db\" : \"admin\" }");
    assert_string_equal(s->check_before[0].check, "op_running");
    assert_string_equal(s->check_before[0].name, member);
    sb_assert_ok(sb_kill_of(s->check_before[0].value, &of), err);
    assert_true(sb_kill_is(&of, &op));
    char other[] = "conn13", *const wrong_session = app;
    op.connection = other;
    assert_false(sb_kill_is(&of, &op));
    op.connection = conn;
    op.session = wrong_session;
    assert_false(sb_kill_is(&of, &op));
    op.session = NULL;
    assert_false(sb_kill_is(&of, &op));
    assert_int_equal(sb_kill_of("{\"op\":\"1\"}", &of), -1);
    assert_int_equal(sb_kill_of("nonsense", &of), -1);
    assert_int_equal(sb_kill_of(NULL, &of), -1);
    sb_card_release(&card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_is_read),
        cmocka_unit_test(what_is_not_ended),
        cmocka_unit_test(who_holds_what),
        cmocka_unit_test(the_card_names_all_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
