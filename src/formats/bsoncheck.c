/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/bsoncheck.h>

#include <signalbox/base/str.h>

#include <string.h>

/* Where a value is, and where the document around it ends (at its last byte, the NUL). */
struct walk {
    const unsigned char *start, *p, *end;
    const unsigned char *outer[SB_BSON_SERVER_DEPTH];
    int depth;
    struct sb_bson_look *look;
};

static bool fault(struct walk *w, const unsigned char *at, const char *what)
{
    w->look->fault = what;
    w->look->at = (size_t)(at - w->start);
    return false;
}

static bool plain(const unsigned char *p, size_t n)
{
    uint64_t all = 0, v;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&v, p, sizeof v);
        all |= v;
    }
    for (; n; n--, p++)
        all |= *p;
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

static void look_at_text(struct walk *w, const unsigned char *p, size_t n)
{
    if (!plain(p, n) && !w->look->not_utf8)
        w->look->not_utf8 = !sb_utf8_valid((const char *)p, n);
}

/* A text that ends with a NUL, within the document. */
static bool take_cstring(struct walk *w, const char *what)
{
    const unsigned char *p = w->p, *end = w->end;
    while (p < end && *p)
        p++;
    if (p >= end)
        return fault(w, w->p, what);
    look_at_text(w, w->p, (size_t)(p - w->p));
    w->p = p + 1;
    return true;
}

static bool take(struct walk *w, size_t n, const char *what)
{
    if ((size_t)(w->end - w->p) < n)
        return fault(w, w->p, what);
    w->p += n;
    return true;
}

static bool take_string(struct walk *w)
{
    if (w->end - w->p < 5)
        return fault(w, w->p, "with a text that runs over its end");
    int32_t n = sb_bson_length(w->p);
    if (n < 1 || n > w->end - w->p - 4)
        return fault(w, w->p, "with a text whose length is impossible");
    if (w->p[4 + n - 1] != 0)
        return fault(w, w->p, "with a text that has no end");
    look_at_text(w, w->p + 4, (size_t)n - 1);
    w->p += 4 + n;
    return true;
}

/* Goes into the document at w->p, which may not be longer than what is left. */
static bool enter(struct walk *w)
{
    if (w->end - w->p < SB_BSON_MIN)
        return fault(w, w->p, "with a document in it that runs over its end");
    int32_t n = sb_bson_length(w->p);
    if (n < SB_BSON_MIN || n > w->end - w->p)
        return fault(w, w->p, "with a document in it whose length is impossible");
    if (w->p[n - 1] != 0)
        return fault(w, w->p + n - 1, "with a document in it that has no end");
    if (w->depth == SB_BSON_SERVER_DEPTH)
        return fault(w, w->p, "that is nested too deeply");
    w->outer[w->depth++] = w->end;
    w->end = w->p + n - 1;
    w->p += 4;
    return true;
}

static bool take_binary(struct walk *w)
{
    if (w->end - w->p < 5)
        return fault(w, w->p, "with binary data that runs over its end");
    int32_t n = sb_bson_length(w->p);
    if (n < 0 || n > w->end - w->p - 5)
        return fault(w, w->p, "with binary data whose length is impossible");
    w->p += 5 + n;
    return true;
}

static bool take_bool(struct walk *w)
{
    if (w->end - w->p < 1 || *w->p > 1)
        return fault(w, w->p, "with a boolean that is neither true nor false");
    w->p++;
    return true;
}

/* Code with its scope: a length around a text and a document that fill it. */
static bool take_scoped_code(struct walk *w)
{
    const unsigned char *from = w->p;
    if (w->end - w->p < 4 + 5 + SB_BSON_MIN)
        return fault(w, w->p, "with code that runs over its end");
    int32_t n = sb_bson_length(w->p);
    if (n < 4 + 5 + SB_BSON_MIN || n > w->end - w->p)
        return fault(w, w->p, "with code whose length is impossible");
    w->p += 4;
    if (!take_string(w))
        return false;
    if (n - (w->p - from) < SB_BSON_MIN || sb_bson_length(w->p) != n - (w->p - from))
        return fault(w, from, "with code whose scope does not fit its length");
    return enter(w);
}

static bool take_value(struct walk *w, unsigned char type)
{
    static const char short_value[] = "with a value that runs over its end";
    switch (type) {
    case 0x01: /* double */
    case 0x09: /* date */
    case 0x11: /* timestamp */
    case 0x12: /* 64-bit integer */
        return take(w, 8, short_value);
    case 0x10:
        return take(w, 4, short_value);
    case 0x07:
        return take(w, 12, short_value);
    case 0x13:
        return take(w, 16, short_value);
    case 0x06: /* undefined, null, the least and the greatest key */
    case 0x0A:
    case 0x7F:
    case 0xFF:
        return true;
    case 0x02: /* text, code, symbol */
    case 0x0D:
    case 0x0E:
        return take_string(w);
    case 0x03:
    case 0x04:
        return enter(w);
    case 0x05:
        return take_binary(w);
    case 0x08:
        return take_bool(w);
    case 0x0B:
        return take_cstring(w, "with a regular expression that has no end") && take_cstring(w, "with a regular expression that has no end");
    case 0x0C:
        return take_string(w) && take(w, 12, short_value);
    case 0x0F:
        return take_scoped_code(w);
    default:
        return fault(w, w->p, "with a value of a type that does not exist");
    }
}

bool sb_bson_whole(const unsigned char *p, size_t n, struct sb_bson_look *look)
{
    struct walk w = {.start = p, .p = p, .end = p + n, .depth = 0, .look = look};
    *look = (struct sb_bson_look){NULL, 0, false, false};
    if (n < SB_BSON_MIN || sb_bson_length(p) < 0 || (size_t)sb_bson_length(p) != n)
        return fault(&w, p, "whose length is impossible");
    if (p[n - 1] != 0)
        return fault(&w, p + n - 1, "that has no end");
    w.p += 4;
    w.end--;
    for (;;) {
        while (w.p == w.end) {
            if (w.depth == 0)
                return true;
            w.p++; /* its NUL, which enter has seen */
            w.end = w.outer[--w.depth];
        }
        unsigned char type = *w.p++;
        const unsigned char *name = w.p;
        if (type == 0)
            return fault(&w, w.p - 1, "that ends before its length does");
        if (!take_cstring(&w, "with a name that has no end"))
            return false;
        if (w.depth == 0 && w.p - name == 4 && memcmp(name, "_id", 3) == 0)
            look->has_id = true;
        if (!take_value(&w, type))
            return false;
    }
}
