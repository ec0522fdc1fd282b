/* SPDX-License-Identifier: Apache-2.0
 *
 * An index that nobody needs, on a real simulator: found, hidden, watched, and shown again; or dropped by a card of its own, and made
 * anew. */
#include "lab.h"

static const struct lab_options staging = {.environment = SB_ENV_STAGING};

static bool is_hidden(struct lab *l, const char *name)
{
    mongoc_collection_t *c = mongoc_client_get_collection(l->client, "shop", "orders");
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(c, NULL);
    const bson_t *doc;
    bool hidden = false;
    while (mongoc_cursor_next(cursor, &doc)) {
        bson_iter_t it;
        if (bson_iter_init_find(&it, doc, "name") && strcmp(bson_iter_utf8(&it, NULL), name) == 0)
            hidden = bson_iter_init_find(&it, doc, "hidden") && bson_iter_as_bool(&it);
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(c);
    return hidden;
}

static void says(struct lab *l, const char *words)
{
    if (!strstr(l->answer, words))
        fail_msg("\"%s\" does not say \"%s\"", l->answer, words);
}

static int ask(struct lab *l, const char *request)
{
    return lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request));
}

static void hidden_watched_and_shown_again(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (ask(&l, "retire unused indexes on shop.orders") == 3) { /* not connected yet */
        lab_take(&l, &l.alice, 0, 100);
        assert_true(sb_mono_ms() < until);
    }
    says(&l, "no index of shop.orders is proposed to go");
    assert_int_equal(ask(&l, "retire unused indexes"), 2);
    says(&l, "Which collection?");
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": 1, \"customer_id\": 1}, \"name\": \"tc\"},"
                            "{\"key\": {\"customer_id\": -1}, \"name\": \"u\", \"sparse\": true}]}");
    lab_propose(&l, "retire unused indexes on shop", SB_AWAITING_APPROVAL); /* the database, by its name */
    assert_int_equal(l.card.kind, SB_KIND_HIDE_INDEX);
    assert_string_equal(l.card.index_name, "t");
    assert_string_equal(l.card.target, "shop.orders");
    assert_non_null(strstr(l.card.steps[0].undo, "\"hidden\" : false"));
    bool anew = false;
    for (size_t i = 0; i < l.card.evidence_n; i++)
        anew = anew || strstr(l.card.evidence[i].value, "\"createIndexes\" : \"orders\"");
    assert_true(anew);
    says(&l, "tc of shop.orders stays: not used, but its counters were set back 0 h ago");
    assert_int_equal(ask(&l, "drop redundant indexes on shop.orders"), 0);
    says(&l, "proposes this already");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    assert_true(is_hidden(&l, "t") && !is_hidden(&l, "tc"));
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_ROLLBACK, l.card.hash, l.card.target, "a test wants it")), 0);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_false(is_hidden(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 2);
}

/* What covers it is gone before it starts: then it is needed. */
static void not_when_the_other_is_gone(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": -1, \"customer_id\": 1}, \"name\": \"tc\"}]}");
    lab_propose(&l, "hide useless indexes on shop.orders", SB_AWAITING_APPROVAL);
    lab_command(&l, "shop", "{\"dropIndexes\": \"orders\", \"index\": \"tc\"}");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_STALE);
    assert_non_null(strstr(l.card.note, "tc is not there"));
    assert_false(is_hidden(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

static void until(struct lab *l, int kind, int state)
{
    int64_t end = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->have_card || l->card.kind != kind || l->card.state != state) {
        lab_take(l, &l->alice, 0, 200);
        if (sb_mono_ms() > end)
            fail_msg("no card of kind %s is %s; the last one is %s (%s); notices: %s", sb_name(&sb_card_kinds, kind), sb_name(&sb_states, state), l->have_card ? sb_name(&sb_states, l->card.state) : "not there",
                     l->have_card && l->card.note ? l->card.note : "", l->notices.p ? l->notices.p : "");
    }
}

/* The window is an hour, so its verdict is written down here, as an owner would that ends right behind it: the next one goes on from
 * there. */
static void passes(struct lab *l)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_card hid;
    int64_t end = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->card.report.opened_at)
        lab_wait(l, end);
    assert_int_equal(sb_record_copy(&sb_card_schema, &hid, &l->card), 0);
    lab_stop(l);
    hid.report.verdict = SB_VERDICT_PASS;
    assert_int_equal(sb_str_set(&hid.report.reason, "every criterion was met"), 0);
    struct sb_ledger *ledger = sb_ledger_open(l->dir, SB_LEDGER_OWN, &l->origin, &err);
    assert_non_null(ledger);
    struct sb_entry e = {.kind = SB_ENTRY_WATCH, .actor = {.principal = (char *)(uintptr_t)"orchestrator"}};
    e.body = json_pack("{s:o}", "report", sb_record_to_json(&sb_watch_report_schema, &hid.report));
    assert_non_null(e.body);
    e.plan = (struct sb_plan_ref){.case_id = hid.case_id, .deployment = hid.deployment, .card = hid.id, .revision = hid.revision, .hash = hid.hash, .simulated = hid.simulated};
    sb_assert_ok(sb_ledger_append(ledger, &e, &err), err);
    json_decref(e.body);
    sb_ledger_close(ledger);
    sb_card_release(&hid);
    lab_start(l, &staging);
}

