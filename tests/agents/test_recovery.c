/* SPDX-License-Identifier: Apache-2.0
 *
 * What could be brought back: every goal from what was measured, its limit, and the date at which that is crossed. */
#include "test.h"

#include <signalbox/agents/recoverability.h>
#include <signalbox/base/str.h>

#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1795651200000) /* 2026-11-26T00:00:00Z */
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static struct sb_backup_options quick = {.quick = true};

static void add(struct sb_backups *list, const char *path, int64_t at, uint64_t bytes)
{
    struct sb_err err = SB_ERR_INIT;
    list->items = realloc(list->items, (list->n + 1) * sizeof *list->items);
    assert_non_null(list->items);
    struct sb_backup *b = &list->items[list->n++];
    assert_int_equal(sb_backup_init(b, path, &quick, &err), 0);
    b->kind = SB_BACKUP_DUMP_ARCHIVE;
    b->level = 1;
    b->taken_at_ms = at;
    b->taken_from = "oplog";
    b->bytes = bytes;
    b->encrypted = 0;
}

static struct sb_recovery_drill drilled(const char *path, int64_t at, bool ok, int64_t level, int64_t counts, int64_t bytes, int64_t ms)
{
    struct sb_recovery_drill d = {.at = at, .ok = ok, .level = level, .counts = counts, .bytes = bytes, .restore_ms = ms};
    assert_int_equal(sb_str_set(&d.path, path) || sb_str_set(&d.target, counts > 2 ? "drill1:27017" : "sim:1") || (!ok && sb_str_set(&d.cause, "no space left")), 0);
    return d;
}

static const struct sb_recovery_goal *goal(const struct sb_recovery *r, const char *name)
{
    for (size_t i = 0; i < r->goals_n; i++)
        if (sb_streq(r->goals[i].name, name))
            return &r->goals[i];
    fail_msg("there is no goal %s", name);
    return NULL;
}

static void expect(const struct sb_recovery *r, const char *name, int state, const char *value, int64_t crosses)
{
    const struct sb_recovery_goal *g = goal(r, name);
    if (g->state != state || !sb_streq(g->value, value) || g->crosses != crosses)
        fail_msg("%s: %s, %s, crosses %lld and not %lld: %s", name, sb_name(&sb_goal_states, g->state), g->value ? g->value : "?", (long long)g->crosses, (long long)crosses, g->note ? g->note : "");
}

