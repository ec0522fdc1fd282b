/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.h (private) - what workload.c and workload_read.c share.
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

struct sb_entry *sb_workload_entry(const struct sb_workload *w, const char *ns, size_t n, const char *fingerprint);
void sb_sums_add(struct sb_work_sums *to, const struct sb_work_sums *s);

#endif
