/* SPDX-License-Identifier: Apache-2.0
 *
 * One fingerprint from every source: the same operation as the profiler, the log of each version, $currentOp and $queryStats
 * tell of it. */
#include "test.h"

#include <signalbox/formats/currentop.h>
#include <signalbox/formats/profile.h>
#include <signalbox/formats/querystats.h>
#include <signalbox/telemetry/shape.h>

#include <string.h>

static struct sb_err err;

struct kind {
    const char *what, *type; /* as the profiler has it in "op" */
    const char *command;
    const char *originating; /* of a getMore */
    const char *stat;        /* members of $queryStats's queryShape; NULL: it counts no such operation, or not all of its shape */
};

#define FIND(rest) "{\"find\":\"c\"," rest ",\"lsid\":{\"id\":{\"$uuid\":\"6f9f6c2e-8a0f-4b6f-9a53-52f0d7d3a0ab\"}},\"$db\":\"s\"}"
#define AGG(pipeline) "{\"aggregate\":\"c\",\"pipeline\":" pipeline ",\"cursor\":{},\"$db\":\"s\"}"
#define QFIND(rest) "\"command\":\"find\"," rest
#define QAGG(pipeline) "\"command\":\"aggregate\",\"pipeline\":" pipeline
#define LIST50 "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0"

