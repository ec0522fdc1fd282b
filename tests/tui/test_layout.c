/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/tui/layout.h>

#include <string.h>

/* header, two fitting and two filling rows, a footer; one of the filling rows is split in two. */
static void build(struct sb_layout *l)
{
    sb_layout_init(l, SB_BELOW);
    sb_layout_add(l, 0, "header", SB_BELOW, SB_FIXED, 1, 0);
    sb_layout_add(l, 0, "strip", SB_BELOW, SB_FIT, 5, 1);
    sb_layout_add(l, 0, "upper", SB_BELOW, SB_FILL, 1, 2);
    int lower = sb_layout_add(l, 0, "lower", SB_BESIDE, SB_FILL, 2, 2);
    sb_layout_add(l, lower, "left", SB_BELOW, SB_FILL, 1, 0);
    sb_layout_add(l, lower, "bar", SB_BELOW, SB_FIXED, 1, 0);
    sb_layout_add(l, lower, "right", SB_BELOW, SB_FILL, 1, 0);
    sb_layout_add(l, 0, "footer", SB_BELOW, SB_FIXED, 1, 0);
}

static void boxes_share_the_room_as_designed(void **state)
{
    (void)state;
    static const struct {
        int w, h;
        const char *text;
    } cases[] = {
        {0, 0, "screen 0,0 0x0\n  header 0,0 0x0\n  strip 0,0 0x0\n  upper 0,0 0x0\n  lower 0,0 0x0\n    left 0,0 0x0\n    bar 0,0 0x0\n    right 0,0 0x0\n  footer 0,0 0x0\n"},
        {1, 1, "screen 0,0 1x1\n  header 0,0 1x1\n  strip 0,1 1x0\n  upper 0,1 1x0\n  lower 0,1 1x0\n    left 0,1 0x0\n    bar 0,1 1x0\n    right 1,1 0x0\n  footer 0,1 1x0\n"},
        {20, 5, "screen 0,0 20x5\n  header 0,0 20x1\n  strip 0,1 20x1\n  upper 0,2 20x2\n  lower 0,4 20x1\n    left 0,4 9x1\n    bar 9,4 1x1\n    right 10,4 10x1\n  footer 0,5 20x0\n"},
        {80, 24, "screen 0,0 80x24\n  header 0,0 80x1\n  strip 0,1 80x5\n  upper 0,6 80x6\n  lower 0,12 80x11\n    left 0,12 39x11\n    bar 39,12 1x11\n    right 40,12 40x11\n  footer 0,23 80x1\n"},
        {120, 40, "screen 0,0 120x40\n  header 0,0 120x1\n  strip 0,1 120x5\n  upper 0,6 120x11\n  lower 0,17 120x22\n    left 0,17 59x22\n    bar 59,17 1x22\n    right 60,17 60x22\n  footer 0,39 120x1\n"},
        {200, 60, "screen 0,0 200x60\n  header 0,0 200x1\n  strip 0,1 200x5\n  upper 0,6 200x18\n  lower 0,24 200x35\n    left 0,24 99x35\n    bar 99,24 1x35\n    right 100,24 100x35\n  footer 0,59 200x1\n"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_layout l;
        build(&l);
        sb_layout_solve(&l, cases[i].w, cases[i].h);
        struct sb_str text;
        sb_str_init(&text);
        sb_layout_text(&l, &text);
        assert_string_equal(text.p, cases[i].text);
        sb_str_release(&text);
    }
}

static void a_fitting_box_shrinks_before_a_filling_one_does(void **state)
{
    (void)state;
    struct sb_layout l;
    build(&l);
    sb_layout_solve(&l, 40, 8);
    assert_int_equal(sb_layout_at(&l, "strip").h, 2);
    assert_int_equal(sb_layout_at(&l, "upper").h, 2);
    assert_int_equal(sb_layout_at(&l, "lower").h, 2);
    assert_int_equal(sb_layout_at(&l, "footer").h, 1);
    assert_int_equal(sb_layout_at(&l, "nothing").w, 0);
}

/* Whatever the tree and the size: children lie within their parent, do not overlap, and nothing is negative. */
static void no_tree_and_no_size_breaks_it(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 14);
    static const char *const names[SB_BOXES_MAX] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
                                                    "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31"};
    for (int round = 0; round < 20000; round++) {
        struct sb_layout l;
        sb_layout_init(&l, (enum sb_dir)sb_rng_below(&rng, 2));
        int boxes = (int)sb_rng_below(&rng, SB_BOXES_MAX + 4);
        for (int i = 1; i < boxes; i++) {
            int added = sb_layout_add(&l, (int)sb_rng_below(&rng, (uint64_t)l.n), names[i % SB_BOXES_MAX], (enum sb_dir)sb_rng_below(&rng, 2),
                                      (enum sb_fit)sb_rng_below(&rng, 3), (int)sb_rng_below(&rng, 30) - 3, (int)sb_rng_below(&rng, 10) - 2);
            assert_int_equal(added, i < SB_BOXES_MAX ? i : -1);
        }
        int w = (int)sb_rng_below(&rng, 250) - 10, h = (int)sb_rng_below(&rng, 100) - 10;
        sb_layout_solve(&l, w, h);
        int used[SB_BOXES_MAX] = {0};
        for (int i = 1; i < l.n; i++) {
            struct sb_rect r = l.box[i].at, p = l.box[l.box[i].parent].at;
            assert_true(r.w >= 0 && r.h >= 0 && r.x >= p.x && r.y >= p.y && r.x + r.w <= p.x + p.w && r.y + r.h <= p.y + p.h);
            bool below = l.box[l.box[i].parent].dir == SB_BELOW;
            assert_int_equal(below ? r.y - p.y : r.x - p.x, used[l.box[i].parent]);
            used[l.box[i].parent] += below ? r.h : r.w;
        }
        struct sb_str text;
        sb_str_init(&text);
        sb_layout_text(&l, &text);
        int lines = 0;
        for (const char *p = text.p; *p; p++)
            lines += *p == '\n';
        assert_int_equal(lines, l.n);
        sb_str_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_share_the_room_as_designed),
        cmocka_unit_test(a_fitting_box_shrinks_before_a_filling_one_does),
        cmocka_unit_test(no_tree_and_no_size_breaks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
