/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that evaluate their parts themselves: $switch, which takes one of them, and those that bind a variable, which
 * put its value into the part and evaluate that. */
#include "bind.h"
#include "expr_private.h"

#include <string.h>

static int need_parts(const char *name, struct sim_val args, const char *const *parts, size_t required, int code, struct sim_fail *f)
{
    struct sim_elem e;
    if (args.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, code, "%s only supports an object as its argument", name);
    for (struct sim_iter it = sim_iter_of(args.p); sim_next(&it, &e);) {
        size_t i = 0;
        while (parts[i] && strcmp(parts[i], e.key) != 0)
            i++;
        if (!parts[i])
            return sim_fail(f, code + 1, "Unrecognized parameter to %s: %.60s", name, e.key);
    }
    for (size_t i = 0; i < required; i++)
        if (!sim_find(args.p, parts[i]).type)
            return sim_fail(f, code + 2, "Missing '%s' parameter to %s", parts[i], name);
    return 0;
}

/* One value of an expression, in memory of the caller. */
static int value_of(struct sim_val e, const uint8_t *doc, struct sim_w *w, unsigned depth, struct sim_val *out, struct sim_fail *f)
{
    if (sim_eval_in(e, doc, w, "v", depth + 1, f))
        return -1;
    const uint8_t *done = sim_w_done(w);
    if (!done)
        return sim_fail_nomem(f);
    *out = sim_find(done, "v");
    return 0;
}

/* Forms within forms multiply, and a $reduce may double what it has with every step: what one command binds is bounded. */
#define MOST_BOUND (UINT64_C(256) << 20)

static _Thread_local uint64_t bound_bytes;

static _Thread_local struct sim_expr_clock clock_now;

void sim_expr_begin(struct sim_expr_clock clock)
{
    bound_bytes = 0;
    clock_now = clock;
}

struct sim_expr_clock sim_expr_clock(void)
{
    return clock_now;
}

void sim_expr_set_clock(struct sim_expr_clock clock)
{
    clock_now = clock;
}

static int spend(uint64_t bytes, struct sim_fail *f)
{
    bound_bytes += bytes;
    return bound_bytes <= MOST_BOUND ? 0 : sim_fail(f, SIM_NOT_IMPLEMENTED, "an expression that puts more than 256 MiB into variables is not simulated");
}

/* The part with its variables in it, evaluated under key. */
static int eval_bound(struct sim_val part, const struct sim_binding *b, size_t n, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth,
                      struct sim_fail *f)
{
    struct sim_w bound;
    sim_w_init(&bound);
    sim_bind(part, b, n, &bound, "e");
    const uint8_t *done = sim_w_done(&bound);
    int rc = !done ? sim_fail_nomem(f) : spend(sim_doc_len(done), f);
    if (rc == 0)
        rc = sim_eval_in(sim_find(done, "e"), doc, w, key, depth + 1, f);
    sim_w_release(&bound);
    return rc;
}

/* ---- $let ---- */

static int let_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"vars", "in", NULL};
    struct sim_scope own[SIM_BINDINGS];
    struct sim_elem e;
    size_t n = 0;
    if (need_parts("$let", args, parts, 2, 16874, f))
        return -1;
    struct sim_val vars = sim_find(args.p, "vars");
    if (vars.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 16876, "invalid parameter: expected an object (vars)");
    const struct sim_scope *inner = scope;
    for (struct sim_iter it = sim_iter_of(vars.p); sim_next(&it, &e); n++) {
        if (n == SIM_BINDINGS)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "more than %d variables are not simulated", SIM_BINDINGS);
        if (sim_check_in(e.v, scope, depth + 1, f))
            return -1;
        own[n] = (struct sim_scope){e.key, e.key_n, inner};
        inner = &own[n];
    }
    return sim_check_in(sim_find(args.p, "in"), inner, depth + 1, f);
}

