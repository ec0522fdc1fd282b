/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard key, without a server: how it is written, what a sample says of it, and who would name it. */
#include "../../src/agents/shard_key_sample.h"
#include "test.h"

#include <string.h>

static void a_key_is_read_as_people_write_it(void **state)
{
    (void)state;
    static const char *const good[] = {"{customer_id: 1, at: 'hashed'}", "{\"customer_id\": 1, \"at\": \"hashed\"}", " { customer_id : 1 , at:hashed } "};
    static const char *const bad[] = {"", "{}", "{a}", "{a: 2}", "{a: -1}", "{a: 11}", "{a: 1.5}", "{a: \"text\"}", "{a: 1, a: 1}", "{a: hashed, b: hashed}", "{$a: 1}", "{a..b: 1}", "{.a: 1}", "{a.$b: 1}",
                                      "{a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1}", "{a: 1, b"};
    struct sb_shard_key k;
    for (size_t i = 0; i < SB_COUNT(good); i++) {
        struct sb_err err = SB_ERR_INIT;
        sb_assert_ok(sb_shard_key_read(good[i], &k, &err), err);
        assert_true(k.n == 2 && !k.hashed[0] && k.hashed[1]);
        assert_string_equal(k.field[0], "customer_id");
        assert_string_equal(k.field[1], "at");
    }
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (sb_shard_key_read(bad[i], &k, &err) == 0)
            fail_msg("%s is taken for a key", bad[i]);
        assert_int_equal(err.code, SB_EINPUT);
    }
}

static void take(struct sb_key_sample *s, const char *json)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    assert_non_null(doc);
    assert_true(sb_key_sample_take(s, doc));
    bson_destroy(doc);
}

static void a_sample_counts_what_a_key_would_meet(void **state)
{
    (void)state;
    struct sb_key_sample s = {.fields = 2};
    take(&s, "{\"_id\": 1, \"f0\": 5, \"f1\": \"a\"}");
    take(&s, "{\"_id\": 2, \"f0\": 6, \"f1\": \"a\"}");
    take(&s, "{\"_id\": 3, \"f0\": 5, \"f1\": \"a\"}");
    take(&s, "{\"_id\": 4, \"f1\": [1]}");
    take(&s, "{\"_id\": 5, \"f0\": null, \"f1\": [1]}");
    take(&s, "{\"_id\": \"x\", \"f0\": 5, \"f1\": \"b\"}");
    sb_key_sample_end(&s);
    assert_int_equal(s.documents, 6);
    assert_true(s.missing[0] == 1 && s.nulls[0] == 1 && s.arrays[0] == 0 && s.missing[1] == 0 && s.arrays[1] == 2);
    assert_int_equal(s.distinct, 4); /* (5, a) (6, a) (5, b), and missing is null to an index */
    assert_int_equal(s.most, 2);
    assert_true(s.compared == 2 && s.growing == 1); /* 1-2 grows, 2-3 falls, 1-3 is the same; "x" has no order */
    sb_key_sample_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_key_is_read_as_people_write_it), cmocka_unit_test(a_sample_counts_what_a_key_would_meet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
