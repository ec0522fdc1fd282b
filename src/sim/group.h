/* SPDX-License-Identifier: Apache-2.0
 *
 * group.h - $group: keys and accumulators ($sum $avg $min $max $first $last $push $addToSet $count). */
#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include <signalbox/sim/pipeline.h>

int sim_group_check(struct sim_val spec, struct sim_fail *f);

/* Replaces docs by one document a group, in the order in which the groups came up. *bytes: of the groups. */
int sim_group_run(struct sim_val spec, struct sim_docs *docs, int64_t *bytes, struct sim_fail *f);

/* {$group: {...}} as explain shows it, into the open document; and the memory of each accumulator. */
void sim_group_show(struct sim_val spec, struct sim_w *w);
void sim_group_show_memory(struct sim_val spec, struct sim_w *w, int64_t bytes);

#endif
