/* SPDX-License-Identifier: Apache-2.0 */
#include "group.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/btree.h>
#include <signalbox/sim/expr.h>
#include <signalbox/sim/key.h>

#include <stdlib.h>
#include <string.h>

#define MAX_ACCUMULATORS 32

enum acc { ACC_SUM, ACC_AVG, ACC_MIN, ACC_MAX, ACC_FIRST, ACC_LAST, ACC_PUSH, ACC_ADD_TO_SET, ACC_COUNT };

static const char *const names[] = {"$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet", "$count"};

static int acc_of(const char *name)
{
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

int sim_group_check(struct sim_val spec, struct sim_fail *f)
{
    struct sim_elem e, op;
    size_t n = 0;
    if (spec.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 15947, "a group's fields must be specified in an object");
    if (!sim_find(spec.p, "_id").type)
        return sim_fail(f, 15955, "a group specification must include an _id");
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        if (strcmp(e.key, "_id") == 0) {
            if (sim_expr_check(e.v, f))
                return -1;
            continue;
        }
        if (strchr(e.key, '.'))
            return sim_fail(f, 40235, "The field name '%.100s' cannot contain '.'", e.key);
        if (e.v.type != BSON_TYPE_DOCUMENT || sim_count(e.v.p) != 1)
            return sim_fail(f, e.v.type != BSON_TYPE_DOCUMENT ? 40234 : 40238, "The field '%.100s' must be an accumulator object", e.key);
        struct sim_iter inner = sim_iter_of(e.v.p);
        sim_next(&inner, &op);
        int acc = acc_of(op.key);
        static const char *const others[] = {"$accumulator", "$mergeObjects", "$stdDevPop", "$stdDevSamp"};
        for (size_t i = 0; acc < 0 && i < SB_COUNT(others); i++)
            if (strcmp(others[i], op.key) == 0)
                return sim_fail(f, SIM_NOT_IMPLEMENTED, "the accumulator %s is not simulated", op.key);
        if (acc < 0)
            return sim_fail(f, 15952, "unknown group operator '%.60s'", op.key);
        if (++n > MAX_ACCUMULATORS)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "more than %d accumulators are not simulated", MAX_ACCUMULATORS);
        if (acc != ACC_COUNT && sim_expr_check(op.v, f))
            return -1;
    }
    return 0;
}

struct state {
    long double sum;
    int64_t count;
    int kind;             /* of the sum: 0 int, 1 long, 2 double, 3 decimal */
    struct sim_doc *kept; /* {v: value} */
    struct sim_docs list; /* {v: value} each */
};

struct group {
    struct sim_doc *id; /* {_id: value}; the value may be missing */
    struct state *state;
};

struct grouping {
    struct sim_val id_expr;
    struct {
        enum acc acc;
        const char *name;
        struct sim_val e;
    } field[MAX_ACCUMULATORS];
    size_t fields;
    struct group *group;
    size_t n, cap;
    struct sim_btree *by_key; /* key of the id, then the number of the group */
    struct sim_fail *f;
};

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    return done ? sim_doc_new(done) : NULL;
}

/* {name: value of e}, or NULL. */
static struct sim_doc *value_of(struct sim_val e, const uint8_t *doc, const char *name, struct sim_fail *f)
{
    struct sim_w w;
    sim_w_init(&w);
    struct sim_doc *d = sim_eval(e, doc, &w, name, f) ? NULL : doc_of(&w);
    if (!d && !f->code)
        sim_fail_nomem(f);
    sim_w_release(&w);
    return d;
}

static struct group *group_new(struct grouping *g, struct sim_doc *id, struct sb_str *key)
{
    if (SB_GROW(g->group, g->cap, g->n + 1))
        return NULL;
    struct group *x = &g->group[g->n];
    x->state = calloc(g->fields ? g->fields : 1, sizeof *x->state);
    sim_key_put_rid((uint8_t *)key->p + key->len - 1 - SIM_RID_BYTES, g->n);
    if (!x->state || sim_btree_insert(g->by_key, (const uint8_t *)key->p, key->len) < 0) {
        free(x->state);
        return NULL;
    }
    x->id = sim_doc_ref(id);
    g->n++;
    return x;
}

