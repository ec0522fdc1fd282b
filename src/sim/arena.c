/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/arena.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 8192

struct sim_arena_block {
    struct sim_arena_block *next;
    size_t cap;
    alignas(max_align_t) unsigned char bytes[];
};

void *sim_arena_room(struct sim_arena *a, size_t n)
{
    const size_t unit = alignof(max_align_t);
    n = (n + unit - 1) / unit * unit;
    if (!a->block || a->cap - a->used < n) {
        size_t cap = n > BLOCK ? n : BLOCK;
        bool waits = cap == BLOCK && a->spare && *a->spare;
        struct sim_arena_block *b = waits ? *a->spare : malloc(sizeof *b + cap);
        if (waits)
            *a->spare = NULL;
        if (!b) {
            a->failed = true;
            return NULL;
        }
        b->next = a->block;
        b->cap = cap;
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
    void *p = sim_arena_room(a, n);
    return p ? memset(p, 0, n) : NULL; /* what is given out, not the whole block */
}

void *sim_arena_copy(struct sim_arena *a, const void *p, size_t n)
{
    void *to = sim_arena_room(a, n);
    if (to)
        memcpy(to, p, n);
    return to;
}

void sim_arena_release(struct sim_arena *a)
{
    while (a->block) {
        struct sim_arena_block *b = a->block;
        a->block = b->next;
        if (b->cap == BLOCK && a->spare && !*a->spare)
            *a->spare = b;
        else
            free(b);
    }
    memset(a, 0, sizeof *a);
}

void sim_arena_spare_free(struct sim_arena_block **spare)
{
    free(*spare);
    *spare = NULL;
}
