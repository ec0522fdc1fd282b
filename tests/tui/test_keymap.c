/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/tui/keymap.h>

#include <string.h>

static const char *const shipped[] = {"default", "vi", "emacs"};

static void read_file(struct sb_keymap *k, const char *path, const char *as, struct sb_problems *problems)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    sb_str_init(&text);
    sb_assert_ok(sb_file_read(path, SB_CONF_MAX_BYTES, &text, &err), err);
    sb_assert_ok(sb_keymap_read(k, text.p, text.len, as, problems, &err), err);
    sb_str_release(&text);
}

static struct sb_keymap *load(const char *name, struct sb_problems *problems)
{
    char path[64];
    snprintf(path, sizeof path, "keymaps/%s.keys", name);
    struct sb_keymap *k = sb_keymap_new();
    assert_non_null(k);
    read_file(k, path, path, problems);
    sb_keymap_check(k, path, problems);
    return k;
}

static void read_text(struct sb_keymap *k, const char *text, struct sb_problems *problems)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_keymap_read(k, text, strlen(text), "mine.keys", problems, &err), err);
}

/* What these keys (names with blanks) mean in a context. */
static const char *means(const struct sb_keymap *k, enum sb_context context, const char *names)
{
    struct sb_key keys[SB_KEYS_MAX];
    size_t n = 0;
    char text[64];
    snprintf(text, sizeof text, "%s", names);
    char *rest = text;
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " "))
        assert_int_equal(sb_key_parse(word, &keys[n++]), 0);
    enum sb_action action = SB_ACT_NONE;
    switch (sb_keymap_find(k, context, keys, n, &action)) {
    case SB_BOUND: return sb_actions[action].name;
    case SB_PARTIAL: return "...";
    default: return "-";
    }
}

static void shipped_keymaps_have_no_problem(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(shipped); i++) {
        struct sb_problems problems;
        sb_problems_init(&problems);
        struct sb_keymap *k = load(shipped[i], &problems);
        if (problems.count)
            fail_msg("%s", problems.text.p);
        assert_string_equal(sb_keymap_name(k), shipped[i]);
        sb_keymap_free(k);
        sb_problems_release(&problems);
    }
}

/* As the console reads them: over the default one. */
static void shipped_keymaps_lie_over_the_default_one(void **state)
{
    (void)state;
    for (size_t i = 1; i < SB_COUNT(shipped); i++) {
        char path[64];
        struct sb_problems problems;
        sb_problems_init(&problems);
        struct sb_keymap *k = load("default", &problems);
        snprintf(path, sizeof path, "keymaps/%s.keys", shipped[i]);
        read_file(k, path, path, &problems);
        sb_keymap_check(k, path, &problems);
        if (problems.count)
            fail_msg("%s", problems.text.p);
        if (i == 1) { /* vi: g alone was bound in default */
            assert_string_equal(means(k, SB_IN_AUDIT, "g"), "...");
            assert_string_equal(means(k, SB_IN_AUDIT, "g 1"), "to-anomalies");
            assert_string_equal(means(k, SB_IN_CARD, "g g"), "top");
            assert_string_equal(means(k, SB_IN_CARD, "g 1"), "tab-summary");
        }
        sb_keymap_free(k);
        sb_problems_release(&problems);
    }
}

static void approving_is_never_one_harmless_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(shipped); i++) {
        struct sb_problems problems;
        sb_problems_init(&problems);
        struct sb_keymap *k = load(shipped[i], &problems);
        for (int c = 0; c < SB_CONTEXTS; c++) {
            static const char *const harmless[] = {"Enter", "Space", "Tab", "Down", "PageDown", "M-Enter"};
            for (size_t h = 0; h < SB_COUNT(harmless); h++) {
                const char *what = means(k, (enum sb_context)c, harmless[h]);
                enum sb_action action = sb_action_find(what);
                if (action != SB_ACT_NONE)
                    assert_false(sb_actions[action].flags & (SB_DANGEROUS | SB_DELIBERATE));
            }
        }
        assert_string_equal(means(k, SB_IN_CARD, "A"), "approve");
        assert_string_equal(means(k, SB_IN_APPROVALS, "A"), "approve");
        assert_string_equal(means(k, SB_IN_AUDIT, "A"), "-");
        sb_keymap_free(k);
        sb_problems_release(&problems);
    }
}

