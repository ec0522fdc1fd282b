/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of fields and types: finding, making and freeing its nodes. */
#include "architect.h"

#include <signalbox/base/array.h>

#define MANY_NAMES 512 /* from here on, and at each doubling, it is asked whether they are data */

struct sb_seen_type *sb_seen_type_of(struct sb_infer *in, struct sb_seen_types *types, uint8_t type)
{
    for (size_t i = 0; i < types->n; i++)
        if (types->item[i]->type == type)
            return types->item[i]; /* to be changed: not what sb_seen_type_in gives */
    struct sb_seen_type *t = calloc(1, sizeof *t);
    struct sb_seen_type **item = t ? realloc(types->item, (types->n + 1) * sizeof(struct sb_seen_type *)) : NULL;
    if (!item) {
        free(t);
        in->nomem = true;
        return NULL;
    }
    types->item = item;
    t->type = type;
    types->item[types->n++] = t;
    return t;
}

const struct sb_seen_type *sb_seen_type_in(const struct sb_seen_types *types, uint8_t type)
{
    for (size_t i = 0; i < types->n; i++)
        if (types->item[i]->type == type)
            return types->item[i];
    return NULL;
}

/* ---- names ---- */

static bool is_called(const struct sb_seen_field *f, const char *name, size_t n, size_t full_n)
{
    return f->name_n == n && f->full_n == full_n && memcmp(f->name, name, n) == 0;
}

struct sb_seen_field *sb_seen_find(const struct sb_seen_object *o, const char *name, size_t n, size_t full_n, uint64_t hash)
{
    if (!o->table)
        return NULL;
    for (size_t i = hash & (o->table_n - 1); o->table[i]; i = (i + 1) & (o->table_n - 1)) {
        struct sb_seen_field *f = o->field[o->table[i] - 1];
        if (f->hash == hash && is_called(f, name, n, full_n))
            return f;
    }
    return NULL;
}

int sb_seen_reindex(struct sb_seen_object *o)
{
    size_t n = 8;
    while (n < o->n * 2 + 2)
        n *= 2;
    uint32_t *table = calloc(n, sizeof *table);
    if (!table)
        return -1;
    free(o->table);
    o->table = table;
    o->table_n = n;
    for (size_t at = 0; at < o->n; at++) {
        size_t i = o->field[at]->hash & (n - 1);
        while (table[i])
            i = (i + 1) & (n - 1);
        table[i] = (uint32_t)at + 1;
    }
    return 0;
}

int sb_seen_index(struct sb_seen_object *o, size_t at)
{
    if (o->n * 2 > o->table_n)
        return sb_seen_reindex(o);
    size_t i = o->field[at]->hash & (o->table_n - 1);
    while (o->table[i])
        i = (i + 1) & (o->table_n - 1);
    o->table[i] = (uint32_t)at + 1;
    return 0;
}

int sb_seen_add(struct sb_seen_object *o, struct sb_seen_field *f)
{
    if (SB_GROW(o->field, o->cap, o->n + 1))
        return -1;
    o->field[o->n++] = f;
    if (sb_seen_index(o, o->n - 1) == 0)
        return 0;
    o->n--;
    return -1;
}

static struct sb_seen_field *make(struct sb_infer *in, struct sb_seen_object *o, const char *name, size_t n, size_t full_n, uint64_t hash)
{
    if (in->totals.paths >= SB_INFER_MAX_PATHS || in->names + n + 1 > NAMES_BUDGET) {
        in->totals.full = true;
        return NULL;
    }
    struct sb_seen_field *f = calloc(1, sizeof *f);
    if (f)
        f->name = sb_strdup_n(name, n);
    if (!f || !f->name) {
        free(f);
        in->nomem = true;
        return NULL;
    }
    f->name_n = n;
    f->full_n = full_n;
    f->hash = hash;
    if (sb_seen_add(o, f)) {
        free(f->name);
        free(f);
        in->nomem = true;
        return NULL;
    }
    in->totals.paths++;
    in->names += n + 1;
    return f;
}

static bool power_of_two(size_t n)
{
    return (n & (n - 1)) == 0;
}

struct sb_seen_field *sb_seen_field_of(struct sb_infer *in, struct sb_seen_object *o, struct sb_span name)
{
    size_t n = name.n < SB_INFER_MAX_NAME ? name.n : SB_INFER_MAX_NAME;
    /* documents mostly have their fields in the same order */
    if (o->guess < o->n && name.n < SB_INFER_MAX_NAME && is_called(o->field[o->guess], name.p, n, name.n))
        return o->field[o->guess++];
    uint64_t hash = sb_seen_hash(name.p, name.n);
    struct sb_seen_field *f = sb_seen_find(o, name.p, n, name.n, hash);
    if (f) {
        for (size_t i = o->guess; i < o->n && i < o->guess + 8; i++) /* some were left out: the next one is expected after it */
            if (o->field[i] == f) {
                o->guess = i + 1;
                break;
            }
        return f;
    }
    if (o->rest)
        return o->rest;
    if (o->n >= MANY_NAMES && power_of_two(o->n)) {
        sb_seen_fold(in, o, false);
        if (o->rest)
            return o->rest;
    }
    f = make(in, o, name.p, n, name.n, hash);
    if (f)
        o->guess = o->n;
    return f;
}

/* ---- freeing ---- */

static void array_free(struct sb_infer *in, struct sb_seen_array *a)
{
    if (a)
        sb_seen_types_free(in, &a->types);
    free(a);
}

void sb_seen_types_free(struct sb_infer *in, struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++) {
        struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object) {
            sb_seen_object_free(in, t->of.object);
            free(t->of.object);
        } else if (t->type == SB_BSON_ARRAY) {
            array_free(in, t->of.array);
        }
        sb_seen_forget(in, t);
        free(t);
    }
    free(types->item);
    *types = (struct sb_seen_types){NULL, 0};
}

void sb_seen_field_free(struct sb_infer *in, struct sb_seen_field *f)
{
    if (!f)
        return;
    sb_seen_types_free(in, &f->types);
    in->names -= f->name_n + 1;
    in->totals.paths--;
    free(f->name);
    free(f);
}

void sb_seen_object_free(struct sb_infer *in, struct sb_seen_object *o)
{
    for (size_t i = 0; i < o->n; i++)
        sb_seen_field_free(in, o->field[i]);
    sb_seen_field_free(in, o->rest);
    free(o->field);
    free(o->table);
    *o = (struct sb_seen_object){.count = 0};
}
