/* SPDX-License-Identifier: Apache-2.0
 *
 * Consolidation: the fewest indexes that serve every shape which may be given one. Every way to share keys is tried as long as
 * there are few shapes; of many the costliest and longest are placed first, and the search ends at a number of steps. */
#include "optimizer_merge.h"

#include <string.h>

#define MOST_STEPS 200000 /* pairs of keys that are laid side by side */

struct group {
    struct order order;
    const struct candidate *first; /* whose collation, and whose shape's arrays, are the key's */
};

struct search {
    const struct sb_index_question *q;
    const struct candidate *all; /* of the collection */
    size_t all_n;
    struct candidate **need; /* to be placed, in order */
    size_t n;
    size_t *at, *best_at;    /* the group of each */
    struct group *group;
    size_t groups, best_groups, best_fields;
    size_t steps;
};

static bool joins(const struct search *s, const struct group *g, const struct candidate *c, struct order *out)
{
    struct order mine;
    if (!sb_streq(g->first->work->shape->collation, c->work->shape->collation))
        return false;
    sb_order_of(&mine, c);
    return sb_order_merge(&g->order, &mine, out) && !sb_fields_parallel(s->q, c->work->shape, out->field, out->n) &&
           !sb_fields_parallel(s->q, g->first->work->shape, out->field, out->n);
}

/* Nothing was added and nothing decided: the group serves it as it is. */
static bool same(const struct order *a, const struct order *b)
{
    bool is = a->n == b->n;
    for (size_t i = 0; i < a->n && is; i++)
        is = strcmp(a->field[i].path, b->field[i].path) == 0 && a->field[i].free == b->field[i].free &&
             (i == 0 || (a->field[i].block == a->field[i - 1].block) == (b->field[i].block == b->field[i - 1].block));
    return is;
}

static void keep_if_best(struct search *s)
{
    size_t fields = 0;
    for (size_t i = 0; i < s->groups; i++)
        fields += s->group[i].order.n;
    if (s->groups > s->best_groups || (s->groups == s->best_groups && fields >= s->best_fields))
        return;
    s->best_groups = s->groups;
    s->best_fields = fields;
    memcpy(s->best_at, s->at, s->n * sizeof *s->at);
}

static void place(struct search *s, size_t i)
{
    if (s->groups > s->best_groups || s->steps > MOST_STEPS)
        return;
    if (i == s->n) {
        keep_if_best(s);
        return;
    }
    struct candidate *c = s->need[i];
    struct order merged;
    for (size_t g = 0; g < s->groups; g++) {
        s->steps++;
        if (!joins(s, &s->group[g], c, &merged))
            continue;
        struct order before = s->group[g].order;
        s->group[g].order = merged;
        s->at[i] = g;
        place(s, i + 1);
        s->group[g].order = before;
        if (same(&merged, &before))
            return;
    }
    s->at[i] = s->groups;
    struct group *g = &s->group[s->groups++];
    g->first = c;
    sb_order_of(&g->order, c);
    place(s, i + 1);
    s->groups--;
}

/* Long keys first: the short ones then find a place in them; of equally long ones the costlier. */
static int by_length(const void *a, const void *b)
{
    const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    if (x->sums.total_ms != y->sums.total_ms)
        return x->sums.total_ms > y->sums.total_ms ? -1 : 1;
    return strcmp(x->work->shape->fingerprint, y->work->shape->fingerprint);
}

/* ---- the plan ---- */

/* Where it does not matter, the key turns as the costliest shape sorts. */
static void turn_like(struct order *o, const struct candidate *lead)
{
    int turn = 0;
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; k < lead->n; k++) {
            struct key_field *f = &o->field[i];
            if (strcmp(f->path, lead->field[k].path) != 0)
                continue;
            if (f->free)
                f->direction = lead->field[k].direction;
            else if (turn == 0 && !lead->field[k].free)
                turn = f->direction * lead->field[k].direction;
        }
    for (size_t i = 0; turn < 0 && i < o->n; i++)
        if (!o->field[i].free)
            o->field[i].direction = -o->field[i].direction;
}

/* The group's key, under the costliest of those that it is for. */
static void fill(const struct search *s, size_t group, struct planned *p)
{
    struct order o = {.n = 0}, mine, merged;
    const struct candidate *lead = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct candidate *c = s->need[i];
        if (s->best_at[i] != group)
            continue;
        p->serves++;
        p->total_ms += c->sums.total_ms;
        p->waste += sb_candidate_waste(c);
        if (!lead || c->sums.total_ms > lead->sums.total_ms || (c->sums.total_ms == lead->sums.total_ms && c->sums.docs_examined > lead->sums.docs_examined))
            lead = c;
    }
    for (size_t i = 0; i < s->n; i++) { /* in the sequence in which they joined */
        if (s->best_at[i] != group)
            continue;
        sb_order_of(&mine, s->need[i]);
        if (o.n == 0)
            o = mine;
        else if (sb_order_merge(&o, &mine, &merged))
            o = merged;
    }
    p->key = *lead;
    sb_plan_stand_for(s->q, s->all, s->all_n, p, &o);
    sb_order_settle(&o, s->q);
    turn_like(&o, lead);
    memcpy(p->key.field, o.field, sizeof p->key.field);
    p->key.n = o.n;
    sb_plan_cover(s->q, s->all, s->all_n, p);
}

static int by_gain(const void *a, const void *b)
{
    const struct planned *x = a, *y = b;
    if (x->total_ms != y->total_ms)
        return x->total_ms > y->total_ms ? -1 : 1;
    if (x->waste != y->waste)
        return x->waste > y->waste ? -1 : 1;
    if (x->key.n != y->key.n)
        return x->key.n < y->key.n ? -1 : 1;
    int c = strcmp(x->key.work->shape->fingerprint, y->key.work->shape->fingerprint);
    return c ? c : x->key.arm < y->key.arm ? -1 : x->key.arm > y->key.arm;
}

static int search(struct search *s, struct planned **out, size_t *out_n)
{
    s->best_groups = s->best_fields = SIZE_MAX;
    qsort(s->need, s->n, sizeof *s->need, by_length);
    place(s, 0);
    *out = calloc(s->best_groups + 1, sizeof **out);
    if (!*out)
        return -1;
    for (size_t g = 0; g < s->best_groups; g++)
        fill(s, g, &(*out)[g]);
    *out_n = s->best_groups;
    qsort(*out, *out_n, sizeof **out, by_gain);
    return 0;
}

int sb_plan_make(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned **out, size_t *out_n)
{
    struct search s = {.q = q, .all = all, .all_n = n, .need = calloc(n + 1, sizeof *s.need), .at = calloc(n + 1, sizeof *s.at), .best_at = calloc(n + 1, sizeof *s.best_at),
                       .group = calloc(n + 1, sizeof *s.group)};
    *out = NULL;
    *out_n = 0;
    int rc = s.need && s.at && s.best_at && s.group ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!all[i].why_not[0])
            s.need[s.n++] = &all[i];
    if (rc == 0 && s.n)
        rc = search(&s, out, out_n);
    if (rc == 0)
        sb_plan_choose(q, all, n, *out, out_n);
    free(s.need);
    free(s.at);
    free(s.best_at);
    free(s.group);
    return rc;
}
