/* SPDX-License-Identifier: Apache-2.0
 *
 * What others alter, by two looks: each kind is told in its words, what was not read is not gone, and an application that comes and
 * goes is new once. */
#include "test.h"

#include <signalbox/agents/alterations.h>

#include <string.h>

static void add(struct sb_setup *l, enum sb_fact_kind kind, const char *scope, const char *name, const char *value)
{
    assert_int_equal(sb_setup_add(l, kind, scope, name, value), 0);
}

/* Everything that is read of a small set. */
static void read_all(struct sb_setup *l)
{
    static const struct {
        enum sb_fact_kind kind;
        const char *scope;
    } read[] = {{SB_FACT_COLLECTION, ""}, {SB_FACT_INDEX, "shop.orders"}, {SB_FACT_VALIDATOR, "shop.orders"}, {SB_FACT_PARAMETER, "a:1"}, {SB_FACT_FCV, ""},
                {SB_FACT_TOPOLOGY, ""}, {SB_FACT_VERSION, "a:1"}, {SB_FACT_PROCESS, "a:1"}, {SB_FACT_CLIENT, ""}};
    for (size_t i = 0; i < SB_COUNT(read); i++)
        assert_int_equal(sb_setup_mark(l, read[i].kind, read[i].scope), 0);
}

static void as_it_was(struct sb_setup *l)
{
    read_all(l);
    add(l, SB_FACT_COLLECTION, "", "shop.orders", "");
    add(l, SB_FACT_INDEX, "shop.orders", "_id_", "{}");
    add(l, SB_FACT_INDEX, "shop.orders", "email_1", "{ \"key\" : { \"email\" : 1 } }");
    add(l, SB_FACT_VALIDATOR, "shop.orders", "validator", "");
    add(l, SB_FACT_PARAMETER, "a:1", "cursorTimeoutMillis", "600000");
    add(l, SB_FACT_FCV, "", "version", "6.0");
    add(l, SB_FACT_TOPOLOGY, "", "a:1", "priority 1");
    add(l, SB_FACT_TOPOLOGY, "", "b:1", "priority 1");
    add(l, SB_FACT_VERSION, "a:1", "version", "7.0.14");
    add(l, SB_FACT_PROCESS, "a:1", "process", "66f1");
    add(l, SB_FACT_CLIENT, "", "checkout", "PyMongo 4.5");
}

struct told {
    char text[2000];
    int n, alters;
    char ns[64], app[64];
};

static void take(void *ctx, const struct sb_alteration *a)
{
    struct told *t = ctx;
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%s\n", a->what);
    snprintf(t->ns, sizeof t->ns, "%s", a->ns ? a->ns : "");
    snprintf(t->app, sizeof t->app, "%s", a->app ? a->app : "");
    t->n++;
    t->alters += a->alters;
}

static struct told compare(struct sb_setup *before, struct sb_setup *now)
{
    struct told t = {.n = 0};
    assert_int_equal(sb_setup_compare(before, now, take, &t), 0);
    return t;
}

