/* SPDX-License-Identifier: Apache-2.0
 *
 * The Index Optimizer: from logged operations and a catalogue to one card, or to the reason for none. */
#include "test.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/formats/mongolog.h>

#include <stdio.h>
#include <string.h>

#define NOW "2026-11-23T09:05:10.707Z"
#define NOW_MS INT64_C(1795424710707)

static struct sb_workload *new_workload(void)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    struct sb_workload *w = sb_workload_new(&o, &err);
    assert_non_null(w);
    return w;
}

/* Adds `times` operations with this command and these numbers. */
static void logged(struct sb_workload *w, int times, const char *command, int docs, int returned, int ms, const char *more)
{
    char line[4096];
    int n = snprintf(line, sizeof line,
                     "{\"t\":{\"$date\":\"" NOW "\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\","
                     "\"appName\":\"checkout\",\"command\":%s,%s\"docsExamined\":%d,\"nreturned\":%d,\"durationMillis\":%d}}", command, more, docs, returned, ms);
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, line, (size_t)n, &l, &op), SB_LOG_GOOD);
    assert_true(l.slow);
    for (int i = 0; i < times; i++)
        sb_assert_ok(sb_workload_add(w, &op, &err), err);
    sb_mongolog_release(&reader);
}

static void catalogue(struct sb_catalogue *c, const char *indexes, const char *fields)
{
    char text[4096];
    snprintf(text, sizeof text,
             "{\"ns\":\"shop.orders\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"documents\":20000,\"bytes\":9000000,\"average_bytes\":450,"
             "\"indexes\":[{\"name\":\"_id_\",\"key\":\"{ \\\"_id\\\" : { \\\"$numberInt\\\" : \\\"1\\\" } }\",\"fields\":[{\"path\":\"_id\",\"direction\":1}]}%s],"
             "\"knows_builds\":true,\"knows_index_stats\":true,\"members\":3,\"members_answered\":3,\"sampled\":500,\"fields\":[%s]}", indexes, fields);
    struct sb_err err = SB_ERR_INIT;
    json_t *json = sb_json_parse(text, strlen(text), "catalogue", SB_JSON_STRICT, &err);
    if (!json)
        fail_msg("%s", err.msg);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, c, json, &err), err);
    json_decref(json);
}

static void ask_as(struct sb_workload *w, const struct sb_catalogue *c, const char *ns, const char *key, const char *options, const char *editor, struct sb_index_advice *out)
{
    struct sb_history *h = sb_history_new();
    struct sb_ns_work work = {.reads = 600, .read_us = 600 * 15000, .writes = 120, .write_us = 120 * 2000, .covered_ms = 60000};
    sb_history_add(h, "shop.orders", NOW_MS - 60000, NOW_MS, &work);
    sb_history_observed(h, NOW_MS - 60000, NOW_MS);
    struct sb_index_question q = {.ns = ns, .from = NOW_MS - 60000, .to = NOW_MS + 1000, .workload = w, .history = h, .catalogue = c, .key = key, .replicated = true,
                                  .card_id = "C-000001", .case_id = "K-000001", .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .now = NOW_MS, .options = options, .edited_by = editor, .edited = options ? "the options" : "the key"};
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_index_advise(&q, out, &err), err);
    assert_non_null(out->summary);
    sb_history_free(h);
}

static void ask(struct sb_workload *w, const struct sb_catalogue *c, const char *ns, const char *key, struct sb_index_advice *out)
{
    ask_as(w, c, ns, key, NULL, NULL, out);
}

static const char fields[] = "{\"path\":\"customer_email\",\"present_ppm\":1000000,\"distinct_ppm\":900000,\"array\":false,\"value_bytes\":30},"
                             "{\"path\":\"status\",\"present_ppm\":1000000,\"distinct_ppm\":8000,\"array\":false,\"value_bytes\":9},"
                             "{\"path\":\"tags\",\"present_ppm\":1000000,\"distinct_ppm\":50000,\"array\":true,\"array_mean_milli\":4000,\"value_bytes\":12},"
                             "{\"path\":\"items.sku\",\"present_ppm\":1000000,\"distinct_ppm\":300000,\"array\":true,\"array_mean_milli\":3000,\"value_bytes\":12},"
                             "{\"path\":\"created_at\",\"present_ppm\":1000000,\"distinct_ppm\":999000,\"array\":false,\"value_bytes\":8}";

