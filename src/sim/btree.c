/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/btree.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define FANOUT 64
#define MAX_LEVELS 16
#define MOST_ASKED 1536 /* bytes of a leaf's keys that are asked for before the search: of short keys all */

struct sim_node {
    bool leaf;
    uint16_t n;
    uint32_t used, cap; /* bytes of keys */
    uint32_t end[FANOUT]; /* where key i ends; it begins where key i-1 ends */
    uint8_t *keys;
    union {
        struct {
            struct sim_node *next, *prev;
        };
        struct sim_node **child; /* an inner node has n keys and n + 1 children; key i is the least key of child i + 1 */
    };
};

struct sim_btree {
    struct sim_node *root;
    uint64_t count, bytes, version;
};

static struct sim_node *node_new(struct sim_btree *t, bool leaf)
{
    struct sim_node *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->leaf = leaf;
    if (!leaf && !(x->child = calloc(FANOUT + 1, sizeof(struct sim_node *)))) {
        free(x);
        return NULL;
    }
    t->bytes += sizeof *x + (leaf ? 0 : (FANOUT + 1) * sizeof(struct sim_node *));
    return x;
}

static void node_free(struct sim_btree *t, struct sim_node *x)
{
    t->bytes -= sizeof *x + x->cap + (x->leaf ? 0 : (FANOUT + 1) * sizeof(struct sim_node *));
    if (!x->leaf)
        free(x->child);
    free(x->keys);
    free(x);
}

static void tree_free(struct sim_btree *t, struct sim_node *x)
{
    if (!x->leaf)
        for (unsigned i = 0; i <= x->n; i++)
            tree_free(t, x->child[i]);
    node_free(t, x);
}

struct sim_btree *sim_btree_new(void)
{
    struct sim_btree *t = calloc(1, sizeof *t);
    if (t && !(t->root = node_new(t, true))) {
        free(t);
        return NULL;
    }
    return t;
}

/* last: the newest leaf on the left of this node. NULL out of memory, with nothing left behind. */
static struct sim_node *node_copy(struct sim_btree *t, const struct sim_node *x, struct sim_node **last)
{
    struct sim_node *y = node_new(t, x->leaf);
    if (!y)
        return NULL;
    if (x->cap && !(y->keys = malloc(x->cap))) {
        node_free(t, y);
        return NULL;
    }
    t->bytes += y->cap = x->cap;
    y->used = x->used;
    if (x->used)
        memcpy(y->keys, x->keys, x->used);
    memcpy(y->end, x->end, sizeof y->end);
    if (x->leaf) {
        y->n = x->n;
        y->prev = *last;
        if (*last)
            (*last)->next = y;
        *last = y;
        return y;
    }
    for (unsigned i = 0; i <= x->n; i++) {
        if (!(y->child[i] = node_copy(t, x->child[i], last))) {
            while (i)
                tree_free(t, y->child[--i]);
            node_free(t, y);
            return NULL;
        }
    }
    y->n = x->n;
    return y;
}

struct sim_btree *sim_btree_copy(const struct sim_btree *t)
{
    struct sim_btree *c = calloc(1, sizeof *c);
    struct sim_node *last = NULL;
    if (c && !(c->root = node_copy(c, t->root, &last))) {
        free(c);
        return NULL;
    }
    if (c)
        c->count = t->count;
    return c;
}

void sim_btree_free(struct sim_btree *t)
{
    if (!t)
        return;
    tree_free(t, t->root);
    free(t);
}

uint64_t sim_btree_count(const struct sim_btree *t)
{
    return t->count;
}

uint64_t sim_btree_bytes(const struct sim_btree *t)
{
    return t->bytes;
}

static uint32_t begin_of(const struct sim_node *x, unsigned i)
{
    return i ? x->end[i - 1] : 0;
}

