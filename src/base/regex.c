/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <signalbox/base/regex.h>
#include <signalbox/base/str.h>

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

/* Takes the pattern; NULL: out of memory. */
static struct sb_matcher *matcher_of(struct sb_regex *re)
{
    struct sb_matcher *m = re ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        sb_regex_free(re);
        return NULL;
    }
    m->re = re;
    m->data = pcre2_match_data_create(1, NULL);
    m->limits = new_limits();
    if (!m->data || !m->limits) {
        sb_matcher_free(m);
        return NULL;
    }
    int ignored = pcre2_jit_compile((pcre2_code *)re, PCRE2_JIT_COMPLETE); /* without it the interpreter matches */
    (void)ignored;
    return m;
}

struct sb_matcher *sb_matcher_new(const char *pattern, unsigned flags, struct sb_err *err)
{
    struct sb_regex *re = sb_regex_new(pattern, flags, err);
    if (!re)
        return NULL;
    struct sb_matcher *m = matcher_of(re);
    if (!m)
        sb_fail_nomem(err);
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

/* ---- a text that must be there ---- */

static bool of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

struct literal {
    char *best;
    size_t cap, best_n;
    char run[256];
    size_t n;
};

static void end_run(struct literal *l)
{
    if (l->n > l->best_n && l->n < l->cap) {
        memcpy(l->best, l->run, l->n);
        l->best_n = l->n;
    }
    l->n = 0;
}

static void add_char(struct literal *l, char c)
{
    if (!of_word(c) || l->n == sizeof l->run)
        end_run(l);
    if (of_word(c))
        l->run[l->n++] = c;
}

/* Behind a class; NULL: it is of a form that is not looked into. */
static const char *behind_class(const char *p)
{
    p += 1 + (p[1] == '^');
    for (p += *p == ']'; *p && *p != ']'; p++) {
        if (*p == '[' || (*p == '\\' && !p[1]))
            return NULL;
        p += *p == '\\';
    }
    return *p ? p + 1 : NULL;
}

/* False: the pattern holds something that is not looked into: groups, alternatives, counted repeats, escapes with arguments. */
static bool scan_pattern(struct literal *l, const char *p)
{
    while (p && *p) {
        switch (*p) {
        case '(': case ')': case '|': case '{':
            return false;
        case '*': case '?':
            l->n -= l->n > 0; /* what stands before it may be absent */
            end_run(l);
            p++;
            break;
        case '[':
            end_run(l);
            p = behind_class(p);
            break;
        case '\\':
            if (of_word(p[1]) && p[1] != '.' && p[1] != '-' && p[1] != '_') {
                if (!strchr("dDwWsSbB", p[1]))
                    return false;
                end_run(l);
            } else if (!p[1]) {
                return false;
            } else {
                add_char(l, p[1]);
            }
            p += 2;
            break;
        case '.':
            end_run(l);
            p++;
            break;
        default: /* '+' ends a run too: what it repeats is there at least once */
            add_char(l, *p++);
        }
    }
    end_run(l);
    return p != NULL;
}

bool sb_regex_literal(const char *pattern, unsigned flags, size_t least, char *out, size_t cap)
{
    struct literal l = {.best = out, .cap = cap};
    if (flags & SB_REGEX_PLAIN) {
        for (const char *p = pattern; *p; p++)
            add_char(&l, *p);
        end_run(&l);
    } else if (!scan_pattern(&l, pattern)) {
        return false;
    }
    if (cap)
        out[l.best_n] = '\0';
    return l.best_n >= least && l.best_n > 0;
}

/* A letter in either case; two of them have a third form, which a caseless pattern takes for them. */
static void add_caseless(struct sb_str *out, char c)
{
    char lower = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    if (lower < 'a' || lower > 'z')
        sb_str_addf(out, c == '.' || c == '-' ? "\\%c" : "%c", c);
    else
        sb_str_addf(out, lower == 'k' ? "(?:[%c%c]|\xE2\x84\xAA)" : lower == 's' ? "(?:[%c%c]|\xC5\xBF)" : "[%c%c]", lower, lower - 'a' + 'A');
}

struct sb_matcher *sb_matcher_literal(const char *literal, bool caseless)
{
    struct sb_str pattern;
    sb_str_init(&pattern);
    for (const char *p = literal; caseless && *p; p++)
        add_caseless(&pattern, *p);
    if (!caseless)
        sb_str_adds(&pattern, literal);
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = sb_str_ok(&pattern) ? pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, caseless ? 0 : PCRE2_LITERAL, &code, &at, NULL) : NULL;
    sb_str_release(&pattern);
    return matcher_of((struct sb_regex *)re);
}
