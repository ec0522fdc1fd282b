/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the walker of JSON text. Whatever the bytes, spans lie within them and the cursor only goes forward. A document
 * that jansson accepts is walked to its end, element by element and skipped as a whole alike, and cut off anywhere it is
 * never called wrong: a log line that is cut must not be counted as a bad one. */
#include "fuzz.h"

#include <signalbox/base/json.h>
#include <signalbox/formats/jsontext.h>

#define DEPTH 64

struct text {
    const char *p, *end;
};

static void within(const struct text *t, struct sb_span s)
{
    check(s.p >= t->p && s.p + s.n <= t->end);
}

static void unescape(struct sb_span raw)
{
    char *out = malloc(raw.n + 1);
    check(out != NULL);
    check(sb_jt_unescape(out, raw) <= raw.n);
    free(out);
}

/* Walks the value at the cursor, whatever it is. */
static bool walk(const struct text *t, struct sb_jt *j, unsigned depth)
{
    struct sb_span raw;
    bool escaped, first = true;
    const char *from = j->p;
    check(j->p >= t->p && j->p <= t->end);
    if (j->p == j->end || depth == DEPTH)
        return sb_jt_skip(j, NULL);
    if (*j->p == '"') {
        if (!sb_jt_string(j, &raw, &escaped))
            return false;
        within(t, raw);
        unescape(raw);
    } else if (*j->p == '{') {
        check(sb_jt_open(j, '{'));
        while (sb_jt_member(j, &first, &raw, &escaped)) {
            within(t, raw);
            if (!walk(t, j, depth + 1))
                return false;
        }
        if (j->state != SB_JT_OK)
            return false;
    } else if (*j->p == '[') {
        check(sb_jt_open(j, '['));
        while (sb_jt_element(j, &first))
            if (!walk(t, j, depth + 1))
                return false;
        if (j->state != SB_JT_OK)
            return false;
    } else {
        if (!sb_jt_scalar(j, &raw))
            return false;
        within(t, raw);
        sb_jt_number(raw);
    }
    check(j->p > from && j->p <= t->end);
    return true;
}

static enum sb_jt_state walked(const char *p, size_t n, const char **end)
{
    struct text t = {p, p + n};
    struct sb_jt j = sb_jt_make(p, n);
    bool fine = walk(&t, &j, 0);
    *end = j.p;
    check(fine || j.state != SB_JT_OK);
    return fine ? SB_JT_OK : j.state;
}

static enum sb_jt_state skipped(const char *p, size_t n, const char **end)
{
    struct sb_jt j = sb_jt_make(p, n);
    struct sb_span raw;
    bool fine = sb_jt_skip(&j, &raw);
    *end = j.p;
    if (fine)
        check(raw.p == p && raw.p + raw.n == j.p);
    return fine ? SB_JT_OK : j.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"t.$date", "attr.command.filter", "a", "a.b"};
    const char *p = (const char *)data, *end, *other;
    int64_t number;
    struct sb_span found;
    enum sb_jt_state state = walked(p, size, &end);
    skipped(p, size, &other);
    for (size_t i = 0; i < SB_COUNT(paths); i++) {
        if (sb_jt_find((struct sb_span){p, size}, paths[i], &found))
            within(&(struct text){p, p + size}, found);
        sb_jt_find_integer((struct sb_span){p, size}, paths[i], &number);
        sb_jt_find_string((struct sb_span){p, size}, paths[i], &found);
    }
    json_t *tree = size && (*p == '{' || *p == '[') ? sb_json_parse(p, size, "fuzz", SB_JSON_ALLOW_REAL, NULL) : NULL;
    if (tree) {
        size_t tail = size; /* blanks may follow the document */
        while (strchr(" \t\r\n", p[tail - 1]))
            tail--;
        check(state == SB_JT_OK && end == p + tail);
        check(skipped(p, size, &other) == SB_JT_OK && other == end);
        for (size_t n = 0; n < tail; n += 1 + tail / 64) {
            check(walked(p, n, &end) == SB_JT_CUT);
            check(skipped(p, n, &end) == SB_JT_CUT);
        }
        json_decref(tree);
    }
    return 0;
}
