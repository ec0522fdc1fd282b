/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/term/glyph.h>
#include <signalbox/term/vis.h>

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <wchar.h>

static const char *vis_flags(const void *bytes, size_t n, unsigned flags)
{
    static struct sb_str out;
    if (!out.p)
        sb_str_init(&out);
    sb_str_clear(&out);
    sb_vis(&out, bytes, n, flags);
    assert_true(sb_str_ok(&out));
    return out.p;
}

static const char *vis(const char *text)
{
    return vis_flags(text, strlen(text), 0);
}

/* What may leave the sanitizer, said independently of how it works: printable ASCII, or a code point that the Unicode
 * tables call a letter, mark, number, punctuation or symbol and not ignorable. */
static void assert_harmless(const char *out, size_t n)
{
    size_t marks = 0;
    for (size_t i = 0; i < n;) {
        uint32_t point;
        size_t len = sb_utf8_decode(out + i, n - i, &point);
        if (!len)
            fail_msg("byte %zu of the output is not UTF-8", i);
        const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)point);
        bool seen = point == ' ' || (p->category >= UTF8PROC_CATEGORY_LU && p->category <= UTF8PROC_CATEGORY_SO);
        bool mark = p->category == UTF8PROC_CATEGORY_MN || p->category == UTF8PROC_CATEGORY_ME;
        marks = mark ? marks + 1 : 0;
        if (!seen || p->ignorable || marks > SB_MAX_MARKS)
            fail_msg("U+%04X reached the output", point);
        i += len;
    }
}

static void printable_text_passes_unchanged(void **state)
{
    (void)state;
    static const char *const same[] = {
        "", "shop.orders", "{\"a\":1,\"b\":-1}", "caf\xC3\xA9", "\xE5\x8F\xB0\xE5\xB8\xB3", "\xF0\x9F\x9A\x82 train",
        "e\xCC\x81", "a\xCC\x81\xCC\x82\xCC\x83\xCC\x84", "\xE2\x94\x80\xE2\x96\x88", "back\\slash",
    };
    for (size_t i = 0; i < SB_COUNT(same); i++)
        assert_string_equal(vis(same[i]), same[i]);
}

static void every_c0_and_del_becomes_a_caret(void **state)
{
    (void)state;
    for (int c = 0; c < 0x20; c++) {
        char in = (char)c, want[8];
        snprintf(want, sizeof want, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "^%c", c ^ 0x40);
        assert_string_equal(vis_flags(&in, 1, 0), want);
    }
    assert_string_equal(vis("\x7F"), "^?");
    assert_string_equal(vis_flags("a\nb\tc\r", 6, SB_VIS_NEWLINE), "a\nb\\tc^M");
    assert_string_equal(vis_flags("a\nb\tc\r", 6, SB_VIS_TAB), "a\\nb c^M");
}

static void every_c1_becomes_an_escape(void **state)
{
    (void)state;
    for (uint32_t p = 0x80; p < 0xA0; p++) {
        char in[4], want[16];
        size_t n = sb_utf8_encode(p, in);
        snprintf(want, sizeof want, "\\u{%x}", p);
        assert_string_equal(vis_flags(in, n, 0), want);
        char raw = (char)p; /* the 8-bit form is no UTF-8 at all */
        snprintf(want, sizeof want, "\\x%02x", p);
        assert_string_equal(vis_flags(&raw, 1, 0), want);
    }
}

static void terminal_sequences_are_inert(void **state)
{
    (void)state;
    static const char *const attack[] = {
        "\x1B[31mred\x1B[0m", "\x1B[2J\x1B[H", "\x1B[6n", "\x1B[?1049l", "\x1B]0;title\x07", "\x1B]52;c;aGk=\x1B\\",
        "\x1B]8;;http://x\x1B\\y\x1B]8;;\x1B\\", "\x1BP+q544e\x1B\\", "\x1B_apc\x1B\\", "\x1B^pm\x1B\\", "\x1BX sos\x1B\\",
        "\x1B]0;never ends", "\x1B[", "\x1B", "\x9B" "31m", "\x9D" "0;t\x9C", "\x90q\x9C", "\xC2\x9B" "31m", "\xC2\x9D" "52;c;x\xC2\x9C",
        "a\rb", "a\bb", "\x0E\x0F", "\x05", "\x1B" "c", "\x1B" "7\x1B" "8", "\x1B#8", "\x1B(0", "\x1B[8;200;200t", "\x1B[200~",
    };
    for (size_t i = 0; i < SB_COUNT(attack); i++) {
        const char *out = vis(attack[i]);
        assert_harmless(out, strlen(out));
        for (const char *p = out; *p; p++)
            assert_true(*p >= 0x20 && *p < 0x7F);
    }
    assert_string_equal(vis("\x1B[31mred"), "^[[31mred");
}

