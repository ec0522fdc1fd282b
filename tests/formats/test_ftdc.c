/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "ftdc_write.h"

#include <signalbox/base/file.h>
#include <signalbox/formats/ftdc.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct sb_err err;

static const char *folder(void)
{
    static const char *dir;
    if (!dir)
        dir = sb_test_dir();
    return dir;
}

static const char *file_named(const char *name, const void *bytes, size_t n)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    sb_assert_ok(sb_file_write(path, 0600, bytes, n, &err), err);
    return path;
}

/* ---- exactness ---- */

/* Every kind of number, a name that is there twice, arrays, names with dots and blanks, and what is no metric between them. */
static bson_t *reference(void)
{
    bson_t *doc = bson_new(), inner, array;
    bson_decimal128_t dec;
    bson_decimal128_from_string("-9223372036854775807", &dec);
    BSON_APPEND_DATE_TIME(doc, "start", 1700000000000);
    BSON_APPEND_DOUBLE(doc, "double", 2.9);
    BSON_APPEND_UTF8(doc, "text", "no metric");
    BSON_APPEND_INT32(doc, "int", -7);
    BSON_APPEND_INT64(doc, "long", INT64_MAX);
    BSON_APPEND_DECIMAL128(doc, "decimal", &dec);
    BSON_APPEND_BOOL(doc, "bool", true);
    BSON_APPEND_NULL(doc, "null");
    BSON_APPEND_TIMESTAMP(doc, "ts", 1700000001, 42);
    BSON_APPEND_DOCUMENT_BEGIN(doc, "a b.c", &inner);
    BSON_APPEND_INT32(&inner, "twice", 1);
    BSON_APPEND_INT32(&inner, "twice", 2);
    bson_append_document_end(doc, &inner);
    BSON_APPEND_ARRAY_BEGIN(doc, "list", &array);
    BSON_APPEND_INT32(&array, "0", 10);
    BSON_APPEND_UTF8(&array, "1", "x");
    BSON_APPEND_DOUBLE(&array, "2", 1e300);
    bson_append_array_end(doc, &array);
    BSON_APPEND_DOUBLE(doc, "nan", 0.0 / 0.0);
    return doc;
}

static const char *const paths[] = {"start", "double", "int", "long", "decimal", "bool", "ts.t", "ts.i", "a b.c.twice", "a b.c.twice", "list.0", "list.2", "nan"};
static const int64_t firsts[] = {1700000000000, 2, -7, INT64_MAX, -9223372036854775807, 1, 1700000001, 42, 1, 2, 10, INT64_MAX, 0};
#define METRICS SB_COUNT(paths)
#define SAMPLES 57

static void fill(int64_t values[METRICS * SAMPLES])
{
    uint64_t noise = 3;
    for (size_t m = 0; m < METRICS; m++)
        for (size_t s = 0; s < SAMPLES; s++) {
            noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407;
            int64_t *v = &values[m * SAMPLES + s];
            *v = s == 0 ? firsts[m] : v[-1];
            if (s && m % 3 != 2 && noise >> 62) /* every third is constant, so that a run of zeros goes over its ends */
                *v = (int64_t)((uint64_t)*v + (noise >> (noise >> 58))); /* any size, down and over the edge too */
        }
}

static void assert_same(const struct sb_ftdc_chunk *c, const int64_t *values)
{
    assert_int_equal(c->metrics_n, METRICS);
    assert_int_equal(c->samples, SAMPLES);
    for (size_t m = 0; m < METRICS; m++) {
        assert_string_equal(c->metrics[m].path, paths[m]);
        assert_memory_equal(c->values + m * SAMPLES, values + m * SAMPLES, SAMPLES * sizeof *values);
    }
}

