/* SPDX-License-Identifier: Apache-2.0
 *
 * A request cut into words. What is no English word is told by its form: numbers, times, names, paths, keys, calls. */
#include "intake_lexicon.h"

#include <signalbox/base/str.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 500
#define QUOTE_WORDS 3 /* so many words between quotation marks are somebody's text; fewer are a name */

struct reader {
    const struct sb_lexicon *l;
    const char *text;
    size_t len, at;
    size_t quote_ends; /* inside a quotation up to here */
    size_t closes;     /* the mark here ends what one before it began: it begins nothing */
    char *const *known;
    size_t known_n;
    struct sb_word *out;
    size_t n, max;
    uint16_t sentence;
};

static struct sb_word *push(struct reader *r, size_t from, size_t to)
{
    if (r->n == r->max)
        return NULL;
    struct sb_word *w = &r->out[r->n++];
    memset(w, 0, sizeof *w);
    w->from = (uint32_t)from;
    w->to = (uint32_t)to;
    w->sentence = r->sentence;
    w->quoted = from < r->quote_ends;
    size_t n = to - from < SB_WORD_MAX ? to - from : SB_WORD_MAX;
    for (size_t i = 0; i < n; i++)
        w->text[i] = (char)tolower((unsigned char)r->text[from + i]);
    return w;
}

static void form(struct sb_word *w, enum sb_word_form f)
{
    if (w)
        sb_classes_set(&w->classes, f);
}

/* typos: a slip of the pen counts too. */
static bool listed(const struct reader *r, struct sb_word *w, bool typos)
{
    static const struct sb_classes none;
    struct sb_classes found = none;
    sb_lexicon_look_up(r->l, w->text, typos, &found);
    sb_classes_add(&w->classes, &found);
    return memcmp(&found, &none, sizeof none) != 0;
}

static bool is_known(const struct reader *r, size_t from, size_t to)
{
    size_t n = to - from;
    for (size_t i = 0; i < r->known_n; i++) {
        const char *dot = strchr(r->known[i], '.'), *names[] = {r->known[i], dot ? dot + 1 : r->known[i]};
        for (size_t j = 0; j < 2; j++)
            if (strlen(names[j]) == n && memcmp(names[j], r->text + from, n) == 0)
                return true;
    }
    return false;
}

/* ---- forms ---- */

static size_t digits(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && isdigit((unsigned char)p[i]))
        i++;
    return i;
}

static bool one_of(const char *p, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(*list, p, n) == 0)
            return true;
    return false;
}

/* What begins with a digit; SB_FORM_COUNT: none of these. */
static enum sb_word_form number_form(const char *p, size_t n)
{
    static const char *const units[] = {"", "k", "m", "bn", "%", "b", "kb", "mb", "gb", "tb", "gib", "tib", "mib", "st", "nd", "rd", "th", NULL};
    static const char *const spans[] = {"ms", "s", "sec", "secs", "min", "mins", "h", "hr", "hrs", "d", "w", NULL};
    static const char *const clocks[] = {"am", "pm", "z", "utc", NULL};
    size_t k = digits(p, n), all = k;
    if (k && k < n && p[k] == ':' && digits(p + k + 1, n - k - 1) >= 2)
        return SB_FORM_CLOCK;
    if (k == 4 && n >= 7 && p[4] == '-' && digits(p + 5, n - 5) == 2)
        return SB_FORM_CLOCK;
    while (all < n && (isdigit((unsigned char)p[all]) || p[all] == '.' || p[all] == ','))
        all++;
    if (one_of(p + all, n - all, clocks))
        return SB_FORM_CLOCK;
    if (one_of(p + all, n - all, spans))
        return SB_FORM_DURATION;
    if (n - all == 1 && (p[all] == 'x' || p[all] == 'X'))
        return SB_FORM_TIMES;
    return one_of(p + all, n - all, units) ? SB_FORM_NUMBER : SB_FORM_COUNT;
}

