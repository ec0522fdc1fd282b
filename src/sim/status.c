/* SPDX-License-Identifier: Apache-2.0
 *
 * serverStatus but for its two large sections. A section is there when the engine knows what to say in it. */
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/txn.h>

#include "commands.h"
#include "flow.h"
#include "series.h"
#include "status.h"

#include <string.h>

static void put_ops(struct sim_w *w, const char *key, const int64_t op[SIM_OPCOUNTERS])
{
    static const char *const names[SIM_OPCOUNTERS] = {"insert", "query", "update", "delete", "getmore", "command"};
    sim_w_doc(w, key);
    for (int i = 0; i < SIM_OPCOUNTERS; i++)
        sim_w_i64(w, names[i], op[i]);
    sim_w_end(w);
}

static void put_asserts(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "asserts");
    sim_w_i32(w, "regular", c->m->n.asserts_regular);
    sim_w_i32(w, "warning", 0);
    sim_w_i32(w, "msg", 0);
    sim_w_i32(w, "user", c->m->n.asserts_user);
    sim_w_i32(w, "tripwire", 0);
    sim_w_i32(w, "rollovers", 0);
    sim_w_end(w);
}

static void put_catalog(struct sim_call *c)
{
    const struct sim_catalog *cat = &c->m->cat;
    int64_t own = 0, capped = 0, internal = 0;
    for (size_t i = 0; i < cat->n; i++) {
        const struct sim_coll *coll = cat->coll[i];
        bool inside = strncmp(coll->ns, "local.", 6) == 0 || strncmp(coll->ns, "config.", 7) == 0 || strncmp(coll->ns, "admin.", 6) == 0 ||
                      strncmp(coll->name, "system.", 7) == 0;
        own += !inside;
        internal += inside;
        capped += !inside && coll->capped;
    }
    struct sim_w *w = c->reply;
    sim_w_doc(w, "catalogStats");
    sim_w_i32(w, "collections", own);
    sim_w_i32(w, "capped", capped);
    sim_w_i32(w, "timeseries", sim_series_count(cat));
    sim_w_i32(w, "views", 0);
    sim_w_i32(w, "internalCollections", internal);
    sim_w_i32(w, "internalViews", 0);
    sim_w_end(w);
}

static int64_t active_conns(const struct sim_member *m)
{
    int64_t n = 1; /* the one that asks */
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->conn != NULL;
    return n;
}

static void put_connections(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "connections");
    sim_w_i32(w, "current", c->m->conns_n);
    sim_w_i32(w, "available", (int64_t)c->s->costs.max_conns - c->m->conns_n);
    sim_w_i32(w, "totalCreated", c->m->n.connections_created);
    if (sim_since(c->s, 7))
        sim_w_i32(w, "rejected", c->m->n.connections_refused);
    sim_w_i32(w, "active", active_conns(c->m));
    sim_w_i32(w, "threaded", c->m->conns_n);
    sim_w_i32(w, "exhaustIsMaster", 0);
    sim_w_i32(w, "exhaustHello", 0);
    sim_w_i32(w, "awaitingTopologyChanges", 0);
    if (sim_since(c->s, 6))
        sim_w_i32(w, "loadBalanced", 0);
    sim_w_end(w);
}

static void put_default_concern(struct sim_call *c)
{
    sim_w_doc(c->reply, "defaultRWConcern");
    sim_put_rw_concern(c->reply, c->s);
    sim_w_end(c->reply);
}

static void put_elections(struct sim_call *c)
{
    static const char *const kinds[] = {"stepUpCmd", "priorityTakeover", "catchUpTakeover", "electionTimeout", "freezeTimeout"},
                      *const counts[] = {"numStepDownsCausedByHigherTerm", "numCatchUps", "numCatchUpsSucceeded", "numCatchUpsAlreadyCaughtUp",
                                         "numCatchUpsSkipped", "numCatchUpsTimedOut", "numCatchUpsFailedWithError", "numCatchUpsFailedWithNewTerm",
                                         "numCatchUpsFailedWithReplSetAbortPrimaryCatchUpCmd"};
    struct sim_w *w = c->reply;
    sim_w_doc(w, "electionMetrics");
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        sim_w_doc(w, kinds[i]);
        sim_w_i64(w, "called", c->m->role.called[i]);
        sim_w_i64(w, "successful", c->m->role.succeeded[i]);
        sim_w_end(w);
    }
    const int64_t n[SB_COUNT(counts)] = {c->m->role.higher_term, c->m->role.catch_ups, c->m->role.catch_ups, c->m->role.caught_up_already};
    for (size_t i = 0; i < SB_COUNT(counts); i++)
        sim_w_i64(w, counts[i], n[i]);
    sim_w_f64(w, "averageCatchUpOps", 0);
    sim_w_end(w);
}

