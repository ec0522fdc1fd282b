/* SPDX-License-Identifier: Apache-2.0
 *
 * criticality.h - how much a collection matters beside the others, as the config says: "criticality shop.orders 5".
 *
 * What is said of a database holds for each of its collections of which nothing else is said; what nothing is said of weighs 1.
 * Specialists rank by time times this. Pure. Thread: any. */
#ifndef SIGNALBOX_ORCHESTRATOR_CRITICALITY_H
#define SIGNALBOX_ORCHESTRATOR_CRITICALITY_H

#include <signalbox/base/error.h>

#include <stdint.h>

#define SB_CRITICALITY_MOST 100 /* times as much as one of which nothing is said */
#define SB_CRITICALITIES_MAX 200 /* lines of one deployment */

struct sb_criticality {
    char *place; /* "shop.orders", or "shop": each of its collections */
    int64_t weight;
};

/* Fills an empty one from the line's two words. -1 with what is wrong. */
int sb_criticality_read(struct sb_criticality *c, const char *place, const char *weight, struct sb_err *err);
void sb_criticality_release(struct sb_criticality *c);

int64_t sb_criticality_of(const struct sb_criticality *list, size_t n, const char *ns);

#endif
