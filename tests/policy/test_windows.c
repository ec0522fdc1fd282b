/* SPDX-License-Identifier: Apache-2.0
 *
 * Change windows and freezes: when they are open, what is frozen into an input, what a rule makes of them. */
#include "kit.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/rng.h>

#define NIGHT "'night':{'kind':'allow','tz':'Europe/Amsterdam','days':['mon','tue','wed','thu'],'start':'22:00','duration_min':360}"
#define YEAR_END "'year-end':{'kind':'deny','tz':'Europe/Amsterdam','from':'2026-12-18T00:00','to':'2027-01-04T08:00','overrun':'pause'}"
#define WINDOWS(w) "'windows':{" w "},"
#define WANTS(id, windows) ",{'id':'" id "','level':'hard','effect':'require','title':'t','match':{'v':{'eq':1}},'require':{'windows':[" windows "]}}"

/* name of the window, utc -> active, next ("" for never) */
static void state_is(const struct sb_policy *p, const char *name, const char *utc, bool active, const char *next)
{
    char in[120];
    snprintf(in, sizeof in, "{'v':1,'clock':{'utc':'%s'}}", utc);
    json_t *input = kit_input(p, in), *s = json_object_get(json_object_get(input, "calendar"), name);
    assert_non_null(s);
    const char *found = sb_json_str(s, "next");
    if (json_is_true(json_object_get(s, "active")) != active || !sb_streq(found ? found : "", next))
        fail_msg("%s at %s: %s until %s, expected %s until %s", name, utc, json_is_true(json_object_get(s, "active")) ? "active" : "not active", found ? found : "never",
                 active ? "active" : "not active", next[0] ? next : "never");
    json_decref(input);
}

static void a_night_opens_and_closes(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(WINDOWS(NIGHT "," YEAR_END), KIT_ALLOW);
    /* winter: UTC+1. 2026-11-24 is a Tuesday */
    state_is(p, "night", "2026-11-24T13:02:00Z", false, "2026-11-24T21:00:00.000Z");
    state_is(p, "night", "2026-11-24T20:59:59.999Z", false, "2026-11-24T21:00:00.000Z");
    state_is(p, "night", "2026-11-24T21:00:00Z", true, "2026-11-25T03:00:00.000Z");
    state_is(p, "night", "2026-11-25T02:59:59Z", true, "2026-11-25T03:00:00.000Z");
    state_is(p, "night", "2026-11-25T03:00:00Z", false, "2026-11-25T21:00:00.000Z");
    state_is(p, "night", "2026-11-27T12:00:00Z", false, "2026-11-30T21:00:00.000Z"); /* Friday: next is Monday */
    /* summer: UTC+2 */
    state_is(p, "night", "2026-07-07T20:00:00Z", true, "2026-07-08T02:00:00.000Z");
    state_is(p, "year-end", "2026-12-17T22:59:59Z", false, "2026-12-17T23:00:00.000Z");
    state_is(p, "year-end", "2026-12-17T23:00:00Z", true, "2027-01-04T07:00:00.000Z");
    state_is(p, "year-end", "2027-01-04T07:00:00Z", false, "");
    sb_policy_free(p);
}

