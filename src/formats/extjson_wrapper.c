/* SPDX-License-Identifier: Apache-2.0
 *
 * What Extended JSON writes as an object with a name that begins with a dollar. */
#include "extjson.h"

#include <bson/bson.h>
#include <signalbox/base/base64.h>
#include <signalbox/base/clock.h>

#define WRONG "is not what Extended JSON has behind this name"

/* The next member, or the closing bracket (then *more is false). */
static bool next(struct sb_ej_read *r, struct sb_span *name, bool *more)
{
    bool first = false, escaped;
    *more = sb_jt_member(&r->j, &first, name, &escaped);
    return *more || r->j.state == SB_JT_OK || (r->j.state == SB_JT_BAD && sb_ej_bad(r, WRONG));
}

/* Nothing but the closing bracket. */
static bool closed(struct sb_ej_read *r)
{
    struct sb_span name;
    bool more;
    return next(r, &name, &more) && (!more || sb_ej_bad(r, WRONG));
}

/* The string at the cursor, unescaped and NUL-terminated in `to`. */
static bool short_string(struct sb_ej_read *r, char *to, size_t cap)
{
    struct sb_span raw;
    bool escaped;
    const char *from = r->j.p;
    if (!sb_ej_string(r, &raw, &escaped))
        return false;
    if (raw.n >= cap) {
        r->j.p = from;
        return sb_ej_bad(r, WRONG);
    }
    size_t n = raw.n;
    if (escaped)
        n = sb_jt_unescape(to, raw);
    else
        memcpy(to, raw.p, n);
    to[n] = '\0';
    if (strlen(to) == n)
        return true;
    r->j.p = from;
    return sb_ej_bad(r, WRONG);
}

static bool open_inner(struct sb_ej_read *r, struct sb_span *name)
{
    bool first = true, escaped;
    if (!sb_jt_open(&r->j, '{'))
        return r->j.state == SB_JT_BAD ? sb_ej_bad(r, WRONG) : false;
    if (!sb_jt_member(&r->j, &first, name, &escaped))
        return r->j.state == SB_JT_CUT ? false : sb_ej_bad(r, WRONG);
    return true;
}

/* ---- the wrappers ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool object_id(struct sb_ej_read *r)
{
    char text[26];
    uint8_t bytes[12];
    if (!short_string(r, text, sizeof text))
        return false;
    for (size_t i = 0; i < 12; i++) {
        int high = strlen(text) == 24 ? hex_digit(text[2 * i]) : -1, low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return sb_ej_bad(r, "an ObjectId has 24 hexadecimal digits");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return sb_ej_put(r, bytes, sizeof bytes);
}

static bool whole_number(struct sb_ej_read *r, int64_t least, int64_t most, int64_t *out)
{
    char text[24];
    if (!short_string(r, text, sizeof text))
        return false;
    if (sb_parse_i64(text, out) || *out < least || *out > most)
        return sb_ej_bad(r, "a whole number that does not fit its type");
    return true;
}

static bool real_number(struct sb_ej_read *r)
{
    char text[400], *end;
    uint64_t bits;
    if (!short_string(r, text, sizeof text))
        return false;
    double d = strtod(text, &end);
    if (end == text || *end)
        return sb_ej_bad(r, "a $numberDouble that is no number");
    memcpy(&bits, &d, sizeof bits);
    return sb_ej_put64(r, bits);
}

static bool decimal(struct sb_ej_read *r)
{
    char text[128];
    bson_decimal128_t d;
    if (!short_string(r, text, sizeof text))
        return false;
    if (!bson_decimal128_from_string(text, &d))
        return sb_ej_bad(r, "a $numberDecimal that is no number");
    return sb_ej_put64(r, d.low) && sb_ej_put64(r, d.high);
}

/* {"$date": "2026-11-23T09:05:10.707Z"}, {"$date": {"$numberLong": "..."}}, and of v1 {"$date": 1700000000000}. */
static bool date(struct sb_ej_read *r)
{
    char text[64];
    int64_t ms;
    struct sb_span name;
    if (r->j.p < r->j.end && *r->j.p == '"') {
        if (!short_string(r, text, sizeof text))
            return false;
        if (sb_time_parse(text, strlen(text), &ms))
            return sb_ej_bad(r, "a $date that is no time");
    } else if (r->j.p < r->j.end && *r->j.p == '{') {
        if (!open_inner(r, &name))
            return false;
        if (!SB_SPAN_IS(name, "$numberLong"))
            return sb_ej_bad(r, WRONG);
        if (!whole_number(r, INT64_MIN, INT64_MAX, &ms) || !closed(r))
            return false;
    } else {
        struct sb_span raw;
        if (!sb_jt_scalar(&r->j, &raw))
            return r->j.state == SB_JT_BAD ? sb_ej_bad(r, WRONG) : false;
        snprintf(text, sizeof text, "%.*s", (int)(raw.n < sizeof text ? raw.n : 0), raw.p);
        if (sb_parse_i64(text, &ms))
            return sb_ej_bad(r, "a $date that is no time");
    }
    return sb_ej_put64(r, (uint64_t)ms);
}

