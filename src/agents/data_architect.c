/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"

#include <math.h>

struct sb_infer *sb_infer_new(struct sb_err *err)
{
    struct sb_infer *in = calloc(1, sizeof *in);
    if (!in)
        sb_fail_nomem(err);
    return in;
}

void sb_infer_free(struct sb_infer *in)
{
    if (in)
        sb_seen_object_free(in, &in->root);
    free(in);
}

const struct sb_seen_object *sb_infer_root(const struct sb_infer *in)
{
    return &in->root;
}

const struct sb_infer_totals *sb_infer_totals(const struct sb_infer *in)
{
    return &in->totals;
}

/* ---- one document ---- */

static void walk_object(struct sb_infer *in, struct sb_seen_object *o, const uint8_t *data, size_t len, int depth);
static void take(struct sb_infer *in, struct sb_seen_types *types, const struct sb_bson_item *item, int depth);

static void walk_array(struct sb_infer *in, struct sb_seen_array *a, const uint8_t *data, size_t len, int depth)
{
    struct sb_bson b;
    struct sb_bson_item item;
    uint64_t n = 0;
    if (!sb_bson_open(&b, data, len))
        return;
    for (; sb_bson_next(&b, &item) == 1; n++)
        take(in, &a->types, &item, depth);
    a->elements += n;
    sb_seen_size(&a->length, n);
}

static void take(struct sb_infer *in, struct sb_seen_types *types, const struct sb_bson_item *item, int depth)
{
    struct sb_seen_type *t = sb_seen_type_of(in, types, item->type);
    if (!t)
        return;
    t->count++;
    in->totals.depth = depth > in->totals.depth ? depth : in->totals.depth;
    if (item->type != SB_BSON_OBJECT && item->type != SB_BSON_ARRAY) {
        sb_seen_take(in, t, item);
        return;
    }
    if (depth >= SB_BSON_MAX_DEPTH) /* what was not checked is not walked */
        return;
    if (item->type == SB_BSON_OBJECT) {
        if (t->of.object || (t->of.object = calloc(1, sizeof *t->of.object)) != NULL)
            walk_object(in, t->of.object, item->value, item->len, depth + 1);
    } else if (t->of.array || (t->of.array = calloc(1, sizeof *t->of.array)) != NULL) {
        walk_array(in, t->of.array, item->value, item->len, depth + 1);
    }
    in->nomem = in->nomem || !t->of.object;
}

static void walk_object(struct sb_infer *in, struct sb_seen_object *o, const uint8_t *data, size_t len, int depth)
{
    struct sb_bson b;
    struct sb_bson_item item;
    uint64_t me = ++in->instance;
    if (!sb_bson_open(&b, data, len))
        return;
    o->count++;
    o->guess = 0;
    while (!in->nomem && sb_bson_next(&b, &item) == 1) {
        struct sb_seen_field *f = sb_seen_field_of(in, o, item.name);
        if (!f) {
            o->unlisted++;
            in->totals.unlisted++;
        } else if (f != o->rest && f->last == me) {
            in->totals.repeated++; /* the first one counts: which one a server takes is not said anywhere */
        } else {
            f->last = me;
            f->count++;
            take(in, &f->types, &item, depth);
        }
    }
}

int sb_infer_document(struct sb_infer *in, const uint8_t *data, size_t len, struct sb_err *err)
{
    struct sb_bson b;
    if (!sb_bson_open(&b, data, len))
        return sb_fail(err, SB_EINPUT, "a document whose length is not its own");
    sb_seen_size(&in->totals.size, len);
    walk_object(in, &in->root, data, len, 1);
    return in->nomem ? sb_fail_nomem(err) : 0;
}

/* ---- the end ---- */

static void finish_types(struct sb_infer *in, struct sb_seen_types *types);

