/* SPDX-License-Identifier: Apache-2.0
 *
 * Planted traps for the review of a live collection: what exists, what the sample says, what was logged, and the one right set. */
#include "test.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/formats/profile.h>
#include <signalbox/formats/querystats.h>

#include <stdio.h>
#include <string.h>

#define NOW "2026-11-23T09:05:10.707Z"
#define NOW_MS INT64_C(1795424710707)
#define DOCUMENTS 20000

struct told {
    const char *command, *more, *plan; /* plan NULL: COLLSCAN */
    int docs, used;
};

struct trap {
    const char *what;
    const char *indexes; /* beside _id: ,{"name":..}; key, spec and fields are made of "key" */
    struct told op[4];
    const char *keys;    /* of all cards, sorted */
    const char *says;    /* stands in some finding, evidence or rejected key; NULL: nothing to say */
    int writes;          /* a minute, as the servers counted them */
};

/* i: 20000 values, c: 400, k: 20, f: 2; t: times; tags, refs: arrays; n: numbers that a projection asks for */
static const char facts[] = "{\"path\":\"i\",\"present_ppm\":1000000,\"distinct_ppm\":1000000,\"value_bytes\":8},{\"path\":\"c\",\"present_ppm\":1000000,\"distinct_ppm\":570000,\"value_bytes\":8},"
                            "{\"path\":\"k\",\"present_ppm\":1000000,\"distinct_ppm\":40000,\"value_bytes\":8},{\"path\":\"f\",\"present_ppm\":1000000,\"distinct_ppm\":4000,\"value_bytes\":1},"
                            "{\"path\":\"t\",\"present_ppm\":1000000,\"distinct_ppm\":1000000,\"value_bytes\":8},{\"path\":\"n\",\"present_ppm\":1000000,\"distinct_ppm\":900000,\"value_bytes\":8},"
                            "{\"path\":\"tags\",\"present_ppm\":1000000,\"distinct_ppm\":40000,\"array\":true,\"array_mean_milli\":3000,\"value_bytes\":8},"
                            "{\"path\":\"refs\",\"present_ppm\":1000000,\"distinct_ppm\":90000,\"array\":true,\"array_mean_milli\":3000,\"value_bytes\":8}";

#define F(filter) "{\"find\":\"c\",\"filter\":" filter ",\"$db\":\"s\"}"
#define FS(filter, sort, rest) "{\"find\":\"c\",\"filter\":" filter ",\"sort\":" sort rest ",\"$db\":\"s\"}"
#define FP(filter, projection) "{\"find\":\"c\",\"filter\":" filter ",\"projection\":" projection ",\"$db\":\"s\"}"
#define FH(filter, hint) "{\"find\":\"c\",\"filter\":" filter ",\"hint\":" hint ",\"$db\":\"s\"}"
#define FC(filter, collation) "{\"find\":\"c\",\"filter\":" filter ",\"collation\":" collation ",\"$db\":\"s\"}"
#define SORTS "\"hasSortStage\":true,"
#define IX(name, key, rest) ",{\"v\":2,\"key\":" key ",\"name\":\"" name "\"" rest "}"

