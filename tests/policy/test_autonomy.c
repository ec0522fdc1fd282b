/* SPDX-License-Identifier: Apache-2.0
 *
 * Levels: granted by the bundle, ended by their day, lowered by the record. */
#include "kit.h"

#include <signalbox/policy/autonomy.h>

#define DAY_MS INT64_C(86400000)
#define LEVELS \
    "'autonomy':{'default':'L1','levels':[{'kinds':['index.create'],'env':'prod','level':'L3'},{'kinds':['index.create','index.hide'],'env':'staging','level':'L4','until':'2027-02-28'}," \
    "{'kinds':['index.create'],'env':'staging','level':'L2'}]},"

static const int64_t now = INT64_C(20781) * DAY_MS; /* 2026-11-24 */

static void a_level_is_of_a_kind_in_an_environment(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(LEVELS, KIT_ALLOW), *none = kit_bundle("", KIT_ALLOW);
    assert_int_equal(sb_autonomy_level(p, "index.create", SB_ENV_PROD, now), 3);
    assert_int_equal(sb_autonomy_level(p, "index.create", SB_ENV_STAGING, now), 4);
    assert_int_equal(sb_autonomy_level(p, "index.hide", SB_ENV_PROD, now), 1);
    assert_int_equal(sb_autonomy_level(p, "index.create", SB_ENV_DEV, now), 1);
    int64_t last = sb_days_of_date(2027, 2, 28) * DAY_MS;
    assert_int_equal(sb_autonomy_level(p, "index.create", SB_ENV_STAGING, last + DAY_MS - 1), 4);
    assert_int_equal(sb_autonomy_level(p, "index.create", SB_ENV_STAGING, last + DAY_MS), 2); /* the next grant that fits */
    assert_int_equal(sb_autonomy_level(p, "index.hide", SB_ENV_STAGING, last + DAY_MS), 1);
    assert_int_equal(sb_autonomy_level(none, "index.create", SB_ENV_PROD, now), -1);
    struct sb_autonomy_review r;
    assert_false(sb_autonomy_review(none, "index.create", SB_ENV_PROD, now, &(struct sb_autonomy_record){0}, &r));
    sb_policy_free(p);
    sb_policy_free(none);
}

static void the_fact_is_the_lower_of_grant_and_record(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(LEVELS, KIT_ALLOW);
    static const struct {
        const char *more;
        int64_t level;
    } rows[] = {{"'target':{'env':'prod'}", 3}, {"'target':{'env':'staging'}", 2}, {"'target':{'env':'staging'},'clock':{'utc':'2026-11-24T00:00:00Z'}", 4},
                {"'target':{'env':'qa'}", 3}, {"'target':{'env':'prod'},'autonomy':{'lowered_to':2}", 2}, {"'target':{'env':'prod'},'autonomy':{'lowered_to':9}", 3},
                {"'target':{'env':'prod'},'autonomy':{'lowered_to':-5}", 0}, {"'target':{'env':'prod'},'autonomy':{'level':4}", 3}};
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        char text[200];
        snprintf(text, sizeof text, "{'v':1,'action':{'kind':'index.create'},%s}", rows[i].more);
        json_t *in = kit_input(p, text);
        assert_int_equal(sb_json_int(json_object_get(in, "autonomy"), "level"), rows[i].level);
        json_decref(in);
    }
    sb_policy_free(p);
}

static void review_is(const struct sb_policy *p, int env, struct sb_autonomy_record r, int lowered_to, const char *says)
{
    struct sb_autonomy_review out;
    assert_true(sb_autonomy_review(p, "index.create", env, now, &r, &out));
    if (out.lowered_to != lowered_to || !strstr(out.reason, says) || (!*says && out.reason[0]))
        fail_msg("%d of %d accepted, %d rolled back, %d reversed: L%d, \"%s\"; expected L%d, \"%s\"", (int)r.accepted, (int)r.decisions, (int)r.rolled_back, (int)r.reversed, out.lowered_to,
                 out.reason, lowered_to, says);
}

