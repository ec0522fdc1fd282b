/* SPDX-License-Identifier: Apache-2.0
 *
 * serverStatus.metrics and serverStatus.wiredTiger: those statistics that the engine counts or its cost model moves. What
 * it does not know is left out, as a server of another version would. */
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/pipeline.h>

#include "diag.h"
#include "status.h"

#include <string.h>

/* ---- metrics ---- */

static void put_commands(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "commands");
    sim_w_i64(w, "<UNKNOWN>", m->n.unknown_commands);
    for (size_t i = 0; i < sim_commands_n; i++) {
        sim_w_doc(w, sim_commands[i].name);
        if (strcmp(sim_commands[i].name, "update") == 0 || strcmp(sim_commands[i].name, "findAndModify") == 0)
            sim_w_i64(w, "arrayFilters", 0);
        sim_w_i64(w, "failed", m->n.command_failed[i]);
        if (strcmp(sim_commands[i].name, "update") == 0 || strcmp(sim_commands[i].name, "findAndModify") == 0)
            sim_w_i64(w, "pipeline", 0);
        sim_w_i64(w, "total", m->n.command_total[i] + (strcmp(sim_commands[i].name, "getMore") == 0 ? m->n.served_getmores : 0));
        sim_w_end(w);
    }
    sim_w_end(w);
}

static void put_cursors(struct sim_w *w, const struct sim_member *m)
{
    /* in the order of the alphabet, as the server tells them; index: which count */
    static const struct {
        const char *name;
        int i;
    } life[] = {{"greaterThanOrEqual10Minutes", 6}, {"lessThan10Minutes", 5}, {"lessThan15Seconds", 2}, {"lessThan1Minute", 4},
                {"lessThan1Second", 0}, {"lessThan30Seconds", 3}, {"lessThan5Seconds", 1}};
    sim_w_doc(w, "cursor");
    sim_w_i64(w, "moreThanOneBatch", m->n.cursors_more_than_one_batch);
    sim_w_i64(w, "timedOut", m->n.cursors_timed_out);
    sim_w_i64(w, "totalOpened", m->n.cursors_opened);
    sim_w_doc(w, "lifespan");
    for (size_t i = 0; i < SB_COUNT(life); i++)
        sim_w_i64(w, life[i].name, m->n.cursor_life[life[i].i]);
    sim_w_end(w);
    sim_w_doc(w, "open");
    sim_w_i64(w, "noTimeout", (int64_t)sim_cursors_open(m->sim, m, true));
    sim_w_i64(w, "pinned", 0);
    sim_w_i64(w, "total", (int64_t)sim_cursors_open(m->sim, m, false));
    sim_w_end(w);
    sim_w_end(w);
}

/* key NULL: into the open document */
static void put_buffer(struct sim_w *w, const char *key, int64_t entries)
{
    if (key)
        sim_w_doc(w, key);
    sim_w_i64(w, "count", entries);
    sim_w_i64(w, "maxSizeBytes", 268435456);
    sim_w_i64(w, "sizeBytes", entries * 300);
    if (key)
        sim_w_end(w);
}

