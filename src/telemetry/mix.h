/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.h - a hash for tables that are asked for every line of a log: eight bytes a step, a multiplication each.
 *
 * Not for anything that leaves the process, and not against an attacker: whoever uses it compares the bytes, and bounds
 * how far it probes.
 */
#ifndef SB_TELEMETRY_MIX_H
#define SB_TELEMETRY_MIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t sb_mix_step(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static inline uint64_t sb_mix(uint64_t h, const char *p, size_t n)
{
    uint64_t v;
    h = sb_mix_step(h, n);
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, 8);
        h = sb_mix_step(h, v);
    }
    v = 0;
    if (n)
        memcpy(&v, p, n);
    return sb_mix_step(h, v);
}

#endif
