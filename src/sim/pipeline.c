/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/expr.h>
#include <signalbox/sim/pipeline.h>
#include <signalbox/sim/text.h>

#include "change_stream.h"
#include "group.h"
#include "lookup.h"
#include "subpipe.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[SIM_PIPE_KINDS] = {"$match",  "$group", "$sort",   "$limit",      "$skip",      "$project",    "$addFields",
                                                  "$unwind", "$count", "$sample", "$unset", "$replaceRoot", "$replaceWith", "$lookup", "$facet", "$unionWith",
                                                  "$indexStats", "$collStats", "$currentOp", "$planCacheStats", "$changeStream"};

const char *sim_pipe_name(enum sim_pipe_kind kind)
{
    return names[kind];
}

void sim_docs_release(struct sim_docs *docs)
{
    for (size_t i = 0; i < docs->n; i++)
        sim_doc_unref(docs->d[i]);
    free(docs->d);
    memset(docs, 0, sizeof *docs);
}

int sim_docs_add(struct sim_docs *docs, struct sim_doc *d)
{
    if (!d || SB_GROW(docs->d, docs->cap, docs->n + 1)) {
        sim_doc_unref(d);
        return -1;
    }
    docs->d[docs->n++] = d;
    return 0;
}

/* ---- parsing ---- */

static int kind_of(const char *name, struct sim_fail *f)
{
    static const char *const others[] = {"$bucketAuto", "$geoNear", "$graphLookup", "$listLocalSessions",
                                         "$listSessions", "$redact", "$search",
                                         "$setWindowFields", "$backupCursor", "$documents"};
    if (strcmp(name, "$set") == 0)
        return SIM_PIPE_ADD_FIELDS;
    for (int i = 0; i < SIM_PIPE_KINDS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    if (strcmp(name, "$out") == 0 || strcmp(name, "$merge") == 0)
        return sim_fail(f, 40601, "%s can only be the final stage in the pipeline", name);
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (strcmp(name, others[i]) == 0)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "the stage %s is not simulated", name);
    return sim_fail(f, SIM_INVALID_DOLLAR_STAGE, "Unrecognized pipeline stage name: '%.100s'", name);
}

static int parse_count(struct sim_pipe *x, struct sim_fail *f, bool positive)
{
    if (!sim_is_number(x->spec.type)) {
        struct sb_str text;
        sb_str_init(&text);
        sim_shell_val(&text, x->spec);
        sim_fail(f, x->kind == SIM_PIPE_LIMIT ? 2 : 5107200, "invalid argument to %s stage: Expected a number in: %s: %.200s", names[x->kind], names[x->kind],
                 text.p);
        sb_str_release(&text);
        return -1;
    }
    x->n = sim_int(x->spec, 0);
    if (x->n < 0)
        return sim_fail(f, x->kind == SIM_PIPE_LIMIT ? 2 : 5107200, "invalid argument to %s stage: Expected a non-negative number in: %s: %lld",
                        names[x->kind], names[x->kind], (long long)x->n);
    if (positive && x->n == 0)
        return sim_fail(f, 15958, "the limit must be positive");
    return 0;
}

/* Only flags and nested flags: a projection; else expressions. */
static bool is_plain(const uint8_t *spec, unsigned depth)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(spec); sim_next(&it, &e);) {
        if (e.v.type == BSON_TYPE_DOCUMENT && e.key[0] != '$' && depth < SIM_MAX_DEPTH) {
            if (!is_plain(e.v.p, depth + 1))
                return false;
        } else if ((!sim_is_number(e.v.type) && e.v.type != BSON_TYPE_BOOL) || e.key[0] == '$') {
            return false;
        }
    }
    return true;
}

