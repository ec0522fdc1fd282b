/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine of `signalbox incident` on a set of three whose every second is made here: what is calm stays unsaid, what hurts
 * is said within 20 s, and its class follows from what else is to be seen. */
#include "world.h"

static void test_calm_is_not_told(void **state)
{
    (void)state;
    struct world w;
    struct sb_err err = SB_ERR_INIT;
    setup_world(&w);
    run(&w, 1800, &calm);
    for (int i = 0; i < 120; i++) { /* slowly half as much again, and back */
        struct weather x = calm;
        x.ops = 1 + (i < 60 ? i : 120 - i) / 120.0;
        x.write_ms = 1 + (i < 60 ? i : 120 - i) / 120.0;
        run(&w, 1, &x);
    }
    run(&w, 300, &calm);
    sb_assert_ok(sb_incidents_finish(w.in, &err), err);
    collect(&w);
    assert_int_equal(w.n, 0);
    teardown_world(&w);
}

static void test_more_of_the_same_is_load(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    struct weather x = calm;
    x.ops = 4;
    x.write_ms = x.read_ms = 2.2;
    one_after(&w, &x, SB_CLASS_LOAD);
    teardown_world(&w);
}

static void test_a_slow_disk_and_a_busy_host_are_infrastructure(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    struct weather x = calm;
    x.write_ms = x.read_ms = 4;
    x.iowait = 0.4;
    one_after(&w, &x, SB_CLASS_INFRASTRUCTURE);
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.write_ms = x.read_ms = 3.5;
    x.others_cpu = 0.97;
    assert_non_null(strstr(one_after(&w, &x, SB_CLASS_INFRASTRUCTURE)->reason, "processor"));
    teardown_world(&w);
}

static void test_a_frozen_member_is_infrastructure(void **state)
{
    (void)state;
    for (int who = 0; who < MEMBERS; who++) {
        struct world w;
        world_after_calm(&w);
        int64_t began = w.t;
        struct weather x = calm;
        x.frozen = who;
        run(&w, 11, &x); /* the others wait for its heartbeats */
        x.frozen = -1;
        x.unseen = who;
        if (who == 0)
            w.primary = 1;
        run(&w, 40, &x);
        run(&w, 90, &calm);
        assert_int_equal(w.n, 1);
        assert_int_equal(w.got[0].class_, SB_CLASS_INFRASTRUCTURE);
        char name[16];
        snprintf(name, sizeof name, "member-%d", who);
        assert_int_equal(w.got[0].members_n, 1);
        assert_string_equal(w.got[0].members[0], name);
        assert_true(w.got[0].detected_ms - began <= 20000);
        teardown_world(&w);
    }
}

/* Its heartbeats are answered, but nothing else is done: a lock on everything, a disk that hangs. */
static void test_a_member_that_stands_still_is_told_while_it_does(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    struct weather x = calm;
    x.frozen = 1;
    assert_string_equal(one_after(&w, &x, SB_CLASS_INFRASTRUCTURE)->members[0], "member-1");
    teardown_world(&w);
}

static void test_a_member_that_was_stopped_in_order_is_maintenance(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    say(&w, 2, "\"id\":23138,\"ctx\":\"x\",\"msg\":\"Shutting down\",\"attr\":{\"exitCode\":0}");
    struct weather x = calm;
    x.down = 2;
    run(&w, 12, &x); /* a quick restart hurts nobody */
    w.v[2].value[SB_VITAL_PID]++;
    run(&w, 100, &calm);
    assert_int_equal(w.n, 0);
    say(&w, 2, "\"id\":23138,\"ctx\":\"x\",\"msg\":\"Shutting down\",\"attr\":{\"exitCode\":0}");
    one_after(&w, &x, SB_CLASS_MAINTENANCE);
    assert_string_equal(w.got[0].members[0], "member-2");
    teardown_world(&w);
}

static void test_a_step_down_is_maintenance_and_the_return_is_nothing(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    say(&w, 0, "\"id\":21579,\"ctx\":\"c\",\"msg\":\"Attempting to step down in response to replSetStepDown command\"");
    w.primary = 1;
    run(&w, 120, &calm);
    w.primary = 0;
    run(&w, 120, &calm);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.got[0].class_, SB_CLASS_MAINTENANCE);
    assert_string_equal(w.got[0].members[0], "member-0");
    w.primary = 1; /* and this time nobody asked for it */
    run(&w, 120, &calm);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.got[1].class_, SB_CLASS_INFRASTRUCTURE);
    teardown_world(&w);
}

