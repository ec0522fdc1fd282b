/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/sim/value.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t bool_bytes[2] = {0, 1};
const struct sim_val sim_missing = {0, 0, bool_bytes}, sim_null = {BSON_TYPE_NULL, 0, bool_bytes},
                     sim_undefined = {BSON_TYPE_UNDEFINED, 0, bool_bytes}, sim_min_key = {BSON_TYPE_MINKEY, 0, bool_bytes},
                     sim_max_key = {BSON_TYPE_MAXKEY, 0, bool_bytes}, sim_false = {BSON_TYPE_BOOL, 1, bool_bytes},
                     sim_true = {BSON_TYPE_BOOL, 1, bool_bytes + 1};

/* Bytes of a value that starts at p, or -1 for a type that has no fixed or announced size. Trusts p. */
static inline int64_t value_size(uint8_t type, const uint8_t *p)
{
    switch (type) {
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DATE_TIME:
    case BSON_TYPE_TIMESTAMP:
    case BSON_TYPE_INT64:
        return 8;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_CODE:
    case BSON_TYPE_SYMBOL:
        return 4 + (int64_t)sim_u32(p);
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
    case BSON_TYPE_CODEWSCOPE:
        return sim_u32(p);
    case BSON_TYPE_BINARY:
        return 5 + (int64_t)sim_u32(p);
    case BSON_TYPE_OID:
        return 12;
    case BSON_TYPE_BOOL:
        return 1;
    case BSON_TYPE_INT32:
        return 4;
    case BSON_TYPE_DECIMAL128:
        return 16;
    case BSON_TYPE_DBPOINTER:
        return 4 + (int64_t)sim_u32(p) + 12;
    case BSON_TYPE_REGEX: {
        size_t pattern = strlen((const char *)p) + 1;
        return (int64_t)(pattern + strlen((const char *)p + pattern) + 1);
    }
    case BSON_TYPE_UNDEFINED:
    case BSON_TYPE_NULL:
    case BSON_TYPE_MINKEY:
    case BSON_TYPE_MAXKEY:
        return 0;
    default:
        return -1;
    }
}

static bool valid_doc(const uint8_t *p, size_t n, unsigned depth);

static bool valid_string(const uint8_t *p, size_t left, size_t *size)
{
    if (left < 5)
        return false;
    uint32_t n = sim_u32(p);
    if (n < 1 || n > left - 4 || p[4 + n - 1] != 0)
        return false;
    *size = 4 + (size_t)n;
    return true;
}

static bool valid_code_with_scope(const uint8_t *p, size_t left, unsigned depth, size_t *size)
{
    if (left < 4 || sim_u32(p) > left || sim_u32(p) < 4 + 5 + 5)
        return false;
    size_t total = sim_u32(p), code;
    if (!valid_string(p + 4, total - 4, &code) || total - 4 - code < 5)
        return false;
    *size = total;
    return valid_doc(p + 4 + code, total - 4 - code, depth + 1);
}

/* Checks one value of at most `left` bytes and tells its size. */
static bool valid_value(uint8_t type, const uint8_t *p, size_t left, unsigned depth, size_t *size)
{
    const uint8_t *nul;
    switch (type) {
    case BSON_TYPE_UTF8:
    case BSON_TYPE_CODE:
    case BSON_TYPE_SYMBOL:
        return valid_string(p, left, size);
    case BSON_TYPE_DBPOINTER:
        if (!valid_string(p, left, size) || left - *size < 12)
            return false;
        *size += 12;
        return true;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        if (left < 5 || sim_u32(p) > left)
            return false;
        *size = sim_u32(p);
        return valid_doc(p, *size, depth + 1);
    case BSON_TYPE_CODEWSCOPE:
        return valid_code_with_scope(p, left, depth, size);
    case BSON_TYPE_BINARY:
        if (left < 5 || sim_u32(p) > left - 5)
            return false;
        *size = 5 + (size_t)sim_u32(p);
        return true;
    case BSON_TYPE_REGEX:
        nul = memchr(p, 0, left);
        if (!nul || !(nul = memchr(nul + 1, 0, left - (size_t)(nul + 1 - p))))
            return false;
        *size = (size_t)(nul + 1 - p);
        return true;
    default: {
        int64_t fixed = value_size(type, p);
        if (fixed < 0 || (size_t)fixed > left || (type == BSON_TYPE_BOOL && p[0] > 1))
            return false;
        *size = (size_t)fixed;
        return true;
    }
    }
}