static int parse_fields(struct sim_pipe *x, struct sim_fail *f)
{
    struct sim_elem e;
    if (x->spec.type != BSON_TYPE_DOCUMENT || sim_is_empty(x->spec.p))
        return x->kind == SIM_PIPE_PROJECT ? sim_fail(f, 51272, "Invalid $project :: caused by :: projection specification must have at least one field")
                                           : sim_fail(f, 40177, "Invalid $addFields :: caused by :: specification must have at least one field");
    if (x->kind == SIM_PIPE_PROJECT && is_plain(x->spec.p, 0)) {
        x->projection = sim_projection_new(x->spec.p, f);
        return x->projection ? 0 : -1;
    }
    for (struct sim_iter it = sim_iter_of(x->spec.p); sim_next(&it, &e);) {
        if (strchr(e.key, '.'))
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "dotted paths beside computed fields are not simulated (%.100s)", e.key);
        if (x->kind == SIM_PIPE_PROJECT && (sim_is_number(e.v.type) || e.v.type == BSON_TYPE_BOOL)) {
            if (!sim_truth(e.v) && strcmp(e.key, "_id") != 0)
                return sim_fail(f, 31254, "Invalid $project :: caused by :: Cannot do exclusion on field %.100s in inclusion projection", e.key);
            continue;
        }
        if (sim_expr_check(e.v, f)) {
            struct sim_elem op;
            struct sim_iter inner = sim_iter_of(e.v.type == BSON_TYPE_DOCUMENT ? e.v.p : x->spec.p);
            if (f->code == 168 && sim_next(&inner, &op))
                return sim_fail(f, 31325, "Invalid %s :: caused by :: Unknown expression %.60s", names[x->kind], op.key);
            return -1;
        }
    }
    return 0;
}

/* The name under which the position goes; NULL none was asked for. */
static const char *index_field(const struct sim_pipe *x)
{
    struct sim_val v = x->spec.type == BSON_TYPE_DOCUMENT ? sim_find(x->spec.p, "includeArrayIndex") : sim_missing;
    return sim_is_text(v.type) ? sim_text(v) : NULL;
}

static int parse_unwind(struct sim_pipe *x, struct sim_fail *f)
{
    struct sim_val path = x->spec.type == BSON_TYPE_DOCUMENT ? sim_find(x->spec.p, "path") : x->spec;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(x->spec.p); x->spec.type == BSON_TYPE_DOCUMENT && sim_next(&it, &e);) {
        bool index = strcmp(e.key, "includeArrayIndex") == 0;
        if (!index && strcmp(e.key, "path") != 0 && strcmp(e.key, "preserveNullAndEmptyArrays") != 0)
            return sim_fail(f, 28811, "unrecognized option to $unwind stage: %.60s", e.key);
        if (index && (!sim_is_text(e.v.type) || !sim_text_n(e.v)))
            return sim_fail(f, 28810, "expected a non-empty string for the includeArrayIndex  option to $unwind stage, got %s", sim_type_name(e.v.type));
    }
    if (index_field(x) && index_field(x)[0] == '$')
        return sim_fail(f, 28822, "includeArrayIndex option to $unwind stage should not be prefixed with a '$': %.100s", index_field(x));
    if (index_field(x) && strchr(index_field(x), '.'))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "an index in a dotted path is not simulated");
    if (!sim_is_text(path.type) || sim_text(path)[0] != '$')
        return sim_fail(f, path.type ? 28818 : 28812, "path option to $unwind stage should be prefixed with a '$': %s", sim_is_text(path.type) ? sim_text(path) : "");
    if (strchr(sim_text(path), '.'))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "$unwind of a dotted path is not simulated");
    return 0;
}

/* A name or a list of names: the projection that leaves them out. */
static int parse_unset(struct sim_pipe *x, struct sim_fail *f)
{
    struct sim_w w;
    struct sim_elem e;
    int rc = 0;
    if (!sim_is_text(x->spec.type) && (x->spec.type != BSON_TYPE_ARRAY || sim_is_empty(x->spec.p)))
        return sim_fail(f, 31002, "$unset specification must be a string or an array");
    sim_w_init(&w);
    if (sim_is_text(x->spec.type))
        sim_w_i32(&w, sim_text(x->spec), 0);
    for (struct sim_iter it = sim_iter_of(x->spec.p); x->spec.type == BSON_TYPE_ARRAY && rc == 0 && sim_next(&it, &e);) {
        if (!sim_is_text(e.v.type))
            rc = sim_fail(f, 31120, "$unset specification must be a string or an array containing only string values");
        else
            sim_w_i32(&w, sim_text(e.v), 0);
    }
    const uint8_t *done = sim_w_done(&w);
    if (rc == 0 && !done)
        rc = sim_fail_nomem(f);
    if (rc == 0 && !(x->projection = sim_projection_new(done, f)))
        rc = -1;
    sim_w_release(&w);
    return rc;
}

