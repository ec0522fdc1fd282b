/* SPDX-License-Identifier: Apache-2.0
 *
 * Causes that are in no recording of ours: the same set, with what mongod does when a disk hangs, a document is hot, another
 * collection fills the cache, a clock goes wrong, a member starts again, a validator keeps writes out. */
#include "world.h"

static const char slow_scan[] = "\"planSummary\":\"COLLSCAN\",\"docsExamined\":300000,\"nreturned\":300000,\"durationMillis\":9000";

/* Whoever waits for the disk holds locks for as long: the lock is not the cause. */
static void test_a_disk_that_hangs_is_infrastructure(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    x.read_ms = 2.5;
    x.write_ms = 9;
    x.journal_ms = 90;
    x.disk = 0.9;
    x.lock_wait_ms = 4000;
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_INFRASTRUCTURE);
    assert_non_null(strstr(got->reason, "the disk is slow"));
    teardown_world(&w);
    world_after_calm(&w); /* the same without a slow disk is somebody's lock */
    x.journal_ms = 0;
    x.disk = 0;
    one_after(&w, &x, SB_CLASS_CODE);
    teardown_world(&w);
}

/* All who write one document came for it, with connections of their own: it is what they do that hurts. */
static void test_a_hot_document_is_code(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    for (int i = 0; i < 80; i++)
        connect_app(&w, "votes");
    x.connections = 80;
    x.conflicts = 300;
    x.write_ms = 5;
    for (int i = 0; i < 20; i++)
        slow(&w, "shop.polls", "votes", "{\"q\":{\"_id\":1},\"u\":{\"$inc\":{\"n\":1}}}", "\"planSummary\":\"IDHACK\",\"docsExamined\":1,\"nModified\":1,\"writeConflicts\":40,\"durationMillis\":180");
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_CODE);
    assert_string_equal(got->apps[0], "votes");
    assert_string_equal(got->namespaces[0], "shop.polls");
    teardown_world(&w);
}

/* Somebody reads another collection whole, and the cache is full of it. A server counts what an operation examined when it ends. */
static void test_a_scan_elsewhere_that_fills_the_cache_is_code(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    connect_app(&w, "analytics");
    x.read_ms = 4;
    x.pages_read = 6000;
    for (int i = 0; i < 60; i++) {
        bool ends = i % 10 == 9;
        x.examined = ends ? 1000 : 1;
        if (ends)
            slow(&w, "shop.big", "analytics", "{\"find\":\"big\",\"filter\":{\"note\":\"x\"}}", slow_scan);
        run(&w, 1, &x);
    }
    run(&w, 60, &calm);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.got[0].class_, SB_CLASS_CODE);
    assert_string_equal(w.got[0].apps[0], "analytics");
    assert_string_equal(w.got[0].namespaces[0], "shop.big");
    teardown_world(&w);
}

/* A clock that goes wrong on one member alone: the others' samples are no silence, neither live nor when it comes back. */
static void test_a_clock_that_is_wrong_hurts_nobody(void **state)
{
    (void)state;
    static const int64_t wrong[] = {100000, 1800000, -100000, -1800000};
    for (size_t i = 0; i < SB_COUNT(wrong); i++)
        for (int who = 0; who < MEMBERS; who++) {
            struct world w;
            world_after_calm(&w);
            w.ahead_ms[who] = wrong[i];
            run(&w, 120, &calm);
            w.ahead_ms[who] = 0;
            run(&w, 120, &calm);
            size_t said = 0;
            for (size_t k = 0; sb_incidents_note(w.in, k); k++)
                said += strstr(sb_incidents_note(w.in, k), "its clock went") != NULL;
            assert_int_equal(said > 0, 1);
            if (w.n)
                fail_msg("member %d is %lld s ahead: %s: %s", who, (long long)wrong[i] / 1000, w.got[0].title, w.got[0].reason);
            teardown_world(&w);
        }
}

static void start_again(struct world *w, int who)
{
    w->v[who].value[SB_VITAL_PID]++;
    w->v[who].value[SB_VITAL_UPTIME_MS] = 0;
}

/* In order, and as after a crash: it says so itself when it comes back. */
static void test_a_member_that_starts_again(void **state)
{
    (void)state;
    for (int crash = 0; crash < 2; crash++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        if (!crash)
            say(&w, 0, "\"id\":23138,\"ctx\":\"x\",\"msg\":\"Shutting down\",\"attr\":{\"exitCode\":0}");
        x.down = 0;
        w.primary = 1;
        run(&w, 40, &x);
        start_again(&w, 0);
        if (crash)
            say(&w, 0, "\"id\":22271,\"ctx\":\"i\",\"msg\":\"Detected unclean shutdown - Lock file is not empty\",\"attr\":{}");
        run(&w, 100, &calm);
        assert_int_equal(w.n, 1);
        assert_int_equal(w.got[0].class_, crash ? SB_CLASS_INFRASTRUCTURE : SB_CLASS_MAINTENANCE);
        assert_string_equal(w.got[0].members[0], "member-0");
        teardown_world(&w);
    }
}

