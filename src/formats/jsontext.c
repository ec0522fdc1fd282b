/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/jsontext.h>

#include <limits.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- strings ---- */

bool sb_jt_string_escaped(struct sb_jt *j, struct sb_span *raw, const char *from, const char *at)
{
    for (;;) {
        if (at == j->end)
            return sb_jt_stop(j, SB_JT_CUT);
        if (*at == '"') {
            *raw = (struct sb_span){from, (size_t)(at - from)};
            j->p = at + 1;
            return true;
        }
        if (*at != '\\')
            return sb_jt_stop(j, SB_JT_BAD); /* a control character */
        if (j->end - at < 2)
            return sb_jt_stop(j, SB_JT_CUT);
        if (!memchr("\"\\/bfnrtu", at[1], 9))
            return sb_jt_stop(j, SB_JT_BAD);
        at = sb_jt_special(at + 2, j->end);
    }
}

bool sb_jt_member_slow(struct sb_jt *j, bool *first, struct sb_span *key, bool *escaped)
{
    sb_jt_blank(j);
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    if (*j->p == '}') {
        j->p++;
        return sb_jt_stop(j, SB_JT_OK);
    }
    if (!*first) {
        if (*j->p != ',')
            return sb_jt_stop(j, SB_JT_BAD);
        j->p++;
        sb_jt_blank(j);
    }
    *first = false;
    if (!sb_jt_string(j, key, escaped))
        return false;
    sb_jt_blank(j);
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    if (*j->p != ':')
        return sb_jt_stop(j, SB_JT_BAD);
    j->p++;
    sb_jt_blank(j);
    return j->p < j->end || sb_jt_stop(j, SB_JT_CUT);
}

static int hex4(const char *p, const char *end, uint32_t *out)
{
    if (end - p < 4)
        return -1;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return -1;
        v = v << 4 | digit;
    }
    *out = v;
    return 0;
}

/* p stands behind \u: writes the character and returns what follows it. What is written is never longer than what was
 * read, so that the text may be unescaped where it stands. */
static const char *unescape_point(char **out, const char *p, const char *end)
{
    uint32_t v, low;
    if (hex4(p, end, &v)) {
        *(*out)++ = '?';
        return p;
    }
    p += 4;
    if (v >= 0xD800 && v < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' && hex4(p + 2, end, &low) == 0 &&
        low >= 0xDC00 && low < 0xE000) {
        v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    if (v >= 0xD800 && v < 0xE000)
        v = 0xFFFD;
    char utf8[4];
    size_t n = sb_utf8_encode(v, utf8);
    memcpy(*out, utf8, n);
    *out += n;
    return p;
}

size_t sb_jt_unescape(char *out, struct sb_span raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    char *to = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        if (!slash || end - slash < 2)
            slash = end;
        memmove(to, p, (size_t)(slash - p));
        to += slash - p;
        if (slash == end)
            break;
        p = slash + 2;
        switch (slash[1]) {
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u': p = unescape_point(&to, p, end); break;
        default: *to++ = slash[1]; break;
        }
    }
    return (size_t)(to - out);
}

/* ---- brackets, 64 bytes at a time ---- */

struct masks {
    uint64_t quote, slash, open, close, control;
};