static void every_number_comes_back(void **state)
{
    (void)state;
    static int64_t values[METRICS * SAMPLES];
    struct sb_str inner, file;
    struct sb_ftdc_doc doc;
    bson_t *ref = reference();
    fill(values);
    sb_str_init(&inner);
    sb_str_init(&file);
    put_chunk(&inner, ref, values, METRICS, SAMPLES);
    put_document(&file, 5, &inner, 0);
    put_document(&file, 6, &inner, 0);
    struct sb_ftdc *f = sb_ftdc_open(file_named("whole", file.p, file.len), &err);
    assert_non_null(f);
    for (int i = 5; i < 7; i++) {
        assert_int_equal(sb_ftdc_next(f, &doc, &err), 1);
        assert_int_equal(doc.kind, SB_FTDC_METRICS);
        assert_int_equal(doc.at_ms, i);
        assert_same(&doc.chunk, values);
        assert_int_equal(doc.chunk.reference_n, ref->len);
        assert_ptr_equal(sb_ftdc_column(&doc.chunk, "a b.c.twice"), doc.chunk.values + 8 * SAMPLES);
        assert_null(sb_ftdc_column(&doc.chunk, "a b"));
    }
    assert_int_equal(sb_ftdc_next(f, &doc, &err), 0);
    assert_int_equal(sb_ftdc_damaged(f), 0);
    assert_null(sb_ftdc_note(f, 0));
    sb_ftdc_close(f);
    sb_str_release(&inner);
    sb_str_release(&file);
    bson_destroy(ref);
}

/* ---- damage ---- */

struct read {
    size_t chunks, samples, damaged, notes;
};

static struct read read_bytes(const void *bytes, size_t n)
{
    struct read r = {0, 0, 0, 0};
    struct sb_ftdc_doc doc;
    struct sb_ftdc *f = sb_ftdc_open(file_named("damaged", bytes, n), &err);
    assert_non_null(f);
    int rc;
    while ((rc = sb_ftdc_next(f, &doc, &err)) > 0)
        if (doc.kind == SB_FTDC_METRICS) {
            r.chunks++;
            r.samples += doc.chunk.samples;
        }
    assert_int_equal(rc, 0);
    r.damaged = sb_ftdc_damaged(f);
    while (sb_ftdc_note(f, r.notes))
        r.notes++;
    sb_ftdc_close(f);
    return r;
}

/* Three chunks of two metrics. */
static void three(struct sb_str *file, size_t ends[3])
{
    bson_t ref = BSON_INITIALIZER;
    int64_t values[2 * 20];
    struct sb_str inner;
    BSON_APPEND_DATE_TIME(&ref, "start", 1000);
    BSON_APPEND_INT32(&ref, "n", 0);
    for (int s = 0; s < 20; s++) {
        values[s] = 1000 + s * 1000;
        values[20 + s] = s * s;
    }
    sb_str_init(file);
    for (int i = 0; i < 3; i++) {
        sb_str_init(&inner);
        put_chunk(&inner, &ref, values, 2, 20);
        put_document(file, i, &inner, 0);
        ends[i] = file->len;
        sb_str_release(&inner);
    }
    bson_destroy(&ref);
}

static void cut_anywhere_it_gives_what_is_whole(void **state)
{
    (void)state;
    struct sb_str file;
    size_t ends[3];
    three(&file, ends);
    for (size_t n = 0; n <= file.len; n++) {
        struct read r = read_bytes(file.p, n);
        size_t whole = (n >= ends[0]) + (n >= ends[1]) + (n >= ends[2]);
        bool clean = n == 0 || n == ends[0] || n == ends[1] || n == ends[2];
        assert_int_equal(r.chunks, whole);
        assert_int_equal(r.damaged, 0); /* a torn end is how a file looks that a server still writes */
        assert_int_equal(r.notes, !clean);
    }
    sb_str_release(&file);
}

static void a_flipped_bit_costs_its_chunk_alone(void **state)
{
    (void)state;
    struct sb_str file;
    size_t ends[3];
    three(&file, ends);
    for (size_t at = ends[0]; at < ends[1]; at++)
        for (int bit = 0; bit < 8; bit++) {
            file.p[at] ^= (char)(1 << bit);
            struct read r = read_bytes(file.p, file.len);
            if (r.chunks != 3 && (r.chunks != 2 || r.notes == 0)) /* a bit of _id may be any */
                fail_msg("byte %zu, bit %d: %zu chunks, %zu notes", at, bit, r.chunks, r.notes);
            file.p[at] ^= (char)(1 << bit);
        }
    sb_str_release(&file);
}