static void lookup_goes_from_the_place_to_its_parents(void **state)
{
    (void)state;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = sb_keymap_new();
    read_text(k, "keymap t\nbind main \"g g\" top\nbind plans g bottom\nbind global F1 help\nbind line F2 submit\nbind card 1 tab-summary\n", &problems);
    assert_int_equal(problems.count, 0);
    assert_string_equal(means(k, SB_IN_AUDIT, "g"), "...");
    assert_string_equal(means(k, SB_IN_AUDIT, "g g"), "top");
    assert_string_equal(means(k, SB_IN_PLANS, "g"), "bottom");
    assert_string_equal(means(k, SB_IN_PLANS, "F1"), "help");
    assert_string_equal(means(k, SB_IN_CONFIRM, "F1"), "-"); /* a question has no parent */
    assert_string_equal(means(k, SB_IN_PALETTE, "F2"), "submit");
    assert_string_equal(means(k, SB_IN_AUDIT, "1"), "-");
    assert_string_equal(sb_keymap_keys(k, SB_IN_AUDIT, SB_ACT_TOP), "g g");
    assert_null(sb_keymap_keys(k, SB_IN_AUDIT, SB_ACT_BOTTOM));
    assert_string_equal(sb_keymap_keys(k, SB_IN_PLANS, SB_ACT_BOTTOM), "g");
    sb_keymap_free(k);
    sb_problems_release(&problems);
}

static void a_later_file_overrides_an_earlier_one(void **state)
{
    (void)state;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = load("default", &problems);
    read_text(k, "keymap mine\nbind main,page C-n request\nunbind main n\n", &problems);
    sb_keymap_check(k, "mine.keys", &problems);
    assert_string_equal(problems.text.p, "");
    assert_string_equal(means(k, SB_IN_AUDIT, "C-n"), "request");
    assert_string_equal(means(k, SB_IN_AUDIT, "n"), "-");
    assert_string_equal(means(k, SB_IN_CARD, "n"), "request");
    read_text(k, "unbind global ?\nunbind plans,approvals,card A\n", &problems);
    sb_keymap_check(k, "mine.keys", &problems);
    assert_string_equal(problems.text.p, "mine.keys:2: ? must be bound to help in main\nmine.keys:2: ? must be bound to help in card\n"
                                         "mine.keys:2: no key leads to approve\nmine.keys:2: no key leads to help\n");
    sb_keymap_free(k);
    sb_problems_release(&problems);
}

static void mistakes_are_told_with_file_and_line(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = sb_keymap_new();
    read_file(k, "tests/tui/bad.keys", "bad.keys", &problems);
    struct sb_str want;
    sb_str_init(&want);
    sb_assert_ok(sb_file_read("tests/tui/bad.keys.problems", 65536, &want, &err), err);
    assert_string_equal(problems.text.p, want.p);
    assert_string_equal(means(k, SB_IN_PLANS, "A"), "approve"); /* what was right counts */
    sb_str_release(&want);
    sb_keymap_free(k);
    sb_problems_release(&problems);
}

static void a_later_file_takes_away_what_could_not_be_reached(void **state)
{
    (void)state;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = load("default", &problems);
    read_text(k, "keymap mine\nbind main \"g g\" top\n", &problems); /* g alone was top */
    assert_string_equal(means(k, SB_IN_AUDIT, "g"), "...");
    assert_string_equal(means(k, SB_IN_AUDIT, "g g"), "top");
    read_text(k, "bind main g bottom\n", &problems);
    assert_string_equal(means(k, SB_IN_AUDIT, "g"), "bottom");
    sb_keymap_check(k, "mine.keys", &problems);
    assert_string_equal(problems.text.p, "");
    sb_keymap_free(k);
    sb_problems_release(&problems);
}

static void keys_in_one_anothers_way_are_told(void **state)
{
    (void)state;
    struct sb_problems problems;
    sb_problems_init(&problems);
    struct sb_keymap *k = load("default", &problems);
    read_text(k, "keymap mine\nbind global \"m m\" suspend\nbind card m case\nbind plans \"C-l x\" zoom\nunbind global C-z\n", &problems);
    sb_keymap_check(k, "mine.keys", &problems);
    assert_int_equal(problems.count, 3);
    assert_non_null(strstr(problems.text.p, "mine.keys:4: C-l of global can never be reached in plans: it begins C-l x there (keymaps/default.keys:"));
    assert_non_null(strstr(problems.text.p, "mine.keys:3: m m of global can never be reached in card: its beginning is bound there (mine.keys:2)\n"));
    assert_non_null(strstr(problems.text.p, "mine.keys:5: no key leads to messages\n"));
    assert_string_equal(sb_keymap_keys(k, SB_IN_AUDIT, SB_ACT_SUSPEND), "m m");
    assert_null(sb_keymap_keys(k, SB_IN_CARD, SB_ACT_SUSPEND)); /* help does not tell of keys that do not work */
    sb_keymap_free(k);
    sb_problems_release(&problems);
}

