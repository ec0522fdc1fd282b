/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - memory that goes all at once: what a planner makes while it thinks.
 *
 * Blocks are zeroed. An allocation that fails returns NULL and marks the arena; nothing is freed singly. Thread: one.
 */
#ifndef SIGNALBOX_SIM_ARENA_H
#define SIGNALBOX_SIM_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct sim_arena {
    struct sim_arena_block *block;
    size_t used, cap;
    bool failed;
};

void *sim_arena_get(struct sim_arena *a, size_t n);
void *sim_arena_copy(struct sim_arena *a, const void *p, size_t n);
void sim_arena_release(struct sim_arena *a);

#endif
