/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/bounds.h>
#include <signalbox/sim/key.h>
#include <signalbox/sim/text.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sim_intervals make(struct sim_arena *a, size_t n)
{
    struct sim_intervals v = {sim_arena_get(a, (n ? n : 1) * sizeof *v.iv), n};
    if (!v.iv)
        v.n = 0;
    return v;
}

static struct sim_intervals one(struct sim_arena *a, struct sim_val lo, bool lo_in, struct sim_val hi, bool hi_in)
{
    struct sim_intervals v = make(a, 1);
    if (v.n)
        v.iv[0] = (struct sim_interval){lo, hi, lo_in, hi_in};
    return v;
}

struct sim_intervals sim_bounds_all(struct sim_arena *a)
{
    return one(a, sim_min_key, true, sim_max_key, true);
}

bool sim_bounds_is_all(const struct sim_intervals *v)
{
    return v->n == 1 && v->iv[0].lo.type == BSON_TYPE_MINKEY && v->iv[0].hi.type == BSON_TYPE_MAXKEY && v->iv[0].lo_in && v->iv[0].hi_in;
}

bool sim_interval_is_point(const struct sim_interval *v)
{
    return v->lo_in && v->hi_in && sim_compare(v->lo, v->hi) == 0;
}

/* ---- the ends of a type's range ---- */

static struct sim_val made(struct sim_arena *a, uint8_t type, const void *bytes, size_t n)
{
    const uint8_t *p = sim_arena_copy(a, bytes, n);
    return p ? (struct sim_val){type, (uint32_t)n, p} : sim_missing;
}

static struct sim_val made_double(struct sim_arena *a, double d)
{
    uint8_t b[8];
    sim_val_f64(b, d);
    return made(a, BSON_TYPE_DOUBLE, b, 8);
}

static struct sim_val made_i64(struct sim_arena *a, uint8_t type, int64_t v)
{
    uint8_t b[8];
    sim_val_i64(b, v);
    return made(a, type, b, 8);
}

static const uint8_t empty_text[] = {1, 0, 0, 0, 0}, empty_doc[] = {5, 0, 0, 0, 0}, empty_binary[] = {0, 0, 0, 0, 0},
                     oid_min[12] = {0}, oid_max[12] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, empty_regex[2] = {0};

/* Least value of the type, and the greatest or (then not included) the least of the next type. */
static void type_range(struct sim_arena *a, uint8_t type, struct sim_val *lo, struct sim_val *hi, bool *hi_in)
{
    *hi_in = true;
    switch (type) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DECIMAL128:
        *lo = made_double(a, -INFINITY);
        *hi = made_double(a, INFINITY);
        break;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
        *lo = (struct sim_val){BSON_TYPE_UTF8, 5, empty_text};
        *hi = (struct sim_val){BSON_TYPE_DOCUMENT, 5, empty_doc};
        *hi_in = false;
        break;
    case BSON_TYPE_DOCUMENT:
        *lo = (struct sim_val){BSON_TYPE_DOCUMENT, 5, empty_doc};
        *hi = (struct sim_val){BSON_TYPE_ARRAY, 5, empty_doc};
        *hi_in = false;
        break;
    case BSON_TYPE_ARRAY:
        *lo = (struct sim_val){BSON_TYPE_ARRAY, 5, empty_doc};
        *hi = (struct sim_val){BSON_TYPE_BINARY, 5, empty_binary};
        *hi_in = false;
        break;
    case BSON_TYPE_BINARY:
        *lo = (struct sim_val){BSON_TYPE_BINARY, 5, empty_binary};
        *hi = (struct sim_val){BSON_TYPE_OID, 12, oid_min};
        *hi_in = false;
        break;
    case BSON_TYPE_OID:
        *lo = (struct sim_val){BSON_TYPE_OID, 12, oid_min};
        *hi = (struct sim_val){BSON_TYPE_OID, 12, oid_max};
        break;
    case BSON_TYPE_BOOL:
        *lo = sim_false;
        *hi = sim_true;
        break;
    case BSON_TYPE_DATE_TIME:
        *lo = made_i64(a, BSON_TYPE_DATE_TIME, INT64_MIN);
        *hi = made_i64(a, BSON_TYPE_DATE_TIME, INT64_MAX);
        break;
    case BSON_TYPE_TIMESTAMP:
        *lo = made_i64(a, BSON_TYPE_TIMESTAMP, 0);
        *hi = made_i64(a, BSON_TYPE_TIMESTAMP, -1);
        break;
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
        *lo = *hi = type == BSON_TYPE_NULL ? sim_null : sim_undefined;
        break;
    default:
        *lo = sim_min_key;
        *hi = sim_max_key;
    }
}