static void what_lies_between_is_passed_over(void **state)
{
    (void)state;
    struct sb_str file, odd;
    size_t ends[3];
    three(&file, ends);
    sb_str_init(&odd);
    sb_str_add(&odd, file.p, ends[0]);
    for (int i = 0; i < 300000; i++)
        sb_str_addc(&odd, (char)(i * 7 % 251));
    sb_str_add(&odd, file.p + ends[0], file.len - ends[0]);
    struct read r = read_bytes(odd.p, odd.len);
    assert_int_equal(r.chunks, 3);
    assert_int_equal(r.damaged, 1);
    sb_str_release(&odd);
    sb_str_release(&file);
}

static int decode(const struct sb_str *inner, uint32_t declared)
{
    struct sb_str file;
    sb_str_init(&file);
    put_document(&file, 1, inner, declared);
    struct read r = read_bytes(file.p, file.len);
    sb_str_release(&file);
    assert_int_equal(r.chunks + r.damaged, 1);
    return r.chunks == 1 ? 0 : -1;
}

static void bounds_hold_before_memory_is_asked_for(void **state)
{
    (void)state;
    static int64_t zero[1 << 12];
    struct sb_str inner;
    bson_t ref = BSON_INITIALIZER, deep = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ref, "n", 0);
    sb_str_init(&inner);
    put_chunk(&inner, &ref, zero, 1, 1 << 12);
    assert_int_equal(decode(&inner, 0), 0);
    assert_int_equal(decode(&inner, (uint32_t)inner.len - 1), -1); /* unpacks to more than it claims */
    assert_int_equal(decode(&inner, (uint32_t)inner.len + 1), -1);
    assert_int_equal(decode(&inner, UINT32_MAX), -1);
    assert_int_equal(decode(&inner, (uint32_t)SB_FTDC_MAX_INFLATED + 1), -1);
    sb_str_truncate(&inner, ref.len);
    put_le32(&inner, 1); /* one metric, four billion samples, all of them zero: two bytes */
    put_le32(&inner, UINT32_MAX);
    put_varint(&inner, 0);
    put_varint(&inner, UINT32_MAX);
    assert_int_equal(decode(&inner, 0), -1);
    sb_str_truncate(&inner, ref.len);
    put_le32(&inner, 2); /* more metrics than there are */
    put_le32(&inner, 0);
    assert_int_equal(decode(&inner, 0), -1);
    sb_str_truncate(&inner, ref.len);
    put_le32(&inner, 1); /* bytes behind the last sample, and too few of them */
    put_le32(&inner, 1);
    sb_str_addc(&inner, 1);
    assert_int_equal(decode(&inner, 0), 0);
    sb_str_addc(&inner, 1);
    assert_int_equal(decode(&inner, 0), -1);
    sb_str_truncate(&inner, inner.len - 2);
    assert_int_equal(decode(&inner, 0), -1);
    for (int i = 0; i < 11; i++) /* a varint of eleven bytes */
        sb_str_addc(&inner, (char)0x81);
    assert_int_equal(decode(&inner, 0), -1);
    sb_str_clear(&inner);
    for (int i = 0; i < SB_FTDC_MAX_DEPTH + 1; i++) {
        bson_t outer = BSON_INITIALIZER;
        BSON_APPEND_DOCUMENT(&outer, "d", &deep);
        bson_destroy(&deep);
        bson_steal(&deep, &outer);
    }
    put_chunk(&inner, &deep, zero, 0, 1);
    assert_int_equal(decode(&inner, 0), -1);
    sb_str_release(&inner);
    bson_destroy(&ref);
    bson_destroy(&deep);
}

