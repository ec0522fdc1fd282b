/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lines.h"

#include <signalbox/base/file.h>
#include <signalbox/formats/infile.h>
#include <signalbox/formats/source.h>

#include <bson/bson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static struct sb_err err;
static char path[128];

static const char *write_file(const void *bytes, size_t n)
{
    static const char *dir;
    if (!dir)
        dir = sb_test_dir();
    snprintf(path, sizeof path, "%s/file", dir);
    sb_assert_ok(sb_file_write(path, 0600, bytes, n, &err), err);
    return path;
}

static enum sb_infile_kind kind_of(const void *bytes, size_t n)
{
    struct sb_infile *in = sb_infile_open(write_file(bytes, n), &err);
    assert_non_null(in);
    enum sb_infile_kind kind = sb_infile_kind(in);
    assert_true(strlen(sb_infile_what(in)) > 5);
    sb_infile_close(in);
    return kind;
}

static void the_kind_is_told_by_the_content(void **state)
{
    (void)state;
    static const char log[] = "garbage before\n" LINE_44_FIND "\n";
    static const char profile[] = "{\"op\":\"query\",\"ns\":\"a.b\",\"millis\":1,\"ts\":{\"$date\":\"2021-03-04T05:06:07.089Z\"}}\n";
    static const char other[] = "{\"level\":\"info\",\"msg\":\"not ours\"}\n";
    static const char old[] = "2019-03-04T05:06:07.089+0000 I COMMAND [conn1] command shop.orders\n";
    assert_int_equal(kind_of(log, sizeof log - 1), SB_INFILE_MONGOLOG);
    assert_int_equal(kind_of(profile, sizeof profile - 1), SB_INFILE_PROFILE_JSON);
    assert_int_equal(kind_of(other, sizeof other - 1), SB_INFILE_OTHER);
    assert_int_equal(kind_of(old, sizeof old - 1), SB_INFILE_OTHER);
    assert_int_equal(kind_of("", 0), SB_INFILE_EMPTY);
    assert_int_equal(kind_of("\0\1\2\3\4\5\6\7", 8), SB_INFILE_OTHER);
    bson_t *doc = BCON_NEW("op", BCON_UTF8("query"), "ns", BCON_UTF8("a.b"), "millis", BCON_INT32(5));
    assert_int_equal(kind_of(bson_get_data(doc), doc->len), SB_INFILE_PROFILE_BSON);
    bson_destroy(doc);
    doc = BCON_NEW("_id", BCON_DATE_TIME(1700000000000), "type", BCON_INT32(1), "data", BCON_BIN(BSON_SUBTYPE_BINARY, (const uint8_t *)"abcd", 4));
    assert_int_equal(kind_of(bson_get_data(doc), doc->len), SB_INFILE_FTDC);
    bson_destroy(doc);
    doc = BCON_NEW("hello", BCON_INT32(1));
    assert_int_equal(kind_of(bson_get_data(doc), doc->len), SB_INFILE_OTHER);
    bson_destroy(doc);
}

static void real_diagnostic_data_is_recognised(void **state)
{
    (void)state;
    if (!sb_test_data())
        sb_test_skip("the recordings are not here");
    char file[512];
    snprintf(file, sizeof file, "%s/ftdc/metrics.2024-04-16T11-34-42Z-00000", sb_test_data());
    struct sb_infile *in = sb_infile_open(file, &err);
    assert_non_null(in);
    assert_int_equal(sb_infile_kind(in), SB_INFILE_FTDC);
    sb_infile_close(in);
}