static int let_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_binding b[SIM_BINDINGS];
    struct sim_elem e;
    struct sim_w values;
    size_t n = 0;
    int rc = 0;
    sim_w_init(&values);
    for (struct sim_iter it = sim_iter_of(sim_find(args.p, "vars").p); rc == 0 && sim_next(&it, &e) && n < SIM_BINDINGS;) {
        b[n++].name = e.key;
        rc = sim_eval_in(e.v, doc, &values, e.key, depth + 1, f);
    }
    const uint8_t *done = rc ? NULL : sim_w_done(&values);
    if (rc == 0 && !done)
        rc = sim_fail_nomem(f);
    for (size_t i = 0; done && i < n; i++)
        b[i].v = sim_find(done, b[i].name);
    if (rc == 0)
        rc = eval_bound(sim_find(args.p, "in"), b, n, doc, w, key, depth, f);
    sim_w_release(&values);
    return rc;
}

/* ---- $map, $filter ---- */

static const char *as_of(struct sim_val args)
{
    struct sim_val as = sim_find(args.p, "as");
    return sim_is_text(as.type) ? sim_text(as) : "this";
}

static int each_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, const char *part, struct sim_fail *f)
{
    struct sim_scope own = {as_of(args), strlen(as_of(args)), scope};
    return sim_check_in(sim_find(args.p, "input"), scope, depth + 1, f) || sim_check_in(sim_find(args.p, part), &own, depth + 1, f) ? -1 : 0;
}

static int map_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"input", "in", "as", NULL};
    return need_parts("$map", args, parts, 2, 16878, f) ? -1 : each_check(args, scope, depth, "in", f);
}

static int filter_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"input", "cond", "as", NULL};
    return need_parts("$filter", args, parts, 2, 28646, f) ? -1 : each_check(args, scope, depth, "cond", f);
}

/* The array that a form goes through: 1 it is one, 0 null was written, -1. */
static int input_of(const char *name, int code, struct sim_val args, const uint8_t *doc, struct sim_w *input, unsigned depth, struct sim_val *out,
                    struct sim_w *w, const char *key, struct sim_fail *f)
{
    if (value_of(sim_find(args.p, "input"), doc, input, depth, out, f))
        return -1;
    if (sim_nullish(*out)) {
        sim_w_null(w, key);
        return 0;
    }
    return out->type == BSON_TYPE_ARRAY ? 1 : sim_fail(f, code, "input to %s must be an array not %s", name, sim_type_name(out->type));
}

static int map_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val list;
    struct sim_elem e;
    struct sim_w input;
    sim_w_init(&input);
    int rc = input_of("$map", 16883, args, doc, &input, depth, &list, w, key, f);
    if (rc > 0) {
        rc = 0;
        sim_w_array(w, key);
        for (struct sim_iter it = sim_iter_of(list.p); rc == 0 && sim_next(&it, &e);) {
            struct sim_binding b = {as_of(args), e.v};
            size_t before = sim_w_size(w);
            rc = eval_bound(sim_find(args.p, "in"), &b, 1, doc, w, NULL, depth, f);
            if (rc == 0 && sim_w_size(w) == before)
                sim_w_null(w, NULL);
        }
        sim_w_end(w);
    }
    sim_w_release(&input);
    return rc;
}

/* What is true of a value, as conditions take it. */
static int holds(struct sim_val part, const struct sim_binding *b, const uint8_t *doc, unsigned depth, bool *out, struct sim_fail *f)
{
    struct sim_w w;
    sim_w_init(&w);
    int rc = eval_bound(part, b, 1, doc, &w, "v", depth, f);
    const uint8_t *done = rc ? NULL : sim_w_done(&w);
    if (rc == 0 && !done)
        rc = sim_fail_nomem(f);
    if (done)
        *out = sim_truth(sim_find(done, "v"));
    sim_w_release(&w);
    return rc;
}

static int filter_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val list;
    struct sim_elem e;
    struct sim_w input;
    sim_w_init(&input);
    int rc = input_of("$filter", 28651, args, doc, &input, depth, &list, w, key, f);
    if (rc > 0) {
        rc = 0;
        sim_w_array(w, key);
        for (struct sim_iter it = sim_iter_of(list.p); rc == 0 && sim_next(&it, &e);) {
            struct sim_binding b = {as_of(args), e.v};
            bool keep = false;
            rc = holds(sim_find(args.p, "cond"), &b, doc, depth, &keep, f);
            if (keep)
                sim_w_val(w, NULL, e.v);
        }
        sim_w_end(w);
    }
    sim_w_release(&input);
    return rc;
}

/* ---- $reduce ---- */

