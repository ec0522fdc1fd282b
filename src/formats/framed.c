/* SPDX-License-Identifier: Apache-2.0 */
#include "framed.h"

#include <signalbox/formats/checksum.h>

#include <stdlib.h>
#include <string.h>

/* The longest compressed chunk of a block: what does not shrink grows by a sixth at most. */
#define PACKED_MAX (SB_FRAMED_BLOCK + SB_FRAMED_BLOCK / 6 + 64)
#define SNAPPY_BLOCK 65536

enum chunk { CHUNK_PACKED = 0x00, CHUNK_PLAIN = 0x01, CHUNK_UNSKIPPABLE_TO = 0x7f, CHUNK_BEGIN = 0xff };

struct sb_framed {
    unsigned char head[4];
    size_t head_n;
    size_t chunk_n; /* the chunk's bytes, of which `have` are here (or passed over) */
    size_t have;
    bool begun, s2;
    size_t in_cap, out_cap;
    unsigned char *in, *out;
};

bool sb_framed_begins(const unsigned char *p, size_t n)
{
    return n >= SB_FRAMED_HEADER && memcmp(p, "\xff\x06\0\0", 4) == 0 && (memcmp(p + 4, "sNaPpY", 6) == 0 || memcmp(p + 4, "S2sTwO", 6) == 0);
}

struct sb_framed *sb_framed_new(void)
{
    return calloc(1, sizeof(struct sb_framed));
}

void sb_framed_free(struct sb_framed *f)
{
    if (!f)
        return;
    free(f->in);
    free(f->out);
    free(f);
}

bool sb_framed_whole(const struct sb_framed *f)
{
    return f->begun && f->head_n == 0;
}

static bool room(unsigned char **p, size_t *cap, size_t need)
{
    if (need <= *cap)
        return true;
    unsigned char *grown = realloc(*p, need);
    if (!grown)
        return false;
    *p = grown;
    *cap = need;
    return true;
}

/* A literal's length, behind its tag; false when the input ends there. */
static bool literal_length(const unsigned char **s, const unsigned char *end, size_t *n)
{
    unsigned more = *(*s)++ >> 2;
    *n = more;
    if (more >= 60) {
        size_t bytes = more - 59;
        if ((size_t)(end - *s) < bytes)
            return false;
        *n = 0;
        for (size_t i = 0; i < bytes; i++)
            *n |= (size_t)(*s)[i] << (8 * i);
        *s += bytes;
    }
    (*n)++;
    return true;
}

/* A copy's length and offset; an offset of 0 in the short form repeats the last one (S2 only). */
static bool copy_words(const unsigned char **s, const unsigned char *end, bool s2, size_t *n, size_t *offset)
{
    const unsigned char *p = *s;
    unsigned tag = *p & 3;
    size_t words = tag == 1 ? 2 : tag == 2 ? 3 : 5;
    if ((size_t)(end - p) < words)
        return false;
    *s += words;
    if (tag != 1) {
        *n = (size_t)(p[0] >> 2) + 1;
        *offset = tag == 2 ? p[1] | (size_t)p[2] << 8 : p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16 | (size_t)p[4] << 24;
        return true;
    }
    *n = p[0] >> 2 & 7;
    size_t to = (size_t)(p[0] & 0xe0) << 3 | p[1];
    if (to) {
        *offset = to;
    } else if (!s2) {
        return false;
    } else if (*n >= 5) {
        static const size_t base[] = {4, 1 << 8, 1 << 16};
        size_t bytes = *n - 4, at = *n - 5;
        if ((size_t)(end - *s) < bytes)
            return false;
        *n = base[at];
        for (size_t i = 0; i < bytes; i++)
            *n += (size_t)(*s)[i] << (8 * i);
        *s += bytes;
    }
    *n += 4;
    return true;
}

static void copy_within(unsigned char *to, size_t offset, size_t n)
{
    const unsigned char *from = to - offset;
    if (offset >= n) {
        memcpy(to, from, n);
        return;
    }
    for (size_t i = 0; i < n; i++) /* it may read what it has just written: a repetition */
        to[i] = from[i];
}

/* Unpacks one block into exactly `size` bytes. */
static bool unpack(const unsigned char *s, const unsigned char *end, bool s2, unsigned char *out, size_t size)
{
    size_t d = 0, offset = 0, n;
    while (s < end) {
        if ((*s & 3) == 0) {
            if (!literal_length(&s, end, &n) || n > size - d || n > (size_t)(end - s))
                return false;
            memcpy(out + d, s, n);
            s += n;
        } else {
            if (!copy_words(&s, end, s2, &n, &offset) || offset == 0 || offset > d || n > size - d)
                return false;
            copy_within(out + d, offset, n);
        }
        d += n;
    }
    return d == size;
}

