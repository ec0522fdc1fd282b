/* SPDX-License-Identifier: Apache-2.0
 *
 * Each goes with what causes it: eviction walks with the pages that must be written and with what is logged, because a batch
 * leaves large pages that are walked in vain; locks of the engine with the journal's flushes; its sweeps with the cursors.
 * The factors are those of a recorded 5.0.7 over all its incidents, one for all of them. */
#include "wt_follow.h"

#include <signalbox/base/compiler.h>

#include <string.h>

static const struct wt_follow block_manager[] = {
    {"blocks pre-loaded", WT_BUILT, 0.005, 0, 0},
};

static const struct wt_follow cache[] = {
    {"eviction calls to get a page found queue empty", WT_PAGES_WRITTEN, 0.0129, 0, 0},
    {"eviction calls to get a page found queue empty after locking", WT_PAGES_WRITTEN, 0.0152, 0, 0},
    {"eviction passes of a file", WT_EVICTED_DIRTY, 0.1, WT_LOG_BYTES, 1.45e-4},
    {"eviction server candidate queue empty when topping up", WT_PAGES_WRITTEN, 0.0209, 0, 0},
    {"eviction server candidate queue not empty when topping up", WT_EVICTED_DIRTY, 0.0686, 0, 0},
    {"eviction server slept, because we did not make progress with eviction", WT_SECONDS, 15, WT_PAGES_WRITTEN, 0.1},
    {"eviction server waiting for a leaf page", WT_EVICTED_CLEAN, 0.126, 0, 0},
    {"eviction walk target pages histogram - 0-9", WT_EVICTED_DIRTY, 0.07, WT_LOG_BYTES, 1.3e-4},
    {"eviction walk target pages histogram - 10-31", WT_PAGES_WRITTEN, 0.0525, 0, 0},
    {"eviction walk target pages histogram - 32-63", WT_PAGES_WRITTEN, 0.0116, 0, 0},
    {"eviction walk target pages histogram - 64-128", WT_LOG_BYTES, 2.25e-6, 0, 0},
    {"eviction walk target strategy both clean and dirty pages", WT_EVICTED_CLEAN, 0.4, 0, 0},
    {"eviction walk target strategy only dirty pages", WT_EVICTED_DIRTY, 0.1, WT_LOG_BYTES, 1.4e-4},
    {"eviction walks abandoned", WT_EVICTED_DIRTY, 0.0287, 0, 0},
    {"eviction walks gave up because they restarted their walk twice", WT_EVICTED_DIRTY, 0.05, WT_LOG_BYTES, 1.4e-4},
    {"eviction walks gave up because they saw too many pages and found no candidates", WT_LOG_BYTES, 2.9e-6, 0, 0},
    {"eviction walks gave up because they saw too many pages and found too few candidates", WT_LOG_BYTES, 2.2e-7, 0, 0},
    {"eviction walks reached end of tree", WT_EVICTED_DIRTY, 0.15, WT_LOG_BYTES, 2.8e-4},
    {"eviction walks started from root of tree", WT_EVICTED_DIRTY, 0.08, WT_LOG_BYTES, 1.4e-4},
    {"eviction walks started from saved location in tree", WT_PAGES_WRITTEN, 0.045, 0, 0},
    {"files with new eviction walks started", WT_EVICTED_DIRTY, 0.09, WT_LOG_BYTES, 1.45e-4},
    {"forced eviction - pages evicted that were clean count", WT_BUILT, 1e-4, 0, 0},
    {"forced eviction - pages evicted that were clean time (usecs)", WT_BUILT, 1e-3, 0, 0},
    {"forced eviction - pages selected count", WT_BUILT, 1e-4, WT_LOG_BYTES, 1e-6},
    {"hazard pointer blocked page eviction", WT_LOG_BYTES, 4.8e-7, 0, 0},
    {"hazard pointer check entries walked", WT_EVICTED_DIRTY, 3, WT_LOG_BYTES, 2.9e-4},
    {"history store table insert calls", WT_EVICTED_DIRTY, 0.15, WT_PAGES_WRITTEN, 0.05},
    {"in-memory page passed criteria to be split", WT_LOG_BYTES, 9.3e-7, 0, 0},
    {"in-memory page splits", WT_LOG_BYTES, 3.4e-7, 0, 0},
    {"leaf pages split during eviction", WT_PAGES_WRITTEN, 0.0086, 0, 0},
    {"page written requiring history store records", WT_EVICTED_DIRTY, 0.159, 0, 0},
    {"pages queued for eviction post lru sorting", WT_EVICTED_DIRTY, 3.5, WT_PAGES_WRITTEN, 1},
    {"pages queued for urgent eviction", WT_LOG_BYTES, 3.2e-7, 0, 0},
    {"pages queued for urgent eviction during walk", WT_LOG_BYTES, 3.2e-7, 0, 0},
    {"pages seen by eviction walk", WT_EVICTED_DIRTY, 25, WT_LOG_BYTES, 0.0068},
    {"pages seen by eviction walk that are already queued", WT_EVICTED_DIRTY, 5, WT_LOG_BYTES, 4.6e-4},
    {"pages selected for eviction unable to be evicted", WT_LOG_BYTES, 7.3e-7, 0, 0},
    {"pages walked for eviction", WT_EVICTED_DIRTY, 6, WT_LOG_BYTES, 0.045},
    {"pages written requiring in-memory restoration", WT_EVICTED_DIRTY, 0.933, 0, 0},
    {"the number of times full update inserted to history store", WT_EVICTED_DIRTY, 0.15, WT_PAGES_WRITTEN, 0.05},
};

