/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/formats/jsontext.h>

#include <string.h>

static struct sb_span span(const char *text)
{
    return (struct sb_span){text, strlen(text)};
}

static void strings_are_unescaped_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *plain;
    } cases[] = {
        {"plain", "plain"},
        {"a\\\"b\\\\c\\/d", "a\"b\\c/d"},
        {"\\b\\f\\n\\r\\t", "\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20ac", "A\xC3\xA9\xE2\x82\xAC"},
        {"\\ud83d\\ude82", "\xF0\x9F\x9A\x82"},
        {"\\ud83d", "\xEF\xBF\xBD"},
        {"\\ude82x", "\xEF\xBF\xBDx"},
        {"\\uzz", "?zz"},
        {"", ""},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[64];
        size_t n = strlen(cases[i].raw);
        memcpy(text, cases[i].raw, n);
        size_t got = sb_jt_unescape(text, (struct sb_span){text, n});
        assert_int_equal(got, strlen(cases[i].plain));
        assert_memory_equal(text, cases[i].plain, got);
    }
}

static void numbers_are_integers_cut_and_clamped(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0,", 0},
        {"454407657411521589}", INT64_C(454407657411521589)},
        {"9223372036854775807]", INT64_MAX},
        {"99999999999999999999,", INT64_MAX},
        {"-5,", -5},
        {"12.9,", 12},
        {"1e3,", 1000},
        {"{\"$numberLong\":\"77\"},", 77},
        {"{\"$numberDouble\":\"1.5\"},", 1},
        {"{\"other\":\"77\"},", -99},
        {"\"77\",", -99},
        {"true,", -99},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_jt j = sb_jt_make(cases[i].text, strlen(cases[i].text));
        int64_t v = -99;
        assert_true(sb_jt_integer(&j, &v));
        assert_true(v == cases[i].value);
        assert_int_equal(j.end - j.p, 1); /* the value is passed, what follows is not */
    }
    struct sb_jt j = sb_jt_make("12", 2);
    int64_t v = -99;
    assert_false(sb_jt_integer(&j, &v)); /* more digits may have followed */
    assert_int_equal(j.state, SB_JT_CUT);
    assert_true(v == -99);
    j = sb_jt_make("1x2,", 4);
    assert_false(sb_jt_integer(&j, &v));
    assert_int_equal(j.state, SB_JT_BAD);
}

/* What a byte-by-byte reader says about where a bracketed value ends; 0 when it does not. */
static size_t plain_match(const char *p, size_t n)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
        } else if (p[i] == '"') {
            in_string = true;
        } else if (p[i] == '{' || p[i] == '[') {
            depth++;
        } else if (p[i] == '}' || p[i] == ']') {
            if (--depth == 0)
                return i + 1;
        }
    }
    return 0;
}

/* Random text that begins with a bracket; backslashes only within strings, where they mean something. */
static size_t random_text(struct sb_rng *rng, char *text, size_t cap)
{
    static const char outside[] = "{}[]\",:ab1{}{}", inside[] = "{}[]\\\\ab\"\\\\";
    size_t n = 1 + sb_rng_below(rng, cap - 1);
    bool in_string = false;
    text[0] = '{';
    for (size_t i = 1; i < n; i++) {
        text[i] = in_string ? inside[sb_rng_below(rng, sizeof inside - 1)] : outside[sb_rng_below(rng, sizeof outside - 1)];
        if (in_string && text[i] == '\\' && i + 1 < n)
            text[++i] = inside[sb_rng_below(rng, sizeof inside - 1)];
        else if (text[i] == '"')
            in_string = !in_string;
    }
    return n;
}

static void brackets_are_matched_as_a_slow_reader_does(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 11);
    char text[400];
    size_t whole = 0, late = 0;
    for (int round = 0; round < 200000; round++) {
        size_t n = random_text(&rng, text, sizeof text);
        struct sb_jt j = sb_jt_make(text, n);
        size_t end = plain_match(text, n);
        bool found = sb_jt_skip(&j, NULL);
        assert_int_equal(found, end != 0);
        if (found)
            assert_int_equal(j.p - text, end);
        else
            assert_int_equal(j.state, SB_JT_CUT);
        whole += found;
        late += end > 64;
    }
    assert_true(whole > 10000 && late > 1000);
}

