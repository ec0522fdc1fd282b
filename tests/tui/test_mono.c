/* SPDX-License-Identifier: Apache-2.0
 *
 * Meaning without colour: what two screens say differently they say in their text, and the same words never mean two things
 * by their role alone. So nothing is lost in the theme mono, in 8 colours, or in a screen that is read out. What only a look
 * can tell (what a search found, what stands for a character that may not be shown) is tested with the themes. */
#include "console.h"

static struct sb_keymap *keymap;

/* ---- words and the roles they were seen in ---- */

#define WORDS_MOST 4000

static struct {
    char *text;
    int role;
} seen[WORDS_MOST];
static size_t seen_n;

/* Roles that judge or rank: a word that has one of them may have no other of them. */
static bool judges(int role)
{
    switch (role) {
    case SB_ROLE_LOW: case SB_ROLE_MEDIUM: case SB_ROLE_HIGH: case SB_ROLE_GOOD: case SB_ROLE_DOUBT: case SB_ROLE_BAD: case SB_ROLE_BADGE:
    case SB_ROLE_BADGE_WEAK: case SB_ROLE_BADGE_STALE: case SB_ROLE_ENV_PROD: case SB_ROLE_ENV_OTHER: case SB_ROLE_SIMULATED:
    case SB_ROLE_READ_ONLY: case SB_ROLE_ADDED: case SB_ROLE_REMOVED: case SB_ROLE_BAR: case SB_ROLE_BAR_REST: case SB_ROLE_TAB: case SB_ROLE_TAB_ON:
        return true;
    default:
        return false;
    }
}

static void note_word(struct console *c, const char *text, int role)
{
    for (size_t i = 0; i < seen_n; i++)
        if (strcmp(seen[i].text, text) == 0) {
            if (seen[i].role != role)
                fail_msg("\"%s\" is %s here and %s elsewhere, and nothing but the look tells which:\n%s", text, sb_roles[role].name, sb_roles[seen[i].role].name, screen(c));
            return;
        }
    assert_true(seen_n < WORDS_MOST);
    seen[seen_n].text = sb_format("%s", text);
    seen[seen_n++].role = role;
}

/* Every run of cells of one judging role on the screen, without the blanks around it. */
static void note_words(struct console *c)
{
    char text[4096];
    for (int y = 0; y < c->h; y++)
        for (int x = 0, end; x < c->w; x = end) {
            int role = sb_cell_at(&c->cells, x, y)->role;
            size_t n = 0;
            for (end = x; end < c->w && sb_cell_at(&c->cells, end, y)->role == role; end++) {
                const struct sb_cell *cell = sb_cell_at(&c->cells, end, y);
                bool leading = n == 0 && cell->n == 1 && cell->text[0] == ' ';
                if (!leading && n + cell->n < sizeof text) {
                    memcpy(text + n, cell->text, cell->n);
                    n += cell->n;
                }
            }
            while (n && text[n - 1] == ' ')
                n--;
            text[n] = '\0';
            if (n && judges(role))
                note_word(c, text, role);
        }
}

static void go(struct console *c, const char *keys)
{
    press(c, keys);
    note_words(c);
}

static void no_word_means_two_things_by_its_look(void **state)
{
    (void)state;
    static const char *const recordings[] = {"01-connect", "02-warmup", "03-calm", "04-anomaly", "05-card", "06-approved", "07-executing", "08-watching", "09-pass", "10-fail", "11-more", "unreached", "ill", "staging", "read-only"};
    static const int sizes[][2] = {{80, 24}, {200, 60}};
    for (size_t s = 0; s < SB_COUNT(sizes); s++) {
        struct console c;
        console_open(&c, keymap, sizes[s][0], sizes[s][1]);
        for (size_t i = 0; i < SB_COUNT(recordings); i++) {
            console_play(&c, recordings[i]);
            note_words(&c);
            go(&c, "1 Enter");
            go(&c, "Escape Escape");
            for (int pane = 2; pane <= 3; pane++) {
                go(&c, pane == 2 ? "2 Enter" : "3 Enter");
                for (const char *tab = "1234567"; *tab && shows(&c, " rev "); tab++) {
                    char keys[] = {*tab, '\0'};
                    go(&c, keys);
                    go(&c, "PageDown");
                    go(&c, "PageDown");
                }
                go(&c, "c");
                go(&c, "Escape Escape Escape");
            }
        }
        go(&c, "?");
        for (int i = 0; i < 30; i++)
            go(&c, "PageDown");
        console_close(&c);
    }
    assert_true(seen_n > 60); /* there was something to compare */
    while (seen_n)
        free(seen[--seen_n].text);
}

