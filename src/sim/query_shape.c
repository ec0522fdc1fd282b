/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a query as $queryStats tells it. */
#include "query_stats.h"

#include <string.h>

/* ---- values ---- */

static const char *class_of(uint8_t type)
{
    return sim_is_number(type)         ? "number"
           : type == BSON_TYPE_UTF8    ? "string"
           : type == BSON_TYPE_BOOL    ? "bool"
           : type == BSON_TYPE_OID     ? "objectId"
           : type == BSON_TYPE_DATE_TIME ? "date"
           : type == BSON_TYPE_DOCUMENT ? "object"
           : type == BSON_TYPE_NULL    ? "null"
                                       : sim_type_name(type);
}

/* "?number"; of a list the class of its values where they have one. */
static void put_class(struct sim_w *w, const char *key, struct sim_val v)
{
    struct sim_elem e;
    const char *of = NULL;
    bool mixed = false;
    if (v.type != BSON_TYPE_ARRAY) {
        sim_w_textf(w, key, "?%s", class_of(v.type));
        return;
    }
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);) {
        mixed |= of && strcmp(of, class_of(e.v.type)) != 0;
        of = class_of(e.v.type);
    }
    if (of && !mixed)
        sim_w_textf(w, key, "?array<?%s>", of);
    else
        sim_w_text(w, key, "?array<>");
}

/* An expression: the names of fields and of operators stay. */
static void put_expression(struct sim_w *w, const char *key, struct sim_val v)
{
    struct sim_elem e;
    if (v.type == BSON_TYPE_UTF8 && sim_text(v)[0] == '$') {
        sim_w_val(w, key, v);
    } else if (sim_is_doc(v.type)) {
        bool list = v.type == BSON_TYPE_ARRAY;
        if (list)
            sim_w_array(w, key);
        else
            sim_w_doc(w, key);
        for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
            put_expression(w, list ? NULL : e.key, e.v);
        sim_w_end(w);
    } else {
        put_class(w, key, v);
    }
}

/* ---- filters ---- */

static void put_filter(struct sim_w *w, const char *key, const uint8_t *filter);

static bool has_operators(struct sim_val v)
{
    struct sim_elem e;
    struct sim_iter it;
    if (v.type != BSON_TYPE_DOCUMENT)
        return false;
    it = sim_iter_of(v.p);
    return sim_next(&it, &e) && e.key[0] == '$' && strcmp(e.key, "$ref") != 0;
}

static bool is(const char *key, const char *a, const char *b)
{
    return strcmp(key, a) == 0 || (b && strcmp(key, b) == 0);
}

/* One comparison, into the open document. */
static void put_operator(struct sim_w *w, const struct sim_elem *op)
{
    struct sim_elem e;
    bool ne = is(op->key, "$ne", NULL), nin = is(op->key, "$nin", NULL);
    if (ne || nin) { /* the server knows them as what they deny */
        sim_w_doc(w, "$not");
        put_class(w, ne ? "$eq" : "$in", op->v);
        sim_w_end(w);
    } else if (is(op->key, "$elemMatch", NULL) && op->v.type == BSON_TYPE_DOCUMENT && !has_operators(op->v)) {
        put_filter(w, op->key, op->v.p);
    } else if (is(op->key, "$not", "$elemMatch") && op->v.type == BSON_TYPE_DOCUMENT) {
        sim_w_doc(w, op->key);
        for (struct sim_iter it = sim_iter_of(op->v.p); sim_next(&it, &e);)
            put_operator(w, &e);
        sim_w_end(w);
    } else if (is(op->key, "$type", NULL)) {
        sim_w_val(w, op->key, op->v);
    } else if (is(op->key, "$exists", NULL)) {
        sim_w_text(w, op->key, "?bool");
    } else {
        put_class(w, op->key, op->v);
    }
}

static size_t parts_of(const struct sim_elem *e)
{
    return has_operators(e->v) && !sim_find(e->v.p, "$regex").type ? sim_count(e->v.p) : 1;
}

/* The conditions on one field, each a document of its own where there are several. */
static void put_field(struct sim_w *w, const struct sim_elem *e, bool apart)
{
    struct sim_iter it = sim_iter_of(e->v.p);
    struct sim_elem op;
    bool together = parts_of(e) == 1; /* $regex and its $options are one */
    if (together && apart)
        sim_w_doc(w, NULL);
    if (together)
        sim_w_doc(w, e->key);
    while (sim_next(&it, &op)) {
        if (!together) {
            sim_w_doc(w, NULL);
            sim_w_doc(w, e->key);
        }
        put_operator(w, &op);
        if (!together) {
            sim_w_end(w);
            sim_w_end(w);
        }
    }
    if (together)
        sim_w_end(w);
    if (together && apart)
        sim_w_end(w);
}

static void put_one(struct sim_w *w, const struct sim_elem *e)
{
    struct sim_elem arm;
    if ((is(e->key, "$and", "$or") || is(e->key, "$nor", NULL)) && e->v.type == BSON_TYPE_ARRAY) {
        sim_w_array(w, e->key);
        for (struct sim_iter it = sim_iter_of(e->v.p); sim_next(&it, &arm);)
            if (arm.v.type == BSON_TYPE_DOCUMENT)
                put_filter(w, NULL, arm.v.p);
        sim_w_end(w);
    } else if (e->key[0] == '$') {
        put_expression(w, e->key, e->v);
    } else {
        sim_w_doc(w, e->key);
        if (e->v.type == BSON_TYPE_REGEX)
            sim_w_text(w, "$regex", "?string");
        else
            put_class(w, "$eq", e->v);
        sim_w_end(w);
    }
}

