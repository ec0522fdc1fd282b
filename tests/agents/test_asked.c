/* SPDX-License-Identifier: Apache-2.0
 *
 * The index that a request writes out: its key and its options, word by word; and what a build of it would fail on. */
#include "test.h"

#include <signalbox/agents/index_asked.h>
#include <signalbox/agents/index_optimizer.h>
#include <signalbox/base/json.h>

#include <string.h>

struct row {
    const char *request, *key, *options; /* NULL: none */
    const char *wrong;                   /* a part of the reason why it cannot be read */
};

static const struct row rows[] = {
    {"create an index on shop.orders {customer_id: 1, created_at: -1}", "{customer_id: 1, created_at: -1}", NULL, NULL},
    {"create a unique index on crm.users {email: 1}", "{email: 1}", "{\"unique\":true}", NULL},
    {"please create the following index: crm.users {email: 1} unique", "{email: 1}", "{\"unique\":true}", NULL},
    {"add a sparse unique index on crm.users {externalId: 1}", "{externalId: 1}", "{\"unique\":true,\"sparse\":true}", NULL},
    {"make email unique", NULL, "{\"unique\":true}", NULL},
    {"enforce uniqueness of email with an index", NULL, "{\"unique\":true}", NULL},
    {"a hidden index on shop.orders {status: 1}", "{status: 1}", "{\"hidden\":true}", NULL},
    /* what is denied, quoted, a name or a part of one says nothing */
    {"an index on a.b {c: 1}, not unique", "{c: 1}", NULL, NULL},
    {"a non-unique index on a.b {c: 1}", "{c: 1}", NULL, NULL},
    {"an index on a.b {c: 1} which isn't unique", "{c: 1}", NULL, NULL},
    {"an index on a.b {unique: 1}", "{unique: 1}", NULL, NULL},
    {"an index named unique on a.b {c: 1}", "{c: 1}", NULL, NULL},
    {"an index on a.b {c: 1} named email_unique", "{c: 1}", NULL, NULL},
    {"an index on a.unique {c: 1}", "{c: 1}", NULL, NULL},
    {"the ticket says \"make it unique\": an index on a.b {c: 1}", "{c: 1}", NULL, NULL},
    /* expiry */
    {"create a TTL index on web.sessions {at: 1} of 30 days", "{at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"2592000\"}}", NULL},
    {"a 30 day ttl on web.sessions {at: 1}", "{at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"2592000\"}}", NULL},
    {"index web.sessions {at: 1}, documents expire after an hour", "{at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"3600\"}}", NULL},
    {"create a ttl index on web.sessions {at: 1}, expire after -5 seconds", NULL, NULL, "not before it"},
    {"index web.sessions {at: 1}, documents expire after minus 5 days", NULL, NULL, "not before it"},
    {"a -30 day ttl on web.sessions {at: 1}", NULL, NULL, "not before it"},
    {"index web.sessions {at: 1}, documents expire after-30 days", "{at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"2592000\"}}", NULL},
    {"index web.sessions {at: 1} expireAfterSeconds: 3600", "{at: 1}", "{\"expireAfterSeconds\":{\"$numberInt\":\"3600\"}}", NULL},
    {"a ttl index on web.sessions {at: 1}", NULL, NULL, "not said after how long"},
    {"a ttl index on web.sessions {at: 1} of 9000 years", NULL, NULL, "at most 2147483647"},
    {"a ttl index on web.sessions {at: 1} of 999999999999 years", NULL, NULL, "at most 2147483647"},
    /* filters */
    {"a partial index on shop.orders {at: 1} where {status: 'open'}", "{at: 1}", "{\"partialFilterExpression\":{\"status\":\"open\"}}", NULL},
    {"index shop.orders {at: 1} where {total: {$gt: 5}}", "{at: 1}", "{\"partialFilterExpression\":{\"total\":{\"$gt\":{\"$numberInt\":\"5\"}}}}", NULL},
    {"an index on shop.orders for the filter {status: 1, total: 1}", "{status: 1, total: 1}", NULL, NULL},
    {"a partial index on shop.orders {at: 1}", NULL, NULL, "its filter is not written out"},
    {"a sparse index on shop.orders {at: 1} where {status: 'open'}", NULL, NULL, "not both"},
    {"index shop.orders {at: 1} where {status: {$ne: 'open'}}", NULL, NULL, "may not hold $ne"},
    {"index shop.orders {at: 1} where {status: {$exists: false}}", NULL, NULL, "$exists: false"},
    {"index shop.orders {at: 1} where {}", NULL, NULL, "not a document"},
    {"index shop.orders {at: 1} where {status: }", NULL, NULL, "not a document"},
    {"index shop.orders {at: 1} where {a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}}", NULL, NULL, "nested too deep"},
    /* the shell's own words */
    {"db.users.createIndex({email: 1}, {unique: true, name: \"mail\"})", "{email: 1}", "{\"unique\":true}", NULL},
    {"db.users.createIndex({email: 1}, {unique: false})", "{email: 1}", NULL, NULL},
    {"db.s.createIndex({at: 1}, {expireAfterSeconds: 60, partialFilterExpression: {done: true}})", "{at: 1}",
     "{\"expireAfterSeconds\":{\"$numberInt\":\"60\"},\"partialFilterExpression\":{\"done\":true}}", NULL},
    {"db.users.createIndex({name: 1}, {collation: {locale: 'fr', strength: 2}})", "{name: 1}", "{\"collation\":{\"locale\":\"fr\",\"strength\":{\"$numberInt\":\"2\"}}}", NULL},
    {"db.s.createIndex({at: 1}, {expireAfterSeconds: -1})", NULL, NULL, "between 0 and 2147483647"},
    {"db.users.createIndex({email: 1}, {unique: true, storageEngine: {}})", NULL, NULL, "the option storageEngine"},
    {"an index on a.b {c: 1, d: 'up'}", NULL, NULL, "the direction of d"},
};