static void the_clock_changes_within_a_window(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(WINDOWS("'gap':{'kind':'allow','tz':'Europe/Amsterdam','days':['sun'],'start':'02:22','duration_min':60},"
                                             "'twice':{'kind':'allow','tz':'Europe/Amsterdam','days':['sun'],'start':'02:30','duration_min':60},"
                                             "'long':{'kind':'allow','tz':'America/New_York','days':['sat'],'start':'22:00','duration_min':360},"
                                             "'south':{'kind':'allow','tz':'Australia/Lord_Howe','days':['sun'],'start':'02:10','duration_min':30}"), KIT_ALLOW);
    /* 02:22 does not exist on 2026-03-29: it is 03:22 CEST, 01:22 UTC */
    state_is(p, "gap", "2026-03-29T01:21:59Z", false, "2026-03-29T01:22:00.000Z");
    state_is(p, "gap", "2026-03-29T01:22:00Z", true, "2026-03-29T02:22:00.000Z");
    /* 02:30 comes twice on 2026-10-25: the first is 00:30 UTC, and the window is an hour long, not two */
    state_is(p, "twice", "2026-10-25T00:30:00Z", true, "2026-10-25T01:30:00.000Z");
    state_is(p, "twice", "2026-10-25T01:30:00Z", false, "2026-11-01T01:30:00.000Z");
    /* six hours are six hours in the night that has 25 */
    state_is(p, "long", "2026-11-01T02:00:00Z", true, "2026-11-01T08:00:00.000Z");
    state_is(p, "long", "2026-11-01T07:59:59Z", true, "2026-11-01T08:00:00.000Z");
    /* half an hour is skipped at 2026-10-04 02:00: 02:10 is 02:40 there, 15:40 UTC the day before */
    state_is(p, "south", "2026-10-03T15:40:00Z", true, "2026-10-03T16:10:00.000Z");
    sb_policy_free(p);
}

static void bounds_exceptions_and_windows_that_join(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(WINDOWS("'bounded':{'kind':'allow','tz':'UTC','days':['mon','tue'],'start':'10:00','duration_min':600,'from':'2027-03-01','to':'2027-03-09T12:00','except':['2027-03-02']},"
                                             "'always':{'kind':'allow','tz':'UTC','days':['mon','tue','wed','thu','fri','sat','sun'],'start':'00:00','duration_min':1440},"
                                             "'weekend':{'kind':'allow','tz':'UTC','days':['sat','sun'],'start':'00:00','duration_min':1440},"
                                             "'week':{'kind':'allow','tz':'UTC','days':['mon'],'start':'06:00','duration_min':10080}"), KIT_ALLOW);
    state_is(p, "bounded", "2026-11-24T00:00:00Z", false, "2027-03-01T10:00:00.000Z");
    state_is(p, "bounded", "2027-03-01T12:00:00Z", true, "2027-03-01T20:00:00.000Z");
    state_is(p, "bounded", "2027-03-02T12:00:00Z", false, "2027-03-08T10:00:00.000Z"); /* the exception */
    state_is(p, "bounded", "2027-03-09T11:00:00Z", true, "2027-03-09T12:00:00.000Z"); /* cut by the end */
    state_is(p, "bounded", "2027-03-09T12:00:00Z", false, "");
    state_is(p, "always", "2026-11-24T12:00:00Z", true, "");
    state_is(p, "weekend", "2026-11-28T12:00:00Z", true, "2026-11-30T00:00:00.000Z"); /* Saturday and Sunday are one */
    state_is(p, "week", "2026-11-24T12:00:00Z", true, "");
    sb_policy_free(p);
}

/* At 10,000 seeded instants in eight zones: the state is that of every minute's definition written another way, by walking
 * the local clock. */
