/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer.h"

#include <signalbox/agents/index_asked.h>

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define MOST_TEXT 8192
#define MOST_DEPTH 8       /* of a filter */
#define MOST_SECONDS INT64_C(2147483647)
#define FAR_BEHIND 120     /* bytes, documents not counted: what stands further from "expire" is about something else */

struct asking {
    const char *text;
    struct sb_index_asked *out;
    bool unique, sparse, hidden, partial; /* partial: it is said, with or without a filter */
    int64_t seconds;                      /* -1: none; -2: to expire, and after how long is not said; -3: after less than nothing */
    bson_t *filter, *collation;
    struct sb_err *err;
};

/* ---- words ---- */

static bool of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_one(const char *p, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(*list, p, n) == 0)
            return true;
    return false;
}

/* The word in front of a byte, and whether it stands right in front of it but for blanks and a colon; 0: none. */
static size_t word_before(const char *text, size_t at, const char **word)
{
    while (at && strchr(" \t\r\n:=(", text[at - 1]))
        at--;
    size_t end = at;
    while (at && of_word(text[at - 1]))
        at--;
    *word = text + at;
    return end - at;
}

/* ---- documents ---- */

/* The end of the document that begins at a brace, behind its last one; 0: it has none. */
static size_t document_end(const char *text, size_t from)
{
    size_t depth = 0;
    char quote = 0;
    for (size_t i = from; text[i] && i - from < MOST_TEXT; i++) {
        char c = text[i];
        if (quote && c == '\\' && text[i + 1])
            i++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

enum sb_index_document sb_index_document_of(const char *request, size_t from)
{
    static const char *const filters[] = {"where", "partialfilterexpression", NULL};
    static const char *const behind_key[] = {"filter", "if", "matching", "only", "condition", "expression", NULL}; /* "an index for the filter {...}" means a key */
    static const char *const options[] = {"unique", "sparse", "hidden", "expireafterseconds", "partialfilterexpression", "collation", "name", "background", "v", NULL};
    const char *word;
    size_t n = word_before(request, from, &word), end = document_end(request, from);
    bool second = memchr(request, '{', from) != NULL; /* the first one is a key, also of a field that is called like an option */
    if (n && (is_one(word, n, filters) || (second && is_one(word, n, behind_key))))
        return SB_INDEX_DOCUMENT_FILTER;
    const char *p = request + from + 1;
    p += strspn(p, " \t\r\n\"'");
    n = 0;
    while (end && of_word(p[n]))
        n++;
    const char *behind = p + n + strspn(p + n, " \t\"'");
    return second && n && *behind == ':' && is_one(p, n, options) ? SB_INDEX_DOCUMENT_OPTIONS : SB_INDEX_DOCUMENT_KEY;
}

/* Operators that a server takes in the filter of a partial index. */
static int check_filter(const bson_iter_t *at, int depth, struct sb_err *err)
{
    static const char *const taken[] = {"$eq", "$exists", "$gt", "$gte", "$lt", "$lte", "$type", "$and", "$or", "$in", NULL};
    bson_iter_t it = *at, in;
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        if (name[0] == '$' && !is_one(name, strlen(name), taken))
            return sb_fail(err, SB_EINPUT, "the filter of a partial index may not hold %s", name);
        if (strcmp(name, "$exists") == 0 && !bson_iter_as_bool(&it))
            return sb_fail(err, SB_EINPUT, "the filter of a partial index may not hold {$exists: false}");
        if (depth == 0)
            return sb_fail(err, SB_EINPUT, "the filter of the partial index is nested too deep");
        if ((BSON_ITER_HOLDS_DOCUMENT(&it) || BSON_ITER_HOLDS_ARRAY(&it)) && bson_iter_recurse(&it, &in) && check_filter(&in, depth - 1, err))
            return -1;
    }
    return 0;
}

static int take_filter(struct asking *a, bson_t *doc)
{
    bson_iter_t it;
    a->partial = true;
    if (a->filter || !doc || bson_empty(doc)) {
        int rc = sb_fail(a->err, SB_EINPUT, a->filter ? "the request holds two filters of a partial index" : "the filter of the partial index is not a document such as {status: \"open\"}");
        if (doc)
            bson_destroy(doc);
        return rc;
    }
    a->filter = doc;
    return bson_iter_init(&it, doc) ? check_filter(&it, MOST_DEPTH, a->err) : sb_fail_nomem(a->err);
}

static bson_t *sub(const bson_iter_t *it)
{
    uint32_t n;
    const uint8_t *bytes;
    if (!BSON_ITER_HOLDS_DOCUMENT(it))
        return NULL;
    bson_iter_document(it, &n, &bytes);
    return bson_new_from_data(bytes, n);
}

/* The shell's second document. */
static int take_options(struct asking *a, const bson_t *doc)
{
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, doc); more && bson_iter_next(&it);) {
        const char *key = bson_iter_key(&it);
        bool *flag = strcmp(key, "unique") == 0 ? &a->unique : strcmp(key, "sparse") == 0 ? &a->sparse : strcmp(key, "hidden") == 0 ? &a->hidden : NULL;
        if (flag) {
            *flag = bson_iter_as_bool(&it);
        } else if (strcmp(key, "expireAfterSeconds") == 0 && BSON_ITER_HOLDS_NUMBER(&it)) {
            a->seconds = bson_iter_as_int64(&it);
            if (a->seconds < 0 || a->seconds > MOST_SECONDS)
                return sb_fail(a->err, SB_EINPUT, "expireAfterSeconds is between 0 and %" PRId64, MOST_SECONDS);
        } else if (strcmp(key, "partialFilterExpression") == 0) {
            if (take_filter(a, sub(&it)))
                return -1;
        } else if (strcmp(key, "collation") == 0 && !a->collation && BSON_ITER_HOLDS_DOCUMENT(&it)) {
            if (!(a->collation = sub(&it)))
                return sb_fail_nomem(a->err);
        } else if (strcmp(key, "name") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            if (sb_str_set(&a->out->name, bson_iter_utf8(&it, NULL)))
                return sb_fail_nomem(a->err);
        } else if (strcmp(key, "background") != 0) { /* since 4.2 it says nothing */
            return sb_fail(a->err, SB_EINPUT, "the option %s of an index is not one that can be asked for in words: write unique, sparse, hidden, expireAfterSeconds, partialFilterExpression or collation", key);
        }
    }
    return 0;
}

