/* SPDX-License-Identifier: Apache-2.0 */
#include "expr_private.h"

#include <math.h>
#include <string.h>

enum op {
    E_LITERAL, E_ADD, E_SUBTRACT, E_MULTIPLY, E_DIVIDE, E_EQ, E_NE, E_GT, E_GTE, E_LT, E_LTE, E_CMP, E_AND, E_OR, E_NOT, E_COND, E_IF_NULL,
    E_CONCAT, E_SIZE, E_FIRST, E_LAST, E_ELEM_AT,
};

static const struct {
    const char *name;
    enum op op;
    int least, most; /* arguments; most -1: any number */
} ops[] = {
    {"$literal", E_LITERAL, 1, 1}, {"$const", E_LITERAL, 1, 1}, {"$add", E_ADD, 0, -1}, {"$subtract", E_SUBTRACT, 2, 2},
    {"$multiply", E_MULTIPLY, 0, -1}, {"$divide", E_DIVIDE, 2, 2}, {"$eq", E_EQ, 2, 2}, {"$ne", E_NE, 2, 2}, {"$gt", E_GT, 2, 2},
    {"$gte", E_GTE, 2, 2}, {"$lt", E_LT, 2, 2}, {"$lte", E_LTE, 2, 2}, {"$cmp", E_CMP, 2, 2}, {"$and", E_AND, 0, -1}, {"$or", E_OR, 0, -1},
    {"$not", E_NOT, 1, 1}, {"$cond", E_COND, 3, 3}, {"$ifNull", E_IF_NULL, 2, -1}, {"$concat", E_CONCAT, 0, -1}, {"$size", E_SIZE, 1, 1},
    {"$first", E_FIRST, 1, 1}, {"$last", E_LAST, 1, 1}, {"$arrayElemAt", E_ELEM_AT, 2, 2},
};

#define MAX_ARGS 16

/* {$form: args}, or NULL. */
static const struct sim_form *form_of(struct sim_val e, struct sim_val *args)
{
    struct sim_elem first;
    struct sim_iter it = sim_iter_of(e.p);
    if (e.type != BSON_TYPE_DOCUMENT || !sim_next(&it, &first) || first.key[0] != '$' || sim_count(e.p) != 1)
        return NULL;
    *args = first.v;
    return sim_form_find(first.key);
}

/* {$function: args}, or NULL. */
static const struct sim_function *function_of(struct sim_val e, struct sim_val *args)
{
    struct sim_elem first;
    struct sim_iter it = sim_iter_of(e.p);
    if (e.type != BSON_TYPE_DOCUMENT || !sim_next(&it, &first) || first.key[0] != '$' || sim_count(e.p) != 1)
        return NULL;
    *args = first.v;
    return sim_function_find(first.key);
}

/* {$op: args}: the index in ops, -1 for a plain document, -2 for an unknown operator. */
static int operator_of(struct sim_val e, struct sim_val *args)
{
    struct sim_elem first;
    struct sim_iter it = sim_iter_of(e.p);
    if (!sim_next(&it, &first) || first.key[0] != '$')
        return -1;
    *args = first.v;
    for (size_t i = 0; i < SB_COUNT(ops); i++)
        if (strcmp(ops[i].name, first.key) == 0)
            return sim_count(e.p) == 1 ? (int)i : -2;
    return -2;
}

/* Arguments of an operator: the elements of an array, or the one value. $cond may name them. */
static size_t arguments(int op, struct sim_val args, struct sim_val *out)
{
    struct sim_elem e;
    size_t n = 0;
    if (op >= 0 && ops[op].op == E_COND && args.type == BSON_TYPE_DOCUMENT) {
        out[0] = sim_find(args.p, "if");
        out[1] = sim_find(args.p, "then");
        out[2] = sim_find(args.p, "else");
        return out[0].type && out[1].type && out[2].type ? 3 : 0;
    }
    if (args.type != BSON_TYPE_ARRAY || (op >= 0 && ops[op].op == E_LITERAL)) {
        out[0] = args;
        return 1;
    }
    for (struct sim_iter it = sim_iter_of(args.p); sim_next(&it, &e); n++)
        if (n < MAX_ARGS)
            out[n] = e.v;
    return n;
}

