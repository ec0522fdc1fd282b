/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/arena.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 8192

struct sim_arena_block {
    struct sim_arena_block *next;
    alignas(max_align_t) unsigned char bytes[];
};

static void *take(struct sim_arena *a, size_t n)
{
    const size_t unit = alignof(max_align_t);
    n = (n + unit - 1) / unit * unit;
    if (!a->block || a->cap - a->used < n) {
        size_t cap = n > BLOCK ? n : BLOCK;
        struct sim_arena_block *b = malloc(sizeof *b + cap);
        if (!b) {
            a->failed = true;
            return NULL;
        }
        b->next = a->block;
        a->block = b;
        a->cap = cap;
        a->used = 0;
    }
    void *p = a->block->bytes + a->used;
    a->used += n;
    return p;
}

void *sim_arena_get(struct sim_arena *a, size_t n)
{
    void *p = take(a, n);
    return p ? memset(p, 0, n) : NULL; /* what is given out, not the whole block */
}

void *sim_arena_copy(struct sim_arena *a, const void *p, size_t n)
{
    void *to = take(a, n);
    if (to)
        memcpy(to, p, n);
    return to;
}

void sim_arena_release(struct sim_arena *a)
{
    while (a->block) {
        struct sim_arena_block *next = a->block->next;
        free(a->block);
        a->block = next;
    }
    memset(a, 0, sizeof *a);
}
