/* SPDX-License-Identifier: Apache-2.0
 *
 * Thousands of seeded questions and changes against oracles that do it the naive way: a query gives the same documents by
 * every index as by a scan of the collection, and the same as a matcher written here; a sort is in order; updates do what a
 * model does; groups add up; an index built under writes equals one built at once; secondaries equal their primary. Long because every oracle shares the documents
 * and questions that are made here. */
#include "rig.h"

#include <signalbox/sim/match.h>

/* ---- random documents ---- */

static void put_scalar(struct sim_w *w, const char *key, struct sb_rng *rng)
{
    switch (rig_below(rng, 12)) {
    case 0:
        sim_w_null(w, key);
        break;
    case 1:
        sim_w_f64(w, key, (double)rig_below(rng, 10) / 2);
        break;
    case 2:
        sim_w_i64(w, key, rig_below(rng, 6));
        break;
    case 3:
        sim_w_text(w, key, (const char *[]){"", "a", "ab", "b", "1"}[rig_below(rng, 5)]);
        break;
    case 4:
        sim_w_bool(w, key, rig_below(rng, 2));
        break;
    case 5:
        sim_w_date(w, key, rig_below(rng, 4));
        break;
    default:
        sim_w_i32(w, key, (int)rig_below(rng, 7) - 1);
    }
}

static void put_value(struct sim_w *w, const char *key, struct sb_rng *rng, int depth)
{
    unsigned what = rig_below(rng, 12);
    if (what == 0 && depth < 2) {
        sim_w_array(w, key);
        for (unsigned i = rig_below(rng, 4); i > 0; i--)
            put_value(w, NULL, rng, depth + 1);
        sim_w_end(w);
    } else if (what == 1 && depth < 2) {
        sim_w_doc(w, key);
        if (rig_below(rng, 3))
            put_value(w, "x", rng, depth + 1);
        if (rig_below(rng, 3))
            put_value(w, "y", rng, depth + 1);
        sim_w_end(w);
    } else {
        put_scalar(w, key, rng);
    }
}

static const char *const field_names[] = {"a", "b", "c", "d"};

static void put_document(struct sim_w *w, int id, struct sb_rng *rng, bool arrays)
{
    sim_w_i32(w, "_id", id);
    for (size_t i = 0; i < SB_COUNT(field_names); i++) {
        unsigned r = rig_below(rng, 8);
        if (r == 0)
            continue;
        if (r == 1 && arrays) {
            sim_w_array(w, field_names[i]);
            for (unsigned k = rig_below(rng, 4); k > 0; k--)
                put_value(w, NULL, rng, 1);
            sim_w_end(w);
        } else if (r == 2) {
            sim_w_doc(w, field_names[i]);
            put_value(w, "x", rng, arrays ? 0 : 9);
            sim_w_end(w);
        } else {
            put_value(w, field_names[i], rng, arrays ? 0 : 9);
        }
    }
}

/* Two fields of one compound index may not both be arrays: only `b` may hold them in such a collection. */
static void put_single_array(struct sim_w *w, int id, struct sb_rng *rng)
{
    sim_w_i32(w, "_id", id);
    put_scalar(w, "a", rng);
    put_value(w, "b", rng, 0);
    put_scalar(w, "c", rng);
    if (rig_below(rng, 2))
        put_scalar(w, "d", rng);
}

static void insert(struct rig *r, const char *coll, struct sim_w *doc)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "insert", coll);
    sim_w_array(&w, "documents");
    sim_w_copy(&w, NULL, sim_w_done(doc));
    sim_w_end(&w);
    const uint8_t *reply = rig_send(r, 0, "t", sim_w_done(&w));
    if (rig_int(reply, "n") != 1)
        fail_msg("insert: %s of %s", rig_text(reply), rig_text(sim_w_done(doc)));
    sim_w_release(&w);
}

/* ---- random questions ---- */

static const char *const paths[] = {"a", "b", "c", "d", "a.x", "b.x", "b.y", "_id", "b.0", "a.x.y"};