/* '{' and '[' differ from each other in bit 0x20 only, and so do '}' and ']'. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static inline void masks_avx2(const char *p, struct masks *m)
{
    __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    const __m256i fold = _mm256_set1_epi8(0x20);
    __m256i lo_f = _mm256_or_si256(lo, fold), hi_f = _mm256_or_si256(hi, fold);
#define BITS(l, h, c)                                                                       \
    ((uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8((l), _mm256_set1_epi8(c))) | \
     (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8((h), _mm256_set1_epi8(c))) << 32)
    m->quote = BITS(lo, hi, '"');
    m->slash = BITS(lo, hi, '\\');
    m->open = BITS(lo_f, hi_f, '{');
    m->close = BITS(lo_f, hi_f, '}');
#undef BITS
    const __m256i top = _mm256_set1_epi8(0x1f);
    m->control = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(lo, top), lo)) |
                 (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(hi, top), hi)) << 32;
}
#endif

#if defined(__SSE2__)
static inline uint64_t bits16(__m128i v, char c)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
}

static inline void masks_plain(const char *p, struct masks *m)
{
    *m = (struct masks){0, 0, 0, 0, 0};
    const __m128i fold = _mm_set1_epi8(0x20), top = _mm_set1_epi8(0x1f);
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i)), f = _mm_or_si128(v, fold);
        m->quote |= bits16(v, '"') << i;
        m->slash |= bits16(v, '\\') << i;
        m->open |= bits16(f, '{') << i;
        m->close |= bits16(f, '}') << i;
        m->control |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, top), v)) << i;
    }
}
#else
static inline void masks_plain(const char *p, struct masks *m)
{
    *m = (struct masks){0, 0, 0, 0, 0};
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;
        char c = p[i];
        m->quote |= c == '"' ? bit : 0;
        m->slash |= c == '\\' ? bit : 0;
        m->open |= c == '{' || c == '[' ? bit : 0;
        m->close |= c == '}' || c == ']' ? bit : 0;
        m->control |= (unsigned char)c <= 0x1f ? bit : 0;
    }
}
#endif

/* What one block leaves for the next. */
struct carry {
    uint64_t in_string; /* all ones inside a string */
    uint64_t escaped;   /* 1: the first byte is escaped */
    int64_t depth;
    bool wrong; /* a control character where JSON allows none */
};

/* Bits of the bytes that a backslash before them escapes. */
static inline uint64_t escaped_bits(uint64_t slash, uint64_t *carry)
{
    if (slash == 0) {
        uint64_t first = *carry;
        *carry = 0;
        return first;
    }
    uint64_t escaped = 0;
    unsigned at = (unsigned)*carry;
    if (*carry)
        escaped = 1;
    *carry = 0;
    for (uint64_t rest = at ? slash & ~UINT64_C(1) : slash; rest;) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        if (i == 63) {
            *carry = 1;
            break;
        }
        escaped |= UINT64_C(2) << i;
        rest &= i >= 62 ? 0 : ~UINT64_C(0) << (i + 2);
    }
    return escaped;
}

static inline uint64_t prefix_xor(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    return bits;
}

/* Control characters may not be in strings, and outside them only as blanks. Rare, so it may take its time. */
static __attribute__((noinline)) bool wrong_control(const char *p, uint64_t control, uint64_t inside)
{
    for (; control; control &= control - 1) {
        char c = p[__builtin_ctzll(control)];
        if ((control & -control & inside) || (c != '\t' && c != '\n' && c != '\r'))
            return true;
    }
    return false;
}

/* Index of the bracket in the block at p that ends the value, or 64. */
static inline __attribute__((always_inline)) unsigned match_block(const char *p, const struct masks *m, struct carry *c)
{
    uint64_t quote = m->quote & ~escaped_bits(m->slash, &c->escaped);
    uint64_t inside = prefix_xor(quote) ^ c->in_string;
    c->in_string = (uint64_t)((int64_t)inside >> 63);
    uint64_t open = m->open & ~inside, close = m->close & ~inside;
    int64_t depth = c->depth, closes = __builtin_popcountll(close);
    c->depth = depth + __builtin_popcountll(open) - closes;
    unsigned at = 64;
    if (depth <= closes) { /* else it cannot end here */
        for (; close; close &= close - 1) {
            uint64_t before = (close & -close) - 1;
            depth--;
            if (depth + __builtin_popcountll(open & before) == 0) {
                at = (unsigned)__builtin_popcountll(before);
                break;
            }
        }
    }
    if (__builtin_expect(m->control != 0, 0))
        c->wrong = c->wrong || wrong_control(p, at < 64 ? m->control & ((UINT64_C(1) << at) - 1) : m->control, inside);
    return at;
}