static void states_agree_with_a_walk_over_the_local_clock(void **state)
{
    (void)state;
    static const char *const zones[] = {"Europe/Amsterdam", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago", "Pacific/Apia", "Africa/Casablanca", "UTC"};
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    struct sb_rng rng;
    sb_rng_seed(&rng, 11);
    for (int round = 0; round < 100; round++) {
        const char *tz = zones[round % 8];
        unsigned days = 1 + (unsigned)sb_rng_below(&rng, 127);
        int start = (int)sb_rng_below(&rng, 1440), minutes = 1 + (int)sb_rng_below(&rng, 3000);
        char list[80] = "", section[300];
        for (int d = 0; d < 7; d++)
            if (days & 1u << d)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s'%s'", list[0] ? "," : "", names[d]);
        snprintf(section, sizeof section, "'windows':{'w':{'kind':'allow','tz':'%s','days':[%s],'start':'%02d:%02d','duration_min':%d}},", tz, list, start / 60, start % 60, minutes);
        struct sb_policy *p = kit_bundle(section, KIT_ALLOW);
        struct sb_str bytes;
        sb_str_init(&bytes);
        assert_int_equal(sb_zones_of_system.read(NULL, tz, &bytes, NULL), 0);
        struct sb_zone *z = sb_zone_parse(tz, bytes.p, bytes.len, NULL);
        sb_str_release(&bytes);
        for (int i = 0; i < 100; i++) {
            int64_t utc = 1500000000 + (int64_t)sb_rng_below(&rng, 1200000000);
            bool open = false;
            for (int64_t t = utc - minutes * 60 - 3 * 3600, last = t; t <= utc && !open; last = t, t += 60 - (t + sb_zone_offset(z, t)) % 60) {
                /* t goes over the starts of minutes as the clock shows them: did it show the window's start, or jump over it? */
                int64_t shown = t + sb_zone_offset(z, t), before = last + sb_zone_offset(z, last);
                for (int64_t day = shown / 86400 - 1; day <= shown / 86400; day++) {
                    int64_t begin = day * 86400 + start * 60, from = shown == begin ? t : last + (begin - before);
                    bool jumped = before < begin && shown > begin, first = shown == begin && sb_zone_utc(z, begin) == t;
                    open |= (days & 1u << sb_weekday(day)) && (jumped || first) && from <= utc && utc < from + minutes * 60;
                }
            }
            char at[SB_TIME_LEN + 1], in[100];
            sb_time_format(at, utc * 1000);
            snprintf(in, sizeof in, "{'v':1,'clock':{'utc':'%s'}}", at);
            json_t *input = kit_input(p, in), *s = json_object_get(json_object_get(input, "calendar"), "w");
            if (json_is_true(json_object_get(s, "active")) != open)
                fail_msg("%s at %s (%s): %s", section, at, tz, open ? "should be open" : "should be closed");
            json_decref(input);
        }
        sb_zone_free(z);
        sb_policy_free(p);
    }
}

static void rules_wait_for_windows_right_before_a_step_only(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    struct sb_policy *p = kit_bundle(WINDOWS(NIGHT "," YEAR_END), KIT_ALLOW WANTS("W", "'night','year-end'"));
    kit_decide(p, "{'v':1,'stage':'gate','clock':{'utc':'2026-11-24T13:02:00Z'}}", SB_ALLOW, NULL);
    kit_decide(p, "{'v':1,'stage':'approve','clock':{'utc':'2026-11-24T13:02:00Z'}}", SB_ALLOW, NULL);
    kit_decide(p, "{'v':1,'stage':'execute','clock':{'utc':'2026-11-24T21:00:00Z'}}", SB_ALLOW, NULL);
    kit_decide(p, "{'v':1,'stage':'execute','clock':{'utc':'2026-11-24T13:02:00Z'}}", SB_REQUIRE, &v);
    assert_int_equal(v.waits_for_n, 1);
    assert_string_equal(v.waits_for[0], "night");
    assert_int_equal(v.waits_until, sb_days_of_date(2026, 11, 24) * 86400000 + 21 * 3600000);
    assert_int_equal(v.would_flip_n, 1);
    assert_string_equal(v.would_flip[0], "wait until the window night opens on Tue 2026-11-24 22:00 (Europe/Amsterdam)");
    assert_int_equal(v.requires.windows_n, 2);
    sb_policy_verdict_release(&v);
    /* the freeze: in the night too */
    kit_decide(p, "{'v':1,'stage':'execute','clock':{'utc':'2026-12-21T22:00:00Z'}}", SB_REQUIRE, &v);
    assert_int_equal(v.waits_for_n, 1);
    assert_string_equal(v.would_flip[0], "wait until the freeze year-end ends on Mon 2027-01-04 08:00 (Europe/Amsterdam)");
    sb_policy_verdict_release(&v);
    /* without a clock it cannot be known: deny in prod, ask in staging */
    kit_decide(p, "{'v':1,'stage':'execute'}", SB_DENY, &v);
    assert_string_equal(v.would_flip[0], "measure calendar.night.active, calendar.year-end.active: rule W cannot be decided without them");
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'stage':'execute','target':{'env':'staging'}}", SB_REQUIRE, &v);
    assert_int_equal(v.requires.approvals, 1);
    assert_int_equal(v.waits_for_n, 0);
    sb_policy_verdict_release(&v);
    /* waiting alone would not help: an approval is missing too */
    sb_policy_free(p);
    p = kit_bundle(WINDOWS(NIGHT), KIT_ALLOW WANTS("W", "'night'") ",{'id':'P','level':'hard','effect':'require','title':'t','match':{'v':{'eq':1}},'require':{'approvals':1}}");
    kit_decide(p, "{'v':1,'stage':'execute','clock':{'utc':'2026-11-24T13:02:00Z'}}", SB_REQUIRE, &v);
    assert_int_equal(v.waits_for_n, 0);
    assert_int_equal(v.would_flip_n, 2);
    sb_policy_verdict_release(&v);
    sb_policy_free(p);
}

