/* SPDX-License-Identifier: Apache-2.0
 *
 * What it takes to approve, and that nothing less does. */
#include "console.h"

#include <signalbox/base/rng.h>

static struct sb_keymap *keymap;

static void read_card(struct console *c)
{
    press(c, "3 Enter PageDown PageDown 2 PageDown PageDown");
}

static void a_read_card_is_approved_by_its_key_and_the_typed_name(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    press(&c, "A");
    assert_shows(&c, "What is signed, SHA-256:");
    assert_shows(&c, "\"comment\":\"signalbox C-000001/1/1\"");
    type_text(&c, "shop.orders");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    press(&c, "Enter");
    const struct sb_decision_on *d = NULL;
    assert_int_equal(asked(&c, SB_ASK_APPROVE, (const void **)&d), 1);
    assert_string_equal(d->card, "C-000001");
    assert_string_equal(d->target, "shop.orders");
    assert_int_equal(d->revision, 1);
    assert_int_equal(strlen(d->hash), SB_HEX_LEN);
    press(&c, "Enter Enter y");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 1);
    console_close(&c);
}

/* Whoever approves after somebody's edit sees it as one, in the summary and in the question itself. */
static void an_edit_by_somebody_else_is_shown_as_a_difference(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {200, 60}};
    for (size_t i = 0; i < SB_COUNT(sizes); i++) {
        struct console c;
        console_on_card(&c, keymap, sizes[i][0], sizes[i][1]);
        press(&c, "3 Enter");
        assert_not_shown(&c, "Edited");
        console_play(&c, "17-edited");
        press(&c, "Home");
        assert_shows(&c, "Edited name by bob, revision 2");
        assert_shows(&c, "- {\"customer_id\": 1, \"status\": 1, \"created_at\": -1} + {\"customer_id\": 1, \"created_at\": -1}");
        assert_shows(&c, "- 300 s + 600 s");
        press(&c, "PageDown PageDown PageDown 2 PageDown PageDown A");
        assert_shows(&c, "Edited since it was proposed:");
        if (sizes[i][0] == 80) /* where the question hides the summary */
            assert_shows(&c, "proposed: name by bob, revision 2, 14:07:00 - customer_id_1_status_1_created_at_-1 + customer_id_1_created_at_-1");
        console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"revision\":3}}");
        assert_not_shown(&c, "Edited since it was proposed");
        press(&c, "1 Home");
        assert_shows(&c, "everything that can be edited is again as it was first proposed");
        console_close(&c);
    }
}

static void an_unread_card_is_not_approved_and_says_which_tab(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 A"); /* from the pane: opens it only */
    assert_shows(&c, "Read the summary and the commands first");
    press(&c, "A");
    assert_shows(&c, "Not yet: the summary (tab 1) and the commands (tab 2) have not been on the screen to the end.");
    press(&c, "PageDown PageDown A");
    assert_shows(&c, "Not yet: the commands (tab 2) have not been on the screen to the end.");
    press(&c, "2 Escape A");
    assert_shows(&c, "What is signed");
    console_close(&c);
}

/* Whoever wrote it, or has approved it, is told so before any question is asked, and the list of tab 4 says the same. */
static void who_cannot_approve_is_told_first(void **state)
{
    (void)state;
    static const struct {
        const char *change, *says;
    } rows[] = {{"{\"author\":\"alice\"}", "alice wrote this revision of C-000001"},
                {"{\"approvals\":[{\"by\":\"alice\",\"how\":\"console\",\"hash\":\"0\",\"revision\":1,\"at\":\"2026-11-24T14:05:00.000Z\",\"nonce\":\"0\"}]}",
                 "alice has approved C-000001 already"}};
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct console c;
        char line[512];
        console_on_card(&c, keymap, 120, 40);
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":%s}", rows[i].change);
        console_json(&c, line);
        read_card(&c);
        press(&c, "A");
        assert_shows(&c, rows[i].says);
        assert_not_shown(&c, "What is signed");
        press(&c, "4 End");
        assert_shows(&c, rows[i].says);
        assert_not_shown(&c, "measure-anew");
        assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
        console_close(&c);
    }
}

/* The line of keys at the bottom. */
static const char *footer(struct console *c)
{
    const char *all = screen(c), *last = all;
    for (const char *p = all; *p; p++)
        if (*p == '\n' && p[1])
            last = p + 1;
    return last;
}

