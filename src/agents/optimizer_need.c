/* SPDX-License-Identifier: Apache-2.0
 *
 * From one conjunction to one key pattern: equality, sort, range. */
#include "optimizer.h"

#include <string.h>

#define MOST_COMPARED 8 /* fields; more are no key: which few of them single a document out is not known without values */
#define MOST_RANGES 2   /* that are worth a place in the key */
#define MOST_PATH 255   /* bytes of a path that is worth an index */

const struct sb_field_fact *sb_field_fact_of(const struct sb_catalogue *c, const char *path)
{
    for (size_t i = 0; i < c->fields_n; i++)
        if (sb_streq(c->fields[i].path, path))
            return &c->fields[i];
    return NULL;
}

/* A path that the server takes into a key: text, no empty part, and none with a dollar but those of a reference. */
bool sb_path_indexable(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n > MOST_PATH || !bson_utf8_validate(path, n, false))
        return false;
    for (const char *p = path;; p++) {
        size_t part = strcspn(p, ".");
        if (part == 0)
            return false;
        if (*p == '$' && strncmp(p, "$id", part) != 0 && strncmp(p, "$ref", part) != 0 && strncmp(p, "$db", part) != 0)
            return false;
        p += part;
        if (!*p)
            return true;
    }
}

static struct key_field *find(struct candidate *c, const char *path)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->field[i].path, path) == 0)
            return &c->field[i];
    return NULL;
}

static void push(struct candidate *c, struct key_field f)
{
    if (c->n < SB_INDEX_MAX_FIELDS && sb_path_indexable(f.path) && !find(c, f.path))
        c->field[c->n++] = f;
}

static int64_t selectivity(const struct sb_index_question *q, const char *path)
{
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    return f ? f->distinct_ppm : 0;
}

bool sb_field_before(const struct sb_index_question *q, const struct key_field *a, const struct key_field *b)
{
    if (a->list != b->list)
        return b->list;
    int64_t x = selectivity(q, a->path), y = selectivity(q, b->path);
    return x != y ? x > y : strcmp(a->path, b->path) < 0;
}

/* The predicates of an arm are its own and those of the filter around it. */
static bool of_arm(const struct sb_predicate *p, size_t arm)
{
    return p->arm == 0 || p->arm == arm;
}

static void push_equalities(struct candidate *c, const struct sb_index_question *q, size_t arm)
{
    const struct sb_shape *s = c->work->shape;
    for (size_t i = 0; i < s->predicates_n; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        bool list = p->class_ == SB_PREDICATE_IN;
        if (!of_arm(p, arm) || (!list && p->class_ != SB_PREDICATE_EQUALITY))
            continue;
        struct key_field *twin = find(c, p->path);
        if (twin)
            twin->list = twin->list && list;
        else
            push(c, (struct key_field){p->path, 1, true, list, 0});
    }
    for (size_t i = 1; i < c->n; i++)
        for (size_t k = i; k > 0 && sb_field_before(q, &c->field[k], &c->field[k - 1]); k--) {
            struct key_field f = c->field[k];
            c->field[k] = c->field[k - 1];
            c->field[k - 1] = f;
        }
    c->equalities = c->n;
}

static void push_sort(struct candidate *c)
{
    const struct sb_shape *s = c->work->shape;
    for (size_t i = 0; i < s->sorts_n; i++)
        if (s->sorts[i].direction == 0 || !sb_path_indexable(s->sorts[i].path))
            return; /* a text score or the like: no index gives that order */
    for (size_t i = 0; i < s->sorts_n; i++)
        push(c, (struct key_field){s->sorts[i].path, s->sorts[i].direction, false, false, (unsigned)c->n + 1});
}

static bool is_range(const struct sb_predicate *p)
{
    return p->class_ == SB_PREDICATE_RANGE || p->class_ == SB_PREDICATE_IN_BIG || p->class_ == SB_PREDICATE_REGEX_PREFIX;
}

