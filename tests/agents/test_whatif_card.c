/* SPDX-License-Identifier: Apache-2.0
 *
 * The card that tries an index out: today's indexes come along, sensitive ones stay behind; and what a server's explain says of
 * today's plan, in every form that it has. */
#include "test.h"

#include "../../src/agents/whatif.h"

#include <string.h>

static bson_t *bson_of(const char *text)
{
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &e);
    if (!doc)
        fail_msg("%s: %s", text, e.message);
    return doc;
}

static void an_index_is_copied_without_what_it_does_to_documents(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *keeps; /* NULL: it stays behind */
    } rows[] = {
        {"{\"v\":2,\"key\":{\"a\":1},\"name\":\"a_1\"}", "{ \"key\" : { \"a\" : { \"$numberInt\" : \"1\" } }, \"name\" : \"a_1\" }"},
        {"{\"v\":2,\"key\":{\"a\":1},\"name\":\"a_1\",\"unique\":true,\"expireAfterSeconds\":5,\"sparse\":true}", "{ \"key\" : { \"a\" : { \"$numberInt\" : \"1\" } }, \"name\" : \"a_1\", \"sparse\" : true }"},
        {"{\"v\":2,\"key\":{\"a\":1},\"name\":\"p\",\"partialFilterExpression\":{\"b\":\"x\"}}", "\"partialFilterExpression\" : { \"b\" : \"x\" }"},
        {"{\"v\":2,\"key\":{\"a\":1},\"name\":\"p\",\"partialFilterExpression\":{\"$and\":[{\"b\":1},{\"u.iban\":\"x\"}]}}", NULL},
        {"{\"v\":2,\"key\":{\"u.iban\":1},\"name\":\"s\"}", NULL},
        {"{\"v\":2,\"key\":{\"iban.x\":1,\"a\":1},\"name\":\"s\"}", NULL},
        {"{\"v\":2,\"key\":{\"a\":\"hashed\"},\"name\":\"h\"}", NULL},
        {"{\"v\":2,\"key\":{\"$**\":1},\"name\":\"w\"}", NULL},
    };
    json_t *sensitive = json_pack("[s]", "iban");
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_index_info x = {.name = NULL};
        bson_t *spec = bson_of(rows[i].spec);
        assert_int_equal(sb_index_info_take(&x, spec), 0);
        char *command = sb_what_if_copy_index(&x, sensitive, "signalbox_whatif_C-1", "C-1", 2, true, "shop");
        if (!command != !rows[i].keeps || (command && !strstr(command, rows[i].keeps)))
            fail_msg("%s: %s", rows[i].spec, command ? command : "stays behind");
        free(command);
        bson_destroy(spec);
        sb_record_release(&sb_index_info_schema, &x);
    }
    json_decref(sensitive);
}

static void todays_plan_is_read_from_every_explain(void **state)
{
    (void)state;
    static const struct {
        const char *reply, *hint, *why;
    } rows[] = {
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"COLLSCAN\",\"filter\":{}}}}", "$natural", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"FETCH\",\"inputStage\":{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\",\"keyPattern\":{\"a\":1}}},\"rejectedPlans\":[{\"stage\":\"IXSCAN\",\"indexName\":\"b_1\"}]}}", "a_1", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"isCached\":false,\"queryPlan\":{\"stage\":\"FETCH\",\"inputStage\":{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\"}},\"slotBasedPlan\":{\"stages\":\"...\"}}}}", "a_1", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"COLLSCAN\",\"filter\":{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\",\"a\":{\"indexName\":\"b_1\"}}}}}", "$natural", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"SHARD_MERGE\",\"shards\":[{\"shardName\":\"s0\",\"winningPlan\":{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\"}}]}}}", "a_1", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"IDHACK\"}}}", "_id_", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"EXPRESS_IXSCAN\",\"indexName\":\"a_1\"}}}", "a_1", NULL},
        {"{\"stages\":[{\"$cursor\":{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"COLLSCAN\"}}}},{\"$group\":{}}]}", "$natural", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"OR\",\"inputStages\":[{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\"},{\"stage\":\"IXSCAN\",\"indexName\":\"b_1\"}]}}}", NULL, "several indexes"},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"OR\",\"inputStages\":[{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\"},{\"stage\":\"IXSCAN\",\"indexName\":\"a_1\"}]}}}", "a_1", NULL},
        {"{\"queryPlanner\":{\"winningPlan\":{\"stage\":\"EOF\"}}}", NULL, "reads nothing"},
        {"{\"queryPlanner\":{\"Plan\":\"SCAN TABLE\"}}", NULL, "does not tell its plan"}, /* FerretDB */
        {"{\"ok\":1}", NULL, "does not tell its plan"},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        char why[128];
        bson_t *reply = bson_of(rows[i].reply);
        char *hint = sb_what_if_today(reply, why, sizeof why);
        if (!sb_streq(hint, rows[i].hint) || (rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s: %s, %s", rows[i].reply, hint ? hint : "no hint", why);
        free(hint);
        bson_destroy(reply);
    }
}

