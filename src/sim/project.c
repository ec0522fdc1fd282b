/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/match.h>
#include <signalbox/sim/project.h>

#include <stdlib.h>
#include <string.h>

/* A tree of field names; a leaf is a field that is named itself. */
enum node_op { NODE_FLAG, NODE_SLICE, NODE_ELEM };

struct node {
    char *name;
    struct node *sub;
    size_t n, cap;
    enum node_op op;            /* of a leaf */
    bool from_given;            /* $slice: [from, count] */
    int64_t from, count;
    struct sim_filter *filter;  /* $elemMatch: {v: {$elemMatch: ..}} */
};

struct sim_projection {
    struct sim_doc *spec;
    struct node root;
    bool inclusion, id, simple;
    bool works; /* with $slice or $elemMatch: not only with names */
};

static void node_release(struct node *x)
{
    for (size_t i = 0; i < x->n; i++)
        node_release(&x->sub[i]);
    sim_filter_free(x->filter);
    free(x->sub);
    free(x->name);
}

void sim_projection_free(struct sim_projection *p)
{
    if (!p)
        return;
    node_release(&p->root);
    sim_doc_unref(p->spec);
    free(p);
}

static struct node *find_sub(const struct node *x, const char *name, size_t n)
{
    for (size_t i = 0; i < x->n; i++)
        if (strlen(x->sub[i].name) == n && memcmp(x->sub[i].name, name, n) == 0)
            return &x->sub[i];
    return NULL;
}

static int add_path(struct node *x, const char *path, const char *whole, struct node **leaf, struct sim_fail *f)
{
    for (;;) {
        size_t n = strcspn(path, ".");
        bool last = path[n] == '\0';
        struct node *sub = find_sub(x, path, n);
        if (n == 0)
            return sim_fail(f, 40353, "FieldPath must not end with a '.'.");
        if (sub && (last || sub->n == 0))
            return sim_fail(f, last && sub->n == 0 ? 31250 : 31249, "Path collision at %.200s", whole);
        if (!sub) {
            if (SB_GROW(x->sub, x->cap, x->n + 1))
                return sim_fail_nomem(f);
            sub = &x->sub[x->n];
            memset(sub, 0, sizeof *sub);
            if (!(sub->name = sb_strdup_n(path, n)))
                return sim_fail_nomem(f);
            x->n++;
        }
        if (last) {
            *leaf = sub;
            return 0;
        }
        x = sub;
        path += n + 1;
    }
}

struct parse {
    struct sim_projection *p;
    int mode; /* 0 not known yet, 1 inclusion, -1 exclusion */
    struct sim_fail *f;
};

static int parse_fields(struct parse *s, const uint8_t *spec, const char *prefix, unsigned depth);

static int parse_flag(struct parse *s, const char *path, bool include)
{
    if (strcmp(path, "_id") == 0) {
        s->p->id = include;
        return 0;
    }
    int mode = include ? 1 : -1;
    if (s->mode && s->mode != mode)
        return sim_fail(s->f, mode > 0 ? 31253 : 31254, "Cannot do %s on field %.200s in %s projection", mode > 0 ? "inclusion" : "exclusion", path,
                        mode > 0 ? "exclusion" : "inclusion");
    s->mode = mode;
    if (strchr(path, '.'))
        s->p->simple = false;
    if (mode > 0 && strncmp(path, "_id.", 4) == 0)
        s->p->id = false; /* part of it, not all of it */
    struct node *leaf;
    return add_path(&s->p->root, path, path, &leaf, s->f);
}

/* {$slice: count} or {$slice: [from, count]} */
static int parse_slice(struct parse *s, const char *path, struct sim_val v)
{
    struct sim_val from = sim_missing, count = v;
    struct node *leaf;
    if (v.type == BSON_TYPE_ARRAY) {
        from = sim_find(v.p, "0");
        count = sim_find(v.p, "1");
        if (sim_count(v.p) != 2 || !sim_is_number(from.type))
            return sim_fail(s->f, 28724, "First argument to $slice must be an array, but is of type: %s", from.type ? sim_type_name(from.type) : "missing");
        if (!sim_is_number(count.type) || sim_int(count, 0) <= 0)
            return sim_fail(s->f, 28729, "Third argument to $slice must be positive: %lld", (long long)sim_int(count, 0));
    } else if (!sim_is_number(v.type)) {
        return sim_fail(s->f, 28667, "Invalid $slice syntax. The given syntax { $slice: %s } did not match the find() syntax", sim_type_name(v.type));
    }
    if (add_path(&s->p->root, path, path, &leaf, s->f))
        return -1;
    leaf->op = NODE_SLICE;
    leaf->from_given = from.type;
    leaf->from = sim_int(from, 0);
    leaf->count = sim_int(count, 0);
    return 0;
}