/* Lines of all lengths, over the borders of blocks. */
static void every_line_comes_out_as_it_went_in(void **state)
{
    (void)state;
    size_t total = 0, cap = (size_t)3 << 20, lines = 0;
    char *bytes = malloc(cap);
    assert_non_null(bytes);
    for (size_t n = 0; total + n + 1 < cap; n = (n * 7 + 13) % 9001) {
        memset(bytes + total, 'a' + (int)(n % 26), n);
        total += n;
        bytes[total++] = '\n';
        lines++;
    }
    struct sb_infile *in = sb_infile_open(write_file(bytes, total), &err);
    assert_non_null(in);
    struct sb_span line;
    enum sb_line_end end;
    size_t at = 0;
    while (sb_infile_line(in, &line, &end, &err) > 0) {
        assert_int_equal(end, SB_LINE_WHOLE);
        assert_memory_equal(line.p, bytes + at, line.n);
        assert_int_equal(bytes[at + line.n], '\n');
        at += line.n + 1;
    }
    assert_int_equal(at, total);
    assert_int_equal(sb_infile_number(in), lines);
    assert_int_equal(sb_infile_bytes(in), total);
    assert_int_equal(sb_infile_permille(in), 1000);
    sb_infile_close(in);
    free(bytes);
}

static void a_line_that_never_ends_is_passed_over(void **state)
{
    (void)state;
    static const size_t lengths[] = {SB_INFILE_MAX_LINE, SB_INFILE_MAX_LINE + 1, SB_INFILE_MAX_LINE + 700000, (size_t)16 << 20};
    for (size_t i = 0; i < SB_COUNT(lengths); i++) {
        for (int ended = 0; ended < 2; ended++) {
            size_t n = lengths[i];
            char *bytes = malloc(n + 32);
            assert_non_null(bytes);
            memcpy(bytes, "first\n", 6);
            memset(bytes + 6, 'x', n);
            memcpy(bytes + 6 + n, "\nlast", 6);
            struct sb_infile *in = sb_infile_open(write_file(bytes, 6 + n + (ended ? 5 : 0)), &err);
            assert_non_null(in);
            struct sb_span line;
            enum sb_line_end end;
            assert_int_equal(sb_infile_line(in, &line, &end, &err), 1);
            assert_true(SB_LINE_WHOLE == end && line.n == 5);
            assert_int_equal(sb_infile_line(in, &line, &end, &err), 1);
            if (n <= SB_INFILE_MAX_LINE)
                assert_int_equal(end, ended ? SB_LINE_WHOLE : SB_LINE_UNENDED);
            else
                assert_int_equal(end, SB_LINE_TOO_LONG);
            assert_int_equal(line.n, SB_INFILE_MAX_LINE);
            assert_int_equal(line.p[line.n - 1], 'x');
            assert_int_equal(sb_infile_line(in, &line, &end, &err), ended);
            if (ended)
                assert_true(end == SB_LINE_UNENDED && line.n == 4);
            assert_int_equal(sb_infile_bytes(in), 6 + n + (ended ? 5 : 0));
            sb_infile_close(in);
            free(bytes);
        }
    }
}

