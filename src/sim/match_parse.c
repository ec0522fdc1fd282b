/* SPDX-License-Identifier: Apache-2.0
 *
 * A query document becomes a tree. */
#include <signalbox/sim/expr.h>
#include <signalbox/base/array.h>
#include <signalbox/base/regex.h>
#include "match.h"
#include "schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expr_free(struct sim_expr *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->sub_n; i++)
        expr_free(e->sub[i]);
    free(e->sub);
    free(e->in);
    sim_regexes_free(e->re);
    if (e->why)
        sim_fail_release(e->why);
    free(e->why);
    free(e);
}

void sim_filter_free(struct sim_filter *m)
{
    if (!m)
        return;
    expr_free(m->root);
    sim_doc_unref(m->source);
    free(m);
}

static struct sim_expr *expr_new(enum sim_kind kind, const char *path, size_t n, struct sim_fail *f)
{
    struct sim_expr *e = malloc(sizeof *e);
    if (!e) {
        sim_fail_nomem(f);
        return NULL;
    }
    *e = (struct sim_expr){.kind = kind, .path = path ? path : "", .path_n = (uint32_t)n};
    if (!path)
        return e;
    for (size_t from = 0;;) {
        const char *dot = memchr(path + from, '.', n - from);
        size_t to = dot ? (size_t)(dot - path) : n;
        if (e->parts_n == SB_COUNT(e->parts)) {
            sim_fail(f, SIM_BAD_VALUE, "FieldPath is too long: the simulator follows %zu components", SB_COUNT(e->parts));
            free(e);
            return NULL;
        }
        e->parts[e->parts_n].from = (uint32_t)from;
        e->parts[e->parts_n++].n = (uint32_t)(to - from);
        if (!dot)
            return e;
        from = to + 1;
    }
}

/* Takes sub (NULL: an earlier failure). 0 or -1. */
static int add_sub(struct sim_expr *e, struct sim_expr *sub, struct sim_fail *f)
{
    if (!sub)
        return -1;
    if (SB_GROW(e->sub, e->sub_cap, e->sub_n + 1)) {
        expr_free(sub);
        return sim_fail_nomem(f);
    }
    e->sub[e->sub_n++] = sub;
    return 0;
}

static struct sim_expr *wrap(enum sim_kind kind, struct sim_expr *sub, struct sim_fail *f)
{
    struct sim_expr *e = sub ? expr_new(kind, NULL, 0, f) : NULL;
    if (!e) {
        expr_free(sub);
        return NULL;
    }
    if (add_sub(e, sub, f)) {
        expr_free(e);
        return NULL;
    }
    return e;
}

static struct sim_expr *parse_and(const uint8_t *doc, unsigned depth, struct sim_fail *f);

/* ---- leaves ---- */

static struct sim_expr *leaf(enum sim_kind kind, const struct sim_elem *path, struct sim_val v, struct sim_fail *f)
{
    struct sim_expr *e = expr_new(kind, path->key, path->key_n, f);
    if (e)
        e->v = v;
    return e;
}

static struct sim_expr *parse_regex(const struct sim_elem *path, struct sim_val v, const char *options, struct sim_fail *f)
{
    struct sim_expr *e = leaf(SIM_REGEX, path, v, f);
    if (e && sim_regexes_add(&e->re, v, options, f)) {
        expr_free(e);
        return NULL;
    }
    return e;
}

static int compare_vals(const void *a, const void *b)
{
    return sim_compare(*(const struct sim_val *)a, *(const struct sim_val *)b);
}