static int parse_elem(struct parse *s, const char *path, struct sim_val v)
{
    struct sim_w w;
    struct node *leaf;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(s->f, 31274, "elemMatch: Invalid argument, object required, but got %s", sim_type_name(v.type));
    if (strchr(path, '.'))
        return sim_fail(s->f, 31275, "Cannot use $elemMatch projection on a nested field.");
    if (s->mode < 0)
        return sim_fail(s->f, 31253, "Cannot do inclusion on field %.200s in exclusion projection", path);
    s->mode = 1;
    if (add_path(&s->p->root, path, path, &leaf, s->f))
        return -1;
    leaf->op = NODE_ELEM;
    sim_w_init(&w);
    sim_w_doc(&w, "v");
    sim_w_val(&w, "$elemMatch", v);
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    if (!done)
        sim_fail_nomem(s->f);
    else
        leaf->filter = sim_filter_new(done, s->f);
    sim_w_release(&w);
    return leaf->filter ? 0 : -1;
}

/* 1: it is one of the operators, and in the tree; 0: it is none. */
static int parse_operator(struct parse *s, const char *path, struct sim_val v)
{
    struct sim_elem op;
    struct sim_iter it = sim_iter_of(v.p);
    if (v.type != BSON_TYPE_DOCUMENT || !sim_next(&it, &op) || sim_count(v.p) != 1)
        return 0;
    bool slice = strcmp(op.key, "$slice") == 0;
    if (!slice && strcmp(op.key, "$elemMatch") != 0)
        return 0;
    s->p->simple = false;
    s->p->works = true;
    return (slice ? parse_slice(s, path, op.v) : parse_elem(s, path, op.v)) ? -1 : 1;
}

static int parse_field(struct parse *s, const struct sim_elem *e, const char *prefix, unsigned depth)
{
    struct sb_str path;
    sb_str_init(&path);
    sb_str_addf(&path, "%s%s%s", prefix, prefix[0] ? "." : "", e->key);
    int rc = sb_str_ok(&path) ? parse_operator(s, path.p, e->v) : sim_fail_nomem(s->f);
    if (rc)
        rc = rc < 0 ? -1 : 0;
    else if (e->key[0] == '$')
        rc = sim_fail(s->f, SIM_NOT_IMPLEMENTED, "the projection operator %.60s is not simulated", e->key);
    else if (e->key_n > 1 && strcmp(e->key + e->key_n - 2, ".$") == 0)
        rc = sim_fail(s->f, SIM_NOT_IMPLEMENTED, "positional projection is not simulated");
    else if (sim_is_number(e->v.type) || e->v.type == BSON_TYPE_BOOL)
        rc = parse_flag(s, path.p, sim_truth(e->v));
    else if (e->v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(e->v.p))
        rc = parse_fields(s, e->v.p, path.p, depth + 1);
    else
        rc = sim_fail(s->f, SIM_NOT_IMPLEMENTED, "computed fields in a projection are not simulated (%.100s)", path.p);
    sb_str_release(&path);
    return rc;
}

static int parse_fields(struct parse *s, const uint8_t *spec, const char *prefix, unsigned depth)
{
    struct sim_iter it = sim_iter_of(spec);
    struct sim_elem e;
    if (depth > SIM_MAX_DEPTH)
        return sim_fail(s->f, SIM_BAD_VALUE, "the projection is nested too deeply");
    while (sim_next(&it, &e)) {
        if (depth)
            s->p->simple = false;
        if (parse_field(s, &e, prefix, depth))
            return -1;
    }
    return 0;
}

struct sim_projection *sim_projection_new(const uint8_t *spec, struct sim_fail *f)
{
    if (sim_is_empty(spec))
        return NULL;
    struct sim_projection *p = calloc(1, sizeof *p);
    if (!p || !(p->spec = sim_doc_new(spec))) {
        free(p);
        sim_fail_nomem(f);
        return NULL;
    }
    p->id = true;
    p->simple = true;
    struct parse s = {p, 0, f};
    if (parse_fields(&s, p->spec->bson, "", 0)) {
        sim_projection_free(p);
        return NULL;
    }
    /* {_id: 1} alone includes, {_id: 0} alone excludes */
    p->inclusion = s.mode ? s.mode > 0 : p->id && p->root.n == 0; /* a $slice alone leaves everything else as it is */
    return p;
}

/* Through arrays: each document in one is projected; other elements stay in an exclusion and go in an inclusion. */
static void project_value(const struct node *x, bool inclusion, const struct sim_elem *e, bool named, struct sim_w *w);

static void put_slice(const struct node *x, struct sim_val v, struct sim_w *w)
{
    int64_t n = (int64_t)sim_count(v.p), from = x->from_given ? x->from : x->count < 0 ? x->count : 0, i = 0;
    int64_t count = x->count < 0 ? -x->count : x->count;
    struct sim_elem e;
    if (from < 0)
        from = from + n < 0 ? 0 : from + n;
    sim_w_array(w, x->name);
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e); i++)
        if (i >= from && i - from < count)
            sim_w_val(w, NULL, e.v);
    sim_w_end(w);
}