static int take_document(struct asking *a, size_t from, size_t to)
{
    enum sb_index_document kind = sb_index_document_of(a->text, from);
    char *text = sb_strdup_n(a->text + from, to - from);
    int rc = text ? 0 : sb_fail_nomem(a->err);
    bson_t *doc = rc == 0 && kind != SB_INDEX_DOCUMENT_KEY ? sb_written_document(text) : NULL;
    if (rc == 0 && kind == SB_INDEX_DOCUMENT_KEY) {
        if (!a->out->key) /* a second one is told where the words are read */
            rc = (a->out->key = sb_index_key_read(text, a->err)) ? 0 : -1;
    } else if (rc == 0 && kind == SB_INDEX_DOCUMENT_FILTER) {
        rc = take_filter(a, doc);
        doc = NULL;
    } else if (rc == 0) {
        rc = doc ? take_options(a, doc) : sb_fail(a->err, SB_EINPUT, "the options of the index are not a document such as {unique: true}");
    }
    if (doc)
        bson_destroy(doc);
    free(text);
    return rc;
}

/* ---- expiry ---- */

/* "30 days" at p: its seconds; -1: no such thing is there. */
static int64_t span(const char *p)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"s", 1}, {"sec", 1}, {"second", 1}, {"m", 60}, {"min", 60}, {"minute", 60}, {"h", 3600}, {"hr", 3600}, {"hour", 3600}, {"d", 86400}, {"day", 86400}, {"w", 604800}, {"week", 604800}, {"year", 31536000}};
    static const char *const ones[] = {"a", "an", "one", NULL};
    int64_t n = 0, value;
    size_t digits = strspn(p, "0123456789"), k = 0;
    while (of_word(p[k]))
        k++;
    if (digits == 0 && is_one(p, k, ones)) {
        n = 1;
        digits = k;
    } else if (digits == 0 || digits > 12) {
        return -1;
    }
    for (size_t i = 0; i < digits && p[i] >= '0' && p[i] <= '9'; i++)
        n = n * 10 + (p[i] - '0');
    p += digits;
    p += strspn(p, " \t-");
    for (k = 0; of_word(p[k]);)
        k++;
    for (size_t i = 0; i < SB_COUNT(units); i++) {
        size_t u = strlen(units[i].unit);
        if ((k == u || (k == u + 1 && (p[u] == 's' || p[u] == 'S'))) && strncasecmp(p, units[i].unit, u) == 0)
            return __builtin_mul_overflow(n, units[i].seconds, &value) ? INT64_MAX : value;
    }
    return -1;
}

