/* SPDX-License-Identifier: Apache-2.0
 *
 * canonical.h - is this text canonical JSON? Answered in one pass over the bytes, without building a tree.
 *
 * The profile is that of base/json.h ("JCS-int", a subset of RFC 8785): what is accepted here is exactly what
 * sb_json_canonical writes, so a text that passes has one meaning and one spelling. Strict UTF-8, no NUL, at most
 * SB_JSON_MAX_DEPTH containers inside each other, integers within +-(2^53-1). A span is a piece of a text that somebody
 * else owns. The functions that look into a span want one that passed. Thread: any; pure.
 */
#ifndef SIGNALBOX_LEDGER_CANONICAL_H
#define SIGNALBOX_LEDGER_CANONICAL_H

#include <jansson.h>
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sb_span {
    const char *p; /* NULL: not there */
    size_t n;
};

/* Where and why a text is not canonical. */
struct sb_flaw {
    size_t at;        /* byte offset */
    const char *what; /* constant text */
};

/* One value that fills all n bytes. `flaw` is filled when it is not canonical. */
bool sb_canonical_check(const char *bytes, size_t n, struct sb_flaw *flaw);

/* The same for a value at the start of a longer text: *used is its length. depth: containers it already stands in. */
bool sb_canonical_prefix(const char *bytes, size_t n, unsigned depth, size_t *used, struct sb_flaw *flaw);

/* A member whose value is wanted while an object is checked: plain ASCII key, where to put it (-1: nowhere), and what is
 * wanted inside it when it is an object itself. */
struct sb_want {
    const char *key;
    size_t n; /* of the key */
    int slot;
    const struct sb_want *inside;
    size_t inside_n;
};
#define SB_WANT(key, slot) {key, sizeof(key) - 1, slot, NULL, 0}
#define SB_WANT_INSIDE(key, slot, wants) {key, sizeof(key) - 1, slot, wants, sizeof(wants) / sizeof((wants)[0])}

/* As sb_canonical_prefix for an object, noting what is wanted on the way; the slot of what is not there is left as it was. */
bool sb_canonical_members(const char *bytes, size_t n, unsigned depth, const struct sb_want *wants, size_t wants_n,
                          struct sb_span *slots, size_t *used, struct sb_flaw *flaw);

/* The value of an object's member along a dotted path of plain ASCII keys; {NULL, 0} where it ends early. */
struct sb_span sb_span_find(struct sb_span object, const char *path);

/* True when the span is the string `text` (plain ASCII that needs no escape). */
static inline bool sb_span_is(struct sb_span value, const char *text)
{
    size_t n = strlen(text);
    return value.n == n + 2 && *value.p == '"' && memcmp(value.p + 1, text, n) == 0;
}

/* What is between the quotes of a string that holds no escape; {NULL, 0} for anything else. */
struct sb_span sb_span_plain(struct sb_span value);

/* Appends what a string means; false: it is no string, nothing was appended. */
bool sb_span_text(struct sb_span value, struct sb_str *out);

/* The member of an object at *at, which begins NULL and goes on to the next; false: there is none. A key is without its quotes,
 * escapes as they stand. */
bool sb_span_next(struct sb_span object, const char **at, struct sb_span *key, struct sb_span *value);

/* An integer; 0 for anything else. */
int64_t sb_span_int(struct sb_span value);

/* A tree of the span. Objects are followed `levels` deep; what lies deeper, and every list, is left out when `levels` is
 * positive; 0 means everything. New reference, NULL out of memory. */
json_t *sb_span_json(struct sb_span value, unsigned levels);

#endif
