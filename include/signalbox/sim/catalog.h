/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog.h - what one member stores: databases, collections, their indexes and the statistics kept beside them.
 *
 * Every member has a catalogue of its own and applies the same changes to it, later. The functions here change one
 * member's data and keep its indexes true; who may write, replication and replies are the business of others. Names are
 * compared byte for byte. Thread: one.
 */
#ifndef SIGNALBOX_SIM_CATALOG_H
#define SIGNALBOX_SIM_CATALOG_H

#include <signalbox/sim/index.h>

#define SIM_MAX_INDEXES 64
#define SIM_HISTOGRAM 40 /* buckets of a latency histogram */

/* `top`: microseconds and counts by kind of work. */
enum sim_top_kind { SIM_TOP_QUERIES, SIM_TOP_GETMORE, SIM_TOP_INSERT, SIM_TOP_UPDATE, SIM_TOP_REMOVE, SIM_TOP_COMMANDS, SIM_TOP_KINDS };

struct sim_usage {
    int64_t us, count;
};

enum sim_latency_kind { SIM_LAT_READS, SIM_LAT_WRITES, SIM_LAT_COMMANDS, SIM_LAT_KINDS };

struct sim_latency {
    int64_t us, ops;
    uint64_t bucket[SIM_HISTOGRAM];
};

struct sim_coll {
    char *ns;         /* "shop.orders" */
    const char *name; /* behind the first dot of ns */
    size_t db_n;      /* bytes of the database's name */
    uint8_t uuid[16];
    uint64_t id; /* of this collection in this process, never used again: cursors and plans find out that it is gone */
    struct sim_doc *options; /* as listCollections shows them */
    struct sim_filter *validator; /* of the options; NULL none */
    bool validates_off, validates_moderately, only_warns;
    bool capped;
    uint64_t max_bytes, max_docs; /* capped */
    struct sim_records records;
    struct sim_index *index[SIM_MAX_INDEXES];
    unsigned indexes;
    uint64_t version; /* changes with every change of the set of indexes */
    struct sim_plan_cache *plans;
    struct sim_usage top[SIM_TOP_KINDS], read_lock, write_lock;
    struct sim_latency latency[SIM_LAT_KINDS];
    int64_t scans_total, scans_nontailable;
    uint64_t most_bytes; /* its documents took at their most: files do not shrink */
    double resident;     /* bytes of it in the cache, kept while not everything fits (store.h) */
    double cold;         /* bytes of it that are on the disk and were not read since (store.h) */
    double dirty_pages, dirty_kept_log; /* when it was last written; see store.c */
    int64_t touched_us;
    int64_t locked_until_us; /* an exclusive lock on it ends then (contend.h) */
    int64_t lock_waits, lock_wait_us;
};

/* Profiler settings of one database on one member. */
struct sim_profiler {
    int level;
    struct sim_filter *filter;
};

struct sim_db {
    char *name;
    struct sim_profiler profiler;
};

struct sim_catalog {
    struct sim_coll **coll; /* in order of creation */
    size_t n, cap;
    struct sim_db **db;
    size_t db_n, db_cap;
    struct sim_coll **slot; /* a hash table by namespace */
    size_t slots;
    uint64_t next_id;
};

void sim_catalog_init(struct sim_catalog *c);
void sim_catalog_release(struct sim_catalog *c);

struct sim_coll *sim_coll_find(const struct sim_catalog *c, const char *ns);
struct sim_coll *sim_coll_by_uuid(const struct sim_catalog *c, const uint8_t uuid[16]);
struct sim_db *sim_db_find(const struct sim_catalog *c, const char *name, size_t n);

/* Makes the collection (it must not exist) and, unless it is the oplog, its _id index. */
struct sim_coll *sim_coll_new(struct sim_catalog *c, const char *ns, const uint8_t uuid[16], const uint8_t *options, int64_t now_us,
                              struct sim_fail *f);
/* Another name, which no collection may have. Cursors and plans take it for another collection. 0, or -1 out of memory. */
int sim_coll_rename(struct sim_catalog *c, struct sim_coll *coll, const char *ns);
void sim_coll_drop(struct sim_catalog *c, struct sim_coll *coll);
void sim_db_drop(struct sim_catalog *c, struct sim_db *db); /* its collections must be gone */

/* The settings record of a database, made when missing; NULL out of memory. */
struct sim_db *sim_db_need(struct sim_catalog *c, const char *name, size_t n);

/* Reads the validator out of the options. 0 or -1. */
int sim_coll_read_validator(struct sim_coll *c, struct sim_fail *f);

struct sim_index *sim_coll_index(const struct sim_coll *c, const char *name, size_t n);
struct sim_index *sim_coll_index_by_key(const struct sim_coll *c, const uint8_t *key);
int sim_coll_add_index(struct sim_coll *c, struct sim_index *x, struct sim_fail *f); /* takes x */
void sim_coll_drop_index(struct sim_coll *c, struct sim_index *x);

/* Puts the records behind x->scanned into the tree, at most max of them (UINT64_MAX: all). 0 or -1 (out of memory, parallel
 * arrays); a broken uniqueness is noted in x->failed. *done tells how many records were passed. */
int sim_coll_fill_index(struct sim_coll *c, struct sim_index *x, uint64_t max, uint64_t *done, struct sim_fail *f);

/* What a write did to the indexes, for the cost model and the log. */
struct sim_write_work {
    int64_t keys_inserted, keys_deleted;
};

/* Insert takes a reference of its own. Returns the record id, or 0 after a failure with nothing changed. A capped
 * collection then loses its oldest records. */
uint64_t sim_coll_insert(struct sim_coll *c, struct sim_doc *d, struct sim_write_work *work, struct sim_fail *f);

/* Replaces the document of a record. -1: nothing changed. */
int sim_coll_replace(struct sim_coll *c, uint64_t rid, struct sim_doc *d, struct sim_write_work *work, struct sim_fail *f);
void sim_coll_remove(struct sim_coll *c, uint64_t rid, struct sim_write_work *work);

/* A new collection gets the records and indexes of another member's, under the same record ids; documents are shared. 0 or -1. */
int sim_coll_take_over(struct sim_coll *to, const struct sim_coll *from, struct sim_fail *f);

/* Makes a record what it was or is to be: d NULL: there is none. No limit of a capped collection is kept. -1: nothing
 * changed. */
int sim_coll_restore(struct sim_coll *c, uint64_t rid, struct sim_doc *d, struct sim_fail *f);

/* The record with this _id, or 0. */
uint64_t sim_coll_by_id(const struct sim_coll *c, struct sim_val id);

uint64_t sim_coll_index_bytes(const struct sim_coll *c);

#endif
