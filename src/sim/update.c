/* SPDX-License-Identifier: Apache-2.0 */
#include "update_ops.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/pipeline.h>
#include <signalbox/sim/text.h>

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum sim_update_op op;
} operators[] = {
    {"$set", OP_SET}, {"$unset", OP_UNSET}, {"$inc", OP_INC}, {"$mul", OP_MUL}, {"$min", OP_MIN}, {"$max", OP_MAX},
    {"$currentDate", OP_CURRENT_DATE}, {"$setOnInsert", OP_SET_ON_INSERT}, {"$push", OP_PUSH}, {"$addToSet", OP_ADD_TO_SET},
    {"$pull", OP_PULL}, {"$pullAll", OP_PULL_ALL}, {"$pop", OP_POP}, {"$bit", OP_BIT}, {"$rename", OP_RENAME},
};

struct sim_update {
    struct sim_doc *source;
    bool replacement, positional, by_pipeline;
    struct sim_pipeline pipeline;
    struct sim_array_filters filters;
    struct sim_mod *mod;
    size_t n, cap;
};

void sim_update_free(struct sim_update *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n; i++)
        sim_filter_free(u->mod[i].pull);
    free(u->mod);
    sim_array_filters_release(&u->filters);
    sim_pipeline_release(&u->pipeline);
    sim_doc_unref(u->source);
    free(u);
}

bool sim_update_is_positional(const struct sim_update *u)
{
    return u->positional;
}

bool sim_update_is_replacement(const struct sim_update *u)
{
    return u->replacement;
}

/* ---- parsing ---- */

/* Where the `$` of a path is, or NULL. */
static const char *positional(const char *path)
{
    for (const char *p = strstr(path, ".$"); p; p = strstr(p + 1, ".$"))
        if (p[2] == '.' || p[2] == '\0')
            return p + 1;
    return NULL;
}

/* but: an operator that is passed over */
static int check_conflict_but(const struct sim_update *u, const char *path, size_t but, struct sim_fail *f)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < 2 * u->n; i++) {
        const struct sim_mod *mod = &u->mod[i / 2];
        if (i / 2 == but || (i % 2 && mod->op != OP_RENAME))
            continue;
        const char *other = i % 2 ? sim_text(mod->v) : mod->path;
        size_t m = strlen(other), least = n < m ? n : m;
        if (memcmp(path, other, least) == 0 && (n == m || (n > m ? path[m] : other[n]) == '.'))
            return sim_fail(f, SIM_CONFLICTING_UPDATE, "Updating the path '%.200s' would create a conflict at '%.*s'", path, (int)least, path);
    }
    return 0;
}

static int check_conflict(const struct sim_update *u, const char *path, struct sim_fail *f)
{
    return check_conflict_but(u, path, SIZE_MAX, f);
}

static int check_path(const char *path, struct sim_fail *f)
{
    size_t n = strlen(path);
    if (n == 0)
        return sim_fail(f, 56, "An empty update path is not valid.");
    if (path[0] == '.' || path[n - 1] == '.' || strstr(path, ".."))
        return sim_fail(f, 56, "The update path '%.200s' contains an empty field name, which is not allowed.", path);
    if (path[0] == '$')
        return strchr(path, '.') || path[1] == '\0'
                   ? sim_fail(f, SIM_BAD_VALUE, "Cannot have positional (i.e. '$') element in the first position in path '%.200s'", path)
                   : sim_fail(f, SIM_DOLLAR_PREFIXED, "The dollar ($) prefixed field '%.200s' in '%.200s' is not allowed in the context of an update's "
                                                      "replacement document. Consider using an aggregation pipeline with $replaceWith.", path, path);
    const char *dollar = positional(path);
    if (dollar && positional(dollar + 1))
        return sim_fail(f, SIM_BAD_VALUE, "Too many positional (i.e. '$') elements found in path '%.200s'", path);
    return 0;
}

