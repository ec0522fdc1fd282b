/* SPDX-License-Identifier: Apache-2.0
 *
 * Approving marked cards with one sequence: what it takes, and each thing that forbids it. */
#include "console.h"

static struct sb_keymap *keymap;

static void card_of(struct console *c, const char *id, const char *environment, const char *requires, const char *more)
{
    char *line = sb_format("{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"%s\",\"environment\":\"%s\",\"policy\":{\"requires\":%s}%s}}", id, environment,
                           requires, more);
    assert_non_null(line);
    console_json(c, line);
    free(line);
}

#define TOGETHER "{\"typed_target\":false,\"batch\":true}"
#define ALONE "{\"typed_target\":false,\"batch\":false}"

static void card(struct console *c, const char *id, const char *more)
{
    card_of(c, id, "staging", TOGETHER, more);
}

/* Three cards of one class in staging, none read, none marked. */
static void open_three(struct console *c)
{
    console_open(c, keymap, 80, 24);
    console_play(c, "01-connect");
    console_play(c, "staging");
    card(c, "C-000011", "");
    card(c, "C-000012", ",\"target\":\"shop.carts\"");
    card(c, "C-000013", ",\"target\":\"shop.users\"");
    press(c, "3");
}

static void read_selected(struct console *c)
{
    press(c, "Enter PageDown PageDown PageDown 2 PageDown PageDown PageDown Escape");
    if (!shows(c, "Approvals"))
        press(c, "Escape");
    assert_shows(c, "Approvals");
}

static void read_and_mark_all(struct console *c)
{
    press(c, "Home");
    for (int i = 0; i < 3; i++) {
        read_selected(c);
        press(c, "Space Down");
    }
}

static void refused_with(struct console *c, const char *words)
{
    int bells = c->bells;
    press(c, "A");
    assert_shows(c, words);
    assert_not_shown(c, "Approve the marked cards");
    assert_int_equal(c->bells, bells + 1);
    press(c, "y");
    assert_int_equal(asked(c, SB_ASK_APPROVE, NULL), 0);
}

static void marked_and_read_cards_get_an_approval_each(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    read_and_mark_all(&c);
    press(&c, "A");
    assert_shows(&c, "Approve the marked cards");
    assert_shows(&c, "3 cards of one class");
    press(&c, "y"); /* the last of them is not in sight yet */
    assert_shows(&c, "Read it to the end first");
    press(&c, "PageDown PageDown Enter Space a A");
    paste_text(&c, "y");
    assert_shows(&c, "C-000011 revision 1"); /* the newest is listed first */
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    press(&c, "y");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 3);
    static const char *const ids[] = {"C-000013", "C-000012", "C-000011"};
    const char *hash = "";
    for (size_t i = 0, n = 0; i < c.asks; i++) {
        if (c.ask[i]->type != SB_ASK_APPROVE)
            continue;
        const struct sb_decision_on *d = c.ask[i]->body;
        assert_string_equal(d->card, ids[n++]);
        assert_int_equal(d->revision, 1);
        assert_int_equal(d->batch, 3);
        assert_int_equal(strlen(d->hash), SB_HEX_LEN);
        assert_string_not_equal(d->hash, hash);
        assert_null(d->target);
        hash = d->hash;
    }
    press(&c, "y A y"); /* their marks are gone: A opens the selected one */
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 3);
    console_close(&c);
}

static void every_card_and_its_hash_is_listed(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    read_and_mark_all(&c);
    c.w = 120;
    c.h = 60;
    press(&c, "A");
    static const char *const words[] = {"1. C-000013 revision 1", "2. C-000012 revision 1", "3. C-000011 revision 1", "shop.users on shop", "shop.carts on shop", "shop.orders on shop"};
    for (size_t i = 0; i < SB_COUNT(words); i++)
        assert_shows(&c, words[i]);
    char *seen = sb_format("%s", flat(&c));
    press(&c, "y");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 3);
    for (size_t i = 0; i < c.asks; i++)
        if (c.ask[i]->type == SB_ASK_APPROVE)
            assert_non_null(strstr(seen, ((const struct sb_decision_on *)c.ask[i]->body)->hash));
    free(seen);
    console_close(&c);
}