static size_t gzip(void *out, size_t cap, const void *bytes, size_t n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

/* Reads everything: how many bytes, or -1. */
static int64_t read_all(const char *file, char *out, size_t cap)
{
    struct sb_source *s = sb_source_open(file, &err);
    if (!s)
        return -1;
    size_t total = 0;
    int64_t n;
    while ((n = sb_source_read(s, out + total, cap - total < 1000 ? cap - total : 1000, &err)) > 0)
        total += (size_t)n;
    sb_source_close(s);
    return n < 0 ? -1 : (int64_t)total;
}

static void gzip_is_unpacked_member_by_member_and_damage_is_said(void **state)
{
    (void)state;
    enum { N = 300000 };
    char *plain = malloc(N), *packed = malloc(N), *back = malloc(N);
    assert_true(plain && packed && back);
    for (size_t i = 0; i < N; i++)
        plain[i] = (char)('a' + (i * i / 7 + i % 11) % 26);
    size_t half = gzip(packed, N, plain, N / 2), all = half + gzip(packed + half, N - half, plain + N / 2, N - N / 2);
    assert_int_equal(read_all(write_file(packed, all), back, N), N);
    assert_memory_equal(plain, back, N);
    memset(packed + all, 0, 512); /* padding behind the last member, as tape tools leave it */
    assert_int_equal(read_all(write_file(packed, all + 512), back, N), N);
    for (size_t cut = 20; cut < all; cut += all / 37 + 1) {
        if (cut == half)
            continue; /* there a member ends: that is a whole file */
        assert_int_equal(read_all(write_file(packed, cut), back, N), -1);
        assert_int_equal(err.code, SB_EINPUT);
        assert_non_null(strstr(err.msg, "gzip"));
    }
    packed[half / 2] = (char)~packed[half / 2];
    assert_int_equal(read_all(write_file(packed, all), back, N), -1);
    free(plain);
    free(packed);
    free(back);
}

static void zstd_is_unpacked_where_its_library_is(void **state)
{
    (void)state;
    /* one raw block of six bytes (RFC 8878) */
    static const unsigned char packed[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x06, 0x31, 0x00, 0x00, 'h', 'e', 'l', 'l', 'o', '\n'};
    char back[64];
    int64_t n = read_all(write_file(packed, sizeof packed), back, sizeof back);
    if (n < 0 && strstr(err.msg, "not installed"))
        sb_test_skip("libzstd.so.1 is not here");
    assert_int_equal(n, 6);
    assert_memory_equal(back, "hello\n", 6);
    assert_int_equal(read_all(write_file(packed, sizeof packed - 3), back, sizeof back), -1);
    assert_int_equal(err.code, SB_EINPUT);
}

static void documents_are_given_one_by_one_and_damage_is_located(void **state)
{
    (void)state;
    bson_t *doc = BCON_NEW("op", BCON_UTF8("query"), "ns", BCON_UTF8("a.b"), "millis", BCON_INT32(5));
    size_t n = doc->len;
    char *bytes = malloc(10 * n);
    assert_non_null(bytes);
    for (size_t i = 0; i < 10; i++)
        memcpy(bytes + i * n, bson_get_data(doc), n);
    bson_destroy(doc);
    struct sb_infile *in = sb_infile_open(write_file(bytes, 10 * n), &err);
    assert_non_null(in);
    struct sb_span document;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(sb_infile_document(in, &document, &err), 1);
        assert_int_equal(document.n, n);
    }
    assert_int_equal(sb_infile_document(in, &document, &err), 0);
    sb_infile_close(in);
    in = sb_infile_open(write_file(bytes, 10 * n - 1), &err);
    assert_non_null(in);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(sb_infile_document(in, &document, &err), 1);
    assert_int_equal(sb_infile_document(in, &document, &err), -1);
    assert_non_null(strstr(err.msg, "ends within"));
    sb_infile_close(in);
    memset(bytes + 3 * n, 0xff, 4);
    in = sb_infile_open(write_file(bytes, 10 * n), &err);
    assert_non_null(in);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sb_infile_document(in, &document, &err), 1);
    assert_int_equal(sb_infile_document(in, &document, &err), -1);
    assert_int_equal(err.code, SB_EINPUT);
    sb_infile_close(in);
    free(bytes);
}

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    assert_null(sb_infile_open("/nonexistent/file", &err));
    assert_int_equal(err.code, SB_EINPUT);
    assert_non_null(strstr(err.msg, "/nonexistent/file"));
    assert_null(sb_infile_open("/tmp", &err));
    assert_int_equal(err.code, SB_EINPUT);
    assert_non_null(strstr(err.msg, "folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kind_is_told_by_the_content),
        cmocka_unit_test(real_diagnostic_data_is_recognised),
        cmocka_unit_test(every_line_comes_out_as_it_went_in),
        cmocka_unit_test(a_line_that_never_ends_is_passed_over),
        cmocka_unit_test(gzip_is_unpacked_member_by_member_and_damage_is_said),
        cmocka_unit_test(zstd_is_unpacked_where_its_library_is),
        cmocka_unit_test(documents_are_given_one_by_one_and_damage_is_located),
        cmocka_unit_test(what_cannot_be_opened_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
