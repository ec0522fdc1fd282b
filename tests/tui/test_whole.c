/* SPDX-License-Identifier: Apache-2.0
 *
 * Cards of which a row is there and no more: they are listed, what is looked at is asked for, and nothing is decided before
 * all of it has come. */
#include "console.h"

#include <string.h>

static struct sb_keymap *keymap;

static size_t asked_for(const struct console *c, const char *id, int64_t *seq)
{
    size_t n = 0;
    for (size_t i = 0; i < c->asks; i++)
        if (c->ask[i]->type == SB_ASK_CARD && sb_streq(((const struct sb_text *)c->ask[i]->body)->text, id)) {
            n++;
            *seq = c->ask[i]->seq;
        }
    return n;
}

static void rows(struct console *c, int from, int to)
{
    struct sb_message *m = sb_message_new(SB_NEWS_CARDS, 0);
    assert_non_null(m);
    struct sb_card_rows *list = m->body;
    for (int i = from; i <= to; i++) {
        struct sb_card_row *row = SB_PUSH(list->rows);
        assert_non_null(row);
        row->id = sb_format("C-1%05d", i);
        row->title = sb_format("card number %d", i);
        row->revision = 1;
        row->state = SB_AWAITING_APPROVAL;
        row->wanted = 2;
        assert_true(row->id && row->title);
    }
    console_news(c, m);
    console_frame(c);
}

static void whole(struct console *c, int number, int64_t seq, int revision)
{
    char line[400];
    snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":%lld,\"base\":\"card.json\",\"body\":{\"id\":\"C-1%05d\",\"revision\":%d,\"title\":\"card number %d\",\"why\":\"because of %d\"}}",
             (long long)seq, number, revision, number, number);
    console_json(c, line);
}

/* The page beside the panes follows a selection that rests. */
static void rest(struct console *c)
{
    struct sb_tui_event event = {.kind = SB_TUI_TICK, .wall_ms = c->clock += 200};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

static void a_row_is_listed_and_its_card_asked_for(void **state)
{
    (void)state;
    struct console c;
    int64_t seq = 0, other;
    console_open(&c, keymap, 200, 60);
    console_play(&c, "01-connect");
    rows(&c, 1, 30);
    press(&c, "3");
    assert_shows(&c, "card number 30");
    assert_shows(&c, "0/2");
    assert_shows(&c, "has not come yet"); /* beside the panes, all there is of the selected one */
    assert_int_equal(asked_for(&c, "C-100030", &seq), 1);
    press(&c, "Down Down"); /* while that is on its way nothing else is asked for */
    assert_int_equal(asked_for(&c, "C-100029", &other) + asked_for(&c, "C-100028", &other), 0);
    whole(&c, 30, seq, 1);
    assert_int_equal(asked_for(&c, "C-100029", &other), 0);
    assert_int_equal(asked_for(&c, "C-100028", &seq), 1);
    assert_shows(&c, "Was selected C-100030");
    whole(&c, 28, seq, 1);
    rest(&c);
    assert_shows(&c, "Selected C-100028");
    assert_shows(&c, "because of 28");
    assert_int_equal(asked_for(&c, "C-100028", &other), 1);
    console_close(&c);
}

static void nothing_is_decided_on_a_row(void **state)
{
    (void)state;
    struct console c;
    int64_t seq = 0;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    rows(&c, 1, 5);
    press(&c, "3");
    press(&c, "r");
    assert_shows(&c, "C-100005 was asked for and has not come yet");
    press(&c, "Enter");
    press(&c, "A");
    for (size_t i = 0; i < c.asks; i++)
        assert_true(c.ask[i]->type != SB_ASK_APPROVE && c.ask[i]->type != SB_ASK_REJECT);
    assert_shows(&c, "has not come yet");
    assert_int_equal(asked_for(&c, "C-100005", &seq), 1);
    whole(&c, 5, seq, 1);
    assert_shows(&c, "because of 5");
    console_close(&c);
}

/* Somebody refuses to tell it: it is not asked for over and over, but again with the next key. */
static void a_refusal_ends_the_asking(void **state)
{
    (void)state;
    struct console c;
    int64_t seq = 0;
    char line[160];
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    rows(&c, 1, 5);
    press(&c, "3");
    assert_int_equal(asked_for(&c, "C-100005", &seq), 1);
    snprintf(line, sizeof line, "{\"type\":\"answer\",\"seq\":%lld,\"body\":{\"ok\":false,\"status\":5,\"text\":\"its entries cannot be read\"}}", (long long)seq);
    console_json(&c, line);
    console_frame(&c);
    assert_shows(&c, "its entries cannot be read");
    assert_int_equal(asked_for(&c, "C-100005", &seq), 1);
    press(&c, "Home");
    assert_int_equal(asked_for(&c, "C-100005", &seq), 2);
    console_close(&c);
}

/* Of many that came whole the first are let go of, and come again when somebody goes there; what is marked or open stays. */
static void what_came_first_is_let_go_of(void **state)
{
    (void)state;
    struct console c;
    int64_t seq = 0;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    whole(&c, 0, 0, 1);
    press(&c, "3 Home");
    press(&c, "Enter"); /* the first of all is open meanwhile */
    for (int i = 1; i <= 300; i++)
        whole(&c, i, 0, 1);
    assert_shows(&c, "because of 0");
    press(&c, "Escape");
    assert_int_equal(asked_for(&c, "C-100000", &seq), 0);
    press(&c, "End");
    assert_int_equal(asked_for(&c, "C-100000", &seq), 0);
    press(&c, "Up");
    assert_int_equal(asked_for(&c, "C-100001", &seq), 1);
    press(&c, "Home");
    whole(&c, 1, seq, 1);
    assert_int_equal(asked_for(&c, "C-100300", &seq), 0); /* one of the last: it is there */
    console_close(&c);
}

/* A newer row: what was read of the card before is not what is decided on. */
static void a_newer_row_has_the_card_asked_for_anew(void **state)
{
    (void)state;
    struct console c;
    int64_t seq = 0;
    console_open(&c, keymap, 80, 24);
    console_play(&c, "01-connect");
    whole(&c, 7, 0, 3);
    press(&c, "3");
    assert_int_equal(asked_for(&c, "C-100007", &seq), 0);
    rows(&c, 7, 7);
    assert_int_equal(asked_for(&c, "C-100007", &seq), 1);
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_listed_and_its_card_asked_for), cmocka_unit_test(nothing_is_decided_on_a_row), cmocka_unit_test(a_refusal_ends_the_asking),
        cmocka_unit_test(what_came_first_is_let_go_of),           cmocka_unit_test(a_newer_row_has_the_card_asked_for_anew),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return rc;
}
