/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes as data: those that are built in are sound and lead where they have to; a file of one's own comes before them, and what
 * is wrong in it is told by line; no chain is longer than it may be. */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/orchestrator/routes.h>

#include <string.h>

#define BECAUSE " because \"why\" risk \"none\"\n"

static struct sb_str shipped;

static struct sb_routes *load(const char *own, struct sb_problems *problems)
{
    struct sb_err err = SB_ERR_INIT;
    sb_problems_init(problems);
    struct sb_routes *r = sb_routes_new(own, own ? strlen(own) : 0, "mine", shipped.p, shipped.len, problems, &err);
    sb_assert_ok(r ? 0 : -1, err);
    return r;
}

static void the_built_in_ones_are_sound(void **state)
{
    (void)state;
    struct sb_problems problems;
    struct sb_routes *r = load(NULL, &problems);
    if (problems.count)
        fail_msg("%s", problems.text.p);
    static const struct { int intent; unsigned facts; int task, to; } first[] = {
        {SB_INTENT_INDEX_REVIEW, SB_FACT_NAMESPACE | SB_FACT_PLACE, SB_TASK_INDEX_REVIEW, SB_BY_INDEX_OPTIMIZER},
        {SB_INTENT_INDEX_REVIEW, SB_FACT_NAMESPACE | SB_FACT_PLACE | SB_FACT_ANOMALY, SB_TASK_INDEX_ADVISE, SB_BY_INDEX_OPTIMIZER},
        {SB_INTENT_ANOMALY_INVESTIGATE, SB_FACT_ANOMALY | SB_FACT_CODE, SB_TASK_INDEX_ADVISE, SB_BY_INDEX_OPTIMIZER},
        {SB_INTENT_ANOMALY_INVESTIGATE, SB_FACT_ANOMALY | SB_FACT_CODE | SB_FACT_PLAN, SB_TASK_SUSPECT, SB_BY_ORCHESTRATOR},
        {SB_INTENT_ANOMALY_INVESTIGATE, SB_FACT_ANOMALY | SB_FACT_LOAD, SB_TASK_ANSWER, SB_BY_ORCHESTRATOR},
        {SB_INTENT_SCHEMA_CHANGE, SB_FACT_NAMESPACE | SB_FACT_PLACE, SB_TASK_SCHEMA_CHANGE, SB_BY_DATA_ARCHITECT},
        {SB_INTENT_CAPACITY_PREPARE, SB_FACT_PLACE, SB_TASK_INDEX_RETIRE, SB_BY_INDEX_OPTIMIZER},
        {SB_INTENT_CAPACITY_PREPARE, 0, SB_TASK_TREND, SB_BY_ANOMALY_DETECTOR},
        {SB_INTENT_OPS_KILL, 0, SB_TASK_OPS_KILL, SB_BY_ANOMALY_DETECTOR},
        {SB_INTENT_OPS_CURRENT, SB_FACT_NAMESPACE, SB_TASK_OPS_CURRENT, SB_BY_ANOMALY_DETECTOR},
        {SB_INTENT_BACKUP_CHECK, 0, SB_TASK_BACKUP_CHECK, SB_BY_BACKUP_GUARDIAN},
        {SB_INTENT_SCHEMA_VALIDATE, SB_FACT_NAMESPACE | SB_FACT_PLACE, SB_TASK_SCHEMA_VALIDATE, SB_BY_DATA_ARCHITECT},
        {SB_INTENT_REPORT, 0, SB_TASK_REPORT, SB_BY_ORCHESTRATOR},
        {SB_INTENT_POLICY_CHECK, 0, SB_TASK_POLICY_REVIEW, SB_BY_ORCHESTRATOR},
    };
    for (size_t i = 0; i < SB_COUNT(first); i++) {
        const struct sb_route *x = sb_routes_first(r, first[i].intent, first[i].facts);
        assert_non_null(x);
        assert_int_equal(x->task, first[i].task);
        assert_int_equal(x->to, first[i].to);
    }
    assert_null(sb_routes_first(r, SB_INTENT_INDEX_REVIEW, 0));
    assert_string_equal(sb_routes_instead(r, SB_INTENT_NONE), "no specialist of this version takes it");
    sb_routes_free(r);
    sb_problems_release(&problems);
}