static double memory_of(const struct sim_member *m)
{
    return sim_cache_used(m) + 150e6 + m->conns_n * m->sim->costs.conn_bytes;
}

static void put_extra_info(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "extra_info");
    sim_w_text(w, "note", "fields vary by platform");
    sim_w_i64(w, "user_time_us", c->m->n.cpu_us);
    sim_w_i64(w, "system_time_us", c->m->n.cpu_us / 12);
    sim_w_i64(w, "maximum_resident_set_kb", (int64_t)(memory_of(c->m) / 1024));
    sim_w_i64(w, "input_blocks", c->m->n.bytes_read / 512);
    sim_w_i64(w, "output_blocks", (c->m->n.bytes_written + c->m->n.log_bytes) / 512);
    sim_w_i64(w, "page_reclaims", c->m->n.bytes_in / 1300);
    sim_w_i64(w, "page_faults", 0);
    sim_w_i64(w, "voluntary_context_switches", 8 * c->m->n.requests);
    sim_w_i64(w, "involuntary_context_switches", c->m->n.cpu_us / 400);
    sim_w_end(w);
}

static void put_flow_control(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    const struct sim_flow *f = &c->m->flow;
    sim_flow_look(c->m);
    sim_w_doc(w, "flowControl");
    sim_w_bool(w, "enabled", true);
    sim_w_i32(w, "targetRateLimit", f->rate ? f->rate : SIM_FLOW_MOST);
    sim_w_i64(w, "timeAcquiringMicros", c->m->n.flow_us);
    sim_w_f64(w, "locksPerKiloOp", c->m->primary ? 1000 : 0);
    sim_w_i32(w, "sustainerRate", c->m->primary ? f->sustained : 0);
    sim_w_bool(w, "isLagged", f->lagged);
    sim_w_i32(w, "isLaggedCount", f->count);
    sim_w_i64(w, "isLaggedTimeMicros", f->lagged_us);
    sim_w_end(w);
}

static int waiting_for_ticket(const struct sim_member *m, bool write)
{
    int n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->takes_core && r->write == write && m->sim->now >= r->flow_until && m->sim->now < r->ticket_at;
    return n;
}

/* With a ticket, and not waiting for a lock. */
static int active(const struct sim_member *m, bool write)
{
    int64_t now = m->sim->now;
    int n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->takes_core && r->write == write && now >= r->ticket_at && now >= r->lock_until && now < r->works_until;
    return n;
}

static void put_queue(struct sim_w *w, const char *key, int readers, int writers)
{
    sim_w_doc(w, key);
    sim_w_i32(w, "total", readers + writers);
    sim_w_i32(w, "readers", readers);
    sim_w_i32(w, "writers", writers);
    sim_w_end(w);
}

static void put_global_lock(struct sim_call *c)
{
    int r = sim_queued(c->m, false), wr = sim_queued(c->m, true);
    struct sim_w *w = c->reply;
    sim_w_doc(w, "globalLock");
    sim_w_i64(w, "totalTime", c->s->now - c->m->start_us);
    put_queue(w, "currentQueue", r, wr);
    put_queue(w, "activeClients", active(c->m, false), active(c->m, true));
    sim_w_end(w);
}

static void put_wait(struct sim_w *w, const char *name, const char *mode, int64_t n)
{
    sim_w_doc(w, name);
    sim_w_i64(w, mode, n);
    sim_w_end(w);
}

