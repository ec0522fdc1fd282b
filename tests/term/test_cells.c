/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/term/page.h>
#include <signalbox/term/text.h>

#include <string.h>

static struct sb_str shot;

/* The whole screen as text. */
static const char *screen(const struct sb_cells *c)
{
    sb_str_clear(&shot);
    sb_cells_text(c, &shot);
    return shot.p;
}

static const char *roles(const struct sb_cells *c)
{
    sb_str_clear(&shot);
    sb_cells_roles(c, &shot);
    return shot.p;
}

static void grid(struct sb_cells *c, int w, int h)
{
    struct sb_err err = SB_ERR_INIT;
    sb_cells_init(c);
    sb_assert_ok(sb_cells_resize(c, w, h, &err), err);
}

/* Puts hostile text through a page, as every view does. */
static int put(struct sb_cells *c, struct sb_rect clip, int x, int y, const char *text)
{
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, 1000, false);
    sb_page_text(&p, SB_ROLE_STRONG, text);
    for (size_t i = 0; i < p.span_n; i++)
        x = sb_cells_put(c, clip, x, y, sb_page_safe(&p, &p.span[i]), (enum sb_role)p.span[i].role);
    sb_page_release(&p);
    return x;
}

static void writing_is_clipped_on_every_side(void **state)
{
    (void)state;
    struct sb_cells c;
    grid(&c, 10, 3);
    struct sb_rect clip = {2, 1, 5, 1};
    assert_int_equal(put(&c, clip, -3, 1, "0123456789abcdef"), 13);
    put(&c, clip, 2, 0, "above");
    put(&c, clip, 2, 2, "below");
    assert_string_equal(screen(&c), "\n  56789\n\n");
    assert_string_equal(roles(&c), "..........\n..sssss...\n..........\n");
    put(&c, (struct sb_rect){-5, -5, 100, 100}, 8, 2, "over the edge");
    assert_string_equal(screen(&c), "\n  56789\n        ov\n");
    sb_cells_release(&c);
}

static void halves_of_wide_clusters_are_never_left(void **state)
{
    (void)state;
    struct sb_cells c;
    grid(&c, 8, 1);
    struct sb_rect all = {0, 0, 8, 1};
    put(&c, all, 1, 0, "\xE5\x8F\xB0\xE5\xB8\xB3");
    assert_string_equal(screen(&c), " \xE5\x8F\xB0\xE5\xB8\xB3\n");
    put(&c, all, 2, 0, "x"); /* over the right half of the first */
    assert_string_equal(screen(&c), "  x\xE5\xB8\xB3\n");
    put(&c, all, 3, 0, "y"); /* over the left half of the second */
    assert_string_equal(screen(&c), "  xy\n");
    put(&c, (struct sb_rect){0, 0, 8, 1}, 7, 0, "\xE5\x8F\xB0"); /* half a cell of room at the right edge */
    put(&c, (struct sb_rect){4, 0, 4, 1}, 3, 0, "\xE5\x8F\xB0"); /* and at the left edge of a clip */
    assert_string_equal(screen(&c), "  xy\n");
    sb_cells_release(&c);
}

static void a_grid_of_nothing_takes_everything(void **state)
{
    (void)state;
    static const int sizes[][2] = {{0, 0}, {1, 1}, {0, 5}, {5, 0}, {1, 3}};
    for (size_t i = 0; i < SB_COUNT(sizes); i++) {
        struct sb_cells c;
        grid(&c, sizes[i][0], sizes[i][1]);
        put(&c, (struct sb_rect){0, 0, c.w, c.h}, 0, 0, "\xE5\x8F\xB0 text \x1B[2J");
        sb_cells_fill(&c, (struct sb_rect){-3, -3, 50, 50}, SB_ROLE_DIM);
        put(&c, (struct sb_rect){0, 0, 50, 50}, -1, 0, "\xE5\x8F\xB0\xE5\x8F\xB0");
        sb_cells_release(&c);
    }
}

