/* SPDX-License-Identifier: Apache-2.0
 *
 * subpipe.h - stages with pipelines of their own ($facet, $unionWith), and those that are short for others ($sortByCount,
 * $bucket). */
#ifndef SIM_SUBPIPE_H
#define SIM_SUBPIPE_H

#include <signalbox/sim/pipeline.h>

int sim_facet_check(struct sim_val spec, struct sim_fail *f);
int sim_facet_run(const struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows, struct sim_fail *f);

int sim_union_check(struct sim_val spec, struct sim_fail *f);
int sim_union_run(struct sim_pipe *x, struct sim_docs *docs, struct sb_rng *rng, const struct sim_foreign *foreign, int64_t *rows, struct sim_fail *f);

/* Documents of a collection through the stages; leading matches are asked of the collection itself. */
int sim_subpipe_ask(struct sim_val stages, const char *from, struct sim_foreign_stats *stats, struct sb_rng *rng, const struct sim_foreign *foreign,
                    struct sim_docs *out, int64_t *rows, struct sim_fail *f);

/* {stages: [..]} that the stage of this name stands for, into the open document; 1 it is such a one, 0 it is not, -1 with
 * the error. */
int sim_short_for(const char *name, struct sim_val spec, struct sim_w *w, struct sim_fail *f);

#endif
