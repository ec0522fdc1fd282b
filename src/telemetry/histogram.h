/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.h - counts of durations in buckets that widen with the value.
 *
 * The fine one: each millisecond below 64, then 32 buckets to each power of two, so that a bucket is at most 1/32 of its
 * value wide and its middle at most 1/64 off. The coarse one, for the small buckets of the sliding window: each
 * millisecond below 2, then two buckets to each power of two. Both end at 2^31 ms (24 days); longer counts as that.
 */
#ifndef SB_TELEMETRY_HISTOGRAM_H
#define SB_TELEMETRY_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define FINE_BUCKETS (64 + 25 * 32)
#define COARSE_BUCKETS (2 + 30 * 2)
#define HISTOGRAM_MAX ((UINT64_C(1) << 31) - 1)

static inline size_t sb_fine_bucket(uint64_t v)
{
    if (v < 64)
        return (size_t)v;
    if (v > HISTOGRAM_MAX)
        v = HISTOGRAM_MAX;
    unsigned e = 63 - (unsigned)__builtin_clzll(v); /* 6..30 */
    return 64 + (e - 6) * 32 + (size_t)(v >> (e - 5) & 31);
}

/* The middle of a bucket. */
static inline uint64_t sb_fine_value(size_t bucket)
{
    if (bucket < 64)
        return bucket;
    unsigned e = 6 + (unsigned)(bucket - 64) / 32;
    uint64_t width = UINT64_C(1) << (e - 5);
    return (32 + (bucket - 64) % 32) * width + width / 2;
}

/* Whether 2v*v >= 2^(2e+1), that is v >= 2^e * sqrt(2), without a real number. */
static inline size_t sb_coarse_bucket(uint64_t v)
{
    if (v < 2)
        return (size_t)v;
    if (v > HISTOGRAM_MAX)
        v = HISTOGRAM_MAX;
    unsigned e = 63 - (unsigned)__builtin_clzll(v); /* 1..30 */
    return 2 + (e - 1) * 2 + (v * v >= UINT64_C(1) << (2 * e + 1));
}

/* The geometric middle of a bucket, whose ends are a factor of sqrt(2) apart. */
static inline uint64_t sb_coarse_value(size_t bucket)
{
    if (bucket < 2)
        return bucket;
    uint64_t power = UINT64_C(1) << (1 + (bucket - 2) / 2);
    /* 2^(1/4) and 2^(3/4) in thousandths */
    return (power * ((bucket - 2) % 2 ? 1682 : 1189) + 500) / 1000;
}

#endif
