/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/jsontext.h>
#include <signalbox/formats/querystats.h>

#include "slowop_bson.h"

#include <stdio.h>

#define MAX_DEPTH 60

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

/* True when the list holds documents of one member each, no two of the same name: then it says what they say side by side. */
static bool side_by_side(const bson_iter_t *list)
{
    bson_iter_t each, member;
    bson_t seen = BSON_INITIALIZER;
    bool ok = bson_iter_recurse(list, &each);
    while (ok && bson_iter_next(&each)) {
        ok = BSON_ITER_HOLDS_DOCUMENT(&each) && bson_iter_recurse(&each, &member) && bson_iter_next(&member) && !bson_has_field(&seen, bson_iter_key(&member)) &&
             BSON_APPEND_BOOL(&seen, bson_iter_key(&member), true) && !bson_iter_next(&member);
    }
    bson_destroy(&seen);
    return ok;
}

static bool append_filter(bson_t *out, const char *key, const bson_iter_t *filter)
{
    bson_iter_t in, each, member;
    bson_t child;
    if (!BSON_ITER_HOLDS_DOCUMENT(filter) || !bson_iter_recurse(filter, &in) || !BSON_APPEND_DOCUMENT_BEGIN(out, key, &child))
        return false;
    bool ok = true;
    while (ok && bson_iter_next(&in)) {
        bool flat = strcmp(bson_iter_key(&in), "$and") == 0 && BSON_ITER_HOLDS_ARRAY(&in) && side_by_side(&in) && bson_iter_recurse(&in, &each);
        if (!flat)
            ok = append_value(&child, bson_iter_key(&in), &in, MAX_DEPTH);
        while (flat && ok && bson_iter_next(&each))
            ok = bson_iter_recurse(&each, &member) && append_members(&child, &member, MAX_DEPTH);
    }
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
        ok = BSON_APPEND_DOCUMENT_BEGIN(&list, bson_iter_key(&stage), &child) && append_filter(&child, "$match", &in);
        ok = bson_append_document_end(&list, &child) && ok;
    }
    return bson_append_array_end(out, &list) && ok;
}

static bool append_part(bson_t *out, const char *key, const bson_iter_t *it)
{
    if (strcmp(key, "filter") == 0 || strcmp(key, "query") == 0)
        return append_filter(out, key, it);
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

static void take_metrics(struct sb_query_stat *q, const bson_t *doc)
{
    int64_t us = sum_of(doc, "metrics.totalExecMicros.sum");
    q->executions = sum_of(doc, "metrics.execCount");
    q->op.duration_ms = us < 0 ? SB_ABSENT : us / 1000;
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

bool sb_query_stat_read(const bson_t *doc, int64_t at_ms, struct sb_query_stat *q)
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
    q->op.at_ms = at_ms;
    q->op.ns = (struct sb_span){q->ns, strlen(q->ns)};
    q->op.app = text_at(doc, "key.client.application.name");
    q->op.on_view = sb_slow_op_type_is_view(type);
    q->op.command = (struct sb_doc){SB_DOC_BSON, false, (const char *)bson_get_data(&q->command), q->command.len};
    sb_slow_op_classify(&q->op, SB_SPAN("command"), name, coll);
    return true;
}