static void the_difference_of_two_frames_is_exact(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 3);
    static const char *const words[] = {"a", "bb", "\xE5\x8F\xB0", "e\xCC\x81", "  ", "\xF0\x9F\x9A\x82x"};
    struct sb_cells front, back;
    grid(&front, 17, 5);
    grid(&back, 17, 5);
    for (int round = 0; round < 3000; round++) {
        for (uint64_t i = sb_rng_below(&rng, 4); i > 0; i--)
            put(&back, (struct sb_rect){0, 0, 17, 5}, (int)sb_rng_below(&rng, 19) - 1, (int)sb_rng_below(&rng, 5), words[sb_rng_below(&rng, SB_COUNT(words))]);
        struct sb_run run = {0, 0, 0};
        while (sb_cells_diff(&front, &back, &run)) {
            assert_true(run.n > 0 && run.x >= 0 && run.x + run.n <= 17);
            assert_int_not_equal(sb_cell_at(&back, run.x, run.y)->width, 0);
            if (run.x + run.n < 17)
                assert_int_not_equal(sb_cell_at(&back, run.x + run.n, run.y)->width, 0);
            memcpy(&front.cell[run.y * 17 + run.x], sb_cell_at(&back, run.x, run.y), (size_t)run.n * sizeof(struct sb_cell));
        }
        for (int i = 0; i < 17 * 5; i++) {
            assert_int_equal(front.cell[i].n, back.cell[i].n);
            assert_memory_equal(front.cell[i].text, back.cell[i].text, front.cell[i].n);
            assert_int_equal(front.cell[i].role, back.cell[i].role);
        }
        run = (struct sb_run){0, 0, 0};
        assert_false(sb_cells_diff(&front, &back, &run));
    }
    struct sb_cells other;
    grid(&other, 16, 5);
    struct sb_run run = {0, 0, 0};
    int cells = 0;
    while (sb_cells_diff(&front, &other, &run))
        cells += run.n;
    assert_int_equal(cells, 16 * 5); /* unlike sizes differ everywhere */
    sb_cells_release(&front);
    sb_cells_release(&back);
    sb_cells_release(&other);
}

static const char *page_text(const struct sb_page *p)
{
    sb_str_clear(&shot);
    for (size_t i = 0; i < p->row_n; i++) {
        sb_page_row_text(p, i, &shot);
        sb_str_addc(&shot, '\n');
    }
    return shot.p;
}

static void text_wraps_at_blanks_and_inside_long_words(void **state)
{
    (void)state;
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, 12, false);
    sb_page_text(&p, SB_ROLE_DIM, "why ");
    sb_page_wrap(&p, SB_ROLE_TEXT, 4, "one two  three seventeenletters end");
    assert_string_equal(page_text(&p), "why one two \n    three se\n    venteenl\n    etters \n    end\n");
    assert_false(p.cut);
    sb_page_start(&p, 6, false);
    sb_page_wrap(&p, SB_ROLE_TEXT, 0, "\xE5\x8F\xB0\xE5\x8F\xB0\xE5\x8F\xB0\xE5\x8F\xB0 a");
    assert_string_equal(page_text(&p), "\xE5\x8F\xB0\xE5\x8F\xB0\xE5\x8F\xB0\n\xE5\x8F\xB0 a\n");
    sb_page_start(&p, 1, false);
    sb_page_wrap(&p, SB_ROLE_TEXT, 4, "ab\xE5\x8F\xB0");
    assert_true(p.cut);
    sb_page_release(&p);
}

