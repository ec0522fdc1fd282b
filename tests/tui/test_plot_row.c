/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's medians as rows of characters: each mark at its place, whatever the values. */
#include "test.h"

#include <signalbox/tui/plot_row.h>

#include <string.h>

static void each_mark_has_its_place(void **state)
{
    (void)state;
    static const struct { struct sb_report_row m; const char *row; } wanted[] = {
        {{.n = 0}, "                                        "},
        {{.n = 1, .median = 0, .p90 = 0}, "o                                       "},
        {{.n = 2, .median = 999999, .p90 = 999999}, "                                       o"},
        {{.n = 3, .median = 999, .p90 = 999999}, "                   o...................>"},
        {{.n = 9, .median = 999, .low = 99, .high = 9999, .p90 = 99999, .bounded = true}, "             [=====o======].....>       "},
    };
    char row[SB_PLOT_ROW_MOST + 1];
    for (size_t i = 0; i < SB_COUNT(wanted); i++) {
        sb_plot_row(row, 40, &wanted[i].m, 999999);
        assert_string_equal(row, wanted[i].row);
    }
    sb_plot_row(row, 40, &(struct sb_report_row){.n = 8, .median = INT64_MAX, .low = 0, .high = INT64_MAX, .p90 = INT64_MAX, .bounded = true}, 5); /* longer than the axis: at its end */
    assert_true(row[0] == '[' && row[39] == 'o' && strlen(row) == 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mark_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
