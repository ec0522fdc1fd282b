/* SPDX-License-Identifier: Apache-2.0 */
#include "extjson.h"

/* ---- what is written ---- */

bool sb_ej_bad(struct sb_ej_read *r, const char *what)
{
    r->j.state = SB_JT_BAD;
    if (!r->x->what)
        r->x->what = what;
    return false;
}

bool sb_ej_reserve(struct sb_ej_read *r, size_t n)
{
    struct sb_extjson *x = r->x;
    if (x->cap - x->n >= n)
        return true;
    if (n > SB_EXTJSON_MAX || x->n + n > SB_EXTJSON_MAX)
        return sb_ej_bad(r, "the document is larger than 17 MiB");
    size_t cap = x->cap ? x->cap : 4096;
    while (cap - x->n < n)
        cap *= 2;
    uint8_t *p = realloc(x->p, cap);
    if (!p) {
        r->nomem = true;
        return false;
    }
    x->p = p;
    x->cap = cap;
    return true;
}

bool sb_ej_put(struct sb_ej_read *r, const void *bytes, size_t n)
{
    if (!sb_ej_reserve(r, n))
        return false;
    memcpy(r->x->p + r->x->n, bytes, n);
    r->x->n += n;
    return true;
}

static void store32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

bool sb_ej_put32(struct sb_ej_read *r, uint32_t v)
{
    uint8_t bytes[4];
    store32(bytes, v);
    return sb_ej_put(r, bytes, sizeof bytes);
}

bool sb_ej_put64(struct sb_ej_read *r, uint64_t v)
{
    return sb_ej_put32(r, (uint32_t)v) && sb_ej_put32(r, (uint32_t)(v >> 32));
}

/* ---- strings ---- */

static bool hex_after_u(struct sb_span raw)
{
    for (size_t i = 0; i + 1 < raw.n; i++) {
        if (raw.p[i] != '\\')
            continue;
        if (raw.p[++i] != 'u')
            continue;
        for (size_t k = 1; k <= 4; k++)
            if (i + k >= raw.n || !strchr("0123456789abcdefABCDEF", raw.p[i + k]) || !raw.p[i + k])
                return false;
    }
    return true;
}

static bool plain_ascii(const char *p, size_t n)
{
    uint64_t all = 0, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        all |= word;
    }
    while (n--)
        all |= (unsigned char)*p++;
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

bool sb_ej_string(struct sb_ej_read *r, struct sb_span *raw, bool *escaped)
{
    if (r->j.p < r->j.end && *r->j.p != '"')
        return sb_ej_bad(r, "a string was expected");
    const char *from = r->j.p;
    if (!sb_jt_string(&r->j, raw, escaped))
        return r->j.state == SB_JT_BAD ? sb_ej_bad(r, "a control character or a wrong escape in a string") : false;
    if ((*escaped && !hex_after_u(*raw)) || (!plain_ascii(raw->p, raw->n) && !sb_utf8_valid(raw->p, raw->n))) {
        r->j.p = from;
        return sb_ej_bad(r, *escaped && !hex_after_u(*raw) ? "a wrong escape in a string" : "a string that is not UTF-8");
    }
    return true;
}

bool sb_ej_append_string(struct sb_ej_read *r, bool nul)
{
    struct sb_span raw;
    bool escaped;
    const char *from = r->j.p;
    if (!sb_ej_string(r, &raw, &escaped) || !sb_ej_reserve(r, raw.n + 1))
        return false;
    uint8_t *to = r->x->p + r->x->n;
    size_t n = raw.n;
    if (escaped)
        n = sb_jt_unescape((char *)to, raw);
    else if (n)
        memcpy(to, raw.p, n);
    if (escaped && !nul && memchr(to, 0, n)) {
        r->j.p = from;
        return sb_ej_bad(r, "a NUL where BSON allows none");
    }
    to[n] = 0;
    r->x->n += n + 1;
    return true;
}

