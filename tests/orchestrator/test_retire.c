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

/* The first answer that is not "not connected yet". */
static void connected(struct lab *l, const char *request)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (ask(l, request) == 3) {
        lab_take(l, &l->alice, 0, 100);
        assert_true(sb_mono_ms() < until);
    }
}

/* Longer, and with more to wait for; not shorter than it has to be, and nothing else. */
static void its_watch_can_be_edited(struct lab *l)
{
    assert_int_not_equal(lab_edit(l, &l->bob, "watch_window_s", "3599"), 0);
    says(l, "watch_window_s must be between 3600 and 86400: what runs less often than that is not seen");
    assert_int_not_equal(lab_edit(l, &l->bob, "name", "another"), 0);
    says(l, "hides an index as it is: of such a card only how it is watched can be edited (watch_window_s, watch_events)");
    assert_int_not_equal(lab_edit(l, &l->bob, "watch_window", "7200"), 0);
    assert_int_equal(lab_edit(l, &l->bob, "watch_window_s", "7200"), 0);
    lab_until_revision(l, 2);
    assert_int_equal(l->card.watch.window_s, 7200);
    assert_string_equal(l->card.index_name, "t");
    assert_non_null(strstr(l->card.steps[0].action, "\"hidden\" : true"));
    lab_until_state(l, SB_AWAITING_APPROVAL);
}

static void hidden_watched_and_shown_again(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    connected(&l, "retire unused indexes on shop.orders");
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
    its_watch_can_be_edited(&l);
    assert_int_equal(lab_approve(&l, &l.alice), 0); /* who edits it does not approve it */
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

/* A third member answers nobody, or does again. */
static void mute(struct lab *l, bool on)
{
    struct sb_err err = SB_ERR_INIT;
    bson_error_t e;
    json_t *ready = sb_json_parse(l->line, strlen(l->line), "sim", SB_JSON_ALLOW_REAL, &err);
    char *uri = sb_format("mongodb://%s/?directConnection=true", json_string_value(json_array_get(json_object_get(ready, "members"), 2)));
    mongoc_client_t *client = mongoc_client_new(uri);
    bson_t *command = on ? BCON_NEW("configureFailPoint", BCON_UTF8("signalboxWire"), "mode", BCON_UTF8("alwaysOn"), "data", "{", "fault", BCON_UTF8("cut"), "}")
                         : BCON_NEW("configureFailPoint", BCON_UTF8("signalboxWire"), "mode", BCON_UTF8("off"));
    if (!mongoc_client_command_simple(client, "admin", command, NULL, NULL, &e))
        fail_msg("%s", e.message);
    bson_destroy(command);
    mongoc_client_destroy(client);
    free(uri);
    json_decref(ready);
}

/* The window is an hour, so its verdict is written down here, as an owner would that ends right behind it: the next one goes on from
 * there. */
static void passes(struct lab *l, bool while_one_is_mute)
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
    if (while_one_is_mute)
        mute(l, true);
    lab_start(l, &staging);
}

static void is_drop_of_t(const struct lab *l, const char *hid)
{
    assert_string_equal(l->card.after, hid);
    assert_string_equal(l->card.index_name, "t");
    assert_int_equal(l->card.steps_n, 1);
    assert_non_null(strstr(l->card.steps[0].action, "\"dropIndexes\" : \"orders\", \"index\" : \"t\""));
    assert_non_null(strstr(l->card.steps[0].undo, "\"createIndexes\" : \"orders\""));
    assert_non_null(strstr(l->card.steps[0].undo, "\"hidden\" : true"));
}

/* Up to a card that has hidden t and whose window has passed. Its id; the caller frees it. */
static char *hide_t(struct lab *l, bool one_is_mute)
{
    lab_open(l, &staging);
    lab_command(l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": 1, \"customer_id\": 1}, \"name\": \"tc\"}]}");
    lab_propose(l, "retire unused indexes on shop.orders", SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(l, &l->bob), 0);
    lab_until_state(l, SB_WATCHING);
    char *hid = sb_format("%s", l->card.id);
    passes(l, one_is_mute);
    return hid;
}