/* A gigabyte of zeros is a megabyte packed: it must cost no more than what it claims to be. */
static void a_bomb_does_not_go_off(void **state)
{
    (void)state;
    struct sb_str inner;
    bson_t ref = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ref, "n", 0);
    sb_str_init(&inner);
    sb_str_add(&inner, bson_get_data(&ref), ref.len);
    for (size_t i = 0; i < 64u << 20; i++)
        sb_str_addc(&inner, 0);
    assert_true(sb_str_ok(&inner));
    assert_int_equal(decode(&inner, 100000), -1);
    sb_str_release(&inner);
    bson_destroy(&ref);
}

/* ---- folders ---- */

static void a_folder_is_read_in_order_and_nothing_twice(void **state)
{
    (void)state;
    char dir[200], path[256];
    struct sb_str file;
    size_t ends[3];
    three(&file, ends);
    snprintf(dir, sizeof dir, "%s/diagnostic.data", folder());
    assert_int_equal(mkdir(dir, 0700), 0);
    static const char *const names[] = {"metrics.interim", "metrics.2024-01-02T00-00-00Z-00000", "metrics.2024-01-01T00-00-00Z-00000",
                                        "metrics.interim.temp", "other"};
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        file.p[9] = (char)i; /* the first byte of _id */
        sb_assert_ok(sb_file_write(path, 0600, file.p, ends[0], &err), err);
    }
    struct sb_ftdc *f = sb_ftdc_open(dir, &err);
    struct sb_ftdc_doc doc;
    static const int order[] = {2, 1, 0};
    assert_non_null(f);
    for (size_t i = 0; i < SB_COUNT(order); i++) {
        assert_int_equal(sb_ftdc_next(f, &doc, &err), 1);
        assert_int_equal(doc.at_ms, order[i]);
        assert_int_equal(doc.chunk.skip, order[i] == 0 ? 20 : 0); /* the archives have them all */
    }
    assert_int_equal(sb_ftdc_next(f, &doc, &err), 0);
    assert_int_equal(sb_ftdc_permille(f), 1000);
    sb_ftdc_close(f);
    assert_null(sb_ftdc_open(folder(), &err)); /* without such a file */
    assert_int_equal(err.code, SB_EINPUT);
    assert_null(sb_ftdc_open("/nowhere/at/all", &err));
    assert_int_equal(err.code, SB_EINPUT);
    sb_str_release(&file);
}

/* ---- a real one ---- */

static void a_real_recording_has_what_it_is_known_to_have(void **state)
{
    (void)state;
    char file[512];
    if (!sb_test_data())
        sb_test_skip("the real recordings are not here");
    snprintf(file, sizeof file, "%s/ftdc/metrics.2024-04-16T11-34-42Z-00000", sb_test_data());
    struct sb_ftdc *f = sb_ftdc_open(file, &err);
    struct sb_ftdc_doc doc;
    size_t chunks = 0, samples = 0, least = SIZE_MAX, most = 0;
    assert_non_null(f);
    while (sb_ftdc_next(f, &doc, &err) > 0)
        if (doc.kind == SB_FTDC_METRICS) {
            chunks++;
            samples += doc.chunk.samples;
            least = doc.chunk.metrics_n < least ? doc.chunk.metrics_n : least;
            most = doc.chunk.metrics_n > most ? doc.chunk.metrics_n : most;
        }
    assert_int_equal(chunks, 65);
    assert_int_equal(samples, 19007);
    assert_int_equal(least, 2323);
    assert_int_equal(most, 2326);
    assert_int_equal(sb_ftdc_damaged(f), 0);
    sb_ftdc_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_comes_back),
        cmocka_unit_test(cut_anywhere_it_gives_what_is_whole),
        cmocka_unit_test(a_flipped_bit_costs_its_chunk_alone),
        cmocka_unit_test(what_lies_between_is_passed_over),
        cmocka_unit_test(bounds_hold_before_memory_is_asked_for),
        cmocka_unit_test(a_bomb_does_not_go_off),
        cmocka_unit_test(a_folder_is_read_in_order_and_nothing_twice),
        cmocka_unit_test(a_real_recording_has_what_it_is_known_to_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
