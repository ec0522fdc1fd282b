/* SPDX-License-Identifier: Apache-2.0
 *
 * cost.h - what work costs: from keys, documents and bytes to simulated microseconds.
 *
 * One table of constants, each of which a scenario may set by name. A member has a few cores that its running operations
 * share: with more of them than cores everything takes longer in proportion, which is how a missing index makes others
 * wait. Tickets bound how many run at once; the rest queue. The spread around the mean is log-normal, from the seed.
 * Absolute figures are plausible, not measured on a server; changes between two states are what they are for. Thread: one.
 */
#ifndef SIGNALBOX_SIM_COST_H
#define SIGNALBOX_SIM_COST_H

#include <signalbox/base/rng.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name in scenarios, default, meaning */
#define SIM_COSTS(X)                                                                              \
    X(cores, 4, "cores of a member")                                                              \
    X(tickets, 128, "operations of one kind, reading or writing, that may run at once")           \
    X(command_us, 90, "receiving, parsing, planning and answering a command")                     \
    X(key_us, 1.2, "looking at a key of an index")                                                \
    X(doc_us, 6, "looking at a document, without its size")                                       \
    X(doc_byte_us, 0.010, "looking at a document, for each of its bytes")                         \
    X(return_us, 3, "returning a document, without its size")                                     \
    X(return_byte_us, 0.004, "returning a document, for each of its bytes")                       \
    X(sort_row_us, 0.4, "sorting, for each row and doubling of the rows")                         \
    X(pipeline_row_us, 3, "a row through an aggregation stage")                                   \
    X(key_write_us, 28, "putting a key into an index or taking it out")                           \
    X(doc_write_us, 70, "changing a document, its oplog entry included")                          \
    X(byte_write_us, 0.02, "changing a document, for each byte written")                          \
    X(journal_us, 450, "waiting for the journal")                                                 \
    X(replicate_us, 2600, "until a secondary has an entry, without applying it")                  \
    X(spread, 0.18, "sigma of the log-normal factor on every operation")                          \
    X(build_doc_us, 400, "index build: scanning a document")                                      \
    X(build_key_us, 150, "index build: putting a key into the new index")                         \
    X(cache_bytes, 1073741824, "size of the storage engine's cache")

struct sim_costs {
#define SIM_COST_FIELD(name, value, meaning) double name;
    SIM_COSTS(SIM_COST_FIELD)
#undef SIM_COST_FIELD
};

void sim_costs_default(struct sim_costs *c);
bool sim_costs_set(struct sim_costs *c, const char *name, double value); /* false: no such name */

/* What an operation did. */
struct sim_work {
    int64_t keys, docs, doc_bytes;
    int64_t returned, returned_bytes;
    int64_t sorted, pipeline_rows;
    int64_t keys_written, docs_written, bytes_written;
};

/* Mean microseconds on an idle core. */
double sim_cost_of(const struct sim_costs *c, const struct sim_work *w);

/* A factor with median 1. */
double sim_cost_spread(const struct sim_costs *c, struct sb_rng *rng);

#endif
