/* SPDX-License-Identifier: Apache-2.0
 *
 * str.h - a growing byte string with a sticky failure, and small text helpers.
 *
 * Invariants: `p` is never NULL and always NUL-terminated (an empty string points at a static byte); `len` excludes the
 * terminator and may count NUL bytes inside. When memory runs out `failed` is set, the content stays what it was and every
 * later append does nothing: build first, test once with sb_str_ok. Thread: none of its own; one owner at a time.
 */
#ifndef SIGNALBOX_BASE_STR_H
#define SIGNALBOX_BASE_STR_H

#include <signalbox/base/compiler.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sb_str {
    char *p;
    size_t len;
    size_t cap; /* 0: p is the static empty string and not ours to free */
    bool failed;
};

void sb_str_init(struct sb_str *s);
void sb_str_release(struct sb_str *s); /* frees and leaves it initialised */
void sb_str_clear(struct sb_str *s);   /* empties it, keeps the memory, forgets the failure */

void sb_str_add(struct sb_str *s, const void *bytes, size_t n);
void sb_str_adds(struct sb_str *s, const char *text); /* NULL adds nothing */
void sb_str_addc(struct sb_str *s, char c);
void sb_str_addf(struct sb_str *s, const char *fmt, ...) SB_PRINTF(2, 3);
void sb_str_vaddf(struct sb_str *s, const char *fmt, va_list ap) SB_PRINTF(2, 0);
void sb_str_truncate(struct sb_str *s, size_t len); /* only ever shortens */

static inline bool sb_str_ok(const struct sb_str *s)
{
    return !s->failed;
}

/* Gives the heap string to the caller (free with free()) and leaves s empty; NULL when anything failed before. */
char *sb_str_take(struct sb_str *s) SB_MUST_USE;

/* printf into a new heap string; NULL when memory runs out. */
char *sb_format(const char *fmt, ...) SB_PRINTF(1, 2) SB_MUST_USE;

/* A heap copy of the first n bytes; NULL when memory runs out. */
char *sb_strdup_n(const char *text, size_t n) SB_MUST_USE;

/* Replaces *slot by a copy of text (NULL becomes NULL), freeing the old one: 0, or -1 with *slot unchanged. */
int sb_str_set(char **slot, const char *text) SB_MUST_USE;

/* Whole-string decimal integer: no blanks, no plus, no overflow. 0 or -1. */
int sb_parse_i64(const char *text, int64_t *out) SB_MUST_USE;

bool sb_starts_with(const char *text, const char *prefix);

/* Treats NULL as the empty string. */
bool sb_streq(const char *a, const char *b);

/* True when the bytes are strict UTF-8: no overlong form, no surrogate, nothing over U+10FFFF. */
bool sb_utf8_valid(const char *bytes, size_t n);

/* How many of the n bytes are left when a character that was cut off at their end is dropped. */
size_t sb_utf8_whole(const char *bytes, size_t n);

/* Decodes one strict UTF-8 code point at bytes[0..n): returns its length 1..4 and the point, or 0 when the bytes there
 * are no valid sequence (n == 0 included). */
size_t sb_utf8_decode(const char *bytes, size_t n, uint32_t *point);

/* Writes a code point (<= U+10FFFF) as UTF-8 into out and returns its length 1..4. */
size_t sb_utf8_encode(uint32_t point, char out[4]);

#endif