static bool valid_doc(const uint8_t *p, size_t n, unsigned depth)
{
    if (depth > SIM_MAX_DEPTH || n < 5 || sim_u32(p) != n || p[n - 1] != 0)
        return false;
    const uint8_t *at = p + 4, *end = p + n - 1;
    while (at < end) {
        uint8_t type = *at++;
        const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
        size_t size;
        if (!nul || !valid_value(type, nul + 1, (size_t)(end - nul - 1), depth, &size))
            return false;
        at = nul + 1 + size;
    }
    return at == end;
}

bool sim_valid(const uint8_t *bytes, size_t n)
{
    return n <= INT32_MAX && valid_doc(bytes, n, 0);
}

bool sim_next(struct sim_iter *it, struct sim_elem *e)
{
    const uint8_t *p = it->at;
    uint8_t type = *p++;
    if (type == 0)
        return false;
    e->key = (const char *)p;
    while (*p)
        p++;
    e->key_n = (uint32_t)(p - (const uint8_t *)e->key);
    p++;
    int64_t n = value_size(type, p);
    e->v = (struct sim_val){type, (uint32_t)n, p};
    it->at = p + n;
    return true;
}

/* The most called function of all: the name is compared while it is passed over. */
struct sim_val sim_find_n(const uint8_t *doc, const char *key, size_t n)
{
    const uint8_t *p = doc + 4;
    for (uint8_t type; (type = *p++) != 0;) {
        size_t i = 0;
        while (i < n && p[i] == (uint8_t)key[i] && p[i])
            i++;
        bool found = i == n && p[i] == 0;
        while (p[i])
            i++;
        p += i + 1;
        int64_t size = value_size(type, p);
        if (found)
            return (struct sim_val){type, (uint32_t)size, p};
        p += size;
    }
    return sim_missing;
}

struct sim_val sim_find(const uint8_t *doc, const char *key)
{
    return sim_find_n(doc, key, strlen(key));
}

struct sim_val sim_path(const uint8_t *doc, const char *path)
{
    for (;;) {
        size_t n = strcspn(path, ".");
        struct sim_val v = sim_find_n(doc, path, n);
        if (path[n] == '\0' || !v.type)
            return v;
        if (!sim_is_doc(v.type))
            return sim_missing;
        doc = v.p;
        path += n + 1;
    }
}

bool sim_is_empty(const uint8_t *doc)
{
    return doc[4] == 0;
}

size_t sim_count(const uint8_t *doc)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    size_t n = 0;
    while (sim_next(&it, &e))
        n++;
    return n;
}

bool sim_text_is(struct sim_val v, const char *text)
{
    size_t n = strlen(text);
    return sim_is_text(v.type) && sim_text_n(v) == n && memcmp(sim_text(v), text, n) == 0;
}

/* A price or a rate, as nearly all are: both numbers are exact, so the quotient is what reading the text would give. */
static bool is_short_decimal(const bson_decimal128_t *d, int *places)
{
    *places = 6176 - (int)(d->high >> 49 & 0x3fff);
    return (d->high >> 61 & 3) != 3 && (d->high & ((UINT64_C(1) << 49) - 1)) == 0 && d->low < UINT64_C(1) << 53 && *places >= 0 && *places <= 15;
}

