/* SPDX-License-Identifier: Apache-2.0
 *
 * analyzeShardKey, as a server from 7.0 on answers it: how many values a shard key has, how common the most common ones are, and
 * whether they follow the order of insertion, from the documents themselves. No queries are sampled here (configureQueryAnalyzer), so
 * that of reads and writes it is told that none were. */
#include <signalbox/sim/catalog.h>

#include "commands.h"
#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COMMON 5       /* are told */
#define MOST_SAMPLED 10000000
#define MONOTONIC 0.7       /* a correlation from which on it is called so */

struct entry {
    const uint8_t *doc;
    uint64_t rid;
};

/* The value of a field as an index has it: missing is null. */
static struct sim_val value_of(const uint8_t *doc, const char *path)
{
    struct sim_val v = sim_path(doc, path);
    return v.type ? v : sim_null;
}

static int by_key(const void *a, const void *b, void *pattern)
{
    const struct entry *x = a, *y = b;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(pattern); sim_next(&it, &e);) {
        int c = sim_compare(value_of(x->doc, e.key), value_of(y->doc, e.key));
        if (c)
            return c;
    }
    return x->rid < y->rid ? -1 : x->rid > y->rid;
}

static bool same_key(const struct entry *x, const struct entry *y, const uint8_t *pattern)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(pattern); sim_next(&it, &e);)
        if (sim_compare(value_of(x->doc, e.key), value_of(y->doc, e.key)) != 0)
            return false;
    return true;
}

/* Does the index begin with the key, and hold every document once? */
static bool supports(const struct sim_index *x, const uint8_t *pattern, bool *whole)
{
    struct sim_elem e;
    unsigned n = 0;
    if (x->building || x->hidden || x->sparse || x->partial || x->multikey)
        return false;
    for (struct sim_iter it = sim_iter_of(pattern); sim_next(&it, &e); n++)
        if (n >= x->fields || strcmp(x->field[n].path, e.key) != 0 || x->field[n].hashed != sim_is_text(e.v.type) || x->field[n].descending)
            return false;
    *whole = n == x->fields;
    return true;
}

/* Of the place in the order of the key with that of insertion. */
static double correlation(const struct entry *e, size_t n)
{
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i, y = (double)e[i].rid;
        sx += x;
        sy += y;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
    }
    double dn = (double)n, bottom = sqrt((dn * sxx - sx * sx) * (dn * syy - sy * sy));
    return bottom > 0 ? (dn * sxy - sx * sy) / bottom : 0;
}

static void put_common(struct sim_w *w, const struct entry *e, size_t n, const uint8_t *pattern, int64_t *distinct)
{
    struct {
        size_t at, n;
    } top[MOST_COMMON] = {{0, 0}};
    *distinct = 0;
    for (size_t i = 0; i < n;) {
        size_t run = 1;
        while (i + run < n && same_key(&e[i], &e[i + run], pattern))
            run++;
        ++*distinct;
        size_t k = MOST_COMMON;
        while (k > 0 && top[k - 1].n < run)
            k--;
        if (k < MOST_COMMON) {
            memmove(&top[k + 1], &top[k], (MOST_COMMON - 1 - k) * sizeof top[0]);
            top[k].at = i;
            top[k].n = run;
        }
        i += run;
    }
    sim_w_array(w, "mostCommonValues");
    for (size_t k = 0; k < MOST_COMMON && top[k].n; k++) {
        struct sim_elem f;
        sim_w_doc(w, NULL);
        sim_w_doc(w, "value");
        for (struct sim_iter it = sim_iter_of(pattern); sim_next(&it, &f);)
            sim_w_val(w, f.key, value_of(e[top[k].at].doc, f.key));
        sim_w_end(w);
        sim_w_i64(w, "frequency", (int64_t)top[k].n);
        sim_w_end(w);
    }
    sim_w_end(w);
}

