/* SPDX-License-Identifier: Apache-2.0
 *
 * One link of the chain: is this row the entry that must stand here? */
#include "derived.h"

#include <inttypes.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static int flaw(char *what, size_t cap, const char *text)
{
    snprintf(what, cap, "%s", text);
    return -1;
}

#if defined(__SSE2__)
/* Sixteen digits at a time, since this is done for every entry: each nibble gets a byte of its own, and those over 9 are
 * moved from behind '9' to 'a'. */
static void hex_of_hash(char out[SB_HEX_LEN], const uint8_t bytes[SB_HASH_LEN])
{
    const __m128i low = _mm_set1_epi8(15), nine = _mm_set1_epi8(9), zero = _mm_set1_epi8('0'), letters = _mm_set1_epi8('a' - '0' - 10);
    for (size_t i = 0; i < SB_HASH_LEN; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i nibble[2] = {_mm_and_si128(_mm_srli_epi16(x, 4), low), _mm_and_si128(x, low)};
        for (size_t k = 0; k < 2; k++)
            nibble[k] = _mm_add_epi8(_mm_add_epi8(nibble[k], zero), _mm_and_si128(_mm_cmpgt_epi8(nibble[k], nine), letters));
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i), _mm_unpacklo_epi8(nibble[0], nibble[1]));
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * i + 16), _mm_unpackhi_epi8(nibble[0], nibble[1]));
    }
}
#else
static void hex_of_hash(char out[SB_HEX_LEN], const uint8_t bytes[SB_HASH_LEN])
{
    for (size_t i = 0; i < SB_HASH_LEN; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}
#endif

static void expect_prev(struct sb_expect *x, const struct sb_hash *prev)
{
    x->memory.prev[0] = '"';
    hex_of_hash(x->memory.prev + 1, prev->bytes);
    x->memory.prev[SB_HEX_LEN + 1] = '"';
}

struct sb_expect sb_expect_from(const char *log, int64_t seq, const struct sb_hash *prev, struct sb_hasher *hasher)
{
    struct sb_expect x = {.log = log, .seq = seq, .hasher = hasher};
    expect_prev(&x, prev);
    return x;
}

/* With the zero before its text, what sb_merkle_leaf hashes lies there in one piece. */
static int hash_batch(struct sb_hasher *h, struct sb_store_batch *b)
{
    struct sb_slice message[SB_STORE_BATCH];
    for (size_t i = 0; i < b->n; i++)
        message[i] = (struct sb_slice){b->row[i].json - 1, (size_t)b->row[i].json_n + 1};
    b->hashed = sb_hasher_many(h, b->leaf, message, b->n) == 0;
    return b->hashed ? 0 : -1;
}

static int hash_leaf(struct sb_hasher *h, struct sb_hash *leaf, const struct sb_store_row *row)
{
    struct sb_store_batch *b = row->batch;
    if (!b)
        return sb_merkle_leaf(h, leaf, row->json, (size_t)row->json_n);
    if (!b->hashed && hash_batch(h, b))
        return -1;
    *leaf = b->leaf[row - b->row];
    return 0;
}

int sb_row_leaf(struct sb_hasher *h, const struct sb_store_row *row, struct sb_hash *leaf)
{
    return hash_leaf(h, leaf, row) ? -1 : row->leaf_n == SB_HASH_LEN && sb_hash_same(leaf->bytes, row->leaf);
}

int sb_expect_row(struct sb_expect *x, const struct sb_store_row *row, struct sb_entry_view *view, struct sb_hash *leaf, char *what, size_t cap)
{
    if (row->seq != x->seq) {
        snprintf(what, cap, "it is missing (the next stored entry is %" PRId64 ")", row->seq);
        return -1;
    }
    if (row->leaf_n != SB_HASH_LEN)
        return flaw(what, cap, "its stored leaf hash has not 32 bytes");
    int same = sb_row_leaf(x->hasher, row, leaf);
    if (same < 0)
        return flaw(what, cap, "libcrypto could not compute its hash");
    if (!same)
        return flaw(what, cap, "its bytes do not give its stored leaf hash");
    struct sb_flaw where;
    if (!sb_entry_view(row->json, (size_t)row->json_n, &x->memory, view, &where)) {
        snprintf(what, cap, "it is not in canonical form at byte %zu: %s", where.at, where.what);
        return -1;
    }
    if (view->seq != row->seq) {
        snprintf(what, cap, "it says that it is entry %" PRId64, view->seq);
        return -1;
    }
    _Static_assert(SB_LOG_ID_LEN == SB_HASH_LEN && SB_HEX_LEN == 2 * SB_HASH_LEN, "their digits are compared as hashes are");
    if (!sb_hash_same(view->log.p + 1, x->log))
        return flaw(what, cap, "it is of another log");
    const char *prev = view->prev.p + 1, *due = x->memory.prev + 1; /* the quotes are there */
    if (!sb_hash_same(prev, due) || !sb_hash_same(prev + SB_HASH_LEN, due + SB_HASH_LEN))
        return flaw(what, cap, x->seq == 1 ? "it is the first, yet it names an entry before it" : "its prev is not the leaf hash of the entry before it");
    x->seq++;
    expect_prev(x, leaf);
    return 0;
}