static struct sim_expr *parse_in(const struct sim_elem *path, struct sim_val v, const char *name, struct sim_fail *f)
{
    if (v.type != BSON_TYPE_ARRAY) {
        sim_fail(f, SIM_BAD_VALUE, "%s needs an array", name);
        return NULL;
    }
    struct sim_expr *e = leaf(SIM_IN, path, v, f);
    size_t n = sim_count(v.p);
    if (!e || !(e->in = calloc(n ? n : 1, sizeof *e->in))) {
        expr_free(e);
        sim_fail_nomem(f);
        return NULL;
    }
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem x;
    while (sim_next(&it, &x)) {
        if (x.v.type == BSON_TYPE_REGEX) {
            if (sim_regexes_add(&e->re, x.v, NULL, f)) {
                expr_free(e);
                return NULL;
            }
            continue;
        }
        if (x.v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(x.v.p) && ((const char *)x.v.p)[5] == '$') {
            sim_fail(f, SIM_BAD_VALUE, "cannot nest $ under %s", name);
            expr_free(e);
            return NULL;
        }
        e->in[e->in_n++] = x.v;
    }
    qsort(e->in, e->in_n, sizeof *e->in, compare_vals);
    size_t kept = 0;
    for (size_t i = 0; i < e->in_n; i++)
        if (kept == 0 || sim_compare(e->in[kept - 1], e->in[i]) != 0)
            e->in[kept++] = e->in[i];
    e->in_n = kept;
    if (kept == 1 && !e->re) {
        e->kind = SIM_EQ;
        e->v = e->in[0];
    } else if (kept == 0 && !e->re) {
        e->kind = SIM_FALSE;
    }
    return e;
}

static int add_type(struct sim_expr *e, struct sim_val v, struct sim_fail *f)
{
    int type;
    if (sim_is_text(v.type)) {
        if (sim_text_is(v, "number")) {
            e->b = 1;
            return 0;
        }
        type = sim_type_of_name(sim_text(v), sim_text_n(v));
        if (type < 0)
            return sim_fail(f, SIM_BAD_VALUE, "Unknown type name alias: %.100s", sim_text(v));
    } else if (sim_is_number(v.type)) {
        int64_t code = sim_int(v, 0);
        type = code == -1 ? BSON_TYPE_MINKEY : (int)code;
        if (code != -1 && code != 127 && (code < 1 || code > 19))
            return sim_fail(f, SIM_BAD_VALUE, "Invalid numerical type code: %lld", (long long)code);
    } else {
        return sim_fail(f, SIM_TYPE_MISMATCH, "type must be represented as a number or a string");
    }
    int bit = type == BSON_TYPE_MINKEY ? 0 : type == BSON_TYPE_MAXKEY ? 20 : type;
    e->a |= INT64_C(1) << bit;
    return 0;
}

static struct sim_expr *parse_type(const struct sim_elem *path, struct sim_val v, struct sim_fail *f)
{
    struct sim_expr *e = leaf(SIM_TYPE, path, v, f);
    int rc = e ? 0 : -1;
    if (e && v.type == BSON_TYPE_ARRAY) {
        struct sim_iter it = sim_iter_of(v.p);
        struct sim_elem x;
        if (sim_is_empty(v.p))
            rc = sim_fail(f, SIM_FAILED_TO_PARSE, "%.*s must match at least one type", (int)path->key_n, path->key);
        while (!rc && sim_next(&it, &x))
            rc = add_type(e, x.v, f);
    } else if (e) {
        rc = add_type(e, v, f);
    }
    if (rc) {
        expr_free(e);
        return NULL;
    }
    return e;
}

static struct sim_expr *parse_mod(const struct sim_elem *path, struct sim_val v, struct sim_fail *f)
{
    struct sim_val d = sim_missing, r = sim_missing;
    if (v.type == BSON_TYPE_ARRAY) {
        d = sim_find(v.p, "0");
        r = sim_find(v.p, "1");
    }
    if (v.type != BSON_TYPE_ARRAY || sim_count(v.p) != 2) {
        sim_fail(f, SIM_BAD_VALUE, v.type != BSON_TYPE_ARRAY ? "malformed mod, needs to be an array" : "malformed mod, wrong number of elements");
        return NULL;
    }
    if (!sim_is_number(d.type) || sim_int(d, 0) == 0) {
        sim_fail(f, SIM_BAD_VALUE, sim_is_number(d.type) ? "divisor cannot be 0" : "malformed mod, divisor not a number");
        return NULL;
    }
    struct sim_expr *e = leaf(SIM_MOD, path, v, f);
    if (e) {
        e->a = sim_int(d, 1);
        e->b = sim_int(r, 0);
    }
    return e;
}

