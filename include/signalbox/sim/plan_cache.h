/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_cache.h - which plan won for a query shape on a collection of one member.
 *
 * As the server's: a winner is entered inactive with the work it took; a later trial that needs no more makes it active,
 * and an active entry is used without a trial. It goes when its work grows tenfold, when the set of indexes changes, and
 * when the cache is full and it was used longest ago. Thread: one.
 */
#ifndef SIGNALBOX_SIM_PLAN_CACHE_H
#define SIGNALBOX_SIM_PLAN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PLAN_ENTRIES 200

struct sim_plan_entry {
    uint64_t shape;  /* hash of the query's shape */
    uint64_t winner; /* signature of the winning plan */
    int64_t works;
    bool active;
    uint64_t used; /* clock of the cache at the last use; 0: the entry is free */
    int64_t at_us; /* made */
};

struct sim_plan_cache {
    uint64_t clock;
    struct sim_plan_entry entry[SIM_PLAN_ENTRIES];
    size_t n;
};

struct sim_plan_cache *sim_plan_cache_new(void);
void sim_plan_cache_free(struct sim_plan_cache *c);
void sim_plan_cache_clear(struct sim_plan_cache *c);

struct sim_plan_entry *sim_plan_cache_find(struct sim_plan_cache *c, uint64_t shape);

/* After a trial. */
void sim_plan_cache_set(struct sim_plan_cache *c, uint64_t shape, uint64_t winner, int64_t works, int64_t now_us);

/* The entry disappointed: it must win again before it is used. */
void sim_plan_cache_deactivate(struct sim_plan_cache *c, uint64_t shape);

#endif
