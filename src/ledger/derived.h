/* SPDX-License-Identifier: Apache-2.0
 *
 * derived.h - what follows from the entries: who is open, which numbers are used, and the leaves in tiles.
 *
 * derived.db stands at a sequence number and is brought up from there; the entries it passes are verified on the way.
 * Nothing in it is needed that cannot be made anew. When the folder cannot be written it lives in memory.
 *
 *   state(key, value)           log, seq, the highest numbers used: card, case, anomaly, decision; and how many entries the
 *                               anchors covered that have been seen: checkpoint, checkpoint.signed, witness
 *   item(id, kind, open, closed, first, entries)   cards, cases and anomalies that are open, and failed cards that somebody has
 *                               seen and left (closed); first: the entry that opened it; entries: how many it has from there
 *   tile(n, root, leaves)       the leaf hashes 256 n + 1 .. 256 n + 256, and their subtree's root once all are there
 */
#ifndef SIGNALBOX_SRC_LEDGER_DERIVED_H
#define SIGNALBOX_SRC_LEDGER_DERIVED_H

#include "anchor.h"
#include "store.h"

#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/merkle.h>

/* ---- items: a pure fold over views, the same for the tables and for verification ---- */

#define SB_ITEM_ID_MAX 200

struct sb_item_state {
    size_t id; /* where its id begins in the table's ids; it ends with a NUL */
    uint32_t n;
    uint8_t kind; /* enum sb_item */
    bool open;
    bool closed;  /* a card: somebody has seen its failure and left it */
    bool dirty;   /* not as it is in the database */
    bool gone;    /* ended: to be deleted there, and purged here */
    int64_t first, entries;
};

/* Items found by id, and the highest numbers. Zeroed is empty. The index is apart from the items so that looking for one
 * that is not there touches one small slot. */
struct sb_items {
    struct sb_item_state *item;
    size_t n, cap, gone;
    struct sb_item_slot {
        uint32_t hash, at; /* index of the item + 1; 0: free */
    } *slot;
    size_t slots;
    struct sb_str ids;
    int64_t number[4]; /* of cards, cases, anomalies, decisions */
    size_t recent[3];  /* index of the item touched last, by kind */
};

void sb_items_release(struct sb_items *t);
struct sb_item_state *sb_items_find(const struct sb_items *t, const char *id, size_t n);
struct sb_item_state *sb_items_add(struct sb_items *t, const char *id, size_t n); /* NULL out of memory; id must be new */
const char *sb_items_id(const struct sb_items *t, const struct sb_item_state *item);

/* Drops what is gone. -1 out of memory, and nothing changed. */
int sb_items_purge(struct sb_items *t);

/* Adds the rows of "SELECT id, kind, open, closed, first, entries FROM item"; -1 when they cannot be read or are not items. */
int sb_items_read(struct sb_items *t, sqlite3_stmt *q);

/* Folds one entry into the table. */
int sb_items_apply(struct sb_items *t, const struct sb_entry_view *v, struct sb_err *err);

/* ---- the database ---- */

struct sb_derived;

/* Opens or makes the file; one that is damaged, foreign, of another log or another version is thrown away. path NULL: in
 * memory. NULL: not even that. */
struct sb_derived *sb_derived_open(const char *path, const char *log, struct sb_err *err);
/* Not so where their file could not be written: then they are in memory, for as long as they are open. */
bool sb_derived_on_disk(const struct sb_derived *d);
void sb_derived_close(struct sb_derived *d);

int64_t sb_derived_seq(const struct sb_derived *d);

/* Leaf of the newest entry it knows; zeros when it knows none. */
struct sb_hash sb_derived_leaf(const struct sb_derived *d);

/* What an entry must be to be believed: the next number, the right prev, canonical, of this log, its leaf as stored. */
struct sb_expect {
    const char *log;
    int64_t seq;
    struct sb_hasher *hasher;
    struct sb_entry_memory memory; /* holds the prev that is expected */
};

/* The leaf hash of a stored row's bytes. 1: it is the one beside them, 0: it is not, -1: libcrypto could not compute it. */
int sb_row_leaf(struct sb_hasher *h, const struct sb_store_row *row, struct sb_hash *leaf);

/* Where the chain goes on behind the entry seq - 1, whose leaf is prev (all zeros for the first). */
struct sb_expect sb_expect_from(const char *log, int64_t seq, const struct sb_hash *prev, struct sb_hasher *hasher);

/* 0: good; leaf and view are filled and x moves on. -1: not; `what` is a clause for people. */
int sb_expect_row(struct sb_expect *x, const struct sb_store_row *row, struct sb_entry_view *view, struct sb_hash *leaf, char *what, size_t cap);

/* Brings the tables up to the entry `to`, verifying what it passes. bad: where an entry was not what it must be (its number;
 * err says what), else 0. */
int sb_derived_catch_up(struct sb_derived *d, struct sb_store *s, int64_t to, int64_t *bad, struct sb_err *err);

/* The compact range over the first n leaves, n <= seq. */
int sb_derived_range(struct sb_derived *d, int64_t n, struct sb_merkle *out, struct sb_hasher *h, struct sb_err *err);

/* The stored hash of leaf seq: 1 there, 0 not, -1 error. */
int sb_derived_leaf_at(struct sb_derived *d, int64_t seq, struct sb_hash *out, struct sb_err *err);

int sb_derived_open_ids(struct sb_derived *d, enum sb_item item, char ***ids, size_t *n, struct sb_err *err);
int64_t sb_derived_number(const struct sb_derived *d, int which);

/* How many entries an anchor covered when it was noted (0: never), and noting it: a file that is gone can be missed. */
extern const char *const sb_anchor_keys[SB_ANCHORS];
int64_t sb_derived_anchor(const struct sb_derived *d, int kind);
int sb_derived_note_anchor(struct sb_derived *d, int kind, int64_t size, struct sb_err *err);

/* An open item, or NULL. Lives until the next catching up. */
const struct sb_item_state *sb_derived_item(const struct sb_derived *d, const char *id);

#endif