static void keys_that_terminals_do_not_send_are_told_and_kept(void **state)
{
    (void)state;
    static const char *const known[][2] = {{"C-i", "Tab"}, {"C-m", "Enter"}, {"C-h", "Backspace"}, {"C-[", "Escape"}, {"C-@", "C-Space"}, {"C-M-i", "M-Tab"}, {"S-Enter", "Enter"},
                                           {"C-Enter", "Enter"}, {"C-Tab", "Tab"}, {"C-S-Tab", "Tab"}, {"M-Escape", "Escape"}, {"C-Backspace", "Backspace"}};
    static const char *const sent[] = {"Tab", "S-Tab", "M-Enter", "M-Backspace", "C-a", "C-j", "C-Space", "C-]", "M-x", "C-M-x", "C-Up", "S-F3", "C-PageUp"};
    for (size_t i = 0; i < SB_COUNT(known) + SB_COUNT(sent); i++) {
        const char *key = i < SB_COUNT(known) ? known[i][0] : sent[i - SB_COUNT(known)];
        struct sb_problems problems;
        sb_problems_init(&problems);
        struct sb_keymap *k = sb_keymap_new();
        char *text = sb_format("keymap t\nbind main %s zoom\n", key);
        char *want = i < SB_COUNT(known) ? sb_format("mine.keys:2: most terminals send %s as %s\n", key, known[i][1]) : sb_format("%s", "");
        read_text(k, text, &problems);
        assert_string_equal(problems.text.p, want);
        assert_string_equal(means(k, SB_IN_AUDIT, key), "zoom");
        free(text);
        free(want);
        sb_keymap_free(k);
        sb_problems_release(&problems);
    }
}

static void the_table_of_actions_is_sound(void **state)
{
    (void)state;
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        assert_int_equal(sb_action_find(sb_actions[a].name), a);
        assert_true(strlen(sb_actions[a].help) > 10);
        assert_true(sb_actions[a].contexts != 0);
        assert_true(strlen(sb_actions[a].label) <= 8);
    }
    for (int c = 0; c < SB_CONTEXTS; c++) {
        assert_int_equal(sb_context_find(sb_contexts[c].name), c);
        assert_true((int)sb_contexts[c].parent < c || sb_contexts[c].parent == SB_IN_NONE); /* no cycle */
    }
    assert_int_equal(sb_action_find("nope"), SB_ACT_NONE);
    assert_true(sb_action_applies(SB_ACT_HELP, SB_IN_CARD));
    assert_false(sb_action_applies(SB_ACT_APPROVE, SB_IN_AUDIT));
    assert_false(sb_action_applies(SB_ACT_HELP, SB_IN_CONFIRM));
}

static void the_readme_gets_one_row_an_action(void **state)
{
    (void)state;
    struct sb_problems problems;
    sb_problems_init(&problems);
    const struct sb_keymap *maps[SB_COUNT(shipped)];
    for (size_t i = 0; i < SB_COUNT(shipped); i++)
        maps[i] = load(shipped[i], &problems);
    struct sb_str table;
    sb_str_init(&table);
    sb_keymap_table(maps, SB_COUNT(shipped), &table);
    size_t rows = 0;
    for (const char *p = table.p; *p; p++)
        rows += *p == '\n';
    assert_int_equal(rows, 2 + SB_ACTIONS - 1);
    assert_non_null(strstr(table.p, "| approve the card or the marked ones, if read | `A` | `A` | `A` |"));
    const char *times = strstr(table.p, "| do the next movement that many times"); /* the action with the most keys: all of them */
    assert_non_null(times);
    for (char digit = '0'; digit <= '9'; digit++) {
        char keys[] = {'`', 'M', '-', digit, '`', '\0'};
        const char *found = strstr(times, keys);
        assert_true(found && found < strchr(times, '\n'));
    }
    for (size_t i = 0; i < SB_COUNT(shipped); i++)
        sb_keymap_free((struct sb_keymap *)(uintptr_t)maps[i]);
    sb_str_release(&table);
    sb_problems_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_keymaps_have_no_problem),
        cmocka_unit_test(shipped_keymaps_lie_over_the_default_one),
        cmocka_unit_test(approving_is_never_one_harmless_key),
        cmocka_unit_test(lookup_goes_from_the_place_to_its_parents),
        cmocka_unit_test(a_later_file_overrides_an_earlier_one),
        cmocka_unit_test(mistakes_are_told_with_file_and_line),
        cmocka_unit_test(a_later_file_takes_away_what_could_not_be_reached),
        cmocka_unit_test(keys_in_one_anothers_way_are_told),
        cmocka_unit_test(keys_that_terminals_do_not_send_are_told_and_kept),
        cmocka_unit_test(the_table_of_actions_is_sound),
        cmocka_unit_test(the_readme_gets_one_row_an_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