static struct sim_expr *parse_size(const struct sim_elem *path, struct sim_val v, struct sim_fail *f)
{
    int64_t n = sim_int(v, -1);
    if (!sim_is_number(v.type) || sim_number(v) != (long double)n || n < 0) {
        sim_fail(f, SIM_BAD_VALUE, !sim_is_number(v.type) ? "$size needs a number" : n < 0 ? "$size may not be negative" : "$size must be a whole number");
        return NULL;
    }
    struct sim_expr *e = leaf(SIM_SIZE, path, v, f);
    if (e)
        e->a = n;
    return e;
}

static int parse_operators(struct sim_expr *into, const struct sim_elem *path, const uint8_t *ops, unsigned depth, struct sim_fail *f);

static bool is_operators(struct sim_val v)
{
    return v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(v.p) && v.p[5] == '$';
}

static struct sim_expr *parse_elem_match(const struct sim_elem *path, struct sim_val v, unsigned depth, struct sim_fail *f)
{
    if (v.type != BSON_TYPE_DOCUMENT) {
        sim_fail(f, SIM_BAD_VALUE, "$elemMatch needs an Object");
        return NULL;
    }
    const char *first = (const char *)v.p + 5;
    bool values = is_operators(v) && strcmp(first, "$and") && strcmp(first, "$or") && strcmp(first, "$nor");
    struct sim_expr *e = leaf(values ? SIM_ELEM_VALUE : SIM_ELEM_OBJECT, path, v, f);
    if (!e)
        return NULL;
    struct sim_elem nameless = {"", 0, v};
    if (values ? parse_operators(e, &nameless, v.p, depth + 1, f) : add_sub(e, parse_and(v.p, depth + 1, f), f)) {
        expr_free(e);
        return NULL;
    }
    return e;
}

static int parse_all(struct sim_expr *into, const struct sim_elem *path, struct sim_val v, unsigned depth, struct sim_fail *f)
{
    if (v.type != BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_BAD_VALUE, "$all needs an array");
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem x;
    if (sim_is_empty(v.p))
        return add_sub(into, leaf(SIM_FALSE, path, v, f), f);
    while (sim_next(&it, &x)) {
        struct sim_expr *e;
        if (x.v.type == BSON_TYPE_REGEX)
            e = parse_regex(path, x.v, NULL, f);
        else if (x.v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(x.v.p) && strcmp((const char *)x.v.p + 5, "$elemMatch") == 0)
            e = parse_elem_match(path, sim_find(x.v.p, "$elemMatch"), depth, f);
        else
            e = leaf(SIM_EQ, path, x.v, f);
        if (add_sub(into, e, f))
            return -1;
    }
    return 0;
}

static struct sim_expr *parse_not(const struct sim_elem *path, struct sim_val v, unsigned depth, struct sim_fail *f)
{
    if (v.type == BSON_TYPE_REGEX)
        return wrap(SIM_NOT, parse_regex(path, v, NULL, f), f);
    if (!is_operators(v)) {
        sim_fail(f, SIM_BAD_VALUE, v.type == BSON_TYPE_DOCUMENT ? "$not cannot be empty" : "$not needs a regex or a document");
        return NULL;
    }
    struct sim_expr *all = expr_new(SIM_AND, NULL, 0, f);
    if (!all || parse_operators(all, path, v.p, depth + 1, f)) {
        expr_free(all);
        return NULL;
    }
    return wrap(SIM_NOT, all, f);
}

static const struct {
    const char *name;
    enum sim_kind kind;
} comparisons[] = {{"$eq", SIM_EQ}, {"$lt", SIM_LT}, {"$lte", SIM_LTE}, {"$gt", SIM_GT}, {"$gte", SIM_GTE}};

