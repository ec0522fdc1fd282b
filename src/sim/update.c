/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/text.h>
#include <signalbox/sim/update.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum op { OP_SET, OP_UNSET, OP_INC, OP_MUL, OP_MIN, OP_MAX, OP_CURRENT_DATE, OP_SET_ON_INSERT, OP_PUSH, OP_ADD_TO_SET, OP_PULL, OP_POP };

static const struct {
    const char *name;
    enum op op;
} operators[] = {
    {"$set", OP_SET}, {"$unset", OP_UNSET}, {"$inc", OP_INC}, {"$mul", OP_MUL}, {"$min", OP_MIN}, {"$max", OP_MAX},
    {"$currentDate", OP_CURRENT_DATE}, {"$setOnInsert", OP_SET_ON_INSERT}, {"$push", OP_PUSH}, {"$addToSet", OP_ADD_TO_SET},
    {"$pull", OP_PULL}, {"$pop", OP_POP},
};

struct mod {
    enum op op;
    const char *path; /* borrowed from the source */
    struct sim_val v;
    struct sim_filter *pull; /* $pull with a condition: on {v: element}, or on the element itself */
    bool pull_docs;
};

struct sim_update {
    struct sim_doc *source;
    bool replacement;
    struct mod *mod;
    size_t n, cap;
};

void sim_update_free(struct sim_update *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n; i++)
        sim_filter_free(u->mod[i].pull);
    free(u->mod);
    sim_doc_unref(u->source);
    free(u);
}

bool sim_update_is_replacement(const struct sim_update *u)
{
    return u->replacement;
}

/* ---- parsing ---- */

static int check_conflict(const struct sim_update *u, const char *path, struct sim_fail *f)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < u->n; i++) {
        const char *other = u->mod[i].path;
        size_t m = strlen(other), least = n < m ? n : m;
        if (memcmp(path, other, least) == 0 && (n == m || (n > m ? path[m] : other[n]) == '.'))
            return sim_fail(f, SIM_CONFLICTING_UPDATE, "Updating the path '%.200s' would create a conflict at '%.*s'", path, (int)least, path);
    }
    return 0;
}

static int check_path(const char *path, struct sim_fail *f)
{
    size_t n = strlen(path);
    if (n == 0)
        return sim_fail(f, 56, "An empty update path is not valid.");
    if (path[0] == '.' || path[n - 1] == '.' || strstr(path, ".."))
        return sim_fail(f, 56, "The update path '%.200s' contains an empty field name, which is not allowed.", path);
    if (strstr(path, ".$") || path[0] == '$')
        return path[0] == '$' && !strchr(path, '.') && strcmp(path, "$") != 0
                   ? sim_fail(f, SIM_DOLLAR_PREFIXED, "The dollar ($) prefixed field '%.200s' in '%.200s' is not allowed in the context of an update's "
                                                      "replacement document. Consider using an aggregation pipeline with $replaceWith.", path, path)
                   : sim_fail(f, SIM_NOT_IMPLEMENTED, "positional update paths are not simulated (%.200s)", path);
    return 0;
}

/* {$each: [...], $slice: n} holds nothing else that is simulated. */
static int check_each(struct sim_val v, enum op op, struct sim_fail *f)
{
    if (v.type != BSON_TYPE_DOCUMENT || sim_is_empty(v.p) || v.p[5] != '$')
        return 0;
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem e;
    while (sim_next(&it, &e)) {
        bool each = strcmp(e.key, "$each") == 0, slice = op == OP_PUSH && strcmp(e.key, "$slice") == 0;
        if (each && e.v.type != BSON_TYPE_ARRAY)
            return sim_fail(f, SIM_TYPE_MISMATCH, "The argument to $each in %s must be an array but it was of type: %s",
                            op == OP_PUSH ? "$push" : "$addToSet", sim_type_name(e.v.type));
        if (!each && !slice)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "%.60s in %s is not simulated", e.key, op == OP_PUSH ? "$push" : "$addToSet");
    }
    return 0;
}

