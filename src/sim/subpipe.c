/* SPDX-License-Identifier: Apache-2.0 */
#include "subpipe.h"

#include <signalbox/sim/expr.h>

#include <string.h>

static const uint8_t all[] = {5, 0, 0, 0, 0};

/* ---- $facet ---- */

/* Such stages read collections of their own, or write one. */
static int check_inner(const struct sim_pipeline *p, const char *outer, struct sim_fail *f)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->pipe[i].kind >= SIM_PIPE_INDEX_STATS || p->pipe[i].kind == SIM_PIPE_FACET)
            return sim_fail(f, 40600, "%s is not allowed to be used within a %s stage", sim_pipe_name(p->pipe[i].kind), outer);
    return 0;
}

static int check_stages(struct sim_val stages, const char *outer, struct sim_fail *f)
{
    struct sim_pipeline p;
    int rc = sim_pipeline_init(&p, stages, f) || check_inner(&p, outer, f) ? -1 : 0;
    sim_pipeline_release(&p);
    return rc;
}

int sim_facet_check(struct sim_val spec, struct sim_fail *f)
{
    struct sim_elem e;
    if (spec.type != BSON_TYPE_DOCUMENT || sim_is_empty(spec.p))
        return sim_fail(f, 40169, "the $facet specification must be a non-empty object, but found: %s", sim_type_name(spec.type));
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        if (e.v.type != BSON_TYPE_ARRAY)
            return sim_fail(f, 40170, "arguments to $facet must be arrays, %.60s is type %s", e.key, sim_type_name(e.v.type));
        if (check_stages(e.v, "$facet", f))
            return -1;
    }
    return 0;
}

static int copy_docs(const struct sim_docs *from, struct sim_docs *to, struct sim_fail *f)
{
    for (size_t i = 0; i < from->n; i++)
        if (sim_docs_add(to, sim_doc_ref(from->d[i])))
            return sim_fail_nomem(f);
    return 0;
}

static int put_facet(const struct sim_elem *e, const struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows,
                     struct sim_w *w, struct sim_fail *f)
{
    struct sim_pipeline p;
    struct sim_docs own = {0};
    int rc = sim_pipeline_init(&p, e->v, f) || copy_docs(docs, &own, f) || sim_pipeline_run(&p, 0, &own, rng, foreign, rows, f) ? -1 : 0;
    sim_w_array(w, e->key);
    for (size_t i = 0; rc == 0 && i < own.n; i++)
        sim_w_copy(w, NULL, own.d[i]->bson);
    sim_w_end(w);
    sim_docs_release(&own);
    sim_pipeline_release(&p);
    return rc;
}

int sim_facet_run(const struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows, struct sim_fail *f)
{
    struct sim_w w;
    struct sim_elem e;
    int rc = 0;
    sim_w_init(&w);
    for (struct sim_iter it = sim_iter_of(x->spec.p); rc == 0 && sim_next(&it, &e);)
        rc = put_facet(&e, docs, rng, foreign, rows, &w, f);
    const uint8_t *done = rc ? NULL : sim_w_done(&w);
    if (rc == 0 && done && sim_doc_len(done) > SIM_MAX_DOC)
        rc = sim_fail(f, 17419, "document constructed by $facet is %u bytes, which exceeds the limit of %d bytes", sim_doc_len(done), SIM_MAX_DOC);
    sim_docs_release(docs);
    if (rc == 0 && (!done || sim_docs_add(docs, sim_doc_new(done))))
        rc = sim_fail_nomem(f);
    sim_w_release(&w);
    return rc;
}

/* ---- other collections ---- */

int sim_subpipe_ask(struct sim_val stages, const char *from, struct sim_foreign_stats *stats, struct sb_rng *rng, const struct sim_foreign *foreign,
                    struct sim_docs *out, int64_t *rows, struct sim_fail *f)
{
    struct sim_pipeline p = {0};
    if (!foreign)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "another collection cannot be asked here");
    int rc = stages.type ? sim_pipeline_init(&p, stages, f) : 0;
    bool match = rc == 0 && p.n && p.pipe[0].kind == SIM_PIPE_MATCH;
    if (rc == 0)
        rc = foreign->find(foreign->ctx, from, match ? p.pipe[0].spec.p : all, stats, out, f);
    if (rc == 0)
        rc = sim_pipeline_run(&p, match, out, rng, foreign, rows, f);
    sim_pipeline_release(&p);
    return rc;
}

static const char *collection_of(struct sim_val spec)
{
    struct sim_val v = spec.type == BSON_TYPE_DOCUMENT ? sim_find(spec.p, "coll") : spec;
    return sim_is_text(v.type) ? sim_text(v) : "";
}

int sim_union_check(struct sim_val spec, struct sim_fail *f)
{
    struct sim_elem e;
    if (spec.type != BSON_TYPE_DOCUMENT && !sim_is_text(spec.type))
        return sim_fail(f, SIM_FAILED_TO_PARSE, "the $unionWith stage specification must be an object or string, but found %s", sim_type_name(spec.type));
    for (struct sim_iter it = sim_iter_of(spec.p); spec.type == BSON_TYPE_DOCUMENT && sim_next(&it, &e);)
        if (strcmp(e.key, "coll") != 0 && strcmp(e.key, "pipeline") != 0)
            return sim_fail(f, SIM_UNKNOWN_FIELD, "BSON field '$unionWith.%.60s' is an unknown field.", e.key);
    if (!*collection_of(spec))
        return sim_fail(f, SIM_MISSING_FIELD, "BSON field '$unionWith.coll' is missing but a required field");
    struct sim_val stages = spec.type == BSON_TYPE_DOCUMENT ? sim_find(spec.p, "pipeline") : sim_missing;
    return stages.type ? check_stages(stages, "$unionWith", f) : 0;
}

