/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/formats/profile.h>

#include <string.h>

static struct sb_scratch scratch;

static const char update_json[] =
    "{\"op\":\"update\",\"ns\":\"shop.orders\",\"command\":{\"q\":{\"address.zip\":\"9999\"},\"u\":{\"$set\":{\"seen\":true}},"
    "\"multi\":true,\"upsert\":false},\"keysExamined\":{\"$numberInt\":\"0\"},\"docsExamined\":{\"$numberInt\":\"60000\"},"
    "\"nMatched\":{\"$numberInt\":\"7\"},\"nModified\":{\"$numberInt\":\"6\"},\"numYield\":{\"$numberInt\":\"60\"},"
    "\"queryHash\":\"D8A05348\",\"millis\":{\"$numberInt\":\"230\"},\"planSummary\":\"COLLSCAN\","
    "\"ts\":{\"$date\":{\"$numberLong\":\"1795424315040\"}},\"client\":\"127.0.0.1\",\"appName\":\"check\\u006fut\"}";

static void check_update(const struct sb_slow_op *op)
{
    assert_int_equal(op->kind, SB_OP_UPDATE);
    assert_false(op->envelope);
    assert_true(sb_span_equal(op->ns, SB_SPAN("shop.orders")));
    assert_true(sb_span_equal(op->app, SB_SPAN("checkout")));
    assert_true(sb_span_equal(op->plan, SB_SPAN("COLLSCAN")));
    assert_true(sb_span_equal(op->remote, SB_SPAN("127.0.0.1")));
    assert_true(sb_span_equal(op->query_hash, SB_SPAN("D8A05348")));
    assert_true(op->at_ms == INT64_C(1795424315040));
    assert_int_equal(op->duration_ms, 230);
    assert_int_equal(op->docs_examined, 60000);
    assert_int_equal(op->keys_examined, 0);
    assert_int_equal(op->matched, 7);
    assert_int_equal(op->modified, 6);
    assert_int_equal(op->yields, 60);
    assert_true(op->returned == SB_ABSENT && op->error_code == SB_ABSENT);
}

static void json_and_bson_give_the_same_operation(void **state)
{
    (void)state;
    struct sb_slow_op op;
    assert_int_equal(sb_profile_json(&scratch, update_json, sizeof update_json - 1, &op), SB_LOG_GOOD);
    check_update(&op);
    assert_int_equal(op.command.form, SB_DOC_JSON);
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)update_json, -1, &error);
    assert_non_null(doc);
    assert_true(sb_profile_bson(doc, &op));
    check_update(&op);
    assert_int_equal(op.command.form, SB_DOC_BSON);
    /* the bytes, cut anywhere, are no document */
    for (uint32_t n = 0; n < doc->len; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, bson_get_data(doc), n);
        assert_false(sb_profile_bson_data(copy, n, &op));
        free(copy);
    }
    bson_destroy(doc);
}

static void json_that_is_cut_or_other_says_so(void **state)
{
    (void)state;
    struct sb_slow_op op;
    for (size_t n = 0; n + 1 < sizeof update_json; n++) {
        enum sb_log_status status = sb_profile_json(&scratch, update_json, n, &op);
        assert_true(status == SB_LOG_CUT || status == SB_LOG_BAD);
        assert_true(op.duration_ms == SB_ABSENT || op.duration_ms == 230);
    }
    static const char *const bad[] = {"", "x", "{}", "{\"op\":\"query\"}", "{\"ns\":\"a.b\"}", "[1]", "{\"a\":1}"};
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        assert_int_not_equal(sb_profile_json(&scratch, bad[i], strlen(bad[i]), &op), SB_LOG_GOOD);
    bson_t empty = BSON_INITIALIZER;
    assert_false(sb_profile_bson(&empty, &op));
    bson_destroy(&empty);
}

static void damaged_bson_is_no_operation(void **state)
{
    (void)state;
    struct sb_slow_op op;
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)update_json, -1, &error);
    assert_non_null(doc);
    for (uint32_t i = 4; i < doc->len; i++) {
        for (int flip = 1; flip < 256; flip *= 2) {
            uint8_t *copy = malloc(doc->len);
            assert_non_null(copy);
            memcpy(copy, bson_get_data(doc), doc->len);
            copy[i] ^= (uint8_t)flip;
            if (sb_profile_bson_data(copy, doc->len, &op) && op.command.form != SB_DOC_NONE)
                assert_true((const uint8_t *)op.command.p >= copy && (const uint8_t *)op.command.p + op.command.n <= copy + doc->len);
            free(copy);
        }
    }
    bson_destroy(doc);
}

static int release(void **state)
{
    (void)state;
    sb_scratch_release(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_bson_give_the_same_operation),
        cmocka_unit_test(json_that_is_cut_or_other_says_so),
        cmocka_unit_test(damaged_bson_is_no_operation),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
