/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <signalbox/base/rng.h>
#include <signalbox/telemetry/baseline.h>
#include <signalbox/telemetry/history.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and MAD of the last values, by sorting: what the window has to agree with. */
static void slow_way(const double *v, size_t n, double *median, double *spread)
{
    double s[SB_BASELINE_WINDOW], d[SB_BASELINE_WINDOW];
    memcpy(s, v, n * sizeof *s);
    qsort(s, n, sizeof *s, compare);
    *median = n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
    for (size_t i = 0; i < n; i++)
        d[i] = fabs(s[i] - *median);
    qsort(d, n, sizeof *d, compare);
    *spread = 1.4826 * d[(n + 1) / 2 - 1];
}

static void window_agrees_with_sorting(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 3);
    struct sb_baseline *b = malloc(sizeof *b);
    assert_non_null(b);
    sb_baseline_init(b);
    double all[1000];
    for (size_t i = 0; i < SB_COUNT(all); i++) {
        all[i] = sb_rng_below(&rng, 3) ? floor(sb_rng_exponential(&rng, 50)) : 7; /* many ties */
        sb_baseline_add(b, all[i]);
        size_t n = i + 1 < SB_BASELINE_WINDOW ? i + 1 : SB_BASELINE_WINDOW;
        double median, spread;
        slow_way(&all[i + 1 - n], n, &median, &spread);
        assert_true(fabs(sb_baseline_median(b) - median) < 1e-9);
        if (n > 1)
            assert_true(fabs(sb_baseline_spread(b) - spread) < 1e-9);
    }
    assert_true(sb_baseline_quantile(b, 0) <= sb_baseline_quantile(b, 0.5));
    assert_true(sb_baseline_quantile(b, 0.5) <= sb_baseline_quantile(b, 1));
    free(b);
}

static void nonsense_is_ignored(void **state)
{
    (void)state;
    struct sb_baseline *b = malloc(sizeof *b);
    sb_baseline_init(b);
    sb_baseline_add(b, NAN);
    sb_baseline_add(b, INFINITY);
    sb_baseline_add(b, -1);
    assert_int_equal(b->n, 0);
    assert_true(sb_baseline_median(b) == 0 && sb_baseline_spread(b) == 0 && sb_baseline_quantile(b, 0.5) == 0);
    assert_false(sb_baseline_warm(b));
    free(b);
}

static void history_sums_windows(void **state)
{
    (void)state;
    struct sb_history *h = sb_history_new();
    struct sb_ns_work w;
    const int64_t start = 1000000;
    for (int64_t t = 0; t < 100; t++) {
        sb_history_add(h, "shop.orders", start + t * 1000, start + t * 1000 + 1000, &(struct sb_ns_work){.reads = 10, .read_us = 1000, .writes = 1, .write_us = 500, .covered_ms = 1000});
        sb_history_observed(h, start + t * 1000, start + t * 1000 + 1000);
    }
    assert_true(sb_history_window(h, "shop.orders", start, start + 200000, &w));
    assert_int_equal(w.reads, 1000);
    assert_int_equal(w.writes, 100);
    assert_int_equal(w.covered_ms, 100000);
    /* an interval counts where it ends, if it began in the window: the bucket in which the first one ends reaches back */
    assert_true(sb_history_window(h, "shop.orders", start + 50000, start + 75000, &w));
    assert_int_equal(w.reads, 200);
    assert_int_equal(w.covered_ms, 20000);
    assert_false(sb_history_window(h, "shop.carts", start + 50000, start + 75000, &w)); /* never used, but the time was observed */
    assert_int_equal(w.reads, 0);
    assert_int_equal(w.covered_ms, 20000);
    /* an hour later the coarse buckets tell them, once, and not added to the new ones */
    sb_history_add(h, "shop.orders", start + 3600000 + 49000, start + 3600000 + 50000, &(struct sb_ns_work){.reads = 3, .read_us = 3, .writes = 0, .write_us = 0, .covered_ms = 1000});
    sb_history_window(h, "shop.orders", start, start + 4000000, &w);
    assert_int_equal(w.reads, 1003);
    sb_history_free(h);
}