static void test_lag_names_its_member(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    struct weather x = calm;
    x.lagging = 2;
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_INFRASTRUCTURE);
    assert_int_equal(got->members_n, 1);
    assert_string_equal(got->members[0], "member-2");
    teardown_world(&w);
}

static void test_clients(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    struct weather x = calm;
    for (int i = 0; i < 40; i++)
        connect_app(&w, "leak");
    x.connections = 400;
    assert_string_equal(one_after(&w, &x, SB_CLASS_DEPENDENCY)->apps[0], "leak"); /* it holds what it opened */
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.connecting = 80; /* or opens and closes */
    one_after(&w, &x, SB_CLASS_DEPENDENCY);
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.no_ops = true; /* or waits for somebody else */
    one_after(&w, &x, SB_CLASS_DEPENDENCY);
    teardown_world(&w);
}

static void test_an_application_s_own_operations_are_code(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    connect_app(&w, "crm-2");
    x.errors = 30;
    assert_string_equal(one_after(&w, &x, SB_CLASS_CODE)->apps[0], "crm-2");
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.conflicts = 60;
    one_after(&w, &x, SB_CLASS_CODE);
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.idle_transactions = 1;
    one_after(&w, &x, SB_CLASS_CODE);
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.cursors = 300;
    one_after(&w, &x, SB_CLASS_CODE);
    teardown_world(&w);
    world_after_calm(&w);
    x = calm;
    x.examined = 500;
    x.read_ms = 6;
    connect_app(&w, "shop-2");
    for (int i = 0; i < 20; i++)
        slow(&w, "shop.orders", "shop-2", "{\"find\":\"orders\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":60000,\"nreturned\":1,\"durationMillis\":300");
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_CODE);
    assert_string_equal(got->namespaces[0], "shop.orders");
    assert_string_equal(got->apps[0], "shop-2");
    teardown_world(&w);
}

/* The same scans by an application that has not connected anew: somebody took its index away. */
static void test_an_alteration_that_stays_is_a_change(void **state)
{
    static const char *const lines[] = {
        "\"id\":51806,\"ctx\":\"c\",\"msg\":\"CMD: dropIndexes\",\"attr\":{\"namespace\":\"shop.orders\",\"indexes\":\"\\\"zip_1\\\"\"}",
        "\"id\":5324200,\"ctx\":\"c\",\"msg\":\"CMD: collMod\",\"attr\":{\"cmdObj\":{\"collMod\":\"orders\",\"index\":{\"name\":\"zip_1\",\"hidden\":true}}}",
        "\"id\":20479,\"ctx\":\"c\",\"msg\":\"Index filter set on query\",\"attr\":{\"query\":\"zip\"}",
        "\"id\":23435,\"ctx\":\"c\",\"msg\":\"Successfully set parameter to new value\",\"attr\":{\"parameterName\":\"x\",\"newValue\":\"1\",\"oldValue\":\"2\"}",
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        x.examined = 500;
        x.read_ms = 6;
        say(&w, 0, lines[i]);
        for (int k = 0; k < 20; k++)
            slow(&w, "shop.orders", "shop", "{\"find\":\"orders\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":60000,\"nreturned\":1,\"durationMillis\":300");
        assert_string_equal(one_after(&w, &x, SB_CLASS_CHANGE)->namespaces[0], "shop.orders");
        teardown_world(&w);
    }
}

static void test_an_operator_s_work_is_maintenance(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    say(&w, 0, "\"id\":20384,\"ctx\":\"i\",\"msg\":\"Index build: starting\",\"attr\":{\"buildUUID\":{\"uuid\":1},\"namespace\":\"shop.orders\",\"properties\":{\"name\":\"a_1\"}}");
    x.write_ms = 4;
    assert_string_equal(one_after(&w, &x, SB_CLASS_MAINTENANCE)->namespaces[0], "shop.orders");
    teardown_world(&w);
    world_after_calm(&w);
    say(&w, 0, "\"id\":20462,\"ctx\":\"f\",\"msg\":\"mongod is locked and no writes are allowed\",\"attr\":{\"lockCount\":1}");
    x = calm;
    x.no_writes = true;
    x.active = 4;
    one_after(&w, &x, SB_CLASS_MAINTENANCE);
    teardown_world(&w);
    world_after_calm(&w);
    connect_app(&w, "nightly-load");
    x = calm;
    x.docs_written = 3000;
    x.write_ms = 5;
    for (int i = 0; i < 20; i++)
        slow(&w, "shop.import", "nightly-load", "{\"insert\":\"import\"}", "\"ninserted\":1000,\"durationMillis\":400");
    assert_string_equal(one_after(&w, &x, SB_CLASS_MAINTENANCE)->namespaces[0], "shop.import");
    teardown_world(&w);
}