static int add_mod(struct sim_update *u, enum sim_update_op op, const struct sim_elem *e, struct sim_fail *f)
{
    if (check_path(e->key, f) || check_conflict(u, e->key, f) || sim_array_filters_use(&u->filters, e->key, f))
        return -1;
    if (op == OP_RENAME && strstr(e->key, ".$["))
        return sim_fail(f, SIM_BAD_VALUE, "The source field for $rename may not be dynamic: %.200s", e->key);
    if (SB_GROW(u->mod, u->cap, u->n + 1))
        return sim_fail_nomem(f);
    struct sim_mod *m = &u->mod[u->n];
    *m = (struct sim_mod){op, e->key, e->v, NULL, false};
    if (sim_update_check(m, f))
        return -1;
    u->n++;
    u->positional = u->positional || positional(e->key);
    if (op == OP_RENAME)
        return check_path(sim_text(e->v), f) || check_conflict_but(u, sim_text(e->v), u->n - 1, f) ? -1 : 0;
    return 0;
}

/* New fields come in the order of their names, whatever the order of the operators; elements in that of their numbers. */
static int by_path(const void *a, const void *b)
{
    const char *p = ((const struct sim_mod *)a)->path, *q = ((const struct sim_mod *)b)->path;
    for (;;) {
        size_t n = strcspn(p, "."), m = strcspn(q, ".");
        bool digits = strspn(p, "0123456789") == n && strspn(q, "0123456789") == m;
        int c = digits && n != m ? (n < m ? -1 : 1) : memcmp(p, q, n < m ? n : m);
        if (c)
            return c;
        if (n != m)
            return n < m ? -1 : 1;
        if (!p[n] || !q[m])
            return (p[n] != 0) - (q[m] != 0);
        p += n + 1;
        q += m + 1;
    }
}

static int parse_operator(struct sim_update *u, const struct sim_elem *e, struct sim_fail *f)
{
    size_t i = 0;
    while (i < SB_COUNT(operators) && strcmp(operators[i].name, e->key) != 0)
        i++;
    if (i == SB_COUNT(operators))
        return sim_fail(f, SIM_FAILED_TO_PARSE,
                        "Unknown modifier: %.200s. Expected a valid update modifier or pipeline-style update specified as an array", e->key);
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

static int parse_pipeline(struct sim_update *u, struct sim_fail *f)
{
    struct sim_val stages = sim_find(u->source->bson, "u");
    return sim_pipeline_init(&u->pipeline, stages, f) || sim_pipeline_check_update(&u->pipeline, f) ? -1 : 0;
}

static int parse_document(struct sim_update *u, bool multi, struct sim_fail *f)
{
    struct sim_iter it = sim_iter_of(u->source->bson);
    struct sim_elem e;
    u->replacement = sim_is_empty(u->source->bson) || u->source->bson[5] != '$';
    if (u->replacement && multi)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "multi update is not supported for replacement-style update");
    while (sim_next(&it, &e)) {
        if (!u->replacement && parse_operator(u, &e, f))
            return -1;
        if (u->replacement && e.key[0] == '$')
            return sim_fail(f, SIM_DOLLAR_PREFIXED, "The dollar ($) prefixed field '%.200s' in '%.200s' is not allowed in the context of an update's "
                                                    "replacement document. Consider using an aggregation pipeline with $replaceWith.", e.key, e.key);
    }
    if (u->n)
        qsort(u->mod, u->n, sizeof *u->mod, by_path);
    return sim_array_filters_all_used(&u->filters, f);
}

