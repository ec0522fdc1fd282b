/* SPDX-License-Identifier: Apache-2.0 */
#include "bind.h"
#include "lookup.h"
#include "subpipe.h"

#include <signalbox/sim/fail.h>

#include <string.h>

static const char *const parts[] = {"from", "as", "localField", "foreignField"}; /* texts; let and pipeline beside them */

static const char *part(struct sim_val spec, const char *name)
{
    return sim_text(sim_find(spec.p, name));
}

/* A part of a path that may mean an element of an array. */
static bool has_number(const char *path)
{
    for (const char *p = path; *p; p += strcspn(p, "."), p += *p == '.')
        if (strspn(p, "0123456789") == strcspn(p, ".") && *p != '.')
            return true;
    return false;
}

/* With nothing in its variables: what is wrong in it is told before a document comes by. */
static int check_pipeline(struct sim_val spec, struct sim_fail *f)
{
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    struct sim_binding b[SIM_BINDINGS];
    struct sim_pipeline p = {0};
    struct sim_w values, bound;
    size_t n;
    sim_w_init(&values);
    sim_w_init(&bound);
    int rc = sim_bind_let(sim_find(spec.p, "let"), empty, &values, b, &n, f);
    if (rc == 0) {
        for (size_t i = 0; i < n; i++)
            b[i].v = sim_null;
        sim_bind(sim_find(spec.p, "pipeline"), b, n, &bound, "p");
        const uint8_t *done = sim_w_done(&bound);
        rc = done ? sim_pipeline_init(&p, sim_find(done, "p"), f) : sim_fail_nomem(f);
    }
    for (size_t i = 0; rc == 0 && i < p.n; i++)
        if (p.pipe[i].kind >= SIM_PIPE_INDEX_STATS)
            rc = sim_fail(f, 51047, "%s is not allowed within a $lookup's sub-pipeline", sim_pipe_name(p.pipe[i].kind));
    sim_pipeline_release(&p);
    sim_w_release(&values);
    sim_w_release(&bound);
    return rc;
}

int sim_lookup_check(struct sim_val spec, struct sim_fail *f)
{
    struct sim_elem e;
    if (spec.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "the $lookup stage specification must be an object, but found %s", sim_type_name(spec.type));
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        size_t i = 0;
        if (strcmp(e.key, "pipeline") == 0 || strcmp(e.key, "let") == 0)
            continue;
        while (i < SB_COUNT(parts) && strcmp(parts[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(parts))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "unknown argument to $lookup: %.100s", e.key);
        if (!sim_is_text(e.v.type))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "$lookup argument '%.100s' must be a string, found type %s", e.key, sim_type_name(e.v.type));
    }
    for (size_t i = 0; i < 2; i++)
        if (!sim_find(spec.p, parts[i]).type)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "must specify '%s' field for a $lookup", parts[i]);
    if (sim_find(spec.p, "pipeline").type) {
        if (check_pipeline(spec, f))
            return -1;
        if (!sim_find(spec.p, "localField").type && !sim_find(spec.p, "foreignField").type)
            return 0;
    } else if (sim_find(spec.p, "let").type) {
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$lookup with a 'let' argument must also specify 'pipeline'");
    }
    if (!sim_find(spec.p, "localField").type || !sim_find(spec.p, "foreignField").type)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified");
    if (!*part(spec, "from") || !*part(spec, "as") || !*part(spec, "localField") || !*part(spec, "foreignField"))
        return sim_fail(f, 40352, "FieldPath cannot be constructed with empty string");
    if (part(spec, "as")[0] == '$' || part(spec, "localField")[0] == '$' || part(spec, "foreignField")[0] == '$')
        return sim_fail(f, 16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.");
    if (strchr(part(spec, "as"), '.'))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "$lookup into a dotted path is not simulated");
    if (has_number(part(spec, "localField")))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "$lookup by an element of an array is not simulated");
    return 0;
}

/* ---- the question of one document ---- */

struct values {
    struct sim_w *w;
    size_t n;
    bool has_regex;
};

