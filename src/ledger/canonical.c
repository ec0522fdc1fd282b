/* SPDX-License-Identifier: Apache-2.0
 *
 * The checker is on the hot path of `audit verify`: strings, most of the bytes, go 16 at a time where the machine can. */
#include <signalbox/base/json.h>
#include <signalbox/ledger/canonical.h>

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

struct cursor {
    const char *p, *end;
    const char *what; /* set when a check failed; p stands where */
};

static bool flawed(struct cursor *c, const char *what)
{
    c->what = what;
    return false;
}

/* What a string is made of, noted on the way for the comparison of keys. */
enum { HAS_ESCAPE = 1, HAS_HIGH = 2 };

/* At a backslash: exactly the escapes RFC 8785 writes. */
static bool check_escape(struct cursor *c)
{
    size_t left = (size_t)(c->end - c->p);
    if (left < 2)
        return flawed(c, "a string does not end");
    switch (c->p[1]) {
    case '"': case '\\': case 'b': case 'f': case 'n': case 'r': case 't':
        c->p += 2;
        return true;
    case 'u':
        break;
    default:
        return flawed(c, "an escape that is not canonical");
    }
    if (left < 6 || c->p[2] != '0' || c->p[3] != '0' || (c->p[4] != '0' && c->p[4] != '1'))
        return flawed(c, "an escape that is not canonical");
    char low = c->p[5];
    bool digit = low >= '0' && low <= '9', letter = low >= 'a' && low <= 'f';
    bool short_form = c->p[4] == '0' && (low == '8' || low == '9' || low == 'a' || low == 'c' || low == 'd');
    if ((!digit && !letter) || short_form || (c->p[4] == '0' && low == '0'))
        return flawed(c, "an escape that is not canonical");
    c->p += 6;
    return true;
}

/* Passes plain characters: printable ASCII but the quote and the backslash. */
static void skip_plain(struct cursor *c)
{
    const char *p = c->p, *end = c->end;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), last_control = _mm_set1_epi8(0x1f);
    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(x, last_control), x));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(stop, x)); /* x itself: bytes from 0x80 */
        if (mask) {
            c->p = p + __builtin_ctz(mask);
            return;
        }
        p += 16;
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    c->p = p;
}

/* From behind the opening quote to behind the closing one. */
static bool check_string(struct cursor *c, unsigned *made_of)
{
    for (;;) {
        skip_plain(c);
        if (c->p == c->end)
            return flawed(c, "a string does not end");
        unsigned char byte = (unsigned char)*c->p;
        if (byte == '"') {
            c->p++;
            return true;
        }
        if (byte == '\\') {
            *made_of |= HAS_ESCAPE;
            if (!check_escape(c))
                return false;
        } else if (byte < 0x20) {
            return flawed(c, "a control character that is not escaped");
        } else {
            uint32_t point;
            size_t len = sb_utf8_decode(c->p, (size_t)(c->end - c->p), &point);
            if (!len)
                return flawed(c, "bytes that are not UTF-8");
            *made_of |= HAS_HIGH;
            c->p += len;
        }
    }
}

static bool check_number(struct cursor *c)
{
    const char *start = c->p;
    if (c->p < c->end && *c->p == '-')
        c->p++;
    const char *digits = c->p;
    int64_t v = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - digits < 17)
        v = v * 10 + (*c->p++ - '0');
    if (c->p == digits)
        return flawed(c, "not a value");
    if ((*digits == '0' && (c->p - digits > 1 || digits > start)))
        return flawed(c, "an integer that is not canonical");
    if (v > SB_JSON_MAX_INT)
        return flawed(c, "an integer outside +-(2^53-1)");
    return true;
}

static bool check_word(struct cursor *c, const char *word, size_t n)
{
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return flawed(c, "not a value");
    c->p += n;
    return true;
}

/* The next UTF-16 code unit order key of a canonical string: ASCII as it is, and lead bytes such that surrogates
 * (F0..F4) come before EE and EF, as in RFC 8785. Advances; -1 at the end. */
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

/* a < b for the insides of two checked strings. */
static bool key_before(struct sb_span a, struct sb_span b, bool plain)
{
    if (plain) {
        int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
        return order < 0 || (order == 0 && a.n < b.n);
    }
    const char *pa = a.p, *pb = b.p, *ea = a.p + a.n, *eb = b.p + b.n;
    for (;;) {
        int x = next_weight(&pa, ea), y = next_weight(&pb, eb);
        if (x != y)
            return x < y;
        if (x < 0)
            return false;
    }
}