static const struct trap traps[] = {
    {"one equality", "", {{F("{\"c\":1}"), "", 0, 20000, 50}}, "{c: 1}", NULL, 0},
    {"equality, sort, range", "", {{FS("{\"t\":{\"$gt\":1},\"c\":1}", "{\"i\":-1}", ""), SORTS, 0, 20000, 5}}, "{c: 1, i: -1, t: 1}", NULL, 0},
    {"more values lead", "", {{F("{\"k\":1,\"c\":1}"), "", 0, 20000, 3}}, "{c: 1, k: 1}", NULL, 0},
    {"a prefix needs none of its own", "", {{F("{\"k\":1}"), "", 0, 20000, 1000}, {F("{\"k\":1,\"c\":1}"), "", 0, 20000, 3}}, "{k: 1, c: 1}", "served by k_1_c_1", 0},
    {"what exists serves it", IX("x", "{\"c\":1}", ""), {{F("{\"c\":1}"), "", "IXSCAN { c: 1 }", 50, 50}}, "", "already serve", 0},
    {"what begins the new one is not needed beside it", IX("x", "{\"k\":1}", ""), {{F("{\"k\":1,\"c\":1}"), "", "IXSCAN { k: 1 }", 1000, 3}}, "{k: 1, c: 1}", "x begins this index's key", 0},
    {"a unique one that begins it stays", IX("x", "{\"k\":1}", ",\"unique\":true"), {{F("{\"k\":{\"$gt\":1},\"c\":1}"), "", "IXSCAN { k: 1 }", 1000, 3}}, "{c: 1, k: 1}", NULL, 0},
    {"the same fields in another order, and the mix has changed", IX("x", "{\"c\":1,\"k\":1}", ""), {{F("{\"c\":1,\"k\":1}"), "", "IXSCAN { c: 1, k: 1 }", 3, 3}, {F("{\"k\":1}"), "", 0, 20000, 1000}}, "{k: 1, c: 1}", "x holds the same fields in another order", 0},
    {"but not when its first field is still asked for", IX("x", "{\"c\":1,\"k\":1}", ""), {{F("{\"c\":1}"), "", "IXSCAN { c: 1, k: 1 }", 50, 50}, {F("{\"k\":1}"), "", 0, 20000, 1000}}, "{k: 1}", NULL, 0},
    {"nor when an operation names one", IX("x", "{\"c\":1,\"k\":1}", ""), {{FH("{\"c\":1,\"k\":1}", "\"x\""), "", "IXSCAN { c: 1, k: 1 }", 3, 3}, {F("{\"k\":1}"), "", 0, 20000, 1000}}, "{k: 1}", "hint", 0},
    {"an index alone answers it", "", {{FP("{\"c\":1}", "{\"n\":1,\"_id\":0}"), "", 0, 20000, 500}}, "{c: 1, n: 1}", "without the documents", 0},
    {"not where _id comes back", "", {{FP("{\"c\":1}", "{\"n\":1}"), "", 0, 20000, 500}}, "{c: 1}", NULL, 0},
    {"not with an array", "", {{FP("{\"c\":1}", "{\"tags\":1,\"_id\":0}"), "", 0, 20000, 500}}, "{c: 1}", NULL, 0},
    {"not for a few documents", "", {{FP("{\"c\":1}", "{\"n\":1,\"_id\":0}"), "", 0, 20000, 5}}, "{c: 1}", NULL, 0},
    {"a hidden one is to be unhidden", IX("x", "{\"c\":1}", ",\"hidden\":true"), {{F("{\"c\":1}"), "", 0, 20000, 50}}, "", "unhide it", 0},
    {"a TTL index serves", IX("x", "{\"t\":1}", ",\"expireAfterSeconds\":3600"), {{F("{\"t\":{\"$gt\":1}}"), "", 0, 20000, 50}}, "", "already serves", 0},
    {"a unique one finds one", IX("x", "{\"i\":1}", ",\"unique\":true"), {{F("{\"i\":1,\"n\":1}"), "", 0, 20000, 0}}, "", "already serves", 0},
    {"a partial one does not serve who asks for all", IX("x", "{\"c\":1}", ",\"partialFilterExpression\":{\"f\":true}"), {{F("{\"c\":1}"), "", 0, 20000, 50}}, "{c: 1}", NULL, 0},
    {"a sparse one does not sort all", IX("x", "{\"t\":1}", ",\"sparse\":true"), {{FS("{}", "{\"t\":1}", ",\"limit\":10"), SORTS, 0, 20000, 10}}, "{t: 1}", NULL, 0},
    {"a hashed one serves equality", IX("x", "{\"c\":\"hashed\"}", ""), {{F("{\"c\":1}"), "", 0, 20000, 50}}, "", "already serves", 0},
    {"and no range", IX("x", "{\"t\":\"hashed\"}", ""), {{F("{\"t\":{\"$lt\":1}}"), "", 0, 20000, 50}}, "{t: 1}", NULL, 0},
    {"a wildcard one serves one field", IX("x", "{\"$**\":1}", ""), {{F("{\"c\":1}"), "", 0, 20000, 50}}, "", "already serves", 0},
    {"a text index is for text", IX("x", "{\"_fts\":\"text\",\"_ftsx\":1}", ",\"weights\":{\"c\":1}"), {{F("{\"c\":1}"), "", 0, 20000, 50}}, "{c: 1}", NULL, 0},
    {"$text asks for one", "", {{F("{\"$text\":{\"$search\":\"x\"}}"), "", 0, 20000, 5}}, "", "text index", 0},
    {"another collation is another index", "", {{FC("{\"c\":1}", "{\"locale\":\"en\",\"strength\":2}"), "", 0, 20000, 50}}, "{c: 1}", NULL, 0},
    {"with the index's key beside it, by hand", IX("x", "{\"c\":1}", ""), {{FC("{\"c\":1}", "{\"locale\":\"en\",\"strength\":2}"), "", 0, 20000, 50}}, "", "not its collation", 0},
    {"a hint stands", "", {{FH("{\"c\":1}", "{\"_id\":1}"), "", "IXSCAN { _id: 1 }", 20000, 50}}, "", "hint", 0},
    {"two arrays share no index", "", {{F("{\"tags\":1,\"refs\":1}"), "", 0, 20000, 5}}, "{refs: 1}", NULL, 0},
    {"an array beside a single value can", "", {{F("{\"tags\":1,\"c\":1}"), "", 0, 20000, 5}}, "{c: 1, tags: 1}", NULL, 0},
    {"two values lead to half of the collection", "", {{F("{\"f\":true,\"n\":{\"$regex\":\"x\"}}"), "", 0, 20000, 5}}, "", "too few values", 0},
    {"most of it comes back", "", {{F("{\"f\":true}"), "", 0, 20000, 12000}}, "", "would not read less", 0},
    {"case is ignored", "", {{F("{\"n\":{\"$regex\":\"^ab\",\"$options\":\"i\"}}"), "", 0, 20000, 5}}, "", "fixed beginning", 0},
    {"$ne and $nin", "", {{F("{\"c\":{\"$ne\":1}}"), "", 0, 20000, 5}, {F("{\"k\":{\"$nin\":[1,2]}}"), "", 0, 20000, 5}}, "", "negation", 0},
    {"writes cost more", "", {{F("{\"c\":1}"), "", 0, 2000, 50}}, "", "writes cost more", 900000},
    {"and no more than they are", "", {{F("{\"c\":1}"), "", 0, 20000, 50}}, "{c: 1}", NULL, 900},
    {"mixed directions are two indexes", "", {{FS("{\"k\":1}", "{\"t\":1,\"i\":-1}", ",\"limit\":9"), SORTS, 0, 20000, 9}, {FS("{\"k\":1}", "{\"t\":1,\"i\":1}", ",\"limit\":9"), SORTS, 0, 20000, 9}}, "{k: 1, t: 1, i: -1} {k: 1, t: 1, i: 1}", NULL, 0},
    {"turned round they are one", "", {{FS("{\"k\":1}", "{\"t\":1,\"i\":-1}", ",\"limit\":9"), SORTS, 0, 20000, 9}, {FS("{\"k\":1}", "{\"t\":-1,\"i\":1}", ",\"limit\":9"), SORTS, 0, 20000, 9}}, "{k: 1, t: 1, i: -1}", NULL, 0},
    {"a value that leads to one document needs one index", "", {{F("{\"i\":1,\"c\":1}"), "", 0, 20000, 1}, {F("{\"i\":1,\"k\":1}"), "", 0, 20000, 1}, {F("{\"i\":1}"), "", 0, 20000, 1}}, "{i: 1, c: 1}", "finds as few", 0},
    {"one that leads to many needs each", "", {{F("{\"k\":1,\"c\":1}"), "", 0, 20000, 3}, {F("{\"k\":1,\"n\":1}"), "", 0, 20000, 1}}, "{c: 1, k: 1} {n: 1, k: 1}", NULL, 0},
    {"a small sort needs none of its own", "", {{FS("{\"c\":1}", "{\"t\":1}", ""), SORTS, 0, 20000, 50}, {FS("{\"c\":1}", "{\"n\":1,\"i\":1}", ""), SORTS, 0, 20000, 50}}, "{c: 1, t: 1}", "finds as few", 0},
    {"a limited one does", "", {{FS("{\"k\":1}", "{\"t\":1}", ",\"limit\":9"), SORTS, 0, 20000, 9}, {FS("{\"k\":1}", "{\"n\":1,\"i\":1}", ",\"limit\":9"), SORTS, 0, 20000, 9}}, "{k: 1, n: 1, i: 1} {k: 1, t: 1}", NULL, 0},
    {"each arm of an $or", "", {{F("{\"$or\":[{\"c\":1},{\"i\":1}]}"), "", 0, 20000, 51}}, "{c: 1} {i: 1}", "one arm", 0},
    {"an arm that no index narrows", "", {{F("{\"$or\":[{\"c\":1},{\"i\":{\"$ne\":1}}]}"), "", 0, 20000, 51}}, "", "every arm of its $or", 0},
    {"_id finds one", "", {{F("{\"_id\":1,\"k\":1}"), "", 0, 20000, 0}}, "", "_id_", 0},
    {"a view", "", {{F("{\"c\":1}"), "\"resolvedViews\":[{\"viewNamespace\":\"s.v\"}],", 0, 20000, 50}}, "", "a view", 0},
    {"a time-series collection", "", {{F("{\"c\":1}"), "\"collectionType\":\"timeseries\",", 0, 20000, 50}}, "", "time-series", 0},
    {"an update's and a delete's filter", "", {{"{\"findAndModify\":\"c\",\"query\":{\"c\":1},\"remove\":true,\"$db\":\"s\"}", "\"ndeleted\":1,", 0, 20000, 1}}, "{c: 1}", NULL, 0},
    {"names that no key may hold", "", {{F("{\"$bad\":1}"), "", 0, 20000, 3}, {F("{\"a..b\":1}"), "", 0, 20000, 3}, {F("{\"\":1}"), "", 0, 20000, 3}}, "", "no equality, sort or range", 0},
};

