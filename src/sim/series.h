/* SPDX-License-Identifier: Apache-2.0
 *
 * series.h - time series as 5.0 has them: a view on system.buckets.NAME, which holds the measurements and replicates as any other
 * collection. The simulator makes no buckets of many measurements: each stands plainly in a document of its own, {_id, measurement}.
 * So one _id is there as often as it was inserted, and what buckets save of space and time is not simulated. */
#ifndef SIM_SERIES_H
#define SIM_SERIES_H

#include <signalbox/sim/dispatch.h>

/* The collection behind the time series of this name, or NULL: there is none. */
struct sim_coll *sim_series_find(const struct sim_catalog *cat, const char *ns);

/* {timeField, ..}, where the collection is one behind a time series; else NULL. */
const uint8_t *sim_series_options(const struct sim_coll *coll);

/* How many a member has. */
int64_t sim_series_count(const struct sim_catalog *cat);

/* create {timeseries, expireAfterSeconds}, and drop, of c->ns. 0 or -1. */
int sim_series_create(struct sim_call *c);
int sim_series_drop(struct sim_call *c);

/* As listCollections shows it. NULL out of memory. */
struct sim_doc *sim_series_info(const struct sim_coll *coll, bool names);

/* What is stored of a measurement. NULL: it is refused, or out of memory. */
struct sim_doc *sim_series_measurement(struct sim_call *c, const struct sim_coll *coll, const uint8_t *doc, struct sim_fail *f);

/* A command with so many updates, or deletes, begins: it is one on the collection behind. 0 or -1. */
int sim_series_begin(struct sim_call *c, const struct sim_coll *coll, size_t updates);

/* A statement of an update or delete on the time series as one on coll, in w. NULL: 5.0 allows only those that concern the meta
 * field and nothing else. */
const uint8_t *sim_series_statement(const struct sim_coll *coll, const uint8_t *statement, bool update, struct sim_w *w, struct sim_fail *f);

/* createIndexes on a time series is always refused: as a server does, or as not simulated. -1. */
int sim_series_refuse_indexes(struct sim_call *c, const struct sim_coll *coll, struct sim_val list);

/* {bucketsNs, ..} of collStats. */
void sim_series_put_stats(struct sim_w *w, const struct sim_coll *coll);

#endif
