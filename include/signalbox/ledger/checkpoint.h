/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.h - what a ledger says about itself in three lines, in the form of C2SP tlog-checkpoint.
 *
 *     signalbox/0f1e2d...   the origin: the log's id
 *     812                   how many entries
 *     n4bQgYhMfW...=        the Merkle root over them, base64
 *
 * Behind these a blank line and signatures may follow (C2SP signed-note); they are left alone here. Thread: any.
 */
#ifndef SIGNALBOX_LEDGER_CHECKPOINT_H
#define SIGNALBOX_LEDGER_CHECKPOINT_H

#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>
#include <stdbool.h>

#define SB_LOG_ID_LEN 32
#define SB_CHECKPOINT_MAX 65536

struct sb_checkpoint {
    char log[SB_LOG_ID_LEN + 1]; /* 32 lower-case hexadecimal digits */
    int64_t size;
    struct sb_hash root;
};

/* Appends the three lines. */
void sb_checkpoint_format(struct sb_str *out, const struct sb_checkpoint *c);

/* Strict: anything that sb_checkpoint_format would not write in the body is refused. `path` is for the message. */
int sb_checkpoint_parse(struct sb_checkpoint *c, const char *text, size_t n, const char *path, struct sb_err *err);

/* 1 read, 0 there is none, -1 it cannot be read or is no checkpoint. */
int sb_checkpoint_load(struct sb_checkpoint *c, const char *path, struct sb_err *err);

/* Replaces the file; after a crash the old one or the new one is there. */
int sb_checkpoint_save(const struct sb_checkpoint *c, const char *path, struct sb_err *err);

#endif
