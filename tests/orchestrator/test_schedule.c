/* SPDX-License-Identifier: Apache-2.0
 *
 * When something is due: lines of the config, planned times across daylight changes, clocks that jump, downtime and restarts,
 * and the list of due times. Pure: no orchestrator, no server. */
#include "test.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/rng.h>
#include <signalbox/orchestrator/schedule.h>

#include <inttypes.h>
#include <string.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static int64_t utc(const char *text)
{
    int64_t ms;
    assert_int_equal(sb_time_parse(text, strlen(text), &ms), 0);
    return ms;
}

static int read_text(struct sb_schedule *s, const char *line, struct sb_err *err)
{
    const char *words[32];
    size_t n = 0;
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word; (word = strsep(&rest, " ")) && n < SB_COUNT(words);)
        words[n++] = word;
    return sb_schedule_read(s, words, n, &sb_zones_of_system, err);
}

static struct sb_schedule schedule(const char *line)
{
    struct sb_schedule s;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(read_text(&s, line, &err), err);
    return s;
}

static void is_time(int64_t found, const char *expected)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, found);
    if (found != utc(expected))
        fail_msg("%s, expected %s", text, expected);
}

/* ---- lines ---- */

static void lines_are_read(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("nightly at 02:30 fri mon zone Europe/Berlin run shop.orders is slow");
    char local[64];
    assert_string_equal(s.name, "nightly");
    assert_string_equal(s.when, "at 02:30 mon fri zone Europe/Berlin");
    assert_string_equal(s.request, "shop.orders is slow");
    sb_schedule_local(&s, utc("2026-11-27T01:30:00Z"), local, sizeof local);
    assert_string_equal(local, "Fri 2026-11-27 02:30 (Europe/Berlin)");
    sb_schedule_release(&s);
    s = schedule("h every 6h run status");
    assert_string_equal(s.when, "every 6h");
    assert_int_equal(s.every_s, 6 * 3600);
    sb_schedule_local(&s, 0, local, sizeof local);
    assert_string_equal(local, "Thu 1970-01-01 00:00 (UTC)");
    sb_schedule_release(&s);
    s = schedule("x at 00:00 run status");
    assert_string_equal(s.when, "at 00:00 zone UTC");
    sb_schedule_release(&s);
}

static void wrong_lines_are_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } wrong[] = {
        {"", "must be"}, {"a", "must be"}, {"a each 1h run x", "must be"}, {"a every", "must be"}, {"A every 1h run x", "a schedule's name has"},
        {"a/b every 1h run x", "a schedule's name has"}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa every 1h run x", "a schedule's name has"},
        {"a every 59s run x", "every is followed"}, {"a every 0m run x", "every is followed"}, {"a every 367d run x", "every is followed"},
        {"a every 1hh run x", "every is followed"}, {"a every -1h run x", "every is followed"}, {"a every 99999999d run x", "every is followed"},
        {"a at 24:00 run x", "at is followed"}, {"a at 2:00 run x", "at is followed"}, {"a at 02:60 run x", "at is followed"}, {"a at 02:00x run x", "at is followed"},
        {"a at 02:00 someday run x", "\"someday\" is not understood"}, {"a at 02:00 zone run x", "run"}, {"a at 02:00 zone Mars/Base run x", "Mars/Base"},
        {"a at 02:00 zone ../../etc/passwd run x", "no name of a time zone"}, {"a every 1h", "run and the request are missing"}, {"a every 1h walk x", "\"walk\" is not"},
        {"a every 1h run", "behind run stands"}, {"a every 1h run  ", "behind run stands"},
    };
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        struct sb_schedule s;
        struct sb_err err = SB_ERR_INIT;
        if (read_text(&s, wrong[i].line, &err) == 0 || !strstr(err.msg, wrong[i].words))
            fail_msg("\"%s\": \"%s\", expected \"%s\"", wrong[i].line, err.msg, wrong[i].words);
        assert_null(s.name);
    }
}

