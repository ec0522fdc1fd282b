/* SPDX-License-Identifier: Apache-2.0
 *
 * rng.h - a seeded stream of numbers: the same seed gives the same stream on every machine.
 *
 * SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). Not for secrets:
 * sb_random_bytes is the system's. Thread: one owner at a time.
 */
#ifndef SIGNALBOX_BASE_RNG_H
#define SIGNALBOX_BASE_RNG_H

#include <signalbox/base/error.h>
#include <stddef.h>
#include <stdint.h>

struct sb_rng {
    uint64_t state;
};

void sb_rng_seed(struct sb_rng *r, uint64_t seed);

/* A stream of its own for a named use, so that adding a use does not shift the others. */
void sb_rng_fork(struct sb_rng *child, const struct sb_rng *parent, const char *use);

uint64_t sb_rng_u64(struct sb_rng *r);

/* Uniform in [0, n), n > 0, without modulo bias. */
uint64_t sb_rng_below(struct sb_rng *r, uint64_t n);

/* Uniform in [0, 1). */
double sb_rng_unit(struct sb_rng *r);

/* Exponential with this mean: the gap between two arrivals of a Poisson stream. */
double sb_rng_exponential(struct sb_rng *r, double mean);

/* Bytes from the operating system, for nonces. */
int sb_random_bytes(void *out, size_t n, struct sb_err *err);

#endif
