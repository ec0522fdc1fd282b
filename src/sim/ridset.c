/* SPDX-License-Identifier: Apache-2.0 */
#include "ridset.h"

#include <stddef.h>
#include <stdlib.h>

struct sim_ridset {
    uint64_t *slot; /* 0 is free: no record has that id */
    size_t n, slots;
};

struct sim_ridset *sim_ridset_new(void)
{
    return calloc(1, sizeof(struct sim_ridset));
}

void sim_ridset_free(struct sim_ridset *s)
{
    if (s)
        free(s->slot);
    free(s);
}

static size_t place(const uint64_t *slot, size_t slots, uint64_t rid)
{
    size_t at = (rid * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (slots - 1);
    while (slot[at] && slot[at] != rid)
        at = (at + 1) & (slots - 1);
    return at;
}

int sim_ridset_add(struct sim_ridset *s, uint64_t rid)
{
    if (s->n * 2 >= s->slots) {
        size_t slots = s->slots ? s->slots * 2 : 64;
        uint64_t *slot = calloc(slots, sizeof *slot);
        if (!slot)
            return -1;
        for (size_t i = 0; i < s->slots; i++)
            if (s->slot[i])
                slot[place(slot, slots, s->slot[i])] = s->slot[i];
        free(s->slot);
        s->slot = slot;
        s->slots = slots;
    }
    size_t at = place(s->slot, s->slots, rid);
    if (s->slot[at])
        return 0;
    s->slot[at] = rid;
    s->n++;
    return 1;
}