static void invisible_and_formatting_characters_are_shown(void **state)
{
    (void)state;
    static const struct {
        uint32_t from, to;
    } hidden[] = {
        {0xA0, 0xA0}, {0xAD, 0xAD}, {0x34F, 0x34F}, {0x600, 0x605}, {0x61C, 0x61C}, {0x6DD, 0x6DD}, {0x115F, 0x1160},
        {0x1680, 0x1680}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F},
        {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xE000, 0xE010}, {0xFDD0, 0xFDEF}, {0xFE00, 0xFE0F},
        {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0x1BCA0, 0x1BCA3}, {0x1D159, 0x1D159},
        {0x1D173, 0x1D17A}, {0x1F1E6, 0x1F1FF}, {0x1F3FB, 0x1F3FF}, {0xE0000, 0xE007F}, {0xE0100, 0xE01EF}, {0xF0000, 0xF0010},
        {0x10FFFE, 0x10FFFF},
    };
    for (size_t i = 0; i < SB_COUNT(hidden); i++)
        for (uint32_t p = hidden[i].from; p <= hidden[i].to; p++) {
            char in[6] = "a", want[16];
            size_t n = 1 + sb_utf8_encode(p, in + 1);
            snprintf(want, sizeof want, "a\\u{%x}", p);
            assert_string_equal(vis_flags(in, n, 0), want);
        }
}

static void every_code_point_gives_harmless_output(void **state)
{
    (void)state;
    size_t as_itself = 0;
    for (uint32_t p = 0; p <= 0x10FFFF; p++) {
        if (p >= 0xD800 && p <= 0xDFFF)
            continue;
        char in[6] = "x";
        size_t n = 1 + sb_utf8_encode(p, in + 1);
        const char *out = vis_flags(in, n, 0);
        size_t len = strlen(out);
        assert_harmless(out, len);
        if (len == n && memcmp(out, in, n) == 0) {
            as_itself++;
            int width;
            enum sb_glyph g = sb_glyph_of(p, &width);
            assert_true(g == SB_GLYPH_MARK ? width == 0 : g == SB_GLYPH_BASE && (width == 1 || width == 2));
            assert_int_equal(width, utf8proc_charwidth((utf8proc_int32_t)p));
            assert_int_equal(width, wcwidth((wchar_t)p)); /* main has set the locale */
        }
    }
    assert_true(as_itself > 130000); /* letters of the world pass: the host's locale data are there */
}

static void marks_are_limited_and_never_sit_on_foreign_text(void **state)
{
    (void)state;
    size_t n = 100000;
    char *in = malloc(1 + 2 * n);
    assert_non_null(in);
    in[0] = 'a';
    for (size_t i = 0; i < n; i++)
        memcpy(in + 1 + 2 * i, "\xCC\x81", 2);
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, in, 1 + 2 * n, 0);
    assert_int_equal(out.len, 1 + 2 * SB_MAX_MARKS + (n - SB_MAX_MARKS) * strlen("\\u{301}"));
    assert_harmless(out.p, out.len);
    sb_str_release(&out);
    free(in);
    assert_string_equal(vis("\xCC\x81z"), "\\u{301}z");
    assert_string_equal(vis("\x1B\xCC\x81"), "^[\\u{301}");
}

static void bytes_that_are_not_utf8_are_shown_one_by_one(void **state)
{
    (void)state;
    assert_string_equal(vis("a\xFFz"), "a\\xffz");
    assert_string_equal(vis("\xC0\xAF"), "\\xc0\\xaf");             /* overlong */
    assert_string_equal(vis("\xED\xA0\x80"), "\\xed\\xa0\\x80");    /* surrogate */
    assert_string_equal(vis("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    assert_string_equal(vis("\xE2\x82"), "\\xe2\\x82");             /* cut off at the end */
    assert_string_equal(vis("\xE2\x82zz"), "\\xe2\\x82zz");
    /* one character handed over in two halves is two torn pieces: never glued over a buffer's edge */
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, "\xE2\x82", 2, 0);
    sb_vis(&out, "\xAC", 1, 0);
    assert_string_equal(out.p, "\\xe2\\x82\\xac");
    sb_str_release(&out);
}

static void sanitized_text_passes_again_unchanged(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 77);
    struct sb_str once, twice;
    sb_str_init(&once);
    sb_str_init(&twice);
    for (int round = 0; round < 20000; round++) {
        char in[64];
        size_t n = sb_rng_below(&rng, sizeof in);
        for (size_t i = 0; i < n; i++)
            in[i] = (char)(sb_rng_below(&rng, 3) ? sb_rng_below(&rng, 256) : 0xCC + sb_rng_below(&rng, 2));
        sb_str_clear(&once);
        sb_str_clear(&twice);
        sb_vis(&once, in, n, 0);
        assert_harmless(once.p, once.len);
        sb_vis(&twice, once.p, once.len, 0);
        assert_string_equal(once.p, twice.p);
    }
    sb_str_release(&once);
    sb_str_release(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_passes_unchanged),
        cmocka_unit_test(every_c0_and_del_becomes_a_caret),
        cmocka_unit_test(every_c1_becomes_an_escape),
        cmocka_unit_test(terminal_sequences_are_inert),
        cmocka_unit_test(invisible_and_formatting_characters_are_shown),
        cmocka_unit_test(every_code_point_gives_harmless_output),
        cmocka_unit_test(marks_are_limited_and_never_sit_on_foreign_text),
        cmocka_unit_test(bytes_that_are_not_utf8_are_shown_one_by_one),
        cmocka_unit_test(sanitized_text_passes_again_unchanged),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