static void put_operator(struct sim_w *w, struct sb_rng *rng, int depth)
{
    static const char *const compare[] = {"$lt", "$lte", "$gt", "$gte", "$eq", "$ne"};
    unsigned what = rig_below(rng, 13);
    if (what < 6) {
        put_scalar(w, compare[rig_below(rng, 6)], rng);
        if (what == 0)
            put_scalar(w, "$lt", rng);
    } else if (what < 8) {
        sim_w_array(w, what == 6 ? "$in" : "$nin");
        for (unsigned i = rig_below(rng, 4); i > 0; i--)
            put_value(w, NULL, rng, 1);
        sim_w_end(w);
    } else if (what == 8) {
        sim_w_bool(w, "$exists", rig_below(rng, 2));
    } else if (what == 9 && depth < 2) {
        sim_w_doc(w, "$not");
        put_operator(w, rng, depth + 1);
        sim_w_end(w);
    } else if (what == 10 && depth < 2) {
        sim_w_doc(w, "$elemMatch");
        put_operator(w, rng, depth + 1);
        sim_w_end(w);
    } else if (what == 11) {
        sim_w_i32(w, "$size", (int)rig_below(rng, 3));
    } else {
        sim_w_text(w, "$type", (const char *[]){"int", "string", "null", "array", "object", "number"}[rig_below(rng, 6)]);
    }
}

static void put_filter(struct sim_w *w, struct sb_rng *rng, int depth)
{
    unsigned n = 1 + rig_below(rng, 3);
    for (unsigned i = 0; i < n; i++) {
        if (depth < 2 && rig_below(rng, 7) == 0) {
            sim_w_array(w, (const char *[]){"$or", "$and", "$nor"}[rig_below(rng, 3)]);
            for (unsigned k = 1 + rig_below(rng, 3); k > 0; k--) {
                sim_w_doc(w, NULL);
                put_filter(w, rng, depth + 1);
                sim_w_end(w);
            }
            sim_w_end(w);
            continue;
        }
        const char *path = paths[rig_below(rng, SB_COUNT(paths))];
        if (rig_below(rng, 3)) {
            put_value(w, path, rng, 1);
        } else {
            sim_w_doc(w, path);
            put_operator(w, rng, 0);
            sim_w_end(w);
        }
    }
}

static int by_id(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The ids that a find gives, in its order. */
static size_t ask(struct rig *r, const char *coll, const uint8_t *filter, struct sim_val sort, struct sim_val hint, int *ids, size_t cap)
{
    struct sim_w w;
    size_t n = 0;
    sim_w_init(&w);
    sim_w_text(&w, "find", coll);
    sim_w_copy(&w, "filter", filter);
    sim_w_val(&w, "sort", sort);
    sim_w_val(&w, "hint", hint);
    sim_w_i32(&w, "batchSize", 100000);
    const uint8_t *reply = rig_send(r, 0, "t", sim_w_done(&w));
    struct sim_val batch = sim_path(reply, "cursor.firstBatch");
    if (batch.type != BSON_TYPE_ARRAY)
        fail_msg("%s -> %s", rig_text(sim_w_done(&w)), rig_text(reply));
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(batch.p); sim_next(&it, &e);) {
        assert_true(n < cap);
        ids[n++] = (int)sim_int(sim_find(e.v.p, "_id"), -1);
    }
    sim_w_release(&w);
    return n;
}

static struct sim_val natural(struct sim_w *w)
{
    sim_w_init(w);
    sim_w_i32(w, "$natural", 1);
    return sim_val_doc(sim_w_done(w));
}

static const char *const plain_indexes[] = {"{'a':1}", "{'b':1}", "{'a':1,'c':-1}", "{'c':1,'a':1,'b':1}", "{'b.x':1}", "{'d':-1,'b':1}", "{'a.x':1,'c':1}", "{'a':'hashed'}", "{'c':1,'d':'hashed'}"};

static void create_index(struct rig *r, const char *coll, const char *key, const char *name, const char *more)
{
    char text[400];
    snprintf(text, sizeof text, "{'createIndexes':'%s','indexes':[{'key':%s,'name':'%s'%s}]}", coll, key, name, more);
    rig_ok(r, "t", text);
}

