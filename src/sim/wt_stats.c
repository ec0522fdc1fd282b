/* SPDX-License-Identifier: Apache-2.0
 *
 * serverStatus.wiredTiger: the statistics that the engine counts or its cost model moves, and those that follow from them as
 * they do in the storage engine: a cursor for every lock of an operation, a slot of the journal for two records, an update
 * structure for every few hundred bytes. The factors are what a recorded 5.0.7 shows over all its incidents. What does not
 * follow is left out, as a server of another version would. */
#include "diag.h"
#include "status.h"
#include "wt_follow.h"

#include <string.h>

#define SESSIONS 20 /* of the storage engine */

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

/* Those given and those that go with others, by name as the server tells them. */
static void put_stats(struct sim_w *w, const char *section, const struct wt_figure *stat, size_t n, const double with[WT_WITH])
{
    size_t more_n, k = 0;
    const struct wt_follow *more = wt_follow_of(section, &more_n);
    sim_w_doc(w, section);
    for (size_t i = 0; i < n || k < more_n;) {
        if (k == more_n || (i < n && strcmp(stat[i].name, more[k].name) < 0)) {
            sim_w_int(w, stat[i].name, (int64_t)stat[i].value);
            i++;
        } else {
            sim_w_int(w, more[k].name, (int64_t)wt_follow_value(&more[k], with));
            k++;
        }
    }
    sim_w_end(w);
}

#define PUT(section, list) put_stats(w, section, list, SB_COUNT(list), with)

/* From the oldest open snapshot to now, as a difference of timestamps. */
static int64_t pinned_range(const struct sim_member *m)
{
    int64_t oldest = m->sim->now;
    for (const struct sim_snapshot *x = m->snapshots; x; x = x->next)
        oldest = x->from_us < oldest ? x->from_us : oldest;
    return (m->sim->now - oldest) / 1000000 << 32;
}