/* ---- each of what can be told apart ---- */

/* The screens of a card with each of these values differ in their text. */
static void all_differ(const char *field, const struct sb_names *names, const char *keys)
{
    char *shot[32] = {NULL};
    assert_true(names->n <= SB_COUNT(shot));
    for (int v = 0; v < (int)names->n; v++) {
        struct console c;
        console_open(&c, keymap, 80, 24);
        console_play(&c, "01-connect");
        char *line = sb_format("{\"type\":\"card\",\"seq\":0,\"base\":\"card.json\",\"body\":{\"%s\":\"%s\"}}", field, sb_name(names, v));
        console_json(&c, line);
        console_json(&c, "{\"type\":\"entry\",\"seq\":0,\"body\":{\"seq\":5,\"ts\":\"2026-11-24T14:01:00.000Z\",\"kind\":\"state\",\"actor\":\"orchestrator\",\"card\":\"C-000001\",\"text\":\"moved\"}}");
        press(&c, keys);
        shot[v] = sb_format("%s", screen(&c));
        for (int i = 0; i < v; i++)
            if (strcmp(shot[i], shot[v]) == 0)
                fail_msg("%s %s and %s look the same:\n%s", field, sb_name(names, i), sb_name(names, v), shot[v]);
        free(line);
        console_close(&c);
    }
    for (size_t v = 0; v < names->n; v++)
        free(shot[v]);
}

static void states_risks_and_environments_are_words(void **state)
{
    (void)state;
    all_differ("risk", &sb_levels, "3");
    all_differ("risk", &sb_levels, "3 Enter");
    all_differ("environment", &sb_environments, "3 Enter");
    all_differ("state", &sb_states, "4 g Enter"); /* opened from the ledger: what has come to an end is in no pane */
}

/* What these keys (or this recording) change is to be seen in the text. */
static void text_changes(struct console *c, const char *keys, const char *recording)
{
    char *before = sb_format("%s", screen(c));
    if (keys)
        press(c, keys);
    else
        console_play(c, recording);
    if (strcmp(screen(c), before) == 0)
        fail_msg("%s changes nothing in the text:\n%s", keys ? keys : recording, before);
    free(before);
}

static void where_one_is_and_what_was_marked_is_text(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {120, 40}, {200, 60}};
    for (size_t s = 0; s < SB_COUNT(sizes); s++) {
        struct console c;
        console_on_card(&c, keymap, sizes[s][0], sizes[s][1]);
        console_play(&c, "11-more");
        press(&c, "3 Escape");
        text_changes(&c, "Down", NULL); /* the selected row */
        text_changes(&c, "Tab", NULL);  /* the pane that has the keys */
        text_changes(&c, "1", NULL);
        text_changes(&c, "Space", NULL); /* a mark */
        text_changes(&c, "f Escape", NULL); /* frozen */
        press(&c, "f 3");
        text_changes(&c, "o Escape", NULL); /* sorted */
        press(&c, "o o o Enter Escape Enter");
        text_changes(&c, "2", NULL); /* the tab that is open */
        text_changes(&c, "Escape Escape", NULL);
        text_changes(&c, NULL, "read-only");
        text_changes(&c, NULL, "staging"); /* and not simulated */
        console_close(&c);
    }
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
        cmocka_unit_test(no_word_means_two_things_by_its_look),
        cmocka_unit_test(states_risks_and_environments_are_words),
        cmocka_unit_test(where_one_is_and_what_was_marked_is_text),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
