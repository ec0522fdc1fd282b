/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/formats/profile.h>
#include <signalbox/telemetry/shape.h>

#include <string.h>

static struct sb_err err;
static struct sb_scratch scratch;

/* ---- making operations ---- */

/* The command as a profile document: as JSON text, or as BSON made of it (the caller destroys *doc). */
static void op_of_json(struct sb_slow_op *op, char *text, size_t cap, const char *type, const char *command)
{
    int n = snprintf(text, cap, "{\"op\":\"%s\",\"ns\":\"shop.orders\",\"command\":%s,\"millis\":1}", type, command);
    assert_true(n > 0 && (size_t)n < cap);
    assert_int_equal(sb_profile_json(&scratch, text, (size_t)n, op), SB_LOG_GOOD);
}

static struct sb_shape *from_json(const char *type, const char *command)
{
    struct sb_slow_op op;
    size_t cap = strlen(command) + 256;
    char *text = malloc(cap);
    assert_non_null(text);
    op_of_json(&op, text, cap, type, command);
    struct sb_shape *shape = sb_shape_new(&op, &err);
    assert_non_null(shape);
    free(text);
    return shape;
}

static struct sb_shape *from_log(const char *command)
{
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    size_t cap = strlen(command) + 512;
    char *text = malloc(cap);
    assert_non_null(text);
    int n = snprintf(text, cap,
                     "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\","
                     "\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\",\"command\":%s,\"durationMillis\":1}}",
                     command);
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, text, (size_t)n, &line, &op), SB_LOG_GOOD);
    struct sb_shape *shape = sb_shape_new(&op, &err);
    assert_non_null(shape);
    sb_mongolog_release(&reader);
    free(text);
    return shape;
}

static struct sb_shape *from_bson(const char *type, const char *command)
{
    struct sb_slow_op op;
    bson_error_t error;
    bson_t doc = BSON_INITIALIZER, inner;
    if (!bson_init_from_json(&inner, command, -1, &error))
        fail_msg("%s: %s", command, error.message);
    BSON_APPEND_UTF8(&doc, "op", type);
    BSON_APPEND_UTF8(&doc, "ns", "shop.orders");
    BSON_APPEND_DOCUMENT(&doc, "command", &inner);
    BSON_APPEND_INT32(&doc, "millis", 1);
    assert_true(sb_profile_bson(&doc, &op));
    struct sb_shape *shape = sb_shape_new(&op, &err);
    assert_non_null(shape);
    bson_destroy(&inner);
    bson_destroy(&doc);
    return shape;
}

static struct sb_shape *find(const char *filter)
{
    size_t cap = strlen(filter) + 64;
    char *command = malloc(cap);
    assert_non_null(command);
    snprintf(command, cap, "{\"find\":\"orders\",\"filter\":%s}", filter);
    struct sb_shape *shape = from_json("query", command);
    free(command);
    return shape;
}

/* ---- texts ---- */