/* One shape, one expected key (or none, and then a word of the reason). */
struct row {
    const char *command, *more;
    int docs, returned;
    const char *indexes, *key, *says;
};

#define FIND(filter, rest) "{\"find\":\"orders\",\"filter\":" filter rest ",\"$db\":\"shop\"}"

static const struct row rows[] = {
    {FIND("{\"customer_email\":\"x\"}", ""), "", 20000, 3, "", "{\"customer_email\":1}", NULL},
    {FIND("{\"customer_email\":\"x\"}", ",\"sort\":{\"created_at\":-1}"), "\"hasSortStage\":true,", 20000, 3, "", "{\"customer_email\":1,\"created_at\":-1}", NULL},
    /* the more selective equality leads, the range stands last whatever the order in the filter */
    {FIND("{\"created_at\":{\"$gt\":1},\"status\":\"a\",\"customer_email\":\"x\"}", ""), "", 20000, 3, "", "{\"customer_email\":1,\"status\":1,\"created_at\":1}", NULL},
    {FIND("{\"status\":{\"$in\":[1,2]},\"customer_email\":\"x\"}", ",\"sort\":{\"created_at\":1}"), "\"hasSortStage\":true,", 20000, 3, "", "{\"customer_email\":1,\"status\":1,\"created_at\":1}", NULL},
    /* two arrays cannot share an index: the less selective one is left out */
    {FIND("{\"tags\":\"a\",\"items.sku\":\"s\"}", ""), "", 20000, 3, "", "{\"items.sku\":1}", NULL},
    /* an index that is there already, also in another order of its equalities and in full reverse */
    {FIND("{\"customer_email\":\"x\"}", ""), "", 20000, 3, ",{\"name\":\"e\",\"key\":\"\",\"fields\":[{\"path\":\"customer_email\",\"direction\":-1}]}", NULL, "already serves"},
    {FIND("{\"status\":\"a\",\"customer_email\":\"x\"}", ",\"sort\":{\"created_at\":-1}"), "\"hasSortStage\":true,", 20000, 3,
     ",{\"name\":\"e\",\"key\":\"\",\"fields\":[{\"path\":\"status\",\"direction\":1},{\"path\":\"customer_email\",\"direction\":1},{\"path\":\"created_at\",\"direction\":1}]}", NULL, "already serves"},
    /* a hidden one is to be unhidden, one that is being built waited for; not a partial or sparse one, nor one with another direction inside */
    {FIND("{\"customer_email\":\"x\"}", ""), "", 20000, 3, ",{\"name\":\"e\",\"key\":\"\",\"hidden\":true,\"fields\":[{\"path\":\"customer_email\",\"direction\":1}]}", NULL, "is hidden: unhide it"},
    {FIND("{\"customer_email\":\"x\"}", ""), "", 20000, 3, ",{\"name\":\"e\",\"key\":\"\",\"building\":true,\"fields\":[{\"path\":\"customer_email\",\"direction\":1}]}", NULL, "is being built"},
    {FIND("{\"customer_email\":\"x\"}", ""), "", 20000, 3, ",{\"name\":\"e\",\"key\":\"\",\"partial\":true,\"fields\":[{\"path\":\"customer_email\",\"direction\":1}]}", "{\"customer_email\":1}", NULL},
    {FIND("{\"customer_email\":\"x\"}", ",\"sort\":{\"status\":1,\"created_at\":-1}"), "\"hasSortStage\":true,", 20000, 3,
     ",{\"name\":\"e\",\"key\":\"\",\"fields\":[{\"path\":\"customer_email\",\"direction\":1},{\"path\":\"status\",\"direction\":1},{\"path\":\"created_at\",\"direction\":1}]}",
     "{\"customer_email\":1,\"status\":1,\"created_at\":-1}", NULL},
    /* nor one with another collation: two on one key are not for a card */
    {FIND("{\"customer_email\":\"x\"}", ",\"collation\":{\"locale\":\"en\"}"), "", 20000, 3, "", "{\"customer_email\":1}", NULL},
    {FIND("{\"customer_email\":\"x\"}", ",\"collation\":{\"locale\":\"en\"}"), "", 20000, 3, ",{\"name\":\"e\",\"key\":\"\",\"fields\":[{\"path\":\"customer_email\",\"direction\":1}]}", NULL, "not its collation"},
    /* nothing to win */
    {FIND("{\"customer_email\":\"x\"}", ""), "", 5, 5, "", NULL, "would not read less"},
    {FIND("{\"status\":\"a\"}", ""), "", 20000, 9000, "", NULL, "would not read less"},
    {FIND("{\"status\":\"a\"}", ",\"sort\":{\"created_at\":1}"), "\"hasSortStage\":true,", 20000, 9000, "", "{\"status\":1,\"created_at\":1}", NULL},
    {FIND("{\"$or\":[{\"status\":\"a\"},{\"customer_email\":\"x\"}]}", ""), "", 20000, 3, "", "{\"status\":1}", NULL},
    {FIND("{\"$or\":[{\"status\":{\"$ne\":\"a\"}},{\"customer_email\":\"x\"}]}", ""), "", 20000, 3, "", NULL, "every arm of its $or"},
    {FIND("{\"customer_email\":{\"$ne\":\"x\"}}", ""), "", 20000, 3, "", NULL, "no equality, sort or range"},
    {"{\"insert\":\"orders\",\"$db\":\"shop\"}", "", 0, 0, "", NULL, "no filter"},
};