/* ---- sets of intervals ---- */

struct sim_intervals sim_bounds_intersect(struct sim_arena *a, const struct sim_intervals *x, const struct sim_intervals *y)
{
    struct sim_intervals out = make(a, x->n + y->n);
    size_t n = 0, i = 0, j = 0;
    while (out.iv && i < x->n && j < y->n) {
        const struct sim_interval *p = &x->iv[i], *q = &y->iv[j];
        int lo = sim_compare(p->lo, q->lo), hi = sim_compare(p->hi, q->hi);
        struct sim_interval v = {lo >= 0 ? p->lo : q->lo, hi <= 0 ? p->hi : q->hi, lo > 0 ? p->lo_in : lo < 0 ? q->lo_in : p->lo_in && q->lo_in,
                                 hi < 0 ? p->hi_in : hi > 0 ? q->hi_in : p->hi_in && q->hi_in};
        int c = sim_compare(v.lo, v.hi);
        if (c < 0 || (c == 0 && v.lo_in && v.hi_in))
            out.iv[n++] = v;
        if (hi <= 0)
            i++;
        else
            j++;
    }
    out.n = n;
    return out;
}

static struct sim_intervals complement(struct sim_arena *a, const struct sim_intervals *x)
{
    struct sim_intervals out = make(a, x->n + 1);
    struct sim_val lo = sim_min_key;
    bool lo_in = true;
    size_t n = 0;
    for (size_t i = 0; out.iv && i < x->n; i++) {
        int c = sim_compare(lo, x->iv[i].lo);
        if (c < 0 || (c == 0 && lo_in && !x->iv[i].lo_in))
            out.iv[n++] = (struct sim_interval){lo, x->iv[i].lo, lo_in, !x->iv[i].lo_in};
        lo = x->iv[i].hi;
        lo_in = !x->iv[i].hi_in;
    }
    if (out.iv && (lo.type != BSON_TYPE_MAXKEY || lo_in))
        out.iv[n++] = (struct sim_interval){lo, sim_max_key, lo_in, true};
    out.n = n;
    return out;
}

/* ---- operators ---- */

static struct sim_intervals point(struct sim_arena *a, struct sim_val v)
{
    return one(a, v, true, v, true);
}

/* null is also what an index holds for a missing field and, as undefined, for an empty array. */
static struct sim_intervals null_points(struct sim_arena *a)
{
    struct sim_intervals v = make(a, 2);
    if (v.n) {
        v.iv[0] = (struct sim_interval){sim_undefined, sim_undefined, true, true};
        v.iv[1] = (struct sim_interval){sim_null, sim_null, true, true};
    }
    return v;
}

static void equality(struct sim_arena *a, struct sim_val v, bool multikey, struct sim_intervals *out, enum sim_exactness *x)
{
    if (v.type == BSON_TYPE_NULL) {
        *out = null_points(a);
        *x = SIM_FETCH;
    } else if (v.type == BSON_TYPE_ARRAY && multikey) { /* the array as it stands in another array, or by its first element */
        struct sim_iter it = sim_iter_of(v.p);
        struct sim_elem e;
        struct sim_val first = sim_next(&it, &e) ? e.v : sim_undefined;
        struct sim_intervals p = point(a, first), q = point(a, v);
        *out = make(a, 2);
        bool swap = sim_compare(first, v) > 0;
        if (out->n && p.n && q.n) {
            out->iv[swap] = p.iv[0];
            out->iv[!swap] = q.iv[0];
        }
        *x = SIM_FETCH;
    } else {
        *out = point(a, v);
        *x = v.type == BSON_TYPE_ARRAY ? SIM_FETCH : SIM_EXACT;
    }
}

static void comparison(struct sim_arena *a, const struct sim_expr *e, struct sim_intervals *out, enum sim_exactness *x)
{
    struct sim_val lo, hi;
    bool hi_in, below = e->kind == SIM_LT || e->kind == SIM_LTE, in = e->kind == SIM_LTE || e->kind == SIM_GTE;
    *x = SIM_EXACT;
    if (e->v.type == BSON_TYPE_NULL) { /* only $lte and $gte null match anything */
        *out = in ? null_points(a) : make(a, 0);
        *x = SIM_FETCH;
        return;
    }
    if (e->v.type == BSON_TYPE_MINKEY || e->v.type == BSON_TYPE_MAXKEY) {
        *out = below ? one(a, sim_min_key, true, e->v, in) : one(a, e->v, in, sim_max_key, true);
        return;
    }
    type_range(a, e->v.type, &lo, &hi, &hi_in);
    *out = below ? one(a, lo, true, e->v, in) : one(a, e->v, in, hi, hi_in);
    if (e->v.type == BSON_TYPE_ARRAY)
        *x = SIM_FETCH;
    if (e->v.type == BSON_TYPE_DOUBLE && isnan(sim_f64(e->v.p)))
        *out = in ? point(a, e->v) : make(a, 0);
}