static int compare(const struct sim_node *x, unsigned i, const uint8_t *key, size_t n)
{
    uint32_t from = begin_of(x, i), len = x->end[i] - from;
    if (len >= 8 && n >= 8) { /* most keys differ in their first bytes: no call for these */
        uint64_t a, b;
        memcpy(&a, x->keys + from, 8);
        memcpy(&b, key, 8);
        if (a != b)
            return be64toh(a) < be64toh(b) ? -1 : 1;
    }
    int c = memcmp(x->keys + from, key, len < n ? len : n);
    return c ? c : (len > n) - (len < n);
}

/* The first i whose key is >= the given one; n when there is none. */
static unsigned lower(const struct sim_node *x, const uint8_t *key, size_t n)
{
    unsigned lo = 0, hi = x->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (compare(x, mid, key, n) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The child under which the key belongs. */
static unsigned child_of(const struct sim_node *x, const uint8_t *key, size_t n)
{
    unsigned i = lower(x, key, n);
    return i < x->n && compare(x, i, key, n) == 0 ? i + 1 : i;
}

/* The same. What a search in that child will look at is asked for at once: a big tree lies in no cache, and a search would
 * wait for one line after the other. */
static const struct sim_node *down(const struct sim_node *x, const uint8_t *key, size_t n)
{
    const struct sim_node *y = x->child[child_of(x, key, n)];
    for (unsigned i = 0; i < FANOUT; i += 16)
        __builtin_prefetch(&y->end[i]);
    for (uint32_t at = 0; y->leaf && at < y->used && at < MOST_ASKED; at += 64)
        __builtin_prefetch(y->keys + at);
    return y;
}

static int reserve(struct sim_btree *t, struct sim_node *x, uint32_t need)
{
    if (need <= x->cap)
        return 0;
    uint32_t cap = x->cap ? x->cap : 256;
    while (cap < need)
        cap += cap / 2;
    uint8_t *p = realloc(x->keys, cap);
    if (!p)
        return -1;
    t->bytes += cap - x->cap;
    x->keys = p;
    x->cap = cap;
    return 0;
}

/* Room must have been reserved. */
static void key_insert(struct sim_node *x, unsigned i, const uint8_t *key, size_t n)
{
    uint32_t at = begin_of(x, i);
    memmove(x->keys + at + n, x->keys + at, x->used - at);
    memcpy(x->keys + at, key, n);
    for (unsigned k = x->n; k > i; k--)
        x->end[k] = x->end[k - 1] + (uint32_t)n;
    x->end[i] = at + (uint32_t)n;
    x->used += (uint32_t)n;
    x->n++;
}

static void key_remove(struct sim_node *x, unsigned i)
{
    uint32_t from = begin_of(x, i), n = x->end[i] - from;
    memmove(x->keys + from, x->keys + x->end[i], x->used - x->end[i]);
    for (unsigned k = i; k + 1 < x->n; k++)
        x->end[k] = x->end[k + 1] - n;
    x->used -= n;
    x->n--;
}

/* Moves the keys from `from` on into the empty node `to`, which has room. */
static void keys_move(struct sim_node *x, unsigned from, struct sim_node *to)
{
    uint32_t at = begin_of(x, from);
    to->n = (uint16_t)(x->n - from);
    to->used = x->used - at;
    memcpy(to->keys, x->keys + at, to->used);
    for (unsigned k = 0; k < to->n; k++)
        to->end[k] = x->end[from + k] - at;
    x->n = (uint16_t)from;
    x->used = at;
}

/* Gives back room that a split left unused. */
static void shrink(struct sim_btree *t, struct sim_node *x)
{
    uint32_t cap = x->used + x->used / 4 + 32;
    uint8_t *p = cap < x->cap ? realloc(x->keys, cap) : NULL;
    if (!p)
        return;
    t->bytes -= x->cap - cap;
    x->keys = p;
    x->cap = cap;
}

/* Splits child i of parent, which has room for one more key. Ascending inserts leave full nodes behind. 0 or -1. */
static int split_child(struct sim_btree *t, struct sim_node *parent, unsigned i, bool at_end)
{
    struct sim_node *x = parent->child[i], *right = node_new(t, x->leaf);
    if (!right)
        return -1;
    unsigned mid = at_end ? x->n - 2 : x->n / 2;
    uint32_t from = begin_of(x, mid), len = x->end[mid] - from;
    if (reserve(t, right, x->used - from) || reserve(t, parent, parent->used + len)) {
        node_free(t, right);
        return -1;
    }
    key_insert(parent, i, x->keys + from, len);
    memmove(parent->child + i + 2, parent->child + i + 1, (parent->n - i - 1) * sizeof(struct sim_node *));
    parent->child[i + 1] = right;
    if (x->leaf) {
        keys_move(x, mid, right);
        right->next = x->next;
        right->prev = x;
        if (x->next)
            x->next->prev = right;
        x->next = right;
    } else { /* the middle key goes up and is not kept */
        unsigned n = x->n;
        keys_move(x, mid + 1, right);
        memcpy(right->child, x->child + mid + 1, (n - mid) * sizeof(struct sim_node *));
        key_remove(x, mid);
    }
    shrink(t, x);
    return 0;
}

/* Every node on the way down is split when full, so that a parent always has room. */
int sim_btree_insert(struct sim_btree *t, const uint8_t *key, size_t n)
{
    if (t->root->n == FANOUT) {
        struct sim_node *root = node_new(t, false);
        if (!root)
            return -1;
        root->child[0] = t->root;
        if (split_child(t, root, 0, compare(t->root, FANOUT - 1, key, n) < 0)) {
            node_free(t, root);
            return -1;
        }
        t->root = root;
        t->version++;
    }
    struct sim_node *x = t->root;
    while (!x->leaf) {
        unsigned i = child_of(x, key, n);
        if (x->child[i]->n == FANOUT) {
            if (split_child(t, x, i, compare(x->child[i], FANOUT - 1, key, n) < 0))
                return -1;
            t->version++;
            i = child_of(x, key, n);
        }
        x = x->child[i];
    }
    unsigned i = lower(x, key, n);
    if (i < x->n && compare(x, i, key, n) == 0)
        return 0;
    if (n > UINT32_MAX / 4 || reserve(t, x, x->used + (uint32_t)n))
        return -1;
    key_insert(x, i, key, n);
    t->count++;
    t->version++;
    return 1;
}

static void unlink_leaf(struct sim_node *x)
{
    if (x->next)
        x->next->prev = x->prev;
    if (x->prev)
        x->prev->next = x->next;
}

/* Takes child i, which is empty, out of x. */
static void drop_child(struct sim_btree *t, struct sim_node *x, unsigned i)
{
    if (x->child[i]->leaf)
        unlink_leaf(x->child[i]);
    node_free(t, x->child[i]);
    memmove(x->child + i, x->child + i + 1, (x->n - i) * sizeof(struct sim_node *));
    key_remove(x, i ? i - 1 : 0);
}

bool sim_btree_remove(struct sim_btree *t, const uint8_t *key, size_t n)
{
    struct sim_node *path[MAX_LEVELS], *x = t->root;
    unsigned at[MAX_LEVELS], depth = 0;
    while (!x->leaf) {
        path[depth] = x;
        at[depth] = child_of(x, key, n);
        x = x->child[at[depth++]];
    }
    unsigned i = lower(x, key, n);
    if (i == x->n || compare(x, i, key, n) != 0)
        return false;
    key_remove(x, i);
    t->count--;
    t->version++;
    /* an empty leaf goes; an inner node with one child only goes when that child does, or at the root */
    while (x->n == 0 && x->leaf && depth && path[depth - 1]->n > 0) {
        depth--;
        drop_child(t, path[depth], at[depth]);
        x = path[depth];
    }
    while (!t->root->leaf && t->root->n == 0) {
        struct sim_node *old = t->root;
        t->root = old->child[0];
        node_free(t, old);
    }
    return true;
}

/* ---- cursors ---- */

void sim_cursor_init(struct sim_cursor *c, const struct sim_btree *t)
{
    memset(c, 0, sizeof *c);
    c->tree = t;
}

void sim_cursor_release(struct sim_cursor *c)
{
    free(c->key);
    memset(c, 0, sizeof *c);
}

/* Leaves may be empty (the last child of an inner node stays): steps over them. */
static bool settle(struct sim_cursor *c, bool forward)
{
    c->version = c->tree->version;
    while (c->leaf && (forward ? c->at >= c->leaf->n : c->leaf->n == 0)) {
        c->leaf = forward ? c->leaf->next : c->leaf->prev;
        c->at = c->leaf && !forward && c->leaf->n ? c->leaf->n - 1u : 0;
    }
    return c->leaf != NULL;
}

bool sim_cursor_seek(struct sim_cursor *c, const uint8_t *key, size_t n)
{
    const struct sim_node *x = c->tree->root;
    while (!x->leaf)
        x = down(x, key, n);
    c->leaf = x;
    c->at = lower(x, key, n);
    return settle(c, true);
}

bool sim_cursor_seek_back(struct sim_cursor *c, const uint8_t *key, size_t n)
{
    const struct sim_node *x = c->tree->root;
    while (!x->leaf)
        x = down(x, key, n);
    c->leaf = x;
    unsigned i = lower(x, key, n);
    if (i < x->n && compare(x, i, key, n) == 0) {
        c->at = i;
        return settle(c, false);
    }
    if (i == 0) {
        c->leaf = x->prev;
        c->at = c->leaf && c->leaf->n ? c->leaf->n - 1u : 0;
    } else {
        c->at = i - 1;
    }
    return settle(c, false);
}

const uint8_t *sim_cursor_key(const struct sim_cursor *c, size_t *n)
{
    uint32_t from = begin_of(c->leaf, c->at);
    *n = c->leaf->end[c->at] - from;
    return c->leaf->keys + from;
}

const uint8_t *sim_cursor_peek(const struct sim_cursor *c, size_t *n)
{
    if (c->version != c->tree->version || !c->leaf || c->at + 1u >= c->leaf->n)
        return NULL;
    *n = c->leaf->end[c->at + 1] - c->leaf->end[c->at];
    return c->leaf->keys + c->leaf->end[c->at];
}

int sim_cursor_save(struct sim_cursor *c)
{
    if (!c->leaf || c->version != c->tree->version)
        return 0;
    size_t n;
    const uint8_t *key = sim_cursor_key(c, &n);
    if (n > c->key_cap) {
        uint8_t *p = realloc(c->key, n);
        if (!p)
            return -1;
        c->key = p;
        c->key_cap = n;
    }
    memcpy(c->key, key, n);
    c->key_n = n;
    return 0;
}

/* After a change: to the saved key or where it was. True when the position is already the neighbour. */
static bool found_again(struct sim_cursor *c, bool forward, bool *there)
{
    bool ok = forward ? sim_cursor_seek(c, c->key, c->key_n) : sim_cursor_seek_back(c, c->key, c->key_n);
    *there = ok;
    return ok && compare(c->leaf, c->at, c->key, c->key_n) != 0;
}

bool sim_cursor_next(struct sim_cursor *c)
{
    bool there;
    if (!c->leaf)
        return false;
    if (c->version != c->tree->version && (found_again(c, true, &there) || !there))
        return there;
    c->at++;
    return settle(c, true);
}

bool sim_cursor_prev(struct sim_cursor *c)
{
    bool there;
    if (!c->leaf)
        return false;
    if (c->version != c->tree->version && (found_again(c, false, &there) || !there))
        return there;
    if (c->at == 0) {
        c->leaf = c->leaf->prev;
        c->at = c->leaf && c->leaf->n ? c->leaf->n - 1u : 0;
    } else {
        c->at--;
    }
    return settle(c, false);
}