/* It is not silent: what it does instead of serving is said. Where it was silent first, that is what happened. */
static void test_a_member_that_serves_nobody(void **state)
{
    (void)state;
    static const struct {
        int state;
        const char *said;
    } states[] = {{3, "RECOVERING"}, {5, "STARTUP2"}, {9, "ROLLBACK"}};
    for (size_t i = 0; i < SB_COUNT(states); i++)
        for (int silent = 0; silent < 2; silent++) {
            struct world w;
            struct weather x = calm, gone = calm;
            world_after_calm(&w);
            gone.down = 2;
            x.state = states[i].state;
            run(&w, silent ? 20 : 0, &gone);
            run(&w, silent ? 40 : 60, &x);
            run(&w, 60, &calm);
            assert_int_equal(w.n, 1);
            assert_int_equal(w.got[0].class_, SB_CLASS_INFRASTRUCTURE);
            assert_string_equal(w.got[0].members[0], "member-2");
            if ((strstr(w.got[0].reason, states[i].said) != NULL) == silent)
                fail_msg("%s, %s: %s", states[i].said, silent ? "after a silence" : "at once", w.got[0].reason);
            teardown_world(&w);
        }
}

/* What is kept out is not in the log, and the command names no database: which collection it is, older operations tell. */
static void test_a_validator_that_keeps_writes_out_is_a_change(void **state)
{
    (void)state;
    for (int others = 0; others < 2; others++) { /* one collection of that name is known, or two: then none is named */
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        slow(&w, "shop.orders", "shop", "{\"find\":\"orders\",\"filter\":{\"a\":1}}", "\"planSummary\":\"IXSCAN { a: 1 }\",\"docsExamined\":3,\"nreturned\":3,\"durationMillis\":110");
        if (others)
            slow(&w, "test.orders", "shop", "{\"find\":\"orders\",\"filter\":{\"a\":1}}", "\"planSummary\":\"IXSCAN { a: 1 }\",\"docsExamined\":3,\"nreturned\":3,\"durationMillis\":110");
        run(&w, 120, &calm);
        say(&w, 0, "\"id\":5324200,\"ctx\":\"c\",\"msg\":\"CMD: collMod\",\"attr\":{\"cmdObj\":{\"collMod\":\"orders\",\"validator\":{\"total\":{\"$gte\":0}}}}");
        x.errors = 25;
        const struct sb_incident *got = one_after(&w, &x, SB_CLASS_CHANGE);
        assert_non_null(strstr(got->reason, "a validator was changed"));
        assert_int_equal(got->namespaces_n, !others);
        assert_true(others || strcmp(got->namespaces[0], "shop.orders") == 0);
        teardown_world(&w);
    }
}

/* A parameter that was set while the traffic grows is named, and is not why it grows. */
static void test_more_work_is_made_by_no_setting(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        say(&w, 0, "\"id\":23435,\"ctx\":\"c\",\"msg\":\"Successfully set parameter to new value\",\"attr\":{\"parameterName\":\"syncdelay\",\"newValue\":\"1\",\"oldValue\":\"60\"}");
        x.write_ms = x.read_ms = 2.4;
        x.ops = more ? 4 : 1;
        const struct sb_incident *got = one_after(&w, &x, more ? SB_CLASS_LOAD : SB_CLASS_CHANGE);
        bool named = false;
        for (size_t i = 0; i < got->causes_n; i++)
            named |= strcmp(got->causes[i].what, "a parameter was set") == 0;
        assert_true(named);
        teardown_world(&w);
    }
}

/* One application opens connections, and does its work on them as before; one that works on all that it opens; and one that makes a
 * connection for each operation and keeps none. */
static void test_a_storm_of_connections_and_one_of_work(void **state)
{
    (void)state;
    for (int works = 0; works < 3; works++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        for (int i = 0; i < 200; i++)
            connect_app(&w, i % 10 ? "mobile" : "shop");
        x.connections = 300;
        x.connecting = works == 2 ? 250 : 30;
        x.ops = works ? 5 : 1;
        x.read_ms = x.write_ms = works ? 2.2 : 1;
        const struct sb_incident *got = one_after(&w, &x, works == 1 ? SB_CLASS_LOAD : SB_CLASS_DEPENDENCY);
        assert_string_equal(got->apps[0], "mobile");
        teardown_world(&w);
    }
}

