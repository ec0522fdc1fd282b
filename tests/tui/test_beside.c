/* SPDX-License-Identifier: Apache-2.0
 *
 * The page beside the panes: it follows the selection once that rests, never says that it is of another row than it is,
 * and nothing is decided about the row it shows but about the selected one. */
#include "console.h"

#define LESS_MS 149 /* than a rest takes */
#define REST_MS 150

static struct sb_keymap *keymap;

/* Five cards, the newest above, and the cursor on it. */
static void open_cards(struct console *c, int w, int h)
{
    console_open(c, keymap, w, h);
    console_play(c, "01-connect");
    for (int i = 1; i <= 5; i++) {
        char line[256];
        snprintf(line, sizeof line, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"id\":\"C-10000%d\",\"why\":\"reason number %d\"}}", i, i);
        console_json(c, line);
    }
    press(c, "3 Home");
}

static void tick(struct console *c, int64_t ms)
{
    struct sb_tui_event event = {.kind = SB_TUI_TICK, .wall_ms = c->clock += ms};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

static void assert_page(struct console *c, const char *heading, int reason)
{
    char text[32];
    snprintf(text, sizeof text, "reason number %d ", reason);
    assert_shows(c, heading);
    assert_shows(c, text);
    for (int i = 1; i <= 5; i++) {
        snprintf(text, sizeof text, "reason number %d ", i);
        if (i != reason)
            assert_not_shown(c, text);
    }
}

/* Cells that differ from a copy of the screen. */
static int changed(struct console *c, const struct sb_cells *before)
{
    int n = 0;
    for (struct sb_run run = {0, 0, 0}; sb_cells_diff(before, &c->cells, &run); run.x += run.n)
        n += run.n;
    return n;
}

static void a_move_is_a_small_frame_and_the_page_follows(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct console c;
    struct sb_cells before;
    open_cards(&c, 200, 60);
    assert_page(&c, " Selected C-100005 ", 5);
    sb_cells_init(&before);
    sb_assert_ok(sb_cells_resize(&before, c.w, c.h, &err), err);
    sb_cells_copy(&before, &c.cells);
    press(&c, "Down");
    assert_page(&c, " Was selected C-100005 ", 5);
    assert_true(changed(&c, &before) < 40); /* two in the gutter, the rest in the page's heading */
    assert_int_equal(sb_tui_tick_in(c.tui), REST_MS);
    tick(&c, LESS_MS);
    assert_page(&c, " Was selected C-100005 ", 5);
    assert_int_equal(sb_tui_tick_in(c.tui), REST_MS - LESS_MS);
    tick(&c, REST_MS - LESS_MS);
    assert_page(&c, " Selected C-100004 ", 4);
    sb_cells_release(&before);
    console_close(&c);
}

static void a_held_key_leaves_the_page_alone(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c, 200, 60);
    for (int i = 0; i < 4; i++) {
        press(&c, "Down");
        assert_page(&c, " Was selected C-100005 ", 5);
        tick(&c, LESS_MS);
        assert_page(&c, " Was selected C-100005 ", 5);
    }
    press(&c, "Down"); /* there is no further row: it rests */
    assert_page(&c, " Selected C-100001 ", 1);
    press(&c, "Up Down"); /* and back to where the page is */
    assert_page(&c, " Selected C-100001 ", 1);
    console_close(&c);
}

static void any_other_key_brings_the_page(void **state)
{
    (void)state;
    static const char *const keys[] = {"f", "Space", "o", "F12", "m", "M-3", "Tab", "n"};
    for (size_t i = 0; i < SB_COUNT(keys); i++) {
        struct console c;
        open_cards(&c, 200, 60);
        press(&c, "Down");
        assert_shows(&c, " Was selected C-100005 ");
        press(&c, keys[i]);
        assert_not_shown(&c, "Was selected");
        console_close(&c);
    }
}

static void a_decision_is_about_the_selected_row(void **state)
{
    (void)state;
    static const struct { const char *keys, *text; } decisions[] = {{"Down A", "C-100004 rev 1"}, {"Down r", "Reject C-100004, because"}, {"Down e", "Edit C-100004"}, {"Down Enter", "C-100004 rev 1"}};
    for (int at_once = 0; at_once < 2; at_once++)
        for (size_t i = 0; i < SB_COUNT(decisions); i++) {
            struct console c;
            open_cards(&c, 200, 60);
            console_keys(&c, decisions[i].keys, at_once);
            assert_shows(&c, decisions[i].text);
            assert_not_shown(&c, "Was selected");
            assert_not_shown(&c, "reason number 5");
            assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 0);
            console_close(&c);
        }
}

static void what_ends_the_page_ends_the_waiting(void **state)
{
    (void)state;
    struct console c;
    open_cards(&c, 200, 60);
    press(&c, "Down");
    tick(&c, -1000); /* the clock was set back */
    assert_page(&c, " Selected C-100004 ", 4);
    tick(&c, 2000);
    press(&c, "Down");
    c.w = 180; /* another page: its lines end elsewhere */
    console_frame(&c);
    assert_page(&c, " Selected C-100003 ", 3);
    press(&c, "Enter");
    tick(&c, 1000);
    console_keys(&c, "Escape Down", true); /* the page of before is long gone */
    assert_page(&c, " Selected C-100002 ", 2);
    press(&c, "Down");
    c.h = 24;
    console_frame(&c);
    assert_int_equal(sb_tui_tick_in(c.tui), 1000 - c.clock % 1000); /* nothing waits where there is no page */
    c.h = 60;
    console_frame(&c);
    assert_page(&c, " Selected C-100001 ", 1);
    console_close(&c);
}

static int setup(void **state)
{
    (void)state;
    keymap = keymap_of("default");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sb_keymap_free(keymap);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_is_a_small_frame_and_the_page_follows),
        cmocka_unit_test(a_held_key_leaves_the_page_alone),
        cmocka_unit_test(any_other_key_brings_the_page),
        cmocka_unit_test(a_decision_is_about_the_selected_row),
        cmocka_unit_test(what_ends_the_page_ends_the_waiting),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
