/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of other sizes than three: four and five members, arbiters, a set that has lost its majority; and a member that copies the data
 * anew. Then seeded accidents of all kinds, after which every member that bears data must have the same. */
#include "rig.h"

#include <signalbox/sim/clients.h>
#include <signalbox/sim/initial_sync.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/scenario.h>

#define DATA                                                                                                                                         \
    "collection shop.orders 3000\n field _id \"seq('o')\"\n field a \"int(1, 50)\"\n field text \"text(40)\"\n index a_1 \"{a: 1}\"\n"              \
    "collection shop.carts 500\n field _id \"seq('c')\"\n"                                                                                           \
    "app shop clients 2\n update shop.orders rate 4 filter \"{_id: int(1, 3000)}\" update \"{$set: {a: int(1, 50)}}\"\n insert shop.carts rate 2 document \"{_id: seq('c')}\"\n"

struct set {
    struct sim_scenario *sc;
    struct sim *s;
    struct sim_w w;
    uint8_t *late;
};

static void begin(struct set *x, uint64_t seed, int members, const char *rows)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = sb_format("%s%s", rows, DATA);
    memset(x, 0, sizeof *x);
    x->sc = sim_scenario_parse(text, strlen(text), "test", "test", &err);
    sb_assert_ok(x->sc ? 0 : -1, err);
    free(text);
    struct sim_setup setup = {.seed = seed, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = "test", .port = {27017, 27018, 27019, 27020, 27021},
                              .members = members, .pid = 4242};
    x->s = sim_new(&setup, &err);
    sb_assert_ok(x->s ? 0 : -1, err);
    sb_assert_ok(sim_clients_load(x->s, x->sc, &err), err);
    sim_w_init(&x->w);
}

static void end(struct set *x)
{
    sim_w_release(&x->w);
    free(x->late);
    sim_free(x->s);
    sim_scenario_free(x->sc);
}

static void pass(struct set *x, double seconds)
{
    sim_run_until(x->s, x->s->now + (int64_t)(seconds * 1e6));
}

static void take_late(struct sim_conn *c, const uint8_t *reply)
{
    struct set *x = c->owner;
    free(x->late);
    x->late = malloc(sim_doc_len(reply));
    memcpy(x->late, reply, sim_doc_len(reply));
}

/* A command on a connection of its own; lives until the next one. */
static const uint8_t *ask(struct set *x, int member, const char *db, const char *json)
{
    bson_t *b = rig_json(json);
    struct sim_w body;
    const uint8_t *reply = NULL;
    struct sim_conn *conn = sim_conn_open(&x->s->member[member], "127.0.0.1:50000", false);
    assert_non_null(conn);
    conn->answer = take_late;
    conn->owner = x;
    sim_w_init(&body);
    sim_w_all(&body, bson_get_data(b));
    sim_w_text(&body, "$db", db);
    sim_w_doc(&body, "$readPreference");
    sim_w_text(&body, "mode", "primaryPreferred");
    sim_w_end(&body);
    struct sim_request rq = {.body = sim_w_done(&body)};
    rq.bytes = sim_doc_len(rq.body);
    free(x->late);
    x->late = NULL;
    if (sim_dispatch(conn, &rq, &x->w, &reply) == SIM_LATER) {
        for (int i = 0; i < 100000 && !x->late; i++)
            sim_run_until(x->s, sim_next_event(x->s));
        reply = x->late;
    }
    assert_non_null(reply);
    bson_destroy(b);
    sim_w_release(&body);
    sim_conn_close(conn);
    return reply;
}

static int64_t code(struct set *x, int member, const char *db, const char *json)
{
    return sim_int(sim_find(ask(x, member, db, json), "code"), 0);
}

static void gives(struct set *x, int member, const char *db, const char *json, const char *path, const char *want)
{
    rig_same_text(json, rig_at(ask(x, member, db, json), path), want);
}

/* The states as `by` sees them, a digit each. */
static void see(struct set *x, int by, const char *want)
{
    char is[SIM_MEMBERS_MAX + 1] = "";
    const uint8_t *reply = ask(x, by, "admin", "{'replSetGetStatus': 1}");
    for (int i = 0; i < x->s->members; i++) {
        char path[40];
        snprintf(path, sizeof path, "members.%d.state", i);
        is[i] = (char)('0' + rig_int(reply, path));
    }
    assert_string_equal(is, want);
}