static struct sb_workload *workload_of(const struct trap *t)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    struct sb_workload *w = sb_workload_new(&o, &err);
    assert_non_null(w);
    for (size_t i = 0; i < SB_COUNT(t->op) && t->op[i].command; i++) {
        const struct told *o_ = &t->op[i];
        char *text = sb_format("{\"t\":{\"$date\":\"" NOW "\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"s.c\","
                               "\"command\":%s,\"planSummary\":\"%s\",%s\"docsExamined\":%d,\"nreturned\":%d,\"durationMillis\":150}}",
                               o_->command, o_->plan ? o_->plan : "COLLSCAN", o_->more, o_->docs, o_->used);
        struct sb_mongolog reader;
        struct sb_log_line l;
        struct sb_slow_op op;
        sb_mongolog_init(&reader);
        assert_int_equal(sb_mongolog_line(&reader, text, strlen(text), &l, &op), SB_LOG_GOOD);
        for (int k = 0; k < 20; k++)
            sb_assert_ok(sb_workload_add(w, &op, &err), err);
        sb_mongolog_release(&reader);
        free(text);
    }
    return w;
}

/* The catalogue as it is read, from specifications as listIndexes gives them. */
static void catalogue_of(struct sb_catalogue *c, const char *indexes)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = sb_format("{\"ns\":\"s.c\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"documents\":%d,\"bytes\":9000000,\"average_bytes\":450,\"knows_builds\":true,\"knows_index_stats\":true,"
                           "\"members\":3,\"members_answered\":3,\"sampled\":500,\"indexes\":[],\"fields\":[%s]}", DOCUMENTS, facts);
    json_t *json = sb_json_parse(text, strlen(text), "catalogue", SB_JSON_STRICT, &err);
    if (!json)
        fail_msg("%s", err.msg);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, c, json, &err), err);
    json_decref(json);
    free(text);
    char *list = sb_format("{\"l\":[{\"v\":2,\"key\":{\"_id\":1},\"name\":\"_id_\"}%s]}", indexes);
    bson_t *doc = bson_new_from_json((const uint8_t *)list, -1, NULL);
    bson_iter_t it, each;
    assert_true(doc && bson_iter_init_find(&it, doc, "l") && bson_iter_recurse(&it, &each));
    while (bson_iter_next(&each)) {
        const uint8_t *p;
        uint32_t n;
        bson_t spec;
        bson_iter_document(&each, &n, &p);
        struct sb_index_info *x = SB_PUSH(c->indexes);
        assert_true(x && bson_init_static(&spec, p, n) && sb_index_info_take(x, &spec) == 0);
    }
    bson_destroy(doc);
    free(list);
}