static void compare_all(struct rig *r, const char *coll, unsigned indexes, int rounds, uint64_t seed)
{
    struct sb_rng rng;
    struct sim_w nat, filter;
    static int want[4000], got[4000];
    struct sim_val scan = natural(&nat);
    sb_rng_seed(&rng, seed);
    sim_w_init(&filter);
    for (int round = 0; round < rounds; round++) {
        sim_w_clear(&filter);
        put_filter(&filter, &rng, 0);
        const uint8_t *q = sim_w_done(&filter);
        size_t n = ask(r, coll, q, sim_missing, scan, want, SB_COUNT(want));
        qsort(want, n, sizeof *want, by_id);
        for (unsigned i = 0; i <= indexes; i++) {
            char name[16];
            uint8_t buf[32];
            struct sim_val hint = sim_missing;
            snprintf(name, sizeof name, "x%u", i);
            if (i < indexes) { /* the last round leaves the choice to the planner */
                uint32_t len = (uint32_t)strlen(name) + 1;
                memcpy(buf, &len, 4);
                memcpy(buf + 4, name, len);
                hint = (struct sim_val){BSON_TYPE_UTF8, 4 + len, buf};
            }
            size_t m = ask(r, coll, q, sim_missing, hint, got, SB_COUNT(got));
            qsort(got, m, sizeof *got, by_id);
            if (m != n || memcmp(want, got, n * sizeof *got) != 0) {
                size_t k = 0;
                while (k < n && k < m && want[k] == got[k])
                    k++;
                char text[200];
                snprintf(text, sizeof text, "{'find':'%s','filter':{'_id':%d}}", coll, k < n && (k >= m || want[k] < got[k]) ? want[k] : got[k]);
                char *filter_text = rig_text(q), *doc = rig_text(rig_run(r, "t", text));
                fail_msg("%s by %s: %zu, by a scan: %zu; differs at %s", filter_text, i < indexes ? name : "choice", m, n, doc);
            }
        }
    }
    sim_w_release(&nat);
    sim_w_release(&filter);
}

static void fill(struct rig *r, const char *coll, int n, uint64_t seed, int kind)
{
    struct sb_rng rng;
    struct sim_w w;
    sb_rng_seed(&rng, seed);
    for (int i = 0; i < n; i++) {
        sim_w_init(&w);
        if (kind == 2)
            put_single_array(&w, i, &rng);
        else
            put_document(&w, i, &rng, kind == 1);
        insert(r, coll, &w);
        sim_w_release(&w);
    }
}

static void test_index_equals_scan_without_arrays(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fill(&r, "flat", 300, 11, 0);
    for (unsigned i = 0; i < SB_COUNT(plain_indexes); i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        create_index(&r, "flat", plain_indexes[i], name, "");
    }
    compare_all(&r, "flat", SB_COUNT(plain_indexes), 3000, 12);
    rig_release(&r);
}

static void test_index_equals_scan_with_arrays(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fill(&r, "deep", 300, 21, 1);
    static const char *const single[] = {"{'a':1}", "{'b':-1}", "{'c':1}", "{'b.x':1}", "{'a.x':1}", "{'b.0':1}"};
    for (unsigned i = 0; i < SB_COUNT(single); i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        create_index(&r, "deep", single[i], name, "");
    }
    compare_all(&r, "deep", SB_COUNT(single), 3000, 22);
    fill(&r, "mixed", 300, 31, 2);
    for (unsigned i = 0; i < SB_COUNT(plain_indexes) - 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        create_index(&r, "mixed", plain_indexes[i], name, "");
    }
    compare_all(&r, "mixed", SB_COUNT(plain_indexes) - 2, 3000, 32);
    rig_release(&r);
}

/* Partial and sparse indexes are chosen only when they hold everything that is asked for: no hints here. */
static void test_partial_and_sparse_never_lose_documents(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    fill(&r, "part", 300, 41, 1);
    create_index(&r, "part", "{'a':1}", "p1", ",'partialFilterExpression':{'a':{'$gt':1}}");
    create_index(&r, "part", "{'b':1}", "p2", ",'partialFilterExpression':{'c':{'$exists':true}}");
    create_index(&r, "part", "{'c':1}", "p3", ",'sparse':true");
    create_index(&r, "part", "{'d':1}", "p4", ",'partialFilterExpression':{'a':{'$type':'number'},'d':{'$lte':3}}");
    create_index(&r, "part", "{'b.x':1}", "p5", ",'sparse':true");
    compare_all(&r, "part", 0, 6000, 42);
    rig_release(&r);
}

/* ---- a matcher of our own, for scalars and one level of arrays ---- */

/* Values that the oracle orders: null < numbers < text < bool < date, by its own table. */
static int oracle_class(struct sim_val v)
{
    switch (v.type) {
    case 0:
    case BSON_TYPE_NULL:
        return 1;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
        return 2;
    case BSON_TYPE_UTF8:
        return 3;
    case BSON_TYPE_DOCUMENT:
        return 4;
    case BSON_TYPE_ARRAY:
        return 5;
    case BSON_TYPE_BOOL:
        return 6;
    default:
        return 7;
    }
}

static double oracle_number(struct sim_val v)
{
    if (v.type == BSON_TYPE_INT32)
        return sim_i32(v.p);
    if (v.type == BSON_TYPE_DOUBLE)
        return sim_f64(v.p);
    return v.type == BSON_TYPE_BOOL ? v.p[0] : (double)sim_i64(v.p);
}