static bool is_path(const char *p, size_t n)
{
    static const char *const ends[] = {"js", "ts", "jsx", "tsx", "py", "java", "md", "json", "gz", "go", "rb", "php", "cs", "html", "css", "sh", "yml", "yaml", "c", "h", "rs", "txt",
                                       "log", "com", "org", "io", "net", "xml", "toml", "csv", "zip", "tar", "exe", "dll", "so", "archive", "bson", NULL};
    const char *dot = memrchr(p, '.', n), *slash = memchr(p, '/', n);
    if (p[0] == '/' || memmem(p, n, "://", 3))
        return true;
    return dot && dot > p && (!slash || dot > slash) && one_of(dot + 1, n - (size_t)(dot + 1 - p), ends);
}

static bool is_index_name(const char *p, size_t n)
{
    static const char *const ends[] = {"_1", "_-1", "_text", "_2dsphere", "_hashed", NULL};
    for (const char *const *e = ends; *e; e++)
        if (n > strlen(*e) && memcmp(p + n - strlen(*e), *e, strlen(*e)) == 0)
            return true;
    return (memchr(p, '_', n) || memchr(p, '-', n)) && (memmem(p, n, "idx", 3) || memmem(p, n, "index", 5));
}

static bool is_camel(const char *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (isupper((unsigned char)p[i]) && islower((unsigned char)p[i - 1]))
            return true;
    return false;
}

/* ---- one chunk without blanks ---- */

static bool of_chunk(unsigned char c)
{
    return isalnum(c) || strchr("_.-/:@+%#'", c) || c >= 0xC3; /* accented Latin letters; the caller stops at other scripts */
}

static void simple(struct reader *r, size_t from, size_t to)
{
    if (from == to)
        return;
    const char *p = r->text + from;
    size_t n = to - from;
    const char *quote = memchr(p, '\'', n);
    struct sb_word *w = push(r, from, to);
    if (!w)
        return;
    if (quote && n > 3 && strncasecmp(p + n - 3, "n't", 3) == 0) { /* don't: dont */
        size_t k = strlen(w->text);
        if (k == n)
            memmove(w->text + k - 2, w->text + k - 1, 2);
    } else if (quote) { /* what's: what */
        w->text[(size_t)(quote - p) < SB_WORD_MAX ? (size_t)(quote - p) : SB_WORD_MAX] = '\0';
    }
    bool camel = is_camel(p, n), in_list = listed(r, w, !camel);
    enum sb_word_form f = isdigit((unsigned char)p[0]) ? number_form(p, n) : SB_FORM_COUNT;
    if (f != SB_FORM_COUNT)
        form(w, f);
    if (is_index_name(p, n))
        form(w, SB_FORM_INDEX);
    if (memchr(p, '_', n) || (!in_list && camel))
        form(w, SB_FORM_IDENT);
    if (r->known_n && is_known(r, from, to))
        form(w, SB_FORM_KNOWN);
    if (to < r->len && r->text[to] == '(')
        form(w, SB_FORM_CALL);
}

static void split(struct reader *r, size_t from, size_t to, const char *at)
{
    while (from < to) {
        size_t k = from;
        while (k < to && !strchr(at, r->text[k]))
            k++;
        simple(r, from, k);
        from = k + 1;
    }
}

static bool is_name(const char *p, size_t n)
{
    const char *dot = memchr(p, '.', n);
    return dot && dot > p && dot + 1 < p + n && isalpha((unsigned char)p[0]) && !memchr(p, '/', n) && !memchr(p, '\'', n);
}

/* find( of shop.find(, which is a call, and not a collection with what it is indexed by behind it. */
static bool is_method(const struct reader *r, const char *p, size_t n)
{
    static const struct sb_classes none;
    struct sb_classes found = none;
    char last[SB_WORD_MAX + 1];
    const char *dot = memrchr(p, '.', n);
    if (!dot || p + n == r->text + r->len || p[n] != '(')
        return false;
    size_t k = (size_t)(p + n - dot - 1);
    for (size_t i = 0; i < k && i < SB_WORD_MAX; i++)
        last[i] = (char)tolower((unsigned char)dot[1 + i]);
    last[k < SB_WORD_MAX ? k : SB_WORD_MAX] = '\0';
    sb_lexicon_look_up(r->l, last, false, &found);
    return memcmp(&found, &none, sizeof none) != 0 || is_camel(dot + 1, k);
}