static void review(const struct trap *t, struct sb_index_review *out)
{
    struct sb_workload *w = workload_of(t);
    struct sb_catalogue c;
    struct sb_history *h = sb_history_new();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ns_work work = {.reads = 600, .read_us = 600 * 15000, .writes = t->writes, .write_us = t->writes * 200LL, .covered_ms = 60000};
    catalogue_of(&c, t->indexes);
    assert_non_null(h);
    assert_int_equal(sb_history_add(h, "s.c", NOW_MS - 60000, NOW_MS, &work), 0);
    sb_history_observed(h, NOW_MS - 60000, NOW_MS);
    struct sb_index_question q = {.ns = "s.c", .from = NOW_MS - 60000, .to = NOW_MS + 1000, .workload = w, .history = h, .catalogue = &c, .replicated = true, .card_id = "C-000001", .case_id = "K-000001",
                                  .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .now = NOW_MS};
    sb_assert_ok(sb_index_review(&q, out, &err), err);
    sb_history_free(h);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

static char *keys_of(const struct sb_index_review *r)
{
    char *keys[16];
    struct sb_str s;
    for (size_t i = 0; i < r->cards_n; i++) {
        size_t at = i;
        char *shown = sb_index_key_shown(r->cards[i].index_key);
        assert_true(shown && i < SB_COUNT(keys));
        for (; at > 0 && strcmp(shown, keys[at - 1]) < 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = shown;
    }
    sb_str_init(&s);
    sb_str_adds(&s, "");
    for (size_t i = 0; i < r->cards_n; i++) {
        sb_str_addf(&s, "%s%s", i ? " " : "", keys[i]);
        free(keys[i]);
    }
    return s.len ? sb_str_take(&s) : sb_format("%s", "");
}

static bool said(const struct sb_index_review *r, const char *what)
{
    bool is = strstr(r->summary, what) != NULL;
    for (size_t i = 0; i < r->findings_n; i++)
        is = is || strstr(r->findings[i].text, what) || strstr(r->findings[i].subject, what);
    for (size_t i = 0; i < r->cards_n; i++)
        for (size_t k = 0; k < r->cards[i].evidence_n; k++)
            is = is || strstr(r->cards[i].evidence[k].value, what);
    return is;
}

static void each_trap(void **state)
{
    (void)state;
    size_t right = 0;
    for (size_t i = 0; i < SB_COUNT(traps); i++) {
        struct sb_index_review r;
        review(&traps[i], &r);
        char *got = keys_of(&r);
        bool ok = strcmp(got, traps[i].keys) == 0 && (!traps[i].says || said(&r, traps[i].says));
        for (size_t k = 0; k < r.findings_n; k++)
            ok = ok && r.findings[k].text[0];
        if (!ok) {
            print_error("%s: proposed \"%s\", wanted \"%s\" and the words \"%s\"\n", traps[i].what, got, traps[i].keys, traps[i].says ? traps[i].says : "");
            for (size_t k = 0; k < r.findings_n; k++)
                print_error("    %s: %s\n", r.findings[k].subject, r.findings[k].text);
        }
        right += ok;
        free(got);
        sb_index_review_release(&r);
    }
    print_message("planted traps, live: %zu of %zu\n", right, SB_COUNT(traps));
    assert_int_equal(right, SB_COUNT(traps));
}

/* Cards in order of gain; each says what else was thought of; each shape that is served says by which. */
static void cards_stand_in_order_and_say_what_else_there_was(void **state)
{
    (void)state;
    static const struct trap t = {"", "", {{F("{\"c\":1}"), "", 0, 20000, 50}, {F("{\"n\":{\"$gt\":1},\"k\":1}"), "", 0, 20000, 5}, {F("{\"c\":1,\"k\":1}"), "", 0, 20000, 3}, {F("{\"f\":true}"), "", 0, 20000, 12000}}, "", NULL, 0};
    struct sb_index_review r;
    review(&t, &r);
    assert_int_equal(r.cards_n, 2);
    assert_string_equal(r.cards[0].index_name, "c_1_k_1"); /* two shapes */
    assert_string_equal(r.cards[1].index_name, "k_1_n_1");
    assert_int_equal(r.cards[0].shapes_n, 2);
    assert_int_equal(r.findings_n, 4);
    bool half = false;
    for (size_t i = 0; i < r.cards[0].rejected_n; i++)
        half = half || (strcmp(r.cards[0].rejected[i].key, "{f: 1}") == 0 && strstr(r.cards[0].rejected[i].reason, "would not read less"));
    assert_true(half);
    assert_true(said(&r, "served by c_1_k_1, which is proposed here"));
    sb_index_review_release(&r);
}

/* ---- bad input ---- */

static void told_by_profile(struct sb_workload *w, const bson_t *command)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_slow_op op;
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&doc, "op", "query");
    BSON_APPEND_UTF8(&doc, "ns", "s.c");
    BSON_APPEND_DOCUMENT(&doc, "command", command);
    BSON_APPEND_UTF8(&doc, "planSummary", "COLLSCAN");
    BSON_APPEND_INT32(&doc, "docsExamined", 20000);
    BSON_APPEND_INT32(&doc, "nreturned", 3);
    BSON_APPEND_INT32(&doc, "millis", 200);
    BSON_APPEND_DATE_TIME(&doc, "ts", NOW_MS);
    assert_true(sb_profile_bson(&doc, &op));
    for (int i = 0; i < 20; i++)
        sb_assert_ok(sb_workload_add(w, &op, &err), err);
    bson_destroy(&doc);
}

