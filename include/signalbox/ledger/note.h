/* SPDX-License-Identifier: Apache-2.0
 *
 * note.h - texts signed as C2SP signed-note says, and the key a log signs with.
 *
 *     TEXT, ending in a newline
 *                                                  (a blank line)
 *     U+2014 NAME base64(key id, 4 bytes || signature)       one line for each signature
 *
 * The log's own key is Ed25519 (type 0x01), made at first use: key id = SHA-256(name || 0x0A || 0x01 || public key)[:4]. It is
 * kept as "PRIVATE+KEY+NAME+ID+base64(0x01 || seed)", and given to verifiers as "NAME+ID+base64(0x01 || public key)": what other
 * people's tools for such notes read. The signature of a person's SSH key is a line of type 0xff "sshsig" with the decoded
 * SSHSIG over the text; whoever does not know that type ignores it, as the specification wants. Thread: any; pure.
 */
#ifndef SIGNALBOX_LEDGER_NOTE_H
#define SIGNALBOX_LEDGER_NOTE_H

#include <signalbox/base/hash.h>
#include <signalbox/base/sshsig.h>
#include <signalbox/base/str.h>

#define SB_NOTE_MAX 65536
#define SB_NOTE_SIGNATURES 64
#define SB_NOTE_NAME_MAX 100
#define SB_NOTE_SSH_NAMESPACE "signalbox-checkpoint@signalbox"

/* What a key signs, and so how: the byte that its id and its line begin with. */
#define SB_KEY_LOG 0x01
#define SB_KEY_COSIGNER 0x04 /* a witness, by cosignatures: cosign.h */

struct sb_log_key {
    char name[SB_NOTE_NAME_MAX + 1];
    uint8_t type;
    uint8_t id[4];
    uint8_t public_key[32];
    uint8_t seed[32];
    bool secret; /* seed is there */
};

/* A new key from the system's random numbers. */
int sb_log_key_make(struct sb_log_key *k, const char *name, struct sb_err *err);
int sb_cosigner_key_make(struct sb_log_key *k, const char *name, struct sb_err *err);

/* Reads either form (one line, the newline may be missing); `path` is for the message. A key of the other type is refused. */
int sb_log_key_parse(struct sb_log_key *k, const char *text, size_t n, const char *path, struct sb_err *err);
int sb_cosigner_key_parse(struct sb_log_key *k, const char *text, size_t n, const char *path, struct sb_err *err);

/* Appends the line for verifiers; with secret the one to be kept. */
void sb_log_key_format(struct sb_str *out, const struct sb_log_key *k, bool secret);

/* ---- notes ---- */

struct sb_note_signature {
    struct sb_slice name;
    uint8_t id[4];
    struct sb_str bytes;
};

struct sb_note {
    struct sb_slice text; /* with its last newline */
    struct sb_note_signature *signatures;
    size_t n, cap;
};

/* Strict: what is no signed note is refused with its line. The note points into `bytes`. Release also after a failure. */
int sb_note_parse(struct sb_note *note, const char *bytes, size_t n, const char *path, struct sb_err *err);
void sb_note_release(struct sb_note *note);

/* Appends the signature line of a key over the text, which ends in a newline. The first one is preceded by the blank line: by
 * the caller. */
int sb_note_sign(struct sb_str *out, const void *text, size_t n, const struct sb_log_key *k, struct sb_err *err);
int sb_note_add_ssh(struct sb_str *out, const char *name, const struct sb_sshsig *sig, struct sb_err *err);

/* How many signatures are of one of these keys, and good; unknown ones are ignored. SB_ENO when one of a known key does not
 * verify: then the note is worth nothing. */
int sb_note_verify(const struct sb_note *note, const struct sb_log_key *keys, size_t keys_n, struct sb_err *err);

/* The i-th signature as one of an SSH key: 1 good (sig is filled; release it), 0 it is of another kind, -1 it is not good. */
int sb_note_ssh(const struct sb_note *note, size_t i, struct sb_sshsig *sig, struct sb_err *err);

#endif
