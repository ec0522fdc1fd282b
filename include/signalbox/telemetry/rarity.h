/* SPDX-License-Identifier: Apache-2.0
 *
 * rarity.h - how rare a deviation is among all those that were seen before, whatever their unit and distribution.
 *
 * A histogram in steps of an eighth of an octave, from the largest deviation downwards, in which what is old counts less
 * and less. Inside what was seen before, the answer is the share that was as large; beyond it, a Pareto tail whose exponent
 * is Hill's estimate (1975) from the largest few hundredths goes on: a series that throws far spikes now and then has a
 * heavy tail, and one more spike is no news; one that never left its band has a steep tail, and a step out of it is. Constant
 * memory, no unit, no parameter of the series. Thread: one owner.
 */
#ifndef SIGNALBOX_TELEMETRY_RARITY_H
#define SIGNALBOX_TELEMETRY_RARITY_H

#include <stdbool.h>

#define SB_RARITY_BINS 192     /* 24 octaves below the largest; what is smaller counts as none */
#define SB_RARITY_MEMORY 9000. /* values after which one counts 1/e */
#define SB_RARITY_MOST 12.     /* the largest answer */

struct sb_rarity {
    float bin[SB_RARITY_BINS]; /* bin[0] ends at 2^((top + 1) / 8) */
    int top;
    bool any; /* anything above 0 was added */
    double total; /* weight of all that was added, zeros included, at weight 1 for the newest */
    double unit;  /* weight of one value now: grows instead of letting the others shrink */
};

void sb_rarity_init(struct sb_rarity *r);

/* A deviation of size x; what is not above 0 counts as none. */
void sb_rarity_add(struct sb_rarity *r, double x);

/* -log10 of the probability of a deviation of x or more: 0 (usual) to SB_RARITY_MOST. Nothing above 0 was ever seen: the
 * longer that lasted, the rarer is the first. */
double sb_rarity_of(const struct sb_rarity *r, double x);

#endif