/* The last, short block: padded with blanks, which mean nothing. */
static const char *match_tail(const char *p, const char *end, struct carry *c)
{
    char block[64];
    struct masks m;
    size_t n = (size_t)(end - p);
    memset(block, ' ', sizeof block);
    if (n)
        memcpy(block, p, n);
    masks_plain(block, &m);
    unsigned at = match_block(block, &m, c);
    return at < n ? p + at + 1 : NULL;
}

static const char *match_plain(const char *p, const char *end, struct carry *c)
{
    for (; end - p >= 64; p += 64) {
        struct masks m;
        masks_plain(p, &m);
        unsigned at = match_block(p, &m, c);
        if (at < 64)
            return p + at + 1;
    }
    return match_tail(p, end, c);
}

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt,bmi"))) static const char *match_avx2(const char *p, const char *end, struct carry *c)
{
    for (; end - p >= 64; p += 64) {
        struct masks m;
        masks_avx2(p, &m);
        unsigned at = match_block(p, &m, c);
        if (at < 64)
            return p + at + 1;
    }
    return match_tail(p, end, c);
}
#endif

/* p stands at an opening bracket: behind the one that closes it, or NULL when it is not there or a string is wrong (then
 * *bad). */
static const char *match_bracket(const char *p, const char *end, bool *bad)
{
    struct carry c = {0, 0, 0, false};
    const char *to;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi"))
        to = match_avx2(p, end, &c);
    else
#endif
        to = match_plain(p, end, &c);
    *bad = c.wrong;
    return c.wrong ? NULL : to;
}

/* ---- values ---- */