static void test_goals(void **state)
{
    struct sb_backups list = {NULL, 0, 0};
    struct sb_recovery r;
    struct sb_err err = SB_ERR_INIT;
    (void)state;
    for (int i = 0; i < 6; i++)
        add(&list, i == 5 ? "/b/newest" : "/b/older", NOW - (6 - i) * DAY + 12 * HOUR, (uint64_t)(1000000000 + i * 100000000));
    struct sb_recovery_drill drills[] = {drilled("/b/gone", NOW - 5 * DAY, true, 4, 4, 1000000000, 1000000), drilled("/b/older", NOW - 2 * DAY, true, 4, 2, 1000000000, 10000),
                                         drilled("/b/newest", NOW - 6 * HOUR, false, 2, 0, 1500000000, 5000)};
    struct sb_backup_live live = {.known = true, .oplog_from = (uint64_t)(NOW / 1000 - 48 * 3600) << 32, .oplog_to = (uint64_t)(NOW / 1000) << 32, .window_s = 48 * 3600,
                                  .unprotected = (uint64_t)(NOW / 1000 - 3600) << 32, .covers = true, .version = "7.0.14"};
    struct sb_recovery_run runs[] = {{.name = "nightly", .runs = 3, .expected_at = NOW - HOUR}, {.name = "weekly", .runs = 1, .completed_at = NOW - HOUR}};
    struct sb_recovery_input in = {.deployment = "shop", .now = NOW, .backups = &list, .drills = drills, .drills_n = 3, .live = &live, .runs = runs, .runs_n = 2,
                                   .limits = {.loss_s = 7200, .backup_age_s = 6 * 3600, .drill_age_s = 7 * 86400, .restore_s = 2000, .window_s = 24 * 3600, .kept_s = -1, .plain = -1, .places = -1}};
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    expect(&r, "loss now", SB_GOAL_MET, "1 h 00 min", NOW - HOUR + 7200 * 1000);
    expect(&r, "backup age", SB_GOAL_MISSED, "12 h 00 min", NOW - 12 * HOUR + 6 * HOUR);
    expect(&r, "oplog window", SB_GOAL_MET, "2 d 00 h", 0);
    expect(&r, "drill age", SB_GOAL_MET, "5 d 00 h", NOW + 2 * DAY);
    /* 1.5 GB at the one counted rate of a MB/s take 1500 s; with 100 MB more a day 2000 s are reached in five days */
    const struct sb_recovery_goal *g = goal(&r, "restore time");
    assert_int_equal(g->state, SB_GOAL_MET);
    assert_in_range(g->crosses, NOW + 5 * DAY - HOUR, NOW + 5 * DAY + HOUR);
    assert_non_null(strstr(g->note, "1 drill is not counted"));
    expect(&r, "interval", SB_GOAL_MET, "1 d 00 h", NOW - 12 * HOUR + 2 * DAY);
    expect(&r, "schedule nightly", SB_GOAL_MISSED, "never completed", 0);
    assert_int_equal(goal(&r, "schedule weekly")->state, SB_GOAL_MET);
    expect(&r, "encryption", SB_GOAL_SEEN, "NOT all", 0);
    assert_int_equal(goal(&r, "version")->state, SB_GOAL_BLIND);
    assert_int_equal(r.places_n, 2);
    assert_string_equal(r.places[0].cause, "no space left");
    assert_string_equal(r.backups[0].path, "/b/newest");
    assert_string_equal(r.backups[0].fault, "no space left");
    assert_int_equal(r.backups[0].level, 1);
    expect(&r, "kept", SB_GOAL_SEEN, "5 d 12 h", 0);
    expect(&r, "key", SB_GOAL_SEEN, "not needed", 0);
    assert_int_equal(goal(&r, "FCV")->state, SB_GOAL_BLIND);
    assert_int_equal(goal(&r, "target room")->state, SB_GOAL_BLIND);
    sb_record_release(&sb_recovery_schema, &r);

    in.limits.kept_s = 5 * 86400;
    in.limits.plain = 5;
    assert_int_equal(sb_str_set(&list.items[5].fcv, "6.0"), 0);
    snprintf(live.fcv, sizeof live.fcv, "7.0");
    drills[1].target_room = 1000; /* less than the newest takes */
    list.items[4].encrypted = 1;
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    expect(&r, "kept", SB_GOAL_MET, "5 d 12 h", 0);
    assert_string_equal(goal(&r, "kept")->limit, "at least 5 d 00 h");
    expect(&r, "encryption", SB_GOAL_MET, "NOT all", 0);
    assert_string_equal(goal(&r, "encryption")->limit, "at most 5 not encrypted");
    expect(&r, "key", SB_GOAL_MET, "there", 0);
    expect(&r, "FCV", SB_GOAL_MISSED, "6.0", 0);
    expect(&r, "target room", SB_GOAL_MISSED, "1.0 kB", 0);
    sb_record_release(&sb_recovery_schema, &r);

    char *came[] = {(char *)(uintptr_t)"/nowhere/at/all", (char *)(uintptr_t)"/"};
    size_t drills_n = in.drills_n;
    in.came = came;
    in.came_n = 2;
    in.drills_n = 0;
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    expect(&r, "gone", SB_GOAL_SEEN, "1", 0);
    assert_non_null(strstr(goal(&r, "gone")->note, "/nowhere/at/all"));
    sb_record_release(&sb_recovery_schema, &r);
    in.drills_n = drills_n;
    in.came_n = 0;

    in.limits.kept_s = 6 * 86400;
    in.limits.plain = 4;
    snprintf(live.fcv, sizeof live.fcv, "6.0");
    sb_backup_problem(&list.items[4], "key_wrong", "newest", NULL, -1, "it is of another key");
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    assert_int_equal(goal(&r, "kept")->state, SB_GOAL_MISSED);
    assert_int_equal(goal(&r, "encryption")->state, SB_GOAL_MISSED);
    expect(&r, "key", SB_GOAL_MISSED, "missing", 0);
    expect(&r, "FCV", SB_GOAL_MET, "6.0", 0);
    sb_record_release(&sb_recovery_schema, &r);
    sb_backup_release(&list.items[4]);
    list.n--;
    list.items[4] = list.items[5];
    in.limits.kept_s = in.limits.plain = -1;

    live.covers = false;
    list.items[4].bytes = 5000000000;
    in.drills_n = 0;
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    expect(&r, "loss now", SB_GOAL_MISSED, "12 h 00 min", NOW - 12 * HOUR + 7200 * 1000);
    assert_int_equal(goal(&r, "oplog window")->state, SB_GOAL_MISSED);
    assert_int_equal(goal(&r, "restore time")->state, SB_GOAL_BLIND);
    assert_int_equal(goal(&r, "backup size")->state, SB_GOAL_MISSED); /* the outlier */
    sb_record_release(&sb_recovery_schema, &r);

    in.backups = &(struct sb_backups){NULL, 0, 0};
    live.known = false;
    in.limits = SB_NO_LIMITS;
    assert_int_equal(sb_recoverability(&in, &r, &err), 0);
    expect(&r, "loss now", SB_GOAL_MISSED, "everything", 0);
    assert_int_equal(goal(&r, "oplog window")->state, SB_GOAL_BLIND);
    sb_record_release(&sb_recovery_schema, &r);
    for (size_t i = 0; i < 3; i++)
        sb_record_release(&sb_recovery_drill_schema, &drills[i]);
    sb_backups_release(&list);
}

/* One whose data were read to their end goes before a newer one of which nobody knows; of a snapshot nobody can read them. */
static void test_which(void **state)
{
    struct sb_backups list = {NULL, 0, 0};
    (void)state;
    add(&list, "/b/read", NOW - 2 * DAY, 100);
    list.items[0].level = 2;
    add(&list, "/b/newer", NOW - DAY, 100);
    assert_string_equal(sb_backups_newest(&list, NULL)->path, "/b/read");
    list.items[0].level = 1;
    assert_string_equal(sb_backups_newest(&list, NULL)->path, "/b/newer");
    list.items[0].level = 2;
    list.items[1].kind = SB_BACKUP_SNAPSHOT;
    assert_string_equal(sb_backups_newest(&list, NULL)->path, "/b/newer");
    sb_backups_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_goals), cmocka_unit_test(test_which)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