/* Behind $$: the document, nothing, or what is bound around here. */
static int check_variable(const char *name, const struct sim_scope *scope, struct sim_fail *f)
{
    static const char *const known[] = {"ROOT", "CURRENT", "REMOVE", "NOW", "CLUSTER_TIME"}, *const others[] = {"JS_SCOPE", "IS_MR"};
    size_t n = strcspn(name, ".");
    for (; scope; scope = scope->outer)
        if (scope->n == n && memcmp(scope->name, name, n) == 0)
            return 0;
    for (size_t i = 0; i < SB_COUNT(known); i++)
        if (strlen(known[i]) == n && memcmp(known[i], name, n) == 0)
            return 0;
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (strlen(others[i]) == n && memcmp(others[i], name, n) == 0)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "the variable $$%s is not simulated", others[i]);
    return sim_fail(f, 17276, "Use of undefined variable: %.*s", (int)(n < 60 ? n : 60), name);
}

static int check_arguments(const char *name, int least, int most, size_t n, struct sim_fail *f)
{
    if (n > MAX_ARGS)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "more than %d arguments are not simulated", MAX_ARGS);
    if ((int)n >= least && (most < 0 || (int)n <= most))
        return 0;
    if (most > least)
        return sim_fail(f, 28667, "Expression %s takes at least %d arguments, and at most %d, but %zu were passed in.", name, least, most, n);
    return sim_fail(f, 16020, "Expression %s takes exactly %d arguments. %zu were passed in.", name, least, n);
}

int sim_check_in(struct sim_val e, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    struct sim_val args, arg[MAX_ARGS];
    struct sim_elem x;
    if (depth > SIM_MAX_DEPTH)
        return sim_fail(f, SIM_BAD_VALUE, "the expression is nested too deeply");
    if (sim_is_text(e.type) && sim_text(e)[0] == '$') {
        if (sim_text(e)[1] == '$')
            return check_variable(sim_text(e) + 2, scope, f);
        if (sim_text(e)[1] == '\0')
            return sim_fail(f, 16872, "'$' by itself is not a valid FieldPath");
        return 0;
    }
    if (!sim_is_doc(e.type))
        return 0;
    int op = e.type == BSON_TYPE_DOCUMENT ? operator_of(e, &args) : -1;
    const struct sim_form *form = op == -2 ? form_of(e, &args) : NULL;
    const struct sim_function *fn = op == -2 && !form ? function_of(e, &args) : NULL;
    if (form)
        return form->check(args, scope, depth, f);
    if (op == -2 && !fn) {
        struct sim_iter it = sim_iter_of(e.p);
        sim_next(&it, &x);
        static const char known[] =
            " $abs $accumulator $acos $acosh $allElementsTrue $anyElementTrue $arrayToObject $asin $asinh $atan $atan2 $atanh $avg $binarySize $bsonSize "
            "$ceil $concatArrays $convert $cos $cosh $dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc "
            "$dayOfMonth $dayOfWeek $dayOfYear $degreesToRadians $exp $filter $floor $function $getField $hour $in $indexOfArray $indexOfBytes $indexOfCP "
            "$isArray $isNumber $isoDayOfWeek $isoWeek $isoWeekYear $let $ln $log $log10 $ltrim $map $max $mergeObjects $meta $millisecond $min $minute $mod "
            "$month $objectToArray $pow $radiansToDegrees $rand $range $reduce $regexFind $regexFindAll $regexMatch $replaceAll $replaceOne $reverseArray "
            "$round $rtrim $sampleRate $second $setDifference $setEquals $setField $setIntersection $setIsSubset $setUnion $sin $sinh $slice $split $sqrt "
            "$stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp $substr $substrBytes $substrCP $sum $switch $tan $tanh $toBool $toDate $toDecimal "
            "$toDouble $toInt $toLong $toLower $toObjectId $toString $toUpper $trim $trunc $type $unsetField $week $year $zip ";
        char name[68];
        snprintf(name, sizeof name, " %.60s ", x.key);
        if (strstr(known, name))
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "the expression %.60s is not simulated", x.key);
        return sim_count(e.p) > 1 ? sim_fail(f, 15983, "An object representing an expression must have exactly one field")
                                  : sim_fail(f, 168, "Unrecognized expression '%.60s'", x.key);
    }
    if (op == -1) {
        for (struct sim_iter it = sim_iter_of(e.p); sim_next(&it, &x);)
            if (sim_check_in(x.v, scope, depth + 1, f))
                return -1;
        return 0;
    }
    size_t n = arguments(op, args, arg);
    if (check_arguments(fn ? fn->name : ops[op].name, fn ? fn->least : ops[op].least, fn ? fn->most : ops[op].most, n, f))
        return -1;
    for (size_t i = 0; (fn || ops[op].op != E_LITERAL) && i < n; i++)
        if (sim_check_in(arg[i], scope, depth + 1, f))
            return -1;
    return 0;
}

