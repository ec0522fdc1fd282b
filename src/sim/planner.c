/* SPDX-License-Identifier: Apache-2.0
 *
 * From a question to candidate plans. */
#include <signalbox/base/hash.h>
#include <signalbox/sim/exec.h>
#include <signalbox/sim/sort.h>

#include <string.h>

#define MAX_PREDICATES 128
#define MAX_EXPLODE 200 /* scans that an $in is taken apart into to keep a sort order */

/* A condition on one path that an index may serve. */
struct predicate {
    const struct sim_expr *e;
    const char *path;
    size_t path_n;
    size_t child; /* which branch of the filter's $and it is (part of) */
    int group;    /* from one $elemMatch; 0 none */
};

struct ctx {
    struct sim_exec *exec;
    struct sim_arena *a;
    struct sim_coll *c;
    const struct sim_query *q;
    const struct sim_expr *const *child; /* the branches of the $and, or the filter itself */
    size_t child_n;
    struct predicate pred[MAX_PREDICATES];
    size_t pred_n;
    int groups;
};

/* The predicates are left as they are: most of the room for them is never used. */
static void ctx_init(struct ctx *x, struct sim_exec *e)
{
    x->exec = e;
    x->a = &e->arena;
    x->c = e->q.coll;
    x->q = &e->q;
    x->child = NULL;
    x->child_n = x->pred_n = 0;
    x->groups = 0;
}

/* How one index would be used. */
struct access {
    struct sim_index *index;
    struct sim_intervals values[SIM_MAX_FIELDS];
    bool used[SIM_MAX_FIELDS];
    const struct sim_expr *residual, *on_key; /* what the document (the key) must still be asked; NULL nothing */
    int sort; /* 0 not given, 1 forward, -1 backward */
    size_t explode; /* scans to merge for the sort; 1 one */
};

/* ---- predicates ---- */

static bool is_leaf(const struct sim_expr *e)
{
    return e->parts_n > 0;
}

static void add_predicate(struct ctx *x, const struct sim_expr *e, const char *prefix, size_t prefix_n, size_t child, int group)
{
    const struct sim_expr *leaf = e->kind == SIM_NOT ? e->sub[0] : e;
    if (!is_leaf(leaf) || x->pred_n == MAX_PREDICATES)
        return;
    struct predicate *p = &x->pred[x->pred_n];
    *p = (struct predicate){e, leaf->path, leaf->path_n, child, group};
    if (prefix_n) { /* items: {$elemMatch: {sku: ...}} speaks of items.sku */
        char *path = sim_arena_get(x->a, prefix_n + 1 + leaf->path_n + 1);
        if (!path)
            return;
        memcpy(path, prefix, prefix_n);
        path[prefix_n] = '.';
        memcpy(path + prefix_n + 1, leaf->path, leaf->path_n);
        p->path = path;
        p->path_n = prefix_n + 1 + leaf->path_n;
    }
    x->pred_n++;
    if (e->kind == SIM_ELEM_OBJECT) {
        x->pred_n--;
        const struct sim_expr *inner = e->sub[0];
        int own = ++x->groups;
        for (size_t i = 0; i < (inner->kind == SIM_AND ? inner->sub_n : 1); i++)
            add_predicate(x, inner->kind == SIM_AND ? inner->sub[i] : inner, p->path, p->path_n, child, own);
    }
}

static void collect(struct ctx *x, const struct sim_expr *root)
{
    const struct sim_expr **self = sim_arena_get(x->a, sizeof *self);
    if (!self)
        return;
    *self = root;
    x->child = root->kind == SIM_AND ? (const struct sim_expr *const *)root->sub : self;
    x->child_n = root->kind == SIM_AND ? root->sub_n : 1;
    x->pred_n = 0;
    for (size_t i = 0; i < x->child_n; i++)
        add_predicate(x, x->child[i], NULL, 0, i, 0);
}

/* ---- one index ---- */

static unsigned parts_shared(const char *a, size_t an, const char *b, size_t bn)
{
    unsigned n = 0;
    size_t i = 0;
    for (; i < an && i < bn && a[i] == b[i]; i++)
        n += a[i] == '.';
    bool end_a = i == an || a[i] == '.', end_b = i == bn || b[i] == '.';
    return n + (i > 0 && end_a && end_b);
}

