/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done by the wall clock, in a real orchestrator whose clock the test moves: recurring requests across downtime and a
 * clock that is set, and cards that wait for their window. */
#include "lab.h"

#include <signalbox/base/hook.h>

#include <stdatomic.h>

#define HOUR INT64_C(3600000)

/* The clock belongs to the orchestrator's thread: it is moved there, at each tick and right before policy is asked. */
static struct sb_origin *clock_of;
static atomic_int_least64_t held_at; /* wall; 0: the clock runs on */

void sb_hook(const char *point)
{
    int64_t at = atomic_load(&held_at);
    if (at && (strcmp(point, "schedule.tick") == 0 || strcmp(point, "execute.prechecked") == 0))
        clock_of->start_wall_ms += at - sb_origin_wall_ms(clock_of);
}

static int64_t utc(const char *text)
{
    int64_t ms;
    assert_int_equal(sb_time_parse(text, strlen(text), &ms), 0);
    return ms;
}

static struct sb_schedule nightly(const char *request)
{
    const char *words[] = {"nightly", "at", "02:00", "zone", "Europe/Berlin", "run", request};
    struct sb_schedule s;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_schedule_read(&s, words, SB_COUNT(words), &sb_zones_of_system, &err), err);
    return s;
}

/* ---- the runs on the record ---- */

struct runs {
    size_t n;
    char planned[16][SB_TIME_LEN + 1];
    int64_t missed[16], answered;
    char by[64];
};

static int take_run(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct runs *r = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind == SB_ENTRY_CASE_CLOSE && strstr(sb_json_str(e->body, "outcome"), "PRIMARY"))
        r->answered++;
    if (e->kind != SB_ENTRY_REQUEST || !sb_json_str(e->body, "planned") || r->n == SB_COUNT(r->planned))
        return 0;
    r->missed[r->n] = sb_json_int(e->body, "missed");
    snprintf(r->by, sizeof r->by, "%s", e->actor.principal);
    snprintf(r->planned[r->n++], sizeof r->planned[0], "%s", sb_json_str(e->body, "planned"));
    return 0;
}

static struct runs runs_of(struct lab *l)
{
    struct runs r = {0};
    lab_each_entry(l, take_run, &r);
    return r;
}

static void until_runs(struct lab *l, size_t n)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (runs_of(l).n < n)
        lab_wait(l, until);
    assert_int_equal(runs_of(l).n, n);
}

static void until_entries(struct lab *l, int kind, const char *event, int64_t n)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (lab_entries(l, kind, event) < n)
        lab_wait(l, until);
}

/* By now what was due would have been run: the deployment has been sampled often enough, and ticks have gone by. */
static void until_settled(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS, enough = l->samples + 8 > 12 ? l->samples + 8 : 12;
    while (l->samples < enough)
        lab_wait(l, until);
}

static void again(struct lab *l, const struct lab_options *o)
{
    lab_start(l, o);
    until_settled(l);
}

static void set_clock(struct lab *l, int64_t wall, int64_t jumps)
{
    atomic_store(&held_at, wall);
    until_entries(l, SB_ENTRY_CLOCK, NULL, jumps);
    atomic_store(&held_at, 0);
}

