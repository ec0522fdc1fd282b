/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shapes of a collection ask for: a filter asks once, an $or once for each arm, a $lookup asks the collection that it
 * looks in. */
#include "optimizer.h"

#include <string.h>

#define MOST_FOUND 0.3 /* of the collection that an index may lead to */

struct collecting {
    const struct sb_index_question *q;
    struct candidate *all;
    size_t n;
    bool counted; /* what is asked for now is what the servers have counted */
};

/* The next free candidate, for this work; NULL: there are as many as are looked at. */
static struct candidate *begin(struct collecting *g, const struct sb_work *work)
{
    if (g->n == SB_INDEX_MAX_NEEDS)
        return NULL;
    struct candidate *c = &g->all[g->n++];
    memset(c, 0, sizeof *c);
    c->work = work;
    c->counted = g->counted;
    return c;
}

/* What would serve it if it were not hidden, or were finished. */
static void refuse_nearly_there(const struct sb_index_question *q, struct candidate *c)
{
    const struct sb_catalogue *cat = q->catalogue;
    for (size_t i = 0; i < cat->indexes_n && !c->why_not[0]; i++) {
        struct sb_index_info shown = cat->indexes[i];
        shown.hidden = shown.building = false;
        if ((cat->indexes[i].hidden || cat->indexes[i].building) && sb_candidate_served_by(c, &shown))
            snprintf(c->why_not, sizeof c->why_not, cat->indexes[i].building ? "index %.100s, which is being built, will serve it" : "index %.100s would serve it, but is hidden: unhide it rather than build another one",
                     shown.name);
    }
}

static void refuse_served(const struct sb_index_question *q, struct candidate *c)
{
    const struct sb_catalogue *cat = q->catalogue;
    bool before = c->why_not[0] != '\0';
    for (size_t i = 0; i < cat->indexes_n && !c->why_not[0]; i++)
        if (sb_candidate_served_by(c, &cat->indexes[i]))
            snprintf(c->why_not, sizeof c->why_not, "index %.100s already serves it%s", cat->indexes[i].name,
                     strstr(sb_candidate_plan(c->work), "IXSCAN") || strstr(sb_candidate_plan(c->work), "COUNT_SCAN") ? ": it reads what the operation asks for"
                     : c->counted                                                                                   ? "; it was not there, or not chosen, when this was counted"
                                                                                                                    : "; it was not there, or not chosen, when this was logged");
    refuse_nearly_there(q, c);
    c->served = c->why_not[0] && !before;
}

/* Something is left to be looked at in each document that the key leads to. */
static bool leaves_something(const struct candidate *c)
{
    const struct sb_shape *s = c->work->shape;
    for (size_t i = 0; i < s->predicates_n; i++) {
        bool in_key = s->predicates[i].arm != 0 && s->predicates[i].arm != c->arm;
        for (size_t k = 0; k < c->n && !in_key; k++)
            in_key = strcmp(c->field[k].path, s->predicates[i].path) == 0;
        if (!in_key)
            return true;
    }
    return s->arms_n > 1 && c->arm == 0;
}

/* Fields with so few values that an index on them, and on nothing else, still leads to most of the collection. Where everything
 * that is asked is in the key, what is returned tells, and not a mean. */
static void refuse_unselective(const struct sb_index_question *q, struct candidate *c)
{
    const struct sb_shape *s = c->work->shape;
    if (c->why_not[0] || c->n != c->equalities || s->sorts_n || s->limited || s->kind == SB_OP_COUNT || s->kind == SB_OP_DISTINCT || !leaves_something(c))
        return;
    for (size_t i = 0; i < c->n; i++)
        if (c->field[i].list)
            return;
    double found = sb_documents_found(q, c, c), documents = (double)q->catalogue->documents;
    if (documents > 0 && found > MOST_FOUND * documents)
        snprintf(c->why_not, sizeof c->why_not, "an index on what it compares would still lead to about %.0f %% of the collection: too few values", 100 * found / documents);
}

static void finish(const struct sb_index_question *q, struct candidate *c)
{
    sb_candidate_judge(c, q);
    refuse_served(q, c);
}

/* ---- $or ---- */

static bool narrows(const struct sb_predicate *p)
{
    return p->class_ == SB_PREDICATE_EQUALITY || p->class_ == SB_PREDICATE_IN || p->class_ == SB_PREDICATE_RANGE || p->class_ == SB_PREDICATE_IN_BIG ||
           p->class_ == SB_PREDICATE_REGEX_PREFIX;
}

static bool arm_narrows(const struct sb_shape *s, size_t arm)
{
    for (size_t i = 0; i < s->predicates_n; i++)
        if (s->predicates[i].arm == arm && narrows(&s->predicates[i]))
            return true;
    return false;
}