int sim_expr_check(struct sim_val e, struct sim_fail *f)
{
    return sim_check_in(e, NULL, 0, f);
}

/* ---- field paths ---- */

/* The value at a path; through an array, the array of the values in its documents. */
static void put_path(struct sim_val v, const char *path, struct sim_w *w, const char *key, unsigned depth)
{
    struct sim_elem e;
    while (*path && v.type == BSON_TYPE_DOCUMENT) {
        size_t n = strcspn(path, ".");
        v = sim_find_n(v.p, path, n);
        path += n + (path[n] == '.');
    }
    if (!*path) {
        sim_w_val(w, key, v);
        return;
    }
    if (v.type != BSON_TYPE_ARRAY || depth > SIM_MAX_DEPTH)
        return;
    sim_w_array(w, key);
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
        if (e.v.type == BSON_TYPE_DOCUMENT)
            put_path(e.v, path, w, NULL, depth + 1);
    sim_w_end(w);
}

void sim_put_path(struct sim_val v, const char *path, struct sim_w *w, const char *key)
{
    put_path(v, path, w, key, 0);
}

/* ---- operators ---- */

/* Evaluates arguments into a document {"0": .., "1": ..}; missing ones are left out. */
static const uint8_t *eval_args(const struct sim_val *arg, size_t n, const uint8_t *doc, struct sim_w *w, unsigned depth, struct sim_fail *f)
{
    for (size_t i = 0; i < n; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        if (sim_eval_in(arg[i], doc, w, key, depth + 1, f))
            return NULL;
    }
    const uint8_t *done = sim_w_done(w);
    if (!done)
        sim_fail_nomem(f);
    return done;
}

struct sim_val sim_arg_at(const uint8_t *args, size_t i)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", i);
    return sim_find(args, key);
}

bool sim_nullish(struct sim_val v)
{
    return !v.type || v.type == BSON_TYPE_NULL || v.type == BSON_TYPE_UNDEFINED;
}

static void put_number(struct sim_w *w, const char *key, long double d, int kind)
{
    if (kind == 3)
        sim_w_decimal(w, key, d);
    else if (kind == 2 || d < (long double)INT64_MIN || d > (long double)INT64_MAX)
        sim_w_f64(w, key, (double)d);
    else if (kind == 0 && d >= INT32_MIN && d <= INT32_MAX)
        sim_w_i32(w, key, (int64_t)d);
    else
        sim_w_i64(w, key, (int64_t)d);
}

static int kind_of(uint8_t type)
{
    return type == BSON_TYPE_INT32 ? 0 : type == BSON_TYPE_INT64 || type == BSON_TYPE_DATE_TIME ? 1 : type == BSON_TYPE_DECIMAL128 ? 3 : 2;
}

static int wrong_operand(enum op op, const uint8_t *args, struct sim_val v, struct sim_fail *f)
{
    if (op == E_SUBTRACT)
        return sim_fail(f, SIM_TYPE_MISMATCH, "can't $subtract %s from %s", sim_type_name(sim_arg_at(args, 1).type), sim_type_name(sim_arg_at(args, 0).type));
    if (op == E_DIVIDE)
        return sim_fail(f, SIM_TYPE_MISMATCH, "$divide only supports numeric types, not %s and %s", sim_type_name(sim_arg_at(args, 0).type),
                        sim_type_name(sim_arg_at(args, 1).type));
    return sim_fail(f, SIM_TYPE_MISMATCH, op == E_ADD ? "$add only supports numeric or date types, not %s" : "$multiply only supports numeric types, not %s",
                    sim_type_name(v.type));
}

static int arithmetic(enum op op, const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    long double sum = op == E_MULTIPLY ? 1 : 0;
    int kind = 0;
    bool date = false;
    for (size_t i = 0; i < n; i++) {
        struct sim_val v = sim_arg_at(args, i);
        if (sim_nullish(v)) {
            sim_w_null(w, key);
            return 0;
        }
        if (!sim_is_number(v.type) && !(v.type == BSON_TYPE_DATE_TIME && op <= E_SUBTRACT))
            return wrong_operand(op, args, v, f);
        long double d = v.type == BSON_TYPE_DATE_TIME ? (long double)sim_i64(v.p) : sim_number(v);
        date = date != (v.type == BSON_TYPE_DATE_TIME);
        kind = kind_of(v.type) > kind ? kind_of(v.type) : kind;
        if (i == 0 || op == E_ADD)
            sum = i == 0 ? d : sum + d;
        else if (op == E_SUBTRACT)
            sum -= d;
        else if (op == E_MULTIPLY)
            sum *= d;
        else if (d == 0)
            return sim_fail(f, 2, "can't $divide by zero");
        else
            sum /= d;
    }
    if (date)
        sim_w_date(w, key, (int64_t)sum);
    else
        put_number(w, key, sum, op == E_DIVIDE && kind < 2 ? 2 : kind);
    return 0;
}

