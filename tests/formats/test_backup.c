/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/formats/backup.h>
#include <signalbox/formats/bsoncheck.h>
#include <signalbox/formats/checksum.h>
#include <signalbox/formats/mongodump.h>
#include <signalbox/formats/source.h>

#include <bson/bson.h>
#include <string.h>

static struct sb_err err;

/* The catalogued check values of CRC-64/XZ and CRC-32C, whole and in pieces of every length. */
static void checksums_have_their_known_values(void **state)
{
    (void)state;
    static const char digits[] = "123456789";
    unsigned char bytes[1000];
    assert_true(sb_crc64(0, digits, 9) == UINT64_C(0x995DC9BBDF1939FA));
    assert_true(sb_crc32c(0, digits, 9) == UINT32_C(0xE3069283));
    assert_true(sb_crc64(0, "", 0) == 0 && sb_crc32c(0, "", 0) == 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof bytes; i += 13) {
        assert_true(sb_crc64(sb_crc64(0, bytes, i), bytes + i, sizeof bytes - i) == sb_crc64(0, bytes, sizeof bytes));
        assert_true(sb_crc32c(sb_crc32c(0, bytes, i), bytes + i, sizeof bytes - i) == sb_crc32c(0, bytes, sizeof bytes));
    }
}

static void a_fault_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *fault;
        size_t n, at;
    } cases[] = {
        {"\5\0\0\0\0", NULL, 5, 0},
        {"\6\0\0\0\0", "whose length is impossible", 5, 0},
        {"\5\0\0\0\1", "that has no end", 5, 4},
        {"\x0a\0\0\0\x20" "a\0\0\0\0", "with a value of a type that does not exist", 10, 7},
        {"\x09\0\0\0\x08" "a\0\2\0", "with a boolean that is neither true nor false", 9, 7},
        {"\x0b\0\0\0\x10" "a\0\1\0\0\0", "with a value that runs over its end", 11, 7},
        {"\x0e\0\0\0\x02" "a\0\3\0\0\0x\0\0", "with a text whose length is impossible", 14, 7},
        {"\x0e\0\0\0\x02" "a\0\2\0\0\0xy\0", "with a text that has no end", 14, 7},
        {"\x0d\0\0\0\x03" "a\0\6\0\0\0\0\0", "with a document in it whose length is impossible", 13, 7},
        {"\x08\0\0\0\x0a" "ab\0", "with a name that has no end", 8, 5},
        {"\x08\0\0\0\0\0\0\0", "that ends before its length does", 8, 4},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_bson_look look;
        bool fine = sb_bson_whole((const unsigned char *)cases[i].bytes, cases[i].n, &look);
        if (fine != (cases[i].fault == NULL) || (cases[i].fault && (strcmp(look.fault, cases[i].fault) != 0 || look.at != cases[i].at)))
            fail_msg("case %zu: \"%s\" at %zu", i, look.fault ? look.fault : "nothing", look.at);
    }
}

static void what_is_worth_knowing_is_seen(void **state)
{
    (void)state;
    struct sb_bson_look look;
    bson_t *doc = BCON_NEW("a", "{", "_id", BCON_INT32(1), "}", "s", BCON_UTF8("\xc3\xa9"));
    assert_true(sb_bson_whole(bson_get_data(doc), doc->len, &look) && !look.has_id && !look.not_utf8);
    bson_destroy(doc);
    doc = BCON_NEW("_id", BCON_INT32(1), "s", "{", "t", BCON_CODE("\xe9"), "}");
    assert_true(sb_bson_whole(bson_get_data(doc), doc->len, &look) && look.has_id && look.not_utf8);
    bson_destroy(doc);
}

static void names_that_lead_out_are_faults(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"shop", "orders"}, {"shop", "a/b..c"}, {"shop", "system.buckets.x"}, {"shop", "$admin.system.users"}, {"", "oplog"}, {"shop", "a.."}};
    static const char *const bad[][2] = {{"shop", ""}, {"", "x"}, {"sh/op", "x"}, {"..", "x"}, {"shop", ".."}, {"shop", "a/../b"}, {"shop", "..\\x"}, {"shop", ".x"}, {"a b", "x"}};
    for (size_t i = 0; i < SB_COUNT(good); i++)
        if (sb_backup_name_fault(good[i][0], good[i][1]))
            fail_msg("%s %s: %s", good[i][0], good[i][1], sb_backup_name_fault(good[i][0], good[i][1]));
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        if (!sb_backup_name_fault(bad[i][0], bad[i][1]))
            fail_msg("%s %s passes", bad[i][0], bad[i][1]);
}