static struct sim_val new_root(const struct sim_pipe *x)
{
    return x->kind == SIM_PIPE_REPLACE_ROOT ? sim_find(x->spec.p, "newRoot") : x->spec;
}

static int parse_replace(struct sim_pipe *x, struct sim_fail *f)
{
    struct sim_elem e;
    if (x->kind == SIM_PIPE_REPLACE_ROOT) {
        if (x->spec.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, 40229, "expected an object as specification for $replaceRoot stage, got %s", sim_type_name(x->spec.type));
        for (struct sim_iter it = sim_iter_of(x->spec.p); sim_next(&it, &e);)
            if (strcmp(e.key, "newRoot") != 0)
                return sim_fail(f, SIM_UNKNOWN_FIELD, "BSON field '$replaceRoot.%.100s' is an unknown field.", e.key);
        if (!new_root(x).type)
            return sim_fail(f, SIM_MISSING_FIELD, "BSON field '$replaceRoot.newRoot' is missing but a required field");
    }
    return sim_expr_check(new_root(x), f);
}

int sim_pipeline_check_update(const struct sim_pipeline *p, struct sim_fail *f)
{
    for (size_t i = 0; i < p->n; i++) {
        enum sim_pipe_kind k = p->pipe[i].kind;
        if (k != SIM_PIPE_ADD_FIELDS && k != SIM_PIPE_PROJECT && k != SIM_PIPE_UNSET && k != SIM_PIPE_REPLACE_ROOT && k != SIM_PIPE_REPLACE_WITH)
            return sim_fail(f, SIM_INVALID_OPTIONS, "%s is not allowed to be used within an update", names[k]);
    }
    return 0;
}

static int check_source_options(const struct sim_pipe *x, struct sim_fail *f)
{
    static const char *const options[] = {"allUsers", "idleConnections", "idleCursors", "idleSessions", "localOps", "truncateOps", "backtrace"};
    struct sim_elem e;
    if (x->kind == SIM_PIPE_INDEX_STATS && !sim_is_empty(x->spec.p))
        return sim_fail(f, 28803, "The $indexStats stage specification must be an empty object");
    if (x->kind == SIM_PIPE_PLAN_CACHE_STATS && !sim_is_empty(x->spec.p))
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$planCacheStats parameters object must be empty.");
    for (struct sim_iter it = sim_iter_of(x->spec.p); x->kind == SIM_PIPE_CURRENT_OP && sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(options) && strcmp(options[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(options))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "Unrecognized option '%.60s' in $currentOp stage.", e.key);
        if (e.v.type != BSON_TYPE_BOOL)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "The '%s' parameter of the $currentOp stage must be a boolean value, but found: %s", e.key, sim_type_name(e.v.type));
    }
    return 0;
}

static int parse_stage(struct sim_pipe *x, size_t at, struct sim_fail *f)
{
    switch (x->kind) {
    case SIM_PIPE_MATCH:
        if (x->spec.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, 15959, "the match filter must be an expression in an object");
        x->filter = sim_filter_new(x->spec.p, f);
        return x->filter ? 0 : -1;
    case SIM_PIPE_GROUP:
        return sim_group_check(x->spec, f);
    case SIM_PIPE_SORT:
        if (x->spec.type != BSON_TYPE_DOCUMENT || sim_is_empty(x->spec.p))
            return x->spec.type != BSON_TYPE_DOCUMENT ? sim_fail(f, 15973, "the $sort key specification must be an object")
                                                      : sim_fail(f, 15976, "$sort stage must have at least one sort key");
        return sim_sort_check(x->spec.p, f);
    case SIM_PIPE_LIMIT:
        return parse_count(x, f, true);
    case SIM_PIPE_SKIP:
        return parse_count(x, f, false);
    case SIM_PIPE_PROJECT:
    case SIM_PIPE_ADD_FIELDS:
        return parse_fields(x, f);
    case SIM_PIPE_UNSET:
        return parse_unset(x, f);
    case SIM_PIPE_REPLACE_ROOT:
    case SIM_PIPE_REPLACE_WITH:
        return parse_replace(x, f);
    case SIM_PIPE_UNWIND:
        return parse_unwind(x, f);
    case SIM_PIPE_LOOKUP:
        return sim_lookup_check(x->spec, f);
    case SIM_PIPE_FACET:
        return sim_facet_check(x->spec, f);
    case SIM_PIPE_UNION_WITH:
        return sim_union_check(x->spec, f);
    case SIM_PIPE_COUNT:
        if (!sim_is_text(x->spec.type) || sim_text_n(x->spec) == 0)
            return sim_fail(f, 40156, "the count field must be a non-empty string");
        if (sim_text(x->spec)[0] == '$' || strchr(sim_text(x->spec), '.'))
            return sim_fail(f, 40158, "the count field cannot be a $-prefixed path");
        return 0;
    case SIM_PIPE_SAMPLE:
        x->n = x->spec.type == BSON_TYPE_DOCUMENT ? sim_int(sim_find(x->spec.p, "size"), -1) : -1;
        return x->n < 0 ? sim_fail(f, 28745, "the $sample stage specification must be an object with a positive size") : 0;
    default:
        if (at != 0)
            return sim_fail(f, 40602, "%s is only valid as the first stage in a pipeline.", names[x->kind]);
        if (x->spec.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "%s must take a nested object but found: %s", names[x->kind], sim_type_name(x->spec.type));
        return x->kind == SIM_PIPE_CHANGE_STREAM ? sim_stream_check(x->spec, f) : check_source_options(x, f);
    }
}

