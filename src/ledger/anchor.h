/* SPDX-License-Identifier: Apache-2.0
 *
 * anchor.h - the checkpoints a ledger is held to: its own, the operator's, and the copy that is kept elsewhere.
 *
 * All are compared in the same way: the log is the same, the ledger has at least as many entries, and the root over the
 * first of them is the one that was signed. */
#ifndef SIGNALBOX_SRC_LEDGER_ANCHOR_H
#define SIGNALBOX_SRC_LEDGER_ANCHOR_H

#include "store.h"

#include <signalbox/ledger/checkpoint.h>

enum sb_anchor_kind {
    SB_ANCHOR_OWN,      /* checkpoint: the owner replaces it every few hundred entries */
    SB_ANCHOR_OPERATOR, /* checkpoint.signed: what `audit checkpoint` made last */
    SB_ANCHOR_WITNESS,  /* wherever the operator wants a copy */
    SB_ANCHORS
};

struct sb_anchor {
    char *path; /* NULL: there is no such anchor */
    struct sb_checkpoint c;
    bool there;
};

struct sb_anchors {
    struct sb_anchor a[SB_ANCHORS];
    struct sb_log_keys keys; /* that the log has signed with; none in a ledger of before there were keys */
};

/* witness may be NULL. Release also after a failure. */
int sb_anchors_init(struct sb_anchors *a, const char *dir, const char *witness, struct sb_err *err);
void sb_anchors_release(struct sb_anchors *a);

/* "the checkpoint /path/checkpoint" */
const char *sb_anchor_name(const struct sb_anchors *a, int kind, char *buf, size_t cap);

/* Reads the keys the ledger names. */
int sb_anchors_read_keys(struct sb_anchors *a, struct sb_store *s, struct sb_err *err);

/* Reads one file anew: 0, also when there is none (there is false then), or -1. */
int sb_anchor_load(struct sb_anchors *a, int kind, struct sb_err *err);

/* The largest size any of them covers; -1: there is none. */
int64_t sb_anchors_size(const struct sb_anchors *a);

/* SB_ELEDGER naming both checkpoints when `root` over the first a[kind].c.size entries is not the signed one, when the ledger
 * has fewer (root NULL; it has `entries`), or when it is another log. */
int sb_anchor_compare(const struct sb_anchors *a, int kind, const char *log, int64_t entries, const struct sb_hash *root, struct sb_err *err);

/* ---- the log's own key ---- */

/* Reads the secret key beside the ledger; makes it when `make` and it is not there. Whether the ledger knows it is told by
 * sb_anchors_know. The file is mode 0600. */
int sb_signing_key(struct sb_log_key *k, const char *dir, const char *log, bool make, struct sb_err *err);
bool sb_anchors_know(const struct sb_anchors *a, const struct sb_log_key *k);

/* Notes in the ledger that it signs with this key from now on, and writes the line for verifiers beside it. */
int sb_anchors_adopt(struct sb_anchors *a, struct sb_store *s, const char *dir, const struct sb_log_key *k, struct sb_err *err);

#endif