/* {$pull: {a: {$gt: 3}}} asks the value; {$pull: {a: {x: 1}}} asks documents in the array. */
static int prepare_pull(struct mod *m, struct sim_fail *f)
{
    if (m->v.type != BSON_TYPE_DOCUMENT || sim_is_empty(m->v.p))
        return 0;
    m->pull_docs = m->v.p[5] != '$';
    if (m->pull_docs) {
        m->pull = sim_filter_new(m->v.p, f);
        return m->pull ? 0 : -1;
    }
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, "v", m->v);
    const uint8_t *done = sim_w_done(&w);
    m->pull = done ? sim_filter_new(done, f) : NULL;
    sim_w_release(&w);
    if (!m->pull && !f->code)
        sim_fail_nomem(f);
    return m->pull ? 0 : -1;
}

static int add_mod(struct sim_update *u, enum op op, const struct sim_elem *e, struct sim_fail *f)
{
    if (check_path(e->key, f) || check_conflict(u, e->key, f))
        return -1;
    if ((op == OP_INC || op == OP_MUL) && !sim_is_number(e->v.type)) {
        struct sb_str text;
        sb_str_init(&text);
        sim_shell_val(&text, e->v);
        sim_fail(f, SIM_TYPE_MISMATCH, "Cannot %s with non-numeric argument: {%.200s: %.200s}", op == OP_INC ? "increment" : "multiply", e->key, text.p);
        sb_str_release(&text);
        return -1;
    }
    if (op == OP_POP && sim_int(e->v, 0) != 1 && sim_int(e->v, 0) != -1)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$pop expects 1 or -1, found: %lld", (long long)sim_int(e->v, 0));
    if ((op == OP_PUSH || op == OP_ADD_TO_SET) && check_each(e->v, op, f))
        return -1;
    if (SB_GROW(u->mod, u->cap, u->n + 1))
        return sim_fail_nomem(f);
    struct mod *m = &u->mod[u->n];
    *m = (struct mod){op, e->key, e->v, NULL, false};
    if (op == OP_PULL && prepare_pull(m, f))
        return -1;
    u->n++;
    return 0;
}

static int parse_operator(struct sim_update *u, const struct sim_elem *e, struct sim_fail *f)
{
    size_t i = 0;
    while (i < SB_COUNT(operators) && strcmp(operators[i].name, e->key) != 0)
        i++;
    if (i == SB_COUNT(operators)) {
        static const char *const known[] = {"$rename", "$bit", "$pullAll"};
        for (size_t k = 0; k < SB_COUNT(known); k++)
            if (strcmp(known[k], e->key) == 0)
                return sim_fail(f, SIM_NOT_IMPLEMENTED, "the update operator %s is not simulated", e->key);
        return sim_fail(f, SIM_FAILED_TO_PARSE,
                        "Unknown modifier: %.200s. Expected a valid update modifier or pipeline-style update specified as an array", e->key);
    }
    if (e->v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_FAILED_TO_PARSE,
                        "Modifiers operate on fields but we found type %s instead. For example: {$mod: {<field>: ...}} not {%s: ...}",
                        sim_type_name(e->v.type), e->key);
    struct sim_iter it = sim_iter_of(e->v.p);
    struct sim_elem field;
    while (sim_next(&it, &field))
        if (add_mod(u, operators[i].op, &field, f))
            return -1;
    return 0;
}

struct sim_update *sim_update_new(struct sim_val v, bool multi, struct sim_fail *f)
{
    if (v.type == BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "updates by a pipeline are not simulated"), NULL;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "Update argument must be either an object or an array"), NULL;
    struct sim_update *u = calloc(1, sizeof *u);
    if (!u || !(u->source = sim_doc_new(v.p))) {
        free(u);
        sim_fail_nomem(f);
        return NULL;
    }
    u->replacement = sim_is_empty(v.p) || v.p[5] != '$';
    struct sim_iter it = sim_iter_of(u->source->bson);
    struct sim_elem e;
    int rc = 0;
    if (u->replacement && multi)
        rc = sim_fail(f, SIM_FAILED_TO_PARSE, "multi update is not supported for replacement-style update");
    while (rc == 0 && sim_next(&it, &e)) {
        if (!u->replacement)
            rc = parse_operator(u, &e, f);
        else if (e.key[0] == '$')
            rc = sim_fail(f, SIM_DOLLAR_PREFIXED, "The dollar ($) prefixed field '%.200s' in '%.200s' is not allowed in the context of an update's "
                                                  "replacement document. Consider using an aggregation pipeline with $replaceWith.", e.key, e.key);
    }
    if (rc) {
        sim_update_free(u);
        return NULL;
    }
    return u;
}