/* Up to the card that drops t. The id of the one that hid it; the caller frees it. */
static char *propose_drop(struct lab *l)
{
    char *hid = hide_t(l, false);
    until(l, SB_KIND_DROP_INDEX, SB_AWAITING_APPROVAL);
    is_drop_of_t(l, hid);
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

/* It is shown: no other card comes, and the case says why; the stale one is left to a person. */
static void it_is_not_proposed_again(struct lab *l, const char *hid)
{
    (void)hid;
    lab_until_notice(l, "that t is dropped is not proposed: it is not hidden any more");
}

/* Another card takes its place; a person rejects that one. */
static void it_is_proposed_again_and_declined(struct lab *l, const char *hid)
{
    char *stale = sb_format("%s", l->card.id);
    until(l, SB_KIND_DROP_INDEX, SB_AWAITING_APPROVAL);
    is_drop_of_t(l, hid);
    assert_string_not_equal(l->card.id, stale);
    assert_int_equal(lab_ask(l, &l->bob, lab_decision(l, SB_ASK_REJECT, l->card.hash, l->card.target, "it is needed in December")), 0);
    until(l, SB_KIND_DROP_INDEX, SB_REJECTED);
    connected(l, "retire unused indexes on shop.orders");
    says(l, "t of shop.orders stays: tc begins with its key, but it is hidden already");
    lab_stop(l);
    lab_start(l, &staging);
    connected(l, "how is the cluster?");
    free(stale);
}

/* The card goes stale by these commands; then what comes of that: so many cards have been written. */
static void stale(const char *behind[], size_t n, const char *note, void (*then)(struct lab *l, const char *hid), int64_t cards)
{
    struct lab l;
    char *hid = propose_drop(&l);
    for (size_t i = 0; i < n; i++)
        lab_command(&l, "shop", behind[i]);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    until(&l, SB_KIND_DROP_INDEX, SB_STALE);
    if (!strstr(l.card.note, note))
        fail_msg("\"%s\" does not say \"%s\"", l.card.note, note);
    then(&l, hid);
    assert_true(lab_has_index(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 1);
    assert_int_equal(lab_entries(&l, SB_ENTRY_RECOMMENDATION, NULL), cards);
    free(hid);
}

static void not_when_it_was_used_meanwhile(void **state)
{
    (void)state;
    const char *behind[] = {"{\"collMod\": \"orders\", \"index\": {\"name\": \"t\", \"hidden\": false}}", "{\"find\": \"orders\", \"filter\": {\"total\": 1}, \"hint\": \"t\", \"limit\": 1}"};
    stale(behind, SB_COUNT(behind), "t was used", it_is_not_proposed_again, 2);
}

static void not_when_its_counters_were_set_back(void **state)
{
    (void)state;
    const char *behind[] = {"{\"dropIndexes\": \"orders\", \"index\": \"t\"}",
                            "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\", \"hidden\": true}]}"};
    stale(behind, SB_COUNT(behind), "the counters of t were set back", it_is_proposed_again_and_declined, 3);
}

/* A member that does not say whether the index was used: not now, with the reason; it answers again, and the card is there. */
static void dropped_later_when_a_member_was_away(void **state)
{
    (void)state;
    struct lab l;
    char *hid = hide_t(&l, true);
    lab_until_notice(&l, "that t is dropped is not proposed yet, and tried again: only 2 of 3 members");
    mute(&l, false);
    until(&l, SB_KIND_DROP_INDEX, SB_AWAITING_APPROVAL);
    is_drop_of_t(&l, hid);
    lab_close(&l);
    free(hid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_watched_and_shown_again),
        cmocka_unit_test(not_when_the_other_is_gone),
        cmocka_unit_test(dropped_when_its_watch_has_passed),
        cmocka_unit_test(not_when_it_was_used_meanwhile),
        cmocka_unit_test(not_when_its_counters_were_set_back),
        cmocka_unit_test(dropped_later_when_a_member_was_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
