/* SPDX-License-Identifier: Apache-2.0
 *
 * cosign.h - what a witness says of a checkpoint, and how it is asked.
 *
 * A cosignature (C2SP tlog-cosignature, cosignature/v1, Ed25519, key type 0x04) is a line of a signed note: 4 bytes of key id,
 * 8 of the time in seconds, big-endian, and the signature over "cosignature/v1\ntime SECONDS\n" and the note's text. It says: at
 * this time this was the largest state of this log that I have seen, and all I have seen before is its beginning.
 *
 * A request is the body of C2SP tlog-witness' add-checkpoint:
 *
 *     old 812                 the size of the checkpoint that the witness saw last, 0 for none
 *     BASE64                  the consistency proof from there, one hash a line, at most 63; none from 0
 *                             (a blank line)
 *     the checkpoint, signed by its log
 *
 * Everything here is pure; thread: any. Errors: what is malformed is SB_EINPUT with its line, what is signed wrongly SB_ENO.
 */
#ifndef SIGNALBOX_LEDGER_COSIGN_H
#define SIGNALBOX_LEDGER_COSIGN_H

#include <signalbox/ledger/checkpoint.h>
#include <signalbox/ledger/proof.h>

#define SB_COSIGN_PROOF_MAX 63
#define SB_COSIGN_REQUEST_MAX (SB_NOTE_MAX + 4096)

/* A cosignature further ahead of our clock than this is not counted: clocks differ, but not by more. */
#define SB_COSIGN_AHEAD_S 600

/* Names of witnesses are names of files, too. */
#define SB_COSIGNER_NAME_MAX 64

/* 1 to 64 letters, digits, dots, dashes and underscores; the first is no dot. */
bool sb_cosigner_name_ok(const char *name);

/* Appends the witness's line over the text of a checkpoint. */
int sb_cosign(struct sb_str *out, struct sb_slice text, int64_t at_s, const struct sb_log_key *witness, struct sb_err *err);

/* Has this witness cosigned the note? 1 and the newest time it did, 0 no, -1 SB_ENO: a line in its name does not hold. */
int sb_cosigned(const struct sb_note *note, const struct sb_log_key *witness, int64_t *at_s, struct sb_err *err);

/* ---- keys of several logs or witnesses: a file, one a line; # begins a comment ---- */

struct sb_key_list {
    struct sb_log_key *item;
    size_t n, cap;
};

/* Names of logs are SB_CHECKPOINT_ORIGIN and their id, and each may have several keys; a witness has one, and a good name. Release
 * also after a failure. */
int sb_key_list_parse(struct sb_key_list *keys, uint8_t type, const char *text, size_t n, const char *path, struct sb_err *err);
int sb_key_list_load(struct sb_key_list *keys, uint8_t type, const char *path, struct sb_err *err);
void sb_key_list_release(struct sb_key_list *keys);

/* Those of one log. */
void sb_key_list_of(const struct sb_key_list *keys, const char *log, struct sb_log_keys *out);

/* ---- requests ---- */

struct sb_cosign_request {
    int64_t old;
    struct sb_proof proof;
    struct sb_slice note; /* within the bytes that were parsed; not looked at */
};

int sb_cosign_request_parse(struct sb_cosign_request *r, const char *bytes, size_t n, const char *path, struct sb_err *err);
void sb_cosign_request_format(struct sb_str *out, int64_t old, const struct sb_proof *proof, struct sb_slice note);

#endif
