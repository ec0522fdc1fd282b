/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - memory that goes all at once: what a planner makes while it thinks.
 *
 * What is given out is zeroed. An allocation that fails returns NULL and marks the arena; nothing is freed singly. An
 * arena may have a place where one block waits for the next arena of the same kind: most of them need no more than one,
 * and the heap is slow with pieces of that size. Thread: one.
 */
#ifndef SIGNALBOX_SIM_ARENA_H
#define SIGNALBOX_SIM_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct sim_arena {
    struct sim_arena_block *block;
    size_t used, cap;
    bool failed;
    struct sim_arena_block **spare; /* where a block waits between two arenas; it must outlive them. NULL: none does */
};

/* The block that waits there, if any; at the end of whoever holds the place. */
void sim_arena_spare_free(struct sim_arena_block **spare);

void *sim_arena_get(struct sim_arena *a, size_t n);
void *sim_arena_room(struct sim_arena *a, size_t n); /* the same without zeros, for what is filled at once */
void *sim_arena_copy(struct sim_arena *a, const void *p, size_t n);
void sim_arena_release(struct sim_arena *a);

#endif