static int lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int by_name(const void *a, const void *b)
{
    const struct sb_seen_field *x = *(struct sb_seen_field *const *)a, *y = *(struct sb_seen_field *const *)b;
    bool x_id = strcmp(x->name, "_id") == 0, y_id = strcmp(y->name, "_id") == 0;
    if (x_id != y_id)
        return x_id ? -1 : 1;
    size_t n = x->name_n < y->name_n ? x->name_n : y->name_n;
    for (size_t i = 0; i < n; i++) {
        int diff = lower((unsigned char)x->name[i]) - lower((unsigned char)y->name[i]);
        if (diff)
            return diff;
    }
    if (x->name_n != y->name_n)
        return x->name_n < y->name_n ? -1 : 1;
    int diff = memcmp(x->name, y->name, n);
    return diff ? diff : (x->hash > y->hash) - (x->hash < y->hash);
}

static void finish_object(struct sb_infer *in, struct sb_seen_object *o)
{
    sb_seen_fold(in, o, true);
    free(o->table); /* the fields get other places */
    o->table = NULL;
    o->table_n = 0;
    if (o->n)
        qsort(o->field, o->n, sizeof(struct sb_seen_field *), by_name);
    for (size_t i = 0; i < o->n; i++)
        finish_types(in, &o->field[i]->types);
    if (o->rest)
        finish_types(in, &o->rest->types);
}

/* Most frequent first; of equally frequent ones, the one that was seen first. */
static void sort_types(struct sb_seen_types *types)
{
    for (size_t i = 1; i < types->n; i++) {
        struct sb_seen_type *t = types->item[i];
        size_t k = i;
        for (; k > 0 && types->item[k - 1]->count < t->count; k--)
            types->item[k] = types->item[k - 1];
        types->item[k] = t;
    }
}

static int by_count(const void *a, const void *b)
{
    const struct sb_seen_value *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return memcmp(x->text, y->text, sizeof x->text);
}

static void finish_types(struct sb_infer *in, struct sb_seen_types *types)
{
    sort_types(types);
    for (size_t i = 0; i < types->n; i++) {
        struct sb_seen_type *t = types->item[i];
        if (t->values)
            qsort(t->values->item, t->values->n, sizeof t->values->item[0], by_count);
        if (t->type == SB_BSON_OBJECT && t->of.object)
            finish_object(in, t->of.object);
        else if (t->type == SB_BSON_ARRAY && t->of.array)
            finish_types(in, &t->of.array->types);
    }
}

void sb_infer_finish(struct sb_infer *in)
{
    finish_object(in, &in->root);
}

/* ---- reading it ---- */

bool sb_seen_duplicates(const struct sb_seen_types *types, uint64_t missing)
{
    if (missing > 1)
        return true;
    for (size_t i = 0; i < types->n; i++)
        if (types->item[i]->duplicates)
            return true;
    return false;
}

void sb_share_interval(uint64_t count, uint64_t n, double *low, double *high)
{
    const double z = 1.959964;
    if (n == 0) {
        *low = 0;
        *high = 1;
        return;
    }
    double total = (double)n, p = (double)count / total, z2 = z * z / total;
    double middle = (p + z2 / 2) / (1 + z2), half = z / (1 + z2) * sqrt(p * (1 - p) / total + z2 / (4 * total));
    *low = count == 0 || middle - half < 0 ? 0 : middle - half;
    *high = count == n || middle + half > 1 ? 1 : middle + half;
}

const char *sb_schema_share(char out[16], uint64_t part, uint64_t whole)
{
    double v = whole ? 100.0 * (double)part / (double)whole : 0;
    if (part == whole)
        snprintf(out, 16, "100 %%");
    else if (v > 99.9)
        snprintf(out, 16, "over 99.9 %%");
    else if (part && v < 0.1)
        snprintf(out, 16, "under 0.1 %%");
    else
        snprintf(out, 16, v < 10 || v > 99 ? "%.1f %%" : "%.0f %%", v);
    return out;
}

void sb_seen_path_add(struct sb_str *path, const struct sb_seen_field *field, bool first)
{
    if (!first)
        sb_str_addc(path, '.');
    sb_str_add(path, field->name, field->name_n);
}