static void in_list(struct sim_arena *a, const struct sim_expr *e, bool multikey, struct sim_intervals *out, enum sim_exactness *x)
{
    *x = SIM_EXACT;
    *out = make(a, e->in_n + 1);
    size_t n = 0;
    for (size_t i = 0; out->iv && i < e->in_n; i++) {
        if (e->in[i].type == BSON_TYPE_NULL) {
            out->iv[n++] = (struct sim_interval){sim_undefined, sim_undefined, true, true};
            *x = SIM_FETCH;
        }
        if (e->in[i].type == BSON_TYPE_ARRAY) {
            *x = SIM_FETCH;
            if (multikey) { /* rare: no bounds rather than wrong ones */
                *out = sim_bounds_all(a);
                return;
            }
        }
        out->iv[n++] = (struct sim_interval){e->in[i], e->in[i], true, true};
    }
    out->n = n;
}

static struct sim_val made_text(struct sim_arena *a, const char *p, size_t n)
{
    uint8_t *b = sim_arena_get(a, n + 5);
    if (!b)
        return sim_missing;
    sim_val_i32(b, (int32_t)n + 1);
    memcpy(b + 4, p, n);
    return (struct sim_val){BSON_TYPE_UTF8, (uint32_t)n + 5, b};
}

static void regex(struct sim_arena *a, const struct sim_expr *e, struct sim_intervals *out, enum sim_exactness *x)
{
    struct sb_str prefix;
    struct sim_val lo, hi;
    bool hi_in;
    sb_str_init(&prefix);
    bool exact = sim_regex_prefix(e, &prefix) && sb_str_ok(&prefix);
    type_range(a, BSON_TYPE_UTF8, &lo, &hi, &hi_in);
    if (prefix.len) {
        lo = made_text(a, prefix.p, prefix.len);
        size_t n = prefix.len;
        while (n && (unsigned char)prefix.p[n - 1] == 0xff)
            n--;
        if (n) {
            prefix.p[n - 1]++;
            hi = made_text(a, prefix.p, n);
        }
    }
    struct sim_val self = e->v;
    if (self.type != BSON_TYPE_REGEX) { /* {$regex: "text"}: the same as a value */
        uint8_t *b = sim_arena_get(a, sim_text_n(e->v) + 2u);
        if (b)
            memcpy(b, sim_text(e->v), sim_text_n(e->v));
        self = b ? (struct sim_val){BSON_TYPE_REGEX, sim_text_n(e->v) + 2u, b} : (struct sim_val){BSON_TYPE_REGEX, 2, empty_regex};
    }
    *out = make(a, 2);
    if (out->n) {
        out->iv[0] = (struct sim_interval){lo, hi, true, false};
        out->iv[1] = (struct sim_interval){self, self, true, true};
    }
    *x = exact ? SIM_EXACT : SIM_COVERED;
    sb_str_release(&prefix);
}

static void elem_values(struct sim_arena *a, const struct sim_expr *e, struct sim_intervals *out, enum sim_exactness *x)
{
    enum sim_exactness ignored;
    *out = sim_bounds_all(a);
    for (size_t i = 0; i < e->sub_n; i++) {
        struct sim_intervals v;
        if (sim_bounds(a, e->sub[i], true, false, &v, &ignored) && e->sub[i]->kind != SIM_NOT)
            *out = sim_bounds_intersect(a, out, &v);
    }
    *x = SIM_FETCH;
}

static bool negation(struct sim_arena *a, const struct sim_expr *e, bool multikey, bool sparse, struct sim_intervals *out, enum sim_exactness *x)
{
    const struct sim_expr *inner = e->sub[0];
    struct sim_intervals v;
    enum sim_exactness inner_x;
    bool is_null;
    switch (inner->kind) {
    case SIM_EXISTS:
        if (sparse)
            return false;
        *out = point(a, sim_null);
        *x = SIM_FETCH;
        return true;
    case SIM_EQ:
    case SIM_IN:
    case SIM_LT:
    case SIM_LTE:
    case SIM_GT:
    case SIM_GTE:
        /* An array of scalars under the path has a null key but is not null: {$ne: null} needs paths without arrays. A
         * sparse index lacks documents that any other negation finds. */
        is_null = inner->kind == SIM_EQ && inner->v.type == BSON_TYPE_NULL;
        if (inner->re || (is_null ? multikey : sparse) || !sim_bounds(a, inner, multikey, false, &v, &inner_x))
            return false;
        if (inner_x != SIM_EXACT && !is_null)
            return false;
        *out = complement(a, &v);
        *x = multikey || inner_x != SIM_EXACT ? SIM_FETCH : SIM_EXACT;
        return true;
    default:
        return false;
    }
}

