/* SPDX-License-Identifier: Apache-2.0
 *
 * The checker is on the hot path of `audit verify`. Strings, most of the bytes, go 16 at a time where the machine can, and
 * keys are compared eight bytes at a time. */
#include "scan.h"

/* ---- strings ---- */

/* At a backslash: exactly the escapes RFC 8785 writes. */
static const char *check_escape(struct sb_scan *c, const char *p)
{
    size_t left = (size_t)(c->end - p);
    if (left < 2)
        return sb_scan_flaw(c, p, "a string does not end");
    switch (p[1]) {
    case '"': case '\\': case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return sb_scan_flaw(c, p, "an escape that is not canonical");
    }
    if (left < 6 || p[2] != '0' || p[3] != '0' || (p[4] != '0' && p[4] != '1'))
        return sb_scan_flaw(c, p, "an escape that is not canonical");
    char low = p[5];
    bool digit = low >= '0' && low <= '9', letter = low >= 'a' && low <= 'f';
    bool short_form = p[4] == '0' && (low == '8' || low == '9' || low == 'a' || low == 'c' || low == 'd');
    if ((!digit && !letter) || short_form || (p[4] == '0' && low == '0'))
        return sb_scan_flaw(c, p, "an escape that is not canonical");
    return p + 6;
}