static void what_has_begun_goes_on_as_far_as_its_window_says(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle(WINDOWS("'s':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60},"
                                             "'p':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60,'overrun':'finish_plan'},"
                                             "'h':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60,'overrun':'pause'}"),
                                     KIT_ALLOW ",{'id':'S','level':'hard','effect':'require','title':'t','match':{'a':{'eq':1}},'require':{'windows':['s']}}"
                                     ",{'id':'P','level':'hard','effect':'require','title':'t','match':{'a':{'eq':2}},'require':{'windows':['p']}}"
                                     ",{'id':'H','level':'hard','effect':'require','title':'t','match':{'a':{'eq':3}},'require':{'windows':['h']}}");
#define AT(a, plan) "{'v':1,'stage':'execute','a':" #a ",'clock':{'utc':'2026-11-24T13:00:00Z'},'target':{'env':'prod'},'plan':{" plan "}}"
    kit_decide(p, AT(1, "'started':true"), SB_REQUIRE, NULL);
    kit_decide(p, AT(1, "'started':true,'in_step':true"), SB_ALLOW, NULL);
    kit_decide(p, AT(2, "'started':false"), SB_REQUIRE, NULL);
    kit_decide(p, AT(2, "'started':true"), SB_ALLOW, NULL);
    kit_decide(p, AT(3, "'started':true,'in_step':true"), SB_REQUIRE, NULL);
    sb_policy_free(p);
}

static void a_frozen_state_decides_whatever_the_clock_or_the_data_say(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy_verdict now, later;
    char *text = kit_text(WINDOWS(NIGHT), KIT_ALLOW WANTS("W", "'night'"));
    struct sb_policy *p = kit_bundle(WINDOWS(NIGHT), KIT_ALLOW WANTS("W", "'night'")), *bare = sb_policy_load(text, strlen(text), "t", NULL, &err);
    assert_non_null(bare);
    json_t *input = kit_input(p, "{'v':1,'stage':'execute','clock':{'utc':'2026-11-24T22:00:00Z'}}");
    const json_t *s = json_object_get(json_object_get(input, "calendar"), "night");
    assert_int_equal(strlen(sb_json_str(s, "tzdata")), 64);
    assert_int_equal(strlen(sb_json_str(s, "definition")), 64);
    assert_string_equal(sb_json_str(s, "next_local"), "Wed 2026-11-25 04:00");
    sb_assert_ok(sb_policy_evaluate(p, input, &now, &err), err);
    /* frozen again at another time: it stays, also where there is no data of time zones at all */
    json_object_set_new(json_object_get(input, "clock"), "utc", json_string("2026-11-24T13:00:00Z"));
    sb_assert_ok(sb_policy_freeze(p, input, &err), err);
    sb_assert_ok(sb_policy_freeze(bare, input, &err), err);
    sb_assert_ok(sb_policy_evaluate(bare, input, &later, &err), err);
    assert_int_equal(now.decision, SB_ALLOW);
    assert_true(sb_record_equal(&sb_policy_verdict_schema, &now, &later));
    /* a state of another definition does not */
    json_object_set_new(json_object_get(json_object_get(input, "calendar"), "night"), "definition", json_string("0"));
    sb_assert_ok(sb_policy_freeze(p, input, &err), err);
    assert_true(json_is_false(json_object_get(json_object_get(json_object_get(input, "calendar"), "night"), "active")));
    sb_policy_verdict_release(&now);
    sb_policy_verdict_release(&later);
    json_decref(input);
    sb_policy_free(p);
    sb_policy_free(bare);
    free(text);
}

