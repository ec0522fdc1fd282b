/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes that nobody needs, by how long nobody has: whether the end of a month lay in that time is said, and what was not
 * seen over one is proposed with half the confidence. Indexes that are there for something else, and hinted ones, stay. */
#include "test.h"

#include <signalbox/agents/index_drop.h>
#include <signalbox/agents/index_retire.h>
#include <signalbox/base/clock.h>
#include <signalbox/formats/mongolog.h>

#include <string.h>

static const struct row {
    const char *since, *now;
    const char *more; /* members of the index */
    const char *says; /* on the card, or of why there is none */
    bool proposes, full;
} table[] = {
    {"2026-11-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", "", "in 18 days; no month's end lay in them", true, false},
    {"2026-10-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", "", "in 49 days, in which the end of 2026-10 lay", true, true},
    {"2026-10-31T00:00:00.000Z", "2026-11-23T00:00:00.000Z", "", "the end of 2026-10 lay", true, true},
    {"2026-10-31T00:00:01.000Z", "2026-11-23T00:00:00.000Z", "", "no month's end", true, false},
    {"2026-10-20T00:00:00.000Z", "2026-11-02T23:59:59.000Z", "", "no month's end", true, false},
    {"2026-10-20T00:00:00.000Z", "2026-11-03T00:00:00.000Z", "", "the end of 2026-10 lay", true, true},
    {"2025-12-20T00:00:00.000Z", "2026-01-03T00:00:00.000Z", "", "the end of 2025-12 lay", true, true},
    {"2024-02-29T00:00:00.000Z", "2024-03-09T00:00:00.000Z", "", "the end of 2024-02 lay", true, true},
    {"2026-11-20T00:00:00.000Z", "2026-11-23T00:00:00.000Z", "", "a week is needed", false, false},
    {"2026-10-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", ",\"unique\":true", "it is unique", false, false},
    {"2026-10-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", ",\"ttl\":true", "expires documents", false, false},
    {"2026-10-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", ",\"partial\":true", "it is partial", false, false},
    {"2026-10-05T00:00:00.000Z", "2026-11-23T00:00:00.000Z", ",\"hidden\":true", "it is hidden", false, false},
};

static struct sb_workload *workload(bool hint)
{
    struct sb_workload_options o = {.max_shapes = 10, .bucket_ms = 10000, .buckets = 12};
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload *w = sb_workload_new(&o, &err);
    static const char line[] = "{\"t\":{\"$date\":\"2026-11-22T23:59:59.000Z\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"s.c\","
                               "\"command\":{\"find\":\"c\",\"filter\":{\"z\":1},\"hint\":\"old_1\",\"$db\":\"s\"},\"planSummary\":\"COLLSCAN\",\"docsExamined\":9,\"nreturned\":1,\"durationMillis\":150}}";
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    char *text = sb_format("%s", line);
    assert_true(w && text);
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, text, strlen(text), &l, &op), SB_LOG_GOOD);
    if (hint)
        sb_assert_ok(sb_workload_add(w, &op, &err), err);
    sb_mongolog_release(&reader);
    free(text);
    return w;
}

static void look_at(const struct row *r, bool hint, const char *wanted, struct sb_index_advice *a)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_catalogue c;
    int64_t now;
    char *text = sb_format("{\"ns\":\"s.c\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"documents\":2000,\"bytes\":90000,\"average_bytes\":45,\"knows_builds\":true,\"knows_index_stats\":true,"
                           "\"members\":3,\"members_answered\":3,\"indexes\":[{\"name\":\"_id_\",\"key\":\"{ \\\"_id\\\" : 1 }\",\"fields\":[{\"path\":\"_id\",\"direction\":1}],\"members\":3},"
                           "{\"name\":\"old_1\",\"key\":\"{ \\\"old\\\" : { \\\"$numberInt\\\" : \\\"1\\\" } }\",\"fields\":[{\"path\":\"old\",\"direction\":1}],\"members\":3,\"since\":\"%s\",\"since_all\":\"%s\"%s}]}", r->since, r->since, r->more);
    json_t *json = text ? sb_json_parse(text, strlen(text), "catalogue", SB_JSON_STRICT, &err) : NULL;
    if (!json)
        fail_msg("%s", err.msg);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, &c, json, &err), err);
    json_decref(json);
    assert_int_equal(sb_time_parse(r->now, strlen(r->now), &now), 0);
    struct sb_workload *w = workload(hint);
    struct sb_history *h = sb_history_new();
    struct sb_retire_question q = {.catalogues = &c, .catalogues_n = 1, .workload = w, .history = h, .about = "s.c", .from = now - 60000, .now = now, .can_hide = true, .card_id = "C-000001",
                                   .case_id = "K-000001", .deployment = "d", .deployment_id = "rs:1", .requested_by = "alice", .wanted = wanted};
    sb_assert_ok(sb_index_retire(&q, a, &err), err);
    sb_history_free(h);
    sb_workload_free(w);
    sb_catalogue_release(&c);
    free(text);
}