static void findings_are_bounded_and_all_are_counted(void **state)
{
    (void)state;
    struct sb_backup b;
    struct sb_backup_options options = {0};
    sb_assert_ok(sb_backup_init(&b, "x", &options, &err), err);
    b.level = 2;
    assert_true(sb_backup_usable(&b));
    sb_backup_note(&b, "note", NULL, NULL, -1, "worth knowing");
    assert_true(sb_backup_usable(&b));
    for (int i = 0; i < 1000; i++)
        sb_backup_problem(&b, "p", "file", "a.b", i, "number %d", i);
    assert_int_equal(b.problems.n, SB_BACKUP_FINDINGS);
    assert_int_equal(b.problems.all, 1000);
    assert_string_equal(b.problems.items[7].what, "number 7");
    assert_false(sb_backup_usable(&b));
    for (int i = 0; i < 3000; i++) {
        char ns[32];
        snprintf(ns, sizeof ns, "db.c%d", (i * 7919) % 3000);
        struct sb_backup_collection *c = sb_backup_collection(&b, ns);
        assert_non_null(c);
        c->documents++;
    }
    assert_int_equal(b.collections_n, 3000);
    sb_backup_sort(&b);
    for (size_t i = 0; i < b.collections_n; i++) {
        assert_int_equal(b.collections[i].documents, 1);
        assert_ptr_equal(sb_backup_collection_find(&b, b.collections[i].ns), &b.collections[i]);
        assert_true(i == 0 || strcmp(b.collections[i - 1].ns, b.collections[i].ns) < 0);
    }
    assert_null(sb_backup_collection_find(&b, "db.c3000"));
    sb_backup_release(&b);
}

/* The sum of a collection does not depend on the order of its documents, and on everything else. */
static void sums_do_not_depend_on_order(void **state)
{
    (void)state;
    static const int orders[][3] = {{1, 2, 3}, {3, 1, 2}, {1, 2, 2}, {1, 2, 4}};
    uint64_t sums[SB_COUNT(orders)][4];
    char path[256];
    snprintf(path, sizeof path, "%s", sb_test_dir());
    for (size_t i = 0; i < SB_COUNT(orders); i++) {
        struct sb_str out;
        sb_str_init(&out);
        sb_str_add(&out, "\x6d\xe2\x99\x81", 4);
        bson_t *parts[] = {BCON_NEW("version", BCON_UTF8("0.1")), BCON_NEW("db", BCON_UTF8("a"), "collection", BCON_UTF8("b"), "metadata", BCON_UTF8("{\"indexes\":[]}"))};
        for (size_t k = 0; k < 2; k++) {
            sb_str_add(&out, bson_get_data(parts[k]), parts[k]->len);
            bson_destroy(parts[k]);
        }
        sb_str_add(&out, "\xff\xff\xff\xff", 4);
        bson_t *head = BCON_NEW("db", BCON_UTF8("a"), "collection", BCON_UTF8("b"), "EOF", BCON_BOOL(false));
        sb_str_add(&out, bson_get_data(head), head->len);
        uint64_t crc = 0;
        for (size_t k = 0; k < 3; k++) {
            bson_t *doc = BCON_NEW("_id", BCON_INT32(orders[i][k]));
            sb_str_add(&out, bson_get_data(doc), doc->len);
            crc = sb_crc64(crc, bson_get_data(doc), doc->len);
            bson_destroy(doc);
        }
        bson_t *end = BCON_NEW("db", BCON_UTF8("a"), "collection", BCON_UTF8("b"), "EOF", BCON_BOOL(true), "CRC", BCON_INT64((int64_t)crc));
        sb_str_add(&out, "\xff\xff\xff\xff", 4);
        sb_str_add(&out, bson_get_data(end), end->len);
        sb_str_add(&out, "\xff\xff\xff\xff", 4);
        bson_destroy(head);
        bson_destroy(end);
        char file[300];
        snprintf(file, sizeof file, "%s/a", path);
        sb_assert_ok(sb_file_write(file, 0600, out.p, out.len, &err), err);
        sb_str_release(&out);
        struct sb_backup b;
        struct sb_backup_options options = {.sums = true};
        sb_assert_ok(sb_backup_init(&b, file, &options, &err), err);
        struct sb_source *source = sb_source_open(file, &err);
        assert_non_null(source);
        assert_true(sb_dump_archive(&b, source, "a", true));
        if (b.problems.n)
            fail_msg("%s", b.problems.items[0].what);
        assert_int_equal(b.collections_n, 1);
        assert_int_equal(b.collections[0].documents, 3);
        memcpy(sums[i], b.collections[0].sum, sizeof sums[i]);
        sb_backup_release(&b);
    }
    assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
    assert_memory_not_equal(sums[0], sums[2], sizeof sums[0]);
    assert_memory_not_equal(sums[0], sums[3], sizeof sums[0]);
}

