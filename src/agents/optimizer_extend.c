/* SPDX-License-Identifier: Apache-2.0
 *
 * What a key of the plan can do besides: stand for indexes that exist, which can then go, and answer an operation without its
 * documents. Neither adds an index. */
#include "optimizer_merge.h"

#include <string.h>

#define COVER_LEAST 100    /* documents that an operation returns, for which it pays to have no need of them */
#define COVER_FIELDS 2     /* that a key is made longer by */
#define COVER_BYTES 64     /* of a value that is worth a place in the key */

static bool plain(const struct sb_index_info *x)
{
    return !x->unique && !x->sparse && !x->partial && !x->ttl && !x->collation && !x->hidden && !x->building && !sb_streq(x->name, "_id_");
}

static void replace(struct planned *p, const struct sb_index_info *x, bool reorders)
{
    p->reorders[p->replaces_n] = reorders;
    p->replaces[p->replaces_n++] = x;
}

static bool replaced(const struct planned *p, const struct sb_index_info *x)
{
    for (size_t i = 0; i < p->replaces_n; i++)
        if (p->replaces[i] == x)
            return true;
    return false;
}

/* An index that begins like the key, or can where the key's order is open, is not needed beside it. */
static void stand_for_beginnings(const struct sb_index_question *q, struct planned *p, struct order *o)
{
    for (size_t i = 0; i < q->catalogue->indexes_n && p->replaces_n < SB_COUNT(p->replaces); i++) {
        const struct sb_index_info *x = &q->catalogue->indexes[i];
        if (sb_catalogue_on_shard_key(q->catalogue, x))
            continue;
        struct order there, merged;
        if (!plain(x) || !sb_order_of_index(&there, x) || there.n >= o->n)
            continue;
        if (!sb_order_merge(o, &there, &merged) || merged.n != o->n)
            continue;
        *o = merged;
        replace(p, x, false);
    }
}

static bool served_by_others(const struct sb_index_question *q, const struct candidate *c, const struct sb_index_info *x)
{
    for (size_t i = 0; i < q->catalogue->indexes_n; i++)
        if (&q->catalogue->indexes[i] != x && sb_candidate_served_by(c, &q->catalogue->indexes[i]))
            return true;
    return false;
}

/* Fields of x that are not in the key. */
static size_t not_in(const struct order *o, const struct order *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        bool there = false;
        for (size_t k = 0; k < o->n; k++)
            there = there || strcmp(o->field[k].path, x->field[i].path) == 0;
        n += !there;
    }
    return n;
}

/* The key, made so that it serves every shape which x alone serves; false: there is no such key, or no shape was seen to use x. */
static bool take_over(const struct sb_index_question *q, const struct candidate *all, size_t n, const struct sb_index_info *x, struct order *o)
{
    struct order sum = *o, mine, merged;
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        const struct candidate *c = &all[i];
        if (c->n == 0 || c->sums.count == 0 || !sb_candidate_served_by(c, x))
            continue;
        if (c->work->shape->hint[0])
            return false; /* perhaps it names this one */
        if (served_by_others(q, c, x))
            continue;
        sb_order_of(&mine, c);
        if (!sb_order_merge(&sum, &mine, &merged) || sb_fields_parallel(q, c->work->shape, merged.field, merged.n))
            return false;
        sum = merged;
        seen++;
    }
    if (seen == 0 || sum.n > x->fields_n)
        return false;
    *o = sum;
    return true;
}

/* The mix has changed: an index on the same fields in another order is not needed beside a key that serves its shapes as well. */
static void stand_for_other_orders(const struct sb_index_question *q, const struct candidate *all, size_t n, struct planned *p, struct order *o)
{
    for (size_t i = 0; i < q->catalogue->indexes_n && p->replaces_n < SB_COUNT(p->replaces); i++) {
        const struct sb_index_info *x = &q->catalogue->indexes[i];
        if (sb_catalogue_on_shard_key(q->catalogue, x))
            continue;
        struct order there;
        bool known = x->spec && plain(x) && !replaced(p, x) && sb_order_of_index(&there, x); /* of one that a log names its properties are not known */
        if (known && there.n >= o->n && not_in(&there, o) == 0 && take_over(q, all, n, x, o))
            replace(p, x, true);
    }
}

void sb_plan_stand_for(const struct sb_index_question *q, const struct candidate *all, size_t n, struct planned *p, struct order *o)
{
    if (!sb_collation_is_none(p->key.work->shape->collation))
        return;
    stand_for_beginnings(q, p, o);
    stand_for_other_orders(q, all, n, p, o);
}

/* ---- without the documents ---- */

/* In one value, and a small one: an array is no answer, for the index holds its elements. */
static bool single_and_small(const struct sb_index_question *q, const char *path)
{
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    return f && q->catalogue->sampled > 0 && f->present_ppm > 0 && !f->array && f->value_bytes <= COVER_BYTES && sb_path_indexable(path);
}

static bool in_key(const struct candidate *key, const char *path)
{
    for (size_t i = 0; i < key->n; i++)
        if (strcmp(key->field[i].path, path) == 0)
            return true;
    return false;
}

/* True when the shape needs nothing but these few fields, and returns enough for it to pay. */
static bool worth_covering(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key)
{
    const struct sb_shape *s = c->work->shape;
    if (s->kind != SB_OP_FIND || !s->inclusive || s->projects_id || s->projected_n == 0 || s->arms_n > 1 || !sb_collation_is_none(s->collation) ||
        c->sums.count == 0 || c->sums.returned / c->sums.count < COVER_LEAST)
        return false;
    for (size_t i = 0; i < s->predicates_n; i++)
        if (!in_key(key, s->predicates[i].path) || s->predicates[i].elem_path)
            return false;
    for (size_t i = 0; i < key->n; i++)
        if (!single_and_small(q, key->field[i].path))
            return false;
    for (size_t i = 0; i < s->projected_n; i++)
        if (!single_and_small(q, s->projected[i]))
            return false;
    return true;
}

static size_t missing(const struct candidate *key, const struct sb_shape *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->projected_n; i++)
        n += !in_key(key, s->projected[i]);
    return n;
}

void sb_plan_cover(const struct sb_index_question *q, const struct candidate *all, size_t n, struct planned *p)
{
    struct candidate *key = &p->key;
    for (size_t i = 0; i < n; i++) {
        const struct sb_shape *s = all[i].work->shape;
        if (all[i].why_not[0] || !sb_candidate_within(&all[i], key) || !worth_covering(q, &all[i], key))
            continue;
        size_t more = missing(key, s);
        if (p->covering + more > COVER_FIELDS || key->n + more > SB_INDEX_MAX_FIELDS)
            continue;
        for (size_t k = 0; k < s->projected_n; k++)
            if (!in_key(key, s->projected[k])) {
                key->field[key->n] = (struct key_field){s->projected[k], 1, true, false, (unsigned)key->n + 1};
                key->n++;
                p->covering++;
            }
    }
}