bool sb_ej_append_text(struct sb_ej_read *r)
{
    size_t at = r->x->n;
    if (!sb_ej_put32(r, 0) || !sb_ej_append_string(r, true))
        return false;
    store32(r->x->p + at, (uint32_t)(r->x->n - at - 4));
    return true;
}

/* ---- numbers ---- */

/* Whether the text is a number by JSON's grammar, and whether it has a point or an exponent. */
static bool is_number(const char *p, bool *real)
{
    p += *p == '-';
    size_t digits = strspn(p, "0123456789");
    if (digits == 0 || (*p == '0' && digits > 1))
        return false;
    p += digits;
    *real = *p != '\0';
    if (*p == '.') {
        size_t fraction = strspn(++p, "0123456789");
        if (fraction == 0)
            return false;
        p += fraction;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        size_t exponent = strspn(p, "0123456789");
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

static bool append_number(struct sb_ej_read *r, uint8_t *type)
{
    char text[400];
    bool real = false;
    size_t n = 0, room = (size_t)(r->j.end - r->j.p);
    while (n < room && n < sizeof text && r->j.p[n] && strchr("0123456789+-.eE", r->j.p[n]))
        n++;
    if (n == sizeof text)
        return sb_ej_bad(r, "a number of more than 399 characters");
    memcpy(text, r->j.p, n);
    text[n] = '\0';
    if (n < room && !is_number(text, &real))
        return sb_ej_bad(r, "a wrong number");
    r->j.p += n;
    if (n == room) /* more digits may follow */
        return sb_jt_stop(&r->j, SB_JT_CUT);
    int64_t v;
    if (!real && sb_parse_i64(text, &v) == 0) {
        bool small = v >= INT32_MIN && v <= INT32_MAX;
        *type = small ? SB_BSON_INT : SB_BSON_LONG;
        return small ? sb_ej_put32(r, (uint32_t)(int32_t)v) : sb_ej_put64(r, (uint64_t)v);
    }
    double d = strtod(text, NULL);
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    *type = SB_BSON_DOUBLE;
    return sb_ej_put64(r, bits);
}

/* ---- values ---- */

static bool word(struct sb_ej_read *r, const char *text, size_t n)
{
    size_t room = (size_t)(r->j.end - r->j.p);
    if (memcmp(r->j.p, text, room < n ? room : n) != 0)
        return sb_ej_bad(r, "a value was expected");
    if (room < n) {
        r->j.p = r->j.end;
        return sb_jt_stop(&r->j, SB_JT_CUT);
    }
    r->j.p += n;
    return true;
}

static bool append_value(struct sb_ej_read *r, int depth, uint8_t *type);

/* Space for the length of a document or array, and what closes it. */
static bool begin(struct sb_ej_read *r, size_t *at)
{
    *at = r->x->n;
    return sb_ej_put32(r, 0);
}

static bool finish(struct sb_ej_read *r, size_t at)
{
    if (!sb_ej_put(r, "", 1))
        return false;
    store32(r->x->p + at, (uint32_t)(r->x->n - at));
    return true;
}

/* Why a walk through members or elements came to an end: true when it was the bracket. */
static bool ended(struct sb_ej_read *r, const char *what)
{
    if (r->j.state == SB_JT_BAD)
        return sb_ej_bad(r, what);
    return r->j.state == SB_JT_OK;
}

static bool append_array(struct sb_ej_read *r, int depth)
{
    size_t at;
    bool first = true;
    if (depth > SB_BSON_MAX_DEPTH)
        return sb_ej_bad(r, "nested deeper than 255 levels");
    r->j.p++;
    if (!begin(r, &at))
        return false;
    for (uint32_t i = 0; sb_jt_element(&r->j, &first); i++) {
        char name[16];
        uint8_t type = 0;
        size_t type_at = r->x->n;
        int n = snprintf(name, sizeof name, "%u", i);
        if (!sb_ej_put(r, "", 1) || !sb_ej_put(r, name, (size_t)n + 1) || !append_value(r, depth + 1, &type))
            return false;
        r->x->p[type_at] = type;
    }
    return ended(r, "a comma or ] was expected") && finish(r, at);
}

/* What stands at the cursor when a member was expected there. */
static const char *member_wrong(const struct sb_ej_read *r)
{
    return r->j.p < r->j.end && *r->j.p == '"' ? "a control character or a wrong escape in a name"
                                               : "a name in double quotes, a colon, a comma or } was expected";
}

/* Appends the name that was taken out of the text from `raw`. */
static bool append_name(struct sb_ej_read *r, struct sb_span raw)
{
    struct sb_jt behind = r->j;
    r->j.p = raw.p - 1;
    if (!sb_ej_append_string(r, false))
        return false;
    r->j.p = behind.p;
    return true;
}

/* The members of an object from the one on whose name was taken. */
static bool append_members(struct sb_ej_read *r, int depth, struct sb_span name)
{
    size_t at;
    bool first = false, escaped;
    if (!begin(r, &at))
        return false;
    do {
        uint8_t type = 0;
        size_t type_at = r->x->n;
        if (!sb_ej_put(r, "", 1) || !append_name(r, name) || !append_value(r, depth + 1, &type))
            return false;
        r->x->p[type_at] = type;
    } while (sb_jt_member(&r->j, &first, &name, &escaped));
    return ended(r, member_wrong(r)) && finish(r, at);
}

/* An object, or what Extended JSON writes as one. */
static bool append_braces(struct sb_ej_read *r, int depth, bool wrappers, uint8_t *type)
{
    struct sb_span name;
    size_t at;
    bool first = true, escaped, known = false;
    if (depth > SB_BSON_MAX_DEPTH)
        return sb_ej_bad(r, "nested deeper than 255 levels");
    r->j.p++;
    *type = SB_BSON_OBJECT;
    if (!sb_jt_member(&r->j, &first, &name, &escaped))
        return ended(r, member_wrong(r)) && begin(r, &at) && finish(r, at);
    if (wrappers && name.n > 1 && name.p[0] == '$' && !sb_ej_wrapper(r, name, depth, type, &known))
        return false;
    return known || append_members(r, depth, name);
}

bool sb_ej_append_object(struct sb_ej_read *r, int depth)
{
    uint8_t type;
    if (r->j.p < r->j.end && *r->j.p != '{')
        return sb_ej_bad(r, "an object was expected");
    return r->j.p < r->j.end ? append_braces(r, depth, false, &type) : sb_jt_stop(&r->j, SB_JT_CUT);
}

static bool append_value(struct sb_ej_read *r, int depth, uint8_t *type)
{
    if (r->j.p == r->j.end)
        return sb_jt_stop(&r->j, SB_JT_CUT);
    switch (*r->j.p) {
    case '{': return append_braces(r, depth, true, type);
    case '[': *type = SB_BSON_ARRAY; return append_array(r, depth);
    case '"': *type = SB_BSON_STRING; return sb_ej_append_text(r);
    case 't': *type = SB_BSON_BOOL; return word(r, "true", 4) && sb_ej_put(r, "\1", 1);
    case 'f': *type = SB_BSON_BOOL; return word(r, "false", 5) && sb_ej_put(r, "", 1);
    case 'n': *type = SB_BSON_NULL; return word(r, "null", 4);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': return append_number(r, type);
    default: return sb_ej_bad(r, "a value was expected");
    }
}

enum sb_extjson_status sb_extjson_read(struct sb_extjson *x, const char *text, size_t len)
{
    struct sb_ej_read r = {x, sb_jt_make(text, len), false};
    x->n = 0;
    x->what = NULL;
    bool ok = sb_ej_append_object(&r, 1);
    x->at = (size_t)(r.j.p - text);
    if (ok)
        return SB_EXTJSON_OK;
    if (r.nomem)
        return SB_EXTJSON_NOMEM;
    if (x->what)
        return SB_EXTJSON_BAD;
    return SB_EXTJSON_CUT;
}

void sb_extjson_release(struct sb_extjson *x)
{
    free(x->p);
    *x = (struct sb_extjson)SB_EXTJSON_INIT;
}
