/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking into canonical text without parsing all of it. Every span handed in has passed the checker. */
#include <signalbox/base/hash.h>
#include <signalbox/base/json.h>
#include <signalbox/ledger/canonical.h>

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Behind the string whose opening quote is at p. */
static const char *behind_string(const char *p, const char *end)
{
    for (p++;;) {
#if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\');
        for (unsigned hit = 0; hit == 0 && end - p >= 16; p += hit ? __builtin_ctz(hit) : 16) {
            __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
            hit = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)));
        }
#endif
        while (p < end && *p != '"' && *p != '\\')
            p++;
        if (p >= end || *p == '"')
            return p < end ? p + 1 : end;
        p += 2;
    }
}

/* Where one stands inside an object or a list. */
struct nest {
    unsigned depth;
    bool string, escaped;
};

/* Goes n bytes on; behind the end of the outermost, or NULL: it is not among them. */
static const char *walk(struct nest *k, const char *p, size_t n)
{
    for (const char *end = p + n; p < end; p++) {
        if (k->escaped) {
            k->escaped = false;
        } else if (k->string) {
            k->string = *p != '"';
            k->escaped = *p == '\\';
        } else if (*p == '"') {
            k->string = true;
        } else if (*p == '{' || *p == '[') {
            k->depth++;
        } else if ((*p == '}' || *p == ']') && --k->depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

#if defined(__SSE2__)
/* The same for 16 bytes at a time, as long as no backslash is among them: only brackets outside of strings are looked at. */
static const char *stride(struct nest *k, const char *p)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p), y = _mm_and_si128(x, _mm_set1_epi8((char)~0x20)); /* { and } become [ and ] */
    if (k->escaped || _mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))))
        return walk(k, p, 16);
    unsigned inside = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
    inside ^= inside << 1; /* a bit for each byte: an odd number of quotes up to there */
    inside ^= inside << 2;
    inside ^= inside << 4;
    inside ^= inside << 8;
    inside ^= k->string ? 0xffffu : 0;
    unsigned any = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(y, _mm_set1_epi8('[')), _mm_cmpeq_epi8(y, _mm_set1_epi8(']'))));
    for (any &= ~inside; any; any &= any - 1) {
        const char *at = p + __builtin_ctz(any);
        if (*at == '{' || *at == '[')
            k->depth++;
        else if (--k->depth == 0)
            return at + 1;
    }
    k->string = inside >> 15 & 1;
    return NULL;
}
#endif

/* Behind the value at p. */
static const char *behind_value(const char *p, const char *end)
{
    if (*p == '"')
        return behind_string(p, end);
    if (*p != '{' && *p != '[') {
        while (p < end && *p != ',' && *p != '}' && *p != ']')
            p++;
        return p;
    }
    struct nest k = {.depth = 0};
    const char *behind = NULL;
#if defined(__SSE2__)
    for (; !behind && end - p >= 16; p += 16)
        behind = stride(&k, p);
#endif
    if (!behind)
        behind = walk(&k, p, (size_t)(end - p));
    return behind ? behind : end;
}

bool sb_span_next(struct sb_span object, const char **at, struct sb_span *key, struct sb_span *value)
{
    if (!object.p || *object.p != '{')
        return false;
    const char *p = *at ? *at : object.p + 1, *end = object.p + object.n;
    if (*p != '"')
        return false;
    const char *quote = p;
    p = behind_string(p, end);
    *key = (struct sb_span){quote + 1, (size_t)(p - quote) - 2};
    const char *start = p + 1;
    p = behind_value(start, end);
    *value = (struct sb_span){start, (size_t)(p - start)};
    *at = p + (*p == ',');
    return true;
}

static struct sb_span member(struct sb_span object, const char *name, size_t n)
{
    struct sb_span key, value;
    for (const char *at = NULL; sb_span_next(object, &at, &key, &value);)
        if (key.n == n && memcmp(key.p, name, n) == 0)
            return value;
    return (struct sb_span){NULL, 0};
}