static int primary_of(struct set *x)
{
    for (int i = 0; i < 600 && !sim_primary(x->s); i++)
        pass(x, 0.1);
    assert_non_null(sim_primary(x->s));
    return sim_primary(x->s)->id;
}

static void same_data(struct set *x)
{
    const char *const names[] = {"shop.orders", "shop.carts"};
    char *want = NULL;
    sim_spread(x->s); /* what is only on its way */
    for (int i = 0; i < x->s->members; i++) {
        if (!sim_bears_data(&x->s->member[i])) {
            assert_null(sim_coll_find(&x->s->member[i].cat, "shop.orders"));
            continue;
        }
        char *is = rig_at(ask(x, i, "shop", "{'dbHash': 1}"), "md5");
        if (want && strcmp(is, want) != 0)
            fail_msg("member %d has other data than an earlier one", i);
        free(want);
        want = is;
        for (size_t k = 0; k < SB_COUNT(names); k++)
            assert_int_equal(sim_coll_find(&x->s->member[i].cat, names[k])->indexes, sim_coll_find(&x->s->member[0].cat, names[k])->indexes);
    }
    free(want);
}

/* ---- sizes ---- */

static void five_with_an_arbiter(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 3, 5, "members 5\nmember 3 priority 0\nmember 4 arbiter\n");
    pass(&x, 20);
    see(&x, 0, "12227");
    see(&x, 4, "12227");
    gives(&x, 0, "admin", "{'hello': 1}", "hosts", "['127.0.0.1:27017','127.0.0.1:27018','127.0.0.1:27019']");
    gives(&x, 0, "admin", "{'hello': 1}", "passives", "['127.0.0.1:27020']");
    gives(&x, 0, "admin", "{'hello': 1}", "arbiters", "['127.0.0.1:27021']");
    gives(&x, 4, "admin", "{'hello': 1}", "arbiterOnly", "true");
    gives(&x, 4, "admin", "{'hello': 1}", "secondary", "false");
    gives(&x, 0, "admin", "{'replSetGetConfig': 1}", "config.members.4.arbiterOnly", "true");
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "members.4.stateStr", "'ARBITER'");
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "members.4.optime", "missing");
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "votingMembersCount", "5");
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "writableVotingMembersCount", "4");
    assert_int_equal(code(&x, 4, "shop", "{'find': 'orders'}"), SIM_RECOVERS);
    assert_int_equal(code(&x, 4, "shop", "{'insert': 'orders', 'documents': [{'a': 1}]}"), SIM_NOT_PRIMARY);
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'm'}], 'writeConcern': {'w': 'majority'}}", "writeConcernError", "missing");
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'w4'}], 'writeConcern': {'w': 4}}", "writeConcernError", "missing");
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'w5'}], 'writeConcern': {'w': 5}}", "writeConcernError.code", "100");
    gives(&x, 0, "shop", "{'createIndexes': 'orders', 'indexes': [{'key': {'text': 1}, 'name': 't'}]}", "ok", "1"); /* the arbiter's vote is not waited for */
    pass(&x, 20);
    same_data(&x);
    sim_kill(&x.s->member[4]);
    pass(&x, 20);
    see(&x, 0, "12228");
    sim_restart(&x.s->member[4]);
    pass(&x, 5);
    see(&x, 0, "12227");
    end(&x);
}

/* Two of three are left, one of them without data: there is a primary, and nothing is committed by a majority. */
static void an_arbiter_keeps_the_primary(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 3, 3, "member 2 arbiter\n");
    pass(&x, 15);
    sim_kill(&x.s->member[1]);
    pass(&x, 60);
    see(&x, 0, "187");
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'one'}], 'writeConcern': {'w': 1}}", "n", "1");
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'two'}], 'writeConcern': {'w': 'majority', 'wtimeout': 2000}}", "writeConcernError.code", "64");
    sim_kill(&x.s->member[0]); /* an arbiter alone leads nobody */
    pass(&x, 60);
    see(&x, 2, "887");
    sim_restart(&x.s->member[1]);
    pass(&x, 60);
    see(&x, 2, "817"); /* with the arbiter's vote, though it lacks what the first one had alone */
    sim_restart(&x.s->member[0]);
    pass(&x, 120);
    assert_int_equal(x.s->member[0].role.rbid, 2);
    gives(&x, primary_of(&x), "shop", "{'count': 'orders', 'query': {'_id': 'one'}}", "n", "0");
    pass(&x, 20);
    same_data(&x);
    end(&x);
}