static void chunk(struct reader *r, size_t from, size_t to)
{
    while (to > from && strchr(".-/:+#'@", r->text[to - 1]))
        to--;
    while (from < to && strchr("-.:+#'@", r->text[from]))
        from++;
    const char *p = r->text + from;
    size_t n = to - from;
    if (n == 0)
        return;
    if (memchr(p, '.', n) || memchr(p, '-', n) || memchr(p, '/', n) || memchr(p, '#', n)) { /* node.js, long-running, i/o: as a whole, where it is listed */
        struct sb_word *w = push(r, from, to);
        if (!w || listed(r, w, false))
            return;
        r->n--;
    }
    enum sb_word_form f = isdigit((unsigned char)p[0]) ? number_form(p, n) : SB_FORM_COUNT;
    bool known = r->known_n && is_known(r, from, to);
    if (!known && n > 3 && strncmp(p, "db.", 3) == 0)
        split(r, from + 3, to, ".");
    else if (!known && is_method(r, p, n))
        split(r, from, to, "."); /* rs.status(), mongoose.connect() */
    else if (f != SB_FORM_COUNT || is_index_name(p, n))
        simple(r, from, to);
    else if (!known && is_path(p, n))
        form(push(r, from, to), SB_FORM_PATH);
    else if (known || is_name(p, n)) {
        struct sb_word *w = push(r, from, to);
        if (is_name(p, n))
            form(w, SB_FORM_NAME);
        else if (w)
            listed(r, w, false);
        if (known)
            form(w, SB_FORM_KNOWN);
    } else {
        split(r, from, to, "/:-@+.");
    }
}

/* ---- the whole text ---- */

static size_t key_end(const struct reader *r)
{
    int depth = 0;
    for (size_t i = r->at; i < r->len && i < r->at + KEY_MAX; i++) {
        depth += r->text[i] == '{' ? 1 : r->text[i] == '}' ? -1 : 0;
        if (depth == 0)
            return i + 1;
    }
    return 0;
}

/* At an opening mark: where the quotation ends when it is one of several words; else 0. */
static size_t quotation(const struct reader *r, size_t from, const char *close)
{
    const char *end = memmem(r->text + from, r->len - from, close, strlen(close));
    size_t words = 0;
    if (!end)
        return 0;
    size_t to = (size_t)(end - r->text);
    for (size_t i = from; i < to; i++)
        words += !isspace((unsigned char)r->text[i]) && (i == from || isspace((unsigned char)r->text[i - 1]));
    bool is_all = from <= 3 && r->len - to <= strlen(close) + 1;
    return words >= QUOTE_WORDS && !is_all ? to : 0;
}

static void punctuation(struct reader *r, char c)
{
    if (c == '?' && r->n)
        form(&r->out[r->n - 1], SB_FORM_ASKS);
    if (strchr("?!;\n", c) || (c == '.' && (r->at + 1 >= r->len || isspace((unsigned char)r->text[r->at + 1]))))
        r->sentence++;
    r->at++;
}

/* What is not ASCII and no accented letter. */
static void other_script(struct reader *r)
{
    uint32_t point = 0;
    size_t from = r->at, n = sb_utf8_decode(r->text + r->at, r->len - r->at, &point);
    bool letters = point == 0xBF || (point >= 0x370 && point < 0x2000) || (point >= 0x2E80 && point < 0xFE00);
    size_t ends = point == 0x201C ? quotation(r, r->at + n, "\xE2\x80\x9D") : 0;
    if (ends && !r->quote_ends)
        r->quote_ends = ends;
    r->at += n ? n : 1;
    if (!letters)
        return;
    while (r->at < r->len && (unsigned char)r->text[r->at] >= 0x80) /* the word it begins */
        r->at++;
    form(push(r, from, r->at), SB_FORM_FOREIGN);
}

