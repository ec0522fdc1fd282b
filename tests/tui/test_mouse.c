/* SPDX-License-Identifier: Apache-2.0
 *
 * The mouse: it selects and scrolls, and decides nothing. */
#include "console.h"

static struct sb_keymap *keymap;

static void mouse(struct console *c, int button, int x, int y)
{
    struct sb_key key = {.code = SB_KEY_MOUSE, .button = button, .x = x, .y = y};
    console_one_key(c, &key);
    console_frame(c);
}

/* The line of the screen that holds a text, from 0, and the column in cells where it begins there. */
static int line_of(struct console *c, const char *text, int *x)
{
    int y = 0;
    for (const char *line = screen(c); *line; y++) {
        size_t n = strcspn(line, "\n");
        const char *found = memmem(line, n, text, strlen(text));
        if (found) {
            *x = 0;
            for (const char *p = line; p < found; p++)
                *x += ((unsigned char)*p & 0xC0) != 0x80;
            return y;
        }
        line += n + (line[n] == '\n');
    }
    fail_msg("\"%s\" is not on the screen:\n%s", text, screen(c));
    return -1;
}

/* Where the cursor of the panes stands. */
static int cursor_line(struct console *c, int *x)
{
    for (int y = 0; y < c->h; y++)
        for (*x = 0; *x < c->w; ++*x) {
            const struct sb_cell *cell = sb_cell_at(&c->cells, *x, y);
            if (cell->role == SB_ROLE_CURSOR && cell->n == 1 && cell->text[0] == '>')
                return y;
        }
    fail_msg("there is no cursor:\n%s", screen(c));
    return -1;
}

static void click_on(struct console *c, const char *text)
{
    int x, y = line_of(c, text, &x);
    mouse(c, SB_BUTTON_LEFT, x, y);
}

static void it_is_off_until_it_is_asked_for(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    char *before = sb_format("%s", screen(&c));
    assert_false(c.mouse);
    click_on(&c, " Plans ");
    mouse(&c, SB_WHEEL_DOWN, 5, 5);
    assert_string_equal(screen(&c), before);
    press(&c, "F2");
    assert_true(c.mouse);
    assert_shows(&c, "The mouse is on");
    click_on(&c, " Plans ");
    press(&c, "z");
    assert_not_shown(&c, "Approvals");
    press(&c, "z F2");
    assert_false(c.mouse);
    free(before);
    console_close(&c);
}

static void a_click_selects_a_pane_a_row_and_a_tab(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {120, 40}, {200, 60}};
    for (size_t i = 0; i < SB_COUNT(sizes); i++) {
        struct console c;
        int x, y;
        console_on_card(&c, keymap, sizes[i][0], sizes[i][1]);
        console_play(&c, "11-more");
        press(&c, "F2 Escape");
        click_on(&c, " Audit ");
        y = cursor_line(&c, &x); /* the cursor is in the pane now, on its first row */
        mouse(&c, SB_BUTTON_LEFT, x + 9, y + 2);
        assert_int_equal(cursor_line(&c, &x), y + 2);
        mouse(&c, SB_BUTTON_LEFT, 1, sizes[i][1] - 1); /* on the footer: nothing */
        assert_int_equal(cursor_line(&c, &x), y + 2);
        click_on(&c, "C-000001");
        press(&c, "Enter");
        assert_shows(&c, "[1 summary");
        static const char *const tabs[] = {"7 history", "2 commands", "5 rollback", "8 hand-offs", "3 evidence", "6 watch", "4 policy"};
        for (size_t t = 0; t < SB_COUNT(tabs); t++) {
            click_on(&c, strchr(tabs[t], ' ') + 1); /* at 80 cells no blank stands before it */
            char *on = sb_format("[%s", tabs[t]);
            assert_shows(&c, on);
            free(on);
        }
        console_close(&c);
    }
}

static void a_click_on_rows_that_have_moved_is_refused(void **state)
{
    (void)state;
    struct console c;
    int x;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "F2 Escape 4");
    int y = cursor_line(&c, &x);
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(fixture_read("11-more", console_news, &c, &err), err); /* news, and no frame yet */
    mouse(&c, SB_BUTTON_LEFT, 9, y + 1);
    assert_shows(&c, "The rows have changed: click again.");
    console_close(&c);
}

static void the_wheel_is_the_arrow_key_where_it_stands(void **state)
{
    (void)state;
    struct console c;
    int x, y;
    console_on_card(&c, keymap, 120, 40);
    console_play(&c, "11-more");
    press(&c, "F2 Escape");
    y = line_of(&c, " Audit ", &x);
    mouse(&c, SB_WHEEL_DOWN, x, y + 1); /* the pane under it gets the keys, and three rows down is where the cursor goes */
    int at = cursor_line(&c, &x);
    assert_int_equal(at, y + 4);
    mouse(&c, SB_WHEEL_UP, x, y + 1);
    assert_int_equal(cursor_line(&c, &x), y + 1);
    press(&c, "?");
    char *top = sb_format("%s", screen(&c));
    mouse(&c, SB_WHEEL_DOWN, 5, 10);
    assert_string_not_equal(screen(&c), top);
    mouse(&c, SB_WHEEL_UP, 5, 10);
    assert_string_equal(screen(&c), top);
    free(top);
    console_close(&c);
}

/* Everywhere on the screen, at every stage of an approval: nothing is posted by the mouse. */
static void no_click_decides_anything(void **state)
{
    (void)state;
    static const char *const stages[] = {"3", "Enter", "PageDown 2", "A"};
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "F2 Escape");
    for (size_t i = 0; i < SB_COUNT(stages); i++) {
        press(&c, stages[i]);
        if (i == SB_COUNT(stages) - 1) {
            assert_shows(&c, "What is signed");
            type_text(&c, "shop.orders"); /* all that is missing is Enter */
        }
        size_t before = c.asks;
        char *was = sb_format("%s", screen(&c));
        for (int y = 0; y < c.h; y++)
            for (int x = 0; x < c.w; x += 3)
                mouse(&c, SB_BUTTON_LEFT, x, y);
        mouse(&c, SB_BUTTON_LEFT, 9999, 9999);
        assert_int_equal(c.asks, before);
        if (i == SB_COUNT(stages) - 1)
            assert_shows(&c, "A click never confirms.");
        else
            press(&c, i == 0 ? "3" : i == 1 ? "1" : "2");
        free(was);
    }
    press(&c, "Enter");
    assert_int_equal(asked(&c, SB_ASK_APPROVE, NULL), 1); /* the question was still there, with what was typed */
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
        cmocka_unit_test(it_is_off_until_it_is_asked_for),
        cmocka_unit_test(a_click_selects_a_pane_a_row_and_a_tab),
        cmocka_unit_test(a_click_on_rows_that_have_moved_is_refused),
        cmocka_unit_test(the_wheel_is_the_arrow_key_where_it_stands),
        cmocka_unit_test(no_click_decides_anything),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
