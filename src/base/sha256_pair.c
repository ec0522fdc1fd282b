/* SPDX-License-Identifier: Apache-2.0 */
#include "sha256_pair.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))
#define IN_LINE static inline __attribute__((always_inline)) WITH_SHA
#define BLOCK 64
#define LENGTH_AT 56 /* in the last block */

bool sb_sha256_pair_able(void)
{
    unsigned a, b, c, d;
    bool sse41 = __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_1;
    return sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
    0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
    0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
    0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The eight words of a digest in the order the instructions want them. */
struct state {
    __m128i abef, cdgh;
};

/* One of the two messages that are under way. */
struct lane {
    struct state state;
    const uint8_t *p;           /* the next block, */
    size_t blocks;              /* and how many there are */
    uint8_t tail[2 * BLOCK];    /* what is over, with the padding */
    size_t tail_blocks;         /* still to come */
    struct sb_hash *out;        /* NULL: nothing is under way */
};

IN_LINE __m128i words_at(const uint8_t *p)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), big_endian);
}

/* Four rounds: those from 4 * i on. w holds the last sixteen words of the schedule. */
IN_LINE void rounds(struct state *s, __m128i w[4], const uint8_t *p, int i)
{
    __m128i *now = &w[i & 3], last = w[(i + 3) & 3];
    if (i < 4)
        *now = words_at(p + 16 * i);
    else
        *now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) & 3]), _mm_alignr_epi8(last, w[(i + 2) & 3], 4)), last);
    __m128i k = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * i)));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, k);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

/* n blocks of each. */
static WITH_SHA void compress(struct lane *a, struct lane *b, size_t n)
{
    struct state x = a->state, y = b->state;
    for (size_t block = 0; block < n; block++) {
        const struct state x_before = x, y_before = y;
        const uint8_t *p = a->p + block * BLOCK, *q = b->p + block * BLOCK;
        __m128i v[4], w[4];
#define BOTH(i) rounds(&x, v, p, i), rounds(&y, w, q, i)
        BOTH(0), BOTH(1), BOTH(2), BOTH(3), BOTH(4), BOTH(5), BOTH(6), BOTH(7), BOTH(8), BOTH(9), BOTH(10), BOTH(11), BOTH(12), BOTH(13), BOTH(14), BOTH(15);
#undef BOTH
        x.abef = _mm_add_epi32(x.abef, x_before.abef);
        x.cdgh = _mm_add_epi32(x.cdgh, x_before.cdgh);
        y.abef = _mm_add_epi32(y.abef, y_before.abef);
        y.cdgh = _mm_add_epi32(y.cdgh, y_before.cdgh);
    }
    a->state = x;
    b->state = y;
}

static void begin(struct lane *l, const struct sb_slice *message, struct sb_hash *out)
{
    const uint8_t *p = message->p;
    size_t over = message->n % BLOCK;
    uint64_t bits = __builtin_bswap64((uint64_t)message->n * 8);
    l->state.abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    l->state.cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    l->p = p;
    l->blocks = message->n / BLOCK;
    l->tail_blocks = over < LENGTH_AT ? 1 : 2;
    memset(l->tail, 0, sizeof l->tail);
    if (over)
        memcpy(l->tail, p + message->n - over, over);
    l->tail[over] = 0x80;
    memcpy(l->tail + l->tail_blocks * BLOCK - sizeof bits, &bits, sizeof bits);
    l->out = out;
}

static WITH_SHA void finish(struct lane *l)
{
    __m128i feba = _mm_shuffle_epi32(l->state.abef, 0x1b), dchg = _mm_shuffle_epi32(l->state.cdgh, 0xb1);
    __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0), hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)(void *)l->out->bytes, words_at((const uint8_t *)&dcba));
    _mm_storeu_si128((__m128i *)(void *)(l->out->bytes + 16), words_at((const uint8_t *)&hgfe));
    l->out = NULL;
}

/* Makes the lane have a block to go on with: of its message, of its tail, or of the next message. False: there is none. */
static bool ready(struct lane *l, struct sb_hash **out, const struct sb_slice **next, const struct sb_slice *end)
{
    while (l->blocks == 0) {
        if (l->out && l->tail_blocks) {
            l->p = l->tail;
            l->blocks = l->tail_blocks;
            l->tail_blocks = 0;
            break;
        }
        if (l->out)
            finish(l);
        if (*next == end)
            return false;
        begin(l, (*next)++, (*out)++);
    }
    return true;
}

static void advance(struct lane *l, size_t n)
{
    l->p += n * BLOCK;
    l->blocks -= n;
}

void sb_sha256_pair(struct sb_hash *out, const struct sb_slice *message, size_t n)
{
    struct lane a = {.out = NULL}, b = {.out = NULL};
    const struct sb_slice *end = message + n;
    for (;;) {
        bool more_a = ready(&a, &out, &message, end), more_b = ready(&b, &out, &message, end);
        if (!more_a && !more_b)
            return;
        struct lane *x = more_a ? &a : &b, *y = more_b ? &b : &a;
        if (x == y) { /* the last of all: its shadow goes with it, for nothing */
            struct lane shadow = *x;
            compress(x, &shadow, x->blocks);
            x->blocks = 0;
            continue;
        }
        size_t blocks = x->blocks < y->blocks ? x->blocks : y->blocks;
        compress(x, y, blocks);
        advance(x, blocks);
        advance(y, blocks);
    }
}

#else

bool sb_sha256_pair_able(void)
{
    return false;
}

void sb_sha256_pair(struct sb_hash *out, const struct sb_slice *message, size_t n)
{
    (void)out;
    (void)message;
    (void)n;
}

#endif
