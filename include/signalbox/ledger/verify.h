/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.h - is this the ledger that was written? Everything is computed anew from the entries.
 *
 * Each entry: its number, canonical form, its leaf hash, the link to the entry before, its log. All of them: no gap; the
 * Merkle root against the checkpoint, the one the operator signed, and a copy that is kept elsewhere (the witness), each
 * signed with the ledger's key; the leaves against the tiles of derived.db (which tell apart an entry that was exchanged for
 * another with a chain made anew); the references and used nonces against the entries, tables and triggers against what they
 * must be, the items and numbers of derived.db against a fold. With SB_VERIFY_FULL also the structure of the file. Works
 * beside an owner, and takes no lock. Root on the machine can rewrite everything including checkpoint and derived tables;
 * what is proven against that is only what a witness elsewhere covers.
 *
 * Thread: any; opens its own connections.
 */
#ifndef SIGNALBOX_LEDGER_VERIFY_H
#define SIGNALBOX_LEDGER_VERIFY_H

#include <signalbox/ledger/checkpoint.h>

struct sb_verify {
    bool ok;
    int64_t entries;     /* that are there and good, up to the first bad one */
    struct sb_hash root; /* over them */
    struct sb_hash head; /* leaf of the last of them */
    char log[SB_LOG_ID_LEN + 1];
    int64_t bad;         /* the first bad entry; 0: none, or `what` is about the ledger as a whole */
    char what[400];      /* a clause for people; empty when ok */
    int64_t checkpoint;  /* entries the checkpoint covers; -1: there is none */
    int64_t witness;     /* entries the copy elsewhere covers; -1: there is none */
    int64_t derived;     /* entry at which derived.db stands; -1: there is none */
};

/* Called after each piece with how far it is. */
typedef void (*sb_verify_fn)(void *ctx, int64_t done, int64_t total);

enum sb_verify_flags { SB_VERIFY_FULL = 1 };

/* -1 when it cannot be looked at (no ledger there, it may not be read, no memory, somebody blocks it); else 0 and the answer. */
int sb_ledger_verify(const char *dir, unsigned flags, sb_verify_fn progress, void *ctx, struct sb_verify *out, struct sb_err *err);

/* The same, with the path of the witness (may be NULL; one that is not there is an error only when there was one). */
int sb_ledger_verify_against(const char *dir, const char *witness, unsigned flags, sb_verify_fn progress, void *ctx, struct sb_verify *out, struct sb_err *err);

#endif