static int oracle_compare(struct sim_val a, struct sim_val b)
{
    int x = oracle_class(a), y = oracle_class(b);
    if (x != y)
        return x - y;
    if (x == 1)
        return 0;
    if (x == 3)
        return strcmp((const char *)a.p + 4, (const char *)b.p + 4);
    double p = oracle_number(a), q = oracle_number(b);
    return (p > q) - (p < q);
}

static bool oracle_test(const char *op, struct sim_val v, struct sim_val arg)
{
    if (strcmp(op, "$eq") == 0 || strcmp(op, "$ne") == 0)
        return oracle_class(v) == oracle_class(arg) && oracle_compare(v, arg) == 0;
    if (oracle_class(v) != oracle_class(arg))
        return false;
    int c = oracle_compare(v, arg);
    if (strcmp(op, "$lt") == 0)
        return c < 0;
    if (strcmp(op, "$lte") == 0)
        return c <= 0;
    return strcmp(op, "$gt") == 0 ? c > 0 : c >= 0;
}

/* One predicate on a field of scalars, arrays of scalars, or nothing. */
static bool oracle_match(const uint8_t *doc, const char *field, const char *op, struct sim_val arg)
{
    struct sim_val v = sim_find(doc, field);
    bool any = false;
    if (v.type == BSON_TYPE_ARRAY) {
        struct sim_elem e;
        for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
            any = any || oracle_test(op, e.v, arg);
    } else {
        any = oracle_test(op, v, arg);
    }
    return strcmp(op, "$ne") == 0 ? !any : any;
}

static void test_matcher_equals_oracle(void **state)
{
    (void)state;
    static const char *const ops[] = {"$lt", "$lte", "$gt", "$gte", "$eq", "$ne"};
    struct sb_rng rng;
    struct sim_w doc, filter;
    sb_rng_seed(&rng, 51);
    sim_w_init(&doc);
    sim_w_init(&filter);
    for (int round = 0; round < 20000; round++) {
        sim_w_clear(&doc);
        sim_w_clear(&filter);
        for (size_t i = 0; i < 3; i++) {
            unsigned what = rig_below(&rng, 6);
            if (what == 1) {
                sim_w_array(&doc, field_names[i]);
                for (unsigned k = rig_below(&rng, 4); k > 0; k--)
                    put_scalar(&doc, NULL, &rng);
                sim_w_end(&doc);
            } else if (what) {
                put_scalar(&doc, field_names[i], &rng);
            }
        }
        const char *field[3], *op[3];
        unsigned n = 1 + rig_below(&rng, 3), kind = rig_below(&rng, 3); /* and, or, nor */
        sim_w_array(&filter, (const char *[]){"$and", "$or", "$nor"}[kind]);
        for (unsigned i = 0; i < n; i++) {
            field[i] = field_names[rig_below(&rng, 3)];
            op[i] = ops[rig_below(&rng, SB_COUNT(ops))];
            sim_w_doc(&filter, NULL);
            sim_w_doc(&filter, field[i]);
            put_scalar(&filter, op[i], &rng);
            sim_w_end(&filter);
            sim_w_end(&filter);
        }
        sim_w_end(&filter);
        const uint8_t *d = sim_w_done(&doc), *q = sim_w_done(&filter);
        unsigned hits = 0;
        for (unsigned i = 0; i < n; i++) {
            char path[64];
            snprintf(path, sizeof path, "%s.%u.%s.%s", (const char *[]){"$and", "$or", "$nor"}[kind], i, field[i], op[i]);
            hits += oracle_match(d, field[i], op[i], sim_path(q, path));
        }
        bool want = kind == 0 ? hits == n : kind == 1 ? hits > 0 : hits == 0;
        struct sim_fail f = SIM_FAIL_INIT;
        struct sim_filter *m = sim_filter_new(q, &f);
        assert_non_null(m);
        if (sim_match(m->root, d) != want)
            fail_msg("%s on %s: the oracle says %d", rig_text(q), rig_text(d), want);
        sim_filter_free(m);
    }
    sim_w_release(&doc);
    sim_w_release(&filter);
}

/* ---- sorts ---- */

/* What a document sorts by: its smallest (largest) value, null when there is none. */
static struct sim_val sort_value(const uint8_t *doc, const char *field, bool down)
{
    struct sim_val v = sim_find(doc, field), best = sim_missing;
    if (v.type != BSON_TYPE_ARRAY)
        return v;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
        if (!best.type || (down ? oracle_compare(e.v, best) > 0 : oracle_compare(e.v, best) < 0))
            best = e.v;
    return best;
}