static const struct kind kinds[] = {
    {"find by one field", "query", FIND("\"filter\":{\"a\":5}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}}")},
    {"find by two", "query", FIND("\"filter\":{\"a\":5,\"b\":\"x\"}"), NULL, QFIND("\"filter\":{\"$and\":[{\"a\":{\"$eq\":\"?number\"}},{\"b\":{\"$eq\":\"?string\"}}]}")},
    {"find everything", "query", FIND("\"filter\":{}"), NULL, QFIND("\"filter\":{}")},
    {"a range", "query", FIND("\"filter\":{\"a\":{\"$gte\":1,\"$lt\":9}}"), NULL, QFIND("\"filter\":{\"$and\":[{\"a\":{\"$gte\":\"?number\"}},{\"a\":{\"$lt\":\"?number\"}}]}")},
    {"one end of a range", "query", FIND("\"filter\":{\"a\":{\"$gte\":1}}"), NULL, QFIND("\"filter\":{\"a\":{\"$gte\":\"?number\"}}")},
    {"a short list", "query", FIND("\"filter\":{\"a\":{\"$in\":[1,2,3]}}"), NULL, QFIND("\"filter\":{\"a\":{\"$in\":\"?array<?number>\"}}")},
    {"a list of more than 200", "query", FIND("\"filter\":{\"a\":{\"$in\":[" LIST50 "," LIST50 "," LIST50 "," LIST50 "," LIST50 "]}}"), NULL, NULL},
    {"$nin and $ne", "query", FIND("\"filter\":{\"a\":{\"$nin\":[1]},\"b\":{\"$ne\":2}}"), NULL,
     QFIND("\"filter\":{\"$and\":[{\"a\":{\"$not\":{\"$in\":\"?array<?number>\"}}},{\"b\":{\"$not\":{\"$eq\":\"?number\"}}}]}")},
    {"$or", "query", FIND("\"filter\":{\"$or\":[{\"a\":1},{\"b\":{\"$gt\":2}}]}"), NULL, QFIND("\"filter\":{\"$or\":[{\"a\":{\"$eq\":\"?number\"}},{\"b\":{\"$gt\":\"?number\"}}]}")},
    {"$elemMatch", "query", FIND("\"filter\":{\"l\":{\"$elemMatch\":{\"x\":1,\"y\":{\"$gt\":2}}}}"), NULL,
     QFIND("\"filter\":{\"l\":{\"$elemMatch\":{\"$and\":[{\"x\":{\"$eq\":\"?number\"}},{\"y\":{\"$gt\":\"?number\"}}]}}}")},
    {"$or of pairs", "query", FIND("\"filter\":{\"s\":1,\"$or\":[{\"a\":1,\"b\":2},{\"c\":{\"$gte\":1,\"$lt\":3}}]}"), NULL,
     QFIND("\"filter\":{\"$and\":[{\"$or\":[{\"$and\":[{\"a\":{\"$eq\":\"?number\"}},{\"b\":{\"$eq\":\"?number\"}}]},{\"$and\":[{\"c\":{\"$gte\":\"?number\"}},{\"c\":{\"$lt\":\"?number\"}}]}]},{\"s\":{\"$eq\":\"?number\"}}]}")},
    {"$exists", "query", FIND("\"filter\":{\"a\":{\"$exists\":true}}"), NULL, QFIND("\"filter\":{\"a\":{\"$exists\":\"?bool\"}}")},
    {"a regular expression", "query", FIND("\"filter\":{\"a\":{\"$regex\":\"abc\"}}"), NULL, QFIND("\"filter\":{\"a\":{\"$regex\":\"?string\"}}")},
    {"one with a fixed beginning", "query", FIND("\"filter\":{\"a\":{\"$regex\":\"^abc\"}}"), NULL, NULL},
    {"one that ignores case", "query", FIND("\"filter\":{\"a\":{\"$regex\":\"^abc\",\"$options\":\"i\"}}"), NULL, NULL},
    {"sorted up", "query", FIND("\"filter\":{\"a\":1},\"sort\":{\"t\":1}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}},\"sort\":{\"t\":1}")},
    {"sorted down", "query", FIND("\"filter\":{\"a\":1},\"sort\":{\"t\":-1}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}},\"sort\":{\"t\":-1}")},
    {"mixed directions", "query", FIND("\"filter\":{},\"sort\":{\"t\":1,\"u\":-1}"), NULL, QFIND("\"filter\":{},\"sort\":{\"t\":1,\"u\":-1}")},
    {"limited", "query", FIND("\"filter\":{\"a\":1},\"limit\":5"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}},\"limit\":\"?number\"")},
    {"a projection", "query", FIND("\"filter\":{\"a\":1},\"projection\":{\"b\":1,\"c\":1}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}},\"projection\":{\"b\":true,\"c\":true,\"_id\":true}")},
    {"one without _id", "query", FIND("\"filter\":{\"a\":1},\"projection\":{\"b\":1,\"_id\":0}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?number\"}},\"projection\":{\"b\":true,\"_id\":false}")},
    {"a collation", "query", FIND("\"filter\":{\"a\":\"x\"},\"collation\":{\"locale\":\"en\",\"strength\":2}"), NULL, QFIND("\"filter\":{\"a\":{\"$eq\":\"?string\"}},\"collation\":{\"locale\":\"en\",\"strength\":2}")},
    {"a hint", "query", FIND("\"filter\":{\"a\":1},\"hint\":{\"b\":1}"), NULL, NULL},
    {"$match", "command", AGG("[{\"$match\":{\"a\":1}},{\"$count\":\"n\"}]"), NULL, NULL},
    {"$match, $sort, $group", "command", AGG("[{\"$match\":{\"a\":1}},{\"$sort\":{\"t\":-1}},{\"$group\":{\"_id\":\"$x\"}}]"), NULL, QAGG("[{\"$match\":{\"a\":{\"$eq\":\"?number\"}}},{\"$sort\":{\"t\":-1}},{\"$group\":{\"_id\":\"$x\"}}]")},
    {"$lookup", "command", AGG("[{\"$match\":{\"a\":1}},{\"$lookup\":{\"from\":\"d\",\"localField\":\"x\",\"foreignField\":\"y\",\"as\":\"z\"}}]"), NULL,
     QAGG("[{\"$match\":{\"a\":{\"$eq\":\"?number\"}}},{\"$lookup\":{\"from\":\"d\",\"as\":\"z\",\"localField\":\"x\",\"foreignField\":\"y\"}}]")},
    {"update", "update", "{\"q\":{\"a\":1},\"u\":{\"$set\":{\"b\":2}},\"multi\":false,\"upsert\":false}", NULL, NULL},
    {"update of many", "update", "{\"q\":{\"a\":{\"$lt\":1}},\"u\":{\"$set\":{\"b\":2}},\"multi\":true,\"upsert\":false}", NULL, NULL},
    {"delete", "remove", "{\"q\":{\"a\":1},\"limit\":1}", NULL, NULL},
    {"delete of many", "remove", "{\"q\":{\"a\":1},\"limit\":0}", NULL, NULL},
    {"findAndModify", "command", "{\"findAndModify\":\"c\",\"query\":{\"a\":1},\"sort\":{\"t\":1},\"update\":{\"$set\":{\"b\":1}},\"$db\":\"s\"}", NULL, NULL},
    {"count", "command", "{\"count\":\"c\",\"query\":{\"a\":1},\"$db\":\"s\"}", NULL, NULL},
    {"distinct", "command", "{\"distinct\":\"c\",\"key\":\"d\",\"query\":{\"a\":1},\"$db\":\"s\"}", NULL, "\"command\":\"distinct\",\"key\":\"d\",\"query\":{\"a\":{\"$eq\":\"?number\"}}"},
    {"getMore of a find", "getmore", "{\"getMore\":{\"$numberLong\":\"7\"},\"collection\":\"c\",\"$db\":\"s\"}", FIND("\"filter\":{\"a\":1},\"sort\":{\"t\":1}"), NULL},
    {"getMore of an aggregation", "getmore", "{\"getMore\":{\"$numberLong\":\"7\"},\"collection\":\"c\",\"$db\":\"s\"}", AGG("[{\"$match\":{\"a\":1}}]"), NULL},
    {"$text", "query", FIND("\"filter\":{\"$text\":{\"$search\":\"x\"}}"), NULL, NULL},
    {"$expr", "query", FIND("\"filter\":{\"$expr\":{\"$gt\":[\"$a\",\"$b\"]}}"), NULL, NULL},
};