static void find_by(struct sb_workload *w, const bson_t *filter)
{
    bson_t command = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&command, "find", "c");
    BSON_APPEND_DOCUMENT(&command, "filter", filter);
    told_by_profile(w, &command);
    bson_destroy(&command);
}

static void find_by_name(struct sb_workload *w, const char *name, int n)
{
    bson_t filter = BSON_INITIALIZER;
    bson_append_int32(&filter, name, n, 1);
    find_by(w, &filter);
    bson_destroy(&filter);
}

/* 200 fields, 60 levels, names that no key may hold, a cut command: a reason for each, and no index. */
static void hostile_shapes(struct sb_workload *w)
{
    static char longest[10241];
    bson_t many = BSON_INITIALIZER, *deep = BCON_NEW("0", BCON_INT32(1));
    memset(longest, 'x', sizeof longest - 1);
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        BSON_APPEND_INT32(&many, name, i);
    }
    find_by(w, &many);
    for (int i = 0; i < 60; i++) {
        bson_t *outer = BCON_NEW("$nor", "[", BCON_DOCUMENT(deep), "]");
        bson_destroy(deep);
        deep = outer;
    }
    find_by(w, deep);
    bson_destroy(deep);
    bson_destroy(&many);
    find_by_name(w, longest, -1);
    find_by_name(w, "", 0);
    find_by_name(w, "$a", -1);
    find_by_name(w, "a..b", -1);
    find_by_name(w, "a\x9a", -1);
    bson_t *cut = BCON_NEW("$truncated", BCON_UTF8("{ find: \"c\", filter: { a: 1"));
    told_by_profile(w, cut);
    bson_destroy(cut);
}

