/* SPDX-License-Identifier: Apache-2.0
 *
 * Testing documents against a tree. */
#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/regex.h>
#include <signalbox/sim/expr.h>
#include <signalbox/sim/text.h>
#include "match.h"
#include "schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- regular expressions ---- */

struct sim_regexes {
    struct {
        struct sb_regex *re;
        char *prefix; /* the pattern is ^prefix: no engine is needed */
        size_t prefix_n;
        struct sim_val source;
    } *item;
    size_t n, cap;
};

void sim_regexes_free(struct sim_regexes *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++) {
        sb_regex_free(list->item[i].re);
        free(list->item[i].prefix);
    }
    free(list->item);
    free(list);
}

/* Bytes of text behind ^ up to the first character that means something to the engine. */
static size_t literal_run(const char *pattern)
{
    return strcspn(pattern, "\\^$.|?*+()[]{}");
}

static int compile(struct sim_regexes *list, const char *pattern, const char *options, struct sim_val source, struct sim_fail *f)
{
    if (SB_GROW(list->item, list->cap, list->n + 1))
        return sim_fail_nomem(f);
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    unsigned flags = strchr(options, 'i') ? SB_REGEX_CASELESS : 0;
    sb_str_init(&text);
    if (strcspn(options, "msx") != strlen(options)) {
        sb_str_adds(&text, "(?");
        for (const char *o = "msx"; *o; o++)
            if (strchr(options, *o))
                sb_str_addc(&text, *o);
        sb_str_addc(&text, ')');
    }
    sb_str_adds(&text, pattern);
    char *prefix = NULL;
    struct sb_regex *re = NULL;
    size_t run = pattern[0] == '^' ? literal_run(pattern + 1) : 0;
    if (options[0] == '\0' && pattern[0] == '^' && pattern[1 + run] == '\0')
        prefix = sb_strdup_n(pattern + 1, run);
    else
        re = sb_regex_new(text.p, flags, &err);
    sb_str_release(&text);
    if (!prefix && !re)
        return sim_fail(f, 51091, "Regular expression is invalid: %.200s", err.msg);
    list->item[list->n].re = re;
    list->item[list->n].prefix = prefix;
    list->item[list->n].prefix_n = run;
    list->item[list->n++].source = source;
    return 0;
}

int sim_regexes_add(struct sim_regexes **list, struct sim_val v, const char *options, struct sim_fail *f)
{
    if (!*list && !(*list = calloc(1, sizeof **list)))
        return sim_fail_nomem(f);
    const char *pattern = v.type == BSON_TYPE_REGEX ? (const char *)v.p : sim_text(v);
    if (!options)
        options = v.type == BSON_TYPE_REGEX ? pattern + strlen(pattern) + 1 : "";
    if (strspn(options, "imsxu") != strlen(options))
        return sim_fail(f, SIM_BAD_VALUE, "invalid flag in regex options: %.20s", options);
    return compile(*list, pattern, options, v, f);
}

bool sim_regexes_match(const struct sim_regexes *list, struct sim_val v)
{
    for (size_t i = 0; list && i < list->n; i++) {
        if (v.type == BSON_TYPE_REGEX) {
            if (sim_identical(v, list->item[i].source))
                return true;
        } else if (sim_is_text(v.type) && list->item[i].prefix) {
            if (sim_text_n(v) >= list->item[i].prefix_n && memcmp(sim_text(v), list->item[i].prefix, list->item[i].prefix_n) == 0)
                return true;
        } else if (sim_is_text(v.type)) {
            if (sb_regex_match(list->item[i].re, sim_text(v), sim_text_n(v), NULL, 0, NULL) == 1)
                return true;
        }
    }
    return false;
}

bool sim_regex_prefix(const struct sim_expr *e, struct sb_str *prefix)
{
    if (!e->re || e->re->n != 1)
        return false;
    struct sim_val v = e->re->item[0].source;
    const char *pattern = v.type == BSON_TYPE_REGEX ? (const char *)v.p : sim_text(v);
    if (pattern[0] != '^' || (!e->re->item[0].prefix && strchr(pattern, '|')))
        return false;
    size_t run = literal_run(pattern + 1);
    bool exact = pattern[1 + run] == '\0' || strcmp(pattern + 1 + run, ".*") == 0;
    if (run && strchr("?*{", pattern[1 + run]) && pattern[1 + run])
        run--; /* the last literal is optional */
    sb_str_add(prefix, pattern + 1, run);
    return exact && e->re->item[0].prefix;
}