static void each_shape_gets_its_index_or_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct sb_workload *w = new_workload();
        struct sb_catalogue c;
        struct sb_index_advice a;
        logged(w, 30, r->command, r->docs, r->returned, 210, r->more);
        catalogue(&c, r->indexes, fields);
        ask(w, &c, "shop.orders", NULL, &a);
        if (a.proposes != (r->key != NULL))
            fail_msg("row %zu: %s%s%s", i, a.summary, a.findings_n ? "; " : "", a.findings_n ? a.findings[0].text : "");
        if (r->key) {
            bson_t *want = bson_new_from_json((const uint8_t *)r->key, -1, NULL);
            char *text = bson_as_canonical_extended_json(want, NULL);
            if (strcmp(text, a.card.index_key) != 0)
                fail_msg("row %zu: proposed %s", i, a.card.index_key);
            assert_int_equal(strstr(a.card.steps[0].action, "\"collation\"") != NULL, strstr(r->command, "\"collation\"") != NULL);
            bson_free(text);
            bson_destroy(want);
        } else if (a.findings_n == 0 || !strstr(a.findings[0].text, r->says)) {
            fail_msg("row %zu: %s", i, a.findings_n ? a.findings[0].text : a.summary);
        }
        sb_index_advice_release(&a);
        sb_catalogue_release(&c);
        sb_workload_free(w);
    }
}

