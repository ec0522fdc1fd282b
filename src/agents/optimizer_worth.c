/* SPDX-License-Identifier: Apache-2.0
 *
 * Of a plan what is worth its cost: what writes do not pay more for than reads gain, what other indexes do not serve nearly as
 * well, and what the collection has room for. */
#include "optimizer.h"

#include <string.h>

#define WRITE_COST 5    /* entering a key costs about as much as reading so many documents of a scan */
#define SMALL_SORT 100 /* documents: sorting so few in memory is no cause for an index */
#define MOST_INDEXES 20 /* of one collection: behind that every write pays too much (the server's own limit is 64) */

/* The key leads to hardly more documents than the shape uses, by the fields at its beginning that the shape compares. */
static bool nearly_serves(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key)
{
    uint64_t used = sb_work_used(c->work->shape, &c->sums);
    bool sorts = c->sums.sorted || c->work->shape->sorts_n;
    if (key->n == 0 || !sb_streq(c->work->shape->collation, key->work->shape->collation) || (sorts && q->catalogue->sampled <= 0) || c->sums.count == 0)
        return false; /* how many would have to be sorted only a sample tells */
    double found = sb_documents_found(q, c, key);
    if (sorts && found > SMALL_SORT)
        return false;
    return found > 0 && found <= (double)used / (double)c->sums.count * 1.02 + 1;
}

/* True when the other indexes of the plan find as few documents for everything that the plan is for. */
static bool spare(const struct sb_index_question *q, const struct candidate *all, size_t n, const struct planned *plan, size_t planned, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        bool served = all[i].why_not[0] != '\0';
        for (size_t k = 0; k < planned && !served; k++)
            served = k != at && (sb_candidate_within(&all[i], &plan[k].key) || nearly_serves(q, &all[i], &plan[k].key));
        if (!served)
            return false;
    }
    return true;
}

/* Takes out those that are not needed beside the others, the least one first, and says so of the shapes that they were for. */
static void thin_out(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned *plan, size_t *planned)
{
    for (size_t i = *planned; i-- > 0;)
        if (spare(q, all, n, plan, *planned, i)) {
            memmove(&plan[i], &plan[i + 1], (*planned - i - 1) * sizeof *plan);
            --*planned;
        }
    for (size_t i = 0; i < n; i++) {
        const struct planned *by = NULL;
        bool within = all[i].why_not[0] != '\0';
        for (size_t k = 0; k < *planned && !within; k++) {
            within = sb_candidate_within(&all[i], &plan[k].key);
            by = !by && nearly_serves(q, &all[i], &plan[k].key) ? &plan[k] : by;
        }
        if (within || !by)
            continue;
        snprintf(all[i].why_not, sizeof all[i].why_not, "the index proposed on %.100s and what follows finds as few documents as one of its own would", by->key.field[0].path);
        all[i].served = true;
    }
}

/* ---- is it worth it ---- */

/* Documents written to the collection while the evidence was gathered: those of operations that were written down, or every write
 * that the servers counted, whichever is more. */
static uint64_t written(const struct sb_index_question *q)
{
    struct sb_ns_work all;
    uint64_t n = 0;
    for (size_t i = 0; i < sb_workload_size(q->workload); i++) {
        const struct sb_work *w = sb_workload_at(q->workload, i);
        if (sb_streq(w->ns, q->ns))
            n += q->whole_log ? w->sums.written : sb_work_window(q->workload, w, q->from, q->to, NULL).written;
    }
    if (q->history && sb_history_window(q->history, q->ns, q->from, q->to, &all) && all.writes > 0 && (uint64_t)all.writes > n)
        n = (uint64_t)all.writes;
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

/* ---- $or ---- */

static bool lacks_an_arm(const struct candidate *all, size_t n, const struct candidate *c)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].work == c->work && all[i].arm && all[i].why_not[0] && !all[i].served)
            return true;
    return false;
}

static bool serves_any(const struct candidate *all, size_t n, const struct planned *p)
{
    for (size_t i = 0; i < n; i++)
        if (!all[i].why_not[0] && sb_candidate_within(&all[i], &p->key))
            return true;
    return false;
}

/* An $or of which one arm gets no index reads everything all the same: its other arms want none then, and what was planned for them
 * alone goes. */
static void give_up_arms(struct candidate *all, size_t n, struct planned *plan, size_t *planned)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].arm && !all[i].why_not[0] && lacks_an_arm(all, n, &all[i]))
            snprintf(all[i].why_not, sizeof all[i].why_not, "another arm of its $or gets no index, and before each has one it reads everything");
    for (size_t i = 0; i < *planned; i++)
        if (serves_any(all, n, &plan[i]))
            plan[kept++] = plan[i];
    *planned = kept;
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
    give_up_arms(all, n, plan, planned);
    thin_out(q, all, n, plan, planned);
    kept = 0;
    for (size_t i = 0; i < *planned; i++) {
        if (!too_many(q, &plan[i], kept, why, sizeof why))
            plan[kept++] = plan[i];
        else
            refuse(all, n, &plan[i], why);
    }
    *planned = kept;
    give_up_arms(all, n, plan, planned);
}