static void take(struct values *x, struct sim_val v)
{
    sim_w_val(x->w, NULL, v);
    x->n++;
    x->has_regex = x->has_regex || v.type == BSON_TYPE_REGEX;
}

/* All values at a path: of every document of an array on the way, every element of one at its end. */
static void visit(struct values *x, const uint8_t *doc, const char *path, unsigned depth)
{
    size_t n = strcspn(path, ".");
    struct sim_val v = sim_find_n(doc, path, n);
    struct sim_elem e;
    if (!path[n]) {
        for (struct sim_iter it = sim_iter_of(v.p); v.type == BSON_TYPE_ARRAY && sim_next(&it, &e);)
            take(x, e.v);
        if (v.type && v.type != BSON_TYPE_ARRAY)
            take(x, v);
        return;
    }
    if (depth == 0)
        return;
    if (v.type == BSON_TYPE_DOCUMENT)
        visit(x, v.p, path + n + 1, depth - 1);
    for (struct sim_iter it = sim_iter_of(v.p); v.type == BSON_TYPE_ARRAY && sim_next(&it, &e);)
        if (e.v.type == BSON_TYPE_DOCUMENT)
            visit(x, e.v.p, path + n + 1, depth - 1);
}

static void put_equal(struct sim_w *w, const char *field, struct sim_val v)
{
    sim_w_doc(w, field);
    sim_w_val(w, "$eq", v);
    sim_w_end(w);
}

/* One value: {field: {$eq: v}}; several: {field: {$in: [..]}}, and with a pattern among them, which $in would apply, one
 * {$eq: v} for each. What is missing is asked for as null. */
static const uint8_t *question(struct sim_val spec, const uint8_t *doc, struct sim_w *list, struct sim_w *out)
{
    static const struct sim_val null = {BSON_TYPE_NULL, 0, (const uint8_t *)""};
    const char *field = part(spec, "foreignField");
    struct values x = {.w = list};
    struct sim_elem e;
    sim_w_clear(list);
    sim_w_array(list, "v");
    visit(&x, doc, part(spec, "localField"), SIM_MAX_DEPTH);
    sim_w_end(list);
    const uint8_t *done = sim_w_done(list);
    if (!done)
        return NULL;
    struct sim_iter it = sim_iter_of(sim_find(done, "v").p);
    sim_w_clear(out);
    if (x.n <= 1) {
        put_equal(out, field, sim_next(&it, &e) ? e.v : null);
    } else if (!x.has_regex) {
        sim_w_doc(out, field);
        sim_w_val(out, "$in", sim_find(done, "v"));
        sim_w_end(out);
    } else {
        sim_w_array(out, "$or");
        while (sim_next(&it, &e)) {
            sim_w_doc(out, NULL);
            put_equal(out, field, e.v);
            sim_w_end(out);
        }
        sim_w_end(out);
    }
    return sim_w_done(out);
}

/* ---- running ---- */

static void put_found(struct sim_w *w, const char *as, const struct sim_docs *found)
{
    sim_w_array(w, as);
    for (size_t i = 0; i < found->n; i++)
        sim_w_copy(w, NULL, found->d[i]->bson);
    sim_w_end(w);
}

/* A field of that name keeps its place. */
static struct sim_doc *joined(const uint8_t *doc, const char *as, const struct sim_docs *found)
{
    struct sim_w w;
    struct sim_elem e;
    sim_w_init(&w);
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
        if (strcmp(e.key, as) == 0)
            put_found(&w, as, found);
        else
            sim_w_val_n(&w, e.key, e.key_n, e.v);
    if (!sim_find(doc, as).type)
        put_found(&w, as, found);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static int too_large(struct sim_val spec, const struct sim_docs *found, struct sim_fail *f)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < found->n; i++)
        bytes += sim_doc_len(found->d[i]->bson);
    if (bytes <= UINT64_C(100) << 20)
        return 0;
    return sim_fail(f, 4568, "Total size of documents in %.200s matching pipeline's $lookup stage exceeds 104857600 bytes", part(spec, "from"));
}

