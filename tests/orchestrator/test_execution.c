/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan that runs, and everything that may come in between: drift before it starts, pause, resume, stop and roll back
 * while it runs, and somebody else who builds at the same time. */
#include "lab.h"

#include <semaphore.h>
#include <signalbox/base/hook.h>

#define SLOW "tests/e2e/crash-slow-build.scenario"

static const struct lab_options staging = {.environment = SB_ENV_STAGING};
static const struct lab_options slow = {.environment = SB_ENV_STAGING, .scenario = SLOW};

/* Readings are counted from when `counting` is set; those behind the first wait for their turn to be told. */
static atomic_bool counting;
static atomic_int readings;
static sem_t told[4];

void sb_hook(const char *point)
{
    if (!atomic_load(&counting) || strcmp(point, "check.read") != 0)
        return;
    int n = atomic_fetch_add(&readings, 1) + 1;
    if (n >= 2 && n <= 3)
        sem_wait(&told[n]);
}

static int decide(struct lab *l, int type)
{
    return lab_ask(l, &l->bob, lab_decision(l, type, l->card.hash, l->card.target, "a test wants it"));
}

static void says(struct lab *l, const char *words)
{
    if (!strstr(l->answer, words))
        fail_msg("\"%s\" does not say \"%s\"", l->answer, words);
}

/* ---- before it starts ---- */

static void an_index_that_somebody_else_made(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"customer_id\": 1, \"created_at\": -1}, \"name\": \"theirs\"}]}");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_STALE);
    assert_non_null(strstr(l.card.note, "an index on this key now: theirs"));
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l.card.approvals[0].voided)
        lab_wait(&l, until);
    assert_int_equal(lab_approve(&l, &l.bob), 1);
    says(&l, "stale cannot be approved");
    /* measured anew it stays stale as long as it is, and no longer */
    assert_int_equal(decide(&l, SB_ASK_REFRESH), 0);
    lab_until_notice(&l, "stays stale");
    assert_int_equal(l.card.state, SB_STALE);
    lab_command(&l, "shop", "{\"dropIndexes\": \"orders\", \"index\": \"theirs\"}");
    assert_int_equal(decide(&l, SB_ASK_REFRESH), 0);
    lab_until_state(&l, SB_AWAITING_APPROVAL);
    assert_int_equal(decide(&l, SB_ASK_REFRESH), 1);
    says(&l, "cannot be measured anew");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

static void a_collection_that_is_gone(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    lab_command(&l, "shop", "{\"drop\": \"orders\"}");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_STALE);
    assert_non_null(strstr(l.card.note, "shop.orders")); /* gone, or another one of the same name: the load goes on inserting */
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

static void *build_theirs(void *arg)
{
    struct lab *l = arg;
    mongoc_client_t *client = mongoc_client_new_from_uri(mongoc_client_get_uri(l->client));
    bson_t *command = bson_new_from_json((const uint8_t *)"{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"theirs\"}]}", -1, NULL);
    mongoc_client_command_simple(client, "shop", command, NULL, NULL, NULL); /* fails when the test drops it */
    bson_destroy(command);
    mongoc_client_destroy(client);
    return NULL;
}

static void somebody_else_builds(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, build_theirs, &l), 0);
    lab_until_index(&l, "theirs");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_STALE);
    assert_non_null(strstr(l.card.note, "theirs is being built"));
    lab_command(&l, "shop", "{\"dropIndexes\": \"orders\", \"index\": \"theirs\"}");
    pthread_join(thread, NULL);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

/* Two cards for one collection, approved together: the second waits for the first, and says so. */
static void one_at_a_time(void **state)
{
    (void)state;
    struct lab l;
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    char *first = sb_format("%s", l.card.id), *hash = sb_format("%s", l.card.hash);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "create an index on shop.orders {total: 1}")), 0);
    while (sb_streq(l.card.id, first) || l.card.state != SB_AWAITING_APPROVAL)
        lab_wait(&l, until);
    char *second = sb_format("%s", l.card.id);
    assert_int_equal(lab_approve(&l, &l.bob), 0); /* the second goes first */
    lab_until_state(&l, SB_EXECUTING);
    struct sb_message *m = lab_decision(&l, SB_ASK_APPROVE, hash, NULL, NULL);
    assert_int_equal(sb_str_set(&((struct sb_decision_on *)m->body)->card, first), 0);
    assert_int_equal(lab_ask(&l, &l.bob, m), 0);
    while (!sb_streq(l.card.id, first) || l.card.state != SB_SCHEDULED)
        lab_wait(&l, until);
    if (!strstr(l.card.note, second) || !strstr(l.card.note, "executing on shop.orders"))
        fail_msg("%s waits for %s", first, l.card.note);
    while (!sb_streq(l.card.id, first) || l.card.state != SB_WATCHING) {
        lab_wait(&l, until);
        if (sb_streq(l.card.id, first) && (l.card.state == SB_FAILED || l.card.state == SB_STALE))
            fail_msg("%s", l.card.note);
    }
    free(first);
    free(second);
    free(hash);
    lab_close(&l);
}