static bool names_element(const struct sim_expr *e)
{
    for (unsigned i = 1; i < e->parts_n; i++)
        if (e->path[e->parts[i].from] >= '0' && e->path[e->parts[i].from] <= '9')
            return true;
    return false;
}

/* Whether a missing field satisfies it, as null does. */
static bool takes_missing(const struct sim_expr *e)
{
    if (e->kind == SIM_EQ || e->kind == SIM_LTE || e->kind == SIM_GTE)
        return e->v.type == BSON_TYPE_NULL;
    for (size_t i = 0; e->kind == SIM_IN && i < e->in_n; i++)
        if (e->in[i].type == BSON_TYPE_NULL)
            return true;
    return false;
}

bool sim_bounds(struct sim_arena *a, const struct sim_expr *e, bool path_multikey, bool sparse, struct sim_intervals *out,
                enum sim_exactness *x)
{
    /* a sparse index does not hold what is missing; of an element named by number it holds that element only */
    if ((sparse || names_element(e)) && takes_missing(e))
        return false;
    switch (e->kind) {
    case SIM_EQ:
        if (e->v.type == BSON_TYPE_REGEX) {
            regex(a, e, out, x);
            *x = SIM_FETCH;
            return true;
        }
        equality(a, e->v, path_multikey, out, x);
        return true;
    case SIM_LT:
    case SIM_LTE:
    case SIM_GT:
    case SIM_GTE:
        comparison(a, e, out, x);
        return true;
    case SIM_IN:
        if (e->re)
            return false;
        in_list(a, e, path_multikey, out, x);
        return true;
    case SIM_REGEX:
        regex(a, e, out, x);
        if (*x == SIM_COVERED && path_multikey)
            *x = SIM_FETCH;
        return true;
    case SIM_EXISTS:
        *out = sim_bounds_all(a);
        *x = sparse ? SIM_EXACT : SIM_FETCH;
        return true;
    case SIM_ELEM_VALUE:
        elem_values(a, e, out, x);
        return true;
    case SIM_SIZE:
    case SIM_TYPE:
    case SIM_MOD:
        *out = sim_bounds_all(a);
        *x = path_multikey || e->kind != SIM_MOD ? SIM_FETCH : SIM_COVERED;
        return true;
    case SIM_NOT:
        return negation(a, e, path_multikey, sparse, out, x);
    default:
        return false;
    }
}

static bool hashed_point(struct sim_arena *a, struct sim_val v, struct sim_interval *out)
{
    if (v.type == BSON_TYPE_ARRAY || v.type == BSON_TYPE_REGEX || v.type == BSON_TYPE_UNDEFINED)
        return false;
    struct sim_val h = made_i64(a, BSON_TYPE_INT64, sim_hash_val(v));
    *out = (struct sim_interval){h, h, true, true};
    return true;
}

static int by_low_end(const void *x, const void *y)
{
    return sim_compare(((const struct sim_interval *)x)->lo, ((const struct sim_interval *)y)->lo);
}

bool sim_bounds_hashed(struct sim_arena *a, const struct sim_expr *e, struct sim_intervals *out)
{
    if (e->kind != SIM_EQ && (e->kind != SIM_IN || e->re))
        return false;
    size_t n = e->kind == SIM_EQ ? 1 : e->in_n;
    *out = make(a, n);
    for (size_t i = 0; i < n; i++)
        if (!out->iv || !hashed_point(a, e->kind == SIM_EQ ? e->v : e->in[i], &out->iv[i]))
            return false;
    qsort(out->iv, n, sizeof *out->iv, by_low_end);
    out->n = n;
    return true;
}

void sim_interval_text(struct sb_str *out, const struct sim_interval *v, bool reversed)
{
    bool first_in = reversed ? v->hi_in : v->lo_in, last_in = reversed ? v->lo_in : v->hi_in;
    sb_str_addc(out, first_in ? '[' : '(');
    sim_shell_val(out, reversed ? v->hi : v->lo);
    sb_str_adds(out, ", ");
    sim_shell_val(out, reversed ? v->lo : v->hi);
    sb_str_addc(out, last_in ? ']' : ')');
}