/* The pipeline for one document, after the question by equality, if there is one. */
static int ask_pipeline(struct sim_pipe *x, const struct sim_foreign *ask, const uint8_t *doc, const uint8_t *equal, struct sim_docs *found,
                        struct sb_rng *rng, int64_t *rows, struct sim_fail *f)
{
    struct sim_binding b[SIM_BINDINGS];
    struct sim_w values, bound;
    struct sim_elem e;
    size_t n;
    sim_w_init(&values);
    sim_w_init(&bound);
    int rc = sim_bind_let(sim_find(x->spec.p, "let"), doc, &values, b, &n, f);
    if (rc == 0) {
        sim_w_array(&bound, "p");
        if (equal) {
            sim_w_doc(&bound, NULL);
            sim_w_copy(&bound, "$match", equal);
            sim_w_end(&bound);
        }
        for (struct sim_iter it = sim_iter_of(sim_find(x->spec.p, "pipeline").p); sim_next(&it, &e);)
            sim_bind(e.v, b, n, &bound, NULL);
        sim_w_end(&bound);
        const uint8_t *done = sim_w_done(&bound);
        rc = done ? sim_subpipe_ask(sim_find(done, "p"), part(x->spec, "from"), &x->foreign, rng, ask, found, rows, f) : sim_fail_nomem(f);
    }
    sim_w_release(&values);
    sim_w_release(&bound);
    return rc;
}

int sim_lookup_run(struct sim_pipe *x, const struct sim_foreign *ask, struct sim_docs *docs, struct sb_rng *rng, int64_t *rows, struct sim_fail *f)
{
    bool by_field = sim_find(x->spec.p, "localField").type, by_pipeline = sim_find(x->spec.p, "pipeline").type;
    struct sim_w list, filter;
    int rc = 0;
    if (!ask)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "$lookup is not simulated here");
    sim_w_init(&list);
    sim_w_init(&filter);
    for (size_t i = 0; rc == 0 && i < docs->n; i++) {
        struct sim_docs found = {0};
        const uint8_t *q = by_field ? question(x->spec, docs->d[i]->bson, &list, &filter) : NULL;
        if (by_field && !q)
            rc = sim_fail_nomem(f);
        else if (by_pipeline)
            rc = ask_pipeline(x, ask, docs->d[i]->bson, q, &found, rng, rows, f);
        else
            rc = ask->find(ask->ctx, part(x->spec, "from"), q, &x->foreign, &found, f);
        if (rc == 0)
            rc = too_large(x->spec, &found, f);
        struct sim_doc *d = rc ? NULL : joined(docs->d[i]->bson, part(x->spec, "as"), &found);
        if (d) {
            sim_doc_unref(docs->d[i]);
            docs->d[i] = d;
        } else if (rc == 0) {
            rc = sim_fail_nomem(f);
        }
        sim_docs_release(&found);
    }
    sim_w_release(&list);
    sim_w_release(&filter);
    return rc;
}

/* ---- explain ---- */

void sim_lookup_show(struct sim_val spec, struct sim_w *w)
{
    sim_w_doc(w, "$lookup");
    for (size_t i = 0; i < SB_COUNT(parts); i++)
        sim_w_val(w, parts[i], sim_find(spec.p, parts[i]));
    sim_w_val(w, "let", sim_find(spec.p, "let"));
    sim_w_val(w, "pipeline", sim_find(spec.p, "pipeline"));
    sim_w_end(w);
}

void sim_lookup_show_stats(const struct sim_pipe *x, struct sim_w *w)
{
    sim_w_i64(w, "totalDocsExamined", x->foreign.docs);
    sim_w_i64(w, "totalKeysExamined", x->foreign.keys);
    sim_w_i64(w, "collectionScans", 2 * x->foreign.scans); /* as the recorded server has it: each is counted twice */
    sim_w_array(w, "indexesUsed");
    for (size_t i = 0; i < x->foreign.indexes_n; i++)
        sim_w_text(w, NULL, x->foreign.index[i]);
    sim_w_end(w);
}
