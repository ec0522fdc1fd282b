/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_reduce.c - the reducer: a command in, its skeleton out, whichever form the command is in.
 *
 * One walk serves JSON text and BSON through a small cursor, so that both give the same bytes. The tokens are listed in
 * shape_skeleton.h. What the server wraps in Extended JSON ({"$oid":..}, {"$date":..}) is a literal in either form.
 */
#include "shape_reduce.h"

#include <signalbox/base/hash.h>

/* ---- sorts, projections and what is kept as it is ---- */

/* One member of a sort: 1, -1, or {"$meta":..} and other kinds. */
static bool reduce_direction(struct sb_cursor *c, struct sb_out *o)
{
    double v = 0;
    if (sb_cursor_kind(c) != V_NUMBER) {
        if (!sb_cursor_skip(c))
            return false;
    } else if (!sb_cursor_number(c, &v)) {
        return false;
    }
    sb_out_put(o, v > 0 ? T_UP : v < 0 ? T_DOWN : T_OTHER);
    return true;
}

/* One member of a projection: in, out, or computed. */
static bool reduce_choice(struct sb_cursor *c, struct sb_out *o)
{
    bool in = true;
    double v;
    enum sb_value k = sb_cursor_kind(c);
    if (k == V_NUMBER) {
        if (!sb_cursor_number(c, &v))
            return false;
        in = v != 0;
    } else if (k == V_BOOL) {
        if (!sb_cursor_bool(c, &in))
            return false;
    } else {
        if (!sb_cursor_skip(c))
            return false;
        sb_out_put(o, T_OTHER);
        return true;
    }
    sb_out_put(o, in ? T_TRUE : T_FALSE);
    return true;
}

/* A value that is itself part of the shape: a collation's, a hint's, a name in a stage. */
static bool reduce_kept(struct sb_cursor *c, struct sb_out *o)
{
    struct sb_span text;
    bool escaped, truth = false;
    double v;
    switch (sb_cursor_kind(c)) {
    case V_STRING:
        if (!sb_cursor_string(c, &text, &escaped))
            return false;
        sb_out_text(o, T_STRING, text, escaped);
        return true;
    case V_NUMBER:
        if (!sb_cursor_number(c, &v))
            return false;
        sb_out_number(o, v);
        return true;
    case V_BOOL:
        if (!sb_cursor_bool(c, &truth))
            return false;
        sb_out_put(o, truth ? T_TRUE : T_FALSE);
        return true;
    default:
        return sb_reduce_literal(c, o);
    }
}

typedef bool (*member_fn)(struct sb_cursor *c, struct sb_out *o);

/* An object of members of one kind, in order: a sort, a projection, a collation. */
static bool reduce_members(struct sb_cursor *c, struct sb_out *o, member_fn member)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (sb_cursor_kind(c) != V_OBJECT)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_enter(c, &in, false))
        return false;
    sb_out_put(o, T_OBJECT);
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        char *before = sb_out_mark(o);
        sb_out_text(o, T_KEY, key, escaped);
        rc = member(&in, o);
        if (!rc)
            sb_out_take_back(o, before);
    }
    rc = rc && sb_cursor_ended(&in);
    sb_out_put(o, T_END);
    return rc;
}

/* ---- aggregation ---- */

/* $lookup and $graphLookup: what names the inner side. */
static bool reduce_lookup(struct sb_cursor *c, struct sb_out *o)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (sb_cursor_kind(c) != V_OBJECT)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_enter(c, &in, false))
        return false;
    sb_out_put(o, T_OBJECT);
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        char *before = sb_out_mark(o);
        bool pipeline = SB_SPAN_IS(key, "pipeline");
        if (!pipeline && !SB_SPAN_IS(key, "from") && !SB_SPAN_IS(key, "localField") && !SB_SPAN_IS(key, "foreignField") &&
            !SB_SPAN_IS(key, "connectFromField") && !SB_SPAN_IS(key, "connectToField")) {
            rc = sb_cursor_skip(&in);
            continue;
        }
        sb_out_text(o, T_KEY, key, escaped);
        rc = pipeline ? sb_reduce_literal(&in, o) : reduce_kept(&in, o);
        if (!rc)
            sb_out_take_back(o, before);
    }
    rc = rc && sb_cursor_ended(&in);
    sb_out_put(o, T_END);
    return rc;
}