static void a_majority_is_lost(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 5, 5, "members 5\n");
    pass(&x, 15);
    see(&x, 0, "12222");
    for (int i = 2; i < 5; i++)
        sim_kill(&x.s->member[i]);
    pass(&x, 5);
    see(&x, 0, "12888"); /* it waits for the others as long as for an election */
    pass(&x, 20);
    see(&x, 0, "22888");
    assert_null(sim_primary(x.s));
    assert_int_equal(code(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'a': 1}]}"), SIM_NOT_PRIMARY);
    for (int i = 0; i < 2; i++)
        gives(&x, i, "shop", "{'find': 'orders', 'filter': {'_id': 7}, 'projection': {'_id': 1}}", "cursor.firstBatch", "[{'_id':7}]");
    pass(&x, 300);
    see(&x, 1, "22888");
    sim_restart(&x.s->member[4]);
    primary_of(&x);
    for (int i = 2; i < 4; i++)
        sim_restart(&x.s->member[i]);
    pass(&x, 60);
    see(&x, 0, "12222"); /* who has the most priority takes over again */
    same_data(&x);
    end(&x);
}

static void four_vote(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 5, 4, "members 4\n");
    pass(&x, 15);
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "majorityVoteCount", "3");
    sim_kill(&x.s->member[3]);
    pass(&x, 30);
    see(&x, 0, "1228");
    sim_kill(&x.s->member[2]); /* two of four are no majority */
    pass(&x, 30);
    see(&x, 0, "2288");
    end(&x);
}

/* ---- initial sync ---- */

static void a_member_copies_the_data(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 7, 3, "");
    pass(&x, 15);
    struct sim_member *m = &x.s->member[2];
    int64_t pid = m->pid;
    sim_resync(m);
    assert_true(m->up && m->pid != pid);
    assert_null(sim_coll_find(&m->cat, "shop.orders"));
    pass(&x, 3);
    see(&x, 0, "125");
    see(&x, 2, "125");
    assert_int_equal(code(&x, 2, "shop", "{'find': 'orders'}"), SIM_RECOVERS);
    gives(&x, 2, "admin", "{'replSetGetStatus': 1, 'initialSync': 0}", "initialSyncStatus", "missing");
    gives(&x, 0, "admin", "{'replSetGetStatus': 1}", "initialSyncStatus", "missing");
    gives(&x, 2, "admin", "{'replSetGetStatus': 1, 'initialSync': 't'}", "code", "14");
    int64_t before = -1;
    for (int i = 0; i < 5; i++) {
        const uint8_t *r = ask(&x, 2, "admin", "{'replSetGetStatus': 1}");
        int64_t total = rig_int(r, "initialSyncStatus.approxTotalDataSize"), copied = rig_int(r, "initialSyncStatus.approxTotalBytesCopied");
        assert_true(copied > before && copied < total && rig_int(r, "initialSyncStatus.remainingInitialSyncEstimatedMillis") > 0);
        assert_true(rig_int(r, "initialSyncStatus.databases.shop.collections") == 2);
        before = copied;
        pass(&x, 2);
    }
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'meanwhile'}], 'writeConcern': {'w': 3, 'wtimeout': 500}}", "writeConcernError.code", "64");
    gives(&x, 0, "shop", "{'insert': 'orders', 'documents': [{'_id': 'both'}], 'writeConcern': {'w': 'majority'}}", "writeConcernError", "missing");
    sim_kill(m); /* all that was copied is lost */
    pass(&x, 5);
    sim_restart(m);
    pass(&x, 15);
    see(&x, 0, "125");
    pass(&x, 30);
    see(&x, 0, "122");
    gives(&x, 2, "shop", "{'find': 'orders', 'filter': {'_id': 'meanwhile'}}", "cursor.firstBatch", "[{'_id':'meanwhile'}]");
    gives(&x, 2, "admin", "{'replSetGetStatus': 1}", "initialSyncStatus", "missing");
    pass(&x, 10);
    same_data(&x);
    for (int i = 0; i < 2; i++) /* it waits until there is somebody to copy from */
        sim_kill(&x.s->member[i]);
    sim_resync(m);
    pass(&x, 60);
    see(&x, 2, "885");
    for (int i = 0; i < 2; i++)
        sim_restart(&x.s->member[i]);
    pass(&x, 90);
    see(&x, 2, "122");
    same_data(&x);
    end(&x);
}

