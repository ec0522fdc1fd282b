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

/* Until the first member's clock says so; the lab has no owner meanwhile, and no connection. */
static void until_server_time(const struct lab *l, int64_t at)
{
    json_t *ready = json_loads(l->line, 0, NULL);
    char uri[128];
    snprintf(uri, sizeof uri, "mongodb://%s/?directConnection=true", json_string_value(json_array_get(json_object_get(ready, "members"), 0)));
    mongoc_client_t *client = mongoc_client_new(uri);
    bson_t *command = BCON_NEW("serverStatus", BCON_INT32(1));
    for (int64_t now = 0; now < at;) {
        bson_t reply;
        bson_iter_t it;
        bson_error_t e;
        if (!mongoc_client_command_simple(client, "admin", command, NULL, &reply, &e))
            fail_msg("%s", e.message);
        now = bson_iter_init_find(&it, &reply, "localTime") ? bson_iter_date_time(&it) : at;
        bson_destroy(&reply);
        usleep(50000);
    }
    bson_destroy(command);
    mongoc_client_destroy(client);
    json_decref(ready);
}

/* Between its first third and its end there is no owner: what was seen was good, and says nothing of the rest. */
static void a_window_that_was_observed_in_part_proves_nothing(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_edit(&l, &l.alice, "watch_window_s", "180"), 0);
    lab_until_revision(&l, 2);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l.card.report.observed_s < 40)
        lab_wait(&l, until);
    assert_true(l.card.report.observed_s < 120);
    int64_t ends = l.card.report.ends_at;
    lab_stop(&l);
    until_server_time(&l, ends + 10000);
    lab_start(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    lab_until_state(&l, SB_DONE);
    assert_int_equal(l.card.report.verdict, SB_VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(l.card.report.reason, "the window was observed for "));
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
        cmocka_unit_test(a_window_that_was_observed_in_part_proves_nothing),
        cmocka_unit_test(deployment_time_between_two_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
