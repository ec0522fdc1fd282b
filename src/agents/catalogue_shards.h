/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue_shards.h (private) - the indexes of a sharded collection as its shards have them, from the $indexStats of a mongos.
 *
 * A shard that tells of any index of the collection holds a part of it, and has to have every index that another one has, with the
 * same key: one that was away, or came later by a chunk, may lack one, and every operation on it is slow there alone. */
#ifndef SIGNALBOX_AGENTS_CATALOGUE_SHARDS_H
#define SIGNALBOX_AGENTS_CATALOGUE_SHARDS_H

#include <signalbox/agents/catalogue.h>

#define SB_SHARDS_INDEXES 128

struct sb_shards {
    char *name[SB_SHARDS_MOST];
    size_t n;
    struct {
        char *index, *key;
        uint64_t on, other_key; /* a bit a shard */
    } seen[SB_SHARDS_INDEXES];
    size_t seen_n;
    bool too_many, failed; /* failed: out of memory */
};

/* One document of $indexStats. False: it names no shard, so that it is none of a mongos. */
bool sb_shards_take(struct sb_shards *s, const bson_t *doc);

/* Says in the catalogue's `uneven` what is not the same on every shard. -1 out of memory. */
int sb_shards_tell(const struct sb_shards *s, struct sb_catalogue *c);

void sb_shards_release(struct sb_shards *s);

#endif