/* One stage: its name, and for those at the head of a pipeline what an index can serve. */
static bool reduce_stage(struct sb_cursor *c, struct sb_out *o, bool *prefix)
{
    struct sb_cursor in;
    struct sb_span name;
    bool escaped, rc = true;
    if (sb_cursor_kind(c) != V_OBJECT)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_enter(c, &in, false))
        return false;
    while (rc && sb_cursor_next(&in, &name, &escaped)) {
        char *before = sb_out_mark(o);
        sb_out_text(o, T_KEY, name, escaped);
        if (SB_SPAN_IS(name, "$match") && *prefix) {
            rc = sb_reduce_filter(&in, o, 1);
        } else if (SB_SPAN_IS(name, "$sort") && *prefix) {
            rc = reduce_members(&in, o, reduce_direction);
        } else {
            *prefix = false; /* what comes later works on what this stage makes */
            bool lookup = SB_SPAN_IS(name, "$lookup") || SB_SPAN_IS(name, "$graphLookup");
            rc = lookup ? reduce_lookup(&in, o) : sb_reduce_literal(&in, o);
        }
        if (!rc && sb_out_mark(o) == before)
            sb_out_take_back(o, before);
    }
    return rc && sb_cursor_ended(&in);
}

static bool reduce_pipeline(struct sb_cursor *c, struct sb_out *o)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true, prefix = true;
    if (sb_cursor_kind(c) != V_ARRAY)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_enter(c, &in, true))
        return false;
    sb_out_put(o, T_OBJECT);
    while (rc && sb_cursor_next(&in, &key, &escaped))
        rc = reduce_stage(&in, o, &prefix);
    rc = rc && sb_cursor_ended(&in);
    sb_out_put(o, T_END);
    return rc;
}

/* ---- commands ---- */

static bool reduce_statement(struct sb_cursor *c, struct sb_out *o, bool remove);

/* {update: .., updates: [{q, u}, ..]}: the first statement speaks for all. */
static bool reduce_statements(struct sb_cursor *c, struct sb_out *o, bool remove)
{
    struct sb_cursor in, statement;
    struct sb_span key;
    bool escaped, rc = true;
    if (sb_cursor_kind(c) != V_ARRAY)
        return sb_cursor_skip(c);
    if (!sb_cursor_enter(c, &in, true))
        return false;
    for (size_t n = 0; rc && sb_cursor_next(&in, &key, &escaped); n++) {
        if (n == 1)
            o->partial = true;
        if (n == 0 && sb_cursor_kind(&in) == V_OBJECT)
            rc = sb_cursor_enter(&in, &statement, false) && reduce_statement(&statement, o, remove);
        else
            rc = sb_cursor_skip(&in);
    }
    return rc && sb_cursor_ended(&in);
}

static bool reduce_limit(struct sb_cursor *c, struct sb_out *o, char section)
{
    double v;
    if (sb_cursor_kind(c) != V_NUMBER)
        return sb_cursor_skip(c);
    if (!sb_cursor_number(c, &v))
        return false;
    if (v != 0)
        sb_out_put(o, section);
    return true;
}

/* A section whose value is written by `member` or as a whole: taken back when nothing of it was there. */
static bool section_members(struct sb_cursor *c, struct sb_out *o, char section, member_fn member)
{
    char *before = sb_out_mark(o);
    sb_out_put(o, section);
    char *behind = sb_out_mark(o);
    bool rc = reduce_members(c, o, member);
    if (!rc && sb_out_mark(o) == behind)
        sb_out_take_back(o, before);
    return rc;
}

static bool section_filter(struct sb_cursor *c, struct sb_out *o)
{
    if (sb_cursor_kind(c) != V_OBJECT)
        return sb_cursor_skip(c);
    char *before = sb_out_mark(o);
    sb_out_put(o, S_FILTER);
    char *behind = sb_out_mark(o);
    bool rc = sb_reduce_filter(c, o, 0);
    if (!rc && sb_out_mark(o) == behind)
        sb_out_take_back(o, before);
    return rc;
}