/* Two fields that run through one array cannot both be bounded: different elements may satisfy them. */
static bool shares_array(const struct sim_index *index, unsigned i, unsigned j)
{
    const struct sim_field *f = &index->field[i], *g = &index->field[j];
    unsigned shared = parts_shared(f->path, strlen(f->path), g->path, strlen(g->path));
    uint32_t mask = shared >= 32 ? UINT32_MAX : (UINT32_C(1) << shared) - 1;
    return (f->multikey & g->multikey & mask) != 0;
}

static int strength(const struct predicate *p)
{
    switch (p->e->kind) {
    case SIM_EQ:
        return 4;
    case SIM_IN:
        return 3;
    case SIM_LT:
    case SIM_LTE:
    case SIM_GT:
    case SIM_GTE:
    case SIM_ELEM_VALUE:
        return 2;
    case SIM_REGEX:
        return 1;
    default:
        return 0;
    }
}

static bool on_field(const struct predicate *p, const struct sim_field *f)
{
    return strlen(f->path) == p->path_n && memcmp(f->path, p->path, p->path_n) == 0;
}

/* Of a hashed field only points say anything, and only the document decides. */
static void bound_hashed(struct ctx *x, struct access *acc, unsigned i, enum sim_exactness *done, bool *handled)
{
    for (size_t k = 0; k < x->pred_n; k++) {
        const struct predicate *p = &x->pred[k];
        struct sim_intervals v;
        if (p->group || !on_field(p, &acc->index->field[i]) || !sim_bounds_hashed(x->a, p->e, &v))
            continue;
        acc->values[i] = sim_bounds_intersect(x->a, &acc->values[i], &v);
        acc->used[i] = true;
        done[p->child] = SIM_FETCH;
        handled[p->child] = true;
    }
}

/* Bounds of field i; marks what the bounds decide in done[child]. */
static void bound_field(struct ctx *x, struct access *acc, unsigned i, int *group, enum sim_exactness *done, bool *handled)
{
    const struct sim_field *f = &acc->index->field[i];
    bool multikey = f->multikey != 0, blocked = false;
    const struct predicate *only = NULL;
    acc->values[i] = sim_bounds_all(x->a);
    if (i && !acc->used[0])
        return; /* an index whose first field is not asked for is walked as a whole */
    if (f->hashed) {
        bound_hashed(x, acc, i, done, handled);
        return;
    }
    for (unsigned j = 0; j < i; j++)
        blocked = blocked || (acc->used[j] && shares_array(acc->index, i, j));
    if (multikey)
        for (size_t k = 0; k < x->pred_n; k++)
            if (on_field(&x->pred[k], f) && (!only || strength(&x->pred[k]) > strength(only)) &&
                (!blocked || (x->pred[k].group && x->pred[k].group == *group)))
                only = &x->pred[k];
    for (size_t k = 0; k < x->pred_n; k++) {
        const struct predicate *p = &x->pred[k];
        struct sim_intervals v;
        enum sim_exactness exact;
        if (!on_field(p, f) || (multikey && p != only && !(only && p->group && p->group == only->group)))
            continue;
        if (!sim_bounds(x->a, p->e, multikey, acc->index->sparse, &v, &exact))
            continue;
        acc->values[i] = sim_bounds_intersect(x->a, &acc->values[i], &v);
        acc->used[i] = true;
        if (p->group && !*group)
            *group = p->group;
        if (!p->group && p->e->kind != SIM_ELEM_OBJECT) {
            done[p->child] = exact;
            handled[p->child] = true;
        }
    }
}

/* An $and of the branches for which keep() says so, without owning them. NULL for none. */
static const struct sim_expr *subset(struct ctx *x, const bool *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < x->child_n; i++)
        n += keep[i];
    if (n == 0)
        return NULL;
    struct sim_expr *all = sim_arena_get(x->a, sizeof *all);
    if (!all || !(all->sub = sim_arena_get(x->a, n * sizeof(struct sim_expr *))))
        return NULL;
    all->kind = SIM_AND;
    all->path = "";
    for (size_t i = 0; i < x->child_n; i++)
        if (keep[i])
            all->sub[all->sub_n++] = (struct sim_expr *)x->child[i];
    return n == 1 ? all->sub[0] : all;
}

