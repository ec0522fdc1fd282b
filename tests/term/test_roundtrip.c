/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/term/keys.h>
#include <signalbox/term/roundtrip.h>

/* Three questions that take so long; the median, or -1 where none is known. */
static int64_t ask(const int64_t took[SB_ROUNDTRIPS], int answered)
{
    struct sb_roundtrip r = {.n = 0};
    int64_t now = 1000, median = -1;
    for (int i = 0; i < SB_ROUNDTRIPS; i++) {
        assert_true(sb_roundtrip_due(&r));
        sb_roundtrip_asked(&r, now);
        assert_false(sb_roundtrip_due(&r));
        if (i == answered)
            return median;
        now += took[i];
        bool known = sb_roundtrip_answered(&r, now, &median);
        assert_int_equal(known, i == SB_ROUNDTRIPS - 1);
        assert_false(sb_roundtrip_answered(&r, now, &median)); /* to no question */
    }
    assert_false(sb_roundtrip_due(&r));
    return median;
}

static void the_median_of_three_counts(void **state)
{
    (void)state;
    assert_int_equal(ask((const int64_t[]){900, 20, 30}, 9), 30);
    assert_int_equal(ask((const int64_t[]){10, 5000, 300}, 9), 300);
    assert_int_equal(ask((const int64_t[]){-5, 1, 2}, 9), 1);
    assert_int_equal(ask((const int64_t[]){900, 900, 900}, 0), -1);
    assert_int_equal(ask((const int64_t[]){900, 900, 900}, 2), -1);
}

static void waiting_has_a_bound(void **state)
{
    (void)state;
    struct sb_roundtrip r = {.n = 0};
    int64_t median;
    assert_int_equal(sb_roundtrip_left_ms(&r, 5), 0);
    sb_roundtrip_asked(&r, 1000);
    assert_int_equal(sb_roundtrip_left_ms(&r, 1100), SB_ROUNDTRIP_WAIT_MS - 100);
    assert_int_equal(sb_roundtrip_left_ms(&r, 1000 + SB_ROUNDTRIP_WAIT_MS), 0);
    assert_int_equal(sb_roundtrip_left_ms(&r, 900), 0);
    r.over = true; /* nobody wants to know: what comes is no measurement, and is waited for no more */
    assert_false(sb_roundtrip_answered(&r, 1200, &median));
    assert_int_equal(sb_roundtrip_left_ms(&r, 1201), 0);
    assert_false(sb_roundtrip_due(&r));
}

static void count(void *ctx, const struct sb_key *key)
{
    (void)key;
    ++*(size_t *)ctx;
}

/* Byte by byte, with a pause behind each that no key would survive, an answer is one answer and no key. */
static void an_answer_is_never_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint64_t answers;
    } rows[] = {{"\x1B[?62;22c", 1}, {"\x1B[?6c", 1}, {"\x1B[?1;2c\x1B[?1;2c", 2}, {"\x1B[?c", 0}, {"\x1B[?62;x", 0}, {"\x1B[>0;95;0c", 0}, {"\x1B[?62;22R", 0}};
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_input in;
        size_t keys = 0;
        sb_input_init(&in, count, &keys);
        for (const char *p = rows[i].bytes; *p; p++) {
            sb_input_feed(&in, p, 1);
            if (in.n > 2 && in.held[2] == '?')
                assert_true(sb_input_wait_ms(&in) >= 1000);
        }
        assert_int_equal(in.answers, rows[i].answers);
        assert_int_equal(keys, 0);
        sb_input_release(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_of_three_counts),
        cmocka_unit_test(waiting_has_a_bound),
        cmocka_unit_test(an_answer_is_never_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
