/* SPDX-License-Identifier: Apache-2.0 */
#include "update_ops.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/text.h>

#include <stdlib.h>
#include <string.h>

static const char *name_of(enum sim_update_op op)
{
    static const char *const names[] = {"$set",  "$unset",    "$inc",  "$mul",     "$min", "$max", "$currentDate", "$setOnInsert",
                                        "$push", "$addToSet", "$pull", "$pullAll", "$pop", "$bit", "$rename"};
    return names[op];
}

static bool is_clauses(struct sim_val v)
{
    return v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(v.p) && v.p[5] == '$';
}

/* ---- checking arguments ---- */

/* "{a: "x"}" of an argument */
static int bad_argument(const struct sim_mod *m, struct sim_fail *f, int32_t code, const char *before)
{
    struct sb_str text;
    sb_str_init(&text);
    sim_shell_val(&text, m->v);
    sim_fail(f, code, "%s{%.200s: %.200s}", before, m->path, text.p);
    sb_str_release(&text);
    return -1;
}

static int check_clauses(const struct sim_mod *m, struct sim_fail *f)
{
    struct sim_elem e;
    bool push = m->op == OP_PUSH;
    if (!is_clauses(m->v) || !sim_find(m->v.p, "$each").type)
        return is_clauses(m->v) && push && strcmp((const char *)m->v.p + 5, "$each") != 0
                   ? sim_fail(f, SIM_BAD_VALUE, "Unrecognized clause in $push: %.60s", (const char *)m->v.p + 5)
                   : 0;
    for (struct sim_iter it = sim_iter_of(m->v.p); sim_next(&it, &e);) {
        if (strcmp(e.key, "$each") == 0) {
            if (e.v.type != BSON_TYPE_ARRAY)
                return sim_fail(f, push ? SIM_BAD_VALUE : SIM_TYPE_MISMATCH, "The argument to $each in %s must be an array but it was of type: %s",
                                name_of(m->op), sim_type_name(e.v.type));
        } else if (!push) {
            return sim_fail(f, SIM_BAD_VALUE, "Found unexpected fields after $each in $addToSet: %.60s", e.key);
        } else if (strcmp(e.key, "$slice") == 0 || strcmp(e.key, "$position") == 0) {
            if (!sim_is_number(e.v.type) || sim_number(e.v) != (long double)sim_int(e.v, 0))
                return sim_fail(f, SIM_BAD_VALUE, "The value for %s must be an integer value but was given type: %s", e.key, sim_type_name(e.v.type));
        } else if (strcmp(e.key, "$sort") == 0) {
            bool one = sim_is_number(e.v.type) && (sim_number(e.v) == 1 || sim_number(e.v) == -1);
            if (!one && (e.v.type != BSON_TYPE_DOCUMENT || sim_is_empty(e.v.p)))
                return sim_fail(f, SIM_BAD_VALUE, "The $sort element value must be either 1 or -1");
        } else {
            return sim_fail(f, SIM_BAD_VALUE, "Unrecognized clause in $push: %.60s", e.key);
        }
    }
    return 0;
}

static bool is_integer(uint8_t type)
{
    return type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64;
}

static int check_bit(const struct sim_mod *m, struct sim_fail *f)
{
    struct sim_elem e;
    if (m->v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_BAD_VALUE, "The $bit modifier is not compatible with a %s. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}",
                        sim_type_name(m->v.type));
    if (sim_is_empty(m->v.p))
        return sim_fail(f, SIM_BAD_VALUE, "You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}");
    for (struct sim_iter it = sim_iter_of(m->v.p); sim_next(&it, &e);) {
        struct sb_str text;
        int rc = 0;
        sb_str_init(&text);
        sim_shell_val(&text, e.v);
        if (strcmp(e.key, "and") != 0 && strcmp(e.key, "or") != 0 && strcmp(e.key, "xor") != 0)
            rc = sim_fail(f, SIM_BAD_VALUE, "The $bit modifier only supports 'and', 'or', and 'xor', not '%.60s' which is an unknown operator: {%.60s: %.100s}",
                          e.key, e.key, text.p);
        else if (!is_integer(e.v.type))
            rc = sim_fail(f, SIM_BAD_VALUE, "The $bit modifier field must be an Integer(32/64 bit); a '%s' is not supported here: {%s: %.100s}",
                          sim_type_name(e.v.type), e.key, text.p);
        sb_str_release(&text);
        if (rc)
            return -1;
    }
    return 0;
}

