/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/hash.h>
#include <signalbox/base/rng.h>

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

void sb_rng_seed(struct sb_rng *r, uint64_t seed)
{
    r->state = seed;
}

void sb_rng_fork(struct sb_rng *child, const struct sb_rng *parent, const char *use)
{
    child->state = sb_fnv1a(SB_FNV_START ^ parent->state, use, strlen(use));
}

uint64_t sb_rng_u64(struct sb_rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t sb_rng_below(struct sb_rng *r, uint64_t n)
{
    uint64_t least = (0 - n) % n; /* 2^64 mod n: draws below it would favour small results */
    uint64_t v;
    do
        v = sb_rng_u64(r);
    while (v < least);
    return v % n;
}

double sb_rng_unit(struct sb_rng *r)
{
    return (double)(sb_rng_u64(r) >> 11) * 0x1p-53;
}

double sb_rng_exponential(struct sb_rng *r, double mean)
{
    return -mean * log1p(-sb_rng_unit(r));
}

int sb_random_bytes(void *out, size_t n, struct sb_err *err)
{
    char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return sb_fail_errno(err, errno, "the system gives no random bytes");
        }
        p += got;
        n -= (size_t)got;
    }
    return 0;
}
