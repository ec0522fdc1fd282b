/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - the checker of canonical.h from inside: for the one other place that is as hot, the view of an entry.
 *
 * Each function takes the place where something begins and returns the place behind it, or NULL after noting what is wrong.
 * The place is passed in a register, and what is short and common is in line. */
#ifndef SIGNALBOX_SRC_LEDGER_SCAN_H
#define SIGNALBOX_SRC_LEDGER_SCAN_H

#include <signalbox/base/json.h>
#include <signalbox/ledger/canonical.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

struct sb_scan {
    const char *end;
    const char *bad; /* where, and what, after a failure */
    const char *what;
    struct sb_span *slots;
};

static inline void sb_scan_begin(struct sb_scan *c, const char *bytes, size_t n)
{
    *c = (struct sb_scan){.end = bytes + n};
}

static inline const char *sb_scan_flaw(struct sb_scan *c, const char *p, const char *what)
{
    c->bad = p;
    c->what = what;
    return NULL;
}

/* What a string is made of besides plain characters, noted for the comparison of keys. */
enum { SB_HAS_ESCAPE = 1, SB_HAS_HIGH = 2 };

/* Any string, from behind its opening quote. */
const char *sb_scan_long_string(struct sb_scan *c, const char *p, unsigned *made_of);
const char *sb_scan_value(struct sb_scan *c, const char *p, unsigned depth);

/* At the brace. */
const char *sb_scan_object(struct sb_scan *c, const char *p, unsigned depth, const struct sb_want *wants, size_t wants_n);

#if defined(__SSE2__)
/* One bit for each of 16 bytes: set where it is not plain (printable ASCII but the quote and the backslash). */
static inline unsigned sb_not_plain(const char *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* signed: controls, and all from 0x80 on */
    __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(odd, low));
}
#endif

/* The closing quote of a string, from behind its opening one, when it is plain and at most 15 characters long, as most are;
 * else NULL, and it has to be looked at with care. */
static inline const char *sb_scan_short(const struct sb_scan *c, const char *p)
{
#if defined(__SSE2__)
    if (c->end - p < 16)
        return NULL;
    const char *quote = p + __builtin_ctz(sb_not_plain(p) | 0x10000u);
    return quote < p + 16 && *quote == '"' ? quote : NULL;
#else
    (void)c;
    (void)p;
    return NULL;
#endif
}

/* From behind the opening quote. */
static inline const char *sb_scan_string(struct sb_scan *c, const char *p, unsigned *made_of)
{
    const char *quote = sb_scan_short(c, p);
    return quote ? quote + 1 : sb_scan_long_string(c, p, made_of);
}

/* A canonical integer. Only one of 16 digits needs a look at its value. */
static inline const char *sb_scan_number(struct sb_scan *c, const char *p)
{
    const bool negative = p < c->end && *p == '-';
    const char *digits = p + negative;
    const char *limit = c->end - digits > 17 ? digits + 17 : c->end;
    for (p = digits; p < limit && (unsigned char)(*p - '0') < 10; p++)
        ;
    if (p == digits)
        return sb_scan_flaw(c, p, "not a value");
    size_t n = (size_t)(p - digits);
    if (*digits == '0' && (n > 1 || negative))
        return sb_scan_flaw(c, p, "an integer that is not canonical");
    if (n > 16 || (n == 16 && memcmp(digits, "9007199254740991", 16) > 0))
        return sb_scan_flaw(c, p, "an integer outside +-(2^53-1)");
    return p;
}

#endif
