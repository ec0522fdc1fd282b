/* SPDX-License-Identifier: Apache-2.0
 *
 * What is looked at right before a build, on servers where it is not so: a hidden voting member that is down, a transaction
 * that was left open, a disk without room; and what policy is told of it. */
#include "lab.h"

static void approve(struct lab *l, const char *scenario, int environment)
{
    struct lab_options o = {.environment = environment, .scenario = scenario};
    lab_open(l, &o);
    lab_propose(l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(l, &l->bob), 0);
}

static void note_says(struct lab *l, const char *words)
{
    if (!l->card.note || !strstr(l->card.note, words))
        fail_msg("\"%s\" does not say \"%s\"", l->card.note ? l->card.note : "", words);
}

/* hello does not name it, and the default commit quorum waits for it all the same. */
static void a_hidden_voting_member_is_down(void **state)
{
    (void)state;
    struct lab l;
    approve(&l, "tests/e2e/gate-hidden-down.scenario", SB_ENV_STAGING);
    lab_until_state(&l, SB_STALE);
    note_says(&l, "is neither primary nor secondary");
    assert_false(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

static void there_is_no_room(void **state)
{
    (void)state;
    struct lab l;
    approve(&l, "tests/e2e/gate-disk.scenario", SB_ENV_STAGING);
    lab_until_state(&l, SB_STALE);
    note_says(&l, "bytes free on its disk; twice the index is");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

/* The health facts of the last verdict before a step. */
struct last {
    json_t *health, *plan;
};

static int take_verdict(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct last *v = ctx;
    const json_t *input = json_object_get(e->body, "input");
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind == SB_ENTRY_VERDICT && sb_streq(sb_json_str(e->body, "stage"), "execute")) {
        json_decref(v->health);
        json_decref(v->plan);
        v->health = json_deep_copy(json_object_get(input, "health"));
        v->plan = json_deep_copy(json_object_get(input, "plan"));
    }
    return 0;
}

static void policy_is_told(struct lab *l)
{
    struct last v = {NULL, NULL};
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *ledger = sb_ledger_open(l->dir, SB_LEDGER_READ, NULL, &err);
    assert_non_null(ledger);
    sb_assert_ok(sb_ledger_range(ledger, 1, 0, take_verdict, &v, &err), err);
    sb_ledger_close(ledger);
    assert_non_null(v.health);
    int64_t free_ppm = sb_json_int(v.health, "disk_free_ppm");
    assert_true(free_ppm > 0 && free_ppm <= 1000000);
    assert_true(json_is_integer(json_object_get(v.health, "oplog_window_s")) && sb_json_int(v.health, "oplog_window_s") > 0);
    assert_true(json_is_integer(json_object_get(v.health, "oldest_op_s")) && sb_json_int(v.health, "oldest_op_s") <= 10);
    assert_true(json_is_false(json_object_get(v.plan, "in_step")));
    json_decref(v.health);
    json_decref(v.plan);
}

/* It is no drift: the plan waits, says for what, and goes on when it is over. */
static void a_transaction_is_waited_for(void **state)
{
    (void)state;
    struct lab l;
    approve(&l, "tests/e2e/gate-transaction.scenario", SB_ENV_PROD);
    lab_until_state(&l, SB_SCHEDULED);
    note_says(&l, "transaction of report has been open on shop.orders for");
    assert_false(lab_has_index(&l, LAB_INDEX));
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    policy_is_told(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hidden_voting_member_is_down),
        cmocka_unit_test(there_is_no_room),
        cmocka_unit_test(a_transaction_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