static int put_characteristics(struct sim_call *c, const struct sim_coll *coll, const uint8_t *pattern, bool unique, bool hashed, int64_t most)
{
    struct sim_w *w = c->reply;
    struct sim_elem first;
    size_t n = 0, want = (uint64_t)most < coll->records.count ? (size_t)most : coll->records.count;
    struct entry *e = malloc(want * sizeof *e);
    if (!e)
        return sim_fail_nomem(&c->fail);
    for (uint64_t id = sim_records_from(&coll->records, 1); id && n < want; id = sim_records_from(&coll->records, id + 1)) /* the first ones stand for all */
        e[n++] = (struct entry){.doc = sim_records_get(&coll->records, id)->bson, .rid = id};
    c->op.work.docs = (int64_t)n;
    c->op.work.keys = (int64_t)n;
    qsort_r(e, n, sizeof *e, by_key, (void *)(uintptr_t)pattern);
    int64_t distinct;
    struct sim_iter it = sim_iter_of(pattern);
    bool first_hashed = hashed && sim_next(&it, &first) && sim_is_text(first.v.type);
    double r = correlation(e, n);
    sim_w_doc(w, "keyCharacteristics");
    sim_w_i64(w, "numDocsTotal", (int64_t)coll->records.count);
    sim_w_i64(w, "avgDocSizeBytes", (int64_t)(coll->records.bytes / coll->records.count));
    sim_w_i64(w, "numDocsSampled", (int64_t)n);
    sim_w_bool(w, "isUnique", unique);
    put_common(w, e, n, pattern, &distinct);
    sim_w_i64(w, "numDistinctValues", distinct);
    sim_w_doc(w, "monotonicity");
    if (!first_hashed)
        sim_w_f64(w, "recordIdCorrelationCoefficient", r);
    sim_w_text(w, "type", first_hashed || fabs(r) < MONOTONIC ? "not monotonic" : "monotonic");
    sim_w_end(w);
    sim_w_end(w);
    free(e);
    return 0;
}

static void put_sampled(struct sim_w *w, const char *name, const char *const *kinds, size_t n)
{
    sim_w_doc(w, name);
    sim_w_doc(w, "sampleSize");
    sim_w_i64(w, "total", 0);
    for (size_t i = 0; i < n; i++)
        sim_w_i64(w, kinds[i], 0);
    sim_w_end(w);
    sim_w_end(w);
}

int sim_cmd_analyze_shard_key(struct sim_call *c)
{
    static const char *const reads[] = {"find", "aggregate", "count", "distinct"}, *const writes[] = {"update", "delete", "findAndModify"};
    struct sim_val ns = sim_arg(c, "analyzeShardKey"), key = sim_arg(c, "key");
    bool characteristics = true, distribution = true, unique = false, hashed = false;
    int64_t most = MOST_SAMPLED;
    struct sim_elem e;
    if (!sim_is_text(ns.type) || key.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'analyzeShardKey.%s' is the wrong type or missing", sim_is_text(ns.type) ? "key" : "analyzeShardKey");
    if (sim_arg_bool(c, "keyCharacteristics", &characteristics) || sim_arg_bool(c, "readWriteDistribution", &distribution) || sim_arg_int(c, "sampleSize", &most))
        return -1;
    if ((!characteristics && !distribution) || sim_is_empty(key.p) || most < 1 || sim_arg(c, "sampleRate").type)
        return sim_arg(c, "sampleRate").type ? sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "analyzeShardKey with sampleRate is not simulated")
                                             : sim_fail(&c->fail, SIM_BAD_VALUE, "Cannot analyze a shard key without its fields, or with nothing to be told of it");
    const struct sim_coll *coll = sim_coll_find(&c->m->cat, sim_text(ns));
    if (!coll && sim_view_find(&c->m->cat, sim_text(ns)))
        return sim_fail(&c->fail, 166, "Namespace %.200s is a view, not a collection", sim_text(ns));
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "Cannot analyze a shard key for a non-existing collection: %.200s", sim_text(ns));
    if (coll->records.count == 0)
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "Cannot analyze a shard key for an empty collection");
    for (struct sim_iter it = sim_iter_of(key.p); sim_next(&it, &e);)
        hashed |= sim_is_text(e.v.type);
    bool found = false;
    for (unsigned i = 0; i < coll->indexes && characteristics; i++) {
        bool whole = false;
        if (!supports(coll->index[i], key.p, &whole))
            continue;
        found = true;
        unique |= whole && (coll->index[i]->unique || coll->index[i]->is_id);
    }
    if (found && put_characteristics(c, coll, key.p, unique, hashed, most))
        return -1;
    if (distribution) {
        put_sampled(c->reply, "readDistribution", reads, SB_COUNT(reads));
        put_sampled(c->reply, "writeDistribution", writes, SB_COUNT(writes));
    }
    return 0;
}