static void next(struct reader *r)
{
    unsigned char c = (unsigned char)r->text[r->at];
    size_t end;
    if (r->quote_ends && r->at >= r->quote_ends)
        r->quote_ends = 0;
    if (c == '{' && (end = key_end(r))) {
        form(push(r, r->at, end), SB_FORM_KEY);
        r->at = end;
    } else if (c == '`' && (end = r->at + 1 + strcspn(r->text + r->at + 1, "`")) < r->len && end - r->at < 100) {
        r->at++;
        struct sb_word *w = push(r, r->at, end);
        form(w, SB_FORM_IDENT);
        if (w && is_index_name(r->text + r->at, end - r->at))
            form(w, SB_FORM_INDEX);
        if (w && is_name(r->text + r->at, end - r->at))
            form(w, SB_FORM_NAME);
        r->at = end + 1;
    } else if (c == '"' || (c == '\'' && (r->at == 0 || isspace((unsigned char)r->text[r->at - 1])))) {
        bool begins = !r->quote_ends && !(r->closes && r->at == r->closes);
        const char *mark = begins ? memchr(r->text + r->at + 1, c, r->len - r->at - 1) : NULL;
        end = begins ? quotation(r, r->at + 1, c == '"' ? "\"" : "'") : 0;
        r->closes = mark && c == '"' ? (size_t)(mark - r->text) : r->closes;
        r->quote_ends = end ? end : r->quote_ends;
        r->at++;
    } else if (c == '$' && r->at + 1 < r->len && isalpha((unsigned char)r->text[r->at + 1])) {
        for (end = r->at + 1; end < r->len && isalnum((unsigned char)r->text[end]); end++)
            ;
        struct sb_word *w = push(r, r->at, end);
        form(w, SB_FORM_OPERATOR);
        if (w)
            listed(r, w, false);
        r->at = end;
    } else if (c < 0x80 ? isalnum(c) || strchr("_/#", c) : c >= 0xC3 && c <= 0xC9) {
        for (end = r->at; end < r->len && of_chunk((unsigned char)r->text[end]);) {
            if ((unsigned char)r->text[end] > 0xC9)
                break;
            end += (unsigned char)r->text[end] >= 0xC3 ? 2 : 1;
        }
        while (c == '/' && end < r->len && strchr("?=&", r->text[end])) /* a path with its query */
            end += strcspn(r->text + end, " \t\r\n");
        chunk(r, r->at, end);
        r->at = end;
        if (end && r->text[end - 1] == '.')
            r->at--; /* it ends a sentence */
        if (r->at < r->len && (unsigned char)r->text[r->at] >= 0x80 && (unsigned char)r->text[r->at] < 0xC3)
            other_script(r);
    } else if (c >= 0x80) {
        other_script(r);
    } else {
        punctuation(r, (char)c);
    }
}

/* Several words that mean one thing become one. */
static size_t join(const struct sb_lexicon *l, struct sb_word *w, size_t n)
{
    char stems[SB_WORDS_MAX][SB_WORD_MAX + 1];
    for (size_t i = 0; i < n; i++) {
        memcpy(stems[i], w[i].text, sizeof stems[0]);
        sb_stem(stems[i]);
    }
    size_t kept = 0;
    for (size_t i = 0, k; i < n; i += k, kept++) {
        struct sb_classes found = {{0}};
        size_t same = 1;
        while (i + same < n && w[i + same].sentence == w[i].sentence)
            same++;
        k = sb_lexicon_phrase(l, stems + i, same, &found);
        struct sb_word joined = w[i];
        if (k) {
            joined.to = w[i + k - 1].to;
            bool asks = w[i + k - 1].classes.w[0] >> SB_FORM_ASKS & 1;
            joined.classes = found;
            form(asks ? &joined : NULL, SB_FORM_ASKS);
        } else {
            k = 1;
        }
        w[kept] = joined;
    }
    return kept;
}

size_t sb_words_read(const struct sb_lexicon *l, const char *text, size_t len, char *const *known, size_t known_n, struct sb_word *out, size_t max)
{
    struct reader r = {.l = l, .text = text, .len = len, .known = known, .known_n = known_n, .out = out, .max = max < SB_WORDS_MAX ? max : SB_WORDS_MAX};
    while (r.at < r.len && r.n < r.max)
        next(&r);
    return join(l, out, r.n);
}
