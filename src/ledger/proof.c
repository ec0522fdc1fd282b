/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/ledger/merkle.h>
#include <signalbox/ledger/proof.h>

#include <stdlib.h>
#include <string.h>

int sb_proof_root(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n, struct sb_hash *out)
{
    struct sb_merkle m = {.size = 0};
    for (uint64_t i = 0; i < n; i++)
        if (sb_merkle_push(&m, h, &leaves[i]))
            return -1;
    return sb_merkle_root(&m, h, out);
}

/* The largest power of two below n, n > 1. */
static uint64_t split(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static int add(struct sb_proof *out, struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n)
{
    return out->n == SB_PROOF_MAX || sb_proof_root(h, leaves, n, &out->path[out->n++]) ? -1 : 0;
}

/* PATH(m, D[n]): from the leaf up, so the deepest comes first. */
int sb_proof_inclusion(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n, uint64_t index, struct sb_proof *out)
{
    out->n = 0;
    if (index >= n)
        return -1;
    struct {
        const struct sb_hash *leaves;
        uint64_t n;
    } other[64];
    size_t depth = 0;
    while (n > 1) {
        uint64_t k = split(n);
        bool left = index < k;
        other[depth].leaves = left ? leaves + k : leaves;
        other[depth++].n = left ? n - k : k;
        leaves = left ? leaves : leaves + k;
        index = left ? index : index - k;
        n = left ? k : n - k;
    }
    while (depth--)
        if (add(out, h, other[depth].leaves, other[depth].n))
            return -1;
    return 0;
}

/* SUBPROOF(m, D[n], b); whole: the old tree is this whole subtree, whose root the verifier has. */
static int subproof(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t m, uint64_t n, bool whole, struct sb_proof *out)
{
    if (m == n)
        return whole ? 0 : add(out, h, leaves, n);
    uint64_t k = split(n);
    if (m <= k)
        return subproof(h, leaves, m, k, whole, out) || add(out, h, leaves + k, n - k) ? -1 : 0;
    return subproof(h, leaves + k, m - k, n - k, false, out) || add(out, h, leaves, k) ? -1 : 0;
}

int sb_proof_consistency(struct sb_hasher *h, const struct sb_hash *leaves, uint64_t old, uint64_t n, struct sb_proof *out)
{
    out->n = 0;
    return old == 0 || old > n ? -1 : subproof(h, leaves, old, n, true, out);
}

/* A node without a right neighbour stands for itself one level up: so the tree is split at the largest power of two below n. */
int sb_tree_build(struct sb_tree *t, struct sb_hasher *h, const struct sb_hash *leaves, uint64_t n)
{
    memset(t, 0, sizeof *t);
    if (n == 0 || n > SIZE_MAX / sizeof *leaves / 4)
        return -1;
    t->n = n;
    t->node = malloc(((size_t)n * 2 + 64) * sizeof *t->node);
    if (!t->node)
        return -1;
    memcpy(t->node, leaves, (size_t)n * sizeof *leaves);
    size_t from = 0, count = (size_t)n;
    for (t->levels = 1; count > 1; t->levels++) {
        size_t to = from + count;
        t->level[t->levels] = to;
        for (size_t i = 0; i + 1 < count; i += 2)
            if (sb_merkle_node(h, &t->node[to + i / 2], &t->node[from + i], &t->node[from + i + 1]))
                return -1;
        if (count % 2)
            t->node[to + count / 2] = t->node[from + count - 1];
        from = to;
        count = (count + 1) / 2;
    }
    t->level[t->levels] = from + count;
    return 0;
}

void sb_tree_release(struct sb_tree *t)
{
    free(t->node);
    memset(t, 0, sizeof *t);
}

void sb_tree_inclusion(const struct sb_tree *t, uint64_t index, struct sb_proof *out)
{
    out->n = 0;
    for (size_t i = 0; i + 1 < t->levels; i++, index >>= 1) {
        size_t at = t->level[i] + (size_t)(index ^ 1);
        if (at < t->level[i + 1])
            out->path[out->n++] = t->node[at];
    }
}

static bool same(const struct sb_hash *a, const struct sb_hash *b)
{
    return memcmp(a->bytes, b->bytes, SB_HASH_LEN) == 0;
}

/* RFC 9162, 2.1.3.2. */
bool sb_proof_included(struct sb_hasher *h, const struct sb_hash *leaf, uint64_t index, uint64_t n, const struct sb_proof *p, const struct sb_hash *root)
{
    if (index >= n)
        return false;
    uint64_t fn = index, sn = n - 1;
    struct sb_hash r = *leaf;
    for (size_t i = 0; i < p->n; i++) {
        if (sn == 0)
            return false;
        bool right = (fn & 1) || fn == sn;
        if (sb_merkle_node(h, &r, right ? &p->path[i] : &r, right ? &r : &p->path[i]))
            return false;
        while (right && !(fn & 1) && fn) {
            fn >>= 1;
            sn >>= 1;
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&r, root);
}

/* RFC 9162, 2.1.4.2. sn must be used up: a verifier that forgets it accepts a proof for another second size. */
bool sb_proof_consistent(struct sb_hasher *h, uint64_t old, uint64_t n, const struct sb_proof *p, const struct sb_hash *old_root, const struct sb_hash *root)
{
    if (old == 0 || old > n)
        return false;
    if (old == n)
        return p->n == 0 && same(old_root, root);
    uint64_t fn = old - 1, sn = n - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    bool power = (old & (old - 1)) == 0; /* then the old root itself is where the path begins */
    if (!power && p->n == 0)
        return false;
    struct sb_hash fr = power ? *old_root : p->path[0], sr = fr;
    for (size_t i = power ? 0 : 1; i < p->n; i++) {
        const struct sb_hash *c = &p->path[i];
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            if (sb_merkle_node(h, &fr, c, &fr) || sb_merkle_node(h, &sr, c, &sr))
                return false;
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else if (sb_merkle_node(h, &sr, &sr, c)) {
            return false;
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&fr, old_root) && same(&sr, root);
}