static void the_card_says_what_it_does_and_how_it_is_judged(void **state)
{
    (void)state;
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    struct sb_index_advice a;
    logged(w, 30, FIND("{\"customer_email\":\"x\"}", ",\"sort\":{\"created_at\":-1}"), 20000, 5, 210, "\"hasSortStage\":true,\"planSummary\":\"COLLSCAN\",");
    logged(w, 10, FIND("{\"status\":\"a\"}", ""), 400, 300, 120, "\"planSummary\":\"IXSCAN { status: 1 }\",");
    catalogue(&c, "", fields);
    ask(w, &c, "shop.orders", NULL, &a);
    const struct sb_card *card = &a.card;
    assert_true(a.proposes);
    assert_string_equal(card->title, "Create index customer_email_1_created_at_-1 on shop.orders");
    assert_string_equal(card->author, "index_optimizer");
    assert_int_equal(card->steps_n, 1);
    assert_string_equal(card->steps[0].action,
                        "{ \"createIndexes\" : \"orders\", \"indexes\" : [ { \"key\" : { \"customer_email\" : { \"$numberInt\" : \"1\" }, \"created_at\" : { \"$numberInt\" : \"-1\" } }, "
                        "\"name\" : \"customer_email_1_created_at_-1\" } ], \"commitQuorum\" : \"votingMembers\", \"comment\" : \"signalbox C-000001/1\", \"$db\" : \"shop\" }");
    assert_non_null(strstr(card->steps[0].undo, "\"dropIndexes\" : \"orders\""));
    assert_non_null(strstr(card->steps[0].hide, "\"hidden\" : true"));
    assert_true(card->impact.docs_saved > 0 && card->impact.bytes > 0 && card->impact.writes_per_s_milli == 2000);
    bool examined = false, other = false, writes = false, uses = false;
    for (size_t i = 0; i < card->watch.criteria_n; i++) {
        const struct sb_criterion *k = &card->watch.criteria[i];
        examined |= sb_streq(k->metric, "shape_docs_per_returned") && k->baseline == 4000 && k->decisive;
        other |= sb_streq(k->metric, "shape_latency_us") && sb_streq(k->on_breach, "hide");
        writes |= sb_streq(k->metric, "ns_write_latency_us") && sb_streq(k->on_breach, "drop") && k->baseline == 2000;
        uses |= sb_streq(k->metric, "index_uses") && k->at_least && sb_streq(k->subject, card->index_name);
    }
    assert_true(examined && other && writes && uses);
    assert_true(card->rejected_n >= 1);
    assert_non_null(strstr(card->rejected[0].reason, "sort"));
    char *explain = sb_index_explain_command(w, "shop.orders", card->watch.criteria[0].subject);
    assert_non_null(explain);
    assert_non_null(strstr(explain, "\"explain\" : { \"find\" : \"orders\", \"filter\" : { \"customer_email\" : \"x\" }"));
    assert_null(strstr(explain, "$db"));
    free(explain);

    /* an edit of the name makes commands, checks and criteria anew */
    struct sb_card edited;
    struct sb_err err = SB_ERR_INIT;
    assert_int_equal(sb_record_copy(&sb_card_schema, &edited, card), 0);
    assert_int_equal(sb_str_set(&edited.index_name, "by_email"), 0);
    sb_assert_ok(sb_index_card_rebuild(&edited, true, "majority", &err), err);
    assert_non_null(strstr(edited.steps[0].action, "\"name\" : \"by_email\""));
    assert_non_null(strstr(edited.steps[0].action, "\"commitQuorum\" : \"majority\""));
    assert_non_null(strstr(edited.steps[0].undo, "\"index\" : \"by_email\""));
    assert_string_equal(edited.steps[0].check_after[0].name, "by_email");
    for (size_t i = 0; i < edited.watch.criteria_n; i++)
        if (sb_streq(edited.watch.criteria[i].metric, "index_uses"))
            assert_string_equal(edited.watch.criteria[i].subject, "by_email");
    bool kept = false;
    for (size_t i = 0; i < edited.steps[0].check_before_n; i++)
        kept |= sb_streq(edited.steps[0].check_before[i].check, "collection") && sb_streq(edited.steps[0].check_before[i].value, "0123");
    assert_true(kept); /* the collection's identity outlives the edit */
    sb_card_release(&edited);
    sb_index_advice_release(&a);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

static void nothing_on_the_servers_own_collections(void **state)
{
    (void)state;
    static const char *const never[] = {"local.oplog.rs", "admin.system.users", "config.chunks", "shop.system.views", "shop"};
    struct sb_workload *w = new_workload();
    for (size_t i = 0; i < SB_COUNT(never); i++) {
        struct sb_catalogue c;
        struct sb_index_advice a;
        catalogue(&c, "", "");
        ask(w, &c, never[i], "{\"a\":1}", &a);
        assert_false(a.proposes);
        sb_index_advice_release(&a);
        sb_catalogue_release(&c);
    }
    sb_workload_free(w);
}

static void an_index_asked_for_is_proposed_unless_it_is_there(void **state)
{
    (void)state;
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    struct sb_index_advice a;
    struct sb_err err = SB_ERR_INIT;
    char *key = sb_index_key_read("{status: 1, 'created_at': -1.0}", &err);
    assert_non_null(key);
    catalogue(&c, "", "");
    ask(w, &c, "shop.orders", key, &a);
    assert_true(a.proposes);
    assert_string_equal(a.card.index_name, "status_1_created_at_-1");
    sb_index_advice_release(&a);
    sb_catalogue_release(&c);
    catalogue(&c, ",{\"name\":\"mine\",\"key\":\"\",\"fields\":[{\"path\":\"status\",\"direction\":1},{\"path\":\"created_at\",\"direction\":-1}]}", "");
    ask(w, &c, "shop.orders", key, &a);
    assert_false(a.proposes);
    assert_non_null(strstr(a.summary, "mine"));
    sb_index_advice_release(&a);
    sb_catalogue_release(&c);
    free(key);
    sb_workload_free(w);
}

/* What a key that a person wrote serves is looked up, not taken over from the key that stood there. */
static void an_edited_key_is_judged_by_the_same_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *key, *says;
        int shapes;
        int64_t confidence_ppm;
    } rows_[] = {
        {"{customer_email: 1, created_at: 1}", "bob changed the key of this index. find", 1, 900000},
        {"{customer_email: 1}", "in part only", 0, 300000},
        {"{status: 1}", "serves none of the slow operations", 0, 300000},
        {"{created_at: -1, customer_email: 1}", "serves none of the slow operations", 0, 300000},
        {"{customer_email: 'hashed'}", "serves none of the slow operations", 0, 300000},
        {"{nosuch: 1}", "the field nosuch is in none of the 500 sampled documents", 0, 100000},
    };
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    char with[2048];
    logged(w, 30, FIND("{\"customer_email\":\"x\"}", ",\"sort\":{\"created_at\":-1}"), 20000, 5, 210, "\"hasSortStage\":true,");
    snprintf(with, sizeof with, "%s,{\"path\":\"nosuch\",\"present_ppm\":0,\"distinct_ppm\":0,\"array\":false}", fields);
    catalogue(&c, "", with);
    for (size_t i = 0; i < SB_COUNT(rows_); i++) {
        struct sb_index_advice a;
        struct sb_err err = SB_ERR_INIT;
        char *key = sb_index_key_read(rows_[i].key, &err);
        assert_non_null(key);
        ask_as(w, &c, "shop.orders", key, NULL, "bob", &a);
        assert_true(a.proposes);
        if (!strstr(a.card.why, rows_[i].says) || (int)a.card.shapes_n != rows_[i].shapes || a.card.confidence_ppm != rows_[i].confidence_ppm)
            fail_msg("%s: %s, %zu shapes, %lld", rows_[i].key, a.card.why, a.card.shapes_n, (long long)a.card.confidence_ppm);
        assert_int_equal(a.card.impact.docs_saved > 0, rows_[i].shapes > 0);
        assert_int_equal(a.card.risk, strstr(a.card.why, "Warning: ") ? SB_MEDIUM : SB_LOW);
        sb_index_advice_release(&a);
        free(key);
    }
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