static void assert_keys(struct console *c, bool approve, const char *never)
{
    if ((strstr(footer(c), "A approve") != NULL) != approve)
        fail_msg("approve is %s at the bottom:\n%s", approve ? "missing" : "offered", screen(c));
    if (never && strstr(footer(c), never))
        fail_msg("\"%s\" is offered:\n%s", never, screen(c));
}

/* What this person cannot do to this card is not offered; the key says why, and help still has it. */
static void what_one_cannot_do_is_not_offered(void **state)
{
    (void)state;
    static const char *const mine[] = {"{\"author\":\"alice\"}",
                                       "{\"approvals\":[{\"by\":\"alice\",\"how\":\"console\",\"hash\":\"0\",\"revision\":1,\"at\":\"2026-11-24T14:05:00.000Z\",\"nonce\":\"0\"}]}"};
    for (size_t i = 0; i < SB_COUNT(mine); i++) {
        struct console c;
        char line[512];
        console_on_card(&c, keymap, 120, 40);
        press(&c, "3");
        assert_keys(&c, true, NULL);
        press(&c, "Enter"); /* that it is unread is no reason: reading it is what comes next */
        assert_keys(&c, true, NULL);
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":%s}", mine[i]);
        console_json(&c, line);
        assert_keys(&c, false, NULL);
        press(&c, "Escape Escape 3");
        assert_keys(&c, false, NULL);
        assert_non_null(strstr(footer(&c), "r reject"));
        press(&c, "?");
        assert_shows(&c, "approve the card or the marked ones");
        console_close(&c);
    }
    struct console c;
    console_on_card(&c, keymap, 120, 40);
    press(&c, "3");
    console_play(&c, "read-only");
    assert_keys(&c, false, "reject");
    press(&c, "Enter");
    assert_keys(&c, false, "reject");
    press(&c, "A");
    assert_shows(&c, "This console is read-only");
    console_close(&c);
}

/* Where each approval that is wanted is one of a group, only its members are offered to give one; it is taken of others. */
static void who_is_in_no_group_is_not_offered_its_approval(void **state)
{
    (void)state;
    static const struct { const char *mine, *requires, *more; bool offered; } rows[] = {
        {"", "{\"approvals\":1,\"groups\":[\"dba\"]}", "", true}, /* not known: an owner that does not say */
        {",\"groups_known\":true", "{\"approvals\":1,\"groups\":[\"dba\"]}", "", false},
        {",\"groups_known\":true", "{\"approvals\":1,\"groups\":[\"2 of dba\"]}", "", false},
        {",\"groups_known\":true", "{\"approvals\":2,\"groups\":[\"2 of dba\"]}", "", false},
        {",\"groups_known\":true", "{\"approvals\":2,\"groups\":[\"dba\"]}", "", true}, /* the other of the two is anybody's */
        {",\"groups_known\":true,\"groups\":[\"sec\"]", "{\"approvals\":1,\"groups\":[\"dba\"]}", "", false},
        {",\"groups_known\":true,\"groups\":[\"sec\"]", "{\"approvals\":1,\"groups\":[\"dba\",\"2 of sec\"]}", "", true},
        {",\"groups_known\":true,\"groups\":[\"dba\"]", "{\"approvals\":1,\"groups\":[\"dba\"]}", "", true},
        {",\"groups_known\":true", "{\"approvals\":1,\"groups\":[]}", "", true},
        {",\"groups_known\":true", "{\"approvals\":1,\"groups\":[\"dba\"]}",
         ",\"approvals\":[{\"by\":\"bob\",\"how\":\"console\",\"hash\":\"@hash\",\"revision\":1,\"at\":\"2026-11-24T14:05:00.000Z\",\"nonce\":\"0\"}]", true}, /* what is left is not known here */
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct console c;
        char line[1000];
        console_on_card(&c, keymap, 120, 40);
        snprintf(line, sizeof line, "{\"type\":\"welcome\",\"seq\":0,\"body\":{\"version\":\"1\",\"deployment\":\"shop\",\"environment\":\"prod\",\"simulated\":true,\"read_only\":false,\"actor\":\"alice\",\"speed\":1%s}}", rows[i].mine);
        console_json(&c, line);
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"policy\":{\"requires\":%s}%s}}", rows[i].requires, rows[i].more);
        console_json(&c, line);
        press(&c, "3");
        assert_keys(&c, rows[i].offered, NULL);
        read_card(&c);
        assert_keys(&c, rows[i].offered, NULL);
        press(&c, "A");
        assert_shows(&c, "What is signed, SHA-256:");
        console_close(&c);
    }
}