static void check_sorted(struct rig *r, const char *coll, const char *sort_json, const char *f1, bool d1, const char *f2, bool d2)
{
    char text[300];
    snprintf(text, sizeof text, "{'find':'%s','filter':{},'sort':%s,'batchSize':100000}", coll, sort_json);
    const uint8_t *reply = rig_ok(r, "t", text), *before = NULL;
    struct sim_elem e;
    size_t n = 0;
    for (struct sim_iter it = sim_iter_of(sim_path(reply, "cursor.firstBatch").p); sim_next(&it, &e); n++, before = e.v.p) {
        if (!before)
            continue;
        int c = oracle_compare(sort_value(before, f1, d1), sort_value(e.v.p, f1, d1));
        c = d1 ? -c : c;
        if (c == 0 && f2) {
            c = oracle_compare(sort_value(before, f2, d2), sort_value(e.v.p, f2, d2));
            c = d2 ? -c : c;
        }
        if (c > 0)
            fail_msg("%s: %s before %s", text, rig_text(before), rig_text(e.v.p));
    }
    assert_int_equal(n, 300);
}

static void test_sorts_are_in_order(void **state)
{
    (void)state;
    struct rig r;
    struct sb_rng rng;
    struct sim_w w;
    rig_init(&r);
    sb_rng_seed(&rng, 61);
    for (int i = 0; i < 300; i++) {
        sim_w_init(&w);
        sim_w_i32(&w, "_id", i);
        if (rig_below(&rng, 8))
            put_scalar(&w, "a", &rng);
        if (rig_below(&rng, 6) == 0) { /* never empty: an empty array sorts before null, which the oracle does not know */
            sim_w_array(&w, "b");
            for (unsigned k = 1 + rig_below(&rng, 3); k > 0; k--)
                put_scalar(&w, NULL, &rng);
            sim_w_end(&w);
        } else if (rig_below(&rng, 8)) {
            put_scalar(&w, "b", &rng);
        }
        insert(&r, "s", &w);
        sim_w_release(&w);
    }
    for (int pass = 0; pass < 2; pass++) { /* in memory, then by indexes */
        check_sorted(&r, "s", "{'a':1}", "a", false, NULL, false);
        check_sorted(&r, "s", "{'a':-1}", "a", true, NULL, false);
        check_sorted(&r, "s", "{'b':1}", "b", false, NULL, false);
        check_sorted(&r, "s", "{'b':-1}", "b", true, NULL, false);
        check_sorted(&r, "s", "{'a':1,'b':-1}", "a", false, "b", true);
        check_sorted(&r, "s", "{'a':-1,'b':1}", "a", true, "b", false);
        check_sorted(&r, "s", "{'b':1,'a':1}", "b", false, "a", false);
        if (pass == 0) {
            create_index(&r, "s", "{'a':1,'b':-1}", "y", "");
            create_index(&r, "s", "{'b':1}", "w", "");
        }
    }
    rig_release(&r);
}

/* ---- updates ---- */

#define MODEL_LIST 12

struct model {
    bool has_n, has_list, has_o;
    long long n, o; /* o: sub.o */
    int list[MODEL_LIST];
    int list_n;
};

static void model_list(struct model *m, int v)
{
    m->has_list = true;
    if (m->list_n < MODEL_LIST)
        m->list[m->list_n++] = v;
}

