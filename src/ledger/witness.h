/* SPDX-License-Identifier: Apache-2.0
 *
 * witness.h - derived.db as verification sees it: opened for reading, items read at once, tiles as they are reached.
 *
 * A full tile never changes, so only the items, the numbers and the last tile are read as of one moment; an owner may go on
 * beside, and no lock is taken (lockless.h). A derived.db that cannot be read is no witness. */
#ifndef SIGNALBOX_SRC_LEDGER_WITNESS_H
#define SIGNALBOX_SRC_LEDGER_WITNESS_H

#include "derived.h"

struct sb_witness;

/* 0: opened, or *out is NULL because there is no derived.db; 1: there is one, but it is damaged or of another log; -1 out of
 * memory, or somebody blocks it. */
int sb_witness_open(struct sb_witness **out, const char *path, const char *log, struct sb_err *err);
void sb_witness_close(struct sb_witness *w); /* NULL is fine */

int64_t sb_witness_seq(const struct sb_witness *w);

/* How many entries an anchor covered when it was noted; 0: none was. */
int64_t sb_witness_anchor(const struct sb_witness *w, int kind);

/* Takes the leaf of the next entry; with the last of a tile (tile_root is then its subtree's root, else NULL) compares with
 * what was noted. Returns the first entry of the tile that differs, or 0. */
int64_t sb_witness_leaf(struct sb_witness *w, int64_t seq, const struct sb_hash *leaf, const struct sb_hash *tile_root);

/* The same for the leaves of a tile that is not whole yet, up to seq. */
int64_t sb_witness_peek(struct sb_witness *w, int64_t seq);

/* True when items and numbers are what the fold gives; else `what` names the first that is not. */
bool sb_witness_items(const struct sb_witness *w, const struct sb_items *folded, char *what, size_t cap);

#endif