static char *canonical(const char *options)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)options, -1, NULL);
    assert_non_null(doc);
    char *text = bson_as_canonical_extended_json(doc, NULL), *copy = sb_format("%s", text);
    bson_free(text);
    bson_destroy(doc);
    return copy;
}

static void each_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct sb_index_asked a;
        struct sb_err err = SB_ERR_INIT;
        int rc = sb_index_asked_read(r->request, &a, &err);
        if (r->wrong && (rc == 0 || !strstr(err.msg, r->wrong)))
            fail_msg("%s: %s", r->request, rc ? err.msg : "is read");
        if (!r->wrong) {
            char *key = r->key ? sb_index_key_read(r->key, &err) : NULL, *options = r->options ? canonical(r->options) : NULL;
            if (rc || !sb_streq(a.key, key) || !sb_streq(a.options, options))
                fail_msg("%s: %s, key %s, options %s", r->request, err.msg, a.key ? a.key : "none", a.options ? a.options : "none");
            free(key);
            free(options);
        }
        sb_index_asked_release(&a);
    }
}

static void a_document_says_what_it_is_for(void **state)
{
    (void)state;
    const char *text = "db.users.createIndex({unique: 1}, {unique: true})";
    assert_int_equal(sb_index_document_of(text, 21), SB_INDEX_DOCUMENT_KEY);
    assert_int_equal(sb_index_document_of(text, 34), SB_INDEX_DOCUMENT_OPTIONS);
    text = "index {a: 1} where {b: 1} {c: 1}";
    assert_int_equal(sb_index_document_of(text, 19), SB_INDEX_DOCUMENT_FILTER);
    assert_int_equal(sb_index_document_of(text, 26), SB_INDEX_DOCUMENT_KEY);
}

/* ---- what a build fails on ---- */

static const char catalogue_text[] =
    "{\"ns\":\"shop.orders\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"documents\":20000,\"bytes\":9000000,\"average_bytes\":450,"
    "\"indexes\":[{\"name\":\"_id_\",\"key\":\"{ \\\"_id\\\" : { \\\"$numberInt\\\" : \\\"1\\\" } }\",\"fields\":[{\"path\":\"_id\",\"direction\":1}]},"
    "{\"name\":\"words\",\"key\":\"\",\"fields\":[{\"path\":\"_fts\",\"direction\":0,\"kind\":\"text\"}]},"
    "{\"name\":\"plain\",\"key\":\"\",\"fields\":[{\"path\":\"status\",\"direction\":1}]}],"
    "\"knows_builds\":true,\"knows_index_stats\":true,\"members\":3,\"members_answered\":3,\"sampled\":500,\"fields\":["
    "{\"path\":\"tags\",\"present_ppm\":1000000,\"distinct_ppm\":50000,\"array\":true},{\"path\":\"items.sku\",\"present_ppm\":1000000,\"distinct_ppm\":300000,\"array\":true},"
    "{\"path\":\"items\",\"present_ppm\":1000000,\"distinct_ppm\":300000,\"array\":true},{\"path\":\"email\",\"present_ppm\":1000000,\"distinct_ppm\":900000,\"array\":false},"
    "{\"path\":\"number\",\"present_ppm\":1000000,\"distinct_ppm\":1000000,\"array\":false}]}";

