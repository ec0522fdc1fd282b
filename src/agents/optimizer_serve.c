/* SPDX-License-Identifier: Apache-2.0
 *
 * What serves what: an index that exists, or a key that may be made, and the conjunction that asks. */
#include "optimizer.h"

#include <string.h>

static const struct key_field *equality_in(const struct candidate *c, const char *path)
{
    for (size_t i = 0; i < c->equalities; i++)
        if (strcmp(c->field[i].path, path) == 0)
            return &c->field[i];
    return NULL;
}

/* The equalities may stand in any order; behind them the fields must be the candidate's, those that it sorts by all in its
 * direction or all reversed. `path` and `direction` give the i-th field of the index. */
static bool serves(const struct candidate *c, size_t fields, const char *(*path)(const void *, size_t),
                   int (*direction)(const void *, size_t), const void *index)
{
    if (fields < c->n)
        return false;
    for (size_t i = 0; i < c->equalities; i++)
        if (direction(index, i) == 0 || !equality_in(c, path(index, i)))
            return false;
    int turn = 0;
    for (size_t i = c->equalities; i < c->n; i++) {
        if (strcmp(path(index, i), c->field[i].path) != 0 || direction(index, i) == 0)
            return false;
        if (c->field[i].free)
            continue;
        int this_turn = direction(index, i) * c->field[i].direction;
        if (turn == 0)
            turn = this_turn;
        if (this_turn != turn)
            return false;
    }
    return true;
}

static const char *index_path(const void *index, size_t i)
{
    return ((const struct sb_index_info *)index)->fields[i].path;
}

static int index_direction(const void *index, size_t i)
{
    return (int)((const struct sb_index_info *)index)->fields[i].direction;
}

static const char *candidate_path(const void *c, size_t i)
{
    return ((const struct candidate *)c)->field[i].path;
}

static int candidate_direction(const void *c, size_t i)
{
    return ((const struct candidate *)c)->field[i].direction;
}

bool sb_collation_is_none(const char *collation)
{
    return !collation[0] || strcmp(collation, "{\"locale\":\"simple\"}") == 0;
}

/* Only an index whose options let in everything that is asked for; hidden and unfinished ones serve nobody. */
static bool options_let(const struct candidate *c, const struct sb_index_info *index)
{
    char why[256];
    if (index->hidden || index->building || index->fields_n == 0)
        return false;
    if (!index->partial && !index->sparse && !index->collation)
        return sb_collation_is_none(c->work->shape->collation);
    bson_t *spec = index->spec ? bson_new_from_json((const uint8_t *)index->spec, -1, NULL) : NULL;
    bool fit = spec && sb_options_fit(spec, c, index->fields[0].path, why, sizeof why) == FIT_WHOLE;
    if (spec)
        bson_destroy(spec);
    return fit;
}

/* A unique index of which every field is compared with one value finds one document at most. */
static bool finds_one(const struct candidate *c, const struct sb_index_info *index)
{
    bool all = index->unique && !index->partial;
    for (size_t i = 0; i < index->fields_n && all; i++) {
        const struct key_field *f = equality_in(c, index->fields[i].path);
        all = f && !f->list && index->fields[i].direction != 0;
    }
    return all;
}

/* Hashed: one field, for equality. */
static bool hashed_serves(const struct candidate *c, const struct sb_index_info *index)
{
    const struct sb_index_field *f = &index->fields[0];
    return index->fields_n == 1 && f->direction == 0 && sb_streq(f->kind, "hashed") && c->n == 1 && c->equalities == 1 && strcmp(c->field[0].path, f->path) == 0;
}

/* "$**" and "a.$**": one field of those below, for equality, range or its own order. */
static bool wildcard_serves(const struct candidate *c, const struct sb_index_info *index)
{
    const char *path = index->fields[0].path;
    size_t n = strlen(path);
    if (index->fields_n != 1 || n < 3 || strcmp(path + n - 3, "$**") != 0 || c->n != 1 || strcmp(c->field[0].path, "_id") == 0)
        return false;
    if (index->spec && strstr(index->spec, "wildcardProjection"))
        return false; /* which fields are in it depends on more than the path */
    bool only_order = c->equalities == 0 && !c->field[0].free;
    return !only_order && strncmp(c->field[0].path, path, n - 3) == 0;
}

bool sb_candidate_served_by(const struct candidate *c, const struct sb_index_info *index)
{
    if (c->n == 0 || !options_let(c, index))
        return false;
    return hashed_serves(c, index) || wildcard_serves(c, index) || finds_one(c, index) || serves(c, index->fields_n, index_path, index_direction, index);
}

bool sb_candidate_within(const struct candidate *a, const struct candidate *b)
{
    return sb_streq(a->work->shape->collation, b->work->shape->collation) && serves(a, b->n, candidate_path, candidate_direction, b);
}

bool sb_key_serves(const struct candidate *c, const struct candidate *key)
{
    return serves(c, key->n, candidate_path, candidate_direction, key);
}

bool sb_candidate_helped_by(const struct candidate *c, const struct candidate *index)
{
    if (c->n == 0 || index->n == 0)
        return false;
    return equality_in(c, index->field[0].path) || (c->equalities == 0 && strcmp(index->field[0].path, c->field[0].path) == 0);
}
