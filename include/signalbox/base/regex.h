/* SPDX-License-Identifier: Apache-2.0
 *
 * regex.h - regular expressions (PCRE2) with a bound on the work.
 *
 * The just-in-time compiler is never used by sb_regex_match: its match limit differs from the interpreter's, and a policy
 * verdict must be the same on every machine. A pattern that runs into the limits is an error of its own, never "no match".
 * UTF is on; the subject must be UTF-8. Thread: a compiled pattern may be shared; matching allocates its own state.
 *
 * A matcher is for going through a million subjects, where nothing is decided by the answer but what is shown: it keeps its
 * state, and uses the compiler where there is one.
 */
#ifndef SIGNALBOX_BASE_REGEX_H
#define SIGNALBOX_BASE_REGEX_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>

struct sb_regex;

enum sb_regex_flags { SB_REGEX_CASELESS = 1, SB_REGEX_WHOLE = 2 /* must match the whole subject */, SB_REGEX_PLAIN = 4 /* the pattern is what is looked for */ };

struct sb_regex *sb_regex_new(const char *pattern, unsigned flags, struct sb_err *err);
void sb_regex_free(struct sb_regex *re);

struct sb_match {
    size_t from, to; /* byte offsets; from == to == (size_t)-1 for a group that took no part */
};

/* 1 match, 0 none, -1 a limit was hit or memory ran out. groups[0] is the whole match; at most n are filled. */
int sb_regex_match(const struct sb_regex *re, const char *subject, size_t len, struct sb_match *groups, size_t n,
                   struct sb_err *err);

struct sb_matcher;

/* NULL: the pattern is wrong, or out of memory. A matcher belongs to one thread at a time. */
struct sb_matcher *sb_matcher_new(const char *pattern, unsigned flags, struct sb_err *err);
void sb_matcher_free(struct sb_matcher *m); /* NULL is fine */

/* The longest text of letters, digits, '_', '.' and '-' that stands in whatever the pattern matches (in either case, where it
 * is caseless), at least `least` long: true and in out. False: none is known; nothing is guessed. */
bool sb_regex_literal(const char *pattern, unsigned flags, size_t least, char *out, size_t cap);

/* Finds such a text in any bytes, also in what is no UTF-8. Caseless it finds every spelling that a caseless pattern takes for
 * it. NULL: out of memory. */
struct sb_matcher *sb_matcher_literal(const char *literal, bool caseless);

/* 1 match, 0 none, -1 a limit was hit. */
int sb_matcher_match(struct sb_matcher *m, const char *subject, size_t len);

#endif
