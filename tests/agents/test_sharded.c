/* SPDX-License-Identifier: Apache-2.0
 *
 * Sharded collections: an index that is not the same on every shard is told, by $indexStats as a mongos answers it; and the index
 * that a shard key rests on is never one to drop. The replies are made by hand: this project has no mongos to record. */
#include "test.h"

#include "../../src/agents/catalogue_shards.h"
#include "../../src/agents/optimizer.h"
#include "../../src/agents/optimizer_retire.h"

#include <string.h>

#define DAY INT64_C(86400000)

static void stats(struct sb_shards *s, const char *shard, const char *name, const char *key, const char *more)
{
    char text[512];
    bson_error_t e;
    snprintf(text, sizeof text, "{\"name\":\"%s\",\"key\":%s,\"host\":\"%s-0:27018\",\"accesses\":{\"ops\":{\"$numberLong\":\"5\"},\"since\":{\"$date\":\"2026-11-01T00:00:00Z\"}},\"shard\":\"%s\"%s}", name, key, shard, shard, more);
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &e);
    if (!doc)
        fail_msg("%s: %s", text, e.message);
    assert_true(sb_shards_take(s, doc));
    bson_destroy(doc);
}

static void uneven_shards_are_told(void **state)
{
    (void)state;
    struct sb_shards s = {.n = 0};
    struct sb_catalogue c = {.ns = NULL};
    for (int i = 0; i < 3; i++) { /* several members of a shard may answer */
        char shard[16];
        snprintf(shard, sizeof shard, "shard%d", i);
        stats(&s, shard, "_id_", "{\"_id\":1}", "");
        stats(&s, shard, "_id_", "{\"_id\":1}", "");
        if (i != 1)
            stats(&s, shard, "email_1", "{\"email\":1}", "");
        stats(&s, shard, "at_1", i == 2 ? "{\"at\":-1}" : "{\"at\":1}", "");
    }
    stats(&s, "shard0", "new_1", "{\"new\":1}", ",\"building\":true"); /* not there yet: no news */
    assert_int_equal(sb_shards_tell(&s, &c), 0);
    assert_int_equal(c.uneven_n, 2);
    assert_string_equal(c.uneven[0], "email_1 is on other shards and not on shard shard1");
    assert_string_equal(c.uneven[1], "at_1 has another key on shard shard2 than on shard shard0");
    sb_catalogue_release(&c);
    sb_shards_release(&s);

    bson_t *of_member = bson_new_from_json((const uint8_t *)"{\"name\":\"a_1\",\"key\":{\"a\":1},\"host\":\"h:1\"}", -1, NULL);
    assert_false(sb_shards_take(&s, of_member));
    assert_int_equal(s.n + s.seen_n, 0);
    bson_destroy(of_member);
}

/* More shards, or indexes, than are told apart: said, and nothing of it claimed. */
static void more_than_are_compared_is_said(void **state)
{
    (void)state;
    struct sb_shards s = {.n = 0};
    struct sb_catalogue c = {.ns = NULL};
    for (int i = 0; i < SB_SHARDS_MOST + 3; i++) {
        char shard[16];
        snprintf(shard, sizeof shard, "s%d", i);
        stats(&s, shard, "_id_", "{\"_id\":1}", "");
    }
    assert_int_equal(sb_shards_tell(&s, &c), 0);
    assert_true(c.uneven_n == 0 && c.blind_n == 1);
    sb_catalogue_release(&c);
    sb_shards_release(&s);
    for (int i = 0; i < SB_SHARDS_INDEXES + 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "i%d", i);
        stats(&s, i % 2 ? "a" : "b", name, "{\"x\":1}", "");
    }
    assert_int_equal(sb_shards_tell(&s, &c), 0);
    assert_true(c.uneven_n == 0 && c.blind_n == 1);
    sb_catalogue_release(&c);
    sb_shards_release(&s);
}