static void the_text_is_the_filter_without_values(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *text;
    } cases[] = {
        {"{}", "{}"},
        {"{\"email\":\"a@b.c\"}", "{\"email\":1}"},
        {"{\"b\":5,\"a\":{\"$gt\":7,\"$lte\":{\"$date\":\"2021-01-01T00:00:00Z\"}}}", "{\"a\":{\"$gt\":1,\"$lte\":1},\"b\":1}"},
        {"{\"a\":{\"$eq\":5}}", "{\"a\":1}"},
        {"{\"a\":null}", "{\"a\":1}"},
        {"{\"a\":{\"$oid\":\"0123456789abcdef01234567\"}}", "{\"a\":1}"},
        {"{\"_id\":{\"id\":{\"$uuid\":\"94276206-2cae-4a69-868b-e12843ab57dd\"},\"n\":1}}", "{\"_id\":1}"},
        {"{\"a\":[1,2,3]}", "{\"a\":1}"},
        {"{\"a\":{\"$in\":[1,\"x\",null]}}", "{\"a\":{\"$in\":[1]}}"},
        {"{\"a\":{\"$in\":[]}}", "{\"a\":{\"$in\":[]}}"},
        {"{\"a\":{\"$nin\":[1,2]}}", "{\"a\":{\"$nin\":[1]}}"},
        {"{\"$or\":[{\"user_id\":5},{\"status\":\"void\"}]}", "{\"$or\":[{\"user_id\":1},{\"status\":1}]}"},
        {"{\"$or\":[{\"a\":1},{\"a\":2},{\"b\":3},{\"a\":4}]}", "{\"$or\":[{\"a\":1},{\"b\":1}]}"},
        {"{\"$and\":[{\"b\":1,\"a\":2},{\"$nor\":[{\"c\":3}]}]}", "{\"$and\":[{\"a\":1,\"b\":1},{\"$nor\":[{\"c\":1}]}]}"},
        {"{\"items\":{\"$elemMatch\":{\"sku\":\"x\",\"qty\":{\"$gt\":2}}}}", "{\"items\":{\"$elemMatch\":{\"qty\":{\"$gt\":1},\"sku\":1}}}"},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":1,\"$lt\":5}}}", "{\"a\":{\"$elemMatch\":{\"$gt\":1,\"$lt\":1}}}"},
        {"{\"a\":{\"$not\":{\"$gt\":5}}}", "{\"a\":{\"$not\":{\"$gt\":1}}}"},
        {"{\"a\":{\"$exists\":true}}", "{\"a\":{\"$exists\":1}}"},
        {"{\"a\":{\"$regularExpression\":{\"pattern\":\"^abc\",\"options\":\"\"}}}", "{\"a\":{\"$regex\":1}}"},
        {"{\"a\":{\"$regex\":\"^abc\",\"$options\":\"i\"}}", "{\"a\":{\"$regex\":1}}"},
        {"{\"a\":{\"$not\":{\"$regularExpression\":{\"pattern\":\"x\",\"options\":\"\"}}}}", "{\"a\":{\"$not\":{\"$regex\":1}}}"},
        {"{\"$text\":{\"$search\":\"thing\"}}", "{\"$text\":{\"$search\":1}}"},
        {"{\"$expr\":{\"$gt\":[\"$spent\",\"$budget\"]}}", "{\"$expr\":{\"$gt\":[\"$spent\",\"$budget\"]}}"},
        {"{\"$expr\":{\"$eq\":[\"$a\",{\"$literal\":\"$x\"},7,7]}}", "{\"$expr\":{\"$eq\":[\"$a\",{\"$literal\":1},1,1]}}"},
        {"{\"loc\":{\"$near\":{\"$geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]},\"$maxDistance\":5}}}",
         "{\"loc\":{\"$near\":{\"$geometry\":{\"coordinates\":[1],\"type\":1},\"$maxDistance\":1}}}"},
        {"{\"a\":1,\"$comment\":\"why\"}", "{\"a\":1}"},
        {"{\"a.b.c\":1,\"with \\\"quote\\\"\":2}", "{\"a.b.c\":1,\"with \\\"quote\\\"\":1}"},
        {"{\"$bad\":1}", "{\"$bad\":1}"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_shape *shape = find(cases[i].filter);
        assert_string_equal(shape->text, cases[i].text);
        assert_false(shape->partial || shape->unknown);
        assert_string_equal(shape->op, "find");
        assert_int_equal(strlen(shape->fingerprint), SB_FINGERPRINT_LEN);
        sb_shape_free(shape);
    }
}

static void sort_projection_collation_and_hint_are_kept(void **state)
{
    (void)state;
    struct sb_shape *s = from_json("query",
                                   "{\"find\":\"c\",\"filter\":{\"a\":1},\"sort\":{\"z\":-1,\"a\":{\"$numberInt\":\"1\"},\"m\":{\"$meta\":\"textScore\"}},"
                                   "\"projection\":{\"b\":1,\"a\":true,\"_id\":0},\"limit\":5,\"collation\":{\"strength\":{\"$numberDouble\":\"2.0\"},"
                                   "\"locale\":\"en\"},\"hint\":{\"a\":1,\"b\":-1}}");
    assert_string_equal(s->sort, "{\"z\":-1,\"a\":1,\"m\":\"*\"}");
    assert_int_equal(s->sorts_n, 3);
    assert_true(s->sorts[0].direction == -1 && s->sorts[1].direction == 1 && s->sorts[2].direction == 0);
    assert_string_equal(s->sorts[0].path, "z");
    assert_string_equal(s->projection, "{\"_id\":0,\"a\":1,\"b\":1}");
    assert_true(s->inclusive && !s->projects_id && s->projected_n == 2 && s->limited);
    assert_string_equal(s->projected[0], "a");
    assert_string_equal(s->collation, "{\"locale\":\"en\",\"strength\":2}");
    assert_string_equal(s->hint, "{\"a\":1,\"b\":-1}");
    sb_shape_free(s);
    s = from_json("query", "{\"find\":\"c\",\"projection\":{\"a\":0},\"hint\":\"a_1\",\"limit\":0}");
    assert_true(!s->inclusive && s->projects_id && !s->limited);
    assert_string_equal(s->hint, "a_1");
    assert_string_equal(s->text, "{}");
    sb_shape_free(s);
}