static struct group *group_of(struct grouping *g, struct sim_doc *id)
{
    struct sb_str key;
    struct sim_cursor c;
    struct group *x = NULL;
    sb_str_init(&key);
    sim_key_field(&key, sim_find(id->bson, "_id"), false);
    size_t n = key.len, at_n;
    sb_str_add(&key, "\0\0\0\0\0\0\0", 1 + SIM_RID_BYTES);
    sim_cursor_init(&c, g->by_key);
    if (sb_str_ok(&key)) {
        if (sim_cursor_seek(&c, (const uint8_t *)key.p, n)) {
            const uint8_t *at = sim_cursor_key(&c, &at_n);
            if (at_n == n + 1 + SIM_RID_BYTES && memcmp(at, key.p, n) == 0)
                x = &g->group[sim_key_rid_of(at, at_n)];
        }
        if (!x)
            x = group_new(g, id, &key);
    }
    sim_cursor_release(&c);
    sb_str_release(&key);
    return x;
}

static void keep(struct state *s, struct sim_doc *v)
{
    sim_doc_unref(s->kept);
    s->kept = sim_doc_ref(v);
}

static bool in_list(const struct sim_docs *list, struct sim_val v)
{
    for (size_t i = 0; i < list->n; i++)
        if (sim_compare(sim_find(list->d[i]->bson, "v"), v) == 0)
            return true;
    return false;
}

static int accumulate(enum acc acc, struct state *s, struct sim_doc *d)
{
    struct sim_val v = sim_find(d->bson, "v");
    bool nothing = !v.type || v.type == BSON_TYPE_NULL || v.type == BSON_TYPE_UNDEFINED;
    int kind;
    switch (acc) {
    case ACC_COUNT:
        s->count++;
        return 0;
    case ACC_SUM:
    case ACC_AVG:
        if (!sim_is_number(v.type))
            return 0;
        s->sum += sim_number(v);
        s->count++;
        kind = v.type == BSON_TYPE_INT32 ? 0 : v.type == BSON_TYPE_INT64 ? 1 : v.type == BSON_TYPE_DOUBLE ? 2 : 3;
        s->kind = kind > s->kind ? kind : s->kind;
        return 0;
    case ACC_MIN:
    case ACC_MAX:
        if (!nothing && (!s->kept || (sim_compare(v, sim_find(s->kept->bson, "v")) < 0) == (acc == ACC_MIN)))
            keep(s, d);
        return 0;
    case ACC_FIRST:
        if (!s->kept)
            keep(s, d);
        return 0;
    case ACC_LAST:
        keep(s, d);
        return 0;
    default:
        if (!v.type || (acc == ACC_ADD_TO_SET && in_list(&s->list, v)))
            return 0;
        return sim_docs_add(&s->list, sim_doc_ref(d));
    }
}

static int take(struct grouping *g, const uint8_t *doc)
{
    struct sim_doc *id = value_of(g->id_expr, doc, "_id", g->f);
    struct group *x = id ? group_of(g, id) : NULL;
    sim_doc_unref(id);
    if (!x)
        return g->f->code ? -1 : sim_fail_nomem(g->f);
    for (size_t i = 0; i < g->fields; i++) {
        struct sim_doc *v = value_of(g->field[i].e, doc, "v", g->f);
        int rc = v ? accumulate(g->field[i].acc, &x->state[i], v) : -1;
        sim_doc_unref(v);
        if (rc)
            return g->f->code ? -1 : sim_fail_nomem(g->f);
    }
    return 0;
}