static void fingerprint(const struct sb_slow_op *op, char out[SB_FINGERPRINT_LEN + 1])
{
    struct sb_shape *s = sb_shape_new(op, &err);
    assert_non_null(s);
    memcpy(out, s->fingerprint, SB_FINGERPRINT_LEN + 1);
    sb_shape_free(s);
}

static bson_t *bson_of(char *text)
{
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);
    if (!doc)
        fail_msg("%s: %s", text, error.message);
    free(text);
    return doc;
}

static char *origin(const struct kind *k)
{
    return k->originating ? sb_format(",\"originatingCommand\":%s", k->originating) : sb_format("%s", "");
}

/* As a line of a log. after: members that a later version has. */
static void from_log(const struct kind *k, const char *more, char *out)
{
    char *o = origin(k), *text = sb_format("{\"t\":{\"$date\":\"2026-11-23T09:05:10.707+00:00\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,%s\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"%s\",\"ns\":\"s.c\","
                                           "\"appName\":\"app\",\"command\":%s%s,\"planSummary\":\"COLLSCAN\",%s\"durationMillis\":150}}",
                                           more[0] ? "\"svc\":\"R\"," : "", strcmp(k->type, "query") == 0 || strcmp(k->type, "getmore") == 0 ? "command" : k->type, k->command, o, more);
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    sb_mongolog_init(&reader);
    if (sb_mongolog_line(&reader, text, strlen(text), &line, &op) != SB_LOG_GOOD)
        fail_msg("not a line: %s", text);
    fingerprint(&op, out);
    sb_mongolog_release(&reader);
    free(text);
    free(o);
}

static void from_profile(const struct kind *k, bool json, char *out)
{
    char *o = origin(k), *text = sb_format("{\"op\":\"%s\",\"ns\":\"s.c\",\"command\":%s%s,\"millis\":150,\"ts\":{\"$date\":{\"$numberLong\":\"1795424710707\"}}}", k->type, k->command, o);
    struct sb_scratch scratch;
    struct sb_slow_op op;
    memset(&scratch, 0, sizeof scratch);
    if (json) {
        assert_int_equal(sb_profile_json(&scratch, text, strlen(text), &op), SB_LOG_GOOD);
        fingerprint(&op, out);
        free(text);
    } else {
        bson_t *doc = bson_of(text);
        assert_true(sb_profile_bson(doc, &op));
        fingerprint(&op, out);
        bson_destroy(doc);
    }
    sb_scratch_release(&scratch);
    free(o);
}

