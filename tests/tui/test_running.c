/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs now: asked for only while its page is open, and not too often; the selection stays on its operation. The flight recorder:
 * a minute of before is shown and nothing is decided by it. Who else has a card open. */
#include "console.h"

#include <signalbox/base/file.h>

#include <string.h>

static struct sb_keymap *keymap;

static int load(void **state)
{
    struct sb_problems problems;
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    (void)state;
    sb_str_init(&text);
    sb_problems_init(&problems);
    keymap = sb_keymap_new();
    assert_non_null(keymap);
    sb_assert_ok(sb_file_read_named("keymaps/default.keys", 1 << 20, &text, &err), err);
    assert_int_equal(sb_keymap_read(keymap, text.p, text.len, "default.keys", &problems, &err), 0);
    sb_str_release(&text);
    sb_problems_release(&problems);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    sb_keymap_free(keymap);
    return 0;
}

static size_t sent_of(const struct console *c, int type)
{
    size_t n = 0;
    for (size_t i = 0; i < c->asks; i++)
        n += c->ask[i]->type == type;
    return n;
}

static int64_t last_seq(const struct console *c, int type)
{
    int64_t seq = 0;
    for (size_t i = 0; i < c->asks; i++)
        if (c->ask[i]->type == type)
            seq = c->ask[i]->seq;
    return seq;
}

static void pass(struct console *c, int64_t ms)
{
    c->clock += ms;
    struct sb_tui_event event = {.kind = SB_TUI_TICK, .wall_ms = c->clock};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

/* n operations of one member, the first ones longest; `without`: that one has ended. */
static void answer_ops(struct console *c, int n, int without)
{
    struct sb_message *m = sb_message_new(SB_NEWS_OPS, last_seq(c, SB_ASK_OPS));
    struct sb_ops *ops = m->body;
    ops->at = c->clock;
    for (int i = 1; i <= n; i++) {
        struct sb_op *op = i == without ? NULL : SB_PUSH(ops->list);
        if (!op)
            continue;
        char opid[16], conn[16];
        snprintf(opid, sizeof opid, "%d", 7000 + i);
        snprintf(conn, sizeof conn, "conn%d", i);
        assert_int_equal(sb_str_set(&op->member, "db1:27017") || sb_str_set(&op->opid, opid) || sb_str_set(&op->connection, conn) || sb_str_set(&op->op, "find") ||
                             sb_str_set(&op->ns, i % 2 ? "shop.orders" : "crm.users"),
                         0);
        op->running_ms = 1000 * (n - i + 1);
    }
    console_news(c, m);
    console_frame(c);
}

static void it_is_asked_for_while_it_is_open(void **state)
{
    struct console c;
    (void)state;
    console_open(&c, keymap, 120, 40);
    pass(&c, 5000);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 0);
    press(&c, "F5");
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 1);
    pass(&c, 60000); /* the answer has not come: nothing is asked on top of it */
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 1);
    answer_ops(&c, 3, 0);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 2);
    answer_ops(&c, 3, 0);
    pass(&c, 1000);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 2);
    pass(&c, 1000);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 3);
    struct sb_message *no = sb_message_new(SB_NEWS_ANSWER, last_seq(&c, SB_ASK_OPS));
    assert_int_equal(sb_str_set(&((struct sb_answer *)no->body)->text, "not connected yet"), 0);
    console_news(&c, no);
    console_frame(&c);
    assert_non_null(strstr(screen(&c), "They cannot be asked for: not connected yet"));
    pass(&c, 9000);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 3);
    press(&c, "Escape");
    pass(&c, 60000);
    assert_int_equal(sent_of(&c, SB_ASK_OPS), 3);
    console_close(&c);
}

static void the_selection_stays(void **state)
{
    struct console c;
    (void)state;
    console_open(&c, keymap, 120, 40);
    press(&c, "F5");
    answer_ops(&c, 6, 0);
    press(&c, "Down Down");
    pass(&c, 2000);
    answer_ops(&c, 6, 1); /* the first one has ended */
    press(&c, "X");
    assert_int_equal(sent_of(&c, SB_ASK_REQUEST), 1);
    assert_string_equal(((const struct sb_text *)c.ask[c.asks - 1]->body)->text, "kill operation 7003 of conn3 on db1:27017");
    press(&c, "&");
    type_text(&c, "crm");
    press(&c, "Enter");
    assert_null(strstr(screen(&c), "shop.orders"));
    press(&c, "&");
    type_text(&c, "[");
    press(&c, "Enter"); /* no expression: the filter stays */
    assert_non_null(strstr(screen(&c), "The filter stays as it was"));
    assert_null(strstr(screen(&c), "shop.orders"));
    console_close(&c);
}