/* ---- one operator on one value ---- */

struct apply {
    const struct mod *m;
    const struct sim_update_clock *clock;
    struct sim_w *w;
    struct sim_fail *f;
    bool changed;
};

static void put_decimal(struct sim_w *w, const char *key, size_t key_n, long double d)
{
    char text[64];
    bson_decimal128_t dec;
    uint8_t b[16];
    snprintf(text, sizeof text, "%.18Lg", d);
    if (!bson_decimal128_from_string(text, &dec))
        return;
    sim_val_i64(b, (int64_t)dec.low);
    sim_val_i64(b + 8, (int64_t)dec.high);
    sim_w_val_n(w, key, key_n, (struct sim_val){BSON_TYPE_DECIMAL128, 16, b});
}

/* The sum or product in the wider of the two types; 32 bits grow to 64. */
static int arithmetic(struct apply *a, const char *key, size_t key_n, struct sim_val was)
{
    bool mul = a->m->op == OP_MUL;
    struct sim_val by = a->m->v;
    uint8_t b[8];
    if (was.type && !sim_is_number(was.type))
        return sim_fail(a->f, SIM_TYPE_MISMATCH, "Cannot apply %s to a value of non-numeric type. {_id: ?} has the field '%.*s' of non-numeric type %s",
                        mul ? "$mul" : "$inc", (int)key_n, key, sim_type_name(was.type));
    a->changed = a->changed || !was.type;
    if (!was.type && mul)
        was = (struct sim_val){BSON_TYPE_INT32, 4, (const uint8_t *)"\0\0\0\0"};
    if (!was.type) {
        sim_w_val_n(a->w, key, key_n, by);
        return 0;
    }
    long double x = sim_number(was), y = sim_number(by), r = mul ? x * y : x + y;
    a->changed = a->changed || r != x || was.type != by.type;
    if (was.type == BSON_TYPE_DECIMAL128 || by.type == BSON_TYPE_DECIMAL128) {
        put_decimal(a->w, key, key_n, r);
    } else if (was.type == BSON_TYPE_DOUBLE || by.type == BSON_TYPE_DOUBLE) {
        sim_w_val_n(a->w, key, key_n, sim_val_f64(b, (double)r));
    } else if (was.type == BSON_TYPE_INT32 && by.type == BSON_TYPE_INT32 && r >= INT32_MIN && r <= INT32_MAX) {
        sim_w_val_n(a->w, key, key_n, sim_val_i32(b, (int32_t)r));
    } else if (fabsl(r) > 9.2e18L) {
        return sim_fail(a->f, SIM_BAD_VALUE, "Failed to apply %s operations to current value (%s) for document", mul ? "$mul" : "$inc", sim_type_name(was.type));
    } else {
        sim_w_val_n(a->w, key, key_n, sim_val_i64(b, (int64_t)r));
    }
    return 0;
}

static void put_value(struct apply *a, const char *key, size_t key_n, struct sim_val was, struct sim_val is)
{
    a->changed = a->changed || !sim_identical(was, is);
    sim_w_val_n(a->w, key, key_n, is);
}

static void put_now(struct apply *a, const char *key, size_t key_n)
{
    uint8_t b[8];
    bool ts = a->m->v.type == BSON_TYPE_DOCUMENT && sim_text_is(sim_find(a->m->v.p, "$type"), "timestamp");
    struct sim_val v = sim_val_i64(b, ts ? (int64_t)a->clock->ts : a->clock->now_ms);
    v.type = ts ? BSON_TYPE_TIMESTAMP : BSON_TYPE_DATE_TIME;
    sim_w_val_n(a->w, key, key_n, v);
    a->changed = true;
}

static bool array_has(struct sim_val array, struct sim_val v)
{
    struct sim_iter it = sim_iter_of(array.p);
    struct sim_elem e;
    while (sim_next(&it, &e))
        if (sim_compare(e.v, v) == 0)
            return true;
    return false;
}

static struct sim_val each_of(struct sim_val v)
{
    if (v.type != BSON_TYPE_DOCUMENT || sim_is_empty(v.p) || v.p[5] != '$')
        return sim_missing;
    return sim_find(v.p, "$each");
}

