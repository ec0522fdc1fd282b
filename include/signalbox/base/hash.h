/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h - SHA-256 (libcrypto's; of many messages at once our own, where the processor has instructions for it) and
 * hexadecimal text.
 *
 * Thread: any. Errors: libcrypto failing to give a digest is reported, never ignored.
 */
#ifndef SIGNALBOX_BASE_HASH_H
#define SIGNALBOX_BASE_HASH_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SB_HASH_LEN 32
#define SB_HEX_LEN 64

struct sb_hash {
    uint8_t bytes[SB_HASH_LEN];
};

/* One piece of a message to be hashed. */
struct sb_slice {
    const void *p;
    size_t n;
};

int sb_hash_slices(struct sb_hash *out, const struct sb_slice *slices, size_t n, struct sb_err *err);
int sb_hash_bytes(struct sb_hash *out, const void *p, size_t n, struct sb_err *err);

/* A hasher that is reused: verifying a ledger hashes a million small messages. NULL from _new: out of memory. */
struct sb_hasher;
struct sb_hasher *sb_hasher_new(void);
void sb_hasher_free(struct sb_hasher *h);
int sb_hasher_slices(struct sb_hasher *h, struct sb_hash *out, const struct sb_slice *slices, size_t n);

/* The digests of n messages, each in one piece: faster than one after the other where the processor lets it. */
int sb_hasher_many(struct sb_hasher *h, struct sb_hash *out, const struct sb_slice *messages, size_t n);

/* Of a byte and two digests: the inner node of a Merkle tree. */
int sb_hasher_node(struct sb_hasher *h, struct sb_hash *out, uint8_t first, const struct sb_hash *left, const struct sb_hash *right);

/* A digest of bytes that come one after the other. NULL from _new: out of memory. _add and _end: 0, or -1 where libcrypto fails;
 * after _end it begins anew. */
struct sb_digest;
struct sb_digest *sb_digest_new(void);
void sb_digest_free(struct sb_digest *d);
int sb_digest_add(struct sb_digest *d, const void *p, size_t n);
int sb_digest_end(struct sb_digest *d, struct sb_hash *out);

/* Are these SB_HASH_LEN bytes the same? In line: verifying a ledger asks it for each entry. Not for secrets. */
static inline bool sb_hash_same(const void *a, const void *b)
{
    uint64_t x[SB_HASH_LEN / 8], y[SB_HASH_LEN / 8];
    memcpy(x, a, SB_HASH_LEN);
    memcpy(y, b, SB_HASH_LEN);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

/* Writes 2n lower-case digits and a NUL. */
void sb_hex_encode(char *out, const uint8_t *bytes, size_t n);

/* Reads exactly 2n digits (either case) and requires the end of the string: 0 or -1. */
int sb_hex_decode(uint8_t *bytes, size_t n, const char *text);

/* FNV-1a, 64 bit: for hash tables and fingerprints that need not resist an attacker. */
uint64_t sb_fnv1a(uint64_t seed, const void *p, size_t n);
#define SB_FNV_START UINT64_C(0xcbf29ce484222325)

#endif