static void each_kind_is_told(void **state)
{
    (void)state;
    static const struct {
        enum sb_fact_kind kind;
        const char *name, *value; /* value NULL: it goes */
        const char *said, *ns, *app;
        bool alters;
    } changes[] = {
        {SB_FACT_COLLECTION, "shop.carts", "", "collection shop.carts was made", "shop.carts", "", false},
        {SB_FACT_COLLECTION, "shop.orders", NULL, "collection shop.orders is gone", "shop.orders", "", true},
        {SB_FACT_INDEX, "state_1", "{}", "index state_1 of shop.orders was made: {}", "shop.orders", "", false},
        {SB_FACT_INDEX, "email_1", NULL, "index email_1 of shop.orders is gone: { \"key\" : { \"email\" : 1 } }", "shop.orders", "", true},
        {SB_FACT_INDEX, "email_1", "{ \"hidden\" : true }", "index email_1 of shop.orders is another one: { \"hidden\" : true }, was { \"key\" : { \"email\" : 1 } }", "shop.orders", "", true},
        {SB_FACT_VALIDATOR, "validator", "{ \"a\" : 1 }", "the validator of shop.orders was set: { \"a\" : 1 }", "shop.orders", "", true},
        {SB_FACT_PARAMETER, "cursorTimeoutMillis", "1", "parameter cursorTimeoutMillis of a:1 is 1, was 600000", "", "", true},
        {SB_FACT_FCV, "version", "7.0", "the feature compatibility version is 7.0, was 6.0", "", "", true},
        {SB_FACT_TOPOLOGY, "b:1", "priority 0, hidden 1", "b:1 is priority 0, hidden 1, was priority 1", "", "", true},
        {SB_FACT_TOPOLOGY, "b:1", NULL, "b:1 left the set", "", "", true},
        {SB_FACT_TOPOLOGY, "c:1", "votes 0", "c:1 joined the set (votes 0)", "", "", true},
        {SB_FACT_VERSION, "version", "7.0.15", "a:1 runs version 7.0.15, was 7.0.14", "", "", true},
        {SB_FACT_PROCESS, "process", "66f2", "a:1 was started again", "", "", false},
        {SB_FACT_CLIENT, "batch", "Go 1.17", "application batch is new (Go 1.17)", "", "batch", false},
        {SB_FACT_CLIENT, "checkout", "PyMongo 4.6", "application checkout comes with PyMongo 4.6, was PyMongo 4.5", "", "checkout", false},
    };
    for (size_t i = 0; i < SB_COUNT(changes); i++) {
        struct sb_setup before = {0}, now = {0}, all = {0};
        as_it_was(&before);
        as_it_was(&all);
        for (size_t k = 0; k < all.n; k++)
            if (all.fact[k].kind != changes[i].kind || strcmp(all.fact[k].name, changes[i].name) != 0)
                add(&now, all.fact[k].kind, all.fact[k].scope, all.fact[k].name, all.fact[k].value);
        const char *scope = changes[i].kind == SB_FACT_INDEX || changes[i].kind == SB_FACT_VALIDATOR ? "shop.orders"
                            : changes[i].kind == SB_FACT_PARAMETER || changes[i].kind == SB_FACT_VERSION || changes[i].kind == SB_FACT_PROCESS ? "a:1" : "";
        if (changes[i].value)
            add(&now, changes[i].kind, scope, changes[i].name, changes[i].value);
        struct told t = compare(&before, &now);
        char said[200];
        snprintf(said, sizeof said, "%s\n", changes[i].said);
        assert_string_equal(t.text, said);
        assert_string_equal(t.ns, changes[i].ns);
        assert_string_equal(t.app, changes[i].app);
        assert_int_equal(t.alters, changes[i].alters);
        sb_setup_release(&before);
        sb_setup_release(&now);
        sb_setup_release(&all);
    }
}

static void what_was_not_read_is_not_gone(void **state)
{
    (void)state;
    struct sb_setup before = {0}, now = {0};
    as_it_was(&before);
    struct told t = compare(&before, &now);
    assert_int_equal(t.n, 0);
    sb_setup_release(&before);
    as_it_was(&before);
    t = compare(&now, &before); /* nor is it new when it is read at last */
    assert_int_equal(t.n, 0);
    sb_setup_release(&before);
    sb_setup_release(&now);
}

/* A look with a:1 as it is now; down: it does not answer. */
static void look_at_a(struct sb_setup *l, bool down, const char *process, const char *version)
{
    assert_int_equal(sb_setup_mark(l, SB_FACT_TOPOLOGY, ""), 0);
    add(l, SB_FACT_TOPOLOGY, "", "a:1", "priority 1");
    if (down)
        return;
    assert_int_equal(sb_setup_mark(l, SB_FACT_PROCESS, "a:1") | sb_setup_mark(l, SB_FACT_VERSION, "a:1"), 0);
    add(l, SB_FACT_PROCESS, "a:1", "process", process);
    add(l, SB_FACT_VERSION, "a:1", "version", version);
}

