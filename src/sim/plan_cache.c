/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/plan_cache.h>

#include <stdlib.h>
#include <string.h>

struct sim_plan_cache *sim_plan_cache_new(void)
{
    return calloc(1, sizeof(struct sim_plan_cache));
}

void sim_plan_cache_free(struct sim_plan_cache *c)
{
    free(c);
}

void sim_plan_cache_clear(struct sim_plan_cache *c)
{
    memset(c->entry, 0, c->n * sizeof c->entry[0]);
    c->n = 0;
}

struct sim_plan_entry *sim_plan_cache_find(struct sim_plan_cache *c, uint64_t shape)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->entry[i].shape == shape) {
            c->entry[i].used = ++c->clock;
            return &c->entry[i];
        }
    return NULL;
}

void sim_plan_cache_set(struct sim_plan_cache *c, uint64_t shape, uint64_t winner, int64_t works, int64_t now_us)
{
    struct sim_plan_entry *e = sim_plan_cache_find(c, shape);
    if (e && !e->active) {
        /* better or as good as before: believe it; worse: raise what is expected of it */
        e->active = works <= e->works;
        e->works = works <= e->works ? works : works * 2;
        e->winner = winner;
        return;
    }
    if (!e) {
        if (c->n < SIM_PLAN_ENTRIES) {
            e = &c->entry[c->n++];
        } else {
            e = &c->entry[0];
            for (size_t i = 1; i < c->n; i++)
                if (c->entry[i].used < e->used)
                    e = &c->entry[i];
        }
        *e = (struct sim_plan_entry){.shape = shape, .used = ++c->clock, .at_us = now_us};
    }
    e->winner = winner;
    e->works = works;
    e->active = false;
}

void sim_plan_cache_deactivate(struct sim_plan_cache *c, uint64_t shape)
{
    struct sim_plan_entry *e = sim_plan_cache_find(c, shape);
    if (e)
        e->active = false;
}