static void control_characters_make_a_skipped_value_wrong(void **state)
{
    (void)state;
    for (size_t at = 1; at < 200; at++) {
        char text[220];
        memset(text, 'x', sizeof text);
        text[0] = '[';
        text[1] = '"';
        text[202] = '"';
        text[203] = ']';
        if (at > 1)
            text[at] = '\n';
        struct sb_jt j = sb_jt_make(text, 204);
        assert_int_equal(sb_jt_skip(&j, NULL), at == 1);
        if (at > 1)
            assert_int_equal(j.state, SB_JT_BAD);
    }
    static const char nul[] = "{\"a\":\0 1}";
    struct sb_jt j = sb_jt_make(nul, sizeof nul - 1);
    assert_false(sb_jt_skip(&j, NULL));
    static const char blanks[] = "{\t\"a\":\r\n1}";
    j = sb_jt_make(blanks, sizeof blanks - 1);
    assert_true(sb_jt_skip(&j, NULL));
    static const char behind[] = "{\"a\":1}\"\x01\"";
    j = sb_jt_make(behind, sizeof behind - 1);
    assert_true(sb_jt_skip(&j, NULL)); /* what follows the value is not its business */
}

static void paths_are_followed(void **state)
{
    (void)state;
    struct sb_span object = span("{\"a\":{\"x\":1,\"b\":{\"c\":\"deep\"}},\"n\":42,\"e\":\"esc\\\"aped\"}"), raw;
    int64_t v = 0;
    assert_true(sb_jt_find_string(object, "a.b.c", &raw));
    assert_true(SB_SPAN_IS(raw, "deep"));
    assert_true(sb_jt_find_integer(object, "n", &v) && v == 42);
    assert_true(sb_jt_find_integer(object, "a.x", &v) && v == 1);
    assert_false(sb_jt_find(object, "a.b.d", &raw));
    assert_false(sb_jt_find(object, "a.x.y", &raw));
    assert_false(sb_jt_find_string(object, "e", &raw));
    assert_true(sb_jt_find(object, "e", &raw) && raw.n == strlen("\"esc\\\"aped\""));
}

static void members_are_told_from_cuts_and_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int members;
        enum sb_jt_state state;
    } cases[] = {
        {"{}", 0, SB_JT_OK},
        {"{ }", 0, SB_JT_OK},
        {"{\"a\":1}", 1, SB_JT_OK},
        {"{\"a\":1,\"b\":[2,3]}", 2, SB_JT_OK},
        {"{ \"a\" : 1 ,  \"b\" : {} }", 2, SB_JT_OK},
        {"{\"a\":1,", 1, SB_JT_CUT},
        {"{\"a\":1", 0, SB_JT_CUT},
        {"{\"a\":", 0, SB_JT_CUT},
        {"{\"a", 0, SB_JT_CUT},
        {"{", 0, SB_JT_CUT},
        {"", 0, SB_JT_CUT},
        {"{\"a\":1 \"b\":2}", 1, SB_JT_BAD},
        {"{\"a\" 1}", 0, SB_JT_BAD},
        {"{a:1}", 0, SB_JT_BAD},
        {"{\"a\":nope}", 0, SB_JT_BAD},
        {"{\"a\":1,}", 1, SB_JT_BAD},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_jt j = sb_jt_make(cases[i].text, strlen(cases[i].text));
        struct sb_span key;
        bool first = true, escaped;
        int n = 0;
        if (sb_jt_open(&j, '{'))
            while (sb_jt_member(&j, &first, &key, &escaped) && sb_jt_skip(&j, NULL))
                n++;
        assert_int_equal(n, cases[i].members);
        assert_int_equal(j.state, cases[i].state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_unescaped_where_they_stand),
        cmocka_unit_test(numbers_are_integers_cut_and_clamped),
        cmocka_unit_test(brackets_are_matched_as_a_slow_reader_does),
        cmocka_unit_test(control_characters_make_a_skipped_value_wrong),
        cmocka_unit_test(paths_are_followed),
        cmocka_unit_test(members_are_told_from_cuts_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