static bool usable(const struct ctx *x, const struct sim_index *index)
{
    return !index->building && !index->hidden && (!index->partial || sim_expr_implies(x->q->filter, index->partial->root));
}

static bool single(const struct sim_intervals *v)
{
    return v->n == 1 && sim_interval_is_point(&v->iv[0]);
}

static bool all_points(const struct sim_intervals *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (!sim_interval_is_point(&v->iv[i]))
            return false;
    return v->n > 0;
}

/* A field with one value everywhere has any order. */
static bool constant(const struct ctx *x, const char *path)
{
    for (size_t i = 0; i < x->child_n; i++)
        if (x->child[i]->kind == SIM_EQ && strlen(path) == x->child[i]->path_n && memcmp(path, x->child[i]->path, x->child[i]->path_n) == 0 &&
            x->child[i]->v.type != BSON_TYPE_ARRAY)
            return true;
    return false;
}

/* Whether walking the index gives the sort order, in which direction, and into how many scans it must be taken apart. */
static void judge_sort(const struct ctx *x, struct access *acc)
{
    if (!x->q->sort)
        return;
    struct sim_iter it = sim_iter_of(x->q->sort);
    struct sim_elem s;
    bool more = sim_next(&it, &s);
    acc->explode = 1;
    for (unsigned i = 0; more && i < acc->index->fields; i++) {
        const struct sim_field *f = &acc->index->field[i];
        if (strcmp(f->path, s.key) == 0 && !f->hashed) {
            int want = (sim_number(s.v) < 0) == f->descending ? 1 : -1;
            if (f->multikey || (acc->sort && acc->sort != want))
                break;
            acc->sort = want;
            more = sim_next(&it, &s);
        } else if (!single(&acc->values[i]) || f->multikey) {
            if (constant(x, s.key)) {
                more = sim_next(&it, &s);
                i--;
                continue;
            }
            if (f->multikey || !all_points(&acc->values[i]) || acc->explode * acc->values[i].n > MAX_EXPLODE)
                break;
            acc->explode *= acc->values[i].n;
        }
    }
    while (more && constant(x, s.key))
        more = sim_next(&it, &s);
    if (more)
        acc->sort = 0;
    else if (!acc->sort)
        acc->sort = 1; /* every sort field is constant */
    if (!acc->sort)
        acc->explode = 1;
}

/* Most indexes of a collection begin with a field that nobody asks for. */
static bool asks_for(const struct ctx *x, const struct sim_field *f)
{
    for (size_t k = 0; k < x->pred_n; k++)
        if (on_field(&x->pred[k], f))
            return true;
    return false;
}

/* How this index would be used; false when the filter gives it nothing to do and it is not forced. */
static bool consider(struct ctx *x, struct sim_index *index, bool forced, struct access *acc)
{
    if (!forced && !asks_for(x, &index->field[0]))
        return false;
    size_t n = x->child_n + 1;
    enum sim_exactness *done = sim_arena_get(x->a, n * sizeof *done);
    bool *handled = sim_arena_get(x->a, 3 * n * sizeof *handled);
    int group = 0;
    if (!done || !handled)
        return false;
    bool *residual = handled + n, *on_key = residual + n;
    acc->index = index;
    memset(acc->used, 0, index->fields * sizeof acc->used[0]); /* values are filled field by field */
    acc->sort = 0;
    acc->explode = 1;
    for (unsigned i = 0; i < index->fields; i++)
        bound_field(x, acc, i, &group, done, handled);
    if (!acc->used[0] && !forced)
        return false;
    bool fetch = false;
    for (size_t i = 0; i < x->child_n; i++) {
        residual[i] = !handled[i] || done[i] == SIM_FETCH;
        on_key[i] = handled[i] && done[i] == SIM_COVERED;
        fetch = fetch || residual[i];
    }
    acc->residual = subset(x, residual);
    acc->on_key = subset(x, on_key);
    judge_sort(x, acc);
    return true;
}

/* ---- stages ---- */