/* ---- planned times ---- */

static void every_counts_from_the_epoch(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a every 6h run x");
    int64_t others;
    is_time(sb_schedule_next(&s, utc("2026-11-26T05:59:59.999Z")), "2026-11-26T06:00:00Z");
    is_time(sb_schedule_next(&s, utc("2026-11-26T06:00:00Z")), "2026-11-26T12:00:00Z");
    is_time(sb_schedule_newest(&s, utc("2026-11-26T06:00:00Z"), utc("2026-11-27T06:00:00Z"), &others), "2026-11-27T06:00:00Z");
    assert_int_equal(others, 3);
    assert_int_equal(sb_schedule_newest(&s, utc("2026-11-26T06:00:00Z"), utc("2026-11-26T11:59:59Z"), &others), 0);
    assert_int_equal(sb_schedule_newest(&s, utc("2026-11-26T06:00:00Z"), utc("2026-11-26T03:00:00Z"), &others), 0);
    sb_schedule_release(&s);
}

/* In 2026 Berlin's clock skips 02:00-03:00 on 29 March and shows 02:00-03:00 twice on 25 October. */
static void a_daylight_change_neither_skips_nor_doubles(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a at 02:30 zone Europe/Berlin run x");
    int64_t others;
    is_time(sb_schedule_next(&s, utc("2026-03-27T12:00:00Z")), "2026-03-28T01:30:00Z");
    is_time(sb_schedule_next(&s, utc("2026-03-28T01:30:00Z")), "2026-03-29T01:30:00Z"); /* shown as 03:30 */
    is_time(sb_schedule_next(&s, utc("2026-03-29T01:30:00Z")), "2026-03-30T00:30:00Z");
    is_time(sb_schedule_next(&s, utc("2026-10-24T12:00:00Z")), "2026-10-25T00:30:00Z"); /* the first 02:30 */
    is_time(sb_schedule_next(&s, utc("2026-10-25T00:30:00Z")), "2026-10-26T01:30:00Z"); /* not the second, an hour later */
    assert_int_equal(sb_schedule_newest(&s, utc("2026-10-25T00:30:00Z"), utc("2026-10-25T02:00:00Z"), &others), 0);
    is_time(sb_schedule_newest(&s, utc("2026-10-23T12:00:00Z"), utc("2026-10-27T12:00:00Z"), &others), "2026-10-27T01:30:00Z");
    assert_int_equal(others, 3);
    sb_schedule_release(&s);
}

static void days_are_those_of_the_zone(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a at 00:30 mon zone Pacific/Auckland run x");
    is_time(sb_schedule_next(&s, utc("2026-11-26T00:00:00Z")), "2026-11-29T11:30:00Z"); /* there it is Monday the 30th */
    sb_schedule_release(&s);
}

/* Whatever the line and the moment: next is what newest finds, and nothing lies in between. */
static void next_and_newest_agree(void **state)
{
    (void)state;
    static const char *const lines[] = {"a at 02:30 zone Europe/Berlin run x", "a at 23:59 tue sat zone America/St_Johns run x", "a at 00:00 run x", "a every 7m run x",
                                        "a at 02:00 sun zone Australia/Lord_Howe run x"};
    struct sb_rng rng;
    sb_rng_seed(&rng, 26);
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        struct sb_schedule s = schedule(lines[i]);
        for (int k = 0; k < 3000; k++) {
            int64_t from = utc("2025-01-01T00:00:00Z") + (int64_t)sb_rng_below(&rng, 1000) * DAY + (int64_t)sb_rng_below(&rng, (uint32_t)DAY), others;
            int64_t next = sb_schedule_next(&s, from);
            assert_true(next > from && next % 1000 == 0);
            assert_int_equal(sb_schedule_newest(&s, from, next - 1, &others), 0);
            assert_int_equal(sb_schedule_newest(&s, from, next, &others), next);
            assert_int_equal(others, 0);
            int64_t second = sb_schedule_next(&s, next), newest = sb_schedule_newest(&s, from, second, &others);
            assert_true(newest == second && others == 1);
        }
        sb_schedule_release(&s);
    }
}

