/* SPDX-License-Identifier: Apache-2.0
 *
 * More open cards than are kept in hand: the oldest rest. A screen is told a row of each, and whatever is asked, decided or
 * due is about the whole card, as its entries have it. */
#include "lab.h"

#include <signalbox/model/entry.h>

#define MORE 210
#define EXPIRING 2
#define REJECTED 3
#define APPROVED 4
#define BY_A_PERSON 5

static void append(struct sb_ledger *ledger, int kind, const struct sb_card *c, json_t *body)
{
    struct sb_err err = SB_ERR_INIT;
    assert_non_null(body);
    struct sb_entry e = {.kind = kind, .actor = {.principal = (char *)(uintptr_t)"index_optimizer"}, .body = body};
    e.plan = (struct sb_plan_ref){.case_id = c->case_id, .deployment = c->deployment, .simulated = c->simulated};
    if (kind != SB_ENTRY_REQUEST) {
        e.plan.card = c->id;
        e.plan.revision = c->revision;
        e.plan.hash = c->hash;
    }
    sb_assert_ok(sb_ledger_append(ledger, &e, &err), err);
    json_decref(body);
}

/* A card as the template is, for an index of its own, in a case of its own. */
static void add_one(struct lab *l, struct sb_ledger *ledger, const struct sb_card *template, int number)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_card c;
    assert_int_equal(sb_record_copy(&sb_card_schema, &c, template), 0);
    free(c.id);
    free(c.case_id);
    free(c.index_key);
    c.id = sb_format("C-%06d", number);
    c.case_id = sb_format("K-%06d", number);
    c.index_key = sb_format("{\"f%d\":{\"$numberInt\":\"1\"}}", number);
    if (number == EXPIRING)
        c.approve_by = sb_origin_wall_ms(&l->origin) - 1000;
    c.needs_person = number == BY_A_PERSON;
    sb_assert_ok(sb_card_seal(&c, &err), err);
    json_t *card = sb_record_to_json(&sb_card_schema, &c);
    json_object_set_new(card, "state", json_string("draft"));
    append(ledger, SB_ENTRY_REQUEST, &c, json_pack("{s:{s:s,s:s,s:s,s:s}}", "case", "id", c.case_id, "text", "faster", "requested_by", "alice", "opened_at", "2026-01-05T09:00:00.000Z"));
    append(ledger, SB_ENTRY_RECOMMENDATION, &c, json_pack("{s:o}", "card", card));
    append(ledger, SB_ENTRY_STATE, &c, json_pack("{s:s,s:s,s:s,s:s}", "event", "propose", "from", "draft", "to", "proposed", "note", "a test"));
    append(ledger, SB_ENTRY_STATE, &c, json_pack("{s:s,s:s,s:s,s:s}", "event", "require", "from", "proposed", "to", "awaiting_approval", "note", "a test"));
    sb_card_release(&c);
}

static const struct lab_options staging = {.environment = SB_ENV_STAGING};

/* One card is proposed by a specialist; when its owner has ended, many more are on the record. */
static void open_many(struct lab *l)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_card template;
    lab_open(l, &staging);
    lab_propose(l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(sb_record_copy(&sb_card_schema, &template, &l->card), 0);
    lab_stop(l);
    struct sb_ledger *ledger = sb_ledger_open(l->dir, SB_LEDGER_OWN, &l->origin, &err);
    assert_non_null(ledger);
    for (int i = 2; i <= MORE; i++)
        add_one(l, ledger, &template, i);
    sb_ledger_close(ledger);
    sb_card_release(&template);
    lab_start(l, &staging);
}

/* What hello led to, up to the strip: rows and whole cards. */
static void told(struct lab *l, size_t *rows, size_t *whole, bool *first_is_row)
{
    int type = 0;
    *rows = *whole = 0;
    *first_is_row = false;
    while (type != SB_NEWS_STRIP || *rows + *whole == 0) {
        struct sb_mail mail;
        if (!sb_queue_wait(l->alice.news, &mail, LAB_PATIENCE_MS))
            fail_msg("nothing more was told");
        struct sb_message *m = mail.payload;
        type = m->type;
        const struct sb_card_rows *list = m->body;
        *whole += type == SB_NEWS_CARD;
        for (size_t i = 0; type == SB_NEWS_CARDS && i < list->rows_n; i++, ++*rows) {
            *first_is_row |= sb_streq(list->rows[i].id, "C-000001");
            assert_int_equal(list->rows[i].state, SB_AWAITING_APPROVAL);
            assert_non_null(list->rows[i].title);
            assert_true(list->rows[i].changed_at > 0);
        }
        sb_message_free(m);
    }
}