/* The $or at the top of the filter of which an index can narrow every arm; 0: there is none. *any: there is some $or. */
static size_t whole_or(const struct sb_shape *s, bool *any)
{
    *any = false;
    for (size_t i = 1; i < s->arms_n; i++) {
        if (s->arms[i].kind != SB_ARM_OR || s->arms[i].parent != 0)
            continue;
        *any = true;
        bool all = true;
        for (size_t k = 1; k < s->arms_n && all; k++)
            all = s->arms[k].group != s->arms[i].group || arm_narrows(s, k);
        if (all)
            return s->arms[i].group;
    }
    return 0;
}

static void ask_arms(struct collecting *g, const struct sb_work *work, size_t group)
{
    const struct sb_shape *s = work->shape;
    for (size_t i = 1; i < s->arms_n; i++) {
        struct candidate *c = s->arms[i].group == group ? begin(g, work) : NULL;
        if (c) {
            sb_candidate_fill(c, g->q, i);
            finish(g->q, c);
        }
    }
}

static void ask(struct collecting *g, const struct sb_work *work)
{
    bool any;
    size_t group = whole_or(work->shape, &any);
    if (any && group && !arm_narrows(work->shape, 0)) {
        ask_arms(g, work, group);
        return;
    }
    struct candidate *c = begin(g, work);
    if (!c)
        return;
    sb_candidate_fill(c, g->q, 0);
    sb_candidate_judge(c, g->q);
    refuse_unselective(g->q, c);
    if (any && !arm_narrows(work->shape, 0) && (!c->why_not[0] || c->n == 0) && c->ratio > 1)
        snprintf(c->why_not, sizeof c->why_not, "an index would have to narrow every arm of its $or, and no equality, sort or range does so in one of them");
    refuse_served(g->q, c);
}

/* ---- $lookup ---- */

/* Documents of the collection that the aggregation begins with, as far as another operation's full scan told it; 0 not known. */
static uint64_t size_of(const struct sb_workload *w, const char *ns)
{
    uint64_t most = 0;
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        if (sb_streq(work->ns, ns) && work->shape->lookups_n == 0 && work->sums.count && sb_starts_with(sb_candidate_plan(work), "COLLSCAN") &&
            work->sums.docs_examined / work->sums.count > most)
            most = work->sums.docs_examined / work->sums.count;
    }
    return most;
}

/* An aggregation elsewhere that compares a field of this collection with its own. */
static void ask_inner(struct collecting *g, const struct sb_work *work, const struct sb_lookup *l)
{
    if (!l->foreign_field || !sb_path_indexable(l->foreign_field) || strcmp(l->foreign_field, "_id") == 0)
        return; /* the index on _id serves it */
    struct candidate *c = begin(g, work);
    if (!c)
        return;
    c->inner = true;
    c->field[c->n++] = (struct key_field){l->foreign_field, 1, true, false, 0};
    c->equalities = c->n;
    sb_candidate_judge(c, g->q);
    uint64_t outer = size_of(g->q->workload, work->ns), each = c->sums.count ? c->sums.docs_examined / c->sums.count : 0;
    if (!c->why_not[0] && outer && each < outer + outer / 4)
        snprintf(c->why_not, sizeof c->why_not, "it reads no more than the %.100s that it begins with", work->ns);
    refuse_served(g->q, c);
}

static bool same_database(const char *ns, const char *other)
{
    size_t n = strcspn(ns, ".");
    return strncmp(ns, other, n + 1) == 0;
}

static void ask_lookups(struct collecting *g, const struct sb_work *work)
{
    const char *coll = strchr(g->q->ns, '.');
    for (size_t i = 0; coll && same_database(g->q->ns, work->ns) && i < work->shape->lookups_n; i++)
        if (sb_streq(work->shape->lookups[i].from, coll + 1))
            ask_inner(g, work, &work->shape->lookups[i]);
}

/* -1 out of memory. */
static int ask_all(struct collecting *g, const struct sb_workload *w)
{
    size_t entries = sb_workload_size(w);
    const struct sb_work **rank = calloc(entries + 1, sizeof *rank);
    if (!rank)
        return -1;
    sb_workload_rank(w, rank);
    for (size_t i = 0; i < entries; i++) {
        if (g->counted && sb_workload_find(g->q->workload, rank[i]->ns, rank[i]->shape->fingerprint))
            continue;
        if (sb_streq(rank[i]->ns, g->q->ns))
            ask(g, rank[i]);
        ask_lookups(g, rank[i]);
    }
    free(rank);
    return 0;
}

int sb_candidates_collect(const struct sb_index_question *q, struct candidate **all, size_t *n)
{
    struct collecting g = {.q = q, .all = calloc(SB_INDEX_MAX_NEEDS, sizeof *g.all)};
    int rc = g.all ? ask_all(&g, q->workload) : -1;
    g.counted = true;
    if (rc == 0 && q->counted)
        rc = ask_all(&g, q->counted);
    if (rc) {
        free(g.all);
        g.all = NULL;
        g.n = 0;
    }
    *all = g.all;
    *n = g.n;
    return rc;
}
