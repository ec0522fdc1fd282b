/* SPDX-License-Identifier: Apache-2.0
 *
 * op.h - one operation as the server accounts for it: what it did, how long it took, where that is recorded.
 *
 * A command fills a struct sim_op while it runs; sim_op_finish turns the work into simulated time and then moves every
 * counter that a real operation moves (serverStatus, top, latency histograms), writes the slow-query line and the
 * system.profile document where the settings ask for them, and adds the operation to the trace. Update and delete
 * statements are operations of their own inside their command, as MongoDB 5.0 accounts for them. Thread: one.
 */
#ifndef SIGNALBOX_SIM_OP_H
#define SIGNALBOX_SIM_OP_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/exec.h>

struct sim_op {
    struct sim_member *m;
    struct sim_conn *conn;
    const char *type; /* in the profile: "query", "getmore", "command", "insert", "update", "remove" */
    bool is_statement; /* an update or delete inside its command */
    bool counts_read, counts_write;
    enum sim_top_kind top;
    bool in_top;
    const char *base; /* ns is a view: the collection that is read for it; else NULL */
    int32_t opid;
    struct sim_doc *command, *originating;
    int64_t start;
    struct sim_work work;
    bool pipeline; /* an aggregation: no execStats */
    bool has_plan; /* keysExamined and docsExamined are told */
    int64_t keys, docs;
    bool has_sort, used_disk, from_multi, replanned, exhausted, collscan, tailable;
    bool in_order; /* reads documents one after the other, as a scan and its later batches do */
    struct sb_str plan;
    struct sim_doc *exec_stats;
    bool has_hash;
    uint32_t query_hash, plan_cache_key;
    int64_t works;
    int64_t cursor_id;
    /* -1: not told */
    int64_t nreturned, ninserted, nmatched, nmodified, nupserted, ndeleted, keys_inserted, keys_deleted;
    int64_t reslen;
    const uint8_t *read_concern, *write_concern; /* as the client gave them; NULL: the default */
    bool has_read_concern, has_write_concern;
    bool in_txn;
    bool waits; /* for a majority */
    int64_t inner_us, inner_cpu_us; /* of its statements: then work is only what they wrote together */
    int64_t failed_writes;          /* documents that were refused, of an insert */
    uint64_t hot_id;                /* the one document it changed; 0: none, or several */
    bool keeps_old;                 /* what it wrote were changes of documents that exist */
    int32_t error;
    int64_t max_time_ms; /* 0 none */
    /* results */
    int64_t cpu_us, latency_us, wait_us; /* wait: for the journal and for other members */
    int64_t ticket_us, lock_us, conflict_us, read_us, evict_us; /* other waits, in the latency too */
    int64_t conflicts, read_bytes;
    int64_t flow_us; /* held back by flow control, in the latency too */
    /* texts: only their first byte is set at the beginning */
    char ns[272];
    char replan_reason[160];
    char error_msg[512];
};

void sim_op_init(struct sim_op *op, struct sim_conn *conn);
void sim_op_release(struct sim_op *op);

/* Takes a question's statistics into the operation. since: what was taken before (of an earlier batch), or NULL. */
struct sim_exec_mark {
    int64_t keys, docs, works;
};
void sim_op_exec(struct sim_op *op, const struct sim_exec *e, struct sim_exec_mark *since);

/* Computes cpu_us and latency_us. True when the client's maxTimeMS is over before the end. */
bool sim_op_time(struct sim_op *op);

/* Accounts for it, writes log and profile. After sim_op_time. */
void sim_op_finish(struct sim_op *op);

/* True when this operation's statistics of stages may be wanted by the profiler. */
bool sim_op_may_profile(const struct sim_op *op);

/* The moment at which it is over, as far as the server's records go. */
int64_t sim_op_end(const struct sim_op *op);

/* Microseconds of its latency without the waits for tickets, locks and other members: what 8.0 calls slow, or not. */
int64_t sim_op_working(const struct sim_op *op);

/* Lower end, in microseconds, of a bucket of the latency histograms. */
int64_t sim_bucket_lower(unsigned bucket);

#endif