/* Follows a chain with every fact that is given, and says its tasks. */
static void chain(const struct sb_routes *r, int intent, unsigned facts, char *out, size_t cap)
{
    unsigned done = 0;
    size_t n = 0;
    out[0] = '\0';
    for (const struct sb_route *x = sb_routes_first(r, intent, facts); x && n < 2 * SB_ROUTE_DEPTH; x = sb_routes_next(r, intent, x->task, facts, done)) {
        assert_false(done >> x->task & 1);
        assert_true(x->why[0] && x->risk[0]);
        done |= 1u << x->task;
        size_t len = strlen(out);
        snprintf(out + len, cap - len, "%s%s", n++ ? " " : "", sb_name(&sb_tasks, x->task));
    }
    assert_true(n <= SB_ROUTE_DEPTH);
}

static void chains_lead_over_several(void **state)
{
    (void)state;
    struct sb_problems problems;
    struct sb_routes *r = load(NULL, &problems);
    unsigned place = SB_FACT_NAMESPACE | SB_FACT_PLACE;
    char said[300];
    static const struct { int intent; unsigned more; const char *tasks; } wanted[] = {
        {SB_INTENT_SCHEMA_CHANGE, SB_FACT_PROPOSED | SB_FACT_BACKUPS, "schema.change index.review backup.check watch.windows"},
        {SB_INTENT_SCHEMA_CHANGE, SB_FACT_PROPOSED, "schema.change index.review watch.windows"},
        {SB_INTENT_SCHEMA_VALIDATE, SB_FACT_PROPOSED, "schema.validate watch.windows"},
        {SB_INTENT_SCHEMA_VALIDATE, SB_FACT_NOTHING, "schema.validate"},
        {SB_INTENT_SCHEMA_CHANGE, SB_FACT_NOTHING, "schema.change"},
        {SB_INTENT_CAPACITY_PREPARE, SB_FACT_NOTHING, "index.retire schema.review trend"},
        {SB_INTENT_INDEX_REVIEW, SB_FACT_NOTHING | SB_FACT_DOCUMENTS, "index.review schema.review"},
        {SB_INTENT_INDEX_REVIEW, SB_FACT_PROPOSED, "index.review"},
        {SB_INTENT_ANOMALY_INVESTIGATE, SB_FACT_ANOMALY | SB_FACT_CODE | SB_FACT_NOTHING | SB_FACT_DOCUMENTS, "index.advise schema.review"},
        {SB_INTENT_BACKUP_CHECK, SB_FACT_UNPROVEN | SB_FACT_THROWAWAY, "backup.check backup.drill"},
        {SB_INTENT_BACKUP_CHECK, SB_FACT_UNPROVEN, "backup.check"},
    };
    for (size_t i = 0; i < SB_COUNT(wanted); i++) {
        chain(r, wanted[i].intent, place | wanted[i].more, said, sizeof said);
        assert_string_equal(said, wanted[i].tasks);
    }
    for (int intent = SB_INTENT_NONE + 1; intent <= SB_INTENT_STATUS; intent++)
        for (unsigned facts = 0; facts < SB_FACT_BACKUPS << 1; facts++)
            chain(r, intent, facts, said, sizeof said); /* it ends */
    sb_routes_free(r);
    sb_problems_release(&problems);
}