/* ---- one value ---- */

static bool compares(const struct sim_expr *e, struct sim_val v)
{
    bool across = e->v.type == BSON_TYPE_MINKEY || e->v.type == BSON_TYPE_MAXKEY;
    if (v.type == 0) /* a missing field is equal to null */
        return e->v.type == BSON_TYPE_NULL && (e->kind == SIM_EQ || e->kind == SIM_LTE || e->kind == SIM_GTE);
    if (e->kind == SIM_EQ && e->v.type == BSON_TYPE_NULL && v.type == BSON_TYPE_UNDEFINED)
        return true;
    if (!across && sim_rank(v.type) != sim_rank(e->v.type))
        return false;
    if ((v.type == BSON_TYPE_DOUBLE && isnan(sim_f64(v.p))) != (e->v.type == BSON_TYPE_DOUBLE && isnan(sim_f64(e->v.p))) &&
        sim_is_number(e->v.type))
        return false;
    int c = sim_compare(v, e->v);
    switch (e->kind) {
    case SIM_EQ:
        return c == 0;
    case SIM_LT:
        return c < 0;
    case SIM_LTE:
        return c <= 0;
    case SIM_GT:
        return c > 0;
    default:
        return c >= 0;
    }
}

static bool in_list(const struct sim_expr *e, struct sim_val v)
{
    struct sim_val sought = v.type && v.type != BSON_TYPE_UNDEFINED ? v : sim_null;
    size_t lo = 0, hi = e->in_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = sim_compare(e->in[mid], sought);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return sim_regexes_match(e->re, v);
}

static bool has_type(const struct sim_expr *e, struct sim_val v)
{
    if (v.type == 0)
        return false;
    int bit = v.type == BSON_TYPE_MINKEY ? 0 : v.type == BSON_TYPE_MAXKEY ? 20 : v.type;
    return (e->a >> bit & 1) || (e->b && sim_is_number(v.type));
}

static bool leaf_test(const struct sim_expr *e, struct sim_val v);

/* An expression without a path of its own, on a value: what stands under an $elemMatch with operators. */
static bool value_test(const struct sim_expr *e, struct sim_val v)
{
    switch (e->kind) {
    case SIM_AND:
        for (size_t i = 0; i < e->sub_n; i++)
            if (!value_test(e->sub[i], v))
                return false;
        return true;
    case SIM_NOT:
        return !value_test(e->sub[0], v);
    default:
        return leaf_test(e, v);
    }
}

static bool any_element(const struct sim_expr *e, struct sim_val v)
{
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem x;
    while (sim_next(&it, &x)) {
        bool ok;
        if (e->kind == SIM_ELEM_OBJECT) {
            ok = sim_is_doc(x.v.type) && sim_match(e->sub[0], x.v.p);
        } else {
            ok = true;
            for (size_t i = 0; ok && i < e->sub_n; i++)
                ok = value_test(e->sub[i], x.v);
        }
        if (ok)
            return true;
    }
    return false;
}

static bool leaf_test(const struct sim_expr *e, struct sim_val v)
{
    switch (e->kind) {
    case SIM_EQ:
    case SIM_LT:
    case SIM_LTE:
    case SIM_GT:
    case SIM_GTE:
        return compares(e, v);
    case SIM_IN:
        return in_list(e, v);
    case SIM_EXISTS:
        return v.type != 0;
    case SIM_TYPE:
        return has_type(e, v);
    case SIM_REGEX:
        return sim_regexes_match(e->re, v);
    case SIM_MOD:
        return sim_is_number(v.type) && isfinite(sim_number(v)) && sim_int(v, 0) % (e->a == -1 ? 1 : e->a) == e->b;
    case SIM_SIZE:
        return v.type == BSON_TYPE_ARRAY && (int64_t)sim_count(v.p) == e->a;
    case SIM_ELEM_OBJECT:
    case SIM_ELEM_VALUE:
        return v.type == BSON_TYPE_ARRAY && any_element(e, v);
    default:
        return false;
    }
}

/* ---- paths ---- */

static bool reached(const struct sim_expr *e, struct sim_val v)
{
    if (leaf_test(e, v))
        return true;
    if (v.type != BSON_TYPE_ARRAY || e->kind == SIM_EXISTS || e->kind == SIM_SIZE || e->kind == SIM_ELEM_OBJECT || e->kind == SIM_ELEM_VALUE)
        return false;
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem x;
    while (sim_next(&it, &x))
        if (leaf_test(e, x.v))
            return true;
    return false;
}