static void an_unread_one_forbids_it(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    press(&c, "Home Space Down Space");
    refused_with(&c, "C-000013 has not been read to its end in its revision 1");
    press(&c, "Home");
    read_selected(&c);
    refused_with(&c, "C-000012 has not been read to its end");
    press(&c, "Home Down Enter PageDown PageDown Escape Escape"); /* the summary alone is not all of it */
    press(&c, "3");
    refused_with(&c, "C-000012 has not been read to its end");
    console_close(&c);
}

static void a_new_revision_is_unread_again(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    read_and_mark_all(&c);
    card(&c, "C-000012", ",\"revision\":2,\"target\":\"shop.carts\"");
    refused_with(&c, "C-000012 has not been read to its end in its revision 2");
    console_close(&c);
}

/* What one of three read and marked cards must not be. */
static void what_one_of_them_is_can_forbid_it(void **state)
{
    (void)state;
    static const struct {
        const char *environment, *requires, *more, *words;
    } rows[] = {
        {"prod", TOGETHER, "", "C-000012 is in prod: there every card is approved by itself"},
        {"dev", TOGETHER, "", "Only cards of one class are approved together: C-000013 is create index, risk low, in staging; C-000012 is create index, risk low, in dev."},
        {"staging", TOGETHER, ",\"risk\":\"medium\"", "C-000012 is create index, risk medium"},
        {"staging", TOGETHER, ",\"kind\":\"hide_index\"", "C-000012 is hide index, risk low"},
        {"staging", TOGETHER, ",\"deployment_id\":\"another\"", "Only cards of one class"},
        {"staging", TOGETHER, ",\"approve_by\":\"2026-11-24T14:05:12.000Z\"", "C-000012 could be approved until a moment ago"},
        {"staging", TOGETHER, ",\"evidence\":[{\"source\":\"s\",\"what\":\"documents\",\"value\":\"7\",\"coverage\":\"stale\",\"taken_at\":\"2026-11-24T14:00:00.000Z\"}]",
         "C-000012 rests on a stale fact, documents"},
        {"staging", ALONE, "", "wants C-000012 approved by itself."},
        {"staging", TOGETHER, NULL, "C-000012 is marked but not listed here"}, /* it is approved once it is marked */
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct console c;
        console_open(&c, keymap, 120, 40);
        console_play(&c, "01-connect");
        console_play(&c, "staging");
        card(&c, "C-000011", "");
        card_of(&c, "C-000012", rows[i].environment, rows[i].requires, rows[i].more ? rows[i].more : "");
        card(&c, "C-000013", "");
        press(&c, "3");
        read_and_mark_all(&c);
        if (!rows[i].more)
            card(&c, "C-000012", ",\"state\":\"approved\"");
        refused_with(&c, rows[i].words);
        console_close(&c);
    }
}

static void in_prod_there_is_no_batch(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    console_play(&c, "01-connect"); /* the same cards, and the console is on prod: whatever a card says */
    read_and_mark_all(&c);
    refused_with(&c, "is in prod: there every card is approved by itself, with its target typed.");
    console_close(&c);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    for (int i = 0; i < 18; i++) {
        char id[24];
        snprintf(id, sizeof id, "C-%06d", 100 + i);
        card(&c, id, "");
    }
    press(&c, "Home");
    for (int i = 0; i < 21; i++)
        press(&c, "Space Down");
    refused_with(&c, "21 cards are marked; no more than 20 are approved together.");
    console_close(&c);
}

static void what_a_filter_hides_is_not_approved(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    read_and_mark_all(&c);
    press(&c, "&");
    type_text(&c, "carts|users");
    press(&c, "Enter");
    refused_with(&c, "C-000011 is marked but not listed here");
    console_close(&c);
}

static void a_change_while_it_is_asked_voids_all_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *requires, *more, *words;
    } changes[] = {
        {TOGETHER, ",\"revision\":2", "C-000012 is revision 2 now."},
        {TOGETHER, ",\"state\":\"rejected\"", "C-000012 is marked but does not await approval: it is rejected."},
        {ALONE, "", "wants C-000012 approved by itself."},
        {TOGETHER, ",\"why\":\"another reason\"", "C-000012 is not what was shown any more."},
    };
    for (size_t i = 0; i < SB_COUNT(changes); i++) {
        struct console c;
        open_three(&c);
        read_and_mark_all(&c);
        press(&c, "A PageDown PageDown");
        assert_shows(&c, "y does it, Escape does not.");
        char *more = sb_format(",\"target\":\"shop.carts\"%s", changes[i].more);
        card_of(&c, "C-000012", "staging", changes[i].requires, more);
        free(more);
        assert_not_shown(&c, "y does it");
        assert_shows(&c, "Nothing was sent, none of the 3 is approved: while you were asked, this changed.");
        assert_shows(&c, changes[i].words);
        press(&c, "y");
        assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
        console_close(&c);
    }
}

