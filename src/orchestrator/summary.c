/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what an outside program says of evidence may stand beside it. It is somebody else's text, perhaps made by what stood in a
 * database: each number and name is looked up in what the program was sent, and what speaks to the reader rather than of the evidence is not
 * taken. */
#include "summarise.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Words that tell somebody to do something, or say of a plan what is not the evidence's to say. */
static const char *const forbidden[] = {"approve", "approved", "approval", "approvals", "reject", "accept", "ignore", "disregard", "instruction", "instructions", "instructed", "password", "passwords", "secret",
                                        "token", "credential", "credentials", "click", "open", "visit", "http", "https", "www", "paste", "copy", "type", "execute", "sudo", "safe", "safely", "harmless",
                                        "trust", "trusted", "urgent", "urgently", "immediately", "must", "should", "please", "policy", "override", "bypass", "skip", "you", "your", "operator", "administrator",
                                        "system", "prompt", "assistant"};
/* Amounts that could not be looked up. */
static const char *const amounts[] = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "thirty", "forty", "fifty", "sixty", "hundred", "hundreds",
                                      "thousand", "thousands", "million", "millions", "billion", "billions", "dozen", "dozens", "half", "third", "quarter", "twice", "double", "doubled", "triple", "tripled",
                                      "tenfold", "zero", "none", "never", "always", "all", "every"};

static bool among(const char *const *list, size_t list_n, const char *p, size_t n)
{
    for (size_t i = 0; i < list_n; i++)
        if (strlen(list[i]) == n && strncasecmp(list[i], p, n) == 0)
            return true;
    return false;
}

static bool of_word(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.$-", c));
}

/* The word at p without what only ends or joins a sentence: where it begins, and its length. */
static size_t bare(const char **p, const char *end)
{
    while (*p < end && strchr(".-", **p))
        ++*p;
    while (end > *p && strchr(".-", end[-1]))
        end--;
    return (size_t)(end - *p);
}

/* Whether the text holds the word as a whole one. */
static bool stands_in(const char *text, const char *word, size_t n)
{
    for (const char *p = text; *p;) {
        const char *from = p;
        if (!of_word(*p)) {
            p++;
            continue;
        }
        while (of_word(*p))
            p++;
        size_t len = bare(&from, p);
        if (len == n && strncasecmp(from, word, n) == 0)
            return true;
    }
    return false;
}

/* A database or a collection there is, or its whole name. */
static bool is_place(char *const *namespaces, size_t namespaces_n, const char *word, size_t n)
{
    for (size_t i = 0; i < namespaces_n; i++) {
        const char *ns = namespaces[i], *dot = strchr(ns, '.');
        size_t database = dot ? (size_t)(dot - ns) : strlen(ns);
        if ((database == n && strncasecmp(ns, word, n) == 0) || (dot && strlen(dot + 1) == n && strncasecmp(dot + 1, word, n) == 0))
            return true;
    }
    return false;
}

static bool is_name(const char *word, size_t n, bool begins)
{
    for (size_t i = 0; i < n; i++)
        if (isdigit((unsigned char)word[i]) || strchr("_.$", word[i]) || (isupper((unsigned char)word[i]) && (i || !begins)))
            return true;
    return false;
}

static int check_words(const char *text, const char *sent, char *const *namespaces, size_t namespaces_n, struct sb_err *err)
{
    bool begins = true; /* a sentence */
    for (const char *p = text; *p;) {
        const char *from = p;
        if (!of_word(*p)) {
            begins |= strchr("!?:;", *p) != NULL;
            p++;
            continue;
        }
        while (of_word(*p))
            p++;
        bool ends = p[-1] == '.';
        size_t n = bare(&from, p);
        if (n && among(forbidden, SB_COUNT(forbidden), from, n))
            return sb_fail(err, SB_EINPUT, "it says \"%.*s\": a summary tells what was found, and nobody what to do", (int)n, from);
        if (n && !stands_in(sent, from, n)) {
            if (is_name(from, n, begins) || is_place(namespaces, namespaces_n, from, n))
                return sb_fail(err, SB_EINPUT, "%.*s does not stand in the evidence", n < 80 ? (int)n : 80, from);
            if (among(amounts, SB_COUNT(amounts), from, n))
                return sb_fail(err, SB_EINPUT, "it says \"%.*s\", which cannot be held against the evidence", (int)n, from);
        }
        begins = ends;
    }
    return 0;
}

static int check_bytes(const char *text, struct sb_err *err)
{
    for (const char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return sb_fail(err, SB_EINPUT, "its words are no plain line of text");
    return 0;
}

/* What the reader of requests takes for a wish that words do not grant, or for instructions, is no summary. */
static int check_wishes(const struct sb_intake *in, const char *text, struct sb_err *err)
{
    struct sb_reading_of r;
    if (sb_intake_read(in, text, NULL, 0, &r, err))
        return -1;
    int rc = r.warning ? sb_fail(err, SB_EINPUT, "its words wish for what is not granted: %s", r.warning) : 0;
    sb_record_release(&sb_reading_of_schema, &r);
    return rc;
}

int sb_summary_read(const struct sb_intake *in, const char *sent, const char *said, size_t len, char *const *namespaces, size_t namespaces_n, char **out, struct sb_err *err)
{
    json_t *json = sb_json_parse(said, len, "its answer", SB_JSON_STRICT, err);
    const char *text = sb_json_str(json, "summary");
    int rc = json ? 0 : -1;
    *out = NULL;
    if (rc == 0 && (!text || !text[strspn(text, " ")] || strlen(text) > SB_SUMMARY_MAX))
        rc = sb_fail(err, SB_EINPUT, "its answer must be {\"summary\": \"...\"}, of at most %d bytes", SB_SUMMARY_MAX);
    if (rc == 0)
        rc = check_bytes(text, err) || check_words(text, sent, namespaces, namespaces_n, err) || check_wishes(in, text, err) ? -1 : 0;
    if (rc == 0 && !(*out = sb_format("%s", text)))
        rc = sb_fail_nomem(err);
    json_decref(json);
    return rc;
}
