/* SPDX-License-Identifier: Apache-2.0
 *
 * What a decision needs to be followed, and the words in which it is refused. */
#include "lab.h"

static const struct lab_options staging = {.environment = SB_ENV_STAGING};

static void refused(struct lab *l, int rc, int status, const char *words)
{
    if (rc != status || !strstr(l->answer, words))
        fail_msg("exit %d: \"%s\", expected %d with \"%s\"", rc, l->answer, status, words);
}

static void an_approval_binds_the_bytes(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    char *first = sb_format("%s", l.card.hash);
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, NULL, NULL, NULL)), 1, "nothing is the hash of no revision of");
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, "00", NULL, NULL)), 1, "00 is the hash of no revision of");
    assert_int_equal(lab_edit(&l, &l.alice, "watch_window_s", "60"), 0);
    lab_until_revision(&l, 2);
    assert_string_not_equal(first, l.card.hash);
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, first, NULL, NULL)), 1, "has changed since it was shown");
    refused(&l, lab_edit(&l, &l.alice, "watch_window_s", "60"), 2, "nothing was changed");
    assert_false(lab_has_index(&l, LAB_INDEX));
    free(first);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
    assert_int_equal(lab_entries(&l, SB_ENTRY_REFUSED, NULL), 4);
}

static void two_approvals_are_two_persons(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = staging;
    o.policy_old[0] = "\"require\": {\"approvals\": 1}, \"message\": \"change in {target.env}\"";
    o.policy_new[0] = "\"require\": {\"approvals\": 2}, \"message\": \"change in {target.env}\"";
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.alice), 0);
    refused(&l, lab_approve(&l, &l.alice), 1, "another person is needed");
    assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
    /* an edit takes the first approval away, and the second is then the first */
    assert_int_equal(lab_edit(&l, &l.alice, "watch_window_s", "60"), 0);
    lab_until_revision(&l, 2);
    assert_int_equal(sb_card_approvals(&l.card), 0);
    assert_true(l.card.approvals_n == 1 && l.card.approvals[0].voided);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.alice), 0);
    lab_until_state(&l, SB_WATCHING);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "start"), 1);
}

static void in_prod_not_by_its_author_and_with_its_target(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_PROD};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_edit(&l, &l.alice, "watch_window_s", "60"), 0);
    lab_until_revision(&l, 2);
    refused(&l, lab_approve(&l, &l.alice), 4, "wrote this revision");
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, l.card.hash, NULL, NULL)), 4, "(from a shell: --target shop.orders)");
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, l.card.hash, "shop.Orders", NULL)), 4, "type the target's name");
    struct lab_seat older, same; /* a console of before may not show all that is approved */
    lab_sit_how(&l, &older, 65534, "console", SB_PROTOCOL - 1);
    lab_sit_how(&l, &same, 65534, "console", SB_PROTOCOL);
    refused(&l, lab_ask(&l, &older, lab_decision(&l, SB_ASK_APPROVE, l.card.hash, "shop.orders", NULL)), 1, "this console is older than the program");
    assert_int_equal(lab_ask(&l, &same, lab_decision(&l, SB_ASK_APPROVE, l.card.hash, "shop.orders", NULL)), 0);
    lab_until_state(&l, SB_WATCHING);
    refused(&l, lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_ROLLBACK, NULL, "shop", NULL)), 4, "type the target's name");
    lab_close(&l);
    sb_queue_free(older.news);
    sb_queue_free(same.news);
}

static void nobody_decides_in_time(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = staging;
    o.approve_within_s = 1;
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_EXPIRED);
    refused(&l, lab_approve(&l, &l.bob), 1, "cannot be approved");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_APPROVAL, NULL), 0);
}