static bool put_binary(struct sb_ej_read *r, struct sb_span text, const char *subtype)
{
    struct sb_str bytes;
    char *end;
    unsigned long type = strtoul(subtype, &end, 16);
    if (!*subtype || *end || type > 255)
        return sb_ej_bad(r, "a subType that is no byte");
    sb_str_init(&bytes);
    bool ok = sb_base64_decode(&bytes, text.p, text.n) == 0;
    bool failed = bytes.failed;
    uint8_t byte = (uint8_t)type;
    if (ok)
        ok = sb_ej_put32(r, (uint32_t)bytes.len) && sb_ej_put(r, &byte, 1) && sb_ej_put(r, bytes.p, bytes.len);
    else if (failed)
        r->nomem = true;
    else
        sb_ej_bad(r, "a $binary that is not base64");
    sb_str_release(&bytes);
    return ok;
}

/* {"$binary": {"base64": "...", "subType": "00"}}, and of v1 {"$binary": "...", "$type": "00"}. */
static bool binary(struct sb_ej_read *r)
{
    struct sb_span name, text = {NULL, 0};
    char subtype[8] = "";
    bool more, escaped;
    if (r->j.p < r->j.end && *r->j.p == '"') {
        if (!sb_ej_string(r, &text, &escaped) || !next(r, &name, &more))
            return false;
        if (!more || !SB_SPAN_IS(name, "$type"))
            return sb_ej_bad(r, WRONG);
        return short_string(r, subtype, sizeof subtype) && put_binary(r, text, subtype);
    }
    if (!open_inner(r, &name))
        return false;
    for (more = true; more;) {
        if (SB_SPAN_IS(name, "base64") ? !sb_ej_string(r, &text, &escaped)
                                       : SB_SPAN_IS(name, "subType") ? !short_string(r, subtype, sizeof subtype) : !sb_ej_bad(r, WRONG))
            return false;
        if (!next(r, &name, &more))
            return false;
    }
    return text.p ? put_binary(r, text, subtype) : sb_ej_bad(r, WRONG);
}

static bool uuid(struct sb_ej_read *r)
{
    char text[40];
    uint8_t bytes[16];
    size_t n = 0;
    if (!short_string(r, text, sizeof text))
        return false;
    for (const char *p = text; *p; p++) {
        if (*p == '-')
            continue;
        int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);
        if (low < 0 || n == sizeof bytes)
            return sb_ej_bad(r, "a $uuid that is none");
        bytes[n++] = (uint8_t)(high << 4 | low);
        p++;
    }
    if (n != sizeof bytes)
        return sb_ej_bad(r, "a $uuid that is none");
    return sb_ej_put32(r, 16) && sb_ej_put(r, "\4", 1) && sb_ej_put(r, bytes, sizeof bytes);
}

/* {"$regularExpression": {"pattern": "...", "options": "i"}}: pattern first, as it is written everywhere. */
static bool regular_expression(struct sb_ej_read *r)
{
    struct sb_span name;
    bool more;
    if (!open_inner(r, &name))
        return false;
    if (!SB_SPAN_IS(name, "pattern"))
        return sb_ej_bad(r, WRONG);
    if (!sb_ej_append_string(r, false) || !next(r, &name, &more))
        return false;
    if (!more || !SB_SPAN_IS(name, "options"))
        return sb_ej_bad(r, WRONG);
    return sb_ej_append_string(r, false) && closed(r);
}