struct sb_span sb_span_find(struct sb_span object, const char *path)
{
    while (object.p && *path) {
        size_t n = strcspn(path, ".");
        object = member(object, path, n);
        path += n + (path[n] == '.');
    }
    return object;
}

struct sb_span sb_span_plain(struct sb_span value)
{
    if (!value.p || value.n < 2 || *value.p != '"' || memchr(value.p, '\\', value.n))
        return (struct sb_span){NULL, 0};
    return (struct sb_span){value.p + 1, value.n - 2};
}

int64_t sb_span_int(struct sb_span value)
{
    bool negative = value.n > 0 && *value.p == '-';
    int64_t v = 0;
    if (value.n - negative > 16) /* canonical integers have at most 16 digits */
        return 0;
    for (size_t i = negative; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return 0;
        v = v * 10 + (value.p[i] - '0');
    }
    return negative ? -v : v;
}

/* Appends the bytes that a checked string means. */
static void unescape(struct sb_str *out, struct sb_span value)
{
    const char *p = value.p + 1, *end = value.p + value.n - 1;
    while (p < end) {
        const char *back = memchr(p, '\\', (size_t)(end - p));
        if (!back) {
            sb_str_add(out, p, (size_t)(end - p));
            return;
        }
        sb_str_add(out, p, (size_t)(back - p));
        static const char letters[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
        if (back[1] == 'u') {
            uint8_t code[2];
            char hex[5];
            memcpy(hex, back + 2, 4);
            hex[4] = '\0';
            if (sb_hex_decode(code, 2, hex) == 0)
                sb_str_addc(out, (char)code[1]);
            p = back + 6;
        } else {
            sb_str_addc(out, values[strchr(letters, back[1]) - letters]);
            p = back + 2;
        }
    }
}

bool sb_span_text(struct sb_span value, struct sb_str *out)
{
    bool string = value.p && *value.p == '"';
    if (string)
        unescape(out, value);
    return string;
}

static json_t *string_json(struct sb_span value)
{
    struct sb_span inside = sb_span_plain(value);
    if (inside.p)
        return json_stringn(inside.p, inside.n);
    struct sb_str text;
    sb_str_init(&text);
    unescape(&text, value);
    json_t *json = sb_str_ok(&text) ? json_stringn(text.p, text.len) : NULL;
    sb_str_release(&text);
    return json;
}

static json_t *shallow(struct sb_span value, unsigned levels);

static json_t *shallow_object(struct sb_span value, unsigned levels)
{
    json_t *object = json_object();
    const char *p = value.p + 1, *end = value.p + value.n;
    struct sb_str key;
    sb_str_init(&key);
    while (object && *p == '"') {
        const char *quote = p;
        p = behind_string(p, end);
        sb_str_clear(&key);
        unescape(&key, (struct sb_span){quote, (size_t)(p - quote)});
        const char *start = p + 1;
        p = behind_value(start, end);
        bool dropped = *start == '[' || (*start == '{' && levels == 1);
        if (!dropped) {
            json_t *one = shallow((struct sb_span){start, (size_t)(p - start)}, levels - 1);
            if (!one || !sb_str_ok(&key)) {
                json_decref(one);
                json_decref(object);
                object = NULL;
            } else if (json_object_set_new(object, key.p, one)) {
                json_decref(object);
                object = NULL;
            }
        }
        p += *p == ',';
    }
    sb_str_release(&key);
    return object;
}

/* Recursion is bounded by `levels`. */
static json_t *shallow(struct sb_span value, unsigned levels)
{
    switch (*value.p) {
    case '{':
        return shallow_object(value, levels);
    case '[':
        return json_array();
    case '"':
        return string_json(value);
    case 't':
        return json_true();
    case 'f':
        return json_false();
    case 'n':
        return json_null();
    default:
        return json_integer(sb_span_int(value));
    }
}

json_t *sb_span_json(struct sb_span value, unsigned levels)
{
    if (!value.p)
        return NULL;
    if (levels == 0)
        return json_loadb(value.p, value.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    return shallow(value, levels);
}
