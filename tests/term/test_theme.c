/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/term/theme.h>

#include <glob.h>
#include <math.h>
#include <string.h>

static void load(const char *path, const char *as, struct sb_theme *theme, struct sb_problems *problems)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    sb_str_init(&text);
    sb_problems_init(problems);
    sb_assert_ok(sb_file_read(path, SB_CONF_MAX_BYTES, &text, &err), err);
    sb_assert_ok(sb_theme_parse(theme, text.p, text.len, as, problems, &err), err);
    sb_str_release(&text);
}

/* Relative luminance and contrast ratio of WCAG 2.1. */
static double channel(uint32_t c)
{
    double v = c / 255.0;
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double contrast(uint32_t a, uint32_t b)
{
    double x = 0.2126 * channel(a >> 16) + 0.7152 * channel(a >> 8 & 255) + 0.0722 * channel(a & 255);
    double y = 0.2126 * channel(b >> 16) + 0.7152 * channel(b >> 8 & 255) + 0.0722 * channel(b & 255);
    return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

/* xterm's default palette. */
static const uint32_t ansi[16] = {
    0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
    0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
};

/* What the terminal backend makes of a colour where there are eight (color_number in curses.c): a bright foreground becomes
 * bold, which such terminals show bright; a bright background becomes the dark one. */
static uint32_t of_eight(int color, bool foreground)
{
    return ansi[color == 8 ? (foreground ? 7 : 0) : color > 8 && !foreground ? color - 8 : color];
}

static void every_role_of_every_theme_is_readable(void **state)
{
    (void)state;
    assert_true(contrast(0x000000, 0xffffff) > 20.99 && contrast(0x777777, 0xffffff) < 4.5); /* known pairs */
    glob_t found;
    assert_int_equal(glob("themes/*.theme", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct sb_theme theme;
        struct sb_problems problems;
        load(found.gl_pathv[i], found.gl_pathv[i], &theme, &problems);
        if (problems.count)
            fail_msg("%s", problems.text.p);
        double least = strstr(theme.name, "high-contrast") ? 7 : 4.5;
        for (int role = 0; role < SB_ROLES; role++) {
            const struct sb_style *s = &theme.style[role];
            assert_int_equal(s->fg.own, s->bg.own); /* half of a pair cannot promise anything */
            if (s->fg.own)
                continue;
            const uint32_t forms[4][2] = {
                {s->fg.rgb, s->bg.rgb},
                {sb_color_256_rgb(sb_color_256(s->fg.rgb)), sb_color_256_rgb(sb_color_256(s->bg.rgb))},
                {ansi[s->fg.ansi], ansi[s->bg.ansi]},
                {of_eight(s->fg.ansi, true), of_eight(s->bg.ansi, false)},
            };
            for (size_t f = 0; f < SB_COUNT(forms); f++) {
                double c = contrast(forms[f][0], forms[f][1]);
                if (c < (f >= 2 ? 4.5 : least))
                    fail_msg("%s: role %s has a contrast of %.2f (%s)", found.gl_pathv[i], sb_roles[role].name, c, f == 0 ? "rgb" : f == 1 ? "256" : f == 2 ? "16" : "8");
            }
        }
        sb_problems_release(&problems);
    }
    globfree(&found);
}

static void themes_carry_the_name_of_their_file(void **state)
{
    (void)state;
    static const char *const names[] = {"dark", "light", "high-contrast", "colour-blind-safe", "mono"};
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "themes/%s.theme", names[i]);
        struct sb_theme theme;
        struct sb_problems problems;
        load(path, path, &theme, &problems);
        assert_string_equal(theme.name, names[i]);
        sb_problems_release(&problems);
    }
}

/* In mono the things that must not be confused differ by their attributes. */
static void mono_sets_the_marks_apart_without_colour(void **state)
{
    (void)state;
    struct sb_theme theme;
    struct sb_problems problems;
    load("themes/mono.theme", "mono", &theme, &problems);
    static const enum sb_role loud[] = {SB_ROLE_ENV_PROD, SB_ROLE_SIMULATED, SB_ROLE_READ_ONLY, SB_ROLE_NOTICE_BAD, SB_ROLE_DANGER, SB_ROLE_TITLE_FOCUS, SB_ROLE_ESCAPE};
    for (size_t i = 0; i < SB_COUNT(loud); i++)
        assert_true(theme.style[loud[i]].attrs & SB_ATTR_REVERSE);
    for (int role = 0; role < SB_ROLES; role++)
        assert_true(theme.style[role].fg.own && theme.style[role].bg.own);
    assert_int_equal(theme.style[SB_ROLE_TEXT].attrs, 0);
    sb_problems_release(&problems);
}

/* What a terminal with so many colours makes of a style, as one number: the same number looks the same. */
static uint64_t look(const struct sb_style *s, int colors)
{
    uint64_t fg = 0, bg = 0, attrs = s->attrs;
    if (colors > 256 && !s->fg.own) {
        fg = 1 + s->fg.rgb;
        bg = 1 + s->bg.rgb;
    } else if (colors == 256 && !s->fg.own) {
        fg = 1 + (uint64_t)sb_color_256(s->fg.rgb);
        bg = 1 + (uint64_t)sb_color_256(s->bg.rgb);
    } else if (colors && !s->fg.own) {
        bool eight = colors == 8;
        fg = 1 + (uint64_t)(eight && s->fg.ansi == 8 ? 7 : eight && s->fg.ansi > 8 ? s->fg.ansi - 8 : s->fg.ansi);
        bg = 1 + (uint64_t)(eight && s->bg.ansi > 7 ? s->bg.ansi - 8 : s->bg.ansi);
        attrs |= eight && s->fg.ansi > 8 ? SB_ATTR_BOLD : 0; /* bright is bold there */
        attrs &= eight ? ~(uint64_t)(SB_ATTR_UNDERLINE | SB_ATTR_DIM) : UINT64_MAX; /* the Linux console has neither beside colours */
    }
    return fg << 34 | bg << 8 | attrs;
}

/* Two things are told by their look alone: what stands for a character that may not be shown, and what a search found. With
 * any number of colours they look like none of the text they stand in. */
static void what_only_a_look_tells_looks_unlike_its_surroundings(void **state)
{
    (void)state;
    static const enum sb_role text[] = {SB_ROLE_TEXT, SB_ROLE_DIM, SB_ROLE_STRONG, SB_ROLE_ID, SB_ROLE_COMMAND, SB_ROLE_UNDO, SB_ROLE_LOW, SB_ROLE_MEDIUM,
                                        SB_ROLE_HIGH, SB_ROLE_GOOD, SB_ROLE_DOUBT, SB_ROLE_BAD, SB_ROLE_BADGE, SB_ROLE_DIALOG, SB_ROLE_ADDED, SB_ROLE_REMOVED};
    static const int colors[] = {0, 8, 16, 256, 1 << 24};
    glob_t found;
    assert_int_equal(glob("themes/*.theme", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct sb_theme theme;
        struct sb_problems problems;
        load(found.gl_pathv[i], found.gl_pathv[i], &theme, &problems);
        bool mono = strstr(found.gl_pathv[i], "mono") != NULL;
        for (size_t c = mono ? 0 : 1; c < SB_COUNT(colors); c++) /* without colours it is mono that is used */
            for (size_t t = 0; t < SB_COUNT(text); t++)
                for (int which = 0; which < 2; which++) {
                    enum sb_role special = which ? SB_ROLE_MATCH : SB_ROLE_ESCAPE;
                    if (look(&theme.style[special], colors[c]) == look(&theme.style[text[t]], colors[c]))
                        fail_msg("%s: in %d colours %s looks like %s", found.gl_pathv[i], colors[c], sb_roles[special].name, sb_roles[text[t]].name);
                }
        sb_problems_release(&problems);
    }
    globfree(&found);
}

static void mistakes_are_told_with_file_and_line(void **state)
{
    (void)state;
    struct sb_theme theme;
    struct sb_problems problems;
    load("tests/term/bad.theme", "bad.theme", &theme, &problems);
    struct sb_err err = SB_ERR_INIT;
    struct sb_str want;
    sb_str_init(&want);
    sb_assert_ok(sb_file_read("tests/term/bad.theme.problems", 65536, &want, &err), err);
    /* what follows the listed lines: one line for each role that was never given, and the colour nobody uses */
    assert_memory_equal(problems.text.p, want.p, want.len);
    static const char rest[] = "bad.theme:19: the role rule is missing; it looks like plain text\n";
    assert_non_null(strstr(problems.text.p, rest));
    assert_non_null(strstr(problems.text.p, "bad.theme:10: the colour lonely is used by no role\n"));
    size_t missing = 0;
    for (const char *p = problems.text.p; (p = strstr(p, " is missing;")); p++)
        missing++;
    assert_int_equal(missing, SB_ROLES - 3); /* text, dim and id were given, whatever was wrong with them */
    assert_true(theme.style[SB_ROLE_TEXT].fg.rgb == 0xd0d0d0);
    assert_true(theme.style[SB_ROLE_RULE].fg.rgb == 0xd0d0d0); /* looks like plain text */
    sb_str_release(&want);
    sb_problems_release(&problems);
}

static void colours_map_to_the_nearest_fixed_one(void **state)
{
    (void)state;
    for (int i = 16; i < 256; i++)
        assert_true(sb_color_256_rgb(sb_color_256(sb_color_256_rgb(i))) == sb_color_256_rgb(i));
    assert_int_equal(sb_color_256(0x000000), 16);
    assert_int_equal(sb_color_256(0xffffff), 231);
    assert_int_equal(sb_color_256(0x121312), 233);
}

static void role_names_and_letters_are_unique(void **state)
{
    (void)state;
    for (int a = 0; a < SB_ROLES; a++) {
        assert_int_equal(sb_role_find(sb_roles[a].name), a);
        for (int b = 0; b < a; b++)
            assert_int_not_equal(sb_roles[a].letter, sb_roles[b].letter);
    }
    assert_int_equal(sb_role_find("nope"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_of_every_theme_is_readable),
        cmocka_unit_test(themes_carry_the_name_of_their_file),
        cmocka_unit_test(mono_sets_the_marks_apart_without_colour),
        cmocka_unit_test(what_only_a_look_tells_looks_unlike_its_surroundings),
        cmocka_unit_test(mistakes_are_told_with_file_and_line),
        cmocka_unit_test(colours_map_to_the_nearest_fixed_one),
        cmocka_unit_test(role_names_and_letters_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