/* "after -5 seconds", "minus 5 seconds": a sign in front, and no hyphen within a word. */
static bool is_negative(const char *text, const char *at)
{
    const char *word;
    size_t n = word_before(text, (size_t)(at - text), &word);
    return (at > text && at[-1] == '-' && (at - text == 1 || strchr(" \t=:", at[-2]))) || (n == 5 && strncasecmp(word, "minus", 5) == 0);
}

/* How long after which, somewhere behind the word, or right in front of it ("a 30 day TTL"); a bare number is one of seconds only
 * behind expireAfterSeconds. -2: not said; -3: below 0. */
static int64_t expiry(const struct asking *a, size_t word, size_t n)
{
    const char *p = a->text + word + n, *end = p + strlen(p);
    if (n == 18) { /* expireAfterSeconds */
        p += strspn(p, " \t:=");
        size_t digits = strspn(p, "0123456789");
        return digits && digits < 13 ? strtoll(p, NULL, 10) : -2;
    }
    for (const char *at = p; at < end && at - p < FAR_BEHIND; at++) {
        size_t document = *at == '{' ? document_end(a->text, (size_t)(at - a->text)) : 0;
        if (document) { /* the key, mostly: what is in it is no time */
            p += a->text + document - 1 - at;
            at = a->text + document - 1;
        } else if (!of_word(at[-1]) && span(at) >= 0) {
            return is_negative(a->text, at) ? -3 : span(at);
        }
    }
    for (size_t at = word; at > 0 && word - at < 24; at--)
        if ((at == 1 || !of_word(a->text[at - 2])) && span(a->text + at - 1) >= 0)
            return is_negative(a->text, a->text + at - 1) ? -3 : span(a->text + at - 1);
    return -2;
}

/* ---- the words outside of documents ---- */

static void take_word(struct asking *a, size_t from, size_t n)
{
    static const char *const denials[] = {"not", "non", "no", "without", "never", "isnt", "nor", NULL}, *const named[] = {"named", "called", "name", NULL};
    static const char *const unique[] = {"unique", "uniqueness", "uniquely", NULL}, *const sparse[] = {"sparse", NULL}, *const hidden[] = {"hidden", NULL};
    static const char *const partial[] = {"partial", "partialfilterexpression", NULL}, *const expires[] = {"ttl", "expire", "expires", "expired", "expiry", "expiring", "expireafterseconds", NULL};
    const char *p = a->text + from, *word;
    size_t before = from && a->text[from - 1] == '-' ? word_before(a->text, from - 1, &word) : word_before(a->text, from, &word);
    if ((before && (is_one(word, before, denials) || is_one(word, before, named))) || (from > 1 && strncasecmp(a->text + from - 2, "t ", 2) == 0 && before == 1))
        return; /* the last: isn't unique */
    a->unique |= is_one(p, n, unique);
    a->sparse |= is_one(p, n, sparse);
    a->hidden |= is_one(p, n, hidden);
    a->partial |= is_one(p, n, partial);
    if (is_one(p, n, expires) && a->seconds < 0)
        a->seconds = expiry(a, from, n);
}