/* A copy to borrow from; a pipeline's is the field u of it. */
static struct sim_doc *own_source(struct sim_val v)
{
    struct sim_w w;
    if (v.type == BSON_TYPE_DOCUMENT)
        return sim_doc_new(v.p);
    sim_w_init(&w);
    sim_w_val(&w, "u", v);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

struct sim_update *sim_update_new(struct sim_val v, struct sim_val filters, bool multi, struct sim_fail *f)
{
    if (v.type != BSON_TYPE_DOCUMENT && v.type != BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "Update argument must be either an object or an array"), NULL;
    if (v.type == BSON_TYPE_ARRAY && filters.type)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "arrayFilters may not be specified for pipeline-syle updates"), NULL;
    struct sim_update *u = calloc(1, sizeof *u);
    if (!u || !(u->source = own_source(v))) {
        free(u);
        sim_fail_nomem(f);
        return NULL;
    }
    u->by_pipeline = v.type == BSON_TYPE_ARRAY;
    if (sim_array_filters_init(&u->filters, filters, f) || (u->by_pipeline ? parse_pipeline(u, f) : parse_document(u, multi, f))) {
        sim_update_free(u);
        return NULL;
    }
    return u;
}

/* ---- the path to it ---- */

static bool creates(enum sim_update_op op)
{
    return op != OP_UNSET && op != OP_PULL && op != OP_PULL_ALL && op != OP_POP;
}

/* The rest of the path as new nested documents. */
static int create(struct sim_apply *a, const char *path)
{
    size_t n = strcspn(path, ".");
    if (!path[n])
        return sim_update_change(a, path, n, sim_missing);
    sim_w_doc_n(a->w, path, n);
    int rc = create(a, path + n + 1);
    sim_w_end(a->w);
    return rc;
}

static bool is_number(const char *path)
{
    size_t n = strcspn(path, ".");
    return n && strspn(path, "0123456789") == n;
}

/* Cannot create field 'x' in element {a: 1} */
static int not_viable(struct sim_apply *a, const struct sim_elem *e, const char *rest)
{
    struct sb_str text;
    sb_str_init(&text);
    sim_shell_val(&text, e->v);
    sim_fail(a->f, SIM_PATH_NOT_VIABLE, "Cannot create field '%.*s' in element {%s: %.200s}", (int)strcspn(rest, "."), rest, e->key, text.p);
    sb_str_release(&text);
    return -1;
}

static int rewrite(struct sim_apply *a, const uint8_t *doc, bool array, const char *path, unsigned depth)
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
            rc = sim_update_change(a, e.key, e.key_n, e.v);
        } else if (e.v.type == BSON_TYPE_ARRAY && creates(a->m->op) && !is_number(path + n + 1)) {
            rc = not_viable(a, &e, path + n + 1);
        } else if (sim_is_doc(e.v.type)) {
            if (e.v.type == BSON_TYPE_ARRAY)
                sim_w_array_n(a->w, e.key, e.key_n);
            else
                sim_w_doc_n(a->w, e.key, e.key_n);
            rc = rewrite(a, e.v.p, e.v.type == BSON_TYPE_ARRAY, path + n + 1, depth + 1);
            sim_w_end(a->w);
        } else if (creates(a->m->op)) {
            rc = not_viable(a, &e, path + n + 1);
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
            if (at > 1500000) /* only digits come here */
                return sim_fail(a->f, SIM_BAD_VALUE, "can't backfill more than 1500000 elements");
            at = at * 10 + (size_t)(path[i] - '0');
        }
        if (at > count + 1500000)
            return sim_fail(a->f, SIM_BAD_VALUE, "can't backfill more than 1500000 elements");
        for (size_t i = count; i < at; i++) { /* a gap is filled with nulls */
            char key[24];
            snprintf(key, sizeof key, "%zu", i);
            sim_w_null(a->w, key);
        }
    }
    return create(a, path);
}

/* Two buffers take turns: a pass reads what the one before wrote. */
struct passes {
    struct sim_w w[2];
    int turn;
    const uint8_t *doc; /* as it is by now */
    bool changed;
};

