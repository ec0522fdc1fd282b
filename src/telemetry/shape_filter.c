/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_filter.c - the reducer of filters: names and operators stay, values go.
 */
#include "shape_reduce.h"

/* ---- regular expressions ---- */

static bool is_meta(char c)
{
    return strchr("^$.|?*+()[]{}\\", c) != NULL; /* NUL counts too */
}

/* A pattern that begins with ^ and a literal character, and has no alternation, is a range of an index. */
static bool is_prefix_pattern(struct sb_span pattern)
{
    const char *p = pattern.p, *end = p + pattern.n;
    if (pattern.n < 2 || *p != '^' || memchr(p, '|', pattern.n))
        return false;
    p++;
    size_t literal = 1;
    if (*p == '\\') {
        /* an escaped metacharacter is a literal; an escaped letter or digit is a class */
        if (end - p < 2 || !is_meta(p[1]))
            return false;
        literal = 2;
    } else if (is_meta(*p)) {
        return false;
    }
    p += literal;
    return p == end || (*p != '?' && *p != '*' && *p != '{');
}

/* Options under which a prefix is still a prefix: dotall and UTF only. */
static bool harmless_options(struct sb_span options)
{
    for (size_t i = 0; i < options.n; i++)
        if (options.p[i] != 's' && options.p[i] != 'u')
            return false;
    return true;
}

static bool prefix_of(struct sb_span pattern, bool escaped)
{
    if (!escaped)
        return is_prefix_pattern(pattern);
    char text[256];
    size_t n = pattern.n < sizeof text ? pattern.n : sizeof text;
    if (n < pattern.n)
        return false; /* long and escaped: not worth the memory */
    return is_prefix_pattern((struct sb_span){text, sb_jt_unescape(text, pattern)});
}

/* A literal regular expression: {"$regularExpression":{"pattern":"..","options":".."}} or BSON's own type. */
static bool reduce_regex(struct sb_cursor *c, struct sb_out *o)
{
    bool prefix = false;
    if (!c->j) {
        const char *options = NULL, *pattern = bson_iter_regex(&c->it, &options);
        prefix = pattern && options && is_prefix_pattern((struct sb_span){pattern, strlen(pattern)}) &&
                 harmless_options((struct sb_span){options, strlen(options)});
    } else {
        struct sb_span raw, inner, pattern, options;
        if (!sb_jt_skip(c->j, &raw))
            return false;
        if (sb_jt_find(raw, "$regularExpression", &inner) && sb_jt_find(inner, "pattern", &pattern) &&
            sb_jt_find_string(inner, "options", &options) && pattern.n > 2 && pattern.p[0] == '"')
            prefix = prefix_of((struct sb_span){pattern.p + 1, pattern.n - 2}, true) && harmless_options(options);
    }
    sb_out_put(o, prefix ? T_REGEX_PREFIX : T_REGEX);
    return true;
}

/* ---- the walks ---- */

static bool reduce_operators(struct sb_cursor *c, struct sb_out *o, unsigned depth);

bool sb_reduce_literal(struct sb_cursor *c, struct sb_out *o)
{
    if (!sb_cursor_skip(c))
        return false;
    sb_out_put(o, T_LITERAL);
    return true;
}

static bool too_deep(struct sb_cursor *c, struct sb_out *o, unsigned depth, bool *rc)
{
    if (depth < SB_SHAPE_MAX_DEPTH)
        return false;
    o->partial = true;
    *rc = sb_reduce_literal(c, o);
    return true;
}

/* A run of literals in a list becomes one token of its size class. */
static void put_run(struct sb_out *o, size_t *run)
{
    if (*run)
        sb_out_put(o, *run > BIG_LIST ? T_MANY : T_FEW);
    *run = 0;
}

enum mode { M_GENERIC, M_EXPRESSION, M_FILTERS };

static bool reduce_any(struct sb_cursor *c, struct sb_out *o, unsigned depth, enum mode mode);