static int read_all(struct asking *a)
{
    for (size_t i = 0, n; a->text[i]; i += n) {
        char c = a->text[i];
        size_t end;
        n = 1;
        if (c == '{' && (end = document_end(a->text, i))) {
            if (take_document(a, i, end))
                return -1;
            n = end - i;
        } else if (c == '"' || c == '`') { /* a quotation; an apostrophe alone is none */
            const char *close = strchr(a->text + i + 1, c);
            n = close ? (size_t)(close - a->text) + 1 - i : 1;
        } else if (of_word(c)) {
            while (of_word(a->text[i + n]))
                n++;
            char next = a->text[i + n];
            bool in_name = (i && strchr(".$'", a->text[i - 1])) || (next == '.' && of_word(a->text[i + n + 1])) || (next == '-' && of_word(a->text[i + n + 1]) && strncasecmp(a->text + i, "non", 3) != 0);
            if (!in_name)
                take_word(a, i, n);
        }
    }
    return 0;
}

/* ---- what came of it ---- */

static int write_options(struct asking *a)
{
    bson_t b;
    if (a->seconds == -2)
        return sb_fail(a->err, SB_EINPUT, "documents are to expire, and it is not said after how long: write, for example, expire after 30 days");
    if (a->seconds == -3)
        return sb_fail(a->err, SB_EINPUT, "documents expire some time after the date in them, not before it: write, for example, expire after 30 days");
    if (a->seconds > MOST_SECONDS)
        return sb_fail(a->err, SB_EINPUT, "documents expire after at most %" PRId64 " s", MOST_SECONDS);
    if (a->partial && !a->filter)
        return sb_fail(a->err, SB_EINPUT, "the index is to be partial, and its filter is not written out: write, for example, where {status: \"open\"}");
    if (a->sparse && a->filter)
        return sb_fail(a->err, SB_EINPUT, "an index is sparse or has a filter, not both: {field: {$exists: true}} in the filter says the same as sparse");
    if (!a->unique && !a->sparse && !a->hidden && a->seconds < 0 && !a->filter && !a->collation)
        return 0;
    bson_init(&b);
    bool ok = (!a->unique || BSON_APPEND_BOOL(&b, "unique", true)) && (!a->sparse || BSON_APPEND_BOOL(&b, "sparse", true)) && (!a->hidden || BSON_APPEND_BOOL(&b, "hidden", true)) &&
              (a->seconds < 0 || BSON_APPEND_INT32(&b, "expireAfterSeconds", (int32_t)a->seconds)) && (!a->filter || BSON_APPEND_DOCUMENT(&b, "partialFilterExpression", a->filter)) &&
              (!a->collation || BSON_APPEND_DOCUMENT(&b, "collation", a->collation));
    char *json = ok ? bson_as_canonical_extended_json(&b, NULL) : NULL;
    a->out->options = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
    bson_destroy(&b);
    return a->out->options ? 0 : sb_fail_nomem(a->err);
}

int sb_index_asked_read(const char *request, struct sb_index_asked *out, struct sb_err *err)
{
    struct asking a = {.text = request, .out = out, .seconds = -1, .err = err};
    memset(out, 0, sizeof *out);
    if (strlen(request) > MOST_TEXT)
        return sb_fail(err, SB_EINPUT, "a request longer than %d bytes", MOST_TEXT);
    int rc = read_all(&a) || write_options(&a) ? -1 : 0;
    if (a.filter)
        bson_destroy(a.filter);
    if (a.collation)
        bson_destroy(a.collation);
    return rc;
}

void sb_index_asked_release(struct sb_index_asked *a)
{
    free(a->key);
    free(a->options);
    free(a->name);
    memset(a, 0, sizeof *a);
}
