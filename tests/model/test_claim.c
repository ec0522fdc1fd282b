/* SPDX-License-Identifier: Apache-2.0
 *
 * What was predicted against what was measured: factors, tolerances, words. */
#include "test.h"

#include <signalbox/model/card.h>

#include <string.h>

static void factors_are_whole_numbers_at_every_size(void **state)
{
    (void)state;
    static const struct {
        int64_t predicted, measured, ratio;
    } rows[] = {
        {100, 100, 1000000}, {100, 125, 1250000}, {100, 80, 800000}, {3, 1, 333333}, {0, 0, 1000000}, {0, 4, 5000000}, {1, 0, 0},
        {1, INT64_MAX, INT64_MAX}, {INT64_MAX, INT64_MAX, 1000000}, {INT64_MAX, 1, 0}, {INT64_MIN, 5, 6000000}, {7, INT64_MIN, 0}, {0, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++)
        if (sb_claim_ratio(rows[i].predicted, rows[i].measured) != rows[i].ratio)
            fail_msg("%lld of %lld: %lld", (long long)rows[i].measured, (long long)rows[i].predicted, (long long)sb_claim_ratio(rows[i].predicted, rows[i].measured));
    assert_true(sb_claim_within(1200000, 1200000) && sb_claim_within(833333, 1200000) && !sb_claim_within(1200001, 1200000) && !sb_claim_within(833332, 1200000));
    assert_true(!sb_claim_within(0, 1500000) && !sb_claim_within(INT64_MAX, 1500000));
    assert_int_equal(sb_claim_tolerated("shape_docs_per_returned"), 1200000);
    assert_int_equal(sb_claim_tolerated("index_bytes"), 1250000);
    assert_int_equal(sb_claim_tolerated("index_keys_per_s_milli"), 1500000);
}

static void a_window_tells_each_claim_that_was_read(void **state)
{
    (void)state;
    static char docs[] = "shape_docs_per_returned", bytes[] = "index_bytes", uses[] = "index_uses", measured[] = "measured", estimated[] = "estimated", size[] = "size",
                examined[] = "examined", unit[] = "bytes";
    struct sb_criterion k[] = {
        {.metric = docs, .label = examined, .has_predicted = true, .predicted = 1, .badge = measured},
        {.metric = uses},
        {.metric = bytes, .label = size, .unit = unit, .has_predicted = true, .predicted = 1000, .badge = estimated},
        {.metric = docs, .has_predicted = true, .predicted = 5},
    };
    struct sb_watch_reading r[] = {{.measured = true, .value = 2}, {.measured = true, .value = 9}, {.measured = true, .value = 2000}, {.measured = false}};
    struct sb_watch w = {.criteria = k, .criteria_n = SB_COUNT(k)};
    struct sb_watch_report report = {0};
    struct sb_str s;
    sb_str_init(&s);
    assert_int_equal(sb_claims_take(&w, r, SB_COUNT(r), &report.claims, &report.claims_n), 0);
    assert_int_equal(report.claims_n, 2);
    assert_string_equal(sb_claim_word(&report.claims[0]), "broken"); /* it was not called an estimate */
    assert_string_equal(sb_claim_word(&report.claims[1]), "missed");
    sb_claims_text(report.claims, report.claims_n, &s);
    assert_string_equal(s.p, "0 of 2 predictions came true; examined: predicted 1, measured 2; size: estimated 1000 bytes, measured 2000");
    r[0].value = 1;
    assert_int_equal(sb_claims_take(&w, r, 1, &report.claims, &report.claims_n), 0); /* fewer readings than criteria: only those */
    assert_int_equal(report.claims_n, 1);
    assert_string_equal(sb_claim_word(&report.claims[0]), "kept");

    struct sb_err err = SB_ERR_INIT; /* as it goes on the record and comes back */
    json_t *json = sb_record_to_json(&sb_watch_report_schema, &report);
    struct sb_watch_report copy;
    sb_assert_ok(sb_record_from_json(&sb_watch_report_schema, &copy, json, &err), err);
    assert_true(sb_record_equal(&sb_watch_report_schema, &report, &copy));
    sb_record_release(&sb_watch_report_schema, &copy);
    sb_record_release(&sb_watch_report_schema, &report);
    json_decref(json);
    sb_str_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(factors_are_whole_numbers_at_every_size), cmocka_unit_test(a_window_tells_each_claim_that_was_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