static long double decimal_number(const uint8_t *p)
{
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bson_decimal128_t d = {(uint64_t)sim_i64(p), (uint64_t)sim_i64(p + 8)};
    int places;
    if (is_short_decimal(&d, &places)) {
        long double n = (long double)d.low / (long double)power[places];
        return d.high >> 63 ? -n : n;
    }
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_to_string(&d, text);
    return strtold(text, NULL);
}

long double sim_number(struct sim_val v)
{
    switch (v.type) {
    case BSON_TYPE_INT32:
        return sim_i32(v.p);
    case BSON_TYPE_INT64:
        return (long double)sim_i64(v.p);
    case BSON_TYPE_DOUBLE:
        return sim_f64(v.p);
    case BSON_TYPE_DECIMAL128:
        return decimal_number(v.p);
    default:
        return 0;
    }
}

int64_t sim_int(struct sim_val v, int64_t otherwise)
{
    if (!sim_is_number(v.type))
        return otherwise;
    long double d = sim_number(v);
    if (isnan(d))
        return 0;
    if (d >= 9223372036854775807.0L)
        return INT64_MAX;
    return d <= -9223372036854775808.0L ? INT64_MIN : (int64_t)d;
}

bool sim_truth(struct sim_val v)
{
    switch (v.type) {
    case 0:
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
        return false;
    case BSON_TYPE_BOOL:
        return v.p[0];
    default:
        return !sim_is_number(v.type) || sim_number(v) != 0;
    }
}

int sim_rank(uint8_t type)
{
    switch (type) {
    case BSON_TYPE_MINKEY:
        return -1;
    case 0:
    case BSON_TYPE_UNDEFINED:
        return 0;
    case BSON_TYPE_NULL:
        return 5;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DECIMAL128:
        return 10;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
        return 15;
    case BSON_TYPE_DOCUMENT:
        return 20;
    case BSON_TYPE_ARRAY:
        return 25;
    case BSON_TYPE_BINARY:
        return 30;
    case BSON_TYPE_OID:
        return 35;
    case BSON_TYPE_BOOL:
        return 40;
    case BSON_TYPE_DATE_TIME:
        return 45;
    case BSON_TYPE_TIMESTAMP:
        return 47;
    case BSON_TYPE_REGEX:
        return 50;
    case BSON_TYPE_DBPOINTER:
        return 55;
    case BSON_TYPE_CODE:
        return 60;
    case BSON_TYPE_CODEWSCOPE:
        return 65;
    default:
        return 127;
    }
}

static int compare_bytes(const void *a, size_t an, const void *b, size_t bn)
{
    int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : (an > bn) - (an < bn);
}

static int compare_numbers(struct sim_val a, struct sim_val b)
{
    if (a.type == BSON_TYPE_INT32 && b.type == BSON_TYPE_INT32) {
        int32_t x = sim_i32(a.p), y = sim_i32(b.p);
        return (x > y) - (x < y);
    }
    long double x = sim_number(a), y = sim_number(b);
    if (isnan(x) || isnan(y))
        return isnan(x) ? (isnan(y) ? 0 : -1) : 1;
    return (x > y) - (x < y);
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_same_rank(struct sim_val a, struct sim_val b)
{
    switch (a.type) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DECIMAL128:
        return compare_numbers(a, b);
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_CODE:
        return compare_bytes(sim_text(a), sim_text_n(a), sim_text(b), sim_text_n(b));
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        return sim_compare_docs(a.p, b.p);
    case BSON_TYPE_BINARY: /* length, then subtype, then bytes */
        if (sim_u32(a.p) != sim_u32(b.p))
            return sim_u32(a.p) < sim_u32(b.p) ? -1 : 1;
        return memcmp(a.p + 4, b.p + 4, a.n - 4);
    case BSON_TYPE_DATE_TIME: {
        int64_t x = sim_i64(a.p), y = sim_i64(b.p);
        return (x > y) - (x < y);
    }
    case BSON_TYPE_TIMESTAMP:
        return compare_u64((uint64_t)sim_i64(a.p), (uint64_t)sim_i64(b.p));
    default: /* bool, object id, regex, the rest: their bytes */
        return compare_bytes(a.p, a.n, b.p, b.n);
    }
}

