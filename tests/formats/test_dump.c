/* SPDX-License-Identifier: Apache-2.0
 *
 * A dump into a folder that is sealed: opened with its key only, and one thing with its manifest. */
#include "test.h"

#include <signalbox/formats/dumpwrite.h>
#include <signalbox/formats/mongodump.h>

#include <bson/bson.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

#define DOCUMENTS 5000

static struct sb_err err;
static const struct sb_seal_key key = {{1, 2, 3}}, other = {{4}};
static char above[64], path[80];

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)at;
    return kind == FTW_DP ? rmdir(name) : unlink(name);
}

static void add(struct sb_dump_writer *w, int n)
{
    for (int i = 0; i < n; i++) {
        bson_t *doc = BCON_NEW("_id", BCON_INT32(i), "text", BCON_UTF8("as long as a document is"));
        sb_assert_ok(sb_dump_writer_add(w, bson_get_data(doc), doc->len, &err), err);
        bson_destroy(doc);
    }
}

static int set_up(void **state)
{
    (void)state;
    snprintf(above, sizeof above, "/tmp/signalbox-dump-XXXXXX");
    assert_non_null(mkdtemp(above));
    snprintf(path, sizeof path, "%s/dump", above);
    struct sb_dump_writer *w = sb_dump_writer_new(path, &key, &err);
    json_t *about = json_object();
    assert_non_null(w);
    sb_assert_ok(sb_dump_writer_metadata(w, "shop", "orders", "{\"indexes\":[],\"collectionName\":\"orders\"}", "collection", &err), err);
    sb_assert_ok(sb_dump_writer_open(w, "shop", "orders", &err), err);
    add(w, DOCUMENTS);
    sb_assert_ok(sb_dump_writer_metadata(w, "shop", "none", "{\"indexes\":[],\"collectionName\":\"none\"}", "collection", &err), err);
    sb_assert_ok(sb_dump_writer_open(w, "shop", "none", &err), err);
    sb_assert_ok(sb_dump_writer_finish(w, "7.0.14", about, &err), err);
    sb_dump_writer_free(w);
    json_decref(about);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(above, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Its level and the first problem's code, "" where there is none. */
static const char *look(const struct sb_seal_key *with, bool quick, int level, uint64_t documents)
{
    struct sb_backup_options options = {.key = with, .quick = quick};
    static char code[40];
    struct sb_backup b;
    sb_assert_ok(sb_backup_init(&b, path, &options, &err), err);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    b.encrypted = 0;
    sb_dump_root(&b, dir);
    close(dir);
    assert_int_equal(b.encrypted, 1);
    assert_int_equal(b.level, level);
    const struct sb_backup_collection *c = sb_backup_collection_find(&b, "shop.orders");
    assert_true((c ? c->documents : 0) == documents);
    snprintf(code, sizeof code, "%s", b.problems.n ? b.problems.items[0].code : "");
    sb_backup_release(&b);
    return code;
}

static void it_is_opened_with_its_key_only(void **state)
{
    (void)state;
    assert_string_equal(look(&key, false, 2, DOCUMENTS), "");
    assert_string_equal(look(&key, true, 1, 0), "");
    assert_string_equal(look(NULL, false, 0, 0), "key_missing");
    assert_string_equal(look(&other, false, 0, 0), "key_wrong");
}

static void put(const char *name, const char *bytes, size_t n, int flags)
{
    char file[160];
    snprintf(file, sizeof file, "%s/%s", path, name);
    int fd = open(file, O_WRONLY | O_CLOEXEC | flags, 0600);
    assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

static void whatever_is_altered_is_found(void **state)
{
    char file[160], aside[160];
    (void)state;
    put("shop/more.bson", "\5\0\0\0\0", 5, O_CREAT | O_EXCL);
    assert_string_equal(look(&key, true, 0, 0), "not_listed");
    snprintf(file, sizeof file, "%s/shop/more.bson", path);
    assert_int_equal(unlink(file), 0);
    snprintf(file, sizeof file, "%s/" SB_DUMP_MANIFEST, path);
    snprintf(aside, sizeof aside, "%s/aside", above);
    assert_int_equal(rename(file, aside), 0);
    assert_string_equal(look(&key, true, 0, 0), "manifest_missing");
    assert_int_equal(rename(aside, file), 0);
    put("shop/orders.bson", "x", 1, O_APPEND);
    assert_string_equal(look(&key, true, 0, 0), "size_mismatch");
    put("shop/orders.bson", "\5\0\0\0\0", 5, O_TRUNC);
    assert_string_equal(look(&key, true, 0, 0), "not_sealed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_opened_with_its_key_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_is_altered_is_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
