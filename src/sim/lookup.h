/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup.h - $lookup: for each document one question to another collection of the database, by equality or by a pipeline that
 * has the variables of `let` put into it, or by both. */
#ifndef SIM_LOOKUP_H
#define SIM_LOOKUP_H

#include <signalbox/sim/pipeline.h>

int sim_lookup_check(struct sim_val spec, struct sim_fail *f);

/* Puts into each document the list of those that `ask` finds for it. */
int sim_lookup_run(struct sim_pipe *x, const struct sim_foreign *ask, struct sim_docs *docs, struct sb_rng *rng, int64_t *rows, struct sim_fail *f);

/* {$lookup: {...}} as explain shows it, into the open document; and what its questions came to. */
void sim_lookup_show(struct sim_val spec, struct sim_w *w);
void sim_lookup_show_stats(const struct sim_pipe *x, struct sim_w *w);

#endif
