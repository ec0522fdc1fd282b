/* SPDX-License-Identifier: Apache-2.0
 *
 * jsontext.h - walking JSON text in place, at the speed of a log digest, when it may be cut off anywhere.
 *
 * No tree and no copy: the caller asks for the next member or element, takes or skips its value and goes on. Text that
 * ends too early (SB_JT_CUT) is told apart from text that is wrong (SB_JT_BAD). What is read is checked; what is skipped
 * is matched by quotes and brackets only, and its strings may hold no control characters. A number at the very end of the
 * text counts as cut, since more digits may have followed. Text is read only within [p, end): no padding is needed.
 *
 * Bracket matching works on blocks of 64 bytes with one bit a byte, in the manner of G. Langdale and D. Lemire, "Parsing
 * Gigabytes of JSON per Second" (VLDB Journal 2019): AVX2 where the processor has it, else SSE2, else plain C. Thread:
 * any; a cursor has one owner.
 */
#ifndef SIGNALBOX_FORMATS_JSONTEXT_H
#define SIGNALBOX_FORMATS_JSONTEXT_H

#include <signalbox/base/str.h>
#include <signalbox/formats/slowop.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum sb_jt_state { SB_JT_OK, SB_JT_CUT, SB_JT_BAD };

struct sb_jt {
    const char *p, *end;
    enum sb_jt_state state; /* why the last call returned false; OK: the object or array has ended */
};

static inline struct sb_jt sb_jt_make(const char *p, size_t n)
{
    return (struct sb_jt){p, p + n, SB_JT_OK};
}

static inline bool sb_jt_stop(struct sb_jt *j, enum sb_jt_state state)
{
    j->state = state;
    return false;
}

static inline void sb_jt_blank(struct sb_jt *j)
{
    /* there is mostly none: one comparison says so */
    while (j->p < j->end && (unsigned char)*j->p <= ' ' && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r' || *j->p == '\n'))
        j->p++;
}

/* The beginning of a text: a byte order mark that an editor put there, and blanks, are passed over. */
static inline struct sb_jt sb_jt_begin(const char *p, size_t n)
{
    bool mark = n >= 3 && (unsigned char)p[0] == 0xEF && (unsigned char)p[1] == 0xBB && (unsigned char)p[2] == 0xBF;
    struct sb_jt j = sb_jt_make(mark ? p + 3 : p, mark ? n - 3 : n);
    sb_jt_blank(&j);
    return j;
}

/* The first quote, backslash or control character at or after p, or end. */
static inline const char *sb_jt_special(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
                                   _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p > 0x1f)
        p++;
    return p;
}

/* The cursor stands at a quote: takes the string, which may hold escapes (then *escaped), without its quotes. */
bool sb_jt_string_escaped(struct sb_jt *j, struct sb_span *raw, const char *from, const char *at);

static inline bool sb_jt_string(struct sb_jt *j, struct sb_span *raw, bool *escaped)
{
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    if (*j->p != '"')
        return sb_jt_stop(j, SB_JT_BAD);
    const char *from = j->p + 1, *at = sb_jt_special(from, j->end);
    if (at < j->end && *at == '"') {
        *raw = (struct sb_span){from, (size_t)(at - from)};
        *escaped = false;
        j->p = at + 1;
        return true;
    }
    *escaped = true;
    return sb_jt_string_escaped(j, raw, from, at);
}

/* The cursor stands at a bracket: takes it, or says why not. */
static inline bool sb_jt_open(struct sb_jt *j, char bracket)
{
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    if (*j->p != bracket)
        return sb_jt_stop(j, SB_JT_BAD);
    j->p++;
    return true;
}

/* Inside an object: the next key, leaving the cursor at its value; false at the end (state OK, behind the bracket). The
 * caller sets *first to true before the first call and takes or skips each value. */
bool sb_jt_member_slow(struct sb_jt *j, bool *first, struct sb_span *key, bool *escaped);

static inline bool sb_jt_member(struct sb_jt *j, bool *first, struct sb_span *key, bool *escaped)
{
    const char *p = j->p;
    /* ,"key":value with blanks behind the comma at most, as servers write it; what is different goes the long way */
    if (!*first && j->end - p > 8 && *p == ',') {
        for (p++; *p == ' ' && p < j->end - 1; p++)
            ;
        const char *at = *p == '"' ? sb_jt_special(p + 1, j->end) : j->end;
        if (j->end - at > 2 && at[0] == '"' && at[1] == ':' && (unsigned char)at[2] > ' ') {
            *key = (struct sb_span){p + 1, (size_t)(at - p - 1)};
            *escaped = false;
            j->p = at + 2;
            return true;
        }
    }
    return sb_jt_member_slow(j, first, key, escaped);
}

/* Inside an array: leaves the cursor at the next element; false at the end. */
static inline bool sb_jt_element(struct sb_jt *j, bool *first)
{
    sb_jt_blank(j);
    if (j->p == j->end)
        return sb_jt_stop(j, SB_JT_CUT);
    if (*j->p == ']') {
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
    return j->p < j->end || sb_jt_stop(j, SB_JT_CUT);
}

/* Skips the value at the cursor, whatever it is; *raw (may be NULL) is its text. */
bool sb_jt_skip(struct sb_jt *j, struct sb_span *raw);

/* Takes a number, true, false or null: its text. */
bool sb_jt_scalar(struct sb_jt *j, struct sb_span *raw);

/* Takes a number as an integer: fractions are cut off, what does not fit is clamped, and the wrappers of Extended JSON
 * ({"$numberLong":"5"}, ...) count as numbers. Another kind of value is skipped and *out left alone. */
bool sb_jt_integer(struct sb_jt *j, int64_t *out);

/* Takes true or false; another kind of value is skipped and *out left alone. */
bool sb_jt_bool(struct sb_jt *j, bool *out);

/* Integer of a number's text: as above, without the wrappers. */
int64_t sb_jt_number(struct sb_span raw);

/* Writes a string's text with its escapes undone, at most raw.n bytes, and returns how many; a lone surrogate becomes
 * U+FFFD. `out` may be where raw stands. */
size_t sb_jt_unescape(char *out, struct sb_span raw);

/* Follows keys ("client.application.name") through the object text: the raw text of the value there. A key with a dot in
 * its name cannot be asked for. */
bool sb_jt_find(struct sb_span object, const char *path, struct sb_span *raw);

/* The same for a string, which must hold no escapes, and for a number. */
bool sb_jt_find_string(struct sb_span object, const char *path, struct sb_span *out);
bool sb_jt_find_integer(struct sb_span object, const char *path, int64_t *out);

static inline bool sb_span_is(struct sb_span s, const char *literal, size_t n)
{
    return s.n == n && memcmp(s.p, literal, n) == 0;
}
#define SB_SPAN_IS(span, literal) sb_span_is((span), (literal), sizeof(literal) - 1)

#endif