static void put_filter(struct sim_w *w, const char *key, const uint8_t *filter)
{
    struct sim_elem e;
    size_t parts = 0;
    for (struct sim_iter it = sim_iter_of(filter); sim_next(&it, &e);)
        parts += e.key[0] == '$' ? 1 : parts_of(&e);
    sim_w_doc(w, key);
    if (parts > 1)
        sim_w_array(w, "$and");
    for (struct sim_iter it = sim_iter_of(filter); sim_next(&it, &e);) {
        if (e.key[0] != '$' && has_operators(e.v)) {
            put_field(w, &e, parts > 1);
            continue;
        }
        if (parts > 1)
            sim_w_doc(w, NULL);
        put_one(w, &e);
        if (parts > 1)
            sim_w_end(w);
    }
    if (parts > 1)
        sim_w_end(w);
    sim_w_end(w);
}

/* ---- commands ---- */

static void put_projection(struct sim_w *w, const uint8_t *projection)
{
    struct sim_elem e;
    sim_w_doc(w, "projection");
    for (struct sim_iter it = sim_iter_of(projection); sim_next(&it, &e);) {
        if (sim_is_number(e.v.type) || e.v.type == BSON_TYPE_BOOL)
            sim_w_bool(w, e.key, sim_truth(e.v));
        else
            put_expression(w, e.key, e.v);
    }
    if (!sim_find(projection, "_id").type)
        sim_w_bool(w, "_id", true);
    sim_w_end(w);
}

static void put_pipeline(struct sim_w *w, const char *key, const uint8_t *stages);

static void put_lookup(struct sim_w *w, const uint8_t *spec)
{
    struct sim_elem e;
    sim_w_doc(w, "$lookup");
    for (struct sim_iter it = sim_iter_of(spec); sim_next(&it, &e);) {
        if (is(e.key, "pipeline", NULL) && e.v.type == BSON_TYPE_ARRAY)
            put_pipeline(w, e.key, e.v.p);
        else if (is(e.key, "let", NULL))
            put_expression(w, e.key, e.v);
        else
            sim_w_val(w, e.key, e.v);
    }
    sim_w_end(w);
}

static void put_pipeline(struct sim_w *w, const char *key, const uint8_t *stages)
{
    struct sim_elem stage, e;
    sim_w_array(w, key);
    for (struct sim_iter it = sim_iter_of(stages); sim_next(&it, &stage);) {
        struct sim_iter in = sim_iter_of(stage.v.p);
        sim_w_doc(w, NULL);
        if (stage.v.type == BSON_TYPE_DOCUMENT && sim_next(&in, &e)) {
            if (is(e.key, "$match", NULL) && e.v.type == BSON_TYPE_DOCUMENT)
                put_filter(w, e.key, e.v.p);
            else if (is(e.key, "$lookup", NULL) && e.v.type == BSON_TYPE_DOCUMENT)
                put_lookup(w, e.v.p);
            else if (is(e.key, "$sort", NULL))
                sim_w_val(w, e.key, e.v);
            else
                put_expression(w, e.key, e.v);
        }
        sim_w_end(w);
    }
    sim_w_end(w);
}

bool sim_query_shape(struct sim_w *w, const struct sim *s, const char *ns, const uint8_t *command)
{
    struct sim_iter it = sim_iter_of(command);
    struct sim_elem e;
    const char *dot = strchr(ns, '.');
    if (!dot || strstr(ns, ".$cmd") || !sim_next(&it, &e) || !(is(e.key, "find", "aggregate") || (is(e.key, "distinct", NULL) && sim_since(s, 8))))
        return false;
    sim_w_doc(w, "cmdNs");
    sim_w_text_n(w, "db", ns, (size_t)(dot - ns));
    sim_w_text(w, "coll", dot + 1);
    sim_w_end(w);
    sim_w_text(w, "command", e.key);
    bool find = is(e.key, "find", NULL);
    if (find && sim_find(command, "filter").type != BSON_TYPE_DOCUMENT) {
        sim_w_doc(w, "filter");
        sim_w_end(w);
    }
    while (sim_next(&it, &e)) {
        bool doc = e.v.type == BSON_TYPE_DOCUMENT;
        if (is(e.key, "filter", "query") && doc)
            put_filter(w, e.key, e.v.p);
        else if (is(e.key, "projection", NULL) && doc && !sim_is_empty(e.v.p))
            put_projection(w, e.v.p);
        else if (is(e.key, "pipeline", NULL) && e.v.type == BSON_TYPE_ARRAY)
            put_pipeline(w, e.key, e.v.p);
        else if (is(e.key, "limit", "skip"))
            sim_w_text(w, e.key, "?number");
        else if ((is(e.key, "sort", "collation") && doc && !sim_is_empty(e.v.p)) || is(e.key, "key", "hint"))
            sim_w_val(w, e.key, e.v);
    }
    return true;
}