static bool walk(const struct sim_expr *e, const uint8_t *doc, unsigned part);

static bool continue_at(const struct sim_expr *e, struct sim_val v, unsigned part)
{
    if (part == e->parts_n)
        return reached(e, v);
    if (v.type == BSON_TYPE_DOCUMENT)
        return walk(e, v.p, part);
    if (v.type != BSON_TYPE_ARRAY)
        return leaf_test(e, sim_missing);
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem x;
    while (sim_next(&it, &x))
        if (x.v.type == BSON_TYPE_DOCUMENT && walk(e, x.v.p, part))
            return true;
    const char *name = e->path + e->parts[part].from;
    if (name[0] < '0' || name[0] > '9')
        return false;
    struct sim_val at = sim_find_n(v.p, name, e->parts[part].n);
    return at.type && continue_at(e, at, part + 1);
}

static bool walk(const struct sim_expr *e, const uint8_t *doc, unsigned part)
{
    return continue_at(e, sim_find_n(doc, e->path + e->parts[part].from, e->parts[part].n), part + 1);
}

static bool evaluates(const struct sim_expr *e, const uint8_t *doc)
{
    struct sim_w w;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_w_init(&w);
    const uint8_t *done = sim_eval(e->v, doc, &w, "v", &f) ? NULL : sim_w_done(&w);
    bool yes = done && sim_truth(sim_find(done, "v"));
    sim_w_release(&w);
    if (f.code && !e->why->code)
        *e->why = f;
    else
        sim_fail_release(&f);
    return yes;
}

bool sim_expr_can_fail(const struct sim_expr *e)
{
    bool can = e->kind == SIM_EVAL;
    for (size_t i = 0; !can && i < e->sub_n; i++)
        can = sim_expr_can_fail(e->sub[i]);
    return can;
}

const struct sim_fail *sim_expr_failed(const struct sim_expr *e)
{
    const struct sim_fail *why = e->why && e->why->code ? e->why : NULL;
    for (size_t i = 0; !why && i < e->sub_n; i++)
        why = sim_expr_failed(e->sub[i]);
    return why;
}

bool sim_match(const struct sim_expr *e, const uint8_t *doc)
{
    switch (e->kind) {
    case SIM_AND:
        for (size_t i = 0; i < e->sub_n; i++)
            if (!sim_match(e->sub[i], doc))
                return false;
        return true;
    case SIM_OR:
    case SIM_NOR:
        for (size_t i = 0; i < e->sub_n; i++)
            if (sim_match(e->sub[i], doc))
                return e->kind == SIM_OR;
        return e->kind == SIM_NOR;
    case SIM_NOT:
        return !sim_match(e->sub[0], doc);
    case SIM_SCHEMA:
        return sim_schema_match(e->v.p, sim_val_doc(doc));
    case SIM_EVAL:
        return evaluates(e, doc);
    case SIM_FALSE:
        return false;
    default:
        return walk(e, doc, 0);
    }
}

/* The first element of the outermost array on the path by which a leaf matches. */
static int64_t leaf_element(const struct sim_expr *e, const uint8_t *doc)
{
    struct sim_val v = sim_val_doc(doc);
    unsigned part = 0;
    while (part < e->parts_n && v.type == BSON_TYPE_DOCUMENT) {
        v = sim_find_n(v.p, e->path + e->parts[part].from, e->parts[part].n);
        part++;
    }
    if (v.type != BSON_TYPE_ARRAY)
        return -1;
    struct sim_elem x;
    int64_t i = 0;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &x); i++) {
        bool found;
        if (part < e->parts_n)
            found = x.v.type == BSON_TYPE_DOCUMENT && walk(e, x.v.p, part);
        else if (e->kind == SIM_ELEM_OBJECT)
            found = sim_is_doc(x.v.type) && sim_match(e->sub[0], x.v.p);
        else if (e->kind == SIM_ELEM_VALUE) {
            found = true;
            for (size_t k = 0; found && k < e->sub_n; k++)
                found = value_test(e->sub[k], x.v);
        } else
            found = leaf_test(e, x.v);
        if (found)
            return i;
    }
    return -1;
}

