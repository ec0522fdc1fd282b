/* SPDX-License-Identifier: Apache-2.0
 *
 * merkle.h - the Merkle tree of RFC 6962 (RFC 9162, section 2.1) over the leaves of a ledger.
 *
 * leaf = SHA-256(0x00 || entry), node = SHA-256(0x01 || left || right), a tree of n leaves is split at the largest power
 * of two below n. struct sb_merkle is a compact range from leaf 0: the roots of the perfect subtrees that make up `size`,
 * largest first, one for each set bit, so appending and taking the root need no leaf of the past. Pure: no I/O. Thread:
 * any; a hasher belongs to one thread at a time. Errors: -1 only when libcrypto fails.
 */
#ifndef SIGNALBOX_LEDGER_MERKLE_H
#define SIGNALBOX_LEDGER_MERKLE_H

#include <signalbox/base/hash.h>

/* Leaves of one tile: a perfect subtree of eight levels, as tiled logs keep them. */
#define SB_TILE_LEVEL 8
#define SB_TILE_LEAVES 256

struct sb_merkle {
    uint64_t size; /* leaves */
    size_t n;      /* hashes in use: as many as `size` has set bits */
    struct sb_hash node[64];
};

int sb_merkle_leaf(struct sb_hasher *h, struct sb_hash *out, const void *entry, size_t n);
int sb_merkle_node(struct sb_hasher *h, struct sb_hash *out, const struct sb_hash *left, const struct sb_hash *right);

/* Appends one leaf hash. */
int sb_merkle_push(struct sb_merkle *m, struct sb_hasher *h, const struct sb_hash *leaf);

/* Appends a perfect subtree of 2^level leaves by its root; size must be a multiple of 2^level, else -1. */
int sb_merkle_push_subtree(struct sb_merkle *m, struct sb_hasher *h, unsigned level, const struct sb_hash *root);

/* The root of all leaves so far; of none it is SHA-256 of nothing. */
int sb_merkle_root(const struct sb_merkle *m, struct sb_hasher *h, struct sb_hash *out);

#endif
