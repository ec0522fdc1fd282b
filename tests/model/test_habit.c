/* SPDX-License-Identifier: Apache-2.0
 *
 * A nightly job is learned from the record: after three nights it is quiet, and speaks as soon as it is not what it was. */
#include "test.h"

#include <signalbox/model/habit.h>

#define MIN_MS INT64_C(60000)
#define DAY_MS (INT64_C(1440) * MIN_MS)
#define NIGHT INT64_C(1767578400000) /* 02:00 */

static struct sb_anomaly one(const char *id, int64_t from, int64_t minutes, int class_, int severity, const char *metric)
{
    struct sb_anomaly a = {.from = from, .to = minutes ? from + minutes * MIN_MS : 0, .class_ = class_, .severity = severity};
    struct sb_signal *g = SB_PUSH(a.signals);
    assert_true(g && sb_str_set(&a.id, id) == 0 && sb_str_set(&g->metric, metric) == 0 && sb_strs_push(&a.namespaces, &a.namespaces_n, "shop.import") == 0);
    return a;
}

static void learn(struct sb_habits *h, int64_t from, int64_t minutes, int class_, int severity)
{
    char id[16];
    snprintf(id, sizeof id, "A-%06d", (int)h->past_n + 1);
    struct sb_anomaly a = one(id, from, minutes, class_, severity, "ns.writes_per_s");
    assert_int_equal(sb_habits_learn(h, &a), 0);
    sb_anomaly_release(&a);
}

static char *hush(const struct sb_habits *h, int64_t from, int64_t lasts_min, int class_, int severity, const char *metric)
{
    struct sb_anomaly a = one("A-000099", from, 0, class_, severity, metric);
    char *said = sb_habits_hush(h, &a, from + lasts_min * MIN_MS, -1);
    sb_anomaly_release(&a);
    return said;
}

static void nights(struct sb_habits *h, int n)
{
    for (int i = 0; i < n; i++)
        learn(h, NIGHT + i * DAY_MS + (i % 2 ? 7 : -7) * MIN_MS, 10 + i, i % 2 ? SB_CLASS_LOAD : SB_CLASS_MAINTENANCE, SB_MEDIUM);
}

static void after_three_nights_it_is_quiet(void **state)
{
    (void)state;
    for (int n = 0; n < 5; n++) {
        struct sb_habits h = {0};
        nights(&h, n);
        char *said = hush(&h, NIGHT + n * DAY_MS, 1, SB_CLASS_UNKNOWN, SB_MEDIUM, "ns.writes_per_s");
        assert_int_equal(said != NULL, n >= 3);
        if (n == 3)
            assert_string_equal(said, "usual at this hour, on 3 of the last 7 days: A-000003, A-000002, A-000001; over by itself within 13 min");
        free(said);
        sb_habits_release(&h);
    }
}

static void it_speaks_when_it_is_not_what_it_was(void **state)
{
    (void)state;
    struct sb_habits h = {0};
    nights(&h, 4);
    static const struct {
        int64_t from, lasts_min;
        int class_, severity;
        const char *metric;
        bool quiet;
    } cases[] = {
        {NIGHT + 4 * DAY_MS, 19, SB_CLASS_MAINTENANCE, SB_LOW, "ns.writes_per_s", true},
        {NIGHT + 4 * DAY_MS, 20, SB_CLASS_MAINTENANCE, SB_LOW, "ns.writes_per_s", false},          /* half as long again as 13 min */
        {NIGHT + 4 * DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_HIGH, "ns.writes_per_s", false},          /* worse */
        {NIGHT + 4 * DAY_MS, 1, SB_CLASS_CODE, SB_MEDIUM, "ns.writes_per_s", false},               /* no job */
        {NIGHT + 4 * DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "ns.reads_per_s", false},         /* something else */
        {NIGHT + 4 * DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "member.rollback", false},
        {NIGHT + 4 * DAY_MS + 40 * MIN_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "ns.writes_per_s", false}, /* at another hour */
        {NIGHT + 7 * DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "ns.writes_per_s", true},
        {NIGHT + 9 * DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "ns.writes_per_s", false}, /* it had stopped coming */
        {NIGHT - DAY_MS, 1, SB_CLASS_MAINTENANCE, SB_MEDIUM, "ns.writes_per_s", false},     /* the clock went back */
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char *said = hush(&h, cases[i].from, cases[i].lasts_min, cases[i].class_, cases[i].severity, cases[i].metric);
        if ((said != NULL) != cases[i].quiet)
            fail_msg("case %d is %s", (int)i, said ? said : "announced");
        free(said);
    }
    sb_habits_release(&h);
}

static void what_is_no_job_is_not_learned(void **state)
{
    (void)state;
    struct sb_habits h = {0};
    for (int i = 0; i < 5; i++) {
        learn(&h, NIGHT + i * DAY_MS, 10, SB_CLASS_CODE, SB_HIGH);
        learn(&h, NIGHT + i * DAY_MS, 10, SB_CLASS_INFRASTRUCTURE, SB_HIGH);
        learn(&h, NIGHT + i * DAY_MS, 0, SB_CLASS_MAINTENANCE, SB_HIGH);   /* it goes on */
        learn(&h, NIGHT + i * DAY_MS, 180, SB_CLASS_MAINTENANCE, SB_HIGH); /* for three hours */
    }
    assert_int_equal(h.past_n, 0);
    for (int i = 0; i < SB_HABITS_MOST + 50; i++)
        learn(&h, NIGHT + i * MIN_MS, 10, SB_CLASS_MAINTENANCE, SB_LOW);
    assert_int_equal(h.past_n, SB_HABITS_MOST);
    assert_true(h.past[49].from > h.past[50].from); /* the oldest gave way */
    sb_habits_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(after_three_nights_it_is_quiet), cmocka_unit_test(it_speaks_when_it_is_not_what_it_was),
                                       cmocka_unit_test(what_is_no_job_is_not_learned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
