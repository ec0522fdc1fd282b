/* SPDX-License-Identifier: Apache-2.0
 *
 * What depends on a field by what was heard of the operations: who filters, sorts, writes, and when that was. */
#include <signalbox/agents/schema_depends.h>
#include <signalbox/agents/schema_heard.h>
#include <signalbox/formats/mongolog.h>

#include "test.h"

#include <string.h>

#define NOW_MS INT64_C(1764158700000) /* three minutes after what is heard */
#define HEARD "2025-11-26T12:02:00.000Z"

static void hear(struct sb_workload *w, const char *ns, const char *app, const char *type, const char *command)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    char *text = sb_format("{\"t\":{\"$date\":\"" HEARD "\"},\"s\":\"I\",\"c\":\"%s\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"%s\",\"ns\":\"%s\",\"appName\":\"%s\",\"command\":%s,"
                           "\"planSummary\":\"COLLSCAN\",\"docsExamined\":1,\"durationMillis\":150}}",
                           strcmp(type, "update") == 0 ? "WRITE" : "COMMAND", type, ns, app, command);
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, text, strlen(text), &l, &op), SB_LOG_GOOD);
    sb_assert_ok(sb_workload_add(w, &op, &err), err);
    sb_mongolog_release(&reader);
    free(text);
}

static char *tell(struct sb_workload *w, const char *field)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_depends d = {.item = NULL};
    sb_assert_ok(sb_depends_heard(w, "shop.orders", field, NOW_MS, &d, &err), err);
    char *text = sb_depends_tell(&d, "shop.orders", field);
    assert_non_null(text);
    sb_depends_release(&d);
    return text;
}

static void operations_that_use_a_field_are_told_with_who_and_when(void **state)
{
    (void)state;
    static const struct {
        const char *field, *says[4], *not_[3];
    } asked[] = {
        {"customer_name", {"filters by it: by checkout 4.2, 1 operations written down, last seen 3 min ago", "writes it: by importer", NULL}, {"billing", "total", NULL}},
        {"total", {"sorts by it: by billing", NULL}, {"checkout", "importer", NULL}},
        {"customer", {"no operation that was written down uses it", NULL}, {"checkout", "importer", NULL}}, /* a part of a name is another name */
        {"address", {"filters by it: by parcels", NULL}, {"checkout", NULL}},                              /* what lies within it */
        {NULL, {"reads: by checkout 4.2", "writes: by importer", "reads: by billing", "reads: by parcels"}, {"elsewhere", NULL}},
    };
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    assert_non_null(w);
    hear(w, "shop.orders", "checkout 4.2", "command", "{\"find\":\"orders\",\"filter\":{\"customer_name\":\"secret\"},\"$db\":\"shop\"}");
    hear(w, "shop.orders", "importer", "update", "{\"q\":{\"_id\":1},\"u\":{\"$set\":{\"customer_name\":\"secret\"}},\"multi\":false,\"upsert\":false}");
    hear(w, "shop.orders", "billing", "command", "{\"find\":\"orders\",\"filter\":{\"paid\":false},\"sort\":{\"total\":-1},\"$db\":\"shop\"}");
    hear(w, "shop.orders", "parcels", "command", "{\"find\":\"orders\",\"filter\":{\"address.zip\":\"8000\"},\"$db\":\"shop\"}");
    hear(w, "shop.carts", "elsewhere", "command", "{\"find\":\"carts\",\"filter\":{\"customer_name\":1},\"$db\":\"shop\"}");
    for (size_t i = 0; i < SB_COUNT(asked); i++) {
        char *text = tell(w, asked[i].field);
        for (size_t k = 0; k < 4 && asked[i].says[k]; k++)
            if (!strstr(text, asked[i].says[k]))
                fail_msg("%s: no \"%s\" in: %s", asked[i].field ? asked[i].field : "all", asked[i].says[k], text);
        for (size_t k = 0; k < 3 && asked[i].not_[k]; k++)
            if (strstr(text, asked[i].not_[k]))
                fail_msg("%s: \"%s\" is in: %s", asked[i].field ? asked[i].field : "all", asked[i].not_[k], text);
        assert_null(strstr(text, "secret")); /* no value of a document */
        free(text);
    }
    sb_workload_free(w);
}

static void where_nothing_was_heard_that_is_said(void **state)
{
    (void)state;
    char *text = tell(NULL, "a");
    assert_non_null(strstr(text, "no operation that was written down uses it"));
    free(text);
}

/* What is said of shop.orders after `joined` reads with a $lookup, `plain` ones without, and `searched` by a regular expression. */
static void judged(int joined, int plain, int searched, const char *options, const char *says, const char *never)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_heard h;
    char search[200];
    struct sb_workload *w = sb_workload_new(NULL, &err);
    assert_non_null(w);
    for (int i = 0; i < joined; i++)
        hear(w, "shop.orders", "shop", "command", "{\"aggregate\":\"orders\",\"pipeline\":[{\"$match\":{\"_id\":1}},{\"$lookup\":{\"from\":\"customers\",\"localField\":\"customer\",\"foreignField\":\"_id\",\"as\":\"c\"}}],\"cursor\":{},\"$db\":\"shop\"}");
    for (int i = 0; i < plain; i++)
        hear(w, "shop.orders", "shop", "command", "{\"find\":\"orders\",\"filter\":{\"paid\":false},\"$db\":\"shop\"}");
    snprintf(search, sizeof search, "{\"find\":\"orders\",\"filter\":{\"name\":{\"$regex\":\"secret\",\"$options\":\"%s\"}},\"$db\":\"shop\"}", options);
    for (int i = 0; i < searched; i++)
        hear(w, "shop.orders", "shop", "command", search);
    sb_assert_ok(sb_schema_heard(w, "shop.orders", NOW_MS, &h, &err), err);
    assert_int_equal(h.evidence_n, says ? 1 : 0);
    if ((h.text != NULL) != (says != NULL) || (says && (!strstr(h.text, says) || !strstr(h.evidence[0].value, says))) || (h.text && (strstr(h.text, never) || strstr(h.text, "secret"))))
        fail_msg("%d %d %d %s: %s", joined, plain, searched, options, h.text ? h.text : "nothing");
    sb_schema_heard_release(&h);
    sb_workload_free(w);
}

static void the_review_hears_what_is_read_together(void **state)
{
    (void)state;
    judged(95, 5, 0, "", "95 of 100 reads look up customers as well (14250 ms in all)", "hot");
    judged(60, 40, 0, "", "a $lookup into customers stands in 60 operations and 9000 of the 15000 ms", "always");
    judged(50, 450, 0, "", NULL, "$lookup"); /* a tenth of the time is no hot path */
    judged(49, 0, 0, "", NULL, "$lookup");   /* and so few say nothing */
    judged(0, 0, 50, "im", "50 operations search name by a regular expression without regard to case", "$lookup");
    judged(0, 0, 49, "i", NULL, "case");
    judged(0, 0, 80, "m", NULL, "case");
    struct sb_err err = SB_ERR_INIT;
    struct sb_schema_heard h;
    sb_assert_ok(sb_schema_heard(NULL, "shop.orders", NOW_MS, &h, &err), err);
    assert_null(h.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operations_that_use_a_field_are_told_with_who_and_when), cmocka_unit_test(where_nothing_was_heard_that_is_said), cmocka_unit_test(the_review_hears_what_is_read_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