/* ---- while it runs ---- */

static void a_build_is_not_paused(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_index(&l, LAB_INDEX);
    lab_until_state(&l, SB_EXECUTING);
    assert_int_equal(decide(&l, SB_ASK_PAUSE), 0);
    says(&l, "An index build cannot be paused");
    lab_until_state(&l, SB_PAUSED);
    assert_int_equal(decide(&l, SB_ASK_PAUSE), 1);
    assert_int_equal(decide(&l, SB_ASK_RESUME), 0); /* while the command is away: nothing is sent a second time */
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
}

/* Paused and resumed over and over, from the build on until everything is read back. */
static void resumed_while_it_is_read_back(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_index(&l, LAB_INDEX);
    assert_int_equal(decide(&l, SB_ASK_PAUSE), 0);
    for (int i = 0; i < 200 && l.card.state != SB_WATCHING; i++) {
        decide(&l, SB_ASK_RESUME);
        decide(&l, SB_ASK_PAUSE);
        lab_take(&l, &l.alice, 0, 50);
        if (l.card.state == SB_FAILED)
            fail_msg("it failed: %s", l.card.note);
    }
    decide(&l, SB_ASK_RESUME); /* it may have been paused last */
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
}

static void a_stop_aborts_the_build(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_index(&l, LAB_INDEX);
    lab_until_state(&l, SB_EXECUTING);
    assert_int_equal(decide(&l, SB_ASK_STOP), 0);
    says(&l, "aborted with dropIndexes");
    lab_until_state(&l, SB_FAILED);
    lab_until_notice(&l, "what it had begun is gone");
    assert_false(lab_has_index(&l, LAB_INDEX));
    assert_int_equal(decide(&l, SB_ASK_RESUME), 1);
    assert_int_equal(decide(&l, SB_ASK_STOP), 1);
    assert_int_equal(decide(&l, SB_ASK_CLOSE), 0);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 2);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_RESULT, NULL), 2);
}

static void a_roll_back_overtakes_the_build(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &slow);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_index(&l, LAB_INDEX);
    lab_until_state(&l, SB_EXECUTING);
    assert_int_equal(decide(&l, SB_ASK_ROLLBACK), 0);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_false(lab_has_index(&l, LAB_INDEX));
    assert_int_equal(decide(&l, SB_ASK_ROLLBACK), 1);
    says(&l, "cannot be rolled back");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_RESULT, NULL), 2);
}

/* Rolled back at once: the undo may be sent before the server has seen the command. */
static void rolled_back_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct lab l;
        lab_open(&l, &staging);
        lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
        assert_int_equal(lab_approve(&l, &l.bob), 0);
        int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
        while (decide(&l, SB_ASK_ROLLBACK) != 0) { /* not while it is only approved */
            lab_wait(&l, until);
            assert_int_not_equal(l.card.state, SB_FAILED);
        }
        lab_until_state(&l, SB_ROLLED_BACK);
        assert_false(lab_has_index(&l, LAB_INDEX));
        lab_close(&l);
    }
}

static int first_verified(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    char *check = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind == SB_ENTRY_STEP_VERIFIED && !check[0])
        snprintf(check, 64, "%s", sb_json_str(json_array_get(json_object_get(e->body, "checks"), 0), "check"));
    return 0;
}

/* The reading back of the step is still away when a roll back is decided, sent and answered. When it comes at last it says
 * that the index is built: that proves nothing about the undo. */
