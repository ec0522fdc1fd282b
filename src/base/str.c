/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1];

void sb_str_init(struct sb_str *s)
{
    s->p = empty;
    s->len = 0;
    s->cap = 0;
    s->failed = false;
}

void sb_str_release(struct sb_str *s)
{
    if (s->cap)
        free(s->p);
    sb_str_init(s);
}

void sb_str_clear(struct sb_str *s)
{
    s->len = 0;
    s->failed = false;
    if (s->cap)
        s->p[0] = '\0';
}

/* Makes room for n more bytes and the terminator. */
static bool reserve(struct sb_str *s, size_t n)
{
    if (s->failed)
        return false;
    if (n < SIZE_MAX / 2 && s->len < SIZE_MAX / 2 - n && s->len + n < s->cap)
        return true;
    size_t need = s->len + n + 1;
    if (n >= SIZE_MAX / 2 || need > SIZE_MAX / 2) {
        s->failed = true;
        return false;
    }
    size_t cap = s->cap ? s->cap : 32;
    while (cap < need)
        cap *= 2;
    char *p = realloc(s->cap ? s->p : NULL, cap);
    if (!p) {
        s->failed = true;
        return false;
    }
    s->p = p;
    s->cap = cap;
    s->p[s->len] = '\0';
    return true;
}

void sb_str_add(struct sb_str *s, const void *bytes, size_t n)
{
    if (n == 0 || !reserve(s, n))
        return;
    memcpy(s->p + s->len, bytes, n);
    s->len += n;
    s->p[s->len] = '\0';
}

void sb_str_adds(struct sb_str *s, const char *text)
{
    if (text)
        sb_str_add(s, text, strlen(text));
}

void sb_str_addc(struct sb_str *s, char c)
{
    sb_str_add(s, &c, 1);
}

void sb_str_vaddf(struct sb_str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        s->failed = true;
    else if (reserve(s, (size_t)n)) {
        vsnprintf(s->p + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void sb_str_addf(struct sb_str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(s, fmt, ap);
    va_end(ap);
}

void sb_str_truncate(struct sb_str *s, size_t len)
{
    if (len >= s->len)
        return;
    s->len = len;
    s->p[len] = '\0';
}

char *sb_str_take(struct sb_str *s)
{
    if (s->failed || !reserve(s, 0)) {
        sb_str_release(s);
        return NULL;
    }
    char *p = s->p;
    sb_str_init(s);
    return p;
}

char *sb_format(const char *fmt, ...)
{
    struct sb_str s;
    sb_str_init(&s);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    return sb_str_take(&s);
}

char *sb_strdup_n(const char *text, size_t n)
{
    char *p = malloc(n + 1);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, text, n);
    p[n] = '\0';
    return p;
}

int sb_str_set(char **slot, const char *text)
{
    char *copy = NULL;
    if (text) {
        copy = sb_strdup_n(text, strlen(text));
        if (!copy)
            return -1;
    }
    free(*slot);
    *slot = copy;
    return 0;
}

int sb_parse_i64(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    const char *p = text + negative;
    if (*p == '\0')
        return -1;
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t v = 0;
    for (; *p; p++) {
        if (*p < '0' || *p > '9')
            return -1;
        uint64_t digit = (uint64_t)(*p - '0');
        if (v > (limit - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

bool sb_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool sb_streq(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

size_t sb_utf8_whole(const char *bytes, size_t n)
{
    size_t back = 0;
    while (back < 3 && back < n && ((unsigned char)bytes[n - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= n)
        return n;
    unsigned char lead = (unsigned char)bytes[n - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    return need > back ? n - 1 - back : n;
}

size_t sb_utf8_decode(const char *bytes, size_t n, uint32_t *point)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (n == 0)
        return 0;
    if (b[0] < 0x80) {
        *point = b[0];
        return 1;
    }
    size_t len = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : b[0] >= 0xC2 ? 2 : 0;
    if (len == 0 || len > n || b[0] > 0xF4)
        return 0;
    uint32_t v = b[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (b[i] & 0x3Fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *point = v;
    return len;
}

size_t sb_utf8_encode(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

bool sb_utf8_valid(const char *bytes, size_t n)
{
    uint32_t point;
    while (n) {
        size_t len = sb_utf8_decode(bytes, n, &point);
        if (!len)
            return false;
        bytes += len;
        n -= len;
    }
    return true;
}