static void put_lock(struct sim_w *w, const char *name, int64_t r, int64_t wr)
{
    sim_w_doc(w, name);
    sim_w_doc(w, "acquireCount");
    if (r)
        sim_w_i64(w, "r", r);
    if (wr)
        sim_w_i64(w, "w", wr);
    sim_w_end(w);
    sim_w_end(w);
}

/* Whoever writes shares it; who applies a batch of others' writes has it alone. */
static void put_batch_lock(struct sim_w *w, const struct sim_counters *n)
{
    sim_w_doc(w, "ParallelBatchWriterMode");
    sim_w_doc(w, "acquireCount");
    sim_w_i64(w, "r", n->lock_w + n->apply_batches);
    if (n->apply_batches)
        sim_w_i64(w, "W", n->apply_batches);
    sim_w_end(w);
    sim_w_end(w);
}

/* The only lock that is ever waited for here. */
static void put_collection_lock(struct sim_w *w, const struct sim_counters *n, int64_t writes)
{
    sim_w_doc(w, "Collection");
    sim_w_doc(w, "acquireCount");
    sim_w_i64(w, "r", n->apply_batches + n->lock_read); /* users' reads take none since 5.0 */
    sim_w_i64(w, "w", writes);
    sim_w_i64(w, "R", n->lock_shared + 1); /* as its own collections were opened */
    sim_w_i64(w, "W", n->lock_exclusive + 1);
    sim_w_end(w);
    if (n->lock_waits) {
        put_wait(w, "acquireWaitCount", "w", n->lock_waits);
        put_wait(w, "timeAcquiringMicros", "w", n->lock_wait_us);
    }
    sim_w_end(w);
}

static void put_locks(struct sim_call *c)
{
    const struct sim_counters *n = &c->m->n;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "locks");
    int64_t r = n->lock_r + 5 * n->apply_batches + 3 * n->served_getmores, wr = n->lock_w + 6 * n->apply_batches;
    put_batch_lock(w, n);
    put_lock(w, "ReplicationStateTransition", 0, r + wr - 3 * n->served_getmores); /* who only follows takes none of it */
    put_lock(w, "Global", r, wr);
    int64_t seconds = (c->s->now - c->m->start_us) / 1000000; /* a thread of the server's own looks every second */
    put_lock(w, "Database", n->apply_batches + n->lock_read + seconds, wr);
    put_collection_lock(w, n, wr);
    put_lock(w, "Mutex", r + wr, 0);
    put_lock(w, "oplog", n->served_getmores, n->txn_commits);
    sim_w_end(w);
}

static void put_sessions(struct sim_call *c)
{
    int64_t n = (int64_t)sim_session_count(c->s), up = c->s->now - c->m->start_us, started = c->m->start_us / 1000;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "logicalSessionRecordCache");
    sim_w_i32(w, "activeSessionsCount", n);
    sim_w_i32(w, "sessionsCollectionJobCount", 1 + up / 300000000);
    sim_w_i32(w, "lastSessionsCollectionJobDurationMillis", 0);
    sim_w_date(w, "lastSessionsCollectionJobTimestamp", started + up / 300000000 * 300000);
    sim_w_i32(w, "lastSessionsCollectionJobEntriesRefreshed", 0);
    sim_w_i32(w, "lastSessionsCollectionJobEntriesEnded", 0);
    sim_w_i32(w, "lastSessionsCollectionJobCursorsClosed", 0);
    sim_w_i32(w, "transactionReaperJobCount", 1 + up / 300000000);
    sim_w_i32(w, "lastTransactionReaperJobDurationMillis", 0);
    sim_w_date(w, "lastTransactionReaperJobTimestamp", started + up / 300000000 * 300000);
    sim_w_i32(w, "lastTransactionReaperJobEntriesCleanedUp", 0);
    sim_w_i32(w, "sessionCatalogSize", n);
    sim_w_end(w);
}

#define PACKED_IN 52  /* per cent that is left of a question */
#define PACKED_OUT 73 /* and of an answer */