int64_t sim_match_element(const struct sim_expr *e, const uint8_t *doc)
{
    int64_t last = -1;
    if (e->kind == SIM_AND || e->kind == SIM_OR) {
        for (size_t i = 0; i < e->sub_n; i++) {
            int64_t at = sim_match(e->sub[i], doc) ? sim_match_element(e->sub[i], doc) : -1;
            last = at >= 0 ? at : last;
        }
        return last;
    }
    return e->parts_n ? leaf_element(e, doc) : -1;
}

bool sim_matches_all(const struct sim_expr *e)
{
    return e->kind == SIM_AND && e->sub_n == 0;
}

/* ---- telling about it ---- */

static const char *const kind_names[SIM_KINDS] = {"$and",   "$or", "$elemMatch", "$elemMatch", "$size", "$eq",  "$lte",  "$lt",         "$gt",
                                                  "$gte",   "$regex", "$mod",    "$exists",    "$in",   "$not", "$nor",  "$type", "$jsonSchema", "$expr", "$alwaysFalse"};

/* {$op: value} of a leaf, into the open document. */
static void write_operator(struct sim_w *w, const struct sim_expr *e)
{
    switch (e->kind) {
    case SIM_IN:
        sim_w_array(w, "$in");
        for (size_t i = 0; i < e->in_n; i++)
            sim_w_val(w, NULL, e->in[i]);
        sim_w_end(w);
        break;
    case SIM_REGEX:
        if (e->v.type == BSON_TYPE_REGEX) {
            const char *pattern = (const char *)e->v.p, *options = pattern + strlen(pattern) + 1;
            sim_w_text(w, "$regex", pattern);
            if (options[0])
                sim_w_text(w, "$options", options);
        } else {
            sim_w_val(w, "$regex", e->v);
        }
        break;
    case SIM_EXISTS:
        sim_w_bool(w, "$exists", true);
        break;
    case SIM_ELEM_OBJECT:
        sim_w_doc(w, "$elemMatch");
        sim_expr_write(w, e->sub[0]);
        sim_w_end(w);
        break;
    case SIM_ELEM_VALUE:
        sim_w_doc(w, "$elemMatch");
        for (size_t i = 0; i < e->sub_n; i++) {
            if (e->sub[i]->kind == SIM_NOT) {
                sim_w_doc(w, "$not");
                write_operator(w, e->sub[i]->sub[0]);
                sim_w_end(w);
            } else {
                write_operator(w, e->sub[i]);
            }
        }
        sim_w_end(w);
        break;
    default:
        sim_w_val(w, kind_names[e->kind], e->v);
    }
}

void sim_expr_write(struct sim_w *w, const struct sim_expr *e)
{
    switch (e->kind) {
    case SIM_AND:
    case SIM_OR:
    case SIM_NOR:
        if (sim_matches_all(e))
            break;
        sim_w_array(w, kind_names[e->kind]);
        for (size_t i = 0; i < e->sub_n; i++) {
            sim_w_doc(w, NULL);
            sim_expr_write(w, e->sub[i]);
            sim_w_end(w);
        }
        sim_w_end(w);
        break;
    case SIM_NOT: {
        const struct sim_expr *x = e->sub[0];
        if (x->kind == SIM_AND || x->kind == SIM_OR || x->kind == SIM_NOT || x->kind == SIM_NOR || x->kind == SIM_SCHEMA || x->kind == SIM_EVAL) {
            sim_w_array(w, "$nor");
            sim_w_doc(w, NULL);
            sim_expr_write(w, x);
            sim_w_end(w);
            sim_w_end(w);
            break;
        }
        sim_w_doc_n(w, x->path, x->path_n);
        sim_w_doc(w, "$not");
        write_operator(w, x);
        sim_w_end(w);
        sim_w_end(w);
        break;
    }
    case SIM_SCHEMA:
        sim_w_val(w, "$jsonSchema", e->v);
        break;
    case SIM_EVAL:
        sim_expr_show(e->v, w, "$expr");
        break;
    case SIM_FALSE:
        sim_w_i32(w, "$alwaysFalse", 1);
        break;
    default:
        sim_w_doc_n(w, e->path, e->path_n);
        write_operator(w, e);
        sim_w_end(w);
    }
}

