/* SPDX-License-Identifier: Apache-2.0
 *
 * regex.h - regular expressions (PCRE2) with a bound on the work.
 *
 * The just-in-time compiler is never used: its match limit differs from the interpreter's, and a policy verdict must be
 * the same on every machine. A pattern that runs into the limits is an error of its own, never "no match". UTF is on;
 * the subject must be UTF-8. Thread: a compiled pattern may be shared; matching allocates its own state.
 */
#ifndef SIGNALBOX_BASE_REGEX_H
#define SIGNALBOX_BASE_REGEX_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>

struct sb_regex;

enum sb_regex_flags { SB_REGEX_CASELESS = 1, SB_REGEX_WHOLE = 2 /* must match the whole subject */ };

struct sb_regex *sb_regex_new(const char *pattern, unsigned flags, struct sb_err *err);
void sb_regex_free(struct sb_regex *re);

struct sb_match {
    size_t from, to; /* byte offsets; from == to == (size_t)-1 for a group that took no part */
};

/* 1 match, 0 none, -1 a limit was hit or memory ran out. groups[0] is the whole match; at most n are filled. */
int sb_regex_match(const struct sb_regex *re, const char *subject, size_t len, struct sb_match *groups, size_t n,
                   struct sb_err *err);

#endif