static void an_aggregation_gives_its_indexable_head(void **state)
{
    (void)state;
    struct sb_shape *s = from_json("command",
                                   "{\"aggregate\":\"c\",\"pipeline\":[{\"$match\":{\"b\":1,\"a\":{\"$lt\":2}}},{\"$sort\":{\"t\":-1}},{\"$limit\":3},"
                                   "{\"$match\":{\"late\":1}},{\"$lookup\":{\"from\":\"carts\",\"localField\":\"u\",\"foreignField\":\"owner\","
                                   "\"as\":\"x\"}},{\"$group\":{\"_id\":\"$t\"}}],\"cursor\":{}}");
    assert_string_equal(s->text, "{\"a\":{\"$lt\":1},\"b\":1}");
    assert_string_equal(s->sort, "{\"t\":-1}");
    assert_string_equal(s->stages, "$match,$sort,$limit,$match,$lookup,$group");
    assert_true(s->limited);
    assert_int_equal(s->lookups_n, 1);
    assert_string_equal(s->lookups[0].from, "carts");
    assert_string_equal(s->lookups[0].foreign_field, "owner");
    assert_false(s->lookups[0].pipeline);
    sb_shape_free(s);
    s = from_json("command", "{\"aggregate\":\"c\",\"pipeline\":[{\"$match\":{\"a\":1}},{\"$match\":{\"b\":{\"$gt\":1}}},{\"$group\":{\"_id\":1}},"
                             "{\"$limit\":1}]}");
    assert_string_equal(s->text, "{\"$and\":[{\"a\":1},{\"b\":{\"$gt\":1}}]}");
    assert_int_equal(s->predicates_n, 2);
    assert_false(s->limited);
    sb_shape_free(s);
    /* behind a stage that makes documents of its own, only the names count */
    s = from_json("command", "{\"aggregate\":\"c\",\"pipeline\":[{\"$group\":{\"_id\":\"$a\"}},{\"$match\":{\"n\":{\"$gt\":5}}}]}");
    struct sb_shape *other = from_json("command", "{\"aggregate\":\"c\",\"pipeline\":[{\"$group\":{\"_id\":\"$b\"}},{\"$match\":{\"total\":7}}]}");
    assert_string_equal(s->fingerprint, other->fingerprint);
    assert_string_equal(s->text, "{}");
    sb_shape_free(s);
    sb_shape_free(other);
    s = from_json("command", "{\"aggregate\":\"c\",\"pipeline\":[]}");
    assert_string_equal(s->text, "{}");
    sb_shape_free(s);
}

static void writes_and_others_have_their_own_shapes(void **state)
{
    (void)state;
    struct sb_shape *s = from_json("update", "{\"q\":{\"a\":1},\"u\":{\"$set\":{\"b\":1}},\"multi\":true}");
    assert_true(s->multi && s->kind == SB_OP_UPDATE);
    assert_string_equal(s->text, "{\"a\":1}");
    sb_shape_free(s);
    s = from_json("remove", "{\"q\":{\"a\":1},\"limit\":0}");
    assert_true(s->multi);
    sb_shape_free(s);
    s = from_json("remove", "{\"q\":{\"a\":1},\"limit\":1}");
    assert_false(s->multi);
    sb_shape_free(s);
    s = from_json("command", "{\"update\":\"orders\",\"updates\":[{\"q\":{\"a\":1},\"u\":{},\"multi\":false}]}");
    assert_string_equal(s->text, "{\"a\":1}");
    assert_false(s->unknown || s->partial);
    sb_shape_free(s);
    s = from_json("command", "{\"update\":\"orders\",\"ordered\":true}");
    assert_string_equal(s->text, SB_SHAPE_UNKNOWN);
    assert_true(s->unknown);
    sb_shape_free(s);
    s = from_json("query", "{\"$truncated\":\"{ find: \\\"c\\\", filter: { a: 1\"}");
    assert_true(s->unknown && s->partial && s->predicates_n == 0);
    sb_shape_free(s);
    s = from_json("command", "{\"distinct\":\"c\",\"key\":\"status\",\"query\":{\"a\":1}}");
    assert_string_equal(s->distinct, "status");
    assert_string_equal(s->text, "{\"a\":1}");
    sb_shape_free(s);
    s = from_json("insert", "{\"insert\":\"c\",\"ordered\":true}");
    assert_string_equal(s->text, "");
    sb_shape_free(s);
    s = from_json("command", "{\"listIndexes\":\"c\"}");
    assert_string_equal(s->op, "listIndexes");
    sb_shape_free(s);
}