static void look(const struct row *r, bool hint, struct sb_index_advice *a)
{
    look_at(r, hint, NULL, a);
}

static bool said(const struct sb_index_advice *a, const char *words)
{
    bool is = strstr(a->summary, words) || (a->card.why && strstr(a->card.why, words));
    for (size_t i = 0; i < a->findings_n; i++)
        is = is || strstr(a->findings[i].text, words);
    return is;
}

static void what_nobody_used_is_judged_by_the_calendar(void **state)
{
    (void)state;
    int64_t full = 0;
    for (size_t pass = 0; pass < 2; pass++) /* first those that were watched over a month's end */
        for (size_t i = 0; i < SB_COUNT(table); i++) {
            const struct row *r = &table[i];
            struct sb_index_advice a;
            if (r->full != (pass == 0))
                continue;
            look(r, false, &a);
            if (a.proposes != r->proposes || !said(&a, r->says))
                fail_msg("%s to %s%s: %s; %s", r->since, r->now, r->more, a.summary, a.findings_n ? a.findings[0].text : "");
            full = r->full ? a.card.confidence_ppm : full;
            if (r->proposes && a.card.confidence_ppm != (r->full ? full : full / 2))
                fail_msg("%s to %s: confidence %lld", r->since, r->now, (long long)a.card.confidence_ppm);
            sb_index_advice_release(&a);
        }
}

static void a_hinted_one_stays(void **state)
{
    (void)state;
    struct sb_index_advice a;
    look(&table[1], true, &a);
    assert_false(a.proposes);
    assert_true(said(&a, "an operation names it (hint) and would fail without it"));
    sb_index_advice_release(&a);
}

/* ---- the card that drops it ---- */

static char why[240];

/* The word of an index that stands so, behind a card that saw it as `counted` ("USES/SINCE"; NULL: there was none). */
static int drop_word(const char *index, const char *counted, const char *members_answered)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_catalogue c;
    struct sb_card hidden, before, out;
    memset(&hidden, 0, sizeof hidden);
    memset(&before, 0, sizeof before);
    char *text = sb_format("{\"ns\":\"s.c\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"knows_index_stats\":true,\"members\":3,\"members_answered\":%s,\"indexes\":[%s]}", members_answered, index);
    json_t *json = sb_json_parse(text, strlen(text), "catalogue", SB_JSON_STRICT, &err);
    if (!json)
        fail_msg("%s", err.msg);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, &c, json, &err), err);
    json_decref(json);
    free(text);
    struct sb_step *step = SB_PUSH(before.steps);
    assert_true(step && sb_str_set(&before.id, "C-000002") == 0 && sb_check_add(&step->check_before, &step->check_before_n, "index_unused", "s.c", "old_1", counted) == 0);
    assert_int_equal(sb_str_set(&hidden.id, "C-000001") || sb_str_set(&hidden.target, "s.c") || sb_str_set(&hidden.index_name, "old_1") || sb_str_set(&hidden.index_key, "{ \"z\" : 1 }"), 0);
    struct sb_history *h = sb_history_new();
    struct sb_workload *w = workload(false);
    assert_non_null(h);
    struct sb_drop_question q = {.hidden = &hidden, .before = counted ? &before : NULL, .catalogue = &c, .workload = w, .history = h, .from = 0, .now = 1000, .replicated = true, .card_id = "C-000003"};
    why[0] = '\0';
    int word = sb_index_drop(&q, &out, why, sizeof why, &err);
    if (word == SB_DROP_YES)
        sb_card_release(&out);
    sb_history_free(h);
    sb_workload_free(w);
    sb_catalogue_release(&c);
    sb_card_release(&hidden);
    sb_card_release(&before);
    return word;
}