/* The first element that matches; without one the field is missing. */
static void put_elem(const struct node *x, struct sim_val v, struct sim_w *w)
{
    struct sim_elem e;
    bool found = false;
    for (struct sim_iter it = sim_iter_of(v.p); !found && sim_next(&it, &e);) {
        struct sim_w one;
        sim_w_init(&one);
        sim_w_array(&one, "v");
        sim_w_val(&one, NULL, e.v);
        sim_w_end(&one);
        const uint8_t *done = sim_w_done(&one);
        found = done && sim_match(x->filter->root, done);
        sim_w_release(&one);
    }
    if (!found)
        return;
    sim_w_array(w, x->name);
    sim_w_val(w, NULL, e.v);
    sim_w_end(w);
}

static void put_worked(const struct node *x, struct sim_val v, struct sim_w *w)
{
    if (x->op == NODE_SLICE && v.type == BSON_TYPE_ARRAY)
        put_slice(x, v, w);
    else if (x->op == NODE_SLICE)
        sim_w_val(w, x->name, v);
    else if (v.type == BSON_TYPE_ARRAY)
        put_elem(x, v, w);
}

static void project_fields(const struct node *x, bool inclusion, const uint8_t *doc, struct sim_w *w)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    while (sim_next(&it, &e)) {
        const struct node *sub = find_sub(x, e.key, e.key_n);
        if (!sub) {
            if (!inclusion)
                sim_w_val_n(w, e.key, e.key_n, e.v);
        } else if (sub->op) {
            put_worked(sub, e.v, w);
        } else if (sub->n == 0) {
            if (inclusion)
                sim_w_val_n(w, e.key, e.key_n, e.v);
        } else {
            project_value(sub, inclusion, &e, true, w);
        }
    }
}

static void project_value(const struct node *x, bool inclusion, const struct sim_elem *e, bool named, struct sim_w *w)
{
    const char *key = named ? e->key : NULL;
    if (e->v.type == BSON_TYPE_DOCUMENT) {
        sim_w_doc_n(w, key, e->key_n);
        project_fields(x, inclusion, e->v.p, w);
        sim_w_end(w);
    } else if (e->v.type == BSON_TYPE_ARRAY) {
        struct sim_iter it = sim_iter_of(e->v.p);
        struct sim_elem item;
        sim_w_array_n(w, key, e->key_n);
        while (sim_next(&it, &item))
            project_value(x, inclusion, &item, false, w);
        sim_w_end(w);
    } else if (!inclusion) {
        sim_w_val_n(w, key, e->key_n, e->v);
    }
}

void sim_project(const struct sim_projection *p, const uint8_t *doc, struct sim_w *w)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    struct sim_val id = sim_find(doc, "_id");
    if (p->inclusion && p->id)
        sim_w_val(w, "_id", id); /* comes first in an inclusion */
    if (p->inclusion) {
        project_fields(&p->root, true, doc, w);
        return;
    }
    while (sim_next(&it, &e)) {
        const struct node *sub = find_sub(&p->root, e.key, e.key_n);
        if (!p->id && e.v.p == id.p && e.key_n == 3 && memcmp(e.key, "_id", 3) == 0)
            continue;
        if (!sub)
            sim_w_val_n(w, e.key, e.key_n, e.v);
        else if (sub->op)
            put_worked(sub, e.v, w);
        else if (sub->n)
            project_value(sub, false, &e, true, w);
    }
}

struct sim_doc *sim_project_doc(const struct sim_projection *p, const uint8_t *doc)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_project(p, doc, &w);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static bool each_path(const struct node *x, struct sb_str *path, bool (*fn)(void *ctx, const char *path), void *ctx)
{
    size_t before = path->len;
    for (size_t i = 0; i < x->n; i++) {
        sb_str_addf(path, "%s%s", before ? "." : "", x->sub[i].name);
        if (!sb_str_ok(path) || !(x->sub[i].n ? each_path(&x->sub[i], path, fn, ctx) : fn(ctx, path->p)))
            return false;
        sb_str_truncate(path, before);
    }
    return true;
}

bool sim_projection_fields(const struct sim_projection *p, bool (*fn)(void *ctx, const char *path), void *ctx)
{
    if (!p->inclusion || p->works || (p->id && !fn(ctx, "_id")))
        return false;
    struct sb_str path;
    sb_str_init(&path);
    bool ok = each_path(&p->root, &path, fn, ctx);
    sb_str_release(&path);
    return ok;
}

const uint8_t *sim_projection_spec(const struct sim_projection *p)
{
    return p->spec->bson;
}

bool sim_projection_is_simple(const struct sim_projection *p)
{
    return p->simple;
}