/* Each end counts. */
static size_t ranges_of(const struct sb_shape *s, size_t arm)
{
    size_t n = 0;
    for (size_t i = 0; i < s->predicates_n; i++)
        n += of_arm(&s->predicates[i], arm) && is_range(&s->predicates[i]);
    return n;
}

/* The most selective range, and a second one: it bounds nothing, but what it keeps out need not be fetched. */
static void push_ranges(struct candidate *c, const struct sb_index_question *q, size_t arm)
{
    const struct sb_shape *s = c->work->shape;
    for (size_t taken = 0; taken < MOST_RANGES; taken++) {
        const struct sb_predicate *best = NULL;
        for (size_t i = 0; i < s->predicates_n; i++) {
            const struct sb_predicate *p = &s->predicates[i];
            if (of_arm(p, arm) && is_range(p) && sb_path_indexable(p->path) && !find(c, p->path) && (!best || selectivity(q, p->path) > selectivity(q, best->path)))
                best = p;
        }
        if (!best)
            return;
        push(c, (struct key_field){best->path, 1, true, false, (unsigned)c->n + 1});
    }
}

/* ---- arrays ---- */

/* The array that the shape says this path runs through, or the path itself where the sample saw an array; NULL: none known. */
static const char *array_of(const struct sb_index_question *q, const struct sb_shape *s, const char *path)
{
    for (size_t i = 0; s && i < s->predicates_n; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        if (strcmp(p->path, path) != 0)
            continue;
        if (p->elem_path && p->elem_path[0])
            return p->elem_path;
        if (strcmp(p->op, "$all") == 0 || strcmp(p->op, "$size") == 0)
            return p->path;
    }
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    return f && f->array ? path : NULL;
}

bool sb_paths_parallel(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    const char *longer = n > m ? a : b;
    size_t shorter = n > m ? m : n;
    return strncmp(a, b, shorter) != 0 || (longer[shorter] != '\0' && longer[shorter] != '.');
}

bool sb_fields_parallel(const struct sb_index_question *q, const struct sb_shape *s, const struct key_field *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *a = array_of(q, s, f[i].path);
        for (size_t k = 0; a && k < i; k++) {
            const char *b = array_of(q, s, f[k].path);
            if (b && sb_paths_parallel(a, b))
                return true;
        }
    }
    return false;
}

static void leave_out(struct candidate *c, size_t at)
{
    memmove(&c->field[at], &c->field[at + 1], (c->n - at - 1) * sizeof c->field[0]);
    c->n--;
    if (at < c->equalities)
        c->equalities--;
}

/* An index may run through one array only: of two array fields the less selective one is left out. */
static void keep_one_array(struct candidate *c, const struct sb_index_question *q)
{
    const struct sb_shape *s = c->work->shape;
    while (sb_fields_parallel(q, s, c->field, c->n)) {
        size_t worst = c->n;
        for (size_t i = c->n; i-- > 0;)
            if (array_of(q, s, c->field[i].path) && (worst == c->n || selectivity(q, c->field[i].path) < selectivity(q, c->field[worst].path)))
                worst = i;
        leave_out(c, worst);
    }
}

/* ---- the key ---- */

void sb_candidate_fill(struct candidate *c, const struct sb_index_question *q, size_t arm)
{
    const struct sb_shape *s = c->work->shape;
    c->arm = arm;
    push_equalities(c, q, arm);
    if (c->equalities > MOST_COMPARED || (c->equalities == 0 && ranges_of(s, arm) > 2 * MOST_COMPARED)) {
        c->n = c->equalities = 0;
        snprintf(c->why_not, sizeof c->why_not, "it compares more than %d fields: which few of them single out a document is not known without values", MOST_COMPARED);
        return;
    }
    push_sort(c);
    push_ranges(c, q, arm);
    if (s->distinct[0])
        push(c, (struct key_field){s->distinct, 1, true, false, (unsigned)c->n + 1});
    keep_one_array(c, q);
}