bool sb_jt_scalar(struct sb_jt *j, struct sb_span *raw)
{
    const char *from = j->p;
    while (j->p < j->end && *j->p != ',' && *j->p != '}' && *j->p != ']' && (unsigned char)*j->p > ' ')
        j->p++;
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    *raw = (struct sb_span){from, (size_t)(j->p - from)};
    if (raw->n && (*from == '-' || (*from >= '0' && *from <= '9'))) {
        for (const char *p = from; p < j->p; p++)
            if (!((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' || *p == 'e' || *p == 'E'))
                return sb_jt_stop(j, SB_JT_BAD);
        return true;
    }
    if (SB_SPAN_IS(*raw, "true") || SB_SPAN_IS(*raw, "false") || SB_SPAN_IS(*raw, "null"))
        return true;
    return sb_jt_stop(j, SB_JT_BAD);
}

bool sb_jt_skip(struct sb_jt *j, struct sb_span *raw)
{
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    const char *from = j->p;
    struct sb_span text;
    bool escaped;
    if (*from == '{' || *from == '[') {
        bool bad = false;
        const char *to = j->end - from > 1 && (from[1] == '}' || from[1] == ']') ? from + 2 : match_bracket(from, j->end, &bad);
        if (!to)
            return sb_jt_stop(j, bad ? SB_JT_BAD : SB_JT_CUT);
        j->p = to;
    } else if (*from == '"' ? !sb_jt_string(j, &text, &escaped) : !sb_jt_scalar(j, &text)) {
        return false;
    }
    if (raw)
        *raw = (struct sb_span){from, (size_t)(j->p - from)};
    return true;
}

int64_t sb_jt_number(struct sb_span raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    bool negative = p < end && *p == '-';
    uint64_t v = 0, limit = (uint64_t)INT64_MAX;
    for (p += negative; p < end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        v = v > (limit - digit) / 10 ? limit : v * 10 + digit;
    }
    if (p < end && (*p == 'e' || *p == 'E' || *p == '.')) {
        /* rare: a real with an exponent. The text is not terminated, so it goes through a buffer. */
        char text[64];
        if (raw.n < sizeof text && (memchr(raw.p, 'e', raw.n) || memchr(raw.p, 'E', raw.n))) {
            memcpy(text, raw.p, raw.n);
            text[raw.n] = '\0';
            double d = strtod(text, NULL);
            return d >= 9.2e18 ? INT64_MAX : d <= -9.2e18 ? INT64_MIN : (int64_t)d;
        }
    }
    return negative ? -(int64_t)v : (int64_t)v;
}

/* {"$numberInt":"5"}, {"$numberLong":"5"}, {"$numberDouble":"5.0"}, {"$numberDecimal":"5"}: the number's text. */
static bool wrapped_number(struct sb_span object, struct sb_span *raw)
{
    struct sb_jt j = sb_jt_make(object.p, object.n);
    struct sb_span key;
    bool first = true, escaped;
    return sb_jt_open(&j, '{') && sb_jt_member(&j, &first, &key, &escaped) && key.n > 7 && memcmp(key.p, "$number", 7) == 0 &&
           sb_jt_string(&j, raw, &escaped) && raw->n;
}

/* Anything but a plain run of at most 18 digits. */
static bool integer_slow(struct sb_jt *j, int64_t *out)
{
    struct sb_span raw;
    if (j->p < j->end && (*j->p == '-' || (*j->p >= '0' && *j->p <= '9'))) {
        if (!sb_jt_scalar(j, &raw))
            return false;
        *out = sb_jt_number(raw);
        return true;
    }
    bool object = j->p < j->end && *j->p == '{';
    if (!sb_jt_skip(j, &raw))
        return false;
    if (object && wrapped_number(raw, &raw))
        *out = sb_jt_number(raw);
    return true;
}

bool sb_jt_integer(struct sb_jt *j, int64_t *out)
{
    const char *p = j->p;
    int64_t v = 0;
    while (p < j->end && *p >= '0' && *p <= '9' && p - j->p < 18)
        v = v * 10 + (*p++ - '0');
    if (p == j->p || p == j->end || (*p != ',' && *p != '}' && *p != ']'))
        return integer_slow(j, out);
    *out = v;
    j->p = p;
    return true;
}

bool sb_jt_bool(struct sb_jt *j, bool *out)
{
    struct sb_span raw;
    if (!sb_jt_skip(j, &raw))
        return false;
    if (SB_SPAN_IS(raw, "true"))
        *out = true;
    else if (SB_SPAN_IS(raw, "false"))
        *out = false;
    return true;
}

bool sb_jt_find(struct sb_span object, const char *path, struct sb_span *raw)
{
    struct sb_span here = object;
    for (;;) {
        size_t n = strcspn(path, ".");
        struct sb_jt j = sb_jt_make(here.p, here.n);
        struct sb_span key;
        bool first = true, escaped, found = false;
        if (!sb_jt_open(&j, '{'))
            return false;
        while (!found && sb_jt_member(&j, &first, &key, &escaped)) {
            found = !escaped && sb_span_is(key, path, n);
            if (!sb_jt_skip(&j, &here))
                return false;
        }
        if (!found)
            return false;
        if (path[n] == '\0') {
            *raw = here;
            return true;
        }
        path += n + 1;
    }
}

bool sb_jt_find_string(struct sb_span object, const char *path, struct sb_span *out)
{
    struct sb_span raw;
    bool escaped = false;
    if (!sb_jt_find(object, path, &raw))
        return false;
    struct sb_jt j = sb_jt_make(raw.p, raw.n);
    return sb_jt_string(&j, out, &escaped) && !escaped;
}

bool sb_jt_find_integer(struct sb_span object, const char *path, int64_t *out)
{
    struct sb_span raw, text;
    if (!sb_jt_find(object, path, &raw) || raw.n == 0)
        return false;
    if (*raw.p == '-' || (*raw.p >= '0' && *raw.p <= '9'))
        text = raw;
    else if (*raw.p != '{' || !wrapped_number(raw, &text))
        return false;
    *out = sb_jt_number(text);
    return true;
}
