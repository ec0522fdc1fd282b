/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight bytes a step with eight tables each ("slicing by 8", M. Kounavis and F. Berry, 2005). */
#include <signalbox/formats/checksum.h>

#include <endian.h>
#include <pthread.h>
#include <string.h>

#define POLY64 UINT64_C(0xC96C5795D7870F42)
#define POLY32C UINT32_C(0x82F63B78)

static uint64_t table64[8][256];
static uint32_t table32[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t a = i;
        uint32_t b = i;
        for (int bit = 0; bit < 8; bit++) {
            a = a & 1 ? a >> 1 ^ POLY64 : a >> 1;
            b = b & 1 ? b >> 1 ^ POLY32C : b >> 1;
        }
        table64[0][i] = a;
        table32[0][i] = b;
    }
    for (unsigned i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++) {
            table64[k][i] = table64[k - 1][i] >> 8 ^ table64[0][table64[k - 1][i] & 0xff];
            table32[k][i] = table32[k - 1][i] >> 8 ^ table32[0][table32[k - 1][i] & 0xff];
        }
    }
}

static uint64_t load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

uint64_t sb_crc64(uint64_t crc, const void *bytes, size_t n)
{
    pthread_once(&made, make_tables);
    const unsigned char *p = bytes;
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v = load64(p) ^ crc;
        crc = table64[7][v & 0xff] ^ table64[6][v >> 8 & 0xff] ^ table64[5][v >> 16 & 0xff] ^ table64[4][v >> 24 & 0xff] ^
              table64[3][v >> 32 & 0xff] ^ table64[2][v >> 40 & 0xff] ^ table64[1][v >> 48 & 0xff] ^ table64[0][v >> 56];
    }
    for (; n; n--, p++)
        crc = crc >> 8 ^ table64[0][(crc ^ *p) & 0xff];
    return ~crc;
}

uint32_t sb_crc32c(uint32_t crc, const void *bytes, size_t n)
{
    pthread_once(&made, make_tables);
    const unsigned char *p = bytes;
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v = load64(p) ^ crc;
        crc = table32[7][v & 0xff] ^ table32[6][v >> 8 & 0xff] ^ table32[5][v >> 16 & 0xff] ^ table32[4][v >> 24 & 0xff] ^
              table32[3][v >> 32 & 0xff] ^ table32[2][v >> 40 & 0xff] ^ table32[1][v >> 48 & 0xff] ^ table32[0][v >> 56];
    }
    for (; n; n--, p++)
        crc = crc >> 8 ^ table32[0][(crc ^ *p) & 0xff];
    return ~crc;
}