/* Writes elements [from, to) of what is there and of what is added. */
static void put_sliced(struct apply *a, const char *key, size_t key_n, struct sim_val was, struct sim_val each, size_t from, size_t to)
{
    size_t i = 0;
    struct sim_elem e;
    sim_w_array_n(a->w, key, key_n);
    struct sim_iter it;
    if (was.type) {
        it = sim_iter_of(was.p);
        while (sim_next(&it, &e))
            if (i >= from && i++ < to)
                sim_w_val(a->w, NULL, e.v);
            else if (i < from)
                i++;
    }
    if (each.type) {
        it = sim_iter_of(each.p);
        while (sim_next(&it, &e)) {
            if (i >= from && i < to)
                sim_w_val(a->w, NULL, e.v);
            i++;
        }
    } else if (i >= from && i < to) {
        sim_w_val(a->w, NULL, a->m->v);
    }
    sim_w_end(a->w);
}

static int push(struct apply *a, const char *key, size_t key_n, struct sim_val was)
{
    if (was.type && was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_BAD_VALUE, "The field '%.*s' must be an array but is of type %s in document {no id}", (int)key_n, key,
                        sim_type_name(was.type));
    struct sim_val each = each_of(a->m->v), slice = each.type ? sim_find(a->m->v.p, "$slice") : sim_missing;
    size_t total = (was.type ? sim_count(was.p) : 0) + (each.type ? sim_count(each.p) : 1), from = 0, to = total;
    if (slice.type) {
        int64_t n = sim_int(slice, 0);
        if (n >= 0 && (size_t)n < total)
            to = (size_t)n;
        else if (n < 0 && (size_t)-n < total)
            from = total - (size_t)-n;
    }
    put_sliced(a, key, key_n, was, each, from, to);
    a->changed = a->changed || !each.type || !sim_is_empty(each.p) || from || to != total;
    return 0;
}

static int add_to_set(struct apply *a, const char *key, size_t key_n, struct sim_val was)
{
    struct sim_elem e;
    if (was.type && was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_BAD_VALUE, "Cannot apply $addToSet to non-array field. Field named '%.*s' has non-array type %s", (int)key_n, key,
                        sim_type_name(was.type));
    struct sim_val each = each_of(a->m->v);
    sim_w_array_n(a->w, key, key_n);
    if (was.type) {
        struct sim_iter it = sim_iter_of(was.p);
        while (sim_next(&it, &e))
            sim_w_val(a->w, NULL, e.v);
    }
    if (!each.type && !(was.type && array_has(was, a->m->v))) {
        sim_w_val(a->w, NULL, a->m->v);
        a->changed = true;
    }
    if (each.type) {
        struct sim_iter it = sim_iter_of(each.p);
        size_t n = 0;
        while (sim_next(&it, &e)) {
            struct sim_iter before = sim_iter_of(each.p);
            struct sim_elem b;
            bool twice = false;
            for (size_t i = 0; i < n && sim_next(&before, &b); i++)
                twice = twice || sim_compare(b.v, e.v) == 0;
            n++;
            if (twice || (was.type && array_has(was, e.v)))
                continue;
            sim_w_val(a->w, NULL, e.v);
            a->changed = true;
        }
    }
    a->changed = a->changed || !was.type;
    sim_w_end(a->w);
    return 0;
}

static bool pulls(const struct mod *m, struct sim_val v)
{
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

static int pull(struct apply *a, const char *key, size_t key_n, struct sim_val was)
{
    if (was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_BAD_VALUE, "Cannot apply $pull to a non-array value");
    struct sim_iter it = sim_iter_of(was.p);
    struct sim_elem e;
    sim_w_array_n(a->w, key, key_n);
    while (sim_next(&it, &e)) {
        if (pulls(a->m, e.v))
            a->changed = true;
        else
            sim_w_val(a->w, NULL, e.v);
    }
    sim_w_end(a->w);
    return 0;
}

static int pop(struct apply *a, const char *key, size_t key_n, struct sim_val was)
{
    if (was.type != BSON_TYPE_ARRAY)
        return sim_fail(a->f, SIM_TYPE_MISMATCH, "Path '%.*s' contains an element of non-array type '%s'", (int)key_n, key, sim_type_name(was.type));
    size_t n = sim_count(was.p), drop = sim_int(a->m->v, 1) > 0 ? n - 1 : 0, i = 0;
    struct sim_iter it = sim_iter_of(was.p);
    struct sim_elem e;
    sim_w_array_n(a->w, key, key_n);
    while (sim_next(&it, &e))
        if (i++ != drop)
            sim_w_val(a->w, NULL, e.v);
    sim_w_end(a->w);
    a->changed = a->changed || n;
    return 0;
}

/* Writes the new value of the field that is meant (was: missing when there is none). */
static int change(struct apply *a, const char *key, size_t key_n, struct sim_val was)
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
        return was.type ? pull(a, key, key_n, was) : 0;
    default:
        return was.type ? pop(a, key, key_n, was) : 0;
    }
}

