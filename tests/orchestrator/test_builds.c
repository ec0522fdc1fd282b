/* SPDX-License-Identifier: Apache-2.0
 *
 * A build that was allowed to begin, and a secondary that falls behind while it runs: the card tells how far it is, what has passed
 * its limit and how to end it; where policy grants that, it ends by itself. */
#include "lab.h"

#define SCENARIO "tests/e2e/lag-during-build.scenario"

static void until_alarm(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->card.progress.alarm)
        lab_wait(l, until);
}

static void until_gone(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (lab_has_index(l, LAB_INDEX))
        lab_wait(l, until);
}

static int count_alarm(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    int64_t *found = ctx;
    const json_t *verdict = json_object_get(e->body, "verdict");
    (void)bytes;
    (void)n;
    (void)err;
    *found += e->kind == SB_ENTRY_VERDICT && json_is_true(json_object_get(json_object_get(json_object_get(e->body, "input"), "plan"), "in_step")) &&
              sb_streq(sb_json_str(verdict, "decision"), "deny");
    return 0;
}

static void the_card_tells_how_far_it_is_and_offers_the_abort(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_EXECUTING);
    until_alarm(&l);
    const struct sb_progress *g = &l.card.progress;
    assert_non_null(strstr(g->alarm, "a member lags by "));
    assert_non_null(strstr(g->alarm, "(HLT-02): stop aborts the build with dropIndexes"));
    assert_string_equal(g->quorum, "votingMembers");
    assert_non_null(strstr(g->phase, "on 3 members, slowest "));
    assert_true(g->total >= 2000 && g->done >= 0 && g->done < g->total && g->eta_ms > 0);
    assert_int_equal(l.card.state, SB_EXECUTING); /* nobody has granted that it is ended by itself */
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_STOP, NULL, NULL, NULL)), 0);
    lab_until_state(&l, SB_FAILED);
    until_gone(&l);
    assert_null(l.card.progress.alarm);
    lab_until_notice(&l, "the running step was aborted and what it had begun is gone");
    lab_close(&l);
    int64_t alarms = 0;
    lab_each_entry(&l, count_alarm, &alarms);
    assert_int_equal(alarms, 1); /* once, however often it was looked at */
}

static void it_ends_by_itself_where_policy_grants_that(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO, .policy_old = {"\"levels\": ["},
                            .policy_new = {"\"levels\": [{\"kinds\": [\"abort\"], \"env\": \"staging\", \"level\": \"L4\", \"reason\": \"a test\"}, "}};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_EXECUTING);
    lab_until_state(&l, SB_FAILED);
    assert_non_null(strstr(l.card.note, "aborted with dropIndexes, as policy grants L4 to aborting: a member lags by "));
    until_gone(&l);
    lab_until_notice(&l, "the running step was aborted and what it had begun is gone");
    lab_close(&l);
}

static void an_index_that_is_not_on_every_member_is_told(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = "tests/e2e/uneven.scenario"};
    lab_open(&l, &o);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"customer_id\": 1}, \"name\": \"uneven\"}], \"commitQuorum\": 2}");
    while (!strstr(l.answer, "uneven is on the primary and not on ")) { /* it may not be connected yet */
        lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "review the indexes on shop.orders"));
        if (sb_mono_ms() > until)
            fail_msg("%s", l.answer);
    }
    assert_null(strstr(l.answer, "_id_ is on the primary"));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_card_tells_how_far_it_is_and_offers_the_abort), cmocka_unit_test(it_ends_by_itself_where_policy_grants_that),
                                       cmocka_unit_test(an_index_that_is_not_on_every_member_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