static void put_cache(struct sim_w *w, const struct sim_member *m, const double with[WT_WITH])
{
    const struct sim_counters *n = &m->n;
    double used = sim_cache_used(m);
    double evicted = (double)(n->evicted_clean + n->evicted_dirty), by_worker = evicted - (double)n->app_evictions;
    const struct wt_figure cache[] = {
        {"application threads page read from disk to cache count", (double)n->pages_read},
        {"bytes currently in the cache", used},
        {"bytes dirty in the cache cumulative", (double)n->evicted_dirty * m->sim->costs.page_bytes},
        {"bytes read into cache", (double)n->bytes_read},
        {"bytes written from cache", (double)n->bytes_written},
        {"eviction calls to get a page", evicted},
        {"eviction server unable to reach eviction goal", (double)n->eviction_failed},
        {"eviction worker thread evicting pages", by_worker > 0 ? by_worker : 0},
        {"hazard pointer check calls", evicted},
        {"maximum bytes configured", m->sim->costs.cache_bytes},
        {"modified pages evicted", (double)n->evicted_dirty},
        {"modified pages evicted by application threads", (double)n->app_evicted_dirty},
        {"operations timed out waiting for space in cache", 0},
        {"pages currently held in the cache", used / m->sim->costs.page_bytes + 40},
        {"pages evicted by application threads", (double)n->app_evictions},
        {"pages queued for eviction", evicted},
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
    /* a batch of others' writes: its locks, its place in the oplog, the progress of sessions, and its end in the journal */
    double batches = (double)n->apply_batches;
    double cursors = (double)(n->wt_cursors + n->served_getmores) + 22 * batches + 0.25 * (double)n->apply_ops;
    double log_bytes = (double)n->log_bytes * 1.02 + 650 * batches, log_writes = (double)n->log_writes + 3 * batches;
    double seconds = (double)(m->sim->now - m->start_us) / 1e6, syncs = (double)n->log_syncs + batches;
    double modifies = (double)n->wt_modifies + 5 * batches, asked = 3 * (double)n->served_getmores;
    double begins = (double)n->txn_begins + 12 * batches + asked;
    double nexts = (double)n->wt_cursor_nexts + 7 * batches;
    const double with[WT_WITH] = {
        [WT_SECONDS] = seconds, [WT_PAGES_READ] = (double)n->pages_read, [WT_EVICTED_DIRTY] = (double)n->evicted_dirty,
        [WT_EVICTED_CLEAN] = (double)n->evicted_clean, [WT_PAGES_WRITTEN] = (double)n->pages_written,
        [WT_BYTES_WRITTEN] = (double)n->bytes_written, [WT_LOG_BYTES] = log_bytes, [WT_LOG_SYNCS] = syncs,
        [WT_LOG_WRITES] = log_writes, [WT_CURSORS] = cursors, [WT_BUILT] = (double)n->wt_bulk_inserts,
        [WT_DDL] = (double)n->lock_exclusive,
    };
    const struct wt_figure blocks[] = {
        {"blocks read", (double)n->pages_read},
        {"blocks written", (double)n->pages_written},
        {"bytes read", (double)n->bytes_read},
        {"bytes written", (double)n->bytes_written},
        {"bytes written for checkpoint", (double)n->bytes_written},
    };
    const struct wt_figure capacity[] = {
        {"bytes read", (double)n->bytes_read},
        {"bytes written for checkpoint", (double)(n->bytes_written - n->bytes_evicted)},
        {"bytes written for eviction", (double)n->bytes_evicted},
        {"bytes written for log", log_bytes},
        {"bytes written total", (double)n->bytes_written + log_bytes},
    };
    const struct wt_figure connection[] = {
        {"memory allocations", 6 * cursors + (double)n->log_bytes / 150},
        {"memory frees", 6 * cursors + (double)n->log_bytes / 150},
        {"pthread mutex shared lock read-lock calls", 6 * (double)(n->lock_r + n->lock_w) + 50 * batches + 0.45 * (double)(n->inserted + n->apply_ops)},
        {"total fsync I/Os", syncs + (double)n->checkpoints},
        {"total read I/Os", (double)n->pages_read},
        {"total write I/Os", (double)n->pages_written + syncs},
    };
    const struct wt_figure cursor[] = {
        {"cursor bulk loaded cursor insert calls", (double)n->wt_bulk_inserts},
        {"cursor close calls that result in cache", cursors},
        {"cursor insert calls", (double)n->wt_inserts},
        {"cursor insert key and value bytes", (double)n->log_bytes * 1.8},
        {"cursor modify calls", modifies},
        {"cursor modify key and value bytes affected", modifies * 73},
        {"cursor modify value bytes modified", modifies * 8},
        {"cursor next calls", nexts},
        {"cursor next calls that skip less than 100 entries", nexts},
        {"cursor remove calls", (double)n->wt_removes},
        {"cursor remove key bytes removed", (double)n->wt_removes * 23},
        {"cursor reset calls", cursors * 2.3 + log_writes / 2},
        {"cursor search calls", (double)n->wt_cursor_searches + 11 * batches},
        {"cursor search near calls", begins * 0.76},
        {"cursors reused from cache", cursors},
    };
    const struct wt_figure log[] = {
        {"log bytes of payload data", (double)n->log_bytes},
        {"log bytes written", log_bytes},
        {"log flush operations", syncs},
        {"log force write operations", syncs},
        {"log server thread advances write LSN", syncs},
        {"log sync operations", syncs},
        {"log sync time duration (usecs)", (double)n->log_sync_us},
        {"log write operations", log_writes},
        {"logging bytes consolidated", log_bytes},
        {"slot closures", syncs},
        {"slot join calls did not yield", log_writes},
    };
    /* A page that is written holds what was changed, with its times. */
    const struct wt_figure reconciliation[] = {
        {"page reconciliation calls", (double)n->pages_written},
        {"page reconciliation calls for eviction", (double)n->evicted_dirty},
        {"page reconciliation calls that resulted in values with timestamps", (double)n->pages_written},
        {"page reconciliation calls that resulted in values with transaction ids", (double)n->pages_written},
        {"pages written including at least one start durable timestamp", (double)n->pages_written},
        {"pages written including at least one start timestamp", (double)n->pages_written},
        {"pages written including at least one start transaction ID", (double)n->pages_written},
    };
    const struct wt_figure session[] = {{"open session count", SESSIONS}};
    const struct wt_figure yield[] = {
        {"application thread time evicting (usecs)", (double)n->app_evict_us},
        {"application thread time waiting for cache (usecs)", (double)n->app_evict_us},
    };
    double walks = begins * 1.4;
    const struct wt_figure transaction[] = {
        {"query timestamp calls", 10 * seconds + 3.5 * (double)n->log_syncs + batches},
        {"sessions scanned in each walk of concurrent sessions", walks * SESSIONS},
        {"set timestamp calls", 2 * syncs},
        {"set timestamp oldest calls", syncs},
        {"set timestamp oldest updates", syncs},
        {"set timestamp stable calls", syncs},
        {"set timestamp stable updates", syncs},
        {"transaction begins", begins},
        {"transaction checkpoint currently running", n->checkpoint_until_us > m->sim->now},
        {"transaction checkpoint max time (msecs)", (double)n->checkpoint_ms_max},
        {"transaction checkpoint min time (msecs)", (double)n->checkpoint_ms_min},
        {"transaction checkpoint most recent time (msecs)", (double)n->checkpoint_ms_last},
        {"transaction checkpoint total time (msecs)", (double)n->checkpoint_ms_total},
        {"transaction checkpoints", (double)n->checkpoints},
        {"transaction range of timestamps currently pinned", (double)pinned_range(m)},
        {"transaction walk of concurrent sessions", walks},
        {"transactions committed", (double)n->txn_commits + 7 * batches},
        {"transactions rolled back", (double)n->txn_rollbacks + 4 * batches + asked},
        {"update conflicts", (double)n->write_conflicts},
    };
    int total = (int)m->sim->costs.tickets;
    sim_w_doc(w, "wiredTiger");
    sim_w_text(w, "uri", "statistics:");
    PUT("block-manager", blocks);
    put_cache(w, m, with);
    PUT("capacity", capacity);
    PUT("connection", connection);
    PUT("cursor", cursor);
    put_stats(w, "lock", NULL, 0, with);
    PUT("log", log);
    put_stats(w, "perf", NULL, 0, with);
    PUT("reconciliation", reconciliation);
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