static struct sim_expr *parse_comparison(enum sim_kind kind, const char *name, const struct sim_elem *path, struct sim_val v,
                                         struct sim_fail *f)
{
    if (v.type == BSON_TYPE_REGEX && kind != SIM_EQ) {
        sim_fail(f, SIM_BAD_VALUE, "Can't have RegEx as arg to predicate over field '%.*s'.", (int)path->key_n, path->key);
        return NULL;
    }
    if (v.type == BSON_TYPE_UNDEFINED) {
        sim_fail(f, SIM_BAD_VALUE, "cannot compare to undefined (%s)", name);
        return NULL;
    }
    return leaf(kind, path, v, f);
}

/* One operator of {path: {$op: value, ...}}; into gets its expression. */
static int parse_operator(struct sim_expr *into, const struct sim_elem *path, const struct sim_elem *op, const uint8_t *ops,
                          unsigned depth, struct sim_fail *f)
{
    const char *name = op->key;
    for (size_t i = 0; i < SB_COUNT(comparisons); i++)
        if (strcmp(name, comparisons[i].name) == 0)
            return add_sub(into, parse_comparison(comparisons[i].kind, name, path, op->v, f), f);
    if (strcmp(name, "$ne") == 0) {
        if (op->v.type == BSON_TYPE_REGEX)
            return sim_fail(f, SIM_BAD_VALUE, "Can't have regex as arg to $ne.");
        return add_sub(into, wrap(SIM_NOT, leaf(SIM_EQ, path, op->v, f), f), f);
    }
    if (strcmp(name, "$in") == 0)
        return add_sub(into, parse_in(path, op->v, name, f), f);
    if (strcmp(name, "$nin") == 0)
        return add_sub(into, wrap(SIM_NOT, parse_in(path, op->v, name, f), f), f);
    if (strcmp(name, "$exists") == 0) {
        struct sim_expr *e = leaf(SIM_EXISTS, path, sim_true, f);
        return add_sub(into, sim_truth(op->v) ? e : wrap(SIM_NOT, e, f), f);
    }
    if (strcmp(name, "$type") == 0)
        return add_sub(into, parse_type(path, op->v, f), f);
    if (strcmp(name, "$size") == 0)
        return add_sub(into, parse_size(path, op->v, f), f);
    if (strcmp(name, "$mod") == 0)
        return add_sub(into, parse_mod(path, op->v, f), f);
    if (strcmp(name, "$all") == 0)
        return parse_all(into, path, op->v, depth, f);
    if (strcmp(name, "$elemMatch") == 0)
        return add_sub(into, parse_elem_match(path, op->v, depth, f), f);
    if (strcmp(name, "$not") == 0)
        return add_sub(into, parse_not(path, op->v, depth, f), f);
    if (strcmp(name, "$regex") == 0) {
        struct sim_val options = sim_find(ops, "$options");
        if (!sim_is_text(op->v.type) && op->v.type != BSON_TYPE_REGEX)
            return sim_fail(f, SIM_BAD_VALUE, "$regex has to be a string");
        return add_sub(into, parse_regex(path, op->v, sim_is_text(options.type) ? sim_text(options) : NULL, f), f);
    }
    if (strcmp(name, "$options") == 0)
        return sim_find(ops, "$regex").type ? 0 : sim_fail(f, SIM_BAD_VALUE, "$options needs a $regex");
    static const char *const others[] = {"$near", "$nearSphere", "$geoNear", "$geoWithin", "$geoIntersects", "$within", "$minDistance", "$maxDistance",
                                         "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear", "$geometry", "$uniqueDocs"};
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (strcmp(name, others[i]) == 0)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "%s is not simulated", name);
    return sim_fail(f, SIM_BAD_VALUE, "unknown operator: %.200s", name);
}

