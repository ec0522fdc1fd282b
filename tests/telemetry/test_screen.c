/* SPDX-License-Identifier: Apache-2.0
 *
 * Very many series behind a cheap look: what happens in a few of them is found with few full detectors, and what the header
 * promises of memory, counters, missing values and too many suspects at once holds. */
#include "test.h"

#include <math.h>
#include <signalbox/base/rng.h>
#include <signalbox/telemetry/screen.h>

#define SERIES 4000
#define SEATS 40
#define AT 300 /* where something happens */
#define ROUNDS 360

static double normal(struct sb_rng *rng)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += sb_rng_unit(rng);
    return sum;
}

static struct sb_screen *screen_of(size_t series, size_t seats)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_screen *s = sb_screen_new(series, seats, &err);
    assert_non_null(s);
    return s;
}

static double take(struct sb_screen *s, size_t series, int second, double value)
{
    int rc;
    struct sb_oddity o = sb_screen_take(s, series, INT64_C(1795424400000) + second * INT64_C(1000), value, false, &rc);
    assert_int_equal(rc, 0);
    assert_true(o.score >= 0 && o.score <= 1);
    return o.score;
}

/* Each series is of one of four kinds; every `odd`th steps up at AT. Returns how many were alarmed from then on. */
static size_t run(struct sb_screen *s, size_t odd, bool alarmed[SERIES])
{
    static double sum[SERIES];
    struct sb_rng rng;
    size_t n = 0;
    sb_rng_seed(&rng, 7);
    for (size_t i = 0; i < SERIES; i++)
        sum[i] = alarmed[i] = false;
    for (int t = 0; t < ROUNDS; t++)
        for (size_t i = 0; i < SERIES; i++) {
            double noise = normal(&rng) + (odd && i % odd == 0 && t >= AT ? 8 : 0);
            sum[i] += 1000 + 100 * noise;
            double value = i % 4 == 0 ? 50 + 3 * noise : i % 4 == 1 ? 1e9 + 50 * noise : i % 4 == 2 ? sum[i] : exp(noise);
            double score = take(s, i, t, value);
            if (t >= AT && score >= SB_STREAMING_ALARM && !alarmed[i]) {
                alarmed[i] = true;
                n++;
            }
        }
    return n;
}

static void test_what_happens_in_a_few_of_many_is_found(void **state)
{
    (void)state;
    static bool alarmed[SERIES];
    struct sb_screen *s = screen_of(SERIES, SEATS);
    size_t n = run(s, 401, alarmed), found = 0;
    for (size_t i = 0; i < SERIES; i += 401)
        found += alarmed[i];
    print_message("%zu of 10 found, %zu others in %d values; %zu full detectors\n", found, n - found, SERIES * (ROUNDS - AT), sb_screen_watched(s));
    assert_true(found >= 9);
    assert_true(n - found <= SERIES * (ROUNDS - AT) / 1500); /* no louder than a full detector each would be */
    assert_true(sb_screen_watched(s) <= SEATS);
    sb_screen_free(s);
}

static void test_too_many_at_once_are_counted(void **state)
{
    (void)state;
    static bool alarmed[SERIES];
    struct sb_screen *s = screen_of(SERIES, SEATS);
    size_t n = run(s, 1, alarmed);
    assert_true(n >= SEATS / 2);
    assert_true(sb_screen_passed_over(s) >= SERIES / 2);
    assert_int_equal(sb_screen_watched(s), SEATS);
    sb_screen_free(s);
}

/* As many series as detectors: the same scores as without a screen. */
/* One after the other a series leaps; whoever is suspect next gets the detector that is done with. */
static void test_a_detector_that_is_done_with_goes_on_to_the_next(void **state)
{
    struct sb_screen *s = screen_of(100, 50);
    struct sb_rng rng;
    size_t alarms = 0;
    (void)state;
    sb_rng_seed(&rng, 3);
    for (int t = 0; t < 1100; t++)
        for (size_t i = 0; i < 100; i++) {
            bool leaps = t >= 300 && t % 40 == 0 && i == (size_t)(t / 40);
            alarms += take(s, i, t, sb_rng_unit(&rng) + (leaps ? 100 : 0)) >= SB_STREAMING_ALARM && leaps;
        }
    assert_int_equal(alarms, 20);
    assert_in_range(sb_screen_watched(s), 1, 5);
    sb_screen_free(s);
}

static void test_few_have_one_each(void **state)
{
    (void)state;
    struct sb_screen *s = screen_of(3, 3);
    struct sb_streaming *alone = sb_streaming_new();
    struct sb_rng rng;
    assert_non_null(alone);
    sb_rng_seed(&rng, 3);
    for (int t = 0; t < 1000; t++) {
        double value = 10 + normal(&rng) + (t > 800 ? 9 : 0);
        double score = sb_streaming_take(alone, INT64_C(1795424400000) + t * INT64_C(1000), value, false).score;
        assert_true(take(s, 0, t, 1) <= 1);
        assert_true(take(s, 1, t, value) == score);
        assert_true(take(s, 2, t, NAN) == 0);
    }
    sb_streaming_free(alone);
    sb_screen_free(s);
}

/* A counter that is reset, a value that is missing, infinite or enormous, a series that only stands: nothing is alarmed. */
static void test_what_is_nothing(void **state)
{
    (void)state;
    struct sb_screen *s = screen_of(500, 5);
    struct sb_rng rng;
    double sum = 0;
    sb_rng_seed(&rng, 11);
    for (int t = 0; t < 1000; t++) {
        sum = t == 700 ? 0 : sum + 100 + 5 * normal(&rng);
        assert_true(take(s, 0, t, sum) < SB_STREAMING_ALARM);
        assert_true(take(s, 1, t, t % 50 == 0 ? NAN : t % 50 == 1 ? INFINITY : 5) < SB_STREAMING_ALARM);
        assert_true(take(s, 2, t, 7) < SB_STREAMING_ALARM);
        take(s, 3, t, t % 2 ? 1e300 : -1e300); /* whatever it says, it ends */
        for (size_t i = 4; i < 500; i++)
            take(s, i, t, 3);
    }
    sb_screen_free(s);
}

static void test_the_budget(void **state)
{
    (void)state;
    size_t bytes = sb_screen_bytes(300000, SB_SCREEN_DETECTORS);
    print_message("300,000 series: %zu bytes at most\n", bytes);
    assert_true(bytes < 495000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_happens_in_a_few_of_many_is_found),
        cmocka_unit_test(test_too_many_at_once_are_counted),
        cmocka_unit_test(test_a_detector_that_is_done_with_goes_on_to_the_next), cmocka_unit_test(test_few_have_one_each),
        cmocka_unit_test(test_what_is_nothing),
        cmocka_unit_test(test_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
