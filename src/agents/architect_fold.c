/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects whose names are data, {"2026-11-23": 5, "2026-11-24": 7}: such names are folded into one field. A field that most of
 * its siblings do not share stays a field where its name is a word: folding is for what comes in numbers. */
#include "architect.h"

#define RARE_WHILE_READING 0.10 /* of the objects have the name */
#define RARE 0.02
#define MANY_RARE 100
#define MANY_IN_ONE 2048 /* names of one object that are all of one type, however often they are there */

/* ---- merging ---- */

static void merge_field(struct sb_infer *in, struct sb_seen_field *into, struct sb_seen_field *f);

/* b's own memory goes with it; what cannot be moved for want of memory is lost, and in->nomem says so. */
static void merge_object(struct sb_infer *in, struct sb_seen_object *a, struct sb_seen_object *b)
{
    a->count += b->count;
    a->unlisted += b->unlisted;
    a->guess = 0;
    a->rest_names = a->rest_names > b->rest_names ? a->rest_names : b->rest_names;
    for (size_t i = 0; i < b->n; i++) {
        struct sb_seen_field *f = b->field[i], *same = sb_seen_find(a, f->name, f->name_n, f->full_n, f->hash);
        if (!same)
            same = a->rest;
        if (same) {
            merge_field(in, same, f);
        } else if (sb_seen_add(a, f)) {
            in->nomem = true;
            sb_seen_field_free(in, f);
        }
    }
    b->n = 0;
    if (b->rest && a->rest)
        merge_field(in, a->rest, b->rest);
    else if (b->rest)
        a->rest = b->rest;
    b->rest = NULL;
    sb_seen_object_free(in, b);
    free(b);
}

static void merge_types(struct sb_infer *in, struct sb_seen_types *a, struct sb_seen_types *b);

static void merge_array(struct sb_infer *in, struct sb_seen_array *a, struct sb_seen_array *b)
{
    sb_seen_merge_sizes(&a->length, &b->length);
    a->elements += b->elements;
    merge_types(in, &a->types, &b->types);
    free(b);
}

static void merge_types(struct sb_infer *in, struct sb_seen_types *a, struct sb_seen_types *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct sb_seen_type *from = b->item[i], *to = sb_seen_type_of(in, a, from->type);
        if (!to) {
            struct sb_seen_types one = {malloc(sizeof(struct sb_seen_type *)), 1};
            if (one.item) {
                one.item[0] = from;
                sb_seen_types_free(in, &one);
            }
            continue;
        }
        if (to->count == 0) { /* made just now: it becomes the other */
            *to = *from;
            free(from);
            continue;
        }
        to->count += from->count;
        if (to->type == SB_BSON_OBJECT && to->of.object && from->of.object)
            merge_object(in, to->of.object, from->of.object);
        else if (to->type == SB_BSON_ARRAY && to->of.array && from->of.array)
            merge_array(in, to->of.array, from->of.array);
        else if (to->type != SB_BSON_OBJECT && to->type != SB_BSON_ARRAY)
            sb_seen_merge_values(in, to, from);
        else if (!to->of.object)
            to->of = from->of;
        sb_seen_forget(in, from);
        free(from);
    }
    free(b->item);
    *b = (struct sb_seen_types){NULL, 0};
}

static void merge_field(struct sb_infer *in, struct sb_seen_field *into, struct sb_seen_field *f)
{
    into->count += f->count;
    merge_types(in, &into->types, &f->types);
    sb_seen_field_free(in, f);
}

/* ---- which names are data ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number, a date, an id, an address, a word with a number at its end. */
static bool looks_like_data(const struct sb_seen_field *f)
{
    size_t digits = 0, hex = 0;
    for (size_t i = 0; i < f->name_n; i++) {
        char c = f->name[i];
        digits += is_digit(c);
        hex += is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
    }
    if (digits == 0)
        return memchr(f->name, '@', f->name_n) != NULL;
    return is_digit(f->name[f->name_n - 1]) || (hex == f->name_n && f->name_n >= 8);
}

static bool is_rare(const struct sb_seen_object *o, const struct sb_seen_field *f, double share)
{
    return (double)f->count < share * (double)o->count;
}

/* Whether four fifths of the values of the fields marked are of one type. */
static bool one_type(const struct sb_seen_object *o, const bool *marked)
{
    uint64_t of_type[256] = {0}, all = 0, most = 0;
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; marked[i] && k < o->field[i]->types.n; k++) {
            const struct sb_seen_type *t = o->field[i]->types.item[k];
            all += t->count;
            of_type[t->type] += t->count;
            most = of_type[t->type] > most ? of_type[t->type] : most;
        }
    return (double)most >= 0.8 * (double)all;
}

/* Marks the names that are data while more documents come: there have to be many, and nearly all of them strangers. */
static bool mark_early(const struct sb_seen_object *o, bool *marked)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += marked[i] = is_rare(o, o->field[i], RARE_WHILE_READING);
    if (n * 2 >= o->n)
        return true;
    for (size_t i = 0; i < o->n; i++)
        marked[i] = true;
    return o->n >= MANY_IN_ONE && one_type(o, marked);
}

/* The same when all is known: a few that look like data will do, or many that are rare. */
static bool mark_late(const struct sb_seen_object *o, bool *marked)
{
    size_t n = 0;
    uint64_t values = 0;
    for (size_t i = 0; i < o->n; i++) {
        marked[i] = looks_like_data(o->field[i]);
        n += marked[i];
        values += marked[i] ? o->field[i]->count : 0;
    }
    bool sparse = (double)values < 0.5 * (double)n * (double)o->count;
    if ((n >= 50 || (n >= 10 && sparse)) && one_type(o, marked))
        return true;
    n = 0;
    for (size_t i = 0; i < o->n; i++)
        n += marked[i] = is_rare(o, o->field[i], RARE);
    return n >= MANY_RARE && one_type(o, marked);
}

/* ---- folding ---- */

static struct sb_seen_field *make_rest(struct sb_infer *in)
{
    struct sb_seen_field *f = calloc(1, sizeof *f);
    if (f)
        f->name = sb_strdup_n("*", 1);
    if (!f || !f->name) {
        free(f);
        in->nomem = true;
        return NULL;
    }
    f->name_n = f->full_n = 1;
    in->names += 2;
    in->totals.paths++;
    return f;
}

static void fold_marked(struct sb_infer *in, struct sb_seen_object *o, const bool *marked)
{
    size_t left = 0;
    if (!o->rest && (o->rest = make_rest(in)) == NULL)
        return;
    for (size_t i = 0; i < o->n; i++) {
        if (!marked[i]) {
            o->field[left++] = o->field[i];
            continue;
        }
        merge_field(in, o->rest, o->field[i]);
        o->rest_names++;
    }
    o->n = left;
    o->guess = 0;
    if (sb_seen_reindex(o)) {
        free(o->table);
        o->table = NULL;
        o->table_n = 0;
        in->nomem = true;
    }
}

void sb_seen_fold(struct sb_infer *in, struct sb_seen_object *o, bool finished)
{
    if (o->n < 10)
        return;
    bool *marked = calloc(o->n, sizeof *marked);
    if (!marked) {
        in->nomem = true;
        return;
    }
    if (finished ? mark_late(o, marked) : mark_early(o, marked))
        fold_marked(in, o, marked);
    free(marked);
}