static struct sim_stage *stage(struct ctx *x, enum sim_stage_kind kind, struct sim_stage *child)
{
    struct sim_stage *s = sim_arena_get(x->a, sizeof *s);
    if (!s)
        return NULL;
    s->kind = kind;
    s->child = child;
    s->coll = x->c;
    s->fail = &x->exec->fail;
    s->explained = x->q->keep_trials;
    sb_str_init(&s->seek);
    return s;
}

static struct sim_stage *scan_stage(struct ctx *x, enum sim_stage_kind kind, const struct access *acc, const struct sim_intervals *values)
{
    struct sim_stage *s = stage(x, kind, NULL);
    struct sim_scan *scan = sim_arena_get(x->a, sizeof *scan);
    if (!s || !scan)
        return NULL;
    scan->index = acc->index;
    scan->index_id = acc->index->id;
    if (!(scan->name = sim_arena_copy(x->a, acc->index->name, strlen(acc->index->name) + 1)))
        return NULL;
    scan->backward = acc->sort < 0;
    if (!(scan->values = sim_arena_copy(x->a, values, acc->index->fields * sizeof *values)))
        return NULL;
    s->scan = scan;
    s->filter = acc->on_key;
    struct sb_str room; /* not the stage's own: a plan may be given up before anybody releases its stages */
    sb_str_init(&room);
    bool prepared = sim_scan_prepare(x->a, scan, &room);
    sb_str_release(&room);
    return prepared ? s : NULL;
}

struct covering {
    const struct sim_index *index;
};

static bool covers(void *ctx, const char *path)
{
    const struct covering *c = ctx;
    for (unsigned i = 0; i < c->index->fields; i++)
        if (strcmp(c->index->field[i].path, path) == 0 && !c->index->field[i].hashed)
            return true;
    return false;
}

/* True when the key holds every field that is asked for. */
static bool covered(const struct ctx *x, const struct access *acc)
{
    struct covering c = {acc->index};
    if (acc->residual || acc->index->multikey)
        return false;
    if (x->q->purpose == SIM_FOR_COUNT)
        return true;
    if (x->q->purpose != SIM_FOR_FIND || !x->q->projection || !sim_projection_fields(x->q->projection, covers, &c))
        return false;
    if (x->q->sort && !acc->sort) {
        struct sim_iter it = sim_iter_of(x->q->sort);
        struct sim_elem e;
        while (sim_next(&it, &e))
            if (!covers(&c, e.key))
                return false;
    }
    return true;
}

static struct sim_stage *fetch_stage(struct ctx *x, struct sim_stage *child, const struct sim_expr *filter)
{
    struct sim_stage *s = child ? stage(x, SIM_FETCH_STAGE, child) : NULL;
    if (s)
        s->filter = filter;
    return s;
}

/* The index's scans, one for each combination of points in front of the sort fields, merged. */
static struct sim_stage *merged(struct ctx *x, const struct access *acc)
{
    struct sim_stage *m = stage(x, SIM_SORT_MERGE, NULL);
    size_t n = acc->explode;
    if (!m || !(m->children = sim_arena_get(x->a, n * sizeof(struct sim_stage *))) || !(m->head = sim_arena_get(x->a, n * sizeof *m->head)) ||
        !(m->head_key = sim_arena_get(x->a, n * sizeof *m->head_key)) || !(m->head_full = sim_arena_get(x->a, n * sizeof *m->head_full)))
        return NULL;
    m->pattern = x->q->sort;
    for (size_t combination = 0; combination < n; combination++) {
        struct sim_intervals values[SIM_MAX_FIELDS];
        memcpy(values, acc->values, acc->index->fields * sizeof *values);
        size_t rest = combination, count = n;
        for (unsigned i = 0; i < acc->index->fields && count > 1; i++) {
            if (values[i].n < 2 || !all_points(&values[i]))
                continue;
            count /= values[i].n;
            values[i].iv += rest / count;
            values[i].n = 1;
            rest %= count;
        }
        struct sim_stage *s = scan_stage(x, SIM_IXSCAN, acc, values);
        if (!s)
            return NULL;
        sb_str_init(&m->head_key[combination]);
        m->children[m->children_n++] = s;
    }
    return m;
}