/* Whatever is wrapped, no line is wider than the page and nothing but blanks at the breaks is lost. */
static void wrapping_keeps_to_the_width(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 12);
    static const char *const bits[] = {"a", "word", " ", "  ", "\xE5\x8F\xB0", "\x1B", "\xE2\x80\xAE", "e\xCC\x81", ",", "\xFF", "averyveryverylongword", "\n"};
    struct sb_page p;
    sb_page_init(&p);
    struct sb_str text;
    sb_str_init(&text);
    for (int round = 0; round < 5000; round++) {
        sb_str_clear(&text);
        for (uint64_t i = sb_rng_below(&rng, 30); i > 0; i--)
            sb_str_adds(&text, bits[sb_rng_below(&rng, SB_COUNT(bits))]);
        int width = 10 + (int)sb_rng_below(&rng, 40), indent = (int)sb_rng_below(&rng, 8);
        for (int exact = 0; exact < 2; exact++) {
            sb_page_start(&p, width, false);
            if (exact)
                sb_page_exact(&p, SB_ROLE_COMMAND, indent, text.p);
            else
                sb_page_wrap(&p, SB_ROLE_TEXT, indent, text.p);
            assert_false(p.cut);
            struct sb_str joined, whole;
            sb_str_init(&joined);
            sb_str_init(&whole);
            for (size_t i = 0; i < p.row_n; i++) {
                assert_true(p.row[i].width <= width);
                sb_str_clear(&shot);
                sb_page_row_text(&p, i, &shot);
                sb_str_adds(&joined, shot.p + (i ? indent : 0));
            }
            struct sb_page one;
            sb_page_init(&one);
            sb_page_start(&one, 100000, false);
            sb_page_text(&one, SB_ROLE_TEXT, text.p);
            sb_page_row_text(&one, 0, &whole);
            if (exact) { /* every character, in order */
                assert_string_equal(joined.p, whole.p);
            } else { /* every character but blanks */
                const char *a = joined.p, *b = whole.p;
                for (;;) {
                    a += strspn(a, " ");
                    b += strspn(b, " ");
                    assert_int_equal(*a, *b);
                    if (!*a)
                        break;
                    a++;
                    b++;
                }
            }
            sb_page_release(&one);
            sb_str_release(&joined);
            sb_str_release(&whole);
        }
    }
    sb_str_release(&text);
    sb_page_release(&p);
}

static void what_does_not_fit_is_marked_and_remembered(void **state)
{
    (void)state;
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, 10, false);
    sb_page_field(&p, SB_ROLE_TEXT, 5, "ab");
    sb_page_field(&p, SB_ROLE_TEXT, -5, "12");
    assert_false(p.cut);
    assert_string_equal(page_text(&p), "ab      12\n");
    sb_page_start(&p, 10, false);
    sb_page_field(&p, SB_ROLE_TEXT, 5, "abcdefgh");
    sb_page_text(&p, SB_ROLE_DIM, "\xE5\x8F\xB0\xE5\x8F\xB0\xE5\x8F\xB0");
    assert_true(p.cut);
    assert_string_equal(page_text(&p), "abcd\xE2\x80\xA6\xE5\x8F\xB0\xE5\x8F\xB0\xE2\x80\xA6\n");
    sb_page_start(&p, 10, true);
    sb_page_text(&p, SB_ROLE_TEXT, "caf\xC3\xA9 and more");
    assert_string_equal(page_text(&p), "caf\\u{e9}~\n");
    sb_page_release(&p);
}

static void escapes_get_their_own_role(void **state)
{
    (void)state;
    struct sb_page p;
    sb_page_init(&p);
    struct sb_cells c;
    grid(&c, 24, 2);
    sb_page_start(&p, 24, false);
    sb_page_text(&p, SB_ROLE_TEXT, "a\xE2\x80\xAE" "b\x1B[2Jc");
    sb_page_line(&p);
    sb_page_text(&p, SB_ROLE_TEXT, "a\\u{202e}b");
    sb_page_paint(&c, (struct sb_rect){0, 0, 24, 2}, &p, 0, "2J");
    assert_string_equal(screen(&c), "a\\u{202e}b^[[2Jc\na\\u{202e}b\n");
    assert_string_equal(roles(&c), ".\\\\\\\\\\\\\\\\.\\\\.mm.........\n........................\n");
    sb_page_release(&p);
    sb_cells_release(&c);
}

