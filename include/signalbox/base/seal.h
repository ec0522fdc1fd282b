/* SPDX-License-Identifier: Apache-2.0
 *
 * seal.h - a stream of bytes under a key, in chunks that each prove themselves: AES-256-GCM by libcrypto.
 *
 *   header   52 bytes: "SBSEAL1\n", the chunk's size as 4 bytes (little endian), 8 bytes that name the key (the first of the
 *            SHA-256 of "signalbox key id" and the key), 32 random bytes (the salt)
 *   chunks   as many bytes as the chunk's size says, and 16 of authentication behind them; the last one may be shorter, or empty
 *
 * The file's key is HMAC-SHA-256(key, "signalbox seal 1" || salt), so that no two files share one. A chunk's nonce is 4 bytes of
 * zeros, 7 of its number (big endian, from 0) and one that is 1 in the last chunk and 0 elsewhere; the header is authenticated
 * with every chunk. So a changed, missing, doubled or moved chunk is found, and so is a file that ends early or goes on behind
 * its end. What opens is given out chunk by chunk: all that was given out is what was sealed, and whether it was all of it is
 * known at the end only. Thread: one owner each.
 */
#ifndef SIGNALBOX_BASE_SEAL_H
#define SIGNALBOX_BASE_SEAL_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_SEAL_KEY 32
#define SB_SEAL_HEADER 52
#define SB_SEAL_TAG 16
#define SB_SEAL_CHUNK 65536 /* what is written; 4096 to 1 MiB is read */
#define SB_SEAL_CHUNK_MOST (1 << 20)

struct sb_seal_key {
    unsigned char bytes[SB_SEAL_KEY];
};

/* A file with 32 bytes, or with 64 hexadecimal digits (as of `openssl rand -hex 32`). It may be readable by its owner only. */
int sb_seal_key_read(struct sb_seal_key *key, const char *path, struct sb_err *err);
void sb_seal_key_forget(struct sb_seal_key *key);

/* Do these bytes begin a sealed file? At least 8 are needed. */
bool sb_seal_begins(const unsigned char *p, size_t n);

struct sb_seal;

/* For writing: makes the salt, and the header into `header`. */
struct sb_seal *sb_seal_new(const struct sb_seal_key *key, unsigned char header[SB_SEAL_HEADER], struct sb_err *err);

/* For reading. SB_EINPUT: it is none, its chunk's size is out of bounds, or it is of another key, which is said (with EKEYREJECTED as
 * its detail). */
struct sb_seal *sb_seal_of(const struct sb_seal_key *key, const unsigned char header[SB_SEAL_HEADER], struct sb_err *err);
void sb_seal_free(struct sb_seal *s); /* NULL is fine */

size_t sb_seal_chunk(const struct sb_seal *s);

/* The next chunk: n bytes become n + SB_SEAL_TAG in `out`. All but the last are whole. */
int sb_seal_add(struct sb_seal *s, const unsigned char *p, size_t n, bool last, unsigned char *out, struct sb_err *err);

/* The next chunk opened: n bytes with their tag become n - SB_SEAL_TAG in `out`. SB_EINPUT: it is not what was sealed there. */
int sb_seal_open(struct sb_seal *s, const unsigned char *p, size_t n, bool last, unsigned char *out, struct sb_err *err);

#endif
