/* SPDX-License-Identifier: Apache-2.0
 *
 * proof.h - inclusion and consistency proofs of RFC 6962 (RFC 9162, sections 2.1.3 and 2.1.4).
 *
 * An inclusion proof shows that an entry is in the tree with a root; a consistency proof that the tree with a smaller root was
 * only appended to. Made from the leaf hashes, checked from the proof alone. Indexes count from 0, as in the RFC: the index of
 * entry N is N - 1. Pure; thread: any. Errors: -1 only when libcrypto fails or a size is out of range.
 */
#ifndef SIGNALBOX_LEDGER_PROOF_H
#define SIGNALBOX_LEDGER_PROOF_H

#include <signalbox/base/hash.h>
#include <stdbool.h>

#define SB_PROOF_MAX 128

struct sb_proof {
    size_t n;
    struct sb_hash path[SB_PROOF_MAX];
};

/* The root of leaves[0..n). */
int sb_proof_root(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n, struct sb_hash *out);

/* index < n. */
int sb_proof_inclusion(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n, uint64_t index, struct sb_proof *out);

/* 0 < old <= n. The same size has an empty proof. */
int sb_proof_consistency(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t old, uint64_t n, struct sb_proof *out);

/* ---- many inclusion proofs of one tree ---- */

/* Every node of the tree over n leaves, level by level from the leaves up: twice their number. */
struct sb_tree {
    uint64_t n;
    struct sb_hash *node;
    size_t level[66]; /* where each begins in node; behind the last the end */
    size_t levels;
};

/* -1 when libcrypto fails or memory runs out. Release also after a failure. */
int sb_tree_build(struct sb_tree *t, struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n);
void sb_tree_release(struct sb_tree *t);

/* The same proof as sb_proof_inclusion, by looking up; index < n. */
void sb_tree_inclusion(const struct sb_tree *t, uint64_t index, struct sb_proof *out);

/* ---- checking ---- */

/* True when the proof holds, used up to its last hash and for exactly these sizes. */
bool sb_proof_included(struct sb_hasher *h, const struct sb_hash *leaf, uint64_t index, uint64_t n, const struct sb_proof *p, const struct sb_hash *root);
bool sb_proof_consistent(struct sb_hasher *h, uint64_t old, uint64_t n, const struct sb_proof *p, const struct sb_hash *old_root, const struct sb_hash *root);

#endif
