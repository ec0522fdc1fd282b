/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/regex.h>
#include <signalbox/base/str.h>

#include <string.h>

static void str_grows_and_keeps_its_terminator(void **state)
{
    (void)state;
    struct sb_str s;
    sb_str_init(&s);
    assert_string_equal(s.p, "");
    for (int i = 0; i < 1000; i++)
        sb_str_addf(&s, "%d,", i);
    assert_true(sb_str_ok(&s));
    assert_int_equal(s.len, strlen(s.p));
    assert_int_equal(s.len, 10 * 2 + 90 * 3 + 900 * 4);
    sb_str_truncate(&s, 4);
    assert_string_equal(s.p, "0,1,");
    char *taken = sb_str_take(&s);
    assert_string_equal(taken, "0,1,");
    assert_int_equal(s.len, 0);
    free(taken);
    sb_str_release(&s);
}

static void integers_are_whole_and_bounded(void **state)
{
    (void)state;
    int64_t v;
    assert_int_equal(sb_parse_i64("9223372036854775807", &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(sb_parse_i64("-9223372036854775808", &v), 0);
    assert_true(v == INT64_MIN);
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x", "9223372036854775808", "-9223372036854775809"};
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        assert_int_equal(sb_parse_i64(bad[i], &v), -1);
}

static void utf8_is_strict(void **state)
{
    (void)state;
    assert_true(sb_utf8_valid("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x82", 10));
    static const char *const bad[] = {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82"};
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        assert_false(sb_utf8_valid(bad[i], strlen(bad[i])));
    for (uint32_t p = 1; p <= 0x10FFFF; p += 37) {
        if (p >= 0xD800 && p <= 0xDFFF)
            continue;
        char buf[4];
        uint32_t back = 0;
        size_t n = sb_utf8_encode(p, buf);
        assert_int_equal(sb_utf8_decode(buf, n, &back), n);
        assert_int_equal(back, p);
    }
}

static void error_messages_are_cut_at_a_character(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    char text[600];
    memset(text, 'x', sizeof text);
    memcpy(text + 510, "\xE2\x82\xAC", 4);
    assert_int_equal(sb_fail(&err, SB_EINPUT, "%s", text), -1);
    assert_true(sb_utf8_valid(err.msg, strlen(err.msg)));
    assert_int_equal(strlen(err.msg), 510);
    sb_fail_errno(&err, 2, "cannot open x");
    assert_string_equal(err.msg, "cannot open x: No such file or directory");
    assert_int_equal(err.detail, 2);
    sb_err_prefix(&err, "config");
    assert_string_equal(err.msg, "config: cannot open x: No such file or directory");
}

static void times_round_trip(void **state)
{
    (void)state;
    char text[SB_TIME_LEN + 1];
    int64_t back;
    for (int64_t t = INT64_C(-62135596800000); t < INT64_C(253402300799999); t += INT64_C(86399999 * 1237)) {
        sb_time_format(text, t);
        assert_int_equal(strlen(text), SB_TIME_LEN);
        assert_int_equal(sb_time_parse(text, strlen(text), &back), 0);
        assert_true(back == t);
    }
    static const struct {
        const char *text, *utc;
    } forms[] = {
        {"2023-09-23T16:24:35.756-04:00", "2023-09-23T20:24:35.756Z"},
        {"2024-02-29T23:59:59+0130", "2024-02-29T22:29:59.000Z"},
        {"2026-11-23T09:00:40.656123Z", "2026-11-23T09:00:40.656Z"},
        {"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < SB_COUNT(forms); i++) {
        assert_int_equal(sb_time_parse(forms[i].text, strlen(forms[i].text), &back), 0);
        sb_time_format(text, back);
        assert_string_equal(text, forms[i].utc);
    }
    static const char *const bad[] = {"2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T00:00:00",
                                      "2023-01-01T00:00:00.Z", "2023-01-01T00:00:00Zx", "2023-01-01", ""};
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        assert_int_equal(sb_time_parse(bad[i], strlen(bad[i]), &back), -1);
}

static void seeded_origins_agree(void **state)
{
    (void)state;
    struct sb_origin a, b, c;
    sb_origin_seeded(&a, 7);
    sb_origin_seeded(&b, 7);
    sb_origin_seeded(&c, 8);
    char x[33], y[33], z[33];
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_origin_nonce(&a, x, &err), err);
    sb_assert_ok(sb_origin_nonce(&b, y, &err), err);
    sb_assert_ok(sb_origin_nonce(&c, z, &err), err);
    assert_string_equal(x, y);
    assert_string_not_equal(x, z);
    assert_string_equal(a.boot, b.boot);
    assert_int_equal(strlen(a.boot), 36);
    assert_int_equal(a.pid, b.pid);
}

static void a_matcher_answers_as_a_match_does_and_has_limits(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        unsigned flags;
        const char *subject;
        int expected;
    } cases[] = {
        {"b+", 0, "abbc", 1}, {"B+", 0, "abbc", 0}, {"B+", SB_REGEX_CASELESS, "abbc", 1}, {"b+", SB_REGEX_WHOLE, "abbc", 0}, {"a.*c", SB_REGEX_WHOLE, "abbc", 1},
        {"(a", SB_REGEX_PLAIN, "x(ay", 1}, {"a.c", SB_REGEX_PLAIN, "abc", 0}, {"A.C", SB_REGEX_PLAIN | SB_REGEX_CASELESS, "xa.cx", 1}, {"", 0, "", 1},
        {"\xC3\x89", SB_REGEX_CASELESS | SB_REGEX_PLAIN, "caf\xC3\xA9", 1}, {"(a+)+zzz", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaz", -1},
    };
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_matcher *m = sb_matcher_new(cases[i].pattern, cases[i].flags, &err);
        struct sb_regex *re = sb_regex_new(cases[i].pattern, cases[i].flags, &err);
        assert_non_null(m);
        assert_non_null(re);
        for (int again = 0; again < 2; again++)
            assert_int_equal(sb_matcher_match(m, cases[i].subject, strlen(cases[i].subject)), cases[i].expected);
        assert_int_equal(sb_regex_match(re, cases[i].subject, strlen(cases[i].subject), NULL, 0, NULL), cases[i].expected);
        sb_regex_free(re);
        sb_matcher_free(m);
    }
    assert_null(sb_matcher_new("(a", 0, &err));
    assert_int_equal(err.code, SB_EINPUT);
}

/* What a pattern cannot do without is found only where it is certain; with it the pattern's own subjects are found. */
static void a_literal_stands_in_all_that_a_pattern_matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        unsigned flags;
        const char *literal; /* NULL: none is known */
        const char *subject; /* that the pattern matches */
    } cases[] = {
        {"checkout", 0, "checkout", "a checkout"}, {"^ab.*shop\\.orders$", 0, "shop.orders", "ab in shop.orders"}, {"abc?de", 0, NULL, "abde"}, {"xabcd?", 0, "xabc", "xabc"},
        {"abc+def", 0, "abc", "abccdef"}, {"(abcd)", 0, NULL, "abcd"}, {"abcd|x", 0, NULL, "x"}, {"abcd{0}x", 0, NULL, "abcx"}, {"[abc]def", 0, "def", "adef"},
        {"[]abc]def", 0, "def", "]def"}, {"[[:alpha:]]def", 0, NULL, "adef"}, {"\\x41bcde", 0, NULL, "Abcde"}, {"\\dabc", 0, "abc", "1abc"}, {"\\Qa*b\\Ecde", 0, NULL, "a*bcde"},
        {"a.bcd", SB_REGEX_PLAIN, "a.bcd", "a.bcd"}, {"(x) C-000012", SB_REGEX_PLAIN, "C-000012", "(x) C-000012"}, {"TASK", SB_REGEX_CASELESS, "TASK", "ta\xC5\xBF\xE2\x84\xAA"},
        {"caf\xC3\xA9*bar", 0, "caf", "cafbar"}, {"ab", 0, NULL, "ab"}, {"abc\\", SB_REGEX_PLAIN, "abc", "abc\\"},
    };
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char literal[64];
        bool known = sb_regex_literal(cases[i].pattern, cases[i].flags, 3, literal, sizeof literal);
        struct sb_matcher *m = sb_matcher_new(cases[i].pattern, cases[i].flags, &err);
        assert_non_null(m);
        assert_int_equal(sb_matcher_match(m, cases[i].subject, strlen(cases[i].subject)), 1);
        sb_matcher_free(m);
        if (known != (cases[i].literal != NULL) || (known && strcmp(literal, cases[i].literal) != 0))
            fail_msg("%s: %s", cases[i].pattern, known ? literal : "none");
        if (!known)
            continue;
        m = sb_matcher_literal(literal, cases[i].flags & SB_REGEX_CASELESS);
        assert_non_null(m);
        assert_int_equal(sb_matcher_match(m, cases[i].subject, strlen(cases[i].subject)), 1);
        assert_int_equal(sb_matcher_match(m, "\xFF\xFE no", 5), 0); /* any bytes */
        sb_matcher_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_stands_in_all_that_a_pattern_matches),
        cmocka_unit_test(str_grows_and_keeps_its_terminator),
        cmocka_unit_test(integers_are_whole_and_bounded),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(error_messages_are_cut_at_a_character),
        cmocka_unit_test(a_matcher_answers_as_a_match_does_and_has_limits),
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(seeded_origins_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