static void answer_replay(struct console *c, int64_t at, int64_t oldest)
{
    struct sb_message *m = sb_message_new(SB_NEWS_REPLAY, last_seq(c, SB_ASK_REPLAY));
    struct sb_replay *r = m->body;
    struct sb_member_line *l = SB_PUSH(r->strip.members);
    *r = (struct sb_replay){.at = at, .oldest = oldest, .newest = c->clock - 5000, .strip = r->strip};
    r->strip.wall = at;
    assert_non_null(l);
    assert_int_equal(sb_str_set(&l->name, "gone:27017") || sb_str_set(&l->state, "PRIMARY"), 0);
    console_news(c, m);
    console_frame(c);
}

static void a_minute_of_before(void **state)
{
    struct console c;
    (void)state;
    console_open(&c, keymap, 200, 60);
    console_play(&c, "01-connect");
    console_play(&c, "05-card");
    press(&c, "<");
    assert_int_equal(sent_of(&c, SB_ASK_REPLAY), 1);
    answer_replay(&c, c.clock - 62000, c.clock - 3600000);
    assert_non_null(strstr(screen(&c), "REPLAY 14:04"));
    assert_non_null(strstr(screen(&c), "gone:27017"));
    press(&c, "<");
    answer_replay(&c, c.clock - 122000, c.clock - 122000);
    press(&c, "<");
    answer_replay(&c, c.clock - 122000, c.clock - 122000);
    assert_non_null(strstr(screen(&c), "REPLAY 14:03"));
    /* the cards are those of now, and a question about one ends it */
    press(&c, "3 Enter PageDown 2 PageDown A");
    assert_null(strstr(screen(&c), "[ REPLAY"));
    press(&c, "Escape Escape");
    assert_null(strstr(screen(&c), "gone:27017"));
    /* on from the last minute is the present; an answer that comes late changes nothing */
    press(&c, "<");
    answer_replay(&c, c.clock - 10000, c.clock - 122000);
    assert_non_null(strstr(screen(&c), "[ REPLAY"));
    press(&c, ">");
    assert_null(strstr(screen(&c), "[ REPLAY"));
    press(&c, "< =");
    answer_replay(&c, c.clock - 62000, c.clock - 122000);
    assert_null(strstr(screen(&c), "[ REPLAY"));
    press(&c, "M-6 M-0 <");
    assert_int_equal(((const struct sb_replay_ask *)c.ask[c.asks - 1]->body)->at, c.clock - 60 * 60000);
    console_close(&c);
}

static void who_else_looks(void **state)
{
    struct console c;
    (void)state;
    console_open(&c, keymap, 200, 60);
    console_play(&c, "01-connect");
    console_play(&c, "05-card");
    press(&c, "3 Enter");
    assert_int_equal(sent_of(&c, SB_ASK_LOOK), 0); /* nobody else is there */
    console_play(&c, "16-looks");
    console_frame(&c);
    assert_int_equal(sent_of(&c, SB_ASK_LOOK), 1);
    assert_non_null(strstr(screen(&c), "open too: carol and 1 more"));
    press(&c, "Escape");
    assert_int_equal(sent_of(&c, SB_ASK_LOOK), 2);
    assert_string_equal(((const struct sb_text *)c.ask[c.asks - 1]->body)->text, "");
    console_close(&c);
}

/* Not what is there at the beginning, not more than one in ten seconds, and nothing of the database. */
static void a_notice_for_who_looks_elsewhere(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        struct console c;
        struct sb_err err = SB_ERR_INIT;
        console_open(&c, keymap, 120, 40);
        struct sb_tui_setup setup = {.keymap = keymap, .seat = {.who = (char *)"alice", .how = (char *)"console"}, .connecting = "shop", .notices = wanted, .wall_ms = c.clock};
        sb_tui_free(c.tui);
        c.tui = sb_tui_new(&setup, &err);
        assert_non_null(c.tui);
        console_play(&c, "01-connect");
        console_play(&c, "04-anomaly");
        assert_int_equal(c.notices, 0);
        pass(&c, 11000);
        console_play(&c, "05-card");
        assert_int_equal(c.notices, wanted);
        if (wanted)
            assert_string_equal(c.notice, "C-000001 awaits approval");
        console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-000009\",\"state\":\"failed\"}}");
        assert_int_equal(c.notices, wanted);
        pass(&c, 11000);
        console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-000009\",\"state\":\"failed\"}}"); /* as it was */
        assert_int_equal(c.notices, wanted);
        console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-000009\",\"state\":\"in_doubt\"}}");
        assert_int_equal(c.notices, 2 * wanted);
        console_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_for_while_it_is_open),
        cmocka_unit_test(the_selection_stays),
        cmocka_unit_test(a_minute_of_before),
        cmocka_unit_test(who_else_looks),
        cmocka_unit_test(a_notice_for_who_looks_elsewhere),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
