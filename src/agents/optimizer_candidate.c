/* SPDX-License-Identifier: Apache-2.0
 *
 * From one shape to one key pattern: equality, sort, range. */
#include "optimizer.h"

#include <string.h>

#define GOOD_RATIO 10.0     /* documents examined per returned that need no help */
#define MOSTLY_RETURNED 0.3 /* an operation that returns so much of what it reads gains little from an index */
#define LEAST_MS 20         /* mean milliseconds below which nothing hurts */

const struct sb_field_fact *sb_field_fact_of(const struct sb_catalogue *c, const char *path)
{
    for (size_t i = 0; i < c->fields_n; i++)
        if (sb_streq(c->fields[i].path, path))
            return &c->fields[i];
    return NULL;
}

static bool has(const struct candidate *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->field[i].path, path) == 0)
            return true;
    return false;
}

static void push(struct candidate *c, const char *path, int direction)
{
    if (c->n < SB_INDEX_MAX_FIELDS && !has(c, path))
        c->field[c->n++] = (struct key_field){path, direction};
}

static int64_t selectivity(const struct sb_index_question *q, const char *path)
{
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    return f ? f->distinct_ppm : 0;
}

/* Plain equality before lists, then the more selective first, then by name: the same workload gives the same index. */
static bool before(const struct sb_index_question *q, const struct sb_predicate *a, const struct sb_predicate *b)
{
    bool a_list = a->class_ == SB_PREDICATE_IN, b_list = b->class_ == SB_PREDICATE_IN;
    if (a_list != b_list)
        return b_list;
    int64_t x = selectivity(q, a->path), y = selectivity(q, b->path);
    return x != y ? x > y : strcmp(a->path, b->path) < 0;
}

static void push_equalities(struct candidate *c, const struct sb_index_question *q, const struct sb_shape *shape)
{
    const struct sb_predicate *order[SB_INDEX_MAX_FIELDS];
    size_t n = 0;
    for (size_t i = 0; i < shape->predicates_n; i++) {
        const struct sb_predicate *p = &shape->predicates[i];
        if (p->arm != 0 || (p->class_ != SB_PREDICATE_EQUALITY && p->class_ != SB_PREDICATE_IN) || n == SB_INDEX_MAX_FIELDS)
            continue;
        size_t at = n++;
        while (at > 0 && before(q, p, order[at - 1])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = p;
    }
    for (size_t i = 0; i < n; i++)
        push(c, order[i]->path, 1);
    c->equalities = c->n;
}

static void push_sort(struct candidate *c, const struct sb_shape *shape)
{
    for (size_t i = 0; i < shape->sorts_n; i++)
        if (shape->sorts[i].direction == 0)
            return; /* a text score or the like: no index gives that order */
    for (size_t i = 0; i < shape->sorts_n; i++)
        push(c, shape->sorts[i].path, shape->sorts[i].direction);
}

static void push_range(struct candidate *c, const struct sb_index_question *q, const struct sb_shape *shape)
{
    const struct sb_predicate *best = NULL;
    for (size_t i = 0; i < shape->predicates_n; i++) {
        const struct sb_predicate *p = &shape->predicates[i];
        bool range = p->class_ == SB_PREDICATE_RANGE || p->class_ == SB_PREDICATE_IN_BIG || p->class_ == SB_PREDICATE_REGEX_PREFIX;
        if (p->arm == 0 && range && !has(c, p->path) && (!best || selectivity(q, p->path) > selectivity(q, best->path)))
            best = p;
    }
    if (best)
        push(c, best->path, 1);
}

/* An index may run through one array only: of two array fields the less selective one is left out. */
static void keep_one_array(struct candidate *c, const struct sb_index_question *q)
{
    for (;;) {
        size_t arrays = 0, worst = 0;
        for (size_t i = 0; i < c->n; i++) {
            const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, c->field[i].path);
            if (!f || !f->array)
                continue;
            if (arrays++ == 0 || selectivity(q, c->field[i].path) < selectivity(q, c->field[worst].path))
                worst = i;
        }
        if (arrays < 2)
            return;
        memmove(&c->field[worst], &c->field[worst + 1], (c->n - worst - 1) * sizeof c->field[0]);
        c->n--;
        if (worst < c->equalities)
            c->equalities--;
    }
}

static bool reads(enum sb_op_kind kind)
{
    return kind == SB_OP_FIND || kind == SB_OP_AGGREGATE || kind == SB_OP_COUNT || kind == SB_OP_DISTINCT || kind == SB_OP_UPDATE ||
           kind == SB_OP_REMOVE || kind == SB_OP_FIND_AND_MODIFY;
}

const char *sb_candidate_plan(const struct sb_work *w)
{
    const char *top = sb_shares_top(&w->plans);
    return top ? top : "not told";
}