static void downtime_and_clocks(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct sb_schedule s = nightly("what is the state of the cluster?");
    struct lab_options o = {.environment = SB_ENV_STAGING, .wall = utc("2026-11-20T12:00:00Z"), .schedules = &s, .schedules_n = 1};
    lab_open(&l, &o);
    until_entries(&l, SB_ENTRY_SCHEDULE, "began", 1);
    until_settled(&l);
    assert_int_equal(runs_of(&l).n, 0); /* what was planned before it came into being is not missed */
    lab_stop(&l);

    o.wall = utc("2026-11-24T09:00:00Z"); /* four nights later: the newest, once */
    o.read_only = true;
    again(&l, &o);
    assert_int_equal(runs_of(&l).n, 0);
    lab_stop(&l);
    o.read_only = false;
    lab_start(&l, &o);
    lab_until_notice(&l, "is caught up as K-");
    until_settled(&l);
    lab_stop(&l);
    struct runs r = runs_of(&l);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.planned[0], "2026-11-24T01:00:00.000Z");
    assert_int_equal(r.missed[0], 3);
    assert_int_equal(r.answered, 1);
    assert_string_equal(r.by, "schedule:nightly");

    for (int i = 0; i < 2; i++) { /* two restarts in a row */
        o.wall += HOUR;
        again(&l, &o);
        assert_int_equal(runs_of(&l).n, 1);
        if (i == 0)
            lab_stop(&l);
    }
    assert_int_equal(lab_entries(&l, SB_ENTRY_SCHEDULE, NULL), 1);
    set_clock(&l, utc("2026-11-25T02:10:00Z"), 1); /* forward over the next one */
    until_runs(&l, 2);
    set_clock(&l, utc("2026-11-25T00:30:00Z"), 2); /* back before it: it comes again, and has been run */
    lab_until_notice(&l, "what has run already is not run again");
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "what is the state of the cluster?")), 0);
    if (!strstr(l.answer, "schedule nightly (at 02:00 zone Europe/Berlin)") || !strstr(l.answer, "next on Thu 2026-11-26 02:00 (Europe/Berlin), last as K-"))
        fail_msg("%s", l.answer);
    set_clock(&l, utc("2026-11-25T03:00:00Z"), 3);
    until_settled(&l);
    lab_stop(&l);
    r = runs_of(&l);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.planned[1], "2026-11-25T01:00:00.000Z");
    assert_int_equal(r.missed[1], 0);

    /* it leaves the config and comes back: nothing is caught up from in between */
    struct sb_schedule other = nightly("status");
    free(other.name);
    other.name = sb_format("other");
    o.wall = utc("2026-11-26T09:00:00Z");
    o.schedules = &other;
    again(&l, &o);
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_SCHEDULE, "ended"), 1);
    o.wall = utc("2026-11-28T09:00:00Z");
    o.schedules = &s;
    again(&l, &o);
    lab_close(&l);
    assert_int_equal(runs_of(&l).n, 2);
    assert_int_equal(lab_entries(&l, SB_ENTRY_SCHEDULE, "began"), 3);
    sb_schedule_release(&s);
    sb_schedule_release(&other);
}

/* A specialist is asked, and the card that comes of it is a rule's, for persons to approve. A run that comes to nothing is over. */
static void a_run_is_a_request_like_any(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct sb_schedule s[] = {nightly(LAB_REQUEST), nightly("shop.nowhere is slow")};
    free(s[1].name);
    s[1].name = sb_format("failing");
    struct lab_options o = {.environment = SB_ENV_STAGING, .wall = utc("2026-11-20T12:00:00Z"), .schedules = s, .schedules_n = 2};
    lab_open(&l, &o);
    until_entries(&l, SB_ENTRY_SCHEDULE, "began", 2);
    until_settled(&l);
    set_clock(&l, utc("2026-11-21T02:00:00Z"), 1);
    lab_until_state(&l, SB_AWAITING_APPROVAL);
    assert_string_equal(l.card.requested_by, "schedule:nightly");
    lab_until_notice(&l, "schedule:failing");
    until_settled(&l);
    assert_int_equal(runs_of(&l).n, 2);
    lab_close(&l);
    sb_schedule_release(&s[0]);
    sb_schedule_release(&s[1]);
}

struct report_told {
    int n;
    char path[512];
    char sha256[SB_HEX_LEN + 1];
};

static int take_report(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct report_told *r = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind != SB_ENTRY_REPORT)
        return 0;
    r->n++;
    snprintf(r->path, sizeof r->path, "%s", sb_json_str(e->body, "path"));
    snprintf(r->sha256, sizeof r->sha256, "%s", sb_json_str(e->body, "sha256"));
    return 0;
}