static void comparison(enum op op, const uint8_t *args, struct sim_w *w, const char *key)
{
    int c = sim_compare(sim_arg_at(args, 0), sim_arg_at(args, 1));
    if (op == E_CMP)
        sim_w_i32(w, key, (c > 0) - (c < 0));
    else
        sim_w_bool(w, key, op == E_EQ ? c == 0 : op == E_NE ? c != 0 : op == E_GT ? c > 0 : op == E_GTE ? c >= 0 : op == E_LT ? c < 0 : c <= 0);
}

static int concat(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sb_str s;
    int rc = 0;
    sb_str_init(&s);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sim_val v = sim_arg_at(args, i);
        if (sim_nullish(v)) {
            sim_w_null(w, key);
            goto out;
        }
        if (!sim_is_text(v.type))
            rc = sim_fail(f, 16702, "$concat only supports strings, not %s", sim_type_name(v.type));
        else
            sb_str_add(&s, sim_text(v), sim_text_n(v));
    }
    if (rc == 0)
        sim_w_text_n(w, key, s.p, s.len);
out:
    sb_str_release(&s);
    return rc;
}

static int array_op(enum op op, const uint8_t *args, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    struct sim_elem e;
    if (op != E_SIZE && sim_nullish(v)) {
        sim_w_null(w, key);
        return 0;
    }
    if (v.type != BSON_TYPE_ARRAY)
        return sim_fail(f, op == E_SIZE ? 17124 : 28689, "The argument to %s must be an array, but was of type: %s",
                        op == E_SIZE ? "$size" : op == E_FIRST ? "$first" : op == E_LAST ? "$last" : "$arrayElemAt", sim_type_name(v.type));
    int64_t n = (int64_t)sim_count(v.p), at = op == E_FIRST ? 0 : op == E_LAST ? n - 1 : sim_int(sim_arg_at(args, 1), 0), i = 0;
    if (op == E_SIZE) {
        sim_w_i32(w, key, n);
        return 0;
    }
    if (at < 0)
        at += n;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e); i++)
        if (i == at)
            sim_w_val(w, key, e.v);
    return 0;
}

static int eval_operator(int i, struct sim_val raw, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val arg[MAX_ARGS];
    size_t n = arguments(i, raw, arg);
    enum op op = ops[i].op;
    if (op == E_LITERAL) {
        sim_w_val(w, key, raw);
        return 0;
    }
    struct sim_w temp;
    sim_w_init(&temp);
    int rc = 0;
    const uint8_t *args = eval_args(arg, op == E_COND ? 1 : n, doc, &temp, depth, f);
    if (!args) {
        rc = -1;
    } else if (op <= E_DIVIDE) {
        rc = arithmetic(op, args, n, w, key, f);
    } else if (op <= E_CMP) {
        comparison(op, args, w, key);
    } else if (op == E_AND || op == E_OR) {
        bool v = op == E_AND;
        for (size_t k = 0; k < n; k++)
            v = op == E_AND ? v && sim_truth(sim_arg_at(args, k)) : v || sim_truth(sim_arg_at(args, k));
        sim_w_bool(w, key, v);
    } else if (op == E_NOT) {
        sim_w_bool(w, key, !sim_truth(sim_arg_at(args, 0)));
    } else if (op == E_COND) {
        rc = sim_eval_in(sim_truth(sim_arg_at(args, 0)) ? arg[1] : arg[2], doc, w, key, depth + 1, f);
    } else if (op == E_IF_NULL) {
        size_t k = 0;
        while (k + 1 < n && sim_nullish(sim_arg_at(args, k)))
            k++;
        sim_w_val(w, key, sim_arg_at(args, k));
    } else if (op == E_CONCAT) {
        rc = concat(args, n, w, key, f);
    } else {
        rc = array_op(op, args, w, key, f);
    }
    sim_w_release(&temp);
    return rc;
}

static int eval_function(const struct sim_function *fn, struct sim_val raw, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth,
                         struct sim_fail *f)
{
    struct sim_val arg[MAX_ARGS];
    size_t n = arguments(-1, raw, arg);
    struct sim_w temp;
    sim_w_init(&temp);
    const uint8_t *args = eval_args(arg, n, doc, &temp, depth, f);
    int rc = args ? fn->fn(args, n, w, key, f) : -1;
    sim_w_release(&temp);
    return rc;
}