/* As in a rolling upgrade: what it was is held against what it is when it answers again, however often it was looked for meanwhile. */
static void a_member_that_was_down_was_started_again(void **state)
{
    (void)state;
    struct sb_setup look[5] = {0};
    struct told told[5];
    look_at_a(&look[0], false, "66f1", "7.0.14");
    look_at_a(&look[1], true, NULL, NULL);
    look_at_a(&look[2], true, NULL, NULL);
    look_at_a(&look[3], false, "66f2", "8.0.4");
    look_at_a(&look[4], false, "66f2", "8.0.4");
    for (int i = 1; i < 5; i++)
        told[i] = compare(&look[i - 1], &look[i]);
    assert_int_equal(told[1].n + told[2].n + told[4].n, 0);
    assert_string_equal(told[3].text, "a:1 runs version 8.0.4, was 7.0.14\na:1 was started again\n");
    for (int i = 0; i < 5; i++)
        sb_setup_release(&look[i]);
}

/* A collection that is gone takes with it what was known of its indexes: one of its name that is made later is another one. */
static void what_is_gone_is_not_kept(void **state)
{
    (void)state;
    struct sb_setup look[3] = {0};
    as_it_was(&look[0]);
    for (int i = 1; i < 3; i++)
        assert_int_equal(sb_setup_mark(&look[i], SB_FACT_COLLECTION, ""), 0);
    add(&look[2], SB_FACT_COLLECTION, "", "shop.orders", "");
    assert_int_equal(sb_setup_mark(&look[2], SB_FACT_INDEX, "shop.orders"), 0);
    add(&look[2], SB_FACT_INDEX, "shop.orders", "_id_", "{}");
    struct told gone = compare(&look[0], &look[1]), made = compare(&look[1], &look[2]);
    assert_string_equal(gone.text, "collection shop.orders is gone\n");
    assert_string_equal(made.text, "collection shop.orders was made\n");
    for (int i = 0; i < 3; i++)
        sb_setup_release(&look[i]);
}

static void an_application_that_comes_and_goes_is_new_once(void **state)
{
    (void)state;
    struct sb_setup look[5] = {0};
    int news = 0;
    as_it_was(&look[0]);
    for (int i = 1; i < 5; i++) {
        as_it_was(&look[i]);
        if (i % 2)
            add(&look[i], SB_FACT_CLIENT, "", "nightly", "PyMongo 4.5");
        news += compare(&look[i - 1], &look[i]).n;
    }
    assert_int_equal(news, 1);
    for (int i = 0; i < 5; i++)
        sb_setup_release(&look[i]);
}

static void its_memory_is_bounded(void **state)
{
    (void)state;
    struct sb_setup l = {0}, few = {0};
    char name[32], long_one[4000];
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    read_all(&l);
    read_all(&few);
    for (int i = 0; i < SB_FACTS_MOST + 10; i++) {
        snprintf(name, sizeof name, "p%d", i);
        int rc = sb_setup_add(&l, SB_FACT_PARAMETER, "a:1", name, long_one);
        assert_int_equal(rc, l.n < SB_FACTS_MOST || !l.full ? 0 : -1);
    }
    assert_true(l.full && l.n == SB_FACTS_MOST);
    assert_int_equal(strlen(l.fact[SB_FACTS_MOST - 1].value), 200);
    assert_int_equal(compare(&few, &l).n, 0); /* what had no room is neither new nor gone */
    assert_int_equal(compare(&l, &few).n, 0);
    sb_setup_release(&l);
    sb_setup_release(&few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_kind_is_told), cmocka_unit_test(what_was_not_read_is_not_gone),
                                       cmocka_unit_test(a_member_that_was_down_was_started_again), cmocka_unit_test(what_is_gone_is_not_kept),
                                       cmocka_unit_test(an_application_that_comes_and_goes_is_new_once), cmocka_unit_test(its_memory_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