/* ---- what is to be run ---- */

static int64_t due(const struct sb_schedule *s, const struct sb_ran *r, const char *now, int64_t *missed)
{
    return sb_schedule_due(s, r, utc(now), missed);
}

static void add(struct sb_ran *r, int64_t planned)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_ran_add(r, planned, &err), err);
}

static void a_missed_run_is_caught_up_once(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a at 02:00 zone Europe/Berlin run x");
    struct sb_ran r = {.since = utc("2026-11-20T12:00:00Z")};
    int64_t missed = -1;
    assert_int_equal(due(&s, &r, "2026-11-20T12:00:00Z", &missed), 0);
    is_time(due(&s, &r, "2026-11-21T01:00:00Z", &missed), "2026-11-21T01:00:00Z");
    assert_int_equal(missed, 0);
    add(&r, utc("2026-11-21T01:00:00Z"));
    /* three days of downtime: the newest of three, once */
    is_time(due(&s, &r, "2026-11-24T09:00:00Z", &missed), "2026-11-24T01:00:00Z");
    assert_int_equal(missed, 2);
    add(&r, utc("2026-11-24T01:00:00Z"));
    assert_int_equal(due(&s, &r, "2026-11-24T09:00:00Z", &missed), 0);
    is_time(sb_schedule_wake(&s, &r, utc("2026-11-24T09:00:00Z")), "2026-11-25T01:00:00Z");
    /* another owner, which has the same from the record */
    struct sb_ran again = {.since = r.since};
    for (size_t i = r.at_n; i-- > 0;) /* in whatever order */
        add(&again, r.at[i]);
    add(&again, r.at[0]); /* and twice */
    assert_int_equal(again.at_n, 2);
    assert_int_equal(due(&s, &again, "2026-11-24T09:00:01Z", &missed), 0);
    sb_ran_release(&r);
    sb_ran_release(&again);
    sb_schedule_release(&s);
}

static void a_clock_that_is_set_back_repeats_nothing(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a every 1h run x");
    struct sb_ran r = {.since = utc("2026-11-26T00:30:00Z")};
    int64_t missed;
    add(&r, utc("2026-11-26T01:00:00Z"));
    add(&r, utc("2026-11-26T02:00:00Z"));
    /* 02:10 becomes 01:10: two o'clock comes again, and has been run */
    assert_int_equal(due(&s, &r, "2026-11-26T01:10:00Z", &missed), 0);
    is_time(sb_schedule_wake(&s, &r, utc("2026-11-26T01:10:00Z")), "2026-11-26T03:00:00Z");
    assert_int_equal(due(&s, &r, "2026-11-26T02:00:00Z", &missed), 0);
    is_time(due(&s, &r, "2026-11-26T03:00:00Z", &missed), "2026-11-26T03:00:00Z");
    assert_int_equal(missed, 0);
    sb_ran_release(&r);
    sb_schedule_release(&s);
}

static void a_clock_that_was_a_year_ahead_stops_nothing(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a at 02:00 run x");
    struct sb_ran r = {.since = utc("2026-11-01T00:00:00Z")};
    int64_t missed;
    add(&r, utc("2026-11-25T02:00:00Z"));
    add(&r, utc("2027-11-25T02:00:00Z")); /* while it was wrong */
    is_time(sb_schedule_wake(&s, &r, utc("2026-11-25T10:00:00Z")), "2026-11-26T02:00:00Z");
    is_time(due(&s, &r, "2026-11-26T02:00:00Z", &missed), "2026-11-26T02:00:00Z");
    assert_int_equal(missed, 0);
    sb_ran_release(&r);
    /* and one that came into being while it was */
    r = (struct sb_ran){.since = utc("2027-11-01T00:00:00Z")};
    sb_ran_set_back(&r, utc("2026-11-25T10:00:00Z"));
    is_time(sb_schedule_wake(&s, &r, utc("2026-11-25T10:00:00Z")), "2026-11-26T02:00:00Z");
    sb_schedule_release(&s);
}

