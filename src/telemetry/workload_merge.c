/* SPDX-License-Identifier: Apache-2.0
 *
 * workload_merge.c - two workloads into one, and which entries leave.
 */
#include "workload.h"

#include <stdlib.h>

static int merge_entry(struct sb_workload *w, struct sb_entry *e, const struct sb_workload *from, const struct sb_entry *f)
{
    int rc = 0;
    sb_sums_add(&e->work.sums, &f->work.sums);
    for (size_t i = 0; i < FINE_BUCKETS; i++)
        e->fine[i] = e->fine[i] > UINT32_MAX - f->fine[i] ? UINT32_MAX : e->fine[i] + f->fine[i];
    sb_entry_note_times(e, f->work.first_ms, f->work.last_ms);
    if (f->work.last_error)
        e->work.last_error = f->work.last_error;
    if (f->min_ms < e->min_ms)
        e->min_ms = f->min_ms;
    e->ring_missing = e->ring_missing || f->ring_missing;
    bool same_ring = w->options.buckets == from->options.buckets && w->options.bucket_ms == from->options.bucket_ms;
    for (size_t i = 0; f->ring && same_ring && i < w->options.buckets; i++) {
        if (!f->ring[i].number)
            continue;
        struct sb_ring_bucket *b = sb_entry_bucket(w, e, (f->ring[i].number - 1) * w->options.bucket_ms);
        if (!b)
            continue;
        sb_sums_add(&b->sums, &f->ring[i].sums);
        for (size_t k = 0; k < COARSE_BUCKETS; k++) {
            unsigned sum = (unsigned)b->coarse[k] + f->ring[i].coarse[k];
            b->coarse[k] = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
        }
    }
    if (e == w->other)
        return 0;
    rc |= sb_shares_merge(&e->work.plans, SB_WORK_MAX_PLANS, &f->work.plans) | sb_shares_merge(&e->work.apps, SB_WORK_MAX_APPS, &f->work.apps);
    if (f->work.query_hash)
        rc |= sb_entry_set_hash(e, (struct sb_span){f->work.query_hash, strlen(f->work.query_hash)});
    return rc | sb_entry_keep_example(w, e, &f->work.example, f->work.example_ms);
}

int sb_workload_merge(struct sb_workload *into, struct sb_workload *from, struct sb_err *err)
{
    if (sb_workload_settle(into, INT64_MAX, err) || sb_workload_settle(from, INT64_MAX, err))
        return -1;
    into->lost += from->lost;
    if (from->newest_ms > into->newest_ms)
        into->newest_ms = from->newest_ms;
    for (size_t i = 0; i < from->n; i++) {
        const struct sb_entry *f = from->entries[i];
        struct sb_span ns = {f->work.ns, strlen(f->work.ns)};
        struct sb_entry *e = sb_workload_claim(into, ns, f->skeleton, f->skeleton_n, err);
        if (!e)
            into->lost += f->work.sums.count;
        if (!e || merge_entry(into, e, from, f))
            return sb_fail_nomem(err);
    }
    if (from->other) {
        struct sb_entry *e = sb_workload_other_entry(into, err);
        if (!e || merge_entry(into, e, from, from->other))
            return sb_fail_nomem(err);
    }
    return 0;
}

/* ---- what leaves ---- */

/* Keeps the entries that `stays` wants; the others are gone. */
static void keep(struct sb_workload *w, bool (*stays)(struct sb_workload *w, const struct sb_entry *e, void *ctx), void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct sb_entry *e = w->entries[i];
        if (stays(w, e, ctx)) {
            w->entries[kept++] = e;
            continue;
        }
        size_t bytes = e->shape->bytes + sizeof *e + e->skeleton_n + e->work.example.n;
        w->bytes -= bytes < w->bytes ? bytes : w->bytes;
        sb_entry_free(e);
    }
    if (kept == w->n)
        return;
    w->n = kept;
    sb_workload_empty_memo(w); /* it points at entries */
    memset(w->index, 0, w->index_cap * sizeof(struct sb_entry *));
    for (size_t i = 0; i < w->n; i++)
        sb_workload_index(w, w->entries[i]);
}

static bool seen_since(struct sb_workload *w, const struct sb_entry *e, void *ctx)
{
    (void)w;
    return e->work.last_ms >= *(const int64_t *)ctx;
}

int sb_workload_forget(struct sb_workload *w, int64_t before_ms, struct sb_err *err)
{
    (void)err;
    keep(w, seen_since, &before_ms);
    return 0;
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct room {
    uint64_t limit; /* entries with less total time leave, */
    size_t more;    /* and so many of those that have just this */
    struct sb_err *err;
    int rc;
};

static bool heavy(struct sb_workload *w, const struct sb_entry *e, void *ctx)
{
    struct room *r = ctx;
    if (e->work.sums.total_ms > r->limit || (e->work.sums.total_ms == r->limit && !r->more))
        return true;
    if (e->work.sums.total_ms == r->limit)
        r->more--;
    struct sb_entry *other = sb_workload_other_entry(w, r->err);
    if (!other || merge_entry(w, other, w, e)) {
        w->lost += e->work.sums.count;
        r->rc = sb_fail_nomem(r->err);
    }
    return false;
}

int sb_workload_make_room(struct sb_workload *w, struct sb_err *err)
{
    size_t leave = w->n / 4 + 1;
    if (leave > w->n)
        return 0;
    uint64_t *times = malloc(w->n * sizeof *times);
    if (!times)
        return sb_fail_nomem(err);
    for (size_t i = 0; i < w->n; i++)
        times[i] = w->entries[i]->work.sums.total_ms;
    qsort(times, w->n, sizeof *times, by_time);
    struct room r = {.limit = times[leave - 1], .err = err};
    for (size_t i = 0; i < leave; i++)
        r.more += times[i] == r.limit;
    free(times);
    keep(w, heavy, &r);
    return r.rc;
}