static void index_of(struct sb_catalogue *c, const char *spec)
{
    struct sb_index_info *x = SB_PUSH(c->indexes);
    bson_t *doc = bson_new_from_json((const uint8_t *)spec, -1, NULL);
    assert_true(x && doc && sb_index_info_take(x, doc) == 0);
    bson_destroy(doc);
    x->members = 3;
    x->since = x->since_all = 1000;
}

static void the_index_of_the_shard_key_stays(void **state)
{
    (void)state;
    static const struct {
        bool sharded;
        const char *shard_key;
        const char *drops; /* letters of the indexes that may go, in order */
    } rows[] = {
        {false, NULL, "abcd"},
        {true, "{ \"user\" : { \"$numberInt\" : \"1\" } }", "cd"},                                        /* a, and b, which begins with it */
        {true, "{ \"user\" : { \"$numberInt\" : \"1\" }, \"at\" : { \"$numberInt\" : \"1\" } }", "acd"}, /* a does not hold all of it */
        {true, "{ \"zone\" : { \"$numberDouble\" : \"1.0\" } }", "abd"},
        {true, NULL, ""}, /* not known which: none */
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_catalogue c = {.exists = true, .knows_index_stats = true, .members = 3, .members_answered = 3, .sharded = rows[i].sharded};
        struct retire *list;
        size_t n;
        char drops[8] = "";
        assert_int_equal(sb_str_set(&c.ns, "shop.orders") || sb_str_set(&c.shard_key, rows[i].shard_key), 0);
        index_of(&c, "{\"key\":{\"user\":1},\"name\":\"a\"}");
        index_of(&c, "{\"key\":{\"user\":1,\"at\":1},\"name\":\"b\"}");
        index_of(&c, "{\"key\":{\"zone\":1},\"name\":\"c\"}");
        index_of(&c, "{\"key\":{\"other\":1},\"name\":\"d\"}");
        assert_int_equal(sb_retire_look(&c, NULL, 1000 + 30 * DAY, &list, &n), 0);
        for (size_t k = 0; k < n; k++)
            if (list[k].verdict != RETIRE_KEEP)
                strncat(drops, list[k].index->name, 1);
            else
                assert_non_null(strstr(list[k].why, "shard key"));
        if (strcmp(drops, rows[i].drops) != 0)
            fail_msg("sharded by %s: %s may go", rows[i].shard_key ? rows[i].shard_key : "nothing known", drops);
        free(list);
        sb_catalogue_release(&c);
    }
}

static void a_unique_index_begins_with_the_shard_key(void **state)
{
    (void)state;
    static const struct {
        const char *shard_key, *key;
        bool fails;
    } rows[] = {{NULL, "{\"email\":1}", false}, {"{\"user\":1}", "{\"email\":1}", true}, {"{\"user\":1}", "{\"user\":1,\"email\":1}", false}, {"{\"user\":1}", "{\"email\":1,\"user\":1}", true},
                {"{\"user\":1,\"at\":1}", "{\"user\":1}", true}, {"{\"user\":\"hashed\"}", "{\"user\":1}", true}};
    bson_t *unique = bson_new_from_json((const uint8_t *)"{\"unique\":true}", -1, NULL), *none = bson_new_from_json((const uint8_t *)"{}", -1, NULL);
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_catalogue c = {.exists = true, .sharded = rows[i].shard_key != NULL, .shard_key = (char *)(uintptr_t)rows[i].shard_key};
        struct sb_index_question q = {.catalogue = &c};
        bson_t *key = bson_new_from_json((const uint8_t *)rows[i].key, -1, NULL);
        char why[512];
        if (sb_build_fails(&q, key, unique, why, sizeof why) != rows[i].fails || sb_build_fails(&q, key, none, why, sizeof why))
            fail_msg("%s of a collection sharded by %s: %s", rows[i].key, rows[i].shard_key ? rows[i].shard_key : "nothing", why);
        bson_destroy(key);
    }
    bson_destroy(unique);
    bson_destroy(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uneven_shards_are_told), cmocka_unit_test(more_than_are_compared_is_said), cmocka_unit_test(the_index_of_the_shard_key_stays),
                                       cmocka_unit_test(a_unique_index_begins_with_the_shard_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
