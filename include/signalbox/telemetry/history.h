/* SPDX-License-Identifier: Apache-2.0
 *
 * history.h - how much each collection was read and written lately, in buckets of deployment time.
 *
 * Sums over all members that were asked, so that a window before a change can be held against one after it. One interval
 * between two polls counts in the bucket in which it ends, and a bucket counts in a window when all its intervals began in
 * it: what was slow before a change is never laid to what came after it. Bounded: at most SB_HISTORY_MAX_NS collections that were ever active; beyond that the least recently active one is forgotten, and
 * counted. Thread: one owner.
 */
#ifndef SIGNALBOX_TELEMETRY_HISTORY_H
#define SIGNALBOX_TELEMETRY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_HISTORY_BUCKET_MS 5000
#define SB_HISTORY_BUCKETS 360 /* half an hour; what is older is kept */
#define SB_HISTORY_COARSE_MS 300000
#define SB_HISTORY_COARSE 300  /* for twenty-five hours: the longest watch window, and what comes before it */
#define SB_HISTORY_MAX_NS 500

struct sb_ns_work {
    int64_t reads, read_us, writes, write_us;
    int64_t covered_ms; /* of the primary's time that was observed */
    int64_t inserts, updates, removes; /* of the writes, those that are; the rest came by other commands */
    int64_t inserted_least, inserted_most; /* documents that the inserts brought: a server tells their number for all collections together */
};

struct sb_history;

struct sb_history *sb_history_new(void); /* NULL out of memory */
void sb_history_free(struct sb_history *h);

/* An interval from from_ms to at_ms. work->covered_ms: its length where the member is the primary, else 0. -1 out of memory. */
int sb_history_add(struct sb_history *h, const char *ns, int64_t from_ms, int64_t at_ms, const struct sb_ns_work *work);

/* Notes that the primary was observed for an interval, whether or not this collection was used in it. */
void sb_history_observed(struct sb_history *h, int64_t from_ms, int64_t at_ms);

/* The work of intervals that began at from_ms or later, in buckets before to_ms; where that is longer ago than half an hour, its first
 * five minutes may be left out. False when nothing is known of the collection (out is zero but for covered_ms). */
bool sb_history_window(const struct sb_history *h, const char *ns, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out);

uint64_t sb_history_forgotten(const struct sb_history *h);

#endif