/* ---- the path to it ---- */

static bool creates(enum op op)
{
    return op != OP_UNSET && op != OP_PULL && op != OP_POP;
}

/* The rest of the path as new nested documents. */
static int create(struct apply *a, const char *path)
{
    size_t n = strcspn(path, ".");
    if (!path[n])
        return change(a, path, n, sim_missing);
    sim_w_doc_n(a->w, path, n);
    int rc = create(a, path + n + 1);
    sim_w_end(a->w);
    return rc;
}

static int rewrite(struct apply *a, const uint8_t *doc, bool array, const char *path, unsigned depth)
{
    size_t n = strcspn(path, ".");
    bool last = !path[n], found = false;
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    if (depth > SIM_MAX_DEPTH)
        return sim_fail(a->f, 15, "cannot create a path nested more than %d levels", SIM_MAX_DEPTH);
    while (sim_next(&it, &e)) {
        if (e.key_n != n || memcmp(e.key, path, n) != 0) {
            sim_w_val_n(a->w, e.key, e.key_n, e.v);
            continue;
        }
        found = true;
        int rc = 0;
        if (last && array && a->m->op == OP_UNSET) {
            sim_w_null(a->w, e.key); /* an element that is unset leaves a null */
            a->changed = true;
        } else if (last) {
            rc = change(a, e.key, e.key_n, e.v);
        } else if (sim_is_doc(e.v.type)) {
            if (e.v.type == BSON_TYPE_ARRAY)
                sim_w_array_n(a->w, e.key, e.key_n);
            else
                sim_w_doc_n(a->w, e.key, e.key_n);
            rc = rewrite(a, e.v.p, e.v.type == BSON_TYPE_ARRAY, path + n + 1, depth + 1);
            sim_w_end(a->w);
        } else if (creates(a->m->op)) {
            struct sb_str text;
            sb_str_init(&text);
            sim_shell_val(&text, e.v);
            rc = sim_fail(a->f, SIM_PATH_NOT_VIABLE, "Cannot create field '%.100s' in element {%s: %.200s}", path + n + 1, e.key, text.p);
            sb_str_release(&text);
        } else {
            sim_w_val_n(a->w, e.key, e.key_n, e.v);
        }
        if (rc)
            return rc;
    }
    if (found || !creates(a->m->op))
        return 0;
    if (array) {
        size_t count = sim_count(doc), at = 0;
        for (size_t i = 0; i < n; i++) {
            if (path[i] < '0' || path[i] > '9' || at > 1500000)
                return sim_fail(a->f, SIM_PATH_NOT_VIABLE, "Cannot create field '%.*s' in element {array}", (int)n, path);
            at = at * 10 + (size_t)(path[i] - '0');
        }
        for (size_t i = count; i < at; i++) { /* a gap is filled with nulls */
            char key[24];
            snprintf(key, sizeof key, "%zu", i);
            sim_w_null(a->w, key);
        }
    }
    return create(a, path);
}

