/* SPDX-License-Identifier: Apache-2.0
 *
 * sshwire.h - the two data types of the SSH wire format (RFC 4251) that signatures and keys are made of. */
#ifndef SIGNALBOX_SRC_BASE_SSHWIRE_H
#define SIGNALBOX_SRC_BASE_SSHWIRE_H

#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>
#include <string.h>

/* Takes four bytes, most significant first, off the front: 0, or -1 when there are fewer. */
static inline int sb_wire_u32(struct sb_slice *from, uint32_t *out)
{
    const uint8_t *b = from->p;
    if (from->n < 4)
        return -1;
    *out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    *from = (struct sb_slice){b + 4, from->n - 4};
    return 0;
}

/* Takes a length and as many bytes off the front. */
static inline int sb_wire_string(struct sb_slice *from, struct sb_slice *out)
{
    struct sb_slice rest = *from;
    uint32_t n;
    if (sb_wire_u32(&rest, &n) || n > rest.n)
        return -1;
    *out = (struct sb_slice){rest.p, n};
    *from = (struct sb_slice){(const uint8_t *)rest.p + n, rest.n - n};
    return 0;
}

static inline bool sb_wire_is(struct sb_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static inline void sb_wire_add(struct sb_str *out, const void *bytes, size_t n)
{
    uint8_t length[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    sb_str_add(out, length, sizeof length);
    sb_str_add(out, bytes, n);
}

#endif
