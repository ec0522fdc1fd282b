/* SPDX-License-Identifier: Apache-2.0
 *
 * Of a plan what is worth its cost: what writes do not pay more for than reads gain, what other indexes do not serve nearly as
 * well, and what the collection has room for. */
#include "optimizer.h"

#include <string.h>

#define WRITE_COST 5    /* entering a key costs about as much as reading so many documents of a scan */
#define MOST_INDEXES 20 /* of one collection: behind that every write pays too much (the server's own limit is 64) */

/* Documents that have one value of the field, as far as shapes or a sample tell; 0: not known. A sample in which no value
 * repeats leaves room for as many as it has left out. */
static double documents_each(const struct sb_index_question *q, const char *path)
{
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    const struct sb_catalogue *c = q->catalogue;
    if (!f || f->distinct_ppm <= 0)
        return 0;
    return 1e6 / (double)f->distinct_ppm * (c->sampled > 0 && c->documents > c->sampled ? (double)c->documents / (double)c->sampled : 1);
}

/* The key leads to hardly more documents than the shape uses, by its first field alone. */
static bool nearly_serves(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key)
{
    uint64_t used = sb_work_used(c->work->shape, &c->sums);
    double found = 0;
    if (key->n == 0 || !sb_streq(c->work->shape->collation, key->work->shape->collation) || c->sums.sorted || c->work->shape->sorts_n || c->sums.count == 0)
        return false;
    for (size_t i = 0; i < c->equalities; i++)
        if (!c->field[i].list && strcmp(c->field[i].path, key->field[0].path) == 0)
            found = documents_each(q, c->field[i].path);
    return found > 0 && found <= (double)used / (double)c->sums.count * 1.02 + 0.5;
}

/* True when other indexes of the plan find as few documents for everything that this one is for. Says so of each. */
static bool spare(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned *plan, size_t planned, size_t at)
{
    if (plan[at].kept)
        return false;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++) {
            struct candidate *c = &all[i];
            struct planned *by = NULL;
            if (c->why_not[0] || !sb_candidate_within(c, &plan[at].key))
                continue;
            for (size_t k = 0; k < planned && !by; k++)
                if (k != at && (sb_candidate_within(c, &plan[k].key) || nearly_serves(q, c, &plan[k].key)))
                    by = &plan[k];
            if (!by)
                return false;
            by->kept = by->kept || pass == 1;
            if (pass == 1 && !sb_candidate_within(c, &by->key))
                snprintf(c->why_not, sizeof c->why_not, "the index proposed on %.100s and what follows finds as few documents as one of its own would", by->key.field[0].path);
        }
    return true;
}

/* Takes out those that are not needed beside the others, the least one first. */
static void thin_out(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned *plan, size_t *planned)
{
    for (size_t i = *planned; i-- > 0;)
        if (spare(q, all, n, plan, *planned, i)) {
            memmove(&plan[i], &plan[i + 1], (*planned - i - 1) * sizeof *plan);
            --*planned;
        }
}

/* ---- is it worth it ---- */

/* Documents written to the collection while the evidence was gathered. */
static uint64_t written(const struct sb_index_question *q)
{
    uint64_t n = 0;
    for (size_t i = 0; i < sb_workload_size(q->workload); i++) {
        const struct sb_work *w = sb_workload_at(q->workload, i);
        if (sb_streq(w->ns, q->ns))
            n += q->whole_log ? w->sums.written : sb_work_window(q->workload, w, q->from, q->to, NULL).written;
    }
    return n;
}

static void refuse(struct candidate *all, size_t n, const struct planned *p, const char *why)
{
    for (size_t i = 0; i < n; i++)
        if (!all[i].why_not[0] && sb_candidate_within(&all[i], &p->key))
            snprintf(all[i].why_not, sizeof all[i].why_not, "%s", why);
}

/* An index on this very key, with another collation: a card that builds one beside it would be refused by its own check. */
static const struct sb_index_info *same_key(const struct sb_index_question *q, const struct planned *p)
{
    char *key = q->whole_log || sb_collation_is_none(p->key.work->shape->collation) ? NULL : sb_candidate_key(&p->key);
    const struct sb_index_info *x = key ? sb_catalogue_index_by_key(q->catalogue, key) : NULL;
    free(key);
    return x;
}

static bool worth(const struct sb_index_question *q, const struct planned *p, uint64_t writes, char *why, size_t cap)
{
    const struct sb_index_info *beside = same_key(q, p);
    if (beside) {
        snprintf(why, cap, "%.100s has its key, but not its collation: build one beside it by hand", beside->name);
        return false;
    }
    if (p->waste < writes * WRITE_COST) {
        snprintf(why, cap, "writes cost more than it saves: %llu documents read in vain against %llu written, each of which would enter a key",
                 (unsigned long long)p->waste, (unsigned long long)writes);
        return false;
    }
    return true;
}

/* The collection has no room for another one. rank: how many are proposed already. */
static bool too_many(const struct sb_index_question *q, const struct planned *p, size_t rank, char *why, size_t cap)
{
    if (q->catalogue->indexes_n + rank < MOST_INDEXES || p->replaces_n)
        return false;
    snprintf(why, cap, "the collection would have more than %d indexes: each write pays for each of them", MOST_INDEXES);
    return true;
}

void sb_plan_choose(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned *plan, size_t *planned)
{
    uint64_t writes = written(q);
    char why[256];
    size_t kept = 0;
    for (size_t i = 0; i < *planned; i++) {
        if (worth(q, &plan[i], writes, why, sizeof why))
            plan[kept++] = plan[i];
        else
            refuse(all, n, &plan[i], why);
    }
    *planned = kept;
    thin_out(q, all, n, plan, planned);
    kept = 0;
    for (size_t i = 0; i < *planned; i++) {
        if (!too_many(q, &plan[i], kept, why, sizeof why))
            plan[kept++] = plan[i];
        else
            refuse(all, n, &plan[i], why);
    }
    *planned = kept;
}