/* An index is built while a member copies: it has it in the end. */
static void a_build_meanwhile(void **state)
{
    struct set x;
    (void)state;
    begin(&x, 9, 4, "members 4\n");
    pass(&x, 15);
    sim_resync(&x.s->member[3]);
    pass(&x, 2);
    gives(&x, 0, "shop", "{'createIndexes': 'orders', 'indexes': [{'key': {'text': 1}, 'name': 't'}]}", "ok", "1"); /* waits for its vote */
    pass(&x, 60);
    see(&x, 0, "1222");
    same_data(&x);
    assert_non_null(sim_coll_find(&x.s->member[3].cat, "shop.orders"));
    assert_int_equal(sim_coll_find(&x.s->member[3].cat, "shop.orders")->indexes, 3);
    end(&x);
}

/* ---- accidents ---- */

static void an_accident(struct set *x, struct sb_rng *rng)
{
    struct sim_member *m = &x->s->member[rig_below(rng, (unsigned)x->s->members)];
    switch (rig_below(rng, 8)) {
    case 0: sim_kill(m); break;
    case 1: case 2: case 3: sim_restart(m); break;
    case 4: sim_hang(m); break;
    case 5: sim_wake(m); break;
    case 6:
        if (!m->hung && !m->primary)
            sim_resync(m);
        break;
    default: break;
    }
}

static void after_accidents_all_have_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct set x;
        struct sb_rng rng;
        begin(&x, seed, seed % 2 ? 5 : 4, seed % 3 ? "members 5\nmember 3 arbiter\n" : "members 5\n");
        sb_rng_seed(&rng, seed);
        for (int i = 0; i < 25; i++) {
            pass(&x, rig_below(&rng, 20));
            an_accident(&x, &rng);
        }
        for (int i = 0; i < x.s->members; i++) {
            sim_wake(&x.s->member[i]);
            sim_restart(&x.s->member[i]);
        }
        pass(&x, 240);
        for (int i = 0; i < x.s->members; i++) {
            enum sim_member_state st = x.s->member[i].role.state;
            if (st != SIM_IS_PRIMARY && st != SIM_IS_SECONDARY && st != SIM_IS_ARBITER)
                fail_msg("seed %d: member %d is %s", (int)seed, i, sim_state_name(st));
        }
        gives(&x, primary_of(&x), "shop", "{'insert': 'orders', 'documents': [{'_id': 'last'}], 'writeConcern': {'w': 'majority', 'wtimeout': 60000}}", "writeConcernError", "missing");
        same_data(&x);
        end(&x);
    }
}

/* ---- what a scenario may say ---- */

static void rows_of_members(void **state)
{
    (void)state;
    static const char *const bad[] = {"members 6\n", "members 0\n", "members\n", "member 0 arbiter\n", "member 1 arbiter hidden\n", "member 1 arbiter priority 1\n",
                                      "member 1 arbiter votes 0\n", "member 5 priority 1\n", "at 1s resync\n", "at 1s resync 5\n", "at 1s resync primary\n"};
    static const char good[] = "members 5\nmember 4 arbiter\nmember 3 priority 0\nat 1s resync 2\nat 2s kill 4\n";
    for (size_t i = 0; i <= SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        const char *text = i < SB_COUNT(bad) ? bad[i] : good;
        struct sim_scenario *sc = sim_scenario_parse(text, strlen(text), "rows", "rows", &err);
        if ((sc != NULL) != (i == SB_COUNT(bad)))
            fail_msg("%s: %s", text, sc ? "taken" : err.msg);
        if (!sc)
            assert_non_null(strstr(err.msg, "rows:1: "));
        sim_scenario_free(sc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_with_an_arbiter), cmocka_unit_test(an_arbiter_keeps_the_primary), cmocka_unit_test(a_majority_is_lost),
        cmocka_unit_test(four_vote),            cmocka_unit_test(a_member_copies_the_data),     cmocka_unit_test(a_build_meanwhile),
        cmocka_unit_test(rows_of_members),      cmocka_unit_test(after_accidents_all_have_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