/* ---- predicates ---- */

static void predicates_have_paths_classes_and_arms(void **state)
{
    (void)state;
    struct sb_shape *s = find("{\"a\":1,\"b\":{\"$in\":[1,2]},\"c\":{\"$gte\":1,\"$lt\":9},\"d\":{\"$exists\":true},\"e\":{\"$exists\":false},"
                              "\"f\":{\"$regularExpression\":{\"pattern\":\"^ab\",\"options\":\"\"}},\"g\":{\"$regex\":\"ab\"},\"h\":{\"$ne\":1},"
                              "\"i\":{\"$not\":{\"$gt\":1}},\"j\":{\"$mod\":[4,0]},\"k\":{\"$all\":[1,2]}}");
    static const struct {
        const char *path, *op;
        enum sb_predicate_class class_;
    } expected[] = {
        {"a", "$eq", SB_PREDICATE_EQUALITY},   {"b", "$in", SB_PREDICATE_IN},           {"c", "$gte", SB_PREDICATE_RANGE},
        {"c", "$lt", SB_PREDICATE_RANGE},      {"d", "$exists", SB_PREDICATE_EXISTS},   {"e", "$exists", SB_PREDICATE_NOT_EXISTS},
        {"f", "$regex", SB_PREDICATE_REGEX_PREFIX}, {"g", "$regex", SB_PREDICATE_REGEX}, {"h", "$ne", SB_PREDICATE_NE},
        {"i", "$gt", SB_PREDICATE_NE},         {"j", "$mod", SB_PREDICATE_OTHER},       {"k", "$all", SB_PREDICATE_EQUALITY},
    };
    assert_int_equal(s->predicates_n, SB_COUNT(expected));
    for (size_t i = 0; i < SB_COUNT(expected); i++) {
        assert_string_equal(s->predicates[i].path, expected[i].path);
        assert_string_equal(s->predicates[i].op, expected[i].op);
        assert_int_equal(s->predicates[i].class_, expected[i].class_);
        assert_true(s->predicates[i].arm == 0 && !s->predicates[i].elem_path);
    }
    assert_true(s->arms_n == 1 && s->arms[0].kind == SB_ARM_ROOT);
    sb_shape_free(s);
}

static void arms_of_or_are_conjunctions_of_their_own(void **state)
{
    (void)state;
    struct sb_shape *s = find("{\"x\":1,\"$or\":[{\"a\":1},{\"b\":2,\"$or\":[{\"c\":3},{\"d\":4}]}],\"$nor\":[{\"e\":5}],"
                              "\"list\":{\"$elemMatch\":{\"p\":1,\"q\":{\"$gt\":2}}}}");
    /* sorted: $nor, $or, list, x */
    assert_int_equal(s->arms_n, 6);
    static const struct {
        const char *path;
        enum sb_arm_kind kind;
        size_t depth;
    } expected[] = {
        {"e", SB_ARM_NOR, 1}, {"a", SB_ARM_OR, 1}, {"c", SB_ARM_OR, 2},           {"d", SB_ARM_OR, 2},
        {"b", SB_ARM_OR, 1},  {"list.p", SB_ARM_ROOT, 0}, {"list.q", SB_ARM_ROOT, 0}, {"x", SB_ARM_ROOT, 0},
    };
    assert_int_equal(s->predicates_n, SB_COUNT(expected));
    for (size_t i = 0; i < SB_COUNT(expected); i++) {
        const struct sb_predicate *p = &s->predicates[i];
        assert_string_equal(p->path, expected[i].path);
        assert_int_equal(s->arms[p->arm].kind, expected[i].kind);
        assert_int_equal(s->arms[p->arm].depth, expected[i].depth);
    }
    assert_int_equal(s->predicates[0].class_, SB_PREDICATE_NE);
    assert_string_equal(s->predicates[5].elem_path, "list");
    assert_int_equal(s->arms[s->predicates[2].arm].parent, s->predicates[4].arm);
    assert_int_equal(s->arms[s->predicates[2].arm].group, s->arms[s->predicates[3].arm].group);
    assert_int_not_equal(s->arms[s->predicates[1].arm].group, s->arms[s->predicates[2].arm].group);
    sb_shape_free(s);
}