static bool section_hint(struct sb_cursor *c, struct sb_out *o)
{
    enum sb_value v = sb_cursor_kind(c);
    if (v == V_OBJECT)
        return section_members(c, o, S_HINT, reduce_direction);
    if (v != V_STRING)
        return sb_cursor_skip(c);
    char *before = sb_out_mark(o);
    sb_out_put(o, S_HINT);
    bool rc = reduce_kept(c, o);
    if (!rc)
        sb_out_take_back(o, before);
    return rc;
}

static bool section_key(struct sb_cursor *c, struct sb_out *o)
{
    if (sb_cursor_kind(c) != V_STRING)
        return sb_cursor_skip(c);
    char *before = sb_out_mark(o);
    sb_out_put(o, S_DISTINCT);
    bool rc = reduce_kept(c, o);
    if (!rc)
        sb_out_take_back(o, before);
    return rc;
}

static bool section_pipeline(struct sb_cursor *c, struct sb_out *o)
{
    char *before = sb_out_mark(o);
    sb_out_put(o, S_PIPELINE);
    char *behind = sb_out_mark(o);
    bool rc = reduce_pipeline(c, o);
    if (!rc && sb_out_mark(o) == behind)
        sb_out_take_back(o, before);
    return rc;
}

static bool section_multi(struct sb_cursor *c, struct sb_out *o)
{
    bool multi = false;
    if (sb_cursor_kind(c) != V_BOOL)
        return sb_cursor_skip(c);
    if (!sb_cursor_bool(c, &multi))
        return false;
    if (multi)
        sb_out_put(o, S_MULTI);
    return true;
}

/* limit of a delete: 1 is one document, 0 is every match. */
static bool section_delete_limit(struct sb_cursor *c, struct sb_out *o)
{
    double v = 1;
    if (sb_cursor_kind(c) != V_NUMBER)
        return sb_cursor_skip(c);
    if (!sb_cursor_number(c, &v))
        return false;
    if (v == 0)
        sb_out_put(o, S_MULTI);
    return true;
}

/* The members of a write statement: {q, u, multi} or {q, limit}. */
static bool reduce_statement(struct sb_cursor *c, struct sb_out *o, bool remove)
{
    struct sb_span key;
    bool escaped, rc = true;
    while (rc && sb_cursor_next(c, &key, &escaped)) {
        if (SB_SPAN_IS(key, "q"))
            rc = section_filter(c, o);
        else if (SB_SPAN_IS(key, "multi"))
            rc = section_multi(c, o);
        else if (SB_SPAN_IS(key, "limit") && remove)
            rc = section_delete_limit(c, o);
        else if (SB_SPAN_IS(key, "collation"))
            rc = section_members(c, o, S_COLLATION, reduce_kept);
        else if (SB_SPAN_IS(key, "sort"))
            rc = section_members(c, o, S_SORT, reduce_direction);
        else if (SB_SPAN_IS(key, "hint"))
            rc = section_hint(c, o);
        else if (SB_SPAN_IS(key, "updates") || SB_SPAN_IS(key, "deletes"))
            rc = reduce_statements(c, o, remove);
        else
            rc = sb_cursor_skip(c);
    }
    return rc && sb_cursor_ended(c);
}

/* The members of a command that asks something; names that mean the same in several commands share a line. */
static bool reduce_question(struct sb_cursor *c, struct sb_out *o, enum sb_op_kind op)
{
    struct sb_span key;
    bool escaped, rc = true;
    while (rc && sb_cursor_next(c, &key, &escaped)) {
        if (SB_SPAN_IS(key, "filter") || SB_SPAN_IS(key, "query"))
            rc = section_filter(c, o);
        else if (SB_SPAN_IS(key, "sort"))
            rc = section_members(c, o, S_SORT, reduce_direction);
        else if (SB_SPAN_IS(key, "projection") || SB_SPAN_IS(key, "fields"))
            rc = section_members(c, o, S_PROJECTION, reduce_choice);
        else if (SB_SPAN_IS(key, "limit") || SB_SPAN_IS(key, "ntoreturn"))
            rc = reduce_limit(c, o, S_LIMIT);
        else if (SB_SPAN_IS(key, "collation"))
            rc = section_members(c, o, S_COLLATION, reduce_kept);
        else if (SB_SPAN_IS(key, "hint"))
            rc = section_hint(c, o);
        else if (SB_SPAN_IS(key, "key") && op == SB_OP_DISTINCT)
            rc = section_key(c, o);
        else if (SB_SPAN_IS(key, "pipeline") && op == SB_OP_AGGREGATE)
            rc = section_pipeline(c, o);
        else
            rc = sb_cursor_skip(c);
    }
    return rc && sb_cursor_ended(c);
}