/* A card that has started says nothing of what counted before its start: no deadline, no number of approvals to come. */
static void what_is_over_is_not_said_any_more(void **state)
{
    (void)state;
    static const char *const over[] = {"executing", "watching", "done", "failed", "rolling_back", "rolled_back"};
    struct console c;
    char line[512];
    console_on_card(&c, keymap, 120, 40);
    press(&c, "3 Enter");
    assert_shows(&c, "approve by");
    assert_shows(&c, "0 of 1");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"state\":\"approved\"}}");
    assert_not_shown(&c, "approve by");
    assert_shows(&c, "execute by");
    for (size_t i = 0; i < SB_COUNT(over); i++) {
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"state\":\"%s\"}}", over[i]);
        console_json(&c, line);
        assert_not_shown(&c, "approve by");
        assert_not_shown(&c, "execute by");
        assert_not_shown(&c, "0 of 1");
        assert_shows(&c, "none was given");
    }
    console_close(&c);
}

/* The parts of a window add up, what is left of it is never more than it is, and a verdict before its end leaves the rest empty. */
static void the_watch_tab_adds_up(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 40);
    press(&c, "3 Enter 6");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"state\":\"watching\",\"report\":{\"opened_at\":\"2026-11-24T14:09:00.000Z\","
                     "\"ends_at\":\"2026-11-24T14:14:00.000Z\"}}}"); /* it begins ahead of the time the strip tells */
    assert_shows(&c, "5 min left");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"state\":\"failed\",\"report\":{\"opened_at\":\"2026-11-24T14:00:00.000Z\","
                     "\"ends_at\":\"2026-11-24T14:05:00.000Z\",\"verdict\":\"FAIL\",\"reason\":\"too slow\",\"observed_s\":60,\"missing_s\":26,\"settling_s\":14,\"operations\":700}}}");
    assert_shows(&c, "700 operations in 60 s; the first 14 s, in which plans and caches settle, are not counted; 26 s could not be observed");
    assert_shows(&c, "\xE2\x96\x88\xE2\x96\x91"); /* not full */
    assert_shows(&c, "at the verdict");
    assert_not_shown(&c, "left;");
    console_close(&c);
}

/* All keys of the sequence in one read: nothing was on the screen in between. */
static void typing_ahead_does_not_approve(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_keys(&c, "3 Enter PageDown PageDown 2 PageDown A s h o p . o r d e r s Enter", true);
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    assert_not_shown(&c, "What is signed");
    press(&c, "Escape Escape Escape");
    read_card(&c);
    console_keys(&c, "A s h o p . o r d e r s Enter", true);
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    assert_shows(&c, "What is signed"); /* the question is there, and nothing was typed into it */
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    assert_true(c.flushes > 0);
    console_close(&c);
}

/* Keys that come behind the flush and before the question was shown: they are not taken either. */
static void keys_before_the_question_is_seen_do_nothing(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    static const char keys[] = "Ashop.orders";
    for (const char *p = keys; *p; p++) {
        struct sb_key key = {.code = SB_KEY_CHAR, .point = (uint32_t)*p};
        c.dropping = false;
        console_one_key(&c, &key);
    }
    struct sb_key enter = {.code = SB_KEY_ENTER};
    c.dropping = false;
    console_one_key(&c, &enter);
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    console_frame(&c);
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    console_close(&c);
}

static void a_paste_never_confirms(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    paste_text(&c, "A");
    assert_not_shown(&c, "What is signed");
    press(&c, "A");
    paste_text(&c, "shop.orders\r");
    assert_shows(&c, "A paste never confirms: type it.");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    assert_shows(&c, "That is not shop.orders");
    console_close(&c);
}

static void the_name_is_compared_byte_for_byte(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "shop.order", "shop.orders ", "Shop.orders", "shop.orderss", "shop\xE2\x80\xA4orders", "s"};
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        struct console c;
        console_on_card(&c, keymap, 80, 24);
        read_card(&c);
        press(&c, "A");
        type_text(&c, wrong[i]);
        press(&c, "Enter");
        assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
        console_close(&c);
    }
}

