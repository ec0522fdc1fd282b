/* SPDX-License-Identifier: Apache-2.0
 *
 * The streaming detector on made-up series: what must alarm, what must not, and that nothing looks ahead.
 *
 * How good it is on real ones is tests/e2e/detect.sh's to say. */
#include "test.h"

#include <math.h>
#include <signalbox/base/rng.h>
#include <signalbox/telemetry/rarity.h>
#include <signalbox/telemetry/streaming.h>
#include <string.h>

#define ROWS 4000
#define AT 3000 /* where something happens */
#define STEP_MS (5 * 60 * 1000)
#define SEEDS 5

typedef double (*series_fn)(struct sb_rng *rng, int i);

static double normal(struct sb_rng *rng)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (double)sb_rng_below(rng, 1000000) / 1e6;
    return sum - 6;
}

static double noise(struct sb_rng *rng, int i)
{
    (void)i;
    return 100 + normal(rng);
}

static double daily(struct sb_rng *rng, int i)
{
    return 100 + 40 * sin(i * 2 * M_PI / 288) + normal(rng);
}

static double constant(struct sb_rng *rng, int i)
{
    (void)rng;
    (void)i;
    return 7;
}

/* A spike in a hundred values, as ever. */
static double spiky(struct sb_rng *rng, int i)
{
    return noise(rng, i) + (sb_rng_below(rng, 100) == 0 ? 60 + 10 * normal(rng) : 0);
}

/* Many small values and a long tail. */
static double heavy(struct sb_rng *rng, int i)
{
    (void)i;
    return exp(normal(rng));
}

static double walk(struct sb_rng *rng, int i)
{
    static double at;
    at = (i ? at : 0) + normal(rng);
    return at;
}

static double shifted(struct sb_rng *rng, int i)
{
    return noise(rng, i) + (i >= AT ? 12 : 0);
}

static double spike(struct sb_rng *rng, int i)
{
    return noise(rng, i) + (i == AT ? 30 : 0);
}

static double slope(struct sb_rng *rng, int i)
{
    return noise(rng, i) + (i >= AT ? (i - AT) * 0.5 : 0);
}

static double frozen(struct sb_rng *rng, int i)
{
    double x = noise(rng, i);
    return i >= AT ? 100 : x;
}

static double moved_once(struct sb_rng *rng, int i)
{
    return constant(rng, i) + (i >= AT ? 1 : 0);
}

/* A night where there should be a day: every value has been seen before, at another hour. */
static double no_day(struct sb_rng *rng, int i)
{
    double x = daily(rng, i);
    return i >= AT && i < AT + 144 ? 60 + x - (100 + 40 * sin(i * 2 * M_PI / 288)) : x;
}

static double denser(struct sb_rng *rng, int i)
{
    double x = spiky(rng, i);
    return x + (i >= AT && i < AT + 200 && sb_rng_below(rng, 4) == 0 ? 60 : 0);
}

/* 50 a step or so, set back to 0 once. */
static double counter_with_reset(struct sb_rng *rng, int i)
{
    static double total;
    total = i == 0 || i == AT ? 0 : total + 50 + 5 * normal(rng);
    return total;
}

static double counter_that_hurries(struct sb_rng *rng, int i)
{
    static double total;
    total = i == 0 ? 0 : total + (i >= AT ? 150 : 50) + 5 * normal(rng);
    return total;
}

/* Alarms among the values [from, to) of a series. */
static int alarms(series_fn series, uint64_t seed, int from, int to)
{
    struct sb_rng rng;
    struct sb_streaming *s = sb_streaming_new();
    int n = 0;
    assert_non_null(s);
    sb_rng_seed(&rng, seed);
    for (int i = 0; i < ROWS; i++) {
        struct sb_oddity o = sb_streaming_take(s, (int64_t)i * STEP_MS, series(&rng, i), false);
        assert_true(o.score >= 0 && o.score <= 1);
        n += o.score >= SB_STREAMING_ALARM && i >= from && i < to;
    }
    sb_streaming_free(s);
    return n;
}

/* Found in every seed, soon, and as one thing: not once a row. */
static void must_alarm(const char *what, series_fn series, int within)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int n = alarms(series, seed, AT, AT + within);
        if (n < 1 || n > 8)
            fail_msg("%s, seed %d: %d alarms within %d values", what, (int)seed, n, within);
    }
}

static void what_happens_is_found(void **state)
{
    (void)state;
    must_alarm("a level shift", shifted, 30);
    must_alarm("a spike", spike, 1);
    must_alarm("a trend", slope, 100);
    must_alarm("a drop-out to a constant", frozen, 150);
    must_alarm("a constant that moves once", moved_once, 1);
    must_alarm("a day that does not come", no_day, 100);
    must_alarm("spikes more often than ever", denser, 200);
    must_alarm("a counter that runs three times as fast", counter_that_hurries, 30);
}

/* A constant is never an alarm. In noise one is due now and then: measured over all seeds 6, 1, 21, 25 and 7. */
static void what_is_usual_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        series_fn series;
        int most;
    } calm[] = {{"a constant", constant, 0}, {"noise", noise, 9}, {"a daily wave", daily, 4}, {"spikes as ever", spiky, 27}, {"a heavy tail", heavy, 32}, {"a random walk", walk, 11}};
    for (size_t i = 0; i < SB_COUNT(calm); i++) {
        int n = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            n += alarms(calm[i].series, seed, 0, ROWS);
        print_message("%s: %d alarms in %d values\n", calm[i].name, n, ROWS * SEEDS);
        if (n > calm[i].most)
            fail_msg("%s: %d alarms, %d are the most", calm[i].name, n, calm[i].most);
    }
}