static void test_a_job_that_reads_is_maintenance(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    connect_app(&w, "mongodump");
    x.examined = 100;
    x.read_ms = 4;
    for (int i = 0; i < 20; i++)
        slow(&w, "shop.orders", "mongodump", "{\"find\":\"orders\",\"filter\":{}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":5000,\"nreturned\":5000,\"durationMillis\":300");
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_MAINTENANCE);
    assert_string_equal(got->apps[0], "mongodump");
    assert_string_equal(got->namespaces[0], "shop.orders");
    teardown_world(&w);
    world_after_calm(&w);
    connect_app(&w, "nightly-backup"); /* the same where nothing was slow enough to be logged */
    x = calm;
    x.examined = 100;
    x.read_ms = 4;
    assert_string_equal(one_after(&w, &x, SB_CLASS_MAINTENANCE)->apps[0], "nightly-backup");
    teardown_world(&w);
}

/* Two alterations at once are both named. */
static void test_compound_causes_are_named_together(void **state)
{
    (void)state;
    struct world w;
    struct weather x = calm;
    world_after_calm(&w);
    say(&w, 0, "\"id\":51806,\"ctx\":\"c\",\"msg\":\"CMD: dropIndexes\",\"attr\":{\"namespace\":\"shop.orders\",\"indexes\":\"zip_1\"}");
    say(&w, 1, "\"id\":20344,\"ctx\":\"c\",\"msg\":\"CMD: dropIndexes\",\"attr\":{\"namespace\":\"shop.orders\",\"indexes\":\"zip_1\"}");
    say(&w, 0, "\"id\":23435,\"ctx\":\"c\",\"msg\":\"Successfully set parameter to new value\",\"attr\":{\"parameterName\":\"x\"}");
    x.examined = 500;
    x.read_ms = 6;
    slow(&w, "shop.orders", "shop", "{\"find\":\"orders\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":60000,\"nreturned\":1,\"durationMillis\":300");
    const struct sb_incident *got = one_after(&w, &x, SB_CLASS_CHANGE);
    assert_int_equal(got->causes_n, 3); /* the drop, once; the operation; the parameter */
    assert_string_equal(got->causes[0].what, "an index was dropped");
    assert_string_equal(got->causes[2].what, "a parameter was set");
    assert_true(got->causes[2].confidence < got->causes[0].confidence);
    teardown_world(&w);
}

static const struct sb_incident_cause *beside(const struct sb_incident *in)
{
    for (size_t i = 0; i < in->causes_n; i++)
        if (in->causes[i].beside)
            return &in->causes[i];
    return NULL;
}

/* A bad query of a release, and twice the traffic at the same time: both are named, and how much neither explains. */
static void test_a_release_and_a_sale_at_once_are_both_named(void **state)
{
    (void)state;
    for (int sale = 0; sale < 4; sale++) { /* without it; with it; where it is the release that sends so much; and where that is not logged */
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        connect_app(&w, "shop-2");
        x.examined = 500;
        x.read_ms = 6;
        x.ops = sale && sale < 3 ? 2.5 : 1;
        x.reads = sale == 3 ? 3.5 : 1;
        for (int i = 0; i < 60; i++) {
            for (int k = 0; k < (sale == 2 ? 120 : 4); k++)
                slow(&w, "shop.orders", "shop-2", "{\"find\":\"orders\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":60000,\"nreturned\":1,\"durationMillis\":300");
            run(&w, 1, &x);
        }
        run(&w, 60, &calm);
        assert_int_equal(w.n, 1);
        const struct sb_incident *got = &w.got[0];
        assert_int_equal(got->class_, SB_CLASS_CODE);
        assert_string_equal(got->apps[0], "shop-2");
        const struct sb_incident_cause *other = beside(got);
        if ((other != NULL) != (sale == 1))
            fail_msg("sale %d: %s", sale, got->reason);
        assert_true((strstr(got->reason, "at a flat rate") != NULL) == (sale == 0));
        if (other) {
            assert_non_null(strstr(other->what, "times the operations come"));
            assert_non_null(strstr(got->reason, other->what));
            assert_true(other->confidence < got->causes[0].confidence);
            assert_true(got->unexplained > 0 && got->unexplained < 0.6);
        }
        teardown_world(&w);
    }
}

