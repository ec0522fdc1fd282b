/* SPDX-License-Identifier: Apache-2.0
 *
 * cost.h - what work costs: from keys, documents and bytes to simulated microseconds.
 *
 * One table of constants, each of which a scenario may set by name, at the beginning or while it runs. A member has a few
 * cores that its running operations share, and where the members are on one machine those of the others too: with more of
 * them than cores everything takes longer in proportion, which is how a missing index makes others wait. Tickets bound how
 * many run at once; the rest queue. What does not fit the cache is read from a disk (store.h); who wants what another holds
 * waits for it (contend.h). The spread around the mean is log-normal, from the seed. Absolute figures are plausible, not
 * measured on a server; changes between two states are what they are for. Thread: one.
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
    X(one_machine, 0, "1: the members share those cores")                                         \
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
    X(cache_bytes, 1073741824, "size of the storage engine's cache")                              \
    X(page_bytes, 32768, "a page of it")                                                          \
    X(dirty_target, 0.05, "share of the cache above which eviction threads write dirty pages")    \
    X(dirty_trigger, 0.20, "share above which whoever writes has to evict himself")               \
    X(fill_target, 0.80, "share of the cache that eviction lets be used")                         \
    X(disk_read_us, 140, "reading a page from the disk")                                          \
    X(disk_channels, 8, "pages that the disk reads at the same time")                             \
    X(disk_write_bytes_s, 400000000, "bytes that the disk writes in a second")                    \
    X(disk_bytes, 107374182400, "size of the file system")                                        \
    X(disk_other_bytes, 26843545600, "of it, used by others")                                     \
    X(ddl_us, 4000, "how long a change of a collection's description keeps its exclusive lock")   \
    X(conn_open_us, 900, "accepting a connection: its thread, its handshake")                     \
    X(conn_bytes, 300000, "memory of an open connection")                                         \
    X(max_conns, 51200, "connections that a member accepts")                                      \
    X(transaction_life_s, 60, "age at which the server ends an open transaction")

struct sim_costs {
#define SIM_COST_FIELD(name, value, meaning) double name;
    SIM_COSTS(SIM_COST_FIELD)
#undef SIM_COST_FIELD
};

void sim_costs_default(struct sim_costs *c);
bool sim_costs_set(struct sim_costs *c, const char *name, double value); /* false: no such name */
double *sim_costs_at(struct sim_costs *c, const char *name);             /* NULL: no such name */

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
