/* SPDX-License-Identifier: Apache-2.0
 *
 * diag.h - what aggregation sources and diagnostic commands tell about a member. */
#ifndef SIM_DIAG_H
#define SIM_DIAG_H

#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/pipeline.h>

int sim_index_stats(struct sim_call *c, struct sim_docs *out);
int sim_coll_stats_docs(struct sim_call *c, const uint8_t *spec, struct sim_docs *out);
int sim_plan_cache_stats(struct sim_call *c, struct sim_docs *out);

/* currentOp's entries; idle: connections that do nothing too. */
int sim_current_ops(struct sim_call *c, bool idle, bool sessions, struct sim_docs *out);

/* Fields of collStats and $collStats.storageStats, from size on. */
void sim_put_storage_stats(struct sim_w *w, const struct sim *s, const struct sim_coll *c, int64_t scale);

/* What a collection and its indexes would take on disk, compressed. */
int64_t sim_storage_bytes(const struct sim_coll *c);
int64_t sim_index_storage_bytes(const struct sim_index *x);
int64_t sim_coll_index_storage_bytes(const struct sim_coll *c);

#endif
