/* SPDX-License-Identifier: Apache-2.0 */
/* The functions below EVP: of hashing a small message EVP's own share is a tenth and more, and a ledger has a million. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sha256_pair.h"

#include <endian.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct sb_hasher {
    SHA256_CTX ctx;
    bool pairs;
};

struct sb_hasher *sb_hasher_new(void)
{
    struct sb_hasher *h = calloc(1, sizeof *h);
    if (h)
        h->pairs = sb_sha256_pair_able();
    return h;
}

void sb_hasher_free(struct sb_hasher *h)
{
    free(h);
}

int sb_hasher_slices(struct sb_hasher *h, struct sb_hash *out, const struct sb_slice *slices, size_t n)
{
    if (SHA256_Init(&h->ctx) != 1)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (slices[i].n && SHA256_Update(&h->ctx, slices[i].p, slices[i].n) != 1)
            return -1;
    return SHA256_Final(out->bytes, &h->ctx) == 1 ? 0 : -1;
}

int sb_hasher_many(struct sb_hasher *h, struct sb_hash *out, const struct sb_slice *messages, size_t n)
{
    if (h->pairs) {
        sb_sha256_pair(out, messages, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (sb_hasher_slices(h, &out[i], &messages[i], 1))
            return -1;
    return 0;
}

/* Two blocks, and nothing is to be gathered: half of what Update and Final take for so little is left out. */
int sb_hasher_node(struct sb_hasher *h, struct sb_hash *out, uint8_t first, const struct sb_hash *left, const struct sb_hash *right)
{
    enum { BLOCK = SHA256_CBLOCK, BITS = 8 * (1 + 2 * SB_HASH_LEN) };
    uint8_t block[2 * BLOCK] = {first, [1 + 2 * SB_HASH_LEN] = 0x80, [2 * BLOCK - 2] = BITS >> 8, [2 * BLOCK - 1] = BITS & 0xff};
    memcpy(block + 1, left->bytes, SB_HASH_LEN);
    memcpy(block + 1 + SB_HASH_LEN, right->bytes, SB_HASH_LEN);
    if (SHA256_Init(&h->ctx) != 1)
        return -1;
    SHA256_Transform(&h->ctx, block);
    SHA256_Transform(&h->ctx, block + BLOCK);
    for (size_t i = 0; i < SB_HASH_LEN / 4; i++) {
        uint32_t word = htobe32((uint32_t)h->ctx.h[i]);
        memcpy(out->bytes + 4 * i, &word, sizeof word);
    }
    return 0;
}

int sb_hash_slices(struct sb_hash *out, const struct sb_slice *slices, size_t n, struct sb_err *err)
{
    struct sb_hasher *h = sb_hasher_new();
    int rc = h ? sb_hasher_slices(h, out, slices, n) : -1;
    sb_hasher_free(h);
    return rc == 0 ? 0 : sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
}

int sb_hash_bytes(struct sb_hash *out, const void *p, size_t n, struct sb_err *err)
{
    struct sb_slice slice = {p, n};
    return sb_hash_slices(out, &slice, 1, err);
}

void sb_hex_encode(char *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int sb_hex_decode(uint8_t *bytes, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(text[2 * i]);
        int lo = hi < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (lo < 0)
            return -1;
        bytes[i] = (uint8_t)(hi << 4 | lo);
    }
    return text[2 * n] == '\0' ? 0 : -1;
}

uint64_t sb_fnv1a(uint64_t seed, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        seed = (seed ^ b[i]) * UINT64_C(0x100000001b3);
    return seed;
}

struct sb_digest {
    SHA256_CTX ctx;
};

struct sb_digest *sb_digest_new(void)
{
    struct sb_digest *d = calloc(1, sizeof *d);
    if (d && SHA256_Init(&d->ctx) != 1) {
        free(d);
        return NULL;
    }
    return d;
}

void sb_digest_free(struct sb_digest *d)
{
    free(d);
}

int sb_digest_add(struct sb_digest *d, const void *p, size_t n)
{
    return n == 0 || SHA256_Update(&d->ctx, p, n) == 1 ? 0 : -1;
}

int sb_digest_end(struct sb_digest *d, struct sb_hash *out)
{
    return SHA256_Final(out->bytes, &d->ctx) == 1 && SHA256_Init(&d->ctx) == 1 ? 0 : -1;
}