/* Elements of a list: filters ($and, $or, $nor), or values with runs of literals folded. */
static bool reduce_list(struct sb_cursor *c, struct sb_out *o, unsigned depth, enum mode mode)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (too_deep(c, o, depth, &rc))
        return rc;
    if (!sb_cursor_enter(c, &in, true))
        return false;
    sb_out_put(o, mode == M_EXPRESSION ? T_TUPLE : T_ARRAY);
    size_t run = 0;
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        enum sb_value v = sb_cursor_kind(&in);
        if (mode == M_FILTERS && v == V_OBJECT) {
            put_run(o, &run);
            rc = sb_reduce_filter(&in, o, depth + 1);
        } else if (v == V_OBJECT || v == V_ARRAY || v == V_REGEX || mode == M_EXPRESSION) {
            put_run(o, &run);
            rc = reduce_any(&in, o, depth + 1, mode == M_FILTERS ? M_GENERIC : mode);
        } else {
            rc = sb_cursor_skip(&in);
            run += rc;
        }
    }
    rc = rc && sb_cursor_ended(&in);
    put_run(o, &run);
    sb_out_put(o, T_END);
    return rc;
}

/* An object whose keys are kept and whose literals are not: an operator's argument, an aggregation expression. */
static bool reduce_object(struct sb_cursor *c, struct sb_out *o, unsigned depth, enum mode mode)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (too_deep(c, o, depth, &rc))
        return rc;
    if (!sb_cursor_enter(c, &in, false))
        return false;
    sb_out_put(o, T_OBJECT);
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        char *before = sb_out_mark(o);
        sb_out_text(o, T_KEY, key, escaped);
        char *behind = sb_out_mark(o);
        if (mode == M_EXPRESSION && SB_SPAN_IS(key, "$literal"))
            rc = sb_reduce_literal(&in, o);
        else
            rc = reduce_any(&in, o, depth + 1, mode);
        if (!rc && sb_out_mark(o) == behind)
            sb_out_take_back(o, before);
    }
    rc = rc && sb_cursor_ended(&in);
    sb_out_put(o, T_END);
    return rc;
}

static bool reduce_any(struct sb_cursor *c, struct sb_out *o, unsigned depth, enum mode mode)
{
    struct sb_span text;
    bool escaped;
    switch (sb_cursor_kind(c)) {
    case V_OBJECT:
        return reduce_object(c, o, depth, mode);
    case V_ARRAY:
        return reduce_list(c, o, depth, mode);
    case V_REGEX:
        return reduce_regex(c, o);
    case V_STRING:
        if (!sb_cursor_string(c, &text, &escaped))
            return false;
        if (mode == M_EXPRESSION && text.n && text.p[0] == '$')
            sb_out_text(o, T_PATH, text, escaped); /* a field or variable, which is no literal */
        else
            sb_out_put(o, T_LITERAL);
        return true;
    default:
        return sb_reduce_literal(c, o);
    }
}

/* What stands under a field's name: a value, or a document of operators. */
static bool reduce_field(struct sb_cursor *c, struct sb_out *o, unsigned depth)
{
    struct sb_span key;
    switch (sb_cursor_kind(c)) {
    case V_OBJECT:
        key = sb_cursor_peek(c);
        if (key.n && key.p[0] == '$')
            return reduce_operators(c, o, depth);
        if (!key.p && c->j && c->j->end - c->j->p < 2)
            return sb_jt_stop(c->j, SB_JT_CUT); /* nothing behind the brace: a value or operators, nobody knows */
        return sb_reduce_literal(c, o);
    case V_REGEX:
        return reduce_regex(c, o);
    default:
        return sb_reduce_literal(c, o);
    }
}

/* {"$regex": pattern} where the options stand beside it. */
static bool reduce_pattern(struct sb_cursor *c, struct sb_out *o)
{
    struct sb_span text;
    bool escaped;
    if (sb_cursor_kind(c) == V_REGEX)
        return reduce_regex(c, o);
    if (sb_cursor_kind(c) != V_STRING)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_string(c, &text, &escaped))
        return false;
    sb_out_put(o, prefix_of(text, escaped) ? T_REGEX_PREFIX : T_REGEX);
    return true;
}

static bool reduce_options(struct sb_cursor *c, struct sb_out *o)
{
    struct sb_span text;
    bool escaped;
    if (sb_cursor_kind(c) != V_STRING)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_string(c, &text, &escaped))
        return false;
    sb_out_put(o, harmless_options(text) ? T_LITERAL : T_REGEX);
    return true;
}