static void regular_expressions_are_prefixes_only_when_an_index_can_tell(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *options;
        bool prefix;
    } cases[] = {
        {"^abc", "", true},   {"^a", "", true},     {"^a.*", "", true},   {"^ab+c", "", true}, {"^\\\\.x", "", true}, {"^abc", "s", true},
        {"abc", "", false},   {"^", "", false},     {"^.*a", "", false},  {"^a*", "", false},  {"^a?b", "", false},   {"^a{0,2}", "", false},
        {"^a|b", "", false},  {"^abc", "i", false}, {"^abc", "m", false}, {"^\\\\d", "", false}, {"^[ab]", "", false}, {"^(a)", "", false},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char filter[256];
        enum sb_predicate_class expected = cases[i].prefix ? SB_PREDICATE_REGEX_PREFIX : SB_PREDICATE_REGEX;
        snprintf(filter, sizeof filter, "{\"a\":{\"$regularExpression\":{\"pattern\":\"%s\",\"options\":\"%s\"}}}", cases[i].pattern, cases[i].options);
        struct sb_shape *a = find(filter);
        snprintf(filter, sizeof filter, "{\"a\":{\"$regex\":\"%s\",\"$options\":\"%s\"}}", cases[i].pattern, cases[i].options);
        struct sb_shape *b = find(filter);
        assert_int_equal(a->predicates[0].class_, expected);
        assert_string_equal(a->fingerprint, b->fingerprint);
        sb_shape_free(a);
        sb_shape_free(b);
    }
}

/* ---- equality ---- */

/* Commands that the three sources must agree on. */
static const char *const commands[] = {
    "{\"find\":\"orders\",\"filter\":{\"email\":\"x\"},\"limit\":1,\"$db\":\"shop\"}",
    "{\"find\":\"orders\",\"filter\":{\"b\":{\"$gt\":5,\"$lt\":7.5},\"a\":[1,2]},\"sort\":{\"b\":1,\"a\":-1}}",
    "{\"find\":\"orders\",\"filter\":{\"a\":{\"$regularExpression\":{\"pattern\":\"^x\",\"options\":\"\"}}}}",
    "{\"find\":\"orders\",\"filter\":{\"a\":{\"$not\":{\"$regularExpression\":{\"pattern\":\"x|y\",\"options\":\"i\"}}}}}",
    "{\"find\":\"orders\",\"filter\":{\"$or\":[{\"a\":1},{\"b\":{\"$in\":[1,2,3]}}],\"c\":{\"$exists\":false}}}",
    "{\"find\":\"orders\",\"filter\":{\"at\":{\"$gte\":{\"$date\":\"2021-01-01T00:00:00Z\"}},\"o\":{\"$oid\":\"0123456789abcdef01234567\"}}}",
    "{\"find\":\"orders\",\"filter\":{\"n\":{\"$numberLong\":\"5\"},\"d\":{\"$numberDecimal\":\"1.5\"},\"x\":null,\"t\":true}}",
    "{\"find\":\"orders\",\"filter\":{\"e\":{}},\"projection\":{\"a\":1,\"b\":{\"$slice\":5}}}",
    "{\"find\":\"orders\",\"filter\":{\"l\":{\"$elemMatch\":{\"a\":1,\"b\":{\"$gt\":1}}},\"m\":{\"$elemMatch\":{\"$gt\":1}}}}",
    "{\"find\":\"orders\",\"filter\":{\"a\\\"b.\xC3\xA9\":{\"$in\":[{\"$regularExpression\":{\"pattern\":\"^x\",\"options\":\"\"}},1]}}}",
    "{\"find\":\"orders\",\"filter\":{\"$expr\":{\"$and\":[{\"$gt\":[\"$a\",5]},{\"$lt\":[\"$b\",\"$$NOW\"]}]}},\"hint\":\"x_1\"}",
    "{\"aggregate\":\"orders\",\"pipeline\":[{\"$match\":{\"a\":1}},{\"$sort\":{\"b\":-1}},{\"$lookup\":{\"from\":\"c\",\"pipeline\":[]}}]}",
    "{\"count\":\"orders\",\"query\":{\"a\":{\"$ne\":5}},\"collation\":{\"locale\":\"de\",\"strength\":1}}",
    "{\"distinct\":\"orders\",\"key\":\"k\",\"query\":{}}",
    "{\"findAndModify\":\"orders\",\"query\":{\"a\":3},\"sort\":{\"b\":-1},\"update\":{\"$inc\":{\"n\":1}},\"new\":false}",
    "{\"update\":\"orders\",\"updates\":[{\"q\":{\"a\":1},\"u\":{\"$set\":{\"b\":2}},\"multi\":true}]}",
    "{\"delete\":\"orders\",\"deletes\":[{\"q\":{\"a\":1},\"limit\":0},{\"q\":{\"a\":2},\"limit\":0}]}",
    "{\"insert\":\"orders\",\"documents\":[{\"a\":1}]}",
    "{\"collStats\":\"orders\"}",
    "{\"find\":\"orders\",\"filter\":{\"loc\":{\"$geoWithin\":{\"$centerSphere\":[[1,2],3]}},\"w\":{\"$type\":\"string\"}}}",
};

