/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.h - operations added up by namespace and shape.
 *
 * One pass, constant memory: at most max_shapes entries; when there are more, those that took least time give way, into one
 * visible entry, `other`. A write and its envelope (envelope.h) count once. Durations are kept in a fixed-size log-linear histogram after
 * HdrHistogram (G. Tene): exact below 64 ms, above that a quantile is at most 1/64 (1.6 %) of itself too low or too
 * high. Workloads of two threads or files are merged into what one pass over both, one after the other, would have
 * given: the same totals always, the same everything as long as no bound was passed.
 *
 * An operation's shape is recognised by the bytes of its skeleton (shape.h), compared in full: it is parsed once.
 *
 * Times are deployment time. Memory: about 5 KB an entry, plus its shape and example and, where buckets are asked for, a
 * ring of about 200 bytes a bucket. Errors: -1 only when memory runs out: the operation is then counted in `lost`, or
 * counted without one of its names, never forgotten in silence. Thread: none of its own; one owner at a time.
 */
#ifndef SIGNALBOX_TELEMETRY_WORKLOAD_H
#define SIGNALBOX_TELEMETRY_WORKLOAD_H

#include <signalbox/formats/slowop.h>
#include <signalbox/telemetry/shape.h>
#include <signalbox/telemetry/shares.h>

#define SB_WORK_EXAMPLE_MAX 4096

struct sb_workload_options {
    size_t max_shapes;  /* 0: 4096 */
    size_t max_bytes;   /* of shapes and examples; 0: 64 MiB */
    bool examples;      /* keep one command per entry, values and all: for explain, to be redacted before it is shown */
    int64_t bucket_ms;  /* 0: no sliding window */
    size_t buckets;     /* the window reaches back bucket_ms * buckets */
};

/* Sums over operations. `timed` counts those whose duration is known: a cut line may have lost it. */
struct sb_work_sums {
    uint64_t count, timed;
    uint64_t total_ms, max_ms;
    uint64_t docs_examined, keys_examined, returned, written; /* written: inserted, modified or deleted documents */
    uint64_t sorted, spilled, errors; /* operations that sorted in memory, used disk, failed */
    uint64_t views; /* that were on a view or a time-series collection, as their lines say */
};

struct sb_work {
    char *ns;
    const struct sb_shape *shape; /* owned by the workload */
    struct sb_work_sums sums;
    int64_t first_ms, last_ms; /* SB_NO_TIME where no operation had a time */
    struct sb_shares plans, apps;
    char *query_hash;      /* the server's own hash, the last one seen; NULL: none */
    struct sb_doc example; /* the slowest command that fits SB_WORK_EXAMPLE_MAX; JSON as logged, or BSON */
    int64_t example_ms;
    int64_t last_error;    /* the last error code seen; 0: none */
};

struct sb_workload;

/* NULL options: the defaults, with examples and without a window. */
struct sb_workload *sb_workload_new(const struct sb_workload_options *options, struct sb_err *err);
void sb_workload_free(struct sb_workload *w);

/* Adds one operation. An envelope may be held back until its write shows up: see sb_workload_settle. */
int sb_workload_add(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err);

/* Adds what somebody else has added up already: the numbers of so many executions together, the last of which ended at sum->at_ms.
 * How long each took is not known: no quantile and no window is to be asked of an entry that has such sums. */
int sb_workload_add_sum(struct sb_workload *w, const struct sb_slow_op *sum, uint64_t executions, int64_t first_ms, struct sb_err *err);

/* Takes note of an operation that is not to be counted: the envelope of a write is then not counted either. */
void sb_workload_pass(struct sb_workload *w, const struct sb_slow_op *op);

/* Counts the envelopes that still wait for a write and ended before `before_ms` (INT64_MAX: all): their writes were not
 * written down, so they stand for themselves, with a shape that is unknown unless the command told it. Call it at the
 * end of a file (INT64_MAX: the next file's connections are others), and now and then on a live stream with a time at
 * which everything older has surely been read. */
int sb_workload_settle(struct sb_workload *w, int64_t before_ms, struct sb_err *err);

/* Adds what `from` holds to `into`; `from` is settled first and stays usable. The sliding windows are merged too when
 * both have the same buckets. */
int sb_workload_merge(struct sb_workload *into, struct sb_workload *from, struct sb_err *err);

/* The entries in order of first appearance, `other` (when something is in it) not among them. Valid until the next add,
 * settle, merge or forget. */
size_t sb_workload_size(const struct sb_workload *w);
const struct sb_work *sb_workload_at(const struct sb_workload *w, size_t i);
const struct sb_work *sb_workload_find(const struct sb_workload *w, const char *ns, const char *fingerprint);

/* What did not fit: ns "*", a shape that says so. NULL when everything fitted. */
const struct sb_work *sb_workload_other(const struct sb_workload *w);

/* Everything together, and how many operations memory did not allow to count. */
struct sb_work_sums sb_workload_totals(const struct sb_workload *w);
uint64_t sb_workload_lost(const struct sb_workload *w);

/* Fills `out` (room for sb_workload_size) with pointers by total time falling, then ns, then fingerprint: the order of a
 * digest, the same for the same entries however they came about. */
void sb_workload_rank(const struct sb_workload *w, const struct sb_work **out);

/* The documents that the operations of such sums were for: returned or written; what a findAndModify writes is what it returns,
 * and counts once. */
uint64_t sb_work_used(const struct sb_shape *shape, const struct sb_work_sums *s);

/* The duration in ms below which the share q (0..1) of the timed operations lies; 0 when there are none. */
uint64_t sb_work_quantile(const struct sb_work *work, double q);

/* The sums over the operations that ended in [from_ms, to_ms), as exact as the buckets are fine: a bucket counts when its
 * start lies in the interval. Older than the ring: not there, and *complete (may be NULL) is false. */
struct sb_work_sums sb_work_window(const struct sb_workload *w, const struct sb_work *work, int64_t from_ms, int64_t to_ms,
                                   bool *complete);

/* The quantile within such a window, from a coarser histogram: exact below 2 ms, then at most a factor of 2^(1/4) (19 %)
 * off. */
uint64_t sb_work_window_quantile(const struct sb_workload *w, const struct sb_work *work, int64_t from_ms, int64_t to_ms,
                                 double q);

/* Removes the entries that were last seen before `before_ms`, for a stream that never ends. */
int sb_workload_forget(struct sb_workload *w, int64_t before_ms, struct sb_err *err);

#endif