static void fetch(struct lab *l, int number)
{
    char id[24];
    snprintf(id, sizeof id, "C-%06d", number);
    lab_ask(l, &l->alice, sb_message_text(SB_ASK_CARD, 0, id));
    assert_string_equal(l->card.id, id);
}

/* That nothing goes by itself of what came from a read-only seat, it still does after a rest. */
static void who_only_looked_is_remembered(struct lab *l)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_orchestrator o = {.ledger = sb_ledger_open(l->dir, SB_LEDGER_READ, &l->origin, &err)};
    assert_non_null(o.ledger);
    struct held_card *card = sb_o_add_card(&o);
    struct held_case *looked = sb_o_add_case(&o), *other = sb_o_add_case(&o);
    assert_true(card && looked && other);
    sb_assert_ok(sb_ledger_card(o.ledger, "C-000005", &card->card, &err), err);
    sb_assert_ok(sb_ledger_case(o.ledger, "K-000005", &looked->case_, &err), err);
    sb_assert_ok(sb_ledger_case(o.ledger, "K-000006", &other->case_, &err), err);
    looked->read_only = true;
    card->card.policy.requires.approvals = 0;
    assert_true(sb_o_rest_card(&o, card));
    assert_int_equal(o.resting[0].row.wanted, 1);
    assert_true(sb_o_rest_case(&o, looked));
    assert_int_equal(sb_strs_push(&other->case_.cards, &other->case_.cards_n, "C-000005"), 0); /* its own is not here */
    assert_true(sb_o_rest_case(&o, other));
    assert_int_equal(o.cards_n + o.cases_n, 0);
    other = sb_o_case(&o, "K-000006");
    assert_true(other && !other->read_only);
    looked = sb_o_case(&o, "K-000005");
    assert_true(looked && looked->read_only);
    card = sb_o_card(&o, "C-000005");
    assert_true(card && card->card.needs_person);
    sb_o_free_book(&o);
    sb_ledger_close(o.ledger);
}

static void what_rests_is_whole_when_it_is_needed(void **state)
{
    (void)state;
    struct lab l;
    size_t rows, whole;
    bool first;
    struct sb_err err = SB_ERR_INIT;
    open_many(&l);
    told(&l, &rows, &whole, &first);
    assert_true(rows > 0 && rows + whole >= MORE);
    assert_true(whole <= SB_O_IN_HAND + 1); /* and the one whose time was over, when it is told so */
    assert_true(first);

    fetch(&l, REJECTED);
    assert_true(l.card.steps_n > 0 && l.card.evidence_n > 0);
    char *hash = sb_format("%s", l.card.hash);
    sb_assert_ok(sb_card_seal(&l.card, &err), err);
    assert_string_equal(l.card.hash, hash);
    free(hash);

    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS; /* it may not be connected yet */
    while (lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, LAB_REQUEST)) != 0)
        lab_wait(&l, until);
    assert_non_null(strstr(l.answer, "C-000001")); /* the same index was proposed, on a card that rests */

    fetch(&l, REJECTED);
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_REJECT, NULL, NULL, "not needed")), 0);
    lab_until_state(&l, SB_REJECTED);
    fetch(&l, APPROVED);
    char *good = sb_format("%s", l.card.hash);
    assert_int_not_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, "0123", NULL, NULL)), 0);
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_APPROVE, good, l.card.target, NULL)), 0);
    free(good);
    until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (fetch(&l, APPROVED), l.card.approvals_n == 0 || l.card.state == SB_AWAITING_APPROVAL)
        lab_wait(&l, until);
    while (fetch(&l, EXPIRING), l.card.state != SB_EXPIRED)
        lab_wait(&l, until);
    lab_stop_within(&l, 10000);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "expire"), 1);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STATE, "reject"), 1);
    assert_true(lab_entries(&l, SB_ENTRY_CASE_CLOSE, NULL) >= 2); /* of the cases of both */
    who_only_looked_is_remembered(&l);
    lab_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_rests_is_whole_when_it_is_needed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
