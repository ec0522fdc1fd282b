/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents of files: Extended JSON against libbson's own reader of it, bounds, cuts at every byte, and what a wrong document
 * costs. */
#include "test.h"

#include <bson/bson.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/docfile.h>
#include <signalbox/formats/extjson.h>

#include <string.h>

/* ---- Extended JSON ---- */

static const char *const same_as_libbson[] = {
    "{}",
    "{\"a\": 1, \"b\": -2147483648, \"c\": 2147483648, \"d\": 9223372036854775807, \"e\": 1.5, \"f\": -0.25e-3, \"g\": 1E10}",
    "{\"a\": true, \"b\": false, \"c\": null, \"d\": \"x\\u00e9\\n\\ud83d\\ude00\\\\\\/\", \"\": \"\", \"a.b\": \"\\u0000\"}",
    "{\"a\": [], \"b\": [1, [2, {\"c\": [{}]}], \"x\"], \"$x\": {\"y\": 1}}",
    "{\"a\": {\"$oid\": \"0123456789abcdefABCDEF01\"}}",
    "{\"a\": {\"$numberInt\": \"5\"}, \"b\": {\"$numberLong\": \"-5\"}, \"c\": {\"$numberDouble\": \"-1.25\"}, \"d\": {\"$numberDouble\": \"-Infinity\"}}",
    "{\"a\": {\"$numberDecimal\": \"1.50E+3\"}, \"b\": {\"$numberDecimal\": \"NaN\"}}",
    "{\"a\": {\"$date\": {\"$numberLong\": \"-1\"}}, \"b\": {\"$date\": \"2026-11-23T09:05:10.707Z\"}, \"c\": {\"$date\": \"2026-11-23T09:05:10+0100\"}}",
    "{\"a\": {\"$binary\": {\"base64\": \"AQID\", \"subType\": \"80\"}}, \"b\": {\"$binary\": {\"subType\": \"00\", \"base64\": \"\"}}, \"c\": {\"$binary\": \"AQI=\", \"$type\": \"05\"}}",
    "{\"a\": {\"$regularExpression\": {\"pattern\": \"a\\\\d\", \"options\": \"im\"}}, \"b\": {\"$regex\": \"x\", \"$options\": \"i\"}}",
    "{\"a\": {\"$timestamp\": {\"t\": 4000000000, \"i\": 7}}, \"b\": {\"$minKey\": 1}, \"c\": {\"$maxKey\": 1}, \"d\": {\"$undefined\": true}}",
    "{\"a\": {\"$symbol\": \"s\"}, \"b\": {\"$code\": \"f()\"}, \"c\": {\"$code\": \"g()\", \"$scope\": {\"x\": {\"$numberLong\": \"1\"}}}}",
    "{\"a\": {\"$dbPointer\": {\"$ref\": \"db.c\", \"$id\": {\"$oid\": \"000000000000000000000001\"}}}, \"b\": {\"$ref\": \"c\", \"$id\": 5}}",
};

static void reads_what_libbson_reads(void **state)
{
    (void)state;
    struct sb_extjson x = SB_EXTJSON_INIT;
    for (size_t i = 0; i < sizeof same_as_libbson / sizeof *same_as_libbson; i++) {
        const char *text = same_as_libbson[i];
        bson_error_t e;
        bson_t *want = bson_new_from_json((const uint8_t *)text, -1, &e);
        if (!want)
            fail_msg("libbson: %s: %s", text, e.message);
        if (sb_extjson_read(&x, text, strlen(text)) != SB_EXTJSON_OK)
            fail_msg("%s: at %zu: %s", text, x.at, x.what);
        assert_int_equal(x.at, strlen(text));
        assert_true(sb_bson_check(x.p, x.n, NULL));
        bson_t got;
        assert_true(bson_init_static(&got, x.p, x.n));
        if (!bson_equal(&got, want))
            fail_msg("%s: read as %s", text, bson_as_canonical_extended_json(&got, NULL));
        bson_destroy(want);
        for (size_t n = 1; n < strlen(text); n++) /* wherever it is cut, more may follow: it is never wrong, and never whole */
            if (sb_extjson_read(&x, text, n) != SB_EXTJSON_CUT)
                fail_msg("%.*s: cut, and told %s", (int)n, text, x.what ? x.what : "whole");
    }
    sb_extjson_release(&x);
}

