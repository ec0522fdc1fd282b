/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.h - a hash of bytes inside the simulator, eight at a time: for its tables and its trace, which every operation goes
 * through. Nothing that is shown or kept depends on its values. Thread: any. */
#ifndef SIM_MIX_H
#define SIM_MIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t sim_mix_word(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static inline uint64_t sim_mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = sim_mix_word(h, word);
    }
    word = n; /* the length too, so that zeros at the end count */
    for (size_t i = 0; i < n; i++)
        word = word << 8 | p[i];
    return sim_mix_word(h, word);
}

#endif