/* Without a name to type, yes is a key that is neither Enter nor Space. */
static void enter_and_space_are_not_yes(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "staging");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"environment\":\"staging\",\"policy\":{\"requires\":{\"typed_target\":false}}}}");
    read_card(&c);
    press(&c, "A");
    assert_shows(&c, "y does it, Escape does not.");
    press(&c, "Enter Space Enter Tab Right a A");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    paste_text(&c, "y");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    press(&c, "Escape y");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    press(&c, "A y");
    const struct sb_decision_on *d = NULL;
    assert_int_equal(asked(&c, SB_ASK_APPROVE, (const void **)&d), 1);
    assert_null(d->target);
    console_close(&c);
}

/* Many thousand keys without the approving one, and pastes of everything: no approval. */
static void no_amount_of_harmless_keys_approves(void **state)
{
    (void)state;
    static const char *const keys[] = {"Enter", "Space", "Tab", "Down", "Up", "PageDown", "PageUp", "1", "2", "3", "Escape", "Home", "End", "z", "y", "Left", "Right", "f", "c", "m", "C-l"};
    struct sb_rng rng;
    sb_rng_seed(&rng, 41);
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "11-more");
    for (int i = 0; i < 6000; i++) {
        press(&c, keys[sb_rng_below(&rng, SB_COUNT(keys))]);
        if (i % 7 == 0)
            paste_text(&c, i % 2 ? "A" : "A\rshop.orders\ry\r");
        for (size_t k = 0; k < c.asks; k++) {
            int type = c.ask[k]->type;
            if (type != SB_ASK_HELLO && type != SB_ASK_AUDIT && type != SB_ASK_CASE && type != SB_ASK_CARD)
                fail_msg("a harmless key asked for %s", sb_message_name(type));
        }
    }
    console_close(&c);
}

static void a_card_that_changes_closes_the_question(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    press(&c, "A");
    type_text(&c, "shop.ord");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"revision\":2,\"watch\":{\"window_s\":600}}}");
    assert_not_shown(&c, "What is signed");
    assert_shows(&c, "changed while you were asked");
    type_text(&c, "ers");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    press(&c, "Escape A"); /* the new revision has to be read anew */
    assert_shows(&c, "Not yet:");
    console_close(&c);
}

static void a_card_decided_by_somebody_else_closes_the_question(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    press(&c, "A");
    console_play(&c, "07-executing");
    assert_not_shown(&c, "What is signed");
    assert_shows(&c, "nothing was sent");
    console_close(&c);
}

static void a_name_that_cannot_be_typed_is_stood_for_by_the_hash(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"target\":\"shop.\\u202eorders\"}}");
    read_card(&c);
    press(&c, "A PageDown PageDown");
    assert_shows(&c, "first 12 digits of the hash");
    const char *at = strstr(flat(&c), "hash instead, ");
    assert_non_null(at);
    char digits[13];
    snprintf(digits, sizeof digits, "%.12s", at + 14);
    type_text(&c, digits);
    press(&c, "Enter");
    const struct sb_decision_on *d = NULL;
    assert_int_equal(asked(&c, SB_ASK_APPROVE, (const void **)&d), 1);
    assert_string_equal(d->target, "shop.\xE2\x80\xAEorders");
    assert_memory_equal(d->hash, digits, 12);
    console_close(&c);
}

/* A question that does not fit has to be read to its end; on a screen where nothing fits, nothing is decided. */
static void a_question_that_does_not_fit_is_read_first(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    read_card(&c);
    c.h = 14;
    console_frame(&c);
    press(&c, "A");
    type_text(&c, "shop.orders");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    assert_shows(&c, "Read it to the end first");
    c.w = 20;
    c.h = 5;
    console_frame(&c);
    press(&c, "PageDown PageDown PageDown Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
    c.w = 80;
    c.h = 14;
    console_frame(&c);
    press(&c, "PageDown PageDown PageDown Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 1);
    console_close(&c);
}

static void lines_under_a_long_message_are_unread(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 19); /* the commands fit exactly */
    press(&c, "3 Enter PageDown PageDown PageDown");
    console_json(&c, "{\"type\":\"notice\",\"seq\":0,\"body\":{\"severity\":\"high\",\"text\":\"a notice so long that it needs three lines of eighty columns: "
                     "it goes on and on about nothing in particular until it has filled the first line, then the second line, and then at last some of the third\"}}");
    press(&c, "2");
    assert_not_shown(&c, "index_built");
    press(&c, "A");
    assert_shows(&c, "Not yet: the commands (tab 2)");
    press(&c, "Escape A");
    assert_shows(&c, "These commands, exactly:");
    console_close(&c);
}

static void reading_counts_for_one_contract_only(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "11-more");
    read_card(&c); /* C-000002; below it stands C-000001, with the same commands */
    press(&c, "Escape Down Enter A");
    assert_shows(&c, "Not yet:");
    console_close(&c);
}