static int apply_mods(const struct sim_update *u, const uint8_t *old, bool inserting, const struct sim_update_clock *clock, struct sim_w *w,
                      bool *changed, const uint8_t **result, struct sim_fail *f)
{
    struct sim_w other;
    struct sim_w *to = w, *from = &other;
    const uint8_t *doc = old;
    int rc = 0;
    sim_w_init(&other);
    for (size_t i = 0; rc == 0 && i < u->n; i++) {
        if (u->mod[i].op == OP_SET_ON_INSERT && !inserting)
            continue;
        struct apply a = {&u->mod[i], clock, to, f, false};
        sim_w_clear(to);
        rc = rewrite(&a, doc, false, u->mod[i].path, 0);
        if (rc)
            break;
        if (!(doc = sim_w_done(to))) {
            rc = sim_fail_nomem(f);
            break;
        }
        *changed = *changed || a.changed;
        struct sim_w *t = to;
        to = from;
        from = t;
    }
    if (rc == 0 && doc != old && from == &other) { /* the result must be in w */
        sim_w_clear(w);
        sim_w_all(w, doc);
        if (!(doc = sim_w_done(w)))
            rc = sim_fail_nomem(f);
    }
    sim_w_release(&other);
    *result = doc;
    return rc;
}

static int replace(const struct sim_update *u, const uint8_t *old, struct sim_w *w, const uint8_t **result, struct sim_fail *f)
{
    struct sim_val id = sim_find(old, "_id"), own = sim_find(u->source->bson, "_id");
    struct sim_iter it = sim_iter_of(u->source->bson);
    struct sim_elem e;
    if (id.type && own.type && sim_compare(id, own) != 0) {
        struct sb_str text;
        sb_str_init(&text);
        sim_shell_val(&text, own);
        sim_fail(f, SIM_IMMUTABLE_FIELD, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: %.200s", text.p);
        sb_str_release(&text);
        return -1;
    }
    sim_w_val(w, "_id", id.type ? id : own);
    while (sim_next(&it, &e))
        if (strcmp(e.key, "_id") != 0)
            sim_w_val_n(w, e.key, e.key_n, e.v);
    *result = sim_w_done(w);
    return *result ? 0 : sim_fail_nomem(f);
}

int sim_update_apply(const struct sim_update *u, const uint8_t *old, bool inserting, const struct sim_update_clock *clock,
                     struct sim_doc **out, struct sim_fail *f)
{
    struct sim_w w;
    const uint8_t *doc = NULL;
    bool changed = inserting;
    int rc;
    sim_w_init(&w);
    if (u->replacement) {
        rc = replace(u, old, &w, &doc, f);
        changed = changed || (rc == 0 && (sim_doc_len(doc) != sim_doc_len(old) || memcmp(doc, old, sim_doc_len(old)) != 0));
    } else {
        rc = apply_mods(u, old, inserting, clock, &w, &changed, &doc, f);
        if (rc == 0 && changed && sim_find(old, "_id").type && !sim_identical(sim_find(old, "_id"), sim_find(doc, "_id")))
            rc = sim_fail(f, SIM_IMMUTABLE_FIELD, "Performing an update on the path '_id' would modify the immutable field '_id'");
    }
    if (rc == 0 && sim_doc_len(doc) > SIM_MAX_DOC)
        rc = sim_fail(f, 17419, "Resulting document after update is larger than %d", SIM_MAX_DOC);
    if (rc == 0 && changed && !sim_valid(doc, sim_doc_len(doc)))
        rc = sim_fail(f, 15, "the document would be nested too deeply");
    if (rc == 0 && changed && !(*out = sim_doc_new(doc)))
        rc = sim_fail_nomem(f);
    sim_w_release(&w);
    return rc ? -1 : changed;
}

/* ---- upserts ---- */

static int base_fields(struct sim_update *u, const struct sim_expr *e, struct sim_fail *f)
{
    if (e->kind == SIM_AND) {
        for (size_t i = 0; i < e->sub_n; i++)
            if (base_fields(u, e->sub[i], f))
                return -1;
        return 0;
    }
    if (e->kind != SIM_EQ || e->v.type == BSON_TYPE_REGEX)
        return 0;
    if (SB_GROW(u->mod, u->cap, u->n + 1))
        return sim_fail_nomem(f);
    u->mod[u->n++] = (struct mod){OP_SET, e->path, e->v, NULL, false};
    return 0;
}

struct sim_doc *sim_upsert_base(const struct sim_expr *filter, struct sim_fail *f)
{
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    const struct sim_update_clock clock = {0, 0};
    struct sim_update u = {0};
    struct sim_doc *out = NULL;
    if (base_fields(&u, filter, f) == 0)
        sim_update_apply(&u, empty, true, &clock, &out, f);
    free(u.mod);
    return out;
}
