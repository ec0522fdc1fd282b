/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves the console and comes back: exports, edits as text, and how the panes stand. */
#include "console.h"

static struct sb_keymap *keymap;

static void edited(struct console *c, const char *text)
{
    struct sb_tui_event event = {.kind = SB_TUI_EDITED, .wall_ms = c->clock, .text = text};
    sb_tui_update(c->tui, &event, &c->fx);
    console_take(c);
    console_frame(c);
}

static void a_card_is_edited_as_text_and_shows_the_difference(void **state)
{
    (void)state;
    struct console c;
    const void *last = NULL;
    console_on_card(&c, keymap, 120, 60);
    press(&c, "3 Enter E");
    assert_non_null(c.written);
    assert_non_null(strstr(c.written, "# C-000001, revision 1."));
    assert_non_null(strstr(c.written, "\nwatch_window_s: 300\n"));
    edited(&c, c.written); /* as it was */
    assert_shows(&c, "0 values are changed; nothing is sent yet.");
    edited(&c, "# only this\nwatch_window_s: 600  \r\n");
    assert_shows(&c, "1 value is changed; nothing is sent yet.");
    press(&c, "S");
    assert_shows(&c, "- 300");
    assert_shows(&c, "+ 600");
    assert_int_equal(asked(&c, SB_ASK_EDIT, NULL), 0);
    press(&c, "y");
    assert_int_equal(asked(&c, SB_ASK_EDIT, &last), 1);
    const struct sb_edit *sent = last;
    assert_int_equal(sent->sets_n, 1);
    assert_string_equal(sent->sets[0].key, "watch_window_s");
    assert_string_equal(sent->sets[0].value, "600");
    console_close(&c);
}

static void one_wrong_line_is_told_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"watch_window_s: 600\nnonsense\n", "Line 2: it does not begin with the name of a value"},
        {"watch_window_s: 600\nwatch_window_s: 700\n", "Line 2: this value is given twice"},
        {"watch_window_s: 6\x1B[31m\n", "Line 1: it holds characters that cannot be shown"},
        {"watch_window_s: \xE2\x80\xAE" "6\n", "Line 1: it holds characters that cannot be shown"},
        {"watch_window_s: \xFF\n", "Line 1: it holds characters that cannot be shown"},
        {"watch_window_sx: 600\n", "Line 1: it does not begin"},
    };
    struct console c;
    console_on_card(&c, keymap, 120, 60);
    press(&c, "3 Enter E");
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        edited(&c, wrong[i][0]);
        assert_shows(&c, wrong[i][1]);
        press(&c, "S");
        assert_shows(&c, "Nothing is changed yet");
    }
    console_close(&c);
}

static void text_comes_back_only_where_an_edit_is_open(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 60);
    edited(&c, "watch_window_s: 600\n");
    assert_not_shown(&c, "value is changed");
    console_close(&c);
}

static json_t *exported(struct console *c)
{
    struct sb_err err = SB_ERR_INIT;
    press(c, "W C-u");
    type_text(c, "json");
    press(c, "Enter");
    assert_non_null(c->written);
    json_t *json = sb_json_parse(c->written, strlen(c->written), "export", SB_JSON_STRICT, &err);
    if (!json)
        fail_msg("%s", err.msg);
    return json;
}

static void what_is_seen_is_exported(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 60);
    press(&c, "3");
    json_t *json = exported(&c);
    assert_string_equal(sb_json_str(json, "seen"), "approvals");
    json_t *rows = json_object_get(json, "content");
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(sb_json_str(json_array_get(rows, 0), "id"), "C-000001");
    json_decref(json);
    press(&c, "Enter");
    json = exported(&c);
    assert_string_equal(sb_json_str(json, "seen"), "card");
    assert_string_equal(sb_json_str(json_object_get(json, "content"), "id"), "C-000001");
    json_decref(json);
    press(&c, "?");
    json = exported(&c);
    assert_true(json_array_size(json_object_get(json, "content")) > 20);
    json_decref(json);
    press(&c, "W Enter"); /* text: of the next frame */
    assert_int_equal(c.exports, 1);
    press(&c, "W");
    type_text(&c, "x");
    press(&c, "Enter");
    assert_shows(&c, "Nothing is exported as \"textx\"");
    console_close(&c);
}

static struct sb_tui *opened_with(struct console *c, const char *remembered)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_tui_setup setup = {.keymap = keymap, .connecting = "shop", .remembered = remembered, .wall_ms = c->clock};
    sb_tui_free(c->tui);
    c->tui = sb_tui_new(&setup, &err);
    assert_non_null(c->tui);
    console_frame(c);
    return c->tui;
}

