/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_predicates.c - the parser's way through a filter: one predicate an operator, one arm a branch of an $or.
 */
#include "shape_builder.h"

#include <signalbox/formats/jsontext.h>

void *sb_shape_grow(struct sb_shape_builder *b, void *items, size_t *n, size_t size)
{
    if (b->nomem)
        return NULL;
    /* doubling at powers of two, so that the count is all that is kept */
    if ((*n & (*n - 1)) == 0) {
        void **slot = items;
        void *p = realloc(*slot, (*n ? *n * 2 : 1) * size);
        if (!p) {
            b->nomem = true;
            return NULL;
        }
        *slot = p;
    }
    void *item = *(char **)items + (*n)++ * size;
    memset(item, 0, size);
    return item;
}

char *sb_shape_text(struct sb_shape_builder *b, struct sb_span text)
{
    char *p = sb_strdup_n(text.p, text.n);
    if (!p)
        b->nomem = true;
    return p;
}

char *sb_shape_path(struct sb_shape_builder *b, const char *prefix, struct sb_span name)
{
    size_t n = strlen(prefix);
    if (n + name.n + 1 > MAX_PATH || (name.n && memchr(name.p, '\0', name.n))) {
        b->shape->partial = true;
        return NULL;
    }
    char *path = sb_format("%s%s%.*s", prefix, n ? "." : "", (int)name.n, name.p ? name.p : "");
    if (!path)
        b->nomem = true;
    return path;
}

/* ---- predicates ---- */

struct where {
    const char *path; /* of the field that holds what is walked; "" at the top */
    size_t arm;
    bool negated;
    const char *elem; /* the innermost $elemMatch's array, or NULL */
};

static void add_predicate(struct sb_shape_builder *b, const struct where *at, struct sb_span op, enum sb_predicate_class class_)
{
    if (b->shape->predicates_n >= SB_SHAPE_MAX_PREDICATES) {
        b->shape->partial = true;
        return;
    }
    struct sb_predicate *p = GROW(b, predicates);
    if (!p)
        return;
    p->path = sb_shape_text(b, (struct sb_span){at->path, strlen(at->path)});
    p->op = sb_shape_text(b, op);
    p->elem_path = at->elem ? sb_shape_text(b, (struct sb_span){at->elem, strlen(at->elem)}) : NULL;
    p->arm = at->arm;
    p->class_ = at->negated ? SB_PREDICATE_NE : class_;
}

static enum sb_predicate_class class_of_list(const struct sb_node *list)
{
    enum sb_predicate_class class_ = SB_PREDICATE_IN;
    if (list->token != T_ARRAY)
        return SB_PREDICATE_OTHER;
    for (const struct sb_node *n = list->child; n; n = n->next) {
        if (n->token == T_OBJECT && n->child && n->child->token != T_LITERAL &&
            (n->child->token == T_REGEX || n->child->token == T_REGEX_PREFIX))
            return n->child->token == T_REGEX ? SB_PREDICATE_REGEX : SB_PREDICATE_REGEX_PREFIX;
        if (n->token == T_MANY)
            class_ = SB_PREDICATE_IN_BIG;
    }
    return class_;
}

/* Every element of an $all stands for an equality, unless it is an $elemMatch. */
static enum sb_predicate_class class_of_all(const struct sb_node *list)
{
    if (list->token != T_ARRAY)
        return SB_PREDICATE_OTHER;
    for (const struct sb_node *n = list->child; n; n = n->next)
        if (n->token != T_FEW && n->token != T_MANY)
            return SB_PREDICATE_OTHER;
    return SB_PREDICATE_EQUALITY;
}