static void a_search_finds_lines_both_ways(void **state)
{
    (void)state;
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, 20, false);
    static const char *const lines[] = {"Orders", "carts", "orders again", "x"};
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        sb_page_line(&p);
        sb_page_text(&p, SB_ROLE_TEXT, lines[i]);
    }
    assert_int_equal(sb_page_find(&p, 0, 1, "ORDER"), 0);
    assert_int_equal(sb_page_find(&p, 1, 1, "order"), 2);
    assert_int_equal(sb_page_find(&p, 1, -1, "order"), 0);
    assert_int_equal(sb_page_find(&p, 3, 1, "order"), 4);
    assert_int_equal(sb_page_find(&p, 0, -1, "carts"), 4);
    assert_int_equal(sb_page_find(&p, 0, 1, ""), 4);
    sb_page_release(&p);
}

static void a_page_is_bounded(void **state)
{
    (void)state;
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, 5, false);
    for (int i = 0; i < SB_PAGE_MAX_LINES + 10; i++) {
        sb_page_line(&p);
        sb_page_text(&p, SB_ROLE_TEXT, "x");
    }
    assert_true(p.cut);
    assert_int_equal(p.row_n, SB_PAGE_MAX_LINES);
    char *big = malloc(SB_PAGE_MAX_BYTES + 100);
    assert_non_null(big);
    memset(big, 'y', SB_PAGE_MAX_BYTES + 99);
    big[SB_PAGE_MAX_BYTES + 99] = '\0';
    sb_page_start(&p, 500, false);
    sb_page_exact(&p, SB_ROLE_COMMAND, 0, big);
    assert_true(p.cut);
    assert_true(p.text.len <= SB_PAGE_MAX_BYTES);
    for (size_t i = 0; i < SB_PAGE_MAX_BYTES; i += 9)
        big[i] = ',';
    sb_page_start(&p, 10, false);
    sb_page_exact(&p, SB_ROLE_COMMAND, 0, big);
    assert_true(p.cut);
    assert_int_equal(p.row_n, SB_PAGE_MAX_LINES);
    free(big);
    sb_page_release(&p);
}

static void bars_never_overflow(void **state)
{
    (void)state;
    static const struct {
        int64_t part, whole;
        const char *bar;
    } bars[] = {{0, 10, "...."}, {5, 10, "##.."}, {10, 10, "####"}, {99, 10, "####"}, {-5, 10, "...."}, {5, 0, "...."},
                {INT64_MAX, INT64_MAX, "####"}, {INT64_MAX / 2, INT64_MAX, "#..."}, {1, -1, "...."}};
    struct sb_page p;
    sb_page_init(&p);
    for (size_t i = 0; i < SB_COUNT(bars); i++) {
        sb_page_start(&p, 20, true);
        sb_page_bar(&p, 4, bars[i].part, bars[i].whole);
        sb_str_clear(&shot);
        sb_page_row_text(&p, 0, &shot);
        assert_string_equal(shot.p, bars[i].bar);
    }
    sb_page_release(&p);
}

int main(void)
{
    sb_str_init(&shot);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_is_clipped_on_every_side),
        cmocka_unit_test(halves_of_wide_clusters_are_never_left),
        cmocka_unit_test(a_grid_of_nothing_takes_everything),
        cmocka_unit_test(the_difference_of_two_frames_is_exact),
        cmocka_unit_test(text_wraps_at_blanks_and_inside_long_words),
        cmocka_unit_test(wrapping_keeps_to_the_width),
        cmocka_unit_test(what_does_not_fit_is_marked_and_remembered),
        cmocka_unit_test(escapes_get_their_own_role),
        cmocka_unit_test(a_search_finds_lines_both_ways),
        cmocka_unit_test(a_page_is_bounded),
        cmocka_unit_test(bars_never_overflow),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_str_release(&shot);
    return rc;
}