/* What the operation's own numbers say against an index. */
static void judge(struct candidate *c, const struct sb_work *w)
{
    const struct sb_work_sums *s = &c->sums;
    const struct sb_shape *shape = w->shape;
    uint64_t useful = s->returned + s->written;
    c->ratio = (double)s->docs_examined / (double)(useful ? useful : 1);
    double mean_ms = s->timed ? (double)s->total_ms / (double)s->timed : 0;
    if (shape->unknown || shape->partial)
        snprintf(c->why_not, sizeof c->why_not, "the server wrote down only a part of the operation");
    else if (!reads(shape->kind))
        snprintf(c->why_not, sizeof c->why_not, "%s has no filter that an index could serve", shape->op);
    else if (s->count == 0)
        snprintf(c->why_not, sizeof c->why_not, "not seen in the evidence window");
    else if (c->ratio <= GOOD_RATIO && s->sorted == 0)
        snprintf(c->why_not, sizeof c->why_not, "already served: %.1f documents examined per document used, plan %s", c->ratio, sb_candidate_plan(w));
    else if (s->timed && mean_ms < LEAST_MS) /* the end of a long line, with the duration, may be cut off */
        snprintf(c->why_not, sizeof c->why_not, "takes %.1f ms on average: nothing to win", mean_ms);
    else if (c->n == 0)
        snprintf(c->why_not, sizeof c->why_not, "no equality, sort or range on a field that an index could serve");
    else if (s->sorted == 0 && s->docs_examined && (double)useful / (double)s->docs_examined > MOSTLY_RETURNED)
        snprintf(c->why_not, sizeof c->why_not, "it uses %.0f %% of what it reads: an index would not read less",
                 100.0 * (double)useful / (double)s->docs_examined);
}

void sb_candidate_of(struct candidate *c, const struct sb_index_question *q, const struct sb_work *work)
{
    memset(c, 0, sizeof *c);
    c->work = work;
    c->sums = q->whole_log ? work->sums : sb_work_window(q->workload, work, q->from, q->to, NULL);
    push_equalities(c, q, work->shape);
    push_sort(c, work->shape);
    push_range(c, q, work->shape);
    keep_one_array(c, q);
    judge(c, work);
    if (!c->why_not[0] && work->shape->arms_n > 1 && c->n == 0)
        snprintf(c->why_not, sizeof c->why_not, "an $or needs an index for each of its arms; that is not proposed yet");
}

/* ---- what serves what ---- */

static bool equality_in(const struct candidate *c, const char *path)
{
    for (size_t i = 0; i < c->equalities; i++)
        if (strcmp(c->field[i].path, path) == 0)
            return true;
    return false;
}

/* The equalities may stand in any order; behind them the fields must be the candidate's, all in its direction or all
 * reversed. `path` and `direction` give the i-th field of the index. */
static bool serves(const struct candidate *c, size_t fields, const char *(*path)(const void *, size_t),
                   int (*direction)(const void *, size_t), const void *index)
{
    if (fields < c->n)
        return false;
    for (size_t i = 0; i < c->equalities; i++)
        if (!equality_in(c, path(index, i)))
            return false;
    int turn = 0;
    for (size_t i = c->equalities; i < c->n; i++) {
        if (strcmp(path(index, i), c->field[i].path) != 0 || direction(index, i) == 0)
            return false;
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

bool sb_candidate_served_by(const struct candidate *c, const struct sb_index_info *index)
{
    if (index->partial || index->sparse || index->hidden || index->building || index->collation)
        return false; /* whether it may be used depends on more than the fields */
    for (size_t i = 0; i < index->fields_n && i < c->n; i++)
        if (index->fields[i].direction == 0)
            return false;
    return serves(c, index->fields_n, index_path, index_direction, index);
}

bool sb_candidate_has_filter(const struct candidate *c)
{
    return reads(c->work->shape->kind);
}

bool sb_candidate_within(const struct candidate *a, const struct candidate *b)
{
    return serves(a, b->n, candidate_path, candidate_direction, b);
}

bool sb_candidate_of_key(struct candidate *c, const bson_t *key)
{
    bson_iter_t it;
    c->n = 0;
    bool more = bson_iter_init(&it, key);
    while (more && bson_iter_next(&it)) {
        if (!BSON_ITER_HOLDS_NUMBER(&it))
            return false;
        push(c, bson_iter_key(&it), bson_iter_as_double(&it) < 0 ? -1 : 1);
    }
    return c->n > 0;
}

bool sb_candidate_helped_by(const struct candidate *c, const struct candidate *index)
{
    if (c->n == 0 || index->n == 0)
        return false;
    return equality_in(c, index->field[0].path) || (c->equalities == 0 && strcmp(index->field[0].path, c->field[0].path) == 0);
}

/* ---- texts ---- */

char *sb_candidate_key(const struct candidate *c)
{
    bson_t key;
    bson_init(&key);
    for (size_t i = 0; i < c->n; i++)
        BSON_APPEND_INT32(&key, c->field[i].path, c->field[i].direction);
    char *text = bson_as_canonical_extended_json(&key, NULL);
    char *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&key);
    return copy;
}

char *sb_index_default_name(const char *key)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    if (!doc)
        return NULL;
    struct sb_str name;
    sb_str_init(&name);
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, doc) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        sb_str_addf(&name, "%s%s_", name.len ? "_" : "", bson_iter_key(&it));
        if (BSON_ITER_HOLDS_NUMBER(&it))
            sb_str_addf(&name, "%d", bson_iter_as_double(&it) < 0 ? -1 : 1);
        else
            sb_str_adds(&name, BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "x");
    }
    bson_destroy(doc);
    return sb_str_take(&name);
}
