/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - a member's cache and disk: what an operation finds in memory, and what it waits for when it does not.
 *
 * As long as data and indexes fit the cache, everything is in it. When they do not, each collection has a share of it: a
 * page is missed with the probability that follows from that share, read from a disk that serves a few at a time, and
 * pushes out others, those that nobody asked for first. What nobody has read since the process began, or since a build wrote
 * it straight to its file, is not in the cache either. A page is dirty as a whole once a document or key of it was changed;
 * dirty pages are written by checkpoints and, above the target, by eviction threads; above the trigger whoever writes has to evict before he may. Old versions of documents that an open
 * snapshot may still read stay in the cache until it ends. Thread: one.
 */
#ifndef SIGNALBOX_SIM_STORE_H
#define SIGNALBOX_SIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;
struct sim_member;
struct sim_coll;

#define SIM_HOT 512

struct sim_store {
    bool pressed;     /* not everything fits: collections keep their shares */
    double total;     /* bytes of all data and indexes, when last summed */
    double resident;  /* of these, in the cache, while pressed */
    double pinned;    /* old versions kept for open snapshots */
    double touched;   /* pages that are dirty because something in their middle was changed; of dirty_bytes the rest was appended */
    double kept_log;  /* logarithm of the share of dirty pages that was kept at every writing of some of them */
    int64_t summed_us, evicted_us;
    int64_t disk_free_us;  /* reads queue until then */
    int64_t writing_until_us; /* checkpoints and evictions write until then */
    int64_t accepting_until_us; /* new connections keep cores busy until then */
    struct { /* documents that were written last, for conflicts */
        uint64_t id;
        int64_t until_us;
    } hot[SIM_HOT];
};

/* What an operation wants of a collection. */
struct sim_wants {
    double docs, doc_bytes; /* read; bytes of all of them */
    bool in_order;          /* one after the other, as a scan reads them */
    double keys;
    double keys_written, docs_written, bytes_written;
    double docs_new;        /* of the documents written, those that were not there before */
    bool keeps_old;         /* changes documents that exist: old versions arise */
};

struct sim_pages {
    double read;        /* from the disk */
    int64_t read_us;    /* waiting for them */
    int64_t evict_us;   /* evicting for others */
};

/* Moves the pages and counts them. Nothing is wanted of a collection that is not there (NULL). */
struct sim_pages sim_store_use(struct sim_member *m, struct sim_coll *c, const struct sim_wants *w);

/* Background writes of so many bytes begin now; when they are done. */
int64_t sim_store_write(struct sim_member *m, double bytes);

/* True while they run: the journal and readers are slower then. */
bool sim_store_writing(const struct sim_member *m);

/* That share of the dirty pages is clean now; how many pages that are. Whoever calls it lets them be written. */
double sim_store_clean(struct sim_member *m, double share);

/* So many bytes more of the collection are on the disk and not in the cache; INFINITY: nothing of it is. */
void sim_store_cold(struct sim_coll *c, double bytes);

/* So many bytes of pages leave the cache, because their index or collection is gone. */
void sim_store_dropped(struct sim_member *m, double bytes);

double sim_cache_used(const struct sim_member *m);
double sim_cache_dirty(const struct sim_member *m);
double sim_cache_dirty_pages(const struct sim_member *m);

/* Bytes of the file system in use: what others have, and this member's files. */
double sim_disk_used(const struct sim_member *m);

/* ---- snapshots: transactions that somebody opened and keeps open ---- */

struct sim_snapshot {
    char app[129], ns[272];
    int64_t from_us, to_us;
    struct sim_snapshot *next;
};

/* Opens one that reads this collection, until to_us or the server's limit, whichever is first. -1 out of memory. */
int sim_snapshot_open(struct sim_member *m, const char *app, const char *ns, int64_t to_us);
void sim_snapshots_release(struct sim_member *m);

#endif
