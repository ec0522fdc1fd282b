/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/policy/test.h>

#include <stdlib.h>
#include <string.h>

static struct sb_policy *shipped(const char *path)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    sb_str_init(&text);
    sb_assert_ok(sb_file_read(path, SB_POLICY_MAX_BYTES, &text, &err), err);
    struct sb_policy *p = sb_policy_load(text.p, text.len, path, &sb_zones_of_system, &err);
    if (!p)
        fail_msg("%s", err.msg);
    sb_str_release(&text);
    return p;
}

static const char *const paths[] = {"policy/default.json", "policy/strict-prod.json", "policy/training.json"};

static void shipped_bundles_pass_with_full_coverage_and_no_mutant_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(paths); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_policy *p = shipped(paths[i]);
        struct sb_policy_report r;
        sb_assert_ok(sb_policy_test(p, &r, &err), err);
        for (size_t k = 0; k < r.failures_n; k++)
            print_message("%s: %s\n", paths[i], r.failures[k]);
        for (size_t k = 0; k < r.gaps_n; k++)
            print_message("%s: %s\n", paths[i], r.gaps[k]);
        for (size_t k = 0; k < r.survivors_n; k++)
            print_message("%s: %s\n", paths[i], r.survivors[k]);
        assert_true(r.tests > 100);
        assert_int_equal(r.failed, 0);
        assert_int_equal(r.rules_true, r.rules);
        assert_int_equal(r.rules_false, r.rules);
        assert_int_equal(r.conditions_true, r.conditions);
        assert_int_equal(r.conditions_false, r.conditions);
        assert_true(r.mutants > r.rules + r.conditions); /* and what rules require, and windows */
        assert_int_equal(r.caught, r.mutants);
        assert_true(sb_policy_report_ok(&r));
        sb_record_release(&sb_policy_report_schema, &r);
        sb_policy_free(p);
    }
}

/* One limit off by one: the bundle's own tests must notice. */
static void a_wrong_limit_fails_a_test(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy *p = shipped(paths[0]);
    char *text = sb_format("%s", sb_policy_text(p)), *limit = strstr(text, "\"health.lag_s\":{\"ge\":10}");
    sb_policy_free(p);
    assert_non_null(limit);
    memcpy(limit, "\"health.lag_s\":{\"ge\":11}", strlen("\"health.lag_s\":{\"ge\":10}"));
    p = sb_policy_load(text, strlen(text), "t", &sb_zones_of_system, &err);
    if (!p)
        fail_msg("%s", err.msg);
    struct sb_policy_report r;
    sb_assert_ok(sb_policy_test(p, &r, &err), err);
    assert_int_equal(r.failed, 2); /* before a build, and while one runs */
    assert_non_null(strstr(r.failures[0], "a build does not start at 10 s of lag: decision allow, expected deny"));
    assert_false(sb_policy_report_ok(&r));
    sb_record_release(&sb_policy_report_schema, &r);
    sb_policy_free(p);
    free(text);
}

static void each_says_what_is_asked_of_backups(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(paths); i++) {
        struct sb_policy *p = shipped(paths[i]);
        assert_int_equal(sb_policy_limit(p, "recovery.backup_age_s", false), 86400);
        assert_int_equal(sb_policy_limit(p, "recovery.drill_age_s", false), 604800);
        sb_policy_free(p);
    }
}

static void coverage_and_mutants_find_what_is_not_tested(void **state)
{
    (void)state;
    static const char text[] =
        "{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"deny\",\"rules\":["
        "{\"id\":\"A\",\"level\":\"hard\",\"effect\":\"allow\",\"title\":\"t\",\"match\":{\"a\":{\"eq\":1}}},"
        "{\"id\":\"D\",\"level\":\"hard\",\"effect\":\"deny\",\"title\":\"t\",\"when\":{\"any\":[{\"b\":{\"gt\":5}},{\"c\":{\"gt\":5}}]}}],"
        "\"tests\":[{\"name\":\"one\",\"input\":{\"a\":1,\"b\":9,\"c\":9},\"expect\":{\"decision\":\"deny\",\"rules\":[\"D\"]}},"
        "{\"name\":\"two\",\"input\":{\"a\":1,\"b\":1,\"c\":1},\"expect\":{\"decision\":\"allow\",\"rules\":[\"A\"]}}]}";
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy *p = sb_policy_load(text, strlen(text), "t", &sb_zones_of_system, &err);
    assert_non_null(p);
    struct sb_policy_report r;
    sb_assert_ok(sb_policy_test(p, &r, &err), err);
    assert_int_equal(r.tests, 2);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.conditions, 3);
    assert_int_equal(r.conditions_true, 3);
    assert_int_equal(r.conditions_false, 2);
    assert_int_equal(r.gaps_n, 2); /* the rule A and its condition are never false */
    assert_string_equal(r.gaps[0], "A: never false");
    assert_string_equal(r.gaps[1], "A: a is 1: never false");
    assert_int_equal(r.mutants, 5);
    assert_int_equal(r.caught, 5);
    sb_record_release(&sb_policy_report_schema, &r);
    sb_policy_free(p);
}

static void a_person_is_told_the_groups(void **state)
{
    (void)state;
    static const struct { const char *who, *groups; } rows[] = {{"alice", "dba dba-core "}, {"dave", "dba-pay "}, {"mallory", ""}, {NULL, ""}};
    struct sb_policy *p = shipped("policy/strict-prod.json");
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        char **names = NULL;
        size_t n = 0;
        struct sb_str all;
        sb_str_init(&all);
        assert_int_equal(sb_policy_groups_of(p, rows[i].who, &names, &n), 0);
        for (size_t k = 0; k < n; k++) {
            sb_str_addf(&all, "%s ", names[k]);
            free(names[k]);
        }
        assert_string_equal(all.p ? all.p : "", rows[i].groups);
        sb_str_release(&all);
        free(names);
    }
    sb_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_bundles_pass_with_full_coverage_and_no_mutant_left),
        cmocka_unit_test(a_wrong_limit_fails_a_test),
        cmocka_unit_test(each_says_what_is_asked_of_backups),
        cmocka_unit_test(a_person_is_told_the_groups),
        cmocka_unit_test(coverage_and_mutants_find_what_is_not_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