static int add_stages(struct sim_pipeline *p, struct sim_val stages, struct sim_fail *f);

/* A stage that is short for others: those, in memory of the pipeline. */
static int add_short(struct sim_pipeline *p, const struct sim_elem *op, struct sim_fail *f)
{
    struct sim_w w;
    struct sim_doc *d = NULL;
    sim_w_init(&w);
    int rc = sim_short_for(op->key, op->v, &w, f);
    const uint8_t *done = rc > 0 ? sim_w_done(&w) : NULL;
    if (rc > 0 && (!done || !(d = sim_doc_new(done)) || sim_docs_add(&p->own, d)))
        rc = sim_fail_nomem(f);
    else if (rc > 0)
        rc = add_stages(p, sim_find(d->bson, "stages"), f) ? -1 : 1;
    sim_w_release(&w);
    return rc;
}

int sim_pipeline_init(struct sim_pipeline *p, struct sim_val stages, struct sim_fail *f)
{
    memset(p, 0, sizeof *p);
    return add_stages(p, stages, f);
}

static int add_stages(struct sim_pipeline *p, struct sim_val stages, struct sim_fail *f)
{
    struct sim_elem e, op;
    if (stages.type != BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_TYPE_MISMATCH, "'pipeline' option must be specified as an array");
    for (struct sim_iter it = sim_iter_of(stages.p); sim_next(&it, &e);) {
        if (e.v.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_TYPE_MISMATCH, "Each element of the 'pipeline' array must be an object");
        struct sim_iter inner = sim_iter_of(e.v.p);
        if (!sim_next(&inner, &op) || sim_count(e.v.p) != 1)
            return sim_fail(f, 40323, "A pipeline stage specification object must contain exactly one field.");
        int several = add_short(p, &op, f);
        if (several < 0)
            return -1;
        if (several)
            continue;
        int kind = kind_of(op.key, f);
        if (kind < 0)
            return -1;
        if (SB_GROW(p->pipe, p->cap, p->n + 1))
            return sim_fail_nomem(f);
        struct sim_pipe *x = &p->pipe[p->n++];
        *x = (struct sim_pipe){.kind = (enum sim_pipe_kind)kind, .spec = op.v};
        if (parse_stage(x, p->n - 1, f))
            return -1;
    }
    return 0;
}

void sim_pipeline_release(struct sim_pipeline *p)
{
    for (size_t i = 0; i < p->n; i++) {
        sim_filter_free(p->pipe[i].filter);
        sim_projection_free(p->pipe[i].projection);
    }
    free(p->pipe);
    sim_docs_release(&p->own);
    memset(p, 0, sizeof *p);
}

/* ---- running ---- */

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    return done ? sim_doc_new(done) : NULL;
}

static void keep_range(struct sim_docs *docs, size_t from, size_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < docs->n; i++)
        if (i >= from && i < to)
            docs->d[kept++] = docs->d[i];
        else
            sim_doc_unref(docs->d[i]);
    docs->n = kept;
}