static void assert_same(const struct sb_shape *a, const struct sb_shape *b)
{
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->sort, b->sort);
    assert_string_equal(a->projection, b->projection);
    assert_int_equal(a->predicates_n, b->predicates_n);
}

static void every_source_gives_the_same_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(commands); i++) {
        struct sb_shape *log = from_log(commands[i]), *json = from_json("command", commands[i]), *bson = from_bson("command", commands[i]);
        assert_same(log, json);
        assert_same(log, bson);
        sb_shape_free(log);
        sb_shape_free(json);
        sb_shape_free(bson);
    }
}

static void different_shapes_have_different_fingerprints(void **state)
{
    (void)state;
    static const char *const more[] = {
        "{\"find\":\"c\",\"filter\":{\"a\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"limit\":1}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$gt\":1}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$gte\":1}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$exists\":true}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$exists\":false}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"sort\":{\"b\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"sort\":{\"b\":-1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"sort\":{\"b\":1,\"c\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"sort\":{\"c\":1,\"b\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"projection\":{\"b\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"projection\":{\"b\":0}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"collation\":{\"locale\":\"en\"}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1},\"hint\":\"b\"}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$in\":[1]}}}",
        "{\"find\":\"c\",\"filter\":{\"a.b\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$elemMatch\":{\"b\":1}}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$regex\":\"^x\"}}}",
        "{\"find\":\"c\",\"filter\":{\"a\":{\"$regex\":\"x\"}}}",
        "{\"find\":\"c\",\"filter\":{\"ab\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1,\"b\":1}}",
        "{\"find\":\"c\",\"filter\":{\"$or\":[{\"a\":1,\"b\":1}]}}",
        "{\"find\":\"c\",\"filter\":{\"$or\":[{\"a\":1},{\"b\":1}]}}",
        "{\"find\":\"c\",\"filter\":{\"$and\":[{\"a\":1},{\"b\":1}]}}",
        "{\"find\":\"c\",\"filter\":{\"$expr\":{\"$eq\":[\"$a\",\"$a\"]}}}",
        "{\"find\":\"c\",\"filter\":{\"$expr\":{\"$eq\":[\"$a\"]}}}",
        "{\"count\":\"c\",\"query\":{\"a\":1}}",
        "{\"aggregate\":\"c\",\"pipeline\":[{\"$match\":{\"a\":1}}]}",
        "{\"aggregate\":\"c\",\"pipeline\":[{\"$match\":{\"a\":1}},{\"$group\":{}}]}",
        "{\"aggregate\":\"c\",\"pipeline\":[{\"$group\":{}},{\"$match\":{\"a\":1}}]}",
        "{\"distinct\":\"c\",\"key\":\"k\",\"query\":{\"a\":1}}",
        "{\"distinct\":\"c\",\"key\":\"l\",\"query\":{\"a\":1}}",
        "{\"listIndexes\":\"c\"}",
        "{\"listCollections\":1}",
    };
    struct sb_shape *shapes[SB_COUNT(more)];
    for (size_t i = 0; i < SB_COUNT(more); i++) {
        shapes[i] = from_json("command", more[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(shapes[i]->fingerprint, shapes[k]->fingerprint);
    }
    for (size_t i = 0; i < SB_COUNT(more); i++)
        sb_shape_free(shapes[i]);
}

static void values_and_the_order_of_keys_do_not_matter(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{\"a\":1,\"b\":{\"$gt\":1,\"$lt\":2}}", "{\"b\":{\"$lt\":\"x\",\"$gt\":null},\"a\":\"other\"}"},
        {"{\"a\":{\"$in\":[1]}}", "{\"a\":{\"$in\":[1,2,3,4,5,6,7,8,9,10]}}"},
        {"{\"a\":{\"$eq\":1}}", "{\"a\":2}"},
        {"{\"$or\":[{\"a\":1}]}", "{\"$or\":[{\"a\":1},{\"a\":2},{\"a\":3}]}"},
    };
    for (size_t i = 0; i < SB_COUNT(pairs); i++) {
        struct sb_shape *a = find(pairs[i][0]), *b = find(pairs[i][1]);
        assert_same(a, b);
        sb_shape_free(a);
        sb_shape_free(b);
    }
}

static void a_list_over_200_is_a_range(void **state)
{
    (void)state;
    for (int n = 199; n <= 202; n++) {
        char filter[2048] = "{\"a\":{\"$in\":[0";
        size_t len = strlen(filter);
        for (int i = 1; i < n; i++)
            len += (size_t)snprintf(filter + len, sizeof filter - len, ",%d", i);
        snprintf(filter + len, sizeof filter - len, "]}}");
        struct sb_shape *s = find(filter);
        assert_int_equal(s->predicates[0].class_, n > 200 ? SB_PREDICATE_IN_BIG : SB_PREDICATE_IN);
        assert_string_equal(s->text, "{\"a\":{\"$in\":[1]}}");
        sb_shape_free(s);
    }
}

/* ---- hostile input ---- */

static void a_cut_command_gives_what_was_there_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(commands); i++) {
        struct sb_shape *whole = from_json("command", commands[i]);
        size_t n = strlen(commands[i]);
        for (size_t cut = 1; cut < n; cut++) {
            char *copy = malloc(cut);
            assert_non_null(copy);
            memcpy(copy, commands[i], cut);
            struct sb_slow_op op;
            sb_slow_op_clear(&op);
            op.kind = whole->kind;
            op.name = SB_SPAN("collStats");
            op.command = (struct sb_doc){SB_DOC_JSON, true, copy, cut};
            struct sb_shape *s = sb_shape_new(&op, &err);
            assert_non_null(s);
            assert_true(s->predicates_n <= whole->predicates_n);
            for (size_t k = 0; k < s->predicates_n; k++) {
                bool known = false;
                for (size_t m = 0; m < whole->predicates_n && !known; m++)
                    known = strcmp(s->predicates[k].path, whole->predicates[m].path) == 0 && strcmp(s->predicates[k].op, whole->predicates[m].op) == 0;
                assert_true(known);
            }
            /* anything but the closing bracket missing: it says that it is partial */
            if (whole->predicates_n && cut + 1 < n)
                assert_true(s->partial || strcmp(s->fingerprint, whole->fingerprint) == 0);
            if (s->predicates_n < whole->predicates_n)
                assert_true(s->partial);
            sb_shape_free(s);
            free(copy);
        }
        sb_shape_free(whole);
    }
}

