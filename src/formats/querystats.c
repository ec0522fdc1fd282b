/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/jsontext.h>
#include <signalbox/formats/querystats.h>

#include "slowop_bson.h"

#include <stdio.h>

#define MAX_DEPTH 60
#define MOST_BESIDE 500 /* comparisons that are put together again: more are looked for an index by nobody */

/* ---- the shape as a command ---- */

static bool append_value(bson_t *out, const char *key, const bson_iter_t *it, int depth);

static bool append_members(bson_t *out, bson_iter_t *in, int depth)
{
    bool ok = true;
    while (ok && bson_iter_next(in))
        ok = append_value(out, bson_iter_key(in), in, depth);
    return ok && !in->err_off;
}

/* "?array<?number>" stands for a list of some values. */
static bool is_list(const bson_iter_t *it)
{
    uint32_t n;
    const char *p = BSON_ITER_HOLDS_UTF8(it) ? bson_iter_utf8(it, &n) : NULL;
    return p && strncmp(p, "?array<", 7) == 0;
}

static bool append_value(bson_t *out, const char *key, const bson_iter_t *it, int depth)
{
    bson_iter_t in;
    bson_t child;
    if (is_list(it)) {
        bool ok = BSON_APPEND_ARRAY_BEGIN(out, key, &child) && BSON_APPEND_INT32(&child, "0", 1);
        return bson_append_array_end(out, &child) && ok;
    }
    bool array = BSON_ITER_HOLDS_ARRAY(it);
    if (!array && !BSON_ITER_HOLDS_DOCUMENT(it))
        return bson_append_iter(out, key, -1, it);
    if (depth == 0 || !bson_iter_recurse(it, &in))
        return false;
    bool ok = array ? BSON_APPEND_ARRAY_BEGIN(out, key, &child) : BSON_APPEND_DOCUMENT_BEGIN(out, key, &child);
    if (!ok)
        return false;
    ok = append_members(&child, &in, depth - 1);
    return (array ? bson_append_array_end(out, &child) : bson_append_document_end(out, &child)) && ok;
}

/* ---- filters: what the server writes apart is put together again ---- */

static bool append_filter(bson_t *out, const char *key, const bson_iter_t *filter, int depth);
static bool append_condition(bson_t *out, const bson_iter_t *it, int depth);

/* {a: {$gt: ..}}: one member; and of its value, when that is comparisons, the first one's name. */
static bool one_member(const bson_iter_t *doc, bson_iter_t *member, const char **comparison)
{
    bson_iter_t more, in;
    *comparison = NULL;
    if (!BSON_ITER_HOLDS_DOCUMENT(doc) || !bson_iter_recurse(doc, member) || !bson_iter_next(member))
        return false;
    more = *member;
    if (BSON_ITER_HOLDS_DOCUMENT(member) && bson_iter_recurse(member, &in) && bson_iter_next(&in) && bson_iter_key(&in)[0] == '$')
        *comparison = bson_iter_key(&in);
    return !bson_iter_next(&more);
}

/* True when the list says what its documents say side by side: each of one member, and where two are of one name, each compares it,
 * and no two do so in the same way. */
static bool side_by_side(const bson_iter_t *list)
{
    bson_iter_t each, member, other, its;
    const char *how, *its_how;
    size_t n = 0;
    bool ok = bson_iter_recurse(list, &each);
    while (ok && bson_iter_next(&each)) {
        ok = ++n <= MOST_BESIDE && one_member(&each, &member, &how) && bson_iter_recurse(list, &other);
        for (size_t i = 1; ok && i < n; i++)
            ok = bson_iter_next(&other) && one_member(&other, &its, &its_how) &&
                 (strcmp(bson_iter_key(&its), bson_iter_key(&member)) != 0 || (how && its_how && strcmp(how, its_how) != 0));
    }
    return ok;
}

/* Comparisons of one field. What is denied has a name of its own in a command. */
static bool append_comparisons(bson_t *out, bson_iter_t *in, int depth)
{
    static const struct {
        const char *denied, *name;
    } denials[] = {{"$eq", "$ne"}, {"$in", "$nin"}};
    bool ok = depth > 0;
    while (ok && bson_iter_next(in)) {
        const char *key = bson_iter_key(in), *name = NULL;
        bson_iter_t of;
        if (strcmp(key, "$not") == 0 && BSON_ITER_HOLDS_DOCUMENT(in) && bson_iter_recurse(in, &of) && bson_iter_next(&of))
            for (size_t i = 0; i < SB_COUNT(denials); i++)
                name = strcmp(bson_iter_key(&of), denials[i].denied) == 0 ? denials[i].name : name;
        if (name)
            ok = append_value(out, name, &of, depth - 1);
        else if (strcmp(key, "$elemMatch") == 0 && BSON_ITER_HOLDS_DOCUMENT(in))
            ok = append_filter(out, key, in, depth - 1);
        else
            ok = append_value(out, key, in, depth - 1);
    }
    return ok && !in->err_off;
}

