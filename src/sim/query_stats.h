/* SPDX-License-Identifier: Apache-2.0
 *
 * query_stats.h - what the server counts of each shape of query, where a scenario lets it be asked ($queryStats, 7.0 and later).
 *
 * A find, and an aggregation on a collection, from 8.0 on a distinct too, is counted with its later batches by its shape: the
 * command without its values, as the server writes it ("?number", "?array<?string>"), and without what is no part of a query. The
 * documents and keys that were examined are told from 8.0 on. Thread: one. */
#ifndef SIM_QUERY_STATS_H
#define SIM_QUERY_STATS_H

#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/op.h>
#include <signalbox/sim/pipeline.h>

#define SIM_QUERY_STATS_SHAPES 1000 /* of all members; further ones are not counted */

/* Writes queryShape of a command on db.coll into the open document. False: it is of a kind that is not counted. */
bool sim_query_shape(struct sim_w *w, const struct sim *s, const char *ns, const uint8_t *command);

struct sim_query_stats *sim_query_stats_new(void);
void sim_query_stats_free(struct sim_query_stats *q);

/* An operation is over. One whose shape finds no memory is not counted. */
void sim_query_stats_count(struct sim_query_stats *q, const struct sim_op *op);

/* The stage: one document for each shape of the call's member. */
int sim_query_stats_docs(struct sim_call *c, struct sim_docs *out);

#endif