static void from_current_op(const struct kind *k, bool in_cursor, char *out)
{
    char *o = !k->originating ? sb_format("%s", "") : in_cursor ? sb_format(",\"cursor\":{\"cursorId\":7,\"originatingCommand\":%s}", k->originating) : origin(k);
    bson_t *doc = bson_of(sb_format("{\"type\":\"op\",\"desc\":\"conn1\",\"connectionId\":1,\"active\":true,\"opid\":12,\"secs_running\":{\"$numberLong\":\"42\"},\"microsecs_running\":{\"$numberLong\":\"42000123\"},"
                                    "\"op\":\"%s\",\"ns\":\"s.c\",\"command\":%s%s,\"planSummary\":\"COLLSCAN\",\"numYields\":9}", k->type, k->command, o));
    struct sb_slow_op op;
    assert_true(sb_current_op(doc, 1795424710707, &op));
    assert_int_equal(op.duration_ms, 42000);
    fingerprint(&op, out);
    bson_destroy(doc);
    free(o);
}

static void from_query_stats(const struct kind *k, char *out)
{
    bson_t *doc = bson_of(sb_format("{\"key\":{\"queryShape\":{\"cmdNs\":{\"db\":\"s\",\"coll\":\"c\"},%s},\"client\":{\"application\":{\"name\":\"app\"}},\"collectionType\":\"collection\"},"
                                    "\"asOf\":{\"$timestamp\":{\"t\":1,\"i\":0}},\"metrics\":{\"execCount\":{\"$numberLong\":\"20\"},\"totalExecMicros\":{\"sum\":{\"$numberLong\":\"3000000\"}},"
                                    "\"docsReturned\":{\"sum\":{\"$numberLong\":\"60\"}},\"docsExamined\":{\"sum\":{\"$numberLong\":\"400000\"}},\"hasSortStage\":{\"true\":{\"$numberLong\":\"3\"},\"false\":17},"
                                    "\"latestSeenTimestamp\":{\"$date\":{\"$numberLong\":\"1795424710707\"}}}}", k->stat));
    struct sb_query_stat q;
    assert_true(sb_query_stat_read(doc, &q));
    assert_true(q.executions == 20 && q.op.docs_examined == 400000 && q.op.returned == 60 && q.op.duration_ms == 3000 && q.op.has_sort_stage && q.first_ms == SB_NO_TIME && q.op.at_ms == 1795424710707);
    assert_string_equal(q.ns, "s.c");
    fingerprint(&q.op, out);
    sb_query_stat_release(&q);
    bson_destroy(doc);
}

static void one_fingerprint_from_every_source(void **state)
{
    (void)state;
    static const char v80[] = "\"planningTimeMicros\":80,\"keysExamined\":0,\"docsExamined\":20000,\"planCacheShapeHash\":\"4F1A8C03\",\"queryShapeHash\":\"00\",\"queryFramework\":\"sbe\",\"cpuNanos\":1500,"
                              "\"queues\":{\"execution\":{\"admissions\":1,\"totalTimeQueuedMicros\":3}},\"workingMillis\":140,";
    size_t sources = 0, stats = 0;
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        const struct kind *k = &kinds[i];
        char want[SB_FINGERPRINT_LEN + 1], got[8][SB_FINGERPRINT_LEN + 1];
        size_t n = 0;
        from_log(k, "", want);
        from_log(k, v80, got[n++]);
        from_profile(k, false, got[n++]);
        from_profile(k, true, got[n++]);
        from_current_op(k, false, got[n++]);
        from_current_op(k, true, got[n++]);
        if (k->stat) {
            from_query_stats(k, got[n++]);
            stats++;
        }
        for (size_t s = 0; s < n; s++)
            if (strcmp(got[s], want) != 0)
                fail_msg("%s: source %zu has the fingerprint %s, the log of 4.4 %s", k->what, s, got[s], want);
        sources += n + 1;
    }
    print_message("%zu kinds of operation, the same fingerprint %zu times: log of 4.4 and 8.0, profile as BSON and JSON, $currentOp, and %zu of them from $queryStats\n", SB_COUNT(kinds), sources, stats);
    assert_true(SB_COUNT(kinds) >= 25);
}