/* Up to the card that drops t. The id of the one that hid it; the caller frees it. */
static char *propose_drop(struct lab *l)
{
    lab_open(l, &staging);
    lab_command(l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": 1, \"customer_id\": 1}, \"name\": \"tc\"}]}");
    lab_propose(l, "retire unused indexes on shop.orders", SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(l, &l->bob), 0);
    lab_until_state(l, SB_WATCHING);
    char *hid = sb_format("%s", l->card.id);
    passes(l);
    until(l, SB_KIND_DROP_INDEX, SB_AWAITING_APPROVAL);
    assert_string_equal(l->card.after, hid);
    assert_string_equal(l->card.index_name, "t");
    assert_int_equal(l->card.steps_n, 1);
    assert_non_null(strstr(l->card.steps[0].action, "\"dropIndexes\" : \"orders\", \"index\" : \"t\""));
    assert_non_null(strstr(l->card.steps[0].undo, "\"createIndexes\" : \"orders\""));
    assert_non_null(strstr(l->card.steps[0].undo, "\"hidden\" : true"));
    return hid;
}

static void dropped_when_its_watch_has_passed(void **state)
{
    (void)state;
    struct lab l;
    char *hid = propose_drop(&l);
    assert_true(is_hidden(&l, "t"));
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    until(&l, SB_KIND_DROP_INDEX, SB_WATCHING);
    assert_false(lab_has_index(&l, "t"));
    struct sb_message *m = lab_decision(&l, SB_ASK_ROLLBACK, NULL, l.card.target, "shown again?");
    assert_int_equal(sb_str_set(&((struct sb_decision_on *)m->body)->card, hid), 0);
    assert_int_not_equal(lab_ask(&l, &l.bob, m), 0);
    says(&l, "roll that back first");
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_ROLLBACK, l.card.hash, l.card.target, "a test wants it")), 0);
    until(&l, SB_KIND_DROP_INDEX, SB_ROLLED_BACK);
    assert_true(is_hidden(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 3);
    free(hid);
}

static void stale(const char *behind[], size_t n, const char *note)
{
    struct lab l;
    char *hid = propose_drop(&l);
    for (size_t i = 0; i < n; i++)
        lab_command(&l, "shop", behind[i]);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    until(&l, SB_KIND_DROP_INDEX, SB_STALE);
    if (!strstr(l.card.note, note))
        fail_msg("\"%s\" does not say \"%s\"", l.card.note, note);
    assert_true(lab_has_index(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
    free(hid);
}

static void not_when_it_was_used_meanwhile(void **state)
{
    (void)state;
    const char *behind[] = {"{\"collMod\": \"orders\", \"index\": {\"name\": \"t\", \"hidden\": false}}", "{\"find\": \"orders\", \"filter\": {\"total\": 1}, \"hint\": \"t\", \"limit\": 1}"};
    stale(behind, SB_COUNT(behind), "t was used");
}

static void not_when_its_counters_were_set_back(void **state)
{
    (void)state;
    const char *behind[] = {"{\"dropIndexes\": \"orders\", \"index\": \"t\"}",
                            "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\", \"hidden\": true}]}"};
    stale(behind, SB_COUNT(behind), "the counters of t were set back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_watched_and_shown_again),
        cmocka_unit_test(not_when_the_other_is_gone),
        cmocka_unit_test(dropped_when_its_watch_has_passed),
        cmocka_unit_test(not_when_it_was_used_meanwhile),
        cmocka_unit_test(not_when_its_counters_were_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