/* {$pull: {a: {$gt: 3}}} asks the value; {$pull: {a: {x: 1}}} asks documents in the array. */
static int prepare_pull(struct sim_mod *m, struct sim_fail *f)
{
    struct sim_w w;
    if (m->v.type != BSON_TYPE_REGEX && (m->v.type != BSON_TYPE_DOCUMENT || sim_is_empty(m->v.p)))
        return 0;
    m->pull_docs = m->v.type == BSON_TYPE_DOCUMENT && m->v.p[5] != '$';
    if (m->pull_docs) {
        m->pull = sim_filter_new(m->v.p, f);
        return m->pull ? 0 : -1;
    }
    sim_w_init(&w);
    sim_w_val(&w, "v", m->v);
    const uint8_t *done = sim_w_done(&w);
    m->pull = done ? sim_filter_new(done, f) : NULL;
    sim_w_release(&w);
    if (!m->pull && !f->code)
        sim_fail_nomem(f);
    return m->pull ? 0 : -1;
}

static int check_rename(const struct sim_mod *m, struct sim_fail *f)
{
    struct sb_str text;
    int rc = 0;
    sb_str_init(&text);
    sim_shell_val(&text, m->v);
    if (!sim_is_text(m->v.type))
        rc = sim_fail(f, SIM_BAD_VALUE, "The 'to' field for $rename must be a string: %.200s: %.200s", m->path, text.p);
    else if (strlen(sim_text(m->v)) != sim_text_n(m->v))
        rc = sim_fail(f, SIM_BAD_VALUE, "The 'to' field for $rename cannot contain an embedded null byte");
    else if (strcmp(m->path, sim_text(m->v)) == 0)
        rc = sim_fail(f, SIM_BAD_VALUE, "The source and target field for $rename must differ: %.200s: %.200s", m->path, text.p);
    sb_str_release(&text);
    return rc;
}

static int check_date(const struct sim_mod *m, struct sim_fail *f)
{
    if (m->v.type == BSON_TYPE_BOOL)
        return 0;
    if (m->v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_BAD_VALUE, "%s is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).",
                        sim_type_name(m->v.type));
    struct sim_val type = sim_find(m->v.p, "$type");
    if (!sim_text_is(type, "date") && !sim_text_is(type, "timestamp"))
        return sim_fail(f, SIM_BAD_VALUE, "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}");
    return 0;
}

int sim_update_check(struct sim_mod *m, struct sim_fail *f)
{
    switch (m->op) {
    case OP_INC:
    case OP_MUL:
        return sim_is_number(m->v.type)
                   ? 0
                   : bad_argument(m, f, SIM_TYPE_MISMATCH, m->op == OP_INC ? "Cannot increment with non-numeric argument: " : "Cannot multiply with non-numeric argument: ");
    case OP_POP:
        if (!sim_is_number(m->v.type))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "Expected a number in: %.100s: %s", m->path, sim_type_name(m->v.type));
        return sim_number(m->v) == 1 || sim_number(m->v) == -1 ? 0 : sim_fail(f, SIM_FAILED_TO_PARSE, "$pop expects 1 or -1, found: %lld", (long long)sim_int(m->v, 0));
    case OP_PUSH:
    case OP_ADD_TO_SET:
        return check_clauses(m, f);
    case OP_PULL:
        return prepare_pull(m, f);
    case OP_PULL_ALL:
        return m->v.type == BSON_TYPE_ARRAY ? 0 : sim_fail(f, SIM_BAD_VALUE, "$pullAll requires an array argument but was given a %s", sim_type_name(m->v.type));
    case OP_BIT:
        return check_bit(m, f);
    case OP_RENAME:
        return check_rename(m, f);
    case OP_CURRENT_DATE:
        return check_date(m, f);
    default:
        return 0;
    }
}

/* ---- numbers ---- */

/* "{_id: 1}" */
static const char *document_id(const struct sim_apply *a, struct sb_str *text)
{
    struct sim_val id = sim_find(a->old, "_id");
    sb_str_init(text);
    if (!id.type)
        return "{no id}";
    sb_str_adds(text, "{_id: ");
    sim_shell_val(text, id);
    sb_str_addc(text, '}');
    return text->p;
}