static const struct {
    const char *text;
    size_t at;
} wrong[] = {
    {"{\"a\": tru}", 6},        {"{\"a\": 01}", 6},          {"{\"a\": 1.}", 6},         {"{\"a\": +1}", 6},          {"{\"a\": 1e}", 6},      {"{\"a\": -}", 6},
    {"{\"a\" 1}", 5},           {"{a: 1}", 1},               {"{\"a\": 1,}", 8},         {"{\"a\": [1,]}", 9},        {"{\"a\": [1 2]}", 9},   {"{\"a\": 1]", 7},
    {"{\"a\\u0000b\": 1}", 1},  {"{\"a\": \"\\x\"}", 6},     {"{\"a\": \"\\u12G4\"}", 6}, {"{\"a\": \"\xff\"}", 6},   {"{'a': 1}", 1},         {"{\"a\": NaN}", 6},
    {"{\"a\": {\"$oid\": \"12\"}}", 15},                     {"{\"a\": {\"$oid\": 5}}", 15},
    {"{\"a\": {\"$numberInt\": \"3000000000\"}}", 21},       {"{\"a\": {\"$numberLong\": \"x\"}}", 22},
    {"{\"a\": {\"$date\": \"yesterday\"}}", 16},             {"{\"a\": {\"$oid\": \"0123456789abcdefABCDEF01\", \"b\": 1}}", 15},
    {"{\"a\": {\"$regularExpression\": {\"pattern\": \"a\\u0000\", \"options\": \"\"}}}", 29},
};

static void says_where_it_is_wrong(void **state)
{
    (void)state;
    struct sb_extjson x = SB_EXTJSON_INIT;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum sb_extjson_status status = sb_extjson_read(&x, wrong[i].text, strlen(wrong[i].text));
        if (status != SB_EXTJSON_BAD || !x.what)
            fail_msg("%s: status %d", wrong[i].text, (int)status);
        if (x.at != wrong[i].at)
            fail_msg("%s: wrong at %zu (%s), not at %zu", wrong[i].text, x.at, x.what, wrong[i].at);
    }
    sb_extjson_release(&x);
}

static char *nested(int levels)
{
    struct sb_str s;
    sb_str_init(&s);
    for (int i = 0; i < levels; i++)
        sb_str_adds(&s, i % 2 ? "[" : "{\"a\":");
    sb_str_adds(&s, "1");
    for (int i = levels; i-- > 0;)
        sb_str_adds(&s, i % 2 ? "]" : "}");
    return sb_str_take(&s);
}

static void has_an_end_to_its_depth(void **state)
{
    (void)state;
    struct sb_extjson x = SB_EXTJSON_INIT;
    char *fits = nested(SB_BSON_MAX_DEPTH), *deeper = nested(SB_BSON_MAX_DEPTH + 1);
    assert_int_equal(sb_extjson_read(&x, fits, strlen(fits)), SB_EXTJSON_OK);
    assert_true(sb_bson_check(x.p, x.n, NULL));
    assert_int_equal(sb_extjson_read(&x, deeper, strlen(deeper)), SB_EXTJSON_BAD);
    free(fits);
    free(deeper);
    sb_extjson_release(&x);
}

/* ---- BSON ---- */

/* By libbson's iterator, into everything. */
static bool walks(const bson_t *doc)
{
    bson_iter_t it;
    if (!bson_iter_init(&it, doc))
        return false;
    while (bson_iter_next(&it)) {
        const uint8_t *data;
        uint32_t n;
        bson_t inner;
        if (BSON_ITER_HOLDS_DOCUMENT(&it))
            bson_iter_document(&it, &n, &data);
        else if (BSON_ITER_HOLDS_ARRAY(&it))
            bson_iter_array(&it, &n, &data);
        else
            continue;
        if (!data || !bson_init_static(&inner, data, n) || !walks(&inner))
            return false;
    }
    return it.err_off == 0;
}

static void checks_every_length(void **state)
{
    (void)state;
    struct sb_extjson x = SB_EXTJSON_INIT;
    for (size_t i = 0; i < sizeof same_as_libbson / sizeof *same_as_libbson; i++) {
        assert_int_equal(sb_extjson_read(&x, same_as_libbson[i], strlen(same_as_libbson[i])), SB_EXTJSON_OK);
        for (size_t at = 0; at < x.n; at++) /* a changed byte is refused, or the document can still be walked by libbson's own reader */
            for (int bit = 0; bit < 8; bit++) {
                uint8_t *copy = malloc(x.n);
                memcpy(copy, x.p, x.n);
                copy[at] ^= (uint8_t)(1 << bit);
                bson_t doc;
                size_t wrong_at = x.n;
                if (sb_bson_check(copy, x.n, &wrong_at)) {
                    assert_true(bson_init_static(&doc, copy, x.n));
                    if (!walks(&doc) && !strstr(same_as_libbson[i], "$binary")) /* of subtype 2 libbson looks inside */
                        fail_msg("%s: byte %zu, bit %d is let through", same_as_libbson[i], at, bit);
                } else {
                    assert_true(wrong_at < x.n);
                }
                free(copy);
            }
    }
    sb_extjson_release(&x);
}