/* SORT, SKIP, PROJECTION, LIMIT, COUNT over the data, in the order in which the server stacks them. */
static struct sim_stage *finish(struct ctx *x, struct sim_stage *s, bool sorted, bool is_covered)
{
    const struct sim_query *q = x->q;
    bool sorting = q->sort && !sorted;
    if (s && sorting) {
        if ((s = stage(x, SIM_SORT, s))) {
            s->pattern = q->sort;
            s->amount = q->limit ? q->limit + q->skip : 0;
            s->allow_disk = q->allow_disk;
            s->sort_default = q->purpose == SIM_FOR_MODIFY;
        }
    }
    if (q->purpose == SIM_FOR_COUNT) {
        if (s && (s = stage(x, SIM_COUNT_STAGE, s))) {
            s->amount = q->limit;
            s->n_matched = q->skip;
        }
        return s;
    }
    if (s && q->skip && (s = stage(x, SIM_SKIP, s)))
        s->amount = q->skip;
    if (s && q->projection && (s = stage(x, is_covered ? SIM_PROJECTION_COVERED : SIM_PROJECTION, s)))
        s->projection = q->projection;
    if (s && q->limit && !sorting && (s = stage(x, SIM_LIMIT, s)))
        s->amount = q->limit;
    return s;
}

/* An index that decides everything by one stretch of keys can be counted without looking at documents. */
static struct sim_stage *count_scan(struct ctx *x, const struct access *acc)
{
    if (x->q->purpose != SIM_FOR_COUNT || acc->residual || acc->on_key)
        return NULL;
    struct sim_stage *s = scan_stage(x, SIM_COUNT_SCAN, acc, acc->values);
    return s && s->scan->simple ? s : NULL;
}

static struct sim_stage *indexed(struct ctx *x, const struct access *acc)
{
    struct sim_stage *counting = count_scan(x, acc);
    if (counting)
        return finish(x, counting, true, true);
    bool is_covered = covered(x, acc);
    struct sim_stage *s = acc->explode > 1 ? merged(x, acc) : scan_stage(x, SIM_IXSCAN, acc, acc->values);
    if (!is_covered)
        s = fetch_stage(x, s, acc->residual);
    return s ? finish(x, s, acc->sort != 0, is_covered) : NULL;
}

/* ---- $or ---- */

static unsigned tightness(const struct access *acc)
{
    unsigned n = 0;
    while (n < acc->index->fields && acc->used[n])
        n++;
    return n;
}

/* The best index for one branch of an $or, as IXSCAN or FETCH with the rest of the branch; NULL when there is none. */
static struct sim_stage *branch(struct ctx *x, const struct sim_expr *e)
{
    struct ctx y;
    struct access best, acc;
    bool found = false;
    ctx_init(&y, x->exec);
    collect(&y, e);
    for (unsigned i = 0; i < x->c->indexes; i++) {
        struct sim_index *index = x->c->index[i];
        bool fits = !index->building && !index->hidden && (!index->partial || sim_expr_implies(e, index->partial->root));
        if (!fits || !consider(&y, index, false, &acc) || (found && tightness(&acc) <= tightness(&best)))
            continue;
        best = acc;
        found = true;
    }
    if (!found)
        return NULL;
    best.sort = 0;
    struct sim_stage *s = scan_stage(&y, SIM_IXSCAN, &best, best.values);
    return best.residual ? fetch_stage(&y, s, best.residual) : s;
}

/* A filter that is an $or is planned branch by branch, even when that comes to one scan; a count counts what comes of it. */
static struct sim_stage *subplanned(struct ctx *x, struct sim_stage *s, bool natural)
{
    bool whole = x->q->filter->kind == SIM_OR && !x->q->hint.type && !natural;
    if (whole && x->q->purpose == SIM_FOR_COUNT)
        s = stage(x, SIM_SUBPLAN, s);
    s = s ? finish(x, s, false, false) : NULL;
    return s && whole && x->q->purpose != SIM_FOR_COUNT ? stage(x, SIM_SUBPLAN, s) : s;
}

static struct sim_stage *collscan(struct ctx *x, bool natural, bool backward)
{
    struct sim_stage *s = stage(x, SIM_COLLSCAN, NULL);
    if (!s)
        return NULL;
    s->filter = sim_matches_all(x->q->filter) ? NULL : x->q->filter;
    s->backward = backward;
    return subplanned(x, s, natural);
}

