/* SPDX-License-Identifier: Apache-2.0
 *
 * What has to be kept, as the config says. */
#include "test.h"

#include <signalbox/orchestrator/retention.h>

static void the_nearest_line_counts(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_retention list[4];
    sb_assert_ok(sb_retention_read(&list[0], "shop", "90d", "a contract", &err), err);
    sb_assert_ok(sb_retention_read(&list[1], "shop.invoices", "3650d", "tax law", &err), err);
    sb_assert_ok(sb_retention_read(&list[2], "shop.carts", "1d", "nothing much", &err), err);
    sb_assert_ok(sb_retention_read(&list[3], "sho.x", "7d", "x", &err), err);
    static const struct { const char *place; int64_t days; } wanted[] = {
        {"shop.invoices", 3650}, {"shop.carts", 1}, {"shop.orders", 90}, {"shop.invoices.old", 90}, {"shop", 3650}, {"sho", 7}, {"sho.x", 7}, {"sho.y", 0}, {"shopping.invoices", 0}, {"shopping", 0}};
    for (size_t i = 0; i < SB_COUNT(wanted); i++) {
        const struct sb_retention *r = sb_retention_of(list, SB_COUNT(list), wanted[i].place);
        if ((r ? r->days : 0) != wanted[i].days)
            fail_msg("%s: %d days", wanted[i].place, r ? (int)r->days : 0);
    }
    assert_null(sb_retention_of(NULL, 0, "shop.orders"));
    for (size_t i = 0; i < SB_COUNT(list); i++)
        sb_retention_release(&list[i]);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][3] = {{"shop", "0d", "x"}, {"shop", "36501d", "x"}, {"shop", "-1d", "x"}, {"shop", "9", "x"}, {"shop", "d", "x"}, {"shop", "", "x"}, {"shop", "9h", "x"},
                                         {"shop", "99999999999999999999d", "x"}, {"", "9d", "x"}, {".x", "9d", "x"}, {"shop.", "9d", "x"}, {"shop", "9d", ""}};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_retention r;
        if (sb_retention_read(&r, bad[i][0], bad[i][1], bad[i][2], &err) == 0)
            fail_msg("retention %s %s was taken", bad[i][0], bad[i][1]);
        assert_true(err.msg[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_line_counts),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
