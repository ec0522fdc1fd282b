/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cache and the disk of a member count: a page is dirty as a whole, what grows at its end makes few pages dirty, and
 * what nobody has read since a build or a restart comes from the disk. */
#include "rig.h"

#include <signalbox/sim/life.h>

#define DOCS 4000
#define TEXT 500 /* about two megabytes: 60 pages and more */

static struct rig r;

static void insert_batch(const char *coll, int from, int n)
{
    char pad[TEXT + 1];
    struct sim_w w;
    memset(pad, 'x', TEXT);
    pad[TEXT] = '\0';
    sim_w_init(&w);
    sim_w_text(&w, "insert", coll);
    sim_w_array(&w, "documents");
    for (int i = from; i < from + n; i++) {
        sim_w_doc(&w, NULL);
        sim_w_i32(&w, "_id", i);
        sim_w_i32(&w, "k", i * 7919 % 10007);
        sim_w_text(&w, "pad", pad);
        sim_w_end(&w);
    }
    sim_w_end(&w);
    const uint8_t *reply = rig_send(&r, 0, "shop", sim_w_done(&w));
    assert_int_equal(rig_int(reply, "n"), n);
    sim_w_release(&w);
}

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    for (int i = 0; i < DOCS; i += 500)
        insert_batch("orders", i, 500);
    rig_pass(&r, 90); /* a checkpoint has written all that */
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    return 0;
}

static int64_t cache(const char *name)
{
    char path[120];
    snprintf(path, sizeof path, "wiredTiger.cache.%s", name);
    return rig_int(rig_ok_on(&r, 0, "admin", "{'serverStatus':1}"), path);
}

static void update(int id)
{
    char command[120];
    snprintf(command, sizeof command, "{'update':'orders','updates':[{'q':{'_id':%d},'u':{'$inc':{'n':1}}}]}", id);
    rig_ok(&r, "shop", command);
}

static void test_a_page_is_dirty_as_a_whole(void **state)
{
    (void)state;
    int64_t page = (int64_t)r.s->costs.page_bytes, pages = DOCS * TEXT / page, before = cache("tracked dirty bytes in the cache");
    for (int i = 0; i < 10; i++)
        update(i * 397);
    int64_t ten = cache("tracked dirty bytes in the cache") - before;
    assert_in_range(ten, 8 * page, 11 * page);
    for (int i = 0; i < 1000; i++) /* in the end every page of it, and no more than there are */
        update(i * 397 % DOCS);
    int64_t all = cache("tracked dirty pages in the cache");
    assert_in_range(all, pages - 1, 2 * pages);
    for (int i = 0; i < 1000; i++)
        update(i * 397 % DOCS);
    assert_in_range(cache("tracked dirty pages in the cache"), all, all + 2);
    rig_pass(&r, 70); /* a checkpoint has written them; what a reader of the last minutes may ask for stays */
    assert_in_range(cache("tracked dirty pages in the cache"), all / 10, all * 6 / 10);
    rig_pass(&r, 300);
    assert_true(cache("tracked dirty pages in the cache") < all / 10);
}

static void test_what_is_appended_grows_pages(void **state)
{
    (void)state;
    int64_t bytes = cache("tracked dirty bytes in the cache"), pages = cache("tracked dirty pages in the cache");
    insert_batch("import", 0, 2000);
    bytes = cache("tracked dirty bytes in the cache") - bytes;
    pages = cache("tracked dirty pages in the cache") - pages;
    assert_true(bytes > 2000 * TEXT);
    assert_true(pages * (int64_t)r.s->costs.page_bytes * 4 < bytes);
}

static void test_the_target_holds(void **state)
{
    (void)state;
    r.s->costs.cache_bytes = 16 << 20; /* a target of 25 pages */
    int64_t evicted = cache("modified pages evicted");
    for (int i = 0; i < 600; i++) {
        update(i * 397 % DOCS);
        rig_pass(&r, 0.02);
    }
    assert_in_range(cache("tracked dirty bytes in the cache"), (16 << 20) / 40, (16 << 20) / 18);
    assert_true(cache("modified pages evicted") - evicted > 100);
}

static void test_a_built_index_comes_from_the_disk(void **state)
{
    (void)state;
    int64_t none = cache("pages read into cache"), written = cache("pages written from cache");
    update(1);
    assert_int_equal(cache("pages read into cache"), none);
    rig_ok(&r, "shop", "{'createIndexes':'orders','indexes':[{'key':{'k':1},'name':'k_1'}]}");
    assert_true(cache("pages written from cache") > written);
    for (int i = 0; i < 1000; i++)
        update(i * 397 % DOCS);
    int64_t read = cache("pages read into cache") - none;
    assert_in_range(read, 1, 20);
    for (int i = 0; i < 1000; i++) /* by now it is there */
        update(i * 397 % DOCS);
    assert_int_equal(cache("pages read into cache") - none, read);
}

static void test_a_new_process_has_nothing_in_its_cache(void **state)
{
    (void)state;
    struct sim_member *m = &r.s->member[0];
    int64_t used = cache("bytes currently in the cache");
    sim_kill(m);
    rig_pass(&r, 1);
    sim_restart(m);
    rig_pass(&r, 5);
    assert_non_null(r.conn[0] = sim_conn_open(m, "127.0.0.1:50000", false));
    r.conn[0]->answer = rig_answer;
    r.conn[0]->owner = &r;
    int64_t cold = cache("bytes currently in the cache");
    assert_true(cold < used - DOCS * TEXT * 3 / 4);
    rig_ok(&r, "shop", "{'count':'orders','query':{'pad':'y'},'$readPreference':{'mode':'secondaryPreferred'}}");
    assert_true(cache("pages read into cache") > DOCS * TEXT / (int64_t)r.s->costs.page_bytes / 2);
    assert_true(cache("bytes currently in the cache") > cold + DOCS * TEXT / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_page_is_dirty_as_a_whole, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_appended_grows_pages, begin, end),
        cmocka_unit_test_setup_teardown(test_the_target_holds, begin, end),
        cmocka_unit_test_setup_teardown(test_a_built_index_comes_from_the_disk, begin, end),
        cmocka_unit_test_setup_teardown(test_a_new_process_has_nothing_in_its_cache, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
