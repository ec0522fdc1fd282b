/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in the text of a bundle a JSON pointer leads. The text has been read by a strict parser before, so that this walk
 * only has to find its way; it is careful all the same, and says no where it gets lost. */
#include "loader.h"

#include <string.h>

struct walk {
    const char *p, *end;
};

static void skip_space(struct walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
        w->p++;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(struct walk *w)
{
    for (w->p++; w->p < w->end && *w->p != '"'; w->p++)
        if (*w->p == '\\')
            w->p++;
    return w->p++ < w->end;
}

/* Behind a value. Brackets are counted, so nothing recurses. */
static bool skip_value(struct walk *w)
{
    int depth = 0;
    do {
        skip_space(w);
        if (w->p >= w->end)
            return false;
        if (*w->p == '"') {
            if (!skip_string(w))
                return false;
        } else if (*w->p == '{' || *w->p == '[') {
            depth++;
            w->p++;
        } else if (*w->p == '}' || *w->p == ']') {
            depth--;
            w->p++;
        } else if (*w->p == ',' || *w->p == ':') {
            w->p++;
        } else {
            do
                w->p++;
            while (w->p < w->end && !strchr(" \t\r\n,]}", *w->p));
        }
    } while (depth > 0);
    return true;
}

/* The key at the quote, its escapes undone, is the segment of a pointer. */
static bool is_key(const char *quote, const char *behind, const char *segment, size_t n)
{
    json_t *key = json_loadb(quote, (size_t)(behind - quote), JSON_DECODE_ANY, NULL);
    const char *text = json_string_value(key);
    bool same = text != NULL;
    size_t i = 0;
    for (; same && i < n; i++, text++) {
        char c = segment[i];
        if (c == '~' && i + 1 < n)
            c = segment[++i] == '0' ? '~' : '/';
        same = *text == c;
    }
    same = same && *text == '\0';
    json_decref(key);
    return same;
}

/* At an object: to the quote of the member's key; *value is where its value begins. */
static bool find_member(struct walk *w, const char *segment, size_t n, const char **value)
{
    for (w->p++;;) {
        skip_space(w);
        const char *quote = w->p;
        if (w->p >= w->end || *w->p != '"' || !skip_string(w))
            return false;
        const char *behind = w->p;
        skip_space(w);
        if (w->p >= w->end || *w->p++ != ':')
            return false;
        skip_space(w);
        if (is_key(quote, behind, segment, n)) {
            *value = w->p;
            w->p = quote;
            return true;
        }
        if (!skip_value(w))
            return false;
        skip_space(w);
        if (w->p >= w->end || *w->p++ != ',')
            return false;
    }
}

/* At a list: to the item. */
static bool find_item(struct walk *w, const char *segment, size_t n)
{
    size_t index = 0;
    for (size_t i = 0; i < n; i++) {
        if (segment[i] < '0' || segment[i] > '9' || index > 100000)
            return false;
        index = index * 10 + (size_t)(segment[i] - '0');
    }
    w->p++;
    for (; index; index--) {
        if (!skip_value(w))
            return false;
        skip_space(w);
        if (w->p >= w->end || *w->p++ != ',')
            return false;
    }
    skip_space(w);
    return w->p < w->end && *w->p != ']';
}

bool sb_policy_place(const char *text, size_t len, const char *pointer, int64_t *line, int64_t *column)
{
    struct walk w = {text, text + len};
    skip_space(&w);
    const char *at = w.p;
    while (*pointer == '/') {
        const char *segment = ++pointer;
        size_t n = strcspn(segment, "/");
        const char *value = NULL;
        if (w.p >= w.end || !(*w.p == '{' ? find_member(&w, segment, n, &value) : *w.p == '[' && find_item(&w, segment, n)))
            break; /* the rest is not there: what is around it has to do */
        at = w.p;
        if (value)
            w.p = value;
        pointer = segment + n;
    }
    if (at >= w.end)
        return false;
    *line = *column = 1;
    for (const char *p = text; p < at; p++) {
        *column = *p == '\n' ? 1 : *column + (((unsigned char)*p & 0xC0) != 0x80);
        *line += *p == '\n';
    }
    return true;
}