static int pass(struct passes *p, const struct sim_mod *m, const char *path, const uint8_t *old, const struct sim_update_clock *clock, struct sim_fail *f)
{
    struct sim_w *to = &p->w[p->turn];
    struct sim_apply a = {m, old, clock, to, f, false};
    sim_w_clear(to);
    if (rewrite(&a, p->doc, false, path, 0))
        return -1;
    if (!(p->doc = sim_w_done(to)))
        return sim_fail_nomem(f);
    p->changed = p->changed || a.changed;
    p->turn = !p->turn;
    return 0;
}

/* -1 when the path leads through an array, which $rename does not follow. */
static int through_array(const uint8_t *doc, const char *path, const char *which, struct sim_fail *f)
{
    struct sim_val v = sim_val_doc(doc);
    for (const char *at = path; v.type == BSON_TYPE_DOCUMENT; at += strcspn(at, ".") + 1) {
        size_t n = strcspn(at, ".");
        v = sim_find_n(v.p, at, n);
        if (!at[n])
            return 0;
        if (v.type == BSON_TYPE_ARRAY) {
            struct sb_str id;
            sb_str_init(&id);
            sim_shell_val(&id, sim_find(doc, "_id"));
            sim_fail(f, SIM_BAD_VALUE, "The %s field cannot be an array element, '%.200s' in doc with _id: %.100s has an array field called '%.*s'", which, path,
                     id.p, (int)n, at);
            sb_str_release(&id);
            return -1;
        }
    }
    return 0;
}

static int apply_rename(struct passes *p, const struct sim_mod *m, const uint8_t *old, const struct sim_update_clock *clock, struct sim_fail *f)
{
    const char *to = sim_text(m->v);
    if (through_array(p->doc, m->path, "source", f) || through_array(p->doc, to, "destination", f))
        return -1;
    struct sim_val v = sim_path(p->doc, m->path);
    if (!v.type)
        return 0;
    uint8_t *copy = malloc(v.n ? v.n : 1); /* the passes write over what it lies in */
    if (!copy)
        return sim_fail_nomem(f);
    memcpy(copy, v.p, v.n);
    struct sim_mod unset = {OP_UNSET, m->path, m->v, NULL, false}, set = {OP_SET, to, {v.type, v.n, copy}, NULL, false};
    int rc = pass(p, &unset, m->path, old, clock, f) || pass(p, &set, to, old, clock, f) ? -1 : 0;
    free(copy);
    return rc;
}

/* The path with the number of the element that the query matched. */
static int apply_positional(struct passes *p, const struct sim_mod *m, const uint8_t *old, const struct sim_update_clock *clock, struct sim_fail *f)
{
    const char *dollar = positional(m->path);
    struct sb_str path;
    if (clock->element < 0)
        return sim_fail(f, SIM_BAD_VALUE, "The positional operator did not find the match needed from the query.");
    sb_str_init(&path);
    sb_str_add(&path, m->path, (size_t)(dollar - m->path));
    sb_str_addf(&path, "%lld%s", (long long)clock->element, dollar + 1);
    int rc = sb_str_ok(&path) ? pass(p, m, path.p, old, clock, f) : sim_fail_nomem(f);
    sb_str_release(&path);
    return rc;
}

/* The path once for each element that it means. */
static int apply_elements(const struct sim_update *u, struct passes *p, const struct sim_mod *m, const uint8_t *old, const struct sim_update_clock *clock,
                          struct sim_fail *f)
{
    struct sb_str paths;
    sb_str_init(&paths);
    int rc = sim_array_paths(&u->filters, p->doc, m->path, &paths, f);
    for (size_t at = 0; rc == 0 && at < paths.len; at += strlen(paths.p + at) + 1)
        rc = pass(p, m, paths.p + at, old, clock, f);
    sb_str_release(&paths);
    return rc;
}

