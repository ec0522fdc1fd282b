/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/bsonscan.h>

const char *sb_bson_type_name(uint8_t type)
{
    static const char *const names[] = {
        [SB_BSON_DOUBLE] = "double", [SB_BSON_STRING] = "string", [SB_BSON_OBJECT] = "object", [SB_BSON_ARRAY] = "array",
        [SB_BSON_BINARY] = "binData", [SB_BSON_UNDEFINED] = "undefined", [SB_BSON_OBJECT_ID] = "objectId", [SB_BSON_BOOL] = "bool",
        [SB_BSON_DATE] = "date", [SB_BSON_NULL] = "null", [SB_BSON_REGEX] = "regex", [SB_BSON_DB_POINTER] = "dbPointer",
        [SB_BSON_CODE] = "javascript", [SB_BSON_SYMBOL] = "symbol", [SB_BSON_CODE_SCOPE] = "javascriptWithScope", [SB_BSON_INT] = "int",
        [SB_BSON_TIMESTAMP] = "timestamp", [SB_BSON_LONG] = "long", [SB_BSON_DECIMAL] = "decimal",
    };
    if (type == SB_BSON_MAX_KEY)
        return "maxKey";
    if (type == SB_BSON_MIN_KEY)
        return "minKey";
    return type < SB_COUNT(names) ? names[type] : NULL;
}

/* Length of a string with its prefix, or -1. */
static int64_t string_size(const uint8_t *p, size_t room)
{
    if (room < 5)
        return -1;
    uint64_t n = sb_le32(p);
    return n >= 1 && n <= room - 4 && p[4 + n - 1] == 0 ? (int64_t)(n + 4) : -1;
}

static int64_t document_size(const uint8_t *p, size_t room)
{
    if (room < 5)
        return -1;
    uint64_t n = sb_le32(p);
    return n >= 5 && n <= room && p[n - 1] == 0 ? (int64_t)n : -1;
}

static int64_t regex_size(const uint8_t *p, size_t room)
{
    const uint8_t *pattern = memchr(p, 0, room);
    const uint8_t *options = pattern ? memchr(pattern + 1, 0, room - (size_t)(pattern + 1 - p)) : NULL;
    return options ? options + 1 - p : -1;
}

static int64_t code_scope_size(const uint8_t *p, size_t room)
{
    if (room < 14)
        return -1;
    uint64_t n = sb_le32(p);
    if (n < 14 || n > room)
        return -1;
    int64_t code = string_size(p + 4, n - 4);
    return code > 0 && document_size(p + 4 + code, n - 4 - (size_t)code) == (int64_t)n - 4 - code ? (int64_t)n : -1;
}

/* How many bytes a value of this type takes, of the `room` that are there; -1 when it cannot be one. */
static int64_t value_size(uint8_t type, const uint8_t *p, size_t room)
{
    int64_t n;
    switch (type) {
    case SB_BSON_DOUBLE: case SB_BSON_DATE: case SB_BSON_TIMESTAMP: case SB_BSON_LONG: return 8;
    case SB_BSON_STRING: case SB_BSON_CODE: case SB_BSON_SYMBOL: return string_size(p, room);
    case SB_BSON_OBJECT: case SB_BSON_ARRAY: return document_size(p, room);
    case SB_BSON_BINARY: return room >= 5 && sb_le32(p) <= room - 5 ? (int64_t)sb_le32(p) + 5 : -1;
    case SB_BSON_UNDEFINED: case SB_BSON_NULL: case SB_BSON_MIN_KEY: case SB_BSON_MAX_KEY: return 0;
    case SB_BSON_OBJECT_ID: return 12;
    case SB_BSON_BOOL: return room >= 1 && p[0] <= 1 ? 1 : -1;
    case SB_BSON_REGEX: return regex_size(p, room);
    case SB_BSON_DB_POINTER: return (n = string_size(p, room)) < 0 ? -1 : n + 12;
    case SB_BSON_CODE_SCOPE: return code_scope_size(p, room);
    case SB_BSON_INT: return 4;
    case SB_BSON_DECIMAL: return 16;
    default: return -1;
    }
}

bool sb_bson_open(struct sb_bson *b, const uint8_t *data, size_t len)
{
    if (len < 5 || sb_le32(data) != len || data[len - 1] != 0)
        return false;
    *b = (struct sb_bson){data + 4, data + len - 1};
    return true;
}

int sb_bson_next(struct sb_bson *b, struct sb_bson_item *item)
{
    const uint8_t *p = b->p;
    if (p == b->end)
        return 0;
    const uint8_t *name = p + 1, *nul = memchr(name, 0, (size_t)(b->end - name));
    if (!nul)
        return -1;
    int64_t n = value_size(*p, nul + 1, (size_t)(b->end - (nul + 1)));
    if (n < 0 || n > b->end - (nul + 1))
        return -1;
    *item = (struct sb_bson_item){*p, (uint32_t)n, {(const char *)name, (size_t)(nul - name)}, nul + 1};
    b->p = nul + 1 + n;
    return 1;
}

static bool check(const uint8_t *data, size_t len, int depth, const uint8_t **wrong)
{
    struct sb_bson b;
    struct sb_bson_item item;
    int rc;
    *wrong = data;
    if (!sb_bson_open(&b, data, len))
        return false;
    while ((rc = sb_bson_next(&b, &item)) == 1)
        if ((item.type == SB_BSON_OBJECT || item.type == SB_BSON_ARRAY) && depth < SB_BSON_MAX_DEPTH && !check(item.value, item.len, depth + 1, wrong))
            return false;
    *wrong = b.p;
    return rc == 0;
}

bool sb_bson_check(const uint8_t *data, size_t len, size_t *at)
{
    const uint8_t *wrong;
    bool ok = check(data, len, 1, &wrong);
    if (at)
        *at = ok ? 0 : (size_t)(wrong - data);
    return ok;
}