static void put_compressor(struct sim_w *w, const char *name, int64_t plain_out, int64_t packed_out, int64_t packed_in, int64_t plain_in)
{
    sim_w_doc(w, name);
    sim_w_doc(w, "compressor");
    sim_w_i64(w, "bytesIn", plain_out);
    sim_w_i64(w, "bytesOut", packed_out);
    sim_w_end(w);
    sim_w_doc(w, "decompressor");
    sim_w_i64(w, "bytesIn", packed_in);
    sim_w_i64(w, "bytesOut", plain_in);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_network(struct sim_call *c)
{
    const struct sim_counters *n = &c->m->n;
    /* what members say to each other is compressed; the shares are those of a recorded 5.0.7 */
    int64_t packed_in = n->member_in * PACKED_IN / 100, packed_out = n->member_out * PACKED_OUT / 100;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "network");
    sim_w_i64(w, "bytesIn", n->bytes_in);
    sim_w_i64(w, "bytesOut", n->bytes_out);
    sim_w_i64(w, "physicalBytesIn", n->bytes_in - n->member_in + packed_in);
    sim_w_i64(w, "physicalBytesOut", n->bytes_out - n->member_out + packed_out);
    sim_w_i64(w, "numSlowDNSOperations", 0);
    sim_w_i64(w, "numSlowSSLOperations", 0);
    sim_w_i64(w, "numRequests", n->requests);
    sim_w_doc(w, "compression");
    put_compressor(w, "snappy", n->member_out + n->asked_out, packed_out + n->asked_out * PACKED_IN / 100, packed_in + n->asked_in * PACKED_OUT / 100,
                   n->member_in + n->asked_in);
    put_compressor(w, "zstd", 0, 0, 0, 0);
    put_compressor(w, "zlib", 0, 0, 0, 0);
    sim_w_end(w);
    sim_w_doc(w, "serviceExecutors");
    sim_w_doc(w, "passthrough");
    sim_w_i32(w, "threadsRunning", c->m->conns_n);
    sim_w_i32(w, "clientsInTotal", c->m->conns_n);
    sim_w_i32(w, "clientsRunning", c->m->conns_n);
    sim_w_i32(w, "clientsWaitingForData", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_latencies(struct sim_call *c)
{
    static const char *const names[SIM_LAT_KINDS] = {"reads", "writes", "commands"};
    struct sim_w *w = c->reply;
    sim_w_doc(w, "opLatencies");
    for (int i = 0; i < SIM_LAT_KINDS; i++) {
        sim_w_doc(w, names[i]);
        sim_w_i64(w, "latency", c->m->n.latency[i].us);
        sim_w_i64(w, "ops", c->m->n.latency[i].count);
        sim_w_end(w);
    }
    sim_w_doc(w, "transactions");
    sim_w_i64(w, "latency", c->m->n.txn_latency.us);
    sim_w_i64(w, "ops", c->m->n.txn_latency.count);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_opcounters(struct sim_call *c)
{
    int64_t op[SIM_OPCOUNTERS];
    memcpy(op, c->m->n.op, sizeof op);
    op[SIM_OP_GETMORE] += c->m->n.served_getmores; /* those of members that follow this one count as any other's */
    put_ops(c->reply, "opcounters", op);
}

static void put_opcounters_repl(struct sim_call *c)
{
    put_ops(c->reply, "opcountersRepl", c->m->n.op_repl);
}

static void put_oplog_truncation(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "oplogTruncation");
    sim_w_i64(w, "totalTimeProcessingMicros", 131);
    sim_w_text(w, "processingMethod", "scanning");
    sim_w_i64(w, "totalTimeTruncatingMicros", 0);
    sim_w_i64(w, "truncateCount", 0);
    sim_w_end(w);
}

/* What wiredTiger.concurrentTransactions was before. */
static void put_queues(struct sim_call *c)
{
    if (!sim_since(c->s, 8))
        return;
    const struct sim_counters *n = &c->m->n;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "queues");
    sim_w_doc(w, "execution");
    for (int k = 0; k < 2; k++) {
        int out = sim_tickets_out(c->m, k == 0), total = (int)c->s->costs.tickets;
        sim_w_doc(w, k == 0 ? "write" : "read");
        sim_w_i32(w, "out", out < total ? out : total);
        sim_w_i32(w, "available", out < total ? total - out : 0);
        sim_w_i32(w, "totalTickets", total);
        sim_w_doc(w, "normalPriority");
        sim_w_i64(w, "addedToQueue", n->ticket_waits_of[k]);
        sim_w_i64(w, "queueLength", waiting_for_ticket(c->m, k == 0));
        sim_w_i64(w, "totalTimeQueuedMicros", n->ticket_wait_us_of[k]);
        sim_w_i64(w, "canceled", 0);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_doc(w, "ingress");
    sim_w_i32(w, "out", active_conns(c->m));
    sim_w_i32(w, "available", 1000000 - active_conns(c->m));
    sim_w_i32(w, "totalTickets", 1000000);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_repl(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "repl");
    sim_put_set(w, c->m, "isWritablePrimary");
    sim_w_i32(w, "rbid", c->m->role.rbid);
    sim_w_end(w);
}

static void put_security(struct sim_call *c)
{
    static const char *const mechanisms[] = {"MONGODB-X509", "SCRAM-SHA-1", "SCRAM-SHA-256"},
                      *const kinds[] = {"speculativeAuthenticate", "clusterAuthenticate", "authenticate"};
    const struct sim_logins none = {0, 0}, *const scram[] = {&c->m->n.speculative_logins, &none, &c->m->n.logins};
    struct sim_w *w = c->reply;
    sim_w_doc(w, "security");
    if (c->s->certificate_ends_ms)
        sim_w_date(w, "SSLServerCertificateExpirationDate", c->s->certificate_ends_ms);
    sim_w_doc(w, "authentication");
    sim_w_i64(w, "saslSupportedMechsReceived", 0);
    sim_w_doc(w, "mechanisms");
    for (size_t i = 0; i < SB_COUNT(mechanisms); i++) {
        sim_w_doc(w, mechanisms[i]);
        for (size_t k = 0; k < SB_COUNT(kinds); k++) {
            sim_w_doc(w, kinds[k]);
            const struct sim_logins *n = i == 2 ? scram[k] : &none;
            sim_w_i64(w, "received", n->received);
            sim_w_i64(w, "successful", n->successful);
            sim_w_end(w);
        }
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_storage_engine(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "storageEngine");
    sim_w_text(w, "name", "wiredTiger");
    sim_w_bool(w, "supportsCommittedReads", true);
    sim_w_ts(w, "oldestRequiredTimestampForCrashRecovery", (uint64_t)(c->m->start_us / 1000000) << 32 | 1);
    sim_w_bool(w, "supportsPendingDrops", true);
    sim_w_i64(w, "dropPendingIdents", c->m->dropped_idents);
    sim_w_bool(w, "supportsSnapshotReadConcern", true);
    sim_w_bool(w, "readOnly", false);
    sim_w_bool(w, "persistent", true);
    sim_w_bool(w, "backupCursorOpen", false);
    sim_w_bool(w, "supportsResumableIndexBuilds", true);
    sim_w_end(w);
}

static void put_transactions(struct sim_call *c)
{
    static const char *const zero[] = {"totalPrepared", "totalPreparedThenCommitted", "totalPreparedThenAborted", "currentPrepared"};
    const struct sim_counters *n = &c->m->n;
    int64_t open = sim_txns_open(c->s, c->m); /* with those that apps hold as a mere snapshot */
    for (const struct sim_snapshot *x = c->m->snapshots; x; x = x->next)
        open++;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "transactions");
    sim_w_i64(w, "retriedCommandsCount", c->m->n.retried_commands);
    sim_w_i64(w, "retriedStatementsCount", c->m->n.retried_statements);
    sim_w_i64(w, "transactionsCollectionWriteCount", c->m->n.session_writes);
    sim_w_i64(w, "currentActive", 0); /* only while one of its commands runs, and this is another one */
    sim_w_i64(w, "currentInactive", open);
    sim_w_i64(w, "currentOpen", open);
    sim_w_i64(w, "totalAborted", n->txn_aborted + n->txns_aborted);
    sim_w_i64(w, "totalCommitted", n->txn_committed + n->txns_committed);
    sim_w_i64(w, "totalStarted", n->txn_started + n->txns_started);
    for (size_t i = 0; i < SB_COUNT(zero); i++)
        sim_w_i64(w, zero[i], 0);
    if (n->txn_committed) {
        sim_w_doc(w, "lastCommittedTransaction");
        sim_w_i64(w, "operationCount", n->last_txn_ops);
        sim_w_i64(w, "oplogOperationBytes", n->last_txn_bytes);
        sim_w_doc(w, "writeConcern");
        if (n->last_txn_w)
            sim_w_i32(w, "w", n->last_txn_w);
        else
            sim_w_text(w, "w", "majority");
        sim_w_i32(w, "wtimeout", n->last_txn_wtimeout);
        sim_w_text(w, "provenance", n->last_txn_own_concern ? "clientSupplied" : "implicitDefault");
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
}

static void put_read_concerns(struct sim_call *c)
{
    sim_put_read_concerns(c->reply, c->m);
}

static void put_wired_tiger(struct sim_call *c)
{
    sim_put_wired_tiger(c->reply, c->m);
}

static void put_mem(struct sim_call *c)
{
    int64_t resident = (int64_t)(memory_of(c->m) / 1048576);
    struct sim_w *w = c->reply;
    sim_w_doc(w, "mem");
    sim_w_i32(w, "bits", 64);
    sim_w_i32(w, "resident", resident);
    sim_w_i32(w, "virtual", resident + 1400);
    sim_w_bool(w, "supported", true);
    sim_w_end(w);
}

static void put_metrics(struct sim_call *c)
{
    sim_put_metrics(c->reply, c->m);
}

static const struct {
    const char *name;
    void (*put)(struct sim_call *c);
    bool of_mongos; /* which has neither data nor a set */
} sections[] = {
    {"asserts", put_asserts, true}, {"catalogStats", put_catalog, false}, {"connections", put_connections, true}, {"defaultRWConcern", put_default_concern, true},
    {"electionMetrics", put_elections, false}, {"extra_info", put_extra_info, true}, {"flowControl", put_flow_control, false}, {"globalLock", put_global_lock, false},
    {"locks", put_locks, false}, {"logicalSessionRecordCache", put_sessions, true}, {"network", put_network, true}, {"opLatencies", put_latencies, false},
    {"opcounters", put_opcounters, true}, {"opcountersRepl", put_opcounters_repl, false}, {"oplogTruncation", put_oplog_truncation, false},
    {"queues", put_queues, false}, {"readConcernCounters", put_read_concerns, false}, {"repl", put_repl, false},
    {"security", put_security, true}, {"storageEngine", put_storage_engine, false}, {"transactions", put_transactions, false}, {"wiredTiger", put_wired_tiger, false},
    {"mem", put_mem, true}, {"metrics", put_metrics, true},
};

int sim_cmd_server_status(struct sim_call *c)
{
    const struct sim *s = c->s;
    int64_t up = s->now - c->m->start_us;
    bool none = sim_truth(sim_arg(c, "none"));
    struct sim_w *w = c->reply;
    sim_w_text(w, "host", c->m->host);
    sim_w_textf(w, "version", "%d.%d.%d", s->version[0], s->version[1], s->version[2]);
    sim_w_text(w, "process", sim_is_router(s) ? "mongos" : "mongod");
    if (sim_since(s, 8)) {
        sim_w_array(w, "service");
        sim_w_text(w, NULL, sim_is_router(s) ? "router" : "shard");
        sim_w_end(w);
    }
    sim_w_i64(w, "pid", c->m->pid);
    sim_w_f64(w, "uptime", (double)(up / 1000000));
    sim_w_i64(w, "uptimeMillis", up / 1000);
    sim_w_i64(w, "uptimeEstimate", up / 1000000);
    sim_w_date(w, "localTime", sim_now_ms(s));
    for (size_t i = 0; i < SB_COUNT(sections); i++) {
        struct sim_val asked = sim_arg(c, sections[i].name);
        if ((asked.type ? sim_truth(asked) : !none) && (sections[i].of_mongos || !sim_is_router(s)))
            sections[i].put(c);
    }
    if (sim_truth(sim_arg(c, "mirroredReads"))) /* only for who asks */
        sim_put_mirrored_reads(w, c->m);
    return 0;
}