static void shipped_limits_lower_a_level(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(LEVELS, KIT_ALLOW);
    struct sb_autonomy_limits l1 = sb_autonomy_limits_of(p, 1), l2 = sb_autonomy_limits_of(p, 2), l3 = sb_autonomy_limits_of(p, 3), l4 = sb_autonomy_limits_of(p, 4);
    assert_true(l1.min_decisions == 20 && l1.accepted_ppm == 0 && l1.rolled_back_ppm == 500000 && l1.reversed_ppm == 500000 && l1.early_failures == 5);
    assert_true(l2.min_decisions == 10 && l2.accepted_ppm == 600000 && l2.rolled_back_ppm == 200000 && l2.reversed_ppm == 200000 && l2.early_failures == 3);
    assert_true(l3.min_decisions == 20 && l3.accepted_ppm == 800000 && l3.rolled_back_ppm == 100000 && l3.reversed_ppm == 50000 && l3.early_failures == 2);
    assert_true(l4.min_decisions == 20 && l4.accepted_ppm == 950000 && l4.rolled_back_ppm == 10000 && l4.reversed_ppm == 10000 && l4.early_failures == 1);
    assert_int_equal(sb_autonomy_limits_of(p, 0).min_decisions, 0);
    assert_int_equal(sb_autonomy_limits_of(p, 9).min_decisions, 0);
#define L3(d, a, rb, rev, to, says) review_is(p, SB_ENV_PROD, (struct sb_autonomy_record){d, a, rb, rev}, to, says)
#define L4(d, a, rb, rev, to, says) review_is(p, SB_ENV_STAGING, (struct sb_autonomy_record){d, a, rb, rev}, to, says)
    L3(0, 0, 0, 0, 3, "");
    L3(20, 16, 0, 0, 3, "");
    L3(20, 15, 0, 0, 2, "15 of 20 proposals were accepted");
    L3(20, 20, 2, 0, 3, "");
    L3(20, 20, 3, 0, 2, "3 of 20 failed their watch or were rolled back");
    L3(20, 20, 0, 1, 3, "");
    L3(20, 20, 0, 2, 2, "2 of 20 were reversed later");
    L3(20, 20, 0, 5, 1, "5 of 20 were reversed later");
    L3(20, 0, 0, 0, 1, "0 of 20");
    L3(19, 5, 1, 0, 3, ""); /* too few to say anything */
    L3(19, 19, 1, 1, 2, "2 of the first 19 decisions failed, were rolled back or were reversed");
    L3(9, 9, 3, 0, 1, "3 of the first 9");
    L3(9, 9, 4, 0, 1, "4 of the first 9");
    L3(9, 9, 4, 1, 0, "5 of the first 9"); /* it does harm whoever approves it: it advises */
    L3(20, 20, 10, 0, 1, "10 of 20");
    L3(20, 20, 11, 0, 0, "11 of 20");
    L3(20, 20, 0, 11, 0, "11 of 20 were reversed later");
    L3(40, 0, 0, 0, 1, "0 of 40"); /* what is refused has done none */
    L4(20, 19, 0, 0, 4, "");
    L4(20, 18, 0, 0, 3, "18 of 20");
    L4(200, 200, 2, 0, 4, "");
    L4(200, 200, 3, 0, 3, "3 of 200");
    L4(5, 5, 1, 0, 3, "1 of the first 5");
    L4(INT64_C(1000000000), INT64_C(1000000000), 10000000, 0, 4, "");
    L4(INT64_C(1000000000), INT64_C(1000000000), 10000001, 0, 3, "rolled back");
    /* a record that contradicts itself is no record */
    L3(5, 6, 0, 0, 1, "contradicts itself");
    L3(5, 5, 6, 0, 1, "contradicts itself");
    L3(5, 5, 0, -1, 1, "contradicts itself");
    L3(INT64_MAX, INT64_MAX, 0, 0, 1, "contradicts itself");
    sb_policy_free(p);
}