/* Every kind is another shape; no index is of use to either regular expression without a fixed beginning, so that they are one. */
static void no_two_kinds_are_one(void **state)
{
    (void)state;
    char all[SB_COUNT(kinds)][SB_FINGERPRINT_LEN + 1];
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        from_log(&kinds[i], "", all[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(all[i], all[k]) == 0 && !(strstr(kinds[i].what, "ignores case") && strstr(kinds[k].what, "regular expression")))
                fail_msg("\"%s\" and \"%s\" have one fingerprint", kinds[i].what, kinds[k].what);
    }
}

static void what_is_no_operation_is_passed_over(void **state)
{
    (void)state;
    static const char *const idle[] = {
        "{}", "{\"active\":true}", "{\"type\":\"idleSession\",\"active\":true,\"op\":\"command\",\"ns\":\"s.c\"}", "{\"type\":\"op\",\"active\":false,\"op\":\"none\",\"ns\":\"\"}",
        "{\"type\":\"op\",\"active\":true,\"op\":\"none\",\"ns\":\"s.c\",\"desc\":\"IndexBuildsCoordinator\"}", "{\"type\":\"op\",\"active\":true,\"op\":\"query\",\"ns\":\"\"}", "{\"type\":\"op\",\"active\":true,\"op\":7,\"ns\":\"s.c\"}"};
    for (size_t i = 0; i < SB_COUNT(idle); i++) {
        bson_t *doc = bson_of(sb_format("%s", idle[i]));
        struct sb_slow_op op;
        assert_false(sb_current_op(doc, 1, &op));
        bson_destroy(doc);
    }
    static const char *const other[] = {"{}", "{\"key\":{\"queryShape\":{\"command\":\"find\"}}}", "{\"key\":{\"queryShape\":{\"cmdNs\":{\"db\":\"s\",\"coll\":\"c\"},\"command\":\"bulkWrite\"}}}",
                                        "{\"key\":{\"queryShape\":{\"cmdNs\":{\"db\":\"s\",\"coll\":\"c\"},\"command\":\"find\",\"filter\":7}}}", "{\"key\":{\"queryShape\":7}}"};
    for (size_t i = 0; i < SB_COUNT(other); i++) {
        bson_t *doc = bson_of(sb_format("%s", other[i]));
        struct sb_query_stat q;
        assert_false(sb_query_stat_read(doc, &q));
        bson_destroy(doc);
    }
    /* a filter that is left out is an empty one */
    char with[SB_FINGERPRINT_LEN + 1], without[SB_FINGERPRINT_LEN + 1];
    const struct kind empty[] = {{"", "query", FIND("\"filter\":{},\"sort\":{\"t\":1}"), NULL, NULL}, {"", "query", FIND("\"sort\":{\"t\":1}"), NULL, NULL}};
    from_log(&empty[0], "", with);
    from_log(&empty[1], "", without);
    assert_string_equal(with, without);
    /* a command that was cut short has no shape, and a duration all the same */
    bson_t *doc = bson_of(sb_format("%s", "{\"type\":\"op\",\"active\":true,\"op\":\"query\",\"ns\":\"s.c\",\"secs_running\":9,\"command\":{\"$truncated\":\"{ find: \\\"c\\\", filter: { a\"}}"));
    struct sb_slow_op op;
    assert_true(sb_current_op(doc, 1, &op));
    assert_true(op.command_truncated && op.kind == SB_OP_FIND && op.duration_ms == 9000);
    struct sb_shape *s = sb_shape_new(&op, &err);
    assert_true(s && s->unknown);
    sb_shape_free(s);
    bson_destroy(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_fingerprint_from_every_source),
        cmocka_unit_test(no_two_kinds_are_one),
        cmocka_unit_test(what_is_no_operation_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