static const struct wt_follow connection[] = {
    {"memory re-allocations", WT_CURSORS, 0.09, WT_LOG_BYTES, 2.6e-5},
    {"pthread mutex condition wait calls", WT_SECONDS, 15, WT_PAGES_WRITTEN, 0.4},
    {"pthread mutex shared lock write-lock calls", WT_LOG_SYNCS, 3.4, 0, 0},
};

static const struct wt_follow cursor[] = {
    {"cursor next calls that skip greater than or equal to 100 entries", WT_LOG_BYTES, 7e-6, 0, 0},
    {"cursor prev calls that skip greater than or equal to 100 entries", WT_LOG_BYTES, 6e-7, 0, 0},
    {"cursor sweep buckets", WT_CURSORS, 0.072, 0, 0},
    {"cursor sweep cursors examined", WT_CURSORS, 0.0037, WT_DDL, 1},
    {"cursor sweeps", WT_CURSORS, 0.012, 0, 0},
};

static const struct wt_follow lock[] = {
    {"dhandle read lock acquisitions", WT_EVICTED_DIRTY, 1, WT_LOG_BYTES, 1.7e-4},
    {"schema lock acquisitions", WT_DDL, 2, 0, 0},
    {"txn global read lock acquisitions", WT_PAGES_WRITTEN, 0.205, 0, 0},
    {"txn global write lock acquisitions", WT_LOG_SYNCS, 3.14, 0, 0},
};

static const struct wt_follow journal[] = {
    {"log force write operations skipped", WT_LOG_SYNCS, 0.4, 0, 0},
    {"log records compressed", WT_LOG_BYTES, 4e-6, WT_DDL, 2},
    {"log records not compressed", WT_LOG_SYNCS, 0.985, 0, 0},
    {"log records too small to compress", WT_LOG_WRITES, 0.577, 0, 0},
    {"log server thread write LSN walk skipped", WT_LOG_BYTES, 7e-5, 0, 0},
    {"slot unbuffered writes", WT_LOG_BYTES, 1e-4, 0, 0},
};

static const struct wt_follow perf[] = {
    {"operation write latency histogram (bucket 1) - 100-249us", WT_PAGES_WRITTEN, 0.032, 0, 0},
    {"operation write latency histogram (bucket 2) - 250-499us", WT_PAGES_WRITTEN, 0.0057, 0, 0},
    {"operation write latency histogram (bucket 3) - 500-999us", WT_PAGES_WRITTEN, 0.0057, 0, 0},
};

static const struct wt_follow reconciliation[] = {
    {"approximate byte size of timestamps in pages written", WT_BYTES_WRITTEN, 0.0121, 0, 0},
    {"approximate byte size of transaction IDs in pages written", WT_BYTES_WRITTEN, 0.00604, 0, 0},
    {"pages written including at least one stop durable timestamp", WT_EVICTED_DIRTY, 0.3, 0, 0},
    {"pages written including at least one stop timestamp", WT_EVICTED_DIRTY, 0.3, 0, 0},
    {"pages written including at least one stop transaction ID", WT_EVICTED_DIRTY, 0.3, 0, 0},
    {"records written including a stop durable timestamp", WT_PAGES_WRITTEN, 4.9, 0, 0},
    {"records written including a stop timestamp", WT_PAGES_WRITTEN, 4.9, 0, 0},
    {"records written including a stop transaction ID", WT_PAGES_WRITTEN, 4.9, 0, 0},
};

static const struct wt_follow session[] = {
    {"table create successful calls", WT_DDL, 0.5, 0, 0},
    {"table drop successful calls", WT_DDL, 0.25, 0, 0},
};

static const struct wt_follow yield[] = {
    {"page acquire eviction blocked", WT_LOG_BYTES, 4.5e-7, 0, 0},
    {"page acquire locked blocked", WT_LOG_BYTES, 2.9e-5, 0, 0},
};

#define SECTION(name, list) {name, list, SB_COUNT(list)}

static const struct {
    const char *name;
    const struct wt_follow *list;
    size_t n;
} sections[] = {
    SECTION("block-manager", block_manager), SECTION("cache", cache), SECTION("connection", connection), SECTION("cursor", cursor),
    SECTION("lock", lock), SECTION("log", journal), SECTION("perf", perf), SECTION("reconciliation", reconciliation),
    SECTION("session", session), SECTION("thread-yield", yield),
};

const struct wt_follow *wt_follow_of(const char *section, size_t *n)
{
    for (size_t i = 0; i < SB_COUNT(sections); i++)
        if (strcmp(sections[i].name, section) == 0) {
            *n = sections[i].n;
            return sections[i].list;
        }
    *n = 0;
    return NULL;
}

double wt_follow_value(const struct wt_follow *f, const double with[WT_WITH])
{
    return f->factor * with[f->with] + f->also_factor * with[f->also];
}