static const struct failing {
    const char *key, *options;
    const char *refused; /* a part of the reason for no card, or */
    const char *warned;  /* of the card's warning; both NULL: a card without one */
} failing[] = {
    {"{tags: 1, 'items.sku': 1}", NULL, NULL, "tags and items.sku are arrays in the sample"},
    {"{'items.sku': 1, items: 1}", NULL, NULL, NULL}, /* one array, met twice */
    {"{tags: 1, email: 1}", NULL, NULL, NULL},
    {"{tags: 'hashed'}", NULL, "holds an array in the sample", NULL},
    {"{email: 'hashed'}", NULL, NULL, NULL},
    {"{email: 'hashed'}", "{\"unique\":true}", "cannot be unique", NULL},
    {"{email: 'hashed', number: 'hashed'}", NULL, "one hashed field", NULL},
    {"{email: 'text'}", NULL, "there is words", NULL},
    {"{email: 'hashed'}", "{\"expireAfterSeconds\":60}", "holds dates", NULL},
    {"{'$**': 1}", "{\"unique\":true}", "wildcard", NULL},
    {"{email: 1}", "{\"sparse\":true,\"partialFilterExpression\":{\"a\":1}}", "not both", NULL},
    {"{email: 1}", "{\"unique\":true}", NULL, "values of email repeat in the sample"},
    {"{number: 1}", "{\"unique\":true}", NULL, "that its key is so is not known"},
    {"{status: 1}", "{\"unique\":true}", "plain; it is not unique", NULL},
    {"{status: 1}", "{\"expireAfterSeconds\":60}", "it is not one by which documents expire", NULL},
};

static void a_build_that_must_fail_is_not_proposed(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_catalogue c;
    json_t *json = sb_json_parse(catalogue_text, strlen(catalogue_text), "catalogue", SB_JSON_STRICT, &err);
    assert_non_null(json);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, &c, json, &err), err);
    json_decref(json);
    struct sb_workload_options o = {.max_shapes = 10, .bucket_ms = 10000, .buckets = 12};
    struct sb_workload *w = sb_workload_new(&o, &err);
    struct sb_history *h = sb_history_new();
    for (size_t i = 0; i < SB_COUNT(failing); i++) {
        const struct failing *f = &failing[i];
        char *key = sb_index_key_read(f->key, &err), *options = f->options ? canonical(f->options) : NULL;
        if (!key)
            fail_msg("%s: %s", f->key, err.msg);
        struct sb_index_question q = {.ns = "shop.orders", .to = 60000, .now = 60000, .workload = w, .history = h, .catalogue = &c, .key = key, .options = options, .replicated = true, .card_id = "C-000001",
                                      .case_id = "K-000001", .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice"};
        struct sb_index_advice a;
        sb_assert_ok(sb_index_advise(&q, &a, &err), err);
        if (a.proposes == (f->refused != NULL) || (f->refused && !strstr(a.summary, f->refused)))
            fail_msg("%s %s: %s", f->key, options ? options : "", a.summary);
        const char *warning = a.proposes ? strstr(a.card.why, "Warning: ") : NULL;
        bool about_fields = warning && strstr(warning, "in none of the");
        if (a.proposes && (f->warned ? !warning || !strstr(warning, f->warned) : warning && !about_fields))
            fail_msg("%s %s: %s", f->key, options ? options : "", a.card.why);
        if (a.proposes && options) { /* what was asked for is in the command, and is not held to being read by */
            assert_non_null(strstr(a.card.steps[0].action, "\"unique\" : true"));
            for (size_t k = 0; k < a.card.watch.criteria_n; k++)
                assert_string_not_equal(a.card.watch.criteria[k].metric, "index_uses");
        }
        sb_index_advice_release(&a);
        free(key);
        free(options);
    }
    sb_history_free(h);
    sb_workload_free(w);
    sb_catalogue_release(&c);
}

