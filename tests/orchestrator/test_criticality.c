/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a collection matters, as the config says. */
#include "test.h"

#include <signalbox/orchestrator/criticality.h>

static void the_nearest_line_counts(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_criticality list[3];
    sb_assert_ok(sb_criticality_read(&list[0], "shop", "2", &err), err);
    sb_assert_ok(sb_criticality_read(&list[1], "shop.orders", "100", &err), err);
    sb_assert_ok(sb_criticality_read(&list[2], "sho.x.y", "7", &err), err);
    assert_int_equal(sb_criticality_of(list, 3, "shop.orders"), 100);
    assert_int_equal(sb_criticality_of(list, 3, "shop.orders.old"), 2);
    assert_int_equal(sb_criticality_of(list, 3, "shopping.orders"), 1);
    assert_int_equal(sb_criticality_of(list, 3, "sho.x.y"), 7);
    assert_int_equal(sb_criticality_of(list, 3, "sho.x"), 1);
    assert_int_equal(sb_criticality_of(NULL, 0, "shop.orders"), 1);
    for (size_t i = 0; i < SB_COUNT(list); i++)
        sb_criticality_release(&list[i]);
}

static void what_is_no_weight_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"shop", "0"}, {"shop", "101"}, {"shop", "-1"}, {"shop", "2.5"}, {"shop", ""}, {"shop", "9999999999999999999999"}, {"", "2"}, {".x", "2"}, {"shop.", "2"}};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_criticality c;
        if (sb_criticality_read(&c, bad[i][0], bad[i][1], &err) == 0)
            fail_msg("criticality %s %s was taken", bad[i][0], bad[i][1]);
        assert_true(err.msg[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_line_counts),
        cmocka_unit_test(what_is_no_weight_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