/* Each morning once, whatever the clock does and however long nobody ran: as a file, whose hash is on the record. */
static void a_report_each_morning(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct sb_schedule s = nightly("morning report");
    struct lab_options o = {.environment = SB_ENV_STAGING, .wall = utc("2026-11-20T12:00:00Z"), .schedules = &s, .schedules_n = 1};
    lab_open(&l, &o);
    until_entries(&l, SB_ENTRY_SCHEDULE, "began", 1);
    set_clock(&l, utc("2026-11-21T02:00:00Z"), 1);
    until_entries(&l, SB_ENTRY_REPORT, NULL, 1);
    set_clock(&l, utc("2026-11-21T00:30:00Z"), 2);
    set_clock(&l, utc("2026-11-21T03:00:00Z"), 3);
    lab_stop(&l);
    o.wall = utc("2026-11-24T09:00:00Z"); /* three mornings later: the newest, once */
    lab_start(&l, &o);
    until_entries(&l, SB_ENTRY_REPORT, NULL, 2);
    lab_close(&l);

    struct report_told told = {0};
    struct sb_str text;
    struct sb_hash hash;
    struct sb_err err = SB_ERR_INIT;
    char hex[SB_HEX_LEN + 1];
    lab_each_entry(&l, take_report, &told);
    sb_str_init(&text);
    assert_int_equal(told.n, 2);
    assert_non_null(strstr(told.path, "/reports/2026-11-24-09"));
    sb_assert_ok(sb_file_read(told.path, 100000, &text, &err), err);
    sb_assert_ok(sb_hash_slices(&hash, &(struct sb_slice){text.p, text.len}, 1, &err), err);
    sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    assert_string_equal(hex, told.sha256);
    assert_non_null(strstr(text.p, "# lab (SIMULATED): from 2026-11-23T09:00Z to 2026-11-24T09:00Z"));
    assert_non_null(strstr(text.p, "## What could be brought back"));
    sb_str_release(&text);
    sb_schedule_release(&s);
}

/* ---- windows ---- */

/* Builds wait for the quiet hours, 20:00 to 05:00 in Berlin. */
static struct lab_options in_the_quiet_hours(const char *wall)
{
    return (struct lab_options){
        .environment = SB_ENV_STAGING, .wall = utc(wall), .policy_old = {"\"tz\": \"UTC\"", "\"rules\": ["},
        .policy_new = {"\"tz\": \"Europe/Berlin\"",
                       "\"rules\": [{\"id\": \"WIN-9\", \"level\": \"soft\", \"effect\": \"require\", \"title\": \"In the quiet hours\", \"match\": {\"action.kind\": "
                       "{\"eq\": \"index.create\"}}, \"require\": {\"windows\": [\"quiet\"]}, \"owner\": \"dba\"},"}};
}

static void until_note(struct lab *l, const char *words)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->card.note || !strstr(l->card.note, words))
        lab_wait(l, until);
}

static void a_window_opens(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct lab_options o = in_the_quiet_hours("2026-11-26T18:00:00Z");
    o.approve_within_s = o.execute_within_s = 40 * 3600;
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_SCHEDULED);
    assert_string_equal(l.card.note, "it waits for the window quiet, until Thu 2026-11-26 20:00 (Europe/Berlin)");
    assert_string_equal(l.card.policy.waits_until_local, "Thu 2026-11-26 20:00 (Europe/Berlin)");
    assert_int_equal(l.card.policy.waits_until, utc("2026-11-26T19:00:00Z"));
    atomic_store(&held_at, utc("2026-11-27T03:59:59Z")); /* open for one more second, which a build does not fit into */
    until_note(&l, "it would take about 1 s, and the window quiet closes on Fri 2026-11-27 05:00 (Europe/Berlin)");
    assert_int_equal(l.card.state, SB_SCHEDULED);
    atomic_store(&held_at, utc("2026-11-27T18:59:58Z")); /* the next evening */
    until_note(&l, "it waits for the window quiet, until Fri 2026-11-27 20:00 (Europe/Berlin)");
    atomic_store(&held_at, 0); /* from here on the clock runs into it by itself */
    lab_until_state(&l, SB_WATCHING);
    assert_true(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "start"), 1);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
}