int sim_compare(struct sim_val a, struct sim_val b)
{
    int x = sim_rank(a.type), y = sim_rank(b.type);
    return x == y ? compare_same_rank(a, b) : (x > y) - (x < y);
}

int sim_compare_docs(const uint8_t *a, const uint8_t *b)
{
    struct sim_iter x = sim_iter_of(a), y = sim_iter_of(b);
    struct sim_elem e, f;
    for (;;) {
        bool more_a = sim_next(&x, &e), more_b = sim_next(&y, &f);
        if (!more_a || !more_b)
            return more_a - more_b;
        int c = sim_rank(e.v.type) - sim_rank(f.v.type);
        if (!c)
            c = compare_bytes(e.key, e.key_n, f.key, f.key_n);
        if (!c)
            c = compare_same_rank(e.v, f.v);
        if (c)
            return c;
    }
}

bool sim_identical(struct sim_val a, struct sim_val b)
{
    return a.type == b.type && a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

struct sim_val sim_val_i32(uint8_t buf[4], int32_t v)
{
    uint32_t le = BSON_UINT32_TO_LE((uint32_t)v);
    memcpy(buf, &le, 4);
    return (struct sim_val){BSON_TYPE_INT32, 4, buf};
}

struct sim_val sim_val_i64(uint8_t buf[8], int64_t v)
{
    uint64_t le = BSON_UINT64_TO_LE((uint64_t)v);
    memcpy(buf, &le, 8);
    return (struct sim_val){BSON_TYPE_INT64, 8, buf};
}

struct sim_val sim_val_f64(uint8_t buf[8], double v)
{
    int64_t bits;
    memcpy(&bits, &v, 8);
    sim_val_i64(buf, bits);
    return (struct sim_val){BSON_TYPE_DOUBLE, 8, buf};
}

struct sim_val sim_val_doc(const uint8_t *doc)
{
    return (struct sim_val){BSON_TYPE_DOCUMENT, sim_doc_len(doc), doc};
}

static const struct {
    uint8_t type;
    const char *name;
} type_names[] = {
    {BSON_TYPE_DOUBLE, "double"},      {BSON_TYPE_UTF8, "string"},        {BSON_TYPE_DOCUMENT, "object"},
    {BSON_TYPE_ARRAY, "array"},        {BSON_TYPE_BINARY, "binData"},     {BSON_TYPE_UNDEFINED, "undefined"},
    {BSON_TYPE_OID, "objectId"},       {BSON_TYPE_BOOL, "bool"},          {BSON_TYPE_DATE_TIME, "date"},
    {BSON_TYPE_NULL, "null"},          {BSON_TYPE_REGEX, "regex"},        {BSON_TYPE_DBPOINTER, "dbPointer"},
    {BSON_TYPE_CODE, "javascript"},    {BSON_TYPE_SYMBOL, "symbol"},      {BSON_TYPE_CODEWSCOPE, "javascriptWithScope"},
    {BSON_TYPE_INT32, "int"},          {BSON_TYPE_TIMESTAMP, "timestamp"}, {BSON_TYPE_INT64, "long"},
    {BSON_TYPE_DECIMAL128, "decimal"}, {BSON_TYPE_MINKEY, "minKey"},      {BSON_TYPE_MAXKEY, "maxKey"},
};

const char *sim_type_name(uint8_t type)
{
    for (size_t i = 0; i < SB_COUNT(type_names); i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return "missing";
}

int sim_type_of_name(const char *name, size_t n)
{
    for (size_t i = 0; i < SB_COUNT(type_names); i++)
        if (strlen(type_names[i].name) == n && memcmp(type_names[i].name, name, n) == 0)
            return type_names[i].type;
    return -1;
}