static void windows_that_are_none_are_refused(void **state)
{
    (void)state;
#define BAD(w, says) kit_refused(WINDOWS("'w':{" w "}"), KIT_ALLOW, says)
#define GOOD "'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60"
    BAD("'kind':'allow','tz':'Mars/Olympus','days':['mon'],'start':'01:00','duration_min':60", "no data of the time zone Mars/Olympus");
    BAD("'kind':'allow','tz':'../../etc/passwd','days':['mon'],'start':'01:00','duration_min':60", "no name of a time zone");
    BAD("'kind':'maybe','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60", "allow or deny");
    BAD("'kind':'allow','tz':'UTC','days':['monday'],'start':'01:00','duration_min':60", "days must be");
    BAD("'kind':'allow','tz':'UTC','days':[],'start':'01:00','duration_min':60", "days must be");
    BAD("'kind':'allow','tz':'UTC','days':['mon'],'start':'24:00','duration_min':60", "start is a local time");
    BAD("'kind':'allow','tz':'UTC','days':['mon'],'start':'1:00','duration_min':60", "start is a local time");
    BAD("'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':0", "from 1 to 10080");
    BAD("'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':10081", "from 1 to 10080");
    BAD("'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00'", "from 1 to 10080");
    BAD("'kind':'allow','tz':'UTC'", "or else from and to");
    BAD("'kind':'allow','tz':'UTC','from':'2026-01-01'", "or else from and to");
    BAD("'kind':'allow','tz':'UTC','from':'2026-02-30','to':'2026-03-02'", "from and to are local times");
    BAD("'kind':'allow','tz':'UTC','from':'2026-03-02','to':'2026-03-02'", "ends before it begins");
    BAD(GOOD ",'except':['someday']", "a list of days");
    BAD(GOOD ",'overrun':'never'", "overrun must be");
    BAD(GOOD ",'extra':1", "unknown key");
    BAD("'tz':'UTC','days':['mon'],'start':'01:00','duration_min':60", "missing key \"kind\"");
    kit_refused(WINDOWS("'a.b':{" GOOD "}"), KIT_ALLOW, "a name has");
    kit_refused("'windows':[],", KIT_ALLOW, "must be an object");
    kit_refused("", KIT_ALLOW WANTS("W", "'nowhere'"), "there is no window \"nowhere\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_opens_and_closes),
        cmocka_unit_test(the_clock_changes_within_a_window),
        cmocka_unit_test(bounds_exceptions_and_windows_that_join),
        cmocka_unit_test(states_agree_with_a_walk_over_the_local_clock),
        cmocka_unit_test(rules_wait_for_windows_right_before_a_step_only),
        cmocka_unit_test(what_has_begun_goes_on_as_far_as_its_window_says),
        cmocka_unit_test(a_frozen_state_decides_whatever_the_clock_or_the_data_say),
        cmocka_unit_test(windows_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