static int run_match(const struct sim_pipe *x, struct sim_docs *docs, struct sim_fail *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < docs->n; i++)
        if (sim_match(x->filter->root, docs->d[i]->bson))
            docs->d[kept++] = docs->d[i];
        else
            sim_doc_unref(docs->d[i]);
    docs->n = kept;
    const struct sim_fail *why = sim_expr_failed(x->filter->root);
    return why ? sim_fail(f, why->code, "PlanExecutor error during aggregation :: caused by :: %s", why->msg) : 0;
}

static int run_sort(struct sim_pipe *x, struct sim_docs *docs, struct sim_fail *f)
{
    struct sim_sorter *s = sim_sorter_new(x->spec.p, 0);
    int rc = s ? 0 : sim_fail_nomem(f);
    for (size_t i = 0; rc == 0 && i < docs->n; i++)
        rc = sim_sorter_add(s, i, docs->d[i], f);
    if (rc == 0) {
        x->bytes = sim_sorter_bytes(s);
        keep_range(docs, 0, 0);
        sim_sorter_finish(s);
        uint64_t ignored;
        struct sim_doc *d;
        while (sim_sorter_next(s, &ignored, &d))
            docs->d[docs->n++] = d; /* as many as there were */
    }
    sim_sorter_free(s);
    return rc;
}

static bool is_flag(const struct sim_pipe *x, struct sim_val v)
{
    return x->kind == SIM_PIPE_PROJECT && (sim_is_number(v.type) || v.type == BSON_TYPE_BOOL);
}

/* Fields that stay keep their order, a field that $addFields computes anew its place; new ones follow in theirs. */
static int compute(const struct sim_pipe *x, const uint8_t *doc, struct sim_w *w, struct sim_fail *f)
{
    struct sim_elem e;
    bool project = x->kind == SIM_PIPE_PROJECT;
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);) {
        struct sim_val own = sim_find_n(x->spec.p, e.key, e.key_n);
        bool id = e.key_n == 3 && memcmp(e.key, "_id", 3) == 0;
        if (project ? (id && !own.type) || (is_flag(x, own) && sim_truth(own)) : !own.type)
            sim_w_val_n(w, e.key, e.key_n, e.v);
        else if (!project && sim_eval(own, doc, w, e.key, f))
            return -1;
    }
    for (struct sim_iter it = sim_iter_of(x->spec.p); sim_next(&it, &e);)
        if (!is_flag(x, e.v) && (project || !sim_find_n(doc, e.key, e.key_n).type) && sim_eval(e.v, doc, w, e.key, f))
            return -1;
    return 0;
}

static int replace_root(const struct sim_pipe *x, const uint8_t *doc, struct sim_w *w, struct sim_fail *f)
{
    struct sim_w out;
    sim_w_init(&out);
    int rc = sim_eval(new_root(x), doc, &out, "root", f);
    const uint8_t *done = rc ? NULL : sim_w_done(&out);
    struct sim_val root = done ? sim_find(done, "root") : sim_missing;
    if (rc == 0 && !done)
        rc = sim_fail_nomem(f);
    else if (rc == 0 && root.type != BSON_TYPE_DOCUMENT)
        rc = sim_fail(f, 40228, "'newRoot' expression must evaluate to an object, but resulting value was of type: %s",
                      root.type ? sim_type_name(root.type) : "missing");
    if (rc == 0)
        sim_w_all(w, root.p);
    sim_w_release(&out);
    return rc;
}

static int run_fields(const struct sim_pipe *x, struct sim_docs *docs, struct sim_fail *f)
{
    struct sim_w w;
    int rc = 0;
    sim_w_init(&w);
    for (size_t i = 0; rc == 0 && i < docs->n; i++) {
        sim_w_clear(&w);
        if (x->projection)
            sim_project(x->projection, docs->d[i]->bson, &w);
        else if (x->kind == SIM_PIPE_REPLACE_ROOT || x->kind == SIM_PIPE_REPLACE_WITH)
            rc = replace_root(x, docs->d[i]->bson, &w, f);
        else
            rc = compute(x, docs->d[i]->bson, &w, f);
        struct sim_doc *d = rc ? NULL : doc_of(&w);
        if (d) {
            sim_doc_unref(docs->d[i]);
            docs->d[i] = d;
        } else if (rc == 0) {
            rc = sim_fail_nomem(f);
        }
    }
    sim_w_release(&w);
    return rc;
}