static bool check_value(struct cursor *c, unsigned depth);

struct capture {
    const char *const *keys;
    size_t n;
    struct sb_span *values;
};

static struct sb_span *wanted(const struct capture *want, struct sb_span key)
{
    for (size_t i = 0; i < want->n; i++)
        if (strlen(want->keys[i]) == key.n && memcmp(want->keys[i], key.p, key.n) == 0)
            return &want->values[i];
    return NULL;
}

/* At the brace. */
static bool check_object(struct cursor *c, unsigned depth, const struct capture *want)
{
    if (depth >= SB_JSON_MAX_DEPTH)
        return flawed(c, "nested too deep");
    c->p++;
    if (c->p < c->end && *c->p == '}') {
        c->p++;
        return true;
    }
    struct sb_span before = {NULL, 0};
    unsigned before_of = 0;
    for (;;) {
        if (c->p == c->end || *c->p != '"')
            return flawed(c, "a key is missing");
        const char *quote = c->p++;
        unsigned made_of = 0;
        if (!check_string(c, &made_of))
            return false;
        struct sb_span key = {quote + 1, (size_t)(c->p - quote) - 2};
        if (before.p && !key_before(before, key, (made_of | before_of) == 0)) {
            c->p = quote;
            return flawed(c, "keys that are not in order");
        }
        before = key;
        before_of = made_of;
        if (c->p == c->end || *c->p != ':')
            return flawed(c, "a colon is missing");
        const char *start = ++c->p;
        if (!check_value(c, depth + 1))
            return false;
        struct sb_span *slot = want ? wanted(want, key) : NULL;
        if (slot)
            *slot = (struct sb_span){start, (size_t)(c->p - start)};
        if (c->p == c->end)
            return flawed(c, "an object does not end");
        if (*c->p == '}') {
            c->p++;
            return true;
        }
        if (*c->p != ',')
            return flawed(c, "a comma is missing");
        c->p++;
    }
}

static bool check_list(struct cursor *c, unsigned depth)
{
    if (depth >= SB_JSON_MAX_DEPTH)
        return flawed(c, "nested too deep");
    c->p++;
    if (c->p < c->end && *c->p == ']') {
        c->p++;
        return true;
    }
    for (;;) {
        if (!check_value(c, depth + 1))
            return false;
        if (c->p == c->end)
            return flawed(c, "a list does not end");
        if (*c->p == ']') {
            c->p++;
            return true;
        }
        if (*c->p != ',')
            return flawed(c, "a comma is missing");
        c->p++;
    }
}

/* Recursion is bounded by SB_JSON_MAX_DEPTH. */
static bool check_value(struct cursor *c, unsigned depth)
{
    if (c->p == c->end)
        return flawed(c, "a value is missing");
    unsigned made_of = 0;
    switch (*c->p) {
    case '"':
        c->p++;
        return check_string(c, &made_of);
    case '{':
        return check_object(c, depth, NULL);
    case '[':
        return check_list(c, depth);
    case 't':
        return check_word(c, "true", 4);
    case 'f':
        return check_word(c, "false", 5);
    case 'n':
        return check_word(c, "null", 4);
    default:
        return check_number(c);
    }
}

static bool finish(const struct cursor *c, bool good, const char *bytes, size_t *used, struct sb_flaw *flaw)
{
    if (good)
        *used = (size_t)(c->p - bytes);
    else
        *flaw = (struct sb_flaw){(size_t)(c->p - bytes), c->what};
    return good;
}

bool sb_canonical_prefix(const char *bytes, size_t n, unsigned depth, size_t *used, struct sb_flaw *flaw)
{
    struct cursor c = {bytes, bytes + n, NULL};
    bool good = check_value(&c, depth);
    return finish(&c, good, bytes, used, flaw);
}

bool sb_canonical_members(const char *bytes, size_t n, unsigned depth, const char *const *keys, size_t n_keys,
                          struct sb_span *values, size_t *used, struct sb_flaw *flaw)
{
    struct cursor c = {bytes, bytes + n, NULL};
    struct capture want = {keys, n_keys, values};
    bool good = n && *bytes == '{' ? check_object(&c, depth, &want) : flawed(&c, "an object is missing");
    return finish(&c, good, bytes, used, flaw);
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