/* All that the list from here on says of the field at it. */
static bool append_field(bson_t *out, const bson_iter_t *list, const bson_iter_t *from, int depth)
{
    bson_iter_t each = *from, member, in;
    const char *how, *name;
    bson_t child;
    if (!one_member(&each, &member, &how))
        return false;
    name = bson_iter_key(&member);
    if (!how)
        return append_condition(out, &member, depth);
    bson_iter_t before;
    for (bool more = bson_iter_recurse(list, &before) && bson_iter_next(&before); more && before.off != from->off; more = bson_iter_next(&before))
        if (one_member(&before, &in, &how) && strcmp(bson_iter_key(&in), name) == 0)
            return true; /* it was said where it came first */
    if (!BSON_APPEND_DOCUMENT_BEGIN(out, name, &child))
        return false;
    bool ok = true;
    do {
        if (ok && one_member(&each, &member, &how) && strcmp(bson_iter_key(&member), name) == 0)
            ok = bson_iter_recurse(&member, &in) && append_comparisons(&child, &in, depth);
    } while (ok && bson_iter_next(&each));
    return bson_append_document_end(out, &child) && ok;
}

static bool append_arms(bson_t *out, const bson_iter_t *list, int depth)
{
    bson_iter_t each;
    bson_t child;
    if (!bson_iter_recurse(list, &each) || !BSON_APPEND_ARRAY_BEGIN(out, bson_iter_key(list), &child))
        return false;
    bool ok = true;
    while (ok && bson_iter_next(&each))
        ok = append_filter(&child, bson_iter_key(&each), &each, depth);
    return bson_append_array_end(out, &child) && ok;
}

static bool append_condition(bson_t *out, const bson_iter_t *it, int depth)
{
    const char *key = bson_iter_key(it);
    bson_iter_t in;
    bson_t child;
    if (depth <= 0)
        return false;
    if (key[0] == '$' && BSON_ITER_HOLDS_ARRAY(it) && strcmp(key, "$and") == 0 && side_by_side(it)) {
        bool ok = bson_iter_recurse(it, &in);
        while (ok && bson_iter_next(&in))
            ok = append_field(out, it, &in, depth - 1);
        return ok;
    }
    if (BSON_ITER_HOLDS_ARRAY(it) && (strcmp(key, "$and") == 0 || strcmp(key, "$or") == 0 || strcmp(key, "$nor") == 0))
        return append_arms(out, it, depth);
    if (key[0] == '$' || !BSON_ITER_HOLDS_DOCUMENT(it) || !bson_iter_recurse(it, &in))
        return append_value(out, key, it, depth);
    if (!BSON_APPEND_DOCUMENT_BEGIN(out, key, &child))
        return false;
    bool ok = append_comparisons(&child, &in, depth);
    return bson_append_document_end(out, &child) && ok;
}

static bool append_filter(bson_t *out, const char *key, const bson_iter_t *filter, int depth)
{
    bson_iter_t in;
    bson_t child;
    if (depth <= 0 || !BSON_ITER_HOLDS_DOCUMENT(filter) || !bson_iter_recurse(filter, &in) || !BSON_APPEND_DOCUMENT_BEGIN(out, key, &child))
        return false;
    bool ok = true;
    while (ok && bson_iter_next(&in))
        ok = append_condition(&child, &in, depth - 1);
    return bson_append_document_end(out, &child) && ok && !in.err_off;
}

/* An inclusive projection names _id where the operation did not: it comes back anyway. */
static bool append_projection(bson_t *out, const bson_iter_t *projection)
{
    bson_iter_t in;
    bson_t child;
    if (!BSON_ITER_HOLDS_DOCUMENT(projection) || !bson_iter_recurse(projection, &in) || !BSON_APPEND_DOCUMENT_BEGIN(out, "projection", &child))
        return false;
    bool ok = true;
    while (ok && bson_iter_next(&in))
        if (strcmp(bson_iter_key(&in), "_id") != 0 || !BSON_ITER_HOLDS_BOOL(&in) || !bson_iter_bool(&in))
            ok = append_value(&child, bson_iter_key(&in), &in, MAX_DEPTH);
    return bson_append_document_end(out, &child) && ok;
}

static bool append_pipeline(bson_t *out, const bson_iter_t *pipeline)
{
    bson_iter_t stage, in;
    bson_t list, child;
    if (!BSON_ITER_HOLDS_ARRAY(pipeline) || !bson_iter_recurse(pipeline, &stage) || !BSON_APPEND_ARRAY_BEGIN(out, "pipeline", &list))
        return false;
    bool ok = true;
    while (ok && bson_iter_next(&stage)) {
        bool match = BSON_ITER_HOLDS_DOCUMENT(&stage) && bson_iter_recurse(&stage, &in) && bson_iter_next(&in) && strcmp(bson_iter_key(&in), "$match") == 0;
        if (!match) {
            ok = append_value(&list, bson_iter_key(&stage), &stage, MAX_DEPTH);
            continue;
        }
        ok = BSON_APPEND_DOCUMENT_BEGIN(&list, bson_iter_key(&stage), &child) && append_filter(&child, "$match", &in, MAX_DEPTH);
        ok = bson_append_document_end(&list, &child) && ok;
    }
    return bson_append_array_end(out, &list) && ok;
}