static void put_result(struct sim_w *w, const char *name, enum acc acc, const struct state *s)
{
    switch (acc) {
    case ACC_COUNT:
        sim_w_int(w, name, s->count);
        break;
    case ACC_SUM:
        if (s->kind == 3)
            sim_w_decimal(w, name, s->sum);
        else if (s->kind == 2)
            sim_w_f64(w, name, (double)s->sum);
        else if (s->kind == 0)
            sim_w_int(w, name, (int64_t)s->sum);
        else
            sim_w_i64(w, name, (int64_t)s->sum);
        break;
    case ACC_AVG:
        if (s->count && s->kind == 3)
            sim_w_decimal(w, name, s->sum / s->count);
        else if (s->count)
            sim_w_f64(w, name, (double)(s->sum / s->count));
        else
            sim_w_null(w, name);
        break;
    case ACC_PUSH:
    case ACC_ADD_TO_SET:
        sim_w_array(w, name);
        for (size_t i = 0; i < s->list.n; i++)
            sim_w_val(w, NULL, sim_find(s->list.d[i]->bson, "v"));
        sim_w_end(w);
        break;
    default: {
        struct sim_val v = s->kept ? sim_find(s->kept->bson, "v") : sim_missing;
        sim_w_val(w, name, v.type ? v : sim_null);
    }
    }
}

static int results(struct grouping *g, struct sim_docs *out, int64_t *bytes)
{
    struct sim_w w;
    int rc = 0;
    sim_w_init(&w);
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        sim_w_clear(&w);
        struct sim_val id = sim_find(g->group[i].id->bson, "_id");
        sim_w_val(&w, "_id", id.type ? id : sim_null);
        for (size_t k = 0; k < g->fields; k++)
            put_result(&w, g->field[k].name, g->field[k].acc, &g->group[i].state[k]);
        struct sim_doc *d = doc_of(&w);
        *bytes += d ? (int64_t)sim_doc_len(d->bson) : 0;
        rc = sim_docs_add(out, d);
    }
    sim_w_release(&w);
    return rc;
}

static void grouping_release(struct grouping *g)
{
    for (size_t i = 0; i < g->n; i++) {
        for (size_t k = 0; k < g->fields; k++) {
            sim_doc_unref(g->group[i].state[k].kept);
            sim_docs_release(&g->group[i].state[k].list);
        }
        free(g->group[i].state);
        sim_doc_unref(g->group[i].id);
    }
    free(g->group);
    sim_btree_free(g->by_key);
}

int sim_group_run(struct sim_val spec, struct sim_docs *docs, int64_t *bytes, struct sim_fail *f)
{
    struct grouping g = {.f = f, .by_key = sim_btree_new()};
    struct sim_docs out = {0};
    struct sim_elem e, op;
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        if (strcmp(e.key, "_id") == 0) {
            g.id_expr = e.v;
            continue;
        }
        struct sim_iter inner = sim_iter_of(e.v.p);
        sim_next(&inner, &op);
        g.field[g.fields].acc = (enum acc)acc_of(op.key);
        g.field[g.fields].name = e.key;
        g.field[g.fields++].e = op.v;
    }
    int rc = g.by_key ? 0 : sim_fail_nomem(f);
    for (size_t i = 0; rc == 0 && i < docs->n; i++)
        rc = take(&g, docs->d[i]->bson);
    *bytes = 0;
    if (rc == 0 && results(&g, &out, bytes))
        rc = sim_fail_nomem(f);
    grouping_release(&g);
    if (rc) {
        sim_docs_release(&out);
        return -1;
    }
    sim_docs_release(docs);
    *docs = out;
    return 0;
}

void sim_group_show(struct sim_val spec, struct sim_w *w)
{
    struct sim_elem e, op;
    sim_w_doc(w, "$group");
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        if (strcmp(e.key, "_id") == 0) {
            sim_expr_show(e.v, w, "_id");
            continue;
        }
        struct sim_iter inner = sim_iter_of(e.v.p);
        sim_next(&inner, &op);
        sim_w_doc(w, e.key);
        sim_expr_show(op.v, w, op.key);
        sim_w_end(w);
    }
    sim_w_end(w);
}

void sim_group_show_memory(struct sim_val spec, struct sim_w *w, int64_t bytes)
{
    struct sim_elem e;
    sim_w_doc(w, "maxAccumulatorMemoryUsageBytes");
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);)
        if (strcmp(e.key, "_id") != 0)
            sim_w_i64(w, e.key, bytes);
    sim_w_end(w);
}