static void put_value(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was, struct sim_val is)
{
    a->changed = a->changed || !sim_identical(was, is);
    sim_w_val_n(a->w, key, key_n, is);
}

static void put_decimal(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was, long double d)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_decimal(&w, "d", d);
    const uint8_t *done = sim_w_done(&w);
    if (done)
        put_value(a, key, key_n, was, sim_find(done, "d"));
    sim_w_release(&w);
}

/* The sum or product in the wider of the two types; 32 bits grow to 64. */
static int arithmetic(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    static const uint8_t zero[4];
    bool mul = a->m->op == OP_MUL;
    struct sim_val by = a->m->v, from = was;
    struct sb_str text;
    uint8_t b[8];
    if (was.type && !sim_is_number(was.type)) {
        sim_fail(a->f, SIM_TYPE_MISMATCH, "Cannot apply %s to a value of non-numeric type. %.200s has the field '%.*s' of non-numeric type %s",
                 name_of(a->m->op), document_id(a, &text), (int)key_n, key, sim_type_name(was.type));
        sb_str_release(&text);
        return -1;
    }
    if (!was.type && !mul) {
        put_value(a, key, key_n, was, by);
        return 0;
    }
    if (!was.type)
        from = (struct sim_val){BSON_TYPE_INT32, 4, zero};
    long double x = sim_number(from), y = sim_number(by), r = mul ? x * y : x + y;
    if (from.type == BSON_TYPE_DECIMAL128 || by.type == BSON_TYPE_DECIMAL128) {
        put_decimal(a, key, key_n, was, r);
    } else if (from.type == BSON_TYPE_DOUBLE || by.type == BSON_TYPE_DOUBLE) {
        put_value(a, key, key_n, was, sim_val_f64(b, (double)r));
    } else if (from.type == BSON_TYPE_INT32 && by.type == BSON_TYPE_INT32 && r >= INT32_MIN && r <= INT32_MAX) {
        put_value(a, key, key_n, was, sim_val_i32(b, (int32_t)r));
    } else if (r < (long double)INT64_MIN || r > (long double)INT64_MAX) {
        sim_fail(a->f, SIM_BAD_VALUE, "Failed to apply %s operations to current value (%lld) for document %.200s", name_of(a->m->op), (long long)x,
                 document_id(a, &text));
        sb_str_release(&text);
        return -1;
    } else {
        put_value(a, key, key_n, was, sim_val_i64(b, (int64_t)r));
    }
    return 0;
}

static int bits(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct sim_elem e;
    uint8_t b[8];
    bool wide = was.type == BSON_TYPE_INT64;
    int64_t v = sim_int(was, 0);
    if (was.type && !is_integer(was.type)) {
        struct sb_str text;
        const char *id = document_id(a, &text);
        sim_fail(a->f, SIM_BAD_VALUE, "Cannot apply $bit to a value of non-integral type.%.*s has the field %.*s of non-integer type %s",
                 id[1] == '_' ? (int)strlen(id) - 2 : 0, id + 1, (int)key_n, key, sim_type_name(was.type));
        sb_str_release(&text);
        return -1;
    }
    for (struct sim_iter it = sim_iter_of(a->m->v.p); sim_next(&it, &e);) {
        int64_t by = sim_int(e.v, 0);
        wide = wide || e.v.type == BSON_TYPE_INT64;
        v = e.key[0] == 'a' ? v & by : e.key[0] == 'o' ? v | by : v ^ by;
    }
    put_value(a, key, key_n, was, wide ? sim_val_i64(b, v) : sim_val_i32(b, (int32_t)v));
    return 0;
}

static void put_now(struct sim_apply *a, const char *key, size_t key_n)
{
    uint8_t b[8];
    bool ts = a->m->v.type == BSON_TYPE_DOCUMENT && sim_text_is(sim_find(a->m->v.p, "$type"), "timestamp");
    struct sim_val v = sim_val_i64(b, ts ? (int64_t)a->clock->ts : a->clock->now_ms);
    v.type = ts ? BSON_TYPE_TIMESTAMP : BSON_TYPE_DATE_TIME;
    sim_w_val_n(a->w, key, key_n, v);
    a->changed = true;
}

/* ---- arrays ---- */

struct list {
    struct sim_val *v;
    size_t n, cap;
};

static int list_add(struct list *l, struct sim_val v)
{
    if (SB_GROW(l->v, l->cap, l->n + 1))
        return -1;
    l->v[l->n++] = v;
    return 0;
}