/* One random update on one document, by the server and by the model. */
static void one_update(struct rig *r, struct model *m, int id, struct sb_rng *rng)
{
    char u[200];
    unsigned at;
    int v = (int)rig_below(rng, 9) - 4;
    switch (rig_below(rng, 13)) {
    case 0:
        snprintf(u, sizeof u, "{'$set':{'n':%d}}", v);
        m->has_n = true;
        m->n = v;
        break;
    case 1:
        snprintf(u, sizeof u, "{'$inc':{'n':%d}}", v);
        m->n = (m->has_n ? m->n : 0) + v;
        m->has_n = true;
        break;
    case 2:
        snprintf(u, sizeof u, "{'$mul':{'n':%d}}", v % 3);
        m->n = m->has_n ? m->n * (v % 3) : 0;
        m->has_n = true;
        break;
    case 3:
        snprintf(u, sizeof u, "{'$unset':{'n':''}}");
        m->has_n = false;
        break;
    case 4:
        snprintf(u, sizeof u, "{'$min':{'n':%d}}", v);
        m->n = m->has_n && m->n < v ? m->n : v;
        m->has_n = true;
        break;
    case 5:
        snprintf(u, sizeof u, "{'$max':{'n':%d},'$set':{'sub.o':%d}}", v, v);
        m->n = m->has_n && m->n > v ? m->n : v;
        m->has_n = m->has_o = true;
        m->o = v;
        break;
    case 6:
        snprintf(u, sizeof u, "{'$push':{'list':{'$each':[%d],'$slice':-%d}}}", v, MODEL_LIST);
        if (m->list_n == MODEL_LIST) {
            memmove(m->list, m->list + 1, sizeof m->list - sizeof m->list[0]);
            m->list_n--;
        }
        model_list(m, v);
        break;
    case 7: {
        snprintf(u, sizeof u, "{'$addToSet':{'list':%d}}", v);
        bool there = false;
        for (int i = 0; i < m->list_n; i++)
            there = there || m->list[i] == v;
        if (!there && m->list_n == MODEL_LIST)
            return;
        if (!there)
            model_list(m, v);
        break;
    }
    case 8: {
        snprintf(u, sizeof u, "{'$pull':{'list':%d}}", v);
        int kept = 0;
        for (int i = 0; i < m->list_n; i++)
            if (m->list[i] != v)
                m->list[kept++] = m->list[i];
        m->list_n = kept;
        break;
    }
    case 9: {
        snprintf(u, sizeof u, "{'$pull':{'list':{'$gt':%d}}}", v);
        int kept = 0;
        for (int i = 0; i < m->list_n; i++)
            if (m->list[i] <= v)
                m->list[kept++] = m->list[i];
        m->list_n = kept;
        break;
    }
    case 10:
        snprintf(u, sizeof u, "{'$pop':{'list':%d}}", v < 0 ? -1 : 1);
        if (m->list_n) {
            if (v < 0)
                memmove(m->list, m->list + 1, sizeof m->list - sizeof m->list[0]);
            m->list_n--;
        }
        break;
    case 11:
        snprintf(u, sizeof u, "{'$inc':{'sub.o':%d},'$unset':{'n':1}}", v);
        m->o = (m->has_o ? m->o : 0) + v;
        m->has_o = true;
        m->has_n = false;
        break;
    default:
        if (!m->list_n)
            return;
        at = rig_below(rng, (unsigned)m->list_n);
        snprintf(u, sizeof u, "{'$set':{'list.%u':%d}}", at, v);
        m->list[at] = v;
    }
    char command[400];
    snprintf(command, sizeof command, "{'update':'m','updates':[{'q':{'_id':%d},'u':%s}]}", id, u);
    rig_ok(r, "t", command);
}

static void check_model(struct rig *r, int id, const struct model *m)
{
    char text[100];
    snprintf(text, sizeof text, "{'find':'m','filter':{'_id':%d}}", id);
    struct sim_val doc = sim_path(rig_ok(r, "t", text), "cursor.firstBatch.0");
    assert_int_equal(doc.type, BSON_TYPE_DOCUMENT);
    struct sim_val n = sim_find(doc.p, "n"), o = sim_path(doc.p, "sub.o"), list = sim_find(doc.p, "list");
    bool same = (n.type != 0) == m->has_n && (!m->has_n || sim_int(n, -99) == m->n) && (o.type != 0) == m->has_o &&
                (!m->has_o || sim_int(o, -99) == m->o) && (list.type != 0) == m->has_list && (!m->has_list || (int)sim_count(list.p) == m->list_n);
    for (int i = 0; same && i < m->list_n; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        same = sim_int(sim_find(list.p, key), -99) == m->list[i];
    }
    if (!same)
        fail_msg("the model disagrees with %s (n %d %lld, o %d %lld, list %d)", rig_text(doc.p), m->has_n, m->n, m->has_o, m->o, m->list_n);
}

/* Members' data, by their own hash of it. */
static void check_members_equal(struct rig *r, const char *db)
{
    rig_pass(r, 5);
    char *first = rig_at(rig_ok(r, db, "{'dbHash':1}"), "md5");
    assert_string_not_equal(first, "missing");
    for (int i = 1; i < SIM_MEMBERS; i++) {
        char *other = rig_at(rig_ok_on(r, i, db, "{'dbHash':1}"), "md5");
        assert_string_equal(first, other);
        free(other);
    }
    free(first);
}

