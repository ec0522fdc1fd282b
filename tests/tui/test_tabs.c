/* SPDX-License-Identifier: Apache-2.0
 *
 * The tabs of a card: all of them are in sight wherever there is room for their names, and the hand-offs say what is known. */
#include "console.h"

static const char *const names[] = {"summary", "commands", "evidence", "policy", "rollback", "watch", "history", "hand-offs"};

/* The line of the tabs: below the header and the title. */
static void tabs(struct console *c, char line[1024])
{
    const char *p = screen(c);
    for (int y = 0; y < 2; y++)
        p = strchr(p, '\n') + 1;
    snprintf(line, 1024, "%.*s", (int)strcspn(p, "\n"), p);
}

static void every_tab_is_in_sight(void **state)
{
    (void)state;
    static const char *const keymaps[] = {"default", "vi", "emacs"};
    static const int widths[] = {80, 92, 100, 120, 200};
    for (size_t k = 0; k < SB_COUNT(keymaps); k++)
        for (size_t w = 0; w < SB_COUNT(widths); w++) {
            struct sb_keymap *keymap = keymap_of(keymaps[k]);
            struct console c;
            console_on_card(&c, keymap, widths[w], 30);
            press(&c, "Tab Tab Enter");
            for (size_t on = 0; on < SB_COUNT(names); on++) { /* stars and all, then without */
                char open[32], line[1024];
                tabs(&c, line);
                snprintf(open, sizeof open, on < 2 ? "%s" : "%s]", names[on]);
                for (size_t i = 0; i < SB_COUNT(names); i++)
                    if (!strstr(line, names[i]))
                        fail_msg("%s, %d cells, %s is open and %s is not in sight: %s", keymaps[k], widths[w], names[on], names[i], line);
                assert_non_null(strstr(line, open));
                press(&c, "Tab");
            }
            console_close(&c);
            sb_keymap_free(keymap);
        }
}

static void at_80_cells_every_tab_has_its_key(void **state)
{
    (void)state;
    struct sb_keymap *keymap = keymap_of("default");
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "3 Enter");
    assert_shows(&c, "[1 summary*] 2commands* 3evidence 4policy 5rollback 6watch 7history 8hand-offs");
    press(&c, "8");
    assert_shows(&c, "7history[8 hand-offs]");
    console_close(&c);
    sb_keymap_free(keymap);
}

static void hand_offs_say_why_what_and_which_risk(void **state)
{
    (void)state;
    struct sb_keymap *keymap = keymap_of("default");
    struct console c;
    console_on_card(&c, keymap, 100, 40);
    press(&c, "3 Enter 8");
    assert_shows(&c, "anomaly detector \xE2\x86\x92 index optimizer Why class code: one new shape has 96 % of the time");
    assert_shows(&c, "Risk writes of shop.orders carry one more index Passed on 2 facts [sampled 0.4 %] plan of the new shape: COLLSCAN");
    assert_shows(&c, "orchestrator \xE2\x86\x92 anomaly detector Why the anomaly is its own: it names shapes and suspects Risk none was seen");
    assert_not_shown(&c, "Ledger entries");
    press(&c, "7");
    assert_shows(&c, "Ledger entries, the newest first");
    assert_not_shown(&c, "Passed on");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"case\":\"K-000044\"}}");
    press(&c, "8");
    assert_shows(&c, "Case K-000044 was asked for and has not come yet.");
    console_json(&c, "{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"case\":\"\"}}");
    assert_shows(&c, "This card belongs to no case");
    console_close(&c);
    sb_keymap_free(keymap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tab_is_in_sight),
        cmocka_unit_test(at_80_cells_every_tab_has_its_key),
        cmocka_unit_test(hand_offs_say_why_what_and_which_risk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