static void names_of_all_kinds_are_bounded_and_told_apart(void **state)
{
    (void)state;
    /* 200 paths of 10 KB: more than any bound */
    size_t cap = (size_t)200 * 10300 + 100, len;
    char *a = malloc(cap), *b = malloc(cap);
    assert_true(a && b);
    len = (size_t)snprintf(a, cap, "{");
    for (int i = 0; i < 200; i++) {
        len += (size_t)snprintf(a + len, cap - len, "%s\"f%03d.", i ? "," : "", i);
        memset(a + len, 'x', 10240);
        len += 10240;
        len += (size_t)snprintf(a + len, cap - len, "\":1");
    }
    snprintf(a + len, cap - len, "}");
    memcpy(b, a, len + 2);
    struct sb_shape *x = find(a), *same = find(b);
    b[len - 4] = 'y'; /* the last letter of the last name */
    struct sb_shape *y = find(b);
    assert_true(x->partial && strlen(x->text) <= SB_SHAPE_MAX_TEXT + 3);
    assert_string_equal(x->fingerprint, same->fingerprint);
    assert_string_not_equal(x->fingerprint, y->fingerprint);
    assert_int_equal(x->predicates_n, 0); /* a name that long is in no list */
    sb_shape_free(x);
    sb_shape_free(y);
    sb_shape_free(same);
    /* 300 ordinary paths: the text has them, the list ends at its bound */
    len = (size_t)snprintf(a, cap, "{");
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(a + len, cap - len, "%s\"f%d\":%d", i ? "," : "", i, i);
    snprintf(a + len, cap - len, "}");
    x = find(a);
    assert_true(x->partial && x->predicates_n == SB_SHAPE_MAX_PREDICATES);
    sb_shape_free(x);
    free(a);
    free(b);
    /* a NUL, a control character and bytes that are no UTF-8 in a name */
    x = find("{\"a\\u0000b\":1}");
    y = find("{\"a\\u0000c\":1}");
    assert_string_not_equal(x->fingerprint, y->fingerprint);
    assert_string_equal(x->text, "{\"a\\u0000b\":1}");
    assert_true(x->predicates_n == 0 && x->partial);
    sb_shape_free(x);
    sb_shape_free(y);
    x = find("{\"\xff\xfe\":1}");
    assert_true(sb_utf8_valid(x->text, strlen(x->text)));
    sb_shape_free(x);
    x = find("{\"\":1,\"$\":2,\"..\":3}");
    assert_string_equal(x->text, "{\"\":1,\"$\":1,\"..\":1}");
    sb_shape_free(x);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } nests[] = {{"{\"$nor\":[{\"$or\":[", "]}]}"}, {"{\"$and\":[", "]}"}, {"{\"a\":{\"$elemMatch\":", "}}"}, {"{\"$expr\":{\"$abs\":", "}}"}, {"{\"a\":{\"$x\":[", "]}}"}};
    for (size_t i = 0; i < SB_COUNT(nests); i++) {
        enum { DEEP = 5000 };
        size_t o = strlen(nests[i].open), c = strlen(nests[i].close), len = 0;
        char *text = malloc((o + c) * DEEP + 16);
        assert_non_null(text);
        for (int k = 0; k < DEEP; k++, len += o)
            memcpy(text + len, nests[i].open, o);
        memcpy(text + len, "{\"z\":1}", 7);
        len += 7;
        for (int k = 0; k < DEEP; k++, len += c)
            memcpy(text + len, nests[i].close, c);
        text[len] = '\0';
        struct sb_shape *s = find(text);
        assert_true(s->partial);
        sb_shape_free(s);
        /* and without its end */
        struct sb_slow_op op;
        sb_slow_op_clear(&op);
        op.kind = SB_OP_FIND;
        op.command = (struct sb_doc){SB_DOC_JSON, true, text, len / 2};
        s = sb_shape_new(&op, &err);
        assert_non_null(s);
        sb_shape_free(s);
        free(text);
    }
}