static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* The block's length, as a number of 7 bits a byte. */
static bool block_length(const unsigned char **s, const unsigned char *end, size_t *n)
{
    *n = 0;
    for (int shift = 0; shift < 35 && *s < end; shift += 7) {
        unsigned char b = *(*s)++;
        *n |= (size_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return true;
    }
    return false;
}

/* A whole chunk is in f->in: 1 with a block, 0 nothing to give out, -1. */
static int finish(struct sb_framed *f, const unsigned char **block, size_t *block_n, const char **what)
{
    unsigned type = f->head[0];
    const unsigned char *p = f->in, *end = f->in + f->chunk_n;
    if (type == CHUNK_BEGIN) {
        f->s2 = f->chunk_n == 6 && memcmp(p, "S2sTwO", 6) == 0;
        f->begun = f->s2 || (f->chunk_n == 6 && memcmp(p, "sNaPpY", 6) == 0);
        *what = "a chunk that should begin a stream does not";
        return f->begun ? 0 : -1;
    }
    if (type > CHUNK_PLAIN)
        return 0;
    if (f->chunk_n < 4) {
        *what = "a chunk is too short for its checksum";
        return -1;
    }
    uint32_t want = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    size_t n = f->chunk_n - 4, most = f->s2 ? SB_FRAMED_BLOCK : SNAPPY_BLOCK;
    p += 4;
    if (type == CHUNK_PACKED && !block_length(&p, end, &n))
        n = SIZE_MAX;
    if (n > most) {
        *what = "a chunk is longer than the format allows";
        return -1;
    }
    *block = p;
    if (type == CHUNK_PACKED) {
        *what = "out of memory";
        if (!room(&f->out, &f->out_cap, n ? n : 1))
            return -1;
        *what = "a chunk cannot be unpacked";
        if (!unpack(p, end, f->s2, f->out, n))
            return -1;
        *block = f->out;
    }
    *block_n = n;
    *what = "a chunk does not have the checksum it says";
    if (masked(sb_crc32c(0, *block, n)) != want)
        return -1;
    return n ? 1 : 0;
}

/* A chunk begins: is its kind and length one that may come here? */
static bool begin_chunk(struct sb_framed *f, const char **what)
{
    unsigned type = f->head[0];
    f->chunk_n = f->head[1] | (size_t)f->head[2] << 8 | (size_t)f->head[3] << 16;
    f->have = 0;
    *what = "data stands before the beginning of a stream";
    if (!f->begun && type != CHUNK_BEGIN)
        return false;
    *what = "a chunk of a kind that does not exist";
    if (type > CHUNK_PLAIN && type <= CHUNK_UNSKIPPABLE_TO)
        return false;
    *what = "a chunk is longer than the format allows";
    if (type <= CHUNK_PLAIN ? f->chunk_n > PACKED_MAX : type == CHUNK_BEGIN && f->chunk_n != 6)
        return false;
    *what = "out of memory";
    return type > CHUNK_PLAIN ? room(&f->in, &f->in_cap, 6) : room(&f->in, &f->in_cap, f->chunk_n + 1);
}

int sb_framed_feed(struct sb_framed *f, const unsigned char *p, size_t n, size_t *used, const unsigned char **block, size_t *block_n,
                   const char **what)
{
    const unsigned char *from = p, *end = p + n;
    int rc = 0;
    while (rc == 0) {
        while (f->head_n < 4 && p < end)
            f->head[f->head_n++] = *p++;
        if (f->head_n < 4)
            break;
        if (f->head_n == 4) {
            f->head_n = 5; /* a chunk is under way */
            if (!begin_chunk(f, what)) {
                rc = -1;
                break;
            }
        }
        size_t take = f->chunk_n - f->have < (size_t)(end - p) ? f->chunk_n - f->have : (size_t)(end - p);
        bool kept = f->head[0] <= CHUNK_PLAIN || f->head[0] == CHUNK_BEGIN;
        if (kept && take)
            memcpy(f->in + f->have, p, take);
        p += take;
        f->have += take;
        if (f->have < f->chunk_n)
            break;
        f->head_n = 0;
        rc = finish(f, block, block_n, what);
    }
    *used = (size_t)(p - from);
    return rc;
}
