/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/hash.h>
#include <signalbox/base/json.h>

#include <string.h>

static void canonical_of(const char *text, char *out, size_t cap)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *v = sb_json_parse(text, strlen(text), "test", SB_JSON_STRICT, &err);
    if (!v)
        fail_msg("%s", err.msg);
    struct sb_str s;
    sb_str_init(&s);
    sb_assert_ok(sb_json_canonical(&s, v, &err), err);
    assert_true(s.len < cap);
    memcpy(out, s.p, s.len + 1);
    sb_str_release(&s);
    json_decref(v);
}

static void canonical_form_is_jcs(void **state)
{
    (void)state;
    char out[512];
    canonical_of(" { \"b\" : 1 , \"a\" : [ true , null, -5 ] } ", out, sizeof out);
    assert_string_equal(out, "{\"a\":[true,null,-5],\"b\":1}");
    /* RFC 8785's key order trap: U+1F600 (a surrogate pair in UTF-16) sorts before U+FB33 */
    canonical_of("{\"\xEF\xAC\xB3\":\"dalet\",\"\xF0\x9F\x98\x80\":\"smiley\",\"\\u00f6\":\"o\",\"1\":\"one\",\"\\r\":\"cr\"}", out, sizeof out);
    assert_string_equal(out, "{\"\\r\":\"cr\",\"1\":\"one\",\"\xC3\xB6\":\"o\",\"\xF0\x9F\x98\x80\":\"smiley\",\"\xEF\xAC\xB3\":\"dalet\"}");
    canonical_of("\"\\u20ac$\\u000F\\nA'B\\\"\\\\\\/\\u007f\\u001F\"", out, sizeof out);
    assert_string_equal(out, "\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\/\x7f\\u001f\"");
    canonical_of("9007199254740991", out, sizeof out);
    assert_string_equal(out, "9007199254740991");
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const unreadable[] = {
        "{\"a\":1,\"a\":2}", "[1", "{}x", "", "[1.5]", "1e3", "\"\\u0000\"", "[1,]", "\"\xC0\xAF\"",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };
    struct sb_err err;
    for (size_t i = 0; i < SB_COUNT(unreadable); i++) {
        err = (struct sb_err)SB_ERR_INIT;
        assert_null(sb_json_parse(unreadable[i], strlen(unreadable[i]), "test", SB_JSON_STRICT, &err));
        assert_int_equal(err.code, SB_EINPUT);
    }
    struct sb_str s;
    sb_str_init(&s);
    json_t *big = json_integer(INT64_C(9007199254740992)), *real = json_real(0.5);
    assert_int_equal(sb_json_canonical(&s, big, &err), -1);
    assert_int_equal(sb_json_canonical(&s, real, &err), -1);
    json_decref(big);
    json_decref(real);
    sb_str_release(&s);
}

static void a_nul_byte_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":25@}", "{\"a\":@1}", "[1@,2]", "@{}", "{}@", "{\"a\":\"x@\"}", "[true@]"};
    for (size_t i = 0; i < SB_COUNT(texts); i++) {
        char text[32];
        size_t n = strlen(texts[i]);
        memcpy(text, texts[i], n);
        *(char *)memchr(text, '@', n) = '\0';
        struct sb_err err = SB_ERR_INIT;
        assert_null(sb_json_parse(text, n, "test", SB_JSON_STRICT, &err));
        assert_non_null(strstr(err.msg, "test:1:"));
    }
}

static void a_bracket_bomb_is_refused_before_it_is_parsed(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *bomb = malloc(n);
    assert_non_null(bomb);
    memset(bomb, '[', n);
    struct sb_err err = SB_ERR_INIT;
    assert_null(sb_json_parse(bomb, n, "bomb", SB_JSON_STRICT, &err));
    assert_non_null(strstr(err.msg, "nested deeper"));
    free(bomb);
}

static void hashes_are_sha256(void **state)
{
    (void)state;
    struct sb_hash h;
    char hex[SB_HEX_LEN + 1];
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_hash_bytes(&h, "abc", 3, &err), err); /* FIPS 180-2, appendix B.1 */
    sb_hex_encode(hex, h.bytes, SB_HASH_LEN);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct sb_slice parts[] = {{"a", 1}, {"", 0}, {"bc", 2}};
    struct sb_hash again;
    sb_assert_ok(sb_hash_slices(&again, parts, 3, &err), err);
    assert_memory_equal(h.bytes, again.bytes, SB_HASH_LEN);
    uint8_t raw[SB_HASH_LEN];
    assert_int_equal(sb_hex_decode(raw, SB_HASH_LEN, hex), 0);
    assert_memory_equal(raw, h.bytes, SB_HASH_LEN);
    hex[63] = 'g';
    assert_int_equal(sb_hex_decode(raw, SB_HASH_LEN, hex), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_is_jcs),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused_wherever_it_stands),
        cmocka_unit_test(a_bracket_bomb_is_refused_before_it_is_parsed),
        cmocka_unit_test(hashes_are_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