/* Branches stand in the order of their indexes in the collection. */
static unsigned position(const struct ctx *x, const struct sim_stage *s)
{
    unsigned i = 0;
    while (s->child)
        s = s->child;
    while (i < x->c->indexes && x->c->index[i] != s->scan->index)
        i++;
    return i;
}

static struct sim_stage *or_plan(struct ctx *x, const struct sim_expr *or, const struct sim_expr *rest)
{
    struct sim_stage *s = stage(x, SIM_OR_STAGE, NULL);
    if (!s || !(s->children = sim_arena_get(x->a, or->sub_n * sizeof(struct sim_stage *))))
        return NULL;
    for (size_t i = 0; i < or->sub_n; i++) {
        struct sim_stage *b = branch(x, or->sub[i]);
        if (!b)
            return NULL;
        size_t k = s->children_n++;
        for (; k && position(x, s->children[k - 1]) > position(x, b); k--)
            s->children[k] = s->children[k - 1];
        s->children[k] = b;
    }
    bool fetch = rest || x->q->purpose != SIM_FOR_COUNT;
    s = fetch ? fetch_stage(x, s, rest) : s;
    return s ? subplanned(x, s, false) : NULL;
}

static struct sim_stage *or_candidate(struct ctx *x)
{
    for (size_t i = 0; i < x->child_n; i++) {
        if (x->child[i]->kind != SIM_OR)
            continue;
        bool *keep = sim_arena_get(x->a, x->child_n * sizeof *keep);
        if (!keep)
            return NULL;
        for (size_t k = 0; k < x->child_n; k++)
            keep[k] = k != i;
        struct sim_stage *s = or_plan(x, x->child[i], subset(x, keep));
        if (s)
            return s;
    }
    return NULL;
}

/* ---- distinct ---- */

static struct sim_stage *distinct_scan(struct ctx *x)
{
    struct access acc;
    for (unsigned i = 0; i < x->c->indexes; i++) {
        struct sim_index *index = x->c->index[i];
        if (!usable(x, index) || index->multikey || index->sparse || index->field[0].hashed || strcmp(index->field[0].path, x->q->distinct) != 0 ||
            !consider(x, index, true, &acc) || acc.residual || acc.on_key)
            continue;
        struct sim_stage *s = scan_stage(x, SIM_DISTINCT_SCAN, &acc, acc.values);
        return s ? stage(x, SIM_PROJECTION_COVERED, s) : NULL;
    }
    return NULL;
}

/* ---- hints ---- */

static bool is_natural(struct sim_val hint)
{
    return hint.type == BSON_TYPE_DOCUMENT && sim_find(hint.p, "$natural").type;
}

static struct sim_index *hinted(struct ctx *x)
{
    struct sim_val h = x->q->hint;
    struct sim_index *index = h.type == BSON_TYPE_DOCUMENT ? sim_coll_index_by_key(x->c, h.p)
                              : sim_is_text(h.type)        ? sim_coll_index(x->c, sim_text(h), sim_text_n(h))
                                                           : NULL;
    return index && !index->hidden && !index->building ? index : NULL;
}

static int no_such_index(const struct ctx *x, struct sim_fail *f)
{
    struct sb_str question;
    sb_str_init(&question);
    sim_query_tell(&question, x->q);
    int rc = sb_str_ok(&question) ? sim_fail(f, SIM_BAD_VALUE, "error processing query: %s planner returned error :: caused by :: hint provided does not correspond to "
                                             "an existing index", question.p)
                                  : sim_fail_nomem(f);
    sb_str_release(&question);
    return rc;
}

static int plan_hint(struct ctx *x, struct sim_stage **plans, struct sim_fail *f)
{
    struct access acc;
    struct sim_index *index = hinted(x);
    if (!index)
        return no_such_index(x, f);
    if (!consider(x, index, true, &acc) || !(plans[0] = indexed(x, &acc)))
        return sim_fail_nomem(f);
    return 1;
}

/* ---- all candidates ---- */