int sim_union_run(struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows, struct sim_fail *f)
{
    struct sim_docs more = {0};
    struct sim_val stages = x->spec.type == BSON_TYPE_DOCUMENT ? sim_find(x->spec.p, "pipeline") : sim_missing;
    int rc = sim_subpipe_ask(stages, collection_of(x->spec), &x->foreign, rng, foreign, &more, rows, f);
    if (rc == 0)
        rc = copy_docs(&more, docs, f);
    sim_docs_release(&more);
    return rc;
}

/* ---- short forms ---- */

static void put_sort(struct sim_w *w, const char *field, int direction)
{
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$sort");
    sim_w_i32(w, field, direction);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_counter(struct sim_w *w)
{
    sim_w_doc(w, "count");
    sim_w_i32(w, "$sum", 1);
    sim_w_end(w);
}

static int sort_by_count(struct sim_val spec, struct sim_w *w, struct sim_fail *f)
{
    bool path = sim_is_text(spec.type) && sim_text(spec)[0] == '$';
    if (!path && spec.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, sim_is_text(spec.type) ? 40148 : 40149, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object");
    sim_w_array(w, "stages");
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$group");
    sim_w_val(w, "_id", spec);
    put_counter(w);
    sim_w_end(w);
    sim_w_end(w);
    put_sort(w, "count", -1);
    sim_w_end(w);
    return 0;
}

static void put_bound(struct sim_w *w, const char *op, struct sim_val by, struct sim_val bound)
{
    sim_w_doc(w, NULL);
    sim_w_array(w, op);
    sim_w_val(w, NULL, by);
    sim_w_doc(w, NULL);
    sim_w_val(w, "$literal", bound);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
}

/* Which bucket: a $switch over the boundaries. */
static void put_bucket(struct sim_w *w, struct sim_val by, struct sim_val boundaries, struct sim_val otherwise)
{
    struct sim_val last = sim_missing;
    struct sim_elem e;
    sim_w_doc(w, "_id");
    sim_w_doc(w, "$switch");
    sim_w_array(w, "branches");
    for (struct sim_iter it = sim_iter_of(boundaries.p); sim_next(&it, &e); last = e.v) {
        if (!last.type)
            continue;
        sim_w_doc(w, NULL);
        sim_w_doc(w, "case");
        sim_w_array(w, "$and");
        put_bound(w, "$gte", by, last);
        put_bound(w, "$lt", by, e.v);
        sim_w_end(w);
        sim_w_end(w);
        sim_w_doc(w, "then");
        sim_w_val(w, "$literal", last);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
    if (otherwise.type) {
        sim_w_doc(w, "default");
        sim_w_val(w, "$literal", otherwise);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_end(w);
}

static int bucket(struct sim_val spec, struct sim_w *w, struct sim_fail *f)
{
    static const char *const known[] = {"groupBy", "boundaries", "default", "output"};
    struct sim_elem e;
    struct sim_val last = sim_missing;
    if (spec.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 40201, "Argument to $bucket stage must be an object, but found type: %s.", sim_type_name(spec.type));
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(known) && strcmp(known[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(known))
            return sim_fail(f, 40197, "Unrecognized option to $bucket: %.60s.", e.key);
    }
    struct sim_val by = sim_find(spec.p, "groupBy"), boundaries = sim_find(spec.p, "boundaries"), output = sim_find(spec.p, "output");
    if (!by.type || !boundaries.type)
        return sim_fail(f, 40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.");
    if (!(sim_is_text(by.type) && sim_text(by)[0] == '$') && by.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 40202, "The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression.");
    if (boundaries.type != BSON_TYPE_ARRAY || sim_count(boundaries.p) < 2)
        return sim_fail(f, boundaries.type == BSON_TYPE_ARRAY ? 40192 : 40200, "The $bucket 'boundaries' field must be an array of at least 2 values.");
    for (struct sim_iter it = sim_iter_of(boundaries.p); sim_next(&it, &e); last = e.v)
        if (last.type && sim_compare(last, e.v) >= 0)
            return sim_fail(f, 40194, "The 'boundaries' option to $bucket must be sorted, but elements are not in ascending order.");
    sim_w_array(w, "stages");
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$group");
    put_bucket(w, by, boundaries, sim_find(spec.p, "default"));
    for (struct sim_iter it = sim_iter_of(output.p); output.type == BSON_TYPE_DOCUMENT && sim_next(&it, &e);)
        sim_w_val(w, e.key, e.v);
    if (!output.type)
        put_counter(w);
    sim_w_end(w);
    sim_w_end(w);
    put_sort(w, "_id", 1);
    sim_w_end(w);
    return 0;
}

int sim_short_for(const char *name, struct sim_val spec, struct sim_w *w, struct sim_fail *f)
{
    if (strcmp(name, "$sortByCount") == 0)
        return sort_by_count(spec, w, f) ? -1 : 1;
    if (strcmp(name, "$bucket") == 0)
        return bucket(spec, w, f) ? -1 : 1;
    return 0;
}