static void a_reading_that_was_overtaken(void **state)
{
    (void)state;
    struct lab l;
    struct sb_err err = SB_ERR_INIT;
    char check[64] = "";
    for (size_t i = 0; i < SB_COUNT(told); i++)
        sem_init(&told[i], 0, 0);
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    atomic_store(&counting, true); /* the first reading is that before the step, the second that behind it */
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (atomic_load(&readings) < 2)
        lab_wait(&l, until);
    assert_int_equal(decide(&l, SB_ASK_ROLLBACK), 0);
    while (atomic_load(&readings) < 3) /* the third is that of the undo, which has been answered */
        lab_wait(&l, until);
    sem_post(&told[2]);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "status")), 0); /* by now it has been told */
    assert_int_not_equal(l.card.state, SB_ROLLED_BACK);
    sem_post(&told[3]);
    lab_until_state(&l, SB_ROLLED_BACK);
    atomic_store(&counting, false);
    lab_close(&l);
    struct sb_ledger *ledger = sb_ledger_open(l.dir, SB_LEDGER_READ, NULL, &err);
    assert_non_null(ledger);
    sb_assert_ok(sb_ledger_range(ledger, 1, 0, first_verified, check, &err), err);
    sb_ledger_close(ledger);
    assert_string_equal(check, "index_gone");
}

static void what_cannot_be_done_in_a_state(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    static const int early[] = {SB_ASK_PAUSE, SB_ASK_RESUME, SB_ASK_STOP, SB_ASK_ROLLBACK, SB_ASK_CLOSE, SB_ASK_REFRESH};
    for (size_t i = 0; i < SB_COUNT(early); i++) {
        assert_int_equal(decide(&l, early[i]), 1);
        says(&l, "a card that is awaiting approval cannot");
    }
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_REJECT, NULL, NULL, NULL)), 2);
    says(&l, "a reason is needed");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    static const int watching[] = {SB_ASK_APPROVE, SB_ASK_PAUSE, SB_ASK_RESUME, SB_ASK_STOP, SB_ASK_CLOSE, SB_ASK_REJECT};
    for (size_t i = 0; i < SB_COUNT(watching); i++) {
        assert_int_equal(decide(&l, watching[i]), 1);
        says(&l, "a card that is watching cannot");
    }
    assert_int_equal(decide(&l, SB_ASK_ROLLBACK), 0);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_false(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
}

/* What all other tests here rest on: a write that no intent stands for is noticed, and so is one that is sent once too often. */
static void the_wire_notices(void **state)
{
    (void)state;
    static const char *const words[] = {"for the 1. time, and the record holds 0 intents", "for the 2. time, and the record holds 1 intents"};
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    bson_t *command = bson_new_from_json((const uint8_t *)l.card.steps[0].action, -1, NULL), own = BSON_INITIALIZER;
    assert_non_null(command);
    lab_stop(&l);
    assert_int_equal(l.wire.sent_n, 1);
    assert_int_equal(l.wire.problems.len, 0);
    mongoc_client_t *client = mongoc_client_new(l.wire.uri);
    bson_copy_to_excluding_noinit(command, &own, "$db", NULL);
    assert_true(mongoc_client_command_simple(client, "shop", &own, NULL, NULL, NULL)); /* the same bytes again */
    bson_t *other = BCON_NEW("drop", BCON_UTF8("orders"));
    assert_true(mongoc_client_command_simple(client, "shop", other, NULL, NULL, NULL));
    mongoc_client_destroy(client);
    bson_destroy(command);
    bson_destroy(&own);
    bson_destroy(other);
    assert_int_equal(l.wire.sent_n, 3);
    for (size_t i = 0; i < SB_COUNT(words); i++)
        if (!l.wire.problems.p || !strstr(l.wire.problems.p, words[i]))
            fail_msg("the wire does not say \"%s\", but: %s", words[i], l.wire.problems.p ? l.wire.problems.p : "");
    l.wire.problems.len = 0; /* they were meant */
    lab_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wire_notices),
        cmocka_unit_test(an_index_that_somebody_else_made),
        cmocka_unit_test(a_collection_that_is_gone),
        cmocka_unit_test(somebody_else_builds),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_build_is_not_paused),
        cmocka_unit_test(resumed_while_it_is_read_back),
        cmocka_unit_test(a_stop_aborts_the_build),
        cmocka_unit_test(a_roll_back_overtakes_the_build),
        cmocka_unit_test(rolled_back_at_once),
        cmocka_unit_test(a_reading_that_was_overtaken),
        cmocka_unit_test(what_cannot_be_done_in_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