static bool number_part(struct sb_ej_read *r, uint32_t *out)
{
    struct sb_span raw;
    char text[16];
    int64_t v;
    if (!sb_jt_scalar(&r->j, &raw))
        return r->j.state == SB_JT_BAD ? sb_ej_bad(r, WRONG) : false;
    snprintf(text, sizeof text, "%.*s", (int)(raw.n < sizeof text ? raw.n : 0), raw.p);
    if (sb_parse_i64(text, &v) || v < 0 || v > UINT32_MAX)
        return sb_ej_bad(r, WRONG);
    *out = (uint32_t)v;
    return true;
}

/* {"$timestamp": {"t": 1700000000, "i": 1}} */
static bool timestamp(struct sb_ej_read *r)
{
    struct sb_span name;
    uint32_t t = 0, i = 0;
    bool more;
    if (!open_inner(r, &name))
        return false;
    for (more = true; more;) {
        if (SB_SPAN_IS(name, "t") ? !number_part(r, &t) : SB_SPAN_IS(name, "i") ? !number_part(r, &i) : !sb_ej_bad(r, WRONG))
            return false;
        if (!next(r, &name, &more))
            return false;
    }
    return sb_ej_put32(r, i) && sb_ej_put32(r, t);
}

/* {"$minKey": 1}, {"$undefined": true} */
static bool marker(struct sb_ej_read *r)
{
    struct sb_span raw;
    if (!sb_jt_scalar(&r->j, &raw))
        return r->j.state == SB_JT_BAD ? sb_ej_bad(r, WRONG) : false;
    return true;
}

static bool db_pointer(struct sb_ej_read *r)
{
    struct sb_span name;
    bool more;
    if (!open_inner(r, &name))
        return false;
    if (!SB_SPAN_IS(name, "$ref"))
        return sb_ej_bad(r, WRONG);
    if (!sb_ej_append_text(r) || !next(r, &name, &more))
        return false;
    if (!more || !SB_SPAN_IS(name, "$id"))
        return sb_ej_bad(r, WRONG);
    if (!open_inner(r, &name))
        return false;
    return (SB_SPAN_IS(name, "$oid") || sb_ej_bad(r, WRONG)) && object_id(r) && closed(r) && closed(r);
}

/* {"$code": "..."} and {"$code": "...", "$scope": {}}; closes. */
static bool code(struct sb_ej_read *r, int depth, uint8_t *type)
{
    struct sb_span name;
    bool more;
    size_t at = r->x->n;
    if (!sb_ej_append_text(r) || !next(r, &name, &more))
        return false;
    *type = more ? SB_BSON_CODE_SCOPE : SB_BSON_CODE;
    if (!more)
        return true;
    if (!SB_SPAN_IS(name, "$scope"))
        return sb_ej_bad(r, WRONG);
    if (!sb_ej_put32(r, 0))
        return false;
    memmove(r->x->p + at + 4, r->x->p + at, r->x->n - at - 4);
    if (!sb_ej_append_object(r, depth + 1))
        return false;
    uint32_t n = (uint32_t)(r->x->n - at);
    for (int i = 0; i < 4; i++)
        r->x->p[at + (size_t)i] = (uint8_t)(n >> 8 * i);
    return closed(r);
}

/* {"$regex": "...", "$options": ""} of v1. A query that somebody stores has other things here: then it is an object. */
static bool old_regex(struct sb_ej_read *r, uint8_t *type, bool *known)
{
    struct sb_jt before = r->j;
    struct sb_span raw, name;
    bool escaped, first = false;
    *known = r->j.p < r->j.end && *r->j.p == '"';
    if (!*known)
        return true;
    if (!sb_ej_string(r, &raw, &escaped))
        return false;
    if (!sb_jt_member(&r->j, &first, &name, &escaped) || !SB_SPAN_IS(name, "$options")) {
        if (r->j.state == SB_JT_CUT && r->j.p == r->j.end)
            return false;
        *known = false;
        r->j = before;
        return true;
    }
    struct sb_jt options = r->j;
    r->j = before;
    if (!sb_ej_append_string(r, false))
        return false;
    r->j = options;
    *type = SB_BSON_REGEX;
    return sb_ej_append_string(r, false) && closed(r);
}

