/* SPDX-License-Identifier: Apache-2.0
 *
 * One link of the chain: is this row the entry that must stand here? */
#include "derived.h"

#include <inttypes.h>
#include <string.h>

static int flaw(char *what, size_t cap, const char *text)
{
    snprintf(what, cap, "%s", text);
    return -1;
}

/* Eight digits at a time, since this is done for every entry: each nibble gets a byte of its own, and those over 9 are moved
 * from behind '9' to 'a'. */
static void hex_of_four(char out[8], const uint8_t bytes[4])
{
    uint64_t x = (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 8 | bytes[3];
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    memcpy(out, &x, 8);
}

static void expect_prev(struct sb_expect *x, const struct sb_hash *prev)
{
    x->memory.prev[0] = '"';
    for (size_t i = 0; i < SB_HASH_LEN; i += 4)
        hex_of_four(x->memory.prev + 1 + 2 * i, prev->bytes + i);
    x->memory.prev[SB_HEX_LEN + 1] = '"';
}

struct sb_expect sb_expect_from(const char *log, int64_t seq, const struct sb_hash *prev, struct sb_hasher *hasher)
{
    struct sb_expect x = {.log = log, .seq = seq, .hasher = hasher};
    expect_prev(&x, prev);
    return x;
}

int sb_expect_row(struct sb_expect *x, const struct sb_store_row *row, struct sb_entry_view *view, struct sb_hash *leaf, char *what, size_t cap)
{
    if (row->seq != x->seq) {
        snprintf(what, cap, "it is missing (the next stored entry is %" PRId64 ")", row->seq);
        return -1;
    }
    if (row->leaf_n != SB_HASH_LEN)
        return flaw(what, cap, "its stored leaf hash has not 32 bytes");
    if (sb_merkle_leaf(x->hasher, leaf, row->json, (size_t)row->json_n))
        return flaw(what, cap, "libcrypto could not compute its hash");
    if (memcmp(leaf->bytes, row->leaf, SB_HASH_LEN) != 0)
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
    if (memcmp(view->log.p + 1, x->log, SB_LOG_ID_LEN) != 0)
        return flaw(what, cap, "it is of another log");
    if (memcmp(view->prev.p, x->memory.prev, SB_HEX_LEN + 2) != 0)
        return flaw(what, cap, x->seq == 1 ? "it is the first, yet it names an entry before it" : "its prev is not the leaf hash of the entry before it");
    x->seq++;
    expect_prev(x, leaf);
    return 0;
}
