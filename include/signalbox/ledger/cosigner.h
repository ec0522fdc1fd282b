/* SPDX-License-Identifier: Apache-2.0
 *
 * cosigner.h - a witness for the ledgers of other hosts: it remembers of each the last checkpoint it vouched for.
 *
 * Its folder (mode 0700) holds
 *     key, key.pub   its Ed25519 key, the secret half mode 0600
 *     logs           the keys of the ledgers it knows, one a line, as the operator put them there
 *     seen.LOG       the last checkpoint of that log, signed by the log and by the witness: what it vouched for
 *     fork.LOG       a checkpoint signed by the log that cannot be true beside seen.LOG; the first one is kept, as proof
 *     lock           so that two answers at once cannot both be about the same state
 *
 * What it vouches for is on the disk before it is told. Nothing but the log's own signature says who asks, as C2SP
 * tlog-witness has it. Thread: one owner of a struct at a time; processes are kept apart by the lock.
 */
#ifndef SIGNALBOX_LEDGER_COSIGNER_H
#define SIGNALBOX_LEDGER_COSIGNER_H

#include <signalbox/ledger/cosign.h>
#include <signalbox/ledger/lock.h>

struct sb_cosigner {
    char *dir;
    struct sb_log_key key;
    struct sb_key_list logs;
    struct sb_lock lock;
};

enum sb_cosign_answer_kind {
    SB_COSIGN_COSIGNED,
    SB_COSIGN_KNOWN,    /* nothing against it, but it asks from another size than the one seen last: ask again from `size` */
    SB_COSIGN_OLDER,    /* smaller than what was seen: an old copy, of the request or of the ledger */
    SB_COSIGN_FORKED,   /* as large as what was seen, with another root */
    SB_COSIGN_UNPROVEN, /* the consistency proof does not hold: what was seen is not its beginning, or the proof is wrong */
    SB_COSIGN_UNSIGNED, /* by no key of that log */
    SB_COSIGN_UNKNOWN,  /* a log whose key the witness was not given */
};

struct sb_cosign_answer {
    enum sb_cosign_answer_kind kind;
    char log[SB_LOG_ID_LEN + 1];
    int64_t asked;      /* the size of the checkpoint in the request */
    int64_t size;       /* of what was seen last; 0: nothing was */
    struct sb_str line; /* the cosignature; empty unless COSIGNED */
    char why[500];      /* a sentence; empty when COSIGNED */
};

/* Makes the folder and the key of this name, or finds them there (name NULL: any). Appends the line for verifiers. */
int sb_cosigner_make(const char *dir, const char *name, struct sb_str *line, struct sb_err *err);

/* Takes the lock, waiting a few seconds for another answer; reads key and logs (logs NULL: its own file). SB_EINPUT when there is
 * no witness in the folder. Release also after a failure. */
int sb_cosigner_open(struct sb_cosigner *w, const char *dir, const char *logs, struct sb_err *err);
void sb_cosigner_release(struct sb_cosigner *w);

/* Answers one request at this time. -1: it is malformed (SB_EINPUT), or the state cannot be read (SB_ELEDGER) or written. */
int sb_cosigner_answer(struct sb_cosigner *w, const char *request, size_t n, const char *path, int64_t now_s, struct sb_cosign_answer *out, struct sb_err *err);
void sb_cosign_answer_release(struct sb_cosign_answer *a);

/* Appends the note it vouched for last; nothing when it has seen none of the log. */
int sb_cosigner_seen(const struct sb_cosigner *w, const char *log, struct sb_str *note, struct sb_err *err);

#endif