static int apply_mods(const struct sim_update *u, const uint8_t *old, bool inserting, const struct sim_update_clock *clock, struct passes *p,
                      struct sim_fail *f)
{
    int rc = 0;
    p->doc = old;
    for (size_t i = 0; rc == 0 && i < u->n; i++) {
        const struct sim_mod *m = &u->mod[i];
        if (m->op == OP_SET_ON_INSERT && !inserting)
            continue;
        if (m->op == OP_RENAME)
            rc = apply_rename(p, m, old, clock, f);
        else if (strstr(m->path, ".$["))
            rc = apply_elements(u, p, m, old, clock, f);
        else if (positional(m->path))
            rc = apply_positional(p, m, old, clock, f);
        else
            rc = pass(p, m, m->path, old, clock, f);
    }
    return rc;
}

static int replace(const uint8_t *by, const uint8_t *old, struct sim_w *w, const uint8_t **result, struct sim_fail *f)
{
    struct sim_val id = sim_find(old, "_id"), own = sim_find(by, "_id");
    struct sim_iter it = sim_iter_of(by);
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

static int run_pipeline(const struct sim_update *u, const uint8_t *old, struct sim_w *w, const uint8_t **result, struct sim_fail *f)
{
    struct sim_pipeline stages = u->pipeline; /* its statistics are nobody's */
    struct sim_docs docs = {0};
    struct sb_rng unused = {0};
    int64_t rows = 0;
    int rc = sim_docs_add(&docs, sim_doc_new(old)) ? sim_fail_nomem(f) : sim_pipeline_run(&stages, 0, &docs, &unused, NULL, &rows, f);
    if (rc == 0)
        rc = replace(docs.d[0]->bson, old, w, result, f);
    sim_docs_release(&docs);
    return rc;
}

int sim_update_apply(const struct sim_update *u, const uint8_t *old, bool inserting, const struct sim_update_clock *clock,
                     struct sim_doc **out, struct sim_fail *f)
{
    struct passes p = {.changed = inserting};
    int rc;
    sim_w_init(&p.w[0]);
    sim_w_init(&p.w[1]);
    if (u->replacement || u->by_pipeline) {
        rc = u->by_pipeline ? run_pipeline(u, old, &p.w[0], &p.doc, f) : replace(u->source->bson, old, &p.w[0], &p.doc, f);
        p.changed = p.changed || (rc == 0 && (sim_doc_len(p.doc) != sim_doc_len(old) || memcmp(p.doc, old, sim_doc_len(old)) != 0));
    } else {
        rc = apply_mods(u, old, inserting, clock, &p, f);
        if (rc == 0 && p.changed && sim_find(old, "_id").type && !sim_identical(sim_find(old, "_id"), sim_find(p.doc, "_id")))
            rc = sim_fail(f, SIM_IMMUTABLE_FIELD, "Performing an update on the path '_id' would modify the immutable field '_id'");
    }
    if (rc == 0 && sim_doc_len(p.doc) > SIM_MAX_DOC)
        rc = sim_fail(f, 17419, "Resulting document after update is larger than %d", SIM_MAX_DOC);
    if (rc == 0 && p.changed && !sim_valid(p.doc, sim_doc_len(p.doc)))
        rc = sim_fail(f, 15, "the document would be nested too deeply");
    if (rc == 0 && p.changed && !(*out = sim_doc_new(p.doc)))
        rc = sim_fail_nomem(f);
    sim_w_release(&p.w[0]);
    sim_w_release(&p.w[1]);
    return rc ? -1 : p.changed;
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
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->mod[i].path, e->path) == 0)
            return sim_fail(f, 54, "cannot infer query fields to set, path '%.200s' is matched twice", e->path);
    u->mod[u->n++] = (struct sim_mod){OP_SET, e->path, e->v, NULL, false};
    return 0;
}

struct sim_doc *sim_upsert_base(const struct sim_expr *filter, struct sim_fail *f)
{
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    static const struct sim_update_clock clock = {0, 0, -1};
    struct sim_update u = {0};
    struct sim_doc *out = NULL;
    if (base_fields(&u, filter, f) == 0)
        sim_update_apply(&u, empty, true, &clock, &out, f);
    free(u.mod);
    return out;
}
