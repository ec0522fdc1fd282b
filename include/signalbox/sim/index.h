/* SPDX-License-Identifier: Apache-2.0
 *
 * index.h - one index: its specification, its tree, and the keys a document has in it.
 *
 * Single, compound, multikey, unique, sparse, partial, hidden, hashed and TTL indexes. Which
 * path components were ever arrays is kept per field, as the server keeps it, and never forgotten. Thread: one.
 */
#ifndef SIGNALBOX_SIM_INDEX_H
#define SIGNALBOX_SIM_INDEX_H

#include <signalbox/sim/btree.h>
#include <signalbox/sim/key.h>
#include <signalbox/sim/match.h>

#define SIM_MAX_FIELDS 32

struct sim_field {
    const char *path; /* borrowed from the specification */
    bool descending, hashed;
    uint32_t multikey; /* bit i: component i of the path was an array in some document */
};

struct sim_index {
    uint64_t id; /* in its collection, never used again */
    struct sim_doc *spec; /* {v, [unique], key, name, ...} as listIndexes shows it */
    const char *name;     /* borrowed from spec */
    struct sb_str shell;  /* the key as plan summaries write it */
    struct sim_field field[SIM_MAX_FIELDS];
    unsigned fields;
    bool unique, sparse, hidden, is_id, ttl, multikey;
    int64_t expire_after;
    struct sim_filter *partial;
    struct sim_btree *tree;
    uint64_t key_bytes; /* of the keys in the tree: what the index would take on disk */
    uint64_t entered, removed; /* keys, by operations since it was built */
    uint64_t accesses;
    int64_t since_us;
    /* While it is being built it takes part in writes to records that the build has passed, and no question uses it. A
     * uniqueness that is broken meanwhile is kept here and fails the build at its end, not the write. */
    bool building;
    uint64_t scanned; /* records up to this id are in the tree */
    uint8_t build_uuid[16];
    struct sim_fail *failed;
};

/* Checks a specification as createIndexes gets it and makes an empty index. NULL after a failure. */
struct sim_index *sim_index_new(const uint8_t *spec, struct sim_fail *f);
void sim_index_free(struct sim_index *x);

/* The same index with the same keys, for another member whose records have the same ids. NULL after a failure. */
struct sim_index *sim_index_copy(const struct sim_index *x, struct sim_fail *f);

/* Replaces one option in the specification (true sets, false removes it). 0 or -1 out of memory. */
int sim_index_set_hidden(struct sim_index *x, bool hidden);
int sim_index_set_expire(struct sim_index *x, int64_t seconds);

struct sim_val sim_index_key(const struct sim_index *x); /* the key pattern, a document */

/* The keys of one document: back to back in bytes, without record ids; sorted, without doubles. */
struct sim_keys {
    struct sb_str bytes;
    size_t *end;
    size_t n, cap;
    uint32_t multikey[SIM_MAX_FIELDS];
    bool is_multikey;
};

void sim_keys_init(struct sim_keys *k);
void sim_keys_release(struct sim_keys *k);
void sim_keys_clear(struct sim_keys *k);

/* Fills an empty k. A document that the index skips (sparse, partial) has no keys. */
int sim_index_keys(const struct sim_index *x, const uint8_t *doc, struct sim_keys *k, struct sim_fail *f);

/* Puts the keys in or takes them out. Insert checks uniqueness first: then nothing is changed and the failure is
 * DuplicateKey; also on failure for memory the keys of this call are out again. */
int sim_index_insert(struct sim_index *x, const struct sim_keys *k, uint64_t rid, const char *ns, const uint8_t *doc, struct sim_fail *f);
void sim_index_remove(struct sim_index *x, const struct sim_keys *k, uint64_t rid);

/* Keys in a but not in b, for an update that changes few keys: calls fn with each. */
void sim_keys_minus(const struct sim_keys *a, const struct sim_keys *b, void (*fn)(void *ctx, const uint8_t *key, size_t n), void *ctx);

/* "{ user_id: 1, created: -1 }" */
void sim_index_shell(struct sb_str *out, const struct sim_index *x);

#endif