/* For others: with its evidence, and nothing from outside marks anything up or moves a cursor. */
static void an_incident_is_written_down(void **state)
{
    (void)state;
    static const char *const parts[] = {"# Incident A-000001: Reads of shop.orders take 38 times as long", "- goes on, for 41 s", "- taken by: bob", "- judged as: useful", "## Class: code (91 %)",
                                        "| 2026-11-24T14:04:28.000Z | marker | release checkout 4.12.0 (marked by carol) |", "## Signals", "1. (82 %) release checkout", "Not explained: 12 %",
                                        "## What was done", "## Notes", "flag is off \\\\u\\{202e\\} since 14:05", "## Evidence", "sampled 0.4 %"};
    static const char *const shift[] = {"# Hand-over: shop (prod, SIMULATED)", "## Going on", "A-000001 (code, high, for 41 s; bob)", "A-000003 (maintenance, medium, for 3 min 12 s; not taken; not announced)",
                                        "  - since 2026-11-24T14:04:31.000Z; collections shop.orders; applications checkout; members db1.shop.example:27017\n",
                                        "  - because: a shape never seen before has 96 % of the time", "  - first suspect (82 %; 12 % not explained): release checkout 4.12.0", "looked into as K-000001",
                                        "the limit is crossed between 2026-11-26T01:00:00.000Z and 2026-11-26T06:20:00.000Z", "## Over, in the last 12 hours\n\nNone.",
                                        "## Coming", "A-000002 (trend, low", "## Open plans", "C-000001 (awaiting_approval)", "H-7 blackout by carol"};
    struct console c;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    console_play(&c, "03-calm");
    console_play(&c, "12-incident");
    console_play(&c, "05-card");
    c.clock = INT64_C(1795529112000); /* as on the screens */
    press(&c, "1 End M");
    assert_non_null(c.written);
    for (size_t i = 0; i < SB_COUNT(parts); i++)
        if (!strstr(c.written, parts[i]))
            fail_msg("the post-mortem lacks \"%s\":\n%s", parts[i], c.written);
    for (const char *p = c.written; *p; p++)
        assert_true(*p == '\n' || (unsigned char)*p >= ' ');
    press(&c, "H");
    for (size_t i = 0; i < SB_COUNT(shift); i++)
        if (!strstr(c.written, shift[i]))
            fail_msg("the hand-over lacks \"%s\":\n%s", shift[i], c.written);
    console_close(&c);
}

static void the_panes_stand_as_they_were_left(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 120, 40);
    press(&c, "3 o O z L L L"); /* the last line is written while the pane stands alone */
    char *kept = sb_strdup_n(c.written, strlen(c.written));
    assert_string_equal(kept, "layout 0 pane 2 sort 0 0 1r columns 0 0 0 0 room 2 2 2 2\n");
    opened_with(&c, kept);
    assert_shows(&c, "Approvals 0 by risk, turned round");
    static const char *const all[] = {" Anomalies ", " Plans ", " Approvals ", " Audit "};
    for (size_t i = 0; i < SB_COUNT(all); i++)
        assert_shows(&c, all[i]); /* alone was for that time: no start hides what waits for an approval */
    static const char *const wrong[] = {"", "layout", "layout 9 pane 2 sort", "layout 1 pane 7 sort 0", "layout -1 pane 1 sort 0", "\x1B[2J"};
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        opened_with(&c, wrong[i]);
        assert_shows(&c, "Audit"); /* all four, as fits */
    }
    opened_with(&c, "layout 0 pane 2 sort 9 9 9");
    assert_not_shown(&c, " by ");
    free(kept);
    console_close(&c);
}

/* The line of the screen on which a pane's title stands. */
static int title_line(struct console *c, const char *name)
{
    int y = 0;
    for (const char *line = screen(c); *line; y++) {
        size_t n = strcspn(line, "\n");
        if (memmem(line, n, name, strlen(name)))
            return y;
        line += n + (line[n] == '\n');
    }
    fail_msg("%s is not on the screen", name);
    return -1;
}

static void a_pane_gets_more_room_or_less(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {120, 40}, {200, 60}};
    for (size_t s = 0; s < SB_COUNT(sizes); s++)
        for (int layouts = 0; layouts < 3; layouts++) {
            struct console c;
            console_on_card(&c, keymap, sizes[s][0], sizes[s][1]);
            for (int i = 0; i < layouts; i++)
                press(&c, "L");
            press(&c, "1 Escape");
            int below = layouts == 1 ? title_line(&c, " Approvals ") : title_line(&c, " Plans ");
            int before = below - title_line(&c, " Anomalies ");
            press(&c, "+ +");
            const char *next = layouts == 1 ? " Approvals " : " Plans ";
            if (title_line(&c, next) - title_line(&c, " Anomalies ") <= before)
                fail_msg("%dx%d, layout %d: %d lines before, and no more:\n%s", c.w, c.h, layouts, before, screen(&c) + 400);
            char *kept = sb_strdup_n(c.written, strlen(c.written));
            press(&c, "+ + + + + + + + + + + +");
            static const char *const all[] = {" Anomalies ", " Plans ", " Approvals ", " Audit "};
            for (size_t i = 0; i < SB_COUNT(all); i++)
                (void)title_line(&c, all[i]); /* none is pushed off */
            press(&c, "- - - - - - - - - - - - - - -");
            assert_true(title_line(&c, next) - title_line(&c, " Anomalies ") < before || before == 3); /* a title and two rows stay */
            assert_non_null(strstr(kept, " room 4 2 2 2\n"));
            opened_with(&c, kept);
            assert_true(title_line(&c, next) - title_line(&c, " Anomalies ") > 3);
            free(kept);
            console_close(&c);
        }
}