static void put_repl_metrics(struct sim_w *w, const struct sim_member *m)
{
    const struct sim *s = m->sim;
    uint64_t end = s->change_base + s->change_n, waiting = end > m->applied ? end - m->applied : 0;
    sim_w_doc(w, "repl");
    sim_w_doc(w, "apply");
    sim_w_i64(w, "attemptsToBecomeSecondary", 1);
    sim_w_i64(w, "batchSize", m->n.apply_ops);
    sim_w_doc(w, "batches");
    sim_w_i32(w, "num", m->n.apply_batches);
    sim_w_i32(w, "totalMillis", m->n.apply_batch_ms);
    sim_w_end(w);
    sim_w_i64(w, "ops", m->n.apply_ops);
    sim_w_end(w);
    sim_w_doc(w, "buffer");
    if (sim_since(s, 8)) {
        put_buffer(w, "apply", m->primary ? 0 : (int64_t)waiting);
        put_buffer(w, "write", 0);
    }
    put_buffer(w, NULL, m->primary ? 0 : (int64_t)waiting);
    sim_w_end(w);
    sim_w_doc(w, "network");
    sim_w_i64(w, "bytes", m->n.fetch_bytes);
    sim_w_doc(w, "getmores");
    sim_w_i32(w, "num", m->n.fetch_getmores);
    sim_w_i32(w, "totalMillis", m->n.fetch_getmores * 3);
    sim_w_i64(w, "numEmptyBatches", 0);
    sim_w_end(w);
    sim_w_doc(w, "oplogGetMoresProcessed");
    sim_w_i32(w, "num", m->n.served_getmores);
    sim_w_i32(w, "totalMillis", m->n.served_getmores * 3);
    sim_w_end(w);
    sim_w_i64(w, "ops", m->n.fetch_ops);
    sim_w_i64(w, "readersCreated", !m->primary);
    sim_w_end(w);
    sim_w_doc(w, "stateTransition");
    sim_w_text(w, "lastStateTransition", m->role.transition);
    sim_w_i64(w, "userOperationsKilled", m->role.ops_killed);
    sim_w_i64(w, "userOperationsRunning", m->role.ops_running);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_operators(struct sim_w *w, const struct sim_member *m)
{
    static const char *const names[] = {"$all", "$and", "$elemMatch", "$eq", "$exists", "$expr", "$gt", "$gte", "$in", "$lt", "$lte", "$mod",
                                        "$nor", "$not", "$or", "$regex", "$size", "$type"};
    sim_w_doc(w, "operatorCounters");
    sim_w_doc(w, "match");
    for (size_t i = 0; i < SB_COUNT(names); i++)
        sim_w_i64(w, names[i], m->n.match_operator[i]);
    sim_w_end(w);
    sim_w_end(w);
}

void sim_put_metrics(struct sim_w *w, const struct sim_member *m)
{
    const struct sim_counters *n = &m->n;
    sim_w_doc(w, "metrics");
    sim_w_doc(w, "aggStageCounters");
    for (int i = 0; i < SIM_PIPE_KINDS; i++)
        sim_w_i64(w, sim_pipe_name((enum sim_pipe_kind)i), n->stage[i]);
    sim_w_end(w);
    put_commands(w, m);
    put_cursors(w, m);
    sim_w_doc(w, "document");
    sim_w_i64(w, "deleted", n->deleted);
    sim_w_i64(w, "inserted", n->inserted);
    sim_w_i64(w, "returned", n->returned);
    sim_w_i64(w, "updated", n->updated);
    sim_w_end(w);
    sim_w_doc(w, "getLastError");
    sim_w_doc(w, "wtime");
    sim_w_i32(w, "num", n->wait_num);
    sim_w_i32(w, "totalMillis", n->wait_ms);
    sim_w_end(w);
    sim_w_i64(w, "wtimeouts", 0);
    sim_w_doc(w, "default");
    sim_w_i64(w, "unsatisfiable", 0);
    sim_w_i64(w, "wtimeouts", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "operation");
    if (sim_since(m->sim, 8))
        sim_w_i64(w, "killedDueToMaxTimeMSExpired", n->over_time);
    sim_w_i64(w, "scanAndOrder", n->scan_and_order);
    sim_w_i64(w, "writeConflicts", n->write_conflicts);
    sim_w_end(w);
    put_operators(w, m);
    if (sim_since(m->sim, 7)) {
        sim_w_doc(w, "query");
        sim_w_doc(w, "sort");
        sim_w_i64(w, "spillToDisk", n->sort_spills);
        sim_w_i64(w, "totalKeysSorted", n->sorted_keys);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_doc(w, "queryExecutor");
    sim_w_i64(w, "scanned", n->keys);
    sim_w_i64(w, "scannedObjects", n->docs);
    sim_w_doc(w, "collectionScans");
    sim_w_i64(w, "nonTailable", n->scans_nontailable);
    sim_w_i64(w, "total", n->scans_total);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "record");
    sim_w_i64(w, "moves", 0);
    sim_w_end(w);
    put_repl_metrics(w, m);
    sim_w_doc(w, "ttl");
    sim_w_i64(w, "deletedDocuments", m->n.ttl_deleted);
    sim_w_i64(w, "passes", m->n.ttl_passes);
    sim_w_end(w);
    sim_w_end(w);
}

/* ---- wiredTiger ---- */

static void put_tickets(struct sim_w *w, const char *key, int out, int total)
{
    if (out > total)
        out = total;
    sim_w_doc(w, key);
    sim_w_i32(w, "out", out);
    sim_w_i32(w, "available", total - out);
    sim_w_i32(w, "totalTickets", total);
    sim_w_end(w);
}

struct figure {
    const char *name;
    double value;
};

static void put_stats(struct sim_w *w, const char *section, const struct figure *stat, size_t n)
{
    sim_w_doc(w, section);
    for (size_t i = 0; i < n; i++)
        sim_w_int(w, stat[i].name, (int64_t)stat[i].value);
    sim_w_end(w);
}

#define PUT(section, list) put_stats(w, section, list, SB_COUNT(list))

/* From the oldest open snapshot to now, as a difference of timestamps. */
static int64_t pinned_range(const struct sim_member *m)
{
    int64_t oldest = m->sim->now;
    for (const struct sim_snapshot *x = m->snapshots; x; x = x->next)
        oldest = x->from_us < oldest ? x->from_us : oldest;
    return (m->sim->now - oldest) / 1000000 << 32;
}

static void put_cache(struct sim_w *w, const struct sim_member *m)
{
    const struct sim_counters *n = &m->n;
    double used = sim_cache_used(m);
    const struct figure cache[] = {
        {"application threads page read from disk to cache count", (double)n->pages_read},
        {"bytes currently in the cache", used},
        {"bytes read into cache", (double)n->bytes_read},
        {"bytes written from cache", (double)n->bytes_written},
        {"eviction server unable to reach eviction goal", (double)n->eviction_failed},
        {"maximum bytes configured", m->sim->costs.cache_bytes},
        {"modified pages evicted", (double)n->evicted_dirty},
        {"modified pages evicted by application threads", (double)n->app_evicted_dirty},
        {"operations timed out waiting for space in cache", 0},
        {"pages currently held in the cache", used / m->sim->costs.page_bytes + 40},
        {"pages evicted by application threads", (double)n->app_evictions},
        {"pages read into cache", (double)n->pages_read},
        {"pages requested from the cache", (double)n->wt_pages_requested},
        {"pages written from cache", (double)n->pages_written},
        {"tracked dirty bytes in the cache", sim_cache_dirty(m)},
        {"tracked dirty pages in the cache", sim_cache_dirty_pages(m)},
        {"unmodified pages evicted", (double)n->evicted_clean},
    };
    PUT("cache", cache);
}

void sim_put_wired_tiger(struct sim_w *w, const struct sim_member *m)
{
    const struct sim_counters *n = &m->n;
    const struct figure blocks[] = {
        {"blocks read", (double)n->pages_read},
        {"blocks written", (double)n->pages_written},
        {"bytes read", (double)n->bytes_read},
        {"bytes written", (double)n->bytes_written},
        {"bytes written for checkpoint", (double)n->bytes_written},
    };
    const struct figure cursor[] = {
        {"cursor insert calls", (double)n->wt_inserts},
        {"cursor modify calls", (double)n->wt_modifies},
        {"cursor next calls", (double)n->wt_cursor_nexts},
        {"cursor remove calls", (double)n->wt_removes},
        {"cursor search calls", (double)n->wt_cursor_searches},
    };
    const struct figure log[] = {
        {"log bytes of payload data", (double)n->log_bytes},
        {"log bytes written", (double)n->log_bytes * 1.02},
        {"log flush operations", (double)n->log_syncs},
        {"log sync operations", (double)n->log_syncs},
        {"log sync time duration (usecs)", (double)n->log_sync_us},
        {"log write operations", (double)n->log_writes},
    };
    const struct figure session[] = {{"open session count", 20}};
    const struct figure yield[] = {
        {"application thread time evicting (usecs)", (double)n->app_evict_us},
        {"application thread time waiting for cache (usecs)", (double)n->app_evict_us},
    };
    const struct figure transaction[] = {
        {"transaction begins", (double)n->txn_begins},
        {"transaction checkpoint currently running", n->checkpoint_until_us > m->sim->now},
        {"transaction checkpoint max time (msecs)", (double)n->checkpoint_ms_max},
        {"transaction checkpoint min time (msecs)", (double)n->checkpoint_ms_min},
        {"transaction checkpoint most recent time (msecs)", (double)n->checkpoint_ms_last},
        {"transaction checkpoint total time (msecs)", (double)n->checkpoint_ms_total},
        {"transaction checkpoints", (double)n->checkpoints},
        {"transaction range of timestamps currently pinned", (double)pinned_range(m)},
        {"transactions committed", (double)n->txn_commits},
        {"transactions rolled back", (double)n->txn_rollbacks},
        {"update conflicts", (double)n->write_conflicts},
    };
    int total = (int)m->sim->costs.tickets;
    sim_w_doc(w, "wiredTiger");
    sim_w_text(w, "uri", "statistics:");
    PUT("block-manager", blocks);
    put_cache(w, m);
    PUT("cursor", cursor);
    PUT("log", log);
    PUT("session", session);
    PUT("thread-yield", yield);
    PUT("transaction", transaction);
    if (!sim_since(m->sim, 8)) { /* then: queues.execution */
        sim_w_doc(w, "concurrentTransactions");
        put_tickets(w, "write", sim_tickets_out(m, true), total);
        put_tickets(w, "read", sim_tickets_out(m, false), total);
        sim_w_end(w);
    }
    sim_w_doc(w, "oplog");
    sim_w_ts(w, "visibility timestamp", m->applied_ts);
    sim_w_end(w);
    sim_w_end(w);
}