/* Options keep operations out, or ask something of the documents: it is said, and what they keep out is not counted as served. */
static void edited_options_are_judged_by_the_same_shapes(void **state)
{
    (void)state;
#define BY_EMAIL FIND("{\"customer_email\":\"x\",\"status\":\"a\"}", ",\"sort\":{\"created_at\":-1}")
#define SORTED FIND("{}", ",\"sort\":{\"created_at\":-1},\"limit\":5")
#define FRENCH FIND("{\"customer_email\":\"x\"}", ",\"collation\":{\"strength\":2,\"locale\":\"fr\"}")
    static const struct {
        const char *command, *key, *options, *says; /* NULL: no warning */
        int shapes, risk;
    } rows_[] = {
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{}", NULL, 1, SB_LOW},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"sparse\":true}", "who asks for null cannot use it", 1, SB_MEDIUM},
        {SORTED, "{created_at: -1}", "{\"sparse\":true}", "it is sparse, and documents without created_at are wanted as well", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"partialFilterExpression\":{\"status\":{\"$exists\":true}}}", NULL, 1, SB_LOW},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"partialFilterExpression\":{\"status\":\"open\"}}", "ask for a status within its filter", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"partialFilterExpression\":{\"$and\":[{\"status\":\"open\"},{\"total\":{\"$gt\":{\"$numberInt\":\"5\"}}}]}}",
         "its filter is on total, and documents outside of it are wanted as well", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"partialFilterExpression\":{\"$or\":[{\"total\":1},{\"status\":\"open\"}]}}", "how many do is not known", 0, SB_MEDIUM},
        {FRENCH, "{customer_email: 1}", "{\"collation\":{\"locale\":\"fr\",\"strength\":{\"$numberInt\":\"2\"}}}", NULL, 1, SB_LOW},
        {FRENCH, "{customer_email: 1}", "{\"collation\":{\"locale\":\"en\"}}", "they have another collation", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"collation\":{\"locale\":\"en\"}}", "they have no collation", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1}", "{\"unique\":true}", "values of customer_email repeat in the sample (90.0 % are distinct)", 0, SB_MEDIUM},
        {BY_EMAIL, "{number: 1}", "{\"unique\":true}", "that its key is so is not known (500 of 20000 documents were sampled)", 0, SB_MEDIUM},
        {BY_EMAIL, "{seldom: 1}", "{\"unique\":true}", "20.0 % of the sampled documents have no seldom", 0, SB_MEDIUM},
        {BY_EMAIL, "{customer_email: 1, _id: 1}", "{\"unique\":true}", NULL, 0, SB_LOW}, /* _id is unique, so every key with it is */
        {BY_EMAIL, "{created_at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"3600\"}}", "deletes each document 3600 s after the date in its created_at", 0, SB_HIGH},
        {BY_EMAIL, "{customer_email: 1, status: 1, created_at: -1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"3600\"}}", "the server refuses it on 3", 1, SB_MEDIUM},
    };
    struct sb_catalogue c;
    char with[2048];
    snprintf(with, sizeof with, "%s,{\"path\":\"number\",\"present_ppm\":1000000,\"distinct_ppm\":1000000,\"array\":false},{\"path\":\"seldom\",\"present_ppm\":800000,\"distinct_ppm\":1000000,\"array\":false}", fields);
    catalogue(&c, "", with);
    for (size_t i = 0; i < SB_COUNT(rows_); i++) {
        struct sb_workload *w = new_workload();
        struct sb_index_advice a;
        struct sb_err err = SB_ERR_INIT;
        logged(w, 30, rows_[i].command, 20000, 5, 210, strstr(rows_[i].command, "sort") ? "\"hasSortStage\":true," : "");
        char *key = sb_index_key_read(rows_[i].key, &err);
        assert_non_null(key);
        ask_as(w, &c, "shop.orders", key, rows_[i].options, "bob", &a);
        assert_true(a.proposes);
        const char *warning = strstr(a.card.why, "Warning: ");
        bool said = rows_[i].says ? warning && strstr(warning, rows_[i].says) : !warning;
        if (!said || (int)a.card.shapes_n != rows_[i].shapes || a.card.risk != rows_[i].risk || !strstr(a.card.why, "bob changed the options of this index"))
            fail_msg("%s with %s: %s, %zu shapes, risk %d", rows_[i].key, rows_[i].options, a.card.why, a.card.shapes_n, a.card.risk);
        sb_index_advice_release(&a);
        free(key);
        sb_workload_free(w);
    }
    sb_catalogue_release(&c);
}