static bool append_part(bson_t *out, const char *key, const bson_iter_t *it)
{
    if (strcmp(key, "filter") == 0 || strcmp(key, "query") == 0)
        return append_filter(out, key, it, MAX_DEPTH);
    if (strcmp(key, "projection") == 0)
        return append_projection(out, it);
    if (strcmp(key, "pipeline") == 0)
        return append_pipeline(out, it);
    if (strcmp(key, "limit") == 0)
        return BSON_APPEND_INT32(out, key, 1);
    if (strcmp(key, "sort") == 0 || strcmp(key, "collation") == 0 || strcmp(key, "key") == 0 || strcmp(key, "hint") == 0)
        return append_value(out, key, it, MAX_DEPTH);
    return true;
}

/* ---- numbers ---- */

/* {sum, max, min, ...} of one metric, or a plain number. */
static int64_t sum_of(const bson_t *metrics, const char *path)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, metrics) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_NUMBER(&at))
        return SB_ABSENT;
    int64_t n = bson_iter_as_int64(&at);
    return n < 0 ? SB_ABSENT : n;
}

static int64_t date_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_DATE_TIME(&at) ? bson_iter_date_time(&at) : SB_NO_TIME;
}

static void take_metrics(struct sb_query_stat *q, const bson_t *doc)
{
    int64_t us = sum_of(doc, "metrics.totalExecMicros.sum");
    q->executions = sum_of(doc, "metrics.execCount");
    q->op.duration_ms = us < 0 ? SB_ABSENT : us / 1000;
    q->first_ms = date_at(doc, "metrics.firstSeenTimestamp");
    q->op.at_ms = date_at(doc, "metrics.latestSeenTimestamp");
    q->op.keys_examined = sum_of(doc, "metrics.keysExamined.sum");
    q->op.docs_examined = sum_of(doc, "metrics.docsExamined.sum");
    q->op.returned = sum_of(doc, "metrics.docsReturned.sum");
    q->op.has_sort_stage = sum_of(doc, "metrics.hasSortStage.true") > 0;
    q->op.used_disk = sum_of(doc, "metrics.usedDisk.true") > 0;
}

/* ---- one entry ---- */

static struct sb_span text_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_UTF8(&at))
        return (struct sb_span){NULL, 0};
    return sb_span_of_utf8(&at);
}

void sb_query_stat_release(struct sb_query_stat *q)
{
    bson_destroy(&q->command);
}

bool sb_query_stat_read(const bson_t *doc, struct sb_query_stat *q)
{
    struct sb_span db = text_at(doc, "key.queryShape.cmdNs.db"), coll = text_at(doc, "key.queryShape.cmdNs.coll"), name = text_at(doc, "key.queryShape.command");
    struct sb_span type = text_at(doc, "key.collectionType");
    bson_iter_t it, shape, in;
    bool known = name.p && (SB_SPAN_IS(name, "find") || SB_SPAN_IS(name, "aggregate") || SB_SPAN_IS(name, "distinct"));
    if (!known || !db.n || !coll.n || db.n + coll.n + 2 > sizeof q->ns || !bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, "key.queryShape", &shape) ||
        !BSON_ITER_HOLDS_DOCUMENT(&shape) || !bson_iter_recurse(&shape, &in))
        return false;
    sb_slow_op_clear(&q->op);
    bson_init(&q->command);
    snprintf(q->ns, sizeof q->ns, "%.*s.%.*s", (int)db.n, db.p, (int)coll.n, coll.p);
    bool ok = bson_append_utf8(&q->command, name.p, (int)name.n, coll.p, (int)coll.n);
    while (ok && bson_iter_next(&in))
        ok = append_part(&q->command, bson_iter_key(&in), &in);
    if (!ok || in.err_off) { /* too deep, or damaged: no shape of it is to be believed */
        bson_destroy(&q->command);
        return false;
    }
    take_metrics(q, doc);
    q->op.ns = (struct sb_span){q->ns, strlen(q->ns)};
    q->op.app = text_at(doc, "key.client.application.name");
    q->op.on_view = sb_slow_op_type_is_view(type);
    q->op.command = (struct sb_doc){SB_DOC_BSON, false, (const char *)bson_get_data(&q->command), q->command.len};
    sb_slow_op_classify(&q->op, SB_SPAN("command"), name, coll);
    return true;
}
