/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases, the fence and the crew on three simulated members, over real sockets: one owner at a time, what is left open, a person's word,
 * maintenance, what a newer program has put there. */
#include "members.h"

#include <pthread.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/model/names.h>
#include <signalbox/mongo/fence_door.h>
#include <signalbox/shared/crew.h>
#include <signalbox/shared/lease.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#define LONG_MS 600000
#define SHORT_MS 200
#define DEP "rs:0123456789abcdef01234567"

static struct {
    struct members of;
    char name[32];
    int db;
    struct sb_store_door *door;
} lab;

static const struct sb_lease_self a = {.owner = "aaaa", .host = "one", .boot = "b1", .program = "0.1.0", .pid = 1}, b = {.owner = "$owner", .host = "$host", .boot = "b2", .program = "9.9.9", .pid = 2};

static int start(void **state)
{
    (void)state;
    return members_start(&lab.of);
}

static int end(void **state)
{
    (void)state;
    return members_end(&lab.of);
}

static int fresh(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    if (!lab.of.client)
        return 0;
    snprintf(lab.name, sizeof lab.name, "leases%d", ++lab.db);
    lab.door = sb_store_door_open(lab.of.uri, lab.name, &err);
    return lab.door ? 0 : -1;
}

static int close_door(void **state)
{
    (void)state;
    sb_store_door_close(lab.door);
    lab.door = NULL;
    return 0;
}

#define NEEDS_SIM()                                \
    do {                                           \
        if (!lab.of.client)                           \
            sb_test_skip("SIGNALBOX names no program"); \
    } while (0)

static void by_hand(const char *json)
{
    bson_error_t e = {0};
    bson_t reply, *command = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!command || !mongoc_client_command_simple(lab.of.client, lab.name, command, NULL, &reply, &e))
        fail_msg("%s: %s", json, e.message);
    bson_destroy(command);
    bson_destroy(&reply);
}

static enum sb_leased take(const struct sb_lease_self *who, int64_t ms, struct sb_lease *out)
{
    struct sb_err err = SB_ERR_INIT;
    enum sb_leased answer = sb_lease_take(lab.door, DEP, "$name", who, ms, NULL, out, &err);
    if (answer == SB_LEASE_ERROR)
        fail_msg("%s", err.msg);
    return answer;
}

static enum sb_leased open_step(const struct sb_lease_self *who, int64_t epoch, int64_t ms, int class_, bool back, struct sb_lease *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_step step = {.card = "K-000001", .step = 2, .class_ = class_, .back = back};
    enum sb_leased answer = sb_lease_open_step(lab.door, DEP, who, epoch, ms, &step, out, &err);
    if (answer == SB_LEASE_ERROR)
        fail_msg("%s", err.msg);
    return answer;
}

/* Until the store says that the lease is over, however long its clock takes. */
static void until_over(void)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease l;
    int64_t now = 0;
    assert_int_equal(sb_lease_read(lab.door, DEP, &l, &err), 1);
    do {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        sb_assert_ok(sb_store_door_now(lab.door, &now, &err), err);
    } while (now <= l.until);
}

static void one_owner_at_a_time(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_lease l;
    struct sb_err err = SB_ERR_INIT;
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_MINE);
    assert_int_equal(l.epoch, 1);
    assert_string_equal(l.name, "$name");
    assert_true(l.until - l.beat == LONG_MS);
    assert_int_equal(take(&b, LONG_MS, &l), SB_LEASE_NOT);
    assert_string_equal(l.owner, "aaaa");
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_MINE); /* the same owner goes on with its epoch */
    assert_int_equal(l.epoch, 1);
    assert_int_equal(sb_lease_renew(lab.door, DEP, &b, 1, LONG_MS, &l, &err), SB_LEASE_NOT);
    assert_int_equal(sb_lease_renew(lab.door, DEP, &a, 2, LONG_MS, &l, &err), SB_LEASE_NOT);
    assert_int_equal(sb_lease_release(lab.door, DEP, &b, 1, &l, &err), SB_LEASE_NOT);
    assert_int_equal(sb_lease_release(lab.door, DEP, &a, 1, &l, &err), SB_LEASE_MINE);
    assert_int_equal(sb_lease_release(lab.door, DEP, &a, 1, &l, &err), SB_LEASE_MINE); /* as after a lost answer */
    assert_int_equal(take(&b, LONG_MS, &l), SB_LEASE_MINE);
    assert_int_equal(l.epoch, 2);
    assert_string_equal(l.owner, "$owner");
    assert_int_equal(sb_lease_renew(lab.door, DEP, &a, 1, LONG_MS, &l, &err), SB_LEASE_NOT);
}