static void a_bundle_sets_its_own_limits(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle("'autonomy':{'levels':[{'kinds':['index.create'],'env':'prod','level':'L3'}],'limits':{'L3':{'min_decisions':2,'accepted_ppm':1000000}}},", KIT_ALLOW);
    assert_int_equal(sb_autonomy_limits_of(p, 3).rolled_back_ppm, 100000); /* what is not said stays */
    L3(2, 2, 0, 0, 3, "");
    L3(2, 1, 0, 0, 2, "1 of 2");
    sb_policy_free(p);
    p = kit_bundle("'autonomy':{'levels':[{'kinds':['index.create'],'env':'prod','level':'L1'}],'limits':{'L1':{'min_decisions':2,'accepted_ppm':500000}}},", KIT_ALLOW);
    L3(2, 1, 0, 0, 1, "");
    L3(3, 1, 0, 0, 0, "1 of 3 proposals were accepted");
    sb_policy_free(p);
    kit_refused("'autonomy':{'limits':{'L0':{}}},", KIT_ALLOW, "unknown key \"L0\"");
    kit_refused("'autonomy':{'limits':{'L3':{'accepted_ppm':1000001}}},", KIT_ALLOW, "from 0 to 1000000");
    kit_refused("'autonomy':{'levels':[{'kinds':['a'],'env':'prod','level':'L5'}]},", KIT_ALLOW, "a level is L0");
    kit_refused("'autonomy':{'levels':[{'kinds':['a'],'env':'qa','level':'L2'}]},", KIT_ALLOW, "env must be");
    kit_refused("'autonomy':{'levels':[{'kinds':[],'env':'prod','level':'L2'}]},", KIT_ALLOW, "kinds must be");
    kit_refused("'autonomy':{'levels':[{'kinds':['a'],'env':'prod','level':'L2','until':'soon'}]},", KIT_ALLOW, "until is a day");
    kit_refused("'autonomy':{'default':'high'},", KIT_ALLOW, "a level is L0");
}

static void alarms_have_limits(void **state)
{
    (void)state;
    char why[200];
    struct sb_policy *p = kit_bundle("", KIT_ALLOW);
    assert_true(sb_alarm_limits_of(p).min_judged == 8 && sb_alarm_limits_of(p).noise_ppm == 500000);
    assert_false(sb_alarm_is_noisy(p, 7, 7, why)); /* too few to say */
    assert_false(sb_alarm_is_noisy(p, 8, 4, why));
    assert_true(sb_alarm_is_noisy(p, 8, 5, why));
    assert_non_null(strstr(why, "5 of 8 that people judged were noise"));
    assert_false(sb_alarm_is_noisy(p, 8, 9, why)); /* more noise than judged is no record */
    assert_false(sb_alarm_is_noisy(p, INT64_MAX, INT64_MAX, why));
    sb_policy_free(p);
    p = kit_bundle("'autonomy':{'limits':{'alarms':{'min_judged':0}}},", KIT_ALLOW);
    assert_false(sb_alarm_is_noisy(p, 100, 100, why));
    sb_policy_free(p);
    kit_refused("'autonomy':{'limits':{'alarms':{'noise_ppm':1000001}}},", KIT_ALLOW, "from 0 to 1000000");
    kit_refused("'autonomy':{'limits':{'alarms':{'loud':1}}},", KIT_ALLOW, "unknown key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_of_a_kind_in_an_environment),
        cmocka_unit_test(the_fact_is_the_lower_of_grant_and_record),
        cmocka_unit_test(shipped_limits_lower_a_level),
        cmocka_unit_test(a_bundle_sets_its_own_limits),
        cmocka_unit_test(alarms_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