/* Windows of a half hour, of the hour in which a hidden index is watched, and of a day: what was observed is there, once, but for five
 * minutes at their beginning. */
static void history_reaches_back_a_day(void **state)
{
    (void)state;
    static const int64_t windows[] = {60, 1700, 1800, 1801, 1900, 2400, 3600, 7200, 86400};
    struct sb_history *h = sb_history_new();
    const int64_t hours = 27, start = 1795424401234;
    int64_t now = start;
    for (; now < start + hours * 3600000; now += 2000) {
        sb_history_add(h, "shop.orders", now, now + 2000, &(struct sb_ns_work){.reads = 1, .read_us = 10, .covered_ms = 2000});
        sb_history_observed(h, now, now + 2000);
    }
    for (size_t i = 0; i < SB_COUNT(windows); i++) {
        struct sb_ns_work w;
        int64_t least = windows[i] * 1000 - (windows[i] < 1700 ? 7000 : SB_HISTORY_COARSE_MS + 2000);
        sb_history_window(h, "shop.orders", now - windows[i] * 1000, now + 1, &w);
        if (w.covered_ms < least || w.covered_ms > windows[i] * 1000 || w.reads * 2000 != w.covered_ms || w.read_us != w.reads * 10)
            fail_msg("of %lld s %lld s and %lld reads", (long long)windows[i], (long long)w.covered_ms / 1000, (long long)w.reads);
    }
    sb_history_free(h);
}

/* A poll that came late: what was slow before the window opened is in its interval, and not in the window. */
static void history_keeps_the_past_out(void **state)
{
    (void)state;
    struct sb_history *h = sb_history_new();
    struct sb_ns_work w;
    const int64_t opened = 1000000;
    sb_history_add(h, "shop.orders", opened - 30000, opened + 7000, &(struct sb_ns_work){.reads = 100, .read_us = 30000000, .writes = 0, .write_us = 0, .covered_ms = 37000});
    sb_history_observed(h, opened - 30000, opened + 7000);
    assert_true(sb_history_window(h, "shop.orders", opened, opened + 60000, &w));
    assert_int_equal(w.reads, 0);
    assert_int_equal(w.covered_ms, 0);
    sb_history_add(h, "shop.orders", opened + 7000, opened + 22000, &(struct sb_ns_work){.reads = 50, .read_us = 5000, .writes = 0, .write_us = 0, .covered_ms = 15000});
    sb_history_observed(h, opened + 7000, opened + 22000);
    assert_true(sb_history_window(h, "shop.orders", opened, opened + 60000, &w));
    assert_int_equal(w.reads, 50);
    assert_int_equal(w.read_us, 5000);
    assert_int_equal(w.covered_ms, 15000);
    sb_history_free(h);
}

static void history_forgets_the_least_recent(void **state)
{
    (void)state;
    struct sb_history *h = sb_history_new();
    struct sb_ns_work w, one = {.reads = 1, .read_us = 1};
    char ns[32];
    for (int i = 0; i < SB_HISTORY_MAX_NS + 10; i++) {
        snprintf(ns, sizeof ns, "db.c%d", i);
        assert_int_equal(sb_history_add(h, ns, (int64_t)i * SB_HISTORY_BUCKET_MS, (int64_t)(i + 1) * SB_HISTORY_BUCKET_MS, &one), 0);
    }
    assert_int_equal(sb_history_forgotten(h), 10);
    assert_false(sb_history_window(h, "db.c3", 0, INT64_MAX, &w));
    assert_true(sb_history_window(h, "db.c500", 0, INT64_MAX, &w));
    sb_history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_agrees_with_sorting),
        cmocka_unit_test(nonsense_is_ignored),
        cmocka_unit_test(history_sums_windows),
        cmocka_unit_test(history_reaches_back_a_day),
        cmocka_unit_test(history_keeps_the_past_out),
        cmocka_unit_test(history_forgets_the_least_recent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