/* True when the variable is one of the time's. Neither has fields. */
static bool put_time(const char *path, struct sim_w *w, const char *key)
{
    size_t n = strcspn(path, ".");
    if (n == 4 && memcmp(path, "$NOW", n) == 0 && !path[n])
        sim_w_date(w, key, sim_expr_clock().now_ms);
    else if (n == 13 && memcmp(path, "$CLUSTER_TIME", n) == 0 && !path[n])
        sim_w_ts(w, key, sim_expr_clock().ts);
    else
        return (n == 4 && memcmp(path, "$NOW", n) == 0) || (n == 13 && memcmp(path, "$CLUSTER_TIME", n) == 0);
    return true;
}

int sim_eval_in(struct sim_val e, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val args;
    struct sim_elem x;
    if (depth > SIM_MAX_DEPTH)
        return sim_fail(f, SIM_BAD_VALUE, "the expression is nested too deeply");
    if (sim_is_text(e.type) && sim_text(e)[0] == '$') {
        const char *path = sim_text(e) + 1;
        if (strncmp(path, "$REMOVE", 7) == 0)
            return 0; /* never there */
        if (put_time(path, w, key))
            return 0;
        if (*path == '$')
            path += strcspn(path, ".");
        put_path(sim_val_doc(doc), *path == '.' ? path + 1 : path, w, key, 0);
        return 0;
    }
    if (!sim_is_doc(e.type)) {
        sim_w_val(w, key, e);
        return 0;
    }
    int op = e.type == BSON_TYPE_DOCUMENT ? operator_of(e, &args) : -1;
    if (op >= 0)
        return eval_operator(op, args, doc, w, key, depth, f);
    const struct sim_form *form = op == -2 ? form_of(e, &args) : NULL;
    if (form)
        return form->eval(args, doc, w, key, depth, f);
    const struct sim_function *fn = op == -2 ? function_of(e, &args) : NULL;
    if (fn)
        return eval_function(fn, args, doc, w, key, depth, f);
    bool array = e.type == BSON_TYPE_ARRAY;
    if (array)
        sim_w_array(w, key);
    else
        sim_w_doc(w, key);
    int rc = 0;
    for (struct sim_iter it = sim_iter_of(e.p); rc == 0 && sim_next(&it, &x);) {
        size_t before = sim_w_size(w);
        rc = sim_eval_in(x.v, doc, w, array ? NULL : x.key, depth + 1, f);
        if (array && rc == 0 && sim_w_size(w) == before)
            sim_w_null(w, NULL); /* a missing value in an array is null */
    }
    sim_w_end(w);
    return rc;
}

int sim_eval(struct sim_val e, const uint8_t *doc, struct sim_w *w, const char *key, struct sim_fail *f)
{
    return sim_eval_in(e, doc, w, key, 0, f);
}

/* ---- about expressions ---- */

static bool paths(struct sim_val e, bool (*fn)(void *ctx, const char *path), void *ctx, unsigned depth)
{
    struct sim_val args;
    struct sim_elem x;
    if (sim_is_text(e.type) && sim_text(e)[0] == '$')
        return sim_text(e)[1] != '$' && fn(ctx, sim_text(e) + 1);
    if (!sim_is_doc(e.type) || depth > SIM_MAX_DEPTH)
        return true;
    int op = e.type == BSON_TYPE_DOCUMENT ? operator_of(e, &args) : -1;
    if (op >= 0 && ops[op].op == E_LITERAL)
        return true;
    for (struct sim_iter it = sim_iter_of(e.p); sim_next(&it, &x);)
        if (!paths(x.v, fn, ctx, depth + 1))
            return false;
    return true;
}

bool sim_expr_paths(struct sim_val e, bool (*fn)(void *ctx, const char *path), void *ctx)
{
    return paths(e, fn, ctx, 0);
}

void sim_expr_show(struct sim_val e, struct sim_w *w, const char *key)
{
    struct sim_elem x;
    if (sim_is_text(e.type) && sim_text(e)[0] == '$') {
        sim_w_val(w, key, e);
    } else if (sim_is_doc(e.type)) {
        if (e.type == BSON_TYPE_ARRAY)
            sim_w_array(w, key);
        else
            sim_w_doc(w, key);
        for (struct sim_iter it = sim_iter_of(e.p); sim_next(&it, &x);)
            sim_expr_show(x.v, w, e.type == BSON_TYPE_ARRAY ? NULL : x.key);
        sim_w_end(w);
    } else {
        sim_w_doc(w, key);
        sim_w_val(w, "$const", e);
        sim_w_end(w);
    }
}