static void rolling_back_in_prod_wants_the_name_too(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    console_play(&c, "07-executing");
    press(&c, "2 Enter u");
    assert_shows(&c, "\"dropIndexes\":\"orders\"");
    press(&c, "Enter y");
    assert_int_equal(asked(&c, SB_ASK_ROLLBACK, NULL), 0);
    press(&c, "Backspace");
    type_text(&c, "shop.orders");
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_ROLLBACK, NULL), 1);
    press(&c, "s");
    assert_shows(&c, "Stop where it stands");
    press(&c, "Enter n s y");
    assert_int_equal(asked(&c, SB_ASK_STOP, NULL), 1);
    console_close(&c);
}

/* Whoever looks at a screen sees it, in words, until it is over; and that its review is due. */
static void a_broken_glass_is_seen_by_all(void **state)
{
    (void)state;
    static const char glass[] = "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"breakglass\":{\"id\":\"G-000007\",\"by\":\"bob\",\"reason\":\"checkout is down\","
                                "\"ticket\":\"OPS-7\",\"hash\":\"@hash\",\"from\":\"2026-11-24T14:00:00.000Z\",\"until\":\"2026-11-24T15:00:00.000Z\"%s}}}";
    struct console c;
    char line[1000];
    console_on_card(&c, keymap, 100, 30);
    assert_not_shown(&c, "BREAK-GLASS");
    snprintf(line, sizeof line, glass, "");
    console_json(&c, line);
    console_frame(&c);
    assert_shows(&c, "[ BREAK-GLASS ]");
    press(&c, "3 Enter");
    assert_shows(&c, "[ BREAK-GLASS until 15:00:00Z ] by bob, OPS-7: checkout is down");
    c.clock += 3600 * 1000;
    console_json(&c, line);
    console_frame(&c);
    assert_not_shown(&c, "[ BREAK-GLASS");
    assert_shows(&c, "TO BE REVIEWED");
    snprintf(line, sizeof line, glass, ",\"reviewed_by\":\"carol\",\"review\":\"fine\"");
    console_json(&c, line);
    console_frame(&c);
    assert_shows(&c, "reviewed by carol");
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_card_is_approved_by_its_key_and_the_typed_name),
        cmocka_unit_test(who_cannot_approve_is_told_first),
        cmocka_unit_test(what_one_cannot_do_is_not_offered),
        cmocka_unit_test(who_is_in_no_group_is_not_offered_its_approval),
        cmocka_unit_test(what_is_over_is_not_said_any_more),
        cmocka_unit_test(the_watch_tab_adds_up),
        cmocka_unit_test(an_edit_by_somebody_else_is_shown_as_a_difference),
        cmocka_unit_test(an_unread_card_is_not_approved_and_says_which_tab),
        cmocka_unit_test(typing_ahead_does_not_approve),
        cmocka_unit_test(keys_before_the_question_is_seen_do_nothing),
        cmocka_unit_test(a_paste_never_confirms),
        cmocka_unit_test(the_name_is_compared_byte_for_byte),
        cmocka_unit_test(enter_and_space_are_not_yes),
        cmocka_unit_test(no_amount_of_harmless_keys_approves),
        cmocka_unit_test(a_card_that_changes_closes_the_question),
        cmocka_unit_test(a_card_decided_by_somebody_else_closes_the_question),
        cmocka_unit_test(a_name_that_cannot_be_typed_is_stood_for_by_the_hash),
        cmocka_unit_test(a_question_that_does_not_fit_is_read_first),
        cmocka_unit_test(lines_under_a_long_message_are_unread),
        cmocka_unit_test(reading_counts_for_one_contract_only),
        cmocka_unit_test(rolling_back_in_prod_wants_the_name_too),
        cmocka_unit_test(a_broken_glass_is_seen_by_all),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