static int reduce_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"input", "initialValue", "in", NULL};
    if (need_parts("$reduce", args, parts, 3, 40075, f))
        return -1;
    struct sim_scope first = {"this", 4, scope}, second = {"value", 5, &first};
    return sim_check_in(sim_find(args.p, "input"), scope, depth + 1, f) || sim_check_in(sim_find(args.p, "initialValue"), scope, depth + 1, f) ||
                   sim_check_in(sim_find(args.p, "in"), &second, depth + 1, f)
               ? -1
               : 0;
}

static int reduce_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val list, value = sim_missing;
    struct sim_elem e;
    struct sim_w input, turn[2];
    unsigned now = 0;
    sim_w_init(&input);
    sim_w_init(&turn[0]);
    sim_w_init(&turn[1]);
    int rc = input_of("$reduce", 40080, args, doc, &input, depth, &list, w, key, f);
    if (rc > 0) {
        rc = value_of(sim_find(args.p, "initialValue"), doc, &turn[0], depth, &value, f);
        for (struct sim_iter it = sim_iter_of(list.p); rc == 0 && sim_next(&it, &e);) {
            struct sim_binding b[] = {{"this", e.v}, {"value", value}};
            now = !now;
            sim_w_clear(&turn[now]);
            rc = eval_bound(sim_find(args.p, "in"), b, 2, doc, &turn[now], "v", depth, f);
            const uint8_t *done = rc ? NULL : sim_w_done(&turn[now]);
            if (rc == 0 && !done)
                rc = sim_fail_nomem(f);
            value = done ? sim_find(done, "v") : sim_missing;
        }
        if (rc == 0)
            sim_w_val(w, key, value);
    }
    sim_w_release(&input);
    sim_w_release(&turn[0]);
    sim_w_release(&turn[1]);
    return rc;
}

/* ---- $switch ---- */

static int switch_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"branches", "default", NULL};
    struct sim_elem e;
    if (need_parts("$switch", args, parts, 0, 40060, f))
        return -1;
    struct sim_val list = sim_find(args.p, "branches"), otherwise = sim_find(args.p, "default");
    if (list.type != BSON_TYPE_ARRAY || sim_is_empty(list.p))
        return sim_fail(f, list.type == BSON_TYPE_ARRAY ? 40068 : 40061, "$switch requires at least one branch");
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);) {
        struct sim_val when = e.v.type == BSON_TYPE_DOCUMENT ? sim_find(e.v.p, "case") : sim_missing;
        struct sim_val then = e.v.type == BSON_TYPE_DOCUMENT ? sim_find(e.v.p, "then") : sim_missing;
        if (!when.type || !then.type)
            return sim_fail(f, when.type ? 40065 : 40064, "$switch requires each branch have a '%s' expression", when.type ? "then" : "case");
        if (sim_check_in(when, scope, depth + 1, f) || sim_check_in(then, scope, depth + 1, f))
            return -1;
    }
    return otherwise.type ? sim_check_in(otherwise, scope, depth + 1, f) : 0;
}

static int switch_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_elem e;
    struct sim_val otherwise = sim_find(args.p, "default");
    for (struct sim_iter it = sim_iter_of(sim_find(args.p, "branches").p); sim_next(&it, &e);) {
        bool yes = false;
        struct sim_binding none = {"", sim_missing};
        if (holds(sim_find(e.v.p, "case"), &none, doc, depth, &yes, f))
            return -1;
        if (yes)
            return sim_eval_in(sim_find(e.v.p, "then"), doc, w, key, depth + 1, f);
    }
    if (!otherwise.type)
        return sim_fail(f, 40066, "$switch could not find a matching branch for an input, and no default was specified.");
    return sim_eval_in(otherwise, doc, w, key, depth + 1, f);
}

static const struct sim_form forms[] = {
    {"$convert", sim_convert_check, sim_convert_eval},
    {"$filter", filter_check, filter_eval}, {"$let", let_check, let_eval},          {"$map", map_check, map_eval},
    {"$reduce", reduce_check, reduce_eval}, {"$switch", switch_check, switch_eval},
};

const struct sim_form *sim_form_find(const char *name)
{
    for (size_t i = 0; i < SB_COUNT(forms); i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return NULL;
}
