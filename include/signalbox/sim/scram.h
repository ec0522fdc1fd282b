/* SPDX-License-Identifier: Apache-2.0
 *
 * scram.h - the server's side of a SCRAM-SHA-256 login: the messages of RFC 5802 and RFC 7677, and nothing of who may log in.
 *
 * A conversation is begin (the client's first message: who it says it is), challenge (the salt and a nonce), finish (its proof).
 * What the client sends is bounded and never trusted. Passwords are printable ASCII, which SASLprep leaves as it is. Channel
 * binding is not offered. Errors: -1 for a message that is malformed or a proof that is wrong; both are told to a client alike.
 * Thread: any, a conversation at a time.
 */
#ifndef SIGNALBOX_SIM_SCRAM_H
#define SIGNALBOX_SIM_SCRAM_H

#include <signalbox/base/str.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SCRAM_ITERATIONS 15000 /* as MongoDB's scramSHA256IterationCount */
#define SIM_SCRAM_SALT 28
#define SIM_SCRAM_KEY 32
#define SIM_SCRAM_MESSAGE 1024 /* bytes of a client's message */
#define SIM_SCRAM_NONCE 256
#define SIM_SCRAM_USER 128

/* What a server keeps instead of a password. */
struct sim_scram_keys {
    uint8_t salt[SIM_SCRAM_SALT], stored[SIM_SCRAM_KEY], server[SIM_SCRAM_KEY];
};

/* 0, or -1 where libcrypto fails. */
int sim_scram_keys_make(struct sim_scram_keys *keys, const char *password, const uint8_t salt[SIM_SCRAM_SALT]);

struct sim_scram {
    char user[SIM_SCRAM_USER]; /* as the client names itself */
    char header[SIM_SCRAM_USER + 16], bare[SIM_SCRAM_MESSAGE], nonce[2 * SIM_SCRAM_NONCE], first[3 * SIM_SCRAM_NONCE];
    struct sim_scram_keys keys;
};

int sim_scram_begin(struct sim_scram *x, const void *message, size_t n);

/* Appends the server's first message. nonce: the server's part, printable and without a comma, shorter than SIM_SCRAM_NONCE. */
int sim_scram_challenge(struct sim_scram *x, const struct sim_scram_keys *keys, const char *nonce, struct sb_str *out);

/* 0 when the proof is right; appends the server's signature. */
int sim_scram_finish(struct sim_scram *x, const void *message, size_t n, struct sb_str *out);

#endif