static void ask(struct sb_workload *w, struct sb_catalogue *c, struct sb_index_review *r)
{
    struct sb_history *h = sb_history_new();
    struct sb_err err = SB_ERR_INIT;
    assert_non_null(h);
    struct sb_index_question q = {.ns = c->ns, .from = NOW_MS - 60000, .to = NOW_MS + 1000, .workload = w, .history = h, .catalogue = c, .replicated = true, .card_id = "C-000001", .case_id = "K-000001",
                                  .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .now = NOW_MS};
    sb_assert_ok(sb_index_review(&q, r, &err), err);
    sb_history_free(h);
}

/* A value of each type that BSON has, also a document and arrays in arrays, is compared for equality: it is one shape, and what is in it no field of an index. */
static void every_type_is_one_shape(struct sb_workload *w, struct sb_catalogue *c)
{
    static const char *const values[] = {"{\"$numberDouble\":\"NaN\"}", "\"x\\u0000y\"", "{\"x\":{\"y\":[]}}", "[[1,[2,[3]]],[]]", "{\"$binary\":{\"base64\":\"AA==\",\"subType\":\"80\"}}", "{\"$undefined\":true}",
                                         "{\"$oid\":\"0123456789abcdef01234567\"}", "true", "{\"$date\":{\"$numberLong\":\"-9223372036854775808\"}}", "null", "{\"$dbPointer\":{\"$ref\":\"a.b\",\"$id\":{\"$oid\":\"0123456789abcdef01234567\"}}}",
                                         "{\"$code\":\"x\"}", "{\"$symbol\":\"x\"}", "{\"$code\":\"x\",\"$scope\":{\"a\":1}}", "{\"$numberInt\":\"7\"}", "{\"$timestamp\":{\"t\":1,\"i\":2}}", "{\"$numberLong\":\"7\"}",
                                         "{\"$numberDecimal\":\"-Infinity\"}", "{\"$minKey\":1}", "{\"$maxKey\":1}"};
    struct sb_index_review r;
    size_t before = sb_workload_size(w);
    for (size_t i = 0; i < SB_COUNT(values); i++) {
        char *text = sb_format("{\"find\":\"c\",\"filter\":{\"typed\":%s}}", values[i]);
        bson_error_t e;
        bson_t *command = bson_new_from_json((const uint8_t *)text, -1, &e);
        if (!command)
            fail_msg("%s: %s", text, e.message);
        told_by_profile(w, command);
        bson_destroy(command);
        free(text);
    }
    assert_true(sb_workload_size(w) <= before + 2); /* null is a question of its own: no sparse index answers it */
    ask(w, c, &r);
    for (size_t i = 0; i < r.cards_n; i++)
        assert_null(strstr(r.cards[i].index_key, "\"x\""));
    sb_index_review_release(&r);
}