static bool reduce_truth(struct sb_cursor *c, struct sb_out *o)
{
    bool truth = true;
    double number;
    enum sb_value v = sb_cursor_kind(c);
    if (v == V_NUMBER) {
        if (!sb_cursor_number(c, &number))
            return false;
        truth = number != 0;
    } else if (v == V_BOOL ? !sb_cursor_bool(c, &truth) : !sb_cursor_skip(c)) {
        return false;
    }
    sb_out_put(o, truth ? T_TRUE : T_FALSE);
    return true;
}

static bool reduce_operator(struct sb_cursor *c, struct sb_out *o, unsigned depth, struct sb_span key)
{
    if (SB_SPAN_IS(key, "$regex"))
        return reduce_pattern(c, o);
    if (SB_SPAN_IS(key, "$options"))
        return reduce_options(c, o);
    if (SB_SPAN_IS(key, "$exists"))
        return reduce_truth(c, o);
    if (SB_SPAN_IS(key, "$not"))
        return reduce_field(c, o, depth + 1);
    if (SB_SPAN_IS(key, "$elemMatch") && sb_cursor_kind(c) == V_OBJECT)
        return sb_reduce_filter(c, o, depth + 1);
    if (SB_SPAN_IS(key, "$eq") || SB_SPAN_IS(key, "$ne") || SB_SPAN_IS(key, "$gt") || SB_SPAN_IS(key, "$gte") ||
        SB_SPAN_IS(key, "$lt") || SB_SPAN_IS(key, "$lte"))
        return sb_cursor_kind(c) == V_REGEX ? reduce_regex(c, o) : sb_reduce_literal(c, o);
    return reduce_any(c, o, depth + 1, M_GENERIC);
}

static bool reduce_operators(struct sb_cursor *c, struct sb_out *o, unsigned depth)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (too_deep(c, o, depth, &rc))
        return rc;
    if (!sb_cursor_enter(c, &in, false))
        return false;
    char *start = sb_out_mark(o);
    sb_out_put(o, T_OBJECT);
    char *empty = sb_out_mark(o);
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        char *before = sb_out_mark(o);
        sb_out_text(o, T_KEY, key, escaped);
        char *behind = sb_out_mark(o);
        rc = reduce_operator(&in, o, depth, key);
        if (!rc && sb_out_mark(o) == behind)
            sb_out_take_back(o, before);
    }
    rc = rc && sb_cursor_ended(&in);
    if (!rc && sb_out_mark(o) == empty) {
        sb_out_take_back(o, start); /* the operator itself was cut away */
        return false;
    }
    sb_out_put(o, T_END);
    return rc;
}

static bool reduce_filter_member(struct sb_cursor *c, struct sb_out *o, unsigned depth, struct sb_span key)
{
    if (key.n == 0 || key.p[0] != '$')
        return reduce_field(c, o, depth + 1);
    if ((SB_SPAN_IS(key, "$and") || SB_SPAN_IS(key, "$or") || SB_SPAN_IS(key, "$nor")) && sb_cursor_kind(c) == V_ARRAY)
        return reduce_list(c, o, depth + 1, M_FILTERS);
    if (SB_SPAN_IS(key, "$expr"))
        return reduce_any(c, o, depth + 1, M_EXPRESSION);
    return reduce_operator(c, o, depth, key); /* also the operators of an $elemMatch over plain values */
}

bool sb_reduce_filter(struct sb_cursor *c, struct sb_out *o, unsigned depth)
{
    struct sb_cursor in;
    struct sb_span key;
    bool escaped, rc = true;
    if (too_deep(c, o, depth, &rc))
        return rc;
    if (sb_cursor_kind(c) != V_OBJECT)
        return sb_reduce_literal(c, o);
    if (!sb_cursor_enter(c, &in, false))
        return false;
    sb_out_put(o, T_OBJECT);
    while (rc && sb_cursor_next(&in, &key, &escaped)) {
        if (SB_SPAN_IS(key, "$comment")) {
            rc = sb_cursor_skip(&in);
            continue;
        }
        char *before = sb_out_mark(o);
        sb_out_text(o, T_KEY, key, escaped);
        char *behind = sb_out_mark(o);
        rc = reduce_filter_member(&in, o, depth, key);
        if (!rc && sb_out_mark(o) == behind)
            sb_out_take_back(o, before);
    }
    rc = rc && sb_cursor_ended(&in);
    sb_out_put(o, T_END);
    return rc;
}
