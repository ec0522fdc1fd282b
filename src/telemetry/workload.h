/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.h (private) - what workload.c, workload_merge.c and workload_read.c share.
 */
#ifndef SB_TELEMETRY_WORKLOAD_PRIVATE_H
#define SB_TELEMETRY_WORKLOAD_PRIVATE_H

#include "histogram.h"

#include <signalbox/telemetry/workload.h>

/* One interval of the sliding window. */
struct sb_ring_bucket {
    int64_t number; /* time / bucket_ms + 1; 0: never used */
    struct sb_work_sums sums;
    uint16_t coarse[COARSE_BUCKETS];
};

struct sb_entry {
    struct sb_work work; /* first: a pointer to it is a pointer to the entry */
    struct sb_shape *shape;
    char *skeleton; /* to make the shape again in another workload */
    size_t skeleton_n;
    uint64_t hash;
    uint64_t min_ms; /* the shortest one; UINT64_MAX: none is timed */
    uint32_t fine[FINE_BUCKETS];
    struct sb_ring_bucket *ring; /* NULL until the first operation with a time */
    bool ring_missing;           /* an operation could not be put into it */
};

struct sb_memo {
    uint64_t hash;
    char *key; /* skeleton and namespace */
    size_t n, split;
    struct sb_entry *entry;
};

struct sb_workload {
    struct sb_workload_options options;
    struct sb_entry **entries; /* in order of appearance */
    size_t n, cap;
    struct sb_entry **index; /* open addressing, at most half full */
    size_t index_cap;
    struct sb_entry *other;
    struct sb_memo *memo;
    size_t memo_cap, memo_n, memo_bytes;
    char *key; /* where a skeleton is written */
    size_t bytes;
    uint64_t lost;
    int64_t newest_ms;
    struct sb_envelopes *envelopes;
};

#define SB_WORK_MAX_PLANS 32 /* of a shape */
#define SB_WORK_MAX_APPS 64

void sb_entry_free(struct sb_entry *e);
void sb_entry_note_times(struct sb_entry *e, int64_t first_ms, int64_t last_ms);
int sb_entry_set_hash(struct sb_entry *e, struct sb_span hash);

/* Keeps the command when it is slower than the one that is kept; of commands whose duration is not known, the first. */
int sb_entry_keep_example(struct sb_workload *w, struct sb_entry *e, const struct sb_doc *doc, int64_t ms);

/* The bucket of the ring for a time, emptied when it held an older one; NULL when the time is too old. */
struct sb_ring_bucket *sb_entry_bucket(const struct sb_workload *w, struct sb_entry *e, int64_t at_ms);

/* The entry of a namespace and skeleton, made when it is new; NULL out of memory. */
struct sb_entry *sb_workload_claim(struct sb_workload *w, struct sb_span ns, const char *skeleton, size_t n, struct sb_err *err);

/* The one entry for what does not fit. */
struct sb_entry *sb_workload_other_entry(struct sb_workload *w, struct sb_err *err);

/* The quarter of the entries that took least time leaves, into the other entry; of equals those that came first. */
int sb_workload_make_room(struct sb_workload *w, struct sb_err *err);

void sb_workload_index(struct sb_workload *w, struct sb_entry *e);
void sb_workload_empty_memo(struct sb_workload *w);

struct sb_entry *sb_workload_entry(const struct sb_workload *w, const char *ns, size_t n, const char *fingerprint);
void sb_sums_add(struct sb_work_sums *to, const struct sb_work_sums *s);

#endif