/* A hostile server's plan within a plan within a plan. */
static void a_plan_without_end_is_not_followed(void **state)
{
    (void)state;
    struct sb_str s;
    char why[128];
    sb_str_init(&s);
    sb_str_adds(&s, "{\"queryPlanner\":{\"winningPlan\":");
    for (int i = 0; i < 60; i++)
        sb_str_adds(&s, "{\"stage\":\"FETCH\",\"inputStage\":");
    sb_str_adds(&s, "{\"stage\":\"COLLSCAN\"}");
    for (int i = 0; i < 62; i++)
        sb_str_adds(&s, "}");
    bson_t *reply = bson_of(s.p);
    assert_null(sb_what_if_today(reply, why, sizeof why));
    assert_non_null(strstr(why, "too deep"));
    bson_destroy(reply);
    sb_str_release(&s);
}

static void an_explain_becomes_one_on_the_sample(void **state)
{
    (void)state;
    const char *find = "{\"explain\":{\"find\":\"orders\",\"filter\":{\"a\":1},\"hint\":\"x\",\"maxTimeMS\":4000},\"verbosity\":\"executionStats\"}";
    char *by = sb_what_if_explain(find, "scratch", "a_1"), *scan = sb_what_if_explain(find, "scratch", "$natural"), *own = sb_what_if_explain(find, "scratch", NULL), *plan = sb_what_if_plan(find);
    assert_non_null(strstr(by, "\"hint\" : \"a_1\""));
    assert_non_null(strstr(scan, "\"hint\" : { \"$natural\""));
    assert_null(strstr(own, "hint"));
    assert_non_null(strstr(own, "\"find\" : \"scratch\""));
    assert_non_null(strstr(plan, "\"find\" : \"orders\""));
    assert_non_null(strstr(plan, "\"verbosity\" : \"queryPlanner\""));
    assert_null(strstr(plan, "executionStats")); /* nothing is run */
    assert_null(sb_what_if_explain("{\"explain\":{\"distinct\":\"orders\",\"key\":\"a\"}}", "scratch", "a_1"));
    free(by);
    free(scan);
    free(own);
    free(plan);
}

/* What has vanished, is none, or is too small; what policy hides. Each has its reason, and no card. */
static void what_cannot_be_tried_out_has_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *type, *sensitive, *says; /* says NULL: it can */
        bool exists;
        int64_t documents;
    } rows[] = {
        {"collection", NULL, NULL, true, 5000},
        {"collection", NULL, "not there", false, 0},
        {"view", NULL, "no plain collection", true, 5000},
        {"timeseries", NULL, "no plain collection", true, 5000},
        {"collection", NULL, "too few", true, 19},
        {"collection", "a", "a is a sensitive field", true, 5000},
        {"collection", "a*", "by a pattern", true, 5000},
        {"collection", "b", NULL, true, 5000},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_catalogue cat = {.exists = rows[i].exists, .type = (char *)(uintptr_t)rows[i].type, .documents = rows[i].documents, .average_bytes = 100, .members = 3};
        struct sb_index_field field = {.path = (char *)(uintptr_t)"c", .direction = 1};
        struct sb_index_info there = {.fields = &field, .fields_n = 1, .name = (char *)(uintptr_t)"c_1", .key = (char *)(uintptr_t)"{\"c\":1}", .spec = (char *)(uintptr_t)"{\"v\":2,\"key\":{\"c\":1},\"name\":\"c_1\"}"};
        cat.indexes = &there;
        cat.indexes_n = 1;
        struct sb_step step = {.action = (char *)(uintptr_t)"{\"createIndexes\":\"orders\",\"indexes\":[{\"key\":{\"a\":1},\"name\":\"a_1\"}],\"$db\":\"shop\"}"};
        struct sb_card card = {.id = (char *)(uintptr_t)"C-000001", .kind = SB_KIND_CREATE_INDEX, .target = (char *)(uintptr_t)"shop.orders", .index_key = (char *)(uintptr_t)"{\"a\":1}",
                               .index_name = (char *)(uintptr_t)"a_1", .steps = &step, .steps_n = 1}, out;
        json_t *sensitive = rows[i].sensitive ? json_pack("[s]", rows[i].sensitive) : NULL;
        struct sb_what_if_question q = {.card = &card, .catalogue = &cat, .sensitive = sensitive, .card_id = "C-000002", .requested_by = "alice", .replicated = true};
        struct sb_err err = SB_ERR_INIT;
        int rc = sb_what_if_card(&q, &out, &err);
        if ((rc == 0) != !rows[i].says || (rc && !strstr(err.msg, rows[i].says)))
            fail_msg("row %zu: %s", i, rc ? err.msg : "a card");
        assert_true(rc || out.steps_n == 3);
        for (size_t k = 0; rc == 0 && k < out.steps_n; k++) /* each command ends by itself */
            if (!strstr(out.steps[k].action, "\"maxTimeMS\" : { \"$numberInt\" : \"10000\" }") || !strstr(out.steps[k].undo, "\"maxTimeMS\" : { \"$numberInt\" : \"10000\" }"))
                fail_msg("no bound in time: %s, %s", out.steps[k].action, out.steps[k].undo);
        if (rc == 0)
            sb_card_release(&out);
        json_decref(sensitive);
    }
}