static const char *skip_plain(const char *p, const char *end)
{
#if defined(__SSE2__)
    for (; end - p >= 16; p += 16) {
        unsigned mask = sb_not_plain(p);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* What stands where plain characters end and no quote does. */
static const char *check_odd(struct sb_scan *c, const char *p, unsigned *made_of)
{
    if (p == c->end)
        return sb_scan_flaw(c, p, "a string does not end");
    if (*p == '\\') {
        *made_of |= SB_HAS_ESCAPE;
        return check_escape(c, p);
    }
    if ((unsigned char)*p < 0x20)
        return sb_scan_flaw(c, p, "a control character that is not escaped");
    uint32_t point;
    size_t len = sb_utf8_decode(p, (size_t)(c->end - p), &point);
    *made_of |= SB_HAS_HIGH;
    return len ? p + len : sb_scan_flaw(c, p, "bytes that are not UTF-8");
}

const char *sb_scan_long_string(struct sb_scan *c, const char *p, unsigned *made_of)
{
    for (;;) {
        p = skip_plain(p, c->end);
        if (p < c->end && *p == '"')
            return p + 1;
        p = check_odd(c, p, made_of);
        if (!p)
            return NULL;
    }
}

/* ---- the order of keys ---- */

/* The next UTF-16 code unit of a checked string as a number that sorts like it: surrogates (lead bytes F0..F4) before the
 * code points that begin with EE and EF, as RFC 8785 wants. Advances; -1 at the end. */
static int next_weight(const char **p, const char *end)
{
    if (*p == end)
        return -1;
    unsigned char c = (unsigned char)*(*p)++;
    if (c == '\\') {
        static const char letters[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
        char e = *(*p)++;
        if (e != 'u')
            return (unsigned char)values[strchr(letters, e) - letters];
        int high = (*p)[2] - '0', low = (*p)[3];
        *p += 4;
        return high * 16 + (low <= '9' ? low - '0' : low - 'a' + 10);
    }
    if (c >= 0xF0)
        return 0x100 + c;
    return c >= 0xEE ? 0x200 + c : c;
}

static bool odd_before(struct sb_span a, struct sb_span b)
{
    const char *pa = a.p, *pb = b.p, *ea = a.p + a.n, *eb = b.p + b.n;
    for (;;) {
        int x = next_weight(&pa, ea), y = next_weight(&pb, eb);
        if (x != y)
            return x < y;
        if (x < 0)
            return false;
    }
}

/* The first eight characters of a plain key as a number that sorts like them; a shorter key is filled up with zeros, which
 * sort before every character. There are eight bytes to read. */
static inline uint64_t first_eight(const char *p, size_t n)
{
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return n >= 8 ? x : n ? x & ~(UINT64_MAX >> 8 * n) : 0;
}

/* The key before the one that is looked at. */
struct before {
    struct sb_span key;
    unsigned made_of;
    uint64_t eight; /* of a plain key; 0 before the first */
};

/* True when the key belongs behind the one before; it takes that one's place. */
static bool in_order(struct sb_scan *c, struct before *b, struct sb_span key, unsigned made_of)
{
    bool plain = (made_of | b->made_of) == 0, good = true;
    if (b->key.p && plain) {
        int order = memcmp(b->key.p, key.p, b->key.n < key.n ? b->key.n : key.n);
        good = order < 0 || (order == 0 && b->key.n < key.n);
    } else if (b->key.p) {
        good = odd_before(b->key, key);
    }
    *b = (struct before){key, made_of, made_of == 0 && c->end - key.p >= 8 ? first_eight(key.p, key.n) : UINT64_MAX};
    return good;
}

/* ---- values ---- */

static const char *check_word(struct sb_scan *c, const char *p, const char *word, size_t n)
{
    return (size_t)(c->end - p) >= n && memcmp(p, word, n) == 0 ? p + n : sb_scan_flaw(c, p, "not a value");
}

static const struct sb_want *wanted(const struct sb_want *wants, size_t n, struct sb_span key)
{
    for (size_t i = 0; i < n; i++)
        if (wants[i].n == key.n && wants[i].key[0] == *key.p && memcmp(wants[i].key, key.p, key.n) == 0)
            return &wants[i];
    return NULL;
}

/* Any key, from its opening quote to behind its colon. */
static const char *check_key(struct sb_scan *c, const char *p, struct before *before)
{
    if (p >= c->end || *p != '"')
        return sb_scan_flaw(c, p, "a key is missing");
    struct sb_span key = {p + 1, 0};
    unsigned made_of = 0;
    p = sb_scan_string(c, key.p, &made_of);
    if (!p)
        return NULL;
    key.n = (size_t)(p - key.p) - 1;
    if (!in_order(c, before, key, made_of))
        return sb_scan_flaw(c, key.p - 1, "keys that are not in order");
    return p < c->end && *p == ':' ? p + 1 : sb_scan_flaw(c, p, "a colon is missing");
}

/* The same for a key as most are: short, plain, and clearly behind the one before. NULL: it has to be looked at with care. */
static inline const char *quick_key(const struct sb_scan *c, const char *p, struct before *before)
{
#if defined(__SSE2__)
    if (c->end - p < 20)
        return NULL;
    const char *key = p + 1, *quote = key + __builtin_ctz(sb_not_plain(key) | 0x10000u);
    uint64_t eight = first_eight(key, (size_t)(quote - key));
    if (*p != '"' || quote[0] != '"' || quote[1] != ':' || quote == key + 16 || eight <= before->eight)
        return NULL;
    *before = (struct before){{key, (size_t)(quote - key)}, 0, eight};
    return quote + 2;
#else
    (void)c;
    (void)p;
    (void)before;
    return NULL;
#endif
}

/* A value that somebody wants to see. */
static const char *check_wanted(struct sb_scan *c, const char *p, unsigned depth, const struct sb_want *want)
{
    const char *start = p;
    p = want->inside_n && p < c->end && *p == '{' ? sb_scan_object(c, p, depth, want->inside, want->inside_n) : sb_scan_value(c, p, depth);
    if (p && want->slot >= 0)
        c->slots[want->slot] = (struct sb_span){start, (size_t)(p - start)};
    return p;
}

const char *sb_scan_object(struct sb_scan *c, const char *p, unsigned depth, const struct sb_want *wants, size_t wants_n)
{
    if (depth >= SB_JSON_MAX_DEPTH)
        return sb_scan_flaw(c, p, "nested too deep");
    if (++p < c->end && *p == '}')
        return p + 1;
    struct before before = {{NULL, 0}, 0, 0};
    uint64_t lengths = 0; /* of the wanted keys: most others are of none of them */
    for (size_t i = 0; i < wants_n; i++)
        lengths |= UINT64_C(1) << (wants[i].n & 63);
    for (;;) {
        const char *value = quick_key(c, p, &before);
        if (!value && !(value = check_key(c, p, &before)))
            return NULL;
        const struct sb_want *want = lengths >> (before.key.n & 63) & 1 ? wanted(wants, wants_n, before.key) : NULL;
        if (want) {
            p = check_wanted(c, value, depth + 1, want);
        } else if (value < c->end && *value == '"') {
            unsigned made_of = 0;
            p = sb_scan_string(c, value + 1, &made_of);
        } else if (value < c->end && (unsigned char)(*value - '0') < 10) {
            p = sb_scan_number(c, value);
        } else {
            p = sb_scan_value(c, value, depth + 1);
        }
        if (!p)
            return NULL;
        if (p == c->end)
            return sb_scan_flaw(c, p, "an object does not end");
        if (*p == '}')
            return p + 1;
        if (*p != ',')
            return sb_scan_flaw(c, p, "a comma is missing");
        p++;
    }
}

static const char *check_list(struct sb_scan *c, const char *p, unsigned depth)
{
    if (depth >= SB_JSON_MAX_DEPTH)
        return sb_scan_flaw(c, p, "nested too deep");
    if (++p < c->end && *p == ']')
        return p + 1;
    for (;;) {
        p = sb_scan_value(c, p, depth + 1);
        if (!p)
            return NULL;
        if (p == c->end)
            return sb_scan_flaw(c, p, "a list does not end");
        if (*p == ']')
            return p + 1;
        if (*p != ',')
            return sb_scan_flaw(c, p, "a comma is missing");
        p++;
    }
}

/* Recursion is bounded by SB_JSON_MAX_DEPTH. */
const char *sb_scan_value(struct sb_scan *c, const char *p, unsigned depth)
{
    if (p >= c->end)
        return sb_scan_flaw(c, c->end, "a value is missing");
    unsigned made_of = 0;
    if (*p == '"')
        return sb_scan_string(c, p + 1, &made_of);
    switch (*p) {
    case '{':
        return sb_scan_object(c, p, depth, NULL, 0);
    case '[':
        return check_list(c, p, depth);
    case 't':
        return check_word(c, p, "true", 4);
    case 'f':
        return check_word(c, p, "false", 5);
    case 'n':
        return check_word(c, p, "null", 4);
    default:
        return sb_scan_number(c, p);
    }
}

/* ---- the outside ---- */

static bool finish(const struct sb_scan *c, const char *p, const char *bytes, size_t *used, struct sb_flaw *flaw)
{
    if (p)
        *used = (size_t)(p - bytes);
    else
        *flaw = (struct sb_flaw){(size_t)(c->bad - bytes), c->what};
    return p != NULL;
}

bool sb_canonical_prefix(const char *bytes, size_t n, unsigned depth, size_t *used, struct sb_flaw *flaw)
{
    struct sb_scan c;
    sb_scan_begin(&c, bytes, n);
    return finish(&c, sb_scan_value(&c, bytes, depth), bytes, used, flaw);
}

bool sb_canonical_members(const char *bytes, size_t n, unsigned depth, const struct sb_want *wants, size_t wants_n,
                          struct sb_span *slots, size_t *used, struct sb_flaw *flaw)
{
    struct sb_scan c;
    sb_scan_begin(&c, bytes, n);
    c.slots = slots;
    const char *p = n && *bytes == '{' ? sb_scan_object(&c, bytes, depth, wants, wants_n) : sb_scan_flaw(&c, bytes, "an object is missing");
    return finish(&c, p, bytes, used, flaw);
}

bool sb_canonical_check(const char *bytes, size_t n, struct sb_flaw *flaw)
{
    size_t used;
    if (!sb_canonical_prefix(bytes, n, 0, &used, flaw))
        return false;
    if (used == n)
        return true;
    *flaw = (struct sb_flaw){used, "bytes behind the end"};
    return false;
}