/* An index on an array has an entry for each element: in size, work and keys written. */
static void an_array_costs_an_entry_for_each_element(void **state)
{
    (void)state;
    static const char array[] = "{\"path\":\"status\",\"present_ppm\":1000000,\"distinct_ppm\":8000,\"array\":false,\"value_bytes\":8},"
                                "{\"path\":\"tags\",\"present_ppm\":500000,\"distinct_ppm\":50000,\"array\":true,\"array_mean_milli\":41000,\"value_bytes\":8}";
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    struct sb_index_advice plain, many;
    catalogue(&c, "", array);
    ask(w, &c, "shop.orders", "{\"status\":1}", &plain);
    ask(w, &c, "shop.orders", "{\"tags\":1}", &many);
    /* half of the documents have 41 elements, the others one entry for nothing: 21 on average */
    assert_in_range(many.card.impact.bytes, 20 * plain.card.impact.bytes, 21 * plain.card.impact.bytes); /* an entry for nothing holds nothing */
    assert_int_equal(many.card.impact.writes_per_s_milli, 21 * plain.card.impact.writes_per_s_milli);
    assert_int_equal(many.card.blast_radius.writes_per_s_milli, plain.card.blast_radius.writes_per_s_milli);
    assert_int_equal(many.card.blast_radius.est_duration_ms - 1000, 21 * (plain.card.blast_radius.est_duration_ms - 1000));
    assert_true(plain.card.blast_radius.est_duration_ms > 1000);
    assert_int_equal(plain.card.risk, SB_LOW);
    assert_int_equal(many.card.risk, SB_MEDIUM); /* 8.4 of 9 MB */
    sb_index_advice_release(&plain);
    sb_index_advice_release(&many);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

/* The limits of a new card do not come from the time in which an index that was taken back was there. */
static void a_baseline_leaves_out_an_index_that_was_taken_back(void **state)
{
    (void)state;
    static const struct {
        int64_t void_from, void_to, mean;
    } rows_[] = {{0, 0, 12000}, {-200000, -100000, 4000}, {-200000, -20000, 2000}, {-900000, -700000, 12000}};
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    struct sb_history *h = sb_history_new();
    /* 2 ms for long, 20 ms while the index was there, then 4 ms */
    for (int64_t at = NOW_MS - 600000; at < NOW_MS; at += 5000) {
        int64_t us = at < NOW_MS - 200000 ? 2000 : at < NOW_MS - 100000 ? 20000 : 4000;
        struct sb_ns_work work = {.reads = 100, .read_us = 100 * us, .covered_ms = 5000};
        sb_history_add(h, "shop.orders", at, at + 5000, &work);
        sb_history_observed(h, at, at + 5000);
    }
    catalogue(&c, "", fields);
    for (size_t i = 0; i < SB_COUNT(rows_); i++) {
        struct sb_index_advice a;
        struct sb_err err = SB_ERR_INIT;
        struct sb_index_question q = {.ns = "shop.orders", .from = NOW_MS - 200000, .to = NOW_MS + 5000, .workload = w, .history = h, .catalogue = &c, .key = "{\"status\":1}",
                                      .card_id = "C-000001", .case_id = "K-000001", .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice",
                                      .void_from = rows_[i].void_from ? NOW_MS + rows_[i].void_from : 0, .void_to = rows_[i].void_to ? NOW_MS + rows_[i].void_to : 0};
        sb_assert_ok(sb_index_advise(&q, &a, &err), err);
        int64_t mean = 0;
        for (size_t k = 0; k < a.card.watch.criteria_n; k++)
            if (sb_streq(a.card.watch.criteria[k].metric, "ns_read_latency_us"))
                mean = a.card.watch.criteria[k].baseline;
        if (mean < rows_[i].mean * 9 / 10 || mean > rows_[i].mean * 11 / 10)
            fail_msg("row %zu: %lld us", i, (long long)mean);
        sb_index_advice_release(&a);
    }
    sb_history_free(h);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

/* Each shard has a usual level of its own: the limit holds for the mean over both, and what comes out as predicted passes. */
static void the_limit_holds_for_all_shards(void **state)
{
    (void)state;
    static const struct {
        int64_t first, second; /* usual, us */
        bool sharded;
        int64_t limit;
    } rows_[] = {{247, 16500, true, 25050}, {16500, 247, true, 25050}, {247, 0, true, 6300}, {4000, 0, false, 6300}, {3000, 2000, false, 4800}};
    struct sb_workload *w = new_workload();
    struct sb_catalogue c;
    struct sb_history *h = sb_history_new();
    for (int64_t at = NOW_MS - 600000; at < NOW_MS; at += 5000) { /* 4 ms, and 40 in the anomaly */
        struct sb_ns_work work = {.reads = 100, .read_us = at < NOW_MS - 100000 ? 400000 : 4000000, .covered_ms = 5000};
        sb_history_add(h, "shop.orders", at, at + 5000, &work);
        sb_history_observed(h, at, at + 5000);
    }
    catalogue(&c, "", fields);
    for (size_t i = 0; i < SB_COUNT(rows_); i++) {
        char read[] = "ns.read_latency_us", ns[] = "shop.orders", other[] = "shop.carts";
        struct sb_signal signals[] = {{.metric = read, .subject = other, .baseline = 90000}, {.metric = read, .subject = ns, .baseline = rows_[i].first}, {.metric = read, .subject = ns, .baseline = rows_[i].second}};
        struct sb_anomaly anomaly = {.from = NOW_MS - 100000, .signals = signals, .signals_n = rows_[i].second ? 3 : 2};
        struct sb_index_advice a;
        struct sb_err err = SB_ERR_INIT;
        struct sb_index_question q = {.ns = ns, .from = NOW_MS - 90000, .to = NOW_MS + 5000, .workload = w, .history = h, .catalogue = &c, .key = "{\"status\":1}", .card_id = "C-000001",
                                      .case_id = "K-000001", .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .anomaly = &anomaly};
        c.sharded = rows_[i].sharded;
        sb_assert_ok(sb_index_advise(&q, &a, &err), err);
        int64_t limit = 0;
        for (size_t k = 0; k < a.card.watch.criteria_n; k++)
            if (sb_streq(a.card.watch.criteria[k].metric, "ns_read_latency_us"))
                limit = a.card.watch.criteria[k].limit;
        if (limit != rows_[i].limit)
            fail_msg("row %zu: %lld us", i, (long long)limit);
        sb_index_advice_release(&a);
    }
    c.sharded = false;
    sb_history_free(h);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{}", "{a:2}", "{a:0}", "{_id:1}", "{a:1,a:1}", "{'a.b':1,'a.b':-1}", "{a:'words'}", "{a:{b:1}}", "[1]", "{\"\":1}", "{a..b:1}", "{a:1", "{a:1}}{"};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        char *key = sb_index_key_read(bad[i], &err);
        if (key)
            fail_msg("%s was read as %s", bad[i], key);
        assert_true(err.msg[0]);
    }
    struct sb_err err = SB_ERR_INIT;
    char *key = sb_index_key_read("{\"loc\":\"2dsphere\", a.b : -1}", &err);
    assert_string_equal(key, "{ \"loc\" : \"2dsphere\", \"a.b\" : { \"$numberInt\" : \"-1\" } }");
    free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shape_gets_its_index_or_its_reason),
        cmocka_unit_test(the_card_says_what_it_does_and_how_it_is_judged),
        cmocka_unit_test(nothing_on_the_servers_own_collections),
        cmocka_unit_test(an_index_asked_for_is_proposed_unless_it_is_there),
        cmocka_unit_test(an_edited_key_is_judged_by_the_same_shapes),
        cmocka_unit_test(edited_options_are_judged_by_the_same_shapes),
        cmocka_unit_test(an_array_costs_an_entry_for_each_element),
        cmocka_unit_test(a_baseline_leaves_out_an_index_that_was_taken_back),
        cmocka_unit_test(the_limit_holds_for_all_shards),
        cmocka_unit_test(keys_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
