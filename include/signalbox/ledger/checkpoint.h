/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.h - what a ledger says about itself in three lines, in the form of C2SP tlog-checkpoint, signed.
 *
 *     signalbox/0f1e2d...   the origin: the log's id
 *     812                   how many entries
 *     n4bQgYhMfW...=        the Merkle root over them, base64
 *
 * Behind these a blank line and signatures follow (note.h). The log's own key signs each; ledgers of before there were keys
 * have checkpoints without. Thread: any.
 */
#ifndef SIGNALBOX_LEDGER_CHECKPOINT_H
#define SIGNALBOX_LEDGER_CHECKPOINT_H

#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>
#include <signalbox/ledger/note.h>
#include <stdbool.h>

#define SB_LOG_ID_LEN 32
#define SB_CHECKPOINT_MAX SB_NOTE_MAX
#define SB_CHECKPOINT_ORIGIN "signalbox/"
#define SB_LOG_KEYS_MAX 16

struct sb_checkpoint {
    char log[SB_LOG_ID_LEN + 1]; /* 32 lower-case hexadecimal digits */
    int64_t size;
    struct sb_hash root;
};

/* The keys a log has signed with, the newest last. */
struct sb_log_keys {
    struct sb_log_key item[SB_LOG_KEYS_MAX];
    size_t n;
};

/* Appends the three lines. */
void sb_checkpoint_format(struct sb_str *out, const struct sb_checkpoint *c);

/* Appends the whole note: the three lines, the blank one, and the signature of the key. */
int sb_checkpoint_sign(struct sb_str *out, const struct sb_checkpoint *c, const struct sb_log_key *key, struct sb_err *err);

/* Strict: anything that sb_checkpoint_format would not write in the body is refused, and so is what is behind it and no
 * signature. With keys (not NULL, not none) one of them must have signed, and none of its signatures may be wrong; unknown
 * signatures are ignored. `path` is for the message. */
int sb_checkpoint_parse(struct sb_checkpoint *c, const char *text, size_t n, const struct sb_log_keys *keys, const char *path, struct sb_err *err);

/* 1 read, 0 there is none, -1 it cannot be read, is no checkpoint, or is not signed as it must be. */
int sb_checkpoint_load(struct sb_checkpoint *c, const struct sb_log_keys *keys, const char *path, struct sb_err *err);

/* Replaces the file by the signed checkpoint; after a crash the old one or the new one is there. */
int sb_checkpoint_save(const struct sb_checkpoint *c, const struct sb_log_key *key, const char *path, struct sb_err *err);

/* "812 entries with the root 9f86d081...": for messages that show two. Returns buf. */
#define SB_CHECKPOINT_TEXT 120
const char *sb_checkpoint_text(const struct sb_checkpoint *c, char buf[SB_CHECKPOINT_TEXT]);

#endif