static enum sb_predicate_class class_of(const struct sb_node *n)
{
    struct sb_span op = n->key;
    if (SB_SPAN_IS(op, "$eq"))
        return SB_PREDICATE_EQUALITY;
    if (SB_SPAN_IS(op, "$gt") || SB_SPAN_IS(op, "$gte") || SB_SPAN_IS(op, "$lt") || SB_SPAN_IS(op, "$lte"))
        return SB_PREDICATE_RANGE;
    if (SB_SPAN_IS(op, "$in"))
        return class_of_list(n);
    if (SB_SPAN_IS(op, "$ne") || SB_SPAN_IS(op, "$nin"))
        return SB_PREDICATE_NE;
    if (SB_SPAN_IS(op, "$exists"))
        return n->token == T_FALSE ? SB_PREDICATE_NOT_EXISTS : SB_PREDICATE_EXISTS;
    if (SB_SPAN_IS(op, "$regex"))
        return n->token == T_REGEX_PREFIX ? SB_PREDICATE_REGEX_PREFIX : SB_PREDICATE_REGEX;
    if (SB_SPAN_IS(op, "$all"))
        return class_of_all(n);
    return SB_PREDICATE_OTHER;
}

static void walk_filter(struct sb_shape_builder *b, const struct sb_node *filter, struct where at, unsigned depth);

/* {"$gt":1,"$lt":1}: one predicate an operator. */
static void walk_operators(struct sb_shape_builder *b, const struct sb_node *operators, struct where at, unsigned depth)
{
    for (const struct sb_node *n = operators->child; n && !b->nomem; n = n->next) {
        struct where inner = at;
        if (SB_SPAN_IS(n->key, "$elemMatch") && n->token == T_OBJECT) {
            inner.elem = at.path;
            walk_filter(b, n, inner, depth + 1);
        } else if (SB_SPAN_IS(n->key, "$not") && n->token == T_OBJECT) {
            inner.negated = true;
            walk_operators(b, n, inner, depth + 1);
        } else {
            add_predicate(b, &at, n->key, class_of(n));
        }
    }
}

/* The arms of an $or or $nor: each a conjunction of its own. */
static void walk_arms(struct sb_shape_builder *b, const struct sb_node *list, struct where at, enum sb_arm_kind kind, unsigned depth)
{
    size_t group = ++b->groups, depth_above = b->shape->arms[at.arm].depth;
    for (const struct sb_node *n = list->child; n && !b->nomem; n = n->next) {
        if (b->shape->arms_n >= SB_SHAPE_MAX_PREDICATES) {
            b->shape->partial = true;
            return;
        }
        struct sb_arm *arm = GROW(b, arms);
        if (!arm)
            return;
        *arm = (struct sb_arm){kind, at.arm, group, depth_above + 1};
        struct where inner = at;
        inner.arm = b->shape->arms_n - 1;
        inner.negated = at.negated || kind == SB_ARM_NOR;
        walk_filter(b, n, inner, depth + 1);
    }
}

static void walk_member(struct sb_shape_builder *b, const struct sb_node *n, struct where at, unsigned depth)
{
    if (n->key.n && n->key.p[0] == '$') {
        if (n->token == T_ARRAY && SB_SPAN_IS(n->key, "$and")) {
            for (const struct sb_node *arm = n->child; arm; arm = arm->next)
                walk_filter(b, arm, at, depth + 1);
        } else if (n->token == T_ARRAY && SB_SPAN_IS(n->key, "$or")) {
            walk_arms(b, n, at, SB_ARM_OR, depth + 1);
        } else if (n->token == T_ARRAY && SB_SPAN_IS(n->key, "$nor")) {
            walk_arms(b, n, at, SB_ARM_NOR, depth + 1);
        } else {
            add_predicate(b, &at, n->key, at.path[0] ? class_of(n) : SB_PREDICATE_OTHER);
        }
        return;
    }
    char *path = sb_shape_path(b, at.path, n->key);
    if (!path)
        return;
    struct where inner = at;
    inner.path = path;
    if (n->token == T_OBJECT)
        walk_operators(b, n, inner, depth + 1);
    else
        add_predicate(b, &inner, SB_SPAN("$eq"), SB_PREDICATE_EQUALITY);
    free(path);
}

static void walk_filter(struct sb_shape_builder *b, const struct sb_node *filter, struct where at, unsigned depth)
{
    if (filter->token != T_OBJECT || depth > 4 * SB_SHAPE_MAX_DEPTH)
        return;
    for (const struct sb_node *n = filter->child; n && !b->nomem; n = n->next)
        walk_member(b, n, at, depth);
}

void sb_shape_predicates(struct sb_shape_builder *b)
{
    if (b->parts->filter)
        walk_filter(b, b->parts->filter, (struct where){"", 0, false, NULL}, 0);
}