/* Any bytes as a skeleton: the parser survives, and what it gives can be freed. */
static void any_skeleton_is_survived(void **state)
{
    (void)state;
    static const char tokens[] = "{}[(K123/^!~+-*$\"#FSPCHDALMUabcdefghijk0\x01\x02\x03\x7f\xff";
    struct sb_rng rng;
    sb_rng_seed(&rng, 3);
    for (int round = 0; round < 50000; round++) {
        char skeleton[96];
        size_t n = sb_rng_below(&rng, sizeof skeleton);
        for (size_t i = 0; i < n; i++)
            skeleton[i] = tokens[sb_rng_below(&rng, sizeof tokens - 1)];
        struct sb_shape *s = sb_shape_parse(skeleton, n, &err);
        assert_non_null(s);
        assert_true(s->text && s->sort && s->stages && s->arms_n >= 1);
        sb_shape_free(s);
    }
}

static int release(void **state)
{
    (void)state;
    sb_scratch_release(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_the_filter_without_values),
        cmocka_unit_test(sort_projection_collation_and_hint_are_kept),
        cmocka_unit_test(an_aggregation_gives_its_indexable_head),
        cmocka_unit_test(writes_and_others_have_their_own_shapes),
        cmocka_unit_test(predicates_have_paths_classes_and_arms),
        cmocka_unit_test(arms_of_or_are_conjunctions_of_their_own),
        cmocka_unit_test(regular_expressions_are_prefixes_only_when_an_index_can_tell),
        cmocka_unit_test(every_source_gives_the_same_shape),
        cmocka_unit_test(different_shapes_have_different_fingerprints),
        cmocka_unit_test(values_and_the_order_of_keys_do_not_matter),
        cmocka_unit_test(a_list_over_200_is_a_range),
        cmocka_unit_test(a_cut_command_gives_what_was_there_and_no_more),
        cmocka_unit_test(names_of_all_kinds_are_bounded_and_told_apart),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(any_skeleton_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
