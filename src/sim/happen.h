/* SPDX-License-Identifier: Apache-2.0
 *
 * happen.h - what a scenario does to the set: costs, indexes, locks, open transactions, faults on the wire. */
#ifndef SIM_HAPPEN_H
#define SIM_HAPPEN_H

#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/scenario.h>

/* Takes a value from `from` to h->value: at once, in steps (over), or for a while and then back (for). fn is called with
 * each value, the first time now. -1 out of memory, with the value at its end. */
typedef void (*sim_vary_fn)(struct sim *s, void *ctx, double value);
int sim_vary(struct sim *s, const struct sim_happening *h, double from, sim_vary_fn fn, void *ctx);

/* Everything that is not about an app. -1 out of memory: it did not happen, or not wholly. */
int sim_happen(struct sim *s, const struct sim_happening *h);

#endif