/* An example is made to ask for what a document has. */
static void an_example_asks_for_what_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *document, *becomes; /* NULL: nothing can be asked */
    } rows[] = {
        {"{\"a\":1}", "{\"a\":7}", "{ \"a\" : 7 }"},
        {"{\"a\":1,\"b\":{\"$gt\":3}}", "{\"a\":\"x\",\"b\":1}", "{ \"a\" : \"x\", \"b\" : { \"$gt\" : 3 } }"},
        {"{\"a\":{\"$eq\":1},\"l.x\":{\"$in\":[1,2]}}", "{\"a\":null,\"l\":[{\"x\":[4,5]},{\"x\":6}]}", "{ \"a\" : null, \"l.x\" : 4 }"},
        {"{\"a\":1}", "{\"b\":7}", NULL},
        {"{\"a\":1}", "{\"a\":{\"b\":7}}", NULL},
        {"{\"a\":1}", "{\"a\":[]}", NULL},
        {"{\"a\":{\"$gt\":1}}", "{\"a\":7}", NULL},
        {"{\"$or\":[{\"a\":1}]}", "{\"a\":7}", NULL},
        {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", NULL},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        bson_t *doc = bson_new_from_json((const uint8_t *)rows[i].document, -1, NULL);
        char *find = sb_format("{\"explain\":{\"find\":\"c\",\"filter\":%s,\"limit\":5},\"verbosity\":\"executionStats\"}", rows[i].filter);
        char *agg = sb_format("{\"explain\":{\"aggregate\":\"c\",\"pipeline\":[{\"$match\":%s},{\"$match\":{\"a\":1}}],\"cursor\":{}},\"verbosity\":\"executionStats\"}", rows[i].filter);
        const char *asked[] = {find, agg};
        for (size_t k = 0; k < SB_COUNT(asked); k++) {
            char *got = sb_what_if_example(asked[k], doc);
            bson_t *back = got ? bson_new_from_json((const uint8_t *)got, -1, NULL) : NULL;
            char *text = back ? bson_as_relaxed_extended_json(back, NULL) : NULL;
            if (!rows[i].becomes != !got || (got && (!strstr(text, rows[i].becomes) || !strstr(text, k ? "{ \"$match\" : { \"a\" : 1 } }" : "\"limit\" : 5"))))
                fail_msg("%s with %s: %s", asked[k], rows[i].document, text ? text : "nothing");
            bson_free(text);
            if (back)
                bson_destroy(back);
            free(got);
        }
        bson_destroy(doc);
        free(find);
        free(agg);
    }
    bson_t nothing = BSON_INITIALIZER;
    assert_null(sb_what_if_example("{", &nothing));
    assert_null(sb_what_if_example(NULL, &nothing));
    bson_destroy(&nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_index_is_copied_without_what_it_does_to_documents), cmocka_unit_test(todays_plan_is_read_from_every_explain),
                                       cmocka_unit_test(a_plan_without_end_is_not_followed), cmocka_unit_test(an_explain_becomes_one_on_the_sample),
                                       cmocka_unit_test(what_cannot_be_tried_out_has_a_reason), cmocka_unit_test(an_example_asks_for_what_is_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