/* The command's members, whichever form it is in. False when the command is not there. */
static bool open_doc(const struct sb_doc *doc, struct sb_jt *j, struct sb_cursor *c)
{
    *c = (struct sb_cursor){.first = true};
    if (doc->form == SB_DOC_JSON) {
        *j = sb_jt_make(doc->p, doc->n);
        c->j = j;
        return sb_jt_open(j, '{');
    }
    return doc->form == SB_DOC_BSON && doc->n >= 5 && bson_iter_init_from_data(&c->it, (const uint8_t *)doc->p, doc->n);
}

static void reduce_doc(const struct sb_doc *doc, struct sb_out *o, enum sb_op_kind op)
{
    struct sb_jt j;
    struct sb_cursor c;
    char *before = sb_out_mark(o);
    if (!open_doc(doc, &j, &c)) {
        sb_out_put(o, S_UNKNOWN);
        return;
    }
    bool write = op == SB_OP_UPDATE || op == SB_OP_REMOVE;
    if (write ? !reduce_statement(&c, o, op == SB_OP_REMOVE) : !reduce_question(&c, o, op))
        o->partial = true;
    if (write && sb_out_mark(o) == before)
        sb_out_put(o, S_UNKNOWN); /* an envelope: its statements are not in it */
}

/* The kind of the command that opened a cursor. */
static enum sb_op_kind kind_of_origin(const struct sb_doc *doc)
{
    struct sb_jt j;
    struct sb_cursor c;
    struct sb_span key;
    bool escaped;
    if (!open_doc(doc, &j, &c) || !sb_cursor_next(&c, &key, &escaped))
        return SB_OP_COMMAND;
    return SB_SPAN_IS(key, "aggregate") ? SB_OP_AGGREGATE : SB_SPAN_IS(key, "find") ? SB_OP_FIND : SB_OP_COMMAND;
}

/* The profiler's {"$truncated": "..."}: a text in no format. */
static bool is_text_only(const struct sb_doc *doc)
{
    struct sb_jt j;
    struct sb_cursor c;
    struct sb_span key;
    bool escaped;
    return !open_doc(doc, &j, &c) || !sb_cursor_next(&c, &key, &escaped) || SB_SPAN_IS(key, "$truncated");
}

static void reduce_op(const struct sb_slow_op *op, struct sb_out *o)
{
    const struct sb_doc *doc = &op->command;
    enum sb_op_kind as = op->kind;
    if (op->kind == SB_OP_INSERT)
        return;
    if (op->kind == SB_OP_COMMAND || op->kind == SB_OP_INTERNAL) {
        sb_out_text(o, T_STRING, sb_slow_op_label(op), false);
        return;
    }
    if (op->kind == SB_OP_GETMORE) {
        doc = &op->originating;
        as = kind_of_origin(doc);
        sb_out_put(o, (char)(T_KIND + as));
    }
    if (as == SB_OP_COMMAND || doc->form == SB_DOC_NONE || (op->command_truncated && is_text_only(doc)))
        sb_out_put(o, S_UNKNOWN);
    else
        reduce_doc(doc, o, as);
    o->partial = o->partial || op->command_truncated;
}

size_t sb_shape_reduce(const struct sb_slow_op *op, char *out, size_t cap)
{
    /* the first byte holds the flags; the last eight are room for the hash of what did not fit */
    struct sb_out o = {out + 1, out + cap - sizeof o.spilled, SB_FNV_START, false, false};
    sb_out_put(&o, (char)(T_KIND + op->kind));
    reduce_op(op, &o);
    unsigned flags = (o.partial || o.full ? FLAG_PARTIAL : 0) | (o.full ? FLAG_SPILLED : 0);
    out[0] = (char)('0' + flags);
    if (o.full) {
        memcpy(o.p, &o.spilled, sizeof o.spilled);
        o.p += sizeof o.spilled;
    }
    return (size_t)(o.p - out);
}
