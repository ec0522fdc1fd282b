/* SPDX-License-Identifier: Apache-2.0
 *
 * stage.h - the stages of a query plan, which do one small piece of work when asked.
 *
 * Every call of sim_work on a stage is one "work": it gives a row, or says that it needs more time, or that it is at its
 * end; the counters are those that explain shows (works, advanced, needTime, isEOF, docsExamined, keysExamined, seeks,
 * dupsTested ...), counted by doing the work. A tree lives in the plan's arena; sim_stage_release frees what is not
 * there. Record ids are looked up when they are used, so that a plan may rest between two batches. Thread: one.
 */
#ifndef SIGNALBOX_SIM_STAGE_H
#define SIGNALBOX_SIM_STAGE_H

#include <signalbox/sim/bounds.h>
#include <signalbox/sim/catalog.h>
#include <signalbox/sim/project.h>

enum sim_stage_kind {
    SIM_EOF_PLAN,
    SIM_COLLSCAN,
    SIM_IDHACK,
    SIM_IXSCAN,
    SIM_COUNT_SCAN,
    SIM_DISTINCT_SCAN,
    SIM_FETCH_STAGE,
    SIM_OR_STAGE,
    SIM_SORT_MERGE,
    SIM_SORT,
    SIM_SKIP,
    SIM_LIMIT,
    SIM_PROJECTION,
    SIM_PROJECTION_COVERED,
    SIM_SUBPLAN,
    SIM_COUNT_STAGE,
    SIM_FAST_COUNT,
    SIM_UPDATE_STAGE,
    SIM_DELETE_STAGE,
};

enum sim_state { SIM_ADVANCED, SIM_NEED_TIME, SIM_IS_EOF, SIM_FAILED };

struct sim_row {
    uint64_t rid;
    struct sim_doc *doc; /* the row's own reference */
};

/* A range of one field in the order of the tree, as bytes of keys. */
struct sim_range {
    const uint8_t *from, *to;
    uint32_t from_n, to_n;
    bool from_in, to_in;
};

/* Bounds of an index scan: for each field of the index, what may stand in it. */
struct sim_scan {
    struct sim_index *index;
    uint64_t index_id;
    const char *name; /* of the index, a copy: it outlives it */
    bool backward;
    bool simple; /* points, then one range, then everything: one stretch of keys, whose end is not examined */
    struct sim_intervals *values; /* of each field of the index; ascending, for explain */
    struct sim_ranges {
        struct sim_range *r;
        size_t n;
        bool all;
    } *field; /* as many */
};

/* Makes scan->field and fills it and scan->simple from scan->values. False out of memory.
 * room: a string that may be written over. */
bool sim_scan_prepare(struct sim_arena *a, struct sim_scan *scan, struct sb_str *room);

struct sim_stage {
    enum sim_stage_kind kind;
    int64_t works, advanced, need_time;
    bool eof, explained; /* explained: made for an explain */
    struct sim_stage *child;
    struct sim_stage **children; /* OR, SORT_MERGE */
    size_t children_n;
    struct sim_coll *coll;
    const struct sim_expr *filter; /* COLLSCAN, FETCH, IXSCAN (on the key) */
    int64_t docs_examined, keys_examined, seeks, dups_tested, dups_dropped, already_had;
    /* by kind */
    bool backward, started;      /* COLLSCAN */
    uint64_t at;                 /* COLLSCAN: the last record; IDHACK: unused */
    struct sim_scan *scan;       /* IXSCAN COUNT_SCAN DISTINCT_SCAN */
    struct sim_cursor cursor;
    bool positioned, must_seek;
    struct sb_str seek;
    struct sim_ridset *seen;     /* OR, SORT_MERGE, multikey IXSCAN */
    struct sim_val id;           /* IDHACK */
    bool express;                /* IDHACK as 8.0 calls it */
    int64_t amount, passed;      /* SKIP, LIMIT, SORT (limit; 0 none), COUNT (counted) */
    const uint8_t *pattern;      /* SORT, SORT_MERGE */
    struct sim_sorter *sorter;
    struct sim_fail *fail;       /* where SORT says that memory ran out */
    bool allow_disk, sort_default;
    const struct sim_projection *projection;
    struct sim_row *head;        /* SORT_MERGE: the next row of each child */
    struct sb_str *head_key;
    bool *head_full;
    size_t turn;                 /* OR: the child at work; SORT_MERGE: the child to be filled */
    int64_t n_matched, n_would_modify, n_would_upsert; /* UPDATE; DELETE uses n_matched */
};

/* Gives *row on SIM_ADVANCED. */
enum sim_state sim_work(struct sim_stage *s, struct sim_row *row);

/* Before the data may change: remembers positions. 0 or -1 out of memory. */
int sim_stage_save(struct sim_stage *s);
void sim_stage_release(struct sim_stage *s);

/* Sums over a tree. */
struct sim_totals {
    int64_t keys, docs;
    bool collscan, sort, fetch, used_disk;
};
void sim_stage_totals(const struct sim_stage *s, struct sim_totals *t);

void sim_row_release(struct sim_row *row);

#endif