/* The shape finds a missing day as well; that it is the hour which is wrong only the season can say. */
static void the_season_is_heard(void **state)
{
    (void)state;
    struct sb_rng rng;
    struct sb_streaming *s = sb_streaming_new();
    int heard = 0;
    sb_rng_seed(&rng, 1);
    for (int i = 0; i < AT + 100; i++) {
        struct sb_oddity o = sb_streaming_take(s, (int64_t)i * STEP_MS, no_day(&rng, i), false);
        heard += i >= AT && o.loudest == SB_JUDGE_SEASON && o.score > 0.3;
    }
    assert_true(heard >= 5);
    sb_streaming_free(s);
}

static void a_reset_is_no_alarm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_int_equal(alarms(counter_with_reset, seed, AT, AT + 3), 0);
}

static void warm_up_is_silent(void **state)
{
    (void)state;
    struct sb_streaming *s = sb_streaming_new();
    for (int i = 0; i < SB_STREAMING_WARMUP; i++)
        assert_true(sb_streaming_take(s, (int64_t)i * STEP_MS, i % 50 == 49 ? 1e6 : 1, false).score == 0);
    sb_streaming_free(s);
}

static void training_is_silent_and_learns(void **state)
{
    (void)state;
    struct sb_rng rng;
    struct sb_streaming *s = sb_streaming_new();
    sb_rng_seed(&rng, 4);
    for (int i = 0; i < ROWS; i++)
        assert_true(sb_streaming_take(s, (int64_t)i * STEP_MS, spike(&rng, i), true).score == 0);
    assert_true(sb_streaming_take(s, (int64_t)ROWS * STEP_MS, 160, false).score >= SB_STREAMING_ALARM);
    sb_streaming_free(s);
}

/* The score of a value does not depend on what comes after it, nor on the unit. */
static void nothing_looks_ahead_and_the_unit_is_free(void **state)
{
    (void)state;
    struct sb_rng rng;
    struct sb_streaming *a = sb_streaming_new(), *b = sb_streaming_new();
    static double x[ROWS];
    sb_rng_seed(&rng, 9);
    for (int i = 0; i < ROWS; i++)
        x[i] = shifted(&rng, i);
    for (int i = 0; i < ROWS; i++) {
        double one = sb_streaming_take(a, (int64_t)i * STEP_MS, x[i], false).score;
        double same = sb_streaming_take(b, (int64_t)i * STEP_MS, x[i] * 1024, false).score; /* 2^10: no rounding */
        assert_true(fabs(one - same) < 1e-6);
    }
    sb_streaming_free(a);
    sb_streaming_free(b);
}

/* Whatever comes: a score in its range, and the next value is judged as ever. */
static void extreme_values_are_survived(void **state)
{
    (void)state;
    static const double odd[] = {1.7e308, -1.7e308, 5e-324, 0, -0.0, 1e15, NAN, INFINITY, -INFINITY};
    struct sb_rng rng;
    struct sb_streaming *s = sb_streaming_new();
    sb_rng_seed(&rng, 2);
    for (int i = 0; i < ROWS; i++) {
        int64_t at = i % 7 == 0 ? -(int64_t)i * STEP_MS : i % 11 == 0 ? INT64_C(90000000000000000) : (int64_t)i * STEP_MS;
        double x = sb_rng_below(&rng, 5) ? normal(&rng) : odd[sb_rng_below(&rng, SB_COUNT(odd))];
        double score = sb_streaming_take(s, at, x, false).score;
        assert_true(score >= 0 && score <= 1);
    }
    sb_streaming_free(s);
}

static void rarity_ranks(void **state)
{
    (void)state;
    struct sb_rarity *r = malloc(sizeof *r);
    sb_rarity_init(r);
    assert_true(sb_rarity_of(r, 1) == 0); /* nothing is known */
    for (int i = 0; i < 1000; i++)
        sb_rarity_add(r, 0);
    assert_true(sb_rarity_of(r, 0) == 0);
    assert_true(sb_rarity_of(r, 1e-9) > 3); /* the first that ever was */
    for (int i = 0; i < 1000; i++)
        sb_rarity_add(r, 1 + i % 100);
    assert_true(sb_rarity_of(r, 50) < 0.7);
    assert_true(sb_rarity_of(r, 99) > 1.5);
    double last = 0;
    for (double x = 1; x < 1e6; x *= 1.3) {
        double now = sb_rarity_of(r, x);
        assert_true(now >= last - 1e-6 && now <= SB_RARITY_MOST);
        last = now;
    }
    for (int i = 0; i < 60000; i++) /* what is long past is forgotten */
        sb_rarity_add(r, 1e-3);
    assert_true(sb_rarity_of(r, 50) > 3);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rarity_ranks),
        cmocka_unit_test(what_happens_is_found),
        cmocka_unit_test(what_is_usual_is_left_alone),
        cmocka_unit_test(the_season_is_heard),
        cmocka_unit_test(a_reset_is_no_alarm),
        cmocka_unit_test(warm_up_is_silent),
        cmocka_unit_test(training_is_silent_and_learns),
        cmocka_unit_test(nothing_looks_ahead_and_the_unit_is_free),
        cmocka_unit_test(extreme_values_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