static void it_is_not_started_in_time(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = staging;
    o.execute_within_s = 3;
    o.policy_old[0] = "\"when\": {\"health.lag_s\": {\"ge\": 10}}"; /* the gate never opens */
    o.policy_new[0] = "\"when\": {\"health.lag_s\": {\"ge\": 0}}";
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_EXPIRED);
    assert_false(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

/* A clock that is set back prolongs nothing: the same deadline by the monotonic clock counts too. */
static void the_clock_is_set_back(void **state)
{
    (void)state;
    struct sb_origin origin;
    struct sb_orchestrator o = {.opt = {.origin = &origin}};
    sb_origin_system(&origin);
    int64_t wall = sb_origin_wall_ms(&origin), mono = sb_mono_ms();
    assert_true(sb_o_overdue(&o, wall - 1000, mono + 1000));
    assert_true(sb_o_overdue(&o, wall + 7200000, mono - 1000));
    assert_false(sb_o_overdue(&o, wall + 60000, mono + 60000));
    assert_false(sb_o_overdue(&o, 0, 0));
}

static void read_only_decides_nothing(void **state)
{
    (void)state;
    static const int asks[] = {SB_ASK_APPROVE, SB_ASK_REJECT, SB_ASK_PAUSE, SB_ASK_RESUME, SB_ASK_STOP, SB_ASK_ROLLBACK, SB_ASK_REFRESH, SB_ASK_CLOSE};
    struct lab l;
    struct lab_options o = staging;
    o.read_only = true;
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    for (size_t i = 0; i < SB_COUNT(asks); i++)
        refused(&l, lab_ask(&l, &l.alice, lab_decision(&l, asks[i], l.card.hash, l.card.target, "a reason")), 4, "read-only");
    refused(&l, lab_edit(&l, &l.alice, "watch_window_s", "60"), 4, "read-only");
    assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
    lab_close(&l);
}

/* Policy may allow a kind of card by itself; then its hash is what starts once. */
static void policy_allows_it_by_itself(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = staging;
    o.policy_old[0] = "\"title\": \"In staging and dev somebody approves\",\n     \"match\": {"; /* the rule is left as it is, but for nothing that exists */
    o.policy_new[0] = "\"title\": \"In staging and dev somebody approves\",\n     \"match\": {\"action.ns\": {\"any\": {\"glob\": [\"nowhere.*\"]}}, ";
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_WATCHING);
    assert_true(lab_has_index(&l, LAB_INDEX));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "start"), 1);
    assert_int_equal(lab_entries(&l, SB_ENTRY_APPROVAL, NULL), 0);
}

/* A server's words, or our own cut of them, may be no UTF-8: that keeps nothing off the record. */
static const struct sb_criterion *criterion(const struct sb_card *c, const char *metric)
{
    for (size_t i = 0; i < c->watch.criteria_n; i++)
        if (sb_streq(c->watch.criteria[i].metric, metric))
            return &c->watch.criteria[i];
    return NULL;
}

/* Nothing that was said of the old key is left on the card; a name that a person gave stays, with a warning. */
static void another_key_is_another_card(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    char *old_why = sb_format("%s", l.card.why);
    assert_int_equal(lab_edit(&l, &l.alice, "key", "{\"nosuch\": 1}"), 0);
    lab_until_revision(&l, 2);
    assert_string_equal(l.card.title, "Create index nosuch_1 on shop.orders");
    assert_string_equal(l.card.index_name, "nosuch_1");
    assert_string_not_equal(l.card.why, old_why);
    assert_non_null(strstr(l.card.why, "nosuch is in none of the 500 sampled documents"));
    assert_non_null(strstr(l.card.why, "has not been measured"));
    assert_int_equal(l.card.risk, SB_MEDIUM);
    assert_true(l.card.confidence_ppm == 100000 && l.card.impact.score_ppm == 0 && l.card.impact.docs_saved == 0 && l.card.shapes_n == 0);
    assert_null(criterion(&l.card, "shape_docs_per_returned"));
    assert_string_equal(criterion(&l.card, "index_uses")->subject, "nosuch_1");
    bool about_it = false;
    for (size_t i = 0; i < l.card.evidence_n; i++) {
        about_it |= sb_streq(l.card.evidence[i].what, "nosuch");
        assert_string_not_equal(l.card.evidence[i].what, "customer_id");
    }
    assert_true(about_it);
    assert_non_null(strstr(l.card.steps[0].undo, "nosuch_1"));

    assert_int_equal(lab_edit(&l, &l.alice, "name", "by_hand"), 0);
    lab_until_revision(&l, 3);
    assert_int_equal(lab_edit(&l, &l.alice, "key", "{\"total\": 1}"), 0);
    lab_until_revision(&l, 4);
    assert_string_equal(l.card.index_name, "by_hand");
    assert_non_null(strstr(l.card.why, "its name, by_hand, was given by hand"));
    assert_null(strstr(l.card.why, "nosuch"));
    refused(&l, lab_edit(&l, &l.alice, "key", "{\"total\": 1}"), 2, "nothing was changed");
    free(old_why);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_EDIT, NULL), 3);
}

static bool says(const struct sb_card *c, const char *what, const char *value)
{
    for (size_t i = 0; i < c->evidence_n; i++)
        if (sb_streq(c->evidence[i].what, what) && sb_streq(c->evidence[i].value, value))
            return true;
    return false;
}

