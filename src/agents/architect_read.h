/* SPDX-License-Identifier: Apache-2.0
 *
 * architect_read.h - what the Data Architect's reads of a live collection share. */
#ifndef SB_AGENTS_ARCHITECT_READ_H
#define SB_AGENTS_ARCHITECT_READ_H

#include <bson/bson.h>
#include <signalbox/agents/schema_read.h>

/* A connection to a secondary, where one answers; else to the primary. reads: gets what is sent on it, and on the way to it;
 * NULL: not wanted. NULL with err. */
struct sb_conn *sb_architect_connect(const struct sb_server *server, struct sb_reads *reads, struct sb_err *err);

/* The smallest and the largest _id. `found` false: there is none. */
struct sb_id_edges {
    bson_value_t low, high;
    bool found;
};
int sb_id_edges_find(struct sb_conn *c, const char *db, const char *coll, struct sb_id_edges *out, struct sb_err *err);
void sb_id_edges_release(struct sb_id_edges *e);

/* Are both ends ordered by value among each other, and can what lies between be divided? */
bool sb_id_same_order(const struct sb_id_edges *e);
bool sb_id_divisible(const struct sb_id_edges *e);

/* The id that lies i n-ths of the way, of an order that can be divided. Holds no memory. */
bson_value_t sb_id_between(const struct sb_id_edges *e, int64_t i, int64_t n);

/* Counts the documents that fit, by ranges of _id with rests between, and keeps the _id of a few. documents: how many there are,
 * about. What the server cannot do, or not in time, is a note in *out and no failure. */
struct sb_dry_run;
int sb_count_fits(struct sb_conn *c, const char *ns, int64_t documents, const bson_t *what, struct sb_dry_run *out, struct sb_err *err);

/* Rests for as long as what began at this time (sb_mono_ms) took, a second at most. */
void sb_architect_rest(int64_t began_ms);

#endif
