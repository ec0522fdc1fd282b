/* SPDX-License-Identifier: Apache-2.0
 *
 * Advice from logs alone: a table of plain cases and traps, what the log says of indexes, bad input, and what a recorded
 * catalogue adds. */
#include "test.h"

#include <signalbox/agents/catalogue_replies.h>
#include <signalbox/agents/index_optimizer.h>
#include <signalbox/agents/log_advice.h>
#include <signalbox/formats/mongolog.h>

#include <stdio.h>
#include <string.h>

#define AT "2026-11-23T09:05:10.707Z"
#define NOW_MS INT64_C(1795424710707)

struct told {
    struct sb_workload *w;
    struct sb_log_indexes indexes;
    struct sb_catalogue_replies catalogue;
};

static void begin(struct told *t)
{
    struct sb_err err = SB_ERR_INIT;
    memset(t, 0, sizeof *t);
    t->w = sb_workload_new(NULL, &err);
    assert_non_null(t->w);
}

static void end(struct told *t)
{
    sb_workload_free(t->w);
    sb_log_indexes_release(&t->indexes);
    sb_catalogue_replies_release(&t->catalogue);
}

static void line(struct told *t, const char *text, int times)
{
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    sb_mongolog_init(&reader);
    enum sb_log_status status = sb_mongolog_line(&reader, text, strlen(text), &l, &op);
    if (status != SB_LOG_GOOD && status != SB_LOG_CUT)
        fail_msg("not a line: %s", text);
    for (int i = 0; i < times && l.slow; i++)
        sb_assert_ok(sb_workload_add(t->w, &op, &err), err);
    if (!l.slow)
        assert_int_equal(sb_log_indexes_line(&t->indexes, &l), 0);
    sb_mongolog_release(&reader);
}

/* One slow operation, `times` over. type: "command", "update", "remove". */
static void slow(struct told *t, int times, const char *type, const char *ns, const char *command, const char *plan, int docs, int used, const char *more)
{
    char *text = sb_format("{\"t\":{\"$date\":\"" AT "\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"%s\",\"ns\":\"%s\","
                           "\"command\":%s,\"planSummary\":\"%s\",%s\"docsExamined\":%d,\"%s\":%d,\"durationMillis\":150}}",
                           type, ns, command, plan, more ? more : "", docs, strcmp(type, "update") == 0 ? "nModified" : strcmp(type, "remove") == 0 ? "ndeleted" : "nreturned", used);
    line(t, text, times);
    free(text);
}

static void advise(struct told *t, struct sb_log_advice **out, size_t *n)
{
    struct sb_err err = SB_ERR_INIT;
    sb_catalogue_replies_end(&t->catalogue);
    struct sb_log_question q = {.workload = t->w, .indexes = &t->indexes, .catalogues = t->catalogue.items, .catalogues_n = t->catalogue.items_n,
                                .span_ms = 60000, .now_ms = t->catalogue.at_ms ? t->catalogue.at_ms : NOW_MS};
    sb_assert_ok(sb_log_advise(&q, out, n, &err), err);
}

/* The proposals, sorted: "{a: 1} {b: 1, c: -1}". */
static char *proposals(const struct sb_log_advice *a, size_t n)
{
    char *keys[32];
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i].kind == SB_ADVICE_CREATE || a[i].kind == SB_ADVICE_REPLACE) {
            char *shown = sb_index_key_shown(a[i].key);
            assert_true(shown && k < SB_COUNT(keys));
            size_t at = k++;
            for (; at > 0 && strcmp(shown, keys[at - 1]) < 0; at--)
                keys[at] = keys[at - 1];
            keys[at] = shown;
        }
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < k; i++) {
        sb_str_addf(&s, "%s%s", i ? " " : "", keys[i]);
        free(keys[i]);
    }
    return s.len ? sb_str_take(&s) : sb_format("%s", "");
}

/* ---- the table ---- */

#define F(filter) "{\"find\":\"c\",\"filter\":" filter ",\"$db\":\"s\"}"
#define FS(filter, sort) "{\"find\":\"c\",\"filter\":" filter ",\"sort\":" sort ",\"$db\":\"s\"}"
#define FSL(filter, sort) "{\"find\":\"c\",\"filter\":" filter ",\"sort\":" sort ",\"limit\":5,\"$db\":\"s\"}"
#define AG(pipeline) "{\"aggregate\":\"c\",\"pipeline\":" pipeline ",\"cursor\":{},\"$db\":\"s\"}"
#define SORTS "\"hasSortStage\":true,"
#define SPILLS "\"hasSortStage\":true,\"usedDisk\":true,"
#define LIST50 "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0"
#define LIST250 "[" LIST50 "," LIST50 "," LIST50 "," LIST50 "," LIST50 "]"

struct seen_op {
    const char *command, *more;
    int docs, used;
    const char *plan, *ns, *type; /* NULL: COLLSCAN, s.c, command */
};

struct trap {
    const char *what;
    struct seen_op op[4];
    const char *keys;   /* all that is proposed, sorted */
    const char *reason; /* must stand in some reason for none; NULL: nothing to say */
};