enum what { OBJECT_ID, INT, LONG, DOUBLE, DECIMAL, DATE, BINARY, UUID, REGEX, OLD_REGEX, TIMESTAMP, MIN_KEY, MAX_KEY, UNDEFINED, SYMBOL, CODE, DB_POINTER };

static const struct {
    struct sb_span name;
    enum what what;
    uint8_t type;
} wrappers[] = {
    {SB_SPAN("$oid"), OBJECT_ID, SB_BSON_OBJECT_ID},
    {SB_SPAN("$numberInt"), INT, SB_BSON_INT},
    {SB_SPAN("$numberLong"), LONG, SB_BSON_LONG},
    {SB_SPAN("$numberDouble"), DOUBLE, SB_BSON_DOUBLE},
    {SB_SPAN("$numberDecimal"), DECIMAL, SB_BSON_DECIMAL},
    {SB_SPAN("$date"), DATE, SB_BSON_DATE},
    {SB_SPAN("$binary"), BINARY, SB_BSON_BINARY},
    {SB_SPAN("$uuid"), UUID, SB_BSON_BINARY},
    {SB_SPAN("$regularExpression"), REGEX, SB_BSON_REGEX},
    {SB_SPAN("$regex"), OLD_REGEX, SB_BSON_REGEX},
    {SB_SPAN("$timestamp"), TIMESTAMP, SB_BSON_TIMESTAMP},
    {SB_SPAN("$minKey"), MIN_KEY, SB_BSON_MIN_KEY},
    {SB_SPAN("$maxKey"), MAX_KEY, SB_BSON_MAX_KEY},
    {SB_SPAN("$undefined"), UNDEFINED, SB_BSON_UNDEFINED},
    {SB_SPAN("$symbol"), SYMBOL, SB_BSON_SYMBOL},
    {SB_SPAN("$code"), CODE, SB_BSON_CODE},
    {SB_SPAN("$dbPointer"), DB_POINTER, SB_BSON_DB_POINTER},
};

static bool append(struct sb_ej_read *r, enum what what, int depth, uint8_t *type, bool *known)
{
    int64_t v;
    switch (what) {
    case OBJECT_ID: return object_id(r) && closed(r);
    case INT: return whole_number(r, INT32_MIN, INT32_MAX, &v) && sb_ej_put32(r, (uint32_t)(int32_t)v) && closed(r);
    case LONG: return whole_number(r, INT64_MIN, INT64_MAX, &v) && sb_ej_put64(r, (uint64_t)v) && closed(r);
    case DOUBLE: return real_number(r) && closed(r);
    case DECIMAL: return decimal(r) && closed(r);
    case DATE: return date(r) && closed(r);
    case BINARY: return binary(r) && closed(r);
    case UUID: return uuid(r) && closed(r);
    case REGEX: return regular_expression(r) && closed(r);
    case OLD_REGEX: *type = SB_BSON_OBJECT; return old_regex(r, type, known);
    case TIMESTAMP: return timestamp(r) && closed(r);
    case MIN_KEY: case MAX_KEY: case UNDEFINED: return marker(r) && closed(r);
    case SYMBOL: return sb_ej_append_text(r) && closed(r);
    case CODE: return code(r, depth, type);
    case DB_POINTER: return db_pointer(r) && closed(r);
    }
    return false;
}

bool sb_ej_wrapper(struct sb_ej_read *r, struct sb_span name, int depth, uint8_t *type, bool *known)
{
    size_t i = 0;
    while (i < SB_COUNT(wrappers) && !sb_span_is(name, wrappers[i].name.p, wrappers[i].name.n))
        i++;
    *known = i < SB_COUNT(wrappers);
    if (!*known)
        return true;
    *type = wrappers[i].type;
    const char *from = r->j.p;
    if (append(r, wrappers[i].what, depth, type, known))
        return true;
    if (r->j.state == SB_JT_BAD && wrappers[i].what != CODE) /* the whole of it is what is wrong, and begins here */
        r->j.p = from;
    return false;
}