#define OLD "{\"name\":\"old_1\",\"key\":\"{ \\\"z\\\" : 1 }\",\"spec\":\"{ \\\"key\\\" : { \\\"z\\\" : 1 }, \\\"name\\\" : \\\"old_1\\\" }\",\"members\":3"

static void dropped_now_later_or_never(void **state)
{
    (void)state;
    static const struct {
        const char *index, *counted, *answered, *says;
        int word;
    } rows[] = {
        {OLD ",\"hidden\":true,\"uses\":7,\"since\":\"1970-01-01T00:00:00.500Z\"}", NULL, "3", "", SB_DROP_YES},
        {OLD ",\"hidden\":true,\"uses\":7,\"since\":\"1970-01-01T00:00:00.500Z\"}", "7/500", "3", "", SB_DROP_YES},
        {OLD ",\"hidden\":true,\"uses\":0,\"since\":\"1970-01-01T00:00:00.900Z\"}", "7/500", "3", "", SB_DROP_YES}, /* lost count */
        {OLD ",\"hidden\":true,\"uses\":8,\"since\":\"1970-01-01T00:00:00.500Z\"}", "7/500", "3", "it was used since C-000002", SB_DROP_NEVER},
        {OLD ",\"hidden\":true,\"uses\":1,\"since\":\"1970-01-01T00:00:00.900Z\"}", "7/500", "3", "it was used since C-000002", SB_DROP_NEVER},
        {OLD ",\"hidden\":false,\"uses\":7,\"since\":\"1970-01-01T00:00:00.500Z\"}", "7/500", "3", "not hidden any more", SB_DROP_NEVER},
        {"", "7/500", "3", "not there any more", SB_DROP_NEVER},
        {OLD ",\"hidden\":true,\"uses\":7,\"since\":\"1970-01-01T00:00:00.500Z\"}", NULL, "2", "only 2 of 3 members", SB_DROP_NOT_NOW},
        {OLD ",\"hidden\":true,\"building\":true,\"uses\":7,\"since\":\"1970-01-01T00:00:00.500Z\"}", NULL, "3", "it is being built", SB_DROP_NOT_NOW},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++)
        if (drop_word(rows[i].index, rows[i].counted, rows[i].answered) != rows[i].word || !strstr(why, rows[i].says))
            fail_msg("row %zu: not %d: %s", i, rows[i].word, why);
}

/* Whoever names an index gets an answer about that one, and never a card for another. */
static void one_that_is_named_is_judged_alone(void **state)
{
    (void)state;
    static const struct {
        const struct row *row;
        const char *wanted, *says;
        bool proposes;
    } asked[] = {
        {&table[1], "old_1", "old_1 could go", true},
        {&table[1], "other_1", "there is no index named other_1 on s.c", false},
        {&table[9], "old_1", "old_1 of s.c stays: not used, but it is unique", false},
        {&table[1], "_id_", "_id_", false},
    };
    for (size_t i = 0; i < SB_COUNT(asked); i++) {
        struct sb_index_advice a;
        look_at(asked[i].row, false, asked[i].wanted, &a);
        if (a.proposes != asked[i].proposes || !strstr(a.summary, asked[i].says))
            fail_msg("%s: %s", asked[i].wanted, a.summary);
        sb_index_advice_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_that_is_named_is_judged_alone), cmocka_unit_test(what_nobody_used_is_judged_by_the_calendar), cmocka_unit_test(a_hinted_one_stays), cmocka_unit_test(dropped_now_later_or_never)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