/* {_id: value} and nothing that needs planning. */
static bool is_idhack(const struct sim_query *q)
{
    const struct sim_expr *e = q->filter;
    return e->kind == SIM_EQ && e->path_n == 3 && memcmp(e->path, "_id", 3) == 0 && e->v.type != BSON_TYPE_REGEX && e->v.type != BSON_TYPE_ARRAY &&
           e->v.type != BSON_TYPE_NULL && !q->hint.type && !q->skip && !(q->sort && q->purpose == SIM_FOR_MODIFY) &&
           (q->purpose == SIM_FOR_FIND || q->purpose >= SIM_FOR_UPDATE) && q->coll->indexes && q->coll->index[0]->is_id;
}

static struct sim_stage *idhack(struct ctx *x)
{
    struct sim_stage *s = stage(x, SIM_IDHACK, NULL);
    if (!s)
        return NULL;
    s->id = x->q->filter->v;
    if (x->q->projection && (s = stage(x, SIM_PROJECTION, s)))
        s->projection = x->q->projection;
    return s;
}

static bool natural_sort(const struct sim_query *q, bool *backward)
{
    struct sim_val v = q->sort ? sim_find(q->sort, "$natural") : sim_missing;
    if (!v.type && is_natural(q->hint))
        v = sim_find(q->hint.p, "$natural");
    *backward = v.type && sim_number(v) < 0;
    return v.type != 0;
}

static void plan_indexes(struct ctx *x, struct sim_stage **plans, int *n)
{
    struct access acc;
    bool sorted = !x->q->sort;
    for (unsigned i = 0; i < x->c->indexes && *n < SIM_MAX_PLANS; i++) {
        if (!usable(x, x->c->index[i]) || !consider(x, x->c->index[i], false, &acc))
            continue;
        struct sim_stage *counting = count_scan(x, &acc);
        if (counting) { /* the first index that can be counted by itself is taken without a trial */
            plans[0] = finish(x, counting, true, true);
            *n = plans[0] ? 1 : 0;
            return;
        }
        sorted = sorted || acc.sort;
        if ((plans[*n] = indexed(x, &acc)))
            ++*n;
    }
    if (*n == 0) {
        struct sim_stage *s = or_candidate(x);
        if (s)
            plans[(*n)++] = s;
    }
    for (unsigned i = 0; !sorted && i < x->c->indexes && *n < SIM_MAX_PLANS; i++) {
        struct sim_index *index = x->c->index[i];
        if (!usable(x, index) || index->sparse || !consider(x, index, true, &acc) || acc.used[0] || !acc.sort || acc.explode > 1)
            continue;
        if ((plans[*n] = indexed(x, &acc)))
            ++*n;
    }
    /* nothing to look for, but an index holds all that is asked for */
    for (unsigned i = 0; *n == 0 && sim_matches_all(x->q->filter) && x->q->purpose == SIM_FOR_FIND && x->q->projection && i < x->c->indexes; i++) {
        struct sim_index *index = x->c->index[i];
        if (usable(x, index) && !index->sparse && !index->partial && consider(x, index, true, &acc) && covered(x, &acc) && (plans[*n] = indexed(x, &acc)))
            ++*n;
    }
}

int sim_plan(struct sim_exec *e, struct sim_stage **plans, struct sim_fail *f)
{
    struct ctx ctx, *x = &ctx;
    const struct sim_query *q = &e->q;
    bool backward;
    int n = 0;
    ctx_init(x, e);
    if (!q->coll) {
        plans[0] = stage(x, SIM_EOF_PLAN, NULL);
    } else if (natural_sort(q, &backward)) {
        e->q.sort = NULL;
        plans[0] = collscan(x, true, backward);
    } else if (is_idhack(q)) {
        plans[0] = idhack(x);
    } else if (q->purpose == SIM_FOR_COUNT && sim_matches_all(q->filter) && !q->hint.type) {
        if ((plans[0] = stage(x, SIM_FAST_COUNT, NULL))) {
            plans[0]->amount = q->limit;
            plans[0]->n_matched = q->skip;
        }
    } else {
        collect(x, q->filter);
        if (q->hint.type)
            return plan_hint(x, plans, f);
        if (q->purpose == SIM_FOR_DISTINCT && (plans[0] = distinct_scan(x)))
            return 1;
        plan_indexes(x, plans, &n);
        if (n == 0)
            plans[n] = collscan(x, false, false);
    }
    if (e->arena.failed || !plans[0])
        return sim_fail_nomem(f);
    return n ? n : 1;
}
