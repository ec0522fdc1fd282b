/* SPDX-License-Identifier: Apache-2.0
 *
 * workload_read.c - the questions that a workload answers.
 */
#include "workload.h"

static const struct sb_entry *entry_of(const struct sb_work *work)
{
    return (const struct sb_entry *)(const void *)work;
}

size_t sb_workload_size(const struct sb_workload *w)
{
    return w->n;
}

const struct sb_work *sb_workload_at(const struct sb_workload *w, size_t i)
{
    return &w->entries[i]->work;
}

const struct sb_work *sb_workload_find(const struct sb_workload *w, const char *ns, const char *fingerprint)
{
    if (strlen(fingerprint) != SB_FINGERPRINT_LEN)
        return NULL;
    const struct sb_entry *e = sb_workload_entry(w, ns, strlen(ns), fingerprint);
    return e ? &e->work : NULL;
}

const struct sb_work *sb_workload_other(const struct sb_workload *w)
{
    return w->other ? &w->other->work : NULL;
}

struct sb_work_sums sb_workload_totals(const struct sb_workload *w)
{
    struct sb_work_sums sums = {0};
    for (size_t i = 0; i < w->n; i++)
        sb_sums_add(&sums, &w->entries[i]->work.sums);
    if (w->other)
        sb_sums_add(&sums, &w->other->work.sums);
    return sums;
}

uint64_t sb_workload_lost(const struct sb_workload *w)
{
    return w->lost;
}

static int by_rank(const void *a, const void *b)
{
    const struct sb_work *x = *(const struct sb_work *const *)a, *y = *(const struct sb_work *const *)b;
    if (x->sums.total_ms != y->sums.total_ms)
        return x->sums.total_ms < y->sums.total_ms ? 1 : -1;
    int c = strcmp(x->ns, y->ns);
    return c ? c : strcmp(x->shape->fingerprint, y->shape->fingerprint);
}

void sb_workload_rank(const struct sb_workload *w, const struct sb_work **out)
{
    for (size_t i = 0; i < w->n; i++)
        out[i] = &w->entries[i]->work;
    if (w->n)
        qsort(out, w->n, sizeof *out, by_rank);
}

uint64_t sb_work_used(const struct sb_shape *shape, const struct sb_work_sums *s)
{
    if (shape->kind == SB_OP_FIND_AND_MODIFY)
        return s->returned > s->written ? s->returned : s->written;
    return s->returned + s->written;
}

/* The rank, from 1, of the value below which the share q lies. 0.029 of 5000 is the 145th, though the product of the two
 * as reals is a little over 145. */
static uint64_t rank_of(double q, uint64_t n)
{
    double r = q * (double)n * (1 - 1e-12);
    if (!(r > 0))
        return 1;
    if (r >= (double)n)
        return n;
    uint64_t rank = (uint64_t)r;
    return (double)rank < r ? rank + 1 : rank;
}

uint64_t sb_work_quantile(const struct sb_work *work, double q)
{
    const struct sb_entry *e = entry_of(work);
    uint64_t n = work->sums.timed, seen = 0;
    if (!n)
        return 0;
    uint64_t rank = rank_of(q, n);
    if (rank == n)
        return work->sums.max_ms;
    for (size_t i = 0; i < FINE_BUCKETS; i++) {
        seen += e->fine[i];
        if (seen >= rank) {
            uint64_t v = sb_fine_value(i);
            v = v > e->min_ms ? v : e->min_ms; /* the middle of a bucket may lie beyond all that was in it */
            return v < work->sums.max_ms ? v : work->sums.max_ms;
        }
    }
    return work->sums.max_ms;
}

/* ---- the sliding window ---- */

struct window {
    int64_t first, last; /* bucket numbers, the last one not included */
    bool complete;
};

/* The bucket numbers whose starts lie in [from_ms, to_ms), and whether the ring still reaches back that far. */
static struct window window_of(const struct sb_workload *w, const struct sb_entry *e, int64_t from_ms, int64_t to_ms)
{
    int64_t size = w->options.bucket_ms, buckets = (int64_t)w->options.buckets;
    if (!buckets || to_ms <= from_ms || to_ms <= 0)
        return (struct window){0, 0, buckets != 0};
    if (from_ms < 0)
        from_ms = 0;
    struct window v = {(from_ms + size - 1) / size + 1, (to_ms + size - 1) / size + 1, !e->ring_missing};
    int64_t newest = w->newest_ms > 0 ? w->newest_ms / size + 1 : 0;
    if (v.last > newest + 1)
        v.last = newest + 1;
    if (v.first < newest - buckets + 1) {
        v.first = newest - buckets + 1;
        /* nothing that old was ever there when the entry is younger */
        v.complete = v.complete && e->work.first_ms != SB_NO_TIME && e->work.first_ms / size + 1 >= v.first;
    }
    return v;
}

struct sb_work_sums sb_work_window(const struct sb_workload *w, const struct sb_work *work, int64_t from_ms, int64_t to_ms,
                                   bool *complete)
{
    const struct sb_entry *e = entry_of(work);
    struct window v = window_of(w, e, from_ms, to_ms);
    struct sb_work_sums sums = {0};
    for (int64_t i = v.first; e->ring && i < v.last; i++) {
        const struct sb_ring_bucket *b = &e->ring[(size_t)i % w->options.buckets];
        if (b->number == i)
            sb_sums_add(&sums, &b->sums);
    }
    if (complete)
        *complete = v.complete;
    return sums;
}

uint64_t sb_work_window_quantile(const struct sb_workload *w, const struct sb_work *work, int64_t from_ms, int64_t to_ms,
                                 double q)
{
    const struct sb_entry *e = entry_of(work);
    struct window v = window_of(w, e, from_ms, to_ms);
    uint64_t counts[COARSE_BUCKETS] = {0}, n = 0, seen = 0, max = 0;
    for (int64_t i = v.first; e->ring && i < v.last; i++) {
        const struct sb_ring_bucket *b = &e->ring[(size_t)i % w->options.buckets];
        if (b->number != i)
            continue;
        for (size_t k = 0; k < COARSE_BUCKETS; k++) {
            counts[k] += b->coarse[k];
            n += b->coarse[k];
        }
        max = b->sums.max_ms > max ? b->sums.max_ms : max;
    }
    if (!n)
        return 0;
    uint64_t rank = rank_of(q, n);
    for (size_t k = 0; k < COARSE_BUCKETS; k++) {
        seen += counts[k];
        if (seen >= rank) {
            uint64_t value = sb_coarse_value(k);
            return value < max ? value : max;
        }
    }
    return max;
}