static const struct trap traps[] = {
    {"one equality", {{F("{\"a\":1}"), "", 20000, 3, 0, 0, 0}}, "{a: 1}", NULL},
    {"equality, sort, range whatever their order in the filter", {{FS("{\"r\":{\"$gt\":1},\"a\":1}", "{\"t\":-1}"), SORTS, 20000, 3, 0, 0, 0}}, "{a: 1, t: -1, r: 1}", NULL},
    {"$eq and $and are plain equality", {{F("{\"$and\":[{\"a\":{\"$eq\":1}},{\"b\":2}]}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, b: 1}", NULL},
    {"both ends of a range are one field", {{F("{\"r\":{\"$gte\":1,\"$lt\":9}}"), "", 20000, 3, 0, 0, 0}}, "{r: 1}", NULL},
    {"a second range is filtered on in the key", {{F("{\"a\":1,\"r\":{\"$gt\":1},\"s\":{\"$lt\":1}}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, r: 1, s: 1}", NULL},
    {"a prefix needs no index of its own", {{F("{\"b\":1}"), "", 20000, 9, 0, 0, 0}, {F("{\"a\":1,\"b\":1}"), "", 20000, 3, 0, 0, 0}}, "{b: 1, a: 1}", NULL},
    {"three shapes in one chain", {{F("{\"c\":1}"), "", 20000, 9, 0, 0, 0}, {F("{\"a\":1,\"c\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a\":1,\"b\":1,\"c\":1}"), "", 20000, 3, 0, 0, 0}}, "{c: 1, a: 1, b: 1}", NULL},
    {"two that share no beginning", {{F("{\"a\":1}"), "", 20000, 9, 0, 0, 0}, {F("{\"b\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a\":1,\"b\":1}"), "", 20000, 3, 0, 0, 0}}, "{a: 1} {b: 1, a: 1}", NULL},
    {"a value that leads to so few that a second index wins nothing", {{F("{\"a\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a\":1,\"b\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a\":1,\"c\":1}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, c: 1}", "finds as few"},
    {"and one that leads to many", {{F("{\"a\":1}"), "", 20000, 900, 0, 0, 0}, {F("{\"a\":1,\"b\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a\":1,\"c\":1}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, b: 1} {a: 1, c: 1}", NULL},
    {"a sort goes on where an equality ended", {{F("{\"a\":1,\"t\":1}"), "", 20000, 3, 0, 0, 0}, {FS("{\"a\":1}", "{\"t\":1}"), SORTS, 20000, 3, 0, 0, 0}}, "{a: 1, t: 1}", NULL},
    {"the whole sort reversed is the same index", {{FSL("{}", "{\"a\":1,\"b\":-1}"), SORTS, 20000, 5, 0, 0, 0}, {FSL("{}", "{\"a\":-1,\"b\":1}"), SORTS, 20000, 5, 0, 0, 0}}, "{a: -1, b: 1}", NULL},
    {"mixed directions are another one", {{FSL("{}", "{\"a\":1,\"b\":-1}"), SORTS, 20000, 5, 0, 0, 0}, {FSL("{}", "{\"a\":1,\"b\":1}"), SORTS, 20000, 5, 0, 0, 0}}, "{a: 1, b: -1} {a: 1, b: 1}", NULL},
    {"one sorted field is read from either end", {{FS("{\"a\":1}", "{\"t\":-1}"), SORTS, 20000, 5, 0, 0, 0}, {FS("{\"a\":1}", "{\"t\":1}"), SORTS, 20000, 5, 0, 0, 0}}, "{a: 1, t: -1}", NULL},
    {"the same, when it takes files on disk", {{FS("{}", "{\"t\":-1}"), SPILLS, 20000, 20000, 0, 0, 0}}, "{t: -1}", NULL},
    {"found by an index, sorted with files on disk", {{FS("{\"a\":1}", "{\"t\":-1}"), SPILLS, 20000, 20000, "IXSCAN { a: 1 }", 0, 0}}, "{a: 1, t: -1}", NULL},
    {"a $group that takes files on disk", {{AG("[{\"$group\":{\"_id\":\"$a\",\"n\":{\"$sum\":1}}}]"), "\"usedDisk\":true,", 20000, 19000, 0, 0, 0}}, "", "an index would not read less"},
    {"a sort by what a $group has made", {{AG("[{\"$group\":{\"_id\":\"$a\",\"n\":{\"$sum\":1}}},{\"$sort\":{\"n\":-1}}]"), SPILLS, 20000, 19000, 0, 0, 0}}, "", "no equality, sort or range"},
    {"a sort by what a $unwind has made", {{AG("[{\"$unwind\":\"$a\"},{\"$sort\":{\"a.b\":-1}}]"), SPILLS, 20000, 60000, 0, 0, 0}}, "", "no equality, sort or range"},
    {"an $or with more arms than there is room for indexes", {{F("{\"$or\":[{\"x0\":1},{\"x1\":1},{\"x2\":1},{\"x3\":1},{\"x4\":1},{\"x5\":1},{\"x6\":1},{\"x7\":1},{\"x8\":1},{\"x9\":1},{\"x10\":1},{\"x11\":1},{\"x12\":1},{\"x13\":1},{\"x14\":1},{\"x15\":1},{\"x16\":1},{\"x17\":1},{\"x18\":1},{\"x19\":1},{\"x20\":1},{\"x21\":1},{\"x22\":1},{\"x23\":1}]}"), "", 20000, 3, 0, 0, 0}}, "", "another arm of its $or gets no index"},
    {"the same beside a shape that wants one of them", {{F("{\"$or\":[{\"x0\":1},{\"x1\":1},{\"x2\":1},{\"x3\":1},{\"x4\":1},{\"x5\":1},{\"x6\":1},{\"x7\":1},{\"x8\":1},{\"x9\":1},{\"x10\":1},{\"x11\":1},{\"x12\":1},{\"x13\":1},{\"x14\":1},{\"x15\":1},{\"x16\":1},{\"x17\":1},{\"x18\":1},{\"x19\":1},{\"x20\":1},{\"x21\":1},{\"x22\":1},{\"x23\":1}]}"), "", 20000, 3, 0, 0, 0}, {F("{\"x7\":1}"), "", 20000, 3, 0, 0, 0}}, "{x7: 1}", "another arm of its $or gets no index"},
    {"a sort of everything that all comes back", {{FS("{}", "{\"t\":-1}"), SORTS, 20000, 20000, 0, 0, 0}}, "", "returns all"},
    {"a text score is no order of an index", {{FS("{\"a\":1}", "{\"s\":{\"$meta\":\"textScore\"}}"), SORTS, 20000, 3, 0, 0, 0}}, "{a: 1}", NULL},
    {"a short list is equality", {{FS("{\"a\":{\"$in\":[1,2,3]}}", "{\"t\":1}"), SORTS, 20000, 3, 0, 0, 0}}, "{a: 1, t: 1}", NULL},
    {"a long list is a range", {{FS("{\"a\":{\"$in\":" LIST250 "}}", "{\"t\":1}"), SORTS, 20000, 3, 0, 0, 0}}, "{t: 1, a: 1}", NULL},
    {"a list behind plain equality", {{F("{\"a\":{\"$in\":[1,2]},\"b\":1}"), "", 20000, 3, 0, 0, 0}}, "{b: 1, a: 1}", NULL},
    {"each arm of an $or", {{F("{\"$or\":[{\"a\":1},{\"b\":{\"$gt\":2}}]}"), "", 20000, 3, 0, 0, 0}}, "{a: 1} {b: 1}", NULL},
    {"an arm that no index narrows spoils the $or", {{F("{\"$or\":[{\"a\":1},{\"b\":{\"$ne\":2}}]}"), "", 20000, 3, 0, 0, 0}}, "", "every arm of its $or"},
    {"what stands beside an $or narrows it", {{F("{\"k\":1,\"$or\":[{\"a\":1},{\"b\":{\"$ne\":2}}]}"), "", 20000, 3, 0, 0, 0}}, "{k: 1}", NULL},
    {"$nor is a negation", {{F("{\"$nor\":[{\"a\":1},{\"b\":2}]}"), "", 20000, 3, 0, 0, 0}}, "", "negation"},
    {"a fixed beginning is a range", {{FS("{\"a\":{\"$regex\":\"^abc\"}}", "{\"t\":1}"), SORTS, 20000, 3, 0, 0, 0}}, "{t: 1, a: 1}", NULL},
    {"a pattern without one is nothing", {{F("{\"a\":{\"$regex\":\"abc\"}}"), "", 20000, 3, 0, 0, 0}}, "", "fixed beginning"},
    {"nor is one that ignores case", {{F("{\"a\":{\"$regex\":\"^abc\",\"$options\":\"i\"}}"), "", 20000, 3, 0, 0, 0}}, "", "fixed beginning"},
    {"$ne", {{F("{\"a\":{\"$ne\":1}}"), "", 20000, 3, 0, 0, 0}}, "", "negation"},
    {"$nin beside an equality", {{F("{\"a\":{\"$nin\":[1]},\"b\":1}"), "", 20000, 3, 0, 0, 0}}, "{b: 1}", NULL},
    {"$exists", {{F("{\"a\":{\"$exists\":false}}"), "", 20000, 3, 0, 0, 0}}, "", "$exists"},
    {"$where", {{F("{\"$where\":\"x\"}"), "", 20000, 3, 0, 0, 0}}, "", "document by document"},
    {"$text", {{F("{\"$text\":{\"$search\":\"x\"},\"a\":1}"), "", 20000, 3, 0, 0, 0}}, "", "text index"},
    {"most of it comes back", {{F("{\"a\":1}"), "", 20000, 12000, 0, 0, 0}}, "", "would not read less"},
    {"a small collection", {{F("{\"a\":1}"), "", 40, 1, 0, 0, 0}}, "", "reading so few"},
    {"nothing is found by an index that is there", {{F("{\"a\":1}"), "", 0, 0, "IXSCAN { a: 1 }", 0, 0}}, "", "already served"},
    {"an index that a plan names serves another shape", {{F("{\"a\":1,\"b\":{\"$gt\":1}}"), "", 3, 3, "IXSCAN { a: 1, b: 1 }", 0, 0}, {F("{\"a\":1}"), "", 20000, 3, 0, 0, 0}}, "", "already serves"},
    {"a longer key for one that helps a little", {{F("{\"a\":1,\"b\":1}"), "", 5000, 3, "IXSCAN { a: 1 }", 0, 0}}, "{a: 1, b: 1}", NULL},
    {"keys read in vain, since the range leads the index", {{F("{\"a\":1,\"r\":{\"$gt\":1}}"), "\"keysExamined\":50000,", 30, 30, "IXSCAN { r: 1, a: 1 }", 0, 0}}, "{a: 1, r: 1}", NULL},
    {"a count that reads keys only", {{"{\"count\":\"c\",\"query\":{\"a\":1},\"$db\":\"s\"}", "\"keysExamined\":50000,", 0, 0, "COUNT_SCAN { a: 1 }", 0, 0}}, "", "already serves"},
    {"an index with the sort turned round is there", {{FS("{\"a\":1}", "{\"t\":1,\"u\":-1}"), "", 5, 5, "IXSCAN { a: 1, t: -1, u: 1 }", 0, 0}, {FS("{\"a\":1}", "{\"t\":-1,\"u\":1}"), SORTS, 9000, 5, 0, 0, 0}}, "", "already serves"},
    {"writes that cost more", {{"{\"insert\":\"c\",\"$db\":\"s\"}", "\"ninserted\":50000,", 0, 0, "", 0, 0}, {F("{\"a\":1}"), "", 900, 1, 0, 0, 0}}, "", "writes cost more"},
    {"an update's filter", {{"{\"q\":{\"a\":1},\"u\":{\"$set\":{\"b\":1}},\"multi\":false}", "", 20000, 1, 0, 0, "update"}}, "{a: 1}", NULL},
    {"updates that change nothing are not in vain", {{"{\"q\":{\"a\":1},\"u\":{\"$set\":{\"b\":1}},\"multi\":false}", "", 1, 0, "IXSCAN { a: 1 }", 0, "update"}}, "", "already served"},
    {"a delete's filter", {{"{\"q\":{\"a\":{\"$lt\":1}},\"limit\":0}", "", 20000, 10, 0, 0, "remove"}}, "{a: 1}", NULL},
    {"findAndModify with its sort", {{"{\"findAndModify\":\"c\",\"query\":{\"a\":1},\"sort\":{\"t\":1},\"update\":{\"$set\":{\"b\":1}},\"$db\":\"s\"}", SORTS, 20000, 1, 0, 0, 0}}, "{a: 1, t: 1}", NULL},
    {"findAndModify returns the one document that it writes", {{"{\"findAndModify\":\"c\",\"query\":{\"a\":1},\"update\":{\"$set\":{\"b\":1}},\"$db\":\"s\"}", "\"nModified\":1,", 15, 1, 0, 0, 0}}, "", "it reads 15 documents at a time"},
    {"count", {{"{\"count\":\"c\",\"query\":{\"a\":1},\"$db\":\"s\"}", "", 20000, 0, 0, 0, 0}}, "{a: 1}", NULL},
    {"distinct, with its own field behind the filter", {{"{\"distinct\":\"c\",\"key\":\"d\",\"query\":{\"a\":1},\"$db\":\"s\"}", "", 20000, 0, 0, 0, 0}}, "{a: 1, d: 1}", NULL},
    {"the stages at the head", {{AG("[{\"$match\":{\"a\":1}},{\"$sort\":{\"t\":-1}},{\"$group\":{\"_id\":\"$x\"}}]"), SORTS, 20000, 3, 0, 0, 0}}, "{a: 1, t: -1}", NULL},
    {"two leading $match are one filter", {{AG("[{\"$match\":{\"a\":1}},{\"$match\":{\"b\":1}},{\"$count\":\"n\"}]"), "", 20000, 1, 0, 0, 0}}, "{a: 1, b: 1}", NULL},
    {"what stands behind a $group no index serves", {{AG("[{\"$group\":{\"_id\":\"$a\"}},{\"$match\":{\"_id\":1}}]"), "", 20000, 1, 0, 0, 0}}, "", "no equality, sort or range"},
    {"the inner side of a $lookup", {{AG("[{\"$lookup\":{\"from\":\"d\",\"localField\":\"x\",\"foreignField\":\"y\",\"as\":\"z\"}}]"), "", 900000, 30, 0, 0, 0}}, "{y: 1}", NULL},
    {"a $lookup by _id", {{AG("[{\"$lookup\":{\"from\":\"d\",\"localField\":\"x\",\"foreignField\":\"_id\",\"as\":\"z\"}}]"), "", 900000, 30, 0, 0, 0}}, "", "no equality, sort or range"},
    {"_id finds one document", {{F("{\"_id\":1,\"a\":2}"), "", 20000, 0, 0, 0, 0}}, "", "_id_"},
    {"a hint stands", {{"{\"find\":\"c\",\"filter\":{\"a\":1},\"hint\":{\"b\":1},\"$db\":\"s\"}", "", 20000, 3, "IXSCAN { b: 1 }", 0, 0}}, "", "hint"},
    {"the server's own databases", {{F("{\"a\":1}"), "", 20000, 3, 0, "local.c", 0}, {F("{\"a\":1}"), "", 20000, 3, 0, "admin.c", 0}, {F("{\"a\":1}"), "", 20000, 3, 0, "config.c", 0}, {F("{\"ts\":1}"), "", 20000, 3, 0, "local.oplog.rs", 0}}, "", "own databases"},
    {"system collections", {{F("{\"a\":1}"), "", 20000, 3, 0, "s.system.buckets.c", 0}, {F("{\"a\":1}"), "", 20000, 3, 0, "s.system.profile", 0}}, "", "system collection"},
    {"a view", {{F("{\"a\":1}"), "\"resolvedViews\":[{\"viewNamespace\":\"s.c\"}],", 20000, 3, 0, 0, 0}}, "", "a view"},
    {"a time-series collection", {{F("{\"a\":1}"), "\"collectionType\":\"timeseries\",", 20000, 3, 0, 0, 0}}, "", "time-series"},
    {"two arrays cannot share an index", {{F("{\"a\":{\"$all\":[1,2]},\"b\":{\"$elemMatch\":{\"x\":1}}}"), "", 20000, 3, 0, 0, 0}}, "{a: 1}", NULL},
    {"two fields of one element can", {{F("{\"b\":{\"$elemMatch\":{\"x\":1,\"y\":{\"$gt\":1}}}}"), "", 20000, 3, 0, 0, 0}}, "{b.x: 1, b.y: 1}", NULL},
    {"an array that an update told of", {{"{\"q\":{\"_id\":1},\"u\":{\"$push\":{\"a\":1,\"b\":1}},\"multi\":false}", "", 1, 1, "IDHACK", 0, "update"}, {F("{\"a\":1,\"b\":1,\"k\":1}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, k: 1}", NULL},
    {"more equalities than single out a document", {{F("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}"), "", 20000, 3, 0, 0, 0}}, "", "compares more than"},
    {"names that no key may hold", {{F("{\"$bad\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a..b\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\".a\":1}"), "", 20000, 3, 0, 0, 0}, {F("{\"a.\":1}"), "", 20000, 3, 0, 0, 0}}, "", "no equality, sort or range"},
    {"a name that is no text", {{F("{\"a\x9a\":1}"), "", 20000, 3, 0, 0, 0}, {AG("[{\"$lookup\":{\"from\":\"d\",\"localField\":\"x\",\"foreignField\":\"y\x9a\",\"as\":\"z\"}}]"), "", 900000, 30, 0, 0, 0}}, "", "no equality, sort or range"},
    {"a reference's fields", {{F("{\"r.$id\":1}"), "", 20000, 3, 0, 0, 0}}, "{r.$id: 1}", NULL},
    {"a command that was cut", {{"{\"find\":\"c\",\"filter\":{\"a\":1},\"$truncated\":\"x\"}", "", 20000, 3, 0, 0, 0}}, "{a: 1}", NULL},
    {"a getMore asks what its find asked", {{"{\"getMore\":1,\"collection\":\"c\",\"$db\":\"s\"}", "\"originatingCommand\":" F("{\"a\":1}") ",", 20000, 101, 0, 0, 0}}, "{a: 1}", NULL},
    {"every kind of value", {{F("{\"a\":{\"$oid\":\"507f1f77bcf86cd799439011\"},\"b\":{\"$date\":\"2026-01-01T00:00:00Z\"},\"c\":{\"$numberDecimal\":\"1\"},\"d\":{\"$binary\":{\"base64\":\"AA==\",\"subType\":\"00\"}},\"e\":null,\"f\":{\"$minKey\":1}}"), "", 20000, 3, 0, 0, 0}}, "{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1}", NULL},
    {"arrays in arrays", {{F("{\"a\":[[[[1]]],{\"b\":[{}]}]}"), "", 20000, 3, 0, 0, 0}}, "{a: 1}", NULL},
};

static void each_trap(void **state)
{
    (void)state;
    size_t right = 0;
    for (size_t i = 0; i < SB_COUNT(traps); i++) {
        struct told t;
        struct sb_log_advice *a;
        size_t n;
        begin(&t);
        for (size_t k = 0; k < SB_COUNT(traps[i].op) && traps[i].op[k].command; k++) {
            const struct seen_op *o = &traps[i].op[k];
            slow(&t, 20, o->type ? o->type : "command", o->ns ? o->ns : "s.c", o->command, o->plan ? o->plan : "COLLSCAN", o->docs, o->used, o->more);
        }
        advise(&t, &a, &n);
        char *got = proposals(a, n);
        bool ok = strcmp(got, traps[i].keys) == 0, said = !traps[i].reason;
        for (size_t k = 0; k < n; k++) {
            assert_non_null(a[k].reason);
            said = said || (a[k].kind == SB_ADVICE_NONE && strstr(a[k].reason, traps[i].reason));
        }
        if (!ok || !said) {
            print_error("%s: proposed \"%s\", wanted \"%s\"%s\n", traps[i].what, got, traps[i].keys, said ? "" : ", and the reason is not there:");
            for (size_t k = 0; k < n; k++)
                print_error("    %s %s\n", sb_advice_kind_name(a[k].kind), a[k].reason);
        }
        right += ok && said;
        free(got);
        sb_log_advice_free(a, n);
        end(&t);
    }
    print_message("traps: %zu of %zu\n", right, SB_COUNT(traps));
    assert_int_equal(right, SB_COUNT(traps));
}

/* ---- what the log says of indexes ---- */

#define L(id, msg, at, attr) "{\"t\":{\"$date\":\"" at "\"},\"s\":\"I\",\"c\":\"INDEX\",\"id\":" id ",\"ctx\":\"conn1\",\"msg\":\"" msg "\",\"attr\":{\"namespace\":\"s.c\"," attr "}}"
#define BEGUN(at, key, name) L("20384", "Index build: starting", at, "\"properties\":{\"v\":2,\"key\":" key ",\"name\":\"" name "\"}")
#define BUILT(at, name) L("20345", "Index build: done building", at, "\"index\":\"" name "\"")
#define DROPPED(at, what) L("51806", "CMD: dropIndexes", at, "\"indexes\":" what)
#define EARLY "2026-11-23T09:00:00.000Z"
#define LATE "2026-11-23T09:30:00.000Z"
#define LATER "2026-11-23T09:40:00.000Z"

static void check(struct told *t, const char *keys, const char *evidence)
{
    struct sb_log_advice *a;
    size_t n;
    advise(t, &a, &n);
    char *got = proposals(a, n);
    assert_string_equal(got, keys);
    bool said = !evidence;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < a[i].evidence_n; k++)
            said = said || strstr(a[i].evidence[k].what, evidence);
    assert_true(said);
    free(got);
    sb_log_advice_free(a, n);
    end(t);
}

static void the_log_tells_of_indexes(void **state)
{
    (void)state;
    struct told t;
    begin(&t); /* there before the shape was slow */
    line(&t, BEGUN(EARLY, "{\"a\":1,\"b\":-1}", "x"), 1);
    line(&t, BUILT(EARLY, "x"), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "", NULL);

    begin(&t); /* begun, and never done */
    line(&t, BEGUN(EARLY, "{\"a\":1}", "x"), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", NULL);

    begin(&t); /* made too late */
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    line(&t, BEGUN(LATE, "{\"a\":1}", "x"), 1);
    line(&t, BUILT(LATE, "x"), 1);
    check(&t, "{a: 1}", "it was built while");

    begin(&t); /* dropped before; only its name is told */
    line(&t, DROPPED(EARLY, "\"a_1\""), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", "it was dropped");

    begin(&t); /* a plan named it, then it was dropped; every member says so */
    slow(&t, 5, "command", "s.c", F("{\"a\":1,\"b\":1}"), "IXSCAN { a: 1, b: 1 }", 1, 1, "");
    line(&t, DROPPED(EARLY, "[\"a_1_b_1\"]"), 1);
    line(&t, DROPPED("2026-11-23T09:00:01.000Z", "[\"a_1_b_1\"]"), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", "it was dropped");

    begin(&t); /* by its key; and all of them */
    line(&t, BEGUN(EARLY, "{\"a\":1}", "x"), 1);
    line(&t, BUILT(EARLY, "x"), 1);
    line(&t, BEGUN(EARLY, "{\"b\":1}", "y"), 1);
    line(&t, BUILT(EARLY, "y"), 1);
    line(&t, DROPPED("2026-11-23T09:01:00.000Z", "{\"a\":1}"), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    slow(&t, 20, "command", "s.c", F("{\"b\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", "it was dropped");

    begin(&t);
    line(&t, BEGUN(EARLY, "{\"a\":1}", "x"), 1);
    line(&t, BUILT(EARLY, "x"), 1);
    line(&t, DROPPED("2026-11-23T09:01:00.000Z", "\"*\""), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", NULL);

    begin(&t); /* one of another name was dropped: which key it had nobody knows, so the plan decides */
    slow(&t, 5, "command", "s.c", F("{\"a\":1,\"b\":1}"), "IXSCAN { a: 1, b: 1 }", 1, 1, "");
    line(&t, DROPPED(EARLY, "\"mine\""), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", NULL);

    begin(&t); /* partial: it does not serve who asks for all; unique on what is compared: it finds one */
    line(&t, L("20384", "Index build: starting", EARLY, "\"properties\":{\"v\":2,\"key\":{\"a\":1},\"name\":\"x\",\"partialFilterExpression\":{\"z\":1}}"), 1);
    line(&t, BUILT(EARLY, "x"), 1);
    line(&t, L("20384", "Index build: starting", EARLY, "\"properties\":{\"v\":2,\"key\":{\"b\":1},\"name\":\"y\",\"unique\":true}"), 1);
    line(&t, BUILT(EARLY, "y"), 1);
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    slow(&t, 20, "command", "s.c", F("{\"b\":1,\"k\":1}"), "COLLSCAN", 20000, 0, "");
    check(&t, "{a: 1}", NULL);
    (void)LATER;
}

static void the_collation_is_an_option(void **state)
{
    (void)state;
    struct told t;
    struct sb_log_advice *a;
    size_t n;
    begin(&t);
    slow(&t, 20, "command", "s.c", "{\"find\":\"c\",\"filter\":{\"a\":1},\"collation\":{\"locale\":\"en\",\"strength\":2},\"$db\":\"s\"}", "COLLSCAN", 20000, 3, "");
    slow(&t, 30, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    advise(&t, &a, &n);
    assert_int_equal(n, 2);
    assert_string_equal(a[0].name, "a_1");
    assert_string_equal(a[0].options, "{ }");
    assert_string_equal(a[1].name, "a_1_collation");
    assert_non_null(strstr(a[1].options, "\"strength\" : { \"$numberInt\" : \"2\" }"));
    sb_log_advice_free(a, n);
    end(&t);
}

/* ---- what a recorded catalogue adds ---- */

static void reply(struct told *t, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_catalogue_replies_take(&t->catalogue, text, strlen(text), &err), err);
}

#define USE(name, ops, since) "{\"name\":\"" name "\",\"accesses\":{\"ops\":{\"$numberLong\":\"" ops "\"},\"since\":{\"$date\":{\"$numberLong\":\"" since "\"}}}}"
#define LONG_AGO "1790000000000"
#define LATELY "1795420000000"

struct kept {
    const char *name;
    enum sb_advice_kind kind;
    const char *says; /* NULL: nothing is said of it */
};

static void indexes_that_nobody_needs(void **state)
{
    (void)state;
    static const struct kept want[] = {
        {"a", SB_ADVICE_DROP, "begins with its key"},
        {"d_turned", SB_ADVICE_DROP, "same key"},
        {"u", SB_ADVICE_NONE, "unique"},
        {"ttl", SB_ADVICE_NONE, "expires"},
        {"part", SB_ADVICE_NONE, "partial"},
        {"hash", SB_ADVICE_NONE, "shard key"},
        {"txt", SB_ADVICE_NONE, "fails altogether"},
        {"hid", SB_ADVICE_NONE, "hidden"},
        {"dead", SB_ADVICE_HIDE, "2 members in 62 days"},
        {"late", SB_ADVICE_NONE, "a week is needed"},
        {"hinted", SB_ADVICE_NONE, "hint"},
        {"planned", SB_ADVICE_NONE, "a logged operation used it"},
        {"second", SB_ADVICE_NONE, NULL},
        {"ab", SB_ADVICE_NONE, NULL},
        {"f1", SB_ADVICE_NONE, NULL},
        {"_id_", SB_ADVICE_NONE, NULL},
    };
    struct told t;
    struct sb_log_advice *a;
    size_t n;
    begin(&t);
    reply(&t, "{\"db\":\"s\",\"reply\":{\"cursor\":{\"ns\":\"s.c\",\"firstBatch\":["
              "{\"v\":2,\"key\":{\"_id\":1},\"name\":\"_id_\"},{\"v\":2,\"key\":{\"a\":1},\"name\":\"a\"},{\"v\":2,\"key\":{\"a\":1,\"b\":1},\"name\":\"ab\"},"
              "{\"v\":2,\"key\":{\"d\":1,\"e\":-1},\"name\":\"d\"},{\"v\":2,\"key\":{\"d\":-1,\"e\":1},\"name\":\"d_turned\"},"
              "{\"v\":2,\"key\":{\"u\":1},\"name\":\"u\",\"unique\":true},{\"v\":2,\"key\":{\"t\":1},\"name\":\"ttl\",\"expireAfterSeconds\":60},"
              "{\"v\":2,\"key\":{\"p\":1},\"name\":\"part\",\"partialFilterExpression\":{\"x\":1}},{\"v\":2,\"key\":{\"h\":\"hashed\"},\"name\":\"hash\"},"
              "{\"v\":2,\"key\":{\"_fts\":\"text\",\"_ftsx\":1},\"name\":\"txt\",\"weights\":{\"x\":1}},{\"v\":2,\"key\":{\"hi\":1},\"name\":\"hid\",\"hidden\":true},"
              "{\"v\":2,\"key\":{\"z\":1},\"name\":\"dead\"},{\"v\":2,\"key\":{\"l\":1},\"name\":\"late\"},{\"v\":2,\"key\":{\"n\":1},\"name\":\"hinted\"},"
              "{\"v\":2,\"key\":{\"q\":1},\"name\":\"planned\"},{\"v\":2,\"key\":{\"s\":1},\"name\":\"second\"},{\"v\":2,\"key\":{\"f\":1},\"name\":\"f1\"},"
              "{\"v\":2,\"key\":{\"f1\":1,\"g\":1},\"name\":\"f10\"}]},\"operationTime\":{\"$timestamp\":{\"t\":1795424710,\"i\":1}}}}");
#define ALL(second, late, dead) \
    "{\"reply\":{\"cursor\":{\"ns\":\"s.c\",\"firstBatch\":[" USE("a", "7", LONG_AGO) "," USE("ab", "9", LONG_AGO) "," USE("d", "5", LONG_AGO) "," USE("d_turned", "2", LONG_AGO) "," USE("u", "0", LONG_AGO) "," \
    USE("ttl", "0", LONG_AGO) "," USE("part", "0", LONG_AGO) "," USE("hash", "0", LONG_AGO) "," USE("txt", "0", LONG_AGO) "," USE("hid", "0", LONG_AGO) "," USE("dead", dead, LONG_AGO) "," \
    USE("late", "0", late) "," USE("hinted", "0", LONG_AGO) "," USE("planned", "0", LONG_AGO) "," USE("second", second, LONG_AGO) "," USE("f1", "3", LONG_AGO) "," USE("f10", "3", LONG_AGO) "]}}}"
    reply(&t, ALL("0", LONG_AGO, "0"));
    reply(&t, ALL("4", LATELY, "0")); /* used on the second member only; the second member was restarted lately */
    slow(&t, 20, "command", "s.c", "{\"find\":\"c\",\"filter\":{\"n\":1},\"hint\":\"hinted\",\"$db\":\"s\"}", "IXSCAN { n: 1 }", 1, 1, "");
    slow(&t, 20, "command", "s.c", F("{\"q\":1}"), "IXSCAN { q: 1 }", 1, 1, "");
    advise(&t, &a, &n);
    for (size_t i = 0; i < SB_COUNT(want); i++) {
        const struct sb_log_advice *found = NULL;
        for (size_t k = 0; k < n; k++)
            if (a[k].name && strcmp(a[k].name, want[i].name) == 0)
                found = &a[k];
        if (!want[i].says && found)
            fail_msg("%s: %s", want[i].name, found->reason);
        if (!want[i].says)
            continue;
        if (!found || found->kind != want[i].kind || (!strstr(found->reason, want[i].says) && strcmp(want[i].name, "hinted") != 0))
            fail_msg("%s: %s", want[i].name, found ? found->reason : "nothing");
        bool anew = false;
        for (size_t k = 0; k < found->evidence_n; k++)
            anew = anew || strstr(found->evidence[k].value, "\"createIndexes\" : \"c\"");
        assert_true(anew || found->kind == SB_ADVICE_NONE);
    }
    sb_log_advice_free(a, n);
    end(&t);
}

struct existing {
    const char *spec, *command, *keys; /* what is proposed beside it */
};

#define FC(filter, collation) "{\"find\":\"c\",\"filter\":" filter ",\"collation\":" collation ",\"$db\":\"s\"}"
#define EN "{\"locale\":\"en\",\"strength\":2}"

static const struct existing there[] = {
    {"\"key\":{\"a\":\"hashed\"}", F("{\"a\":1}"), ""},
    {"\"key\":{\"a\":\"hashed\"}", F("{\"a\":{\"$gt\":1}}"), "{a: 1}"},
    {"\"key\":{\"$**\":1}", F("{\"x.y\":1}"), ""},
    {"\"key\":{\"$**\":1}", F("{\"x.y\":1,\"z\":1}"), "{x.y: 1, z: 1}"},
    {"\"key\":{\"$**\":1},\"wildcardProjection\":{\"x\":1}", F("{\"y\":1}"), "{y: 1}"},
    {"\"key\":{\"p.$**\":1}", F("{\"p.q\":{\"$lt\":1}}"), ""},
    {"\"key\":{\"p.$**\":1}", F("{\"q\":1}"), "{q: 1}"},
    {"\"key\":{\"a\":1},\"sparse\":true", F("{\"a\":1}"), ""},
    {"\"key\":{\"a\":1},\"sparse\":true", FSL("{}", "{\"a\":1}"), "{a: 1}"},
    {"\"key\":{\"a\":1,\"z\":1},\"partialFilterExpression\":{\"z\":{\"$exists\":true}}", F("{\"a\":1,\"z\":2}"), ""},
    {"\"key\":{\"a\":1},\"partialFilterExpression\":{\"z\":1}", F("{\"a\":1}"), "{a: 1}"},
    {"\"key\":{\"t\":1},\"expireAfterSeconds\":60", F("{\"t\":{\"$gt\":1}}"), ""},
    {"\"key\":{\"a\":1,\"b\":1},\"unique\":true", F("{\"c\":1,\"b\":1,\"a\":1}"), ""},
    {"\"key\":{\"a\":1,\"b\":1},\"unique\":true", F("{\"c\":1,\"b\":1}"), "{b: 1, c: 1}"},
    {"\"key\":{\"a\":1},\"hidden\":true", F("{\"a\":1}"), ""},
    {"\"key\":{\"b\":1,\"a\":1}", F("{\"a\":1}"), "{a: 1}"},
    {"\"key\":{\"a\":1},\"collation\":" EN, F("{\"a\":1}"), "{a: 1}"},
    {"\"key\":{\"a\":1},\"collation\":" EN, FC("{\"a\":1}", EN), ""},
    {"\"key\":{\"a\":1}", FC("{\"a\":1}", EN), "{a: 1}"},
    {"\"key\":{\"a\":1}", FC("{\"a\":1}", "{\"locale\":\"simple\"}"), ""},
    {"\"key\":{\"_fts\":\"text\",\"_ftsx\":1},\"weights\":{\"n\":1}", F("{\"n\":1}"), "{n: 1}"},
    {"\"key\":{\"loc\":\"2dsphere\"}", F("{\"loc\":1}"), "{loc: 1}"},
    {"\"key\":{\"a\":-1}", FSL("{}", "{\"a\":1}"), ""},
    {"\"key\":{\"b\":1,\"a\":1,\"t\":-1}", FS("{\"a\":1,\"b\":1}", "{\"t\":1}"), ""},
    {"\"key\":{\"a\":1,\"t\":1,\"b\":1}", FS("{\"a\":1,\"b\":1}", "{\"t\":1}"), "{a: 1, b: 1, t: 1}"},
};

static void each_kind_of_index_serves_what_it_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(there); i++) {
        struct told t;
        struct sb_log_advice *a;
        size_t n;
        begin(&t);
        char *text = sb_format("{\"cursor\":{\"ns\":\"s.c\",\"firstBatch\":[{\"v\":2,\"key\":{\"_id\":1},\"name\":\"_id_\"},{\"v\":2,%s,\"name\":\"x\"}]}}", there[i].spec);
        reply(&t, text);
        free(text);
        slow(&t, 20, "command", "s.c", there[i].command, "COLLSCAN", 20000, 3, strstr(there[i].command, "sort") ? SORTS : "");
        advise(&t, &a, &n);
        char *got = proposals(a, n);
        if (strcmp(got, there[i].keys) != 0)
            fail_msg("row %zu: beside %s, %s is proposed for %s", i, there[i].spec, got, there[i].command);
        free(got);
        sb_log_advice_free(a, n);
        end(&t);
    }
}

static void a_longer_index_replaces_the_one_that_it_begins_with(void **state)
{
    (void)state;
    struct told t;
    struct sb_log_advice *a;
    size_t n;
    begin(&t);
    reply(&t, "{\"cursor\":{\"ns\":\"s.c\",\"firstBatch\":[{\"v\":2,\"key\":{\"_id\":1},\"name\":\"_id_\"},{\"v\":2,\"key\":{\"b\":1},\"name\":\"b_1\"},{\"v\":2,\"key\":{\"a\":1},\"name\":\"a_1\",\"unique\":true}]}}");
    reply(&t, "{\"ns\":\"s.c\",\"count\":20000,\"size\":9000000,\"indexSizes\":{\"_id_\":200000,\"b_1\":300000}}");
    slow(&t, 20, "command", "s.c", F("{\"c\":1,\"b\":1}"), "IXSCAN { b: 1 }", 5000, 3, "");
    advise(&t, &a, &n);
    assert_true(n >= 1);
    assert_int_equal(a[0].kind, SB_ADVICE_REPLACE);
    assert_string_equal(a[0].name, "b_1_c_1");
    assert_int_equal(a[0].bytes, 2 * 12 * 20000);
    sb_log_advice_free(a, n);
    end(&t);

    begin(&t); /* a view in the catalogue: its operations do not say so before 5.0 */
    reply(&t, "{\"cursor\":{\"ns\":\"s.$cmd.listCollections\",\"firstBatch\":[{\"name\":\"c\",\"type\":\"view\"},{\"name\":\"d\",\"type\":\"collection\"}]}}");
    slow(&t, 20, "command", "s.c", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    slow(&t, 20, "command", "s.d", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    check(&t, "{a: 1}", NULL);
}

/* ---- bad input ---- */

static void what_is_broken_is_survived(void **state)
{
    (void)state;
    struct told t;
    struct sb_err err = SB_ERR_INIT;
    static const char *const replies[] = {"", "{", "[1]", "{\"cursor\":1}", "{\"cursor\":{\"ns\":\"x\",\"firstBatch\":[1,{\"key\":1,\"name\":2},{\"accesses\":1}]}}", "{\"reply\":{}}",
                                          "{\"ns\":\"s.c\",\"indexSizes\":{\"a\":\"b\"},\"count\":-5}", "{\"cursor\":{\"ns\":\"s.c\",\"firstBatch\":[{\"key\":{\"a\":{}},\"name\":\"n\"}]}}"};
    begin(&t);
    for (size_t i = 0; i < SB_COUNT(replies); i++) {
        sb_catalogue_replies_take(&t.catalogue, replies[i], strlen(replies[i]), &err);
        err = (struct sb_err)SB_ERR_INIT;
    }
    line(&t, BEGUN(EARLY, "{\"a\":{\"b\":[1]},\"c\":\"zzz\"}", "x"), 1);
    line(&t, BUILT(EARLY, "x"), 1);
    line(&t, BUILT(EARLY, "never begun"), 1);
    line(&t, L("20384", "Index build: starting", EARLY, "\"properties\":{\"key\":7}"), 1);
    line(&t, DROPPED(EARLY, "[1,{},\"a\"]"), 1);
    line(&t, DROPPED(EARLY, "7"), 1);
    struct sb_str many;
    sb_str_init(&many);
    sb_str_adds(&many, "{\"find\":\"c\",\"filter\":{");
    for (int i = 0; i < 200; i++)
        sb_str_addf(&many, "%s\"p%d.q\":{\"$gt\":1}", i ? "," : "", i);
    sb_str_adds(&many, "},\"$db\":\"s\"}");
    slow(&t, 20, "command", "s.c", many.p, "COLLSCAN", 20000, 3, "");
    sb_str_release(&many);
    char *name = malloc(10001);
    assert_non_null(name);
    memset(name, 'n', 10000);
    name[10000] = '\0';
    char *long_name = sb_format("{\"find\":\"d\",\"filter\":{\"%s\":1},\"$db\":\"s\"}", name);
    slow(&t, 20, "command", "s.d", long_name, "COLLSCAN { a: 1, {", 20000, 3, "");
    slow(&t, 20, "command", "s.e", "{\"find\":\"e\",\"filter\":{\"a\\u0000b\":1},\"$db\":\"s\"}", "IXSCAN { : }", 20000, 3, "");
    slow(&t, 20, "command", "nodot", F("{\"a\":1}"), "COLLSCAN", 20000, 3, "");
    slow(&t, 20, "command", "s.f", "{\"$truncated\":\"{ find: ...\"}", "COLLSCAN", 20000, 3, "");
    free(long_name);
    free(name);
    struct sb_log_advice *a;
    size_t n;
    advise(&t, &a, &n);
    size_t proposed = 0;
    for (size_t i = 0; i < n; i++) {
        assert_non_null(a[i].reason);
        proposed += a[i].kind == SB_ADVICE_CREATE;
    }
    assert_int_equal(proposed, 0);
    sb_log_advice_free(a, n);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trap),
        cmocka_unit_test(the_log_tells_of_indexes),
        cmocka_unit_test(the_collation_is_an_option),
        cmocka_unit_test(indexes_that_nobody_needs),
        cmocka_unit_test(each_kind_of_index_serves_what_it_can),
        cmocka_unit_test(a_longer_index_replaces_the_one_that_it_begins_with),
        cmocka_unit_test(what_is_broken_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
