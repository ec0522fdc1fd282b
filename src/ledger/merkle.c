/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/ledger/merkle.h>

int sb_merkle_leaf(struct sb_hasher *h, struct sb_hash *out, const void *entry, size_t n)
{
    struct sb_slice slices[] = {{"\0", 1}, {entry, n}};
    return sb_hasher_slices(h, out, slices, 2);
}

int sb_merkle_node(struct sb_hasher *h, struct sb_hash *out, const struct sb_hash *left, const struct sb_hash *right)
{
    return sb_hasher_node(h, out, 1, left, right);
}

int sb_merkle_push_subtree(struct sb_merkle *m, struct sb_hasher *h, unsigned level, const struct sb_hash *root)
{
    if (level > 62 || m->size & ((UINT64_C(1) << level) - 1))
        return -1;
    struct sb_hash top = *root;
    /* every set bit from `level` up is a subtree as large as what we hold: join them, as a binary counter carries */
    for (uint64_t bits = m->size >> level; bits & 1; bits >>= 1)
        if (sb_merkle_node(h, &top, &m->node[--m->n], &top))
            return -1;
    m->node[m->n++] = top;
    m->size += UINT64_C(1) << level;
    return 0;
}

int sb_merkle_push(struct sb_merkle *m, struct sb_hasher *h, const struct sb_hash *leaf)
{
    return sb_merkle_push_subtree(m, h, 0, leaf);
}

int sb_merkle_root(const struct sb_merkle *m, struct sb_hasher *h, struct sb_hash *out)
{
    if (m->n == 0)
        return sb_hasher_slices(h, out, NULL, 0);
    *out = m->node[m->n - 1];
    for (size_t i = m->n - 1; i-- > 0;)
        if (sb_merkle_node(h, out, &m->node[i], out))
            return -1;
    return 0;
}
