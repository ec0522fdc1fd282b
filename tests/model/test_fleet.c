/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of a fleet: the worst first, under each way to group, and what a filter leaves. */
#include "test.h"

#include <signalbox/model/fleet.h>

#include <string.h>

static const struct sb_fleet_row rows[] = {
    {.name = "a:1", .deployment = "shop", .deployment_i = 0, .environment = SB_ENV_PROD, .health = SB_FLEET_WELL, .role = "PRIMARY"},
    {.name = "a:2", .deployment = "shop", .deployment_i = 0, .environment = SB_ENV_PROD, .health = SB_FLEET_LAGGING, .weight = 20, .role = "SECONDARY"},
    {.name = "b:10", .deployment = "till", .deployment_i = 1, .environment = SB_ENV_DEV, .health = SB_FLEET_LAGGING, .weight = 90, .role = "SECONDARY"},
    {.name = "b:9", .deployment = "till", .deployment_i = 1, .environment = SB_ENV_DEV, .health = SB_FLEET_WELL, .role = "PRIMARY"},
    {.name = "c:1", .deployment = "mail", .deployment_i = 2, .environment = SB_ENV_PROD, .health = SB_FLEET_SILENT},
    {.name = "c:2", .deployment = "mail", .deployment_i = 2, .environment = SB_ENV_PROD, .health = SB_FLEET_WELL, .role = "PRIMARY"},
    {.name = "d:2", .deployment = "lone", .deployment_i = 3, .environment = SB_ENV_DEV, .health = SB_FLEET_WELL, .role = "SECONDARY"},
    {.name = "d:10", .deployment = "lone", .deployment_i = 3, .environment = SB_ENV_DEV, .health = SB_FLEET_WELL, .role = "SECONDARY"},
};

static void text_of(const struct sb_fleet_list *l, enum sb_fleet_group by, struct sb_str *out)
{
    sb_str_clear(out);
    for (size_t i = 0; i < l->n; i++)
        if (l->line[i].row == SIZE_MAX)
            sb_str_addf(out, "[%s %zu/%zu%s] ", sb_fleet_heading(&rows[l->line[i].first], by), l->line[i].wrong, l->line[i].shown, l->line[i].headless ? " headless" : "");
        else
            sb_str_addf(out, "%s ", rows[l->line[i].row].name);
}

static bool not_well(void *ctx, const struct sb_fleet_row *row)
{
    (void)ctx;
    return row->health != SB_FLEET_WELL;
}

static bool nobody(void *ctx, const struct sb_fleet_row *row)
{
    (void)ctx;
    (void)row;
    return false;
}

static void worst_first(void **state)
{
    (void)state;
    struct sb_fleet_list l = {0};
    struct sb_str text;
    sb_str_init(&text);
    static const struct {
        enum sb_fleet_group by;
        sb_fleet_wanted wanted;
        const char *list;
    } cases[] = {
        {SB_FLEET_BY_DEPLOYMENT, NULL, "[lone 0/2 headless] d:2 d:10 [mail 1/2] c:1 c:2 [till 1/2] b:10 b:9 [shop 1/2] a:2 a:1 "},
        {SB_FLEET_BY_ENVIRONMENT, NULL, "[prod 2/4] c:1 a:2 c:2 a:1 [dev 1/4] b:10 d:2 d:10 b:9 "},
        {SB_FLEET_BY_HEALTH, NULL, "[silent 1/1] c:1 [lagging 2/2] b:10 a:2 [well 0/5] d:2 d:10 c:2 a:1 b:9 "},
        {SB_FLEET_BY_NOTHING, NULL, "c:1 b:10 a:2 d:2 d:10 c:2 a:1 b:9 "},
        {SB_FLEET_BY_DEPLOYMENT, not_well, "[mail 1/1] c:1 [till 1/1] b:10 [shop 1/1] a:2 "}, /* a primary that is not shown is there all the same */
        {SB_FLEET_BY_DEPLOYMENT, nobody, ""},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        assert_int_equal(sb_fleet_list_make(&l, rows, SB_COUNT(rows), cases[i].by, cases[i].wanted, NULL), 0);
        text_of(&l, cases[i].by, &text);
        assert_string_equal(text.p, cases[i].list);
    }
    assert_int_equal(sb_fleet_list_make(&l, NULL, 0, SB_FLEET_BY_HEALTH, NULL, NULL), 0);
    assert_int_equal(l.n, 0);
    sb_fleet_list_release(&l);
    sb_str_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(worst_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
