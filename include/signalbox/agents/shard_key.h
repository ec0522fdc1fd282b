/* SPDX-License-Identifier: Apache-2.0
 *
 * shard_key.h - would a key be a good one to shard a collection by? Advice for people, from what can be read on a replica set: a
 * sample of the documents (values, how often the most common one is, missing ones, arrays, whether they grow as documents are
 * inserted), the indexes, the operations that were heard of, and the server's own analysis where it has one (7.0). Nothing is sharded from here. */
#ifndef SIGNALBOX_AGENTS_SHARD_KEY_H
#define SIGNALBOX_AGENTS_SHARD_KEY_H

#include <signalbox/agents/schema_change.h>
#include <signalbox/telemetry/workload.h>

#define SB_SHARD_KEY_FIELDS 8

struct sb_shard_key {
    char field[SB_SHARD_KEY_FIELDS][128];
    bool hashed[SB_SHARD_KEY_FIELDS]; /* at most one */
    size_t n;
};

/* Reads "{customer_id: 1, created_at: 1}", quoted or not, "hashed" in place of a 1. SB_EINPUT: it is none. Pure. */
int sb_shard_key_read(const char *text, struct sb_shard_key *out, struct sb_err *err);

/* Operations that were written down, with a filter: those that name a value of the key's first field go to the shards that hold it,
 * all others to every shard. */
struct sb_shard_key_heard {
    uint64_t operations, targeted, kinds, scattered_kinds;
    char example[160]; /* the filter of the kind that went to every shard most often */
    uint64_t example_n;
};

/* Pure. Thread: the owner of the workload. */
void sb_shard_key_heard(const struct sb_workload *w, const char *ns, const struct sb_shard_key *key, struct sb_shard_key_heard *out);

/* One card of advice (SB_KIND_ADVISORY) in *out. q: ns, key, heard and what every card has. Blocks for some seconds. */
int sb_shard_key_judge(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err);

#endif
