/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that data sets are made of: their types, their limits, and that what is put together by hand is what the library reads. */
#include "rig.h"

#include <signalbox/sim/template.h>

#include <math.h>

static struct sb_rng rng;
static struct sim_sequences sequences;
static struct sim_w w;

/* The made value, until the next one. */
static struct sim_val make(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_template *t = sim_template_new(text, &err);
    struct sim_making m = {&rng, &sequences, INT64_C(1700000000000000)};
    if (!t)
        fail_msg("%s: %s", text, err.msg);
    sim_w_clear(&w);
    sim_template_put(t, &m, &w, "v");
    sim_template_free(t);
    const uint8_t *doc = sim_w_done(&w);
    assert_non_null(doc);
    assert_true(sim_valid(doc, sim_doc_len(doc)));
    return sim_find(doc, "v");
}

static void decimal_text(const char *text, char out[BSON_DECIMAL128_STRING])
{
    struct sim_val v = make(text);
    assert_int_equal(v.type, BSON_TYPE_DECIMAL128);
    bson_decimal128_t dec = {.low = (uint64_t)sim_i64(v.p), .high = (uint64_t)sim_i64(v.p + 8)};
    bson_decimal128_to_string(&dec, out);
}

static void test_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *made, *is;
    } fixed[] = {{"decimal(5, 5)", "5.00"},     {"decimal(0, 0)", "0.00"},           {"decimal(12.34, 12.34)", "12.34"},
                 {"decimal(-3, -3)", "-3.00"},  {"decimal(0.07, 0.07)", "0.07"},     {"decimal(-0.5, -0.5)", "-0.50"},
                 {"decimal(1e15, 1e15)", "1000000000000000.00"}, {"decimal(1e300, 1e300)", "1000000000000000.00"}};
    char text[BSON_DECIMAL128_STRING];
    for (size_t i = 0; i < SB_COUNT(fixed); i++) {
        decimal_text(fixed[i].made, text);
        assert_string_equal(text, fixed[i].is);
    }
    for (int i = 0; i < 1000; i++) {
        decimal_text("decimal(-20, 300)", text);
        double d = strtod(text, NULL);
        assert_true(d >= -20 && d <= 300 && text[strlen(text) - 3] == '.');
    }
}

/* What is calculated from the bits is what reading the text gives, to the last bit. */
static void test_decimals_are_numbers(void **state)
{
    (void)state;
    static const char *const fixed[] = {"0", "-0", "0.00", "-0.07", "12.34", "1E+3", "9007199254740991", "9007199254740992.1", "0.000000000000001",
                                        "0.0000000000000001", "-9.99E+20", "79228162514264337593543950335", "Infinity", "-Infinity", "1E-6176"};
    for (int i = 0; i < 3000; i++) {
        char text[80];
        bson_decimal128_t d;
        uint8_t b[16];
        if (i < (int)SB_COUNT(fixed))
            snprintf(text, sizeof text, "%s", fixed[i]);
        else
            snprintf(text, sizeof text, "%s%llu.%0*llu", rig_below(&rng, 2) ? "-" : "", (unsigned long long)(sb_rng_u64(&rng) >> (8 + rig_below(&rng, 55))),
                     1 + (int)rig_below(&rng, 15), (unsigned long long)rig_below(&rng, 100000));
        assert_true(bson_decimal128_from_string(text, &d));
        sim_val_i64(b, (int64_t)d.low);
        sim_val_i64(b + 8, (int64_t)d.high);
        long double is = sim_number((struct sim_val){BSON_TYPE_DECIMAL128, 16, b}), want = strtold(text, NULL);
        if (is != want || signbit(is) != signbit(want))
            fail_msg("%s: %.22Lg", text, is);
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const int sizes[] = {0, 1, 7, 60, 240, 249, 250, 251, 255, 256, 257, 300, 512, 5000};
    for (size_t i = 0; i < SB_COUNT(sizes); i++)
        for (int round = 0; round < 20; round++) {
            char text[40];
            snprintf(text, sizeof text, "text(%d)", sizes[i]);
            struct sim_val v = make(text);
            assert_int_equal(sim_text_n(v), sizes[i]);
            for (size_t k = 0; k < sim_text_n(v); k++) {
                char c = sim_text(v)[k];
                assert_true((c >= 'a' && c <= 'z') || (c == ' ' && k && sim_text(v)[k - 1] != ' '));
            }
        }
}

static void test_numbered_names(void **state)
{
    (void)state;
    static const char longest[] = "a name that is longer than anything that somebody would call a product, a shop or a person in it ";
    char text[200];
    bool least = false, most = false;
    for (int i = 0; i < 2000; i++) {
        struct sim_val v = make("pick('S', 120)");
        unsigned n = 999;
        assert_int_equal(sscanf(sim_text(v), "S%u", &n), 1);
        assert_true(n < 120);
        snprintf(text, sizeof text, "S%u", n);
        assert_string_equal(sim_text(v), text);
        least = least || n == 0;
        most = most || n == 119;
    }
    assert_true(least && most);
    snprintf(text, sizeof text, "pick('%s', 9)", longest);
    struct sim_val v = make(text);
    assert_memory_equal(sim_text(v), longest, strlen(longest));
    assert_int_equal(sim_text_n(v), strlen(longest) + 1);
}

static int begin(void **state)
{
    (void)state;
    sb_rng_seed(&rng, 5);
    sim_w_init(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sim_w_release(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decimals), cmocka_unit_test(test_decimals_are_numbers), cmocka_unit_test(test_texts), cmocka_unit_test(test_numbered_names)};
    return cmocka_run_group_tests(tests, begin, end);
}