static void time_passes_while_it_is_asked(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    card(&c, "C-000012", ",\"approve_by\":\"2026-11-24T14:06:00.000Z\"");
    read_and_mark_all(&c);
    press(&c, "A PageDown PageDown");
    c.clock += 60000;
    press(&c, "y");
    assert_shows(&c, "C-000012 could be approved until a moment ago");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    console_close(&c);
}

static void read_only_and_one_mark_are_no_batch(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    press(&c, "Home");
    read_selected(&c);
    press(&c, "Space A");
    assert_shows(&c, "Read the summary and the commands first"); /* the card itself is opened */
    press(&c, "Escape Escape 3");
    read_and_mark_all(&c);
    console_play(&c, "read-only");
    refused_with(&c, "This console is read-only");
    console_close(&c);
}

static void one_that_is_mine_forbids_it(void **state)
{
    (void)state;
    struct console c;
    open_three(&c);
    read_and_mark_all(&c);
    assert_shows(&c, "A approve");
    card_of(&c, "C-000012", "staging", "{\"typed_target\":false,\"batch\":true,\"not_author\":true}", ",\"target\":\"shop.carts\",\"author\":\"alice\"");
    press(&c, "Home");
    read_selected(&c);
    press(&c, "Down");
    read_selected(&c);
    assert_not_shown(&c, "A approve");
    refused_with(&c, "alice wrote this revision of C-000012");
    console_close(&c);
}

static void answer(struct console *c, int64_t seq, bool ok)
{
    char *line = sb_format("{\"type\":\"answer\",\"seq\":%lld,\"body\":{\"ok\":%s,\"text\":\"%s\"}}", (long long)seq, ok ? "true" : "false", ok ? "it is approved" : "policy denies it");
    console_json(c, line);
    free(line);
}

static void a_refusal_is_not_covered_by_later_answers(void **state)
{
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        struct console c;
        open_three(&c);
        read_and_mark_all(&c);
        press(&c, "A PageDown PageDown y");
        int64_t first = 0;
        for (size_t i = c.asks; i-- > 0;)
            if (c.ask[i]->type == SB_ASK_APPROVE)
                first = c.ask[i]->seq;
        answer(&c, first, !bad);
        answer(&c, first + 1, true);
        answer(&c, first + 2, true);
        assert_shows(&c, bad ? "1 of the 3 cards were refused" : "All 3 cards are approved");
        console_close(&c);
    }
}

static void one_key_pauses_everything(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "F7");
    assert_shows(&c, "Nothing is being executed");
    for (int i = 1; i <= 3; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-00010%d\",\"state\":\"%s\"}}", i, i == 3 ? "approved" : "executing");
        console_json(&c, line);
    }
    press(&c, "1 F7"); /* wherever one is */
    assert_shows(&c, "Asked for a pause of 2 executions");
    assert_int_equal(asked(&c, SB_ASK_PAUSE, NULL), 2);
    console_play(&c, "read-only");
    press(&c, "F7");
    assert_shows(&c, "read-only");
    assert_int_equal(asked(&c, SB_ASK_PAUSE, NULL), 2);
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marked_and_read_cards_get_an_approval_each),
        cmocka_unit_test(every_card_and_its_hash_is_listed),
        cmocka_unit_test(an_unread_one_forbids_it),
        cmocka_unit_test(a_new_revision_is_unread_again),
        cmocka_unit_test(what_one_of_them_is_can_forbid_it),
        cmocka_unit_test(in_prod_there_is_no_batch),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(what_a_filter_hides_is_not_approved),
        cmocka_unit_test(a_change_while_it_is_asked_voids_all_of_it),
        cmocka_unit_test(time_passes_while_it_is_asked),
        cmocka_unit_test(read_only_and_one_mark_are_no_batch),
        cmocka_unit_test(one_that_is_mine_forbids_it),
        cmocka_unit_test(a_refusal_is_not_covered_by_later_answers),
        cmocka_unit_test(one_key_pauses_everything),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