/* The server deletes what has expired: of its own accord, or since it was told when. An index that tells no age is no reason. */
static void test_what_expires(void **state)
{
    static const struct {
        const char *line;
        int class_;
    } of[] = {{NULL, SB_CLASS_MAINTENANCE},
              {"\"id\":20384,\"ctx\":\"i\",\"msg\":\"Index build: starting\",\"attr\":{\"buildUUID\":{\"uuid\":1},\"namespace\":\"shop.carts\",\"properties\":{\"name\":\"a_1\"}}", SB_CLASS_MAINTENANCE},
              {"\"id\":20384,\"ctx\":\"i\",\"msg\":\"Index build: starting\",\"attr\":{\"buildUUID\":{\"uuid\":1},\"namespace\":\"shop.carts\",\"properties\":{\"name\":\"a_1\",\"expireAfterSeconds\":60}}", SB_CLASS_CHANGE},
              {"\"id\":5324200,\"ctx\":\"c\",\"msg\":\"CMD: collMod\",\"attr\":{\"cmdObj\":{\"collMod\":\"carts\",\"index\":{\"name\":\"a_1\",\"expireAfterSeconds\":60}}}", SB_CLASS_CHANGE}};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(of); i++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        if (of[i].line) {
            say(&w, 0, of[i].line);
            say(&w, 0, "\"id\":20663,\"ctx\":\"i\",\"msg\":\"Index build: completed successfully\",\"attr\":{\"buildUUID\":{\"uuid\":1},\"namespace\":\"shop.carts\",\"indexesBuilt\":[\"a_1\"]}");
            run(&w, 50, &calm);
        }
        x.expired = 3000;
        x.write_ms = 4;
        one_after(&w, &x, of[i].class_);
        teardown_world(&w);
    }
}

/* Its operations are too quick to be logged; those that wait for it are logged. */
static void test_a_job_whose_operations_are_quick(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    for (int i = 0; i < 6; i++)
        connect_app(&w, "nightly-report");
    for (int i = 0; i < 5; i++)
        slow(&w, "shop.orders", "shop", "{\"find\":\"orders\",\"filter\":{\"a\":1}}", "\"planSummary\":\"IXSCAN { a: 1 }\",\"docsExamined\":3,\"nreturned\":3,\"durationMillis\":110");
    x.ops = 4;
    x.read_ms = x.write_ms = 2.4;
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_MAINTENANCE);
    assert_int_equal(got->apps_n, 1);
    assert_string_equal(got->apps[0], "nightly-report");
    assert_int_equal(got->namespaces_n, 0); /* what waits is not what it does */
    teardown_world(&w);
}

/* Who drops an index while collections are scanned already, did not make them be scanned. */
static void test_what_is_altered_later_is_no_cause(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    x.examined = 500;
    x.read_ms = 6;
    connect_app(&w, "shop-2");
    for (int s = 0; s < 60; s++) {
        slow(&w, "shop.orders", "shop-2", "{\"find\":\"orders\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":60000,\"nreturned\":1,\"durationMillis\":300");
        if (s == 4)
            say(&w, 0, "\"id\":51806,\"ctx\":\"c\",\"msg\":\"CMD: dropIndexes\",\"attr\":{\"namespace\":\"shop.orders\",\"indexes\":\"\\\"old_1\\\"\"}");
        run(&w, 1, &x);
    }
    run(&w, 60, &calm);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.got[0].class_, SB_CLASS_CODE);
    assert_string_equal(w.got[0].apps[0], "shop-2");
    teardown_world(&w);
}

/* How much is written into the log slows no disk. */
static void test_a_setting_of_the_log_is_no_cause(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    say(&w, 0, "\"id\":23435,\"ctx\":\"c\",\"msg\":\"Successfully set parameter to new value\",\"attr\":{\"parameterName\":\"logLevel\",\"newValue\":\"1\",\"oldValue\":\"0\"}");
    x.write_ms = 4;
    x.iowait = 0.8;
    one_after(&w, &x, SB_CLASS_INFRASTRUCTURE);
    teardown_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disk_that_hangs_is_infrastructure),
        cmocka_unit_test(test_a_hot_document_is_code),
        cmocka_unit_test(test_a_scan_elsewhere_that_fills_the_cache_is_code),
        cmocka_unit_test(test_a_clock_that_is_wrong_hurts_nobody),
        cmocka_unit_test(test_a_member_that_starts_again),
        cmocka_unit_test(test_a_member_that_serves_nobody),
        cmocka_unit_test(test_a_validator_that_keeps_writes_out_is_a_change),
        cmocka_unit_test(test_more_work_is_made_by_no_setting),
        cmocka_unit_test(test_a_storm_of_connections_and_one_of_work),
        cmocka_unit_test(test_what_expires),
        cmocka_unit_test(test_a_job_whose_operations_are_quick),
        cmocka_unit_test(test_what_is_altered_later_is_no_cause),
        cmocka_unit_test(test_a_setting_of_the_log_is_no_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