/* Limits of the server, and names that no field of an index may have: a reason each, and no key. */
static void a_key_that_no_server_takes_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *key, *says;
    } wrong[] = {{"{\"a\\u0000b\": 1}", "NUL"}, {"{\"\\u0000\": 1}", "NUL"}, {"{'a..b': 1}", "may not hold the field name"}, {"{'.a': 1}", "may not hold the field name"}, {"{'a.': 1}", "may not hold the field name"},
                {"{'': 1}", "may not hold the field name"}, {"{$a: 1}", "begins with $"}, {"{'a.$b': 1}", "begins with $"}, {"{'$**.a': 1}", "begins with $"}, {"{}", "between 1 and 32"}, {"{a: 1, a: -1}", "stands twice"},
                {"{a: 2}", "must be 1 or -1"}, {"{a: {b: 1}}", "not a document such as"}, {"{a: [1]}", "must be 1, -1, or"}, {"{a: null}", "must be 1, -1, or"}, {"{a: 'nothing'}", "must be 1, -1, or"}};
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < SB_COUNT(wrong); i++) {
        char *key = sb_index_key_read(wrong[i].key, &err);
        if (key || !strstr(err.msg, wrong[i].says))
            fail_msg("%s: %s; %s", wrong[i].key, key ? key : "", err.msg);
        err = (struct sb_err)SB_ERR_INIT;
    }
    static const char *const fine[] = {"{'$**': 1}", "{'a.$**': 1}", "{'a.$id': 1}", "{\"a\\\\u0000\": 1}", "{'a.0.b': -1}"};
    for (size_t i = 0; i < SB_COUNT(fine); i++) {
        char *key = sb_index_key_read(fine[i], &err);
        if (!key)
            fail_msg("%s: %s", fine[i], err.msg);
        free(key);
    }
    struct sb_str many;
    sb_str_init(&many);
    for (int n = 32; n <= 33; n++) {
        sb_str_clear(&many);
        for (int i = 0; i < n; i++)
            sb_str_addf(&many, "%sf%d: 1", i ? ", " : "{", i);
        sb_str_adds(&many, "}");
        char *key = sb_index_key_read(many.p, &err);
        assert_true((key != NULL) == (n == 32));
        free(key);
    }
    sb_str_release(&many);
    char *name = malloc(10300);
    assert_non_null(name);
    snprintf(name, 10300, "{%010240d: 1}", 7);
    assert_null(sb_index_key_read(name, &err));
    free(name);
}

/* With as many indexes as the server allows there is no further one, asked for or found. */
static void the_65th_index_is_not_proposed(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_catalogue c;
    struct sb_workload_options o = {.max_shapes = 10, .bucket_ms = 10000, .buckets = 12};
    struct sb_workload *w = sb_workload_new(&o, &err);
    struct sb_history *h = sb_history_new();
    char *key = sb_index_key_read("{a: 1}", &err);
    for (int n = 63; n <= 64; n++) {
        json_t *json = sb_json_parse(catalogue_text, strlen(catalogue_text), "catalogue", SB_JSON_STRICT, &err);
        assert_non_null(json);
        sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, &c, json, &err), err);
        json_decref(json);
        while (c.indexes_n < (size_t)n) {
            struct sb_index_info *x = SB_PUSH(c.indexes);
            assert_true(x && (x->name = sb_format("x%zu", c.indexes_n)) && (x->key = sb_format("{ \"x%zu\" : 1 }", c.indexes_n)));
        }
        struct sb_index_question q = {.ns = "shop.orders", .to = 60000, .now = 60000, .workload = w, .history = h, .catalogue = &c, .key = key, .replicated = true, .card_id = "C-000001", .case_id = "K-000001",
                                      .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice"};
        struct sb_index_advice a;
        struct sb_index_review r;
        sb_assert_ok(sb_index_advise(&q, &a, &err), err);
        if (a.proposes != (n == 63) || (n == 64 && !strstr(a.summary, "as many indexes as the server allows (64)")))
            fail_msg("%d indexes: %s", n, a.summary);
        sb_index_advice_release(&a);
        q.key = NULL;
        sb_assert_ok(sb_index_review(&q, &r, &err), err);
        assert_true(r.cards_n == 0 && (n == 63 || strstr(r.summary, "(64)")));
        sb_index_review_release(&r);
        sb_catalogue_release(&c);
    }
    free(key);
    sb_history_free(h);
    sb_workload_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_request), cmocka_unit_test(a_document_says_what_it_is_for), cmocka_unit_test(a_build_that_must_fail_is_not_proposed),
                                       cmocka_unit_test(a_key_that_no_server_takes_is_none), cmocka_unit_test(the_65th_index_is_not_proposed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