static void bad_input_leads_to_a_reason_and_no_index(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    struct sb_workload *w = sb_workload_new(&o, &err);
    struct sb_catalogue c;
    struct sb_index_review r;
    assert_non_null(w);
    hostile_shapes(w);
    catalogue_of(&c, "");
    ask(w, &c, &r);
    for (size_t i = 0; i < r.cards_n; i++)
        print_error("proposed: %s\n", r.cards[i].index_key);
    assert_int_equal(r.cards_n, 0);
    assert_int_equal(r.findings_n, sb_workload_size(w));
    for (size_t i = 0; i < r.findings_n; i++)
        assert_true(strlen(r.findings[i].text) > 10);
    sb_index_review_release(&r);

    /* every type of value is one equality */
    bson_t *all = BCON_NEW("c", BCON_DOUBLE(1), "k", "{", "x", BCON_INT32(1), "}", "i", BCON_BOOL(true), "t", BCON_DATE_TIME(1), "n", BCON_NULL);
    find_by(w, all);
    bson_destroy(all);
    ask(w, &c, &r);
    assert_int_equal(r.cards_n, 1);
    sb_index_review_release(&r);

    every_type_is_one_shape(w, &c);

    /* it has vanished; it is no collection; it is the server's own */
    static const struct {
        const char *ns, *type, *says;
        bool exists;
    } other[] = {{"s.c", "collection", "there is no such collection", false}, {"s.c", "view", "a view or a time-series", true}, {"s.c", "timeseries", "a view or a time-series", true},
                 {"local.oplog.rs", "collection", "own databases", true}, {"admin.c", "collection", "own databases", true}, {"config.c", "collection", "own databases", true},
                 {"s.system.buckets.c", "collection", "system collection", true}, {"s", "collection", "write database.collection", true}, {"s.\x9a", "collection", "no text", true}};
    for (size_t i = 0; i < SB_COUNT(other); i++) {
        c.exists = other[i].exists;
        assert_int_equal(sb_str_set(&c.ns, other[i].ns) || sb_str_set(&c.type, other[i].type), 0);
        ask(w, &c, &r);
        assert_int_equal(r.cards_n, 0);
        if (!strstr(r.summary, other[i].says))
            fail_msg("%s: %s", other[i].ns, r.summary);
        sb_index_review_release(&r);
    }
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

/* ---- what only the servers have counted ---- */

/* So many executions of {find: "c", filter: {NAME: 1}} in the span that ends at `last`; what each examined, returned and took. */
static void counted(struct sb_workload *w, const char *name, int64_t executions, int64_t span_ms, int64_t last, int64_t examined, int64_t returned, int64_t us)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_query_stat q;
    char *text = sb_format("{\"key\":{\"queryShape\":{\"cmdNs\":{\"db\":\"s\",\"coll\":\"c\"},\"command\":\"find\",\"filter\":{\"%s\":{\"$eq\":\"?number\"}}},\"collectionType\":\"collection\"},\"metrics\":{\"execCount\":%" PRId64
                           ",\"totalExecMicros\":{\"sum\":%" PRId64 "},\"docsReturned\":{\"sum\":%" PRId64 "},\"docsExamined\":{\"sum\":%" PRId64 "},\"firstSeenTimestamp\":{\"$date\":{\"$numberLong\":\"%" PRId64
                           "\"}},\"latestSeenTimestamp\":{\"$date\":{\"$numberLong\":\"%" PRId64 "\"}}}}", name, executions, executions * us, executions * returned, executions * examined, last - span_ms, last);
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, NULL);
    assert_true(doc && sb_query_stat_read(doc, &q));
    sb_assert_ok(sb_workload_add_sum(w, &q.op, (uint64_t)q.executions, q.first_ms, &err), err);
    sb_query_stat_release(&q);
    bson_destroy(doc);
    free(text);
}

