/* SPDX-License-Identifier: Apache-2.0
 *
 * What the next owner does with what the last one left running. (Owners that are killed: tests/e2e/crash_job.py.) */
#include "lab.h"

#define SLOW "tests/e2e/crash-slow-build.scenario"

/* Leaves a card executing, with its build half done, and no owner. */
static void leave_building(struct lab *l)
{
    lab_open(l, &(struct lab_options){.environment = SB_ENV_STAGING, .scenario = SLOW});
    lab_propose(l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_edit(l, &l->alice, "watch_window_s", "60"), 0);
    lab_until_revision(l, 2);
    assert_int_equal(lab_approve(l, &l->bob), 0);
    lab_until_index(l, LAB_INDEX);
    lab_until_state(l, SB_EXECUTING);
    assert_false(lab_stop_within(l, 100)); /* the command hangs in the driver until the build is over */
    assert_int_equal(lab_entries(l, SB_ENTRY_STEP_INTENT, NULL), 1);
    assert_int_equal(lab_entries(l, SB_ENTRY_STEP_RESULT, NULL), 0);
}

static void the_next_owner_finds_the_build(void **state)
{
    (void)state;
    struct lab l;
    leave_building(&l);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_PROBE, NULL), 1);
}

/* A build that was found running is stopped like one of our own. */
static void what_was_found_running_can_be_stopped(void **state)
{
    (void)state;
    struct lab l;
    leave_building(&l);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l.have_card || !l.card.note || !strstr(l.card.note, "still being done")) {
        lab_wait(&l, until);
        assert_int_not_equal(l.card.state, SB_WATCHING); /* too late: the build is over */
    }
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_STOP, NULL, NULL, "a test")), 0);
    assert_non_null(strstr(l.answer, "aborted with dropIndexes"));
    lab_until_notice(&l, "what it had begun is gone");
    assert_false(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
}

static void a_read_only_owner_goes_on_with_nothing(void **state)
{
    (void)state;
    struct lab l;
    leave_building(&l);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING, .read_only = true});
    lab_until_notice(&l, "stays so: this console may not write");
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_PROBE, NULL), 0);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
}

/* A card that failed, was closed and let go of is rolled back later, by what its record says it had done. */
static void rolled_back_long_after(void **state)
{
    (void)state;
    struct lab l;
    leave_building(&l);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    lab_until_state(&l, SB_WATCHING);
    char *id = sb_format("%s", l.card.id);
    lab_until_state(&l, SB_DONE);
    lab_stop(&l);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    struct sb_message *m;
    do {
        m = sb_message_new(SB_ASK_ROLLBACK, 0);
        assert_int_equal(sb_str_set(&((struct sb_decision_on *)m->body)->card, id), 0);
    } while (lab_ask(&l, &l.bob, m) == 3); /* not connected yet */
    assert_int_equal(l.status, 0);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_non_null(strstr(l.card.note, "read back"));
    assert_false(lab_has_index(&l, LAB_INDEX));
    free(id);
    lab_close(&l);
}

/* Deployment time is carried on by the monotonic clock from the newest sample, at the pace of the deployment's own clock. */
static void deployment_time_between_two_samples(void **state)
{
    (void)state;
    struct sb_origin origin;
    sb_origin_system(&origin);
    struct sb_orchestrator o = {.opt = {.origin = &origin}, .have_strip = true, .facts = {.speed = 60}};
    o.strip.at = 1000000;
    o.strip.wall = sb_wall_ms() - 86400000; /* whatever the wall clock says */
    o.strip_mono_ms = sb_mono_ms() - 2000;
    int64_t before = sb_mono_ms(), now = sb_o_deployment_now(&o), after = sb_mono_ms();
    assert_true(now >= 1000000 + (before - o.strip_mono_ms) * 60 && now <= 1000000 + (after - o.strip_mono_ms) * 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_owner_finds_the_build),
        cmocka_unit_test(what_was_found_running_can_be_stopped),
        cmocka_unit_test(a_read_only_owner_goes_on_with_nothing),
        cmocka_unit_test(rolled_back_long_after),
        cmocka_unit_test(deployment_time_between_two_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