static int list_of(struct list *l, struct sim_val array)
{
    struct sim_elem e;
    if (!array.type)
        return 0;
    for (struct sim_iter it = sim_iter_of(array.p); sim_next(&it, &e);)
        if (list_add(l, e.v))
            return -1;
    return 0;
}

static bool list_has(const struct list *l, struct sim_val v)
{
    for (size_t i = 0; i < l->n; i++)
        if (sim_compare(l->v[i], v) == 0)
            return true;
    return false;
}

/* Writes elements [from, to) and frees the list. */
static int put_list(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was, struct list *l, size_t from, size_t to)
{
    struct sim_elem e;
    bool same = was.type == BSON_TYPE_ARRAY;
    struct sim_iter it = same ? sim_iter_of(was.p) : (struct sim_iter){NULL};
    sim_w_array_n(a->w, key, key_n);
    for (size_t i = from; i < to; i++) {
        same = same && sim_next(&it, &e) && sim_identical(e.v, l->v[i]);
        sim_w_val(a->w, NULL, l->v[i]);
    }
    sim_w_end(a->w);
    a->changed = a->changed || !same || sim_next(&it, &e);
    free(l->v);
    return 0;
}

static int no_memory(struct sim_apply *a, struct list *l)
{
    free(l->v);
    return sim_fail_nomem(a->f);
}

static int compare_by(const struct sim_val *x, const struct sim_val *y, struct sim_val sort)
{
    struct sim_elem e;
    if (sort.type != BSON_TYPE_DOCUMENT)
        return sim_number(sort) < 0 ? -sim_compare(*x, *y) : sim_compare(*x, *y);
    for (struct sim_iter it = sim_iter_of(sort.p); sim_next(&it, &e);) {
        struct sim_val p = x->type == BSON_TYPE_DOCUMENT ? sim_path(x->p, e.key) : sim_missing,
                       q = y->type == BSON_TYPE_DOCUMENT ? sim_path(y->p, e.key) : sim_missing;
        int c = sim_compare(p.type ? p : sim_null, q.type ? q : sim_null);
        if (c)
            return sim_number(e.v) < 0 ? -c : c;
    }
    return 0;
}

/* Stable, as the server's is; arrays are short. */
static void list_sort(struct list *l, struct sim_val sort)
{
    for (size_t i = 1; i < l->n; i++) {
        struct sim_val v = l->v[i];
        size_t k = i;
        for (; k && compare_by(&l->v[k - 1], &v, sort) > 0; k--)
            l->v[k] = l->v[k - 1];
        l->v[k] = v;
    }
}

static size_t position_in(size_t n, struct sim_val position)
{
    int64_t at = sim_int(position, 0);
    if (!position.type || at >= (int64_t)n)
        return n;
    if (at >= 0)
        return (size_t)at;
    return at < -(int64_t)n ? 0 : (size_t)((int64_t)n + at);
}

static int push(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct list l = {NULL, 0, 0};
    if (was.type && was.type != BSON_TYPE_ARRAY) {
        struct sb_str text;
        sim_fail(a->f, SIM_BAD_VALUE, "The field '%.*s' must be an array but is of type %s in document %.200s", (int)key_n, key, sim_type_name(was.type),
                 document_id(a, &text));
        sb_str_release(&text);
        return -1;
    }
    bool clauses = is_clauses(a->m->v);
    struct sim_val each = clauses ? sim_find(a->m->v.p, "$each") : sim_missing, slice = each.type ? sim_find(a->m->v.p, "$slice") : sim_missing,
                   sort = each.type ? sim_find(a->m->v.p, "$sort") : sim_missing;
    struct sim_elem e, old;
    size_t had = was.type ? sim_count(was.p) : 0, at = position_in(had, each.type ? sim_find(a->m->v.p, "$position") : sim_missing), i = 0;
    struct sim_iter it = was.type ? sim_iter_of(was.p) : (struct sim_iter){NULL}, more;
    for (; i < at && sim_next(&it, &old); i++)
        if (list_add(&l, old.v))
            return no_memory(a, &l);
    if (!each.type && list_add(&l, a->m->v))
        return no_memory(a, &l);
    for (more = each.type ? sim_iter_of(each.p) : it; each.type && sim_next(&more, &e);)
        if (list_add(&l, e.v))
            return no_memory(a, &l);
    while (i++ < had && sim_next(&it, &old))
        if (list_add(&l, old.v))
            return no_memory(a, &l);
    if (sort.type)
        list_sort(&l, sort);
    int64_t keep = slice.type ? sim_int(slice, 0) : INT64_MAX;
    size_t from = keep < 0 && keep > -(int64_t)l.n ? l.n - (size_t)-keep : 0, to = keep >= 0 && keep < (int64_t)l.n ? (size_t)keep : l.n;
    return put_list(a, key, key_n, was, &l, from, to);
}

