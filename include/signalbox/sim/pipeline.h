/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline.h - aggregation stages over documents in memory.
 *
 * Stages: $match $group $sort $limit $skip $project $addFields/$set $unset $replaceRoot $replaceWith
 * $unwind $count $sample $lookup $facet $unionWith, $sortByCount and $bucket as short for others, and the sources
 * $indexStats $collStats $currentOp $planCacheStats $changeStream, which the caller provides. Known stages that are not simulated are
 * refused as such, unknown ones with the server's error. Thread: one.
 */
#ifndef SIGNALBOX_SIM_PIPELINE_H
#define SIGNALBOX_SIM_PIPELINE_H

#include <signalbox/base/rng.h>
#include <signalbox/sim/match.h>
#include <signalbox/sim/project.h>
#include <signalbox/sim/sort.h>

enum sim_pipe_kind {
    SIM_PIPE_MATCH,
    SIM_PIPE_GROUP,
    SIM_PIPE_SORT,
    SIM_PIPE_LIMIT,
    SIM_PIPE_SKIP,
    SIM_PIPE_PROJECT,
    SIM_PIPE_ADD_FIELDS,
    SIM_PIPE_UNWIND,
    SIM_PIPE_COUNT,
    SIM_PIPE_SAMPLE,
    SIM_PIPE_UNSET,
    SIM_PIPE_REPLACE_ROOT,
    SIM_PIPE_REPLACE_WITH,
    SIM_PIPE_LOOKUP,
    SIM_PIPE_FACET,
    SIM_PIPE_UNION_WITH,
    SIM_PIPE_INDEX_STATS,
    SIM_PIPE_COLL_STATS,
    SIM_PIPE_CURRENT_OP,
    SIM_PIPE_PLAN_CACHE_STATS,
    SIM_PIPE_CHANGE_STREAM,
    SIM_PIPE_KINDS
};

/* What the questions of a $lookup came to. */
struct sim_foreign_stats {
    int64_t docs, keys, scans;
    char index[8][128]; /* names of those used, in the order in which they came up */
    size_t indexes_n;
};

struct sim_docs {
    struct sim_doc **d;
    size_t n, cap;
};

/* How a $lookup asks another collection of the database: the caller of the pipeline knows. 0 or -1. */
struct sim_foreign {
    int (*find)(void *ctx, const char *from, const uint8_t *filter, struct sim_foreign_stats *stats, struct sim_docs *out, struct sim_fail *f);
    void *ctx;
};

struct sim_pipe {
    enum sim_pipe_kind kind;
    struct sim_val spec; /* borrowed from the command */
    struct sim_filter *filter;
    struct sim_projection *projection; /* a plain $project, an $unset; NULL where fields are computed */
    int64_t n;
    /* statistics of a run */
    int64_t returned, bytes;
    struct sim_foreign_stats foreign;
};

void sim_docs_release(struct sim_docs *docs);
int sim_docs_add(struct sim_docs *docs, struct sim_doc *d); /* takes the reference, also when it fails; NULL fails */

struct sim_pipeline {
    struct sim_pipe *pipe;
    size_t n, cap;
    struct sim_docs own; /* what stages that are short for others stand for */
};

/* Parses and checks. 0 or -1; release in both cases. */
int sim_pipeline_init(struct sim_pipeline *p, struct sim_val stages, struct sim_fail *f);
void sim_pipeline_release(struct sim_pipeline *p);

/* Runs stages [from, n) over docs, which it changes. *rows: how many went through stages. foreign NULL: there is no $lookup. */
int sim_pipeline_run(struct sim_pipeline *p, size_t from, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows,
                     struct sim_fail *f);

/* Only stages that an update may have. */
int sim_pipeline_check_update(const struct sim_pipeline *p, struct sim_fail *f);

/* Paths that the stages from `from` on read, when they need no more: written as a projection {a: 1, _id: 0} into the open
 * document. False when the whole document is needed. */
bool sim_pipeline_needs(const struct sim_pipeline *p, size_t from, struct sim_w *w);

/* A stage as explain shows it, into the open document. stats: of its run. */
void sim_pipe_show(const struct sim_pipe *x, struct sim_w *w, bool stats);

const char *sim_pipe_name(enum sim_pipe_kind kind);

#endif
