/* SPDX-License-Identifier: Apache-2.0
 *
 * exec.h - one question being answered: planned, tried, run, explained.
 *
 * Planning follows the server's classic planner: every usable index gives a candidate with bounds; if none gives the
 * sort order, whole scans of indexes that do are candidates too; without any, the collection is scanned. Several
 * candidates run side by side for a budget of works, and the one that gave most for its work wins; equal ones are told
 * apart by not fetching and not sorting. Winners are cached by shape. A question lives as long as its cursor; between
 * batches the data may change (sim_exec_save first). Thread: one.
 */
#ifndef SIGNALBOX_SIM_EXEC_H
#define SIGNALBOX_SIM_EXEC_H

#include <signalbox/sim/stage.h>

enum sim_purpose { SIM_FOR_FIND, SIM_FOR_COUNT, SIM_FOR_DISTINCT, SIM_FOR_UPDATE, SIM_FOR_DELETE, SIM_FOR_MODIFY };

struct sim_query {
    const char *ns;
    struct sim_coll *coll; /* NULL: there is none, and the answer is empty */
    const struct sim_expr *filter;
    const uint8_t *sort; /* NULL none */
    const struct sim_projection *projection;
    int64_t skip, limit; /* limit 0: none */
    int64_t batch;       /* as it was said, if it was; only to tell the question */
    bool has_batch;
    struct sim_val hint;
    enum sim_purpose purpose;
    const char *distinct; /* the key */
    bool multi, remove;   /* writes; remove: a findAndModify that deletes */
    bool allow_disk, no_cache, keep_trials;
    int64_t now_us;
    struct sim_arena_block **spare; /* where the memory of plans waits for the next: arena.h */
};

/* match_tree.c: the question as error messages tell it. */
void sim_query_tell(struct sb_str *out, const struct sim_query *q);

#define SIM_MAX_PLANS 64

struct sim_exec {
    struct sim_arena arena;
    struct sim_query q;
    uint64_t coll_id;
    struct sim_stage *root;
    struct sim_stage **rejected; /* in the arena, of a trial */
    size_t rejected_n;
    struct sim_row *buffer; /* rows of the trial */
    size_t buffer_n, buffer_at, buffer_cap;
    bool from_multi, replanned, cached, has_hash, eof;
    bool newer_names; /* those of 8.0 */
    bool can_fail;    /* an $expr of the filter can */
    uint32_t query_hash, plan_cache_key;
    int64_t trial_keys, trial_docs; /* of plans that lost */
    struct sim_doc **trials; /* allPlansExecution, when kept; in the arena */
    size_t trials_n;
    /* the rest is not zeroed but begun */
    char replan_reason[160];
    struct sim_fail fail;
};

/* Plans, and runs the trial when there is a choice. The query's filter, sort, projection and hint must outlive it. */
struct sim_exec *sim_exec_new(const struct sim_query *q, struct sim_fail *f);
void sim_exec_free(struct sim_exec *e);

/* 1 a row (its reference is the caller's), 0 the end, -1 failed. */
int sim_exec_next(struct sim_exec *e, struct sim_row *row, struct sim_fail *f);

/* Around a rest between batches. check: -1 when the collection or an index of the plan is gone (QueryPlanKilled). */
int sim_exec_save(struct sim_exec *e);
int sim_exec_check(struct sim_exec *e, struct sim_coll *now, struct sim_fail *f);

/* A scan of a capped collection that was at its end looks again from there. -1: what it saw last has been pushed out. */
int sim_exec_tail(struct sim_exec *e, struct sim_fail *f);

void sim_exec_totals(const struct sim_exec *e, struct sim_totals *t);

/* "IXSCAN { user_id: 1, created: -1 }", as logged. */
void sim_exec_summary(const struct sim_exec *e, struct sb_str *out);

/* Counts one access of every index that the plan uses. */
void sim_exec_count_accesses(struct sim_exec *e);

/* ---- for exec.c: candidates ---- */

/* Fills plans with candidate trees; their number, or -1. */
int sim_plan(struct sim_exec *e, struct sim_stage **plans, struct sim_fail *f);

/* ---- explain ---- */

/* winningPlan's form: no statistics. */
void sim_explain_plan(struct sim_w *w, const struct sim_stage *s);

/* executionStages' form: into the open document, at millis_per_work. */
void sim_explain_stats(struct sim_w *w, const struct sim_stage *s, int64_t yields, double ms_per_unit);

/* The queryPlanner and executionStats sections, into the open document. stats 0: queryPlanner only, 1: executionStats,
 * 2: allPlansExecution. millis: simulated. hash: name the hashes whatever the verbosity. */
void sim_explain(struct sim_w *w, const struct sim_exec *e, int stats, bool hash, int64_t millis);

#endif