/* ---- files ---- */

static const char *file_with(const void *bytes, size_t n)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/documents", sb_test_dir());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void goes_over_its_blocks(void **state)
{
    (void)state;
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&text);
    for (int i = 0; i < 300; i++) { /* 7 KiB each, so that some lie across the end of a block; every seventh is wrong */
        sb_str_addf(&text, "{\"n\": %d, \"s\": \"", i);
        for (int k = 0; k < 7000; k++)
            sb_str_addc(&text, (char)('a' + k % 26));
        sb_str_adds(&text, i % 7 == 3 ? "\", \"x\": nul}\n" : "\"}\n");
    }
    assert_true(sb_str_ok(&text));
    struct sb_docfile *d = sb_docfile_open(file_with(text.p, text.len), &err);
    assert_non_null(d);
    struct sb_span doc;
    int rc, last = -1;
    while ((rc = sb_docfile_next(d, &doc, &err)) == 1) {
        bson_t b;
        bson_iter_t it;
        assert_true(bson_init_static(&b, (const uint8_t *)doc.p, doc.n) && bson_iter_init_find(&it, &b, "n"));
        assert_true(bson_iter_int32(&it) > last);
        last = bson_iter_int32(&it);
        assert_int_not_equal(last % 7, 3);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(last, 299);
    assert_int_equal(sb_docfile_damaged(d), 43);
    assert_int_equal(sb_docfile_documents(d), 257);
    assert_int_equal(sb_docfile_bytes(d), text.len);
    assert_string_equal(sb_docfile_first_damage(d) + strlen(sb_test_dir()) + strlen("/documents"), ":4:7024: a value was expected");
    sb_docfile_close(d);
    sb_str_release(&text);
}

/* A bracket that is never closed, in front of more than a block of documents: only the one document is lost. */
static void loses_one_document_only(void **state)
{
    (void)state;
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&text);
    sb_str_adds(&text, "{\"a\": {\"b\": \"\n");
    for (int i = 0; i < 60000; i++)
        sb_str_addf(&text, "{\"n\": %d}\n", i);
    struct sb_docfile *d = sb_docfile_open(file_with(text.p, text.len), &err);
    assert_non_null(d);
    struct sb_span doc;
    while (sb_docfile_next(d, &doc, &err) == 1)
        ;
    assert_int_equal(sb_docfile_documents(d), 60000);
    assert_int_equal(sb_docfile_damaged(d), 1);
    sb_docfile_close(d);
    sb_str_release(&text);
}

/* Half a million small documents that are wrong, on lines of their own and all on one: each costs no more than its size (where
 * each costs a block, this does not come to an end within the runner's time). */
static void passes_over_many(void **state)
{
    (void)state;
    static const struct {
        const char *wrong;
        uint64_t damaged;
    } table[] = {{"{\"a\":[tru\n", 1}, {"{\"a\":tru}", 1}, {"{\"a\":]}", 2}, {"x\n", 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sb_str text;
        struct sb_err err = SB_ERR_INIT;
        sb_str_init(&text);
        sb_str_adds(&text, "{\"n\": 1}\n");
        for (int k = 0; k < 500000; k++)
            sb_str_adds(&text, table[i].wrong);
        sb_str_adds(&text, "{\"n\": 2}\n");
        struct sb_docfile *d = sb_docfile_open(file_with(text.p, text.len), &err);
        assert_non_null(d);
        struct sb_span doc;
        while (sb_docfile_next(d, &doc, &err) == 1)
            ;
        assert_int_equal(sb_docfile_documents(d), 2);
        assert_int_equal(sb_docfile_damaged(d), 500000 * table[i].damaged);
        sb_docfile_close(d);
        sb_str_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_libbson_reads), cmocka_unit_test(says_where_it_is_wrong), cmocka_unit_test(has_an_end_to_its_depth),
        cmocka_unit_test(checks_every_length),      cmocka_unit_test(goes_over_its_blocks),   cmocka_unit_test(loses_one_document_only),
        cmocka_unit_test(passes_over_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