static void ones_own_come_first(void **state)
{
    (void)state;
    struct sb_problems problems;
    char said[300];
    struct sb_str other;
    struct sb_routes *r = load("# ours\nroute index.review to schema.review if namespace because \"our model is the usual reason\" risk \"a read\"\n"
                               "then index.review after schema.review to index.review if namespace" BECAUSE "forget capacity.prepare\ninstead capacity.prepare \"ask Kim\"\n", &problems);
    if (problems.count)
        fail_msg("%s", problems.text.p);
    chain(r, SB_INTENT_INDEX_REVIEW, SB_FACT_NAMESPACE | SB_FACT_PLACE | SB_FACT_NOTHING | SB_FACT_DOCUMENTS, said, sizeof said);
    assert_string_equal(said, "schema.review index.review"); /* the built-in third one is done already */
    const struct sb_route *x = sb_routes_first(r, SB_INTENT_INDEX_REVIEW, SB_FACT_PLACE);
    assert_true(x && x->built_in && x->task == SB_TASK_INDEX_REVIEW);
    assert_null(sb_routes_first(r, SB_INTENT_CAPACITY_PREPARE, ~0u));
    assert_string_equal(sb_routes_instead(r, SB_INTENT_CAPACITY_PREPARE), "ask Kim");
    sb_str_init(&other);
    sb_routes_otherwise(r, x, &other);
    assert_non_null(strstr(other.p, "to data_architect (schema.review), if it names a collection"));
    sb_str_release(&other);
    sb_routes_free(r);
    sb_problems_release(&problems);
}

static void what_is_wrong_is_told_by_line(void **state)
{
    (void)state;
    static const struct { const char *line, *says; } wrong[] = {
        {"rout index.review to index.review", "\"rout\" begins no line"},
        {"route index.revue to index.review" BECAUSE, "there is no intent \"index.revue\""},
        {"route none to status" BECAUSE, "there is no intent \"none\""},
        {"route index.review to indexes" BECAUSE, "there is no task \"indexes\""},
        {"route index.review index.review" BECAUSE, "\"index.review\" where \"to\" has to stand"},
        {"route index.review to index.review if monday" BECAUSE, "there is no fact \"monday\""},
        {"route index.review to index.review if place and proposed" BECAUSE, "known only after a task"},
        {"route index.review to index.review" BECAUSE, "cannot be done unless it names a collection or a database: write \"if place\""},
        {"route index.review to schema.change if namespace" BECAUSE, "schema.change is done for schema.change only"},
        {"route status to status", "the line ends where because has to follow"},
        {"route status to status because \"\" risk \"none\"", "the reason is empty"},
        {"route status to status because \"why\" risk \"none\" whenever", "\"whenever\" behind the end"},
        {"then status after trend to trend" BECAUSE, "trend after itself"},
        {"then status after trend to status" BECAUSE, "nothing of status leads to trend"},
        {"route status to trend" BECAUSE "route status to status" BECAUSE, "mine:4: is never reached: line 3 takes all"},
        {"forget nothing", "there is no intent \"nothing\""},
        {"instead report", "the line ends where the way has to follow"},
    };
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        struct sb_problems problems;
        char *text = sb_format("# a file\n\n%s\n", wrong[i].line);
        struct sb_routes *r = load(text, &problems);
        if (problems.count != 1 || strncmp(problems.text.p, wrong[i].says[0] == 'm' ? "mine:4: " : "mine:3: ", 8) != 0 || !strstr(problems.text.p, wrong[i].says))
            fail_msg("%s: %zu problems: %s", wrong[i].line, problems.count, problems.text.p ? problems.text.p : "");
        sb_routes_free(r);
        sb_problems_release(&problems);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_ones_are_sound),
        cmocka_unit_test(chains_lead_over_several),
        cmocka_unit_test(ones_own_come_first),
        cmocka_unit_test(what_is_wrong_is_told_by_line),
    };
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&shipped);
    if (sb_file_read("src/orchestrator/routes.data", 1 << 20, &shipped, &err)) {
        print_error("%s\n", err.msg);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sb_str_release(&shipped);
    return failed;
}
