/* SPDX-License-Identifier: Apache-2.0
 *
 * The address of a shard as the config database has it: what is taken apart, and what is not an address. */
#include "test.h"

#include <signalbox/base/compiler.h>
#include <signalbox/mongo/server.h>

#include <string.h>

static void what_is_an_address(void **state)
{
    static const struct {
        const char *host;
        size_t hosts; /* 0: it is none */
        const char *set, *last;
    } tries[] = {
        {"shard0/a:27017", 1, "shard0", "a:27017"},
        {"rs-1/a.example:1,b.example:2,10.0.0.3:65535", 3, "rs-1", "10.0.0.3:65535"},
        {"rs/[::1]:27017", 1, "rs", "[::1]:27017"},
        {"a:27017", 0, NULL, NULL},
        {"/a:27017", 0, NULL, NULL},
        {"rs/", 0, NULL, NULL},
        {"rs/a", 0, NULL, NULL},
        {"rs/:1", 0, NULL, NULL},
        {"rs/a:1,,b:2", 0, NULL, NULL},
        {"rs/a:1,user:secret@b:2", 0, NULL, NULL},
        {"rs/a:1?tls=false", 0, NULL, NULL},
        {"rs/a:1 b:2", 0, NULL, NULL},
        {"", 0, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(tries); i++) {
        struct sb_shard s = {0};
        int rc;
        bool good = sb_shard_parse(tries[i].host, &s, &rc);
        assert_int_equal(rc, 0);
        if (good != (tries[i].hosts > 0))
            fail_msg("\"%s\" is %s", tries[i].host, good ? "taken" : "refused");
        if (good) {
            assert_int_equal(s.hosts_n, tries[i].hosts);
            assert_string_equal(s.set, tries[i].set);
            assert_string_equal(s.hosts[s.hosts_n - 1], tries[i].last);
        }
        sb_shard_release(&s);
    }
}

static void a_long_list_is_refused(void **state)
{
    struct sb_shard s = {0};
    struct sb_str text;
    int rc;
    (void)state;
    sb_str_init(&text);
    sb_str_adds(&text, "rs/");
    for (int i = 0; i <= SB_SHARD_HOSTS_MOST; i++)
        sb_str_addf(&text, "%sh%d:1", i ? "," : "", i);
    assert_false(sb_shard_parse(text.p, &s, &rc));
    assert_int_equal(rc, 0);
    assert_true(s.hosts_n <= SB_SHARD_HOSTS_MOST);
    sb_shard_release(&s);
    sb_str_release(&text);
}

static void a_member_is_known_by_its_shard(void **state)
{
    struct sb_shard shards[2] = {{0}};
    struct sb_deployment_facts f = {.shards = shards, .shards_n = 2};
    char first[] = "first", second[] = "second";
    int rc;
    (void)state;
    assert_true(sb_shard_parse("a/h:1,h:2", &shards[0], &rc) && sb_shard_parse("b/h:3", &shards[1], &rc));
    shards[0].name = first;
    shards[1].name = second;
    assert_string_equal(sb_shard_of(&f, "h:2"), "first");
    assert_string_equal(sb_shard_of(&f, "h:3"), "second");
    assert_null(sb_shard_of(&f, "h:4"));
    shards[0].name = shards[1].name = NULL;
    sb_shard_release(&shards[0]);
    sb_shard_release(&shards[1]);
    f.hello.is_mongos = true;
    assert_true(sb_hello_replicated(&f.hello));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_an_address), cmocka_unit_test(a_long_list_is_refused), cmocka_unit_test(a_member_is_known_by_its_shard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