/* Nor what was said of the old options: who looks at the card again reads what the new ones keep out. */
static void other_options_are_looked_at(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(l.card.steps[0].undo_label, SB_UNDO_LOSSLESS);
    assert_int_equal(lab_edit(&l, &l.alice, "unique", "true"), 0);
    lab_until_revision(&l, 2);
    assert_non_null(strstr(l.card.why, "changed the options of this index"));
    assert_true(says(&l.card, "keys that are there more than once", "none"));
    assert_non_null(strstr(l.card.steps[0].action, "\"unique\" : true"));
    assert_int_equal(l.card.risk, SB_MEDIUM);
    assert_int_equal(lab_edit(&l, &l.alice, "unique", "false"), 0);
    lab_until_revision(&l, 3);
    assert_false(says(&l.card, "keys that are there more than once", "none"));
    assert_int_equal(lab_edit(&l, &l.alice, "key", "{\"created_at\": 1}"), 0);
    lab_until_revision(&l, 4);
    assert_int_equal(lab_edit(&l, &l.alice, "expire_after_s", "3600"), 0);
    lab_until_revision(&l, 5);
    assert_non_null(strstr(l.card.why, "deletes each document 3600 s after the date in its created_at"));
    assert_int_equal(l.card.steps[0].undo_label, SB_UNDO_LOSSY); /* the drop brings no document back */
    assert_int_equal(l.card.risk, SB_HIGH);
    lab_close(&l);
}

static void words_that_are_no_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {{"plain", "plain"}, {"", ""}, {"caf\xC3\xA9", "caf\xC3\xA9"}, {"caf\xC3", "caf\xEF\xBF\xBD"}, {"\xFF" "a\xE2\x82", "\xEF\xBF\xBD" "a\xEF\xBF\xBD\xEF\xBF\xBD"}};
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        json_t *json = sb_o_words(rows[i].in);
        assert_string_equal(json_string_value(json), rows[i].out);
        json_decref(json);
    }
    json_t *none = sb_o_words(NULL);
    assert_true(json_is_null(none));
    json_decref(none);
}

/* One of two cards that are approved with one sequence. */
static struct sb_message *of_two(const struct lab *l, const char *target)
{
    struct sb_message *m = lab_decision(l, SB_ASK_APPROVE, l->card.hash, target, NULL);
    ((struct sb_decision_on *)m->body)->batch = 2;
    return m;
}

static int find_batch(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes, (void)n, (void)err;
    int64_t *found = ctx;
    if (e->kind == SB_ENTRY_APPROVAL)
        *found = *found * 10 + json_integer_value(json_object_get(e->body, "batch")) + 1;
    return 0;
}

/* Each has an entry of its own, which says how many there were; an approval by itself says nothing of the kind. */
static void several_at_once_where_policy_says_so(void **state)
{
    (void)state;
    for (int granted = 0; granted < 2; granted++) {
        struct lab l;
        struct lab_options o = staging;
        o.policy_old[0] = "\"autonomy\": {";
        o.policy_new[0] = granted ? "\"batch\": [{\"kinds\": [\"index.create\"], \"risk\": \"low\", \"env\": \"staging\"}], \"autonomy\": {" : "\"autonomy\": {";
        lab_open(&l, &o);
        lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
        assert_int_equal(l.card.policy.requires.batch, granted);
        if (!granted) {
            refused(&l, lab_ask(&l, &l.bob, of_two(&l, NULL)), 4, "approved by itself, not together with others");
            assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
            assert_int_equal(sb_card_approvals(&l.card), 0);
            assert_int_equal(lab_approve(&l, &l.bob), 0);
        } else {
            assert_int_equal(lab_ask(&l, &l.bob, of_two(&l, NULL)), 0);
        }
        lab_until_state(&l, SB_WATCHING);
        lab_close(&l);
        int64_t found = 0;
        lab_each_entry(&l, find_batch, &found);
        assert_int_equal(found, granted ? 3 : 1);
    }
}

static void in_prod_one_by_one(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_PROD};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    refused(&l, lab_ask(&l, &l.bob, of_two(&l, l.card.target)), 4, "is in prod: there every card is approved by itself");
    assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_APPROVAL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_approval_binds_the_bytes),
        cmocka_unit_test(two_approvals_are_two_persons),
        cmocka_unit_test(in_prod_not_by_its_author_and_with_its_target),
        cmocka_unit_test(nobody_decides_in_time),
        cmocka_unit_test(it_is_not_started_in_time),
        cmocka_unit_test(the_clock_is_set_back),
        cmocka_unit_test(read_only_decides_nothing),
        cmocka_unit_test(policy_allows_it_by_itself),
        cmocka_unit_test(another_key_is_another_card),
        cmocka_unit_test(other_options_are_looked_at),
        cmocka_unit_test(words_that_are_no_utf8),
        cmocka_unit_test(several_at_once_where_policy_says_so),
        cmocka_unit_test(in_prod_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