/* at: the position in the array, -1 it was none; index NULL: nobody wants to know. */
static struct sim_doc *with_field(const uint8_t *doc, const char *name, struct sim_val v, const char *index, int64_t at)
{
    struct sim_w w;
    struct sim_elem e;
    sim_w_init(&w);
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
        if (!index || strcmp(e.key, index) != 0)
            sim_w_val_n(&w, e.key, e.key_n, strcmp(e.key, name) == 0 ? v : e.v);
    if (index && at >= 0)
        sim_w_i64(&w, index, at);
    else if (index)
        sim_w_null(&w, index);
    struct sim_doc *d = doc_of(&w);
    sim_w_release(&w);
    return d;
}

static int run_unwind(const struct sim_pipe *x, struct sim_docs *docs, struct sim_fail *f)
{
    struct sim_val path = x->spec.type == BSON_TYPE_DOCUMENT ? sim_find(x->spec.p, "path") : x->spec;
    bool keep = x->spec.type == BSON_TYPE_DOCUMENT && sim_truth(sim_find(x->spec.p, "preserveNullAndEmptyArrays"));
    const char *name = sim_text(path) + 1, *index = index_field(x);
    struct sim_docs out = {0};
    struct sim_elem e;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < docs->n; i++) {
        struct sim_val v = sim_find(docs->d[i]->bson, name);
        bool nothing = !v.type || v.type == BSON_TYPE_NULL || (v.type == BSON_TYPE_ARRAY && sim_is_empty(v.p));
        if (v.type != BSON_TYPE_ARRAY || nothing) {
            bool same = !index && v.type != BSON_TYPE_ARRAY;
            if (!nothing || keep)
                rc = sim_docs_add(&out, same ? sim_doc_ref(docs->d[i]) : with_field(docs->d[i]->bson, name, v.type == BSON_TYPE_ARRAY ? sim_missing : v, index, -1));
            continue;
        }
        int64_t at = 0;
        for (struct sim_iter it = sim_iter_of(v.p); rc == 0 && sim_next(&it, &e); at++)
            rc = sim_docs_add(&out, with_field(docs->d[i]->bson, name, e.v, index, at));
    }
    if (rc) {
        sim_docs_release(&out);
        return sim_fail_nomem(f);
    }
    sim_docs_release(docs);
    *docs = out;
    return 0;
}

static int run_count(const struct sim_pipe *x, struct sim_docs *docs, struct sim_fail *f)
{
    struct sim_w w;
    if (docs->n == 0)
        return 0; /* no documents, no count */
    sim_w_init(&w);
    sim_w_int(&w, sim_text(x->spec), (int64_t)docs->n);
    struct sim_doc *d = doc_of(&w);
    sim_w_release(&w);
    keep_range(docs, 0, 0);
    return sim_docs_add(docs, d) ? sim_fail_nomem(f) : 0;
}

/* The first n of a shuffle. */
static void run_sample(const struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng)
{
    size_t n = (size_t)x->n < docs->n ? (size_t)x->n : docs->n;
    for (size_t i = 0; i < n; i++) {
        size_t k = i + (size_t)sb_rng_below(rng, docs->n - i);
        struct sim_doc *t = docs->d[i];
        docs->d[i] = docs->d[k];
        docs->d[k] = t;
    }
    keep_range(docs, 0, n);
}

