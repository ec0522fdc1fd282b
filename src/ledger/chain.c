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

static bool hash_is(struct sb_span text, const struct sb_hash *hash)
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, hash->bytes, SB_HASH_LEN);
    return memcmp(text.p + 1, hex, SB_HEX_LEN) == 0;
}

int sb_expect_row(struct sb_expect *x, const struct sb_store_row *row, struct sb_entry_view *view, struct sb_hash *leaf, char *what, size_t cap)
{
    if (row->seq != x->seq) {
        snprintf(what, cap, "it is missing (the next stored entry is %" PRId64 ")", row->seq);
        return -1;
    }
    if (!row->types_ok || row->leaf_n != SB_HASH_LEN)
        return flaw(what, cap, "its columns are not of the types they were stored with");
    if (sb_merkle_leaf(x->hasher, leaf, row->json, (size_t)row->json_n))
        return flaw(what, cap, "libcrypto could not compute its hash");
    if (memcmp(leaf->bytes, row->leaf, SB_HASH_LEN) != 0)
        return flaw(what, cap, "its bytes do not give its stored leaf hash");
    struct sb_flaw where;
    if (!sb_entry_view(row->json, (size_t)row->json_n, view, &where)) {
        snprintf(what, cap, "it is not in canonical form at byte %zu: %s", where.at, where.what);
        return -1;
    }
    if (view->seq != row->seq) {
        snprintf(what, cap, "it says that it is entry %" PRId64, view->seq);
        return -1;
    }
    if (memcmp(view->log.p + 1, x->log, SB_LOG_ID_LEN) != 0)
        return flaw(what, cap, "it is of another log");
    if (!hash_is(view->prev, &x->prev))
        return flaw(what, cap, x->seq == 1 ? "it is the first, yet it names an entry before it" : "its prev is not the leaf hash of the entry before it");
    x->seq++;
    x->prev = *leaf;
    return 0;
}