/* An index is built, and an application that came meanwhile has another collection read whole. */
static void test_a_scan_beside_an_operator_s_work_is_named(void **state)
{
    (void)state;
    for (int scans = 0; scans < 2; scans++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        say(&w, 0, "\"id\":20384,\"ctx\":\"i\",\"msg\":\"Index build: starting\",\"attr\":{\"buildUUID\":{\"uuid\":1},\"namespace\":\"shop.orders\",\"properties\":{\"name\":\"a_1\"}}");
        connect_app(&w, "search-3");
        x.write_ms = 4;
        x.examined = scans ? 500 : 1;
        for (int i = 0; i < 60; i++) {
            if (scans)
                slow(&w, "crm.users", "search-3", "{\"find\":\"users\",\"filter\":{\"zip\":\"1\"}}", "\"planSummary\":\"COLLSCAN\",\"docsExamined\":20000,\"nreturned\":1,\"durationMillis\":200");
            run(&w, 1, &x);
        }
        run(&w, 60, &calm);
        assert_int_equal(w.n, 1);
        assert_int_equal(w.got[0].class_, SB_CLASS_MAINTENANCE);
        assert_string_equal(w.got[0].namespaces[0], "shop.orders");
        assert_true((beside(&w.got[0]) != NULL) == (scans == 1));
        assert_true(!scans || (w.got[0].namespaces_n == 2 && strcmp(w.got[0].namespaces[1], "crm.users") == 0 && strcmp(w.got[0].apps[0], "search-3") == 0));
        teardown_world(&w);
    }
}

/* The metrics count open transactions; whose they are is told by the sessions while they last, or by the log when they end. */
static void test_a_transaction_left_open_has_its_application_named(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        say(&w, 0, "\"id\":51800,\"ctx\":\"conn88\",\"msg\":\"client metadata\",\"attr\":{\"remote\":\"1.2.3.4:5\",\"doc\":{\"application\":{\"name\":\"report\"}}}");
        say(&w, 0, "\"id\":51800,\"ctx\":\"conn89\",\"msg\":\"client metadata\",\"attr\":{\"remote\":\"1.2.3.4:6\",\"doc\":{\"application\":{\"name\":\"other\"}}}");
        run(&w, 60, &calm);
        x.idle_transactions = 1;
        for (int i = 0; i < 60; i++) {
            if (how == 0 && i % 5 == 4) {
                sb_incidents_transaction(w.in, 0, &(struct sb_open_transaction){"report", "1.2.3.4:5", i * 1000 + 2000, i * 1000}, w.t);
                sb_incidents_transaction(w.in, 0, &(struct sb_open_transaction){"quick", "1.2.3.4:7", 900, 800}, w.t);
            }
            run(&w, 1, &x);
        }
        if (how == 1)
            say(&w, 0, "\"c\":\"TXN\",\"id\":51802,\"ctx\":\"conn88\",\"msg\":\"transaction\",\"attr\":{\"parameters\":{\"txnNumber\":1},\"terminationCause\":\"aborted\",\"timeActiveMicros\":12000,"
                       "\"timeInactiveMicros\":59988000,\"durationMillis\":60000}");
        run(&w, 60, &calm);
        assert_int_equal(w.n, 1);
        assert_int_equal(w.got[0].class_, SB_CLASS_CODE);
        assert_int_equal(w.got[0].apps_n, how < 2);
        if (how < 2) {
            assert_string_equal(w.got[0].apps[0], "report");
            assert_string_equal(w.got[0].causes[0].what, "a transaction of report that is left open");
            assert_non_null(strstr(w.got[0].causes[0].evidence, how ? "log of member-0: open for 60 s, 59 s of them idle" : "$currentOp of member-0: open for 61 s, 59 s of them idle, from 1.2.3.4:5"));
        }
        teardown_world(&w);
    }
}

