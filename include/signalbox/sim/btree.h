/* SPDX-License-Identifier: Apache-2.0
 *
 * btree.h - an ordered set of byte strings.
 *
 * A B+ tree of our own: fixed fan-out, keys packed back to back in each node, leaves linked both ways. Deleting merges
 * nothing; a node goes when its last key goes (Johnson and Shasha, "B-trees with inserts and deletes: why free-at-empty
 * is better than merge-at-half", 1993). Order: memcmp, and a prefix before what it is a prefix of. Thread: one.
 */
#ifndef SIGNALBOX_SIM_BTREE_H
#define SIGNALBOX_SIM_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_btree;

struct sim_btree *sim_btree_new(void);
void sim_btree_free(struct sim_btree *t);

/* Another tree with the same keys; NULL out of memory. */
struct sim_btree *sim_btree_copy(const struct sim_btree *t);

/* 1 inserted, 0 was there, -1 out of memory. */
int sim_btree_insert(struct sim_btree *t, const uint8_t *key, size_t n);
bool sim_btree_remove(struct sim_btree *t, const uint8_t *key, size_t n);

uint64_t sim_btree_count(const struct sim_btree *t);
uint64_t sim_btree_bytes(const struct sim_btree *t); /* memory held */

/* A position in a tree. It survives changes: when the tree has changed since, the position is found again by its key. */
struct sim_cursor {
    const struct sim_btree *tree;
    const struct sim_node *leaf; /* NULL: at no key */
    unsigned at;
    uint64_t version;
    uint8_t *key; /* a copy, made only by sim_cursor_save */
    size_t key_n, key_cap;
};

void sim_cursor_init(struct sim_cursor *c, const struct sim_btree *t);
void sim_cursor_release(struct sim_cursor *c);

/* To the first key >= (last key <=) the given one. False when there is none. */
bool sim_cursor_seek(struct sim_cursor *c, const uint8_t *key, size_t n);
bool sim_cursor_seek_back(struct sim_cursor *c, const uint8_t *key, size_t n);

/* To the neighbour. False at the end. */
bool sim_cursor_next(struct sim_cursor *c);
bool sim_cursor_prev(struct sim_cursor *c);

/* The key at the position, valid until the tree changes. */
const uint8_t *sim_cursor_key(const struct sim_cursor *c, size_t *n);

/* The key behind the position, without going there; NULL when it lies in another leaf or there is none. Valid as above. */
const uint8_t *sim_cursor_peek(const struct sim_cursor *c, size_t *n);

/* Before others may change the tree: remembers the key. 0, or -1 out of memory. The next sim_cursor_next (_prev) then goes
 * on behind (before) that key, wherever it is now or was. */
int sim_cursor_save(struct sim_cursor *c);

#endif