static void test_updates_equal_model(void **state)
{
    (void)state;
    struct rig r;
    struct sb_rng rng;
    struct model models[20] = {0};
    rig_init(&r);
    sb_rng_seed(&rng, 71);
    for (int i = 0; i < 20; i++) {
        char text[100];
        snprintf(text, sizeof text, "{'insert':'m','documents':[{'_id':%d}]}", i);
        rig_ok(&r, "t", text);
    }
    create_index(&r, "m", "{'list':1,'n':1}", "x", "");
    for (int round = 0; round < 6000; round++) {
        int id = (int)rig_below(&rng, 20);
        one_update(&r, &models[id], id, &rng);
        check_model(&r, id, &models[id]);
        if (models[id].n > 1000000 || models[id].n < -1000000) {
            char text[120];
            snprintf(text, sizeof text, "{'update':'m','updates':[{'q':{'_id':%d},'u':{'$set':{'n':0}}}]}", id);
            rig_ok(&r, "t", text);
            models[id].n = 0;
        }
    }
    check_members_equal(&r, "t");
    rig_gives(&r, "t", "{'validate':'m'}", "valid", "true");
    rig_release(&r);
}

/* ---- aggregation ---- */

static void test_groups_add_up(void **state)
{
    (void)state;
    struct rig r;
    struct sb_rng rng;
    long long sum[5] = {0}, count[5] = {0}, least[5], most[5];
    rig_init(&r);
    sb_rng_seed(&rng, 81);
    for (int i = 0; i < 2000; i++) {
        char text[160];
        int k = (int)rig_below(&rng, 5), v = (int)rig_below(&rng, 1000) - 500;
        least[k] = !count[k] || v < least[k] ? v : least[k];
        most[k] = !count[k] || v > most[k] ? v : most[k];
        sum[k] += v;
        count[k]++;
        snprintf(text, sizeof text, "{'insert':'g','documents':[{'_id':%d,'k':%d,'v':%d}]}", i, k, v);
        rig_ok(&r, "t", text);
    }
    const uint8_t *reply = rig_ok(&r, "t", "{'aggregate':'g','cursor':{},'pipeline':[{'$group':{'_id':'$k','s':{'$sum':'$v'},'n':{'$sum':1},"
                                           "'a':{'$avg':'$v'},'lo':{'$min':'$v'},'hi':{'$max':'$v'}}},{'$sort':{'_id':1}}]}");
    for (int k = 0; k < 5; k++) {
        char path[64];
        snprintf(path, sizeof path, "cursor.firstBatch.%d", k);
        const uint8_t *d = sim_path(reply, path).p;
        assert_int_equal(sim_int(sim_find(d, "_id"), -1), k);
        assert_int_equal(sim_int(sim_find(d, "s"), 0), sum[k]);
        assert_int_equal(sim_int(sim_find(d, "n"), 0), count[k]);
        assert_int_equal(sim_int(sim_find(d, "lo"), 0), least[k]);
        assert_int_equal(sim_int(sim_find(d, "hi"), 0), most[k]);
        assert_true(sim_number(sim_find(d, "a")) == (long double)((double)sum[k] / (double)count[k]));
    }
    rig_release(&r);
}

/* ---- index builds under writes ---- */

static void random_write(struct rig *r, struct sb_rng *rng, int *next)
{
    char text[200];
    unsigned what = rig_below(rng, 3), v = rig_below(rng, 50);
    if (what == 0)
        snprintf(text, sizeof text, "{'insert':'b','documents':[{'_id':%d,'k':%u,'tags':[%u,%u]}]}", (*next)++, v, v % 7, v % 5);
    else if (what == 1)
        snprintf(text, sizeof text, "{'update':'b','updates':[{'q':{'_id':%u},'u':{'$set':{'k':%u},'$push':{'tags':%u}}}]}", rig_below(rng, (unsigned)*next), v, v);
    else
        snprintf(text, sizeof text, "{'delete':'b','deletes':[{'q':{'_id':%u},'limit':1}]}", rig_below(rng, (unsigned)*next));
    rig_ok(r, "t", text);
}

static void compare_trees(const struct sim_index *a, const struct sim_index *b)
{
    struct sim_cursor x, y;
    static const uint8_t none[] = {0};
    size_t p, q;
    assert_int_equal(sim_btree_count(a->tree), sim_btree_count(b->tree));
    assert_int_equal(a->key_bytes, b->key_bytes);
    sim_cursor_init(&x, a->tree);
    sim_cursor_init(&y, b->tree);
    bool more = sim_cursor_seek(&x, none, 0), other = sim_cursor_seek(&y, none, 0);
    while (more && other) {
        const uint8_t *k = sim_cursor_key(&x, &p), *l = sim_cursor_key(&y, &q);
        assert_int_equal(p, q);
        assert_memory_equal(k, l, p);
        more = sim_cursor_next(&x);
        other = sim_cursor_next(&y);
    }
    assert_true(more == other);
    sim_cursor_release(&x);
    sim_cursor_release(&y);
}