/* It is proposed as from a profile, beside what a log has; or has its reason. What it says is its share of the window. */
static void what_was_counted_is_proposed_like_what_was_logged(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    struct sb_workload *w = sb_workload_new(&o, &err), *sums = sb_workload_new(NULL, &err);
    struct sb_catalogue c;
    struct sb_index_review r;
    assert_true(w && sums);
    catalogue_of(&c, ",{\"v\":2,\"key\":{\"served\":1},\"name\":\"served_1\"}");
    find_by_name(w, "logged", -1);
    counted(sums, "logged", 5000, 3600000, NOW_MS, 20000, 3, 9000);       /* the log has it: it counts once */
    counted(sums, "quick", 36000, 3600000, NOW_MS, 20000, 3, 9000);       /* ten a second, for an hour */
    counted(sums, "young", 300, 30000, NOW_MS, 20000, 3, 9000);           /* the same for half a minute */
    counted(sums, "long_ago", 36000, 3600000, NOW_MS - 70000, 20000, 3, 9000);
    counted(sums, "served", 36000, 3600000, NOW_MS, 20000, 3, 9000);
    counted(sums, "returned", 36000, 3600000, NOW_MS, 20000, 9000, 9000); /* half of what it reads */
    counted(sums, "small", 36000, 3600000, NOW_MS, 300, 3, 300);
    struct sb_history *h = sb_history_new();
    assert_non_null(h);
    struct sb_index_question q = {.ns = "s.c", .from = NOW_MS - 60000, .to = NOW_MS, .workload = w, .counted = sums, .history = h, .catalogue = &c, .replicated = true, .card_id = "C-000001", .case_id = "K-000001",
                                  .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .now = NOW_MS};
    sb_assert_ok(sb_index_review(&q, &r, &err), err);
    char *keys = keys_of(&r);
    assert_string_equal(keys, "{logged: 1} {quick: 1} {young: 1}");
    assert_int_equal(r.findings_n, 7);
    static const char *const reasons[][2] = {{"long_ago", "not seen in the evidence window"}, {"served", "served_1 already serves it"}, {"returned", "an index would not read less"}, {"small", "nothing to win"}};
    for (size_t i = 0; i < SB_COUNT(reasons); i++) {
        bool found = false;
        for (size_t k = 0; k < r.findings_n; k++)
            found = found || (strstr(r.findings[k].subject, reasons[i][0]) && strstr(r.findings[k].subject, "counted by the servers: ") && strstr(r.findings[k].text, reasons[i][1]));
        if (!found)
            fail_msg("%s: \"%s\" is not said", reasons[i][0], reasons[i][1]);
    }
    for (size_t i = 0; i < r.cards_n; i++) {
        const struct sb_card *card = &r.cards[i];
        bool counts = strstr(card->index_key, "logged") == NULL, young = strstr(card->index_key, "young") != NULL;
        assert_true((strstr(card->why, "counted by the servers") != NULL) == counts);
        if (!counts)
            continue;
        assert_int_equal(card->impact.time_ms, young ? 2700 : 5400);        /* 300, or 600 of a minute, 9 ms each */
        assert_int_equal(card->impact.docs_saved, 10 * (20000 - 3) * 1000); /* a second, in thousandths */
        assert_int_equal(card->confidence_ppm, 700000);
        for (size_t k = 0; k < card->watch.criteria_n; k++) {
            assert_true(!sb_starts_with(card->watch.criteria[k].metric, "shape_") || strstr(card->watch.criteria[k].label, "logged"));
            if (strcmp(card->watch.criteria[k].metric, "index_uses") == 0)
                assert_int_equal(card->watch.criteria[k].limit, (young ? 300 : 600) * card->watch.window_s / 60 / 3);
        }
    }
    free(keys);
    sb_index_review_release(&r);
    sb_history_free(h);
    sb_catalogue_release(&c);
    sb_workload_free(sums);
    sb_workload_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_counted_is_proposed_like_what_was_logged),
        cmocka_unit_test(each_trap),
        cmocka_unit_test(cards_stand_in_order_and_say_what_else_there_was),
        cmocka_unit_test(bad_input_leads_to_a_reason_and_no_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
