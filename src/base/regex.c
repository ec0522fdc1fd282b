/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <signalbox/base/regex.h>

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Enough for every sensible pattern over a line of text; a hostile one ends within milliseconds. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 4096
#define MAX_PATTERN 4096

/* struct sb_regex is PCRE2's code under our name: there is nothing to add to it. */
static const pcre2_code *code_of(const struct sb_regex *re)
{
    return (const pcre2_code *)re;
}

struct sb_regex *sb_regex_new(const char *pattern, unsigned flags, struct sb_err *err)
{
    size_t len = strlen(pattern);
    if (len > MAX_PATTERN) {
        sb_fail(err, SB_EINPUT, "a regular expression longer than %d bytes", MAX_PATTERN);
        return NULL;
    }
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (flags & SB_REGEX_CASELESS)
        options |= PCRE2_CASELESS;
    if (flags & SB_REGEX_WHOLE)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (flags & SB_REGEX_PLAIN) /* goes together with few others */
        options = (options & (PCRE2_UTF | PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED)) | PCRE2_LITERAL;
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &at, NULL);
    if (!re) {
        char text[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        sb_fail(err, SB_EINPUT, "the regular expression is wrong at character %zu: %s", (size_t)at + 1, text);
    }
    return (struct sb_regex *)re;
}

void sb_regex_free(struct sb_regex *re)
{
    pcre2_code_free((pcre2_code *)re);
}

static pcre2_match_context *new_limits(void)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (limits) {
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    }
    return limits;
}

int sb_regex_match(const struct sb_regex *re, const char *subject, size_t len, struct sb_match *groups, size_t n,
                   struct sb_err *err)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code_of(re), NULL);
    pcre2_match_context *limits = new_limits();
    int rc = -1;
    if (!data || !limits) {
        sb_fail_nomem(err);
        goto out;
    }
    int found = pcre2_match(code_of(re), (PCRE2_SPTR)subject, len, 0, PCRE2_NO_JIT, data, limits);
    if (found == PCRE2_ERROR_NOMATCH) {
        rc = 0;
        goto out;
    }
    if (found < 0) {
        char text[160];
        pcre2_get_error_message(found, (PCRE2_UCHAR *)text, sizeof text);
        sb_fail(err, SB_EINPUT, "the regular expression could not be decided: %s", text);
        goto out;
    }
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(data);
    for (size_t i = 0; i < n; i++)
        groups[i] = i < (size_t)found ? (struct sb_match){pair[2 * i], pair[2 * i + 1]}
                                      : (struct sb_match){(size_t)-1, (size_t)-1};
    rc = 1;
out:
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return rc;
}

/* ---- many subjects ---- */

struct sb_matcher {
    struct sb_regex *re;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

struct sb_matcher *sb_matcher_new(const char *pattern, unsigned flags, struct sb_err *err)
{
    struct sb_regex *re = sb_regex_new(pattern, flags, err);
    struct sb_matcher *m = re ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        if (re)
            sb_fail_nomem(err);
        sb_regex_free(re);
        return NULL;
    }
    m->re = re;
    m->data = pcre2_match_data_create(1, NULL);
    m->limits = new_limits();
    if (!m->data || !m->limits) {
        sb_matcher_free(m);
        sb_fail_nomem(err);
        return NULL;
    }
    int ignored = pcre2_jit_compile((pcre2_code *)re, PCRE2_JIT_COMPLETE); /* without it the interpreter matches */
    (void)ignored;
    return m;
}

void sb_matcher_free(struct sb_matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->limits);
    sb_regex_free(m->re);
    free(m);
}

int sb_matcher_match(struct sb_matcher *m, const char *subject, size_t len)
{
    int found = pcre2_match(code_of(m->re), (PCRE2_SPTR)subject, len, 0, 0, m->data, m->limits);
    return found >= 0 ? 1 : found == PCRE2_ERROR_NOMATCH ? 0 : -1;
}