static int parse_operators(struct sim_expr *into, const struct sim_elem *path, const uint8_t *ops, unsigned depth, struct sim_fail *f)
{
    struct sim_iter it = sim_iter_of(ops);
    struct sim_elem op;
    if (depth > SIM_MAX_DEPTH)
        return sim_fail(f, SIM_BAD_VALUE, "exceeded maximum query tree depth of %d", SIM_MAX_DEPTH);
    while (sim_next(&it, &op))
        if (parse_operator(into, path, &op, ops, depth, f))
            return -1;
    return 0;
}

/* ---- the tree ---- */

static struct sim_expr *parse_list(enum sim_kind kind, const struct sim_elem *e, unsigned depth, struct sim_fail *f)
{
    if (e->v.type != BSON_TYPE_ARRAY) {
        sim_fail(f, SIM_BAD_VALUE, "%s must be an array", e->key);
        return NULL;
    }
    if (sim_is_empty(e->v.p)) {
        sim_fail(f, SIM_BAD_VALUE, "$and/$or/$nor must be a nonempty array");
        return NULL;
    }
    struct sim_expr *list = expr_new(kind, NULL, 0, f);
    struct sim_iter it = sim_iter_of(e->v.p);
    struct sim_elem x;
    while (list && sim_next(&it, &x)) {
        if (x.v.type != BSON_TYPE_DOCUMENT)
            sim_fail(f, SIM_BAD_VALUE, "$or/$and/$nor entries need to be full objects");
        if (x.v.type != BSON_TYPE_DOCUMENT || add_sub(list, parse_and(x.v.p, depth + 1, f), f)) {
            expr_free(list);
            return NULL;
        }
    }
    return list;
}

static int parse_top(struct sim_expr *into, const struct sim_elem *e, unsigned depth, struct sim_fail *f)
{
    if (strcmp(e->key, "$and") == 0 || strcmp(e->key, "$or") == 0 || strcmp(e->key, "$nor") == 0)
        return add_sub(into, parse_list(e->key[1] == 'a' ? SIM_AND : e->key[1] == 'o' ? SIM_OR : SIM_NOR, e, depth, f), f);
    if (strcmp(e->key, "$comment") == 0)
        return 0;
    if (strcmp(e->key, "$expr") == 0 && e->v.type == BSON_TYPE_BOOL)
        return sim_truth(e->v) ? 0 : add_sub(into, expr_new(SIM_FALSE, NULL, 0, f), f);
    if (strcmp(e->key, "$jsonSchema") == 0) {
        struct sim_expr *schema = sim_schema_check(e->v, f) ? NULL : expr_new(SIM_SCHEMA, NULL, 0, f);
        if (schema)
            schema->v = e->v;
        return add_sub(into, schema, f);
    }
    if (strcmp(e->key, "$expr") == 0) {
        struct sim_expr *x = sim_expr_check(e->v, f) ? NULL : expr_new(SIM_EVAL, NULL, 0, f);
        if (x && !(x->why = calloc(1, sizeof *x->why))) {
            expr_free(x);
            return sim_fail_nomem(f);
        }
        if (x)
            x->v = e->v;
        return add_sub(into, x, f);
    }
    if (strcmp(e->key, "$alwaysTrue") == 0)
        return 0;
    if (strcmp(e->key, "$alwaysFalse") == 0)
        return add_sub(into, expr_new(SIM_FALSE, NULL, 0, f), f);
    if (strcmp(e->key, "$where") == 0 || strcmp(e->key, "$text") == 0 || strcmp(e->key, "$sampleRate") == 0)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "%s is not simulated", e->key);
    if (e->key[0] == '$')
        return sim_fail(f, SIM_BAD_VALUE,
                        "unknown top level operator: %.200s. If you have a field name that starts with a '$' symbol, consider "
                        "using $getField or $setField.", e->key);
    if (is_operators(e->v))
        return parse_operators(into, e, e->v.p, depth + 1, f);
    if (e->v.type == BSON_TYPE_REGEX)
        return add_sub(into, parse_regex(e, e->v, NULL, f), f);
    return add_sub(into, parse_comparison(SIM_EQ, "$eq", e, e->v, f), f);
}