/* A stream of one chunk: what it gives out, or -1. */
static int unpack(const char *magic, unsigned char kind, const char *body, size_t n, const char *unpacked, unsigned crc_change, char *out, size_t cap)
{
    unsigned char bytes[256] = "\xff\6\0\0";
    char file[300];
    uint32_t crc = sb_crc32c(0, unpacked, strlen(unpacked));
    crc = ((crc >> 15 | crc << 17) + 0xa282ead8u) ^ crc_change;
    memcpy(bytes + 4, magic, 6);
    bytes[10] = kind;
    bytes[11] = (unsigned char)(n + 4);
    memcpy(bytes + 14, &crc, 4);
    memcpy(bytes + 18, body, n);
    snprintf(file, sizeof file, "%s/framed", sb_test_dir());
    sb_assert_ok(sb_file_write(file, 0600, bytes, 18 + n, &err), err);
    struct sb_source *s = sb_source_open(file, &err);
    assert_non_null(s);
    assert_int_equal(sb_source_packing(s), SB_PACKING_FRAMED);
    int64_t got = sb_source_read(s, out, cap, &err);
    sb_source_close(s);
    return (int)got;
}

static void snappy_and_s2_are_unpacked_and_checked(void **state)
{
    (void)state;
    static const char copied[] = "\x0c\x0c" "abcd" "\x01\x04" "\x01\x00"; /* 12: a literal, a copy, and the same again */
    static const char far[] = "\x08\x0c" "abcd" "\x01\x05";
    char out[64];
    assert_int_equal(unpack("sNaPpY", 1, "plain", 5, "plain", 0, out, sizeof out), 5);
    assert_memory_equal(out, "plain", 5);
    assert_int_equal(unpack("sNaPpY", 1, "plaIn", 5, "plain", 0, out, sizeof out), -1);
    assert_int_equal(unpack("sNaPpY", 1, "plain", 5, "plain", 4, out, sizeof out), -1);
    assert_int_equal(unpack("S2sTwO", 0, copied, 10, "abcdabcdabcd", 0, out, sizeof out), 12);
    assert_memory_equal(out, "abcdabcdabcd", 12);
    assert_int_equal(unpack("sNaPpY", 0, copied, 10, "abcdabcdabcd", 0, out, sizeof out), -1); /* snappy does not repeat */
    assert_int_equal(unpack("S2sTwO", 0, far, 8, "abcdabcd", 0, out, sizeof out), -1); /* before the beginning */
    assert_int_equal(unpack("S2sTwO", 0, "\xff\xff\xff\xff\x0f", 5, "", 0, out, sizeof out), -1); /* a block of 4 GiB */
    assert_int_equal(unpack("S2sTwO", 2, "x", 1, "x", 0, out, sizeof out), -1); /* a kind that may not be passed over */
    assert_int_equal(unpack("S2sTwO", 0x80, "x", 1, "x", 0, out, sizeof out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_have_their_known_values),        cmocka_unit_test(a_fault_has_its_place),
        cmocka_unit_test(what_is_worth_knowing_is_seen),            cmocka_unit_test(names_that_lead_out_are_faults),
        cmocka_unit_test(findings_are_bounded_and_all_are_counted), cmocka_unit_test(sums_do_not_depend_on_order),
        cmocka_unit_test(snappy_and_s2_are_unpacked_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
