/* SPDX-License-Identifier: Apache-2.0
 *
 * copy.h - is a copy of a ledger the ledger? Computed from a folder alone, without the host, the store or a network.
 *
 *     DIR/entries.jsonl     the canonical bytes of each entry, one a line, from the first
 *     DIR/checkpoint        the newest checkpoint, signed by the ledger (may be missing)
 *     DIR/cosigned/NAME     what the witness NAME vouched for last (may be missing)
 *
 * Each entry: its form, its number, the ledger it is of, the link to the one before. All of them: the Merkle root at the size of the
 * checkpoint and of each cosigned note against what was signed there. Who put a false end behind the last signed size is not found by this: up to
 * there nothing can be changed unnoticed by whoever lacks the keys, and that size is told.
 *
 * Thread: any; pure but for reading files.
 */
#ifndef SIGNALBOX_LEDGER_COPY_H
#define SIGNALBOX_LEDGER_COPY_H

#include <signalbox/ledger/cosign.h>

#define SB_COPY_ENTRIES "entries.jsonl"
#define SB_COPY_CHECKPOINT "checkpoint"
#define SB_COPY_KEY "key.pub"
#define SB_COPY_COSIGNED "cosigned"
#define SB_COPY_SIGNED_MOST 65 /* the checkpoint, and witnesses */

enum sb_copy_state {
    SB_COPY_NONE,       /* there is no such note */
    SB_COPY_AGREES,
    SB_COPY_AHEAD,      /* agrees, at a time that is still to come: not counted */
    SB_COPY_SHORT,      /* entries are missing in the copy */
    SB_COPY_FORKED,     /* the entries are not those that were signed */
    SB_COPY_UNREADABLE, /* it is no such note, or nobody known has signed it */
};
extern const struct sb_names sb_copy_states; /* "none", "agrees", "ahead", "short", "forked", "unreadable" */

/* What was signed of it, and by whom. */
struct sb_copy_signed {
    char by[SB_COSIGNER_NAME_MAX + 1]; /* "": the ledger itself */
    enum sb_copy_state state;
    struct sb_checkpoint c; /* where state is neither NONE nor UNREADABLE */
    int64_t at_s;           /* of a witness */
    char what[400];         /* a sentence; "" where it agrees, or there is none */
};

struct sb_copy {
    bool ok;
    int64_t entries;     /* good ones, up to the first bad one */
    struct sb_hash root; /* over them */
    int64_t bad;         /* the first bad entry; 0: none, or `what` is about the copy as a whole */
    char what[400];      /* "" where it is ok */
    struct sb_copy_signed by[SB_COPY_SIGNED_MOST]; /* the first is the checkpoint */
    size_t by_n;
    int64_t sure;        /* up to this entry somebody known has signed that it is so; 0: nobody has */
};

/* keys: those the ledger signs with (n 0: none are known, then nothing it signed counts). witnesses: whose cosigned notes are looked for; may be
 * NULL. now_s: by this machine's clock. -1 where it cannot be looked at; else 0 and the answer. */
int sb_copy_verify(const char *dir, const char *log, const struct sb_log_keys *keys, const struct sb_key_list *witnesses, int64_t now_s, struct sb_copy *out, struct sb_err *err);

#endif
