/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/model/watch_event.h>

#include <string.h>

static void set(struct sb_watch *w, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_watch_events_set(w, text, &err), err);
}

static void reads_back(struct sb_watch *w, const char *text)
{
    struct sb_str again;
    sb_str_init(&again);
    sb_watch_events_text(w, &again);
    assert_string_equal(again.p, text);
    sb_str_release(&again);
}

static void events_are_read_and_written(void **state)
{
    (void)state;
    struct sb_watch w = {.window_s = 60};
    struct sb_criterion *measured = SB_PUSH(w.criteria);
    assert_non_null(measured);
    assert_int_equal(sb_str_set(&measured->metric, "index_uses"), 0);
    set(&w, "schedule:backup within 24h, request within 90m");
    assert_int_equal(w.criteria_n, 3);
    assert_int_equal(w.criteria[1].limit, 86400);
    assert_true(sb_criterion_is_event(&w.criteria[2]) && !sb_criterion_is_event(&w.criteria[0]));
    reads_back(&w, "schedule:backup within 1d, request within 90m");
    set(&w, "backup within 1d");
    assert_true(sb_criterion_is_backup(&w.criteria[1]) && !sb_criterion_is_backup(&w.criteria[0]));
    reads_back(&w, "backup within 1d");
    set(&w, "request within 61s"); /* in place of those */
    assert_int_equal(w.criteria_n, 2);
    reads_back(&w, "request within 61s");
    set(&w, "");
    assert_int_equal(w.criteria_n, 1);
    reads_back(&w, "");
    static const char *const bad[] = {"x", "request", "request within", "request within 5", "request within 1w", "request within 59s", "request within 91d",
                                      "request within -1h", "request  within 1h", "nothing within 1h", "backups within 1h", "schedule: within 1h", "schedule:A within 1h",
                                      "request within 1h,", ",request within 1h", "request within 99999999999h",
                                      "request within 1h,request within 1h,request within 1h,request within 1h,request within 1h"};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (sb_watch_events_set(&w, bad[i], &err) == 0)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(err.code, SB_EINPUT);
    }
    sb_record_release(&sb_watch_schema, &w);
}

static enum sb_event_seen look(const char *events, int kind, const char *case_id, json_t *body, const char *run)
{
    struct sb_watch w = {.window_s = 60};
    char text[32];
    snprintf(text, sizeof text, "%s", case_id ? case_id : "");
    set(&w, events);
    struct sb_entry e = {.kind = kind, .body = body, .plan = {.case_id = case_id ? text : NULL}};
    enum sb_event_seen seen = sb_event_look(&w.criteria[0], &e, run);
    json_decref(body);
    sb_record_release(&sb_watch_schema, &w);
    return seen;
}

static void a_run_of_a_schedule_is_done_with_its_case(void **state)
{
    (void)state;
    const char *event = "schedule:backup within 1h";
    assert_int_equal(look(event, SB_ENTRY_REQUEST, "K-1", json_pack("{s:s}", "event", "schedule:backup"), NULL), SB_EVENT_BEGAN);
    assert_int_equal(look(event, SB_ENTRY_REQUEST, "K-1", json_pack("{s:s}", "event", "schedule:other"), NULL), SB_EVENT_NOT);
    assert_int_equal(look(event, SB_ENTRY_REQUEST, "K-1", json_object(), NULL), SB_EVENT_NOT);
    assert_int_equal(look(event, SB_ENTRY_CASE_CLOSE, "K-1", json_object(), NULL), SB_EVENT_NOT); /* of a run that began before */
    assert_int_equal(look(event, SB_ENTRY_CASE_CLOSE, "K-2", json_object(), "K-1"), SB_EVENT_NOT);
    assert_int_equal(look(event, SB_ENTRY_CASE_CLOSE, "K-1", json_object(), "K-1"), SB_EVENT_PASSED);
    assert_int_equal(look(event, SB_ENTRY_CASE_CLOSE, "K-1", json_pack("{s:b}", "unfinished", 1), "K-1"), SB_EVENT_NOT);
}

static void an_entry_of_its_kind_is_the_event(void **state)
{
    (void)state;
    assert_int_equal(look("review within 1h", SB_ENTRY_REVIEW, NULL, json_object(), NULL), SB_EVENT_PASSED);
    assert_int_equal(look("review within 1h", SB_ENTRY_REVIEW, NULL, json_pack("{s:b}", "ok", 1), NULL), SB_EVENT_PASSED);
    assert_int_equal(look("review within 1h", SB_ENTRY_REVIEW, NULL, json_pack("{s:b}", "ok", 0), NULL), SB_EVENT_FAILED);
    assert_int_equal(look("review within 1h", SB_ENTRY_REQUEST, NULL, json_object(), NULL), SB_EVENT_NOT);
}

static json_t *drill(const char *event, int ok, const char *stage, const char *level)
{
    return json_pack("{s:s,s:b,s:s,s:s}", "event", event, "ok", ok, "stage", stage, "policy_level", level);
}

static void a_drill_is_one_that_was_made_and_counts(void **state)
{
    (void)state;
    const char *event = "drill within 24h";
    assert_int_equal(look(event, SB_ENTRY_DRILL, NULL, drill("ended", 1, "compare", "L4"), NULL), SB_EVENT_PASSED);
    assert_int_equal(look(event, SB_ENTRY_DRILL, NULL, drill("ended", 0, "compare", "L3"), NULL), SB_EVENT_FAILED);
    assert_int_equal(look(event, SB_ENTRY_DRILL, NULL, drill("ended", 1, "compare", "L2"), NULL), SB_EVENT_NOT);
    assert_int_equal(look(event, SB_ENTRY_DRILL, NULL, drill("ended", 0, "guard", "L1"), NULL), SB_EVENT_NOT);
    assert_int_equal(look(event, SB_ENTRY_DRILL, NULL, drill("began", 1, "compare", "L4"), NULL), SB_EVENT_NOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_and_written),
        cmocka_unit_test(a_run_of_a_schedule_is_done_with_its_case),
        cmocka_unit_test(an_entry_of_its_kind_is_the_event),
        cmocka_unit_test(a_drill_is_one_that_was_made_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