static void test_build_under_writes_equals_one_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct rig r;
        struct sb_rng rng;
        int next = 1;
        rig_init(&r);
        r.s->costs.build_doc_us = 3000; /* it takes seconds: many writes fall into every phase */
        r.s->costs.build_key_us = 1000;
        sb_rng_seed(&rng, 91 + seed);
        for (int i = 0; i < 1000; i++)
            random_write(&r, &rng, &next);
        struct sim_conn *other = sim_conn_open(&r.s->member[0], "127.0.0.1:50001", false);
        bson_t *b = rig_json("{'createIndexes':'b','indexes':[{'key':{'k':1,'tags':-1},'name':'one'},{'key':{'tags':1},'name':'two','sparse':true}],'$db':'t'}");
        struct sim_request rq = {.body = bson_get_data(b), .bytes = b->len};
        struct sim_w w;
        const uint8_t *reply = NULL;
        sim_w_init(&w);
        assert_int_equal(sim_dispatch(other, &rq, &w, &reply), SIM_LATER);
        int writes = 0;
        while (other->waiting_opid) {
            for (int i = 0; i < 20; i++, writes++)
                random_write(&r, &rng, &next);
            rig_pass(&r, 0.05);
            assert_true(writes < 1000000);
        }
        assert_true(writes > 500);
        check_members_equal(&r, "t");
        for (int i = 0; i < SIM_MEMBERS; i++) {
            struct sim_coll *c = sim_coll_find(&r.s->member[i].cat, "t.b");
            struct sim_index *one = sim_coll_index(c, "one", 3), *two = sim_coll_index(c, "two", 3);
            assert_non_null(one);
            assert_non_null(two);
            assert_false(one->building || two->building);
            const struct sim_index *built[] = {one, two};
            for (int k = 0; k < 2; k++) {
                struct sim_fail f = SIM_FAIL_INIT;
                struct sim_index *fresh = sim_index_new(built[k]->spec->bson, &f);
                uint64_t done;
                assert_int_equal(sim_coll_fill_index(c, fresh, UINT64_MAX, &done, &f), 0);
                compare_trees(built[k], fresh);
                sim_index_free(fresh);
            }
        }
        rig_gives(&r, "t", "{'validate':'b'}", "valid", "true");
        sim_conn_close(other);
        sim_w_release(&w);
        bson_destroy(b);
        rig_release(&r);
    }
}

/* A copy has the same keys in both directions, and what happens to one does not happen to the other. */
static void test_copied_index(void **state)
{
    struct rig r;
    struct sb_rng rng;
    struct sim_fail f = SIM_FAIL_INIT;
    int next = 1;
    (void)state;
    rig_init(&r);
    sb_rng_seed(&rng, 17);
    for (int i = 0; i < 4000; i++)
        random_write(&r, &rng, &next);
    rig_ok(&r, "t", "{'createIndexes':'b','indexes':[{'key':{'tags':1,'k':-1},'name':'x'}]}");
    struct sim_index *x = sim_coll_index(sim_coll_find(&r.s->member[0].cat, "t.b"), "x", 1), *y = sim_index_copy(x, &f);
    assert_non_null(y);
    compare_trees(x, y);
    assert_int_equal(sim_btree_bytes(x->tree), sim_btree_bytes(y->tree));
    assert_int_equal(x->field[0].multikey, y->field[0].multikey);
    static const uint8_t last[] = {0xff};
    struct sim_cursor at;
    uint64_t n = 0;
    sim_cursor_init(&at, y->tree);
    for (bool more = sim_cursor_seek_back(&at, last, 1); more; more = sim_cursor_prev(&at))
        n++;
    sim_cursor_release(&at);
    assert_true(n == sim_btree_count(x->tree) && n > 1000);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t key[4] = {0x30, (uint8_t)i, (uint8_t)(i >> 8), 7};
        assert_int_equal(sim_btree_insert(y->tree, key, sizeof key), 1);
    }
    assert_int_equal(sim_btree_count(x->tree), n);
    sim_index_free(y);
    rig_ok(&r, "t", "{'validate':'b'}");
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_equals_scan_without_arrays),
        cmocka_unit_test(test_index_equals_scan_with_arrays),
        cmocka_unit_test(test_partial_and_sparse_never_lose_documents),
        cmocka_unit_test(test_matcher_equals_oracle),
        cmocka_unit_test(test_sorts_are_in_order),
        cmocka_unit_test(test_updates_equal_model),
        cmocka_unit_test(test_groups_add_up),
        cmocka_unit_test(test_build_under_writes_equals_one_at_once),
        cmocka_unit_test(test_copied_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