static int add_to_set(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct list l = {NULL, 0, 0};
    struct sim_elem e;
    if (was.type && was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_BAD_VALUE, "Cannot apply $addToSet to non-array field. Field named '%.*s' has non-array type %s", (int)key_n, key,
                        sim_type_name(was.type));
    struct sim_val each = is_clauses(a->m->v) ? sim_find(a->m->v.p, "$each") : sim_missing;
    if (list_of(&l, was))
        return no_memory(a, &l);
    if (!each.type && !list_has(&l, a->m->v) && list_add(&l, a->m->v))
        return no_memory(a, &l);
    if (each.type)
        for (struct sim_iter it = sim_iter_of(each.p); sim_next(&it, &e);)
            if (!list_has(&l, e.v) && list_add(&l, e.v))
                return no_memory(a, &l);
    return put_list(a, key, key_n, was, &l, 0, l.n);
}

static bool pulls(const struct sim_mod *m, struct sim_val v)
{
    struct sim_elem e;
    if (m->op == OP_PULL_ALL) {
        for (struct sim_iter it = sim_iter_of(m->v.p); sim_next(&it, &e);)
            if (sim_compare(e.v, v) == 0)
                return true;
        return false;
    }
    if (!m->pull)
        return sim_compare(v, m->v) == 0;
    if (m->pull_docs)
        return v.type == BSON_TYPE_DOCUMENT && sim_match(m->pull->root, v.p);
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, "v", v);
    const uint8_t *done = sim_w_done(&w);
    bool yes = done && sim_match(m->pull->root, done);
    sim_w_release(&w);
    return yes;
}

static int pull(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct list l = {NULL, 0, 0};
    struct sim_elem e;
    if (was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_BAD_VALUE, "Cannot apply $pull to a non-array value");
    for (struct sim_iter it = sim_iter_of(was.p); sim_next(&it, &e);)
        if (!pulls(a->m, e.v) && list_add(&l, e.v))
            return no_memory(a, &l);
    return put_list(a, key, key_n, was, &l, 0, l.n);
}

static int pop(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct list l = {NULL, 0, 0};
    if (was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_TYPE_MISMATCH, "Path '%.*s' contains an element of non-array type '%s'", (int)key_n, key, sim_type_name(was.type));
    if (list_of(&l, was))
        return no_memory(a, &l);
    bool last = sim_int(a->m->v, 1) > 0;
    size_t some = l.n > 0;
    return put_list(a, key, key_n, was, &l, last ? 0 : some, last ? l.n - some : l.n);
}

int sim_update_change(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was)
{
    switch (a->m->op) {
    case OP_SET:
    case OP_SET_ON_INSERT:
        put_value(a, key, key_n, was, a->m->v);
        return 0;
    case OP_UNSET:
        a->changed = a->changed || was.type;
        return 0;
    case OP_INC:
    case OP_MUL:
        return arithmetic(a, key, key_n, was);
    case OP_MIN:
    case OP_MAX: {
        int c = was.type ? sim_compare(a->m->v, was) : 0;
        bool take = !was.type || (a->m->op == OP_MIN ? c < 0 : c > 0);
        put_value(a, key, key_n, was, take ? a->m->v : was);
        return 0;
    }
    case OP_CURRENT_DATE:
        put_now(a, key, key_n);
        return 0;
    case OP_PUSH:
        return push(a, key, key_n, was);
    case OP_ADD_TO_SET:
        return add_to_set(a, key, key_n, was);
    case OP_PULL:
    case OP_PULL_ALL:
        return was.type ? pull(a, key, key_n, was) : 0;
    case OP_BIT:
        return bits(a, key, key_n, was);
    case OP_POP:
        return was.type ? pop(a, key, key_n, was) : 0;
    default:
        return 0; /* $rename is two other operators by now */
    }
}