static void what_is_not_kept_any_more_is_not_run(void **state)
{
    (void)state;
    struct sb_schedule s = schedule("a every 1m run x");
    struct sb_ran r = {.since = 0};
    int64_t missed, first = utc("2026-11-26T00:00:00Z");
    for (int64_t i = 0; i < SB_RAN_MAX + 10; i++)
        add(&r, first + i * 60000);
    assert_int_equal(r.at_n, SB_RAN_MAX);
    assert_int_equal(sb_schedule_due(&s, &r, first + 5 * 60000, &missed), 0);
    assert_int_equal(r.since, first + 9 * 60000);
    sb_ran_release(&r);
    sb_schedule_release(&s);
}

static void jumps_are_told_from_drift(void **state)
{
    (void)state;
    assert_int_equal(sb_clock_jump(1000000, 5000, 1001000, 6000), 0);
    assert_int_equal(sb_clock_jump(1000000, 5000, 1001900, 6000), 0);
    assert_int_equal(sb_clock_jump(1000000, 5000, 1001000 + HOUR, 6000), HOUR);
    assert_int_equal(sb_clock_jump(1000000, 5000, 1001000 - HOUR, 6000), -HOUR);
    assert_int_equal(sb_clock_jump(1000000, 5000, 1000000 + DAY, 5000 + DAY), 0); /* a closed lid */
}

/* ---- the list ---- */

static void takes(struct sb_due_list *l, int64_t now, const char *expected)
{
    char *id = sb_due_take(l, now);
    if (expected)
        assert_string_equal(id, expected);
    else
        assert_null(id);
    free(id);
}

static void put(struct sb_due_list *l, const char *id, int64_t at)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_due_set(l, id, at, &err), err);
}

static void the_list_is_kept_in_order(void **state)
{
    (void)state;
    struct sb_due_list l = {.item_n = 0};
    assert_true(sb_due_next(&l) == SB_SCHEDULE_NEVER);
    takes(&l, SB_SCHEDULE_NEVER, NULL);
    put(&l, "c", 30);
    put(&l, "a", 10);
    put(&l, "b", 20);
    put(&l, "b2", 20);
    put(&l, "c", 15); /* moved, not doubled */
    put(&l, "gone", 1);
    sb_due_drop(&l, "gone");
    sb_due_drop(&l, "never there");
    assert_int_equal(sb_due_next(&l), 10);
    takes(&l, 9, NULL);
    takes(&l, 10, "a");
    takes(&l, 100, "c");
    takes(&l, 100, "b");
    takes(&l, 100, "b2");
    takes(&l, 100, NULL);
    char id[8];
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "%d", i);
        put(&l, id, (i * 37) % 100);
    }
    for (int64_t last = -1; l.item_n;) {
        assert_true(sb_due_next(&l) >= last);
        last = sb_due_next(&l);
        free(sb_due_take(&l, last));
    }
    sb_due_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read), cmocka_unit_test(wrong_lines_are_refused_in_words), cmocka_unit_test(every_counts_from_the_epoch),
        cmocka_unit_test(a_daylight_change_neither_skips_nor_doubles), cmocka_unit_test(days_are_those_of_the_zone), cmocka_unit_test(next_and_newest_agree),
        cmocka_unit_test(a_missed_run_is_caught_up_once), cmocka_unit_test(a_clock_that_is_set_back_repeats_nothing),
        cmocka_unit_test(a_clock_that_was_a_year_ahead_stops_nothing), cmocka_unit_test(what_is_not_kept_any_more_is_not_run), cmocka_unit_test(jumps_are_told_from_drift),
        cmocka_unit_test(the_list_is_kept_in_order),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