/* Nothing is carried out before 20:00. */
static struct lab_options during_the_fair(int64_t execute_within_s)
{
    return (struct lab_options){
        .environment = SB_ENV_STAGING, .wall = utc("2026-11-26T12:00:00Z"), .execute_within_s = execute_within_s, .policy_old = {"\"windows\": {", "\"rules\": ["},
        .policy_new = {"\"windows\": {\"fair\": {\"kind\": \"deny\", \"tz\": \"Europe/Berlin\", \"from\": \"2026-11-26T08:00\", \"to\": \"2026-11-26T20:00\"},",
                       "\"rules\": [{\"id\": \"FRZ-9\", \"level\": \"soft\", \"effect\": \"deny\", \"title\": \"During the fair\", \"match\": {\"stage\": "
                       "{\"eq\": \"execute\"}}, \"when\": {\"calendar.fair.active\": {\"eq\": true}}, \"message\": \"until {calendar.fair.next_local}\", \"owner\": \"dba\"},"}};
}

static void a_freeze_ends(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct lab_options o = during_the_fair(40 * 3600);
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_SCHEDULED);
    assert_string_equal(l.card.note, "policy denies it: until Thu 2026-11-26 20:00");
    set_clock(&l, utc("2026-11-26T18:59:56Z"), 1);
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "start"), 1);
}

static void a_freeze_that_ends_too_late(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct lab_options o = during_the_fair(3600);
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_SCHEDULED);
    until_note(&l, "policy denies it: until Thu 2026-11-26 20:00; it expires before that, at 2026-11-26T13:00Z");
    lab_close(&l);
}

static void a_window_that_opens_too_late(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct lab_options o = in_the_quiet_hours("2026-11-26T12:00:00Z");
    o.execute_within_s = 3600;
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_SCHEDULED);
    until_note(&l, "until Thu 2026-11-26 20:00 (Europe/Berlin); it expires before that, at 2026-11-26T13:00Z");
    set_clock(&l, utc("2026-11-26T13:01:00Z"), 1);
    lab_until_state(&l, SB_EXPIRED);
    until_note(&l, "it was not started in time: it waits for the window quiet");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

/* A clock that goes back while nobody runs gives nobody more time, and stops nothing that recurs. */
static void set_back_between_two_owners(void **state)
{
    (void)state;
    struct lab l;
    clock_of = &l.origin;
    struct sb_schedule s = nightly("status");
    struct lab_options o = {.environment = SB_ENV_STAGING, .wall = utc("2099-11-20T12:00:00Z"), .schedules = &s, .schedules_n = 1, .approve_within_s = 15};
    lab_open(&l, &o);
    until_entries(&l, SB_ENTRY_SCHEDULE, "began", 1);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    lab_stop(&l);
    o.wall = 0; /* the machine's own, many years before */
    lab_start(&l, &o);
    until_entries(&l, SB_ENTRY_CLOCK, NULL, 1);
    until_entries(&l, SB_ENTRY_SCHEDULE, "began", 2);
    lab_until_state(&l, SB_EXPIRED); /* seconds, not years */
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_CLOCK, NULL), 1);
    sb_schedule_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(downtime_and_clocks),
        cmocka_unit_test(a_run_is_a_request_like_any),
        cmocka_unit_test(a_report_each_morning),
        cmocka_unit_test(a_window_opens),
        cmocka_unit_test(a_freeze_ends),
        cmocka_unit_test(a_freeze_that_ends_too_late),
        cmocka_unit_test(a_window_that_opens_too_late),
        cmocka_unit_test(set_back_between_two_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