uint64_t sim_expr_shape(uint64_t h, const struct sim_expr *e)
{
    char kind = (char)('a' + e->kind);
    h = sb_fnv1a(h, &kind, 1);
    h = sb_fnv1a(h, e->path, e->path_n);
    if (e->kind == SIM_EVAL) {
        struct sb_str text;
        sb_str_init(&text);
        sim_shell_val(&text, e->v);
        h = sb_fnv1a(h, text.p, text.len);
        sb_str_release(&text);
    }
    if (e->sub_n == 0)
        return h;
    h = sb_fnv1a(h, "[", 1);
    for (size_t i = 0; i < e->sub_n; i++)
        h = sb_fnv1a(sim_expr_shape(h, e->sub[i]), ",", 1);
    return sb_fnv1a(h, "]", 1);
}

void sim_filter_operators(const struct sim_expr *e, sim_operator_fn fn, void *ctx)
{
    if (!(e->kind == SIM_AND && e->sub_n == 0))
        fn(ctx, kind_names[e->kind]);
    for (size_t i = 0; i < e->sub_n; i++)
        sim_filter_operators(e->sub[i], fn, ctx);
}

/* ---- implication ---- */

static bool same_path(const struct sim_expr *a, const struct sim_expr *b)
{
    return a->path_n == b->path_n && memcmp(a->path, b->path, a->path_n) == 0;
}

static bool is_comparison(enum sim_kind k)
{
    return k == SIM_EQ || k == SIM_LT || k == SIM_LTE || k == SIM_GT || k == SIM_GTE;
}

/* x op y, for values of one rank */
static bool bound_implies(const struct sim_expr *e, const struct sim_expr *w)
{
    if (sim_rank(e->v.type) != sim_rank(w->v.type))
        return false;
    int c = sim_compare(e->v, w->v);
    switch (w->kind) {
    case SIM_EQ:
        return e->kind == SIM_EQ && c == 0;
    case SIM_GT:
        return (e->kind == SIM_EQ || e->kind == SIM_GTE) ? c > 0 : e->kind == SIM_GT && c >= 0;
    case SIM_GTE:
        return (e->kind == SIM_EQ || e->kind == SIM_GTE || e->kind == SIM_GT) && c >= 0;
    case SIM_LT:
        return (e->kind == SIM_EQ || e->kind == SIM_LTE) ? c < 0 : e->kind == SIM_LT && c <= 0;
    default:
        return (e->kind == SIM_EQ || e->kind == SIM_LTE || e->kind == SIM_LT) && c <= 0;
    }
}

static bool in_implies(const struct sim_expr *e, const struct sim_expr *w)
{
    if (e->re)
        return false;
    for (size_t i = 0; i < e->in_n; i++) {
        struct sim_expr one = *e;
        one.kind = SIM_EQ;
        one.v = e->in[i];
        if (!sim_expr_implies(&one, w))
            return false;
    }
    return true;
}

static bool leaf_implies(const struct sim_expr *e, const struct sim_expr *w)
{
    if (!same_path(e, w))
        return false;
    if (e->kind == SIM_IN)
        return in_implies(e, w);
    if (w->kind == SIM_EXISTS)
        return e->kind == SIM_EXISTS || e->kind == SIM_REGEX || e->kind == SIM_TYPE || (is_comparison(e->kind) && e->v.type != BSON_TYPE_NULL);
    if (is_comparison(w->kind))
        return is_comparison(e->kind) && bound_implies(e, w);
    if (w->kind == SIM_IN)
        return e->kind == SIM_EQ && in_list(w, e->v);
    if (w->kind == SIM_TYPE)
        return (e->kind == SIM_TYPE && e->a == w->a && e->b == w->b) || (e->kind == SIM_EQ && e->v.type != BSON_TYPE_ARRAY && has_type(w, e->v));
    return false;
}

bool sim_expr_implies(const struct sim_expr *e, const struct sim_expr *wider)
{
    if (wider->kind == SIM_AND) {
        for (size_t i = 0; i < wider->sub_n; i++)
            if (!sim_expr_implies(e, wider->sub[i]))
                return false;
        return true;
    }
    if (e->kind == SIM_AND) {
        for (size_t i = 0; i < e->sub_n; i++)
            if (sim_expr_implies(e->sub[i], wider))
                return true;
        return false;
    }
    if (e->kind == SIM_OR) {
        for (size_t i = 0; i < e->sub_n; i++)
            if (!sim_expr_implies(e->sub[i], wider))
                return false;
        return e->sub_n > 0;
    }
    return leaf_implies(e, wider);
}