static int run_stage(struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows, struct sim_fail *f)
{
    switch (x->kind) {
    case SIM_PIPE_MATCH:
        return run_match(x, docs, f);
    case SIM_PIPE_GROUP:
        return sim_group_run(x->spec, docs, &x->bytes, f);
    case SIM_PIPE_SORT:
        return run_sort(x, docs, f);
    case SIM_PIPE_LIMIT:
        keep_range(docs, 0, (size_t)x->n);
        return 0;
    case SIM_PIPE_SKIP:
        keep_range(docs, (size_t)x->n, docs->n);
        return 0;
    case SIM_PIPE_PROJECT:
    case SIM_PIPE_ADD_FIELDS:
    case SIM_PIPE_UNSET:
    case SIM_PIPE_REPLACE_ROOT:
    case SIM_PIPE_REPLACE_WITH:
        return run_fields(x, docs, f);
    case SIM_PIPE_UNWIND:
        return run_unwind(x, docs, f);
    case SIM_PIPE_LOOKUP:
        return sim_lookup_run(x, foreign, docs, rng, rows, f);
    case SIM_PIPE_FACET:
        return sim_facet_run(x, docs, rng, foreign, rows, f);
    case SIM_PIPE_UNION_WITH:
        return sim_union_run(x, docs, rng, foreign, rows, f);
    case SIM_PIPE_COUNT:
        return run_count(x, docs, f);
    case SIM_PIPE_SAMPLE:
        run_sample(x, docs, rng);
        return 0;
    default:
        return 0;
    }
}

int sim_pipeline_run(struct sim_pipeline *p, size_t from, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows,
                     struct sim_fail *f)
{
    for (size_t i = from; i < p->n; i++) {
        *rows += (int64_t)docs->n;
        if (run_stage(&p->pipe[i], docs, rng, foreign, rows, f))
            return -1;
        p->pipe[i].returned = (int64_t)docs->n;
    }
    return 0;
}

/* ---- dependencies ---- */

struct needs {
    struct sim_w *w;
    bool id;
    char seen[32][64];
    size_t n;
};

static bool need(void *ctx, const char *path)
{
    struct needs *x = ctx;
    size_t top = strcspn(path, ".");
    if (strcmp(path, "_id") == 0 || strncmp(path, "_id.", 4) == 0) {
        x->id = true;
        return true;
    }
    if (top >= sizeof x->seen[0] || x->n == SB_COUNT(x->seen))
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (strncmp(x->seen[i], path, top) == 0 && x->seen[i][top] == '\0')
            return true;
    memcpy(x->seen[x->n], path, top);
    x->seen[x->n++][top] = '\0';
    return true;
}

bool sim_pipeline_needs(const struct sim_pipeline *p, size_t from, struct sim_w *w)
{
    struct needs x = {.w = w};
    struct sim_elem e;
    if (from >= p->n || p->pipe[from].kind != SIM_PIPE_GROUP)
        return false; /* other first stages pass fields on that are not named */
    for (struct sim_iter it = sim_iter_of(p->pipe[from].spec.p); sim_next(&it, &e);)
        if (!sim_expr_paths(e.v, need, &x))
            return false;
    if (x.n == 0 && !x.id)
        return false;
    for (size_t i = 0; i < x.n; i++)
        sim_w_i32(w, x.seen[i], 1);
    sim_w_i32(w, "_id", x.id);
    return true;
}

/* ---- explain ---- */

void sim_pipe_show(const struct sim_pipe *x, struct sim_w *w, bool stats)
{
    if (x->kind == SIM_PIPE_GROUP) {
        sim_group_show(x->spec, w);
    } else if (x->kind == SIM_PIPE_SORT) {
        sim_w_doc(w, "$sort");
        sim_w_val(w, "sortKey", x->spec);
        sim_w_end(w);
    } else if (x->kind == SIM_PIPE_LOOKUP) {
        sim_lookup_show(x->spec, w);
    } else if (x->kind == SIM_PIPE_LIMIT || x->kind == SIM_PIPE_SKIP) {
        sim_w_i64(w, names[x->kind], x->n);
    } else {
        sim_w_val(w, names[x->kind], x->spec);
    }
    if (!stats)
        return;
    if (x->kind == SIM_PIPE_GROUP) {
        sim_group_show_memory(x->spec, w, x->bytes);
        sim_w_i64(w, "totalOutputDataSizeBytes", x->bytes);
        sim_w_bool(w, "usedDisk", false);
    } else if (x->kind == SIM_PIPE_SORT) {
        sim_w_i64(w, "totalDataSizeSortedBytesEstimate", x->bytes);
        sim_w_bool(w, "usedDisk", false);
    } else if (x->kind == SIM_PIPE_LOOKUP) {
        sim_lookup_show_stats(x, w);
    }
    sim_w_i64(w, "nReturned", x->returned);
    sim_w_i64(w, "executionTimeMillisEstimate", 0);
}