/* At 80 cells the ledger's rows leave out what kind of entry it is. */
static void columns_are_chosen_and_remembered(void **state)
{
    (void)state;
    struct console c;
    console_on_card(&c, keymap, 80, 24);
    press(&c, "4");
    assert_shows(&c, "orchestrator C-000001 policy at gate");
    press(&c, "C");
    assert_shows(&c, "Audit shows as few columns as can be.");
    assert_not_shown(&c, "orchestrator");
    press(&c, "C");
    assert_shows(&c, "orchestrator verdict C-000001 policy at gate");
    char *kept = sb_strdup_n(c.written, strlen(c.written));
    press(&c, "C");
    assert_not_shown(&c, "verdict");
    opened_with(&c, kept);
    console_play(&c, "01-connect");
    assert_shows(&c, "alice login ");
    opened_with(&c, "layout 0 pane 3 sort 0 0 0 columns 9 9"); /* broken off: as fits */
    console_play(&c, "01-connect");
    assert_not_shown(&c, "login ");
    free(kept);
    console_close(&c);
}

static void an_anomaly_is_exported_as_a_picture(void **state)
{
    (void)state;
    struct console c;
    console_open(&c, keymap, 120, 40);
    console_play(&c, "01-connect");
    press(&c, "1 W C-u");
    type_text(&c, "plots");
    press(&c, "Enter");
    assert_shows(&c, "none is selected");
    console_json(&c, "{\"type\":\"anomaly\",\"seq\":0,\"body\":{\"id\":\"A-000007\",\"title\":\"Reads <of> \\\"a&b\\\"\",\"detected_at\":\"2026-11-24T14:05:12.000Z\",\"plots\":["
                     "{\"metric\":\"ns.read_latency_us\",\"subject\":\"shop.orders\",\"unit\":\"us\",\"from\":\"2026-11-24T14:04:12.000Z\",\"step_ms\":10000,\"low\":100,\"high\":200,\"began\":4,"
                     "\"values\":\"100 150 - 120 1000 500 9223372036854775807 - 7\"},{\"metric\":\"empty\",\"values\":\"\",\"began\":-1}]}}");
    press(&c, "1 Enter W C-u");
    type_text(&c, "plots");
    press(&c, "Enter");
    assert_non_null(c.written);
    static const char *const parts[] = {"<svg ", "A-000007: Reads &lt;of&gt; &quot;a&amp;b&quot;", "ns.read_latency_us of shop.orders", "class=\"band\"", "class=\"began\"", "<circle class=\"curve\"", "</svg>\n"};
    for (size_t i = 0; i < SB_COUNT(parts); i++)
        if (!strstr(c.written, parts[i]))
            fail_msg("\"%s\" is not in the picture:\n%s", parts[i], c.written);
    size_t stretches = 0;
    for (const char *p = c.written; (p = strstr(p, "<polyline")); p++)
        stretches++;
    assert_int_equal(stretches, 2); /* broken where nothing was measured; a single value is a dot */
    /* the highest is at the upper edge (40 + 40), the lowest stays inside */
    const char *second = strstr(strstr(c.written, "<polyline") + 1, "<polyline");
    assert_non_null(strstr(second, ",80.00\""));
    assert_null(strstr(c.written, "-1."));
    console_close(&c);
}

int main(void)
{
    keymap = keymap_of("default");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_is_edited_as_text_and_shows_the_difference),
        cmocka_unit_test(one_wrong_line_is_told_and_changes_nothing),
        cmocka_unit_test(text_comes_back_only_where_an_edit_is_open),
        cmocka_unit_test(what_is_seen_is_exported), cmocka_unit_test(an_incident_is_written_down),
        cmocka_unit_test(a_pane_gets_more_room_or_less),
        cmocka_unit_test(columns_are_chosen_and_remembered),
        cmocka_unit_test(the_panes_stand_as_they_were_left), cmocka_unit_test(an_anomaly_is_exported_as_a_picture),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sb_keymap_free(keymap);
    return failed;
}