/* A member falls behind: more reads have no part in it, more writes are why. */
static void test_only_writes_make_a_member_lag(void **state)
{
    (void)state;
    for (int writes = 0; writes < 2; writes++) {
        struct world w;
        struct weather x = calm;
        world_after_calm(&w);
        x.lagging = 1;
        x.reads = writes ? 1 : 4;
        x.ops = writes ? 4 : 1;
        one_after(&w, &x, writes ? SB_CLASS_LOAD : SB_CLASS_INFRASTRUCTURE);
        teardown_world(&w);
    }
}

static void test_what_is_missing_is_no_cause(void **state)
{
    (void)state;
    struct world w;
    struct sb_err err = SB_ERR_INIT;
    struct weather x = calm;
    world_after_calm(&w);
    x.frozen = 1;
    sb_incidents_hole(w.in, 1);
    run(&w, 300, &x); /* its file has a hole, and the others see it well */
    run(&w, 100, &calm);
    w.t += 7200000; /* a file of each member is missing */
    run(&w, 100, &calm);
    w.t -= 3600000; /* every clock goes back */
    run(&w, 300, &calm);
    x.frozen = 2;
    sb_incidents_hole(w.in, 2);
    run(&w, 4000, &x); /* its data ends */
    sb_assert_ok(sb_incidents_finish(w.in, &err), err);
    collect(&w);
    assert_int_equal(w.n, 0);
    size_t backwards = 0, ends = 0, missing = 0;
    for (size_t i = 0; sb_incidents_note(w.in, i); i++) {
        backwards += strstr(sb_incidents_note(w.in, i), "clock went back") != NULL;
        missing += strstr(sb_incidents_note(w.in, i), "there are no samples for 7201 s") != NULL;
        ends += strstr(sb_incidents_note(w.in, i), "samples end") != NULL;
    }
    assert_int_equal(backwards, MEMBERS);
    assert_int_equal(ends, 1);
    assert_int_equal(missing, MEMBERS);
    teardown_world(&w);
}

static void test_after_the_clock_went_back_it_goes_on(void **state)
{
    (void)state;
    struct world w;
    world_after_calm(&w);
    w.t -= 3600000;
    run(&w, 100, &calm);
    struct weather x = calm;
    x.ops = 4;
    x.write_ms = x.read_ms = 2.2;
    one_after(&w, &x, SB_CLASS_LOAD);
    teardown_world(&w);
}

/* What is never mended becomes usual, and does not come again. */
static void test_what_stays_becomes_usual(void **state)
{
    (void)state;
    struct world w;
    struct sb_err err = SB_ERR_INIT;
    struct weather x = calm;
    world_after_calm(&w);
    x.read_ms = 5;
    run(&w, 4000, &x);
    sb_assert_ok(sb_incidents_finish(w.in, &err), err);
    collect(&w);
    assert_int_equal(w.n, 1);
    assert_true(w.got[0].to_ms - w.got[0].from_ms >= 1790000 && w.got[0].to_ms - w.got[0].from_ms <= 1810000);
    teardown_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm_is_not_told),
        cmocka_unit_test(test_more_of_the_same_is_load),
        cmocka_unit_test(test_a_slow_disk_and_a_busy_host_are_infrastructure),
        cmocka_unit_test(test_a_frozen_member_is_infrastructure),
        cmocka_unit_test(test_a_member_that_stands_still_is_told_while_it_does),
        cmocka_unit_test(test_a_member_that_was_stopped_in_order_is_maintenance),
        cmocka_unit_test(test_a_step_down_is_maintenance_and_the_return_is_nothing),
        cmocka_unit_test(test_lag_names_its_member),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_an_application_s_own_operations_are_code),
        cmocka_unit_test(test_an_alteration_that_stays_is_a_change),
        cmocka_unit_test(test_an_operator_s_work_is_maintenance),
        cmocka_unit_test(test_a_job_that_reads_is_maintenance),
        cmocka_unit_test(test_compound_causes_are_named_together),
        cmocka_unit_test(test_a_release_and_a_sale_at_once_are_both_named),
        cmocka_unit_test(test_a_scan_beside_an_operator_s_work_is_named),
        cmocka_unit_test(test_a_transaction_left_open_has_its_application_named),
        cmocka_unit_test(test_only_writes_make_a_member_lag),
        cmocka_unit_test(test_what_is_missing_is_no_cause),
        cmocka_unit_test(test_after_the_clock_went_back_it_goes_on),
        cmocka_unit_test(test_what_stays_becomes_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
