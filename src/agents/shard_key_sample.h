/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sample of documents says of a key: private to the judgement of a shard key. */
#ifndef SB_AGENTS_SHARD_KEY_SAMPLE_H
#define SB_AGENTS_SHARD_KEY_SAMPLE_H

#include <bson/bson.h>
#include <signalbox/agents/shard_key.h>

struct sb_key_sample {
    size_t fields;
    int64_t documents;
    int64_t missing[SB_SHARD_KEY_FIELDS], nulls[SB_SHARD_KEY_FIELDS], arrays[SB_SHARD_KEY_FIELDS];
    int64_t distinct, most; /* values of the whole key; how often the most common one is; set at the end */
    int64_t compared, growing; /* pairs of documents whose order of insertion and first field are known; those in the same order */
    uint64_t *keys;
    size_t keys_n, keys_cap;
    struct sb_key_order {
        double born, value;
    } order[400];
    size_t order_n;
    bool nomem;
};

/* A document {_id, f0, f1, ...}: the fields of the key in order. False: out of memory. */
bool sb_key_sample_take(void *sample, const bson_t *doc);
void sb_key_sample_end(struct sb_key_sample *s);
void sb_key_sample_release(struct sb_key_sample *s);

#endif