static void what_is_over_is_taken_but_for_what_is_open(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_lease l;
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_step none = {.card = ""};
    assert_int_equal(take(&a, SHORT_MS, &l), SB_LEASE_MINE);
    until_over();
    assert_int_equal(take(&b, SHORT_MS, &l), SB_LEASE_MINE);
    assert_int_equal(l.epoch, 2);
    assert_int_equal(open_step(&b, 2, SHORT_MS, SB_STEP_CHECKED, false, &l), SB_LEASE_MINE);
    assert_string_equal(l.open.card, "K-000001");
    until_over();
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_NOT); /* class C: never by itself */
    assert_int_equal(sb_lease_release(lab.door, DEP, &b, 2, &l, &err), SB_LEASE_NOT);
    assert_int_equal(take(&b, SHORT_MS, &l), SB_LEASE_MINE); /* its owner came back */
    assert_int_equal(l.epoch, 2);
    assert_int_equal(sb_lease_close_step(lab.door, DEP, &b, 2, SHORT_MS, &none, &l, &err), SB_LEASE_MINE);
    assert_int_equal(open_step(&b, 2, SHORT_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_MINE);
    until_over();
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_MINE); /* class I: with the step still named */
    assert_int_equal(l.epoch, 3);
    assert_int_equal(l.open.epoch, 2);
    assert_int_equal(open_step(&a, 3, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_NOT); /* until the fence is raised and it is closed */
    assert_int_equal(sb_lease_close_step(lab.door, DEP, &a, 3, LONG_MS, &none, &l, &err), SB_LEASE_MINE);
    assert_int_equal(open_step(&a, 3, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_MINE);
    assert_int_equal(open_step(&b, 2, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_NOT);
}

static int believe(void *ctx, const struct sb_lease *l, const char *statement, struct sb_err *err)
{
    (void)statement;
    return strcmp(l->forced.by, ctx) == 0 ? 0 : sb_fail(err, SB_EPOLICY, "not a word of %s", (const char *)ctx);
}

static void a_word_is_about_one_owner_epoch_and_step(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_lease seen, l;
    struct sb_err err = SB_ERR_INIT;
    struct sb_str statement;
    char carol[] = "carol", mallory[] = "mallory";
    struct sb_lease_belief belief = {.accept = believe, .ctx = mallory};
    sb_str_init(&statement);
    assert_int_equal(take(&a, SHORT_MS, &l), SB_LEASE_MINE);
    assert_int_equal(open_step(&a, 1, SHORT_MS, SB_STEP_IRREVERSIBLE, false, &seen), SB_LEASE_MINE);
    sb_assert_ok(sb_lease_statement(&seen, "carol", "$reason", &statement, &err), err);
    const struct sb_lease_word word = {.by = "carol", .reason = "$reason", .statement = statement.p};
    until_over();
    assert_int_equal(sb_lease_take_believing(lab.door, DEP, "n", &b, LONG_MS, &belief, &l, &err), SB_LEASE_NOT); /* no word yet */
    seen.open.step = 7;
    assert_int_equal(sb_lease_force(lab.door, &seen, &word, &l, &err), SB_LEASE_NOT);
    seen.open.step = 2;
    assert_int_equal(sb_lease_force(lab.door, &seen, &word, &l, &err), SB_LEASE_MINE);
    assert_string_equal(l.forced.reason, "$reason");
    assert_int_equal(take(&b, LONG_MS, &l), SB_LEASE_NOT); /* nobody has accepted it */
    assert_int_equal(sb_lease_take_believing(lab.door, DEP, "n", &b, LONG_MS, &belief, &l, &err), SB_LEASE_NOT);
    assert_non_null(strstr(belief.doubt, "not a word of mallory"));
    belief.ctx = carol;
    assert_int_equal(sb_lease_take_believing(lab.door, DEP, "n", &b, SHORT_MS, &belief, &l, &err), SB_LEASE_MINE);
    assert_int_equal(l.epoch, 2);
    assert_string_equal(l.open.card, "");
    assert_string_equal(l.forced.step.card, "K-000001");
    /* the next owner's step is another one: the old word is none about it */
    assert_int_equal(open_step(&b, 2, SHORT_MS, SB_STEP_IRREVERSIBLE, false, &l), SB_LEASE_MINE);
    until_over();
    assert_int_equal(sb_lease_take_believing(lab.door, DEP, "n", &a, LONG_MS, &belief, &l, &err), SB_LEASE_NOT);
    sb_str_release(&statement);
}

static void maintenance_lets_only_what_takes_back(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_lease l;
    struct sb_err err = SB_ERR_INIT;
    int64_t now;
    sb_assert_ok(sb_store_door_now(lab.door, &now, &err), err);
    assert_int_equal(sb_lease_hold(lab.door, DEP, "$by", "$why", now + LONG_MS, &l, &err), SB_LEASE_MINE); /* of one that nobody owns yet */
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_MINE);
    assert_true(sb_lease_held(&l));
    assert_string_equal(l.hold.by, "$by");
    assert_int_equal(open_step(&a, 1, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_NOT);
    assert_int_equal(open_step(&a, 1, LONG_MS, SB_STEP_IDEMPOTENT, true, &l), SB_LEASE_MINE);
    sb_assert_ok(sb_store_door_now(lab.door, &now, &err), err);
    assert_int_equal(sb_lease_hold(lab.door, DEP, "$by", "$why", now - 1, &l, &err), SB_LEASE_MINE); /* over by the store's clock */
    assert_int_equal(open_step(&a, 1, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_MINE);
    assert_int_equal(sb_lease_hold(lab.door, DEP, "$by", "", 0, &l, &err), SB_LEASE_MINE);
    assert_int_equal(l.hold.until, 0);
}

static void what_a_newer_program_has_put_there_stays(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_lease l;
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_step none = {.card = ""};
    bson_t doc, *filter = BCON_NEW("_id", BCON_UTF8(DEP));
    bson_iter_t it, at;
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_MINE);
    by_hand("{\"update\": \"leases\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"future\": {\"x\": 1}}}}]}");
    assert_int_equal(open_step(&a, 1, LONG_MS, SB_STEP_IDEMPOTENT, false, &l), SB_LEASE_MINE);
    assert_int_equal(sb_lease_close_step(lab.door, DEP, &a, 1, LONG_MS, &none, &l, &err), SB_LEASE_MINE);
    assert_int_equal(sb_lease_release(lab.door, DEP, &a, 1, &l, &err), SB_LEASE_MINE);
    assert_int_equal(take(&b, LONG_MS, &l), SB_LEASE_MINE);
    assert_int_equal(sb_store_door_one(lab.door, SB_LEASES, filter, &doc, &err), 1);
    assert_true(bson_iter_init(&it, &doc) && bson_iter_find_descendant(&it, "future.x", &at));
    bson_destroy(&doc);
    bson_destroy(filter);
    /* what no program would write */
    by_hand("{\"update\": \"leases\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"open\": 7, \"pid\": \"x\", \"host\": {\"a\": 1}, \"until\": {\"$date\": {\"$numberLong\": \"0\"}}}}}]}");
    assert_int_equal(sb_lease_read(lab.door, DEP, &l, &err), 1);
    assert_int_equal(l.open.class_, SB_STEP_IRREVERSIBLE);
    assert_int_equal(take(&a, LONG_MS, &l), SB_LEASE_NOT);
    by_hand("{\"update\": \"leases\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"epoch\": -3}}}]}");
    assert_int_equal(sb_lease_read(lab.door, DEP, &l, &err), -1);
}

/* ---- at the same moment ---- */

struct racer {
    pthread_t thread;
    char owner[16];
    enum sb_leased answer;
    int64_t epoch;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease *l = malloc(sizeof *l);
    struct sb_store_door *d = sb_store_door_open(lab.of.uri, lab.name, &err);
    const struct sb_lease_self me = {.owner = r->owner, .host = "h", .boot = "b", .program = "p", .pid = 1};
    r->answer = d && l ? sb_lease_take(d, DEP, "n", &me, LONG_MS, NULL, l, &err) : SB_LEASE_ERROR;
    r->epoch = l ? l->epoch : 0;
    sb_store_door_close(d);
    free(l);
    return NULL;
}

static void of_many_one_gets_it(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct racer r[8];
    int mine = 0;
    for (size_t i = 0; i < SB_COUNT(r); i++) {
        snprintf(r[i].owner, sizeof r[i].owner, "owner%zu", i);
        assert_int_equal(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
    }
    for (size_t i = 0; i < SB_COUNT(r); i++) {
        pthread_join(r[i].thread, NULL);
        assert_int_not_equal(r[i].answer, SB_LEASE_ERROR);
        assert_int_equal(r[i].epoch, 1);
        mine += r[i].answer == SB_LEASE_MINE;
    }
    assert_int_equal(mine, 1);
}

/* ---- the fence ---- */

static void the_fence_only_rises(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_err err = SB_ERR_INIT;
    struct sb_fence_seen seen;
    struct sb_deployment_facts facts;
    struct sb_server *s = sb_server_new(lab.of.uri, false, &err), *reads = sb_server_new(lab.of.uri, true, &err);
    struct sb_conn *c = sb_conn_to_primary(s, SB_LANE_CONTROL, &err);
    sb_assert_ok(sb_deployment_identify(c, &facts, &err), err);
    sb_conn_close(c);
    assert_int_equal(sb_fence_confirm(s, NULL, facts.id, 1, "a", &seen, &err), SB_FENCE_OTHERS); /* it was never raised */
    assert_int_equal(sb_fence_raise(s, NULL, facts.id, 1, "a", &seen, &err), SB_FENCE_MINE);
    assert_int_equal(sb_fence_raise(s, NULL, facts.id, 1, "a", &seen, &err), SB_FENCE_MINE);
    assert_int_equal(sb_fence_raise(s, NULL, facts.id, 1, "b", &seen, &err), SB_FENCE_OTHERS);
    assert_int_equal(sb_fence_confirm(s, NULL, facts.id, 1, "a", &seen, &err), SB_FENCE_MINE);
    assert_int_equal(sb_fence_raise(s, NULL, facts.id, 3, "b", &seen, &err), SB_FENCE_MINE);
    assert_int_equal(sb_fence_confirm(s, NULL, facts.id, 1, "a", &seen, &err), SB_FENCE_OTHERS);
    assert_int_equal(seen.epoch, 3);
    assert_string_equal(seen.owner, "b");
    assert_non_null(strstr(err.msg, "another console holds epoch 3"));
    assert_int_equal(sb_fence_raise(s, NULL, facts.id, 2, "a", &seen, &err), SB_FENCE_OTHERS);
    assert_int_equal(sb_fence_confirm(s, NULL, facts.id, 3, "b", &seen, &err), SB_FENCE_MINE);
    assert_int_equal(sb_fence_confirm(s, NULL, "rs:another", 3, "b", &seen, &err), SB_FENCE_UNKNOWN); /* nothing is written elsewhere */
    assert_int_equal(sb_fence_raise(reads, NULL, facts.id, 4, "b", &seen, &err), SB_FENCE_UNKNOWN);
    sb_deployment_facts_release(&facts);
    sb_server_free(s);
    sb_server_free(reads);
}

/* ---- the crew ---- */

static void shares_are_even(void **state)
{
    (void)state;
    char x[] = "x", y[] = "y";
    char *both[] = {x, y}, *only_y[] = {y};
    struct sb_crew_member list[] = {{.id = "1", .watches = 2, .names = both, .names_n = 2}, {.id = "2", .watches = 0, .names = only_y, .names_n = 1}, {.id = "3", .watches = 0, .draining = true, .names = both, .names_n = 2}};
    struct sb_crew others = {list, 3}, alone = {NULL, 0};
    assert_true(sb_crew_may_take(&alone, "x", 100, 1));
    assert_false(sb_crew_should_give(&alone, "x", 100));
    assert_true(sb_crew_may_take(&others, "x", 2, 1));   /* the one that has fewer cannot, or drains */
    assert_false(sb_crew_may_take(&others, "x", 3, 1));
    assert_true(sb_crew_may_take(&others, "x", 3, 8));   /* a few ahead where many are free */
    assert_false(sb_crew_may_take(&others, "y", 1, 1));
    assert_false(sb_crew_should_give(&others, "x", 3));
    assert_true(sb_crew_should_give(&others, "x", 4));
    assert_true(sb_crew_should_give(&others, "y", 2));
    assert_false(sb_crew_should_give(&others, "y", 1));
    assert_false(sb_crew_should_give(&others, "z", 100));
}

static void rows_of_other_programs_are_read_and_kept(void **state)
{
    (void)state;
    NEEDS_SIM();
    struct sb_err err = SB_ERR_INIT;
    struct sb_crew crew;
    char one[] = "shop", two[] = "$shop";
    char *names[] = {one, two};
    struct sb_crew_member me = {.id = "host:1", .host = "$h", .program = "0.1.0", .pid = 5, .watches = 2, .names = names, .names_n = 2};
    int64_t now;
    bson_t doc, *filter = BCON_NEW("_id", BCON_UTF8("host:1"));
    bson_iter_t it;
    sb_assert_ok(sb_crew_beat(lab.door, &me, &err), err);
    by_hand("{\"update\": \"supervisors\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"future\": [1, 2]}}}]}");
    by_hand("{\"insert\": \"supervisors\", \"documents\": [{\"_id\": \"gone\", \"beat\": {\"$date\": {\"$numberLong\": \"5\"}}, \"names\": []},"
            " {\"_id\": \"newer\", \"version\": 99, \"program\": \"12.0\", \"beat\": {\"$date\": {\"$numberLong\": \"4102444800000\"}}, \"names\": [\"shop\", 7], \"watches\": {\"$numberLong\": \"3\"}, \"lanes\": {\"a\": 1}}]}");
    sb_assert_ok(sb_crew_beat(lab.door, &me, &err), err);
    sb_assert_ok(sb_store_door_now(lab.door, &now, &err), err);
    sb_assert_ok(sb_crew_read(lab.door, "host:1", now, LONG_MS, &crew, &err), err);
    assert_int_equal(crew.list_n, 1);
    assert_string_equal(crew.list[0].id, "newer");
    assert_int_equal(crew.list[0].watches, 3);
    assert_int_equal(crew.list[0].names_n, 1);
    sb_crew_release(&crew);
    sb_assert_ok(sb_crew_read(lab.door, "somebody", now, LONG_MS, &crew, &err), err);
    assert_int_equal(crew.list_n, 2);
    size_t i = strcmp(crew.list[0].id, "host:1") ? 1 : 0;
    assert_string_equal(crew.list[i].host, "$h");
    assert_string_equal(crew.list[i].names[1], "$shop");
    sb_crew_release(&crew);
    assert_int_equal(sb_store_door_one(lab.door, SB_SUPERVISORS, filter, &doc, &err), 1);
    assert_true(bson_iter_init_find(&it, &doc, "future"));
    bson_destroy(&doc);
    bson_destroy(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_owner_at_a_time, fresh, close_door),
        cmocka_unit_test_setup_teardown(what_is_over_is_taken_but_for_what_is_open, fresh, close_door),
        cmocka_unit_test_setup_teardown(a_word_is_about_one_owner_epoch_and_step, fresh, close_door),
        cmocka_unit_test_setup_teardown(maintenance_lets_only_what_takes_back, fresh, close_door),
        cmocka_unit_test_setup_teardown(what_a_newer_program_has_put_there_stays, fresh, close_door),
        cmocka_unit_test_setup_teardown(of_many_one_gets_it, fresh, close_door),
        cmocka_unit_test_setup_teardown(the_fence_only_rises, fresh, close_door),
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test_setup_teardown(rows_of_other_programs_are_read_and_kept, fresh, close_door),
    };
    return cmocka_run_group_tests(tests, start, end);
}
