/* SPDX-License-Identifier: Apache-2.0
 *
 * shares.h - how often each of a few names was met: plans of a shape, applications, clients.
 *
 * Bounded: when `most` names are there and another one comes, those that were met least give way, half of them, into `other`.
 * A name that is met often stays or comes back, whenever it first appears; its count is then what was met since, and `other`
 * has the rest, so the sum is always right. As long as `other` is 0 every count is exact.
 *
 * Errors: -1 out of memory, and the name then counts in `other`. Thread: one owner at a time.
 */
#ifndef SIGNALBOX_TELEMETRY_SHARES_H
#define SIGNALBOX_TELEMETRY_SHARES_H

#include <signalbox/formats/slowop.h>
#include <stddef.h>
#include <stdint.h>

struct sb_share {
    char *name;
    size_t name_n;
    uint64_t count;
};

/* Zeroed is empty. In order of appearance. */
struct sb_shares {
    struct sb_share *item;
    size_t n, cap;
    size_t last; /* the one that was added to; mostly it is the next one too */
    uint64_t other;
};

int sb_shares_add(struct sb_shares *s, size_t most, struct sb_span name, uint64_t count);
int sb_shares_merge(struct sb_shares *to, size_t most, const struct sb_shares *from);

/* The one that was met most, of several the first; NULL: none. */
const char *sb_shares_top(const struct sb_shares *s);

void sb_shares_release(struct sb_shares *s);

#endif
