/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_cursor.c - reading a command in either form, and writing its skeleton.
 */
#include "shape_reduce.h"

#include <signalbox/base/hash.h>

#include <inttypes.h>
#include <math.h>

/* ---- the cursor ---- */

static struct sb_span utf8_of(const bson_iter_t *it)
{
    uint32_t n;
    const char *p = bson_iter_utf8(it, &n);
    return (struct sb_span){p, p ? n : 0};
}

/* Names of Extended JSON's wrappers, and of a DBRef's first member: an object that begins so is a literal. */
static bool is_wrapper(struct sb_span key, enum sb_value *as)
{
    static const struct {
        struct sb_span key;
        enum sb_value as;
    } wrappers[] = {
        {SB_SPAN("$oid"), V_LITERAL},       {SB_SPAN("$date"), V_LITERAL},          {SB_SPAN("$uuid"), V_LITERAL},
        {SB_SPAN("$binary"), V_LITERAL},    {SB_SPAN("$numberInt"), V_NUMBER},      {SB_SPAN("$numberLong"), V_NUMBER},
        {SB_SPAN("$numberDouble"), V_NUMBER}, {SB_SPAN("$numberDecimal"), V_NUMBER}, {SB_SPAN("$timestamp"), V_LITERAL},
        {SB_SPAN("$regularExpression"), V_REGEX}, {SB_SPAN("$minKey"), V_LITERAL},  {SB_SPAN("$maxKey"), V_LITERAL},
        {SB_SPAN("$undefined"), V_LITERAL}, {SB_SPAN("$symbol"), V_LITERAL},        {SB_SPAN("$code"), V_LITERAL},
        {SB_SPAN("$dbPointer"), V_LITERAL}, {SB_SPAN("$ref"), V_LITERAL},
    };
    if (key.n == 0 || key.p[0] != '$')
        return false;
    for (size_t i = 0; i < SB_COUNT(wrappers); i++) {
        if (sb_span_equal(wrappers[i].key, key)) {
            *as = wrappers[i].as;
            return true;
        }
    }
    return false;
}

struct sb_span sb_cursor_peek(const struct sb_cursor *c)
{
    struct sb_span key = {NULL, 0};
    bool first = true, escaped = false;
    if (c->j) {
        struct sb_jt j = *c->j;
        if (!sb_jt_open(&j, '{') || !sb_jt_member(&j, &first, &key, &escaped) || escaped)
            return (struct sb_span){NULL, 0};
        return key;
    }
    bson_iter_t inner;
    if (bson_iter_recurse(&c->it, &inner) && bson_iter_next(&inner)) {
        key.p = bson_iter_key(&inner);
        key.n = strlen(key.p);
    }
    return key;
}

enum sb_value sb_cursor_kind_of_object(const struct sb_cursor *c)
{
    enum sb_value as;
    struct sb_span key = sb_cursor_peek(c);
    return key.p && is_wrapper(key, &as) ? as : V_OBJECT;
}

enum sb_value sb_cursor_kind_of_bson(const struct sb_cursor *c)
{
    switch (bson_iter_type(&c->it)) {
    case BSON_TYPE_DOCUMENT:
        return sb_cursor_kind_of_object(c);
    case BSON_TYPE_ARRAY:
        return V_ARRAY;
    case BSON_TYPE_UTF8:
        return V_STRING;
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DECIMAL128:
        return V_NUMBER;
    case BSON_TYPE_BOOL:
        return V_BOOL;
    case BSON_TYPE_NULL:
        return V_NULL;
    case BSON_TYPE_REGEX:
        return V_REGEX;
    default:
        return V_LITERAL;
    }
}

bool sb_cursor_string(struct sb_cursor *c, struct sb_span *text, bool *escaped)
{
    *escaped = false;
    if (c->j)
        return sb_jt_string(c->j, text, escaped);
    *text = utf8_of(&c->it);
    return true;
}

static double number_of_text(struct sb_span raw)
{
    char text[64];
    if (raw.n == 1 && *raw.p >= '0' && *raw.p <= '9')
        return *raw.p - '0';
    if (raw.n >= sizeof text)
        return (double)sb_jt_number(raw);
    memcpy(text, raw.p, raw.n);
    text[raw.n] = '\0';
    return strtod(text, NULL);
}

bool sb_cursor_number(struct sb_cursor *c, double *out)
{
    *out = 0;
    if (!c->j) {
        if (BSON_ITER_HOLDS_DECIMAL128(&c->it)) {
            bson_decimal128_t d;
            char text[BSON_DECIMAL128_STRING];
            if (bson_iter_decimal128(&c->it, &d)) {
                bson_decimal128_to_string(&d, text);
                *out = strtod(text, NULL);
            }
        } else {
            *out = bson_iter_as_double(&c->it);
        }
        return true;
    }
    struct sb_span raw;
    if (*c->j->p != '{') {
        if (!sb_jt_scalar(c->j, &raw))
            return false;
        *out = number_of_text(raw);
        return true;
    }
    struct sb_jt inner = *c->j;
    struct sb_span key;
    bool first = true, escaped;
    if (sb_jt_open(&inner, '{') && sb_jt_member(&inner, &first, &key, &escaped) && sb_jt_string(&inner, &raw, &escaped))
        *out = number_of_text(raw);
    return sb_jt_skip(c->j, NULL);
}

bool sb_cursor_bool(struct sb_cursor *c, bool *out)
{
    if (c->j)
        return sb_jt_bool(c->j, out);
    *out = bson_iter_bool(&c->it);
    return true;
}

/* ---- the skeleton ---- */

void sb_out_bytes(struct sb_out *o, const char *p, size_t n)
{
    if ((size_t)(o->end - o->p) < n || o->full) {
        o->full = true;
        o->spilled = sb_fnv1a(o->spilled, p, n);
        return;
    }
    memcpy(o->p, p, n);
    o->p += n;
}

void sb_out_text(struct sb_out *o, char token, struct sb_span text, bool escaped)
{
    char plain[256], *heap = NULL;
    if (escaped) {
        char *to = text.n <= sizeof plain ? plain : (heap = malloc(text.n));
        if (to)
            text = (struct sb_span){to, sb_jt_unescape(to, text)};
        else
            o->partial = true; /* out of memory: the escaped form will have to do */
    }
    sb_out_put(o, token);
    size_t n = text.n;
    for (; n > 127; n >>= 7)
        sb_out_put(o, (char)(0x80 | (n & 127)));
    sb_out_put(o, (char)n);
    sb_out_bytes(o, text.p, text.n);
    free(heap);
}

void sb_out_number(struct sb_out *o, double v)
{
    char text[40];
    if (v == floor(v) && fabs(v) < 9e15)
        snprintf(text, sizeof text, "%" PRId64, (int64_t)v);
    else
        snprintf(text, sizeof text, "%.17g", v);
    sb_out_text(o, T_NUMBER, (struct sb_span){text, strlen(text)}, false);
}