static struct sim_expr *parse_and(const uint8_t *doc, unsigned depth, struct sim_fail *f)
{
    if (depth > SIM_MAX_DEPTH) {
        sim_fail(f, SIM_BAD_VALUE, "exceeded maximum query tree depth of %d", SIM_MAX_DEPTH);
        return NULL;
    }
    struct sim_expr *all = expr_new(SIM_AND, NULL, 0, f);
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    while (all && sim_next(&it, &e))
        if (parse_top(all, &e, depth, f)) {
            expr_free(all);
            return NULL;
        }
    return all;
}

/* ---- canonical form ---- */

static int compare_exprs(const struct sim_expr *a, const struct sim_expr *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int c = memcmp(a->path, b->path, a->path_n < b->path_n ? a->path_n : b->path_n);
    if (!c)
        c = (a->path_n > b->path_n) - (a->path_n < b->path_n);
    for (size_t i = 0; !c && i < a->sub_n && i < b->sub_n; i++)
        c = compare_exprs(a->sub[i], b->sub[i]);
    return c ? c : (a->sub_n > b->sub_n) - (a->sub_n < b->sub_n);
}

/* Stable: branches that compare equal keep their order. */
static void sort_branches(struct sim_expr *e)
{
    for (size_t i = 1; i < e->sub_n; i++) {
        struct sim_expr *x = e->sub[i];
        size_t k = i;
        for (; k && compare_exprs(e->sub[k - 1], x) > 0; k--)
            e->sub[k] = e->sub[k - 1];
        e->sub[k] = x;
    }
}

/* Puts the branches of nested nodes of the same kind in their place. */
static int flatten(struct sim_expr *e)
{
    for (size_t i = 0; i < e->sub_n;) {
        struct sim_expr *x = e->sub[i];
        if (x->kind != e->kind) {
            i++;
            continue;
        }
        size_t more = x->sub_n;
        if (SB_GROW(e->sub, e->sub_cap, e->sub_n + more))
            return -1;
        memmove(e->sub + i + more, e->sub + i + 1, (e->sub_n - i - 1) * sizeof(struct sim_expr *));
        if (more) /* an empty one has no list at all */
            memcpy(e->sub + i, x->sub, more * sizeof(struct sim_expr *));
        e->sub_n += more - 1;
        x->sub_n = 0;
        expr_free(x);
    }
    return 0;
}

static int canonical(struct sim_expr **slot)
{
    struct sim_expr *e = *slot;
    for (size_t i = 0; i < e->sub_n; i++)
        if (canonical(&e->sub[i]))
            return -1;
    if (e->kind == SIM_AND || e->kind == SIM_OR) {
        if (flatten(e))
            return -1;
        sort_branches(e);
        if (e->sub_n == 1) {
            *slot = e->sub[0];
            e->sub_n = 0;
            expr_free(e);
        }
    } else if (e->kind == SIM_NOR) {
        sort_branches(e);
    }
    return 0;
}

struct sim_filter *sim_filter_new(const uint8_t *filter, struct sim_fail *f)
{
    struct sim_doc *copy = sim_doc_new(filter);
    struct sim_filter *m = copy ? sim_filter_over(copy->bson, f) : NULL;
    if (m)
        m->source = copy;
    else
        sim_doc_unref(copy);
    if (!copy)
        sim_fail_nomem(f);
    return m;
}

struct sim_filter *sim_filter_over(const uint8_t *filter, struct sim_fail *f)
{
    struct sim_filter *m = malloc(sizeof *m);
    if (!m) {
        sim_fail_nomem(f);
        return NULL;
    }
    *m = (struct sim_filter){.root = parse_and(filter, 0, f)};
    if (m->root && canonical(&m->root)) {
        expr_free(m->root);
        m->root = NULL;
        sim_fail_nomem(f);
    }
    if (!m->root) {
        sim_filter_free(m);
        return NULL;
    }
    return m;
}
